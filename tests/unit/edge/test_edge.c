/* The data plane as a whole: two worker threads, a feed, a drain and a second one. */
#include "edge/edge.h"

#include "base/hash.h"
#include "base/mem.h"
#include "cache/memory.h"
#include "edge/origin.h"
#include "net/local.h"
#include "serve/client.h"

#include <fcntl.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdlib.h>
#include <sys/stat.h>

#define GET "GET /x HTTP/1.1\r\nHost: a.test\r\n\r\n"

enum { WORKERS = 2, DRAIN_MS = 1200 };

struct fixture {
	struct edge_options options;
	struct edge *edge;
	int listeners[WORKERS];
	struct address address;
	struct origin origins[2];
	char log_path[32];
	pthread_t steward;
	sem_t is_ready, is_live;
	struct link_live live; /* in the sink's place for it */
	uint64_t revision;     /* that is live */
	bool is_running;
	int code; /* what edge_run returned, once the steward was joined */
};

static inline void fixture_turn(struct fixture *fixture, unsigned wait_ms)
{
	for (unsigned i = 0; i < ARRAY_LENGTH(fixture->origins); i++)
		origin_play(&fixture->origins[i]);
	usleep(wait_ms > 0 ? 1000 : 0);
}

static inline const struct address *fixture_address(const struct fixture *fixture)
{
	return &fixture->address;
}

static void on_live(struct link_live *live, uint64_t revision)
{
	struct fixture *fixture = container_of(live, struct fixture, live);
	fixture->revision = revision;
	sem_post(&fixture->is_live);
}

static void fixture_init(struct fixture *fixture)
{
	*fixture = (struct fixture){.edge = NULL};
	assert_true(address_parse(STR("127.0.0.1:0"), &fixture->address));
	for (unsigned i = 0; i < WORKERS; i++) {
		fixture->listeners[i] = tcp_listen(&fixture->address, 64);
		assert_true(fixture->listeners[i] >= 0);
		assert_true(tcp_local_address(fixture->listeners[i], &fixture->address));
	}
	for (unsigned i = 0; i < ARRAY_LENGTH(fixture->origins); i++)
		origin_start(&fixture->origins[i]);
	snprintf(fixture->log_path, sizeof(fixture->log_path), "/tmp/edge-test-XXXXXX");
	int log = mkstemp(fixture->log_path);
	assert_true(log >= 0);
	close(log);
	assert_int_equal(sem_init(&fixture->is_ready, 0, 0), 0);
	assert_int_equal(sem_init(&fixture->is_live, 0, 0), 0);
	fixture->live.on_live = on_live;
	fixture->options = (struct edge_options){
	        .workers = WORKERS,
	        .listeners = fixture->listeners,
	        .address_count = 1,
	        .head_timeout_ms = 5000,
	        .body_timeout_ms = 5000,
	        .write_timeout_ms = 5000,
	        .keepalive_timeout_ms = 60000,
	        .rate_min = 100,
	        .head_bytes = 32768,
	        .target_bytes = 8192,
	        .head_fields = 128,
	        .connections_max = 100,
	        .connections_per_address = 100,
	        .memory_budget = 64U << 20,
	        .spool_dir = "/tmp",
	        .spool_budget = 64U << 20,
	        .cdn_id = "edge",
	        .access_log = fixture->log_path,
	        .access_log_sample = 1,
	        .health = {.block_ms = 60000,
	                .block_max_ms = 600000,
	                .forgive_ms = 600000,
	                .ramp_ms = 10000,
	                .connection_failures = 3,
	                .connection_window_ms = 60000,
	                .response_failures = 6,
	                .response_window = 20,
	                .response_urls = 3,
	                .trial_lease_ms = 30000},
	        .confirm_gap_ms = 600000,
	        .probe_timeout_ms = 200,
	        .drain_timeout_ms = DRAIN_MS,
	};
}

static void on_ready(void *context)
{
	struct fixture *fixture = context;
	sem_post(&fixture->is_ready);
}

static void *run(void *argument)
{
	struct fixture *fixture = argument;
	fixture->code = edge_run(fixture->edge, on_ready, fixture);
	return NULL;
}

/* Something for the steward's thread to do, and a wait until it has. */
struct order {
	struct loop_message message;
	struct fixture *fixture;
	void (*carry_out)(struct order *order);
	const char *document; /* the domains */
	sem_t is_done;
};

static void on_order(struct loop_message *message)
{
	struct order *order = container_of(message, struct order, message);
	order->carry_out(order);
	sem_post(&order->is_done);
}

