/*
 * What the files of a fill share: fill.c has its life and the dispatcher, fill_choose.c,
 * fill_judge.c and fill_resume.c its steps.
 */
#pragma once

#include "edge/fill.h"
#include "edge/judge.h"
#include "edge/overlap.h"
#include "edge/resume.h"
#include "edge/turn.h"

enum edge_fill_step {
#define FILL_STEP(id, name, next, words) EDGE_FILL_##id,
#include "edge/fill_steps.def"
#undef FILL_STEP
};

#define FILL_STEP(id, name, next, words) enum edge_turn edge_fill_step_##id(struct edge_fill *fill);
#include "edge/fill_steps.def"
#undef FILL_STEP

enum {
	/* The current attempt, and one that is kept: the master's answer while the backup is asked,
	   or the one whose head the reader has while others are asked for the rest of its body. */
	EDGE_FILL_PULLS = 2,
	EDGE_FILL_LOG =
	        24, /* attempts that the log can hold: more than attempts_max and refreshes */
	EDGE_FILL_TRIED = LIMIT_ADDRESSES,
};

/* An attempt and whom it asks. */
struct edge_pull {
	struct edge_fill *fill;
	struct origin_attempt attempt;
	struct origin_attempt_sink sink;
	struct origin_candidate *candidate; /* one reference; NULL when the pull is not in use */
	uint64_t began_us;
	int64_t signed_s; /* the time that a private bucket's head was signed for */
	/* Of its body, what was read before the reader may have it, … */
	struct buf early;
	struct str
	        early_rest; /* … a piece that did not fit or need not be copied, the attempt's, */
	uint32_t early_given; /* and how many bytes of `early` the reader has in hand. */
	enum model_role role;
	uint8_t log_index;
	bool is_kept;
	bool is_retry;   /* counted in its group's retry budget */
	bool has_broken; /* its body broke off */
	bool gives_rest; /* of a body that had broken off */
	uint8_t refusal; /* why what it had was not the rest; enum fault */
	bool is_hedge;   /* begun as the master was late */
	bool has_won;    /* … and first */
};

/* What CHOOSE is to look for. */
enum edge_fill_wish {
	EDGE_WISH_FIRST,   /* the master, the backup where the master is blocked, whoever is left */
	EDGE_WISH_BACKUP,  /* the backup */
	EDGE_WISH_ROUTED,  /* an address of the master with a route, else the backup */
	EDGE_WISH_ADDRESS, /* an address that was not tried, of the backup first */
	EDGE_WISH_FRESH,   /* the same address on a fresh connection */
	EDGE_WISH_REST,    /* RESUME has chosen by itself */
};

/* What a fill has of a body whose rest can be asked for. */
enum edge_fill_resuming {
	EDGE_RESUMING_NOT,    /* it cannot, or need not: nothing can break off any more */
	EDGE_RESUMING_READY,  /* what goes on is noted */
	EDGE_RESUMING_ASKED,  /* somebody was asked for the rest: the table's steps decide */
	EDGE_RESUMING_MATCHED /* who was has answered rightly, and is to come to where it begins */
};

struct edge_fill {
	struct edge_fill_options options;
	struct loop_task task;
	struct origin_group_wait wait;            /* for names, with its end */
	struct timer wait_timer;                  /* for what is held back, and for a retry */
	struct model_domain *domain;              /* kept by the master's group */
	struct origin_group *groups[MODEL_ROLES]; /* the backup's is NULL where there is none */
	struct str heads[MODEL_ROLES]; /* serialised, made when first needed; for a private bucket
	                                  signed anew for each attempt */
	struct edge_pull pulls[EDGE_FILL_PULLS];
	struct edge_pull *current; /* the one that runs or was just judged */
	struct edge_pull *kept;
	struct edge_pull *hedge;  /* runs beside the current one, which is the master's */
	struct timer hedge_timer; /* until the master is late */
	struct edge_pull *answer; /* whose head the reader has; NULL before STREAM */
	uint64_t deadline_ms;     /* failover.budget; anew for each body that broke off */
	uint64_t held_until_ms;   /* HOLD */
	uint64_t key;
	/* Places in the representation, while it may be resumed: of what the reader gets next;
	 * where the current attempt's part of it began; of what the current attempt gives next. */
	uint64_t at, stretch, place;
	struct edge_overlap overlap;
	struct origin_candidate *broken; /* who gave the last bytes of a body that broke off; one
	                                    reference */
	uint8_t resuming, resumes;       /* enum edge_fill_resuming; attempts so far */
	bool may_ask_broken, prefers_broken;
	uint8_t step, wish, fault, attempts; /* enums edge_fill_step, edge_fill_wish, fault */
	bool is_safe, has_written, was_refreshed, is_next_retry;
	bool was_corrected; /* the bucket was asked again, by its own clock */
	bool lacks_retry;   /* somebody was not asked for want of a retry in the budget */
	bool is_late;       /* the master is */
	bool was_outpaced;  /* one of two was not waited for any longer: it did not fail */
	uint8_t wait_role;
	bool names_are_late[MODEL_ROLES]; /* not waited for again */
	bool role_tried[MODEL_ROLES], was_unasked[MODEL_ROLES];
	uint8_t tried_count, log_count;
	/* not cleared at the start */
	struct edge_resume resume; /* unless resuming is NOT */
	struct edge_log_attempt log[EDGE_FILL_LOG];
	struct address tried[EDGE_FILL_TRIED];
};

