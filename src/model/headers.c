/*
 * A rule is read from its front: the word, the name, and behind a colon the value. Which names are
 * refused is a table of sets of known names; a name with underscores counts as the one that it may
 * be taken for, since many servers hand fields to programs as variables, where both are one. What
 * the rules of a list come to together is worked out here, so that messages need not.
 */
#include "model/headers.h"

#include "base/limit.h"
#include "http/name.h"

#define BIT(id) ((uint64_t)1 << HTTP_NAME_##id)

enum {
	/* No known name is longer. */
	NAME_BYTES = 32,
	TO_ORIGIN = 1,
	TO_CLIENT = 2,
	WRITING = 4, /* of set and add alone */
	ADDING = 8,  /* of add alone */
};

static const struct str OURS_PREFIX = {"X-Headwater-", 12};

static const struct {
	unsigned of;
	uint64_t names;
	const char *words;
} REFUSED[] = {
        {TO_ORIGIN | TO_CLIENT, BIT(CONTENT_LENGTH) | BIT(TRANSFER_ENCODING) | BIT(TRAILER),
                "names a field that says where a message ends, which no rule may change"},
        {TO_ORIGIN | TO_CLIENT,
                BIT(CONNECTION) | BIT(KEEP_ALIVE) | BIT(PROXY_CONNECTION) |
                        BIT(PROXY_AUTHENTICATE) | BIT(PROXY_AUTHENTICATION_INFO) |
                        BIT(PROXY_AUTHORIZATION) | BIT(TE) | BIT(UPGRADE) | BIT(EXPECT),
                "names a field of a single connection (hop-by-hop), which goes no further"},
        {TO_ORIGIN | TO_CLIENT, BIT(HOST), "names Host, which is what `host` of an origin says"},
        {TO_ORIGIN, BIT(X_FORWARDED_FOR) | BIT(X_FORWARDED_PROTO) | BIT(FORWARDED),
                "names a field that Headwater itself writes, or leaves out, by `forwarding`"},
        {TO_ORIGIN,
                BIT(RANGE) | BIT(IF_RANGE) | BIT(IF_MATCH) | BIT(IF_NONE_MATCH) |
                        BIT(IF_MODIFIED_SINCE) | BIT(IF_UNMODIFIED_SINCE) | BIT(ACCEPT_ENCODING),
                "names a field that Headwater itself writes, for its cache"},
        {TO_ORIGIN | TO_CLIENT, BIT(VIA) | BIT(CDN_LOOP),
                "names a field that Headwater itself writes, against loops"},
        {TO_CLIENT,
                BIT(AGE) | BIT(CACHE_STATUS) | BIT(CONTENT_RANGE) | BIT(DATE) | BIT(SERVER_TIMING) |
                        BIT(X_CACHE),
                "names a field that Headwater itself writes"},
        {TO_CLIENT | WRITING, BIT(ETAG) | BIT(LAST_MODIFIED),
                "names a field that tells the versions of a response apart: it can be deleted, but "
                "not written"},
        {TO_ORIGIN | TO_CLIENT | ADDING,
                BIT(AUTHORIZATION) | BIT(CONTENT_LOCATION) | BIT(CONTENT_TYPE) | BIT(COOKIE) |
                        BIT(ETAG) | BIT(EXPIRES) | BIT(LAST_MODIFIED) | BIT(LOCATION) |
                        BIT(SERVER) | BIT(USER_AGENT),
                "adds to a field that a message has but once; use set"},
};

static bool refuse(struct model_why *ret_why, const char *words)
{
	*ret_why = (struct model_why){.rule = "header", .words = words};
	return false;
}

/* The known name that a name may be taken for. */
static enum http_name taken_for(struct str name)
{
	char folded[NAME_BYTES];
	if (name.len > sizeof(folded))
		return HTTP_NAME_OTHER;
	for (size_t i = 0; i < name.len; i++)
		folded[i] = name.at[i] == '_' ? '-' : name.at[i];
	return http_name_of(str_make(folded, name.len));
}

static bool is_ours_by_prefix(struct str name)
{
	char folded[NAME_BYTES];
	if (name.len < OURS_PREFIX.len)
		return false;
	for (size_t i = 0; i < OURS_PREFIX.len; i++)
		folded[i] = name.at[i] == '_' ? '-' : name.at[i];
	return str_is_equal_nocase(str_make(folded, OURS_PREFIX.len), OURS_PREFIX);
}

