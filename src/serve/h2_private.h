/*
 * An HTTP/2 connection (RFC 9113): a session between the connection's `in` and `out`, and its
 * streams. h2_session.c has its life, h2_frames.c what comes, h2_stream.c a request and its body,
 * h2_response.c a response, h2_order.c who may write next; h2_head.c makes a head of fields,
 * h2_block.c and h2_pack.c do the reverse, h2_flood.c counts what only costs, h2_memory.c bounds
 * what a session makes us keep.
 *
 * All output is bytes in `out`, which the connection's task sends once, behind the tasks of those
 * who answer. Heads and bodies come into `out` up to SERVE_H2_OUT_BYTES; past it, who writes waits.
 */
#pragma once

#include "serve/connection_private.h"
#include "serve/h2_frame.h"
#include "serve/h2_pack.h"
#include "serve/h2_rules.h"
#include "serve/h2_unpack.h"

enum {
	/* Up to here heads and bodies fill `out`. What is left of the largest block has room for
	 * the rest of the last head, and for other frames. */
	SERVE_H2_OUT_BYTES = 49152,
	SERVE_H2_URGENCIES = 8, /* RFC 9218 section 4.1 */
	SERVE_H2_URGENCY = 3,   /* where nothing is said */
	/* Streams are found by their numbers in lists: a number's own, times so many. */
	SERVE_H2_ROWS = 64,
};

/* ---- memory ---- */

/* What a session and its streams take, charged to the budget in steps. */
struct serve_h2_memory {
	struct mem_budget *budget;
	size_t used, charged;
};

/* Everything that was taken must have been given back. */
void serve_h2_memory_done(struct serve_h2_memory *memory);

/* Counts `bytes` that the session makes us keep; false when that is more than
 * LIMIT_H2_SESSION_BYTES, or than the budget has. */
MUST_CHECK bool serve_h2_memory_take(struct serve_h2_memory *memory, size_t bytes);
void serve_h2_memory_give(struct serve_h2_memory *memory, size_t bytes);

/* The session is idle: gives back to the budget what was taken ahead. */
void serve_h2_memory_trim(struct serve_h2_memory *memory);

/* ---- floods ---- */

/* What a connection did within LIMIT_H2_FLOOD_MS that only costs. */
struct serve_h2_flood {
	uint64_t since_ms;
	uint32_t counts[SERVE_FLOODS];
};

/* Counts one more; false when that is more than the limit of its kind. */
MUST_CHECK bool serve_h2_flood_add(
        struct serve_h2_flood *flood, enum serve_flood kind, uint64_t now_ms);

/* Of which kind a frame is, if it only costs; false when it is of use. */
MUST_CHECK bool serve_h2_flood_of(const struct serve_h2_frame *frame, enum serve_flood *ret_kind);

/* ---- heads ---- */

/* Bytes within a buffer. */
struct serve_h2_slice {
	uint32_t at, len;
};

/* The fields of a request, or of a trailer section, as they come. */
struct serve_h2_head {
	struct buf_pool *pool;
	const struct http_head_limits *limits;
	struct buf text;    /* what `fields` refer to: lines, and pseudo-header fields' values */
	struct buf fields;  /* struct http_field; of a request */
	struct buf cookies; /* crumbs, joined */
	struct serve_h2_slice method, scheme, authority, path, priority;
	struct serve_h2_slice protocol; /* of an extended CONNECT, which becomes a GET */
	uint64_t present;               /* as in struct http_head */
	uint64_t decoded;               /* bytes, those that are not kept included */
	struct serve_h2_rules rules;
	uint8_t fault; /* enum fault: why it cannot become a request */
	bool is_open;
};

enum serve_h2_field {
	SERVE_H2_FIELD_TAKEN,
	SERVE_H2_FIELD_MALFORMED, /* the stream is to be reset */
	SERVE_H2_FIELD_FLOOD,     /* far more than any limit: the connection is to end */
};

/* Begins, when none is open. */
void serve_h2_head_begin(struct serve_h2_head *head, bool is_trailers);

/* One field line, in the order of arrival. Too much is remembered as the fault HEAD_TOO_LARGE and
 * not kept. */
MUST_CHECK enum serve_h2_field serve_h2_head_add(
        struct serve_h2_head *head, const struct serve_h2_unpack_field *field);

/* The whole head of a request, valid until it is closed; or why not: HEAD_TOO_LARGE,
 * URI_TOO_LONG, MEMORY, BAD_REQUEST. */
MUST_CHECK enum fault serve_h2_head_end(struct serve_h2_head *head, struct http_head *ret_head);

