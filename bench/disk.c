/*
 * The disk tier: how fast small objects come to a disk, what a start on it knows and when, what a
 * recall costs, and how often a byte is written when more is put than the disk holds.
 *
 * Usage: disk [--objects N] [--bytes N] [--folder PATH] [--turns N]
 *
 * First `objects` objects of `bytes` are put and copied to a disk that has room for all of them.
 * Then the memory goes, and a fresh one begins with the disk. At last so much is put that a small
 * disk is written `turns` times over, by requests of which some come again.
 */
#include "cache/disk.h"
#include "base/clock.h"
#include "base/hash.h"
#include "base/mem.h"
#include "base/random.h"
#include "cache/find.h"
#include "cache/keeper.h"
#include "cache/put.h"
#include "cache/recall.h"
#include "cache/writer.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum {
	MIB = 1 << 20,
	MEMORY_MIB = 256,
	SMALL_MEMORY_MIB = 32,
	SMALL_DISK_MIB = 256,
	RECORD_BYTES = 320, /* about, of an object without its body */
	RECALLS = 20000,
	LARGE_BYTES = 60000,
	PAUSE_MS = 5,
};

struct options {
	uint64_t objects, bytes, turns;
	const char *folder;
};

static struct cache_store *store;
static char content[LIMIT_CACHE_INLINE_BYTES];

static void fail(const char *what)
{
	fprintf(stderr, "disk: %s: %s\n", what, strerror(errno));
	exit(1);
}

static void pause_ms(unsigned ms)
{
	nanosleep(&(struct timespec){.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000L}, NULL);
}

static struct cache_key key_of(uint64_t number, char text[64])
{
	int len = snprintf(text, 64, "http://www.example.com/%010llu", (unsigned long long)number);
	return cache_key_make(store, str_make(text, (size_t)len));
}

/* ---- putting and finding ---- */

/* Puts an object; the writer and the keeper get their time when there is no room. */
static void put(uint64_t number, uint64_t bytes)
{
	static const char text[] = "HTTP/1.1 200 OK\r\n\r\n";
	const struct http_head head = {.base = text, .len = sizeof(text) - 1, .status = 200};
	const struct cache_object object = {.length = bytes};
	const struct iovec body = {content, bytes};
	char key[64];
	const struct cache_put_object wanted = {
	        .key = key_of(number, key),
	        .object = &object,
	        .head = &head,
	        .body = &body,
	        .body_count = 1,
	        .sequence = cache_store_sequence(store),
	};
	enum cache_put verdict;
	while ((verdict = cache_put_object(store, &wanted)) == CACHE_PUT_FULL)
		pause_ms(1);
	if (verdict != CACHE_PUT_DONE)
		fail("a put was refused");
}

/* Whether it is found, be it after a recall. */
static bool ask(struct cache_reader *reader, uint64_t number)
{
	char text[64];
	struct cache_entry entry;
	struct cache_variants variants;
	struct cache_key key = key_of(number, text);
	enum cache_found found = cache_find(reader, &key, &entry, &variants);
	cache_reader_quiet(reader);
	if (found != CACHE_FOUND_AWAY)
		return found == CACHE_FOUND_OBJECT;
	struct cache_away away = cache_find_away(reader);
	enum cache_recall verdict;
	while ((verdict = cache_recall(store, &away)) == CACHE_RECALL_FULL)
		pause_ms(1);
	return verdict == CACHE_RECALL_DONE;
}

/* ---- a store with one disk ---- */

struct running {
	struct cache_memory_options options;
	struct cache_keeper *keeper;
	struct cache_writer *writer;
	struct cache_reader *reader;
};

static void start(struct running *running)
{
	enum cache_attach why;
	store = cache_store_new(-1, &running->options, &why);
	if (store == NULL)
		fail(cache_memory_words(why));
	running->keeper = cache_keeper_new(store);
	running->writer = cache_writer_new(store, 0);
	running->reader = cache_reader_new(store);
	if (running->keeper == NULL || running->writer == NULL || running->reader == NULL)
		fail("a thread");
}

static void stop(struct running *running)
{
	cache_writer_free(running->writer);
	cache_keeper_free(running->keeper);
	cache_reader_free(running->reader);
	cache_store_free(store);
}

static struct cache_disk_numbers numbers(void)
{
	struct cache_disk_numbers now;
	cache_disk_numbers(store, 0, &now);
	if (now.state == CACHE_DISK_FAILED) {
		errno = now.error;
		fail("the disk");
	}
	return now;
}

static void wait_until_read(void)
{
	while (numbers().state != CACHE_DISK_READY)
		pause_ms(1);
}

static void open_disk(struct running *running, const struct options *options, uint64_t bytes)
{
	char path[4096];
	snprintf(path, sizeof(path), "%s/headwater-bench-disk", options->folder);
	unlink(path);
	enum cache_disk_open verdict = cache_disk_open(path, bytes, &running->options.disks[0].fd);
	if (verdict != CACHE_DISK_OPEN_DONE)
		fail(cache_disk_open_words(verdict));
	unlink(path);
	running->options.disks[0].bytes = bytes;
	running->options.disk_count = 1;
}

/* ---- the three parts ---- */

static double seconds_since(uint64_t us)
{
	return (double)(clock_us() - us) / 1e6;
}

