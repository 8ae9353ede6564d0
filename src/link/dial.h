/*
 * A connection to another machine, as long as it takes: its name is looked up, and its addresses
 * are tried one after the other. One thread, that of its loop.
 */
#pragma once

#include "net/dns.h"
#include "net/loop.h"

struct link_dial;

struct link_dial_sink {
	/* A connected socket, which is the sink's; or -1, and a phrase why not, which lasts until
	 * it returns. Never inside a call of this file, and it may be freed there. */
	void (*on_dialled)(struct link_dial_sink *self, int socket, const char *why);
};

/* `host` is a name or an IP address and is copied, as is `servers` (dns_new). `sink` must outlive
 * it. */
struct link_dial *link_dial_new(struct loop *loop, const char *host, uint16_t port,
        const char *servers, struct link_dial_sink *sink);

/* Gives up what runs. NULL is fine. */
void link_dial_free(struct link_dial *dial);

/* Begins. It must not run. Of several addresses, the first one to be tried is another one each
 * time: one that takes connections and is of no use must not be all that there is. */
void link_dial_start(struct link_dial *dial);
