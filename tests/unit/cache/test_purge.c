/* Purges of each kind, hard and soft: effective at once, for finds, puts and those who would join.
 */
#include "fixture.h"

enum kind { URL, PREFIX, DOMAIN, TAG, ALL, KINDS };

static void purge(struct bench *bench, enum kind kind, enum cache_purge how)
{
	struct cache_store *store = bench->store;
	struct key_text text;
	struct cache_key key = key_of(store, &text, 8);
	switch (kind) {
	case URL:
		cache_purge_url(store, &key, how);
		break;
	case PREFIX:
		cache_purge_prefix(store, bench->domain, STR("http://a.example/1/"), how);
		break;
	case DOMAIN:
		cache_purge_domain(store, bench->domain, how);
		break;
	case TAG:
		cache_purge_tag(
		        store, bench->domain, cache_key_tag(store, bench->domain, STR("red")), how);
		break;
	case ALL:
		cache_purge_all(store, how);
		break;
	case KINDS:
		break;
	}
}

/* Number 8 is below the prefix and has the tag, number 2 neither; number 3 is another domain's. */
static enum cache_put put_sample(struct bench *bench, uint64_t number, uint64_t sequence)
{
	struct cache_store *store = bench->store;
	const uint64_t red = cache_key_tag(store, bench->domain, STR("red"));
	const uint64_t blue = cache_key_tag(store, bench->domain, STR("blue"));
	const uint64_t tags[] = {blue, number == 8 ? red : blue};
	struct cache_put_object put = {
	        .id = number, .sequence = sequence, .tags = tags, .tag_count = 2};
	if (number != 3)
		return put_as(store, number, 1, 100, &put);
	struct http_field fields[4];
	struct http_head head = sample_head(fields);
	put.key = cache_key_make(store, STR("http://b.example/"));
	put.domain = cache_key_domain(store, STR("b.example"));
	put.object = &PLAIN;
	put.head = &head;
	put.tag_count = 0;
	return cache_put_object(store, &put);
}

enum state { GONE, STALE, THERE };

static enum state state_of(struct bench *bench, uint64_t number)
{
	struct cache_entry entry;
	struct cache_variants variants;
	struct cache_key other = cache_key_make(bench->store, STR("http://b.example/"));
	enum cache_found found = number == 3 ? cache_find(bench->reader, &other, &entry, &variants)
	                                     : find_number(bench->reader, number, &entry);
	cache_reader_quiet(bench->reader);
	if (found != CACHE_FOUND_OBJECT)
		return GONE;
	return entry.is_soft_purged ? STALE : THERE;
}

static const struct {
	enum kind kind;
	bool covers_2, covers_3;
} ROWS[] = {
        {URL, false, false},
        {PREFIX, false, false},
        {DOMAIN, true, false},
        {TAG, false, false},
        {ALL, true, true},
};

static enum cache_purged since(struct bench *bench, uint64_t number, uint64_t sequence)
{
	struct key_text text;
	struct cache_key key = key_of(bench->store, &text, number);
	const uint64_t tags[] = {
	        cache_key_tag(bench->store, bench->domain, number == 8 ? STR("red") : STR("blue"))};
	return cache_purge_since(bench->store, &key, bench->domain, tags, 1, sequence);
}

