/*
 * Purges between the store, the link and whoever asks: those that are made go to the hub, what the
 * edges say of them goes to the store, and what is too old is taken back. On the loop's thread, but
 * for the two functions that say so.
 */
#pragma once

#include "link/hub.h"
#include "net/disk.h"
#include "net/loop.h"
#include "store/tasks.h"

struct control_purges;

/* `disk` has threads that may wait. */
struct control_purges *control_purges_new(struct loop *loop, struct disk *disk);

/* Nothing more is given to the threads, which are about to end. NULL is fine. */
void control_purges_end(struct control_purges *purges);

/* After the threads of the pool have ended, and the loop has turned once more. NULL is fine. */
void control_purges_free(struct control_purges *purges);

/* Begins to tell the hub; what was made before, it was told. Both must outlive it. */
void control_purges_begin(struct control_purges *purges, struct link_hub *hub, struct store *store);

/* Any thread: one was added to the store. */
void control_purges_tell(
        struct control_purges *purges, uint64_t number, uint64_t revision, struct str line);

/* An edge says how far it is: as of struct store_acknowledgement. */
void control_purges_note(
        struct control_purges *purges, const char *edge, uint64_t number, const char *error);

/* Takes back what is not younger than `until_ms` (since 1970-01-01 UTC), here and there. Edges that
 * are connected are to be noted before. */
void control_purges_expire(struct control_purges *purges, uint64_t until_ms);

/* Whether something is on its way to the store. */
bool control_purges_is_busy(const struct control_purges *purges);
