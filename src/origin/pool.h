/*
 * One worker's connections to one address that are interchangeable: the same ip:port, protocol,
 * server name, and trust (what is verified, by whose authorities, and what we show), whatever
 * domain they were opened for. Idle ones wait here, newest first; attempts
 * wait here for a connection where connections_max is reached (origin/slots.h). One thread.
 */
#pragma once

#include "base/fault.h"
#include "model/domain.h"
#include "origin/connection.h"
#include "origin/trust.h"
#include "origin/worker.h"

struct origin_pool;

/* The worker's pool of (address, protocol, server name, trust), made where it is missing; one
 * reference for the caller. HTTP has no server name (empty) and no trust (NULL), HTTPS has both.
 * The name is copied; the pool has a reference of its own to the trust. */
struct origin_pool *origin_pool_get(struct origin_worker *worker, const struct address *address,
        enum model_protocol protocol, struct str server_name, struct origin_trust *trust);

/* The pool of HTTPS that differs from `pool` in its server name, which a client has chosen: the
 * idle connections of all of these are limited together (LIMIT_NAMED_CONNECTIONS). One reference
 * for the caller. */
struct origin_pool *origin_pool_named(struct origin_pool *pool, struct str server_name);

/* Counts one user less. A pool without users lives until its idle connections are gone. NULL is
 * fine. */
void origin_pool_unref(struct origin_pool *pool);

/* Closes the idle connections of all pools of a worker, and frees the pools; nobody uses them. */
void origin_pool_free_all(struct origin_worker *worker);

/* Which connection will do. */
enum origin_pool_want {
	ORIGIN_POOL_ANY,    /* an idle one, else a fresh one */
	ORIGIN_POOL_PROVEN, /* an idle one only if it was just used and is quiet */
	ORIGIN_POOL_FRESH,
};

/* Who asks for a connection; embedded. Fill in what stands above "private". */
struct origin_pool_waiter {
	/* The connection that was waited for, or the fault that opening it ended with. */
	void (*on_connection)(struct origin_pool_waiter *self, struct origin_connection *connection,
	        enum fault fault);
	struct origin_connection_user *user; /* of the connection that it will get */
	const struct model_origin *origin;   /* for connections_max and queue_max */
	enum origin_pool_want want;
	/* private */
	struct list_node node;
	uint64_t since_ms;
};

/*
 * A connection for the waiter: an idle one (is_reused is set), or one that is being made, or NULL
 * in *ret_connection when it must wait in the queue: then on_connection is called later, not before
 * this returned. Faults: QUEUE_FULL, and those of origin_connection_open.
 */
MUST_CHECK enum fault origin_pool_ask(struct origin_pool *pool, struct origin_pool_waiter *waiter,
        struct origin_connection **ret_connection);

/* Gives up waiting; nothing happens when it does not wait. */
void origin_pool_give_up(struct origin_pool *pool, struct origin_pool_waiter *waiter);

/* A connection whose message is whole and that may serve another: to whoever waits, else it becomes
 * idle for at most `keep_ms`. */
void origin_pool_keep(struct origin_connection *connection, uint64_t keep_ms);

unsigned origin_pool_idle_count(const struct origin_pool *pool);
