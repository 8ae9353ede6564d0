/*
 * The cache makes its memory (cache/memory.h); here it is a descriptor and the form that it has.
 */
#include "main/memory.h"

#include "base/log.h"
#include "cache/memory.h"

#include <fcntl.h>
#include <unistd.h>

bool memory_open_like(const struct memory *other, struct memory *ret_memory)
{
	const struct cache_memory_options options = {
	        .bytes = other->bytes,
	        .objects = other->objects,
	};
	*ret_memory = MEMORY_NONE;
	if (other->bytes == 0)
		return true;
	int fd = cache_memory_make(&options);
	if (fd < 0)
		return false;
	*ret_memory = (struct memory){.fd = fd, .bytes = other->bytes, .objects = other->objects};
	return true;
}

bool memory_is_of_use(const struct memory *memory)
{
	const struct cache_memory_options options = {
	        .bytes = memory->bytes,
	        .objects = memory->objects,
	};
	return cache_memory_check(memory->fd, &options) == CACHE_ATTACH_DONE;
}

bool memory_open(const struct settings *settings, struct memory *ret_memory)
{
	const struct memory asked = {
	        .fd = -1,
	        .bytes = settings->cache_memory,
	        .objects = settings->cache_objects,
	};
	return memory_open_like(&asked, ret_memory);
}

void memory_close(struct memory *memory)
{
	if (memory->fd >= 0)
		close(memory->fd);
	*memory = MEMORY_NONE;
}

bool memory_is(int fd)
{
	return fcntl(fd, F_GET_SEALS) >= 0;
}

void memory_warn_of_change(const struct memory *memory, const struct settings *settings)
{
	if (settings->cache_memory != memory->bytes)
		log_warning("a new value of cache_memory takes a restart");
	if (settings->cache_objects != memory->objects)
		log_warning("a new value of cache_objects takes a restart");
}
