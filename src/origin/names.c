/*
 * One table with a lock, and each name with a small lock of its own for its set. The steward's loop
 * does all look-ups, owns the timers, and is the only one that frees a name: a name without users
 * is found there when its timer expires, after it was not asked for in a while.
 *
 * Other threads reach the steward by a list of names that want to be looked up, and one message.
 *
 * A name is ASKED when somebody looked at its version since the timer last expired, QUIET when
 * nobody did, and ASLEEP when nobody did for FORGET_MS; then it has no look-ups, and the next one
 * who asks wakes it.
 */
#include "origin/names.h"

#include "base/hash.h"
#include "base/map.h"
#include "base/mem.h"
#include "net/dns.h"

#include <pthread.h>

enum {
	FORGET_MS = 600000,
	RETRY_MAX_MS = 30000,
};

enum use { ASKED, QUIET, ASLEEP };

struct origin_names {
	struct loop *loop;
	struct dns *dns; /* NULL when it could not start: every look-up fails */
	uint64_t ttl_min_ms, ttl_max_ms;
	pthread_mutex_t lock; /* for what follows */
	struct map map;
	struct list wakes; /* names to be looked up */
	struct loop_message message;
	bool is_posted;
};

struct origin_name {
	struct map_node node;
	struct origin_names *names;
	struct str text; /* behind the struct */
	atomic_uint references;
	atomic_uint version;
	atomic_uint use;             /* enum use */
	struct list_node wakes_node; /* under the table's lock */
	/* the steward's */
	struct timer timer;
	struct dns_query query;
	bool is_running;
	uint64_t asked_ms, retry_ms;
	/* under the name's lock */
	pthread_mutex_t lock;
	struct list waiters;
	struct origin_name_set set;
};

static void lock(pthread_mutex_t *mutex)
{
	CHECK(pthread_mutex_lock(mutex) == 0);
}

static void unlock(pthread_mutex_t *mutex)
{
	CHECK(pthread_mutex_unlock(mutex) == 0);
}

/* ---- on the steward's loop ---- */

static uint64_t clamp(uint64_t value, uint64_t low, uint64_t high)
{
	return value < low ? low : value > high ? high : value;
}

static void free_name(struct origin_name *name)
{
	dns_cancel(&name->query);
	loop_timer_cancel(name->names->loop, &name->timer);
	CHECK(list_is_empty(&name->waiters));
	pthread_mutex_destroy(&name->lock);
	mem_free(name);
}

/* Takes an answer: the set, or the failure that leaves the last good one. Returns when to look
 * again. */
static uint64_t take_answer(struct origin_name *name)
{
	struct origin_names *names = name->names;
	const struct dns_query *query = &name->query;
	uint64_t wait_ms;
	lock(&name->lock);
	name->set.failed = query->failed;
	if (query->failed) {
		wait_ms = name->retry_ms;
		uint64_t retry_max_ms =
		        names->ttl_min_ms > RETRY_MAX_MS ? names->ttl_min_ms : RETRY_MAX_MS;
		name->retry_ms = clamp(name->retry_ms * 2, names->ttl_min_ms, retry_max_ms);
	} else {
		wait_ms =
		        clamp((uint64_t)query->ttl_s * 1000, names->ttl_min_ms, names->ttl_max_ms);
		name->retry_ms = names->ttl_min_ms;
		CHECK(query->count <= LIMIT_RESOLVED);
		name->set.count = query->count;
		memcpy(name->set.addresses, query->addresses,
		        query->count * sizeof(query->addresses[0]));
	}
	if (++name->set.version == 0)
		name->set.version = 1;
	atomic_store_explicit(&name->version, name->set.version, memory_order_release);
	struct list_node *node;
	while ((node = list_take_first(&name->waiters)) != NULL) {
		struct origin_name_waiter *waiter =
		        container_of(node, struct origin_name_waiter, node);
		loop_post(waiter->loop, &waiter->message);
	}
	unlock(&name->lock);
	return wait_ms;
}

static void on_answer(struct dns_query *query)
{
	struct origin_name *name = container_of(query, struct origin_name, query);
	name->is_running = false;
	uint64_t wait_ms = take_answer(name);
	struct loop *loop = name->names->loop;
	loop_timer_start(loop, &name->timer, loop_now_ms(loop) + wait_ms);
}

static void look_up(struct origin_name *name)
{
	if (name->is_running)
		return;
	name->is_running = true;
	name->query.on_done = on_answer;
	if (name->names->dns != NULL) {
		dns_lookup(name->names->dns, &name->query, name->text);
	} else {
		name->query.failed = true;
		on_answer(&name->query);
	}
}

/* Frees the name if nobody has it; true when it is gone. */
static bool forget(struct origin_name *name)
{
	struct origin_names *names = name->names;
	lock(&names->lock);
	bool is_free = atomic_load_explicit(&name->references, memory_order_acquire) == 0;
	if (is_free) {
		map_remove(&names->map, &name->node);
		list_remove(&name->wakes_node);
	}
	unlock(&names->lock);
	if (is_free)
		free_name(name);
	return is_free;
}

