/*
 * What the tests of requests and fills start from: one worker with its steward's loop, scripted
 * origins and clients, all on one thread.
 */
#pragma once

#include "base/clock.h"
#include "base/hash.h"
#include "base/random.h"
#include "edge/flights.h"
#include "edge/origin.h"
#include "edge/recalls.h"
#include "edge/unshared.h"
#include "edge/worker.h"
#include "model/read.h"
#include "origin/group.h"
#include "origin/latch.h"
#include "origin/shared.h"
#include "serve/client.h"

#include <fcntl.h>
#include <stdlib.h>

enum {
	/* Timeouts of every origin, below what a document may say. */
	CONNECT_MS = 300,
	ORIGIN_HEAD_MS = 250,
	ORIGIN_IDLE_MS = 250,
	DRAIN_MS = 1000,
	ORIGINS = 4,
	CACHE_DISK_BYTES = LIMIT_CACHE_DISK_MIB_MIN << 20,
};

struct fixture {
	struct loop *steward;
	struct mem_budget budget, spool_budget;
	struct origin_shared_sink sink;
	struct edge_options options;
	struct edge_worker_shared shared;
	struct loop *loops[1];
	struct edge_worker *worker;
	int listener;
	struct address address;
	struct origin origins[ORIGINS]; /* master, backup, and two more */
	int cache_disk;                 /* a file behind the cache; -1: none */
	uint32_t failover_ms;           /* failover.budget of every domain; 0: as in the document */
	char log_path[32];
	struct text log; /* what the access log has, once log_until has looked */
};

static inline void on_health(struct origin_shared_sink *sink, const struct address *address,
        struct str domain, enum origin_state from, enum origin_state to, enum fault reason,
        uint64_t for_ms)
{
	(void)sink;
	(void)address;
	(void)domain;
	(void)from;
	(void)to;
	(void)reason;
	(void)for_ms;
}

static inline void shorten(struct model_origin *origin)
{
	if (origin == NULL)
		return;
	origin->connect_timeout_ms = CONNECT_MS;
	origin->head_timeout_ms = ORIGIN_HEAD_MS;
	origin->idle_timeout_ms = ORIGIN_IDLE_MS;
	origin->queue_ms = ORIGIN_HEAD_MS;
}

/* A snapshot of a document in which $0 to $3 stand for the addresses of the origins. */
static inline struct model_snapshot *make_snapshot(struct fixture *fixture, const char *document)
{
	struct text text = {.at = NULL};
	for (const char *at = document; *at != '\0'; at++) {
		if (*at == '$')
			text_add(&text, str_of(fixture->origins[*++at - '0'].where));
		else
			text_add_char(&text, *at);
	}
	struct model_problems problems = {0};
	struct model_domains domains;
	if (!model_read_domains(text_str(&text), "test", MODEL_CLASSIC, &problems, &domains))
		fail_msg("%s", text_c(&text));
	struct model_change *changes = mem_zero((domains.count + 1) * sizeof(*changes));
	for (size_t i = 0; i < domains.count; i++) {
		shorten(&domains.list[i]->origin);
		shorten(domains.list[i]->backup);
		if (fixture->failover_ms != 0)
			domains.list[i]->failover_budget_ms = fixture->failover_ms;
		changes[i].name = domains.list[i]->name;
		changes[i].domain = domains.list[i];
	}
	struct model_snapshot *empty = model_snapshot_new();
	struct model_snapshot *snapshot = model_snapshot_with(empty, changes, domains.count, 1);
	model_snapshot_unref(empty);
	mem_free(changes);
	model_domains_done(&domains);
	model_problems_done(&problems);
	text_done(&text);
	return snapshot;
}

