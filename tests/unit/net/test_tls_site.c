/* Handshakes of clients: whose certificate is shown, of which kind, what is agreed on, and what of
 * an earlier session is taken up. The client is OpenSSL's own. */
#include "authority.h"

#include "net/tls_site.h"

#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <sys/socket.h>
#include <unistd.h>

static struct {
	struct issued root, exact, rsa, wild;
	struct tls_shelf_slot *slot;
	int page;
	struct tls_tickets *tickets;
	struct mem_budget budget;
	struct buf_pool buffers;
} site;

static struct tls_shelf *shelf_of(const struct issued *const *leaves)
{
	struct tls_shelf *shelf = tls_shelf_new();
	struct text pem = {0}, troubles = {0};
	for (unsigned i = 0; leaves[i] != NULL; i++) {
		add_key_of(&pem, leaves[i]);
		add_certificate_of(&pem, leaves[i]);
	}
	tls_shelf_add(shelf, "all", text_str(&pem), &troubles);
	tls_shelf_finish(shelf, (int64_t)time(NULL), &troubles);
	assert_int_equal(troubles.len, 0);
	text_done(&pem);
	return shelf;
}

static int set_up(void **state)
{
	(void)state;
	site.root = issue(NULL, &(struct wanted){.subject = "Root", .is_authority = true});
	site.exact = issue(&site.root, &(struct wanted){.subject = "e", .names = "DNS:a.test"});
	site.rsa = issue(&site.root,
	        &(struct wanted){.subject = "r", .names = "DNS:a.test", .is_rsa = true});
	site.wild = issue(&site.root, &(struct wanted){.subject = "w", .names = "DNS:*.test"});
	site.slot = tls_shelf_slot_new();
	tls_shelf_slot_put(site.slot,
	        shelf_of((const struct issued *const[]){&site.exact, &site.rsa, &site.wild, NULL}));
	site.page = tls_tickets_open();
	site.tickets = tls_tickets_map(site.page, true);
	tls_tickets_rotate(site.tickets, (int64_t)time(NULL));
	site.budget.limit = 1 << 20;
	buf_pool_init(&site.buffers, &site.budget);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	assert_int_equal(site.buffers.in_use, 0);
	buf_pool_done(&site.buffers);
	tls_tickets_unmap(site.tickets);
	close(site.page);
	tls_shelf_slot_free(site.slot);
	free_issued(&site.root);
	free_issued(&site.exact);
	free_issued(&site.rsa);
	free_issued(&site.wild);
	return 0;
}

static struct tls_context *context_with(const char *fallback, bool has_http2)
{
	const struct tls_site_options options = {
	        .slot = site.slot,
	        .fallback = fallback,
	        .tickets = site.tickets,
	        .has_http2 = has_http2,
	};
	return tls_context_site(&options);
}

/* What a client does, and what it saw. */
struct visit {
	const char *name;      /* SNI; NULL: none */
	const char *suites;    /* of TLS 1.2, which is then all that it speaks */
	const char *protocols; /* of ALPN, as they are sent */
	SSL_SESSION *session;  /* to take up */
	/* it saw */
	bool is_open, is_resumed, is_http2;
	int error; /* reason of the alert, or another */
	X509 *shown;
	SSL_SESSION *got; /* the last ticket */
};

static int on_session(SSL *ssl, SSL_SESSION *session)
{
	struct visit *visit = SSL_get_app_data(ssl);
	SSL_SESSION_free(visit->got);
	visit->got = session;
	return 1;
}

