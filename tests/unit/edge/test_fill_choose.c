/* Whom a pull asks: blocked, drained, latched, nameless and late origins. */
#include "edge/fixture.h"

#define BOTH                                                                                       \
	"domains: [{name: a.test, origin: {addresses: [\"$0\"]}, backup: {addresses: [\"$1\"]}}]"
#define GET "GET /x HTTP/1.1\r\nHost: a.test\r\n\r\n"

static struct str master_says = STR("HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nmaster");
static struct str backup_says = STR("HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nbackup");

static void start(struct fixture *fixture, struct client *client, const char *document)
{
	fixture_serve(fixture, document);
	fixture->origins[0].reply = master_says;
	fixture->origins[1].reply = backup_says;
	client_open(client, fixture);
}

/* Who answers the next request: 'm', 'b', or 0 for nobody. */
static char who_answers(struct client *client, unsigned status)
{
	struct response response = {.body = {.at = NULL}};
	fetch(client, "GET", "", &response);
	assert_int_equal(response.head.status, status);
	char who = response.body.len == 6 ? response.body.at[0] : 0;
	response_done(&response);
	return who;
}

/* Has an origin refuse until it is known to be blocked. */
static void block(struct client *client, struct origin *origin, unsigned status)
{
	origin_stop_listening(origin);
	for (unsigned i = 0; i < 3; i++)
		who_answers(client, status);
}

static void a_blocked_master_is_not_asked(void **state)
{
	(void)state;
	struct fixture fixture;
	struct client client;
	fixture_init(&fixture);
	start(&fixture, &client, BOTH);
	assert_int_equal(who_answers(&client, 200), 'm');
	block(&client, &fixture.origins[0], 200);
	origin_listen_again(&fixture.origins[0]);
	unsigned requests = fixture.origins[0].requests;
	for (unsigned i = 0; i < 5; i++)
		assert_int_equal(who_answers(&client, 200), 'b');
	assert_int_equal(fixture.origins[0].requests, requests);
	log_until(&client, 9);
	assert_false(log_has(&fixture, 8, "master"));
	client_close(&client);
	fixture_done(&fixture);
}

static void when_all_are_blocked_one_is_tried_or_none_as_the_domain_says(void **state)
{
	(void)state;
	for (unsigned fails = 0; fails < 2; fails++) {
		struct fixture fixture;
		struct client client;
		fixture_init(&fixture);
		start(&fixture, &client,
		        fails ? "domains: [{name: a.test, origin: {addresses: [\"$0\"]}, "
		                "all_blocked: fail}]"
		              : "domains: [{name: a.test, origin: {addresses: [\"$0\"]}}]");
		block(&client, &fixture.origins[0], 502);
		origin_listen_again(&fixture.origins[0]);
		assert_int_equal(who_answers(&client, fails ? 503 : 200), fails ? 0 : 'm');
		log_until(&client, 4);
		assert_log_has(
		        &fixture, 3, fails ? "\"fault\":\"all_blocked\"" : "\"fault\":\"none\"");
		client_close(&client);
		fixture_done(&fixture);
	}
}

static void of_two_blocked_origins_the_first_to_be_free_is_tried(void **state)
{
	(void)state;
	struct fixture fixture;
	struct client client;
	fixture_init(&fixture);
	start(&fixture, &client, BOTH);
	/* The backup is blocked later, so its block ends later but for the jitter: only that one of
	 * the two answers is sure. */
	origin_stop_listening(&fixture.origins[0]);
	block(&client, &fixture.origins[1], 502);
	origin_listen_again(&fixture.origins[0]);
	origin_listen_again(&fixture.origins[1]);
	char who = who_answers(&client, 200);
	assert_true(who == 'm' || who == 'b');
	client_close(&client);
	fixture_done(&fixture);
}

