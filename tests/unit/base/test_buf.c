/* Buffers: growth by size, moves, reuse, and the budget. */
#include "base/buf.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

struct ground {
	struct mem_budget budget;
	struct buf_pool pool;
};

static void ground_init(struct ground *ground, size_t limit)
{
	ground->budget = (struct mem_budget){.limit = limit};
	buf_pool_init(&ground->pool, &ground->budget);
}

static void ground_done(struct ground *ground)
{
	buf_pool_done(&ground->pool);
	assert_int_equal(ground->budget.used, 0);
}

static void a_buffer_grows_by_size_and_keeps_its_bytes(void **state)
{
	(void)state;
	static const struct {
		size_t length;
		uint32_t cap;
	} ROW[] = {
	        {1, BUF_SMALL},
	        {BUF_SMALL, BUF_SMALL},
	        {BUF_SMALL + 1, BUF_MIDDLE},
	        {BUF_MIDDLE, BUF_MIDDLE},
	        {BUF_MIDDLE + 1, BUF_LARGE},
	        {BUF_LARGE, BUF_LARGE},
	};
	struct ground ground;
	ground_init(&ground, 1000000);
	struct buf buf = {0};
	for (size_t i = 0; i < ARRAY_LENGTH(ROW); i++) {
		while (buf_length(&buf) < ROW[i].length) {
			char byte = (char)(buf_length(&buf) % 251);
			assert_true(buf_add(&ground.pool, &buf, str_make(&byte, 1)));
		}
		assert_int_equal(buf.cap, ROW[i].cap);
	}
	assert_false(buf_add(&ground.pool, &buf, STR("x")));
	assert_false(buf_reserve(&ground.pool, &buf, SIZE_MAX));
	for (size_t i = 0; i < BUF_LARGE; i++)
		assert_int_equal((unsigned char)buf_bytes(&buf)[i], i % 251);
	buf_release(&ground.pool, &buf);
	ground_done(&ground);
}

static void dropped_room_is_used_before_a_larger_block(void **state)
{
	(void)state;
	struct ground ground;
	ground_init(&ground, 1000000);
	struct buf buf = {0};
	assert_true(buf_reserve(&ground.pool, &buf, BUF_SMALL));
	buf_grew(&buf, BUF_SMALL);
	buf_bytes(&buf)[BUF_SMALL - 1] = 'z';
	buf_drop(&buf, BUF_SMALL - 1);
	assert_int_equal(buf_room(&buf), 0);
	assert_true(buf_reserve(&ground.pool, &buf, 100));
	assert_int_equal(buf.cap, BUF_SMALL);
	assert_true(str_is_equal(buf_str(&buf), STR("z")));
	buf_drop(&buf, 1);
	assert_int_equal(buf_room(&buf), BUF_SMALL);
	buf_release_if_empty(&ground.pool, &buf);
	assert_null(buf.block);
	ground_done(&ground);
}

static void reserving_nothing_takes_no_block(void **state)
{
	(void)state;
	struct ground ground;
	ground_init(&ground, 0);
	struct buf buf = {0};
	assert_true(buf_reserve(&ground.pool, &buf, 0));
	assert_true(buf_add(&ground.pool, &buf, STR_EMPTY));
	assert_null(buf.block);
	buf_release(&ground.pool, &buf);
	ground_done(&ground);
}

static void a_refusal_by_the_budget_changes_nothing(void **state)
{
	(void)state;
	struct ground ground;
	ground_init(&ground, BUF_SMALL + BUF_MIDDLE - 1);
	struct buf buf = {0};
	assert_true(buf_add(&ground.pool, &buf, STR("hello")));
	assert_false(buf_reserve(&ground.pool, &buf, BUF_SMALL));
	assert_true(str_is_equal(buf_str(&buf), STR("hello")));
	assert_int_equal(ground.budget.used, BUF_SMALL);
	buf_release(&ground.pool, &buf);
	ground_done(&ground);
}

static void blocks_are_reused_last_in_first_out_and_stay_charged(void **state)
{
	(void)state;
	struct ground ground;
	ground_init(&ground, 1000000);
	struct buf a = {0}, b = {0};
	assert_true(buf_reserve(&ground.pool, &a, 1));
	assert_true(buf_reserve(&ground.pool, &b, 1));
	char *first = a.block, *second = b.block;
	buf_release(&ground.pool, &a);
	buf_release(&ground.pool, &b);
	assert_int_equal(ground.budget.used, 2 * BUF_SMALL);
	assert_true(buf_reserve(&ground.pool, &a, 1));
	assert_true(buf_reserve(&ground.pool, &b, 1));
	assert_ptr_equal(a.block, second);
	assert_ptr_equal(b.block, first);
	buf_release(&ground.pool, &a);
	buf_release(&ground.pool, &b);
	ground_done(&ground);
}

static void only_so_many_free_blocks_are_kept(void **state)
{
	(void)state;
	enum { COUNT = 100 };
	static const struct {
		uint32_t size;
		unsigned kept;
	} ROW[] = {{BUF_SMALL, 64}, {BUF_MIDDLE, 64}, {BUF_LARGE, 32}};
	for (size_t i = 0; i < ARRAY_LENGTH(ROW); i++) {
		struct ground ground;
		ground_init(&ground, SIZE_MAX);
		static struct buf bufs[COUNT];
		for (int k = 0; k < COUNT; k++)
			assert_true(buf_reserve(&ground.pool, &bufs[k], ROW[i].size));
		assert_int_equal(ground.budget.used, COUNT * ROW[i].size);
		for (int k = 0; k < COUNT; k++)
			buf_release(&ground.pool, &bufs[k]);
		assert_int_equal(ground.budget.used, ROW[i].kept * ROW[i].size);
		ground_done(&ground);
	}
}

static void free_blocks_are_poisoned(void **state)
{
	(void)state;
#ifdef MEM_HAS_ASAN
	struct ground ground;
	ground_init(&ground, 1000000);
	struct buf buf = {0};
	assert_true(buf_reserve(&ground.pool, &buf, 1));
	char *block = buf.block;
	buf_release(&ground.pool, &buf);
	assert_true(__asan_address_is_poisoned(block + 16));
	assert_true(__asan_address_is_poisoned(block + BUF_SMALL - 1));
	assert_true(buf_reserve(&ground.pool, &buf, 1));
	assert_false(__asan_address_is_poisoned(block + BUF_SMALL - 1));
	buf_release(&ground.pool, &buf);
	ground_done(&ground);
#else
	skip();
#endif
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(a_buffer_grows_by_size_and_keeps_its_bytes),
	        cmocka_unit_test(dropped_room_is_used_before_a_larger_block),
	        cmocka_unit_test(reserving_nothing_takes_no_block),
	        cmocka_unit_test(a_refusal_by_the_budget_changes_nothing),
	        cmocka_unit_test(blocks_are_reused_last_in_first_out_and_stay_charged),
	        cmocka_unit_test(only_so_many_free_blocks_are_kept),
	        cmocka_unit_test(free_blocks_are_poisoned),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
