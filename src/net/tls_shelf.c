/*
 * Everything that was added is kept until the end, when keys are matched with certificates by their
 * public halves: so it does not matter which file a key lies in, nor in which order files are read.
 * Certificates without a key are links of chains, or nobody's.
 *
 * A text that has become of no use (half of a renewal, cut off, not to be read) takes nothing away:
 * the pairs that came from it on the shelf before are put on this one as well.
 */
#include "net/tls_shelf_private.h"

#include "base/limit.h"
#include "base/mem.h"
#include "net/tls_private.h"

#include <ctype.h>
#include <openssl/err.h>
#include <openssl/ocsp.h>
#include <openssl/pem.h>
#include <openssl/sha.h>
#include <openssl/x509v3.h>
#include <stdatomic.h>
#include <stdlib.h>

/* More links than any chain has. */
enum { CHAIN_MAX = 10 };

#define NONE UINT32_MAX

/* What tells public keys apart. */
struct key_id {
	unsigned char bytes[SHA256_DIGEST_LENGTH];
};

struct certificate {
	X509 *x509;
	struct key_id id;
	unsigned source; /* of which text it is */
};

struct key {
	EVP_PKEY *key;
	struct key_id id;
	unsigned pair; /* the first of its pairs, behind which the others are; or NONE */
};

struct source {
	char *from;
	bool is_broken; /* something in it is of no use, or lacks its key */
};

struct staple {
	OCSP_RESPONSE *response;
	unsigned char *der;
	size_t len;
};

struct tls_shelf {
	atomic_uint references;
	bool is_finished;
	/* Until it is finished. */
	struct certificate *certificates;
	struct key *keys;
	struct source *sources;
	struct staple *staples;
	struct tls_shelf *before; /* NULL: none */
	unsigned certificate_count, key_count, source_count, staple_count;
	/* From then on. */
	struct tls_pair *pairs;
	struct tls_shelf_name *names; /* by name */
	unsigned pair_count, name_count;
};

struct tls_shelf *tls_shelf_new(void)
{
	struct tls_shelf *shelf = mem_new(struct tls_shelf);
	atomic_init(&shelf->references, 1);
	return shelf;
}

/* ---- what is added ---- */

static unsigned add_source(struct tls_shelf *shelf, const char *from)
{
	shelf->sources =
	        mem_resize(shelf->sources, (shelf->source_count + 1) * sizeof(*shelf->sources));
	shelf->sources[shelf->source_count] = (struct source){.from = mem_copy(from, strlen(from))};
	return shelf->source_count++;
}

void tls_shelf_miss(struct tls_shelf *shelf, const char *from)
{
	CHECK(!shelf->is_finished);
	unsigned source = add_source(shelf, from);
	shelf->sources[source].is_broken = true;
}

void tls_shelf_keep(struct tls_shelf *shelf, struct tls_shelf *before)
{
	CHECK(!shelf->is_finished && shelf->before == NULL && before->is_finished);
	shelf->before = tls_shelf_ref(before);
}

static bool find_id(const X509_PUBKEY *public, struct key_id *ret_id)
{
	const unsigned char *bytes;
	int length;
	return public != NULL && X509_PUBKEY_get0_param(NULL, &bytes, &length, NULL, public) == 1 &&
	       SHA256(bytes, (size_t)length, ret_id->bytes) != NULL;
}

static bool add_certificate(struct tls_shelf *shelf, X509 *x509, unsigned source)
{
	struct certificate certificate = {.x509 = x509, .source = source};
	if (!find_id(X509_get_X509_PUBKEY(x509), &certificate.id)) {
		X509_free(x509);
		return false;
	}
	shelf->certificates = mem_resize(
	        shelf->certificates, (shelf->certificate_count + 1) * sizeof(*shelf->certificates));
	shelf->certificates[shelf->certificate_count++] = certificate;
	return true;
}

