/*
 * What an operator's program tells a running edge through its UNIX socket, and what it hears: one
 * JSON object a line each way. Pure.
 *
 *     {"v":1,"do":"purge","what":"url","values":["http://www.example.com/a.css"],"mode":"hard"}
 *     {"ok":true,"purged":1}
 *     {"ok":false,"error":"no domain serves www.example.com"}
 */
#pragma once

#include "base/arena.h"
#include "model/problem.h"

#include <stdint.h>

enum link_purge_what {
	LINK_PURGE_URL,    /* objects of just these URLs, all variants of them */
	LINK_PURGE_PREFIX, /* objects whose URLs begin so */
	LINK_PURGE_DOMAIN, /* all objects of these domains */
	LINK_PURGE_TAG,    /* the objects of one domain that have one of these tags */
	LINK_PURGE_WHATS
};

/* One of them, in its normal form. */
struct link_purge_item {
	/* Of a URL or prefix. The host is as http_uri_normal_host makes it of a request's; a port
	 * was cut off, which tells no objects apart. The target begins with "/" and may have a
	 * query. */
	bool is_https;
	struct str host, target;
	/* Of a domain, as model_host_read_pattern makes it, or of a tag. */
	struct str name;
};

/* All-zero but for `what` is an empty one. The texts are an arena's. */
struct link_purge {
	enum link_purge_what what;
	bool is_soft;      /* what is purged becomes stale, instead of being gone */
	struct str domain; /* of tags alone */
	struct link_purge_item *items;
	unsigned count; /* 1 to LIMIT_PURGE_VALUES, once it is whole */
};

struct link_answer {
	struct str error; /* empty: it is done */
	uint64_t purged;  /* how many values that was */
	uint64_t moment;  /* not written: 0, or what link_command_sink.is_durable is asked */
};

/* "url", "prefix", "domain", "tag". */
struct str link_command_what_name(enum link_purge_what what);

/* Reads one more value into the purge; false changes nothing. */
MUST_CHECK bool link_command_add(
        struct link_purge *purge, struct arena *arena, struct str text, struct model_why *ret_why);

/* Reads the domain of tags. */
MUST_CHECK bool link_command_set_domain(
        struct link_purge *purge, struct arena *arena, struct str text, struct model_why *ret_why);

/* Adds the purge as a line with its line feed. */
void link_command_print(const struct link_purge *purge, struct text *to);

/* Reads a line without its line feed; memory comes from the arena. On false a sentence that tells
 * why is added to ret_error. */
MUST_CHECK bool link_command_read(
        struct arena *arena, struct str line, struct link_purge *ret_purge, struct text *ret_error);

/* Reads what is in such a line, as a part of another document. */
struct model_node;
MUST_CHECK bool link_command_read_object(struct arena *arena, const struct model_node *object,
        struct link_purge *ret_purge, struct text *ret_error);

/* The same for answers. A false one says that the line is none. */
void link_command_print_answer(const struct link_answer *answer, struct text *to);
MUST_CHECK bool link_command_read_answer(
        struct arena *arena, struct str line, struct link_answer *ret_answer);
