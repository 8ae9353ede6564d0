/* Messages: cut off a stream at any place, and what is in them. */
#include "link/message.h"

#include "base/arena.h"
#include "model/node.h"

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
	        {0, 0, 0, 0, 99, 0, 0, 0},
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
	assert_string_equal(link_message_name(14), "LOG");
	assert_null(link_message_name(99));
	assert_int_equal(LINK_SAYS_HELLO, 1);
	assert_int_equal(LINK_SAYS_PING, 8);
}

static void greetings_read_back(void **state)
{
	(void)state;
	const struct link_hello HELLO = {
	        .id = {"edge-\"1\"", 8},
	        .run = {"edge", 4},
	        .store = {"00ff", 4},
	        .revision = UINT64_C(9007199254740993),
	        .purged = 5,
	        .oldest = 2,
	        .past = (const struct link_past[]){{{"00fe", 4}, 7, 3}, {{"00fd", 4}, 5, 0}},
	        .past_count = 2,
	};
	struct text text = {0}, error = {0};
	struct arena arena;
	struct link_hello again;
	arena_init(&arena, NULL, 0);
	link_message_print_hello(&HELLO, &text);
	assert_string_equal(text_c(&text),
	        "{\"v\":5,\"id\":\"edge-\\\"1\\\"\",\"run\":\"edge\",\"store\":\"00ff\","
	        "\"revision\":9007199254740993,\"purged\":5,"
	        "\"oldest\":2,\"past\":[{\"store\":\"00fe\",\"revision\":7,\"purged\":3},"
	        "{\"store\":\"00fd\",\"revision\":5,\"purged\":0}]}");
	assert_true(link_message_read_hello(&arena, text_str(&text), &again, &error));
	assert_true(str_is_equal(again.id, HELLO.id));
	assert_true(str_is_equal(again.store, HELLO.store));
	assert_int_equal(again.revision, HELLO.revision);
	assert_int_equal(again.purged, 5);
	assert_int_equal(again.oldest, 2);
	assert_int_equal(again.past_count, 2);
	assert_true(str_is_equal(again.past[1].store, HELLO.past[1].store));
	assert_int_equal(again.past[0].revision, 7);
	assert_int_equal(again.past[0].purged, 3);
	text_done(&text);
	arena_reset(&arena);
}

static void what_a_control_plane_knows_is_of_its_names(void **state)
{
	(void)state;
	static const struct link_past PAST[] = {{{"a", 1}, 5, 2}, {{"b", 1}, 8, 3}};
	const struct link_hello hello = {.store = STR("c"),
	        .revision = 10,
	        .purged = 4,
	        .past = PAST,
	        .past_count = ARRAY_LENGTH(PAST)};
	assert_true(link_message_is_known(&hello, STR("c"), 10, 4));
	assert_true(link_message_is_known(&hello, STR("b"), 8, 3));
	assert_true(link_message_is_known(&hello, STR("a"), 0, 0));
	assert_false(link_message_is_known(&hello, STR("c"), 11, 4));
	assert_false(link_message_is_known(&hello, STR("c"), 10, 5));
	assert_false(link_message_is_known(&hello, STR("b"), 9, 3));
	assert_false(link_message_is_known(&hello, STR("b"), 8, 4));
	assert_false(link_message_is_known(&hello, STR("a"), 6, 0));
	assert_false(link_message_is_known(&hello, STR("d"), 1, 0));
	assert_false(link_message_is_known(&hello, STR(""), 0, 0));
}

static void a_kept_greeting_is_read_whatever_wrote_it(void **state)
{
	(void)state;
	struct link_hello hello;
	struct arena arena;
	arena_init(&arena, NULL, 0);
	assert_true(link_message_read_kept_hello(&arena,
	        STR("{\"v\":2,\"id\":\"x\",\"store\":\"ab\",\"revision\":4,\"purged\":1}"),
	        &hello));
	assert_true(str_is_equal(hello.store, STR("ab")));
	assert_int_equal(hello.revision, 4);
	assert_int_equal(hello.purged, 1);
	assert_false(link_message_read_kept_hello(
	        &arena, STR("{\"v\":5,\"store\":\"ab\",\"revision\":4}"), &hello));
	assert_false(link_message_read_kept_hello(&arena, STR("[]"), &hello));
	arena_reset(&arena);
}

