/*
 * What a shelf has for the handshake.
 */
#pragma once

#include "net/tls_shelf.h"

#include <openssl/ssl.h>

/* A server may have one certificate of each kind for a name, and shows the one that the client
 * knows how to check. */
enum tls_kind { TLS_KIND_ECDSA, TLS_KIND_RSA, TLS_KINDS };

struct tls_pair {
	X509 *leaf;
	STACK_OF(X509) * chain;
	EVP_PKEY *key;
	enum tls_kind kind;
	int64_t not_before_s, not_after_s;
	char *from, *names;
	char *unfit;           /* why it cannot be shown; NULL: it can */
	unsigned char *staple; /* NULL: none */
	size_t staple_len;
	uint32_t next; /* while a shelf is made: the next one of the same key */
};

/* What is to be shown to who asks for a name. */
struct tls_shelf_name {
	char *name; /* in lower case; a wildcard is "*.suffix" */
	const struct tls_pair *pairs[TLS_KINDS];
};

/* NULL: nothing. */
const struct tls_shelf_name *tls_shelf_find(const struct tls_shelf *shelf, struct str name);

bool tls_shelf_is_finished(const struct tls_shelf *shelf);

/* Why no client could do anything with such a key; NULL: they can. */
const char *tls_shelf_unfit_kind(const EVP_PKEY *key);
const char *tls_shelf_unfit_strength(const EVP_PKEY *key);

/* One of tls_shelf_count. */
const struct tls_pair *tls_shelf_pair(const struct tls_shelf *shelf, unsigned index);
