/* Where all threads find the newest shelf. */
#include "authority.h"

#include "net/tls_shelf_private.h"

static void a_slot_has_the_newest(void **state)
{
	(void)state;
	struct tls_shelf_slot *slot = tls_shelf_slot_new();
	struct tls_shelf *mine = NULL, *next = tls_shelf_new();
	struct text troubles = {0};
	uint64_t turn = 0;
	tls_shelf_slot_follow(slot, &turn, &mine);
	assert_non_null(mine);
	assert_int_equal(tls_shelf_count(mine), 0);
	tls_shelf_finish(next, 0, &troubles);
	tls_shelf_slot_put(slot, next);
	struct tls_shelf *got = tls_shelf_slot_get(slot);
	assert_ptr_equal(got, next);
	tls_shelf_unref(got);
	tls_shelf_slot_follow(slot, &turn, &mine);
	assert_ptr_equal(mine, next);
	tls_shelf_slot_follow(slot, &turn, &mine);
	tls_shelf_slot_free(slot);
	assert_int_equal(tls_shelf_count(mine), 0);
	tls_shelf_unref(mine);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(a_slot_has_the_newest),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
