/*
 * The code is canonical: codes of one length follow each other in the order of their symbols, and
 * each length goes on where the shorter ones end. So all of it is in the lengths, and the tables
 * are made of them once. Eleven bits lead to one symbol, or to two where both are that short, as
 * most of what is in paths and names is; the longer codes are found by where each length ends.
 *
 * Bits are inverted where they are looked at. So those that are shifted in behind the last ones are
 * the beginning of EOS, as padding is; of that no step reads anything, and it is zero. A code that
 * is not whole, or padding that is none, is read past the end.
 */
#include "serve/h2_huffman.h"

#include <endian.h>

enum {
	SHORT = 11, /* bits of the codes that are found at once */
	MASK = (1 << SHORT) - 1,
	LONG = 30, /* bits of the longest */
	STEPS = 5, /* that are made with the bits of one word */
	SAFE = 56, /* more are in each word of eight bytes, from any bit of the first on */
};

_Static_assert((int)STEPS *(int)SHORT <= (int)SAFE, "the bits of a word are enough");
_Static_assert((int)SERVE_H2_HUFFMAN_SPARE >= 2 * (int)STEPS + 2, "so much is written past an end");

/* Bits of the code of each byte (RFC 7541 appendix B). */
static const uint8_t lengths[256] = {
        13, 23, 28, 28, 28, 28, 28, 28, 28, 24, 30, 28, 28, 30, 28, 28, /* 0x00 */
        28, 28, 28, 28, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 28, /* 0x10 */
        6, 10, 10, 12, 13, 6, 8, 11, 10, 10, 8, 11, 8, 6, 6, 6,         /* 0x20 */
        5, 5, 5, 6, 6, 6, 6, 6, 6, 6, 7, 8, 15, 6, 12, 10,              /* 0x30 */
        13, 6, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7,                /* 0x40 */
        7, 7, 7, 7, 7, 7, 7, 7, 8, 7, 8, 13, 19, 13, 14, 6,             /* 0x50 */
        15, 5, 6, 5, 6, 5, 6, 6, 6, 5, 7, 7, 6, 6, 6, 5,                /* 0x60 */
        6, 7, 6, 5, 5, 6, 7, 7, 7, 7, 7, 15, 11, 14, 13, 28,            /* 0x70 */
        20, 22, 20, 20, 22, 22, 22, 23, 22, 23, 23, 23, 23, 23, 24, 23, /* 0x80 */
        24, 24, 22, 23, 24, 23, 23, 23, 23, 21, 22, 23, 22, 23, 23, 24, /* 0x90 */
        22, 21, 20, 22, 22, 23, 23, 21, 23, 22, 22, 24, 21, 22, 23, 23, /* 0xa0 */
        21, 21, 22, 21, 23, 22, 23, 23, 20, 22, 22, 22, 23, 22, 22, 23, /* 0xb0 */
        26, 26, 20, 19, 22, 23, 22, 25, 26, 26, 26, 27, 27, 26, 24, 25, /* 0xc0 */
        19, 21, 26, 27, 27, 26, 27, 24, 21, 21, 26, 26, 28, 27, 27, 27, /* 0xd0 */
        20, 24, 20, 21, 22, 21, 21, 23, 22, 22, 25, 25, 24, 24, 26, 23, /* 0xe0 */
        26, 27, 26, 26, 27, 27, 27, 27, 27, 28, 27, 27, 27, 27, 27, 26, /* 0xf0 */
};

/* By the bits that come next, inverted: the bytes that they stand for, and how many bits those
 * took; none where they are the beginning of a longer code. */
static struct symbols {
	char text[2];
	uint8_t count, bits;
} short_codes[1 << SHORT];

/* By length: where its codes end, as LONG bits, and its first byte in the order of codes. */
static struct {
	uint32_t end;
	uint8_t first;
} codes[LONG + 1];

static uint8_t in_order[256]; /* bytes, by their codes */
static uint32_t code_of[256]; /* by byte */

static void make_short_code(unsigned code, unsigned bits, unsigned byte)
{
	unsigned shift = SHORT - bits;
	for (unsigned i = code << shift; i < (code + 1) << shift; i++)
		short_codes[i ^ MASK] = (struct symbols){{(char)byte}, 1, (uint8_t)bits};
}

