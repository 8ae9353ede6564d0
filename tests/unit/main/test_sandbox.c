/* What an edge may still do in its sandbox: all that its cache needs of the kernel. */
#include "main/sandbox.h"

#include "cache/disk.h"
#include "main/memory.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

enum { BYTES = 1 << 20 };

/* Ends the process, in which cmocka would not be heard. */
#define NEED(condition)                                                                            \
	do {                                                                                       \
		if (!(condition)) {                                                                \
			fprintf(stderr, "line %d: %s: %s\n", __LINE__, #condition,                 \
			        strerror(errno));                                                  \
			_exit(1);                                                                  \
		}                                                                                  \
	} while (0)

static void use_a_memory(int fd)
{
	char path[32];
	unsigned char resident[BYTES / 4096];
	int ends[2];
	struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 7, .l_len = 1};
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	int again = open(path, O_RDWR | O_CLOEXEC);
	NEED(again >= 0);
	NEED(fcntl(again, F_OFD_SETLK, &lock) == 0);
	char *at = mmap(NULL, BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	NEED(at != MAP_FAILED);
	at[0] = 1;
	NEED(mincore(at, BYTES, resident) == 0);
	NEED((resident[0] & 1) == 1);
	NEED(syscall(SYS_futex, at, FUTEX_WAKE, 1, NULL, NULL, 0) == 0);
	NEED(socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0);
	NEED(sendfile(ends[0], fd, NULL, 100) == 100);
	NEED(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, 4096) == 0);
	NEED(at[0] == 0);
	NEED(madvise(at, BYTES, MADV_DONTDUMP) == 0);
	NEED(munmap(at, BYTES) == 0);
}

/* What a writer and a recall do with a disk. */
static void use_a_disk(int fd)
{
	char bytes[64] = "written";
	const struct iovec parts[2] = {{bytes, 32}, {bytes + 32, 32}};
	uint32_t word = 0;
	const struct timespec moment = {.tv_nsec = 1};
	NEED(pwritev(fd, parts, 2, 65536) == 64);
	NEED(pwrite(fd, bytes, 64, 1 << 20) == 64);
	NEED(fdatasync(fd) == 0);
	NEED(pread(fd, bytes, 64, 65536) == 64);
	NEED(posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED) == 0);
	NEED(cache_disk_is(fd));
	NEED(syscall(SYS_futex, &word, FUTEX_WAIT, 0, &moment, NULL, 0) == -1);
	NEED(errno == ETIMEDOUT);
}

static void run_in_sandbox(const char *user)
{
	struct memory memory = MEMORY_NONE;
	struct settings settings = {.cache_memory = 16 << 20};
	char item[80];
	snprintf(item, sizeof(item), "/tmp/headwater-test-%ld:64m", (long)getpid());
	words_add(&settings.cache_disks, str_of(item));
	pid_t pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		/* Made by who starts the edge, with all its rights. */
		memory_open_disks(&memory, &settings);
		NEED(memory_renew(&memory, &settings));
		NEED(memory.disk_count == 1);
		NEED(user == NULL || sandbox_become(user));
		sandbox_drop_rights();
		sandbox_filter_calls();
		use_a_memory(memory.fd);
		use_a_disk(memory.disks[0].fd);
		_exit(0);
	}
	int status;
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	*strrchr(item, ':') = '\0';
	assert_int_equal(unlink(item), 0);
	words_done(&settings.cache_disks);
}

static void the_memory_and_the_disks_of_the_cache_can_be_used(void **state)
{
	(void)state;
	run_in_sandbox(NULL);
}

static void another_user_can_use_those_of_the_one_who_made_them(void **state)
{
	(void)state;
	if (geteuid() == 0)
		run_in_sandbox("nobody");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(the_memory_and_the_disks_of_the_cache_can_be_used),
	        cmocka_unit_test(another_user_can_use_those_of_the_one_who_made_them),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
