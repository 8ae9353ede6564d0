/* Background checks: TCP, HTTP, and how many at a time. */
#include "origin/check.h"

#include "stand.h"

struct look {
	struct origin_check check;
	bool is_done;
	enum fault fault;
};

static void on_done(struct origin_check *check, enum fault fault)
{
	struct look *look = container_of(check, struct look, check);
	assert_false(look->is_done);
	assert_false(origin_check_is_running(check));
	look->is_done = true;
	look->fault = fault;
}

struct room {
	struct loop *loop;
	struct origin_checker *checker;
	struct stand_origin origin;
	struct origin_check_request request;
};

static int set_up(void **state)
{
	struct room *room = mem_new(struct room);
	room->loop = loop_new();
	room->checker = origin_check_checker_new(room->loop);
	stand_origin_open(&room->origin, room->loop);
	room->request = (struct origin_check_request){.host = STR("a.test"), .path = STR("/ok")};
	model_statuses_set(&room->request.expect, 200, 399, true);
	*state = room;
	return 0;
}

static int tear_down(void **state)
{
	struct room *room = *state;
	stand_origin_close(&room->origin);
	origin_check_checker_free(room->checker);
	loop_free(room->loop);
	mem_free(room);
	return 0;
}

static enum fault check(struct room *room, const struct address *address,
        const struct origin_check_request *request)
{
	struct look look = {.check = {.on_done = on_done}};
	origin_check_start(room->checker, &look.check, address, request, 600);
	assert_false(look.is_done);
	STAND_UNTIL(room->loop, look.is_done);
	return look.fault;
}

static void a_tcp_check_tells_whether_somebody_listens(void **state)
{
	struct room *room = *state;
	assert_int_equal(check(room, &room->origin.address, NULL), FAULT_NONE);
	struct address dead = stand_dead_address(room->loop);
	assert_int_equal(check(room, &dead, NULL), FAULT_CONNECT_REFUSED);
}

static void a_connection_that_is_not_made_times_out(void **state)
{
	struct room *room = *state;
	/* A listener that nobody accepts from, with its queue full: SYNs are dropped. */
	struct address address = stand_address("127.0.0.1:0");
	int listener = tcp_listen(&address, 0);
	assert_true(tcp_local_address(listener, &address));
	int fds[3];
	for (unsigned i = 0; i < ARRAY_LENGTH(fds); i++)
		assert_int_equal(tcp_connect(&address, &fds[i]), FAULT_NONE);
	assert_int_equal(check(room, &address, NULL), FAULT_CONNECT_TIMEOUT);
	for (unsigned i = 0; i < ARRAY_LENGTH(fds); i++)
		close(fds[i]);
	close(listener);
}

#define HEAD(status) "HTTP/1.1 " status " Words\r\n"

static void an_http_check_judges_the_answer(void **state)
{
	struct room *room = *state;
	static const struct {
		const char *response, *contains;
		enum fault expected;
		bool stays_open;
	} rows[] = {
	        {HEAD("200") "Content-Length: 2\r\n\r\nok", NULL, FAULT_NONE, false},
	        {HEAD("302") "Content-Length: 0\r\n\r\n", NULL, FAULT_NONE, true},
	        {HEAD("404") "Content-Length: 0\r\n\r\n", NULL, FAULT_STATUS, true},
	        {HEAD("500") "Content-Length: 99\r\n\r\n", NULL, FAULT_STATUS, true},
	        {HEAD("103") "\r\n" HEAD("200") "\r\n", NULL, FAULT_NONE, false},
	        {HEAD("200") "Content-Length: 2\r\n\r\nok", "ok", FAULT_NONE, true},
	        {HEAD("200") "Content-Length: 2\r\n\r\nno", "ok", FAULT_STATUS, true},
	        {HEAD("200") "\r\nall is ok here", "is ok", FAULT_NONE, false},
	        {HEAD("200") "\r\nall is well here", "is ok", FAULT_STATUS, false},
	        {HEAD("200") "Transfer-Encoding: chunked\r\n\r\n1\r\no\r\n1\r\nk\r\n0\r\n\r\n",
	                "ok", FAULT_NONE, true},
	        {HEAD("200") "Transfer-Encoding: chunked\r\n\r\nx\r\n", "ok", FAULT_MALFORMED,
	                true},
	        {HEAD("200") "Content-Length: 9\r\n\r\nno", "ok", FAULT_CLOSED, false},
	        {HEAD("200") "Content-Length: 9\r\n\r\nno", "ok", FAULT_HEAD_TIMEOUT, true},
	        {HEAD("200") "Content-Length: 1\r\nContent-Length: 2\r\n\r\n", NULL,
	                FAULT_MALFORMED, true},
	        {"SSH-2.0-OpenSSH\r\n", NULL, FAULT_MALFORMED, true},
	        {HEAD("200"), NULL, FAULT_CLOSED, false},
	        {HEAD("200"), NULL, FAULT_HEAD_TIMEOUT, true},
	        {NULL, NULL, FAULT_HEAD_TIMEOUT, true},
	};
	for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
		room->origin.response = rows[i].response;
		room->origin.stays_open = rows[i].stays_open;
		room->request.body_contains = str_of(rows[i].contains);
		enum fault fault = check(room, &room->origin.address, &room->request);
		if (fault != rows[i].expected)
			print_error("row %zu: %s\n", i, fault_name(fault));
		assert_int_equal(fault, rows[i].expected);
	}
}

