/*
 * A bucket fills with failures and empties evenly: what is kept of it is the time at which it will
 * be empty. There is a fixed number of them, into which addresses and accounts fall by a keyed
 * hash, so that who shares one with whom is nobody's choice.
 *
 * An IPv6 client is its /64. An account has more room than a client: one client's guesses must not
 * lock its owner out.
 */
#include "control/throttle.h"

#include "base/hash.h"
#include "base/limit.h"
#include "base/mem.h"

#include <pthread.h>

enum {
	BUCKETS = 4096, /* of either kind */
	CLIENT_COST_MS = LIMIT_LOGIN_WINDOW_MS / LIMIT_LOGIN_FAILURES,
	ACCOUNT_COST_MS = LIMIT_LOGIN_WINDOW_MS / LIMIT_LOGIN_ACCOUNT_FAILURES,
};

struct control_throttle {
	pthread_mutex_t lock;
	uint64_t clients[BUCKETS], accounts[BUCKETS]; /* when each will be empty */
};

struct control_throttle *control_throttle_new(void)
{
	struct control_throttle *throttle = mem_new(struct control_throttle);
	CHECK(pthread_mutex_init(&throttle->lock, NULL) == 0);
	return throttle;
}

void control_throttle_free(struct control_throttle *throttle)
{
	if (throttle == NULL)
		return;
	pthread_mutex_destroy(&throttle->lock);
	mem_free(throttle);
}

static uint64_t *client_bucket(struct control_throttle *throttle, const struct address *client)
{
	size_t length = address_is_v4(client) ? sizeof(client->ip) : sizeof(client->ip) / 2;
	return &throttle->clients[hash_keyed(client->ip, length) % BUCKETS];
}

static uint64_t *account_bucket(struct control_throttle *throttle, struct str account)
{
	return &throttle->accounts[hash_keyed(account.at, account.len) % BUCKETS];
}

/* How long until one failure more has room. */
static uint64_t wait_of(uint64_t empty_ms, uint64_t cost_ms, uint64_t now_ms)
{
	uint64_t full_ms = now_ms + LIMIT_LOGIN_WINDOW_MS;
	return empty_ms + cost_ms > full_ms ? empty_ms + cost_ms - full_ms : 0;
}

static void fill(uint64_t *bucket, uint64_t cost_ms, uint64_t now_ms)
{
	*bucket = (*bucket > now_ms ? *bucket : now_ms) + cost_ms;
}

uint64_t control_throttle_enter(
        struct control_throttle *throttle, const struct control_throttle_try *attempt)
{
	uint64_t *client = client_bucket(throttle, &attempt->client);
	uint64_t *account = account_bucket(throttle, attempt->account);
	CHECK(pthread_mutex_lock(&throttle->lock) == 0);
	uint64_t wait_ms = wait_of(*client, CLIENT_COST_MS, attempt->now_ms);
	uint64_t other_ms = wait_of(*account, ACCOUNT_COST_MS, attempt->now_ms);
	wait_ms = other_ms > wait_ms ? other_ms : wait_ms;
	if (wait_ms == 0) {
		fill(client, CLIENT_COST_MS, attempt->now_ms);
		fill(account, ACCOUNT_COST_MS, attempt->now_ms);
	}
	pthread_mutex_unlock(&throttle->lock);
	return wait_ms;
}

void control_throttle_clear(
        struct control_throttle *throttle, const struct control_throttle_try *attempt)
{
	uint64_t *client = client_bucket(throttle, &attempt->client);
	uint64_t *account = account_bucket(throttle, attempt->account);
	CHECK(pthread_mutex_lock(&throttle->lock) == 0);
	*client -= *client > CLIENT_COST_MS ? CLIENT_COST_MS : *client;
	*account -= *account > ACCOUNT_COST_MS ? ACCOUNT_COST_MS : *account;
	pthread_mutex_unlock(&throttle->lock);
}
