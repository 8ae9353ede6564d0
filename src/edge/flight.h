/*
 * A response on its way that several requests share: one writer, who pulls it, and readers on any
 * thread, each at its own pace. The writer appends what came; readers are woken when there is more,
 * never by a clock. What the slowest reader has passed is let go of, and so is what the store has
 * when the fastest reader is too far ahead: who is left behind finds it there, or nowhere.
 *
 * Counted references: the writer has one, each reader has one, whoever holds it in a map has one.
 */
#pragma once

#include "base/fault.h"
#include "base/list.h"
#include "base/mem.h"
#include "base/str.h"
#include "edge/attempts.h"
#include "net/loop.h"

#include <stdint.h>
#include <sys/uio.h>

struct edge_flight;
struct edge_flight_chunk;

enum edge_flight_stage {
	EDGE_FLIGHT_PULLING,  /* there is no answer yet */
	EDGE_FLIGHT_BODY,     /* there is: its body can be read as it comes */
	EDGE_FLIGHT_WHOLE,    /* all of the body is there */
	EDGE_FLIGHT_STORED,   /* the store has the answer: look there again */
	EDGE_FLIGHT_RELEASED, /* the answer is not for sharing: everybody pulls on their own */
	EDGE_FLIGHT_FAILED,   /* there is no answer, or its body broke off: edge_flight_fault */
};

/* What the writer publishes with BODY; freed by on_free with the flight. */
struct edge_flight_answer {
	void (*on_free)(struct edge_flight_answer *self);
};

struct edge_flight_options {
	struct loop *const *loops; /* of all workers; outlives the flight */
	unsigned worker_count;
	struct mem_budget *budget; /* for what waits to be read */
	uint64_t ahead;            /* how far the writer may be before the fastest reader, bytes */
};

/* A flight with one reference, the writer's. */
struct edge_flight *edge_flight_new(const struct edge_flight_options *options);

struct edge_flight *edge_flight_ref(struct edge_flight *flight);

/* The last reference frees it; NULL is fine. Any thread. */
void edge_flight_unref(struct edge_flight *flight);

enum edge_flight_stage edge_flight_stage(struct edge_flight *flight);

/* In FAILED: why. In RELEASED: STATUS where the answer is a failure of the origin, BAD_REQUEST
 * where it is for what the request was that began the pull: another one may get what is for
 * sharing. */
enum fault edge_flight_fault(struct edge_flight *flight);

/* What was published; NULL before that. It lives as long as the flight. */
struct edge_flight_answer *edge_flight_answer(struct edge_flight *flight);

/*
 * Readers. One belongs to one worker's thread and is embedded in its owner.
 */
struct edge_flight_reader {
	struct list_node node, waiting;  /* among all, among those who wait */
	struct edge_flight *flight;      /* one reference; NULL: none */
	struct edge_flight_chunk *chunk; /* what was read last lies there */
	struct loop_task *task;          /* woken when there is more */
	uint64_t at;                     /* what is read next */
	unsigned worker;                 /* whose thread */
};

/* Enters at the beginning of the body; takes a reference of its own. `task` is woken at each change
 * of stage, and where a read said WAIT. */
void edge_flight_join(struct edge_flight *flight, struct edge_flight_reader *reader,
        unsigned worker, struct loop_task *task);

/* Leaves, in any stage; what was read is gone then. Nothing happens for who has not entered. */
void edge_flight_leave(struct edge_flight_reader *reader);

/* Where in the body that begins which was not let go of. */
uint64_t edge_flight_start(struct edge_flight *flight);

/* The stage; where that may still change, the task will be woken when it does. */
enum edge_flight_stage edge_flight_wait(struct edge_flight_reader *reader);

/* Goes to a place of the body, which may not be there yet. */
void edge_flight_seek(struct edge_flight_reader *reader, uint64_t at);

enum edge_flight_read {
	EDGE_FLIGHT_READ_DATA,   /* *ret_data is valid until the next call for this reader */
	EDGE_FLIGHT_READ_WAIT,   /* the task will be woken */
	EDGE_FLIGHT_READ_END,    /* the whole body was read */
	EDGE_FLIGHT_READ_BEHIND, /* what comes next was let go of: the store may have it */
	EDGE_FLIGHT_READ_FAILED, /* the body broke off: edge_flight_fault */
};

/* The next piece, at most `room` bytes; moves on behind it. */
enum edge_flight_read edge_flight_read(
        struct edge_flight_reader *reader, uint64_t room, struct str *ret_data);

/* Adds what the writer told last; nothing before that. */
void edge_flight_add_told(
        struct edge_flight *flight, struct edge_attempts *attempts, struct arena *arena);

/*
 * The writer, who is on the thread of one worker.
 */

/* Names the writer: `task` on the loop of `worker` is woken when a reader's progress lets it go on,
 * or the last one left. */
void edge_flight_set_writer(struct edge_flight *flight, unsigned worker, struct loop_task *task);

/* Goes to BODY with its answer, which is the flight's from now on. */
void edge_flight_publish(struct edge_flight *flight, struct edge_flight_answer *answer);

/* The next stage but BODY, with FAILED its fault, with RELEASED perhaps one. No stage follows on
 * WHOLE, STORED, RELEASED, FAILED. */
void edge_flight_go(struct edge_flight *flight, enum edge_flight_stage stage, enum fault fault);

/* Appends a copy; `expected` is how much the body may still have, this included, UINT64_MAX where
 * that is not known. False when the budget says no: then not all was appended, and the flight can
 * only fail. */
MUST_CHECK bool edge_flight_append(struct edge_flight *flight, struct str data, uint64_t expected);

/* Tells those who read, for their logs, what the pull's attempts came to so far; a copy. */
void edge_flight_tell(
        struct edge_flight *flight, const struct edge_log_attempt *attempts, unsigned count);

/* How many bytes were appended. */
uint64_t edge_flight_length(struct edge_flight *flight);

/* Up to where the store has the body, or nobody will store it (UINT64_MAX): before that, bytes may
 * be let go of. 0 at first. */
void edge_flight_commit(struct edge_flight *flight, uint64_t until);

/* The bytes from `from`, not let go of, as vectors; returns how many vectors, at most `count`, and
 * the bytes in them. Valid until the next commit. */
unsigned edge_flight_gather(struct edge_flight *flight, uint64_t from, struct iovec *vectors,
        unsigned count, uint64_t *ret_bytes);

/* Whether the writer should append more now; else its task is woken once that changes. Without a
 * reader it may be `alone` bytes long. */
bool edge_flight_wants_more(struct edge_flight *flight, uint64_t alone);

unsigned edge_flight_readers(struct edge_flight *flight);
