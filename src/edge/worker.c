/*
 * A worker is made and freed by the steward's thread; between the two only its own thread touches
 * it.
 */
#include "edge/worker.h"

#include "base/clock.h"
#include "base/mem.h"
#include "base/random.h"
#include "edge/fill.h"
#include "edge/loader.h"
#include "edge/request.h"
#include "origin/group.h"

enum { DRAIN_LOOK_MS = 20, IDLE_ORIGIN_CONNECTIONS = 256 };

static void on_request(struct serve_handler *handler, struct serve_stream *stream)
{
	struct edge_worker *worker = container_of(handler, struct edge_worker, handler);
	if (!worker->is_cut) {
		edge_request_handle(worker, stream);
		return;
	}
	/* What a request needs is being freed. */
	serve_stream_abort(stream);
	serve_stream_close(stream);
}

static void on_refused(
        struct serve_handler *handler, const struct address *client, enum fault fault)
{
	edge_request_log_refused(container_of(handler, struct edge_worker, handler), client, fault);
}

/* While draining: has everybody left, or is the time over? */
static void on_drain_timer(struct timer *timer)
{
	struct edge_worker *worker = container_of(timer, struct edge_worker, drain_timer);
	uint64_t now_ms = loop_now_ms(worker->loop);
	edge_loader_cut_idle(worker);
	bool is_done =
	        serve_server_connections(worker->server) == 0 && list_is_empty(&worker->loaders);
	if (is_done || now_ms >= worker->drain_deadline_ms) {
		loop_stop(worker->loop);
		return;
	}
	loop_timer_start(worker->loop, &worker->drain_timer, now_ms + DRAIN_LOOK_MS);
}

static struct tls_context *make_tls(const struct edge_worker_shared *shared)
{
	const struct edge_options *options = shared->options;
	if (shared->certificates == NULL)
		return NULL;
	const struct tls_site_options site = {
	        .slot = shared->certificates,
	        .profile = options->tls_profile,
	        .fallback = options->tls_fallback,
	        .tickets = shared->tickets,
	        .has_http2 = options->is_http2,
	};
	return tls_context_site(&site);
}

static struct serve_server *make_server(
        struct edge_worker *worker, const struct edge_worker_shared *shared)
{
	const struct edge_options *options = shared->options;
	struct serve_options serve = {
	        .loop = worker->loop,
	        .buffers = &worker->buffers,
	        .census = shared->census,
	        .handler = &worker->handler,
	        .tls = worker->tls,
	        .handshake_timeout_ms = options->tls_timeout_ms,
	        .is_http2 = options->is_http2,
	        .plain_h2 = (enum serve_plain_h2)options->plain_http2,
	        .proxy_protocol = options->proxy_protocol,
	        .trusted = options->trusted,
	        .trusted_count = options->trusted_count,
	        .head_timeout_ms = options->head_timeout_ms,
	        .body_timeout_ms = options->body_timeout_ms,
	        .write_timeout_ms = options->write_timeout_ms,
	        .keepalive_timeout_ms = options->keepalive_timeout_ms,
	        .rate_min = options->rate_min,
	        .head_limits =
	                {
	                        .head_bytes = options->head_bytes,
	                        .target_bytes = options->target_bytes,
	                        .fields = options->head_fields,
	                },
	        /* Every response says what the cache did (origin-pull.md section 7), and it was not
	         * asked. */
	        .refusal_lines = "X-Cache: PASS\r\n",
	};
	return serve_server_new(&serve);
}

static void on_pause(struct loop_pause *pause)
{
	cache_reader_quiet(container_of(pause, struct edge_worker, pause)->cache_reader);
}

/* The worker's part of the cache; false when there can be none. */
static bool open_cache(struct edge_worker *worker, const struct edge_worker_shared *shared)
{
	list_init(&worker->loaders);
	worker->flights = shared->flights;
	worker->unshared = shared->unshared;
	worker->recalls = shared->recalls;
	worker->loops = shared->loops;
	shared->loops[worker->index] = worker->loop;
	if (shared->cache == NULL)
		return true;
	worker->cache_reader = cache_reader_new(shared->cache);
	if (worker->cache_reader == NULL)
		return false;
	worker->cache = shared->cache;
	worker->pause.on_pause = on_pause;
	loop_add_pause(worker->loop, &worker->pause);
	return true;
}

