/*
 * One text that is handed over as a whole, and that its taker gives back emptied.
 */
#include "edge/tail.h"

#include "base/limit.h"
#include "base/mem.h"

#include <pthread.h>

struct edge_tail {
	_Atomic bool is_wanted;
	pthread_mutex_t lock; /* for what follows */
	struct link_filter filters[LIMIT_TAIL_STREAMS];
	unsigned filter_count;
	struct text lines;
	uint64_t dropped;
};

struct edge_tail *edge_tail_new(void)
{
	struct edge_tail *tail = mem_new(struct edge_tail);
	CHECK(pthread_mutex_init(&tail->lock, NULL) == 0);
	return tail;
}

void edge_tail_free(struct edge_tail *tail)
{
	if (tail == NULL)
		return;
	pthread_mutex_destroy(&tail->lock);
	text_done(&tail->lines);
	mem_free(tail);
}

void edge_tail_want(struct edge_tail *tail, const struct link_filter *filters, unsigned count)
{
	CHECK(count <= LIMIT_TAIL_STREAMS);
	CHECK(pthread_mutex_lock(&tail->lock) == 0);
	atomic_store(&tail->is_wanted, count > 0);
	tail->filter_count = count;
	if (count > 0)
		memcpy(tail->filters, filters, count * sizeof(filters[0]));
	if (count == 0) {
		text_done(&tail->lines);
		tail->dropped = 0;
	}
	CHECK(pthread_mutex_unlock(&tail->lock) == 0);
}

bool edge_tail_is_wanted(const struct edge_tail *tail)
{
	return atomic_load_explicit(&tail->is_wanted, memory_order_relaxed);
}

static bool is_meant(const struct edge_tail *tail, const struct edge_log_entry *entry)
{
	struct link_filter_subject subject = {
	        .domain = entry->domain,
	        .path = entry->target,
	        .cache = str_of(entry->cache),
	        .client = entry->client,
	        .status = entry->status,
	        .is_failed = entry->fault != FAULT_NONE,
	        .is_retried = entry->attempt_count > 1,
	};
	for (unsigned i = 0; i < entry->attempt_count; i++)
		subject.is_backup |= entry->attempts[i].role == EDGE_LOG_BACKUP;
	unsigned at = 0;
	while (at < tail->filter_count && !link_filter_is_match(&tail->filters[at], &subject))
		at++;
	return at < tail->filter_count;
}

void edge_tail_add(struct edge_tail *tail, const struct edge_log_entry *entry)
{
	CHECK(pthread_mutex_lock(&tail->lock) == 0);
	/* Whoever has just ended it takes no more. */
	if (!is_meant(tail, entry)) {
		CHECK(pthread_mutex_unlock(&tail->lock) == 0);
		return;
	}
	bool has_room = tail->lines.len + LIMIT_LOG_LINE_BYTES <= LIMIT_LINK_TAIL_BYTES;
	if (has_room)
		edge_access_log_format(entry, &tail->lines);
	else
		tail->dropped++;
	CHECK(pthread_mutex_unlock(&tail->lock) == 0);
}

void edge_tail_take(struct edge_tail *tail, struct text *lines, uint64_t *ret_dropped)
{
	text_clear(lines);
	CHECK(pthread_mutex_lock(&tail->lock) == 0);
	struct text full = tail->lines;
	tail->lines = *lines;
	*ret_dropped = tail->dropped;
	tail->dropped = 0;
	CHECK(pthread_mutex_unlock(&tail->lock) == 0);
	*lines = full;
}
