/*
 * Two judges of one message: nghttp2 with its own checks, and serve/h2_rules.h. What nghttp2 finds
 * malformed has to be malformed here as well, and the reverse but for what is stricter on purpose.
 * For tests and the fuzz target.
 */
#pragma once

#include "base/mem.h"
#include "serve/h2_rules.h"

#include <nghttp2/nghttp2.h>

enum { JUDGES_FIELDS = 24, JUDGES_BYTES = 16000 };

struct judges_field {
	struct str name, value;
};

/* A message: a head, the length of its body, and trailers, of which it ends with the last. */
struct judges_message {
	struct judges_field head[JUDGES_FIELDS], trailers[JUDGES_FIELDS];
	size_t head_count, trailer_count;
	size_t body_length;
	bool has_body, has_trailers, lacks_end; /* lacks_end: of the trailers */
};

static inline int judges_on_begin_headers(
        nghttp2_session *session, const nghttp2_frame *frame, void *user)
{
	(void)session;
	(void)frame;
	(void)user;
	return 0;
}

static inline int judges_on_invalid_header(nghttp2_session *session, const nghttp2_frame *frame,
        const uint8_t *name, size_t name_len, const uint8_t *value, size_t value_len, uint8_t flags,
        void *user)
{
	(void)session;
	(void)frame;
	(void)name;
	(void)name_len;
	(void)value;
	(void)value_len;
	(void)flags;
	(void)user;
	return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
}

/* Packs without any table; `to` has room. */
static inline char *judges_put_text(char *to, struct str text)
{
	size_t number = text.len;
	if (number < 127) {
		*to++ = (char)number;
	} else {
		*to++ = 127;
		for (number -= 127; number >= 128; number >>= 7)
			*to++ = (char)(128 | (number & 127));
		*to++ = (char)number;
	}
	if (text.len > 0)
		memcpy(to, text.at, text.len);
	return to + text.len;
}

static inline void judges_give(
        nghttp2_session *session, uint8_t type, uint8_t flags, struct str payload)
{
	const uint8_t head[9] = {(uint8_t)(payload.len >> 16), (uint8_t)(payload.len >> 8),
	        (uint8_t)payload.len, type, flags, 0, 0, 0, type == NGHTTP2_SETTINGS ? 0 : 1};
	CHECK(nghttp2_session_mem_recv(session, head, sizeof(head)) == sizeof(head));
	if (payload.len > 0)
		CHECK(nghttp2_session_mem_recv(session, (const uint8_t *)payload.at, payload.len) ==
		        (ssize_t)payload.len);
}

static inline void judges_give_head(
        nghttp2_session *session, const struct judges_field *fields, size_t count, bool has_end)
{
	static char block[JUDGES_BYTES * 2];
	char *to = block;
	for (size_t i = 0; i < count; i++) {
		*to++ = 0;
		to = judges_put_text(to, fields[i].name);
		to = judges_put_text(to, fields[i].value);
	}
	judges_give(session, NGHTTP2_HEADERS,
	        (uint8_t)(NGHTTP2_FLAG_END_HEADERS | (has_end ? NGHTTP2_FLAG_END_STREAM : 0)),
	        str_make(block, (size_t)(to - block)));
}

/* Whether nghttp2 resets the stream. */
static inline bool judges_ask_nghttp2(const struct judges_message *message)
{
	static const char zeros[JUDGES_BYTES];
	nghttp2_session_callbacks *callbacks;
	nghttp2_session *session;
	const uint8_t *bytes;
	ssize_t length;
	bool is_malformed = false;
	CHECK(nghttp2_session_callbacks_new(&callbacks) == 0);
	nghttp2_session_callbacks_set_on_begin_headers_callback(callbacks, judges_on_begin_headers);
	nghttp2_session_callbacks_set_on_invalid_header_callback(
	        callbacks, judges_on_invalid_header);
	CHECK(nghttp2_session_server_new(&session, callbacks, NULL) == 0);
	nghttp2_session_callbacks_del(callbacks);
	const nghttp2_settings_entry entry = {NGHTTP2_SETTINGS_ENABLE_CONNECT_PROTOCOL, 1};
	CHECK(nghttp2_submit_settings(session, NGHTTP2_FLAG_NONE, &entry, 1) == 0);
	CHECK(nghttp2_session_mem_recv(session, (const uint8_t *)NGHTTP2_CLIENT_MAGIC,
	              NGHTTP2_CLIENT_MAGIC_LEN) == NGHTTP2_CLIENT_MAGIC_LEN);
	judges_give(session, NGHTTP2_SETTINGS, 0, STR_EMPTY);
	judges_give_head(session, message->head, message->head_count,
	        !message->has_body && !message->has_trailers);
	if (message->has_body)
		judges_give(session, NGHTTP2_DATA,
		        message->has_trailers ? 0 : NGHTTP2_FLAG_END_STREAM,
		        str_make(zeros, message->body_length));
	if (message->has_trailers)
		judges_give_head(
		        session, message->trailers, message->trailer_count, !message->lacks_end);
	while ((length = nghttp2_session_mem_send(session, &bytes)) > 0)
		is_malformed |= bytes[3] == NGHTTP2_RST_STREAM || bytes[3] == NGHTTP2_GOAWAY;
	nghttp2_session_del(session);
	return is_malformed;
}

static inline bool judges_add_all(
        struct serve_h2_rules *rules, const struct judges_field *fields, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		struct str name = fields[i].name, value = fields[i].value;
		bool is_right =
		        name.len > 0 && name.at[0] == ':'
		                ? serve_h2_rules_add_pseudo(
		                          rules, serve_h2_rules_pseudo(name), value)
		                : serve_h2_rules_add(rules, http_name_of(name), name, value);
		if (!is_right)
			return false;
	}
	return true;
}

/* Whether it is malformed by our rules; the length of the body is h2_stream.c's to hold against
 * that of the head, and is done here. */
static inline bool judges_ask_us(const struct judges_message *message)
{
	struct serve_h2_rules head = {.is_trailers = false}, trailers = {.is_trailers = true};
	bool has_end = !message->has_body && !message->has_trailers;
	if (!judges_add_all(&head, message->head, message->head_count) ||
	        !serve_h2_rules_end(&head, has_end))
		return true;
	bool is_connect = head.is_connect && !serve_h2_rules_has(&head, SERVE_H2_PSEUDO_PROTOCOL);
	size_t length = message->has_body ? message->body_length : 0;
	if (head.has_length && !is_connect && head.length != length)
		return true;
	return message->has_trailers &&
	       (!judges_add_all(&trailers, message->trailers, message->trailer_count) ||
	               !serve_h2_rules_end(&trailers, !message->lacks_end));
}
