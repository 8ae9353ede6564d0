/* What comes back from a disk: whole, checked, compared with the purges, or not at all. */
#include "disks.h"

#include <pthread.h>

enum { OFFSET = 128 * CACHE_GRANULE, FINDS = 200000 };

/* Object 1 on disk 0 alone; its location. */
static uint64_t one_away(struct disks *disks, size_t len)
{
	disks_init(disks, 1);
	struct cache_store *store = disks->bench.store;
	assert_int_equal(put_number(store, 1, 1, len), CACHE_PUT_DONE);
	disk_open_by_hand(disks, 0, 0, 7);
	uint64_t location = copy_by_hand(disks, 0, hash_of(store, 1), 0, OFFSET);
	send_away(disks, 1);
	return location;
}

static off_t place_in_file(const struct disks *disks, uint64_t location)
{
	(void)disks;
	return CACHE_DISK_DATA_AT + (off_t)cache_disk_offset_of(location);
}

static void what_was_away_is_as_it_was(void **state)
{
	(void)state;
	static const size_t sizes[] = {8, 1000, LIMIT_CACHE_INLINE_BYTES};
	for (unsigned i = 0; i < ARRAY_LENGTH(sizes); i++) {
		struct disks disks;
		uint64_t location = one_away(&disks, sizes[i]);
		assert_int_equal(numbers_of(disks.bench.store).away, 1);
		assert_int_equal(recall_number(&disks, 1), CACHE_RECALL_DONE);
		assert_true(has_number(disks.bench.reader, 1));
		assert_int_equal(numbers_of(disks.bench.store).away, 0);
		/* It goes back there without being written again. */
		struct cache_record *record;
		cache_index_find(disks.bench.store, hash_of(disks.bench.store, 1), &record);
		assert_int_equal(cache_record_copy(record), location);
		send_away(&disks, 1);
		assert_int_equal(recall_number(&disks, 1), CACHE_RECALL_DONE);
		assert_true(has_number(disks.bench.reader, 1));
		disks_done(&disks);
	}
}

static void who_comes_second_finds_it_done(void **state)
{
	(void)state;
	struct disks disks;
	one_away(&disks, 1000);
	struct cache_entry entry;
	assert_int_equal(find_number(disks.bench.reader, 1, &entry), CACHE_FOUND_AWAY);
	struct cache_away away = cache_find_away(disks.bench.reader);
	assert_int_equal(cache_recall(disks.bench.store, &away), CACHE_RECALL_DONE);
	assert_int_equal(cache_recall(disks.bench.store, &away), CACHE_RECALL_DONE);
	assert_int_equal(numbers_of(disks.bench.store).objects, 1);
	disks_done(&disks);
}

/* Turns the slot of object 1 from the disk to the memory and back, as recalls and the keeper do. */
struct mover {
	struct disks *disks;
	uint64_t here, away;
	_Atomic bool is_ending;
};

static void *move(void *context)
{
	struct mover *mover = context;
	struct cache_store *store = mover->disks->bench.store;
	uint64_t hash = hash_of(store, 1);
	for (bool is_here = true; !atomic_load(&mover->is_ending); is_here = !is_here) {
		uint64_t from = is_here ? mover->here : mover->away;
		cache_store_lock(store);
		_Atomic uint64_t *slot = cache_index_find_location(store, hash, from);
		CHECK(slot != NULL);
		cache_index_move(store, slot, is_here ? mover->away : mover->here, 0, false);
		cache_store_unlock(store);
	}
	return NULL;
}

static void who_looks_while_it_moves_does_not_miss_it(void **state)
{
	(void)state;
	struct disks disks;
	struct mover mover = {.disks = &disks};
	mover.away = one_away(&disks, 1000);
	assert_int_equal(recall_number(&disks, 1), CACHE_RECALL_DONE);
	struct cache_store *store = disks.bench.store;
	struct cache_record *record;
	mover.here = cache_slot_location(*cache_index_find(store, hash_of(store, 1), &record));
	pthread_t thread;
	unsigned missed = 0;
	struct cache_entry entry;
	assert_int_equal(pthread_create(&thread, NULL, move, &mover), 0);
	for (unsigned i = 0; i < FINDS; i++)
		missed += find_number(disks.bench.reader, 1, &entry) == CACHE_FOUND_NOTHING;
	atomic_store(&mover.is_ending, true);
	assert_int_equal(pthread_join(thread, NULL), 0);
	assert_int_equal(missed, 0);
	disks_done(&disks);
}

