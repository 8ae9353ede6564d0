/*
 * Two unpackers of one peer's blocks: serve/h2_unpack.h and nghttp2's, which have to find the same
 * fields, the same errors, and a table of the same size. For tests and the fuzz target; a
 * difference aborts.
 *
 * One is meant: that a limit is given more than twice in front of a block is an error here (RFC
 * 7541 section 4.2 has at most two); nghttp2 takes any number.
 */
#pragma once

#include "base/mem.h"
#include "serve/h2_unpack.h"

#include <nghttp2/nghttp2.h>

enum { UNPACKERS_SPLITS = 50 }; /* where a block is cut in two parts, at most */

struct unpackers {
	struct serve_h2_unpack ours, before; /* the last block */
	struct serve_h2_scratch scratch;
	nghttp2_hd_inflater *theirs;
	struct text found; /* in the last block: lines, and how it ended */
};

static inline void unpackers_begin(struct unpackers *unpackers)
{
	serve_h2_unpack_init(&unpackers->ours);
	unpackers->found = (struct text){.at = NULL};
	CHECK(nghttp2_hd_inflate_new(&unpackers->theirs) == 0);
}

static inline void unpackers_end(struct unpackers *unpackers)
{
	nghttp2_hd_inflate_del(unpackers->theirs);
	text_done(&unpackers->found);
}

static inline void unpackers_check_table(const struct serve_h2_unpack *unpack)
{
	size_t bytes = 0;
	CHECK(unpack->bytes <= unpack->limit && unpack->room <= SERVE_H2_UNPACK_TABLE_BYTES);
	CHECK(unpack->end <= unpack->newest * sizeof(unpack->entries[0]));
	CHECK((unpack->newest + unpack->count) * sizeof(unpack->entries[0]) <= unpack->room);
	for (unsigned i = 0; i < unpack->count; i++) {
		const struct serve_h2_unpack_entry *entry = &unpack->entries[unpack->newest + i];
		CHECK(entry->at + entry->name_len + entry->value_len <= unpack->end);
		bytes += entry->name_len + entry->value_len + 32U;
	}
	CHECK(bytes == unpack->bytes);
}

static inline void unpackers_note(struct text *found, const struct serve_h2_unpack_field *field)
{
	bool is_pseudo = field->name.len > 0 && field->name.at[0] == ':';
	CHECK(field->id == (is_pseudo ? HTTP_NAME_OTHER : http_name_of(field->name)));
	CHECK(field->pseudo == serve_h2_rules_pseudo(field->name));
	text_add(found, field->name);
	text_add(found, STR(": "));
	text_add(found, field->value);
	text_add(found, STR("\r\n"));
}

/* Takes all that there is of a block, as memory of exactly its size; what is left is *rest. */
static inline enum serve_h2_unpacked unpackers_take(struct unpackers *unpackers,
        struct serve_h2_unpack *unpack, struct str block, struct text *found, size_t *ret_rest)
{
	enum serve_h2_unpacked result;
	struct serve_h2_unpack_field field;
	char *copy = mem_alloc(block.len > 0 ? block.len : 1);
	if (block.len > 0)
		memcpy(copy, block.at, block.len);
	struct str rest = str_make(copy, block.len);
	while ((result = serve_h2_unpack_next(unpack, &unpackers->scratch, &rest, &field)) ==
	        SERVE_H2_UNPACKED_FIELD)
		unpackers_note(found, &field);
	*ret_rest = rest.len;
	CHECK((result == SERVE_H2_UNPACKED_END) <= (rest.len == 0));
	CHECK(result != SERVE_H2_UNPACKED_MORE || rest.len > 0);
	mem_free(copy);
	return result;
}

/* The block in two parts has the same fields and the same end. */
static inline void unpackers_split(
        struct unpackers *unpackers, struct str block, size_t at, enum serve_h2_unpacked expected)
{
	struct text found = {.at = NULL};
	struct serve_h2_unpack *unpack = mem_new(struct serve_h2_unpack);
	size_t rest;
	*unpack = unpackers->before;
	enum serve_h2_unpacked result =
	        unpackers_take(unpackers, unpack, str_make(block.at, at), &found, &rest);
	if (result == SERVE_H2_UNPACKED_MORE || result == SERVE_H2_UNPACKED_END)
		result = unpackers_take(unpackers, unpack,
		        str_make(block.at + at - rest, block.len - at + rest), &found, &rest);
	CHECK(result == expected);
	CHECK(str_is_equal(text_str(&found), text_str(&unpackers->found)));
	CHECK(unpack->bytes == unpackers->ours.bytes && unpack->count == unpackers->ours.count);
	unpackers_check_table(unpack);
	mem_free(unpack);
	text_done(&found);
}

/* How many limits the block begins with, as far as they are whole. */
static inline unsigned unpackers_limits(struct str block)
{
	unsigned count = 0;
	for (size_t at = 0; at < block.len && ((unsigned char)block.at[at] & 0xe0) == 0x20; count++)
		if ((block.at[at++] & 0x1f) == 0x1f)
			while (at < block.len && ((unsigned char)block.at[at++] & 0x80) != 0)
				continue;
	return count;
}

/* The fields that nghttp2 finds; false if the block is an error. */
static inline bool unpackers_theirs(
        nghttp2_hd_inflater *theirs, struct str block, struct text *found)
{
	for (;;) {
		nghttp2_nv field;
		int flags = 0;
		ssize_t taken = nghttp2_hd_inflate_hd2(
		        theirs, &field, &flags, (const uint8_t *)block.at, block.len, 1);
		if (taken < 0)
			return false;
		block = str_make(block.at + taken, block.len - (size_t)taken);
		if (flags & NGHTTP2_HD_INFLATE_EMIT) {
			text_add(found, str_make((const char *)field.name, field.namelen));
			text_add(found, STR(": "));
			text_add(found, str_make((const char *)field.value, field.valuelen));
			text_add(found, STR("\r\n"));
		}
		if (flags & NGHTTP2_HD_INFLATE_FINAL) {
			CHECK(nghttp2_hd_inflate_end_headers(theirs) == 0);
			return true;
		}
	}
}

/* Both unpack the next block; what ours made of it. When it is no END, nothing may come behind. */
static inline enum serve_h2_unpacked unpackers_block(struct unpackers *unpackers, struct str block)
{
	size_t rest;
	struct text theirs = {.at = NULL};
	text_clear(&unpackers->found);
	serve_h2_unpack_begin(&unpackers->ours);
	unpackers->before = unpackers->ours;
	enum serve_h2_unpacked result =
	        unpackers_take(unpackers, &unpackers->ours, block, &unpackers->found, &rest);
	unpackers_check_table(&unpackers->ours);
	for (size_t at = 0; at <= block.len; at += 1 + block.len / UNPACKERS_SPLITS)
		unpackers_split(unpackers, block, at, result);
	bool is_right = unpackers_theirs(unpackers->theirs, block, &theirs);
	if (unpackers_limits(block) > 2) {
		CHECK(result == SERVE_H2_UNPACKED_BROKEN && unpackers->found.len == 0);
	} else {
		CHECK(is_right == (result == SERVE_H2_UNPACKED_END));
		CHECK(str_is_equal(text_str(&theirs), text_str(&unpackers->found)));
		CHECK(!is_right || nghttp2_hd_inflate_get_dynamic_table_size(unpackers->theirs) ==
		                           unpackers->ours.bytes);
	}
	text_done(&theirs);
	return result;
}
