/*
 * What becomes of the same bytes at nghttp2's server and at ours: conversations that are made up of
 * a number, right but for one frame, and what either says to them. For tests.
 */
#pragma once

#include "h2_client.h"

enum { REFERENCE_STREAMS = 64, REFERENCE_FRAMES = 40, REFERENCE_BODY_BYTES = 300 };

/* What a server said; by half of a stream's number. */
struct reference_verdict {
	bool is_over; /* GOAWAY with an error, or the end */
	bool is_answered[REFERENCE_STREAMS];
	uint32_t reset[REFERENCE_STREAMS]; /* the code; 0: none */
};

/* ---- what a client says ---- */

enum reference_state { REFERENCE_IDLE, REFERENCE_OPEN, REFERENCE_HALF, REFERENCE_CLOSED };

struct reference_talk {
	struct text bytes;
	uint64_t random;
	enum reference_state states[REFERENCE_STREAMS];
	unsigned begun;         /* streams, but for those that were passed over */
	unsigned frames, wrong; /* frames that were made; which of them is changed */
};

static inline unsigned reference_roll(struct reference_talk *talk, unsigned sides)
{
	talk->random ^= talk->random << 13;
	talk->random ^= talk->random >> 7;
	talk->random ^= talk->random << 17;
	return (unsigned)(talk->random >> 33) % sides;
}

/* Makes a frame another one, whose length is right still. Not of those about which nghttp2 is less
 * strict: heads with another number (RFC 9113 section 5.1.1), and PRIORITY of no stream (6.3). */
static inline void reference_spoil(
        struct reference_talk *talk, struct serve_h2_frame *frame, char *payload, size_t *length)
{
	static const uint8_t TYPES[] = {0, 3, 4, 5, 6, 7, 8, 9, 0xfa};
	static const uint32_t IDS[] = {0, 1, 2, 5, 101};
	bool keeps_id = frame->type == SERVE_H2_HEADERS || frame->type == SERVE_H2_PRIORITY;
	switch (reference_roll(talk, 5)) {
	case 0:
		frame->type = TYPES[reference_roll(talk, sizeof(TYPES))];
		break;
	case 1:
		frame->flags ^= (uint8_t)(1U << reference_roll(talk, 8));
		break;
	case 2:
		frame->id = keeps_id ? frame->id : IDS[reference_roll(talk, ARRAY_LENGTH(IDS))];
		break;
	case 3:
		*length = reference_roll(talk, (unsigned)*length + 1);
		break;
	default:
		if (*length > 0)
			payload[reference_roll(talk, (unsigned)*length)] ^=
			        (char)(1U << reference_roll(talk, 8));
		break;
	}
}

static inline void reference_add(
        struct reference_talk *talk, uint8_t type, uint8_t flags, uint32_t id, struct str payload)
{
	char head[SERVE_H2_FRAME_HEAD_BYTES], copy[2 * REFERENCE_BODY_BYTES];
	struct serve_h2_frame frame = {.type = type, .flags = flags, .id = id};
	size_t length = payload.len;
	assert_true(length <= sizeof(copy));
	if (length > 0)
		memcpy(copy, payload.at, length);
	if (talk->frames++ == talk->wrong)
		reference_spoil(talk, &frame, copy, &length);
	frame.length = (uint32_t)length;
	serve_h2_frame_write(head, frame);
	text_add(&talk->bytes, str_make(head, sizeof(head)));
	text_add(&talk->bytes, str_make(copy, length));
}

/* With what some frames have around it. */
static inline void reference_add_padded(
        struct reference_talk *talk, uint8_t type, uint8_t flags, uint32_t id, struct str content)
{
	static const char zeros[64];
	struct text payload = {.at = NULL};
	char padding = (char)reference_roll(talk, sizeof(zeros));
	bool is_padded = reference_roll(talk, 4) == 0;
	if (is_padded)
		text_add(&payload, str_make(&padding, 1));
	if (type == SERVE_H2_HEADERS && reference_roll(talk, 4) == 0) {
		flags |= SERVE_H2_WITH_PRIORITY;
		text_add(&payload, str_make(zeros, 5));
	}
	text_add(&payload, content);
	if (is_padded)
		text_add(&payload, str_make(zeros, (size_t)padding));
	flags |= is_padded ? SERVE_H2_PADDED : 0;
	reference_add(talk, type, flags, id, text_str(&payload));
	text_done(&payload);
}

/* A block in one frame or several. */
static inline void reference_add_head(
        struct reference_talk *talk, uint8_t flags, uint32_t id, struct str block)
{
	size_t first = block.len;
	if (reference_roll(talk, 3) == 0)
		first = reference_roll(talk, (unsigned)block.len);
	if (first == block.len)
		flags |= SERVE_H2_END_HEADERS;
	reference_add_padded(talk, SERVE_H2_HEADERS, flags, id, str_make(block.at, first));
	while (first < block.len) {
		size_t some = 1 + reference_roll(talk, (unsigned)(block.len - first));
		bool is_last = first + some == block.len;
		reference_add(talk, SERVE_H2_CONTINUATION, is_last ? SERVE_H2_END_HEADERS : 0, id,
		        str_make(block.at + first, some));
		first += some;
	}
}

