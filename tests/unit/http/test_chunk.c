/* The chunked coding: what is content, where it ends, what is refused, at each split. */
#include "http/chunk.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define assert_str_equal(a, b) assert_true(str_is_equal((a), (b)))

struct result {
	enum http_chunk_event event;
	struct text content, trailers;
	size_t used; /* bytes of the input up to the end */
};

/* Decodes text that arrives as `split` bytes, then the rest in pieces of `step`. */
static struct result decode(struct str text, size_t split, size_t step)
{
	struct result result = {.event = HTTP_CHUNK_MORE};
	struct http_chunk chunk;
	http_chunk_init(&chunk);
	for (size_t at = 0, length = split;; length = step) {
		if (length > text.len - at)
			length = text.len - at;
		char *copy = test_malloc(length + 1); /* with nothing readable behind */
		memcpy(copy + 1, text.at + at, length);
		struct str input = str_make(copy + 1, length), data;
		do {
			result.event = http_chunk_next(&chunk, &input, &data);
			if (result.event == HTTP_CHUNK_DATA) {
				assert_true(data.len > 0);
				text_add(&result.content, data);
			}
		} while (result.event == HTTP_CHUNK_DATA);
		result.used = at + length - input.len;
		if (result.event == HTTP_CHUNK_MORE)
			assert_int_equal(input.len, 0);
		else /* It stays so. */
			assert_int_equal(http_chunk_next(&chunk, &input, &data), result.event);
		test_free(copy);
		at += length;
		if (result.event != HTTP_CHUNK_MORE || at == text.len)
			break;
	}
	if (result.event == HTTP_CHUNK_END)
		text_add(&result.trailers, text_str(&chunk.trailers));
	http_chunk_done(&chunk);
	return result;
}

static void result_done(struct result *result)
{
	text_done(&result->content);
	text_done(&result->trailers);
}

/* All splits in two, and pieces of one and of three bytes, give the same. */
static void check_splits(struct str text, const struct result *wanted)
{
	for (size_t step = 1; step <= 3; step += 2) {
		struct result got = decode(text, step, step);
		assert_int_equal(got.event, wanted->event);
		assert_str_equal(text_str(&got.content), text_str(&wanted->content));
		assert_str_equal(text_str(&got.trailers), text_str(&wanted->trailers));
		assert_int_equal(got.used, wanted->used);
		result_done(&got);
	}
	for (size_t split = 0; split <= text.len; split++) {
		struct result got = decode(text, split, text.len);
		assert_int_equal(got.event, wanted->event);
		assert_str_equal(text_str(&got.content), text_str(&wanted->content));
		assert_str_equal(text_str(&got.trailers), text_str(&wanted->trailers));
		if (wanted->event == HTTP_CHUNK_END)
			assert_int_equal(got.used, wanted->used);
		result_done(&got);
	}
}

