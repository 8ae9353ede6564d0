/*
 * An answer's JSON as a tree, for tests.
 */
#pragma once

#include "model/json.h"

static inline const struct model_node *answer_of(struct arena *arena, const char *json)
{
	struct model_problems problems = {0};
	struct model_node *root = NULL;
	CHECK(model_json_read(arena, str_of(json), &problems, &root));
	model_problems_done(&problems);
	return root;
}
