/*
 * Hit ratios: the store itself (its index, segments, keeper; records with bodies are written and
 * found), LRU, and S3-FIFO that evicts single objects, on the same trace and with the same bytes.
 * An object counts in all of them as what its record takes, header and padding included; what the
 * store loses besides, to open, free and half-empty segments, is its own loss.
 *
 * With a disk behind the memory, its bytes are what the others have in all: what is recalled from
 * it is a hit, though a dearer one.
 *
 * Usage: sim [--trace NAME | --file PATH] [--sizes MIB,...] [--requests N] [--objects N] [--seed N]
 *            [--disk TIMES [--folder PATH]]
 *        traces: zipf, zipf-flat, churn, scan, once, mixed; without one all of them
 */
#include "sim_model.h"
#include "sim_trace.h"

#include "base/clock.h"
#include "base/hash.h"
#include "base/mem.h"
#include "cache/disk.h"
#include "cache/find.h"
#include "cache/keeper.h"
#include "cache/put.h"
#include "cache/recall.h"
#include "cache/store_private.h"
#include "cache/writer.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
	SIZES_MAX = 16,
	WRITER_EVERY = 64, /* puts between the turns of the disk's writer */
};

static const struct {
	const char *name;
	double skew;
	unsigned churn_percent, scan_percent, once_percent;
} TRACES[] = {
        {"zipf", 1.0, 0, 0, 0},
        {"zipf-flat", 0.7, 0, 0, 0},
        {"churn", 0.9, 20, 0, 0},
        {"scan", 0.9, 0, 25, 0},
        {"once", 0.9, 0, 0, 40},
        {"mixed", 0.9, 10, 10, 20},
};

struct options {
	const char *trace, *file, *folder;
	uint64_t requests, objects, seed;
	uint64_t disk_times; /* bytes of the disk for one of the memory; 0: no disk */
	uint64_t sizes[SIZES_MAX];
	unsigned size_count;
};

struct outcome {
	uint64_t requests, bytes;
	uint64_t hits, hit_bytes;
};

static void count(struct outcome *outcome, uint32_t bytes, bool is_hit)
{
	outcome->requests++;
	outcome->bytes += bytes;
	outcome->hits += is_hit;
	outcome->hit_bytes += is_hit ? bytes : 0;
}

static uint32_t record_bytes(uint32_t body)
{
	uint32_t bytes = (uint32_t)sizeof(struct cache_record) + body;
	return (bytes + CACHE_GRANULE - 1) & ~(CACHE_GRANULE - 1u);
}

/* ---- the store ---- */

struct store_bench {
	struct cache_store *store;
	struct cache_reader *reader;
	struct cache_memory_options options;
	uint64_t puts;
	uint64_t recalls; /* hits */
	char *body;
};

static void fail(const char *words)
{
	fprintf(stderr, "sim: %s: %s\n", words, strerror(errno));
	exit(1);
}

static void open_disk(struct store_bench *bench, const struct options *options, uint64_t bytes)
{
	char path[4096];
	snprintf(path, sizeof(path), "%s/headwater-bench-sim", options->folder);
	unlink(path);
	enum cache_disk_open verdict = cache_disk_open(path, bytes, &bench->options.disks[0].fd);
	if (verdict != CACHE_DISK_OPEN_DONE)
		fail(cache_disk_open_words(verdict));
	unlink(path);
	bench->options.disks[0].bytes = bytes;
	bench->options.disk_count = 1;
}

static void write_disk(struct store_bench *bench)
{
	while (bench->options.disk_count > 0 && cache_writer_turn(bench->store, 0, false))
		;
}

/* The body of every object is the same; nobody looks at it. */
static void store_open(struct store_bench *bench, const struct options *options, uint64_t capacity)
{
	*bench = (struct store_bench){.options.bytes = capacity};
	if (options->disk_times > 0)
		open_disk(bench, options, capacity * options->disk_times);
	enum cache_attach why;
	bench->store = cache_store_new(-1, &bench->options, &why);
	if (bench->store == NULL)
		fail(cache_memory_words(why));
	bench->reader = cache_reader_new(bench->store);
	bench->body = mem_zero(cache_store_piece_bytes(bench->store));
	write_disk(bench);
}

static void store_close(struct store_bench *bench)
{
	cache_reader_free(bench->reader);
	cache_store_free(bench->store);
	if (bench->options.disk_count > 0)
		close(bench->options.disks[0].fd);
	mem_free(bench->body);
}