/* The only way to another step; checks the table. */
void edge_fill_go(struct edge_fill *fill, enum edge_fill_step step);

/* Gives up waiting for names; nothing happens when nobody waits. */
void edge_fill_end_wait(struct edge_fill *fill);

/* Starts an attempt at the candidate, whose reference it takes over. */
void edge_fill_begin_pull(struct edge_fill *fill, enum model_role role,
        struct origin_candidate *candidate, bool is_trial);

/* An address of the backup for a hedge: one reference for the caller; false when none is to be had.
 */
MUST_CHECK bool edge_fill_choose_hedge(
        struct edge_fill *fill, struct origin_candidate **ret_candidate, bool *ret_is_trial);

/* The first pull has begun: looks whether the master is late to answer, where the domain wants that
 * (fill_hedge.c). */
void edge_fill_hedge_watch(struct edge_fill *fill, bool is_trial);
void edge_fill_hedge_end_watch(struct edge_fill *fill);
void edge_fill_hedge_on_late(struct timer *timer);

/* In ATTEMPT: begins a hedge that is due, ends one that failed, and makes one that won the current
 * pull. */
void edge_fill_hedge_run(struct edge_fill *fill);

/* The current pull is about to be judged: nobody is late any more. */
void edge_fill_hedge_judged(struct edge_fill *fill);

/* The backup would be asked now, and the hedge is just that: it becomes the current pull of
 * ATTEMPT. */
void edge_fill_hedge_take_over(struct edge_fill *fill);

/* Somebody else's answer is taken; nothing happens when there is no hedge. */
void edge_fill_hedge_drop(struct edge_fill *fill);

/* An address that was asked may be asked again as if it had not been. */
void edge_fill_untry(struct edge_fill *fill, const struct address *address);

/* The pull is no retry any more: what it was asked for it has, or it is over. */
void edge_fill_end_retry(struct edge_pull *pull);

/* Ends a pull in any state. */
void edge_fill_end_pull(struct edge_pull *pull);

/* The pull's answer is the one: everything else ends, and STREAM begins. */
void edge_fill_accept(struct edge_fill *fill, struct edge_pull *pull);

/* Reads the body of an answer that the reader may not have yet, up to a limit; what is beyond it
 * stays with the attempt. WAIT: more will come. DATA: the limit is reached, or all that there is
 * was received. END, FAILED: the attempt has come to that. */
enum origin_read edge_fill_read_early(struct edge_pull *pull, size_t most);

/* The next piece of a pull's body, what was read early first. */
enum origin_read edge_fill_read_pull(struct edge_pull *pull, struct str *ret_data);

/* The pull's answer is the one: notes what the rest of its body could be asked for by, unless that
 * was received already. */
void edge_fill_prepare_resume(struct edge_fill *fill, const struct edge_pull *pull);

/* Whether it is to be held back; and that is begun, of the current one. */
bool edge_fill_must_hold(const struct edge_fill *fill, const struct edge_pull *pull);
void edge_fill_hold(struct edge_fill *fill);

/* While a body can be resumed: a piece goes to the reader, and what is not due is cut off. */
void edge_fill_note_given(struct edge_fill *fill, struct str *data);

/* The same: whether the reader has all of it, whatever the attempt that gives its rest would still
 * send; and whether it may be whole where the attempt has come to its end. */
bool edge_fill_is_whole(const struct edge_fill *fill);
bool edge_fill_may_end(const struct edge_fill *fill);

/* After its head: edge_fill_tells_end, of any attempt. */
bool edge_fill_tells_end_of(const struct origin_attempt *attempt);

/* Whether a body ended with its connection, and nothing says that this was its end. */
bool edge_fill_is_unsure(const struct edge_fill *fill, const struct edge_pull *pull);

/* The body in STREAM broke off. True: it goes to RESUME; else that is its end, and fill->fault says
 * why. */
MUST_CHECK bool edge_fill_begin_resume(struct edge_fill *fill);

/* The next attempt is to ask for the rest. False: its head would be too large. */
MUST_CHECK bool edge_fill_ask_for_rest(struct edge_fill *fill);

/* Nobody is left to give it: goes to FAIL. */
enum edge_turn edge_fill_end_resume(struct edge_fill *fill);

/* Back to CHOOSE, with what it is to look for, and what the log says that the pull led to. */
enum edge_turn edge_fill_choose_again(
        struct edge_fill *fill, enum edge_fill_wish wish, enum edge_log_next next);

/* Whether the current pull's bucket refused what was signed, for its clock is not ours: then it is
 * asked once more, by its own. */
MUST_CHECK bool edge_fill_is_clock_wrong(struct edge_fill *fill);

/* Adds a row to the log, and fills in what is known at its end. */
void edge_fill_log_begin(struct edge_fill *fill, struct edge_pull *pull);
void edge_fill_log_end(struct edge_pull *pull);
void edge_fill_log_next(const struct edge_pull *pull, enum edge_log_next next);

/* Why an attempt that came to a head was of no use after all. */
void edge_fill_log_reason(const struct edge_pull *pull, enum fault reason);

/* Why nobody was asked for the rest of a body. */
void edge_fill_log_unresumed(struct edge_fill *fill, enum fault reason);

/* A failure without an attempt: a name that has no address. */
void edge_fill_log_unasked(struct edge_fill *fill, enum model_role role, enum fault fault);
