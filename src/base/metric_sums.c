/*
 * The samples of a family stand together, so the domains are gone through for each family.
 */
#include "base/metric_sums.h"

#include "base/hash.h"
#include "base/limit.h"
#include "base/mem.h"

#include <stdio.h>

enum { NAME_BYTES = 96 };

struct domain {
	struct list_node node;
	struct map_node name_node;
	struct sums counts;
	size_t name_len;
	char name[];
};

void metric_sums_init(struct metric_sums *sums)
{
	*sums = (struct metric_sums){0};
	list_init(&sums->domains);
}

void metric_sums_done(struct metric_sums *sums)
{
	list_each_safe (node, following, &sums->domains) {
		struct domain *domain = container_of(node, struct domain, node);
		sums_done(&domain->counts);
		mem_free(domain);
	}
	sums_done(&sums->rest);
	map_done(&sums->names);
}

void metric_sums_reset(struct metric_sums *sums)
{
	list_each (node, &sums->domains)
		sums_done(&container_of(node, struct domain, node)->counts);
	sums_done(&sums->rest);
}

static bool is_domain(const struct map_node *node, const void *key)
{
	const struct domain *domain = container_of(node, const struct domain, name_node);
	return str_is_equal(str_make(domain->name, domain->name_len), *(const struct str *)key);
}

void metric_sums_add(struct metric_sums *sums, struct str name, const struct sums *counts)
{
	const uint64_t hash = hash_keyed(name.at, name.len);
	struct map_node *node = map_find(&sums->names, hash, is_domain, &name);
	if (node != NULL) {
		sums_merge(&container_of(node, struct domain, name_node)->counts, counts);
		return;
	}
	if (sums->names.count == LIMIT_METRICS_DOMAINS || str_is_equal(name, STR("*"))) {
		sums_merge(&sums->rest, counts);
		return;
	}
	struct domain *domain = mem_zero(sizeof(*domain) + name.len);
	if (name.len > 0)
		memcpy(domain->name, name.at, name.len);
	domain->name_len = name.len;
	sums_merge(&domain->counts, counts);
	list_add_last(&sums->domains, &domain->node);
	map_add(&sums->names, &domain->name_node, hash);
}

/* ---- families ---- */

struct printing {
	const struct metric_sums *sums;
	const struct metric_writer *writer;
	const char *prefix;
	struct metric metric;
};

static void add_sample(const struct printing *printing, struct str domain, unsigned cell,
        const char *reason, uint64_t value)
{
	const enum counter_part part = counter_cell_part(cell);
	struct metric_label labels[3] = {{"domain", domain}};
	unsigned count = 1;
	if (part != COUNTER_CLIENT)
		labels[count++] = (struct metric_label){"role", str_of(counter_part_name(part))};
	if (reason != NULL)
		labels[count++] = (struct metric_label){"reason", str_of(reason)};
	metric_add(printing->writer, &printing->metric, labels, count, value);
}

/* A counter of all domains; of an origin only where there was any pull from it. */
static void add_counter(const struct printing *printing, struct str domain,
        const struct sums *counts, enum counter_part part, enum counter counter)
{
	const unsigned cell = counter_cell(part, counter);
	if (part == COUNTER_CLIENT || sums_get(counts, counter_cell(part, COUNTER_PULLS)) > 0)
		add_sample(printing, domain, cell, NULL, sums_get(counts, cell));
}

static void add_faults(const struct printing *printing, struct str domain,
        const struct sums *counts, enum counter_part part)
{
	for (unsigned i = 0; i < counts->count; i++) {
		enum fault fault;
		if (counter_cell_part(counts->list[i].cell) == part &&
		        counter_cell_is_fault(counts->list[i].cell, &fault))
			add_sample(printing, domain, counts->list[i].cell, fault_name(fault),
			        counts->list[i].value);
	}
}

/* COUNTERS stands for failures. */
static void add_cells(const struct printing *printing, struct str domain, const struct sums *counts,
        bool is_origin, enum counter counter)
{
	const enum counter_part first = is_origin ? COUNTER_ORIGIN : COUNTER_CLIENT;
	const enum counter_part last = is_origin ? COUNTER_BACKUP : COUNTER_CLIENT;
	for (unsigned part = first; part <= (unsigned)last; part++)
		if (counter == COUNTERS)
			add_faults(printing, domain, counts, (enum counter_part)part);
		else
			add_counter(printing, domain, counts, (enum counter_part)part, counter);
}

static void add_family(struct printing *printing, bool is_origin, enum counter counter)
{
	char name[NAME_BYTES];
	const bool is_faults = counter == COUNTERS;
	snprintf(name, sizeof(name), "%s%s%s", printing->prefix, is_origin ? "origin_" : "",
	        is_faults ? "failures" : counter_name(counter));
	printing->metric = (struct metric){
	        .name = name,
	        .type = METRIC_COUNTER,
	        .unit = "",
	        .words = !is_faults  ? counter_info(counter)->words
	                 : is_origin ? "attempts at origins that have failed, by their reason"
	                             : "requests that have failed, by their reason",
	};
	metric_begin(printing->writer, &printing->metric);
	list_each (node, &printing->sums->domains) {
		const struct domain *domain = container_of(node, const struct domain, node);
		add_cells(printing, str_make(domain->name, domain->name_len), &domain->counts,
		        is_origin, counter);
	}
	if (printing->sums->rest.count > 0)
		add_cells(printing, STR("*"), &printing->sums->rest, is_origin, counter);
}

void metric_sums_print(
        const struct metric_sums *sums, const char *prefix, const struct metric_writer *writer)
{
	struct printing printing = {.sums = sums, .writer = writer, .prefix = prefix};
	for (unsigned i = 0; i < COUNTERS; i++)
		add_family(&printing, i >= COUNTERS_CLIENT, (enum counter)i);
	add_family(&printing, false, COUNTERS);
	add_family(&printing, true, COUNTERS);
}
