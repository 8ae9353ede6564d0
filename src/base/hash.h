/*
 * Hashes. Keyed ones (SipHash-2-4, libsodium) for whatever a peer can choose; checksums (XXH3) for
 * what we wrote ourselves. Any thread.
 */
#pragma once

#include "base/str.h"

#include <stdint.h>

/* Draws this process's key; once, before any thread starts and before hash_keyed. */
void hash_init(void);

/* A hash that nobody can forge collisions for; differs from process to process. */
uint64_t hash_keyed(const void *bytes, size_t length);

/* The same, without regard to the case of ASCII letters; at most 512 bytes. */
uint64_t hash_keyed_nocase(struct str s);

/* A fast checksum, the same on every machine; no secrecy. */
uint64_t hash_checksum(const void *bytes, size_t length);

/* Mixes two hashes into one. */
uint64_t hash_mix(uint64_t a, uint64_t b);
