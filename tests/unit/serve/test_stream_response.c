/* Responses: every framing, from memory and from files, every pace, every broken end. */
#include "fixture.h"

#include <fcntl.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <signal.h>

#define HOST "Host: a.test\r\n"
#define GET  "GET /x HTTP/1.1\r\n" HOST "\r\n"

/* Responses: the request's method and version, what the handler says, and the framing that follows.
 */
enum framing_seen { SEEN_LENGTH, SEEN_CHUNKED, SEEN_CLOSE, SEEN_NOTHING };

static const struct {
	const char *method, *version;
	struct script script;
	enum framing_seen seen;
	bool is_kept;
} responses[] = {
        {"GET", "1.1", {.length = 1}, SEEN_LENGTH, true},
        {"GET", "1.1", {.length = 3000000}, SEEN_LENGTH, true},
        {"GET", "1.1", {.length = 300000, .piece = 100}, SEEN_LENGTH, true},
        {"GET", "1.1", {.length = 1, .is_length_unknown = true}, SEEN_CHUNKED, true},
        {"GET", "1.1", {.length = 3000000, .is_length_unknown = true}, SEEN_CHUNKED, true},
        {"GET", "1.1", {.length = 300000, .piece = 100, .is_length_unknown = true}, SEEN_CHUNKED,
                true},
        {"GET", "1.1", {.length = 20000, .piece = 7, .is_length_unknown = true, .flushes = true},
                SEEN_CHUNKED, true},
        {"GET", "1.1", {.length = 1000000, .piece = 4097, .is_length_unknown = true}, SEEN_CHUNKED,
                true},
        {"GET", "1.1", {.length = 1000000, .piece = 4000, .is_length_unknown = true}, SEEN_CHUNKED,
                true},
        {"GET", "1.0", {.length = 1}, SEEN_LENGTH, false},
        {"GET", "1.0", {.length = 3000000, .is_length_unknown = true}, SEEN_CLOSE, false},
        {"GET", "1.1", {.length = 1, .source = FROM_FILE}, SEEN_LENGTH, true},
        {"GET", "1.1", {.length = 3000000, .source = FROM_FILE}, SEEN_LENGTH, true},
        {"GET", "1.1", {.length = 3000000, .piece = 1 << 20, .source = FROM_FILE}, SEEN_LENGTH,
                true},
        {"GET", "1.1", {.length = 30000, .piece = 100, .source = FROM_BOTH}, SEEN_LENGTH, true},
        {"GET", "1.1", {.length = 3000000, .piece = 5000, .source = FROM_BOTH}, SEEN_LENGTH, true},
        {"GET", "1.1", {.length = 3000000, .is_length_unknown = true, .source = FROM_FILE},
                SEEN_CHUNKED, true},
        {"GET", "1.1",
                {.length = 30000, .piece = 7, .is_length_unknown = true, .source = FROM_BOTH},
                SEEN_CHUNKED, true},
        {"GET", "1.1",
                {.length = 3000000, .piece = 5000, .is_length_unknown = true, .source = FROM_BOTH},
                SEEN_CHUNKED, true},
        {"GET", "1.0", {.length = 3000000, .source = FROM_FILE}, SEEN_LENGTH, false},
        {"GET", "1.0", {.length = 3000000, .is_length_unknown = true, .source = FROM_FILE},
                SEEN_CLOSE, false},
        {"HEAD", "1.1", {.length = 500, .is_bodiless = true}, SEEN_LENGTH, true},
        {"HEAD", "1.1", {.length = 500, .is_bodiless = true, .is_length_unknown = true},
                SEEN_NOTHING, true},
        {"GET", "1.1", {.status = 204, .is_bodiless = true, .is_length_unknown = true},
                SEEN_NOTHING, true},
        {"GET", "1.1", {.status = 304, .is_bodiless = true, .length = 500}, SEEN_LENGTH, true},
        {"GET", "1.0", {.status = 304, .is_bodiless = true, .is_length_unknown = true},
                SEEN_NOTHING, false},
};

