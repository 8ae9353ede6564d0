/*
 * A folder for one test's files, and what is done to them.
 */
#pragma once

#include "base/str.h"
#include "link/journal.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

struct scratch {
	char folder[64];
	char file[80], journal[80]; /* paths in it; nothing is there yet */
	struct link_journal place;  /* of the journal */
};

static inline void scratch_init(struct scratch *scratch)
{
	snprintf(scratch->folder, sizeof(scratch->folder), "/tmp/headwater-test-XXXXXX");
	CHECK(mkdtemp(scratch->folder) != NULL);
	snprintf(scratch->file, sizeof(scratch->file), "%s/domains.yaml", scratch->folder);
	snprintf(scratch->journal, sizeof(scratch->journal), "%s/journal", scratch->folder);
	scratch->place = (struct link_journal){.path = scratch->journal, .fd = -1};
}

static inline void scratch_done(struct scratch *scratch)
{
	unlink(scratch->file);
	unlink(scratch->journal);
	CHECK(rmdir(scratch->folder) == 0);
}

/* Writes a file in place. */
static inline void scratch_write(const char *path, struct str text)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	CHECK(fd >= 0 && write(fd, text.at, text.len) == (ssize_t)text.len);
	close(fd);
}

/* Opens it for writing and closes it, with a new time, as touch(1) does. */
static inline void scratch_touch(const char *path)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	struct timespec times[2] = {{.tv_nsec = UTIME_OMIT}, {.tv_nsec = UTIME_NOW}};
	struct timespec wait = {.tv_nsec = 20000000}; /* the clock of files is coarse */
	nanosleep(&wait, NULL);
	CHECK(fd >= 0 && futimens(fd, times) == 0);
	close(fd);
}