static bool add_key(struct tls_shelf *shelf, EVP_PKEY *key)
{
	struct key entry = {.key = key, .pair = NONE};
	X509_PUBKEY *public = NULL;
	bool is_good = X509_PUBKEY_set(&public, key) == 1 && find_id(public, &entry.id);
	X509_PUBKEY_free(public);
	if (!is_good) {
		EVP_PKEY_free(key);
		return false;
	}
	shelf->keys = mem_resize(shelf->keys, (shelf->key_count + 1) * sizeof(*shelf->keys));
	shelf->keys[shelf->key_count++] = entry;
	return true;
}

static bool is_key(const char *name)
{
	size_t length = strlen(name);
	return length >= 11 && strcmp(name + length - 11, "PRIVATE KEY") == 0;
}

/* Takes one object of a text; false when it is of a kind that we read, and cannot be read. */
static bool take(struct tls_shelf *shelf, unsigned source, const char *name, struct str object,
        struct str der)
{
	if (strcmp(name, PEM_STRING_X509) == 0 || strcmp(name, PEM_STRING_X509_TRUSTED) == 0) {
		const unsigned char *at = (const unsigned char *)der.at;
		X509 *x509 = d2i_X509(NULL, &at, (long)der.len);
		return x509 != NULL && add_certificate(shelf, x509, source);
	}
	if (!is_key(name))
		return true; /* parameters of curves, requests, … */
	BIO *bio = tls_open_pem(object);
	EVP_PKEY *key = PEM_read_bio_PrivateKey(bio, NULL, tls_no_passphrase, NULL);
	BIO_free(bio);
	return key != NULL && add_key(shelf, key);
}

void tls_shelf_add(struct tls_shelf *shelf, const char *from, struct str pem, struct text *troubles)
{
	CHECK(!shelf->is_finished);
	if (pem.len == 0 || pem.len > LIMIT_TLS_FILE_BYTES) {
		text_addf(troubles, "%s %s\n", from, pem.len == 0 ? "is empty" : "is too large");
		tls_shelf_miss(shelf, from);
		return;
	}
	unsigned source = add_source(shelf, from), objects = 0;
	BIO *bio = tls_open_pem(pem);
	ERR_clear_error();
	for (;;) {
		char *name = NULL, *header = NULL;
		unsigned char *der = NULL;
		long length = 0, begin = BIO_pending(bio);
		if (PEM_read_bio(bio, &name, &header, &der, &length) != 1)
			break;
		struct str object =
		        str_make(pem.at + pem.len - begin, (size_t)(begin - BIO_pending(bio)));
		bool is_many = ++objects > LIMIT_TLS_CERTIFICATES;
		bool is_good = !is_many && take(shelf, source, name, object,
		                                   str_make((char *)der, (size_t)length));
		if (is_many)
			text_addf(troubles, "%s has more than %u keys and certificates\n", from,
			        (unsigned)LIMIT_TLS_CERTIFICATES);
		else if (!is_good)
			text_addf(troubles, "%s has a %s that cannot be read%s\n", from,
			        is_key(name) ? "private key" : "certificate",
			        is_key(name) ? ": has it a passphrase?" : "");
		OPENSSL_free(name);
		OPENSSL_free(header);
		OPENSSL_clear_free(der, (size_t)length);
		shelf->sources[source].is_broken |= !is_good;
		if (!is_good)
			break;
	}
	const int reason = ERR_GET_REASON(ERR_peek_last_error());
	if (objects == 0)
		text_addf(troubles, "%s has no certificate and no key in PEM\n", from);
	else if (!shelf->sources[source].is_broken && reason != PEM_R_NO_START_LINE)
		text_addf(troubles, "%s is cut off, or no PEM from some place on\n", from);
	shelf->sources[source].is_broken |= objects == 0 || reason != PEM_R_NO_START_LINE;
	BIO_free(bio);
	ERR_clear_error();
}

