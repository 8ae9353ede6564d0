/*
 * A report says of each domain that has changed how far its counters are. The difference to what
 * the run said before is added to the domain; the store hears of both in one transaction, so that
 * they belong together whatever happens. Only the domains are seen by other threads.
 */
#include "base/arena.h"
#include "base/hash.h"
#include "base/limit.h"
#include "base/log.h"
#include "base/mem.h"
#include "control/stats_private.h"
#include "link/message.h"
#include "model/node.h"

/* ---- domains ---- */

static bool is_domain(const struct map_node *node, const void *key)
{
	const struct control_stats_domain *domain =
	        container_of(node, const struct control_stats_domain, node);
	return str_is_equal(str_make(domain->name, domain->name_len), *(const struct str *)key);
}

const struct control_stats_domain *control_stats_ledger_find(
        const struct control_stats_ledger *ledger, struct str name)
{
	uint64_t hash = hash_keyed(name.at, name.len);
	struct map_node *node = map_find(&ledger->domains, hash, is_domain, &name);
	return node == NULL ? NULL : container_of(node, struct control_stats_domain, node);
}

/* The domain of a name, or the one of all that are too many. */
static struct control_stats_domain *find_domain(
        struct control_stats_ledger *ledger, struct str name)
{
	uint64_t hash = hash_keyed(name.at, name.len);
	struct map_node *node = map_find(&ledger->domains, hash, is_domain, &name);
	if (node != NULL)
		return container_of(node, struct control_stats_domain, node);
	if (ledger->domains.count >= LIMIT_STATS_DOMAINS && !str_is_equal(name, STR("*")))
		return find_domain(ledger, STR("*"));
	struct control_stats_domain *domain = mem_zero(sizeof(*domain) + name.len);
	if (name.len > 0)
		memcpy(domain->name, name.at, name.len);
	domain->name_len = name.len;
	map_add(&ledger->domains, &domain->node, hash);
	list_add_last(&ledger->order, &domain->order);
	return domain;
}

/* ---- runs ---- */

static bool is_base(const struct map_node *node, const void *key)
{
	const struct control_stats_base *base =
	        container_of(node, const struct control_stats_base, node);
	return str_is_equal(str_make(base->name, base->name_len), *(const struct str *)key);
}

static void drop_bases(struct control_stats_ledger *ledger, struct control_stats_run *run)
{
	struct map_node *node = map_first(&run->bases);
	while (node != NULL) {
		struct control_stats_base *base =
		        container_of(node, struct control_stats_base, node);
		node = map_next(&run->bases, node);
		sums_done(&base->sums);
		mem_free(base);
		ledger->base_count--;
	}
	map_done(&run->bases);
	run->bases = (struct map){0};
}

static void free_run(struct control_stats_ledger *ledger, struct control_stats_run *run)
{
	drop_bases(ledger, run);
	list_remove(&run->node);
	mem_free(run);
}

static bool is_run(const struct list_node *node, struct str name)
{
	return str_is_equal(
	        str_of(container_of(node, const struct control_stats_run, node)->name), name);
}

static struct control_stats_run *find_run(struct control_stats_ledger *ledger, struct str name)
{
	struct list_node *last = list_last(&ledger->runs);
	/* Who reads them all asks for the same one again and again. */
	if (last != NULL && is_run(last, name))
		return container_of(last, struct control_stats_run, node);
	list_each (node, &ledger->runs)
		if (is_run(node, name))
			return container_of(node, struct control_stats_run, node);
	struct control_stats_run *run = mem_zero(sizeof(*run) + name.len + 1);
	memcpy(run->name, name.at, name.len);
	list_add_last(&ledger->runs, &run->node);
	return run;
}

