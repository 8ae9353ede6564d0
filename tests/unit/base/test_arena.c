/* Arenas: alignment, growth, and the end all at once. */
#include "base/arena.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

static void memory_is_aligned_whatever_the_sizes(void **state)
{
	(void)state;
	char first[512];
	struct arena arena;
	/* An owner's block may begin and end anywhere. */
	for (size_t skip = 0; skip < 20; skip++) {
		arena_init(&arena, first + skip, sizeof(first) - 2 * skip);
		for (size_t size = 0; size < 100; size++) {
			char *memory = arena_alloc(&arena, size);
			assert_int_equal((uintptr_t)memory % ARENA_ALIGN, 0);
			if (size != 0)
				memset(memory, 'x', size);
		}
		arena_reset(&arena);
	}
}

static void the_owners_block_is_used_first_and_again_after_a_reset(void **state)
{
	(void)state;
	_Alignas(ARENA_ALIGN) char first[256];
	struct arena arena;
	arena_init(&arena, first, sizeof(first));
	for (int round = 0; round < 3; round++) {
		assert_ptr_equal(arena_alloc(&arena, 100), first);
		assert_ptr_equal(arena_alloc(&arena, 144), first + 112);
		assert_int_equal(arena.allocated, 0);
		assert_non_null(arena_alloc(&arena, 1));
		assert_true(arena.allocated > 0);
		arena_reset(&arena);
		assert_int_equal(arena.allocated, 0);
	}
}

static void a_large_piece_does_not_end_the_current_block(void **state)
{
	(void)state;
	struct arena arena;
	arena_init(&arena, NULL, 0);
	char *small = arena_alloc(&arena, 16);
	memset(arena_alloc(&arena, 1000000), 1, 1000000);
	assert_ptr_equal(arena_alloc(&arena, 16), small + 16);
	arena_reset(&arena);
}

static void many_pieces_keep_their_bytes(void **state)
{
	(void)state;
	enum { COUNT = 3000 };
	struct arena arena;
	static char *pieces[COUNT];
	arena_init(&arena, NULL, 0);
	for (unsigned i = 0; i < COUNT; i++) {
		size_t size = i % 300 + 1;
		pieces[i] = arena_alloc(&arena, size);
		memset(pieces[i], (int)(i % 251), size);
	}
	for (unsigned i = 0; i < COUNT; i++) {
		for (size_t k = 0; k < i % 300 + 1; k++)
			assert_int_equal((unsigned char)pieces[i][k], i % 251);
	}
	arena_reset(&arena);
}

static void new_objects_are_zero_even_in_used_memory(void **state)
{
	(void)state;
	struct thing {
		int a[10];
	};
	char first[256];
	memset(first, 0xff, sizeof(first));
	struct arena arena;
	arena_init(&arena, first, sizeof(first));
	struct thing *thing = arena_new(&arena, struct thing);
	for (int i = 0; i < 10; i++)
		assert_int_equal(thing->a[i], 0);
	arena_reset(&arena);
}

static void texts_are_copied_and_formatted_with_a_nul(void **state)
{
	(void)state;
	char first[64];
	struct arena arena;
	arena_init(&arena, first, sizeof(first));
	struct str copy = arena_copy(&arena, str_make("hello there", 5));
	assert_string_equal(copy.at, "hello");
	assert_int_equal(copy.len, 5);
	assert_string_equal(arena_copy(&arena, STR_EMPTY).at, "");
	/* Lengths on both sides of what the block has left. */
	for (int width = 0; width < 5000; width += 7) {
		struct str text = arena_printf(&arena, "%*d", width, 7);
		assert_int_equal(text.len, width > 1 ? width : 1);
		assert_int_equal(text.at[text.len - 1], '7');
		assert_int_equal(text.at[text.len], '\0');
	}
	arena_reset(&arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(memory_is_aligned_whatever_the_sizes),
	        cmocka_unit_test(the_owners_block_is_used_first_and_again_after_a_reset),
	        cmocka_unit_test(a_large_piece_does_not_end_the_current_block),
	        cmocka_unit_test(many_pieces_keep_their_bytes),
	        cmocka_unit_test(new_objects_are_zero_even_in_used_memory),
	        cmocka_unit_test(texts_are_copied_and_formatted_with_a_nul),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
