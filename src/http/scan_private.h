/*
 * What the parsers of this room share: the kinds of bytes, and the search for lines in a growing
 * text, 64 bytes at a step. Pure.
 */
#pragma once

#include "base/str.h"

#include <stdint.h>

/* RFC 9110 5.6.2: tchar. */
extern const bool http_scan_token_bytes[256];

static inline bool http_scan_is_token_byte(char byte)
{
	return http_scan_token_bytes[(unsigned char)byte];
}

/* A control character that no part of a message may have: all but HTAB. */
static inline bool http_scan_is_control(char byte)
{
	return ((unsigned char)byte < 0x20 && byte != '\t') || byte == 0x7f;
}

/* How many bytes at the front of the text are token bytes. */
static inline size_t http_scan_token(struct str text)
{
	size_t count = 0;
	while (count < text.len && http_scan_is_token_byte(text.at[count]))
		count++;
	return count;
}

/* How far a search got; all-zero at first. */
struct http_scan {
	uint32_t at;    /* bytes [0, at) are right; after WHOLE they are the section */
	uint32_t lines; /* how many lines end in them */
	bool is_fields; /* the section may begin with its empty line, as trailers may */
};

enum http_scan_event {
	HTTP_SCAN_MORE,  /* all of the text was read: at is its length */
	HTTP_SCAN_WHOLE, /* the empty line was read; it is counted as a line */
	HTTP_SCAN_BAD,   /* the byte at `at` can never be right, or the byte before it was a bare CR
	                  */
	HTTP_SCAN_FULL,  /* the line end at `at` would be one more than line_max */
};

/*
 * Goes on with the search for an empty line. A byte is right when it is no control character but
 * HTAB, CR before LF, or LF behind CR. ends[n] becomes the offset of the LF of line n, for the
 * lines that this call found; there is room for line_max of them.
 */
enum http_scan_event http_scan_lines(
        struct str text, struct http_scan *scan, uint32_t *ends, uint32_t line_max);

/* The same with one vectorless implementation, for other machines and for tests. */
enum http_scan_event http_scan_lines_portable(
        struct str text, struct http_scan *scan, uint32_t *ends, uint32_t line_max);

/* How many bytes at the front of the text are in %x21-7E. */
size_t http_scan_visible(struct str text);
size_t http_scan_visible_portable(struct str text);

/* Whether the text can stand in a field value: no control characters but HTAB. */
bool http_scan_is_text(struct str text);
bool http_scan_is_text_portable(struct str text);
