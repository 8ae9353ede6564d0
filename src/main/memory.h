/*
 * The memory of the cache: a memfd that whoever starts edges holds and hands to each of them, so
 * that what is cached outlives them. Here it is a descriptor and the form that was asked for; what
 * is in it is the cache's business (cache/memory.h). With it go the descriptors of the disks that
 * lie behind it (cache/disk.h): they are opened once, as whoever starts us, and stay locked until
 * the last process that has them ends.
 */
#pragma once

#include "cache/memory.h"
#include "main/settings.h"

struct memory {
	int fd; /* -1: there is none */
	/* cache_memory, as it was when this memory was made; 0 when there is none */
	uint64_t bytes;
	uint64_t objects;                                   /* cache_objects, likewise */
	struct cache_disk_options disks[LIMIT_CACHE_DISKS]; /* those that could be opened */
	unsigned disk_count;                                /* 0 when there is no memory */
};

#define MEMORY_NONE ((struct memory){.fd = -1})

/* Opens the disks that the settings name, for a memory that is none yet; none when they ask for no
 * memory. May take seconds. One that can't be opened is logged and left out. */
void memory_open_disks(struct memory *memory, const struct settings *settings);

/* Makes an empty memory of the form that the settings ask for, or, without any, of the form that it
 * has, in the place of what there was; the disks that are open stay. False when the machine
 * refuses: errno tells why, and then, as when there is to be no memory, it is none. */
MUST_CHECK bool memory_renew(struct memory *memory, const struct settings *settings);

/* Has nothing that is on the disks be found again by the next memory. */
void memory_erase_disks(struct memory *memory);

/* The form for the cache. */
struct cache_memory_options memory_options(const struct memory *memory);

/* Whether this version of us can use what is in it, as far as we can tell. */
bool memory_is_of_use(const struct memory *memory);

/* Closes our descriptors, and leaves none; the pages live on while another process has them. */
void memory_close(struct memory *memory);

/* Whether the descriptor can be one: it is a memfd. */
bool memory_is(int fd);

/* Warns of each setting that asks for another form than this memory has, since it is kept. */
void memory_warn_of_change(const struct memory *memory, const struct settings *settings);
