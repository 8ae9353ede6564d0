/*
 * Idle connections are a stack: the one used last is warm, at both ends, and the others may grow
 * old and go. Each is watched by the loop; whatever arrives on it (an end, or bytes that nobody
 * asked for) closes it at once.
 *
 * Waiting is first come, first served in a pool. A place in the cap becomes free by closing a
 * connection, and then origin/slots.h tells the worker that has waited longest; a connection that
 * is kept goes straight to the pool's own oldest, unless another worker's has waited longer.
 *
 * When the files of a trust were read anew, connections that were verified before are not used any
 * more, nor their sessions.
 */
#include "origin/pool.h"

#include "base/clock.h"
#include "base/hash.h"
#include "origin/health.h"
#include "origin/shared.h"
#include "origin/worker_private.h"

/* How long after its last use a connection counts as just used: far less than any server keeps an
 * idle connection. */
enum { PROVEN_MS = 1000 };

struct origin_pool {
	struct map_node node;
	struct origin_connection_user user; /* of idle connections */
	struct origin_slots_sink slots_sink;
	struct origin_worker *worker;
	struct origin_host *host;
	struct origin_slots *slots; /* the host's */
	struct origin_slots_member *member;
	struct list idle; /* the last used first */
	struct list waiters;
	unsigned idle_count;
	unsigned references;
	struct address address;
	uint8_t protocol;
	bool is_named;              /* by a client */
	unsigned trust_version;     /* that idle connections and sessions are of */
	struct origin_trust *trust; /* NULL: HTTP */
	struct tls_origin_sessions sessions;
	size_t server_name_len;
	char server_name[]; /* with a NUL */
};

struct key {
	const struct address *address;
	uint8_t protocol;
	struct str server_name;
	struct origin_trust *trust;
};

static bool is_key(const struct map_node *node, const void *key)
{
	const struct origin_pool *pool = container_of(node, struct origin_pool, node);
	const struct key *wanted = key;
	return pool->protocol == wanted->protocol && pool->trust == wanted->trust &&
	       address_is_equal(&pool->address, wanted->address) &&
	       str_is_equal(
	               str_make(pool->server_name, pool->server_name_len), wanted->server_name);
}

static uint64_t hash_of(const struct key *key)
{
	uint64_t hash = hash_keyed(key->address, sizeof(*key->address));
	hash = hash_mix(hash, (uintptr_t)key->trust);
	return hash_mix(
	        hash + key->protocol, hash_keyed(key->server_name.at, key->server_name.len));
}

static void free_pool(struct origin_pool *pool)
{
	CHECK(pool->references == 0 && list_is_empty(&pool->idle) && list_is_empty(&pool->waiters));
	map_remove(&pool->worker->pools, &pool->node);
	origin_slots_leave(pool->member);
	origin_health_host_unref(pool->host);
	tls_origin_forget(&pool->sessions);
	origin_trust_unref(pool->trust);
	mem_free(pool);
}

static void free_if_unused(struct origin_pool *pool)
{
	if (pool->references == 0 && pool->idle_count == 0)
		free_pool(pool);
}

/* Takes a connection out of the idle ones. */
static void take_out(struct origin_connection *connection)
{
	struct origin_pool *pool = connection->pool;
	CHECK(connection->user == &pool->user && pool->idle_count > 0);
	list_remove(&connection->node);
	pool->idle_count--;
	if (pool->is_named)
		pool->worker->named_idle--;
}

static void close_oldest_idle(struct origin_pool *pool)
{
	struct origin_connection *connection =
	        container_of(list_last(&pool->idle), struct origin_connection, node);
	take_out(connection);
	origin_connection_close(connection);
}

/* Lets go of what was verified before the files of the trust were read anew. */
static void follow_trust(struct origin_pool *pool)
{
	if (pool->trust == NULL || pool->trust_version == origin_trust_version(pool->trust))
		return;
	while (pool->idle_count != 0)
		close_oldest_idle(pool);
	tls_origin_forget(&pool->sessions);
	pool->trust_version = origin_trust_version(pool->trust);
}

