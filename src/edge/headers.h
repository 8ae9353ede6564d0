/*
 * A domain's rules for header fields (struct model_headers) at work on one message: which of its
 * fields stay behind, and which lines are written. NULL is no rules. Pure.
 */
#pragma once

#include "base/arena.h"
#include "http/mark.h"
#include "http/write.h"
#include "model/domain.h"

/* Names that a message says otherwise than rules for all messages may: sets of them, by enum
 * http_name, that the rules leave alone. */
static const uint64_t EDGE_HEADERS_TYPE = UINT64_C(1) << HTTP_NAME_CONTENT_TYPE;
/* RFC 9110 15.4.5: without content there is nothing to say of it. */
static const uint64_t EDGE_HEADERS_CONTENT =
        UINT64_C(1) << HTTP_NAME_CONTENT_TYPE | UINT64_C(1) << HTTP_NAME_CONTENT_ENCODING;

/* Marks the fields of the head that rules delete, or write afresh; marks that are there stay. */
void edge_headers_mark(const struct model_headers *rules, const struct http_head *head,
        uint64_t spared, uint64_t drop[HTTP_MARK_WORDS]);

/* Marks also the fields of a request that servers may take for one that rules delete or write
 * afresh: where fields are handed to programs as variables, "X_Key" and "X-Key" are one, and a
 * client must not say in its own words what the rules say. */
void edge_headers_mark_alike(const struct model_headers *rules, const struct http_head *head,
        uint64_t drop[HTTP_MARK_WORDS]);

/* How many bytes edge_headers_write writes at most; LIMIT_HEADERS_BYTES is the most of that. */
size_t edge_headers_bytes(const struct model_headers *rules);

/* Writes the lines that rules set and add, in their order. */
void edge_headers_write(
        const struct model_headers *rules, uint64_t spared, struct http_writer *writer);

/* The lines without those that rules delete or write afresh; each has its line end. In the arena,
 * or the lines as they are. */
struct str edge_headers_filter(
        const struct model_headers *rules, struct str lines, struct arena *arena);

/* What becomes of the value of a field that a message has once; empty where it is deleted. */
struct str edge_headers_value(
        const struct model_headers *rules, enum http_name id, struct str value);
