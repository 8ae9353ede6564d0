/*
 * The kernel makes the file as the user that we are at that moment. To make it as root and give it
 * away would be to give away whatever the user has put in its place meanwhile.
 */
#include "main/link_socket.h"

#include "main/socket_file.h"

#include <errno.h>
#include <pwd.h>
#include <unistd.h>

/* Whom the file is to belong to. */
static uid_t owner(const struct settings *settings)
{
	const struct passwd *entry =
	        settings->user[0] != '\0' && geteuid() == 0 ? getpwnam(settings->user) : NULL;
	return entry != NULL ? entry->pw_uid : geteuid();
}

bool link_socket_open(const struct invocation *invocation, int *ret_socket, struct text *ret_why)
{
	struct text path = {0};
	uid_t we = geteuid(), user = owner(&invocation->settings);
	bool is_open = true;
	int fd = -1;
	invocation_add_link_path(invocation, &path);
	if (path.len == 0)
		goto done;
	if (user != we && seteuid(user) != 0) {
		text_addf(ret_why, "cannot listen on %s: %s", text_c(&path), strerror(errno));
		is_open = false;
		goto done;
	}
	is_open = socket_file_open(text_c(&path), &fd, ret_why);
	if (user != we)
		CHECK(seteuid(we) == 0);
done:
	if (is_open)
		*ret_socket = fd;
	text_done(&path);
	return is_open;
}

bool link_socket_is_meant(const struct invocation *invocation, int socket)
{
	struct text path = {0};
	invocation_add_link_path(invocation, &path);
	bool is_meant = socket_file_is(socket, text_str(&path));
	text_done(&path);
	return is_meant;
}
