/*
 * Lists share their members, so that one change of a thousand certificates costs a thousand
 * pointers, and keys lie in memory once.
 */
#include "link/certificates.h"

#include "base/arena.h"
#include "base/mem.h"
#include "model/node.h"

#include <stdatomic.h>

struct link_certificates {
	atomic_uint references;
	uint64_t revision;
	size_t count;
	struct link_certificate *members[];
};

static struct link_certificates *make_list(size_t room, uint64_t revision)
{
	struct link_certificates *list = mem_zero(sizeof(*list) + room * sizeof(list->members[0]));
	atomic_init(&list->references, 1);
	list->revision = revision;
	return list;
}

struct link_certificates *link_certificates_new(void)
{
	return make_list(0, 0);
}

struct link_certificates *link_certificates_with(const struct link_certificates *list,
        const char *name, struct link_certificate *certificate, uint64_t revision)
{
	const size_t count = list != NULL ? list->count : 0;
	struct link_certificates *after = make_list(count + 1, revision);
	bool is_in = certificate == NULL;
	for (size_t i = 0; i < count; i++) {
		struct link_certificate *member = list->members[i];
		int order = strcmp(link_certificate_name(member), name);
		if (!is_in && order >= 0) {
			after->members[after->count++] = link_certificate_ref(certificate);
			is_in = true;
		}
		if (order != 0)
			after->members[after->count++] = link_certificate_ref(member);
	}
	if (!is_in)
		after->members[after->count++] = link_certificate_ref(certificate);
	return after;
}

struct link_certificates *link_certificates_ref(struct link_certificates *list)
{
	atomic_fetch_add_explicit(&list->references, 1, memory_order_relaxed);
	return list;
}

void link_certificates_unref(struct link_certificates *list)
{
	if (list == NULL ||
	        atomic_fetch_sub_explicit(&list->references, 1, memory_order_acq_rel) != 1)
		return;
	for (size_t i = 0; i < list->count; i++)
		link_certificate_unref(list->members[i]);
	mem_free(list);
}

uint64_t link_certificates_revision(const struct link_certificates *list)
{
	return list->revision;
}

size_t link_certificates_count(const struct link_certificates *list)
{
	return list->count;
}

struct link_certificate *link_certificates_at(const struct link_certificates *list, size_t index)
{
	CHECK(index < list->count);
	return list->members[index];
}

struct link_certificate *link_certificates_get(
        const struct link_certificates *list, struct str name)
{
	for (size_t from = 0, to = list->count; from < to;) {
		size_t middle = from + (to - from) / 2;
		int order = str_compare(str_of(link_certificate_name(list->members[middle])), name);
		if (order == 0)
			return list->members[middle];
		from = order < 0 ? middle + 1 : from;
		to = order < 0 ? to : middle;
	}
	return NULL;
}

bool link_certificates_is_equal(
        const struct link_certificates *a, const struct link_certificates *b)
{
	bool is_equal = a->count == b->count;
	for (size_t i = 0; i < a->count && is_equal; i++)
		is_equal = link_certificate_is_equal(a->members[i], b->members[i]);
	return is_equal;
}

void link_certificates_print(const struct link_certificates *list, struct text *to)
{
	text_addf(to, "{\"revision\":%llu,\"names\":[", (unsigned long long)list->revision);
	for (size_t i = 0; i < list->count; i++) {
		if (i > 0)
			text_add_char(to, ',');
		text_add_json(to, str_of(link_certificate_name(list->members[i])));
	}
	text_add(to, STR("]}"));
}

void link_certificates_print_all(const struct link_certificates *list, struct text *to)
{
	struct text payload = {0};
	for (size_t i = 0; i < list->count; i++) {
		text_clear(&payload);
		link_certificate_print(list->members[i], &payload);
		link_message_print(LINK_SAYS_CERTIFICATE, text_str(&payload), to);
	}
	if (payload.len > 0)
		explicit_bzero(payload.at, payload.len);
	text_clear(&payload);
	link_certificates_print(list, &payload);
	link_message_print(LINK_SAYS_CERTIFICATES, text_str(&payload), to);
	text_done(&payload);
}

/* ---- what is heard ---- */

void link_certificates_intake_drop(struct link_certificates_intake *intake)
{
	for (size_t i = 0; i < intake->count; i++)
		link_certificate_unref(intake->heard[i]);
	mem_free(intake->heard);
	intake->heard = NULL;
	intake->count = 0;
}

void link_certificates_intake_done(struct link_certificates_intake *intake)
{
	link_certificates_intake_drop(intake);
	link_certificates_unref(intake->list);
	intake->list = NULL;
}

static bool take_one(
        struct link_certificates_intake *intake, struct arena *arena, struct str payload)
{
	struct link_message_certificate said;
	if (intake->count == LIMIT_CERTIFICATES ||
	        !link_message_read_certificate(arena, payload, &said))
		return false;
	intake->heard = mem_resize(intake->heard, (intake->count + 1) * sizeof(intake->heard[0]));
	intake->heard[intake->count++] =
	        link_certificate_new(said.name, said.revision, said.chain, said.key);
	return true;
}

/* The last one of the name that was heard, else the one from before; NULL. */
static struct link_certificate *find(const struct link_certificates_intake *intake, struct str name)
{
	for (size_t i = intake->count; i > 0; i--)
		if (str_is_equal(str_of(link_certificate_name(intake->heard[i - 1])), name))
			return intake->heard[i - 1];
	return intake->list != NULL ? link_certificates_get(intake->list, name) : NULL;
}

/* Names must be in their order, each once, and known. */
static bool take_all(
        struct link_certificates_intake *intake, struct arena *arena, struct str payload)
{
	uint64_t revision;
	const struct model_node *names;
	if (!link_message_read_certificates(arena, payload, &revision, &names))
		return false;
	struct link_certificates *list = make_list(names->count, revision);
	bool is_good = true;
	for (const struct model_node *node = names->first; node != NULL && is_good;
	        node = node->next) {
		struct link_certificate *member = find(intake, node->text);
		is_good = member != NULL &&
		          (list->count == 0 ||
		                  strcmp(link_certificate_name(list->members[list->count - 1]),
		                          link_certificate_name(member)) < 0);
		if (is_good)
			list->members[list->count++] = link_certificate_ref(member);
	}
	if (!is_good) {
		link_certificates_unref(list);
		return false;
	}
	link_certificates_unref(intake->list);
	intake->list = list;
	return true;
}

enum link_certificates_take link_certificates_intake_take(
        struct link_certificates_intake *intake, enum link_message_kind kind, struct str payload)
{
	struct arena arena;
	bool is_good;
	CHECK(kind == LINK_SAYS_CERTIFICATE || kind == LINK_SAYS_CERTIFICATES);
	arena_init(&arena, NULL, 0);
	if (kind == LINK_SAYS_CERTIFICATE)
		is_good = take_one(intake, &arena, payload);
	else
		is_good = take_all(intake, &arena, payload);
	arena_reset(&arena);
	if (!is_good || kind == LINK_SAYS_CERTIFICATES)
		link_certificates_intake_drop(intake);
	return !is_good                         ? LINK_CERTIFICATES_BAD
	       : kind == LINK_SAYS_CERTIFICATES ? LINK_CERTIFICATES_WHOLE
	                                        : LINK_CERTIFICATES_MORE;
}
