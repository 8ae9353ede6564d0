/*
 * A question that waits for names is kept as the text of its object, and read again when it is
 * tried again.
 */
#include "edge/explain.h"

#include "base/clock.h"
#include "base/list.h"
#include "base/mem.h"
#include "edge/explanation.h"
#include "model/json.h"
#include "model/node.h"

/* The control plane waits for 2 s. */
enum { NAMES_MS = 1000, AGAIN_MS = 20 };

struct edge_explain {
	struct edge_explain_options options;
	struct link_ask_sink sink;
	struct cache_reader *reader; /* NULL: there is no cache, or no place for one more */
	struct list waits;
	struct timer again; /* for the waits */
};

/* A question that waits. */
struct wait {
	struct list_node node;
	uint64_t number, until_ms;
	struct text object;
};

static void answer(struct edge_explain *explain, uint64_t number, struct str json, struct str error)
{
	link_asked_answer(explain->sink.asked,
	        &(struct link_told){.number = number, .answer = json, .error = error});
}

/* Answers, unless it is worth waiting. */
static bool try(struct edge_explain *explain, uint64_t number, const struct link_question *question,
        bool may_wait)
{
	const struct edge_explain_options *options = &explain->options;
	struct text json = {0};
	struct arena arena;
	arena_init(&arena, NULL, 0);
	const struct edge_explanation explanation = {
	        .cache = options->cache,
	        .reader = explain->reader,
	        .origins = options->origins,
	        .snapshot = *options->snapshot,
	        .now_ms = clock_ms(),
	        .wall_ms = clock_wall_ms(),
	        .arena = &arena,
	};
	bool is_answered = !may_wait || !edge_explanation_waits(&explanation, question);
	if (is_answered) {
		edge_explanation_print(&explanation, question, &json);
		answer(explain, number, text_str(&json), STR_EMPTY);
	}
	text_done(&json);
	arena_reset(&arena);
	return is_answered;
}

static void forget(struct wait *wait)
{
	list_remove(&wait->node);
	text_done(&wait->object);
	mem_free(wait);
}

static void try_again(struct edge_explain *explain, struct wait *wait)
{
	struct model_problems problems = {0};
	struct link_question question;
	struct model_node *node;
	struct arena arena;
	arena_init(&arena, NULL, 0);
	bool is_read = model_json_read(&arena, text_str(&wait->object), &problems, &node) &&
	               link_question_read(&arena, node, &question);
	CHECK(is_read); /* it is what we have printed */
	if (try(explain, wait->number, &question, clock_ms() < wait->until_ms))
		forget(wait);
	model_problems_done(&problems);
	arena_reset(&arena);
}

static void on_again(struct timer *timer)
{
	struct edge_explain *explain = container_of(timer, struct edge_explain, again);
	list_each_safe (node, following, &explain->waits)
		try_again(explain, container_of(node, struct wait, node));
	if (!list_is_empty(&explain->waits))
		loop_timer_start(explain->options.loop, timer, clock_ms() + AGAIN_MS);
}

static void on_ask(
        struct link_ask_sink *sink, uint64_t number, struct str what, const struct model_node *node)
{
	struct edge_explain *explain = container_of(sink, struct edge_explain, sink);
	struct link_question question;
	struct arena arena;
	arena_init(&arena, NULL, 0);
	if (!str_is_equal(what, STR("explain"))) {
		answer(explain, number, STR_EMPTY, STR("nobody knows that here"));
	} else if (!link_question_read(&arena, node, &question)) {
		answer(explain, number, STR_EMPTY, STR("the question cannot be read"));
	} else if (!try(explain, number, &question, true)) {
		struct wait *wait = mem_new(struct wait);
		wait->number = number;
		wait->until_ms = clock_ms() + NAMES_MS;
		link_question_print(&question, &wait->object);
		list_add_last(&explain->waits, &wait->node);
		if (!timer_is_running(&explain->again))
			loop_timer_start(
			        explain->options.loop, &explain->again, clock_ms() + AGAIN_MS);
	}
	arena_reset(&arena);
}

static void on_forget(struct link_ask_sink *sink)
{
	struct edge_explain *explain = container_of(sink, struct edge_explain, sink);
	list_each_safe (node, following, &explain->waits)
		forget(container_of(node, struct wait, node));
	loop_timer_cancel(explain->options.loop, &explain->again);
}

struct edge_explain *edge_explain_new(const struct edge_explain_options *options)
{
	struct edge_explain *explain = mem_new(struct edge_explain);
	explain->options = *options;
	explain->sink = (struct link_ask_sink){.on_ask = on_ask, .on_forget = on_forget};
	explain->again.on_expire = on_again;
	list_init(&explain->waits);
	if (options->cache != NULL)
		explain->reader = cache_reader_new(options->cache);
	return explain;
}

void edge_explain_free(struct edge_explain *explain)
{
	if (explain == NULL)
		return;
	on_forget(&explain->sink);
	cache_reader_free(explain->reader);
	mem_free(explain);
}

struct link_ask_sink *edge_explain_sink(struct edge_explain *explain)
{
	return &explain->sink;
}
