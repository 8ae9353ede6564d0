/*
 * UNIX sockets: a listener at a path of the file system, and connections to it. Who may connect is
 * decided by the owner and the mode of that path. Any thread.
 */
#pragma once

#include "base/check.h"

/* The longest path, without its NUL (what sun_path of Linux holds). */
enum { LOCAL_PATH_BYTES = 107 };

/*
 * A non-blocking listener whose path has mode 0600. What a process that is dead has left there is
 * replaced; meanwhile there is a file `path`.lock. Returns -1 with errno set on failure: EADDRINUSE
 * when somebody listens there, ENOTSOCK when the path is something else, which stays, ENAMETOOLONG.
 */
MUST_CHECK int local_listen(const char *path, int backlog);

/* Accepts one connection (non-blocking, close-on-exec) or returns -1 with errno. */
MUST_CHECK int local_accept(int listener);

/* Connects. It, and each send and recv on the socket it returns, waits at most timeout_ms (0: not
 * at all) and fails with EAGAIN then. -1 with errno on failure. */
MUST_CHECK int local_connect(const char *path, unsigned timeout_ms);
