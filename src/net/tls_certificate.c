/*
 * A shelf of the two texts alone (net/tls_shelf.h) says what a server could show of them; so what
 * is taken here is shown there.
 */
#include "net/tls_certificate.h"

#include "base/limit.h"
#include "net/tls_private.h"
#include "net/tls_shelf_private.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <stdio.h>
#include <string.h>

/* ---- what is wrong ---- */

static bool complain(struct tls_certificate_trouble *trouble, enum tls_certificate_part part,
        const char *rule, const char *words)
{
	trouble->part = part;
	trouble->rule = rule;
	text_clear(&trouble->words);
	text_add(&trouble->words, str_of(words));
	return false;
}

/* How many private keys, or certificates, a text has. */
static unsigned count_of(struct str pem, const char *ending)
{
	unsigned count = 0;
	char *name, *header;
	unsigned char *bytes;
	long length;
	if (pem.len == 0)
		return 0;
	BIO *bio = tls_open_pem(pem);
	while (PEM_read_bio(bio, &name, &header, &bytes, &length) == 1) {
		size_t len = strlen(name), wanted = strlen(ending);
		count += len >= wanted && strcmp(name + len - wanted, ending) == 0;
		OPENSSL_free(name);
		OPENSSL_free(header);
		OPENSSL_clear_free(bytes, (size_t)length);
		if (count > LIMIT_TLS_CERTIFICATES)
			break;
	}
	BIO_free(bio);
	ERR_clear_error();
	return count;
}

/* Adds a text to the shelf; false with the first thing that the shelf says of it. */
static bool add(struct tls_shelf *shelf, struct str pem, enum tls_certificate_part part,
        struct tls_certificate_trouble *trouble)
{
	struct text troubles = {0};
	tls_shelf_add(shelf, "it", pem, &troubles);
	struct str rest = text_str(&troubles);
	struct text words = {0};
	text_add(&words, str_cut(&rest, '\n'));
	bool is_good = troubles.len == 0;
	if (!is_good) /* behind "it " */
		complain(trouble, part, "pem", text_c(&words) + 3);
	text_done(&words);
	text_done(&troubles);
	return is_good;
}

static bool check_texts(struct str chain, struct str key, struct tls_certificate_trouble *trouble)
{
	if (chain.len > LIMIT_CERTIFICATE_BYTES)
		return complain(trouble, TLS_CERTIFICATE_CHAIN, "size", "is too large");
	if (key.len > LIMIT_CERTIFICATE_KEY_BYTES)
		return complain(trouble, TLS_CERTIFICATE_KEY, "size", "is too large");
	if (count_of(chain, "PRIVATE KEY") > 0)
		return complain(trouble, TLS_CERTIFICATE_CHAIN, "pem",
		        "has a private key, which goes where the key is");
	if (count_of(key, "CERTIFICATE") > 0)
		return complain(trouble, TLS_CERTIFICATE_KEY, "pem",
		        "has a certificate, which goes where the certificate is");
	if (count_of(chain, "CERTIFICATE") == 0)
		return complain(trouble, TLS_CERTIFICATE_CHAIN, "pem", "has no certificate in PEM");
	if (count_of(key, "PRIVATE KEY") != 1)
		return complain(trouble, TLS_CERTIFICATE_KEY, "pem",
		        count_of(key, "PRIVATE KEY") == 0 ? "has no private key in PEM"
		                                          : "has more than one private key");
	return true;
}

static bool check_pair(
        const struct tls_shelf *shelf, int64_t now_s, struct tls_certificate_trouble *trouble)
{
	if (tls_shelf_count(shelf) == 0)
		return complain(
		        trouble, TLS_CERTIFICATE_KEY, "match", "is not the key of the certificate");
	if (tls_shelf_count(shelf) > 1)
		return complain(trouble, TLS_CERTIFICATE_CHAIN, "single",
		        "has more than one certificate of this key");
	const struct tls_pair *pair = tls_shelf_pair(shelf, 0);
	const char *unfit = tls_shelf_unfit_kind(pair->key);
	if (unfit != NULL)
		return complain(trouble, TLS_CERTIFICATE_KEY, "kind", unfit);
	unfit = tls_shelf_unfit_strength(pair->key);
	if (unfit != NULL)
		return complain(trouble, TLS_CERTIFICATE_KEY, "strength", unfit);
	if (pair->names[0] == '\0')
		return complain(trouble, TLS_CERTIFICATE_CHAIN, "names",
		        "is for no host name (subjectAltName)");
	if (pair->not_after_s <= now_s)
		return complain(trouble, TLS_CERTIFICATE_CHAIN, "expired", "has expired");
	return true;
}

