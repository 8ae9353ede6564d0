/*
 * A target is a question: an address, how it is spoken to, a Host, a path, and what to expect. A
 * site is an origin of a domain. A member is one address of a site, and stands in the list of both:
 * the target's verdict goes to all of its members' servers, and the site knows how many of its own
 * may be blocked.
 *
 * With each snapshot, and when a name has new addresses, all sites are built anew; then the old
 * ones are dropped, and targets without members with them. A target that stays keeps its counts and
 * its timer.
 */
#include "origin/active.h"

#include "base/hash.h"
#include "base/map.h"
#include "base/mem.h"
#include "base/random.h"
#include "origin/bucket.h"
#include "origin/endpoint.h"

enum {
	NAMES_EVERY_MS = 1000,   /* how often new addresses of names are looked for */
	PROBING_EVERY_MS = 1000, /* the longest interval while a block waits for its end */
	INTERVAL_JITTER_PERCENT = 10,
};

struct origin_active {
	struct loop *loop;
	struct origin_checker *checker;
	struct origin_health *health;
	struct origin_names *names;
	struct origin_trust_table *trusts;
	struct model_snapshot *snapshot; /* NULL at first */
	struct map targets;              /* by question */
	struct map members;              /* by server */
	struct list sites;
	struct timer names_timer;
};

struct target {
	struct map_node node;
	struct origin_active *active;
	struct model_domain *domain; /* keeps the strings of the question alive */
	struct address address;
	const struct model_probe *probe;
	struct origin_check_request request; /* with a reference to its trust, */
	char *server_name;                   /* and its name, which is ours: "" for HTTP */
	unsigned goods, bads;                /* in a row */
	struct origin_check check;
	struct timer timer;
	struct list members;
};

/* A name of a site, and the version of its addresses that the site was built from. */
struct site_name {
	struct origin_name *name;
	unsigned version;
};

struct site {
	struct list_node node;
	struct model_domain *domain; /* borrowed, while the site is being made */
	enum model_protocol protocol;
	struct origin_trust *trust; /* NULL: HTTP */
	bool has_backup;            /* it is a master behind which there is a backup */
	unsigned name_count;
	struct site_name names[LIMIT_ADDRESSES];
	struct list members;
};

struct member {
	struct list_node target_node, site_node;
	struct map_node server_node;
	struct target *target;
	struct site *site;
	struct origin_server *server;
};

/* ---- verdicts ---- */

static enum origin_state state_of(const struct origin_server *server, uint64_t now_ms)
{
	struct origin_health_view view;
	origin_health_view_server(server, now_ms, &view);
	return view.state;
}

static bool is_good(enum origin_state state)
{
	return state == ORIGIN_USABLE || state == ORIGIN_RAMPING;
}

/* Without a backup at most half of an origin's addresses may be blocked. */
static bool may_block(const struct site *site, uint64_t now_ms)
{
	if (site->has_backup)
		return true;
	unsigned count = 0, blocked = 0;
	list_each (node, &site->members) {
		const struct member *member = container_of(node, struct member, site_node);
		count++;
		blocked += !is_good(state_of(member->server, now_ms));
	}
	return (blocked + 1) * 2 <= count;
}

/* Tells one server; true when it still waits for its verdict. */
static bool tell(struct member *member, enum fault fault, uint64_t now_ms)
{
	const struct target *target = member->target;
	enum origin_state state = state_of(member->server, now_ms);
	if (state == ORIGIN_BLOCKED)
		return false;
	if (state == ORIGIN_PROBING) {
		if (fault == FAULT_NONE && target->goods < target->probe->rise)
			return true;
		origin_health_probed_server(member->server, fault == FAULT_NONE, fault, now_ms);
	} else if (target->bads >= target->probe->fall &&
	           (!is_good(state) || may_block(member->site, now_ms))) {
		origin_health_probed_server(member->server, false, fault, now_ms);
	}
	return false;
}

