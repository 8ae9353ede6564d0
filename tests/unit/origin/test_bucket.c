/*
 * Requests to buckets: methods, targets, signatures, clocks.
 */
#include "origin/bucket.h"

#include "origin/sign.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static const struct model_origin PRIVATE_COS = {
        .type = MODEL_COS,
        .bucket = {.host = "b.test", .is_private = true, .key_id = "id", .secret = "s"},
};
static const struct model_origin PRIVATE_S3_IN_PATH = {
        .type = MODEL_S3,
        .bucket = {.host = "c.test",
                .bucket = "b",
                .is_private = true,
                .style = MODEL_STYLE_PATH,
                .key_id = "id",
                .secret = "s",
                .token = "t"},
};
static const struct model_origin PUBLIC = {.type = MODEL_S3, .bucket = {.host = "b.test"}};
static const struct model_origin PUBLIC_IN_PATH = {
        .type = MODEL_S3,
        .bucket = {.host = "c.test", .bucket = "b", .style = MODEL_STYLE_PATH},
};

static void an_origin_with_the_host_of_a_bucket_is_one(void **state)
{
	(void)state;
	const struct model_origin self = {.type = MODEL_SELF};
	assert_true(origin_bucket_is(&PUBLIC));
	assert_false(origin_bucket_is(&self));
}

static void a_bucket_is_only_read(void **state)
{
	(void)state;
	for (unsigned method = 0; method <= HTTP_OTHER; method++)
		assert_int_equal(origin_bucket_takes_method(method),
		        method == HTTP_GET || method == HTTP_HEAD || method == HTTP_OPTIONS);
}

static void targets_are_what_they_may_be(void **state)
{
	(void)state;
	static const struct {
		const struct model_origin *origin;
		const char *target, *sent;
	} ROWS[] = {
	        {&PRIVATE_COS, "/a.txt", "/a.txt"},
	        {&PRIVATE_COS, "/a.txt?acl", "/a.txt"},
	        {&PRIVATE_COS, "/?list-type=2", "/"},
	        {&PRIVATE_COS, "/a%2fb%7e+c!%e7%9B%ae", "/a/b~%2Bc%21%E7%9B%AE"},
	        {&PRIVATE_COS, "//a//b", "//a//b"},
	        {&PRIVATE_S3_IN_PATH, "/a?b", "/b/a"},
	        {&PRIVATE_S3_IN_PATH, "/", "/b/"},
	        {&PUBLIC, "/a%2fb+c?x=%zz&acl", "/a%2fb+c?x=%zz&acl"},
	        {&PUBLIC_IN_PATH, "/a?b", "/b/a?b"},
	};
	struct text made = {0};
	for (size_t i = 0; i < ARRAY_LENGTH(ROWS); i++) {
		text_clear(&made);
		origin_bucket_add_target(ROWS[i].origin, str_of(ROWS[i].target), &made);
		assert_string_equal(text_c(&made), ROWS[i].sent);
	}
	text_done(&made);
}

static void only_objects_of_private_buckets_are_signed_for(void **state)
{
	(void)state;
	static const struct {
		const struct model_origin *origin;
		enum http_method method;
		const char *target;
		bool is_signed;
	} ROWS[] = {
	        {&PRIVATE_COS, HTTP_GET, "/a", true},
	        {&PRIVATE_COS, HTTP_HEAD, "/a?acl", true},
	        {&PRIVATE_COS, HTTP_OPTIONS, "/a", false},
	        {&PRIVATE_COS, HTTP_GET, "/", false},
	        {&PRIVATE_COS, HTTP_GET, "/?uploads", false},
	        {&PRIVATE_COS, HTTP_GET, "//%2f/%2F", false},
	        {&PRIVATE_S3_IN_PATH, HTTP_GET, "/", false},
	        {&PRIVATE_S3_IN_PATH, HTTP_GET, "/%20", true},
	        {&PUBLIC, HTTP_GET, "/a", false},
	};
	for (size_t i = 0; i < ARRAY_LENGTH(ROWS); i++) {
		struct text lines = {0};
		const struct origin_bucket_request request = {.origin = ROWS[i].origin,
		        .method = ROWS[i].method,
		        .target = str_of(ROWS[i].target),
		        .time_s = 1700000000};
		assert_int_equal(origin_bucket_is_signed(&request), ROWS[i].is_signed);
		origin_bucket_add_signature(&request, &lines);
		assert_int_equal(lines.len != 0, ROWS[i].is_signed);
		assert_true(lines.len <= origin_bucket_signature_bytes(ROWS[i].origin));
		text_done(&lines);
	}
}

