/*
 * A path is decoded once, and what is signed is what it was decoded to; it is sent encoded in one
 * way, in which no store can take it for another path.
 */
#include "origin/bucket.h"

#include "http/date.h"
#include "http/uri.h"
#include "model/bucket.h"
#include "origin/sign_cos.h"
#include "origin/sign_s3.h"

bool origin_bucket_takes_method(enum http_method method)
{
	return method == HTTP_GET || method == HTTP_HEAD || method == HTTP_OPTIONS;
}

static struct str path_of(struct str target)
{
	struct str path, query;
	http_uri_cut_query(target, &path, &query);
	return path;
}

/* Adds "/" and the key, decoded, with the bucket in front in path style. */
static void add_path(const struct model_origin *origin, struct str target, struct text *to)
{
	if (origin->bucket.style == MODEL_STYLE_PATH)
		text_addf(to, "/%s", origin->bucket.bucket);
	http_uri_decode(path_of(target), to);
}

void origin_bucket_add_target(const struct model_origin *origin, struct str target, struct text *to)
{
	if (origin->bucket.is_private) {
		struct text path = {0};
		add_path(origin, target, &path);
		origin_sign_encode(text_str(&path), true, to);
		text_done(&path);
		return;
	}
	if (origin->bucket.style == MODEL_STYLE_PATH)
		text_addf(to, "/%s", origin->bucket.bucket);
	text_add(to, target);
}

/* Whether a path names an object: a store that takes several slashes for one could list the bucket
 * for a path that has nothing else. */
static bool has_key(struct str target)
{
	struct text path = {0};
	bool has_other = false;
	http_uri_decode(path_of(target), &path);
	for (size_t i = 0; i < path.len; i++)
		has_other |= path.at[i] != '/';
	text_done(&path);
	return has_other;
}

bool origin_bucket_is_signed(const struct origin_bucket_request *request)
{
	return request->origin->bucket.is_private &&
	       (request->method == HTTP_GET || request->method == HTTP_HEAD) &&
	       has_key(request->target);
}

void origin_bucket_add_signature(const struct origin_bucket_request *request, struct text *to)
{
	const struct model_bucket *bucket = &request->origin->bucket;
	struct text path = {0};
	if (!origin_bucket_is_signed(request))
		return;
	const struct origin_sign_pair headers[] = {
	        {STR("host"), str_of(bucket->host)}, {STR("range"), request->range}};
	add_path(request->origin, request->target, &path);
	const struct origin_sign sign = {
	        .method = request->method == HTTP_HEAD ? STR("HEAD") : STR("GET"),
	        .path = text_str(&path),
	        .headers = headers,
	        .header_count = request->range.len != 0 ? 2 : 1,
	        .key_id = str_of(bucket->key_id),
	        .secret = str_of(bucket->secret),
	        .token = str_of(bucket->token),
	        .region = model_bucket_region(bucket),
	        .time_s = request->time_s,
	};
	if (request->origin->type == MODEL_COS)
		origin_sign_cos_add(&sign, to);
	else
		origin_sign_s3_add(&sign, to);
	text_done(&path);
}

size_t origin_bucket_signature_bytes(const struct model_origin *origin)
{
	enum { FIXED = 768 }; /* at most 490 bytes for COS, and 500 for S3, without what follows */
	const struct model_bucket *bucket = &origin->bucket;
	if (!bucket->is_private)
		return 0;
	return FIXED + str_of(bucket->key_id).len + str_of(bucket->token).len +
	       model_bucket_region(bucket).len;
}

bool origin_bucket_is_skewed(
        unsigned status, struct str date, struct str age, int64_t time_s, int64_t *ret_now_s)
{
	enum { FORBIDDEN = 403, YEAR_S = 31536000 };
	uint64_t age_s = 0;
	int64_t now_s;
	if (status != FORBIDDEN || !http_date_parse(date, time_s, &now_s))
		return false;
	if (age.len != 0 && (!str_to_u64(age, &age_s) || age_s > YEAR_S))
		return false;
	now_s += (int64_t)age_s;
	int64_t ahead_s = now_s - time_s;
	if (ahead_s <= ORIGIN_BUCKET_SKEW_S && ahead_s >= -ORIGIN_BUCKET_SKEW_S)
		return false;
	*ret_now_s = now_s;
	return true;
}