/* Never further ahead of the writer than the memory keeps. */
static void fill(const struct options *options)
{
	uint64_t began = clock_us(), most = (uint64_t)MEMORY_MIB * MIB / 2;
	uint64_t ahead = most / (options->bytes + RECORD_BYTES);
	for (uint64_t i = 0; i < options->objects; i++) {
		put(i, options->bytes);
		while (i % 1024 == 0 && i > numbers().copied + ahead)
			pause_ms(PAUSE_MS);
	}
	while (numbers().copied < options->objects)
		pause_ms(PAUSE_MS);
	double seconds = seconds_since(began);
	struct cache_disk_numbers now = numbers();
	printf("%-44s %10.0f objects/s, %.0f MB/s written\n", "put and copied",
	        (double)options->objects / seconds, (double)now.written_bytes / seconds / 1e6);
	printf("%-44s %10.4f\n", "bytes written for one copied",
	        (double)now.written_bytes / (double)now.copied_bytes);
}

static void start_cold(struct running *running, const struct options *options)
{
	uint64_t began = clock_us();
	start(running);
	bool is_found = ask(running->reader, options->objects);
	put(options->objects, options->bytes);
	is_found |= !ask(running->reader, options->objects);
	double serving = seconds_since(began);
	wait_until_read();
	double read = seconds_since(began);
	struct cache_store_numbers all;
	cache_store_count(store, false, &all);
	printf("%-44s %10.3f s%s\n", "cold start: serving after", serving,
	        is_found ? " (wrongly)" : "");
	printf("%-44s %10.3f s, %llu objects\n", "cold start: knows its objects after", read,
	        (unsigned long long)all.away);
}

static void recall(const struct running *running, const struct options *options)
{
	uint64_t began = clock_us(), found = 0;
	for (unsigned i = 0; i < RECALLS; i++)
		found += ask(running->reader, random_below(options->objects));
	printf("%-44s %10.1f us, %.4f found\n", "a recall (one thread)",
	        seconds_since(began) / RECALLS * 1e6, (double)found / RECALLS);
}

/* Requests like those of bench/sim: a rank by Zipf's law would need its table; a square of a draw
 * prefers the low numbers enough. */
static void turn_over(struct running *running, const struct options *options)
{
	uint64_t disk_bytes = (uint64_t)SMALL_DISK_MIB * MIB;
	open_disk(running, options, disk_bytes);
	running->options.bytes = (uint64_t)SMALL_MEMORY_MIB * MIB;
	running->options.objects = 0;
	start(running);
	wait_until_read();
	uint64_t catalogue = 4 * disk_bytes / LARGE_BYTES, requests = 0, hits = 0;
	while (numbers().written_bytes < options->turns * disk_bytes) {
		double draw = (double)random_below(1 << 30) / (1 << 30);
		uint64_t number = (uint64_t)(draw * draw * (double)catalogue);
		requests++;
		if (ask(running->reader, number))
			hits++;
		else
			put(number, LARGE_BYTES);
	}
	struct cache_disk_numbers now = numbers();
	printf("%-44s %10.4f (%llu MB copied, %llu MB again, hits %.3f)\n",
	        "bytes written for one copied, circling",
	        (double)now.written_bytes / (double)now.copied_bytes,
	        (unsigned long long)(now.copied_bytes / 1000000),
	        (unsigned long long)(now.reinserted_bytes / 1000000),
	        (double)hits / (double)requests);
	stop(running);
	close(running->options.disks[0].fd);
}

/* ---- the command line ---- */

static uint64_t number_or_exit(const char *text, uint64_t least, uint64_t most)
{
	uint64_t number;
	if (str_to_u64(str_of(text), &number) && number >= least && number <= most)
		return number;
	fprintf(stderr, "disk: %s is not a number from %llu to %llu\n", text,
	        (unsigned long long)least, (unsigned long long)most);
	exit(2);
}

static void read_command_line(int count, char **words, struct options *options)
{
	static const struct option known[] = {
	        {"objects", required_argument, NULL, 'o'},
	        {"bytes", required_argument, NULL, 'b'},
	        {"folder", required_argument, NULL, 'f'},
	        {"turns", required_argument, NULL, 't'},
	        {0},
	};
	for (int word; (word = getopt_long(count, words, "", known, NULL)) >= 0;) {
		if (word == 'o')
			options->objects = number_or_exit(optarg, 1000, 100000000);
		else if (word == 'b')
			options->bytes = number_or_exit(optarg, 1, LIMIT_CACHE_INLINE_BYTES);
		else if (word == 'f')
			options->folder = optarg;
		else if (word == 't')
			options->turns = number_or_exit(optarg, 1, 1000);
		else
			exit(2);
	}
}

int main(int count, char **words)
{
	struct options options = {
	        .objects = 10000000, .bytes = 100, .turns = 4, .folder = "/var/tmp"};
	read_command_line(count, words, &options);
	hash_init();
	struct running running = {
	        .options = {.bytes = (uint64_t)MEMORY_MIB * MIB, .objects = options.objects}};
	/* What is padded to a granule, the tables, and room to spare. */
	uint64_t disk_bytes = options.objects * (options.bytes + RECORD_BYTES + 128);
	disk_bytes = disk_bytes < 64 * MIB ? 64 * MIB : disk_bytes;
	open_disk(&running, &options, disk_bytes);
	start(&running);
	wait_until_read();
	fill(&options);
	stop(&running);
	start_cold(&running, &options);
	recall(&running, &options);
	stop(&running);
	close(running.options.disks[0].fd);
	turn_over(&running, &options);
	return 0;
}
