/*
 * The processes below a supervisor: they are started, say that they serve, and die. What follows
 * from that is the supervisor's to decide.
 *
 * A child is STARTING until it writes a byte into its pipe, or a CANDIDATE where it is to prove
 * something by that; then SERVING until another takes its place, and then LEAVING: it was sent
 * SIGTERM and finishes what it has.
 */
#pragma once

#include "base/list.h"
#include "main/handover.h"
#include "net/loop.h"

enum child_role { CHILD_EDGE, CHILD_CONTROL, CHILD_ROLES };

enum child_state { CHILD_STARTING, CHILD_CANDIDATE, CHILD_SERVING, CHILD_LEAVING };

struct children;

struct child {
	struct list_node node;
	struct children *children;
	enum child_role role;
	enum child_state state;
	pid_t pid;
	uint64_t started_ms;   /* or adopted */
	struct loop_fd ready;  /* the reading end of its pipe; fd -1 once it said its word */
	struct timer deadline; /* to serve, or to leave */
	bool is_late;          /* and was killed for it */
};

/* One that has ended and is forgotten. */
struct child_death {
	enum child_role role;
	enum child_state state; /* in which it died */
	pid_t pid;
	int status; /* as of waitpid(2) */
	uint64_t lived_ms;
	const char *how; /* in words; until the callback returns */
};

/* Embedded, and set by children_init, but for the callbacks. */
struct children {
	struct loop *loop;
	struct list list;
	/* It serves; `was` is what it was until now. */
	void (*on_serving)(struct children *self, struct child *child, enum child_state was);
	void (*on_death)(struct children *self, const struct child_death *death);
};

struct child_options {
	enum child_role role;
	enum child_state state;          /* STARTING or CANDIDATE */
	const char *path;                /* the program */
	char *const *arguments;          /* its name first, NULL ends them */
	const struct handover *handover; /* what it gets, but for its pipe */
	uint32_t serve_ms;               /* how long it may take to serve; 0: any time */
};

/* "edge", "control". */
const char *children_role_name(enum child_role role);

void children_init(struct children *children, struct loop *loop);

/* Forgets all of them, who live on. */
void children_done(struct children *children);

/* Starts one; false after a log line. */
MUST_CHECK bool children_start(struct children *children, const struct child_options *options);

/* Takes over one of the supervisor that we were. */
void children_adopt(
        struct children *children, enum child_role role, enum child_state state, pid_t pid);

/* The first in this state; NULL if none is. */
struct child *children_find(
        const struct children *children, enum child_role role, enum child_state state);

/* Whether one lives. */
bool children_has(const struct children *children, enum child_role role);
bool children_is_empty(const struct children *children);

/* The pids of a role, with that of `first`, if it is of it, at the beginning; at most `max`.
 * Returns how many. */
unsigned children_list(const struct children *children, enum child_role role,
        const struct child *first, pid_t *pids, unsigned max);

/* Sends a signal to all of a role. */
void children_signal(const struct children *children, enum child_role role, int number);

/* Everything of the role but `successor`, which may be NULL, finishes what it has, and is killed if
 * that takes longer than leave_ms (0: any time). */
void children_dismiss(struct children *children, enum child_role role,
        const struct child *successor, uint64_t leave_ms);

/* After SIGCHLD: calls on_death for each that has died. */
void children_reap(struct children *children);
