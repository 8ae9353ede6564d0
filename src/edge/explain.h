/*
 * Answers the control plane's question `explain` (edge/explanation.h). Where names were never
 * looked up, the answer waits for them a little. The steward's thread.
 */
#pragma once

#include "cache/store.h"
#include "link/asked.h"
#include "model/snapshot.h"
#include "net/loop.h"
#include "origin/shared.h"

struct edge_explain;

struct edge_explain_options {
	struct loop *loop;
	struct cache_store *cache; /* NULL: there is none */
	struct origin_shared *origins;
	struct model_snapshot *const *snapshot; /* where the newest one is */
};

/* What the options lead to must outlive it. */
struct edge_explain *edge_explain_new(const struct edge_explain_options *options);

/* NULL is fine. */
void edge_explain_free(struct edge_explain *explain);

/* Where the link asks. */
struct link_ask_sink *edge_explain_sink(struct edge_explain *explain);
