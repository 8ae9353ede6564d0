/* The spool: a request body read from any offset while it arrives, in memory and on disk. */
#include "fixture.h"

#include "serve/spool.h"

#include <dirent.h>

#define HOST "Host: a.test\r\n"

enum { BODY_MAX = 6 << 20, WINDOW = BUF_LARGE };

/* A spool on a stream of a client, and a reader. */
struct plant {
	struct fixture fixture;
	struct client client;
	struct disk *disk;
	struct mem_budget budget;
	struct serve_handler handler; /* keeps the stream for the test */
	struct serve_stream *stream;
	struct serve_spool *spool;
	struct loop_task wake;
	unsigned wakes;
};

static void keep_stream(struct serve_handler *handler, struct serve_stream *stream)
{
	struct plant *plant = container_of(handler, struct plant, handler);
	plant->stream = stream;
	stream->wake = &plant->wake;
}

static void count_wake(struct loop_task *task)
{
	container_of(task, struct plant, wake)->wakes++;
}

/* A spool for a request with these fields; its body is the test's to send. */
static void plant_start(struct plant *plant, const char *fields, const char *folder)
{
	*plant = (struct plant){.wake = {.on_run = count_wake}};
	struct fixture *fixture = &plant->fixture;
	fixture_init(fixture);
	plant->handler.on_request = keep_stream;
	plant->handler.on_refused = on_refused;
	fixture->options.handler = &plant->handler;
	fixture->options.body_timeout_ms = 60000;
	fixture_listen(fixture);
	plant->disk = disk_new(1);
	plant->budget.limit = BODY_MAX;
	client_open(&plant->client, fixture);
	client_say(&plant->client, "PUT / HTTP/1.1\r\n" HOST);
	client_say(&plant->client, fields);
	client_say(&plant->client, "\r\n");
	turn_until(&plant->client, plant->stream != NULL);
	struct serve_spool_options options = {
	        .stream = plant->stream,
	        .loop = fixture->loop,
	        .buffers = &fixture->buffers,
	        .disk = plant->disk,
	        .folder = folder,
	        .budget = &plant->budget,
	        .body_max = BODY_MAX,
	        .wake = &plant->wake,
	};
	plant->spool = serve_spool_new(&options);
}

static void plant_start_length(struct plant *plant, size_t length)
{
	char field[64];
	snprintf(field, sizeof(field), "Content-Length: %zu\r\n", length);
	plant_start(plant, field, "/tmp");
}

/* Lets go of the spool and the stream, as a request does at its end. */
static void plant_let_go(struct plant *plant)
{
	loop_unwake(&plant->wake);
	serve_spool_free(plant->spool);
	plant->spool = NULL;
	if (plant->stream != NULL) {
		plant->stream->wake = NULL;
		serve_stream_abort(plant->stream);
		serve_stream_close(plant->stream);
		plant->stream = NULL;
	}
}

static void plant_done(struct plant *plant)
{
	plant_let_go(plant);
	disk_free(plant->disk);
	loop_turn(plant->fixture.loop, 0);
	assert_int_equal(plant->budget.used, 0);
	client_close(&plant->client);
	fixture_done(&plant->fixture);
}

/* Reads once at an offset; a WAIT is followed by turns until the spool woke its owner. */
static enum serve_spool_read read_at(struct plant *plant, uint64_t offset, struct str *ret_bytes)
{
	for (;;) {
		unsigned wakes = plant->wakes;
		enum serve_spool_read result = serve_spool_read(plant->spool, offset, ret_bytes);
		if (result != SERVE_SPOOL_WAIT)
			return result;
		assert_true(serve_spool_is_waiting(plant->spool));
		turn_until(&plant->client, plant->wakes > wakes);
	}
}

