/* Answers for people. */
#include "cli/show.h"

#include "answer.h"
#include "model/value.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void shown(cli_show_function *show, const struct cli_show *manner, const char *json,
        const char *expected)
{
	struct arena arena;
	struct text text = {0};
	arena_init(&arena, NULL, 0);
	show(manner, answer_of(&arena, json), &text);
	assert_string_equal(text_c(&text), expected);
	text_done(&text);
	arena_reset(&arena);
}

static void a_domain_is_shown_by_what_is_not_at_its_default(void **state)
{
	(void)state;
	static const char *const SETS[] = {"name=a.test", "origin.addresses=b,c:80",
	        "origin.tls.verify=off", "cache.mode=off"};
	struct model_domain *domain = model_domain_new();
	struct model_why why;
	struct text json = {0};
	for (size_t i = 0; i < ARRAY_LENGTH(SETS); i++) {
		struct str value = str_of(SETS[i]);
		struct str path = str_cut(&value, '=');
		assert_true(model_value_read(model_field_find(path), domain, value, &why));
	}
	domain->backup = model_domain_alloc(domain, sizeof(*domain->backup));
	model_domain_init_origin(domain->backup);
	domain->revision = 7;
	model_json_print_domain(domain, MODEL_JSON_ALL, MODEL_PRINT_MASKED, &json);
	shown(cli_show_domain, &(struct cli_show){0}, text_c(&json),
	        "name: a.test\nstatus: online\nrevision: 7\norigin.type: self\n"
	        "origin.addresses: b, c:80\norigin.tls.verify: off\ncache.mode: off\n");
	struct arena arena;
	struct text all = {0};
	arena_init(&arena, NULL, 0);
	cli_show_domain(
	        &(struct cli_show){.has_all = true}, answer_of(&arena, text_c(&json)), &all);
	assert_non_null(strstr(text_c(&all), "\nbackup.connect_timeout: 5s\n"));
	assert_non_null(strstr(text_c(&all), "\norigin.host: \n"));
	arena_reset(&arena);
	text_done(&all);
	text_done(&json);
	model_domain_unref(domain);
}

static void domains_are_a_table(void **state)
{
	(void)state;
	struct arena arena;
	struct text text = {0};
	arena_init(&arena, NULL, 0);
	const struct model_node *pages[] = {
	        answer_of(&arena,
	                "{\"items\":[{\"name\":\"a.test\",\"status\":\"online\",\"revision\":1,"
	                "\"origin\":{\"type\":\"self\",\"addresses\":[\"b\",\"c:80\"]},"
	                "\"backup\":null}]}"),
	        answer_of(&arena, "{\"items\":[{\"name\":\"*.b.test\",\"status\":\"offline\","
	                          "\"revision\":12,\"origin\":{\"type\":\"cos\",\"addresses\":[],"
	                          "\"bucket\":{\"bucket\":\"b-1\"}},\"backup\":{\"addresses\":"
	                          "[\"\\u001b\"]}}]}"),
	};
	cli_show_domains(pages, 2, &text);
	assert_string_equal(text_c(&text), "NAME      STATUS   REVISION  ORIGIN   BACKUP\n"
	                                   "a.test    online   1         b, c:80  -\n"
	                                   "*.b.test  offline  12        cos b-1  \\x1b\n");
	text_done(&text);
	arena_reset(&arena);
}

