/*
 * The files of the console as a build left them in a folder: read into memory as a whole, and the
 * same for as long as somebody has them. Nothing is served from the folder itself, so that what is
 * served is of one build, and no name that somebody asks for is ever one of the file system.
 */
#pragma once

#include "base/str.h"

#include <stdint.h>

enum control_console_coding {
	CONTROL_CONSOLE_IDENTITY,
	CONTROL_CONSOLE_GZIP,
	CONTROL_CONSOLE_BROTLI,
	CONTROL_CONSOLE_CODINGS
};

enum { CONTROL_CONSOLE_TAG_BYTES = 35 };

/* A file, or what is compressed of one. */
struct control_console_file {
	char *path;        /* "/assets/main-1a2b3c4d.js" */
	const char *media; /* NULL: of what is compressed */
	struct text bytes;
	char tag[CONTROL_CONSOLE_TAG_BYTES]; /* a strong entity tag, of the bytes */
	/* The same in each coding; NULL: it is not there. */
	const struct control_console_file *forms[CONTROL_CONSOLE_CODINGS];
};

struct control_console_files;

/* How a folder looks from outside; another build is another look. */
struct control_console_look {
	struct {
		uint64_t device, inode, size, seconds, nanoseconds;
	} of[3]; /* its index, itself, its folder of assets */
};

/* False, with errno, when there is no index to look at. It blocks. */
MUST_CHECK bool control_console_files_look(const char *folder, struct control_console_look *ret);

/* Reads a folder; NULL with a sentence (without its full stop) when there is no index.html, or more
 * than the limits allow. Links are not followed, and what has a name or a type that the console has
 * none of is left out. It blocks. */
struct control_console_files *control_console_files_read(const char *folder, struct text *ret_why);

struct control_console_files *control_console_files_ref(struct control_console_files *files);

/* Any thread. NULL is fine. */
void control_console_files_unref(struct control_console_files *files);

/* The file of a path as it was asked for; NULL: there is none. */
const struct control_console_file *control_console_files_find(
        const struct control_console_files *files, struct str path);

/* Whether the name has an extension that files of the console have. */
bool control_console_files_is_name(struct str name);

/* What there is: files that can be asked for, and their bytes with all that is compressed; how many
 * were left out. */
struct control_console_sum {
	size_t files, bytes, left_out;
};
struct control_console_sum control_console_files_sum(const struct control_console_files *files);
