/*
 * What the files of a loader share: loader.c has its life, loader_judge.c decides what becomes of
 * an answer, loader_stream.c moves its body.
 */
#pragma once

#include "edge/keep.h"
#include "edge/loader.h"

#include <stdatomic.h>

/* Of the arena's inline block: an ordinary request needs no other. */
enum { EDGE_LOADER_FIRST_BYTES = 4096 };

enum loader_state { LOADER_NEW, LOADER_PULLING, LOADER_STREAMING, LOADER_RELEASED };

struct edge_loader {
	uint32_t magic;
	enum loader_state state;
	struct edge_flights_entry entry;
	struct list_node node; /* in the worker's */
	struct loop_task task;
	struct edge_worker *worker;
	struct model_domain *domain; /* one reference */
	struct edge_fill_reader reader;
	struct edge_fill *fill;
	struct edge_loader_leader *leader;
	struct edge_loaded *loaded; /* from STREAMING on; the flight's */
	/* Until when (wall clock) who comes may have the answer unasked; UINT64_MAX while there is
	 * none. Read under the flights' lock by any thread, and after it `joined`, the answer. */
	_Atomic uint64_t joinable_until_ms;
	const struct edge_loaded *joined;
	struct http_head head; /* what is asked for, without our conditions */
	struct str host, target;
	struct address peer;
	bool is_peer_trusted, is_https, is_background, is_storing, is_piece, has_stale, is_alone;
	bool is_known; /* an object of the key was there before (cache_put_is_known) */
	struct cache_key key;
	struct cache_vary vary;
	struct str variant, conditions;
	uint64_t domain_hash, sequence;
	uint64_t stale_id; /* what is validated; 0: nothing */
	uint64_t began_us;
	uint64_t requested_ms;   /* wall clock */
	struct edge_piece piece; /* where is_piece */
	uint64_t expected;       /* bytes of what is streamed; UINT64_MAX: not known */
	uint64_t skip;           /* bytes of the origin's body before that */
	uint64_t stored;         /* bytes of the body that the store has, in pieces */
	/* The body has ended, and the store had no room for all of it: so often it was tried. */
	unsigned tries;
	bool has_ended;
	struct timer room_timer;
	size_t charged; /* taken from the budget for a large head */
	struct arena arena;
	_Alignas(ARENA_ALIGN) char first[EDGE_LOADER_FIRST_BYTES];
};

/* The end: the flight's last stage, with FAILED its fault. The loader is gone then. */
void edge_loader_close(struct edge_loader *loader, enum edge_flight_stage stage, enum fault fault);

/* Tells who reads what the pull's attempts came to, where its body broke off and others were asked
 * for the rest. */
void edge_loader_tell(struct edge_loader *loader);

/* The stored response was gone, or is another than the origin speaks of: pulls all of it. */
void edge_loader_pull_all(struct edge_loader *loader);

/* The request as the origin is asked it, for what its answer varies on. */
struct cache_vary_asked edge_loader_asked(const struct edge_loader *loader);

/* How the answer is to be kept. */
struct edge_keep edge_loader_keep(struct edge_loader *loader);

/* Where in the object the piece begins. */
uint64_t edge_loader_first(const struct edge_loader *loader);

/* The answer's head is there: what becomes of it. */
void edge_loader_judge(struct edge_loader *loader);

/* Nothing more is stored; who came late can't be given the beginning any more, so nobody may
 * join. */
void edge_loader_stop_storing(struct edge_loader *loader);

/* The answer is to be published: from now on it is joined as long as it is fresh and none of its
 * tags is purged, and no longer. */
void edge_loader_limit_joining(struct edge_loader *loader, const struct edge_loaded *loaded);

/* Moves on with the body. */
void edge_loader_stream(struct edge_loader *loader);

/* Ends the loader where nobody waits for it; true when it did. */
bool edge_loader_give_up(struct edge_loader *loader);
