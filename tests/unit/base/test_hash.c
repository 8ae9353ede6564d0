/* Hashes: keyed ones repeat within the process, checksums are the same everywhere. */
#include "base/hash.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static int draw_key(void **state)
{
	(void)state;
	hash_init();
	return 0;
}

static void equal_bytes_have_equal_keyed_hashes_and_others_differ(void **state)
{
	(void)state;
	char a[] = "some bytes", b[] = "some bytes";
	assert_int_equal(hash_keyed(a, sizeof(a)), hash_keyed(b, sizeof(b)));
	b[3] ^= 1;
	assert_int_not_equal(hash_keyed(a, sizeof(a)), hash_keyed(b, sizeof(b)));
	assert_int_not_equal(hash_keyed(a, 3), hash_keyed(a, 4));
}

static void a_new_key_gives_other_hashes(void **state)
{
	(void)state;
	uint64_t before = hash_keyed("x", 1);
	hash_init();
	assert_int_not_equal(hash_keyed("x", 1), before);
}

static void case_is_ignored_where_asked(void **state)
{
	(void)state;
	assert_int_equal(hash_keyed_nocase(STR("WWW.Example.COM")),
	        hash_keyed_nocase(STR("www.example.com")));
	assert_int_not_equal(hash_keyed_nocase(STR("[")), hash_keyed_nocase(STR("{")));
	assert_int_equal(hash_keyed_nocase(STR("abc")), hash_keyed("abc", 3));
}

static void checksums_are_xxh3(void **state)
{
	(void)state;
	/* The published XXH3 value of no bytes with seed 0. */
	assert_int_equal(hash_checksum("", 0), 0x2d06800538d394c2);
	assert_int_not_equal(hash_checksum("a", 1), hash_checksum("b", 1));
}

static void mixing_depends_on_both_and_on_their_order(void **state)
{
	(void)state;
	assert_int_not_equal(hash_mix(1, 2), hash_mix(2, 1));
	assert_int_not_equal(hash_mix(1, 2), hash_mix(1, 3));
	assert_int_not_equal(hash_mix(1, 2), hash_mix(0, 2));
	assert_int_not_equal(hash_mix(0, 1), hash_mix(0, 2));
	/* The low bits choose slots: inputs that differ at the top only must differ there. */
	unsigned seen = 0;
	for (uint64_t i = 0; i < 64; i++)
		seen |= 1u << (hash_mix(i << 56, 7) & 15);
	assert_int_equal(__builtin_popcount(seen) > 10, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(equal_bytes_have_equal_keyed_hashes_and_others_differ),
	        cmocka_unit_test(a_new_key_gives_other_hashes),
	        cmocka_unit_test(case_is_ignored_where_asked),
	        cmocka_unit_test(checksums_are_xxh3),
	        cmocka_unit_test(mixing_depends_on_both_and_on_their_order),
	};
	return cmocka_run_group_tests(tests, draw_key, NULL);
}
