/*
 * Cells are kept until all are there, because the widest says how wide its column is. The last
 * column is not padded.
 */
#include "cli/table.h"

#include "cli/escape.h"

enum { GAP = 2 };

static void add_cell(struct cli_table *table, struct str cell)
{
	size_t start = table->cells.len;
	CHECK(table->columns > 0);
	if (cell.len == 0)
		text_add_char(&table->cells, '-');
	else
		cli_escape_add(&table->cells, cell);
	size_t width =
	        cli_escape_columns(str_make(table->cells.at + start, table->cells.len - start));
	size_t *widest = &table->widths[table->count++ % table->columns];
	*widest = width > *widest ? width : *widest;
	text_add_char(&table->cells, '\0');
}

void cli_table_begin(struct cli_table *table, const char *const *titles)
{
	*table = (struct cli_table){0};
	while (titles[table->columns] != NULL)
		table->columns++;
	CHECK(table->columns <= CLI_TABLE_COLUMNS);
	for (size_t i = 0; i < table->columns; i++)
		add_cell(table, str_of(titles[i]));
}

void cli_table_add(struct cli_table *table, struct str cell)
{
	add_cell(table, cell);
}

void cli_table_end(struct cli_table *table, struct text *to)
{
	const char *at = table->cells.at;
	CHECK(table->count % table->columns == 0);
	for (size_t i = 0; i < table->count; i++) {
		size_t column = i % table->columns;
		struct str cell = str_of(at);
		text_add(to, cell);
		if (column + 1 == table->columns)
			text_add_char(to, '\n');
		else
			text_addf(to, "%*s",
			        (int)(table->widths[column] - cli_escape_columns(cell) + GAP), "");
		at += cell.len + 1;
	}
	text_done(&table->cells);
	*table = (struct cli_table){0};
}
