/*
 * Versions of the history that are older than the settings say go from the store, part by part. On
 * the loop's thread; a thread of a pool does the work.
 */
#pragma once

#include "control/settings.h"
#include "net/disk.h"
#include "net/loop.h"

struct control_forgetting;

/* `disk` has threads that may wait. */
struct control_forgetting *control_forgetting_new(
        struct loop *loop, struct disk *disk, struct control_settings *settings);

/* Begins, and looks for what is too old; the store must outlive it. */
void control_forgetting_begin(struct control_forgetting *forgetting, struct store *store);

/* Looks for what is too old by now, or by other settings; nothing before it has begun. */
void control_forgetting_wake(struct control_forgetting *forgetting);

/* Nothing more is given to the threads, which are about to end. NULL is fine. */
void control_forgetting_end(struct control_forgetting *forgetting);

/* Whether a thread is at it. */
bool control_forgetting_is_busy(const struct control_forgetting *forgetting);

/* After the threads of the pool have ended, and the loop has turned once more. NULL is fine. */
void control_forgetting_free(struct control_forgetting *forgetting);
