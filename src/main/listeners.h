/*
 * The listening sockets: for each address one for each worker (SO_REUSEPORT); those of the API have
 * one worker. The supervisor opens them once; every generation of edge, or of control process, gets
 * the same ones, so that no queue is ever lost.
 */
#pragma once

#include "base/address.h"
#include "main/words.h"

struct listeners {
	struct words asked;    /* the addresses as the settings say them */
	struct address *bound; /* what the kernel made of them: no port is 0 */
	int *sockets;          /* [address * workers + worker] */
	unsigned workers;
};

/* Opens them all; on false nothing is open, and *ret_why tells in a line what failed where. */
MUST_CHECK bool listeners_open(const struct words *asked, unsigned workers, int backlog,
        struct listeners *ret_listeners, struct text *ret_why);

/* Makes room for `workers` sockets of one address more, which are -1 yet; returns them. */
int *listeners_add(struct listeners *listeners, struct str asked, const struct address *bound);

/* Closes what is open. */
void listeners_done(struct listeners *listeners);

/* One log line for each address, behind the words: "ready on 127.0.0.1:8080". */
void listeners_log(const struct listeners *listeners, const char *words);

static inline unsigned listeners_socket_count(const struct listeners *listeners)
{
	return listeners->asked.count * listeners->workers;
}
