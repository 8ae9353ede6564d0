/* What an origin's address means on the wire. */
#include "origin/endpoint.h"

#include "stand.h"

static void protocol_port_and_names_follow_the_configuration(void **state)
{
	(void)state;
	static const struct {
		const char *domain, *address;
		enum model_protocol protocol;
		const char *host, *server_name;
		enum model_protocol expected_protocol;
		uint16_t expected_port;
		const char *expected_server_name, *expected_host;
	} rows[] = {
	        {"a.test", "192.0.2.1", MODEL_HTTP, NULL, NULL, MODEL_HTTP, 80, "", "a.test"},
	        {"a.test", "192.0.2.1:81", MODEL_HTTP, "o.test", NULL, MODEL_HTTP, 81, "",
	                "o.test"},
	        {"a.test", "o.test", MODEL_HTTPS, NULL, NULL, MODEL_HTTPS, 443, "a.test", "a.test"},
	        {"a.test", "o.test", MODEL_HTTPS, "o.test", NULL, MODEL_HTTPS, 443, "o.test",
	                "o.test"},
	        {"a.test", "o.test:8443", MODEL_HTTPS, "o.test", "t.test", MODEL_HTTPS, 8443,
	                "t.test", "o.test"},
	        {"a.test", "o.test", MODEL_FOLLOW, NULL, NULL, MODEL_HTTP, 80, "", "a.test"},
	        {"*.a.test", "o.test", MODEL_HTTPS, NULL, NULL, MODEL_HTTPS, 443, "a.test",
	                "a.test"},
	};
	for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
		struct model_domain *domain = stand_domain(rows[i].domain, rows[i].address, NULL);
		struct model_origin *origin = &domain->origin;
		origin->protocol = (uint8_t)rows[i].protocol;
		origin->host = rows[i].host;
		origin->tls.server_name = rows[i].server_name;
		assert_int_equal(origin_endpoint_protocol(origin), rows[i].expected_protocol);
		assert_int_equal(
		        origin_endpoint_port(origin, &origin->addresses[0]), rows[i].expected_port);
		assert_true(str_is_equal(origin_endpoint_server_name(domain, origin),
		        str_of(rows[i].expected_server_name)));
		assert_true(str_is_equal(
		        origin_endpoint_probe_host(domain, origin), str_of(rows[i].expected_host)));
		model_domain_unref(domain);
	}
}

int main(void)
{
	hash_init();
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(protocol_port_and_names_follow_the_configuration),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
