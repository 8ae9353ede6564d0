/*
 * The control plane as a feed: an edge connects to it, says what it knows, and is told the rest;
 * and it says what has become live. While nobody answers, what is known stays, and it is tried
 * again. It is on this machine, or on another one, with mutual TLS. One thread, that of its loop.
 */
#pragma once

#include "link/asked.h"
#include "link/certificates.h"
#include "link/feed.h"
#include "link/journal.h"
#include "link/purger.h"
#include "link/reporter.h"
#include "link/wire.h"

struct link_remote;

struct link_remote_options {
	const char *path; /* of the control plane's UNIX socket; copied. NULL: it is at `host` */
	const char *host; /* a name or an IP address; copied, as are the next ones */
	uint16_t port;
	const char *identity; /* the file that shows who we are there (link/identity.h) */
	const char *servers;  /* that know the name (dns_new); NULL: those of resolv.conf */
	const char *id;       /* of this process, 1-128 visible characters; copied */
	struct link_wire_times times;
	uint32_t retry_ms; /* between two tries to connect; at `host` it grows */
	const struct link_journal
	        *ledger; /* where what is live is kept (link/ledger.h); NULL: nowhere */
	/* The edge has its domains from elsewhere: it is told purges, reports and answers, and who
	 * tells it of domains is no control plane of it. The sink has events alone. */
	bool is_deaf;
	struct link_purge_sink *purges;     /* the cache that is purged; NULL: there is none */
	struct link_report_source *reports; /* NULL: there is nothing to report */
	struct link_certificates_sink *certificates; /* who shows them; NULL: nobody */
	struct link_ask_sink *asks; /* who is asked; NULL: nobody, and it is told so */
};

/* Hands what the ledger has to the sink before returning; what is new comes later. `sink` and
 * what else the options lead to must outlive it; hash_init was called. */
struct link_remote *link_remote_open(
        struct loop *loop, const struct link_remote_options *options, struct link_sink *sink);

/* Ends it. NULL is fine. The domains that the sink was given stay. */
void link_remote_close(struct link_remote *remote);

/* The revision that was handed to the sink last. */
uint64_t link_remote_revision(const struct link_remote *remote);

/* The purge of the control plane up to which all are durable in the cache. */
uint64_t link_remote_purged(const struct link_remote *remote);