/* ---- what is kept ---- */

static void take_bio(BIO *bio, struct text *to)
{
	char *bytes;
	long length = BIO_get_mem_data(bio, &bytes);
	text_add(to, str_make(bytes, (size_t)length));
	if (length > 0)
		OPENSSL_cleanse(bytes, (size_t)length);
	BIO_free(bio);
}

static void write_pair(const struct tls_pair *pair, struct tls_certificate *to)
{
	unsigned char hash[32];
	unsigned length = 0;
	BIO *bio = BIO_new(BIO_s_mem());
	CHECK(PEM_write_bio_X509(bio, pair->leaf) == 1);
	for (int i = 0; i < sk_X509_num(pair->chain); i++)
		CHECK(PEM_write_bio_X509(bio, sk_X509_value(pair->chain, i)) == 1);
	take_bio(bio, &to->chain);
	bio = BIO_new(BIO_s_secmem());
	CHECK(PEM_write_bio_PrivateKey(bio, pair->key, NULL, NULL, 0, NULL, NULL) == 1);
	take_bio(bio, &to->key);
	bio = BIO_new(BIO_s_mem());
	X509_NAME_print_ex(bio, X509_get_issuer_name(pair->leaf), 0,
	        XN_FLAG_RFC2253 & ~(unsigned long)ASN1_STRFLGS_ESC_MSB);
	take_bio(bio, &to->issuer);
	text_add(&to->names, str_of(pair->names));
	to->kind = pair->kind == TLS_KIND_RSA ? "RSA" : "ECDSA";
	to->not_before_s = pair->not_before_s;
	to->not_after_s = pair->not_after_s;
	CHECK(X509_digest(pair->leaf, EVP_sha256(), hash, &length) == 1 && length == sizeof(hash));
	for (unsigned i = 0; i < length; i++)
		snprintf(to->fingerprint + 2 * (size_t)i, 3, "%02x", hash[i]);
}

bool tls_certificate_read(struct str chain, struct str key, int64_t now_s,
        struct tls_certificate *ret_certificate, struct tls_certificate_trouble *ret_trouble)
{
	*ret_trouble = (struct tls_certificate_trouble){.part = TLS_CERTIFICATE_GOOD};
	if (!check_texts(chain, key, ret_trouble))
		return false;
	struct tls_shelf *shelf = tls_shelf_new();
	struct text troubles = {0};
	bool is_good = add(shelf, chain, TLS_CERTIFICATE_CHAIN, ret_trouble) &&
	               add(shelf, key, TLS_CERTIFICATE_KEY, ret_trouble);
	tls_shelf_finish(shelf, now_s, &troubles);
	if (is_good && check_pair(shelf, now_s, ret_trouble)) {
		*ret_certificate = (struct tls_certificate){0};
		write_pair(tls_shelf_pair(shelf, 0), ret_certificate);
		/* What was written in another way may be longer than what was handed in. */
		is_good = check_texts(text_str(&ret_certificate->chain),
		        text_str(&ret_certificate->key), ret_trouble);
		if (!is_good)
			tls_certificate_done(ret_certificate);
	} else {
		is_good = false;
	}
	text_done(&troubles);
	tls_shelf_unref(shelf);
	return is_good;
}

void tls_certificate_done(struct tls_certificate *certificate)
{
	if (certificate->key.len > 0)
		explicit_bzero(certificate->key.at, certificate->key.len);
	text_done(&certificate->key);
	text_done(&certificate->chain);
	text_done(&certificate->names);
	text_done(&certificate->issuer);
}
