/*
 * What the files of a request share: request.c has its life and the dispatcher, the others its
 * steps.
 */
#pragma once

#include "cache/policy.h"
#include "edge/loader.h"
#include "edge/lookup.h"
#include "edge/recalls.h"
#include "edge/reply.h"
#include "edge/request.h"
#include "edge/tunnel.h"
#include "edge/turn.h"
#include "serve/spool.h"

enum edge_request_step {
#define REQUEST_STEP(id, name, next, words) EDGE_REQUEST_##id,
#include "edge/request_steps.def"
#undef REQUEST_STEP
};

#define REQUEST_STEP(id, name, next, words)                                                        \
	enum edge_turn edge_request_step_##id(struct edge_request *request);
#include "edge/request_steps.def"
#undef REQUEST_STEP

/* Pieces of a body that one request may move before others have their turn. */
enum { EDGE_REQUEST_PIECES_A_TURN = 4 };

/* What LOOKUP is to make of what it finds. */
enum edge_request_wish {
	EDGE_WISH_RIGHT,     /* it must be fresh, or be validated */
	EDGE_WISH_VALIDATED, /* it has just been validated, and is right whatever its age */
	EDGE_WISH_STALE,     /* the origins failed or are late: a stale one will do */
};

struct edge_challenge;

struct edge_request {
	uint32_t magic;
	uint8_t step, fault;   /* enums edge_request_step, fault */
	uint8_t source_pieces; /* of the request's body, in this turn */
	bool has_responded, is_truncated, wants_log;
	bool is_https; /* the client's scheme, by what trusted proxies say */
	struct list_node node;
	struct loop_task task;
	struct edge_worker *worker;
	struct serve_stream *stream;
	struct edge_fill_reader reader;
	struct origin_source source;
	struct edge_fill *fill;
	struct serve_spool *spool;   /* NULL: no body */
	struct model_domain *domain; /* NULL before ROUTE; kept alive by the fill after PASS */
	struct address client;       /* the visitor, behind trusted proxies */
	struct str host;             /* in normal form */
	struct str pending;          /* a piece of the body that the client has not taken yet */
	/* of the cache; edge_request_wish, http_cache_forward */
	uint8_t wish, forward, rejoins, recalls;
	bool is_leader, is_collapsed, is_only_if_cached, may_use_stale, is_late, is_taken;
	bool has_pin, is_inline, is_piece_flight, waits_for_piece, needs_whole;
	bool waits_for_length;     /* in SHARE: what comes next is to be pulled again once the end
	                              is there; `whole` has its place */
	bool is_lost;              /* what is away now can't be had: it counts as not found */
	bool is_noted;             /* edge_request_note_answer was called */
	const char *cache;         /* the word of X-Cache and of the log */
	struct model_domain *kept; /* a reference of its own to `domain`, from JOIN on */
	struct cache_key key;      /* its text is empty until LOOKUP */
	uint64_t domain_hash;      /* cache_key_domain, from then on */
	struct edge_flight_reader flight;
	struct edge_recall_waiter recall;
	struct edge_loader *loader; /* that it began, and that lives */
	struct edge_loader_leader leader;
	struct edge_attempts attempts; /* of pulls that have ended, or that it has left */
	struct timer late_timer; /* stale.wait_ms; in DELIVER, of an answer that is held back */
	uint64_t held_until_ms;
	uint64_t first_byte_us; /* after its head, where the response was begun in an earlier run;
	                           else 0 */
	uint64_t moment;        /* cache_disk_moment of what its answer made invalid; 0: nothing */
	uint64_t body_left;     /* of a shared answer; UINT64_MAX: until its end */
	/* of a stored body: the parts that are still to be sent, and where the bytes lie */
	struct edge_reply_part *parts;
	unsigned part_count;
	struct cache_place place; /* of the inline body, or of a piece; len 0: none */
	uint64_t place_number; /* of the piece at `place`, or of the flight where is_piece_flight */
	uint64_t next_number;  /* of the piece behind the last one that it came to; 0: none */
	unsigned in_line;      /* pieces that it came to one after another */
	struct edge_piece object;  /* of which pieces are needed; id 0: none */
	uint64_t seen_id, seen_ms; /* of the object that LOOKUP found, and when it came; 0: none */
	uint64_t sequence;         /* what edge_request_sequence said last; 0: nothing */
	uint32_t pinned;           /* segment */
	const struct model_headers *rules; /* for the fields of its response, from ROUTE on */
	struct edge_challenge *challenge;  /* whose file is being read; NULL: none */
	struct str upgrade; /* the protocol to change to, counted in the worker's tunnels; empty:
	                       none */
	struct str websocket_key; /* of ours, for an extended CONNECT; else empty */
	struct str error_lines;   /* beside X-Cache, of an error of ours */
	/* not cleared at the start */
	struct edge_reply_part whole;
	struct cache_entry entry;  /* in the turn in which it was found */
	struct edge_tunnel tunnel; /* in TUNNEL */
	struct edge_tunnel_peer client_end, origin_end;
};

