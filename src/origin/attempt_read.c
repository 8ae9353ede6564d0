/*
 * Reading the body. The socket is read only when everything received was handed out, into a block
 * of 64 KiB, and the pieces are handed out where they lie; the content of several chunks is pushed
 * together first, so that what follows moves one large piece instead of many. Who does not ask
 * holds the origin back: by TCP, since nothing is read. While nothing is there, no block is held.
 */
#include "base/clock.h"
#include "origin/attempt_private.h"

/* The next event of what was received already. */
static enum http_body_event next_event(struct origin_attempt *attempt, struct str *ret_data)
{
	struct buf *in = &attempt->in;
	struct str input = in->block == NULL ? STR_EMPTY : buf_str(in);
	size_t before = input.len;
	enum http_body_event event = http_body_next(&attempt->body, &input, ret_data);
	buf_drop(in, before - input.len);
	return event;
}

/* Pushes the content of the chunks behind *data, as far as they were received, up to its end. */
static void merge_chunks(struct origin_attempt *attempt, struct str *data)
{
	char *end = (char *)(uintptr_t)data->at + data->len; /* in our own block */
	while (buf_length(&attempt->in) != 0) {
		struct str more;
		switch (next_event(attempt, &more)) {
		case HTTP_BODY_DATA:
			memmove(end, more.at, more.len);
			end += more.len;
			data->len += more.len;
			break;
		case HTTP_BODY_MORE:
			return;
		case HTTP_BODY_END:
			origin_attempt_let_go(attempt, buf_length(&attempt->in));
			return;
		case HTTP_BODY_BAD:
			attempt->is_bad = true; /* after what was right */
			return;
		}
	}
}

static enum origin_read wait(struct origin_attempt *attempt)
{
	buf_release_if_empty(attempt->worker->buffers, &attempt->in);
	if (!attempt->is_waiting) {
		attempt->is_waiting = true;
		origin_attempt_set_deadline(attempt,
		        loop_now_ms(attempt->worker->loop) + attempt->origin->idle_timeout_ms);
	}
	return ORIGIN_READ_WAIT;
}

static enum origin_read fail(struct origin_attempt *attempt, enum fault fault)
{
	origin_attempt_fail(attempt, fault);
	return ORIGIN_READ_FAILED;
}

static enum origin_read finish(struct origin_attempt *attempt)
{
	origin_attempt_finish(attempt);
	return ORIGIN_READ_END;
}

/* More was received. */
static void note_received(struct origin_attempt *attempt)
{
	if (attempt->is_waiting) {
		attempt->is_waiting = false;
		origin_attempt_set_deadline(attempt, CLOCK_NEVER);
	}
	size_t received = buf_length(&attempt->in);
	const struct http_body *body = &attempt->body;
	if (body->framing == HTTP_FRAMING_LENGTH && received >= body->left)
		origin_attempt_let_go(attempt, received - (size_t)body->left);
}

/* The origin closed, or the connection broke. */
static enum origin_read end(struct origin_attempt *attempt, enum tcp_result result)
{
	/* A reset that writing met with is not reported again, and reading sees a mere end. */
	bool is_reset = result == TCP_RESET || attempt->sending.is_broken;
	if (!is_reset && http_body_closed(&attempt->body) == HTTP_BODY_END)
		return finish(attempt);
	return fail(attempt, FAULT_TRUNCATED);
}

enum origin_read origin_attempt_read(struct origin_attempt *attempt, struct str *ret_data)
{
	if (attempt->phase == ORIGIN_PHASE_DONE)
		return ORIGIN_READ_END;
	if (attempt->phase == ORIGIN_PHASE_FAILED)
		return ORIGIN_READ_FAILED;
	CHECK(attempt->phase == ORIGIN_PHASE_BODY);
	attempt->is_told = false;
	if (attempt->is_bad)
		return fail(attempt, FAULT_MALFORMED);
	for (;;) {
		switch (next_event(attempt, ret_data)) {
		case HTTP_BODY_DATA:
			if (attempt->body.framing == HTTP_FRAMING_CHUNKED)
				merge_chunks(attempt, ret_data);
			attempt->body_bytes += ret_data->len;
			return ORIGIN_READ_DATA;
		case HTTP_BODY_END:
			return finish(attempt);
		case HTTP_BODY_BAD:
			return fail(attempt, FAULT_MALFORMED);
		case HTTP_BODY_MORE:
			break;
		}
		CHECK(attempt->connection != NULL);
		if (!attempt->connection->is_readable)
			return wait(attempt);
		enum tcp_result result;
		if (!origin_attempt_fill(attempt, &result))
			return fail(attempt, FAULT_MEMORY);
		if (result == TCP_AGAIN)
			return wait(attempt);
		if (result != TCP_DONE)
			return end(attempt, result);
		note_received(attempt);
	}
}
