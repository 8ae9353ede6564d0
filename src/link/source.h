/*
 * A file that somebody else writes, read whole, with what tells one version of it from another.
 */
#pragma once

#include "base/str.h"

/* Which version of a file was read. Two that are equal are the same bytes, not touched in between.
 */
struct link_source_stamp {
	uint64_t checksum, length;  /* of the content */
	uint64_t inode, touched_ns; /* modification time */
};

/*
 * Reads at most `max` bytes. On false *ret_why is a constant: why it cannot be read; EAGAIN in
 * errno says that it is just being written, and will be worth another look when that is done. The
 * text is the caller's to free with text_done.
 */
MUST_CHECK bool link_source_read(const char *path, size_t max, struct text *ret_text,
        struct link_source_stamp *ret_stamp, const char **ret_why);

/* Whether two have the same content. */
bool link_source_is_same(const struct link_source_stamp *a, const struct link_source_stamp *b);

/* Whether they have the same content, but the file was touched or replaced in between. */
bool link_source_is_touched(const struct link_source_stamp *a, const struct link_source_stamp *b);