static void on_idle_ready(struct origin_connection_user *user, struct origin_connection *connection)
{
	if (!connection->is_readable)
		return;
	/* TLS may have something to say by itself: a new session, new keys. */
	if (connection->tls != NULL && origin_connection_is_quiet(connection))
		return;
	take_out(connection);
	origin_connection_close(connection);
	free_if_unused(container_of(user, struct origin_pool, user));
}

static void on_idle_timeout(
        struct origin_connection_user *user, struct origin_connection *connection)
{
	take_out(connection);
	origin_connection_close(connection);
	free_if_unused(container_of(user, struct origin_pool, user));
}

/* Tells the slots since when this pool's oldest waiter waits. */
static void note_oldest(struct origin_pool *pool)
{
	struct list_node *node = list_first(&pool->waiters);
	uint64_t since_ms =
	        node == NULL ? 0 : container_of(node, struct origin_pool_waiter, node)->since_ms;
	origin_slots_wait(pool->member, since_ms);
}

static void remove_waiter(struct origin_pool *pool, struct origin_pool_waiter *waiter)
{
	list_remove(&waiter->node);
	atomic_fetch_sub(&pool->slots->queued, 1);
}

/* Makes a new connection one of TLS, or closes it. */
static enum fault begin_tls(struct origin_pool *pool, struct origin_connection **connection)
{
	follow_trust(pool);
	(*connection)->trust_version = pool->trust_version;
	struct tls *tls = origin_trust_connect(
	        pool->trust, (*connection)->watched.fd, pool->server_name, &pool->sessions);
	if (tls == NULL) {
		origin_connection_close(*connection);
		*connection = NULL;
		return FAULT_TLS_FILE;
	}
	origin_connection_set_tls(*connection, tls);
	return FAULT_NONE;
}

/* Opens a connection on a place that was taken. */
static enum fault open_connection(struct origin_pool *pool, struct origin_connection_user *user,
        struct origin_connection **ret_connection)
{
	enum fault fault = origin_connection_open(
	        pool->worker, pool->slots, &pool->address, user, ret_connection);
	if (fault != FAULT_NONE)
		return fault;
	(*ret_connection)->pool = pool;
	return pool->trust != NULL ? begin_tls(pool, ret_connection) : FAULT_NONE;
}

/* Takes a place, for which an idle connection that will not do is closed where needed. */
static bool take_place(struct origin_pool *pool, const struct origin_pool_waiter *waiter)
{
	unsigned max = waiter->origin->connections_max;
	if (origin_slots_take(pool->slots, max))
		return true;
	if (pool->idle_count == 0)
		return false;
	close_oldest_idle(pool);
	return origin_slots_take(pool->slots, max);
}

/* An idle connection that will do, or NULL. */
static struct origin_connection *take_idle(struct origin_pool *pool, enum origin_pool_want want)
{
	follow_trust(pool);
	struct list_node *node = list_first(&pool->idle);
	if (node == NULL || want == ORIGIN_POOL_FRESH)
		return NULL;
	struct origin_connection *connection = container_of(node, struct origin_connection, node);
	if (want == ORIGIN_POOL_PROVEN) {
		uint64_t now_ms = loop_now_ms(pool->worker->loop);
		if (now_ms - connection->idle_since_ms > PROVEN_MS)
			return NULL;
		if (!origin_connection_is_quiet(connection)) {
			take_out(connection);
			origin_connection_close(connection);
			return NULL;
		}
	}
	take_out(connection);
	return connection;
}

