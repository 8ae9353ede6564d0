/*
 * A line is read by the reader of documents, which JSON is one of, into a tree; then each key is
 * looked at, and none may be there that is not known: what a later version adds must not be left
 * out silently by an earlier one. The version is looked at first, so that another one is told as
 * just that.
 */
#include "link/command.h"

#include "base/limit.h"
#include "http/uri.h"
#include "model/host.h"
#include "model/node.h"

enum { VERSION = 1, SHOWN_BYTES = 80 };

static const struct str WHAT_NAMES[] = {
        [LINK_PURGE_URL] = {"url", 3},
        [LINK_PURGE_PREFIX] = {"prefix", 6},
        [LINK_PURGE_DOMAIN] = {"domain", 6},
        [LINK_PURGE_TAG] = {"tag", 3},
};
_Static_assert(ARRAY_LENGTH(WHAT_NAMES) == LINK_PURGE_WHATS, "each has a name");

static bool refuse(struct model_why *ret_why, const char *rule, const char *words)
{
	*ret_why = (struct model_why){.rule = rule, .words = words};
	return false;
}

/* Values. */

static bool is_visible(struct str text)
{
	for (size_t i = 0; i < text.len; i++) {
		if (text.at[i] <= ' ' || text.at[i] >= 0x7f)
			return false;
	}
	return true;
}

static bool read_url(struct arena *arena, struct str text, struct link_purge_item *ret_item,
        struct model_why *ret_why)
{
	struct str written, path;
	struct http_authority authority;
	if (!is_visible(text) || !http_uri_parse_absolute(text, &written, &path) ||
	        !http_uri_parse_authority(written, &authority))
		return refuse(ret_why, "value",
		        "is no URL such as http://www.example.com/a.css, with its scheme and host "
		        "and without a fragment");
	/* Where it was empty, what was parsed is no part of the text. */
	if (path.at != text.at + text.len - path.len)
		return refuse(ret_why, "value", "has no path; that of a home page is /");
	char *normal = arena_alloc(arena, LIMIT_HOST_BYTES + 1);
	*ret_item = (struct link_purge_item){
	        .is_https = str_lower(text.at[4]) == 's',
	        .host = http_uri_normal_host(authority.host, normal),
	        .target = arena_copy(arena, path),
	};
	return true;
}

static bool read_domain(
        struct arena *arena, struct str text, struct str *ret_name, struct model_why *ret_why)
{
	struct model_host host;
	if (!model_host_read_pattern(text, &host, ret_why))
		return false;
	*ret_name = arena_copy(arena, str_of(host.name));
	return true;
}

/* A tag as it can stand in the list of a header field. */
static bool read_tag(
        struct arena *arena, struct str text, struct str *ret_name, struct model_why *ret_why)
{
	if (text.len == 0 || text.len > LIMIT_TAG_BYTES) {
		*ret_why = (struct model_why){
		        "range", "has a length in bytes that is not in", "1-1024"};
		return false;
	}
	if (!is_visible(text) || str_find(text, ',') >= 0)
		return refuse(ret_why, "value",
		        "is no tag: these have neither spaces nor commas nor letters beyond ASCII");
	*ret_name = arena_copy(arena, text);
	return true;
}

static bool read_item(struct arena *arena, enum link_purge_what what, struct str text,
        struct link_purge_item *ret_item, struct model_why *ret_why)
{
	switch (what) {
	case LINK_PURGE_URL:
	case LINK_PURGE_PREFIX:
		return read_url(arena, text, ret_item, ret_why);
	case LINK_PURGE_DOMAIN:
		return read_domain(arena, text, &ret_item->name, ret_why);
	case LINK_PURGE_TAG:
		return read_tag(arena, text, &ret_item->name, ret_why);
	case LINK_PURGE_WHATS:
		break;
	}
	CHECK(what < LINK_PURGE_WHATS);
	return false;
}

struct str link_command_what_name(enum link_purge_what what)
{
	CHECK(what < LINK_PURGE_WHATS);
	return WHAT_NAMES[what];
}

