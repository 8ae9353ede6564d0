/*
 * What the tests of the cache start from: a small memory, objects whose bodies say what they are,
 * and short forms of put and find.
 */
#pragma once

#include "base/mem.h"
#include "cache/find.h"
#include "cache/index_private.h"
#include "cache/keeper_private.h"
#include "cache/mark_private.h"
#include "cache/process_private.h"
#include "cache/purge.h"
#include "cache/put.h"
#include "cache/reader_private.h"
#include "cache/segment_private.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#define UNUSED __attribute__((unused))

static const struct cache_memory_options SMALL = {.bytes = LIMIT_CACHE_MEMORY_BYTES_MIN};

/* A memory that can be attached to, and one store. */
struct bench {
	int fd;
	struct cache_store *store;
	struct cache_reader *reader;
	uint64_t domain;
};

UNUSED static struct cache_store *attach(int fd)
{
	enum cache_attach why = CACHE_ATTACH_DONE;
	struct cache_store *store = cache_store_new(fd, &SMALL, &why);
	if (store == NULL)
		print_error("%s\n", cache_memory_words(why));
	assert_non_null(store);
	return store;
}

UNUSED static void bench_init(struct bench *bench)
{
	bench->fd = cache_memory_make(&SMALL);
	assert_true(bench->fd >= 0);
	bench->store = attach(bench->fd);
	bench->reader = cache_reader_new(bench->store);
	assert_non_null(bench->reader);
	bench->domain = cache_key_domain(bench->store, STR("a.example"));
}

UNUSED static void bench_done(struct bench *bench)
{
	cache_reader_free(bench->reader);
	cache_store_free(bench->store);
	close(bench->fd);
}

UNUSED static struct cache_store_numbers numbers_of(struct cache_store *store)
{
	struct cache_store_numbers numbers;
	cache_store_count(store, true, &numbers);
	return numbers;
}

/* ---- bodies that say what they are ---- */

/* Byte `at` of the body that number and version have. */
static inline char body_byte(uint64_t number, uint64_t version, size_t at)
{
	return (char)((number * 31 + version * 7 + at / 8 * 131 + at) & 0xff);
}

UNUSED static void body_fill(char *body, size_t len, uint64_t number, uint64_t version)
{
	for (size_t i = 0; i < len; i++)
		body[i] = body_byte(number, version, i);
	if (len >= sizeof(version))
		memcpy(body, &version, sizeof(version));
}

/* Whether it is a body of the number, of whatever version. */
UNUSED static bool body_is_right(const char *body, size_t len, uint64_t number)
{
	uint64_t version;
	if (len < sizeof(version))
		return false;
	memcpy(&version, body, sizeof(version));
	for (size_t i = sizeof(version); i < len; i++)
		if (body[i] != body_byte(number, version, i))
			return false;
	return true;
}

/* ---- objects ---- */

struct key_text {
	char text[64];
};

UNUSED static struct cache_key key_of(
        const struct cache_store *store, struct key_text *text, uint64_t number)
{
	int len = snprintf(text->text, sizeof(text->text), "http://a.example/%u/%llu",
	        (unsigned)(number % 7), (unsigned long long)number);
	return cache_key_make(store, str_make(text->text, (size_t)len));
}

UNUSED static struct http_head sample_head(struct http_field fields[4])
{
	static const char text[] = "HTTP/1.1 200 Right\r\nETag: \"x\"\r\nContent-Type: a/b\r\n\r\n";
	struct http_head head = {.fields = fields, .capacity = 4};
	size_t scanned = 0;
	enum fault fault;
	const struct http_head_limits limits = {LIMIT_RESPONSE_HEAD_BYTES, 8192, 4};
	assert_int_equal(http_head_parse_response(str_make(text, sizeof(text) - 1), &scanned,
	                         &limits, &head, &fault),
	        HTTP_PARSE_DONE);
	return head;
}

static const struct cache_object PLAIN = {
        .length = 100,
        .terms =
                {
                        .born_ms = 5000,
                        .received_ms = 6000,
                        .fresh_ms = 7000,
                        .stale_while_revalidate_s = 8,
                        .stale_if_error_s = UINT32_MAX,
                        .last_modified_s = 9,
                        .flags = CACHE_HEURISTIC,
                },
        .etag_at = 26,
        .etag_len = 3,
};

/* An object of the domain a.example with a body of `len` bytes; *put may be changed before. */
UNUSED static enum cache_put put_as(struct cache_store *store, uint64_t number, uint64_t version,
        size_t len, struct cache_put_object *put)
{
	struct http_field fields[4];
	struct http_head head = sample_head(fields);
	struct key_text text;
	char *body = mem_alloc(len);
	body_fill(body, len, number, version);
	const struct iovec parts[2] = {{body, len / 3}, {body + len / 3, len - len / 3}};
	put->key = key_of(store, &text, number);
	put->domain = cache_key_domain(store, STR("a.example"));
	if (put->object == NULL)
		put->object = &PLAIN;
	put->head = &head;
	put->body = parts;
	put->body_count = 2;
	enum cache_put verdict = cache_put_object(store, put);
	mem_free(body);
	return verdict;
}

UNUSED static enum cache_put put_number(
        struct cache_store *store, uint64_t number, uint64_t version, size_t len)
{
	struct cache_put_object put = {.id = version, .sequence = cache_store_sequence(store)};
	return put_as(store, number, version, len, &put);
}

UNUSED static enum cache_found find_number(
        struct cache_reader *reader, uint64_t number, struct cache_entry *ret_entry)
{
	struct key_text text;
	struct cache_key key = key_of(reader->store, &text, number);
	struct cache_variants variants;
	return cache_find(reader, &key, ret_entry, &variants);
}

/* Found, and all of it right. */
UNUSED static bool has_number(struct cache_reader *reader, uint64_t number)
{
	struct cache_entry entry;
	if (find_number(reader, number, &entry) != CACHE_FOUND_OBJECT)
		return false;
	assert_true(body_is_right(entry.body.at, entry.body.len, number));
	assert_int_equal(entry.head.status, 200);
	assert_true(str_is_equal(http_head_get(&entry.head, HTTP_NAME_ETAG), STR("\"x\"")));
	return true;
}

/* Has the keeper do all that can be done now. */
UNUSED static void keep_all(struct cache_store *store)
{
	for (int i = 0; i < 10000 && cache_keeper_turn(store); i++)
		;
}

/* ---- other processes ---- */

/* Runs `work` in a child with a store of its own, and returns how it ended (waitpid's status). The
 * child says with a byte that it has come to where it may be killed; 0: it is not killed. */
UNUSED static int in_child(
        int fd, void (*work)(struct cache_store *store, int ready), bool is_killed)
{
	int pipes[2];
	assert_int_equal(pipe(pipes), 0);
	pid_t child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		close(pipes[0]);
		enum cache_attach why;
		struct cache_store *store = cache_store_new(fd, &SMALL, &why);
		if (store == NULL)
			_exit(2);
		work(store, pipes[1]);
		_exit(0);
	}
	close(pipes[1]);
	char byte;
	assert_int_equal(read(pipes[0], &byte, 1), is_killed);
	if (is_killed)
		assert_int_equal(kill(child, SIGKILL), 0);
	int status;
	assert_int_equal(waitpid(child, &status, 0), child);
	close(pipes[0]);
	return status;
}

UNUSED static void say_ready_and_wait(int ready)
{
	if (write(ready, "r", 1) != 1)
		_exit(3);
	for (;;)
		pause();
}
