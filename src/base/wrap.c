/*
 * Greedy: a word that would cross the right edge begins a new line.
 */
#include "base/wrap.h"

enum { COLUMNS = 80, INDENT = 8 };

void wrap_add(struct text *to, const char *words)
{
	struct str rest = str_of(words);
	size_t column = 0;
	while (rest.at != NULL) {
		struct str word = str_cut(&rest, ' ');
		if (column != 0 && column + 1 + word.len > COLUMNS) {
			text_add_char(to, '\n');
			column = 0;
		}
		if (column == 0) {
			text_addf(to, "%*s", INDENT, "");
			column = INDENT;
		} else {
			text_add_char(to, ' ');
			column++;
		}
		for (size_t i = 0; i < word.len; i++) {
			if (word.at[i] == '`')
				continue;
			text_add_char(to, word.at[i]);
			column++;
		}
	}
	text_add_char(to, '\n');
}
