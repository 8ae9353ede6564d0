/* Addresses: reading, printing, prefixes, and the kernel's form. */
#include "base/address.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <sys/un.h>

struct row {
	const char *text;
	const char *printed; /* NULL where the text is refused */
};

static void addresses_with_ports_are_read_strictly_and_printed(void **state)
{
	(void)state;
	static const struct row ROW[] = {
	        {"203.0.113.7:80", "203.0.113.7:80"},
	        {"0.0.0.0:0", "0.0.0.0:0"},
	        {"255.255.255.255:65535", "255.255.255.255:65535"},
	        {"[2001:db8::1]:80", "[2001:db8::1]:80"},
	        {"[2001:0DB8:0:0:0:0:0:1]:080", "[2001:db8::1]:80"},
	        {"[::]:8080", "[::]:8080"},
	        {"[::ffff:192.0.2.1]:80", "192.0.2.1:80"},
	        {"[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]:65535",
	                "[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]:65535"},
	        {"", NULL},
	        {":80", NULL},
	        {"203.0.113.7", NULL},
	        {"203.0.113.7:", NULL},
	        {"203.0.113.7:65536", NULL},
	        {"203.0.113.7:000080", NULL},
	        {"203.0.113.7:80 ", NULL},
	        {" 203.0.113.7:80", NULL},
	        {"203.0.113.7:-1", NULL},
	        {"203.0.113.7:80:1", NULL},
	        {"203.0.113:80", NULL},
	        {"203.0.113.256:80", NULL},
	        {"203.0.113.07:80", NULL},
	        {"0x7f.0.0.1:80", NULL},
	        {"2001:db8::1:80", NULL},
	        {"[2001:db8::1]", NULL},
	        {"[2001:db8::1]80", NULL},
	        {"[2001:db8::1]:", NULL},
	        {"[2001:db8::1%eth0]:80", NULL},
	        {"[2001:db8::1]]:80", NULL},
	        {"[203.0.113.7]:80", NULL},
	        {"[]:80", NULL},
	        {"[", NULL},
	        {"example.com:80", NULL},
	};
	for (size_t i = 0; i < ARRAY_LENGTH(ROW); i++) {
		struct address address = {.port = 4711};
		char text[ADDRESS_TEXT_BYTES];
		bool is_good = address_parse(str_of(ROW[i].text), &address);
		if (is_good != (ROW[i].printed != NULL))
			fail_msg("\"%s\" gave %d", ROW[i].text, is_good);
		if (is_good)
			assert_string_equal(address_format(&address, text), ROW[i].printed);
		else
			assert_int_equal(address.port, 4711);
	}
}

static void bare_ips_are_read_strictly_and_printed(void **state)
{
	(void)state;
	static const struct row ROW[] = {
	        {"127.0.0.1", "127.0.0.1"},
	        {"::", "::"},
	        {"2001:db8::1", "2001:db8::1"},
	        {"::ffff:10.0.0.1", "10.0.0.1"},
	        {"[::1]", NULL},
	        {"127.0.0.1:80", NULL},
	        {"127.1", NULL},
	        {"1", NULL},
	        {"::1::", NULL},
	        {"", NULL},
	        {"fe80::1%1", NULL},
	        {"0000:0000:0000:0000:0000:0000:0000:0000:0000", NULL},
	};
	for (size_t i = 0; i < ARRAY_LENGTH(ROW); i++) {
		struct address address;
		char text[ADDRESS_TEXT_BYTES];
		bool is_good = address_parse_ip(str_of(ROW[i].text), 7, &address);
		if (is_good != (ROW[i].printed != NULL))
			fail_msg("\"%s\" gave %d", ROW[i].text, is_good);
		if (is_good) {
			assert_int_equal(address.port, 7);
			assert_string_equal(address_format_ip(&address, text), ROW[i].printed);
		}
	}
	struct address address;
	assert_false(address_parse_ip(str_make("127.0.0.1\0x", 11), 0, &address));
}

