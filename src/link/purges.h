/*
 * The purges that the control plane's end of the link still has, by their numbers: those that edges
 * may have missed. What is too much goes from the lower end. Pure.
 */
#pragma once

#include "base/str.h"

#include <stdint.h>

struct link_purges_entry {
	char *line; /* a purge as link/command.h prints it; NULL: it has not come yet */
	size_t len;
	uint64_t revision; /* whoever purges has this one first */
};

/* Begins with link_purges_init. */
struct link_purges {
	uint64_t first; /* the lowest number that is there, or would be: at least 1 */
	uint64_t last;  /* it and all from `first` on are there; first - 1: none is */
	struct link_purges_entry *list;
	size_t begin, end, cap; /* list[begin] has the number `first` */
	size_t bytes;           /* of all lines */
};

void link_purges_init(struct link_purges *purges);
void link_purges_done(struct link_purges *purges);

/* Adds one, also when one of a lower number has not come yet: threads of a pool may bring them in
 * another order. One that is there or was dropped is left out. The line is copied without its line
 * feed. Past LIMIT_LINK_PURGES_BYTES the lowest numbers go. */
void link_purges_add(
        struct link_purges *purges, uint64_t number, uint64_t revision, struct str line);

/* Drops all with a lower number. */
void link_purges_drop_below(struct link_purges *purges, uint64_t number);

/* The one with the number; NULL when it has not come yet, or is there no more. */
const struct link_purges_entry *link_purges_get(const struct link_purges *purges, uint64_t number);
