/* The census: how many connections there may be, in all and from one client. */
#include "fixture.h"

static struct address parse(const char *text)
{
	struct address address;
	assert_true(address_parse_ip(str_of(text), 0, &address));
	return address;
}

static void connections_are_counted_up_to_the_limit(void **state)
{
	(void)state;
	struct serve_census *census = serve_census_new(2, 10);
	assert_true(serve_census_enter(census));
	assert_true(serve_census_enter(census));
	assert_false(serve_census_enter(census));
	assert_false(serve_census_enter(census));
	serve_census_leave(census);
	assert_true(serve_census_enter(census));
	assert_false(serve_census_enter(census));
	serve_census_leave(census);
	serve_census_leave(census);
	serve_census_free(census);
}

/* Two clients with room for one connection each: whether the second is refused. */
static const struct {
	const char *first, *second;
	bool is_same;
} pairs[] = {
        {"192.0.2.1", "192.0.2.1", true},
        {"192.0.2.1", "192.0.2.2", false},
        {"2001:db8::1", "2001:db8::2", true},
        {"2001:db8::1", "2001:db8:0:0:ffff::1", true},
        {"2001:db8::1", "2001:db8:0:1::1", false},
        {"192.0.2.1", "2001:db8::1", false},
        {"::ffff:192.0.2.1", "192.0.2.1", true},
};

static void a_client_is_an_ipv4_address_or_a_network_of_ipv6(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LENGTH(pairs); i++) {
		struct serve_census *census = serve_census_new(10, 1);
		struct address first = parse(pairs[i].first), second = parse(pairs[i].second);
		assert_true(serve_census_enter_client(census, &first));
		bool may = serve_census_enter_client(census, &second);
		assert_int_equal(may, !pairs[i].is_same);
		serve_census_leave_client(census, &first);
		if (may)
			serve_census_leave_client(census, &second);
		assert_true(serve_census_enter_client(census, &second));
		serve_census_leave_client(census, &second);
		serve_census_free(census);
	}
}

static void the_port_makes_no_other_client(void **state)
{
	(void)state;
	struct serve_census *census = serve_census_new(10, 1);
	struct address client = parse("192.0.2.1"), again = client;
	client.port = 1000;
	again.port = 1001;
	assert_true(serve_census_enter_client(census, &client));
	assert_false(serve_census_enter_client(census, &again));
	serve_census_leave_client(census, &client);
	serve_census_free(census);
}

static void what_is_left_in_the_census_is_freed_with_it(void **state)
{
	(void)state;
	struct serve_census *census = serve_census_new(1000, 4);
	for (unsigned i = 0; i < 300; i++) {
		struct address client = parse("192.0.2.1");
		client.ip[14] = (uint8_t)(i >> 8);
		client.ip[15] = (uint8_t)i;
		assert_true(serve_census_enter_client(census, &client));
	}
	serve_census_free(census);
	serve_census_free(NULL);
}

int main(void)
{
	hash_init();
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(connections_are_counted_up_to_the_limit),
	        cmocka_unit_test(a_client_is_an_ipv4_address_or_a_network_of_ipv6),
	        cmocka_unit_test(the_port_makes_no_other_client),
	        cmocka_unit_test(what_is_left_in_the_census_is_freed_with_it),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
