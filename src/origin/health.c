/*
 * A state is one 64-bit word: what the state is, why, and the time that belongs to it (the end of a
 * block, the expiry of a lease, the beginning of anything else). Whoever chooses an address reads
 * two words. All changes are compare-and-swaps; those that need more than the word (failures,
 * blocks) hold the entry's lock as well, those that do not (the lease) don't.
 *
 * A success of a usable entry should write nothing: otherwise each response of each worker would
 * fight for one cache line. A host forgets failures by their age alone, so there a success means
 * nothing. A server's last attempts are a shift register with a count; once it has no failure left
 * and is full, one more success would not change it, and is not written.
 *
 * The URLs of the failures in the register are kept apart, newest last: as many of them as the
 * register has bits are the ones that count.
 */
#include "origin/health.h"

#include "base/hash.h"
#include "base/map.h"
#include "base/mem.h"
#include "base/random.h"

#include <pthread.h>

enum {
	CONNECTION_FAILURES_MAX = 16,
	RESPONSE_WINDOW_MAX = 32,
	SHARE_WHOLE = 256,
	JITTER_PERCENT = 10,
	SUSPECT_GAP_MS = 1000,
	SUCCESS_SAMPLE = 64,
	CACHE_LINE_BYTES = 64,
};

/* What a host and a server have in common. */
struct subject {
	_Atomic uint64_t word;
	struct origin_health *health;
	_Atomic uint64_t successes, failures;
	_Atomic uint64_t blocked_since_ms, blocked_until_ms; /* of the last block */
	bool is_server;
	pthread_mutex_t lock; /* for what follows, and for blocking */
	unsigned blocks;      /* in a row, without forgive_ms of good time between them */
	uint64_t good_since_ms;
};

struct origin_host {
	struct map_node node;
	struct address address;
	struct subject subject;
	uint64_t failed_ms[CONNECTION_FAILURES_MAX]; /* a ring; 0: none */
	unsigned failed_at;
	uint64_t suspect_ms; /* when on_suspect may be called again */
	atomic_uint references;
	/* Connections come and go more often than states: they get a cache line of their own. */
	char gap[CACHE_LINE_BYTES];
	struct origin_slots slots;
};

/* The URLs of a server's latest failures. */
struct failed_urls {
	uint64_t hash[RESPONSE_WINDOW_MAX]; /* a ring */
	unsigned next;
};

struct origin_server {
	struct map_node node;
	struct origin_host *host;
	struct subject subject;
	_Atomic uint64_t window;  /* the last attempts: the low half has the failures' bits */
	struct failed_urls *urls; /* NULL until the first failure; under the subject's lock */
	atomic_uint references;
	uint8_t protocol;
	struct str domain, server_name; /* behind the struct */
};

struct origin_health {
	struct origin_health_options options;
	struct origin_health_sink *sink;
	pthread_mutex_t lock; /* for the maps, and for a reference that rises from or falls to 0 */
	struct map hosts, servers;
};

/* ---- the word ---- */

enum { STATE_BITS = 3, REASON_BITS = 7 };

_Static_assert(FAULT_COUNT <= 1 << REASON_BITS, "a reason has its place in the word");

static uint64_t word_make(enum origin_state state, enum fault reason, uint64_t time_ms)
{
	return time_ms << (STATE_BITS + REASON_BITS) | (uint64_t)reason << STATE_BITS | state;
}

static enum origin_state word_state(uint64_t word)
{
	return (enum origin_state)(word & ((1 << STATE_BITS) - 1));
}

static enum fault word_reason(uint64_t word)
{
	return (enum fault)(word >> STATE_BITS & ((1 << REASON_BITS) - 1));
}

static uint64_t word_time(uint64_t word)
{
	return word >> (STATE_BITS + REASON_BITS);
}

static uint64_t load(const _Atomic uint64_t *value)
{
	return atomic_load_explicit(value, memory_order_relaxed);
}

static uint64_t word_of(const struct subject *subject)
{
	return load(&subject->word);
}

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
static bool move(struct subject *subject, uint64_t *word, enum origin_state to, enum fault reason,
        uint64_t time_ms)
{
	CHECK((followers[word_state(*word)] & 1u << to) != 0);
	return atomic_compare_exchange_strong_explicit(&subject->word, word,
	        word_make(to, reason, time_ms), memory_order_acq_rel, memory_order_relaxed);
}

