/*
 * A state is one 64-bit word: what the state is, why, and the time that belongs to it (the end of a
 * block, the expiry of a lease, the beginning of anything else). Whoever chooses an address reads
 * two words. All changes are compare-and-swaps; those that need more than the word (failures,
 * blocks) hold the entry's lock as well, those that do not (the lease) don't.
 */
#include "origin/health.h"

#include "base/hash.h"
#include "base/mem.h"
#include "base/random.h"
#include "origin/health_private.h"

enum {
	SHARE_WHOLE = 256,
	JITTER_PERCENT = 10,
};

#define TO(state) (1u << ORIGIN_##state)

/* Which states may follow which. */
static const uint8_t followers[] = {
        [ORIGIN_USABLE] = TO(BLOCKED),
        [ORIGIN_BLOCKED] = TO(PROBING),
        [ORIGIN_PROBING] = TO(READY) | TO(BLOCKED),
        [ORIGIN_READY] = TO(ON_TRIAL) | TO(BLOCKED),
        [ORIGIN_ON_TRIAL] = TO(ON_TRIAL) | TO(READY) | TO(RAMPING) | TO(BLOCKED),
        [ORIGIN_RAMPING] = TO(USABLE) | TO(BLOCKED),
};

/* The one place that changes a state; false when somebody was faster, *word is then the new one. */
static bool move(struct origin_subject *subject, uint64_t *word, enum origin_state to,
        enum fault reason, uint64_t time_ms)
{
	CHECK((followers[origin_health_word_state(*word)] & 1u << to) != 0);
	return atomic_compare_exchange_strong_explicit(&subject->word, word,
	        origin_health_word_make(to, reason, time_ms), memory_order_acq_rel,
	        memory_order_relaxed);
}

/* Tells the sink; without locks. */
void origin_health_report(
        struct origin_subject *subject, uint64_t before, enum origin_state to, enum fault reason)
{
	struct origin_host *host =
	        subject->is_server ? NULL : container_of(subject, struct origin_host, subject);
	struct origin_server *server =
	        subject->is_server ? container_of(subject, struct origin_server, subject) : NULL;
	struct origin_health_sink *sink = subject->health->sink;
	sink->on_change(sink, host, server, origin_health_word_state(before), to, reason);
}

static void subject_init(
        struct origin_subject *subject, struct origin_health *health, bool is_server)
{
	subject->health = health;
	subject->is_server = is_server;
	CHECK(pthread_mutex_init(&subject->lock, NULL) == 0);
}

/* ---- what both do ---- */

bool origin_health_is_ramp_over(
        const struct origin_subject *subject, uint64_t word, uint64_t now_ms)
{
	return now_ms >= origin_health_word_time(word) + subject->health->options.ramp_ms;
}

/* How long the next block is. Under the lock. */
static uint64_t next_block_ms(
        struct origin_subject *subject, enum origin_state from, uint64_t now_ms)
{
	const struct origin_health_options *options = &subject->health->options;
	bool was_good = from == ORIGIN_USABLE || from == ORIGIN_RAMPING;
	if (was_good && now_ms >= subject->good_since_ms + options->forgive_ms)
		subject->blocks = 0;
	uint64_t block_ms = options->block_ms;
	for (unsigned i = 0; i < subject->blocks && block_ms < options->block_max_ms; i++)
		block_ms *= 2;
	if (block_ms > options->block_max_ms)
		block_ms = options->block_max_ms;
	subject->blocks++;
	return random_jitter(block_ms, JITTER_PERCENT);
}

/* Blocks, from any state but BLOCKED; *word is the state from which it was. Under the lock. */
void origin_health_block(
        struct origin_subject *subject, uint64_t *word, enum fault reason, uint64_t now_ms)
{
	uint64_t until_ms =
	        now_ms + next_block_ms(subject, origin_health_word_state(*word), now_ms);
	while (!move(subject, word, ORIGIN_BLOCKED, reason, until_ms))
		CHECK(origin_health_word_state(*word) != ORIGIN_BLOCKED);
	atomic_store_explicit(&subject->blocked_since_ms, now_ms, memory_order_relaxed);
	atomic_store_explicit(&subject->blocked_until_ms, until_ms, memory_order_relaxed);
}

