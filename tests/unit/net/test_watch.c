/* Watching a file: everything that changes what the path leads to is told, and nothing else. */
#include "net/watch.h"

#include "base/check.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { QUIET_MS = 20 };

static struct loop *loop;
static char folder[] = "/tmp/test_watch_XXXXXX";
static char home[4096];
static unsigned calls;

static void note_change(void *context)
{
	assert_ptr_equal(context, &calls);
	calls++;
}

static void remove_folder(void)
{
	char command[64];
	snprintf(command, sizeof(command), "rm -rf %s", folder);
	assert_int_equal(system(command), 0);
}

/* Every test begins in a fresh folder. */
static int begin(void **state)
{
	(void)state;
	memcpy(strrchr(folder, '_') + 1, "XXXXXX", 6);
	loop = loop_new();
	calls = 0;
	return loop == NULL || getcwd(home, sizeof(home)) == NULL || mkdtemp(folder) == NULL ||
	       chdir(folder) != 0;
}

static int end(void **state)
{
	(void)state;
	loop_free(loop);
	assert_int_equal(chdir(home), 0);
	remove_folder();
	return 0;
}

static void write_file(const char *path, const char *content)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, content, strlen(content)), strlen(content));
	close(fd);
}

static void run_for(unsigned ms)
{
	uint64_t end_ms = loop_now_ms(loop) + ms;
	while (loop_now_ms(loop) < end_ms)
		loop_turn(loop, (unsigned)(end_ms - loop_now_ms(loop)));
}

/* How often the change was told, once things are quiet. */
static unsigned told(void)
{
	calls = 0;
	loop_turn(loop, 0);
	uint64_t end_ms = loop_now_ms(loop) + 5000;
	while (calls == 0 && loop_now_ms(loop) < end_ms)
		loop_turn(loop, 100);
	run_for(3 * QUIET_MS);
	return calls;
}

static void assert_silence(void)
{
	calls = 0;
	run_for(5 * QUIET_MS);
	assert_int_equal(calls, 0);
}

static struct watch *start(const char *path)
{
	struct watch *watch = watch_new(loop, path, QUIET_MS, note_change, &calls);
	assert_non_null(watch);
	assert_silence();
	return watch;
}

static void a_finished_write_a_rename_and_a_removal_are_told_once(void **state)
{
	(void)state;
	write_file("file", "one");
	struct watch *watch = start("file");
	write_file("file", "two");
	assert_int_equal(told(), 1);
	write_file("new", "three");
	assert_silence();
	assert_int_equal(rename("new", "file"), 0);
	assert_int_equal(told(), 1);
	/* What the name leads to now is watched, not what it led to. */
	write_file("file", "four");
	assert_int_equal(told(), 1);
	assert_int_equal(unlink("file"), 0);
	assert_int_equal(told(), 1);
	write_file("file", "five");
	assert_int_equal(told(), 1);
	assert_int_equal(chmod("file", 0600), 0);
	assert_int_equal(told(), 1);
	watch_free(watch);
}

static void other_files_are_not_told(void **state)
{
	(void)state;
	write_file("file", "one");
	struct watch *watch = start("file");
	write_file("file2", "x");
	write_file("fil", "x");
	assert_int_equal(mkdir("sub", 0755), 0);
	write_file("sub/file", "x");
	assert_int_equal(rename("file2", "file3"), 0);
	char byte;
	int fd = open("file", O_RDONLY);
	assert_int_equal(read(fd, &byte, 1), 1);
	close(fd);
	assert_silence();
	watch_free(watch);
}

static void a_file_that_is_being_written_is_told_when_it_is_closed(void **state)
{
	(void)state;
	struct watch *watch = start("file");
	int fd = open("file", O_WRONLY | O_CREAT | O_EXCL, 0644);
	assert_true(fd >= 0);
	for (int i = 0; i < 5; i++) {
		assert_int_equal(write(fd, "x", 1), 1);
		assert_silence();
	}
	close(fd);
	assert_int_equal(told(), 1);
	watch_free(watch);
}

static void writing_puts_off_a_call_that_is_due(void **state)
{
	(void)state;
	write_file("file", "one");
	struct watch *watch = watch_new(loop, "file", 200, note_change, &calls);
	assert_non_null(watch);
	write_file("file", "two");
	run_for(20);
	int fd = open("file", O_WRONLY | O_TRUNC);
	for (int i = 0; i < 10; i++) {
		assert_int_equal(write(fd, "x", 1), 1);
		run_for(40);
	}
	assert_int_equal(calls, 0);
	close(fd);
	run_for(400);
	assert_int_equal(calls, 1);
	watch_free(watch);
}

static void a_hard_link_is_whole_at_once(void **state)
{
	(void)state;
	write_file("other", "one");
	struct watch *watch = start("file");
	assert_int_equal(link("other", "file"), 0);
	assert_int_equal(told(), 1);
	watch_free(watch);
}

