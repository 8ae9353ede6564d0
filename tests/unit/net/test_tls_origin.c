/* TLS to origins: whom a context believes, what it shows, and sessions that are used again. */
#include "net/tls_origin.h"

#include "tls_ends.h"

#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <signal.h>

static struct {
	struct text authority, other_authority; /* with their keys */
	struct text ca, other_ca;               /* without */
} world;

/* The certificates of a file without its keys. */
static struct text certificates_of(const struct text *pem)
{
	struct text certificates = {0};
	BIO *bio = BIO_new_mem_buf(pem->at, (int)pem->len);
	X509 *certificate;
	while ((certificate = PEM_read_bio_X509(bio, NULL, NULL, NULL)) != NULL) {
		BIO *out = BIO_new(BIO_s_mem());
		char *bytes;
		assert_int_equal(PEM_write_bio_X509(out, certificate), 1);
		long length = BIO_ctrl(out, BIO_CTRL_INFO, 0, (void *)&bytes);
		text_add(&certificates, str_make(bytes, (size_t)length));
		BIO_free(out);
		X509_free(certificate);
	}
	BIO_free(bio);
	return certificates;
}

static int make_world(void **state)
{
	(void)state;
	tls_issue_authority(10, &world.authority);
	tls_issue_authority(10, &world.other_authority);
	world.ca = certificates_of(&world.authority);
	world.other_ca = certificates_of(&world.other_authority);
	return 0;
}

static int free_world(void **state)
{
	(void)state;
	text_done(&world.authority);
	text_done(&world.other_authority);
	text_done(&world.ca);
	text_done(&world.other_ca);
	return 0;
}

/* A key, its certificate for the name, and the authority's: what tls_issue makes of both. */
static struct text identity(const struct text *authority, const char *name)
{
	struct text pem = {0}, why = {0};
	assert_true(tls_issue_identity(text_str(authority), &name, 1, 10, &pem, &why));
	return pem;
}

static struct tls_context *context_with(const struct tls_origin_options *options)
{
	enum tls_origin_part part;
	struct text why = {0};
	struct tls_context *context = tls_origin_context(options, &part, &why);
	if (context == NULL)
		fail_msg("it %s", text_c(&why));
	return context;
}

static struct tls_context *believing(const struct text *ca)
{
	struct str pem = text_str(ca);
	return context_with(&(struct tls_origin_options){.verifies = true, .ca = &pem});
}

/* A server of OpenSSL's own, over our sockets. */
struct server {
	SSL_CTX *context;
	SSL *ssl;
	int sockets[2]; /* the second is the server's */
	struct tls *client;
};

static SSL_CTX *server_context(const struct text *pem, int version)
{
	SSL_CTX *context = SSL_CTX_new(TLS_server_method());
	BIO *bio = BIO_new_mem_buf(pem->at, (int)pem->len);
	EVP_PKEY *key = PEM_read_bio_PrivateKey(bio, NULL, NULL, NULL);
	BIO_free(bio);
	bio = BIO_new_mem_buf(pem->at, (int)pem->len);
	X509 *certificate = PEM_read_bio_X509(bio, NULL, NULL, NULL);
	while (certificate != NULL && X509_check_private_key(certificate, key) != 1) {
		X509_free(certificate);
		certificate = PEM_read_bio_X509(bio, NULL, NULL, NULL);
	}
	BIO_free(bio);
	assert_int_equal(SSL_CTX_use_certificate(context, certificate), 1);
	assert_int_equal(SSL_CTX_use_PrivateKey(context, key), 1);
	assert_int_equal(SSL_CTX_set_max_proto_version(context, version), 1);
	assert_int_equal(SSL_CTX_set_session_id_context(context, (const unsigned char *)"t", 1), 1);
	X509_free(certificate);
	EVP_PKEY_free(key);
	return context;
}

static void open_server(struct server *server, SSL_CTX *context, const struct tls_context *client,
        const char *name, struct tls_origin_sessions *sessions)
{
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, server->sockets), 0);
	server->context = context;
	server->ssl = SSL_new(context);
	assert_int_equal(SSL_set_fd(server->ssl, server->sockets[1]), 1);
	SSL_set_accept_state(server->ssl);
	server->client = tls_origin_new(client, server->sockets[0], name, sessions);
}

static void close_server(struct server *server)
{
	tls_free(server->client);
	SSL_free(server->ssl);
	close(server->sockets[0]);
	close(server->sockets[1]);
}

