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

bool serve_h2_flood_of(const struct serve_h2_frame *frame, enum serve_flood *ret_kind)
{
	switch (frame->type) {
	case SERVE_H2_HEADERS:
	case SERVE_H2_CONTINUATION:
		*ret_kind = SERVE_FLOOD_EMPTY;
		return frame->length == 0 && (frame->flags & SERVE_H2_END_HEADERS) == 0;
	case SERVE_H2_RST_STREAM:
		*ret_kind = SERVE_FLOOD_RESETS;
		return true;
	case SERVE_H2_SETTINGS:
		*ret_kind = SERVE_FLOOD_SETTINGS;
		return (frame->flags & SERVE_H2_ACK) == 0;
	case SERVE_H2_PING:
		*ret_kind = SERVE_FLOOD_PINGS;
		return true;
	case SERVE_H2_PRIORITY:
	case SERVE_H2_PRIORITY_UPDATE:
		*ret_kind = SERVE_FLOOD_PRIORITIES;
		return true;
	case SERVE_H2_DATA:          /* told from its content */
	case SERVE_H2_WINDOW_UPDATE: /* and from its increment */
	default: /* what nobody knows is dropped for less than it costs to send */
		return false;
	}
}