/* Reads everything from an offset to the end, at most `most` bytes of each piece, and compares. */
static void read_all(struct plant *plant, uint64_t offset, size_t length, size_t most)
{
	for (;;) {
		struct str bytes;
		enum serve_spool_read result = read_at(plant, offset, &bytes);
		if (result == SERVE_SPOOL_END)
			break;
		assert_int_equal(result, SERVE_SPOOL_DATA);
		assert_true(bytes.len > 0 && bytes.len <= WINDOW);
		if (bytes.len > most)
			bytes.len = most;
		assert_true(str_is_equal(bytes, pattern_of(offset, bytes.len)));
		offset += bytes.len;
	}
	assert_int_equal(offset, length);
}

/* Sends a body while a reader takes it from `offset` on, as far as it comes. */
static void send_and_read(struct plant *plant, size_t length, size_t most)
{
	size_t sent = 0;
	uint64_t offset = 0, until_ms = clock_ms() + PATIENCE_MS;
	for (;;) {
		assert_true(clock_ms() < until_ms);
		if (sent < length) {
			ssize_t count = send(plant->client.fd, pattern_of(sent, length - sent).at,
			        length - sent, MSG_DONTWAIT | MSG_NOSIGNAL);
			sent += count > 0 ? (size_t)count : 0;
		}
		struct str bytes;
		enum serve_spool_read result = serve_spool_read(plant->spool, offset, &bytes);
		if (result == SERVE_SPOOL_END)
			break;
		if (result == SERVE_SPOOL_WAIT) {
			turn(&plant->client, 1);
			continue;
		}
		assert_int_equal(result, SERVE_SPOOL_DATA);
		if (bytes.len > most)
			bytes.len = most;
		assert_true(str_is_equal(bytes, pattern_of(offset, bytes.len)));
		offset += bytes.len;
	}
	assert_int_equal(offset, length);
}

/* Lengths around the window and its file. */
static const size_t lengths[] = {
        0, 1, 1000, WINDOW - 1, WINDOW, WINDOW + 1, 2 * WINDOW, 5 * WINDOW - 7, 3000000, BODY_MAX};

static void a_body_can_be_read_while_it_comes_and_again_from_any_offset(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LENGTH(lengths); i++) {
		struct plant plant;
		size_t length = lengths[i];
		plant_start_length(&plant, length);
		send_and_read(&plant, length, i % 2 == 0 ? SIZE_MAX : 5001);
		read_all(&plant, 0, length, SIZE_MAX);
		read_all(&plant, 0, length, 30011);
		read_all(&plant, length / 2, length, SIZE_MAX);
		read_all(&plant, length, length, SIZE_MAX);
		assert_int_equal(serve_spool_fault(plant.spool), FAULT_NONE);
		plant_done(&plant);
	}
}

static void a_reader_that_begins_anew_in_the_middle_misses_nothing(void **state)
{
	(void)state;
	struct plant plant;
	size_t length = 10 * WINDOW;
	struct str bytes;
	plant_start_length(&plant, length);
	assert_true(client_send(&plant.client, pattern_of(0, 3 * WINDOW)));
	uint64_t offset = 0;
	while (offset < 3 * WINDOW) {
		assert_int_equal(read_at(&plant, offset, &bytes), SERVE_SPOOL_DATA);
		offset += bytes.len;
	}
	/* Another origin is asked: from the beginning, while the rest arrives. */
	offset = 0;
	assert_true(client_send(&plant.client, pattern_of(3 * WINDOW, WINDOW)));
	while (offset < 4 * WINDOW) {
		assert_int_equal(read_at(&plant, offset, &bytes), SERVE_SPOOL_DATA);
		assert_true(str_is_equal(bytes, pattern_of(offset, bytes.len)));
		offset += bytes.len;
	}
	assert_true(client_send(&plant.client, pattern_of(4 * WINDOW, 6 * WINDOW)));
	read_all(&plant, 0, length, SIZE_MAX);
	plant_done(&plant);
}

static void what_fits_into_memory_makes_no_file(void **state)
{
	(void)state;
	struct plant plant;
	plant_start(&plant, "Content-Length: 65535\r\n", "/there/is/no/such/folder");
	assert_true(client_send(&plant.client, pattern_of(0, 65535)));
	read_all(&plant, 0, 65535, SIZE_MAX);
	read_all(&plant, 0, 65535, SIZE_MAX);
	plant_done(&plant);
}

