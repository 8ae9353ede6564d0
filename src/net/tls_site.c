/*
 * All names share one SSL_CTX, and the certificate is put into the connection when the client has
 * said whom it wants: a context for each of many certificates would cost kilobytes of each worker.
 * What is chosen is valid until the handshake's step returns, since the next one may look at the
 * slot anew.
 */
#include "net/tls_site.h"

#include "base/mem.h"
#include "net/tls_private.h"
#include "net/tls_shelf_private.h"

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/rand.h>
#include <time.h>

struct tls_site {
	struct tls_shelf_slot *slot;
	struct tls_shelf *shelf; /* the slot's at `turn` */
	uint64_t turn;
	char *fallback;
	bool has_http2;
	const struct tls_tickets *tickets;
	EVP_CIPHER *cipher; /* of tickets */
	const struct tls_shelf_name *chosen;
};

static const char SUITES_1_2[] =
        "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:"
        "ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384:"
        "ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305:"
        "DHE-RSA-AES128-GCM-SHA256:DHE-RSA-AES256-GCM-SHA384:DHE-RSA-CHACHA20-POLY1305";
static const char SUITES_1_3[] =
        "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256";
static const char CURVES[] = "X25519:P-256:P-384";

static struct tls_site *site_of(const SSL *ssl)
{
	return SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl));
}

/* What is to be shown to the client; NULL: nothing. */
static const struct tls_shelf_name *choose(struct tls_site *site, const SSL *ssl)
{
	const char *name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
	const struct tls_shelf_name *found = NULL;
	tls_shelf_slot_follow(site->slot, &site->turn, &site->shelf);
	if (name != NULL)
		found = tls_shelf_find(site->shelf, str_of(name));
	return found != NULL ? found : tls_shelf_find(site->shelf, str_of(site->fallback));
}

static int on_name(SSL *ssl, int *alert, void *context)
{
	struct tls_site *site = context;
	site->chosen = choose(site, ssl);
	if (site->chosen != NULL)
		return SSL_TLSEXT_ERR_OK;
	*alert = SSL_AD_UNRECOGNIZED_NAME;
	return SSL_TLSEXT_ERR_ALERT_FATAL;
}

static int on_certificate(SSL *ssl, void *context)
{
	const struct tls_site *site = context; /* on_name has chosen, in this step */
	unsigned count = 0;
	for (unsigned kind = 0; site->chosen != NULL && kind < TLS_KINDS; kind++) {
		const struct tls_pair *pair = site->chosen->pairs[kind];
		/* One that OpenSSL does not take is no reason not to show the other. */
		count += pair != NULL &&
		         SSL_use_cert_and_key(ssl, pair->leaf, pair->key, pair->chain, 1) == 1;
	}
	return count > 0;
}

static int on_status(SSL *ssl, void *context)
{
	const struct tls_site *site = context;
	const X509 *shown = SSL_get_certificate(ssl);
	for (unsigned kind = 0; site->chosen != NULL && kind < TLS_KINDS; kind++) {
		const struct tls_pair *pair = site->chosen->pairs[kind];
		if (pair == NULL || pair->leaf != shown || pair->staple == NULL)
			continue;
		void *staple = OPENSSL_memdup(pair->staple, pair->staple_len);
		CHECK(staple != NULL);
		SSL_ctrl(ssl, SSL_CTRL_SET_TLSEXT_STATUS_REQ_OCSP_RESP, (long)pair->staple_len,
		        staple);
		return SSL_TLSEXT_ERR_OK;
	}
	return SSL_TLSEXT_ERR_NOACK;
}

static int on_protocols(SSL *ssl, const unsigned char **ret, unsigned char *ret_length,
        const unsigned char *offered, unsigned offered_length, void *context)
{
	static const unsigned char OURS[] = "\x02h2\x08http/1.1";
	const struct tls_site *site = context;
	(void)ssl;
	const unsigned char *ours = site->has_http2 ? OURS : OURS + 3;
	unsigned length = (unsigned)(OURS + sizeof(OURS) - 1 - ours);
	unsigned char *chosen;
	if (SSL_select_next_proto(&chosen, ret_length, ours, length, offered, offered_length) !=
	        OPENSSL_NPN_NEGOTIATED)
		return SSL_TLSEXT_ERR_ALERT_FATAL;
	*ret = chosen;
	return SSL_TLSEXT_ERR_OK;
}

/* Sets up what a ticket is sealed, or opened, with. */
static bool use_key(const struct tls_site *site, const struct tls_ticket_key *key,
        const unsigned char *iv, EVP_CIPHER_CTX *cipher, EVP_MAC_CTX *mac, int is_sealing)
{
	char digest[] = "SHA256";
	unsigned char mac_key[sizeof(key->mac_key)];
	memcpy(mac_key, key->mac_key, sizeof(mac_key));
	OSSL_PARAM params[] = {
	        OSSL_PARAM_construct_octet_string(OSSL_MAC_PARAM_KEY, mac_key, sizeof(mac_key)),
	        OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
	        OSSL_PARAM_construct_end(),
	};
	bool is_good = EVP_CipherInit_ex(
	                       cipher, site->cipher, NULL, key->cipher_key, iv, is_sealing) == 1 &&
	               EVP_MAC_CTX_set_params(mac, params) == 1;
	explicit_bzero(mac_key, sizeof(mac_key));
	return is_good;
}

