/*
 * The newest shelf, behind a lock that is only taken when a counter says that there is another.
 */
#include "net/tls_shelf_private.h"

#include "base/mem.h"

#include <pthread.h>
#include <stdatomic.h>

struct tls_shelf_slot {
	pthread_mutex_t lock;
	struct tls_shelf *shelf;
	atomic_uint_least64_t turn; /* grows with each that is put in; at least 1 */
};

struct tls_shelf_slot *tls_shelf_slot_new(void)
{
	struct tls_shelf_slot *slot = mem_new(struct tls_shelf_slot);
	struct text none = {0};
	CHECK(pthread_mutex_init(&slot->lock, NULL) == 0);
	slot->shelf = tls_shelf_new();
	tls_shelf_finish(slot->shelf, 0, &none);
	atomic_init(&slot->turn, 1);
	return slot;
}

void tls_shelf_slot_free(struct tls_shelf_slot *slot)
{
	if (slot == NULL)
		return;
	tls_shelf_unref(slot->shelf);
	pthread_mutex_destroy(&slot->lock);
	mem_free(slot);
}

void tls_shelf_slot_put(struct tls_shelf_slot *slot, struct tls_shelf *shelf)
{
	CHECK(tls_shelf_is_finished(shelf));
	CHECK(pthread_mutex_lock(&slot->lock) == 0);
	struct tls_shelf *before = slot->shelf;
	slot->shelf = shelf;
	atomic_fetch_add_explicit(&slot->turn, 1, memory_order_release);
	CHECK(pthread_mutex_unlock(&slot->lock) == 0);
	tls_shelf_unref(before);
}

struct tls_shelf *tls_shelf_slot_get(struct tls_shelf_slot *slot)
{
	uint64_t turn = 0;
	struct tls_shelf *shelf = NULL;
	tls_shelf_slot_follow(slot, &turn, &shelf);
	return shelf;
}

void tls_shelf_slot_follow(struct tls_shelf_slot *slot, uint64_t *turn, struct tls_shelf **shelf)
{
	if (*turn == atomic_load_explicit(&slot->turn, memory_order_acquire))
		return;
	tls_shelf_unref(*shelf);
	CHECK(pthread_mutex_lock(&slot->lock) == 0);
	*turn = atomic_load_explicit(&slot->turn, memory_order_relaxed);
	*shelf = tls_shelf_ref(slot->shelf);
	CHECK(pthread_mutex_unlock(&slot->lock) == 0);
}
