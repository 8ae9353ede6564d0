/* What there is to tell of edges, revisions and addresses. */
#include "control/announce.h"

#include "fixture.h"

struct bench {
	struct fixture fixture;
	struct loop *loop;
	struct control_events *events;
	struct control_events_client client;
	struct loop_task task;
};

static void on_run(struct loop_task *task)
{
	(void)task;
}

static void begin(struct bench *bench)
{
	*bench = (struct bench){.task.on_run = on_run};
	fixture_init(&bench->fixture);
	bench->loop = loop_new();
	bench->events = control_events_new(bench->loop, LIMIT_EVENT_STREAMS);
	bench->client.wake = &bench->task;
	assert_true(control_events_open(bench->events, &bench->client));
}

static void end(struct bench *bench)
{
	loop_unwake(&bench->task);
	control_events_close(bench->events, &bench->client);
	control_events_free(bench->events);
	loop_free(bench->loop);
	fixture_done(&bench->fixture);
}

/* What was told last: an event of the name whose data ends so. */
static void expect_told(struct bench *bench, const char *name, const char *tail)
{
	char head[64];
	struct str told = text_str(&bench->client.waiting);
	snprintf(head, sizeof(head), "event: %s\ndata: {\"at_ms\":", name);
	assert_true(str_has_prefix(told, str_of(head)));
	if (!str_has_suffix(told, str_of(tail)))
		fail_msg("%s: %s", text_c(&bench->client.waiting), tail);
	control_events_sent(&bench->client, told.len);
}

static void edges_and_revisions_are_told(void **state)
{
	(void)state;
	struct bench bench;
	const struct link_hub_edge edge = {
	        .id = "e\"", .run = "r", .applied = 3, .refused = 4, .error = ""};
	begin(&bench);
	control_announce_edge(bench.events, &edge, CONTROL_ANNOUNCE_CAME, NULL);
	expect_told(&bench, "edge",
	        ",\"what\":\"came\",\"id\":\"e\\\"\",\"run\":\"r\",\"applied\":3}\n\n");
	control_announce_edge(bench.events, &edge, CONTROL_ANNOUNCE_GONE, "it\nleft");
	expect_told(&bench, "edge",
	        ",\"what\":\"gone\",\"id\":\"e\\\"\",\"run\":\"r\",\"applied\":3,\"why\":"
	        "\"it\\nleft\"}\n\n");
	control_announce_edge(bench.events, &edge, CONTROL_ANNOUNCE_REFUSED, "what is it");
	expect_told(&bench, "edge", ",\"refused\":4,\"error\":\"what is it\"}\n\n");
	control_announce_made(bench.events, 7, 2);
	expect_told(&bench, "revision", ",\"what\":\"made\",\"revision\":7,\"domains\":2}\n\n");
	control_announce_applied(bench.events, 7, 3);
	expect_told(&bench, "revision", ",\"what\":\"applied\",\"revision\":7,\"edges\":3}\n\n");
	end(&bench);
}

static void states_of_addresses_are_told(void **state)
{
	(void)state;
	struct bench bench;
	struct control_health_item item = {.domain = STR("b.test"),
	        .reason = STR("refused"),
	        .protocol = MODEL_HTTP,
	        .state = ORIGIN_BLOCKED,
	        .left_ms = 5};
	struct control_health_change change = {
	        .id = "e", .run = "r", .item = &item, .was = ORIGIN_ON_TRIAL};
	begin(&bench);
	create(&bench.fixture, B_TEST);
	assert_true(address_parse(STR("192.0.2.2:80"), &item.address));
	control_announce_health(bench.events, &bench.fixture.plane, &change);
	expect_told(&bench, "health",
	        ",\"edge\":\"e\",\"run\":\"r\",\"domain\":\"b.test\",\"was\":\"on_trial\","
	        "\"roles\":[\"backup\"],\"address\":\"192.0.2.2:80\",\"protocol\":\"http\","
	        "\"state\":\"blocked\",\"of\":\"server\",\"reason\":\"refused\",\"left_ms\":5,"
	        "\"successes\":0,\"failures\":0,\"connection_failures\":0}\n\n");
	item.domain = STR("gone.test");
	control_announce_health(bench.events, &bench.fixture.plane, &change);
	expect_no_text(text_c(&bench.client.waiting), "roles");
	control_events_sent(&bench.client, bench.client.waiting.len);
	change.item = NULL;
	change.left_out = 9;
	control_announce_health(bench.events, &bench.fixture.plane, &change);
	expect_told(&bench, "health", ",\"edge\":\"e\",\"run\":\"r\",\"left_out\":9}\n\n");
	/* Without anybody who listens, nothing is made. */
	control_announce_health(NULL, &bench.fixture.plane, &change);
	end(&bench);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(edges_and_revisions_are_told),
	        cmocka_unit_test(states_of_addresses_are_told),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