static void host_and_range_are_signed(void **state)
{
	(void)state;
	struct text lines = {0}, other = {0};
	struct origin_bucket_request request = {.origin = &PRIVATE_COS,
	        .method = HTTP_GET,
	        .target = STR("/a"),
	        .range = STR("bytes=0-1"),
	        .time_s = 1700000000};
	origin_bucket_add_signature(&request, &lines);
	assert_non_null(strstr(text_c(&lines), "&q-header-list=host;range&q-url-param-list=&"));
	/* The way in which a path is written makes no difference. */
	request.target = STR("/%61?b");
	origin_bucket_add_signature(&request, &other);
	assert_string_equal(text_c(&other), text_c(&lines));
	text_clear(&lines);
	request.origin = &PRIVATE_S3_IN_PATH;
	origin_bucket_add_signature(&request, &lines);
	assert_non_null(strstr(text_c(&lines), "/us-east-1/s3/aws4_request, SignedHeaders=host;"
	                                       "range;x-amz-content-sha256;x-amz-date;"
	                                       "x-amz-security-token, "));
	text_done(&lines);
	text_done(&other);
}

static void the_longest_signature_has_room(void **state)
{
	(void)state;
	static char id[257], token[8193], region[65];
	memset(id, 'i', sizeof(id) - 1);
	memset(token, 't', sizeof(token) - 1);
	memset(region, 'r', sizeof(region) - 1);
	for (unsigned type = MODEL_COS; type <= MODEL_S3; type++) {
		struct text lines = {0};
		struct model_origin origin = {.type = (uint8_t)type,
		        .bucket = {.host = "b.test",
		                .is_private = true,
		                .key_id = id,
		                .secret = "s",
		                .token = token,
		                .region = region}};
		const struct origin_bucket_request request = {.origin = &origin,
		        .method = HTTP_HEAD,
		        .target = STR("/a"),
		        .range = STR("bytes=0-1"),
		        .time_s = 4000000000};
		origin_bucket_add_signature(&request, &lines);
		assert_true(lines.len <= origin_bucket_signature_bytes(&origin));
		text_done(&lines);
	}
}

static void a_refusal_with_another_time_is_one_of_the_clock(void **state)
{
	(void)state;
	enum { NOW_S = 1700000000 }; /* Tue, 14 Nov 2023 22:13:20 GMT */
	static const struct {
		unsigned status;
		const char *date, *age;
		bool is_skewed;
		int64_t now_s;
	} ROWS[] = {
	        {403, "Tue, 14 Nov 2023 23:13:20 GMT", "", true, NOW_S + 3600},
	        {403, "Tue, 14 Nov 2023 21:13:20 GMT", "", true, NOW_S - 3600},
	        {403, "Tue, 14 Nov 2023 22:14:20 GMT", "", false, 0},
	        {403, "Tue, 14 Nov 2023 22:14:21 GMT", "", true, NOW_S + 61},
	        {403, "Tue, 14 Nov 2023 22:12:19 GMT", "", true, NOW_S - 61},
	        {403, "Tue, 14 Nov 2023 21:13:20 GMT", "3600", false, 0},
	        {403, "Tue, 14 Nov 2023 21:13:20 GMT", "7200", true, NOW_S + 3600},
	        {403, "Tue, 14 Nov 2023 23:13:20 GMT", "x", false, 0},
	        {403, "Tue, 14 Nov 2023 23:13:20 GMT", "99999999999999999999", false, 0},
	        {403, "Tue, 14 Nov 2023 23:13:20 GMT", "31536001", false, 0},
	        {403, "nonsense", "", false, 0},
	        {403, "", "", false, 0},
	        {401, "Tue, 14 Nov 2023 23:13:20 GMT", "", false, 0},
	        {200, "Tue, 14 Nov 2023 23:13:20 GMT", "", false, 0},
	};
	for (size_t i = 0; i < ARRAY_LENGTH(ROWS); i++) {
		int64_t now_s = 0;
		bool is_skewed = origin_bucket_is_skewed(
		        ROWS[i].status, str_of(ROWS[i].date), str_of(ROWS[i].age), NOW_S, &now_s);
		if (is_skewed != ROWS[i].is_skewed || now_s != ROWS[i].now_s)
			fail_msg("row %zu: %d, %lld", i, is_skewed, (long long)now_s);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(an_origin_with_the_host_of_a_bucket_is_one),
	        cmocka_unit_test(a_bucket_is_only_read),
	        cmocka_unit_test(targets_are_what_they_may_be),
	        cmocka_unit_test(only_objects_of_private_buckets_are_signed_for),
	        cmocka_unit_test(host_and_range_are_signed),
	        cmocka_unit_test(the_longest_signature_has_room),
	        cmocka_unit_test(a_refusal_with_another_time_is_one_of_the_clock),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
