/* TLS between two machines of a fleet: who is let in, what goes over, and how it ends. */
#include "tls_ends.h"

static struct {
	struct text authority, other_authority;
	struct tls_context *edge, *control, *stranger;
} fleet;

static int make_fleet(void **state)
{
	(void)state;
	tls_issue_authority(10, &fleet.authority);
	tls_issue_authority(10, &fleet.other_authority);
	fleet.edge = context_of(text_str(&fleet.authority), "edge-1");
	fleet.control = context_of(text_str(&fleet.authority), "control.test");
	fleet.stranger = context_of(text_str(&fleet.other_authority), "edge-1");
	return 0;
}

static int free_fleet(void **state)
{
	(void)state;
	tls_context_free(fleet.edge);
	tls_context_free(fleet.control);
	tls_context_free(fleet.stranger);
	text_done(&fleet.authority);
	text_done(&fleet.other_authority);
	return 0;
}

static void both_know_each_other(void **state)
{
	(void)state;
	struct ends ends;
	connect_ends(&ends, fleet.edge, fleet.control, "control.test");
	assert_int_equal(ends.client_saw, TCP_AGAIN);
	assert_int_equal(ends.server_saw, TCP_AGAIN);
	assert_true(tls_peer_is(ends.server, "edge-1"));
	assert_true(tls_peer_is(ends.server, "EDGE-1"));
	assert_false(tls_peer_is(ends.server, "edge-2"));
	assert_false(tls_peer_is(ends.server, "1.edge-1"));
	assert_false(tls_peer_is(ends.server, ""));
	assert_true(tls_peer_is(ends.client, "control.test"));
	close_ends(&ends);
}

static void nobody_is_known_before_the_handshake(void **state)
{
	(void)state;
	int sockets[2];
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, sockets), 0);
	struct tls *server = tls_new(fleet.control, TLS_SERVER, sockets[1], NULL);
	assert_false(tls_peer_is(server, "edge-1"));
	tls_free(server);
	close(sockets[0]);
	close(sockets[1]);
}

static void assert_refused(const struct tls *tls, enum tcp_result saw, const char *words)
{
	assert_int_equal(saw, TCP_RESET);
	if (strstr(tls_why(tls), words) == NULL)
		fail_msg("\"%s\" does not say \"%s\"", tls_why(tls), words);
}

static void who_is_of_another_fleet_is_not_let_in(void **state)
{
	(void)state;
	struct ends ends;
	/* An edge that is shown a control plane of another fleet says nothing to it. */
	connect_ends(&ends, fleet.stranger, fleet.control, "control.test");
	assert_refused(ends.client, ends.client_saw, "its certificate is not accepted: ");
	assert_refused(ends.server, ends.server_saw, "TLS: ");
	assert_false(tls_peer_is(ends.server, "edge-1"));
	close_ends(&ends);
}

/* The client trusts all of both, and has a certificate of the other authority alone. */
static void a_certificate_of_another_fleet_is_not_accepted(void **state)
{
	(void)state;
	struct text pem = {0}, why = {0};
	struct ends ends;
	const char *name = "edge-1";
	assert_true(tls_issue_identity(text_str(&fleet.other_authority), &name, 1, 10, &pem, &why));
	text_add(&pem, text_str(&fleet.authority)); /* its key comes second, and is not looked at */
	struct tls_context *liar = tls_context_mutual(text_str(&pem), &why);
	assert_non_null(liar);
	connect_ends(&ends, liar, fleet.control, "control.test");
	assert_refused(ends.server, ends.server_saw, "its certificate is not accepted: ");
	assert_refused(ends.client, ends.client_saw, "TLS: ");
	close_ends(&ends);
	tls_context_free(liar);
	text_done(&pem);
}