/* Forgets who was not heard of for longest, but not `run` itself; false when there is nobody. */
static bool forget_oldest(struct control_stats_ledger *ledger, const struct control_stats_run *run)
{
	list_each (node, &ledger->runs) {
		struct control_stats_run *oldest =
		        container_of(node, struct control_stats_run, node);
		if (oldest == run)
			return false;
		if (oldest->is_gone)
			continue;
		drop_bases(ledger, oldest);
		oldest->is_gone = true;
		return true;
	}
	return false;
}

/* NULL: there are too many. */
static struct control_stats_base *find_base(
        struct control_stats_ledger *ledger, struct control_stats_run *run, struct str name)
{
	uint64_t hash = hash_keyed(name.at, name.len);
	struct map_node *node = map_find(&run->bases, hash, is_base, &name);
	if (node != NULL)
		return container_of(node, struct control_stats_base, node);
	while (ledger->base_count >= LIMIT_STATS_BASES)
		if (!forget_oldest(ledger, run))
			return NULL;
	struct control_stats_base *base = mem_zero(sizeof(*base) + name.len);
	if (name.len > 0)
		memcpy(base->name, name.at, name.len);
	base->name_len = name.len;
	map_add(&run->bases, &base->node, hash);
	ledger->base_count++;
	return base;
}

/* ---- a report ---- */

/* The counters of one part; members that are none are left out, as those of a later version. */
static void read_part(
        const struct model_node *object, enum counter_part part, bool is_fault, struct sums *to)
{
	for (const struct model_node *node = object->first; node != NULL; node = node->next) {
		enum counter_latency latency;
		unsigned cell;
		uint64_t number;
		if (node->kind == MODEL_NODE_MAPPING && !is_fault &&
		        str_is_equal(node->key, STR("faults")))
			read_part(node, part, true, to);
		else if (node->kind == MODEL_NODE_SCALAR && node->is_plain &&
		         counter_cell_find(part, is_fault, node->key, &cell) &&
		         str_to_u64(node->text, &number))
			sums_add(to, cell, number);
		else if (node->kind == MODEL_NODE_SCALAR && !node->is_plain &&
		         part == COUNTER_CLIENT && !is_fault &&
		         counter_latency_find(node->key, &latency))
			sums_read_latency(latency, node->text, to);
	}
}

static bool read_item(const struct model_node *item, struct str *ret_name, struct sums *to)
{
	const struct model_node *name = model_node_get(item, STR("domain"));
	if (name == NULL || name->kind != MODEL_NODE_SCALAR || name->is_plain ||
	        name->text.len > LIMIT_HOST_BYTES || str_find(name->text, '/') >= 0)
		return false;
	read_part(item, COUNTER_CLIENT, false, to);
	for (unsigned part = COUNTER_ORIGIN; part < COUNTER_PARTS; part++) {
		const char *key = counter_part_name((enum counter_part)part);
		const struct model_node *node = model_node_get(item, str_of(key));
		if (node != NULL && node->kind == MODEL_NODE_MAPPING)
			read_part(node, (enum counter_part)part, false, to);
	}
	*ret_name = name->text;
	return true;
}

/* Counters as they are now become a difference of the domain's. */
static void take_item(struct control_stats_ledger *ledger, struct control_stats_run *run,
        struct str name, struct sums *now)
{
	struct control_stats_base *base = find_base(ledger, run, name);
	struct sums difference = {0};
	if (base == NULL) {
		if (!ledger->is_full)
			log_error("more counters of edges than %d domains cannot be remembered; "
			          "what is more is not counted",
			        LIMIT_STATS_BASES);
		ledger->is_full = true;
		return;
	}
	sums_add_difference(&base->sums, now, &difference);
	sums_done(&base->sums);
	base->sums = *now;
	*now = (struct sums){0};
	if (difference.count > 0) {
		base->is_changed = ledger->has_something = true;
		CHECK(pthread_mutex_lock(&ledger->lock) == 0);
		struct control_stats_domain *domain = find_domain(ledger, name);
		sums_merge(&domain->total, &difference);
		sums_merge(&domain->fresh, &difference);
		pthread_mutex_unlock(&ledger->lock);
	}
	sums_done(&difference);
}

