/*
 * What the files of TLS share: contexts, connections (tls.c has them, tls_buffered.c those of a
 * server with many, tls_origin.c those to origins), reading PEM.
 */
#pragma once

#include "base/str.h"
#include "net/tls.h"

#include <openssl/bio.h>
#include <openssl/ssl.h>

struct tls_context {
	SSL_CTX *ssl;
	struct tls_site *site; /* of a context for clients (tls_site.h) */
};

struct tls_origin_sessions;

/* Has the handshake fail unless the peer's certificate, if it is verified, is for the host name or
 * IP address; a host name is sent as well (SNI). */
void tls_demand_name(SSL *ssl, const char *name);

/* What a call of OpenSSL that did not come to its end means; notes why where that is TCP_RESET. */
enum tcp_result tls_result_of(struct tls *tls, int returned);

/* For OpenSSL's readers of PEM: a key with a passphrase is no key to us, for there is nobody to
 * ask. */
int tls_no_passphrase(char *to, int size, int is_writing, void *context);

/* A reader of PEM, whose bytes must outlive it. */
BIO *tls_open_pem(struct str pem);

struct tls {
	SSL *ssl;
	int fd;
	bool is_at_end; /* the socket is */
	bool is_broken;
	bool is_told;             /* by tls_ready, when there is something to read */
	bool is_empty;            /* the socket was at the last read, and nothing was told since */
	bool has_hangup;          /* its end may lie behind what is read */
	struct buf_pool *buffers; /* NULL: not buffered */
	struct buf early;         /* came from the socket before there was TLS */
	struct buf out;           /* encrypted, and not taken by the socket */
	uint64_t sent;            /* what the socket took, encrypted, in all */
	struct tls_origin_sessions *sessions; /* of a connection to an origin; may be NULL */
	struct text why;                      /* what broke it, for people */
};

/* What every context begins with; the oldest version that is spoken. */
SSL_CTX *tls_make_ssl(const SSL_METHOD *method, int oldest);

/* A connection of neither side yet. */
struct tls *tls_make(const struct tls_context *context, int socket);

/* Notes what broke it: what OpenSSL says of it; or what is said here, in two parts. */
void tls_note_why(struct tls *tls);
void tls_say_why(struct tls *tls, const char *what, const char *which);

/* What a context for clients has; connections that were made with the context are gone. NULL is
 * fine. */
void tls_site_free(struct tls_site *site);
