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

static void on_wanted(struct control_health_sink *sink, bool is_wanted)
{
	(void)sink;
	(void)is_wanted;
}

static void on_change(struct control_health_sink *sink, const struct control_health_change *change)
{
	(void)sink;
	(void)change;
}

static void addresses_of_a_domain_are_told_to_who_asks_for_them(void **state)
{
	(void)state;
	static const struct link_hub_edge EDGE = {.id = "e", .run = "r", .error = ""},
	                                  OTHER = {.id = "f", .run = "s", .error = ""};
	static const struct str REPORT =
	        STR("{\"more\":false,\"dropped\":0,\"items\":[{\"domain\":\"b.test\",\"address\":"
	            "\"192.0.2.2:80\",\"protocol\":\"http\",\"state\":\"usable\",\"attempts\":7},"
	            "{\"domain\":\"a.test\",\"address\":\"192.0.2.1:80\",\"protocol\":\"http\","
	            "\"state\":\"usable\"}]}");
	struct control_health_sink sink = {.on_wanted = on_wanted, .on_change = on_change};
	struct control_events_client other = {.domain = STR_EMPTY};
	struct bench bench;
	begin(&bench);
	struct control_health *health = bench.fixture.plane.health;
	create(&bench.fixture, B_TEST);
	bench.client.domain = STR("b.test");
	other.wake = &bench.task;
	assert_true(control_events_open(bench.events, &other));
	control_health_begin(health, bench.loop, &sink);
	control_health_add(health, &EDGE);
	control_health_add(health, &OTHER);
	control_health_watch(health);
	control_health_report(health, &EDGE, REPORT);
	control_health_report(health, &OTHER, REPORT);
	control_announce_addresses(bench.events, &bench.fixture.plane, "e", "r");
	expect_told(&bench, "addresses",
	        ",\"edge\":\"e\",\"run\":\"r\",\"domain\":\"b.test\",\"items\":[{\"edge\":\"e\","
	        "\"run\":\"r\",\"roles\":[\"backup\"],\"address\":\"192.0.2.2:80\",\"protocol\":"
	        "\"http\",\"state\":\"usable\",\"successes\":0,\"failures\":0,"
	        "\"connection_failures\":0,\"attempts\":7}]}\n\n");
	assert_int_equal(other.waiting.len, 0);
	/* Of a domain that nobody pulls for, and that is not there. */
	bench.client.domain = STR("gone.test");
	control_announce_addresses(bench.events, &bench.fixture.plane, "f", "s");
	expect_told(&bench, "addresses",
	        ",\"edge\":\"f\",\"run\":\"s\",\"domain\":\"gone.test\",\"items\":[]}\n\n");
	control_announce_addresses(NULL, &bench.fixture.plane, "e", "r");
	control_events_close(bench.events, &other);
	control_health_unwatch(health);
	control_health_end(health);
	end(&bench);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(edges_and_revisions_are_told),
	        cmocka_unit_test(states_of_addresses_are_told),
	        cmocka_unit_test(addresses_of_a_domain_are_told_to_who_asks_for_them),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
