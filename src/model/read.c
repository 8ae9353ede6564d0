/*
 * A domain's mapping is walked with the path of where one is; each key is a field of the table, a
 * group with fields below, or unknown. What cannot be read keeps its default, so that the walk goes
 * on and tells everything that is wrong. The rules come afterwards; a domain that could not be read
 * whole is judged by those only that other faults cannot mislead.
 *
 * The list of domains is streamed (model/node.h), so that a document of a hundred thousand takes
 * the memory of its domains and not of its tree.
 */
#include "model/read.h"

#include "base/mem.h"
#include "model/bucket.h"
#include "model/check.h"
#include "model/headers.h"
#include "model/list.h"
#include "model/suggest.h"
#include "model/value.h"

#include <stdio.h>
#include <stdlib.h>

enum { PATH_BYTES = 96, SHOWN_BYTES = 80 };

struct reading {
	const char *file;
	enum model_rules rules;
	struct model_problems *problems;
	struct model_domain *domain; /* the one that is being read */
};

#define REFUSE(reading, node, ...)                                                                 \
	model_node_refuse((node), (reading)->file, (reading)->problems, __VA_ARGS__)

/* As much of a value as a message shows, cut between letters. */
static struct str shown(struct str text)
{
	if (text.len <= SHOWN_BYTES)
		return text;
	text.len = SHOWN_BYTES;
	while (text.len > 0 && ((unsigned char)text.at[text.len] & 0xc0) == 0x80)
		text.len--;
	return text;
}

static void refuse_value(const struct reading *reading, const struct model_node *node,
        const struct model_field *field, const struct model_why *why)
{
	const char *space = why->allowed == NULL ? "" : " ";
	const char *allowed = why->allowed == NULL ? "" : why->allowed;
	if (field->type == MODEL_FIELD_SECRET)
		REFUSE(reading, node, why->rule, "the value %s%s%s", why->words, space, allowed);
	else
		REFUSE(reading, node, why->rule, "\"%.*s\" %s%s%s", STR_ARG(shown(node->text)),
		        why->words, space, allowed);
}

/* Of a scalar with a type. */
static bool is_bool(const struct model_node *node)
{
	return node->is_plain &&
	       (str_is_equal(node->text, STR("true")) || str_is_equal(node->text, STR("false")));
}

static bool is_number(const struct model_node *node)
{
	return node->is_plain && !is_bool(node) && !model_node_is_null(node);
}

/* Whether a scalar that has a type has one that the field may have; *ret_words says which. */
static bool is_type_right(
        const struct model_node *node, const struct model_field *field, const char **ret_words)
{
	switch ((enum model_field_type)field->type) {
	case MODEL_FIELD_BOOL:
		*ret_words = "must be true or false";
		return is_bool(node);
	case MODEL_FIELD_INTEGER:
	case MODEL_FIELD_SECONDS:
		*ret_words = "must be a number";
		return is_number(node);
	case MODEL_FIELD_BYTES:
	case MODEL_FIELD_PERCENT:
	case MODEL_FIELD_STATUSES:
		*ret_words = "must be a text or a number";
		return !is_bool(node);
	case MODEL_FIELD_NAME:
	case MODEL_FIELD_HOST:
	case MODEL_FIELD_AUTHORITY:
	case MODEL_FIELD_STRING:
	case MODEL_FIELD_SECRET:
	case MODEL_FIELD_PATH:
	case MODEL_FIELD_ENUM:
	case MODEL_FIELD_DURATION:
		*ret_words = "must be a text";
		return !node->is_plain;
	case MODEL_FIELD_ADDRESSES:
	case MODEL_FIELD_TTLS:
	case MODEL_FIELD_PARAMETERS:
	case MODEL_FIELD_PROTOCOLS:
	case MODEL_FIELD_HEADERS:
		*ret_words = "must be a list of texts";
		return false;
	}
	return false;
}

