/*
 * Reading the response head. It is parsed where it arrived, at the front of the attempt's buffer,
 * and copied (a few hundred bytes) once it is whole, so that the buffer moves on with the body and
 * goes back to the pool as soon as it is empty. The fields are parsed straight into the attempt's
 * own block, which has room for as many as a head may have.
 *
 * Judged here is the form of an answer, for this request; whether it is the answer that one wants
 * is for others to say.
 */
#include "base/clock.h"
#include "http/upgrade.h"
#include "origin/attempt_private.h"

_Static_assert(LIMIT_HEAD_FIELDS * sizeof(struct http_field) <= BUF_SMALL,
        "the fields of a head fit one small block");

static const struct http_head_limits LIMITS = {
        .head_bytes = LIMIT_RESPONSE_HEAD_BYTES,
        .fields = LIMIT_HEAD_FIELDS,
};

/* An origin counts its Keep-Alive timeout from when it sent, so we end ours this much earlier. */
enum { KEEP_ALIVE_MARGIN_MS = 1000 };

/* How long the origin says that it keeps an idle connection, as far as it says so. */
static uint64_t keep_alive_ms(const struct http_head *head)
{
	struct str rest = http_head_get(head, HTTP_NAME_KEEP_ALIVE), member;
	struct str name = STR("timeout=");
	while (http_head_next_member(&rest, &member)) {
		uint64_t seconds;
		if (member.len <= name.len ||
		        !str_is_equal_nocase(str_make(member.at, name.len), name))
			continue;
		struct str value = str_make(member.at + name.len, member.len - name.len);
		if (!str_to_u64(value, &seconds) || seconds > UINT32_MAX)
			continue;
		return seconds * 1000 > KEEP_ALIVE_MARGIN_MS ? seconds * 1000 - KEEP_ALIVE_MARGIN_MS
		                                             : 0;
	}
	return UINT64_MAX;
}

/* Whether a head with this Content-Length (UINT64_MAX: none) says that a body follows. */
static bool announces_body(const struct http_head *head, uint64_t length)
{
	return (length != 0 && length != UINT64_MAX) ||
	       http_head_has(head, HTTP_NAME_TRANSFER_ENCODING);
}

/* Whether the origin may send a body all the same, which we would take for the next response. */
static bool is_end_doubtful(const struct http_head *head, uint64_t length)
{
	return head->status == 204 && announces_body(head, length);
}

/* How long the connection may be kept after this response (RFC 9112 9.3); 0: not at all. */
static uint32_t find_keep_ms(
        const struct origin_attempt *attempt, enum http_framing framing, uint64_t length)
{
	const struct http_head *head = &attempt->head;
	uint32_t keep_ms = attempt->origin->keepalive_ms;
	if (framing == HTTP_FRAMING_CLOSE || is_end_doubtful(head, length))
		return 0;
	if (head->minor == 0 && !http_head_has_token(head, HTTP_NAME_CONNECTION, STR("keep-alive")))
		return 0;
	if (http_head_has(head, HTTP_NAME_CONNECTION) &&
	        http_head_has_token(head, HTTP_NAME_CONNECTION, STR("close")))
		return 0;
	if (!http_head_has(head, HTTP_NAME_KEEP_ALIVE))
		return keep_ms;
	uint64_t said_ms = keep_alive_ms(head);
	return said_ms < keep_ms ? (uint32_t)said_ms : keep_ms;
}

/* Moves the head's bytes out of the buffer. */
static bool keep_head(struct origin_attempt *attempt)
{
	struct http_head *head = &attempt->head;
	struct str bytes = str_make(buf_bytes(&attempt->in), head->len);
	if (!buf_add(attempt->worker->buffers, &attempt->head_bytes, bytes))
		return false;
	head->base = buf_bytes(&attempt->head_bytes);
	buf_drop(&attempt->in, head->len);
	return true;
}

/* A whole final head was received: tells the tables. */
static void note_head(struct origin_attempt *attempt)
{
	struct origin_candidate *candidate = attempt->candidate;
	attempt->head_us = clock_us() - attempt->started_us;
	uint64_t smoothed_us = candidate->latency_us == 0
	                               ? attempt->head_us
	                               : (candidate->latency_us * 7ULL + attempt->head_us) / 8;
	candidate->latency_us = smoothed_us < UINT32_MAX ? (uint32_t)smoothed_us : UINT32_MAX;
	candidate->latency_at_ms = loop_now_ms(attempt->worker->loop);
	origin_health_note_latency(candidate->server, candidate->latency_us);
	const struct model_domain *domain = origin_group_domain(candidate->group);
	bool is_failure = model_statuses_has(&domain->detect_statuses, attempt->head.status);
	origin_attempt_note_response(attempt, is_failure ? FAULT_STATUS : FAULT_NONE);
}

/* The final head is whole. */
static enum fault begin_body(struct origin_attempt *attempt)
{
	const struct http_head *head = &attempt->head;
	if ((head->status == 304 && !attempt->options.may_304) ||
	        (head->status == 206 && !attempt->options.may_206))
		return FAULT_MALFORMED;
	enum http_framing framing;
	uint64_t length;
	enum fault fault = http_body_response(head, attempt->options.method, &framing, &length);
	if (fault != FAULT_NONE)
		return fault;
	if (!keep_head(attempt))
		return FAULT_MEMORY;
	http_body_init(&attempt->body, framing, length);
	bool has_length = framing == HTTP_FRAMING_LENGTH || framing == HTTP_FRAMING_NONE;
	attempt->length = has_length ? length : UINT64_MAX;
	attempt->keep_ms = find_keep_ms(attempt, framing, length);
	note_head(attempt);
	origin_attempt_set_phase(attempt, ORIGIN_PHASE_BODY);

