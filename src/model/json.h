/*
 * JSON (RFC 8259) as the API and the store speak it: a document becomes a tree of nodes
 * (model/node.h), whose scalars know their types, a domain becomes an object, and a tree is changed
 * by a merge patch (RFC 7396). Pure.
 */
#pragma once

#include "model/domain.h"
#include "model/node.h"
#include "model/print.h"

/* Reads a whole document into *ret_root, whose memory is the arena's. The bounds are those of
 * model_node_read; doubled keys, NULs, and what is no UTF-8 are refused. On false problems has one
 * entry more. */
MUST_CHECK bool model_json_read(struct arena *arena, struct str text,
        struct model_problems *problems, struct model_node **ret_root);

/* What becomes of `target` (NULL: nothing is there) by a merge patch: the tree of `patch` where
 * that is no mapping, else the members of both. Nodes of both trees are used for the new one, so
 * neither may be used afterwards. NULL where the patch takes it away. */
struct model_node *model_json_merge(
        struct arena *arena, struct model_node *target, struct model_node *patch);

/* A tree as JSON again, without line feeds. */
void model_json_print_node(const struct model_node *node, struct text *to);

/* Which fields are printed. */
enum model_json_fields {
	MODEL_JSON_SET, /* that have no default: what reads back to an equal domain */
	MODEL_JSON_ALL, /* all that the domain may have; `backup` is null where there is none */
};

/* A domain as one object without line feeds: numbers for integers and seconds, true and false for
 * what is on or off, texts for all other values. */
void model_json_print_domain(const struct model_domain *domain, enum model_json_fields fields,
        enum model_print_secrets secrets, struct text *to);
