/* What a later answer changes of a remembered response. */
#include "cache/update.h"

#include "base/hash.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "exchanges.h"

#define LM_A "Last-Modified: Sun, 06 Nov 1994 08:47:57 GMT\n"
#define LM_B "Last-Modified: Sun, 06 Nov 1994 08:47:58 GMT\n"

/* A head that is remembered and one that came later. */
struct pair {
	struct heads stored, later;
};

static void pair_done(struct pair *pair)
{
	heads_done(&pair->stored);
	heads_done(&pair->later);
}

static void a_304_must_speak_of_the_same_representation(void **state)
{
	(void)state;
	static const struct {
		const char *stored, *later;
		bool is_match;
	} rows[] = {
	        /* RFC 9111 4.3.4 */
	        {"ETag: \"a\"", "ETag: \"a\"", true},
	        {"ETag: \"a\"", "ETag: \"b\"", false},
	        {"ETag: W/\"a\"", "ETag: \"a\"", false},
	        {"ETag: \"a\"", "ETag: W/\"a\"", true},
	        {"ETag: W/\"a\"", "ETag: W/\"a\"", true},
	        {LM_A, "ETag: \"a\"", false},
	        {"ETag: \"a\"\n" LM_A, "ETag: \"a\"\n" LM_B, true},
	        {LM_A, LM_A, true},
	        {LM_A, LM_B, false},
	        {"ETag: \"a\"", LM_A, false},
	        {"ETag: \"a\"", "", true},
	        {LM_A, "", true},
	};
	struct pair pair = {0};
	for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
		heads_response(&pair.stored, 200, rows[i].stored);
		heads_response(&pair.later, 304, rows[i].later);
		assert_int_equal(cache_update_is_match(&pair.stored.head, &pair.later.head),
		        rows[i].is_match);
	}
	pair_done(&pair);
}

static void heads_are_merged_field_by_field(void **state)
{
	(void)state;
	static const struct {
		const char *stored, *later, *merged;
	} rows[] = {
	        /* RFC 9111 3.2 */
	        {"A: 1\nB: 2", "B: 3\nC: 4", "A: 1\nB: 3\nC: 4\n"},
	        {"A: 1\na: 2\nB: 3", "A: 4\nA: 5", "B: 3\nA: 4\nA: 5\n"},
	        {"Cache-Control: max-age=1\nVary: a", "cache-control: max-age=2",
	                "Vary: a\ncache-control: max-age=2\n"},
	        {"Content-Type: a\nETag: \"a\"", "Content-Type: b\nETag: W/\"a\"",
	                "Content-Type: b\nETag: W/\"a\"\n"},
	        /* what is not taken over */
	        {"Content-Encoding: gzip", "Content-Encoding: br\nContent-Length: 0",
	                "Content-Encoding: gzip\n"},
	        {"A: 1", "Content-Range: bytes 0-1/2\nSet-Cookie: a=b", "A: 1\n"},
	        {"A: 1\nB: 2", "Connection: B\nB: 3\nKeep-Alive: 5\nTransfer-Encoding: chunked",
	                "A: 1\nB: 2\n"},
	        /* times are those of the later answer */
	        {"Age: 5\n" DATE_10_AGO, DATE_NOW "Age: 1", DATE_NOW "Age: 1\n"},
	        {"Age: 5\n" DATE_10_AGO "A: 1", "", "A: 1\n"},
	        {"", "", ""},
	};
	struct pair pair = {0};
	struct arena arena;
	struct text got = {0};
	arena_init(&arena, NULL, 0);
	for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
		struct http_head merged;
		heads_response(&pair.stored, 203, rows[i].stored);
		heads_response(&pair.later, 304, rows[i].later);
		assert_true(
		        cache_update_merge(&pair.stored.head, &pair.later.head, &arena, &merged));
		text_clear(&got);
		for (unsigned k = 0; k < merged.count; k++)
			text_addf(&got, "%.*s: %.*s\n",
			        STR_ARG(http_head_name(&merged, &merged.fields[k])),
			        STR_ARG(http_head_value(&merged, &merged.fields[k])));
		assert_string_equal(text_c(&got), rows[i].merged);
		assert_int_equal(merged.status, 203);
	}
	text_done(&got);
	arena_reset(&arena);
	pair_done(&pair);
}

static void what_is_merged_stays_within_the_limits(void **state)
{
	(void)state;
	struct pair pair = {0};
	struct arena arena;
	struct http_head merged;
	struct text first = {0}, second = {0}, large = {0};
	arena_init(&arena, NULL, 0);
	for (unsigned i = 0; i < LIMIT_HEAD_FIELDS / 2; i++) {
		text_addf(&first, "A-%u:\n", i);
		text_addf(&second, "B-%u:\n", i);
	}
	heads_response(&pair.stored, 200, text_c(&first));
	heads_response(&pair.later, 304, text_c(&second));
	assert_true(cache_update_merge(&pair.stored.head, &pair.later.head, &arena, &merged));
	assert_int_equal(merged.count, LIMIT_HEAD_FIELDS);
	text_addf(&second, "C:\n");
	heads_response(&pair.later, 304, text_c(&second));
	assert_false(cache_update_merge(&pair.stored.head, &pair.later.head, &arena, &merged));

	text_add(&large, STR("D: "));
	for (unsigned i = 0; i < LIMIT_RESPONSE_HEAD_BYTES / 2; i++)
		text_add_char(&large, 'x');
	heads_response(&pair.later, 304, text_c(&large));
	large.at[0] = 'E';
	heads_response(&pair.stored, 200, text_c(&large));
	assert_false(cache_update_merge(&pair.stored.head, &pair.later.head, &arena, &merged));
	text_done(&first);
	text_done(&second);
	text_done(&large);
	arena_reset(&arena);
	pair_done(&pair);
}

