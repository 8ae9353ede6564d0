/*
 * TLS for the clients of a site: TLS 1.2 and 1.3 with the suites and curves of Mozilla's
 * "intermediate" profile (version 5.7), or TLS 1.3 alone ("modern"), in our order of them, but for
 * clients without hardware for AES, who say so by wanting ChaCha20 first. Certificates come
 * from a shelf by the name that the client asks for, tickets are sealed with keys that all workers
 * share, and what goes over it is agreed on by ALPN (RFC 7301). A context belongs to one thread.
 */
#pragma once

#include "net/tls.h"
#include "net/tls_shelf.h"
#include "net/tls_tickets.h"

enum tls_profile { TLS_INTERMEDIATE, TLS_MODERN };

struct tls_site_options {
	struct tls_shelf_slot *slot; /* what is in it is shown; outlives the context */
	enum tls_profile profile;
	/* Whose certificate is shown to clients that name nobody, or somebody whom the shelf does
	 * not have; empty: they are told so by an alert (unrecognized_name), and that is the end.
	 */
	const char *fallback;
	const struct tls_tickets *tickets; /* NULL: none are given out; outlives the context */
	bool has_http2;                    /* "h2" is offered before "http/1.1" */
};

/* `options` is copied, with the name. */
struct tls_context *tls_context_site(const struct tls_site_options *options);

/* After the handshake: whether "h2" was agreed on; whether the session is an earlier one's. */
bool tls_is_http2(const struct tls *tls);
bool tls_is_resumed(const struct tls *tls);
