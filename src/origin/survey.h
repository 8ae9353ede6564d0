/*
 * How the addresses of an origin stand now, for who pulls nothing and only wants to know: all of
 * them, with what is known of each. No turn is used and no trial taken. Any thread.
 */
#pragma once

#include "base/arena.h"
#include "origin/shared.h"

struct origin_survey_entry {
	const struct model_address *configured;
	struct address address;
	bool is_usable;                 /* a pull may choose it */
	bool is_out;                    /* blocked, or has still to stand its trial */
	bool is_of_host;                /* the view is of ip:port, for all domains */
	uint64_t until_ms;              /* where it is not usable: when its block ends */
	struct origin_health_view view; /* the worse one of the host's and the server's */
};

struct origin_survey {
	struct origin_survey_entry *entries; /* in the order of the configuration; the arena's */
	unsigned count;
	enum model_protocol protocol; /* HTTP or HTTPS */
	unsigned drained;             /* configured addresses of weight 0, which are not listed */
	unsigned resolving;           /* names whose first look-up is under way */
	unsigned unresolved;          /* names without an address */
};

/* The origin in a role, as it is spoken to for a client of this scheme, HTTP or HTTPS; nothing
 * where the domain has none. Names that nobody asked for yet are looked up from now on. */
void origin_survey_make(struct origin_shared *shared, struct model_domain *domain,
        enum model_role role, enum model_protocol scheme, uint64_t now_ms, struct arena *arena,
        struct origin_survey *ret_survey);

/* Whether all of them are out, as origin_group_was_all_blocked says it. */
bool origin_survey_is_all_out(const struct origin_survey *survey);