static void changes_are_a_diff(void **state)
{
	(void)state;
	static const char JSON[] =
	        "{\"dry_run\":true,\"changes\":[{\"name\":\"a\",\"what\":\"changed\",\"diff\":"
	        "[\"origin.host: x: -> "
	        "y\",\"odd\"]},{\"name\":\"b\",\"what\":\"created\",\"diff\":[]},"
	        "{\"name\":\"c\",\"what\":\"removed\"},{\"name\":\"\\u001b[0m\"}]}";
	shown(cli_show_change, &(struct cli_show){.name = "a"}, JSON,
	        "~ a changed\n    origin.host: x: -> y\n    odd\n+ b created\n- c removed\n"
	        "~ \\x1b[0m\n");
	shown(cli_show_change, &(struct cli_show){.name = "a", .is_coloured = true}, JSON,
	        "\x1b[33m~ a changed\x1b[0m\n    origin.host: \x1b[31mx:\x1b[0m -> "
	        "\x1b[32my\x1b[0m\n    odd\n\x1b[32m+ b created\x1b[0m\n"
	        "\x1b[31m- c removed\x1b[0m\n\x1b[33m~ \\x1b[0m\x1b[0m\n");
	shown(cli_show_change, &(struct cli_show){.name = "a"}, "{\"changes\":[]}",
	        "nothing would change\n");
	shown(cli_show_change, &(struct cli_show){.name = "a"}, "{\"revision\":7}",
	        "a is at revision 7\n");
	shown(cli_show_change, &(struct cli_show){.name = "a", .revision = 8}, "{}",
	        "a is at revision 8\n");
	shown(cli_show_change, &(struct cli_show){.name = "a"}, "{}", "a: done\n");
}

static void history_says_who_and_when(void **state)
{
	(void)state;
	shown(cli_show_history, &(struct cli_show){0},
	        "{\"items\":[{\"revision\":3,\"at_ms\":1795714155296,\"who\":\"jane\",\"action\":"
	        "\"domain.create\",\"name\":\"a.test\",\"diff\":[\"name: none -> a.test\"],"
	        "\"is_created\":true,\"is_removed\":false}],\"next\":3}",
	        "3  2026-11-26T17:29:15Z  a.test  jane: domain.create, created\n"
	        "    name: none -> a.test\nand more: --before 3\n");
	shown(cli_show_history, &(struct cli_show){0}, "{\"items\":[]}", "");
}

static void the_others_are_tables_and_lines(void **state)
{
	(void)state;
	const struct cli_show plain = {0};
	shown(cli_show_whoami, &plain,
	        "{\"account\":\"jane\",\"role\":\"admin\",\"must_change\":false,\"expires_ms\":0}",
	        "account: jane\nrole: admin\nmust_change: off\nexpires: never\n");
	shown(cli_show_users, &plain,
	        "{\"items\":[{\"name\":\"jane\",\"role\":\"admin\",\"must_change\":true,"
	        "\"created_ms\":1795714155296}]}",
	        "ACCOUNT  ROLE   CREATED               PASSWORD\n"
	        "jane     admin  2026-11-26T17:29:15Z  must be changed\n");
	shown(cli_show_tokens, &plain,
	        "{\"items\":[{\"id\":4,\"account\":\"jane\",\"role\":\"viewer\",\"label\":\"x\","
	        "\"created_ms\":1795714155296,\"expires_ms\":0}]}",
	        "ID  ACCOUNT  ROLE    CREATED               EXPIRES  LABEL\n"
	        "4   jane     viewer  2026-11-26T17:29:15Z  never    x\n");
	shown(cli_show_edges, &plain,
	        "{\"revision\":9,\"items\":[{\"id\":\"e\",\"is_connected\":true,"
	        "\"from\":\"192.0.2.1:5\",\"applied\":8,\"refused\":9,"
	        "\"error\":\"no\",\"since_ms\":1795714155296},"
	        "{\"id\":\"f\",\"is_connected\":false,\"applied\":9,"
	        "\"since_ms\":1795714155296}]}",
	        "EDGE  CONNECTED  FROM         APPLIED  REFUSED  SINCE                 ERROR\n"
	        "e     yes        192.0.2.1:5  8        9        2026-11-26T17:29:15Z  no\n"
	        "f     no         -            9        -        2026-11-26T17:29:15Z  -\n"
	        "revision: 9\n");
	shown(cli_show_status, &plain,
	        "{\"version\":\"1\",\"store\":{\"works\":false,\"error\":\"full\"},\"revision\":"
	        "3}",
	        "version: 1\nrevision: 3\nstore: full\n");
	shown(cli_show_settings, &plain,
	        "{\"revision\":3,\"items\":[{\"name\":\"a_days\",\"value\":60,\"default\":30,"
	        "\"from\":\"store\",\"min\":1},{\"name\":\"b\",\"value\":\"x\\u001b[0m\","
	        "\"default\":\"y\",\"from\":\"process\"}]}",
	        "SETTING  VALUE     DEFAULT  FROM\n"
	        "a_days   60        30       store\n"
	        "b        x\\x1b[0m  y        process\nrevision: 3\n");
	shown(cli_show_certificates, &plain,
	        "{\"items\":[{\"name\":\"shop\",\"kind\":\"RSA\",\"not_after_ms\":1795714155296,"
	        "\"days_left\":-3,\"revision\":7,\"names\":[\"a.test\",\"*.b.test\"]}],"
	        "\"revision\":7}",
	        "NAME  KIND  EXPIRES               DAYS  REVISION  NAMES\n"
	        "shop  RSA   2026-11-26T17:29:15Z  -3    7         a.test, *.b.test\n");
	shown(cli_show_certificate, &plain,
	        "{\"name\":\"shop\",\"names\":[\"a.test\"],\"kind\":\"RSA\",\"issuer\":"
	        "\"CN=\\u001b\",\"not_before_ms\":1795714155296,\"not_after_ms\":1795714155296,"
	        "\"days_left\":5,\"fingerprint\":\"00ff\",\"revision\":7,\"certificate\":"
	        "\"-----BEGIN\\n\\u001b[0m\\n\"}",
	        "name: shop\nnames: a.test\nkind: RSA\nissuer: CN=\\x1b\n"
	        "not_before: 2026-11-26T17:29:15Z\nnot_after: 2026-11-26T17:29:15Z\n"
	        "days_left: 5\nfingerprint: 00ff\nrevision: 7\n-----BEGIN\n\\x1b[0m\n");
	shown(cli_show_status, &plain, "{\"store\":{\"works\":true}}", "store: open\n");
	shown(cli_show_status, &plain, "{\"store\":{\"works\":false}}", "store: not open\n");
}

