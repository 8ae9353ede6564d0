/* The files of disks: what may be one, who has it, and that nothing else is written over. */
#include "cache/disk_file_private.h"

#include "base/limit.h"
#include "base/mem.h"
#include "cache/disk.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

enum { BYTES = 1 << 20 };

static char folder[64];

/* A path in the folder; good until the next but three. */
static const char *path_of(const char *name)
{
	static char paths[4][128];
	static unsigned next;
	char *path = paths[next++ % ARRAY_LENGTH(paths)];
	snprintf(path, sizeof(paths[0]), "%s/%s", folder, name);
	return path;
}

static int make_folder(void **state)
{
	(void)state;
	snprintf(folder, sizeof(folder), "/tmp/headwater-test-XXXXXX");
	return mkdtemp(folder) != NULL ? 0 : -1;
}

static int remove_folder(void **state)
{
	(void)state;
	static const char *const NAMES[] = {
	        "new", "large", "foreign", "zeroes", "link", "fifo", "folder", "full/disk"};
	for (size_t i = 0; i < ARRAY_LENGTH(NAMES); i++)
		remove(path_of(NAMES[i]));
	return rmdir(folder);
}

static void write_file(const char *path, const char *bytes, size_t count, off_t at)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
	assert_true(fd >= 0);
	assert_int_equal(pwrite(fd, bytes, count, at), count);
	close(fd);
}

static void a_new_file_has_all_of_its_room(void **state)
{
	(void)state;
	struct stat info;
	int fd = -1;
	assert_int_equal(cache_disk_open(path_of("new"), BYTES, &fd), CACHE_DISK_OPEN_DONE);
	assert_int_equal(fstat(fd, &info), 0);
	assert_int_equal(info.st_size, BYTES);
	assert_true(info.st_blocks * 512 >= BYTES);
	assert_int_equal(info.st_mode & 07777, 0600);
	assert_int_equal(fcntl(fd, F_GETFD), FD_CLOEXEC);
	assert_true(cache_disk_is(fd));
	close(fd);
}

static void a_larger_file_keeps_its_size_and_what_is_in_it(void **state)
{
	(void)state;
	struct stat info;
	struct cache_disk_header header = {.segment_bytes = 2 << 20, .segments = 3}, read;
	int fd = -1;
	cache_disk_seal_header(&header);
	write_file(path_of("large"), (const char *)&header, sizeof(header), 0);
	write_file(path_of("large"), "x", 1, 2 * BYTES);
	assert_int_equal(cache_disk_open(path_of("large"), BYTES, &fd), CACHE_DISK_OPEN_DONE);
	assert_int_equal(fstat(fd, &info), 0);
	assert_int_equal(info.st_size, 2 * BYTES + 1);
	assert_true(cache_disk_file_read_header(fd, &read));
	assert_memory_equal(&read, &header, sizeof(header));
	close(fd);
}

static void a_header_reads_as_it_was_written_and_is_wiped(void **state)
{
	(void)state;
	struct cache_disk_header header = {.segment_bytes = 2 << 20, .segments = 3}, read;
	int fd = -1;
	assert_int_equal(cache_disk_open(path_of("new"), BYTES, &fd), CACHE_DISK_OPEN_DONE);
	assert_false(cache_disk_file_read_header(fd, &read));
	assert_int_equal(errno, 0);
	cache_disk_seal_header(&header);
	assert_true(cache_disk_file_write_header(fd, &header));
	assert_true(cache_disk_file_read_header(fd, &read));
	assert_memory_equal(&read, &header, sizeof(header));
	assert_int_equal(pwrite(fd, "\x55", 1, 30), 1);
	assert_false(cache_disk_file_read_header(fd, &read));
	assert_int_equal(errno, 0);
	assert_true(cache_disk_file_wipe(fd));
	assert_false(cache_disk_file_read_header(fd, &read));
	close(fd);
	/* Where nothing can be read or written, errno says why. */
	fd = open(path_of("new"), O_WRONLY | O_CLOEXEC);
	assert_false(cache_disk_file_read_header(fd, &read));
	assert_int_equal(errno, EBADF);
	close(fd);
	fd = open(path_of("new"), O_RDONLY | O_CLOEXEC);
	assert_false(cache_disk_file_wipe(fd));
	assert_int_equal(errno, EBADF);
	assert_false(cache_disk_is(fd));
	close(fd);
	assert_int_equal(cache_disk_open(path_of("new"), BYTES, &fd), CACHE_DISK_OPEN_DONE);
	close(fd);
}

