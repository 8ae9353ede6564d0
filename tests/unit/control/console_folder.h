/*
 * A folder of a console for tests.
 */
#pragma once

#include "base/str.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

struct folder {
	char path[64];
};

static inline void folder_init(struct folder *folder)
{
	snprintf(folder->path, sizeof(folder->path), "/tmp/headwater-console-XXXXXX");
	assert_non_null(mkdtemp(folder->path));
}

static inline void folder_done(const struct folder *folder)
{
	char command[128];
	snprintf(command, sizeof(command), "rm -r %s", folder->path);
	assert_int_equal(system(command), 0);
}

/* The path of a name in it; good until the next call. */
static inline const char *folder_at(const struct folder *folder, const char *name)
{
	static char path[512];
	snprintf(path, sizeof(path), "%s/%s", folder->path, name);
	return path;
}

static inline void folder_make(const struct folder *folder, const char *name)
{
	assert_int_equal(mkdir(folder_at(folder, name), 0755), 0);
}

/* A file of `size` bytes, the first of them those of the text, the others spaces. */
static inline void folder_write(
        const struct folder *folder, const char *name, const char *text, size_t size)
{
	FILE *file = fopen(folder_at(folder, name), "w");
	assert_non_null(file);
	assert_true(fprintf(file, "%-*s", (int)size, text) >= (int)size);
	assert_int_equal(fclose(file), 0);
}

/* A small console, some of it compressed. */
static inline void folder_fill(const struct folder *folder)
{
	folder_write(folder, "index.html", "<!doctype html>", 0);
	folder_write(folder, "favicon.svg", "<svg/>", 0);
	folder_make(folder, "assets");
	folder_write(folder, "assets/main-1.js", "main()", 0);
	folder_write(folder, "assets/main-1.js.gz", "gz", 0);
	folder_write(folder, "assets/main-1.js.br", "br!", 0);
	folder_write(folder, "assets/main-1.css", "a{}", 0);
	folder_write(folder, "assets/main-1.css.gz", "cgz", 0);
}