/* Where the bits behind one code are all of another, it is taken with it. */
static void join_short_codes(void)
{
	for (unsigned i = 0; i < ARRAY_LENGTH(short_codes); i++) {
		struct symbols *at = &short_codes[i];
		const struct symbols *behind = &short_codes[i << at->bits & MASK];
		unsigned bits = at->bits + lengths[(unsigned char)behind->text[0]];
		if (at->count == 0 || behind->count == 0 || bits > SHORT)
			continue;
		at->text[1] = behind->text[0];
		at->count = 2;
		at->bits = (uint8_t)bits;
	}
}

__attribute__((constructor)) static void make_tables(void)
{
	unsigned code = 0, count = 0;
	for (unsigned bits = 1; bits <= LONG; bits++) {
		code <<= 1;
		codes[bits].first = (uint8_t)count;
		for (unsigned byte = 0; byte < ARRAY_LENGTH(lengths); byte++) {
			if (lengths[byte] != bits)
				continue;
			if (bits <= SHORT)
				make_short_code(code, bits, byte);
			in_order[count++] = (uint8_t)byte;
			code_of[byte] = code++;
		}
		codes[bits].end = code << (LONG - bits);
	}
	CHECK(code == (1U << LONG) - 1); /* EOS is left */
	join_short_codes();
}

static inline uint64_t word_at(const char *at)
{
	uint64_t word;
	memcpy(&word, at, sizeof(word));
	return be64toh(word);
}

/* The last bits of a string, at most SAFE. */
static inline uint64_t last_bits(struct str coded, size_t left)
{
	uint64_t bits = 0;
	if (coded.len >= sizeof(bits))
		bits = word_at(coded.at + coded.len - sizeof(bits));
	else
		for (size_t i = 0; i < coded.len; i++)
			bits = bits << 8 | (unsigned char)coded.at[i];
	return left > 0 ? ~bits << (64 - left) : 0;
}

struct reading {
	uint64_t window; /* the bits that come next, inverted */
	size_t at;       /* bits that were read */
	char *to;
};

static inline const struct symbols *short_code(uint64_t window)
{
	return &short_codes[window >> (64 - SHORT)];
}

/* Reads what SHORT bits lead to; nothing, in front of a longer code. */
static inline void read_short(struct reading *reading)
{
	const struct symbols *symbols = short_code(reading->window);
	memcpy(reading->to, symbols->text, sizeof(symbols->text));
	reading->to += symbols->count;
	reading->at += symbols->bits;
	reading->window <<= symbols->bits;
}

/* Reads one byte; false at EOS. */
static bool read_long(struct reading *reading)
{
	uint32_t code = (uint32_t)(~reading->window >> (64 - LONG));
	unsigned bits = SHORT + 1;
	while (code >= codes[bits].end)
		if (++bits > LONG)
			return false;
	*reading->to++ =
	        (char)in_order[codes[bits].first + ((code - codes[bits - 1].end) >> (LONG - bits))];
	reading->at += bits;
	reading->window <<= bits;
	return true;
}

/* Reads at least one byte, and what STEPS lead to. */
static inline bool read_some(struct reading *reading)
{
	if (short_code(reading->window)->count == 0)
		return read_long(reading);
	read_short(reading);
	read_short(reading);
	read_short(reading);
	read_short(reading);
	read_short(reading);
	return true;
}

bool serve_h2_huffman_read(struct str coded, char *to, size_t *ret_length)
{
	struct reading reading = {.to = to};
	size_t end = coded.len * 8;
	while (reading.at + SAFE < end) {
		reading.window = ~word_at(coded.at + reading.at / 8) << reading.at % 8;
		if (!read_some(&reading))
			return false;
	}
	reading.window = last_bits(coded, end - reading.at);
	while (reading.window != 0)
		if (!read_some(&reading))
			return false;
	*ret_length = (size_t)(reading.to - to);
	return end - reading.at < 8;
}

size_t serve_h2_huffman_size(struct str text)
{
	size_t bits = 0;
	for (size_t i = 0; i < text.len; i++)
		bits += lengths[(unsigned char)text.at[i]];
	return (bits + 7) / 8;
}

char *serve_h2_huffman_write(struct str text, char *to)
{
	uint64_t pending = 0;
	unsigned count = 0; /* bits of it, less than eight */
	for (size_t i = 0; i < text.len; i++) {
		unsigned char byte = (unsigned char)text.at[i];
		pending = pending << lengths[byte] | code_of[byte];
		for (count += lengths[byte]; count >= 8; count -= 8)
			*to++ = (char)(pending >> (count - 8));
	}
	if (count > 0)
		*to++ = (char)(pending << (8 - count) | 0xffU >> count);
	return to;
}