void tls_shelf_add_staple(
        struct tls_shelf *shelf, const char *from, struct str der, struct text *troubles)
{
	CHECK(!shelf->is_finished);
	const unsigned char *at = (const unsigned char *)der.at;
	OCSP_RESPONSE *response = der.len <= LIMIT_TLS_STAPLE_BYTES
	                                  ? d2i_OCSP_RESPONSE(NULL, &at, (long)der.len)
	                                  : NULL;
	ERR_clear_error();
	if (response == NULL || OCSP_response_status(response) != OCSP_RESPONSE_STATUS_SUCCESSFUL) {
		text_addf(troubles, "%s is no OCSP response of use\n", from);
		OCSP_RESPONSE_free(response);
		return;
	}
	shelf->staples =
	        mem_resize(shelf->staples, (shelf->staple_count + 1) * sizeof(*shelf->staples));
	shelf->staples[shelf->staple_count++] =
	        (struct staple){response, (unsigned char *)mem_copy(der.at, der.len), der.len};
}

/* ---- putting it together ---- */

static int64_t time_of(const ASN1_TIME *time)
{
	struct tm tm;
	return ASN1_TIME_to_tm(time, &tm) == 1 ? (int64_t)timegm(&tm) : 0;
}

static int by_id(const void *a, const void *b)
{
	return memcmp(((const struct key *)a)->id.bytes, ((const struct key *)b)->id.bytes,
	        sizeof(struct key_id));
}

/* Keys are sorted. One that lies there twice may be found either way. */
static struct key *key_of(const struct tls_shelf *shelf, const struct certificate *certificate)
{
	const struct key wanted = {.id = certificate->id};
	struct key *key = shelf->key_count == 0 ? NULL
	                                        : bsearch(&wanted, shelf->keys, shelf->key_count,
	                                                  sizeof(wanted), by_id);
	while (key != NULL && key > shelf->keys && by_id(key - 1, key) == 0)
		key--;
	return key;
}

/* The certificate of the same text that has issued this one; NULL: none, or it is a root, which
 * clients have. */
static X509 *issuer_in(const struct tls_shelf *shelf, unsigned source, X509 *x509)
{
	for (unsigned i = 0; i < shelf->certificate_count; i++) {
		X509 *other = shelf->certificates[i].x509;
		if (shelf->certificates[i].source == source && other != x509 &&
		        X509_check_issued(other, x509) == X509_V_OK &&
		        X509_self_signed(other, 0) != 1)
			return other;
	}
	return NULL;
}

static STACK_OF(X509) * chain_of(const struct tls_shelf *shelf, const struct certificate *leaf)
{
	STACK_OF(X509) *chain = sk_X509_new_null();
	X509 *last = leaf->x509;
	for (unsigned i = 0; i < CHAIN_MAX; i++) {
		X509 *issuer = issuer_in(shelf, leaf->source, last);
		if (issuer == NULL)
			break;
		CHECK(X509_up_ref(issuer) == 1 && sk_X509_push(chain, issuer) > 0);
		last = issuer;
	}
	return chain;
}

/* Whether a name of a certificate is one that a client can ask for; *ret_name is it then, in lower
 * case. */
static bool take_name(const GENERAL_NAME *general, struct text *ret_name)
{
	if (general->type != GEN_DNS)
		return false;
	const char *at = (const char *)ASN1_STRING_get0_data(general->d.dNSName);
	int length = ASN1_STRING_length(general->d.dNSName);
	if (length <= 0 || length > LIMIT_HOST_BYTES)
		return false;
	text_clear(ret_name);
	for (int i = 0; i < length; i++) {
		unsigned char byte = (unsigned char)at[i];
		bool is_wild = byte == '*' && i == 0 && length > 2 && at[1] == '.';
		if (!isalnum(byte) && byte != '-' && byte != '.' && byte != '_' && !is_wild)
			return false;
		text_add_char(ret_name, (char)tolower(byte));
	}
	return true;
}

static bool is_valid_at(const struct tls_pair *pair, int64_t now_s)
{
	return pair->not_before_s <= now_s && now_s < pair->not_after_s;
}

/* Which of two is to be shown. */
static bool is_better(const struct tls_pair *a, const struct tls_pair *b, int64_t now_s)
{
	if (is_valid_at(a, now_s) != is_valid_at(b, now_s))
		return is_valid_at(a, now_s);
	if (a->not_before_s != b->not_before_s)
		return a->not_before_s > b->not_before_s;
	if (a->not_after_s != b->not_after_s)
		return a->not_after_s > b->not_after_s;
	return sk_X509_num(a->chain) > sk_X509_num(b->chain);
}

