/*
 * The index and the way through it: bytes of index for an object by what is resident, and what a
 * put, a find that hits and one that misses cost. Objects are as small as they can be (a status
 * line, no body), so that there are many of them and what is measured is not copying.
 *
 * Usage: index [--objects N] [--finds N] [--threads N]
 */
#include "base/clock.h"
#include "base/hash.h"
#include "base/mem.h"
#include "base/random.h"
#include "cache/find.h"
#include "cache/index_private.h"
#include "cache/put.h"

#include <errno.h>
#include <getopt.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

enum { THREADS_MAX = 256, FINDS_IN_TURN = 4, RECORD_BYTES = 256, PAGE = 4096 };

struct options {
	uint64_t objects, finds, threads;
};

static struct cache_store *store;

static struct cache_key key_of(uint64_t number, char text[64])
{
	int len = snprintf(text, 64, "http://www.example.com/%010llu", (unsigned long long)number);
	return cache_key_make(store, str_make(text, (size_t)len));
}

static void put_all(uint64_t objects)
{
	static const char text[] = "HTTP/1.1 200 OK\r\n\r\n";
	const struct http_head head = {.base = text, .len = sizeof(text) - 1, .status = 200};
	const struct cache_object object = {0};
	const struct iovec body = {NULL, 0};
	struct cache_put_object put = {.object = &object,
	        .head = &head,
	        .body = &body,
	        .body_count = 1,
	        .sequence = cache_store_sequence(store)};
	for (uint64_t i = 0; i < objects; i++) {
		char key[64];
		put.key = key_of(i, key);
		if (cache_put_object(store, &put) != CACHE_PUT_DONE) {
			fprintf(stderr, "index: object %llu found no room\n",
			        (unsigned long long)i);
			exit(1);
		}
	}
}

/* ---- finds ---- */

struct finder {
	pthread_t thread;
	uint64_t finds, from, among;
	uint64_t found;
	double ns;
	bool is_hashing_only;
};

static void *find_many(void *context)
{
	struct finder *finder = context;
	struct cache_reader *reader = cache_reader_new(store);
	struct cache_entry entry;
	struct cache_variants variants;
	uint64_t sum = 0, began_us = clock_us();
	for (uint64_t i = 0; i < finder->finds; i++) {
		char text[64];
		struct cache_key key = key_of(finder->from + random_below(finder->among), text);
		if (finder->is_hashing_only)
			sum += key.hash;
		else
			finder->found +=
			        cache_find(reader, &key, &entry, &variants) == CACHE_FOUND_OBJECT;
		if (i % FINDS_IN_TURN == 0)
			cache_reader_quiet(reader);
	}
	uint64_t took_us = clock_us() - began_us;
	finder->ns = 1000.0 * (double)took_us / (double)finder->finds;
	cache_reader_free(reader);
	/* So that hashing alone is not optimised away. */
	finder->found += sum == 1;
	return NULL;
}

/* Prints the mean of the threads. */
static void find_by_threads(const struct options *options, const char *what, struct finder finder)
{
	struct finder finders[THREADS_MAX];
	double ns = 0;
	uint64_t found = 0;
	for (uint64_t i = 0; i < options->threads; i++) {
		finders[i] = finder;
		finders[i].finds = options->finds;
		if (pthread_create(&finders[i].thread, NULL, find_many, &finders[i]) != 0) {
			perror("index");
			exit(1);
		}
	}
	for (uint64_t i = 0; i < options->threads; i++) {
		pthread_join(finders[i].thread, NULL);
		ns += finders[i].ns / (double)options->threads;
		found += finders[i].found;
	}
	double share = (double)found / (double)(options->finds * options->threads);
	if (finder.is_hashing_only)
		printf("%-44s %8.0f ns\n", what, ns);
	else
		printf("%-44s %8.0f ns   %.4f found\n", what, ns, share);
}

/* ---- the index's memory ---- */

static uint64_t resident_bytes(const char *from, uint64_t bytes)
{
	uint64_t pages = (bytes + PAGE - 1) / PAGE, count = 0;
	unsigned char *is_there = mem_zero(pages);
	if (mincore((void *)(uintptr_t)from, bytes, is_there) != 0) {
		perror("index: mincore");
		exit(1);
	}
	for (uint64_t i = 0; i < pages; i++)
		count += is_there[i] & 1;
	mem_free(is_there);
	return count * PAGE;
}

