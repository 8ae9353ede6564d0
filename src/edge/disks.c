/*
 * The state of each disk is looked at, and what it has become since is told. Every edge tells what
 * it sees happen; one that begins with a disk which was given up before tells that, too.
 */
#include "edge/disks.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"

#include <string.h>

enum { LOOK_MS = 1000 };

struct edge_disks {
	struct loop *loop;
	struct cache_store *store;
	struct timer timer;
	uint64_t began_ms;
	enum cache_disk_state states[LIMIT_CACHE_DISKS]; /* as they were last */
	bool has_told_wipe[LIMIT_CACHE_DISKS];
};

static bool is_scanned(enum cache_disk_state state)
{
	return state == CACHE_DISK_READY || state == CACHE_DISK_FAILED;
}

static void tell(struct edge_disks *disks, unsigned disk, const struct cache_disk_numbers *numbers)
{
	uint64_t ms = clock_ms() - disks->began_ms;
	if (numbers->state == CACHE_DISK_FAILED)
		log_error("disk %u of the cache is given up until the next start: %s", disk + 1,
		        numbers->error != 0 ? strerror(numbers->error)
		                            : "what is on it makes no sense");
	else if (numbers->state == CACHE_DISK_READY)
		log_info("disk %u of the cache is read: %llu records were found on it in %llu.%llu "
		         "s",
		        disk + 1, (unsigned long long)numbers->scanned_records,
		        (unsigned long long)(ms / 1000), (unsigned long long)(ms / 100 % 10));
}

/* Whoever purges must know. */
static void tell_wipe(unsigned disk)
{
	log_error("what is on disk %u of the cache could not be erased: what is purged from now on "
	          "may be found there at the next start, unless its file is deleted before",
	        disk + 1);
}

static void look(struct edge_disks *disks)
{
	for (unsigned i = 0; i < cache_disk_count(disks->store); i++) {
		struct cache_disk_numbers numbers;
		cache_disk_numbers(disks->store, i, &numbers);
		if (numbers.state != disks->states[i] && is_scanned(numbers.state))
			tell(disks, i, &numbers);
		if (numbers.is_wipe_failed && !disks->has_told_wipe[i])
			tell_wipe(i);
		disks->has_told_wipe[i] = numbers.is_wipe_failed;
		disks->states[i] = numbers.state;
	}
}

static void on_look(struct timer *timer)
{
	struct edge_disks *disks = container_of(timer, struct edge_disks, timer);
	look(disks);
	loop_timer_start(disks->loop, timer, loop_now_ms(disks->loop) + LOOK_MS);
}

struct edge_disks *edge_disks_new(struct loop *loop, struct cache_store *store)
{
	struct edge_disks *disks = mem_new(struct edge_disks);
	disks->loop = loop;
	disks->store = store;
	disks->began_ms = clock_ms();
	disks->timer.on_expire = on_look;
	for (unsigned i = 0; i < cache_disk_count(store); i++) {
		struct cache_disk_numbers numbers;
		cache_disk_numbers(store, i, &numbers);
		/* One that was read before is no news; one that was given up is. */
		disks->states[i] =
		        numbers.state == CACHE_DISK_READY ? CACHE_DISK_READY : CACHE_DISK_NEW;
	}
	on_look(&disks->timer);
	return disks;
}

void edge_disks_free(struct edge_disks *disks)
{
	if (disks == NULL)
		return;
	loop_timer_cancel(disks->loop, &disks->timer);
	mem_free(disks);
}
