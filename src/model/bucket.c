/*
 * With an endpoint alone, that is the host. With an endpoint and a bucket, the bucket's name is put
 * in front of it, unless it begins with it already, or in path style belongs to the path. Without
 * an endpoint it is the store's own domain by the region.
 *
 * Names and keys become parts of a host, a path, or a header field, so they are made of few
 * characters: nothing that an operator can write comes to mean something else there.
 */
#include "model/bucket.h"

#include "base/limit.h"
#include "model/host.h"
#include "model/read.h"

static const char LOWER[] = "abcdefghijklmnopqrstuvwxyz0123456789-";

/* Whether a text has characters of the sets alone; NULL has none. */
static bool is_made_of(const char *text, const char *set, const char *more)
{
	for (; text != NULL && *text != '\0'; text++)
		if (strchr(set, *text) == NULL && strchr(more, *text) == NULL)
			return false;
	return true;
}

/* Whether a text can stand in a header field, without those of `except`. */
static bool is_visible(const char *text, const char *except)
{
	for (; text != NULL && *text != '\0'; text++)
		if (*text <= ' ' || *text > '~' || strchr(except, *text) != NULL)
			return false;
	return true;
}

static bool is_in_path(const struct model_bucket *bucket)
{
	return bucket->style == MODEL_STYLE_PATH;
}

/* The endpoint without the bucket's name. */
static void add_store(const struct model_origin *origin, struct text *to)
{
	const struct model_bucket *bucket = &origin->bucket;
	bool is_china = str_has_prefix(str_of(bucket->region), STR("cn-"));
	if (bucket->endpoint != NULL)
		text_add(to, str_of(bucket->endpoint));
	else if (origin->type == MODEL_COS)
		text_addf(to, "cos.%s.myqcloud.com", bucket->region);
	else
		text_addf(to, "s3.%s.amazonaws.com%s", bucket->region, is_china ? ".cn" : "");
}

/* Adds the host; there is an endpoint, or a bucket and a region. */
static void add_host(const struct model_origin *origin, struct text *to)
{
	const struct model_bucket *bucket = &origin->bucket;
	struct text store = {0};
	add_store(origin, &store);
	if (bucket->bucket != NULL && !is_in_path(bucket)) {
		struct text prefix = {0};
		text_addf(&prefix, "%s.", bucket->bucket);
		if (!str_has_prefix(text_str(&store), text_str(&prefix)))
			text_add(to, text_str(&prefix));
		text_done(&prefix);
	}
	text_add(to, text_str(&store));
	text_done(&store);
}

static bool refuse(
        struct model_bucket_why *ret_why, const char *field, const char *rule, const char *words)
{
	*ret_why = (struct model_bucket_why){.field = field, .rule = rule, .words = words};
	return false;
}

/* Whether the host that comes of it is one. */
static bool check_host(const struct model_origin *origin, struct model_bucket_why *ret_why)
{
	const struct model_bucket *bucket = &origin->bucket;
	struct text text = {0};
	struct model_host host;
	struct model_why why;
	uint16_t port;
	if (bucket->endpoint != NULL && bucket->bucket != NULL && !is_in_path(bucket) &&
	        (!model_host_read_authority(str_of(bucket->endpoint), &host, &port, &why) ||
	                host.is_ip))
		return refuse(ret_why, "/bucket/endpoint", "value",
		        "a bucket's name cannot stand in front of an IP address: S3 has style path "
		        "for that");
	add_host(origin, &text);
	bool is_host = model_host_read_authority(text_str(&text), &host, &port, &why);
	text_done(&text);
	return is_host || refuse(ret_why, "/bucket/bucket", "value",
	                          "the bucket's name and the store's host are no host name "
	                          "together");
}

static bool check_names(const struct model_bucket *bucket, struct model_bucket_why *ret_why)
{
	/* "." and ".." would be folders in a path. */
	bool is_named_so =
	        bucket->bucket != NULL &&
	        (bucket->bucket[0] == '.' ||
	                !is_made_of(bucket->bucket, LOWER,
	                        is_in_path(bucket) ? "ABCDEFGHIJKLMNOPQRSTUVWXYZ._" : "."));
	if (is_named_so)
		return refuse(ret_why, "/bucket/bucket", "value",
		        "a bucket's name is of letters in lower case, digits, dots and hyphens; in "
		        "path style of capital letters and underscores, too");
	if (!is_made_of(bucket->region, LOWER, "_"))
		return refuse(ret_why, "/bucket/region", "value",
		        "a region is of letters in lower case, digits and hyphens");
	return true;
}

bool model_bucket_check(const struct model_origin *origin, struct model_bucket_why *ret_why)
{
	const struct model_bucket *bucket = &origin->bucket;
	if (bucket->endpoint == NULL && (bucket->bucket == NULL || bucket->region == NULL))
		return refuse(ret_why, "/bucket", "missing",
		        "an origin of type cos or s3 has a bucket: its endpoint, or bucket and "
		        "region");
	if (is_in_path(bucket) && origin->type == MODEL_COS)
		return refuse(
		        ret_why, "/bucket/style", "value", "COS is never asked in path style");
	if (is_in_path(bucket) && bucket->bucket == NULL)
		return refuse(ret_why, "/bucket/bucket", "missing",
		        "in path style the bucket's name is a part of the path");
	if (!check_names(bucket, ret_why))
		return false;
	if (!is_visible(bucket->key_id, "/,&="))
		return refuse(ret_why, "/bucket/key_id", "value",
		        "the name of a key is of visible ASCII characters without / , & and =");
	if (!is_visible(bucket->token, ""))
		return refuse(ret_why, "/bucket/token", "value",
		        "a token is of visible ASCII characters");
	return check_host(origin, ret_why);
}

static void make_host(struct model_domain *domain, struct model_origin *origin)
{
	struct model_bucket_why bucket_why;
	struct model_address address;
	struct model_why why;
	struct text host = {0};
	if (origin->type == MODEL_SELF || origin->address_count != 0 ||
	        !model_bucket_check(origin, &bucket_why))
		return;
	add_host(origin, &host);
	/* What is a host with a port is an address. */
	if (model_read_address(domain, text_str(&host), &address, &why)) {
		origin->bucket.host = model_domain_copy(domain, text_str(&host));
		origin->addresses = model_domain_alloc(domain, sizeof(address));
		origin->addresses[0] = address;
		origin->address_count = 1;
	}
	text_done(&host);
}

void model_bucket_make_hosts(struct model_domain *domain)
{
	make_host(domain, &domain->origin);
	if (domain->backup != NULL)
		make_host(domain, domain->backup);
}

struct str model_bucket_region(const struct model_bucket *bucket)
{
	return bucket->region != NULL ? str_of(bucket->region) : STR("us-east-1");
}