static void an_http_check_asks_for_its_path(void **state)
{
	struct room *room = *state;
	room->origin.stays_open = true;
	struct look look = {.check = {.on_done = on_done}};
	origin_check_start(room->checker, &look.check, &room->origin.address, &room->request, 1000);
	char bytes[512];
	ssize_t length = -1;
	STAND_UNTIL(room->loop,
	        room->origin.held_count == 1 && (length = recv(room->origin.held[0], bytes,
	                                                 sizeof(bytes), MSG_DONTWAIT)) > 0);
	struct str request = str_make(bytes, (size_t)length);
	assert_true(str_has_prefix(request, STR("GET /ok HTTP/1.1\r\nHost: a.test\r\n")));
	assert_true(str_has_suffix(request, STR("\r\nConnection: close\r\n\r\n")));
	origin_check_cancel(&look.check);
	assert_false(look.is_done);
}

static void a_long_body_is_searched_only_so_far(void **state)
{
	struct room *room = *state;
	struct text response = {0};
	text_add(&response, STR(HEAD("200") "\r\n"));
	for (unsigned i = 0; i < 2 * ORIGIN_CHECK_BODY_BYTES; i++)
		text_add_char(&response, 'a');
	text_add(&response, STR("needle"));
	room->origin.response = text_c(&response);
	room->request.body_contains = STR("needle");
	assert_int_equal(check(room, &room->origin.address, &room->request), FAULT_STATUS);
	text_done(&response);
}

static void no_more_than_the_limit_run_at_a_time(void **state)
{
	struct room *room = *state;
	enum { COUNT = ORIGIN_CHECK_RUNNING_MAX + 20 };
	static struct look looks[COUNT];
	room->origin.response = NULL;
	for (unsigned i = 0; i < COUNT; i++) {
		looks[i] = (struct look){.check = {.on_done = on_done}};
		origin_check_start(
		        room->checker, &looks[i].check, &room->origin.address, &room->request, 500);
	}
	stand_pass(room->loop, 150);
	assert_int_equal(room->origin.accepted, ORIGIN_CHECK_RUNNING_MAX);
	/* One that waits and one that runs are given up. */
	origin_check_cancel(&looks[COUNT - 1].check);
	origin_check_cancel(&looks[0].check);
	origin_check_cancel(&looks[0].check);
	STAND_UNTIL(room->loop, looks[COUNT - 2].is_done);
	STAND_UNTIL(room->loop, room->origin.accepted == COUNT - 1);
	for (unsigned i = 1; i < COUNT - 1; i++) {
		assert_true(looks[i].is_done);
		assert_int_equal(looks[i].fault, FAULT_HEAD_TIMEOUT);
	}
	assert_false(looks[0].is_done || looks[COUNT - 1].is_done);
}

#define CHECK_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

static void what_answers_in_no_tls_fails_in_the_handshake(void **state)
{
	struct room *room = *state;
	static const struct {
		const char *response;
		bool verify;
		const char *ca;
		enum fault expected;
	} rows[] = {
	        {"HTTP/1.1 200 OK\r\n\r\n", true, NULL, FAULT_TLS_HANDSHAKE},
	        {"HTTP/1.1 200 OK\r\n\r\n", false, NULL, FAULT_TLS_HANDSHAKE},
	        {NULL, false, NULL, FAULT_TLS_HANDSHAKE}, /* silence, until it is too late */
	        {"", true, "/nowhere/ca.pem", FAULT_TLS_FILE},
	};
	for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
		struct origin_trust_sink sink = {.on_file = NULL};
		struct origin_trust_table *table = origin_trust_table_new(room->loop, &sink);
		struct origin_trust *trust = origin_trust_get(
		        table, &(struct model_tls){.verify = rows[i].verify, .ca = rows[i].ca});
		struct origin_check_request request = room->request;
		request.trust = trust;
		request.server_name = "a.test";
		room->origin.response = rows[i].response;
		assert_int_equal(check(room, &room->origin.address, &request), rows[i].expected);
		origin_trust_unref(trust);
		origin_trust_table_free(table);
	}
}

int main(void)
{
	hash_init();
	const struct CMUnitTest tests[] = {
	        CHECK_TEST(a_tcp_check_tells_whether_somebody_listens),
	        CHECK_TEST(a_connection_that_is_not_made_times_out),
	        CHECK_TEST(an_http_check_judges_the_answer),
	        CHECK_TEST(an_http_check_asks_for_its_path),
	        CHECK_TEST(a_long_body_is_searched_only_so_far),
	        CHECK_TEST(no_more_than_the_limit_run_at_a_time),
	        cmocka_unit_test_setup_teardown(
	                what_answers_in_no_tls_fails_in_the_handshake, set_up, tear_down),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
