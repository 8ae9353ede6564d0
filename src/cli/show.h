/*
 * The API's answers for people. Each function takes the JSON of one answer and adds lines; what is
 * missing in it is left empty. Pure.
 */
#pragma once

#include "model/node.h"

struct cli_show {
	bool is_coloured;
	bool has_all;      /* fields at their defaults as well */
	const char *name;  /* what was asked about; NULL */
	uint64_t revision; /* that the answer's head says; 0: none */
};

typedef void cli_show_function(
        const struct cli_show *show, const struct model_node *answer, struct text *to);

cli_show_function cli_show_whoami;
cli_show_function cli_show_domain;
cli_show_function cli_show_history;
cli_show_function cli_show_users;
cli_show_function cli_show_tokens;
cli_show_function cli_show_status;
cli_show_function cli_show_settings;
cli_show_function cli_show_certificates;
cli_show_function cli_show_certificate;
cli_show_function cli_show_edges;
cli_show_function cli_show_health;
cli_show_function cli_show_domain_health;
cli_show_function cli_show_explanation;

/* {"items":[domain]}, of as many answers as there are, up to NULL. */
void cli_show_domains(const struct model_node *const *answers, size_t count, struct text *to);

/* Of a change: {"changes":[...]} of a dry run or of a whole file, or the domain as it is now. */
cli_show_function cli_show_change;

/* Only the changes; false, and nothing is added, where there are none. */
bool cli_show_changes(
        const struct cli_show *show, const struct model_node *answer, struct text *to);
