/*
 * Secrets at rest: texts are sealed by a key that lies in a file of its own, so that a copy of the
 * database alone tells none. Each seal is bound to a name, so that one cannot be put in the place
 * of another. XChaCha20-Poly1305 (libsodium). Immutable; any thread.
 */
#pragma once

#include "base/str.h"

struct store_seal;

/* Reads the key file; if there is none, it may make one (mode 0600). NULL with a constant in
 * *ret_why: it can't be read or made (errno), others may read it, or it is no key (errno is 0 for
 * both). */
struct store_seal *store_seal_open(const char *path, bool may_make, const char **ret_why);

/* Forgets the key. NULL is fine. */
void store_seal_free(struct store_seal *seal);

/* Adds the sealed text. */
void store_seal_close(
        const struct store_seal *seal, struct str name, struct str text, struct text *to);

/* Adds the text that was sealed under this name; false, and nothing is added, when it is damaged,
 * another name's, or another key's. */
MUST_CHECK bool store_seal_break(
        const struct store_seal *seal, struct str name, struct str sealed, struct text *to);

/* Overwrites a text that was a secret, and frees it. */
void store_seal_forget(struct text *text);
