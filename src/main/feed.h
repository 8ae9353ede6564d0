/*
 * Where an edge has its domains from, by what was asked for: flags, a file, or a control plane
 * (link/feed.h). One thread, that of its loop.
 */
#pragma once

#include "link/certificates.h"
#include "link/feed.h"
#include "link/purger.h"
#include "link/reporter.h"
#include "main/invocation.h"
#include "net/loop.h"

struct feed;

struct feed_options {
	const struct invocation *invocation;
	int journal; /* where the last good domains are kept without a folder of state; -1: nowhere
	              */
	struct loop *loop;
	struct link_sink *sink;                      /* must outlive it, as must the next ones */
	struct link_purge_sink *purges;              /* for those of a control plane */
	struct link_certificates_sink *certificates; /* for those of a control plane; NULL: nobody
	                                              * shows any */
	struct link_ask_sink *asks;         /* who is asked by the control plane; NULL: nobody */
	struct link_report_source *reports; /* for a control plane that wants to know */
};

/* Hands the sink what there is now, before returning; what changes comes later. NULL, and problems,
 * where there is nothing good. A control plane that does not answer is no problem. */
struct feed *feed_open(const struct feed_options *options, struct model_problems *problems);

/* NULL is fine. The domains that the sink was given stay. */
void feed_close(struct feed *feed);

/* The edge was sent home: it goes on hearing of its domains, but no longer begins anew what it
 * keeps of them (link/ledger.h), which its successor does. */
void feed_leave(struct feed *feed);

/* Looks now whether something has changed. */
void feed_reload(struct feed *feed);
