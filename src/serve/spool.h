/*
 * The spool of a request body: takes it from the client's stream as it comes, and gives it out from
 * any offset, so that it can be sent to one origin while it arrives and again to the next. The
 * first 64 KiB stay in memory, the rest goes to a nameless file, written and read off the loop.
 * Once released (nobody will ask for the beginning again) nothing is kept, and the client is held
 * back to the reader's pace. One thread.
 */
#pragma once

#include "base/buf.h"
#include "net/disk.h"
#include "serve/stream.h"

struct serve_spool_options {
	struct serve_stream *stream;
	struct loop *loop;
	struct buf_pool *buffers;
	struct disk *disk;
	const char *folder;        /* for the file */
	struct mem_budget *budget; /* how much all files may have; past it the fault is SPOOL */
	uint64_t body_max;         /* more is BODY_TOO_LARGE */
	struct loop_task *wake;    /* woken when a read that had to wait may go on */
};

struct serve_spool;

/* A spool for the stream's body; takes nothing yet. */
struct serve_spool *serve_spool_new(const struct serve_spool_options *options);

/* Ends it; a disk operation that still runs finishes on its own memory. NULL is fine. */
void serve_spool_free(struct serve_spool *spool);

enum serve_spool_read {
	SERVE_SPOOL_DATA, /* *ret_bytes is valid until the next call for this spool */
	SERVE_SPOOL_WAIT, /* options.wake will be woken */
	SERVE_SPOOL_END,
	SERVE_SPOOL_FAILED, /* serve_spool_fault */
};

/* The bytes from `offset` on; takes from the stream what it lacks. After a release the offset never
 * goes back. */
enum serve_spool_read serve_spool_read(
        struct serve_spool *spool, uint64_t offset, struct str *ret_bytes);

/* Nobody will read before the last offset again. */
void serve_spool_release(struct serve_spool *spool);

/* The stream's task woke its owner: whoever waits for the spool should try again. */
bool serve_spool_is_waiting(const struct serve_spool *spool);

/* Why it failed: BAD_REQUEST, BODY_SLOW, BODY_TOO_LARGE, CLIENT_GONE, SPOOL, MEMORY; or NONE. */
enum fault serve_spool_fault(const struct serve_spool *spool);
