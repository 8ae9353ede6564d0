/*
 * A watch stands for a host or server that is or was blocked; its timer is what comes next by time
 * alone:
 *
 *   BLOCKED          the end of the block: origin_health_advance makes it PROBING
 *   PROBING          the check runs; after a local fault, the time to try again
 *   RAMPING          the end of the slow start: origin_health_advance makes it USABLE
 *   any other        the time when all is forgiven: the watch goes, and with it its reference,
 * which had kept the count of blocks alive also while nobody pulls
 *
 * A watch never trusts the change that it is told of, which may be old; it looks at the state.
 *
 * A confirmation runs two checks, the second a gap after the first; one that succeeds, or that
 * failed for a local reason, ends both.
 */
#include "origin/probe.h"

#include "base/hash.h"
#include "base/map.h"
#include "base/mem.h"

enum { RETRY_MS = 1000 };

struct origin_probe {
	struct origin_probe_options options;
	struct map watches;       /* by host or server */
	struct map confirmations; /* by host */
};

struct watch {
	struct map_node node;
	struct origin_probe *probe;
	struct origin_host *host;     /* this one */
	struct origin_server *server; /* or that one */
	struct timer timer;
	struct origin_check check;
};

enum { CONFIRM_CHECKS = 2 };

struct confirmation {
	struct map_node node;
	struct origin_probe *probe;
	struct origin_host *host;
	struct timer timer; /* starts the second check */
	struct origin_check checks[CONFIRM_CHECKS];
	unsigned failures;
};

static bool is_local(enum fault fault)
{
	uint8_t retry = fault_info(fault)->retry;
	return fault != FAULT_NONE && retry != FAULT_RETRY_CONNECTION &&
	       retry != FAULT_RETRY_RESPONSE;
}

static uint64_t hash_of(const void *pointer)
{
	return hash_mix((uintptr_t)pointer, 0);
}

static uint64_t now_of(const struct origin_probe *probe)
{
	return loop_now_ms(probe->options.loop);
}

/* ---- confirming ---- */

static void drop_confirmation(struct confirmation *confirmation)
{
	struct origin_probe *probe = confirmation->probe;
	for (unsigned i = 0; i < CONFIRM_CHECKS; i++)
		origin_check_cancel(&confirmation->checks[i]);
	loop_timer_cancel(probe->options.loop, &confirmation->timer);
	map_remove(&probe->confirmations, &confirmation->node);
	origin_health_host_unref(confirmation->host);
	mem_free(confirmation);
}

static void take_confirmation(struct confirmation *confirmation, enum fault fault)
{
	if (fault != FAULT_NONE && !is_local(fault) && ++confirmation->failures < CONFIRM_CHECKS)
		return;
	uint64_t now_ms = now_of(confirmation->probe);
	struct origin_health_view view;
	origin_health_view_host(confirmation->host, now_ms, &view);
	bool is_good = view.state == ORIGIN_USABLE || view.state == ORIGIN_RAMPING;
	if (confirmation->failures == CONFIRM_CHECKS && is_good)
		origin_health_probed_host(confirmation->host, false, fault, now_ms);
	drop_confirmation(confirmation);
}

static void on_first(struct origin_check *check, enum fault fault)
{
	take_confirmation(container_of(check, struct confirmation, checks[0]), fault);
}

static void on_second(struct origin_check *check, enum fault fault)
{
	take_confirmation(container_of(check, struct confirmation, checks[1]), fault);
}

static void start_tcp(
        struct origin_probe *probe, struct origin_check *check, const struct origin_host *host)
{
	origin_check_start(probe->options.checker, check, origin_health_host_address(host), NULL,
	        probe->options.timeout_ms);
}

static void on_gap(struct timer *timer)
{
	struct confirmation *confirmation = container_of(timer, struct confirmation, timer);
	start_tcp(confirmation->probe, &confirmation->checks[1], confirmation->host);
}

static bool confirms_host(const struct map_node *node, const void *key)
{
	return container_of(node, const struct confirmation, node)->host == key;
}

void origin_probe_confirm(struct origin_probe *probe, struct origin_host *host)
{
	if (map_find(&probe->confirmations, hash_of(host), confirms_host, host) != NULL)
		return;
	struct confirmation *confirmation = mem_new(struct confirmation);
	confirmation->probe = probe;
	confirmation->host = origin_health_host_ref(host);
	confirmation->timer.on_expire = on_gap;
	confirmation->checks[0].on_done = on_first;
	confirmation->checks[1].on_done = on_second;
	map_add(&probe->confirmations, &confirmation->node, hash_of(host));
	start_tcp(probe, &confirmation->checks[0], host);
	loop_timer_start(probe->options.loop, &confirmation->timer,
	        now_of(probe) + probe->options.confirm_gap_ms);
}

/* ---- watching ---- */

static void drop_watch(struct watch *watch)
{
	origin_check_cancel(&watch->check);
	loop_timer_cancel(watch->probe->options.loop, &watch->timer);
	map_remove(&watch->probe->watches, &watch->node);
	origin_health_host_unref(watch->host);
	origin_health_server_unref(watch->server);
	mem_free(watch);
}

