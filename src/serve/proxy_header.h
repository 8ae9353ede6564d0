/*
 * The header of the PROXY protocol, versions 1 and 2, by which a proxy in front of us says whose
 * connection it passes on ("The PROXY protocol", W. Tarreau, versions 1 & 2). Pure.
 */
#pragma once

#include "base/address.h"
#include "base/str.h"

struct serve_proxy_header {
	struct address source;      /* the client */
	struct address destination; /* what the client connected to */
};

enum serve_proxy_header_event {
	SERVE_PROXY_HEADER_MORE,      /* right so far; not whole */
	SERVE_PROXY_HEADER_BAD,       /* no PROXY header, told at the first wrong byte */
	SERVE_PROXY_HEADER_LOCAL,     /* it names no TCP addresses: the socket's are meant */
	SERVE_PROXY_HEADER_ADDRESSES, /* *ret_header is filled in */
};

/*
 * Reads the header at the front of `bytes`, which may be only a part of it; costs at most
 * LIMIT_PROXY_HEADER_BYTES steps. *ret_consumed is the header's length for LOCAL and ADDRESSES;
 * what a version 2 header has besides addresses is skipped. A header longer than
 * LIMIT_PROXY_HEADER_BYTES is BAD.
 */
MUST_CHECK enum serve_proxy_header_event serve_proxy_header_parse(
        struct str bytes, struct serve_proxy_header *ret_header, size_t *ret_consumed);