static void hear(struct control_stats_ledger *ledger, struct control_stats_run *run, uint64_t at_ms)
{
	list_remove(&run->node);
	list_add_last(&ledger->runs, &run->node);
	run->heard_ms = at_ms;
	run->is_gone = false;
	run->is_changed = true;
	/* Also where it has nothing to say: that is known of this minute, then. */
	if (at_ms / STORE_MINUTE_MS != run->saved_ms / STORE_MINUTE_MS)
		ledger->has_something = true;
	CHECK(pthread_mutex_lock(&ledger->lock) == 0);
	ledger->at_ms = at_ms;
	pthread_mutex_unlock(&ledger->lock);
}

bool control_stats_ledger_add(struct control_stats_ledger *ledger, struct str run_name,
        struct str payload, uint64_t at_ms)
{
	struct link_report_head head;
	const struct model_node *items;
	struct arena arena;
	arena_init(&arena, NULL, 0);
	bool is_right = link_message_read_report(&arena, payload, &head, &items);
	if (is_right) {
		struct control_stats_run *run = find_run(ledger, run_name);
		hear(ledger, run, at_ms);
		for (const struct model_node *item = items->first; item != NULL;
		        item = item->next) {
			struct sums now = {0};
			struct str name;
			if (read_item(item, &name, &now))
				take_item(ledger, run, name, &now);
			else
				is_right = false;
			sums_done(&now);
		}
	}
	arena_reset(&arena);
	return is_right;
}

/* ---- the store ---- */

struct loading {
	struct store_stats_run_sink sink;
	struct control_stats_ledger *ledger;
};

static void on_base(
        struct store_stats_run_sink *sink, const struct store_stats_base *read, uint64_t heard_ms)
{
	struct control_stats_ledger *ledger = container_of(sink, struct loading, sink)->ledger;
	struct control_stats_run *run = find_run(ledger, read->run);
	run->heard_ms = run->saved_ms = heard_ms;
	struct control_stats_base *base = find_base(ledger, run, read->domain);
	if (base == NULL)
		return;
	sums_done(&base->sums);
	sums_merge(&base->sums, read->sums);
}

enum store_failure control_stats_ledger_load(
        struct control_stats_ledger *ledger, struct store *store)
{
	struct loading loading = {.sink = {.on_base = on_base}, .ledger = ledger};
	return store_stats_read_runs(store, &loading.sink);
}

/* What a batch is made of. */
struct writing {
	struct store_stats_batch batch;
	struct store_stats_row *rows;
	struct store_stats_base *bases;
	struct store_stats_run *runs;
};

static void gather_domains(struct control_stats_ledger *ledger, struct writing *writing)
{
	CHECK(pthread_mutex_lock(&ledger->lock) == 0);
	writing->rows = mem_zero((ledger->domains.count + 1) * sizeof(writing->rows[0]));
	list_each (node, &ledger->order) {
		struct control_stats_domain *domain =
		        container_of(node, struct control_stats_domain, order);
		if (domain->fresh.count == 0)
			continue;
		domain->taken = domain->fresh;
		domain->fresh = (struct sums){0};
		writing->rows[writing->batch.row_count++] = (struct store_stats_row){
		        str_make(domain->name, domain->name_len), &domain->taken};
	}
	pthread_mutex_unlock(&ledger->lock);
}

