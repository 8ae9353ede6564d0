/*
 * Who is attached: a process has a place in the table as long as it holds the OFD lock of that
 * place, which the kernel drops when it dies, however it dies. The readers and pins of a dead one
 * are cleared by whoever takes its place, or waits for them.
 */
#pragma once

#include "cache/store_private.h"

/* Takes a place, and a generation; CROWDED or SYSTEM. Under the lock. */
MUST_CHECK enum cache_attach cache_process_join(struct cache_store *store);

/* Gives it back. Under the lock. */
void cache_process_leave(struct cache_store *store);

/* Clears the places of processes that have died. Under the lock. */
void cache_process_bury(struct cache_store *store);

/* Becomes the keeper of all processes; false when another is. */
bool cache_process_lock_keeper(struct cache_store *store);
void cache_process_unlock_keeper(struct cache_store *store);

/* The same for the writer of a disk. */
bool cache_process_lock_writer(struct cache_store *store, unsigned disk);
void cache_process_unlock_writer(struct cache_store *store, unsigned disk);
