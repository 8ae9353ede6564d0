/*
 * How a name is recognised: its length, first and last letter choose one of 256 slots, and the one
 * name that may stand there is compared. No two known names share a slot: they would initialise one
 * element of `slots` twice, which is an error. Then change the factors in SLOT.
 */
#include "http/name.h"

#include "http/scan_private.h"

#define SLOT(length, first, last)                                                                  \
	((uint8_t)((unsigned)(length)*7 + (unsigned)(first)*16 + (unsigned)(last)*8))

/* The id of the name in each slot and 1, or 0. */
static const uint8_t slots[256] = {
#define HTTP_NAME(id, text, first, last) [SLOT(sizeof(text) - 1, first, last)] = HTTP_NAME_##id + 1,
#include "http/name.def"
#undef HTTP_NAME
};

static const struct {
	char text[HTTP_NAME_BYTES];
	uint8_t length;
} names[] = {
#define HTTP_NAME(id, text, first, last) [HTTP_NAME_##id] = {text, sizeof(text) - 1},
#include "http/name.def"
#undef HTTP_NAME
};

#define HTTP_NAME(id, text, first, last)                                                           \
	_Static_assert(sizeof(text) <= HTTP_NAME_BYTES, #id " needs more room in the table");
#include "http/name.def"
#undef HTTP_NAME

static inline uint64_t word_at(const char *at)
{
	uint64_t word;
	memcpy(&word, at, sizeof(word));
	return word;
}

/* Whether eight bytes are those of a known name, but for case. Of the bytes in known names letters,
 * and only they, have the bit 0x40; they may differ in the bit 0x20. */
static inline bool is_same_word(const char *at, const char *known)
{
	uint64_t word = word_at(known);
	uint64_t may_differ = (word & 0x4040404040404040) >> 1;
	return ((word_at(at) ^ word) & ~may_differ) == 0;
}

/* Compares `length` bytes, words first, the last word overlapping the one before. */
static inline bool is_same(const char *at, const char *known, size_t length)
{
	if (length < 8) {
		for (size_t i = 0; i < length; i++) {
			if (str_lower(at[i]) != str_lower(known[i]))
				return false;
		}
		return true;
	}
	for (size_t i = 0; i + 8 < length; i += 8) {
		if (!is_same_word(at + i, known + i))
			return false;
	}
	return is_same_word(at + length - 8, known + length - 8);
}

enum http_name http_name_of(struct str name)
{
	if (name.len == 0)
		return HTTP_NAME_OTHER;
	/* Or-ing the bit maps some bytes that are no letters too; the comparison tells. */
	unsigned first = (unsigned char)name.at[0] | 0x20;
	unsigned last = (unsigned char)name.at[name.len - 1] | 0x20;
	unsigned slot = slots[SLOT(name.len, first, last)];
	if (slot == 0)
		return HTTP_NAME_OTHER;
	enum http_name id = (enum http_name)(slot - 1);
	if (names[id].length != name.len || !is_same(name.at, names[id].text, name.len))
		return HTTP_NAME_OTHER;
	return id;
}

bool http_name_is_valid(struct str text)
{
	return text.len > 0 && http_scan_token(text) == text.len;
}

struct str http_name_text(enum http_name id)
{
	CHECK(id < HTTP_NAME_OTHER);
	return str_make(names[id].text, names[id].length);
}
