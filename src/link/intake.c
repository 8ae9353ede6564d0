/*
 * A whole list is compared with the snapshot as a domains file is (model/diff.h), so that what did
 * not change stays the same domain, with its pools and its health.
 */
#include "link/intake.h"

#include "base/arena.h"
#include "base/mem.h"
#include "model/diff.h"
#include "model/json.h"
#include "model/read.h"

#include <stdlib.h>

enum { NAME_BYTES_MAX = LIMIT_HOST_BYTES + 2 /* "*." */ };

struct link_intake {
	struct model_snapshot *snapshot;
	/* gathered; names are ours */
	struct model_change *gathered;
	size_t count, cap;
	bool is_whole; /* all that there is, since a BEGIN */
	/* of the last COMMIT */
	struct model_change *changes;
	size_t change_count;
};

struct link_intake *link_intake_new(void)
{
	struct link_intake *intake = mem_new(struct link_intake);
	intake->snapshot = model_snapshot_new();
	return intake;
}

void link_intake_drop(struct link_intake *intake)
{
	for (size_t i = 0; i < intake->count; i++) {
		mem_free((void *)(uintptr_t)intake->gathered[i].name);
		model_domain_unref(intake->gathered[i].domain);
	}
	intake->count = 0;
	intake->is_whole = false;
}

static void forget_changes(struct link_intake *intake)
{
	for (size_t i = 0; i < intake->change_count; i++) {
		mem_free((void *)(uintptr_t)intake->changes[i].name);
		model_domain_unref(intake->changes[i].domain);
	}
	mem_free(intake->changes);
	intake->changes = NULL;
	intake->change_count = 0;
}

void link_intake_free(struct link_intake *intake)
{
	if (intake == NULL)
		return;
	link_intake_drop(intake);
	forget_changes(intake);
	mem_free(intake->gathered);
	model_snapshot_unref(intake->snapshot);
	mem_free(intake);
}

/* Gathers one more; takes the reference. */
static void gather(struct link_intake *intake, struct str name, struct model_domain *domain)
{
	if (intake->count == intake->cap) {
		intake->cap = intake->cap == 0 ? 16 : intake->cap * 2;
		intake->gathered =
		        mem_resize(intake->gathered, intake->cap * sizeof(intake->gathered[0]));
	}
	intake->gathered[intake->count++] =
	        (struct model_change){.name = mem_copy(name.at, name.len), .domain = domain};
}

static bool take_domain(
        struct link_intake *intake, struct arena *arena, struct str payload, struct text *ret_error)
{
	struct model_problems problems = {0};
	struct model_node *root;
	struct model_domain *domain;
	bool is_read = model_json_read(arena, payload, &problems, &root) &&
	               model_read_domain(root, NULL, MODEL_STORED, &problems, &domain);
	if (is_read)
		gather(intake, str_of(domain->name), domain);
	else
		text_addf(ret_error, "a domain cannot be read: %s%s%s", problems.list[0].field,
		        problems.list[0].field[0] != '\0' ? " " : "", problems.list[0].message);
	model_problems_done(&problems);
	return is_read;
}

static bool take_gone(
        struct link_intake *intake, struct arena *arena, struct str payload, struct text *ret_error)
{
	struct str name;
	if (!link_message_read_name(arena, payload, &name) || name.len > NAME_BYTES_MAX) {
		text_add(ret_error, STR("what is gone has no name of a domain"));
		return false;
	}
	gather(intake, name, NULL);
	return true;
}

static int compare_names(const void *a, const void *b)
{
	const struct model_change *first = a, *second = b;
	return strcmp(first->name, second->name);
}

/* Sorts what was gathered, and drops that a name went where that was said before; false when
 * anything else is said of a name twice. */
static bool make_names_single(struct link_intake *intake, struct text *ret_error)
{
	struct model_change *list = intake->gathered;
	size_t kept = 0;
	if (intake->count > 1)
		qsort(list, intake->count, sizeof(list[0]), compare_names);
	for (size_t i = 0; i < intake->count; i++) {
		bool is_again = kept > 0 && strcmp(list[kept - 1].name, list[i].name) == 0;
		if (is_again && (list[kept - 1].domain != NULL || list[i].domain != NULL)) {
			text_addf(ret_error, "a revision has %s twice", list[i].name);
			/* What was moved must not be freed twice. */
			memmove(list + kept, list + i, (intake->count - i) * sizeof(list[0]));
			intake->count -= i - kept;
			return false;
		}
		if (is_again)
			mem_free((void *)(uintptr_t)list[i].name);
		else
			list[kept++] = list[i];
	}
	intake->count = kept;
	return true;
}

