/*
 * What would become of a request, told as JSON and in sentences: which domain, what the cache has,
 * how the addresses of its origins stand, which of them a pull would ask and why (edge/plan.h), and
 * what the client would get. Nothing is changed by it, but that a look counts as a use of what the
 * cache has. Any thread that has the reader.
 */
#pragma once

#include "cache/reader.h"
#include "link/question.h"
#include "model/snapshot.h"
#include "origin/survey.h"

struct edge_explanation {
	struct cache_store *cache;   /* NULL: there is none */
	struct cache_reader *reader; /* NULL: nobody looks into it */
	struct origin_shared *origins;
	const struct model_snapshot *snapshot;
	uint64_t now_ms, wall_ms;
	struct arena *arena;
};

/* Whether names are looked up that have never been: then a little later more is known. Begins to
 * look them up. */
bool edge_explanation_waits(
        const struct edge_explanation *explanation, const struct link_question *question);

/* Adds the JSON object. */
void edge_explanation_print(const struct edge_explanation *explanation,
        const struct link_question *question, struct text *to);
