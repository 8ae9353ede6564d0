/*
 * What the files of a group share: what it is made of. One thread, the worker's.
 */
#pragma once

#include "base/map.h"
#include "origin/group.h"
#include "origin/polling.h"

struct origin_group_name_wait;

struct origin_group_entry {
	struct origin_name *name;            /* NULL: an IP */
	struct origin_group_name_wait *wait; /* NULL: no message is expected */
	unsigned version;                    /* of the name's set that the candidates are from */
	uint8_t count, next;                 /* candidates, and whose turn it is */
	struct origin_candidate **candidates;
	uint64_t seed; /* for the policy `hash` */
};

struct origin_group {
	struct map_node node;
	unsigned references;
	bool is_forgotten; /* not in the map any more */
	uint8_t role;
	uint8_t protocol; /* HTTP or HTTPS */
	uint8_t count;    /* of entries */
	struct origin_worker *worker;
	struct model_domain *domain;
	struct model_origin *origin;
	struct origin_trust *trust; /* NULL: HTTP */
	struct origin_polling_bag bag;
	uint8_t weights[LIMIT_ADDRESSES];
	uint64_t used_ms;              /* when the last reference went */
	uint64_t no_route_until_ms[2]; /* of IPv6 and IPv4 */
	unsigned pulls, retries;       /* in flight */
	unsigned free_retries;         /* those of them that were taken from what all share */
	struct origin_retries *shared_retries;
	struct timer timer;    /* looks whether it is idle */
	struct list waits;     /* origin_group_wait */
	struct loop_task tell; /* tells the waits */
	struct origin_group_entry entries[];
};

_Static_assert(LIMIT_RESOLVED <= 16, "a set of an entry's candidates has 16 bits");

/* Takes new answers about names over: an entry has candidates for what its name resolves to now. */
void origin_group_refresh(struct origin_group *group);
