/*
 * The access log: one JSON line for each request (docs/access-log.md), formatted on the worker into
 * its own ring, written by one thread for the process to a file, standard output, syslog or
 * journald. When the writer cannot keep up, lines are dropped and counted; a request never waits.
 */
#pragma once

#include "base/address.h"
#include "base/fault.h"
#include "base/str.h"

#include <stdbool.h>
#include <stdint.h>

enum edge_log_role { EDGE_LOG_MASTER, EDGE_LOG_BACKUP };

/* One attempt, as it is logged. Names are constants. */
struct edge_log_attempt {
	struct address address;
	uint8_t role; /* enum model_role */
	bool is_reused;
	bool is_unsure;  /* its body ended with its connection: whole, as far as anybody can tell */
	uint16_t status; /* 0: none came */
	uint8_t reason;  /* enum fault */
	uint8_t next;    /* enum edge_log_next */
	const char *phase;
	struct str detail; /* what broke TLS; empty: nothing did. In somebody's arena */
	uint32_t us;
	/* Of a body that others gave parts of as well: this one's, as places in the representation,
	 * up to before `to`. */
	uint64_t from, to;
};

/* Why the next thing was done. */
enum edge_log_next {
	EDGE_LOG_DELIVER, /* this answer goes to the client */
	EDGE_LOG_BACKUP_NEXT,
	EDGE_LOG_ADDRESS, /* another address */
	EDGE_LOG_FRESH,   /* the same address on a fresh connection */
	EDGE_LOG_CLOCK,   /* the same address, signed for the time of its own clock */
	EDGE_LOG_RESUME,  /* the rest of the body is asked for */
	EDGE_LOG_KEPT,    /* the master's kept answer goes to the client */
	EDGE_LOG_LATE,    /* another answer was first (hedging); this one is not waited for */
	EDGE_LOG_FAIL,
};

enum edge_log_end { EDGE_LOG_COMPLETE, EDGE_LOG_TRUNCATED, EDGE_LOG_ABORTED };

struct edge_log_entry {
	uint64_t wall_ms, us, id;
	struct address client;
	struct str domain, host, method, target;
	uint8_t minor; /* of HTTP/1 */
	bool is_h2;    /* HTTP/2 */
	uint16_t status;
	const char *cache; /* "PASS" */
	uint64_t bytes_in, bytes_out;
	uint8_t fault, end; /* enum fault, enum edge_log_end */
	const struct edge_log_attempt *attempts;
	unsigned attempt_count;
};

/* Whether several of these gave, or were asked for, parts of one body. */
bool edge_access_log_is_resumed(const struct edge_log_attempt *attempts, unsigned count);

struct edge_access_log;      /* the process's: the writer */
struct edge_access_log_ring; /* one worker's */

/* Opens `where` ("stdout", "syslog", "journald" or a path) and starts the writer's thread; NULL
 * with errno. */
struct edge_access_log *edge_access_log_new(const char *where, uint32_t sample);

/* Writes what is queued (at most for a second) and ends the thread. Rings must have been closed. */
void edge_access_log_free(struct edge_access_log *log);

/* Has the file opened again before the next line. Any thread. */
void edge_access_log_reopen(struct edge_access_log *log);

struct edge_access_log_ring *edge_access_log_ring_new(struct edge_access_log *log);
void edge_access_log_ring_free(struct edge_access_log_ring *ring);

/* Whether the next request is one that the sample wants; counts. Costs nothing when the log is
 * NULL. */
bool edge_access_log_wants(struct edge_access_log_ring *ring);

/* Formats and queues; dropped and counted when the ring is full (LIMIT_LOG_QUEUE_BYTES). */
void edge_access_log_add(struct edge_access_log_ring *ring, const struct edge_log_entry *entry);

/* Lines dropped so far, of all rings. Any thread. */
uint64_t edge_access_log_dropped(const struct edge_access_log *log);

/* Formats an entry as its line, with the line feed. Pure. */
void edge_access_log_format(const struct edge_log_entry *entry, struct text *to);
