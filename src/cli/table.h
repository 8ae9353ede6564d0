/*
 * Rows in columns, for people. Pure.
 */
#pragma once

#include "base/str.h"

enum { CLI_TABLE_COLUMNS = 8 };

/* All-zero is a table without a column. */
struct cli_table {
	struct text cells; /* one behind the other, each with a NUL */
	size_t columns, count;
	size_t widths[CLI_TABLE_COLUMNS];
};

/* The titles, up to NULL; at most CLI_TABLE_COLUMNS. */
void cli_table_begin(struct cli_table *table, const char *const *titles);

/* The next cell, from left to right; escaped here. */
void cli_table_add(struct cli_table *table, struct str cell);

/* Adds the table and frees what it has. */
void cli_table_end(struct cli_table *table, struct text *to);