static enum framing_seen framing_of(const struct http_head *head)
{
	if (http_head_has(head, HTTP_NAME_TRANSFER_ENCODING))
		return SEEN_CHUNKED;
	if (http_head_has(head, HTTP_NAME_CONTENT_LENGTH))
		return SEEN_LENGTH;
	return head->status == 304 || head->status == 204 ? SEEN_NOTHING : SEEN_CLOSE;
}

static void expect_row(size_t row, const struct response *response)
{
	bool is_head = strcmp(responses[row].method, "HEAD") == 0;
	const struct script *script = &responses[row].script;
	enum framing_seen seen = framing_of(&response->head);
	if (is_head && seen == SEEN_CLOSE)
		seen = SEEN_NOTHING;
	assert_int_equal(seen, responses[row].seen);
	assert_int_equal(response->head.status, script->status != 0 ? script->status : 200);
	assert_int_equal(response->head.minor, 1);
	assert_int_equal(http_head_has_token(&response->head, HTTP_NAME_CONNECTION, STR("close")),
	        !responses[row].is_kept);
	size_t length = script->is_bodiless ? 0 : script->length;
	assert_int_equal(response->body.len, length);
	assert_true(is_pattern(text_str(&response->body)));
}

static void a_response_has_the_framing_that_fits(void **state)
{
	(void)state;
	struct fixture fixture;
	int file = file_of_pattern(3000000);
	fixture_start(&fixture);
	for (size_t i = 0; i < ARRAY_LENGTH(responses); i++) {
		struct client client;
		struct response response = {.body = {.at = NULL}};
		char request[128];
		fixture.script = responses[i].script;
		fixture.script.file = file;
		snprintf(request, sizeof(request), "%s / HTTP/%s\r\n" HOST "\r\n",
		        responses[i].method, responses[i].version);
		client_open(&client, &fixture);
		client_say(&client, request);
		read_response(&client,
		        strcmp(responses[i].method, "HEAD") == 0 ? HTTP_HEAD : HTTP_GET, &response);
		expect_row(i, &response);
		if (!responses[i].is_kept)
			turn_until(&client, client.has_end);
		assert_int_equal(client.got.len, client.read);
		if (!responses[i].script.is_bodiless)
			assert_int_equal(fixture.outcomes[i].sent, responses[i].script.length);
		response_done(&response);
		client_close(&client);
	}
	fixture_done(&fixture);
	close(file);
}

static void lines_that_are_serialised_already_stand_before_our_fields(void **state)
{
	(void)state;
	struct fixture fixture;
	struct client client;
	fixture_start(&fixture);
	fixture.script.status = 404;
	fixture.script.added = STR("Etag: \"1\"\r\nVary: a\r\n");
	client_open(&client, &fixture);
	client_say(&client, GET);
	static const char WANTED[] = "HTTP/1.1 404 Not Found\r\nEtag: \"1\"\r\nVary: a\r\n"
	                             "X-Cache: yes\r\nContent-Length: 2\r\n\r\n/x";
	turn_until(&client, client.got.len >= sizeof(WANTED) - 1);
	assert_string_equal(text_c(&client.got), WANTED);
	client_close(&client);
	fixture_done(&fixture);
}

/* How many segments with data the only connection has sent. */
static unsigned segments_sent(const struct fixture *fixture)
{
	struct tcp_info info;
	socklen_t length = sizeof(info);
	struct list_node *node = list_first(&fixture->server->connections);
	int fd = container_of(node, struct serve_connection, node)->watched.fd;
	assert_int_equal(getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &length), 0);
	return info.tcpi_data_segs_out;
}