/* The trial went well: slow start. */
void origin_health_pass_trial(struct origin_subject *subject, uint64_t now_ms)
{
	origin_health_lock(&subject->lock);
	uint64_t word = origin_health_word_of(subject);
	bool has_passed = false;
	while (origin_health_word_state(word) == ORIGIN_ON_TRIAL && !has_passed)
		has_passed = move(
		        subject, &word, ORIGIN_RAMPING, origin_health_word_reason(word), now_ms);
	if (has_passed)
		subject->good_since_ms = now_ms;
	origin_health_unlock(&subject->lock);
	if (has_passed)
		origin_health_report(
		        subject, word, ORIGIN_RAMPING, origin_health_word_reason(word));
}

void origin_health_end_ramp(struct origin_subject *subject, uint64_t word)
{
	enum fault reason = origin_health_word_reason(word);
	if (move(subject, &word, ORIGIN_USABLE, FAULT_NONE, 0))
		origin_health_report(subject, word, ORIGIN_USABLE, reason);
}

static enum origin_state advance(struct origin_subject *subject, uint64_t now_ms)
{
	uint64_t word = origin_health_word_of(subject);
	enum fault reason = origin_health_word_reason(word);
	if (origin_health_word_state(word) == ORIGIN_BLOCKED &&
	        now_ms >= origin_health_word_time(word)) {
		if (move(subject, &word, ORIGIN_PROBING, reason, now_ms))
			origin_health_report(subject, word, ORIGIN_PROBING, reason);
	} else if (origin_health_word_state(word) == ORIGIN_RAMPING &&
	           origin_health_is_ramp_over(subject, word, now_ms)) {
		origin_health_end_ramp(subject, word);
	}
	return origin_health_word_state(origin_health_word_of(subject));
}

/* A probe's verdict; true when it blocked. */
static bool probed(struct origin_subject *subject, bool is_good, enum fault reason, uint64_t now_ms)
{
	origin_health_lock(&subject->lock);
	uint64_t word = origin_health_word_of(subject);
	enum origin_state from = origin_health_word_state(word), to = from;
	if (!is_good && from != ORIGIN_BLOCKED) {
		origin_health_block(subject, &word, reason, now_ms);
		to = ORIGIN_BLOCKED;
	} else if (is_good && from == ORIGIN_PROBING) {
		/* Only holders of the lock leave PROBING. */
		reason = origin_health_word_reason(word);
		CHECK(move(subject, &word, ORIGIN_READY, reason, 0));
		to = ORIGIN_READY;
	}
	origin_health_unlock(&subject->lock);
	if (to != from)
		origin_health_report(subject, word, to, reason);
	return to == ORIGIN_BLOCKED && from != ORIGIN_BLOCKED;
}

/* Takes the lease; false when it is not to be had. */
static bool lease(struct origin_subject *subject, uint64_t now_ms)
{
	uint64_t word = origin_health_word_of(subject);
	bool is_free = origin_health_word_state(word) == ORIGIN_READY ||
	               (origin_health_word_state(word) == ORIGIN_ON_TRIAL &&
	                       now_ms >= origin_health_word_time(word));
	uint64_t expiry_ms = now_ms + subject->health->options.trial_lease_ms;
	enum fault reason = origin_health_word_reason(word);
	if (!is_free || !move(subject, &word, ORIGIN_ON_TRIAL, reason, expiry_ms))
		return false;
	if (origin_health_word_state(word) != ORIGIN_ON_TRIAL)
		origin_health_report(subject, word, ORIGIN_ON_TRIAL, reason);
	return true;
}

static void give_back(struct origin_subject *subject)
{
	uint64_t word = origin_health_word_of(subject);
	enum fault reason = origin_health_word_reason(word);
	if (origin_health_word_state(word) == ORIGIN_ON_TRIAL &&
	        move(subject, &word, ORIGIN_READY, reason, 0))
		origin_health_report(subject, word, ORIGIN_READY, reason);
}

static enum origin_standing standing(const struct origin_subject *subject, uint64_t now_ms,
        unsigned *ret_share, uint64_t *ret_until_ms)
{
	uint64_t word = origin_health_word_of(subject);
	*ret_share = SHARE_WHOLE;
	*ret_until_ms = 0;
	switch (origin_health_word_state(word)) {
	case ORIGIN_USABLE:
		return ORIGIN_STANDING_GOOD;
	case ORIGIN_RAMPING: {
		uint64_t ramp_ms = subject->health->options.ramp_ms;
		uint64_t since_ms = origin_health_word_time(word);
		uint64_t spent_ms = now_ms > since_ms ? now_ms - since_ms : 0;
		if (spent_ms < ramp_ms)
			*ret_share = 1 + (unsigned)(spent_ms * (SHARE_WHOLE - 1) / ramp_ms);
		return ORIGIN_STANDING_GOOD;
	}
	case ORIGIN_READY:
		return ORIGIN_STANDING_TRIAL;
	case ORIGIN_ON_TRIAL:
		if (now_ms >= origin_health_word_time(word))
			return ORIGIN_STANDING_TRIAL;
		break;
	case ORIGIN_BLOCKED:
	case ORIGIN_PROBING:
		break;
	}
	*ret_until_ms = origin_health_word_time(word);
	return ORIGIN_STANDING_BLOCKED;
}

