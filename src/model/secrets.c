/*
 * The table of fields says which of them are secrets.
 */
#include "model/secrets.h"

#include "model/json.h"
#include "model/value.h"

/* The next secret of the table from *at on that the domain may have; NULL at the end. */
static const struct model_field *next_secret(const struct model_domain *domain, size_t *at)
{
	const struct model_field *field;
	while ((field = model_field_at((*at)++)) != NULL)
		if (field->type == MODEL_FIELD_SECRET &&
		        model_field_member_const(field, domain) != NULL)
			return field;
	return NULL;
}

static const char *value_of(const struct model_field *field, const struct model_domain *domain)
{
	const char *const *member = domain == NULL ? NULL : model_field_member_const(field, domain);
	return member == NULL ? NULL : *member;
}

bool model_secrets_print(const struct model_domain *domain, struct text *to)
{
	const struct model_field *field;
	unsigned count = 0;
	for (size_t at = 0; (field = next_secret(domain, &at)) != NULL;) {
		const char *secret = value_of(field, domain);
		if (secret == NULL)
			continue;
		text_add_char(to, count++ == 0 ? '{' : ',');
		text_add_json(to, field->path);
		text_add_char(to, ':');
		text_add_json(to, str_of(secret));
	}
	if (count > 0)
		text_add_char(to, '}');
	return count > 0;
}

static bool read_secret(struct model_domain *domain, const struct model_node *node)
{
	struct model_why why;
	const struct model_field *field = model_field_find(node->key);
	return field != NULL && field->type == MODEL_FIELD_SECRET &&
	       node->kind == MODEL_NODE_SCALAR && !node->is_plain &&
	       model_field_member(field, domain) != NULL &&
	       model_value_read(field, domain, node->text, &why);
}

bool model_secrets_read(struct model_domain *domain, struct str text)
{
	struct arena arena;
	struct model_problems problems = {0};
	struct model_node *root;
	arena_init(&arena, NULL, 0);
	bool is_read =
	        model_json_read(&arena, text, &problems, &root) && root->kind == MODEL_NODE_MAPPING;
	if (is_read)
		for (const struct model_node *node = root->first; node != NULL && is_read;
		        node = node->next)
			is_read = read_secret(domain, node);
	model_problems_done(&problems);
	arena_reset(&arena);
	return is_read;
}

struct str model_secrets_keep(struct model_domain *domain, const struct model_domain *before)
{
	const struct model_field *field;
	for (size_t at = 0; (field = next_secret(domain, &at)) != NULL;) {
		const char **member = model_field_member(field, domain);
		if (*member == NULL || strcmp(*member, MODEL_PRINT_MASK) != 0)
			continue;
		const char *secret = value_of(field, before);
		if (secret == NULL)
			return field->path;
		*member = model_domain_copy(domain, str_of(secret));
	}
	return STR_EMPTY;
}
