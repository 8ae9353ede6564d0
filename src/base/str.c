/*
 * Strings, the readers of numbers, and growing texts.
 *
 * The readers of numbers are strict: they take all of their input or refuse it, and never wrap
 * around.
 */
#include "base/str.h"

#include "base/mem.h"

#include <stdio.h>

struct str str_of(const char *text)
{
	return text == NULL ? STR_EMPTY : str_make(text, strlen(text));
}

/* Eight bytes with their letters in lower case: of each the highest bit of `upper` is set where it
 * is from 'A' to 'Z', and that bit, moved, is what the two cases differ by. */
static uint64_t lower_word(const char *at)
{
	uint64_t word;
	memcpy(&word, at, sizeof(word));
	uint64_t low = word & 0x7f7f7f7f7f7f7f7f;
	uint64_t from_a = low + 0x3f3f3f3f3f3f3f3f, past_z = low + 0x2525252525252525;
	uint64_t upper = from_a & ~past_z & ~word & 0x8080808080808080;
	return word | upper >> 2;
}

bool str_is_equal_nocase(struct str a, struct str b)
{
	if (a.len != b.len)
		return false;
	size_t i = 0;
	for (; i + 8 <= a.len; i += 8) {
		if (lower_word(a.at + i) != lower_word(b.at + i))
			return false;
	}
	for (; i < a.len; i++) {
		if (str_lower(a.at[i]) != str_lower(b.at[i]))
			return false;
	}
	return true;
}

void str_copy_lower(char *to, struct str s)
{
	size_t i = 0;
	for (; i + 8 <= s.len; i += 8) {
		uint64_t word = lower_word(s.at + i);
		memcpy(to + i, &word, sizeof(word));
	}
	for (; i < s.len; i++)
		to[i] = str_lower(s.at[i]);
}

bool str_has_prefix(struct str s, struct str prefix)
{
	return s.len >= prefix.len && str_is_equal(str_make(s.at, prefix.len), prefix);
}

bool str_has_suffix(struct str s, struct str suffix)
{
	if (suffix.len == 0)
		return true;
	return s.len >= suffix.len &&
	       str_is_equal(str_make(s.at + s.len - suffix.len, suffix.len), suffix);
}