static void a_file_beyond_what_all_files_may_have_is_a_fault(void **state)
{
	(void)state;
	struct plant plant;
	struct str bytes;
	uint64_t offset = 0;
	plant_start_length(&plant, 5 * WINDOW);
	plant.budget.limit = 2 * WINDOW;
	assert_true(client_send(&plant.client, pattern_of(0, 5 * WINDOW)));
	while (read_at(&plant, offset, &bytes) == SERVE_SPOOL_DATA)
		offset += bytes.len;
	assert_int_equal(serve_spool_fault(plant.spool), FAULT_SPOOL);
	assert_true(offset >= 2 * WINDOW && offset <= 3 * WINDOW);
	assert_int_equal(plant.budget.used, 2 * WINDOW);
	plant_done(&plant);
}

static void a_folder_that_refuses_is_a_fault(void **state)
{
	(void)state;
	struct plant plant;
	struct str bytes;
	uint64_t offset = 0;
	plant_start(&plant, "Content-Length: 200000\r\n", "/there/is/no/such/folder");
	assert_true(client_send(&plant.client, pattern_of(0, 200000)));
	while (read_at(&plant, offset, &bytes) == SERVE_SPOOL_DATA)
		offset += bytes.len;
	assert_int_equal(serve_spool_fault(plant.spool), FAULT_SPOOL);
	assert_int_equal(serve_spool_read(plant.spool, 0, &bytes), SERVE_SPOOL_FAILED);
	plant_done(&plant);
}

static void an_announced_body_over_the_limit_is_refused_at_once(void **state)
{
	(void)state;
	struct plant plant;
	struct str bytes;
	plant_start_length(&plant, BODY_MAX + 1);
	assert_int_equal(serve_spool_fault(plant.spool), FAULT_BODY_TOO_LARGE);
	assert_int_equal(serve_spool_read(plant.spool, 0, &bytes), SERVE_SPOOL_FAILED);
	plant_done(&plant);
}

static void a_chunked_body_over_the_limit_is_refused_where_it_crosses_it(void **state)
{
	(void)state;
	struct plant plant;
	struct str bytes;
	char line[32];
	uint64_t offset = 0, until_ms = clock_ms() + PATIENCE_MS;
	plant_start(&plant, "Transfer-Encoding: chunked\r\n", "/tmp");
	snprintf(line, sizeof(line), "%x\r\n", PATTERN_BYTES);
	client_say(&plant.client, line);
	enum serve_spool_read result;
	while ((result = serve_spool_read(plant.spool, offset, &bytes)) != SERVE_SPOOL_FAILED) {
		assert_true(clock_ms() < until_ms);
		ssize_t count = send(plant.client.fd, pattern_of(0, 100000).at, 100000,
		        MSG_DONTWAIT | MSG_NOSIGNAL);
		assert_true(count > 0 || errno == EAGAIN);
		if (result == SERVE_SPOOL_DATA)
			offset += bytes.len;
		turn(&plant.client, 1);
	}
	assert_int_equal(serve_spool_fault(plant.spool), FAULT_BODY_TOO_LARGE);
	assert_true(offset <= BODY_MAX && offset > BODY_MAX - 2 * WINDOW);
	plant_done(&plant);
}

/* How many files of ours are open and deleted. */
static unsigned nameless_files(void)
{
	unsigned count = 0;
	DIR *folder = opendir("/proc/self/fd");
	assert_non_null(folder);
	const struct dirent *entry;
	while ((entry = readdir(folder)) != NULL) {
		char path[300], target[256];
		snprintf(path, sizeof(path), "/proc/self/fd/%s", entry->d_name);
		ssize_t length = readlink(path, target, sizeof(target) - 1);
		if (length > 0) {
			target[length] = '\0';
			count += strstr(target, "(deleted)") != NULL;
		}
	}
	closedir(folder);
	return count;
}

