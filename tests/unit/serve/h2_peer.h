/*
 * What a peer makes of the blocks of serve/h2_pack.h: nghttp2 unpacks them, and has to find the
 * fields that were packed, and a table of the size that is counted here. For tests and the fuzz
 * target; a difference aborts.
 */
#pragma once

#include "base/mem.h"
#include "serve/h2_pack.h"

#include <nghttp2/nghttp2.h>

struct peer_field {
	enum http_name id;
	struct str name, value;
};

struct peer {
	struct serve_h2_pack pack;
	nghttp2_hd_inflater *inflater;
	char block[65536];
	size_t length;     /* of the last block */
	unsigned unmarked; /* fields of it that may be remembered on the way */
};

static inline void peer_limit(struct peer *peer, uint32_t allowed)
{
	CHECK(nghttp2_hd_inflate_change_table_size(peer->inflater, allowed) == 0);
	serve_h2_pack_limit(&peer->pack, allowed);
}

static inline void peer_begin(struct peer *peer, uint32_t allowed)
{
	CHECK(nghttp2_hd_inflate_new(&peer->inflater) == 0);
	serve_h2_pack_init(&peer->pack);
	if (allowed != 4096)
		peer_limit(peer, allowed);
}

static inline void peer_end(struct peer *peer)
{
	nghttp2_hd_inflate_del(peer->inflater);
}

/* The next field of the block; false at its end. */
static inline bool peer_next(struct peer *peer, size_t *at, nghttp2_nv *ret_field)
{
	int flags = 0;
	ssize_t taken = nghttp2_hd_inflate_hd2(peer->inflater, ret_field, &flags,
	        (const uint8_t *)peer->block + *at, peer->length - *at, 1);
	CHECK(taken >= 0);
	*at += (size_t)taken;
	if (flags & NGHTTP2_HD_INFLATE_FINAL) {
		CHECK(*at == peer->length);
		CHECK(nghttp2_hd_inflate_end_headers(peer->inflater) == 0);
		return false;
	}
	CHECK(flags & NGHTTP2_HD_INFLATE_EMIT);
	return true;
}

/* Packs a head, of a response or (status 0) of trailers, and unpacks it. */
static inline void peer_head(
        struct peer *peer, unsigned status, const struct peer_field *fields, size_t count)
{
	struct http_writer writer;
	nghttp2_nv got;
	size_t at = 0,
	       room = SERVE_H2_PACK_BEGIN_ROOM + (status != 0 ? SERVE_H2_PACK_STATUS_ROOM : 0);
	for (size_t i = 0; i < count; i++)
		room += fields[i].name.len + fields[i].value.len + SERVE_H2_PACK_FIELD_ROOM;
	CHECK(room <= sizeof(peer->block));
	http_writer_init(&writer, peer->block, room);
	serve_h2_pack_begin(&peer->pack, &writer);
	if (status != 0)
		serve_h2_pack_status(&writer, status);
	for (size_t i = 0; i < count; i++)
		serve_h2_pack_field(&peer->pack, &writer, fields[i].id,
		        fields[i].id == HTTP_NAME_OTHER ? fields[i].name : STR_EMPTY,
		        fields[i].value);
	peer->length = http_writer_str(&writer).len;
	peer->unmarked = 0;
	if (status != 0) {
		CHECK(peer_next(peer, &at, &got) && got.valuelen == 3);
		CHECK((unsigned)(got.value[0] - '0') == status / 100 &&
		        (unsigned)(got.value[1] - '0') == status / 10 % 10 &&
		        (unsigned)(got.value[2] - '0') == status % 10);
	}
	for (size_t i = 0; i < count; i++) {
		char *lower = mem_alloc(fields[i].name.len + 1);
		CHECK(peer_next(peer, &at, &got));
		str_copy_lower(lower, fields[i].name);
		CHECK(str_is_equal(str_make((const char *)got.name, got.namelen),
		        str_make(lower, fields[i].name.len)));
		CHECK(str_is_equal(
		        str_make((const char *)got.value, got.valuelen), fields[i].value));
		peer->unmarked += (got.flags & NGHTTP2_NV_FLAG_NO_INDEX) == 0;
		mem_free(lower);
	}
	CHECK(!peer_next(peer, &at, &got));
	CHECK(nghttp2_hd_inflate_get_dynamic_table_size(peer->inflater) == peer->pack.bytes);
	CHECK(peer->pack.bytes <= peer->pack.limit && peer->pack.end <= sizeof(peer->pack.text));
}
