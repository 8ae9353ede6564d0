/*
 * The head is written afresh and parsed again: what is stored is right by construction, and its
 * fields' offsets are those of the bytes that are stored.
 */
#include "edge/loaded.h"

#include "base/mem.h"
#include "cache/policy.h"
#include "cache/purge.h"
#include "http/write.h"

enum {
	HEAD_ROOM = 128,    /* status line, Date, the end */
	FIRST_BYTES = 1536, /* an ordinary head needs no second block */
};

struct room {
	struct edge_loaded loaded;
	_Alignas(ARENA_ALIGN) char first[FIRST_BYTES];
};

static void on_free(struct edge_flight_answer *answer)
{
	edge_loaded_free(container_of(answer, struct edge_loaded, answer));
}

static bool make_head(struct edge_loaded *loaded, const struct edge_loaded_options *options)
{
	static const struct http_head_limits LIMITS = {
	        .head_bytes = LIMIT_HEAD_BYTES, .fields = LIMIT_HEAD_FIELDS};
	const struct http_head *head = options->head;
	struct arena *arena = &loaded->arena;
	uint64_t drop[HTTP_MARK_WORDS];
	cache_policy_mark(head, drop);
	size_t room = HEAD_ROOM + head->len + head->count + options->date.len;
	struct http_writer writer;
	http_writer_init(&writer, arena_alloc(arena, room), room);
	/* Of a piece, what is remembered is the whole. */
	if (head->status == 206)
		http_write_status_line(&writer, 200, STR_EMPTY);
	else
		http_write_status_line(&writer, head->status, http_head_reason(head));
	for (unsigned i = 0; i < head->count; i++)
		if (!(drop[i / 64] >> (i % 64) & 1))
			http_write_field(&writer, http_head_name(head, &head->fields[i]),
			        http_head_value(head, &head->fields[i]));
	if (!http_head_has(head, HTTP_NAME_DATE))
		http_write_known_field(&writer, HTTP_NAME_DATE, options->date);
	http_write_end_of_head(&writer);
	CHECK(!writer.full);

	struct http_field fields[LIMIT_HEAD_FIELDS];
	struct http_head made = {.fields = fields, .capacity = LIMIT_HEAD_FIELDS};
	size_t scanned = 0;
	enum fault fault;
	if (http_head_parse_response(http_writer_str(&writer), &scanned, &LIMITS, &made, &fault) !=
	        HTTP_PARSE_DONE)
		return false; /* with our Date it is larger than a head may be */
	made.fields = arena_alloc(arena, made.count * sizeof(struct http_field));
	memcpy(made.fields, fields, made.count * sizeof(struct http_field));
	made.capacity = made.count;
	made.minor = head->minor; /* for Via */
	loaded->head = made;
	loaded->etag = http_head_get(&loaded->head, HTTP_NAME_ETAG);
	return true;
}

/* Whether a response has a content coding that not everybody takes. */
static bool is_coded(const struct http_head *head)
{
	struct str coding = http_head_get(head, HTTP_NAME_CONTENT_ENCODING);
	return coding.len > 0 && !str_is_equal_nocase(coding, STR("identity"));
}

/* The fields that the URL's responses vary on, with those of this one. What is coded was chosen by
 * Accept-Encoding, whether its Vary says so or not: many servers have that off. */
static bool make_vary(struct edge_loaded *loaded, const struct edge_loaded_options *options)
{
	struct cache_vary vary = {.count = 0};
	if (options->vary != NULL)
		vary = *options->vary;
	if (cache_vary_add(&vary, &loaded->head) != CACHE_VARY_DONE ||
	        (is_coded(&loaded->head) &&
	                !cache_vary_add_name(&vary, http_name_text(HTTP_NAME_ACCEPT_ENCODING))))
		return false;
	for (unsigned i = 0; i < vary.count; i++)
		vary.names[i] = arena_copy(&loaded->arena, vary.names[i]);
	loaded->vary = vary;
	if (vary.count == 0)
		return true;
	char text[LIMIT_VARIANT_BYTES];
	struct str variant;
	if (cache_vary_write(&vary, &options->asked, text, &variant) != CACHE_VARY_DONE)
		return false;
	loaded->variant = arena_copy(&loaded->arena, variant);
	return true;
}

enum edge_loaded_result edge_loaded_make(
        const struct edge_loaded_options *options, struct edge_loaded **ret_loaded)
{
	struct room *room = mem_alloc(sizeof(*room));
	struct edge_loaded *loaded = &room->loaded;
	*loaded = (struct edge_loaded){.answer = {.on_free = on_free}, .length = UINT64_MAX};
	arena_init(&loaded->arena, room->first, sizeof(room->first));
	if (!make_head(loaded, options) || !make_vary(loaded, options)) {
		edge_loaded_free(loaded);
		return EDGE_LOADED_NOT_ONE;
	}
	loaded->own = edge_loaded_own(options->head, &loaded->arena);
	*ret_loaded = loaded;
	return EDGE_LOADED_DONE;
}