static void what_is_erased_is_another_session_s(void **state)
{
	(void)state;
	struct cache_disk_header header = {.segment_bytes = 2 << 20, .segments = 3, .session = 7},
	                         read;
	int fd = -1;
	assert_int_equal(cache_disk_open(path_of("new"), BYTES, &fd), CACHE_DISK_OPEN_DONE);
	cache_disk_seal_header(&header);
	assert_true(cache_disk_file_write_header(fd, &header));
	assert_true(cache_disk_erase(fd));
	assert_true(cache_disk_file_read_header(fd, &read));
	assert_int_equal(read.session, 8);
	assert_true(read.epoch != header.epoch);
	assert_int_equal(read.segments, 3);
	/* Without a header there is nothing to go on with. */
	assert_int_equal(pwrite(fd, "\x55", 1, 30), 1);
	assert_true(cache_disk_erase(fd));
	assert_false(cache_disk_file_read_header(fd, &read));
	assert_int_equal(pread(fd, &read, sizeof(read), 0), sizeof(read));
	assert_int_equal(read.magic, 0);
	close(fd);
}

static void contents_that_are_not_ours_are_left_alone(void **state)
{
	(void)state;
	static const struct {
		const char *bytes;
		off_t at;
	} rows[] = {{"a letter", 0}, {"a file system", 1080}, {"another", 65536}};
	for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
		struct stat info;
		char now[16] = {0};
		int fd = 4711;
		size_t length = strlen(rows[i].bytes);
		const char *path = path_of("foreign");
		write_file(path, rows[i].bytes, length, rows[i].at);
		assert_int_equal(cache_disk_open(path, BYTES, &fd), CACHE_DISK_OPEN_KIND);
		assert_int_equal(fd, 4711);
		assert_int_equal(stat(path, &info), 0);
		assert_int_equal(info.st_size, rows[i].at + (off_t)length);
		fd = open(path, O_RDONLY | O_CLOEXEC);
		assert_int_equal(pread(fd, now, sizeof(now), rows[i].at), length);
		assert_string_equal(now, rows[i].bytes);
		close(fd);
		unlink(path);
	}
}

static void zeroes_are_nobody_s_and_a_link_is_followed(void **state)
{
	(void)state;
	int fd = -1;
	struct stat info;
	assert_int_equal(symlink("zeroes", path_of("link")), 0);
	write_file(path_of("zeroes"), "\0", 1, 5000);
	assert_int_equal(cache_disk_open(path_of("link"), BYTES, &fd), CACHE_DISK_OPEN_DONE);
	close(fd);
	assert_int_equal(stat(path_of("zeroes"), &info), 0);
	assert_int_equal(info.st_size, BYTES);
}

static void other_kinds_are_refused(void **state)
{
	(void)state;
	int fd = 4711, ends[2];
	assert_int_equal(mkdir(path_of("folder"), 0700), 0);
	assert_int_equal(mkfifo(path_of("fifo"), 0600), 0);
	assert_int_equal(cache_disk_open(path_of("folder"), BYTES, &fd), CACHE_DISK_OPEN_KIND);
	assert_int_equal(cache_disk_open(path_of("fifo"), BYTES, &fd), CACHE_DISK_OPEN_KIND);
	assert_int_equal(cache_disk_open("/dev/null", BYTES, &fd), CACHE_DISK_OPEN_KIND);
	assert_int_equal(cache_disk_open(path_of("not/there"), BYTES, &fd), CACHE_DISK_OPEN_SYSTEM);
	assert_int_equal(errno, ENOENT);
	assert_int_equal(fd, 4711);
	assert_int_equal(pipe(ends), 0);
	assert_false(cache_disk_is(ends[0]));
	close(ends[0]);
	close(ends[1]);
	assert_false(cache_disk_is(ends[0]));
}

