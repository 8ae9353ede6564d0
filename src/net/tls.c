/*
 * OpenSSL moves bytes through a BIO of ours, so that a peer that is gone is an error and never a
 * SIGPIPE, and so that its end, said or not, is told apart. What it writes goes to the socket at
 * once, or, where the connection has a pool of buffers, into a block that leaves with one call.
 * What it reads is not asked for where the last read has emptied the socket and the loop told of
 * nothing since.
 *
 * The queue of errors is the thread's and not the connection's: it is emptied before each call, or
 * what one connection left there would be the end of the next one.
 */
#include "net/tls.h"

#include "base/limit.h"
#include "base/mem.h"
#include "net/tls_private.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <pthread.h>

/* How often in a call OpenSSL may have read a buffer without any data in it. */
enum { IDLE_READS_MAX = 8 };

/* ---- the BIO ---- */

static BIO_METHOD *socket_method;

static int bio_write(BIO *bio, const char *from, int size)
{
	struct tls *tls = BIO_get_data(bio);
	if (tls->buffers != NULL) {
		BIO_clear_retry_flags(bio);
		return buf_add(tls->buffers, &tls->out, str_make(from, (size_t)size)) ? size : -1;
	}
	struct iovec vector = {.iov_base = (void *)(uintptr_t)from, .iov_len = (size_t)size};
	size_t count = 0;
	BIO_clear_retry_flags(bio);
	enum tcp_result result = tcp_write(tls->fd, &vector, 1, &count);
	if (result == TCP_DONE)
		return (int)count;
	if (result == TCP_AGAIN)
		BIO_set_retry_write(bio);
	return -1;
}

static int read_early(struct tls *tls, char *to, size_t size)
{
	struct str early = buf_str(&tls->early);
	size_t count = early.len < size ? early.len : size;
	memcpy(to, early.at, count);
	buf_drop(&tls->early, count);
	buf_release_if_empty(tls->buffers, &tls->early);
	return (int)count;
}

static int bio_read(BIO *bio, char *to, int size)
{
	struct tls *tls = BIO_get_data(bio);
	size_t count = 0;
	BIO_clear_retry_flags(bio);
	if (buf_length(&tls->early) > 0)
		return read_early(tls, to, (size_t)size);
	switch (tls->is_empty ? TCP_AGAIN : tcp_read(tls->fd, to, (size_t)size, &count)) {
	case TCP_DONE:
		tls->is_empty = tls->is_told && count < (size_t)size && !tls->has_hangup;
		return (int)count;
	case TCP_AGAIN:
		tls->is_empty = tls->is_told;
		BIO_set_retry_read(bio);
		return -1;
	case TCP_END:
		tls->is_at_end = true;
		return 0;
	case TCP_RESET:
		break;
	}
	return -1;
}

static long bio_control(BIO *bio, int command, long number, void *pointer)
{
	(void)number;
	(void)pointer;
	const struct tls *tls = BIO_get_data(bio);
	if (command == BIO_CTRL_EOF)
		return tls->is_at_end;
	return command == BIO_CTRL_FLUSH;
}

static void make_method(void)
{
	socket_method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "socket");
	CHECK(socket_method != NULL && BIO_meth_set_write(socket_method, bio_write) == 1 &&
	        BIO_meth_set_read(socket_method, bio_read) == 1 &&
	        BIO_meth_set_ctrl(socket_method, bio_control) == 1);
}

/* ---- contexts ---- */

int tls_no_passphrase(char *to, int size, int is_writing, void *context)
{
	(void)to;
	(void)size;
	(void)is_writing;
	(void)context;
	return -1;
}

BIO *tls_open_pem(struct str pem)
{
	BIO *bio = BIO_new_mem_buf(pem.at, (int)pem.len);
	CHECK(bio != NULL);
	return bio;
}

static EVP_PKEY *read_key(struct str pem)
{
	BIO *bio = tls_open_pem(pem);
	EVP_PKEY *key = PEM_read_bio_PrivateKey(bio, NULL, tls_no_passphrase, NULL);
	BIO_free(bio);
	return key;
}

/* Takes one certificate for what it is: the key's own, an authority, or one between these. */
static bool take_certificate(
        SSL_CTX *ssl, EVP_PKEY *key, X509 *certificate, bool *has_own, unsigned *authorities)
{
	if (!*has_own && X509_check_private_key(certificate, key) == 1) {
		*has_own = SSL_CTX_use_certificate(ssl, certificate) == 1;
		return *has_own;
	}
	if (X509_self_signed(certificate, 1) == 1) {
		++*authorities;
		return X509_STORE_add_cert(SSL_CTX_get_cert_store(ssl), certificate) == 1;
	}
	return SSL_CTX_add1_chain_cert(ssl, certificate) == 1;
}

