/*
 * How far the control plane is in telling one edge of certificates: of the first list of a
 * connection all, of a later one those that are newer than the list before. It goes on as the edge
 * reads. One thread, that of the wire's loop.
 */
#pragma once

#include "link/certificates.h"
#include "link/wire.h"

/* All-zero is one at its beginning. */
struct link_certificates_walk {
	uint64_t told; /* the revision of the last list that was told whole; 0: none was */
	/* The list that is told now, of which those from a revision on are; NULL: none is. */
	struct link_certificates *list;
	size_t at; /* the next one */
	uint64_t from;
};

/* Frees what it has. */
void link_certificates_walk_done(struct link_certificates_walk *walk);

/* Tells as much as may wait for the edge, of the list that is on its way, or else of the newest
 * one, where that is another than was told; to be called again when the wire has sent it. */
void link_certificates_walk_go(struct link_certificates_walk *walk,
        struct link_certificates *newest, struct link_wire *wire);
