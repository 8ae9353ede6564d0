/* Messages: cut off a stream at any place, and what is in them. */
#include "link/message.h"

#include "base/arena.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

static void messages_are_taken_as_they_were_printed(void **state)
{
	(void)state;
	struct text stream = {0};
	struct text large = {0};
	for (unsigned i = 0; i < LIMIT_LINK_MESSAGE_BYTES; i++)
		text_add_char(&large, 'x');
	link_message_print(LINK_SAYS_PING, STR_EMPTY, &stream);
	link_message_print(LINK_SAYS_GONE, STR("{\"name\":\"a\"}"), &stream);
	link_message_print(LINK_SAYS_DOMAIN, text_str(&large), &stream);
	struct str rest = text_str(&stream), payload;
	enum link_message_kind kind;
	assert_int_equal(link_message_take(&rest, &kind, &payload), LINK_MESSAGE_TAKEN);
	assert_int_equal(kind, LINK_SAYS_PING);
	assert_int_equal(payload.len, 0);
	assert_int_equal(link_message_take(&rest, &kind, &payload), LINK_MESSAGE_TAKEN);
	assert_int_equal(kind, LINK_SAYS_GONE);
	assert_true(str_is_equal(payload, STR("{\"name\":\"a\"}")));
	assert_int_equal(link_message_take(&rest, &kind, &payload), LINK_MESSAGE_TAKEN);
	assert_int_equal(kind, LINK_SAYS_DOMAIN);
	assert_true(str_is_equal(payload, text_str(&large)));
	assert_int_equal(rest.len, 0);
	assert_int_equal(link_message_take(&rest, &kind, &payload), LINK_MESSAGE_MORE);
	text_done(&large);
	text_done(&stream);
}

static void a_part_of_one_takes_nothing(void **state)
{
	(void)state;
	struct text stream = {0};
	link_message_print(LINK_SAYS_COMMIT, STR("{\"revision\":8}"), &stream);
	for (size_t length = 0; length < stream.len; length++) {
		struct str rest = str_make(stream.at, length), payload;
		enum link_message_kind kind;
		assert_int_equal(link_message_take(&rest, &kind, &payload), LINK_MESSAGE_MORE);
		assert_ptr_equal(rest.at, stream.at);
		assert_int_equal(rest.len, length);
	}
	text_done(&stream);
}

static void what_is_no_head_is_told_at_once(void **state)
{
	(void)state;
	static const char HEADS[][LINK_MESSAGE_HEAD_BYTES] = {
	        {0, 0, 0, 0, 0, 0, 0, 0},
	        {0, 0, 0, 0, 9, 0, 0, 0},
	        {0, 0, 0, 0, -1, 0, 0, 0},
	        {0, 0, 0, 0, 1, 1, 0, 0},
	        {0, 0, 0, 0, 1, 0, 1, 0},
	        {0, 0, 0, 0, 1, 0, 0, 1},
	        {1, 0, 4, 0, 1, 0, 0, 0},
	        {0, 0, 0, 1, 1, 0, 0, 0},
	        {-1, -1, -1, -1, 1, 0, 0, 0},
	        {'G', 'E', 'T', ' ', '/', ' ', 'H', 'T'},
	};
	for (size_t i = 0; i < ARRAY_LENGTH(HEADS); i++) {
		struct str rest = str_make(HEADS[i], LINK_MESSAGE_HEAD_BYTES), payload;
		enum link_message_kind kind;
		assert_int_equal(link_message_take(&rest, &kind, &payload), LINK_MESSAGE_BAD);
	}
}

static void kinds_have_names_and_numbers_of_their_own(void **state)
{
	(void)state;
	assert_string_equal(link_message_name(LINK_SAYS_HELLO), "HELLO");
	assert_string_equal(link_message_name(LINK_SAYS_PING), "PING");
	assert_null(link_message_name(0));
	assert_null(link_message_name(9));
	assert_int_equal(LINK_SAYS_HELLO, 1);
	assert_int_equal(LINK_SAYS_PING, 8);
}

