/*
 * The memory of the cache: a memfd that whoever starts edges holds and hands to each of them, so
 * that what is cached outlives them. Here it is a descriptor and the form that was asked for; what
 * is in it is the cache's business (cache/memory.h).
 */
#pragma once

#include "main/settings.h"

struct memory {
	int fd; /* -1: there is none */
	uint64_t
	        bytes; /* cache_memory, as it was when this memory was made; 0 when there is none */
	uint64_t objects; /* cache_objects, likewise */
};

#define MEMORY_NONE ((struct memory){.fd = -1})

/* Makes an empty memory of the form that the settings ask for; none when they ask for none. False
 * when the machine refuses: errno tells why, and *ret_memory is none. */
MUST_CHECK bool memory_open(const struct settings *settings, struct memory *ret_memory);

/* The same of the form that another one has, which may be none. */
MUST_CHECK bool memory_open_like(const struct memory *other, struct memory *ret_memory);

/* Whether this version of us can use what is in it. */
bool memory_is_of_use(const struct memory *memory);

/* Closes our descriptor, and leaves none; the pages live on while another process has them. */
void memory_close(struct memory *memory);

/* Whether the descriptor can be one: it is a memfd. */
bool memory_is(int fd);

/* Warns of each setting that asks for another form than this memory has, since it is kept. */
void memory_warn_of_change(const struct memory *memory, const struct settings *settings);
