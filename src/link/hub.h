/*
 * The control plane's end of the link: edges come, say what they know, and are told the rest; and
 * they say what they have made live. An edge that knows a revision of this store is told what
 * changed since; any other one the whole list. One thread, that of its loop.
 */
#pragma once

#include "link/certificates.h"
#include "link/wire.h"
#include "model/snapshot.h"

struct link_hub;

/* An edge that is connected. Two of one id are two processes with one cache: purges that one has
 * done are done. */
struct link_hub_edge {
	const char *id;
	const char *run;     /* of the process: its counters begin with it */
	uint64_t applied;    /* the revision that it last said to be live */
	const char *version; /* of its program; "" where it did not say */
	uint64_t refused;    /* one that it could not read; 0: none since */
	const char *error;   /* why; "" if none was */
	uint64_t purged;     /* all purges up to this are done, or have failed for good */
	uint64_t shown;   /* the revision of the certificates that it last said to show; 0: none */
	const char *from; /* the address that it is connected from; NULL: this machine */
};

struct link_hub_sink {
	/* An edge has come, or has applied or refused a revision. */
	void (*on_edge)(struct link_hub_sink *self, const struct link_hub_edge *edge);
	/* A connection from another machine ended before it was an edge's; `why` is a sentence.
	 * NULL: nobody wants to know, nor of on_trouble. */
	void (*on_stranger)(struct link_hub_sink *self, const char *from, const char *why);
	/* The file that shows other machines who we are is of no use. That of before is used; where
	 * there was none they are not let in until there is. */
	void (*on_trouble)(struct link_hub_sink *self, const char *words);
	/* It is gone; `why` is a sentence. */
	void (*on_gone)(
	        struct link_hub_sink *self, const struct link_hub_edge *edge, const char *why);
	/* It says what became of a purge: an empty error is that it is done, as are all before it
	 * that nothing else was said of; one that is not empty may be followed by that. What
	 * on_edge tells as purged, was done before. NULL: nobody wants to know. */
	void (*on_purged)(struct link_hub_sink *self, const struct link_hub_edge *edge,
	        uint64_t number, struct str error);
	/* What became of a question: an answer, or an error, which may be that the edge is gone.
	 * Once for each. NULL: nobody asks. */
	void (*on_answer)(struct link_hub_sink *self, const struct link_hub_edge *edge,
	        const struct link_told *told);
	/* A message of a report, which lasts until it returns; link_message_read_report reads it,
	 * on whatever thread has time for that. NULL: nobody wants to know. */
	void (*on_report)(struct link_hub_sink *self, const struct link_hub_edge *edge,
	        enum link_report_kind kind, struct str payload);
};

struct link_hub_options {
	const char *id;    /* of this machine; copied */
	const char *store; /* whose revisions and purges these are; copied */
	/* How it was called before, and the last that was made under each name: copied. Revisions
	 * of another name are none of ours. */
	const struct link_past *past;
	unsigned past_count;
	struct link_wire_times times;
};

/* Begins to accept at a listening UNIX socket (net/local.h), which is the hub's from now on, also
 * when NULL is returned because the kernel refuses. Until link_hub_change, there are no domains, at
 * revision 0. `sink` must outlive it. */
struct link_hub *link_hub_open(struct loop *loop, int socket,
        const struct link_hub_options *options, struct link_hub_sink *sink);

/* Accepts edges of other machines as well, at listening TCP sockets, which stay the caller's, with
 * mutual TLS: `identity` is the file that shows who we are (link/identity.h). An edge must have its
 * name in its certificate. Once; false when the kernel refuses. */
MUST_CHECK bool link_hub_listen(
        struct link_hub *hub, const int *sockets, unsigned count, const char *identity);

/* Ends all connections without telling the sink. NULL is fine. */
void link_hub_close(struct link_hub *hub);

/* Before the first change: a name that went, and with which revision, in the order of these; so
 * that edges that were away while the control plane was hear of it. */
void link_hub_add_gone(struct link_hub *hub, const char *name, uint64_t revision);

/* Makes these changes the next revision, and tells the edges; the first time, at the start, all
 * domains that there are. Their revisions say since when they are as they are. Takes references. */
void link_hub_change(
        struct link_hub *hub, const struct model_change *changes, size_t count, uint64_t revision);

/* Has the purges begin at this number, none of them being there yet; at the start, before the loop
 * turns. Later, drops those below it, which are not kept any more: an edge that has missed any
 * treats all that it has as stale. */
void link_hub_keep_purges_from(struct link_hub *hub, uint64_t number);

/* Has all edges do a purge, and those that come later: `line` is as link_command_print makes it, of
 * at most LIMIT_LINK_MESSAGE_BYTES less 64. Edges hear of it behind all of lower numbers, which may
 * come later, and once the revision is live there, so that nothing old is stored again behind it.
 * Copied. */
void link_hub_purge(struct link_hub *hub, uint64_t number, uint64_t revision, struct str line);

/* Has all edges show these certificates, and those that come later; takes its own reference. Of a
 * list at revision 0 none is told: where there never were any, it takes none away. */
void link_hub_set_certificates(struct link_hub *hub, struct link_certificates *list);

/* Wants these reports of all edges from now on, also of those that come; at first, none. */
void link_hub_subscribe(struct link_hub *hub, const struct link_subscription *subscription);

/* Asks an edge; of several of this id (NULL: of all) the one that has applied the latest revision.
 * `question` is a JSON object of at most LIMIT_LINK_MESSAGE_BYTES less 128. Returns the number of
 * the question, for on_answer, which is not called before this has returned; 0: no such edge is
 * connected, or LIMIT_LINK_ASKS wait there. */
uint64_t link_hub_ask(struct link_hub *hub, const char *edge, struct str what, struct str question);

const struct model_snapshot *link_hub_snapshot(const struct link_hub *hub);

/* The lowest revision that all connected edges have applied; that of the hub when there are none.
 */
uint64_t link_hub_applied(const struct link_hub *hub);

/* How many edges have greeted. */
unsigned link_hub_edge_count(const struct link_hub *hub);
