/*
 * Records: what the segments are made of, in memory and on disk alike. A record is one granule of
 * header, then its fixed part, then its texts and bytes; it begins at a granule and is padded to
 * one.
 *
 *   object   struct cache_object, key, variant, tags, fields, head, inline body
 *   spec     struct cache_spec, key, names
 *   piece    bytes
 *
 * What is read here comes from a memory that a dying process may have scribbled on: every length is
 * checked against the record, and the checksum (seeded with a secret of the memory and the place
 * where the record lies, so that bytes of a body never pass for a record) is checked by whoever
 * meets a record first. Pure.
 */
#pragma once

#include "base/str.h"
#include "cache/terms.h"
#include "http/head.h"

#include <stdatomic.h>
#include <stdint.h>

enum {
	CACHE_GRANULE = 64,
	CACHE_RECORD_MAGIC = 0x5732, /* "2W" in memory; the format's version is its digit */
	CACHE_GENERATION_BITS = 26,
};

enum cache_kind {
	CACHE_KIND_ROOM, /* reserved, and not or never finished */
	CACHE_KIND_OBJECT,
	CACHE_KIND_SPEC,
	CACHE_KIND_PIECE,
	/* on disk only (cache/disk_format.h) */
	CACHE_KIND_REMOVALS,
	CACHE_KIND_MARK,
};

/* Bits of cache_record.flags. */
enum { CACHE_RECORD_IS_SOFT_PURGED = 1 };

/* The header. What is atomic changes while the record lives, and is outside of the checksum. */
struct cache_record {
	uint16_t magic;
	_Atomic uint8_t kind; /* enum cache_kind; set last by who writes the record */
	_Atomic uint8_t flags;
	uint32_t bytes; /* of the whole record without its padding */
	uint64_t checksum;
	uint64_t hash;     /* in the index */
	uint64_t primary;  /* objects and specs: the hash of the key alone; pieces: the number */
	uint64_t id;       /* objects and pieces: the object's; specs: the epoch */
	uint64_t sequence; /* of the last purge when its fill began */
	/* Objects: the sequence of the last mark that is known not to touch it. Specs: that of the
	 * last soft purge of the URL: variants that are older are stale. */
	_Atomic uint64_t mark;
	/* copy 38 | generation 26: where on a disk the same record lies (0: nowhere), changed under
	 * the lock; and the youngest generation of processes that verified the checksum */
	_Atomic uint64_t memo;
};

_Static_assert(sizeof(struct cache_record) == CACHE_GRANULE, "a header is one granule");

/* What an object is. The caller of cache_put_object sets what is above the line; the store sets
 * what is below, and looks at none of the rest. */
struct cache_object {
	uint64_t length; /* of the body */
	struct cache_terms terms;
	uint32_t etag_at, etag_len; /* in the head's bytes, with W/ and quotes; len 0: none */
	/* ---- */
	uint64_t domain; /* hash */
	uint64_t head_present;
	uint32_t head_len, reason_at, reason_len;
	uint32_t inline_len;
	uint32_t key_len, variant_len;
	uint16_t tag_count, field_count;
	uint8_t minor;
	uint8_t is_inline; /* the body is in the record, whole */
	uint16_t status;
	uint32_t reserved;
};

/* "Responses for this URL vary on these fields." */
struct cache_spec {
	uint32_t key_len, names_len;
};

/* An object as it lies in its record; everything refers to the record's bytes. */
struct cache_record_object {
	const struct cache_object *object;
	struct str key, variant;
	const uint64_t *tags; /* object->tag_count of them */
	struct http_head head;
	uint32_t inline_at; /* from the record's beginning; object->inline_len bytes */
};

/* A spec as it lies in its record. */
struct cache_record_spec {
	struct str key, names;
};

/* Whether what lies at `record`, of which `room` bytes may be looked at, has a header and a length
 * that fit. */
static inline bool cache_record_is_sound(const struct cache_record *record, size_t room)
{
	return room >= sizeof(*record) && record->magic == CACHE_RECORD_MAGIC &&
	       record->bytes >= sizeof(*record) && record->bytes <= room;
}

/* Reads an object of a sound record; false when its parts do not fit into it. The fields' offsets
 * are checked by cache_record_verify. */
MUST_CHECK bool cache_record_read_object(
        const struct cache_record *record, struct cache_record_object *ret_object);

/* The same for a spec. */
MUST_CHECK bool cache_record_read_spec(
        const struct cache_record *record, struct cache_record_spec *ret_spec);

/* Whether all of a sound record is as it was written at this place (checksum), and every offset in
 * it fits. `seed` is the memory's, `location` the record's. */
bool cache_record_verify(const struct cache_record *record, uint64_t seed, uint64_t location);

/* The checksum for a record of this kind at this place; covers all but itself and what changes. */
uint64_t cache_record_checksum(
        const struct cache_record *record, enum cache_kind kind, uint64_t seed, uint64_t location);

/* Offsets from the record's beginning. */
struct cache_record_layout {
	uint64_t key, variant, tags, fields, head, body, end;
};

/* The checksum of the same record at another place, from that at this one. */
uint64_t cache_record_recheck(uint64_t checksum, uint64_t from, uint64_t to, uint64_t seed);

/* Where the parts of an object with these lengths lie. */
void cache_record_lay_out(
        const struct cache_object *object, struct cache_record_layout *ret_layout);

/* What a record of so many bytes takes, with its padding. */
static inline uint32_t cache_record_padded(uint32_t bytes)
{
	return (bytes + CACHE_GRANULE - 1) & ~(uint32_t)(CACHE_GRANULE - 1);
}

static inline enum cache_kind cache_record_kind(const struct cache_record *record)
{
	return (enum cache_kind)atomic_load_explicit(&record->kind, memory_order_acquire);
}

static inline bool cache_record_is_soft_purged(const struct cache_record *record)
{
	uint8_t flags = atomic_load_explicit(&record->flags, memory_order_relaxed);
	return (flags & CACHE_RECORD_IS_SOFT_PURGED) != 0;
}

/* The same, or, of a spec, that variants were. */
bool cache_record_is_soft(const struct cache_record *record);

/* A soft purge with this sequence of an object, or of a spec, for its older variants; of others it
 * is none. */
void cache_record_soften(struct cache_record *record, uint64_t sequence);

static inline uint64_t cache_record_copy(const struct cache_record *record)
{
	return atomic_load_explicit(&record->memo, memory_order_relaxed) >> CACHE_GENERATION_BITS;
}

static inline uint32_t cache_record_checked(const struct cache_record *record)
{
	return (uint32_t)atomic_load_explicit(&record->memo, memory_order_relaxed) &
	       ((1u << CACHE_GENERATION_BITS) - 1);
}

/* Of a record that is being written: no copy, and verified by this generation. */
static inline void cache_record_begin_memo(struct cache_record *record, uint32_t generation)
{
	uint64_t mask = (UINT64_C(1) << CACHE_GENERATION_BITS) - 1;
	atomic_store_explicit(&record->memo, generation & mask, memory_order_relaxed);
}

/* Changes one of the two and leaves the other. */
void cache_record_set_copy(struct cache_record *record, uint64_t copy);
void cache_record_set_checked(struct cache_record *record, uint32_t generation);

/* Copies a sound record of memory into a room (magic, length and the kind ROOM are there)
 * elsewhere. */
void cache_record_move(const struct cache_record *from, uint64_t from_location,
        struct cache_record *to, uint64_t to_location, uint64_t seed);

/* Copies once more what may have changed since, its copy on disk included. */
void cache_record_move_changes(const struct cache_record *from, struct cache_record *to);
