/*
 * Non-blocking sockets: thin on the system calls, exact about what their errors mean.
 *
 * Congestion control, buffer sizes and keep-alive are the system's: an operator sets them there,
 * and knows better.
 */
#include "net/tcp.h"

#include "base/check.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <unistd.h>

/* What a vector may have at most (IOV_MAX of Linux). */
enum { VECTORS_MAX = 1024 };

static bool set_option(int fd, int level, int option, int value)
{
	return setsockopt(fd, level, option, &value, sizeof(value)) == 0;
}

/* Closes without touching errno. */
static void close_quietly(int fd)
{
	int saved = errno;
	close(fd);
	errno = saved;
}

int tcp_listen(const struct address *address, int backlog)
{
	union address_sockaddr sockaddr;
	socklen_t length = address_to_sockaddr(address, &sockaddr);
	int family = sockaddr.any.sa_family;
	int fd = socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -1;
	/* What is accepted inherits TCP_NODELAY. */
	bool is_set = set_option(fd, SOL_SOCKET, SO_REUSEADDR, 1) &&
	              set_option(fd, SOL_SOCKET, SO_REUSEPORT, 1) &&
	              set_option(fd, IPPROTO_TCP, TCP_NODELAY, 1) &&
	              (family != AF_INET6 || set_option(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1));
	if (!is_set || bind(fd, &sockaddr.any, length) != 0 || listen(fd, backlog) != 0) {
		close_quietly(fd);
		return -1;
	}
	return fd;
}

bool tcp_local_address(int fd, struct address *ret_address)
{
	union address_sockaddr sockaddr;
	socklen_t length = sizeof(sockaddr);
	if (getsockname(fd, &sockaddr.any, &length) != 0)
		return false;
	address_from_sockaddr(&sockaddr.any, ret_address);
	return true;
}

int tcp_accept(int listener, struct address *ret_peer)
{
	union address_sockaddr sockaddr = {0};
	int fd;
	do {
		socklen_t length = sizeof(sockaddr);
		fd = accept4(listener, &sockaddr.any, &length, SOCK_NONBLOCK | SOCK_CLOEXEC);
		/* A connection that was reset while it waited is nobody's concern. */
	} while (fd < 0 && (errno == EINTR || errno == ECONNABORTED));
	if (fd >= 0)
		address_from_sockaddr(&sockaddr.any, ret_peer);
	return fd;
}

/* What an error of connect(2), at once or later, says about whom. */
static enum fault fault_of_connect(int error)
{
	switch (error) {
	case 0:
		return FAULT_NONE;
	case ECONNREFUSED:
		return FAULT_CONNECT_REFUSED;
	case ECONNRESET:
	case EPIPE:
		return FAULT_CONNECT_RESET;
	case ETIMEDOUT:
		return FAULT_CONNECT_TIMEOUT;
	case ENETUNREACH:
	case EAFNOSUPPORT:
		return FAULT_NO_ROUTE;
	case EADDRNOTAVAIL:
	case EMFILE:
	case ENFILE:
	case ENOBUFS:
	case ENOMEM:
	case EAGAIN:
	case EACCES: /* our own packet filter */
	case EPERM:
		return FAULT_LOCAL;
	default: /* EHOSTUNREACH, EHOSTDOWN, ENETDOWN, and what else routers send */
		return FAULT_CONNECT_UNREACHABLE;
	}
}

enum fault tcp_connect(const struct address *to, int *ret_fd)
{
	union address_sockaddr sockaddr;
	socklen_t length = address_to_sockaddr(to, &sockaddr);
	int fd = socket(sockaddr.any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return fault_of_connect(errno);
	if (!set_option(fd, IPPROTO_TCP, TCP_NODELAY, 1) ||
	        (connect(fd, &sockaddr.any, length) != 0 && errno != EINPROGRESS &&
	                errno != EINTR)) {
		enum fault fault = fault_of_connect(errno);
		close(fd);
		return fault;
	}
	*ret_fd = fd;
	return FAULT_NONE;
}

enum fault tcp_connect_result(int fd)
{
	int error = 0;
	socklen_t length = sizeof(error);
	CHECK(getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &length) == 0);
	/* Having no route of one's own is known at once; what comes later is a router's word about
	 * this one network. */
	return error == ENETUNREACH ? FAULT_CONNECT_UNREACHABLE : fault_of_connect(error);
}

/* What a system call that moves bytes returned. */
static enum tcp_result result_of(ssize_t moved, size_t *ret_count)
{
	if (moved >= 0) {
		*ret_count = (size_t)moved;
		return TCP_DONE;
	}
	return errno == EAGAIN ? TCP_AGAIN : TCP_RESET;
}

enum tcp_result tcp_read(int fd, void *to, size_t size, size_t *ret_count)
{
	CHECK(size > 0);
	ssize_t got;
	do {
		got = recv(fd, to, size, 0);
	} while (got < 0 && errno == EINTR);
	return got == 0 ? TCP_END : result_of(got, ret_count);
}

enum tcp_result tcp_write(int fd, const struct iovec *vectors, int count, size_t *ret_count)
{
	CHECK(count > 0);
	struct msghdr message = {0};
	message.msg_iov = (struct iovec *)(uintptr_t)vectors; /* which sendmsg only reads */
	message.msg_iovlen = (size_t)(count < VECTORS_MAX ? count : VECTORS_MAX);
	ssize_t put;
	do {
		if (count == 1)
			put = send(fd, vectors->iov_base, vectors->iov_len, MSG_NOSIGNAL);
		else
			put = sendmsg(fd, &message, MSG_NOSIGNAL);
	} while (put < 0 && errno == EINTR);
	return result_of(put, ret_count);
}

/* What else sendfile can say is about the connection. */
static bool is_of_file(int error)
{
	return error == EIO || error == EINVAL || error == EOVERFLOW || error == ENOMEM ||
	       error == ENODATA || error == ESTALE || error == EUCLEAN || error == EISDIR;
}

enum tcp_result tcp_send_file(
        int fd, struct str head, int file, uint64_t offset, size_t size, size_t *ret_count)
{
	CHECK(size > 0);
	ssize_t put = 0;
	if (head.len > 0) {
		do {
			put = send(fd, head.at, head.len, MSG_NOSIGNAL | MSG_MORE);
		} while (put < 0 && errno == EINTR);
		if (put < (ssize_t)head.len)
			return result_of(put, ret_count);
	}
	off_t at = (off_t)offset;
	ssize_t sent;
	do {
		sent = sendfile(fd, file, &at, size);
	} while (sent < 0 && errno == EINTR);
	if (sent > 0)
		return result_of(put + sent, ret_count);
	/* The head went, so this is for the next call to tell. */
	if (put > 0)
		return result_of(put, ret_count);
	return sent == 0 || is_of_file(errno) ? TCP_END : result_of(sent, ret_count);
}

bool tcp_is_quiet(int fd)
{
	char byte;
	ssize_t got;
	do {
		got = recv(fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT);
	} while (got < 0 && errno == EINTR);
	return got < 0 && errno == EAGAIN;
}

void tcp_abort(int fd)
{
	const struct linger linger = {.l_onoff = 1, .l_linger = 0};
	/* It can fail only for what is no socket any more, and then there is nothing to reset. */
	setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
	close(fd);
}

void tcp_send_fin(int fd)
{
	/* ENOTCONN: the peer was faster with a reset, which reading will tell. */
	shutdown(fd, SHUT_WR);
}
