/* Values: each type read, printed, compared, and held to its range. */
#include "model/value.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

static struct model_domain *with_backup(void)
{
	struct model_domain *domain = model_domain_new();
	domain->backup = model_domain_alloc(domain, sizeof(*domain->backup));
	model_domain_init_origin(domain->backup);
	return domain;
}

static void values_are_printed_in_their_normal_form(void **state)
{
	(void)state;
	static const struct {
		const char *path, *text, *printed;
	} ROWS[] = {
	        {"name", "*.Example.COM", "*.example.com"},
	        {"status", "offline", "offline"},
	        {"debug", "YES", "on"},
	        {"debug", "false", "off"},
	        {"revision", "9007199254740991", "9007199254740991"},
	        {"request_body_max", "1048576", "1m"},
	        {"request_body_max", "1500", "1500"},
	        {"request_body_max", "64G", "64g"},
	        {"request_body_max", "0", "0"},
	        {"origin.type", "s3", "s3"},
	        {"origin.policy", "least_load", "least_load"},
	        {"origin.addresses", "a:1, [::1]:2:3 ,c", "a:1, [::1]:2:3, c"},
	        {"origin.addresses", "", ""},
	        {"origin.host", "Origin.Example:8080", "origin.example:8080"},
	        {"origin.host", "[::1]:80", "[::1]:80"},
	        {"origin.host", "", ""},
	        {"origin.tls.server_name", "A.b", "a.b"},
	        {"origin.tls.ca", "/etc/ca bundle.pem", "/etc/ca bundle.pem"},
	        {"origin.bucket.access", "private", "private"},
	        {"origin.bucket.secret", "s3cr3t!", "s3cr3t!"},
	        {"origin.connect_timeout", "2s", "2s"},
	        {"origin.connect_timeout", "1500ms", "1500ms"},
	        {"origin.connect_timeout", "1m", "60s"},
	        {"origin.connect_timeout", "2.5", "2500ms"},
	        {"origin.queue_s", "5s", "5"},
	        {"origin.queue_s", "500ms", "0.5"},
	        {"origin.queue_s", "1.25", "1.25"},
	        {"backup.head_timeout", "300", "300s"},
	        {"backup.probe.path", "/health?x=1", "/health?x=1"},
	        {"backup.probe.expect", "204", "204"},
	        {"backup.probe.body_contains", "状态正常", "状态正常"},
	        {"backup.latch", "manual", "manual"},
	        {"backup.hold_down_s", "90", "90"},
	        {"failover.statuses", "400-599,!412,!416", "400-411,413-415,417-599"},
	        {"failover.statuses", "none", "none"},
	        {"failover.statuses", "500, 502-504 ,502", "500,502-504"},
	        {"detect.statuses", "100-599", "100-599"},
	        {"failover.budget_s", "30", "30"},
	        {"hedge.after", "p95", "p95"},
	        {"hedge.budget", "7%", "7%"},
	        {"hedge.budget", "7", "7%"},
	        {"all_blocked", "fail", "fail"},
	        {"backup.cache_max_s", "30d", "2592000"},
	        {"cache.mode", "off", "off"},
	        {"cache.ttl_default", "365d", "31536000s"},
	        {"cache.object_max", "1024g", "1024g"},
	        {"cache.set_cookie", "strip", "strip"},
	        {"stale.wait_ms", "0", "0"},
	        {"stale.statuses", "500,502,503,504", "500,502-504"},
	        {"fill.ahead", "1024k", "1m"},
	};
	for (size_t i = 0; i < ARRAY_LENGTH(ROWS); i++) {
		const struct model_field *field = model_field_find(str_of(ROWS[i].path));
		struct model_domain *domain = with_backup(), *again = with_backup();
		struct model_why why;
		struct text printed = {0};
		assert_non_null(field);
		if (!model_value_read(field, domain, str_of(ROWS[i].text), &why))
			fail_msg("%s: %s %s", ROWS[i].path, ROWS[i].text, why.words);
		assert_true(model_value_is_in_range(field, domain));
		model_value_print(field, domain, &printed);
		assert_string_equal(text_c(&printed), ROWS[i].printed);
		assert_true(model_value_read(field, again, text_str(&printed), &why));
		assert_true(model_value_is_equal(field, domain, again));
		text_done(&printed);
		model_domain_unref(again);
		model_domain_unref(domain);
	}
}

