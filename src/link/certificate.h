/*
 * A certificate with its chain and its key, as a control plane tells its edges of it: immutable,
 * shared by counted reference. Pure; any thread may have one.
 */
#pragma once

#include "link/message.h"

struct link_certificate;

/* Copies all; one reference. The name has at most LIMIT_CERTIFICATE_NAME_BYTES, the texts, which
 * are in PEM, LIMIT_CERTIFICATE_BYTES and LIMIT_CERTIFICATE_KEY_BYTES. */
struct link_certificate *link_certificate_new(
        struct str name, uint64_t revision, struct str chain, struct str key);

/* The last one overwrites the key. NULL is fine. */
void link_certificate_unref(struct link_certificate *certificate);

struct link_certificate *link_certificate_ref(struct link_certificate *certificate);

/* Whether both have the same name, revision and texts. */
bool link_certificate_is_equal(const struct link_certificate *a, const struct link_certificate *b);

/* Borrowed, each with a NUL behind it. */
const char *link_certificate_name(const struct link_certificate *certificate);
struct str link_certificate_chain(const struct link_certificate *certificate);
struct str link_certificate_key(const struct link_certificate *certificate);
uint64_t link_certificate_revision(const struct link_certificate *certificate);

/* Adds the payload of its message. */
void link_certificate_print(const struct link_certificate *certificate, struct text *to);
