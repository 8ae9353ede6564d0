/*
 * Internet addresses: one IPv4 or IPv6 address with a port, and prefixes of them. Pure, but for the
 * conversion to and from the kernel's form.
 */
#pragma once

#include "base/str.h"

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>

/* 20 bytes, comparable with memcmp: IPv4 is kept as an IPv4-mapped IPv6 address (RFC 4291). */
struct address {
	uint8_t ip[16];
	uint16_t port; /* host order */
	uint16_t zero; /* always 0 */
};

struct address_prefix {
	uint8_t ip[16];
	uint8_t bits; /* of the mapped form: 96 more than written for IPv4 */
};

union address_sockaddr {
	struct sockaddr any;
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;
};

enum { ADDRESS_TEXT_BYTES = 56 };

/* "203.0.113.7" or "2001:db8::1" (no brackets, no zone). */
MUST_CHECK bool address_parse_ip(struct str s, uint16_t port, struct address *ret_address);

/* "203.0.113.7:80", "[2001:db8::1]:80". */
MUST_CHECK bool address_parse(struct str s, struct address *ret_address);

/* "10.0.0.0/8", "2001:db8::/32", or a single address. */
MUST_CHECK bool address_prefix_parse(struct str s, struct address_prefix *ret_prefix);

bool address_is_v4(const struct address *address);
bool address_is_loopback(const struct address *address); /* 127.0.0.0/8, ::1 */
bool address_is_equal(const struct address *a, const struct address *b);
bool address_is_in(const struct address *address, const struct address_prefix *prefix);

/* "203.0.113.7:80" or "[2001:db8::1]:80" and a NUL; returns `to`, which has ADDRESS_TEXT_BYTES. */
const char *address_format(const struct address *address, char *to);

/* The same without port and brackets. */
const char *address_format_ip(const struct address *address, char *to);

/* The kernel's form and back. An AF_UNIX or unknown sockaddr becomes all-zero. */
socklen_t address_to_sockaddr(const struct address *address, union address_sockaddr *ret_sockaddr);
void address_from_sockaddr(const struct sockaddr *sockaddr, struct address *ret_address);
