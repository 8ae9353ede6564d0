/* The writer as a whole: what it has written is found again, in this memory and in the next. */
#include "writers.h"

#include "base/clock.h"
#include "base/random.h"
#include "base/str.h"

#include <pthread.h>
#include <sys/mman.h>
#include <sys/prctl.h>

enum { LEN = 30000, COUNT = 200 };

static void what_was_copied_comes_back_byte_for_byte(void **state)
{
	(void)state;
	struct disks disks;
	writers_init(&disks, 1);
	put_range(&disks, 0, COUNT, LEN);
	write_all(&disks, 0, true);
	assert_int_equal(numbers_of_disk(&disks, 0).copied, COUNT);
	send_all_away(&disks, 0, COUNT);
	assert_int_equal(numbers_of(disks.bench.store).away, COUNT);
	assert_int_equal(count_somewhere(&disks, 0, COUNT), COUNT);
	assert_int_equal(numbers_of_disk(&disks, 0).recalled, COUNT);
	/* Nothing is written that is there. */
	write_all(&disks, 0, true);
	assert_int_equal(numbers_of_disk(&disks, 0).copied, COUNT);
	disks_done(&disks);
}

static void what_was_copied_is_there_after_a_start(void **state)
{
	(void)state;
	struct disks disks;
	writers_init(&disks, 2);
	put_range(&disks, 0, COUNT, LEN);
	for (unsigned i = 0; i < COUNT; i++) {
		cache_writer_turn(disks.bench.store, i % 2, true);
		assert_int_equal(state_of_disk(&disks, i % 2), CACHE_DISK_READY);
	}
	assert_true(numbers_of_disk(&disks, 0).copied > 10);
	assert_true(numbers_of_disk(&disks, 1).copied > 10);
	for (unsigned round = 0; round < 3; round++) {
		start_anew(&disks);
		assert_int_equal(numbers_of_disk(&disks, 0).scanned_records +
		                         numbers_of_disk(&disks, 1).scanned_records,
		        COUNT);
		assert_int_equal(count_somewhere(&disks, 0, COUNT), COUNT);
	}
	disks_done(&disks);
}

/* A turn goes on where the one before was. */
static void turns_share_a_segment(void **state)
{
	(void)state;
	struct disks disks;
	writers_init(&disks, 1);
	for (uint64_t i = 0; i < 100; i++) {
		put_range(&disks, i, i + 1, 1000);
		write_all(&disks, 0, true);
	}
	assert_int_equal(numbers_of_disk(&disks, 0).copied, 100);
	assert_int_equal(numbers_of_disk(&disks, 0).segments_used, 1);
	start_anew(&disks);
	assert_int_equal(count_somewhere(&disks, 0, 100), 100);
	disks_done(&disks);
}

/* Many times as much as the disk has, a part of it in use all the time. */
static void the_circle_is_written_at_most_one_and_a_half_times(void **state)
{
	(void)state;
	struct disks disks;
	writers_init(&disks, 1);
	uint64_t next = 0;
	while (numbers_of_disk(&disks, 0).written_bytes < 3ull * DISK_BYTES) {
		put_range(&disks, next, next + 100, LEN);
		next += 100;
		/* Two uses take it to main, and so to the disk. */
		for (uint64_t i = next - 100; i < next; i++)
			for (unsigned use = 0; use < 2; use++)
				(void)has_number(disks.bench.reader, i);
		cache_reader_quiet(disks.bench.reader);
		keep_all(disks.bench.store);
		write_all(&disks, 0, false);
		for (uint64_t i = 0; i < 300 && i < next; i += 3)
			(void)is_somewhere(&disks, i);
	}
	struct cache_disk_numbers numbers = numbers_of_disk(&disks, 0);
	assert_int_equal(numbers.state, CACHE_DISK_READY);
	assert_true(numbers.reinserted > 50);
	assert_true(numbers.evicted > 1000);
	assert_true(numbers.written_bytes <= numbers.copied_bytes * 3 / 2);
	assert_int_equal(numbers.damaged, 0);
	/* What was used all the time is there. */
	assert_true(count_somewhere(&disks, 0, 300) >= 90);
	uint64_t before = count_somewhere(&disks, 0, next);
	write_all(&disks, 0, false);
	assert_true(before > 1000);
	start_anew(&disks);
	uint64_t after = count_somewhere(&disks, 0, next);
	assert_true(after > 1000 && after <= before);
	disks_done(&disks);
}

/* ---- threads and processes ---- */

