/*
 * Which fields make a request, or its trailers, and which are malformed (RFC 9113 section 8): names
 * and values by their bytes, pseudo-header fields, fields that are another version's, and how the
 * length that is told goes with the frames. What HTTP says of all versions is judged elsewhere
 * (http/head.h). Pure.
 */
#pragma once

#include "http/name.h"

enum serve_h2_pseudo {
	SERVE_H2_PSEUDO_METHOD,
	SERVE_H2_PSEUDO_SCHEME,
	SERVE_H2_PSEUDO_AUTHORITY,
	SERVE_H2_PSEUDO_PATH,
	SERVE_H2_PSEUDO_PROTOCOL,
	SERVE_H2_PSEUDO_NONE, /* no request has it */
};

/* What is known of the fields that have come; all-zero at first, but for is_trailers. */
struct serve_h2_rules {
	uint64_t length; /* that Content-Length tells */
	uint8_t pseudo;  /* a bit of each that has come */
	bool is_trailers, has_regular, has_host, has_length;
	bool is_connect, is_options, is_http; /* method and scheme */
	bool is_path, is_asterisk;            /* :path begins with a slash; is one asterisk */
};

/* Which one a name is. */
enum serve_h2_pseudo serve_h2_rules_pseudo(struct str name);

static inline bool serve_h2_rules_has(
        const struct serve_h2_rules *rules, enum serve_h2_pseudo pseudo)
{
	return (rules->pseudo >> pseudo & 1) != 0;
}

/* The next field, one whose name begins with a colon and another one, with its id; false when it is
 * malformed, as it is or where it stands. */
MUST_CHECK bool serve_h2_rules_add_pseudo(
        struct serve_h2_rules *rules, enum serve_h2_pseudo pseudo, struct str value);
MUST_CHECK bool serve_h2_rules_add(
        struct serve_h2_rules *rules, enum http_name id, struct str name, struct str value);

/* The fields are whole, and with `has_end` the message; false when it is malformed. */
MUST_CHECK bool serve_h2_rules_end(const struct serve_h2_rules *rules, bool has_end);
