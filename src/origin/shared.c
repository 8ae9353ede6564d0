/*
 * Puts the shared parts together, and carries what the health tables tell from any thread to the
 * steward: a list of events under a lock, and one message. Each event keeps what it speaks of
 * alive. The list is bounded by itself: a host is suspected at most once a second, and a state
 * changes as often as somebody is blocked.
 */
#include "origin/shared.h"

#include "base/mem.h"
#include "origin/active.h"
#include "origin/check.h"
#include "origin/latch.h"
#include "origin/names.h"
#include "origin/paces.h"
#include "origin/probe.h"
#include "origin/retries.h"
#include "origin/trust.h"

#include <pthread.h>

struct origin_shared {
	struct loop *loop;
	struct origin_shared_sink *sink;
	struct origin_health_sink health_sink;
	struct origin_trust_sink trust_sink;
	struct origin_health *health;
	struct origin_names *names;
	struct origin_latches *latches;
	struct origin_paces *paces;
	struct origin_retries_table *retries;
	struct origin_trust_table *trusts;
	struct origin_checker *checker;
	struct origin_active *active;
	struct origin_probe *probe;
	pthread_mutex_t lock; /* for what follows */
	struct list events;
	struct loop_message message;
	bool is_posted;
};

struct event {
	struct list_node node;
	struct origin_host *host; /* one of both */
	struct origin_server *server;
	bool is_suspicion;
	uint8_t from, to, reason;
};

/* ---- any thread ---- */

static void post(struct origin_shared *shared, const struct event *told)
{
	struct event *event = mem_new(struct event);
	*event = *told;
	if (event->host != NULL)
		origin_health_host_ref(event->host);
	if (event->server != NULL)
		origin_health_server_ref(event->server);
	CHECK(pthread_mutex_lock(&shared->lock) == 0);
	list_add_last(&shared->events, &event->node);
	if (!shared->is_posted) {
		shared->is_posted = true;
		loop_post(shared->loop, &shared->message);
	}
	CHECK(pthread_mutex_unlock(&shared->lock) == 0);
}

static void on_suspect(struct origin_health_sink *self, struct origin_host *host)
{
	struct origin_shared *shared = container_of(self, struct origin_shared, health_sink);
	post(shared, &(struct event){.host = host, .is_suspicion = true});
}

static void on_change(struct origin_health_sink *self, struct origin_host *host,
        struct origin_server *server, enum origin_state from, enum origin_state to,
        enum fault reason)
{
	struct origin_shared *shared = container_of(self, struct origin_shared, health_sink);
	post(shared, &(struct event){.host = host,
	                     .server = server,
	                     .from = (uint8_t)from,
	                     .to = (uint8_t)to,
	                     .reason = (uint8_t)reason});
}

static void on_file(struct origin_trust_sink *self, const char *path, const char *why)
{
	struct origin_shared *shared = container_of(self, struct origin_shared, trust_sink);
	if (shared->sink->on_file != NULL)
		shared->sink->on_file(shared->sink, path, why);
}

/* ---- the steward's thread ---- */

static void tell(struct origin_shared *shared, const struct event *event)
{
	const struct origin_host *host =
	        event->host != NULL ? event->host : origin_health_server_host(event->server);
	struct str domain =
	        event->server != NULL ? origin_health_server_domain(event->server) : STR_EMPTY;
	struct origin_health_view view;
	uint64_t now_ms = loop_now_ms(shared->loop);
	if (event->server != NULL)
		origin_health_view_server(event->server, now_ms, &view);
	else
		origin_health_view_host(host, now_ms, &view);
	uint64_t for_ms =
	        event->to == ORIGIN_BLOCKED ? view.blocked_until_ms - view.blocked_since_ms : 0;
	shared->sink->on_health(shared->sink, origin_health_host_address(host), domain, event->from,
	        event->to, event->reason, for_ms);
}

static void drop(struct event *event)
{
	origin_health_host_unref(event->host);
	origin_health_server_unref(event->server);
	mem_free(event);
}

