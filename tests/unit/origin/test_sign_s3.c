/*
 * Signatures of S3: vectors that the official SDK has made, with every text in between. Their
 * secret is not known here, only the key that was made of it; how that is made, the example of
 * Amazon's own documentation tells.
 */
#include "origin/sign_s3.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define KEY_ID "HWTESTACCESSKEY00001"
#define SCOPE  "20231114/us-east-1/s3/aws4_request"
#define EMPTY  "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

enum { TIME_S = 1700000000 };

static const unsigned char SIGNING_KEY[] = {0xbf, 0xb9, 0x84, 0x16, 0x59, 0x5b, 0xfe, 0xe5, 0x51,
        0x8e, 0xee, 0x92, 0x24, 0x5d, 0x19, 0x6b, 0xf7, 0xb0, 0x72, 0x0d, 0x16, 0x22, 0xf7, 0x40,
        0xf1, 0x31, 0xe2, 0x2e, 0x62, 0xa5, 0xd2, 0x59};

struct pair {
	const char *name, *value;
};

static const struct vector {
	const char *path, *body;
	struct pair parameters[2], headers[2];
	const char *canonical_request, *hash, *authorization;
} VECTORS[] = {
        {"/bkt/dir/a.txt", EMPTY, {{0}}, {{"Host", "127.0.0.1:9000"}},
                "GET\n/bkt/dir/a.txt\n\nhost:127.0.0.1:9000\nx-amz-content-sha256:e3b"
                "0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855\nx-amz"
                "-date:20231114T221320Z\n\nhost;x-amz-content-sha256;x-amz-date\ne3b0"
                "c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
                "62674c88f6353d966241bab9dd73055d2f444adb90219eb9ac8f0285bceeb4f7",
                "AWS4-HMAC-SHA256 Credential=HWTESTACCESSKEY00001/20231114/us-east-1/"
                "s3/aws4_request, SignedHeaders=host;x-amz-content-sha256;x-amz-date,"
                " Signature=3e64d8f3a31d7de3ec3c063f70e9362b80e0e57cc07c23d1000e29558"
                "cae93da"},
        {"/bkt/dir/a.txt", NULL, {{0}}, {{"Host", "127.0.0.1:9000"}},
                "GET\n/bkt/dir/a.txt\n\nhost:127.0.0.1:9000\nx-amz-content-sha256:UNS"
                "IGNED-PAYLOAD\nx-amz-date:20231114T221320Z\n\nhost;x-amz-content-sha"
                "256;x-amz-date\nUNSIGNED-PAYLOAD",
                "d50f929061205e9dab970dcb1b54affc246706a6e879031fbe4eaae1b7a6783d",
                "AWS4-HMAC-SHA256 Credential=HWTESTACCESSKEY00001/20231114/us-east-1/"
                "s3/aws4_request, SignedHeaders=host;x-amz-content-sha256;x-amz-date,"
                " Signature=a8d2116c2b389882a531dd3858a1f124487087b06520f45b4293000fe"
                "a703eec"},
        {"/dir/a.txt", EMPTY,
                {{"response-content-type", "text/plain; charset=utf-8"}, {"versionId", "v1"}},
                {{"Host", "bkt.s3.us-east-1.amazonaws.com"}, {"Range", "bytes=0-1048575"}},
                "GET\n/dir/a.txt\nresponse-content-type=text%2Fplain%3B%20charset%3Du"
                "tf-8&versionId=v1\nhost:bkt.s3.us-east-1.amazonaws.com\nrange:bytes="
                "0-1048575\nx-amz-content-sha256:e3b0c44298fc1c149afbf4c8996fb92427ae"
                "41e4649b934ca495991b7852b855\nx-amz-date:20231114T221320Z\n\nhost;ra"
                "nge;x-amz-content-sha256;x-amz-date\ne3b0c44298fc1c149afbf4c8996fb92"
                "427ae41e4649b934ca495991b7852b855",
                "8efd9b8e8442cc49bfa7a2d79660da1f7b954d1d453c781dd9e0cc4319d460c5",
                "AWS4-HMAC-SHA256 Credential=HWTESTACCESSKEY00001/20231114/us-east-1/"
                "s3/aws4_request, SignedHeaders=host;range;x-amz-content-sha256;x-amz"
                "-date, Signature=44b8e67417343fbc13e5363a1e2a98479984f02b1ba4bc1b886"
                "94f2746be2454"},
        {"/bkt/目录/文件 1+2(3).txt", EMPTY, {{0}}, {{"Host", "127.0.0.1:9000"}},
                "GET\n/bkt/%E7%9B%AE%E5%BD%95/%E6%96%87%E4%BB%B6%201%2B2%283%29.txt\n"
                "\nhost:127.0.0.1:9000\nx-amz-content-sha256:e3b0c44298fc1c149afbf4c8"
                "996fb92427ae41e4649b934ca495991b7852b855\nx-amz-date:20231114T221320"
                "Z\n\nhost;x-amz-content-sha256;x-amz-date\ne3b0c44298fc1c149afbf4c89"
                "96fb92427ae41e4649b934ca495991b7852b855",
                "4c437ca6a1b29f13dc70258ccad2a525af70472ec980204c60e3f445123195d7",
                "AWS4-HMAC-SHA256 Credential=HWTESTACCESSKEY00001/20231114/us-east-1/"
                "s3/aws4_request, SignedHeaders=host;x-amz-content-sha256;x-amz-date,"
                " Signature=73156bdf596920a843e16b18e0721ecd31158009c0ed44f6f352b5f0d"
                "949f220"},
};

