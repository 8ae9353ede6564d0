/*
 * A check waits in its checker's queue until a task finds a place for it, connects, and for HTTP
 * goes on:
 *
 *   WAITING -> CONNECTING -> (done) | HANDSHAKE -> SENDING -> HEAD -> (done) | BODY -> (done)
 *
 * HANDSHAKE is for HTTPS alone. Each event does whatever can be done, so that TLS may read to write
 * and write to read.
 *
 * Everything that it reads goes into one text, bounded by the limits of the header. A task starts
 * the checks, so nothing is reported before origin_check_start has returned.
 */
#include "origin/check.h"

#include "base/mem.h"
#include "http/body.h"
#include "net/tcp.h"
#include "origin/bucket.h"

#include <unistd.h>

enum check_state { WAITING, CONNECTING, HANDSHAKE, SENDING, HEAD, BODY };

enum { FIELDS_MAX = 128, INTERIMS_MAX = LIMIT_INTERIM_RESPONSES, READ_BYTES = 4096 };

struct origin_checker {
	struct loop *loop;
	struct loop_task task;
	struct list waiting, running;
	unsigned running_count;
};

/* What an HTTP check has besides. */
struct origin_check_exchange {
	struct text request;
	size_t sent;
	struct text received;
	size_t at;      /* what of it was used */
	size_t scanned; /* of the head's search */
	unsigned interims;
	struct http_body body;
	struct text content;
};

static void begin_waiting(struct loop_task *task);

struct origin_checker *origin_check_checker_new(struct loop *loop)
{
	struct origin_checker *checker = mem_new(struct origin_checker);
	checker->loop = loop;
	checker->task.on_run = begin_waiting;
	list_init(&checker->waiting);
	list_init(&checker->running);
	return checker;
}

void origin_check_checker_free(struct origin_checker *checker)
{
	if (checker == NULL)
		return;
	CHECK(list_is_empty(&checker->waiting) && list_is_empty(&checker->running));
	loop_unwake(&checker->task);
	mem_free(checker);
}

static void free_exchange(struct origin_check_exchange *exchange)
{
	if (exchange == NULL)
		return;
	text_done(&exchange->request);
	text_done(&exchange->received);
	text_done(&exchange->content);
	http_body_done(&exchange->body);
	mem_free(exchange);
}

void origin_check_cancel(struct origin_check *check)
{
	struct origin_checker *checker = check->checker;
	if (checker == NULL)
		return;
	list_remove(&check->node);
	check->checker = NULL;
	if (check->state == WAITING)
		return;
	loop_timer_cancel(checker->loop, &check->timer);
	tls_free(check->tls);
	check->tls = NULL;
	if (check->watched.fd >= 0) {
		loop_remove(checker->loop, &check->watched);
		close(check->watched.fd);
	}
	free_exchange(check->exchange);
	check->exchange = NULL;
	checker->running_count--;
	if (!list_is_empty(&checker->waiting))
		loop_wake(checker->loop, &checker->task);
}

/* The owner may be gone after it. */
static void finish(struct origin_check *check, enum fault fault)
{
	origin_check_cancel(check);
	check->on_done(check, fault);
}

static void on_timeout(struct timer *timer)
{
	struct origin_check *check = container_of(timer, struct origin_check, timer);
	if (check->state == CONNECTING)
		finish(check, FAULT_CONNECT_TIMEOUT);
	else
		finish(check, check->state == HANDSHAKE ? FAULT_TLS_HANDSHAKE : FAULT_HEAD_TIMEOUT);
}

/* ---- TCP, or TLS over it ---- */

static enum tcp_result read_some(
        struct origin_check *check, char *to, size_t size, size_t *ret_count)
{
	if (check->tls != NULL)
		return tls_read(check->tls, to, size, ret_count);
	return tcp_read(check->watched.fd, to, size, ret_count);
}

static enum tcp_result write_some(struct origin_check *check, struct str bytes, size_t *ret_count)
{
	if (check->tls != NULL)
		return tls_write(check->tls, bytes, ret_count);
	struct iovec vector = {.iov_base = (void *)(uintptr_t)bytes.at, .iov_len = bytes.len};
	return tcp_write(check->watched.fd, &vector, 1, ret_count);
}

/* How a connection ended that should not have. */
static enum fault fault_of_reset(const struct origin_check *check)
{
	bool is_of_tls = check->tls != NULL && tls_origin_is_tls_fault(check->tls);
	return is_of_tls ? FAULT_TLS_HANDSHAKE : FAULT_RESET;
}

/* ---- HTTP; each step returns true when the check has its verdict in *ret_fault ---- */

