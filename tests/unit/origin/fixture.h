/*
 * What the tests of attempts, pools and connections start from: a worker with its loop, a domain
 * with short timeouts, and a scripted origin on loopback, all on one thread: the test turns the
 * loop until something is so, and plays the origin in between. The group is a stand-in, so that the
 * room's choosing of addresses has no part in it.
 */
#pragma once

#include "base/clock.h"
#include "base/hash.h"
#include "net/tcp.h"
#include "origin/attempt.h"
#include "origin/health.h"
#include "origin/worker_private.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
	CONNECT_MS = 300,
	HEAD_MS = 300,
	IDLE_MS = 200,
	KEEP_MS = 30000,
	QUEUE_MS = 300,
	PATIENCE_MS = 5000, /* how long a test waits for what must happen */
	SLACK_MS = 2000,    /* how late a busy machine may be */
};

/* The stand-ins. */

struct origin_shared {
	struct origin_health *health;
};

struct origin_group {
	struct model_domain *domain;
	bool may_block;
	unsigned no_routes;
};

struct origin_health *origin_shared_health(struct origin_shared *shared)
{
	return shared->health;
}

struct model_origin *origin_group_origin(struct origin_group *group)
{
	return &group->domain->origin;
}

struct model_domain *origin_group_domain(struct origin_group *group)
{
	return group->domain;
}

void origin_group_note_response(const struct origin_candidate *candidate, enum fault fault,
        uint64_t url_hash, uint64_t now_ms)
{
	origin_health_note_response(
	        candidate->server, fault, url_hash, candidate->group->may_block, now_ms);
}

void origin_group_note_no_route(const struct origin_candidate *candidate, uint64_t now_ms)
{
	(void)now_ms;
	candidate->group->no_routes++;
}

void origin_group_candidate_ref(struct origin_candidate *candidate)
{
	candidate->references++;
}

void origin_group_candidate_unref(struct origin_candidate *candidate)
{
	assert_true(candidate->references > 0);
	candidate->references--;
}

static inline void ignore_suspect(struct origin_health_sink *self, struct origin_host *host)
{
	(void)self;
	(void)host;
}

static inline void ignore_change(struct origin_health_sink *self, struct origin_host *host,
        struct origin_server *server, enum origin_state from, enum origin_state to,
        enum fault reason)
{
	(void)self;
	(void)host;
	(void)server;
	(void)from;
	(void)to;
	(void)reason;
}

/* What the tests stand on. */

struct fixture {
	struct loop *loop;
	struct mem_budget budget;
	struct buf_pool buffers;
	struct origin_health_sink health_sink;
	struct origin_shared shared;
	struct origin_group group;
	struct origin_worker *worker;
	struct origin_candidate candidate;
	int listener; /* the origin's, blocking */
};

/* An attempt with its owner. */
struct pull {
	struct origin_attempt_sink sink;
	struct origin_attempt attempt;
	struct origin_attempt_options options;
	struct fixture *fixture;
	unsigned calls; /* of on_progress */
	bool is_inside; /* a call of the owner is under way: nothing may be told */
	struct text interims;
	struct text body;
	enum origin_read last_read;
};

/* A loop, a worker and a candidate for an origin at `address`. */
static inline void fixture_init_at(struct fixture *fixture, const struct address *address)
{
	const struct origin_health_options health = {
	        .block_ms = 60000,
	        .block_max_ms = 600000,
	        .forgive_ms = 600000,
	        .ramp_ms = 10000,
	        .connection_failures = 3,
	        .connection_window_ms = 60000,
	        .response_failures = 6,
	        .response_window = 20,
	        .response_urls = 3,
	        .trial_lease_ms = 30000,
	};
	*fixture = (struct fixture){.budget = {.limit = 64U << 20}, .listener = -1};
	fixture->loop = loop_new();
	assert_non_null(fixture->loop);
	buf_pool_init(&fixture->buffers, &fixture->budget);
	fixture->health_sink.on_suspect = ignore_suspect;
	fixture->health_sink.on_change = ignore_change;
	fixture->shared.health = origin_health_new(&health, &fixture->health_sink);
	fixture->worker = origin_worker_new(&(struct origin_worker_options){
	        .loop = fixture->loop,
	        .buffers = &fixture->buffers,
	        .shared = &fixture->shared,
	        .idle_max = 4,
	});
	struct model_domain *domain = model_domain_new();
	domain->origin.connect_timeout_ms = CONNECT_MS;
	domain->origin.head_timeout_ms = HEAD_MS;
	domain->origin.idle_timeout_ms = IDLE_MS;
	domain->origin.keepalive_ms = KEEP_MS;
	domain->origin.queue_ms = QUEUE_MS;
	domain->origin.queue_max = 2;
	fixture->group = (struct origin_group){.domain = domain, .may_block = true};
	fixture->candidate = (struct origin_candidate){
	        .references = 1,
	        .address = *address,
	        .group = &fixture->group,
	        .host = origin_health_host(fixture->shared.health, address),
	        .server = origin_health_server(
	                fixture->shared.health, STR("edge.test"), address, MODEL_HTTP, STR_EMPTY),
	        .pool = origin_pool_get(fixture->worker, address, MODEL_HTTP, STR_EMPTY, NULL),
	};
}

