/* The memory: its geometry, who may attach, and that nobody can shrink it. */
#include "disks.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>

static void geometries_keep_their_promises(void **state)
{
	(void)state;
	static const struct {
		uint64_t bytes, objects;
		uint32_t piece_bytes;
	} rows[] = {
	        {LIMIT_CACHE_MEMORY_BYTES_MIN, 0, 64 << 10},
	        {100 << 20, 10000, 64 << 10},
	        {256 << 20, 0, 256 << 10},
	        {516ull << 20, 0, 1 << 20},
	        {3ull << 30, 1, 1 << 20},
	        {1ull << 40, 2000000000, 1 << 20},
	};
	for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
		const struct cache_memory_options options = {
		        .bytes = rows[i].bytes, .objects = rows[i].objects};
		struct cache_geometry g = cache_memory_geometry(&options);
		assert_int_equal(g.piece_bytes, rows[i].piece_bytes);
		assert_true(g.segments >= 60);
		assert_true((uint64_t)g.segments * g.segment_bytes <= rows[i].bytes);
		assert_true((uint64_t)(g.segments + 1) * g.segment_bytes > rows[i].bytes);
		assert_true((UINT64_C(1) << g.offset_bits) * CACHE_GRANULE >= g.segment_bytes);
		/* Some pieces fit without a loss. */
		uint32_t pieces = g.bytes < 64 << 20 ? 4 : 8;
		assert_true(
		        g.segment_bytes >= pieces * (g.piece_bytes + sizeof(struct cache_record)));
		uint64_t objects = rows[i].objects != 0 ? rows[i].objects : rows[i].bytes / 4096;
		assert_true(g.buckets * CACHE_LINE <= objects * 24 + 2 * CACHE_LINE);
		assert_true(g.total - g.data_at >= (uint64_t)g.segments * g.segment_bytes);
	}
}

static void a_memory_fits_its_own_options_only(void **state)
{
	(void)state;
	int fd = cache_memory_make(&SMALL);
	assert_int_equal(cache_memory_check(fd, &SMALL), CACHE_ATTACH_DONE);
	const struct cache_memory_options more_bytes = {.bytes = SMALL.bytes * 2};
	const struct cache_memory_options more_objects = {.bytes = SMALL.bytes, .objects = 123456};
	assert_int_equal(cache_memory_check(fd, &more_bytes), CACHE_ATTACH_GEOMETRY);
	assert_int_equal(cache_memory_check(fd, &more_objects), CACHE_ATTACH_GEOMETRY);
	enum cache_attach why = CACHE_ATTACH_DONE;
	assert_null(cache_store_new(fd, &more_bytes, &why));
	assert_int_equal(why, CACHE_ATTACH_GEOMETRY);
	assert_string_not_equal(cache_memory_words(why), "");
	close(fd);
}

