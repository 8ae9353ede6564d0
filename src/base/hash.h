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

/* The same under a seed: without knowing it nobody can aim at a value, though it is no signature.
 */
uint64_t hash_checksum_seeded(const void *bytes, size_t length, uint64_t seed);

/* SipHash-2-4 under a key of the caller's: the same in all processes that have it. */
enum { HASH_KEY_BYTES = 16 };
uint64_t hash_under_key(const void *bytes, size_t length, const unsigned char key[HASH_KEY_BYTES]);

/* Mixes two hashes into one. */
uint64_t hash_mix(uint64_t a, uint64_t b);
