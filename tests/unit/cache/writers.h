/*
 * A memory with disks and their writers, for tests: short forms of writing all that waits, of
 * starting anew on the same files, and of looking for an object wherever it is. The calls that
 * write may be made to fail, or to do something first.
 */
#pragma once

#include "disks.h"

#include "cache/writer_private.h"

#include <errno.h>
#include <sys/stat.h>

/* Has a writer do all that can be done. */
UNUSED static void write_all(struct disks *disks, unsigned disk, bool is_ending)
{
	unsigned turns = 0;
	while (cache_writer_turn(disks->bench.store, disk, is_ending))
		assert_true(++turns < 100000);
}

UNUSED static enum cache_disk_state state_of_disk(struct disks *disks, unsigned disk)
{
	return (enum cache_disk_state)atomic_load(&disk_at(disks, disk)->state);
}

/* Fresh disks, and read: nothing was on them. */
UNUSED static void writers_init(struct disks *disks, unsigned count)
{
	disks_init(disks, count);
	for (unsigned i = 0; i < count; i++) {
		write_all(disks, i, false);
		assert_int_equal(state_of_disk(disks, i), CACHE_DISK_READY);
	}
}

/* The memory is lost as it is, and what is on the disks is read into another one. */
UNUSED static void start_anew(struct disks *disks)
{
	disks_stop(disks);
	disks_start(disks);
	for (unsigned i = 0; i < disks->options.disk_count; i++)
		write_all(disks, i, false);
}

/* What the memory has leads to its copies, as if it had been evicted. */
UNUSED static void send_all_away(struct disks *disks, uint64_t first, uint64_t end)
{
	struct cache_store *store = disks->bench.store;
	for (uint64_t number = first; number < end; number++) {
		struct cache_record *record;
		cache_store_lock(store);
		bool has_copy = cache_index_find(store, hash_of(store, number), &record) != NULL &&
		                record != NULL && cache_record_copy(record) != 0;
		cache_store_unlock(store);
		if (has_copy)
			send_away(disks, number);
	}
}

/* Whether the object is found, be it after a recall; then it is right. */
UNUSED static bool is_somewhere(struct disks *disks, uint64_t number)
{
	struct cache_entry entry;
	enum cache_found found = find_number(disks->bench.reader, number, &entry);
	for (int tries = 0; found == CACHE_FOUND_AWAY && tries < 100; tries++) {
		struct cache_away away = cache_find_away(disks->bench.reader);
		cache_reader_quiet(disks->bench.reader);
		enum cache_recall verdict = cache_recall(disks->bench.store, &away);
		if (verdict == CACHE_RECALL_GONE)
			return false;
		if (verdict == CACHE_RECALL_FULL)
			keep_all(disks->bench.store);
		found = find_number(disks->bench.reader, number, &entry);
	}
	bool is_found = found == CACHE_FOUND_OBJECT;
	if (is_found)
		assert_true(body_is_right(entry.body.at, entry.body.len, number));
	cache_reader_quiet(disks->bench.reader);
	return is_found;
}

/* The same, and that it is stale by a purge. */
UNUSED static bool is_soft_somewhere(struct disks *disks, uint64_t number)
{
	struct cache_entry entry;
	if (!is_somewhere(disks, number))
		return false;
	assert_int_equal(find_number(disks->bench.reader, number, &entry), CACHE_FOUND_OBJECT);
	cache_reader_quiet(disks->bench.reader);
	return entry.is_soft_purged;
}

UNUSED static uint64_t count_somewhere(struct disks *disks, uint64_t first, uint64_t end)
{
	uint64_t count = 0;
	for (uint64_t number = first; number < end; number++)
		count += is_somewhere(disks, number);
	return count;
}

UNUSED static struct cache_disk_numbers numbers_of_disk(struct disks *disks, unsigned disk)
{
	struct cache_disk_numbers numbers;
	cache_disk_numbers(disks->bench.store, disk, &numbers);
	return numbers;
}

