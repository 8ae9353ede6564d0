/*
 * What the floors of hits share: the objects, the requests for them, the heads of responses.
 * Everything is one thread's, and lives as long as the program.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

enum {
	FLOOR_COPY_MAX = 4096,   /* the largest body that is copied behind its head */
	FLOOR_WRITE_MAX = 16384, /* the largest one that lies in no memfd */
	FLOOR_HEAD_MAX = 512,    /* of a response */
};

struct floor_object {
	uint64_t hash;
	size_t key_bytes, head_bytes, body_bytes;
	char key[128];  /* host and path */
	char head[256]; /* the part that never changes */
	const char *body;
	int fd; /* the memfd where the body lies; -1 for a small one */
	time_t stored_s;
};

/* Says what went wrong, by errno, and ends the program. */
_Noreturn void floor_die(const char *what);

/* Takes a folder's files as http://HOST/hit/NAME, and adds so many others that the table of them
 * has a believable size. */
void floor_load(const char *host, const char *folder);

/* The object that a whole head asks for; NULL for whatever is no GET of one. *ret_is_last: the
 * client wants the connection to be closed. */
const struct floor_object *floor_parse(const char *at, const char *end, bool *ret_is_last);

/* To be called when the program has waited: heads tell the time of it. */
void floor_note_time(void);

/* Writes the head of a response, of at most FLOOR_HEAD_MAX bytes; returns its end. */
char *floor_head(char *to, const struct floor_object *object);

/* A listening socket on 127.0.0.1; `flags` are those of socket(2). */
int floor_listen(const char *port, int flags);
