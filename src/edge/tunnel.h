/*
 * What passes between two peers that are no more spoken to in HTTP: each one's bytes go to the
 * other as fast as that takes them, and so does its end. It keeps no bytes: a piece stays where it
 * was read until it is written, and who is slow holds the other back. Embedded in its owner, who is
 * woken by the peers and then pumps. One thread.
 */
#pragma once

#include "base/str.h"
#include "serve/stream.h"

/* One end; the owner implements it. */
struct edge_tunnel_peer {
	/* The next bytes, valid until the next call; END and FAILED are final. */
	enum serve_read (*read)(struct edge_tunnel_peer *self, struct str *ret_data);
	/* Writes as far as it is taken: *ret_taken. False: it takes nothing any more. */
	bool (*write)(struct edge_tunnel_peer *self, struct str data, size_t *ret_taken);
	/* Nothing more will be written. False: not done yet, to be called again. */
	bool (*end)(struct edge_tunnel_peer *self);
	/* Bytes that were taken and that it has not read yet, as far as is known. */
	uint64_t (*backlog)(struct edge_tunnel_peer *self);
};

/* From one peer to the other; private. */
struct edge_tunnel_way {
	struct str pending; /* read, and not written yet */
	bool has_end;       /* the source has ended … */
	bool is_ended;      /* … and the target was told */
};

struct edge_tunnel {
	struct edge_tunnel_peer *peers[2];
	struct edge_tunnel_way ways[2]; /* way i begins at peer i */
	uint64_t active_ms;             /* when something moved last */
	uint64_t backlog;               /* of both, when somebody looked last */
	uint32_t idle_timeout_ms;
	uint8_t failed; /* in FAILED: which peer */
};

void edge_tunnel_init(struct edge_tunnel *tunnel, struct edge_tunnel_peer *first,
        struct edge_tunnel_peer *second, uint32_t idle_timeout_ms, uint64_t now_ms);

enum edge_tunnel_result {
	EDGE_TUNNEL_WAIT,   /* until a peer wakes the owner, or edge_tunnel_idle_at */
	EDGE_TUNNEL_MORE,   /* there is more to move, after others had their turn */
	EDGE_TUNNEL_DONE,   /* both have ended, and both know */
	EDGE_TUNNEL_FAILED, /* the peer `failed` is gone: the other one is to be told */
};

/* Moves what can be moved, a few pieces each way. */
enum edge_tunnel_result edge_tunnel_pump(struct edge_tunnel *tunnel, uint64_t now_ms);

/* When edge_tunnel_is_idle is to be asked next. */
uint64_t edge_tunnel_idle_at(const struct edge_tunnel *tunnel);

/* Whether nothing has passed for idle_timeout. What waits in a socket of ours and becomes less is
 * being read, and counts as passing. */
bool edge_tunnel_is_idle(struct edge_tunnel *tunnel, uint64_t now_ms);
