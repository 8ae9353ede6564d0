/*
 * The cache makes its memory (cache/memory.h) and opens its disks (cache/disk.h); here they are
 * descriptors and the form that they have.
 */
#include "main/memory.h"

#include "base/log.h"
#include "base/mem.h"
#include "cache/disk.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct cache_memory_options memory_options(const struct memory *memory)
{
	struct cache_memory_options options = {
	        .bytes = memory->bytes,
	        .objects = memory->objects,
	        .disk_count = memory->disk_count,
	};
	for (unsigned i = 0; i < memory->disk_count; i++)
		options.disks[i] = memory->disks[i];
	return options;
}

bool memory_is_of_use(const struct memory *memory)
{
	const struct cache_memory_options options = memory_options(memory);
	const enum cache_attach verdict = cache_memory_check(memory->fd, &options);
	return verdict != CACHE_ATTACH_LAYOUT && verdict != CACHE_ATTACH_GEOMETRY;
}

void memory_open_disks(struct memory *memory, const struct settings *settings)
{
	const struct words *disks = &settings->cache_disks;
	CHECK(memory->fd < 0 && memory->disk_count == 0);
	for (unsigned i = 0; settings->cache_memory != 0 && i < disks->count; i++) {
		struct settings_disk disk;
		int fd = -1;
		CHECK(settings_read_disk(str_of(disks->list[i]), &disk));
		CHECK(memory->disk_count < LIMIT_CACHE_DISKS);
		char *path = mem_copy(disk.path.at, disk.path.len);
		enum cache_disk_open verdict = cache_disk_open(path, disk.bytes, &fd);
		if (verdict == CACHE_DISK_OPEN_DONE)
			memory->disks[memory->disk_count++] =
			        (struct cache_disk_options){.fd = fd, .bytes = disk.bytes};
		else
			log_error("the cache goes on without its disk %s: %s", path,
			        verdict == CACHE_DISK_OPEN_SYSTEM ? strerror(errno)
			                                          : cache_disk_open_words(verdict));
		mem_free(path);
	}
}

static void close_disks(struct memory *memory)
{
	for (unsigned i = 0; i < memory->disk_count; i++)
		close(memory->disks[i].fd);
	memory->disk_count = 0;
}

void memory_erase_disks(struct memory *memory)
{
	for (unsigned i = 0; i < memory->disk_count; i++) {
		if (!cache_disk_erase(memory->disks[i].fd))
			log_error("a disk of the cache can't be erased: %s", strerror(errno));
	}
}

bool memory_renew(struct memory *memory, const struct settings *settings)
{
	if (settings != NULL) {
		memory->bytes = settings->cache_memory;
		memory->objects = settings->cache_objects;
	}
	if (memory->bytes == 0) {
		memory_close(memory);
		return true;
	}
	const struct cache_memory_options options = memory_options(memory);
	int fd = cache_memory_make(&options);
	if (fd < 0) {
		int error = errno;
		memory_close(memory);
		errno = error;
		return false;
	}
	if (memory->fd >= 0)
		close(memory->fd);
	memory->fd = fd;
	return true;
}

void memory_close(struct memory *memory)
{
	if (memory->fd >= 0)
		close(memory->fd);
	close_disks(memory);
	*memory = MEMORY_NONE;
}

bool memory_is(int fd)
{
	return fcntl(fd, F_GET_SEALS) >= 0;
}

/* Whether the descriptor is of the file, or device, with this path. */
static bool is_file(int fd, struct str path)
{
	struct stat one, other;
	char *name = mem_copy(path.at, path.len);
	bool is = fstat(fd, &one) == 0 && stat(name, &other) == 0 &&
	          (one.st_mode & S_IFMT) == (other.st_mode & S_IFMT);
	mem_free(name);
	if (is && S_ISBLK(one.st_mode))
		return one.st_rdev == other.st_rdev;
	return is && one.st_dev == other.st_dev && one.st_ino == other.st_ino;
}

/* Whether the disks are those that the settings name. */
static bool has_disks_of(const struct memory *memory, const struct settings *settings)
{
	if (memory->disk_count != settings->cache_disks.count)
		return false;
	for (unsigned i = 0; i < memory->disk_count; i++) {
		struct settings_disk disk;
		CHECK(settings_read_disk(str_of(settings->cache_disks.list[i]), &disk));
		if (disk.bytes != memory->disks[i].bytes ||
		        !is_file(memory->disks[i].fd, disk.path))
			return false;
	}
	return true;
}

void memory_warn_of_change(const struct memory *memory, const struct settings *settings)
{
	if (settings->cache_memory != memory->bytes)
		log_warning("a new value of cache_memory takes a restart");
	if (settings->cache_objects != memory->objects)
		log_warning("a new value of cache_objects takes a restart");
	if (!has_disks_of(memory, settings))
		log_warning("cache_disks are not the disks that are in use; that takes a restart");
}
