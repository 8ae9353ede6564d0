/*
 * A sorted list: a domain has some twenty cells that are not 0.
 */
#include "base/sums.h"

#include "base/mem.h"

void sums_done(struct sums *sums)
{
	mem_free(sums->list);
	*sums = (struct sums){0};
}

/* Where the cell is, or would be. */
static unsigned find(const struct sums *sums, unsigned cell)
{
	unsigned low = 0, high = sums->count;
	while (low < high) {
		unsigned middle = (low + high) / 2;
		if (sums->list[middle].cell < cell)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

uint64_t sums_get(const struct sums *sums, unsigned cell)
{
	const unsigned at = find(sums, cell);
	return at < sums->count && sums->list[at].cell == cell ? sums->list[at].value : 0;
}

void sums_add(struct sums *sums, unsigned cell, uint64_t value)
{
	CHECK(cell < COUNTER_CELLS);
	const unsigned at = find(sums, cell);
	if (value == 0)
		return;
	if (at < sums->count && sums->list[at].cell == cell) {
		uint64_t *to = &sums->list[at].value;
		*to = value > UINT64_MAX - *to ? UINT64_MAX : *to + value;
		return;
	}
	if (sums->count == sums->cap) {
		sums->cap = sums->cap == 0 ? 8 : sums->cap * 2;
		sums->list = mem_resize(sums->list, sums->cap * sizeof(sums->list[0]));
	}
	memmove(&sums->list[at + 1], &sums->list[at], (sums->count - at) * sizeof(sums->list[0]));
	sums->list[at] = (struct sums_cell){cell, value};
	sums->count++;
}

void sums_merge(struct sums *sums, const struct sums *from)
{
	for (unsigned i = 0; i < from->count; i++)
		sums_add(sums, from->list[i].cell, from->list[i].value);
}

void sums_add_difference(const struct sums *before, const struct sums *after, struct sums *to)
{
	for (unsigned i = 0; i < after->count; i++) {
		const uint64_t now = after->list[i].value;
		const uint64_t then = sums_get(before, after->list[i].cell);
		sums_add(to, after->list[i].cell, now >= then ? now - then : now);
	}
}

/* The buckets of one latency stand behind each other; the first has its name. */
static bool print_latency(const struct sums *sums, unsigned at, struct text *to)
{
	enum counter_latency latency, before = COUNTER_LATENCIES;
	unsigned bucket, bucket_before;
	if (!counter_cell_is_latency(sums->list[at].cell, &latency, &bucket))
		return false;
	if (at > 0 && !counter_cell_is_latency(sums->list[at - 1].cell, &before, &bucket_before))
		before = COUNTER_LATENCIES;
	if (before == latency)
		text_add_char(to, ',');
	else
		text_addf(to, "%s%s=", at > 0 ? " " : "", counter_latency_name(latency));
	text_addf(to, "%u:%llu", bucket, (unsigned long long)sums->list[at].value);
	return true;
}

void sums_print(const struct sums *sums, struct text *to)
{
	for (unsigned i = 0; i < sums->count; i++) {
		const struct sums_cell *cell = &sums->list[i];
		if (print_latency(sums, i, to))
			continue;
		const enum counter_part part = counter_cell_part(cell->cell);
		enum fault fault;
		const bool is_fault = counter_cell_is_fault(cell->cell, &fault);
		if (i > 0)
			text_add_char(to, ' ');
		if (part != COUNTER_CLIENT)
			text_addf(to, "%s.", counter_part_name(part));
		text_addf(to, "%s%s=%llu", is_fault ? "faults." : "",
		        is_fault ? fault_name(fault)
		                 : counter_name(counter_cell_counter(cell->cell)),
		        (unsigned long long)cell->value);
	}
}

static bool cut_prefix(struct str *text, struct str prefix)
{
	if (!str_has_prefix(*text, prefix))
		return false;
	*text = str_make(text->at + prefix.len, text->len - prefix.len);
	return true;
}

void sums_read_latency(enum counter_latency latency, struct str text, struct sums *to)
{
	unsigned bucket;
	uint64_t count;
	while (text.len > 0 && counter_latency_next(&text, &bucket, &count))
		sums_add(to, counter_cell_of_latency(latency, bucket), count);
}

uint64_t sums_get_latency(
        const struct sums *sums, enum counter_latency latency, uint64_t ret_counts[LATENCY_BUCKETS])
{
	uint64_t all = 0;
	const unsigned first = counter_cell_of_latency(latency, 0);
	memset(ret_counts, 0, LATENCY_BUCKETS * sizeof(ret_counts[0]));
	for (unsigned i = find(sums, first); i < sums->count; i++) {
		const struct sums_cell *cell = &sums->list[i];
		if (cell->cell >= first + LATENCY_BUCKETS)
			break;
		ret_counts[cell->cell - first] = cell->value;
		all += cell->value;
	}
	return all;
}

void sums_read(struct str text, struct sums *to)
{
	while (text.len > 0) {
		struct str value = str_cut(&text, ' '), name = str_cut(&value, '=');
		enum counter_part part = cut_prefix(&name, STR("origin."))   ? COUNTER_ORIGIN
		                         : cut_prefix(&name, STR("backup.")) ? COUNTER_BACKUP
		                                                             : COUNTER_CLIENT;
		const bool is_fault = cut_prefix(&name, STR("faults."));
		enum counter_latency latency;
		unsigned cell;
		uint64_t number;
		if (counter_cell_find(part, is_fault, name, &cell) && str_to_u64(value, &number))
			sums_add(to, cell, number);
		else if (part == COUNTER_CLIENT && !is_fault &&
		         counter_latency_find(name, &latency))
			sums_read_latency(latency, value, to);
	}
}
