/*
 * What connection.c knows of HTTP/2: that a connection speaks it, and whom to tell. One thread.
 */
#pragma once

#include "base/str.h"

#include <stdbool.h>
#include <stdint.h>

struct serve_connection;

/* What the first bytes of a connection say (RFC 9113 section 3.4). */
enum serve_h2_preface {
	SERVE_H2_PREFACE_NO,
	SERVE_H2_PREFACE_MORE, /* right so far, not whole */
	SERVE_H2_PREFACE_YES,
};

/* Looks at the first bytes of a connection; pure. */
enum serve_h2_preface serve_h2_preface_of(struct str bytes);

/*
 * The connection speaks HTTP/2 from here on: ALPN said so, or the preface stands in `in`. Sends our
 * SETTINGS and reads what is there. The connection may be gone afterwards.
 */
void serve_h2_open(struct serve_connection *connection);

/* The session of a connection that ends. NULL is fine. No stream may be open. */
struct serve_h2_session;
void serve_h2_free(struct serve_h2_session *session);

/* The connection tells its session: events of the loop, its task runs, its deadline came, the
 * server is draining. The connection may be gone afterwards. */
void serve_h2_ready(struct serve_connection *connection, unsigned events);
void serve_h2_run(struct serve_connection *connection);
void serve_h2_expired(struct serve_connection *connection, uint64_t now_ms);
void serve_h2_drain(struct serve_connection *connection);
