/*
 * Most fields are names that we know with values without a rule of their own: their names are right
 * but for upper case, and their values are looked at once. Of the others each has a case.
 */
#include "serve/h2_rules.h"

#include "http/head.h"

#define BIT(id) (UINT64_C(1) << HTTP_NAME_##id)

/* Those whose values, or presence, are somebody's business. */
static const uint64_t special = BIT(CONNECTION) | BIT(CONTENT_LENGTH) | BIT(HOST) |
                                BIT(KEEP_ALIVE) | BIT(PROXY_CONNECTION) | BIT(TE) |
                                BIT(TRANSFER_ENCODING) | BIT(UPGRADE);

/* Of a URI's authority (RFC 3986 section 3.2); what it means is for http/uri.h to tell. */
static const bool authority_bytes[256] = {
        ['a' ... 'z'] = true,
        ['A' ... 'Z'] = true,
        ['0' ... '9'] = true,
        ['!'] = true,
        ['$'] = true,
        ['%'] = true,
        ['&'] = true,
        ['\''] = true,
        ['('] = true,
        [')'] = true,
        ['*'] = true,
        ['+'] = true,
        [','] = true,
        ['-'] = true,
        ['.'] = true,
        [':'] = true,
        [';'] = true,
        ['='] = true,
        ['@'] = true,
        ['['] = true,
        [']'] = true,
        ['_'] = true,
        ['~'] = true,
};

static bool is_authority(struct str value)
{
	for (size_t i = 0; i < value.len; i++)
		if (!authority_bytes[(unsigned char)value.at[i]])
			return false;
	return true;
}

static bool is_scheme(struct str value)
{
	for (size_t i = 0; i < value.len; i++) {
		char byte = str_lower(value.at[i]);
		bool is_letter = byte >= 'a' && byte <= 'z';
		bool is_inner =
		        (byte >= '0' && byte <= '9') || byte == '+' || byte == '-' || byte == '.';
		if (!is_letter && (i == 0 || !is_inner))
			return false;
	}
	return true;
}

/* Without spaces and controls: eight bytes at a time, of each of which the highest bit is set where
 * it is less than '!', or is DEL. */
static bool is_path(struct str value)
{
	const uint64_t ones = 0x0101010101010101, highest = 0x80 * ones;
	uint64_t word;
	size_t at = 0;
	for (; at + sizeof(word) <= value.len; at += sizeof(word)) {
		memcpy(&word, value.at + at, sizeof(word));
		uint64_t other = word ^ 0x7f * ones;
		if ((((word - '!' * ones) & ~word) | ((other - ones) & ~other)) & highest)
			return false;
	}
	for (; at < value.len; at++)
		if ((unsigned char)value.at[at] <= ' ' || value.at[at] == 0x7f)
			return false;
	return true;
}

/* Whether any letter of a name that we know is in upper case: in those names, a byte with the bit
 * 0x40 and without 0x20 is one. */
static bool has_upper(struct str name)
{
	const uint64_t letters = 0x4040404040404040;
	uint64_t found = 0, word;
	size_t at = 0;
	for (; at + sizeof(word) <= name.len; at += sizeof(word)) {
		memcpy(&word, name.at + at, sizeof(word));
		found |= word & ~(word << 1) & letters;
	}
	for (; at < name.len; at++)
		found |= (uint64_t)(name.at[at] & 0x60) == 0x40;
	return found != 0;
}

static bool is_name(enum http_name id, struct str name)
{
	if (id != HTTP_NAME_OTHER)
		return !has_upper(name);
	for (size_t i = 0; i < name.len; i++)
		if (name.at[i] >= 'A' && name.at[i] <= 'Z')
			return false;
	return http_name_is_valid(name);
}

static bool add_length(struct serve_h2_rules *rules, struct str value)
{
	if (rules->has_length || rules->is_trailers)
		return false;
	rules->has_length = true;
	return str_to_u64(value, &rules->length) && rules->length <= INT64_MAX;
}

static bool add_host(struct serve_h2_rules *rules, struct str value)
{
	if (rules->has_host || value.len == 0)
		return false;
	rules->has_host = true;
	return is_authority(value);
}