/* The same of trailers: their lines, without the empty line. */
MUST_CHECK enum fault serve_h2_head_end_trailers(struct serve_h2_head *head, struct str *ret_lines);

/* The bytes of a slice, valid until the next call. */
static inline struct str serve_h2_head_str(
        const struct serve_h2_head *head, const struct serve_h2_slice *slice)
{
	return slice->len == 0 ? STR_EMPTY
	                       : str_make(buf_bytes(&head->text) + slice->at, slice->len);
}

/* It is not needed any more; the buffers stay for the next one, which may come at once. More than
 * once is fine. */
void serve_h2_head_close(struct serve_h2_head *head);

/* The same, and gives the buffers back. */
void serve_h2_head_done(struct serve_h2_head *head);

/* ---- sessions and streams ---- */

/* What the sessions of a server share. */
struct serve_h2_shared {
	struct slab sessions, streams;
	atomic_uint_least64_t floods[SERVE_FLOODS];
	struct serve_h2_scratch scratch; /* last: most of it is never written to */
};

struct serve_h2_session {
	struct serve_connection *connection;
	struct list streams;                     /* all */
	struct list due;                         /* that go on by themselves, when `out` has room */
	struct list waiting[SERVE_H2_URGENCIES]; /* for room in `out`, the next one first */
	struct serve_h2_stream *writer;          /* wrote last, and has more; or NULL */
	uint64_t data_sent;                      /* content of all streams */
	unsigned stream_count, open_count;       /* open: not closed by who answers */
	unsigned wire_count;                     /* not closed on the wire */
	struct serve_h2_memory memory;
	struct serve_h2_flood flood;
	/* What comes. */
	struct serve_h2_frame frame; /* whose payload is taken as it comes: DATA, or unknown */
	uint32_t content_left, padding_left; /* of that */
	size_t wanted;                       /* bytes that `in` needs, to go on */
	uint32_t last_id;                    /* of the last request whose head is whole */
	uint32_t came;  /* of bodies, for which the client has no room again yet */
	uint32_t wider; /* what is left of LIMIT_H2_WIDER_BYTES */
	uint8_t preface_left;
	bool has_settings;                /* of the client */
	struct serve_h2_head head;        /* that is coming */
	struct serve_h2_frame head_frame; /* its first frame */
	char *fragments;                  /* of it, where it has several frames; or NULL */
	size_t fragment_bytes;
	unsigned continuations; /* frames of it, besides the first */
	bool has_open_head;     /* CONTINUATION has to come */
	bool is_head_late;      /* its stream is closed */
	uint64_t head_since_ms; /* a frame, or a head of several, is coming; 0: none */
	uint64_t idle_since_ms;
	uint64_t received_us; /* when what is parsed now was read */
	/* What goes. */
	int64_t window;        /* of all streams, for bodies */
	int64_t stream_window; /* of a stream, at first */
	struct str rest;       /* of a head that `out` had no room for */
	char *rest_block;      /* in which that lies, and its length */
	size_t rest_bytes;
	struct buf control;    /* frames that come behind it */
	unsigned acks;         /* in `out` since it was empty */
	uint64_t drain_ms;     /* when the second GOAWAY is due; 0: not draining, or sent */
	uint64_t pace_look_ms; /* CLOCK_NEVER: nothing waits for the client to read */
	bool has_written;      /* the writer, since it was looked at */
	bool has_more;         /* input waits for the next turn */
	uint32_t told_id;      /* the last request that is answered, once is_closing */
	bool is_closing;       /* it was told which that is: later ones are ignored */
	bool has_left;         /* the client says that it is going */
	bool is_over;          /* GOAWAY was said, and nothing else counts any more */
	bool is_to_blame;      /* … the client */
	bool is_broken;        /* nothing can be sent or received any more */
	bool is_cut;           /* its streams were told; it ends with the last of them */
	struct serve_h2_stream *by_id[SERVE_H2_ROWS];
	struct serve_h2_pack pack;
	struct serve_h2_unpack unpack; /* last: most of it is never written to */
};

/* A head that is to be sent. */
struct serve_h2_block {
	struct serve_h2_block *next;
	const struct serve_response *response;
	size_t room;     /* that its frames take at most */
	unsigned status; /* 0: of trailers */
	bool is_end;     /* of its stream */
};

/* A piece of a body that waits to be read. */
struct serve_h2_piece {
	struct serve_h2_piece *next;
	struct buf buf;
};