#define HELLO_BEFORE                                                                               \
	"{\"v\":5,\"id\":\"a\",\"run\":\"a\",\"store\":\"\",\"revision\":1,\"purged\":0,"          \
	"\"oldest\":0,\"past\":"

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
	        {"{\"v\":1,\"whatever\":[]}", "speaks version 1 of the link, and this program 5"},
	        {"{\"v\":5,\"id\":\"a\",\"run\":\"a\",\"version\":\"a b\",\"store\":\"\","
	         "\"revision\":1,\"purged\":0,\"oldest\":0,\"past\":[]}",
	                "does not say who it is and what it knows"},
	        {"{\"v\":5}", "does not say who it is and what it knows"},
	        {"{\"v\":5,\"id\":\"a\",\"run\":\"a\",\"store\":\"\",\"revision\":-1,\"purged\":0,"
	         "\"oldest\":0}",
	                "does not say who it is and what it knows"},
	        {"{\"v\":5,\"id\":\"\",\"run\":\"\",\"store\":\"\",\"revision\":1,\"purged\":0,"
	         "\"oldest\":0}",
	                "does not say who it is and what it knows"},
	        {"{\"v\":5,\"id\":\"a b\",\"run\":\"a "
	         "b\",\"store\":\"\",\"revision\":1,\"purged\":0,\"oldest\":0}",
	                "does not say who it is and what it knows"},
	        {HELLO_BEFORE "[],\"more\":1}", "does not say who it is and what it knows"},
	        {HELLO_BEFORE "{}}", "does not say who it is and what it knows"},
	        {HELLO_BEFORE "[1]}", "does not say who it is and what it knows"},
	        {HELLO_BEFORE "[{\"store\":\"a\",\"revision\":1}]}",
	                "does not say who it is and what it knows"},
	        {HELLO_BEFORE "[{\"store\":\"a b\",\"revision\":1,\"purged\":0}]}",
	                "does not say who it is and what it knows"},
	        {HELLO_BEFORE "[{\"store\":\"a\",\"revision\":1,\"purged\":0,\"x\":0}]}",
	                "does not say who it is and what it knows"},
	        {"{\"v\":5,\"id\":\"a\",\"run\":\"a\",\"store\":\"\",\"revision\":1,\"oldest\":0,"
	         "\"past\":[]}",
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

static void purges_and_what_became_of_them_read_back(void **state)
{
	(void)state;
	static const struct link_purged SAID = {8, 7, {"no \"disk\"", 9}};
	struct text text = {0}, error = {0}, line = {0};
	struct arena arena;
	struct link_purge purge = {0}, again = {0};
	struct link_purged said = {0};
	struct model_why why;
	uint64_t number = 0;
	arena_init(&arena, NULL, 0);
	assert_true(link_command_add(&purge, &arena, STR("http://a.test/b?\"c"), &why));
	link_command_print(&purge, &line);
	link_message_print_purge(8, text_str(&line), &text);
	assert_string_equal(text_c(&text),
	        "{\"number\":8,\"purge\":{\"v\":1,\"do\":\"purge\",\"what\":\"url\",\"values\":"
	        "[\"http://a.test/b?\\\"c\"],\"mode\":\"hard\"}}");
	assert_true(link_message_read_purge(&arena, text_str(&text), &number, &again, &error));
	assert_int_equal(number, 8);
	assert_int_equal(error.len, 0);
	assert_true(str_is_equal(again.items[0].target, STR("/b?\"c")));
	text_clear(&text);
	link_message_print_purged(&SAID, &text);
	assert_string_equal(
	        text_c(&text), "{\"number\":8,\"purged\":7,\"error\":\"no \\\"disk\\\"\"}");
	assert_true(link_message_read_purged(&arena, text_str(&text), &said));
	assert_int_equal(said.number, 8);
	assert_int_equal(said.purged, 7);
	assert_true(str_is_equal(said.error, SAID.error));
	text_done(&text);
	text_done(&line);
	arena_reset(&arena);
}

/* What has a number has failed; what has none is no message. */
static void what_is_no_purge_says_why(void **state)
{
	(void)state;
	static const struct {
		const char *payload, *error;
		bool is_message;
	} CASES[] = {
	        {"{\"number\":1,\"purge\":{}}", "v is not 1, the version that is spoken here",
	                true},
	        {"{\"number\":1,\"purge\":7}", "a request is a JSON object", true},
	        {"{\"number\":1,\"purge\":{\"v\":1,\"do\":\"purge\",\"what\":\"all\",\"values\":"
	         "[\"x\"],\"mode\":\"hard\"}}",
	                "what is not one of url, prefix, domain, tag", true},
	        {"{\"number\":\"1\",\"purge\":{}}", "", false},
	        {"{\"number\":1}", "", false},
	        {"{\"purge\":{}}", "", false},
	        {"{\"number\":1,\"purge\":{},\"more\":1}", "", false},
	        {"[]", "", false},
	        {"", "", false},
	};
	for (size_t i = 0; i < ARRAY_LENGTH(CASES); i++) {
		struct arena arena;
		struct link_purge purge;
		struct link_purged said;
		struct text error = {0};
		uint64_t number;
		struct str payload = str_of(CASES[i].payload);
		arena_init(&arena, NULL, 0);
		bool is_read = link_message_read_purge(&arena, payload, &number, &purge, &error);
		assert_int_equal(is_read, CASES[i].is_message);
		assert_string_equal(text_c(&error), CASES[i].error);
		assert_false(link_message_read_purged(&arena, payload, &said));
		text_done(&error);
		arena_reset(&arena);
	}
}

static void subscriptions_and_reports_read_back(void **state)
{
	(void)state;
	static const struct link_subscription WANTED = {.every_ms = {1000, 60000, 0}};
	struct text text = {0};
	struct arena arena;
	struct link_subscription wanted, filtered;
	struct link_report_head head;
	const struct model_node *items;
	arena_init(&arena, NULL, 0);
	link_message_print_subscription(&WANTED, &text);
	assert_string_equal(
	        text_c(&text), "{\"health\":1000,\"counters\":60000,\"log\":0,\"filters\":[]}");
	assert_true(link_message_read_subscription(&arena, text_str(&text), &wanted));
	assert_memory_equal(&wanted, &WANTED, sizeof(wanted));
	memset(&filtered, 0, sizeof(filtered));
	filtered.every_ms[LINK_REPORT_LOG] = 250;
	filtered.filter_count = LIMIT_TAIL_STREAMS;
	for (unsigned i = 0; i < LIMIT_TAIL_STREAMS; i++)
		assert_true(link_filter_set_path(&filtered.filters[i], STR("/\"\\\x01")));
	text_clear(&text);
	link_message_print_subscription(&filtered, &text);
	assert_true(text.len < LIMIT_LINK_MESSAGE_BYTES);
	assert_true(link_message_read_subscription(&arena, text_str(&text), &wanted));
	assert_memory_equal(&wanted, &filtered, sizeof(wanted));
	text_clear(&text);
	link_message_print_report(
	        &(struct link_report_head){true, 7}, STR("{\"a\":1},{\"b\":2}"), &text);
	assert_string_equal(
	        text_c(&text), "{\"more\":true,\"dropped\":7,\"items\":[{\"a\":1},{\"b\":2}]}");
	assert_true(link_message_read_report(&arena, text_str(&text), &head, &items));
	assert_true(head.has_more);
	assert_int_equal(head.dropped, 7);
	assert_int_equal(items->count, 2);
	for (unsigned i = 0; i < LINK_REPORTS; i++)
		assert_int_equal(link_message_report_of(link_message_of_report(i)), i);
	assert_int_equal(link_message_report_of(LINK_SAYS_PING), LINK_REPORTS);
	text_done(&text);
	arena_reset(&arena);
}

static void what_is_no_subscription_or_report_is_refused(void **state)
{
	(void)state;
	static const char *const PAYLOADS[] = {
	        "",
	        "[]",
	        "{}",
	        "{\"health\":1,\"counters\":1}",
	        "{\"health\":1,\"counters\":1,\"log\":1}",
	        "{\"health\":1,\"counters\":1,\"log\":4294967296,\"filters\":[]}",
	        "{\"health\":1,\"counters\":1,\"log\":\"1\",\"filters\":[]}",
	        "{\"health\":1,\"counters\":1,\"log\":1,\"filters\":[],\"more\":1}",
	        "{\"health\":1,\"counters\":1,\"log\":1,\"filters\":{}}",
	        "{\"health\":1,\"counters\":1,\"log\":1,\"filters\":[{}]}",
	        "{\"health\":1,\"counters\":1,\"log\":1,\"filters\":[1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,"
	        "1,1]}",
	        "{\"more\":1,\"dropped\":0,\"items\":[]}",
	        "{\"more\":\"true\",\"dropped\":0,\"items\":[]}",
	        "{\"more\":true,\"dropped\":0,\"items\":{}}",
	        "{\"more\":true,\"items\":[]}",
	        "{\"more\":true,\"dropped\":0,\"items\":[],\"later\":1}",
	};
	for (size_t i = 0; i < ARRAY_LENGTH(PAYLOADS); i++) {
		struct arena arena;
		struct link_subscription wanted;
		struct link_report_head head;
		const struct model_node *items;
		struct str payload = str_of(PAYLOADS[i]);
		arena_init(&arena, NULL, 0);
		assert_false(link_message_read_subscription(&arena, payload, &wanted));
		assert_false(link_message_read_report(&arena, payload, &head, &items));
		arena_reset(&arena);
	}
}

static void questions_and_answers_read_back(void **state)
{
	(void)state;
	static const struct link_told ANSWER = {7, {"", 0}, {"{\"a\":\"b\"}", 9}};
	struct text text = {0};
	struct arena arena;
	const struct model_node *question;
	struct link_told told;
	struct str what;
	uint64_t number;
	arena_init(&arena, NULL, 0);
	link_message_print_ask(7, STR("explain"), STR("{\"url\":\"u\"}"), &text);
	assert_string_equal(
	        text_c(&text), "{\"number\":7,\"what\":\"explain\",\"question\":{\"url\":\"u\"}}");
	assert_true(link_message_read_ask(&arena, text_str(&text), &number, &what, &question));
	assert_int_equal(number, 7);
	assert_true(str_is_equal(what, STR("explain")));
	assert_int_equal(question->count, 1);
	assert_false(link_message_read_ask(&arena,
	        STR("{\"number\":0,\"what\":\"a\",\"question\":{}}"), &number, &what, &question));
	assert_false(link_message_read_ask(
	        &arena, STR("{\"number\":1,\"what\":\"a\"}"), &number, &what, &question));
	assert_false(link_message_read_ask(&arena, STR("{\"number\":1,\"what\":2,\"question\":{}}"),
	        &number, &what, &question));
	text_clear(&text);
	link_message_print_answer(&ANSWER, &text);
	assert_string_equal(text_c(&text),
	        "{\"number\":7,\"error\":\"\",\"answer\":\"{\\\"a\\\":\\\"b\\\"}\"}");
	assert_true(link_message_read_answer(&arena, text_str(&text), &told));
	assert_int_equal(told.number, 7);
	assert_int_equal(told.error.len, 0);
	assert_true(str_is_equal(told.answer, ANSWER.answer));
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
	        cmocka_unit_test(what_a_control_plane_knows_is_of_its_names),
	        cmocka_unit_test(a_kept_greeting_is_read_whatever_wrote_it),
	        cmocka_unit_test(what_is_no_greeting_says_why),
	        cmocka_unit_test(numbers_and_names_read_back),
	        cmocka_unit_test(purges_and_what_became_of_them_read_back),
	        cmocka_unit_test(what_is_no_purge_says_why),
	        cmocka_unit_test(subscriptions_and_reports_read_back),
	        cmocka_unit_test(what_is_no_subscription_or_report_is_refused),
	        cmocka_unit_test(questions_and_answers_read_back),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
