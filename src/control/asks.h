/*
 * Questions to edges: a thread of the API asks and waits, the loop's thread has the link to the
 * edges. On the loop's thread, but for the function that says so.
 */
#pragma once

#include "link/hub.h"
#include "net/loop.h"

struct control_asks;

struct control_asks *control_asks_new(struct loop *loop);

/* Whoever waits goes on at once, without an answer, and so does whoever asks later. NULL is fine.
 */
void control_asks_end(struct control_asks *asks);

/* After the threads of the API have ended, and the loop has turned once more. NULL is fine. */
void control_asks_free(struct control_asks *asks);

/* There is a hub from now on, which must outlive it. */
void control_asks_begin(struct control_asks *asks, struct link_hub *hub);

/* What became of a question: as of struct link_hub_sink. */
void control_asks_note(
        struct control_asks *asks, const struct link_hub_edge *edge, const struct link_told *told);

enum control_asked {
	CONTROL_ASKED_ANSWER, /* a JSON object */
	CONTROL_ASKED_NOBODY, /* no such edge is connected, or too many questions wait there */
	CONTROL_ASKED_ERROR,  /* the edge says why it has no answer */
	CONTROL_ASKED_LATE,   /* it has not said anything in time */
};

struct control_ask {
	const char *edge; /* NULL: any */
	const char *what; /* a constant */
	struct str question;
	uint32_t timeout_ms;
	/* the outcome; freed by the caller */
	struct text answer;   /* or why there is none */
	struct text answerer; /* the id of the edge */
};

/* Any thread but the loop's: asks and waits. */
enum control_asked control_asks_ask(struct control_asks *asks, struct control_ask *ask);
