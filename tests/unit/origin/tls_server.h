/*
 * An origin that speaks TLS, played by OpenSSL over a socket that a fixture has accepted, and the
 * trust that believes it.
 */
#pragma once

#include "fixture.h"
#include "net/tls_issue.h"
#include "origin/trust.h"

#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <signal.h>

struct tls_server {
	SSL_CTX *context;
	SSL *ssl; /* NULL: nobody is connected */
	int fd;
};

/* For "o.test", by an authority that nobody knows. */
static inline void tls_server_init(struct tls_server *server)
{
	static const char *const NAME = "o.test";
	struct text authority = {0}, pem = {0}, why = {0};
	signal(SIGPIPE, SIG_IGN); /* OpenSSL's own sockets do not care for it */
	tls_issue_authority(10, &authority);
	assert_true(tls_issue_identity(text_str(&authority), &NAME, 1, 10, &pem, &why));
	*server = (struct tls_server){.context = SSL_CTX_new(TLS_server_method())};
	BIO *bio = BIO_new_mem_buf(pem.at, (int)pem.len);
	EVP_PKEY *key = PEM_read_bio_PrivateKey(bio, NULL, NULL, NULL);
	BIO_free(bio);
	bio = BIO_new_mem_buf(pem.at, (int)pem.len);
	X509 *certificate;
	while ((certificate = PEM_read_bio_X509(bio, NULL, NULL, NULL)) != NULL) {
		if (X509_check_private_key(certificate, key) == 1)
			assert_int_equal(SSL_CTX_use_certificate(server->context, certificate), 1);
		X509_free(certificate);
	}
	BIO_free(bio);
	assert_int_equal(SSL_CTX_use_PrivateKey(server->context, key), 1);
	EVP_PKEY_free(key);
	text_done(&authority);
	text_done(&pem);
}

static inline void tls_server_leave(struct tls_server *server)
{
	SSL_free(server->ssl);
	if (server->ssl != NULL)
		close(server->fd);
	server->ssl = NULL;
}

static inline void tls_server_done(struct tls_server *server)
{
	tls_server_leave(server);
	SSL_CTX_free(server->context);
}

/* Takes the fixture's next visitor, and turns both until the server's handshake is done. */
static inline void tls_server_accept(struct tls_server *server, struct fixture *fixture)
{
	server->fd = origin_accept(fixture);
	server->ssl = SSL_new(server->context);
	assert_int_equal(SSL_set_fd(server->ssl, server->fd), 1);
	SSL_set_accept_state(server->ssl);
	uint64_t until_ms = clock_ms() + PATIENCE_MS;
	while (SSL_do_handshake(server->ssl) != 1) {
		assert_true(clock_ms() < until_ms);
		loop_turn(fixture->loop, 1);
	}
}

static inline void tls_server_send(struct tls_server *server, const char *text)
{
	assert_int_equal(SSL_write(server->ssl, text, (int)strlen(text)), (int)strlen(text));
}

/* Reads exactly `length` bytes, letting the loop turn meanwhile. */
static inline struct text tls_server_read(
        struct tls_server *server, struct fixture *fixture, size_t length)
{
	struct text got = {0};
	uint64_t until_ms = clock_ms() + PATIENCE_MS;
	while (got.len < length && clock_ms() < until_ms) {
		char piece[4096];
		size_t left = length - got.len;
		int count = SSL_read(
		        server->ssl, piece, (int)(left < sizeof(piece) ? left : sizeof(piece)));
		if (count > 0)
			text_add(&got, str_make(piece, (size_t)count));
		else
			loop_turn(fixture->loop, 1);
	}
	assert_int_equal(got.len, length);
	return got;
}

/* The fixture's candidate is asked in TLS from now on, which believes anybody. */
struct tls_trust {
	struct origin_trust_sink sink;
	struct origin_trust_table *table;
	struct origin_trust *trust;
	struct origin_pool *plain;
};

static inline void tls_trust_init(
        struct tls_trust *trust, struct fixture *fixture, const struct model_tls *settings)
{
	*trust = (struct tls_trust){.plain = fixture->candidate.pool};
	trust->table = origin_trust_table_new(fixture->loop, &trust->sink);
	trust->trust = origin_trust_get(trust->table, settings);
	fixture->candidate.pool = origin_pool_get(fixture->worker, &fixture->candidate.address,
	        MODEL_HTTPS, STR("o.test"), trust->trust);
}

/* Before fixture_done. */
static inline void tls_trust_done(struct tls_trust *trust, struct fixture *fixture)
{
	origin_pool_unref(fixture->candidate.pool);
	fixture->candidate.pool = trust->plain;
	origin_trust_unref(trust->trust);
	/* Idle connections keep their pool, and that the trust. */
	uint64_t until_ms = clock_ms() + PATIENCE_MS;
	while (fixture->worker->pools.count > 1 && clock_ms() < until_ms)
		loop_turn(fixture->loop, 1);
	origin_trust_table_free(trust->table);
}