/* What is wrong with the file; NULL: nothing. */
static const char *take_certificates(SSL_CTX *ssl, EVP_PKEY *key, struct str pem)
{
	BIO *bio = tls_open_pem(pem);
	bool has_own = false, is_good = true;
	unsigned authorities = 0, count = 0;
	X509 *certificate = NULL;
	while (is_good &&
	        (certificate = PEM_read_bio_X509(bio, NULL, tls_no_passphrase, NULL)) != NULL) {
		is_good = ++count <= LIMIT_TLS_CERTIFICATES &&
		          take_certificate(ssl, key, certificate, &has_own, &authorities);
		X509_free(certificate);
	}
	/* The end is told as a line that should begin something, and is not there. */
	bool is_at_end = ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE;
	BIO_free(bio);
	if (!is_good || !is_at_end)
		return "has a certificate that cannot be read or used";
	if (!has_own)
		return "has no certificate for its private key";
	if (authorities == 0)
		return "has no certificate of an authority, which signs itself";
	return NULL;
}

/* What is wrong with the file; NULL: nothing. */
static const char *take_pem(SSL_CTX *ssl, struct str pem)
{
	if (pem.len > INT32_MAX)
		return "is too large";
	EVP_PKEY *key = read_key(pem);
	if (key == NULL)
		return "has no private key without a passphrase";
	const char *why = take_certificates(ssl, key, pem);
	if (why == NULL && SSL_CTX_use_PrivateKey(ssl, key) != 1)
		why = "has a private key that cannot be used";
	EVP_PKEY_free(key);
	return why;
}

SSL_CTX *tls_make_ssl(const SSL_METHOD *method, int oldest)
{
	SSL_CTX *ssl = SSL_CTX_new(method);
	CHECK(ssl != NULL);
	ERR_clear_error();
	CHECK(SSL_CTX_set_min_proto_version(ssl, oldest) == 1);
	SSL_CTX_set_mode(ssl, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
	                              SSL_MODE_RELEASE_BUFFERS);
	SSL_CTX_set_read_ahead(ssl, 1);
	return ssl;
}

