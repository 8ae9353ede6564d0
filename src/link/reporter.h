/*
 * The edge's end of reports: what the control plane wants to know again and again, as long as it
 * says so. What there is to tell is its maker's business (struct link_report_source); here it is
 * asked for in time, cut into messages, and left out where the other side does not read. One
 * thread, that of its loop.
 */
#pragma once

#include "link/wire.h"

struct link_report;
struct link_reporter;

struct link_report_source {
	/* Adds what there is now, by link_reporter_add. */
	void (*on_report)(struct link_report_source *self, enum link_report_kind kind,
	        struct link_report *report);
	/* It is wanted from now on, or not any more (every_ms); of the log also: other requests are
	 * wanted. */
	void (*on_wanted)(struct link_report_source *self, enum link_report_kind kind,
	        const struct link_subscription *subscription);
	struct link_reporter *reporter; /* who asks; its own to set */
};

/* The source has something that should not wait until the next report is due: it is made at once,
 * or LIMIT_LINK_REPORT_MS after the one before. Nothing happens where it is not wanted; and where
 * the last one was longer than a message, it comes in its time. */
void link_reporter_hurry(struct link_report_source *source, enum link_report_kind kind);

/* Adds an item, which is one JSON object; past LIMIT_LINK_REPORT_BYTES in all, and where it is
 * longer than a message, it is dropped and counted, and false. */
bool link_reporter_add(struct link_report *report, struct str item);

/* Counts what the source had to leave out. */
void link_reporter_drop(struct link_report *report, uint64_t count);

/* `source` must outlive it, and is no other's; NULL: there is nothing to report. */
struct link_reporter *link_reporter_new(struct loop *loop, struct link_report_source *source);

/* NULL is fine. */
void link_reporter_free(struct link_reporter *reporter);

/* Reports over this wire from now on, as often as this says and at most every
 * LIMIT_LINK_REPORT_MS; replaces what was said before. */
void link_reporter_subscribe(struct link_reporter *reporter, struct link_wire *wire,
        const struct link_subscription *subscription);

/* The wire is gone: nothing is wanted any more. */
void link_reporter_end(struct link_reporter *reporter);
