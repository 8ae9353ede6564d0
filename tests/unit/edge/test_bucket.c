/*
 * What is different about an origin that is a bucket.
 */
#include "edge/bucket.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void what_a_bucket_does_not_take_is_a_fault(void **state)
{
	(void)state;
	const struct model_origin self = {.type = MODEL_SELF};
	const struct model_origin bucket = {.type = MODEL_S3, .bucket = {.host = "b.test"}};
	static const struct {
		enum http_method method;
		const char *target;
		enum fault fault;
	} ROWS[] = {
	        {HTTP_GET, "/a?b", FAULT_NONE},
	        {HTTP_HEAD, "/", FAULT_NONE},
	        {HTTP_OPTIONS, "/a", FAULT_NONE},
	        {HTTP_OPTIONS, "*", FAULT_BAD_REQUEST},
	        {HTTP_POST, "/a", FAULT_NOT_ALLOWED},
	        {HTTP_PUT, "/a", FAULT_NOT_ALLOWED},
	        {HTTP_DELETE, "/..", FAULT_NOT_ALLOWED},
	        {HTTP_OTHER, "/a", FAULT_NOT_ALLOWED},
	        {HTTP_GET, "/a/..", FAULT_BAD_REQUEST},
	        {HTTP_GET, "/a%0d%0ab", FAULT_BAD_REQUEST},
	};
	for (size_t i = 0; i < ARRAY_LENGTH(ROWS); i++) {
		struct str target = str_of(ROWS[i].target);
		assert_int_equal(
		        edge_bucket_fault(&bucket, ROWS[i].method, target, false), ROWS[i].fault);
		assert_int_equal(
		        edge_bucket_fault(&self, ROWS[i].method, target, true), FAULT_NONE);
	}
	assert_int_equal(edge_bucket_fault(&bucket, HTTP_GET, STR("/a"), true), FAULT_BAD_REQUEST);
	assert_int_equal(edge_bucket_fault(&bucket, HTTP_POST, STR("/a"), true), FAULT_NOT_ALLOWED);
	assert_int_equal(fault_info(FAULT_NOT_ALLOWED)->status, 405);
}

static void what_a_client_has_no_business_to_say_is_withheld(void **state)
{
	(void)state;
	static const struct {
		const char *name;
		bool is_withheld;
	} ROWS[] = {
	        {"Authorization", true},
	        {"cookie", true},
	        {"Date", true},
	        {"X-Amz-Date", true},
	        {"x_amz_acl", true},
	        {"x-cos-acl", true},
	        {"X-COS-", true},
	        {"X-Amzn", false},
	        {"x-amz", false},
	        {"Range", false},
	        {"If-None-Match", false},
	        {"Origin", false},
	        {"Referer", false},
	};
	for (size_t i = 0; i < ARRAY_LENGTH(ROWS); i++) {
		struct str name = str_of(ROWS[i].name);
		assert_int_equal(
		        edge_bucket_withholds(name, http_name_of(name)), ROWS[i].is_withheld);
	}
}

/* The names that are left, with a space behind each. */
static void expect_left(const struct model_bucket *bucket, const char *wanted)
{
	static const struct http_head_limits LIMITS = {.head_bytes = 8192, .fields = 64};
	static const char HEAD[] =
	        "HTTP/1.1 200 OK\r\nETag: a\r\nServer: AmazonS3\r\nSet-Cookie: a=b\r\n"
	        "x-amz-request-id: 1\r\nX-AMZ-Id-2: 2\r\nx-amz-meta-a: 1\r\nx-amz-version-id: v\r\n"
	        "x-cos-request-id: 1\r\nx-cos-trace-id: 2\r\nX-Cos-Meta-b: 1\r\nx_cos_hash: v\r\n"
	        "X-Trans-Id: 1\r\nX-Openstack-Request-Id: 1\r\nContent-Disposition: Attachment\r\n"
	        "Content-Type: a/b\r\n\r\n";
	struct http_field fields[64];
	struct http_head head = {.fields = fields, .capacity = 64};
	struct text left = {0};
	size_t scanned = 0;
	enum fault fault;
	assert_int_equal(http_head_parse_response(STR(HEAD), &scanned, &LIMITS, &head, &fault),
	        HTTP_PARSE_DONE);
	edge_bucket_clean(bucket, &head);
	for (unsigned i = 0; i < head.count; i++)
		text_addf(&left, "%.*s ", STR_ARG(http_head_name(&head, &head.fields[i])));
	assert_string_equal(text_c(&left), wanted);
	assert_false(http_head_has(&head, HTTP_NAME_SET_COOKIE));
	assert_true(http_head_has(&head, HTTP_NAME_ETAG));
	assert_int_equal(
	        http_head_has(&head, HTTP_NAME_SERVER), bucket->store_headers == MODEL_STORE_KEEP);
	assert_true(str_is_equal(http_head_get(&head, HTTP_NAME_CONTENT_TYPE), STR("a/b")));
	text_done(&left);
}

static void of_a_response_what_is_the_stores_own_stays_behind(void **state)
{
	(void)state;
	struct model_bucket bucket = {.store_headers = MODEL_STORE_DROP};
	expect_left(&bucket, "ETag Content-Disposition Content-Type ");
	bucket.strip_disposition = true;
	expect_left(&bucket, "ETag Content-Type ");
	bucket.store_headers = MODEL_STORE_META;
	expect_left(&bucket, "ETag x-amz-meta-a X-Cos-Meta-b Content-Type ");
	bucket.store_headers = MODEL_STORE_KEEP;
	expect_left(&bucket, "ETag Server x-amz-meta-a x-amz-version-id X-Cos-Meta-b x_cos_hash "
	                     "Content-Type ");
}

static void a_disposition_with_a_file_name_stays(void **state)
{
	(void)state;
	static const struct http_head_limits LIMITS = {.head_bytes = 8192, .fields = 64};
	const struct model_bucket bucket = {.strip_disposition = true};
	struct http_field fields[8];
	struct http_head head = {.fields = fields, .capacity = 8};
	size_t scanned = 0;
	enum fault fault;
	assert_int_equal(http_head_parse_response(
	                         STR("HTTP/1.1 200 OK\r\nContent-Disposition: attachment; "
	                             "filename=\"a\"\r\nContent-Disposition: inline\r\n\r\n"),
	                         &scanned, &LIMITS, &head, &fault),
	        HTTP_PARSE_DONE);
	edge_bucket_clean(&bucket, &head);
	assert_int_equal(head.count, 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(what_a_bucket_does_not_take_is_a_fault),
	        cmocka_unit_test(what_a_client_has_no_business_to_say_is_withheld),
	        cmocka_unit_test(of_a_response_what_is_the_stores_own_stays_behind),
	        cmocka_unit_test(a_disposition_with_a_file_name_stays),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
