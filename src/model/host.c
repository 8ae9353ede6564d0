/*
 * ASCII names are checked here; what has other bytes goes through libidn2 (IDNA 2008,
 * non-transitional, as browsers do it) and is then checked like the others, since a mapped name may
 * be anything.
 *
 * A name whose last label is a number is refused: it is a mistyped IPv4 address, and others (the
 * URL standard, inet_aton) would read it as one.
 */
#include "model/host.h"

#include <idn2.h>

enum { LABEL_MAX = 63, UNICODE_MAX = 4 * LIMIT_HOST_BYTES };

static bool refuse(struct model_why *ret_why, const char *words)
{
	*ret_why = (struct model_why){.rule = "name", .words = words};
	return false;
}

static bool is_ascii(struct str text)
{
	for (size_t i = 0; i < text.len; i++) {
		if ((unsigned char)text.at[i] >= 0x80)
			return false;
	}
	return true;
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool is_label(struct str label)
{
	if (label.len == 0 || label.len > LABEL_MAX || label.at[0] == '-' ||
	        label.at[label.len - 1] == '-')
		return false;
	for (size_t i = 0; i < label.len; i++) {
		char c = str_lower(label.at[i]);
		if (!is_digit(c) && !(c >= 'a' && c <= 'z') && c != '-' && c != '_')
			return false;
	}
	return true;
}

static bool is_number(struct str label)
{
	for (size_t i = 0; i < label.len; i++) {
		if (!is_digit(label.at[i]))
			return false;
	}
	return true;
}

/* Checks an ASCII name without final dot, and copies it in lower case. */
static bool read_ascii(struct str text, struct model_host *ret_host, struct model_why *ret_why)
{
	if (text.len == 0)
		return refuse(ret_why, "is no host name");
	if (text.len > LIMIT_HOST_BYTES)
		return refuse(ret_why, "is longer than a host name can be (253 bytes)");
	struct str rest = text, label;
	do {
		label = str_cut(&rest, '.');
		if (!is_label(label))
			return refuse(ret_why,
			        "is no host name: a label has 1-63 letters, digits, hyphens or "
			        "underscores and no hyphen at its ends");
	} while (rest.at != NULL);
	if (is_number(label))
		return refuse(ret_why, "is neither an IP address nor a host name");
	*ret_host = (struct model_host){0};
	for (size_t i = 0; i < text.len; i++)
		ret_host->name[i] = str_lower(text.at[i]);
	return true;
}

/* Converts a name with other than ASCII letters. */
static bool read_unicode(struct str text, struct model_host *ret_host, struct model_why *ret_why)
{
	char copy[UNICODE_MAX + 1];
	if (text.len > UNICODE_MAX)
		return refuse(ret_why, "is longer than a host name can be (253 bytes)");
	memcpy(copy, text.at, text.len);
	copy[text.len] = '\0';
	char *converted;
	if (strlen(copy) != text.len || idn2_to_ascii_8z(copy, &converted,
	                                        IDN2_NFC_INPUT | IDN2_NONTRANSITIONAL) != IDN2_OK)
		return refuse(ret_why, "is no internationalised host name (IDNA 2008)");
	bool is_name = read_ascii(str_of(converted), ret_host, ret_why);
	idn2_free(converted);
	return is_name;
}

static bool read_name(struct str text, struct model_host *ret_host, struct model_why *ret_why)
{
	if (!is_ascii(text))
		return read_unicode(text, ret_host, ret_why);
	if (text.len > 1 && text.at[text.len - 1] == '.')
		text.len--;
	return read_ascii(text, ret_host, ret_why);
}

bool model_host_read(struct str text, struct model_host *ret_host, struct model_why *ret_why)
{
	struct address ip;
	if (!address_parse_ip(text, 0, &ip))
		return read_name(text, ret_host, ret_why);
	*ret_host = (struct model_host){.is_ip = true, .ip = ip};
	address_format_ip(&ip, ret_host->name);
	return true;
}

bool model_host_read_pattern(
        struct str text, struct model_host *ret_host, struct model_why *ret_why)
{
	if (str_has_prefix(text, STR("*."))) {
		struct model_host host;
		if (!read_name(str_make(text.at + 2, text.len - 2), &host, ret_why))
			return false;
		size_t length = strlen(host.name);
		if (length + 2 > LIMIT_HOST_BYTES)
			return refuse(ret_why, "is longer than a host name can be (253 bytes)");
		*ret_host = (struct model_host){.name = "*."};
		memcpy(ret_host->name + 2, host.name, length);
		return true;
	}
	if (str_find(text, '*') >= 0)
		return refuse(ret_why, "has a * that is not the whole first label, as in *.suffix");
	if (str_find(text, '/') >= 0)
		return refuse(
		        ret_why, "is no host name: write the name alone, without scheme and path");
	if (str_find(text, ':') >= 0)
		return refuse(ret_why, "is no host name: a domain's name has no port");
	return model_host_read(text, ret_host, ret_why);
}

bool model_host_read_port(struct str text, uint16_t *ret_port)
{
	uint64_t port;
	if (text.len > 5 || !str_to_u64(text, &port) || port < 1 || port > UINT16_MAX)
		return false;
	*ret_port = (uint16_t)port;
	return true;
}

bool model_host_read_authority(
        struct str text, struct model_host *ret_host, uint16_t *ret_port, struct model_why *ret_why)
{
	struct str rest = text, name;
	bool has_brackets = text.len > 0 && text.at[0] == '[';
	if (str_find(text, '/') >= 0)
		return refuse(ret_why, "is no host: write host or host:port, without path, and "
		                       "the scheme as `protocol`");
	if (has_brackets) {
		rest = str_make(text.at + 1, text.len - 1);
		name = str_cut(&rest, ']');
		if (rest.at == NULL || (rest.len != 0 && rest.at[0] != ':') ||
		        str_find(name, ':') < 0)
			return refuse(ret_why, "is not [address] or [address]:port");
		rest = rest.len == 0 ? STR_EMPTY : str_make(rest.at + 1, rest.len - 1);
	} else {
		name = str_cut(&rest, ':');
		if (str_find(rest, ':') >= 0)
			return refuse(ret_why, "is not host or host:port; an IPv6 address needs "
			                       "brackets");
	}
	struct model_host host;
	uint16_t port = 0;
	if (!model_host_read(name, &host, ret_why))
		return false;
	if (has_brackets && !host.is_ip)
		return refuse(ret_why, "has brackets around what is no IPv6 address");
	if (rest.at != NULL && !model_host_read_port(rest, &port)) {
		*ret_why = (struct model_why){.rule = "range",
		        .words = "has a port that is not in",
		        .allowed = "1-65535"};
		return false;
	}
	*ret_host = host;
	*ret_port = port;
	return true;
}