static void view(
        const struct origin_subject *subject, uint64_t now_ms, struct origin_health_view *ret)
{
	uint64_t word = origin_health_word_of(subject);
	*ret = (struct origin_health_view){
	        .state = origin_health_word_state(word),
	        .reason = origin_health_word_reason(word),
	        .blocked_since_ms = origin_health_load(&subject->blocked_since_ms),
	        .blocked_until_ms = origin_health_load(&subject->blocked_until_ms),
	        .successes = origin_health_load(&subject->successes),
	        .failures = origin_health_load(&subject->failures),
	};
	if (ret->state == ORIGIN_RAMPING && origin_health_is_ramp_over(subject, word, now_ms)) {
		ret->state = ORIGIN_USABLE;
		ret->reason = FAULT_NONE;
	}
}

/* ---- the tables ---- */

struct origin_health *origin_health_new(
        const struct origin_health_options *options, struct origin_health_sink *sink)
{
	CHECK(options->connection_failures >= 1);
	CHECK(options->connection_failures <= ORIGIN_HEALTH_CONNECTION_FAILURES_MAX);
	CHECK(options->response_window >= 1 &&
	        options->response_window <= ORIGIN_HEALTH_RESPONSE_WINDOW_MAX);
	struct origin_health *health = mem_new(struct origin_health);
	health->options = *options;
	health->sink = sink;
	CHECK(pthread_mutex_init(&health->lock, NULL) == 0);
	CHECK(pthread_mutex_init(&health->deciding, NULL) == 0);
	return health;
}

void origin_health_free(struct origin_health *health)
{
	if (health == NULL)
		return;
	CHECK(health->hosts.count == 0 && health->servers.count == 0);
	map_done(&health->hosts);
	map_done(&health->servers);
	pthread_mutex_destroy(&health->lock);
	pthread_mutex_destroy(&health->deciding);
	mem_free(health);
}

void origin_health_begin_deciding(struct origin_health *health)
{
	origin_health_lock(&health->deciding);
}

void origin_health_end_deciding(struct origin_health *health)
{
	origin_health_unlock(&health->deciding);
}

/* Counts one user less without the lock, unless it is the last one. */
static bool unref_but_the_last(atomic_uint *references)
{
	unsigned count = atomic_load_explicit(references, memory_order_relaxed);
	CHECK(count > 0);
	while (count > 1)
		if (atomic_compare_exchange_weak_explicit(references, &count, count - 1,
		            memory_order_release, memory_order_relaxed))
			return true;
	return false;
}

/* Takes an entry out of its map if this was its last user; true when it is the caller's to free. */
static bool unref_last(struct origin_health *health, struct map *map, struct map_node *node,
        atomic_uint *references)
{
	origin_health_lock(&health->lock);
	bool is_last = atomic_fetch_sub_explicit(references, 1, memory_order_acq_rel) == 1;
	if (is_last)
		map_remove(map, node);
	origin_health_unlock(&health->lock);
	return is_last;
}

static bool host_has_address(const struct map_node *node, const void *key)
{
	const struct origin_host *host = container_of(node, const struct origin_host, node);
	return address_is_equal(&host->address, key);
}

struct origin_host *origin_health_host(struct origin_health *health, const struct address *address)
{
	uint64_t hash = hash_keyed(address, sizeof(*address));
	origin_health_lock(&health->lock);
	struct origin_host *host;
	struct map_node *node = map_find(&health->hosts, hash, host_has_address, address);
	if (node != NULL) {
		host = container_of(node, struct origin_host, node);
		atomic_fetch_add_explicit(&host->references, 1, memory_order_relaxed);
	} else {
		host = mem_new(struct origin_host);
		host->address = *address;
		atomic_init(&host->references, 1);
		subject_init(&host->subject, health, false);
		origin_slots_init(&host->slots);
		map_add(&health->hosts, &host->node, hash);
	}
	origin_health_unlock(&health->lock);
	return host;
}