static void add_name(struct tls_shelf *shelf, struct str name, const struct tls_pair *pair)
{
	shelf->names = mem_resize(shelf->names, (shelf->name_count + 1) * sizeof(*shelf->names));
	struct tls_shelf_name *entry = &shelf->names[shelf->name_count++];
	*entry = (struct tls_shelf_name){.name = mem_copy(name.at, name.len)};
	entry->pairs[pair->kind] = pair;
}

/* Names of a pair that is not fit to be shown are for people only. */
static void add_names(struct tls_shelf *shelf, struct tls_pair *pair)
{
	GENERAL_NAMES *names = X509_get_ext_d2i(pair->leaf, NID_subject_alt_name, NULL, NULL);
	struct text name = {0}, all = {0};
	for (int i = 0; names != NULL && i < sk_GENERAL_NAME_num(names); i++) {
		if (!take_name(sk_GENERAL_NAME_value(names, i), &name))
			continue;
		if (pair->unfit == NULL)
			add_name(shelf, text_str(&name), pair);
		text_addf(&all, "%s%s", all.len > 0 ? ", " : "", text_c(&name));
	}
	GENERAL_NAMES_free(names);
	pair->names = mem_copy(text_c(&all), all.len);
	text_done(&name);
	text_done(&all);
}

static int by_name(const void *a, const void *b)
{
	return strcmp(
	        ((const struct tls_shelf_name *)a)->name, ((const struct tls_shelf_name *)b)->name);
}

/* Makes one entry of all that have the same name. */
static void merge_names(struct tls_shelf *shelf, int64_t now_s)
{
	if (shelf->name_count == 0)
		return;
	qsort(shelf->names, shelf->name_count, sizeof(*shelf->names), by_name);
	unsigned kept = 0;
	for (unsigned i = 1; i < shelf->name_count; i++) {
		struct tls_shelf_name *last = &shelf->names[kept], *next = &shelf->names[i];
		if (strcmp(last->name, next->name) != 0) {
			shelf->names[++kept] = *next;
			continue;
		}
		for (unsigned kind = 0; kind < TLS_KINDS; kind++) {
			const struct tls_pair *pair = next->pairs[kind];
			if (pair != NULL && (last->pairs[kind] == NULL ||
			                            is_better(pair, last->pairs[kind], now_s)))
				last->pairs[kind] = pair;
		}
		mem_free(next->name);
	}
	shelf->name_count = kept + 1;
}

static const struct tls_shelf_name *find_exactly(const struct tls_shelf *shelf, const char *name)
{
	const struct tls_shelf_name key = {.name = (char *)(uintptr_t)name};
	return shelf->name_count == 0
	               ? NULL
	               : bsearch(&key, shelf->names, shelf->name_count, sizeof(key), by_name);
}

static bool has_valid(const struct tls_shelf_name *entry, int64_t now_s)
{
	for (unsigned kind = 0; kind < TLS_KINDS; kind++) {
		const struct tls_pair *pair = entry->pairs[kind];
		if (pair != NULL && is_valid_at(pair, now_s))
			return true;
	}
	return false;
}

/* Has a wildcard that is valid stand in for a name of which nothing is. */
static void lend_wildcards(struct tls_shelf *shelf, int64_t now_s)
{
	for (unsigned i = 0; i < shelf->name_count; i++) {
		struct tls_shelf_name *entry = &shelf->names[i];
		const char *dot = strchr(entry->name, '.');
		char wild[LIMIT_HOST_BYTES + 2];
		if (entry->name[0] == '*' || dot == NULL || has_valid(entry, now_s))
			continue;
		snprintf(wild, sizeof(wild), "*%s", dot);
		const struct tls_shelf_name *lender = find_exactly(shelf, wild);
		if (lender != NULL && has_valid(lender, now_s))
			memcpy(entry->pairs, lender->pairs, sizeof(entry->pairs));
	}
}

/* ---- pairs ---- */

