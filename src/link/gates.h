/*
 * Where edges connect to the control plane: a UNIX socket, and TCP sockets with mutual TLS. One
 * thread, that of its loop.
 */
#pragma once

#include "net/loop.h"
#include "net/tls.h"

struct link_gates;

struct link_gates_sink {
	/* A connection, which is the sink's. `tls`, whose handshake is still to come, is NULL and
	 * `from` is empty where it is of this machine; else that is an address. */
	void (*on_connected)(
	        struct link_gates_sink *self, int socket, struct tls *tls, const char *from);
	/* The file that shows who we are is of no use. That of before is used; where there was none
	 * nobody is let in until there is. */
	void (*on_trouble)(struct link_gates_sink *self, const char *words);
};

/* `sink` must outlive it. */
struct link_gates *link_gates_new(struct loop *loop, struct link_gates_sink *sink);

/* Closes the UNIX socket. NULL is fine. */
void link_gates_free(struct link_gates *gates);

/* Begins to accept at a UNIX socket, which is the gates' from now on, also when the kernel refuses
 * and false is returned. Once. */
MUST_CHECK bool link_gates_open_local(struct link_gates *gates, int socket);

/* Begins to accept at TCP sockets, which stay the caller's. `identity` is the file that shows who
 * we are (link/identity.h). Once; false when the kernel refuses. */
MUST_CHECK bool link_gates_open(
        struct link_gates *gates, const int *sockets, unsigned count, const char *identity);