struct origin_host *origin_health_host_ref(struct origin_host *host)
{
	atomic_fetch_add_explicit(&host->references, 1, memory_order_relaxed);
	return host;
}

void origin_health_host_unref(struct origin_host *host)
{
	if (host == NULL || unref_but_the_last(&host->references))
		return;
	struct origin_health *health = host->subject.health;
	if (!unref_last(health, &health->hosts, &host->node, &host->references))
		return;
	origin_slots_done(&host->slots);
	pthread_mutex_destroy(&host->subject.lock);
	mem_free(host);
}

struct server_key {
	struct str domain, server_name;
	const struct origin_host *host;
	enum model_protocol protocol;
};

static bool server_has_key(const struct map_node *node, const void *key)
{
	const struct origin_server *server = container_of(node, const struct origin_server, node);
	const struct server_key *wanted = key;
	return server->host == wanted->host && server->protocol == wanted->protocol &&
	       str_is_equal(server->domain, wanted->domain) &&
	       str_is_equal(server->server_name, wanted->server_name);
}

/* Takes over the caller's reference to the host. */
static struct origin_server *server_new(struct origin_host *host, const struct server_key *key)
{
	struct origin_server *server =
	        mem_zero(sizeof(*server) + key->domain.len + key->server_name.len);
	char *text = (char *)(server + 1);
	if (key->domain.len != 0)
		memcpy(text, key->domain.at, key->domain.len);
	if (key->server_name.len != 0)
		memcpy(text + key->domain.len, key->server_name.at, key->server_name.len);
	server->domain = str_make(text, key->domain.len);
	server->server_name = str_make(text + key->domain.len, key->server_name.len);
	server->protocol = (uint8_t)key->protocol;
	server->host = host;
	atomic_init(&server->references, 1);
	subject_init(&server->subject, host->subject.health, true);
	return server;
}

struct origin_server *origin_health_server(struct origin_health *health, struct str domain,
        const struct address *address, enum model_protocol protocol, struct str server_name)
{
	struct origin_host *host = origin_health_host(health, address);
	struct server_key key = {domain, server_name, host, protocol};
	uint64_t hash = hash_mix(
	        hash_keyed(domain.at, domain.len), hash_keyed(server_name.at, server_name.len));
	hash = hash_mix(hash, hash_mix(host->node.hash, protocol));
	origin_health_lock(&health->lock);
	struct origin_server *server;
	struct map_node *node = map_find(&health->servers, hash, server_has_key, &key);
	if (node != NULL) {
		server = container_of(node, struct origin_server, node);
		atomic_fetch_add_explicit(&server->references, 1, memory_order_relaxed);
	} else {
		server = server_new(host, &key);
		map_add(&health->servers, &server->node, hash);
	}
	origin_health_unlock(&health->lock);
	if (node != NULL)
		origin_health_host_unref(host);
	return server;
}

struct origin_server *origin_health_server_ref(struct origin_server *server)
{
	atomic_fetch_add_explicit(&server->references, 1, memory_order_relaxed);
	return server;
}

void origin_health_server_unref(struct origin_server *server)
{
	if (server == NULL || unref_but_the_last(&server->references))
		return;
	struct origin_health *health = server->subject.health;
	if (!unref_last(health, &health->servers, &server->node, &server->references))
		return;
	origin_health_host_unref(server->host);
	pthread_mutex_destroy(&server->subject.lock);
	mem_free(server->urls);
	mem_free(server);
}

/* ---- choosing ---- */

enum origin_standing origin_health_standing(const struct origin_host *host,
        const struct origin_server *server, uint64_t now_ms, unsigned *ret_share,
        uint64_t *ret_until_ms)
{
	unsigned host_share, server_share;
	uint64_t host_until_ms, server_until_ms;
	enum origin_standing of_host =
	        standing(&host->subject, now_ms, &host_share, &host_until_ms);
	enum origin_standing of_server =
	        standing(&server->subject, now_ms, &server_share, &server_until_ms);
	*ret_share = host_share < server_share ? host_share : server_share;
	*ret_until_ms = host_until_ms > server_until_ms ? host_until_ms : server_until_ms;
	_Static_assert(ORIGIN_STANDING_GOOD < ORIGIN_STANDING_TRIAL &&
	                       ORIGIN_STANDING_TRIAL < ORIGIN_STANDING_BLOCKED,
	        "the worse standing is the greater one");
	return of_host > of_server ? of_host : of_server;
}

