/* Puts: all or nothing, replacing, refused where a purge or a limit says so. */
#include "fixture.h"

#include <pthread.h>

enum { SPEC_ROUNDS = 20000, ORDER_ROUNDS = 10000 };

static void what_was_put_is_found_and_replaced(void **state)
{
	(void)state;
	struct bench bench;
	bench_init(&bench);
	struct cache_entry entry;
	assert_int_equal(find_number(bench.reader, 1, &entry), CACHE_FOUND_NOTHING);
	assert_int_equal(put_number(bench.store, 1, 1, 1000), CACHE_PUT_DONE);
	assert_true(has_number(bench.reader, 1));
	assert_int_equal(put_number(bench.store, 1, 2, 3000), CACHE_PUT_DONE);
	assert_int_equal(find_number(bench.reader, 1, &entry), CACHE_FOUND_OBJECT);
	assert_int_equal(entry.id, 2);
	assert_int_equal(entry.body.len, 3000);
	struct cache_store_numbers numbers = numbers_of(bench.store);
	assert_int_equal(numbers.objects, 1);
	assert_int_equal(numbers.puts, 2);
	assert_true(numbers.bytes > 3000 && numbers.bytes < 3500);
	bench_done(&bench);
}

static void an_empty_body_is_inline_and_no_body_is_not(void **state)
{
	(void)state;
	struct bench bench;
	bench_init(&bench);
	struct cache_entry entry;
	assert_int_equal(put_number(bench.store, 1, 1, 0), CACHE_PUT_DONE);
	assert_int_equal(find_number(bench.reader, 1, &entry), CACHE_FOUND_OBJECT);
	assert_true(entry.object->is_inline);
	assert_int_equal(entry.body.len, 0);

	struct key_text text;
	struct http_field fields[4];
	struct http_head head = sample_head(fields);
	const struct cache_put_object put = {.key = key_of(bench.store, &text, 2),
	        .object = &PLAIN,
	        .head = &head,
	        .sequence = 1};
	assert_int_equal(cache_put_object(bench.store, &put), CACHE_PUT_DONE);
	assert_int_equal(find_number(bench.reader, 2, &entry), CACHE_FOUND_OBJECT);
	assert_false(entry.object->is_inline);
	bench_done(&bench);
}

static void what_is_above_a_limit_is_refused(void **state)
{
	(void)state;
	struct bench bench;
	bench_init(&bench);
	char *big = mem_zero(LIMIT_CACHE_PIECE_BYTES + 1);
	struct http_field fields[4];
	struct http_head head = sample_head(fields);
	const struct cache_put_object plain = {.key = cache_key_make(bench.store, STR("k")),
	        .object = &PLAIN,
	        .head = &head,
	        .sequence = 1};
	struct cache_put_object put = plain;
	put.key.text = str_make(big, LIMIT_CACHE_KEY_BYTES + 1);
	assert_int_equal(cache_put_object(bench.store, &put), CACHE_PUT_TOO_LARGE);
	put = plain;
	put.variant = str_make(big, LIMIT_CACHE_VARIANT_BYTES + 1);
	assert_int_equal(cache_put_object(bench.store, &put), CACHE_PUT_TOO_LARGE);
	put = plain;
	put.tag_count = LIMIT_CACHE_TAGS + 1;
	assert_int_equal(cache_put_object(bench.store, &put), CACHE_PUT_TOO_LARGE);
	put = plain;
	put.body = &(const struct iovec){big, LIMIT_CACHE_INLINE_BYTES + 1};
	put.body_count = 1;
	assert_int_equal(cache_put_object(bench.store, &put), CACHE_PUT_TOO_LARGE);
	const struct iovec piece = {big, cache_store_piece_bytes(bench.store) + 1};
	assert_int_equal(cache_put_piece(bench.store, 1, 0, &piece, 1), CACHE_PUT_TOO_LARGE);
	uint64_t epoch = 77;
	const struct cache_put_spec spec = {
	        .key = plain.key, .names = str_make(big, LIMIT_CACHE_VARIANT_BYTES + 1)};
	assert_int_equal(cache_put_spec(bench.store, &spec, &epoch), CACHE_PUT_TOO_LARGE);
	assert_int_equal(epoch, 77);
	assert_int_equal(numbers_of(bench.store).put_refused, 6);
	mem_free(big);
	bench_done(&bench);
}

