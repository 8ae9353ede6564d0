/*
 * What the files of TLS share: what a context and a connection are made of, and reading PEM.
 */
#pragma once

#include "base/str.h"
#include "net/tls.h"

#include <openssl/ssl.h>

struct tls_origin_sessions;

enum { TLS_WHY_BYTES = 160 };

struct tls_context {
	SSL_CTX *ssl;
};

struct tls {
	SSL *ssl;
	int fd;
	bool is_at_end; /* the socket is */
	bool is_broken;
	struct tls_origin_sessions *sessions; /* of a connection to an origin; may be NULL */
	char why[TLS_WHY_BYTES];
};

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
