/* Fields as they are typed, as merge patches. */
#include "cli/patch.h"

#include "cli/file.h"
#include "model/field.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

enum { WORDS = 6 };

/* What becomes of words, or the first problem as "FIELD [RULE] WORDS". */
static void make(const char *group, const char *const *words, struct text *to)
{
	struct model_problems problems = {0};
	struct arena arena;
	struct cli_patch patch;
	bool is_good = true;
	arena_init(&arena, NULL, 0);
	cli_patch_init(&patch, &arena);
	for (; *words != NULL; words++)
		is_good =
		        cli_patch_set(&patch, str_of(group), str_of(*words), &problems) && is_good;
	assert_int_equal(is_good, problems.total == 0);
	if (is_good)
		cli_patch_print(&patch, str_of(group), to);
	else
		text_addf(to, "%s [%s] %s", problems.list[0].field, problems.list[0].rule,
		        problems.list[0].message);
	cli_patch_done(&patch);
	model_problems_done(&problems);
	arena_reset(&arena);
}

static void values_have_the_types_of_their_fields(void **state)
{
	(void)state;
	static const struct {
		const char *group, *words[WORDS], *json;
	} ROWS[] = {
	        {"", {"debug=on"}, "{\"debug\":true}"},
	        {"", {"debug=no"}, "{\"debug\":false}"},
	        {"", {"status=offline"}, "{\"status\":\"offline\"}"},
	        {"", {"cache.mode=off"}, "{\"cache\":{\"mode\":\"off\"}}"},
	        {"", {"request_body_max=64m"}, "{\"request_body_max\":\"64m\"}"},
	        {"", {"stale.wait_ms=0100"}, "{\"stale\":{\"wait_ms\":100}}"},
	        {"", {"failover.budget_s=20"}, "{\"failover\":{\"budget_s\":20}}"},
	        {"", {"failover.statuses=500-599,!501"},
	                "{\"failover\":{\"statuses\":\"500-599,!501\"}}"},
	        {"", {"headers.to_client=\"set A:b, c\", delete B"},
	                "{\"headers\":{\"to_client\":[\"set A: b, c\", \"delete B\"]}}"},
	        {"", {"headers.to_client="}, "{\"headers\":{\"to_client\":null}}"},
	        {"", {"cache.ttl_statuses=404:10s, 403:1s"},
	                "{\"cache\":{\"ttl_statuses\":[\"404:10s\",\"403:1s\"]}}"},
	        {"", {"origin.addresses=192.0.2.1,b.example:8080:2"},
	                "{\"origin\":{\"addresses\":[\"192.0.2.1\",\"b.example:8080:2\"]}}"},
	        {"",
	                {"origin.host=a.example", "debug=on", "origin.tls.verify=off",
	                        "origin.connect_timeout=3s"},
	                "{\"origin\":{\"host\":\"a.example\",\"tls\":{\"verify\":false},"
	                "\"connect_timeout\":\"3s\"},\"debug\":true}"},
	        {"", {"origin.host=", "backup="}, "{\"origin\":{\"host\":null},\"backup\":null}"},
	        {"", {"origin.probe.body_contains=a=\"b\""},
	                "{\"origin\":{\"probe\":{\"body_contains\":\"a=\\\"b\\\"\"}}}"},
	        {"origin", {"host=a.example", "origin.policy=hash"},
	                "{\"host\":\"a.example\",\"policy\":\"hash\"}"},
	        {"backup", {"latch=manual"}, "{\"latch\":\"manual\"}"},
	        {"origin", {NULL}, "{}"},
	};
	for (size_t i = 0; i < ARRAY_LENGTH(ROWS); i++) {
		struct text made = {0};
		make(ROWS[i].group, ROWS[i].words, &made);
		assert_string_equal(text_c(&made), ROWS[i].json);
		text_done(&made);
	}
}

