/*
 * OpenSSL tells of each session that a server offers, in TLS 1.3 after the handshake and maybe
 * several of them; they go to the list that the connection was given. A session is what its first
 * handshake has verified: it is kept only for connections that would verify the same, and not for
 * long.
 */
#include "net/tls_origin.h"

#include "base/mem.h"
#include "net/tls_private.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <time.h>

/* ---- sessions ---- */

/* Takes the reference over. */
static void keep_session(struct tls_origin_sessions *sessions, SSL_SESSION *session)
{
	if (sessions->count == LIMIT_TLS_SESSIONS) {
		SSL_SESSION_free(sessions->newest[0]);
		sessions->count--;
		memmove(&sessions->newest[0], &sessions->newest[1],
		        sessions->count * sizeof(sessions->newest[0]));
	}
	sessions->newest[sessions->count++] = session;
}

static int on_session(SSL *ssl, SSL_SESSION *session)
{
	const struct tls *tls = SSL_get_app_data(ssl);
	if (tls->sessions == NULL)
		return 0;
	keep_session(tls->sessions, session);
	return 1;
}

/* The newest session that may be used, with its reference; NULL: none. */
static SSL_SESSION *take_session(struct tls_origin_sessions *sessions)
{
	while (sessions != NULL && sessions->count > 0) {
		SSL_SESSION *session = sessions->newest[--sessions->count];
		long age_s = (long)time(NULL) - SSL_SESSION_get_time(session);
		if (age_s >= 0 && age_s < LIMIT_TLS_SESSION_MS / 1000 &&
		        SSL_SESSION_is_resumable(session) == 1)
			return session;
		SSL_SESSION_free(session);
	}
	return NULL;
}

void tls_origin_forget(struct tls_origin_sessions *sessions)
{
	while (sessions->count > 0)
		SSL_SESSION_free(sessions->newest[--sessions->count]);
}

/* ---- contexts ---- */

/* The first is our own, the others lie between it and an authority. */
static bool take_own(SSL_CTX *ssl, X509 *certificate, unsigned index)
{
	if (index == 0)
		return SSL_CTX_use_certificate(ssl, certificate) == 1;
	return SSL_CTX_add1_chain_cert(ssl, certificate) == 1;
}

/* What is wrong, or NULL. */
static const char *read_own(SSL_CTX *ssl, struct str pem)
{
	if (pem.len > INT32_MAX)
		return "is too large";
	if (pem.len == 0)
		return "has no certificate";
	BIO *bio = tls_open_pem(pem);
	unsigned count = 0;
	bool is_good = true;
	X509 *certificate = NULL;
	while (is_good &&
	        (certificate = PEM_read_bio_X509(bio, NULL, tls_no_passphrase, NULL)) != NULL) {
		is_good = count < LIMIT_TLS_CERTIFICATES && take_own(ssl, certificate, count);
		count++;
		X509_free(certificate);
	}
	/* The end is told as a line that should begin something, and is not there. */
	bool is_at_end = ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE;
	BIO_free(bio);
	if (!is_good && count > LIMIT_TLS_CERTIFICATES)
		return "has too many certificates";
	if (!is_good || !is_at_end)
		return "has a certificate that cannot be read or used";
	return count == 0 ? "has no certificate" : NULL;
}

/* Of an authority that has no list here nothing is known to be revoked. */
static int on_verified(int is_good, X509_STORE_CTX *verifying)
{
	return is_good || X509_STORE_CTX_get_error(verifying) == X509_V_ERR_UNABLE_TO_GET_CRL;
}

/* A certificate, a list, or one of each; a key is nothing to us. */
static bool take_info(X509_STORE *store, const X509_INFO *info, unsigned *authorities)
{
	*authorities += info->x509 != NULL;
	if (info->x509 != NULL && X509_STORE_add_cert(store, info->x509) != 1)
		return false;
	return info->crl == NULL ||
	       (X509_STORE_add_crl(store, info->crl) == 1 &&
	               X509_STORE_set_flags(store, X509_V_FLAG_CRL_CHECK) == 1);
}

/* Authorities, and lists of what they have revoked. Whoever is in the file is trusted, also where
 * another one has signed it. What is wrong, or NULL. */
static const char *read_authorities(SSL_CTX *ssl, struct str pem)
{
	if (pem.len > INT32_MAX)
		return "is too large";
	if (pem.len == 0)
		return "has no certificate";
	BIO *bio = tls_open_pem(pem);
	STACK_OF(X509_INFO) *all = PEM_X509_INFO_read_bio(bio, NULL, tls_no_passphrase, NULL);
	BIO_free(bio);
	if (all == NULL)
		return "has a certificate that cannot be read or used";
	X509_STORE *store = SSL_CTX_get_cert_store(ssl);
	unsigned authorities = 0;
	bool is_good = true;
	for (int i = 0;
	        i < sk_X509_INFO_num(all) && is_good && authorities <= LIMIT_TLS_AUTHORITIES; i++)
		is_good = take_info(store, sk_X509_INFO_value(all, i), &authorities);
	sk_X509_INFO_pop_free(all, X509_INFO_free);
	CHECK(X509_STORE_set_flags(store, X509_V_FLAG_PARTIAL_CHAIN) == 1);
	if (!is_good)
		return "has a certificate that cannot be read or used";
	if (authorities > LIMIT_TLS_AUTHORITIES)
		return "has too many certificates";
	return authorities == 0 ? "has no certificate" : NULL;
}

