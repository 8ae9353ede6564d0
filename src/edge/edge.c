/*
 * The steward makes the workers, runs the feed's and the origins' background work on its own loop,
 * and tells the workers about new snapshots and the end by messages. A worker sends the message of
 * a snapshot back when it has taken it, and one when it has drained; after the last one the
 * steward's loop stops, threads are joined, and everything is freed by one thread.
 */
#include "edge/edge.h"

#include "base/clock.h"
#include "base/limit.h"
#include "base/log.h"
#include "base/mem.h"
#include "cache/disk.h"
#include "cache/keeper.h"
#include "cache/purge.h"
#include "cache/writer.h"
#include "edge/certificates.h"
#include "edge/disks.h"
#include "edge/explain.h"
#include "edge/flights.h"
#include "edge/metrics.h"
#include "edge/purge.h"
#include "edge/readings.h"
#include "edge/recalls.h"
#include "edge/reports.h"
#include "edge/rollout.h"
#include "edge/unshared.h"
#include "edge/worker.h"
#include "link/command_listener.h"
#include "origin/shared.h"

#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

/* Recalls have threads of their own, so that no request's body waits for them; one thread reads
 * from a disk at a time, and a disk does several reads at once. */
enum { DISK_THREADS = 2, RECALL_THREADS_A_DISK = 4 };

struct worker_thread {
	struct edge *edge;
	struct edge_worker *worker;
	pthread_t thread;
	bool is_started;
	struct loop_message drain, hurry; /* to the worker: its end, and its end at once */
	struct loop_message ended;        /* to the steward */
};

/* A snapshot on its way to a worker and back, with the domains that are not in it any more. */
struct snapshot_message {
	struct loop_message message;
	struct list_node node; /* the steward's */
	struct edge *edge;
	struct edge_worker *worker;
	struct model_snapshot *snapshot;
	size_t replaced_count;
	struct model_domain *replaced[];
};

struct edge {
	struct edge_options options;
	struct link_sink sink;
	struct link_command_sink command_sink;
	struct link_command_listener *commands; /* NULL: none are taken */
	struct link_purge_sink purge_sink;
	struct origin_shared_sink origin_sink;
	struct loop *loop;
	struct mem_budget budget, spool_budget;
	struct edge_worker_shared shared;
	bool is_cache_apart;         /* the next edge's memory is another than ours */
	struct cache_keeper *keeper; /* NULL: nothing is remembered */
	struct cache_writer *writers[LIMIT_CACHE_DISKS];
	struct edge_certificates *certificates; /* NULL: no listener has TLS */
	struct edge_certificates_watcher certificates_watcher;
	struct link_certificates_sink certificates_sink;
	struct loop_message certificates_shown; /* to the steward, when others are shown */
	atomic_bool is_shown_posted;
	struct tls_tickets *tickets; /* the same, or there are no keys */
	struct edge_disks *disks;    /* NULL: there are none */
	struct disk *recall_pool;    /* the same */
	struct text purge_error;     /* of the last purge that was refused */
	struct worker_thread *threads;
	struct edge_tally **tallies; /* the workers' */
	struct edge_reports *reports;
	struct edge_explain *explain;
	struct edge_metrics *metrics; /* NULL: nobody asked for them */
	struct edge_metrics_source metrics_source;
	uint64_t began_ms; /* since 1970-01-01 UTC */
	struct model_snapshot *snapshot;
	struct edge_rollout *rollout;
	struct list news; /* snapshots on their way */
	unsigned running; /* worker threads that have not ended */
	bool is_draining;
};

static const char *state_name(enum origin_state state)
{
	switch (state) {
	case ORIGIN_USABLE:
		return "usable";
	case ORIGIN_BLOCKED:
		return "blocked";
	case ORIGIN_PROBING:
		return "probing";
	case ORIGIN_READY:
		return "ready for a trial";
	case ORIGIN_ON_TRIAL:
		return "on trial";
	case ORIGIN_RAMPING:
		return "ramping up";
	}
	return "?";
}

