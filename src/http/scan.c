/*
 * How it works: a block of 64 bytes is turned into three masks with a bit for each byte: its
 * control characters, its CRs and its LFs. Whether each CR is followed by an LF, each LF preceded
 * by a CR, and where the empty line is, is then told for all 64 bytes by a few shifts; what the
 * shifts need to know of the bytes before the block is carried in. Only the line ends are visited
 * one by one.
 *
 * There are two ways to make masks: SSE2, which every x86-64 has, and plain C for all other
 * machines. The loops are written once and compiled with each. AVX2 was tried and gained too little
 * on heads of usual size to be worth a second path.
 */
#include "http/scan_private.h"

#include "base/check.h"

#ifdef __SSE2__
#include <emmintrin.h>
#endif

const bool http_scan_token_bytes[256] = {
        ['!'] = true,
        ['#' ... '\''] = true,
        ['*'] = true,
        ['+'] = true,
        ['-'] = true,
        ['.'] = true,
        ['0' ... '9'] = true,
        ['A' ... 'Z'] = true,
        ['^' ... 'z'] = true, /* with "_" and "`" */
        ['|'] = true,
        ['~'] = true,
};

enum { BLOCK_BYTES = 64 };

struct masks {
	uint64_t control; /* %x00-1F and %x7F, without HTAB, with CR and LF */
	uint64_t cr, lf;
};

typedef void mask_maker(const char *block, struct masks *ret_masks);

/* The lowest `count` bits; count is less than 64. */
static inline uint64_t low_bits(unsigned count)
{
	return ((uint64_t)1 << count) - 1;
}

static inline void make_masks_portable(const char *block, struct masks *ret_masks)
{
	struct masks masks = {0};
	for (unsigned i = 0; i < BLOCK_BYTES; i++) {
		masks.control |= (uint64_t)http_scan_is_control(block[i]) << i;
		masks.cr |= (uint64_t)(block[i] == '\r') << i;
		masks.lf |= (uint64_t)(block[i] == '\n') << i;
	}
	*ret_masks = masks;
}

#ifdef __SSE2__
static inline __m128i load_16(const char *at)
{
	return _mm_loadu_si128((const __m128i *)(const void *)at);
}

static inline __m128i load_8(const char *at)
{
	return _mm_loadl_epi64((const __m128i *)(const void *)at);
}

static inline uint64_t mask_of(__m128i bytes)
{
	return (uint32_t)_mm_movemask_epi8(bytes);
}

/* The control characters among 16 bytes, as http_scan_is_control has them. */
static inline __m128i control_of(__m128i bytes)
{
	__m128i low = _mm_cmpeq_epi8(_mm_min_epu8(bytes, _mm_set1_epi8(0x1f)), bytes);
	__m128i tab = _mm_cmpeq_epi8(bytes, _mm_set1_epi8('\t'));
	__m128i delete = _mm_cmpeq_epi8(bytes, _mm_set1_epi8(0x7f));
	return _mm_or_si128(_mm_andnot_si128(tab, low), delete);
}

static inline void make_masks_sse2(const char *block, struct masks *ret_masks)
{
	struct masks masks = {0};
	for (unsigned i = 0; i < BLOCK_BYTES; i += 16) {
		__m128i bytes = load_16(block + i);
		masks.control |= mask_of(control_of(bytes)) << i;
		masks.cr |= mask_of(_mm_cmpeq_epi8(bytes, _mm_set1_epi8('\r'))) << i;
		masks.lf |= mask_of(_mm_cmpeq_epi8(bytes, _mm_set1_epi8('\n'))) << i;
	}
	*ret_masks = masks;
}
#endif

/* What a block must know of the bytes before it. */
struct carry {
	uint64_t cr; /* bit 0: the last byte was a CR */
	uint64_t lf; /* bits 0 and 1: the byte before the last, and the last, were LFs */
};

static struct carry carry_at(struct str text, const struct http_scan *scan)
{
	struct carry carry = {0};
	uint32_t at = scan->at;
	if (at >= 1) {
		carry.cr = text.at[at - 1] == '\r';
		carry.lf |= (uint64_t)(text.at[at - 1] == '\n') << 1;
	}
	if (at >= 2)
		carry.lf |= text.at[at - 2] == '\n';
	if (scan->is_fields && at <= 1) /* as though a line had ended before the first byte */
		carry.lf |= at == 0 ? 2 : 1;
	return carry;
}

/* Notes the line ends of a block, bit n of `lf` for the byte scan->at + n; true when they do not
 * fit, scan->at is then the one that did not. */
static inline bool note_lines(
        struct http_scan *scan, uint64_t lf, uint32_t *ends, uint32_t line_max)
{
	for (; lf != 0; lf &= lf - 1) {
		uint32_t end = scan->at + (uint32_t)__builtin_ctzll(lf);
		if (scan->lines == line_max) {
			scan->at = end;
			return true;
		}
		ends[scan->lines++] = end;
	}
	return false;
}

/* The masks of the last `left` bytes of a text, fewer than a block; bits behind them are zero. */
static inline void make_last_masks(
        struct str text, unsigned left, mask_maker *make_masks, struct masks *ret_masks)
{
	struct masks masks;
	if (text.len >= BLOCK_BYTES) { /* the last whole block, without the bytes seen before */
		unsigned before = BLOCK_BYTES - left;
		make_masks(text.at + text.len - BLOCK_BYTES, &masks);
		masks.control >>= before;
		masks.cr >>= before;
		masks.lf >>= before;
	} else {
		char block[BLOCK_BYTES] = {0};
		memcpy(block, text.at + text.len - left, left);
		make_masks(block, &masks);
		masks.control &= low_bits(left);
	}
	*ret_masks = masks;
}

