/* The memory of the cache, as processes hand it on. */
#include "main/memory.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static const struct settings SETTINGS = {.cache_memory = 16 << 20, .cache_objects = 7};

static void a_memory_has_its_form_and_is_closed_on_exec(void **state)
{
	(void)state;
	struct memory memory;
	struct stat info;
	assert_true(memory_open(&SETTINGS, &memory));
	assert_int_equal(memory.bytes, 16 << 20);
	assert_int_equal(memory.objects, 7);
	assert_int_equal(fstat(memory.fd, &info), 0);
	assert_true(info.st_size >= 16 << 20);
	assert_int_equal(fcntl(memory.fd, F_GETFD), FD_CLOEXEC);
	assert_int_equal(ftruncate(memory.fd, 0), -1);
	assert_true(memory_is_of_use(&memory));
	struct memory other = {.fd = memory.fd, .bytes = 32 << 20, .objects = 7};
	assert_false(memory_is_of_use(&other));
	memory_close(&memory);
	assert_int_equal(memory.fd, -1);
	assert_int_equal(memory.bytes, 0);
	memory_close(&memory);
}

static void no_cache_has_no_memory(void **state)
{
	(void)state;
	const struct settings none = {.cache_memory = 0, .cache_objects = 7};
	struct memory memory = {.fd = 4711};
	assert_true(memory_open(&none, &memory));
	assert_int_equal(memory.fd, -1);
	assert_int_equal(memory.objects, 0);
	assert_true(memory_open_like(&MEMORY_NONE, &memory));
	assert_int_equal(memory.fd, -1);
}

static void a_memory_like_another_is_a_fresh_one_of_its_form(void **state)
{
	(void)state;
	struct memory first, second;
	struct stat one, other;
	assert_true(memory_open(&SETTINGS, &first));
	assert_true(memory_open_like(&first, &second));
	assert_int_equal(second.bytes, first.bytes);
	assert_int_equal(second.objects, first.objects);
	assert_int_equal(fstat(first.fd, &one) + fstat(second.fd, &other), 0);
	assert_true(one.st_ino != other.st_ino);
	memory_close(&first);
	memory_close(&second);
}

static void only_a_memfd_is_a_memory(void **state)
{
	(void)state;
	struct memory memory;
	int ends[2], file = open("/proc/self/exe", O_RDONLY);
	assert_true(memory_open(&SETTINGS, &memory));
	assert_true(memory_is(memory.fd));
	assert_int_equal(pipe(ends), 0);
	assert_false(memory_is(ends[0]));
	assert_false(memory_is(file));
	memory_close(&memory);
	close(ends[0]);
	close(ends[1]);
	assert_false(memory_is(ends[0]));
	close(file);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(a_memory_has_its_form_and_is_closed_on_exec),
	        cmocka_unit_test(no_cache_has_no_memory),
	        cmocka_unit_test(a_memory_like_another_is_a_fresh_one_of_its_form),
	        cmocka_unit_test(only_a_memfd_is_a_memory),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