/* Everything but the worker; the test may then change the options. */
static inline void fixture_init(struct fixture *fixture)
{
	struct address any;
	*fixture = (struct fixture){.budget = {.limit = 64U << 20},
	        .spool_budget = {.limit = 64U << 20},
	        .cache_disk = -1};
	for (unsigned i = 0; i < ORIGINS; i++)
		origin_start(&fixture->origins[i]);
	fixture->steward = loop_new();
	assert_non_null(fixture->steward);
	fixture->sink.on_health = on_health;
	assert_true(address_parse(STR("127.0.0.1:0"), &any));
	fixture->listener = tcp_listen(&any, 64);
	assert_true(fixture->listener >= 0);
	assert_true(tcp_local_address(fixture->listener, &fixture->address));
	snprintf(fixture->log_path, sizeof(fixture->log_path), "/tmp/edge-test-XXXXXX");
	int log = mkstemp(fixture->log_path);
	assert_true(log >= 0);
	close(log);
	fixture->options = (struct edge_options){
	        .workers = 1,
	        .listeners = &fixture->listener,
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
	        .spool_dir = "/tmp",
	        .cdn_id = "edge",
	        .access_log = fixture->log_path,
	        .access_log_sample = 1,
	        .health =
	                {
	                        .block_ms = 60000,
	                        .block_max_ms = 600000,
	                        .forgive_ms = 600000,
	                        .ramp_ms = 10000,
	                        .connection_failures = 3,
	                        .connection_window_ms = 60000,
	                        .response_failures = 6,
	                        .response_window = 20,
	                        .response_urls = 3,
	                        .trial_lease_ms = 30000,
	                },
	        .confirm_gap_ms = 600000,
	        .probe_timeout_ms = 200,
	        .drain_timeout_ms = DRAIN_MS,
	};
}

/* The smallest memory; nobody keeps room in it but the test that turns the keeper, and nobody
 * writes to its disk but the test that turns the writer. */
static inline struct cache_store *make_cache(uint64_t bytes, int disk)
{
	const struct cache_memory_options memory = {
	        .bytes = bytes,
	        .disks = {{.fd = disk, .bytes = CACHE_DISK_BYTES}},
	        .disk_count = disk >= 0,
	};
	enum cache_attach why;
	struct cache_store *cache = bytes == 0 ? NULL : cache_store_new(-1, &memory, &why);
	assert_int_equal(cache != NULL, bytes != 0);
	return cache;
}

static inline void fixture_serve(struct fixture *fixture, const char *document)
{
	const struct edge_options *options = &fixture->options;
	struct origin_shared_options origins = {
	        .health = options->health,
	        .dns_servers = options->dns_servers,
	        .ttl_min_s = 5,
	        .ttl_max_s = 300,
	        .confirm_gap_ms = options->confirm_gap_ms,
	        .probe_timeout_ms = options->probe_timeout_ms,
	};
	fixture->shared = (struct edge_worker_shared){
	        .options = options,
	        .budget = &fixture->budget,
	        .spool_budget = &fixture->spool_budget,
	        .census = serve_census_new(
	                options->connections_max, options->connections_per_address),
	        .origins = origin_shared_new(fixture->steward, &origins, &fixture->sink),
	        .disk = disk_new(1),
	        .log = edge_access_log_new(options->access_log, options->access_log_sample),
	        .cache = make_cache(options->cache_memory.bytes, fixture->cache_disk),
	        .flights = edge_flights_new(),
	        .unshared = edge_unshared_new(),
	        .tail = edge_tail_new(),
	        .loops = fixture->loops,
	};
	assert_non_null(fixture->shared.origins);
	assert_non_null(fixture->shared.log);
	if (fixture->cache_disk >= 0) {
		struct edge_recalls_options recalls = {
		        .store = fixture->shared.cache,
		        .disk = fixture->shared.disk,
		        .loops = fixture->loops,
		        .worker_count = 1,
		        .recall = cache_recall,
		};
		fixture->shared.recalls = edge_recalls_new(&recalls);
	}
	struct model_snapshot *snapshot = make_snapshot(fixture, document);
	fixture->worker = edge_worker_new(&fixture->shared, 0, snapshot);
	assert_non_null(fixture->worker);
	assert_true(edge_worker_listen(fixture->worker));
	model_snapshot_unref(snapshot);
}

static inline void fixture_start(struct fixture *fixture, const char *document)
{
	fixture_init(fixture);
	fixture_serve(fixture, document);
}

/* The same with a cache. */
static inline void fixture_start_cached(struct fixture *fixture, const char *document)
{
	fixture_init(fixture);
	fixture->options.cache_memory.bytes = LIMIT_CACHE_MEMORY_BYTES_MIN;
	fixture_serve(fixture, document);
}

/* A file that is a disk of the smallest size, without a name. */
static inline int make_disk(void)
{
	int disk = memfd_create("disk", MFD_CLOEXEC);
	assert_true(disk >= 0);
	assert_int_equal(ftruncate(disk, CACHE_DISK_BYTES), 0);
	return disk;
}