static void add_change(struct link_intake *intake, const char *name, struct model_domain *domain)
{
	intake->changes[intake->change_count++] = (struct model_change){
	        .name = mem_copy(name, strlen(name)),
	        .domain = domain != NULL ? model_domain_ref(domain) : NULL,
	};
}

/* What differs from the snapshot in all that there is. */
static void change_to_whole(struct link_intake *intake)
{
	struct model_domain **list = mem_alloc(intake->count * sizeof(struct model_domain *) + 1);
	size_t count = 0;
	for (size_t i = 0; i < intake->count; i++)
		if (intake->gathered[i].domain != NULL)
			list[count++] = intake->gathered[i].domain;
	struct model_diff diff;
	model_diff_from(intake->snapshot, list, count, &diff);
	intake->changes = mem_alloc(diff.count * sizeof(intake->changes[0]) + 1);
	for (size_t i = 0; i < diff.count; i++)
		add_change(intake, diff.changes[i].name, diff.changes[i].domain);
	model_diff_done(&diff);
	mem_free(list);
}

/* What was gathered, but for what changes nothing. */
static void change_by_gathered(struct link_intake *intake)
{
	intake->changes = mem_alloc(intake->count * sizeof(intake->changes[0]) + 1);
	for (size_t i = 0; i < intake->count; i++) {
		struct model_domain *after = intake->gathered[i].domain;
		struct model_domain *before =
		        model_snapshot_get(intake->snapshot, str_of(intake->gathered[i].name));
		bool is_same = before == NULL || after == NULL ? before == after
		                                               : model_diff_is_equal(before, after);
		if (!is_same)
			add_change(intake, intake->gathered[i].name, after);
	}
}

static bool take_commit(
        struct link_intake *intake, struct arena *arena, struct str payload, struct text *ret_error)
{
	uint64_t revision;
	if (!link_message_read_number(arena, payload, "revision", &revision, NULL)) {
		text_add(ret_error, STR("a commit has no revision"));
		return false;
	}
	if (!make_names_single(intake, ret_error))
		return false;
	if (intake->is_whole)
		change_to_whole(intake);
	else
		change_by_gathered(intake);
	struct model_snapshot *old = intake->snapshot;
	intake->snapshot =
	        model_snapshot_with(old, intake->changes, intake->change_count, revision);
	model_snapshot_unref(old);
	link_intake_drop(intake);
	return true;
}

enum link_intake_take link_intake_take(struct link_intake *intake, enum link_message_kind kind,
        struct str payload, struct text *ret_error)
{
	struct arena arena;
	bool is_good = true;
	if (intake->count == LIMIT_LINK_DOMAINS && kind != LINK_SAYS_COMMIT) {
		text_addf(ret_error, "a revision has more than %d domains", LIMIT_LINK_DOMAINS);
		link_intake_drop(intake);
		return LINK_INTAKE_BAD;
	}
	arena_init(&arena, NULL, 0);
	forget_changes(intake);
	switch (kind) {
	case LINK_SAYS_BEGIN:
		link_intake_drop(intake);
		intake->is_whole = true;
		break;
	case LINK_SAYS_DOMAIN:
		is_good = take_domain(intake, &arena, payload, ret_error);
		break;
	case LINK_SAYS_GONE:
		is_good = take_gone(intake, &arena, payload, ret_error);
		break;
	case LINK_SAYS_COMMIT:
		is_good = take_commit(intake, &arena, payload, ret_error);
		break;
	case LINK_SAYS_HELLO:
	case LINK_SAYS_APPLIED:
	case LINK_SAYS_REFUSED:
	case LINK_SAYS_PING:
	case LINK_SAYS_PURGE:
	case LINK_SAYS_PURGED:
	case LINK_SAYS_SUBSCRIBE:
	case LINK_SAYS_ASK:
	case LINK_SAYS_ANSWER:
	case LINK_SAYS_HEALTH:
	case LINK_SAYS_COUNTERS:
	case LINK_SAYS_LOG:
	case LINK_SAYS_CERTIFICATE:
	case LINK_SAYS_CERTIFICATES:
	case LINK_SAYS_SHOWN:
		text_addf(ret_error, "%s says nothing of domains", link_message_name(kind));
		is_good = false;
		break;
	}
	arena_reset(&arena);
	if (!is_good)
		link_intake_drop(intake);
	return !is_good                   ? LINK_INTAKE_BAD
	       : kind == LINK_SAYS_COMMIT ? LINK_INTAKE_COMMIT
	                                  : LINK_INTAKE_MORE;
}

const struct model_change *link_intake_changes(const struct link_intake *intake, size_t *ret_count)
{
	*ret_count = intake->change_count;
	return intake->changes;
}

const struct model_snapshot *link_intake_snapshot(const struct link_intake *intake)
{
	return intake->snapshot;
}