bool link_command_add(
        struct link_purge *purge, struct arena *arena, struct str text, struct model_why *ret_why)
{
	struct link_purge_item item = {0};
	if (purge->count == LIMIT_PURGE_VALUES)
		return refuse(ret_why, "limit", "is one too many: 128 values are purged at a time");
	if (!read_item(arena, purge->what, text, &item, ret_why))
		return false;
	if (purge->items == NULL)
		purge->items = arena_alloc(arena, LIMIT_PURGE_VALUES * sizeof(purge->items[0]));
	purge->items[purge->count++] = item;
	return true;
}

bool link_command_set_domain(
        struct link_purge *purge, struct arena *arena, struct str text, struct model_why *ret_why)
{
	return read_domain(arena, text, &purge->domain, ret_why);
}

/* Printing. */

static void print_item(
        enum link_purge_what what, const struct link_purge_item *item, struct text *to)
{
	bool is_url = what == LINK_PURGE_URL || what == LINK_PURGE_PREFIX;
	struct text value = {0};
	if (is_url) {
		text_add(&value, item->is_https ? STR("https://") : STR("http://"));
		text_add(&value, item->host);
		text_add(&value, item->target);
	} else {
		text_add(&value, item->name);
	}
	text_add_json(to, text_str(&value));
	text_done(&value);
}

void link_command_print(const struct link_purge *purge, struct text *to)
{
	text_addf(to, "{\"v\":%d,\"do\":\"purge\",\"what\":\"%s\",\"values\":[", VERSION,
	        WHAT_NAMES[purge->what].at);
	for (unsigned i = 0; i < purge->count; i++) {
		if (i != 0)
			text_add_char(to, ',');
		print_item(purge->what, &purge->items[i], to);
	}
	text_add_char(to, ']');
	if (purge->domain.len != 0) {
		text_add(to, STR(",\"domain\":"));
		text_add_json(to, purge->domain);
	}
	text_addf(to, ",\"mode\":\"%s\"}\n", purge->is_soft ? "soft" : "hard");
}

/* Reading. */

/* As much of a peer's text as a message shows. */
static struct str shown(struct str text)
{
	return str_make(text.at, text.len < SHOWN_BYTES ? text.len : SHOWN_BYTES);
}

static bool fail(struct text *error, const char *words)
{
	text_add(error, str_of(words));
	return false;
}

static bool fail_value(struct text *error, struct str value, const struct model_why *why)
{
	text_addf(error, "\"%.*s\" %s", STR_ARG(shown(value)), why->words);
	if (why->allowed != NULL)
		text_addf(error, " %s", why->allowed);
	return false;
}

static bool is_text(const struct model_node *node)
{
	return node->kind == MODEL_NODE_SCALAR && !model_node_is_null(node);
}

static bool is_plain(const struct model_node *node, struct str text)
{
	return is_text(node) && node->is_plain && str_is_equal(node->text, text);
}

/* The text below a key; empty when there is none. */
static struct str text_at(const struct model_node *root, struct str key)
{
	const struct model_node *node = model_node_get(root, key);
	return node != NULL && is_text(node) ? node->text : STR_EMPTY;
}

static bool has_known_keys(const struct model_node *root, struct text *error)
{
	static const struct str KEYS[] = {
	        {"v", 1}, {"do", 2}, {"what", 4}, {"values", 6}, {"domain", 6}, {"mode", 4}};
	for (const struct model_node *node = root->first; node != NULL; node = node->next) {
		bool is_known = false;
		for (size_t i = 0; i < ARRAY_LENGTH(KEYS); i++)
			is_known = is_known || str_is_equal(node->key, KEYS[i]);
		if (is_known)
			continue;
		text_addf(error, "\"%.*s\" is no field of a purge", STR_ARG(shown(node->key)));
		return false;
	}
	return true;
}

static bool read_what(const struct model_node *root, struct link_purge *purge, struct text *error)
{
	struct str what = text_at(root, STR("what")), mode = text_at(root, STR("mode"));
	purge->is_soft = str_is_equal(mode, STR("soft"));
	if (!purge->is_soft && !str_is_equal(mode, STR("hard")))
		return fail(error, "mode is neither hard nor soft");
	for (size_t i = 0; i < ARRAY_LENGTH(WHAT_NAMES); i++) {
		if (!str_is_equal(WHAT_NAMES[i], what))
			continue;
		purge->what = (enum link_purge_what)i;
		return true;
	}
	return fail(error, "what is not one of url, prefix, domain, tag");
}