/* Turns both until the client's handshake has come to something. */
static enum tcp_result shake_hands(struct server *server)
{
	enum tcp_result result = TCP_AGAIN;
	for (unsigned i = 0; i < 20 && result == TCP_AGAIN; i++) {
		result = tls_origin_handshake(server->client);
		SSL_do_handshake(server->ssl);
	}
	return result;
}

static void expect_handshake(const struct tls_context *client, const struct text *pem,
        const char *name, const char *words)
{
	SSL_CTX *context = server_context(pem, 0);
	struct server server;
	open_server(&server, context, client, name, NULL);
	enum tcp_result result = shake_hands(&server);
	if (words == NULL && result != TCP_DONE)
		fail_msg("%s: %s", name, tls_why(server.client));
	assert_int_equal(result, words == NULL ? TCP_DONE : TCP_RESET);
	assert_int_equal(tls_origin_is_unverified(server.client), words != NULL);
	if (words != NULL && strstr(tls_why(server.client), words) == NULL)
		fail_msg("%s: \"%s\" is not \"%s\"", name, tls_why(server.client), words);
	close_server(&server);
	SSL_CTX_free(context);
}

static void chain_and_name_are_verified(void **state)
{
	(void)state;
	static const struct {
		const char *certified, *asked;
		bool is_other; /* the certificate is another authority's */
		const char *words;
	} ROWS[] = {
	        {"o.test", "o.test", false, NULL},
	        {"o.test", "O.TEST", false, NULL},
	        {"o.test", "other.test", false, "hostname mismatch"},
	        {"o.test", "a.o.test", false, "hostname mismatch"},
	        {"o.test", "o.test", true, "unable to get local issuer certificate"},
	        {"192.0.2.7", "192.0.2.7", false, NULL},
	        {"2001:db8::7", "2001:db8::7", false, NULL},
	        {"192.0.2.7", "192.0.2.8", false, "IP address mismatch"},
	};
	struct tls_context *strict = believing(&world.ca);
	struct tls_context *loose = context_with(&(struct tls_origin_options){.verifies = false});
	for (size_t i = 0; i < ARRAY_LENGTH(ROWS); i++) {
		struct text pem =
		        identity(ROWS[i].is_other ? &world.other_authority : &world.authority,
		                ROWS[i].certified);
		expect_handshake(strict, &pem, ROWS[i].asked, ROWS[i].words);
		expect_handshake(loose, &pem, ROWS[i].asked, NULL);
		text_done(&pem);
	}
	tls_context_free(strict);
	tls_context_free(loose);
}

static void the_systems_authorities_do_not_know_ours(void **state)
{
	(void)state;
	struct text pem = identity(&world.authority, "o.test");
	struct tls_context *context = context_with(&(struct tls_origin_options){.verifies = true});
	expect_handshake(context, &pem, "o.test", "unable to get local issuer certificate");
	tls_context_free(context);
	text_done(&pem);
}

static int note_name(SSL *ssl, int *alert, void *argument)
{
	(void)alert;
	const char *name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
	snprintf(argument, 64, "%s", name != NULL ? name : "none");
	return SSL_TLSEXT_ERR_OK;
}

static int choose_http(SSL *ssl, const unsigned char **out, unsigned char *out_length,
        const unsigned char *in, unsigned in_length, void *argument)
{
	(void)ssl;
	(void)argument;
	assert_int_equal(in_length, 9);
	assert_memory_equal(in, "\x08http/1.1", 9);
	*out = in + 1;
	*out_length = in[0];
	return SSL_TLSEXT_ERR_OK;
}

static void a_name_is_sent_and_an_address_is_not(void **state)
{
	(void)state;
	char seen[64] = "";
	struct text pem = identity(&world.authority, "o.test");
	struct tls_context *client = context_with(&(struct tls_origin_options){.verifies = false});
	SSL_CTX *context = server_context(&pem, 0);
	SSL_CTX_callback_ctrl(
	        context, SSL_CTRL_SET_TLSEXT_SERVERNAME_CB, (void (*)(void))note_name);
	SSL_CTX_ctrl(context, SSL_CTRL_SET_TLSEXT_SERVERNAME_ARG, 0, seen);
	SSL_CTX_set_alpn_select_cb(context, choose_http, NULL);
	static const char *const NAMES[][2] = {
	        {"o.test", "o.test"}, {"192.0.2.7", "none"}, {"::1", "none"}};
	for (size_t i = 0; i < ARRAY_LENGTH(NAMES); i++) {
		struct server server;
		open_server(&server, context, client, NAMES[i][0], NULL);
		assert_int_equal(shake_hands(&server), TCP_DONE);
		assert_string_equal(seen, NAMES[i][1]);
		close_server(&server);
	}
	SSL_CTX_free(context);
	tls_context_free(client);
	text_done(&pem);
}

