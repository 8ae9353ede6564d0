/*
 * The last good list of domains: one file with a header (magic, version, revision, length,
 * checksum) and the canonical YAML. On a disk it is written beside and renamed, so that a reader
 * finds a whole one or none. One without a name lasts as long as somebody has it open, and may be
 * shared by processes. What does not check out is never used.
 */
#pragma once

#include "base/str.h"

#include <stdint.h>

/* Where a journal is kept. */
struct link_journal {
	const char *path; /* NULL: in a file without a name */
	int fd;           /* that file, if there is no path */
	/* Of a ledger: whether its edge was sent home (link/ledger.h). Lives as long as the ledger;
	 * NULL: it never is. */
	const bool *is_leaving;
};

/* Replaces the journal; false with errno when the disk refuses (the old one then stays) or the
 * memory does (then there is none). With a path it is flushed to the disk before it returns, and
 * has mode 0600, for there are secrets in it. */
MUST_CHECK bool link_journal_write(
        const struct link_journal *journal, struct str text, uint64_t revision);

/* Reads it; false when there is none, or it does not check out. *ret_text is the caller's to free
 * with text_done. */
MUST_CHECK bool link_journal_read(
        const struct link_journal *journal, struct text *ret_text, uint64_t *ret_revision);

/* Opens the file that is to come to `path`: empty, with mode 0600, and its only writer's, for whom
 * others wait, in whatever process, until link_journal_put_new. -1 with errno. It is `path`.new, so
 * that what a death leaves of one is written over by the next. */
MUST_CHECK int link_journal_open_new(const char *path);

/* Flushes it and puts it in its place, durably, or removes it where it could not be written whole;
 * false with errno, and what was there stays. The descriptor stays the caller's; -1 is fine, and
 * false. */
MUST_CHECK bool link_journal_put_new(const char *path, int fd, bool is_written);
