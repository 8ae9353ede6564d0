/*
 * The file stays where it is when Headwater ends: removing it could take away that of a successor,
 * and whoever comes next replaces what nobody listens to.
 */
#include "main/socket_file.h"

#include "net/local.h"

#include <errno.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>

enum {
	BACKLOG = 64, /* how many may wait while one process replaces another */
	TRIES = 100,
	PAUSE_MS = 20,
};

static const char *why_not(int error)
{
	if (error == EADDRINUSE)
		return "another process listens there";
	if (error == ENOTSOCK)
		return "what is there is no socket";
	return strerror(error);
}

/* Who listens there may be the child of a supervisor that has died, and is about to notice. */
static int listen_soon(const char *path)
{
	const struct timespec pause = {.tv_nsec = PAUSE_MS * 1000000L};
	int fd = -1;
	for (unsigned i = 0; i < TRIES; i++) {
		fd = local_listen(path, BACKLOG);
		if (fd >= 0 || errno != EADDRINUSE)
			break;
		nanosleep(&pause, NULL);
	}
	return fd;
}

bool socket_file_open(const char *path, int *ret_socket, struct text *ret_why)
{
	int fd = listen_soon(path);
	if (fd >= 0)
		*ret_socket = fd;
	else
		text_addf(ret_why, "cannot listen on %s: %s", path, why_not(errno));
	return fd >= 0;
}

bool socket_file_is(int socket, struct str path)
{
	struct sockaddr_un address = {0};
	socklen_t length = sizeof(address);
	if (socket >= 0)
		CHECK(getsockname(socket, (struct sockaddr *)&address, &length) == 0);
	/* A path of full length has no NUL behind it. */
	size_t path_length = strnlen(address.sun_path, sizeof(address.sun_path));
	return str_is_equal(str_make(address.sun_path, path_length), path);
}
