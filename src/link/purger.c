/*
 * Purges wait in a list, from their effect until they are durable. The cache's moments only rise,
 * so nothing behind the first one can be durable before it.
 */
#include "link/purger.h"

#include "base/clock.h"
#include "base/mem.h"

struct entry {
	struct list_node node;
	uint64_t number;
	uint64_t moment; /* 0: durable at once */
	uint64_t until_ms;
	bool is_late;  /* that it is not durable in time was told */
	char *failure; /* why it has failed for good; NULL: it has not */
};

struct link_purger {
	struct loop *loop;
	struct link_purge_sink *cache;
	struct link_purger_sink *sink;
	struct list entries;
	unsigned count;
	uint64_t number, next;
	struct loop_task step;
	struct timer again;
};

static void drop(struct link_purger *purger, struct entry *entry)
{
	list_remove(&entry->node);
	purger->count--;
	mem_free(entry->failure);
	mem_free(entry);
}

static void drop_all(struct link_purger *purger)
{
	while (!list_is_empty(&purger->entries))
		drop(purger, container_of(list_first(&purger->entries), struct entry, node));
	loop_unwake(&purger->step);
	loop_timer_cancel(purger->loop, &purger->again);
}

static void tell(struct link_purger *purger, uint64_t number, struct str error)
{
	const struct link_purged purged = {number, purger->number, error};
	purger->sink->on_purged(purger->sink, &purged);
}

static bool is_durable(const struct link_purger *purger, const struct entry *entry)
{
	return entry->moment == 0 || purger->cache->is_durable(purger->cache, entry->moment);
}

/* Who is told what became of one may drop them all. */
static void tell_durable(struct link_purger *purger)
{
	while (!list_is_empty(&purger->entries)) {
		struct entry *entry =
		        container_of(list_first(&purger->entries), struct entry, node);
		if (!is_durable(purger, entry))
			return;
		char *failure = entry->failure;
		entry->failure = NULL;
		purger->number = entry->number;
		drop(purger, entry);
		tell(purger, purger->number, str_of(failure));
		mem_free(failure);
	}
}

/* The first one that is late and was not told. */
static struct entry *find_late(struct link_purger *purger)
{
	const uint64_t now_ms = clock_ms();
	list_each (node, &purger->entries) {
		struct entry *entry = container_of(node, struct entry, node);
		if (entry->until_ms > now_ms)
			return NULL;
		if (!entry->is_late)
			return entry;
	}
	return NULL;
}

static void on_step(struct loop_task *task)
{
	struct link_purger *purger = container_of(task, struct link_purger, step);
	struct entry *late;
	tell_durable(purger);
	while ((late = find_late(purger)) != NULL) {
		late->is_late = true;
		tell(purger, late->number,
		        STR("it is purged, but the disks of the cache do not know that yet: should "
		            "the edge's machine lose its power now, it would be back"));
	}
	if (!list_is_empty(&purger->entries))
		loop_timer_start(purger->loop, &purger->again, clock_ms() + TIMER_TICK_MS);
}

static void on_again(struct timer *timer)
{
	struct link_purger *purger = container_of(timer, struct link_purger, again);
	loop_wake(purger->loop, &purger->step);
}

struct link_purger *link_purger_new(
        struct loop *loop, struct link_purge_sink *cache, struct link_purger_sink *sink)
{
	struct link_purger *purger = mem_new(struct link_purger);
	purger->loop = loop;
	purger->cache = cache;
	purger->sink = sink;
	purger->next = 1;
	purger->step.on_run = on_step;
	purger->again.on_expire = on_again;
	list_init(&purger->entries);
	return purger;
}

void link_purger_free(struct link_purger *purger)
{
	if (purger == NULL)
		return;
	drop_all(purger);
	mem_free(purger);
}

void link_purger_begin(struct link_purger *purger, uint64_t number)
{
	drop_all(purger);
	purger->number = number;
	purger->next = number + 1;
}

uint64_t link_purger_number(const struct link_purger *purger)
{
	return purger->number;
}

static void add(struct link_purger *purger, uint64_t number, const struct link_answer *answer)
{
	struct entry *entry = mem_new(struct entry);
	entry->number = number;
	entry->moment = answer->moment;
	if (answer->error.len > 0)
		entry->failure = mem_copy(answer->error.at, answer->error.len);
	entry->until_ms = clock_ms() + (purger->cache != NULL ? purger->cache->durable_ms : 0);
	list_add_last(&purger->entries, &entry->node);
	purger->count++;
	purger->next = number + 1;
	loop_wake(purger->loop, &purger->step);
}

void link_purger_make_stale(struct link_purger *purger, uint64_t number)
{
	struct link_answer answer = {0};
	drop_all(purger);
	if (purger->cache != NULL)
		answer = purger->cache->on_stale(purger->cache);
	add(purger, number, &answer);
}

bool link_purger_take(struct link_purger *purger, uint64_t number, const struct link_purge *purge,
        struct str why_not)
{
	struct link_answer answer = {.error = why_not};
	if (number != purger->next || purger->count >= LIMIT_LINK_PURGES_WAITING)
		return false;
	if (purge != NULL && purger->cache != NULL)
		answer = purger->cache->on_purge(purger->cache, purge);
	else if (purge != NULL)
		answer = (struct link_answer){0};
	add(purger, number, &answer);
	return true;
}