/* A place may be free, or somebody else needs an idle connection. */
static void on_slots(struct origin_slots_sink *sink)
{
	struct origin_pool *pool = container_of(sink, struct origin_pool, slots_sink);
	bool had_waiters = !list_is_empty(&pool->waiters);
	pool->references++; /* a waiter's callback may give its own reference back */
	for (;;) {
		struct list_node *node = list_first(&pool->waiters);
		if (node == NULL)
			break;
		struct origin_pool_waiter *waiter =
		        container_of(node, struct origin_pool_waiter, node);
		if (!take_place(pool, waiter))
			break;
		remove_waiter(pool, waiter);
		struct origin_connection *connection = NULL;
		enum fault fault = open_connection(pool, waiter->user, &connection);
		waiter->on_connection(waiter, connection, fault);
	}
	if (had_waiters)
		note_oldest(pool);

	if (list_is_empty(&pool->waiters) && origin_slots_is_wanted_elsewhere(pool->member)) {
		if (pool->idle_count != 0)
			close_oldest_idle(pool);
		else
			origin_slots_forget_idle(pool->member);
		origin_slots_pass_on(pool->member);
	}
	origin_pool_unref(pool);
}

static struct origin_pool *make(struct origin_worker *worker, const struct key *key, uint64_t hash)
{
	struct origin_pool *pool = mem_zero(sizeof(*pool) + key->server_name.len + 1);
	pool->user.on_ready = on_idle_ready;
	pool->user.on_timeout = on_idle_timeout;
	pool->slots_sink.on_slots = on_slots;
	pool->worker = worker;
	pool->host = origin_health_host(origin_shared_health(worker->shared), key->address);
	pool->slots = origin_health_slots(pool->host);
	pool->member = origin_slots_join(pool->slots, worker->loop, &pool->slots_sink);
	list_init(&pool->idle);
	list_init(&pool->waiters);
	pool->address = *key->address;
	pool->protocol = key->protocol;
	if (key->trust != NULL) {
		pool->trust = origin_trust_ref(key->trust);
		pool->trust_version = origin_trust_version(key->trust);
	}
	pool->server_name_len = key->server_name.len;
	if (key->server_name.len != 0)
		memcpy(pool->server_name, key->server_name.at, key->server_name.len);
	map_add(&worker->pools, &pool->node, hash);
	return pool;
}

static struct origin_pool *get(struct origin_worker *worker, const struct key *key, bool is_named)
{
	uint64_t hash = hash_of(key);
	struct map_node *node = map_find(&worker->pools, hash, is_key, key);
	struct origin_pool *pool;
	if (node != NULL) {
		pool = container_of(node, struct origin_pool, node);
	} else {
		pool = make(worker, key, hash);
		pool->is_named = is_named;
	}
	pool->references++;
	return pool;
}

struct origin_pool *origin_pool_get(struct origin_worker *worker, const struct address *address,
        enum model_protocol protocol, struct str server_name, struct origin_trust *trust)
{
	CHECK(protocol == MODEL_HTTP || protocol == MODEL_HTTPS);
	bool is_https = protocol == MODEL_HTTPS;
	CHECK((trust != NULL) == is_https && (server_name.len != 0) == is_https);
	struct key key = {address, (uint8_t)protocol, server_name, trust};
	return get(worker, &key, false);
}

struct origin_pool *origin_pool_named(struct origin_pool *pool, struct str server_name)
{
	CHECK(pool->trust != NULL && server_name.len != 0);
	struct key key = {&pool->address, pool->protocol, server_name, pool->trust};
	return get(pool->worker, &key, true);
}

void origin_pool_unref(struct origin_pool *pool)
{
	if (pool == NULL)
		return;
	CHECK(pool->references > 0);
	pool->references--;
	free_if_unused(pool);
}

void origin_pool_free_all(struct origin_worker *worker)
{
	struct map_node *node = map_first(&worker->pools);
	while (node != NULL) {
		struct origin_pool *pool = container_of(node, struct origin_pool, node);
		node = map_next(&worker->pools, node);
		while (pool->idle_count != 0)
			close_oldest_idle(pool);
		free_pool(pool);
	}
}