const char *tls_shelf_unfit_kind(const EVP_PKEY *key)
{
	const int base = EVP_PKEY_get_base_id(key);
	return base == EVP_PKEY_RSA || base == EVP_PKEY_EC ? NULL
	                                                   : "is neither of RSA nor of ECDSA";
}

const char *tls_shelf_unfit_strength(const EVP_PKEY *key)
{
	enum { BITS_MIN = 112 /* RSA of 2048 bits; less is refused by clients */ };
	return EVP_PKEY_get_security_bits(key) >= BITS_MIN ? NULL
	                                                   : "is too weak: clients refuse it";
}

/* Why a pair is not fit to be shown to any client; NULL: it is. It would take the place of one that
 * is, and the handshakes with it would fail. */
static char *unfit_of(const struct tls_pair *pair, SSL_CTX *trial)
{
	struct text words = {0};
	char *copy = NULL;
	const char *kind = tls_shelf_unfit_kind(pair->key);
	const char *unfit = kind != NULL ? kind : tls_shelf_unfit_strength(pair->key);
	if (unfit != NULL) {
		text_addf(&words, "its key %s", unfit);
	} else if (SSL_CTX_use_cert_and_key(trial, pair->leaf, pair->key, pair->chain, 1) != 1) {
		const char *reason = ERR_reason_error_string(ERR_peek_last_error());
		text_addf(&words, "%s", reason != NULL ? reason : "OpenSSL does not take it");
	}
	if (words.len > 0)
		copy = mem_copy(text_c(&words), words.len);
	text_done(&words);
	ERR_clear_error();
	return copy;
}

static void make_pair(const struct tls_shelf *shelf, const struct certificate *leaf, EVP_PKEY *key,
        struct tls_pair *ret)
{
	*ret = (struct tls_pair){
	        .leaf = leaf->x509,
	        .chain = chain_of(shelf, leaf),
	        .key = key,
	        .kind = EVP_PKEY_get_base_id(key) == EVP_PKEY_RSA ? TLS_KIND_RSA : TLS_KIND_ECDSA,
	        .not_before_s = time_of(X509_get0_notBefore(leaf->x509)),
	        .not_after_s = time_of(X509_get0_notAfter(leaf->x509)),
	        .from = mem_copy(shelf->sources[leaf->source].from,
	                strlen(shelf->sources[leaf->source].from)),
	};
	CHECK(X509_up_ref(ret->leaf) == 1 && EVP_PKEY_up_ref(key) == 1);
}

static void free_pair(struct tls_pair *pair)
{
	X509_free(pair->leaf);
	sk_X509_pop_free(pair->chain, X509_free);
	EVP_PKEY_free(pair->key);
	mem_free(pair->from);
	mem_free(pair->names);
	mem_free(pair->unfit);
	mem_free(pair->staple);
}

static void add_pair(struct tls_shelf *shelf, const struct tls_pair *pair)
{
	shelf->pairs = mem_resize(shelf->pairs, (shelf->pair_count + 1) * sizeof(*shelf->pairs));
	shelf->pairs[shelf->pair_count++] = *pair;
}

/* The same certificate may lie there twice, with its chain and without. */
static void put_pair(struct tls_shelf *shelf, struct key *key, const struct tls_pair *pair)
{
	for (unsigned i = key->pair; i != NONE; i = shelf->pairs[i].next) {
		struct tls_pair *other = &shelf->pairs[i];
		if (X509_cmp(other->leaf, pair->leaf) != 0)
			continue;
		struct tls_pair worse = *pair;
		if (sk_X509_num(pair->chain) > sk_X509_num(other->chain)) {
			worse = *other;
			*other = *pair;
			other->next = worse.next;
		}
		free_pair(&worse);
		return;
	}
	add_pair(shelf, pair);
	shelf->pairs[shelf->pair_count - 1].next = key->pair;
	key->pair = shelf->pair_count - 1;
}

/* Whether a pair came from a source, or from what lies in it. */
static bool is_from(const struct tls_pair *pair, const char *from)
{
	size_t length = strlen(from);
	return strncmp(pair->from, from, length) == 0 &&
	       (pair->from[length] == '\0' || pair->from[length] == '/');
}