static void on_verdict(struct origin_check *check, enum fault fault)
{
	struct target *target = container_of(check, struct target, check);
	struct loop *loop = target->active->loop;
	uint64_t now_ms = loop_now_ms(loop);
	const struct fault_info *info = fault_info(fault);
	bool is_bad = info->retry == FAULT_RETRY_CONNECTION || info->retry == FAULT_RETRY_RESPONSE;
	bool is_awaited = false;
	if (fault == FAULT_NONE || is_bad) {
		target->goods = is_bad ? 0 : target->goods + 1;
		target->bads = is_bad ? target->bads + 1 : 0;
		origin_health_begin_deciding(target->active->health);
		list_each (node, &target->members)
			is_awaited |=
			        tell(container_of(node, struct member, target_node), fault, now_ms);
		origin_health_end_deciding(target->active->health);
	}
	if (info->retry == FAULT_RETRY_CONNECTION && !list_is_empty(&target->members)) {
		struct member *member =
		        container_of(list_first(&target->members), struct member, target_node);
		origin_health_note_connection(
		        origin_health_server_host(member->server), fault, now_ms);
	}
	uint64_t wait_ms = target->probe->interval_ms;
	if (is_awaited && wait_ms > PROBING_EVERY_MS)
		wait_ms = PROBING_EVERY_MS;
	loop_timer_start(
	        loop, &target->timer, now_ms + random_jitter(wait_ms, INTERVAL_JITTER_PERCENT));
}

static void ask(struct target *target)
{
	if (origin_check_is_running(&target->check))
		return;
	origin_check_start(target->active->checker, &target->check, &target->address,
	        &target->request, target->probe->timeout_ms);
}

static void on_interval(struct timer *timer)
{
	ask(container_of(timer, struct target, timer));
}

/* ---- targets ---- */

/* A question, as it is looked for. */
struct question {
	struct address address;
	const struct model_probe *probe;
	struct str host, server_name;      /* the second is empty for HTTP, */
	struct origin_trust *trust;        /* which has no trust either */
	const struct model_origin *bucket; /* with its key; NULL: it is none */
};

static bool has_question(const struct map_node *node, const void *key)
{
	const struct target *target = container_of(node, const struct target, node);
	const struct question *question = key;
	const struct model_probe *a = target->probe, *b = question->probe;
	return address_is_equal(&target->address, &question->address) &&
	       target->request.trust == question->trust &&
	       target->request.bucket == question->bucket &&
	       str_is_equal(target->request.host, question->host) &&
	       str_is_equal(str_of(target->server_name), question->server_name) &&
	       str_is_equal(str_of(a->path), str_of(b->path)) && a->interval_ms == b->interval_ms &&
	       a->timeout_ms == b->timeout_ms && a->rise == b->rise && a->fall == b->fall &&
	       memcmp(&a->expect, &b->expect, sizeof(a->expect)) == 0 &&
	       str_is_equal(str_of(a->body_contains), str_of(b->body_contains));
}

static struct target *target_for(
        struct origin_active *active, struct model_domain *domain, const struct question *question)
{
	uint64_t hash = hash_mix(hash_keyed(&question->address, sizeof(question->address)),
	        hash_keyed(question->host.at, question->host.len));
	struct map_node *node = map_find(&active->targets, hash, has_question, question);
	if (node != NULL)
		return container_of(node, struct target, node);
	struct target *target = mem_new(struct target);
	target->active = active;
	target->domain = model_domain_ref(domain);
	target->address = question->address;
	target->probe = question->probe;
	target->server_name = mem_zero(question->server_name.len + 1);
	if (question->server_name.len > 0)
		memcpy(target->server_name, question->server_name.at, question->server_name.len);
	target->request = (struct origin_check_request){
	        .host = question->host,
	        .path = str_of(question->probe->path),
	        .expect = question->probe->expect,
	        .body_contains = str_of(question->probe->body_contains),
	        .trust = question->trust != NULL ? origin_trust_ref(question->trust) : NULL,
	        .server_name = target->server_name,
	        .bucket = question->bucket,
	};
	target->check.on_done = on_verdict;
	target->timer.on_expire = on_interval;
	list_init(&target->members);
	map_add(&active->targets, &target->node, hash);
	/* Not all of a new snapshot at the same moment. */
	loop_timer_start(active->loop, &target->timer,
	        loop_now_ms(active->loop) + random_below(question->probe->interval_ms / 2 + 1));
	return target;
}