static void what_is_wrong_is_told(void **state)
{
	(void)state;
	static const struct {
		const char *group, *words[WORDS], *problem;
	} ROWS[] = {
	        {"", {"origin.hots=a"},
	                "origin.hots [unknown-field] is no field; did you mean \"origin.host\"?"},
	        {"origin", {"hots=a"},
	                "hots [unknown-field] is no field; did you mean \"origin.host\"?"},
	        {"", {"orign.host=a"},
	                "orign.host [unknown-field] is no field; did you mean \"origin\"?"},
	        {"", {"attempts=2"},
	                "attempts [unknown-field] is no field; did you mean "
	                "\"failover.attempts\"?"},
	        {"", {"elephant=2"}, "elephant [unknown-field] is no field"},
	        {"origin", {"latch=manual"},
	                "latch [unknown-field] is no field; did you mean \"backup.latch\"?"},
	        {"", {"debug"}, "debug [syntax] write FIELD=VALUE, or FIELD= to take it away"},
	        {"", {"=on"}, "=on [syntax] write FIELD=VALUE, or FIELD= to take it away"},
	        {"", {"origin=x"}, "origin [syntax] has fields below it, and no value of its own"},
	        {"", {"debug=on", "debug=off"}, "debug [doubled] is said twice"},
	        {"", {"origin.probe=", "origin.probe.path=/x"},
	                "origin.probe.path [doubled] is said twice"},
	        {"", {"origin.probe.path=/x", "origin.probe="},
	                "origin.probe [doubled] is said twice"},
	        {"", {"name=b.test"}, "name [fixed] a domain keeps its name"},
	        {"", {"revision=1"}, "revision [fixed] the revision to change is --revision N"},
	        {"", {"debug=maybe"}, "debug [value] \"maybe\" is neither on nor off"},
	};
	for (size_t i = 0; i < ARRAY_LENGTH(ROWS); i++) {
		struct text made = {0};
		make(ROWS[i].group, ROWS[i].words, &made);
		assert_string_equal(text_c(&made), ROWS[i].problem);
		text_done(&made);
	}
}

static void every_field_can_be_typed_with_its_default(void **state)
{
	(void)state;
	const struct model_field *field;
	for (size_t i = 0; (field = model_field_at(i)) != NULL; i++) {
		struct text word = {0}, made = {0};
		bool is_fixed = str_is_equal(field->path, STR("name")) ||
		                str_is_equal(field->path, STR("revision"));
		if (is_fixed || field->standard[0] == '\0')
			continue;
		text_addf(&word, "%s=%s", field->path.at, field->standard);
		make("", (const char *const[]){text_c(&word), NULL}, &made);
		assert_int_equal(text_c(&made)[0], '{');
		text_done(&word);
		text_done(&made);
	}
}

static void secrets_come_from_files(void **state)
{
	(void)state;
	char folder[] = "/tmp/test_patch.XXXXXX", path[64], word[128];
	struct text made = {0};
	make("", (const char *const[]){"origin.bucket.secret=hush", NULL}, &made);
	assert_non_null(strstr(text_c(&made), "origin.bucket.secret [secret]"));
	assert_null(strstr(text_c(&made), "hush"));
	text_clear(&made);

	assert_non_null(mkdtemp(folder));
	snprintf(path, sizeof(path), "%s/secret", folder);
	assert_true(cli_file_write_private(path, STR("hush\n")));
	snprintf(word, sizeof(word), "origin.bucket.secret=@%s", path);
	make("", (const char *const[]){word, NULL}, &made);
	assert_string_equal(text_c(&made), "{\"origin\":{\"bucket\":{\"secret\":\"hush\"}}}");
	text_clear(&made);

	unlink(path);
	make("", (const char *const[]){word, NULL}, &made);
	assert_non_null(strstr(text_c(&made), "[file] cannot be read"));
	text_done(&made);
	assert_int_equal(rmdir(folder), 0);
}

static void addresses_are_a_list(void **state)
{
	(void)state;
	static const char *const GOOD[] = {"192.0.2.1", "[2001:db8::1]:80:2", NULL};
	static const char *const BAD[] = {"192.0.2.1:0", "b.example:80:101", NULL};
	static const char *const NONE[] = {NULL};
	struct model_problems problems = {0};
	struct text made = {0};
	struct arena arena;
	struct cli_patch patch;
	arena_init(&arena, NULL, 0);
	cli_patch_init(&patch, &arena);
	assert_true(cli_patch_set_addresses(&patch, "origin.addresses", NONE, &problems));
	assert_true(cli_patch_is_empty(&patch));
	assert_true(cli_patch_set_addresses(&patch, "origin.addresses", GOOD, &problems));
	assert_false(cli_patch_is_empty(&patch));
	cli_patch_print(&patch, STR("origin"), &made);
	assert_string_equal(
	        text_c(&made), "{\"addresses\":[\"192.0.2.1\",\"[2001:db8::1]:80:2\"]}");
	assert_false(cli_patch_set_addresses(&patch, "backup.addresses", BAD, &problems));
	assert_int_equal(problems.total, 2);
	assert_false(cli_patch_set_addresses(&patch, "origin.addresses", GOOD, &problems));
	assert_string_equal(problems.list[2].rule, "doubled");
	model_problems_done(&problems);
	cli_patch_done(&patch);
	text_done(&made);
	arena_reset(&arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(values_have_the_types_of_their_fields),
	        cmocka_unit_test(what_is_wrong_is_told),
	        cmocka_unit_test(every_field_can_be_typed_with_its_default),
	        cmocka_unit_test(secrets_come_from_files),
	        cmocka_unit_test(addresses_are_a_list),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
