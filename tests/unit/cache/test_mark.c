/* Marks: full tables purge more, never less; forgotten ones still cover what began before. */
#include "fixture.h"

static const struct cache_mark_subject SUBJECT = {
        .key = {"http://x/a", 10}, .domain = 1, .tags = (const uint64_t[]){2, 3}, .tag_count = 2};

static enum cache_purged covers(struct bench *bench, uint64_t sequence)
{
	return cache_mark_covers(bench->store, &SUBJECT, sequence);
}

static void marks_cover_what_is_older(void **state)
{
	(void)state;
	struct bench bench;
	bench_init(&bench);
	cache_store_lock(bench.store);
	assert_int_equal(covers(&bench, 0), CACHE_PURGED_NOT);
	cache_mark_add(bench.store, 3, 1, 5, CACHE_PURGE_SOFT);
	assert_int_equal(covers(&bench, 4), CACHE_PURGED_SOFT);
	assert_int_equal(covers(&bench, 5), CACHE_PURGED_NOT);
	cache_mark_add(bench.store, 1, 1, 4, CACHE_PURGE_HARD);
	assert_int_equal(covers(&bench, 3), CACHE_PURGED_HARD);
	assert_int_equal(covers(&bench, 4), CACHE_PURGED_SOFT);
	cache_mark_add_prefix(bench.store, 1, STR("http://x/a"), 7, CACHE_PURGE_HARD);
	cache_mark_add_prefix(bench.store, 1, STR("http://x/ab"), 9, CACHE_PURGE_HARD);
	cache_mark_add_prefix(bench.store, 2, STR("http://x/"), 9, CACHE_PURGE_HARD);
	assert_int_equal(covers(&bench, 6), CACHE_PURGED_HARD);
	assert_int_equal(covers(&bench, 7), CACHE_PURGED_NOT);
	cache_mark_add_all(bench.store, 11, CACHE_PURGE_SOFT);
	assert_int_equal(covers(&bench, 10), CACHE_PURGED_SOFT);
	cache_store_unlock(bench.store);
	bench_done(&bench);
}

static void a_prefix_too_many_or_too_long_purges_the_domain(void **state)
{
	(void)state;
	struct bench bench;
	bench_init(&bench);
	cache_store_lock(bench.store);
	for (unsigned i = 0; i < LIMIT_CACHE_PREFIX_MARKS; i++)
		cache_mark_add_prefix(bench.store, 1, STR("http://y/"), 5, CACHE_PURGE_HARD);
	assert_int_equal(covers(&bench, 4), CACHE_PURGED_NOT);
	cache_mark_add_prefix(bench.store, 1, STR("http://y/"), 6, CACHE_PURGE_SOFT);
	assert_int_equal(covers(&bench, 5), CACHE_PURGED_SOFT);
	char *big = mem_zero(LIMIT_CACHE_PREFIX_BYTES + 1);
	cache_mark_add_prefix(
	        bench.store, 1, str_make(big, LIMIT_CACHE_PREFIX_BYTES + 1), 7, CACHE_PURGE_HARD);
	assert_int_equal(covers(&bench, 6), CACHE_PURGED_HARD);
	mem_free(big);
	cache_store_unlock(bench.store);
	bench_done(&bench);
}

static void a_full_map_purges_the_domain_or_everything(void **state)
{
	(void)state;
	struct bench bench;
	bench_init(&bench);
	cache_store_lock(bench.store);
	cache_mark_add(bench.store, 1, 1, 2, CACHE_PURGE_HARD);
	for (uint64_t i = 1; i < LIMIT_CACHE_MARKS; i++)
		cache_mark_add(bench.store, 1000 + i, 77, 3, CACHE_PURGE_HARD);
	assert_int_equal(covers(&bench, 2), CACHE_PURGED_NOT);
	/* A tag of a domain that is there: that domain. */
	cache_mark_add(bench.store, 999999, 1, 4, CACHE_PURGE_SOFT);
	assert_int_equal(covers(&bench, 3), CACHE_PURGED_SOFT);
	/* Of one that is not: everything. */
	cache_mark_add(bench.store, 999999, 88, 5, CACHE_PURGE_HARD);
	assert_int_equal(covers(&bench, 4), CACHE_PURGED_HARD);
	cache_store_unlock(bench.store);
	bench_done(&bench);
}

