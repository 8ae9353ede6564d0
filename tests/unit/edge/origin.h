/*
 * Scripted origins on loopback, played between turns of the loop: each does one thing with every
 * request that it gets, and counts them.
 */
#pragma once

#include "base/address.h"
#include "net/tcp.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

enum origin_manner {
	ORIGIN_ANSWERS,
	ORIGIN_HANGS,   /* takes the request, says nothing */
	ORIGIN_CLOSES,  /* … and sends FIN */
	ORIGIN_RESETS,  /* … and sends RST */
	ORIGIN_REFUSES, /* does not listen */
};

enum { ORIGIN_CONNECTIONS = 24 };

/* A response in parts. */
struct origin_answer {
	const char *status; /* "200 OK"; NULL: the bytes of `reply` are the response */
	const char *fields; /* lines, each with its CRLF; Content-Length is added */
	struct str body;
	bool is_chunked;  /* in place of Content-Length */
	bool does_ranges; /* answers one range with a 206 */
};

struct origin_peer {
	int fd; /* 0: free */
	struct text got;
	struct text made;  /* the reply, where the answer has parts */
	struct str unsent; /* of the reply */
	unsigned served;
	bool is_answered; /* everything after it is the next request */
};

struct origin {
	int listener;
	struct address address;
	char where[ADDRESS_TEXT_BYTES];
	/* for the test to set, at any time */
	enum origin_manner manner;
	struct str reply; /* the bytes of the whole response */
	struct origin_answer answer;
	size_t held;             /* bytes at the end of each reply that are not sent for now */
	bool ends;               /* FIN behind each reply */
	bool early;              /* answers at the head, before the body */
	bool reads_nothing;      /* accepts, that is all */
	unsigned served_at_most; /* requests for each connection; then a close. 0: any number */
	/* what came */
	unsigned requests, accepted;
	struct text last; /* the last whole request */
	struct origin_peer peers[ORIGIN_CONNECTIONS];
};

