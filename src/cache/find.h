/*
 * Looking up: no lock, no allocation, no system call; the cache misses of one bucket (of the second
 * only when needed) and of the record. What was found may be read until the reader's next quiet.
 * The only shared write is the entry's saturating use counter, until it is saturated.
 *
 * Many responses for one URL: the key leads to a spec, which names the fields that decide; the
 * caller makes the variant's text from them and the request, and asks for that.
 */
#pragma once

#include "cache/key.h"
#include "cache/reader.h"
#include "cache/record.h"

enum cache_found {
	CACHE_FOUND_NOTHING,
	CACHE_FOUND_OBJECT,
	CACHE_FOUND_SPEC,
	CACHE_FOUND_PIECE,
	CACHE_FOUND_AWAY, /* on a disk, if it is what was asked for: cache_find_away */
};

/* What a find was led to on a disk; for cache_recall. */
struct cache_away {
	uint64_t hash, location;
};

struct cache_entry {
	const struct cache_object *object;
	struct http_head head; /* in the memory; its fields may not be written to */
	struct str key, variant;
	const uint64_t *tags;    /* object->tag_count hashes */
	struct cache_place body; /* of an object that is_inline, whole; else len is 0 */
	uint64_t id;             /* for cache_find_piece */
	uint64_t sequence;       /* when its fill began */
	bool is_soft_purged;     /* to be treated as stale whatever its freshness says */
};

/* What cache_find_variant and cache_put_object need of a spec. */
struct cache_variants {
	struct str names; /* as cache_put_spec was given them */
	uint64_t epoch;
	uint64_t soft_sequence; /* variants that are older are soft-purged */
};

/* Looks the key up. OBJECT fills *ret_entry, SPEC fills *ret_variants; nothing is written
 * otherwise. What a hard purge covers is not found. */
enum cache_found cache_find(struct cache_reader *reader, const struct cache_key *key,
        struct cache_entry *ret_entry, struct cache_variants *ret_variants);

/* Looks up the variant of `key` under the spec that was found: OBJECT, AWAY or NOTHING. */
MUST_CHECK enum cache_found cache_find_variant(struct cache_reader *reader,
        const struct cache_key *key, const struct cache_variants *variants, struct str variant,
        struct cache_entry *ret_entry);

/* A piece of an object that is not inline: bytes from number * cache_store_piece_bytes on. PIECE,
 * AWAY or NOTHING. */
MUST_CHECK enum cache_found cache_find_piece(
        struct cache_reader *reader, uint64_t id, uint64_t number, struct cache_place *ret_place);

/* After AWAY, until the reader's next find. */
struct cache_away cache_find_away(const struct cache_reader *reader);

/* The same without counting as a use, and without the bytes. */
enum cache_found cache_find_has_piece(struct cache_reader *reader, uint64_t id, uint64_t number);