static bool read_values(struct arena *arena, const struct model_node *root,
        struct link_purge *purge, struct text *error)
{
	const struct model_node *list = model_node_get(root, STR("values"));
	struct model_why why;
	if (list == NULL || list->kind != MODEL_NODE_LIST || list->count == 0 ||
	        list->count > LIMIT_PURGE_VALUES)
		return fail(error, "values is no list of 1 to 128 texts");
	for (const struct model_node *node = list->first; node != NULL; node = node->next) {
		if (!is_text(node))
			return fail(error, "values is no list of 1 to 128 texts");
		if (!link_command_add(purge, arena, node->text, &why))
			return fail_value(error, node->text, &why);
	}
	return true;
}

static bool read_tags_domain(struct arena *arena, const struct model_node *root,
        struct link_purge *purge, struct text *error)
{
	const struct model_node *node = model_node_get(root, STR("domain"));
	struct model_why why;
	if (purge->what != LINK_PURGE_TAG)
		return node == NULL || fail(error, "only a purge of tags has a domain beside");
	if (node == NULL || !is_text(node))
		return fail(error, "a purge of tags has a domain");
	return link_command_set_domain(purge, arena, node->text, &why) ||
	       fail_value(error, node->text, &why);
}

static bool read_purge(struct arena *arena, const struct model_node *root, struct link_purge *purge,
        struct text *error)
{
	if (root->kind != MODEL_NODE_MAPPING)
		return fail(error, "a request is a JSON object");
	const struct model_node *version = model_node_get(root, STR("v"));
	if (version == NULL || !is_plain(version, STR("1")))
		return fail(error, "v is not 1, the version that is spoken here");
	if (!str_is_equal(text_at(root, STR("do")), STR("purge")))
		return fail(error, "do is not purge, which is all that can be done");
	return has_known_keys(root, error) && read_what(root, purge, error) &&
	       read_values(arena, root, purge, error) &&
	       read_tags_domain(arena, root, purge, error);
}

bool link_command_read_object(struct arena *arena, const struct model_node *object,
        struct link_purge *ret_purge, struct text *ret_error)
{
	struct link_purge purge = {0};
	if (!read_purge(arena, object, &purge, ret_error))
		return false;
	*ret_purge = purge;
	return true;
}

bool link_command_read(
        struct arena *arena, struct str line, struct link_purge *ret_purge, struct text *ret_error)
{
	struct model_problems problems = {0};
	struct model_node *root;
	bool is_read = false;
	if (!model_node_read(arena, line, NULL, NULL, &problems, &root))
		text_addf(ret_error, "a request is a line of JSON: %s", problems.list[0].message);
	else
		is_read = link_command_read_object(arena, root, ret_purge, ret_error);
	model_problems_done(&problems);
	return is_read;
}

/* Answers. */

void link_command_print_answer(const struct link_answer *answer, struct text *to)
{
	if (answer->error.len == 0) {
		text_addf(
		        to, "{\"ok\":true,\"purged\":%llu}\n", (unsigned long long)answer->purged);
		return;
	}
	text_add(to, STR("{\"ok\":false,\"error\":"));
	text_add_json(to, answer->error);
	text_add(to, STR("}\n"));
}

bool link_command_read_answer(struct arena *arena, struct str line, struct link_answer *ret_answer)
{
	struct model_problems problems = {0};
	struct link_answer answer = {0};
	struct model_node *root;
	bool is_read = model_node_read(arena, line, NULL, NULL, &problems, &root);
	model_problems_done(&problems);
	const struct model_node *ok = is_read ? model_node_get(root, STR("ok")) : NULL;
	if (ok == NULL)
		return false;
	if (is_plain(ok, STR("true"))) {
		is_read = str_to_u64(text_at(root, STR("purged")), &answer.purged);
	} else {
		answer.error = text_at(root, STR("error"));
		is_read = is_plain(ok, STR("false")) && answer.error.len != 0;
	}
	if (is_read)
		*ret_answer = answer;
	return is_read;
}
