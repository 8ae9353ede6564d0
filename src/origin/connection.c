/*
 * The socket is added to the loop once and stays there until it is closed, also while the
 * connection is idle; events are edge-triggered, so the flags remember what was reported and not
 * yet used up. A read that brings less than was asked for has emptied the socket, and saves the
 * read that would say so; only after a hangup the end is still to be read.
 *
 * The timer is lazy: a deadline that moves away only changes a number, and the timer that expires
 * too early starts again for the rest. A connection that serves one request after the other
 * therefore touches the wheel every few seconds, not for each request.
 *
 * With TLS, a read is repeated until its room is full or TLS has no more: only then the socket is
 * empty, and there is nothing left that TLS holds and no event would tell of. What TLS has taken to
 * be written must be given to it again, byte by byte, once the socket has room, and whoever sent it
 * may not have the same bytes in one piece then: so the connection keeps them. Where TLS reads to
 * write, or writes to read, the event for the one is the event for the other.
 */
#include "origin/connection.h"

#include "base/clock.h"
#include "base/mem.h"
#include "origin/worker_private.h"

#include <linux/sockios.h>
#include <sys/ioctl.h>
#include <unistd.h>

enum {
	MAGIC = 0x0c0441ec,
	RECORD_BYTES = 16384, /* of content, in one record of TLS */
};

struct origin_connection_unsent {
	size_t length, sent;
	char bytes[];
};

static struct origin_connection *check(struct origin_connection *connection)
{
	CHECK(connection->magic == MAGIC);
	return connection;
}

/* ---- TLS ---- */

/* After TCP_AGAIN: for which event. */
static void note_read_waits(struct origin_connection *connection)
{
	connection->is_readable = false;
	connection->reads_on_room = tls_origin_waits_for_room(connection->tls);
}

static void note_write_waits(struct origin_connection *connection)
{
	connection->is_writable = false;
	connection->writes_on_bytes = !tls_origin_waits_for_room(connection->tls);
}

/* Nothing can be written any more; the origin may have answered before that, and reading tells. */
static enum tcp_result note_write_broke(struct origin_connection *connection)
{
	connection->is_writable = false;
	connection->is_readable = true;
	connection->is_write_broken = true;
	tls_origin_read_on(connection->tls);
	tls_ready(connection->tls, true);
	return TCP_RESET;
}

/* Sends what waits; TCP_DONE when nothing does. */
static enum tcp_result flush(struct origin_connection *connection)
{
	struct origin_connection_unsent *unsent = connection->unsent;
	if (connection->is_write_broken)
		return TCP_RESET;
	while (unsent != NULL && unsent->sent < unsent->length) {
		size_t count = 0;
		struct str rest =
		        str_make(unsent->bytes + unsent->sent, unsent->length - unsent->sent);
		switch (tls_write(connection->tls, rest, &count)) {
		case TCP_DONE:
			unsent->sent += count;
			break;
		case TCP_AGAIN:
			note_write_waits(connection);
			return TCP_AGAIN;
		case TCP_END:
		case TCP_RESET:
			return note_write_broke(connection);
		}
	}
	mem_free(unsent);
	connection->unsent = NULL;
	return TCP_DONE;
}

static void note_tls_event(struct origin_connection *connection, unsigned events)
{
	if ((events & (LOOP_READABLE | LOOP_HANGUP)) != 0)
		tls_ready(connection->tls, connection->is_hangup);
	if ((events & LOOP_WRITABLE) != 0 && connection->reads_on_room)
		connection->is_readable = true;
	if ((events & LOOP_READABLE) != 0 && connection->writes_on_bytes)
		connection->is_writable = true;
	if (connection->unsent != NULL && connection->is_writable)
		(void)flush(connection); /* what it comes to is in the flags */
}

static enum tcp_result read_tls(
        struct origin_connection *connection, char *to, size_t size, size_t *ret_count)
{
	enum tcp_result result = TCP_DONE;
	size_t total = 0, count = 0;
	while (total < size && result == TCP_DONE) {
		result = tls_read(connection->tls, to + total, size - total, &count);
		if (result == TCP_DONE)
			total += count;
	}
	if (result == TCP_AGAIN)
		note_read_waits(connection);
	if (total > 0) {
		*ret_count = total;
		return TCP_DONE;
	}
	if (result == TCP_END || result == TCP_RESET) {
		connection->is_readable = false;
		connection->is_hangup = true;
	}
	return result;
}

/* What fits one record, in one piece: in its place where the first vector has as much, else in
 * `record`. */