static void on_health(struct origin_shared_sink *sink, const struct address *address,
        struct str domain, enum origin_state from, enum origin_state to, enum fault reason,
        uint64_t for_ms)
{
	struct edge *edge = container_of(sink, struct edge, origin_sink);
	char address_text[ADDRESS_TEXT_BYTES];
	struct text line = {.at = NULL};
	text_addf(&line, "origin %s", address_format(address, address_text));
	if (domain.len > 0)
		text_addf(&line, " of %.*s", STR_ARG(domain));
	text_addf(&line, ": %s, was %s", state_name(to), state_name(from));
	if (reason != FAULT_NONE)
		text_addf(&line, " (%s)", fault_name(reason));
	if (for_ms > 0)
		text_addf(&line, " for %u s", (unsigned)((for_ms + 999) / 1000));
	log_info("%s", text_c(&line));
	text_done(&line);
	if (edge->reports != NULL)
		edge_reports_note_health(edge->reports);
}

static void on_file(struct origin_shared_sink *sink, const char *path, const char *why)
{
	(void)sink;
	if (why != NULL)
		log_error("TLS to origins: %s %s; what was read of it before, if anything, stays "
		          "in use",
		        path, why);
	else
		log_info("TLS to origins: %s was read again", path);
}

/* Tells the feed what all workers have. */
static void tell_live(struct edge *edge)
{
	uint64_t revision;
	while (edge_rollout_next(edge->rollout, &revision))
		if (edge->sink.live != NULL)
			edge->sink.live->on_live(edge->sink.live, revision);
}

/* Back on the steward's thread. */
static void on_snapshot_taken(struct loop_message *message)
{
	struct snapshot_message *news = container_of(message, struct snapshot_message, message);
	struct edge *edge = news->edge;
	edge_rollout_take(edge->rollout, news->worker->index);
	list_remove(&news->node);
	mem_free(news);
	tell_live(edge);
}

static void on_snapshot_message(struct loop_message *message)
{
	struct snapshot_message *news = container_of(message, struct snapshot_message, message);
	edge_worker_set_snapshot(news->worker, news->snapshot);
	for (size_t i = 0; i < news->replaced_count; i++) {
		edge_worker_forget(news->worker, news->replaced[i]);
		model_domain_unref(news->replaced[i]);
	}
	message->on_receive = on_snapshot_taken;
	loop_post(news->edge->loop, message);
}

/* The message for one worker. */
static struct snapshot_message *make_news(struct edge *edge, struct edge_worker *worker,
        const struct model_snapshot *old, const struct model_change *changes, size_t count)
{
	struct snapshot_message *news =
	        mem_zero(sizeof(*news) + count * sizeof(struct model_domain *));
	news->message.on_receive = on_snapshot_message;
	news->edge = edge;
	news->worker = worker;
	list_add_last(&edge->news, &news->node);
	news->snapshot = model_snapshot_ref(edge->snapshot);
	for (size_t i = 0; i < count; i++) {
		struct model_domain *domain = model_snapshot_get(old, str_of(changes[i].name));
		if (domain != NULL && domain != changes[i].domain)
			news->replaced[news->replaced_count++] = model_domain_ref(domain);
	}
	return news;
}

static void on_changes(
        struct link_sink *sink, const struct model_change *changes, size_t count, uint64_t revision)
{
	struct edge *edge = container_of(sink, struct edge, sink);
	struct model_snapshot *old = edge->snapshot;
	edge->snapshot = model_snapshot_with(old, changes, count, revision);
	edge_rollout_begin(edge->rollout, revision);
	/* First, so that workers find the files of TLS read. */
	origin_shared_set_snapshot(edge->shared.origins, edge->snapshot);
	for (unsigned i = 0; i < edge->options.workers; i++) {
		struct edge_worker *worker = edge->threads[i].worker;
		loop_post(worker->loop, &make_news(edge, worker, old, changes, count)->message);
	}
	model_snapshot_unref(old);
}

/* A line for each problem. */
static void log_refused(struct str problems)
{
	log_error("domains refused, the old ones stay");
	while (problems.len > 0) {
		struct str line = str_cut(&problems, '\n');
		if (line.len > 0)
			log_error("%.*s", STR_ARG(line));
	}
}

static void on_event(struct link_sink *sink, enum link_event event, const char *text)
{
	const struct edge *edge = container_of(sink, struct edge, sink);
	switch (event) {
	case LINK_APPLIED:
		log_info("domains: %s", text);
		break;
	case LINK_REFUSED:
		log_refused(str_of(text));
		break;
	case LINK_TROUBLE:
		/* At an end the control plane goes, too. */
		if (edge->is_draining)
			break;
		log_warning("domains: %s", text);
		break;
	case LINK_HELD:
		log_warning("domains: %s", text);
		break;
	}
}

