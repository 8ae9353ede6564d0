/* Which requests somebody wants to see. */
#include "link/filter.h"

#include "model/json.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static const struct link_filter_subject BASE = {
        .domain = {"a.test", 6},
        .path = {"/shop/cart?x=1", 14},
        .cache = {"MISS", 4},
        .status = 503,
        .is_failed = true,
        .is_retried = true,
        .is_backup = true,
};

static struct link_filter_subject subject_from(const char *client)
{
	struct link_filter_subject subject = BASE;
	assert_true(address_parse_ip(str_of(client), 0, &subject.client));
	return subject;
}

static void a_filter_lets_through_what_all_its_conditions_hold_for(void **state)
{
	(void)state;
	static const struct {
		const char *domain, *path, *cache, *client;
		uint16_t status_min, status_max;
		bool is_match;
	} ROWS[] = {
	        {"", "", "", "", 0, 0, true},
	        {"a.test", "/shop/", "MISS", "192.0.2.0/24", 500, 599, true},
	        {"a.test", "", "", "", 0, 0, true},
	        {"b.test", "", "", "", 0, 0, false},
	        {"a.tes", "", "", "", 0, 0, false},
	        {"", "/shop/cart?x=1", "", "", 0, 0, true},
	        {"", "/shop/cart?x=12", "", "", 0, 0, false},
	        {"", "shop", "", "", 0, 0, false},
	        {"", "", "HIT", "", 0, 0, false},
	        {"", "", "", "192.0.2.7", 0, 0, true},
	        {"", "", "", "192.0.2.8", 0, 0, false},
	        {"", "", "", "2001:db8::/32", 0, 0, false},
	        {"", "", "", "", 503, 503, true},
	        {"", "", "", "", 504, 599, false},
	        {"", "", "", "", 100, 502, false},
	};
	const struct link_filter_subject subject = subject_from("192.0.2.7");
	for (size_t i = 0; i < ARRAY_LENGTH(ROWS); i++) {
		struct link_filter filter = {
		        .status_min = ROWS[i].status_min, .status_max = ROWS[i].status_max};
		assert_true(link_filter_set_domain(&filter, str_of(ROWS[i].domain)));
		assert_true(link_filter_set_path(&filter, str_of(ROWS[i].path)));
		assert_true(link_filter_set_cache(&filter, str_of(ROWS[i].cache)));
		assert_true(link_filter_set_client(&filter, str_of(ROWS[i].client)));
		assert_int_equal(link_filter_is_match(&filter, &subject), ROWS[i].is_match);
	}
}

static void what_went_wrong_or_took_more_than_one_attempt_can_be_asked_for(void **state)
{
	(void)state;
	const struct link_filter filters[] = {
	        {.is_failed = true}, {.is_retried = true}, {.is_backup = true}};
	for (unsigned i = 0; i < ARRAY_LENGTH(filters); i++) {
		struct link_filter_subject subject = subject_from("192.0.2.7");
		assert_true(link_filter_is_match(&filters[i], &subject));
		subject.is_failed = i != 0;
		subject.is_retried = i != 1;
		subject.is_backup = i != 2;
		assert_false(link_filter_is_match(&filters[i], &subject));
	}
	/* One that was never answered has no status. */
	struct link_filter_subject subject = subject_from("192.0.2.7");
	subject.status = 0;
	assert_false(link_filter_is_match(
	        &(struct link_filter){.status_min = 100, .status_max = 599}, &subject));
	assert_true(link_filter_is_match(&filters[0], &subject));
}

static void texts_that_are_none_are_refused(void **state)
{
	(void)state;
	struct link_filter filter = {.status_max = 0};
	struct text longer = {0};
	while (longer.len <= LIMIT_TAIL_PATH_BYTES)
		text_add_char(&longer, 'a');
	assert_false(link_filter_set_path(&filter, text_str(&longer)));
	assert_false(link_filter_set_domain(&filter, text_str(&longer)));
	assert_false(link_filter_set_cache(&filter, text_str(&longer)));
	assert_false(link_filter_set_client(&filter, text_str(&longer)));
	longer.len--;
	assert_true(link_filter_set_path(&filter, text_str(&longer)));
	assert_true(link_filter_set_path(&filter, STR("/b")));
	assert_string_equal(filter.path, "/b");
	assert_false(link_filter_set_path(&filter, STR("/\0b")));
	assert_false(link_filter_set_client(&filter, STR("a.test")));
	assert_false(link_filter_set_client(&filter, STR("10.0.0.0/33")));
	assert_true(link_filter_set_client(&filter, STR("2001:db8::/32")));
	assert_true(link_filter_set_client(&filter, STR("")));
	assert_int_equal(filter.clients.bits, 0);
	text_done(&longer);
}

