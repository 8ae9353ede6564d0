/*
 * Names to addresses with c-ares: A and AAAA at once, with their TTLs, /etc/hosts included. Names
 * are taken as they are: the search list of resolv.conf is not for an origin's name. One resolver
 * for a loop; never blocks it.
 */
#pragma once

#include "base/address.h"
#include "base/limit.h"
#include "net/loop.h"

#include <stdint.h>

struct dns;
struct dns_call;

/* A look-up; embedded in its owner. Never calls back before dns_lookup has returned, exactly once,
 * never after dns_cancel. */
struct dns_query {
	void (*on_done)(struct dns_query *self);
	/* The answer: the port of each address is 0. */
	bool failed; /* no server answered, or the name has no address */
	unsigned count;
	uint32_t ttl_s; /* the smallest of the answers; 0 when there is none (hosts file) */
	/* In the order of memcmp, none twice: the same set gives the same answer. */
	struct address addresses[LIMIT_RESOLVED];
	struct dns_call *call; /* the resolver's side of it; NULL when nothing runs */
};

/* A resolver on `loop`; `servers` is a comma-separated list of host[:port] that replaces
 * resolv.conf, or NULL. NULL when c-ares cannot start. */
struct dns *dns_new(struct loop *loop, const char *servers);

/* Gives up what runs, as dns_cancel does; NULL is fine. */
void dns_free(struct dns *dns);

/* Starts a look-up of `name` (at most LIMIT_HOST_BYTES; a longer one fails). An IP address in text
 * is its own answer. */
void dns_lookup(struct dns *dns, struct dns_query *query, struct str name);

/* Gives it up; nothing happens when it does not run. */
void dns_cancel(struct dns_query *query);
