/*
 * From domains to text: canonical YAML that model/read.h reads back to an equal domain. Fields at
 * their defaults are left out. Pure.
 */
#pragma once

#include "model/field.h"

/* What is shown in the place of a secret. */
#define MODEL_PRINT_MASK "********"

enum model_print_secrets {
	MODEL_PRINT_MASKED,
	MODEL_PRINT_SECRETS,
	MODEL_PRINT_EXPORT /* masked; and of a whole domain no revision, which means nothing
	                      elsewhere */
};

/* One entry of the `domains:` list, with its dash, indented by two spaces. */
void model_print_domain(
        const struct model_domain *domain, enum model_print_secrets secrets, struct text *to);

/* A whole document of `count` domains. */
void model_print_domains(struct model_domain *const *domains, size_t count,
        enum model_print_secrets secrets, struct text *to);

/* The items of a field that is a list of texts, as a flow sequence, which is a JSON array, too. */
void model_print_list(
        const struct model_field *field, const struct model_domain *domain, struct text *to);
