/* Bytes both ways behind a 101: what passes, how it ends, and who is held back. */
#include "serve/tunnel.h"

#include "serve/fixture.h"

#define ASK "GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: echo\r\n\r\n"

static void start(struct fixture *fixture)
{
	fixture_start(fixture);
	fixture->script.is_tunnel = true;
}

/* What the client has behind the head of the 101; NULL before that. */
static const char *behind_head(const struct client *client)
{
	const char *end = client->got.len == 0 ? NULL : strstr(text_c(&client->got), "\r\n\r\n");
	return end == NULL ? NULL : end + 4;
}

static bool has_echo(const struct client *client, const char *text)
{
	const char *behind = behind_head(client);
	return behind != NULL && strcmp(behind, text) == 0;
}

static void what_comes_behind_the_head_is_of_the_tunnel(void **state)
{
	(void)state;
	struct fixture fixture;
	struct client client;
	start(&fixture);
	client_open(&client, &fixture);
	client_say(&client, ASK "early");
	turn_until(&client, has_echo(&client, "early"));
	assert_non_null(strstr(text_c(&client.got), "HTTP/1.1 101 Switching Protocols\r\n"));
	assert_non_null(
	        strstr(text_c(&client.got), "\r\nConnection: Upgrade\r\nUpgrade: echo\r\n"));
	assert_null(strstr(text_c(&client.got), "Content-Length"));
	assert_null(strstr(text_c(&client.got), "chunked"));
	client_say(&client, " GET / HTTP/1.1\r\n\r\n");
	turn_until(&client, has_echo(&client, "early GET / HTTP/1.1\r\n\r\n"));
	assert_int_equal(fixture.begun, 1);
	client_close(&client);
	wait_until_alone(&fixture);
	fixture_done(&fixture);
}

static void the_end_of_the_client_is_read_and_ours_is_told(void **state)
{
	(void)state;
	struct fixture fixture;
	struct client client;
	start(&fixture);
	client_open(&client, &fixture);
	client_say(&client, ASK "last");
	assert_int_equal(shutdown(client.fd, SHUT_WR), 0);
	turn_until(&client, client.has_end);
	assert_true(has_echo(&client, "last"));
	wait_until_alone(&fixture);
	assert_int_equal(fixture.outcomes[0].sent, 4);
	assert_false(fixture.outcomes[0].is_gone);
	client_close(&client);
	fixture_done(&fixture);
}

static void a_client_that_is_gone_ends_it(void **state)
{
	(void)state;
	struct fixture fixture;
	struct client client;
	start(&fixture);
	client_open(&client, &fixture);
	client_say(&client, ASK "a");
	turn_until(&client, has_echo(&client, "a"));
	client_reset(&client);
	wait_until_alone(&fixture);
	assert_int_equal(fixture.outcomes[0].fault, FAULT_CLIENT_GONE);
	client_close(&client);
	fixture_done(&fixture);
}

static void a_tunnel_that_is_aborted_looks_broken(void **state)
{
	(void)state;
	struct fixture fixture;
	struct client client;
	start(&fixture);
	client_open(&client, &fixture);
	client_say(&client, ASK "a");
	turn_until(&client, has_echo(&client, "a"));
	struct exchange *exchange =
	        container_of(list_first(&fixture.exchanges), struct exchange, node);
	serve_stream_abort(exchange->stream);
	end_exchange(exchange);
	turn_until(&client, client.has_reset);
	client_close(&client);
	fixture_done(&fixture);
}

/* Neither the time for bodies nor that for readers counts. */
static void silence_is_for_others_to_end(void **state)
{
	(void)state;
	struct fixture fixture;
	struct client client;
	start(&fixture);
	client_open(&client, &fixture);
	client_say(&client, ASK "a");
	turn_until(&client, has_echo(&client, "a"));
	turn_for(&client, BODY_MS + WRITE_MS + SLACK_MS);
	assert_false(client.has_end || client.has_reset);
	client_say(&client, "b");
	turn_until(&client, has_echo(&client, "ab"));
	client_close(&client);
	wait_until_alone(&fixture);
	fixture_done(&fixture);
}

static void who_does_not_read_is_held_back(void **state)
{
	(void)state;
	struct fixture fixture;
	struct client client;
	size_t sent = 0;
	start(&fixture);
	client_open_from(&client, &fixture, NULL, 4096);
	client_say(&client, ASK);
	turn_until(&client, behind_head(&client) != NULL);
	client.is_paused = true;
	for (uint64_t end_ms = clock_ms() + WRITE_MS + SLACK_MS; clock_ms() < end_ms;) {
		struct str piece = pattern_of(sent, 4096);
		ssize_t count =
		        sent + piece.len < PATTERN_BYTES - 4096
		                ? send(client.fd, piece.at, piece.len, MSG_DONTWAIT | MSG_NOSIGNAL)
		                : -1;
		sent += count > 0 ? (size_t)count : 0;
		turn(&client, count > 0 ? 0 : 2);
	}
	struct exchange *exchange =
	        container_of(list_first(&fixture.exchanges), struct exchange, node);
	assert_true(exchange->pending.len > 0);
	assert_true(serve_tunnel_backlog(exchange->stream) > 0);
	assert_true(fixture.budget.used < 512U << 10);
	client.is_paused = false;
	size_t head = (size_t)(behind_head(&client) - text_c(&client.got));
	turn_until(&client, client.got.len == head + sent);
	assert_memory_equal(text_c(&client.got) + head, pattern_of(0, sent).at, sent);
	turn_until(&client, serve_tunnel_backlog(exchange->stream) == 0);
	client_close(&client);
	wait_until_alone(&fixture);
	fixture_done(&fixture);
}

int main(void)
{
	hash_init();
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(what_comes_behind_the_head_is_of_the_tunnel),
	        cmocka_unit_test(the_end_of_the_client_is_read_and_ours_is_told),
	        cmocka_unit_test(a_client_that_is_gone_ends_it),
	        cmocka_unit_test(a_tunnel_that_is_aborted_looks_broken),
	        cmocka_unit_test(silence_is_for_others_to_end),
	        cmocka_unit_test(who_does_not_read_is_held_back),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