/* The only way to another step; checks the table. Returns EDGE_GO. */
enum edge_turn edge_request_go(struct edge_request *request, enum edge_request_step step);

/* Goes to FAIL, with why. */
enum edge_turn edge_request_fail(struct edge_request *request, enum fault fault);

/* Ends a response in its middle: the client sees that it is not whole. */
enum edge_turn edge_request_finish_broken(struct edge_request *request, enum fault fault);

/* Methods whose answers are looked up: GET, and HEAD, which is answered from what a GET left. */
static inline bool edge_request_is_method_looked_up(const struct edge_request *request)
{
	uint8_t method = request->stream->head.method;
	return method == HTTP_GET || method == HTTP_HEAD;
}

/* Whether the request may be looked up at all; else it is passed on. */
bool edge_request_may_look_up(const struct edge_request *request);

/* Whether its URL is short enough for a key of the cache. */
bool edge_request_has_key(const struct edge_request *request);

/* The protocol that the request changes to, of those that its domain allows; empty: none. */
struct str edge_request_upgrade(const struct edge_request *request);

/* Goes on as a request that changes to this protocol: to PASS, or FAIL where there are too many. */
enum edge_turn edge_request_begin_upgrade(struct edge_request *request, struct str protocol);

/* An extended CONNECT (RFC 8441): the same, or to FAIL where its domain does not allow it. */
enum edge_turn edge_request_begin_connect(struct edge_request *request);

/* Of what asked for an upgrade, the answer's head being there: NOT_UPGRADED where it is none that
 * an extended CONNECT may be given, else NONE. */
enum fault edge_request_judge_upgrade(const struct edge_request *request);

/* Marks what such a client does not get of the fields of a 101. */
void edge_request_mark_upgrade(
        const struct edge_request *request, const struct http_head *head, uint64_t *drop);

/* The request ends, or is one like all others from now on. */
void edge_request_leave_upgrade(struct edge_request *request);

/* The head of the 101 was sent: goes to TUNNEL. */
enum edge_turn edge_request_begin_tunnel(struct edge_request *request);

/* Keeps the domain alive while the request waits. */
void edge_request_keep_domain(struct edge_request *request);

/* The request as origins are asked it, for what their answers vary on. */
struct cache_vary_asked edge_request_asked(const struct edge_request *request);

/* The sequence (cache_store_sequence) of an answer that the request's domain is asked for now: of
 * the last purge at which that was live. A request that has waited may have the domain of an older
 * revision, and a purge behind the new one is not to let in again what the old origins answer. */
uint64_t edge_request_sequence(struct edge_request *request);

/* Leaves the flight and gives the stored body back, whatever it has of them. */
void edge_request_let_go(struct edge_request *request);

/* Makes the reply; sets what is the same for all replies in *options. False where it is an error of
 * ours: *ret_turn says what follows. */