static void the_largest_object_fits(void **state)
{
	(void)state;
	struct bench bench;
	bench_init(&bench);
	char *big = mem_zero(LIMIT_CACHE_INLINE_BYTES);
	uint64_t *tags = mem_zero(LIMIT_CACHE_TAGS * sizeof(uint64_t));
	struct http_field *fields = mem_zero(LIMIT_HEAD_FIELDS * sizeof(*fields));
	const struct http_head head = {
	        .base = big,
	        .fields = fields,
	        .len = LIMIT_RESPONSE_HEAD_BYTES,
	        .count = LIMIT_HEAD_FIELDS,
	};
	const struct iovec body = {big, LIMIT_CACHE_INLINE_BYTES};
	struct cache_put_object put = {
	        .key = cache_key_make(bench.store, str_make(big, LIMIT_CACHE_KEY_BYTES)),
	        .tags = tags,
	        .tag_count = LIMIT_CACHE_TAGS,
	        .object = &PLAIN,
	        .head = &head,
	        .body = &body,
	        .body_count = 1,
	        .sequence = 1,
	};
	assert_int_equal(cache_put_object(bench.store, &put), CACHE_PUT_DONE);
	struct cache_entry entry;
	struct cache_variants variants;
	assert_int_equal(cache_find(bench.reader, &put.key, &entry, &variants), CACHE_FOUND_OBJECT);
	assert_int_equal(entry.body.len, LIMIT_CACHE_INLINE_BYTES);
	mem_free(fields);
	mem_free(tags);
	mem_free(big);
	bench_done(&bench);
}

static void an_older_fill_does_not_replace_a_newer_one(void **state)
{
	(void)state;
	struct bench bench;
	bench_init(&bench);
	struct cache_put_object old = {.id = 1, .sequence = cache_store_sequence(bench.store)};
	cache_purge_domain(
	        bench.store, cache_key_domain(bench.store, STR("b.example")), CACHE_PURGE_HARD);
	assert_int_equal(put_number(bench.store, 1, 2, 100), CACHE_PUT_DONE);
	assert_int_equal(put_as(bench.store, 1, 1, 100, &old), CACHE_PUT_OLDER);
	struct cache_entry entry;
	assert_int_equal(find_number(bench.reader, 1, &entry), CACHE_FOUND_OBJECT);
	assert_int_equal(entry.id, 2);
	bench_done(&bench);
}

/* A 304 leaves the id as it is: then the clock tells, but what it will show. */
static void what_was_validated_since_stays(void **state)
{
	(void)state;
	static const struct {
		uint64_t there_ms, put_ms, now_ms;
		enum cache_put verdict;
	} rows[] = {
	        {100, 200, 300, CACHE_PUT_DONE},
	        {200, 200, 300, CACHE_PUT_DONE},
	        {250, 200, 300, CACHE_PUT_OLDER},
	        {300, 200, 300, CACHE_PUT_OLDER},
	        {301, 200, 300, CACHE_PUT_DONE}, /* the clock was set back */
	        {250, 200, 0, CACHE_PUT_DONE},
	};
	for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
		struct bench bench;
		bench_init(&bench);
		struct cache_object object = PLAIN;
		struct cache_put_object put = {.id = 1, .sequence = 1, .object = &object};
		object.terms.received_ms = rows[i].there_ms;
		assert_int_equal(put_as(bench.store, 1, 1, 100, &put), CACHE_PUT_DONE);
		put.id = 2;
		put.now_ms = rows[i].now_ms;
		object.terms.received_ms = rows[i].put_ms;
		assert_int_equal(put_as(bench.store, 1, 2, 100, &put), rows[i].verdict);
		bench_done(&bench);
	}
}

/* Two threads that put answers of one URL at once; whose came later has the higher number. */
struct putter {
	struct cache_store *store;
	pthread_barrier_t *barrier;
	pthread_t thread;
	bool varies;
	uint64_t ids[ORDER_ROUNDS];
};

static struct cache_put_object put_of_round(struct putter *putter, uint64_t round)
{
	struct cache_put_object put = {
	        .id = cache_store_new_id(putter->store), .sequence = 1, .variant = STR("a")};
	struct key_text text;
	const struct cache_put_spec spec = {.key = key_of(putter->store, &text, round),
	        .names = STR("x"),
	        .id = put.id,
	        .sequence = 1};
	if (putter->varies)
		CHECK(cache_put_spec(putter->store, &spec, &put.epoch) == CACHE_PUT_DONE);
	else
		put.variant = STR_EMPTY;
	return put;
}

