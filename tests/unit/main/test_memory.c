/* The memory of the cache, as processes hand it on. */
#include "main/memory.h"

#include "cache/disk_format.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static const struct settings SETTINGS = {.cache_memory = 16 << 20, .cache_objects = 7};

/* An item for a disk, whose file is removed by forget_disk. */
static const char *disk_item(unsigned number, const char *size)
{
	static char items[4][80];
	snprintf(items[number], sizeof(items[0]), "/tmp/headwater-test-%ld-%u:%s", (long)getpid(),
	        number, size);
	return items[number];
}

static void forget_disk(unsigned number)
{
	char path[80];
	snprintf(path, sizeof(path), "/tmp/headwater-test-%ld-%u", (long)getpid(), number);
	assert_int_equal(unlink(path), 0);
}

static void a_memory_has_its_form_and_is_closed_on_exec(void **state)
{
	(void)state;
	struct memory memory = MEMORY_NONE;
	struct stat info;
	assert_true(memory_renew(&memory, &SETTINGS));
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
	struct settings none = {.cache_memory = 0, .cache_objects = 7};
	struct memory memory = MEMORY_NONE;
	words_add(&none.cache_disks, str_of(disk_item(0, "64m")));
	memory_open_disks(&memory, &none);
	assert_int_equal(memory.disk_count, 0);
	words_done(&none.cache_disks);
	assert_true(memory_renew(&memory, &none));
	assert_int_equal(memory.fd, -1);
	assert_int_equal(memory.objects, 0);
	assert_true(memory_renew(&memory, NULL));
	assert_int_equal(memory.fd, -1);
	assert_true(memory_renew(&memory, &SETTINGS));
	int fd = memory.fd;
	assert_true(memory_renew(&memory, &none));
	assert_int_equal(memory.fd, -1);
	assert_int_equal(fcntl(fd, F_GETFD), -1);
}

static void a_renewed_memory_is_a_fresh_one_of_the_same_form(void **state)
{
	(void)state;
	struct memory memory = MEMORY_NONE;
	struct stat one, other;
	assert_true(memory_renew(&memory, &SETTINGS));
	assert_int_equal(fstat(memory.fd, &one), 0);
	assert_true(memory_renew(&memory, NULL));
	assert_int_equal(fstat(memory.fd, &other), 0);
	assert_true(one.st_ino != other.st_ino);
	assert_int_equal(memory.bytes, SETTINGS.cache_memory);
	assert_int_equal(memory.objects, SETTINGS.cache_objects);
	const struct settings more = {.cache_memory = 32 << 20};
	assert_true(memory_renew(&memory, &more));
	assert_int_equal(memory.bytes, 32 << 20);
	assert_int_equal(memory.objects, 0);
	memory_close(&memory);
}

static void disks_are_opened_once_and_kept_when_the_memory_is_renewed(void **state)
{
	(void)state;
	struct settings settings = SETTINGS;
	struct memory memory = MEMORY_NONE;
	words_add(&settings.cache_disks, str_of(disk_item(0, "64m")));
	words_add(&settings.cache_disks, STR("/nowhere/at/all:64m")); /* left out */
	words_add(&settings.cache_disks, str_of(disk_item(1, "65m")));
	memory_open_disks(&memory, &settings);
	assert_int_equal(memory.disk_count, 2);
	assert_int_equal(memory.disks[0].bytes, 64 << 20);
	assert_int_equal(memory.disks[1].bytes, 65 << 20);
	int fd = memory.disks[1].fd;
	assert_true(memory_renew(&memory, &settings));
	assert_true(memory_is_of_use(&memory));
	struct cache_memory_options options = memory_options(&memory);
	assert_int_equal(options.disk_count, 2);
	assert_int_equal(options.disks[1].fd, fd);
	assert_int_equal(options.bytes, SETTINGS.cache_memory);
	assert_true(memory_renew(&memory, &settings));
	assert_int_equal(memory.disk_count, 2);
	assert_int_equal(memory.disks[1].fd, fd);
	memory_close(&memory);
	assert_int_equal(memory.disk_count, 0);
	assert_int_equal(fcntl(fd, F_GETFD), -1);
	words_done(&settings.cache_disks);
	forget_disk(0);
	forget_disk(1);
}

