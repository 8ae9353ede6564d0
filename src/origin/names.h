/*
 * The addresses of origins' names, shared by all workers: looked up on the steward's loop when
 * somebody first asks, again when the TTL (clamped) is over and the name is still in use; the last
 * good set stays when a look-up fails. Readers compare a version and copy only when it changed.
 */
#pragma once

#include "base/address.h"
#include "base/limit.h"
#include "net/loop.h"

#include <stdatomic.h>

struct origin_names;
struct origin_name;

struct origin_name_set {
	unsigned version; /* 0: never resolved yet */
	bool failed; /* the last look-up failed; the addresses are the last good ones, maybe none */
	unsigned count;
	struct address addresses[LIMIT_RESOLVED]; /* port 0 */
};

/* Somebody who waits for a name's first answer; embedded. on_receive of the message is called on
 * `loop`. */
struct origin_name_waiter {
	struct list_node node;
	struct loop *loop;
	struct loop_message message;
};

/* `servers` as of dns_new; it is copied. */
struct origin_names *origin_names_new(
        struct loop *loop, const char *servers, uint32_t ttl_min_s, uint32_t ttl_max_s);
/* No name may be in use any more; not from inside of a callback of the loop. NULL is fine. */
void origin_names_free(struct origin_names *names);

/* Any thread: the entry of a name, with one reference; the first one starts its look-up. */
struct origin_name *origin_names_get(struct origin_names *names, struct str name);
void origin_names_unref(struct origin_name *name);

/* Any thread: the version, two atomic loads; it changes with every answer. Also marks the name as
 * used: a name that nobody asked for in ten minutes is not looked up any more until somebody does.
 */
unsigned origin_names_version(struct origin_name *name);

/* Any thread: copies the set. */
void origin_names_copy(struct origin_name *name, struct origin_name_set *ret_set);

/* Any thread: sends waiter->message once the version is not 0; false when that is so already
 * (nothing is sent then). */
MUST_CHECK bool origin_names_wait(struct origin_name *name, struct origin_name_waiter *waiter);

/* Gives up waiting; true when the message was not posted and never will be, false when it is on its
 * way (the waiter must stay until it is received). */
MUST_CHECK bool origin_names_unwait(struct origin_name *name, struct origin_name_waiter *waiter);
