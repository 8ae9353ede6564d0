/* Copying: what is copied and in which order, and what happens to it meanwhile. */
#include "writers.h"

enum { LEN = 30000 };

static struct disks *current; /* for what happens in the middle of a write */

static uint64_t copy_of(struct disks *disks, uint64_t number)
{
	struct cache_store *store = disks->bench.store;
	struct cache_record *record;
	cache_store_lock(store);
	bool is_there =
	        cache_index_find(store, hash_of(store, number), &record) != NULL && record != NULL;
	uint64_t copy = is_there ? cache_record_copy(record) : 0;
	cache_store_unlock(store);
	return copy;
}

static void only_full_segments_are_copied_from_at_first(void **state)
{
	(void)state;
	struct disks disks;
	writers_init(&disks, 1);
	put_range(&disks, 0, 2, LEN);
	write_all(&disks, 0, false);
	assert_int_equal(copy_of(&disks, 0), 0);
	put_range(&disks, 2, 40, LEN);
	write_all(&disks, 0, false);
	assert_int_not_equal(copy_of(&disks, 0), 0);
	assert_int_not_equal(copy_of(&disks, 1), 0);
	assert_int_equal(copy_of(&disks, 39), 0);
	write_all(&disks, 0, true);
	assert_int_not_equal(copy_of(&disks, 39), 0);
	/* And from where it stopped when more comes into the same segment. */
	put_range(&disks, 40, 41, LEN);
	write_all(&disks, 0, true);
	assert_int_not_equal(copy_of(&disks, 40), 0);
	assert_int_equal(numbers_of_disk(&disks, 0).copied, 41);
	disks_done(&disks);
}

static void main_comes_first_and_probation_where_there_is_room(void **state)
{
	(void)state;
	struct disks disks;
	writers_init(&disks, 1);
	struct cache_store *store = disks.bench.store;
	put_range(&disks, 0, 600, LEN);
	for (unsigned use = 0; use < 3; use++)
		(void)has_number(disks.bench.reader, 599);
	cache_reader_quiet(disks.bench.reader);
	while (cache_segment_count(store, CACHE_LOG_MAIN) == 0) {
		put_range(&disks, 1000, 1200, LEN);
		keep_all(store);
	}
	assert_true(cache_writer_turn(store, 0, true));
	assert_int_not_equal(copy_of(&disks, 599), 0);
	assert_int_equal(numbers_of_disk(&disks, 0).copied, 1);
	/* A disk that has no room to spare takes nothing from probation. */
	cache_store_lock(store);
	disk_at(&disks, 0)->free = 2;
	cache_store_unlock(store);
	write_all(&disks, 0, true);
	assert_int_equal(numbers_of_disk(&disks, 0).copied, 1);
	disks_done(&disks);
}

static void what_is_stale_or_there_already_is_not_copied(void **state)
{
	(void)state;
	struct disks disks;
	writers_init(&disks, 1);
	put_range(&disks, 0, 3, LEN);
	purge_number(&disks, 0, CACHE_PURGE_SOFT);
	purge_number(&disks, 1, CACHE_PURGE_HARD);
	write_all(&disks, 0, true);
	assert_int_equal(copy_of(&disks, 0), 0);
	assert_int_equal(numbers_of_disk(&disks, 0).copied, 1);
	/* By a mark: a hard one leaves it out, a soft one is told to the disk as well. */
	put_range(&disks, 10, 12, LEN);
	struct cache_put_object put = {.id = 1,
	        .sequence = cache_store_sequence(disks.bench.store),
	        .tags = (const uint64_t[]){77},
	        .tag_count = 1};
	assert_int_equal(put_as(disks.bench.store, 12, 1, LEN, &put), CACHE_PUT_DONE);
	cache_purge_tag(disks.bench.store, disks.bench.domain, 77, CACHE_PURGE_HARD);
	write_all(&disks, 0, true);
	assert_int_equal(copy_of(&disks, 12), 0);
	assert_int_not_equal(copy_of(&disks, 10), 0);
	put_range(&disks, 20, 21, LEN);
	cache_purge_domain(disks.bench.store, disks.bench.domain, CACHE_PURGE_SOFT);
	write_all(&disks, 0, true);
	assert_int_not_equal(copy_of(&disks, 20), 0);
	start_anew(&disks);
	assert_true(is_soft_somewhere(&disks, 20));
	assert_true(is_soft_somewhere(&disks, 10));
	assert_false(is_somewhere(&disks, 0));
	assert_false(is_somewhere(&disks, 12));
	disks_done(&disks);
}