static void an_answer_to_head_updates_or_makes_stale(void **state)
{
	(void)state;
	enum {
		NOTHING = CACHE_UPDATE_NOTHING,
		HEAD = CACHE_UPDATE_HEAD,
		STALE = CACHE_UPDATE_STALE
	};
	static const struct {
		const char *stored;
		unsigned status;
		const char *answer;
		int effect;
	} rows[] = {
	        /* RFC 9111 4.3.5; the remembered one has 100 bytes */
	        {"ETag: \"a\"", 200, "ETag: \"a\"", HEAD},
	        {"ETag: \"a\"", 200, "ETag: \"a\"\nContent-Length: 100", HEAD},
	        {"ETag: \"a\"", 200, "ETag: \"a\"\nContent-Length: 101", STALE},
	        {"ETag: \"a\"", 200, "ETag: \"b\"\nContent-Length: 100", STALE},
	        {"ETag: \"a\"", 200, "ETag: W/\"a\"", STALE},
	        {"", 200, "ETag: \"a\"", STALE},
	        {LM_A, 200, LM_A, HEAD},
	        {LM_A, 200, LM_B, STALE},
	        {"ETag: \"a\"\n" LM_A, 200, "ETag: \"a\"\n" LM_B, STALE},
	        {"", 200, "Content-Length: 99", STALE},
	        {"", 200, "Content-Length: 100", NOTHING},
	        {"ETag: \"a\"", 200, "", NOTHING},
	        {"ETag: \"a\"", 404, "ETag: \"b\"", NOTHING},
	        {"ETag: \"a\"", 200, "ETag: \"b\"\nContent-Length: x", NOTHING},
	};
	struct pair pair = {0};
	for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
		heads_response(&pair.stored, 200, rows[i].stored);
		heads_response(&pair.later, rows[i].status, rows[i].answer);
		assert_int_equal(cache_update_by_head(&pair.stored.head, 100, &pair.later.head),
		        rows[i].effect);
	}
	heads_response(&pair.stored, 404, "ETag: \"a\"");
	heads_response(&pair.later, 200, "ETag: \"a\"");
	assert_int_equal(cache_update_by_head(&pair.stored.head, 100, &pair.later.head), NOTHING);
	pair_done(&pair);
}

static void conditions_are_made_of_validators(void **state)
{
	(void)state;
	static const struct {
		const char *stored, *written, *strong;
	} rows[] = {
	        /* RFC 9111 4.3.1, RFC 9110 8.8.1 */
	        {"", "", ""},
	        {"ETag: \"a\"", "If-None-Match: \"a\"\r\n", "\"a\""},
	        {"ETag: W/\"a\"", "If-None-Match: W/\"a\"\r\n", ""},
	        {LM_A DATE_NOW, "If-Modified-Since: Sun, 06 Nov 1994 08:47:57 GMT\r\n",
	                "Sun, 06 Nov 1994 08:47:57 GMT"},
	        {LM_A, "If-Modified-Since: Sun, 06 Nov 1994 08:47:57 GMT\r\n", ""},
	        {LM_A DATE_NOW "ETag: W/\"a\"",
	                "If-None-Match: W/\"a\"\r\nIf-Modified-Since: Sun, 06 Nov 1994 08:47:57 "
	                "GMT\r\n",
	                ""},
	        {"ETag: a\nLast-Modified: b", "", ""},
	};
	struct heads heads = {0};
	for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
		char room[256];
		struct http_writer writer;
		const struct http_head *stored = heads_response(&heads, 200, rows[i].stored);
		http_writer_init(&writer, room, sizeof(room));
		bool has_any = rows[i].written[0] != '\0';
		assert_int_equal(cache_update_write_conditions(stored, &writer), has_any);
		assert_int_equal(cache_update_has_validator(stored), has_any);
		assert_str_equal(http_writer_str(&writer), str_of(rows[i].written));
		assert_str_equal(cache_update_strong_validator(stored), str_of(rows[i].strong));
		assert_str_equal(
		        cache_update_piece_validator(stored, true), str_of(rows[i].strong));
		bool is_tag = rows[i].strong[0] == '"';
		assert_str_equal(cache_update_piece_validator(stored, false),
		        is_tag ? str_of(rows[i].strong) : STR_EMPTY);
	}
	heads_done(&heads);
}

int main(void)
{
	hash_init();
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(a_304_must_speak_of_the_same_representation),
	        cmocka_unit_test(heads_are_merged_field_by_field),
	        cmocka_unit_test(what_is_merged_stays_within_the_limits),
	        cmocka_unit_test(an_answer_to_head_updates_or_makes_stale),
	        cmocka_unit_test(conditions_are_made_of_validators),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