/* The keeper works when it is called, and has the time between two requests for it. */
static void keep(struct store_bench *bench)
{
	if (atomic_exchange(&bench->store->shared->keeper_wanted, 0) != 0)
		while (cache_keeper_turn(bench->store))
			;
}

static bool store_ask(struct store_bench *bench, uint64_t key, uint32_t bytes)
{
	struct cache_place place;
	enum cache_found found = cache_find_piece(bench->reader, key, 0, &place);
	cache_reader_quiet(bench->reader);
	if (found == CACHE_FOUND_PIECE)
		return true;
	keep(bench);
	if (found == CACHE_FOUND_AWAY) {
		struct cache_away away = cache_find_away(bench->reader);
		if (cache_recall(bench->store, &away) == CACHE_RECALL_DONE) {
			bench->recalls++;
			return true;
		}
	}
	const struct iovec body = {bench->body, bytes};
	if (cache_put_piece(bench->store, key, 0, &body, 1) != CACHE_PUT_DONE)
		fail("the store has no room");
	if (++bench->puts % WRITER_EVERY == 0)
		write_disk(bench);
	return false;
}

/* ---- one size ---- */

static double percent(uint64_t part, uint64_t whole)
{
	return whole == 0 ? 0 : 100.0 * (double)part / (double)whole;
}

static struct outcome run_model(
        struct sim_trace *trace, struct sim_model *model, uint32_t bytes_max)
{
	struct outcome outcome = {0};
	struct sim_request request;
	sim_trace_rewind(trace);
	while (sim_trace_next(trace, &request)) {
		uint32_t body = request.bytes < bytes_max ? request.bytes : bytes_max;
		count(&outcome, body, sim_model_ask(model, request.key, record_bytes(body)));
	}
	sim_model_free(model);
	return outcome;
}

/* Bytes written for each that was put: into memory, those that eviction copies among them, or to
 * the disk. */
static double amplification_of(const struct store_bench *bench)
{
	struct cache_store_numbers numbers;
	cache_store_count(bench->store, false, &numbers);
	uint64_t written = numbers.put_bytes + numbers.reinserted_bytes;
	if (bench->options.disk_count > 0) {
		struct cache_disk_numbers disk;
		cache_disk_numbers(bench->store, 0, &disk);
		if (disk.state == CACHE_DISK_FAILED) {
			errno = disk.error;
			fail("the disk");
		}
		written = disk.written_bytes;
	}
	return numbers.put_bytes == 0 ? 0 : (double)written / (double)numbers.put_bytes;
}

static void run_size(
        struct sim_trace *trace, const char *name, const struct options *options, uint64_t capacity)
{
	struct store_bench bench;
	store_open(&bench, options, capacity);
	uint32_t bytes_max = cache_store_piece_bytes(bench.store);
	struct outcome ours = {0};
	struct sim_request request;
	uint64_t began_ms = clock_ms();
	sim_trace_rewind(trace);
	while (sim_trace_next(trace, &request)) {
		uint32_t body = request.bytes < bytes_max ? request.bytes : bytes_max;
		count(&ours, body, store_ask(&bench, request.key, body));
	}
	uint64_t took_ms = clock_ms() - began_ms;
	struct cache_store_numbers numbers;
	cache_store_count(bench.store, false, &numbers);
	double amplification = amplification_of(&bench);
	store_close(&bench);

	uint64_t models = options->disk_times > 0 ? capacity * options->disk_times : capacity;
	struct outcome lru = run_model(trace, sim_model_new_lru(models), bytes_max);
	struct outcome s3 = run_model(trace, sim_model_new_s3fifo(models), bytes_max);
	printf("%-10s %6llu %7.2f %7.2f %7.2f %7.2f %+7.2f %+7.2f   %6.2f %6.2f %6.2f  %5.2f %8llu "
	       "%6.1f\n",
	        name, (unsigned long long)(capacity >> 20), percent(ours.hits, ours.requests),
	        percent(ours.hits - bench.recalls, ours.requests), percent(lru.hits, lru.requests),
	        percent(s3.hits, s3.requests),
	        percent(ours.hits, ours.requests) - percent(lru.hits, lru.requests),
	        100 * ((double)ours.hits / (double)(s3.hits + !s3.hits) - 1),
	        percent(ours.hit_bytes, ours.bytes), percent(lru.hit_bytes, lru.bytes),
	        percent(s3.hit_bytes, s3.bytes), amplification,
	        (unsigned long long)numbers.index_drops, (double)took_ms / 1000);
	fflush(stdout);
}