static inline void origin_start(struct origin *origin)
{
	struct address any;
	*origin = (struct origin){.listener = -1};
	assert_true(address_parse(STR("127.0.0.1:0"), &any));
	origin->listener = tcp_listen(&any, 64);
	assert_true(origin->listener >= 0);
	assert_true(tcp_local_address(origin->listener, &origin->address));
	address_format(&origin->address, origin->where);
	origin->reply = STR("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
}

static inline void origin_hang_up(struct origin_peer *peer, bool resets)
{
	if (peer->fd == 0)
		return;
	if (resets)
		tcp_abort(peer->fd);
	else
		close(peer->fd);
	text_done(&peer->got);
	text_done(&peer->made);
	*peer = (struct origin_peer){0};
}

/* Breaks off whatever it is sending. */
static inline void origin_cut(struct origin *origin)
{
	for (unsigned i = 0; i < ORIGIN_CONNECTIONS; i++)
		origin_hang_up(&origin->peers[i], false);
}

/* Refuses from now on. */
static inline void origin_stop_listening(struct origin *origin)
{
	if (origin->listener >= 0)
		close(origin->listener);
	origin->listener = -1;
	origin_cut(origin);
}

/* Listens again where it did. */
static inline void origin_listen_again(struct origin *origin)
{
	origin->listener = tcp_listen(&origin->address, 64);
	assert_true(origin->listener >= 0);
	origin->manner = ORIGIN_ANSWERS;
}

static inline void origin_done(struct origin *origin)
{
	origin_stop_listening(origin);
	text_done(&origin->last);
}

static inline void origin_accept(struct origin *origin)
{
	struct address peer;
	int fd;
	while (origin->listener >= 0 && (fd = tcp_accept(origin->listener, &peer)) >= 0) {
		unsigned i = 0;
		while (i < ORIGIN_CONNECTIONS && origin->peers[i].fd != 0)
			i++;
		assert_true(i < ORIGIN_CONNECTIONS);
		origin->peers[i].fd = fd;
		origin->accepted++;
	}
}

/* The length of the request at the front of `got`; 0 when it is not whole. */
static inline size_t whole_request(struct str got, bool head_only)
{
	const char *end = got.len > 0 ? memmem(got.at, got.len, "\r\n\r\n", 4) : NULL;
	if (end == NULL)
		return 0;
	size_t head = (size_t)(end - got.at) + 4;
	const char *length = memmem(got.at, head, "\r\nContent-Length: ", 18);
	if (head_only)
		return head;
	if (length != NULL) {
		size_t body = 0;
		for (const char *digit = length + 18; *digit != '\r'; digit++)
			body = body * 10 + (size_t)(*digit - '0');
		return got.len >= head + body ? head + body : 0;
	}
	if (memmem(got.at, head, "\r\nTransfer-Encoding: chunked\r\n", 30) == NULL)
		return head;
	const char *last = memmem(end + 2, got.len - head + 2, "\r\n0\r\n", 5);
	const char *behind =
	        last == NULL ? NULL
	                     : memmem(last, got.len - (size_t)(last - got.at), "\r\n\r\n", 4);
	return behind != NULL ? (size_t)(behind - got.at) + 4 : 0;
}

/* The range that is asked for, as bytes [*ret_from, *ret_end) of the body; false where there is
 * none. */
static inline bool origin_range(
        const struct text *request, size_t length, size_t *ret_from, size_t *ret_end)
{
	static const char NAME[] = "\r\nRange: bytes=";
	const char *at = memmem(request->at, request->len, NAME, sizeof(NAME) - 1);
	if (at == NULL)
		return false;
	char *next;
	*ret_from = strtoul(at + sizeof(NAME) - 1, &next, 10);
	assert_int_equal(*next, '-');
	*ret_end = next[1] == '\r' ? length : strtoul(next + 1, NULL, 10) + 1;
	if (*ret_end > length)
		*ret_end = length;
	return *ret_from < *ret_end;
}

/* Makes the bytes of an answer in parts to `last`. */
static inline void origin_make(const struct origin *origin, struct text *to)
{
	const struct origin_answer *answer = &origin->answer;
	size_t from = 0, end = answer->body.len;
	bool is_part = answer->does_ranges && origin_range(&origin->last, end, &from, &end);
	text_clear(to);
	text_addf(to, "HTTP/1.1 %s\r\n%s", is_part ? "206 Part" : answer->status, answer->fields);
	if (is_part)
		text_addf(to, "Content-Range: bytes %zu-%zu/%zu\r\n", from, end - 1,
		        answer->body.len);
	if (answer->is_chunked)
		text_addf(to, "Transfer-Encoding: chunked\r\n\r\n%zx\r\n", end - from);
	else if (strncmp(answer->status, "304", 3) == 0)
		text_addf(to, "\r\n");
	else
		text_addf(to, "Content-Length: %zu\r\n\r\n", end - from);
	if (!str_has_prefix(text_str(&origin->last), STR("HEAD ")))
		text_add(to, str_make(answer->body.at + from, end - from));
	if (answer->is_chunked)
		text_addf(to, "\r\n0\r\n\r\n");
}

static inline void origin_serve(struct origin *origin, struct origin_peer *peer, size_t length)
{
	if (origin->served_at_most != 0 && peer->served == origin->served_at_most) {
		origin_hang_up(peer, false);
		return;
	}
	origin->requests++;
	text_clear(&origin->last);
	text_add(&origin->last, str_make(peer->got.at, length));
	struct str rest = str_make(peer->got.at + length, peer->got.len - length);
	struct text kept = {.at = NULL};
	text_add(&kept, rest);
	text_done(&peer->got);
	peer->got = kept;
	peer->served++;
	switch (origin->manner) {
	case ORIGIN_ANSWERS:
		if (origin->answer.status != NULL)
			origin_make(origin, &peer->made);
		peer->unsent =
		        origin->answer.status != NULL ? text_str(&peer->made) : origin->reply;
		peer->is_answered = true;
		break;
	case ORIGIN_CLOSES:
		origin_hang_up(peer, false);
		break;
	case ORIGIN_RESETS:
		origin_hang_up(peer, true);
		break;
	case ORIGIN_HANGS:
	case ORIGIN_REFUSES:
		break;
	}
}

static inline void origin_send(struct origin *origin, struct origin_peer *peer)
{
	while (peer->unsent.len > origin->held) {
		ssize_t count = send(peer->fd, peer->unsent.at, peer->unsent.len - origin->held,
		        MSG_DONTWAIT | MSG_NOSIGNAL);
		if (count < 0 && errno == EAGAIN)
			return;
		if (count < 0) {
			origin_hang_up(peer, false);
			return;
		}
		peer->unsent = str_make(peer->unsent.at + count, peer->unsent.len - (size_t)count);
	}
	if (peer->unsent.len > 0)
		return;
	if (peer->is_answered && origin->ends)
		origin_hang_up(peer, false);
	else
		peer->is_answered = false;
}

static inline void origin_play_peer(struct origin *origin, struct origin_peer *peer)
{
	char bytes[65536];
	ssize_t count;
	while ((count = recv(peer->fd, bytes, sizeof(bytes), MSG_DONTWAIT)) > 0)
		text_add(&peer->got, str_make(bytes, (size_t)count));
	bool is_gone = count == 0 || errno != EAGAIN;
	size_t length = whole_request(text_str(&peer->got), origin->early);
	if (peer->unsent.len == 0 && length > 0)
		origin_serve(origin, peer, length);
	if (peer->fd != 0 && (peer->unsent.len > 0 || peer->is_answered))
		origin_send(origin, peer);
	else if (is_gone)
		origin_hang_up(peer, false);
}

/* Does what there is to do now. */
static inline void origin_play(struct origin *origin)
{
	if (origin->manner == ORIGIN_REFUSES && origin->listener >= 0)
		origin_stop_listening(origin);
	origin_accept(origin);
	for (unsigned i = 0; i < ORIGIN_CONNECTIONS && !origin->reads_nothing; i++)
		if (origin->peers[i].fd != 0)
			origin_play_peer(origin, &origin->peers[i]);
}

/* Answers so from now on. */
static inline void origin_says(
        struct origin *origin, const char *status, const char *fields, struct str body)
{
	origin->answer = (struct origin_answer){.status = status, .fields = fields, .body = body};
}

/* Answers the request that it took and let hang. */
static inline void origin_answer_now(struct origin *origin)
{
	struct origin_peer *peer = &origin->peers[0];
	origin_make(origin, &peer->made);
	peer->unsent = text_str(&peer->made);
	peer->is_answered = true;
}

/* How many connections to it are open. */
static inline unsigned origin_connections(const struct origin *origin)
{
	unsigned count = 0;
	for (unsigned i = 0; i < ORIGIN_CONNECTIONS; i++)
		count += origin->peers[i].fd != 0;
	return count;
}

static inline bool origin_was_sent(const struct origin *origin, const char *text)
{
	return origin->last.len > 0 && strstr(text_c(&origin->last), text) != NULL;
}
