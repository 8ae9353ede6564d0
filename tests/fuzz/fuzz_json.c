/* fuzz: model - what is read as JSON merges; what is read as a domain prints, reads again and is
 * equal, with all fields and with those alone that are set */
#include "model/diff.h"
#include "model/json.h"
#include "model/read.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Whatever is refused says why. */
static void check_problems(struct model_problems *problems)
{
	CHECK(problems->total > 0 && problems->count > 0);
	for (unsigned i = 0; i < problems->count; i++)
		CHECK(problems->list[i].message[0] != '\0' && problems->list[i].rule[0] != '\0');
	model_problems_done(problems);
}

static struct model_domain *read_domain(struct str text)
{
	struct arena arena;
	struct model_problems problems = {0};
	struct model_node *root;
	struct model_domain *domain = NULL;
	arena_init(&arena, NULL, 0);
	if (!model_json_read(&arena, text, &problems, &root) ||
	        !model_read_domain(root, NULL, MODEL_STORED, &problems, &domain))
		check_problems(&problems);
	arena_reset(&arena);
	return domain;
}

static void check_print(const struct model_domain *domain, enum model_json_fields fields)
{
	struct text once = {0}, twice = {0};
	model_json_print_domain(domain, fields, MODEL_PRINT_SECRETS, &once);
	struct model_domain *again = read_domain(text_str(&once));
	CHECK(again != NULL);
	CHECK(model_diff_is_equal(domain, again) && domain->revision == again->revision);
	model_json_print_domain(again, fields, MODEL_PRINT_SECRETS, &twice);
	CHECK(str_is_equal(text_str(&once), text_str(&twice)));
	model_domain_unref(again);
	text_done(&once);
	text_done(&twice);
}

/* The counts and parents of a tree are right. */
static void check_tree(const struct model_node *node)
{
	uint32_t count = 0;
	for (const struct model_node *child = node->first; child != NULL; child = child->next) {
		CHECK(child->parent == node);
		check_tree(child);
		count++;
	}
	CHECK(count == node->count);
}

/* The first half of the input is patched with the second. */
static void check_merge(struct str text)
{
	struct arena arena;
	struct model_problems problems = {0};
	struct model_node *target, *patch;
	struct str first = str_make(text.at, text.len / 2);
	struct str second = str_make(text.at + first.len, text.len - first.len);
	arena_init(&arena, NULL, 0);
	if (model_json_read(&arena, first, &problems, &target) &&
	        model_json_read(&arena, second, &problems, &patch)) {
		struct model_node *merged = model_json_merge(&arena, target, patch);
		if (merged != NULL)
			check_tree(merged);
	}
	model_problems_done(&problems);
	arena_reset(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str text = str_make((const char *)data, size);
	check_merge(text);
	struct model_domain *domain = read_domain(text);
	if (domain == NULL)
		return 0;
	check_print(domain, MODEL_JSON_SET);
	check_print(domain, MODEL_JSON_ALL);
	model_domain_unref(domain);
	return 0;
}