static void a_released_body_keeps_nothing_and_holds_the_client_back(void **state)
{
	(void)state;
	struct plant plant;
	size_t length = BODY_MAX, sent = 0;
	plant_start_length(&plant, length);
	struct str bytes;
	uint64_t offset = 0;
	assert_int_equal(serve_spool_read(plant.spool, 0, &bytes), SERVE_SPOOL_WAIT);
	serve_spool_release(plant.spool);
	/* Nobody takes more than the first piece. */
	for (unsigned i = 0; i < 60; i++) {
		ssize_t count = send(plant.client.fd, pattern_of(sent, length - sent).at,
		        length - sent, MSG_DONTWAIT | MSG_NOSIGNAL);
		sent += count > 0 ? (size_t)count : 0;
		turn(&plant.client, 1);
		serve_spool_read(plant.spool, offset, &bytes);
	}
	assert_true(sent < length);
	assert_true(plant.fixture.budget.used <= 3 * WINDOW);
	assert_int_equal(nameless_files(), 0);
	uint64_t until_ms = clock_ms() + PATIENCE_MS;
	enum serve_spool_read result;
	while ((result = serve_spool_read(plant.spool, offset, &bytes)) != SERVE_SPOOL_END) {
		assert_true(clock_ms() < until_ms);
		if (result == SERVE_SPOOL_DATA) {
			size_t taken = bytes.len < 7001 ? bytes.len : 7001;
			assert_true(
			        str_is_equal(str_make(bytes.at, taken), pattern_of(offset, taken)));
			offset += taken;
			continue;
		}
		assert_int_equal(result, SERVE_SPOOL_WAIT);
		if (sent < length) {
			ssize_t count = send(plant.client.fd, pattern_of(sent, length - sent).at,
			        length - sent, MSG_DONTWAIT | MSG_NOSIGNAL);
			sent += count > 0 ? (size_t)count : 0;
		}
		turn(&plant.client, 1);
	}
	assert_int_equal(offset, length);
	assert_int_equal(nameless_files(), 0);
	plant_done(&plant);
}

static void a_body_released_in_its_middle_is_read_on_from_the_file(void **state)
{
	(void)state;
	struct plant plant;
	size_t length = 12 * WINDOW;
	struct str bytes;
	plant_start_length(&plant, length);
	assert_true(client_send(&plant.client, pattern_of(0, 6 * WINDOW)));
	uint64_t offset = 0;
	while (offset < 6 * WINDOW) {
		assert_int_equal(read_at(&plant, offset, &bytes), SERVE_SPOOL_DATA);
		offset += bytes.len;
	}
	assert_int_equal(nameless_files(), 1);
	assert_int_equal(read_at(&plant, WINDOW / 2, &bytes), SERVE_SPOOL_DATA);
	serve_spool_release(plant.spool);
	offset = WINDOW / 2;
	size_t sent = 6 * WINDOW;
	uint64_t until_ms = clock_ms() + PATIENCE_MS;
	enum serve_spool_read result;
	while ((result = serve_spool_read(plant.spool, offset, &bytes)) != SERVE_SPOOL_END) {
		assert_true(clock_ms() < until_ms);
		if (result == SERVE_SPOOL_DATA) {
			assert_true(str_is_equal(bytes, pattern_of(offset, bytes.len)));
			offset += bytes.len;
		} else {
			assert_int_equal(result, SERVE_SPOOL_WAIT);
			if (sent < length) {
				ssize_t count =
				        send(plant.client.fd, pattern_of(sent, length - sent).at,
				                length - sent, MSG_DONTWAIT | MSG_NOSIGNAL);
				sent += count > 0 ? (size_t)count : 0;
			}
			turn(&plant.client, 1);
		}
	}
	assert_int_equal(offset, length);
	plant_done(&plant);
}

/* Has a disk operation begun: the write of a full window, or the reading back of what was written.
 */
static void plant_start_at_the_disk(struct plant *plant, bool reads_back)
{
	struct str bytes;
	uint64_t offset = 0, end = reads_back ? 4 * WINDOW : WINDOW;
	plant_start_length(plant, 4 * WINDOW);
	assert_true(client_send(&plant->client, pattern_of(0, 4 * WINDOW)));
	while (offset < end) {
		assert_int_equal(read_at(plant, offset, &bytes), SERVE_SPOOL_DATA);
		offset += bytes.len;
	}
	assert_int_equal(
	        serve_spool_read(plant->spool, reads_back ? 5 : offset, &bytes), SERVE_SPOOL_WAIT);
}

