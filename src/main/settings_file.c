/*
 * Settings from a YAML file: one mapping from names to values, a list where the setting is one.
 */
#include "main/settings.h"

#include "base/arena.h"
#include "main/file.h"
#include "model/node.h"

enum { FILE_BYTES_MAX = 1 << 20 };

static void read_scalar(struct settings *settings, const struct setting *setting,
        const struct model_node *node, const char *path, struct model_problems *problems)
{
	struct model_why why;
	if (node->kind != MODEL_NODE_SCALAR) {
		model_node_refuse(node, path, problems, "type", "must be a single value, not a %s",
		        node->kind == MODEL_NODE_LIST ? "list" : "mapping");
		return;
	}
	if (!settings_set(settings, setting, node->text, &why))
		model_node_refuse(node, path, problems, why.rule, "\"%.*s\" %s%s%s",
		        STR_ARG(node->text), why.words, why.allowed != NULL ? " " : "",
		        why.allowed != NULL ? why.allowed : "");
}

static void read_setting(struct settings *settings, const struct model_node *node, const char *path,
        struct model_problems *problems)
{
	const struct setting *setting = settings_find(node->key);
	/* A flag has hyphens, a file does not: one name for one thing. */
	if (setting == NULL || str_find(node->key, '-') >= 0) {
		struct str near = setting != NULL ? setting->name : settings_suggest(node->key);
		model_node_refuse(node, path, problems, "unknown-field",
		        "there is no setting \"%.*s\"%s%.*s%s", STR_ARG(node->key),
		        near.len != 0 ? "; did you mean \"" : "", STR_ARG(near),
		        near.len != 0 ? "\"?" : "");
		return;
	}
	if (!settings_is_list(setting)) {
		read_scalar(settings, setting, node, path, problems);
		return;
	}
	settings_clear(settings, setting);
	if (node->kind == MODEL_NODE_SCALAR) {
		if (!model_node_is_null(node))
			read_scalar(settings, setting, node, path, problems);
		return;
	}
	if (node->kind == MODEL_NODE_MAPPING) {
		read_scalar(settings, setting, node, path, problems);
		return;
	}
	for (const struct model_node *item = node->first; item != NULL; item = item->next)
		read_scalar(settings, setting, item, path, problems);
}

bool settings_read_file(
        struct settings *settings, const char *path, struct model_problems *problems)
{
	struct text content = {0};
	struct arena arena;
	struct model_node *root;
	unsigned before = problems->total;
	arena_init(&arena, NULL, 0);
	if (!file_read(path, FILE_BYTES_MAX, &content, problems))
		goto done;
	if (!model_node_read(&arena, text_str(&content), path, NULL, problems, &root))
		goto done;
	if (root->kind == MODEL_NODE_MAPPING) {
		for (const struct model_node *node = root->first; node != NULL; node = node->next)
			read_setting(settings, node, path, problems);
	} else if (!model_node_is_null(root)) {
		model_node_refuse(root, path, problems, "type",
		        "settings must be a mapping from names to values");
	}
done:
	arena_reset(&arena);
	text_done(&content);
	return problems->total == before;
}