/* The same with a listener on a port that the kernel chose. */
static inline void fixture_init(struct fixture *fixture)
{
	struct address address;
	assert_true(address_parse(STR("127.0.0.1:0"), &address));
	int listener = tcp_listen(&address, 64);
	assert_true(listener >= 0);
	assert_true(tcp_local_address(listener, &address));
	fixture_init_at(fixture, &address);
	fixture->listener = listener;
}

static inline void fixture_done(struct fixture *fixture)
{
	assert_int_equal(fixture->candidate.references, 1);
	assert_int_equal(fixture->candidate.in_flight, 0);
	origin_pool_unref(fixture->candidate.pool);
	origin_health_server_unref(fixture->candidate.server);
	origin_health_host_unref(fixture->candidate.host);
	model_domain_unref(fixture->group.domain);
	origin_worker_free(fixture->worker);
	origin_health_free(fixture->shared.health);
	assert_int_equal(fixture->buffers.in_use, 0);
	buf_pool_done(&fixture->buffers);
	assert_int_equal(atomic_load(&fixture->budget.used), 0);
	loop_free(fixture->loop);
	if (fixture->listener >= 0)
		close(fixture->listener);
}

static inline struct origin_slots *fixture_slots(struct fixture *fixture)
{
	return origin_health_slots(fixture->candidate.host);
}

/* Turns the loop for about `ms`. */
static inline void fixture_pass(struct fixture *fixture, unsigned ms)
{
	uint64_t until_ms = clock_ms() + ms;
	do {
		loop_turn(fixture->loop, 1);
	} while (clock_ms() < until_ms);
}

static inline struct origin_health_view fixture_server(struct fixture *fixture)
{
	struct origin_health_view view;
	origin_health_view_server(fixture->candidate.server, clock_ms(), &view);
	return view;
}

static inline struct origin_health_view fixture_host(struct fixture *fixture)
{
	struct origin_health_view view;
	origin_health_view_host(fixture->candidate.host, clock_ms(), &view);
	return view;
}

/* The origin's side. */

static inline int origin_accept(struct fixture *fixture)
{
	struct pollfd poller = {.fd = fixture->listener, .events = POLLIN};
	assert_int_equal(poll(&poller, 1, PATIENCE_MS), 1);
	struct address peer;
	int fd = tcp_accept(fixture->listener, &peer);
	assert_true(fd >= 0);
	return fd;
}

/* Whether a connection waits to be accepted. */
static inline bool origin_has_visitor(struct fixture *fixture)
{
	struct pollfd poller = {.fd = fixture->listener, .events = POLLIN};
	return poll(&poller, 1, 0) == 1;
}

/* Reads exactly `expected`, letting the loop turn meanwhile. */
static inline void origin_expect(struct fixture *fixture, int fd, struct str expected)
{
	struct text got = {0};
	uint64_t until_ms = clock_ms() + PATIENCE_MS;
	while (got.len < expected.len && clock_ms() < until_ms) {
		char piece[4096];
		size_t left = expected.len - got.len;
		ssize_t count =
		        recv(fd, piece, left < sizeof(piece) ? left : sizeof(piece), MSG_DONTWAIT);
		if (count > 0)
			text_add(&got, str_make(piece, (size_t)count));
		else if (count == 0)
			break;
		else
			loop_turn(fixture->loop, 1);
	}
	assert_int_equal(got.len, expected.len);
	assert_memory_equal(got.at, expected.at, expected.len);
	text_done(&got);
}

static inline void origin_send(int fd, const char *text)
{
	assert_int_equal(send(fd, text, strlen(text), MSG_NOSIGNAL), (ssize_t)strlen(text));
}

/* Whether the origin's connection was closed by us, letting the loop turn for a moment. */
static inline bool origin_is_closed(struct fixture *fixture, int fd)
{
	uint64_t until_ms = clock_ms() + 50;
	for (;;) {
		char byte;
		ssize_t count = recv(fd, &byte, 1, MSG_DONTWAIT);
		if (count == 0 || (count < 0 && errno != EAGAIN))
			return true;
		if (clock_ms() >= until_ms)
			return false;
		loop_turn(fixture->loop, 1);
	}
}

