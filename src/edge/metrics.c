/*
 * An answer is made whole when its request is there, and written as the client takes it. There are
 * few connections, so a client that does not read costs little, and is cut off in time.
 */
#include "edge/metrics.h"

#include "base/limit.h"
#include "base/list.h"
#include "base/mem.h"
#include "base/metric_sums.h"
#include "serve/server.h"

enum {
	TIMEOUT_MS = 10000,
	KEEPALIVE_MS = 120000, /* as often as somebody may come back */
	RATE_MIN = 100,
};

struct edge_metrics {
	struct edge_metrics_options options;
	struct edge_tally_sink sink;
	struct metric_sums sums; /* which domains are told stays the same */
	struct mem_budget budget;
	struct buf_pool buffers;
	struct serve_census *census;
	struct serve_handler handler;
	struct serve_server *server;
	struct list exchanges;
};

struct exchange {
	struct list_node node;
	struct edge_metrics *metrics;
	struct serve_stream *stream;
	struct loop_task task;
	struct text body;
	size_t written;
	bool is_answered;
};

/* ---- the numbers ---- */

static const struct metric TABLE[EDGE_METRICS] = {
#define METRIC(id, type_id, text, unit_text, sentence)                                             \
	[EDGE_METRIC_##id] = {.name = "headwater_edge_" text,                                      \
	        .type = METRIC_##type_id,                                                          \
	        .unit = (unit_text),                                                               \
	        .words = (sentence)},
#include "edge/metric.def"
#undef METRIC
};

static void add_faults(enum counter_part part, const uint64_t counts[FAULT_COUNT], struct sums *to)
{
	for (unsigned i = 0; i < FAULT_COUNT; i++)
		sums_add(to, counter_cell_of_fault(part, (enum fault)i), counts[i]);
}

static bool on_sum(struct edge_tally_sink *sink, const struct edge_tally_sum *sum)
{
	static const enum counter_part PARTS[MODEL_ROLES] = {
	        [MODEL_MASTER] = COUNTER_ORIGIN, [MODEL_BACKUP] = COUNTER_BACKUP};
	struct edge_metrics *metrics = container_of(sink, struct edge_metrics, sink);
	struct sums sums = {0};
	for (unsigned i = 0; i < COUNTERS_CLIENT; i++)
		sums_add(&sums, counter_cell(COUNTER_CLIENT, (enum counter)i), sum->client[i]);
	add_faults(COUNTER_CLIENT, sum->client_faults, &sums);
	for (unsigned role = 0; role < MODEL_ROLES; role++) {
		for (unsigned i = COUNTERS_CLIENT; i < COUNTERS; i++)
			sums_add(&sums, counter_cell(PARTS[role], (enum counter)i),
			        sum->origin[role][i - COUNTERS_CLIENT]);
		add_faults(PARTS[role], sum->origin_faults[role], &sums);
	}
	metric_sums_add(&metrics->sums, sum->domain, &sums);
	sums_done(&sums);
	return true;
}

static void print(struct edge_metrics *metrics, const struct metric_writer *writer)
{
	const struct edge_metrics_options *options = &metrics->options;
	uint64_t values[EDGE_METRICS] = {0};
	options->source->on_read(options->source, values);
	for (unsigned i = 0; i < EDGE_METRICS; i++)
		metric_add_one(writer, &TABLE[i], values[i]);
	metric_sums_reset(&metrics->sums);
	edge_tally_look(options->tallies, options->tally_count, &metrics->sink);
	metric_sums_print(&metrics->sums, "headwater_", writer);
	metric_end(writer);
}

/* ---- answers ---- */

struct answer {
	unsigned status;
	const char *media, *more; /* more: field lines */
};

static const char TEXT[] = "text/plain; charset=utf-8";

static struct str find_accept(const struct http_head *head)
{
	for (unsigned i = 0; i < head->count; i++)
		if (str_is_equal_nocase(http_head_name(head, &head->fields[i]), STR("Accept")))
			return http_head_value(head, &head->fields[i]);
	return STR_EMPTY;
}

static struct answer answer_metrics(struct exchange *exchange)
{
	const struct metric_writer writer = {
	        .to = &exchange->body,
	        .format = metric_format_for(find_accept(&exchange->stream->head)),
	};
	print(exchange->metrics, &writer);
	return (struct answer){200, metric_media(writer.format), ""};
}

static struct answer answer_health(struct exchange *exchange)
{
	const struct edge_metrics_options *options = &exchange->metrics->options;
	uint64_t values[EDGE_METRICS] = {0};
	options->source->on_read(options->source, values);
	const bool serves = values[EDGE_METRIC_SERVES] != 0;
	text_add(&exchange->body,
	        serves ? STR("ok\n")
	               : STR("it was not told of any domain yet, or is being stopped\n"));
	return (struct answer){serves ? 200 : 503, TEXT, ""};
}

