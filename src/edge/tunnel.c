/*
 * Both ways are alike: read a piece if none is pending, write it, and once the source has ended and
 * everything is written, say so to the target. A turn moves a few pieces each way, so that a fast
 * pair does not keep others waiting.
 */
#include "edge/tunnel.h"

#include "base/mem.h"

enum { PIECES_A_TURN = 4 };

void edge_tunnel_init(struct edge_tunnel *tunnel, struct edge_tunnel_peer *first,
        struct edge_tunnel_peer *second, uint32_t idle_timeout_ms, uint64_t now_ms)
{
	*tunnel = (struct edge_tunnel){
	        .peers = {first, second},
	        .active_ms = now_ms,
	        .idle_timeout_ms = idle_timeout_ms,
	};
}

static enum edge_tunnel_result fail(struct edge_tunnel *tunnel, unsigned peer)
{
	tunnel->failed = (uint8_t)peer;
	return EDGE_TUNNEL_FAILED;
}

/* Has a piece to write, or knows that there will be none; else what that means. */
static enum edge_tunnel_result get_piece(struct edge_tunnel *tunnel, unsigned from)
{
	struct edge_tunnel_way *way = &tunnel->ways[from];
	struct edge_tunnel_peer *source = tunnel->peers[from];
	if (way->pending.len > 0 || way->has_end)
		return EDGE_TUNNEL_MORE;
	switch (source->read(source, &way->pending)) {
	case SERVE_READ_DATA:
		CHECK(way->pending.len > 0);
		break;
	case SERVE_READ_WAIT:
		return EDGE_TUNNEL_WAIT;
	case SERVE_READ_END:
		way->has_end = true;
		break;
	case SERVE_READ_FAILED:
		return fail(tunnel, from);
	}
	return EDGE_TUNNEL_MORE;
}

/* One piece, or the end, from a peer to the other. */
static enum edge_tunnel_result move(struct edge_tunnel *tunnel, unsigned from, uint64_t now_ms)
{
	struct edge_tunnel_way *way = &tunnel->ways[from];
	struct edge_tunnel_peer *target = tunnel->peers[!from];
	if (way->is_ended)
		return EDGE_TUNNEL_DONE;
	enum edge_tunnel_result result = get_piece(tunnel, from);
	if (result != EDGE_TUNNEL_MORE)
		return result;
	if (way->pending.len > 0) {
		size_t taken;
		if (!target->write(target, way->pending, &taken))
			return fail(tunnel, !from);
		CHECK(taken <= way->pending.len);
		way->pending = str_make(way->pending.at + taken, way->pending.len - taken);
		tunnel->active_ms = taken > 0 ? now_ms : tunnel->active_ms;
		return way->pending.len > 0 ? EDGE_TUNNEL_WAIT : EDGE_TUNNEL_MORE;
	}
	if (!target->end(target))
		return EDGE_TUNNEL_WAIT;
	way->is_ended = true;
	tunnel->active_ms = now_ms;
	return EDGE_TUNNEL_DONE;
}

enum edge_tunnel_result edge_tunnel_pump(struct edge_tunnel *tunnel, uint64_t now_ms)
{
	enum edge_tunnel_result results[2];
	for (unsigned from = 0; from < 2; from++) {
		results[from] = EDGE_TUNNEL_MORE;
		for (unsigned i = 0; i < PIECES_A_TURN && results[from] == EDGE_TUNNEL_MORE; i++)
			results[from] = move(tunnel, from, now_ms);
		if (results[from] == EDGE_TUNNEL_FAILED)
			return EDGE_TUNNEL_FAILED;
	}
	if (results[0] == EDGE_TUNNEL_MORE || results[1] == EDGE_TUNNEL_MORE)
		return EDGE_TUNNEL_MORE;
	return results[0] == EDGE_TUNNEL_DONE && results[1] == EDGE_TUNNEL_DONE ? EDGE_TUNNEL_DONE
	                                                                        : EDGE_TUNNEL_WAIT;
}

uint64_t edge_tunnel_idle_at(const struct edge_tunnel *tunnel)
{
	return tunnel->active_ms + tunnel->idle_timeout_ms;
}

bool edge_tunnel_is_idle(struct edge_tunnel *tunnel, uint64_t now_ms)
{
	if (now_ms < edge_tunnel_idle_at(tunnel))
		return false;
	uint64_t backlog = tunnel->peers[0]->backlog(tunnel->peers[0]) +
	                   tunnel->peers[1]->backlog(tunnel->peers[1]);
	if (backlog == 0 || backlog == tunnel->backlog)
		return true;
	tunnel->backlog = backlog;
	tunnel->active_ms = now_ms;
	return false;
}