struct serve_h2_stream {
	struct serve_stream stream; /* `is_closed`: who answers has let it go */
	struct serve_h2_session *session;
	struct list_node node;    /* in the session's streams */
	struct list_node due;     /* there */
	struct list_node waiting; /* in one of its lists */
	struct serve_h2_stream *next_by_id;
	struct timer timer;
	uint32_t id;
	uint8_t urgency;
	bool is_incremental;
	struct buf coming, held;      /* of the request's body: being received, being read */
	struct serve_h2_piece *later; /* of it, where `coming` is full; the next one first */
	uint64_t came;                /* bytes of it */
	uint32_t room;                /* the client's window, when nothing of it is used */
	uint32_t room_left;           /* of that */
	uint32_t uncredited;          /* bytes that were read, and not told to the client */
	int64_t window;               /* for the response */
	struct str pending;           /* of the response: to be put into `out` now */
	int file;                     /* the same, where pending is empty and file_left is not 0 */
	uint64_t file_offset, file_left;
	uint64_t window_since_ms;      /* while it waits for its window; else 0 */
	uint64_t session_mark;         /* what was sent of all streams then */
	uint64_t window_mark;          /* what was sent then */
	struct serve_h2_block *blocks; /* that wait for room, the next one first */
	bool is_awaited;               /* what is read of its body was waited for */
	bool has_end;                  /* the request is whole */
	bool is_malformed;             /* what came of it */
	bool is_end_sent;              /* the response is whole, in `out` */
	bool is_wire_closed;           /* nothing comes or goes any more */
	bool is_granted;               /* it may write before those who wait */
	bool waits_for_window;
	bool is_own_window; /* that it waits for, or waited for last; else the connection's */
	_Alignas(16) char first[STREAM_ARENA_BYTES];
};

static inline struct serve_h2_stream *serve_h2_of(struct serve_stream *stream)
{
	return container_of(stream, struct serve_h2_stream, stream);
}

/* What sessions share; NULL is fine for free. */
struct serve_h2_shared *serve_h2_shared_new(void);
void serve_h2_shared_free(struct serve_h2_shared *shared);

/* Has the connection's task send what is in `out`, behind who is to run already. */
void serve_h2_touch(struct serve_h2_session *session);

/* Moves what waits for room into `out`, as far as there is some. Streams may be gone afterwards
 * that who answers has let go. */
void serve_h2_pump(struct serve_h2_session *session);

/* Sends `out` at once. */
void serve_h2_flush(struct serve_h2_session *session);

/* Puts a frame that is small, and no body, into `out`, or behind what waits for that. */
void serve_h2_put(
        struct serve_h2_session *session, struct serve_h2_frame frame, struct str payload);
void serve_h2_put_reset(struct serve_h2_session *session, uint32_t id, enum serve_h2_error error);
void serve_h2_put_update(struct serve_h2_session *session, uint32_t id, uint32_t increment);

/* Ends the connection with GOAWAY; the streams are cut in its next turn. */
void serve_h2_end(struct serve_h2_session *session, enum serve_h2_error error);

/* The same, since it did too much of something, which is counted. */
void serve_h2_calm(struct serve_h2_session *session, enum serve_flood kind);

/* Makes room in `out` for so many bytes; false when there is no memory. */
MUST_CHECK bool serve_h2_reserve(struct serve_h2_session *session, size_t bytes);

/* How much of a body `out` has room for; 0: it is to wait, and heads, too. */
size_t serve_h2_room(const struct serve_h2_session *session);

/* Takes what has come whole off the front of `in`, while there is room for what may have to be said
 * of it. What is missing then is told by `wanted`. */
void serve_h2_frames_take(struct serve_h2_session *session, struct buf *in);

/* Frees what is kept of a head. */
void serve_h2_frames_done(struct serve_h2_session *session);

/* Whoever answers let a stream go, or the wire has: frees it once both have. */
void serve_h2_stream_settle(struct serve_h2_stream *stream);

/* Frees it at once. */
void serve_h2_stream_free(struct serve_h2_stream *stream);

/* Nothing comes or goes on it any more. It may be gone afterwards. */
void serve_h2_stream_close_wire(struct serve_h2_stream *stream);

/* The same, with RST_STREAM. */
void serve_h2_stream_reset(struct serve_h2_stream *stream, enum serve_h2_error error);

/* The request whose head is `session->head` is there: makes a stream of it, or refuses it. */
void serve_h2_stream_begin(struct serve_h2_session *session, uint32_t id, bool has_end);

/* The stream of a number that is not closed on the wire, or NULL. */
static inline struct serve_h2_stream *serve_h2_stream_find(
        const struct serve_h2_session *session, uint32_t id)
{
	struct serve_h2_stream *stream = session->by_id[id / 2 % SERVE_H2_ROWS];
	while (stream != NULL && stream->id != id)
		stream = stream->next_by_id;
	return stream;
}