static void a_drained_master_gets_no_pulls(void **state)
{
	(void)state;
	struct fixture fixture;
	struct client client;
	fixture_init(&fixture);
	start(&fixture, &client,
	        "domains: [{name: a.test, origin: {addresses: [\"$0:0\"]}, backup: {addresses: "
	        "[\"$1\"]}}, {name: b.test, origin: {addresses: [\"$0:0\"]}}]");
	assert_int_equal(who_answers(&client, 200), 'b');
	ask(&client, "GET /x HTTP/1.1\r\nHost: b.test\r\n\r\n", 503);
	log_until(&client, 2);
	assert_log_has(&fixture, 1, "\"fault\":\"no_address\"");
	assert_int_equal(fixture.origins[0].accepted, 0);
	client_close(&client);
	fixture_done(&fixture);
}

static void a_latched_domain_stays_on_its_backup(void **state)
{
	(void)state;
	struct fixture fixture;
	struct client client;
	fixture_init(&fixture);
	/* Blocks end at once, so that the latch alone keeps the master out. */
	fixture.options.health.block_ms = 1;
	fixture.options.health.block_max_ms = 1;
	start(&fixture, &client,
	        "domains: [{name: a.test, origin: {addresses: [\"$0\"]}, backup: {addresses: "
	        "[\"$1\"], latch: manual}}]");
	struct edge_worker *worker = fixture.worker;
	origin_latch_note_blocked(
	        worker->shared, model_snapshot_find(worker->snapshot, STR("a.test")), clock_ms());
	for (unsigned i = 0; i < 3; i++)
		assert_int_equal(who_answers(&client, 200), 'b');
	/* A backup that is blocked is worse than a master that may work. */
	block(&client, &fixture.origins[1], 200);
	origin_latch_release(worker->shared, STR("a.test"));
	assert_int_equal(who_answers(&client, 200), 'm');
	client_close(&client);
	fixture_done(&fixture);
}

static void names_are_resolved_before_they_are_asked(void **state)
{
	(void)state;
	struct fixture fixture;
	struct client client;
	char document[256];
	fixture_init(&fixture);
	snprintf(document, sizeof(document),
	        "domains: [{name: a.test, origin: {addresses: [\"localhost:%u\"]}}]",
	        fixture.origins[0].address.port);
	start(&fixture, &client, document);
	assert_int_equal(who_answers(&client, 200), 'm');
	assert_int_equal(who_answers(&client, 200), 'm');
	client_close(&client);
	fixture_done(&fixture);
}

/* A name server that never answers, or is not there. */
struct silence {
	int fd;
	char where[ADDRESS_TEXT_BYTES];
};

static void open_silence(struct silence *silence)
{
	union address_sockaddr sockaddr;
	socklen_t length = sizeof(sockaddr);
	struct address address;
	assert_true(address_parse(STR("127.0.0.1:0"), &address));
	length = address_to_sockaddr(&address, &sockaddr);
	silence->fd = socket(AF_INET, SOCK_DGRAM, 0);
	assert_int_equal(bind(silence->fd, &sockaddr.any, length), 0);
	length = sizeof(sockaddr);
	assert_int_equal(getsockname(silence->fd, &sockaddr.any, &length), 0);
	address_from_sockaddr(&sockaddr.any, &address);
	address_format(&address, silence->where);
}

/* Names that give no address: what a domain with and without a backup answers. */
static const struct {
	const char *document;
	unsigned status;
	char who;
	const char *log;
} nameless[] = {
        {"domains: [{name: a.test, origin: {addresses: [\"no.invalid\"]}}]", 502, 0,
                "\"fault\":\"dns\""},
        {"domains: [{name: a.test, origin: {addresses: [\"no.invalid\"]}, backup: {addresses: "
         "[\"$1\"]}}]",
                200, 'b', "\"phase\":\"choose\",\"status\":0,\"reason\":\"dns\""},
        {"domains: [{name: a.test, origin: {addresses: [\"no.invalid\"]}, backup: {addresses: "
         "[\"nor.invalid\"]}}]",
                502, 0, "\"fault\":\"dns\""},
        {"domains: [{name: a.test, origin: {addresses: [\"$0\"]}, backup: {addresses: "
         "[\"no.invalid\"]}}]",
                502, 0, "\"reason\":\"closed\""},
};

