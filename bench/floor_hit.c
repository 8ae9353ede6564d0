/*
 * The floor of a hit: the least that a response from memory can cost with one read and one write
 * beside a shared epoll_wait. A request is a head that came whole in one read; its lines are
 * walked, its host and path looked up in a table of a believable size, and the whole key compared
 * (floor_objects.c). A body of at most 16 KB goes out with its head in one write (up to 4 KB it is
 * copied behind it, which costs less than a vector); a larger one lies in a memfd and follows its
 * head by sendfile. It knows GET, no freshness, no variants, no limits: what a real cache costs
 * above it is the price of being one.
 *
 * Usage: floor_hit LISTEN_PORT HOST FOLDER        serves FOLDER's files as http://HOST/hit/NAME
 */
#include "floor_objects.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

enum {
	REQUEST_BYTES = 16384,
	EVENTS = 256,
};

struct client {
	int fd;
	bool is_last;                      /* the response that is being sent */
	const struct floor_object *object; /* what is being sent; NULL between responses */
	size_t sent;                       /* of head and body */
	size_t head_bytes;                 /* with a body that was copied */
	size_t body_bytes;                 /* of one that was not */
	char head[FLOOR_HEAD_MAX + FLOOR_COPY_MAX];
};

static int queue;

static void write_head(struct client *client, const struct floor_object *object)
{
	char *to = floor_head(client->head, object);
	client->body_bytes = object->body_bytes;
	if (object->body_bytes <= FLOOR_COPY_MAX) {
		memcpy(to, object->body, object->body_bytes);
		to += object->body_bytes;
		client->body_bytes = 0;
	}
	client->head_bytes = (size_t)(to - client->head);
}

static ssize_t send_some(struct client *client)
{
	const struct floor_object *object = client->object;
	size_t of_head = client->sent < client->head_bytes ? client->sent : client->head_bytes;
	size_t of_body = client->sent - of_head;
	if (object->fd < 0 && client->body_bytes > 0) {
		struct iovec pieces[2] = {
		        {client->head + of_head, client->head_bytes - of_head},
		        {(void *)(uintptr_t)(object->body + of_body), client->body_bytes - of_body},
		};
		struct msghdr message = {.msg_iov = pieces, .msg_iovlen = 2};
		return sendmsg(client->fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
	}
	if (of_head < client->head_bytes) /* MSG_MORE: the head shares a segment with the body */
		return send(client->fd, client->head + of_head, client->head_bytes - of_head,
		        (client->body_bytes > 0 ? MSG_MORE : 0) | MSG_NOSIGNAL | MSG_DONTWAIT);
	off_t from = (off_t)of_body;
	return sendfile(client->fd, object->fd, &from, client->body_bytes - of_body);
}

static void leave(struct client *client)
{
	close(client->fd);
	free(client);
}

/* Whether the client is still there. */
static int go_on(struct client *client)
{
	while (client->sent < client->head_bytes + client->body_bytes) {
		ssize_t put_bytes = send_some(client);
		if (put_bytes > 0) {
			client->sent += (size_t)put_bytes;
		} else if (put_bytes < 0 && errno == EAGAIN) {
			return 1;
		} else {
			leave(client);
			return 0;
		}
	}
	client->object = NULL;
	if (!client->is_last)
		return 1;
	leave(client);
	return 0;
}

/* Edge-triggered, and a client never sends a second request before the response to its first one
 * has come: one read takes all there is. */
static void serve(struct client *client, uint32_t events)
{
	if (client->object != NULL && (events & EPOLLOUT) != 0 && !go_on(client))
		return;
	if (client->object != NULL || (events & EPOLLIN) == 0)
		return;
	char request[REQUEST_BYTES];
	ssize_t got = recv(client->fd, request, sizeof(request), MSG_DONTWAIT);
	if (got < 0 && errno == EAGAIN)
		return;
	client->object = got > 0 ? floor_parse(request, request + got, &client->is_last) : NULL;
	if (client->object == NULL) {
		leave(client);
		return;
	}
	write_head(client, client->object);
	client->sent = 0;
	go_on(client);
}

static void greet(int listener)
{
	int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK), on = 1;
	if (fd < 0)
		return;
	struct client *client = calloc(1, sizeof(*client));
	if (client == NULL)
		floor_die("calloc");
	client->fd = fd;
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	struct epoll_event event = {
	        .events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET, .data.ptr = client};
	if (epoll_ctl(queue, EPOLL_CTL_ADD, fd, &event) != 0)
		floor_die("epoll_ctl");
}

int main(int count, char **words)
{
	if (count != 4) {
		fprintf(stderr, "usage: floor_hit LISTEN_PORT HOST FOLDER\n");
		return 2;
	}
	signal(SIGPIPE, SIG_IGN); /* sendfile knows no MSG_NOSIGNAL */
	floor_load(words[2], words[3]);
	queue = epoll_create1(0);
	int listener = floor_listen(words[1], 0);
	struct epoll_event event = {.events = EPOLLIN, .data.ptr = NULL};
	if (epoll_ctl(queue, EPOLL_CTL_ADD, listener, &event) != 0)
		floor_die("epoll_ctl");
	for (;;) {
		struct epoll_event events[EVENTS];
		int ready = epoll_wait(queue, events, EVENTS, -1);
		floor_note_time();
		for (int i = 0; i < ready; i++) {
			if (events[i].data.ptr != NULL)
				serve(events[i].data.ptr, events[i].events);
			else
				greet(listener);
		}
	}
}
