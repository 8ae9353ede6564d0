/*
 * Files off the loop: reads, writes and calls that may wait for a disk run on a small pool of
 * threads, and their ends come back as messages. For the whole process; any loop may use it.
 */
#pragma once

#include "base/check.h"
#include "base/str.h"
#include "net/loop.h"

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct disk;

enum disk_verb { DISK_READ, DISK_WRITE, DISK_CALL };

/* One operation; embedded in its owner, who keeps it and the memory alive until on_done. There is
 * no cancel: wait for it. */
struct disk_operation {
	/* set by the caller */
	enum disk_verb verb;
	int fd; /* this and the next three: of READ and WRITE */
	void *bytes;
	size_t size;
	off_t offset;
	void (*call)(struct disk_operation *self); /* of CALL: runs on a thread of the pool */
	void (*on_done)(struct disk_operation *self);
	/* the outcome: bytes moved (all of them, but at the end of a file), or -errno; of CALL what
	 * `call` has put there */
	ssize_t result;
	/* the pool's own */
	struct disk_operation *next;
	struct loop *loop;
	struct loop_message message;
};

/* A pool of `threads` threads. */
struct disk *disk_new(unsigned threads);

/* Waits for what runs, then ends the threads. */
void disk_free(struct disk *disk);

/* Queues the operation; on_done is called on `loop`'s thread. */
void disk_submit(struct disk *disk, struct loop *loop, struct disk_operation *operation);

/* A nameless file in `folder` (O_TMPFILE, or one that is unlinked at once), or -1 with errno. It
 * may block for a moment; the folder should be local. */
int disk_open_nameless(const char *folder);

/* Adds what a file or a pipe has up to its end; false with errno, which is EFBIG where that is more
 * than `size_max` bytes in all. Blocks. */
MUST_CHECK bool disk_read_whole(int fd, size_t size_max, struct text *content);

/* Makes durable which files the folder of `path` has (a new name, a rename); false with errno.
 * Blocks. */
MUST_CHECK bool disk_flush_folder_of(const char *path);