static bool add_special(struct serve_h2_rules *rules, enum http_name id, struct str value)
{
	if (id == HTTP_NAME_CONTENT_LENGTH)
		return add_length(rules, value);
	if (id == HTTP_NAME_HOST)
		return add_host(rules, value);
	/* Of those that are about a connection of HTTP/1 one is allowed, with one value. */
	return id == HTTP_NAME_TE && str_is_equal_nocase(value, STR("trailers"));
}

enum serve_h2_pseudo serve_h2_rules_pseudo(struct str name)
{
	switch (name.len) {
	case sizeof(":path") - 1:
		return str_is_equal(name, STR(":path")) ? SERVE_H2_PSEUDO_PATH
		                                        : SERVE_H2_PSEUDO_NONE;
	case sizeof(":method") - 1:
		return str_is_equal(name, STR(":method"))   ? SERVE_H2_PSEUDO_METHOD
		       : str_is_equal(name, STR(":scheme")) ? SERVE_H2_PSEUDO_SCHEME
		                                            : SERVE_H2_PSEUDO_NONE;
	case sizeof(":protocol") - 1:
		return str_is_equal(name, STR(":protocol")) ? SERVE_H2_PSEUDO_PROTOCOL
		                                            : SERVE_H2_PSEUDO_NONE;
	case sizeof(":authority") - 1:
		return str_is_equal(name, STR(":authority")) ? SERVE_H2_PSEUDO_AUTHORITY
		                                             : SERVE_H2_PSEUDO_NONE;
	default:
		return SERVE_H2_PSEUDO_NONE;
	}
}

static bool add_scheme(struct serve_h2_rules *rules, struct str value)
{
	rules->is_http = str_is_equal(value, STR("https")) ||
	                 str_is_equal_nocase(value, STR("http")) ||
	                 str_is_equal_nocase(value, STR("https"));
	return rules->is_http || is_scheme(value);
}

bool serve_h2_rules_add_pseudo(
        struct serve_h2_rules *rules, enum serve_h2_pseudo pseudo, struct str value)
{
	if (rules->is_trailers || rules->has_regular || value.len == 0 ||
	        serve_h2_rules_has(rules, pseudo))
		return false;
	rules->pseudo |= (uint8_t)(1U << pseudo);
	switch (pseudo) {
	case SERVE_H2_PSEUDO_METHOD:
		rules->is_connect = str_is_equal(value, STR("CONNECT"));
		rules->is_options = str_is_equal(value, STR("OPTIONS"));
		return http_name_is_valid(value); /* a token as well */
	case SERVE_H2_PSEUDO_SCHEME:
		return add_scheme(rules, value);
	case SERVE_H2_PSEUDO_AUTHORITY:
		return is_authority(value);
	case SERVE_H2_PSEUDO_PATH:
		rules->is_path = value.at[0] == '/';
		rules->is_asterisk = str_is_equal(value, STR("*"));
		return is_path(value);
	case SERVE_H2_PSEUDO_PROTOCOL:
		return http_head_is_value(value);
	case SERVE_H2_PSEUDO_NONE:
		break;
	}
	return false;
}

bool serve_h2_rules_add(
        struct serve_h2_rules *rules, enum http_name id, struct str name, struct str value)
{
	rules->has_regular = true;
	return is_name(id, name) && http_head_is_value(value) &&
	       ((special >> id & 1) == 0 || add_special(rules, id, value));
}

bool serve_h2_rules_end(const struct serve_h2_rules *rules, bool has_end)
{
	bool has_authority = serve_h2_rules_has(rules, SERVE_H2_PSEUDO_AUTHORITY);
	bool has_scheme = serve_h2_rules_has(rules, SERVE_H2_PSEUDO_SCHEME);
	bool has_path = serve_h2_rules_has(rules, SERVE_H2_PSEUDO_PATH);
	bool has_protocol = serve_h2_rules_has(rules, SERVE_H2_PSEUDO_PROTOCOL);
	if (rules->is_trailers)
		return has_end;
	/* A CONNECT that is not the extended one has no use for more. */
	if (rules->is_connect && !has_protocol)
		return has_authority && !has_scheme && !has_path;
	if (has_end && rules->has_length && rules->length > 0)
		return false;
	if (has_protocol && (!rules->is_connect || !has_authority))
		return false;
	if (rules->is_http && !rules->is_path && !(rules->is_options && rules->is_asterisk))
		return false;
	return serve_h2_rules_has(rules, SERVE_H2_PSEUDO_METHOD) && has_scheme && has_path &&
	       (has_authority || rules->has_host);
}
