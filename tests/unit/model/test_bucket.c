/*
 * Hosts of buckets, and what is refused of them.
 */
#include "model/bucket.h"

#include "model/print.h"
#include "model/read.h"
#include "model/value.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static struct model_domain *read_origin(const char *origin)
{
	struct text document = {0};
	struct model_problems problems = {0};
	struct model_domains domains;
	text_addf(&document, "domains: [{name: edge.test, origin: %s}]", origin);
	if (!model_read_domains(text_str(&document), "f", MODEL_CLASSIC, &problems, &domains)) {
		struct text printed = {0};
		model_problems_print(&problems, &printed);
		fail_msg("%s\n%s", origin, text_c(&printed));
	}
	struct model_domain *domain = model_domain_ref(domains.list[0]);
	model_domains_done(&domains);
	text_done(&document);
	return domain;
}

static void each_bucket_has_its_host(void **state)
{
	(void)state;
	static const struct {
		const char *origin, *host, *name;
		uint16_t port;
	} ROWS[] = {
	        {"{type: cos, bucket: {bucket: b-125, region: ap-guangzhou}}",
	                "b-125.cos.ap-guangzhou.myqcloud.com",
	                "b-125.cos.ap-guangzhou.myqcloud.com", 0},
	        {"{type: cos, bucket: {endpoint: \"B-125.cos-internal.example.com:8080\"}}",
	                "b-125.cos-internal.example.com:8080", "b-125.cos-internal.example.com",
	                8080},
	        {"{type: cos, bucket: {endpoint: cos.example.com, bucket: b-125}}",
	                "b-125.cos.example.com", "b-125.cos.example.com", 0},
	        {"{type: cos, bucket: {endpoint: b-125.cos.example.com, bucket: b-125}}",
	                "b-125.cos.example.com", "b-125.cos.example.com", 0},
	        {"{type: s3, bucket: {bucket: b, region: eu-central-1}}",
	                "b.s3.eu-central-1.amazonaws.com", "b.s3.eu-central-1.amazonaws.com", 0},
	        {"{type: s3, bucket: {bucket: b, region: cn-north-1}}",
	                "b.s3.cn-north-1.amazonaws.com.cn", "b.s3.cn-north-1.amazonaws.com.cn", 0},
	        {"{type: s3, bucket: {bucket: b.c, region: eu-central-1, style: path}}",
	                "s3.eu-central-1.amazonaws.com", "s3.eu-central-1.amazonaws.com", 0},
	        {"{type: s3, bucket: {bucket: B_1, endpoint: \"127.0.0.1:9000\", style: path}}",
	                "127.0.0.1:9000", "127.0.0.1", 9000},
	        {"{type: s3, bucket: {endpoint: \"[::1]:9000\", bucket: b, style: path}}",
	                "[::1]:9000", "::1", 9000},
	        {"{type: s3, bucket: {endpoint: \"[2001:db8::1]\"}}", "[2001:db8::1]",
	                "2001:db8::1", 0},
	};
	for (size_t i = 0; i < ARRAY_LENGTH(ROWS); i++) {
		struct model_domain *domain = read_origin(ROWS[i].origin);
		const struct model_origin *origin = &domain->origin;
		assert_string_equal(origin->bucket.host, ROWS[i].host);
		assert_int_equal(origin->address_count, 1);
		assert_string_equal(origin->addresses[0].host, ROWS[i].name);
		assert_int_equal(origin->addresses[0].port, ROWS[i].port);
		assert_int_equal(origin->addresses[0].weight, 1);
		model_domain_unref(domain);
	}
}

static void a_self_owned_origin_has_no_host_of_a_bucket(void **state)
{
	(void)state;
	struct model_domain *domain = read_origin("{addresses: [a, b]}");
	assert_null(domain->origin.bucket.host);
	assert_int_equal(domain->origin.address_count, 2);
	model_domain_unref(domain);
}

/* What was made is not written, and so not read again as if somebody had said it. */
static void the_host_is_not_printed(void **state)
{
	(void)state;
	struct text printed = {0}, again = {0};
	struct model_problems problems = {0};
	struct model_domains domains;
	struct model_domain *domain =
	        read_origin("{type: s3, bucket: {bucket: b, endpoint: c.test, region: r}}");
	struct model_domain *other =
	        read_origin("{type: s3, bucket: {bucket: other, endpoint: c.test, region: r}}");
	model_print_domains(&domain, 1, MODEL_PRINT_SECRETS, &printed);
	assert_null(strstr(text_c(&printed), "addresses"));
	assert_null(strstr(text_c(&printed), "b.c.test"));
	assert_true(
	        model_read_domains(text_str(&printed), "f", MODEL_CLASSIC, &problems, &domains));
	model_print_domains(domains.list, 1, MODEL_PRINT_SECRETS, &again);
	assert_string_equal(text_c(&again), text_c(&printed));
	const struct model_field *addresses = model_field_find(STR("origin.addresses"));
	assert_true(model_value_is_equal(addresses, domain, other));
	assert_true(model_value_is_default(addresses, domain));
	model_domains_done(&domains);
	model_domain_unref(domain);
	model_domain_unref(other);
	text_done(&printed);
	text_done(&again);
}