/* Puts the waiter into the queue, unless the queue is full or a place became free meanwhile. */
static enum fault enqueue(struct origin_pool *pool, struct origin_pool_waiter *waiter,
        struct origin_connection **ret_connection)
{
	if (atomic_fetch_add(&pool->slots->queued, 1) >= waiter->origin->queue_max) {
		atomic_fetch_sub(&pool->slots->queued, 1);
		return FAULT_QUEUE_FULL;
	}
	waiter->since_ms = loop_now_ms(pool->worker->loop);
	bool is_first = list_is_empty(&pool->waiters);
	list_add_last(&pool->waiters, &waiter->node);
	if (is_first) {
		note_oldest(pool);
		if (take_place(pool, waiter)) {
			remove_waiter(pool, waiter);
			note_oldest(pool);
			return open_connection(pool, waiter->user, ret_connection);
		}
	}
	*ret_connection = NULL;
	return FAULT_NONE;
}

enum fault origin_pool_ask(struct origin_pool *pool, struct origin_pool_waiter *waiter,
        struct origin_connection **ret_connection)
{
	CHECK(!list_has(&waiter->node));
	struct origin_connection *connection = take_idle(pool, waiter->want);
	if (connection != NULL) {
		connection->user = waiter->user;
		*ret_connection = connection;
		return FAULT_NONE;
	}
	bool may_open = waiter->origin->connections_max == 0 || list_is_empty(&pool->waiters);
	if (may_open && take_place(pool, waiter))
		return open_connection(pool, waiter->user, ret_connection);
	return enqueue(pool, waiter, ret_connection);
}

void origin_pool_give_up(struct origin_pool *pool, struct origin_pool_waiter *waiter)
{
	if (!list_has(&waiter->node))
		return;
	remove_waiter(pool, waiter);
	note_oldest(pool);
}

/* Whether the pool's oldest waiter is to have this connection: it wants a kept one, and no other
 * worker has waited longer. */
static struct origin_pool_waiter *find_heir(struct origin_pool *pool)
{
	struct list_node *node = list_first(&pool->waiters);
	if (node == NULL)
		return NULL;
	struct origin_pool_waiter *waiter = container_of(node, struct origin_pool_waiter, node);
	if (waiter->want == ORIGIN_POOL_FRESH ||
	        origin_slots_should_yield(pool->member, waiter->since_ms))
		return NULL;
	return waiter;
}

void origin_pool_keep(struct origin_connection *connection, uint64_t keep_ms)
{
	struct origin_pool *pool = connection->pool;
	CHECK(connection->user != &pool->user);
	/* A read that filled its buffer may have been the last one: then the socket tells. */
	bool is_quiet = !connection->is_hangup &&
	                (!connection->is_readable || origin_connection_is_quiet(connection));
	follow_trust(pool);
	if (keep_ms == 0 || !is_quiet || connection->trust_version != pool->trust_version) {
		origin_connection_close(connection);
		return;
	}
	connection->is_readable = false;
	connection->is_reused = true;
	if (!list_is_empty(&pool->waiters)) {
		struct origin_pool_waiter *heir = find_heir(pool);
		if (heir == NULL || (heir->want == ORIGIN_POOL_PROVEN &&
		                            !origin_connection_is_quiet(connection))) {
			origin_connection_close(connection);
			return;
		}
		remove_waiter(pool, heir);
		note_oldest(pool);
		connection->user = heir->user;
		heir->on_connection(heir, connection, FAULT_NONE);
		return;
	}
	if (pool->is_named && pool->worker->named_idle >= LIMIT_NAMED_CONNECTIONS) {
		origin_connection_close(connection);
		return;
	}
	if (pool->idle_count >= pool->worker->idle_max) {
		if (pool->idle_count == 0) {
			origin_connection_close(connection);
			return;
		}
		close_oldest_idle(pool);
	}
	connection->user = &pool->user;
	connection->idle_since_ms = loop_now_ms(pool->worker->loop);
	origin_connection_set_deadline(connection, connection->idle_since_ms + keep_ms);
	list_add_first(&pool->idle, &connection->node);
	pool->idle_count++;
	if (pool->is_named)
		pool->worker->named_idle++;
	origin_slots_note_idle(pool->member);
	if (origin_slots_is_wanted_elsewhere(pool->member))
		close_oldest_idle(pool);
}

unsigned origin_pool_idle_count(const struct origin_pool *pool)
{
	return pool->idle_count;
}
