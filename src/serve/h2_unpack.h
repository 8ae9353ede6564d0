/*
 * Unpacking heads of HTTP/2 (HPACK, RFC 7541): a block becomes fields. What is remembered for the
 * peer is 4,096 bytes by the RFC's count, which it need not be told; its text and what is known of
 * it lie in one place of that size, of which no more is touched than what is remembered needs. One
 * for a connection; nothing is allocated. Pure.
 */
#pragma once

#include "base/limit.h"
#include "http/name.h"
#include "serve/h2_huffman.h"
#include "serve/h2_rules.h"

enum {
	SERVE_H2_UNPACK_TABLE_BYTES = 4096, /* RFC 9113 section 6.5.2 */
	SERVE_H2_UNPACK_FIRST_BYTES = 512,  /* of it, that are used at first */
};

/* One field that is remembered. */
struct serve_h2_unpack_entry {
	uint16_t at; /* of its name, behind which is its value */
	uint16_t name_len, value_len;
	uint8_t id, pseudo; /* of its name */
};

struct serve_h2_unpack {
	uint16_t limit;  /* of the table, by the sizes of RFC 7541 section 4.1 */
	uint16_t bytes;  /* of all entries */
	uint16_t room;   /* bytes of `entries` that are in use … */
	uint16_t end;    /* … from the front for text, up to here … */
	uint16_t newest; /* … and from the end for entries, the newest first, from here */
	uint8_t count;   /* of them */
	uint8_t updates; /* of its limit, that may yet come in this block */
	struct serve_h2_unpack_entry
	        entries[SERVE_H2_UNPACK_TABLE_BYTES / sizeof(struct serve_h2_unpack_entry)];
};

/* What strings in the Huffman code become, one field at a time; one for all connections of a
 * thread. It is touched as far as the longest field needs. */
struct serve_h2_scratch {
	char text[LIMIT_H2_DECODED_BYTES + 2 * SERVE_H2_HUFFMAN_SPARE];
};

/* A name is as it came, and may be one that no field has (h2_rules.h judges). Of names that begin
 * with a colon the id is HTTP_NAME_OTHER, of the others `pseudo` is SERVE_H2_PSEUDO_NONE. */
struct serve_h2_unpack_field {
	struct str name, value;
	enum http_name id;
	enum serve_h2_pseudo pseudo;
};

enum serve_h2_unpacked {
	SERVE_H2_UNPACKED_FIELD,  /* there is one */
	SERVE_H2_UNPACKED_END,    /* nothing is left of the block */
	SERVE_H2_UNPACKED_MORE,   /* what is left has to come again, in front of what follows; if
	                             nothing does, that is an error, too */
	SERVE_H2_UNPACKED_LONG,   /* name and value could take more than LIMIT_H2_DECODED_BYTES */
	SERVE_H2_UNPACKED_BROKEN, /* RFC 7541 forbids it: COMPRESSION_ERROR */
};

/* Begins, with nothing remembered. Does not touch `entries`. */
void serve_h2_unpack_init(struct serve_h2_unpack *unpack);

/* A block begins: only here may the table be given other limits, twice at most (RFC 7541 section
 * 4.2). */
static inline void serve_h2_unpack_begin(struct serve_h2_unpack *unpack)
{
	unpack->updates = 2;
}

/*
 * Takes the next whole field off the front of the block, which goes on until END. The field's name
 * and value lie in the block, the scratch or the table, and last until the next call. Behind LONG
 * and BROKEN nothing that the peer sends can be understood.
 */
MUST_CHECK enum serve_h2_unpacked serve_h2_unpack_next(struct serve_h2_unpack *unpack,
        struct serve_h2_scratch *scratch, struct str *block,
        struct serve_h2_unpack_field *ret_field);