/* ..data -> ..1, file -> ..data/file; a new folder ..2 comes and ..data is swapped. */
static void the_links_of_a_container_platform_are_followed(void **state)
{
	(void)state;
	assert_int_equal(mkdir("..1", 0755), 0);
	write_file("..1/file", "one");
	assert_int_equal(symlink("..1", "..data"), 0);
	assert_int_equal(symlink("..data/file", "file"), 0);
	struct watch *watch = start("file");
	for (int i = 2; i < 5; i++) {
		char next[16], path[32], before[16];
		snprintf(next, sizeof(next), "..%d", i);
		snprintf(before, sizeof(before), "..%d", i - 1);
		snprintf(path, sizeof(path), "..%d/file", i);
		assert_int_equal(mkdir(next, 0755), 0);
		write_file(path, "next");
		assert_silence();
		assert_int_equal(symlink(next, "..tmp"), 0);
		assert_int_equal(rename("..tmp", "..data"), 0);
		assert_int_equal(told(), 1);
		/* The file behind the new links counts, the old one does not any more. */
		write_file(path, "changed in place");
		assert_int_equal(told(), 1);
		snprintf(path, sizeof(path), "%s/file", before);
		write_file(path, "old");
		assert_silence();
	}
	watch_free(watch);
}

static void a_link_above_the_file_may_be_swapped(void **state)
{
	(void)state;
	char path[128];
	assert_int_equal(
	        mkdir("a", 0755) | mkdir("b", 0755) | mkdir("a/x", 0755) | mkdir("b/x", 0755), 0);
	write_file("a/x/file", "one");
	write_file("b/x/file", "two");
	snprintf(path, sizeof(path), "%s/a", folder);
	assert_int_equal(symlink(path, "now"), 0);
	snprintf(path, sizeof(path), "%s/b/../now/./x//file", folder);
	struct watch *watch = start(path);
	assert_int_equal(symlink("b", "next") | rename("next", "now"), 0);
	assert_int_equal(told(), 1);
	write_file("b/x/file", "three");
	assert_int_equal(told(), 1);
	watch_free(watch);
}

static void folders_above_may_go_and_come(void **state)
{
	(void)state;
	struct watch *watch = start("a/b/file");
	assert_int_equal(mkdir("a", 0755), 0);
	assert_int_equal(told(), 1);
	assert_int_equal(mkdir("a/b", 0755), 0);
	assert_int_equal(told(), 1);
	write_file("a/b/file", "one");
	assert_int_equal(told(), 1);
	assert_int_equal(mkdir("c", 0755) | mkdir("c/b", 0755), 0);
	write_file("c/b/file", "two");
	assert_silence();
	assert_int_equal(rename("a", "old") | rename("c", "a"), 0);
	assert_int_equal(told(), 1);
	write_file("old/b/file", "gone");
	assert_silence();
	write_file("a/b/file", "three");
	assert_int_equal(told(), 1);
	remove_folder();
	assert_int_equal(told(), 1);
	watch_free(watch);
}

static void links_in_a_circle_come_to_an_end(void **state)
{
	(void)state;
	assert_int_equal(symlink("b", "a") | symlink("a", "b"), 0);
	struct watch *watch = start("a");
	assert_int_equal(unlink("b"), 0);
	assert_int_equal(told(), 1);
	write_file("b", "one");
	assert_int_equal(told(), 1);
	watch_free(watch);
}

static void nothing_is_told_after_the_end(void **state)
{
	(void)state;
	write_file("file", "one");
	struct watch *watch = start("file");
	write_file("file", "two");
	calls = 0;
	loop_turn(loop, 5);
	watch_free(watch);
	run_for(3 * QUIET_MS);
	assert_int_equal(calls, 0);
	watch_free(NULL);
}

static void a_closed_folder_is_refused(void **state)
{
	(void)state;
	if (geteuid() == 0)
		skip();
	assert_int_equal(mkdir("closed", 0), 0);
	assert_null(watch_new(loop, "closed/file", QUIET_MS, note_change, &calls));
	assert_int_equal(errno, EACCES);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test_setup_teardown(
	                a_finished_write_a_rename_and_a_removal_are_told_once, begin, end),
	        cmocka_unit_test_setup_teardown(other_files_are_not_told, begin, end),
	        cmocka_unit_test_setup_teardown(
	                a_file_that_is_being_written_is_told_when_it_is_closed, begin, end),
	        cmocka_unit_test_setup_teardown(writing_puts_off_a_call_that_is_due, begin, end),
	        cmocka_unit_test_setup_teardown(a_hard_link_is_whole_at_once, begin, end),
	        cmocka_unit_test_setup_teardown(
	                the_links_of_a_container_platform_are_followed, begin, end),
	        cmocka_unit_test_setup_teardown(a_link_above_the_file_may_be_swapped, begin, end),
	        cmocka_unit_test_setup_teardown(folders_above_may_go_and_come, begin, end),
	        cmocka_unit_test_setup_teardown(links_in_a_circle_come_to_an_end, begin, end),
	        cmocka_unit_test_setup_teardown(nothing_is_told_after_the_end, begin, end),
	        cmocka_unit_test_setup_teardown(a_closed_folder_is_refused, begin, end),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
