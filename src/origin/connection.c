/*
 * The socket is added to the loop once and stays there until it is closed, also while the
 * connection is idle; events are edge-triggered, so the flags remember what was reported and not
 * yet used up. A read that brings less than was asked for has emptied the socket, and saves the
 * read that would say so; only after a hangup the end is still to be read.
 *
 * The timer is lazy: a deadline that moves away only changes a number, and the timer that expires
 * too early starts again for the rest. A connection that serves one request after the other
 * therefore touches the wheel every few seconds, not for each request.
 */
#include "origin/connection.h"

#include "base/clock.h"
#include "origin/worker_private.h"

#include <unistd.h>

enum { MAGIC = 0x0c0441ec };

static struct origin_connection *check(struct origin_connection *connection)
{
	CHECK(connection->magic == MAGIC);
	return connection;
}

static void on_ready(struct loop_fd *watched, unsigned events)
{
	struct origin_connection *connection =
	        check(container_of(watched, struct origin_connection, watched));
	if ((events & LOOP_READABLE) != 0)
		connection->is_readable = true;
	if ((events & LOOP_WRITABLE) != 0)
		connection->is_writable = true;
	if ((events & LOOP_HANGUP) != 0)
		connection->is_hangup = connection->is_readable = connection->is_writable = true;
	connection->user->on_ready(connection->user, connection);
}

static void on_expire(struct timer *timer)
{
	struct origin_connection *connection =
	        check(container_of(timer, struct origin_connection, timer));
	if (connection->deadline_ms == CLOCK_NEVER)
		return;
	struct loop *loop = connection->worker->loop;
	if (loop_now_ms(loop) < connection->deadline_ms) {
		loop_timer_start(loop, timer, connection->deadline_ms);
		return;
	}
	connection->deadline_ms = CLOCK_NEVER;
	connection->user->on_timeout(connection->user, connection);
}

enum fault origin_connection_open(struct origin_worker *worker, struct origin_slots *slots,
        const struct address *address, struct origin_connection_user *user,
        struct origin_connection **ret_connection)
{
	int fd;
	enum fault fault = tcp_connect(address, &fd);
	if (fault != FAULT_NONE) {
		origin_slots_give(slots);
		return fault;
	}
	struct origin_connection *connection = slab_take(&worker->connections);
	*connection = (struct origin_connection){
	        .magic = MAGIC,
	        .watched = {.fd = fd, .on_ready = on_ready},
	        .timer = {.on_expire = on_expire},
	        .deadline_ms = CLOCK_NEVER,
	        .user = user,
	        .worker = worker,
	        .slots = slots,
	};
	if (!loop_add(worker->loop, &connection->watched)) {
		close(fd);
		slab_give(&worker->connections, connection);
		origin_slots_give(slots);
		return FAULT_LOCAL;
	}
	*ret_connection = connection;
	return FAULT_NONE;
}

void origin_connection_close(struct origin_connection *connection)
{
	if (connection == NULL)
		return;
	struct origin_worker *worker = check(connection)->worker;
	struct origin_slots *slots = connection->slots;
	CHECK(!list_has(&connection->node));
	loop_timer_cancel(worker->loop, &connection->timer);
	loop_remove(worker->loop, &connection->watched);
	close(connection->watched.fd);
	connection->magic = 0;
	slab_give(&worker->connections, connection);
	origin_slots_give(slots);
}

void origin_connection_set_deadline(struct origin_connection *connection, uint64_t at_ms)
{
	connection->deadline_ms = at_ms;
	if (at_ms == CLOCK_NEVER)
		return;
	if (!timer_is_running(&connection->timer) || connection->timer.at_ms > at_ms)
		loop_timer_start(connection->worker->loop, &connection->timer, at_ms);
}

enum tcp_result origin_connection_read(
        struct origin_connection *connection, void *to, size_t size, size_t *ret_count)
{
	enum tcp_result result = tcp_read(connection->watched.fd, to, size, ret_count);
	if (result != TCP_DONE || (*ret_count < size && !connection->is_hangup))
		connection->is_readable = false;
	if (result == TCP_END || result == TCP_RESET)
		connection->is_hangup = true;
	return result;
}

enum tcp_result origin_connection_write(struct origin_connection *connection,
        const struct iovec *vectors, int count, size_t *ret_count)
{
	enum tcp_result result = tcp_write(connection->watched.fd, vectors, count, ret_count);
	if (result != TCP_DONE)
		connection->is_writable = false;
	return result;
}