static const char *take_key(SSL_CTX *ssl, struct str pem)
{
	if (pem.len > INT32_MAX)
		return "is too large";
	BIO *bio = tls_open_pem(pem);
	EVP_PKEY *key = PEM_read_bio_PrivateKey(bio, NULL, tls_no_passphrase, NULL);
	BIO_free(bio);
	if (key == NULL)
		return "has no private key without a passphrase";
	const char *why = NULL;
	if (SSL_CTX_use_PrivateKey(ssl, key) != 1 || SSL_CTX_check_private_key(ssl) != 1)
		why = "has a private key that is not the certificate's";
	EVP_PKEY_free(key);
	return why;
}

/* What is wrong with which part; NULL: nothing. */
static const char *take_parts(
        SSL_CTX *ssl, const struct tls_origin_options *options, enum tls_origin_part *part)
{
	const char *why = NULL;
	*part = TLS_ORIGIN_CA;
	if (options->verifies && options->ca != NULL)
		why = read_authorities(ssl, *options->ca);
	else if (options->verifies)
		CHECK(SSL_CTX_set_default_verify_paths(ssl) == 1);
	if (why != NULL || options->certificate.len == 0)
		return why;
	*part = TLS_ORIGIN_CERTIFICATE;
	why = read_own(ssl, options->certificate);
	if (why != NULL)
		return why;
	if (options->key.len == 0)
		return take_key(ssl, options->certificate);
	*part = TLS_ORIGIN_KEY;
	return take_key(ssl, options->key);
}

struct tls_context *tls_origin_context(const struct tls_origin_options *options,
        enum tls_origin_part *ret_part, struct text *ret_why)
{
	static const unsigned char PROTOCOLS[] = "\x08http/1.1";
	SSL_CTX *ssl = tls_make_ssl(TLS_client_method(), TLS1_2_VERSION);
	SSL_CTX_clear_mode(ssl, SSL_MODE_AUTO_RETRY); /* tls_read goes on by itself, to a bound */
	SSL_CTX_set_session_cache_mode(ssl, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
	SSL_CTX_sess_set_new_cb(ssl, on_session);
	CHECK(SSL_CTX_set_alpn_protos(ssl, PROTOCOLS, sizeof(PROTOCOLS) - 1) == 0);
	SSL_CTX_set_verify(ssl, options->verifies ? SSL_VERIFY_PEER : SSL_VERIFY_NONE, on_verified);
	enum tls_origin_part part;
	const char *why = take_parts(ssl, options, &part);
	ERR_clear_error();
	if (why != NULL) {
		*ret_part = part;
		text_add(ret_why, str_of(why));
		SSL_CTX_free(ssl);
		return NULL;
	}
	struct tls_context *context = mem_new(struct tls_context);
	context->ssl = ssl;
	return context;
}

/* ---- connections ---- */

struct tls *tls_origin_new(const struct tls_context *context, int socket, const char *name,
        struct tls_origin_sessions *sessions)
{
	CHECK(name[0] != '\0');
	struct tls *tls = tls_new(context, TLS_CLIENT, socket, name);
	tls->sessions = sessions;
	CHECK(SSL_set_app_data(tls->ssl, tls) == 1);
	SSL_SESSION *session = take_session(sessions);
	if (session != NULL) {
		CHECK(SSL_set_session(tls->ssl, session) == 1);
		SSL_SESSION_free(session);
	}
	return tls;
}

void tls_origin_rely(struct tls *tls)
{
	tls->is_told = true;
}

enum tcp_result tls_origin_handshake(struct tls *tls)
{
	if (tls->is_broken)
		return TCP_RESET;
	ERR_clear_error();
	int returned = SSL_do_handshake(tls->ssl);
	if (returned != 1) {
		enum tcp_result result = tls_result_of(tls, returned);
		if (result != TCP_END)
			return result;
		/* The peer has said goodbye before it said who it is. */
		tls->is_broken = true;
		tls_say_why(tls, "the connection was ", "broken off");
		return TCP_RESET;
	}
	/* A session of TLS 1.2 is offered once, and may be used again. */
	if (tls->sessions != NULL && tls_origin_is_resumed(tls) &&
	        SSL_version(tls->ssl) < TLS1_3_VERSION)
		keep_session(tls->sessions, SSL_get1_session(tls->ssl));
	return TCP_DONE;
}

bool tls_origin_is_unverified(const struct tls *tls)
{
	return (SSL_get_verify_mode(tls->ssl) & SSL_VERIFY_PEER) != 0 &&
	       SSL_get_verify_result(tls->ssl) != X509_V_OK;
}

bool tls_origin_is_tls_fault(const struct tls *tls)
{
	return tls->is_broken && str_has_prefix(text_str(&tls->why), STR("TLS: "));
}

void tls_origin_read_on(struct tls *tls)
{
	if (!tls_origin_is_tls_fault(tls))
		tls->is_broken = false;
}

bool tls_origin_waits_for_room(const struct tls *tls)
{
	return SSL_want_write(tls->ssl) == 1;
}

bool tls_origin_is_resumed(const struct tls *tls)
{
	return SSL_session_reused(tls->ssl) == 1;
}
