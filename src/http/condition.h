/*
 * Preconditions of requests (RFC 9110 section 13), evaluated in the order of 13.2.2 against the
 * response that would be sent. Pure.
 */
#pragma once

#include "http/etag.h"

/* What is known of the response that would be sent if the request had no precondition. */
struct http_representation {
	uint16_t status;     /* of that response; preconditions count for 2xx only (13.2.1), so "*"
	                        holds */
	bool exists;         /* there is a current representation: what "*" asks for */
	bool is_date_strong; /* last_modified_s may serve as a strong validator (8.8.2.2) */
	struct str etag;     /* the ETag field; empty: none; one that is malformed counts as none */
	int64_t last_modified_s; /* INT64_MIN: unknown */
	/* What If-Modified-Since is held against where Last-Modified is unknown (RFC 9111 4.3.2):
	 * Date, or else when the response came; INT64_MIN: nothing. */
	int64_t dated_s;
};

enum http_condition {
	HTTP_CONDITION_PROCEED,
	HTTP_CONDITION_NOT_MODIFIED, /* 304 */
	HTTP_CONDITION_FAILED,       /* 412 */
};

/* What http_condition_evaluate does once one of the fields is there. */
enum http_condition http_condition_evaluate_fields(const struct http_head *request,
        const struct http_representation *representation, int64_t now_s, bool *ret_range_counts);

/*
 * The verdict, and whether a Range field counts: only for GET and status 200, and where If-Range,
 * if it is there, holds (13.1.5). A field that cannot be read counts as absent where it is a date,
 * and matches nothing where it lists entity tags. now_s (wall clock, seconds) is for years with two
 * digits. A request with none of the fields costs a test.
 */
static inline enum http_condition http_condition_evaluate(const struct http_head *request,
        const struct http_representation *representation, int64_t now_s, bool *ret_range_counts)
{
	const uint64_t fields =
	        (uint64_t)1 << HTTP_NAME_IF_MATCH | (uint64_t)1 << HTTP_NAME_IF_NONE_MATCH |
	        (uint64_t)1 << HTTP_NAME_IF_MODIFIED_SINCE |
	        (uint64_t)1 << HTTP_NAME_IF_UNMODIFIED_SINCE | (uint64_t)1 << HTTP_NAME_RANGE;
	if ((request->present & fields) != 0)
		return http_condition_evaluate_fields(
		        request, representation, now_s, ret_range_counts);
	*ret_range_counts = false;
	return HTTP_CONDITION_PROCEED;
}

/* Whether Last-Modified is a strong validator: Date is at least a second later (8.8.2.2). Both may
 * be INT64_MIN: unknown. */
bool http_condition_is_date_strong(int64_t last_modified_s, int64_t date_s);
