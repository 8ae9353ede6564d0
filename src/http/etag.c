/*
 * Lists are walked by this file's own reader: in an entity tag a backslash quotes nothing, so the
 * list reader of heads would take "a\" for an unfinished string.
 */
#include "http/etag.h"

#include "http/scan_private.h"

/* Whether these bytes may stand between the quotes of a tag: what is visible, and obs-text. */
static bool is_opaque(struct str text)
{
	for (size_t at = 0;; at++) {
		at += http_scan_visible(str_make(text.at + at, text.len - at));
		if (at == text.len)
			return true;
		if ((unsigned char)text.at[at] < 0x80)
			return false;
	}
}

/* Takes the entity tag at the front off *rest. */
static bool read_tag(struct str *rest, struct http_etag *ret_etag)
{
	struct str left = *rest;
	bool is_weak = str_has_prefix(left, STR("W/"));
	if (is_weak)
		left = str_make(left.at + 2, left.len - 2);
	if (left.len < 2 || left.at[0] != '"')
		return false;
	const char *quote = memchr(left.at + 1, '"', left.len - 1);
	if (quote == NULL || !is_opaque(str_make(left.at + 1, (size_t)(quote - left.at) - 1)))
		return false;
	size_t end = (size_t)(quote - left.at);
	ret_etag->opaque = str_make(left.at, end + 1);
	ret_etag->is_weak = is_weak;
	*rest = str_make(left.at + end + 1, left.len - end - 1);
	return true;
}

bool http_etag_parse(struct str text, struct http_etag *ret_etag)
{
	struct http_etag etag;
	if (!read_tag(&text, &etag) || text.len > 0)
		return false;
	*ret_etag = etag;
	return true;
}

bool http_etag_is_strong_match(const struct http_etag *a, const struct http_etag *b)
{
	return !a->is_weak && !b->is_weak && str_is_equal(a->opaque, b->opaque);
}

bool http_etag_is_weak_match(const struct http_etag *a, const struct http_etag *b)
{
	return str_is_equal(a->opaque, b->opaque);
}

/* Cuts commas and white space off the front, empty members with them (RFC 9110 5.6.1.2). */
static struct str skip_commas(struct str rest)
{
	while (rest.len > 0 && (rest.at[0] == ',' || rest.at[0] == ' ' || rest.at[0] == '\t'))
		rest = str_make(rest.at + 1, rest.len - 1);
	return rest;
}

static bool is_in_line(
        struct str rest, const struct http_etag *etag, enum http_etag_comparison comparison)
{
	struct http_etag member;
	for (rest = skip_commas(rest); rest.len > 0; rest = skip_commas(rest)) {
		if (!read_tag(&rest, &member))
			return false;
		struct str gap = str_trim(rest);
		if (gap.len > 0 && gap.at[0] != ',')
			return false;
		if (comparison == HTTP_ETAG_STRONG ? http_etag_is_strong_match(&member, etag)
		                                   : http_etag_is_weak_match(&member, etag))
			return true;
	}
	return false;
}

enum http_etag_listed http_etag_find(const struct http_head *head, enum http_name field,
        const struct http_etag *etag, enum http_etag_comparison comparison)
{
	for (unsigned i = 0; i < head->count; i++) {
		if (head->fields[i].id != field)
			continue;
		struct str value = http_head_value(head, &head->fields[i]);
		if (str_is_equal(value, STR("*")))
			return HTTP_ETAG_ANY;
		if (etag != NULL && is_in_line(value, etag, comparison))
			return HTTP_ETAG_LISTED;
	}
	return HTTP_ETAG_ABSENT;
}
