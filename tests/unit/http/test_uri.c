/* Authorities, absolute targets and escapes. */
#include "http/uri.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define assert_str_equal(a, b) assert_true(str_is_equal((a), (b)))

static void authorities_are_cut_in_two(void **state)
{
	(void)state;
	static const struct {
		const char *text, *host;
		uint16_t port;
	} rows[] = {
	        {"www.example.com", "www.example.com", 0},
	        {"www.example.com:8080", "www.example.com", 8080},
	        {"WWW.Example.COM.", "WWW.Example.COM.", 0},
	        {"www.example.com.:80", "www.example.com.", 80},
	        {"a", "a", 0},
	        {"a_b-c.1", "a_b-c.1", 0},
	        {"a:", "a", 0},
	        {"a:65535", "a", 65535},
	        {"a:00080", "a", 80},
	        {"203.0.113.7", "203.0.113.7", 0},
	        {"203.0.113.7:1", "203.0.113.7", 1},
	        {"[2001:db8::1]", "[2001:db8::1]", 0},
	        {"[2001:db8::1]:8443", "[2001:db8::1]", 8443},
	        {"[::]:", "[::]", 0},
	        {"[::ffff:203.0.113.7]", "[::ffff:203.0.113.7]", 0},
	};
	for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
		struct http_authority authority;
		assert_true(http_uri_parse_authority(str_of(rows[i].text), &authority));
		assert_str_equal(authority.host, str_of(rows[i].host));
		assert_int_equal(authority.port, rows[i].port);
	}
}

static void what_is_no_authority_is_refused(void **state)
{
	(void)state;
	static const char *const rows[] = {
	        "",
	        ":",
	        ":80",
	        ".",
	        ".a",
	        "a..b",
	        "a b",
	        "a/b",
	        "a,b",
	        "user@host",
	        "user:x@host",
	        "a:b",
	        "a:0",
	        "a:65536",
	        "a:-1",
	        "a:+1",
	        "a: 80",
	        "a:80:80",
	        "a:99999999999999999999",
	        "2001:db8::1",
	        "[",
	        "[]",
	        "[]:80",
	        "[::1",
	        "[::1]x",
	        "[::1]80",
	        "[1.2.3.4]",
	        "[::1%eth0]",
	        "[v1.x]",
	        "[::g]",
	        "a%20b",
	        "caf\xc3\xa9",
	        "a?b",
	        "a#b",
	        "\"a\"",
	        "a\\b",
	};
	for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
		struct http_authority authority;
		assert_false(http_uri_parse_authority(str_of(rows[i]), &authority));
	}
	char longest[LIMIT_HOST_BYTES + 2];
	memset(longest, 'a', sizeof(longest));
	struct http_authority authority;
	assert_true(http_uri_parse_authority(str_make(longest, LIMIT_HOST_BYTES), &authority));
	assert_false(http_uri_parse_authority(str_make(longest, LIMIT_HOST_BYTES + 1), &authority));
}

static void normal_hosts_are_lower_case_without_the_last_dot(void **state)
{
	(void)state;
	static const struct {
		const char *host, *normal;
	} rows[] = {
	        {"WWW.Example.COM", "www.example.com"},
	        {"www.example.com.", "www.example.com"},
	        {"[2001:DB8::A]", "[2001:db8::a]"},
	        {"", ""},
	};
	for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
		char to[LIMIT_HOST_BYTES + 1];
		struct str normal = http_uri_normal_host(str_of(rows[i].host), to);
		assert_str_equal(normal, str_of(rows[i].normal));
		assert_string_equal(to, rows[i].normal);
	}
}

static void absolute_targets_are_cut(void **state)
{
	(void)state;
	static const struct {
		const char *target, *authority, *path; /* authority NULL: refused */
	} rows[] = {
	        {"http://a/", "a", "/"},
	        {"HTTPS://a:443/b?c", "a:443", "/b?c"},
	        {"http://a", "a", "/"},
	        {"http://a//b", "a", "//b"},
	        {"http://[::1]:80/x", "[::1]:80", "/x"},
	        {"http://a?b", NULL, NULL},
	        {"http://a/#b", NULL, NULL},
	        {"http://a#b", NULL, NULL},
	        {"http:///a", NULL, NULL},
	        {"http://", NULL, NULL},
	        {"http://u@a/", NULL, NULL},
	        {"http:/a", NULL, NULL},
	        {"ftp://a/", NULL, NULL},
	        {"httpx://a/", NULL, NULL},
	        {"a:80", NULL, NULL},
	        {"a", NULL, NULL},
	        {"", NULL, NULL},
	};
	for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
		struct str authority, path;
		bool is_good = http_uri_parse_absolute(str_of(rows[i].target), &authority, &path);
		assert_int_equal(is_good, rows[i].authority != NULL);
		if (!is_good)
			continue;
		assert_str_equal(authority, str_of(rows[i].authority));
		assert_str_equal(path, str_of(rows[i].path));
	}
}