/* The owner's side. */

static inline void on_pull_progress(struct origin_attempt_sink *sink)
{
	struct pull *pull = container_of(sink, struct pull, sink);
	assert_false(pull->is_inside);
	pull->calls++;
}

static inline void on_pull_interim(struct origin_attempt_sink *sink, const struct http_head *head)
{
	struct pull *pull = container_of(sink, struct pull, sink);
	assert_false(pull->is_inside);
	text_addf(&pull->interims, "%u %.*s;", head->status,
	        STR_ARG(http_head_get(head, HTTP_NAME_SERVER)));
}

#define REQUEST "GET / HTTP/1.1\r\nHost: edge.test\r\n\r\n"

/* A GET that may be changed before pull_start. */
static inline void pull_init(struct pull *pull, struct fixture *fixture)
{
	*pull = (struct pull){
	        .sink = {.on_progress = on_pull_progress, .on_interim = on_pull_interim},
	        .fixture = fixture,
	        .options = {.candidate = &fixture->candidate,
	                .head = STR(REQUEST),
	                .method = HTTP_GET,
	                .deadline_ms = CLOCK_NEVER},
	};
}

static inline void pull_start(struct pull *pull)
{
	struct origin_attempt *attempt = &pull->attempt;
	pull->is_inside = true;
	origin_attempt_start(attempt, pull->fixture->worker, &pull->sink, &pull->options);
	pull->is_inside = false;
	assert_true(attempt->phase >= ORIGIN_PHASE_QUEUE && attempt->phase <= ORIGIN_PHASE_HEAD);
}

static inline void pull_get(struct pull *pull, struct fixture *fixture)
{
	pull_init(pull, fixture);
	pull_start(pull);
}

static inline void pull_end(struct pull *pull)
{
	pull->is_inside = true;
	origin_attempt_end(&pull->attempt);
	assert_int_equal(pull->attempt.phase, ORIGIN_PHASE_IDLE);
	text_done(&pull->interims);
	text_done(&pull->body);
}

/* Turns the loop until the attempt is in `phase`, or in one behind it. */
static inline void pull_wait(struct pull *pull, enum origin_phase phase)
{
	uint64_t until_ms = clock_ms() + PATIENCE_MS;
	while (pull->attempt.phase < phase && clock_ms() < until_ms)
		loop_turn(pull->fixture->loop, 1);
	assert_true(pull->attempt.phase >= phase);
}

/* Turns the loop until the attempt failed with `fault`. */
static inline void pull_wait_fault(struct pull *pull, enum fault fault)
{
	pull_wait(pull, ORIGIN_PHASE_FAILED);
	assert_string_equal(fault_name(pull->attempt.fault), fault_name(fault));
	assert_true(pull->calls > 0);
}

static inline enum origin_read pull_read(struct pull *pull)
{
	struct str data;
	pull->is_inside = true;
	pull->last_read = origin_attempt_read(&pull->attempt, &data);
	pull->is_inside = false;
	if (pull->last_read == ORIGIN_READ_DATA)
		text_add(&pull->body, data);
	return pull->last_read;
}

/* Reads until there is nothing more for now. */
static inline enum origin_read pull_drain(struct pull *pull)
{
	while (pull_read(pull) == ORIGIN_READ_DATA)
		;
	return pull->last_read;
}

/* Reads the body until END or FAILED. */
static inline enum origin_read pull_body(struct pull *pull)
{
	uint64_t until_ms = clock_ms() + PATIENCE_MS;
	pull_wait(pull, ORIGIN_PHASE_BODY);
	while (pull_drain(pull) == ORIGIN_READ_WAIT && clock_ms() < until_ms) {
		unsigned calls = pull->calls;
		while (pull->calls == calls && clock_ms() < until_ms)
			loop_turn(pull->fixture->loop, 1);
	}
	return pull->last_read;
}

/* A whole exchange on `fd`, or on a fresh connection where that is -1; returns it, kept. */
static inline int pull_exchange(struct fixture *fixture, int fd, const char *response)
{
	struct pull pull;
	pull_get(&pull, fixture);
	if (fd < 0)
		fd = origin_accept(fixture);
	origin_expect(fixture, fd, STR(REQUEST));
	origin_send(fd, response);
	assert_int_equal(pull_body(&pull), ORIGIN_READ_END);
	assert_int_equal(pull.attempt.phase, ORIGIN_PHASE_DONE);
	pull_end(&pull);
	return fd;
}
