/*
 * The UNIX socket that an edge takes commands from (link/command.h): where it is, and opening it.
 * Like the listeners it is opened once, by whoever has the rights, and outlives every edge.
 */
#pragma once

#include "main/settings.h"

/* Adds its path; nothing where there is none. */
void command_socket_add_path(const struct settings *settings, struct text *to);

/* Listens there; where another process does, it has two seconds to end. *ret_socket is -1 where
 * there is no path; on false *ret_why tells in a line why not. */
MUST_CHECK bool command_socket_open(
        const struct settings *settings, int *ret_socket, struct text *ret_why);

/* Whether an open socket, or -1, is what the settings ask for. */
bool command_socket_is_meant(const struct settings *settings, int socket);
