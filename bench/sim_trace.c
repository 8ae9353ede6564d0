/*
 * Zipf's law by rejection-inversion (Hörmann, Derflinger 1996), which needs no table. A rank is led
 * to an object by a hash; churn changes the seed of that hash, for hot ranks as for cold ones.
 *
 * A scan is a run of objects that follow one another; half of the scans are of what an earlier scan
 * has read, as a crawler or a backup does.
 */
#include "sim_trace.h"

#include "base/hash.h"
#include "base/mem.h"
#include "base/random.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum {
	PHASES = 10,
	SCAN_OBJECTS = 2000,
	SCANS_KNOWN = 50,
	LINE_BYTES = 4096,
};

/* Key spaces, so that objects of different kinds are different. */
enum space { RANKED = 1, SCANNED, ONCE };

struct sim_trace {
	struct sim_trace_options options;
	FILE *file; /* NULL: made */
	uint64_t at, skipped;
	uint64_t scan_first, scan_left, scans, once;
	double h_first, h_last, cut; /* of the rejection-inversion */
};

/* ---- Zipf ---- */

/* The integral of x^-skew, and its inverse. */
static double integral(const struct sim_trace *trace, double x)
{
	double power = 1 - trace->options.skew;
	return fabs(power) < 1e-9 ? log(x) : (pow(x, power) - 1) / power;
}

static double inverse(const struct sim_trace *trace, double y)
{
	double power = 1 - trace->options.skew;
	return fabs(power) < 1e-9 ? exp(y) : pow(1 + y * power, 1 / power);
}

static void zipf_init(struct sim_trace *trace)
{
	double skew = trace->options.skew;
	trace->h_first = integral(trace, 1.5) - 1;
	trace->h_last = integral(trace, (double)trace->options.objects + 0.5);
	trace->cut = 2 - inverse(trace, integral(trace, 2.5) - pow(2, -skew));
}

/* A rank from 1 to objects. */
static uint64_t zipf(const struct sim_trace *trace)
{
	for (;;) {
		double part = (double)(random_u64() >> 11) / (double)(1ull << 53);
		double u = trace->h_last + part * (trace->h_first - trace->h_last);
		double x = inverse(trace, u);
		double rank = floor(x + 0.5);
		if (rank < 1)
			rank = 1;
		if (rank > (double)trace->options.objects)
			rank = (double)trace->options.objects;
		if (rank - x <= trace->cut ||
		        u >= integral(trace, rank + 0.5) - pow(rank, -trace->options.skew))
			return (uint64_t)rank;
	}
}

/* ---- traces that are made ---- */

/* How often the object at this rank has been replaced by now: at each rank at moments of its own.
 */
static uint64_t replaced(const struct sim_trace *trace, uint64_t rank)
{
	uint64_t requests = trace->options.requests;
	uint64_t moment = hash_mix(rank, trace->options.seed) % requests;
	uint64_t phase = (trace->at * PHASES + moment) / requests, times = 0;
	for (uint64_t i = 1; i <= phase; i++)
		times += hash_mix(hash_mix(rank, i), trace->options.seed) % 100 <
		         trace->options.churn_percent;
	return times;
}

static uint64_t scan(struct sim_trace *trace)
{
	if (trace->scan_left == 0) {
		bool is_again = trace->scans > 0 && random_below(2) == 0;
		uint64_t known = trace->scans < SCANS_KNOWN ? trace->scans : SCANS_KNOWN;
		uint64_t which = is_again ? trace->scans - 1 - random_below(known) : trace->scans;
		trace->scans += !is_again;
		trace->scan_first = which * SCAN_OBJECTS;
		trace->scan_left = SCAN_OBJECTS;
	}
	return trace->scan_first + SCAN_OBJECTS - trace->scan_left--;
}

static uint32_t size_of(const struct sim_trace *trace, uint64_t key)
{
	double part = (double)(hash_mix(key, 99) >> 11) / (double)(1ull << 53);
	double ratio = (double)trace->options.bytes_max / trace->options.bytes_min;
	return (uint32_t)(trace->options.bytes_min * pow(ratio, part));
}

static bool next_made(struct sim_trace *trace, struct sim_request *ret_request)
{
	if (trace->at == trace->options.requests)
		return false;
	unsigned kind = (unsigned)random_below(100);
	unsigned scans = trace->options.scan_percent;
	uint64_t key;
	if (kind < scans) {
		key = hash_mix(SCANNED, scan(trace));
	} else if (kind < scans + trace->options.once_percent) {
		key = hash_mix(ONCE, trace->once++);
	} else {
		uint64_t rank = zipf(trace);
		key = hash_mix(hash_mix(RANKED, rank), replaced(trace, rank));
	}
	trace->at++;
	*ret_request = (struct sim_request){key, size_of(trace, key)};
	return true;
}

struct sim_trace *sim_trace_new(const struct sim_trace_options *options)
{
	struct sim_trace *trace = mem_new(struct sim_trace);
	trace->options = *options;
	zipf_init(trace);
	sim_trace_rewind(trace);
	return trace;
}

/* ---- files ---- */

static bool read_line(struct str line, struct sim_request *ret_request)
{
	str_cut(&line, ',');
	struct str key = str_cut(&line, ','), size = str_trim(str_cut(&line, ','));
	while (size.len > 0 && (size.at[size.len - 1] == '\n' || size.at[size.len - 1] == '\r'))
		size.len--;
	uint64_t bytes;
	if (key.len == 0 || !str_to_u64(size, &bytes))
		return false;
	ret_request->key = hash_checksum(key.at, key.len);
	ret_request->bytes = bytes < UINT32_MAX ? (uint32_t)bytes : UINT32_MAX;
	return true;
}

static bool next_read(struct sim_trace *trace, struct sim_request *ret_request)
{
	char line[LINE_BYTES];
	while (fgets(line, sizeof(line), trace->file) != NULL) {
		if (read_line(str_of(line), ret_request))
			return true;
		trace->skipped++;
	}
	return false;
}

struct sim_trace *sim_trace_open(const char *path)
{
	FILE *file = fopen(path, "r");
	if (file == NULL)
		return NULL;
	struct sim_trace *trace = mem_new(struct sim_trace);
	trace->file = file;
	return trace;
}

/* ---- both ---- */

bool sim_trace_next(struct sim_trace *trace, struct sim_request *ret_request)
{
	return trace->file != NULL ? next_read(trace, ret_request) : next_made(trace, ret_request);
}

void sim_trace_rewind(struct sim_trace *trace)
{
	trace->at = trace->skipped = 0;
	trace->scan_left = trace->scans = trace->once = 0;
	if (trace->file != NULL)
		rewind(trace->file);
	else
		random_seed(trace->options.seed);
}

uint64_t sim_trace_skipped(const struct sim_trace *trace)
{
	return trace->skipped;
}

void sim_trace_free(struct sim_trace *trace)
{
	if (trace->file != NULL)
		fclose(trace->file);
	mem_free(trace);
}
