/*
 * The table is walked in its order; whenever a field's group is not that of the field before it,
 * the group's key is printed first. Texts that YAML could take for something else are quoted as in
 * JSON, which YAML reads alike.
 */
#include "model/print.h"

#include "model/list.h"
#include "model/value.h"

enum { INDENT = 2 };

/* Whether a text stands for itself without quotes: letters, digits and a few more, none in front
 * that means something, and not YAML's nothing. */
static bool is_plain(struct str text)
{
	for (size_t i = 0; i < text.len; i++) {
		char c = str_lower(text.at[i]);
		bool is_alphanumeric = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
		if (!is_alphanumeric && (i == 0 || c == '\0' || strchr("-._/", c) == NULL))
			return false;
	}
	return text.len > 0 && !str_is_equal(text, STR("null"));
}

static void print_text(struct str text, struct text *to)
{
	if (is_plain(text))
		text_add(to, text);
	else
		text_add_json(to, text);
}

/* Addresses have no commas. */
static void print_addresses(
        const struct model_field *field, const struct model_domain *domain, struct text *to)
{
	struct text items = {0};
	model_value_print(field, domain, &items);
	struct str rest = text_str(&items);
	while (rest.len != 0) {
		text_add_json(to, str_trim(str_cut(&rest, ',')));
		if (rest.len != 0)
			text_add(to, STR(", "));
	}
	text_done(&items);
}

static void print_items(const struct model_field *field, const void *member, struct text *to)
{
	struct text item = {0};
	size_t count = model_list_count(field, member);
	for (size_t i = 0; i < count; i++) {
		text_clear(&item);
		model_list_print_item(field, member, i, &item);
		text_add(to, i == 0 ? STR_EMPTY : STR(", "));
		text_add_json(to, text_str(&item));
	}
	text_done(&item);
}

void model_print_list(
        const struct model_field *field, const struct model_domain *domain, struct text *to)
{
	const void *member = model_field_member_const(field, domain);
	text_add_char(to, '[');
	if (field->type == MODEL_FIELD_ADDRESSES)
		print_addresses(field, domain, to);
	else
		print_items(field, member, to);
	text_add_char(to, ']');
}

static void print_value(const struct model_field *field, const struct model_domain *domain,
        enum model_print_secrets secrets, struct text *to)
{
	const void *member = model_field_member_const(field, domain);
	switch ((enum model_field_type)field->type) {
	case MODEL_FIELD_SECRET:
		print_text(str_of(secrets != MODEL_PRINT_SECRETS ? MODEL_PRINT_MASK
		                                                 : *(const char *const *)member),
		        to);
		break;
	case MODEL_FIELD_NAME:
	case MODEL_FIELD_HOST:
	case MODEL_FIELD_AUTHORITY:
	case MODEL_FIELD_STRING:
	case MODEL_FIELD_PATH:
		print_text(str_of(*(const char *const *)member), to);
		break;
	case MODEL_FIELD_ADDRESSES:
	case MODEL_FIELD_TTLS:
	case MODEL_FIELD_PARAMETERS:
	case MODEL_FIELD_PROTOCOLS:
	case MODEL_FIELD_HEADERS:
		model_print_list(field, domain, to);
		break;
	case MODEL_FIELD_ENUM:
	case MODEL_FIELD_BOOL:
	case MODEL_FIELD_INTEGER:
	case MODEL_FIELD_BYTES:
	case MODEL_FIELD_PERCENT:
	case MODEL_FIELD_DURATION:
	case MODEL_FIELD_SECONDS:
	case MODEL_FIELD_STATUSES:
		model_value_print(field, domain, to);
		break;
	}
}

/* The length of a path's group, "origin.tls" of "origin.tls.verify". */
static size_t group_length(struct str path)
{
	while (path.len > 0 && path.at[path.len - 1] != '.')
		path.len--;
	return path.len == 0 ? 0 : path.len - 1;
}

static void print_indent(unsigned depth, struct text *to)
{
	text_addf(to, "%*s", (int)(depth + 2) * INDENT, "");
}

/* Prints the keys of the groups that `path` is in and `last` is not; returns how deep the field is.
 */
static unsigned print_groups(struct str path, struct str last, struct text *to)
{
	unsigned depth = 0;
	size_t start = 0, group = group_length(path);
	for (size_t end = 0; end <= group && group != 0; end++) {
		if (end != group && path.at[end] != '.')
			continue;
		bool is_open =
		        last.len > end && last.at[end] == '.' && memcmp(last.at, path.at, end) == 0;
		if (!is_open) {
			print_indent(depth, to);
			text_addf(to, "%.*s:\n", (int)(end - start), path.at + start);
		}
		start = end + 1;
		depth++;
	}
	return depth;
}

void model_print_domain(
        const struct model_domain *domain, enum model_print_secrets secrets, struct text *to)
{
	struct str last = STR_EMPTY;
	const struct model_field *field;
	for (size_t i = 0; (field = model_field_at(i)) != NULL; i++) {
		bool is_left_out =
		        secrets == MODEL_PRINT_EXPORT && str_is_equal(field->path, STR("revision"));
		if (is_left_out || model_value_is_default(field, domain))
			continue;
		unsigned depth = print_groups(field->path, last, to);
		size_t group = group_length(field->path);
		struct str key = field->path;
		if (group != 0)
			key = str_make(key.at + group + 1, key.len - group - 1);
		if (last.at == NULL)
			text_add(to, STR("  - "));
		else
			print_indent(depth, to);
		text_addf(to, "%.*s: ", STR_ARG(key));
		print_value(field, domain, secrets, to);
		text_add_char(to, '\n');
		last = field->path;
	}
}

void model_print_domains(struct model_domain *const *domains, size_t count,
        enum model_print_secrets secrets, struct text *to)
{
	text_add(to, count == 0 ? STR("domains: []\n") : STR("domains:\n"));
	for (size_t i = 0; i < count; i++)
		model_print_domain(domains[i], secrets, to);
}
