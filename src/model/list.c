/*
 * All kinds of list are an array and a count. The array is made at once for as many items as will
 * come; those that cannot be read leave its end unused. In one text, an item that has commas itself
 * stands in double quotes, where a backslash makes the next byte count as it is.
 */
#include "model/list.h"

#include "base/limit.h"
#include "http/uri.h"
#include "model/headers.h"
#include "model/value.h"

static const uint64_t TTL_MAX_MS = (uint64_t)365 * 24 * 3600 * 1000;

static bool refuse(struct model_why *ret_why, const char *rule, const char *words)
{
	*ret_why = (struct model_why){.rule = rule, .words = words};
	return false;
}

static bool refuse_range(struct model_why *ret_why, const char *words, const char *allowed)
{
	*ret_why = (struct model_why){.rule = "range", .words = words, .allowed = allowed};
	return false;
}

/* "404:10s". */
static bool read_ttl(struct str text, struct model_ttl *ret_ttl, struct model_why *ret_why)
{
	struct str rest = text;
	uint64_t status, ttl_ms;
	if (!str_to_u64(str_cut(&rest, ':'), &status) || !str_to_ms(rest, &ttl_ms))
		return refuse(ret_why, "value", "is no status with a duration, such as 404:10s");
	if (status < 200 || status > 599)
		return refuse_range(ret_why, "has a status that is not in", "200-599");
	if (ttl_ms > TTL_MAX_MS)
		return refuse_range(ret_why, "has a duration that is not in", "0s-365d");
	*ret_ttl = (struct model_ttl){.status = (uint16_t)status, .ttl_ms = ttl_ms};
	return true;
}

static bool add_ttl(struct model_ttls *ttls, struct str text, struct model_why *ret_why)
{
	struct model_ttl ttl;
	if (!read_ttl(text, &ttl, ret_why))
		return false;
	for (unsigned i = 0; i < ttls->count; i++) {
		if (ttls->list[i].status == ttl.status)
			return refuse(ret_why, "value", "has a status that is in the list already");
	}
	/* The room of a list that is being made is not const yet. */
	struct model_ttl *room = (void *)(uintptr_t)ttls->list;
	room[ttls->count++] = ttl;
	return true;
}

/* A name as it may stand in a query (RFC 3986 section 3.4) without what ends it there, and without
 * commas, which end an item of a list that is written in one text. */
static bool is_parameter(struct str text)
{
	for (size_t i = 0; i < text.len; i++) {
		if (text.at[i] <= ' ' || text.at[i] >= 0x7f ||
		        strchr("&=#,\"<>\\^`{|}", text.at[i]))
			return false;
	}
	return http_uri_has_valid_escapes(text);
}

static bool add_parameter(struct model_domain *domain, struct model_parameters *parameters,
        struct str text, struct model_why *ret_why)
{
	if (text.len == 0 || text.len > LIMIT_QUERY_PARAMETER_BYTES)
		return refuse_range(ret_why, "has a length in bytes that is not in", "1-255");
	if (!is_parameter(text))
		return refuse(ret_why, "value",
		        "is no name as it stands in a query, where & = # , and spaces are written "
		        "with %");
	for (unsigned i = 0; i < parameters->count; i++) {
		if (str_is_equal(str_of(parameters->list[i]), text))
			return refuse(ret_why, "value", "is in the list already");
	}
	/* As above. */
	const char **room = (void *)(uintptr_t)parameters->list;
	room[parameters->count++] = model_domain_copy(domain, text);
	return true;
}

/* A protocol, "websocket" or "name/version" (RFC 9110 section 7.8), of token characters. */
static bool is_protocol(struct str text)
{
	struct str rest = text;
	for (unsigned part = 0; rest.at != NULL; part++) {
		struct str token = str_cut(&rest, '/');
		if (token.len == 0 || part == 2)
			return false;
		for (size_t i = 0; i < token.len; i++) {
			if (token.at[i] <= ' ' || token.at[i] >= 0x7f ||
			        strchr("()<>@,;:\\\"[]?={}", token.at[i]))
				return false;
		}
	}
	return true;
}

/* What would carry requests past all that Headwater does with them. */
static bool is_http(struct str text)
{
	static const struct str NAMES[] = {
	        {"http", 4}, {"h2", 2}, {"h2c", 3}, {"h3", 2}, {"tls", 3}};
	struct str rest = text;
	struct str name = str_cut(&rest, '/');
	for (size_t i = 0; i < ARRAY_LENGTH(NAMES); i++)
		if (str_is_equal_nocase(name, NAMES[i]))
			return true;
	return false;
}

