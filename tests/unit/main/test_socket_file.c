/* Listening at a path. */
#include "main/socket_file.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static void a_path_is_listened_at_by_one(void **state)
{
	(void)state;
	char folder[] = "/tmp/headwater-test-XXXXXX", path[64];
	struct text why = {0};
	struct stat info;
	int first = -1, second = -1;
	assert_non_null(mkdtemp(folder));
	snprintf(path, sizeof(path), "%s/a", folder);
	assert_true(socket_file_open(path, &first, &why));
	assert_true(socket_file_is(first, str_of(path)));
	assert_false(socket_file_is(first, STR("/tmp/another")));
	assert_int_equal(stat(path, &info), 0);
	assert_int_equal(info.st_mode & 07777, 0600);
	assert_false(socket_file_open(path, &second, &why));
	assert_int_equal(second, -1);
	assert_non_null(strstr(text_c(&why), path));
	assert_non_null(strstr(text_c(&why), "another process listens there"));
	/* What a dead one has left is no obstacle. */
	close(first);
	assert_true(socket_file_open(path, &second, &why));
	close(second);
	unlink(path);
	assert_int_equal(rmdir(folder), 0);
	text_done(&why);
}

static void no_socket_is_that_of_no_path(void **state)
{
	(void)state;
	assert_true(socket_file_is(-1, STR_EMPTY));
	assert_false(socket_file_is(-1, STR("/tmp/a")));
}

static void what_is_there_is_told(void **state)
{
	(void)state;
	struct text why = {0};
	int fd;
	assert_false(socket_file_open("/dev/null", &fd, &why));
	assert_string_equal(text_c(&why), "cannot listen on /dev/null: what is there is no socket");
	text_clear(&why);
	assert_false(socket_file_open("/nowhere/at/all", &fd, &why));
	assert_string_equal(
	        text_c(&why), "cannot listen on /nowhere/at/all: No such file or directory");
	text_done(&why);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(a_path_is_listened_at_by_one),
	        cmocka_unit_test(no_socket_is_that_of_no_path),
	        cmocka_unit_test(what_is_there_is_told),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