/* The answer with these words for an error, where the next edge's memory is another than ours and
 * knows nothing of what was done here. */
static struct link_answer but_apart(
        const struct edge *edge, struct link_answer answer, struct str words)
{
	if (edge->is_cache_apart && answer.error.len == 0)
		answer.error = words;
	return answer;
}

static struct link_answer on_purge(struct link_command_sink *sink, const struct link_purge *purge)
{
	struct edge *edge = container_of(sink, struct edge, command_sink);
	if (edge->shared.cache == NULL)
		return (struct link_answer){.error = STR("this edge has no cache")};
	text_clear(&edge->purge_error);
	return but_apart(edge,
	        edge_purge(edge->shared.cache, edge->snapshot, purge, &edge->purge_error),
	        STR("it is purged, but only in the memory that this edge made for itself; purge it "
	            "again when the next edge serves, which has another"));
}

static bool is_durable(struct link_command_sink *sink, uint64_t moment)
{
	struct edge *edge = container_of(sink, struct edge, command_sink);
	return cache_disk_is_durable(edge->shared.cache, moment);
}

/* The number is not kept then (open_cache), so that the next edge is told it again. */
static struct link_answer but_told_again(const struct edge *edge, struct link_answer answer)
{
	return but_apart(edge, answer,
	        STR("it is done, but only in the memory that this edge made for itself; the next "
	            "edge, which has another, is told it again"));
}

static struct link_answer on_told_purge(
        struct link_purge_sink *sink, const struct link_purge *purge)
{
	struct edge *edge = container_of(sink, struct edge, purge_sink);
	return but_told_again(edge, edge_purge_rest(edge->shared.cache, edge->snapshot, purge));
}

static struct link_answer on_stale(struct link_purge_sink *sink)
{
	struct edge *edge = container_of(sink, struct edge, purge_sink);
	cache_purge_all(edge->shared.cache, CACHE_PURGE_SOFT);
	const struct link_answer answer = {.moment = cache_disk_moment(edge->shared.cache)};
	return but_told_again(edge, answer);
}

static bool is_told_durable(struct link_purge_sink *sink, uint64_t moment)
{
	struct edge *edge = container_of(sink, struct edge, purge_sink);
	return cache_disk_is_durable(edge->shared.cache, moment);
}

static void on_read_metrics(struct edge_metrics_source *source, uint64_t values[EDGE_METRICS])
{
	struct edge *edge = container_of(source, struct edge, metrics_source);
	const uint64_t revision = model_snapshot_revision(edge->snapshot);
	values[EDGE_METRIC_START] = edge->began_ms / 1000;
	values[EDGE_METRIC_SERVES] = revision > 0 && !edge->is_draining;
	values[EDGE_METRIC_WORKERS] = edge->options.workers;
	values[EDGE_METRIC_DOMAINS] = model_snapshot_count(edge->snapshot);
	values[EDGE_METRIC_REVISION] = revision;
	if (edge->certificates != NULL)
		values[EDGE_METRIC_CERTIFICATE_EXPIRY] =
		        edge_certificates_first_end_s(edge->certificates);
	values[EDGE_METRIC_CONNECTIONS] = serve_census_count(edge->shared.census);
	values[EDGE_METRIC_MEMORY] = atomic_load(&edge->budget.used);
	values[EDGE_METRIC_MEMORY_LIMIT] = edge->budget.limit;
	values[EDGE_METRIC_SPOOL] = atomic_load(&edge->spool_budget.used);
	values[EDGE_METRIC_SPOOL_LIMIT] = edge->spool_budget.limit;
	for (unsigned i = 0; i < edge->options.workers; i++)
		edge_readings_add_worker(edge->threads[i].worker, values);
	edge_readings_add_cache(edge->shared.cache, values);
}

static bool make_workers(struct edge *edge)
{
	unsigned count = edge->options.workers;
	edge->threads = mem_zero(count * sizeof(struct worker_thread));
	edge->tallies = mem_zero(count * sizeof(struct edge_tally *));
	for (unsigned i = 0; i < count; i++) {
		edge->threads[i].edge = edge;
		edge->threads[i].worker = edge_worker_new(&edge->shared, i, edge->snapshot);
		if (edge->threads[i].worker == NULL)
			return false;
		edge->tallies[i] = edge->threads[i].worker->tally;
	}
	return true;
}