void edge_loaded_free(struct edge_loaded *loaded)
{
	if (loaded == NULL)
		return;
	arena_reset(&loaded->arena);
	mem_free(container_of(loaded, struct room, loaded));
}

struct str edge_loaded_own(const struct http_head *head, struct arena *arena)
{
	uint64_t own[HTTP_MARK_WORDS];
	if (!cache_policy_mark_own(head, own))
		return STR_EMPTY;
	size_t room = head->len + head->count;
	struct http_writer writer;
	http_writer_init(&writer, arena_alloc(arena, room), room);
	for (unsigned i = 0; i < head->count; i++)
		if (http_mark_has(own, i))
			http_write_field(&writer, http_head_name(head, &head->fields[i]),
			        http_head_value(head, &head->fields[i]));
	CHECK(!writer.full);
	return http_writer_str(&writer);
}

bool edge_loaded_is_for(const struct edge_loaded *loaded, struct cache_store *store,
        const struct cache_key *key, const struct model_domain *domain,
        const struct cache_vary_asked *asked)
{
	uint64_t domain_hash = cache_key_domain(store, str_of(domain->name));
	if (cache_purge_since(store, key, domain_hash, loaded->tags, loaded->tag_count,
	            loaded->sequence) != CACHE_PURGED_NOT)
		return false;
	/* What is not stored was for those alone who asked as the first did. */
	if (!loaded->is_stored && http_head_has(asked->head, HTTP_NAME_AUTHORIZATION))
		return false;
	if (loaded->vary.count == 0)
		return true;
	char text[LIMIT_VARIANT_BYTES];
	struct str variant;
	return cache_vary_write(&loaded->vary, asked, text, &variant) == CACHE_VARY_DONE &&
	       str_is_equal(variant, loaded->variant);
}

/* Adds the tags of one field's value; false when there are too many. */
static bool add_tags(struct edge_loaded *loaded, struct str value, const char *separators,
        const struct cache_store *store, uint64_t domain)
{
	while (value.len > 0) {
		size_t length = 0;
		while (length < value.len && strchr(separators, value.at[length]) == NULL)
			length++;
		struct str tag = str_trim(str_make(value.at, length));
		size_t past = length < value.len ? length + 1 : length;
		value = str_make(value.at + past, value.len - past);
		if (tag.len == 0)
			continue;
		if (loaded->tag_count == LIMIT_CACHE_TAGS)
			return false;
		if (loaded->tags == NULL)
			loaded->tags = arena_alloc(
			        &loaded->arena, LIMIT_CACHE_TAGS * sizeof(loaded->tags[0]));
		loaded->tags[loaded->tag_count++] = cache_key_tag(store, domain, tag);
	}
	return true;
}

bool edge_loaded_add_tags(
        struct edge_loaded *loaded, const struct cache_store *store, uint64_t domain)
{
	const struct http_head *head = &loaded->head;
	const uint64_t names =
	        (uint64_t)1 << HTTP_NAME_CACHE_TAG | (uint64_t)1 << HTTP_NAME_SURROGATE_KEY;
	if ((head->present & names) == 0)
		return true;
	for (unsigned i = 0; i < head->count; i++) {
		const struct http_field *field = &head->fields[i];
		struct str value = http_head_value(head, field);
		if (field->id == HTTP_NAME_CACHE_TAG &&
		        !add_tags(loaded, value, ",", store, domain))
			return false;
		if (field->id == HTTP_NAME_SURROGATE_KEY &&
		        !add_tags(loaded, value, " \t", store, domain))
			return false;
	}
	return true;
}

struct str edge_loaded_lines(const struct http_head *head)
{
	if (head->count == 0)
		return STR_EMPTY;
	uint32_t from = head->fields[0].name_at;
	return str_make(head->base + from, head->len - from - 2);
}

struct str edge_loaded_print_vary(const struct cache_vary *vary, struct arena *arena)
{
	size_t room = 0;
	for (unsigned i = 0; i < vary->count; i++)
		room += vary->names[i].len + 1;
	char *text = arena_alloc(arena, room), *at = text;
	for (unsigned i = 0; i < vary->count; i++) {
		for (size_t k = 0; k < vary->names[i].len; k++)
			*at++ = str_lower(vary->names[i].at[k]);
		*at++ = ',';
	}
	return str_make(text, room);
}

void edge_loaded_read_vary(struct str text, struct cache_vary *ret_vary)
{
	*ret_vary = (struct cache_vary){.count = 0};
	while (text.len > 0)
		if (!cache_vary_add_name(ret_vary, str_cut(&text, ',')))
			break;
}
