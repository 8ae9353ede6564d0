/*
 * A timer for each kind. A report that would come while much still waits to be sent is skipped:
 * the next one tells all that this one would have, or what the source has kept for it.
 */
#include "link/reporter.h"

#include "base/clock.h"
#include "base/limit.h"
#include "base/mem.h"

enum { FRAME_BYTES = 96 /* what link_message_print_report adds to items */ };

struct link_report {
	struct link_wire *wire;
	enum link_report_kind kind;
	struct text items; /* of the next message, with commas between them */
	struct text payload;
	size_t bytes;  /* of all */
	bool has_more; /* a part of it was sent */
	uint64_t dropped;
};

struct ticker {
	struct link_reporter *reporter;
	struct timer timer;
	uint32_t every_ms; /* 0: it is not wanted */
	uint64_t last_ms;  /* when it was reported; 0: not yet */
	bool was_long;     /* in several messages */
};

struct link_reporter {
	struct loop *loop;
	struct link_report_source *source;
	struct link_wire *wire; /* NULL: there is none */
	struct ticker tickers[LINK_REPORTS];
};

/* ---- one report ---- */

static void send_part(struct link_report *report, bool has_more)
{
	/* What was dropped is told once, at the end. */
	const struct link_report_head head = {has_more, has_more ? 0 : report->dropped};
	report->has_more |= has_more;
	text_clear(&report->payload);
	link_message_print_report(&head, text_str(&report->items), &report->payload);
	link_wire_send(
	        report->wire, link_message_of_report(report->kind), text_str(&report->payload));
	text_clear(&report->items);
}

bool link_reporter_add(struct link_report *report, struct str item)
{
	const size_t most = LIMIT_LINK_MESSAGE_BYTES - FRAME_BYTES;
	if (item.len > most || report->bytes + item.len > LIMIT_LINK_REPORT_BYTES) {
		report->dropped++;
		return false;
	}
	if (report->items.len + 1 + item.len > most)
		send_part(report, true);
	if (report->items.len > 0)
		text_add_char(&report->items, ',');
	text_add(&report->items, item);
	report->bytes += item.len;
	return true;
}

void link_reporter_drop(struct link_report *report, uint64_t count)
{
	report->dropped += count;
}

static void on_tick(struct timer *timer)
{
	struct ticker *ticker = container_of(timer, struct ticker, timer);
	struct link_reporter *reporter = ticker->reporter;
	struct link_report report = {
	        .wire = reporter->wire,
	        .kind = (enum link_report_kind)(ticker - reporter->tickers),
	};
	ticker->last_ms = clock_ms();
	loop_timer_start(reporter->loop, timer, ticker->last_ms + ticker->every_ms);
	if (link_wire_backlog(reporter->wire) > LIMIT_LINK_BACKLOG_BYTES)
		return;
	reporter->source->on_report(reporter->source, report.kind, &report);
	/* Nothing in a log is nothing to tell; an empty list of the others is. */
	if (report.kind != LINK_REPORT_LOG || report.items.len > 0 || report.dropped > 0)
		send_part(&report, false);
	ticker->was_long = report.has_more;
	text_done(&report.items);
	text_done(&report.payload);
}

void link_reporter_hurry(struct link_report_source *source, enum link_report_kind kind)
{
	struct link_reporter *reporter = source->reporter;
	struct ticker *ticker = reporter == NULL ? NULL : &reporter->tickers[kind];
	if (ticker == NULL || ticker->every_ms == 0 || ticker->was_long)
		return;
	uint64_t at_ms = ticker->last_ms + LIMIT_LINK_REPORT_MS;
	uint64_t now_ms = clock_ms();
	if (at_ms < now_ms)
		at_ms = now_ms;
	if (ticker->last_ms == 0 || at_ms < ticker->last_ms + ticker->every_ms)
		loop_timer_start(reporter->loop, &ticker->timer, at_ms);
}

/* ---- which ---- */

struct link_reporter *link_reporter_new(struct loop *loop, struct link_report_source *source)
{
	struct link_reporter *reporter = mem_new(struct link_reporter);
	reporter->loop = loop;
	reporter->source = source;
	if (source != NULL)
		source->reporter = reporter;
	for (unsigned i = 0; i < LINK_REPORTS; i++) {
		reporter->tickers[i].reporter = reporter;
		reporter->tickers[i].timer.on_expire = on_tick;
	}
	return reporter;
}

void link_reporter_free(struct link_reporter *reporter)
{
	if (reporter == NULL)
		return;
	link_reporter_end(reporter);
	if (reporter->source != NULL)
		reporter->source->reporter = NULL;
	mem_free(reporter);
}

static void set(struct link_reporter *reporter, enum link_report_kind kind,
        const struct link_subscription *subscription)
{
	uint32_t every_ms = subscription->every_ms[kind];
	struct ticker *ticker = &reporter->tickers[kind];
	const bool was_wanted = ticker->every_ms > 0, is_wanted = every_ms > 0;
	if (is_wanted && every_ms < LIMIT_LINK_REPORT_MS)
		every_ms = LIMIT_LINK_REPORT_MS;
	if (was_wanted != is_wanted || (is_wanted && kind == LINK_REPORT_LOG))
		reporter->source->on_wanted(reporter->source, kind, subscription);
	/* Another report is wanted otherwise, and not this one. */
	if (ticker->every_ms == every_ms)
		return;
	loop_timer_cancel(reporter->loop, &ticker->timer);
	ticker->every_ms = every_ms;
	ticker->last_ms = 0;
	ticker->was_long = false;
	/* The first one at once: somebody has just begun to look. */
	if (is_wanted)
		loop_timer_start(reporter->loop, &ticker->timer, clock_ms());
}

void link_reporter_subscribe(struct link_reporter *reporter, struct link_wire *wire,
        const struct link_subscription *subscription)
{
	if (reporter->source == NULL)
		return;
	reporter->wire = wire;
	for (unsigned i = 0; i < LINK_REPORTS; i++)
		set(reporter, (enum link_report_kind)i, subscription);
}

void link_reporter_end(struct link_reporter *reporter)
{
	static const struct link_subscription NOTHING = {.every_ms = {0}};
	link_reporter_subscribe(reporter, NULL, &NOTHING);
}