static enum cache_purged url_since(struct bench *bench, uint64_t url, uint64_t sequence)
{
	return cache_mark_url_since(bench->store, url, url, sequence);
}

static void a_url_is_covered_since_its_purges(void **state)
{
	(void)state;
	struct bench bench;
	bench_init(&bench);
	cache_store_lock(bench.store);
	cache_mark_add_url(bench.store, 5, 10, CACHE_PURGE_HARD);
	cache_mark_add_url(bench.store, 6, 11, CACHE_PURGE_HARD);
	cache_mark_add_url(bench.store, 5, 12, CACHE_PURGE_SOFT);
	assert_int_equal(url_since(&bench, 5, 9), CACHE_PURGED_HARD);
	assert_int_equal(url_since(&bench, 5, 10), CACHE_PURGED_SOFT);
	assert_int_equal(url_since(&bench, 5, 11), CACHE_PURGED_SOFT);
	assert_int_equal(url_since(&bench, 5, 12), CACHE_PURGED_NOT);
	assert_int_equal(url_since(&bench, 6, 10), CACHE_PURGED_HARD);
	assert_int_equal(url_since(&bench, 7, 0), CACHE_PURGED_NOT);
	/* Either of the two. */
	assert_int_equal(cache_mark_url_since(bench.store, 7, 6, 10), CACHE_PURGED_HARD);
	assert_int_equal(cache_mark_url_since(bench.store, 6, 7, 10), CACHE_PURGED_HARD);
	cache_store_unlock(bench.store);
	bench_done(&bench);
}

static void many_purges_of_a_few_urls_keep_no_other_ones_pull_from_being_stored(void **state)
{
	(void)state;
	struct bench bench;
	bench_init(&bench);
	cache_store_lock(bench.store);
	for (uint64_t i = 0; i < 3 * LIMIT_CACHE_URL_PURGES; i++)
		cache_mark_add_url(bench.store, 1000 + i % 50, 10 + i, CACHE_PURGE_HARD);
	assert_int_equal(url_since(&bench, 5, 9), CACHE_PURGED_NOT);
	assert_int_equal(url_since(&bench, 1007, 9), CACHE_PURGED_HARD);
	cache_store_unlock(bench.store);
	bench_done(&bench);
}

/* What is forgotten counts as of every URL that it can have been of. */
static void what_is_forgotten_covers_all_that_it_may_have_been_of(void **state)
{
	(void)state;
	struct bench bench;
	bench_init(&bench);
	uint64_t last = 10;
	cache_store_lock(bench.store);
	cache_mark_add_url(bench.store, 5, last, CACHE_PURGE_SOFT);
	for (uint64_t i = 0; i < 20 * LIMIT_CACHE_URL_PURGES; i++)
		cache_mark_add_url(bench.store, hash_mix(i, 77), ++last, CACHE_PURGE_SOFT);
	for (uint64_t url = 1; url < 1000; url++) {
		assert_int_equal(url_since(&bench, hash_mix(url, 3), 10), CACHE_PURGED_HARD);
		assert_int_equal(url_since(&bench, hash_mix(url, 3), last), CACHE_PURGED_NOT);
	}
	/* The last ones are not forgotten. */
	for (uint64_t i = 20 * LIMIT_CACHE_URL_PURGES - 100; i < 20 * LIMIT_CACHE_URL_PURGES; i++)
		assert_int_not_equal(url_since(&bench, hash_mix(i, 77), i + 10), CACHE_PURGED_NOT);
	cache_store_unlock(bench.store);
	bench_done(&bench);
}

static enum cache_purged since(struct bench *bench, uint64_t sequence)
{
	cache_store_lock(bench->store);
	enum cache_purged verdict = cache_mark_since(bench->store, 5, 5, &SUBJECT, sequence);
	cache_store_unlock(bench->store);
	return verdict;
}

/* Of what kind is not known any more, but of which domain; and purges of one domain, however many,
 * keep no other one's pull from being stored. */