static void drop_target(struct target *target)
{
	CHECK(list_is_empty(&target->members));
	origin_check_cancel(&target->check);
	loop_timer_cancel(target->active->loop, &target->timer);
	map_remove(&target->active->targets, &target->node);
	model_domain_unref(target->domain);
	origin_trust_unref(target->request.trust);
	mem_free(target->server_name);
	mem_free(target);
}

/* ---- sites ---- */

static uint64_t hash_of_server(const struct origin_server *server)
{
	return hash_mix((uintptr_t)server, 0);
}

static void add_member(struct origin_active *active, struct site *site,
        const struct model_origin *origin, const struct address *address)
{
	struct model_domain *domain = site->domain;
	struct question question = {
	        .address = *address,
	        .probe = &origin->probe,
	        .host = origin_endpoint_probe_host(domain, origin),
	        .server_name = origin_endpoint_server_name(domain, origin, site->protocol),
	        .trust = site->trust,
	        .bucket = origin_bucket_is(origin) ? origin : NULL,
	};
	struct member *member = mem_new(struct member);
	member->site = site;
	member->target = target_for(active, domain, &question);
	member->server = origin_health_server(active->health, str_of(domain->name), address,
	        site->protocol, question.server_name);
	list_add_last(&member->target->members, &member->target_node);
	list_add_last(&site->members, &member->site_node);
	map_add(&active->members, &member->server_node, hash_of_server(member->server));
}

static void drop_site(struct origin_active *active, struct site *site)
{
	struct list_node *node;
	while ((node = list_take_first(&site->members)) != NULL) {
		struct member *member = container_of(node, struct member, site_node);
		list_remove(&member->target_node);
		map_remove(&active->members, &member->server_node);
		origin_health_server_unref(member->server);
		mem_free(member);
	}
	for (unsigned i = 0; i < site->name_count; i++)
		origin_names_unref(site->names[i].name);
	origin_trust_unref(site->trust);
	list_remove(&site->node);
	mem_free(site);
}

static void add_name(struct origin_active *active, struct site *site,
        const struct model_origin *origin, const struct model_address *entry)
{
	struct origin_name *name = origin_names_get(active->names, str_of(entry->host));
	struct origin_name_set set;
	(void)origin_names_version(name); /* says that it is in use */
	origin_names_copy(name, &set);
	site->names[site->name_count++] = (struct site_name){name, set.version};
	for (unsigned i = 0; i < set.count; i++) {
		set.addresses[i].port = origin_endpoint_port(entry, site->protocol);
		add_member(active, site, origin, &set.addresses[i]);
	}
}

static void add_site(struct origin_active *active, struct model_domain *domain,
        enum model_role role, enum model_protocol protocol)
{
	const struct model_origin *origin = model_domain_origin(domain, role);
	struct site *site = mem_new(struct site);
	site->domain = domain;
	site->protocol = protocol;
	if (protocol == MODEL_HTTPS)
		site->trust = origin_trust_get(active->trusts, &origin->tls);
	site->has_backup = role == MODEL_MASTER && domain->backup != NULL;
	list_init(&site->members);
	list_add_last(&active->sites, &site->node);
	for (unsigned i = 0; i < origin->address_count; i++) {
		const struct model_address *entry = &origin->addresses[i];
		if (entry->weight == 0)
			continue;
		if (!entry->is_ip) {
			add_name(active, site, origin, entry);
			continue;
		}
		struct address address = entry->ip;
		address.port = origin_endpoint_port(entry, protocol);
		add_member(active, site, origin, &address);
	}
}

