/* Marks for what is on disks: what they cover, and that too many cover more. */
#include "disks.h"

static void mark(struct cache_store *store, enum cache_mark_kind kind, bool is_soft, uint64_t tag,
        struct str text, uint64_t sequence)
{
	const struct cache_disk_mark made = {.kind = (uint8_t)kind,
	        .is_soft = is_soft,
	        .domain = cache_key_domain(store, STR("a.example")),
	        .tag = tag};
	cache_store_lock(store);
	cache_disk_add_mark(store, &made, text, sequence);
	cache_store_unlock(store);
}

/* What the marks do to object 1, whose key begins with http://a.example/1, and whose tag is 77. */
static enum cache_purged covered(struct disks *disks, uint64_t sequence)
{
	struct cache_store *store = disks->bench.store;
	static const uint64_t tags[] = {77};
	struct cache_put_object put = {.id = 1, .sequence = sequence, .tags = tags, .tag_count = 1};
	assert_int_equal(put_as(store, 1, 1, 100, &put), CACHE_PUT_DONE);
	struct cache_record *record;
	cache_store_lock(store);
	cache_index_find(store, hash_of(store, 1), &record);
	enum cache_purged verdict = cache_disk_covers(store, record);
	cache_store_unlock(store);
	return verdict;
}

static void a_mark_covers_what_began_before_it(void **state)
{
	(void)state;
	for (unsigned is_soft = 0; is_soft < 2; is_soft++) {
		const struct {
			enum cache_mark_kind kind;
			bool has_domain_as_tag;
			uint64_t tag;
			const char *text;
			bool covers;
		} rows[] = {
		        {CACHE_MARK_ALL, false, 0, "", true},
		        {CACHE_MARK_TAG, true, 0, "", true},
		        {CACHE_MARK_TAG, false, 77, "", true},
		        {CACHE_MARK_TAG, false, 78, "", false},
		        {CACHE_MARK_PREFIX, false, 0, "http://a.example/1", true},
		        {CACHE_MARK_PREFIX, false, 0, "", true},
		        {CACHE_MARK_PREFIX, false, 0, "http://a.example/2", false},
		        {CACHE_MARK_PREFIX, false, 0, "http://a.example/1/1/and/more", false},
		};
		for (unsigned i = 0; i < ARRAY_LENGTH(rows); i++) {
			struct disks disks;
			disks_init(&disks, 1);
			struct cache_store *store = disks.bench.store;
			uint64_t now = cache_store_sequence(store);
			atomic_store(&store->shared->sequence, now + 10);
			uint64_t tag = rows[i].has_domain_as_tag ? disks.bench.domain : rows[i].tag;
			mark(store, rows[i].kind, is_soft, tag, str_of(rows[i].text), now + 5);
			enum cache_purged how = is_soft ? CACHE_PURGED_SOFT : CACHE_PURGED_HARD;
			assert_int_equal(
			        covered(&disks, now + 4), rows[i].covers ? how : CACHE_PURGED_NOT);
			assert_int_equal(covered(&disks, now + 5), CACHE_PURGED_NOT);
			disks_done(&disks);
		}
	}
}

static void the_same_mark_has_one_place(void **state)
{
	(void)state;
	struct disks disks;
	disks_init(&disks, 1);
	struct cache_store *store = disks.bench.store;
	uint64_t now = cache_store_sequence(store);
	for (unsigned i = 1; i <= 100; i++)
		mark(store, CACHE_MARK_TAG, false, i % 4, STR_EMPTY, now + i);
	assert_int_equal(store->disks->mark_count, 4);
	assert_int_equal(store->disks->last_mark, now + 100);
	/* One that is read from a disk, older than what is known, changes nothing. */
	const struct cache_disk_mark older = {
	        .kind = CACHE_MARK_TAG, .domain = disks.bench.domain, .tag = 3};
	atomic_store(&store->shared->sequence, now + 100);
	cache_disk_restore_mark(store, &older, STR_EMPTY, now + 50);
	assert_int_equal(store->disks->mark_count, 4);
	/* Nor does one from the future: it is damaged, or a lie. */
	const struct cache_disk_mark later = {.kind = CACHE_MARK_FLOOR};
	cache_disk_restore_mark(store, &later, STR_EMPTY, now + 101);
	assert_int_equal(store->disks->floor, 0);
	cache_disk_restore_mark(store, &later, STR_EMPTY, now + 99);
	assert_int_equal(store->disks->floor, now + 99);
	disks_done(&disks);
}

