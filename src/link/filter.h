/*
 * Which requests somebody wants to see in the access log, as the control plane tells edges and both
 * look for it. Pure.
 */
#pragma once

#include "base/address.h"
#include "base/limit.h"
#include "model/node.h"

enum { LINK_FILTER_CLIENT_BYTES = 64, LINK_FILTER_CACHE_BYTES = 32 };

/* All-zero is every request; texts end with a NUL, and empty ones say nothing. Without pointers, so
 * that it can be copied and compared as it lies there. */
struct link_filter {
	char domain[LIMIT_HOST_BYTES + 1];         /* its name, "*.example.com" for a wildcard */
	char path[LIMIT_TAIL_PATH_BYTES + 1];      /* what the target begins with */
	char cache[LINK_FILTER_CACHE_BYTES + 1];   /* "HIT" */
	char client[LINK_FILTER_CLIENT_BYTES + 1]; /* "192.0.2.0/24" */
	struct address_prefix clients;             /* the same, where it is not empty */
	uint16_t status_min, status_max; /* both 0: any; else also what has none is not meant */
	bool is_failed;                  /* only what went wrong in the end */
	bool is_retried;                 /* only what took more than one attempt */
	bool is_backup;                  /* only what the hot backup was asked for */
};

/* What is looked at of a request. */
struct link_filter_subject {
	struct str domain, path, cache;
	struct address client;
	unsigned status; /* 0: none was sent */
	bool is_failed, is_retried, is_backup;
};

bool link_filter_is_match(
        const struct link_filter *filter, const struct link_filter_subject *subject);

/* Sets what is a text; false where it is too long, or, of clients, no prefix and no address. */
MUST_CHECK bool link_filter_set_domain(struct link_filter *filter, struct str text);
MUST_CHECK bool link_filter_set_path(struct link_filter *filter, struct str text);
MUST_CHECK bool link_filter_set_cache(struct link_filter *filter, struct str text);
MUST_CHECK bool link_filter_set_client(struct link_filter *filter, struct str text);

/* As an object with all of its members, and back: nothing may be missing, and nothing else be
 * there. */
void link_filter_print(const struct link_filter *filter, struct text *to);
MUST_CHECK bool link_filter_read(const struct model_node *node, struct link_filter *ret_filter);