struct tls_context *tls_context_mutual(struct str pem, struct text *ret_why)
{
	SSL_CTX *ssl = tls_make_ssl(TLS_method(), TLS1_3_VERSION);
	SSL_CTX_set_session_cache_mode(ssl, SSL_SESS_CACHE_OFF);
	CHECK(SSL_CTX_set_num_tickets(ssl, 0) == 1);
	SSL_CTX_set_verify(ssl, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
	const char *why = take_pem(ssl, pem);
	ERR_clear_error();
	if (why != NULL) {
		text_add(ret_why, str_of(why));
		SSL_CTX_free(ssl);
		return NULL;
	}
	struct tls_context *context = mem_new(struct tls_context);
	context->ssl = ssl;
	return context;
}

void tls_context_free(struct tls_context *context)
{
	if (context == NULL)
		return;
	SSL_CTX_free(context->ssl);
	tls_site_free(context->site);
	mem_free(context);
}

/* ---- connections ---- */

void tls_demand_name(SSL *ssl, const char *name)
{
	X509_VERIFY_PARAM *wanted = SSL_get0_param(ssl);
	if (X509_VERIFY_PARAM_set1_ip_asc(wanted, name) == 1)
		return;
	X509_VERIFY_PARAM_set_hostflags(wanted, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
	CHECK(X509_VERIFY_PARAM_set1_host(wanted, name, strlen(name)) == 1);
	/* What SSL_set_tlsext_host_name is, whose cast clang does not like. */
	CHECK(SSL_ctrl(ssl, SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name,
	              (void *)(uintptr_t)name) == 1);
}

struct tls *tls_make(const struct tls_context *context, int socket)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	struct tls *tls = mem_new(struct tls);
	CHECK(pthread_once(&once, make_method) == 0);
	BIO *bio = BIO_new(socket_method);
	tls->ssl = SSL_new(context->ssl);
	CHECK(bio != NULL && tls->ssl != NULL);
	tls->fd = socket;
	BIO_set_data(bio, tls);
	BIO_set_init(bio, 1);
	SSL_set_bio(tls->ssl, bio, bio);
	return tls;
}

struct tls *tls_new(
        const struct tls_context *context, enum tls_side side, int socket, const char *name)
{
	struct tls *tls = tls_make(context, socket);
	if (side == TLS_SERVER) {
		SSL_set_accept_state(tls->ssl);
	} else {
		tls_demand_name(tls->ssl, name);
		SSL_set_connect_state(tls->ssl);
	}
	return tls;
}

void tls_close(struct tls *tls)
{
	if (!tls->is_broken && SSL_is_init_finished(tls->ssl))
		SSL_shutdown(tls->ssl);
	if (tls->buffers != NULL && !tls->is_broken)
		(void)tls_flush(tls);
	ERR_clear_error();
}

void tls_free(struct tls *tls)
{
	if (tls == NULL)
		return;
	tls_close(tls);
	if (tls->buffers != NULL) {
		buf_release(tls->buffers, &tls->early);
		buf_release(tls->buffers, &tls->out);
	}
	SSL_free(tls->ssl);
	text_done(&tls->why);
	mem_free(tls);
}

void tls_break(struct tls *tls)
{
	tls->is_broken = true;
}

void tls_say_why(struct tls *tls, const char *what, const char *which)
{
	text_clear(&tls->why);
	text_addf(&tls->why, "%s%s", what, which);
}

void tls_note_why(struct tls *tls)
{
	const bool is_verified = (SSL_get_verify_mode(tls->ssl) & SSL_VERIFY_PEER) != 0;
	const long verified = is_verified ? SSL_get_verify_result(tls->ssl) : X509_V_OK;
	const unsigned long error = ERR_peek_last_error();
	const char *reason = error != 0 ? ERR_reason_error_string(error) : NULL;
	if (verified != X509_V_OK)
		tls_say_why(tls, "its certificate is not accepted: ",
		        X509_verify_cert_error_string(verified));
	else if (tls->is_at_end || reason == NULL)
		tls_say_why(tls, "the connection was ", tls->is_at_end ? "broken off" : "reset");
	else
		tls_say_why(tls, "TLS: ", reason);
}

enum tcp_result tls_result_of(struct tls *tls, int returned)
{
	switch (SSL_get_error(tls->ssl, returned)) {
	case SSL_ERROR_WANT_READ:
	case SSL_ERROR_WANT_WRITE:
		return TCP_AGAIN;
	case SSL_ERROR_ZERO_RETURN:
		return TCP_END;
	default:
		break;
	}
	tls->is_broken = true;
	tls_note_why(tls);
	return TCP_RESET;
}

static enum tcp_result give_up(struct tls *tls, const char *why)
{
	tls->is_broken = true;
	tls_say_why(tls, why, "");
	return TCP_RESET;
}

enum tcp_result tls_read(struct tls *tls, void *to, size_t size, size_t *ret_count)
{
	if (tls->is_broken)
		return TCP_RESET;
	enum tcp_result result = TCP_AGAIN;
	/* Without SSL_MODE_AUTO_RETRY, OpenSSL stops when what it had read was no data. A peer that
	 * goes on with such things (changes of keys, which cost us more than it) would keep us
	 * here. */
	for (unsigned i = 0; result == TCP_AGAIN; i++) {
		if (i == IDLE_READS_MAX)
			return give_up(tls, "it changes its keys and says nothing");
		ERR_clear_error();
		int returned = SSL_read_ex(tls->ssl, to, size, ret_count);
		/* Tickets wait for the answer to what was read. */
		if (returned == 1)
			return TCP_DONE;
		result = tls_result_of(tls, returned);
		if (!tls->is_told || tls->is_empty)
			break;
	}
	/* The handshake's part, or the alert that says what is wrong. */
	if (buf_length(&tls->out) > 0 && tls_flush(tls) == TCP_RESET)
		return TCP_RESET;
	return result;
}

bool tls_is_open(const struct tls *tls)
{
	return SSL_is_init_finished(tls->ssl);
}

enum tcp_result tls_write(struct tls *tls, struct str bytes, size_t *ret_count)
{
	if (tls->is_broken)
		return TCP_RESET;
	ERR_clear_error();
	int returned = SSL_write_ex(tls->ssl, bytes.at, bytes.len, ret_count);
	return returned == 1 ? TCP_DONE : tls_result_of(tls, returned);
}

const char *tls_why(const struct tls *tls)
{
	return text_c(&tls->why);
}

bool tls_peer_is(const struct tls *tls, const char *name)
{
	if (!SSL_is_init_finished(tls->ssl) || SSL_get_verify_result(tls->ssl) != X509_V_OK)
		return false;
	X509 *certificate = SSL_get0_peer_certificate(tls->ssl);
	return certificate != NULL && (X509_check_host(certificate, name, strlen(name),
	                                       X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS, NULL) == 1 ||
	                                      X509_check_ip_asc(certificate, name, 0) == 1);
}
