/*
 * Known fields are told by a set of ids. What the Connection field names besides is looked up in a
 * small table of the head's other fields, built only when it is needed: a head can have thousands
 * of options and hundreds of fields, and their product must not be somebody's weapon.
 */
#include "http/hop.h"

#include "base/hash.h"

#define BIT(id) ((uint64_t)1 << HTTP_NAME_##id)

/* What is dropped without being named. */
static const uint64_t NEVER_FORWARDED =
        BIT(CONNECTION) | BIT(KEEP_ALIVE) | BIT(PROXY_CONNECTION) | BIT(PROXY_AUTHENTICATE) |
        BIT(PROXY_AUTHORIZATION) | BIT(TE) | BIT(TRAILER) | BIT(TRANSFER_ENCODING) | BIT(UPGRADE) |
        BIT(CONTENT_LENGTH) | BIT(HOST) | BIT(EXPECT);

enum {
	SLOTS = LIMIT_HEAD_FIELDS,
	HASHED_BYTES = 512, /* the most that hash_keyed_nocase takes */
	NO_FIELD = UINT16_MAX,
};

/* The fields of a head that have no known name, chained by the hashes of their names. A field that
 * was named leaves its chain, so that no field is visited twice for being named again. */
struct others {
	uint16_t first[SLOTS];
	uint16_t next[LIMIT_HEAD_FIELDS];
};

static unsigned slot_of(struct str name)
{
	if (name.len > HASHED_BYTES)
		name.len = HASHED_BYTES;
	return (unsigned)(hash_keyed_nocase(name) % SLOTS);
}

static void others_init(struct others *others, const struct http_head *head)
{
	for (unsigned i = 0; i < SLOTS; i++)
		others->first[i] = NO_FIELD;
	for (uint16_t i = 0; i < head->count; i++) {
		if (head->fields[i].id != HTTP_NAME_OTHER)
			continue;
		unsigned slot = slot_of(http_head_name(head, &head->fields[i]));
		others->next[i] = others->first[slot];
		others->first[slot] = i;
	}
}

/* Marks the fields with this name. */
static void others_mark(struct others *others, const struct http_head *head, struct str name,
        uint64_t ret_drop[HTTP_HOP_WORDS])
{
	uint16_t *link = &others->first[slot_of(name)];
	while (*link != NO_FIELD) {
		uint16_t i = *link;
		if (str_is_equal_nocase(http_head_name(head, &head->fields[i]), name)) {
			ret_drop[i / 64] |= (uint64_t)1 << i % 64;
			*link = others->next[i];
		} else {
			link = &others->next[i];
		}
	}
}

/* Reads one Connection field: adds the known names to *known, marks the others. */
static void mark_named(const struct http_head *head, struct str value, struct others *others,
        bool *has_others, uint64_t *known, uint64_t ret_drop[HTTP_HOP_WORDS])
{
	while (value.len > 0) {
		struct str option = str_trim(str_cut(&value, ','));
		enum http_name id = http_name_of(option);
		if (id != HTTP_NAME_OTHER) {
			*known |= (uint64_t)1 << id;
			continue;
		}
		/* Nearly always the only one; the name is reserved, there is no such field. */
		if (option.len == 0 || str_is_equal_nocase(option, STR("close")))
			continue;
		if (!*has_others)
			others_init(others, head);
		*has_others = true;
		others_mark(others, head, option, ret_drop);
	}
}

void http_hop_mark(const struct http_head *head, uint64_t ret_drop[HTTP_HOP_WORDS])
{
	CHECK(head->count <= LIMIT_HEAD_FIELDS);
	uint64_t known = NEVER_FORWARDED;
	memset(ret_drop, 0, HTTP_HOP_WORDS * sizeof(ret_drop[0]));
	if (http_head_has(head, HTTP_NAME_CONNECTION)) {
		struct others others;
		bool has_others = false;
		for (unsigned i = 0; i < head->count; i++) {
			if (head->fields[i].id == HTTP_NAME_CONNECTION)
				mark_named(head, http_head_value(head, &head->fields[i]), &others,
				        &has_others, &known, ret_drop);
		}
	}
	for (unsigned i = 0; i < head->count; i++)
		ret_drop[i / 64] |= (known >> head->fields[i].id & 1) << i % 64;
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