static void *put_rounds(void *context)
{
	struct putter *putter = context;
	for (uint64_t i = 0; i < ORDER_ROUNDS; i++) {
		pthread_barrier_wait(putter->barrier);
		struct cache_put_object put = put_of_round(putter, i % 100);
		enum cache_put verdict = put_as(putter->store, i % 100, put.id, 10, &put);
		CHECK(verdict == CACHE_PUT_DONE || verdict == CACHE_PUT_OLDER ||
		        verdict == CACHE_PUT_FULL);
		putter->ids[i] = verdict == CACHE_PUT_FULL ? 0 : put.id;
	}
	return NULL;
}

/* What is there of a round's URL. */
static uint64_t id_there(struct bench *bench, uint64_t number)
{
	struct cache_entry entry;
	struct cache_variants variants;
	struct key_text text;
	struct cache_key key = key_of(bench->store, &text, number);
	enum cache_found found = cache_find(bench->reader, &key, &entry, &variants);
	if (found == CACHE_FOUND_SPEC)
		found = cache_find_variant(bench->reader, &key, &variants, STR("a"), &entry);
	uint64_t id = found == CACHE_FOUND_OBJECT ? entry.id : 0;
	cache_reader_quiet(bench->reader);
	return id;
}

static void of_two_that_are_put_at_once_the_later_one_stays(void **state)
{
	(void)state;
	for (unsigned varies = 0; varies < 2; varies++) {
		struct bench bench;
		bench_init(&bench);
		pthread_barrier_t barrier;
		assert_int_equal(pthread_barrier_init(&barrier, NULL, 3), 0);
		struct putter *putters[2];
		for (unsigned i = 0; i < 2; i++) {
			putters[i] = mem_new(struct putter);
			putters[i]->store = bench.store;
			putters[i]->barrier = &barrier;
			putters[i]->varies = varies;
			assert_int_equal(
			        pthread_create(&putters[i]->thread, NULL, put_rounds, putters[i]),
			        0);
		}
		pthread_barrier_wait(&barrier);
		for (uint64_t i = 1; i < ORDER_ROUNDS; i++) {
			/* Both have ended the round before; the next one is of another URL. */
			pthread_barrier_wait(&barrier);
			uint64_t a = putters[0]->ids[i - 1], b = putters[1]->ids[i - 1];
			if (a != 0 && b != 0)
				assert_int_equal(id_there(&bench, (i - 1) % 100), a > b ? a : b);
			keep_all(bench.store);
		}
		for (unsigned i = 0; i < 2; i++) {
			assert_int_equal(pthread_join(putters[i]->thread, NULL), 0);
			mem_free(putters[i]);
		}
		pthread_barrier_destroy(&barrier);
		bench_done(&bench);
	}
}

/* Between the look-up and the put of a new head, another version was stored; or it went. */
static void a_new_head_is_for_the_version_that_is_there(void **state)
{
	(void)state;
	struct bench bench;
	bench_init(&bench);
	struct cache_entry entry;
	assert_int_equal(put_number(bench.store, 1, 5, 100), CACHE_PUT_DONE);
	struct cache_put_object update = {.id = 5, .sequence = 1, .is_update = true};
	assert_int_equal(put_as(bench.store, 1, 5, 100, &update), CACHE_PUT_DONE);
	assert_int_equal(put_number(bench.store, 1, 6, 200), CACHE_PUT_DONE);
	assert_int_equal(put_as(bench.store, 1, 5, 100, &update), CACHE_PUT_OLDER);
	assert_int_equal(find_number(bench.reader, 1, &entry), CACHE_FOUND_OBJECT);
	assert_int_equal(entry.id, 6);
	assert_int_equal(put_as(bench.store, 2, 5, 100, &update), CACHE_PUT_OLDER);
	assert_int_equal(find_number(bench.reader, 2, &entry), CACHE_FOUND_NOTHING);
	assert_int_equal(numbers_of(bench.store).put_refused, 2);
	bench_done(&bench);
}

