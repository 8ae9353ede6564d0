/* Blocks become the fields that RFC 7541 and nghttp2 say they have. */
#include "h2_coded.h"
#include "h2_unpackers.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>

/* RFC 7541 appendix C: each example begins with an empty table, but those that go on with the same
 * section. `bytes` are what is remembered then. */
static const struct {
	const char *section, *block, *fields;
	unsigned bytes;
} EXAMPLES[] = {
        {"C.2.1", "400a637573746f6d2d6b65790d637573746f6d2d686561646572",
                "custom-key: custom-header\r\n", 55},
        {"C.2.2", "040c2f73616d706c652f70617468", ":path: /sample/path\r\n", 0},
        {"C.2.3", "100870617373776f726406736563726574", "password: secret\r\n", 0},
        {"C.2.4", "82", ":method: GET\r\n", 0},
        {"C.3.1", "828684410f7777772e6578616d706c652e636f6d",
                ":method: GET\r\n"
                ":scheme: http\r\n"
                ":path: /\r\n"
                ":authority: www.example.com\r\n",
                57},
        {"C.3.2", "828684be58086e6f2d6361636865",
                ":method: GET\r\n"
                ":scheme: http\r\n"
                ":path: /\r\n"
                ":authority: www.example.com\r\n"
                "cache-control: no-cache\r\n",
                110},
        {"C.3.3", "828785bf400a637573746f6d2d6b65790c637573746f6d2d76616c7565",
                ":method: GET\r\n"
                ":scheme: https\r\n"
                ":path: /index.html\r\n"
                ":authority: www.example.com\r\n"
                "custom-key: custom-value\r\n",
                164},
        {"C.4.1", "828684418cf1e3c2e5f23a6ba0ab90f4ff",
                ":method: GET\r\n"
                ":scheme: http\r\n"
                ":path: /\r\n"
                ":authority: www.example.com\r\n",
                57},
        {"C.4.2", "828684be5886a8eb10649cbf",
                ":method: GET\r\n"
                ":scheme: http\r\n"
                ":path: /\r\n"
                ":authority: www.example.com\r\n"
                "cache-control: no-cache\r\n",
                110},
        {"C.4.3", "828785bf408825a849e95ba97d7f8925a849e95bb8e8b4bf",
                ":method: GET\r\n"
                ":scheme: https\r\n"
                ":path: /index.html\r\n"
                ":authority: www.example.com\r\n"
                "custom-key: custom-value\r\n",
                164},
        {"C.5.1",
                "4803333032580770726976617465611d4d6f6e2c203231204f63742032303133"
                "2032303a31333a323120474d546e1768747470733a2f2f7777772e6578616d70"
                "6c652e636f6d",
                ":status: 302\r\n"
                "cache-control: private\r\n"
                "date: Mon, 21 Oct 2013 20:13:21 GMT\r\n"
                "location: https://www.example.com\r\n",
                222},
        {"C.5.2", "4803333037c1c0bf",
                ":status: 307\r\n"
                "cache-control: private\r\n"
                "date: Mon, 21 Oct 2013 20:13:21 GMT\r\n"
                "location: https://www.example.com\r\n",
                222},
        {"C.5.3",
                "88c1611d4d6f6e2c203231204f637420323031332032303a31333a323220474d"
                "54c05a04677a69707738666f6f3d4153444a4b48514b425a584f5157454f5049"
                "5541585157454f49553b206d61782d6167653d333630303b2076657273696f6e"
                "3d31",
                ":status: 200\r\n"
                "cache-control: private\r\n"
                "date: Mon, 21 Oct 2013 20:13:22 GMT\r\n"
                "location: https://www.example.com\r\n"
                "content-encoding: gzip\r\n"
                "set-cookie: foo=ASDJKHQKBZXOQWEOPIUAXQWEOIU; max-age=3600; version=1\r\n",
                215},
        {"C.6.1",
                "488264025885aec3771a4b6196d07abe941054d444a8200595040b8166e082a6"
                "2d1bff6e919d29ad171863c78f0b97c8e9ae82ae43d3",
                ":status: 302\r\n"
                "cache-control: private\r\n"
                "date: Mon, 21 Oct 2013 20:13:21 GMT\r\n"
                "location: https://www.example.com\r\n",
                222},
        {"C.6.2", "4883640effc1c0bf",
                ":status: 307\r\n"
                "cache-control: private\r\n"
                "date: Mon, 21 Oct 2013 20:13:21 GMT\r\n"
                "location: https://www.example.com\r\n",
                222},
        {"C.6.3",
                "88c16196d07abe941054d444a8200595040b8166e084a62d1bffc05a839bd9ab"
                "77ad94e7821dd7f2e6c7b335dfdfcd5b3960d5af27087f3672c1ab270fb5291f"
                "9587316065c003ed4ee5b1063d5007",
                ":status: 200\r\n"
                "cache-control: private\r\n"
                "date: Mon, 21 Oct 2013 20:13:22 GMT\r\n"
                "location: https://www.example.com\r\n"
                "content-encoding: gzip\r\n"
                "set-cookie: foo=ASDJKHQKBZXOQWEOPIUAXQWEOIU; max-age=3600; version=1\r\n",
                215},
};