static void write_request(struct origin_check_exchange *exchange, const struct origin_check *check)
{
	const struct origin_check_request *request = check->request;
	struct text *to = &exchange->request;
	text_add(to, STR("GET "));
	if (request->bucket != NULL)
		origin_bucket_add_target(request->bucket, request->path, to);
	else
		text_add(to, request->path);
	text_addf(to,
	        " HTTP/1.1\r\n"
	        "Host: %.*s\r\n"
	        "User-Agent: Headwater-Probe\r\n"
	        "Accept: */*\r\n",
	        STR_ARG(request->host));
	if (request->bucket != NULL) {
		const struct origin_bucket_request put = {.origin = request->bucket,
		        .method = HTTP_GET,
		        .target = request->path,
		        .time_s = check->signed_s};
		origin_bucket_add_signature(&put, to);
	}
	text_add(to, STR("Connection: close\r\n\r\n"));
}

/* Whether the store refused since our clock is not its own: that says nothing of the store, and the
 * next check is signed for its time. */
static bool is_skewed(struct origin_check *check, const struct http_head *head)
{
	int64_t now_s;
	if (check->request->bucket == NULL || !check->request->bucket->bucket.is_private ||
	        !origin_bucket_is_skewed(head->status, http_head_get(head, HTTP_NAME_DATE),
	                http_head_get(head, HTTP_NAME_AGE), check->signed_s, &now_s))
		return false;
	check->clock_ahead_s += now_s - check->signed_s;
	return true;
}

static bool send_request(struct origin_check *check, enum fault *ret_fault)
{
	struct origin_check_exchange *exchange = check->exchange;
	while (exchange->sent < exchange->request.len) {
		struct str rest = str_make(exchange->request.at + exchange->sent,
		        exchange->request.len - exchange->sent);
		size_t count = 0;
		switch (write_some(check, rest, &count)) {
		case TCP_DONE:
			exchange->sent += count;
			break;
		case TCP_AGAIN:
			return false;
		case TCP_END:
		case TCP_RESET:
			*ret_fault = fault_of_reset(check);
			return true;
		}
	}
	check->state = HEAD;
	return false;
}

static bool has_text(const struct text *content, struct str wanted)
{
	return memmem(text_c(content), content->len, wanted.at, wanted.len) != NULL;
}

/* Looks for the text in what came of the body so far. */
static bool search_body(struct origin_check *check, bool has_closed, enum fault *ret_fault)
{
	struct origin_check_exchange *exchange = check->exchange;
	struct str input = str_make(
	        exchange->received.at + exchange->at, exchange->received.len - exchange->at);
	struct str data;
	enum http_body_event event;
	while ((event = http_body_next(&exchange->body, &input, &data)) == HTTP_BODY_DATA)
		text_add(&exchange->content, data);
	text_clear(&exchange->received);
	exchange->at = 0;
	if (event == HTTP_BODY_MORE && has_closed)
		event = http_body_closed(&exchange->body);

	bool is_found = has_text(&exchange->content, check->request->body_contains);
	bool is_over = exchange->content.len >= ORIGIN_CHECK_BODY_BYTES;
	if (event == HTTP_BODY_BAD && !is_found)
		*ret_fault = has_closed ? FAULT_CLOSED : FAULT_MALFORMED;
	else
		*ret_fault = is_found ? FAULT_NONE : FAULT_STATUS;
	return is_found || is_over || event != HTTP_BODY_MORE;
}

/* Judges a final head; goes on to the body where its text matters. */
static bool judge_head(
        struct origin_check *check, const struct http_head *head, enum fault *ret_fault)
{
	struct origin_check_exchange *exchange = check->exchange;
	enum http_framing framing;
	uint64_t length;
	*ret_fault = http_body_response(head, HTTP_GET, &framing, &length);
	if (*ret_fault != FAULT_NONE)
		return true;
	if (!model_statuses_has(&check->request->expect, head->status))
		*ret_fault = is_skewed(check, head) ? FAULT_LOCAL : FAULT_STATUS;
	if (*ret_fault != FAULT_NONE || check->request->body_contains.len == 0)
		return true;
	http_body_init(&exchange->body, framing, length);
	check->state = BODY;
	return false;
}

static bool read_head(struct origin_check *check, enum fault *ret_fault)
{
	static const struct http_head_limits limits = {
	        .head_bytes = ORIGIN_CHECK_HEAD_BYTES,
	        .fields = FIELDS_MAX,
	};
	struct origin_check_exchange *exchange = check->exchange;
	while (check->state == HEAD) {
		struct http_field fields[FIELDS_MAX];
		struct http_head head = {.fields = fields, .capacity = FIELDS_MAX};
		struct str input = str_make(exchange->received.at + exchange->at,
		        exchange->received.len - exchange->at);
		switch (http_head_parse_response(
		        input, &exchange->scanned, &limits, &head, ret_fault)) {
		case HTTP_PARSE_MORE:
			return false;
		case HTTP_PARSE_BAD:
			return true;
		case HTTP_PARSE_DONE:
			break;
		}
		exchange->at += head.len;
		exchange->scanned = 0;
		if (head.status >= 200 || head.status == 101) {
			if (judge_head(check, &head, ret_fault))
				return true;
		} else if (++exchange->interims > INTERIMS_MAX) {
			*ret_fault = FAULT_MALFORMED;
			return true;
		}
	}
	return false;
}