/* How many entries lie in the first bucket of their hash: a find of the others touches two. */
static double share_in_first(uint64_t objects)
{
	uint64_t first = 0, all = 0;
	for (uint64_t i = 0; i < objects; i += 1 + objects / 100000) {
		char text[64];
		struct cache_key key = key_of(i, text);
		struct cache_record *record;
		_Atomic uint64_t *slot = cache_index_find(store, key.hash, &record);
		_Atomic uint64_t *bucket = cache_index_bucket(store, key.hash, 0);
		all += slot != NULL;
		first += slot != NULL && slot >= bucket && slot < bucket + CACHE_BUCKET_SLOTS;
	}
	return (double)first / (double)all;
}

static void print_memory(const struct options *options)
{
	struct cache_store_numbers numbers;
	cache_store_count(store, true, &numbers);
	const struct cache_geometry *g = &store->geometry;
	uint64_t index = resident_bytes(store->base + g->index_at, g->marks_at - g->index_at);
	uint64_t tables = resident_bytes(store->base, g->data_at) - index;
	printf("%-44s %8llu\n", "objects that can be found", (unsigned long long)numbers.objects);
	printf("%-44s %8llu\n", "dropped by full buckets", (unsigned long long)numbers.index_drops);
	printf("%-44s %8.2f bytes for each object\n", "index, resident",
	        (double)index / (double)options->objects);
	printf("%-44s %8.2f bytes for each object\n", "other tables, resident",
	        (double)tables / (double)options->objects);
	printf("%-44s %8.4f\n", "entries in their first bucket", share_in_first(options->objects));
}

/* ---- the command line ---- */

static uint64_t number_or_exit(const char *text, uint64_t most)
{
	uint64_t number;
	if (str_to_u64(str_of(text), &number) && number > 0 && number <= most)
		return number;
	fprintf(stderr, "index: %s is not a number from 1 to %llu\n", text,
	        (unsigned long long)most);
	exit(2);
}

static void read_command_line(int count, char **words, struct options *options)
{
	static const struct option known[] = {
	        {"objects", required_argument, NULL, 'o'},
	        {"finds", required_argument, NULL, 'f'},
	        {"threads", required_argument, NULL, 't'},
	        {0},
	};
	for (int word; (word = getopt_long(count, words, "", known, NULL)) >= 0;) {
		if (word == 'o')
			options->objects = number_or_exit(optarg, LIMIT_CACHE_OBJECTS_MAX);
		else if (word == 'f')
			options->finds = number_or_exit(optarg, UINT64_MAX);
		else if (word == 't')
			options->threads = number_or_exit(optarg, THREADS_MAX);
		else
			exit(2);
	}
}

int main(int count, char **words)
{
	struct options options = {.objects = 10000000, .finds = 5000000, .threads = 1};
	read_command_line(count, words, &options);
	hash_init();
	/* A tenth more than the records take, so that nothing is evicted. */
	struct cache_memory_options memory = {
	        .bytes = options.objects * RECORD_BYTES / 10 * 11 + LIMIT_CACHE_MEMORY_BYTES_MIN,
	        .objects = options.objects,
	};
	enum cache_attach why;
	store = cache_store_new(-1, &memory, &why);
	if (store == NULL) {
		fprintf(stderr, "index: %s: %s\n", cache_memory_words(why), strerror(errno));
		return 1;
	}
	uint64_t began_us = clock_us();
	put_all(options.objects);
	double put_ns = 1000.0 * (double)(clock_us() - began_us) / (double)options.objects;
	print_memory(&options);
	printf("%-44s %8.0f ns\n", "put", put_ns);

	uint64_t few = options.objects < 1000 ? options.objects : 1000;
	find_by_threads(&options, "making and hashing a key (part of the rest)",
	        (struct finder){.among = options.objects, .is_hashing_only = true});
	find_by_threads(
	        &options, "find, any of all objects", (struct finder){.among = options.objects});
	find_by_threads(&options, "find, one of 1000", (struct finder){.among = few});
	find_by_threads(&options, "find, not there",
	        (struct finder){.from = options.objects, .among = options.objects});
	cache_store_free(store);
	return 0;
}
