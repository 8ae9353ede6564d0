/* What a hub tells edges of any kind: good ones, slow ones, strange ones. */
#include "certificate_lists.h"

#include "link/hub.h"

#include "base/hash.h"

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
	unsigned counts[LINK_SAYS_SHOWN + 1];
	struct text purges; /* the numbers of those that it was told: "5 6 " */
	struct text last;   /* the payload of the last COMMIT */
	struct link_certificates_intake certificates;
	const char *why;
};

static struct {
	struct scratch scratch;
	char path[128];
	struct loop *loop;
	struct link_hub *hub;
	struct link_hub_sink sink;
	unsigned edges, gone, reports;
	char error[64];
	uint64_t shown;
	struct text purged; /* "edge 5/4=why;" for each */
	struct text told;   /* "edge 5=error:answer;" for each */
} bench;

static void on_edge(struct link_hub_sink *sink, const struct link_hub_edge *edge)
{
	assert_ptr_equal(sink, &bench.sink);
	bench.edges++;
	bench.shown = edge->shown;
	snprintf(bench.error, sizeof(bench.error), "%s", edge->error);
}

static void on_gone(struct link_hub_sink *sink, const struct link_hub_edge *edge, const char *why)
{
	assert_ptr_equal(sink, &bench.sink);
	assert_true(edge->id[0] != '\0' && why[0] != '\0');
	bench.gone++;
}

static void on_purged(struct link_hub_sink *sink, const struct link_hub_edge *edge, uint64_t number,
        struct str error)
{
	assert_ptr_equal(sink, &bench.sink);
	text_addf(&bench.purged, "%s %u/%u%s%.*s;", edge->id, (unsigned)number,
	        (unsigned)edge->purged, error.len > 0 ? "=" : "", STR_ARG(error));
}

static void on_report(struct link_hub_sink *sink, const struct link_hub_edge *edge,
        enum link_report_kind kind, struct str payload)
{
	assert_ptr_equal(sink, &bench.sink);
	assert_string_equal(edge->id, "late");
	assert_int_equal(kind, LINK_REPORT_HEALTH);
	assert_true(payload.len > 2);
	bench.reports++;
}

static void on_answer(
        struct link_hub_sink *sink, const struct link_hub_edge *edge, const struct link_told *told)
{
	assert_ptr_equal(sink, &bench.sink);
	text_addf(&bench.told, "%s %u=%.*s:%.*s;", edge->id, (unsigned)told->number,
	        STR_ARG(told->error), STR_ARG(told->answer));
}

static int open_bench(void **state)
{
	(void)state;
	scratch_init(&bench.scratch);
	snprintf(bench.path, sizeof(bench.path), "%s/link", bench.scratch.folder);
	bench.loop = loop_new();
	bench.sink = (struct link_hub_sink){.on_edge = on_edge,
	        .on_gone = on_gone,
	        .on_purged = on_purged,
	        .on_report = on_report,
	        .on_answer = on_answer};
	bench.edges = bench.gone = 0;
	static const struct link_past PAST[] = {{{"s-1", 3}, 1, 2}, {{"s0", 2}, 2, 4}};
	const struct link_hub_options options = {.id = "control",
	        .store = "s1",
	        .past = PAST,
	        .past_count = ARRAY_LENGTH(PAST),
	        .times = TIMES};
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
	text_done(&bench.purged);
	text_done(&bench.told);
	loop_free(bench.loop);
	scratch_done(&bench.scratch);
	return 0;
}

static void on_message(struct link_wire_sink *sink, enum link_message_kind kind, struct str payload)
{
	struct client *client = container_of(sink, struct client, sink);
	client->counts[kind]++;
	if (kind == LINK_SAYS_PURGE) {
		struct str rest = payload;
		str_cut(&rest, ':');
		struct str number = str_cut(&rest, ',');
		text_addf(&client->purges, "%.*s ", STR_ARG(number));
	}
	if (kind == LINK_SAYS_CERTIFICATE || kind == LINK_SAYS_CERTIFICATES)
		assert_int_not_equal(
		        link_certificates_intake_take(&client->certificates, kind, payload),
		        LINK_CERTIFICATES_BAD);
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
	client->wire = link_wire_new(bench.loop, socket, NULL, &TIMES, &client->sink);
	assert_non_null(client->wire);
}