static struct str gather(const struct iovec *vectors, int count, char *record)
{
	if (vectors[0].iov_len >= RECORD_BYTES)
		return str_make(vectors[0].iov_base, RECORD_BYTES);
	size_t length = 0;
	for (int i = 0; i < count && length < RECORD_BYTES; i++) {
		size_t room = RECORD_BYTES - length;
		size_t part = vectors[i].iov_len < room ? vectors[i].iov_len : room;
		if (part > 0)
			memcpy(record + length, vectors[i].iov_base, part);
		length += part;
	}
	return str_make(record, length);
}

static void keep_unsent(struct origin_connection *connection, struct str bytes)
{
	struct origin_connection_unsent *unsent = mem_alloc(sizeof(*unsent) + bytes.len);
	unsent->length = bytes.len;
	unsent->sent = 0;
	memcpy(unsent->bytes, bytes.at, bytes.len);
	connection->unsent = unsent;
}

static enum tcp_result write_tls(struct origin_connection *connection, const struct iovec *vectors,
        int count, size_t *ret_count)
{
	enum tcp_result result = flush(connection);
	if (result != TCP_DONE)
		return result;
	char record[RECORD_BYTES];
	struct str bytes = gather(vectors, count, record);
	if (bytes.len == 0) {
		*ret_count = 0;
		return TCP_DONE;
	}
	switch (tls_write(connection->tls, bytes, ret_count)) {
	case TCP_DONE:
		break;
	case TCP_AGAIN:
		keep_unsent(connection, bytes);
		note_write_waits(connection);
		*ret_count = bytes.len;
		break;
	case TCP_END:
	case TCP_RESET:
		return note_write_broke(connection);
	}
	return TCP_DONE;
}

/* ---- all ---- */

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
	if (connection->tls != NULL)
		note_tls_event(connection, events);
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
	tls_free(connection->tls);
	mem_free(connection->unsent);
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

void origin_connection_set_tls(struct origin_connection *connection, struct tls *tls)
{
	CHECK(connection->tls == NULL && !connection->has_connected);
	connection->tls = tls;
	tls_origin_rely(tls);
}

enum fault origin_connection_finish(struct origin_connection *connection, bool *ret_is_done)
{
	if (!connection->has_connected) {
		*ret_is_done = false;
		if (!connection->is_writable)
			return FAULT_NONE;
		enum fault fault = tcp_connect_result(connection->watched.fd);
		if (fault != FAULT_NONE)
			return fault;
		connection->has_connected = true;
	}
	*ret_is_done = connection->tls == NULL;
	if (connection->tls == NULL)
		return FAULT_NONE;
	switch (tls_origin_handshake(connection->tls)) {
	case TCP_DONE:
		/* More may have come with it, which no event tells of. */
		connection->is_readable = connection->is_writable = true;
		*ret_is_done = true;
		return FAULT_NONE;
	case TCP_AGAIN:
		return FAULT_NONE;
	case TCP_END:
	case TCP_RESET:
		break;
	}
	return tls_origin_is_unverified(connection->tls) ? FAULT_TLS_NAME : FAULT_TLS_HANDSHAKE;
}

bool origin_connection_is_quiet(struct origin_connection *connection)
{
	if (connection->tls == NULL)
		return tcp_is_quiet(connection->watched.fd);
	char byte;
	size_t count;
	tls_ready(connection->tls, connection->is_hangup); /* whatever the loop has not told yet */
	return connection->unsent == NULL && !connection->is_write_broken &&
	       read_tls(connection, &byte, 1, &count) == TCP_AGAIN && !connection->reads_on_room;
}

bool origin_connection_is_tls_fault(const struct origin_connection *connection)
{
	return connection->tls != NULL && tls_origin_is_tls_fault(connection->tls);
}

const char *origin_connection_why(const struct origin_connection *connection)
{
	return connection->tls != NULL ? tls_why(connection->tls) : "";
}

bool origin_connection_end(struct origin_connection *connection)
{
	if (connection->tls == NULL) {
		tcp_send_fin(connection->watched.fd);
		return true;
	}
	switch (flush(connection)) {
	case TCP_AGAIN:
		return false;
	case TCP_DONE:
		tls_close(connection->tls);
		return true;
	case TCP_END:
	case TCP_RESET:
		break;
	}
	return true; /* to whom nothing can be said; reading tells */
}

uint64_t origin_connection_backlog(const struct origin_connection *connection)
{
	int waiting = 0;
	if (ioctl(connection->watched.fd, SIOCOUTQ, &waiting) != 0)
		waiting = 0;
	return (uint64_t)waiting;
}

enum tcp_result origin_connection_read(
        struct origin_connection *connection, void *to, size_t size, size_t *ret_count)
{
	if (connection->tls != NULL)
		return read_tls(connection, to, size, ret_count);
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
	if (connection->tls != NULL)
		return write_tls(connection, vectors, count, ret_count);
	enum tcp_result result = tcp_write(connection->watched.fd, vectors, count, ret_count);
	if (result != TCP_DONE)
		connection->is_writable = false;
	return result;
}
