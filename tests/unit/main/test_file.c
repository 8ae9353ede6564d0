/* Reading an operator's file whole. */
#include "main/file.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

enum { BYTES = 200000 };

static char path[] = "/tmp/test_file.XXXXXX";

static int make_file(void **state)
{
	(void)state;
	int fd = mkstemp(path);
	char bytes[BYTES];
	memset(bytes, 'x', sizeof(bytes));
	return fd < 0 || write(fd, bytes, BYTES) != BYTES ? -1 : close(fd);
}

static int remove_file(void **state)
{
	(void)state;
	return unlink(path);
}

static void a_file_of_just_the_size_that_may_be_is_read(void **state)
{
	(void)state;
	struct text content;
	struct model_problems problems = {0};
	assert_true(file_read(path, BYTES, &content, &problems));
	assert_int_equal(content.len, BYTES);
	assert_int_equal(content.at[BYTES - 1], 'x');
	assert_int_equal(problems.total, 0);
	text_done(&content);
}

static void what_cannot_be_read_is_told(void **state)
{
	(void)state;
	const struct {
		const char *path, *words;
		size_t size_max;
	} rows[] = {
	        {path, "cannot be read: File too large", BYTES - 1},
	        {"/tmp", "cannot be read: Is a directory", BYTES},
	        {"/nonexistent/file", "cannot be read: No such file or directory", BYTES},
	};
	for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
		struct text content = {.at = NULL};
		struct model_problems problems = {0};
		assert_false(file_read(rows[i].path, rows[i].size_max, &content, &problems));
		assert_null(content.at);
		assert_int_equal(problems.total, 1);
		assert_string_equal(problems.list[0].file, rows[i].path);
		assert_string_equal(problems.list[0].rule, "file");
		assert_string_equal(problems.list[0].message, rows[i].words);
		model_problems_done(&problems);
	}
}

static void a_pipe_is_read_to_its_end(void **state)
{
	(void)state;
	int ends[2];
	char name[32];
	struct text content;
	struct model_problems problems = {0};
	assert_int_equal(pipe(ends), 0);
	assert_int_equal(write(ends[1], "domains: []", 11), 11);
	close(ends[1]);
	snprintf(name, sizeof(name), "/dev/fd/%d", ends[0]);
	assert_true(file_read(name, BYTES, &content, &problems));
	assert_true(str_is_equal(text_str(&content), STR("domains: []")));
	text_done(&content);
	close(ends[0]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(a_file_of_just_the_size_that_may_be_is_read),
	        cmocka_unit_test(what_cannot_be_read_is_told),
	        cmocka_unit_test(a_pipe_is_read_to_its_end),
	};
	return cmocka_run_group_tests(tests, make_file, remove_file);
}
