/*
 * A connection reads until it has a line, answers it, and reads on in the next turn, so that one
 * with many lines leaves turns to others. While an answer is not sent whole nothing is read, so
 * that nothing gathers for a peer that does not listen, nor while one is held back until its purge
 * is durable. What it may keep of our memory is one line and one answer; what it may keep of our
 * time is timeout_ms for each.
 */
#include "link/command_listener.h"

#include "base/clock.h"
#include "base/limit.h"
#include "base/mem.h"
#include "net/local.h"
#include "net/tcp.h"

#include <errno.h>
#include <unistd.h>

enum { ACCEPT_BATCH = 16, READ_BYTES = 4096, ACCEPT_PAUSE_MS = 1000 };

struct link_command_listener {
	struct loop *loop;
	struct link_command_sink *sink;
	uint32_t timeout_ms;
	struct loop_fd watched;
	struct timer pause; /* when there were no descriptors to accept with */
	struct list connections;
	unsigned count;
};

struct connection {
	struct list_node node;
	struct link_command_listener *listener;
	struct loop_fd watched;
	struct loop_task step;
	struct timer deadline;
	struct text in;  /* what was read and not answered yet */
	struct text out; /* the answer, of which `sent` bytes are gone */
	size_t sent;
	bool is_ending; /* after this answer */
	/* of an answer that is held back */
	bool is_holding;
	struct timer hold;
	uint64_t held_until_ms;
	struct link_answer held;
};

static void close_connection(struct connection *connection)
{
	struct link_command_listener *listener = connection->listener;
	loop_unwake(&connection->step);
	loop_timer_cancel(listener->loop, &connection->deadline);
	loop_timer_cancel(listener->loop, &connection->hold);
	loop_remove(listener->loop, &connection->watched);
	close(connection->watched.fd);
	list_remove(&connection->node);
	listener->count--;
	text_done(&connection->in);
	text_done(&connection->out);
	mem_free(connection);
}

static void start_deadline(struct connection *connection)
{
	struct link_command_listener *listener = connection->listener;
	loop_timer_start(listener->loop, &connection->deadline, clock_ms() + listener->timeout_ms);
}

static void answer(struct connection *connection, const struct link_answer *what)
{
	text_clear(&connection->out);
	connection->sent = 0;
	link_command_print_answer(what, &connection->out);
}

/* Answers what cannot be read, after which nothing on this connection can be trusted to be. */
static void answer_and_end(struct connection *connection, struct str error)
{
	answer(connection, &(struct link_answer){.error = error});
	connection->is_ending = true;
}

/* Answers a purge, or looks again soon. */
static void hold(struct connection *connection)
{
	struct link_command_listener *listener = connection->listener;
	uint64_t now_ms = clock_ms();
	bool is_durable = listener->sink->is_durable(listener->sink, connection->held.moment);
	connection->is_holding = !is_durable && now_ms < connection->held_until_ms;
	if (connection->is_holding) {
		loop_timer_start(listener->loop, &connection->hold, now_ms + TIMER_TICK_MS);
		return;
	}
	if (!is_durable)
		connection->held.error =
		        STR("it is purged, but the disks of the cache do not know that yet: should "
		            "this machine lose its power now, it would be back; purge it again");
	answer(connection, &connection->held);
	start_deadline(connection);
}

static void on_hold(struct timer *timer)
{
	struct connection *connection = container_of(timer, struct connection, hold);
	hold(connection);
	if (!connection->is_holding)
		loop_wake(connection->listener->loop, &connection->step);
}

static void answer_purge(struct connection *connection, const struct link_answer *done)
{
	if (done->error.len != 0 || done->moment == 0) {
		answer(connection, done);
		return;
	}
	loop_timer_cancel(connection->listener->loop, &connection->deadline);
	connection->held = *done;
	connection->held_until_ms = clock_ms() + connection->listener->sink->durable_ms;
	hold(connection);
}

static void do_line(struct connection *connection, struct str line)
{
	struct link_command_sink *sink = connection->listener->sink;
	struct arena arena;
	struct link_purge purge;
	struct text error = {0};
	arena_init(&arena, NULL, 0);
	start_deadline(connection);
	if (link_command_read(&arena, line, &purge, &error)) {
		struct link_answer done = sink->on_purge(sink, &purge);
		answer_purge(connection, &done);
	} else {
		answer_and_end(connection, text_str(&error));
	}
	text_done(&error);
	arena_reset(&arena);
}

/* What is next for a connection. */
enum next { NEXT_STEP, NEXT_TURN, NEXT_EVENT, NEXT_CLOSE };

static enum next send_answer(struct connection *connection)
{
	size_t count;
	const struct iovec rest = {.iov_base = connection->out.at + connection->sent,
	        .iov_len = connection->out.len - connection->sent};
	enum tcp_result result = tcp_write(connection->watched.fd, &rest, 1, &count);
	if (result == TCP_AGAIN)
		return NEXT_EVENT;
	if (result != TCP_DONE)
		return NEXT_CLOSE;
	connection->sent += count;
	if (connection->sent < connection->out.len)
		return NEXT_STEP;
	text_clear(&connection->out);
	connection->sent = 0;
	return connection->is_ending ? NEXT_CLOSE : NEXT_TURN;
}

