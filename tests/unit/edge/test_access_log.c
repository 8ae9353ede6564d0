/* Rings and their writer: nothing is lost but what is counted, and lines stay whole. */
#include "edge/access_log_private.h"

#include "base/log.h"
#include "base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

static char folder[] = "/tmp/test_access_log.XXXXXX";
static char path[64];

static int make_folder(void **state)
{
	(void)state;
	log_set_level(LOG_LEVEL_ERROR);
	if (mkdtemp(folder) == NULL)
		return -1;
	snprintf(path, sizeof(path), "%s/log", folder);
	return 0;
}

static int remove_folder(void **state)
{
	(void)state;
	return rmdir(folder);
}

static void sleep_ms(long ms)
{
	struct timespec pause = {.tv_nsec = ms * 1000000};
	nanosleep(&pause, NULL);
}

static const char TARGET[] = "/a/path/of/some/length/that/many/requests/have?with=a&query=string";

static struct edge_log_entry entry_of(uint64_t id)
{
	return (struct edge_log_entry){.id = id,
	        .domain = STR("edge.test"),
	        .host = STR("edge.test"),
	        .method = STR("GET"),
	        .target = str_of(TARGET),
	        .minor = 1,
	        .status = 200,
	        .cache = "PASS"};
}

/* Reads the log: the ids of each worker (the upper half of an id) must rise. Returns how many
 * lines. */
static uint64_t check_file(unsigned workers)
{
	uint64_t last[8] = {0}, count = 0;
	char *line = NULL;
	size_t size = 0;
	ssize_t length;
	FILE *file = fopen(path, "re");
	assert_non_null(file);
	while ((length = getline(&line, &size, file)) > 0) {
		uint64_t id;
		struct str all = str_make(line, (size_t)length);
		assert_true(str_has_suffix(all, STR("\"attempts\":[]}\n")));
		const char *at = strstr(line, "\"id\":\"");
		assert_non_null(at);
		assert_true(str_to_hex_u64(str_make(at + 6, 16), &id));
		unsigned worker = (unsigned)(id >> 32);
		assert_true(worker < workers);
		assert_true((uint32_t)id > last[worker]);
		last[worker] = (uint32_t)id;
		count++;
	}
	fclose(file);
	free(line);
	return count;
}

static void the_first_line_after_silence_is_written_at_once(void **state)
{
	(void)state;
	struct edge_access_log *log = edge_access_log_new(path, 1);
	assert_non_null(log);
	struct edge_access_log_ring *ring = edge_access_log_ring_new(log);
	sleep_ms(120);
	struct edge_log_entry entry = entry_of(1);
	edge_access_log_add(ring, &entry);
	struct stat info = {0};
	for (int i = 0; i < 400 && info.st_size == 0; i++) {
		sleep_ms(5);
		assert_int_equal(stat(path, &info), 0);
	}
	assert_int_equal(check_file(1), 1);
	edge_access_log_ring_free(ring);
	edge_access_log_free(log);
	unlink(path);
}

enum { WORKERS = 2, LINES = 60000 };

struct worker {
	pthread_t thread;
	struct edge_access_log *log;
	unsigned index;
};

static void *produce(void *argument)
{
	struct worker *worker = argument;
	struct edge_access_log_ring *ring = edge_access_log_ring_new(worker->log);
	for (uint64_t i = 1; i <= LINES; i++) {
		struct edge_log_entry entry = entry_of((uint64_t)worker->index << 32 | i);
		entry.target.len = i % (sizeof(TARGET) - 1) + 1;
		edge_access_log_add(ring, &entry);
	}
	edge_access_log_ring_free(ring);
	return NULL;
}

