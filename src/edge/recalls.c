/*
 * One mutex for the table, held for a few instructions. A recall runs on a thread of the disk pool
 * and ends on the loop of the worker that began it, who takes it out of the table, wakes those who
 * wait on its own thread and posts one message to each other worker on which somebody waits. It is
 * freed with the last of these messages.
 */
#include "edge/recalls.h"

#include "base/hash.h"
#include "base/limit.h"
#include "base/map.h"
#include "base/mem.h"

#include <pthread.h>
#include <time.h>

enum { FULL_TRIES = 100, FULL_PAUSE_MS = 5 };

/* What a recall has to do with one worker. */
struct post {
	struct loop_message message;
	struct edge_recall *recall;
	struct list waiting; /* waiters on its thread */
};

struct edge_recall {
	struct map_node node;
	struct edge_recalls *recalls;
	struct cache_away away;
	struct disk_operation operation;
	enum edge_recall_stage stage;
	unsigned home;       /* the worker that began it */
	unsigned references; /* the operation, and messages under way; under the lock */
	struct post posts[];
};

struct edge_recalls {
	struct edge_recalls_options options;
	pthread_mutex_t lock;
	struct map map;
	bool is_closed;
};

struct edge_recalls *edge_recalls_new(const struct edge_recalls_options *options)
{
	struct edge_recalls *recalls = mem_new(struct edge_recalls);
	recalls->options = *options;
	CHECK(pthread_mutex_init(&recalls->lock, NULL) == 0);
	return recalls;
}

void edge_recalls_close(struct edge_recalls *recalls)
{
	if (recalls == NULL)
		return;
	pthread_mutex_lock(&recalls->lock);
	recalls->is_closed = true;
	pthread_mutex_unlock(&recalls->lock);
}

void edge_recalls_free(struct edge_recalls *recalls)
{
	if (recalls == NULL)
		return;
	CHECK(recalls->map.count == 0);
	map_done(&recalls->map);
	pthread_mutex_destroy(&recalls->lock);
	mem_free(recalls);
}

static uint64_t hash_of(const struct cache_away *away)
{
	return hash_mix(away->hash, away->location);
}

/* Slots are told apart by a part of the hash, so one place may be asked for as two things. */
static bool is_away(const struct map_node *node, const void *key)
{
	const struct edge_recall *recall = container_of(node, struct edge_recall, node);
	const struct cache_away *away = key;
	return recall->away.location == away->location && recall->away.hash == away->hash;
}

/* Under the lock; who gave the last one frees it. */
static bool give_reference(struct edge_recall *recall)
{
	return --recall->references == 0;
}

/* Under the lock, on the thread of the post's worker. */
static void wake_here(struct edge_recall *recall, struct post *post)
{
	struct loop *loop = recall->recalls->options.loops[post - recall->posts];
	struct list_node *node;
	while ((node = list_take_first(&post->waiting)) != NULL) {
		struct edge_recall_waiter *waiter =
		        container_of(node, struct edge_recall_waiter, node);
		waiter->recalls = NULL;
		waiter->stage = recall->stage;
		loop_wake(loop, waiter->task);
	}
}

static void on_receive(struct loop_message *message)
{
	struct post *post = container_of(message, struct post, message);
	struct edge_recall *recall = post->recall;
	struct edge_recalls *recalls = recall->recalls;
	pthread_mutex_lock(&recalls->lock);
	wake_here(recall, post);
	bool is_last = give_reference(recall);
	pthread_mutex_unlock(&recalls->lock);
	if (is_last)
		mem_free(recall);
}

/* On a thread of the pool. That memory is short passes as soon as the cache's keeper has had a few
 * turns, which costs less than a pull. */
static void on_call(struct disk_operation *operation)
{
	struct edge_recall *recall = container_of(operation, struct edge_recall, operation);
	const struct edge_recalls_options *options = &recall->recalls->options;
	const struct timespec pause = {.tv_nsec = FULL_PAUSE_MS * 1000000L};
	for (unsigned i = 0;; i++) {
		operation->result = options->recall(options->store, &recall->away);
		if (operation->result != CACHE_RECALL_FULL || i == FULL_TRIES)
			return;
		nanosleep(&pause, NULL);
	}
}

