/*
 * TLS to origins: a client that takes TLS 1.2 and 1.3, offers HTTP/1.1 (ALPN), and verifies the
 * origin's certificate, its chain and its name, unless it was told not to. A connection is read and
 * written by net/tls.h and belongs to one thread; a context may be used by any.
 */
#pragma once

#include "base/limit.h"
#include "net/tls.h"

struct tls_origin_options {
	bool verifies; /* the origin's certificate */
	/* PEM: the authorities that are trusted, and maybe lists of what they have revoked; NULL:
	 * the system's store. */
	const struct str *ca;
	struct str
	        certificate; /* PEM: what we show who asks for it, and its chain; empty: nothing */
	struct str key; /* PEM: its private key, without a passphrase; empty: it is in `certificate`
	                 */
};

enum tls_origin_part { TLS_ORIGIN_CA, TLS_ORIGIN_CERTIFICATE, TLS_ORIGIN_KEY };

/* A context for connections to origins, ended by tls_context_free. NULL, and what is wrong with
 * which part: a phrase behind "it ". */
MUST_CHECK struct tls_context *tls_origin_context(const struct tls_origin_options *options,
        enum tls_origin_part *ret_part, struct text *ret_why);

/* The newest sessions with one server, for the handshakes of further connections. Each is used
 * once, and of TLS 1.2 given back. All-zero is empty; one thread. */
struct tls_origin_sessions {
	void *newest[LIMIT_TLS_SESSIONS]; /* the last one is the newest */
	unsigned count;
};

/* Forgets all of them. */
void tls_origin_forget(struct tls_origin_sessions *sessions);

/* As tls_new, of a client. `name` is verified where the context verifies, and sent (SNI) where it
 * is no IP address; it is not empty. `sessions` may be NULL, and outlives the connection. */
struct tls *tls_origin_new(const struct tls_context *context, int socket, const char *name,
        struct tls_origin_sessions *sessions);

/* From now on the socket is read only after tls_ready has told that there is something, which saves
 * the calls that would say that there is nothing. */
void tls_origin_rely(struct tls *tls);

/* Goes on with the handshake: TCP_DONE when it is done, TCP_AGAIN, or TCP_RESET (tls_why). */
enum tcp_result tls_origin_handshake(struct tls *tls);

/* After TCP_RESET: whether it was for the origin's certificate, its chain or its name. */
bool tls_origin_is_unverified(const struct tls *tls);

/* After TCP_RESET: whether TLS broke, by an alert of the peer or by what is no TLS, and not the
 * connection below it. */
bool tls_origin_is_tls_fault(const struct tls *tls);

/* After TCP_RESET of tls_write: has tls_read still read what had come before the connection broke,
 * if that was below TLS. */
void tls_origin_read_on(struct tls *tls);

/* After TCP_AGAIN, of whichever call: whether it waits for room to write, and not for bytes. */
bool tls_origin_waits_for_room(const struct tls *tls);

/* After the handshake: whether it went on with a session of an earlier connection. */
bool tls_origin_is_resumed(const struct tls *tls);
