/*
 * The life of a client's request, from its head to its line in the access log. The steps are one
 * table, request_steps.def.
 */
#pragma once

#include "edge/worker.h"

struct edge_request;

/* The handler of the worker's server: makes a request for each stream. */
void edge_request_handle(struct edge_worker *worker, struct serve_stream *stream);

/* Logs what could not become a request. */
void edge_request_log_refused(
        struct edge_worker *worker, const struct address *client, enum fault fault);

/* Cuts every request of the worker: responses end visibly broken. */
void edge_request_cut_all(struct edge_worker *worker);

/* How large a request is, for its slab. */
size_t edge_request_bytes(void);

/* The table of steps, as text. */
void edge_request_explain(struct text *to);