static void an_explanation_is_its_sentences_and_tables(void **state)
{
	(void)state;
	const struct cli_show plain = {0};
	shown(cli_show_explanation, &plain,
	        "{\"edge\":\"e\",\"revision\":9,\"cache\":{\"key\":\"a.test/x\"},\"origins\":[{"
	        "\"role\":\"origin\",\"policy\":\"polling\",\"protocol\":\"https\",\"drained\":1,"
	        "\"unresolved\":0,"
	        "\"total\":1,\"addresses\":[{\"address\":\"192.0.2.1:80\",\"weight\":1,\"state\":"
	        "\"blocked\",\"reason\":\"reset\",\"left_ms\":7}]}],\"steps\":[\"One.\",\"Two.\"]}",
	        "1. One.\n2. Two.\n\n"
	        "origin, polling, https; addresses: 1, drained: 1, names without an address: 0\n"
	        "ADDRESS       NAME  WEIGHT  STATE    REASON  LEFT_MS\n"
	        "192.0.2.1:80  -     1       blocked  reset   7\n\n"
	        "cache key: a.test/x\nedge: e\nrevision: 9\n");
}

/* Whatever an answer is, showing it is harmless. */
static void nonsense_is_shown_as_nothing(void **state)
{
	(void)state;
	static cli_show_function *const SHOWS[] = {cli_show_whoami, cli_show_domain,
	        cli_show_history, cli_show_settings, cli_show_users, cli_show_tokens,
	        cli_show_status, cli_show_edges, cli_show_change, cli_show_health,
	        cli_show_domain_health, cli_show_explanation, cli_show_certificates,
	        cli_show_certificate};
	static const char *const ANSWERS[] = {"{}", "[]", "7", "null", "{\"items\":7}",
	        "{\"items\":[7,null,[],{\"items\":[]}],\"changes\":[7,{\"diff\":[[]]}],\"origin\":"
	        "1,"
	        "\"created_ms\":9007199254740993}"};
	for (size_t i = 0; i < ARRAY_LENGTH(SHOWS) * ARRAY_LENGTH(ANSWERS); i++) {
		struct arena arena;
		struct text text = {0};
		arena_init(&arena, NULL, 0);
		SHOWS[i % ARRAY_LENGTH(SHOWS)](&(struct cli_show){.name = "n"},
		        answer_of(&arena, ANSWERS[i / ARRAY_LENGTH(SHOWS)]), &text);
		assert_null(strchr(text_c(&text), '\x1b'));
		text_done(&text);
		arena_reset(&arena);
	}
}