static void a_spool_may_be_freed_while_the_disk_works_for_it(void **state)
{
	(void)state;
	for (unsigned reads_back = 0; reads_back < 2; reads_back++) {
		struct plant plant;
		plant_start_at_the_disk(&plant, reads_back);
		plant_let_go(&plant);
		/* Its memory and its file are given back once the disk is done. */
		turn_until(&plant.client, plant.fixture.buffers.in_use == 0);
		assert_int_equal(nameless_files(), 0);
		plant_done(&plant);
	}
}

static void a_spool_freed_at_the_very_end_is_no_leak(void **state)
{
	(void)state;
	for (unsigned reads_back = 0; reads_back < 2; reads_back++) {
		struct plant plant;
		plant_start_at_the_disk(&plant, reads_back);
		plant_done(&plant);
		assert_int_equal(nameless_files(), 0);
	}
}

static void a_client_that_leaves_or_errs_is_told_as_what_it_is(void **state)
{
	(void)state;
	static const struct {
		const char *field, *sent;
		enum fault fault;
	} rows[] = {
	        {"Content-Length: 10\r\n", "abc", FAULT_CLIENT_GONE},
	        {"Transfer-Encoding: chunked\r\n", "3\r\nabc\r\nx\r\n", FAULT_BAD_REQUEST},
	};
	for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
		struct plant plant;
		struct str bytes;
		uint64_t offset = 0;
		plant_start(&plant, rows[i].field, "/tmp");
		client_say(&plant.client, rows[i].sent);
		assert_int_equal(shutdown(plant.client.fd, SHUT_WR), 0);
		while (read_at(&plant, offset, &bytes) == SERVE_SPOOL_DATA)
			offset += bytes.len;
		assert_int_equal(serve_spool_fault(plant.spool), rows[i].fault);
		plant_done(&plant);
	}
}

static void a_budget_that_is_used_up_is_a_fault_and_nothing_grows(void **state)
{
	(void)state;
	struct plant plant;
	struct str bytes;
	uint64_t offset = 0;
	plant_start_length(&plant, 3 * WINDOW);
	plant.fixture.budget.limit = WINDOW;
	assert_true(client_send(&plant.client, pattern_of(0, 3 * WINDOW)));
	while (read_at(&plant, offset, &bytes) == SERVE_SPOOL_DATA)
		offset += bytes.len;
	assert_int_equal(serve_spool_fault(plant.spool), FAULT_MEMORY);
	assert_true(plant.fixture.budget.used <= WINDOW);
	plant_done(&plant);
}

int main(void)
{
	hash_init();
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(a_body_can_be_read_while_it_comes_and_again_from_any_offset),
	        cmocka_unit_test(a_reader_that_begins_anew_in_the_middle_misses_nothing),
	        cmocka_unit_test(what_fits_into_memory_makes_no_file),
	        cmocka_unit_test(a_file_beyond_what_all_files_may_have_is_a_fault),
	        cmocka_unit_test(a_folder_that_refuses_is_a_fault),
	        cmocka_unit_test(an_announced_body_over_the_limit_is_refused_at_once),
	        cmocka_unit_test(a_chunked_body_over_the_limit_is_refused_where_it_crosses_it),
	        cmocka_unit_test(a_released_body_keeps_nothing_and_holds_the_client_back),
	        cmocka_unit_test(a_body_released_in_its_middle_is_read_on_from_the_file),
	        cmocka_unit_test(a_spool_may_be_freed_while_the_disk_works_for_it),
	        cmocka_unit_test(a_spool_freed_at_the_very_end_is_no_leak),
	        cmocka_unit_test(a_client_that_leaves_or_errs_is_told_as_what_it_is),
	        cmocka_unit_test(a_budget_that_is_used_up_is_a_fault_and_nothing_grows),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
