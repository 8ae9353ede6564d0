/*
 * A client of HTTP/2 for the tests of this room: nghttp2's other side, on a socket of client.h.
 * What no library would send is sent as bytes.
 */
#pragma once

#include "fixture.h"
#include "serve/h2_private.h"

#include <netinet/tcp.h>
#include <nghttp2/nghttp2.h>

enum { H2_ANSWERS = 160 };

/* What came on a stream. */
struct h2_answer {
	char head[2048]; /* lines "name: value", of the last final head */
	char trailers[256];
	uint64_t sum; /* of all names and values that came */
	struct text body;
	unsigned status, interims, frames;
	uint32_t reset; /* the code; UINT32_MAX: none */
	bool is_whole, is_closed;
};

struct h2_client {
	struct client client;
	nghttp2_session *session;
	struct h2_answer *answers; /* stream 2n + 1 is the n-th */
	struct str upload;         /* of the next request */
	size_t uploaded, upload_piece;
	nghttp2_nv *upload_trailers;
	uint32_t goaway; /* the last one's code; UINT32_MAX: none */
	int32_t goaway_last;
	unsigned goaways, pings;
	bool holds_windows; /* sends no WINDOW_UPDATE */
	bool is_broken;
};

static inline struct h2_answer *h2_answer(struct h2_client *h2, int32_t id)
{
	assert_true(id > 0 && id / 2 < H2_ANSWERS);
	return &h2->answers[id / 2];
}

static inline uint64_t h2_add_to_sum(uint64_t sum, struct str bytes)
{
	for (size_t i = 0; i < bytes.len; i++)
		sum = sum * 31 + (unsigned char)bytes.at[i];
	return sum;
}

