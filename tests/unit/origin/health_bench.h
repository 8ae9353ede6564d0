/*
 * What the tests of detection start from: a table, one host and one server behind it, and the times
 * of origin-pull.md section 3. The tests say what time it is.
 */
#pragma once

#include "base/hash.h"
#include "base/mem.h"
#include "base/random.h"
#include "origin/health.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

enum { START = 1000000 };

struct seen {
	struct origin_health_sink sink;
	_Atomic unsigned suspects, changes;
	_Atomic unsigned to[ORIGIN_RAMPING + 1];
	_Atomic unsigned last_reason;
};

static inline void on_suspect(struct origin_health_sink *self, struct origin_host *host)
{
	assert_non_null(host);
	container_of(self, struct seen, sink)->suspects++;
}

static inline void on_change(struct origin_health_sink *self, struct origin_host *host,
        struct origin_server *server, enum origin_state from, enum origin_state to,
        enum fault reason)
{
	struct seen *seen = container_of(self, struct seen, sink);
	assert_true((host == NULL) != (server == NULL));
	assert_int_not_equal(from, to);
	seen->changes++;
	seen->to[to]++;
	seen->last_reason = reason;
}

static const struct origin_health_options defaults = {
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

struct bench {
	struct seen seen;
	struct origin_health *health;
	struct origin_host *host;
	struct origin_server *server;
};

static inline struct address address_of(const char *text)
{
	struct address address;
	assert_true(address_parse(str_of(text), &address));
	return address;
}

static inline int set_up(void **state)
{
	struct bench *bench = mem_new(struct bench);
	bench->seen.sink = (struct origin_health_sink){on_suspect, on_change};
	bench->health = origin_health_new(&defaults, &bench->seen.sink);
	struct address address = address_of("192.0.2.1:80");
	bench->host = origin_health_host(bench->health, &address);
	bench->server =
	        origin_health_server(bench->health, STR("a.test"), &address, MODEL_HTTP, STR_EMPTY);
	*state = bench;
	return 0;
}

static inline int tear_down(void **state)
{
	struct bench *bench = *state;
	origin_health_server_unref(bench->server);
	origin_health_host_unref(bench->host);
	origin_health_free(bench->health);
	mem_free(bench);
	return 0;
}

static inline enum origin_standing standing(struct bench *bench, uint64_t now_ms)
{
	unsigned share;
	uint64_t until_ms;
	return origin_health_standing(bench->host, bench->server, now_ms, &share, &until_ms);
}

static inline unsigned share(struct bench *bench, uint64_t now_ms)
{
	unsigned part;
	uint64_t until_ms;
	assert_int_equal(
	        origin_health_standing(bench->host, bench->server, now_ms, &part, &until_ms),
	        ORIGIN_STANDING_GOOD);
	return part;
}

static inline struct origin_health_view view_host(struct bench *bench, uint64_t now_ms)
{
	struct origin_health_view view;
	origin_health_view_host(bench->host, now_ms, &view);
	return view;
}

static inline struct origin_health_view view_server(struct bench *bench, uint64_t now_ms)
{
	struct origin_health_view view;
	origin_health_view_server(bench->server, now_ms, &view);
	return view;
}

static inline void refuse(struct bench *bench, unsigned times, uint64_t now_ms)
{
	for (unsigned i = 0; i < times; i++)
		origin_health_note_connection(bench->host, FAULT_CONNECT_REFUSED, now_ms);
}

/* Blocks the host and lets the block end; returns the time after a good trial. */
static inline uint64_t recover_host(struct bench *bench)
{
	uint64_t now_ms = view_host(bench, 0).blocked_until_ms;
	assert_int_equal(origin_health_advance_host(bench->host, now_ms), ORIGIN_PROBING);
	origin_health_probed_host(bench->host, true, FAULT_NONE, now_ms);
	assert_true(origin_health_take_trial(bench->host, bench->server, now_ms));
	origin_health_note_connection(bench->host, FAULT_NONE, now_ms);
	origin_health_note_response(bench->server, FAULT_NONE, 0, true, now_ms);
	return now_ms;
}

/* `outcomes`: "f1" is a failure at URL 1, "s" a success, "n" a failure that may not block. */
static inline void play(struct bench *bench, const char *outcomes)
{
	for (const char *at = outcomes; *at != '\0'; at++) {
		if (*at == 's')
			origin_health_note_response(bench->server, FAULT_NONE, 0, true, START);
		else if (*at == 'f' || *at == 'n') {
			uint64_t url = (uint64_t)at[1];
			origin_health_note_response(
			        bench->server, FAULT_HEAD_TIMEOUT, url, *at == 'f', START);
			at++;
		}
	}
}

#define HEALTH_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
