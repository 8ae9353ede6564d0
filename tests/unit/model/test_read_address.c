/* One address of an origin: what is read, what is refused, and that printing leads back. */
#include "model/read.h"

#include "model/value.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

static void addresses_are_read_as_written(void **state)
{
	(void)state;
	static const struct {
		const char *text, *host;
		unsigned port, weight;
		bool is_ip;
		const char *printed;
	} ROWS[] = {
	        {"203.0.113.7", "203.0.113.7", 0, 1, true, "203.0.113.7"},
	        {"203.0.113.7:8080", "203.0.113.7", 8080, 1, true, "203.0.113.7:8080"},
	        {"203.0.113.7:8080:2", "203.0.113.7", 8080, 2, true, "203.0.113.7:8080:2"},
	        {"203.0.113.7::2", "203.0.113.7", 0, 2, true, "203.0.113.7::2"},
	        {"203.0.113.7:80:1", "203.0.113.7", 80, 1, true, "203.0.113.7:80"},
	        {"203.0.113.7:1:0", "203.0.113.7", 1, 0, true, "203.0.113.7:1:0"},
	        {"203.0.113.7:65535:100", "203.0.113.7", 65535, 100, true, "203.0.113.7:65535:100"},
	        {"Origin.Example.COM.", "origin.example.com", 0, 1, false, "origin.example.com"},
	        {"origin_1:81:0", "origin_1", 81, 0, false, "origin_1:81:0"},
	        {"cafe:80:10", "cafe", 80, 10, false, "cafe:80:10"},
	        {"localhost::50", "localhost", 0, 50, false, "localhost::50"},
	        {"münchen.example:80", "xn--mnchen-3ya.example", 80, 1, false,
	                "xn--mnchen-3ya.example:80"},
	        {"[2001:DB8::1]:8080:3", "2001:db8::1", 8080, 3, true, "[2001:db8::1]:8080:3"},
	        {"[2001:db8::1]", "2001:db8::1", 0, 1, true, "[2001:db8::1]"},
	        {"[2001:db8::1]:443", "2001:db8::1", 443, 1, true, "[2001:db8::1]:443"},
	        {"[2001:db8::1]::7", "2001:db8::1", 0, 7, true, "[2001:db8::1]::7"},
	        {"2001:db8::1", "2001:db8::1", 0, 1, true, "[2001:db8::1]"},
	        {"2001:db8::", "2001:db8::", 0, 1, true, "[2001:db8::]"},
	        {"::1", "::1", 0, 1, true, "[::1]"},
	        {"1::5", "1::5", 0, 1, true, "[1::5]"},
	        {"fe80::1:a", "fe80::1:a", 0, 1, true, "[fe80::1:a]"},
	        {"1:2:3:4:5:6:7:8", "1:2:3:4:5:6:7:8", 0, 1, true, "[1:2:3:4:5:6:7:8]"},
	        {"[::ffff:203.0.113.7]:80", "203.0.113.7", 80, 1, true, "203.0.113.7:80"},
	};
	struct model_domain *domain = model_domain_new();
	for (size_t i = 0; i < ARRAY_LENGTH(ROWS); i++) {
		struct model_address address, again;
		struct model_why why;
		struct text printed = {0};
		if (!model_read_address(domain, str_of(ROWS[i].text), &address, &why))
			fail_msg("%s: %s", ROWS[i].text, why.words);
		assert_string_equal(address.host, ROWS[i].host);
		assert_int_equal(address.port, ROWS[i].port);
		assert_int_equal(address.weight, ROWS[i].weight);
		assert_int_equal(address.is_ip, ROWS[i].is_ip);
		assert_int_equal(address.ip.port, ROWS[i].is_ip ? ROWS[i].port : 0);
		model_value_print_address(&address, &printed);
		assert_string_equal(text_c(&printed), ROWS[i].printed);
		assert_true(model_read_address(domain, text_str(&printed), &again, &why));
		assert_string_equal(again.host, address.host);
		assert_int_equal(again.port, address.port);
		assert_int_equal(again.weight, address.weight);
		assert_true(address_is_equal(&again.ip, &address.ip));
		text_done(&printed);
	}
	model_domain_unref(domain);
}

static void what_is_wrong_or_can_be_read_in_two_ways_is_refused(void **state)
{
	(void)state;
	static const struct {
		const char *text, *rule;
	} ROWS[] = {
	        {"", "name"},
	        {":80", "name"},
	        {"::5x", "name"},
	        {"203.0.113.7:0", "range"},
	        {"203.0.113.7:65536", "range"},
	        {"203.0.113.7:70000", "range"},
	        {"203.0.113.7:-1", "range"},
	        {"203.0.113.7:80x", "range"},
	        {"203.0.113.7:", "range"},
	        {"203.0.113.7:000080", "range"},
	        {"203.0.113.7:80:", "range"},
	        {"203.0.113.7::", "range"},
	        {"203.0.113.7:80:101", "range"},
	        {"203.0.113.7::1000", "range"},
	        {"203.0.113.7:80:+1", "range"},
	        {"203.0.113.7:80:1:1", "address"},
	        {"203.0.113.300", "name"},
	        {"203.0.113", "name"},
	        {"0x7f.1", "name"},
	        {"127.1", "name"},
	        {"http://203.0.113.7:80", "address"},
	        {"https://origin.example", "address"},
	        {"2001:db8::1:80", "address"},
	        {"2001:db8::1:80:2", "address"},
	        {"1:2:3:4:5:6:7:8:80", "address"},
	        {"2001:db8:::80", "address"},
	        {"cafe::10", "address"},
	        {"cafe.::10", "address"},
	        {"[2001:db8::1", "address"},
	        {"[2001:db8::1]80", "address"},
	        {"[203.0.113.7]:80", "address"},
	        {"[origin.example]:80", "address"},
	        {"[]:80", "name"},
	        {"[fe80::1%eth0]:80", "name"},
	        {"origin example:80", "name"},
	        {"-origin.example", "name"},
	        {"origin..example", "name"},
	        {"*.example.com:80", "name"},
	        {"user@origin.example:80", "name"},
	        {"origin.example/path", "name"},
	};
	struct model_domain *domain = model_domain_new();
	for (size_t i = 0; i < ARRAY_LENGTH(ROWS); i++) {
		struct model_address address;
		struct model_why why = {0};
		if (model_read_address(domain, str_of(ROWS[i].text), &address, &why))
			fail_msg("%s was read", ROWS[i].text);
		assert_non_null(why.words);
		if (strcmp(why.rule, ROWS[i].rule) != 0)
			fail_msg("%s: %s [%s]", ROWS[i].text, why.words, why.rule);
	}
	model_domain_unref(domain);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(addresses_are_read_as_written),
	        cmocka_unit_test(what_is_wrong_or_can_be_read_in_two_ways_is_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
