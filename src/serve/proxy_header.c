/*
 * Version 1 is a line of text: "PROXY TCP4 192.0.2.1 198.51.100.1 56324 443" and CRLF; version 2 is
 * a signature of 12 bytes, version and command, family and transport, a length, and that many
 * bytes. The first byte tells them apart.
 */
#include "serve/proxy_header.h"

#include "base/limit.h"

enum {
	V1_BYTES = 107, /* the longest line, as the protocol says */
	V2_FIXED_BYTES = 16,
	V4_ADDRESS_BYTES = 4 + 4 + 2 + 2,
	V6_ADDRESS_BYTES = 16 + 16 + 2 + 2,
};

_Static_assert(V1_BYTES <= (int)LIMIT_PROXY_HEADER_BYTES, "a version 1 header is within the limit");

enum { COMMAND_LOCAL, COMMAND_PROXY };
enum { FAMILY_NONE, FAMILY_V4, FAMILY_V6, FAMILY_UNIX };
enum { TRANSPORT_NONE, TRANSPORT_STREAM, TRANSPORT_DATAGRAM };

static const struct str V1_START = STR("PROXY ");
static const struct str V2_SIGNATURE = STR("\r\n\r\n\0\r\nQUIT\n");

/* Whether the bytes begin with `start`, as far as there are any. */
static bool can_start_with(struct str bytes, struct str start)
{
	size_t length = bytes.len < start.len ? bytes.len : start.len;
	return memcmp(bytes.at, start.at, length) == 0;
}

/* Decimal, with no zero in front that need not be there. */
static bool parse_port(struct str digits, uint16_t *ret_port)
{
	uint64_t port;
	if (digits.len > 5 || (digits.len > 1 && digits.at[0] == '0') ||
	        !str_to_u64(digits, &port) || port > UINT16_MAX)
		return false;
	*ret_port = (uint16_t)port;
	return true;
}

static bool parse_ip(struct str text, bool is_v4, uint16_t port, struct address *ret_address)
{
	return (str_find(text, ':') < 0) == is_v4 && address_parse_ip(text, port, ret_address);
}

/* What stands between "PROXY " and the CRLF. */
static enum serve_proxy_header_event parse_v1_line(
        struct str line, struct serve_proxy_header *ret_header)
{
	struct str protocol = str_cut(&line, ' ');
	if (str_is_equal(protocol, STR("UNKNOWN")))
		return SERVE_PROXY_HEADER_LOCAL;
	bool is_v4 = str_is_equal(protocol, STR("TCP4"));
	if (!is_v4 && !str_is_equal(protocol, STR("TCP6")))
		return SERVE_PROXY_HEADER_BAD;
	struct str source = str_cut(&line, ' '), destination = str_cut(&line, ' ');
	struct str source_port = str_cut(&line, ' '), destination_port = line;
	struct serve_proxy_header header;
	uint16_t from, to;
	if (!parse_port(source_port, &from) || !parse_port(destination_port, &to) ||
	        !parse_ip(source, is_v4, from, &header.source) ||
	        !parse_ip(destination, is_v4, to, &header.destination))
		return SERVE_PROXY_HEADER_BAD;
	*ret_header = header;
	return SERVE_PROXY_HEADER_ADDRESSES;
}

static enum serve_proxy_header_event parse_v1(
        struct str bytes, struct serve_proxy_header *ret_header, size_t *ret_consumed)
{
	if (!can_start_with(bytes, V1_START))
		return SERVE_PROXY_HEADER_BAD;
	size_t length = bytes.len < V1_BYTES ? bytes.len : V1_BYTES;
	size_t end = V1_START.len;
	while (end < length && bytes.at[end] >= 0x20 && bytes.at[end] < 0x7f)
		end++;
	if (end >= length)
		return bytes.len < V1_BYTES ? SERVE_PROXY_HEADER_MORE : SERVE_PROXY_HEADER_BAD;
	if (bytes.at[end] != '\r' || end + 2 > V1_BYTES)
		return SERVE_PROXY_HEADER_BAD;
	if (end + 1 == bytes.len)
		return SERVE_PROXY_HEADER_MORE;
	if (bytes.at[end + 1] != '\n')
		return SERVE_PROXY_HEADER_BAD;
	*ret_consumed = end + 2;
	return parse_v1_line(str_make(bytes.at + V1_START.len, end - V1_START.len), ret_header);
}

