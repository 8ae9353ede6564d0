/*
 * The last good list of domains on the edge's own disk: one file with a header (magic, version,
 * revision, length, checksum) and the canonical YAML. Written beside and renamed, so that a reader
 * finds a whole one or none; what does not check out is never used.
 */
#pragma once

#include "base/str.h"

#include <stdint.h>

/* Replaces the journal; false with errno when the disk refuses (the old one then stays). Flushed to
 * the disk before it returns. Mode 0600: it has secrets. */
MUST_CHECK bool link_journal_write(const char *path, struct str text, uint64_t revision);

/* Reads it; false when there is none, or it does not check out. *ret_text is the caller's to free
 * with text_done. */
MUST_CHECK bool link_journal_read(const char *path, struct text *ret_text, uint64_t *ret_revision);
