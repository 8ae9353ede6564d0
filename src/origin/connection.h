/*
 * One connection to an origin, TCP or TLS over it: its socket in the worker's loop, what is known
 * of the socket's state, and one lazy timer for whoever uses it now, an attempt or the pool where
 * it is idle. Owned by its user. One thread.
 */
#pragma once

#include "net/loop.h"
#include "net/tcp.h"
#include "net/tls_origin.h"
#include "origin/slots.h"
#include "origin/worker.h"

struct origin_connection;
struct origin_connection_unsent;
struct origin_pool;

/* Whoever uses a connection; embedded. In each call the connection may be closed. */
struct origin_connection_user {
	/* Something happened: the connection's flags say what. */
	void (*on_ready)(struct origin_connection_user *self, struct origin_connection *connection);
	/* The deadline is over. */
	void (*on_timeout)(
	        struct origin_connection_user *self, struct origin_connection *connection);
};

struct origin_connection {
	unsigned magic;
	bool is_readable;   /* reading may give something: more, the end, or an error */
	bool is_writable;   /* writing may take something; at first: the connecting ended */
	bool is_hangup;     /* FIN or RST was reported: a short read is not the last */
	bool is_reused;     /* it has served an attempt before */
	bool has_connected; /* TCP stands */
	/* What TLS waits for, where it is the other way than what was asked of it. */
	bool reads_on_room, writes_on_bytes;
	bool is_write_broken;
	struct loop_fd watched;
	struct list_node node; /* the pool's, while it is idle */
	struct timer timer;
	uint64_t deadline_ms; /* when on_timeout is due; the timer expires then or earlier */
	uint64_t idle_since_ms;
	struct origin_connection_user *user;
	struct origin_worker *worker;
	struct origin_slots *slots;
	struct origin_pool *pool;
	struct tls *tls;        /* NULL: plain TCP */
	unsigned trust_version; /* that it is verified by (origin/trust.h); 0: plain TCP */
	struct origin_connection_unsent *unsent; /* TLS took it, and the socket did not */
};

/*
 * Begins a connection for `user` on a place of `slots` that the caller took; the place is given
 * back by origin_connection_close, or here on failure. It stands or failed (tcp_connect_result)
 * once it is writable. Faults: those of tcp_connect, LOCAL.
 */
MUST_CHECK enum fault origin_connection_open(struct origin_worker *worker,
        struct origin_slots *slots, const struct address *address,
        struct origin_connection_user *user, struct origin_connection **ret_connection);

/* Closes and frees it, in any state. NULL is fine. */
void origin_connection_close(struct origin_connection *connection);

/* Has on_timeout called at `at_ms`, not before; CLOCK_NEVER: not at all. A few instructions. */
void origin_connection_set_deadline(struct origin_connection *connection, uint64_t at_ms);

/* Makes it one of TLS, before it has connected; takes `tls` over, whose socket is its own. */
void origin_connection_set_tls(struct origin_connection *connection, struct tls *tls);

/*
 * After an event: whether it stands, TLS too, in *ret_is_done. Faults: those of tcp_connect_result
 * while has_connected is not set; then TLS_NAME where the origin's certificate is not accepted, and
 * TLS_HANDSHAKE. Called until it is done.
 */
MUST_CHECK enum fault origin_connection_finish(
        struct origin_connection *connection, bool *ret_is_done);

/* Whether nothing has arrived, and it has not ended: one that may be used again. */
bool origin_connection_is_quiet(struct origin_connection *connection);

/* Whether it was TLS that broke, and not the connection below it. */
bool origin_connection_is_tls_fault(const struct origin_connection *connection);

/* What broke TLS, a phrase; "" where nothing did. As long as it lasts. */
const char *origin_connection_why(const struct origin_connection *connection);

/* Tells the origin that nothing more comes, once all that was taken has left: by FIN, or in TLS's
 * words. What it sends can still be read. False: on_ready will tell when to ask again. */
MUST_CHECK bool origin_connection_end(struct origin_connection *connection);

/* How many bytes the origin's side has not acknowledged. */
uint64_t origin_connection_backlog(const struct origin_connection *connection);

/* tcp_read and tcp_write, minding the flags. Of TLS, TCP_END is only what the origin has said to be
 * the end; and bytes that were taken may wait for the socket here, and leave by themselves. */
enum tcp_result origin_connection_read(
        struct origin_connection *connection, void *to, size_t size, size_t *ret_count);
enum tcp_result origin_connection_write(struct origin_connection *connection,
        const struct iovec *vectors, int count, size_t *ret_count);
