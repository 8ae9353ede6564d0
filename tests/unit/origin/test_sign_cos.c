/*
 * Signatures of COS: vectors that the official SDK has made, with every text in between. Their
 * secret is not known here, only the key that was made of it; how that is made, a vector of its own
 * tells.
 */
#include "origin/sign_cos.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define COS_HOST "mybucket-1250000000.cos.ap-guangzhou.myqcloud.com"
#define KEY_ID   "AKIDHEADWATERTESTKEY0000000000000000"
#define TIMES    "1700000000;1700000600"

enum { START_S = 1700000000, END_S = 1700000600 };

static const char SIGN_KEY[] = "b8e93844c349cdf1045f54709d32352155f1037b";

struct pair {
	const char *name, *value;
};

static const struct vector {
	const char *method, *path;
	struct pair parameters[2], headers[2];
	const char *http_string, *hash, *authorization;
} VECTORS[] = {
        {"GET", "/a.txt", {{0}}, {{"Host", COS_HOST}},
                "get\n/a.txt\n\nhost=mybucket-1250000000.cos.ap-guangzhou.myqcloud.co"
                "m\n",
                "1f3defc72369fe06546eb214d30487be998f734a",
                "q-sign-algorithm=sha1&q-ak=AKIDHEADWATERTESTKEY0000000000000000&q-si"
                "gn-time=1700000000;1700000600&q-key-time=1700000000;1700000600&q-hea"
                "der-list=host&q-url-param-list=&q-signature=f8cd340fee6446f820065930"
                "b06fb03d6dba4e21"},
        {"GET", "/a.txt", {{0}}, {{0}}, "get\n/a.txt\n\n\n",
                "b288b65c70edadab86ef25b78e61af6e0773087e",
                "q-sign-algorithm=sha1&q-ak=AKIDHEADWATERTESTKEY0000000000000000&q-si"
                "gn-time=1700000000;1700000600&q-key-time=1700000000;1700000600&q-hea"
                "der-list=&q-url-param-list=&q-signature=4e2f5598803e7d817ef21582b0cb"
                "82a18a0e3e8a"},
        {"GET", "/dir/a.txt",
                {{"response-content-type", "text/plain; charset=utf-8"}, {"versionId", "MTg0"}},
                {{"Host", COS_HOST}},
                "get\n/dir/a.txt\nresponse-content-type=text%2Fplain%3B%20charset%3Du"
                "tf-8&versionid=MTg0\nhost=mybucket-1250000000.cos.ap-guangzhou.myqcl"
                "oud.com\n",
                "31b5a181bb5b54e96b186acb2f9f1bb72a0bc479",
                "q-sign-algorithm=sha1&q-ak=AKIDHEADWATERTESTKEY0000000000000000&q-si"
                "gn-time=1700000000;1700000600&q-key-time=1700000000;1700000600&q-hea"
                "der-list=host&q-url-param-list=response-content-type;versionid&q-sig"
                "nature=bdbdea40900ce68f38ad9baccf76a5137ed49863"},
        {"GET", "/目录/文件 1+2(3).txt", {{0}}, {{"Host", COS_HOST}, {"Range", "bytes=0-1048575"}},
                "get\n/目录/文件 1+2(3).txt\n\nhost=mybucket-1250000000.cos.ap-guangzhou."
                "myqcloud.com&range=bytes%3D0-1048575\n",
                "6212032adf9f8c2c7ede546cb96761f812e7d46b",
                "q-sign-algorithm=sha1&q-ak=AKIDHEADWATERTESTKEY0000000000000000&q-si"
                "gn-time=1700000000;1700000600&q-key-time=1700000000;1700000600&q-hea"
                "der-list=host;range&q-url-param-list=&q-signature=7478f06ce64a0d3557"
                "27a4245c41b58cdb969c6c"},
        {"HEAD", "/a.txt", {{0}},
                {{"Host", COS_HOST}, {"If-Modified-Since", "Tue, 14 Nov 2023 22:13:20 GMT"}},
                "head\n/a.txt\n\nhost=mybucket-1250000000.cos.ap-guangzhou.myqcloud.c"
                "om&if-modified-since=Tue%2C%2014%20Nov%202023%2022%3A13%3A20%20GMT\n",
                "3d8a09120acec4af7a8459c1175a8f97976a4dea",
                "q-sign-algorithm=sha1&q-ak=AKIDHEADWATERTESTKEY0000000000000000&q-si"
                "gn-time=1700000000;1700000600&q-key-time=1700000000;1700000600&q-hea"
                "der-list=host;if-modified-since&q-url-param-list=&q-signature=46cb20"
                "4680ce563dc438bc9496b4b9160925cff1"},
        {"GET", "/p.png", {{"imageMogr2/thumbnail/!50p", ""}}, {{"Host", COS_HOST}},
                "get\n/p.png\nimagemogr2%2fthumbnail%2f%2150p=\nhost=mybucket-1250000"
                "000.cos.ap-guangzhou.myqcloud.com\n",
                "f73a49b6ec074a19554c4f7ff5e49b645f3adc42",
                "q-sign-algorithm=sha1&q-ak=AKIDHEADWATERTESTKEY0000000000000000&q-si"
                "gn-time=1700000000;1700000600&q-key-time=1700000000;1700000600&q-hea"
                "der-list=host&q-url-param-list=imagemogr2%2fthumbnail%2f%2150p&q-sig"
                "nature=c9db0f3cfcdcfae52a9223f8acb32f895247deae"},
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
		struct origin_sign_cos made;
		struct text wanted = {0};
		const struct origin_sign sign = {
		        .method = str_of(vector->method),
		        .path = str_of(vector->path),
		        .parameters = parameters,
		        .parameter_count = fill(vector->parameters, parameters),
		        .headers = headers,
		        .header_count = fill(vector->headers, headers),
		        .key_id = STR(KEY_ID),
		};
		origin_sign_cos_begin(&sign, START_S, END_S, &made);
		assert_string_equal(text_c(&made.time), TIMES);
		assert_string_equal(text_c(&made.http_string), vector->http_string);
		text_addf(&wanted, "sha1\n" TIMES "\n%s\n", vector->hash);
		assert_string_equal(text_c(&made.string_to_sign), text_c(&wanted));
		text_add(&made.sign_key, STR(SIGN_KEY));
		origin_sign_cos_end(&sign, &made);
		assert_string_equal(text_c(&made.authorization), vector->authorization);
		assert_true(
		        str_has_suffix(text_str(&made.authorization), text_str(&made.signature)));
		origin_sign_cos_done(&made);
		text_done(&wanted);
	}
}

