/*
 * What the control plane's parts cost without its processes: putting many domains into the store,
 * reading them back, telling an edge all of them over a socket, and one change more.
 *
 * Usage: control [--domains N] [--folder PATH]
 */
#include "base/clock.h"
#include "base/hash.h"
#include "base/mem.h"
#include "link/hub.h"
#include "link/remote.h"
#include "net/local.h"
#include "store/domains.h"

#include <getopt.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { CHANGES = 100 };

struct options {
	uint64_t domains;
	const char *folder;
};

static char store_path[4096], key_path[4096], link_path[100], ledger_path[4096];
static const struct store_note NOTE = {.who = {"bench", 5}, .action = {"domain.change", 13}};
static const struct link_wire_times TIMES = {.ping_ms = 3000, .lease_ms = 10000};

static void fail(const char *what, enum store_failure failure)
{
	fprintf(stderr, "control: %s: %s\n", what, store_failure_words(failure));
	exit(1);
}

static double ms_since(uint64_t us)
{
	return (double)(clock_us() - us) / 1000;
}

static size_t memory_in_use(void)
{
	struct mallinfo2 info = mallinfo2();
	return info.uordblks + info.hblkhd;
}

/* Two addresses and a backup, as many sites have. */
static struct model_domain *make_domain(uint64_t number, unsigned attempts)
{
	static const char *const HOSTS[] = {"203.0.113.10", "203.0.113.11", "203.0.113.12"};
	struct model_domain *domain = model_domain_new();
	char name[64];
	snprintf(name, sizeof(name), "www.site-%06llu.example", (unsigned long long)number);
	domain->name = model_domain_copy(domain, str_of(name));
	domain->backup = model_domain_alloc(domain, sizeof(*domain->backup));
	model_domain_init_origin(domain->backup);
	struct model_address *addresses = model_domain_alloc(domain, 3 * sizeof(*addresses));
	for (unsigned i = 0; i < 3; i++) {
		addresses[i] = (struct model_address){
		        .host = HOSTS[i], .port = 8080, .weight = 1, .is_ip = true};
		CHECK(address_parse_ip(str_of(HOSTS[i]), 8080, &addresses[i].ip));
	}
	domain->origin.addresses = addresses;
	domain->origin.address_count = 2;
	domain->backup->addresses = addresses + 2;
	domain->backup->address_count = 1;
	domain->failover_attempts = attempts;
	return domain;
}

static struct store *open_store(void)
{
	enum store_failure failure = STORE_DONE;
	struct text detail = {0};
	const struct store_options options = {.path = store_path, .key_path = key_path};
	struct store *store = store_open(&options, &failure, &detail);
	if (store == NULL)
		fail("the store", failure);
	return store;
}

static void fill_store(const struct options *options)
{
	struct store_change *changes = mem_alloc(options->domains * sizeof(*changes));
	uint64_t revision, began = clock_us();
	size_t at;
	struct store *store = open_store();
	for (uint64_t i = 0; i < options->domains; i++) {
		struct model_domain *domain = make_domain(i, 3);
		changes[i] = (struct store_change){domain->name, domain, 0};
	}
	enum store_failure failure =
	        store_domains_commit(store, changes, options->domains, &NOTE, &revision, &at);
	if (failure != STORE_DONE)
		fail("a commit", failure);
	printf("%-52s %9.0f ms\n", "put as one revision", ms_since(began));
	for (uint64_t i = 0; i < options->domains; i++)
		model_domain_unref(changes[i].domain);
	mem_free(changes);
	store_close(store);
}

/* ---- reading them for the hub ---- */

struct loaded {
	struct store_domain_sink sink;
	struct model_change *changes;
	size_t count;
};

static void on_domain(struct store_domain_sink *sink, const char *name, struct model_domain *domain,
        uint64_t revision)
{
	struct loaded *loaded = container_of(sink, struct loaded, sink);
	(void)name;
	(void)revision;
	loaded->changes[loaded->count++] =
	        (struct model_change){domain->name, model_domain_ref(domain)};
}

static void on_edge(struct link_hub_sink *sink, const struct link_hub_edge *edge)
{
	(void)sink;
	(void)edge;
}

static void on_gone(struct link_hub_sink *sink, const struct link_hub_edge *edge, const char *why)
{
	(void)sink;
	fprintf(stderr, "control: %s is gone: %s\n", edge->id, why);
	exit(1);
}

static void load(const struct options *options, struct store *store, struct link_hub *hub)
{
	struct loaded loaded = {.sink = {.on_domain = on_domain}};
	uint64_t revision, began = clock_us();
	loaded.changes = mem_alloc(options->domains * sizeof(*loaded.changes));
	enum store_failure failure = store_domains_read_since(store, 0, &loaded.sink, &revision);
	if (failure != STORE_DONE)
		fail("reading", failure);
	link_hub_change(hub, loaded.changes, loaded.count, revision);
	printf("%-52s %9.0f ms\n", "read from the store into a snapshot", ms_since(began));
	for (size_t i = 0; i < loaded.count; i++)
		model_domain_unref(loaded.changes[i].domain);
	mem_free(loaded.changes);
}

/* ---- an edge ---- */

struct edge {
	struct link_sink sink;
	struct model_snapshot *snapshot;
	bool is_due; /* to tell that it is live */
};

static void on_changes(
        struct link_sink *sink, const struct model_change *changes, size_t count, uint64_t revision)
{
	struct edge *edge = container_of(sink, struct edge, sink);
	struct model_snapshot *old = edge->snapshot;
	edge->snapshot = model_snapshot_with(old, changes, count, revision);
	model_snapshot_unref(old);
	edge->is_due = true;
}

