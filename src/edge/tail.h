/*
 * Lines of the access log for whoever watches: all requests, whatever the sample and also where no
 * log is written. While nobody watches, a request looks at one word that nobody writes to; while
 * somebody does, workers add lines under a lock, as far as there is room.
 */
#pragma once

#include "edge/access_log.h"
#include "link/filter.h"

#include <stdatomic.h>

struct edge_tail;

struct edge_tail *edge_tail_new(void);
void edge_tail_free(struct edge_tail *tail);

/* Which requests are wanted from now on: those that any of the filters, of which there are at most
 * LIMIT_TAIL_STREAMS, lets through. With none it ends, and what was not taken is dropped. Any
 * thread. */
void edge_tail_want(struct edge_tail *tail, const struct link_filter *filters, unsigned count);

bool edge_tail_is_wanted(const struct edge_tail *tail);

/* Adds a line, if it is one of those; past LIMIT_LINK_TAIL_BYTES it is dropped and counted. Any
 * thread. */
void edge_tail_add(struct edge_tail *tail, const struct edge_log_entry *entry);

/* Takes all lines (each with its line feed) instead of what is in *lines, and how many were dropped
 * since the last time. Any thread. */
void edge_tail_take(struct edge_tail *tail, struct text *lines, uint64_t *ret_dropped);