bool origin_health_take_trial(
        struct origin_host *host, struct origin_server *server, uint64_t now_ms)
{
	unsigned share;
	uint64_t until_ms;
	enum origin_standing of_host = standing(&host->subject, now_ms, &share, &until_ms);
	enum origin_standing of_server = standing(&server->subject, now_ms, &share, &until_ms);
	if (of_host == ORIGIN_STANDING_BLOCKED || of_server == ORIGIN_STANDING_BLOCKED)
		return false;
	if (of_host == ORIGIN_STANDING_GOOD)
		return of_server == ORIGIN_STANDING_TRIAL && lease(&server->subject, now_ms);
	if (!lease(&host->subject, now_ms))
		return false;
	if (of_server == ORIGIN_STANDING_GOOD || lease(&server->subject, now_ms))
		return true;
	give_back(&host->subject);
	return false;
}

void origin_health_give_back_trial(struct origin_host *host, struct origin_server *server)
{
	give_back(&host->subject);
	give_back(&server->subject);
}

/* ---- the steward ---- */

void origin_health_probed_host(
        struct origin_host *host, bool is_good, enum fault reason, uint64_t now_ms)
{
	if (probed(&host->subject, is_good, reason, now_ms)) {
		origin_health_lock(&host->subject.lock);
		memset(host->failed_ms, 0, sizeof(host->failed_ms));
		origin_health_unlock(&host->subject.lock);
	}
}

void origin_health_probed_server(
        struct origin_server *server, bool is_good, enum fault reason, uint64_t now_ms)
{
	if (probed(&server->subject, is_good, reason, now_ms))
		atomic_store_explicit(&server->window, 0, memory_order_relaxed);
}

enum origin_state origin_health_advance_host(struct origin_host *host, uint64_t now_ms)
{
	return advance(&host->subject, now_ms);
}

enum origin_state origin_health_advance_server(struct origin_server *server, uint64_t now_ms)
{
	return advance(&server->subject, now_ms);
}

/* ---- looking ---- */

void origin_health_view_host(
        const struct origin_host *host, uint64_t now_ms, struct origin_health_view *ret)
{
	view(&host->subject, now_ms, ret);
}

void origin_health_view_server(
        const struct origin_server *server, uint64_t now_ms, struct origin_health_view *ret)
{
	view(&server->subject, now_ms, ret);
	ret->attempts = atomic_load_explicit(&server->attempts, memory_order_relaxed);
	ret->latency_us = atomic_load_explicit(&server->latency_us, memory_order_relaxed);
}

const struct address *origin_health_host_address(const struct origin_host *host)
{
	return &host->address;
}

struct origin_host *origin_health_server_host(const struct origin_server *server)
{
	return server->host;
}

struct str origin_health_server_domain(const struct origin_server *server)
{
	return server->domain;
}

enum model_protocol origin_health_server_protocol(const struct origin_server *server)
{
	return (enum model_protocol)server->protocol;
}

struct str origin_health_server_name(const struct origin_server *server)
{
	return server->server_name;
}

/* Who makes or drops an entry waits no longer than it takes to count the references. */
void origin_health_list(struct origin_health *health, struct origin_health_list_sink *sink)
{
	size_t count = 0;
	origin_health_lock(&health->lock);
	struct origin_server **list =
	        mem_alloc(health->servers.count * sizeof(struct origin_server *) + 1);
	for (struct map_node *node = map_first(&health->servers); node != NULL;
	        node = map_next(&health->servers, node))
		list[count++] =
		        origin_health_server_ref(container_of(node, struct origin_server, node));
	origin_health_unlock(&health->lock);
	for (size_t i = 0; i < count; i++) {
		sink->on_server(sink, list[i]);
		origin_health_server_unref(list[i]);
	}
	mem_free(list);
}

struct origin_slots *origin_health_slots(struct origin_host *host)
{
	return &host->slots;
}

const char *origin_health_state_name(enum origin_state state)
{
	static const char *const names[] = {
	        [ORIGIN_USABLE] = "usable",
	        [ORIGIN_BLOCKED] = "blocked",
	        [ORIGIN_PROBING] = "probing",
	        [ORIGIN_READY] = "ready",
	        [ORIGIN_ON_TRIAL] = "on_trial",
	        [ORIGIN_RAMPING] = "ramping",
	};
	CHECK(state < ARRAY_LENGTH(names));
	return names[state];
}