struct edge_worker *edge_worker_new(
        const struct edge_worker_shared *shared, unsigned index, struct model_snapshot *snapshot)
{
	const struct edge_options *options = shared->options;
	struct loop *loop = loop_new();
	if (loop == NULL)
		return NULL;
	struct edge_worker *worker = mem_new(struct edge_worker);
	worker->loop = loop;
	worker->options = options;
	worker->index = index;
	worker->shared = shared->origins;
	worker->disk = shared->disk;
	worker->spool_budget = shared->spool_budget;
	worker->tail = shared->tail;
	worker->tally = edge_tally_new();
	worker->snapshot = model_snapshot_ref(snapshot);
	worker->cdn_id = str_of(options->cdn_id);
	for (unsigned minor = 0; minor < ARRAY_LENGTH(worker->via); minor++) {
		struct text via = {.at = NULL};
		text_addf(&via, "1.%u %s", minor, options->cdn_id);
		worker->via[minor] = str_make(mem_copy(via.at, via.len), via.len);
		text_done(&via);
	}
	worker->next_id = random_u64();
	worker->handler =
	        (struct serve_handler){.on_request = on_request, .on_refused = on_refused};
	worker->drain_timer.on_expire = on_drain_timer;
	list_init(&worker->requests);
	slab_init(&worker->request_slab, edge_request_bytes());
	slab_init(&worker->fill_slab, edge_fill_bytes());
	buf_pool_init(&worker->buffers, shared->budget);
	struct origin_worker_options origins = {
	        .loop = loop,
	        .buffers = &worker->buffers,
	        .shared = shared->origins,
	        .idle_max = IDLE_ORIGIN_CONNECTIONS,
	};
	worker->origins = origin_worker_new(&origins);
	if (shared->log != NULL)
		worker->log = edge_access_log_ring_new(shared->log);
	worker->tls = make_tls(shared);
	worker->server = make_server(worker, shared);
	if (!open_cache(worker, shared)) {
		edge_worker_cut(worker);
		edge_worker_free(worker);
		return NULL;
	}
	return worker;
}

void edge_worker_cut(struct edge_worker *worker)
{
	worker->is_cut = true;
	edge_request_cut_all(worker);
	edge_loader_cut_all(worker);
}

void edge_worker_free(struct edge_worker *worker)
{
	if (worker == NULL)
		return;
	serve_server_free(worker->server);
	tls_context_free(worker->tls);
	origin_worker_free(worker->origins);
	worker->server = NULL;
	worker->origins = NULL;
	loop_timer_cancel(worker->loop, &worker->drain_timer);
	if (worker->log != NULL)
		edge_access_log_ring_free(worker->log);
	/* What the disk's threads and the steward still had to say. */
	loop_turn(worker->loop, 0);
	loop_remove_pause(&worker->pause);
	edge_tally_free(worker->tally);
	cache_reader_free(worker->cache_reader);
	buf_pool_done(&worker->buffers);
	slab_done(&worker->request_slab);
	slab_done(&worker->fill_slab);
	loop_free(worker->loop);
	model_snapshot_unref(worker->snapshot);
	for (unsigned minor = 0; minor < ARRAY_LENGTH(worker->via); minor++)
		mem_free((void *)(uintptr_t)worker->via[minor].at);
	mem_free(worker);
}

void edge_worker_run(struct edge_worker *worker)
{
	loop_run(worker->loop);
}

struct str edge_worker_via(const struct edge_worker *worker, const struct http_head *head)
{
	return worker->via[head->minor > 0];
}

bool edge_worker_listen(struct edge_worker *worker)
{
	const struct edge_options *options = worker->options;
	for (unsigned i = 0; i < options->address_count; i++)
		if (!serve_server_listen(worker->server,
		            options->listeners[i * options->workers + worker->index], false))
			return false;
	for (unsigned i = 0; i < options->secure_count; i++)
		if (!serve_server_listen(worker->server,
		            options->secure_listeners[i * options->workers + worker->index], true))
			return false;
	return true;
}

void edge_worker_set_snapshot(struct edge_worker *worker, struct model_snapshot *snapshot)
{
	model_snapshot_unref(worker->snapshot);
	worker->snapshot = snapshot;
}

void edge_worker_forget(struct edge_worker *worker, const struct model_domain *domain)
{
	if (worker->origins != NULL)
		origin_group_forget(worker->origins, domain);
}

void edge_worker_drain(struct edge_worker *worker)
{
	if (worker->server == NULL)
		return; /* it has ended, and the message came after it */
	uint64_t now_ms = loop_now_ms(worker->loop);
	worker->drain_deadline_ms =
	        worker->is_draining ? now_ms : now_ms + worker->options->drain_timeout_ms;
	worker->is_draining = true;
	serve_server_drain(worker->server);
	loop_timer_start(worker->loop, &worker->drain_timer, now_ms);
}