/* ---- what happens while it is written ---- */

static void purge_hard(void)
{
	purge_number(current, 1, CACHE_PURGE_HARD);
}

static void purge_soft(void)
{
	purge_number(current, 1, CACHE_PURGE_SOFT);
}

static void replace(void)
{
	/* As long as the other and with the same id: all but the body. */
	struct key_text text;
	struct cache_object other = PLAIN;
	other.terms.fresh_ms++;
	struct http_field fields[4];
	struct http_head head = sample_head(fields);
	char *body = mem_alloc(LEN);
	body_fill(body, LEN, 1, 1);
	const struct iovec part = {body, LEN};
	const struct cache_put_object put = {
	        .key = key_of(current->bench.store, &text, 1),
	        .domain = current->bench.domain,
	        .object = &other,
	        .head = &head,
	        .body = &part,
	        .body_count = 1,
	        .id = 1,
	        .sequence = cache_store_sequence(current->bench.store),
	};
	assert_int_equal(cache_put_object(current->bench.store, &put), CACHE_PUT_DONE);
	mem_free(body);
}

/* Does something to number 1 in the middle of the write of its copy. */
static void write_and(struct disks *disks, void (*before)(void))
{
	current = disks;
	writers_init(disks, 1);
	put_range(disks, 1, 3, LEN);
	inject((struct injection){.before = before});
	while (disk_at(disks, 0)->counters.copied == 0)
		assert_true(cache_writer_turn(disks->bench.store, 0, true));
	inject_nothing();
}

static void what_is_purged_meanwhile_is_not_found_again(void **state)
{
	(void)state;
	struct disks disks;
	write_and(&disks, purge_hard);
	assert_int_not_equal(copy_of(&disks, 2), 0);
	/* The purge is durable only when the copy is removed. */
	uint64_t moment = cache_disk_moment(disks.bench.store);
	assert_false(cache_disk_is_durable(disks.bench.store, moment));
	assert_true(cache_writer_turn(disks.bench.store, 0, false));
	assert_true(cache_disk_is_durable(disks.bench.store, moment));
	start_anew(&disks);
	assert_false(is_somewhere(&disks, 1));
	assert_true(is_somewhere(&disks, 2));
	disks_done(&disks);
}

static uint64_t moment_after_purge;

static void purge_hard_and_ask(void)
{
	if (moment_after_purge == 0) {
		purge_hard();
		moment_after_purge = cache_disk_moment(current->bench.store);
	}
}

/* What has no copy yet, but one that is being written: the purge has to wait for that. */
static void a_purge_waits_for_the_copy_that_is_being_written(void **state)
{
	(void)state;
	struct disks disks;
	moment_after_purge = 0;
	write_and(&disks, purge_hard_and_ask);
	assert_false(cache_disk_is_durable(disks.bench.store, moment_after_purge));
	write_all(&disks, 0, false);
	assert_true(cache_disk_is_durable(disks.bench.store, moment_after_purge));
	disks_done(&disks);
}

static void what_is_softened_meanwhile_stays_soft(void **state)
{
	(void)state;
	struct disks disks;
	write_and(&disks, purge_soft);
	write_all(&disks, 0, true);
	assert_int_not_equal(copy_of(&disks, 1), 0);
	start_anew(&disks);
	assert_true(is_soft_somewhere(&disks, 1));
	assert_true(is_somewhere(&disks, 2));
	assert_false(is_soft_somewhere(&disks, 2));
	disks_done(&disks);
}

