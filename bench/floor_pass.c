/*
 * The floor: the least that a pass-through of small responses can cost with these system calls.
 * Each client connection has one origin connection; a request is whatever ends in an empty line, a
 * response is as many bytes as its first Content-Length says. It checks nothing, so it is no proxy;
 * what a real one costs above it is the price of what a real one does.
 *
 * Usage: floor_pass LISTEN_PORT ORIGIN_PORT
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

enum { BUFFER_BYTES = 16384, EVENTS = 256 };

static const char REQUEST[] = "GET /pass/1k HTTP/1.1\r\nHost: bench.test\r\n\r\n";

/* One direction's end: a client or its origin connection. */
struct end {
	int fd;
	int is_origin;
	struct end *other;
	size_t used;
	char bytes[BUFFER_BYTES];
};

static int queue;

static void die(const char *what)
{
	perror(what);
	exit(1);
}

static struct end *end_new(int fd, int is_origin)
{
	struct end *end = calloc(1, sizeof(*end));
	if (end == NULL)
		die("calloc");
	end->fd = fd;
	end->is_origin = is_origin;
	int on = 1;
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	struct epoll_event event = {.events = EPOLLIN | EPOLLRDHUP | EPOLLET, .data.ptr = end};
	if (epoll_ctl(queue, EPOLL_CTL_ADD, fd, &event) != 0)
		die("epoll_ctl");
	return end;
}

static int connect_origin(unsigned port)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof(address)) != 0)
		die("connect");
	return fd;
}

/* Whether the buffer holds a whole message. */
static int is_whole(struct end *end)
{
	const char *head_end = memmem(end->bytes, end->used, "\r\n\r\n", 4);
	if (head_end == NULL)
		return 0;
	if (!end->is_origin)
		return 1;
	const char *length = memmem(end->bytes, end->used, "Content-Length: ", 16);
	return length != NULL &&
	       end->used >= (size_t)(head_end + 4 - end->bytes) + strtoul(length + 16, NULL, 10);
}

/* The two ends of a pair leave together; their memory stays, since the other one may be in this
 * turn's events. */
static void leave(struct end *end)
{
	if (end->fd < 0)
		return;
	close(end->fd);
	close(end->other->fd);
	end->fd = end->other->fd = -1;
}

static void forward(struct end *end)
{
	if (end->fd < 0)
		return;
	ssize_t got =
	        recv(end->fd, end->bytes + end->used, sizeof(end->bytes) - end->used, MSG_DONTWAIT);
	if (got <= 0) {
		if (got == 0 || errno != EAGAIN)
			leave(end);
		return;
	}
	end->used += (size_t)got;
	if (!is_whole(end))
		return;
	ssize_t put = end->is_origin
	                      ? send(end->other->fd, end->bytes, end->used, MSG_NOSIGNAL)
	                      : send(end->other->fd, REQUEST, sizeof(REQUEST) - 1, MSG_NOSIGNAL);
	end->used = 0;
	if (put <= 0)
		leave(end);
}

int main(int count, char **words)
{
	if (count != 3) {
		fprintf(stderr, "usage: floor_pass LISTEN_PORT ORIGIN_PORT\n");
		return 2;
	}
	queue = epoll_create1(0);
	struct sockaddr_in address = {
	        .sin_family = AF_INET, .sin_port = htons((uint16_t)strtoul(words[1], NULL, 10))};
	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	int listener = socket(AF_INET, SOCK_STREAM, 0), on = 1;
	setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (bind(listener, (struct sockaddr *)&address, sizeof(address)) != 0 ||
	        listen(listener, 4096) != 0)
		die("listen");
	struct epoll_event event = {.events = EPOLLIN, .data.ptr = NULL};
	if (epoll_ctl(queue, EPOLL_CTL_ADD, listener, &event) != 0)
		die("epoll_ctl");
	for (;;) {
		struct epoll_event events[EVENTS];
		int ready = epoll_wait(queue, events, EVENTS, -1);
		for (int i = 0; i < ready; i++) {
			if (events[i].data.ptr != NULL) {
				forward(events[i].data.ptr);
				continue;
			}
			int fd = accept(listener, NULL, NULL);
			if (fd < 0)
				continue;
			struct end *client = end_new(fd, 0);
			client->other =
			        end_new(connect_origin((unsigned)strtoul(words[2], NULL, 10)), 1);
			client->other->other = client;
		}
	}
}
