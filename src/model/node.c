/*
 * libyaml's parser gives events; each value is read by a function that calls itself for what is
 * inside, as deep as LIMIT_DOCUMENT_DEPTH allows. Its document loader is not used, since it
 * resolves aliases (a short document can then be an enormous one) and does not keep places well.
 *
 * The first thing that is refused ends the reading: what follows a broken place in a document
 * cannot be trusted to mean what it seems to. Doubled keys are the exception, there the document
 * goes on.
 */
#include "model/node.h"

#include "base/limit.h"

#include <yaml.h>

enum { KEYS_MAX = 256, KEY_BYTES_MAX = 256, ITEM_BYTES = 8192 };

struct reader {
	yaml_parser_t parser;
	struct arena *arena; /* where nodes go at the moment */
	struct arena items;  /* for the items of `list` */
	const char *file;
	struct str document;
	struct model_node_list *list;
	struct model_problems *problems;
	unsigned depth;
	bool has_doubled; /* a key was doubled */
};

/* What the commonest mistakes are, which libyaml's words do not tell. */
static const char *hint_at(const struct reader *reader, size_t line)
{
	struct str rest = reader->document, text = STR_EMPTY;
	for (size_t i = 0; i < line; i++)
		text = str_cut(&rest, '\n');
	size_t indent = 0;
	while (indent < text.len && text.at[indent] == ' ')
		indent++;
	if (indent < text.len && text.at[indent] == '\t')
		return "; indent with spaces, not with a tab";
	for (size_t i = 0; i + 1 < text.len; i++) {
		if (text.at[i] == ':' && text.at[i + 1] == ':')
			return "; an IPv6 address needs quotes";
	}
	return "";
}

static void refuse_syntax(struct reader *reader)
{
	const yaml_parser_t *parser = &reader->parser;
	size_t line = parser->problem_mark.line + 1;
	const char *hint = hint_at(reader, line);
	const char *problem = parser->problem == NULL ? "cannot be read" : parser->problem;
	if (parser->context != NULL)
		model_problems_add(reader->problems, reader->file, (unsigned)line, "", "syntax",
		        "%s %s%s", parser->context, problem, hint);
	else
		model_problems_add(reader->problems, reader->file, (unsigned)line, "", "syntax",
		        "%s%s", problem, hint);
}

MUST_CHECK static bool next_event(struct reader *reader, yaml_event_t *ret_event)
{
	if (yaml_parser_parse(&reader->parser, ret_event) == 1)
		return true;
	refuse_syntax(reader);
	return false;
}

static unsigned line_of(const yaml_event_t *event)
{
	return (unsigned)event->start_mark.line + 1;
}

static struct model_node *add_node(
        struct reader *reader, const yaml_event_t *event, struct model_node *parent, struct str key)
{
	struct model_node *node = arena_new(reader->arena, struct model_node);
	node->parent = parent;
	node->line = line_of(event);
	if (parent != NULL) {
		node->key = key;
		node->index = parent->count++;
	}
	return node;
}

static bool refuse_node(struct reader *reader, const struct model_node *node, const char *words)
{
	model_node_refuse(node, reader->file, reader->problems, "syntax", "%s", words);
	return false;
}

MUST_CHECK static bool read_value(struct reader *reader, const yaml_event_t *event,
        struct model_node *parent, struct str key, struct model_node **ret_node);

MUST_CHECK static bool read_scalar(
        struct reader *reader, const yaml_event_t *event, struct model_node *node)
{
	struct str text =
	        str_make((const char *)event->data.scalar.value, event->data.scalar.length);
	if (event->data.scalar.anchor != NULL || event->data.scalar.tag != NULL)
		return refuse_node(reader, node, "anchors and tags are not allowed");
	if (str_find(text, '\0') >= 0)
		return refuse_node(reader, node, "a text has a NUL");
	node->kind = MODEL_NODE_SCALAR;
	node->text = arena_copy(reader->arena, text);
	node->is_plain = event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
	return true;
}

/* Whether the items of this node go to reader->list instead of the tree. */
static bool is_streamed(const struct reader *reader, const struct model_node *node)
{
	return reader->list != NULL && node->parent != NULL && node->parent->parent == NULL &&
	       str_is_equal(node->key, str_of(reader->list->key));
}

/* Reads one item of the streamed list, shows it, and forgets it. */
MUST_CHECK static bool read_streamed(
        struct reader *reader, const yaml_event_t *event, struct model_node *list)
{
	struct arena *kept = reader->arena;
	struct model_node *item;
	reader->arena = &reader->items;
	bool is_read = read_value(reader, event, list, STR_EMPTY, &item);
	if (is_read)
		reader->list->on_item(reader->list, item);
	reader->arena = kept;
	arena_reset(&reader->items);
	return is_read;
}

