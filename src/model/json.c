/*
 * jansson reads, and what it made becomes nodes. Objects are printed by walking the table of fields
 * in its order, in which the fields of a group stand together: groups are closed and opened where
 * the path of a field differs from that of the one before it.
 */
#include "model/json.h"

#include "base/limit.h"
#include "model/value.h"

#include <jansson.h>

enum { KEYS_MAX = 256, KEY_BYTES_MAX = 256 };

/* ---- reading ---- */

struct reader {
	struct arena *arena;
	struct model_problems *problems;
};

static bool refuse(const struct reader *reader, const struct model_node *node, const char *words)
{
	model_node_refuse(node, NULL, reader->problems, "syntax", "%s", words);
	return false;
}

static struct str text_of(const json_t *value, char bytes[32])
{
	if (json_is_string(value))
		return str_make(json_string_value(value), json_string_length(value));
	if (json_is_integer(value))
		snprintf(bytes, 32, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
	else if (json_is_real(value))
		/* 15 digits: what was written with less comes back as it was. */
		snprintf(bytes, 32, "%.15g", json_real_value(value));
	else
		return json_is_null(value)   ? STR("null")
		       : json_is_true(value) ? STR("true")
		                             : STR("false");
	return str_of(bytes);
}

MUST_CHECK static bool read_value(
        const struct reader *reader, json_t *value, struct model_node *node, unsigned depth);

static struct model_node *add_child(
        const struct reader *reader, struct model_node *parent, struct str key)
{
	struct model_node *child = arena_new(reader->arena, struct model_node);
	child->parent = parent;
	child->key = arena_copy(reader->arena, key);
	child->index = parent->count++;
	return child;
}

MUST_CHECK static bool read_object(
        const struct reader *reader, json_t *value, struct model_node *node, unsigned depth)
{
	struct model_node **end = &node->first;
	const char *key;
	json_t *member;
	node->kind = MODEL_NODE_MAPPING;
	if (json_object_size(value) > KEYS_MAX)
		return refuse(reader, node, "has more than 256 keys");
	json_object_foreach(value, key, member)
	{
		struct str name = str_of(key);
		if (name.len > KEY_BYTES_MAX)
			return refuse(reader, node, "has a key of more than 256 bytes");
		*end = add_child(reader, node, name);
		if (!read_value(reader, member, *end, depth + 1))
			return false;
		end = &(*end)->next;
	}
	return true;
}

MUST_CHECK static bool read_array(
        const struct reader *reader, json_t *value, struct model_node *node, unsigned depth)
{
	struct model_node **end = &node->first;
	size_t index;
	json_t *item;
	node->kind = MODEL_NODE_LIST;
	json_array_foreach(value, index, item)
	{
		*end = add_child(reader, node, STR_EMPTY);
		if (!read_value(reader, item, *end, depth + 1))
			return false;
		end = &(*end)->next;
	}
	return true;
}

static bool read_value(
        const struct reader *reader, json_t *value, struct model_node *node, unsigned depth)
{
	if (depth > LIMIT_DOCUMENT_DEPTH)
		return refuse(reader, node, "is nested too deeply (more than 16 levels)");
	if (json_is_object(value))
		return read_object(reader, value, node, depth);
	if (json_is_array(value))
		return read_array(reader, value, node, depth);
	char bytes[32];
	node->kind = MODEL_NODE_SCALAR;
	node->is_typed = true;
	node->is_plain = !json_is_string(value);
	node->text = arena_copy(reader->arena, text_of(value, bytes));
	return true;
}

bool model_json_read(struct arena *arena, struct str text, struct model_problems *problems,
        struct model_node **ret_root)
{
	const struct reader reader = {arena, problems};
	json_error_t error;
	/* jansson takes one behind the value for the end of the text, and would not read on. */
	if (str_find(text, '\0') >= 0) {
		model_problems_add(problems, NULL, 0, "", "syntax", "is no JSON: it has a NUL");
		return false;
	}
	json_t *value = json_loadb(text.len == 0 ? "" : text.at, text.len,
	        JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &error);
	if (value == NULL) {
		model_problems_add(problems, NULL, error.line > 0 ? (unsigned)error.line : 0, "",
		        "syntax", "is no JSON: %s", error.text);
		return false;
	}
	struct model_node *root = arena_new(arena, struct model_node);
	bool is_read = read_value(&reader, value, root, 1);
	json_decref(value);
	if (is_read)
		*ret_root = root;
	return is_read;
}

/* ---- merge patches ---- */

/* The link that leads to the member with this key, or the one behind the last. */
static struct model_node **link_of(struct model_node *mapping, struct str key)
{
	struct model_node **link = &mapping->first;
	while (*link != NULL && !str_is_equal((*link)->key, key))
		link = &(*link)->next;
	return link;
}

struct model_node *model_json_merge(
        struct arena *arena, struct model_node *target, struct model_node *patch)
{
	if (patch->kind != MODEL_NODE_MAPPING)
		return model_node_is_null(patch) ? NULL : patch;
	struct model_node *merged = target;
	if (target == NULL || target->kind != MODEL_NODE_MAPPING) {
		merged = arena_new(arena, struct model_node);
		merged->kind = MODEL_NODE_MAPPING;
		merged->key = patch->key;
	}
	for (struct model_node *member = patch->first, *next; member != NULL; member = next) {
		next = member->next;
		struct model_node **link = link_of(merged, member->key);
		struct model_node *old = *link;
		struct model_node *behind = old == NULL ? NULL : old->next;
		struct model_node *now = model_json_merge(arena, old, member);
		merged->count += (now != NULL) - (old != NULL);
		*link = now == NULL ? behind : now;
		if (now == NULL)
			continue;
		now->parent = merged;
		now->next = behind;
	}
	return merged;
}

/* ---- printing ---- */

void model_json_print_node(const struct model_node *node, struct text *to)
{
	const bool is_list = node->kind == MODEL_NODE_LIST;
	if (node->kind == MODEL_NODE_SCALAR) {
		if (node->is_plain)
			text_add(to, node->text);
		else
			text_add_json(to, node->text);
		return;
	}
	text_add_char(to, is_list ? '[' : '{');
	for (const struct model_node *child = node->first; child != NULL; child = child->next) {
		if (child != node->first)
			text_add_char(to, ',');
		if (!is_list) {
			text_add_json(to, child->key);
			text_add_char(to, ':');
		}
		model_json_print_node(child, to);
	}
	text_add_char(to, is_list ? ']' : '}');
}

static void print_text(const struct model_field *field, const struct model_domain *domain,
        enum model_print_secrets secrets, struct text *to)
{
	const char *text = *(const char *const *)model_field_member_const(field, domain);
	if (text == NULL)
		text_add(to, STR("null"));
	else if (field->type == MODEL_FIELD_SECRET && secrets != MODEL_PRINT_SECRETS)
		text_add_json(to, str_of(MODEL_PRINT_MASK));
	else
		text_add_json(to, str_of(text));
}

static void print_value(const struct model_field *field, const struct model_domain *domain,
        enum model_print_secrets secrets, struct text *to)
{
	struct text value = {0};
	switch ((enum model_field_type)field->type) {
	case MODEL_FIELD_NAME:
	case MODEL_FIELD_HOST:
	case MODEL_FIELD_AUTHORITY:
	case MODEL_FIELD_STRING:
	case MODEL_FIELD_SECRET:
	case MODEL_FIELD_PATH:
		print_text(field, domain, secrets, to);
		return;
	case MODEL_FIELD_ADDRESSES:
	case MODEL_FIELD_TTLS:
	case MODEL_FIELD_PARAMETERS:
	case MODEL_FIELD_PROTOCOLS:
	case MODEL_FIELD_HEADERS:
		model_print_list(field, domain, to);
		return;
	case MODEL_FIELD_BOOL:
		text_add(to, *(const bool *)model_field_member_const(field, domain) ? STR("true")
		                                                                    : STR("false"));
		return;
	case MODEL_FIELD_INTEGER:
	case MODEL_FIELD_SECONDS:
		model_value_print(field, domain, to);
		return;
	case MODEL_FIELD_ENUM:
	case MODEL_FIELD_BYTES:
	case MODEL_FIELD_PERCENT:
	case MODEL_FIELD_DURATION:
	case MODEL_FIELD_STATUSES:
		model_value_print(field, domain, &value);
		text_add_json(to, text_str(&value));
		text_done(&value);
		return;
	}
}

/* How many bytes of both paths are the groups that they have in common, with the last full stop. */
static size_t common_groups(struct str path, struct str last)
{
	size_t common = 0;
	for (size_t i = 0; i < path.len && i < last.len && path.at[i] == last.at[i]; i++)
		common = path.at[i] == '.' ? i + 1 : common;
	return common;
}

/* From behind the field before to the key of this one: `last` is empty in front of the first. */
static void print_way(struct str path, struct str last, struct text *to)
{
	size_t common = common_groups(path, last);
	for (size_t i = common; i < last.len; i++)
		if (last.at[i] == '.')
			text_add_char(to, '}');
	if (last.len != 0)
		text_add_char(to, ',');
	struct str rest = str_make(path.at + common, path.len - common);
	for (;;) {
		struct str word = str_cut(&rest, '.');
		text_add_json(to, word);
		text_add_char(to, ':');
		if (rest.at == NULL)
			break;
		text_add_char(to, '{');
	}
}

static bool is_of_backup(const struct model_field *field)
{
	return str_has_prefix(field->path, STR("backup."));
}

static bool is_printed(const struct model_field *field, const struct model_domain *domain,
        enum model_json_fields fields)
{
	if (domain->backup == NULL && is_of_backup(field))
		return false;
	return fields == MODEL_JSON_ALL || !model_value_is_default(field, domain);
}

void model_json_print_domain(const struct model_domain *domain, enum model_json_fields fields,
        enum model_print_secrets secrets, struct text *to)
{
	static const struct str BACKUP = {"backup", 6};
	const struct model_field *field;
	struct str last = STR_EMPTY;
	bool tells_backup = fields == MODEL_JSON_SET || domain->backup != NULL;
	text_add_char(to, '{');
	for (size_t i = 0; (field = model_field_at(i)) != NULL; i++) {
		if (is_printed(field, domain, fields)) {
			print_way(field->path, last, to);
			print_value(field, domain, secrets, to);
			last = field->path;
		} else if (!tells_backup && is_of_backup(field)) {
			print_way(BACKUP, last, to);
			text_add(to, STR("null"));
			last = BACKUP;
			tells_backup = true;
		}
	}
	for (size_t i = 0; i < last.len; i++)
		if (last.at[i] == '.')
			text_add_char(to, '}');
	text_add_char(to, '}');
}
