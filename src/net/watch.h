/*
 * Watches one file for a new content: a finished write, a rename onto it, a swapped symbolic link
 * (also of a folder above it, as container platforms do it), removal and return. Uses inotify on
 * the folders, never on the file alone. Calls after things have been quiet for a moment.
 */
#pragma once

#include "net/loop.h"

struct watch;

/* Calls on_change(context) on the loop's thread, `quiet_ms` after the last event that may concern
 * `path`; the caller compares contents, since a call may come without a change. NULL with errno
 * when inotify refuses. `path` is copied. */
struct watch *watch_new(struct loop *loop, const char *path, unsigned quiet_ms,
        void (*on_change)(void *context), void *context);
void watch_free(struct watch *watch);