static struct origin_health_view look(const struct watch *watch)
{
	struct origin_health_view view;
	if (watch->host != NULL)
		origin_health_view_host(watch->host, now_of(watch->probe), &view);
	else
		origin_health_view_server(watch->server, now_of(watch->probe), &view);
	return view;
}

static enum origin_state advance(struct watch *watch)
{
	uint64_t now_ms = now_of(watch->probe);
	return watch->host != NULL ? origin_health_advance_host(watch->host, now_ms)
	                           : origin_health_advance_server(watch->server, now_ms);
}

static void expire_in(struct watch *watch, uint64_t wait_ms)
{
	loop_timer_start(watch->probe->options.loop, &watch->timer, now_of(watch->probe) + wait_ms);
}

/* The one background probe at the end of a block. */
static void send_probe(struct watch *watch)
{
	if (origin_check_is_running(&watch->check))
		return;
	if (watch->server != NULL &&
	        origin_active_probe_now(watch->probe->options.active, watch->server)) {
		/* Its verdict comes from there; should the configuration change and the probe
		 * go, this comes again. */
		expire_in(watch, RETRY_MS);
		return;
	}
	loop_timer_cancel(watch->probe->options.loop, &watch->timer);
	start_tcp(watch->probe, &watch->check,
	        watch->host != NULL ? watch->host : origin_health_server_host(watch->server));
}

static void on_probed(struct origin_check *check, enum fault fault)
{
	struct watch *watch = container_of(check, struct watch, check);
	uint64_t now_ms = now_of(watch->probe);
	if (look(watch).state != ORIGIN_PROBING)
		return;
	if (is_local(fault))
		expire_in(watch, RETRY_MS);
	else if (watch->host != NULL)
		origin_health_probed_host(watch->host, fault == FAULT_NONE, fault, now_ms);
	else
		origin_health_probed_server(watch->server, fault == FAULT_NONE, fault, now_ms);
}

/* Does what the state needs. */
static void serve(struct watch *watch)
{
	struct origin_health_view view = look(watch);
	if (view.state != ORIGIN_PROBING)
		origin_check_cancel(&watch->check);
	uint64_t now_ms = now_of(watch->probe);
	switch (view.state) {
	case ORIGIN_BLOCKED:
		expire_in(
		        watch, view.blocked_until_ms > now_ms ? view.blocked_until_ms - now_ms : 0);
		break;
	case ORIGIN_PROBING:
		send_probe(watch);
		break;
	case ORIGIN_RAMPING:
		expire_in(watch, watch->probe->options.ramp_ms);
		break;
	case ORIGIN_READY:
	case ORIGIN_ON_TRIAL:
	case ORIGIN_USABLE:
		expire_in(watch, watch->probe->options.forgive_ms);
		break;
	}
}

static void on_expire(struct timer *timer)
{
	struct watch *watch = container_of(timer, struct watch, timer);
	enum origin_state before = look(watch).state;
	enum origin_state state = advance(watch);
	switch (state) {
	case ORIGIN_BLOCKED:
	case ORIGIN_PROBING:
	case ORIGIN_RAMPING:
		serve(watch);
		return;
	case ORIGIN_USABLE:
	case ORIGIN_READY:
	case ORIGIN_ON_TRIAL:
		break;
	}
	if (before == state)
		drop_watch(watch);
	else
		serve(watch);
}

static bool is_watch_of(const struct map_node *node, const void *key)
{
	const struct watch *watch = container_of(node, const struct watch, node);
	return watch->host == key || watch->server == key;
}

void origin_probe_follow(
        struct origin_probe *probe, struct origin_host *host, struct origin_server *server)
{
	CHECK((host == NULL) != (server == NULL));
	const void *key = host != NULL ? (const void *)host : server;
	struct map_node *node = map_find(&probe->watches, hash_of(key), is_watch_of, key);
	struct watch *watch;
	if (node != NULL) {
		watch = container_of(node, struct watch, node);
	} else {
		watch = mem_new(struct watch);
		watch->probe = probe;
		watch->host = host != NULL ? origin_health_host_ref(host) : NULL;
		watch->server = server != NULL ? origin_health_server_ref(server) : NULL;
		watch->timer.on_expire = on_expire;
		watch->check.on_done = on_probed;
		map_add(&probe->watches, &watch->node, hash_of(key));
	}
	serve(watch);
}

struct origin_probe *origin_probe_new(const struct origin_probe_options *options)
{
	struct origin_probe *probe = mem_new(struct origin_probe);
	probe->options = *options;
	return probe;
}

void origin_probe_free(struct origin_probe *probe)
{
	if (probe == NULL)
		return;
	struct map_node *node;
	while ((node = map_first(&probe->watches)) != NULL)
		drop_watch(container_of(node, struct watch, node));
	while ((node = map_first(&probe->confirmations)) != NULL)
		drop_confirmation(container_of(node, struct confirmation, node));
	map_done(&probe->watches);
	map_done(&probe->confirmations);
	mem_free(probe);
}
