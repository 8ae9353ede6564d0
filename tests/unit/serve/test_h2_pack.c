/* Heads are packed, and unpacked by nghttp2 to what they were. */
#include "h2_peer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>

#define FIELD(name, value) peer_field_of(STR(name), STR(value))

static struct peer_field peer_field_of(struct str name, struct str value)
{
	return (struct peer_field){http_name_of(name), name, value};
}

static struct peer *begin(uint32_t allowed)
{
	struct peer *peer = mem_new(struct peer);
	peer_begin(peer, allowed);
	return peer;
}

static void end(struct peer *peer)
{
	peer_end(peer);
	mem_free(peer);
}

static void what_is_sent_again_is_a_byte_for_each_field(void **state)
{
	(void)state;
	struct peer *peer = begin(4096);
	const struct peer_field fields[] = {
	        FIELD("Server", "nginx"),
	        FIELD("Date", "Sun, 06 Nov 1994 08:49:37 GMT"),
	        FIELD("Content-Type", "text/html; charset=utf-8"),
	        FIELD("ETag", "\"68a5c2a0-400\""),
	        FIELD("X-Mixed-Case", "of a name that nobody knows"),
	        FIELD("Strict-Transport-Security", "max-age=31536000"),
	        FIELD("Age", "7"),
	        FIELD("Via", "1.1 edge"),
	        FIELD("Vary", ""),
	        FIELD("Content-Length", "1024"),
	};
	size_t count = ARRAY_LENGTH(fields);
	peer_head(peer, 200, fields, count);
	assert_in_range(peer->length, 120, 200);
	/* Each object's own is remembered when it comes again. */
	peer_head(peer, 200, fields, count);
	assert_true(peer->length < 100);
	for (unsigned i = 0; i < 5; i++) {
		peer_head(peer, 200, fields, count);
		assert_int_equal(peer->length, 1 + count);
	}
	end(peer);
}

static void the_first_block_says_how_large_the_table_is(void **state)
{
	static const struct {
		uint32_t allowed;
		const char *bytes;
		size_t length;
	} ROWS[] = {
	        {4096, "\x3f\xe1\x07\x88", 4},
	        {1 << 30, "\x3f\xe1\x07\x88", 4},
	        {30, "\x3e\x88", 2},
	        {0, "\x20\x88", 2},
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_LENGTH(ROWS); i++) {
		struct peer *peer = begin(ROWS[i].allowed);
		peer_head(peer, 200, NULL, 0);
		assert_int_equal(peer->length, ROWS[i].length);
		assert_memory_equal(peer->block, ROWS[i].bytes, ROWS[i].length);
		peer_head(peer, 200, NULL, 0);
		assert_int_equal(peer->length, 1);
		end(peer);
	}
}

static void statuses_come_as_they_are(void **state)
{
	(void)state;
	struct peer *peer = begin(4096);
	for (unsigned status = 100; status < 1000; status++)
		peer_head(peer, status, NULL, 0);
	peer_head(peer, 404, NULL, 0);
	assert_int_equal(peer->length, 1);
	peer_head(peer, 301, NULL, 0);
	assert_int_equal(peer->length, 5);
	end(peer);
}

static void trailers_have_no_status(void **state)
{
	(void)state;
	struct peer *peer = begin(4096);
	const struct peer_field fields[] = {FIELD("X-Sum", "1")};
	peer_head(peer, 0, fields, 1);
	peer_head(peer, 0, fields, 1);
	assert_int_equal(peer->length, 1);
	peer_head(peer, 0, NULL, 0);
	assert_int_equal(peer->length, 0);
	end(peer);
}

