/*
 * What edges are told (link/certificates.h) and what people are told lie side by side, in the order
 * of names, under one lock.
 */
#include "control/certificates.h"

#include "base/mem.h"
#include "model/json.h"

#include <pthread.h>

struct member {
	struct link_certificate *certificate; /* borrowed of the list */
	char *about;
	uint64_t not_after_ms;
};

struct control_certificates {
	struct control_certificates_sink *sink;
	pthread_mutex_t lock;
	struct link_certificates *list;
	struct member *members; /* in the order of the list */
	size_t count;
};

struct control_certificates *control_certificates_new(void)
{
	struct control_certificates *certificates = mem_new(struct control_certificates);
	CHECK(pthread_mutex_init(&certificates->lock, NULL) == 0);
	certificates->list = link_certificates_new();
	return certificates;
}

void control_certificates_listen(
        struct control_certificates *certificates, struct control_certificates_sink *sink)
{
	certificates->sink = sink;
}

static void lock(struct control_certificates *certificates)
{
	CHECK(pthread_mutex_lock(&certificates->lock) == 0);
}

static void unlock(struct control_certificates *certificates)
{
	pthread_mutex_unlock(&certificates->lock);
}

static void drop(struct control_certificates *certificates)
{
	for (size_t i = 0; i < certificates->count; i++)
		mem_free(certificates->members[i].about);
	mem_free(certificates->members);
	link_certificates_unref(certificates->list);
	certificates->members = NULL;
	certificates->count = 0;
	certificates->list = NULL;
}

void control_certificates_free(struct control_certificates *certificates)
{
	if (certificates == NULL)
		return;
	drop(certificates);
	pthread_mutex_destroy(&certificates->lock);
	mem_free(certificates);
}

bool control_certificates_is_name(struct str name)
{
	bool is_name = name.len > 0 && name.len <= LIMIT_CERTIFICATE_NAME_BYTES;
	for (size_t i = 0; i < name.len && is_name; i++) {
		char byte = name.at[i];
		bool is_alnum = (byte >= 'a' && byte <= 'z') || (byte >= '0' && byte <= '9');
		is_name = is_alnum || (i > 0 && (byte == '-' || byte == '_' || byte == '.'));
	}
	return is_name;
}

/* ---- what is told ---- */

void control_certificates_describe(const struct tls_certificate *certificate, struct text *to)
{
	struct str rest = text_str(&certificate->names);
	text_add(to, STR("{\"names\":["));
	for (unsigned i = 0; rest.len > 0; i++) {
		struct str name = str_trim(str_cut(&rest, ','));
		if (i > 0)
			text_add_char(to, ',');
		text_add_json(to, name);
	}
	text_addf(to, "],\"kind\":\"%s\",\"issuer\":", certificate->kind);
	text_add_json(to, text_str(&certificate->issuer));
	text_addf(to, ",\"not_before_ms\":%lld,\"not_after_ms\":%lld,\"fingerprint\":\"%s\"}",
	        (long long)certificate->not_before_s * 1000,
	        (long long)certificate->not_after_s * 1000, certificate->fingerprint);
}

/* The members of the object; NULL: it is none. */
static const struct model_node *read_about(struct arena *arena, struct str about)
{
	struct model_problems problems = {0};
	struct model_node *root = NULL;
	bool is_read = about.len > 0 && model_json_read(arena, about, &problems, &root) &&
	               root->kind == MODEL_NODE_MAPPING;
	model_problems_done(&problems);
	return is_read ? root : NULL;
}

/* A field as a line of a diff has it. */
static void add_side(const struct model_node *root, const char *field, struct text *to)
{
	const struct model_node *node = root != NULL ? model_node_get(root, str_of(field)) : NULL;
	if (node == NULL)
		text_add(to, STR("none"));
	else if (node->kind == MODEL_NODE_SCALAR)
		text_add(to, node->text);
	for (const struct model_node *item = node != NULL ? node->first : NULL; item != NULL;
	        item = item->next) {
		text_add(to, item->text);
		if (item->next != NULL)
			text_add(to, STR(", "));
	}
}

void control_certificates_print_diff(struct str before, struct str after, struct text *to)
{
	static const char *const FIELDS[] = {
	        "names", "kind", "issuer", "not_before_ms", "not_after_ms", "fingerprint"};
	struct arena arena;
	struct text was = {0}, is = {0}, line = {0};
	unsigned count = 0;
	arena_init(&arena, NULL, 0);
	const struct model_node *first = read_about(&arena, before);
	const struct model_node *second = read_about(&arena, after);
	text_add_char(to, '[');
	for (unsigned i = 0; i < ARRAY_LENGTH(FIELDS); i++) {
		text_clear(&was);
		text_clear(&is);
		text_clear(&line);
		add_side(first, FIELDS[i], &was);
		add_side(second, FIELDS[i], &is);
		if (str_is_equal(text_str(&was), text_str(&is)))
			continue;
		text_addf(&line, "%s: %s -> %s", FIELDS[i], text_c(&was), text_c(&is));
		if (count++ > 0)
			text_add_char(to, ',');
		text_add_json(to, text_str(&line));
	}
	text_add_char(to, ']');
	text_done(&was);
	text_done(&is);
	text_done(&line);
	arena_reset(&arena);
}

static void tell(const struct member *member, struct control_certificate_sink *sink)
{
	const struct control_certificate certificate = {
	        .name = link_certificate_name(member->certificate),
	        .revision = link_certificate_revision(member->certificate),
	        .chain = link_certificate_chain(member->certificate),
	        .about = str_of(member->about),
	        .not_after_ms = member->not_after_ms,
	};
	sink->on_certificate(sink, &certificate);
}

