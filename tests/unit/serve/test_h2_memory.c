/* What a session takes is counted, charged to the budget in steps, and bounded. */
#include "serve/h2_private.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

/* Of one session at a time. */
static _Alignas(16) char room[8192];

static void what_is_taken_is_charged_and_given_back(void **state)
{
	enum { COUNT = 1000 };
	(void)state;
	struct mem_budget budget = {.limit = 1 << 24};
	struct serve_h2_memory memory;
	struct serve_h2_blocks shared;
	serve_h2_memory_init_blocks(&shared);
	serve_h2_memory_init(&memory, &budget, &shared, room, sizeof(room));
	const nghttp2_mem *calls = &memory.calls;
	char *blocks[COUNT];
	size_t sum = 0;
	for (size_t i = 0; i < COUNT; i++) {
		blocks[i] = i % 2 == 0 ? calls->malloc(i, calls->mem_user_data)
		                       : calls->calloc(i, 1, calls->mem_user_data);
		assert_non_null(blocks[i]);
		assert_int_equal((uintptr_t)blocks[i] % 16, 0);
		for (size_t at = 0; i % 2 == 1 && at < i; at++)
			assert_int_equal(blocks[i][at], 0);
		memset(blocks[i], (int)i, i);
		sum += i;
		assert_in_range(memory.used, sum, sum + 16 * (i + 1));
		assert_in_range(atomic_load(&budget.used), memory.used, memory.used + 200000);
	}
	for (size_t i = 0; i < COUNT; i++) {
		blocks[i] = calls->realloc(blocks[i], 2 * i + 1, calls->mem_user_data);
		for (size_t at = 0; at < i; at++)
			assert_int_equal((unsigned char)blocks[i][at], i & 0xff);
		blocks[i] = calls->realloc(blocks[i], i / 3 + 1, calls->mem_user_data);
		for (size_t at = 0; at < i / 3; at++)
			assert_int_equal((unsigned char)blocks[i][at], i & 0xff);
	}
	for (size_t i = 0; i < COUNT; i++) {
		calls->free(blocks[i], calls->mem_user_data);
		assert_in_range(atomic_load(&budget.used), memory.used, memory.used + 200000);
	}
	calls->free(NULL, calls->mem_user_data);
	char *fresh = calls->realloc(NULL, 10, calls->mem_user_data);
	calls->free(fresh, calls->mem_user_data);
	assert_int_equal(memory.used, 0);
	assert_false(memory.is_refused);
	serve_h2_memory_done(&memory);
	serve_h2_memory_done_blocks(&shared);
	assert_int_equal(atomic_load(&budget.used), 0);
}

static bool is_in_room(const char *at)
{
	return at >= room && at < room + sizeof(room);
}

/* In the order in which they are asked for; what has no room there is elsewhere. */
static void larger_blocks_lie_in_the_room(void **state)
{
	static const struct {
		size_t bytes;
		bool is_in_room;
	} ROWS[] = {{1023, false}, {1025, true}, {1, false}, {3000, true}, {5000, false},
	        {4000, true}, {2000, false}};
	(void)state;
	struct mem_budget budget = {.limit = 1 << 20};
	struct serve_h2_memory memory;
	struct serve_h2_blocks shared;
	char *taken[ARRAY_LENGTH(ROWS)];
	const char *last = room;
	serve_h2_memory_init_blocks(&shared);
	serve_h2_memory_init(&memory, &budget, &shared, room, sizeof(room));
	const nghttp2_mem *calls = &memory.calls;
	for (size_t i = 0; i < ARRAY_LENGTH(ROWS); i++) {
		taken[i] = calls->malloc(ROWS[i].bytes, calls->mem_user_data);
		memset(taken[i], 'x', ROWS[i].bytes);
		assert_int_equal((uintptr_t)taken[i] % 16, 0);
		assert_int_equal(is_in_room(taken[i]), ROWS[i].is_in_room);
		if (ROWS[i].is_in_room) {
			assert_true(taken[i] > last && taken[i] < last + 64);
			last = taken[i] + ROWS[i].bytes;
		}
	}
	for (size_t i = 0; i < ARRAY_LENGTH(ROWS); i++)
		calls->free(taken[i], calls->mem_user_data);
	serve_h2_memory_done(&memory);
	serve_h2_memory_done_blocks(&shared);
}

static bool is_written(const char *at, size_t length)
{
	while (length > 0 && *at == 'x')
		at++, length--;
	return length > 0;
}

/* Of a session that nghttp2 has, before its streams and with some, the end of the room is as it
 * was.
 */