/* Takes the first line off what was read, and does what it says; false when there is none. */
static bool take_line(struct connection *connection)
{
	struct text *in = &connection->in;
	ptrdiff_t end = str_find(text_str(in), '\n');
	if (end < 0 || end > LIMIT_COMMAND_BYTES)
		return false;
	do_line(connection, str_make(in->at, (size_t)end));
	in->len -= (size_t)end + 1;
	memmove(in->at, in->at + end + 1, in->len);
	return true;
}

static enum next read_more(struct connection *connection)
{
	char bytes[READ_BYTES];
	size_t count;
	if (connection->in.len > LIMIT_COMMAND_BYTES) {
		answer_and_end(connection, STR("a request is longer than 64 KiB"));
		return NEXT_STEP;
	}
	switch (tcp_read(connection->watched.fd, bytes, sizeof(bytes), &count)) {
	case TCP_DONE:
		text_add(&connection->in, str_make(bytes, count));
		return NEXT_STEP;
	case TCP_AGAIN:
		return NEXT_EVENT;
	case TCP_END:
		if (connection->in.len == 0)
			return NEXT_CLOSE;
		answer_and_end(connection, STR("a request ends with a line feed"));
		return NEXT_STEP;
	case TCP_RESET:
		break;
	}
	return NEXT_CLOSE;
}

static void on_step(struct loop_task *task)
{
	struct connection *connection = container_of(task, struct connection, step);
	enum next next;
	do {
		if (connection->is_holding)
			next = NEXT_EVENT;
		else if (connection->out.len != 0)
			next = send_answer(connection);
		else if (take_line(connection))
			next = NEXT_STEP;
		else
			next = read_more(connection);
	} while (next == NEXT_STEP);
	if (next == NEXT_TURN)
		loop_yield(connection->listener->loop, task);
	else if (next == NEXT_CLOSE)
		close_connection(connection);
}

static void on_ready(struct loop_fd *watched, unsigned events)
{
	(void)events;
	struct connection *connection = container_of(watched, struct connection, watched);
	loop_wake(connection->listener->loop, &connection->step);
}

static void on_deadline(struct timer *timer)
{
	close_connection(container_of(timer, struct connection, deadline));
}

/* One too many: says so as far as it costs nothing. */
static void refuse(int fd)
{
	struct text line = {0};
	size_t count;
	link_command_print_answer(
	        &(struct link_answer){.error = STR("too many connections; try again")}, &line);
	const struct iovec all = {.iov_base = line.at, .iov_len = line.len};
	/* It may have gone already, which is as well. */
	(void)tcp_write(fd, &all, 1, &count);
	text_done(&line);
	close(fd);
}

static void open_connection(struct link_command_listener *listener, int fd)
{
	struct connection *connection = mem_new(struct connection);
	connection->listener = listener;
	connection->watched = (struct loop_fd){.fd = fd, .on_ready = on_ready};
	connection->step.on_run = on_step;
	connection->deadline.on_expire = on_deadline;
	connection->hold.on_expire = on_hold;
	if (!loop_add(listener->loop, &connection->watched)) {
		close(fd);
		mem_free(connection);
		return;
	}
	list_add_last(&listener->connections, &connection->node);
	listener->count++;
	start_deadline(connection);
}

static void on_listener(struct loop_fd *watched, unsigned events)
{
	(void)events;
	struct link_command_listener *listener =
	        container_of(watched, struct link_command_listener, watched);
	for (unsigned i = 0; i < ACCEPT_BATCH; i++) {
		int fd = local_accept(watched->fd);
		if (fd < 0 && errno == EAGAIN)
			return;
		if (fd < 0) {
			/* The machine is out of something: who waits can wait a little longer. */
			loop_remove(listener->loop, watched);
			loop_timer_start(
			        listener->loop, &listener->pause, clock_ms() + ACCEPT_PAUSE_MS);
			return;
		}
		if (listener->count < LIMIT_COMMAND_CONNECTIONS)
			open_connection(listener, fd);
		else
			refuse(fd);
	}
}

static void on_pause_end(struct timer *timer)
{
	struct link_command_listener *listener =
	        container_of(timer, struct link_command_listener, pause);
	if (!loop_add_level(listener->loop, &listener->watched))
		loop_timer_start(listener->loop, timer, clock_ms() + ACCEPT_PAUSE_MS);
}

struct link_command_listener *link_command_listener_open(
        struct loop *loop, int socket, uint32_t timeout_ms, struct link_command_sink *sink)
{
	struct link_command_listener *listener = mem_new(struct link_command_listener);
	listener->loop = loop;
	listener->sink = sink;
	listener->timeout_ms = timeout_ms;
	listener->watched = (struct loop_fd){.fd = socket, .on_ready = on_listener};
	listener->pause.on_expire = on_pause_end;
	list_init(&listener->connections);
	if (loop_add_level(loop, &listener->watched))
		return listener;
	close(socket);
	mem_free(listener);
	return NULL;
}

void link_command_listener_close(struct link_command_listener *listener)
{
	if (listener == NULL)
		return;
	struct list_node *node;
	while ((node = list_first(&listener->connections)) != NULL)
		close_connection(container_of(node, struct connection, node));
	loop_timer_cancel(listener->loop, &listener->pause);
	loop_remove(listener->loop, &listener->watched);
	close(listener->watched.fd);
	mem_free(listener);
}
