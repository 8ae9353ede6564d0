/*
 * Certificates for tests, made as an authority makes them: of both kinds, for several names, with
 * times of their own, with a link between or without.
 */
#pragma once

#include "base/mem.h"
#include "base/str.h"

#include <openssl/ec.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

struct issued {
	X509 *x509;
	EVP_PKEY *key;
};

struct wanted {
	const char *subject;
	const char *names; /* as OpenSSL writes them, "DNS:a.test,DNS:*.b.test"; NULL: none */
	bool is_rsa, is_authority;
	int64_t from_s, until_s; /* from now; 0 and 0: a day */
};

static inline void add_extension(X509 *x509, X509 *issuer, int nid, const char *value)
{
	X509V3_CTX context;
	X509V3_set_ctx(&context, issuer, x509, NULL, NULL, 0);
	X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, &context, nid, value);
	assert_non_null(extension);
	assert_int_equal(X509_add_ext(x509, extension, -1), 1);
	X509_EXTENSION_free(extension);
}

/* A certificate by `by`; NULL: by itself. */
static inline struct issued issue(const struct issued *by, const struct wanted *wanted)
{
	static long serial = 1;
	struct issued made = {
	        .x509 = X509_new(),
	        .key = wanted->is_rsa ? EVP_RSA_gen(2048) : EVP_EC_gen("P-256"),
	};
	const struct issued *issuer = by != NULL ? by : &made;
	X509_set_version(made.x509, X509_VERSION_3);
	ASN1_INTEGER_set(X509_get_serialNumber(made.x509), serial++);
	int64_t until_s = wanted->until_s != 0 ? wanted->until_s : 86400;
	X509_gmtime_adj(X509_getm_notBefore(made.x509), wanted->from_s);
	X509_gmtime_adj(X509_getm_notAfter(made.x509), until_s);
	X509_set_pubkey(made.x509, made.key);
	X509_NAME *name = X509_get_subject_name(made.x509);
	X509_NAME_add_entry_by_txt(
	        name, "CN", MBSTRING_UTF8, (const unsigned char *)wanted->subject, -1, -1, 0);
	X509_set_issuer_name(made.x509, X509_get_subject_name(issuer->x509));
	add_extension(made.x509, issuer->x509, NID_basic_constraints,
	        wanted->is_authority ? "critical,CA:TRUE" : "CA:FALSE");
	add_extension(made.x509, issuer->x509, NID_subject_key_identifier, "hash");
	if (wanted->names != NULL)
		add_extension(made.x509, issuer->x509, NID_subject_alt_name, wanted->names);
	assert_true(X509_sign(made.x509, issuer->key, EVP_sha256()) > 0);
	return made;
}

static inline void free_issued(struct issued *issued)
{
	X509_free(issued->x509);
	EVP_PKEY_free(issued->key);
}

static inline void add_bio(struct text *to, BIO *bio)
{
	char *bytes;
	long length = BIO_get_mem_data(bio, &bytes);
	text_add(to, str_make(bytes, (size_t)length));
	BIO_free(bio);
}

static inline void add_certificate_of(struct text *to, const struct issued *issued)
{
	BIO *bio = BIO_new(BIO_s_mem());
	assert_int_equal(PEM_write_bio_X509(bio, issued->x509), 1);
	add_bio(to, bio);
}

static inline void add_key_of(struct text *to, const struct issued *issued)
{
	BIO *bio = BIO_new(BIO_s_mem());
	assert_int_equal(PEM_write_bio_PrivateKey(bio, issued->key, NULL, NULL, 0, NULL, NULL), 1);
	add_bio(to, bio);
}