/* Whether a list's item is a text; of statuses, it may be a number. */
static bool is_text_item(const struct reading *reading, const struct model_node *item,
        const struct model_field *field)
{
	bool is_right = !item->is_typed || !item->is_plain ||
	                (field->type == MODEL_FIELD_STATUSES && is_number(item));
	if (item->kind == MODEL_NODE_SCALAR && !model_node_is_null(item) && is_right)
		return true;
	bool has_colon = item->kind == MODEL_NODE_MAPPING && field->type == MODEL_FIELD_HEADERS;
	REFUSE(reading, item, "type", "each item of this list is a text%s",
	        has_colon ? ", and one with a colon needs quotes" : "");
	return false;
}

static void read_addresses(const struct reading *reading, const struct model_node *list,
        const struct model_field *field, struct model_origin *origin)
{
	struct model_why why;
	if (list->count > LIMIT_ADDRESSES) {
		REFUSE(reading, list, "range", "has %u addresses, which is not in %s", list->count,
		        field->allowed);
		return;
	}
	origin->addresses =
	        model_domain_alloc(reading->domain, list->count * sizeof(origin->addresses[0]));
	origin->address_count = 0;
	/* One that cannot be read keeps its place, so that the others are told of by theirs. */
	for (const struct model_node *item = list->first; item != NULL; item = item->next) {
		struct model_address *address = &origin->addresses[origin->address_count++];
		if (!is_text_item(reading, item, field)) {
			*address = (struct model_address){.host = ""};
		} else if (!model_read_address(reading->domain, item->text, address, &why)) {
			*address = (struct model_address){.host = ""};
			refuse_value(reading, item, field, &why);
		}
	}
}

static void read_statuses(const struct reading *reading, const struct model_node *list,
        const struct model_field *field, struct model_statuses *ret_statuses)
{
	struct model_statuses statuses = {0};
	struct model_why why;
	for (const struct model_node *item = list->first; item != NULL; item = item->next) {
		if (is_text_item(reading, item, field) &&
		        !model_value_add_statuses(&statuses, item->text, &why))
			refuse_value(reading, item, field, &why);
	}
	*ret_statuses = statuses;
}

static void read_list(const struct reading *reading, const struct model_node *list,
        const struct model_field *field)
{
	struct model_why why;
	if (!model_list_start(field, reading->domain, list->count, &why)) {
		REFUSE(reading, list, why.rule, "%s %s", why.words, why.allowed);
		return;
	}
	for (const struct model_node *item = list->first; item != NULL; item = item->next) {
		if (is_text_item(reading, item, field) &&
		        !model_list_add(field, reading->domain, item->text, &why))
			refuse_value(reading, item, field, &why);
	}
}

static bool is_list(const struct model_field *field)
{
	return field->type == MODEL_FIELD_TTLS || field->type == MODEL_FIELD_PARAMETERS ||
	       field->type == MODEL_FIELD_PROTOCOLS || field->type == MODEL_FIELD_HEADERS;
}

static void read_field(const struct reading *reading, const struct model_node *node,
        const struct model_field *field)
{
	struct model_why why;
	const char *words = "";
	void *member = model_field_member(field, reading->domain);
	if (node->kind == MODEL_NODE_LIST && field->type == MODEL_FIELD_ADDRESSES)
		read_addresses(
		        reading, node, field, container_of(member, struct model_origin, addresses));
	else if (node->kind == MODEL_NODE_LIST && field->type == MODEL_FIELD_STATUSES)
		read_statuses(reading, node, field, member);
	else if (node->kind == MODEL_NODE_LIST && is_list(field))
		read_list(reading, node, field);
	else if (node->kind != MODEL_NODE_SCALAR)
		REFUSE(reading, node, "type", "must be one value, not a %s",
		        node->kind == MODEL_NODE_LIST ? "list" : "mapping");
	else if (model_node_is_null(node))
		return;
	else if (node->is_typed && !is_type_right(node, field, &words))
		REFUSE(reading, node, "type", "%s", words);
	else if (!model_value_read(field, reading->domain, node->text, &why))
		refuse_value(reading, node, field, &why);
}

static void refuse_unknown(
        const struct reading *reading, const struct model_node *node, struct str group)
{
	struct str near = model_field_suggest(group, node->key);
	if (near.len != 0)
		REFUSE(reading, node, "unknown-field", "is no field; did you mean \"%.*s\"?",
		        STR_ARG(near));
	else
		REFUSE(reading, node, "unknown-field", "is no field");
}

