/* Heads of frames: what is read is what was written, and which are wrong whatever comes. */
#include "serve/h2_frame.h"

#include "base/check.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static bool is_same(struct serve_h2_frame a, struct serve_h2_frame b)
{
	return a.length == b.length && a.id == b.id && a.type == b.type && a.flags == b.flags;
}

static void a_head_is_read_as_it_was_written(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 32; i++) {
		char bytes[SERVE_H2_FRAME_HEAD_BYTES];
		const struct serve_h2_frame frame = {.length = (1U << i) & 0xffffff,
		        .id = (3U << i) & INT32_MAX,
		        .type = (uint8_t)(i * 11),
		        .flags = (uint8_t)(255 - i)};
		serve_h2_frame_write(bytes, frame);
		assert_true(is_same(serve_h2_frame_read(bytes), frame));
		/* The first bit of the number is reserved, and means nothing. */
		bytes[5] |= (char)0x80;
		assert_true(is_same(serve_h2_frame_read(bytes), frame));
	}
}

/* RFC 9113 section 6, RFC 9218 section 7.1. */
static const struct {
	struct serve_h2_frame frame;
	enum serve_h2_error error;
} FRAMES[] = {
        {{16384, 1, SERVE_H2_DATA, 0}, SERVE_H2_NO_ERROR},
        {{16385, 1, SERVE_H2_DATA, 0}, SERVE_H2_FRAME_SIZE_ERROR},
        {{0, 0, SERVE_H2_DATA, 0}, SERVE_H2_PROTOCOL_ERROR},
        {{0, 1, SERVE_H2_DATA, SERVE_H2_PADDED}, SERVE_H2_FRAME_SIZE_ERROR},
        {{1, 1, SERVE_H2_DATA, SERVE_H2_PADDED}, SERVE_H2_NO_ERROR},
        {{0, 1, SERVE_H2_DATA, SERVE_H2_WITH_PRIORITY}, SERVE_H2_NO_ERROR},
        {{0, 1, SERVE_H2_HEADERS, 0}, SERVE_H2_NO_ERROR},
        {{0, 1, SERVE_H2_HEADERS, SERVE_H2_PADDED}, SERVE_H2_FRAME_SIZE_ERROR},
        {{4, 1, SERVE_H2_HEADERS, SERVE_H2_WITH_PRIORITY}, SERVE_H2_FRAME_SIZE_ERROR},
        {{5, 1, SERVE_H2_HEADERS, SERVE_H2_WITH_PRIORITY}, SERVE_H2_NO_ERROR},
        {{5, 1, SERVE_H2_HEADERS, SERVE_H2_WITH_PRIORITY | SERVE_H2_PADDED},
                SERVE_H2_FRAME_SIZE_ERROR},
        {{5, 0, SERVE_H2_HEADERS, 0}, SERVE_H2_PROTOCOL_ERROR},
        {{5, 1, SERVE_H2_PRIORITY, 0}, SERVE_H2_NO_ERROR},
        {{4, 1, SERVE_H2_PRIORITY, 0}, SERVE_H2_FRAME_SIZE_ERROR},
        {{6, 1, SERVE_H2_PRIORITY, 0}, SERVE_H2_FRAME_SIZE_ERROR},
        {{5, 0, SERVE_H2_PRIORITY, 0}, SERVE_H2_PROTOCOL_ERROR},
        {{4, 1, SERVE_H2_RST_STREAM, 0}, SERVE_H2_NO_ERROR},
        {{3, 1, SERVE_H2_RST_STREAM, 0}, SERVE_H2_FRAME_SIZE_ERROR},
        {{4, 0, SERVE_H2_RST_STREAM, 0}, SERVE_H2_PROTOCOL_ERROR},
        {{0, 0, SERVE_H2_SETTINGS, 0}, SERVE_H2_NO_ERROR},
        {{12, 0, SERVE_H2_SETTINGS, 0}, SERVE_H2_NO_ERROR},
        {{13, 0, SERVE_H2_SETTINGS, 0}, SERVE_H2_FRAME_SIZE_ERROR},
        {{0, 0, SERVE_H2_SETTINGS, SERVE_H2_ACK}, SERVE_H2_NO_ERROR},
        {{6, 0, SERVE_H2_SETTINGS, SERVE_H2_ACK}, SERVE_H2_FRAME_SIZE_ERROR},
        {{0, 1, SERVE_H2_SETTINGS, 0}, SERVE_H2_PROTOCOL_ERROR},
        {{4, 1, SERVE_H2_PUSH_PROMISE, 0}, SERVE_H2_PROTOCOL_ERROR},
        {{8, 0, SERVE_H2_PING, 0}, SERVE_H2_NO_ERROR},
        {{7, 0, SERVE_H2_PING, 0}, SERVE_H2_FRAME_SIZE_ERROR},
        {{8, 1, SERVE_H2_PING, 0}, SERVE_H2_PROTOCOL_ERROR},
        {{8, 0, SERVE_H2_GOAWAY, 0}, SERVE_H2_NO_ERROR},
        {{100, 0, SERVE_H2_GOAWAY, 0}, SERVE_H2_NO_ERROR},
        {{7, 0, SERVE_H2_GOAWAY, 0}, SERVE_H2_FRAME_SIZE_ERROR},
        {{8, 1, SERVE_H2_GOAWAY, 0}, SERVE_H2_PROTOCOL_ERROR},
        {{4, 0, SERVE_H2_WINDOW_UPDATE, 0}, SERVE_H2_NO_ERROR},
        {{4, 1, SERVE_H2_WINDOW_UPDATE, 0}, SERVE_H2_NO_ERROR},
        {{5, 1, SERVE_H2_WINDOW_UPDATE, 0}, SERVE_H2_FRAME_SIZE_ERROR},
        {{0, 1, SERVE_H2_CONTINUATION, 0}, SERVE_H2_NO_ERROR},
        {{0, 0, SERVE_H2_CONTINUATION, 0}, SERVE_H2_PROTOCOL_ERROR},
        {{4, 0, SERVE_H2_PRIORITY_UPDATE, 0}, SERVE_H2_NO_ERROR},
        {{3, 0, SERVE_H2_PRIORITY_UPDATE, 0}, SERVE_H2_FRAME_SIZE_ERROR},
        {{4, 1, SERVE_H2_PRIORITY_UPDATE, 0}, SERVE_H2_PROTOCOL_ERROR},
        {{9, 7, 0x0a, 0xff}, SERVE_H2_NO_ERROR},
        {{9, 0, 0xff, 0xff}, SERVE_H2_NO_ERROR},
        {{16385, 0, 0xff, 0}, SERVE_H2_FRAME_SIZE_ERROR},
};

