/*
 * The distance of Damerau and Levenshtein in its restricted form (no letter is edited twice), by
 * three rows of the usual table.
 */
#include "model/suggest.h"

#include <limits.h>

enum { LENGTH_MAX = 48 };

static unsigned min_of(unsigned a, unsigned b)
{
	return a < b ? a : b;
}

unsigned model_suggest_distance(struct str a, struct str b)
{
	if (a.len > LENGTH_MAX || b.len > LENGTH_MAX)
		return UINT_MAX;
	unsigned rows[3][LENGTH_MAX + 1];
	for (unsigned j = 0; j <= b.len; j++)
		rows[0][j] = j;
	for (unsigned i = 1; i <= a.len; i++) {
		unsigned *row = rows[i % 3];
		const unsigned *above = rows[(i - 1) % 3];
		row[0] = i;
		for (unsigned j = 1; j <= b.len; j++) {
			bool is_same = str_lower(a.at[i - 1]) == str_lower(b.at[j - 1]);
			row[j] = min_of(above[j - 1] + !is_same, min_of(above[j], row[j - 1]) + 1);
			if (i > 1 && j > 1 && a.at[i - 1] == b.at[j - 2] &&
			        a.at[i - 2] == b.at[j - 1])
				row[j] = min_of(row[j], rows[(i - 2) % 3][j - 2] + 1);
		}
	}
	return rows[a.len % 3][b.len];
}

unsigned model_suggest_limit(struct str name)
{
	return name.len < 4 ? 2 : 2 + (unsigned)name.len / 4;
}