/* Tells the sink; without locks. */
static void report(
        struct subject *subject, uint64_t before, enum origin_state to, enum fault reason)
{
	struct origin_host *host =
	        subject->is_server ? NULL : container_of(subject, struct origin_host, subject);
	struct origin_server *server =
	        subject->is_server ? container_of(subject, struct origin_server, subject) : NULL;
	struct origin_health_sink *sink = subject->health->sink;
	sink->on_change(sink, host, server, word_state(before), to, reason);
}

static void subject_init(struct subject *subject, struct origin_health *health, bool is_server)
{
	subject->health = health;
	subject->is_server = is_server;
	CHECK(pthread_mutex_init(&subject->lock, NULL) == 0);
}

static void lock(pthread_mutex_t *mutex)
{
	CHECK(pthread_mutex_lock(mutex) == 0);
}

static void unlock(pthread_mutex_t *mutex)
{
	CHECK(pthread_mutex_unlock(mutex) == 0);
}

/* ---- what both do ---- */

/* Counts a success; see SUCCESS_SAMPLE. */
static void count_success(struct subject *subject)
{
	if (random_u64() % SUCCESS_SAMPLE == 0)
		atomic_fetch_add_explicit(
		        &subject->successes, SUCCESS_SAMPLE, memory_order_relaxed);
}

static bool is_ramp_over(const struct subject *subject, uint64_t word, uint64_t now_ms)
{
	return now_ms >= word_time(word) + subject->health->options.ramp_ms;
}

/* How long the next block is. Under the lock. */
static uint64_t next_block_ms(struct subject *subject, enum origin_state from, uint64_t now_ms)
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
static void block(struct subject *subject, uint64_t *word, enum fault reason, uint64_t now_ms)
{
	uint64_t until_ms = now_ms + next_block_ms(subject, word_state(*word), now_ms);
	while (!move(subject, word, ORIGIN_BLOCKED, reason, until_ms))
		CHECK(word_state(*word) != ORIGIN_BLOCKED);
	atomic_store_explicit(&subject->blocked_since_ms, now_ms, memory_order_relaxed);
	atomic_store_explicit(&subject->blocked_until_ms, until_ms, memory_order_relaxed);
}

/* The trial went well: slow start. */
static void pass_trial(struct subject *subject, uint64_t now_ms)
{
	lock(&subject->lock);
	uint64_t word = word_of(subject);
	bool has_passed = false;
	while (word_state(word) == ORIGIN_ON_TRIAL && !has_passed)
		has_passed = move(subject, &word, ORIGIN_RAMPING, word_reason(word), now_ms);
	if (has_passed)
		subject->good_since_ms = now_ms;
	unlock(&subject->lock);
	if (has_passed)
		report(subject, word, ORIGIN_RAMPING, word_reason(word));
}

static void end_ramp(struct subject *subject, uint64_t word)
{
	enum fault reason = word_reason(word);
	if (move(subject, &word, ORIGIN_USABLE, FAULT_NONE, 0))
		report(subject, word, ORIGIN_USABLE, reason);
}

static enum origin_state advance(struct subject *subject, uint64_t now_ms)
{
	uint64_t word = word_of(subject);
	enum fault reason = word_reason(word);
	if (word_state(word) == ORIGIN_BLOCKED && now_ms >= word_time(word)) {
		if (move(subject, &word, ORIGIN_PROBING, reason, now_ms))
			report(subject, word, ORIGIN_PROBING, reason);
	} else if (word_state(word) == ORIGIN_RAMPING && is_ramp_over(subject, word, now_ms)) {
		end_ramp(subject, word);
	}
	return word_state(word_of(subject));
}

