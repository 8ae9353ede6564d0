/* Keys: the same in every process that is attached, different for whatever differs. */
#include "fixture.h"

static void hashes_agree_between_stores_of_one_memory_only(void **state)
{
	(void)state;
	struct bench bench, other;
	bench_init(&bench);
	bench_init(&other);
	struct cache_store *second = attach(bench.fd);
	struct cache_key key = cache_key_make(bench.store, STR("http://a/"));
	assert_true(key.hash == cache_key_make(second, STR("http://a/")).hash);
	assert_true(key.hash != cache_key_make(other.store, STR("http://a/")).hash);
	assert_true(cache_key_variant(bench.store, &key, 1, STR("br")) ==
	            cache_key_variant(second, &key, 1, STR("br")));
	cache_store_free(second);
	bench_done(&other);
	bench_done(&bench);
}

static void whatever_differs_changes_the_hash(void **state)
{
	(void)state;
	struct bench bench;
	bench_init(&bench);
	const struct cache_store *store = bench.store;
	struct cache_key key = cache_key_make(store, STR("a")),
	                 other = cache_key_make(store, STR("b"));
	const uint64_t hashes[] = {
	        key.hash,
	        other.hash,
	        cache_key_make(store, STR("")).hash,
	        cache_key_variant(store, &key, 1, STR("")),
	        cache_key_variant(store, &key, 1, STR("x")),
	        cache_key_variant(store, &key, 2, STR("x")),
	        cache_key_variant(store, &other, 1, STR("x")),
	        cache_key_piece(store, 1, 2),
	        cache_key_piece(store, 2, 1),
	        cache_key_domain(store, STR("a")),
	        cache_key_domain(store, STR("b")),
	        cache_key_tag(store, 1, STR("a")),
	        cache_key_tag(store, 2, STR("a")),
	        cache_key_tag(store, 1, STR("b")),
	};
	for (size_t i = 0; i < ARRAY_LENGTH(hashes); i++)
		for (size_t j = 0; j < i; j++)
			assert_true(hashes[i] != hashes[j]);
	bench_done(&bench);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(hashes_agree_between_stores_of_one_memory_only),
	        cmocka_unit_test(whatever_differs_changes_the_hash),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
