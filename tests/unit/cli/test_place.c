/* Which control plane, and which token for it. */
#include "cli/place.h"

#include "cli/file.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static char folder[] = "/tmp/test_place.XXXXXX";
static char kept[96], own[96];

static int make_folder(void **state)
{
	(void)state;
	if (mkdtemp(folder) == NULL)
		return -1;
	snprintf(kept, sizeof(kept), "%s/headwater/token", folder);
	snprintf(own, sizeof(own), "%s/own", folder);
	return setenv("XDG_CONFIG_HOME", folder, 1);
}

static int remove_folder(void **state)
{
	(void)state;
	char above[96];
	snprintf(above, sizeof(above), "%s/headwater", folder);
	unlink(kept);
	unlink(own);
	rmdir(above);
	return rmdir(folder);
}

static void urls_are_read_strictly(void **state)
{
	(void)state;
	static const char *const GOOD[] = {"http://127.0.0.1:8081", "https://a.example",
	        "https://a.example:8443/below", "http://[::1]:8081", "http://a/%20"};
	static const char *const BAD[] = {"", "127.0.0.1:8081", "ftp://a", "http://", "http://:80",
	        "http:///x", "http://user@a", "http://user:pass@a", "http://a?x", "http://a#x",
	        "http://a/?x", "http://a/#x", "http://a b", "http://a/ b", "http://a:99999",
	        "HTTP://a", "http://a/%2", "http://a\\b", "http://a/\r\nX: y",
	        "file:///etc/passwd"};
	for (size_t i = 0; i < ARRAY_LENGTH(GOOD); i++)
		assert_true(cli_place_is_url(str_of(GOOD[i])));
	for (size_t i = 0; i < ARRAY_LENGTH(BAD); i++)
		assert_false(cli_place_is_url(str_of(BAD[i])));
}

static void what_passes_a_network_in_the_open_is_known(void **state)
{
	(void)state;
	static const char *const PRIVATE[] = {"http://127.0.0.1:8081", "http://127.9.8.7/",
	        "http://[::1]", "http://localhost:1", "https://a.example"};
	static const char *const OPEN[] = {"http://192.0.2.1", "http://a.example",
	        "http://localhost.example", "http://[::2]", "http://127.0.0.1.a.example:8081",
	        "http://127.a.example", "http://127.example/"};
	for (size_t i = 0; i < ARRAY_LENGTH(PRIVATE); i++)
		assert_true(cli_place_is_private(str_of(PRIVATE[i])));
	for (size_t i = 0; i < ARRAY_LENGTH(OPEN); i++)
		assert_false(cli_place_is_private(str_of(OPEN[i])));
}

/* What is found with a flag or two, and variables; "URL TOKEN", or the rule of the problem. */
static void find(const char *api, const char *file, struct text *to)
{
	struct model_problems problems = {0};
	struct cli_given given[2];
	struct cli_line line = {.given = given};
	struct cli_place place;
	struct arena arena;
	arena_init(&arena, NULL, 0);
	if (api != NULL)
		given[line.given_count++] =
		        (struct cli_given){cli_command_flag_at(CLI_FLAG_API), api};
	if (file != NULL)
		given[line.given_count++] =
		        (struct cli_given){cli_command_flag_at(CLI_FLAG_TOKEN_FILE), file};
	if (cli_place_find(&line, &arena, &place, &problems))
		text_addf(to, "%s %s", place.api, text_c(&place.token));
	else
		text_addf(to, "[%s]", problems.list[0].rule);
	cli_place_done(&place);
	model_problems_done(&problems);
	arena_reset(&arena);
}

static void write_kept(const char *content)
{
	if (content != NULL)
		assert_true(cli_file_write_private(kept, str_of(content)));
	else
		unlink(kept);
}

static void a_token_goes_where_it_is_for(void **state)
{
	(void)state;
	static const struct {
		const char *kept, *api, *own, *api_variable, *token_variable, *found;
	} ROWS[] = {
	        {NULL, NULL, NULL, NULL, NULL, "http://127.0.0.1:8081 "},
	        {"t\nhttp://a\n", NULL, NULL, NULL, NULL, "http://a t"},
	        {"t\nhttp://a\n", "http://a/", NULL, NULL, NULL, "http://a t"},
	        {"t\nhttp://a\n", "http://b", NULL, NULL, NULL, "http://b "},
	        {"t\nhttp://a\n", NULL, NULL, "http://b", NULL, "http://b "},
	        {"t\nhttp://a\n", "http://a", NULL, "http://b", NULL, "http://a t"},
	        {"t\nhttp://a\n", NULL, NULL, NULL, "v", "http://127.0.0.1:8081 v"},
	        {"t\nhttp://a\n", "http://b", NULL, NULL, "v", "http://b v"},
	        {"t\nhttp://a\n", "http://b", "o\n", NULL, "v", "http://b o"},
	        {NULL, NULL, "o", NULL, NULL, "http://127.0.0.1:8081 o"},
	        {NULL, NULL, "o\nhttp://c\n", NULL, NULL, "http://c o"},
	        {NULL, "http://b", "o\nhttp://c\n", NULL, NULL, "http://b "},
	        {NULL, NULL, "", NULL, NULL, "[token]"},
	        {NULL, NULL, "a b\n", NULL, NULL, "[token]"},
	        {NULL, NULL, "o\nnonsense\n", NULL, NULL, "[token]"},
	        {NULL, NULL, NULL, NULL, "a\r\nX: y", "[token]"},
	        {NULL, "nonsense", NULL, NULL, NULL, "[syntax]"},
	        {NULL, NULL, NULL, "nonsense", NULL, "[syntax]"},
	        {"\n", NULL, NULL, NULL, NULL, "http://127.0.0.1:8081 "},
	        {"t\nnonsense\n", NULL, NULL, NULL, NULL, "http://127.0.0.1:8081 "},
	};
	for (size_t i = 0; i < ARRAY_LENGTH(ROWS); i++) {
		struct text found = {0};
		write_kept(ROWS[i].kept);
		if (ROWS[i].own != NULL)
			assert_true(cli_file_write_private(own, str_of(ROWS[i].own)));
		setenv("HEADWATER_API", ROWS[i].api_variable != NULL ? ROWS[i].api_variable : "",
		        1);
		setenv("HEADWATER_TOKEN",
		        ROWS[i].token_variable != NULL ? ROWS[i].token_variable : "", 1);
		find(ROWS[i].api, ROWS[i].own != NULL ? own : NULL, &found);
		assert_string_equal(text_c(&found), ROWS[i].found);
		text_done(&found);
	}
	write_kept(NULL);
	unsetenv("HEADWATER_API");
	unsetenv("HEADWATER_TOKEN");
}

static void a_token_is_kept_and_forgotten(void **state)
{
	(void)state;
	struct model_problems problems = {0};
	struct cli_line line = {0};
	struct cli_place place;
	struct text found = {0};
	struct arena arena;
	arena_init(&arena, NULL, 0);
	assert_true(cli_place_find(&line, &arena, &place, &problems));
	assert_true(cli_place_keep(&place, STR("hw")));
	find(NULL, NULL, &found);
	assert_string_equal(text_c(&found), "http://127.0.0.1:8081 hw");
	cli_place_forget(&place);
	assert_int_equal(access(kept, F_OK), -1);
	cli_place_done(&place);
	text_done(&found);
	arena_reset(&arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(urls_are_read_strictly),
	        cmocka_unit_test(what_passes_a_network_in_the_open_is_known),
	        cmocka_unit_test(a_token_goes_where_it_is_for),
	        cmocka_unit_test(a_token_is_kept_and_forgotten),
	};
	return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