static void variants_hang_on_their_spec(void **state)
{
	(void)state;
	struct bench bench;
	bench_init(&bench);
	struct key_text text;
	struct cache_put_spec spec = {.key = key_of(bench.store, &text, 1),
	        .names = STR("accept-encoding"),
	        .sequence = 1};
	uint64_t epoch, again;
	assert_int_equal(cache_put_spec(bench.store, &spec, &epoch), CACHE_PUT_DONE);
	assert_int_equal(cache_put_spec(bench.store, &spec, &again), CACHE_PUT_DONE);
	assert_int_equal(epoch, again);

	struct cache_put_object put = {
	        .id = 1, .sequence = 1, .epoch = epoch, .variant = STR("br")};
	assert_int_equal(put_as(bench.store, 1, 1, 100, &put), CACHE_PUT_DONE);
	put.variant = STR("");
	assert_int_equal(put_as(bench.store, 1, 2, 200, &put), CACHE_PUT_DONE);

	struct cache_entry entry;
	struct cache_variants variants;
	assert_int_equal(cache_find(bench.reader, &spec.key, &entry, &variants), CACHE_FOUND_SPEC);
	assert_true(str_is_equal(variants.names, STR("accept-encoding")));
	assert_true(cache_find_variant(bench.reader, &spec.key, &variants, STR("br"), &entry));
	assert_true(str_is_equal(entry.variant, STR("br")));
	assert_int_equal(entry.body.len, 100);
	assert_true(cache_find_variant(bench.reader, &spec.key, &variants, STR(""), &entry));
	assert_int_equal(entry.body.len, 200);
	assert_false(cache_find_variant(bench.reader, &spec.key, &variants, STR("gzip"), &entry));

	/* Another spec: other variants. Nothing is stored under the old one. */
	spec.names = STR("origin");
	assert_int_equal(cache_put_spec(bench.store, &spec, &again), CACHE_PUT_DONE);
	assert_int_not_equal(epoch, again);
	assert_int_equal(cache_find(bench.reader, &spec.key, &entry, &variants), CACHE_FOUND_SPEC);
	assert_false(cache_find_variant(bench.reader, &spec.key, &variants, STR("br"), &entry));
	assert_int_equal(put_as(bench.store, 1, 1, 100, &put), CACHE_PUT_PURGED);

	/* Who knew nothing of it takes its place neither with an object nor with a spec of before.
	 */
	assert_int_equal(put_number(bench.store, 1, 300, 300), CACHE_PUT_OLDER);
	spec.names = STR("cookie");
	spec.id = again - 1;
	assert_int_equal(cache_put_spec(bench.store, &spec, &epoch), CACHE_PUT_OLDER);
	spec.names = STR("origin");
	assert_int_equal(cache_put_spec(bench.store, &spec, &epoch), CACHE_PUT_DONE);
	assert_int_equal(epoch, again);
	bench_done(&bench);
}

/* Two threads that say at once that a key has variants. */
struct teller {
	struct cache_store *store;
	pthread_barrier_t *barrier;
	pthread_t thread;
	uint64_t epochs[SPEC_ROUNDS];
};

static void *tell(void *context)
{
	struct teller *teller = context;
	for (uint64_t i = 0; i < SPEC_ROUNDS; i++) {
		struct key_text text;
		const struct cache_put_spec spec = {.key = key_of(teller->store, &text, i),
		        .names = STR("accept-encoding"),
		        .sequence = 1};
		pthread_barrier_wait(teller->barrier);
		CHECK(cache_put_spec(teller->store, &spec, &teller->epochs[i]) == CACHE_PUT_DONE);
	}
	return NULL;
}

static void a_spec_that_two_put_at_once_is_one(void **state)
{
	(void)state;
	struct bench bench;
	bench_init(&bench);
	pthread_barrier_t barrier;
	assert_int_equal(pthread_barrier_init(&barrier, NULL, 2), 0);
	struct teller *tellers[2];
	for (unsigned i = 0; i < 2; i++) {
		tellers[i] = mem_new(struct teller);
		tellers[i]->store = bench.store;
		tellers[i]->barrier = &barrier;
		assert_int_equal(pthread_create(&tellers[i]->thread, NULL, tell, tellers[i]), 0);
	}
	for (unsigned i = 0; i < 2; i++)
		assert_int_equal(pthread_join(tellers[i]->thread, NULL), 0);
	for (uint64_t i = 0; i < SPEC_ROUNDS; i++)
		assert_int_equal(tellers[0]->epochs[i], tellers[1]->epochs[i]);
	pthread_barrier_destroy(&barrier);
	mem_free(tellers[0]);
	mem_free(tellers[1]);
	bench_done(&bench);
}

