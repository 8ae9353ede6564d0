/*
 * The bytes that are kept of a body, held against a body that is kept whole.
 */
#include "edge/overlap.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

enum { BODY = 40000 };

static char body[BODY];
static struct mem_budget budget;
static struct buf_pool pool;

static int set_up(void **state)
{
	(void)state;
	for (size_t i = 0; i < BODY; i++)
		body[i] = (char)(i * 2654435761U >> 13);
	budget = (struct mem_budget){.limit = 1 << 20};
	buf_pool_init(&pool, &budget);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	buf_pool_done(&pool);
	assert_int_equal(budget.used, 0);
	return 0;
}

static const size_t steps[] = {1, 2, 100, 4095, 4096, 4097, 5000, 8192, 20000};

static void the_last_bytes_are_kept_whatever_the_pieces_are(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LENGTH(steps); i++) {
		const uint64_t places[] = {0, 1, 4095, 4096, 1000003};
		for (size_t k = 0; k < ARRAY_LENGTH(places); k++) {
			struct edge_overlap overlap = {.from = 0};
			uint64_t first = places[k];
			size_t added = 0;
			assert_true(edge_overlap_begin(&overlap, &pool, first));
			while (added + steps[i] <= BODY && added < 3 * EDGE_OVERLAP_BYTES) {
				edge_overlap_add(&overlap, str_make(body + added, steps[i]));
				added += steps[i];
				size_t kept =
				        added < EDGE_OVERLAP_BYTES ? added : EDGE_OVERLAP_BYTES;
				assert_int_equal(overlap.end, first + added);
				assert_int_equal(overlap.from, first + added - kept);
			}
			/* All of the body is the same, and so is each part of it. */
			assert_true(edge_overlap_is_same(&overlap, first, str_make(body, BODY)));
			assert_true(edge_overlap_is_same(&overlap, overlap.from,
			        str_make(body + (overlap.from - first), 1)));
			edge_overlap_done(&overlap, &pool);
		}
	}
}

static void a_byte_that_differs_is_seen_where_it_is_kept_and_nowhere_else(void **state)
{
	(void)state;
	struct edge_overlap overlap = {.from = 0};
	static char other[BODY];
	enum { ADDED = 3 * 4096 + 77, FIRST = 500 };
	memcpy(other, body, BODY);
	assert_true(edge_overlap_begin(&overlap, &pool, FIRST));
	edge_overlap_add(&overlap, str_make(body, ADDED));
	for (size_t at = 0; at<BODY; at += at> ADDED - 4200 && at < ADDED + 10 ? 1 : 1000) {
		other[at] ^= 1;
		bool is_kept = at >= ADDED - EDGE_OVERLAP_BYTES && at < ADDED;
		assert_int_equal(
		        edge_overlap_is_same(&overlap, FIRST, str_make(other, BODY)), !is_kept);
		/* In whatever piece it comes. */
		size_t from = at < 100 ? 0 : at - 100;
		size_t length = BODY - from < 300 ? BODY - from : 300;
		assert_int_equal(edge_overlap_is_same(
		                         &overlap, FIRST + from, str_make(other + from, length)),
		        !is_kept);
		other[at] ^= 1;
	}
	edge_overlap_done(&overlap, &pool);
}

static void without_memory_nothing_is_kept(void **state)
{
	(void)state;
	struct edge_overlap overlap = {.from = 0};
	/* Without the blocks that are kept for reuse. */
	buf_pool_done(&pool);
	budget.limit = 0;
	assert_false(edge_overlap_begin(&overlap, &pool, 7));
	assert_true(edge_overlap_is_same(&overlap, 0, str_make(body, BODY)));
	edge_overlap_done(&overlap, &pool);
	budget.limit = 1 << 20;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(the_last_bytes_are_kept_whatever_the_pieces_are),
	        cmocka_unit_test(a_byte_that_differs_is_seen_where_it_is_kept_and_nowhere_else),
	        cmocka_unit_test(without_memory_nothing_is_kept),
	};
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
