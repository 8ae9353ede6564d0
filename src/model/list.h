/*
 * Fields that are lists of texts: freshness by status (TTLS, "404:10s") and names of query
 * parameters (PARAMETERS), protocols to change to (PROTOCOLS), rules for header fields (HEADERS).
 * The array of a list belongs to its domain. Pure.
 */
#pragma once

#include "model/field.h"
#include "model/problem.h"

/* Empties a list and gives it room for `count` items; false when it may not have so many. */
MUST_CHECK bool model_list_start(const struct model_field *field, struct model_domain *domain,
        size_t count, struct model_why *ret_why);

/* Reads one item more into a list, which was started with room for it; false adds none. */
MUST_CHECK bool model_list_add(const struct model_field *field, struct model_domain *domain,
        struct str text, struct model_why *ret_why);

/* Reads a list in one text, with commas; an item with commas stands in double quotes. Empty is the
 * empty list. On false it is as before. */
MUST_CHECK bool model_list_read(const struct model_field *field, struct model_domain *domain,
        struct str text, struct model_why *ret_why);

/* How many items the list `member` has, and one of them. */
size_t model_list_count(const struct model_field *field, const void *member);
void model_list_print_item(
        const struct model_field *field, const void *member, size_t index, struct text *to);

/* Adds the items of the list `member` with commas, as model_list_read reads them. */
void model_list_print(const struct model_field *field, const void *member, struct text *to);

/* Whether two members have the same items in the same order. */
bool model_list_is_equal(const struct model_field *field, const void *a, const void *b);