static void pay(const struct tls_context *context, struct visit *visit)
{
	int ends[2];
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends), 0);
	SSL_CTX *ssl_context = SSL_CTX_new(TLS_client_method());
	SSL_CTX_set_session_cache_mode(
	        ssl_context, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
	SSL_CTX_sess_set_new_cb(ssl_context, on_session);
	if (visit->suites != NULL) {
		assert_int_equal(SSL_CTX_set_max_proto_version(ssl_context, TLS1_2_VERSION), 1);
		assert_int_equal(SSL_CTX_set_cipher_list(ssl_context, visit->suites), 1);
	}
	SSL *client = SSL_new(ssl_context);
	SSL_set_fd(client, ends[0]);
	SSL_set_app_data(client, visit);
	if (visit->name != NULL)
		SSL_ctrl(client, SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name,
		        (void *)(uintptr_t)visit->name);
	if (visit->protocols != NULL)
		SSL_set_alpn_protos(client, (const unsigned char *)visit->protocols,
		        (unsigned)strlen(visit->protocols));
	if (visit->session != NULL)
		SSL_set_session(client, visit->session);
	struct tls *server = tls_new_buffered(context, ends[1], &site.buffers);
	enum tcp_result saw = TCP_AGAIN;
	char byte;
	size_t count;
	bool is_open = false;
	for (unsigned i = 0; i < 10; i++) {
		int returned = is_open ? SSL_read(client, &byte, 1) : SSL_connect(client);
		is_open |= returned == 1;
		if (returned <= 0 && SSL_get_error(client, returned) == SSL_ERROR_SSL)
			visit->error = ERR_GET_REASON(ERR_get_error());
		ERR_clear_error();
		tls_ready(server, false);
		saw = tls_read(server, &byte, 1, &count);
	}
	visit->is_open = is_open && tls_is_open(server) && saw == TCP_AGAIN;
	visit->is_resumed = visit->is_open && tls_is_resumed(server);
	visit->is_http2 = visit->is_open && tls_is_http2(server);
	visit->shown = SSL_get1_peer_certificate(client);
	tls_free(server);
	SSL_shutdown(client); /* or it would forget its session */
	SSL_free(client);
	SSL_CTX_free(ssl_context);
	close(ends[0]);
	close(ends[1]);
}

static void leave(struct visit *visit)
{
	X509_free(visit->shown);
	SSL_SESSION_free(visit->got);
}

static void assert_shown(const struct tls_context *context, struct visit visit, const X509 *leaf)
{
	pay(context, &visit);
	assert_true(visit.is_open);
	assert_int_equal(X509_cmp(visit.shown, leaf), 0);
	leave(&visit);
}

static void the_name_chooses_and_the_suites(void **state)
{
	(void)state;
	struct tls_context *context = context_with("", false);
	assert_shown(context, (struct visit){.name = "a.test"}, site.exact.x509);
	assert_shown(context, (struct visit){.name = "A.TEST"}, site.exact.x509);
	assert_shown(context, (struct visit){.name = "other.test"}, site.wild.x509);
	assert_shown(context,
	        (struct visit){.name = "a.test", .suites = "ECDHE-RSA-AES128-GCM-SHA256"},
	        site.rsa.x509);
	assert_shown(context,
	        (struct visit){.name = "a.test", .suites = "ECDHE-ECDSA-AES128-GCM-SHA256"},
	        site.exact.x509);
	assert_shown(context,
	        (struct visit){.name = "a.test", .suites = "DHE-RSA-AES128-GCM-SHA256"},
	        site.rsa.x509);
	tls_context_free(context);
}

static void a_stranger_is_told_so_or_shown_the_fallback(void **state)
{
	(void)state;
	struct tls_context *strict = context_with("", false);
	struct tls_context *kind = context_with("a.test", false);
	const char *const names[] = {NULL, "stranger.example", "a.b.test"};
	for (unsigned i = 0; i < ARRAY_LENGTH(names); i++) {
		struct visit visit = {.name = names[i]};
		pay(strict, &visit);
		assert_false(visit.is_open);
		assert_int_equal(visit.error, SSL_R_TLSV1_UNRECOGNIZED_NAME);
		leave(&visit);
		assert_shown(kind, (struct visit){.name = names[i]}, site.exact.x509);
	}
	tls_context_free(strict);
	tls_context_free(kind);
}

static void old_suites_are_not_spoken(void **state)
{
	(void)state;
	struct tls_context *context = context_with("", false);
	const char *const suites[] = {"ECDHE-RSA-AES128-SHA", "AES128-GCM-SHA256",
	        "ECDHE-ECDSA-AES256-CCM", "DHE-RSA-AES128-SHA256"};
	for (unsigned i = 0; i < ARRAY_LENGTH(suites); i++) {
		struct visit visit = {.name = "a.test", .suites = suites[i]};
		pay(context, &visit);
		assert_false(visit.is_open);
		leave(&visit);
	}
	tls_context_free(context);
	const struct tls_site_options modern = {
	        .slot = site.slot, .fallback = "", .profile = TLS_MODERN};
	context = tls_context_site(&modern);
	struct visit visit = {.name = "a.test", .suites = "ECDHE-RSA-AES128-GCM-SHA256"};
	pay(context, &visit);
	assert_false(visit.is_open);
	leave(&visit);
	assert_shown(context, (struct visit){.name = "a.test"}, site.exact.x509);
	tls_context_free(context);
}

