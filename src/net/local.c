/*
 * A path outlives its listener: after a crash a file is there that nobody listens to. Connecting
 * tells the two apart, and between that and our own bind(2) a file beside it is locked, so that of
 * two processes that begin at one time the second does not take away what the first has just made.
 * The lock is a file that nobody else may open: a folder can be locked by whoever may read it.
 */
#include "net/local.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

_Static_assert(sizeof(((struct sockaddr_un *)0)->sun_path) == LOCAL_PATH_BYTES + 1, "Linux");

/* How long the lock is waited for, which nobody holds for longer than a moment. */
enum { LOCK_TRIES = 100, LOCK_PAUSE_MS = 10 };

/* Closes without touching errno. */
static void close_quietly(int fd)
{
	int saved = errno;
	close(fd);
	errno = saved;
}

static bool to_sockaddr(const char *path, struct sockaddr_un *ret_address)
{
	size_t length = strlen(path);
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	if (length == 0 || length > LOCAL_PATH_BYTES) {
		errno = length == 0 ? ENOENT : ENAMETOOLONG;
		return false;
	}
	memcpy(address.sun_path, path, length + 1);
	*ret_address = address;
	return true;
}

/* Opens a file of this name that is ours alone; -1 with errno, EWOULDBLOCK where another has it. */
static int try_lock(const char *name)
{
	struct stat ours, named;
	int fd = open(name, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return -1;
	bool is_locked = flock(fd, LOCK_EX | LOCK_NB) == 0;
	/* Who had it before us may have removed it. */
	if (is_locked && (fstat(fd, &ours) != 0 || lstat(name, &named) != 0 ||
	                         ours.st_ino != named.st_ino || ours.st_dev != named.st_dev)) {
		is_locked = false;
		errno = EWOULDBLOCK;
	}
	if (is_locked)
		return fd;
	close_quietly(fd);
	return -1;
}

static int wait_for_lock(const char *name)
{
	const struct timespec pause = {.tv_nsec = LOCK_PAUSE_MS * 1000000L};
	int fd = try_lock(name);
	for (unsigned tries = 0; fd < 0 && (errno == EWOULDBLOCK || errno == EINTR); tries++) {
		if (tries == LOCK_TRIES)
			return -1;
		nanosleep(&pause, NULL);
		fd = try_lock(name);
	}
	return fd;
}

/* Makes the path free, where it is not, of what nobody listens to. */
static bool clear_path(const char *path)
{
	struct stat info;
	if (lstat(path, &info) != 0)
		return errno == ENOENT;
	if (!S_ISSOCK(info.st_mode)) {
		errno = ENOTSOCK;
		return false;
	}
	int fd = local_connect(path, 0);
	if (fd >= 0)
		close(fd);
	/* EAGAIN: its queue is full. EPROTOTYPE: it is no stream, but somebody's. */
	if (fd >= 0 || errno == EAGAIN || errno == EPROTOTYPE) {
		errno = EADDRINUSE;
		return false;
	}
	return errno == ECONNREFUSED && unlink(path) == 0;
}

static int listen_at(const struct sockaddr_un *address, int backlog)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -1;
	/* The path takes the mode of the socket, so that it never has another one. */
	if (fchmod(fd, 0600) == 0 &&
	        bind(fd, (const struct sockaddr *)address, sizeof(*address)) == 0 &&
	        listen(fd, backlog) == 0)
		return fd;
	close_quietly(fd);
	return -1;
}

int local_listen(const char *path, int backlog)
{
	struct sockaddr_un address;
	if (!to_sockaddr(path, &address))
		return -1;
	char name[sizeof(address.sun_path) + sizeof(".lock")];
	snprintf(name, sizeof(name), "%s.lock", path);
	int lock = wait_for_lock(name);
	if (lock < 0)
		return -1;
	int fd = clear_path(path) ? listen_at(&address, backlog) : -1;
	int saved = errno;
	unlink(name);
	close(lock);
	errno = saved;
	return fd;
}

int local_accept(int listener)
{
	int fd;
	do {
		fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	} while (fd < 0 && (errno == EINTR || errno == ECONNABORTED));
	return fd;
}

int local_connect(const char *path, unsigned timeout_ms)
{
	struct sockaddr_un address;
	if (!to_sockaddr(path, &address))
		return -1;
	int type = SOCK_STREAM | SOCK_CLOEXEC | (timeout_ms == 0 ? SOCK_NONBLOCK : 0);
	int fd = socket(AF_UNIX, type, 0);
	if (fd < 0)
		return -1;
	const struct timeval timeout = {
	        .tv_sec = timeout_ms / 1000, .tv_usec = (timeout_ms % 1000) * 1000};
	if (setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof(timeout)) == 0 &&
	        setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout)) == 0 &&
	        connect(fd, (const struct sockaddr *)&address, sizeof(address)) == 0)
		return fd;
	close_quietly(fd);
	return -1;
}