static inline int h2_on_header(nghttp2_session *session, const nghttp2_frame *frame,
        const uint8_t *name, size_t name_len, const uint8_t *value, size_t value_len, uint8_t flags,
        void *user)
{
	struct h2_answer *answer = h2_answer(user, frame->hd.stream_id);
	struct str key = str_make((const char *)name, name_len);
	(void)session;
	(void)flags;
	answer->sum = h2_add_to_sum(answer->sum, key);
	answer->sum = h2_add_to_sum(answer->sum, str_make((const char *)value, value_len));
	if (str_is_equal(key, STR(":status"))) {
		unsigned status = (unsigned)atoi((const char *)value);
		answer->interims += status < 200;
		answer->status = status;
	}
	bool is_trailer = answer->status >= 200 && answer->head[0] != '\0' &&
	                  (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0 &&
	                  frame->headers.cat == NGHTTP2_HCAT_HEADERS;
	char *to = is_trailer ? answer->trailers : answer->head;
	size_t room = is_trailer ? sizeof(answer->trailers) : sizeof(answer->head), at = strlen(to);
	snprintf(to + at, room - at, "%.*s: %.*s\n", (int)name_len, name, (int)value_len, value);
	return 0;
}

static inline int h2_on_data(nghttp2_session *session, uint8_t flags, int32_t id,
        const uint8_t *bytes, size_t length, void *user)
{
	struct h2_client *h2 = user;
	(void)flags;
	text_add(&h2_answer(h2, id)->body, str_make((const char *)bytes, length));
	if (!h2->holds_windows)
		nghttp2_session_consume(session, id, length);
	return 0;
}

static inline int h2_on_frame(nghttp2_session *session, const nghttp2_frame *frame, void *user)
{
	struct h2_client *h2 = user;
	(void)session;
	switch ((int)frame->hd.type) {
	case NGHTTP2_DATA:
		h2_answer(h2, frame->hd.stream_id)->frames++;
		/* fall through */
	case NGHTTP2_HEADERS:
		if (frame->hd.flags & NGHTTP2_FLAG_END_STREAM)
			h2_answer(h2, frame->hd.stream_id)->is_whole = true;
		break;
	case NGHTTP2_RST_STREAM:
		h2_answer(h2, frame->hd.stream_id)->reset = frame->rst_stream.error_code;
		break;
	case NGHTTP2_GOAWAY:
		h2->goaways++;
		h2->goaway = frame->goaway.error_code;
		h2->goaway_last = frame->goaway.last_stream_id;
		break;
	case NGHTTP2_PING:
		h2->pings += (frame->hd.flags & NGHTTP2_FLAG_ACK) != 0;
		break;
	default:
		break;
	}
	return 0;
}

static inline int h2_on_close(nghttp2_session *session, int32_t id, uint32_t code, void *user)
{
	(void)session;
	(void)code;
	h2_answer(user, id)->is_closed = true;
	return 0;
}

static inline ssize_t h2_on_upload(nghttp2_session *session, int32_t id, uint8_t *to, size_t length,
        uint32_t *flags, nghttp2_data_source *source, void *user)
{
	struct h2_client *h2 = user;
	size_t left = h2->upload.len - h2->uploaded;
	(void)source;
	if (h2->upload_piece != 0 && length > h2->upload_piece)
		length = h2->upload_piece;
	if (length > left)
		length = left;
	if (length > 0)
		memcpy(to, h2->upload.at + h2->uploaded, length);
	h2->uploaded += length;
	if (h2->uploaded == h2->upload.len)
		*flags |= NGHTTP2_DATA_FLAG_EOF;
	if (h2->uploaded == h2->upload.len && h2->upload_trailers != NULL) {
		*flags |= NGHTTP2_DATA_FLAG_NO_END_STREAM;
		assert_int_equal(nghttp2_submit_trailer(session, id, h2->upload_trailers, 1), 0);
	}
	return (ssize_t)length;
}

/* Sends what the session has; what is received goes to it. */
static inline void h2_turn(struct h2_client *h2)
{
	const uint8_t *bytes;
	ssize_t length;
	struct client *client = &h2->client;
	while (!h2->is_broken && (length = nghttp2_session_mem_send(h2->session, &bytes)) > 0)
		if (!client_send(client, str_make((const char *)bytes, (size_t)length)))
			h2->is_broken = true;
	turn(client, 2);
	if (client->got.len > client->read) {
		length = nghttp2_session_mem_recv(h2->session,
		        (const uint8_t *)text_c(&client->got) + client->read,
		        client->got.len - client->read);
		assert_true(length >= 0);
		client->read = client->got.len;
	}
}

#define h2_until(h2, condition)                                                                    \
	do {                                                                                       \
		uint64_t until_ms = clock_ms() + PATIENCE_MS;                                      \
		while (!(condition)) {                                                             \
			assert_true(clock_ms() < until_ms);                                        \
			h2_turn(h2);                                                               \
		}                                                                                  \
	} while (0)

static inline void h2_for(struct h2_client *h2, uint64_t ms)
{
	uint64_t until_ms = clock_ms() + ms;
	while (clock_ms() < until_ms)
		h2_turn(h2);
}

/* `window`: of each stream at first; 0 is the standard's. */
static inline void h2_open(struct h2_client *h2, struct fixture *fixture, uint32_t window)
{
	nghttp2_session_callbacks *callbacks;
	nghttp2_option *option;
	*h2 = (struct h2_client){.goaway = UINT32_MAX};
	client_open(&h2->client, fixture);
	const int on = 1; /* frames are sent in small parts */
	assert_int_equal(setsockopt(h2->client.fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)), 0);
	h2->answers = mem_zero(H2_ANSWERS * sizeof(struct h2_answer));
	for (unsigned i = 0; i < H2_ANSWERS; i++)
		h2->answers[i].reset = UINT32_MAX;
	assert_int_equal(nghttp2_session_callbacks_new(&callbacks), 0);
	nghttp2_session_callbacks_set_on_header_callback(callbacks, h2_on_header);
	nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, h2_on_data);
	nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, h2_on_frame);
	nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, h2_on_close);
	assert_int_equal(nghttp2_option_new(&option), 0);
	nghttp2_option_set_no_auto_window_update(option, 1);
	assert_int_equal(nghttp2_session_client_new2(&h2->session, callbacks, h2, option), 0);
	nghttp2_option_del(option);
	nghttp2_session_callbacks_del(callbacks);
	const nghttp2_settings_entry entry = {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, window};
	assert_int_equal(
	        nghttp2_submit_settings(h2->session, NGHTTP2_FLAG_NONE, &entry, window != 0), 0);
}