static void each_kind_covers_what_it_says(void **state)
{
	(void)state;
	for (size_t row = 0; row < ARRAY_LENGTH(ROWS); row++) {
		for (int how = CACHE_PURGE_HARD; how <= CACHE_PURGE_SOFT; how++) {
			struct bench bench;
			bench_init(&bench);
			const enum state covered = how == CACHE_PURGE_HARD ? GONE : STALE;
			const enum cache_purged said =
			        how == CACHE_PURGE_HARD ? CACHE_PURGED_HARD : CACHE_PURGED_SOFT;
			uint64_t before = cache_store_sequence(bench.store);
			for (uint64_t i = 0; i < 3; i++)
				assert_int_equal(
				        put_sample(&bench, (uint64_t[]){8, 2, 3}[i], before),
				        CACHE_PUT_DONE);
			purge(&bench, ROWS[row].kind, how);
			assert_int_equal(state_of(&bench, 8), covered);
			assert_int_equal(state_of(&bench, 8), covered);
			assert_int_equal(state_of(&bench, 2), ROWS[row].covers_2 ? covered : THERE);
			assert_int_equal(state_of(&bench, 3), ROWS[row].covers_3 ? covered : THERE);

			/* What began before it. */
			assert_int_equal(since(&bench, 8, before), said);
			assert_int_equal(since(&bench, 2, before),
			        ROWS[row].covers_2 ? said : CACHE_PURGED_NOT);
			assert_int_equal(put_sample(&bench, 8, before),
			        how == CACHE_PURGE_HARD ? CACHE_PUT_PURGED : CACHE_PUT_DONE);
			assert_int_equal(state_of(&bench, 8), covered);

			/* What began after it. */
			uint64_t after = cache_store_sequence(bench.store);
			assert_int_equal(since(&bench, 8, after), CACHE_PURGED_NOT);
			assert_int_equal(put_sample(&bench, 8, after), CACHE_PUT_DONE);
			assert_int_equal(state_of(&bench, 8), THERE);

			/* The sweep changes nothing that can be seen. */
			keep_all(bench.store);
			assert_int_equal(state_of(&bench, 8), THERE);
			assert_int_equal(state_of(&bench, 2), ROWS[row].covers_2 ? covered : THERE);
			assert_int_equal(state_of(&bench, 3), ROWS[row].covers_3 ? covered : THERE);
			bench_done(&bench);
		}
	}
}

static void a_url_is_purged_with_all_its_variants(void **state)
{
	(void)state;
	for (int how = CACHE_PURGE_HARD; how <= CACHE_PURGE_SOFT; how++) {
		struct bench bench;
		bench_init(&bench);
		struct key_text text;
		const struct cache_put_spec spec = {
		        .key = key_of(bench.store, &text, 8), .names = STR("x"), .sequence = 1};
		uint64_t epoch;
		assert_int_equal(cache_put_spec(bench.store, &spec, &epoch), CACHE_PUT_DONE);
		struct cache_put_object put = {.sequence = 1, .epoch = epoch};
		for (unsigned i = 0; i < 2; i++) {
			put.variant = i == 0 ? STR("1") : STR("2");
			assert_int_equal(put_as(bench.store, 8, 1, 100, &put), CACHE_PUT_DONE);
		}
		purge(&bench, URL, how);

		struct cache_entry entry;
		struct cache_variants variants;
		enum cache_found found = cache_find(bench.reader, &spec.key, &entry, &variants);
		if (how == CACHE_PURGE_HARD) {
			assert_int_equal(found, CACHE_FOUND_NOTHING);
			assert_int_equal(put_as(bench.store, 8, 1, 100, &put), CACHE_PUT_PURGED);
			assert_int_equal(
			        cache_put_spec(bench.store, &spec, &epoch), CACHE_PUT_PURGED);
		} else {
			assert_int_equal(found, CACHE_FOUND_SPEC);
			for (unsigned i = 0; i < 2; i++) {
				assert_true(cache_find_variant(bench.reader, &spec.key, &variants,
				        i == 0 ? STR("1") : STR("2"), &entry));
				assert_true(entry.is_soft_purged);
			}
			/* A newer one under the same spec is fresh. */
			put.sequence = cache_store_sequence(bench.store);
			assert_int_equal(put_as(bench.store, 8, 2, 100, &put), CACHE_PUT_DONE);
			assert_true(cache_find_variant(
			        bench.reader, &spec.key, &variants, STR("2"), &entry));
			assert_false(entry.is_soft_purged);
			assert_true(cache_find_variant(
			        bench.reader, &spec.key, &variants, STR("1"), &entry));
			assert_true(entry.is_soft_purged);
		}
		bench_done(&bench);
	}
}

