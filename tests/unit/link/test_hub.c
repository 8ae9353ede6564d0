/* What a hub tells edges of any kind: good ones, slow ones, strange ones. */
#include "link/hub.h"

#include "base/hash.h"
#include "link/domains.h"

#include "base/mem.h"
#include "link/scratch.h"
#include "net/local.h"

#include <sys/socket.h>
#include <unistd.h>

static const struct link_wire_times TIMES = {.ping_ms = 5000, .lease_ms = 20000};

/* An edge that writes down what it is told. */
struct client {
	struct link_wire_sink sink;
	struct link_wire *wire;
	unsigned counts[LINK_SAYS_PING + 1];
	struct text last; /* the payload of the last COMMIT */
	const char *why;
};

static struct {
	struct scratch scratch;
	char path[128];
	struct loop *loop;
	struct link_hub *hub;
	struct link_hub_sink sink;
	unsigned edges, gone;
	char error[64];
} bench;

static void on_edge(struct link_hub_sink *sink, const struct link_hub_edge *edge)
{
	assert_ptr_equal(sink, &bench.sink);
	bench.edges++;
	snprintf(bench.error, sizeof(bench.error), "%s", edge->error);
}

static void on_gone(struct link_hub_sink *sink, const struct link_hub_edge *edge, const char *why)
{
	assert_ptr_equal(sink, &bench.sink);
	assert_true(edge->id[0] != '\0' && why[0] != '\0');
	bench.gone++;
}

static int open_bench(void **state)
{
	(void)state;
	scratch_init(&bench.scratch);
	snprintf(bench.path, sizeof(bench.path), "%s/link", bench.scratch.folder);
	bench.loop = loop_new();
	bench.sink = (struct link_hub_sink){.on_edge = on_edge, .on_gone = on_gone};
	bench.edges = bench.gone = 0;
	const struct link_hub_options options = {.id = "control", .store = "s1", .times = TIMES};
	int socket = local_listen(bench.path, 16);
	bench.hub = link_hub_open(bench.loop, socket, &options, &bench.sink);
	assert_non_null(bench.hub);
	return 0;
}

static int close_bench(void **state)
{
	(void)state;
	link_hub_close(bench.hub);
	unlink(bench.path);
	loop_free(bench.loop);
	scratch_done(&bench.scratch);
	return 0;
}

static void on_message(struct link_wire_sink *sink, enum link_message_kind kind, struct str payload)
{
	struct client *client = container_of(sink, struct client, sink);
	client->counts[kind]++;
	if (kind != LINK_SAYS_COMMIT)
		return;
	text_clear(&client->last);
	text_add(&client->last, payload);
}

static void on_sent(struct link_wire_sink *sink)
{
	(void)sink;
}

static void on_end(struct link_wire_sink *sink, const char *why)
{
	container_of(sink, struct client, sink)->why = why;
}

static void client_init(struct client *client)
{
	*client = (struct client){
	        .sink = {.on_message = on_message, .on_sent = on_sent, .on_end = on_end}};
	int socket = local_connect(bench.path, 0);
	assert_true(socket >= 0);
	client->wire = link_wire_new(bench.loop, socket, &TIMES, &client->sink);
	assert_non_null(client->wire);
}

static void client_greet(
        struct client *client, const char *id, const char *store, unsigned revision)
{
	struct text hello = {0};
	client_init(client);
	link_message_print_hello(&(struct link_hello){str_of(id), str_of(store), revision}, &hello);
	link_wire_send(client->wire, LINK_SAYS_HELLO, text_str(&hello));
	text_done(&hello);
}

static void client_done(struct client *client)
{
	link_wire_free(client->wire);
	text_done(&client->last);
}

static void change(const char *name, unsigned attempts, uint64_t revision)
{
	struct model_domain *domain = attempts > 0 ? make_domain(name, attempts, revision) : NULL;
	const struct model_change one = {name, domain};
	link_hub_change(bench.hub, &one, 1, revision);
	model_domain_unref(domain);
}

#define TURN_UNTIL(condition)                                                                      \
	do {                                                                                       \
		for (unsigned turns = 0; turns < 4000 && !(condition); turns++)                    \
			loop_turn(bench.loop, 5);                                                  \
		assert_true(condition);                                                            \
	} while (0)

/* Until the client's last COMMIT is this one. */
static void wait_for(const struct client *client, const char *commit)
{
	TURN_UNTIL(client->last.len > 0 && strcmp(text_c(&client->last), commit) == 0);
}

