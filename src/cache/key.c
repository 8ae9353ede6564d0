/*
 * Each kind of hash is of its own shape (a text; a hash, an epoch and a text; two numbers), and a
 * domain's and a tag's begin with a letter that no other begins with.
 */
#include "cache/key.h"

#include "cache/store_private.h"

static uint64_t hash_text(const struct cache_store *store, struct str text)
{
	return hash_under_key(text.at, text.len, store->secret);
}

static uint64_t hash_numbers(const struct cache_store *store, const uint64_t *numbers, size_t size)
{
	return hash_under_key(numbers, size, store->secret);
}

struct cache_key cache_key_make(const struct cache_store *store, struct str text)
{
	return (struct cache_key){.text = text, .hash = hash_text(store, text)};
}

uint64_t cache_key_variant(const struct cache_store *store, const struct cache_key *key,
        uint64_t epoch, struct str variant)
{
	const uint64_t numbers[] = {key->hash, epoch, hash_text(store, variant)};
	return hash_numbers(store, numbers, sizeof(numbers));
}

uint64_t cache_key_piece(const struct cache_store *store, uint64_t id, uint64_t number)
{
	/* A memory that cuts otherwise must not find what one before left on a disk. */
	const uint64_t numbers[] = {id, number, store->geometry.piece_bytes};
	return hash_numbers(store, numbers, sizeof(numbers));
}

uint64_t cache_key_domain(const struct cache_store *store, struct str name)
{
	const uint64_t numbers[] = {'d', hash_text(store, name)};
	uint64_t hash = hash_numbers(store, numbers, sizeof(numbers));
	return hash != 0 ? hash : 1;
}

uint64_t cache_key_tag(const struct cache_store *store, uint64_t domain, struct str tag)
{
	const uint64_t numbers[] = {'t', domain, hash_text(store, tag)};
	uint64_t hash = hash_numbers(store, numbers, sizeof(numbers));
	return hash != 0 ? hash : 1;
}
