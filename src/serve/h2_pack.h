/*
 * Packing heads for HTTP/2 (HPACK, RFC 7541): field lines become a block, and those that are sent
 * again become one byte. What the peer remembers is known here by name and value, so that a field
 * is found by its name's number and one comparison; no field is hashed, and what is not remembered
 * is not squeezed by the Huffman code. Who sends blocks sends all of them, in the order in which
 * they were packed: each leaves the peer's table as it is here. One for a connection. Pure.
 */
#pragma once

#include "base/limit.h"
#include "http/name.h"
#include "http/write.h"

enum {
	/* What the smallest entry of the table counts (RFC 7541 section 4.1). */
	SERVE_H2_PACK_ENTRY_BYTES = 32,
	SERVE_H2_PACK_ENTRIES = LIMIT_H2_ENCODER_BYTES / SERVE_H2_PACK_ENTRY_BYTES,
	/* The most text that entries can have. */
	SERVE_H2_PACK_TEXT_BYTES = LIMIT_H2_ENCODER_BYTES - SERVE_H2_PACK_ENTRY_BYTES,
	SERVE_H2_PACK_NAMES = HTTP_NAME_OTHER + 1,
	SERVE_H2_PACK_SEEN = 32,
	/* An index of the newest entry, behind those of RFC 7541 appendix A. */
	SERVE_H2_PACK_INDEXED = 0x80 + 62,
	/* What is needed at most of a block: for a field besides name and value, for a status, and
	 * at its beginning. */
	SERVE_H2_PACK_FIELD_ROOM = 10 + HTTP_NAME_BYTES,
	SERVE_H2_PACK_STATUS_ROOM = 5,
	SERVE_H2_PACK_BEGIN_ROOM = 8,
};

/* One field that the peer remembers. In the text it has its value, behind its name if that is none
 * that we know. */
struct serve_h2_pack_entry {
	uint16_t key;                /* serve_h2_pack_key */
	uint16_t size;               /* as RFC 7541 counts */
	uint16_t at : 10, older : 5; /* older: where the one before with this id is, or was */
};

struct serve_h2_pack {
	uint16_t end;                      /* of the text that is in use */
	uint16_t limit;                    /* of the table, by the sizes of RFC 7541 section 4.1 */
	uint16_t lowest;                   /* that it had since the last block */
	uint16_t bytes;                    /* of all entries */
	uint8_t count;                     /* entries */
	uint8_t newest;                    /* where in `entries` */
	bool is_limited;                   /* the peer is to be told its limit */
	uint8_t last[SERVE_H2_PACK_NAMES]; /* by id: where the newest entry is, or was */
	uint16_t seen[SERVE_H2_PACK_SEEN]; /* marks of values that were sent and not remembered */
	struct serve_h2_pack_entry entries[SERVE_H2_PACK_ENTRIES]; /* a ring */
	char text[SERVE_H2_PACK_TEXT_BYTES];
};

/* Begins; the peer allows what it does before it says anything (4,096 bytes). The text is not
 * touched yet. */
void serve_h2_pack_init(struct serve_h2_pack *pack);

/* The peer allows another size from the next block on (SETTINGS_HEADER_TABLE_SIZE). */
void serve_h2_pack_limit(struct serve_h2_pack *pack, uint32_t allowed);

/* Begins a block, in which there is room for SERVE_H2_PACK_BEGIN_ROOM. */
void serve_h2_pack_begin(struct serve_h2_pack *pack, struct http_writer *block);

/* The pseudo-header field of a response, 100 to 999; SERVE_H2_PACK_STATUS_ROOM. */
void serve_h2_pack_status(struct http_writer *block, unsigned status);

/* What serve_h2_pack_field does with a field that was not the last one of its name; not for anybody
 * else. */
void serve_h2_pack_search(struct serve_h2_pack *pack, struct http_writer *block, enum http_name id,
        struct str name, struct str value);

/* How many entries came behind the one at a place. */
static inline unsigned serve_h2_pack_age(const struct serve_h2_pack *pack, unsigned slot)
{
	return (pack->newest - slot) & (SERVE_H2_PACK_ENTRIES - 1);
}

/* What a field is compared by first: the length of its value, and its id. What is no entry has that
 * of no field, and those with names that we do not know have one more than their id. */
static inline uint64_t serve_h2_pack_key(unsigned id, size_t value_len)
{
	return (uint64_t)value_len << 6 | id;
}

/* memcmp, for a few bytes: in steps of a size, of which the last two overlap. */
static inline bool serve_h2_pack_is_same(const char *at, const char *other, size_t length)
{
	if (length < 4)
		return length == 0 || (at[0] == other[0] && at[length / 2] == other[length / 2] &&
		                              at[length - 1] == other[length - 1]);
	if (length < 8)
		return memcmp(at, other, 4) == 0 &&
		       memcmp(at + length - 4, other + length - 4, 4) == 0;
	if (length < 16)
		return memcmp(at, other, 8) == 0 &&
		       memcmp(at + length - 8, other + length - 8, 8) == 0;
	for (size_t i = 0; i < length - 16; i += 16)
		if (memcmp(at + i, other + i, 16) != 0)
			return false;
	return memcmp(at + length - 16, other + length - 16, 16) == 0;
}

/* One field; its name, its value and SERVE_H2_PACK_FIELD_ROOM. A name may be in any case, and is
 * written in lower case; of one that is known by its id `name` is not looked at. */
static inline void serve_h2_pack_field(struct serve_h2_pack *pack, struct http_writer *block,
        enum http_name id, struct str name, struct str value)
{
	unsigned slot = pack->last[id];
	const struct serve_h2_pack_entry *entry = &pack->entries[slot];
	if (entry->key != serve_h2_pack_key(id, value.len) ||
	        !serve_h2_pack_is_same(pack->text + entry->at, value.at, value.len)) {
		serve_h2_pack_search(pack, block, id, name, value);
		return;
	}
	CHECK(block->at < block->end);
	*block->at++ = (char)(SERVE_H2_PACK_INDEXED + serve_h2_pack_age(pack, slot));
}
