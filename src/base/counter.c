/*
 * The counter table, made from counter.def, and the numbers of its cells: those of a part follow
 * each other, first the counters (also those that the part does not have), then the faults. Behind
 * all parts are the buckets of latencies.
 */
#include "base/counter.h"

static const struct counter_info TABLE[COUNTERS] = {
#define COUNTER(id, side_id, text, unit_text, sentence)                                            \
	[COUNTER_##id] = {.name = (text), .unit = (unit_text), .words = (sentence)},
#include "base/counter.def"
#undef COUNTER
};

const struct counter_info *counter_info(enum counter counter)
{
	CHECK((unsigned)counter < COUNTERS);
	return &TABLE[counter];
}

const char *counter_name(enum counter counter)
{
	return counter_info(counter)->name;
}

const char *counter_part_name(enum counter_part part)
{
	static const char *const NAMES[COUNTER_PARTS] = {"client", "origin", "backup"};
	CHECK((unsigned)part < COUNTER_PARTS);
	return NAMES[part];
}

unsigned counter_cell(enum counter_part part, enum counter counter)
{
	CHECK((part == COUNTER_CLIENT) == (counter < COUNTERS_CLIENT));
	return part * COUNTER_PART_CELLS + counter;
}

unsigned counter_cell_of_fault(enum counter_part part, enum fault fault)
{
	CHECK((unsigned)fault < FAULT_COUNT);
	return part * COUNTER_PART_CELLS + COUNTERS + fault;
}

const char *counter_latency_name(enum counter_latency latency)
{
	static const char *const NAMES[COUNTER_LATENCIES] = {"first_byte", "whole"};
	CHECK((unsigned)latency < COUNTER_LATENCIES);
	return NAMES[latency];
}

bool counter_latency_find(struct str name, enum counter_latency *ret_latency)
{
	for (unsigned i = 0; i < COUNTER_LATENCIES; i++)
		if (str_is_equal(str_of(counter_latency_name((enum counter_latency)i)), name)) {
			*ret_latency = (enum counter_latency)i;
			return true;
		}
	return false;
}

bool counter_latency_next(struct str *rest, unsigned *ret_bucket, uint64_t *ret_count)
{
	struct str count = str_cut(rest, ','), bucket = str_cut(&count, ':');
	uint64_t number;
	if (!str_to_u64(bucket, &number) || number >= LATENCY_BUCKETS ||
	        !str_to_u64(count, ret_count))
		return false;
	*ret_bucket = (unsigned)number;
	return true;
}

unsigned counter_cell_of_latency(enum counter_latency latency, unsigned bucket)
{
	CHECK((unsigned)latency < COUNTER_LATENCIES && bucket < LATENCY_BUCKETS);
	return COUNTER_LATENCY_CELLS + latency * LATENCY_BUCKETS + bucket;
}

bool counter_cell_is_latency(unsigned cell, enum counter_latency *ret_latency, unsigned *ret_bucket)
{
	CHECK(cell < COUNTER_CELLS);
	if (cell < COUNTER_LATENCY_CELLS)
		return false;
	*ret_latency = (enum counter_latency)((cell - COUNTER_LATENCY_CELLS) / LATENCY_BUCKETS);
	*ret_bucket = (cell - COUNTER_LATENCY_CELLS) % LATENCY_BUCKETS;
	return true;
}

enum counter_part counter_cell_part(unsigned cell)
{
	CHECK(cell < COUNTER_CELLS);
	if (cell >= COUNTER_LATENCY_CELLS)
		return COUNTER_CLIENT;
	return (enum counter_part)(cell / COUNTER_PART_CELLS);
}

bool counter_cell_is_fault(unsigned cell, enum fault *ret_fault)
{
	const unsigned place = cell % COUNTER_PART_CELLS;
	if (place < COUNTERS || cell >= COUNTER_LATENCY_CELLS)
		return false;
	*ret_fault = (enum fault)(place - COUNTERS);
	return true;
}

enum counter counter_cell_counter(unsigned cell)
{
	CHECK(cell % COUNTER_PART_CELLS < COUNTERS && cell < COUNTER_LATENCY_CELLS);
	return (enum counter)(cell % COUNTER_PART_CELLS);
}

static bool find_fault(enum counter_part part, struct str name, unsigned *ret_cell)
{
	for (unsigned i = 0; i < FAULT_COUNT; i++)
		if (str_is_equal(str_of(fault_name((enum fault)i)), name)) {
			*ret_cell = counter_cell_of_fault(part, (enum fault)i);
			return true;
		}
	return false;
}

bool counter_cell_find(enum counter_part part, bool is_fault, struct str name, unsigned *ret_cell)
{
	const unsigned begin = part == COUNTER_CLIENT ? 0 : COUNTERS_CLIENT;
	const unsigned end = part == COUNTER_CLIENT ? COUNTERS_CLIENT : COUNTERS;
	if (is_fault)
		return find_fault(part, name, ret_cell);
	for (unsigned i = begin; i < end; i++)
		if (str_is_equal(str_of(TABLE[i].name), name)) {
			*ret_cell = counter_cell(part, (enum counter)i);
			return true;
		}
	return false;
}