static void another_version_and_other_files_are_refused(void **state)
{
	(void)state;
	int fd = cache_memory_make(&SMALL);
	uint32_t version = 99;
	assert_int_equal(
	        pwrite(fd, &version, sizeof(version), offsetof(struct cache_shared, version)),
	        sizeof(version));
	assert_int_equal(cache_memory_check(fd, &SMALL), CACHE_ATTACH_LAYOUT);
	close(fd);

	int empty = memfd_create("empty", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	assert_int_equal(cache_memory_check(empty, &SMALL), CACHE_ATTACH_LAYOUT);
	/* Large enough, but anybody could shrink it. */
	assert_int_equal(ftruncate(empty, 1 << 25), 0);
	assert_int_equal(cache_memory_check(empty, &SMALL), CACHE_ATTACH_LAYOUT);
	close(empty);
	int null = open("/dev/null", O_RDWR);
	assert_int_equal(cache_memory_check(null, &SMALL), CACHE_ATTACH_LAYOUT);
	close(null);
	assert_int_equal(cache_memory_check(null, &SMALL), CACHE_ATTACH_SYSTEM);
}

static void nobody_can_change_its_size(void **state)
{
	(void)state;
	int fd = cache_memory_make(&SMALL);
	assert_int_equal(ftruncate(fd, 4096), -1);
	assert_int_equal(errno, EPERM);
	assert_int_equal(ftruncate(fd, 1 << 30), -1);
	close(fd);
}

/* The hashes and numbers of a memory go on where those before it left off. */
/* Whether all mappings of memories have this flag (proc(5), VmFlags). */
static bool have_flag(const char *flag)
{
	FILE *maps = fopen("/proc/self/smaps", "r");
	assert_non_null(maps);
	char *line = NULL;
	size_t room = 0;
	unsigned found = 0, with_flag = 0;
	bool is_memory = false;
	while (getline(&line, &room, maps) > 0) {
		bool is_flags = strncmp(line, "VmFlags:", 8) == 0;
		is_memory |= strstr(line, "/memfd:headwater-cache") != NULL;
		if (!is_flags || !is_memory)
			continue;
		is_memory = false; /* the last line of a mapping */
		found++;
		with_flag += strstr(line, flag) != NULL;
	}
	free(line);
	fclose(maps);
	assert_true(found > 0);
	return with_flag == found;
}

static void huge_pages_are_never_used(void **state)
{
	(void)state;
	struct bench bench;
	bench_init(&bench);
	if (access("/sys/kernel/mm/transparent_hugepage", F_OK) == 0)
		assert_true(have_flag(" nh "));
	bench_done(&bench);
}

static void a_session_goes_on_from_what_its_disks_say(void **state)
{
	(void)state;
	struct disks disks;
	disks_init(&disks, 2);
	uint64_t hash = hash_of(disks.bench.store, 1), seed = disks.bench.store->seed;
	uint64_t id = cache_store_new_id(disks.bench.store);
	uint64_t sequence = cache_store_sequence(disks.bench.store);
	uint64_t head_seeds[2] = {disk_at(&disks, 0)->head_seed, disk_at(&disks, 1)->head_seed};
	disks_stop(&disks);
	disks_start(&disks);
	assert_int_equal(hash_of(disks.bench.store, 1), hash);
	assert_int_equal(disks.bench.store->seed, seed);
	assert_true(cache_store_new_id(disks.bench.store) > id + 1000000);
	assert_true(cache_store_sequence(disks.bench.store) > sequence + 1000000);
	assert_int_equal(disk_at(&disks, 0)->head_seed, head_seeds[0]);
	assert_int_equal(disk_at(&disks, 1)->head_seed, head_seeds[1]);
	disks_stop(&disks);

	/* A disk that was not there in the session before does not know what was removed in it. */
	struct cache_memory_options both = disks.options;
	disks.options.disk_count = 1;
	disks_start(&disks);
	disks_stop(&disks);
	disks.options = both;
	disks_start(&disks);
	assert_int_equal(hash_of(disks.bench.store, 1), hash);
	assert_int_equal(disk_at(&disks, 0)->head_seed, head_seeds[0]);
	assert_int_not_equal(disk_at(&disks, 1)->head_seed, head_seeds[1]);
	disks_stop(&disks);

	/* Nor does one in another place, or of another size, mean the same. */
	disks.options.disks[0] = both.disks[1];
	disks.options.disks[1] = both.disks[0];
	disks_start(&disks);
	assert_int_not_equal(disk_at(&disks, 1)->head_seed, head_seeds[0]);
	disks_stop(&disks);
	disks.options = both;
	disks_start(&disks);
	disks_done(&disks);
}

static void a_disk_that_cannot_be_written_begins_as_failed(void **state)
{
	(void)state;
	struct disks disks;
	disks_init(&disks, 1);
	disks_stop(&disks);
	int good = disks.options.disks[0].fd;
	disks.options.disks[0].fd = open("/dev/full", O_RDWR);
	disks_start(&disks);
	assert_int_equal(atomic_load(&disk_at(&disks, 0)->state), CACHE_DISK_FAILED);
	assert_int_equal(disk_at(&disks, 0)->error, ENOSPC);
	assert_int_equal(atomic_load(&disks.bench.store->disks->scanning), 0);
	assert_int_equal(put_number(disks.bench.store, 1, 1, 100), CACHE_PUT_DONE);
	assert_true(has_number(disks.bench.reader, 1));
	disks_done(&disks);
	close(good);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(geometries_keep_their_promises),
	        cmocka_unit_test(a_memory_fits_its_own_options_only),
	        cmocka_unit_test(another_version_and_other_files_are_refused),
	        cmocka_unit_test(nobody_can_change_its_size),
	        cmocka_unit_test(huge_pages_are_never_used),
	        cmocka_unit_test(a_session_goes_on_from_what_its_disks_say),
	        cmocka_unit_test(a_disk_that_cannot_be_written_begins_as_failed),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