static bool has_leaf(const struct tls_shelf *shelf, X509 *leaf)
{
	bool has = false;
	for (unsigned i = 0; i < shelf->pair_count && !has; i++)
		has = X509_cmp(shelf->pairs[i].leaf, leaf) == 0;
	return has;
}

/* Takes a pair of the shelf before. */
static void take_over(struct tls_shelf *shelf, const struct tls_pair *pair)
{
	struct tls_pair copy = {
	        .leaf = pair->leaf,
	        .chain = X509_chain_up_ref(pair->chain),
	        .key = pair->key,
	        .kind = pair->kind,
	        .not_before_s = pair->not_before_s,
	        .not_after_s = pair->not_after_s,
	        .from = mem_copy(pair->from, strlen(pair->from)),
	};
	CHECK(copy.chain != NULL && X509_up_ref(copy.leaf) == 1 && EVP_PKEY_up_ref(copy.key) == 1);
	add_pair(shelf, &copy);
}

/* Takes what came from sources that are broken now. */
static void keep_before(struct tls_shelf *shelf, struct text *troubles)
{
	const struct tls_shelf *before = shelf->before;
	for (unsigned i = 0; before != NULL && i < shelf->source_count; i++) {
		for (unsigned k = 0; shelf->sources[i].is_broken && k < before->pair_count; k++) {
			const struct tls_pair *pair = &before->pairs[k];
			if (pair->unfit != NULL || !is_from(pair, shelf->sources[i].from) ||
			        has_leaf(shelf, pair->leaf))
				continue;
			take_over(shelf, pair);
			text_addf(troubles, "%s: the certificate for %s is shown as before\n",
			        pair->from, pair->names);
		}
	}
}

/* Whether a staple speaks of a certificate, says that it is good, and is in its time. */
static bool is_staple_for(const struct staple *staple, const struct tls_pair *pair)
{
	OCSP_BASICRESP *basic = OCSP_response_get1_basic(staple->response);
	X509 *issuer = sk_X509_num(pair->chain) > 0 ? sk_X509_value(pair->chain, 0) : NULL;
	bool is = false;
	for (int i = 0; basic != NULL && issuer != NULL && !is && i < OCSP_resp_count(basic); i++) {
		OCSP_SINGLERESP *single = OCSP_resp_get0(basic, i);
		const OCSP_CERTID *id = OCSP_SINGLERESP_get0_id(single);
		ASN1_OBJECT *digest;
		OCSP_id_get0_info(NULL, &digest, NULL, NULL, (OCSP_CERTID *)(uintptr_t)id);
		OCSP_CERTID *own = OCSP_cert_to_id(EVP_get_digestbyobj(digest), pair->leaf, issuer);
		ASN1_GENERALIZEDTIME *from, *until;
		int status = OCSP_single_get0_status(single, NULL, NULL, &from, &until);
		is = own != NULL && OCSP_id_cmp(own, (OCSP_CERTID *)(uintptr_t)id) == 0 &&
		     status == V_OCSP_CERTSTATUS_GOOD &&
		     OCSP_check_validity(from, until, 300, -1) == 1;
		OCSP_CERTID_free(own);
	}
	OCSP_BASICRESP_free(basic);
	ERR_clear_error();
	return is;
}

static void put_staples(struct tls_shelf *shelf)
{
	for (unsigned i = 0; i < shelf->pair_count; i++) {
		struct tls_pair *pair = &shelf->pairs[i];
		for (unsigned k = 0; pair->staple == NULL && k < shelf->staple_count; k++) {
			const struct staple *staple = &shelf->staples[k];
			if (!is_staple_for(staple, pair))
				continue;
			pair->staple = (unsigned char *)mem_copy((char *)staple->der, staple->len);
			pair->staple_len = staple->len;
		}
	}
}

