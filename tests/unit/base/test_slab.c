/* Slabs: objects are aligned, apart from each other, and reused last in, first out. */
#include "base/slab.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>
#include <sys/mman.h>

enum { PAGE = 4096 };

static void the_object_given_back_last_is_taken_first(void **state)
{
	(void)state;
	struct slab slab;
	slab_init(&slab, 40);
	void *a = slab_take(&slab), *b = slab_take(&slab);
	slab_give(&slab, a);
	slab_give(&slab, b);
	assert_ptr_equal(slab_take(&slab), b);
	assert_ptr_equal(slab_take(&slab), a);
	slab_give(&slab, a);
	slab_give(&slab, b);
	slab_give(&slab, NULL);
	assert_int_equal(slab.in_use, 0);
	slab_done(&slab);
}

static void objects_are_aligned_and_do_not_overlap(void **state)
{
	(void)state;
	enum { COUNT = 500 };
	static const size_t SIZE[] = {1, 16, 17, 200, 4096, 70000};
	static unsigned char *objects[COUNT];
	for (size_t s = 0; s < ARRAY_LENGTH(SIZE); s++) {
		unsigned count = SIZE[s] > 4096 ? 5 : COUNT;
		struct slab slab;
		slab_init(&slab, SIZE[s]);
		for (unsigned i = 0; i < count; i++) {
			objects[i] = slab_take(&slab);
			assert_int_equal((uintptr_t)objects[i] % 16, 0);
			memset(objects[i], (int)(i % 251), SIZE[s]);
		}
		assert_int_equal(slab.in_use, count);
		for (unsigned i = 0; i < count; i++) {
			for (size_t k = 0; k < SIZE[s]; k++)
				assert_int_equal(objects[i][k], i % 251);
			slab_give(&slab, objects[i]);
		}
		slab_done(&slab);
	}
}

/* Whether the page at `at` is in memory. */
static bool has_page(void *at)
{
	unsigned char in_memory;
	assert_int_equal(mincore(at, PAGE, &in_memory), 0);
	return (in_memory & 1) != 0;
}

static void of_sparse_objects_only_what_was_written_takes_memory(void **state)
{
	(void)state;
	enum { COUNT = 200, BYTES = 4 * PAGE - 100 };
	static char *objects[COUNT];
	struct slab slab;
	slab_init_sparse(&slab, BYTES);
	for (unsigned i = 0; i < COUNT; i++) {
		objects[i] = slab_take(&slab);
		assert_int_equal((uintptr_t)objects[i] % PAGE, 0);
		memset(objects[i], (int)(i % 100), PAGE + 1);
	}
	for (unsigned i = 0; i < COUNT; i++) {
		for (unsigned k = 0; k <= PAGE; k++)
			assert_int_equal(objects[i][k], i % 100);
		assert_true(has_page(objects[i]) && has_page(objects[i] + PAGE));
		assert_false(has_page(objects[i] + 2 * PAGE) || has_page(objects[i] + 3 * PAGE));
	}
	for (unsigned i = 0; i < COUNT; i++)
		slab_give(&slab, objects[i]);
	assert_ptr_equal(slab_take(&slab), objects[COUNT - 1]);
	slab_give(&slab, objects[COUNT - 1]);
	slab_done(&slab);
}

static void free_objects_are_poisoned(void **state)
{
	(void)state;
#ifdef MEM_HAS_ASAN
	struct slab slab;
	slab_init(&slab, 64);
	char *object = slab_take(&slab);
	assert_false(__asan_address_is_poisoned(object));
	assert_true(__asan_address_is_poisoned(object + 64));
	slab_give(&slab, object);
	assert_true(__asan_address_is_poisoned(object));
	assert_true(__asan_address_is_poisoned(object + 63));
	slab_done(&slab);
#else
	skip();
#endif
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(the_object_given_back_last_is_taken_first),
	        cmocka_unit_test(objects_are_aligned_and_do_not_overlap),
	        cmocka_unit_test(of_sparse_objects_only_what_was_written_takes_memory),
	        cmocka_unit_test(free_objects_are_poisoned),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
