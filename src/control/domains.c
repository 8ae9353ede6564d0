/*
 * Two locks: one for who changes, which is held while the store writes; and one for the pointer to
 * the snapshot, which nobody holds longer than it takes to count a reference.
 */
#include "control/domains.h"

#include "base/mem.h"

#include <pthread.h>

struct control_domains {
	pthread_mutex_t changing, looking;
	struct control_domains_sink *sink;
	struct model_snapshot *now;
};

struct control_domains *control_domains_new(struct control_domains_sink *sink)
{
	struct control_domains *domains = mem_new(struct control_domains);
	CHECK(pthread_mutex_init(&domains->changing, NULL) == 0);
	CHECK(pthread_mutex_init(&domains->looking, NULL) == 0);
	domains->sink = sink;
	domains->now = model_snapshot_new();
	return domains;
}

void control_domains_free(struct control_domains *domains)
{
	if (domains == NULL)
		return;
	model_snapshot_unref(domains->now);
	pthread_mutex_destroy(&domains->changing);
	pthread_mutex_destroy(&domains->looking);
	mem_free(domains);
}

struct model_snapshot *control_domains_now(struct control_domains *domains)
{
	CHECK(pthread_mutex_lock(&domains->looking) == 0);
	struct model_snapshot *now = model_snapshot_ref(domains->now);
	pthread_mutex_unlock(&domains->looking);
	return now;
}

void control_domains_begin(struct control_domains *domains)
{
	CHECK(pthread_mutex_lock(&domains->changing) == 0);
}

void control_domains_end(struct control_domains *domains)
{
	pthread_mutex_unlock(&domains->changing);
}

void control_domains_take(struct control_domains *domains, const struct model_change *changes,
        size_t count, uint64_t revision)
{
	/* Only who changes replaces it, so it can be read without its lock here. */
	struct model_snapshot *old = domains->now;
	struct model_snapshot *next = model_snapshot_with(old, changes, count, revision);
	CHECK(pthread_mutex_lock(&domains->looking) == 0);
	domains->now = next;
	pthread_mutex_unlock(&domains->looking);
	model_snapshot_unref(old);
	domains->sink->on_changes(domains->sink, changes, count, revision);
}

enum store_failure control_domains_commit(struct control_domains *domains, struct store *store,
        const struct store_change *changes, size_t count, const struct store_note *note,
        uint64_t *ret_revision)
{
	size_t at;
	enum store_failure failure =
	        store_domains_commit(store, changes, count, note, ret_revision, &at);
	if (failure != STORE_DONE)
		return failure;
	struct model_change *live = mem_alloc(count * sizeof(*live) + 1);
	for (size_t i = 0; i < count; i++)
		live[i] = (struct model_change){changes[i].name, changes[i].domain};
	control_domains_take(domains, live, count, *ret_revision);
	mem_free(live);
	return STORE_DONE;
}