MUST_CHECK static bool read_list(struct reader *reader, struct model_node *list)
{
	struct model_node **end = &list->first;
	list->kind = MODEL_NODE_LIST;
	for (;;) {
		yaml_event_t event;
		if (!next_event(reader, &event))
			return false;
		bool is_end = event.type == YAML_SEQUENCE_END_EVENT, is_read = true;
		if (!is_end && is_streamed(reader, list)) {
			is_read = read_streamed(reader, &event, list);
		} else if (!is_end) {
			is_read = read_value(reader, &event, list, STR_EMPTY, end);
			end = is_read ? &(*end)->next : end;
		}
		yaml_event_delete(&event);
		if (is_end || !is_read)
			return is_read;
	}
}

/* Takes a key; a doubled one is told and taken. */
MUST_CHECK static bool read_key(struct reader *reader, const yaml_event_t *event,
        const struct model_node *mapping, struct str *ret_key)
{
	if (event->type != YAML_SCALAR_EVENT || event->data.scalar.anchor != NULL ||
	        event->data.scalar.tag != NULL)
		return refuse_node(reader, mapping, "a key is not a plain text");
	struct str key =
	        str_make((const char *)event->data.scalar.value, event->data.scalar.length);
	if (mapping->count == KEYS_MAX || key.len > KEY_BYTES_MAX)
		return refuse_node(reader, mapping,
		        mapping->count == KEYS_MAX ? "has more than 256 keys"
		                                   : "has a key of more than 256 bytes");
	if (str_find(key, '\0') >= 0)
		return refuse_node(reader, mapping, "a text has a NUL");
	const struct model_node *doubled = model_node_get(mapping, key);
	*ret_key = arena_copy(reader->arena, key);
	if (doubled != NULL) {
		struct model_node at = *doubled;
		at.line = line_of(event);
		model_node_refuse(&at, reader->file, reader->problems, "duplicate-field",
		        "is here twice, first in line %u", doubled->line);
		reader->has_doubled = true;
	}
	return true;
}

MUST_CHECK static bool read_mapping(struct reader *reader, struct model_node *mapping)
{
	struct model_node **end = &mapping->first;
	mapping->kind = MODEL_NODE_MAPPING;
	for (;;) {
		yaml_event_t event;
		struct str key = STR_EMPTY;
		if (!next_event(reader, &event))
			return false;
		bool is_end = event.type == YAML_MAPPING_END_EVENT;
		bool is_read = is_end || read_key(reader, &event, mapping, &key);
		yaml_event_delete(&event);
		if (is_end || !is_read)
			return is_read;
		if (!next_event(reader, &event))
			return false;
		is_read = read_value(reader, &event, mapping, key, end);
		yaml_event_delete(&event);
		if (!is_read)
			return false;
		end = &(*end)->next;
	}
}

/* Reads what begins with `event`, which stays the caller's. The node is seen by its children
 * through `parent` before *ret_node is set, and by reading siblings only afterwards. */
static bool read_value(struct reader *reader, const yaml_event_t *event, struct model_node *parent,
        struct str key, struct model_node **ret_node)
{
	struct model_node *node = add_node(reader, event, parent, key);
	bool is_read = false;
	if (++reader->depth > LIMIT_DOCUMENT_DEPTH)
		return refuse_node(reader, node, "is nested too deeply (more than 16 levels)");
	if (event->type == YAML_SCALAR_EVENT)
		is_read = read_scalar(reader, event, node);
	else if (event->type == YAML_SEQUENCE_START_EVENT)
		is_read = event->data.sequence_start.anchor == NULL &&
		                          event->data.sequence_start.tag == NULL
		                  ? read_list(reader, node)
		                  : refuse_node(reader, node, "anchors and tags are not allowed");
	else if (event->type == YAML_MAPPING_START_EVENT)
		is_read = event->data.mapping_start.anchor == NULL &&
		                          event->data.mapping_start.tag == NULL
		                  ? read_mapping(reader, node)
		                  : refuse_node(reader, node, "anchors and tags are not allowed");
	else
		is_read = refuse_node(reader, node, "aliases are not allowed");
	reader->depth--;
	if (is_read)
		*ret_node = node;
	return is_read;
}

/* Reads one event whose type says where the document is; it must be `expected`. */
MUST_CHECK static bool skip_event(
        struct reader *reader, yaml_event_type_t expected, const char *otherwise)
{
	yaml_event_t event;
	if (!next_event(reader, &event))
		return false;
	bool is_expected = event.type == expected;
	if (!is_expected)
		model_problems_add(reader->problems, reader->file, line_of(&event), "", "syntax",
		        "%s", otherwise);
	yaml_event_delete(&event);
	return is_expected;
}

/* A document without anything in it. */
static struct model_node *null_node(struct arena *arena)
{
	struct model_node *node = arena_new(arena, struct model_node);
	node->line = 1;
	node->is_plain = true;
	return node;
}