static void wrong_values_are_refused_and_change_nothing(void **state)
{
	(void)state;
	static const struct {
		const char *path, *text, *rule;
	} ROWS[] = {
	        {"name", "edge test", "name"},
	        {"status", "on", "value"},
	        {"status", "", "value"},
	        {"debug", "maybe", "value"},
	        {"debug", "1", "value"},
	        {"revision", "-1", "value"},
	        {"revision", "9007199254740992", "range"},
	        {"revision", "99999999999999999999", "value"},
	        {"request_body_max", "65g", "range"},
	        {"request_body_max", "32 m", "value"},
	        {"origin.addresses", "a:1,,b", "name"},
	        {"origin.addresses", "a:1,b:0", "range"},
	        {"origin.host", "http://a", "name"},
	        {"origin.bucket.endpoint", "https://a.test:9000", "name"},
	        {"origin.bucket.endpoint", "a.test/b", "name"},
	        {"origin.tls.server_name", "a:80", "name"},
	        {"origin.tls.ca", "a\nb", "value"},
	        {"origin.tls.ca", "a\xc2\x85", "value"},
	        {"origin.tls.ca", "a\xe2\x80\xa8", "value"},
	        {"origin.tls.ca", "\xef\xbb\xbf", "value"},
	        {"origin.tls.ca", "\xef\xbf\xbf", "value"},
	        {"origin.tls.ca", "\xed\xa0\x80", "value"},
	        {"origin.tls.ca", "\xc0\xaf", "value"},
	        {"origin.tls.ca", "\xe2\x82", "value"},
	        {"origin.tls.ca", "\xff", "value"},
	        {"origin.connect_timeout", "0.2s", "range"},
	        {"origin.connect_timeout", "61s", "range"},
	        {"origin.connect_timeout", "fast", "value"},
	        {"origin.connect_timeout", "", "value"},
	        {"origin.probe.path", "health", "value"},
	        {"origin.probe.path", "/a b", "value"},
	        {"origin.probe.path", "/a#b", "value"},
	        {"origin.probe.rise", "0", "range"},
	        {"failover.attempts", "11", "range"},
	        {"failover.statuses", "99", "range"},
	        {"failover.statuses", "600", "range"},
	        {"failover.statuses", "500-400", "range"},
	        {"failover.statuses", "4xx", "range"},
	        {"failover.statuses", "500,", "range"},
	        {"failover.statuses", "!!500", "range"},
	        {"failover.statuses", "", "range"},
	        {"hedge.after", "p42", "value"},
	        {"hedge.budget", "%", "value"},
	        {"hedge.budget", "5%%", "value"},
	        {"hedge.budget", "0%", "range"},
	        {"hedge.budget", "101%", "range"},
	        {"backup.cache_max_s", "31d", "range"},
	        {"cache.ttl_default", "366d", "range"},
	        {"cache.object_max", "1023", "range"},
	        {"cache.query", "sorted", "value"},
	        {"stale.wait_ms", "1s", "value"},
	        {"stale.wait_ms", "60001", "range"},
	        {"fill.ahead", "0", "range"},
	};
	for (size_t i = 0; i < ARRAY_LENGTH(ROWS); i++) {
		const struct model_field *field = model_field_find(str_of(ROWS[i].path));
		struct model_domain *domain = with_backup();
		struct model_why why;
		assert_non_null(field);
		if (model_value_read(field, domain, str_of(ROWS[i].text), &why))
			fail_msg("%s: %s was read", ROWS[i].path, ROWS[i].text);
		if (strcmp(why.rule, ROWS[i].rule) != 0)
			fail_msg("%s: %s: [%s]", ROWS[i].path, ROWS[i].text, why.rule);
		assert_true(model_value_is_default(field, domain));
		model_domain_unref(domain);
	}
}

static void thirty_three_addresses_are_too_many(void **state)
{
	(void)state;
	struct text list = {0};
	struct model_domain *domain = model_domain_new();
	const struct model_field *field = model_field_find(STR("origin.addresses"));
	struct model_why why;
	for (unsigned i = 0; i < 32; i++)
		text_addf(&list, i == 0 ? "a%u" : ",a%u", i);
	assert_true(model_value_read(field, domain, text_str(&list), &why));
	assert_int_equal(domain->origin.address_count, 32);
	text_add(&list, STR(",a32"));
	assert_false(model_value_read(field, domain, text_str(&list), &why));
	assert_string_equal(why.rule, "range");
	assert_int_equal(domain->origin.address_count, 32);
	text_done(&list);
	model_domain_unref(domain);
}

static void a_member_out_of_its_range_is_seen(void **state)
{
	(void)state;
	struct model_domain *domain = model_domain_new();
	const struct model_field *field = model_field_find(STR("origin.connect_timeout"));
	domain->origin.connect_timeout_ms = 999;
	assert_false(model_value_is_in_range(field, domain));
	domain->origin.connect_timeout_ms = 60001;
	assert_false(model_value_is_in_range(field, domain));
	domain->origin.connect_timeout_ms = 60000;
	assert_true(model_value_is_in_range(field, domain));
	model_domain_unref(domain);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(values_are_printed_in_their_normal_form),
	        cmocka_unit_test(wrong_values_are_refused_and_change_nothing),
	        cmocka_unit_test(thirty_three_addresses_are_too_many),
	        cmocka_unit_test(a_member_out_of_its_range_is_seen),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
