/*
 * Accepting. Each listener is level-triggered and gives up after a batch, so that a crowd at the
 * door does not starve who is inside. When descriptors run out, the spare one is used to accept and
 * close, so that the queue does not spin the loop.
 */
#include "serve/server.h"

#include "base/mem.h"
#include "http/date.h"
#include "serve/h2_private.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

enum { ACCEPT_BATCH = 64, DRAIN_BATCHES = 64, REFUSAL_ROOM = 512 };

struct listener {
	struct loop_fd watched;
	struct list_node node;
	struct serve_server *server;
	struct serve_door door;
};

static void shed_one(struct serve_server *server, int listener)
{
	struct address peer;
	close(server->spare_fd);
	int fd = tcp_accept(listener, &peer);
	if (fd >= 0)
		close(fd);
	server->spare_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
}

/* Over the limit for all: says so as far as it costs nothing, and keeps nothing of it. A handshake
 * to say it in is no such thing. */
static void refuse(const struct serve_server *server, int fd, bool is_secure)
{
	if (is_secure) {
		close(fd);
		return;
	}
	struct str lines = str_of(server->options.refusal_lines);
	char text[REFUSAL_ROOM];
	int length = snprintf(text, sizeof(text),
	        "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n"
	        "X-Headwater-Error: overload\r\n%.*sConnection: close\r\n\r\n",
	        STR_ARG(lines));
	CHECK(length > 0 && (size_t)length < sizeof(text));
	if (send(fd, text, (size_t)length, MSG_DONTWAIT | MSG_NOSIGNAL) > 0) {
		tcp_send_fin(fd);
		/* What is unread at the close is answered by a reset, which destroys the 503. */
		recv(fd, NULL, BUF_LARGE, MSG_DONTWAIT | MSG_TRUNC);
	}
	close(fd);
}

/* Accepts a batch; false when nobody waits any more. */
static bool accept_batch(const struct listener *listener)
{
	struct serve_server *server = listener->server;
	for (unsigned i = 0; i < ACCEPT_BATCH; i++) {
		struct address peer;
		int fd = tcp_accept(listener->watched.fd, &peer);
		if (fd < 0) {
			if (errno == EMFILE || errno == ENFILE)
				shed_one(server, listener->watched.fd);
			return false;
		}
		if (serve_census_enter(server->options.census))
			serve_connection_open(server, fd, &peer, listener->door);
		else
			refuse(server, fd, listener->door.is_secure);
	}
	return true;
}

static void on_listener(struct loop_fd *watched, unsigned events)
{
	(void)events;
	accept_batch(container_of(watched, struct listener, watched));
}

struct serve_server *serve_server_new(const struct serve_options *options)
{
	struct serve_server *server = mem_new(struct serve_server);
	server->options = *options;
	list_init(&server->connections);
	list_init(&server->listeners);
	slab_init(&server->connection_slab, sizeof(struct serve_connection));
	slab_init(&server->stream_slab, sizeof(struct stream_room));
	server->h2 = serve_h2_shared_new();
	server->spare_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	return server;
}

static void stop_listening(struct serve_server *server)
{
	struct list_node *node;
	while ((node = list_take_first(&server->listeners)) != NULL) {
		struct listener *listener = container_of(node, struct listener, node);
		loop_remove(server->options.loop, &listener->watched);
		mem_free(listener);
	}
}

void serve_server_free(struct serve_server *server)
{
	if (server == NULL)
		return;
	stop_listening(server);
	struct list_node *node;
	while ((node = list_first(&server->connections)) != NULL)
		serve_connection_close(container_of(node, struct serve_connection, node));
	slab_done(&server->connection_slab);
	slab_done(&server->stream_slab);
	serve_h2_shared_free(server->h2);
	if (server->spare_fd >= 0)
		close(server->spare_fd);
	mem_free(server);
}

/* Whether who connects there without TLS may speak HTTP/2. */
static bool may_be_h2(const struct serve_server *server, int listener)
{
	struct address address;
	if (!server->options.is_http2)
		return false;
	switch (server->options.plain_h2) {
	case SERVE_PLAIN_H2_OFF:
		return false;
	case SERVE_PLAIN_H2_LOOPBACK:
		return tcp_local_address(listener, &address) && address_is_loopback(&address);
	case SERVE_PLAIN_H2_ON:
		return true;
	}
	CHECK(false);
}

bool serve_server_listen(struct serve_server *server, int fd, bool is_secure)
{
	CHECK(!is_secure || server->options.tls != NULL);
	struct listener *listener = mem_new(struct listener);
	listener->watched = (struct loop_fd){.fd = fd, .on_ready = on_listener};
	listener->server = server;
	listener->door = (struct serve_door){
	        .is_secure = is_secure,
	        .may_be_h2 = !is_secure && may_be_h2(server, fd),
	};
	if (!loop_add_level(server->options.loop, &listener->watched)) {
		mem_free(listener);
		return false;
	}
	list_add_last(&server->listeners, &listener->node);
	return true;
}

void serve_server_drain(struct serve_server *server)
{
	if (server->is_draining)
		return;
	list_each (node, &server->listeners) {
		const struct listener *listener = container_of(node, struct listener, node);
		for (unsigned i = 0; i < DRAIN_BATCHES && accept_batch(listener); i++)
			;
	}
	stop_listening(server);
	server->is_draining = true;
	list_each (node, &server->connections)
		serve_connection_drain(container_of(node, struct serve_connection, node));
}

struct str serve_server_date(struct serve_server *server)
{
	uint64_t now_ms = loop_now_ms(server->options.loop);
	if (server->date[0] == '\0' || now_ms - server->date_ms >= 1000) {
		uint64_t wall_ms = loop_wall_ms(server->options.loop);
		http_date_format((int64_t)(wall_ms / 1000), server->date);
		server->date_ms = now_ms - wall_ms % 1000;
	}
	return str_make(server->date, HTTP_DATE_BYTES - 1);
}

unsigned serve_server_connections(const struct serve_server *server)
{
	return server->count;
}

uint64_t serve_server_handshakes(const struct serve_server *server, enum serve_handshakes kind)
{
	return atomic_load_explicit(&server->handshakes_done[kind], memory_order_relaxed);
}

uint64_t serve_server_floods(const struct serve_server *server, enum serve_flood kind)
{
	return atomic_load_explicit(&server->h2->floods[kind], memory_order_relaxed);
}

bool serve_server_is_trusted(const struct serve_server *server, const struct address *address)
{
	for (unsigned i = 0; i < server->options.trusted_count; i++)
		if (address_is_in(address, &server->options.trusted[i]))
			return true;
	return false;
}