static void take(struct origin_shared *shared, struct list *ret_events)
{
	list_init(ret_events);
	CHECK(pthread_mutex_lock(&shared->lock) == 0);
	list_move_all(ret_events, &shared->events);
	shared->is_posted = false;
	CHECK(pthread_mutex_unlock(&shared->lock) == 0);
}

static void on_message(struct loop_message *message)
{
	struct origin_shared *shared = container_of(message, struct origin_shared, message);
	struct list events;
	take(shared, &events);
	struct list_node *node;
	while ((node = list_take_first(&events)) != NULL) {
		struct event *event = container_of(node, struct event, node);
		if (event->is_suspicion) {
			origin_probe_confirm(shared->probe, event->host);
		} else {
			tell(shared, event);
			origin_probe_follow(shared->probe, event->host, event->server);
		}
		drop(event);
	}
}

struct origin_shared *origin_shared_new(struct loop *loop,
        const struct origin_shared_options *options, struct origin_shared_sink *sink)
{
	struct origin_shared *shared = mem_new(struct origin_shared);
	shared->loop = loop;
	shared->sink = sink;
	shared->health_sink = (struct origin_health_sink){on_suspect, on_change};
	shared->message.on_receive = on_message;
	list_init(&shared->events);
	CHECK(pthread_mutex_init(&shared->lock, NULL) == 0);
	shared->health = origin_health_new(&options->health, &shared->health_sink);
	shared->names = origin_names_new(
	        loop, options->dns_servers, options->ttl_min_s, options->ttl_max_s);
	shared->latches = origin_latch_table_new();
	shared->paces = origin_paces_new();
	shared->retries = origin_retries_table_new();
	shared->trust_sink.on_file = on_file;
	shared->trusts = origin_trust_table_new(loop, &shared->trust_sink);
	shared->checker = origin_check_checker_new(loop);
	shared->active = origin_active_new(
	        loop, shared->checker, shared->health, shared->names, shared->trusts);
	struct origin_probe_options probe_options = {
	        .loop = loop,
	        .checker = shared->checker,
	        .active = shared->active,
	        .confirm_gap_ms = options->confirm_gap_ms,
	        .timeout_ms = options->probe_timeout_ms,
	        .forgive_ms = options->health.forgive_ms,
	        .ramp_ms = options->health.ramp_ms,
	};
	shared->probe = origin_probe_new(&probe_options);
	return shared;
}

void origin_shared_free(struct origin_shared *shared)
{
	if (shared == NULL)
		return;
	/* The message must not arrive when this is gone, and probes may be told of while it does.
	 */
	while (shared->is_posted)
		loop_turn(shared->loop, 0);
	origin_probe_free(shared->probe);
	origin_active_free(shared->active);
	origin_check_checker_free(shared->checker);
	origin_names_free(shared->names);
	origin_latch_table_free(shared->latches);
	origin_retries_table_free(shared->retries);
	origin_paces_free(shared->paces);
	origin_trust_table_free(shared->trusts);
	origin_health_free(shared->health);
	pthread_mutex_destroy(&shared->lock);
	mem_free(shared);
}

void origin_shared_set_snapshot(struct origin_shared *shared, struct model_snapshot *snapshot)
{
	origin_trust_set_snapshot(shared->trusts, snapshot);
	origin_active_set_snapshot(shared->active, snapshot);
	origin_latch_keep_only(shared->latches, snapshot);
}

struct origin_health *origin_shared_health(struct origin_shared *shared)
{
	return shared->health;
}

struct origin_names *origin_shared_names(struct origin_shared *shared)
{
	return shared->names;
}

struct origin_latches *origin_shared_latches(struct origin_shared *shared)
{
	return shared->latches;
}

struct origin_paces *origin_shared_paces(struct origin_shared *shared)
{
	return shared->paces;
}

struct origin_retries_table *origin_shared_retries(struct origin_shared *shared)
{
	return shared->retries;
}

struct origin_trust_table *origin_shared_trusts(struct origin_shared *shared)
{
	return shared->trusts;
}
