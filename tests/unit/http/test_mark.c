/* Fields that are named. */
#include "http/mark.h"

#include "base/hash.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>

#include "heads.h"

static void fields_are_marked_by_their_names(void **state)
{
	(void)state;
	struct heads heads = {0};
	struct http_head *head =
	        heads_response(&heads, 200, "Age: 1\nX-A: 2\nVary: 3\nx-a: 4\nX-B: 5");
	uint64_t marks[HTTP_MARK_WORDS] = {1 << 4};
	struct http_mark mark;
	http_mark_init(&mark, head, marks);
	http_mark_name(&mark, STR("X-a"));
	http_mark_name(&mark, STR("x-A"));
	http_mark_name(&mark, STR("vary"));
	http_mark_name(&mark, STR("Date"));
	http_mark_name(&mark, STR("X-C"));
	http_mark_name(&mark, STR_EMPTY);
	http_mark_done(&mark);
	assert_int_equal(marks[0], 1 << 1 | 1 << 2 | 1 << 3 | 1 << 4);
	http_mark_known(&mark, HTTP_NAME_AGE);
	http_mark_done(&mark);
	assert_true(http_mark_has(marks, 0));
	assert_false(http_mark_has(marks, 5));
	heads_done(&heads);
}

static void a_full_head_is_marked_to_its_end(void **state)
{
	(void)state;
	struct heads heads = {0};
	struct text lines = {0};
	for (unsigned i = 0; i < LIMIT_HEAD_FIELDS; i++)
		text_addf(&lines, "X-%u:\n", i);
	struct http_head *head = heads_response(&heads, 200, text_c(&lines));
	uint64_t marks[HTTP_MARK_WORDS] = {0};
	struct http_mark mark;
	http_mark_init(&mark, head, marks);
	for (unsigned i = 0; i < LIMIT_HEAD_FIELDS; i += 3) {
		char name[16];
		snprintf(name, sizeof(name), "x-%u", i);
		http_mark_name(&mark, str_of(name));
	}
	http_mark_done(&mark);
	for (unsigned i = 0; i < LIMIT_HEAD_FIELDS; i++)
		assert_int_equal(http_mark_has(marks, i), i % 3 == 0);
	text_done(&lines);
	heads_done(&heads);
}

int main(void)
{
	hash_init();
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(fields_are_marked_by_their_names),
	        cmocka_unit_test(a_full_head_is_marked_to_its_end),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
