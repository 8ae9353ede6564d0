/* The domains that an invocation asks for. */
#include "main/domains.h"

#include "base/hash.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

static char folder[] = "/tmp/test_domains.XXXXXX";
static char path[64], journal[64];

static int make_folder(void **state)
{
	(void)state;
	hash_init();
	if (mkdtemp(folder) == NULL)
		return -1;
	snprintf(path, sizeof(path), "%s/domains.yaml", folder);
	snprintf(journal, sizeof(journal), "%s/domains.journal", folder);
	return 0;
}

static int remove_folder(void **state)
{
	(void)state;
	unlink(path);
	unlink(journal);
	return rmdir(folder);
}

static void write_file(const char *to, const char *text)
{
	FILE *file = fopen(to, "we");
	assert_non_null(file);
	assert_true(fputs(text, file) >= 0);
	assert_int_equal(fclose(file), 0);
}

/* Whether a command line's domains are good; problems are added. */
static bool check(const char *const *flags, struct model_problems *problems)
{
	struct words words = {0};
	struct invocation invocation;
	for (; *flags != NULL; flags++)
		words_add(&words, str_of(*flags));
	assert_true(invocation_read(words.list, &invocation, problems));
	bool is_good = domains_check(&invocation, problems);
	words_done(&words);
	invocation_done(&invocation);
	return is_good;
}

static void domains_are_checked_before_anything_is_started(void **state)
{
	(void)state;
	static const struct {
		const char *text, *flags[8];
		const char *rule; /* NULL: they are good */
	} ROWS[] = {
	        {"domains: [{name: a.test, origin: {addresses: [192.0.2.1]}}]", {"--domains", path},
	                NULL},
	        {"domains: []", {"--domains", path}, NULL},
	        {"domains: [{name: a.test}]", {"--domains", path}, "missing"},
	        {"domains: [", {"--domains", path}, "syntax"},
	        {NULL, {"--domains", "/nonexistent"}, "file"},
	        {NULL, {"--domain", "a.test", "--origin", "192.0.2.1", "--backup", "b.test"}, NULL},
	        {NULL, {"--domain", "a.test", "--origin", "192.0.2.1:0"}, "range"},
	        {NULL, {"--domain", "a.test", "--origin", "a.test"}, "loop"},
	        {NULL, {"--control", "/nonexistent"}, NULL},
	        {NULL, {"--state-dir", folder}, NULL},
	};
	for (size_t i = 0; i < ARRAY_LENGTH(ROWS); i++) {
		struct model_problems problems = {0};
		if (ROWS[i].text != NULL)
			write_file(path, ROWS[i].text);
		assert_int_equal(check(ROWS[i].flags, &problems), ROWS[i].rule == NULL);
		assert_int_equal(problems.total, ROWS[i].rule != NULL);
		if (ROWS[i].rule != NULL)
			assert_string_equal(problems.list[0].rule, ROWS[i].rule);
		model_problems_done(&problems);
	}
}

static void rules_hold_as_they_were_chosen(void **state)
{
	(void)state;
	struct model_problems problems = {0};
	struct model_domains domains;
	write_file(path, "domains: [{name: a.test, origin: {addresses: [192.0.2.1]}, "
	                 "backup: {type: cos, bucket: {endpoint: b.test}}}]");
	assert_false(domains_read_file(path, MODEL_CLASSIC, &domains, &problems));
	assert_string_equal(problems.list[0].rule, "R1");
	model_problems_done(&problems);
}

static void the_journal_lies_in_the_folder_of_state(void **state)
{
	(void)state;
	struct settings settings;
	struct text text = {0};
	struct model_why why;
	settings_init(&settings);
	assert_true(settings_set(&settings, settings_find(STR("state_dir")), STR(""), &why));
	domains_add_journal_path(&settings, &text);
	assert_int_equal(text.len, 0);
	assert_false(domains_has_journal(&settings));
	assert_true(settings_set(&settings, settings_find(STR("state_dir")), str_of(folder), &why));
	domains_add_journal_path(&settings, &text);
	assert_string_equal(text_c(&text), journal);
	assert_false(domains_has_journal(&settings));
	write_file(journal, "");
	assert_true(domains_has_journal(&settings));
	text_clear(&text);
	domains_add_ledger_path(&settings, &text);
	assert_true(str_has_prefix(text_str(&text), str_of(folder)));
	assert_true(str_has_suffix(text_str(&text), STR("/domains.ledger")));
	text_done(&text);
	settings_done(&settings);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(domains_are_checked_before_anything_is_started),
	        cmocka_unit_test(rules_hold_as_they_were_chosen),
	        cmocka_unit_test(the_journal_lies_in_the_folder_of_state),
	};
	return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