static void run_trace(struct sim_trace *trace, const char *name, const struct options *options)
{
	for (unsigned i = 0; i < options->size_count; i++)
		run_size(trace, name, options, options->sizes[i] << 20);
	if (sim_trace_skipped(trace) > 0)
		printf("%s: %llu lines were no `time,key,size`\n", name,
		        (unsigned long long)sim_trace_skipped(trace));
}

/* ---- the command line ---- */

static uint64_t number_or_exit(const char *text)
{
	uint64_t number;
	if (str_to_u64(str_of(text), &number) && number > 0)
		return number;
	fprintf(stderr, "sim: %s is no number\n", text);
	exit(2);
}

static void read_sizes(struct options *options, const char *text)
{
	struct str rest = str_of(text);
	options->size_count = 0;
	while (rest.at != NULL && options->size_count < SIZES_MAX) {
		struct str word = str_cut(&rest, ',');
		uint64_t size;
		if (!str_to_u64(word, &size) || size << 20 < LIMIT_CACHE_MEMORY_BYTES_MIN) {
			fprintf(stderr, "sim: a size is a number of MiB, at least %d\n",
			        LIMIT_CACHE_MEMORY_BYTES_MIN >> 20);
			exit(2);
		}
		options->sizes[options->size_count++] = size;
	}
}

static void read_command_line(int count_of_words, char **words, struct options *options)
{
	static const struct option known[] = {
	        {"trace", required_argument, NULL, 't'},
	        {"file", required_argument, NULL, 'f'},
	        {"sizes", required_argument, NULL, 's'},
	        {"requests", required_argument, NULL, 'r'},
	        {"objects", required_argument, NULL, 'o'},
	        {"seed", required_argument, NULL, 'e'},
	        {"disk", required_argument, NULL, 'd'},
	        {"folder", required_argument, NULL, 'p'},
	        {0},
	};
	for (int word; (word = getopt_long(count_of_words, words, "", known, NULL)) >= 0;) {
		if (word == 't')
			options->trace = optarg;
		else if (word == 'f')
			options->file = optarg;
		else if (word == 's')
			read_sizes(options, optarg);
		else if (word == 'r')
			options->requests = number_or_exit(optarg);
		else if (word == 'o')
			options->objects = number_or_exit(optarg);
		else if (word == 'e')
			options->seed = number_or_exit(optarg);
		else if (word == 'd')
			options->disk_times = number_or_exit(optarg);
		else if (word == 'p')
			options->folder = optarg;
		else
			exit(2);
	}
}

static void run_file(const struct options *options)
{
	struct sim_trace *trace = sim_trace_open(options->file);
	if (trace == NULL) {
		fprintf(stderr, "sim: %s: %s\n", options->file, strerror(errno));
		exit(1);
	}
	run_trace(trace, "file", options);
	sim_trace_free(trace);
}

static void run_made(const struct options *options)
{
	for (size_t i = 0; i < ARRAY_LENGTH(TRACES); i++) {
		if (options->trace != NULL && strcmp(options->trace, TRACES[i].name) != 0)
			continue;
		const struct sim_trace_options made = {
		        .seed = options->seed,
		        .requests = options->requests,
		        .objects = options->objects,
		        .skew = TRACES[i].skew,
		        .churn_percent = TRACES[i].churn_percent,
		        .scan_percent = TRACES[i].scan_percent,
		        .once_percent = TRACES[i].once_percent,
		        .bytes_min = 400,
		        .bytes_max = 60000,
		};
		struct sim_trace *trace = sim_trace_new(&made);
		run_trace(trace, TRACES[i].name, options);
		sim_trace_free(trace);
	}
}

int main(int count_of_words, char **words)
{
	struct options options = {
	        .requests = 1000000,
	        .objects = 100000,
	        .seed = 1,
	        .folder = "/var/tmp",
	        .sizes = {16, 32, 64, 128, 256},
	        .size_count = 5,
	};
	hash_init();
	read_command_line(count_of_words, words, &options);
	printf("%-10s %6s %7s %7s %7s %7s %7s %7s   %6s %6s %6s  %5s %8s %6s\n", "trace", "MiB",
	        "ours%", "memory%", "lru%", "s3fifo%", "-lru", "s3 +-%", "bytes%", "lru", "s3fifo",
	        "ampl", "dropped", "s");
	if (options.file != NULL)
		run_file(&options);
	else
		run_made(&options);
	return 0;
}
