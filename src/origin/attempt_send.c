/*
 * Writing the request. What can leave now is gathered into one writev: the rest of the head, and a
 * frame of the body, which is whatever the source has in one piece (in chunked coding with its line
 * before it and a CRLF behind it). The socket may take any part of it; where it stopped is kept,
 * and the source is asked again from there.
 */
#include "base/clock.h"
#include "origin/attempt_private.h"

enum { VECTORS = 7 };

/* "0" CRLF, trailer lines, CRLF: the end of a chunked body. */
static const struct str LAST_CHUNK = {.at = "0\r\n", .len = 3};
static const struct str CRLF = {.at = "\r\n", .len = 2};

struct outgoing {
	struct iovec vectors[VECTORS];
	int count;
};

/* Adds what is behind the first `skip` bytes; returns how many of them lie beyond `s`. */
static size_t add(struct outgoing *out, struct str s, size_t skip)
{
	if (skip >= s.len)
		return skip - s.len;
	CHECK(out->count < VECTORS);
	out->vectors[out->count++] = (struct iovec){
	        .iov_base = (void *)(uintptr_t)(s.at + skip),
	        .iov_len = s.len - skip,
	};
	return 0;
}

static struct str trailers_of(const struct origin_attempt *attempt)
{
	struct origin_source *source = attempt->options.source;
	return source->trailers == NULL ? STR_EMPTY : source->trailers(source);
}

static size_t tail_size(const struct origin_attempt *attempt)
{
	if (attempt->options.source == NULL || !attempt->options.is_chunked)
		return 0;
	return LAST_CHUNK.len + trailers_of(attempt).len + CRLF.len;
}

static bool is_all_sent(const struct origin_attempt *attempt)
{
	const struct origin_attempt_sending *sending = &attempt->sending;
	if (sending->head_sent < attempt->options.head.len)
		return false;
	if (attempt->options.source == NULL)
		return true;
	return sending->is_source_ended && sending->tail_sent == tail_size(attempt);
}

static bool is_frame_open(const struct origin_attempt_sending *sending)
{
	return sending->line_sent < sending->line_len || sending->frame_left != 0 ||
	       sending->frame_end_left != 0;
}

static void open_frame(struct origin_attempt *attempt, size_t size)
{
	struct origin_attempt_sending *sending = &attempt->sending;
	sending->frame_left = size;
	sending->line_len = sending->line_sent = 0;
	if (attempt->options.is_chunked) {
		sending->line_len = (uint8_t)http_write_chunk_line(sending->line, size);
		sending->frame_end_left = (uint8_t)CRLF.len;
	}
}

/* Adds what is left of the open frame, or a new one. */
static enum fault add_frame(struct origin_attempt *attempt, struct outgoing *out)
{
	struct origin_attempt_sending *sending = &attempt->sending;
	struct origin_source *source = attempt->options.source;
	struct str data = STR_EMPTY;
	bool is_open = is_frame_open(sending);
	if (!is_open || sending->frame_left != 0) {
		switch (source->read(source, sending->body_sent, &data)) {
		case ORIGIN_SOURCE_DATA:
			CHECK(data.len != 0);
			break;
		case ORIGIN_SOURCE_END:
			CHECK(!is_open);
			sending->is_source_ended = true;
			return FAULT_NONE;
		case ORIGIN_SOURCE_WAIT:
			return FAULT_NONE;
		case ORIGIN_SOURCE_FAILED:
			return FAULT_CLIENT_GONE;
		}
	}
	if (!is_open)
		open_frame(attempt, data.len);
	bool is_last_part = data.len >= sending->frame_left;
	if (is_last_part)
		data.len = (size_t)sending->frame_left;
	add(out, str_make(sending->line, sending->line_len), sending->line_sent);
	add(out, data, 0);
	if (is_last_part)
		add(out, CRLF, CRLF.len - sending->frame_end_left);
	return FAULT_NONE;
}

/* Collects what could leave now; nothing when the source has to be waited for, or all is sent. */
static enum fault gather(struct origin_attempt *attempt, struct outgoing *out)
{
	struct origin_attempt_sending *sending = &attempt->sending;
	add(out, attempt->options.head, sending->head_sent);
	if (attempt->options.source == NULL)
		return FAULT_NONE;
	if (!sending->is_source_ended) {
		enum fault fault = add_frame(attempt, out);
		if (fault != FAULT_NONE)
			return fault;
	}
	if (sending->is_source_ended && attempt->options.is_chunked) {
		size_t skip = add(out, LAST_CHUNK, sending->tail_sent);
		skip = add(out, trailers_of(attempt), skip);
		add(out, CRLF, skip);
	}
	return FAULT_NONE;
}