static uint16_t read_u16(const char *at)
{
	return (uint16_t)((unsigned char)at[0] << 8 | (unsigned char)at[1]);
}

/* An IP as it stands in the header. */
static void read_ip(const char *at, bool is_v4, uint16_t port, struct address *ret_address)
{
	static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};
	*ret_address = (struct address){.port = port};
	if (is_v4) {
		memcpy(ret_address->ip, mapped, sizeof(mapped));
		memcpy(ret_address->ip + sizeof(mapped), at, 4);
	} else {
		memcpy(ret_address->ip, at, 16);
	}
}

/* The addresses of a command PROXY over a known family and transport. */
static enum serve_proxy_header_event parse_v2_addresses(
        struct str bytes, unsigned family, struct serve_proxy_header *ret_header)
{
	bool is_v4 = family == FAMILY_V4;
	size_t ip_bytes = is_v4 ? 4 : 16;
	if (bytes.len < (is_v4 ? V4_ADDRESS_BYTES : V6_ADDRESS_BYTES))
		return SERVE_PROXY_HEADER_BAD;
	const char *ports = bytes.at + 2 * ip_bytes;
	read_ip(bytes.at, is_v4, read_u16(ports), &ret_header->source);
	read_ip(bytes.at + ip_bytes, is_v4, read_u16(ports + 2), &ret_header->destination);
	return SERVE_PROXY_HEADER_ADDRESSES;
}

static enum serve_proxy_header_event parse_v2(
        struct str bytes, struct serve_proxy_header *ret_header, size_t *ret_consumed)
{
	if (!can_start_with(bytes, V2_SIGNATURE))
		return SERVE_PROXY_HEADER_BAD;
	const unsigned char *at = (const unsigned char *)bytes.at + V2_SIGNATURE.len;
	size_t known = bytes.len > V2_SIGNATURE.len ? bytes.len - V2_SIGNATURE.len : 0;
	if (known >= 1 && (at[0] >> 4 != 2 || (at[0] & 0xf) > COMMAND_PROXY))
		return SERVE_PROXY_HEADER_BAD;
	if (known >= 2 && (at[1] >> 4 > FAMILY_UNIX || (at[1] & 0xf) > TRANSPORT_DATAGRAM))
		return SERVE_PROXY_HEADER_BAD;
	if (bytes.len < V2_FIXED_BYTES)
		return SERVE_PROXY_HEADER_MORE;
	size_t length = V2_FIXED_BYTES + read_u16(bytes.at + V2_FIXED_BYTES - 2);
	if (length > LIMIT_PROXY_HEADER_BYTES)
		return SERVE_PROXY_HEADER_BAD;
	if (bytes.len < length)
		return SERVE_PROXY_HEADER_MORE;

	*ret_consumed = length;
	unsigned command = at[0] & 0xf, family = at[1] >> 4, transport = at[1] & 0xf;
	bool is_tcp = (family == FAMILY_V4 || family == FAMILY_V6) && transport == TRANSPORT_STREAM;
	/* Addresses of another kind cannot be our client's; the protocol lets us keep the socket's.
	 */
	if (command == COMMAND_LOCAL || !is_tcp)
		return SERVE_PROXY_HEADER_LOCAL;
	struct str rest = str_make(bytes.at + V2_FIXED_BYTES, length - V2_FIXED_BYTES);
	return parse_v2_addresses(rest, family, ret_header);
}

enum serve_proxy_header_event serve_proxy_header_parse(
        struct str bytes, struct serve_proxy_header *ret_header, size_t *ret_consumed)
{
	if (bytes.len == 0)
		return SERVE_PROXY_HEADER_MORE;
	if (bytes.at[0] == V2_SIGNATURE.at[0])
		return parse_v2(bytes, ret_header, ret_consumed);
	return parse_v1(bytes, ret_header, ret_consumed);
}