static void whole_bodies_are_decoded(void **state)
{
	(void)state;
	static const struct {
		const char *text, *content, *trailers, *rest;
	} rows[] = {
	        {"0\r\n\r\n", "", "", ""},
	        {"0\r\n\r\nGET / HTTP/1.1\r\n\r\n", "", "", "GET / HTTP/1.1\r\n\r\n"},
	        {"5\r\nhello\r\n0\r\n\r\n", "hello", "", ""},
	        {"1\r\na\r\n2\r\nbc\r\n0\r\n\r\nx", "abc", "", "x"},
	        {"00000a\r\n0123456789\r\n000\r\n\r\n", "0123456789", "", ""},
	        {"000000000000000A\r\n0123456789\r\n0\r\n\r\n", "0123456789", "", ""},
	        {"3\r\n\r\n0\r\n0\r\n\r\n", "\r\n0", "", ""},
	        /* Extensions. */
	        {"1;a\r\nx\r\n0;b\r\n\r\n", "x", "", ""},
	        {"1;a=b;c;d=\"e;\t\x80 \"\r\nx\r\n0\r\n\r\n", "x", "", ""},
	        {"1;a=\"\"\r\nx\r\n0\r\n\r\n", "x", "", ""},
	        {"1;a=\"\\\"\\\\\";b\r\nx\r\n0\r\n\r\n", "x", "", ""},
	        /* Trailers. */
	        {"0\r\na: b\r\n\r\nrest", "", "a: b\r\n\r\n", "rest"},
	        {"1\r\nx\r\n0;q\r\na: b\r\nc:\r\n\r\n\r\n", "x", "a: b\r\nc:\r\n\r\n", "\r\n"},
	};
	for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
		struct str text = str_of(rows[i].text);
		struct result result = decode(text, text.len, text.len);
		assert_int_equal(result.event, HTTP_CHUNK_END);
		assert_str_equal(text_str(&result.content), str_of(rows[i].content));
		assert_str_equal(text_str(&result.trailers), str_of(rows[i].trailers));
		assert_int_equal(text.len - result.used, strlen(rows[i].rest));
		check_splits(text, &result);
		/* Each front part of it is right but not whole. */
		for (size_t length = 0; length < result.used; length++) {
			struct result part = decode(str_make(text.at, length), length, 1);
			assert_int_equal(part.event, HTTP_CHUNK_MORE);
			result_done(&part);
		}
		result_done(&result);
	}
}

static void wrong_bodies_are_refused(void **state)
{
	(void)state;
	static const struct str rows[] = {
	        STR("\r\n"),
	        STR("\n"),
	        STR(" 1\r\nx"),
	        STR("\t1\r\nx"),
	        STR("1 \r\nx"),
	        STR("1\t\r\nx"),
	        STR("1\nx"),
	        STR("1\r\r\nx"),
	        STR("1\rx"),
	        STR("g\r\n"),
	        STR("-1\r\n"),
	        STR("+1\r\nx"),
	        STR("0x1\r\nx"),
	        STR("1_0\r\n"),
	        STR("1,2\r\n"),
	        STR("\xb2\r\n"),
	        /* Sizes. */
	        STR("00000000000000001\r\nx\r\n0\r\n\r\n"),
	        STR("8000000000000000\r\n"),
	        STR("ffffffffffffffff\r\n"),
	        STR("10000000000000000\r\n"),
	        /* Extensions. */
	        STR("1;\r\nx"),
	        STR("1;;a\r\nx"),
	        STR("1; a\r\nx"),
	        STR("1 ;a\r\nx"),
	        STR("1;a =b\r\nx"),
	        STR("1;a= b\r\nx"),
	        STR("1;a=\r\nx"),
	        STR("1;=b\r\nx"),
	        STR("1;a=b c\r\nx"),
	        STR("1;a=\"b\"c\r\nx"),
	        STR("1;a=\"\r\n\"\r\nx"),
	        STR("1;a=\"\\\r\nx"),
	        STR("1;a\nx"),
	        STR("1;a=\"\n"),
	        STR("1;a=\"\x01"),
	        STR("1;a=\"\x7f"),
	        STR("1;a\0"),
	        /* What stands behind the data. */
	        STR("1\r\nxy"),
	        STR("1\r\nx\n"),
	        STR("1\r\nx\ry"),
	        STR("1\r\nx0\r\n\r\n"),
	        STR("1\r\nx\r\n\r\n"),
	        STR("0\r\n\n"),
	        STR("0\r\n\rx"),
	        STR("0\n\r\n"),
	        /* Trailers. */
	        STR("0\r\n a: b\r\n\r\n"),
	        STR("0\r\na b: c\r\n\r\n"),
	        STR("0\r\na : c\r\n\r\n"),
	        STR("0\r\na: b\n"),
	        STR("0\r\na: \0"),
	        STR("0\r\na: b\r\n c\r\n\r\n"),
	        STR("0\r\nGET / HTTP/1.1\r\n\r\n"),
	};
	for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
		struct result result = decode(rows[i], rows[i].len, 1);
		assert_int_equal(result.event, HTTP_CHUNK_BAD);
		check_splits(rows[i], &result);
		result_done(&result);
	}
}