static void a_piece_comes_back(void **state)
{
	(void)state;
	struct disks disks;
	disks_init(&disks, 1);
	struct cache_store *store = disks.bench.store;
	uint32_t len = cache_store_piece_bytes(store);
	char *bytes = mem_alloc(len);
	body_fill(bytes, len, 3, 4);
	const struct iovec body = {bytes, len};
	assert_int_equal(cache_put_piece(store, 5, 6, &body, 1), CACHE_PUT_DONE);
	disk_open_by_hand(&disks, 0, 1, 9);
	uint64_t hash = cache_key_piece(store, 5, 6);
	uint64_t location = copy_by_hand(&disks, 0, hash, 1, OFFSET);
	cache_store_lock(store);
	struct cache_record *record;
	_Atomic uint64_t *slot = cache_index_find(store, hash, &record);
	cache_index_move(store, slot, location, 0, false);
	cache_store_unlock(store);
	struct cache_place place;
	assert_int_equal(cache_find_has_piece(disks.bench.reader, 5, 6), CACHE_FOUND_AWAY);
	assert_int_equal(cache_slot_freq(*slot), 0);
	assert_int_equal(cache_find_piece(disks.bench.reader, 5, 6, &place), CACHE_FOUND_AWAY);
	assert_int_equal(cache_slot_freq(*slot), 1);
	struct cache_away away = cache_find_away(disks.bench.reader);
	assert_int_equal(cache_recall(store, &away), CACHE_RECALL_DONE);
	assert_int_equal(cache_find_piece(disks.bench.reader, 5, 6, &place), CACHE_FOUND_PIECE);
	assert_int_equal(place.len, len);
	assert_memory_equal(place.at, bytes, len);
	mem_free(bytes);
	disks_done(&disks);
}

/* Every granule of the record, one byte each. */
static void what_is_damaged_is_gone(void **state)
{
	(void)state;
	struct disks disks;
	one_away(&disks, 1000);
	disks_done(&disks);
	/* Neither the mark, nor the memo are under the checksum; all else is, but for the soft bit.
	 */
	static const unsigned at[] = {0, 4, 8, 15, 16, 24, 32, 40, 64, 100, 300, 700, 1200};
	for (unsigned i = 0; i < ARRAY_LENGTH(at); i++) {
		uint64_t location = one_away(&disks, 1000);
		struct cache_store *store = disks.bench.store;
		off_t place = place_in_file(&disks, location) + (off_t)at[i];
		char byte;
		assert_int_equal(pread(store->disk_fds[0], &byte, 1, place), 1);
		byte = (char)(byte ^ 0x40);
		assert_int_equal(pwrite(store->disk_fds[0], &byte, 1, place), 1);
		assert_int_equal(recall_number(&disks, 1), CACHE_RECALL_GONE);
		/* A hash that is another's stays where it is: that is how a foreign tag looks. */
		struct cache_entry entry;
		bool is_foreign = at[i] >= 16 && at[i] < 24;
		assert_int_equal(find_number(disks.bench.reader, 1, &entry),
		        is_foreign ? CACHE_FOUND_AWAY : CACHE_FOUND_NOTHING);
		assert_int_equal(disk_at(&disks, 0)->counters.damaged, !is_foreign);
		disks_done(&disks);
	}
}

static void another_ones_place_is_left_alone(void **state)
{
	(void)state;
	struct disks disks;
	uint64_t location = one_away(&disks, 1000);
	const struct cache_away foreign = {.hash = 12345, .location = location};
	assert_int_equal(cache_recall(disks.bench.store, &foreign), CACHE_RECALL_GONE);
	assert_int_equal(recall_number(&disks, 1), CACHE_RECALL_DONE);
	const struct cache_away nowhere[] = {
	        {.hash = 1, .location = 0},
	        {.hash = 1, .location = CACHE_SLOT_LOCATION_MASK},
	        {.hash = 1, .location = cache_disk_location(3, 64)},
	};
	for (unsigned i = 0; i < ARRAY_LENGTH(nowhere); i++)
		assert_int_equal(cache_recall(disks.bench.store, &nowhere[i]), CACHE_RECALL_GONE);
	disks_done(&disks);
}

static void a_segment_that_was_written_anew_has_nothing_of_before(void **state)
{
	(void)state;
	struct disks disks;
	one_away(&disks, 1000);
	disk_open_by_hand(&disks, 0, 0, 8);
	assert_int_equal(recall_number(&disks, 1), CACHE_RECALL_GONE);
	struct cache_entry entry;
	assert_int_equal(find_number(disks.bench.reader, 1, &entry), CACHE_FOUND_NOTHING);
	disks_done(&disks);
}

