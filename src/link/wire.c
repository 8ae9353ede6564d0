/*
 * What is read is kept until it has a whole message, so at most one message and what one read
 * brings. What is sent goes out in the same turn, all of it in one write as far as the socket takes
 * it; the rest waits for the socket.
 */
#include "link/wire.h"

#include "base/clock.h"
#include "base/mem.h"
#include "base/random.h"
#include "net/tls.h"

#include <stdio.h>
#include <unistd.h>

enum { READ_BYTES = 65536, READS_A_TURN = 8 };

struct link_wire {
	struct loop *loop;
	struct link_wire_sink *sink;
	struct link_wire_times times;
	struct loop_fd watched;
	struct tls *tls; /* NULL: none */
	struct loop_task step;
	struct timer ping, lease;
	struct text in;
	struct text out; /* of which `sent` bytes are gone */
	size_t sent;
	bool owes_sent;  /* on_sent is to be called */
	const char *why; /* NULL: it has not ended */
	bool is_broken;  /* nothing can be sent */
	bool is_late;    /* nothing was heard for too long; what waits to be read counts */
	bool has_told;   /* that it has */
};

static void start_timer(struct link_wire *wire, struct timer *timer, uint32_t ms)
{
	loop_timer_start(wire->loop, timer, clock_ms() + ms);
}

void link_wire_end(struct link_wire *wire, const char *why)
{
	if (wire->why != NULL)
		return;
	wire->why = why;
	loop_wake(wire->loop, &wire->step);
}

/* Why a connection ended that was not ended by a word. */
static const char *why_reset(const struct link_wire *wire)
{
	return wire->tls != NULL ? tls_why(wire->tls) : "the connection was reset";
}

static enum tcp_result write_some(struct link_wire *wire, size_t *ret_count)
{
	const struct iovec rest = {
	        .iov_base = wire->out.at + wire->sent, .iov_len = wire->out.len - wire->sent};
	if (wire->tls != NULL)
		return tls_write(wire->tls, str_make(rest.iov_base, rest.iov_len), ret_count);
	return tcp_write(wire->watched.fd, &rest, 1, ret_count);
}

static enum tcp_result read_some(struct link_wire *wire, void *to, size_t size, size_t *ret_count)
{
	if (wire->tls != NULL)
		return tls_read(wire->tls, to, size, ret_count);
	return tcp_read(wire->watched.fd, to, size, ret_count);
}

/* Writes as much as the socket takes; at the end, too, for what was said last is why. */
static void flush(struct link_wire *wire)
{
	while (wire->sent < wire->out.len && !wire->is_broken) {
		size_t count;
		switch (write_some(wire, &count)) {
		case TCP_DONE:
			wire->sent += count;
			start_timer(wire, &wire->ping, wire->times.ping_ms);
			break;
		case TCP_AGAIN:
			return;
		case TCP_END:
		case TCP_RESET:
			wire->is_broken = true;
			link_wire_end(wire, why_reset(wire));
			return;
		}
	}
	if (wire->out.len == 0 || wire->why != NULL)
		return;
	text_clear(&wire->out);
	wire->sent = 0;
	wire->owes_sent = true;
}

/* Drops what is gone, when that is most of it. */
static void drop_sent(struct link_wire *wire)
{
	if (wire->sent <= wire->out.len / 2)
		return;
	wire->out.len -= wire->sent;
	memmove(wire->out.at, wire->out.at + wire->sent, wire->out.len);
	wire->sent = 0;
}

/* Shows all messages that are there whole. */
static void take_messages(struct link_wire *wire)
{
	struct str rest = text_str(&wire->in);
	enum link_message_kind kind;
	struct str payload;
	while (wire->why == NULL) {
		enum link_message_take take = link_message_take(&rest, &kind, &payload);
		if (take == LINK_MESSAGE_MORE)
			break;
		if (take == LINK_MESSAGE_BAD)
			link_wire_end(wire, "what was sent is no message");
		else if (kind != LINK_SAYS_PING)
			wire->sink->on_message(wire->sink, kind, payload);
	}
	if (rest.len > 0)
		memmove(wire->in.at, rest.at, rest.len);
	wire->in.len = rest.len;
}