static void size_lines_may_not_outweigh_their_chunks_for_ever(void **state)
{
	(void)state;
	static const struct {
		unsigned size, extension_bytes;
		enum http_chunk_event event;
	} rows[] = {
	        {1, 0, HTTP_CHUNK_END},
	        {1, 25, HTTP_CHUNK_END},
	        {1, 60, HTTP_CHUNK_BAD},
	        {1, 1000, HTTP_CHUNK_BAD},
	        {100, 100, HTTP_CHUNK_END},
	        {1000, 1000, HTTP_CHUNK_END},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct text text = {.at = NULL};
		for (unsigned chunk = 0; chunk < 1000; chunk++) {
			text_addf(&text, "%x", rows[i].size);
			for (unsigned n = 0; n < rows[i].extension_bytes; n++)
				text_add_char(&text, n == 0 ? ';' : 'e');
			text_addf(&text, "\r\n%*s\r\n", (int)rows[i].size, "x");
		}
		text_add(&text, STR("0\r\n\r\n"));
		struct result result = decode(text_str(&text), text.len, text.len);
		assert_int_equal(result.event, rows[i].event);
		result_done(&result);
		text_done(&text);
	}
}

static void the_largest_size_is_accepted(void **state)
{
	(void)state;
	struct http_chunk chunk;
	http_chunk_init(&chunk);
	struct str input = STR("7FFFFFFFFFFFFFFF\r\nx"), data;
	assert_int_equal(http_chunk_next(&chunk, &input, &data), HTTP_CHUNK_DATA);
	assert_str_equal(data, STR("x"));
	assert_true(chunk.left == INT64_MAX - 1);
	http_chunk_done(&chunk);
}

static void a_size_line_is_limited_to_the_byte(void **state)
{
	(void)state;
	for (size_t over = 0; over < 2; over++) {
		struct text text = {0};
		text_add(&text, STR("0;"));
		while (text.len < LIMIT_CHUNK_LINE_BYTES - 2 + over)
			text_add_char(&text, 'a');
		text_add(&text, STR("\r\n\r\n"));
		struct result result = decode(text_str(&text), text.len, 1);
		assert_int_equal(result.event, over == 0 ? HTTP_CHUNK_END : HTTP_CHUNK_BAD);
		check_splits(text_str(&text), &result);
		result_done(&result);
		text_done(&text);
	}
}

static void each_size_line_has_the_whole_limit(void **state)
{
	(void)state;
	struct text text = {0};
	for (unsigned i = 0; i < LIMIT_CHUNK_LINE_BYTES; i++)
		text_add(&text, STR("1\r\nx\r\n"));
	text_add(&text, STR("0\r\n\r\n"));
	struct result result = decode(text_str(&text), text.len, 1);
	assert_int_equal(result.event, HTTP_CHUNK_END);
	assert_int_equal(result.content.len, LIMIT_CHUNK_LINE_BYTES);
	result_done(&result);
	text_done(&text);
}

static void trailers_are_limited_to_the_byte(void **state)
{
	(void)state;
	for (size_t over = 0; over < 2; over++) {
		struct text text = {0};
		text_add(&text, STR("0\r\na:"));
		while (text.len < LIMIT_TRAILER_BYTES + 3 - 4 + over)
			text_add_char(&text, 'b');
		text_add(&text, STR("\r\n\r\nmore"));
		struct result result = decode(text_str(&text), text.len, 1);
		assert_int_equal(result.event, over == 0 ? HTTP_CHUNK_END : HTTP_CHUNK_BAD);
		struct result again = decode(text_str(&text), 1000, 7);
		assert_int_equal(again.event, result.event);
		assert_str_equal(text_str(&again.trailers), text_str(&result.trailers));
		result_done(&again);
		result_done(&result);
		text_done(&text);
	}
}