__attribute__((always_inline)) static inline enum http_scan_event scan_lines(struct str text,
        struct http_scan *scan, uint32_t *ends, uint32_t line_max, mask_maker *make_masks)
{
	struct carry carry = carry_at(text, scan);
	while (scan->at < text.len) {
		size_t left = text.len - scan->at;
		struct masks masks;
		uint64_t valid = UINT64_MAX;
		if (left >= BLOCK_BYTES) {
			make_masks(text.at + scan->at, &masks);
		} else {
			make_last_masks(text, (unsigned)left, make_masks, &masks);
			valid = low_bits((unsigned)left);
		}
		uint64_t lf_wanted = masks.cr << 1 | carry.cr;
		uint64_t bad =
		        ((masks.control & ~(masks.cr | masks.lf)) | (masks.lf ^ lf_wanted)) & valid;
		uint64_t end = masks.lf & (masks.lf << 2 | carry.lf);
		if ((bad | end) != 0) {
			unsigned stop = (unsigned)__builtin_ctzll(bad | end);
			bool is_end = (end >> stop & 1) != 0 && (bad >> stop & 1) == 0;
			uint64_t before = low_bits(stop) | (is_end ? end & -end : 0);
			if (note_lines(scan, masks.lf & before, ends, line_max))
				return HTTP_SCAN_FULL;
			scan->at += stop + is_end;
			return is_end ? HTTP_SCAN_WHOLE : HTTP_SCAN_BAD;
		}
		if (note_lines(scan, masks.lf, ends, line_max))
			return HTTP_SCAN_FULL;
		scan->at += left < BLOCK_BYTES ? (uint32_t)left : BLOCK_BYTES;
		carry.cr = masks.cr >> 63;
		carry.lf = masks.lf >> 62;
	}
	return HTTP_SCAN_MORE;
}

enum http_scan_event http_scan_lines_portable(
        struct str text, struct http_scan *scan, uint32_t *ends, uint32_t line_max)
{
	CHECK(text.len <= INT32_MAX && scan->at <= text.len);
	return scan_lines(text, scan, ends, line_max, make_masks_portable);
}

size_t http_scan_visible_portable(struct str text)
{
	size_t count = 0;
	while (count < text.len && text.at[count] > 0x20 && text.at[count] < 0x7f)
		count++;
	return count;
}

bool http_scan_is_text_portable(struct str text)
{
	bool has_control = false;
	for (size_t i = 0; i < text.len; i++)
		has_control |= http_scan_is_control(text.at[i]);
	return !has_control;
}

#ifdef __SSE2__
enum http_scan_event http_scan_lines(
        struct str text, struct http_scan *scan, uint32_t *ends, uint32_t line_max)
{
	CHECK(text.len <= INT32_MAX && scan->at <= text.len);
	return scan_lines(text, scan, ends, line_max, make_masks_sse2);
}

/* Of the bytes of a vector those that are not visible. */
static uint32_t invisible_of(__m128i bytes)
{
	/* Signed: bytes from %x80 are below zero. */
	__m128i visible = _mm_and_si128(_mm_cmpgt_epi8(bytes, _mm_set1_epi8(0x20)),
	        _mm_cmplt_epi8(bytes, _mm_set1_epi8(0x7f)));
	return (uint32_t)mask_of(visible) ^ 0xffff;
}

size_t http_scan_visible(struct str text)
{
	if (text.len < 8)
		return http_scan_visible_portable(text);
	/* The last bytes overlap those before them. */
	if (text.len < 16) {
		size_t last = text.len - 8;
		uint32_t wrong =
		        invisible_of(_mm_unpacklo_epi64(load_8(text.at), load_8(text.at + last)));
		wrong = (wrong & 0xff) | wrong >> 8 << last | 1u << text.len;
		return (unsigned)__builtin_ctz(wrong);
	}
	for (size_t at = 0;; at += 16) {
		if (at > text.len - 16)
			at = text.len - 16;
		uint32_t wrong = invisible_of(load_16(text.at + at));
		if (wrong != 0)
			return at + (unsigned)__builtin_ctz(wrong);
		if (at == text.len - 16)
			return text.len;
	}
}

bool http_scan_is_text(struct str text)
{
	if (text.len < 8)
		return http_scan_is_text_portable(text);
	/* The last bytes overlap those before them. */
	if (text.len < 16) {
		__m128i bytes = _mm_unpacklo_epi64(load_8(text.at), load_8(text.at + text.len - 8));
		return mask_of(control_of(bytes)) == 0;
	}
	__m128i control = control_of(load_16(text.at + text.len - 16));
	for (size_t i = 0; i + 16 < text.len; i += 16)
		control = _mm_or_si128(control, control_of(load_16(text.at + i)));
	return mask_of(control) == 0;
}
#else
enum http_scan_event http_scan_lines(
        struct str text, struct http_scan *scan, uint32_t *ends, uint32_t line_max)
{
	return http_scan_lines_portable(text, scan, ends, line_max);
}

size_t http_scan_visible(struct str text)
{
	return http_scan_visible_portable(text);
}

bool http_scan_is_text(struct str text)
{
	return http_scan_is_text_portable(text);
}
#endif
