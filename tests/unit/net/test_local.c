/* UNIX sockets: what is at a path before, and who gets it. */
#include "net/local.h"

#include "base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

struct place {
	char folder[40], path[80];
};

static int make_place(void **state)
{
	struct place *place = mem_new(struct place);
	snprintf(place->folder, sizeof(place->folder), "/tmp/headwater-test-XXXXXX");
	if (mkdtemp(place->folder) == NULL)
		return -1;
	snprintf(place->path, sizeof(place->path), "%s/edge.socket", place->folder);
	*state = place;
	return 0;
}

static int remove_place(void **state)
{
	struct place *place = *state;
	unlink(place->path);
	int result = rmdir(place->folder);
	mem_free(place);
	return result;
}

static void a_listener_is_for_its_owner_alone(void **state)
{
	const struct place *place = *state;
	struct stat info;
	mode_t before = umask(0);
	int fd = local_listen(place->path, 4);
	umask(before);
	assert_true(fd >= 0);
	assert_int_equal(stat(place->path, &info), 0);
	assert_true(S_ISSOCK(info.st_mode));
	assert_int_equal(info.st_mode & 07777, 0600);
	assert_int_equal(fcntl(fd, F_GETFD), FD_CLOEXEC);
	close(fd);
}

static void what_is_sent_arrives(void **state)
{
	const struct place *place = *state;
	char bytes[8];
	int listener = local_listen(place->path, 4);
	assert_int_equal(local_accept(listener), -1);
	assert_int_equal(errno, EAGAIN);
	int client = local_connect(place->path, 1000);
	assert_true(client >= 0);
	int server = local_accept(listener);
	assert_true(server >= 0);
	assert_int_equal(recv(server, bytes, sizeof(bytes), 0), -1);
	assert_int_equal(errno, EAGAIN);
	assert_int_equal(send(client, "hello", 5, 0), 5);
	assert_int_equal(recv(server, bytes, sizeof(bytes), 0), 5);
	assert_memory_equal(bytes, "hello", 5);
	close(server);
	close(client);
	close(listener);
}

static void what_the_dead_left_is_replaced(void **state)
{
	const struct place *place = *state;
	close(local_listen(place->path, 4));
	assert_int_equal(local_connect(place->path, 1000), -1);
	assert_int_equal(errno, ECONNREFUSED);
	int fd = local_listen(place->path, 4);
	assert_true(fd >= 0);
	int client = local_connect(place->path, 1000);
	assert_true(client >= 0);
	close(client);
	close(fd);
}

static void what_the_living_have_is_theirs(void **state)
{
	const struct place *place = *state;
	int fd = local_listen(place->path, 0);
	int waiting[8], count = 0;
	assert_true(fd >= 0);
	assert_int_equal(local_listen(place->path, 4), -1);
	assert_int_equal(errno, EADDRINUSE);
	/* Also when its queue is full. */
	while (count < 8 && (waiting[count] = local_connect(place->path, 0)) >= 0)
		count++;
	assert_true(count < 8);
	assert_int_equal(errno, EAGAIN);
	assert_int_equal(local_listen(place->path, 4), -1);
	assert_int_equal(errno, EADDRINUSE);
	while (count > 0)
		close(waiting[--count]);
	close(fd);
}