/* What was added, and is in no pair, has been of use or never will be. */
static void drop_materials(struct tls_shelf *shelf)
{
	for (unsigned i = 0; i < shelf->certificate_count; i++)
		X509_free(shelf->certificates[i].x509);
	for (unsigned i = 0; i < shelf->key_count; i++)
		EVP_PKEY_free(shelf->keys[i].key);
	for (unsigned i = 0; i < shelf->source_count; i++)
		mem_free(shelf->sources[i].from);
	for (unsigned i = 0; i < shelf->staple_count; i++) {
		OCSP_RESPONSE_free(shelf->staples[i].response);
		mem_free(shelf->staples[i].der);
	}
	mem_free(shelf->certificates);
	mem_free(shelf->keys);
	mem_free(shelf->sources);
	mem_free(shelf->staples);
	tls_shelf_unref(shelf->before);
	shelf->before = NULL;
	shelf->certificates = NULL;
	shelf->keys = NULL;
	shelf->sources = NULL;
	shelf->staples = NULL;
	shelf->certificate_count = shelf->key_count = shelf->source_count = 0;
	shelf->staple_count = 0;
}

void tls_shelf_finish(struct tls_shelf *shelf, int64_t now_s, struct text *troubles)
{
	CHECK(!shelf->is_finished);
	if (shelf->key_count > 0)
		qsort(shelf->keys, shelf->key_count, sizeof(*shelf->keys), by_id);
	for (unsigned i = 0; i < shelf->certificate_count; i++) {
		const struct certificate *certificate = &shelf->certificates[i];
		struct key *key = key_of(shelf, certificate);
		if (key != NULL) {
			struct tls_pair pair;
			make_pair(shelf, certificate, key->key, &pair);
			put_pair(shelf, key, &pair);
		} else if (X509_check_ca(certificate->x509) == 0) {
			struct source *source = &shelf->sources[certificate->source];
			text_addf(troubles, "%s has a certificate whose private key is nowhere\n",
			        source->from);
			source->is_broken = true;
		}
	}
	keep_before(shelf, troubles);
	SSL_CTX *trial = SSL_CTX_new(TLS_server_method());
	CHECK(trial != NULL);
	for (unsigned i = 0; i < shelf->pair_count; i++) {
		struct tls_pair *pair = &shelf->pairs[i];
		pair->unfit = unfit_of(pair, trial);
		add_names(shelf, pair);
		if (pair->names[0] == '\0')
			text_addf(troubles, "%s has a certificate for no host name\n", pair->from);
		else if (pair->unfit != NULL)
			text_addf(troubles, "%s: the certificate for %s cannot be shown: %s\n",
			        pair->from, pair->names, pair->unfit);
		else if (!is_valid_at(pair, now_s))
			text_addf(troubles, "%s: the certificate for %s %s\n", pair->from,
			        pair->names,
			        now_s < pair->not_before_s ? "is not valid yet" : "has expired");
	}
	SSL_CTX_free(trial);
	put_staples(shelf);
	merge_names(shelf, now_s);
	lend_wildcards(shelf, now_s);
	drop_materials(shelf);
	ERR_clear_error();
	shelf->is_finished = true;
}

/* ---- what is finished ---- */

struct tls_shelf *tls_shelf_ref(struct tls_shelf *shelf)
{
	atomic_fetch_add_explicit(&shelf->references, 1, memory_order_relaxed);
	return shelf;
}

void tls_shelf_unref(struct tls_shelf *shelf)
{
	if (shelf == NULL ||
	        atomic_fetch_sub_explicit(&shelf->references, 1, memory_order_acq_rel) != 1)
		return;
	drop_materials(shelf);
	for (unsigned i = 0; i < shelf->pair_count; i++)
		free_pair(&shelf->pairs[i]);
	for (unsigned i = 0; i < shelf->name_count; i++)
		mem_free(shelf->names[i].name);
	mem_free(shelf->pairs);
	mem_free(shelf->names);
	mem_free(shelf);
}

const struct tls_shelf_name *tls_shelf_find(const struct tls_shelf *shelf, struct str name)
{
	char low[LIMIT_HOST_BYTES + 1];
	CHECK(shelf->is_finished);
	if (name.len > 0 && name.at[name.len - 1] == '.')
		name.len--;
	if (name.len == 0 || name.len > LIMIT_HOST_BYTES || memchr(name.at, '*', name.len) != NULL)
		return NULL;
	for (size_t i = 0; i < name.len; i++)
		low[i] = (char)tolower((unsigned char)name.at[i]);
	low[name.len] = '\0';
	const struct tls_shelf_name *found = find_exactly(shelf, low);
	char *dot = strchr(low, '.');
	if (found != NULL || dot == NULL || dot == low)
		return found;
	*--dot = '*';
	return find_exactly(shelf, dot);
}