static void many_objects_leave_what_they_have_in_common(void **state)
{
	(void)state;
	struct peer *peer = begin(4096);
	char tag[32], age[32], id[32];
	for (unsigned i = 0; i < 1000; i++) {
		snprintf(tag, sizeof(tag), "\"%08x-%u\"", i * 0x9e3779b9, i);
		snprintf(age, sizeof(age), "%u", i * 7);
		snprintf(id, sizeof(id), "%016x", i * 77777);
		const struct peer_field fields[] = {
		        FIELD("server", "nginx"),
		        FIELD("content-type", i % 2 == 0 ? "text/css" : "text/javascript"),
		        FIELD("cache-control", "public, max-age=86400"),
		        FIELD("strict-transport-security", "max-age=31536000"),
		        peer_field_of(STR("etag"), str_of(tag)),
		        peer_field_of(STR("age"), str_of(age)),
		        peer_field_of(STR("x-request-id"), str_of(id)),
		};
		peer_head(peer, 200, fields, ARRAY_LENGTH(fields));
		/* The status, what is common, and three literals whose names are known. */
		if (i > 4)
			assert_int_equal(
			        peer->length, 5 + 3 * 3 + strlen(tag) + strlen(age) + strlen(id));
	}
	end(peer);
}

static void secrets_are_remembered_by_nobody(void **state)
{
	(void)state;
	struct peer *peer = begin(4096);
	const struct peer_field fields[] = {
	        FIELD("Set-Cookie", "id=1"),
	        FIELD("Set-Cookie", "id=1"),
	        FIELD("Authorization", "Basic YTpi"),
	        FIELD("Proxy-Authenticate", "Basic"),
	};
	for (unsigned i = 0; i < 5; i++) {
		peer_head(peer, 200, fields, ARRAY_LENGTH(fields));
		assert_int_equal(peer->unmarked, 0);
		assert_int_equal(peer->pack.bytes, 0);
	}
	const struct peer_field field = FIELD("x-open", "1");
	peer_head(peer, 200, &field, 1);
	assert_int_equal(peer->unmarked, 1);
	end(peer);
}

static void several_values_of_a_name_are_all_found(void **state)
{
	(void)state;
	struct peer *peer = begin(4096);
	const struct peer_field fields[] = {
	        FIELD("Vary", "accept-encoding"),
	        FIELD("X-One", "1"),
	        FIELD("Vary", "origin"),
	        FIELD("X-One", "2"),
	        FIELD("X-Two", "1"),
	        FIELD("Vary", "accept"),
	};
	peer_head(peer, 200, fields, ARRAY_LENGTH(fields));
	for (unsigned i = 0; i < 8; i++)
		for (size_t j = 0; j < ARRAY_LENGTH(fields); j++)
			peer_head(peer, 200, &fields[j], 1);
	peer_head(peer, 200, fields, ARRAY_LENGTH(fields));
	assert_int_equal(peer->length, 1 + ARRAY_LENGTH(fields));
	end(peer);
}

static void a_peer_that_remembers_less_is_told_what_it_must_know(void **state)
{
	(void)state;
	struct peer *peer = begin(4096);
	const struct peer_field fields[] = {FIELD("X-One", "1"), FIELD("Server", "nginx")};
	peer_head(peer, 200, fields, 2);
	peer_limit(peer, 0);
	peer_limit(peer, 100);
	assert_int_equal(peer->pack.bytes, 0);
	peer_head(peer, 200, fields, 2);
	assert_memory_equal(peer->block, "\x20\x3f\x45\x88", 4);
	/* Only one has room. */
	peer_limit(peer, 50);
	peer_head(peer, 200, fields, 2);
	peer_limit(peer, 1 << 20);
	peer_head(peer, 200, fields, 2);
	peer_head(peer, 200, fields, 2);
	peer_head(peer, 200, fields, 2);
	assert_int_equal(peer->length, 3);
	end(peer);
}

/* Large entries push out others, and text is moved to the front again and again. */
static void text_is_found_wherever_it_was_moved(void **state)
{
	(void)state;
	char value[400];
	struct peer *peer = begin(4096);
	for (unsigned i = 0; i < 200; i++) {
		memset(value, (char)('a' + i % 26), sizeof(value));
		const struct peer_field fields[] = {
		        FIELD("x-small", "1"),
		        {HTTP_NAME_OTHER, STR("X-Large"), str_make(value, 20 + i * 37 % 380)},
		        {HTTP_NAME_OTHER, STR("X-Large"), str_make(value, 20 + i * 37 % 380)},
		        {HTTP_NAME_OTHER, STR("X-Large"), str_make(value, 20 + i * 37 % 380)},
		};
		peer_head(peer, 200, fields, ARRAY_LENGTH(fields));
	}
	end(peer);
}

