/*
 * What a function writes to standard output or standard error, as a text.
 */
#pragma once

#include "base/str.h"

#include <stdio.h>
#include <unistd.h>

struct spoken {
	int fd, own; /* the descriptor that is listened to, and its own file meanwhile */
	FILE *file;
	struct text text; /* after spoken_end */
};

/* `fd` is STDOUT_FILENO or STDERR_FILENO. */
static inline void spoken_begin(struct spoken *spoken, int fd)
{
	fflush(NULL);
	*spoken = (struct spoken){.fd = fd, .own = dup(fd), .file = tmpfile()};
	CHECK(spoken->own >= 0 && spoken->file != NULL);
	CHECK(dup2(fileno(spoken->file), fd) == fd);
}

/* Gives the descriptor back; the text is freed with text_done. */
static inline void spoken_end(struct spoken *spoken)
{
	char part[4096];
	size_t count;
	fflush(NULL);
	CHECK(dup2(spoken->own, spoken->fd) == spoken->fd);
	close(spoken->own);
	rewind(spoken->file);
	while ((count = fread(part, 1, sizeof(part), spoken->file)) > 0)
		text_add(&spoken->text, str_make(part, count));
	fclose(spoken->file);
}
