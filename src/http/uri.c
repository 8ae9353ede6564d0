/*
 * Hosts are checked by a table of bytes; IP literals by the address reader. An IPv4 address needs
 * no rule of its own, since its bytes are those of a name.
 */
#include "http/uri.h"

#include "base/address.h"

static const bool host_bytes[256] = {
        ['-' ... '.'] = true,
        ['0' ... '9'] = true,
        ['A' ... 'Z'] = true,
        ['_'] = true,
        ['a' ... 'z'] = true,
};

static bool is_hex_digit(char byte)
{
	return (byte >= '0' && byte <= '9') || (str_lower(byte) >= 'a' && str_lower(byte) <= 'f');
}

/* A name: at least one byte that is not its trailing dot, and no empty label. */
static bool is_host_name(struct str host)
{
	if (host.len == 0 || host.len > LIMIT_HOST_BYTES)
		return false;
	char before = '.';
	for (size_t i = 0; i < host.len; i++) {
		char byte = host.at[i];
		if (!host_bytes[(unsigned char)byte] || (byte == '.' && before == '.'))
			return false;
		before = byte;
	}
	return true;
}

/* "[2001:db8::1]"; no zone, and no IPvFuture, which nothing speaks. */
static bool is_ip_literal(struct str host)
{
	struct address address;
	if (host.len < 4 || host.len > LIMIT_HOST_BYTES || host.at[host.len - 1] != ']')
		return false;
	struct str inside = str_make(host.at + 1, host.len - 2);
	return str_find(inside, ':') >= 0 && address_parse_ip(inside, 0, &address);
}

/* The digits behind the colon; none are fine. */
static bool parse_port(struct str digits, uint16_t *ret_port)
{
	uint64_t port = 0;
	if (digits.len > 0 && (!str_to_u64(digits, &port) || port == 0 || port > UINT16_MAX))
		return false;
	*ret_port = (uint16_t)port;
	return true;
}

bool http_uri_parse_authority(struct str text, struct http_authority *ret_authority)
{
	struct http_authority authority = {.host = text};
	if (text.len > 0 && text.at[0] == '[') {
		ptrdiff_t close = str_find(text, ']');
		if (close < 0)
			return false;
		authority.host.len = (size_t)close + 1;
		if (!is_ip_literal(authority.host))
			return false;
	} else {
		ptrdiff_t colon = str_find(text, ':');
		if (colon >= 0)
			authority.host.len = (size_t)colon;
		if (!is_host_name(authority.host))
			return false;
	}
	if (authority.host.len < text.len) {
		size_t colon = authority.host.len;
		struct str digits = str_make(text.at + colon + 1, text.len - colon - 1);
		if (text.at[colon] != ':' || !parse_port(digits, &authority.port))
			return false;
	}
	*ret_authority = authority;
	return true;
}

struct str http_uri_normal_host(struct str host, char *to)
{
	CHECK(host.len <= LIMIT_HOST_BYTES);
	if (host.len > 1 && host.at[host.len - 1] == '.')
		host.len--;
	str_copy_lower(to, host);
	to[host.len] = '\0';
	return str_make(to, host.len);
}

/* Cuts "http://" or "https://" off *rest. */
static bool cut_scheme(struct str *rest)
{
	static const struct str schemes[] = {STR("http://"), STR("https://")};
	for (size_t i = 0; i < ARRAY_LENGTH(schemes); i++) {
		size_t length = schemes[i].len;
		if (rest->len >= length &&
		        str_is_equal_nocase(str_make(rest->at, length), schemes[i])) {
			*rest = str_make(rest->at + length, rest->len - length);
			return true;
		}
	}
	return false;
}

bool http_uri_parse_absolute(struct str target, struct str *ret_authority, struct str *ret_path)
{
	struct str rest = target;
	if (!cut_scheme(&rest) || str_find(rest, '#') >= 0)
		return false;
	size_t length = 0;
	while (length < rest.len && rest.at[length] != '/' && rest.at[length] != '?')
		length++;
	struct http_authority authority;
	struct str text = str_make(rest.at, length);
	if (!http_uri_parse_authority(text, &authority))
		return false;
	struct str path = str_make(rest.at + length, rest.len - length);
	if (path.len > 0 && path.at[0] != '/')
		return false;
	*ret_authority = text;
	*ret_path = path.len > 0 ? path : STR("/");
	return true;
}

void http_uri_cut_query(struct str target, struct str *ret_path, struct str *ret_query)
{
	struct str query = target;
	*ret_path = str_cut(&query, '?');
	*ret_query = query;
}

bool http_uri_has_valid_escapes(struct str target)
{
	for (size_t i = 0; i < target.len; i++) {
		if (target.at[i] != '%')
			continue;
		if (target.len - i < 3 || !is_hex_digit(target.at[i + 1]) ||
		        !is_hex_digit(target.at[i + 2]))
			return false;
		i += 2;
	}
	return true;
}

static int digit_of(char byte)
{
	byte = str_lower(byte);
	return byte <= '9' ? byte - '0' : byte - 'a' + 10;
}

/* The next byte of a path that is not empty, decoded. */
static char cut_byte(struct str *path)
{
	bool is_escape = path->at[0] == '%' && path->len >= 3 && is_hex_digit(path->at[1]) &&
	                 is_hex_digit(path->at[2]);
	char byte = is_escape ? (char)(digit_of(path->at[1]) * 16 + digit_of(path->at[2]))
	                      : path->at[0];
	size_t taken = is_escape ? 3 : 1;
	*path = str_make(path->at + taken, path->len - taken);
	return byte;
}

bool http_uri_is_plain(struct str target)
{
	struct str path, query;
	size_t length = 0, dots = 0; /* of the segment so far */
	http_uri_cut_query(target, &path, &query);
	if (path.len == 0 || path.at[0] != '/' || !http_uri_has_valid_escapes(path))
		return false;
	while (path.len > 0) {
		char byte = cut_byte(&path);
		bool is_slash = byte == '/';
		if ((unsigned char)byte < ' ' || byte == 0x7f)
			return false;
		length += !is_slash;
		dots += byte == '.';
		bool is_end = is_slash || path.len == 0;
		if (is_end && (length == 1 || length == 2) && dots == length)
			return false;
		if (is_slash)
			length = dots = 0;
	}
	return true;
}

void http_uri_decode(struct str path, struct text *to)
{
	while (path.len > 0)
		text_add_char(to, cut_byte(&path));
}
