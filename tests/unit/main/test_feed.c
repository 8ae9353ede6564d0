/* Where an edge has its domains from. */
#include "main/feed.h"

#include "base/hash.h"
#include "link/hub.h"
#include "model/snapshot.h"
#include "net/local.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

static struct {
	char folder[32], file[64], link[64];
	struct loop *loop;
	struct link_sink sink;
	struct model_snapshot *snapshot;
	struct invocation invocation;
	int journal;
	struct link_hub *hub;
	struct link_hub_sink hub_sink;
	char edge[160]; /* the id of the one that came last */
} bench;

static void on_changes(
        struct link_sink *sink, const struct model_change *changes, size_t count, uint64_t revision)
{
	(void)sink;
	struct model_snapshot *old = bench.snapshot;
	bench.snapshot = model_snapshot_with(old, changes, count, revision);
	model_snapshot_unref(old);
}

static void on_event(struct link_sink *sink, enum link_event event, const char *text)
{
	(void)sink;
	(void)event;
	assert_true(text[0] != '\0');
}

static int set_up(void **state)
{
	(void)state;
	snprintf(bench.folder, sizeof(bench.folder), "/tmp/headwater-test-XXXXXX");
	if (mkdtemp(bench.folder) == NULL)
		return -1;
	snprintf(bench.file, sizeof(bench.file), "%s/domains.yaml", bench.folder);
	snprintf(bench.link, sizeof(bench.link), "%s/control.socket", bench.folder);
	bench.loop = loop_new();
	bench.sink = (struct link_sink){.on_changes = on_changes, .on_event = on_event};
	bench.snapshot = model_snapshot_new();
	bench.journal = -1;
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	char path[80];
	static const char *const NAMES[] = {
	        "domains.yaml", "domains.journal", "domains.ledger", "control.socket"};
	for (size_t i = 0; i < ARRAY_LENGTH(NAMES); i++) {
		snprintf(path, sizeof(path), "%s/%s", bench.folder, NAMES[i]);
		unlink(path);
	}
	link_hub_close(bench.hub);
	bench.hub = NULL;
	loop_free(bench.loop);
	model_snapshot_unref(bench.snapshot);
	invocation_done(&bench.invocation);
	return rmdir(bench.folder);
}

static void write_file(const char *text)
{
	FILE *file = fopen(bench.file, "we");
	assert_non_null(file);
	assert_true(fputs(text, file) >= 0);
	assert_int_equal(fclose(file), 0);
}

/* Opens the feed that these words ask for. */
static struct feed *open_feed(const char *const *flags, struct model_problems *problems)
{
	struct words words = {0};
	for (; *flags != NULL; flags++)
		words_add(&words, str_of(*flags));
	invocation_done(&bench.invocation);
	assert_true(invocation_read(words.list, &bench.invocation, problems));
	words_done(&words);
	const struct feed_options options = {
	        .invocation = &bench.invocation,
	        .journal = bench.journal,
	        .loop = bench.loop,
	        .sink = &bench.sink,
	};
	return feed_open(&options, problems);
}

static bool has(const char *name)
{
	return model_snapshot_get(bench.snapshot, str_of(name)) != NULL;
}

static void flags_are_a_domain(void **state)
{
	(void)state;
	struct model_problems problems = {0};
	struct feed *feed = open_feed(
	        (const char *const[]){"--domain", "a.test", "--origin", "192.0.2.1", NULL},
	        &problems);
	assert_non_null(feed);
	assert_true(has("a.test"));
	feed_reload(feed);
	feed_close(feed);
	assert_null(
	        open_feed((const char *const[]){"--domain", "a.test", "--origin", "a.test", NULL},
	                &problems));
	assert_string_equal(problems.list[0].rule, "loop");
	model_problems_done(&problems);
}

static void a_file_is_read_again(void **state)
{
	(void)state;
	struct model_problems problems = {0};
	const char *const flags[] = {"--domains", bench.file, "--state-dir", bench.folder, NULL};
	write_file("domains: [{name: a.test, origin: {addresses: [192.0.2.1]}}]");
	struct feed *feed = open_feed(flags, &problems);
	assert_non_null(feed);
	assert_true(has("a.test"));
	write_file("domains: [{name: a.test, origin: {addresses: [192.0.2.1]}}, "
	           "{name: b.test, origin: {addresses: [192.0.2.1]}}]");
	feed_reload(feed);
	assert_true(has("b.test"));
	feed_close(feed);
	/* The last good one is in the folder of state. */
	write_file("domains: [");
	feed = open_feed(flags, &problems);
	assert_non_null(feed);
	feed_close(feed);
	model_problems_done(&problems);
}

