/*
 * What attempts tell: failures are counted, and one too many blocks.
 *
 * A success of a usable entry should write nothing: otherwise each response of each worker would
 * fight for one cache line. A host forgets failures by their age alone, so there a success means
 * nothing. A server's last attempts are a shift register with a count; once it has no failure left
 * and is full, one more success would not change it, and is not written.
 *
 * The URLs of the failures in the register are kept apart, newest last: as many of them as the
 * register has bits are the ones that count.
 */
#include "base/mem.h"
#include "base/random.h"
#include "origin/health_private.h"

enum {
	SUSPECT_GAP_MS = 1000,
	SUCCESS_SAMPLE = 64,
};

/* Counts a success: one of SUCCESS_SAMPLE stands for all of them. */
static void count_success(struct origin_subject *subject)
{
	if (random_u64() % SUCCESS_SAMPLE == 0)
		atomic_fetch_add_explicit(
		        &subject->successes, SUCCESS_SAMPLE, memory_order_relaxed);
}

static void connection_succeeded(struct origin_host *host, uint64_t now_ms)
{
	struct origin_subject *subject = &host->subject;
	uint64_t word = origin_health_word_of(subject);
	/* A trial is the whole of one real request, so that no other follows it before its outcome
	 * is known: what answered, or failed to, ends it. */
	bool is_ramping = origin_health_word_state(word) == ORIGIN_RAMPING;
	if (is_ramping && origin_health_is_ramp_over(subject, word, now_ms))
		origin_health_end_ramp(subject, word);
	count_success(subject);
}

/* Adds a failure to the ring; true when there are enough of them within the window. */
static bool has_too_many_failures(struct origin_host *host, uint64_t now_ms)
{
	const struct origin_health_options *options = &host->subject.health->options;
	host->failed_ms[host->failed_at++ % ORIGIN_HEALTH_CONNECTION_FAILURES_MAX] = now_ms;
	unsigned count = 0;
	for (unsigned i = 0; i < ORIGIN_HEALTH_CONNECTION_FAILURES_MAX; i++)
		count += host->failed_ms[i] != 0 &&
		         host->failed_ms[i] + options->connection_window_ms > now_ms;
	return count >= options->connection_failures;
}

static void connection_failed(struct origin_host *host, enum fault fault, uint64_t now_ms)
{
	struct origin_subject *subject = &host->subject;
	atomic_fetch_add_explicit(&subject->failures, 1, memory_order_relaxed);
	origin_health_lock(&subject->lock);
	uint64_t word = origin_health_word_of(subject);
	enum origin_state state = origin_health_word_state(word);
	bool is_good = state == ORIGIN_USABLE || state == ORIGIN_RAMPING;
	bool must_block = is_good ? has_too_many_failures(host, now_ms) : state == ORIGIN_ON_TRIAL;
	bool is_suspect = is_good && !must_block && now_ms >= host->suspect_ms;
	if (must_block) {
		origin_health_block(subject, &word, fault, now_ms);
		memset(host->failed_ms, 0, sizeof(host->failed_ms));
	} else if (is_suspect) {
		host->suspect_ms = now_ms + SUSPECT_GAP_MS;
	}
	origin_health_unlock(&subject->lock);
	if (must_block)
		origin_health_report(subject, word, ORIGIN_BLOCKED, fault);
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
	uint32_t mask = UINT32_MAX >> (ORIGIN_HEALTH_RESPONSE_WINDOW_MAX - size);
	uint64_t after, window = origin_health_load(&server->window);
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

/* Whatever came over it, the connection of a host on trial stood. */
static void pass_trial_of_host(struct origin_server *server, uint64_t now_ms)
{
	struct origin_subject *host = &server->host->subject;
	if (origin_health_word_state(origin_health_word_of(host)) == ORIGIN_ON_TRIAL)
		origin_health_pass_trial(host, now_ms);
}

static void response_succeeded(struct origin_server *server, uint64_t now_ms)
{
	struct origin_subject *subject = &server->subject;
	uint64_t word = origin_health_word_of(subject);
	switch (origin_health_word_state(word)) {
	case ORIGIN_USABLE:
		window_push(server, false);
		break;
	case ORIGIN_RAMPING:
		window_push(server, false);
		if (origin_health_is_ramp_over(subject, word, now_ms))
			origin_health_end_ramp(subject, word);
		break;
	case ORIGIN_ON_TRIAL:
		origin_health_pass_trial(subject, now_ms);
		break;
	case ORIGIN_BLOCKED:
	case ORIGIN_PROBING:
	case ORIGIN_READY:
		break; /* a straggler from before the block */
	}
	count_success(subject);
	pass_trial_of_host(server, now_ms);
}

/* Keeps the failure's URL, and counts how many different ones the last `failures` have. */
static unsigned keep_url(struct origin_server *server, uint64_t url_hash, unsigned failures)
{
	if (server->urls == NULL)
		server->urls = mem_new(struct origin_failed_urls);
	struct origin_failed_urls *urls = server->urls;
	urls->hash[urls->next++ % ORIGIN_HEALTH_RESPONSE_WINDOW_MAX] = url_hash;
	unsigned different = 0;
	for (unsigned i = 1; i <= failures && i <= urls->next; i++) {
		uint64_t hash = urls->hash[(urls->next - i) % ORIGIN_HEALTH_RESPONSE_WINDOW_MAX];
		bool is_new = true;
		for (unsigned k = 1; k < i && is_new; k++)
			is_new = urls->hash[(urls->next - k) % ORIGIN_HEALTH_RESPONSE_WINDOW_MAX] !=
			         hash;
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
	struct origin_subject *subject = &server->subject;
	atomic_fetch_add_explicit(&subject->failures, 1, memory_order_relaxed);
	origin_health_lock(&subject->lock);
	uint64_t word = origin_health_word_of(subject);
	enum origin_state state = origin_health_word_state(word);
	bool must_block = state == ORIGIN_ON_TRIAL;
	if (state == ORIGIN_USABLE || state == ORIGIN_RAMPING)
		must_block = has_too_many_bad_responses(server, url_hash) && may_block;
	if (must_block) {
		origin_health_block(subject, &word, fault, now_ms);
		atomic_store_explicit(&server->window, 0, memory_order_relaxed);
	}
	origin_health_unlock(&subject->lock);
	if (must_block)
		origin_health_report(subject, word, ORIGIN_BLOCKED, fault);
	pass_trial_of_host(server, now_ms);
}

void origin_health_note_response(struct origin_server *server, enum fault fault, uint64_t url_hash,
        bool may_block, uint64_t now_ms)
{
	bool is_after_head =
	        fault == FAULT_TRUNCATED || fault == FAULT_BODY_TIMEOUT || fault == FAULT_BODY_RATE;
	if (fault == FAULT_NONE)
		response_succeeded(server, now_ms);
	else if (fault_info(fault)->retry == FAULT_RETRY_RESPONSE && !is_after_head)
		response_failed(server, fault, url_hash, may_block, now_ms);
}

void origin_health_note_latency(struct origin_server *server, uint32_t latency_us)
{
	/* Each worker has smoothed its own, so any of them will do. */
	bool is_first = atomic_load_explicit(&server->latency_us, memory_order_relaxed) == 0;
	if (is_first || random_u64() % SUCCESS_SAMPLE == 0)
		atomic_store_explicit(&server->latency_us, latency_us, memory_order_relaxed);
}

void origin_health_note_attempts(struct origin_server *server, uint32_t count)
{
	atomic_fetch_add_explicit(&server->attempts, count, memory_order_relaxed);
}