static void wait_until_copied(struct disks *disks, uint64_t copied)
{
	uint64_t until = clock_ms() + 20000;
	while (numbers_of_disk(disks, 0).copied < copied && clock_ms() < until)
		usleep(2000);
	assert_int_equal(numbers_of_disk(disks, 0).copied, copied);
}

static void a_thread_copies_and_makes_durable(void **state)
{
	(void)state;
	struct disks disks;
	disks_init(&disks, 1);
	struct cache_writer *writer = cache_writer_new(disks.bench.store, 0);
	assert_non_null(writer);
	put_range(&disks, 0, COUNT, LEN);
	/* Also what is in a segment that does not fill: after a while. */
	wait_until_copied(&disks, COUNT);
	purge_number(&disks, 3, CACHE_PURGE_HARD);
	uint64_t moment = cache_disk_moment(disks.bench.store);
	assert_true(cache_disk_wait(disks.bench.store, moment, LIMIT_CACHE_DISK_WAIT_MS));
	put_range(&disks, COUNT, COUNT + 1, LEN);
	uint64_t before = clock_ms();
	cache_writer_free(writer);
	assert_true(clock_ms() - before < 3000);
	assert_int_equal(numbers_of_disk(&disks, 0).copied, COUNT + 1);
	start_anew(&disks);
	assert_int_equal(count_somewhere(&disks, 0, COUNT + 1), COUNT);
	assert_false(is_somewhere(&disks, 3));
	disks_done(&disks);
}

static struct cache_store *another_store(struct disks *disks)
{
	enum cache_attach why;
	struct cache_store *store = cache_store_new(disks->bench.fd, &disks->options, &why);
	assert_non_null(store);
	return store;
}

static void one_writer_works_at_a_time(void **state)
{
	(void)state;
	struct disks disks;
	writers_init(&disks, 1);
	struct cache_store *other = another_store(&disks);
	assert_true(cache_process_lock_writer(other, 0));
	put_range(&disks, 0, 10, LEN);
	assert_false(cache_writer_turn(disks.bench.store, 0, true));
	assert_int_equal(numbers_of_disk(&disks, 0).copied, 0);
	/* One that waits ends at once. */
	struct cache_writer *writer = cache_writer_new(disks.bench.store, 0);
	uint64_t before = clock_ms();
	cache_writer_free(writer);
	assert_true(clock_ms() - before < 900);
	cache_process_unlock_writer(other, 0);
	while (cache_writer_turn(other, 0, true))
		;
	assert_int_equal(numbers_of_disk(&disks, 0).copied, 10);
	cache_store_free(other);
	put_range(&disks, 10, 20, LEN);
	write_all(&disks, 0, true);
	assert_int_equal(numbers_of_disk(&disks, 0).segments_used, 1);
	start_anew(&disks);
	assert_int_equal(count_somewhere(&disks, 0, 20), 20);
	disks_done(&disks);
}

/* ---- killed at any moment ---- */

enum { NUMBERS = 400 };

/* What the parent must know of what the child did: in memory that both have. */
struct told {
	_Atomic uint64_t put_version[NUMBERS];     /* began to be put */
	_Atomic uint64_t removed_version[NUMBERS]; /* all up to this are gone, durably */
	_Atomic uint64_t durable;
};

/* How many rounds; more are asked for by the environment. */
static uint64_t rounds_wanted(void)
{
	const char *said = getenv("HEADWATER_DEATHS");
	uint64_t rounds;
	return said != NULL && str_to_u64(str_of(said), &rounds) ? rounds : 30;
}

static void put_one(struct cache_store *store, struct told *told, uint64_t number)
{
	uint64_t version = atomic_load(&told->put_version[number]) + 1;
	atomic_store(&told->put_version[number], version);
	if (put_number(store, number, version, 200 + random_below(60000)) == CACHE_PUT_FULL)
		keep_all(store);
}

