/*
 * Short walks over model/node.h.
 */
#include "cli/tree.h"

const struct model_node *cli_tree_find(const struct model_node *root, struct str path)
{
	while (path.at != NULL && root != NULL)
		root = model_node_get(root, str_cut(&path, '.'));
	return root;
}

static struct str text_of(const struct model_node *node)
{
	bool is_text = node != NULL && node->kind == MODEL_NODE_SCALAR && !model_node_is_null(node);
	return is_text ? node->text : STR_EMPTY;
}

struct str cli_tree_text(const struct model_node *root, const char *path)
{
	return text_of(cli_tree_find(root, str_of(path)));
}

uint64_t cli_tree_number(const struct model_node *root, const char *path)
{
	uint64_t number;
	return str_to_u64(cli_tree_text(root, path), &number) ? number : 0;
}

bool cli_tree_is_true(const struct model_node *root, const char *path)
{
	return str_is_equal(cli_tree_text(root, path), STR("true"));
}

const struct model_node *cli_tree_first(const struct model_node *root, const char *path)
{
	const struct model_node *list = cli_tree_find(root, str_of(path));
	return list != NULL && list->kind == MODEL_NODE_LIST ? list->first : NULL;
}

void cli_tree_add_value(const struct model_node *node, struct text *to)
{
	struct str text = text_of(node);
	if (node != NULL && node->kind == MODEL_NODE_LIST) {
		for (const struct model_node *item = node->first; item != NULL; item = item->next) {
			text_add(to, text_of(item));
			if (item->next != NULL)
				text_add(to, STR(", "));
		}
	} else if (text.len != 0 && node->is_plain && str_is_equal(text, STR("true"))) {
		text_add(to, STR("on"));
	} else if (text.len != 0 && node->is_plain && str_is_equal(text, STR("false"))) {
		text_add(to, STR("off"));
	} else {
		text_add(to, text);
	}
}
