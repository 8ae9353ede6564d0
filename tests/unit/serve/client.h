/*
 * Clients on loopback for tests that play both sides on one thread: while a client waits, the
 * server's loop turns. Whoever includes this defines `struct fixture` and the two functions that
 * are declared first.
 */
#pragma once

#include "base/clock.h"
#include "http/body.h"
#include "http/head.h"
#include "net/tcp.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <linux/sockios.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

struct fixture;

/* One turn of whatever serves. */
static inline void fixture_turn(struct fixture *fixture, unsigned wait_ms);

/* Where it listens. */
static inline const struct address *fixture_address(const struct fixture *fixture);

enum { PATIENCE_MS = 8000 }; /* how long a test waits for what must happen */

/* Byte `at` of every generated body. */
static inline char pattern(size_t at)
{
	return (char)('a' + (at * 7 + at / 251 + at / 65521) % 26);
}

enum { PATTERN_BYTES = 8 << 20 };

static inline struct str pattern_of(size_t from, size_t length)
{
	static char *bytes;
	static char room[PATTERN_BYTES];
	if (bytes == NULL) {
		bytes = room;
		for (size_t i = 0; i < PATTERN_BYTES; i++)
			bytes[i] = pattern(i);
	}
	assert_true(from + length <= PATTERN_BYTES);
	return str_make(bytes + from, length);
}

/* A file without a name that holds the first `length` bytes of the pattern. */
static inline int file_of_pattern(size_t length)
{
	int file = memfd_create("pattern", MFD_CLOEXEC);
	assert_true(file >= 0);
	assert_int_equal(write(file, pattern_of(0, length).at, length), length);
	return file;
}

struct client {
	struct fixture *fixture;
	int fd;
	struct text got; /* everything received */
	size_t read;     /* of it, by client_response */
	bool has_end, has_reset;
	bool is_paused; /* reads nothing */
};

/* Connects from `from` (NULL: anywhere) with a receive buffer of `receive_bytes` (0: the system's).
 */
static inline void client_open_from(
        struct client *client, struct fixture *fixture, const char *from, int receive_bytes)
{
	union address_sockaddr to, source;
	struct address address;
	socklen_t length = address_to_sockaddr(fixture_address(fixture), &to);
	*client = (struct client){.fixture = fixture, .fd = socket(AF_INET, SOCK_STREAM, 0)};
	assert_true(client->fd >= 0);
	if (receive_bytes != 0)
		assert_int_equal(setsockopt(client->fd, SOL_SOCKET, SO_RCVBUF, &receive_bytes,
		                         sizeof(receive_bytes)),
		        0);
	if (from != NULL) {
		assert_true(address_parse_ip(str_of(from), 0, &address));
		socklen_t source_length = address_to_sockaddr(&address, &source);
		assert_int_equal(bind(client->fd, &source.any, source_length), 0);
	}
	assert_int_equal(connect(client->fd, &to.any, length), 0);
}

static inline void client_open(struct client *client, struct fixture *fixture)
{
	client_open_from(client, fixture, NULL, 0);
}

static inline void client_close(struct client *client)
{
	if (client->fd >= 0)
		close(client->fd);
	client->fd = -1;
	text_done(&client->got);
}

/* Leaves with a reset. */
static inline void client_reset(struct client *client)
{
	tcp_abort(client->fd);
	client->fd = -1;
}

/* Takes what has arrived, at most `most` bytes. */
static inline void client_take(struct client *client, size_t most)
{
	char bytes[16384];
	while (most > 0 && !client->has_end && !client->has_reset && client->fd >= 0) {
		size_t size = most < sizeof(bytes) ? most : sizeof(bytes);
		ssize_t count = recv(client->fd, bytes, size, MSG_DONTWAIT);
		if (count > 0) {
			text_add(&client->got, str_make(bytes, (size_t)count));
			most -= (size_t)count;
		} else if (count == 0) {
			client->has_end = true;
		} else if (errno == EAGAIN || errno == EWOULDBLOCK) {
			return;
		} else {
			assert_int_equal(errno, ECONNRESET);
			client->has_reset = true;
		}
	}
}

static inline void turn(struct client *client, unsigned wait_ms)
{
	fixture_turn(client->fixture, wait_ms);
	if (!client->is_paused)
		client_take(client, SIZE_MAX);
}

/* Turns until `condition` holds; fails the test when it never does. */
#define turn_until(client, condition)                                                              \
	do {                                                                                       \
		uint64_t until_ms = clock_ms() + PATIENCE_MS;                                      \
		while (!(condition)) {                                                             \
			assert_true(clock_ms() < until_ms);                                        \
			turn((client), 5);                                                         \
		}                                                                                  \
	} while (0)

