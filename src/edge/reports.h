/*
 * What an edge reports to the control plane while somebody wants to know: the health of addresses,
 * what workers have counted, and lines of the access log, as JSON objects (docs/internals/link.md).
 * The steward's thread.
 */
#pragma once

#include "edge/tail.h"
#include "edge/tally.h"
#include "link/reporter.h"
#include "origin/health.h"

struct edge_reports;

struct edge_reports_options {
	struct origin_health *health;
	struct edge_tail *tail;
	struct edge_tally *const *tallies; /* of the workers */
	unsigned tally_count;
};

/* What the options lead to must outlive it. */
struct edge_reports *edge_reports_new(const struct edge_reports_options *options);

/* NULL is fine. */
void edge_reports_free(struct edge_reports *reports);

/* The health of an address has changed: it is reported at once where that is wanted. */
void edge_reports_note_health(struct edge_reports *reports);

/* Where the link asks. */
struct link_report_source *edge_reports_source(struct edge_reports *reports);
