/*
 * Listening at a path: the UNIX sockets that are opened once, by whoever has the rights, and
 * outlive every process that accepts at them.
 */
#pragma once

#include "base/str.h"

/* Listens there; where another process does, it has two seconds to end. On false *ret_why tells in
 * a line why not. */
MUST_CHECK bool socket_file_open(const char *path, int *ret_socket, struct text *ret_why);

/* Whether an open socket is of this path; -1 is of the empty one. */
bool socket_file_is(int socket, struct str path);
