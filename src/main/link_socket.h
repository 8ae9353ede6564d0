/*
 * The UNIX socket that the control plane listens at for edges (link/hub.h). It belongs to the user
 * that they become, who is the only one, but root, to connect.
 */
#pragma once

#include "main/invocation.h"

/* Listens at the path of invocation_add_link_path; *ret_socket is -1 where there is none. On false
 * *ret_why tells in a line why not. While there is one thread. */
MUST_CHECK bool link_socket_open(
        const struct invocation *invocation, int *ret_socket, struct text *ret_why);

/* Whether an open socket, or -1, is what the invocation asks for. */
bool link_socket_is_meant(const struct invocation *invocation, int socket);
