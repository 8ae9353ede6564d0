/*
 * What lies on a disk. Numbers are in the machine's own order; a disk that was moved between
 * machines of different kinds has a magic that nobody knows, and is refused. One that has ours, but
 * is of another version or damaged, is begun anew.
 *
 *   header     one page: struct cache_disk_header
 *   segments   from CACHE_DISK_DATA_AT on, each of `segment_bytes`:
 *                struct cache_disk_head    one granule
 *                records                   as in memory (cache/record.h), each at a granule
 *                table                     where the segment is full
 *                struct cache_disk_foot    the last granule, likewise
 *
 * Two kinds of records are only on disk: removals and a mark. The checksum of a record is seeded
 * with cache_disk_place. Everything that is read is checked here. Pure.
 */
#pragma once

#include "base/hash.h"
#include "cache/record.h"

enum {
	CACHE_DISK_DATA_AT = 65536,
	CACHE_DISK_GRANULE_BITS = 18,
	CACHE_DISK_SEGMENT_BITS = 19,
	CACHE_DISK_SEGMENT_BYTES_MIN = 2 << 20,
	CACHE_DISK_SEGMENT_BYTES_MAX = 16 << 20,
	CACHE_DISK_BATCH_REMOVALS = 256,
	CACHE_DISK_LOOK_BYTES = CACHE_DISK_DATA_AT + CACHE_GRANULE,
};

/* Of the whole disk. */
struct cache_disk_header {
	uint64_t magic;
	uint32_t version, segment_bytes;
	uint32_t segments, first; /* first: the number of its first one among those of all disks */
	uint64_t session;         /* counts the memories that had it */
	uint64_t seed;            /* of checksums */
	uint64_t
	        epoch; /* drawn when the disk was begun; heads and tables of another one are none */
	unsigned char secret[HASH_KEY_BYTES]; /* of key hashes */
	uint64_t checksum;
};

struct cache_disk_head {
	uint64_t magic;
	uint64_t order; /* in the log; 0: nothing is here */
	uint64_t checksum;
	uint64_t before; /* the order of the segment that was opened before; 0: none. Unchecked */
	uint64_t reserved[4];
};

/* The entries before it, in the order of the log. */
struct cache_disk_foot {
	uint64_t magic;
	uint64_t order;
	uint64_t checksum; /* of all above, of count and of the entries */
	uint32_t count;
	uint32_t reserved[9];
};

/* One record: where:  granule in the segment 18 | granules 18 | kind 4 (enum cache_kind) */
struct cache_disk_entry {
	uint64_t hash;
	uint64_t where;
};

enum cache_removal_kind {
	CACHE_REMOVAL_PLACE, /* the record at `what`, a location, of the segment's `order` */
	CACHE_REMOVAL_SOFT,  /* the same is stale */
	CACHE_REMOVAL_HASH,  /* all records with the hash `what` that lie before this one */
	CACHE_REMOVAL_KINDS,
};

struct cache_removal {
	uint64_t what;
	uint64_t order_kind; /* order << 2 | kind */
};

enum cache_mark_kind {
	CACHE_MARK_ALL,
	CACHE_MARK_TAG,    /* of a domain; its own hash means all of the domain */
	CACHE_MARK_PREFIX, /* of keys */
	CACHE_MARK_FLOOR,  /* all records whose sequence is below this one's are gone */
	CACHE_MARK_KINDS,
};

/* The body of a record of the kind MARK; its sequence is the record's, `len` bytes of text follow.
 */
struct cache_disk_mark {
	uint64_t domain, tag;
	uint32_t len;
	uint8_t kind; /* enum cache_mark_kind */
	uint8_t is_soft;
	uint16_t reserved;
};

_Static_assert(sizeof(struct cache_disk_head) == CACHE_GRANULE, "one granule");
_Static_assert(sizeof(struct cache_disk_foot) == CACHE_GRANULE, "one granule");
_Static_assert(CACHE_DISK_SEGMENT_BYTES_MAX / CACHE_GRANULE == 1 << CACHE_DISK_GRANULE_BITS,
        "a place in the largest segment can be said");

