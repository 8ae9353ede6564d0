/*
 * What can fail here but an authority that is none is memory and randomness, without which nothing
 * goes on: so it is checked.
 */
#include "net/tls_issue.h"

#include "base/check.h"
#include "net/tls_private.h"

#include <openssl/bn.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

/* Clocks differ: a certificate holds from a while before it was made. */
enum { SKEW_S = 3600, SERIAL_BITS = 127, COMMON_NAME_BYTES = 64 };

/* Adds what was written to a BIO of memory, and frees it. */
static void take_pem(BIO *bio, struct text *to)
{
	char *at;
	long size = BIO_get_mem_data(bio, &at);
	text_add(to, str_make(at, (size_t)size));
	/* It may be a key. */
	OPENSSL_cleanse(at, (size_t)size);
	BIO_free(bio);
}

static void add_key(EVP_PKEY *key, struct text *to)
{
	BIO *bio = BIO_new(BIO_s_mem());
	CHECK(bio != NULL && PEM_write_bio_PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL) == 1);
	take_pem(bio, to);
}

static void add_certificate(X509 *certificate, struct text *to)
{
	BIO *bio = BIO_new(BIO_s_mem());
	CHECK(bio != NULL && PEM_write_bio_X509(bio, certificate) == 1);
	take_pem(bio, to);
}

/* What all certificates have. The caller says who signs. */
static X509 *new_certificate(EVP_PKEY *key, const char *common_name, unsigned days)
{
	X509 *certificate = X509_new();
	BIGNUM *serial = BN_new();
	CHECK(certificate != NULL && serial != NULL);
	CHECK(BN_rand(serial, SERIAL_BITS, BN_RAND_TOP_ONE, BN_RAND_BOTTOM_ANY) == 1);
	CHECK(BN_to_ASN1_INTEGER(serial, X509_get_serialNumber(certificate)) != NULL);
	BN_free(serial);
	X509_NAME *subject = X509_get_subject_name(certificate);
	CHECK(X509_set_version(certificate, X509_VERSION_3) == 1 &&
	        X509_gmtime_adj(X509_getm_notBefore(certificate), -SKEW_S) != NULL &&
	        X509_time_adj_ex(X509_getm_notAfter(certificate), (int)days, 0, NULL) != NULL &&
	        X509_NAME_add_entry_by_NID(subject, NID_commonName, MBSTRING_UTF8,
	                (const unsigned char *)common_name, -1, -1, 0) == 1 &&
	        X509_set_pubkey(certificate, key) == 1);
	return certificate;
}

/* `value` is in the words of openssl.cnf. */
static void extend(X509 *certificate, X509 *issuer, int nid, const char *value)
{
	X509V3_CTX context;
	X509V3_set_ctx_nodb(&context);
	X509V3_set_ctx(&context, issuer, certificate, NULL, NULL, 0);
	X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, &context, nid, value);
	CHECK(extension != NULL && X509_add_ext(certificate, extension, -1) == 1);
	X509_EXTENSION_free(extension);
}

static GENERAL_NAME *new_name(const char *name)
{
	GENERAL_NAME *general = GENERAL_NAME_new();
	ASN1_OCTET_STRING *ip = a2i_IPADDRESS(name);
	CHECK(general != NULL);
	if (ip != NULL) {
		GENERAL_NAME_set0_value(general, GEN_IPADD, ip);
		return general;
	}
	ASN1_IA5STRING *text = ASN1_IA5STRING_new();
	CHECK(text != NULL && ASN1_STRING_set(text, name, -1) == 1);
	GENERAL_NAME_set0_value(general, GEN_DNS, text);
	return general;
}

static void add_names(X509 *certificate, const char *const *names, unsigned count)
{
	GENERAL_NAMES *all = sk_GENERAL_NAME_new_null();
	CHECK(all != NULL);
	for (unsigned i = 0; i < count; i++)
		CHECK(sk_GENERAL_NAME_push(all, new_name(names[i])) > 0);
	CHECK(X509_add1_ext_i2d(certificate, NID_subject_alt_name, all, 0, 0) == 1);
	GENERAL_NAMES_free(all);
}

