/*
 * The array grows by one: these lists are short, and made once.
 */
#include "main/words.h"

#include "base/mem.h"

void words_add(struct words *words, struct str word)
{
	words->list = mem_resize(words->list, (words->count + 2) * sizeof(*words->list));
	words->list[words->count++] = mem_copy(word.at, word.len);
	words->list[words->count] = NULL;
}

void words_add_flag(struct words *words, struct str flag, struct str value)
{
	struct text word = {0};
	text_addf(&word, "%.*s=%.*s", STR_ARG(flag), STR_ARG(value));
	words_add(words, text_str(&word));
	text_done(&word);
}

void words_done(struct words *words)
{
	for (unsigned i = 0; i < words->count; i++)
		mem_free(words->list[i]);
	mem_free(words->list);
	*words = (struct words){0};
}

bool words_is_equal(const struct words *a, const struct words *b)
{
	if (a->count != b->count)
		return false;
	for (unsigned i = 0; i < a->count; i++) {
		if (strcmp(a->list[i], b->list[i]) != 0)
			return false;
	}
	return true;
}