/* The segment is emptied while the recall waits for its turn; what is in use is written again. */
static void what_was_written_elsewhere_meanwhile_is_looked_for_again(void **state)
{
	(void)state;
	struct disks disks;
	uint64_t before = one_away(&disks, 1000);
	struct cache_store *store = disks.bench.store;
	struct cache_entry entry;
	assert_int_equal(find_number(disks.bench.reader, 1, &entry), CACHE_FOUND_AWAY);
	struct cache_away away = cache_find_away(disks.bench.reader);
	assert_int_equal(cache_recall(store, &away), CACHE_RECALL_DONE);
	disk_open_by_hand(&disks, 0, 1, 8);
	uint64_t after = copy_by_hand(&disks, 0, away.hash, 1, OFFSET);
	send_away(&disks, 1);
	atomic_store(&store->disk_orders[cache_disk_segment_of(before)], 0);
	assert_int_equal(cache_recall(store, &away), CACHE_RECALL_DONE);
	disk_open_by_hand(&disks, 0, 0, 9);
	assert_int_equal(cache_recall(store, &away), CACHE_RECALL_DONE);
	assert_int_equal(find_number(disks.bench.reader, 1, &entry), CACHE_FOUND_AWAY);
	assert_int_equal(cache_find_away(disks.bench.reader).location, after);
	assert_int_equal(recall_number(&disks, 1), CACHE_RECALL_DONE);
	assert_true(has_number(disks.bench.reader, 1));
	disks_done(&disks);
}

static void no_copy_is_had_in_a_segment_that_is_evicted(void **state)
{
	(void)state;
	struct disks disks;
	one_away(&disks, 1000);
	disk_at(&disks, 0)->evicting = 0;
	assert_int_equal(recall_number(&disks, 1), CACHE_RECALL_DONE);
	struct cache_record *record;
	cache_index_find(disks.bench.store, hash_of(disks.bench.store, 1), &record);
	assert_int_equal(cache_record_copy(record), 0);
	disks_done(&disks);
}

/* ---- purges ---- */

static void purge(struct disks *disks, unsigned which, enum cache_purge how)
{
	struct cache_store *store = disks->bench.store;
	uint64_t domain = disks->bench.domain;
	struct key_text text;
	struct cache_key key = key_of(store, &text, 1);
	switch (which) {
	case 0:
		cache_purge_url(store, &key, how);
		break;
	case 1:
		cache_purge_prefix(store, domain, STR("http://a.example/1"), how);
		break;
	case 2:
		cache_purge_domain(store, domain, how);
		break;
	case 3:
		cache_purge_all(store, how);
		break;
	default:
		cache_purge_prefix(store, domain, STR("http://a.example/2"), how);
		break;
	}
}

static void a_purge_finds_what_is_away(void **state)
{
	(void)state;
	for (unsigned which = 0; which < 5; which++) {
		for (unsigned is_soft = 0; is_soft < 2; is_soft++) {
			struct disks disks;
			one_away(&disks, 1000);
			uint64_t moment = cache_disk_moment(disks.bench.store);
			purge(&disks, which, is_soft ? CACHE_PURGE_SOFT : CACHE_PURGE_HARD);
			assert_true(cache_disk_moment(disks.bench.store) > moment);
			struct cache_entry entry;
			enum cache_found found = find_number(disks.bench.reader, 1, &entry);
			if (found == CACHE_FOUND_AWAY)
				found = recall_number(&disks, 1) == CACHE_RECALL_DONE
				                ? find_number(disks.bench.reader, 1, &entry)
				                : CACHE_FOUND_NOTHING;
			bool is_touched = which < 4;
			bool is_there = !is_touched || is_soft;
			assert_int_equal(
			        found, is_there ? CACHE_FOUND_OBJECT : CACHE_FOUND_NOTHING);
			if (is_there)
				assert_int_equal(entry.is_soft_purged, is_touched);
			disks_done(&disks);
		}
	}
}

static void a_replaced_copy_is_removed(void **state)
{
	(void)state;
	struct disks disks;
	uint64_t location = one_away(&disks, 1000);
	struct cache_store *store = disks.bench.store;
	assert_int_equal(put_number(store, 1, 2, 1000), CACHE_PUT_DONE);
	assert_true(has_number(disks.bench.reader, 1));
	assert_int_equal(numbers_of(store).away, 0);
	/* The first put was made while nothing of the disk was known. */
	struct cache_removal removals[4];
	assert_int_equal(cache_disk_take_removals(store, 0, removals, 4), 2);
	assert_int_equal(removals[0].order_kind, CACHE_REMOVAL_HASH);
	assert_int_equal(removals[1].what, location);
	assert_int_equal(removals[1].order_kind, 7 << 2 | CACHE_REMOVAL_PLACE);
	disks_done(&disks);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(what_was_away_is_as_it_was),
	        cmocka_unit_test(who_comes_second_finds_it_done),
	        cmocka_unit_test(who_looks_while_it_moves_does_not_miss_it),
	        cmocka_unit_test(a_piece_comes_back),
	        cmocka_unit_test(what_is_damaged_is_gone),
	        cmocka_unit_test(another_ones_place_is_left_alone),
	        cmocka_unit_test(a_segment_that_was_written_anew_has_nothing_of_before),
	        cmocka_unit_test(what_was_written_elsewhere_meanwhile_is_looked_for_again),
	        cmocka_unit_test(no_copy_is_had_in_a_segment_that_is_evicted),
	        cmocka_unit_test(a_purge_finds_what_is_away),
	        cmocka_unit_test(a_replaced_copy_is_removed),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