/* How large the segments of a disk of so many bytes are, and how many it has. */
uint32_t cache_disk_segment_bytes(uint64_t bytes);
uint32_t cache_disk_segments(uint64_t bytes);

/* Where in the file a segment begins. */
static inline uint64_t cache_disk_segment_at(uint32_t segment_bytes, uint32_t segment)
{
	return CACHE_DISK_DATA_AT + (uint64_t)segment * segment_bytes;
}

/* What stands for a location in the checksum of a record on disk. */
static inline uint64_t cache_disk_place(uint64_t location, uint64_t order)
{
	return location ^ hash_mix(order, UINT64_C(0x5851f42d4c957f2d));
}

/* Sets magic, version and checksum. */
void cache_disk_seal_header(struct cache_disk_header *header);

/* Whether a header is one, undamaged, with numbers within their bounds. */
bool cache_disk_is_header(const struct cache_disk_header *header);

/* Whether a file that begins with these bytes (CACHE_DISK_LOOK_BYTES, fewer where it is shorter)
 * may be written over: it has our magic, or nothing where file systems and volume managers have
 * theirs, which is not always the first page. */
bool cache_disk_is_free_for_us(const void *start, size_t count);

void cache_disk_seal_head(struct cache_disk_head *head, uint64_t order, uint64_t seed);

/* The order; 0 where there is nothing, or nothing sound. */
uint64_t cache_disk_order_of(const struct cache_disk_head *head, uint64_t seed);

/* Bytes that a table of so many entries takes with its foot, whole granules. */
uint32_t cache_disk_table_bytes(uint32_t count);

void cache_disk_seal_table(struct cache_disk_foot *foot, const struct cache_disk_entry *entries,
        uint32_t count, uint64_t order, uint64_t seed);

/* How many entries the table before this foot has, as far as a segment of this size can; 0 when it
 * is none of this order. */
uint32_t cache_disk_count_of(
        const struct cache_disk_foot *foot, uint64_t order, uint32_t segment_bytes);

/* Whether the entries are what was written, and each leads into a segment of this size. */
bool cache_disk_is_table(const struct cache_disk_foot *foot, const struct cache_disk_entry *entries,
        uint64_t seed, uint32_t segment_bytes);

static inline uint32_t cache_disk_entry_offset(const struct cache_disk_entry *entry)
{
	return (uint32_t)(entry->where & ((1u << CACHE_DISK_GRANULE_BITS) - 1)) * CACHE_GRANULE;
}

/* With its padding. */
static inline uint32_t cache_disk_entry_bytes(const struct cache_disk_entry *entry)
{
	return (uint32_t)(entry->where >> CACHE_DISK_GRANULE_BITS &
	                  ((1u << CACHE_DISK_GRANULE_BITS) - 1)) *
	       CACHE_GRANULE;
}

static inline enum cache_kind cache_disk_entry_kind(const struct cache_disk_entry *entry)
{
	return (enum cache_kind)(entry->where >> 2 * CACHE_DISK_GRANULE_BITS & 15);
}

static inline struct cache_disk_entry cache_disk_entry_make(
        uint64_t hash, uint32_t offset, uint32_t bytes, enum cache_kind kind)
{
	uint64_t granules = (bytes + CACHE_GRANULE - 1) / CACHE_GRANULE;
	return (struct cache_disk_entry){
	        .hash = hash,
	        .where = (uint64_t)kind << 2 * CACHE_DISK_GRANULE_BITS |
	                 granules << CACHE_DISK_GRANULE_BITS | offset / CACHE_GRANULE,
	};
}

/* The removals of a sound, verified record of that kind; NULL (and 0) when it has not whole ones.
 */
const struct cache_removal *cache_disk_read_removals(
        const struct cache_record *record, unsigned *ret_count);

/* The mark of a sound, verified record of that kind, and its text; NULL when it makes no sense. */
const struct cache_disk_mark *cache_disk_read_mark(
        const struct cache_record *record, struct str *ret_text);
