/*
 * Whom connections to origins trust, and what they show: a set of settings (`tls` of an origin),
 * its files as they were read last, and the TLS context made of them. Origins with the same
 * settings share one. Files are read by the steward, with each new configuration and when they
 * change; what could not be read leaves what was read before in use. Any thread, but where it says
 * otherwise.
 */
#pragma once

#include "model/snapshot.h"
#include "net/loop.h"
#include "net/tls_origin.h"

struct origin_trust;
struct origin_trust_table;

/* Whom the table tells; called on the thread that read the file, the steward's as a rule. */
struct origin_trust_sink {
	/* A file could not be read or used, and why: a phrase behind its path. NULL: it is used, at
	 * last or again. */
	void (*on_file)(struct origin_trust_sink *self, const char *path, const char *why);
};

/* Runs on `loop`, the steward's. */
struct origin_trust_table *origin_trust_table_new(
        struct loop *loop, struct origin_trust_sink *sink);

/* Nobody has a trust any more. NULL is fine. */
void origin_trust_table_free(struct origin_trust_table *table);

/* On the steward's thread, before a worker hears of the snapshot: reads what its origins need.
 * NULL: it needs nothing any more. */
void origin_trust_set_snapshot(
        struct origin_trust_table *table, const struct model_snapshot *snapshot);

/* Looks at once which files have changed. On the steward's thread, which does it by itself all the
 * time; for tests. */
void origin_trust_look(struct origin_trust_table *table);

/* The trust of these settings; one reference for the caller. Reads its files where no origin of the
 * snapshot has them. */
struct origin_trust *origin_trust_get(
        struct origin_trust_table *table, const struct model_tls *settings);
struct origin_trust *origin_trust_ref(struct origin_trust *trust);

/* NULL is fine. */
void origin_trust_unref(struct origin_trust *trust);

/* Rises when its files are read anew: what was verified before was verified by other rules. */
unsigned origin_trust_version(const struct origin_trust *trust);

/* TLS over a connected socket, as tls_origin_new. NULL: its files could not be read or used. */
MUST_CHECK struct tls *origin_trust_connect(struct origin_trust *trust, int socket,
        const char *name, struct tls_origin_sessions *sessions);
