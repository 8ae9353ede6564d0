/* Settings from YAML, with the places of what is wrong. */
#include "base/hash.h"
#include "main/settings.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

static char path[] = "/tmp/test_settings_file.XXXXXX";

static int make_file(void **state)
{
	(void)state;
	hash_init();
	int fd = mkstemp(path);
	return fd < 0 ? -1 : close(fd);
}

static int remove_file(void **state)
{
	(void)state;
	return unlink(path);
}

static bool read_text(const char *text, struct settings *settings, struct model_problems *problems)
{
	FILE *file = fopen(path, "we");
	assert_non_null(file);
	assert_true(fputs(text, file) >= 0);
	assert_int_equal(fclose(file), 0);
	settings_init(settings);
	return settings_read_file(settings, path, problems);
}

static void a_file_is_read_over_the_defaults(void **state)
{
	(void)state;
	struct settings settings;
	struct model_problems problems = {0};
	assert_true(read_text("listen: [\"0.0.0.0:80\", \"[::]:80\"]\n"
	                      "trusted_proxies: 10.0.0.0/8\n"
	                      "workers: 2\n"
	                      "head_timeout: 5s\n"
	                      "memory_budget: 64m\n"
	                      "proxy_protocol: on\n"
	                      "access_log: \"\\u00e9\"\n",
	        &settings, &problems));
	assert_int_equal(settings.listen.count, 2);
	assert_string_equal(settings.listen.list[1], "[::]:80");
	assert_int_equal(settings.trusted_proxies.count, 1);
	assert_int_equal(settings.workers, 2);
	assert_int_equal(settings.head_timeout_ms, 5000);
	assert_int_equal(settings.memory_budget, 64u << 20);
	assert_true(settings.proxy_protocol);
	assert_string_equal(settings.access_log, "\xc3\xa9");
	settings_done(&settings);
}

static void an_empty_file_and_an_empty_list_say_nothing_wrong(void **state)
{
	(void)state;
	struct settings settings;
	struct model_problems problems = {0};
	assert_true(read_text("", &settings, &problems));
	settings_done(&settings);
	assert_true(read_text("# nothing\n", &settings, &problems));
	settings_done(&settings);
	assert_true(read_text("trusted_proxies:\nlisten: []\n", &settings, &problems));
	assert_int_equal(settings.listen.count, 0);
	settings_done(&settings);
}

static void what_is_wrong_is_told_with_its_place(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		unsigned line;
		const char *field, *rule, *words;
	} ROWS[] = {
	        {"colour: red\n", 1, "/colour", "unknown-field", "no setting \"colour\""},
	        {"\nhed_timeout: 1s\n", 2, "/hed_timeout", "unknown-field",
	                "did you mean \"head_timeout\"?"},
	        {"head-timeout: 1s\n", 1, "/head-timeout", "unknown-field",
	                "did you mean \"head_timeout\"?"},
	        {"workers: 1\nhead_timeout: soon\n", 2, "/head_timeout", "type", "\"soon\""},
	        {"workers: [1]\n", 1, "/workers", "type", "single value"},
	        {"workers: {a: 1}\n", 1, "/workers", "type", "single value"},
	        {"listen: {a: 1}\n", 1, "/listen", "type", "single value"},
	        {"listen:\n- 127.0.0.1:80\n- 127.0.0.1:99999\n", 3, "/listen/1", "address",
	                "\"127.0.0.1:99999\""},
	        {"head_bytes: 99999999\n", 1, "/head_bytes", "range", "1k-65535"},
	        {"- 1\n", 1, "", "type", "mapping"},
	};
	for (size_t i = 0; i < ARRAY_LENGTH(ROWS); i++) {
		struct settings settings;
		struct model_problems problems = {0};
		assert_false(read_text(ROWS[i].text, &settings, &problems));
		assert_int_equal(problems.count, 1);
		const struct model_problem *problem = &problems.list[0];
		assert_string_equal(problem->file, path);
		assert_int_equal(problem->line, ROWS[i].line);
		assert_string_equal(problem->field, ROWS[i].field);
		assert_string_equal(problem->rule, ROWS[i].rule);
		assert_non_null(strstr(problem->message, ROWS[i].words));
		model_problems_done(&problems);
		settings_done(&settings);
	}
}

static void every_problem_is_told(void **state)
{
	(void)state;
	struct settings settings;
	struct model_problems problems = {0};
	assert_false(read_text("workers: x\ncolour: red\nlisten: [a, b]\n", &settings, &problems));
	assert_int_equal(problems.count, 4);
	model_problems_done(&problems);
	settings_done(&settings);
}

static void a_file_that_cannot_be_read_is_a_problem(void **state)
{
	(void)state;
	struct settings settings;
	struct model_problems problems = {0};
	settings_init(&settings);
	assert_false(settings_read_file(&settings, "/nowhere/at/all.yaml", &problems));
	assert_false(settings_read_file(&settings, "/tmp", &problems));
	assert_int_equal(problems.count, 2);
	assert_string_equal(problems.list[0].rule, "file");
	model_problems_done(&problems);
	settings_done(&settings);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(a_file_is_read_over_the_defaults),
	        cmocka_unit_test(an_empty_file_and_an_empty_list_say_nothing_wrong),
	        cmocka_unit_test(what_is_wrong_is_told_with_its_place),
	        cmocka_unit_test(every_problem_is_told),
	        cmocka_unit_test(a_file_that_cannot_be_read_is_a_problem),
	};
	return cmocka_run_group_tests(tests, make_file, remove_file);
}
