/*
 * The parts of the access log that its files share: the formatter, and the place where lines go.
 */
#pragma once

#include "base/clock.h"
#include "base/limit.h"
#include "edge/access_log.h"

#include <stdatomic.h>

/* What the formatter keeps from line to line, so that most of them need no division and no memory.
 * All-zero to begin with; one thread. */
struct edge_access_log_scratch {
	uint64_t second;            /* which one `time` shows */
	char time[CLOCK_ISO_BYTES]; /* empty: none yet */
	struct text escaped;
};

/* Writes the entry as a line with its line feed; `to` has LIMIT_LOG_LINE_BYTES. Returns its length.
 * What is too long is cut, and ends with an ellipsis then. */
size_t edge_access_log_format_line(
        const struct edge_log_entry *entry, struct edge_access_log_scratch *scratch, char *to);

enum edge_access_log_kind {
	EDGE_ACCESS_LOG_FILE,
	EDGE_ACCESS_LOG_STREAM, /* standard output, or a path that is no regular file */
	EDGE_ACCESS_LOG_SYSLOG,
	EDGE_ACCESS_LOG_JOURNALD,
};

/* Where lines go. Only the writer's thread uses it once it is open. */
struct edge_access_log_output {
	char *where;
	enum edge_access_log_kind kind;
	int fd;
	bool is_torn; /* the last line was written in part */
	uint64_t lost,
	        lost_told; /* lines that could not be written, and of how many the operator heard */
	uint64_t told_ms;  /* when, 0: never */
	atomic_uint_fast64_t give_up_ms; /* from then on nothing waits any more */
};

/* False with errno when `where` cannot be opened. */
MUST_CHECK bool edge_access_log_output_open(
        struct edge_access_log_output *output, const char *where);
void edge_access_log_output_close(struct edge_access_log_output *output);

/* Opens the file anew; where that fails, the old one stays, and the operator hears of it. */
void edge_access_log_output_reopen(struct edge_access_log_output *output);

/* Writes whole lines; may wait for whoever reads them. What cannot be written is lost, counted, and
 * told once a minute. */
void edge_access_log_output_write(struct edge_access_log_output *output, struct str lines);