/* Reads once; false when there is no more for now. */
static bool read_more(struct link_wire *wire)
{
	char bytes[READ_BYTES];
	size_t count;
	switch (read_some(wire, bytes, sizeof(bytes), &count)) {
	case TCP_DONE:
		text_add(&wire->in, str_make(bytes, count));
		start_timer(wire, &wire->lease, wire->times.lease_ms);
		take_messages(wire);
		return true;
	case TCP_AGAIN:
		return false;
	case TCP_END:
		link_wire_end(wire, "the other side ended the connection");
		return false;
	case TCP_RESET:
		break;
	}
	link_wire_end(wire, why_reset(wire));
	return false;
}

static void tell_end(struct link_wire *wire)
{
	if (wire->has_told)
		return;
	wire->has_told = true;
	loop_timer_cancel(wire->loop, &wire->ping);
	loop_timer_cancel(wire->loop, &wire->lease);
	wire->sink->on_end(wire->sink, wire->why); /* may free it */
}

static void on_step(struct loop_task *task)
{
	struct link_wire *wire = container_of(task, struct link_wire, step);
	unsigned reads = 0;
	while (wire->why == NULL && reads < READS_A_TURN && read_more(wire))
		reads++;
	if (wire->is_late && reads == 0)
		link_wire_end(wire, "nothing was heard for too long");
	wire->is_late = false;
	flush(wire);
	if (wire->owes_sent && wire->why == NULL) {
		wire->owes_sent = false;
		wire->sink->on_sent(wire->sink);
		flush(wire);
	}
	if (wire->why != NULL)
		tell_end(wire);
	else if (reads == READS_A_TURN || wire->owes_sent)
		loop_yield(wire->loop, task);
}

static void on_ready(struct loop_fd *watched, unsigned events)
{
	(void)events;
	struct link_wire *wire = container_of(watched, struct link_wire, watched);
	loop_wake(wire->loop, &wire->step);
}

static void on_ping(struct timer *timer)
{
	struct link_wire *wire = container_of(timer, struct link_wire, ping);
	start_timer(wire, &wire->ping, wire->times.ping_ms);
	/* What waits for the socket speaks for itself. */
	if (wire->out.len == 0)
		link_wire_send(wire, LINK_SAYS_PING, STR("{}"));
}

static void on_lease(struct timer *timer)
{
	struct link_wire *wire = container_of(timer, struct link_wire, lease);
	wire->is_late = true;
	loop_wake(wire->loop, &wire->step);
}

struct link_wire *link_wire_new(struct loop *loop, int socket, struct tls *tls,
        const struct link_wire_times *times, struct link_wire_sink *sink)
{
	struct link_wire *wire = mem_new(struct link_wire);
	wire->loop = loop;
	wire->sink = sink;
	wire->times = *times;
	wire->watched = (struct loop_fd){.fd = socket, .on_ready = on_ready};
	wire->tls = tls;
	wire->step.on_run = on_step;
	wire->ping.on_expire = on_ping;
	wire->lease.on_expire = on_lease;
	if (!loop_add(loop, &wire->watched)) {
		tls_free(tls);
		close(socket);
		mem_free(wire);
		return NULL;
	}
	start_timer(wire, &wire->ping, times->ping_ms);
	start_timer(wire, &wire->lease, times->lease_ms);
	return wire;
}

void link_wire_free(struct link_wire *wire)
{
	if (wire == NULL)
		return;
	loop_unwake(&wire->step);
	loop_timer_cancel(wire->loop, &wire->ping);
	loop_timer_cancel(wire->loop, &wire->lease);
	loop_remove(wire->loop, &wire->watched);
	tls_free(wire->tls);
	close(wire->watched.fd);
	text_done(&wire->in);
	text_done(&wire->out);
	mem_free(wire);
}

void link_wire_send(struct link_wire *wire, enum link_message_kind kind, struct str payload)
{
	if (wire->why != NULL)
		return;
	drop_sent(wire);
	if (link_wire_backlog(wire) > LIMIT_LINK_WAITING_BYTES) {
		link_wire_end(wire, "it does not read what it is told");
		return;
	}
	link_message_print(kind, payload, &wire->out);
	loop_wake(wire->loop, &wire->step);
}

size_t link_wire_backlog(const struct link_wire *wire)
{
	return wire->out.len - wire->sent;
}

void link_wire_make_run(char to[LINK_RUN_BYTES])
{
	snprintf(to, LINK_RUN_BYTES, "%016llx", (unsigned long long)random_u64());
}
