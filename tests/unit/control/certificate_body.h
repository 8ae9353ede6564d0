/*
 * Certificates as the API takes them, for tests of the control plane.
 */
#pragma once

#include "../net/authority.h"

#include "base/str.h"

/* The JSON of a body: a certificate for these names, with its key or (other_key) another's. */
static inline void add_certificate_body(
        struct text *to, const struct wanted *wanted, bool has_other_key)
{
	struct issued leaf = issue(NULL, wanted), other = issue(NULL, wanted);
	struct text chain = {0}, key = {0};
	add_certificate_of(&chain, &leaf);
	add_key_of(&key, has_other_key ? &other : &leaf);
	text_add(to, STR("{\"certificate\":"));
	text_add_json(to, text_str(&chain));
	text_add(to, STR(",\"key\":"));
	text_add_json(to, text_str(&key));
	text_add_char(to, '}');
	text_done(&chain);
	text_done(&key);
	free_issued(&leaf);
	free_issued(&other);
}