static const int *copy_sockets(
        const int *sockets, unsigned addresses, const struct edge_options *options)
{
	size_t count = (size_t)addresses * options->workers;
	int *copy = mem_alloc(count * sizeof(int) + 1);
	if (count > 0)
		memcpy(copy, sockets, count * sizeof(int));
	return copy;
}

static void copy_strings(struct edge_options *options)
{
	const char **strings[] = {&options->spool_dir, &options->cdn_id, &options->access_log,
	        &options->dns_servers, &options->certificates, &options->tls_fallback,
	        &options->acme_dir};
	for (unsigned i = 0; i < ARRAY_LENGTH(strings); i++)
		if (*strings[i] != NULL)
			*strings[i] = mem_copy(*strings[i], strlen(*strings[i]));
	options->listeners = copy_sockets(options->listeners, options->address_count, options);
	options->secure_listeners =
	        copy_sockets(options->secure_listeners, options->secure_count, options);
	size_t trusted_bytes = options->trusted_count * sizeof(struct address_prefix);
	struct address_prefix *trusted = mem_alloc(trusted_bytes + 1);
	if (trusted_bytes > 0)
		memcpy(trusted, options->trusted, trusted_bytes);
	options->trusted = trusted;
}

static void free_strings(struct edge_options *options)
{
	mem_free((void *)(uintptr_t)options->spool_dir);
	mem_free((void *)(uintptr_t)options->cdn_id);
	mem_free((void *)(uintptr_t)options->access_log);
	mem_free((void *)(uintptr_t)options->dns_servers);
	mem_free((void *)(uintptr_t)options->certificates);
	mem_free((void *)(uintptr_t)options->tls_fallback);
	mem_free((void *)(uintptr_t)options->acme_dir);
	mem_free((void *)(uintptr_t)options->listeners);
	mem_free((void *)(uintptr_t)options->secure_listeners);
	mem_free((void *)(uintptr_t)options->trusted);
}

static bool open_log(struct edge *edge)
{
	const char *where = edge->options.access_log;
	if (where == NULL || strcmp(where, "off") == 0)
		return true;
	edge->shared.log = edge_access_log_new(where, edge->options.access_log_sample);
	if (edge->shared.log == NULL)
		log_error("access log %s cannot be opened: %m", where);
	return edge->shared.log != NULL;
}

/* On the thread that looks after them. */
static void on_certificates_shown(struct edge_certificates_watcher *watcher)
{
	struct edge *edge = container_of(watcher, struct edge, certificates_watcher);
	if (!atomic_exchange(&edge->is_shown_posted, true))
		loop_post(edge->loop, &edge->certificates_shown);
}

/* The same on the steward's. */
static void on_shown_message(struct loop_message *message)
{
	struct edge *edge = container_of(message, struct edge, certificates_shown);
	struct link_shown *shown = edge->certificates_sink.shown;
	atomic_store(&edge->is_shown_posted, false);
	struct link_certificates *list = edge_certificates_shown(edge->certificates);
	if (shown != NULL && list != NULL)
		shown->on_shown(shown, list);
	link_certificates_unref(list);
}

static void on_certificates(struct link_certificates_sink *sink, struct link_certificates *list)
{
	struct edge *edge = container_of(sink, struct edge, certificates_sink);
	edge_certificates_tell(edge->certificates, list);
}

/* What listeners of TLS need of all workers. */
static bool open_tls(struct edge *edge)
{
	const struct edge_options *options = &edge->options;
	if (options->secure_count == 0)
		return true;
	edge->certificates_watcher.on_shown = on_certificates_shown;
	edge->certificates_shown.on_receive = on_shown_message;
	edge->certificates_sink.on_certificates = on_certificates;
	edge->certificates =
	        edge_certificates_new(options->certificates, &edge->certificates_watcher);
	if (edge->certificates == NULL)
		return false;
	if (options->tickets_fd >= 0) {
		edge->tickets = tls_tickets_map(options->tickets_fd, false);
		if (edge->tickets == NULL)
			log_warning("TLS's sessions are not taken up: %m");
	}
	edge->shared.certificates = edge_certificates_slot(edge->certificates);
	edge->shared.tickets = edge->tickets;
	return true;
}

