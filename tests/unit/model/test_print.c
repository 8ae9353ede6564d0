/* Printed documents: their form, and that they read back to the same. */
#include "model/print.h"

#include "model/diff.h"
#include "model/read.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

static struct model_domains read_good(struct str text)
{
	struct model_problems problems = {0};
	struct model_domains domains;
	if (!model_read_domains(text, "f", MODEL_CLASSIC, &problems, &domains))
		fail_msg("%s in %.*s", problems.list[0].message, STR_ARG(text));
	return domains;
}

static const char *const CANONICAL =
        "domains:\n"
        "  - name: edge.test\n"
        "    status: offline\n"
        "    request_body_max: 0\n"
        "    origin:\n"
        "      addresses: [\"127.0.0.1:9001\", \"[::1]:9002:3\", \"origin.test::0\"]\n"
        "      host: \"origin.test:8080\"\n"
        "      tls:\n"
        "        server_name: \"::1\"\n"
        "        verify: off\n"
        "        ca: \"/a \\\"b\\\\c: #d\"\n"
        "      connect_timeout: 1500ms\n"
        "      queue_s: 0.5\n"
        "      probe:\n"
        "        path: \"/null\"\n"
        "        expect: 204\n"
        "        body_contains: \"null\"\n"
        "    backup:\n"
        "      addresses: [\"127.0.0.1:9003\"]\n"
        "      probe:\n"
        "        path: \"/\"\n"
        "      latch: manual\n"
        "    failover:\n"
        "      statuses: 500-599\n"
        "      attempts: 2\n"
        "    detect:\n"
        "      statuses: 502,504\n"
        "    all_blocked: fail\n"
        "    forwarding:\n"
        "      forwarded: on\n"
        "    headers:\n"
        "      to_origin: [\"delete Cookie\"]\n"
        "      to_client: [\"set A: b, \\\"c\\\"\", \"add D: \\\\\"]\n"
        "    cache:\n"
        "      mode: off\n"
        "      ttl_statuses: [\"404:10s\", \"301:1500ms\"]\n"
        "      query: chosen\n"
        "      query_parameters: [\"id\", \"a%20b\"]\n"
        "    stale:\n"
        "      if_error: 3600s\n"
        "      wait_ms: 0\n"
        "    fill:\n"
        "      ahead: 1m\n"
        "  - name: \"*.test\"\n"
        "    origin:\n"
        "      addresses: [\"a\"]\n";

static void canonical_documents_are_printed_as_they_were(void **state)
{
	(void)state;
	struct model_domains domains = read_good(str_of(CANONICAL));
	struct text printed = {0};
	model_print_domains(domains.list, domains.count, MODEL_PRINT_SECRETS, &printed);
	assert_string_equal(text_c(&printed), CANONICAL);
	text_done(&printed);
	model_domains_done(&domains);
}

static void no_domains_are_an_empty_list(void **state)
{
	(void)state;
	struct text printed = {0};
	model_print_domains(NULL, 0, MODEL_PRINT_MASKED, &printed);
	struct model_domains domains = read_good(text_str(&printed));
	assert_int_equal(domains.count, 0);
	model_domains_done(&domains);
	text_done(&printed);
}

static void secrets_are_masked_unless_asked_for(void **state)
{
	(void)state;
	struct model_domain *domain = model_domain_new();
	struct text printed = {0};
	domain->name = "edge.test";
	domain->origin.bucket.secret = "s3cr3t";
	model_print_domain(domain, MODEL_PRINT_MASKED, &printed);
	assert_null(strstr(text_c(&printed), "s3cr3t"));
	assert_non_null(strstr(text_c(&printed), "        secret: \"********\"\n"));
	text_clear(&printed);
	model_print_domain(domain, MODEL_PRINT_SECRETS, &printed);
	assert_non_null(strstr(text_c(&printed), "        secret: s3cr3t\n"));
	text_done(&printed);
	model_domain_unref(domain);
}

static void odd_texts_read_back(void **state)
{
	(void)state;
	static const char *const TEXTS[] = {"a", "0", "~", "null", "#", "a: b", "- a", "'a'",
	        "\"a\"", "a\\", "{a}", "[a", "&a", "*a", "!a", "%a", "@a", "`a", "|", ">", "a #b",
	        " a ", "on", "1e3", "2001:db8::1", "é", "状态", "---", "..."};
	for (size_t i = 0; i < ARRAY_LENGTH(TEXTS); i++) {
		struct model_domain *domain = model_domain_new();
		struct model_address address = {.host = "a", .weight = 1};
		struct text printed = {0};
		domain->name = "edge.test";
		domain->origin.addresses = &address;
		domain->origin.address_count = 1;
		domain->origin.probe.path = "/";
		domain->origin.probe.body_contains = TEXTS[i];
		model_print_domains(&domain, 1, MODEL_PRINT_MASKED, &printed);
		struct model_domains domains = read_good(text_str(&printed));
		assert_string_equal(domains.list[0]->origin.probe.body_contains, TEXTS[i]);
		assert_true(model_diff_is_equal(domains.list[0], domain));
		model_domains_done(&domains);
		text_done(&printed);
		model_domain_unref(domain);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(canonical_documents_are_printed_as_they_were),
	        cmocka_unit_test(no_domains_are_an_empty_list),
	        cmocka_unit_test(secrets_are_masked_unless_asked_for),
	        cmocka_unit_test(odd_texts_read_back),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
