/*
 * What is different about an origin that is a bucket, on its way there and back: requests that it
 * is not asked, fields of clients that it does not get, fields of its own that clients do not
 * (docs/decisions/0017-buckets-as-origins.md). Pure.
 */
#pragma once

#include "base/fault.h"
#include "http/head.h"
#include "model/domain.h"

/* What a request ends with that the origin cannot be asked: NOT_ALLOWED where a bucket does not
 * take the method, BAD_REQUEST where the target can be taken for more than one object, or there is
 * a body: stores do not agree on what one behind a GET is, and may take it for the next request of
 * the connection. Else NONE, and always for an origin that is no bucket. */
enum fault edge_bucket_fault(const struct model_origin *origin, enum http_method method,
        struct str target, bool has_body);

/* The line that goes with NOT_ALLOWED (RFC 9110 15.5.6). */
#define EDGE_BUCKET_ALLOW "Allow: GET, HEAD, OPTIONS\r\n"

/* Whether a field of a client's request does not go to a bucket: credentials, which are not for it,
 * and what stores take for orders of their own (x-amz-*, x-cos-*, Date). */
bool edge_bucket_withholds(struct str name, enum http_name id);

/* Takes out of a bucket's response head what does not go on: see `bucket.store_headers` and
 * `bucket.strip_disposition`; cookies and the ids of requests always. */
void edge_bucket_clean(const struct model_bucket *bucket, struct http_head *head);
