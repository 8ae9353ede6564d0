/*
 * Names of stores' own fields are told by their beginnings. A name with underscores counts as the
 * one that it may be taken for.
 */
#include "edge/bucket.h"

#include "http/uri.h"
#include "origin/bucket.h"

enum fault edge_bucket_fault(const struct model_origin *origin, enum http_method method,
        struct str target, bool has_body)
{
	if (!origin_bucket_is(origin))
		return FAULT_NONE;
	if (!origin_bucket_takes_method(method))
		return FAULT_NOT_ALLOWED;
	return !has_body && http_uri_is_plain(target) ? FAULT_NONE : FAULT_BAD_REQUEST;
}

/* Whether a name begins with a prefix in lower case. */
static bool begins(struct str name, struct str prefix)
{
	if (name.len < prefix.len)
		return false;
	for (size_t i = 0; i < prefix.len; i++) {
		char c = name.at[i] == '_' ? '-' : str_lower(name.at[i]);
		if (c != prefix.at[i])
			return false;
	}
	return true;
}

static bool is_of_store(struct str name)
{
	return begins(name, STR("x-amz-")) || begins(name, STR("x-cos-"));
}

bool edge_bucket_withholds(struct str name, enum http_name id)
{
	return id == HTTP_NAME_AUTHORIZATION || id == HTTP_NAME_COOKIE || id == HTTP_NAME_DATE ||
	       is_of_store(name);
}

/* Ids of one request, which are of no use to who gets the response from the cache. */
static bool is_request_id(struct str name)
{
	static const struct str NAMES[] = {
	        {"x-amz-request-id", 16},
	        {"x-amz-id-2", 10},
	        {"x-amz-cf-id", 11},
	        {"x-cos-request-id", 16},
	        {"x-cos-trace-id", 14},
	        {"x-trans-id", 10},
	        {"x-openstack-request-id", 22},
	};
	for (size_t i = 0; i < ARRAY_LENGTH(NAMES); i++)
		if (str_is_equal_nocase(name, NAMES[i]))
			return true;
	return false;
}

static bool is_kept_by_store_headers(enum model_store_headers which, struct str name)
{
	switch (which) {
	case MODEL_STORE_DROP:
		return false;
	case MODEL_STORE_META:
		return begins(name, STR("x-amz-meta-")) || begins(name, STR("x-cos-meta-"));
	case MODEL_STORE_KEEP:
		return true;
	}
	return false;
}

static bool goes_on(
        const struct model_bucket *bucket, struct str name, enum http_name id, struct str value)
{
	if (id == HTTP_NAME_SET_COOKIE || is_request_id(name))
		return false;
	if (id == HTTP_NAME_SERVER)
		return bucket->store_headers == MODEL_STORE_KEEP;
	if (is_of_store(name))
		return is_kept_by_store_headers(bucket->store_headers, name);
	if (bucket->strip_disposition && str_is_equal_nocase(name, STR("Content-Disposition")))
		return !str_is_equal_nocase(value, STR("attachment"));
	return true;
}

void edge_bucket_clean(const struct model_bucket *bucket, struct http_head *head)
{
	uint16_t kept = 0;
	uint64_t present = 0;
	for (unsigned i = 0; i < head->count; i++) {
		const struct http_field field = head->fields[i];
		if (!goes_on(bucket, http_head_name(head, &field), field.id,
		            http_head_value(head, &field)))
			continue;
		present |= field.id < HTTP_NAME_OTHER ? UINT64_C(1) << field.id : 0;
		head->fields[kept++] = field;
	}
	head->count = kept;
	head->present = present;
}