/* For finds, and for what began to be pulled before. */
static void a_variant_is_purged_alone(void **state)
{
	(void)state;
	for (int how = CACHE_PURGE_HARD; how <= CACHE_PURGE_SOFT; how++) {
		struct bench bench;
		bench_init(&bench);
		struct key_text text;
		const struct cache_put_spec spec = {
		        .key = key_of(bench.store, &text, 8), .names = STR("x"), .sequence = 1};
		uint64_t epoch;
		assert_int_equal(cache_put_spec(bench.store, &spec, &epoch), CACHE_PUT_DONE);
		struct cache_put_object put = {.sequence = 1, .epoch = epoch};
		const struct str names[] = {STR("1"), STR("2")};
		for (unsigned i = 0; i < 2; i++) {
			put.variant = names[i];
			assert_int_equal(put_as(bench.store, 8, 1, 100, &put), CACHE_PUT_DONE);
		}
		cache_purge_variant(bench.store, &spec.key, epoch, names[0], how);

		struct cache_entry entry;
		struct cache_variants variants;
		assert_int_equal(
		        cache_find(bench.reader, &spec.key, &entry, &variants), CACHE_FOUND_SPEC);
		for (unsigned i = 0; i < 2; i++) {
			bool is_covered = i == 0, is_hard = how == CACHE_PURGE_HARD;
			bool is_found = cache_find_variant(bench.reader, &spec.key, &variants,
			                        names[i], &entry) == CACHE_FOUND_OBJECT;
			assert_int_equal(is_found, !is_covered || !is_hard);
			assert_true(!is_found || entry.is_soft_purged == is_covered);
			/* What began to be pulled before it. */
			put.variant = names[i];
			assert_int_equal(put_as(bench.store, 8, 1, 100, &put),
			        is_covered && is_hard ? CACHE_PUT_PURGED : CACHE_PUT_DONE);
		}
		put.variant = names[0];
		put.sequence = cache_store_sequence(bench.store);
		assert_int_equal(put_as(bench.store, 8, 1, 100, &put), CACHE_PUT_DONE);
		assert_int_equal(
		        cache_find_variant(bench.reader, &spec.key, &variants, names[0], &entry),
		        CACHE_FOUND_OBJECT);
		assert_false(entry.is_soft_purged);
		bench_done(&bench);
	}
}

static void a_domain_covers_variants_too(void **state)
{
	(void)state;
	struct bench bench;
	bench_init(&bench);
	struct key_text text;
	const struct cache_put_spec spec = {
	        .key = key_of(bench.store, &text, 8), .names = STR("x"), .sequence = 1};
	uint64_t epoch;
	assert_int_equal(cache_put_spec(bench.store, &spec, &epoch), CACHE_PUT_DONE);
	struct cache_put_object put = {.sequence = 1, .epoch = epoch, .variant = STR("1")};
	assert_int_equal(put_as(bench.store, 8, 1, 100, &put), CACHE_PUT_DONE);
	purge(&bench, DOMAIN, CACHE_PURGE_HARD);
	struct cache_entry entry;
	struct cache_variants variants;
	assert_int_equal(cache_find(bench.reader, &spec.key, &entry, &variants), CACHE_FOUND_SPEC);
	assert_false(cache_find_variant(bench.reader, &spec.key, &variants, STR("1"), &entry));
	bench_done(&bench);
}

static void a_purge_holds_in_every_process(void **state)
{
	(void)state;
	struct bench bench;
	bench_init(&bench);
	struct cache_store *second = attach(bench.fd);
	struct cache_reader *reader = cache_reader_new(second);
	assert_int_equal(put_sample(&bench, 8, 1), CACHE_PUT_DONE);
	assert_true(has_number(reader, 8));
	purge(&bench, TAG, CACHE_PURGE_HARD);
	assert_false(has_number(reader, 8));
	cache_reader_free(reader);
	cache_store_free(second);
	bench_done(&bench);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(each_kind_covers_what_it_says),
	        cmocka_unit_test(a_url_is_purged_with_all_its_variants),
	        cmocka_unit_test(a_variant_is_purged_alone),
	        cmocka_unit_test(a_domain_covers_variants_too),
	        cmocka_unit_test(a_purge_holds_in_every_process),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
