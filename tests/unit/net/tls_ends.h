/*
 * Two ends of a connection in TLS, and files that show who they are.
 */
#pragma once

#include "net/tls.h"
#include "net/tls_issue.h"

#include "base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

/* What shows that one is `name`, by that authority. */
static inline struct tls_context *context_of(struct str authority, const char *name)
{
	struct text pem = {0}, why = {0};
	assert_true(tls_issue_identity(authority, &name, 1, 10, &pem, &why));
	struct tls_context *context = tls_context_mutual(text_str(&pem), &why);
	assert_non_null(context);
	assert_int_equal(why.len, 0);
	text_done(&pem);
	return context;
}

struct ends {
	int sockets[2];
	struct tls *client, *server;
	enum tcp_result client_saw, server_saw; /* at the end of the handshake */
};

/* Turns both until neither has anything more to say. */
static inline void shake(struct ends *ends)
{
	char byte;
	size_t count;
	for (unsigned i = 0; i < 20; i++) {
		ends->client_saw = tls_read(ends->client, &byte, 1, &count);
		ends->server_saw = tls_read(ends->server, &byte, 1, &count);
	}
}

static inline void connect_ends(struct ends *ends, const struct tls_context *client,
        const struct tls_context *server, const char *name)
{
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends->sockets), 0);
	ends->client = tls_new(client, TLS_CLIENT, ends->sockets[0], name);
	ends->server = tls_new(server, TLS_SERVER, ends->sockets[1], NULL);
	shake(ends);
}

static inline void close_ends(struct ends *ends)
{
	tls_free(ends->client);
	tls_free(ends->server);
	close(ends->sockets[0]);
	close(ends->sockets[1]);
}
