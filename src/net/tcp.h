/*
 * TCP sockets: listening, accepting, connecting, reading and writing, all non-blocking, with
 * results that name what happened. Any thread.
 */
#pragma once

#include "base/address.h"
#include "base/fault.h"

#include <stdbool.h>
#include <stddef.h>
#include <sys/uio.h>

/* What reading or writing came to. */
enum tcp_result {
	TCP_DONE,  /* some bytes moved */
	TCP_AGAIN, /* none can move now */
	TCP_END,   /* reading: the peer sent FIN; or a file to send has no such bytes */
	TCP_RESET, /* the connection was reset, or any other error */
};

/*
 * A listening socket with SO_REUSEADDR, SO_REUSEPORT, TCP_NODELAY and TCP_DEFER_ACCEPT off, for
 * IPv6 with IPV6_V6ONLY. Returns -1 with errno set on failure. Port 0 lets the kernel choose.
 */
MUST_CHECK int tcp_listen(const struct address *address, int backlog);

/* The address a socket is bound to. */
MUST_CHECK bool tcp_local_address(int fd, struct address *ret_address);

/* Accepts one connection (non-blocking, close-on-exec, TCP_NODELAY) or returns -1 with errno. */
MUST_CHECK int tcp_accept(int listener, struct address *ret_peer);

/*
 * Begins a connection. *ret_fd is the new non-blocking socket, TCP_NODELAY; it becomes writable
 * when the connection stands or failed (tcp_connect_result tells). A failure at once is returned as
 * its fault: CONNECT_*, or LOCAL (no ports, EMFILE, no memory), or NO_ROUTE when the family has no
 * route.
 */
MUST_CHECK enum fault tcp_connect(const struct address *to, int *ret_fd);

/* How the attempt to connect ended: FAULT_NONE, a CONNECT_* fault or LOCAL. */
enum fault tcp_connect_result(int fd);

/* Reads at most `size` bytes. *ret_count is set for TCP_DONE only. */
enum tcp_result tcp_read(int fd, void *to, size_t size, size_t *ret_count);

/* Writes from up to `count` vectors (MSG_NOSIGNAL). *ret_count is set for TCP_DONE only and may be
 * less than all. */
enum tcp_result tcp_write(int fd, const struct iovec *vectors, int count, size_t *ret_count);

/*
 * Writes `head` (may be empty), then `size` bytes (not 0) of the file from `offset` on, without
 * copying these, and so that both leave together. *ret_count is set for TCP_DONE only and counts
 * the head's bytes first; when it is less than all, another call tells why. TCP_END: the file is
 * shorter, or could not be read. The process must ignore SIGPIPE.
 */
enum tcp_result tcp_send_file(
        int fd, struct str head, int file, uint64_t offset, size_t size, size_t *ret_count);

/* True when the connection has neither data, nor FIN, nor an error waiting: an idle connection that
 * may be used again. One system call. */
bool tcp_is_quiet(int fd);

/* Closes so that the peer sees RST: SO_LINGER 0. */
void tcp_abort(int fd);

/* Waits for the client to have read everything: sends FIN, the rest is the caller's. */
void tcp_send_fin(int fd);