static void gather_runs(struct control_stats_ledger *ledger, struct writing *writing)
{
	size_t count = 0;
	list_each (node, &ledger->runs)
		count++;
	writing->runs = mem_zero((count + 1) * sizeof(writing->runs[0]));
	writing->bases = mem_zero((ledger->base_count + 1) * sizeof(writing->bases[0]));
	list_each (node, &ledger->runs) {
		struct control_stats_run *run = container_of(node, struct control_stats_run, node);
		struct str name = str_of(run->name);
		if (run->is_changed || run->is_gone)
			writing->runs[writing->batch.run_count++] =
			        (struct store_stats_run){name, run->is_gone ? 0 : run->heard_ms};
		writing->batch.is_heard |= run->is_changed && !run->is_gone;
		for (struct map_node *at = map_first(&run->bases); at != NULL;
		        at = map_next(&run->bases, at)) {
			struct control_stats_base *base =
			        container_of(at, struct control_stats_base, node);
			if (base->is_changed)
				writing->bases[writing->batch.base_count++] =
				        (struct store_stats_base){name,
				                str_make(base->name, base->name_len), &base->sums};
		}
	}
}

/* All is written, or what was taken is fresh again. */
static void settle_domains(struct control_stats_ledger *ledger, bool is_written)
{
	CHECK(pthread_mutex_lock(&ledger->lock) == 0);
	list_each (node, &ledger->order) {
		struct control_stats_domain *domain =
		        container_of(node, struct control_stats_domain, order);
		if (!is_written)
			sums_merge(&domain->fresh, &domain->taken);
		sums_done(&domain->taken);
	}
	pthread_mutex_unlock(&ledger->lock);
}

static bool is_over(const struct control_stats_ledger *ledger, const struct control_stats_run *run)
{
	const uint64_t kept_ms = (uint64_t)LIMIT_STATS_RUN_DAYS * 24 * 60 * STORE_MINUTE_MS;
	return run->is_gone || run->heard_ms + kept_ms <= ledger->at_ms;
}

static void settle_runs(struct control_stats_ledger *ledger)
{
	list_each_safe (node, following, &ledger->runs) {
		struct control_stats_run *run = container_of(node, struct control_stats_run, node);
		run->saved_ms = run->is_changed ? run->heard_ms : run->saved_ms;
		run->is_changed = false;
		for (struct map_node *at = map_first(&run->bases); at != NULL;
		        at = map_next(&run->bases, at))
			container_of(at, struct control_stats_base, node)->is_changed = false;
		if (is_over(ledger, run))
			free_run(ledger, run);
	}
	ledger->has_something = false;
}

enum store_failure control_stats_ledger_write(
        struct control_stats_ledger *ledger, struct store *store, struct control_settings *settings)
{
	struct writing writing = {.batch = {.now_ms = ledger->at_ms,
	                                  .until_ms = control_settings_until_ms(settings,
	                                          CONTROL_SETTING_STATS_DAYS, ledger->at_ms)}};
	gather_domains(ledger, &writing);
	gather_runs(ledger, &writing);
	writing.batch.rows = writing.rows;
	writing.batch.bases = writing.bases;
	writing.batch.runs = writing.runs;
	enum store_failure failure = store_stats_add(store, &writing.batch);
	settle_domains(ledger, failure == STORE_DONE);
	if (failure == STORE_DONE)
		settle_runs(ledger);
	mem_free(writing.rows);
	mem_free(writing.bases);
	mem_free(writing.runs);
	return failure;
}

/* ---- all of it ---- */

void control_stats_ledger_init(struct control_stats_ledger *ledger)
{
	*ledger = (struct control_stats_ledger){0};
	CHECK(pthread_mutex_init(&ledger->lock, NULL) == 0);
	list_init(&ledger->order);
	list_init(&ledger->runs);
}

void control_stats_ledger_done(struct control_stats_ledger *ledger)
{
	list_each_safe (node, following, &ledger->runs)
		free_run(ledger, container_of(node, struct control_stats_run, node));
	list_each_safe (node, following, &ledger->order) {
		struct control_stats_domain *domain =
		        container_of(node, struct control_stats_domain, order);
		sums_done(&domain->total);
		sums_done(&domain->fresh);
		sums_done(&domain->taken);
		mem_free(domain);
	}
	map_done(&ledger->domains);
	pthread_mutex_destroy(&ledger->lock);
}