static void protocols_are_agreed_on(void **state)
{
	(void)state;
	static const struct {
		const char *offered;
		bool has_http2, is_open, is_http2;
	} cases[] = {
	        {NULL, true, true, false},
	        {"\x08http/1.1", true, true, false},
	        {"\x08http/1.1\x02h2", true, true, true},
	        {"\x02h2\x08http/1.1", true, true, true},
	        {"\x02h2\x08http/1.1", false, true, false},
	        {"\x02h2", false, false, false},
	        {"\x06spdy/1", true, false, false},
	};
	for (unsigned i = 0; i < ARRAY_LENGTH(cases); i++) {
		struct tls_context *context = context_with("", cases[i].has_http2);
		struct visit visit = {.name = "a.test", .protocols = cases[i].offered};
		pay(context, &visit);
		assert_int_equal(visit.is_open, cases[i].is_open);
		assert_int_equal(visit.is_http2, cases[i].is_http2);
		if (!cases[i].is_open)
			assert_int_equal(visit.error, SSL_R_TLSV1_ALERT_NO_APPLICATION_PROTOCOL);
		leave(&visit);
		tls_context_free(context);
	}
}

/* A ticket of one worker, or edge, is taken up by another, by either version. A client of TLS 1.3
 * shows it once, and so gets another one. */
static void sessions_go_on_elsewhere(void **state)
{
	(void)state;
	const char *const suites[] = {NULL, "ECDHE-ECDSA-AES128-GCM-SHA256"};
	for (unsigned i = 0; i < ARRAY_LENGTH(suites); i++) {
		struct tls_context *one = context_with("", false), *other = context_with("", false);
		struct visit first = {.name = "a.test", .suites = suites[i]};
		pay(one, &first);
		assert_true(first.is_open && !first.is_resumed);
		assert_non_null(first.got);
		struct visit second = {.name = "a.test", .suites = suites[i], .session = first.got};
		pay(other, &second);
		assert_true(second.is_open && second.is_resumed);
		assert_int_equal(second.got != NULL, suites[i] == NULL);
		SSL_SESSION *latest = second.got != NULL ? second.got : first.got;
		assert_true(SSL_SESSION_is_resumable(latest));
		/* After a day of rotations it is not. */
		tls_tickets_rotate(site.tickets, (int64_t)time(NULL) + 40 * 3600);
		struct visit third = {.name = "a.test", .suites = suites[i], .session = latest};
		pay(other, &third);
		assert_true(third.is_open && !third.is_resumed);
		tls_tickets_rotate(site.tickets, (int64_t)time(NULL));
		leave(&first);
		leave(&second);
		leave(&third);
		tls_context_free(one);
		tls_context_free(other);
	}
}

static void without_keys_there_are_no_tickets(void **state)
{
	(void)state;
	const struct tls_site_options options = {.slot = site.slot, .fallback = ""};
	struct tls_context *context = tls_context_site(&options);
	struct visit visit = {.name = "a.test"};
	pay(context, &visit);
	assert_true(visit.is_open);
	assert_null(visit.got);
	leave(&visit);
	tls_context_free(context);
}

static void what_is_new_in_the_slot_is_shown_from_then_on(void **state)
{
	(void)state;
	struct tls_context *context = context_with("", false);
	struct issued next =
	        issue(&site.root, &(struct wanted){.subject = "n", .names = "DNS:a.test"});
	struct tls_shelf *before = tls_shelf_slot_get(site.slot);
	assert_shown(context, (struct visit){.name = "a.test"}, site.exact.x509);
	tls_shelf_slot_put(site.slot, shelf_of((const struct issued *const[]){&next, NULL}));
	assert_shown(context, (struct visit){.name = "a.test"}, next.x509);
	struct visit visit = {.name = "other.test"};
	pay(context, &visit);
	assert_false(visit.is_open);
	leave(&visit);
	tls_shelf_slot_put(site.slot, before);
	assert_shown(context, (struct visit){.name = "other.test"}, site.wild.x509);
	free_issued(&next);
	tls_context_free(context);
}

