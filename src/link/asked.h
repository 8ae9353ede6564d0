/*
 * An edge's end of questions: what the control plane asked over this connection and was not told
 * yet. Who knows the answers is a struct link_ask_sink. One thread, that of its loop.
 */
#pragma once

#include "link/wire.h"

struct link_asked;
struct model_node;

struct link_ask_sink {
	/* Whom to tell; the feed that has the sink sets it, and takes it away at its end. */
	struct link_asked *asked;
	/* A question, which lasts until this returns; to be answered by link_asked_answer, now or
	 * later. `question` may be anything. */
	void (*on_ask)(struct link_ask_sink *self, uint64_t number, struct str what,
	        const struct model_node *question);
	/* Nobody waits any more for what was not answered. */
	void (*on_forget)(struct link_ask_sink *self);
};

/* `sink` must outlive it; NULL: nobody knows anything. */
struct link_asked *link_asked_new(struct link_ask_sink *sink);

/* NULL is fine. */
void link_asked_free(struct link_asked *asked);

/* Hears a question; false: it is none. */
MUST_CHECK bool link_asked_hear(
        struct link_asked *asked, struct link_wire *wire, struct str payload);

/* Answers a question that was heard since the connection began; any other one is left alone. */
void link_asked_answer(struct link_asked *asked, const struct link_told *told);

/* The wire is gone. */
void link_asked_end(struct link_asked *asked);
