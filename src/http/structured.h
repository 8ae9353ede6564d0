/*
 * Structured fields (RFC 8941): a strict reader of dictionaries, one member at a time, and what a
 * writer of items needs. A field is good only as a whole, so nothing that was read counts before
 * the reader said END. Pure.
 */
#pragma once

#include "base/str.h"
#include "http/write.h"

#include <stdint.h>

enum http_structured_type {
	HTTP_STRUCTURED_INTEGER,
	HTTP_STRUCTURED_DECIMAL,
	HTTP_STRUCTURED_STRING,
	HTTP_STRUCTURED_TOKEN,
	HTTP_STRUCTURED_BYTES, /* a byte sequence */
	HTTP_STRUCTURED_BOOLEAN,
	HTTP_STRUCTURED_INNER_LIST,
};

struct http_structured_value {
	enum http_structured_type type;
	bool boolean;
	int64_t number; /* an integer, or a decimal in thousandths */
	/* A token; the inside of a string with its backslashes, of a byte sequence in base64, or of
	 * an inner list in its parentheses. */
	struct str text;
	struct str parameters; /* as written, each with its ";" */
};

enum http_structured_event {
	HTTP_STRUCTURED_MEMBER, /* *ret_key and *ret_value are the next member */
	HTTP_STRUCTURED_END,    /* all was read, and all was right */
	HTTP_STRUCTURED_BAD,    /* the field as a whole does not count */
};

/*
 * Takes the next member of a dictionary off *rest (RFC 8941 section 4.2.2). Inner lists and
 * parameters are checked and kept as text. A key may come again: the last one counts, which is for
 * the caller to see to. After BAD, *rest is not to be read on. An empty text is an empty
 * dictionary.
 */
enum http_structured_event http_structured_next_member(
        struct str *rest, struct str *ret_key, struct http_structured_value *ret_value);

/* Whether the text is a token (section 3.3.4), or could be a string (3.3.3: %x20-7E). */
bool http_structured_is_token(struct str text);
bool http_structured_is_string(struct str text);

/* Writes the text as a token where it is one, else as a string with its quotes and backslashes. It
 * is one of the two, which the caller has checked. */
void http_structured_write(struct http_writer *writer, struct str text);