/* ---- sessions ---- */

/* A connection with one exchange; whether its session was one of before. */
static bool exchange(
        SSL_CTX *context, const struct tls_context *client, struct tls_origin_sessions *sessions)
{
	struct server server;
	open_server(&server, context, client, "o.test", sessions);
	assert_int_equal(shake_hands(&server), TCP_DONE);
	SSL_do_handshake(server.ssl);
	bool is_resumed = tls_origin_is_resumed(server.client);
	assert_int_equal(SSL_session_reused(server.ssl), is_resumed);
	size_t count;
	char bytes[8];
	assert_int_equal(tls_write(server.client, STR("ping"), &count), TCP_DONE);
	assert_int_equal(SSL_read(server.ssl, bytes, sizeof(bytes)), 4);
	assert_int_equal(SSL_write(server.ssl, "pong", 4), 4);
	assert_int_equal(tls_read(server.client, bytes, sizeof(bytes), &count), TCP_DONE);
	assert_int_equal(tls_read(server.client, bytes, sizeof(bytes), &count), TCP_AGAIN);
	assert_false(tls_origin_waits_for_room(server.client));
	close_server(&server);
	return is_resumed;
}

static void sessions_are_used_again(void **state)
{
	(void)state;
	static const int VERSIONS[] = {TLS1_2_VERSION, TLS1_3_VERSION};
	struct text pem = identity(&world.authority, "o.test");
	struct tls_context *client = believing(&world.ca);
	for (size_t i = 0; i < ARRAY_LENGTH(VERSIONS); i++) {
		struct tls_origin_sessions sessions = {.count = 0};
		SSL_CTX *context = server_context(&pem, VERSIONS[i]);
		assert_false(exchange(context, client, &sessions));
		for (unsigned k = 0; k < 10; k++) {
			assert_in_range(sessions.count, 1, LIMIT_TLS_SESSIONS);
			assert_true(exchange(context, client, &sessions));
		}
		/* Another one knows nothing of them. */
		struct tls_origin_sessions others = {.count = 0};
		assert_false(exchange(context, client, &others));
		tls_origin_forget(&others);
		tls_origin_forget(&sessions);
		assert_int_equal(sessions.count, 0);
		assert_false(exchange(context, client, NULL));
		assert_false(exchange(context, client, &sessions));
		tls_origin_forget(&sessions);
		SSL_CTX_free(context);
	}
	tls_context_free(client);
	text_done(&pem);
}

static void an_old_session_is_not_offered(void **state)
{
	(void)state;
	struct text pem = identity(&world.authority, "o.test");
	struct tls_context *client = believing(&world.ca);
	struct tls_origin_sessions sessions = {.count = 0};
	SSL_CTX *context = server_context(&pem, 0);
	assert_false(exchange(context, client, &sessions));
	for (unsigned i = 0; i < sessions.count; i++)
		SSL_SESSION_set_time(sessions.newest[i],
		        SSL_SESSION_get_time(sessions.newest[i]) - LIMIT_TLS_SESSION_MS / 1000);
	assert_false(exchange(context, client, &sessions));
	tls_origin_forget(&sessions);
	SSL_CTX_free(context);
	tls_context_free(client);
	text_done(&pem);
}

/* ---- ends ---- */

static void an_end_without_goodbye_is_none(void **state)
{
	(void)state;
	struct text pem = identity(&world.authority, "o.test");
	struct tls_context *client = believing(&world.ca);
	SSL_CTX *context = server_context(&pem, 0);
	for (unsigned says_goodbye = 0; says_goodbye < 2; says_goodbye++) {
		struct server server;
		char byte;
		size_t count;
		open_server(&server, context, client, "o.test", NULL);
		assert_int_equal(shake_hands(&server), TCP_DONE);
		SSL_do_handshake(server.ssl);
		assert_int_equal(SSL_write(server.ssl, "x", 1), 1);
		if (says_goodbye)
			SSL_shutdown(server.ssl);
		shutdown(server.sockets[1], SHUT_WR);
		assert_int_equal(tls_read(server.client, &byte, 1, &count), TCP_DONE);
		assert_int_equal(tls_read(server.client, &byte, 1, &count),
		        says_goodbye ? TCP_END : TCP_RESET);
		assert_false(tls_origin_is_tls_fault(server.client));
		close_server(&server);
	}
	SSL_CTX_free(context);
	tls_context_free(client);
	text_done(&pem);
}

