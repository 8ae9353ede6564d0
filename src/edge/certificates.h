/*
 * The certificates that are shown to clients: those of a folder, which is looked at every second or
 * so by a thread of its own, whatever lies there by whatever name, together with those that the
 * control plane told. Where both have one for a name, net/tls_shelf.h says which is shown.
 */
#pragma once

#include "link/certificates.h"
#include "net/tls_shelf.h"

struct edge_certificates;

/* Who wants to know when what was told is shown. */
struct edge_certificates_watcher {
	/* Called by the thread. */
	void (*on_shown)(struct edge_certificates_watcher *self);
};

/* Reads what is there before it returns. An empty folder: there are none in one. NULL with errno
 * when there can be no thread. `watcher` must outlive it; NULL: nobody wants to know. */
struct edge_certificates *edge_certificates_new(
        const char *folder, struct edge_certificates_watcher *watcher);

/* Ends the thread. NULL is fine. */
void edge_certificates_free(struct edge_certificates *certificates);

/* Has those of this list shown, and no others that were told before; soon, by the thread. Takes its
 * own reference. By one thread. */
void edge_certificates_tell(struct edge_certificates *certificates, struct link_certificates *list);

/* Waits until what was told is shown, some seconds at most; and says so where there is none, which
 * is not said before. Once what was kept has been told, and before clients are accepted. */
void edge_certificates_settle(struct edge_certificates *certificates);

/* The list that is shown, with a reference for the caller; NULL: none was told. Any thread. */
struct link_certificates *edge_certificates_shown(struct edge_certificates *certificates);

/* When the first of those that are shown expires, in seconds since 1970; 0: there is none. */
uint64_t edge_certificates_first_end_s(struct edge_certificates *certificates);

/* Where the newest ones are. */
struct tls_shelf_slot *edge_certificates_slot(struct edge_certificates *certificates);
