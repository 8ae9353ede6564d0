/* Host names in their normal form. */
#include "model/host.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#define LABEL_63 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

static void names_are_brought_to_their_normal_form(void **state)
{
	(void)state;
	static const struct {
		const char *text, *normal; /* NULL: refused */
	} ROWS[] = {
	        {"edge.test", "edge.test"},
	        {"EDGE.Test", "edge.test"},
	        {"edge.test.", "edge.test"},
	        {"localhost", "localhost"},
	        {"a_b.test", "a_b.test"},
	        {"xn--mnchen-3ya.example", "xn--mnchen-3ya.example"},
	        {"MÜNCHEN.example", "xn--mnchen-3ya.example"},
	        {"例え.テスト", "xn--r8jz45g.xn--zckzah"},
	        {"faß.example", "xn--fa-hia.example"},
	        {"203.0.113.7", "203.0.113.7"},
	        {"2001:DB8:0::1", "2001:db8::1"},
	        {LABEL_63 ".test", LABEL_63 ".test"},
	        {LABEL_63 "a.test", NULL},
	        {LABEL_63 "." LABEL_63 "." LABEL_63 "." LABEL_63, NULL},
	        {"", NULL},
	        {".", NULL},
	        {"edge..test", NULL},
	        {"edge.test..", NULL},
	        {"-edge.test", NULL},
	        {"edge-.test", NULL},
	        {"edge test", NULL},
	        {"edge/test", NULL},
	        {"1.2.3", NULL},
	        {"edge.1", NULL},
	        {"\xff\xfe.test", NULL},
	        {"a\xe2\x80\xae.test", NULL},
	};
	for (size_t i = 0; i < ARRAY_LENGTH(ROWS); i++) {
		struct model_host host;
		struct model_why why;
		bool is_read = model_host_read(str_of(ROWS[i].text), &host, &why);
		if (is_read != (ROWS[i].normal != NULL))
			fail_msg("\"%s\" was %s", ROWS[i].text, is_read ? "read" : why.words);
		if (is_read)
			assert_string_equal(host.name, ROWS[i].normal);
		else
			assert_string_equal(why.rule, "name");
	}
}

static void a_domain_may_be_a_wildcard(void **state)
{
	(void)state;
	static const struct {
		const char *text, *normal;
	} ROWS[] = {
	        {"*.Example.com", "*.example.com"},
	        {"*.münchen.example", "*.xn--mnchen-3ya.example"},
	        {"*.test", "*.test"},
	        {"edge.test", "edge.test"},
	        {"203.0.113.7", "203.0.113.7"},
	        {"*", NULL},
	        {"*.", NULL},
	        {"*.*.test", NULL},
	        {"a.*.test", NULL},
	        {"a*.test", NULL},
	        {"*.203.0.113.7", NULL},
	        {"2001:db8::1", NULL},
	        {"edge.test:80", NULL},
	        {"http://edge.test", NULL},
	        {"edge.test/", NULL},
	        {"*." LABEL_63 "." LABEL_63 "." LABEL_63 "." LABEL_63, NULL},
	};
	for (size_t i = 0; i < ARRAY_LENGTH(ROWS); i++) {
		struct model_host host;
		struct model_why why;
		bool is_read = model_host_read_pattern(str_of(ROWS[i].text), &host, &why);
		if (is_read != (ROWS[i].normal != NULL))
			fail_msg("\"%s\" was %s", ROWS[i].text, is_read ? "read" : why.words);
		if (is_read)
			assert_string_equal(host.name, ROWS[i].normal);
	}
}

static void an_authority_may_have_a_port(void **state)
{
	(void)state;
	static const struct {
		const char *text, *name;
		unsigned port;
	} ROWS[] = {
	        {"Edge.test", "edge.test", 0},
	        {"edge.test:8080", "edge.test", 8080},
	        {"203.0.113.7:1", "203.0.113.7", 1},
	        {"[2001:db8::1]", "2001:db8::1", 0},
	        {"[2001:db8::1]:65535", "2001:db8::1", 65535},
	        {"2001:db8::1", NULL, 0},
	        {"[203.0.113.7]:80", NULL, 0},
	        {"edge.test:", NULL, 0},
	        {"edge.test:0", NULL, 0},
	        {"edge.test:65536", NULL, 0},
	        {"[2001:db8::1]:", NULL, 0},
	        {"[2001:db8::1]80", NULL, 0},
	        {"[2001:db8::1", NULL, 0},
	        {"", NULL, 0},
	        {":80", NULL, 0},
	};
	for (size_t i = 0; i < ARRAY_LENGTH(ROWS); i++) {
		struct model_host host;
		struct model_why why;
		uint16_t port;
		bool is_read = model_host_read_authority(str_of(ROWS[i].text), &host, &port, &why);
		if (is_read != (ROWS[i].name != NULL))
			fail_msg("\"%s\" was %s", ROWS[i].text, is_read ? "read" : why.words);
		if (is_read) {
			assert_string_equal(host.name, ROWS[i].name);
			assert_int_equal(port, ROWS[i].port);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(names_are_brought_to_their_normal_form),
	        cmocka_unit_test(a_domain_may_be_a_wildcard),
	        cmocka_unit_test(an_authority_may_have_a_port),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