static void on_done(struct disk_operation *operation)
{
	struct edge_recall *recall = container_of(operation, struct edge_recall, operation);
	struct edge_recalls *recalls = recall->recalls;
	pthread_mutex_lock(&recalls->lock);
	map_remove(&recalls->map, &recall->node);
	recall->stage =
	        operation->result == CACHE_RECALL_DONE ? EDGE_RECALL_DONE : EDGE_RECALL_LOST;
	for (unsigned i = 0; i < recalls->options.worker_count; i++) {
		struct post *post = &recall->posts[i];
		if (i == recall->home) {
			wake_here(recall, post);
		} else if (!list_is_empty(&post->waiting)) {
			recall->references++;
			loop_post(recalls->options.loops[i], &post->message);
		}
	}
	bool is_last = give_reference(recall);
	pthread_mutex_unlock(&recalls->lock);
	if (is_last)
		mem_free(recall);
}

/* Under the lock. */
static struct edge_recall *begin(
        struct edge_recalls *recalls, const struct cache_away *away, unsigned worker)
{
	unsigned count = recalls->options.worker_count;
	struct edge_recall *recall = mem_zero(sizeof(*recall) + count * sizeof(struct post));
	recall->recalls = recalls;
	recall->away = *away;
	recall->home = worker;
	recall->references = 1;
	recall->operation =
	        (struct disk_operation){.verb = DISK_CALL, .call = on_call, .on_done = on_done};
	for (unsigned i = 0; i < count; i++) {
		recall->posts[i].message.on_receive = on_receive;
		recall->posts[i].recall = recall;
		list_init(&recall->posts[i].waiting);
	}
	map_add(&recalls->map, &recall->node, hash_of(away));
	disk_submit(recalls->options.disk, recalls->options.loops[worker], &recall->operation);
	return recall;
}

/* Under the lock: the recall that runs, or a new one; NULL where none may begin. */
static struct edge_recall *find_or_begin(
        struct edge_recalls *recalls, const struct cache_away *away, unsigned worker)
{
	struct map_node *node = map_find(&recalls->map, hash_of(away), is_away, away);
	if (node != NULL)
		return container_of(node, struct edge_recall, node);
	if (recalls->is_closed || recalls->map.count >= LIMIT_RECALLS)
		return NULL;
	return begin(recalls, away, worker);
}

bool edge_recalls_join(struct edge_recalls *recalls, const struct cache_away *away,
        struct edge_recall_waiter *waiter, unsigned worker, struct loop_task *task)
{
	CHECK(waiter->recalls == NULL && worker < recalls->options.worker_count);
	pthread_mutex_lock(&recalls->lock);
	struct edge_recall *recall = find_or_begin(recalls, away, worker);
	if (recall != NULL) {
		*waiter = (struct edge_recall_waiter){
		        .recalls = recalls, .task = task, .stage = EDGE_RECALL_RUNS};
		list_add_last(&recall->posts[worker].waiting, &waiter->node);
	}
	pthread_mutex_unlock(&recalls->lock);
	return recall != NULL;
}

void edge_recalls_begin(
        struct edge_recalls *recalls, const struct cache_away *away, unsigned worker)
{
	pthread_mutex_lock(&recalls->lock);
	find_or_begin(recalls, away, worker);
	pthread_mutex_unlock(&recalls->lock);
}

enum edge_recall_stage edge_recalls_take(struct edge_recall_waiter *waiter)
{
	enum edge_recall_stage stage = waiter->stage;
	if (stage != EDGE_RECALL_RUNS)
		waiter->stage = EDGE_RECALL_NONE;
	return stage;
}

void edge_recalls_leave(struct edge_recall_waiter *waiter)
{
	struct edge_recalls *recalls = waiter->recalls;
	waiter->stage = EDGE_RECALL_NONE;
	if (recalls == NULL)
		return;
	pthread_mutex_lock(&recalls->lock);
	list_remove(&waiter->node);
	pthread_mutex_unlock(&recalls->lock);
	waiter->recalls = NULL;
}
