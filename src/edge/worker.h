/*
 * One worker thread: its loop, and everything that its requests and fills use. Nothing in it is
 * touched by another thread, but for messages to its loop.
 */
#pragma once

#include "base/buf.h"
#include "base/slab.h"
#include "cache/reader.h"
#include "edge/access_log.h"
#include "edge/edge.h"
#include "edge/tail.h"
#include "edge/tally.h"
#include "model/snapshot.h"
#include "net/disk.h"
#include "net/loop.h"
#include "origin/worker.h"
#include "serve/server.h"

struct edge_worker {
	struct loop *loop;
	const struct edge_options *options;
	unsigned index;
	struct buf_pool buffers;
	struct origin_shared *shared;
	struct origin_worker *origins;
	struct serve_server *server;
	struct tls_context *tls;      /* NULL: no listener has TLS */
	struct serve_handler handler; /* how the server hands requests over */
	struct disk *disk;
	struct mem_budget *spool_budget;
	struct model_snapshot *snapshot;  /* one reference; new requests take it */
	struct edge_access_log_ring *log; /* NULL: off */
	struct edge_tail *tail;           /* of all workers */
	struct edge_tally *tally;
	struct slab request_slab, fill_slab;
	struct list requests, loaders;
	unsigned loader_count;
	struct cache_store *cache; /* the process's; NULL: nothing is remembered */
	struct cache_reader *cache_reader;
	struct loop_pause pause;      /* in which the reader is quiet */
	struct edge_flights *flights; /* of all workers, as the next three */
	struct edge_unshared *unshared;
	struct edge_recalls *recalls; /* NULL: the cache has no disks */
	struct loop *const *loops;
	struct str cdn_id;
	struct str via[2]; /* by the minor version: "1.0 cdn_id", "1.1 cdn_id" */
	uint64_t next_id;
	atomic_uint
	        tunnels; /* requests that change to another protocol; read by the steward, too */
	struct timer drain_timer;
	uint64_t drain_deadline_ms;
	bool is_draining, is_cut;
};

/* What all workers of the process share. */
struct edge_worker_shared {
	const struct edge_options *options;
	struct mem_budget *budget;
	struct mem_budget *spool_budget;
	struct serve_census *census;
	struct origin_shared *origins;
	struct disk *disk;
	struct edge_access_log *log; /* NULL: off */
	struct edge_tail *tail;
	struct cache_store *cache; /* NULL: nothing is remembered */
	struct edge_flights *flights;
	struct edge_unshared *unshared;
	struct edge_recalls *recalls;        /* NULL: the cache has no disks */
	struct tls_shelf_slot *certificates; /* NULL: no listener has TLS */
	const struct tls_tickets *tickets;   /* NULL: there are no keys for any */
	struct loop **loops;                 /* room for one of each worker, who puts it there */
};

/* A worker with its own loop, not running yet. NULL when the machine refuses. `index` chooses its
 * listeners. Takes a reference of its own to the snapshot. */
struct edge_worker *edge_worker_new(
        const struct edge_worker_shared *shared, unsigned index, struct model_snapshot *snapshot);

/* After all threads have ended, for each worker before any of them is freed: nobody has anything
 * of another any more. */
void edge_worker_cut(struct edge_worker *worker);

/* After all of them were cut; NULL is fine. */
void edge_worker_free(struct edge_worker *worker);

/* The value of Via for a response that came with this head (RFC 9110 section 7.6.3). */
struct str edge_worker_via(const struct edge_worker *worker, const struct http_head *head);

/* Begins to accept; before edge_worker_run. False when the machine refuses. */
MUST_CHECK bool edge_worker_listen(struct edge_worker *worker);

/* Turns the loop until the worker has drained; on the worker's thread. */
void edge_worker_run(struct edge_worker *worker);

/* On the worker's thread: takes the snapshot (and the caller's reference) for every request from
 * now on. */
void edge_worker_set_snapshot(struct edge_worker *worker, struct model_snapshot *snapshot);

/* On the worker's thread: the domain was replaced; what is kept for it goes with its last pull. */
void edge_worker_forget(struct edge_worker *worker, const struct model_domain *domain);

/* On the worker's thread: no new connections, requests in flight end within drain_timeout, then the
 * loop stops. A second time: at once. */
void edge_worker_drain(struct edge_worker *worker);
