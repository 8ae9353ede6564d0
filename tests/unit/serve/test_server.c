/* A server: accepting up to the limits, draining, the date, who is trusted. */
#include "fixture.h"

#include <sys/resource.h>

#define HOST "Host: a.test\r\n"
#define GET  "GET /x HTTP/1.1\r\n" HOST "\r\n"

static unsigned open_count(const struct fixture *fixture)
{
	return serve_server_connections(fixture->server);
}

/* Starts with a census of its own. */
static void start_limited(struct fixture *fixture, uint32_t in_all, uint32_t of_one)
{
	fixture_init(fixture);
	serve_census_free(fixture->census);
	fixture->census = fixture->options.census = serve_census_new(in_all, of_one);
	fixture_listen(fixture);
}

static void connections_over_the_limit_are_told_so_and_room_is_used_again(void **state)
{
	(void)state;
	struct fixture fixture;
	struct client clients[3], over;
	start_limited(&fixture, 3, 100);
	for (unsigned i = 0; i < 3; i++) {
		client_open(&clients[i], &fixture);
		ask(&clients[i], GET, 200);
	}
	client_open(&over, &fixture);
	ask(&over, "", 503);
	turn_until(&over, over.has_end);
	client_close(&over);
	assert_int_equal(open_count(&fixture), 3);
	ask(&clients[2], GET, 200);
	client_close(&clients[0]);
	turn_until(&clients[1], open_count(&fixture) == 2);
	client_open(&clients[0], &fixture);
	ask(&clients[0], GET, 200);
	for (unsigned i = 0; i < 3; i++)
		client_close(&clients[i]);
	fixture_done(&fixture);
}

static void connections_of_one_client_are_limited_and_others_are_served(void **state)
{
	(void)state;
	struct fixture fixture;
	struct client clients[2], over, other;
	struct response response = {.body = {.at = NULL}};
	start_limited(&fixture, 100, 2);
	for (unsigned i = 0; i < 2; i++) {
		client_open_from(&clients[i], &fixture, "127.0.0.2", 0);
		ask(&clients[i], GET, 200);
	}
	client_open_from(&over, &fixture, "127.0.0.2", 0);
	client_open_from(&other, &fixture, "127.0.0.3", 0);
	read_response(&over, HTTP_GET, &response);
	assert_int_equal(response.head.status, 503);
	assert_true(is_text(response_field(&response, HTTP_NAME_X_HEADWATER_ERROR), "overload"));
	assert_true(is_text(response_field(&response, HTTP_NAME_X_CACHE), "PASS"));
	turn_until(&over, over.has_end);
	assert_int_equal(fixture.last_refused, FAULT_OVERLOAD);
	ask(&other, GET, 200);
	client_close(&over);
	client_close(&clients[0]);
	turn_until(&other, open_count(&fixture) == 2);
	client_open_from(&clients[0], &fixture, "127.0.0.2", 0);
	ask(&clients[0], GET, 200);
	response_done(&response);
	client_close(&clients[0]);
	client_close(&clients[1]);
	client_close(&other);
	fixture_done(&fixture);
}

static void a_crowd_at_the_door_is_let_in_by_and_by(void **state)
{
	(void)state;
	struct fixture fixture;
	struct client clients[64];
	fixture_start(&fixture);
	for (unsigned i = 0; i < ARRAY_LENGTH(clients); i++)
		client_open_from(&clients[i], &fixture, i < 40 ? "127.0.0.2" : "127.0.0.3", 0);
	for (unsigned i = 0; i < ARRAY_LENGTH(clients); i++)
		ask(&clients[i], GET, 200);
	assert_int_equal(open_count(&fixture), ARRAY_LENGTH(clients));
	for (unsigned i = 0; i < ARRAY_LENGTH(clients); i++)
		client_close(&clients[i]);
	turn_until(&clients[0], open_count(&fixture) == 0);
	fixture_done(&fixture);
}

static void without_descriptors_clients_are_turned_away_and_not_left_waiting(void **state)
{
	(void)state;
	struct fixture fixture;
	struct client client, late;
	struct rlimit limit, tight;
	fixture_start(&fixture);
	client_open(&client, &fixture);
	ask(&client, GET, 200);
	client_open(&late, &fixture);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
	tight = limit;
	int highest = dup(late.fd);
	assert_true(highest >= 0);
	close(highest);
	tight.rlim_cur = (rlim_t)highest; /* the lowest free number is over the limit */
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &tight), 0);
	turn_until(&late, late.has_end || late.has_reset);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
	ask(&client, GET, 200);
	client_close(&late);
	client_open(&late, &fixture);
	ask(&late, GET, 200);
	client_close(&late);
	client_close(&client);
	fixture_done(&fixture);
}

