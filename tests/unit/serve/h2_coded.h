/*
 * Strings in the Huffman code of HPACK, as nghttp2 writes them. For tests.
 */
#pragma once

#include "base/mem.h"
#include "serve/h2_huffman.h"

#include <nghttp2/nghttp2.h>

struct coded_maker {
	nghttp2_hd_deflater *deflater;
	uint8_t block[8192];
	bool is_huffman; /* the last one: else it would have been longer, and is as it was */
};

static inline void coded_begin(struct coded_maker *maker)
{
	CHECK(nghttp2_hd_deflate_new(&maker->deflater, 0) == 0);
}

static inline void coded_end(struct coded_maker *maker)
{
	nghttp2_hd_deflate_del(maker->deflater);
}

/* What a text of less than 8,000 bytes is in it; valid until the next one. */
static inline struct str coded_of(struct coded_maker *maker, struct str text)
{
	char *copy = mem_alloc(text.len + 1);
	if (text.len > 0)
		memcpy(copy, text.at, text.len);
	nghttp2_nv field = {
	        .name = (uint8_t *)copy, /* of no length */
	        .value = (uint8_t *)copy,
	        .valuelen = text.len,
	        .flags = NGHTTP2_NV_FLAG_NO_INDEX,
	};
	ssize_t length = nghttp2_hd_deflate_hd(
	        maker->deflater, maker->block, sizeof(maker->block), &field, 1);
	mem_free(copy);
	CHECK(length > 0);
	/* A limit of 0 comes first, once. */
	const uint8_t *at = maker->block, *end = at + length;
	if (*at == 0x20)
		at++;
	CHECK(at[0] == 0x10 && at[1] == 0);
	maker->is_huffman = (at[2] & 0x80) != 0;
	size_t coded = at[2] & 0x7f;
	at += 3;
	if (coded == 0x7f)
		for (unsigned shift = 0, more = 0x80; more != 0; shift += 7, at++) {
			coded += (size_t)(*at & 0x7f) << shift;
			more = *at & 0x80;
		}
	CHECK(coded == (size_t)(end - at));
	return str_make((const char *)at, coded);
}
