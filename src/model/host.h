/*
 * Host names as operators write them, in the one form in which they are kept and compared: lower
 * case, IDNA A-labels, no final dot, IP addresses as inet_ntop prints them. Pure.
 */
#pragma once

#include "base/address.h"
#include "base/limit.h"
#include "model/problem.h"

enum { MODEL_HOST_BYTES = LIMIT_HOST_BYTES + 1 };

/* A host in its normal form, NUL-terminated. */
struct model_host {
	char name[MODEL_HOST_BYTES];
	bool is_ip;
	struct address ip; /* with port 0; all-zero for a name */
};

/* A name (letters, digits, hyphens and underscores in labels, or an internationalised one) or an IP
 * address without brackets. */
MUST_CHECK bool model_host_read(
        struct str text, struct model_host *ret_host, struct model_why *ret_why);

/* The name of a domain: a host name, an IPv4 address, or "*." and a host name. */
MUST_CHECK bool model_host_read_pattern(
        struct str text, struct model_host *ret_host, struct model_why *ret_why);

/* "host" or "host:port", an IPv6 address always in brackets; *ret_port is 0 where there is none. */
MUST_CHECK bool model_host_read_authority(struct str text, struct model_host *ret_host,
        uint16_t *ret_port, struct model_why *ret_why);

/* 1–65535 in decimal digits. */
MUST_CHECK bool model_host_read_port(struct str text, uint16_t *ret_port);