static void health_is_a_table_of_what_is_exceptional(void **state)
{
	(void)state;
	const struct cli_show plain = {0};
	shown(cli_show_health, &plain, "{\"edges\":[],\"items\":[],\"left_out\":0}",
	        "no edge is connected\n");
	shown(cli_show_health, &plain,
	        "{\"edges\":[{\"id\":\"e\",\"age_ms\":3}],\"items\":[],\"left_out\":0}",
	        "no address is exceptional\n");
	shown(cli_show_health, &plain,
	        "{\"edges\":[{\"id\":\"e\",\"age_ms\":3,\"dropped\":1},{\"id\":\"f\\u001b\"}],"
	        "\"items\":[{\"edge\":\"e\",\"domain\":\"a.test\",\"roles\":[\"origin\",\"backup\"]"
	        ","
	        "\"address\":\"192.0.2.1:80\",\"state\":\"blocked\",\"of\":\"host\",\"reason\":"
	        "\"refused\",\"left_ms\":59999},{\"edge\":\"e\",\"domain\":\"b.test\",\"state\":"
	        "\"ready\",\"of\":\"server\"}],\"left_out\":7}",
	        "DOMAIN  ORIGIN          ADDRESS       STATE           REASON   LEFT  EDGE\n"
	        "a.test  origin, backup  192.0.2.1:80  blocked (host)  refused  59 s  e\n"
	        "b.test  -               -             ready           -        -     e\n"
	        "and more: 7\nhas told only a part: e\nhas not told yet: f\\x1b\n");
}

static void a_domains_health_is_a_row_for_each_address_and_edge(void **state)
{
	(void)state;
	shown(cli_show_domain_health, &(struct cli_show){0},
	        "{\"edges\":[{\"id\":\"e\",\"age_ms\":3}],\"origin\":[{\"address\":\"192.0.2.1\","
	        "\"edges\":[{\"edge\":\"e\",\"address\":\"192.0.2.1:80\",\"state\":\"usable\","
	        "\"failures\":0,\"latency_us\":1250}]},{\"address\":\"x.test\",\"edges\":[{"
	        "\"edge\":\"e\",\"address\":\"192.0.2.2:80\",\"state\":\"blocked\",\"reason\":"
	        "\"refused\",\"left_ms\":1000,\"failures\":3}]}],\"backup\":[{\"address\":"
	        "\"192.0.2.3\",\"edges\":[{\"edge\":\"e\",\"state\":\"unused\"}]}],\"others\":[{"
	        "\"edge\":\"e\",\"address\":\"192.0.2.4:80\",\"state\":\"usable\"}]}",
	        "ORIGIN  ADDRESS                EDGE  STATE    REASON   LEFT  LATENCY  FAILURES\n"
	        "origin  192.0.2.1              e     usable   -        -     1.2 ms   0\n"
	        "origin  x.test (192.0.2.2:80)  e     blocked  refused  1 s   -        3\n"
	        "backup  192.0.2.3              e     unused   -        -     -        -\n"
	        "-       192.0.2.4:80           e     usable   -        -     -        -\n");
	shown(cli_show_domain_health, &(struct cli_show){0}, "{\"origin\":5,\"backup\":null}",
	        "ORIGIN  ADDRESS  EDGE  STATE  REASON  LEFT  LATENCY  FAILURES\n"
	        "no edge is connected\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(a_domain_is_shown_by_what_is_not_at_its_default),
	        cmocka_unit_test(domains_are_a_table),
	        cmocka_unit_test(changes_are_a_diff),
	        cmocka_unit_test(history_says_who_and_when),
	        cmocka_unit_test(the_others_are_tables_and_lines),
	        cmocka_unit_test(nonsense_is_shown_as_nothing),
	        cmocka_unit_test(health_is_a_table_of_what_is_exceptional),
	        cmocka_unit_test(a_domains_health_is_a_row_for_each_address_and_edge),
	        cmocka_unit_test(an_explanation_is_its_sentences_and_tables),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
