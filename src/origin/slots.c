/*
 * Counting is by atomics alone. A member that cannot take a place says so under the lock (waiting),
 * then tries again; whoever gives a place back subtracts first and looks for waiting members then:
 * both are sequentially consistent, so one of the two sees the other, and no place is lost.
 *
 * Members are told by a message to their loop, at most one under way for each. A member that leaves
 * while its message is under way is an orphan: it has no sink any more, and is freed on arrival.
 */
#include "origin/slots.h"

#include "base/mem.h"

struct origin_slots_member {
	struct loop_message message;
	struct list_node node; /* in slots->members */
	struct origin_slots *slots;
	struct loop *loop;
	struct origin_slots_sink *sink; /* NULL: it left, and the message is under way */
	atomic_bool has_idle;
	uint64_t since_ms; /* under the lock; 0: it does not wait */
	bool is_told;      /* under the lock: the message is under way */
};

void origin_slots_init(struct origin_slots *slots)
{
	*slots = (struct origin_slots){0};
	CHECK(pthread_mutex_init(&slots->lock, NULL) == 0);
	list_init(&slots->members);
}

void origin_slots_done(struct origin_slots *slots)
{
	CHECK(list_is_empty(&slots->members));
	CHECK(pthread_mutex_destroy(&slots->lock) == 0);
}

static void lock(struct origin_slots *slots)
{
	CHECK(pthread_mutex_lock(&slots->lock) == 0);
}

static void unlock(struct origin_slots *slots)
{
	CHECK(pthread_mutex_unlock(&slots->lock) == 0);
}

static void on_receive(struct loop_message *message)
{
	struct origin_slots_member *member =
	        container_of(message, struct origin_slots_member, message);
	if (member->sink == NULL) {
		mem_free(member);
		return;
	}
	lock(member->slots);
	member->is_told = false;
	unlock(member->slots);
	member->sink->on_slots(member->sink);
}

/* Sends the member its message; under the lock. */
static void tell(struct origin_slots_member *member)
{
	if (member->is_told)
		return;
	member->is_told = true;
	loop_post(member->loop, &member->message);
}

/* The member but `except` that waits longest and was not told yet, or NULL; under the lock. */
static struct origin_slots_member *find_oldest(
        struct origin_slots *slots, const struct origin_slots_member *except)
{
	struct origin_slots_member *oldest = NULL;
	list_each (node, &slots->members) {
		struct origin_slots_member *member =
		        container_of(node, struct origin_slots_member, node);
		if (member == except || member->since_ms == 0 || member->is_told)
			continue;
		if (oldest == NULL || member->since_ms < oldest->since_ms)
			oldest = member;
	}
	return oldest;
}

static void tell_oldest(struct origin_slots *slots, const struct origin_slots_member *except)
{
	if (atomic_load(&slots->waiting) == 0)
		return;
	lock(slots);
	struct origin_slots_member *oldest = find_oldest(slots, except);
	if (oldest != NULL)
		tell(oldest);
	unlock(slots);
}

struct origin_slots_member *origin_slots_join(
        struct origin_slots *slots, struct loop *loop, struct origin_slots_sink *sink)
{
	struct origin_slots_member *member = mem_new(struct origin_slots_member);
	member->message.on_receive = on_receive;
	member->slots = slots;
	member->loop = loop;
	member->sink = sink;
	lock(slots);
	list_add_last(&slots->members, &member->node);
	unlock(slots);
	return member;
}

void origin_slots_leave(struct origin_slots_member *member)
{
	if (member == NULL)
		return;
	struct origin_slots *slots = member->slots;
	lock(slots);
	list_remove(&member->node);
	bool is_told = member->is_told;
	bool was_waiting = member->since_ms != 0;
	if (was_waiting)
		atomic_fetch_sub(&slots->waiting, 1);
	unlock(slots);

	if (was_waiting || is_told)
		tell_oldest(slots, NULL);
	member->sink = NULL;
	if (!is_told)
		mem_free(member);
}

bool origin_slots_take(struct origin_slots *slots, unsigned max)
{
	unsigned open = atomic_load(&slots->open);
	do {
		if (max != 0 && open >= max)
			return false;
	} while (!atomic_compare_exchange_weak(&slots->open, &open, open + 1));
	return true;
}

void origin_slots_give(struct origin_slots *slots)
{
	unsigned before = atomic_fetch_sub(&slots->open, 1);
	CHECK(before > 0);
	tell_oldest(slots, NULL);
}

void origin_slots_wait(struct origin_slots_member *member, uint64_t since_ms)
{
	struct origin_slots *slots = member->slots;
	lock(slots);
	if (since_ms != 0 && member->since_ms == 0)
		atomic_fetch_add(&slots->waiting, 1);
	if (since_ms == 0 && member->since_ms != 0)
		atomic_fetch_sub(&slots->waiting, 1);
	member->since_ms = since_ms;
	if (since_ms != 0) {
		list_each (node, &slots->members) {
			struct origin_slots_member *other =
			        container_of(node, struct origin_slots_member, node);
			if (other == member || other->is_told || !atomic_load(&other->has_idle))
				continue;
			tell(other);
			break;
		}
	}
	unlock(slots);
}

void origin_slots_note_idle(struct origin_slots_member *member)
{
	if (!atomic_load_explicit(&member->has_idle, memory_order_relaxed))
		atomic_store(&member->has_idle, true);
}

void origin_slots_forget_idle(struct origin_slots_member *member)
{
	atomic_store(&member->has_idle, false);
}

bool origin_slots_is_wanted_elsewhere(const struct origin_slots_member *member)
{
	unsigned waiting = atomic_load(&member->slots->waiting);
	/* The own time is written by this thread only, so that reading it needs no lock. */
	return waiting > (member->since_ms != 0 ? 1U : 0U);
}

bool origin_slots_should_yield(struct origin_slots_member *member, uint64_t since_ms)
{
	if (!origin_slots_is_wanted_elsewhere(member))
		return false;
	bool should_yield = false;
	lock(member->slots);
	list_each (node, &member->slots->members) {
		const struct origin_slots_member *other =
		        container_of(node, struct origin_slots_member, node);
		if (other != member && other->since_ms != 0 && other->since_ms < since_ms)
			should_yield = true;
	}
	unlock(member->slots);
	return should_yield;
}

void origin_slots_pass_on(struct origin_slots_member *member)
{
	tell_oldest(member->slots, member);
}
