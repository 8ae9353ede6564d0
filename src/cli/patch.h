/*
 * Fields as they are typed, "origin.host=a.example", become a JSON merge patch (RFC 7396) with the
 * types of the table of fields (model/field.h).
 */
#pragma once

#include "base/arena.h"
#include "model/problem.h"

struct cli_patch_node;

struct cli_patch {
	struct arena *arena;
	struct cli_patch_node *root;
	struct model_domain *scratch; /* takes values, to see whether they can be read */
};

void cli_patch_init(struct cli_patch *patch, struct arena *arena);

/* Adds FIELD=VALUE, or FIELD= for what is to be taken away; below `group` ("origin", or "") its
 * name may be left out. The value of a secret is @FILE, which is read here. False when problems has
 * an entry more. */
MUST_CHECK bool cli_patch_set(struct cli_patch *patch, struct str group, struct str word,
        struct model_problems *problems);

/* Sets a list of addresses, up to NULL; nothing where there are none. The same. */
MUST_CHECK bool cli_patch_set_addresses(struct cli_patch *patch, const char *path,
        const char *const *addresses, struct model_problems *problems);

/* Adds the patch for what `group` leads to: all of it, or what stands below "origin". */
void cli_patch_print(const struct cli_patch *patch, struct str group, struct text *to);

bool cli_patch_is_empty(const struct cli_patch *patch);

void cli_patch_done(struct cli_patch *patch);