static void who_has_it_keeps_it_and_a_duplicate_has_it_too(void **state)
{
	(void)state;
	int fd = -1, other = -1;
	assert_int_equal(cache_disk_open(path_of("new"), BYTES, &fd), CACHE_DISK_OPEN_DONE);
	int copy = dup(fd);
	close(fd);
	assert_true(cache_disk_is(copy));
	assert_int_equal(cache_disk_open(path_of("new"), BYTES, &other), CACHE_DISK_OPEN_USED);
	int stranger = open(path_of("new"), O_RDWR | O_CLOEXEC);
	assert_false(cache_disk_is(stranger));
	close(stranger);
	close(copy);
	assert_int_equal(cache_disk_open(path_of("new"), BYTES, &other), CACHE_DISK_OPEN_DONE);
	close(other);
}

static void one_that_is_let_go_of_soon_is_waited_for(void **state)
{
	(void)state;
	int fd = -1, other = -1, status;
	assert_int_equal(cache_disk_open(path_of("new"), BYTES, &fd), CACHE_DISK_OPEN_DONE);
	pid_t child = fork();
	if (child == 0) {
		usleep(300000);
		_exit(0);
	}
	close(fd);
	assert_int_equal(cache_disk_open(path_of("new"), BYTES, &other), CACHE_DISK_OPEN_DONE);
	assert_int_equal(waitpid(child, &status, 0), child);
	close(other);
}

static void a_limit_of_files_is_told_and_kills_nobody(void **state)
{
	(void)state;
	struct rlimit before, low = {.rlim_cur = BYTES};
	struct stat info;
	int fd = -1;
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
	low.rlim_max = before.rlim_max;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &low), 0);
	enum cache_disk_open verdict = cache_disk_open(path_of("new"), 2 * BYTES, &fd);
	int error = errno;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
	assert_int_equal(verdict, CACHE_DISK_OPEN_SYSTEM);
	assert_int_equal(error, EFBIG);
	assert_int_equal(stat(path_of("new"), &info), 0);
	assert_int_equal(info.st_size, BYTES);
}

enum { EXIT_NO_MOUNT = 77 };

/* In a process of its own, whose mounts go with it. */
static int open_where_room_is_short(void)
{
	const char *full = path_of("full");
	struct stat info;
	int fd = -1;
	if (unshare(CLONE_NEWNS) != 0 || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 ||
	        mount("none", full, "tmpfs", 0, "size=512k") != 0)
		return EXIT_NO_MOUNT;
	const char *disk = path_of("full/disk");
	if (cache_disk_open(disk, BYTES, &fd) != CACHE_DISK_OPEN_SYSTEM || errno != ENOSPC)
		return 1;
	/* What was taken is given back. */
	if (stat(disk, &info) != 0 || info.st_size != 0 || info.st_blocks != 0)
		return 2;
	return cache_disk_open(disk, BYTES / 4, &fd) == CACHE_DISK_OPEN_DONE ? 0 : 3;
}

static void a_full_file_system_is_told(void **state)
{
	(void)state;
	int status;
	assert_int_equal(mkdir(path_of("full"), 0700), 0);
	pid_t child = fork();
	if (child == 0)
		_exit(open_where_room_is_short());
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(rmdir(path_of("full")), 0);
	assert_true(WIFEXITED(status));
	if (WEXITSTATUS(status) == EXIT_NO_MOUNT) {
		print_message("nothing may be mounted here: the full file system is left out\n");
		skip();
	}
	assert_int_equal(WEXITSTATUS(status), 0);
}

static void every_verdict_has_words(void **state)
{
	(void)state;
	for (int i = 0; i <= CACHE_DISK_OPEN_SMALL; i++)
		assert_true(strlen(cache_disk_open_words((enum cache_disk_open)i)) > 4);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(a_new_file_has_all_of_its_room),
	        cmocka_unit_test(a_larger_file_keeps_its_size_and_what_is_in_it),
	        cmocka_unit_test(a_header_reads_as_it_was_written_and_is_wiped),
	        cmocka_unit_test(what_is_erased_is_another_session_s),
	        cmocka_unit_test(contents_that_are_not_ours_are_left_alone),
	        cmocka_unit_test(zeroes_are_nobody_s_and_a_link_is_followed),
	        cmocka_unit_test(other_kinds_are_refused),
	        cmocka_unit_test(who_has_it_keeps_it_and_a_duplicate_has_it_too),
	        cmocka_unit_test(one_that_is_let_go_of_soon_is_waited_for),
	        cmocka_unit_test(a_limit_of_files_is_told_and_kills_nobody),
	        cmocka_unit_test(a_full_file_system_is_told),
	        cmocka_unit_test(every_verdict_has_words),
	};
	return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
