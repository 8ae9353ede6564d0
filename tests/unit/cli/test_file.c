/* Files of the operator. */
#include "cli/file.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static char folder[] = "/tmp/test_file.XXXXXX";
static char path[96], above[96];

static int make_folder(void **state)
{
	(void)state;
	if (mkdtemp(folder) == NULL)
		return -1;
	snprintf(above, sizeof(above), "%s/a", folder);
	snprintf(path, sizeof(path), "%s/a/b", folder);
	return 0;
}

static int remove_folder(void **state)
{
	(void)state;
	unlink(path);
	rmdir(above);
	return rmdir(folder);
}

static void what_is_written_is_nobody_elses(void **state)
{
	(void)state;
	struct model_problems problems = {0};
	struct text content = {0};
	struct stat status;
	umask(0);
	assert_true(cli_file_write_private(path, STR("first")));
	assert_true(cli_file_write_private(path, STR("second")));
	assert_int_equal(stat(path, &status), 0);
	assert_int_equal(status.st_mode & 07777, 0600);
	assert_int_equal(stat(above, &status), 0);
	assert_int_equal(status.st_mode & 07777, 0700);
	assert_true(cli_file_read(path, 6, &content, &problems));
	assert_string_equal(text_c(&content), "second");
	text_done(&content);
}

static void what_cannot_be_written_leaves_nothing(void **state)
{
	(void)state;
	char below[128];
	assert_true(cli_file_write_private(path, STR("kept")));
	snprintf(below, sizeof(below), "%s/c", path);
	errno = 0;
	assert_false(cli_file_write_private(below, STR("lost")));
	assert_int_equal(errno, ENOTDIR);
	assert_false(cli_file_write_private("", STR("lost")));
	assert_false(cli_file_write_private(above, STR("lost"))); /* a folder */
	assert_int_equal(unlink(path), 0);
	assert_int_equal(rmdir(above), 0); /* it is empty */
}

static void what_is_too_long_or_absent_is_a_problem(void **state)
{
	(void)state;
	struct model_problems problems = {0};
	struct text content = {0};
	assert_true(cli_file_write_private(path, STR("seven b")));
	assert_false(cli_file_read(path, 6, &content, &problems));
	assert_string_equal(problems.list[0].message, "cannot be read: File too large");
	assert_string_equal(problems.list[0].file, path);
	assert_false(cli_file_read("/nowhere/at/all", 6, &content, &problems));
	assert_int_equal(problems.total, 2);
	assert_int_equal(content.len, 0);
	model_problems_done(&problems);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(what_is_written_is_nobody_elses),
	        cmocka_unit_test(what_cannot_be_written_leaves_nothing),
	        cmocka_unit_test(what_is_too_long_or_absent_is_a_problem),
	};
	return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