static struct unpackers *begin(void)
{
	struct unpackers *unpackers = mem_new(struct unpackers);
	unpackers_begin(unpackers);
	return unpackers;
}

static void end(struct unpackers *unpackers)
{
	unpackers_end(unpackers);
	mem_free(unpackers);
}

static void expect_fields(struct unpackers *unpackers, struct str block, const char *fields)
{
	assert_int_equal(unpackers_block(unpackers, block), SERVE_H2_UNPACKED_END);
	assert_string_equal(text_c(&unpackers->found), fields);
}

/* A block alone, in front of which nothing came. */
static void expect_result(struct str block, enum serve_h2_unpacked result)
{
	struct unpackers *unpackers = begin();
	assert_int_equal(unpackers_block(unpackers, block), result);
	end(unpackers);
}

static void add_hex(struct text *block, const char *hex)
{
	for (; *hex != '\0'; hex += 2) {
		uint64_t byte;
		assert_true(str_to_hex_u64(str_make(hex, 2), &byte));
		text_add_char(block, (char)byte);
	}
}

static void the_examples_of_the_rfc_are_unpacked(void **state)
{
	(void)state;
	struct unpackers *unpackers = begin();
	for (size_t i = 0; i < ARRAY_LENGTH(EXAMPLES); i++) {
		const char *section = EXAMPLES[i].section;
		struct text block = {.at = NULL};
		if (section[2] == '2' || section[4] == '1') {
			end(unpackers);
			unpackers = begin();
			if (section[2] >= '5')
				add_hex(&block, "3fe101"); /* 256 bytes */
		}
		add_hex(&block, EXAMPLES[i].block);
		expect_fields(unpackers, text_str(&block), EXAMPLES[i].fields);
		assert_int_equal(unpackers->ours.bytes, EXAMPLES[i].bytes);
		text_done(&block);
	}
	end(unpackers);
}

static void all_of_the_static_table_is_there(void **state)
{
	(void)state;
	struct unpackers *unpackers = begin();
	for (unsigned i = 1; i <= 61; i++) {
		const char block[] = {(char)(0x80 | i), 0x0f, (char)(i - 15), 0};
		unpackers_block(unpackers, str_make(block, 1));
		assert_true(unpackers->found.len > 0);
		if (i >= 15)
			unpackers_block(unpackers, str_make(block, sizeof(block)));
	}
	expect_fields(unpackers, STR("\xbd"), "www-authenticate: \r\n");
	end(unpackers);
	expect_result(STR("\xbe"), SERVE_H2_UNPACKED_BROKEN);
	expect_result(STR("\x80"), SERVE_H2_UNPACKED_BROKEN);
}

