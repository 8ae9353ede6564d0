/*
 * Where a bucket is: the host that is asked, and sent as Host, for what an operator says of a
 * bucket (origin-pull.md section 6). COS and Amazon S3 have hosts of a known form; any other store
 * is said by its endpoint. Pure.
 */
#pragma once

#include "model/domain.h"
#include "model/problem.h"

/* What is wrong with a bucket. All are constants. */
struct model_bucket_why {
	const char *field; /* below the origin: "/bucket/region" */
	const char *rule, *words;
};

/* Whether what is said of the bucket of an origin of type cos or s3 makes a host, and a signature
 * can be made with it; whether it has a key at all is not looked at. */
MUST_CHECK bool model_bucket_check(
        const struct model_origin *origin, struct model_bucket_why *ret_why);

/* Gives the buckets of a domain that is being made their hosts (bucket.host), and their origins the
 * one address that follows. One that cannot have a host stays without. */
void model_bucket_make_hosts(struct model_domain *domain);

/* The region that is signed for. */
struct str model_bucket_region(const struct model_bucket *bucket);