static void who_knows_nothing_is_told_the_whole_list(void **state)
{
	(void)state;
	struct client client;
	change("a.test", 1, 1);
	change("b.test", 1, 2);
	change("a.test", 0, 3);
	client_greet(&client, "edge", "", 0);
	wait_for(&client, "{\"revision\":3}");
	assert_int_equal(client.counts[LINK_SAYS_HELLO], 1);
	assert_int_equal(client.counts[LINK_SAYS_BEGIN], 1);
	assert_int_equal(client.counts[LINK_SAYS_DOMAIN], 1);
	assert_int_equal(client.counts[LINK_SAYS_GONE], 0);
	client_done(&client);
}

static void who_knows_a_revision_is_told_the_rest(void **state)
{
	(void)state;
	struct client client;
	change("a.test", 1, 1);
	change("b.test", 1, 2);
	change("c.test", 1, 3);
	change("a.test", 0, 4);
	client_greet(&client, "edge", "s1", 2);
	wait_for(&client, "{\"revision\":4}");
	assert_int_equal(client.counts[LINK_SAYS_BEGIN], 0);
	assert_int_equal(client.counts[LINK_SAYS_DOMAIN], 1);
	assert_int_equal(client.counts[LINK_SAYS_GONE], 1);
	change("b.test", 2, 5);
	wait_for(&client, "{\"revision\":5}");
	assert_int_equal(client.counts[LINK_SAYS_DOMAIN], 2);
	client_done(&client);
}

static void who_knows_all_is_told_nothing(void **state)
{
	(void)state;
	struct client client;
	change("a.test", 1, 1);
	client_greet(&client, "edge", "s1", 1);
	TURN_UNTIL(link_hub_edge_count(bench.hub) == 1);
	for (unsigned i = 0; i < 10; i++)
		loop_turn(bench.loop, 1);
	assert_int_equal(client.counts[LINK_SAYS_COMMIT], 0);
	assert_int_equal(link_hub_applied(bench.hub), 1);
	client_done(&client);
}

/* A revision that is none of ours, though it says so: as after a store was put back from a copy. */
static void who_knows_more_than_there_is_is_told_the_whole_list(void **state)
{
	(void)state;
	struct client client;
	change("a.test", 1, 1);
	client_greet(&client, "edge", "s1", 7);
	wait_for(&client, "{\"revision\":1}");
	assert_int_equal(client.counts[LINK_SAYS_BEGIN], 1);
	client_done(&client);
}

static void the_slowest_edge_says_what_is_applied(void **state)
{
	(void)state;
	struct client fast, slow;
	change("a.test", 1, 1);
	client_greet(&fast, "fast", "s1", 1);
	client_greet(&slow, "slow", "s1", 1);
	TURN_UNTIL(link_hub_edge_count(bench.hub) == 2);
	change("a.test", 2, 2);
	wait_for(&fast, "{\"revision\":2}");
	wait_for(&slow, "{\"revision\":2}");
	link_wire_send(fast.wire, LINK_SAYS_APPLIED, STR("{\"revision\":2}"));
	TURN_UNTIL(bench.edges == 3);
	assert_int_equal(link_hub_applied(bench.hub), 1);
	link_wire_send(slow.wire, LINK_SAYS_REFUSED, STR("{\"revision\":2,\"error\":\"no\"}"));
	TURN_UNTIL(bench.edges == 4);
	assert_string_equal(bench.error, "no");
	assert_int_equal(link_hub_applied(bench.hub), 1);
	client_done(&slow);
	TURN_UNTIL(bench.gone == 1);
	assert_int_equal(link_hub_applied(bench.hub), 2);
	client_done(&fast);
}

static void what_no_edge_says_ends_it(void **state)
{
	(void)state;
	static const struct {
		bool greets;
		enum link_message_kind kind;
		const char *payload;
	} CASES[] = {
	        {false, LINK_SAYS_APPLIED, "{\"revision\":1}"},
	        {false, LINK_SAYS_HELLO, "{\"v\":2}"},
	        {false, LINK_SAYS_HELLO, "hello"},
	        {true, LINK_SAYS_HELLO, "{\"v\":1,\"id\":\"e\",\"store\":\"\",\"revision\":0}"},
	        {true, LINK_SAYS_COMMIT, "{\"revision\":1}"},
	        {true, LINK_SAYS_APPLIED, "{\"revision\":2}"},
	        {true, LINK_SAYS_APPLIED, "{}"},
	        {true, LINK_SAYS_REFUSED, "{\"revision\":1}"},
	};
	change("a.test", 1, 1);
	for (size_t i = 0; i < ARRAY_LENGTH(CASES); i++) {
		struct client client;
		if (CASES[i].greets)
			client_greet(&client, "edge", "s1", 1);
		else
			client_init(&client);
		link_wire_send(client.wire, CASES[i].kind, str_of(CASES[i].payload));
		TURN_UNTIL(client.why != NULL);
		assert_int_equal(link_hub_edge_count(bench.hub), 0);
		client_done(&client);
	}
}

