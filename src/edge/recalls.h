/*
 * Recalls under way of all workers: reads of what the cache has on a disk alone into its memory
 * (cache/recall.h). Whoever asks for what is being recalled already joins, so that a crowd causes
 * one read. A recall belongs to this table: who waits for it may leave at any time, and it goes on.
 */
#pragma once

#include "cache/recall.h"
#include "net/disk.h"

struct edge_recalls;
struct edge_recall;

struct edge_recalls_options {
	struct cache_store *store;
	struct disk *disk;         /* ended between _close and the end of the workers' loops */
	struct loop *const *loops; /* of all workers; outlives the table */
	unsigned worker_count;
	enum cache_recall (*recall)(
	        struct cache_store *store, const struct cache_away *away); /* cache_recall */
};

struct edge_recalls *edge_recalls_new(const struct edge_recalls_options *options);

/* None begins any more: what is away counts as lost. Before the disk's threads end, since a worker
 * that is on its way out may still read a request. NULL is fine. */
void edge_recalls_close(struct edge_recalls *recalls);

/* Nothing is recalled any more. NULL is fine. */
void edge_recalls_free(struct edge_recalls *recalls);

enum edge_recall_stage {
	EDGE_RECALL_NONE, /* nothing is waited for */
	EDGE_RECALL_RUNS, /* the task will be woken */
	EDGE_RECALL_DONE, /* it is in the memory: to be looked up again */
	EDGE_RECALL_LOST, /* it is not to be had: to be treated as not found */
};

/* Who waits: of one worker's thread, embedded in its owner. All-zero waits for nothing. */
struct edge_recall_waiter {
	struct list_node node;
	struct edge_recalls *recalls; /* NULL unless it runs */
	struct loop_task *task;
	enum edge_recall_stage stage;
};

/* On the thread of `worker`: recalls, or joins who does, and has the task woken at its end. False,
 * and nothing changed, when LIMIT_RECALLS run already, or all is ending. */
MUST_CHECK bool edge_recalls_join(struct edge_recalls *recalls, const struct cache_away *away,
        struct edge_recall_waiter *waiter, unsigned worker, struct loop_task *task);

/* The same without waiting, where there is room: somebody will ask for it. */
void edge_recalls_begin(
        struct edge_recalls *recalls, const struct cache_away *away, unsigned worker);

/* The stage; DONE and LOST are told once. */
enum edge_recall_stage edge_recalls_take(struct edge_recall_waiter *waiter);

/* Waits no more; nothing happens for who does not wait. */
void edge_recalls_leave(struct edge_recall_waiter *waiter);