static void what_breaks_the_handshake_is_told(void **state)
{
	(void)state;
	static const struct {
		struct str sent;
		bool is_tls_fault;
		const char *words;
	} ROWS[] = {
	        {{"HTTP/1.1 400 Bad Request\r\n\r\n", 28}, true, "TLS: wrong version number"},
	        {{"\x15\x03\x01\x00\x02\x02\x28", 7}, true, "handshake failure"},
	        {{"\x16\x03\x03\x00\x04\x63\x00\x00\x00", 9}, true, "TLS: unexpected message"},
	        {{"", 0}, false, "the connection was broken off"},
	        {{"\x16\x03", 2}, false, "the connection was broken off"},
	};
	struct tls_context *client = context_with(&(struct tls_origin_options){.verifies = false});
	for (size_t i = 0; i < ARRAY_LENGTH(ROWS); i++) {
		int sockets[2];
		assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, sockets), 0);
		struct tls *tls = tls_origin_new(client, sockets[0], "o.test", NULL);
		assert_int_equal(tls_origin_handshake(tls), TCP_AGAIN);
		assert_false(tls_origin_waits_for_room(tls));
		assert_int_equal(write(sockets[1], ROWS[i].sent.at, ROWS[i].sent.len),
		        (ssize_t)ROWS[i].sent.len);
		shutdown(sockets[1], SHUT_WR);
		assert_int_equal(tls_origin_handshake(tls), TCP_RESET);
		assert_int_equal(tls_origin_handshake(tls), TCP_RESET);
		assert_int_equal(tls_origin_is_tls_fault(tls), ROWS[i].is_tls_fault);
		assert_false(tls_origin_is_unverified(tls));
		if (strstr(tls_why(tls), ROWS[i].words) == NULL)
			fail_msg("%zu: \"%s\"", i, tls_why(tls));
		tls_free(tls);
		close(sockets[0]);
		close(sockets[1]);
	}
	tls_context_free(client);
}

/* What came before the connection broke is read, although writing has failed. */
static void an_answer_is_read_after_writing_has_failed(void **state)
{
	(void)state;
	struct text pem = identity(&world.authority, "o.test");
	struct tls_context *client = believing(&world.ca);
	SSL_CTX *context = server_context(&pem, 0);
	struct server server;
	char bytes[8];
	size_t count;
	open_server(&server, context, client, "o.test", NULL);
	assert_int_equal(shake_hands(&server), TCP_DONE);
	SSL_do_handshake(server.ssl);
	assert_int_equal(SSL_write(server.ssl, "early", 5), 5);
	shutdown(server.sockets[1], SHUT_RDWR);
	assert_int_equal(tls_write(server.client, STR("late"), &count), TCP_RESET);
	assert_int_equal(tls_read(server.client, bytes, sizeof(bytes), &count), TCP_RESET);
	tls_origin_read_on(server.client);
	assert_int_equal(tls_read(server.client, bytes, sizeof(bytes), &count), TCP_DONE);
	assert_int_equal(count, 5);
	assert_int_equal(tls_read(server.client, bytes, sizeof(bytes), &count), TCP_RESET);
	close_server(&server);
	SSL_CTX_free(context);
	tls_context_free(client);
	text_done(&pem);
}

/* ---- what it shows, and files that cannot be used ---- */