static void many_lines_of_several_workers_are_whole_and_in_order(void **state)
{
	(void)state;
	struct worker workers[WORKERS];
	struct edge_access_log *log = edge_access_log_new(path, 1);
	assert_non_null(log);
	for (unsigned i = 0; i < WORKERS; i++) {
		workers[i] = (struct worker){.log = log, .index = i};
		assert_int_equal(pthread_create(&workers[i].thread, NULL, produce, &workers[i]), 0);
	}
	for (unsigned i = 0; i < WORKERS; i++)
		assert_int_equal(pthread_join(workers[i].thread, NULL), 0);
	uint64_t dropped = edge_access_log_dropped(log);
	edge_access_log_free(log);
	assert_int_equal(check_file(WORKERS) + dropped, WORKERS * LINES);
	unlink(path);
}

static void a_log_that_cannot_keep_up_drops_and_counts(void **state)
{
	(void)state;
	/* Nobody reads this pipe. */
	assert_int_equal(mkfifo(path, 0600), 0);
	int reader = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	assert_true(reader >= 0);
	struct edge_access_log *log = edge_access_log_new(path, 1);
	assert_non_null(log);
	struct edge_access_log_ring *ring = edge_access_log_ring_new(log);
	uint64_t before = clock_ms();
	uint64_t fits = LIMIT_LOG_QUEUE_BYTES / 200, added = 0;
	for (; edge_access_log_dropped(log) < 1000; added++) {
		struct edge_log_entry entry = entry_of(added);
		edge_access_log_add(ring, &entry);
		assert_true(added < 2 * fits);
	}
	assert_true(added > fits / 2);
	edge_access_log_ring_free(ring);
	edge_access_log_free(log);
	/* The end waited about a second for the reader, and no longer. */
	assert_true(clock_ms() - before < 10000);
	close(reader);
	unlink(path);
}

static void a_sample_takes_one_in_so_many(void **state)
{
	(void)state;
	static const struct {
		uint32_t sample;
		unsigned expected;
	} ROWS[] = {{1, 100}, {2, 50}, {10, 10}, {100, 1}, {101, 0}};
	for (size_t i = 0; i < ARRAY_LENGTH(ROWS); i++) {
		struct edge_access_log *log = edge_access_log_new(path, ROWS[i].sample);
		struct edge_access_log_ring *ring = edge_access_log_ring_new(log);
		unsigned wanted = 0;
		for (int j = 0; j < 100; j++)
			wanted += edge_access_log_wants(ring);
		assert_int_equal(wanted, ROWS[i].expected);
		edge_access_log_ring_free(ring);
		edge_access_log_free(log);
	}
	unlink(path);
}

static void without_a_log_nothing_is_wanted(void **state)
{
	(void)state;
	struct edge_access_log_ring *ring = edge_access_log_ring_new(NULL);
	assert_null(ring);
	assert_false(edge_access_log_wants(ring));
	assert_int_equal(edge_access_log_dropped(NULL), 0);
	edge_access_log_reopen(NULL);
	edge_access_log_ring_free(NULL);
	edge_access_log_free(NULL);
}

static void reopening_makes_the_file_anew(void **state)
{
	(void)state;
	struct edge_access_log *log = edge_access_log_new(path, 1);
	assert_non_null(log);
	assert_int_equal(unlink(path), 0);
	sleep_ms(100);
	edge_access_log_reopen(log);
	struct stat info;
	int result = -1;
	for (int i = 0; i < 400 && result != 0; i++) {
		sleep_ms(5);
		result = stat(path, &info);
	}
	assert_int_equal(result, 0);
	edge_access_log_free(log);
	unlink(path);
}

static void a_path_that_cannot_be_opened_makes_no_log(void **state)
{
	(void)state;
	assert_null(edge_access_log_new("/proc/none/log", 1));
	assert_int_equal(errno, ENOENT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(the_first_line_after_silence_is_written_at_once),
	        cmocka_unit_test(many_lines_of_several_workers_are_whole_and_in_order),
	        cmocka_unit_test(a_log_that_cannot_keep_up_drops_and_counts),
	        cmocka_unit_test(a_sample_takes_one_in_so_many),
	        cmocka_unit_test(without_a_log_nothing_is_wanted),
	        cmocka_unit_test(reopening_makes_the_file_anew),
	        cmocka_unit_test(a_path_that_cannot_be_opened_makes_no_log),
	};
	return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
