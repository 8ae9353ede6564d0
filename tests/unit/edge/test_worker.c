/* A worker: its snapshots, its drain, and its end at any moment. */
#include "edge/fixture.h"

#define ONE   "domains: [{name: a.test, origin: {addresses: [\"$0\"]}}]"
#define OTHER "domains: [{name: a.test, origin: {addresses: [\"$1\"]}}]"
#define GET   "GET /x HTTP/1.1\r\nHost: a.test\r\n\r\n"

static unsigned connections(const struct fixture *fixture)
{
	return serve_server_connections(fixture->worker->server);
}

/* Turns the worker's loop until it stops, with everything around it. */
static void run_to_the_end(struct client *client, uint64_t *ret_ms)
{
	uint64_t begun_ms = clock_ms();
	/* loop_turn does not tell that the loop was stopped; its connections do, or the time. */
	while (connections(client->fixture) > 0 && clock_ms() < begun_ms + 2 * DRAIN_MS)
		turn(client, 1);
	*ret_ms = clock_ms() - begun_ms;
}

static void a_new_snapshot_is_for_new_requests(void **state)
{
	(void)state;
	struct fixture fixture;
	struct client old, new;
	struct response response = {.body = {.at = NULL}};
	fixture_start(&fixture, ONE);
	fixture.origins[0].manner = ORIGIN_HANGS;
	fixture.origins[1].reply = STR("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nother");
	client_open(&old, &fixture);
	client_open(&new, &fixture);
	client_say(&old, GET);
	turn_until(&old, fixture.origins[0].requests == 1);
	struct model_domain *domain =
	        model_domain_ref(model_snapshot_find(fixture.worker->snapshot, STR("a.test")));
	edge_worker_set_snapshot(fixture.worker, make_snapshot(&fixture, OTHER));
	edge_worker_forget(fixture.worker, domain);
	fetch(&new, "GET", "", &response);
	assert_true(is_text(text_str(&response.body), "other"));
	/* The request in flight ends on what it began with. */
	struct origin_peer *peer = &fixture.origins[0].peers[0];
	peer->unsent = STR("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nold");
	peer->is_answered = true;
	read_response(&old, HTTP_GET, &response);
	assert_true(is_text(text_str(&response.body), "old"));
	turn_for(&old, 20);
	assert_int_equal(atomic_load(&domain->references), 1); /* nothing keeps it but us */
	model_domain_unref(domain);
	fetch(&old, "GET", "", &response);
	assert_true(is_text(text_str(&response.body), "other"));
	response_done(&response);
	client_close(&old);
	client_close(&new);
	fixture_done(&fixture);
}

static void a_domain_that_was_removed_is_unknown(void **state)
{
	(void)state;
	struct fixture fixture;
	struct client client;
	fixture_start(&fixture, ONE);
	client_open(&client, &fixture);
	ask(&client, GET, 200);
	struct model_snapshot *nothing = model_snapshot_new();
	edge_worker_set_snapshot(fixture.worker, model_snapshot_with(nothing, NULL, 0, 2));
	ask(&client, GET, 421);
	/* While there never was any, nobody can say that it is none. */
	edge_worker_set_snapshot(fixture.worker, nothing);
	ask(&client, GET, 503);
	client_close(&client);
	fixture_done(&fixture);
}

static void a_drain_finishes_what_is_in_flight(void **state)
{
	(void)state;
	struct fixture fixture;
	struct client client;
	struct response response = {.body = {.at = NULL}};
	uint64_t ms;
	fixture_start(&fixture, ONE);
	fixture.origins[0].manner = ORIGIN_HANGS;
	client_open(&client, &fixture);
	client_say(&client, GET);
	turn_until(&client, fixture.origins[0].requests == 1);
	edge_worker_drain(fixture.worker);
	turn_for(&client, 30);
	struct origin_peer *peer = &fixture.origins[0].peers[0];
	peer->unsent = fixture.origins[0].reply;
	peer->is_answered = true;
	read_response(&client, HTTP_GET, &response);
	assert_int_equal(response.head.status, 200);
	assert_true(has_field(&response, "Connection", "close"));
	turn_until(&client, client.has_end);
	response_done(&response);
	client_close(&client);
	run_to_the_end(&client, &ms);
	assert_true(ms < DRAIN_MS);
	fixture_done(&fixture);
}

/* What is in flight when the time is over. */
static const struct {
	const char *request;
	enum origin_manner manner;
	const char *reply; /* its beginning */
	const char *sends; /* behind the request, NULL: nothing */
} cuts[] = {
        {"", ORIGIN_ANSWERS, "", NULL},
        {"GET /x HT", ORIGIN_ANSWERS, "", NULL},
        {GET, ORIGIN_HANGS, "", NULL},
        {GET GET, ORIGIN_HANGS, "", NULL},
        {GET, ORIGIN_ANSWERS, "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc", NULL},
        {GET, ORIGIN_ANSWERS, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n",
                NULL},
        {"PUT /x HTTP/1.1\r\nHost: a.test\r\nContent-Length: 100\r\n\r\n", ORIGIN_HANGS, "", "abc"},
        {"BAD\r\n\r\n", ORIGIN_ANSWERS, "", NULL},
};

static void an_end_at_any_moment_gives_everything_back(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LENGTH(cuts) * 2; i++) {
		size_t row = i / 2;
		struct fixture fixture;
		struct client client;
		fixture_start(&fixture, ONE);
		fixture.origins[0].manner = cuts[row].manner;
		fixture.origins[0].reply = str_of(cuts[row].reply);
		client_open(&client, &fixture);
		client_say(&client, cuts[row].request);
		if (cuts[row].sends != NULL)
			client_say(&client, cuts[row].sends);
		turn_for(&client, 30);
		if (i % 2 == 1) {
			edge_worker_drain(fixture.worker);
			edge_worker_drain(fixture.worker); /* at once */
			turn_for(&client, 10);
		}
		size_t got = client.got.len;
		fixture_done(&fixture);
		client_take(&client, SIZE_MAX);
		assert_true(client.has_end || client.has_reset);
		/* Nothing that could be taken for the rest was added. */
		assert_int_equal(client.got.len, got);
		client_close(&client);
	}
}

/* A message as the steward sends it. */
struct drain_message {
	struct loop_message message;
	struct edge_worker *worker;
};

static void on_drain_message(struct loop_message *message)
{
	edge_worker_drain(container_of(message, struct drain_message, message)->worker);
}

static void a_drain_that_comes_after_the_end_finds_nothing_to_do(void **state)
{
	(void)state;
	struct fixture fixture;
	fixture_start(&fixture, ONE);
	struct drain_message late = {
	        .message = {.on_receive = on_drain_message}, .worker = fixture.worker};
	loop_post(fixture.worker->loop, &late.message);
	fixture_done(&fixture);
}

int main(void)
{
	begin();
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(a_new_snapshot_is_for_new_requests),
	        cmocka_unit_test(a_domain_that_was_removed_is_unknown),
	        cmocka_unit_test(a_drain_finishes_what_is_in_flight),
	        cmocka_unit_test(an_end_at_any_moment_gives_everything_back),
	        cmocka_unit_test(a_drain_that_comes_after_the_end_finds_nothing_to_do),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