static void a_small_body_leaves_together_with_its_head(void **state)
{
	(void)state;
	static const struct script rows[] = {
	        {.length = 1000},
	        {.length = 16384},
	        {.length = 1000, .source = FROM_FILE},
	        {.length = 16384, .source = FROM_FILE},
	        {.length = 3000, .piece = 1000, .source = FROM_BOTH},
	        {.length = 1000, .is_length_unknown = true},
	};
	struct fixture fixture;
	int file = file_of_pattern(20000);
	fixture_start(&fixture);
	for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
		struct client client;
		struct response response = {.body = {.at = NULL}};
		fixture.script = rows[i];
		fixture.script.file = file;
		client_open(&client, &fixture);
		client_say(&client, GET);
		read_response(&client, HTTP_GET, &response);
		/* The third piece, behind one of a file, has nothing to wait for. */
		assert_int_equal(segments_sent(&fixture), rows[i].piece != 0 ? 2 : 1);
		response_done(&response);
		client_close(&client);
		wait_until_alone(&fixture);
	}
	fixture_done(&fixture);
	close(file);
}

static void a_slow_reader_gets_every_byte(void **state)
{
	(void)state;
	struct fixture fixture;
	int file = file_of_pattern(3500018);
	fixture_start(&fixture);
	for (unsigned i = 0; i < 18; i++) {
		struct client client;
		struct response response = {.body = {.at = NULL}};
		fixture.script = (struct script){
		        .length = 3500000 + i,
		        .is_length_unknown = i % 2 == 1,
		        .piece = i % 4 < 2 ? 0 : 3001,
		        .cuts_anew = i >= 12,
		        .source = (enum source)(i < 12 ? i / 4 : (i - 12) / 2),
		        .file = file,
		};
		client_open_from(&client, &fixture, NULL, 4096);
		client.is_paused = true;
		client_say(&client, GET);
		/* Odd sizes, so that pieces, lines and ends are cut everywhere. */
		for (size_t round = 1; !client.has_end && fixture.ended == i; round++) {
			assert_true(round < 100000);
			turn(&client, 0);
			client_take(&client, 1 + round * 977 % 30000);
		}
		client.is_paused = false;
		read_response(&client, HTTP_GET, &response);
		assert_int_equal(response.body.len, 3500000 + i);
		assert_true(is_pattern(text_str(&response.body)));
		response_done(&response);
		client_close(&client);
	}
	fixture_done(&fixture);
	close(file);
}

static void trailers_follow_a_chunked_response(void **state)
{
	(void)state;
	struct fixture fixture;
	struct client client;
	struct response response = {.body = {.at = NULL}};
	struct parsed_trailers trailers;
	fixture_start(&fixture);
	client_open(&client, &fixture);
	for (unsigned is_unknown = 0; is_unknown < 2; is_unknown++) {
		fixture.script = (struct script){.length = 10,
		        .is_length_unknown = is_unknown,
		        .trailers = parse_trailers(&trailers, "X-Sum: 12\r\n\r\n")};
		client_say(&client, GET);
		read_response(&client, HTTP_GET, &response);
		assert_int_equal(response.has_trailers, is_unknown);
		assert_string_equal(response.trailer, is_unknown ? "X-Sum: 12" : "");
	}
	response_done(&response);
	client_close(&client);
	fixture_done(&fixture);
}

static void interim_responses_go_to_those_who_know_them(void **state)
{
	(void)state;
	struct fixture fixture;
	fixture_start(&fixture);
	fixture.script.interim = 103;
	for (unsigned minor = 0; minor < 2; minor++) {
		struct client client;
		struct response response = {.body = {.at = NULL}};
		char request[64];
		snprintf(request, sizeof(request), "GET / HTTP/1.%u\r\n" HOST "\r\n", minor);
		client_open(&client, &fixture);
		client_say(&client, request);
		read_response(&client, HTTP_GET, &response);
		if (minor == 1) {
			assert_int_equal(response.head.status, 103);
			assert_int_equal(response.head.count, 0);
			read_response(&client, HTTP_GET, &response);
		}
		assert_int_equal(response.head.status, 200);
		response_done(&response);
		client_close(&client);
	}
	fixture_done(&fixture);
}

static void a_head_goes_out_before_the_body_is_there(void **state)
{
	(void)state;
	struct fixture fixture;
	struct client client;
	fixture_start(&fixture);
	fixture.script.holds_after_head = true;
	client_open(&client, &fixture);
	client_say(&client, GET);
	turn_until(&client, client.got.len > 0);
	assert_true(str_has_suffix(text_str(&client.got), STR("\r\n\r\n")));
	fixture.script.holds_after_head = false;
	wake_exchanges(&fixture);
	ask(&client, "", 200);
	client_close(&client);
	fixture_done(&fixture);
}