static void trailers_are_parsed_without_what_must_not_stand_there(void **state)
{
	(void)state;
	static const struct {
		const char *text, *names; /* of those that are kept */
	} rows[] = {
	        {"0\r\n\r\n", ""},
	        {"0\r\nX-A: 1\r\n\r\n", "X-A,"},
	        {"0\r\nETag: \"a\"\r\nServer-Timing: x\r\nDigest: y\r\n\r\n",
	                "ETag,Server-Timing,Digest,"},
	        {"0\r\nContent-Length: 5\r\nHost: a\r\nX: y\r\ntransfer-encoding: chunked\r\n\r\n",
	                "X,"},
	        {"0\r\nauthorization: a\r\nSet-Cookie: b\r\nIf-Match: c\r\nRange: d\r\n\r\n", ""},
	        {"0\r\ncontent-md5: a\r\nContent-Language: b\r\nCACHE-CONTROL: c\r\nVary: "
	         "d\r\n\r\n",
	                ""},
	        {"0\r\nConnection: X\r\nX: 1\r\nTrailer: a\r\nTE: b\r\npragma: c\r\nwarning: "
	         "d\r\n\r\n",
	                "X,"},
	        {"0\r\nMax-Forwards: 1\r\nRetry-After: 2\r\nWWW-Authenticate: 3\r\nContent: "
	         "4\r\n\r\n",
	                "Content,"},
	        {"0\r\nX-Forwarded-For: a\r\nForwarded: b\r\nCDN-Loop: c\r\nLocation: d\r\n\r\n",
	                ""},
	};
	for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
		struct http_chunk chunk;
		http_chunk_init(&chunk);
		struct str input = str_of(rows[i].text), data;
		assert_int_equal(http_chunk_next(&chunk, &input, &data), HTTP_CHUNK_END);
		struct http_field fields[8];
		struct http_head head = {.fields = fields, .capacity = ARRAY_LENGTH(fields)};
		assert_true(http_chunk_trailers(&chunk, &head));
		struct text names = {0};
		uint64_t present = 0;
		for (unsigned k = 0; k < head.count; k++) {
			text_add(&names, http_head_name(&head, &fields[k]));
			text_add_char(&names, ',');
			present |= (uint64_t)1 << fields[k].id;
		}
		assert_string_equal(text_c(&names), rows[i].names);
		assert_true(head.present == present);
		text_done(&names);
		http_chunk_done(&chunk);
	}
}

static void too_many_trailers_for_the_array_are_told(void **state)
{
	(void)state;
	struct http_chunk chunk;
	http_chunk_init(&chunk);
	struct str input = STR("0\r\na:\r\nb:\r\n\r\n"), data;
	assert_int_equal(http_chunk_next(&chunk, &input, &data), HTTP_CHUNK_END);
	struct http_field fields[1];
	struct http_head head = {.fields = fields, .capacity = 1};
	assert_false(http_chunk_trailers(&chunk, &head));
	http_chunk_done(&chunk);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(whole_bodies_are_decoded),
	        cmocka_unit_test(wrong_bodies_are_refused),
	        cmocka_unit_test(size_lines_may_not_outweigh_their_chunks_for_ever),
	        cmocka_unit_test(the_largest_size_is_accepted),
	        cmocka_unit_test(a_size_line_is_limited_to_the_byte),
	        cmocka_unit_test(each_size_line_has_the_whole_limit),
	        cmocka_unit_test(trailers_are_limited_to_the_byte),
	        cmocka_unit_test(trailers_are_parsed_without_what_must_not_stand_there),
	        cmocka_unit_test(too_many_trailers_for_the_array_are_told),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