static inline void reference_add_request(struct reference_talk *talk)
{
	static const struct str MORE[] = {STR_EMPTY, STR("\x40\1a\1b"), STR("\0\1a\1b"),
	        STR("\xbe"), STR("\0\2te\4gzip"), STR("\0\1A\1b"), STR("\0\2:x\1b"),
	        STR("\x0f\x0d\1x"), STR("\0\1x\2a\n")};
	struct text block = {.at = NULL};
	unsigned number = talk->begun + reference_roll(talk, 2);
	bool has_end = reference_roll(talk, 2) == 0;
	if (number >= REFERENCE_STREAMS)
		return;
	text_add(&block, has_end ? STR("\x82\x86\x84\1\1a") : STR("\x83\x86\x84\1\1a"));
	/* Most are right. */
	text_add(&block,
	        MORE[reference_roll(talk, 3) > 0 ? reference_roll(talk, 3)
	                                         : reference_roll(talk, ARRAY_LENGTH(MORE))]);
	reference_add_head(
	        talk, has_end ? SERVE_H2_END_STREAM : 0, 2 * number + 1, text_str(&block));
	text_done(&block);
	for (; talk->begun < number; talk->begun++)
		talk->states[talk->begun] = REFERENCE_CLOSED;
	talk->states[talk->begun++] = has_end ? REFERENCE_HALF : REFERENCE_OPEN;
}

/* A frame of a stream, or of the connection; what would be an error nghttp2 makes one of the
 * connection, so that nothing could be compared behind it. */
static inline void reference_add_other(struct reference_talk *talk)
{
	unsigned number = talk->begun == 0 ? 0 : reference_roll(talk, talk->begun);
	enum reference_state *state = &talk->states[number];
	uint32_t id = 2 * number + 1;
	uint8_t end = reference_roll(talk, 3) == 0 ? SERVE_H2_END_STREAM : 0;
	char words[12] = {0};
	switch (reference_roll(talk, 8)) {
	case 0:
	case 1:
		if (*state == REFERENCE_OPEN)
			reference_add_padded(talk, SERVE_H2_DATA, end, id,
			        pattern_of(0, reference_roll(talk, REFERENCE_BODY_BYTES)));
		if (*state == REFERENCE_OPEN && end != 0)
			*state = REFERENCE_HALF;
		break;
	case 2:
		if (*state != REFERENCE_OPEN)
			break;
		reference_add_head(talk, SERVE_H2_END_STREAM, id, STR("\0\1a\1b"));
		*state = REFERENCE_HALF;
		break;
	case 3:
		if (*state == REFERENCE_IDLE)
			break;
		serve_h2_write_u32(words, SERVE_H2_CANCEL);
		reference_add(talk, SERVE_H2_RST_STREAM, 0, id, str_make(words, 4));
		*state = REFERENCE_CLOSED;
		break;
	case 4:
		serve_h2_write_u32(words, 1 + reference_roll(talk, 100000));
		if (*state != REFERENCE_IDLE || end != 0)
			reference_add(talk, SERVE_H2_WINDOW_UPDATE, 0, end != 0 ? 0 : id,
			        str_make(words, 4));
		break;
	case 5:
		words[1] = (char)(1 + reference_roll(talk, 8));
		serve_h2_write_u32(words + 2,
		        words[1] == SERVE_H2_MAX_FRAME_SIZE ? 20000 : reference_roll(talk, 2));
		reference_add(talk, SERVE_H2_SETTINGS, 0, 0, str_make(words, 6));
		break;
	case 6:
		reference_add(talk, SERVE_H2_PING, 0, 0, str_make(words, 8));
		break;
	default:
		reference_add(talk, end != 0 ? 0xfa : SERVE_H2_PRIORITY, 0, id, str_make(words, 5));
		break;
	}
}

static inline void reference_talk_make(struct reference_talk *talk, unsigned seed)
{
	*talk = (struct reference_talk){.random = (seed + 1) * 0x9e3779b97f4a7c15};
	talk->wrong = seed % 2 == 0 ? UINT32_MAX : 1 + reference_roll(talk, REFERENCE_FRAMES);
	text_add(&talk->bytes, STR(SERVE_H2_PREFACE "\0\0\0\4\0\0\0\0\0"));
	while (talk->frames < REFERENCE_FRAMES)
		if (reference_roll(talk, 3) == 0)
			reference_add_request(talk);
		else
			reference_add_other(talk);
	talk->wrong = UINT32_MAX;
	reference_add(talk, SERVE_H2_PING, 0, 0, STR("the last"));
}

/* ---- what nghttp2 says ---- */