/* Broken ends: the request's version, the response's framing, and how the client sees them. */
static const struct {
	const char *version;
	bool is_length_unknown, is_reset;
	size_t abort_at;
} aborts[] = {
        {"1.1", false, false, 1000},
        {"1.1", true, false, 1000},
        {"1.1", false, false, 2000000},
        {"1.1", true, false, 2000000},
        {"1.0", false, true, 1000},
        {"1.0", true, true, 1000},
        {"1.0", true, true, 2000000},
};

static void a_response_that_breaks_off_can_be_told_from_a_whole_one(void **state)
{
	(void)state;
	struct fixture fixture;
	fixture_start(&fixture);
	for (size_t i = 0; i < ARRAY_LENGTH(aborts); i++) {
		struct client client;
		struct response response = {.body = {.at = NULL}};
		char request[64];
		fixture.script = (struct script){
		        .length = 3000000,
		        .abort_at = aborts[i].abort_at,
		        .is_length_unknown = aborts[i].is_length_unknown,
		};
		snprintf(request, sizeof(request), "GET / HTTP/%s\r\n" HOST "\r\n",
		        aborts[i].version);
		client_open(&client, &fixture);
		client_say(&client, request);
		turn_until(&client, client.has_end || client.has_reset);
		assert_int_equal(client.has_reset, aborts[i].is_reset);
		if (client.got.len > 0)
			parse_response(&client, HTTP_GET, &response);
		assert_true(!response.is_whole || client.has_reset);
		if (!client.has_reset)
			assert_int_equal(response.body.len, aborts[i].abort_at);
		assert_true(is_pattern(text_str(&response.body)));
		response_done(&response);
		client_close(&client);
		wait_until_alone(&fixture);
	}
	fixture_done(&fixture);
}

/* Files that are not what was promised, as the client sees it. */
static const struct {
	const char *version;
	size_t length; /* of the file; 0: what cannot be read */
	bool is_length_unknown, is_reset;
} bad_files[] = {
        {"1.1", 1, false, false},
        {"1.1", 1, true, false},
        {"1.1", 2000000, false, false},
        {"1.1", 2000000, true, false},
        {"1.1", 0, false, false},
        {"1.0", 2000000, false, true},
        {"1.0", 2000000, true, true},
        {"1.0", 0, true, true},
};

static void a_file_that_lacks_what_was_promised_breaks_the_response_off(void **state)
{
	(void)state;
	struct fixture fixture;
	fixture_start(&fixture);
	for (size_t i = 0; i < ARRAY_LENGTH(bad_files); i++) {
		struct client client;
		struct response response = {.body = {.at = NULL}};
		size_t length = bad_files[i].length;
		char request[64];
		fixture.script = (struct script){
		        .length = 3000000,
		        .is_length_unknown = bad_files[i].is_length_unknown,
		        .source = FROM_FILE,
		        .file = length > 0 ? file_of_pattern(length) : open("/", O_RDONLY),
		};
		snprintf(request, sizeof(request), "GET / HTTP/%s\r\n" HOST "\r\n",
		        bad_files[i].version);
		client_open(&client, &fixture);
		client_say(&client, request);
		turn_until(&client, client.has_end || client.has_reset);
		assert_int_equal(client.has_reset, bad_files[i].is_reset);
		assert_int_equal(fixture.outcomes[i].fault, FAULT_STORED);
		assert_int_equal(fixture.outcomes[i].sent, length);
		if (client.got.len > 0)
			parse_response(&client, HTTP_GET, &response);
		assert_true(!response.is_whole || client.has_reset);
		assert_true(is_pattern(text_str(&response.body)));
		response_done(&response);
		client_close(&client);
		close(fixture.script.file);
		wait_until_alone(&fixture);
	}
	fixture_done(&fixture);
}