static void a_certificate_is_shown_to_who_asks_for_one(void **state)
{
	(void)state;
	struct text ours = identity(&world.authority, "us.test");
	struct text pem = identity(&world.authority, "o.test");
	struct text shown = certificates_of(&ours);
	SSL_CTX *context = server_context(&pem, 0);
	SSL_CTX_set_verify(context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
	BIO *bio = BIO_new_mem_buf(world.ca.at, (int)world.ca.len);
	X509 *ca = PEM_read_bio_X509(bio, NULL, NULL, NULL);
	BIO_free(bio);
	X509_STORE_add_cert(SSL_CTX_get_cert_store(context), ca);
	X509_free(ca);
	for (unsigned apart = 0; apart < 2; apart++) {
		struct tls_context *client = context_with(&(struct tls_origin_options){
		        .certificate = apart ? text_str(&shown) : text_str(&ours),
		        .key = apart ? text_str(&ours) : STR_EMPTY,
		});
		struct server server;
		open_server(&server, context, client, "o.test", NULL);
		assert_int_equal(shake_hands(&server), TCP_DONE);
		assert_int_equal(SSL_do_handshake(server.ssl), 1);
		X509 *seen = SSL_get0_peer_certificate(server.ssl);
		assert_non_null(seen);
		assert_int_equal(X509_check_host(seen, "us.test", 7, 0, NULL), 1);
		close_server(&server);
		tls_context_free(client);
	}
	SSL_CTX_free(context);
	text_done(&ours);
	text_done(&pem);
	text_done(&shown);
}

static void a_file_that_cannot_be_used_is_named(void **state)
{
	(void)state;
	struct text ours = identity(&world.authority, "us.test");
	struct text other = identity(&world.authority, "them.test");
	struct text only = certificates_of(&ours), broken = {0}, many = {0};
	text_add(&broken, text_str(&only));
	text_add(&broken, STR("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"));
	for (unsigned i = 0; i <= LIMIT_TLS_CERTIFICATES; i++)
		text_add(&many, text_str(&world.ca));
	const struct {
		struct str ca, certificate, key;
		enum tls_origin_part part;
		const char *words;
	} rows[] = {
	        {STR("rubbish"), STR_EMPTY, STR_EMPTY, TLS_ORIGIN_CA, "has no certificate"},
	        {STR_EMPTY, STR_EMPTY, STR_EMPTY, TLS_ORIGIN_CA, "has no certificate"},
	        {text_str(&broken), STR_EMPTY, STR_EMPTY, TLS_ORIGIN_CA,
	                "has a certificate that cannot be read or used"},
	        {text_str(&world.ca), STR("rubbish"), STR_EMPTY, TLS_ORIGIN_CERTIFICATE,
	                "has no certificate"},
	        {text_str(&world.ca), text_str(&many), STR_EMPTY, TLS_ORIGIN_CERTIFICATE,
	                "has too many certificates"},
	        {text_str(&world.ca), text_str(&only), STR_EMPTY, TLS_ORIGIN_CERTIFICATE,
	                "has no private key without a passphrase"},
	        {text_str(&world.ca), text_str(&only), STR("rubbish"), TLS_ORIGIN_KEY,
	                "has no private key without a passphrase"},
	        {text_str(&world.ca), text_str(&only), text_str(&other), TLS_ORIGIN_KEY,
	                "has a private key that is not the certificate's"},
	};
	for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
		enum tls_origin_part part = TLS_ORIGIN_CA;
		struct text why = {0};
		struct tls_origin_options options = {.verifies = true,
		        .ca = &rows[i].ca,
		        .certificate = rows[i].certificate,
		        .key = rows[i].key};
		assert_null(tls_origin_context(&options, &part, &why));
		assert_int_equal(part, rows[i].part);
		assert_string_equal(text_c(&why), rows[i].words);
		text_done(&why);
	}
	text_done(&ours);
	text_done(&other);
	text_done(&only);
	text_done(&broken);
	text_done(&many);
}

int main(void)
{
	/* The servers' sockets are OpenSSL's. */
	signal(SIGPIPE, SIG_IGN);
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(chain_and_name_are_verified),
	        cmocka_unit_test(the_systems_authorities_do_not_know_ours),
	        cmocka_unit_test(a_name_is_sent_and_an_address_is_not),
	        cmocka_unit_test(sessions_are_used_again),
	        cmocka_unit_test(an_old_session_is_not_offered),
	        cmocka_unit_test(an_end_without_goodbye_is_none),
	        cmocka_unit_test(what_breaks_the_handshake_is_told),
	        cmocka_unit_test(an_answer_is_read_after_writing_has_failed),
	        cmocka_unit_test(a_certificate_is_shown_to_who_asks_for_one),
	        cmocka_unit_test(a_file_that_cannot_be_used_is_named),
	};
	return cmocka_run_group_tests(tests, make_world, free_world);
}