static void a_server_of_another_name_is_not_accepted(void **state)
{
	(void)state;
	struct ends ends;
	connect_ends(&ends, fleet.edge, fleet.control, "other.test");
	assert_refused(ends.client, ends.client_saw, "hostname mismatch");
	close_ends(&ends);
	connect_ends(&ends, fleet.edge, fleet.control, "127.0.0.1");
	assert_refused(ends.client, ends.client_saw, "IP address mismatch");
	close_ends(&ends);
}

static void an_address_is_a_name_too(void **state)
{
	(void)state;
	struct ends ends;
	const char *names[] = {"control.test", "192.0.2.7", "2001:db8::7"};
	for (unsigned i = 0; i < ARRAY_LENGTH(names); i++) {
		struct text pem = {0}, why = {0};
		assert_true(tls_issue_identity(
		        text_str(&fleet.authority), names, ARRAY_LENGTH(names), 10, &pem, &why));
		struct tls_context *context = tls_context_mutual(text_str(&pem), &why);
		connect_ends(&ends, fleet.edge, context, names[i]);
		assert_int_equal(ends.client_saw, TCP_AGAIN);
		assert_true(tls_peer_is(ends.client, names[i]));
		assert_false(tls_peer_is(ends.client, "192.0.2.8"));
		close_ends(&ends);
		tls_context_free(context);
		text_done(&pem);
	}
}

static void what_is_no_tls_is_refused(void **state)
{
	(void)state;
	int sockets[2];
	char byte;
	size_t count;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, sockets), 0);
	struct tls *server = tls_new(fleet.control, TLS_SERVER, sockets[1], NULL);
	assert_int_equal(write(sockets[0], "GET / HTTP/1.1\r\n\r\n", 18), 18);
	assert_refused(server, tls_read(server, &byte, 1, &count), "TLS: ");
	/* It stays broken. */
	assert_int_equal(tls_read(server, &byte, 1, &count), TCP_RESET);
	assert_int_equal(tls_write(server, STR("x"), &count), TCP_RESET);
	tls_free(server);
	close(sockets[0]);
	close(sockets[1]);
}

/* Both ways at once, more than the sockets take, from places that move. */
static void much_goes_both_ways(void **state)
{
	(void)state;
	enum { BYTES = 3 << 20, STEP = 50000 };
	struct ends ends;
	struct tls *tls[2];
	char *sent = mem_alloc(BYTES), *heard[2] = {mem_alloc(BYTES), mem_alloc(BYTES)};
	size_t out[2] = {0}, in[2] = {0}, count;
	for (size_t i = 0; i < BYTES; i++)
		sent[i] = (char)(i * 2654435761U >> 13);
	connect_ends(&ends, fleet.edge, fleet.control, "control.test");
	tls[0] = ends.client;
	tls[1] = ends.server;
	while (in[0] < BYTES || in[1] < BYTES) {
		for (unsigned k = 0; k < 2; k++) {
			size_t size = BYTES - out[k] < STEP ? BYTES - out[k] : STEP;
			char *copy = mem_copy(sent + out[k], size);
			if (size > 0 && tls_write(tls[k], str_make(copy, size), &count) == TCP_DONE)
				out[k] += count;
			mem_free(copy);
			while (in[k] < BYTES && tls_read(tls[k], heard[k] + in[k], BYTES - in[k],
			                                &count) == TCP_DONE)
				in[k] += count;
		}
	}
	assert_memory_equal(heard[0], sent, BYTES);
	assert_memory_equal(heard[1], sent, BYTES);
	close_ends(&ends);
	mem_free(sent);
	mem_free(heard[0]);
	mem_free(heard[1]);
}

static void an_end_that_is_said_is_no_end_that_is_not(void **state)
{
	(void)state;
	struct ends ends;
	char byte;
	size_t count;
	connect_ends(&ends, fleet.edge, fleet.control, "control.test");
	tls_free(ends.client);
	ends.client = NULL;
	shutdown(ends.sockets[0], SHUT_WR);
	assert_int_equal(tls_read(ends.server, &byte, 1, &count), TCP_END);
	close_ends(&ends);

	connect_ends(&ends, fleet.edge, fleet.control, "control.test");
	shutdown(ends.sockets[0], SHUT_WR);
	assert_refused(ends.server, tls_read(ends.server, &byte, 1, &count), "broken off");
	close_ends(&ends);
}