static void a_client_that_leaves_in_the_middle_of_a_file_is_gone(void **state)
{
	(void)state;
	struct fixture fixture;
	struct client client;
	fixture_start(&fixture);
	fixture.script = (struct script){
	        .length = 3000000, .source = FROM_FILE, .file = file_of_pattern(3000000)};
	client_open_from(&client, &fixture, NULL, 4096);
	client.is_paused = true;
	client_say(&client, GET);
	turn_until(&client, fixture.begun == 1);
	client_reset(&client);
	turn_until(&client, fixture.ended == 1);
	assert_int_equal(fixture.outcomes[0].fault, FAULT_CLIENT_GONE);
	client_close(&client);
	close(fixture.script.file);
	fixture_done(&fixture);
}

/* Readers that are too slow: so much at first, then so much each 10 ms. */
static const struct {
	size_t first, drip;
	bool is_length_unknown;
	enum source source;
} slow_readers[] = {
        {0, 0, false, FROM_MEMORY},
        {0, 1, false, FROM_MEMORY},
        {0, 0, true, FROM_MEMORY},
        {3000000, 0, false, FROM_MEMORY},
        {3000000, 1, true, FROM_MEMORY},
        {0, 1, false, FROM_FILE},
        {3000000, 1, true, FROM_FILE},
};

static void a_slow_reader_is_cut_off_in_time(void **state)
{
	(void)state;
	struct fixture fixture;
	fixture_start(&fixture);
	fixture.script.length = PATTERN_BYTES;
	fixture.script.file = file_of_pattern(PATTERN_BYTES);
	for (unsigned i = 0; i < ARRAY_LENGTH(slow_readers); i++) {
		struct client client;
		fixture.script.is_length_unknown = slow_readers[i].is_length_unknown;
		fixture.script.source = slow_readers[i].source;
		client_open_from(&client, &fixture, NULL, 4096);
		client.is_paused = true;
		client_say(&client, GET);
		turn_until(&client, fixture.begun == i + 1);
		while (client.got.len < slow_readers[i].first) {
			client_take(&client, slow_readers[i].first - client.got.len);
			turn(&client, 0);
		}
		uint64_t begun_ms = clock_ms();
		while (fixture.ended == i) {
			assert_true(clock_ms() < begun_ms + PATIENCE_MS);
			client_take(&client, slow_readers[i].drip);
			turn_for(&client, 10);
		}
		uint64_t ms = clock_ms() - begun_ms;
		assert_true(ms + 40 >= WRITE_MS && ms < WRITE_MS * 5 / 4 + SLACK_MS);
		assert_int_equal(fixture.outcomes[i].fault, FAULT_WRITE_SLOW);
		assert_true(is_alone(&fixture));
		client.is_paused = false;
		turn_until(&client, client.has_reset);
		client_close(&client);
	}
	close(fixture.script.file);
	fixture_done(&fixture);
}

/* It takes a hundred times the least rate, and far less in a window than what must become free
 * before the kernel reports room. */
static void a_reader_that_is_fast_enough_is_not_cut_off(void **state)
{
	(void)state;
	struct fixture fixture;
	struct client client;
	struct response response = {.body = {.at = NULL}};
	fixture_start(&fixture);
	fixture.script.length = PATTERN_BYTES;
	client_open_from(&client, &fixture, NULL, 65536);
	client.is_paused = true;
	client_say(&client, GET);
	for (unsigned i = 0; i < WRITE_MS * 4 / 20; i++) {
		client_take(&client, 20000);
		turn_for(&client, 20);
	}
	assert_int_equal(fixture.ended, 0);
	client.is_paused = false;
	read_response(&client, HTTP_GET, &response);
	assert_true(is_pattern(text_str(&response.body)));
	response_done(&response);
	client_close(&client);
	fixture_done(&fixture);
}

