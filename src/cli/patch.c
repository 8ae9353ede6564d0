/*
 * A tree with a leaf for each field. What cannot be read as the field's type is told here, with the
 * words of documents; whether it may be is the control plane's to say.
 */
#include "cli/patch.h"

#include "cli/file.h"
#include "model/print.h"
#include "model/read.h"
#include "model/value.h"

enum { SECRET_BYTES = 65536 };

struct cli_patch_node {
	struct cli_patch_node *first, *next;
	struct str key;
	struct str json; /* of a leaf; empty for what has fields below it */
};

void cli_patch_init(struct cli_patch *patch, struct arena *arena)
{
	patch->arena = arena;
	patch->root = arena_new(arena, struct cli_patch_node);
	patch->scratch = model_domain_new();
	patch->scratch->backup = model_domain_alloc(patch->scratch, sizeof(struct model_origin));
	model_domain_init_origin(patch->scratch->backup);
}

void cli_patch_done(struct cli_patch *patch)
{
	model_domain_unref(patch->scratch);
	patch->scratch = NULL;
}

bool cli_patch_is_empty(const struct cli_patch *patch)
{
	return patch->root->first == NULL;
}

static bool refuse(
        struct model_problems *problems, struct str name, const char *rule, const char *words)
{
	struct text field = {0};
	text_add(&field, name);
	model_problems_add(problems, NULL, 0, text_c(&field), rule, "%s", words);
	text_done(&field);
	return false;
}

/* ---- the tree ---- */

static struct cli_patch_node *find_child(struct cli_patch_node *parent, struct str key)
{
	struct cli_patch_node *child = parent->first;
	while (child != NULL && !str_is_equal(child->key, key))
		child = child->next;
	return child;
}

/* The node of a path, made where it is not there; NULL where a group above it is taken away. */
static struct cli_patch_node *make_node(const struct cli_patch *patch, struct str path)
{
	struct cli_patch_node *node = patch->root;
	while (path.at != NULL) {
		struct str key = str_cut(&path, '.');
		struct cli_patch_node *child = find_child(node, key);
		if (node->json.len != 0)
			return NULL;
		if (child == NULL) {
			struct cli_patch_node **end = &node->first;
			while (*end != NULL)
				end = &(*end)->next;
			child = *end = arena_new(patch->arena, struct cli_patch_node);
			child->key = key;
		}
		node = child;
	}
	return node;
}

static bool set(const struct cli_patch *patch, struct str path, struct str json,
        struct model_problems *problems)
{
	struct cli_patch_node *node = make_node(patch, arena_copy(patch->arena, path));
	if (node == NULL || node->json.len != 0 || node->first != NULL)
		return refuse(problems, path, "doubled", "is said twice");
	node->json = json;
	return true;
}

/* ---- values ---- */

static bool is_number(struct str value)
{
	uint64_t number;
	return str_to_u64(value, &number) && (value.len == 1 || value.at[0] != '0');
}

static void add_items(struct text *json, struct str value)
{
	text_add_char(json, '[');
	while (value.at != NULL && value.len != 0) {
		text_add_json(json, str_trim(str_cut(&value, ',')));
		if (value.at != NULL)
			text_add_char(json, ',');
	}
	text_add_char(json, ']');
}

/* Adds the value as JSON; it was read already. */
static void add_value(const struct model_field *field, const struct model_domain *domain,
        struct str value, struct text *json)
{
	switch ((enum model_field_type)field->type) {
	case MODEL_FIELD_BOOL:
		text_add(json, *(const bool *)model_field_member_const(field, domain)
		                       ? STR("true")
		                       : STR("false"));
		return;
	case MODEL_FIELD_INTEGER:
	case MODEL_FIELD_SECONDS:
		if (is_number(value))
			text_add(json, value);
		else
			model_value_print(field, domain, json);
		return;
	case MODEL_FIELD_ADDRESSES:
	case MODEL_FIELD_TTLS:
	case MODEL_FIELD_PARAMETERS:
	case MODEL_FIELD_PROTOCOLS:
		add_items(json, value);
		return;
	case MODEL_FIELD_HEADERS: /* whose items may have commas */
		model_print_list(field, domain, json);
		return;
	case MODEL_FIELD_NAME:
	case MODEL_FIELD_HOST:
	case MODEL_FIELD_AUTHORITY:
	case MODEL_FIELD_STRING:
	case MODEL_FIELD_SECRET:
	case MODEL_FIELD_PATH:
	case MODEL_FIELD_ENUM:
	case MODEL_FIELD_BYTES:
	case MODEL_FIELD_PERCENT:
	case MODEL_FIELD_DURATION:
	case MODEL_FIELD_STATUSES:
		text_add_json(json, value);
		return;
	}
}

/* What a secret's @FILE has, without the line feed at its end; the text is the caller's. */
static bool read_secret(
        struct str name, struct str *value, struct text *content, struct model_problems *problems)
{
	if (value->at[0] != '@')
		return refuse(problems, name, "secret",
		        "a command line is no place for a secret: others see it. Write @FILE, "
		        "where the file has it, or @- for standard input");
	if (!cli_file_read(value->at + 1, SECRET_BYTES, content, problems))
		return false;
	*value = text_str(content);
	while (value->len != 0 &&
	        (value->at[value->len - 1] == '\n' || value->at[value->len - 1] == '\r'))
		value->len--;
	return true;
}

