/*
 * Texts of others on an operator's terminal: what would move its cursor, colour it, or turn the
 * direction of writing is shown as what it is. Pure.
 */
#pragma once

#include "base/str.h"

/* Adds the text as one line: control characters, what turns the direction of writing, and bytes
 * that are no UTF-8 become "\x1b" or "\u202e". */
void cli_escape_add(struct text *to, struct str text);

/* The same, but line feeds and tabs stay. */
void cli_escape_add_lines(struct text *to, struct str text);

/* JSON, in which such characters stand in strings only: it stays equal JSON. */
void cli_escape_add_json(struct text *to, struct str json);

/* How many columns a text takes that was escaped, roughly: one for each character. */
size_t cli_escape_columns(struct str text);