static void a_reader_that_has_everything_is_not_slow(void **state)
{
	(void)state;
	struct fixture fixture;
	struct client client;
	struct response response = {.body = {.at = NULL}};
	fixture_start(&fixture);
	fixture.script.length = PATTERN_BYTES;
	fixture.script.is_length_unknown = true;
	client_open(&client, &fixture);
	client.is_paused = true;
	client_say(&client, GET);
	turn_until(&client, fixture.begun == 1);
	turn_for(&client, 30);
	/* The client catches up, but there is nothing more for it. */
	fixture.script.holds = true;
	client.is_paused = false;
	turn_for(&client, WRITE_MS * 2);
	assert_int_equal(fixture.ended, 0);
	fixture.script.holds = false;
	wake_exchanges(&fixture);
	read_response(&client, HTTP_GET, &response);
	assert_true(is_pattern(text_str(&response.body)));
	response_done(&response);
	client_close(&client);
	fixture_done(&fixture);
}

/* Fills the kernel's buffer from the server to its only client, as an earlier response could. */
static size_t fill_kernel(struct fixture *fixture)
{
	struct serve_connection *connection = container_of(
	        list_first(&fixture->server->connections), struct serve_connection, node);
	struct str bytes = pattern_of(0, PATTERN_BYTES);
	size_t filled = 0;
	ssize_t count;
	while ((count = send(connection->watched.fd, bytes.at, bytes.len, MSG_DONTWAIT)) > 0)
		filled += (size_t)count;
	connection->wire.sent += filled;
	return filled;
}

static void the_last_bytes_of_a_response_wait_for_a_slow_reader_but_not_for_ever(void **state)
{
	(void)state;
	struct fixture fixture;
	fixture_start(&fixture);
	for (unsigned reads = 0; reads < 2; reads++) {
		struct client client;
		fixture.script = (struct script){
		        .holds = true, .length = 2000, .piece = 100, .is_length_unknown = true};
		client_open_from(&client, &fixture, NULL, 4096);
		client.is_paused = true;
		client_say(&client, GET);
		turn_until(&client, fixture.begun == reads + 1);
		size_t filled = fill_kernel(&fixture);
		uint64_t begun_ms = clock_ms();
		fixture.script.holds = false;
		wake_exchanges(&fixture);
		turn_for(&client, WRITE_MS / 2);
		assert_int_equal(fixture.ended, reads + 1); /* it left everything to us */
		assert_false(is_alone(&fixture));
		if (reads == 1) {
			client.is_paused = false;
			turn_until(&client, client.got.len > filled);
			client.read = filled;
			ask(&client, "", 200);
		} else {
			wait_until_alone(&fixture);
			uint64_t ms = clock_ms() - begun_ms;
			assert_true(ms + 40 >= WRITE_MS && ms < WRITE_MS * 5 / 4 + SLACK_MS);
		}
		client_close(&client);
		wait_until_alone(&fixture);
	}
	fixture_done(&fixture);
}
int main(void)
{
	hash_init();
	/* As the program does: sendfile has no flag for it. */
	signal(SIGPIPE, SIG_IGN);
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(a_response_has_the_framing_that_fits),
	        cmocka_unit_test(lines_that_are_serialised_already_stand_before_our_fields),
	        cmocka_unit_test(a_small_body_leaves_together_with_its_head),
	        cmocka_unit_test(a_slow_reader_gets_every_byte),
	        cmocka_unit_test(trailers_follow_a_chunked_response),
	        cmocka_unit_test(interim_responses_go_to_those_who_know_them),
	        cmocka_unit_test(a_head_goes_out_before_the_body_is_there),
	        cmocka_unit_test(a_response_that_breaks_off_can_be_told_from_a_whole_one),
	        cmocka_unit_test(a_file_that_lacks_what_was_promised_breaks_the_response_off),
	        cmocka_unit_test(a_client_that_leaves_in_the_middle_of_a_file_is_gone),
	        cmocka_unit_test(a_slow_reader_is_cut_off_in_time),
	        cmocka_unit_test(a_reader_that_is_fast_enough_is_not_cut_off),
	        cmocka_unit_test(a_reader_that_has_everything_is_not_slow),
	        cmocka_unit_test(
	                the_last_bytes_of_a_response_wait_for_a_slow_reader_but_not_for_ever),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