static void a_name_without_an_address_is_a_failure(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LENGTH(nameless) * 2; i++) {
		size_t row = i / 2;
		bool is_silent = i % 2 == 1;
		struct fixture fixture;
		struct client client;
		struct silence server;
		open_silence(&server);
		if (!is_silent)
			close(server.fd);
		fixture_init(&fixture);
		fixture.options.dns_servers = server.where;
		start(&fixture, &client, nameless[row].document);
		fixture.origins[0].manner = ORIGIN_CLOSES;
		uint64_t begun_ms = clock_ms();
		assert_int_equal(who_answers(&client, nameless[row].status), nameless[row].who);
		/* Each wait is a part of connecting. */
		assert_true(clock_ms() < begun_ms + 2 * CONNECT_MS + 1000);
		log_until(&client, 1);
		assert_log_has(&fixture, 0, nameless[row].log);
		client_close(&client);
		fixture_done(&fixture);
		if (is_silent)
			close(server.fd);
	}
}

static void each_origin_without_an_address_is_one_row_of_the_log(void **state)
{
	(void)state;
	struct fixture fixture;
	struct client client;
	struct silence server;
	open_silence(&server);
	fixture_init(&fixture);
	fixture.options.dns_servers = server.where;
	start(&fixture, &client, nameless[2].document);
	who_answers(&client, 502);
	log_until(&client, 1);
	struct str log = text_str(&fixture.log);
	unsigned rows = 0;
	for (const char *at = log.at;
	        (at = memmem(at, log.len - (size_t)(at - log.at), "\"role\"", 6)) != NULL; at++)
		rows++;
	assert_int_equal(rows, 2);
	client_close(&client);
	fixture_done(&fixture);
	close(server.fd);
}

static void a_client_may_leave_while_names_are_waited_for(void **state)
{
	(void)state;
	struct fixture fixture;
	struct client client;
	struct silence server;
	open_silence(&server);
	fixture_init(&fixture);
	fixture.options.dns_servers = server.where;
	start(&fixture, &client, nameless[0].document);
	client_say(&client, GET);
	turn_for(&client, 30);
	client_reset(&client);
	turn_until(&client, serve_server_connections(fixture.worker->server) == 0);
	turn_for(&client, 30);
	client_close(&client);
	fixture_done(&fixture);
	close(server.fd);
}

static void retries_are_budgeted_and_the_backup_is_not(void **state)
{
	(void)state;
	struct fixture fixture;
	struct client client;
	fixture_init(&fixture);
	start(&fixture, &client,
	        "domains: [{name: a.test, origin: {addresses: [\"$0\", \"$2\"]}, backup: "
	        "{addresses: [\"$1\"]}}]");
	struct origin_group *group = origin_group_get(fixture.worker->origins,
	        model_snapshot_find(fixture.worker->snapshot, STR("a.test")), MODEL_MASTER,
	        MODEL_HTTP);
	unsigned taken = 0;
	while (origin_group_retry_begin(group))
		taken++;
	assert_int_equal(taken, 10);
	for (unsigned i = 0; i < 3; i++)
		fixture.origins[i].manner = ORIGIN_CLOSES;
	who_answers(&client, 502);
	/* The other master address would have been next. */
	assert_int_equal(fixture.origins[0].requests + fixture.origins[2].requests, 1);
	assert_int_equal(fixture.origins[1].requests, 1);
	while (taken-- > 0)
		origin_group_retry_end(group);
	who_answers(&client, 502);
	assert_int_equal(fixture.origins[0].requests + fixture.origins[2].requests, 3);
	origin_group_unref(group);
	client_close(&client);
	fixture_done(&fixture);
}

