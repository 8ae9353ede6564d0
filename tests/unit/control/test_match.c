/* Which of a domain's addresses an edge speaks of. */
#include "control/match.h"

#include "fixture.h"

enum { N = CONTROL_MATCH_NONE, M = CONTROL_MATCH_MAYBE, C = CONTROL_MATCH_CERTAIN };

/* The master has a literal, one with a port, a name, one with a port; the backup is HTTPS. */
static const char DOMAIN[] =
        "{\"name\":\"a.test\",\"origin\":{\"addresses\":[\"192.0.2.1\",\"192.0.2.1:81\","
        "\"one.test\",\"two.test:81\",\"[2001:db8::1]:81\"]},"
        "\"backup\":{\"protocol\":\"https\",\"host\":\"b.test\",\"addresses\":[\"192.0.2.1\","
        "\"three.test\",\"four.test\"]}}";

static const struct {
	const char *address, *server_name;
	uint8_t protocol;
	uint8_t master[5], backup[3];
	const char *roles;
} ROWS[] = {
        {"192.0.2.1:80", "", MODEL_HTTP, {C, N, N, N, N}, {N, N, N}, "\"origin\""},
        {"192.0.2.1:81", "", MODEL_HTTP, {N, C, N, N, N}, {N, N, N}, "\"origin\""},
        {"[2001:db8::1]:81", "", MODEL_HTTP, {N, N, N, N, C}, {N, N, N}, "\"origin\""},
        {"192.0.2.7:80", "", MODEL_HTTP, {N, N, C, N, N}, {N, N, N}, "\"origin\""},
        {"192.0.2.7:81", "", MODEL_HTTP, {N, N, N, C, N}, {N, N, N}, "\"origin\""},
        {"192.0.2.7:82", "", MODEL_HTTP, {N, N, N, N, N}, {N, N, N}, ""},
        {"192.0.2.1:443", "b.test", MODEL_HTTPS, {N, N, N, N, N}, {C, N, N}, "\"backup\""},
        {"192.0.2.1:443", "c.test", MODEL_HTTPS, {N, N, N, N, N}, {N, N, N}, ""},
        {"192.0.2.7:443", "b.test", MODEL_HTTPS, {N, N, N, N, N}, {N, M, M}, "\"backup\""},
        {"192.0.2.1:443", "", MODEL_HTTP, {N, N, N, N, N}, {N, N, N}, ""},
};

static void an_address_is_that_of_a_literal_or_else_of_a_name(void **state)
{
	(void)state;
	struct fixture fixture;
	fixture_init(&fixture);
	fixture.plane.rules = MODEL_STORED;
	create(&fixture, DOMAIN);
	struct model_domain *domain = domain_now(&fixture, "a.test");
	for (size_t k = 0; k < ARRAY_LENGTH(ROWS); k++) {
		struct control_health_item item = {.domain = STR("a.test"),
		        .server_name = str_of(ROWS[k].server_name),
		        .protocol = ROWS[k].protocol};
		struct text roles = {0};
		char expected[64];
		assert_true(address_parse(str_of(ROWS[k].address), &item.address));
		for (unsigned i = 0; i < 5; i++)
			assert_int_equal(control_match_address(domain, MODEL_MASTER, i, &item),
			        ROWS[k].master[i]);
		for (unsigned i = 0; i < 3; i++)
			assert_int_equal(control_match_address(domain, MODEL_BACKUP, i, &item),
			        ROWS[k].backup[i]);
		control_match_print_roles(domain, &item, &roles);
		snprintf(expected, sizeof(expected), ",\"roles\":[%s]", ROWS[k].roles);
		assert_string_equal(text_c(&roles), expected);
		text_done(&roles);
	}
	model_domain_unref(domain);
	fixture_done(&fixture);
}

static void an_origin_that_follows_has_two_ports(void **state)
{
	(void)state;
	static const struct {
		const char *address, *server_name;
		uint8_t protocol;
		uint8_t match;
	} rows[] = {
	        {"192.0.2.1:80", "", MODEL_HTTP, C},
	        {"192.0.2.1:443", "a.test", MODEL_HTTPS, C},
	        {"192.0.2.1:443", "", MODEL_HTTP, N},
	        {"192.0.2.1:80", "a.test", MODEL_HTTPS, N},
	        {"192.0.2.1:443", "b.test", MODEL_HTTPS, N},
	};
	struct fixture fixture;
	fixture_init(&fixture);
	create(&fixture, "{\"name\":\"a.test\",\"origin\":{\"addresses\":[\"192.0.2.1\"],"
	                 "\"protocol\":\"follow\"}}");
	struct model_domain *domain = domain_now(&fixture, "a.test");
	for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
		struct control_health_item item = {.domain = STR("a.test"),
		        .server_name = str_of(rows[i].server_name),
		        .protocol = rows[i].protocol};
		assert_true(address_parse(str_of(rows[i].address), &item.address));
		assert_int_equal(
		        control_match_address(domain, MODEL_MASTER, 0, &item), rows[i].match);
	}
	model_domain_unref(domain);
	fixture_done(&fixture);
}

static void both_origins_may_have_it(void **state)
{
	(void)state;
	struct fixture fixture;
	struct text roles = {0};
	struct control_health_item item = {.domain = STR("a.test"), .protocol = MODEL_HTTP};
	fixture_init(&fixture);
	create(&fixture, "{\"name\":\"a.test\",\"origin\":{\"addresses\":[\"192.0.2.1\"]},"
	                 "\"backup\":{\"addresses\":[\"192.0.2.1\"]}}");
	struct model_domain *domain = domain_now(&fixture, "a.test");
	assert_true(address_parse(STR("192.0.2.1:80"), &item.address));
	control_match_print_roles(domain, &item, &roles);
	assert_string_equal(text_c(&roles), ",\"roles\":[\"origin\",\"backup\"]");
	text_done(&roles);
	model_domain_unref(domain);
	fixture_done(&fixture);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(an_address_is_that_of_a_literal_or_else_of_a_name),
	        cmocka_unit_test(an_origin_that_follows_has_two_ports),
	        cmocka_unit_test(both_origins_may_have_it),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
