/*
 * What turned out not to be for sharing: for a while, who asks for it pulls on their own at once
 * and does not wait in vain for somebody else's answer. What they get may be stored all the same: a
 * request that is refused must not be able to keep a URL out of the cache. A small table that
 * forgets; any thread.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct edge_unshared;

struct edge_unshared *edge_unshared_new(void);
void edge_unshared_free(struct edge_unshared *unshared);

/* What is asked with credentials is told apart: that answers to such a request are not for sharing
 * says nothing of the others. */
static inline uint64_t edge_unshared_hash(uint64_t hash, bool has_credentials)
{
	return has_credentials ? ~hash : hash;
}

/* Remembers a key by its (keyed) hash, for EDGE_UNSHARED_MS from now_ms on. */
void edge_unshared_note(struct edge_unshared *unshared, uint64_t hash, uint64_t now_ms);

/* Forgets it: an answer has turned out to be for sharing. */
void edge_unshared_forget(struct edge_unshared *unshared, uint64_t hash);

/* Whether it is remembered. One load. */
bool edge_unshared_has(const struct edge_unshared *unshared, uint64_t hash, uint64_t now_ms);

enum { EDGE_UNSHARED_MS = 10000 };
