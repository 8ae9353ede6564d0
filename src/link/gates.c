/*
 * A gate is a listening socket, level-triggered: what one turn does not accept waits in its queue.
 */
#include "link/gates.h"

#include "base/clock.h"
#include "base/mem.h"
#include "link/identity.h"
#include "net/local.h"

#include <errno.h>
#include <unistd.h>

enum { ACCEPT_BATCH = 16, ACCEPT_PAUSE_MS = 1000 };

struct gate {
	struct link_gates *gates;
	struct loop_fd watched;
	struct timer pause; /* when there were no descriptors to accept with */
};

struct link_gates {
	struct loop *loop;
	struct link_gates_sink *sink;
	struct gate local;
	struct gate *remote;
	unsigned count; /* of these */
	struct link_identity *identity;
};

static void on_local(struct link_gates *gates, int socket)
{
	gates->sink->on_connected(gates->sink, socket, NULL, "");
}

/* What we are shown with; NULL: there is nothing. */
static const struct tls_context *look_at_identity(struct link_gates *gates)
{
	struct text trouble = {0};
	const struct tls_context *context = link_identity_context(gates->identity, &trouble);
	if (trouble.len != 0)
		gates->sink->on_trouble(gates->sink, text_c(&trouble));
	text_done(&trouble);
	return context;
}

static void on_remote(struct link_gates *gates, int socket, const struct address *from)
{
	char where[ADDRESS_TEXT_BYTES];
	const struct tls_context *context = look_at_identity(gates);
	if (context == NULL) {
		close(socket);
		return;
	}
	gates->sink->on_connected(gates->sink, socket, tls_new(context, TLS_SERVER, socket, NULL),
	        address_format(from, where));
}

static void on_ready(struct loop_fd *watched, unsigned events)
{
	(void)events;
	struct gate *gate = container_of(watched, struct gate, watched);
	struct link_gates *gates = gate->gates;
	const bool is_local = gate == &gates->local;
	for (unsigned i = 0; i < ACCEPT_BATCH; i++) {
		struct address from;
		int fd = is_local ? local_accept(watched->fd) : tcp_accept(watched->fd, &from);
		if (fd < 0 && errno == EAGAIN)
			return;
		if (fd < 0) {
			/* The machine is out of something: who waits can wait a little longer. */
			loop_remove(gates->loop, watched);
			loop_timer_start(gates->loop, &gate->pause, clock_ms() + ACCEPT_PAUSE_MS);
			return;
		}
		if (is_local)
			on_local(gates, fd);
		else
			on_remote(gates, fd, &from);
	}
}

static void on_pause_end(struct timer *timer)
{
	struct gate *gate = container_of(timer, struct gate, pause);
	struct loop *loop = gate->gates->loop;
	if (!loop_add_level(loop, &gate->watched))
		loop_timer_start(loop, timer, clock_ms() + ACCEPT_PAUSE_MS);
}

static bool open_gate(struct link_gates *gates, struct gate *gate, int socket)
{
	*gate = (struct gate){
	        .gates = gates,
	        .watched = {.fd = socket, .on_ready = on_ready},
	        .pause = {.on_expire = on_pause_end},
	};
	return loop_add_level(gates->loop, &gate->watched);
}

static void close_gate(struct gate *gate)
{
	loop_timer_cancel(gate->gates->loop, &gate->pause);
	loop_remove(gate->gates->loop, &gate->watched);
}

struct link_gates *link_gates_new(struct loop *loop, struct link_gates_sink *sink)
{
	struct link_gates *gates = mem_new(struct link_gates);
	gates->loop = loop;
	gates->sink = sink;
	gates->local = (struct gate){.gates = gates, .watched.fd = -1};
	return gates;
}

void link_gates_free(struct link_gates *gates)
{
	if (gates == NULL)
		return;
	close_gate(&gates->local);
	if (gates->local.watched.fd >= 0)
		close(gates->local.watched.fd);
	for (unsigned i = 0; i < gates->count; i++)
		close_gate(&gates->remote[i]);
	mem_free(gates->remote);
	link_identity_free(gates->identity);
	mem_free(gates);
}

bool link_gates_open_local(struct link_gates *gates, int socket)
{
	return open_gate(gates, &gates->local, socket);
}

bool link_gates_open(
        struct link_gates *gates, const int *sockets, unsigned count, const char *identity)
{
	CHECK(gates->identity == NULL);
	gates->identity = link_identity_new(identity);
	(void)look_at_identity(gates);
	gates->remote = mem_zero(count * sizeof(*gates->remote));
	while (gates->count < count) {
		unsigned i = gates->count++;
		if (!open_gate(gates, &gates->remote[i], sockets[i]))
			return false;
	}
	return true;
}