static void command(
        struct fixture *fixture, void (*carry_out)(struct order *order), const char *document)
{
	struct order order = {.message = {.on_receive = on_order},
	        .fixture = fixture,
	        .carry_out = carry_out,
	        .document = document};
	assert_int_equal(sem_init(&order.is_done, 0, 0), 0);
	loop_post(edge_loop(fixture->edge), &order.message);
	sem_wait(&order.is_done);
	sem_destroy(&order.is_done);
}

/* Makes the document's domains live; $0 and $1 stand for the origins. */
static void feed(struct order *order)
{
	struct text text = {.at = NULL};
	for (const char *at = order->document; *at != '\0'; at++) {
		if (*at == '$')
			text_add(&text, str_of(order->fixture->origins[*++at - '0'].where));
		else
			text_add_char(&text, *at);
	}
	struct model_problems problems = {0};
	struct model_domains domains;
	if (!model_read_domains(text_str(&text), "test", MODEL_CLASSIC, &problems, &domains))
		abort();
	struct model_change change = {.name = domains.list[0]->name, .domain = domains.list[0]};
	struct link_sink *sink = edge_sink(order->fixture->edge);
	sink->on_changes(sink, &change, 1, 1);
	sink->on_event(sink, LINK_APPLIED, "a.test changed");
	model_domains_done(&domains);
	model_problems_done(&problems);
	text_done(&text);
}

static void unfeed(struct order *order)
{
	struct model_change change = {.name = "a.test"};
	struct link_sink *sink = edge_sink(order->fixture->edge);
	sink->on_changes(sink, &change, 1, 2);
	sink->on_event(sink, LINK_REFUSED, "file:1: one problem\nfile:2: another\n");
	sink->on_event(sink, LINK_HELD, "too many would go");
}

static void drain(struct order *order)
{
	edge_drain(order->fixture->edge);
}

static void reopen(struct order *order)
{
	edge_reopen_log(order->fixture->edge);
}

/* Runs the edge, with the document's domains if there is one; returns when all workers have them.
 */
static void fixture_run(struct fixture *fixture, const char *document)
{
	fixture->edge = edge_new(&fixture->options);
	assert_non_null(fixture->edge);
	edge_sink(fixture->edge)->live = &fixture->live;
	if (document != NULL)
		feed(&(struct order){.fixture = fixture, .document = document});
	assert_int_equal(pthread_create(&fixture->steward, NULL, run, fixture), 0);
	fixture->is_running = true;
	sem_wait(&fixture->is_ready);
	if (document != NULL)
		sem_wait(&fixture->is_live);
}

static void fixture_start(struct fixture *fixture, const char *document)
{
	fixture_init(fixture);
	fixture_run(fixture, document);
}

/* Waits for edge_run to return. */
static void join(struct fixture *fixture)
{
	assert_int_equal(pthread_join(fixture->steward, NULL), 0);
	fixture->is_running = false;
}

static void fixture_done(struct fixture *fixture)
{
	if (fixture->is_running) {
		command(fixture, drain, NULL);
		join(fixture);
		assert_int_equal(fixture->code, EXIT_SUCCESS);
	}
	edge_free(fixture->edge);
	for (unsigned i = 0; i < ARRAY_LENGTH(fixture->origins); i++)
		origin_done(&fixture->origins[i]);
	for (unsigned i = 0; i < WORKERS; i++)
		close(fixture->listeners[i]);
	unlink(fixture->log_path);
	sem_destroy(&fixture->is_ready);
	sem_destroy(&fixture->is_live);
}

#define MASTER "domains: [{name: a.test, origin: {addresses: [\"$0\"]}}]"
#define OTHER  "domains: [{name: a.test, origin: {addresses: [\"$1\"]}}]"

static void both_workers_serve(void **state)
{
	(void)state;
	struct fixture fixture;
	struct client clients[20];
	fixture_start(&fixture, MASTER);
	for (unsigned i = 0; i < ARRAY_LENGTH(clients); i++)
		client_open(&clients[i], &fixture);
	for (unsigned round = 0; round < 3; round++)
		for (unsigned i = 0; i < ARRAY_LENGTH(clients); i++)
			ask(&clients[i], GET, 200);
	assert_int_equal(fixture.origins[0].requests, 3 * ARRAY_LENGTH(clients));
	for (unsigned i = 0; i < ARRAY_LENGTH(clients); i++)
		client_close(&clients[i]);
	fixture_done(&fixture);
}

/* As one whose control plane does not answer at its first start. */
static void without_any_domains_it_serves_nobody_and_says_why(void **state)
{
	(void)state;
	struct fixture fixture;
	struct client client;
	fixture_start(&fixture, NULL);
	client_open(&client, &fixture);
	ask(&client, GET, 503);
	command(&fixture, feed, MASTER);
	sem_wait(&fixture.is_live);
	ask(&client, GET, 200);
	client_close(&client);
	fixture_done(&fixture);
}