UNUSED static void put_range(struct disks *disks, uint64_t first, uint64_t end, size_t len)
{
	for (uint64_t number = first; number < end; number++) {
		enum cache_put verdict = put_number(disks->bench.store, number, 1, len);
		if (verdict == CACHE_PUT_FULL) {
			keep_all(disks->bench.store);
			verdict = put_number(disks->bench.store, number, 1, len);
		}
		assert_int_equal(verdict, CACHE_PUT_DONE);
	}
}

UNUSED static void purge_number(struct disks *disks, uint64_t number, enum cache_purge how)
{
	struct key_text text;
	struct cache_key key = key_of(disks->bench.store, &text, number);
	cache_purge_url(disks->bench.store, &key, how);
}

/* A writer of disk 0 by hand; its table is the caller's to free. */
UNUSED static struct cache_disk_writer writer_of(struct disks *disks)
{
	struct cache_store *store = disks->bench.store;
	const struct cache_disk_geometry *g = &store->geometry.disks[0];
	return (struct cache_disk_writer){
	        .store = store,
	        .fd = store->disk_fds[0],
	        .shared = disk_at(disks, 0),
	        .first = g->first,
	        .segments = g->segments,
	        .segment_bytes = g->segment_bytes,
	        .open = CACHE_NO_SEGMENT,
	        .table = mem_zero(
	                g->segment_bytes / CACHE_GRANULE * sizeof(struct cache_disk_entry)),
	};
}

/* Changes a byte at this offset behind the beginning of the first segment; twice is not at all. */
UNUSED static void garble(struct disks *disks, uint32_t offset)
{
	char bytes[CACHE_GRANULE];
	off_t at = CACHE_DISK_DATA_AT + (off_t)offset;
	int fd = disks->options.disks[0].fd;
	assert_int_equal(pread(fd, bytes, sizeof(bytes), at), sizeof(bytes));
	bytes[offset / CACHE_GRANULE % CACHE_GRANULE] ^= 0x10;
	assert_int_equal(pwrite(fd, bytes, sizeof(bytes), at), sizeof(bytes));
}

/* ---- calls that fail ---- */

enum call_fault { CALL_NONE, CALL_ERROR, CALL_SHORT, CALL_TORN, CALL_INTERRUPTED };

/* What happens at the write (or sync) with this number, from 0. */
struct injection {
	enum call_fault kind;
	int error;
	unsigned at, count;
	void (*before)(void); /* at every write, when not NULL */
};

static struct injection injection;

/* A prefix of the parts, of half as many bytes. */
UNUSED static ssize_t write_half(int fd, const struct iovec *parts, int count, off_t at)
{
	size_t bytes = 0, done = 0;
	for (int i = 0; i < count; i++)
		bytes += parts[i].iov_len;
	bytes = bytes / 2 + 1;
	for (int i = 0; i < count && done < bytes; i++) {
		size_t len = parts[i].iov_len;
		if (len > bytes - done)
			len = bytes - done;
		if (len > 0)
			assert_int_equal(pwrite(fd, parts[i].iov_base, len, at + (off_t)done), len);
		done += len;
	}
	return (ssize_t)done;
}

UNUSED static ssize_t write_with_fault(int fd, const struct iovec *parts, int count, off_t at)
{
	if (injection.before != NULL)
		injection.before();
	if (injection.count++ == injection.at) {
		switch (injection.kind) {
		case CALL_NONE:
			break;
		case CALL_TORN:
			write_half(fd, parts, count, at);
			errno = injection.error;
			return -1;
		case CALL_ERROR:
			errno = injection.error;
			return -1;
		case CALL_INTERRUPTED:
			errno = EINTR;
			return -1;
		case CALL_SHORT:
			return write_half(fd, parts, count, at);
		}
	}
	return pwritev(fd, parts, count, at);
}

UNUSED static int sync_with_fault(int fd)
{
	(void)fd;
	if (injection.count++ != injection.at || injection.kind != CALL_ERROR)
		return 0;
	errno = injection.error;
	return -1;
}

UNUSED static void inject(struct injection what)
{
	injection = what;
	cache_writer_calls.write = write_with_fault;
	cache_writer_calls.sync = sync_with_fault;
}

UNUSED static void inject_nothing(void)
{
	cache_writer_calls.write = pwritev;
	cache_writer_calls.sync = fdatasync;
}
