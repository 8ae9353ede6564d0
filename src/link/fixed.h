/*
 * One domain by flags as a feed: `--domain NAME --origin ADDRESS... --backup ADDRESS...`. It never
 * changes.
 */
#pragma once

#include "link/feed.h"
#include "model/read.h"

struct link_fixed_options {
	const char *domain;
	const char *const *origins; /* addresses as model_read_address reads them */
	size_t origin_count;
	const char *const *backups;
	size_t backup_count; /* 0: no hot backup */
	enum model_rules rules;
};

/* Reads and checks the domain. On true it has one reference, the caller's; on false each problem
 * has the flag that it is in as its field, and no file. */
MUST_CHECK bool link_fixed_read(const struct link_fixed_options *options,
        struct model_problems *problems, struct model_domain **ret_domain);

/* Hands the domain to the sink, as revision 1, before returning. */
void link_fixed_feed(struct model_domain *domain, struct link_sink *sink);