bool tls_shelf_is_finished(const struct tls_shelf *shelf)
{
	return shelf->is_finished;
}

bool tls_shelf_has(const struct tls_shelf *shelf, struct str name)
{
	return tls_shelf_find(shelf, name) != NULL;
}

const struct tls_pair *tls_shelf_pair(const struct tls_shelf *shelf, unsigned index)
{
	CHECK(index < shelf->pair_count);
	return &shelf->pairs[index];
}

unsigned tls_shelf_fit_count(const struct tls_shelf *shelf)
{
	unsigned count = 0;
	for (unsigned i = 0; i < shelf->pair_count; i++)
		count += shelf->pairs[i].unfit == NULL;
	return count;
}

unsigned tls_shelf_count(const struct tls_shelf *shelf)
{
	return shelf->pair_count;
}

struct tls_shelf_entry tls_shelf_at(const struct tls_shelf *shelf, unsigned index)
{
	CHECK(index < shelf->pair_count);
	const struct tls_pair *pair = &shelf->pairs[index];
	return (struct tls_shelf_entry){
	        .from = pair->from,
	        .names = pair->names,
	        .kind = pair->kind == TLS_KIND_RSA ? "RSA" : "ECDSA",
	        .not_before_s = pair->not_before_s,
	        .not_after_s = pair->not_after_s,
	        .is_stapled = pair->staple != NULL,
	};
}

/* Whether a pair is what is shown for any name. */
static bool is_shown(const struct tls_shelf *shelf, const struct tls_pair *pair)
{
	for (unsigned i = 0; i < shelf->name_count; i++)
		if (shelf->names[i].pairs[pair->kind] == pair)
			return true;
	return false;
}

int64_t tls_shelf_first_end(const struct tls_shelf *shelf)
{
	int64_t first_s = 0;
	CHECK(shelf->is_finished);
	for (unsigned i = 0; i < shelf->name_count; i++)
		for (unsigned kind = 0; kind < TLS_KINDS; kind++) {
			const struct tls_pair *pair = shelf->names[i].pairs[kind];
			if (pair != NULL && (first_s == 0 || pair->not_after_s < first_s))
				first_s = pair->not_after_s;
		}
	return first_s;
}

int64_t tls_shelf_next_turn(const struct tls_shelf *shelf, int64_t now_s)
{
	int64_t next_s = 0;
	CHECK(shelf->is_finished);
	for (unsigned i = 0; i < shelf->pair_count; i++) {
		const int64_t ends[] = {shelf->pairs[i].not_before_s, shelf->pairs[i].not_after_s};
		for (unsigned k = 0; k < ARRAY_LENGTH(ends); k++) {
			if (ends[k] > now_s && (next_s == 0 || ends[k] < next_s))
				next_s = ends[k];
		}
	}
	return next_s;
}

void tls_shelf_tell_ends(const struct tls_shelf *shelf, int64_t until_s, unsigned max,
        int64_t now_s, struct text *to)
{
	unsigned count = 0;
	CHECK(shelf->is_finished);
	for (unsigned i = 0; i < shelf->pair_count; i++) {
		const struct tls_pair *pair = &shelf->pairs[i];
		if (pair->not_after_s >= until_s || !is_shown(shelf, pair) || count++ >= max)
			continue;
		if (pair->not_after_s <= now_s)
			text_addf(to, "%s: the certificate for %s has expired\n", pair->from,
			        pair->names);
		else
			text_addf(to, "%s: the certificate for %s expires in %lld days\n",
			        pair->from, pair->names,
			        (long long)(pair->not_after_s - now_s) / 86400);
	}
	if (count > max)
		text_addf(to, "%u more have expired, or will soon\n", count - max);
}
