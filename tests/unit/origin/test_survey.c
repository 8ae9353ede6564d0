/* How the addresses of an origin stand, for who pulls nothing. */
#include "origin/survey.h"

#include "stand.h"

struct look {
	struct arena arena;
	struct origin_survey survey;
};

static void look(
        struct stand *stand, struct model_domain *domain, enum model_role role, struct look *look)
{
	arena_init(&look->arena, NULL, 0);
	origin_survey_make(
	        stand->shared, domain, role, MODEL_HTTP, clock_ms(), &look->arena, &look->survey);
}

static void all_addresses_are_listed_in_their_order(void **state)
{
	struct stand *stand = *state;
	struct model_domain *domain =
	        stand_domain("a.test", "127.0.0.1:81 127.0.0.2::0 127.0.0.3::7", "127.0.0.4");
	struct look seen;
	look(stand, domain, MODEL_MASTER, &seen);
	assert_int_equal(seen.survey.count, 2);
	assert_int_equal(seen.survey.drained, 1);
	assert_int_equal(seen.survey.entries[0].address.port, 81);
	assert_int_equal(seen.survey.entries[1].address.port, 80);
	assert_int_equal(seen.survey.entries[1].configured->weight, 7);
	for (unsigned i = 0; i < 2; i++) {
		assert_true(seen.survey.entries[i].is_usable && !seen.survey.entries[i].is_out);
		assert_int_equal(seen.survey.entries[i].view.state, ORIGIN_USABLE);
	}
	assert_false(origin_survey_is_all_out(&seen.survey));
	arena_reset(&seen.arena);
	look(stand, domain, MODEL_BACKUP, &seen);
	assert_int_equal(seen.survey.count, 1);
	arena_reset(&seen.arena);
	model_domain_unref(domain);
	/* Without a backup there is nothing. */
	domain = stand_domain("b.test", "127.0.0.1", NULL);
	look(stand, domain, MODEL_BACKUP, &seen);
	assert_int_equal(seen.survey.count, 0);
	assert_false(origin_survey_is_all_out(&seen.survey));
	arena_reset(&seen.arena);
	model_domain_unref(domain);
}

static void who_follows_is_seen_as_the_client_would_ask(void **state)
{
	struct stand *stand = *state;
	struct model_domain *domain = stand_domain("a.test", "127.0.0.1 127.0.0.2:81", NULL);
	static const enum model_protocol SCHEMES[] = {MODEL_HTTP, MODEL_HTTPS};
	domain->origin.protocol = MODEL_FOLLOW;
	struct address tls = stand_address("127.0.0.1:443");
	struct origin_server *server = origin_health_server(origin_shared_health(stand->shared),
	        STR("a.test"), &tls, MODEL_HTTPS, STR("a.test"));
	origin_health_probed_server(server, false, FAULT_TLS_NAME, clock_ms());
	for (size_t i = 0; i < ARRAY_LENGTH(SCHEMES); i++) {
		struct arena arena;
		struct origin_survey survey;
		arena_init(&arena, NULL, 0);
		origin_survey_make(stand->shared, domain, MODEL_MASTER, SCHEMES[i], clock_ms(),
		        &arena, &survey);
		bool is_https = SCHEMES[i] == MODEL_HTTPS;
		assert_int_equal(survey.protocol, SCHEMES[i]);
		assert_int_equal(survey.entries[0].address.port, is_https ? 443 : 80);
		assert_int_equal(survey.entries[1].address.port, 81);
		assert_int_equal(survey.entries[0].is_out, is_https);
		assert_false(survey.entries[1].is_out);
		arena_reset(&arena);
	}
	origin_health_server_unref(server);
	model_domain_unref(domain);
}

static void a_block_is_seen_with_its_reason(void **state)
{
	struct stand *stand = *state;
	struct model_domain *domain = stand_domain("a.test", "127.0.0.1:81 127.0.0.1:82", NULL);
	struct origin_health *health = origin_shared_health(stand->shared);
	struct address first = stand_address("127.0.0.1:81"),
	               second = stand_address("127.0.0.1:82");
	struct origin_server *server =
	        origin_health_server(health, STR("a.test"), &first, MODEL_HTTP, STR_EMPTY);
	struct origin_host *host = origin_health_host(health, &second);
	struct look seen;
	origin_health_probed_server(server, false, FAULT_STATUS, clock_ms());
	look(stand, domain, MODEL_MASTER, &seen);
	assert_false(seen.survey.entries[0].is_usable);
	assert_true(seen.survey.entries[0].is_out && !seen.survey.entries[0].is_of_host);
	assert_int_equal(seen.survey.entries[0].view.reason, FAULT_STATUS);
	assert_true(seen.survey.entries[0].until_ms > clock_ms());
	assert_true(seen.survey.entries[1].is_usable);
	assert_false(origin_survey_is_all_out(&seen.survey));
	arena_reset(&seen.arena);
	origin_health_probed_host(host, false, FAULT_CONNECT_REFUSED, clock_ms());
	look(stand, domain, MODEL_MASTER, &seen);
	assert_true(seen.survey.entries[1].is_of_host);
	assert_int_equal(seen.survey.entries[1].view.reason, FAULT_CONNECT_REFUSED);
	assert_true(origin_survey_is_all_out(&seen.survey));
	arena_reset(&seen.arena);
	origin_health_server_unref(server);
	origin_health_host_unref(host);
	model_domain_unref(domain);
}

static void names_are_looked_up_by_asking(void **state)
{
	struct stand *stand = *state;
	struct model_domain *domain = stand_domain("a.test", "o.test:82 127.0.0.9", NULL);
	struct look seen;
	stand->dns.ips[0] = "127.0.0.1";
	stand->dns.ips[1] = "127.0.0.2";
	look(stand, domain, MODEL_MASTER, &seen);
	assert_int_equal(seen.survey.resolving, 1);
	assert_int_equal(seen.survey.count, 1);
	unsigned resolving = 1;
	for (uint64_t end_ms = clock_ms() + STAND_PATIENCE_MS; resolving != 0;) {
		assert_true(clock_ms() < end_ms);
		arena_reset(&seen.arena);
		loop_turn(stand->loop, 5);
		look(stand, domain, MODEL_MASTER, &seen);
		resolving = seen.survey.resolving;
	}
	assert_int_equal(seen.survey.count, 3);
	assert_int_equal(seen.survey.unresolved, 0);
	assert_int_equal(seen.survey.entries[0].address.port, 82);
	assert_string_equal(seen.survey.entries[0].configured->host, "o.test");
	arena_reset(&seen.arena);
	model_domain_unref(domain);
}

int main(void)
{
	hash_init();
	const struct CMUnitTest tests[] = {
	        STAND_TEST(all_addresses_are_listed_in_their_order),
	        STAND_TEST(who_follows_is_seen_as_the_client_would_ask),
	        STAND_TEST(a_block_is_seen_with_its_reason),
	        STAND_TEST(names_are_looked_up_by_asking),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
