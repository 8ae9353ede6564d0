/*
 * The certificates that a control plane tells its edges of: an immutable list, shared by counted
 * reference, and how an edge puts one together of messages (link/message.h). Pure; any thread may
 * have a list.
 *
 * What is told is whole: those that a receiver does not have yet, one CERTIFICATE each, and then
 * CERTIFICATES with all names that there are. A name that it does not have is no more.
 */
#pragma once

#include "link/certificate.h"

struct link_certificates;

/* One without any, at revision 0. */
struct link_certificates *link_certificates_new(void);

/* Another one (NULL is none) with a certificate more, or in the place of one of its name; or, with
 * NULL, without that of the name. Takes its own references. */
struct link_certificates *link_certificates_with(const struct link_certificates *list,
        const char *name, struct link_certificate *certificate, uint64_t revision);

struct link_certificates *link_certificates_ref(struct link_certificates *list);

/* NULL is fine. */
void link_certificates_unref(struct link_certificates *list);

/* The revision of the last change of any; 0: there never was one. */
uint64_t link_certificates_revision(const struct link_certificates *list);

/* How many; and one, borrowed, in the order of names. */
size_t link_certificates_count(const struct link_certificates *list);
struct link_certificate *link_certificates_at(const struct link_certificates *list, size_t index);

/* That of a name; NULL. */
struct link_certificate *link_certificates_get(
        const struct link_certificates *list, struct str name);

/* Whether both have the same texts by the same names. */
bool link_certificates_is_equal(
        const struct link_certificates *a, const struct link_certificates *b);

/* Adds the payload of CERTIFICATES. */
void link_certificates_print(const struct link_certificates *list, struct text *to);

/* Adds messages that tell all of it. */
void link_certificates_print_all(const struct link_certificates *list, struct text *to);

/* ---- what is heard ---- */

struct link_certificates_intake {
	struct link_certificates *list; /* the last one that was whole; NULL: none was */
	struct link_certificate **heard;
	size_t count;
};

/* All-zero is one at its beginning. Frees what it has. */
void link_certificates_intake_done(struct link_certificates_intake *intake);

/* Drops what was heard since the last whole list. */
void link_certificates_intake_drop(struct link_certificates_intake *intake);

enum link_certificates_take {
	LINK_CERTIFICATES_MORE,
	LINK_CERTIFICATES_WHOLE, /* `list` is another one */
	LINK_CERTIFICATES_BAD,   /* what was heard is dropped, and the list stays */
};

/* Takes CERTIFICATE or CERTIFICATES. */
MUST_CHECK enum link_certificates_take link_certificates_intake_take(
        struct link_certificates_intake *intake, enum link_message_kind kind, struct str payload);

/* ---- who shows them ---- */

/* The feed, which has to know when they are shown; embedded in it. */
struct link_shown {
	/* From now on whoever connects is shown those of this list, or of a later one. Never inside
	 * on_certificates. */
	void (*on_shown)(struct link_shown *self, const struct link_certificates *list);
};

struct link_certificates_sink {
	struct link_shown *shown; /* the feed sets it, and takes it away at its end */
	/* Shows these, and no others that it was told of before. Takes its own reference. */
	void (*on_certificates)(
	        struct link_certificates_sink *self, struct link_certificates *list);
};