/* A probe's verdict; true when it blocked. */
static bool probed(struct subject *subject, bool is_good, enum fault reason, uint64_t now_ms)
{
	lock(&subject->lock);
	uint64_t word = word_of(subject);
	enum origin_state from = word_state(word), to = from;
	if (!is_good && from != ORIGIN_BLOCKED) {
		block(subject, &word, reason, now_ms);
		to = ORIGIN_BLOCKED;
	} else if (is_good && from == ORIGIN_PROBING) {
		/* Only holders of the lock leave PROBING. */
		reason = word_reason(word);
		CHECK(move(subject, &word, ORIGIN_READY, reason, 0));
		to = ORIGIN_READY;
	}
	unlock(&subject->lock);
	if (to != from)
		report(subject, word, to, reason);
	return to == ORIGIN_BLOCKED && from != ORIGIN_BLOCKED;
}

/* Takes the lease; false when it is not to be had. */
static bool lease(struct subject *subject, uint64_t now_ms)
{
	uint64_t word = word_of(subject);
	bool is_free = word_state(word) == ORIGIN_READY ||
	               (word_state(word) == ORIGIN_ON_TRIAL && now_ms >= word_time(word));
	uint64_t expiry_ms = now_ms + subject->health->options.trial_lease_ms;
	enum fault reason = word_reason(word);
	if (!is_free || !move(subject, &word, ORIGIN_ON_TRIAL, reason, expiry_ms))
		return false;
	if (word_state(word) != ORIGIN_ON_TRIAL)
		report(subject, word, ORIGIN_ON_TRIAL, reason);
	return true;
}

static void give_back(struct subject *subject)
{
	uint64_t word = word_of(subject);
	enum fault reason = word_reason(word);
	if (word_state(word) == ORIGIN_ON_TRIAL && move(subject, &word, ORIGIN_READY, reason, 0))
		report(subject, word, ORIGIN_READY, reason);
}

static enum origin_standing standing(
        const struct subject *subject, uint64_t now_ms, unsigned *ret_share, uint64_t *ret_until_ms)
{
	uint64_t word = word_of(subject);
	*ret_share = SHARE_WHOLE;
	*ret_until_ms = 0;
	switch (word_state(word)) {
	case ORIGIN_USABLE:
		return ORIGIN_STANDING_GOOD;
	case ORIGIN_RAMPING: {
		uint64_t ramp_ms = subject->health->options.ramp_ms;
		uint64_t since_ms = word_time(word);
		uint64_t spent_ms = now_ms > since_ms ? now_ms - since_ms : 0;
		if (spent_ms < ramp_ms)
			*ret_share = 1 + (unsigned)(spent_ms * (SHARE_WHOLE - 1) / ramp_ms);
		return ORIGIN_STANDING_GOOD;
	}
	case ORIGIN_READY:
		return ORIGIN_STANDING_TRIAL;
	case ORIGIN_ON_TRIAL:
		if (now_ms >= word_time(word))
			return ORIGIN_STANDING_TRIAL;
		break;
	case ORIGIN_BLOCKED:
	case ORIGIN_PROBING:
		break;
	}
	*ret_until_ms = word_time(word);
	return ORIGIN_STANDING_BLOCKED;
}

static void view(const struct subject *subject, uint64_t now_ms, struct origin_health_view *ret)
{
	uint64_t word = word_of(subject);
	*ret = (struct origin_health_view){
	        .state = word_state(word),
	        .reason = word_reason(word),
	        .blocked_since_ms = load(&subject->blocked_since_ms),
	        .blocked_until_ms = load(&subject->blocked_until_ms),
	        .successes = load(&subject->successes),
	        .failures = load(&subject->failures),
	};
	if (ret->state == ORIGIN_RAMPING && is_ramp_over(subject, word, now_ms)) {
		ret->state = ORIGIN_USABLE;
		ret->reason = FAULT_NONE;
	}
}

/* ---- the tables ---- */

