/* What an edge may still do in its sandbox: all that its cache needs of the kernel. */
#include "main/sandbox.h"

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

static void run_in_sandbox(const char *user)
{
	struct memory memory;
	const struct settings settings = {.cache_memory = 16 << 20};
	pid_t pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		/* Made by who starts the edge, with all its rights. */
		NEED(memory_open(&settings, &memory));
		NEED(user == NULL || sandbox_become(user));
		sandbox_drop_rights();
		sandbox_filter_calls();
		use_a_memory(memory.fd);
		_exit(0);
	}
	int status;
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

static void the_memory_of_the_cache_can_be_used(void **state)
{
	(void)state;
	run_in_sandbox(NULL);
}

static void another_user_can_use_the_memory_of_the_one_who_made_it(void **state)
{
	(void)state;
	if (geteuid() == 0)
		run_in_sandbox("nobody");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(the_memory_of_the_cache_can_be_used),
	        cmocka_unit_test(another_user_can_use_the_memory_of_the_one_who_made_it),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