static struct answer answer_path(struct exchange *exchange)
{
	struct str rest = exchange->stream->target.path, path = str_cut(&rest, '?');
	const unsigned method = exchange->stream->head.method;
	const bool is_metrics = str_is_equal(path, STR("/metrics"));
	if (!is_metrics && !str_is_equal(path, STR("/healthz"))) {
		text_add(&exchange->body, STR("there is /metrics, and /healthz\n"));
		return (struct answer){404, TEXT, ""};
	}
	if (method != HTTP_GET && method != HTTP_HEAD) {
		text_add(&exchange->body, STR("it can be read, and nothing else\n"));
		return (struct answer){405, TEXT, "Allow: GET, HEAD\r\n"};
	}
	return is_metrics ? answer_metrics(exchange) : answer_health(exchange);
}

static bool respond(struct exchange *exchange)
{
	struct serve_stream *stream = exchange->stream;
	const struct answer answer = answer_path(exchange);
	struct text fields = {0};
	text_addf(&fields, "Date: %.*s\r\nContent-Type: %s\r\nCache-Control: no-store\r\n%s",
	        STR_ARG(serve_server_date(exchange->metrics->server)), answer.media, answer.more);
	const struct serve_response response = {
	        .status = answer.status,
	        .added = text_str(&fields),
	        .is_bodiless = stream->head.method == HTTP_HEAD,
	        .length = exchange->body.len,
	};
	exchange->is_answered = true;
	bool is_good = serve_stream_respond(stream, &response);
	text_done(&fields);
	if (response.is_bodiless)
		exchange->written = exchange->body.len;
	return is_good;
}

static void end(struct exchange *exchange)
{
	serve_stream_close(exchange->stream);
	loop_unwake(&exchange->task);
	list_remove(&exchange->node);
	text_done(&exchange->body);
	mem_free(exchange);
}

static void on_run(struct loop_task *task)
{
	struct exchange *exchange = container_of(task, struct exchange, task);
	struct serve_stream *stream = exchange->stream;
	if (stream->is_gone || (!exchange->is_answered && !respond(exchange))) {
		end(exchange);
		return;
	}
	struct str rest = str_make(
	        exchange->body.at + exchange->written, exchange->body.len - exchange->written);
	if (rest.len > 0)
		exchange->written += serve_stream_write(stream, rest);
	if (!stream->is_gone && exchange->written < exchange->body.len)
		return;
	if (!stream->is_gone)
		serve_stream_finish(stream, NULL);
	end(exchange);
}

/* ---- all of them ---- */

static void on_request(struct serve_handler *handler, struct serve_stream *stream)
{
	struct edge_metrics *metrics = container_of(handler, struct edge_metrics, handler);
	struct exchange *exchange = mem_new(struct exchange);
	exchange->metrics = metrics;
	exchange->stream = stream;
	exchange->task.on_run = on_run;
	list_add_last(&metrics->exchanges, &exchange->node);
	stream->user = exchange;
	stream->wake = &exchange->task;
	loop_wake(metrics->options.loop, &exchange->task);
}

static void on_refused(
        struct serve_handler *handler, const struct address *client, enum fault fault)
{
	(void)handler;
	(void)client;
	(void)fault;
}

static struct serve_server *make_server(struct edge_metrics *metrics)
{
	const struct serve_options options = {
	        .loop = metrics->options.loop,
	        .buffers = &metrics->buffers,
	        .census = metrics->census,
	        .handler = &metrics->handler,
	        .head_timeout_ms = TIMEOUT_MS,
	        .body_timeout_ms = TIMEOUT_MS,
	        .write_timeout_ms = TIMEOUT_MS,
	        .keepalive_timeout_ms = KEEPALIVE_MS,
	        .rate_min = RATE_MIN,
	        .head_limits = {.head_bytes = 16384, .target_bytes = 8192, .fields = 64},
	};
	return serve_server_new(&options);
}

struct edge_metrics *edge_metrics_open(const struct edge_metrics_options *options)
{
	struct edge_metrics *metrics = mem_new(struct edge_metrics);
	metrics->options = *options;
	metrics->sink.on_sum = on_sum;
	metrics->handler =
	        (struct serve_handler){.on_request = on_request, .on_refused = on_refused};
	metrics->budget.limit = LIMIT_METRICS_BUFFER_BYTES;
	metric_sums_init(&metrics->sums);
	list_init(&metrics->exchanges);
	buf_pool_init(&metrics->buffers, &metrics->budget);
	metrics->census = serve_census_new(LIMIT_METRICS_CONNECTIONS, LIMIT_METRICS_CONNECTIONS);
	metrics->server = make_server(metrics);
	for (unsigned i = 0; i < options->listener_count; i++)
		if (!serve_server_listen(metrics->server, options->listeners[i], false)) {
			edge_metrics_close(metrics);
			return NULL;
		}
	return metrics;
}

void edge_metrics_close(struct edge_metrics *metrics)
{
	if (metrics == NULL)
		return;
	list_each_safe (node, following, &metrics->exchanges) {
		struct exchange *exchange = container_of(node, struct exchange, node);
		serve_stream_abort(exchange->stream);
		end(exchange);
	}
	serve_server_free(metrics->server);
	serve_census_free(metrics->census);
	buf_pool_done(&metrics->buffers);
	metric_sums_done(&metrics->sums);
	mem_free(metrics);
}
