/*
 * From text to domains: a YAML document (libyaml; JSON is YAML as well) is read into a tree of
 * nodes with places, and the tree into domains by the field table (model/field.def). Every problem
 * is told, not only the first. Hostile input: sizes, depth and aliases are bounded (aliases are
 * refused). Pure.
 */
#pragma once

#include "model/domain.h"
#include "model/node.h"
#include "model/problem.h"

/* The rules that a server is started with (setting `origin_rules`); and those for what was checked
 * when it was stored, perhaps by another version or under other rules: only its form counts. */
enum model_rules { MODEL_CLASSIC, MODEL_EXTENDED, MODEL_STORED };

struct model_domains {
	struct model_domain **list; /* one reference each */
	unsigned *lines;            /* where each begins in the document */
	size_t count;
};

/*
 * Reads a whole document `{domains: [...]}` and checks every domain (model/check.h), names doubled
 * in the list included. On true, *ret_domains is the list, in the document's order; on false
 * problems has at least one entry and *ret_domains is untouched. `file` is for the places only.
 */
MUST_CHECK bool model_read_domains(struct str text, const char *file, enum model_rules rules,
        struct model_problems *problems, struct model_domains *ret_domains);

/*
 * Reads one domain from its node and checks it. On true *ret_domain has one reference, the
 * caller's; on false problems has at least one entry more.
 */
MUST_CHECK bool model_read_domain(const struct model_node *node, const char *file,
        enum model_rules rules, struct model_problems *problems, struct model_domain **ret_domain);

/*
 * Whether a patch (RFC 7396) takes away no more than what domains have: a member with null that is
 * no field and no group would go in silence. `group` is where the patch stands, "origin" or "". On
 * false problems has at least one entry more.
 */
MUST_CHECK bool model_read_check_nulls(
        const struct model_node *patch, struct str group, struct model_problems *problems);

/* Drops the references and the list. */
void model_domains_done(struct model_domains *domains);

/*
 * One address, "host[:port][:weight]", "host::weight", "[v6]:port:weight" (origin-pull.md section
 * 1), as in the document and on the command line. Memory comes from the domain.
 */
MUST_CHECK bool model_read_address(struct model_domain *domain, struct str text,
        struct model_address *ret_address, struct model_why *ret_why);