/* Gives the connection a window that no test fills. */
static inline void h2_open_wide(struct h2_client *h2)
{
	assert_int_equal(
	        nghttp2_session_set_local_window_size(h2->session, NGHTTP2_FLAG_NONE, 0, 1 << 30),
	        0);
}

static inline void h2_close(struct h2_client *h2)
{
	nghttp2_session_del(h2->session);
	for (unsigned i = 0; i < H2_ANSWERS; i++)
		text_done(&h2->answers[i].body);
	mem_free(h2->answers);
	client_close(&h2->client);
}

static inline nghttp2_nv h2_field(const char *name, const char *value)
{
	return (nghttp2_nv){.name = (uint8_t *)(uintptr_t)name,
	        .namelen = strlen(name),
	        .value = (uint8_t *)(uintptr_t)value,
	        .valuelen = strlen(value)};
}

/* Begins a request; with `has_body` it sends h2->upload. A field more may be given (or NULL). */
static inline int32_t h2_ask(struct h2_client *h2, const char *method, const char *path,
        bool has_body, const char *name, const char *value)
{
	const nghttp2_nv fields[] = {
	        h2_field(":method", method),
	        h2_field(":scheme", "http"),
	        h2_field(":authority", "a.test"),
	        h2_field(":path", path),
	        h2_field(name != NULL ? name : "x-none", value != NULL ? value : "1"),
	};
	nghttp2_data_provider provider = {.read_callback = h2_on_upload};
	if (has_body)
		h2->uploaded = 0;
	int32_t id = nghttp2_submit_request(
	        h2->session, NULL, fields, ARRAY_LENGTH(fields), has_body ? &provider : NULL, NULL);
	assert_true(id > 0);
	return id;
}

static inline struct h2_answer *h2_get(struct h2_client *h2, const char *path)
{
	int32_t id = h2_ask(h2, "GET", path, false, NULL, NULL);
	h2_until(h2, h2_answer(h2, id)->is_closed);
	return h2_answer(h2, id);
}

static inline bool h2_has(const struct h2_answer *answer, const char *line)
{
	return strstr(answer->head, line) != NULL;
}

/* The server's side of the only connection. */
static inline struct serve_h2_session *h2_session(const struct fixture *fixture)
{
	struct list_node *node = list_first(&fixture->server->connections);
	return container_of(node, struct serve_connection, node)->session;
}

/* A fixture whose server speaks HTTP/2. */
static inline void h2_fixture_start(struct fixture *fixture)
{
	fixture_init(fixture);
	fixture->options.is_http2 = true;
	fixture->options.plain_h2 = SERVE_PLAIN_H2_LOOPBACK;
	fixture_listen(fixture);
}

/* One request has come there, and is not answered yet. */
static inline void h2_start_held(struct h2_client *h2, struct fixture *fixture)
{
	h2_fixture_start(fixture);
	fixture->script.holds = true;
	h2_open(h2, fixture, 0);
	h2_ask(h2, "GET", "/a", false, NULL, NULL);
	h2_until(h2, fixture->begun == 1);
}

/* A client that has said what it begins with. */
static inline void h2_start(struct h2_client *h2, struct fixture *fixture)
{
	h2_fixture_start(fixture);
	h2_open(h2, fixture, 0);
	h2_turn(h2);
}

static inline void h2_done(struct h2_client *h2, struct fixture *fixture)
{
	h2_close(h2);
	wait_until_alone(fixture);
	fixture_done(fixture);
}