/* SSL_CTX_set_tlsext_ticket_key_evp_cb(3): below 0 is an error, 0 no ticket, 1 and 2 are fine, 2
 * with a new one. Clients of TLS 1.3 show a ticket once, that nobody may know them by it (RFC 8446
 * section C.4): without a new one the connection after this would be a full handshake again. */
static int on_ticket(SSL *ssl, unsigned char *name, unsigned char *iv, EVP_CIPHER_CTX *cipher,
        EVP_MAC_CTX *mac, int is_sealing)
{
	const struct tls_site *site = site_of(ssl);
	struct tls_ticket_key key;
	bool is_old = false;
	int64_t now_s = (int64_t)time(NULL);
	int returned = 0;
	if (is_sealing) {
		if (!tls_tickets_current(site->tickets, now_s, &key))
			return 0;
		memcpy(name, key.name, sizeof(key.name));
		CHECK(RAND_bytes(iv, EVP_CIPHER_get_iv_length(site->cipher)) == 1);
	} else if (!tls_tickets_find(site->tickets, now_s, name, &key, &is_old)) {
		return 0;
	}
	if (use_key(site, &key, iv, cipher, mac, is_sealing))
		returned = is_old || SSL_version(ssl) == TLS1_3_VERSION ? 2 : 1;
	explicit_bzero(&key, sizeof(key));
	return returned;
}

static void set_suites(SSL_CTX *ssl)
{
	CHECK(SSL_CTX_set_cipher_list(ssl, SUITES_1_2) == 1);
	CHECK(SSL_CTX_set_ciphersuites(ssl, SUITES_1_3) == 1);
	CHECK(SSL_CTX_ctrl(ssl, SSL_CTRL_SET_GROUPS_LIST, 0, (void *)(uintptr_t)CURVES) == 1);
	SSL_CTX_set_dh_auto(ssl, 1);
}

/* Clients may not have it agree on anything anew in the middle (a handshake costs us more than
 * them), and nothing is compressed. */
static void set_options(SSL_CTX *ssl, struct tls_site *site)
{
	SSL_CTX_set_options(ssl, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
	                                 SSL_OP_CIPHER_SERVER_PREFERENCE |
	                                 SSL_OP_PRIORITIZE_CHACHA);
	SSL_CTX_clear_mode(ssl, SSL_MODE_AUTO_RETRY); /* tls_read goes on by itself, to a bound */
	SSL_CTX_set_session_cache_mode(ssl, SSL_SESS_CACHE_OFF);
	SSL_CTX_set_timeout(ssl, TLS_TICKETS_KEPT_S);
	SSL_CTX_callback_ctrl(ssl, SSL_CTRL_SET_TLSEXT_SERVERNAME_CB, (void (*)(void))on_name);
	SSL_CTX_ctrl(ssl, SSL_CTRL_SET_TLSEXT_SERVERNAME_ARG, 0, site);
	SSL_CTX_set_cert_cb(ssl, on_certificate, site);
	SSL_CTX_callback_ctrl(ssl, SSL_CTRL_SET_TLSEXT_STATUS_REQ_CB, (void (*)(void))on_status);
	SSL_CTX_ctrl(ssl, SSL_CTRL_SET_TLSEXT_STATUS_REQ_CB_ARG, 0, site);
	SSL_CTX_set_alpn_select_cb(ssl, on_protocols, site);
	if (site->tickets != NULL) {
		SSL_CTX_set_tlsext_ticket_key_evp_cb(ssl, on_ticket);
	} else {
		SSL_CTX_set_options(ssl, SSL_OP_NO_TICKET);
		CHECK(SSL_CTX_set_num_tickets(ssl, 0) == 1);
	}
}

struct tls_context *tls_context_site(const struct tls_site_options *options)
{
	struct tls_context *context = mem_new(struct tls_context);
	struct tls_site *site = mem_new(struct tls_site);
	context->ssl = tls_make_ssl(TLS_server_method(),
	        options->profile == TLS_MODERN ? TLS1_3_VERSION : TLS1_2_VERSION);
	context->site = site;
	site->fallback = mem_copy(options->fallback, strlen(options->fallback));
	site->slot = options->slot;
	site->has_http2 = options->has_http2;
	site->tickets = options->tickets;
	site->cipher = EVP_CIPHER_fetch(NULL, "AES-256-CBC", NULL);
	CHECK(site->cipher != NULL);
	CHECK(SSL_CTX_set_app_data(context->ssl, site) == 1);
	set_suites(context->ssl);
	set_options(context->ssl, site);
	return context;
}

void tls_site_free(struct tls_site *site)
{
	if (site == NULL)
		return;
	tls_shelf_unref(site->shelf);
	EVP_CIPHER_free(site->cipher);
	mem_free(site->fallback);
	mem_free(site);
}

bool tls_is_http2(const struct tls *tls)
{
	const unsigned char *name;
	unsigned length;
	SSL_get0_alpn_selected(tls->ssl, &name, &length);
	return length == 2 && memcmp(name, "h2", 2) == 0;
}

bool tls_is_resumed(const struct tls *tls)
{
	return SSL_session_reused(tls->ssl) == 1;
}