static void on_event(struct link_sink *sink, enum link_event event, const char *text)
{
	(void)sink;
	if (event != LINK_APPLIED)
		fprintf(stderr, "control: %s\n", text);
}

/* Until the edge has said that it has the revision, which is live in the turn after it was told. */
static void wait_for(
        struct edge *edge, struct loop *loop, const struct link_hub *hub, uint64_t revision)
{
	while (link_hub_edge_count(hub) == 0 || link_hub_applied(hub) < revision) {
		loop_turn(loop, 100);
		if (!edge->is_due)
			continue;
		edge->is_due = false;
		edge->sink.live->on_live(edge->sink.live, model_snapshot_revision(edge->snapshot));
	}
}

static void tell(
        const struct options *options, struct loop *loop, struct store *store, struct link_hub *hub)
{
	struct edge edge = {.sink = {.on_changes = on_changes, .on_event = on_event}};
	const struct link_journal place = {.path = ledger_path};
	const struct link_remote_options remote_options = {
	        .path = link_path, .id = "edge", .times = TIMES, .retry_ms = 100, .ledger = &place};
	uint64_t revision = model_snapshot_revision(link_hub_snapshot(hub));
	edge.snapshot = model_snapshot_new();
	size_t before = memory_in_use();
	uint64_t began = clock_us();
	struct link_remote *remote = link_remote_open(loop, &remote_options, &edge.sink);
	wait_for(&edge, loop, hub, revision);
	printf("%-52s %9.0f ms\n", "an edge that knows nothing has all", ms_since(began));
	printf("%-52s %9.0f bytes\n", "memory for each in the edge",
	        (double)(memory_in_use() - before) / (double)options->domains);

	double most = 0, all = 0;
	for (unsigned i = 0; i < CHANGES; i++) {
		struct model_domain *domain = make_domain(i * 7919u % options->domains, 4 + i % 5);
		struct store_change change = {domain->name, domain, STORE_ANY_REVISION};
		size_t at;
		began = clock_us();
		enum store_failure failure =
		        store_domains_commit(store, &change, 1, &NOTE, &revision, &at);
		if (failure != STORE_DONE)
			fail("a change", failure);
		const struct model_change one = {domain->name, domain};
		link_hub_change(hub, &one, 1, revision);
		wait_for(&edge, loop, hub, revision);
		double ms = ms_since(began);
		most = ms > most ? ms : most;
		all += ms;
		model_domain_unref(domain);
	}
	printf("%-52s %9.2f ms, at most %.2f\n", "one change more: flushed, told and applied",
	        all / CHANGES, most);

	link_remote_close(remote);
	model_snapshot_unref(edge.snapshot);
	edge.snapshot = model_snapshot_new();
	began = clock_us();
	remote = link_remote_open(loop, &remote_options, &edge.sink);
	printf("%-52s %9.0f ms\n", "an edge that starts has what its ledger kept", ms_since(began));
	CHECK(model_snapshot_count(edge.snapshot) == options->domains);
	link_remote_close(remote);
	model_snapshot_unref(edge.snapshot);
}

static void run(const struct options *options)
{
	struct loop *loop = loop_new();
	struct store *store = open_store();
	struct link_hub_sink sink = {.on_edge = on_edge, .on_gone = on_gone};
	const struct link_hub_options hub_options = {
	        .id = "control", .store = store_id(store), .times = TIMES};
	int socket = local_listen(link_path, 16);
	struct link_hub *hub =
	        socket >= 0 ? link_hub_open(loop, socket, &hub_options, &sink) : NULL;
	if (hub == NULL)
		fail("the hub", STORE_SYSTEM);
	load(options, store, hub);
	tell(options, loop, store, hub);
	link_hub_close(hub);
	store_close(store);
	loop_free(loop);
}

/* ---- the command line ---- */

static void read_command_line(int count, char **words, struct options *options)
{
	static const struct option known[] = {
	        {"domains", required_argument, NULL, 'd'},
	        {"folder", required_argument, NULL, 'f'},
	        {0},
	};
	for (int word; (word = getopt_long(count, words, "", known, NULL)) >= 0;) {
		bool is_right = word == 'f';
		if (word == 'f')
			options->folder = optarg;
		else if (word == 'd')
			is_right = str_to_u64(str_of(optarg), &options->domains) &&
			           options->domains > 0 && options->domains <= LIMIT_LINK_DOMAINS;
		if (!is_right)
			exit(2);
	}
}

int main(int count, char **words)
{
	struct options options = {.domains = 100000, .folder = "/var/tmp"};
	read_command_line(count, words, &options);
	hash_init();
	char folder[4000];
	snprintf(folder, sizeof(folder), "%s/headwater-bench-XXXXXX", options.folder);
	if (mkdtemp(folder) == NULL)
		fail(folder, STORE_SYSTEM);
	snprintf(store_path, sizeof(store_path), "%s/store.db", folder);
	snprintf(key_path, sizeof(key_path), "%s/store.key", folder);
	/* A socket's name is short. */
	if (snprintf(link_path, sizeof(link_path), "%s/link", folder) >= (int)sizeof(link_path))
		fail(folder, STORE_SYSTEM);
	snprintf(ledger_path, sizeof(ledger_path), "%s/ledger", folder);
	fill_store(&options);
	run(&options);
	unlink(store_path);
	unlink(key_path);
	unlink(link_path);
	unlink(ledger_path);
	rmdir(folder);
	return 0;
}
