/*
 * The field names that we know, one row each in name.def. Pure.
 */
#pragma once

#include "base/str.h"

#include <stdint.h>

enum http_name {
#define HTTP_NAME(id, text, first, last) HTTP_NAME_##id,
#include "http/name.def"
#undef HTTP_NAME
	HTTP_NAME_OTHER, /* any other; also the number of known ones */
};

_Static_assert(HTTP_NAME_OTHER < 64, "the set of known names in a head has 64 bits");

enum { HTTP_NAME_BYTES = 32 }; /* the longest name that we know is shorter */

/* The id of a field name, without regard to case; OTHER when it is not in the table. A few
 * instructions: a perfect hash of length and two letters, then one comparison. */
enum http_name http_name_of(struct str name);

/* Whether a text can be a field name: a token (RFC 9110 5.1). */
bool http_name_is_valid(struct str text);

/* The name as we write it; id is not OTHER. */
struct str http_name_text(enum http_name id);
