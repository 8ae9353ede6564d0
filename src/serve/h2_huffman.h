/*
 * The Huffman code of HPACK (RFC 7541 section 5.2 and appendix B). Pure.
 */
#pragma once

#include "base/str.h"

enum { SERVE_H2_HUFFMAN_SPARE = 12 }; /* bytes that may be written behind a text */

/* The most bytes that so many coded ones can stand for. */
static inline size_t serve_h2_huffman_most(size_t coded)
{
	return coded * 8 / 5;
}

/* Writes what a coded string stands for, where there is room for the most that it can be and
 * SERVE_H2_HUFFMAN_SPARE; false when it has EOS in it, or does not end with less than eight bits of
 * EOS. */
MUST_CHECK bool serve_h2_huffman_read(struct str coded, char *to, size_t *ret_length);

/* How many bytes a string takes in the code. */
size_t serve_h2_huffman_size(struct str text);

/* Writes it there. Returns the end. */
char *serve_h2_huffman_write(struct str text, char *to);
