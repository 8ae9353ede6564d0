/*
 * A growing list of words, each a text of its own: arguments of a program, the items of a setting.
 */
#pragma once

#include "base/str.h"

/* All-zero is the empty list; once it has a word, `list` ends with NULL. */
struct words {
	char **list;
	unsigned count;
};

/* Adds a copy. */
void words_add(struct words *words, struct str word);

/* Adds `flag=value`: as one word it is that flag's, whatever the value begins with. */
void words_add_flag(struct words *words, struct str flag, struct str value);

/* Frees; leaves the empty list. */
void words_done(struct words *words);

bool words_is_equal(const struct words *a, const struct words *b);
