/* Files, streams and their troubles. */
#include "edge/access_log_private.h"

#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static char folder[] = "/tmp/test_access_log_output.XXXXXX";

static int make_folder(void **state)
{
	(void)state;
	log_set_level(LOG_LEVEL_ERROR);
	return mkdtemp(folder) == NULL ? -1 : 0;
}

static int remove_folder(void **state)
{
	(void)state;
	return rmdir(folder);
}

static const char *path_of(const char *name, char *to, size_t size)
{
	snprintf(to, size, "%s/%s", folder, name);
	return to;
}

static void assert_content(const char *path, const char *expected)
{
	char content[256] = "";
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	assert_true(fd >= 0);
	ssize_t count = read(fd, content, sizeof(content) - 1);
	close(fd);
	assert_true(count >= 0);
	assert_string_equal(content, expected);
}

static void a_file_is_appended_to_and_readable_by_its_group_only(void **state)
{
	(void)state;
	char path[128];
	struct edge_access_log_output output;
	mode_t old = umask(0);
	for (int i = 0; i < 2; i++) {
		assert_true(edge_access_log_output_open(&output, path_of("a", path, sizeof(path))));
		edge_access_log_output_write(&output, STR("one\ntwo\n"));
		edge_access_log_output_close(&output);
	}
	umask(old);
	struct stat info;
	assert_int_equal(stat(path, &info), 0);
	assert_int_equal(info.st_mode & 0777, 0640);
	assert_content(path, "one\ntwo\none\ntwo\n");
	unlink(path);
}

static void a_path_that_cannot_be_opened_is_refused(void **state)
{
	(void)state;
	char path[128];
	struct edge_access_log_output output;
	assert_false(edge_access_log_output_open(&output, path_of("none/a", path, sizeof(path))));
	assert_int_equal(errno, ENOENT);
	assert_false(edge_access_log_output_open(&output, folder));
	assert_int_equal(errno, EISDIR);
}

static void reopening_follows_a_rename(void **state)
{
	(void)state;
	char path[128], aside[128];
	struct edge_access_log_output output;
	path_of("aside", aside, sizeof(aside));
	assert_true(edge_access_log_output_open(&output, path_of("b", path, sizeof(path))));
	edge_access_log_output_write(&output, STR("one\n"));
	assert_int_equal(rename(path, aside), 0);
	edge_access_log_output_write(&output, STR("two\n"));
	edge_access_log_output_reopen(&output);
	edge_access_log_output_write(&output, STR("three\n"));
	edge_access_log_output_close(&output);
	assert_content(aside, "one\ntwo\n");
	assert_content(path, "three\n");
	unlink(aside);
	unlink(path);
}

static void a_full_disk_costs_lines_and_nothing_else(void **state)
{
	(void)state;
	struct edge_access_log_output output;
	assert_true(edge_access_log_output_open(&output, "/dev/full"));
	edge_access_log_output_write(&output, STR("one\ntwo\n"));
	edge_access_log_output_write(&output, STR("three\n"));
	assert_int_equal(output.lost, 3);
	/* The second failure came too soon to be told again. */
	assert_int_equal(output.lost_told, 2);
	edge_access_log_output_close(&output);
}

static void a_line_that_was_torn_does_not_run_into_the_next(void **state)
{
	(void)state;
	int ends[2];
	struct edge_access_log_output output = {
	        .kind = EDGE_ACCESS_LOG_STREAM, .where = folder, .is_torn = true};
	atomic_init(&output.give_up_ms, CLOCK_NEVER);
	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	output.fd = ends[1];
	edge_access_log_output_write(&output, STR("two\n"));
	char got[16] = "";
	assert_int_equal(read(ends[0], got, sizeof(got) - 1), 5);
	assert_string_equal(got, "\ntwo\n");
	close(ends[0]);
	close(ends[1]);
}

static void a_reader_that_sleeps_cannot_hold_the_end(void **state)
{
	(void)state;
	int ends[2];
	char line[2000];
	struct edge_access_log_output output = {.kind = EDGE_ACCESS_LOG_STREAM, .where = folder};
	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	output.fd = ends[1];
	atomic_init(&output.give_up_ms, clock_ms() + 50);
	memset(line, 'x', sizeof(line));
	line[sizeof(line) - 1] = '\n';
	for (int i = 0; i < 100; i++)
		edge_access_log_output_write(&output, str_make(line, sizeof(line)));
	assert_true(output.lost > 50);
	assert_true(output.lost < 100);
	close(ends[0]);
	close(ends[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(a_file_is_appended_to_and_readable_by_its_group_only),
	        cmocka_unit_test(a_path_that_cannot_be_opened_is_refused),
	        cmocka_unit_test(reopening_follows_a_rename),
	        cmocka_unit_test(a_full_disk_costs_lines_and_nothing_else),
	        cmocka_unit_test(a_line_that_was_torn_does_not_run_into_the_next),
	        cmocka_unit_test(a_reader_that_sleeps_cannot_hold_the_end),
	};
	return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