static void what_is_wrong_with_a_head_is_an_error(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LENGTH(FRAMES); i++)
		assert_int_equal(serve_h2_frame_check(&FRAMES[i].frame), FRAMES[i].error);
}

/* Payloads, and what is left of them; NULL: their padding is too long. */
static const struct {
	uint8_t type, flags;
	const char *payload, *left;
	size_t length;
} PAYLOADS[] = {
        {SERVE_H2_HEADERS, 0, "abc", "abc", 3},
        {SERVE_H2_HEADERS, 0, "", "", 0},
        {SERVE_H2_HEADERS, SERVE_H2_PADDED, "\0abc", "abc", 4},
        {SERVE_H2_HEADERS, SERVE_H2_PADDED, "\2abc", "a", 4},
        {SERVE_H2_HEADERS, SERVE_H2_PADDED, "\3abc", "", 4},
        {SERVE_H2_HEADERS, SERVE_H2_PADDED, "\4abc", NULL, 4},
        {SERVE_H2_HEADERS, SERVE_H2_WITH_PRIORITY, "12345abc", "abc", 8},
        {SERVE_H2_HEADERS, SERVE_H2_WITH_PRIORITY, "12345", "", 5},
        {SERVE_H2_HEADERS, SERVE_H2_WITH_PRIORITY | SERVE_H2_PADDED,
                "\1"
                "12345ab",
                "a", 8},
        {SERVE_H2_HEADERS, SERVE_H2_WITH_PRIORITY | SERVE_H2_PADDED,
                "\3"
                "12345ab",
                NULL, 8},
        {SERVE_H2_DATA, SERVE_H2_WITH_PRIORITY | SERVE_H2_PADDED, "\1ab", "a", 3},
};

static void padding_and_priorities_are_no_content(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LENGTH(PAYLOADS); i++) {
		const struct serve_h2_frame frame = {.length = (uint32_t)PAYLOADS[i].length,
		        .id = 1,
		        .type = PAYLOADS[i].type,
		        .flags = PAYLOADS[i].flags};
		struct str payload = str_make(PAYLOADS[i].payload, PAYLOADS[i].length);
		bool is_right = serve_h2_frame_strip(&frame, &payload);
		assert_int_equal(is_right, PAYLOADS[i].left != NULL);
		if (is_right)
			assert_true(str_is_equal(payload, str_of(PAYLOADS[i].left)));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(a_head_is_read_as_it_was_written),
	        cmocka_unit_test(what_is_wrong_with_a_head_is_an_error),
	        cmocka_unit_test(padding_and_priorities_are_no_content),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