static void what_nghttp2_never_writes_to_lies_at_the_end(void **state)
{
	enum { ROOM = 24576, RING = 1024 };
	static _Alignas(16) char whole[ROOM];
	(void)state;
	struct mem_budget budget = {.limit = 1 << 20};
	struct serve_h2_memory memory;
	struct serve_h2_blocks shared;
	nghttp2_session_callbacks *callbacks;
	nghttp2_option *option;
	nghttp2_session *server;
	const uint8_t *bytes;
	memset(whole, 'x', sizeof(whole));
	serve_h2_memory_init_blocks(&shared);
	serve_h2_memory_init(&memory, &budget, &shared, whole, sizeof(whole));
	assert_int_equal(nghttp2_session_callbacks_new(&callbacks), 0);
	assert_int_equal(nghttp2_option_new(&option), 0);
	nghttp2_option_set_max_deflate_dynamic_table_size(option, 0);
	assert_int_equal(
	        nghttp2_session_server_new3(&server, callbacks, NULL, option, &memory.calls), 0);
	assert_int_equal(nghttp2_submit_settings(server, NGHTTP2_FLAG_NONE, NULL, 0), 0);
	static const uint8_t request[] =
	        NGHTTP2_CLIENT_MAGIC "\0\0\0\4\0\0\0\0\0"
	                             "\0\0\11\1\5\0\0\0\1\x82\x84\x87\x41\4test";
	ssize_t taken = nghttp2_session_mem_recv(server, request, sizeof(request) - 1);
	assert_int_equal(taken, sizeof(request) - 1);
	assert_int_equal(nghttp2_submit_response(server, 1, NULL, 0, NULL), 0);
	bool has_head = false;
	while (nghttp2_session_mem_send(server, &bytes) > 0)
		has_head |= bytes[3] == NGHTTP2_HEADERS;
	assert_true(has_head);
	assert_true(memory.room_used > ROOM - 2 * RING && memory.room_used <= ROOM - RING);
	assert_ptr_equal(memory.ring, whole + ROOM - RING);
	assert_false(is_written(whole + ROOM - RING, RING));
	/* Of the buffer for frames the beginning is written to, and not more. */
	assert_false(is_written(whole + 8192, ROOM - 2 * RING - 8192));
	assert_true(is_written(whole, 8192));
	nghttp2_session_del(server);
	nghttp2_option_del(option);
	nghttp2_session_callbacks_del(callbacks);
	serve_h2_memory_done(&memory);
	serve_h2_memory_done_blocks(&shared);
}

static void who_is_idle_is_charged_for_what_it_has(void **state)
{
	(void)state;
	struct mem_budget budget = {.limit = 1 << 20};
	struct serve_h2_memory memory;
	struct serve_h2_blocks shared;
	serve_h2_memory_init_blocks(&shared);
	serve_h2_memory_init(&memory, &budget, &shared, room, sizeof(room));
	assert_true(serve_h2_memory_take(&memory, 9000));
	assert_true(serve_h2_memory_take(&memory, 200000));
	serve_h2_memory_give(&memory, 200000);
	assert_true(atomic_load(&budget.used) > 60000);
	for (unsigned i = 0; i < 2; i++) {
		serve_h2_memory_trim(&memory);
		assert_int_equal(atomic_load(&budget.used), 12288);
	}
	assert_true(serve_h2_memory_take(&memory, 4000));
	serve_h2_memory_give(&memory, 13000);
	serve_h2_memory_trim(&memory);
	assert_int_equal(atomic_load(&budget.used), 0);
	serve_h2_memory_done(&memory);
	serve_h2_memory_done_blocks(&shared);
}

static void past_the_budget_nothing_is_given(void **state)
{
	(void)state;
	struct mem_budget budget = {.limit = 200000};
	struct serve_h2_memory memory;
	struct serve_h2_blocks shared;
	serve_h2_memory_init_blocks(&shared);
	serve_h2_memory_init(&memory, &budget, &shared, room, sizeof(room));
	assert_true(serve_h2_memory_take(&memory, 100000));
	assert_null(memory.calls.malloc(100000, memory.calls.mem_user_data));
	assert_null(memory.calls.calloc(1000, 1000, memory.calls.mem_user_data));
	assert_true(memory.is_refused);
	assert_int_equal(memory.used, 100000);
	serve_h2_memory_give(&memory, 100000);
	serve_h2_memory_done(&memory);
	serve_h2_memory_done_blocks(&shared);
	assert_int_equal(atomic_load(&budget.used), 0);
}

static void past_the_limit_of_a_session_nothing_is_given(void **state)
{
	(void)state;
	struct mem_budget budget = {.limit = SIZE_MAX};
	struct serve_h2_memory memory;
	struct serve_h2_blocks shared;
	serve_h2_memory_init_blocks(&shared);
	serve_h2_memory_init(&memory, &budget, &shared, room, sizeof(room));
	assert_true(serve_h2_memory_take(&memory, LIMIT_H2_SESSION_BYTES));
	assert_false(serve_h2_memory_take(&memory, 1));
	assert_null(memory.calls.malloc(0, memory.calls.mem_user_data));
	serve_h2_memory_give(&memory, LIMIT_H2_SESSION_BYTES);
	assert_null(memory.calls.malloc(SIZE_MAX, memory.calls.mem_user_data));
	assert_null(memory.calls.calloc(SIZE_MAX, 2, memory.calls.mem_user_data));
	assert_false(serve_h2_memory_take(&memory, SIZE_MAX));
	assert_int_equal(memory.used, 0);
	serve_h2_memory_done(&memory);
	serve_h2_memory_done_blocks(&shared);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(what_is_taken_is_charged_and_given_back),
	        cmocka_unit_test(larger_blocks_lie_in_the_room),
	        cmocka_unit_test(what_nghttp2_never_writes_to_lies_at_the_end),
	        cmocka_unit_test(who_is_idle_is_charged_for_what_it_has),
	        cmocka_unit_test(past_the_budget_nothing_is_given),
	        cmocka_unit_test(past_the_limit_of_a_session_nothing_is_given),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
