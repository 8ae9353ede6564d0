/* Failures have words, and SQLite's codes are some of them. */
#include "stores.h"

static void each_failure_has_words(void **state)
{
	(void)state;
	assert_string_equal(store_failure_words(STORE_DONE), "");
	for (unsigned i = STORE_DONE + 1; i < STORE_FAILURES; i++)
		assert_true(strlen(store_failure_words((enum store_failure)i)) > 10);
}

static void codes_are_what_can_be_done_about_them(void **state)
{
	(void)state;
	static const struct {
		int code;
		enum store_failure failure;
	} CASES[] = {
	        {SQLITE_OK, STORE_DONE},
	        {SQLITE_ROW, STORE_DONE},
	        {SQLITE_DONE, STORE_DONE},
	        {SQLITE_FULL, STORE_FULL},
	        {SQLITE_BUSY, STORE_USED},
	        {SQLITE_BUSY_RECOVERY, STORE_USED},
	        {SQLITE_READONLY, STORE_READ_ONLY},
	        {SQLITE_READONLY_DBMOVED, STORE_MOVED},
	        {SQLITE_CORRUPT, STORE_CORRUPT},
	        {SQLITE_CORRUPT_INDEX, STORE_CORRUPT},
	        {SQLITE_NOTADB, STORE_CORRUPT},
	        {SQLITE_IOERR_SHORT_READ, STORE_CORRUPT},
	        {SQLITE_IOERR_WRITE, STORE_SYSTEM},
	        {SQLITE_NOMEM, STORE_SYSTEM},
	};
	for (size_t i = 0; i < ARRAY_LENGTH(CASES); i++)
		assert_int_equal(store_failure_of_sqlite(CASES[i].code), CASES[i].failure);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(each_failure_has_words),
	        cmocka_unit_test(codes_are_what_can_be_done_about_them),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