static void prefixes_hold_what_is_in_them(void **state)
{
	(void)state;
	static const struct {
		const char *prefix, *ip;
		bool is_in;
	} ROW[] = {
	        {"10.0.0.0/8", "10.255.0.1", true},
	        {"10.0.0.0/8", "11.0.0.1", false},
	        {"10.1.2.3/8", "10.9.9.9", true},
	        {"192.0.2.128/25", "192.0.2.127", false},
	        {"192.0.2.128/25", "192.0.2.200", true},
	        {"192.0.2.1", "192.0.2.1", true},
	        {"192.0.2.1", "192.0.2.2", false},
	        {"0.0.0.0/0", "8.8.8.8", true},
	        {"0.0.0.0/0", "2001:db8::1", false},
	        {"::/0", "2001:db8::1", true},
	        {"::/0", "8.8.8.8", false},
	        {"::ffff:0:0/96", "8.8.8.8", true},
	        {"2001:db8::/32", "2001:db8:ffff::1", true},
	        {"2001:db8::/32", "2001:db9::1", false},
	        {"2001:db8::/33", "2001:db8:8000::1", false},
	        {"2001:db8::1/128", "2001:db8::1", true},
	        {"2001:db8::1", "2001:db8::2", false},
	};
	for (size_t i = 0; i < ARRAY_LENGTH(ROW); i++) {
		struct address_prefix prefix;
		struct address address;
		assert_true(address_prefix_parse(str_of(ROW[i].prefix), &prefix));
		assert_true(address_parse_ip(str_of(ROW[i].ip), 80, &address));
		if (address_is_in(&address, &prefix) != ROW[i].is_in)
			fail_msg("%s in %s", ROW[i].ip, ROW[i].prefix);
	}
}

static void bad_prefixes_are_refused(void **state)
{
	(void)state;
	static const char *const ROW[] = {"", "/8", "10.0.0.0/", "10.0.0.0/33", "10.0.0.0/-1",
	        "10.0.0.0/8/8", "10.0.0/8", "::/129", "::/0x1", "::/0000", "10.0.0.0 /8",
	        "example.com/8"};
	for (size_t i = 0; i < ARRAY_LENGTH(ROW); i++) {
		struct address_prefix prefix;
		if (address_prefix_parse(str_of(ROW[i]), &prefix))
			fail_msg("\"%s\" was taken", ROW[i]);
	}
}

static void the_kernels_form_goes_there_and_back(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		int family;
		socklen_t length;
	} ROW[] = {
	        {"203.0.113.7:80", AF_INET, sizeof(struct sockaddr_in)},
	        {"[2001:db8::1]:8080", AF_INET6, sizeof(struct sockaddr_in6)},
	};
	for (size_t i = 0; i < ARRAY_LENGTH(ROW); i++) {
		struct address address, again;
		union address_sockaddr sockaddr;
		assert_true(address_parse(str_of(ROW[i].text), &address));
		assert_int_equal(address_is_v4(&address), ROW[i].family == AF_INET);
		assert_int_equal(address_to_sockaddr(&address, &sockaddr), ROW[i].length);
		assert_int_equal(sockaddr.any.sa_family, ROW[i].family);
		address_from_sockaddr(&sockaddr.any, &again);
		assert_true(address_is_equal(&address, &again));
		again.port++;
		assert_false(address_is_equal(&address, &again));
	}
}

static void an_unknown_family_becomes_zero(void **state)
{
	(void)state;
	static const struct address ZERO;
	struct sockaddr_un local = {.sun_family = AF_UNIX, .sun_path = "x"};
	struct address address;
	address_from_sockaddr((struct sockaddr *)&local, &address);
	assert_true(address_is_equal(&address, &ZERO));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(addresses_with_ports_are_read_strictly_and_printed),
	        cmocka_unit_test(bare_ips_are_read_strictly_and_printed),
	        cmocka_unit_test(prefixes_hold_what_is_in_them),
	        cmocka_unit_test(bad_prefixes_are_refused),
	        cmocka_unit_test(the_kernels_form_goes_there_and_back),
	        cmocka_unit_test(an_unknown_family_becomes_zero),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
