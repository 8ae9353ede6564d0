/*
 * The certificates that are shown to clients: those of a folder, which is looked at every second or
 * so by a thread of its own. Whatever lies there, by whatever name (net/tls_shelf.h).
 */
#pragma once

#include "net/tls_shelf.h"

struct edge_certificates;

/* Reads what is there before it returns. An empty folder: there are none. NULL with errno when
 * there can be no thread. */
struct edge_certificates *edge_certificates_new(const char *folder);

/* Ends the thread. NULL is fine. */
void edge_certificates_free(struct edge_certificates *certificates);

/* Where the newest ones are. */
struct tls_shelf_slot *edge_certificates_slot(struct edge_certificates *certificates);