static bool set_value(const struct cli_patch *patch, const struct model_field *field,
        struct str value, struct model_problems *problems)
{
	struct text content = {0}, json = {0};
	struct model_why why;
	bool is_secret = field->type == MODEL_FIELD_SECRET;
	bool is_set = !is_secret || read_secret(field->path, &value, &content, problems);
	if (is_set && !model_value_read(field, patch->scratch, value, &why)) {
		struct text shown = {0};
		if (is_secret)
			text_add(&shown, STR("the value"));
		else
			text_addf(&shown, "\"%.*s\"", STR_ARG(value));
		model_problems_add(problems, NULL, 0, field->path.at, why.rule, "%s %s%s%s",
		        text_c(&shown), why.words, why.allowed != NULL ? " " : "",
		        why.allowed != NULL ? why.allowed : "");
		text_done(&shown);
		is_set = false;
	}
	if (is_set) {
		add_value(field, patch->scratch, value, &json);
		is_set = set(
		        patch, field->path, arena_copy(patch->arena, text_str(&json)), problems);
	}
	if (content.len != 0)
		explicit_bzero(content.at, content.len);
	text_done(&content);
	text_done(&json);
	return is_set;
}

/* ---- names ---- */

/* The first group of a path that has no field of the next name, and what was meant by it. */
static bool refuse_unknown(struct str name, struct str path, struct model_problems *problems)
{
	struct str rest = path, group = STR_EMPTY, key;
	do {
		key = str_cut(&rest, '.');
		struct str longer = str_make(path.at, (size_t)(key.at + key.len - path.at));
		if (!model_field_is_group(longer))
			break;
		group = longer;
	} while (rest.at != NULL);
	struct str near = model_field_suggest(group, key);
	struct text words = {0};
	text_add(&words, STR("is no field"));
	/* A sibling is told with its group, a field of this name elsewhere has its whole path. */
	if (near.len != 0 && group.len != 0 && model_field_find(near) == NULL)
		text_addf(&words, "; did you mean \"%.*s.%.*s\"?", STR_ARG(group), STR_ARG(near));
	else if (near.len != 0)
		text_addf(&words, "; did you mean \"%.*s\"?", STR_ARG(near));
	refuse(problems, name, "unknown-field", text_c(&words));
	text_done(&words);
	return false;
}

/* The whole path of a name that may have been written without its group. */
static struct str whole_path(const struct cli_patch *patch, struct str group, struct str name)
{
	struct str rest = name;
	if (group.len == 0 || str_is_equal(str_cut(&rest, '.'), group))
		return name;
	return arena_printf(patch->arena, "%.*s.%.*s", STR_ARG(group), STR_ARG(name));
}

bool cli_patch_set(
        struct cli_patch *patch, struct str group, struct str word, struct model_problems *problems)
{
	struct str value = word;
	struct str name = str_cut(&value, '=');
	if (value.at == NULL || name.len == 0)
		return refuse(
		        problems, word, "syntax", "write FIELD=VALUE, or FIELD= to take it away");
	struct str path = whole_path(patch, group, name);
	const struct model_field *field = model_field_find(path);
	if (str_is_equal(path, STR("name")))
		return refuse(problems, name, "fixed", "a domain keeps its name");
	if (str_is_equal(path, STR("revision")))
		return refuse(problems, name, "fixed", "the revision to change is --revision N");
	if (field == NULL && !model_field_is_group(path))
		return refuse_unknown(name, path, problems);
	if (value.len == 0)
		return set(patch, path, STR("null"), problems);
	if (field == NULL)
		return refuse(
		        problems, name, "syntax", "has fields below it, and no value of its own");
	return set_value(patch, field, value, problems);
}

bool cli_patch_set_addresses(struct cli_patch *patch, const char *path,
        const char *const *addresses, struct model_problems *problems)
{
	struct text json = {0};
	unsigned before = problems->total;
	for (size_t i = 0; addresses[i] != NULL; i++) {
		struct model_address address;
		struct model_why why;
		if (!model_read_address(patch->scratch, str_of(addresses[i]), &address, &why))
			model_problems_add(problems, NULL, 0, path, why.rule, "\"%s\" %s%s%s",
			        addresses[i], why.words, why.allowed != NULL ? " " : "",
			        why.allowed != NULL ? why.allowed : "");
		text_add_char(&json, i == 0 ? '[' : ',');
		text_add_json(&json, str_of(addresses[i]));
	}
	bool is_set = problems->total == before;
	if (is_set && json.len != 0) {
		text_add_char(&json, ']');
		is_set = set(
		        patch, str_of(path), arena_copy(patch->arena, text_str(&json)), problems);
	}
	text_done(&json);
	return is_set;
}

static void print(const struct cli_patch_node *node, struct text *to)
{
	if (node->json.len != 0) {
		text_add(to, node->json);
		return;
	}
	text_add_char(to, '{');
	for (const struct cli_patch_node *child = node->first; child != NULL; child = child->next) {
		text_add_json(to, child->key);
		text_add_char(to, ':');
		print(child, to);
		if (child->next != NULL)
			text_add_char(to, ',');
	}
	text_add_char(to, '}');
}

void cli_patch_print(const struct cli_patch *patch, struct str group, struct text *to)
{
	const struct cli_patch_node *node =
	        group.len == 0 ? patch->root : find_child(patch->root, group);
	if (node != NULL)
		print(node, to);
	else
		text_add(to, STR("{}"));
}