	/* What was wholly received frees its connection at once, however slow the reader is. */
	size_t received = buf_length(&attempt->in);
	uint64_t expected = framing == HTTP_FRAMING_LENGTH ? length : 0;
	if (has_length && received >= expected)
		origin_attempt_let_go(attempt, received - (size_t)expected);
	else
		origin_attempt_set_deadline(attempt, CLOCK_NEVER);
	buf_release_if_empty(attempt->worker->buffers, &attempt->in);
	return FAULT_NONE;
}

/* The head of a 101 is whole, and so was the request: what comes behind it is for the tunnel. */
static enum fault begin_tunnel(struct origin_attempt *attempt)
{
	if (!attempt->sending.is_whole ||
	        !http_upgrade_is_answer(&attempt->head, attempt->options.upgrade))
		return FAULT_MALFORMED;
	if (!keep_head(attempt))
		return FAULT_MEMORY;
	http_body_init(&attempt->body, HTTP_FRAMING_CLOSE, UINT64_MAX);
	attempt->length = UINT64_MAX;
	attempt->keep_ms = 0;
	attempt->is_tunnel = true;
	note_head(attempt);
	origin_attempt_set_phase(attempt, ORIGIN_PHASE_BODY);
	origin_attempt_set_deadline(attempt, CLOCK_NEVER);
	buf_release_if_empty(attempt->worker->buffers, &attempt->in);
	return FAULT_NONE;
}

/* An interim head is whole (RFC 9110 15.2). */
static enum fault pass_interim(struct origin_attempt *attempt)
{
	const struct http_head *head = &attempt->head;
	enum http_framing framing;
	uint64_t length;
	if (++attempt->interims > LIMIT_INTERIM_RESPONSES)
		return FAULT_MALFORMED;
	/* What stood behind a body that is announced would be the next response to us. */
	if (http_body_response(head, attempt->options.method, &framing, &length) != FAULT_NONE ||
	        announces_body(head, length))
		return FAULT_MALFORMED;
	struct origin_attempt_sink *sink = attempt->sink;
	if (head->status != 100 && sink->on_interim != NULL)
		sink->on_interim(sink, head);
	buf_drop(&attempt->in, head->len);
	attempt->scanned = 0;
	return FAULT_NONE;
}

/* Parses what was received. */
static enum fault parse(struct origin_attempt *attempt)
{
	struct buf *fields = &attempt->fields;
	if (fields->block == NULL && !buf_reserve(attempt->worker->buffers, fields, BUF_SMALL))
		return FAULT_MEMORY;
	while (buf_length(&attempt->in) != 0) {
		attempt->head = (struct http_head){
		        .fields = (void *)fields->block,
		        .capacity = LIMIT_HEAD_FIELDS,
		};
		enum fault fault;
		switch (http_head_parse_response(buf_str(&attempt->in), &attempt->scanned, &LIMITS,
		        &attempt->head, &fault)) {
		case HTTP_PARSE_MORE:
			return FAULT_NONE;
		case HTTP_PARSE_BAD:
			return fault;
		case HTTP_PARSE_DONE:
			break;
		}
		if (attempt->head.status >= 200)
			return begin_body(attempt);
		if (attempt->head.status == 101)
			return begin_tunnel(attempt);
		fault = pass_interim(attempt);
		if (fault != FAULT_NONE)
			return fault;
	}
	buf_release(attempt->worker->buffers, &attempt->in);
	return FAULT_NONE;
}

/* What it means that no more will come. */
static enum fault fault_of_end(const struct origin_attempt *attempt, enum tcp_result result)
{
	if (attempt->is_reused && !attempt->has_received)
		return FAULT_STALE_CONNECTION;
	/* TLS 1.3: only now the origin says that it does not like our certificate, or us. */
	if (!attempt->has_received && result == TCP_RESET &&
	        origin_connection_is_tls_fault(attempt->connection))
		return FAULT_TLS_HANDSHAKE;
	bool is_reset = result == TCP_RESET || attempt->sending.is_broken;
	return is_reset ? FAULT_RESET : FAULT_CLOSED;
}

enum fault origin_attempt_head_read(struct origin_attempt *attempt)
{
	while (attempt->phase != ORIGIN_PHASE_BODY && attempt->connection->is_readable) {
		enum tcp_result result;
		if (!origin_attempt_fill(attempt, &result))
			return FAULT_MEMORY;
		enum fault fault = FAULT_NONE;
		switch (result) {
		case TCP_DONE:
			fault = parse(attempt);
			break;
		case TCP_AGAIN:
			buf_release_if_empty(attempt->worker->buffers, &attempt->in);
			/* Neither takes nor gives anything: it is dead. */
			if (attempt->sending.is_broken)
				fault = fault_of_end(attempt, TCP_RESET);
			break;
		case TCP_END:
		case TCP_RESET:
			fault = fault_of_end(attempt, result);
			break;
		}
		if (fault != FAULT_NONE)
			return fault;
	}
	return FAULT_NONE;
}