static void too_many_marks_raise_the_floor_to_the_oldest(void **state)
{
	(void)state;
	struct disks disks;
	disks_init(&disks, 1);
	struct cache_store *store = disks.bench.store;
	uint64_t now = cache_store_sequence(store);
	for (unsigned i = 1; i <= LIMIT_CACHE_DISK_MARKS; i++)
		mark(store, CACHE_MARK_TAG, false, 1000 + i, STR_EMPTY, now + i);
	assert_int_equal(store->disks->floor, 0);
	mark(store, CACHE_MARK_TAG, false, 999, STR_EMPTY, now + LIMIT_CACHE_DISK_MARKS + 1);
	assert_int_equal(store->disks->floor, now + 1);
	assert_int_equal(store->disks->mark_count, LIMIT_CACHE_DISK_MARKS);
	atomic_store(&store->shared->sequence, now + LIMIT_CACHE_DISK_MARKS + 1);
	assert_int_equal(covered(&disks, now), CACHE_PURGED_HARD);
	assert_int_equal(covered(&disks, now + 1), CACHE_PURGED_NOT);
	disks_done(&disks);
}

static void a_writer_gets_each_once_and_in_order(void **state)
{
	(void)state;
	struct disks disks;
	disks_init(&disks, 2);
	struct cache_store *store = disks.bench.store;
	uint64_t now = cache_store_sequence(store);
	mark(store, CACHE_MARK_TAG, false, 5, STR_EMPTY, now + 1);
	mark(store, CACHE_MARK_PREFIX, true, 0, STR("http://a.example/p"), now + 2);
	mark(store, CACHE_MARK_TAG, false, 5, STR_EMPTY, now + 3);
	mark(store, CACHE_MARK_ALL, false, 0, STR_EMPTY, now + 4);
	struct cache_disk_mark_kept kept;
	char text[LIMIT_CACHE_PREFIX_BYTES];
	for (unsigned disk = 0; disk < 2; disk++) {
		assert_true(cache_disk_take_mark(store, disk, &kept, text));
		assert_int_equal(kept.mark.kind, CACHE_MARK_FLOOR);
		assert_int_equal(kept.sequence, now + 4);
		assert_true(cache_disk_take_mark(store, disk, &kept, text));
		assert_int_equal(kept.mark.kind, CACHE_MARK_PREFIX);
		assert_true(str_is_equal(str_make(text, kept.mark.len), STR("http://a.example/p")));
		assert_true(cache_disk_take_mark(store, disk, &kept, text));
		assert_int_equal(kept.mark.tag, 5);
		assert_int_equal(kept.sequence, now + 3);
		assert_false(cache_disk_take_mark(store, disk, &kept, text));
	}
	disks_done(&disks);
}

static void a_prefix_that_is_too_long_is_its_domain(void **state)
{
	(void)state;
	struct disks disks;
	disks_init(&disks, 1);
	struct cache_store *store = disks.bench.store;
	uint64_t now = cache_store_sequence(store);
	atomic_store(&store->shared->sequence, now + 1);
	char text[LIMIT_CACHE_PREFIX_BYTES + 1];
	memset(text, 'x', sizeof(text));
	mark(store, CACHE_MARK_PREFIX, false, 0, str_make(text, sizeof(text)), now + 1);
	assert_int_equal(covered(&disks, now), CACHE_PURGED_HARD);
	disks_done(&disks);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(a_mark_covers_what_began_before_it),
	        cmocka_unit_test(the_same_mark_has_one_place),
	        cmocka_unit_test(too_many_marks_raise_the_floor_to_the_oldest),
	        cmocka_unit_test(a_writer_gets_each_once_and_in_order),
	        cmocka_unit_test(a_prefix_that_is_too_long_is_its_domain),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