static void pieces_are_found_by_object_and_number(void **state)
{
	(void)state;
	struct bench bench;
	bench_init(&bench);
	uint32_t len = cache_store_piece_bytes(bench.store);
	char *bytes = mem_alloc(len);
	body_fill(bytes, len, 5, 1);
	const struct iovec body = {bytes, len};
	struct cache_place place;
	assert_false(cache_find_piece(bench.reader, 5, 3, &place));
	assert_int_equal(cache_put_piece(bench.store, 5, 3, &body, 1), CACHE_PUT_DONE);
	assert_true(cache_find_piece(bench.reader, 5, 3, &place));
	assert_true(cache_find_has_piece(bench.reader, 5, 3));
	assert_false(cache_find_has_piece(bench.reader, 5, 2));
	assert_false(cache_find_has_piece(bench.reader, 6, 3));
	assert_int_equal(place.len, len);
	assert_memory_equal(place.at, bytes, len);
	char *read_back = mem_alloc(len);
	assert_int_equal(pread(place.fd, read_back, len, (off_t)place.offset), len);
	assert_memory_equal(read_back, bytes, len);
	mem_free(read_back);
	mem_free(bytes);
	bench_done(&bench);
}

static void a_put_without_a_free_segment_is_refused_and_calls_the_keeper(void **state)
{
	(void)state;
	struct bench bench;
	bench_init(&bench);
	uint64_t number = 0;
	enum cache_put verdict;
	while ((verdict = put_number(bench.store, number, 1, 60000)) == CACHE_PUT_DONE)
		number++;
	assert_int_equal(verdict, CACHE_PUT_FULL);
	assert_int_equal(bench.store->shared->keeper_wanted, 1);
	assert_int_equal(numbers_of(bench.store).segments_free, 1);
	assert_true(has_number(bench.reader, 0));
	cache_reader_quiet(bench.reader);
	keep_all(bench.store);
	assert_int_equal(put_number(bench.store, number, 1, 60000), CACHE_PUT_DONE);
	assert_true(has_number(bench.reader, number));
	bench_done(&bench);
}

static uint32_t log_of_piece(struct cache_store *store, uint64_t id, uint64_t number)
{
	struct cache_record *record;
	_Atomic uint64_t *slot =
	        cache_index_find(store, cache_key_piece(store, id, number), &record);
	assert_non_null(slot);
	return store->segments[cache_store_segment_of(store, cache_slot_location(*slot))].log;
}

static void pieces_of_what_is_known_need_not_show_their_use(void **state)
{
	(void)state;
	struct bench bench;
	struct key_text text;
	char byte = 'x';
	const struct iovec body = {.iov_base = &byte, .iov_len = 1};
	bench_init(&bench);
	struct cache_store *store = bench.store;
	struct cache_key key = key_of(store, &text, 3);
	assert_false(cache_put_is_known(store, &key, 0, STR_EMPTY));
	assert_int_equal(put_number(store, 3, 1, 100), CACHE_PUT_DONE);
	assert_true(cache_put_is_known(store, &key, 0, STR_EMPTY));
	assert_false(cache_put_is_known(store, &key, 9, STR("a")));
	assert_int_equal(cache_put_piece(store, 5, 0, &body, 1), CACHE_PUT_DONE);
	assert_int_equal(log_of_piece(store, 5, 0), CACHE_LOG_PROBATION);
	assert_int_equal(cache_put_known_piece(store, 6, 0, &body, 1), CACHE_PUT_DONE);
	assert_int_equal(log_of_piece(store, 6, 0), CACHE_LOG_MAIN);
	/* Also when it has gone, not long ago. */
	cache_reader_quiet(bench.reader);
	while (put_number(store, 1000, 1, 30000) == CACHE_PUT_DONE)
		;
	assert_true(cache_keeper_evict(store));
	assert_false(has_number(bench.reader, 3));
	assert_true(cache_put_is_known(store, &key, 0, STR_EMPTY));
	bench_done(&bench);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(what_was_put_is_found_and_replaced),
	        cmocka_unit_test(an_empty_body_is_inline_and_no_body_is_not),
	        cmocka_unit_test(what_is_above_a_limit_is_refused),
	        cmocka_unit_test(the_largest_object_fits),
	        cmocka_unit_test(an_older_fill_does_not_replace_a_newer_one),
	        cmocka_unit_test(what_was_validated_since_stays),
	        cmocka_unit_test(of_two_that_are_put_at_once_the_later_one_stays),
	        cmocka_unit_test(a_new_head_is_for_the_version_that_is_there),
	        cmocka_unit_test(variants_hang_on_their_spec),
	        cmocka_unit_test(a_spec_that_two_put_at_once_is_one),
	        cmocka_unit_test(pieces_are_found_by_object_and_number),
	        cmocka_unit_test(a_put_without_a_free_segment_is_refused_and_calls_the_keeper),
	        cmocka_unit_test(pieces_of_what_is_known_need_not_show_their_use),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