static void client_greet_purged(struct client *client, const char *id, const char *store,
        unsigned revision, uint64_t purged)
{
	struct text hello = {0};
	client_init(client);
	const struct link_hello said = {
	        str_of(id), str_of(id), STR_EMPTY, str_of(store), revision, purged, 0, NULL, 0};
	link_message_print_hello(&said, &hello);
	link_wire_send(client->wire, LINK_SAYS_HELLO, text_str(&hello));
	text_done(&hello);
}

static void client_greet(
        struct client *client, const char *id, const char *store, unsigned revision)
{
	client_greet_purged(client, id, store, revision, 0);
}

static void client_done(struct client *client)
{
	link_wire_free(client->wire);
	text_done(&client->last);
	text_done(&client->purges);
	link_certificates_intake_done(&client->certificates);
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
	        {false, LINK_SAYS_HELLO, "{\"v\":1}"},
	        {false, LINK_SAYS_HELLO, "hello"},
	        {true, LINK_SAYS_HELLO,
	                "{\"v\":2,\"id\":\"e\",\"run\":\"e\",\"store\":\"\",\"revision\":0,"
	                "\"purged\":0,"
	                "\"oldest\":0}"},
	        {true, LINK_SAYS_PURGE, "{\"number\":1}"},
	        {true, LINK_SAYS_PURGED, "{\"number\":1,\"purged\":0,\"error\":\"\"}"},
	        {true, LINK_SAYS_PURGED, "{\"number\":0,\"purged\":1,\"error\":\"\"}"},
	        {true, LINK_SAYS_PURGED, "{}"},
	        {true, LINK_SAYS_SUBSCRIBE, "{}"},
	        {false, LINK_SAYS_HEALTH, "{}"},
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
	link_message_print_hello(
	        &(struct link_hello){.id = STR("edge"), .run = STR("edge")}, &hello);
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

/* ---- purges ---- */

static const char LINE[] = "{\"v\":1,\"do\":\"purge\",\"what\":\"domain\",\"values\":[\"a.test\"],"
                           "\"mode\":\"hard\"}\n";

static void purge(uint64_t number, uint64_t revision)
{
	link_hub_purge(bench.hub, number, revision, str_of(LINE));
}

static void say_purged(struct client *client, unsigned number, unsigned purged, const char *error)
{
	struct text payload = {0};
	link_message_print_purged(&(struct link_purged){number, purged, str_of(error)}, &payload);
	link_wire_send(client->wire, LINK_SAYS_PURGED, text_str(&payload));
	text_done(&payload);
}

/* Until it was told these and, for a while, no more. */
static void assert_purges(const struct client *client, const char *wanted)
{
	TURN_UNTIL(client->purges.len >= strlen(wanted));
	for (unsigned i = 0; i < 10; i++)
		loop_turn(bench.loop, 1);
	assert_string_equal(text_c(&client->purges), wanted);
}

static void an_edge_is_told_the_purges_that_it_has_not_done(void **state)
{
	(void)state;
	struct client behind, ahead;
	change("a.test", 1, 1);
	link_hub_keep_purges_from(bench.hub, 4);
	for (uint64_t number = 4; number <= 7; number++)
		purge(number, 1);
	client_greet_purged(&behind, "behind", "s1", 1, 4);
	client_greet_purged(&ahead, "ahead", "s1", 1, 7);
	assert_purges(&behind, "5 6 7 ");
	assert_purges(&ahead, "");
	purge(8, 1);
	assert_purges(&behind, "5 6 7 8 ");
	assert_purges(&ahead, "8 ");
	say_purged(&behind, 5, 4, "late");
	say_purged(&behind, 5, 5, "");
	say_purged(&behind, 6, 6, "never");
	const char *wanted = "behind 5/4=late;behind 5/5;behind 6/6=never;";
	TURN_UNTIL(bench.purged.len >= strlen(wanted));
	assert_string_equal(text_c(&bench.purged), wanted);
	client_done(&behind);
	client_done(&ahead);
}

/* Numbers of another store, ones that were never given, and ones of long ago. */
static void whose_numbers_are_not_ours_is_told_all_purges(void **state)
{
	(void)state;
	struct client other, more, missed;
	change("a.test", 1, 1);
	link_hub_keep_purges_from(bench.hub, 4);
	purge(4, 1);
	purge(5, 1);
	client_greet_purged(&other, "other", "s2", 1, 5);
	wait_for(&other, "{\"revision\":1}");
	link_wire_send(other.wire, LINK_SAYS_APPLIED, STR("{\"revision\":1}"));
	/* Who knows a purge that was never made, knows no revision either. */
	client_greet_purged(&more, "more", "s1", 1, 6);
	wait_for(&more, "{\"revision\":1}");
	assert_int_equal(more.counts[LINK_SAYS_BEGIN], 1);
	link_wire_send(more.wire, LINK_SAYS_APPLIED, STR("{\"revision\":1}"));
	client_greet_purged(&missed, "missed", "s1", 1, 1);
	assert_purges(&other, "4 5 ");
	assert_purges(&more, "4 5 ");
	assert_purges(&missed, "4 5 ");
	say_purged(&missed, 3, 3, "");
	TURN_UNTIL(bench.purged.len > 0);
	assert_string_equal(text_c(&bench.purged), "missed 3/3;");
	client_done(&other);
	client_done(&more);
	client_done(&missed);
}

/* Handlers of several threads may bring them so. */
/* s1 was called s0 up to revision 2 and purge 4. */
static void what_is_known_by_an_earlier_name_is_known(void **state)
{
	(void)state;
	struct client old, ahead, other;
	change("a.test", 1, 1);
	change("b.test", 1, 2);
	change("c.test", 1, 3);
	link_hub_keep_purges_from(bench.hub, 4);
	purge(4, 1);
	purge(5, 1);
	client_greet_purged(&old, "old", "s0", 2, 4);
	wait_for(&old, "{\"revision\":3}");
	assert_int_equal(old.counts[LINK_SAYS_BEGIN], 0);
	assert_int_equal(old.counts[LINK_SAYS_DOMAIN], 1);
	assert_purges(&old, "5 ");
	/* It was told a revision that is not the one which was made here; or a purge. */
	client_greet_purged(&ahead, "ahead", "s0", 3, 4);
	wait_for(&ahead, "{\"revision\":3}");
	assert_int_equal(ahead.counts[LINK_SAYS_BEGIN], 1);
	link_wire_send(ahead.wire, LINK_SAYS_APPLIED, STR("{\"revision\":3}"));
	assert_purges(&ahead, "4 5 ");
	client_greet_purged(&other, "other", "s0", 2, 5);
	wait_for(&other, "{\"revision\":3}");
	assert_int_equal(other.counts[LINK_SAYS_BEGIN], 1);
	client_done(&old);
	client_done(&ahead);
	client_done(&other);
}

static void purges_keep_their_order_however_they_come(void **state)
{
	(void)state;
	struct client client;
	change("a.test", 1, 1);
	client_greet(&client, "edge", "s1", 1);
	TURN_UNTIL(link_hub_edge_count(bench.hub) == 1);
	purge(2, 1);
	purge(3, 1);
	assert_purges(&client, "");
	purge(1, 1);
	assert_purges(&client, "1 2 3 ");
	client_done(&client);
}

/* Else what an old origin says would be stored again behind the purge. */
static void a_purge_is_told_behind_its_revision(void **state)
{
	(void)state;
	struct client client;
	change("a.test", 1, 1);
	purge(1, 1);
	client_greet(&client, "edge", "", 0);
	wait_for(&client, "{\"revision\":1}");
	assert_purges(&client, "");
	link_wire_send(client.wire, LINK_SAYS_APPLIED, STR("{\"revision\":1}"));
	assert_purges(&client, "1 ");
	purge(2, 2);
	change("a.test", 2, 2);
	wait_for(&client, "{\"revision\":2}");
	assert_purges(&client, "1 ");
	link_wire_send(client.wire, LINK_SAYS_APPLIED, STR("{\"revision\":2}"));
	assert_purges(&client, "1 2 ");
	client_done(&client);
}

static void so_many_purges_are_told_ahead_and_no_more(void **state)
{
	(void)state;
	struct client client;
	change("a.test", 1, 1);
	for (uint64_t number = 1; number <= LIMIT_LINK_PURGES_WAITING + 2; number++)
		purge(number, 1);
	client_greet(&client, "edge", "s1", 1);
	TURN_UNTIL(client.counts[LINK_SAYS_PURGE] == LIMIT_LINK_PURGES_WAITING);
	for (unsigned i = 0; i < 10; i++)
		loop_turn(bench.loop, 1);
	assert_int_equal(client.counts[LINK_SAYS_PURGE], LIMIT_LINK_PURGES_WAITING);
	say_purged(&client, 1, 0, "late"); /* it waits all the same */
	say_purged(&client, 1, 1, "");
	TURN_UNTIL(client.counts[LINK_SAYS_PURGE] > LIMIT_LINK_PURGES_WAITING);
	for (unsigned i = 0; i < 10; i++)
		loop_turn(bench.loop, 1);
	assert_int_equal(client.counts[LINK_SAYS_PURGE], LIMIT_LINK_PURGES_WAITING + 1);
	client_done(&client);
}

/* What was dropped before an edge was told it is what it has missed: it hears that in a greeting.
 */
static void who_waits_for_what_is_not_kept_begins_anew(void **state)
{
	(void)state;
	struct client client;
	change("a.test", 1, 1);
	client_greet(&client, "edge", "s1", 1);
	TURN_UNTIL(link_hub_edge_count(bench.hub) == 1);
	purge(1, 5); /* told with revision 5, and not before */
	link_hub_keep_purges_from(bench.hub, 2);
	TURN_UNTIL(client.why != NULL);
	assert_int_equal(client.counts[LINK_SAYS_PURGE], 0);
	client_done(&client);
}

/* ---- reports ---- */

static void all_edges_are_told_what_is_wanted(void **state)
{
	(void)state;
	static const struct link_subscription WANTED = {.every_ms = {1000, 0, 250}}, NOTHING;
	struct client early, late;
	bench.reports = 0;
	client_greet(&early, "early", "s1", 0);
	TURN_UNTIL(link_hub_edge_count(bench.hub) == 1);
	link_hub_subscribe(bench.hub, &NOTHING);
	link_hub_subscribe(bench.hub, &WANTED);
	link_hub_subscribe(bench.hub, &WANTED);
	client_greet(&late, "late", "s1", 0);
	TURN_UNTIL(late.counts[LINK_SAYS_SUBSCRIBE] == 1);
	assert_int_equal(early.counts[LINK_SAYS_SUBSCRIBE], 1);
	const struct str payload = STR("{\"more\":false,\"dropped\":0,\"items\":[]}");
	link_wire_send(late.wire, LINK_SAYS_HEALTH, payload);
	TURN_UNTIL(bench.reports == 1);
	/* One that nobody wants, or not any more, is left alone. */
	link_wire_send(late.wire, LINK_SAYS_COUNTERS, payload);
	link_hub_subscribe(bench.hub, &NOTHING);
	link_wire_send(late.wire, LINK_SAYS_HEALTH, payload);
	TURN_UNTIL(early.counts[LINK_SAYS_SUBSCRIBE] == 2);
	for (unsigned i = 0; i < 10; i++)
		loop_turn(bench.loop, 1);
	assert_int_equal(bench.reports, 1);
	assert_null(late.why);
	client_done(&early);
	client_done(&late);
}

/* ---- questions ---- */

static uint64_t ask(const char *edge)
{
	return link_hub_ask(bench.hub, edge, STR("explain"), STR("{\"a\":1}"));
}

static void say(struct client *client, const char *payload)
{
	link_wire_send(client->wire, LINK_SAYS_ANSWER, str_of(payload));
}

static void a_question_goes_to_one_edge_and_its_answer_back(void **state)
{
	(void)state;
	struct client one, two;
	assert_int_equal(ask(NULL), 0); /* nobody is there */
	client_greet(&one, "one", "", 0);
	client_greet(&two, "two", "", 0);
	TURN_UNTIL(link_hub_edge_count(bench.hub) == 2);
	assert_int_equal(ask("three"), 0);
	assert_int_equal(ask("one"), 1);
	assert_int_equal(ask("two"), 2);
	TURN_UNTIL(one.counts[LINK_SAYS_ASK] == 1 && two.counts[LINK_SAYS_ASK] == 1);
	say(&two, "{\"number\":2,\"error\":\"\",\"answer\":\"{}\"}");
	TURN_UNTIL(bench.told.len > 0);
	say(&one, "{\"number\":1,\"error\":\"no\",\"answer\":\"\"}");
	TURN_UNTIL(str_is_equal(text_str(&bench.told), STR("two 2=:{};one 1=no:;")));
	assert_null(one.why);
	client_done(&one);
	client_done(&two);
}

static void a_question_is_not_lost_with_its_edge(void **state)
{
	(void)state;
	struct client one;
	client_greet(&one, "one", "", 0);
	TURN_UNTIL(link_hub_edge_count(bench.hub) == 1);
	for (unsigned i = 1; i <= LIMIT_LINK_ASKS; i++)
		assert_int_equal(ask(NULL), i);
	assert_int_equal(ask(NULL), 0); /* so many wait, and no more */
	TURN_UNTIL(one.counts[LINK_SAYS_ASK] == LIMIT_LINK_ASKS);
	for (unsigned i = 1; i < LIMIT_LINK_ASKS; i++) {
		struct text payload = {0};
		text_addf(&payload, "{\"number\":%u,\"error\":\"e\",\"answer\":\"\"}", i);
		say(&one, text_c(&payload));
		text_done(&payload);
	}
	TURN_UNTIL(bench.told.len == 9 * 9 + 6 * 10); /* of one and of two digits */
	text_clear(&bench.told);
	client_done(&one);
	TURN_UNTIL(link_hub_edge_count(bench.hub) == 0);
	assert_string_equal(text_c(&bench.told), "one 16=the edge is gone:;");
}

static void what_was_not_asked_is_no_answer(void **state)
{
	(void)state;
	static const char *const ROWS[] = {
	        "{\"number\":7,\"error\":\"\",\"answer\":\"{}\"}",
	        "{\"number\":1,\"error\":\"\",\"answer\":\"\"}",
	        "{\"number\":1,\"error\":\"a\",\"answer\":\"{}\"}",
	        "{\"number\":1,\"answer\":\"{}\"}",
	        "{}",
	};
	for (size_t i = 0; i < ARRAY_LENGTH(ROWS); i++) {
		struct client client;
		client_greet(&client, "one", "", 0);
		TURN_UNTIL(link_hub_edge_count(bench.hub) == 1);
		uint64_t number = ask(NULL);
		assert_int_equal(number, i + 1);
		say(&client, ROWS[i]);
		TURN_UNTIL(client.why != NULL && link_hub_edge_count(bench.hub) == 0);
		client_done(&client);
	}
}

/* ---- certificates ---- */

static void put(struct link_certificates **list, const char *name, const char *key, uint64_t at)
{
	with_certificate(list, name, key, at);
	link_hub_set_certificates(bench.hub, *list);
}

static bool has_heard(const struct client *client, uint64_t revision)
{
	return client->certificates.list != NULL &&
	       link_certificates_revision(client->certificates.list) == revision;
}

static void say_shown(struct client *client, uint64_t revision)
{
	struct text payload = {0};
	link_message_print_number("revision", revision, NULL, &payload);
	link_wire_send(client->wire, LINK_SAYS_SHOWN, text_str(&payload));
	text_done(&payload);
}

static void certificates_are_told_whole_and_then_what_is_new(void **state)
{
	(void)state;
	struct client client, later;
	struct link_certificates *list = link_certificates_new();
	link_hub_set_certificates(bench.hub, list);
	client_greet(&client, "edge", "", 0);
	TURN_UNTIL(bench.edges == 1);
	put(&list, "a", "one", 1);
	TURN_UNTIL(has_heard(&client, 1));
	put(&list, "b", "two", 2);
	put(&list, "a", NULL, 3);
	TURN_UNTIL(has_heard(&client, 3));
	assert_certificates(client.certificates.list, "b@2=two @3");
	assert_int_equal(client.counts[LINK_SAYS_CERTIFICATE], 2);
	assert_int_equal(client.counts[LINK_SAYS_CERTIFICATES], 3);
	/* They are no revision of domains. */
	assert_int_equal(client.counts[LINK_SAYS_COMMIT], 0);
	client_greet(&later, "other", "", 0);
	TURN_UNTIL(has_heard(&later, 3));
	assert_certificates(later.certificates.list, "b@2=two @3");
	say_shown(&client, 3);
	TURN_UNTIL(bench.shown == 3);
	/* What was never told is not shown. */
	say_shown(&client, 4);
	TURN_UNTIL(client.why != NULL);
	link_certificates_unref(list);
	client_done(&client);
	client_done(&later);
}

static void where_there_never_were_any_none_are_told(void **state)
{
	(void)state;
	struct client client;
	struct link_certificates *list = link_certificates_new();
	link_hub_set_certificates(bench.hub, list);
	change("a.test", 1, 1);
	client_greet(&client, "edge", "", 0);
	wait_for(&client, "{\"revision\":1}");
	assert_null(client.certificates.list);
	/* But that there are none any more is. */
	put(&list, "a", "one", 2);
	put(&list, "a", NULL, 3);
	TURN_UNTIL(has_heard(&client, 3));
	assert_certificates(client.certificates.list, "@3");
	link_certificates_unref(list);
	client_done(&client);
}

int main(void)
{
	hash_init();
#define TEST(name) cmocka_unit_test_setup_teardown(name, open_bench, close_bench)
	const struct CMUnitTest tests[] = {
	        TEST(certificates_are_told_whole_and_then_what_is_new),
	        TEST(where_there_never_were_any_none_are_told),
	        TEST(who_knows_nothing_is_told_the_whole_list),
	        TEST(who_knows_a_revision_is_told_the_rest),
	        TEST(who_knows_all_is_told_nothing),
	        TEST(who_knows_more_than_there_is_is_told_the_whole_list),
	        TEST(the_slowest_edge_says_what_is_applied),
	        TEST(what_no_edge_says_ends_it),
	        TEST(a_hub_waits_for_who_does_not_read),
	        TEST(what_went_long_ago_takes_a_whole_list),
	        TEST(an_edge_is_told_the_purges_that_it_has_not_done),
	        TEST(whose_numbers_are_not_ours_is_told_all_purges),
	        TEST(what_is_known_by_an_earlier_name_is_known),
	        TEST(purges_keep_their_order_however_they_come),
	        TEST(a_purge_is_told_behind_its_revision),
	        TEST(so_many_purges_are_told_ahead_and_no_more),
	        TEST(who_waits_for_what_is_not_kept_begins_anew),
	        TEST(all_edges_are_told_what_is_wanted),
	        TEST(a_question_goes_to_one_edge_and_its_answer_back),
	        TEST(a_question_is_not_lost_with_its_edge),
	        TEST(what_was_not_asked_is_no_answer),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
