/* What nghttp2 puts into the Huffman code is read as it was, and written the same; what is not in
 * it is refused. */
#include "h2_coded.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>

/* Reads out of memory, and into memory, of exactly the size. */
static bool read_coded(struct str coded, struct text *ret_text)
{
	size_t length = 0, most = serve_h2_huffman_most(coded.len);
	char *copy = mem_alloc(coded.len + 1);
	char *to = mem_alloc(most + SERVE_H2_HUFFMAN_SPARE);
	char *end = copy + 1; /* at odd places */
	if (coded.len > 0)
		memcpy(end, coded.at, coded.len);
	bool is_right = serve_h2_huffman_read(str_make(end, coded.len), to, &length);
	text_clear(ret_text);
	if (is_right) {
		assert_true(length <= most);
		text_add(ret_text, str_make(to, length));
	}
	mem_free(copy);
	mem_free(to);
	return is_right;
}

/* Each is what the other is, read and written. */
static void expect(struct str coded, struct str text)
{
	struct text got = {.at = NULL};
	assert_true(read_coded(coded, &got));
	assert_int_equal(got.len, text.len);
	assert_true(str_is_equal(text_str(&got), text));
	assert_int_equal(serve_h2_huffman_size(text), coded.len);
	char *to = mem_alloc(coded.len + 1);
	assert_ptr_equal(serve_h2_huffman_write(text, to), to + coded.len);
	assert_true(str_is_equal(str_make(to, coded.len), coded));
	mem_free(to);
	text_done(&got);
}

static void expect_none(struct str coded)
{
	struct text got = {.at = NULL};
	assert_false(read_coded(coded, &got));
	text_done(&got);
}

static void the_examples_of_the_rfc_are_read(void **state)
{
	(void)state;
	expect(STR("\xf1\xe3\xc2\xe5\xf2\x3a\x6b\xa0\xab\x90\xf4\xff"), STR("www.example.com"));
	expect(STR("\xa8\xeb\x10\x64\x9c\xbf"), STR("no-cache"));
	expect(STR("\x64\x02"), STR("302"));
	expect(STR("\x9b\xd9\xab"), STR("gzip"));
	expect(STR_EMPTY, STR_EMPTY);
}

static void each_byte_is_read_behind_any_number_of_others(void **state)
{
	(void)state;
	struct coded_maker maker;
	coded_begin(&maker);
	char text[200];
	for (unsigned byte = 0; byte < 256; byte++) {
		for (unsigned before = 0; before < 24; before++) {
			memset(text, '0', sizeof(text));
			/* The code has to be worth it. */
			memset(text + before, (char)byte, 3);
			expect(coded_of(&maker, str_make(text, sizeof(text))),
			        str_make(text, sizeof(text)));
			memset(text, 'a', sizeof(text));
			memset(text + sizeof(text) - before - 1, (char)byte, before + 1);
			struct str coded = coded_of(&maker, str_make(text, sizeof(text)));
			if (maker.is_huffman)
				expect(coded, str_make(text, sizeof(text)));
		}
	}
	coded_end(&maker);
}

static void padding_is_less_than_a_byte_of_ones(void **state)
{
	static const struct {
		struct str coded;
		bool is_right;
	} ROWS[] = {
	        {STR("\x07"), true}, /* "0" and three ones */
	        {STR("\x06"), false},
	        {STR("\x03"), false},
	        {STR("\x00"), false},
	        {STR("\xf8"), true}, /* "&", all of it */
	        {STR("\xf8\xff"), false},
	        {STR("\xff"), false},
	        {STR("\xfe"), false}, /* the beginning of a code */
	        {STR("\x07\xff"), false},
	        {STR("\x00\x3f"), true}, /* "00" and six ones */
	        {STR("\x00\x3e"), false},
	        {STR("\x00\x1f"), true}, /* "009" */
	        {STR("\xff\xc7"), true}, /* a zero byte */
	        {STR("\xff\xc6"), false},
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_LENGTH(ROWS); i++) {
		struct text got = {.at = NULL};
		assert_int_equal(read_coded(ROWS[i].coded, &got), ROWS[i].is_right);
		text_done(&got);
	}
}

static void the_end_of_strings_is_in_none(void **state)
{
	(void)state;
	expect_none(STR("\xff\xff\xff\xff"));
	expect_none(STR("\xff\xff\xff\xfc"));
	expect_none(STR("\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"));
	/* Behind a zero, and with zeros behind it. */
	expect_none(STR("\x07\xff\xff\xff\xe0\0\0\0\0\0\0\0"));
	/* The longest code that is one: a newline. */
	expect(STR("\xff\xff\xff\xf3"), STR("\n"));
	expect(STR("\xff\xff\xff\xfb"), STR("\x16"));
}

/* nghttp2 reads it, as the value of a field. */
static bool is_theirs(nghttp2_hd_inflater **theirs, struct str coded, struct text *ret_text)
{
	struct text block = {.at = NULL};
	text_add(&block, str_make("\x00\x01x", 3));
	text_add_char(&block, (char)(0x80 | coded.len));
	text_add(&block, coded);
	nghttp2_nv field;
	int flags = 0;
	ssize_t taken = nghttp2_hd_inflate_hd2(
	        *theirs, &field, &flags, (const uint8_t *)block.at, block.len, 1);
	text_clear(ret_text);
	if (taken > 0) {
		text_add(ret_text, str_make((const char *)field.value, field.valuelen));
	} else {
		nghttp2_hd_inflate_del(*theirs);
		assert_int_equal(nghttp2_hd_inflate_new(theirs), 0);
	}
	text_done(&block);
	return taken > 0;
}

static void whatever_bytes_come_nghttp2_reads_the_same(void **state)
{
	enum { PAIRS = 1 << 16, RANDOM = 20000, LONGEST = 60 };
	(void)state;
	struct text ours = {.at = NULL}, theirs = {.at = NULL};
	nghttp2_hd_inflater *inflater;
	assert_int_equal(nghttp2_hd_inflate_new(&inflater), 0);
	srand(1);
	for (unsigned i = 0; i < PAIRS + RANDOM; i++) {
		char coded[LONGEST] = {(char)(i >> 8), (char)i};
		size_t length = 2;
		if (i >= PAIRS) {
			/* Few ones: else nearly all codes are long. */
			length = (unsigned)rand() % LONGEST;
			for (size_t j = 0; j < length; j++)
				coded[j] = (char)(rand() & (i % 3 == 0 ? 0xff : rand()));
			if (length > 0 && i % 2 == 0)
				coded[length - 1] |= (char)((1 << i / 2 % 8) - 1);
		}
		bool is_right = read_coded(str_make(coded, length), &ours);
		assert_int_equal(is_right, is_theirs(&inflater, str_make(coded, length), &theirs));
		assert_true(str_is_equal(text_str(&ours), text_str(&theirs)));
	}
	nghttp2_hd_inflate_del(inflater);
	text_done(&ours);
	text_done(&theirs);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(the_examples_of_the_rfc_are_read),
	        cmocka_unit_test(each_byte_is_read_behind_any_number_of_others),
	        cmocka_unit_test(padding_is_less_than_a_byte_of_ones),
	        cmocka_unit_test(the_end_of_strings_is_in_none),
	        cmocka_unit_test(whatever_bytes_come_nghttp2_reads_the_same),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