static bool add_protocol(struct model_domain *domain, struct model_protocols *protocols,
        struct str text, struct model_why *ret_why)
{
	if (text.len == 0 || text.len > LIMIT_PROTOCOL_BYTES)
		return refuse_range(ret_why, "has a length in bytes that is not in", "1-64");
	if (!is_protocol(text))
		return refuse(ret_why, "value",
		        "is no protocol as it stands in Upgrade, such as websocket");
	if (is_http(text))
		return refuse(ret_why, "value",
		        "carries requests of its own, which would pass by everything that is "
		        "configured here");
	for (unsigned i = 0; i < protocols->count; i++) {
		if (str_is_equal_nocase(str_of(protocols->list[i]), text))
			return refuse(ret_why, "value", "is in the list already");
	}
	/* As above. */
	const char **room = (void *)(uintptr_t)protocols->list;
	room[protocols->count++] = model_domain_copy(domain, text);
	return true;
}

bool model_list_start(const struct model_field *field, struct model_domain *domain, size_t count,
        struct model_why *ret_why)
{
	void *member = model_field_member(field, domain);
	uint64_t min, max;
	model_field_range(field, &min, &max);
	if (count < min || count > max)
		return refuse_range(ret_why, "has a count that is not in", field->allowed);
	if (field->type == MODEL_FIELD_HEADERS) {
		model_headers_start(field, domain, count);
		return true;
	}
	if (field->type == MODEL_FIELD_TTLS) {
		struct model_ttls *ttls = member;
		ttls->list = model_domain_alloc(domain, count * sizeof(ttls->list[0]));
		ttls->count = 0;
		return true;
	}
	if (field->type == MODEL_FIELD_PROTOCOLS) {
		struct model_protocols *protocols = member;
		protocols->list = model_domain_alloc(domain, count * sizeof(protocols->list[0]));
		protocols->count = 0;
		return true;
	}
	CHECK(field->type == MODEL_FIELD_PARAMETERS);
	struct model_parameters *parameters = member;
	parameters->list = model_domain_alloc(domain, count * sizeof(parameters->list[0]));
	parameters->count = 0;
	return true;
}

bool model_list_add(const struct model_field *field, struct model_domain *domain, struct str text,
        struct model_why *ret_why)
{
	void *member = model_field_member(field, domain);
	if (field->type == MODEL_FIELD_HEADERS)
		return model_headers_add(field, domain, text, ret_why);
	if (field->type == MODEL_FIELD_TTLS)
		return add_ttl(member, text, ret_why);
	if (field->type == MODEL_FIELD_PROTOCOLS)
		return add_protocol(domain, member, text, ret_why);
	CHECK(field->type == MODEL_FIELD_PARAMETERS);
	return add_parameter(domain, member, text, ret_why);
}

/* Takes the quoted item off the front of *rest, and adds what it says to `item`; false where its
 * end is not there, or something stands between it and the next comma. */
static bool cut_quoted(struct str *rest, struct text *item)
{
	size_t i = 1;
	while (i < rest->len && rest->at[i] != '"') {
		i += rest->at[i] == '\\';
		if (i < rest->len)
			text_add_char(item, rest->at[i++]);
	}
	if (i >= rest->len)
		return false;
	*rest = str_make(rest->at + i + 1, rest->len - i - 1);
	return str_trim(str_cut(rest, ',')).len == 0;
}

/* Takes the next item of a list in one text off *rest, which is at NULL behind the last. */
static bool cut_item(struct str *rest, struct text *item)
{
	*rest = str_trim(*rest);
	text_clear(item);
	if (rest->len > 0 && rest->at[0] == '"')
		return cut_quoted(rest, item);
	text_add(item, str_trim(str_cut(rest, ',')));
	return true;
}

static bool refuse_quotes(struct model_why *ret_why)
{
	return refuse(
	        ret_why, "value", "has a double quote that opens an item and does not end it");
}

/* Counts the items of a list in one text. */
static bool count_in_text(struct str text, struct text *item, size_t *ret_count)
{
	*ret_count = 0;
	if (text.len == 0)
		return true;
	do {
		if (!cut_item(&text, item))
			return false;
		++*ret_count;
	} while (text.at != NULL);
	return true;
}