static void a_retry_that_has_failed_is_none_any_more(void **state)
{
	(void)state;
	struct fixture fixture;
	struct client client;
	fixture_init(&fixture);
	start(&fixture, &client,
	        "domains: [{name: a.test, origin: {addresses: [\"$0\", \"$1\", \"$2\"]}}]");
	struct origin_group *group = origin_group_get(fixture.worker->origins,
	        model_snapshot_find(fixture.worker->snapshot, STR("a.test")), MODEL_MASTER,
	        MODEL_HTTP);
	unsigned taken = 0, requests = 0;
	while (origin_group_retry_begin(group))
		taken++;
	origin_group_retry_end(group);
	for (unsigned i = 0; i < 3; i++)
		fixture.origins[i].manner = ORIGIN_CLOSES;
	who_answers(&client, 502);
	for (unsigned i = 0; i < 3; i++)
		requests += fixture.origins[i].requests;
	assert_int_equal(requests, 3);
	while (--taken > 0)
		origin_group_retry_end(group);
	origin_group_unref(group);
	client_close(&client);
	fixture_done(&fixture);
}

static void a_family_without_a_route_is_left_out(void **state)
{
	(void)state;
	struct address far;
	int fd = -1;
	assert_true(address_parse(STR("[2001:db8::1]:80"), &far));
	if (tcp_connect(&far, &fd) != FAULT_NO_ROUTE) {
		close(fd);
		skip();
	}
	static const struct {
		const char *document;
		char who;
	} rows[] = {
	        {"domains: [{name: a.test, origin: {addresses: [\"[2001:db8::1]:80\", \"$0\"]}}]",
	                'm'},
	        /* The master has an address that can be asked, and so has not failed. */
	        {"domains: [{name: a.test, origin: {addresses: [\"[2001:db8::1]:80\", \"$0\"]}, "
	         "backup: {addresses: [\"$1\"]}}]",
	                'm'},
	        {"domains: [{name: a.test, origin: {addresses: [\"[2001:db8::1]:80\", "
	         "\"[2001:db8::2]:80\"]}, backup: {addresses: [\"$1\"]}}]",
	                'b'},
	};
	for (size_t row = 0; row < ARRAY_LENGTH(rows); row++) {
		struct fixture fixture;
		struct client client;
		fixture_init(&fixture);
		start(&fixture, &client, rows[row].document);
		for (unsigned i = 0; i < 8; i++)
			assert_int_equal(who_answers(&client, 200), rows[row].who);
		log_until(&client, 8);
		unsigned tries = 0;
		for (unsigned i = 0; i < 8; i++)
			tries += log_has(&fixture, i, "no_route");
		assert_true(rows[row].who == 'b' || tries <= 1);
		client_close(&client);
		fixture_done(&fixture);
	}
}

int main(void)
{
	begin();
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(a_blocked_master_is_not_asked),
	        cmocka_unit_test(when_all_are_blocked_one_is_tried_or_none_as_the_domain_says),
	        cmocka_unit_test(of_two_blocked_origins_the_first_to_be_free_is_tried),
	        cmocka_unit_test(a_drained_master_gets_no_pulls),
	        cmocka_unit_test(a_latched_domain_stays_on_its_backup),
	        cmocka_unit_test(names_are_resolved_before_they_are_asked),
	        cmocka_unit_test(a_name_without_an_address_is_a_failure),
	        cmocka_unit_test(each_origin_without_an_address_is_one_row_of_the_log),
	        cmocka_unit_test(a_client_may_leave_while_names_are_waited_for),
	        cmocka_unit_test(retries_are_budgeted_and_the_backup_is_not),
	        cmocka_unit_test(a_retry_that_has_failed_is_none_any_more),
	        cmocka_unit_test(a_family_without_a_route_is_left_out),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
