/*
 * Prose for a terminal.
 */
#pragma once

#include "base/str.h"

/* Adds the words as lines of at most 80 columns, indented by eight; backquotes are left out. */
void wrap_add(struct text *to, const char *words);