static void what_is_replaced_meanwhile_is_copied_anew(void **state)
{
	(void)state;
	struct disks disks;
	write_and(&disks, replace);
	assert_int_equal(copy_of(&disks, 1), 0);
	write_all(&disks, 0, true);
	assert_int_not_equal(copy_of(&disks, 1), 0);
	start_anew(&disks);
	struct cache_entry entry;
	assert_true(is_somewhere(&disks, 1));
	assert_int_equal(find_number(disks.bench.reader, 1, &entry), CACHE_FOUND_OBJECT);
	assert_int_equal(entry.object->terms.fresh_ms, PLAIN.terms.fresh_ms + 1);
	disks_done(&disks);
}

/* The keeper moves it to main while it is written; its slot leads elsewhere then. */
static void evict_all(void)
{
	keep_all(current->bench.store);
	while (cache_keeper_evict(current->bench.store))
		;
}

static void what_the_keeper_moves_meanwhile_has_its_copy(void **state)
{
	(void)state;
	struct disks disks;
	current = &disks;
	writers_init(&disks, 1);
	put_range(&disks, 1, 40, LEN);
	for (unsigned use = 0; use < 3; use++)
		(void)has_number(disks.bench.reader, 1);
	cache_reader_quiet(disks.bench.reader);
	inject((struct injection){.before = evict_all});
	assert_true(cache_writer_turn(disks.bench.store, 0, false));
	inject_nothing();
	assert_int_not_equal(numbers_of(disks.bench.store).evicted, 0);
	/* What was moved was found; what went had a copy in vain, which is removed. */
	uint64_t found = count_somewhere(&disks, 1, 40);
	write_all(&disks, 0, true);
	start_anew(&disks);
	assert_true(count_somewhere(&disks, 1, 40) <= found);
	assert_int_equal(numbers_of_disk(&disks, 0).damaged, 0);
	disks_done(&disks);
}

static void a_spec_keeps_its_epoch_and_its_soft_purge(void **state)
{
	(void)state;
	struct disks disks;
	writers_init(&disks, 1);
	struct cache_store *store = disks.bench.store;
	struct key_text text;
	struct cache_key key = key_of(store, &text, 5);
	uint64_t epoch;
	const struct cache_put_spec put = {
	        .key = key, .names = STR("accept"), .sequence = cache_store_sequence(store)};
	assert_int_equal(cache_put_spec(store, &put, &epoch), CACHE_PUT_DONE);
	write_all(&disks, 0, true);
	cache_purge_url(store, &key, CACHE_PURGE_SOFT);
	write_all(&disks, 0, true);
	start_anew(&disks);
	struct cache_entry entry;
	struct cache_variants variants;
	key = key_of(disks.bench.store, &text, 5);
	assert_int_equal(cache_find(disks.bench.reader, &key, &entry, &variants), CACHE_FOUND_AWAY);
	struct cache_away away = cache_find_away(disks.bench.reader);
	assert_int_equal(cache_recall(disks.bench.store, &away), CACHE_RECALL_DONE);
	assert_int_equal(cache_find(disks.bench.reader, &key, &entry, &variants), CACHE_FOUND_SPEC);
	assert_true(variants.epoch == epoch);
	assert_int_not_equal(variants.soft_sequence, 0);
	assert_true(str_is_equal(variants.names, STR("accept")));
	disks_done(&disks);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(only_full_segments_are_copied_from_at_first),
	        cmocka_unit_test(main_comes_first_and_probation_where_there_is_room),
	        cmocka_unit_test(what_is_stale_or_there_already_is_not_copied),
	        cmocka_unit_test(what_is_purged_meanwhile_is_not_found_again),
	        cmocka_unit_test(a_purge_waits_for_the_copy_that_is_being_written),
	        cmocka_unit_test(what_is_softened_meanwhile_stays_soft),
	        cmocka_unit_test(what_is_replaced_meanwhile_is_copied_anew),
	        cmocka_unit_test(what_the_keeper_moves_meanwhile_has_its_copy),
	        cmocka_unit_test(a_spec_keeps_its_epoch_and_its_soft_purge),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