static void a_server_that_drains_finishes_what_it_has_and_takes_no_more(void **state)
{
	(void)state;
	struct fixture fixture;
	struct client idle, busy, waiting, late;
	struct response response = {.body = {.at = NULL}};
	fixture_init(&fixture);
	fixture.options.keepalive_timeout_ms = 60000;
	fixture_listen(&fixture);
	client_open(&idle, &fixture);
	ask(&idle, GET, 200);
	client_open(&busy, &fixture);
	fixture.script.holds = true;
	client_say(&busy, GET GET);
	turn_until(&busy, fixture.begun == 2);
	client_open(&waiting, &fixture); /* in the listener's queue */
	client_say(&waiting, GET);
	serve_server_drain(fixture.server);
	serve_server_drain(fixture.server);
	assert_int_equal(open_count(&fixture), 3);
	client_open(&late, &fixture);
	uint64_t begun_ms = clock_ms();
	fixture.script.holds = false;
	wake_exchanges(&fixture);
	read_response(&busy, HTTP_GET, &response);
	assert_true(is_text(response_field(&response, HTTP_NAME_CONNECTION), "close"));
	turn_until(&busy, busy.has_end); /* the second request is not answered */
	assert_int_equal(busy.got.len, busy.read);
	read_response(&waiting, HTTP_GET, &response);
	assert_true(is_text(response_field(&response, HTTP_NAME_CONNECTION), "close"));
	client_close(&busy);
	client_close(&waiting);
	turn_until(&idle, idle.has_end);
	uint64_t ms = clock_ms() - begun_ms;
	assert_true(ms > 900 && ms < 5000);
	turn_until(&idle, open_count(&fixture) == 0);
	assert_int_equal(late.got.len, 0);
	response_done(&response);
	client_close(&idle);
	client_close(&late);
	fixture_done(&fixture);
}

static void a_kept_connection_may_ask_once_more_while_the_server_drains(void **state)
{
	(void)state;
	struct fixture fixture;
	struct client client;
	struct response response = {.body = {.at = NULL}};
	fixture_start(&fixture);
	client_open(&client, &fixture);
	ask(&client, GET, 200);
	serve_server_drain(fixture.server);
	client_say(&client, GET);
	read_response(&client, HTTP_GET, &response);
	assert_int_equal(response.head.status, 200);
	assert_true(is_text(response_field(&response, HTTP_NAME_CONNECTION), "close"));
	turn_until(&client, client.has_end);
	response_done(&response);
	client_close(&client);
	fixture_done(&fixture);
}

static void connections_left_at_the_end_are_closed(void **state)
{
	(void)state;
	struct fixture fixture;
	struct client idle, half, sent;
	fixture_start(&fixture);
	client_open(&idle, &fixture);
	client_open(&half, &fixture);
	client_open(&sent, &fixture);
	client_say(&half, "GET / HT");
	client_say(&sent, "BAD\r\n\r\n");
	turn_until(&idle, fixture.refused == 1 && open_count(&fixture) == 3);
	turn_for(&idle, 20);
	fixture_done(&fixture);
	client_close(&idle);
	client_close(&half);
	client_close(&sent);
	serve_server_free(NULL);
}

static void the_date_is_that_of_now(void **state)
{
	(void)state;
	struct fixture fixture;
	fixture_start(&fixture);
	struct str date = serve_server_date(fixture.server);
	assert_int_equal(date.len, 29);
	assert_true(str_has_suffix(date, STR(" GMT")));
	char before[32];
	copy_str(before, sizeof(before), date);
	assert_true(is_text(serve_server_date(fixture.server), before));
	struct client nobody = {.fixture = &fixture, .fd = -1};
	turn_for(&nobody, 1100);
	assert_false(is_text(serve_server_date(fixture.server), before));
	fixture_done(&fixture);
}

static void some_addresses_may_speak_for_others(void **state)
{
	(void)state;
	struct fixture fixture;
	struct address_prefix trusted[2];
	struct address address;
	assert_true(address_prefix_parse(STR("10.0.0.0/8"), &trusted[0]));
	assert_true(address_prefix_parse(STR("2001:db8::/32"), &trusted[1]));
	fixture_init(&fixture);
	fixture.options.trusted = trusted;
	fixture.options.trusted_count = 2;
	fixture_listen(&fixture);
	static const struct {
		const char *address;
		bool is_trusted;
	} rows[] = {{"10.1.2.3", true}, {"11.1.2.3", false}, {"2001:db8::1", true}, {"::1", false}};
	for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
		assert_true(address_parse_ip(str_of(rows[i].address), 0, &address));
		assert_int_equal(
		        serve_server_is_trusted(fixture.server, &address), rows[i].is_trusted);
	}
	fixture_done(&fixture);
}