/* The same with a disk behind it, which is the fixture's then. */
static inline void fixture_start_with_disk(struct fixture *fixture, const char *document, int disk)
{
	fixture_init(fixture);
	fixture->cache_disk = disk;
	fixture->options.cache_memory.bytes = LIMIT_CACHE_MEMORY_BYTES_MIN;
	fixture_serve(fixture, document);
}

static inline void fixture_done(struct fixture *fixture)
{
	edge_recalls_close(fixture->shared.recalls);
	disk_free(fixture->shared.disk);
	edge_worker_cut(fixture->worker);
	loop_turn(fixture->worker->loop, 0);
	edge_worker_free(fixture->worker);
	edge_recalls_free(fixture->shared.recalls);
	cache_store_free(fixture->shared.cache);
	if (fixture->cache_disk >= 0)
		close(fixture->cache_disk);
	edge_flights_free(fixture->shared.flights);
	edge_unshared_free(fixture->shared.unshared);
	edge_tail_free(fixture->shared.tail);
	assert_int_equal(fixture->budget.used, 0);
	assert_int_equal(fixture->spool_budget.used, 0);
	serve_census_free(fixture->shared.census);
	origin_shared_free(fixture->shared.origins);
	edge_access_log_free(fixture->shared.log);
	loop_free(fixture->steward);
	for (unsigned i = 0; i < ORIGINS; i++)
		origin_done(&fixture->origins[i]);
	close(fixture->listener);
	unlink(fixture->log_path);
	text_done(&fixture->log);
}

static inline void fixture_turn(struct fixture *fixture, unsigned wait_ms)
{
	(void)wait_ms; /* three parties wait for each other */
	loop_turn(fixture->worker->loop, 1);
	loop_turn(fixture->steward, 0);
	for (unsigned i = 0; i < ORIGINS; i++)
		origin_play(&fixture->origins[i]);
}

static inline const struct address *fixture_address(const struct fixture *fixture)
{
	return &fixture->address;
}

/* A request with this line and fields for the host a.test, and its response. */
static inline void fetch(
        struct client *client, const char *method, const char *rest, struct response *response)
{
	char text[1024];
	snprintf(text, sizeof(text), "%s /x HTTP/1.1\r\nHost: a.test\r\n%s\r\n", method, rest);
	client_say(client, text);
	read_response(client, strcmp(method, "HEAD") == 0 ? HTTP_HEAD : HTTP_GET, response);
}

static inline bool has_field(const struct response *response, const char *name, const char *value)
{
	for (unsigned i = 0; i < response->head.count; i++) {
		const struct http_field *field = &response->head.fields[i];
		if (str_is_equal_nocase(http_head_name(&response->head, field), str_of(name)))
			return is_text(http_head_value(&response->head, field), value);
	}
	return value == NULL;
}

/* Waits until the access log has `lines` lines. */
static inline void log_until(struct client *client, unsigned lines)
{
	struct fixture *fixture = client->fixture;
	uint64_t until_ms = clock_ms() + PATIENCE_MS;
	for (;;) {
		char bytes[4096];
		ssize_t count;
		unsigned have = 0;
		int fd = open(fixture->log_path, O_RDONLY);
		assert_true(fd >= 0);
		text_clear(&fixture->log);
		while ((count = read(fd, bytes, sizeof(bytes))) > 0)
			text_add(&fixture->log, str_make(bytes, (size_t)count));
		close(fd);
		for (size_t i = 0; i < fixture->log.len; i++)
			have += fixture->log.at[i] == '\n';
		if (have >= lines)
			return;
		assert_true(clock_ms() < until_ms);
		turn(client, 5);
	}
}

/* Whether the line `number` (from 0) of the log has a text; log_until was called. */
static inline bool log_has(const struct fixture *fixture, unsigned number, const char *text)
{
	struct str rest = text_str(&fixture->log), line = STR_EMPTY;
	for (unsigned i = 0; i <= number; i++)
		line = str_cut(&rest, '\n');
	return line.len > 0 && memmem(line.at, line.len, text, strlen(text)) != NULL;
}

static inline void assert_log_has(const struct fixture *fixture, unsigned number, const char *text)
{
	if (!log_has(fixture, number, text))
		fail_msg("line %u has no %s:\n%s", number, text, text_c(&fixture->log));
}

/* What main does before everything. */
static inline void begin(void)
{
	hash_init();
}