/* A client over a BIO in memory, so that what it says can be sent in any pieces. */
struct talker {
	int ends[2];
	SSL_CTX *context;
	SSL *client;
	BIO *in, *out;
	struct tls *server;
};

/* Moves what the client has to say to the server's socket, as far as that takes it, and back what
 * the server has said. */
static void move(struct talker *talker)
{
	static char bytes[65536];
	char *said;
	long length = BIO_get_mem_data(talker->out, &said);
	if (length > 0) {
		ssize_t sent = send(talker->ends[0], said, (size_t)length, MSG_NOSIGNAL);
		for (ssize_t left = sent; left > 0;)
			left -= BIO_read(talker->out, bytes,
			        left < (ssize_t)sizeof(bytes) ? (int)left : (int)sizeof(bytes));
	}
	ssize_t got;
	while ((got = recv(talker->ends[0], bytes, sizeof(bytes), 0)) > 0)
		assert_int_equal(BIO_write(talker->in, bytes, (int)got), (int)got);
	tls_ready(talker->server, false);
}

static void begin_talk(struct talker *talker, const struct tls_context *context)
{
	char byte;
	size_t count;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, talker->ends), 0);
	talker->context = SSL_CTX_new(TLS_client_method());
	talker->client = SSL_new(talker->context);
	talker->in = BIO_new(BIO_s_mem());
	talker->out = BIO_new(BIO_s_mem());
	SSL_set_bio(talker->client, talker->in, talker->out);
	SSL_ctrl(talker->client, SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name,
	        (void *)(uintptr_t) "a.test");
	SSL_set_connect_state(talker->client);
	talker->server = tls_new_buffered(context, talker->ends[1], &site.buffers);
	for (unsigned i = 0; i < 10; i++) {
		SSL_read(talker->client, &byte, 1);
		move(talker);
		assert_int_equal(tls_read(talker->server, &byte, 1, &count), TCP_AGAIN);
	}
	assert_true(tls_is_open(talker->server));
}

static void end_talk(struct talker *talker)
{
	tls_free(talker->server);
	SSL_free(talker->client);
	SSL_CTX_free(talker->context);
	close(talker->ends[0]);
	close(talker->ends[1]);
}

static void change_keys(struct talker *talker, unsigned times)
{
	while (times-- > 0) {
		assert_int_equal(SSL_key_update(talker->client, SSL_KEY_UPDATE_NOT_REQUESTED), 1);
		assert_int_equal(SSL_do_handshake(talker->client), 1);
	}
}

static void keys_may_be_changed_but_not_for_ever(void **state)
{
	(void)state;
	struct tls_context *context = context_with("", false);
	struct talker talker;
	char room[100];
	size_t count;
	begin_talk(&talker, context);
	for (unsigned i = 0; i < 20; i++) {
		change_keys(&talker, 20);
		assert_int_equal(SSL_write(talker.client, "hello", 5), 5);
		move(&talker);
		assert_int_equal(tls_read(talker.server, room, sizeof(room), &count), TCP_DONE);
		assert_int_equal(count, 5);
		assert_int_equal(tls_read(talker.server, room, sizeof(room), &count), TCP_AGAIN);
	}
	change_keys(&talker, 20000);
	enum tcp_result result = TCP_AGAIN;
	for (unsigned i = 0; i < 20 && result == TCP_AGAIN; i++) {
		move(&talker);
		result = tls_read(talker.server, room, sizeof(room), &count);
	}
	assert_int_equal(result, TCP_RESET);
	assert_string_equal(tls_why(talker.server), "it changes its keys and says nothing");
	end_talk(&talker);
	tls_context_free(context);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(the_name_chooses_and_the_suites),
	        cmocka_unit_test(a_stranger_is_told_so_or_shown_the_fallback),
	        cmocka_unit_test(old_suites_are_not_spoken),
	        cmocka_unit_test(protocols_are_agreed_on),
	        cmocka_unit_test(sessions_go_on_elsewhere),
	        cmocka_unit_test(without_keys_there_are_no_tickets),
	        cmocka_unit_test(what_is_new_in_the_slot_is_shown_from_then_on),
	        cmocka_unit_test(keys_may_be_changed_but_not_for_ever),
	};
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