/* Uses what was received. */
static bool use_received(struct origin_check *check, bool has_closed, enum fault *ret_fault)
{
	if (check->state == HEAD && read_head(check, ret_fault))
		return true;
	if (check->state == BODY)
		return search_body(check, has_closed, ret_fault);
	*ret_fault = FAULT_CLOSED;
	return has_closed;
}

static bool receive(struct origin_check *check, enum fault *ret_fault)
{
	char bytes[READ_BYTES];
	for (;;) {
		size_t count = 0;
		bool has_closed = false;
		switch (read_some(check, bytes, sizeof(bytes), &count)) {
		case TCP_DONE:
			text_add(&check->exchange->received, str_make(bytes, count));
			break;
		case TCP_AGAIN:
			return false;
		case TCP_END:
			has_closed = true;
			break;
		case TCP_RESET:
			*ret_fault = fault_of_reset(check);
			return true;
		}
		if (use_received(check, has_closed, ret_fault))
			return true;
	}
}

/* ---- all ---- */

static bool end_connecting(struct origin_check *check, enum fault *ret_fault)
{
	const struct origin_check_request *request = check->request;
	*ret_fault = tcp_connect_result(check->watched.fd);
	if (*ret_fault != FAULT_NONE || request == NULL)
		return true;
	check->exchange = mem_new(struct origin_check_exchange);
	check->signed_s =
	        (int64_t)(loop_wall_ms(check->checker->loop) / 1000) + check->clock_ahead_s;
	write_request(check->exchange, check);
	check->state = SENDING;
	if (request->trust == NULL)
		return false;
	check->state = HANDSHAKE;
	check->tls =
	        origin_trust_connect(request->trust, check->watched.fd, request->server_name, NULL);
	if (check->tls == NULL)
		*ret_fault = FAULT_TLS_FILE;
	return check->tls == NULL;
}

static bool shake_hands(struct origin_check *check, enum fault *ret_fault)
{
	switch (tls_origin_handshake(check->tls)) {
	case TCP_DONE:
		check->state = SENDING;
		return false;
	case TCP_AGAIN:
		return false;
	case TCP_END:
	case TCP_RESET:
		break;
	}
	*ret_fault = tls_origin_is_unverified(check->tls) ? FAULT_TLS_NAME : FAULT_TLS_HANDSHAKE;
	return true;
}

static bool go_on(struct origin_check *check, enum fault *ret_fault)
{
	if (check->state == CONNECTING && end_connecting(check, ret_fault))
		return true;
	if (check->state == HANDSHAKE && shake_hands(check, ret_fault))
		return true;
	if (check->state == HANDSHAKE)
		return false;
	if (check->state == SENDING && send_request(check, ret_fault))
		return true;
	return check->state != SENDING && receive(check, ret_fault);
}

static void on_ready(struct loop_fd *watched, unsigned events)
{
	struct origin_check *check = container_of(watched, struct origin_check, watched);
	if (check->state == CONNECTING && (events & (LOOP_WRITABLE | LOOP_HANGUP)) == 0)
		return;
	enum fault fault = FAULT_NONE;
	if (go_on(check, &fault))
		finish(check, fault);
}

static void begin(struct origin_check *check)
{
	struct origin_checker *checker = check->checker;
	check->state = CONNECTING;
	check->watched.fd = -1;
	check->watched.on_ready = on_ready;
	check->timer.on_expire = on_timeout;
	list_remove(&check->node);
	list_add_last(&checker->running, &check->node);
	checker->running_count++;
	int fd = -1;
	enum fault fault = tcp_connect(&check->address, &fd);
	if (fault != FAULT_NONE) {
		finish(check, fault);
		return;
	}
	check->watched.fd = fd;
	if (!loop_add(checker->loop, &check->watched)) {
		finish(check, FAULT_LOCAL);
		return;
	}
	loop_timer_start(
	        checker->loop, &check->timer, loop_now_ms(checker->loop) + check->timeout_ms);
}

static void begin_waiting(struct loop_task *task)
{
	struct origin_checker *checker = container_of(task, struct origin_checker, task);
	while (checker->running_count < ORIGIN_CHECK_RUNNING_MAX) {
		struct list_node *node = list_first(&checker->waiting);
		if (node == NULL)
			return;
		begin(container_of(node, struct origin_check, node));
	}
}

void origin_check_start(struct origin_checker *checker, struct origin_check *check,
        const struct address *address, const struct origin_check_request *request,
        uint32_t timeout_ms)
{
	CHECK(check->checker == NULL && check->on_done != NULL);
	check->checker = checker;
	check->request = request;
	check->address = *address;
	check->timeout_ms = timeout_ms;
	check->state = WAITING;
	list_add_last(&checker->waiting, &check->node);
	loop_wake(checker->loop, &checker->task);
}