static void the_key_is_made_of_secret_and_time(void **state)
{
	(void)state;
	struct origin_sign_cos made;
	const struct origin_sign sign = {.method = STR("GET"),
	        .path = STR("/"),
	        .secret = STR("BQYIM75p8x0iWVFSIgqEKwFprpRSVHlz")};
	origin_sign_cos_begin(&sign, 1557989151, 1557996351, &made);
	origin_sign_cos_key(&sign, &made);
	assert_string_equal(text_c(&made.sign_key), "eb2519b498b02ac213cb1f3d1a3d27a3b3c9bc5f");
	origin_sign_cos_done(&made);
}

static void a_request_gets_its_lines(void **state)
{
	(void)state;
	struct text lines = {0}, later = {0};
	const struct origin_sign_pair host = {STR("Host"), STR(COS_HOST)};
	struct origin_sign sign = {
	        .method = STR("GET"),
	        .path = STR("/a.txt"),
	        .headers = &host,
	        .header_count = 1,
	        .key_id = STR(KEY_ID),
	        .secret = STR("s"),
	        .time_s = START_S,
	};
	origin_sign_cos_add(&sign, &lines);
	assert_true(str_has_prefix(text_str(&lines),
	        STR("Authorization: q-sign-algorithm=sha1&q-ak=" KEY_ID
	            "&q-sign-time=1699999700;1700000900&q-key-time=1699999700;1700000900"
	            "&q-header-list=host&q-url-param-list=&q-signature=")));
	assert_true(str_has_suffix(text_str(&lines), STR("\r\n")));
	size_t length = lines.len;
	sign.token = STR("tok/en==");
	text_clear(&lines);
	origin_sign_cos_add(&sign, &lines);
	assert_true(
	        str_has_suffix(text_str(&lines), STR("\r\nx-cos-security-token: tok/en==\r\n")));
	assert_int_equal(lines.len, length + sizeof("x-cos-security-token: tok/en==\r\n") - 1);
	sign.time_s += 12345;
	origin_sign_cos_add(&sign, &later);
	assert_int_equal(later.len, lines.len);
	assert_string_not_equal(text_c(&later), text_c(&lines));
	text_done(&lines);
	text_done(&later);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(every_text_of_the_vectors_comes_out),
	        cmocka_unit_test(the_key_is_made_of_secret_and_time),
	        cmocka_unit_test(a_request_gets_its_lines),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