static void names_are_told_as_what_they_are(void **state)
{
	static const struct {
		struct str block;
		enum http_name id;
		enum serve_h2_pseudo pseudo;
	} ROWS[] = {
	        {STR("\x82"), HTTP_NAME_OTHER, SERVE_H2_PSEUDO_METHOD},
	        {STR("\x88"), HTTP_NAME_OTHER, SERVE_H2_PSEUDO_NONE},
	        {STR("\xba"), HTTP_NAME_USER_AGENT, SERVE_H2_PSEUDO_NONE},
	        {STR("\x04\x01/"), HTTP_NAME_OTHER, SERVE_H2_PSEUDO_PATH},
	        {STR("\x40\x09:protocol\x01x"), HTTP_NAME_OTHER, SERVE_H2_PSEUDO_PROTOCOL},
	        {STR("\xbe"), HTTP_NAME_OTHER, SERVE_H2_PSEUDO_PROTOCOL},
	        {STR("\x40\x05range\x01x"), HTTP_NAME_RANGE, SERVE_H2_PSEUDO_NONE},
	        {STR("\xbe"), HTTP_NAME_RANGE, SERVE_H2_PSEUDO_NONE},
	        {STR("\x7e\x01y"), HTTP_NAME_RANGE, SERVE_H2_PSEUDO_NONE},
	        {STR("\x10\x03x-a\x01x"), HTTP_NAME_OTHER, SERVE_H2_PSEUDO_NONE},
	        {STR("\x10\x00\x00"), HTTP_NAME_OTHER, SERVE_H2_PSEUDO_NONE},
	};
	(void)state;
	struct serve_h2_scratch *scratch = mem_new(struct serve_h2_scratch);
	struct serve_h2_unpack unpack;
	struct serve_h2_unpack_field field;
	serve_h2_unpack_init(&unpack);
	for (size_t i = 0; i < ARRAY_LENGTH(ROWS); i++) {
		struct str block = ROWS[i].block;
		serve_h2_unpack_begin(&unpack);
		assert_int_equal(serve_h2_unpack_next(&unpack, scratch, &block, &field),
		        SERVE_H2_UNPACKED_FIELD);
		assert_int_equal(field.id, ROWS[i].id);
		assert_int_equal(field.pseudo, ROWS[i].pseudo);
		assert_int_equal(serve_h2_unpack_next(&unpack, scratch, &block, &field),
		        SERVE_H2_UNPACKED_END);
	}
	mem_free(scratch);
}

static void limits_come_first_and_twice_at_most(void **state)
{
	(void)state;
	struct unpackers *unpackers = begin();
	expect_fields(unpackers,
	        STR("\x40\x01"
	            "a\x01"
	            "1\x40\x01"
	            "b\x01"
	            "2"),
	        "a: 1\r\nb: 2\r\n");
	expect_fields(unpackers, STR("\x3f\x03\xbe"), "b: 2\r\n"); /* 34: one has room */
	assert_int_equal(unpackers->ours.bytes, 34);
	expect_fields(unpackers, STR("\x20\x3f\xe1\x1f\x82"), ":method: GET\r\n");
	assert_int_equal(unpackers->ours.bytes, 0);
	assert_int_equal(unpackers->ours.limit, 4096);
	expect_fields(unpackers, STR("\x3e"), ""); /* 30: none has */
	expect_fields(unpackers,
	        STR("\x40\x01"
	            "a\x01"
	            "1"),
	        "a: 1\r\n");
	assert_int_equal(unpackers->ours.bytes, 0);
	end(unpackers);
	expect_result(STR("\x20\x20\x20"), SERVE_H2_UNPACKED_BROKEN);
	expect_result(STR("\x82\x20"), SERVE_H2_UNPACKED_BROKEN);
	expect_result(STR("\x20\x82\x20"), SERVE_H2_UNPACKED_BROKEN);
	expect_result(STR("\x00\x01"
	                  "a\x01"
	                  "b\x20"),
	        SERVE_H2_UNPACKED_BROKEN);
	expect_result(STR("\x3f\xe2\x1f"), SERVE_H2_UNPACKED_BROKEN); /* 4,097 */
	expect_result(STR("\x3f\xe2"), SERVE_H2_UNPACKED_MORE);
}

static void numbers_are_bounded(void **state)
{
	(void)state;
	expect_result(STR("\xff"), SERVE_H2_UNPACKED_MORE);
	expect_result(STR("\xff\x80"), SERVE_H2_UNPACKED_MORE);
	expect_result(STR("\xff\x80\x80\x80\x80"), SERVE_H2_UNPACKED_MORE);
	expect_result(STR("\xff\x80\x80\x80\x80\x80"), SERVE_H2_UNPACKED_BROKEN);
	expect_result(STR("\xff\x80\x80\x80\x80\x10"), SERVE_H2_UNPACKED_BROKEN);
	expect_result(STR("\xff\x81\xff\xff\xff\x0f"), SERVE_H2_UNPACKED_BROKEN);
	/* Zeros behind what is said are no more than that: the name is that of index 15. */
	expect_result(STR("\x0f\x80\x80\x80\x80\x00\x01x"), SERVE_H2_UNPACKED_END);
	expect_result(STR("\x0f\x80\x80\x80\x80\x80\x00\x01x"), SERVE_H2_UNPACKED_BROKEN);
	/* It would be that of index 15 again in 32 bits. */
	expect_result(STR("\x0f\x80\x80\x80\x80\x10\x01x"), SERVE_H2_UNPACKED_BROKEN);
	expect_result(STR("\x7e\x01x"), SERVE_H2_UNPACKED_BROKEN);
	expect_result(STR("\x7e"), SERVE_H2_UNPACKED_BROKEN);
}