/* What comes first where a PROXY header must: what is then known, or a close without a word. */
static const struct {
	const char *trusted, *header, *client;
	bool is_split;
} headers[] = {
        {"127.0.0.0/8", "PROXY TCP4 192.0.2.7 127.0.0.1 1234 80\r\n", "192.0.2.7", false},
        {"127.0.0.0/8", "PROXY TCP4 192.0.2.7 127.0.0.1 1234 80\r\n", "192.0.2.7", true},
        {"127.0.0.0/8", "PROXY TCP6 2001:db8::1 ::1 1234 80\r\n", "2001:db8::1", false},
        {"127.0.0.0/8", "PROXY UNKNOWN\r\n", "127.0.0.1", false},
        {"127.0.0.0/8", "", NULL, false},
        {"127.0.0.0/8", "PROXY TCP4 x y 1 2\r\n", NULL, false},
        {"10.0.0.0/8", "PROXY TCP4 192.0.2.7 127.0.0.1 1234 80\r\n", NULL, false},
};

static void a_proxy_header_says_who_asks(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LENGTH(headers); i++) {
		struct fixture fixture;
		struct client client;
		struct address_prefix trusted;
		char text[ADDRESS_TEXT_BYTES];
		assert_true(address_prefix_parse(str_of(headers[i].trusted), &trusted));
		fixture_init(&fixture);
		fixture.options.trusted = &trusted;
		fixture.options.trusted_count = 1;
		fixture.options.proxy_protocol = true;
		fixture_listen(&fixture);
		client_open(&client, &fixture);
		size_t cut = headers[i].is_split ? 9 : 0;
		client_send(&client, str_make(headers[i].header, cut));
		turn_for(&client, 5);
		client_send(&client, str_of(headers[i].header + cut));
		client_send(&client, STR(GET));
		if (headers[i].client != NULL) {
			ask(&client, "", 200);
			ask(&client, GET, 200); /* without another header */
			assert_string_equal(address_format_ip(&fixture.outcomes[0].client, text),
			        headers[i].client);
		} else {
			turn_until(&client, client.has_end || client.has_reset);
			assert_int_equal(client.got.len, 0);
			assert_int_equal(fixture.last_refused, FAULT_BAD_PROXY_HEADER);
		}
		client_close(&client);
		fixture_done(&fixture);
	}
}

static void clients_behind_a_proxy_are_counted_by_what_it_says(void **state)
{
	(void)state;
	struct fixture fixture;
	struct client clients[3];
	struct address_prefix trusted;
	assert_true(address_prefix_parse(STR("127.0.0.1"), &trusted));
	fixture_init(&fixture);
	serve_census_free(fixture.census);
	fixture.census = fixture.options.census = serve_census_new(100, 1);
	fixture.options.trusted = &trusted;
	fixture.options.trusted_count = 1;
	fixture.options.proxy_protocol = true;
	fixture_listen(&fixture);
	for (unsigned i = 0; i < 3; i++) {
		char text[128];
		snprintf(text, sizeof(text), "PROXY TCP4 192.0.2.%u 127.0.0.1 1 80\r\n" GET,
		        1 + i % 2);
		client_open(&clients[i], &fixture);
		ask(&clients[i], text, i < 2 ? 200 : 503);
	}
	for (unsigned i = 0; i < 3; i++)
		client_close(&clients[i]);
	fixture_done(&fixture);
}

int main(void)
{
	hash_init();
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(connections_over_the_limit_are_told_so_and_room_is_used_again),
	        cmocka_unit_test(connections_of_one_client_are_limited_and_others_are_served),
	        cmocka_unit_test(a_crowd_at_the_door_is_let_in_by_and_by),
	        cmocka_unit_test(without_descriptors_clients_are_turned_away_and_not_left_waiting),
	        cmocka_unit_test(a_server_that_drains_finishes_what_it_has_and_takes_no_more),
	        cmocka_unit_test(a_kept_connection_may_ask_once_more_while_the_server_drains),
	        cmocka_unit_test(connections_left_at_the_end_are_closed),
	        cmocka_unit_test(the_date_is_that_of_now),
	        cmocka_unit_test(some_addresses_may_speak_for_others),
	        cmocka_unit_test(a_proxy_header_says_who_asks),
	        cmocka_unit_test(clients_behind_a_proxy_are_counted_by_what_it_says),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