static void on_expire(struct timer *timer)
{
	struct origin_name *name = container_of(timer, struct origin_name, timer);
	struct loop *loop = name->names->loop;
	uint64_t now_ms = loop_now_ms(loop);
	unsigned use = ASKED;
	if (atomic_compare_exchange_strong(&name->use, &use, QUIET))
		name->asked_ms = now_ms;
	if (use != ASLEEP && now_ms < name->asked_ms + FORGET_MS) {
		look_up(name);
		return;
	}
	if (forget(name))
		return;
	use = QUIET;
	if (atomic_compare_exchange_strong(&name->use, &use, ASLEEP) || use == ASLEEP)
		loop_timer_start(loop, &name->timer, now_ms + FORGET_MS);
	else
		look_up(name); /* asked in this very moment */
}

/* Looks the names up that want it. */
static void on_wake(struct loop_message *message)
{
	struct origin_names *names = container_of(message, struct origin_names, message);
	lock(&names->lock);
	names->is_posted = false;
	struct list_node *node = list_take_first(&names->wakes);
	unlock(&names->lock);
	while (node != NULL) {
		struct origin_name *name = container_of(node, struct origin_name, wakes_node);
		name->asked_ms = loop_now_ms(names->loop);
		look_up(name);
		lock(&names->lock);
		node = list_take_first(&names->wakes);
		unlock(&names->lock);
	}
}

/* ---- any thread ---- */

/* Has the steward look the name up. Under the table's lock. */
static void wake(struct origin_name *name)
{
	struct origin_names *names = name->names;
	if (list_has(&name->wakes_node))
		return;
	list_add_last(&names->wakes, &name->wakes_node);
	if (names->is_posted)
		return;
	names->is_posted = true;
	loop_post(names->loop, &names->message);
}

static bool has_text(const struct map_node *node, const void *key)
{
	const struct str *text = key;
	return str_is_equal(container_of(node, const struct origin_name, node)->text, *text);
}

static struct origin_name *name_new(struct origin_names *names, struct str text)
{
	struct origin_name *name = mem_zero(sizeof(*name) + text.len);
	memcpy(name + 1, text.at, text.len);
	name->text = str_make((char *)(name + 1), text.len);
	name->names = names;
	name->timer.on_expire = on_expire;
	name->retry_ms = names->ttl_min_ms;
	list_init(&name->waiters);
	CHECK(pthread_mutex_init(&name->lock, NULL) == 0);
	return name;
}

struct origin_names *origin_names_new(
        struct loop *loop, const char *servers, uint32_t ttl_min_s, uint32_t ttl_max_s)
{
	CHECK(ttl_min_s <= ttl_max_s);
	struct origin_names *names = mem_new(struct origin_names);
	names->loop = loop;
	names->dns = dns_new(loop, servers);
	names->ttl_min_ms = (uint64_t)ttl_min_s * 1000;
	names->ttl_max_ms = (uint64_t)ttl_max_s * 1000;
	names->message.on_receive = on_wake;
	list_init(&names->wakes);
	CHECK(pthread_mutex_init(&names->lock, NULL) == 0);
	return names;
}

void origin_names_free(struct origin_names *names)
{
	if (names == NULL)
		return;
	/* The message must not arrive when the table is gone. */
	while (names->is_posted)
		loop_turn(names->loop, 0);
	struct map_node *node;
	while ((node = map_first(&names->map)) != NULL) {
		struct origin_name *name = container_of(node, struct origin_name, node);
		CHECK(atomic_load_explicit(&name->references, memory_order_acquire) == 0);
		map_remove(&names->map, node);
		free_name(name);
	}
	map_done(&names->map);
	dns_free(names->dns);
	pthread_mutex_destroy(&names->lock);
	mem_free(names);
}

struct origin_name *origin_names_get(struct origin_names *names, struct str text)
{
	CHECK(text.len >= 1 && text.len <= LIMIT_HOST_BYTES);
	uint64_t hash = hash_keyed(text.at, text.len);
	lock(&names->lock);
	struct origin_name *name;
	struct map_node *node = map_find(&names->map, hash, has_text, &text);
	if (node != NULL) {
		name = container_of(node, struct origin_name, node);
	} else {
		name = name_new(names, text);
		map_add(&names->map, &name->node, hash);
		wake(name);
	}
	atomic_fetch_add_explicit(&name->references, 1, memory_order_relaxed);
	unlock(&names->lock);
	return name;
}

void origin_names_unref(struct origin_name *name)
{
	if (name == NULL)
		return;
	unsigned before = atomic_fetch_sub_explicit(&name->references, 1, memory_order_release);
	CHECK(before > 0);
}

unsigned origin_names_version(struct origin_name *name)
{
	if (atomic_load_explicit(&name->use, memory_order_relaxed) != ASKED &&
	        atomic_exchange(&name->use, ASKED) == ASLEEP) {
		lock(&name->names->lock);
		wake(name);
		unlock(&name->names->lock);
	}
	return atomic_load_explicit(&name->version, memory_order_acquire);
}

void origin_names_copy(struct origin_name *name, struct origin_name_set *ret_set)
{
	lock(&name->lock);
	*ret_set = name->set;
	unlock(&name->lock);
}

bool origin_names_wait(struct origin_name *name, struct origin_name_waiter *waiter)
{
	lock(&name->lock);
	bool must_wait = name->set.version == 0;
	if (must_wait)
		list_add_last(&name->waiters, &waiter->node);
	unlock(&name->lock);
	return must_wait;
}

bool origin_names_unwait(struct origin_name *name, struct origin_name_waiter *waiter)
{
	lock(&name->lock);
	bool was_waiting = list_has(&waiter->node);
	list_remove(&waiter->node);
	unlock(&name->lock);
	return was_waiting;
}
