/*
 * Hop-by-hop fields are marked by the ids of their names, and what the Connection field names
 * besides by mark.h.
 */
#include "http/hop.h"

#define BIT(id) ((uint64_t)1 << HTTP_NAME_##id)

/* What is dropped without being named. */
static const uint64_t NEVER_FORWARDED =
        BIT(CONNECTION) | BIT(KEEP_ALIVE) | BIT(PROXY_CONNECTION) | BIT(PROXY_AUTHENTICATE) |
        BIT(PROXY_AUTHENTICATION_INFO) | BIT(PROXY_AUTHORIZATION) | BIT(TE) | BIT(TRAILER) |
        BIT(TRANSFER_ENCODING) | BIT(UPGRADE) | BIT(CONTENT_LENGTH) | BIT(HOST) | BIT(EXPECT);

/* Marks what one Connection field names. */
static void mark_named(struct http_mark *mark, struct str value)
{
	while (value.len > 0) {
		struct str option = str_trim(str_cut(&value, ','));
		/* Nearly always the only one; the name is reserved, there is no such field. */
		if (!str_is_equal_nocase(option, STR("close")))
			http_mark_name(mark, option);
	}
}

void http_hop_mark(const struct http_head *head, uint64_t ret_drop[HTTP_HOP_WORDS])
{
	struct http_mark mark;
	memset(ret_drop, 0, HTTP_HOP_WORDS * sizeof(ret_drop[0]));
	http_mark_init(&mark, head, ret_drop);
	mark.known = NEVER_FORWARDED;
	for (unsigned i = 0; http_head_has(head, HTTP_NAME_CONNECTION) && i < head->count; i++) {
		if (head->fields[i].id == HTTP_NAME_CONNECTION)
			mark_named(&mark, http_head_value(head, &head->fields[i]));
	}
	http_mark_done(&mark);
}

bool http_hop_has_cdn_id(const struct http_head *head, struct str cdn_id)
{
	if (!http_head_has(head, HTTP_NAME_CDN_LOOP))
		return false;
	for (unsigned i = 0; i < head->count; i++) {
		if (head->fields[i].id != HTTP_NAME_CDN_LOOP)
			continue;
		struct str rest = http_head_value(head, &head->fields[i]), member;
		while (http_head_next_member(&rest, &member)) {
			struct str id = str_trim(str_cut(&member, ';'));
			if (str_is_equal_nocase(id, cdn_id))
				return true;
		}
	}
	return false;
}

/* Takes the last member off a comma-separated list. */
static struct str cut_last(struct str *rest)
{
	size_t start = rest->len;
	while (start > 0 && rest->at[start - 1] != ',')
		start--;
	struct str member = str_trim(str_make(rest->at + start, rest->len - start));
	rest->len = start > 0 ? start - 1 : 0;
	return member;
}

/* "203.0.113.7", "203.0.113.7:80", "2001:db8::1", "[2001:db8::1]" or "[2001:db8::1]:80". */
static bool parse_member(struct str member, struct address *ret_address)
{
	if (address_parse_ip(member, 0, ret_address) || address_parse(member, ret_address))
		return true;
	if (member.len < 2 || member.at[0] != '[' || member.at[member.len - 1] != ']')
		return false;
	struct str inside = str_make(member.at + 1, member.len - 2);
	return str_find(inside, ':') >= 0 && address_parse_ip(inside, 0, ret_address);
}

bool http_hop_client(const struct http_head *head, http_hop_is_trusted *is_trusted,
        const void *context, struct address *address)
{
	struct address so_far = *address;
	unsigned hops = 0;
	bool has_fields = http_head_has(head, HTTP_NAME_X_FORWARDED_FOR);
	for (unsigned i = has_fields ? head->count : 0; i > 0; i--) {
		const struct http_field *field = &head->fields[i - 1];
		if (field->id != HTTP_NAME_X_FORWARDED_FOR)
			continue;
		struct str rest = http_head_value(head, field);
		while (rest.len > 0) {
			struct str member = cut_last(&rest);
			if (member.len == 0)
				continue;
			if (hops++ == LIMIT_FORWARDED_HOPS || !is_trusted(&so_far, context))
				goto done;
			if (!parse_member(member, &so_far))
				return false;
		}
	}
done:
	*address = so_far;
	return true;
}