static void long_names_and_values_are_written_in_full(void **state)
{
	static const size_t LENGTHS[] = {14, 15, 126, 127, 128, 254, 255, 16510, 16511, 20000};
	(void)state;
	struct peer *peer = begin(4096);
	char *text = mem_alloc(20000);
	memset(text, 'x', 20000);
	for (size_t i = 0; i < ARRAY_LENGTH(LENGTHS); i++) {
		const struct peer_field fields[] = {
		        {HTTP_NAME_OTHER, str_make(text, LENGTHS[i]), STR("1")},
		        {HTTP_NAME_OTHER, STR("x-y"), str_make(text, LENGTHS[i])},
		        {HTTP_NAME_SET_COOKIE, STR("set-cookie"), str_make(text, LENGTHS[i])},
		};
		peer_head(peer, 200, fields, ARRAY_LENGTH(fields));
	}
	mem_free(text);
	end(peer);
}

/* Heads at random, and settings of the peer between them. */
static void whatever_is_packed_is_what_the_peer_unpacks(void **state)
{
	static const char *const NAMES[] = {"Server", "Date", "Content-Type", "ETag", "Age", "Vary",
	        "Via", "Cache-Control", "Cache-Status", "X-Cache", "Set-Cookie", "Link",
	        "Content-Length", "x-a", "X-A", "x-b", "x-much-longer-than-the-others-are",
	        "Retry-After", "X-Headwater-Origin", "Last-Modified"};
	static const uint32_t ALLOWED[] = {0, 31, 32, 33, 64, 100, 256, 1000, 1024, 4096, 1 << 20};
	enum { SEEDS = 60, HEADS = 300, MOST = 40 };
	(void)state;
	char *text = mem_alloc(1000);
	for (unsigned i = 0; i < 1000; i++)
		text[i] = (char)('!' + i * 7 % 90);
	for (unsigned seed = 0; seed < SEEDS; seed++) {
		srand(seed);
		unsigned values = 1 + (unsigned)rand() % 60, longest = 1 + (unsigned)rand() % 700;
		struct peer *peer = begin(ALLOWED[(unsigned)rand() % ARRAY_LENGTH(ALLOWED)]);
		for (unsigned i = 0; i < HEADS; i++) {
			struct peer_field fields[MOST];
			size_t count = (unsigned)rand() % (seed % 2 == 0 ? MOST : 6);
			for (size_t j = 0; j < count; j++) {
				struct str name =
				        str_of(NAMES[(unsigned)rand() % ARRAY_LENGTH(NAMES)]);
				unsigned which = (unsigned)rand() % values;
				fields[j] = peer_field_of(
				        name, str_make(text + which * 5, which * 31 % longest));
			}
			for (unsigned j = (unsigned)rand() % 60; j < 3; j++)
				peer_limit(peer, ALLOWED[(unsigned)rand() % ARRAY_LENGTH(ALLOWED)]);
			peer_head(peer, i % 5 == 0 ? 0 : 200, fields, count);
		}
		end(peer);
	}
	mem_free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(what_is_sent_again_is_a_byte_for_each_field),
	        cmocka_unit_test(the_first_block_says_how_large_the_table_is),
	        cmocka_unit_test(statuses_come_as_they_are),
	        cmocka_unit_test(trailers_have_no_status),
	        cmocka_unit_test(many_objects_leave_what_they_have_in_common),
	        cmocka_unit_test(secrets_are_remembered_by_nobody),
	        cmocka_unit_test(several_values_of_a_name_are_all_found),
	        cmocka_unit_test(a_peer_that_remembers_less_is_told_what_it_must_know),
	        cmocka_unit_test(text_is_found_wherever_it_was_moved),
	        cmocka_unit_test(long_names_and_values_are_written_in_full),
	        cmocka_unit_test(whatever_is_packed_is_what_the_peer_unpacks),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
