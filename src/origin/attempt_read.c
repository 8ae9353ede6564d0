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

/* When the least rate will not have been kept, over as much waiting as its window is long, if
 * nothing comes before. Once enough has come, a new window begins. */
static uint64_t rate_deadline(struct origin_attempt *attempt, uint64_t now_ms)
{
	const struct model_origin *origin = attempt->origin;
	uint64_t window_ms = origin->min_rate_window_ms;
	if (origin->min_rate == 0)
		return CLOCK_NEVER;
	if (attempt->body_bytes - attempt->rate_mark >= origin->min_rate * window_ms / 1000) {
		attempt->rate_mark = attempt->body_bytes;
		attempt->rate_waited_ms = 0;
	}
	return attempt->rate_waited_ms < window_ms ? now_ms + window_ms - attempt->rate_waited_ms
	                                           : now_ms;
}

static enum origin_read wait(struct origin_attempt *attempt)
{
	buf_release_if_empty(attempt->worker->buffers, &attempt->in);
	if (attempt->is_waiting)
		return ORIGIN_READ_WAIT;
	uint64_t now_ms = loop_now_ms(attempt->worker->loop);
	uint64_t idle_ms = now_ms + attempt->origin->idle_timeout_ms;
	uint64_t rate_ms = rate_deadline(attempt, now_ms);
	attempt->is_waiting = true;
	attempt->waits_since_ms = now_ms;
	attempt->is_rate_due = rate_ms < idle_ms;
	origin_attempt_set_deadline(attempt, attempt->is_rate_due ? rate_ms : idle_ms);
	return ORIGIN_READ_WAIT;
}

void origin_attempt_end_wait(struct origin_attempt *attempt)
{
	if (!attempt->is_waiting)
		return;
	attempt->is_waiting = false;
	attempt->rate_waited_ms += loop_now_ms(attempt->worker->loop) - attempt->waits_since_ms;
	origin_attempt_set_deadline(attempt, CLOCK_NEVER);
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
	origin_attempt_end_wait(attempt);
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
	if (!is_reset && http_body_closed(&attempt->body) == HTTP_BODY_END) {
		/* TLS has told the end from a cut; TCP cannot. */
		attempt->is_unsure = attempt->connection->tls == NULL;
		return finish(attempt);
	}
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