/* The disks' writers; a disk without one is read from all the same. */
static void start_writers(struct edge *edge)
{
	unsigned count = cache_disk_count(edge->shared.cache);
	for (unsigned i = 0; i < count; i++) {
		edge->writers[i] = cache_writer_new(edge->shared.cache, i);
		if (edge->writers[i] == NULL)
			log_error("nothing writes to disk %u of the cache: %m", i + 1);
	}
}

/* Attaches to the cache's memory, or does without: a cache is never why an edge does not serve. The
 * disks belong to the memory that is handed, so one that the edge makes for itself has none. What
 * was handed is the next edge's all the same, perhaps. */
static void open_cache(struct edge *edge)
{
	struct cache_memory_options memory = edge->options.cache_memory;
	const int fd = edge->options.cache_memory_fd;
	enum cache_attach why;
	edge->is_cache_apart = edge->options.is_cache_apart;
	if (memory.bytes == 0)
		return;
	struct cache_store *cache = cache_store_new(fd, &memory, &why);
	if (cache == NULL && fd >= 0) {
		log_warning("the cache begins empty: %s", cache_memory_words(why));
		memory.disk_count = 0;
		edge->is_cache_apart = true;
		cache = cache_store_new(-1, &memory, &why);
	}
	if (cache == NULL) {
		log_error("there is no cache: %s", cache_memory_words(why));
		return;
	}
	edge->keeper = cache_keeper_new(cache);
	if (edge->keeper == NULL)
		log_error("nothing keeps room in the cache: %m");
	edge->shared.cache = cache;
	edge->purge_sink.is_kept = fd >= 0 && !edge->is_cache_apart;
	/* First, or a disk that is read at once would be taken for one that was read before. */
	if (cache_disk_count(cache) > 0)
		edge->disks = edge_disks_new(edge->loop, cache);
	start_writers(edge);
}

/* What it takes to serve what the cache has on disks; before the workers. */
static void open_recalls(struct edge *edge)
{
	unsigned disks = edge->shared.cache != NULL ? cache_disk_count(edge->shared.cache) : 0;
	if (disks == 0)
		return;
	edge->recall_pool = disk_new(disks * RECALL_THREADS_A_DISK);
	struct edge_recalls_options options = {
	        .store = edge->shared.cache,
	        .disk = edge->recall_pool,
	        .loops = edge->shared.loops,
	        .worker_count = edge->options.workers,
	        .recall = cache_recall,
	};
	edge->shared.recalls = edge_recalls_new(&options);
}

/* A folder that takes no files is told now, and not by the first large upload. */
static void try_spool(const char *folder)
{
	int fd = disk_open_nameless(folder);
	if (fd < 0)
		log_warning("spool_dir %s takes no files (%m): large request bodies will be "
		            "answered 503",
		        folder);
	else
		close(fd);
}