/* Purges some of them, and says so when it is durable. */
static void purge_some(struct cache_store *store, struct told *told)
{
	uint64_t first = random_below(NUMBERS), end = first + 1;
	struct key_text text;
	struct cache_key key = key_of(store, &text, first);
	uint64_t domain = cache_key_domain(store, STR("a.example"));
	uint64_t step = 1;
	switch (random_below(30)) {
	case 0:
		cache_purge_prefix(store, domain, STR("http://a.example/4/"), CACHE_PURGE_HARD);
		first = 4;
		end = NUMBERS;
		step = 7;
		break;
	case 1:
		cache_purge_domain(store, domain, CACHE_PURGE_HARD);
		first = 0;
		end = NUMBERS;
		break;
	case 2:
		cache_purge_all(store, CACHE_PURGE_HARD);
		first = 0;
		end = NUMBERS;
		break;
	default:
		cache_purge_url(store, &key, CACHE_PURGE_HARD);
		break;
	}
	uint64_t moment = cache_disk_moment(store);
	if (!cache_disk_wait(store, moment, LIMIT_CACHE_DISK_WAIT_MS))
		_exit(6);
	for (uint64_t i = first; i < end; i += step)
		atomic_store(&told->removed_version[i], atomic_load(&told->put_version[i]));
	atomic_fetch_add(&told->durable, 1);
}

static _Noreturn void be_killed(struct disks *disks, struct told *told, int ready, uint64_t seed)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	random_seed(seed);
	enum cache_attach why;
	struct cache_store *store = cache_store_new(disks->bench.fd, &disks->options, &why);
	if (store == NULL || cache_writer_new(store, 0) == NULL || cache_keeper_new(store) == NULL)
		_exit(3);
	/* It may be killed at once, or when it has something to lose. */
	if (seed % 2 == 0) {
		for (unsigned i = 0; i < 50; i++)
			put_one(store, told, random_below(NUMBERS));
		purge_some(store, told);
	}
	if (write(ready, "r", 1) != 1)
		_exit(3);
	for (;;) {
		put_one(store, told, random_below(NUMBERS));
		if (random_below(20) == 0)
			purge_some(store, told);
	}
}

/* Nothing wrong is found, and nothing that was removed. */
static uint64_t check_all(struct disks *disks, const struct told *told)
{
	uint64_t found = 0;
	for (uint64_t i = 0; i < NUMBERS; i++) {
		struct cache_entry entry;
		if (!is_somewhere(disks, i))
			continue;
		found++;
		assert_int_equal(find_number(disks->bench.reader, i, &entry), CACHE_FOUND_OBJECT);
		assert_true(entry.id > atomic_load(&told->removed_version[i]));
		assert_true(entry.id <= atomic_load(&told->put_version[i]));
		cache_reader_quiet(disks->bench.reader);
	}
	return found;
}

static void kill_one(struct disks *disks, struct told *told, uint64_t seed)
{
	int pipes[2];
	assert_int_equal(pipe(pipes), 0);
	pid_t child = fork();
	assert_true(child >= 0);
	if (child == 0)
		be_killed(disks, told, pipes[1], seed);
	close(pipes[1]);
	char byte;
	assert_int_equal(read(pipes[0], &byte, 1), 1);
	close(pipes[0]);
	usleep((useconds_t)random_below(150000));
	assert_int_equal(kill(child, SIGKILL), 0);
	int status;
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFSIGNALED(status));
}

static void killed_at_any_moment_nothing_removed_comes_back(void **state)
{
	(void)state;
	struct told *told = mmap(
	        NULL, sizeof(*told), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	assert_ptr_not_equal(told, MAP_FAILED);
	struct disks disks;
	disks_init(&disks, 1);
	uint64_t found = 0;
	random_seed(11);
	for (uint64_t round = 0; round < rounds_wanted(); round++) {
		kill_one(&disks, told, round + 1);
		/* In two of three rounds the memory lives on, and with it what waits. */
		if (round % 3 == 0) {
			start_anew(&disks);
		} else {
			write_all(&disks, 0, false);
			check_all(&disks, told);
			/* Then it is lost, too: what is on the disk stands for itself. */
			if (round % 3 == 1)
				start_anew(&disks);
		}
		assert_int_equal(state_of_disk(&disks, 0), CACHE_DISK_READY);
		found += check_all(&disks, told);
	}
	assert_true(found > 100);
	assert_true(atomic_load(&told->durable) >= rounds_wanted() / 2);
	disks_done(&disks);
	munmap(told, sizeof(*told));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(what_was_copied_comes_back_byte_for_byte),
	        cmocka_unit_test(what_was_copied_is_there_after_a_start),
	        cmocka_unit_test(turns_share_a_segment),
	        cmocka_unit_test(the_circle_is_written_at_most_one_and_a_half_times),
	        cmocka_unit_test(a_thread_copies_and_makes_durable),
	        cmocka_unit_test(one_writer_works_at_a_time),
	        cmocka_unit_test(killed_at_any_moment_nothing_removed_comes_back),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