/* Whether a rule may have this name; `of` says which list it stands in, and what it does. */
static bool check_name(struct str name, unsigned of, struct model_why *ret_why)
{
	if (!http_name_is_valid(name))
		return refuse(ret_why, "has no name of a field in front of the colon: letters, "
		                       "digits and !#$%&'*+-.^_`|~");
	enum http_name id = taken_for(name);
	if (is_ours_by_prefix(name))
		return refuse(ret_why, "names a field that Headwater itself writes");
	for (size_t i = 0; id != HTTP_NAME_OTHER && i < ARRAY_LENGTH(REFUSED); i++) {
		unsigned does = REFUSED[i].of & (WRITING | ADDING);
		bool is_meant =
		        (REFUSED[i].of & of & (TO_ORIGIN | TO_CLIENT)) != 0 && (does & of) == does;
		if (is_meant && (REFUSED[i].names >> id & 1) != 0)
			return refuse(ret_why, REFUSED[i].words);
	}
	return true;
}

static struct str trim_spaces(struct str text)
{
	while (text.len > 0 && text.at[0] == ' ')
		text = str_make(text.at + 1, text.len - 1);
	while (text.len > 0 && text.at[text.len - 1] == ' ')
		text.len--;
	return text;
}

/* What is no visible letter, digit or sign of ASCII, or a space, is read differently by different
 * programs; line ends would begin another field. */
static bool is_value(struct str text)
{
	for (size_t i = 0; i < text.len; i++) {
		if (text.at[i] < ' ' || text.at[i] >= 0x7f)
			return false;
	}
	return true;
}

/* A rule in its parts, which refer to the text. */
struct parts {
	enum model_header_action action;
	struct str name, value;
};

static bool read_action(struct str word, enum model_header_action *ret_action)
{
	static const struct str WORDS[] = {{"set", 3}, {"add", 3}, {"delete", 6}};
	for (unsigned i = 0; i < ARRAY_LENGTH(WORDS); i++) {
		if (str_is_equal(WORDS[i], word)) {
			*ret_action = (enum model_header_action)i;
			return true;
		}
	}
	return false;
}

static bool read_parts(struct str text, struct parts *ret_parts, struct model_why *ret_why)
{
	struct str rest = text;
	if (!read_action(str_cut(&rest, ' '), &ret_parts->action))
		return refuse(ret_why, "is no rule: \"set NAME: VALUE\", \"add NAME: VALUE\" or "
		                       "\"delete NAME\"");
	while (rest.len > 0 && rest.at[0] == ' ')
		rest = str_make(rest.at + 1, rest.len - 1);
	ret_parts->name = str_cut(&rest, ':');
	ret_parts->value = trim_spaces(rest);
	if (ret_parts->action == MODEL_HEADER_DELETE)
		return rest.at == NULL ||
		       refuse(ret_why, "deletes a field, whatever its value: \"delete NAME\"");
	if (rest.at == NULL)
		return refuse(ret_why, "has no colon between a name and a value");
	if (ret_parts->value.len == 0)
		return refuse(ret_why, "has no value; what takes a field away is \"delete NAME\"");
	if (!is_value(ret_parts->value))
		return refuse(ret_why, "has a value with line ends, control characters or letters "
		                       "beyond ASCII");
	return true;
}

static struct model_headers *list_of(const struct model_field *field, struct model_domain *domain)
{
	struct model_headers *const *member = model_field_member(field, domain);
	return *member;
}

void model_headers_start(const struct model_field *field, struct model_domain *domain, size_t count)
{
	const struct model_headers **member = model_field_member(field, domain);
	*member = NULL;
	if (count == 0)
		return;
	struct model_headers *list =
	        model_domain_alloc(domain, sizeof(*list) + count * sizeof(list->list[0]));
	*list = (struct model_headers){.count = 0};
	*member = list;
}

/* What earlier rules write of this name is not sent any more. */
static void overrule(struct model_headers *list, struct str name)
{
	for (unsigned i = 0; i < list->count; i++) {
		struct model_header *earlier = &list->list[i];
		if (str_is_equal_nocase(str_make(earlier->name, earlier->name_len), name))
			earlier->is_overruled = true;
	}
}

