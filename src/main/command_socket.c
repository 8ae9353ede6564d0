/*
 * The setting, or a name in the folder of state.
 */
#include "main/command_socket.h"

#include "main/socket_file.h"

void command_socket_add_path(const struct settings *settings, struct text *to)
{
	if (settings->socket[0] != '\0')
		text_add(to, str_of(settings->socket));
	else if (settings->state_dir[0] != '\0')
		text_addf(to, "%s/edge.socket", settings->state_dir);
}

bool command_socket_open(const struct settings *settings, int *ret_socket, struct text *ret_why)
{
	struct text path = {0};
	bool is_open = true;
	command_socket_add_path(settings, &path);
	if (path.len != 0)
		is_open = socket_file_open(text_c(&path), ret_socket, ret_why);
	else
		*ret_socket = -1;
	text_done(&path);
	return is_open;
}

bool command_socket_is_meant(const struct settings *settings, int socket)
{
	struct text path = {0};
	command_socket_add_path(settings, &path);
	bool is_meant = socket_file_is(socket, text_str(&path));
	text_done(&path);
	return is_meant;
}
