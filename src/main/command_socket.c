/*
 * The file stays where it is when Headwater ends: removing it could take away that of a successor,
 * and whoever comes next replaces what nobody listens to.
 */
#include "main/command_socket.h"

#include "net/local.h"

#include <errno.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>

enum {
	BACKLOG = 64, /* how many commands may wait while one edge replaces another */
	TRIES = 100,
	PAUSE_MS = 20,
};

void command_socket_add_path(const struct settings *settings, struct text *to)
{
	if (settings->socket[0] != '\0')
		text_add(to, str_of(settings->socket));
	else if (settings->state_dir[0] != '\0')
		text_addf(to, "%s/edge.socket", settings->state_dir);
}

static const char *why_not(int error)
{
	if (error == EADDRINUSE)
		return "another process listens there";
	if (error == ENOTSOCK)
		return "what is there is no socket";
	return strerror(error);
}

/* Who listens there may be the edge of a supervisor that has died, and is about to notice. */
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

bool command_socket_open(const struct settings *settings, int *ret_socket, struct text *ret_why)
{
	struct text path = {0};
	command_socket_add_path(settings, &path);
	int fd = path.len != 0 ? listen_soon(text_c(&path)) : -1;
	bool is_open = path.len == 0 || fd >= 0;
	if (is_open)
		*ret_socket = fd;
	else
		text_addf(ret_why, "cannot listen on %s: %s", text_c(&path), why_not(errno));
	text_done(&path);
	return is_open;
}

bool command_socket_is_meant(const struct settings *settings, int socket)
{
	struct sockaddr_un address = {0};
	socklen_t length = sizeof(address);
	struct text path = {0};
	command_socket_add_path(settings, &path);
	if (socket >= 0)
		CHECK(getsockname(socket, (struct sockaddr *)&address, &length) == 0);
	/* A path of full length has no NUL behind it. */
	size_t path_length = strnlen(address.sun_path, sizeof(address.sun_path));
	bool is_meant = str_is_equal(str_make(address.sun_path, path_length), text_str(&path));
	text_done(&path);
	return is_meant;
}