static unsigned fill(const struct pair *from, struct origin_sign_pair *to)
{
	unsigned count = 0;
	for (; count < 2 && from[count].name != NULL; count++)
		to[count] = (struct origin_sign_pair){
		        str_of(from[count].name), str_of(from[count].value)};
	return count;
}

static void every_text_of_the_vectors_comes_out(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LENGTH(VECTORS); i++) {
		const struct vector *vector = &VECTORS[i];
		struct origin_sign_pair parameters[2], headers[2];
		struct origin_sign_s3 made;
		struct text wanted = {0};
		const struct origin_sign sign = {
		        .method = STR("GET"),
		        .path = str_of(vector->path),
		        .parameters = parameters,
		        .parameter_count = fill(vector->parameters, parameters),
		        .headers = headers,
		        .header_count = fill(vector->headers, headers),
		        .key_id = STR(KEY_ID),
		        .region = STR("us-east-1"),
		        .body = str_of(vector->body),
		        .time_s = TIME_S,
		};
		origin_sign_s3_begin(&sign, &made);
		assert_string_equal(text_c(&made.date), "20231114T221320Z");
		assert_string_equal(text_c(&made.scope), SCOPE);
		assert_string_equal(text_c(&made.canonical_request), vector->canonical_request);
		text_addf(
		        &wanted, "AWS4-HMAC-SHA256\n20231114T221320Z\n" SCOPE "\n%s", vector->hash);
		assert_string_equal(text_c(&made.string_to_sign), text_c(&wanted));
		memcpy(made.signing_key, SIGNING_KEY, sizeof(SIGNING_KEY));
		origin_sign_s3_end(&sign, &made);
		assert_string_equal(text_c(&made.authorization), vector->authorization);
		assert_true(
		        str_has_suffix(text_str(&made.authorization), text_str(&made.signature)));
		origin_sign_s3_done(&made);
		text_done(&wanted);
	}
}

/* "Example: GET Object" of "Authenticating Requests: Using the Authorization Header", as it is
 * printed there. */
static void the_example_of_the_documentation_comes_out(void **state)
{
	(void)state;
	struct origin_sign_s3 made;
	const struct origin_sign_pair headers[] = {
	        {STR("Host"), STR("examplebucket.s3.amazonaws.com")},
	        {STR("Range"), STR("bytes=0-9")}};
	const struct origin_sign sign = {
	        .method = STR("GET"),
	        .path = STR("/test.txt"),
	        .headers = headers,
	        .header_count = ARRAY_LENGTH(headers),
	        .key_id = STR("AKIAIOSFODNN7EXAMPLE"),
	        .secret = STR("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"),
	        .region = STR("us-east-1"),
	        .body = STR(EMPTY),
	        .time_s = 1369353600,
	};
	origin_sign_s3_begin(&sign, &made);
	origin_sign_s3_key(&sign, &made);
	origin_sign_s3_end(&sign, &made);
	assert_string_equal(text_c(&made.signature),
	        "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41");
	origin_sign_s3_done(&made);
}

static void white_space_in_fields_is_folded(void **state)
{
	(void)state;
	struct origin_sign_s3 made;
	const struct origin_sign_pair header = {STR("My-Header"), STR(" \t a  b \tc ")};
	const struct origin_sign sign = {
	        .method = STR("GET"), .path = STR("/"), .headers = &header, .header_count = 1};
	origin_sign_s3_begin(&sign, &made);
	assert_non_null(strstr(text_c(&made.canonical_request), "\nmy-header:a b c\n"));
	origin_sign_s3_done(&made);
}

static void a_request_gets_its_lines(void **state)
{
	(void)state;
	struct text lines = {0}, later = {0};
	const struct origin_sign_pair host = {STR("Host"), STR("a.test")};
	struct origin_sign sign = {
	        .method = STR("GET"),
	        .path = STR("/a"),
	        .headers = &host,
	        .header_count = 1,
	        .key_id = STR(KEY_ID),
	        .secret = STR("s"),
	        .token = STR("tok/en=="),
	        .region = STR("eu-west-1"),
	        .time_s = TIME_S,
	};
	origin_sign_s3_add(&sign, &lines);
	assert_true(str_has_prefix(text_str(&lines),
	        STR("x-amz-date: 20231114T221320Z\r\nx-amz-content-sha256: UNSIGNED-PAYLOAD\r\n"
	            "x-amz-security-token: tok/en==\r\n"
	            "Authorization: AWS4-HMAC-SHA256 Credential=" KEY_ID
	            "/20231114/eu-west-1/s3/aws4_request, SignedHeaders=host;"
	            "x-amz-content-sha256;x-amz-date;x-amz-security-token, Signature=")));
	assert_true(str_has_suffix(text_str(&lines), STR("\r\n")));
	sign.time_s += 123456;
	origin_sign_s3_add(&sign, &later);
	assert_int_equal(later.len, lines.len);
	assert_string_not_equal(text_c(&later), text_c(&lines));
	text_done(&lines);
	text_done(&later);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(every_text_of_the_vectors_comes_out),
	        cmocka_unit_test(the_example_of_the_documentation_comes_out),
	        cmocka_unit_test(white_space_in_fields_is_folded),
	        cmocka_unit_test(a_request_gets_its_lines),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