static inline void turn_for(struct client *client, uint64_t ms)
{
	uint64_t until_ms = clock_ms() + ms;
	while (clock_ms() < until_ms)
		turn(client, 2);
}

/* Sends all of it, turning the loop meanwhile; false when the server does not want it any more. */
static inline bool client_send(struct client *client, struct str bytes)
{
	uint64_t until_ms = clock_ms() + PATIENCE_MS;
	while (bytes.len > 0) {
		ssize_t count = send(client->fd, bytes.at, bytes.len, MSG_DONTWAIT | MSG_NOSIGNAL);
		if (count < 0 && errno != EAGAIN)
			return false;
		if (count > 0)
			bytes = str_make(bytes.at + count, bytes.len - (size_t)count);
		else
			turn(client, 1);
		assert_true(clock_ms() < until_ms);
	}
	return true;
}

static inline void client_say(struct client *client, const char *text)
{
	assert_true(client_send(client, str_of(text)));
}

/* A response as the client understood it. */
struct response {
	struct http_field fields[64];
	struct http_head head;
	struct text body;
	bool is_whole; /* its body ended as it had to */
	bool has_trailers;
	char trailer[64]; /* the first one, "name: value" */
};

static inline void response_done(struct response *response)
{
	text_done(&response->body);
}

/* Reads one response to `method` off what the client got; false when it is not whole yet. */
static inline bool parse_response(
        struct client *client, enum http_method method, struct response *response)
{
	static const struct http_head_limits limits = {.head_bytes = 65535, .fields = 64};
	struct str input =
	        str_make(text_c(&client->got) + client->read, client->got.len - client->read);
	size_t scanned = 0;
	enum fault fault = FAULT_NONE;
	response_done(response);
	*response = (struct response){.head = {.capacity = 64}};
	response->head.fields = response->fields;
	enum http_parse result =
	        http_head_parse_response(input, &scanned, &limits, &response->head, &fault);
	assert_int_not_equal(result, HTTP_PARSE_BAD);
	if (result == HTTP_PARSE_MORE)
		return false;
	input = str_make(input.at + response->head.len, input.len - response->head.len);
	enum http_framing framing = HTTP_FRAMING_NONE;
	uint64_t length = 0;
	if (response->head.status >= 200)
		assert_int_equal(
		        http_body_response(&response->head, method, &framing, &length), FAULT_NONE);
	struct http_body body;
	http_body_init(&body, framing, length);
	struct str piece;
	enum http_body_event event;
	while ((event = http_body_next(&body, &input, &piece)) == HTTP_BODY_DATA)
		text_add(&response->body, piece);
	assert_int_not_equal(event, HTTP_BODY_BAD);
	if (event == HTTP_BODY_MORE && client->has_end)
		event = http_body_closed(&body);
	response->is_whole = event == HTTP_BODY_END;
	if (response->is_whole && framing == HTTP_FRAMING_CHUNKED) {
		struct http_field fields[8];
		struct http_head trailers = {.fields = fields, .capacity = 8};
		assert_true(http_chunk_trailers(&body.chunk, &trailers));
		response->has_trailers = trailers.count > 0;
		if (response->has_trailers)
			snprintf(response->trailer, sizeof(response->trailer), "%.*s: %.*s",
			        STR_ARG(http_head_name(&trailers, &fields[0])),
			        STR_ARG(http_head_value(&trailers, &fields[0])));
	}
	http_body_done(&body);
	if (response->is_whole)
		client->read = client->got.len - input.len;
	return response->is_whole;
}

/* Waits for a whole response. */
static inline void read_response(
        struct client *client, enum http_method method, struct response *response)
{
	turn_until(client, parse_response(client, method, response));
}

static inline struct str response_field(const struct response *response, enum http_name name)
{
	return http_head_get(&response->head, name);
}

static inline bool is_text(struct str text, const char *wanted)
{
	return str_is_equal(text, str_of(wanted));
}

static inline bool is_pattern(struct str bytes)
{
	return str_is_equal(bytes, pattern_of(0, bytes.len));
}

/* A small request, and its whole response with this status. */
static inline void ask(struct client *client, const char *request, unsigned status)
{
	struct response response = {.body = {.at = NULL}};
	client_say(client, request);
	read_response(client, HTTP_GET, &response);
	assert_int_equal(response.head.status, status);
	response_done(&response);
}
