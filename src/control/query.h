/*
 * Names and values in the target of a request of the API: segments of its path, parameters of its
 * query. Pure.
 */
#pragma once

#include "base/arena.h"

enum { CONTROL_QUERY_MAX = 16 };

struct control_query {
	struct {
		struct str name, value; /* decoded */
	} list[CONTROL_QUERY_MAX];
	unsigned count;
};

enum control_query_part { CONTROL_QUERY_SEGMENT, CONTROL_QUERY_PAIR };

/* Decodes "%2F" and, in a pair, "+", into a text that ends with a NUL; false for an escape that is
 * none, and for control bytes. */
MUST_CHECK bool control_query_decode(
        struct arena *arena, struct str text, enum control_query_part part, struct str *ret_text);

/* Reads "a=b&c=d". `allowed` has the names that there may be, with spaces between them, each at
 * most once. False with a sentence about what is wrong, without its full stop. */
MUST_CHECK bool control_query_read(struct arena *arena, struct str text, const char *allowed,
        struct control_query *ret_query, struct str *ret_why);

/* Whether one of those is on. */
bool control_query_is_on(const struct control_query *query, const char *name);

/* The value of a parameter; at is NULL when it is not there. */
struct str control_query_get(const struct control_query *query, const char *name);
