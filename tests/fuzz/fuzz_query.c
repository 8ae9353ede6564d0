/* fuzz: control - what is read of a query is known, each name once, and reads again from its
 * escapes; what is decoded has no control bytes and is no longer than it was */
#include "control/query.h"

#include "base/check.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char ALLOWED[] = "search limit after dry_run? prune?";

static void check_text(struct str text)
{
	CHECK(text.at != NULL && text.at[text.len] == '\0');
	for (size_t i = 0; i < text.len; i++)
		CHECK((unsigned char)text.at[i] >= ' ' && text.at[i] != 0x7f);
}

/* Every byte as an escape. */
static void add_escaped(struct str text, struct text *to)
{
	for (size_t i = 0; i < text.len; i++)
		text_addf(to, "%%%02x", (unsigned char)text.at[i]);
}

static void check_again(struct arena *arena, const struct control_query *query)
{
	struct text text = {0};
	struct control_query again;
	struct str why;
	for (unsigned i = 0; i < query->count; i++) {
		add_escaped(query->list[i].name, &text);
		text_add_char(&text, '=');
		add_escaped(query->list[i].value, &text);
		text_add_char(&text, '&');
	}
	CHECK(control_query_read(arena, text_str(&text), ALLOWED, &again, &why));
	CHECK(again.count == query->count);
	for (unsigned i = 0; i < query->count; i++) {
		CHECK(str_is_equal(again.list[i].name, query->list[i].name));
		CHECK(str_is_equal(again.list[i].value, query->list[i].value));
		CHECK(str_is_equal(
		        control_query_get(query, query->list[i].name.at), query->list[i].value));
	}
	for (unsigned i = 0; i < query->count; i++)
		CHECK(str_find(query->list[i].name, '?') < 0);
	CHECK(control_query_is_on(&again, "dry_run") == control_query_is_on(query, "dry_run"));
	text_done(&text);
}

static void check_decoding(struct arena *arena, struct str text, enum control_query_part part)
{
	struct str decoded;
	if (!control_query_decode(arena, text, part, &decoded))
		return;
	check_text(decoded);
	CHECK(decoded.len <= text.len);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str text = str_make((const char *)data, size), why = STR_EMPTY;
	struct control_query query;
	struct arena arena;
	arena_init(&arena, NULL, 0);
	check_decoding(&arena, text, CONTROL_QUERY_SEGMENT);
	check_decoding(&arena, text, CONTROL_QUERY_PAIR);
	if (control_query_read(&arena, text, ALLOWED, &query, &why)) {
		for (unsigned i = 0; i < query.count; i++) {
			check_text(query.list[i].name);
			check_text(query.list[i].value);
		}
		check_again(&arena, &query);
	} else {
		CHECK(why.len > 0);
	}
	arena_reset(&arena);
	return 0;
}