/* Who does not read has no more waiting than a backlog and one message. */
static void a_hub_waits_for_who_does_not_read(void **state)
{
	(void)state;
	enum { COUNT = 40000 };
	struct model_change *changes = mem_alloc(COUNT * sizeof(*changes));
	for (unsigned i = 0; i < COUNT; i++) {
		char name[32];
		snprintf(name, sizeof(name), "%05u.test", i);
		changes[i].domain = make_domain(name, 1, 1);
		changes[i].name = changes[i].domain->name;
	}
	link_hub_change(bench.hub, changes, COUNT, 1);
	for (unsigned i = 0; i < COUNT; i++)
		model_domain_unref(changes[i].domain);
	mem_free(changes);

	struct text hello = {0}, message = {0};
	int socket = local_connect(bench.path, 5000);
	link_message_print_hello(&(struct link_hello){{"edge", 4}, STR_EMPTY, 0}, &hello);
	link_message_print(LINK_SAYS_HELLO, text_str(&hello), &message);
	assert_int_equal(write(socket, message.at, message.len), (ssize_t)message.len);
	TURN_UNTIL(link_hub_edge_count(bench.hub) == 1);
	for (unsigned i = 0; i < 20; i++)
		loop_turn(bench.loop, 1);
	/* Others are told meanwhile, and the slow one has all in the end. */
	struct client client;
	client_greet(&client, "other", "s1", 1);
	change("a.test", 1, 2);
	wait_for(&client, "{\"revision\":2}");
	client_done(&client);

	struct text heard = {0};
	unsigned domains = 0, commits = 0;
	while (commits < 2) {
		char bytes[65536];
		loop_turn(bench.loop, 0);
		ssize_t count = recv(socket, bytes, sizeof(bytes), MSG_DONTWAIT);
		if (count > 0)
			text_add(&heard, str_make(bytes, (size_t)count));
		struct str rest = text_str(&heard), payload;
		enum link_message_kind kind;
		while (link_message_take(&rest, &kind, &payload) == LINK_MESSAGE_TAKEN) {
			domains += kind == LINK_SAYS_DOMAIN;
			commits += kind == LINK_SAYS_COMMIT;
		}
		memmove(heard.at, rest.at, rest.len);
		heard.len = rest.len;
	}
	assert_int_equal(domains, COUNT + 1);
	close(socket);
	text_done(&heard);
	text_done(&message);
	text_done(&hello);
}

/* Past the limit the oldest names are forgotten, and who would need them is told the whole list. */
static void what_went_long_ago_takes_a_whole_list(void **state)
{
	(void)state;
	struct client client;
	for (uint64_t i = 0; i < 3; i++) {
		char name[32];
		snprintf(name, sizeof(name), "gone%u.test", (unsigned)i);
		link_hub_add_gone(bench.hub, name, 10 + i);
	}
	change("a.test", 1, 20);
	client_greet(&client, "edge", "s1", 10);
	wait_for(&client, "{\"revision\":20}");
	assert_int_equal(client.counts[LINK_SAYS_BEGIN], 0);
	assert_int_equal(client.counts[LINK_SAYS_GONE], 2);
	client_done(&client);
}

int main(void)
{
	hash_init();
#define TEST(name) cmocka_unit_test_setup_teardown(name, open_bench, close_bench)
	const struct CMUnitTest tests[] = {
	        TEST(who_knows_nothing_is_told_the_whole_list),
	        TEST(who_knows_a_revision_is_told_the_rest),
	        TEST(who_knows_all_is_told_nothing),
	        TEST(who_knows_more_than_there_is_is_told_the_whole_list),
	        TEST(the_slowest_edge_says_what_is_applied),
	        TEST(what_no_edge_says_ends_it),
	        TEST(a_hub_waits_for_who_does_not_read),
	        TEST(what_went_long_ago_takes_a_whole_list),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