static void changed_domains_are_live_at_once_and_no_connection_drops(void **state)
{
	(void)state;
	struct fixture fixture;
	struct client clients[8];
	fixture_start(&fixture, MASTER);
	for (unsigned i = 0; i < ARRAY_LENGTH(clients); i++)
		client_open(&clients[i], &fixture);
	for (unsigned round = 0; round < 10; round++) {
		unsigned new = (round + 1) % 2;
		command(&fixture, feed, new == 1 ? OTHER : MASTER);
		sem_wait(&fixture.is_live);
		assert_int_equal(fixture.revision, 1);
		unsigned before = fixture.origins[1 - new].requests;
		for (unsigned i = 0; i < ARRAY_LENGTH(clients); i++)
			ask(&clients[i], GET, 200);
		assert_int_equal(fixture.origins[1 - new].requests, before);
	}
	command(&fixture, unfeed, NULL);
	sem_wait(&fixture.is_live);
	assert_int_equal(fixture.revision, 2);
	for (unsigned i = 0; i < ARRAY_LENGTH(clients); i++) {
		ask(&clients[i], GET, 421);
		client_close(&clients[i]);
	}
	fixture_done(&fixture);
}

static void a_drain_ends_when_the_last_request_has(void **state)
{
	(void)state;
	struct fixture fixture;
	struct client client;
	fixture_start(&fixture, MASTER);
	fixture.origins[0].manner = ORIGIN_HANGS;
	client_open(&client, &fixture);
	client_say(&client, GET);
	turn_until(&client, fixture.origins[0].requests == 1);
	command(&fixture, drain, NULL);
	turn_for(&client, 50);
	fixture.origins[0].peers[0].unsent = fixture.origins[0].reply;
	uint64_t begun_ms = clock_ms();
	ask(&client, "", 200);
	turn_until(&client, client.has_end);
	client_close(&client);
	join(&fixture);
	assert_int_equal(fixture.code, EXIT_SUCCESS);
	assert_true(clock_ms() < begun_ms + DRAIN_MS);
	fixture_done(&fixture);
}

static void a_drain_cuts_what_lasts_too_long_and_a_second_one_cuts_at_once(void **state)
{
	(void)state;
	for (unsigned twice = 0; twice < 2; twice++) {
		struct fixture fixture;
		struct client client;
		fixture_start(&fixture, MASTER);
		fixture.origins[0].manner = ORIGIN_HANGS;
		client_open(&client, &fixture);
		client_say(&client, GET);
		turn_until(&client, fixture.origins[0].requests == 1);
		uint64_t begun_ms = clock_ms();
		command(&fixture, drain, NULL);
		if (twice)
			command(&fixture, drain, NULL);
		join(&fixture);
		uint64_t ms = clock_ms() - begun_ms;
		assert_true(twice ? ms < DRAIN_MS : ms + 20 > DRAIN_MS && ms < 3 * DRAIN_MS);
		fixture_done(&fixture);
		client_take(&client, SIZE_MAX);
		assert_true(client.has_end || client.has_reset);
		assert_int_equal(client.got.len, 0);
		client_close(&client);
	}
}

static void commands_are_answered_until_a_drain(void **state)
{
	(void)state;
	static const char LINE[] = "{\"v\":1,\"do\":\"purge\",\"what\":\"url\",\"values\":["
	                           "\"http://a.test/\"],\"mode\":\"hard\"}\n";
	struct fixture fixture;
	char path[64], answer[256];
	fixture_init(&fixture);
	snprintf(path, sizeof(path), "/tmp/headwater-test-%ld.socket", (long)getpid());
	fixture.edge = edge_new(&fixture.options);
	assert_true(edge_take_commands(fixture.edge, local_listen(path, 4)));
	assert_int_equal(pthread_create(&fixture.steward, NULL, run, &fixture), 0);
	fixture.is_running = true;
	sem_wait(&fixture.is_ready);
	int fd = local_connect(path, 5000);
	assert_int_equal(send(fd, LINE, sizeof(LINE) - 1, MSG_NOSIGNAL), sizeof(LINE) - 1);
	ssize_t count = recv(fd, answer, sizeof(answer), 0);
	assert_true(count > 0);
	assert_memory_equal(answer, "{\"ok\":", 6);
	command(&fixture, drain, NULL);
	assert_int_equal(recv(fd, answer, sizeof(answer), 0), 0);
	close(fd);
	assert_int_equal(local_connect(path, 5000), -1);
	join(&fixture);
	fixture_done(&fixture);
	unlink(path);
}