static void what_a_sweep_forgot_covers_what_began_before_in_its_domain(void **state)
{
	(void)state;
	static const struct {
		uint64_t domain;
		bool is_all;
		enum cache_purged verdict;
	} rows[] = {
	        {1, false, CACHE_PURGED_HARD},
	        {99, false, CACHE_PURGED_NOT},
	        {0, true, CACHE_PURGED_HARD},
	};
	for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
		struct bench bench;
		bench_init(&bench);
		uint64_t began = cache_store_sequence(bench.store);
		if (rows[i].is_all)
			cache_purge_all(bench.store, CACHE_PURGE_SOFT);
		else
			cache_purge_tag(bench.store, rows[i].domain, 77, CACHE_PURGE_SOFT);
		cache_purge_prefix(bench.store, 98, STR("z"), CACHE_PURGE_SOFT);
		assert_int_equal(since(&bench, began),
		        rows[i].is_all ? CACHE_PURGED_SOFT : CACHE_PURGED_NOT);
		keep_all(bench.store);
		assert_int_equal(since(&bench, began), rows[i].verdict);
		assert_int_equal(
		        since(&bench, cache_store_sequence(bench.store)), CACHE_PURGED_NOT);
		bench_done(&bench);
	}
}

static void tables_take_turns(void **state)
{
	(void)state;
	struct bench bench;
	bench_init(&bench);
	struct cache_store *store = bench.store;
	cache_store_lock(store);
	cache_mark_add_prefix(store, 1, STR("http://x/"), 5, CACHE_PURGE_HARD);
	store->shared->sequence = 5;
	assert_true(cache_mark_wants_sweep(store));
	assert_true(cache_mark_begin_sweep(store, UINT64_MAX));
	assert_false(cache_mark_wants_sweep(store));
	assert_int_equal(covers(&bench, 4), CACHE_PURGED_HARD);
	cache_mark_add_prefix(store, 1, STR("http://x/"), 8, CACHE_PURGE_SOFT);
	assert_int_equal(covers(&bench, 5), CACHE_PURGED_SOFT);
	cache_mark_swept(store);
	/* A reader from before the end of the sweep may hold what it removed. */
	assert_false(cache_mark_end_sweep(store, store->shared->epoch - 1));
	assert_int_equal(covers(&bench, 4), CACHE_PURGED_HARD);
	assert_true(cache_mark_end_sweep(store, UINT64_MAX));
	assert_int_equal(covers(&bench, 4), CACHE_PURGED_SOFT);
	/* The next sweep waits for those who may still look into the old table. */
	assert_true(cache_mark_wants_sweep(store));
	assert_false(cache_mark_begin_sweep(store, store->shared->epoch - 1));
	assert_true(cache_mark_begin_sweep(store, store->shared->epoch));
	assert_int_equal(covers(&bench, 7), CACHE_PURGED_SOFT);
	cache_mark_swept(store);
	assert_true(cache_mark_end_sweep(store, UINT64_MAX));
	assert_int_equal(covers(&bench, 0), CACHE_PURGED_NOT);
	cache_store_unlock(store);
	bench_done(&bench);
}

static void a_sweep_that_died_at_any_step_begins_anew(void **state)
{
	(void)state;
	for (unsigned step = 0; step < 3; step++) {
		struct bench bench;
		bench_init(&bench);
		struct cache_store *store = bench.store;
		struct cache_shared *shared = store->shared;
		cache_store_lock(store);
		cache_mark_add(store, 1, 1, 5, CACHE_PURGE_HARD);
		shared->sequence = 5;
		assert_true(cache_mark_begin_sweep(store, UINT64_MAX));
		if (step == 0)
			shared->marks_current = !shared->marks_current; /* not yet */
		if (step <= 1)
			shared->sweep_until = 0; /* not yet */
		cache_mark_repair(store);
		assert_int_equal(shared->sweep_until, 5);
		assert_int_equal(covers(&bench, 4), CACHE_PURGED_HARD);
		assert_int_equal(shared->sweep_at, 0);
		cache_store_unlock(store);
		bench_done(&bench);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(marks_cover_what_is_older),
	        cmocka_unit_test(a_prefix_too_many_or_too_long_purges_the_domain),
	        cmocka_unit_test(a_full_map_purges_the_domain_or_everything),
	        cmocka_unit_test(a_url_is_covered_since_its_purges),
	        cmocka_unit_test(
	                many_purges_of_a_few_urls_keep_no_other_ones_pull_from_being_stored),
	        cmocka_unit_test(what_is_forgotten_covers_all_that_it_may_have_been_of),
	        cmocka_unit_test(what_a_sweep_forgot_covers_what_began_before_in_its_domain),
	        cmocka_unit_test(tables_take_turns),
	        cmocka_unit_test(a_sweep_that_died_at_any_step_begins_anew),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