bool model_headers_add(const struct model_field *field, struct model_domain *domain,
        struct str text, struct model_why *ret_why)
{
	struct model_headers *list = list_of(field, domain);
	struct parts parts;
	unsigned of = field->offset == offsetof(struct model_domain, headers_to_client) ? TO_CLIENT
	                                                                                : TO_ORIGIN;
	if (text.len > LIMIT_HEADERS_BYTES)
		return refuse(ret_why, "is too long: a list has at most 2048 bytes");
	if (!read_parts(text, &parts, ret_why))
		return false;
	bool is_written = parts.action != MODEL_HEADER_DELETE;
	of |= (is_written ? WRITING : 0) | (parts.action == MODEL_HEADER_ADD ? ADDING : 0);
	if (!check_name(parts.name, of, ret_why))
		return false;
	size_t bytes = parts.name.len + 2 + parts.value.len + 2;
	if (list->bytes + bytes > LIMIT_HEADERS_BYTES)
		return refuse(ret_why, "is too much: the fields of a list have at most 2048 "
		                       "bytes together");
	if (parts.action != MODEL_HEADER_ADD)
		overrule(list, parts.name);
	list->bytes += (uint32_t)bytes;
	list->list[list->count++] = (struct model_header){
	        .name = model_domain_copy(domain, parts.name),
	        .value = is_written ? model_domain_copy(domain, parts.value) : NULL,
	        .name_len = (uint16_t)parts.name.len,
	        .value_len = (uint16_t)parts.value.len,
	        .action = (uint8_t)parts.action,
	        .id = (uint8_t)http_name_of(parts.name),
	};
	return true;
}

static const struct str HSTS = STR("Strict-Transport-Security");

struct str model_headers_hsts(const struct model_domain *domain)
{
	const struct model_headers *rules = domain->headers_to_secure_client;
	for (size_t i = 0; i < model_headers_count(rules); i++) {
		const struct model_header *rule = &rules->list[i];
		if (rule->action == MODEL_HEADER_SET && !rule->is_overruled &&
		        str_is_equal_nocase(str_make(rule->name, rule->name_len), HSTS))
			return str_make(rule->value, rule->value_len);
	}
	return STR_EMPTY;
}

void model_headers_make_secure(struct model_domain *domain)
{
	const struct model_headers *rules = domain->headers_to_client;
	domain->headers_to_secure_client = rules;
	if (domain->hsts_ms == 0)
		return;
	struct text value = {0};
	text_addf(&value, "max-age=%llu%s%s", (unsigned long long)(domain->hsts_ms / 1000),
	        domain->hsts_subdomains ? "; includeSubDomains" : "",
	        domain->hsts_preload ? "; preload" : "");
	size_t count = model_headers_count(rules), bytes = HSTS.len + 2 + value.len + 2;
	struct model_headers *list =
	        model_domain_alloc(domain, sizeof(*list) + (count + 1) * sizeof(list->list[0]));
	*list = (struct model_headers){.count = 1, .bytes = (uint32_t)bytes};
	list->list[0] = (struct model_header){
	        .name = HSTS.at,
	        .value = model_domain_copy(domain, text_str(&value)),
	        .name_len = (uint16_t)HSTS.len,
	        .value_len = (uint16_t)value.len,
	        .action = MODEL_HEADER_SET,
	        .id = (uint8_t)http_name_of(HSTS),
	};
	for (size_t i = 0; i < count; i++) {
		const struct model_header *rule = &rules->list[i];
		if (rule->action != MODEL_HEADER_ADD)
			overrule(list, str_make(rule->name, rule->name_len));
		list->list[list->count++] = *rule;
	}
	list->bytes += rules != NULL ? rules->bytes : 0;
	domain->headers_to_secure_client = list;
	text_done(&value);
}

void model_headers_print(const struct model_headers *headers, size_t index, struct text *to)
{
	CHECK(index < headers->count);
	const struct model_header *rule = &headers->list[index];
	switch ((enum model_header_action)rule->action) {
	case MODEL_HEADER_SET:
		text_addf(to, "set %s: %s", rule->name, rule->value);
		return;
	case MODEL_HEADER_ADD:
		text_addf(to, "add %s: %s", rule->name, rule->value);
		return;
	case MODEL_HEADER_DELETE:
		text_addf(to, "delete %s", rule->name);
		return;
	}
}

size_t model_headers_count(const struct model_headers *headers)
{
	return headers == NULL ? 0 : headers->count;
}

bool model_headers_is_equal(const struct model_header *a, const struct model_header *b)
{
	return a->action == b->action && strcmp(a->name, b->name) == 0 &&
	       (a->value == NULL || strcmp(a->value, b->value) == 0);
}
