/* Files that somebody else writes. */
#include "link/source.h"

#include "scratch.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>
#include <errno.h>

static void a_file_is_read_whole_with_its_stamp(void **state)
{
	(void)state;
	struct scratch scratch;
	struct text text = {0};
	struct link_source_stamp first, second;
	const char *why;
	scratch_init(&scratch);
	scratch_write(scratch.file, STR("some\0bytes"));
	assert_true(link_source_read(scratch.file, 10, &text, &first, &why));
	assert_true(str_is_equal(text_str(&text), STR("some\0bytes")));
	text_done(&text);
	assert_true(link_source_read(scratch.file, 10, &text, &second, &why));
	text_done(&text);
	assert_true(link_source_is_same(&first, &second));
	assert_false(link_source_is_touched(&first, &second));
	scratch_touch(scratch.file);
	assert_true(link_source_read(scratch.file, 10, &text, &second, &why));
	text_done(&text);
	assert_true(link_source_is_same(&first, &second));
	assert_true(link_source_is_touched(&first, &second));
	scratch_write(scratch.file, STR("other"));
	assert_true(link_source_read(scratch.file, 10, &text, &second, &why));
	text_done(&text);
	assert_false(link_source_is_same(&first, &second));
	assert_false(link_source_is_touched(&first, &second));
	scratch_done(&scratch);
}

static void what_cannot_be_read_says_why(void **state)
{
	(void)state;
	struct scratch scratch;
	struct text text = {0};
	struct link_source_stamp stamp;
	const char *why;
	scratch_init(&scratch);
	assert_false(link_source_read(scratch.file, 10, &text, &stamp, &why));
	assert_int_equal(errno, ENOENT);
	assert_string_equal(why, "No such file or directory");
	assert_false(link_source_read(scratch.folder, 10, &text, &stamp, &why));
	assert_string_equal(why, "is no regular file");
	assert_int_equal(mkfifo(scratch.file, 0600), 0);
	assert_false(link_source_read(scratch.file, 10, &text, &stamp, &why));
	assert_string_equal(why, "is no regular file");
	unlink(scratch.file);
	scratch_write(scratch.file, STR("eleven byte"));
	assert_false(link_source_read(scratch.file, 10, &text, &stamp, &why));
	assert_int_equal(errno, EFBIG);
	assert_null(text.at);
	scratch_done(&scratch);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(a_file_is_read_whole_with_its_stamp),
	        cmocka_unit_test(what_cannot_be_read_says_why),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