/* Writes the path of a key in a group; empty when it is longer than any field's. */
static struct str join(struct str group, struct str key, char path[PATH_BYTES])
{
	if (group.len + 1 + key.len > PATH_BYTES)
		return STR_EMPTY;
	size_t length = group.len;
	memcpy(path, group.len == 0 ? "" : group.at, group.len);
	if (length != 0)
		path[length++] = '.';
	memcpy(path + length, key.len == 0 ? "" : key.at, key.len);
	return str_make(path, length + key.len);
}

static void read_group(
        const struct reading *reading, const struct model_node *mapping, struct str group)
{
	if (model_node_is_null(mapping))
		return;
	if (mapping->kind != MODEL_NODE_MAPPING) {
		REFUSE(reading, mapping, "type", "must be a mapping of fields");
		return;
	}
	struct model_domain *domain = reading->domain;
	if (str_is_equal(group, STR("backup"))) {
		domain->backup = model_domain_alloc(domain, sizeof(*domain->backup));
		model_domain_init_origin(domain->backup);
	}
	for (const struct model_node *node = mapping->first; node != NULL; node = node->next) {
		char bytes[PATH_BYTES];
		/* A dot is how fields are told of, not how they are written. */
		bool is_name = str_find(node->key, '.') < 0;
		struct str path = is_name ? join(group, node->key, bytes) : STR_EMPTY;
		const struct model_field *field = model_field_find(path);
		if (field != NULL)
			read_field(reading, node, field);
		else if (path.len != 0 && model_field_is_group(path))
			read_group(reading, node, path);
		else
			refuse_unknown(reading, node, group);
	}
}

/* Judges what was read; the places of problems are those of their fields. */
static void check(const struct reading *reading, const struct model_node *node, bool is_whole)
{
	struct model_problems *problems = reading->problems;
	unsigned first = problems->count;
	struct text pointer = {0};
	model_headers_make_secure(reading->domain);
	model_node_add_pointer(node, &pointer);
	const struct model_place place = {reading->file, node->line, text_c(&pointer)};
	bool is_good =
	        is_whole ? model_check_domain(reading->domain, reading->rules, &place, problems)
	                 : model_check_rules(reading->domain, reading->rules, &place, problems);
	if (!is_good) {
		for (unsigned i = first; i < problems->count; i++) {
			struct model_problem *problem = &problems->list[i];
			problem->line = model_node_line(node, str_of(problem->field + pointer.len));
		}
	}
	text_done(&pointer);
}

bool model_read_domain(const struct model_node *node, const char *file, enum model_rules rules,
        struct model_problems *problems, struct model_domain **ret_domain)
{
	unsigned before = problems->total;
	struct reading reading = {file, rules, problems, model_domain_new()};
	if (model_node_is_null(node))
		REFUSE(&reading, node, "type", "must be a mapping of fields");
	else
		read_group(&reading, node, STR_EMPTY);
	if (problems->total == before)
		model_bucket_make_hosts(reading.domain);
	check(&reading, node, problems->total == before);
	if (problems->total != before) {
		model_domain_unref(reading.domain);
		return false;
	}
	*ret_domain = reading.domain;
	return true;
}

/* Patches. */

bool model_read_check_nulls(
        const struct model_node *patch, struct str group, struct model_problems *problems)
{
	const struct reading reading = {.problems = problems};
	unsigned before = problems->total;
	for (const struct model_node *node = patch->first; node != NULL; node = node->next) {
		struct text path = {0};
		text_addf(&path, "%.*s%s%.*s", STR_ARG(group), group.len == 0 ? "" : ".",
		        STR_ARG(node->key));
		bool is_name = node->key.len != 0 && str_find(node->key, '.') < 0;
		bool is_group = is_name && model_field_is_group(text_str(&path));
		bool is_known = is_group || (is_name && model_field_find(text_str(&path)) != NULL);
		if (!is_known && model_node_is_null(node))
			refuse_unknown(&reading, node, group);
		else if (is_group && node->kind == MODEL_NODE_MAPPING)
			(void)!model_read_check_nulls(node, text_str(&path), problems);
		text_done(&path);
	}
	return problems->total == before;
}