static void a_file_without_a_good_list_is_no_feed(void **state)
{
	(void)state;
	struct model_problems problems = {0};
	assert_null(open_feed((const char *const[]){"--domains", bench.file, NULL}, &problems));
	assert_true(problems.total > 0);
	model_problems_done(&problems);
}

static void on_edge(struct link_hub_sink *sink, const struct link_hub_edge *edge)
{
	(void)sink;
	snprintf(bench.edge, sizeof(bench.edge), "%s", edge->id);
}

static void on_gone(struct link_hub_sink *sink, const struct link_hub_edge *edge, const char *why)
{
	(void)sink;
	(void)edge;
	(void)why;
}

static void open_hub(void)
{
	const struct link_hub_options options = {
	        .id = "control", .store = "store", .times = {.ping_ms = 50, .lease_ms = 2000}};
	bench.hub_sink = (struct link_hub_sink){.on_edge = on_edge, .on_gone = on_gone};
	int socket = local_listen(bench.link, 4);
	assert_true(socket >= 0);
	bench.hub = link_hub_open(bench.loop, socket, &options, &bench.hub_sink);
	assert_non_null(bench.hub);
	struct model_domain *domain = model_domain_new();
	domain->name = model_domain_copy(domain, STR("c.test"));
	domain->origin.addresses = model_domain_alloc(domain, sizeof(domain->origin.addresses[0]));
	domain->origin.addresses[0] = (struct model_address){
	        .host = model_domain_copy(domain, STR("192.0.2.1")), .weight = 1};
	domain->origin.address_count = 1;
	domain->revision = 1;
	const struct model_change change = {domain->name, domain};
	link_hub_change(bench.hub, &change, 1, 1);
	model_domain_unref(domain);
}

static void turn_until_it_has(const char *name)
{
	for (unsigned turns = 0; turns < 500 && !has(name); turns++)
		loop_turn(bench.loop, 10);
	assert_true(has(name));
}

/* Nobody answers at first, and then somebody does; and a start without them has what they said. */
static void try_control_plane(const char *const *flags)
{
	struct model_problems problems = {0};
	char host[65] = "";
	struct feed *feed = open_feed(flags, &problems);
	assert_non_null(feed);
	assert_int_equal(model_snapshot_count(bench.snapshot), 0);
	feed_reload(feed);
	open_hub();
	turn_until_it_has("c.test");
	assert_int_equal(gethostname(host, sizeof(host) - 1), 0);
	assert_string_equal(bench.edge, flags[2] == NULL ? host : flags[3]);
	feed_close(feed);
	link_hub_close(bench.hub);
	bench.hub = NULL;
	model_snapshot_unref(bench.snapshot);
	bench.snapshot = model_snapshot_new();
	feed = open_feed(flags, &problems);
	assert_non_null(feed);
	assert_true(has("c.test"));
	feed_close(feed);
}

static void the_store_of_the_folder_is_a_control_plane(void **state)
{
	(void)state;
	try_control_plane((const char *const[]){"--state-dir", bench.folder, NULL});
}

static void who_was_sent_home_begins_no_ledger(void **state)
{
	(void)state;
	for (unsigned leaves = 0; leaves < 2; leaves++) {
		struct model_problems problems = {0};
		char ledger[80];
		struct feed *feed = open_feed(
		        (const char *const[]){"--state-dir", bench.folder, NULL}, &problems);
		assert_non_null(feed);
		open_hub();
		turn_until_it_has("c.test");
		if (leaves)
			feed_leave(feed);
		feed_close(feed);
		link_hub_close(bench.hub);
		bench.hub = NULL;
		model_snapshot_unref(bench.snapshot);
		bench.snapshot = model_snapshot_new();
		snprintf(ledger, sizeof(ledger), "%s/domains.ledger", bench.folder);
		assert_int_equal(unlink(ledger), leaves ? -1 : 0);
	}
}

static void another_control_plane_needs_no_folder(void **state)
{
	(void)state;
	bench.journal = memfd_create("test", MFD_CLOEXEC);
	assert_true(bench.journal >= 0);
	try_control_plane((const char *const[]){
	        "--control", bench.link, "--edge-name", "edge-7.example", NULL});
	close(bench.journal);
}

int main(void)
{
	hash_init();
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
	        TEST(flags_are_a_domain),
	        TEST(a_file_is_read_again),
	        TEST(a_file_without_a_good_list_is_no_feed),
	        TEST(the_store_of_the_folder_is_a_control_plane),
	        TEST(who_was_sent_home_begins_no_ledger),
	        TEST(another_control_plane_needs_no_folder),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
