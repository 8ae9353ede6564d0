/*
 * A document (YAML by libyaml; JSON is YAML as well) as a tree of nodes that know their place, for
 * whoever reads one: domains (model/read.h), the server's settings. Bounded for
 * hostile input: size, depth, keys of a mapping; anchors, aliases, tags, doubled keys and second
 * documents are refused. Types are the reader's business: a scalar is its text. JSON that has to be
 * JSON is read by model/json.h. Pure.
 */
#pragma once

#include "base/arena.h"
#include "model/problem.h"

enum model_node_kind { MODEL_NODE_SCALAR, MODEL_NODE_LIST, MODEL_NODE_MAPPING };

struct model_node {
	struct model_node *parent;
	struct model_node *first, *next; /* the first child; the next of the same parent */
	struct str key;                  /* in a mapping; empty elsewhere */
	struct str text;                 /* of a scalar; NUL-terminated, without other NULs */
	uint32_t line;                   /* from 1 */
	uint32_t index;                  /* among the parent's children */
	uint32_t count;                  /* of children */
	uint8_t kind;                    /* enum model_node_kind */
	bool is_plain;                   /* a scalar without quotes */
	bool is_typed; /* a scalar of JSON: a text has quotes, a number or a bool has none */
};

/*
 * A list at the top that may be too long for a tree: the items below the document's key `key` are
 * not kept. Instead on_item has each of them once, in order, with its children; the item's memory
 * is used again afterwards. The node of the list itself stays, with its count.
 */
struct model_node_list {
	const char *key;
	void (*on_item)(struct model_node_list *self, const struct model_node *item);
};

/*
 * Reads a document into *ret_root, whose memory is the arena's; `list` may be NULL. On false,
 * problems has at least one entry, and on_item may have been called for what stood in front of it.
 * `file` is for the places only. An empty document is a null scalar.
 */
MUST_CHECK bool model_node_read(struct arena *arena, struct str text, const char *file,
        struct model_node_list *list, struct model_problems *problems,
        struct model_node **ret_root);

/* The child of a mapping with this key; NULL when there is none, or it is no mapping. */
const struct model_node *model_node_get(const struct model_node *mapping, struct str key);

/* Whether it is a plain scalar that says nothing: "", "~" or "null". */
bool model_node_is_null(const struct model_node *node);

/* The line of what a JSON Pointer below `root` leads to, or of the nearest node above it. */
unsigned model_node_line(const struct model_node *root, struct str pointer);

/* Adds the node's JSON Pointer: "/domains/3/origin". */
void model_node_add_pointer(const struct model_node *node, struct text *to);

/* Adds a problem with the node's place. */
void model_node_refuse(const struct model_node *node, const char *file,
        struct model_problems *problems, const char *rule, const char *format, ...)
        PRINTF_LIKE(5, 6);