/* Whole documents. */

struct document {
	struct model_node_list list;
	const char *file;
	enum model_rules rules;
	struct model_problems *problems;
	struct model_domains domains;
	size_t cap;
};

static void on_domain(struct model_node_list *self, const struct model_node *node)
{
	struct document *document = container_of(self, struct document, list);
	struct model_domains *domains = &document->domains;
	struct model_domain *domain;
	if (!model_read_domain(node, document->file, document->rules, document->problems, &domain))
		return;
	if (domains->count == document->cap) {
		document->cap = document->cap == 0 ? 16 : document->cap * 2;
		domains->list = mem_resize(domains->list, document->cap * sizeof(domains->list[0]));
		domains->lines =
		        mem_resize(domains->lines, document->cap * sizeof(domains->lines[0]));
	}
	domains->list[domains->count] = domain;
	domains->lines[domains->count++] = node->line;
}

static void check_top(const struct document *document, const struct model_node *root)
{
	static const struct str KNOWN = {"domains", 7};
	const struct model_node *list = model_node_get(root, KNOWN);
	if (list == NULL)
		REFUSE(document, root, "missing", "has no list `domains`");
	else if (list->kind != MODEL_NODE_LIST)
		REFUSE(document, list, "type", "must be a list of domains");
	if (root->kind != MODEL_NODE_MAPPING)
		return;
	for (const struct model_node *node = root->first; node != NULL; node = node->next) {
		if (str_is_equal(node->key, KNOWN))
			continue;
		bool is_near =
		        model_suggest_distance(node->key, KNOWN) < model_suggest_limit(node->key);
		REFUSE(document, node, "unknown-field", "is no field of a domains file%s",
		        is_near ? "; did you mean \"domains\"?" : "");
	}
}

struct named {
	const char *name;
	size_t index;
};

static int compare_named(const void *a, const void *b)
{
	const struct named *first = a, *second = b;
	int order = strcmp(first->name, second->name);
	return order != 0 ? order : (first->index > second->index) - (first->index < second->index);
}

static void check_names(const struct document *document)
{
	const struct model_domains *domains = &document->domains;
	struct named *sorted = mem_alloc(domains->count * sizeof(*sorted) + 1);
	for (size_t i = 0; i < domains->count; i++)
		sorted[i] = (struct named){domains->list[i]->name, i};
	qsort(sorted, domains->count, sizeof(*sorted), compare_named);
	for (size_t i = 1; i < domains->count; i++) {
		if (strcmp(sorted[i - 1].name, sorted[i].name) != 0)
			continue;
		unsigned line = domains->lines[sorted[i].index];
		char field[48];
		snprintf(field, sizeof(field), "/domains/%zu/name", sorted[i].index);
		model_problems_add(document->problems, document->file, line, field,
		        "duplicate-name", "the name \"%s\" is used twice, in lines %u and %u",
		        sorted[i].name, domains->lines[sorted[i - 1].index], line);
	}
	mem_free(sorted);
}

bool model_read_domains(struct str text, const char *file, enum model_rules rules,
        struct model_problems *problems, struct model_domains *ret_domains)
{
	unsigned before = problems->total;
	struct document document = {
	        .list = {.key = "domains", .on_item = on_domain},
	        .file = file,
	        .rules = rules,
	        .problems = problems,
	};
	struct arena arena;
	struct model_node *root;
	arena_init(&arena, NULL, 0);
	if (model_node_read(&arena, text, file, &document.list, problems, &root)) {
		check_top(&document, root);
		check_names(&document);
	}
	arena_reset(&arena);
	if (problems->total != before) {
		model_domains_done(&document.domains);
		return false;
	}
	*ret_domains = document.domains;
	return true;
}

void model_domains_done(struct model_domains *domains)
{
	for (size_t i = 0; i < domains->count; i++)
		model_domain_unref(domains->list[i]);
	mem_free(domains->list);
	mem_free(domains->lines);
	*domains = (struct model_domains){0};
}
