/*
 * A table with one place for each of some hundred hashes: what comes later takes the place. A
 * secret itself is not kept, but a keyed hash of it of 32 bytes, which is compared whole.
 *
 * What is found out is remembered only if nothing was changed while the store was asked.
 */
#include "control/guard.h"

#include "base/mem.h"

#include <pthread.h>
#include <sodium.h>

enum { PLACES = 512, HASH_BYTES = 32 };

struct place {
	unsigned char hash[HASH_BYTES];
	uint64_t generation; /* 0: nothing is here */
	struct store_pass pass;
};

struct control_guard {
	pthread_mutex_t lock;
	uint64_t generation;
	unsigned char key[crypto_generichash_KEYBYTES];
	struct place places[PLACES];
};

struct control_guard *control_guard_new(void)
{
	CHECK(sodium_init() >= 0);
	struct control_guard *guard = mem_new(struct control_guard);
	CHECK(pthread_mutex_init(&guard->lock, NULL) == 0);
	guard->generation = 1;
	randombytes_buf(guard->key, sizeof(guard->key));
	return guard;
}

void control_guard_free(struct control_guard *guard)
{
	if (guard == NULL)
		return;
	pthread_mutex_destroy(&guard->lock);
	sodium_memzero(guard, sizeof(*guard));
	mem_free(guard);
}

bool control_guard_is_secret(struct str text)
{
	if (text.len != STORE_SECRET_BYTES - 1 || !str_has_prefix(text, STR("hw")))
		return false;
	for (size_t i = 0; i < text.len; i++) {
		char c = text.at[i];
		if (!((c >= '0' && c <= '9') || (str_lower(c) >= 'a' && str_lower(c) <= 'z') ||
		            c == '-' || c == '_'))
			return false;
	}
	return true;
}

static void hash_secret(
        const struct control_guard *guard, struct str secret, unsigned char hash[HASH_BYTES])
{
	CHECK(crypto_generichash(hash, HASH_BYTES, (const unsigned char *)secret.at, secret.len,
	              guard->key, sizeof(guard->key)) == 0);
}

static struct place *place_of(struct control_guard *guard, const unsigned char hash[HASH_BYTES])
{
	return &guard->places[(hash[0] | (unsigned)hash[1] << 8) % PLACES];
}

bool control_guard_look(struct control_guard *guard, struct str secret, uint64_t now_ms,
        struct store_pass *ret_pass)
{
	unsigned char hash[HASH_BYTES];
	hash_secret(guard, secret, hash);
	const struct place *place = place_of(guard, hash);
	CHECK(pthread_mutex_lock(&guard->lock) == 0);
	bool is_known = place->generation == guard->generation &&
	                sodium_memcmp(place->hash, hash, HASH_BYTES) == 0 &&
	                (place->pass.expires_ms == 0 || place->pass.expires_ms > now_ms);
	if (is_known)
		*ret_pass = place->pass;
	pthread_mutex_unlock(&guard->lock);
	return is_known;
}

enum store_failure control_guard_ask(struct control_guard *guard, struct store *store,
        struct str secret, uint64_t now_ms, struct store_pass *ret_pass)
{
	unsigned char hash[HASH_BYTES];
	CHECK(pthread_mutex_lock(&guard->lock) == 0);
	uint64_t generation = guard->generation;
	pthread_mutex_unlock(&guard->lock);
	enum store_failure failure = store_accounts_find_pass(store, secret, now_ms, ret_pass);
	if (failure != STORE_DONE)
		return failure;
	hash_secret(guard, secret, hash);
	struct place *place = place_of(guard, hash);
	CHECK(pthread_mutex_lock(&guard->lock) == 0);
	if (generation == guard->generation) {
		memcpy(place->hash, hash, HASH_BYTES);
		place->generation = generation;
		place->pass = *ret_pass;
	}
	pthread_mutex_unlock(&guard->lock);
	return STORE_DONE;
}

void control_guard_forget(struct control_guard *guard)
{
	CHECK(pthread_mutex_lock(&guard->lock) == 0);
	guard->generation++;
	pthread_mutex_unlock(&guard->lock);
}

void control_guard_csrf(struct str secret, char ret_token[CONTROL_GUARD_CSRF_BYTES])
{
	static const unsigned char KEY[] = "headwater: what a session's page must send";
	unsigned char hash[(CONTROL_GUARD_CSRF_BYTES - 1) / 2];
	CHECK(crypto_generichash(hash, sizeof(hash), (const unsigned char *)secret.at, secret.len,
	              KEY, sizeof(KEY) - 1) == 0);
	sodium_bin2hex(ret_token, CONTROL_GUARD_CSRF_BYTES, hash, sizeof(hash));
}

bool control_guard_is_csrf(struct str secret, struct str text)
{
	char token[CONTROL_GUARD_CSRF_BYTES];
	control_guard_csrf(secret, token);
	return text.len == sizeof(token) - 1 && sodium_memcmp(text.at, token, text.len) == 0;
}