static void a_field_that_is_not_whole_changes_nothing(void **state)
{
	(void)state;
	expect_result(STR("\x40"), SERVE_H2_UNPACKED_MORE);
	expect_result(STR("\x40\x02x"), SERVE_H2_UNPACKED_MORE);
	expect_result(STR("\x40\x02xy"), SERVE_H2_UNPACKED_MORE);
	expect_result(STR("\x40\x02xy\x82z"), SERVE_H2_UNPACKED_MORE);
	expect_result(STR("\x40\x02xy\x02z"), SERVE_H2_UNPACKED_MORE);
	expect_result(STR("\x82\x04\x7f"), SERVE_H2_UNPACKED_MORE);
	expect_result(STR("\x40\x81\xff\x01z"), SERVE_H2_UNPACKED_BROKEN);
	expect_result(STR("\x40\x01y\x82\xff\xff"), SERVE_H2_UNPACKED_BROKEN);
}

/* What is longer than anything that can be read is refused before it is there. */
static void no_field_is_longer_than_the_scratch(void **state)
{
	(void)state;
	expect_result(STR("\x00\x7f\x81\xff\x0f"), SERVE_H2_UNPACKED_MORE); /* 262,144 */
	expect_result(STR("\x00\x7f\x82\xff\x0f"), SERVE_H2_UNPACKED_LONG);
	expect_result(STR("\x04\x7f\x82\xff\x0f"), SERVE_H2_UNPACKED_LONG);
	expect_result(STR("\x04\xff\x81\xff\x09"), SERVE_H2_UNPACKED_MORE); /* 163,840 */
	expect_result(STR("\x04\xff\x82\xff\x09"), SERVE_H2_UNPACKED_LONG);
	expect_result(STR("\x00\x01"
	                  "a\x7f\x81\xff\x0f"),
	        SERVE_H2_UNPACKED_LONG);
	expect_result(STR("\x00\x01"
	                  "a\x7f\x80\xff\x0f"),
	        SERVE_H2_UNPACKED_MORE);
	/* As long as can be, of zeros of five bits. */
	size_t most = LIMIT_H2_DECODED_BYTES / 8 * 5;
	struct serve_h2_scratch *scratch = mem_new(struct serve_h2_scratch);
	struct serve_h2_unpack unpack;
	struct serve_h2_unpack_field field;
	char *text = mem_alloc(most + 5);
	memset(text, 0, most + 5);
	memcpy(text, "\x44\xff\x81\xff\x09", 5);
	struct str block = str_make(text, most + 5);
	serve_h2_unpack_init(&unpack);
	serve_h2_unpack_begin(&unpack);
	assert_int_equal(
	        serve_h2_unpack_next(&unpack, scratch, &block, &field), SERVE_H2_UNPACKED_FIELD);
	assert_int_equal(field.value.len, LIMIT_H2_DECODED_BYTES);
	assert_int_equal(field.value.at[LIMIT_H2_DECODED_BYTES - 1], '0');
	assert_int_equal(block.len, 0);
	mem_free(text);
	mem_free(scratch);
}

/* A literal that is remembered; its name is that of an index, if there is one. */
static void add_literal(
        struct text *block, unsigned index, size_t name_len, size_t value_len, unsigned mark)
{
	text_add_char(block, (char)(index < 63 ? 0x40 | index : 0x7f));
	if (index >= 63)
		text_add_char(block, (char)(index - 63));
	for (unsigned i = index == 0 ? 0 : 1; i < 2; i++) {
		size_t length = i == 0 ? name_len : value_len;
		text_add_char(block, (char)(length < 127 ? length : 127));
		if (length >= 127) {
			text_add_char(block, (char)(0x80 | ((length - 127) & 0x7f)));
			text_add_char(block, (char)((length - 127) >> 7));
		}
		for (size_t j = 0; j < length; j++)
			text_add_char(block, (char)('a' + (mark + j) % 26));
	}
}

