/*
 * The origin room's part of one worker thread: its groups by domain, its pools by address, its
 * buffers.
 */
#pragma once

#include "base/buf.h"
#include "net/loop.h"

struct origin_shared;
struct origin_worker;

struct origin_worker_options {
	struct loop *loop;
	struct buf_pool *buffers; /* the worker's */
	struct origin_shared *shared;
	unsigned idle_max; /* idle connections kept for each address by this worker: 256 */
};

struct origin_worker *origin_worker_new(const struct origin_worker_options *options);

/* Closes idle connections; no attempt or group may be in use any more. */
void origin_worker_free(struct origin_worker *worker);
