/*
 * The values of fields (model/field.h) as text: one reader and one printer for each type, for
 * documents, flags, API and differences alike. What is printed reads back to an equal value. Pure.
 */
#pragma once

#include "model/field.h"
#include "model/problem.h"

/*
 * Reads the text of a field into the domain; memory comes from the domain. A list may be written in
 * one text, with commas. An empty text is an absent string, or an empty list. A field of the backup
 * needs domain->backup. On false the member is as before.
 */
MUST_CHECK bool model_value_read(const struct model_field *field, struct model_domain *domain,
        struct str text, struct model_why *ret_why);

/* Adds the value's text; nothing for what is absent. Secrets are not masked. */
void model_value_print(
        const struct model_field *field, const struct model_domain *domain, struct text *to);

/* "203.0.113.7:8080:2", as model_read_address reads it. */
void model_value_print_address(const struct model_address *address, struct text *to);

/* "10s", or "1500ms". */
void model_value_print_duration(uint64_t ms, struct text *to);

/* Whether the field is the same in both; where neither has a backup, its fields are. */
bool model_value_is_equal(const struct model_field *field, const struct model_domain *a,
        const struct model_domain *b);

/* Whether the value has its default. A backup that is not there has defaults. */
bool model_value_is_default(const struct model_field *field, const struct model_domain *domain);

/* Whether a number, a length or a count is in the field's range; true for what has none, and for
 * what is absent. */
bool model_value_is_in_range(const struct model_field *field, const struct model_domain *domain);

/* Reads a text in the unit of the field's documents into the unit of its member; no range is looked
 * at. For lengths and counts it is a number. */
MUST_CHECK bool model_value_to_number(
        const struct model_field *field, struct str text, uint64_t *ret_number);

/* Adds "400-599,!412,416" to a set, item by item; "none" is nothing. */
MUST_CHECK bool model_value_add_statuses(
        struct model_statuses *statuses, struct str text, struct model_why *ret_why);
