/* What an origin's address means on the wire. */
#include "origin/endpoint.h"

#include "stand.h"

static void protocol_port_and_names_follow_the_configuration(void **state)
{
	(void)state;
	static const struct {
		const char *domain, *address;
		enum model_protocol protocol, scheme;
		const char *host, *server_name;
		enum model_protocol expected_protocol;
		uint16_t expected_port;
		const char *expected_server_name, *expected_host;
	} rows[] = {
	        {"a.test", "192.0.2.1", MODEL_HTTP, MODEL_HTTP, NULL, NULL, MODEL_HTTP, 80, "",
	                "a.test"},
	        {"a.test", "192.0.2.1", MODEL_HTTP, MODEL_HTTPS, NULL, NULL, MODEL_HTTP, 80, "",
	                "a.test"},
	        {"a.test", "192.0.2.1:81", MODEL_HTTP, MODEL_HTTP, "o.test", NULL, MODEL_HTTP, 81,
	                "", "o.test"},
	        {"a.test", "o.test", MODEL_HTTPS, MODEL_HTTP, NULL, NULL, MODEL_HTTPS, 443,
	                "a.test", "a.test"},
	        {"a.test", "o.test", MODEL_HTTPS, MODEL_HTTPS, "o.test", NULL, MODEL_HTTPS, 443,
	                "o.test", "o.test"},
	        {"a.test", "o.test:8443", MODEL_HTTPS, MODEL_HTTP, "o.test", "t.test", MODEL_HTTPS,
	                8443, "t.test", "o.test"},
	        {"a.test", "o.test", MODEL_HTTPS, MODEL_HTTP, "o.test:8443", NULL, MODEL_HTTPS, 443,
	                "o.test", "o.test:8443"},
	        {"a.test", "o.test", MODEL_HTTPS, MODEL_HTTP, "[2001:db8::1]:8443", NULL,
	                MODEL_HTTPS, 443, "2001:db8::1", "[2001:db8::1]:8443"},
	        {"a.test", "o.test", MODEL_FOLLOW, MODEL_HTTP, NULL, NULL, MODEL_HTTP, 80, "",
	                "a.test"},
	        {"a.test", "o.test", MODEL_FOLLOW, MODEL_HTTPS, NULL, NULL, MODEL_HTTPS, 443,
	                "a.test", "a.test"},
	        {"a.test", "o.test:81", MODEL_FOLLOW, MODEL_HTTPS, NULL, NULL, MODEL_HTTPS, 81,
	                "a.test", "a.test"},
	        {"*.a.test", "o.test", MODEL_HTTPS, MODEL_HTTP, NULL, NULL, MODEL_HTTPS, 443,
	                "a.test", "a.test"},
	};
	for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
		struct model_domain *domain = stand_domain(rows[i].domain, rows[i].address, NULL);
		struct model_origin *origin = &domain->origin;
		origin->protocol = (uint8_t)rows[i].protocol;
		origin->host = rows[i].host;
		origin->tls.server_name = rows[i].server_name;
		enum model_protocol protocol = origin_endpoint_protocol(origin, rows[i].scheme);
		assert_int_equal(protocol, rows[i].expected_protocol);
		assert_int_equal(origin_endpoint_port(&origin->addresses[0], protocol),
		        rows[i].expected_port);
		assert_true(str_is_equal(origin_endpoint_server_name(domain, origin, protocol),
		        str_of(rows[i].expected_server_name)));
		assert_true(str_is_equal(
		        origin_endpoint_probe_host(domain, origin), str_of(rows[i].expected_host)));
		model_domain_unref(domain);
	}
}

static void only_an_origin_that_follows_has_two_protocols(void **state)
{
	(void)state;
	static const struct {
		enum model_protocol protocol;
		unsigned count;
		enum model_protocol protocols[2];
	} rows[] = {
	        {MODEL_HTTP, 1, {MODEL_HTTP}},
	        {MODEL_HTTPS, 1, {MODEL_HTTPS}},
	        {MODEL_FOLLOW, 2, {MODEL_HTTP, MODEL_HTTPS}},
	};
	for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
		struct model_origin origin = {.protocol = (uint8_t)rows[i].protocol};
		enum model_protocol protocols[2];
		assert_int_equal(origin_endpoint_protocols(&origin, protocols), rows[i].count);
		for (unsigned k = 0; k < rows[i].count; k++)
			assert_int_equal(protocols[k], rows[i].protocols[k]);
	}
}

static void a_wildcard_that_says_nothing_else_is_asked_for_by_name(void **state)
{
	(void)state;
	static const struct {
		const char *domain, *host, *server_name;
		enum model_protocol protocol;
		bool asks;
	} rows[] = {
	        {"*.a.test", NULL, NULL, MODEL_HTTPS, true},
	        {"*.a.test", NULL, NULL, MODEL_HTTP, false},
	        {"*.a.test", "o.test", NULL, MODEL_HTTPS, false},
	        {"*.a.test", NULL, "o.test", MODEL_HTTPS, false},
	        {"a.test", NULL, NULL, MODEL_HTTPS, false},
	};
	for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
		struct model_domain *domain = stand_domain(rows[i].domain, "192.0.2.1", NULL);
		domain->origin.host = rows[i].host;
		domain->origin.tls.server_name = rows[i].server_name;
		assert_int_equal(
		        origin_endpoint_asks_by_name(domain, &domain->origin, rows[i].protocol),
		        rows[i].asks);
		model_domain_unref(domain);
	}
}

int main(void)
{
	hash_init();
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(protocol_port_and_names_follow_the_configuration),
	        cmocka_unit_test(only_an_origin_that_follows_has_two_protocols),
	        cmocka_unit_test(a_wildcard_that_says_nothing_else_is_asked_for_by_name),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
