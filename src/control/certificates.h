/*
 * The certificates that the API has: as they are now, in memory with their keys, for the edges. A
 * change is in the store before anybody sees it. Any thread.
 */
#pragma once

#include "link/certificates.h"
#include "net/tls_certificate.h"
#include "store/certificates.h"

/* What is told of one; never its key. */
struct control_certificate {
	const char
	        *name; /* the texts are borrowed of the members, and last until the next change */
	uint64_t revision;
	struct str chain;
	struct str about; /* an object in JSON (control_certificates_describe) */
	uint64_t not_after_ms;
};

struct control_certificates;

/* Who is told of each change, in their order. */
struct control_certificates_sink {
	/* On the thread that changes, while no other change can be made; the list is borrowed. */
	void (*on_list)(struct control_certificates_sink *self, struct link_certificates *list);
};

/* None, at revision 0, and nobody is told. */
struct control_certificates *control_certificates_new(void);

/* Tells this sink from now on, which must outlive it; at the start. */
void control_certificates_listen(
        struct control_certificates *certificates, struct control_certificates_sink *sink);

/* NULL is fine. */
void control_certificates_free(struct control_certificates *certificates);

/* Whether it is a name of one: letters of lower case, digits, "-", "_" and ".", the first of the
 * first two kinds, at most LIMIT_CERTIFICATE_NAME_BYTES. */
bool control_certificates_is_name(struct str name);

/* Adds what an answer and the history tell of one, as an object in JSON. */
void control_certificates_describe(const struct tls_certificate *certificate, struct text *to);

/* Adds what differs between two such objects, as a JSON list of lines; an empty one is of what is
 * not there. */
void control_certificates_print_diff(struct str before, struct str after, struct text *to);

/* What the readers call, under a lock: it must not call what is here. */
struct control_certificate_sink {
	void (*on_certificate)(struct control_certificate_sink *self,
	        const struct control_certificate *certificate);
};

/* Tells all, in the order of names; returns the revision of the last change. */
uint64_t control_certificates_each(
        struct control_certificates *certificates, struct control_certificate_sink *sink);

/* Tells the one of a name; false where there is none. */
MUST_CHECK bool control_certificates_find(struct control_certificates *certificates,
        struct str name, struct control_certificate_sink *sink);

/* How many there are. */
size_t control_certificates_count(struct control_certificates *certificates);

/* By one thread at a time: between control_domains_begin and _end. Puts one in the place of that of
 * the name, which has the revision `expected` (0: there is none), or takes that away (NULL), in the
 * store and then here. Failures are those of store_certificates_commit; nothing has happened then.
 */
MUST_CHECK enum store_failure control_certificates_commit(struct control_certificates *certificates,
        struct store *store, const char *name, const struct tls_certificate *certificate,
        uint64_t expected, const struct store_note *note, uint64_t *ret_revision);

/* ---- the start ---- */

/* Reads those of the store, for a list that is taken over later. */
MUST_CHECK enum store_failure control_certificates_read(
        struct control_certificates *certificates, struct store *store);

/* What was read there becomes what is known here, and the sink is told. `from` is empty then. */
void control_certificates_take(
        struct control_certificates *certificates, struct control_certificates *from);