static inline int reference_on_send(
        nghttp2_session *session, const nghttp2_frame *frame, void *user)
{
	struct reference_verdict *verdict = user;
	unsigned number = (unsigned)frame->hd.stream_id / 2 % REFERENCE_STREAMS;
	(void)session;
	if (frame->hd.type == NGHTTP2_RST_STREAM)
		verdict->reset[number] = frame->rst_stream.error_code;
	if (frame->hd.type == NGHTTP2_GOAWAY && frame->goaway.error_code != NGHTTP2_NO_ERROR)
		verdict->is_over = true;
	return 0;
}

static inline int reference_on_frame(
        nghttp2_session *session, const nghttp2_frame *frame, void *user)
{
	struct reference_verdict *verdict = user;
	bool may_end = frame->hd.type == NGHTTP2_DATA || frame->hd.type == NGHTTP2_HEADERS;
	(void)session;
	if (may_end && (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0)
		verdict->is_answered[frame->hd.stream_id / 2 % REFERENCE_STREAMS] = true;
	return 0;
}

static inline int reference_on_close(
        nghttp2_session *session, int32_t id, uint32_t code, void *user)
{
	struct reference_verdict *verdict = user;
	(void)session;
	(void)code;
	verdict->is_answered[id / 2 % REFERENCE_STREAMS] = false;
	return 0;
}

/* Whatever is whole in the end would be answered. */
static inline void reference_ask_nghttp2(struct str bytes, struct reference_verdict *verdict)
{
	nghttp2_session *session;
	nghttp2_session_callbacks *callbacks;
	const uint8_t *sent;
	*verdict = (struct reference_verdict){.is_over = false};
	assert_int_equal(nghttp2_session_callbacks_new(&callbacks), 0);
	nghttp2_session_callbacks_set_on_frame_send_callback(callbacks, reference_on_send);
	nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, reference_on_frame);
	nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, reference_on_close);
	assert_int_equal(nghttp2_session_server_new(&session, callbacks, verdict), 0);
	nghttp2_session_callbacks_del(callbacks);
	const nghttp2_settings_entry entry = {NGHTTP2_SETTINGS_NO_RFC7540_PRIORITIES, 1};
	assert_int_equal(nghttp2_submit_settings(session, NGHTTP2_FLAG_NONE, &entry, 1), 0);
	if (nghttp2_session_mem_recv(session, (const uint8_t *)bytes.at, bytes.len) < 0)
		verdict->is_over = true;
	while (nghttp2_session_mem_send(session, &sent) > 0)
		;
	nghttp2_session_del(session);
}

/* ---- what we say ---- */

/* Reads what has come of frames. Returns whether the last PING was answered. */
static inline bool reference_read(struct str got, struct reference_verdict *verdict)
{
	bool is_last = false;
	while (got.len >= SERVE_H2_FRAME_HEAD_BYTES) {
		struct serve_h2_frame frame = serve_h2_frame_read(got.at);
		const char *payload = got.at + SERVE_H2_FRAME_HEAD_BYTES;
		size_t whole = SERVE_H2_FRAME_HEAD_BYTES + frame.length;
		unsigned number = frame.id / 2 % REFERENCE_STREAMS;
		if (whole > got.len)
			break;
		if (frame.type == SERVE_H2_RST_STREAM)
			verdict->reset[number] = serve_h2_read_u32(payload);
		if (frame.type == SERVE_H2_HEADERS && (frame.flags & SERVE_H2_END_STREAM) != 0)
			verdict->is_answered[number] = true;
		if (frame.type == SERVE_H2_GOAWAY && serve_h2_read_u32(payload + 4) != 0)
			verdict->is_over = true;
		is_last |= frame.type == SERVE_H2_PING && memcmp(payload, "the last", 8) == 0;
		got = str_make(got.at + whole, got.len - whole);
	}
	return is_last;
}

static inline bool reference_has_all(
        const struct reference_verdict *verdict, const struct reference_verdict *wanted)
{
	for (unsigned i = 0; i < REFERENCE_STREAMS; i++)
		if (wanted->is_answered[i] && !verdict->is_answered[i])
			return false;
	return true;
}

/* Answers nothing before all was read, and then what is whole, which is waited for as nghttp2 has
 * it. */
static inline void reference_ask_us(struct fixture *fixture, struct str bytes,
        const struct reference_verdict *wanted, struct reference_verdict *verdict)
{
	struct client client;
	*verdict = (struct reference_verdict){.is_over = false};
	fixture->script = (struct script){.holds = true, .is_bodiless = true};
	client_open(&client, fixture);
	client_send(&client, bytes);
	turn_until(&client, reference_read(text_str(&client.got), verdict) || client.has_end ||
	                            client.has_reset);
	verdict->is_over |= client.has_end || client.has_reset;
	if (!verdict->is_over && !wanted->is_over) {
		fixture->script.holds = false;
		wake_exchanges(fixture);
		turn_until(&client, (reference_read(text_str(&client.got), verdict),
		                            reference_has_all(verdict, wanted)));
	}
	client_close(&client);
}