struct origin_health *origin_health_new(
        const struct origin_health_options *options, struct origin_health_sink *sink)
{
	CHECK(options->connection_failures >= 1);
	CHECK(options->connection_failures <= CONNECTION_FAILURES_MAX);
	CHECK(options->response_window >= 1 && options->response_window <= RESPONSE_WINDOW_MAX);
	struct origin_health *health = mem_new(struct origin_health);
	health->options = *options;
	health->sink = sink;
	CHECK(pthread_mutex_init(&health->lock, NULL) == 0);
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
	mem_free(health);
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
	lock(&health->lock);
	bool is_last = atomic_fetch_sub_explicit(references, 1, memory_order_acq_rel) == 1;
	if (is_last)
		map_remove(map, node);
	unlock(&health->lock);
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
	lock(&health->lock);
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
	unlock(&health->lock);
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
	lock(&health->lock);
	struct origin_server *server;
	struct map_node *node = map_find(&health->servers, hash, server_has_key, &key);
	if (node != NULL) {
		server = container_of(node, struct origin_server, node);
		atomic_fetch_add_explicit(&server->references, 1, memory_order_relaxed);
	} else {
		server = server_new(host, &key);
		map_add(&health->servers, &server->node, hash);
	}
	unlock(&health->lock);
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

/* ---- noting ---- */

static void connection_succeeded(struct origin_host *host, uint64_t now_ms)
{
	struct subject *subject = &host->subject;
	uint64_t word = word_of(subject);
	enum origin_state state = word_state(word);
	if (state == ORIGIN_ON_TRIAL)
		pass_trial(subject, now_ms);
	else if (state == ORIGIN_RAMPING && is_ramp_over(subject, word, now_ms))
		end_ramp(subject, word);
	count_success(subject);
}

/* Adds a failure to the ring; true when there are enough of them within the window. */
static bool has_too_many_failures(struct origin_host *host, uint64_t now_ms)
{
	const struct origin_health_options *options = &host->subject.health->options;
	host->failed_ms[host->failed_at++ % CONNECTION_FAILURES_MAX] = now_ms;
	unsigned count = 0;
	for (unsigned i = 0; i < CONNECTION_FAILURES_MAX; i++)
		count += host->failed_ms[i] != 0 &&
		         host->failed_ms[i] + options->connection_window_ms > now_ms;
	return count >= options->connection_failures;
}

static void connection_failed(struct origin_host *host, enum fault fault, uint64_t now_ms)
{
	struct subject *subject = &host->subject;
	atomic_fetch_add_explicit(&subject->failures, 1, memory_order_relaxed);
	lock(&subject->lock);
	uint64_t word = word_of(subject);
	enum origin_state state = word_state(word);
	bool is_good = state == ORIGIN_USABLE || state == ORIGIN_RAMPING;
	bool must_block = is_good ? has_too_many_failures(host, now_ms) : state == ORIGIN_ON_TRIAL;
	bool is_suspect = is_good && !must_block && now_ms >= host->suspect_ms;
	if (must_block) {
		block(subject, &word, fault, now_ms);
		memset(host->failed_ms, 0, sizeof(host->failed_ms));
	} else if (is_suspect) {
		host->suspect_ms = now_ms + SUSPECT_GAP_MS;
	}
	unlock(&subject->lock);
	if (must_block)
		report(subject, word, ORIGIN_BLOCKED, fault);
	if (is_suspect)
		subject->health->sink->on_suspect(subject->health->sink, host);
}

void origin_health_note_connection(struct origin_host *host, enum fault fault, uint64_t now_ms)
{
	if (fault == FAULT_NONE)
		connection_succeeded(host, now_ms);
	else if (fault_info(fault)->retry == FAULT_RETRY_CONNECTION)
		connection_failed(host, fault, now_ms);
}

enum { WINDOW_COUNT_SHIFT = 32 };

static unsigned window_count(uint64_t window)
{
	return (unsigned)(window >> WINDOW_COUNT_SHIFT);
}

static unsigned window_failures(uint64_t window)
{
	return (unsigned)__builtin_popcount((uint32_t)window);
}

/* Shifts an attempt in; returns the window after it. */
static uint64_t window_push(struct origin_server *server, bool has_failed)
{
	unsigned size = server->subject.health->options.response_window;
	uint32_t mask = UINT32_MAX >> (RESPONSE_WINDOW_MAX - size);
	uint64_t after, window = load(&server->window);
	do {
		uint32_t bits = ((uint32_t)window << 1 | has_failed) & mask;
		unsigned count = window_count(window) < size ? window_count(window) + 1 : size;
		after = (uint64_t)count << WINDOW_COUNT_SHIFT | bits;
		/* A full window without failures: one more success changes nothing. */
		if (after == window)
			return window;
	} while (!atomic_compare_exchange_weak_explicit(
	        &server->window, &window, after, memory_order_relaxed, memory_order_relaxed));
	return after;
}

static void response_succeeded(struct origin_server *server, uint64_t now_ms)
{
	struct subject *subject = &server->subject;
	uint64_t word = word_of(subject);
	switch (word_state(word)) {
	case ORIGIN_USABLE:
		window_push(server, false);
		break;
	case ORIGIN_RAMPING:
		window_push(server, false);
		if (is_ramp_over(subject, word, now_ms))
			end_ramp(subject, word);
		break;
	case ORIGIN_ON_TRIAL:
		pass_trial(subject, now_ms);
		break;
	case ORIGIN_BLOCKED:
	case ORIGIN_PROBING:
	case ORIGIN_READY:
		break; /* a straggler from before the block */
	}
	count_success(subject);
	if (word_state(word_of(&server->host->subject)) == ORIGIN_ON_TRIAL)
		pass_trial(&server->host->subject, now_ms);
}

/* Keeps the failure's URL, and counts how many different ones the last `failures` have. */
static unsigned keep_url(struct origin_server *server, uint64_t url_hash, unsigned failures)
{
	if (server->urls == NULL)
		server->urls = mem_new(struct failed_urls);
	struct failed_urls *urls = server->urls;
	urls->hash[urls->next++ % RESPONSE_WINDOW_MAX] = url_hash;
	unsigned different = 0;
	for (unsigned i = 1; i <= failures && i <= urls->next; i++) {
		uint64_t hash = urls->hash[(urls->next - i) % RESPONSE_WINDOW_MAX];
		bool is_new = true;
		for (unsigned k = 1; k < i && is_new; k++)
			is_new = urls->hash[(urls->next - k) % RESPONSE_WINDOW_MAX] != hash;
		different += is_new;
	}
	return different;
}

/* Adds a failure to the window; true when it is one too many. Under the lock. */
static bool has_too_many_bad_responses(struct origin_server *server, uint64_t url_hash)
{
	const struct origin_health_options *options = &server->subject.health->options;
	uint64_t window = window_push(server, true);
	unsigned failures = window_failures(window);
	unsigned urls = keep_url(server, url_hash, failures);
	return failures >= options->response_failures && failures * 2 >= window_count(window) &&
	       urls >= options->response_urls;
}

static void response_failed(struct origin_server *server, enum fault fault, uint64_t url_hash,
        bool may_block, uint64_t now_ms)
{
	struct subject *subject = &server->subject;
	atomic_fetch_add_explicit(&subject->failures, 1, memory_order_relaxed);
	lock(&subject->lock);
	uint64_t word = word_of(subject);
	enum origin_state state = word_state(word);
	bool must_block = state == ORIGIN_ON_TRIAL;
	if (state == ORIGIN_USABLE || state == ORIGIN_RAMPING)
		must_block = has_too_many_bad_responses(server, url_hash) && may_block;
	if (must_block) {
		block(subject, &word, fault, now_ms);
		atomic_store_explicit(&server->window, 0, memory_order_relaxed);
	}
	unlock(&subject->lock);
	if (must_block)
		report(subject, word, ORIGIN_BLOCKED, fault);
}

void origin_health_note_response(struct origin_server *server, enum fault fault, uint64_t url_hash,
        bool may_block, uint64_t now_ms)
{
	bool is_after_head = fault == FAULT_TRUNCATED || fault == FAULT_BODY_TIMEOUT;
	if (fault == FAULT_NONE)
		response_succeeded(server, now_ms);
	else if (fault_info(fault)->retry == FAULT_RETRY_RESPONSE && !is_after_head)
		response_failed(server, fault, url_hash, may_block, now_ms);
}

/* ---- the steward ---- */

void origin_health_probed_host(
        struct origin_host *host, bool is_good, enum fault reason, uint64_t now_ms)
{
	if (probed(&host->subject, is_good, reason, now_ms)) {
		lock(&host->subject.lock);
		memset(host->failed_ms, 0, sizeof(host->failed_ms));
		unlock(&host->subject.lock);
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
}

const struct address *origin_health_host_address(const struct origin_host *host)
{
	return &host->address;
}

const struct origin_host *origin_health_server_host(const struct origin_server *server)
{
	return server->host;
}

struct str origin_health_server_domain(const struct origin_server *server)
{
	return server->domain;
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