int str_compare(struct str a, struct str b)
{
	size_t shorter = a.len < b.len ? a.len : b.len;
	int order = shorter == 0 ? 0 : memcmp(a.at, b.at, shorter);
	if (order != 0)
		return order;
	return (a.len > b.len) - (a.len < b.len);
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

struct str str_trim(struct str s)
{
	while (s.len > 0 && is_blank(s.at[0])) {
		s.at++;
		s.len--;
	}
	while (s.len > 0 && is_blank(s.at[s.len - 1]))
		s.len--;
	return s;
}

ptrdiff_t str_find(struct str s, char byte)
{
	const char *found = s.len == 0 ? NULL : memchr(s.at, byte, s.len);
	return found == NULL ? -1 : found - s.at;
}

struct str str_cut(struct str *rest, char byte)
{
	struct str all = *rest;
	ptrdiff_t index = str_find(all, byte);
	if (index < 0) {
		*rest = STR_EMPTY;
		return all;
	}
	*rest = str_make(all.at + index + 1, all.len - (size_t)index - 1);
	return str_make(all.at, (size_t)index);
}

bool str_to_u64(struct str s, uint64_t *ret_value)
{
	uint64_t value = 0;
	if (s.len == 0)
		return false;
	for (size_t i = 0; i < s.len; i++) {
		unsigned digit = (unsigned)(unsigned char)s.at[i] - '0';
		if (digit > 9 || __builtin_mul_overflow(value, 10, &value) ||
		        __builtin_add_overflow(value, digit, &value))
			return false;
	}
	*ret_value = value;
	return true;
}

bool str_to_hex_u64(struct str s, uint64_t *ret_value)
{
	uint64_t value = 0;
	if (s.len == 0 || s.len > 16)
		return false;
	for (size_t i = 0; i < s.len; i++) {
		char c = str_lower(s.at[i]);
		if (c >= '0' && c <= '9')
			value = value << 4 | (uint64_t)(c - '0');
		else if (c >= 'a' && c <= 'f')
			value = value << 4 | (uint64_t)(c - 'a' + 10);
		else
			return false;
	}
	*ret_value = value;
	return true;
}

/* Cuts the digits at the front of *rest off and returns them. */
static struct str cut_digits(struct str *rest)
{
	size_t count = 0;
	while (count < rest->len && rest->at[count] >= '0' && rest->at[count] <= '9')
		count++;
	struct str digits = str_make(rest->at, count);
	if (count != 0)
		*rest = str_make(rest->at + count, rest->len - count);
	return digits;
}

/* What "0.<digits>" of `unit_ms` is; false where that is no whole number of milliseconds. */
static bool fraction_to_ms(struct str digits, uint64_t unit_ms, uint64_t *ret_ms)
{
	enum { DIGITS_MAX = 9 };
	uint64_t numerator, denominator = 1;
	if (digits.len > DIGITS_MAX || !str_to_u64(digits, &numerator))
		return false;
	for (size_t i = 0; i < digits.len; i++)
		denominator *= 10;
	/* Nine digits times a day of 8.64e7 ms stay below 2^64. */
	if (numerator * unit_ms % denominator != 0)
		return false;
	*ret_ms = numerator * unit_ms / denominator;
	return true;
}

bool str_to_ms(struct str s, uint64_t *ret_ms)
{
	static const struct {
		struct str name;
		uint64_t ms;
	} UNIT[] = {
	        {{"", 0}, 1000},
	        {{"ms", 2}, 1},
	        {{"s", 1}, 1000},
	        {{"m", 1}, 60000},
	        {{"h", 1}, 3600000},
	        {{"d", 1}, 86400000},
	};
	uint64_t whole, part = 0;
	struct str rest = s;
	if (!str_to_u64(cut_digits(&rest), &whole))
		return false;
	struct str fraction = STR_EMPTY;
	bool has_fraction = rest.len > 0 && rest.at[0] == '.';
	if (has_fraction) {
		rest = str_make(rest.at + 1, rest.len - 1);
		fraction = cut_digits(&rest);
	}
	for (size_t i = 0; i < ARRAY_LENGTH(UNIT); i++) {
		if (!str_is_equal(rest, UNIT[i].name))
			continue;
		if (__builtin_mul_overflow(whole, UNIT[i].ms, &whole))
			return false;
		if (has_fraction && !fraction_to_ms(fraction, UNIT[i].ms, &part))
			return false;
		if (__builtin_add_overflow(whole, part, &whole))
			return false;
		*ret_ms = whole;
		return true;
	}
	return false;
}

bool str_to_bytes(struct str s, uint64_t *ret_bytes)
{
	static const struct str UNIT[] = {{"", 0}, {"k", 1}, {"m", 1}, {"g", 1}};
	uint64_t value;
	struct str unit = s;
	if (!str_to_u64(cut_digits(&unit), &value))
		return false;
	/* "k", "kB" and "KiB" mean the same; a lone "b" means nothing. */
	size_t letters = unit.len > 1 ? 1 : unit.len;
	struct str behind = str_make(unit.at + letters, unit.len - letters);
	if (behind.len != 0 && !str_is_equal_nocase(behind, STR("b")) &&
	        !str_is_equal_nocase(behind, STR("ib")))
		return false;
	for (unsigned i = 0; i < ARRAY_LENGTH(UNIT); i++) {
		if (!str_is_equal_nocase(str_make(unit.at, letters), UNIT[i]))
			continue;
		if (__builtin_mul_overflow(value, (uint64_t)1 << (10 * i), &value))
			return false;
		*ret_bytes = value;
		return true;
	}
	return false;
}

/* Makes room for `more` bytes and a NUL. */
static void text_reserve(struct text *t, size_t more)
{
	enum { TEXT_MIN = 64 };
	CHECK(more < SIZE_MAX / 4 && t->len < SIZE_MAX / 4);
	size_t needed = t->len + more + 1;
	if (needed <= t->cap)
		return;
	size_t cap = t->cap < TEXT_MIN ? TEXT_MIN : t->cap;
	while (cap < needed)
		cap *= 2;
	t->at = mem_resize(t->at, cap);
	t->cap = cap;
}

void text_add(struct text *t, struct str s)
{
	text_reserve(t, s.len);
	if (s.len != 0)
		memcpy(t->at + t->len, s.at, s.len);
	t->len += s.len;
	t->at[t->len] = '\0';
}

void text_add_char(struct text *t, char c)
{
	text_add(t, str_make(&c, 1));
}

void text_addf(struct text *t, const char *format, ...)
{
	va_list arguments;
	va_start(arguments, format);
	text_addv(t, format, arguments);
	va_end(arguments);
}

void text_addv(struct text *t, const char *format, va_list arguments)
{
	va_list again;
	va_copy(again, arguments);
	size_t room = t->cap - t->len;
	int length = vsnprintf(room == 0 ? NULL : t->at + t->len, room, format, arguments);
	CHECK(length >= 0);
	if ((size_t)length >= room) {
		text_reserve(t, (size_t)length);
		vsnprintf(t->at + t->len, t->cap - t->len, format, again);
	}
	va_end(again);
	t->len += (size_t)length;
}

/* The length of the UTF-8 sequence at the front of s (RFC 3629: nothing overlong, no surrogates, at
 * most U+10FFFF), or 0 when there is none. */
static size_t utf8_length(struct str s)
{
	const unsigned char *at = (const unsigned char *)s.at;
	/* The second byte's range carries all of the special rules. */
	unsigned char low = 0x80, high = 0xbf;
	size_t length;
	if (at[0] < 0x80)
		return 1;
	if (at[0] >= 0xc2 && at[0] <= 0xdf) {
		length = 2;
	} else if (at[0] >= 0xe0 && at[0] <= 0xef) {
		length = 3;
		low = at[0] == 0xe0 ? 0xa0 : 0x80;
		high = at[0] == 0xed ? 0x9f : 0xbf;
	} else if (at[0] >= 0xf0 && at[0] <= 0xf4) {
		length = 4;
		low = at[0] == 0xf0 ? 0x90 : 0x80;
		high = at[0] == 0xf4 ? 0x8f : 0xbf;
	} else {
		return 0;
	}
	if (s.len < length || at[1] < low || at[1] > high)
		return 0;
	for (size_t i = 2; i < length; i++) {
		if ((at[i] & 0xc0) != 0x80)
			return 0;
	}
	return length;
}

/* Adds one ASCII byte that can't stand for itself in a JSON string. */
static void add_json_escape(struct text *t, char c)
{
	static const char SHORT[] = "\"\"\\\\\bb\ff\nn\rr\tt";
	for (size_t i = 0; i + 1 < sizeof(SHORT); i += 2) {
		if (SHORT[i] == c) {
			text_add(t, str_make((const char[]){'\\', SHORT[i + 1]}, 2));
			return;
		}
	}
	text_addf(t, "\\u%04x", (unsigned)(unsigned char)c);
}

void text_add_json(struct text *t, struct str s)
{
	text_add_char(t, '"');
	size_t plain = 0; /* bytes in front of s that can go as they are */
	while (plain < s.len) {
		unsigned char c = (unsigned char)s.at[plain];
		bool is_special = c < 0x20 || c == 0x7f || c == '"' || c == '\\';
		size_t length = is_special ? 0 : utf8_length(str_make(s.at + plain, s.len - plain));
		if (length != 0) {
			plain += length;
			continue;
		}
		text_add(t, str_make(s.at, plain));
		if (is_special)
			add_json_escape(t, (char)c);
		else
			text_add(t, STR("\xef\xbf\xbd"));
		s = str_make(s.at + plain + 1, s.len - plain - 1);
		plain = 0;
	}
	text_add(t, s);
	text_add_char(t, '"');
}

void text_clear(struct text *t)
{
	t->len = 0;
	if (t->at != NULL)
		t->at[0] = '\0';
}

void text_done(struct text *t)
{
	mem_free(t->at);
	*t = (struct text){0};
}

const char *text_c(const struct text *t)
{
	return t->at != NULL ? t->at : "";
}