static struct cache_disk_header header_of(int fd)
{
	struct cache_disk_header header;
	assert_int_equal(pread(fd, &header, sizeof(header), 0), sizeof(header));
	assert_true(cache_disk_is_header(&header));
	return header;
}

static void disks_begin_anew_with_the_memory_after_they_are_erased(void **state)
{
	(void)state;
	struct settings settings = SETTINGS;
	struct memory memory = MEMORY_NONE;
	words_add(&settings.cache_disks, str_of(disk_item(0, "64m")));
	memory_open_disks(&memory, &settings);
	assert_true(memory_renew(&memory, &settings));
	struct cache_disk_header first = header_of(memory.disks[0].fd);
	assert_true(memory_renew(&memory, &settings));
	struct cache_disk_header second = header_of(memory.disks[0].fd);
	assert_true(second.session > first.session);
	assert_true(second.epoch == first.epoch);
	memory_erase_disks(&memory);
	assert_true(memory_renew(&memory, &settings));
	struct cache_disk_header third = header_of(memory.disks[0].fd);
	assert_true(third.session > second.session);
	assert_true(third.epoch != second.epoch);
	memory_close(&memory);
	words_done(&settings.cache_disks);
	forget_disk(0);
}

/* How many lines of warnings there are. */
static unsigned count_warnings(const struct memory *memory, const struct settings *settings)
{
	char lines[1024];
	int ends[2], before = dup(STDERR_FILENO);
	unsigned count = 0;
	assert_int_equal(pipe(ends), 0);
	assert_int_equal(dup2(ends[1], STDERR_FILENO), STDERR_FILENO);
	memory_warn_of_change(memory, settings);
	assert_int_equal(dup2(before, STDERR_FILENO), STDERR_FILENO);
	close(ends[1]);
	close(before);
	ssize_t length = read(ends[0], lines, sizeof(lines));
	assert_true(length >= 0);
	close(ends[0]);
	for (ssize_t i = 0; i < length; i++)
		count += lines[i] == '\n';
	return count;
}

static void a_change_of_the_disks_is_warned_of(void **state)
{
	(void)state;
	struct settings settings = SETTINGS, other = SETTINGS;
	struct memory memory = MEMORY_NONE;
	words_add(&settings.cache_disks, str_of(disk_item(0, "64m")));
	memory_open_disks(&memory, &settings);
	assert_true(memory_renew(&memory, &settings));
	assert_int_equal(count_warnings(&memory, &settings), 0);
	assert_int_equal(count_warnings(&memory, &other), 1);
	words_add(&other.cache_disks, str_of(disk_item(0, "65m")));
	assert_int_equal(count_warnings(&memory, &other), 1);
	words_done(&other.cache_disks);
	words_add(&other.cache_disks, STR("/dev/null:64m"));
	assert_int_equal(count_warnings(&memory, &other), 1);
	words_done(&other.cache_disks);
	memory_close(&memory);
	words_done(&settings.cache_disks);
	forget_disk(0);
}

static void only_a_memfd_is_a_memory(void **state)
{
	(void)state;
	struct memory memory = MEMORY_NONE;
	int ends[2], file = open("/proc/self/exe", O_RDONLY);
	assert_true(memory_renew(&memory, &SETTINGS));
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
	        cmocka_unit_test(a_renewed_memory_is_a_fresh_one_of_the_same_form),
	        cmocka_unit_test(disks_are_opened_once_and_kept_when_the_memory_is_renewed),
	        cmocka_unit_test(disks_begin_anew_with_the_memory_after_they_are_erased),
	        cmocka_unit_test(a_change_of_the_disks_is_warned_of),
	        cmocka_unit_test(only_a_memfd_is_a_memory),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