static void queries_are_cut_at_the_first_question_mark(void **state)
{
	(void)state;
	static const struct {
		const char *target, *path, *query;
	} rows[] = {
	        {"/a?b?c", "/a", "b?c"},
	        {"/a", "/a", ""},
	        {"/a?", "/a", ""},
	        {"?", "", ""},
	};
	for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
		struct str path, query;
		http_uri_cut_query(str_of(rows[i].target), &path, &query);
		assert_str_equal(path, str_of(rows[i].path));
		assert_str_equal(query, str_of(rows[i].query));
	}
}

static void escapes_have_two_digits(void **state)
{
	(void)state;
	static const struct {
		const char *target;
		bool is_good;
	} rows[] = {
	        {"/a", true},
	        {"/%20%aF%Fa", true},
	        {"%00", true},
	        {"/%", false},
	        {"/%2", false},
	        {"/%2g", false},
	        {"/%g2", false},
	        {"/%%20", false},
	};
	for (size_t i = 0; i < ARRAY_LENGTH(rows); i++)
		assert_int_equal(
		        http_uri_has_valid_escapes(str_of(rows[i].target)), rows[i].is_good);
}

static void a_plain_path_can_be_taken_for_one_thing_only(void **state)
{
	(void)state;
	static const struct {
		const char *target;
		bool is_plain;
	} rows[] = {
	        {"/", true},
	        {"//", true},
	        {"/a", true},
	        {"/a?..%zz", true},
	        {"/a/..b/c../d...e/...", true},
	        {"/%2e%2e%2e", true},
	        {"/a%2fb", true},
	        {"/\xff%ff%80", true},
	        {"", false},
	        {"*", false},
	        {"a", false},
	        {"?", false},
	        {"/.", false},
	        {"/./", false},
	        {"/..", false},
	        {"/../a", false},
	        {"/a/..?b", false},
	        {"/a/%2e", false},
	        {"/a/%2E./b", false},
	        {"/a/.%2e", false},
	        {"/a%2f..%2fb", false},
	        {"/a%2f.", false},
	        {"/%00", false},
	        {"/%1f", false},
	        {"/%7f", false},
	        {"/a\x01", false},
	        {"/%", false},
	        {"/%2", false},
	        {"/%g0", false},
	};
	for (size_t i = 0; i < ARRAY_LENGTH(rows); i++)
		if (http_uri_is_plain(str_of(rows[i].target)) != rows[i].is_plain)
			fail_msg("%s", rows[i].target);
}

static void a_path_is_decoded_once(void **state)
{
	(void)state;
	static const struct {
		const char *path, *decoded;
	} rows[] = {
	        {"", ""},
	        {"/a+b", "/a+b"},
	        {"/%e7%9B%AE%2f%2525", "/\xe7\x9b\xae/%25"},
	        {"/%%20%2", "/% %2"},
	};
	struct text made = {0};
	for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
		text_clear(&made);
		http_uri_decode(str_of(rows[i].path), &made);
		assert_string_equal(text_c(&made), rows[i].decoded);
	}
	text_done(&made);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(authorities_are_cut_in_two),
	        cmocka_unit_test(what_is_no_authority_is_refused),
	        cmocka_unit_test(normal_hosts_are_lower_case_without_the_last_dot),
	        cmocka_unit_test(absolute_targets_are_cut),
	        cmocka_unit_test(queries_are_cut_at_the_first_question_mark),
	        cmocka_unit_test(escapes_have_two_digits),
	        cmocka_unit_test(a_plain_path_can_be_taken_for_one_thing_only),
	        cmocka_unit_test(a_path_is_decoded_once),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
