/*
 * Frames that cost us something and their sender little (CVE-2019-9511 and its kin,
 * CVE-2023-44487): counted for each connection in windows of LIMIT_H2_FLOOD_MS. Pure.
 */
#include "base/limit.h"
#include "serve/h2_private.h"

static const uint32_t LIMITS[SERVE_FLOODS] = {
#define FLOOD(id, name, limit, words) [SERVE_FLOOD_##id] = (limit),
#include "serve/flood.def"
#undef FLOOD
};

bool serve_h2_flood_add(struct serve_h2_flood *flood, enum serve_flood kind, uint64_t now_ms)
{
	if (now_ms - flood->since_ms >= LIMIT_H2_FLOOD_MS)
		*flood = (struct serve_h2_flood){.since_ms = now_ms};
	return ++flood->counts[kind] <= LIMITS[kind];
}

/* A frame of a body or a head that has nothing in it, and ends neither. */
static bool is_empty(const nghttp2_frame_hd *head)
{
	return head->length == 0 &&
	       (head->flags & (NGHTTP2_FLAG_END_STREAM | NGHTTP2_FLAG_END_HEADERS)) == 0;
}

bool serve_h2_flood_of(const nghttp2_frame_hd *head, enum serve_flood *ret_kind)
{
	switch (head->type) {
	case NGHTTP2_DATA:
		/* Without END_STREAM; the other bit means nothing there. */
		*ret_kind = SERVE_FLOOD_EMPTY;
		return head->length == 0 && (head->flags & NGHTTP2_FLAG_END_STREAM) == 0;
	case NGHTTP2_HEADERS:
	case NGHTTP2_CONTINUATION:
		*ret_kind = SERVE_FLOOD_EMPTY;
		return is_empty(head);
	case NGHTTP2_RST_STREAM:
		*ret_kind = SERVE_FLOOD_RESETS;
		return true;
	case NGHTTP2_SETTINGS:
		*ret_kind = SERVE_FLOOD_SETTINGS;
		return (head->flags & NGHTTP2_FLAG_ACK) == 0;
	case NGHTTP2_PING:
		*ret_kind = SERVE_FLOOD_PINGS;
		return true;
	case NGHTTP2_PRIORITY:
	case NGHTTP2_PRIORITY_UPDATE:
		*ret_kind = SERVE_FLOOD_PRIORITIES;
		return true;
	case NGHTTP2_WINDOW_UPDATE: /* told from its increment */
	default: /* what nobody knows is dropped for less than it costs to send */
		return false;
	}
}