static void entries_go_as_others_need_their_room(void **state)
{
	(void)state;
	static const size_t LENGTHS[] = {
	        0, 1, 3, 30, 95, 96, 97, 300, 2000, 4062, 4063, 4064, 5000};
	for (size_t i = 0; i < ARRAY_LENGTH(LENGTHS); i++) {
		struct unpackers *unpackers = begin();
		struct text block = {.at = NULL};
		for (unsigned mark = 0; mark < 300; mark++) {
			text_clear(&block);
			add_literal(&block, 0, 1, LENGTHS[i], mark);
			/* The oldest and the newest one. */
			if (unpackers->ours.count > 0 && unpackers->ours.count < 60) {
				text_add_char(&block, (char)(0x80 + 62));
				text_add_char(&block, (char)(0x80 + 61 + unpackers->ours.count));
			}
			unpackers_block(unpackers, text_str(&block));
		}
		size_t size = 1 + LENGTHS[i] + 32;
		assert_int_equal(unpackers->ours.count, 4096 / size);
		assert_int_equal(unpackers->ours.bytes, 4096 / size * size);
		text_done(&block);
		end(unpackers);
	}
}

static void all_entries_that_there_can_be_have_indices(void **state)
{
	(void)state;
	struct unpackers *unpackers = begin();
	for (unsigned i = 0; i < 200; i++)
		unpackers_block(unpackers, STR("\x40\x00\x00"));
	assert_int_equal(unpackers->ours.count, 128);
	expect_fields(unpackers, STR("\xff\x3e"), ": \r\n"); /* 189 */
	assert_int_equal(unpackers_block(unpackers, STR("\xff\x3f")), SERVE_H2_UNPACKED_BROKEN);
	end(unpackers);
}

/* RFC 7541 section 4.4. */
static void a_name_may_be_of_an_entry_that_goes(void **state)
{
	(void)state;
	for (size_t name = 1; name < 4000; name = name * 2 + 3) {
		struct unpackers *unpackers = begin();
		struct text block = {.at = NULL};
		add_literal(&block, 0, name, 10, 1);
		unpackers_block(unpackers, text_str(&block));
		for (unsigned i = 0; i < 200; i++) {
			text_clear(&block);
			/* Of the oldest. */
			add_literal(&block, 61U + unpackers->ours.count, 0, i * 37 % 4090, i);
			unpackers_block(unpackers, text_str(&block));
			if (unpackers->ours.count > 0)
				continue;
			text_clear(&block);
			add_literal(&block, 0, name, i, 1);
			unpackers_block(unpackers, text_str(&block));
		}
		text_done(&block);
		end(unpackers);
	}
}

/* Beyond what is in use, the table's place is not written to. */
static void little_that_is_remembered_takes_little_room(void **state)
{
	(void)state;
	struct unpackers *unpackers = begin();
	struct text block = {.at = NULL};
	memset(unpackers->ours.entries, '?', sizeof(unpackers->ours.entries));
	serve_h2_unpack_init(&unpackers->ours);
	unpackers_block(unpackers, STR("\x3f\xe1\x01")); /* 256 bytes */
	for (unsigned i = 0; i < 500; i++) {
		text_clear(&block);
		add_literal(&block, i % 2 == 0 ? 0 : 62, i % 50, i % 70, i);
		unpackers_block(unpackers, text_str(&block));
	}
	const char *bytes = (const char *)unpackers->ours.entries;
	for (size_t i = SERVE_H2_UNPACK_FIRST_BYTES; i < sizeof(unpackers->ours.entries); i++)
		assert_int_equal(bytes[i], '?');
	unpackers_block(unpackers, STR("\x3f\xe1\x07")); /* 1,024 */
	for (unsigned i = 0; i < 500; i++) {
		text_clear(&block);
		add_literal(&block, 0, 5, i % 40, i);
		unpackers_block(unpackers, text_str(&block));
	}
	for (size_t i = 2048; i < sizeof(unpackers->ours.entries); i++)
		assert_int_equal(bytes[i], '?');
	text_done(&block);
	end(unpackers);
}

/* ---- at random ---- */

static unsigned below(unsigned most)
{
	return (unsigned)rand() % most;
}

static void add_number(struct text *block, unsigned kind, unsigned mask, unsigned number)
{
	if (number < mask) {
		text_add_char(block, (char)(kind | number));
		return;
	}
	text_add_char(block, (char)(kind | mask));
	for (number -= mask; number >= 0x80; number >>= 7)
		text_add_char(block, (char)(0x80 | (number & 0x7f)));
	text_add_char(block, (char)number);
}