/* An origin that follows its clients is two sites. */
static void add_sites(
        struct origin_active *active, struct model_domain *domain, enum model_role role)
{
	const struct model_origin *origin = model_domain_origin(domain, role);
	if (origin == NULL || origin->probe.path == NULL)
		return;
	enum model_protocol protocols[2];
	unsigned count = origin_endpoint_protocols(origin, protocols);
	for (unsigned i = 0; i < count; i++)
		add_site(active, domain, role, protocols[i]);
}

static void drop_sites(struct origin_active *active, struct list *sites)
{
	struct list_node *node;
	while ((node = list_first(sites)) != NULL)
		drop_site(active, container_of(node, struct site, node));
}

/* Builds everything from the snapshot; what is the same as before keeps its state. */
static void build(struct origin_active *active)
{
	struct list old;
	list_init(&old);
	list_move_all(&old, &active->sites);
	size_t count = active->snapshot != NULL ? model_snapshot_count(active->snapshot) : 0;
	for (size_t i = 0; i < count; i++) {
		struct model_domain *domain = model_snapshot_at(active->snapshot, i);
		if (domain->status != MODEL_ONLINE)
			continue;
		add_sites(active, domain, MODEL_MASTER);
		add_sites(active, domain, MODEL_BACKUP);
	}
	drop_sites(active, &old);
	struct map_node *following = NULL;
	for (struct map_node *node = map_first(&active->targets); node != NULL; node = following) {
		following = map_next(&active->targets, node);
		struct target *target = container_of(node, struct target, node);
		if (list_is_empty(&target->members))
			drop_target(target);
	}
}

/* Looks for names with new addresses, and by that keeps the names in use. */
static void on_names_timer(struct timer *timer)
{
	struct origin_active *active = container_of(timer, struct origin_active, names_timer);
	bool has_changed = false;
	list_each (node, &active->sites) {
		const struct site *site = container_of(node, struct site, node);
		for (unsigned i = 0; i < site->name_count; i++)
			has_changed |=
			        origin_names_version(site->names[i].name) != site->names[i].version;
	}
	if (has_changed)
		build(active);
	loop_timer_start(active->loop, timer, loop_now_ms(active->loop) + NAMES_EVERY_MS);
}

struct origin_active *origin_active_new(struct loop *loop, struct origin_checker *checker,
        struct origin_health *health, struct origin_names *names, struct origin_trust_table *trusts)
{
	struct origin_active *active = mem_new(struct origin_active);
	active->loop = loop;
	active->checker = checker;
	active->health = health;
	active->names = names;
	active->trusts = trusts;
	active->names_timer.on_expire = on_names_timer;
	list_init(&active->sites);
	return active;
}

void origin_active_free(struct origin_active *active)
{
	if (active == NULL)
		return;
	origin_active_set_snapshot(active, NULL);
	loop_timer_cancel(active->loop, &active->names_timer);
	map_done(&active->targets);
	map_done(&active->members);
	mem_free(active);
}

void origin_active_set_snapshot(struct origin_active *active, struct model_snapshot *snapshot)
{
	struct model_snapshot *old = active->snapshot;
	active->snapshot = snapshot != NULL ? model_snapshot_ref(snapshot) : NULL;
	build(active);
	if (old != NULL)
		model_snapshot_unref(old);
	loop_timer_start(
	        active->loop, &active->names_timer, loop_now_ms(active->loop) + NAMES_EVERY_MS);
}

static bool has_server(const struct map_node *node, const void *key)
{
	return container_of(node, const struct member, server_node)->server == key;
}

bool origin_active_probe_now(struct origin_active *active, const struct origin_server *server)
{
	struct map_node *node =
	        map_find(&active->members, hash_of_server(server), has_server, server);
	if (node == NULL)
		return false;
	ask(container_of(node, struct member, server_node)->target);
	return true;
}
