/*
 * A list that is on its way is told to its end, even when there is a newer one by then: the edge
 * has a whole one all the time, and of the newer one little is left to tell.
 */
#include "link/certificates_walk.h"

#include "base/limit.h"

void link_certificates_walk_done(struct link_certificates_walk *walk)
{
	link_certificates_unref(walk->list);
	walk->list = NULL;
}

static void tell_one(const struct link_certificate *certificate, struct link_wire *wire)
{
	struct text payload = {0};
	link_certificate_print(certificate, &payload);
	link_wire_send(wire, LINK_SAYS_CERTIFICATE, text_str(&payload));
	explicit_bzero(payload.at, payload.len);
	text_done(&payload);
}

/* Tells the rest of the list; false where it has to wait for the edge. */
static bool tell_list(struct link_certificates_walk *walk, struct link_wire *wire)
{
	struct text payload = {0};
	for (; walk->at < link_certificates_count(walk->list); walk->at++) {
		const struct link_certificate *certificate =
		        link_certificates_at(walk->list, walk->at);
		if (link_wire_backlog(wire) > LIMIT_LINK_BACKLOG_BYTES)
			return false;
		if (link_certificate_revision(certificate) > walk->from)
			tell_one(certificate, wire);
	}
	link_certificates_print(walk->list, &payload);
	link_wire_send(wire, LINK_SAYS_CERTIFICATES, text_str(&payload));
	text_done(&payload);
	return true;
}

void link_certificates_walk_go(struct link_certificates_walk *walk,
        struct link_certificates *newest, struct link_wire *wire)
{
	while (walk->list != NULL || link_certificates_revision(newest) > walk->told) {
		if (walk->list == NULL) {
			walk->list = link_certificates_ref(newest);
			walk->at = 0;
			walk->from = walk->told;
		}
		if (!tell_list(walk, wire))
			return;
		walk->told = link_certificates_revision(walk->list);
		link_certificates_walk_done(walk);
	}
}