uint64_t control_certificates_each(
        struct control_certificates *certificates, struct control_certificate_sink *sink)
{
	lock(certificates);
	for (size_t i = 0; i < certificates->count; i++)
		tell(&certificates->members[i], sink);
	uint64_t revision = link_certificates_revision(certificates->list);
	unlock(certificates);
	return revision;
}

bool control_certificates_find(struct control_certificates *certificates, struct str name,
        struct control_certificate_sink *sink)
{
	lock(certificates);
	struct link_certificate *found = link_certificates_get(certificates->list, name);
	for (size_t i = 0; i < certificates->count && found != NULL; i++)
		if (certificates->members[i].certificate == found)
			tell(&certificates->members[i], sink);
	unlock(certificates);
	return found != NULL;
}

size_t control_certificates_count(struct control_certificates *certificates)
{
	lock(certificates);
	size_t count = certificates->count;
	unlock(certificates);
	return count;
}

/* ---- changes ---- */

/* What the object says; 0 where it does not. */
static uint64_t find_not_after(struct str about)
{
	struct arena arena;
	uint64_t number = 0;
	arena_init(&arena, NULL, 0);
	const struct model_node *root = read_about(&arena, about);
	const struct model_node *node =
	        root != NULL ? model_node_get(root, STR("not_after_ms")) : NULL;
	if (node == NULL || node->kind != MODEL_NODE_SCALAR || !str_to_u64(node->text, &number))
		number = 0;
	arena_reset(&arena);
	return number;
}

/* Makes it so here: `change` at NULL takes the name away. */
static void put(struct control_certificates *certificates, const struct store_certificate *change,
        uint64_t revision)
{
	const bool is_gone = change->chain.at == NULL;
	struct link_certificate *made =
	        is_gone ? NULL
	                : link_certificate_new(str_of(change->name), change->revision,
	                          change->chain, change->key);
	struct link_certificates *after =
	        link_certificates_with(certificates->list, change->name, made, revision);
	struct member *members =
	        mem_zero((link_certificates_count(after) + 1) * sizeof(members[0]));
	size_t count = 0;
	/* What stays has what was said of it. */
	for (size_t i = 0; i < certificates->count; i++) {
		struct member *member = &certificates->members[i];
		int order = strcmp(link_certificate_name(member->certificate), change->name);
		if (!is_gone && order >= 0 && made != NULL) {
			members[count++] =
			        (struct member){made, mem_copy(change->about.at, change->about.len),
			                find_not_after(change->about)};
			link_certificate_unref(made);
			made = NULL;
		}
		if (order != 0)
			members[count++] = *member;
		else
			mem_free(member->about);
	}
	if (made != NULL)
		members[count++] =
		        (struct member){made, mem_copy(change->about.at, change->about.len),
		                find_not_after(change->about)};
	link_certificate_unref(made);
	CHECK(count == link_certificates_count(after));
	link_certificates_unref(certificates->list);
	mem_free(certificates->members);
	certificates->list = after;
	certificates->members = members;
	certificates->count = count;
}

static void tell_list(struct control_certificates *certificates)
{
	if (certificates->sink != NULL)
		certificates->sink->on_list(certificates->sink, certificates->list);
}

enum store_failure control_certificates_commit(struct control_certificates *certificates,
        struct store *store, const char *name, const struct tls_certificate *certificate,
        uint64_t expected, const struct store_note *note, uint64_t *ret_revision)
{
	struct text about = {0};
	struct store_certificate change = {.name = name};
	if (certificate != NULL) {
		control_certificates_describe(certificate, &about);
		change.chain = text_str(&certificate->chain);
		change.key = text_str(&certificate->key);
		change.about = text_str(&about);
	}
	enum store_failure failure =
	        store_certificates_commit(store, &change, expected, note, ret_revision);
	if (failure == STORE_DONE) {
		change.revision = *ret_revision;
		lock(certificates);
		put(certificates, &change, *ret_revision);
		unlock(certificates);
		/* Nobody else changes the list meanwhile. */
		tell_list(certificates);
	}
	text_done(&about);
	return failure;
}

/* ---- the start ---- */

struct reading {
	struct store_certificate_sink sink;
	struct control_certificates *to;
};

static void on_certificate(
        struct store_certificate_sink *sink, const struct store_certificate *certificate)
{
	struct control_certificates *to = container_of(sink, struct reading, sink)->to;
	put(to, certificate, certificate->revision);
}

enum store_failure control_certificates_read(
        struct control_certificates *certificates, struct store *store)
{
	struct reading reading = {.sink = {.on_certificate = on_certificate}, .to = certificates};
	uint64_t revision = 0;
	enum store_failure failure = store_certificates_read(store, &reading.sink, &revision);
	if (failure == STORE_DONE) {
		struct link_certificates *before = certificates->list;
		/* That of the last change, which may have taken one away. */
		certificates->list = link_certificates_with(before, "", NULL, revision);
		link_certificates_unref(before);
	}
	return failure;
}

void control_certificates_take(
        struct control_certificates *certificates, struct control_certificates *from)
{
	lock(certificates);
	drop(certificates);
	certificates->list = from->list;
	certificates->members = from->members;
	certificates->count = from->count;
	from->list = link_certificates_new();
	from->members = NULL;
	from->count = 0;
	unlock(certificates);
	tell_list(certificates);
}
