/* Files off the loop: every operation gets its answer, on the loop's thread. */
#include "net/disk.h"

#include "base/check.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { BLOCK = 4096, BLOCKS = 300 };

static struct loop *loop;
static struct disk *disk;
static int file;
static pthread_t loop_thread;
static unsigned done;

static int begin(void **state)
{
	(void)state;
	loop = loop_new();
	disk = disk_new(3);
	file = disk_open_nameless("/tmp");
	loop_thread = pthread_self();
	done = 0;
	return loop == NULL || file < 0;
}

static int end(void **state)
{
	(void)state;
	disk_free(disk);
	loop_free(loop);
	close(file);
	return 0;
}

static void note_end(struct disk_operation *operation)
{
	(void)operation;
	assert_true(pthread_equal(pthread_self(), loop_thread));
	done++;
}

/* Does one operation on `fd` and returns its result. */
static ssize_t run(enum disk_verb verb, int fd, void *bytes, size_t size, off_t offset)
{
	struct disk_operation operation = {.verb = verb,
	        .fd = fd,
	        .bytes = bytes,
	        .size = size,
	        .offset = offset,
	        .on_done = note_end};
	unsigned before = done;
	disk_submit(disk, loop, &operation);
	assert_int_equal(done, before);
	while (done == before)
		loop_turn(loop, 5000);
	assert_int_equal(done, before + 1);
	return operation.result;
}

static void bytes_are_written_and_read_back(void **state)
{
	(void)state;
	char out[] = "some bytes", in[32] = "";
	assert_int_equal(run(DISK_WRITE, file, out, 10, 100), 10);
	assert_int_equal(run(DISK_READ, file, in, 10, 100), 10);
	assert_string_equal(in, out);
	assert_int_equal(run(DISK_READ, file, in, 0, 0), 0);
}

static void a_read_ends_where_the_file_does(void **state)
{
	(void)state;
	char out[] = "abc", in[32] = "";
	assert_int_equal(run(DISK_WRITE, file, out, 3, 0), 3);
	assert_int_equal(run(DISK_READ, file, in, sizeof(in), 1), 2);
	assert_int_equal(run(DISK_READ, file, in, sizeof(in), 3), 0);
}

static void errors_come_back_as_numbers(void **state)
{
	(void)state;
	char bytes[4] = "";
	assert_int_equal(run(DISK_READ, -1, bytes, 4, 0), -EBADF);
	int pipes[2];
	assert_int_equal(pipe(pipes), 0);
	assert_int_equal(run(DISK_WRITE, pipes[1], bytes, 4, 0), -ESPIPE);
	close(pipes[0]);
	close(pipes[1]);
	int full = open("/dev/full", O_RDWR);
	if (full >= 0) {
		assert_int_equal(run(DISK_WRITE, full, bytes, 4, 0), -ENOSPC);
		close(full);
	}
}

static void count_bytes(struct disk_operation *self)
{
	assert_false(pthread_equal(pthread_self(), loop_thread));
	self->result = (ssize_t)self->size + 1;
}

static void a_call_runs_beside_the_loop_and_ends_on_it(void **state)
{
	(void)state;
	struct disk_operation operation = {
	        .verb = DISK_CALL, .size = 6, .call = count_bytes, .on_done = note_end};
	disk_submit(disk, loop, &operation);
	while (done == 0)
		loop_turn(loop, 5000);
	assert_int_equal(operation.result, 7);
	disk_submit(disk, loop, &operation);
	disk_free(disk);
	disk = NULL;
	loop_turn(loop, 0);
	assert_int_equal(done, 2);
}

static struct disk_operation operations[BLOCKS];
static char blocks[BLOCKS][BLOCK];

static void submit_all(enum disk_verb verb)
{
	for (int i = 0; i < BLOCKS; i++) {
		operations[i] = (struct disk_operation){.verb = verb,
		        .fd = file,
		        .bytes = blocks[i],
		        .size = BLOCK,
		        .offset = (off_t)i * BLOCK,
		        .on_done = note_end};
		disk_submit(disk, loop, &operations[i]);
	}
}

static void many_operations_run_at_once(void **state)
{
	(void)state;
	for (int i = 0; i < BLOCKS; i++)
		memset(blocks[i], i % 251, BLOCK);
	submit_all(DISK_WRITE);
	while (done < BLOCKS)
		loop_turn(loop, 5000);
	memset(blocks, 0, sizeof(blocks));
	submit_all(DISK_READ);
	while (done < 2 * BLOCKS)
		loop_turn(loop, 5000);
	for (int i = 0; i < BLOCKS; i++) {
		assert_int_equal(operations[i].result, BLOCK);
		assert_int_equal((unsigned char)blocks[i][BLOCK - 1], i % 251);
	}
}

static void the_end_of_the_pool_waits_for_what_was_queued(void **state)
{
	(void)state;
	submit_all(DISK_WRITE);
	disk_free(disk);
	disk = NULL;
	loop_turn(loop, 0);
	assert_int_equal(done, BLOCKS);
}

static void the_folder_of_a_path_is_flushed(void **state)
{
	(void)state;
	assert_true(disk_flush_folder_of("/tmp/nothing-there"));
	assert_true(disk_flush_folder_of("nothing-there"));
	assert_false(disk_flush_folder_of("/nowhere/at/all"));
	assert_int_equal(errno, ENOENT);
}

static void a_nameless_file_leaves_no_name(void **state)
{
	(void)state;
	char folder[] = "/tmp/test_disk_XXXXXX";
	assert_non_null(mkdtemp(folder));
	int fd = disk_open_nameless(folder);
	assert_true(fd >= 0);
	struct stat info;
	assert_int_equal(fstat(fd, &info), 0);
	assert_int_equal(info.st_nlink, 0);
	assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
	assert_int_equal(write(fd, "x", 1), 1);
	close(fd);
	/* The folder is empty, or this would fail. */
	assert_int_equal(rmdir(folder), 0);
	assert_int_equal(disk_open_nameless(folder), -1);
	assert_int_equal(errno, ENOENT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test_setup_teardown(bytes_are_written_and_read_back, begin, end),
	        cmocka_unit_test_setup_teardown(a_read_ends_where_the_file_does, begin, end),
	        cmocka_unit_test_setup_teardown(errors_come_back_as_numbers, begin, end),
	        cmocka_unit_test_setup_teardown(
	                a_call_runs_beside_the_loop_and_ends_on_it, begin, end),
	        cmocka_unit_test_setup_teardown(many_operations_run_at_once, begin, end),
	        cmocka_unit_test_setup_teardown(
	                the_end_of_the_pool_waits_for_what_was_queued, begin, end),
	        cmocka_unit_test(the_folder_of_a_path_is_flushed),
	        cmocka_unit_test_setup_teardown(a_nameless_file_leaves_no_name, begin, end),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