void tls_issue_authority(unsigned days, struct text *to)
{
	EVP_PKEY *key = EVP_EC_gen("P-256");
	CHECK(key != NULL);
	X509 *certificate = new_certificate(key, "Headwater fleet", days);
	CHECK(X509_set_issuer_name(certificate, X509_get_subject_name(certificate)) == 1);
	extend(certificate, certificate, NID_basic_constraints, "critical,CA:TRUE,pathlen:0");
	extend(certificate, certificate, NID_key_usage, "critical,keyCertSign,cRLSign");
	extend(certificate, certificate, NID_subject_key_identifier, "hash");
	CHECK(X509_sign(certificate, key, EVP_sha256()) > 0);
	add_key(key, to);
	add_certificate(certificate, to);
	X509_free(certificate);
	EVP_PKEY_free(key);
}

/* The key and the certificate of an authority; NULL, or what is wrong with it. */
static const char *read_authority(struct str pem, EVP_PKEY **ret_key, X509 **ret_certificate)
{
	BIO *bio = tls_open_pem(pem);
	*ret_key = PEM_read_bio_PrivateKey(bio, NULL, tls_no_passphrase, NULL);
	BIO_free(bio);
	bio = tls_open_pem(pem);
	*ret_certificate = PEM_read_bio_X509(bio, NULL, tls_no_passphrase, NULL);
	BIO_free(bio);
	if (*ret_key == NULL)
		return "has no private key without a passphrase";
	if (*ret_certificate == NULL)
		return "has no certificate";
	if (X509_check_private_key(*ret_certificate, *ret_key) != 1)
		return "has a certificate of another key";
	if (X509_self_signed(*ret_certificate, 1) != 1 || X509_check_ca(*ret_certificate) == 0)
		return "has a certificate that may not sign others, or does not sign itself";
	return NULL;
}

/* False when the authority's key signs otherwise. */
static bool issue(EVP_PKEY *authority_key, X509 *authority, const char *const *names,
        unsigned count, unsigned days, struct text *to)
{
	EVP_PKEY *key = EVP_EC_gen("P-256");
	CHECK(key != NULL);
	/* For people; what counts are the alternative names. */
	const char *common_name = strlen(names[0]) <= COMMON_NAME_BYTES ? names[0] : "Headwater";
	X509 *certificate = new_certificate(key, common_name, days);
	CHECK(X509_set_issuer_name(certificate, X509_get_subject_name(authority)) == 1);
	extend(certificate, authority, NID_basic_constraints, "critical,CA:FALSE");
	extend(certificate, authority, NID_key_usage, "critical,digitalSignature");
	extend(certificate, authority, NID_ext_key_usage, "serverAuth,clientAuth");
	extend(certificate, authority, NID_subject_key_identifier, "hash");
	extend(certificate, authority, NID_authority_key_identifier, "keyid");
	add_names(certificate, names, count);
	bool is_signed = X509_sign(certificate, authority_key, EVP_sha256()) > 0;
	if (is_signed) {
		add_key(key, to);
		add_certificate(certificate, to);
		add_certificate(authority, to);
	}
	X509_free(certificate);
	EVP_PKEY_free(key);
	return is_signed;
}

bool tls_issue_identity(struct str authority, const char *const *names, unsigned count,
        unsigned days, struct text *to, struct text *ret_why)
{
	EVP_PKEY *key;
	X509 *certificate;
	const char *why = read_authority(authority, &key, &certificate);
	if (why == NULL && !issue(key, certificate, names, count, days, to))
		why = "has a key that does not sign with SHA-256";
	if (why != NULL)
		text_add(ret_why, str_of(why));
	EVP_PKEY_free(key);
	X509_free(certificate);
	ERR_clear_error();
	return why == NULL;
}