static void add_string(struct text *block, struct coded_maker *maker)
{
	static const char *const WORDS[] = {"", "a", "x-request-id", ":path", "range", "GET",
	        "/assets/images/3f7a.jpg?size=40", "Mozilla/5.0 (X11; Linux x86_64)",
	        "\xc3\xa4\x01", "gzip, deflate, br", "{\"a\":[1,2,3]}", "1"};
	char many[600];
	struct str text = str_of(WORDS[below(ARRAY_LENGTH(WORDS))]);
	if (below(20) == 0) {
		memset(many, 'a' + (int)below(26), sizeof(many));
		text = str_make(many, below(sizeof(many)));
	}
	bool is_huffman = false;
	if (below(2) == 0) {
		text = coded_of(maker, text);
		is_huffman = maker->is_huffman;
	}
	add_number(block, is_huffman ? 0x80 : 0, 0x7f, (unsigned)text.len);
	text_add(block, text);
}

static void add_field(struct text *block, struct coded_maker *maker, unsigned entries)
{
	static const struct {
		unsigned kind, mask;
	} LITERALS[] = {{0x40, 0x3f}, {0x40, 0x3f}, {0x00, 0x0f}, {0x10, 0x0f}};
	unsigned index = 1 + below(61 + entries), which = below(ARRAY_LENGTH(LITERALS));
	if (below(2) == 0) {
		add_number(block, 0x80, 0x7f, index);
		return;
	}
	if (below(3) == 0)
		index = 0;
	add_number(block, LITERALS[which].kind, LITERALS[which].mask, index);
	if (index == 0)
		add_string(block, maker);
	add_string(block, maker);
}

static void change(struct text *block)
{
	for (unsigned i = below(3) + 1; i > 0 && block->len > 0; i--) {
		size_t at = below((unsigned)block->len);
		if (below(3) == 0)
			block->len = at;
		else if (below(2) == 0)
			block->at[at] ^= (char)(1 << below(8));
		else
			block->at[at] = (char)below(256);
	}
}

static void whatever_comes_nghttp2_unpacks_the_same(void **state)
{
	enum { SEEDS = 150, BLOCKS = 60, MOST = 12 };
	(void)state;
	struct coded_maker maker;
	coded_begin(&maker);
	unsigned whole = 0, broken = 0, more = 0;
	for (unsigned seed = 0; seed < SEEDS; seed++) {
		struct unpackers *unpackers = begin();
		enum serve_h2_unpacked result = SERVE_H2_UNPACKED_END;
		srand(seed);
		for (unsigned i = 0; i < BLOCKS && result == SERVE_H2_UNPACKED_END; i++) {
			struct text block = {.at = NULL};
			for (unsigned j = below(30); j < 2; j++)
				add_number(&block, 0x20, 0x1f, below(4) == 0 ? 4096 : below(500));
			for (unsigned j = below(MOST); j > 0; j--)
				add_field(&block, &maker, unpackers->ours.count / 2U);
			if (seed % 3 == 0 && below(10) == 0)
				change(&block);
			if (block.len > 0)
				result = unpackers_block(unpackers, text_str(&block));
			whole += result == SERVE_H2_UNPACKED_END;
			text_done(&block);
		}
		broken += result == SERVE_H2_UNPACKED_BROKEN;
		more += result == SERVE_H2_UNPACKED_MORE;
		end(unpackers);
	}
	coded_end(&maker);
	assert_true(whole > 1000);
	assert_true(broken > 10 && more > 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(the_examples_of_the_rfc_are_unpacked),
	        cmocka_unit_test(all_of_the_static_table_is_there),
	        cmocka_unit_test(names_are_told_as_what_they_are),
	        cmocka_unit_test(limits_come_first_and_twice_at_most),
	        cmocka_unit_test(numbers_are_bounded),
	        cmocka_unit_test(a_field_that_is_not_whole_changes_nothing),
	        cmocka_unit_test(no_field_is_longer_than_the_scratch),
	        cmocka_unit_test(entries_go_as_others_need_their_room),
	        cmocka_unit_test(all_entries_that_there_can_be_have_indices),
	        cmocka_unit_test(a_name_may_be_of_an_entry_that_goes),
	        cmocka_unit_test(little_that_is_remembered_takes_little_room),
	        cmocka_unit_test(whatever_comes_nghttp2_unpacks_the_same),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
