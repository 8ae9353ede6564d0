/* What a stream of requests is asked for by. */
#include "served.h"

#include "link/filter.h"

/* The filter that a query makes. */
static struct link_filter filter_of(struct fixture *fixture, const char *query)
{
	struct control_call call;
	struct link_filter filter;
	char target[256];
	snprintf(target, sizeof(target), "/api/v1/logs/tail%s", query);
	begin_call(fixture, &call, "GET", target, NULL, NULL);
	call.route->run(&call);
	assert_int_equal(call.answer.status, 200);
	assert_true(call.answer.is_stream);
	assert_non_null(call.answer.filter);
	memcpy(&filter, call.answer.filter, sizeof(filter));
	end_call(fixture, &call);
	return filter;
}

static void it_begins_with_how_many_edges_there_are(void **state)
{
	(void)state;
	struct fixture fixture;
	fixture_init(&fixture);
	fixture.now_ms = 77;
	expect(&fixture, 200, "GET", "/api/v1/logs/tail", NULL, NULL);
	assert_string_equal(body_of(&fixture),
	        "retry: 2000\n\nevent: begin\ndata: {\"at_ms\":77,\"edges\":0}\n\n");
	assert_string_equal(fixture.answer.media, "text/event-stream");
	assert_string_equal(fields_of(&fixture), "X-Accel-Buffering: no\r\n");
	/* What happens is another stream. */
	expect(&fixture, 200, "GET", "/api/v1/events", NULL, NULL);
	assert_null(fixture.answer.filter);
	fixture_done(&fixture);
}

static void a_query_makes_a_filter(void **state)
{
	(void)state;
	struct fixture fixture;
	fixture_init(&fixture);
	static const struct link_filter ALL;
	struct link_filter filter = filter_of(&fixture, "");
	assert_memory_equal(&filter, &ALL, sizeof(filter));
	filter = filter_of(&fixture, "?status=503&domain=WWW.A.test.&path=%2Fshop&cache=HIT");
	assert_int_equal(filter.status_min, 503);
	assert_int_equal(filter.status_max, 503);
	assert_string_equal(filter.domain, "www.a.test");
	assert_string_equal(filter.path, "/shop");
	assert_string_equal(filter.cache, "HIT");
	assert_false(filter.is_failed || filter.is_retried || filter.is_backup);
	filter = filter_of(&fixture, "?status=5XX&client=10.0.0.0%2F8&failed=1&retried=1&backup=1");
	assert_int_equal(filter.status_min, 500);
	assert_int_equal(filter.status_max, 599);
	assert_string_equal(filter.client, "10.0.0.0/8");
	assert_true(filter.is_failed && filter.is_retried && filter.is_backup);
	/* A domain that cannot be is just never there. */
	assert_string_equal(filter_of(&fixture, "?domain=no+name").domain, "no name");
	fixture_done(&fixture);
}

static void what_is_no_condition_is_refused(void **state)
{
	(void)state;
	static const struct {
		const char *target, *words;
	} ROWS[] = {
	        {"/api/v1/logs/tail?status=", "\\\"status\\\" is no status"},
	        {"/api/v1/logs/tail?status=99", "\\\"status\\\" is no status"},
	        {"/api/v1/logs/tail?status=600", "\\\"status\\\" is no status"},
	        {"/api/v1/logs/tail?status=6xx", "\\\"status\\\" is no status"},
	        {"/api/v1/logs/tail?status=5x", "\\\"status\\\" is no status"},
	        {"/api/v1/logs/tail?status=0503", "\\\"status\\\" is no status"},
	        {"/api/v1/logs/tail?client=a.test", "\\\"client\\\" is no IP address"},
	        {"/api/v1/logs/tail?client=10.0.0.0%2F33", "\\\"client\\\" is no IP address"},
	        {"/api/v1/logs/tail?cache=aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
	                "\\\"cache\\\" is longer"},
	};
	struct fixture fixture;
	fixture_init(&fixture);
	for (size_t i = 0; i < ARRAY_LENGTH(ROWS); i++) {
		expect(&fixture, 400, "GET", ROWS[i].target, NULL, NULL);
		expect_problem(&fixture, "bad-request");
		expect_body(&fixture, ROWS[i].words);
		assert_false(fixture.answer.is_stream);
	}
	fixture_done(&fixture);
}

static unsigned log_listeners;

/* The line of the access log that is told has to be wanted of the edges. */
static void on_log_wanted(
        struct control_tail_sink *sink, const struct link_filter *filters, unsigned count)
{
	(void)sink;
	if (count > 0)
		assert_string_equal(filters[0].domain, "a.test");
	log_listeners = count;
}

static void requests_come_as_edges_log_them(void **state)
{
	(void)state;
	static const struct link_hub_edge EDGE = {.id = "e1", .run = "r1", .error = ""};
	static const struct str REPORT =
	        STR("{\"more\":false,\"dropped\":0,\"items\":["
	            "{\"client\":\"::1\",\"domain\":\"b.test\",\"status\":200,\"id\":\"1\"},"
	            "{\"client\":\"::1\",\"domain\":\"a.test\",\"status\":200,\"id\":\"2\"}]}");
	struct control_tail_sink sink = {.on_wanted = on_log_wanted};
	struct served served;
	struct client client;
	struct response response = {.body = {.at = NULL}};
	begin_served(&served);
	struct control_tail *tail = control_exchanges_tail(served.exchanges);
	control_tail_ask(tail, &sink);
	client_open(&client, &served.fixture);
	client_say(&client, "GET /api/v1/logs/tail?domain=a.test HTTP/1.1\r\nHost: x\r\n");
	client_say(&client, bearer(served.viewer));
	client_say(&client, "\r\n");
	turn_until(&client, strstr(text_c(&client.got), "event: begin\ndata: {") != NULL);
	assert_int_equal(log_listeners, 1);
	assert_int_equal(control_events_count(control_exchanges_events(served.exchanges)), 0);
	control_tail_report(tail, &EDGE, REPORT);
	turn_until(&client, strstr(text_c(&client.got), "\"id\":\"2\"}\n\n") != NULL);
	expect_no_text(text_c(&client.got), "b.test");
	control_exchanges_drain(served.exchanges);
	read_response(&client, HTTP_GET, &response);
	assert_true(response.is_whole);
	assert_int_equal(log_listeners, 0);
	response_done(&response);
	client_close(&client);
	end_served(&served);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(it_begins_with_how_many_edges_there_are),
	        cmocka_unit_test(a_query_makes_a_filter),
	        cmocka_unit_test(what_is_no_condition_is_refused),
	        cmocka_unit_test(requests_come_as_edges_log_them),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
