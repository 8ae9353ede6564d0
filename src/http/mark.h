/*
 * Marks the fields of a head that somebody names: in Connection, in no-cache="...", by another
 * head. No field is visited twice however often it is named, and however alike the names are: a
 * head can have hundreds of fields and name thousands, and their product must not be somebody's
 * weapon. Pure.
 */
#pragma once

#include "base/limit.h"
#include "http/head.h"

enum {
	HTTP_MARK_WORDS = (LIMIT_HEAD_FIELDS + 63) / 64, /* for a bit of each field */
	HTTP_MARK_SLOTS = LIMIT_HEAD_FIELDS,
};

struct http_mark {
	const struct http_head *head;
	uint64_t *marks; /* the caller's: bit i of marks[i / 64] is of field i */
	uint64_t known;  /* names of the table that were named */
	bool has_others; /* the chains below are made */
	/* The fields that have no known name, chained by the hashes of their names. */
	uint16_t first[HTTP_MARK_SLOTS], next[LIMIT_HEAD_FIELDS];
};

/* Begins; what `marks` has already stays. The head has at most LIMIT_HEAD_FIELDS fields. */
void http_mark_init(
        struct http_mark *mark, const struct http_head *head, uint64_t marks[HTTP_MARK_WORDS]);

/* Marks the fields with a name; the marks are whole once http_mark_done was called. */
void http_mark_known(struct http_mark *mark, enum http_name id);
void http_mark_name(struct http_mark *mark, struct str name);
void http_mark_done(struct http_mark *mark);

static inline bool http_mark_has(const uint64_t marks[HTTP_MARK_WORDS], unsigned field)
{
	return (marks[field / 64] >> field % 64 & 1) != 0;
}
