/*
 * One pass over the characters; bytes that begin none are escaped one by one.
 */
#include "cli/escape.h"

enum form { FORM_LINE, FORM_LINES, FORM_JSON };

/* The length of the character at the beginning, 0 where there is none (RFC 3629). */
static size_t read_character(struct str text, uint32_t *ret_code)
{
	static const uint32_t LEAST[] = {0, 0, 0x80, 0x800, 0x10000};
	unsigned char first = (unsigned char)text.at[0];
	size_t length = first < 0x80   ? 1
	                : first < 0xc0 ? 0
	                : first < 0xe0 ? 2
	                : first < 0xf0 ? 3
	                : first < 0xf8 ? 4
	                               : 0;
	if (length == 0 || length > text.len)
		return 0;
	uint32_t code = length == 1 ? first : first & (0x7fU >> length);
	for (size_t i = 1; i < length; i++) {
		unsigned char byte = (unsigned char)text.at[i];
		if ((byte & 0xc0) != 0x80)
			return 0;
		code = code << 6 | (byte & 0x3f);
	}
	if (code < LEAST[length] || code > 0x10ffff || (code >= 0xd800 && code < 0xe000))
		return 0;
	*ret_code = code;
	return length;
}

static bool is_dangerous(uint32_t code, enum form form)
{
	static const struct {
		uint32_t first, last;
	} RANGES[] = {
	        {0x00, 0x1f}, {0x7f, 0x9f}, {0x61c, 0x61c}, /* marks of direction, here and below */
	        {0x200b, 0x200f},                           /* and what has no width */
	        {0x2028, 0x202e},                           /* and separators of lines */
	        {0x2060, 0x206f}, {0xfeff, 0xfeff}, {0xfff9, 0xfffb}, /* annotations */
	        {0xe0000, 0xe007f},                                   /* tags */
	};
	if ((code == '\n' || code == '\t') && form != FORM_LINE)
		return false;
	if (code == '\r' && form == FORM_JSON)
		return false;
	for (size_t i = 0; i < ARRAY_LENGTH(RANGES); i++) {
		if (code >= RANGES[i].first && code <= RANGES[i].last)
			return true;
	}
	return false;
}

static void add_escaped(struct text *to, uint32_t code, enum form form)
{
	if (form == FORM_JSON && code > 0xffff)
		text_addf(to, "\\u%04x\\u%04x", 0xd7c0 + (code >> 10), 0xdc00 + (code & 0x3ff));
	else if (code < 0x80 && form != FORM_JSON)
		text_addf(to, "\\x%02x", code);
	else
		text_addf(to, "\\u%04x", code);
}

static void add(struct text *to, struct str text, enum form form)
{
	while (text.len != 0) {
		uint32_t code = 0;
		size_t length = read_character(text, &code);
		if (length == 0)
			text_addf(to, "\\x%02x", (unsigned char)text.at[0]);
		else if (is_dangerous(code, form))
			add_escaped(to, code, form);
		else
			text_add(to, str_make(text.at, length));
		length = length == 0 ? 1 : length;
		text = str_make(text.at + length, text.len - length);
	}
}

void cli_escape_add(struct text *to, struct str text)
{
	add(to, text, FORM_LINE);
}

void cli_escape_add_lines(struct text *to, struct str text)
{
	add(to, text, FORM_LINES);
}

void cli_escape_add_json(struct text *to, struct str json)
{
	add(to, json, FORM_JSON);
}

size_t cli_escape_columns(struct str text)
{
	size_t columns = 0;
	for (size_t i = 0; i < text.len; i++)
		columns += ((unsigned char)text.at[i] & 0xc0) != 0x80;
	return columns;
}