static void greetings_read_back(void **state)
{
	(void)state;
	static const struct link_hello HELLO = {
	        .id = {"edge-\"1\"", 8},
	        .store = {"00ff", 4},
	        .revision = UINT64_C(9007199254740993),
	};
	struct text text = {0}, error = {0};
	struct arena arena;
	struct link_hello again;
	arena_init(&arena, NULL, 0);
	link_message_print_hello(&HELLO, &text);
	assert_string_equal(text_c(&text), "{\"v\":1,\"id\":\"edge-\\\"1\\\"\",\"store\":\"00ff\","
	                                   "\"revision\":9007199254740993}");
	assert_true(link_message_read_hello(&arena, text_str(&text), &again, &error));
	assert_true(str_is_equal(again.id, HELLO.id));
	assert_true(str_is_equal(again.store, HELLO.store));
	assert_int_equal(again.revision, HELLO.revision);
	text_done(&text);
	arena_reset(&arena);
}

static void what_is_no_greeting_says_why(void **state)
{
	(void)state;
	static const struct {
		const char *payload, *error;
	} CASES[] = {
	        {"", "is no greeting"},
	        {"[]", "is no greeting"},
	        {"{}", "is no greeting"},
	        {"{\"v\":\"1\"}", "is no greeting"},
	        {"{\"v\":2,\"whatever\":[]}", "speaks version 2 of the link, and this program 1"},
	        {"{\"v\":1}", "does not say who it is and what it knows"},
	        {"{\"v\":1,\"id\":\"a\",\"store\":\"\",\"revision\":-1}",
	                "does not say who it is and what it knows"},
	        {"{\"v\":1,\"id\":\"\",\"store\":\"\",\"revision\":1}",
	                "does not say who it is and what it knows"},
	        {"{\"v\":1,\"id\":\"a b\",\"store\":\"\",\"revision\":1}",
	                "does not say who it is and what it knows"},
	        {"{\"v\":1,\"id\":\"a\",\"store\":\"\",\"revision\":1,\"more\":1}",
	                "does not say who it is and what it knows"},
	};
	for (size_t i = 0; i < ARRAY_LENGTH(CASES); i++) {
		struct arena arena;
		struct link_hello hello;
		struct text error = {0};
		arena_init(&arena, NULL, 0);
		assert_false(
		        link_message_read_hello(&arena, str_of(CASES[i].payload), &hello, &error));
		assert_string_equal(text_c(&error), CASES[i].error);
		text_done(&error);
		arena_reset(&arena);
	}
}

static void numbers_and_names_read_back(void **state)
{
	(void)state;
	struct text text = {0};
	struct arena arena;
	uint64_t number;
	struct str error, name;
	arena_init(&arena, NULL, 0);
	link_message_print_number("revision", 8, NULL, &text);
	assert_string_equal(text_c(&text), "{\"revision\":8}");
	assert_true(link_message_read_number(&arena, text_str(&text), "revision", &number, NULL));
	assert_int_equal(number, 8);
	assert_false(link_message_read_number(&arena, text_str(&text), "id", &number, NULL));
	assert_false(
	        link_message_read_number(&arena, text_str(&text), "revision", &number, &error));
	text_clear(&text);
	link_message_print_number("id", 4, "no\n", &text);
	assert_string_equal(text_c(&text), "{\"id\":4,\"error\":\"no\\n\"}");
	assert_true(link_message_read_number(&arena, text_str(&text), "id", &number, &error));
	assert_true(str_is_equal(error, STR("no\n")));
	assert_false(link_message_read_number(&arena, text_str(&text), "id", &number, NULL));
	text_clear(&text);
	link_message_print_name(STR("*.a.test"), &text);
	assert_true(link_message_read_name(&arena, text_str(&text), &name));
	assert_true(str_is_equal(name, STR("*.a.test")));
	assert_false(link_message_read_name(&arena, STR("{\"name\":1}"), &name));
	assert_false(link_message_read_name(&arena, STR("{\"name\":\"a\",\"b\":1}"), &name));
	assert_false(link_message_read_name(&arena, STR("\"a\""), &name));
	text_done(&text);
	arena_reset(&arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(messages_are_taken_as_they_were_printed),
	        cmocka_unit_test(a_part_of_one_takes_nothing),
	        cmocka_unit_test(what_is_no_head_is_told_at_once),
	        cmocka_unit_test(kinds_have_names_and_numbers_of_their_own),
	        cmocka_unit_test(greetings_read_back),
	        cmocka_unit_test(what_is_no_greeting_says_why),
	        cmocka_unit_test(numbers_and_names_read_back),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