static void what_cannot_be_meant_is_told_with_its_field(void **state)
{
	(void)state;
	static const struct {
		uint8_t type;
		struct model_bucket bucket;
		const char *field, *rule;
	} ROWS[] = {
	        {MODEL_COS, {.bucket = "b"}, "/bucket", "missing"},
	        {MODEL_COS, {.region = "r"}, "/bucket", "missing"},
	        {MODEL_COS, {.bucket = "b", .region = "r", .style = MODEL_STYLE_PATH},
	                "/bucket/style", "value"},
	        {MODEL_S3, {.endpoint = "e.test", .style = MODEL_STYLE_PATH}, "/bucket/bucket",
	                "missing"},
	        {MODEL_S3, {.endpoint = "1.2.3.4", .bucket = "b"}, "/bucket/endpoint", "value"},
	        {MODEL_S3, {.endpoint = "[::1]:80", .bucket = "b"}, "/bucket/endpoint", "value"},
	        {MODEL_S3, {.bucket = "B", .region = "r"}, "/bucket/bucket", "value"},
	        {MODEL_S3, {.bucket = "b/c", .region = "r"}, "/bucket/bucket", "value"},
	        {MODEL_S3, {.bucket = "..", .region = "r", .style = MODEL_STYLE_PATH},
	                "/bucket/bucket", "value"},
	        {MODEL_S3, {.bucket = "b..c", .region = "r"}, "/bucket/bucket", "value"},
	        {MODEL_S3, {.bucket = "b", .region = "r.evil.test/"}, "/bucket/region", "value"},
	        {MODEL_S3, {.bucket = "b", .region = "R"}, "/bucket/region", "value"},
	        {MODEL_S3, {.endpoint = "e.test", .key_id = "a/b"}, "/bucket/key_id", "value"},
	        {MODEL_S3, {.endpoint = "e.test", .key_id = "a b"}, "/bucket/key_id", "value"},
	        {MODEL_COS, {.endpoint = "e.test", .key_id = "a&q-ak=b"}, "/bucket/key_id",
	                "value"},
	        {MODEL_COS, {.endpoint = "e.test", .token = "a\xc3\xa9"}, "/bucket/token", "value"},
	};
	for (size_t i = 0; i < ARRAY_LENGTH(ROWS); i++) {
		struct model_origin origin = {.type = ROWS[i].type, .bucket = ROWS[i].bucket};
		struct model_bucket_why why;
		if (model_bucket_check(&origin, &why))
			fail_msg("row %zu is fine", i);
		assert_string_equal(why.field, ROWS[i].field);
		assert_string_equal(why.rule, ROWS[i].rule);
	}
}

static void a_host_that_would_be_too_long_is_refused(void **state)
{
	(void)state;
	char name[251];
	struct model_bucket_why why;
	memset(name, 'a', sizeof(name) - 1);
	for (size_t i = 50; i < sizeof(name) - 1; i += 50)
		name[i] = '.';
	name[sizeof(name) - 1] = '\0';
	struct model_origin origin = {
	        .type = MODEL_S3, .bucket = {.endpoint = "e.test", .bucket = name}};
	assert_false(model_bucket_check(&origin, &why));
	assert_string_equal(why.field, "/bucket/bucket");
}

static void a_region_is_signed_for_where_none_is_said(void **state)
{
	(void)state;
	struct model_bucket bucket = {.region = "eu-west-1"};
	assert_true(str_is_equal(model_bucket_region(&bucket), STR("eu-west-1")));
	bucket.region = NULL;
	assert_true(str_is_equal(model_bucket_region(&bucket), STR("us-east-1")));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(each_bucket_has_its_host),
	        cmocka_unit_test(a_self_owned_origin_has_no_host_of_a_bucket),
	        cmocka_unit_test(the_host_is_not_printed),
	        cmocka_unit_test(what_cannot_be_meant_is_told_with_its_field),
	        cmocka_unit_test(a_host_that_would_be_too_long_is_refused),
	        cmocka_unit_test(a_region_is_signed_for_where_none_is_said),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