struct edge *edge_new(const struct edge_options *options)
{
	struct edge *edge = mem_new(struct edge);
	edge->options = *options;
	copy_strings(&edge->options);
	edge->sink = (struct link_sink){.on_changes = on_changes, .on_event = on_event};
	edge->origin_sink = (struct origin_shared_sink){.on_health = on_health, .on_file = on_file};
	edge->command_sink = (struct link_command_sink){.on_purge = on_purge,
	        .is_durable = is_durable,
	        .durable_ms = LIMIT_CACHE_DISK_WAIT_MS};
	edge->purge_sink = (struct link_purge_sink){.on_purge = on_told_purge,
	        .on_stale = on_stale,
	        .is_durable = is_told_durable,
	        .durable_ms = LIMIT_CACHE_DISK_WAIT_MS};
	edge->metrics_source.on_read = on_read_metrics;
	edge->began_ms = clock_wall_ms();
	edge->budget.limit = options->memory_budget;
	edge->spool_budget.limit = options->spool_budget;
	edge->snapshot = model_snapshot_new();
	edge->rollout = edge_rollout_new(options->workers);
	list_init(&edge->news);
	edge->shared.options = &edge->options;
	edge->shared.budget = &edge->budget;
	edge->shared.spool_budget = &edge->spool_budget;
	edge->loop = loop_new();
	if (edge->loop == NULL || !open_log(edge)) {
		edge_free(edge);
		return NULL;
	}
	struct origin_shared_options origins = {
	        .health = options->health,
	        .dns_servers = edge->options.dns_servers,
	        .ttl_min_s = 5,
	        .ttl_max_s = 300,
	        .confirm_gap_ms = options->confirm_gap_ms,
	        .probe_timeout_ms = options->probe_timeout_ms,
	};
	edge->shared.origins = origin_shared_new(edge->loop, &origins, &edge->origin_sink);
	edge->shared.census =
	        serve_census_new(options->connections_max, options->connections_per_address);
	edge->shared.disk = disk_new(DISK_THREADS);
	try_spool(edge->options.spool_dir);
	edge->shared.flights = edge_flights_new();
	edge->shared.unshared = edge_unshared_new();
	edge->shared.tail = edge_tail_new();
	edge->shared.loops = mem_zero(options->workers * sizeof(struct loop *));
	open_cache(edge);
	open_recalls(edge);
	if (edge->shared.origins == NULL || !open_tls(edge) || !make_workers(edge)) {
		log_error("the machine refuses what a worker needs: %m");
		edge_free(edge);
		return NULL;
	}
	struct edge_reports_options reports = {
	        .health = origin_shared_health(edge->shared.origins),
	        .tail = edge->shared.tail,
	        .tallies = edge->tallies,
	        .tally_count = options->workers,
	};
	edge->reports = edge_reports_new(&reports);
	const struct edge_explain_options explain = {
	        .loop = edge->loop,
	        .cache = edge->shared.cache,
	        .origins = edge->shared.origins,
	        .snapshot = &edge->snapshot,
	};
	edge->explain = edge_explain_new(&explain);
	return edge;
}

/* What workers have of each other goes first, messages under way too; then they themselves. */
static void free_workers(struct edge *edge)
{
	unsigned count = edge->threads != NULL ? edge->options.workers : 0;
	for (unsigned i = 0; i < count; i++)
		if (edge->threads[i].worker != NULL)
			edge_worker_cut(edge->threads[i].worker);
	for (unsigned i = 0; i < count; i++)
		if (edge->threads[i].worker != NULL)
			loop_turn(edge->threads[i].worker->loop, 0);
	for (unsigned i = 0; i < count; i++)
		edge_worker_free(edge->threads[i].worker);
	mem_free(edge->threads);
}

void edge_free(struct edge *edge)
{
	if (edge == NULL)
		return;
	link_command_listener_close(edge->commands);
	edge_metrics_close(edge->metrics);
	disk_free(edge->shared.disk);
	edge_recalls_close(edge->shared.recalls);
	disk_free(edge->recall_pool);
	edge_reports_free(edge->reports);
	edge->reports = NULL;
	edge_explain_free(edge->explain);
	free_workers(edge);
	/* What was taken at the end, and nobody heard of. */
	list_each_safe (node, following, &edge->news)
		mem_free(container_of(node, struct snapshot_message, node));
	edge_rollout_free(edge->rollout);
	mem_free(edge->tallies);
	edge_certificates_free(edge->certificates);
	tls_tickets_unmap(edge->tickets);
	edge_tail_free(edge->shared.tail);
	edge_recalls_free(edge->shared.recalls);
	edge_disks_free(edge->disks);
	for (unsigned i = 0; i < LIMIT_CACHE_DISKS; i++)
		cache_writer_free(edge->writers[i]);
	cache_keeper_free(edge->keeper);
	cache_store_free(edge->shared.cache);
	edge_flights_free(edge->shared.flights);
	edge_unshared_free(edge->shared.unshared);
	mem_free(edge->shared.loops);
	text_done(&edge->purge_error);
	serve_census_free(edge->shared.census);
	origin_shared_free(edge->shared.origins);
	edge_access_log_free(edge->shared.log);
	model_snapshot_unref(edge->snapshot);
	if (edge->loop != NULL)
		loop_free(edge->loop);
	free_strings(&edge->options);
	mem_free(edge);
}

struct loop *edge_loop(struct edge *edge)
{
	return edge->loop;
}

struct link_sink *edge_sink(struct edge *edge)
{
	return &edge->sink;
}