/* Takes at most `available` off *count. */
static size_t take(size_t *count, size_t available)
{
	size_t taken = *count < available ? *count : available;
	*count -= taken;
	return taken;
}

/* The kernel took `count` bytes of what was gathered. */
static void note_sent(struct origin_attempt *attempt, size_t count)
{
	struct origin_attempt_sending *sending = &attempt->sending;
	attempt->has_written = true;
	size_t head_left = attempt->options.head.len - sending->head_sent;
	sending->head_sent += (uint32_t)take(&count, head_left);
	sending->line_sent +=
	        (uint8_t)take(&count, (size_t)(sending->line_len - sending->line_sent));
	size_t data = take(&count, sending->frame_left);
	sending->frame_left -= data;
	sending->body_sent += data;
	sending->frame_end_left -= (uint8_t)take(&count, sending->frame_end_left);
	sending->tail_sent += (uint32_t)count;
}

uint64_t origin_attempt_waited_ms(const struct origin_attempt *attempt)
{
	const struct origin_attempt_sending *sending = &attempt->sending;
	if (sending->waits_since_ms == 0)
		return sending->waited_ms;
	return sending->waited_ms + loop_now_ms(attempt->worker->loop) - sending->waits_since_ms;
}

/* The source is waited for: the origin has no part in how long that takes. */
static void begin_waiting(struct origin_attempt *attempt)
{
	attempt->sending.waits_since_ms = loop_now_ms(attempt->worker->loop);
	attempt->deadline_ms = CLOCK_NEVER;
	origin_connection_set_deadline(attempt->connection, CLOCK_NEVER);
}

static void end_waiting(struct origin_attempt *attempt)
{
	struct origin_attempt_sending *sending = &attempt->sending;
	if (sending->waits_since_ms == 0)
		return;
	uint64_t waited_ms = loop_now_ms(attempt->worker->loop) - sending->waits_since_ms;
	sending->waited_ms += waited_ms;
	sending->waits_since_ms = 0;
	if (attempt->options.deadline_ms != CLOCK_NEVER)
		attempt->options.deadline_ms += waited_ms;
}

/* After sending what could be sent: what is waited for now, and how long. */
static void set_deadline(struct origin_attempt *attempt, bool has_progressed)
{
	struct origin_attempt_sending *sending = &attempt->sending;
	uint64_t now_ms = loop_now_ms(attempt->worker->loop);
	if (sending->is_whole) {
		origin_attempt_set_phase(attempt, ORIGIN_PHASE_HEAD);
		origin_attempt_set_deadline(attempt, now_ms + attempt->origin->head_timeout_ms);
		return;
	}
	bool is_blocked = !attempt->connection->is_writable;
	if (!is_blocked)
		begin_waiting(attempt);
	else if (has_progressed || !sending->is_blocked)
		origin_attempt_set_deadline(attempt, now_ms + attempt->origin->idle_timeout_ms);
	sending->is_blocked = is_blocked;
}

enum fault origin_attempt_send_more(struct origin_attempt *attempt)
{
	struct origin_attempt_sending *sending = &attempt->sending;
	bool has_progressed = false;
	end_waiting(attempt);
	while (attempt->connection->is_writable && !sending->is_whole && !sending->is_broken) {
		struct outgoing out = {.count = 0};
		enum fault fault = gather(attempt, &out);
		if (fault != FAULT_NONE)
			return fault;
		if (out.count == 0 && !is_all_sent(attempt))
			break; /* the source has to be waited for */
		size_t count = 0;
		if (out.count != 0) {
			switch (origin_connection_write(
			        attempt->connection, out.vectors, out.count, &count)) {
			case TCP_DONE:
				note_sent(attempt, count);
				has_progressed = true;
				break;
			case TCP_AGAIN:
				break;
			case TCP_END:
			case TCP_RESET:
				/* It may have answered before it closed. */
				sending->is_broken = true;
				attempt->connection->is_readable = true;
				break;
			}
		}
		sending->is_whole = is_all_sent(attempt);
	}
	if (attempt->phase == ORIGIN_PHASE_SEND && !sending->is_broken)
		set_deadline(attempt, has_progressed);
	return FAULT_NONE;
}
