/*
 * What the files of detection share: entries, the word that is a state, and its moves.
 */
#pragma once

#include "base/map.h"
#include "origin/health.h"

#include <pthread.h>

enum {
	ORIGIN_HEALTH_CONNECTION_FAILURES_MAX = 16,
	ORIGIN_HEALTH_RESPONSE_WINDOW_MAX = 32,
};

/* What a host and a server have in common. */
struct origin_subject {
	_Atomic uint64_t word;
	struct origin_health *health;
	_Atomic uint64_t successes, failures;
	_Atomic uint64_t blocked_since_ms, blocked_until_ms; /* of the last block */
	bool is_server;
	pthread_mutex_t lock; /* for what follows, and for blocking */
	unsigned blocks;      /* in a row, without forgive_ms of good time between them */
	uint64_t good_since_ms;
};

struct origin_host {
	struct map_node node;
	struct address address;
	struct origin_subject subject;
	uint64_t failed_ms[ORIGIN_HEALTH_CONNECTION_FAILURES_MAX]; /* a ring; 0: none */
	unsigned failed_at;
	uint64_t suspect_ms; /* when on_suspect may be called again */
	atomic_uint references;
	/* Connections come and go more often than states: they get a cache line of their own. */
	char gap[64];
	struct origin_slots slots;
};

/* The URLs of a server's latest failures. */
struct origin_failed_urls {
	uint64_t hash[ORIGIN_HEALTH_RESPONSE_WINDOW_MAX]; /* a ring */
	unsigned next;
};

struct origin_server {
	struct map_node node;
	struct origin_host *host;
	struct origin_subject subject;
	_Atomic uint64_t window; /* the last attempts: the low half has the failures' bits */
	_Atomic uint32_t latency_us;
	struct origin_failed_urls *urls; /* NULL until a failure; under the subject's lock */
	atomic_uint references;
	_Atomic int64_t clock_ahead_s; /* its clock against ours */
	_Atomic uint64_t clock_ms;     /* when that was found; 0: it was not */
	_Atomic uint64_t attempts;     /* that have begun; workers add up what they had */
	uint8_t protocol;
	struct str domain, server_name; /* behind the struct */
};

struct origin_health {
	struct origin_health_options options;
	struct origin_health_sink *sink;
	pthread_mutex_t lock; /* for the maps, and for a reference that rises from or falls to 0 */
	struct map hosts, servers;
	pthread_mutex_t deciding; /* taken before all others */
};

/* ---- the word ---- */

enum { STATE_BITS = 3, REASON_BITS = 7 };

_Static_assert(FAULT_COUNT <= 1 << REASON_BITS, "a reason has its place in the word");

static inline uint64_t origin_health_word_make(
        enum origin_state state, enum fault reason, uint64_t time_ms)
{
	return time_ms << (STATE_BITS + REASON_BITS) | (uint64_t)reason << STATE_BITS | state;
}

static inline enum origin_state origin_health_word_state(uint64_t word)
{
	return (enum origin_state)(word & ((1 << STATE_BITS) - 1));
}

static inline enum fault origin_health_word_reason(uint64_t word)
{
	return (enum fault)(word >> STATE_BITS & ((1 << REASON_BITS) - 1));
}

static inline uint64_t origin_health_word_time(uint64_t word)
{
	return word >> (STATE_BITS + REASON_BITS);
}

static inline uint64_t origin_health_load(const _Atomic uint64_t *value)
{
	return atomic_load_explicit(value, memory_order_relaxed);
}

static inline uint64_t origin_health_word_of(const struct origin_subject *subject)
{
	return origin_health_load(&subject->word);
}

static inline void origin_health_lock(pthread_mutex_t *mutex)
{
	CHECK(pthread_mutex_lock(mutex) == 0);
}

static inline void origin_health_unlock(pthread_mutex_t *mutex)
{
	CHECK(pthread_mutex_unlock(mutex) == 0);
}

/* ---- moves; those that block hold the entry's lock ---- */

/* Tells the sink of a move from the state of the word `before`; without locks. */
void origin_health_report(
        struct origin_subject *subject, uint64_t before, enum origin_state to, enum fault reason);

bool origin_health_is_ramp_over(
        const struct origin_subject *subject, uint64_t word, uint64_t now_ms);

/* Blocks, from any state but BLOCKED; *word is the state from which it was. Under the lock. */
void origin_health_block(
        struct origin_subject *subject, uint64_t *word, enum fault reason, uint64_t now_ms);

/* A trial went well: slow start. Nothing happens when it is over already. */
void origin_health_pass_trial(struct origin_subject *subject, uint64_t now_ms);

/* The slow start that `word` says is over: usable. */
void origin_health_end_ramp(struct origin_subject *subject, uint64_t word);
