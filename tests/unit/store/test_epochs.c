/* Epochs: how far each went, and that a copy that is put back has others. */
#include "failing.h"

#include "store/epochs.h"
#include "store/tasks.h"

static void purge(struct store *store)
{
	uint64_t number, revision;
	assert_int_equal(
	        store_tasks_add(store, STR("alice"), STR("w"), &number, &revision), STORE_DONE);
}

static void begin(struct store *store, struct store_epoch *epochs, unsigned count)
{
	unsigned found;
	assert_int_equal(store_epochs_begin(store, epochs, &found), STORE_DONE);
	assert_int_equal(found, count);
	assert_int_equal(strlen(epochs[count - 1].name), STORE_EPOCH_BYTES - 1);
}

static void each_ends_where_the_next_one_begins(void **state)
{
	(void)state;
	struct place place;
	place_init(&place);
	struct store *store = open_good(&place);
	struct store_epoch epochs[LIMIT_LINK_EPOCHS], again[LIMIT_LINK_EPOCHS];
	begin(store, epochs, 1);
	assert_int_equal(epochs[0].purge, 0);
	purge(store);
	purge(store);
	store_close(store);
	store = open_good(&place);
	begin(store, again, 2);
	assert_string_equal(again[0].name, epochs[0].name);
	assert_string_not_equal(again[1].name, epochs[0].name);
	assert_int_equal(again[0].purge, 2);
	assert_int_equal(again[1].purge, 2);
	purge(store);
	begin(store, epochs, 3);
	assert_int_equal(epochs[0].purge, 2);
	assert_int_equal(epochs[1].purge, 3);
	assert_int_equal(epochs[2].purge, 3);
	store_close(store);
	place_done(&place);
}

static void so_many_are_known_and_no_more(void **state)
{
	(void)state;
	struct place place;
	place_init(&place);
	struct store *store = open_good(&place);
	struct store_epoch epochs[LIMIT_LINK_EPOCHS], next[LIMIT_LINK_EPOCHS];
	for (unsigned i = 1; i <= LIMIT_LINK_EPOCHS; i++)
		begin(store, epochs, i);
	begin(store, next, LIMIT_LINK_EPOCHS);
	assert_string_equal(next[0].name, epochs[1].name);
	assert_string_equal(next[LIMIT_LINK_EPOCHS - 2].name, epochs[LIMIT_LINK_EPOCHS - 1].name);
	store_close(store);
	place_done(&place);
}

/* Nothing is made in it, so that nobody has to know of it. */
static void a_disk_that_is_full_begins_one_that_is_not_kept(void **state)
{
	(void)state;
	struct place place;
	place_init(&place);
	struct store *store = open_good(&place);
	struct store_epoch epochs[LIMIT_LINK_EPOCHS], next[LIMIT_LINK_EPOCHS];
	begin(store, epochs, 1);
	purge(store);
	failing_arm(1, FAILING_NOTHING_DONE, SQLITE_FULL);
	begin(store, next, 2);
	assert_true(failing.has_failed);
	assert_string_equal(next[0].name, epochs[0].name);
	assert_int_equal(next[0].purge, 1);
	begin(store, epochs, 2);
	assert_string_not_equal(epochs[1].name, next[1].name);
	store_close(store);
	place_done(&place);
}

static void what_others_did_to_it_is_told(void **state)
{
	(void)state;
	static const char *const LINES[] = {"rubbish", "0123456789abcdef 1",
	        "0123456789abcdef 1 x\n", "0123456789abcde 1 1\n",
	        "0123456789abcdef 1 1\n\n0123456789abcdef 1 1\n"};
	struct place place;
	place_init(&place);
	for (unsigned i = 0; i < ARRAY_LENGTH(LINES); i++) {
		struct store *store = open_good(&place);
		struct store_epoch epochs[LIMIT_LINK_EPOCHS];
		unsigned count;
		char sql[160];
		snprintf(sql, sizeof(sql), "INSERT OR REPLACE INTO meta VALUES('epochs', '%s')",
		        LINES[i]);
		assert_int_equal(sqlite3_exec(store->db, sql, NULL, NULL, NULL), SQLITE_OK);
		assert_int_equal(store_epochs_begin(store, epochs, &count), STORE_CORRUPT);
		store_close(store);
	}
	place_done(&place);
}

int main(void)
{
	failing_install();
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(each_ends_where_the_next_one_begins),
	        cmocka_unit_test(so_many_are_known_and_no_more),
	        cmocka_unit_test(a_disk_that_is_full_begins_one_that_is_not_kept),
	        cmocka_unit_test(what_others_did_to_it_is_told),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
