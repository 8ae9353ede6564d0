/*
 * What stands where in an answer's JSON. Nothing in it is believed: what is not there, or is
 * something else, is empty. Pure.
 */
#pragma once

#include "model/node.h"

/* What a path of keys, "origin.type", leads to; NULL. */
const struct model_node *cli_tree_find(const struct model_node *root, struct str path);

/* The text of a scalar there; empty for null and for what is none. */
struct str cli_tree_text(const struct model_node *root, const char *path);

/* A whole number there; 0 for what is none. */
uint64_t cli_tree_number(const struct model_node *root, const char *path);

bool cli_tree_is_true(const struct model_node *root, const char *path);

/* The first item of a list there; NULL. The others are behind `next`. */
const struct model_node *cli_tree_first(const struct model_node *root, const char *path);

/* Adds a scalar, or a list of them with ", " between; on and off for what is true or false. */
void cli_tree_add_value(const struct model_node *node, struct text *to);
