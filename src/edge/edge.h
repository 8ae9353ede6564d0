/*
 * The data plane of one process: worker threads with a loop each, and the steward (the calling
 * thread) that runs the feed, name resolution, probes and signals. Made by main/, which owns the
 * settings, the listening sockets and the processes around it.
 */
#pragma once

#include "base/address.h"
#include "cache/memory.h"
#include "link/asked.h"
#include "link/certificates.h"
#include "link/feed.h"
#include "link/purger.h"
#include "link/reporter.h"
#include "model/read.h"
#include "net/loop.h"
#include "net/tls_site.h"
#include "origin/health.h"

#include <stdint.h>

/* What an operator set for the whole server (main/settings.def); copied, strings too. */
struct edge_options {
	unsigned workers;     /* at least 1 */
	const int *listeners; /* address_count × workers sockets; [address * workers + worker] */
	unsigned address_count;
	const int *secure_listeners; /* with TLS: secure_count × workers, in the same order */
	unsigned secure_count;
	int tickets_fd;           /* the page of net/tls_tickets.h, the caller's; -1: none */
	const char *certificates; /* a folder; empty: none */
	const char *tls_fallback;
	enum tls_profile tls_profile;
	uint32_t tls_timeout_ms;
	const char *acme_dir;                 /* empty: none */
	bool is_http2;                        /* offered to clients */
	uint8_t plain_http2;                  /* without TLS: enum serve_plain_h2 */
	bool proxy_protocol;                  /* required on every connection */
	const struct address_prefix *trusted; /* may send PROXY headers and X-Forwarded-For */
	unsigned trusted_count;
	uint32_t head_timeout_ms, body_timeout_ms, write_timeout_ms, keepalive_timeout_ms;
	uint32_t rate_min; /* bytes a second, over body_timeout and write_timeout */
	uint32_t head_bytes, target_bytes;
	uint16_t head_fields;
	uint32_t connections_max, connections_per_address;
	uint64_t memory_budget;
	const char *spool_dir;
	uint64_t spool_budget;
	/* What is cached: in the memory of a memfd that the caller keeps open, as its disks, of
	 * this form if it has none yet. Without bytes nothing is cached. */
	int cache_memory_fd;
	struct cache_memory_options cache_memory;
	/* Another memory, with disks that this one does not have, will be the next edge's: what is
	 * purged here would be back with it. */
	bool is_cache_apart;
	const char *cdn_id;         /* in Via and CDN-Loop */
	const char *access_log;     /* "off", "stdout", "syslog", "journald", or a path */
	uint32_t access_log_sample; /* one in so many requests */
	const char *dns_servers;    /* NULL: the system's */
	struct origin_health_options health;
	uint32_t confirm_gap_ms, probe_timeout_ms;
	uint32_t drain_timeout_ms;
};

struct edge;

/* Makes the threads' data, starts nothing. NULL and a log line when the machine refuses. */
struct edge *edge_new(const struct edge_options *options);
void edge_free(struct edge *edge);

/* The steward's loop, for the feed and for signals (it runs on the thread that calls edge_run). */
struct loop *edge_loop(struct edge *edge);

/* Takes purges from a listening UNIX socket (net/local.h) until a drain begins, on the steward's
 * thread; before edge_run. The socket is the edge's from now on, also on false: the kernel refuses.
 */
MUST_CHECK bool edge_take_commands(struct edge *edge, int socket);

/* Tells its numbers at listening sockets until a drain begins, on the steward's thread; before
 * edge_run. The sockets stay the caller's, also on false: the kernel refuses. */
MUST_CHECK bool edge_tell_metrics(struct edge *edge, const int *sockets, unsigned count);

/* Where a feed puts its domains; before edge_run or on the steward's thread. */
struct link_sink *edge_sink(struct edge *edge);

/* Where purges of the control plane go (link_remote_options.purges); lives as long as the edge.
 * NULL: it has no cache. */
struct link_purge_sink *edge_purges(struct edge *edge);

/* What there is to report to it (link_remote_options.reports); lives as long as the edge. */
struct link_report_source *edge_report_source(struct edge *edge);

/* Who shows the certificates of the control plane (link_remote_options.certificates); lives as long
 * as the edge. What it is given before edge_run is shown when that begins. NULL: nobody connects by
 * TLS. */
struct link_certificates_sink *edge_certificates_shower(struct edge *edge);

/* Who answers its questions (link_remote_options.asks); lives as long as the edge. */
struct link_ask_sink *edge_asks(struct edge *edge);

/* Starts the workers, calls on_ready(context) when all of them accept connections, and turns the
 * steward's loop until edge_stop or a drain has ended. Returns the exit code of the process. */
int edge_run(struct edge *edge, void (*on_ready)(void *context), void *context);

/* On the steward's thread: stops accepting, finishes what is in flight (at most drain_timeout),
 * then makes edge_run return. Twice: returns at once. */
void edge_drain(struct edge *edge);

/* On the steward's thread: opens the access log's file again. */
void edge_reopen_log(struct edge *edge);
