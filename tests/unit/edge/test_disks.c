/*
 * What the log is told of the cache's disks.
 */
#include "edge/disks.h"

#include "base/clock.h"
#include "cache/writer.h"
#include "net/disk.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { DISK_BYTES = LIMIT_CACHE_DISK_MIB_MIN << 20 };

static int make_file(void)
{
	int fd = disk_open_nameless("/tmp");
	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, DISK_BYTES), 0);
	return fd;
}

/* The same file, of which nothing can be written. */
static int for_reading(int fd)
{
	char path[64];
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	int other = open(path, O_RDONLY | O_CLOEXEC);
	assert_true(other >= 0);
	return other;
}

/* What was written to standard error while the loop turned for so long. */
static char written[4096];

static void turn(struct loop *loop, struct cache_store *store, unsigned ms)
{
	for (uint64_t end = clock_ms() + ms; clock_ms() < end;) {
		while (cache_writer_turn(store, 0, false))
			;
		loop_turn(loop, 20);
	}
}

static unsigned count(const char *text)
{
	unsigned times = 0;
	for (const char *at = written; (at = strstr(at, text)) != NULL; at++)
		times++;
	return times;
}

static void each_disk_is_told_of_once(void **state)
{
	(void)state;
	int good = make_file(), bad = make_file();
	const struct cache_memory_options memory = {
	        .bytes = LIMIT_CACHE_MEMORY_BYTES_MIN,
	        .disks = {{.fd = good, .bytes = DISK_BYTES},
	                {.fd = for_reading(bad), .bytes = DISK_BYTES}},
	        .disk_count = 2,
	};
	enum cache_attach why;
	struct cache_store *store = cache_store_new(-1, &memory, &why);
	assert_non_null(store);
	struct loop *loop = loop_new();
	int ends[2], before = dup(STDERR_FILENO);
	assert_int_equal(pipe(ends), 0);
	assert_true(dup2(ends[1], STDERR_FILENO) >= 0);
	struct edge_disks *disks = edge_disks_new(loop, store);
	turn(loop, store, 2500);
	edge_disks_free(disks);
	/* Whoever begins now tells of the failure alone. */
	disks = edge_disks_new(loop, store);
	turn(loop, store, 1200);
	edge_disks_free(disks);
	assert_true(dup2(before, STDERR_FILENO) >= 0);
	close(before);
	close(ends[1]);
	ssize_t got = read(ends[0], written, sizeof(written) - 1);
	assert_true(got > 0);
	close(ends[0]);
	written[got] = '\0';
	assert_int_equal(count("disk 1 of the cache is read: 0 records"), 1);
	assert_int_equal(count("disk 2 of the cache is given up"), 2);
	assert_int_equal(count("\n"), 3);
	loop_free(loop);
	cache_store_free(store);
	close(good);
	close(bad);
	close(memory.disks[1].fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(each_disk_is_told_of_once),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
