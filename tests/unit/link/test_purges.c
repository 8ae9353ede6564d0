/* The purges that the hub has: in any order they come, dropped from the lower end. */
#include "link/purges.h"

#include "base/limit.h"
#include "base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

/* "2-4: b c d", and "-" for one that has not come yet. */
static void assert_purges(const struct link_purges *purges, uint64_t until, const char *wanted)
{
	struct text text = {0};
	text_addf(&text, "%u-%u:", (unsigned)purges->first, (unsigned)purges->last);
	for (uint64_t number = purges->first; number <= until; number++) {
		const struct link_purges_entry *entry = link_purges_get(purges, number);
		text_addf(&text, " %s", entry != NULL ? entry->line : "-");
		if (entry != NULL) {
			assert_int_equal(entry->len, strlen(entry->line));
			assert_int_equal(entry->revision, 100 + number);
		}
	}
	assert_string_equal(text_c(&text), wanted);
	text_done(&text);
}

static void add(struct link_purges *purges, uint64_t number, const char *line)
{
	link_purges_add(purges, number, 100 + number, str_of(line));
}

static void they_are_found_by_their_numbers(void **state)
{
	(void)state;
	struct link_purges purges;
	link_purges_init(&purges);
	assert_purges(&purges, 0, "1-0:");
	assert_null(link_purges_get(&purges, 0));
	assert_null(link_purges_get(&purges, 1));
	add(&purges, 1, "a\n");
	add(&purges, 2, "b");
	add(&purges, 2, "again");
	assert_purges(&purges, 2, "1-2: a b");
	assert_null(link_purges_get(&purges, 3));
	link_purges_done(&purges);
	assert_purges(&purges, 0, "1-0:");
}

static void one_that_has_not_come_yet_is_waited_for(void **state)
{
	(void)state;
	struct link_purges purges;
	link_purges_init(&purges);
	add(&purges, 3, "c");
	assert_purges(&purges, 3, "1-0: - - c");
	add(&purges, 1, "a");
	assert_purges(&purges, 3, "1-1: a - c");
	add(&purges, 5, "e");
	add(&purges, 2, "b");
	assert_purges(&purges, 5, "1-3: a b c - e");
	/* Dropped is dropped, come or not. */
	link_purges_drop_below(&purges, 5);
	assert_purges(&purges, 5, "5-5: e");
	add(&purges, 4, "d");
	assert_purges(&purges, 5, "5-5: e");
	link_purges_done(&purges);
}

static void they_may_begin_anywhere(void **state)
{
	(void)state;
	struct link_purges purges;
	link_purges_init(&purges);
	link_purges_drop_below(&purges, 7);
	assert_purges(&purges, 6, "7-6:");
	add(&purges, 6, "f");
	add(&purges, 7, "g");
	assert_purges(&purges, 7, "7-7: g");
	link_purges_drop_below(&purges, 3);
	assert_purges(&purges, 7, "7-7: g");
	link_purges_drop_below(&purges, 8);
	assert_purges(&purges, 7, "8-7:");
	link_purges_done(&purges);
}

static void many_come_and_go(void **state)
{
	(void)state;
	struct link_purges purges;
	link_purges_init(&purges);
	for (uint64_t number = 1; number <= 5000; number++) {
		char line[16];
		snprintf(line, sizeof(line), "w%u", (unsigned)number);
		add(&purges, number, line);
		if (number > 10)
			link_purges_drop_below(&purges, number - 9);
	}
	assert_purges(&purges, 5000,
	        "4991-5000: w4991 w4992 w4993 w4994 w4995 w4996 w4997 w4998 w4999 w5000");
	assert_int_equal(purges.bytes, 50);
	assert_true(purges.cap <= 64);
	link_purges_done(&purges);
}

static void past_their_bounds_the_lowest_go(void **state)
{
	(void)state;
	enum { LINE_BYTES = LIMIT_LINK_MESSAGE_BYTES };
	struct link_purges purges;
	char *line = mem_alloc(LINE_BYTES);
	memset(line, 'x', LINE_BYTES);
	link_purges_init(&purges);
	const unsigned fit = LIMIT_LINK_PURGES_BYTES / LINE_BYTES;
	for (unsigned i = 1; i <= fit + 2; i++)
		link_purges_add(&purges, i, 0, str_make(line, LINE_BYTES));
	assert_int_equal(purges.first, 3);
	assert_int_equal(purges.last, fit + 2);
	assert_int_equal(purges.bytes, (size_t)fit * LINE_BYTES);
	mem_free(line);
	/* A number far away leaves no room for what nobody gave. */
	add(&purges, (uint64_t)1 << 60, "far");
	assert_int_equal(purges.first, ((uint64_t)1 << 60) - LIMIT_PURGE_TASKS);
	assert_int_equal(purges.last, purges.first - 1);
	assert_non_null(link_purges_get(&purges, (uint64_t)1 << 60));
	link_purges_done(&purges);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(they_are_found_by_their_numbers),
	        cmocka_unit_test(one_that_has_not_come_yet_is_waited_for),
	        cmocka_unit_test(they_may_begin_anywhere),
	        cmocka_unit_test(many_come_and_go),
	        cmocka_unit_test(past_their_bounds_the_lowest_go),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