/* The text as a node. */
static const struct model_node *read(struct arena *arena, const char *text)
{
	struct model_problems problems = {0};
	struct model_node *node;
	assert_true(model_json_read(arena, str_of(text), &problems, &node));
	model_problems_done(&problems);
	return node;
}

#define REST                                                                                       \
	"\"cache\":\"HIT\",\"client\":\"10.0.0.0/"                                                 \
	"8\",\"failed\":true,\"retried\":false,\"backup\":true}"

static void a_filter_reads_back(void **state)
{
	(void)state;
	struct link_filter filter, again;
	struct arena arena;
	struct text text = {0};
	arena_init(&arena, NULL, 0);
	assert_true(link_filter_read(
	        read(&arena, "{\"status_min\":500,\"status_max\":599,\"domain\":\"*.a.test\","
	                     "\"path\":\"/\\u00e9\\\"\"," REST),
	        &filter));
	assert_int_equal(filter.status_min, 500);
	assert_string_equal(filter.domain, "*.a.test");
	assert_true(filter.is_failed && !filter.is_retried && filter.is_backup);
	assert_int_equal(filter.clients.bits, 96 + 8);
	link_filter_print(&filter, &text);
	assert_true(link_filter_read(read(&arena, text_c(&text)), &again));
	assert_memory_equal(&filter, &again, sizeof(filter));
	text_done(&text);
	arena_reset(&arena);
}

static void what_is_no_filter_is_refused(void **state)
{
	(void)state;
	static const char *const TEXTS[] = {
	        "[]",
	        "{}",
	        "\"\"",
	        "{\"status_min\":500,\"status_max\":599,\"domain\":\"\"," REST,
	        "{\"status_min\":500,\"status_max\":1000,\"domain\":\"\",\"path\":\"\"," REST,
	        "{\"status_min\":-1,\"status_max\":599,\"domain\":\"\",\"path\":\"\"," REST,
	        "{\"status_min\":\"1\",\"status_max\":599,\"domain\":\"\",\"path\":\"\"," REST,
	        "{\"status_min\":0,\"status_max\":0,\"domain\":1,\"path\":\"\"," REST,
	        "{\"status_min\":0,\"status_max\":0,\"domain\":null,\"path\":\"\"," REST,
	        "{\"status_min\":0,\"status_max\":0,\"domain\":\"\",\"path\":[]," REST,
	        "{\"more\":0,\"status_min\":0,\"status_max\":0,\"domain\":\"\",\"path\":\"\"," REST,
	        "{\"status_min\":0,\"status_max\":0,\"domain\":\"\",\"path\":\"\",\"cache\":\"\","
	        "\"client\":\"x\",\"failed\":true,\"retried\":false,\"backup\":true}",
	        "{\"status_min\":0,\"status_max\":0,\"domain\":\"\",\"path\":\"\",\"cache\":\"\","
	        "\"client\":\"\",\"failed\":1,\"retried\":false,\"backup\":true}",
	};
	for (size_t i = 0; i < ARRAY_LENGTH(TEXTS); i++) {
		struct link_filter filter;
		struct arena arena;
		arena_init(&arena, NULL, 0);
		if (link_filter_read(read(&arena, TEXTS[i]), &filter))
			fail_msg("%s", TEXTS[i]);
		arena_reset(&arena);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(a_filter_lets_through_what_all_its_conditions_hold_for),
	        cmocka_unit_test(what_went_wrong_or_took_more_than_one_attempt_can_be_asked_for),
	        cmocka_unit_test(texts_that_are_none_are_refused),
	        cmocka_unit_test(a_filter_reads_back),
	        cmocka_unit_test(what_is_no_filter_is_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
