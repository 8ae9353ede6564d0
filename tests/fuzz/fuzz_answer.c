/* fuzz: cli - whatever the control plane answers, nothing of it steers a terminal */
#include "cli/escape.h"
#include "cli/problem.h"
#include "cli/show.h"
#include "model/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Lines of what may stand on a terminal. */
static void check_harmless(struct text *text)
{
	struct text again = {0};
	cli_escape_add_lines(&again, text_str(text));
	CHECK(str_is_equal(text_str(text), text_str(&again)));
	for (size_t i = 0; i < text->len; i++)
		CHECK((unsigned char)text->at[i] >= ' ' || text->at[i] == '\n');
	text_done(&again);
	text_clear(text);
}

static void show_all(const struct model_node *root)
{
	static cli_show_function *const SHOWS[] = {cli_show_whoami, cli_show_domain,
	        cli_show_history, cli_show_users, cli_show_tokens, cli_show_status, cli_show_edges,
	        cli_show_change};
	const struct cli_show manner = {.name = "a.test", .has_all = true};
	const struct cli_problem_source source = {.command = "domain set", .content = root};
	struct text text = {0};
	for (size_t i = 0; i < ARRAY_LENGTH(SHOWS); i++) {
		SHOWS[i](&manner, root, &text);
		check_harmless(&text);
	}
	cli_show_domains(&root, 1, &text);
	check_harmless(&text);
	cli_problem_add(&source, 412, root, &text);
	check_harmless(&text);
	text_done(&text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str bytes = str_make((const char *)data, size);
	struct model_problems problems = {0};
	struct model_node *root;
	struct arena arena;
	struct text text = {0};
	cli_escape_add(&text, bytes);
	CHECK(str_find(text_str(&text), '\n') < 0);
	check_harmless(&text);
	cli_escape_add_lines(&text, bytes);
	for (size_t i = 0; i < text.len; i++)
		CHECK((unsigned char)text.at[i] >= ' ' || text.at[i] == '\n' || text.at[i] == '\t');
	text_done(&text);
	arena_init(&arena, NULL, 0);
	if (model_json_read(&arena, bytes, &problems, &root)) {
		show_all(root);
		/* What is shown of JSON on a terminal is the same JSON. */
		cli_escape_add_json(&text, bytes);
		CHECK(model_json_read(&arena, text_str(&text), &problems, &root));
		text_done(&text);
	}
	model_problems_done(&problems);
	arena_reset(&arena);
	return 0;
}
