/*
 * The certificates that a server shows, found by the name that a client asks for. A shelf is made
 * of texts in PEM, whoever wrote these and however he called them: a key belongs to the
 * certificates with its public half, and a chain is put together of what lies in one text with its
 * first certificate. A finished shelf never changes; it is shared by counted reference.
 */
#pragma once

#include "base/str.h"

#include <stdint.h>

struct tls_shelf;

/* A certificate with its key, for people. */
struct tls_shelf_entry {
	const char *from;  /* where it came from */
	const char *names; /* with ", " between */
	const char *kind;  /* "ECDSA", "RSA", … */
	int64_t not_before_s, not_after_s;
	bool is_stapled; /* with an OCSP response */
};

/* An empty one, with one reference; its owner fills it. */
struct tls_shelf *tls_shelf_new(void);

/* What a text has: certificates, keys; `from` is what it is called in `troubles`, to which a line
 * is added for each thing that is of no use. */
void tls_shelf_add(
        struct tls_shelf *shelf, const char *from, struct str pem, struct text *troubles);

/* An OCSP response (RFC 6960, DER), for the certificate that it speaks of. */
void tls_shelf_add_staple(
        struct tls_shelf *shelf, const char *from, struct str der, struct text *troubles);

/* Says of a text that should be there, or of all that lie below such a name, that it cannot be
 * read.
 */
void tls_shelf_miss(struct tls_shelf *shelf, const char *from);

/* Has what a text had on another shelf, which is finished, stay where this text, by its `from`, was
 * missed, has something of no use, or a certificate without its key: half of a renewal takes
 * nothing away. At most once. */
void tls_shelf_keep(struct tls_shelf *shelf, struct tls_shelf *before);

/* Puts together what was added. Where there are several certificates of one kind for a name, the
 * one that is valid at `now_s`, and of these the one that was issued last; a wildcard that is valid
 * stands in for a name that has none that is. It changes no more. */
void tls_shelf_finish(struct tls_shelf *shelf, int64_t now_s, struct text *troubles);

/* Counts one user more, or less; any thread. */
struct tls_shelf *tls_shelf_ref(struct tls_shelf *shelf);
void tls_shelf_unref(struct tls_shelf *shelf);

/* Where all threads find the newest shelf. */
struct tls_shelf_slot;

/* One with an empty shelf. */
struct tls_shelf_slot *tls_shelf_slot_new(void);
void tls_shelf_slot_free(struct tls_shelf_slot *slot);

/* Puts in a finished one, with the caller's reference. */
void tls_shelf_slot_put(struct tls_shelf_slot *slot, struct tls_shelf *shelf);

/* The newest one, with a reference for the caller. */
struct tls_shelf *tls_shelf_slot_get(struct tls_shelf_slot *slot);

/* Makes *shelf the newest one, by references, where *turn says that it is not; 0 at first, with
 * NULL. A load, when nothing is new. */
void tls_shelf_slot_follow(struct tls_shelf_slot *slot, uint64_t *turn, struct tls_shelf **shelf);

/* Whether there is a certificate for this name, as a client sends it: of its own, or of a wildcard
 * that stands for its first label. */
bool tls_shelf_has(const struct tls_shelf *shelf, struct str name);

/* Certificates in it, those of them that can be shown (by their kind and strength), and one. */
unsigned tls_shelf_count(const struct tls_shelf *shelf);
unsigned tls_shelf_fit_count(const struct tls_shelf *shelf);
struct tls_shelf_entry tls_shelf_at(const struct tls_shelf *shelf, unsigned index);

/* When the first of those that are shown for any name expires, in seconds since 1970; 0: there is
 * none. */
int64_t tls_shelf_first_end(const struct tls_shelf *shelf);

/* When the next one becomes valid or expires, so that the shelf is to be made anew; 0: never. */
int64_t tls_shelf_next_turn(const struct tls_shelf *shelf, int64_t now_s);

/* Adds a line for each of those that are shown and expire before a time, and one that counts those
 * beyond `max`. */
void tls_shelf_tell_ends(const struct tls_shelf *shelf, int64_t until_s, unsigned max,
        int64_t now_s, struct text *to);