/* A list in one text, with commas. */
static bool read_list(const struct model_field *field, struct model_domain *domain, struct str text,
        struct model_why *ret_why)
{
	struct text item = {0};
	size_t count;
	bool is_read = count_in_text(text, &item, &count) || refuse_quotes(ret_why);
	is_read = is_read && model_list_start(field, domain, count, ret_why);
	for (size_t i = 0; i < count && is_read; i++)
		is_read = (cut_item(&text, &item) || refuse_quotes(ret_why)) &&
		          model_list_add(field, domain, text_str(&item), ret_why);
	text_done(&item);
	return is_read;
}

bool model_list_read(const struct model_field *field, struct model_domain *domain, struct str text,
        struct model_why *ret_why)
{
	char before[sizeof(struct model_ttls)];
	_Static_assert(sizeof(before) >= sizeof(struct model_parameters), "one room for all");
	void *member = model_field_member(field, domain);
	CHECK(field->size <= sizeof(before));
	memcpy(before, member, field->size);
	bool is_read = read_list(field, domain, text, ret_why);
	if (!is_read)
		memcpy(member, before, field->size);
	return is_read;
}

static const struct model_headers *headers_of(const void *member)
{
	return *(const struct model_headers *const *)member;
}

void model_list_print_item(
        const struct model_field *field, const void *member, size_t index, struct text *to)
{
	if (field->type == MODEL_FIELD_HEADERS) {
		model_headers_print(headers_of(member), index, to);
		return;
	}
	if (field->type == MODEL_FIELD_TTLS) {
		const struct model_ttls *ttls = member;
		text_addf(to, "%u:", ttls->list[index].status);
		model_value_print_duration(ttls->list[index].ttl_ms, to);
		return;
	}
	if (field->type == MODEL_FIELD_PROTOCOLS) {
		text_add(to, str_of(((const struct model_protocols *)member)->list[index]));
		return;
	}
	CHECK(field->type == MODEL_FIELD_PARAMETERS);
	const struct model_parameters *parameters = member;
	text_add(to, str_of(parameters->list[index]));
}

size_t model_list_count(const struct model_field *field, const void *member)
{
	if (field->type == MODEL_FIELD_HEADERS)
		return model_headers_count(headers_of(member));
	if (field->type == MODEL_FIELD_TTLS)
		return ((const struct model_ttls *)member)->count;
	if (field->type == MODEL_FIELD_PROTOCOLS)
		return ((const struct model_protocols *)member)->count;
	CHECK(field->type == MODEL_FIELD_PARAMETERS);
	return ((const struct model_parameters *)member)->count;
}

/* Adds an item as it stands in one text with others. */
static void add_item(struct str item, struct text *to)
{
	if (str_find(item, ',') < 0) {
		text_add(to, item);
		return;
	}
	text_add_char(to, '"');
	for (size_t i = 0; i < item.len; i++) {
		if (item.at[i] == '"' || item.at[i] == '\\')
			text_add_char(to, '\\');
		text_add_char(to, item.at[i]);
	}
	text_add_char(to, '"');
}

void model_list_print(const struct model_field *field, const void *member, struct text *to)
{
	struct text item = {0};
	size_t count = model_list_count(field, member);
	for (size_t i = 0; i < count; i++) {
		if (i != 0)
			text_add(to, STR(", "));
		text_clear(&item);
		model_list_print_item(field, member, i, &item);
		add_item(text_str(&item), to);
	}
	text_done(&item);
}

static bool is_equal_item(
        const struct model_field *field, const void *a, const void *b, size_t index)
{
	if (field->type == MODEL_FIELD_HEADERS)
		return model_headers_is_equal(
		        &headers_of(a)->list[index], &headers_of(b)->list[index]);
	if (field->type == MODEL_FIELD_TTLS) {
		const struct model_ttl *first = &((const struct model_ttls *)a)->list[index];
		const struct model_ttl *second = &((const struct model_ttls *)b)->list[index];
		return first->status == second->status && first->ttl_ms == second->ttl_ms;
	}
	if (field->type == MODEL_FIELD_PROTOCOLS) {
		const struct model_protocols *first = a, *second = b;
		return strcmp(first->list[index], second->list[index]) == 0;
	}
	const struct model_parameters *first = a, *second = b;
	return strcmp(first->list[index], second->list[index]) == 0;
}

bool model_list_is_equal(const struct model_field *field, const void *a, const void *b)
{
	size_t count = model_list_count(field, a);
	if (model_list_count(field, b) != count)
		return false;
	for (size_t i = 0; i < count; i++) {
		if (!is_equal_item(field, a, b, i))
			return false;
	}
	return true;
}
