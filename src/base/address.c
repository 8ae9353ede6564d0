/*
 * Addresses in text and for the kernel.
 *
 * Reading copies the text for inet_pton, which is strict (no leading zeros, no zones, nothing
 * trailing); printing IPv4 is done by hand, since each request may print its client's address.
 */
#include "base/address.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <sys/socket.h>

enum { V4_BITS = 32, V6_BITS = 128, MAPPED_BITS = 96, MAPPED_BYTES = MAPPED_BITS / 8 };

static const uint8_t MAPPED[MAPPED_BYTES] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

/* Copies s with a NUL; false when it is too long or has a NUL itself. */
static bool copy_text(struct str s, char *to, size_t size)
{
	if (s.len == 0 || s.len >= size || memchr(s.at, '\0', s.len) != NULL)
		return false;
	memcpy(to, s.at, s.len);
	to[s.len] = '\0';
	return true;
}

bool address_parse_ip(struct str s, uint16_t port, struct address *ret_address)
{
	char text[INET6_ADDRSTRLEN];
	if (!copy_text(s, text, sizeof(text)))
		return false;
	struct address address = {.port = port};
	if (str_find(s, ':') >= 0) {
		if (inet_pton(AF_INET6, text, address.ip) != 1)
			return false;
	} else {
		memcpy(address.ip, MAPPED, MAPPED_BYTES);
		if (inet_pton(AF_INET, text, address.ip + MAPPED_BYTES) != 1)
			return false;
	}
	*ret_address = address;
	return true;
}

bool address_parse(struct str s, struct address *ret_address)
{
	struct str rest = s, ip;
	bool has_brackets = s.len > 0 && s.at[0] == '[';
	if (has_brackets) {
		rest = str_make(s.at + 1, s.len - 1);
		ip = str_cut(&rest, ']');
		if (str_find(ip, ':') < 0 || rest.len == 0 || rest.at[0] != ':')
			return false;
		rest = str_make(rest.at + 1, rest.len - 1);
	} else {
		ip = str_cut(&rest, ':');
	}
	uint64_t port;
	if (rest.len > 5 || !str_to_u64(rest, &port) || port > UINT16_MAX)
		return false;
	return address_parse_ip(ip, (uint16_t)port, ret_address);
}

/* Clears the bits behind the first `bits`. */
static void mask_bits(uint8_t *ip, unsigned bits)
{
	for (unsigned i = 0; i < 16; i++) {
		unsigned kept = bits > i * 8 ? bits - i * 8 : 0;
		if (kept < 8)
			ip[i] &= (uint8_t)(0xff00 >> kept);
	}
}

bool address_prefix_parse(struct str s, struct address_prefix *ret_prefix)
{
	struct str rest = s;
	struct str ip = str_cut(&rest, '/');
	bool is_v4 = str_find(ip, ':') < 0;
	uint64_t bits = is_v4 ? V4_BITS : V6_BITS;
	if (rest.at != NULL &&
	        (rest.len > 3 || !str_to_u64(rest, &bits) || bits > (is_v4 ? V4_BITS : V6_BITS)))
		return false;
	struct address address;
	if (!address_parse_ip(ip, 0, &address))
		return false;
	unsigned mapped_bits = (unsigned)bits + (is_v4 ? MAPPED_BITS : 0);
	memcpy(ret_prefix->ip, address.ip, sizeof(ret_prefix->ip));
	mask_bits(ret_prefix->ip, mapped_bits);
	ret_prefix->bits = (uint8_t)mapped_bits;
	return true;
}

bool address_is_v4(const struct address *address)
{
	return memcmp(address->ip, MAPPED, MAPPED_BYTES) == 0;
}

bool address_is_loopback(const struct address *address)
{
	static const uint8_t LOOPBACK[16] = {[15] = 1};
	if (address_is_v4(address))
		return address->ip[MAPPED_BYTES] == 127;
	return memcmp(address->ip, LOOPBACK, sizeof(LOOPBACK)) == 0;
}

bool address_is_equal(const struct address *a, const struct address *b)
{
	return memcmp(a, b, sizeof(*a)) == 0;
}

bool address_is_in(const struct address *address, const struct address_prefix *prefix)
{
	/* "::/0" means all of IPv6; that the mapped IPv4 addresses lie in it is only our way to
	 * keep them. */
	if (prefix->bits < MAPPED_BITS && address_is_v4(address))
		return false;
	uint8_t ip[16];
	memcpy(ip, address->ip, sizeof(ip));
	mask_bits(ip, prefix->bits);
	return memcmp(ip, prefix->ip, sizeof(ip)) == 0;
}

/* Prints 0 … 65535 without a NUL; returns the end. */
static char *add_number(char *to, unsigned number)
{
	char digits[5];
	int count = 0;
	do {
		digits[count++] = (char)('0' + number % 10);
		number /= 10;
	} while (number != 0);
	while (count > 0)
		*to++ = digits[--count];
	return to;
}

/* Prints the IP and a NUL; returns where the NUL stands. */
static char *add_ip(char *to, const struct address *address)
{
	if (!address_is_v4(address)) {
		CHECK(inet_ntop(AF_INET6, address->ip, to, INET6_ADDRSTRLEN) != NULL);
		return to + strlen(to);
	}
	for (int i = MAPPED_BYTES; i < 16; i++) {
		to = add_number(to, address->ip[i]);
		if (i < 15)
			*to++ = '.';
	}
	*to = '\0';
	return to;
}

const char *address_format(const struct address *address, char *to)
{
	bool has_brackets = !address_is_v4(address);
	char *at = to;
	if (has_brackets)
		*at++ = '[';
	at = add_ip(at, address);
	if (has_brackets)
		*at++ = ']';
	*at++ = ':';
	at = add_number(at, address->port);
	*at = '\0';
	return to;
}

const char *address_format_ip(const struct address *address, char *to)
{
	add_ip(to, address);
	return to;
}

socklen_t address_to_sockaddr(const struct address *address, union address_sockaddr *ret_sockaddr)
{
	*ret_sockaddr = (union address_sockaddr){0};
	if (address_is_v4(address)) {
		ret_sockaddr->v4.sin_family = AF_INET;
		ret_sockaddr->v4.sin_port = htons(address->port);
		memcpy(&ret_sockaddr->v4.sin_addr, address->ip + MAPPED_BYTES, 4);
		return sizeof(ret_sockaddr->v4);
	}
	ret_sockaddr->v6.sin6_family = AF_INET6;
	ret_sockaddr->v6.sin6_port = htons(address->port);
	memcpy(&ret_sockaddr->v6.sin6_addr, address->ip, sizeof(address->ip));
	return sizeof(ret_sockaddr->v6);
}

void address_from_sockaddr(const struct sockaddr *sockaddr, struct address *ret_address)
{
	struct address address = {0};
	if (sockaddr->sa_family == AF_INET) {
		struct sockaddr_in v4;
		memcpy(&v4, sockaddr, sizeof(v4));
		memcpy(address.ip, MAPPED, MAPPED_BYTES);
		memcpy(address.ip + MAPPED_BYTES, &v4.sin_addr, 4);
		address.port = ntohs(v4.sin_port);
	} else if (sockaddr->sa_family == AF_INET6) {
		struct sockaddr_in6 v6;
		memcpy(&v6, sockaddr, sizeof(v6));
		memcpy(address.ip, &v6.sin6_addr, sizeof(address.ip));
		address.port = ntohs(v6.sin6_port);
	}
	*ret_address = address;
}
