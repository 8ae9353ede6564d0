/*
 * A memory with disks, for tests: nameless files in the folder for temporary ones, and records
 * written to them by hand, where no writer is to take part.
 */
#pragma once

#include "fixture.h"

#include "cache/disk_file_private.h"
#include "cache/disk_private.h"
#include "cache/recall.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/file.h>

enum { DISK_BYTES = LIMIT_CACHE_DISK_MIB_MIN << 20 };

struct disks {
	struct bench bench;
	struct cache_memory_options options;
};

UNUSED static int make_disk_file(void)
{
	char path[] = "/tmp/headwater-disk-XXXXXX";
	int fd = mkstemp(path);
	assert_true(fd >= 0);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(ftruncate(fd, DISK_BYTES), 0);
	return fd;
}

/* A fresh memory for the files of *options, as after a start, and one store. */
UNUSED static void disks_start(struct disks *disks)
{
	struct bench *bench = &disks->bench;
	enum cache_attach why = CACHE_ATTACH_DONE;
	bench->fd = cache_memory_make(&disks->options);
	assert_true(bench->fd >= 0);
	bench->store = cache_store_new(bench->fd, &disks->options, &why);
	assert_non_null(bench->store);
	bench->reader = cache_reader_new(bench->store);
	bench->domain = cache_key_domain(bench->store, STR("a.example"));
}

UNUSED static void disks_init(struct disks *disks, unsigned count)
{
	disks->options = SMALL;
	disks->options.disk_count = count;
	for (unsigned i = 0; i < count; i++)
		disks->options.disks[i] =
		        (struct cache_disk_options){.fd = make_disk_file(), .bytes = DISK_BYTES};
	disks_start(disks);
}

/* The memory goes; the files stay. */
UNUSED static void disks_stop(struct disks *disks)
{
	bench_done(&disks->bench);
}

UNUSED static void disks_done(struct disks *disks)
{
	disks_stop(disks);
	for (unsigned i = 0; i < disks->options.disk_count; i++)
		close(disks->options.disks[i].fd);
}

UNUSED static struct cache_disk_shared *disk_at(struct disks *disks, unsigned number)
{
	return &disks->bench.store->disks->disks[number];
}

/* ---- without a writer ---- */

/* Says that a disk was read, and that one of its segments, with this order, is written to. */
UNUSED static void disk_open_by_hand(
        struct disks *disks, unsigned number, uint32_t segment, uint64_t order)
{
	struct cache_store *store = disks->bench.store;
	struct cache_disk_shared *disk = disk_at(disks, number);
	if (atomic_load(&disk->state) != CACHE_DISK_READY)
		atomic_fetch_sub(&store->disks->scanning, 1);
	atomic_store(&disk->state, CACHE_DISK_READY);
	uint32_t first = store->geometry.disks[number].first;
	atomic_store(&store->disk_orders[first + segment], order);
}

/* Writes a copy of the record with this hash there, and says so in the record; its location. */
UNUSED static uint64_t copy_by_hand(
        struct disks *disks, unsigned number, uint64_t hash, uint32_t segment, uint32_t offset)
{
	struct cache_store *store = disks->bench.store;
	const struct cache_disk_geometry *g = &store->geometry.disks[number];
	struct cache_record *record;
	cache_store_lock(store);
	_Atomic uint64_t *slot = cache_index_find(store, hash, &record);
	assert_non_null(slot);
	assert_non_null(record);
	uint64_t from = cache_slot_location(*slot);
	uint64_t to = cache_disk_location(g->first + segment, offset);
	uint64_t order = cache_disk_order(store, g->first + segment);
	char *copy = mem_alloc(record->bytes);
	memcpy(copy, record, record->bytes);
	struct cache_record *header = (struct cache_record *)(void *)copy;
	header->checksum = cache_record_recheck(
	        record->checksum, from, cache_disk_place(to, order), store->seed);
	atomic_store(&header->memo, 0);
	off_t at = (off_t)(cache_disk_segment_at(g->segment_bytes, segment) + offset);
	assert_int_equal(pwrite(store->disk_fds[number], copy, record->bytes, at), record->bytes);
	mem_free(copy);
	cache_record_set_copy(record, to);
	cache_store_unlock(store);
	return to;
}

UNUSED static uint64_t hash_of(const struct cache_store *store, uint64_t number)
{
	struct key_text text;
	return key_of(store, &text, number).hash;
}

/* Has the object leave the memory for its copy. */
UNUSED static void send_away(struct disks *disks, uint64_t number)
{
	struct cache_store *store = disks->bench.store;
	uint64_t hash = hash_of(store, number);
	struct cache_record *record;
	cache_store_lock(store);
	_Atomic uint64_t *slot = cache_index_find(store, hash, &record);
	assert_non_null(record);
	cache_index_move(store, slot, cache_record_copy(record), 0,
	        (atomic_load(&record->flags) & CACHE_RECORD_IS_SOFT_PURGED) != 0);
	cache_store_unlock(store);
}

/* Recalls the object that a find has said is away. */
UNUSED static enum cache_recall recall_number(struct disks *disks, uint64_t number)
{
	struct cache_entry entry;
	assert_int_equal(find_number(disks->bench.reader, number, &entry), CACHE_FOUND_AWAY);
	struct cache_away away = cache_find_away(disks->bench.reader);
	return cache_recall(disks->bench.store, &away);
}