MUST_CHECK bool edge_request_make_reply(struct edge_request *request,
        struct edge_reply_options *options, struct edge_reply *ret_reply, enum edge_turn *ret_turn);

/* Sends its head; false where there is no memory for it. */
MUST_CHECK bool edge_request_send_head(
        struct edge_request *request, const struct edge_reply *reply, enum edge_turn *ret_turn);

/* Joins the flight of a key, or begins one, with a loader of these options. */
void edge_request_enter(struct edge_request *request, struct str key, uint64_t hash,
        const struct edge_loader_options *options);

/* Begins a pull for the cache that this request does not wait for, unless it is under way already,
 * or too many are. */
void edge_request_pull_unattended(struct edge_request *request, struct str key, uint64_t hash,
        struct edge_loader_options *options);

/* Whether it is known of a key that answers to such a request are not for sharing. */
bool edge_request_is_unshared(const struct edge_request *request, uint64_t hash);

/* Whether it has bytes of a pull that another request began: its log has of that what the flight
 * tells. */
static inline bool edge_request_is_told(const struct edge_request *request)
{
	return request->flight.flight != NULL && !request->is_leader && request->has_responded;
}

/* The options of a loader for this request; the rest is the caller's. */
struct edge_loader_options edge_request_loader_options(struct edge_request *request);

/* Leaves the flight; the pull goes on without us while it is worth it. */
void edge_request_leave_flight(struct edge_request *request);

/* Goes back to LOOKUP; what the request waits for stays. */
enum edge_turn edge_request_look_again(struct edge_request *request, enum edge_request_wish wish);

/* Remembers of which object pieces are needed; the head may be gone afterwards. */
void edge_request_know_object(
        struct edge_request *request, uint64_t id, uint64_t length, const struct http_head *head);

/* Joins the pull of a piece of that object; false where it cannot be pulled, since nothing tells
 * its version. */
MUST_CHECK bool edge_request_join_piece(struct edge_request *request, uint64_t number);

/* The request has come to a piece, of which it sends until the byte `end` of the object: who reads
 * on from piece to piece has the next ones pulled meanwhile. */
void edge_request_come_to_piece(struct edge_request *request, uint64_t number, uint64_t end);

/* Sends the rest of a response from pieces; its head was sent already. */
enum edge_turn edge_request_go_on_with_pieces(
        struct edge_request *request, uint64_t at, uint64_t end);

/* A find has said AWAY: has that recalled, and the task woken at its end. False where it is to be
 * treated as not found, since it was in vain before, or too much is being recalled. */
MUST_CHECK bool edge_request_recall(struct edge_request *request);

/* Whether a recall is to be waited for; where one has ended in vain, that is remembered. */
bool edge_request_waits_for_recall(struct edge_request *request);

/* What was away was found, or is pulled: the next may be recalled. */
void edge_request_end_recalls(struct edge_request *request);

/* Has a piece of the object that is being sent recalled, if it is away. */
void edge_request_recall_ahead(struct edge_request *request, uint64_t number);

/* The loader's pull becomes the request's own. */
void edge_request_take_fill(struct edge_request *request);

/* For `debug: on`: the value of Server-Timing, what the attempts so far took, in the request's
 * arena; empty without. */
struct str edge_request_timing(struct edge_request *request);

/* The trailers of a response: those of the origin (NULL: none), and for `debug: on` behind them
 * what the attempts took where its body was finished by another one than began it. */
const struct http_head *edge_request_trailers(
        struct edge_request *request, const struct http_head *theirs);

/* The line of Cache-Status for what is passed on, in the request's arena. */
struct str edge_request_status_line(struct edge_request *request);

/* Whether CHALLENGE has something to say to the request. */
bool edge_request_is_challenge(const struct edge_request *request);

/* The request ends, or does not care for the file any more. */
void edge_request_leave_challenge(struct edge_request *request);

/* What unsafe methods and answers to HEAD do to what is remembered, once their answer is there;
 * sets request->moment where that has to become durable. */
void edge_request_note_answer(struct edge_request *request, const struct http_head *answer);
