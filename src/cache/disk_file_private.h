/*
 * The header of a disk's file. Any thread; blocks on the disk.
 */
#pragma once

#include "cache/disk_format.h"

/* The header, checked. False when there is none that is sound (errno 0), or it can't be read. */
MUST_CHECK bool cache_disk_file_read_header(int fd, struct cache_disk_header *ret_header);

/* Writes a sealed header, and waits until it is durable; false with errno. */
MUST_CHECK bool cache_disk_file_write_header(int fd, const struct cache_disk_header *header);

/* Makes the file one that nothing is on, durably: the header is overwritten with zeroes. False with
 * errno, where the disk no longer takes even that. */
bool cache_disk_file_wipe(int fd);