struct link_purge_sink *edge_purges(struct edge *edge)
{
	return edge->shared.cache != NULL ? &edge->purge_sink : NULL;
}

struct link_report_source *edge_report_source(struct edge *edge)
{
	return edge_reports_source(edge->reports);
}

struct link_certificates_sink *edge_certificates_shower(struct edge *edge)
{
	return edge->certificates != NULL ? &edge->certificates_sink : NULL;
}

struct link_ask_sink *edge_asks(struct edge *edge)
{
	return edge_explain_sink(edge->explain);
}

bool edge_take_commands(struct edge *edge, int socket)
{
	CHECK(edge->commands == NULL);
	edge->commands = link_command_listener_open(
	        edge->loop, socket, LIMIT_COMMAND_MS, &edge->command_sink);
	if (edge->commands == NULL)
		log_error("the machine refuses to watch the socket for commands: %m");
	return edge->commands != NULL;
}

bool edge_tell_metrics(struct edge *edge, const int *sockets, unsigned count)
{
	const struct edge_metrics_options options = {
	        .loop = edge->loop,
	        .listeners = sockets,
	        .listener_count = count,
	        .tallies = edge->tallies,
	        .tally_count = edge->options.workers,
	        .source = &edge->metrics_source,
	};
	CHECK(edge->metrics == NULL);
	edge->metrics = edge_metrics_open(&options);
	if (edge->metrics == NULL)
		log_error("the machine refuses to watch the sockets for metrics: %m");
	return edge->metrics != NULL;
}

static void on_ended(struct loop_message *message)
{
	struct worker_thread *thread = container_of(message, struct worker_thread, ended);
	struct edge *edge = thread->edge;
	edge_rollout_end(edge->rollout, thread->worker->index);
	tell_live(edge);
	if (--edge->running == 0)
		loop_stop(edge->loop);
}

static void *run_worker(void *argument)
{
	struct worker_thread *thread = argument;
	edge_worker_run(thread->worker);
	thread->ended.on_receive = on_ended;
	loop_post(thread->edge->loop, &thread->ended);
	return NULL;
}

static bool start_workers(struct edge *edge)
{
	for (unsigned i = 0; i < edge->options.workers; i++) {
		struct worker_thread *thread = &edge->threads[i];
		if (!edge_worker_listen(thread->worker) ||
		        pthread_create(&thread->thread, NULL, run_worker, thread) != 0) {
			log_error("worker %u cannot be started: %m", i);
			return false;
		}
		thread->is_started = true;
		edge->running++;
	}
	return true;
}

int edge_run(struct edge *edge, void (*on_ready)(void *context), void *context)
{
	int code = EXIT_SUCCESS;
	/* So that who connects first is shown what was kept. */
	if (edge->certificates != NULL)
		edge_certificates_settle(edge->certificates);
	if (start_workers(edge)) {
		on_ready(context);
	} else {
		code = EXIT_FAILURE;
		edge_drain(edge);
	}
	if (edge->running > 0)
		loop_run(edge->loop);
	for (unsigned i = 0; i < edge->options.workers; i++)
		if (edge->threads[i].is_started)
			pthread_join(edge->threads[i].thread, NULL);
	return code;
}

static void on_drain(struct loop_message *message)
{
	struct worker_thread *thread = container_of(message, struct worker_thread, drain);
	edge_worker_drain(thread->worker);
}

static void on_hurry(struct loop_message *message)
{
	edge_worker_drain(container_of(message, struct worker_thread, hurry)->worker);
}

void edge_drain(struct edge *edge)
{
	/* Who asks from now on is answered by the edge that comes. */
	link_command_listener_close(edge->commands);
	edge->commands = NULL;
	edge_metrics_close(edge->metrics);
	edge->metrics = NULL;
	for (unsigned i = 0; i < edge->options.workers; i++) {
		struct worker_thread *thread = &edge->threads[i];
		if (!thread->is_started)
			continue;
		struct loop_message *message = edge->is_draining ? &thread->hurry : &thread->drain;
		if (message->on_receive != NULL)
			continue;
		message->on_receive = edge->is_draining ? on_hurry : on_drain;
		loop_post(thread->worker->loop, message);
	}
	edge->is_draining = true;
}

void edge_reopen_log(struct edge *edge)
{
	if (edge->shared.log != NULL)
		edge_access_log_reopen(edge->shared.log);
}
