/*
 * Two domains are compared field by field of the table. Two lists are compared in the order of
 * names: the snapshot is in it already, the list is sorted, and both are walked side by side.
 */
#include "model/diff.h"

#include "base/mem.h"
#include "model/print.h"
#include "model/value.h"

#include <stdlib.h>

static bool is_revision(const struct model_field *field)
{
	return str_is_equal(field->path, STR("revision"));
}

bool model_diff_is_equal(const struct model_domain *a, const struct model_domain *b)
{
	if ((a->backup == NULL) != (b->backup == NULL))
		return false;
	const struct model_field *field;
	for (size_t i = 0; (field = model_field_at(i)) != NULL; i++) {
		if (!is_revision(field) && !model_value_is_equal(field, a, b))
			return false;
	}
	return true;
}

/* Adds one side of a line; what is not there is "none". */
static void print_side(
        const struct model_field *field, const struct model_domain *domain, struct text *to)
{
	size_t before = to->len;
	if (domain != NULL && field->type == MODEL_FIELD_SECRET) {
		const char *const *secret = model_field_member_const(field, domain);
		text_add(to,
		        secret == NULL || *secret == NULL ? STR("none") : STR(MODEL_PRINT_MASK));
	} else if (domain != NULL) {
		model_value_print(field, domain, to);
	}
	if (to->len == before)
		text_add(to, STR("none"));
}

/* Whether a field tells a difference; next to no domain, only what is not a default does. */
static bool is_different(const struct model_field *field, const struct model_domain *before,
        const struct model_domain *after)
{
	if (is_revision(field))
		return false;
	if (before == NULL || after == NULL)
		return !model_value_is_default(field, before == NULL ? after : before);
	if (model_value_is_equal(field, before, after))
		return false;
	bool has_both = model_field_member_const(field, before) != NULL &&
	                model_field_member_const(field, after) != NULL;
	return has_both || !model_value_is_default(field, before) ||
	       !model_value_is_default(field, after);
}

void model_diff_print(
        const struct model_domain *before, const struct model_domain *after, struct text *to)
{
	const struct model_field *field;
	if (before == NULL && after == NULL)
		return;
	for (size_t i = 0; (field = model_field_at(i)) != NULL; i++) {
		if (!is_different(field, before, after))
			continue;
		text_addf(to, "%.*s: ", STR_ARG(field->path));
		print_side(field, before, to);
		text_add(to, STR(" -> "));
		print_side(field, after, to);
		text_add_char(to, '\n');
	}
}

static int compare_names(const void *a, const void *b)
{
	const struct model_domain *const *first = a, *const *second = b;
	return strcmp((*first)->name, (*second)->name);
}

static void add_change(
        struct model_diff *diff, const char *name, struct model_domain *domain, size_t *counter)
{
	diff->changes[diff->count++] = (struct model_change){.name = name, .domain = domain};
	++*counter;
}

void model_diff_from(const struct model_snapshot *old, struct model_domain *const *list,
        size_t count, struct model_diff *ret_diff)
{
	size_t old_count = model_snapshot_count(old);
	struct model_domain **sorted = mem_alloc(count * sizeof(struct model_domain *) + 1);
	for (size_t i = 0; i < count; i++)
		sorted[i] = list[i];
	qsort(sorted, count, sizeof(struct model_domain *), compare_names);

	struct model_diff diff = {0};
	diff.changes = mem_alloc((count + old_count) * sizeof(diff.changes[0]) + 1);
	for (size_t i = 0, j = 0; i < count || j < old_count;) {
		struct model_domain *after = i < count ? sorted[i] : NULL;
		struct model_domain *before = j < old_count ? model_snapshot_at(old, j) : NULL;
		int order = after == NULL    ? 1
		            : before == NULL ? -1
		                             : strcmp(after->name, before->name);
		if (order < 0)
			add_change(&diff, after->name, after, &diff.added);
		else if (order > 0)
			add_change(&diff, before->name, NULL, &diff.removed);
		else if (!model_diff_is_equal(before, after))
			add_change(&diff, after->name, after, &diff.changed);
		i += order <= 0;
		j += order >= 0;
	}
	mem_free(sorted);
	*ret_diff = diff;
}

void model_diff_done(struct model_diff *diff)
{
	mem_free(diff->changes);
	*diff = (struct model_diff){0};
}