static void what_is_no_listener_stays(void **state)
{
	const struct place *place = *state;
	struct stat info;
	int fd = open(place->path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
	close(fd);
	assert_int_equal(local_listen(place->path, 4), -1);
	assert_int_equal(errno, ENOTSOCK);
	assert_int_equal(stat(place->path, &info), 0);
	assert_true(S_ISREG(info.st_mode));
	unlink(place->path);

	assert_int_equal(symlink("/dev/null", place->path), 0);
	assert_int_equal(local_listen(place->path, 4), -1);
	assert_int_equal(errno, ENOTSOCK);
	unlink(place->path);

	struct sockaddr_un address = {.sun_family = AF_UNIX};
	memcpy(address.sun_path, place->path, strlen(place->path) + 1);
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(local_listen(place->path, 4), -1);
	assert_int_equal(errno, EADDRINUSE);
	close(fd);
}

/* Which whoever may read it can. */
static void a_folder_that_somebody_has_locked_is_no_obstacle(void **state)
{
	const struct place *place = *state;
	int folder = open(place->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_int_equal(flock(folder, LOCK_EX), 0);
	int fd = local_listen(place->path, 4);
	assert_true(fd >= 0);
	close(fd);
	close(folder);
}

static void a_lock_that_is_kept_is_given_up_and_one_that_is_left_is_not(void **state)
{
	const struct place *place = *state;
	struct stat info;
	char lock[96];
	snprintf(lock, sizeof(lock), "%s.lock", place->path);
	int kept = open(lock, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	assert_int_equal(flock(kept, LOCK_EX), 0);
	assert_int_equal(local_listen(place->path, 4), -1);
	assert_int_equal(errno, EWOULDBLOCK);
	close(kept);
	assert_int_equal(stat(lock, &info), 0);
	int fd = local_listen(place->path, 4);
	assert_true(fd >= 0);
	assert_int_equal(stat(lock, &info), -1);
	close(fd);
}

/* Tells what came of it, and has it until the other end of `hold` is closed. */
static void listen_for_a_while(const char *path, int begin, int hold, int results)
{
	char byte;
	(void)!read(begin, &byte, 1);
	int fd = local_listen(path, 4);
	char result = fd >= 0 ? 'l' : errno == EADDRINUSE ? 'u' : '?';
	(void)!write(results, &result, 1);
	(void)!read(hold, &byte, 1);
	_exit(0);
}

/* None takes away what another has just made. */
static void of_those_that_begin_at_once_one_listens(void **state)
{
	enum { PROCESSES = 8, ROUNDS = 5 };
	const struct place *place = *state;
	for (unsigned round = 0; round < ROUNDS; round++) {
		int begin[2], hold[2], results[2];
		unsigned listeners = 0;
		char result;
		assert_int_equal(pipe(begin) + pipe(hold) + pipe(results), 0);
		for (unsigned i = 0; i < PROCESSES; i++) {
			if (fork() != 0)
				continue;
			close(begin[1]);
			close(hold[1]);
			listen_for_a_while(place->path, begin[0], hold[0], results[1]);
		}
		close(begin[1]);
		for (unsigned i = 0; i < PROCESSES; i++) {
			assert_int_equal(read(results[0], &result, 1), 1);
			assert_true(result == 'l' || result == 'u');
			listeners += result == 'l';
		}
		assert_int_equal(listeners, 1);
		close(hold[1]);
		for (unsigned i = 0; i < PROCESSES; i++)
			assert_true(wait(NULL) > 0);
		close(begin[0]);
		close(hold[0]);
		close(results[0]);
		close(results[1]);
	}
}

static void paths_that_are_too_long_or_lead_nowhere_are_told(void **state)
{
	(void)state;
	char path[LOCAL_PATH_BYTES + 2];
	memset(path, 'a', sizeof(path));
	path[LOCAL_PATH_BYTES + 1] = '\0';
	assert_int_equal(local_listen(path, 4), -1);
	assert_int_equal(errno, ENAMETOOLONG);
	assert_int_equal(local_connect(path, 0), -1);
	assert_int_equal(errno, ENAMETOOLONG);
	assert_int_equal(local_listen("", 4), -1);
	assert_int_equal(errno, ENOENT);
	assert_int_equal(local_listen("/nowhere/at/all", 4), -1);
	assert_int_equal(errno, ENOENT);
	assert_int_equal(local_connect("/nowhere/at/all", 0), -1);
	assert_int_equal(errno, ENOENT);
}

static void waiting_has_an_end(void **state)
{
	const struct place *place = *state;
	char byte;
	int listener = local_listen(place->path, 4);
	int client = local_connect(place->path, 20);
	assert_true(client >= 0);
	assert_int_equal(recv(client, &byte, 1, 0), -1);
	assert_int_equal(errno, EAGAIN);
	close(client);
	close(listener);
}

#define AT_A_PLACE(test) cmocka_unit_test_setup_teardown(test, make_place, remove_place)

int main(void)
{
	const struct CMUnitTest tests[] = {
	        AT_A_PLACE(a_listener_is_for_its_owner_alone),
	        AT_A_PLACE(what_is_sent_arrives),
	        AT_A_PLACE(what_the_dead_left_is_replaced),
	        AT_A_PLACE(what_the_living_have_is_theirs),
	        AT_A_PLACE(what_is_no_listener_stays),
	        AT_A_PLACE(a_folder_that_somebody_has_locked_is_no_obstacle),
	        AT_A_PLACE(a_lock_that_is_kept_is_given_up_and_one_that_is_left_is_not),
	        AT_A_PLACE(of_those_that_begin_at_once_one_listens),
	        AT_A_PLACE(waiting_has_an_end),
	        cmocka_unit_test(paths_that_are_too_long_or_lead_nowhere_are_told),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
