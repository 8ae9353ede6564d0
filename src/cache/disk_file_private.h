/*
 * The header of a disk's file, as it is read and written by who makes a memory.
 */
#pragma once

#include "cache/disk_format.h"

/* False when there is no sound one, or it can't be read. */
MUST_CHECK bool cache_disk_file_read_header(int fd, struct cache_disk_header *ret_header);

/* Writes and syncs it; false with errno. */
MUST_CHECK bool cache_disk_file_write_header(int fd, const struct cache_disk_header *header);

/* Overwrites it, so that the next memory begins the disk anew; as far as that can be done. */
void cache_disk_file_wipe(int fd);
