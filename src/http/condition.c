/*
 * The steps of RFC 9110 section 13.2.2 in their order; a step whose field is missing or does not
 * count is passed over. If-Match and If-Unmodified-Since need not be looked at by a cache (RFC 9111
 * 4.3.2); looking is right all the same, because what they ask for is that nothing but a certain
 * representation be sent.
 */
#include "http/condition.h"

#include "http/date.h"

enum step { HOLDS, FAILS, DOES_NOT_COUNT };

/* A date from the one field of its name; several are no date. */
static bool read_date(
        const struct http_head *head, enum http_name id, int64_t now_s, int64_t *ret_s)
{
	return http_head_count(head, id) == 1 &&
	       http_date_parse(http_head_get(head, id), now_s, ret_s);
}

/* The entity tag of the representation, or NULL. */
static const struct http_etag *tag_of(
        const struct http_representation *representation, struct http_etag *etag)
{
	return http_etag_parse(representation->etag, etag) ? etag : NULL;
}

static enum step if_match(
        const struct http_head *head, const struct http_representation *representation)
{
	struct http_etag etag;
	switch (http_etag_find(
	        head, HTTP_NAME_IF_MATCH, tag_of(representation, &etag), HTTP_ETAG_STRONG)) {
	case HTTP_ETAG_ANY:
	case HTTP_ETAG_LISTED:
		return HOLDS;
	case HTTP_ETAG_ABSENT:
		break;
	}
	return FAILS;
}

static enum step if_none_match(
        const struct http_head *head, const struct http_representation *representation)
{
	struct http_etag etag;
	switch (http_etag_find(
	        head, HTTP_NAME_IF_NONE_MATCH, tag_of(representation, &etag), HTTP_ETAG_WEAK)) {
	case HTTP_ETAG_ANY:
	case HTTP_ETAG_LISTED:
		return FAILS;
	case HTTP_ETAG_ABSENT:
		break;
	}
	return HOLDS;
}

static enum step if_unmodified_since(const struct http_head *head,
        const struct http_representation *representation, int64_t now_s)
{
	int64_t since_s;
	if (!read_date(head, HTTP_NAME_IF_UNMODIFIED_SINCE, now_s, &since_s) ||
	        representation->last_modified_s == INT64_MIN)
		return DOES_NOT_COUNT;
	return representation->last_modified_s <= since_s ? HOLDS : FAILS;
}

/* RFC 9111 4.3.2: without Last-Modified the date of the response stands in for it. */
static enum step if_modified_since(const struct http_head *head,
        const struct http_representation *representation, int64_t now_s)
{
	int64_t since_s, modified_s = representation->last_modified_s;
	if (modified_s == INT64_MIN)
		modified_s = representation->dated_s;
	if (!read_date(head, HTTP_NAME_IF_MODIFIED_SINCE, now_s, &since_s) ||
	        modified_s == INT64_MIN)
		return DOES_NOT_COUNT;
	return modified_s <= since_s ? FAILS : HOLDS;
}

/* 13.1.5: an entity tag is compared strongly, a date must be the very one and strong. */
static bool if_range_holds(const struct http_head *head,
        const struct http_representation *representation, int64_t now_s)
{
	struct http_etag asked, etag;
	int64_t date_s;
	if (http_head_count(head, HTTP_NAME_IF_RANGE) != 1)
		return false;
	if (http_etag_parse(http_head_get(head, HTTP_NAME_IF_RANGE), &asked))
		return tag_of(representation, &etag) != NULL &&
		       http_etag_is_strong_match(&asked, &etag);
	return read_date(head, HTTP_NAME_IF_RANGE, now_s, &date_s) &&
	       representation->is_date_strong && date_s == representation->last_modified_s;
}

enum http_condition http_condition_evaluate_fields(const struct http_head *request,
        const struct http_representation *representation, int64_t now_s, bool *ret_range_counts)
{
	bool is_read = request->method == HTTP_GET || request->method == HTTP_HEAD;
	enum step first = DOES_NOT_COUNT, second = DOES_NOT_COUNT;
	*ret_range_counts = false;
	if (representation->status < 200 || representation->status > 299)
		return HTTP_CONDITION_PROCEED;

	if (http_head_has(request, HTTP_NAME_IF_MATCH))
		first = if_match(request, representation);
	else if (http_head_has(request, HTTP_NAME_IF_UNMODIFIED_SINCE))
		first = if_unmodified_since(request, representation, now_s);
	if (first == FAILS)
		return HTTP_CONDITION_FAILED;

	if (http_head_has(request, HTTP_NAME_IF_NONE_MATCH))
		second = if_none_match(request, representation);
	else if (is_read && http_head_has(request, HTTP_NAME_IF_MODIFIED_SINCE))
		second = if_modified_since(request, representation, now_s);
	if (second == FAILS)
		return is_read ? HTTP_CONDITION_NOT_MODIFIED : HTTP_CONDITION_FAILED;

	*ret_range_counts = request->method == HTTP_GET && representation->status == 200 &&
	                    http_head_has(request, HTTP_NAME_RANGE) &&
	                    (!http_head_has(request, HTTP_NAME_IF_RANGE) ||
	                            if_range_holds(request, representation, now_s));
	return HTTP_CONDITION_PROCEED;
}

bool http_condition_is_date_strong(int64_t last_modified_s, int64_t date_s)
{
	return last_modified_s != INT64_MIN && date_s != INT64_MIN && date_s > last_modified_s;
}
