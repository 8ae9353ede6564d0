/*
 * Loaders without requests: who leads a pull, and who waits for it, are the test's.
 */
#pragma once

#include "cache/keeper.h"
#include "cache/update.h"
#include "edge/loader.h"
#include "edge/stored.h"

/* What a pull is to be like. */
struct pull_options {
	const char *key;     /* "a.test/x" where NULL */
	const char *request; /* PLAIN_REQUEST where NULL */
	const struct edge_piece *piece;
	bool validates; /* what the store has for the request */
	bool is_background, is_led;
	bool has_reader;
};

struct pull {
	struct fixture *fixture;
	struct parsed request;
	struct cache_key key;
	struct edge_loader *loader; /* NULL once it ended, where it is led */
	struct edge_flight *flight; /* one reference */
	struct edge_loader_leader leader;
	struct edge_flight_reader reader;
	struct loop_task task;
	unsigned ends, interims, attempts, wakes;
	struct text body; /* what was read */
};

/* Turns until `condition` holds; fails the test when it never does. */
#define wait_until(fixture, condition)                                                             \
	do {                                                                                       \
		uint64_t until_ms = clock_ms() + PATIENCE_MS;                                      \
		while (!(condition)) {                                                             \
			assert_true(clock_ms() < until_ms);                                        \
			fixture_turn((fixture), 1);                                                \
		}                                                                                  \
	} while (0)

static inline void wait_for(struct fixture *fixture, uint64_t ms)
{
	uint64_t until_ms = clock_ms() + ms;
	while (clock_ms() < until_ms)
		fixture_turn(fixture, 1);
}

static inline void on_pull_wake(struct loop_task *task)
{
	container_of(task, struct pull, task)->wakes++;
}

static inline void on_pull_interim(struct edge_loader_leader *leader, const struct http_head *head)
{
	struct pull *pull = container_of(leader, struct pull, leader);
	assert_int_equal(head->status / 100, 1);
	pull->interims++;
}

static inline void on_pull_end(struct edge_loader_leader *leader,
        const struct edge_log_attempt *attempts, unsigned attempt_count)
{
	struct pull *pull = container_of(leader, struct pull, leader);
	assert_true(attempt_count == 0 || attempts != NULL);
	pull->attempts = attempt_count;
	pull->ends++;
	pull->loader = NULL;
}

/* Makes the loader and lists it, as a request would; it does not begin yet. */
static inline void pull_init(
        struct pull *pull, struct fixture *fixture, const struct pull_options *options)
{
	static const struct address NOBODY;
	struct edge_worker *worker = fixture->worker;
	struct found found;
	const char *key = options->key != NULL ? options->key : "a.test/x";
	const char *request = options->request != NULL ? options->request : PLAIN_REQUEST;
	*pull = (struct pull){
	        .fixture = fixture,
	        .leader = {.on_interim = on_pull_interim, .on_end = on_pull_end},
	        .task = {.on_run = on_pull_wake},
	};
	pull->key = cache_key_make(worker->cache, str_of(key));
	bool is_there = look_up(fixture, key, request, &found);
	assert_true(is_there || !options->validates);
	const struct http_head *head = request_head(&pull->request, request);
	struct edge_loader_options loader = {
	        .worker = worker,
	        .domain = domain_of_key(fixture, key),
	        .head = head,
	        .host = STR("a.test"),
	        .target = http_head_target(head),
	        .peer = &NOBODY,
	        .key = pull->key,
	        .sequence = cache_store_sequence(worker->cache),
	        .vary = &found.lookup.vary,
	        .variant = found.lookup.variant,
	        .stale = options->validates ? &found.entry : NULL,
	        .piece = options->piece,
	        .is_background = options->is_background,
	        .leader = options->is_led ? &pull->leader : NULL,
	};
	pull->loader = edge_loader_new(&loader);
	struct edge_flights_entry *entry = edge_loader_entry(pull->loader);
	edge_flights_add(worker->flights, entry);
	assert_true(entry->is_listed);
	pull->flight = edge_flight_ref(entry->flight);
	if (options->has_reader)
		edge_flight_join(pull->flight, &pull->reader, 0, &pull->task);
}

static inline void pull_start(
        struct pull *pull, struct fixture *fixture, const struct pull_options *options)
{
	pull_init(pull, fixture, options);
	edge_loader_start(pull->loader);
}

/* Another one who waits for the same; read with pull_read_all only by `pull` itself. */
static inline enum edge_flight_stage pull_stage(const struct pull *pull)
{
	return edge_flight_stage(pull->flight);
}

/* Nobody pulls any more. */
static inline bool is_pull_over(const struct pull *pull)
{
	return list_is_empty(&pull->fixture->worker->loaders);
}

/* Reads what there is; the result is the first one that is no DATA. */
static inline enum edge_flight_read pull_read(struct pull *pull)
{
	struct str data;
	enum edge_flight_read result;
	while ((result = edge_flight_read(&pull->reader, UINT64_MAX, &data)) ==
	        EDGE_FLIGHT_READ_DATA)
		text_add(&pull->body, data);
	return result;
}

/* Reads until the body is whole or broke off. */
static inline enum edge_flight_read pull_read_all(struct pull *pull)
{
	enum edge_flight_read result = EDGE_FLIGHT_READ_WAIT;
	wait_until(pull->fixture, pull_stage(pull) != EDGE_FLIGHT_PULLING);
	wait_until(pull->fixture, (result = pull_read(pull)) != EDGE_FLIGHT_READ_WAIT);
	return result;
}

static inline void pull_leave(struct pull *pull)
{
	edge_flight_leave(&pull->reader);
}

/* Waits for the end of whatever goes on without a reader. */
static inline void pull_done(struct pull *pull)
{
	pull_leave(pull);
	edge_flight_unref(pull->flight);
	text_done(&pull->body);
}

/* Whether somebody who asks now, with this domain, would join a flight. */
static inline bool may_join(
        struct fixture *fixture, struct str key, uint64_t hash, const struct model_domain *domain)
{
	struct edge_flight_reader reader = {.flight = NULL};
	struct loop_task task = {.on_run = on_pull_wake};
	struct edge_flights_join join = {
	        .key = key,
	        .hash = hash,
	        .may_join = edge_loader_may_join,
	        .context = domain,
	        .reader = &reader,
	        .task = &task,
	};
	bool is_joined = edge_flights_join(fixture->worker->flights, &join, NULL);
	edge_flight_leave(&reader);
	return is_joined;
}
