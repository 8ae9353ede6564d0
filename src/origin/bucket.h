/*
 * Requests to buckets: what may be asked of one, as which target, and with which signature
 * (origin-pull.md section 6, docs/decisions/0017-buckets-as-origins.md).
 *
 * What is signed is asked for with the rights of a key, and it is a visitor who says what. So a
 * bucket is only read; a path names an object and nothing else; and of a private bucket no query is
 * asked for, since that is how stores are asked for everything besides an object: lists, rights,
 * policies, versions. Pure.
 */
#pragma once

#include "http/method.h"
#include "model/domain.h"

/* Whether an origin is one. */
static inline bool origin_bucket_is(const struct model_origin *origin)
{
	return origin->bucket.host != NULL;
}

/* GET, HEAD and OPTIONS, which is never signed. */
bool origin_bucket_takes_method(enum http_method method);

/* Adds the target that is sent, for one in origin-form that is http_uri_is_plain: in others a store
 * may find another object, or another bucket. Of a private bucket that is the path, decoded and
 * encoded anew, and no query; else it is as it came. In path style the bucket stands in front. */
void origin_bucket_add_target(
        const struct model_origin *origin, struct str target, struct text *to);

struct origin_bucket_request {
	const struct model_origin *origin;
	enum http_method method;
	struct str target; /* in origin-form, as it came; http_uri_is_plain */
	struct str range;  /* the value of Range that is sent; empty: none is */
	int64_t time_s;    /* now, as the store's clock has it */
};

/* Whether a request is signed: a GET or HEAD for an object of a private bucket. A path without a
 * key is not, as it would list the bucket: the store may answer that as it does anybody. */
bool origin_bucket_is_signed(const struct origin_bucket_request *request);

/* Adds the lines that sign a request, if it is signed; they have the same length for every time. */
void origin_bucket_add_signature(const struct origin_bucket_request *request, struct text *to);

/* How many bytes these lines have at most. */
size_t origin_bucket_signature_bytes(const struct model_origin *origin);

/* By more than that a store's Date has to be off before a refusal (403) is taken for one of our
 * clock; stores allow for 5 minutes and more. */
enum { ORIGIN_BUCKET_SKEW_S = 60 };

/*
 * Whether a refusal of what was signed at `time_s` tells of another time: its Date, with the Age
 * that it has. *ret_now_s is the time of the store. The body, where a store says so in words, is
 * not looked at: an answer to HEAD has none, and a clock that is right does not differ.
 */
MUST_CHECK bool origin_bucket_is_skewed(
        unsigned status, struct str date, struct str age, int64_t time_s, int64_t *ret_now_s);