/* Whose cache outlives the process, or does not, and what becomes stale. */
static void purges_that_are_told_go_to_the_cache(void **state)
{
	(void)state;
	enum { NONE, OWN, HANDED, WRONG, MADE_MEANWHILE, KINDS };
	const struct cache_memory_options memory = {.bytes = 16U << 20};
	for (unsigned kind = 0; kind < KINDS; kind++) {
		struct fixture fixture;
		struct link_purge_sink *sink;
		struct link_purge purge = {.what = LINK_PURGE_DOMAIN, .count = 1};
		struct link_purge_item item = {.name = STR("gone.test")};
		purge.items = &item;
		fixture_init(&fixture);
		fixture.options.cache_memory = memory;
		fixture.options.cache_memory_fd = -1;
		if (kind == NONE)
			fixture.options.cache_memory.bytes = 0;
		if (kind == HANDED || kind == MADE_MEANWHILE)
			fixture.options.cache_memory_fd = cache_memory_make(&memory);
		if (kind == WRONG) /* no memory: one is made that nobody else has */
			fixture.options.cache_memory_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
		/* The process has made it, since nobody handed it one; its successor gets the
		 * supervisor's, which has the disks. */
		fixture.options.is_cache_apart = kind == MADE_MEANWHILE;
		fixture.edge = edge_new(&fixture.options);
		assert_non_null(fixture.edge);
		sink = edge_purges(fixture.edge);
		assert_int_equal(sink != NULL, kind != NONE);
		if (sink != NULL) {
			const bool is_again = kind == WRONG || kind == MADE_MEANWHILE;
			assert_int_equal(sink->is_kept, kind == HANDED);
			struct link_answer answer = sink->on_purge(sink, &purge);
			assert_int_equal(answer.error.len > 0, is_again);
			assert_true(sink->is_durable(sink, answer.moment));
			answer = sink->on_stale(sink);
			assert_int_equal(answer.error.len > 0, is_again);
			assert_true(sink->is_durable(sink, answer.moment));
		}
		if (fixture.options.cache_memory_fd >= 0)
			close(fixture.options.cache_memory_fd);
		fixture_done(&fixture);
	}
}

static void an_edge_that_never_ran_is_freed(void **state)
{
	(void)state;
	struct fixture fixture;
	fixture_init(&fixture);
	fixture.edge = edge_new(&fixture.options);
	assert_non_null(fixture.edge);
	struct order first = {.fixture = &fixture, .document = MASTER};
	feed(&first);
	fixture_done(&fixture);
	edge_free(NULL);
}

static void what_the_machine_refuses_is_told_and_freed(void **state)
{
	(void)state;
	struct fixture fixture;
	fixture_init(&fixture);
	fixture.options.access_log = "/there/is/no/such/folder/log";
	assert_null(edge_new(&fixture.options));
	/* A listener that cannot be watched, of the second worker: the first must end again. */
	fixture.options.access_log = "off";
	int good = fixture.listeners[1];
	fixture.listeners[1] = open(fixture.log_path, O_RDONLY);
	fixture.edge = edge_new(&fixture.options);
	assert_non_null(fixture.edge);
	assert_int_equal(edge_run(fixture.edge, on_ready, &fixture), EXIT_FAILURE);
	assert_int_equal(sem_trywait(&fixture.is_ready), -1);
	close(good);
	fixture_done(&fixture);
}

static void the_log_is_reopened_where_it_was(void **state)
{
	(void)state;
	struct fixture fixture;
	struct client client;
	struct stat status;
	fixture_start(&fixture, MASTER);
	client_open(&client, &fixture);
	assert_int_equal(unlink(fixture.log_path), 0);
	command(&fixture, reopen, NULL);
	ask(&client, GET, 200);
	turn_until(&client, stat(fixture.log_path, &status) == 0 && status.st_size > 0);
	client_close(&client);
	fixture_done(&fixture);
}

int main(void)
{
	hash_init();
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(both_workers_serve),
	        cmocka_unit_test(without_any_domains_it_serves_nobody_and_says_why),
	        cmocka_unit_test(changed_domains_are_live_at_once_and_no_connection_drops),
	        cmocka_unit_test(a_drain_ends_when_the_last_request_has),
	        cmocka_unit_test(a_drain_cuts_what_lasts_too_long_and_a_second_one_cuts_at_once),
	        cmocka_unit_test(commands_are_answered_until_a_drain),
	        cmocka_unit_test(purges_that_are_told_go_to_the_cache),
	        cmocka_unit_test(an_edge_that_never_ran_is_freed),
	        cmocka_unit_test(what_the_machine_refuses_is_told_and_freed),
	        cmocka_unit_test(the_log_is_reopened_where_it_was),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
