/* fuzz: link - what is read as a purge or an answer prints, and reads again as the same one */
#include "link/command.h"

#include "base/limit.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_purge(struct str line)
{
	struct arena arena;
	struct link_purge purge, again;
	struct text error = {0}, first = {0}, second = {0};
	arena_init(&arena, NULL, 0);
	if (link_command_read(&arena, line, &purge, &error)) {
		CHECK(error.len == 0);
		CHECK(purge.count > 0 && purge.count <= LIMIT_PURGE_VALUES);
		CHECK((purge.domain.len != 0) == (purge.what == LINK_PURGE_TAG));
		link_command_print(&purge, &first);
		CHECK(str_find(text_str(&first), '\n') == (ptrdiff_t)first.len - 1);
		CHECK(link_command_read(&arena, str_make(first.at, first.len - 1), &again, &error));
		link_command_print(&again, &second);
		CHECK(str_is_equal(text_str(&first), text_str(&second)));
	} else {
		/* Whatever is refused is told in one line. */
		const struct link_answer answer = {.error = text_str(&error)};
		CHECK(error.len > 0);
		link_command_print_answer(&answer, &first);
		CHECK(str_find(text_str(&first), '\n') == (ptrdiff_t)first.len - 1);
	}
	text_done(&error);
	text_done(&first);
	text_done(&second);
	arena_reset(&arena);
}

static void check_answer(struct str line)
{
	struct arena arena;
	struct link_answer answer, again;
	struct text printed = {0};
	arena_init(&arena, NULL, 0);
	if (link_command_read_answer(&arena, line, &answer)) {
		link_command_print_answer(&answer, &printed);
		CHECK(link_command_read_answer(
		        &arena, str_make(printed.at, printed.len - 1), &again));
		CHECK(answer.purged == again.purged || answer.error.len != 0);
		CHECK(str_is_equal(answer.error, again.error));
	}
	text_done(&printed);
	arena_reset(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str line = str_make((const char *)data, size);
	check_purge(line);
	check_answer(line);
	return 0;
}
