/* The distance of names. */
#include "model/suggest.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

static void the_distance_counts_edits(void **state)
{
	(void)state;
	static const struct {
		const char *a, *b;
		unsigned distance;
	} ROWS[] = {
	        {"", "", 0},
	        {"", "abc", 3},
	        {"abc", "abc", 0},
	        {"adresses", "addresses", 1},
	        {"addreses", "addresses", 1},
	        {"orgiin", "origin", 1},
	        {"Origin", "origin", 0},
	        {"back-up", "backup", 1},
	        {"conect_timout", "connect_timeout", 2},
	        {"host", "port", 2},
	};
	for (size_t i = 0; i < ARRAY_LENGTH(ROWS); i++) {
		struct str a = str_of(ROWS[i].a), b = str_of(ROWS[i].b);
		assert_int_equal(model_suggest_distance(a, b), ROWS[i].distance);
		assert_int_equal(model_suggest_distance(b, a), ROWS[i].distance);
	}
}

static void long_names_are_near_to_nothing(void **state)
{
	(void)state;
	char name[200];
	memset(name, 'a', sizeof(name));
	struct str text = str_make(name, sizeof(name));
	assert_true(model_suggest_distance(text, text) >= model_suggest_limit(text));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(the_distance_counts_edits),
	        cmocka_unit_test(long_names_are_near_to_nothing),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
