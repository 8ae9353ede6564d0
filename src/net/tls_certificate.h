/*
 * One certificate with its key, as somebody hands it in: checked whether a server can show it, and
 * written anew, so that nothing is kept but the certificates of its chain and the key. Pure, but
 * for OpenSSL.
 */
#pragma once

#include "base/str.h"

#include <stdint.h>

enum { TLS_FINGERPRINT_BYTES = 65 };

struct tls_certificate {
	struct text chain; /* in PEM: the certificate, and what of its text leads to a root */
	struct text key;   /* in PEM, without a passphrase */
	struct text names; /* of hosts, in lower case, with ", " between */
	struct text issuer;
	const char *kind;                        /* "ECDSA", "RSA" */
	char fingerprint[TLS_FINGERPRINT_BYTES]; /* SHA-256 of the certificate, hexadecimal */
	int64_t not_before_s, not_after_s;
};

enum tls_certificate_part { TLS_CERTIFICATE_GOOD, TLS_CERTIFICATE_CHAIN, TLS_CERTIFICATE_KEY };

/* What is wrong, with a rule's name and words that follow "it". */
struct tls_certificate_trouble {
	enum tls_certificate_part part;
	const char *rule;
	struct text words;
};

/* Reads PEM: a chain in any order, of which one is for the key. False with what is wrong with which
 * text, whose words are to be freed: it cannot be read, is too large, has expired at `now_s`, is
 * for no host name, or the two do not belong together. Else to be freed with tls_certificate_done.
 */
MUST_CHECK bool tls_certificate_read(struct str chain, struct str key, int64_t now_s,
        struct tls_certificate *ret_certificate, struct tls_certificate_trouble *ret_trouble);

/* Overwrites the key, and frees all. All-zero is fine. */
void tls_certificate_done(struct tls_certificate *certificate);