/* To write to whoever is gone is an error, and no signal: this process has not said that it ignores
 * SIGPIPE. */
static void who_is_gone_is_no_signal(void **state)
{
	(void)state;
	struct ends ends;
	size_t count;
	connect_ends(&ends, fleet.edge, fleet.control, "control.test");
	close(ends.sockets[0]);
	ends.sockets[0] = open("/dev/null", O_RDWR | O_CLOEXEC);
	assert_int_equal(tls_write(ends.server, STR("x"), &count), TCP_RESET);
	close_ends(&ends);
}

static void assert_no_context(struct str pem, const char *words)
{
	struct text why = {0};
	assert_null(tls_context_mutual(pem, &why));
	if (strstr(text_c(&why), words) == NULL)
		fail_msg("\"%s\" does not say \"%s\"", text_c(&why), words);
	text_done(&why);
}

/* The part from the first of these lines on; `upto` is the line after it, or NULL. */
static struct str part(const struct text *pem, const char *from, const char *upto)
{
	const char *begin = strstr(text_c(pem), from);
	const char *end = upto != NULL ? strstr(begin + 1, upto) : pem->at + pem->len;
	return str_make(begin, (size_t)(end - begin));
}

static void a_file_that_lacks_something_says_what(void **state)
{
	(void)state;
	static const char CERTIFICATE[] = "-----BEGIN CERTIFICATE-----";
	struct text pem = {0}, why = {0}, broken = {0};
	const char *name = "edge-1";
	assert_true(tls_issue_identity(text_str(&fleet.authority), &name, 1, 10, &pem, &why));
	struct str key = part(&pem, "-----BEGIN PRIVATE KEY-----", CERTIFICATE);
	struct str rest = part(&pem, CERTIFICATE, NULL);
	const char *second = strstr(rest.at + 1, CERTIFICATE);
	struct str own = str_make(rest.at, (size_t)(second - rest.at));
	assert_no_context(STR(""), "no private key");
	assert_no_context(STR("rubbish"), "no private key");
	assert_no_context(rest, "no private key");
	assert_no_context(key, "no certificate for its private key");
	text_add(&broken, key);
	text_add(&broken, own);
	assert_no_context(text_str(&broken), "no certificate of an authority");
	text_clear(&broken);
	text_add(&broken, key);
	text_add(&broken, text_str(&fleet.other_authority));
	assert_no_context(text_str(&broken), "no certificate for its private key");
	text_clear(&broken);
	text_add(&broken, text_str(&pem));
	text_addf(&broken, "%s\nAAAA\n-----END CERTIFICATE-----\n", CERTIFICATE);
	assert_no_context(text_str(&broken), "cannot be read");
	text_clear(&broken);
	text_add(&broken, text_str(&pem));
	for (unsigned i = 0; i < 40; i++)
		text_add(&broken, own);
	assert_no_context(text_str(&broken), "cannot be read or used");
	text_done(&broken);
	text_done(&pem);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(both_know_each_other),
	        cmocka_unit_test(nobody_is_known_before_the_handshake),
	        cmocka_unit_test(who_is_of_another_fleet_is_not_let_in),
	        cmocka_unit_test(a_certificate_of_another_fleet_is_not_accepted),
	        cmocka_unit_test(a_server_of_another_name_is_not_accepted),
	        cmocka_unit_test(an_address_is_a_name_too),
	        cmocka_unit_test(what_is_no_tls_is_refused),
	        cmocka_unit_test(much_goes_both_ways),
	        cmocka_unit_test(an_end_that_is_said_is_no_end_that_is_not),
	        cmocka_unit_test(who_is_gone_is_no_signal),
	        cmocka_unit_test(a_file_that_lacks_something_says_what),
	};
	return cmocka_run_group_tests(tests, make_fleet, free_fleet);
}