MUST_CHECK static bool read_document(struct reader *reader, struct model_node **ret_root)
{
	yaml_event_t event;
	if (!skip_event(reader, YAML_STREAM_START_EVENT, "is no document") ||
	        !next_event(reader, &event))
		return false;
	bool is_empty = event.type == YAML_STREAM_END_EVENT;
	yaml_event_delete(&event);
	if (is_empty) {
		*ret_root = null_node(reader->arena);
		return true;
	}
	if (!next_event(reader, &event))
		return false;
	bool is_read = read_value(reader, &event, NULL, STR_EMPTY, ret_root);
	yaml_event_delete(&event);
	return is_read && skip_event(reader, YAML_DOCUMENT_END_EVENT, "has more than one value") &&
	       skip_event(reader, YAML_STREAM_END_EVENT, "has a second document");
}

bool model_node_read(struct arena *arena, struct str text, const char *file,
        struct model_node_list *list, struct model_problems *problems, struct model_node **ret_root)
{
	struct reader reader = {
	        .arena = arena, .file = file, .document = text, .list = list, .problems = problems};
	if (text.len > LIMIT_DOMAINS_FILE_BYTES) {
		model_problems_add(
		        problems, file, 0, "", "limit", "the document has more than 256 MiB");
		return false;
	}
	if (yaml_parser_initialize(&reader.parser) != 1) {
		model_problems_add(problems, file, 0, "", "limit", "there is no memory to read it");
		return false;
	}
	yaml_parser_set_encoding(&reader.parser, YAML_UTF8_ENCODING);
	yaml_parser_set_input_string(
	        &reader.parser, (const unsigned char *)(text.len == 0 ? "" : text.at), text.len);
	char first_items[ITEM_BYTES];
	arena_init(&reader.items, first_items, sizeof(first_items));
	struct model_node *root;
	bool is_read = read_document(&reader, &root) && !reader.has_doubled;
	arena_reset(&reader.items);
	yaml_parser_delete(&reader.parser);
	if (is_read)
		*ret_root = root;
	return is_read;
}

const struct model_node *model_node_get(const struct model_node *mapping, struct str key)
{
	if (mapping->kind != MODEL_NODE_MAPPING)
		return NULL;
	for (const struct model_node *child = mapping->first; child != NULL; child = child->next) {
		if (str_is_equal(child->key, key))
			return child;
	}
	return NULL;
}

bool model_node_is_null(const struct model_node *node)
{
	return node->kind == MODEL_NODE_SCALAR && node->is_plain &&
	       (node->text.len == 0 || str_is_equal(node->text, STR("~")) ||
	               str_is_equal(node->text, STR("null")));
}

/* The child that one part of a pointer names; NULL when there is none. Parts of ours have no
 * escapes. */
static const struct model_node *child_of(const struct model_node *node, struct str part)
{
	uint64_t index;
	if (node->kind == MODEL_NODE_MAPPING)
		return model_node_get(node, part);
	if (node->kind != MODEL_NODE_LIST || !str_to_u64(part, &index))
		return NULL;
	const struct model_node *child = node->first;
	while (child != NULL && child->index != index)
		child = child->next;
	return child;
}

unsigned model_node_line(const struct model_node *root, struct str pointer)
{
	const struct model_node *node = root;
	struct str rest = pointer;
	str_cut(&rest, '/');
	while (rest.at != NULL) {
		const struct model_node *child = child_of(node, str_cut(&rest, '/'));
		if (child == NULL)
			break;
		node = child;
	}
	return node->line;
}

/* Adds one part of a pointer (RFC 6901, section 3). */
static void add_part(struct str part, struct text *to)
{
	text_add_char(to, '/');
	for (size_t i = 0; i < part.len; i++) {
		if (part.at[i] == '~')
			text_add(to, STR("~0"));
		else if (part.at[i] == '/')
			text_add(to, STR("~1"));
		else
			text_add_char(to, part.at[i]);
	}
}

void model_node_add_pointer(const struct model_node *node, struct text *to)
{
	if (node->parent == NULL)
		return;
	model_node_add_pointer(node->parent, to);
	if (node->parent->kind == MODEL_NODE_MAPPING)
		add_part(node->key, to);
	else
		text_addf(to, "/%u", node->index);
}

void model_node_refuse(const struct model_node *node, const char *file,
        struct model_problems *problems, const char *rule, const char *format, ...)
{
	struct text pointer = {0}, message = {0};
	va_list arguments;
	va_start(arguments, format);
	text_addv(&message, format, arguments);
	va_end(arguments);
	model_node_add_pointer(node, &pointer);
	model_problems_add(
	        problems, file, node->line, text_c(&pointer), rule, "%s", text_c(&message));
	text_done(&message);
	text_done(&pointer);
}