/* Whether so much of its body may have come, or be all of it. */
MUST_CHECK bool serve_h2_stream_has_length(
        const struct serve_h2_stream *stream, uint64_t came, bool is_whole);

/* A piece of its body came; false when there is no memory for it. */
MUST_CHECK bool serve_h2_stream_data(struct serve_h2_stream *stream, struct str data);

/* So much of what came need not be kept any more; the client is told when it is worth it. */
void serve_h2_stream_credit(struct serve_h2_stream *stream, size_t bytes);

/* Its request is whole; trailers were added before. It may be gone afterwards. */
void serve_h2_stream_end(struct serve_h2_stream *stream);
void serve_h2_stream_add_trailers(struct serve_h2_stream *stream, struct str lines);

/* It cannot go on; who answers is told. */
void serve_h2_stream_gone(struct serve_h2_stream *stream, enum fault fault);

/* What is left of the response waits for the client to make room for it, and not for ever. */
void serve_h2_stream_wait_for_window(struct serve_h2_stream *stream);

/* The client has made some, maybe enough. */
void serve_h2_stream_has_window(struct serve_h2_stream *stream);

/* Who answers is told that it may write, or what is left behind by it goes on; the stream may be
 * gone afterwards. */
void serve_h2_response_resume(struct serve_h2_stream *stream);

/* The window that it waits for has grown; the same. */
void serve_h2_response_unblock(struct serve_h2_stream *stream);

/* There is room in `out` for what goes on by itself; the same. */
void serve_h2_response_go_on(struct serve_h2_stream *stream);

/* Whether any field of it is sent. */
bool serve_h2_block_has_fields(const struct http_head *head);

/* The head of a response, with a status that may be another; what it refers to is the caller's. */
struct serve_h2_block serve_h2_block_make(
        const struct serve_response *response, unsigned status, bool is_end);

/* A copy that can wait, in the arena. */
struct serve_h2_block *serve_h2_block_keep(struct arena *arena, const struct serve_h2_block *block);

/* Writes one, where serve_h2_room says that there is some; where there is no memory for it, the
 * session is broken. */
void serve_h2_block_write(
        struct serve_h2_session *session, uint32_t id, const struct serve_h2_block *block);

/* Answers a request that becomes no stream. */
void serve_h2_block_refuse(struct serve_h2_session *session, uint32_t id, enum fault fault);

/* Reads a priority (RFC 9218 section 4) over what is there; what is wrong changes nothing. */
void serve_h2_order_read(struct str priority, uint8_t *urgency, bool *is_incremental);

/* Whether the stream may write before those who wait. */
bool serve_h2_order_may_write(const struct serve_h2_stream *stream);

/* How much it may write at once. */
size_t serve_h2_order_share(const struct serve_h2_stream *stream);

/* Puts it among those who wait for room. */
void serve_h2_order_wait(struct serve_h2_stream *stream);

/* It is of another urgency now. */
void serve_h2_order_change(struct serve_h2_stream *stream, uint8_t urgency, bool is_incremental);

enum serve_h2_grant {
	SERVE_H2_GRANT_NOBODY, /* nobody waits any more */
	SERVE_H2_GRANT_SOME,   /* others wait still */
	SERVE_H2_GRANT_LATER,  /* who writes has precedence, if it goes on doing so */
};

/* There is room: lets the next ones write. */
enum serve_h2_grant serve_h2_order_grant(struct serve_h2_session *session);

/* The stream has written all that it had, and is likely to have more soon: until it was seen not to
 * write in a turn, those behind it wait. Or it has no more. */
void serve_h2_order_wrote(struct serve_h2_stream *stream);
void serve_h2_order_leave(struct serve_h2_stream *stream);

/* ---- for the public functions of stream.h ---- */

enum serve_read serve_h2_stream_read(
        struct serve_stream *stream, size_t room, struct str *ret_data);
struct str serve_h2_stream_trailers(const struct serve_stream *stream);
void serve_h2_stream_close(struct serve_stream *stream);
bool serve_h2_response_begin(struct serve_stream *stream, const struct serve_response *response);
void serve_h2_response_interim(struct serve_stream *stream, unsigned status,
        const struct http_head *head, const uint64_t *drop);
size_t serve_h2_response_write(struct serve_stream *stream, struct str data);
size_t serve_h2_response_send_file(
        struct serve_stream *stream, int file, uint64_t offset, size_t size);
void serve_h2_response_flush(struct serve_stream *stream);
void serve_h2_response_finish(struct serve_stream *stream, const struct http_head *trailers);
void serve_h2_response_error(struct serve_stream *stream, enum fault fault, struct str added);
