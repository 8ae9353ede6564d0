/*
 * Strings: `struct str` is a borrowed piece of text, not NUL-terminated; `struct text` is a growing
 * one that owns its bytes and is for cold paths (messages, files, printing). Pure.
 */
#pragma once

#include "base/check.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

/* Borrowed bytes. `at` may be NULL only when `len` is 0. */
struct str {
	const char *at;
	size_t len;
};

#define STR(literal) ((struct str){.at = (literal), .len = sizeof(literal) - 1})
#define STR_EMPTY    ((struct str){.at = NULL, .len = 0})
/* For printf: "%.*s", STR_ARG(s) */
#define STR_ARG(s) (int)(s).len, (s).at

/* A str of a NUL-terminated string; NULL gives the empty one. */
struct str str_of(const char *text);

static inline struct str str_make(const char *at, size_t len)
{
	return (struct str){.at = at, .len = len};
}

/* Byte for byte. */
static inline bool str_is_equal(struct str a, struct str b)
{
	return a.len == b.len && (a.len == 0 || memcmp(a.at, b.at, a.len) == 0);
}

/* ASCII letters compare without case. */
bool str_is_equal_nocase(struct str a, struct str b);

bool str_has_prefix(struct str s, struct str prefix);
bool str_has_suffix(struct str s, struct str suffix);

/* Like memcmp, the shorter first. */
int str_compare(struct str a, struct str b);

/* Without spaces and tabs at both ends. */
struct str str_trim(struct str s);

/* Index of the first `byte`, or -1. */
ptrdiff_t str_find(struct str s, char byte);

/* Cuts what stands before the first `byte` off *rest and returns it; the byte itself is dropped.
 * Without one, all of *rest is returned and *rest becomes empty with at == NULL. */
struct str str_cut(struct str *rest, char byte);

/* Decimal digits only, at least one, no sign, no overflow. */
MUST_CHECK bool str_to_u64(struct str s, uint64_t *ret_value);

/* Hexadecimal digits only, 1 to 16 of them. */
MUST_CHECK bool str_to_hex_u64(struct str s, uint64_t *ret_value);

/* A non-negative duration in milliseconds: digits, then `ms`, `s`, `m`, `h`, `d`, or nothing, which
 * means seconds. A fraction is allowed ("0.5s"). */
MUST_CHECK bool str_to_ms(struct str s, uint64_t *ret_ms);

/* A size in bytes: digits, then nothing, `k`, `m` or `g` (1024s; either case, optional `b` or
 * `ib`). */
MUST_CHECK bool str_to_bytes(struct str s, uint64_t *ret_bytes);

static inline char str_lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c;
}

/* Copies s with its ASCII letters in lower case; `to` has room for s.len bytes. */
void str_copy_lower(char *to, struct str s);

/* A growing text. All-zero is the empty one; `at` is NUL-terminated once something was added. */
struct text {
	char *at;
	size_t len, cap;
};

void text_add(struct text *t, struct str s);
void text_add_char(struct text *t, char c);
void text_addf(struct text *t, const char *format, ...) PRINTF_LIKE(2, 3);
void text_addv(struct text *t, const char *format, va_list arguments) PRINTF_LIKE(2, 0);

/* Adds s as a JSON string with its quotes; bytes that are not UTF-8 become U+FFFD. */
void text_add_json(struct text *t, struct str s);

/* Empty, memory kept. */
void text_clear(struct text *t);

/* Frees; leaves the empty text. */
void text_done(struct text *t);

/* The text as a str, valid until it changes. */
static inline struct str text_str(const struct text *t)
{
	return (struct str){.at = t->at, .len = t->len};
}

/* Its NUL-terminated bytes, "" when empty; valid until it changes. */
const char *text_c(const struct text *t);
