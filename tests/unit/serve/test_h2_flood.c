/* Frames that only cost: which they are, and how many are too many. */
#include "serve/h2_private.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void as_many_as_the_limit_are_fine_in_each_window(void **state)
{
	(void)state;
	struct serve_h2_flood flood = {.since_ms = 0};
	for (unsigned window = 1; window < 4; window++) {
		uint64_t now_ms = window * (uint64_t)LIMIT_H2_FLOOD_MS;
		for (unsigned i = 0; i < LIMIT_H2_PINGS; i++)
			assert_true(serve_h2_flood_add(&flood, SERVE_FLOOD_PINGS, now_ms + i));
		for (unsigned i = 0; i < LIMIT_H2_SETTINGS; i++)
			assert_true(serve_h2_flood_add(&flood, SERVE_FLOOD_SETTINGS, now_ms + i));
		assert_false(serve_h2_flood_add(
		        &flood, SERVE_FLOOD_PINGS, now_ms + LIMIT_H2_FLOOD_MS - 1));
		assert_false(serve_h2_flood_add(
		        &flood, SERVE_FLOOD_SETTINGS, now_ms + LIMIT_H2_FLOOD_MS - 1));
		assert_true(serve_h2_flood_add(&flood, SERVE_FLOOD_RESETS, now_ms));
	}
}

static const struct {
	uint8_t type, flags;
	uint32_t length;
	int kind; /* -1: none */
} FRAMES[] = {
        {SERVE_H2_DATA, 0, 1, -1},
        {SERVE_H2_DATA, 0, 0, -1}, /* told from its content */
        {SERVE_H2_HEADERS, 0, 0, SERVE_FLOOD_EMPTY},
        {SERVE_H2_HEADERS, SERVE_H2_END_HEADERS, 0, -1},
        {SERVE_H2_HEADERS, 0, 9, -1},
        {SERVE_H2_CONTINUATION, 0, 0, SERVE_FLOOD_EMPTY},
        {SERVE_H2_CONTINUATION, 0, 1, -1},
        {SERVE_H2_PRIORITY, 0, 5, SERVE_FLOOD_PRIORITIES},
        {SERVE_H2_PRIORITY_UPDATE, 0, 9, SERVE_FLOOD_PRIORITIES},
        {SERVE_H2_RST_STREAM, 0, 4, SERVE_FLOOD_RESETS},
        {SERVE_H2_SETTINGS, 0, 0, SERVE_FLOOD_SETTINGS},
        {SERVE_H2_SETTINGS, SERVE_H2_ACK, 0, -1},
        {SERVE_H2_PING, 0, 8, SERVE_FLOOD_PINGS},
        {SERVE_H2_PING, SERVE_H2_ACK, 8, SERVE_FLOOD_PINGS},
        {SERVE_H2_GOAWAY, 0, 8, -1},
        {SERVE_H2_WINDOW_UPDATE, 0, 4, -1},
        {0xbe, 0, 0, -1},
};

static void frames_are_of_use_or_of_a_kind(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LENGTH(FRAMES); i++) {
		const struct serve_h2_frame frame = {.type = FRAMES[i].type,
		        .flags = FRAMES[i].flags,
		        .length = FRAMES[i].length};
		enum serve_flood kind = SERVE_FLOODS;
		bool is_costly = serve_h2_flood_of(&frame, &kind);
		assert_int_equal(is_costly, FRAMES[i].kind >= 0);
		if (is_costly)
			assert_int_equal(kind, FRAMES[i].kind);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(as_many_as_the_limit_are_fine_in_each_window),
	        cmocka_unit_test(frames_are_of_use_or_of_a_kind),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
