/*
 * What both ways of signing a request to a bucket have in common: what is signed, and the
 * characters of texts in it. Pure.
 */
#pragma once

#include "base/str.h"

#include <stdint.h>

/* A field or a parameter as it is meant, not encoded. */
struct origin_sign_pair {
	struct str name, value;
};

/* The most pairs of one kind. */
enum { ORIGIN_SIGN_PAIRS = 64 };

struct origin_sign {
	struct str method;
	struct str path; /* decoded: "/" and the key; in path style, the bucket in front of it */
	const struct origin_sign_pair *parameters, *headers; /* at most ORIGIN_SIGN_PAIRS each */
	unsigned parameter_count, header_count;
	struct str key_id, secret;
	struct str token;  /* of a temporary key; empty: none */
	struct str region; /* S3 */
	struct str body;   /* S3: the hash of the body; empty: UNSIGNED-PAYLOAD */
	int64_t time_s;    /* now, as the store's clock has it */
};

/* Adds a text in which all is %XX but letters, digits and -._~ (RFC 3986, unreserved), and "/"
 * where it may stand as it is. */
void origin_sign_encode(struct str text, bool keeps_slashes, struct text *to);

/* Adds bytes in hexadecimal digits. */
void origin_sign_hex(const unsigned char *bytes, size_t count, struct text *to);

/* The same in lower case. */
void origin_sign_lower(struct str text, struct text *to);

/* Pairs in a form and an order of their own. */
struct origin_sign_sorted {
	struct text names[ORIGIN_SIGN_PAIRS], values[ORIGIN_SIGN_PAIRS];
	unsigned order[ORIGIN_SIGN_PAIRS];
	unsigned count;
};

/* Adds a pair whose texts the caller then writes. */
unsigned origin_sign_sorted_add(struct origin_sign_sorted *sorted);

/* Brings the pairs in the order of their names, then values, byte by byte. */
void origin_sign_sort(struct origin_sign_sorted *sorted);

void origin_sign_sorted_done(struct origin_sign_sorted *sorted);

/* The keyed hash of a text (RFC 2104) by SHA-1 or SHA-256; 20 or 32 bytes. */
enum origin_sign_hash { ORIGIN_SIGN_SHA1 = 20, ORIGIN_SIGN_SHA256 = 32 };
void origin_sign_hmac(
        enum origin_sign_hash hash, struct str key, struct str text, unsigned char *ret_bytes);

/* Adds the hash of a text, in hexadecimal digits. */
void origin_sign_digest(enum origin_sign_hash hash, struct str text, struct text *to);

/* Frees a text that has a secret in it, and wipes it before. */
void origin_sign_wipe(struct text *text);
