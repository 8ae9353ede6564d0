/*
 * What is not for sharing is remembered for a while.
 */
#include "edge/unshared.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void a_key_is_remembered_and_forgotten(void **state)
{
	(void)state;
	struct edge_unshared *unshared = edge_unshared_new();
	const uint64_t hash = 0x123456789abcdef0;
	for (uint64_t now_ms = 1; now_ms < (uint64_t)1 << 40; now_ms = now_ms * 7 + 12345) {
		assert_false(edge_unshared_has(unshared, hash, now_ms));
		edge_unshared_note(unshared, hash, now_ms);
		assert_true(edge_unshared_has(unshared, hash, now_ms));
		assert_true(edge_unshared_has(unshared, hash, now_ms + EDGE_UNSHARED_MS - 500));
		assert_false(edge_unshared_has(unshared, hash, now_ms + EDGE_UNSHARED_MS + 250));
		edge_unshared_note(unshared, ~hash, now_ms); /* another slot */
		assert_true(edge_unshared_has(unshared, ~hash, now_ms));
		assert_true(edge_unshared_has(unshared, hash, now_ms));
		edge_unshared_forget(unshared, ~hash);
		assert_false(edge_unshared_has(unshared, ~hash, now_ms));
		assert_true(edge_unshared_has(unshared, hash, now_ms));
		edge_unshared_note(unshared, hash ^ (uint64_t)1 << 40, now_ms); /* the same one */
		assert_false(edge_unshared_has(unshared, hash, now_ms));
		edge_unshared_forget(unshared, hash); /* what is not there */
		assert_true(edge_unshared_has(unshared, hash ^ (uint64_t)1 << 40, now_ms));
	}
	edge_unshared_free(unshared);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(a_key_is_remembered_and_forgotten),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
