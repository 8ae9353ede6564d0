/* What workers share: health told from many threads arrives at the steward. */
#include "origin/shared.h"

#include "stand.h"

#include <pthread.h>

enum { THREADS = 3, HOSTS = 40 };

static struct stand *stand_of_threads;

static struct address nth_address(unsigned n)
{
	struct address address = stand_address("127.0.0.1:80");
	address.port = (uint16_t)(1000 + n);
	return address;
}

static void *block_some(void *argument)
{
	unsigned first = *(unsigned *)argument;
	struct origin_health *health = origin_shared_health(stand_of_threads->shared);
	for (unsigned i = first; i < first + HOSTS; i++) {
		struct address address = nth_address(i);
		struct origin_server *server = origin_health_server(
		        health, STR("a.test"), &address, MODEL_HTTP, STR_EMPTY);
		origin_health_probed_server(server, false, FAULT_STATUS, clock_ms());
		origin_health_server_unref(server);
	}
	return NULL;
}

static void changes_on_any_thread_are_told_on_the_stewards(void **state)
{
	struct stand *stand = *state;
	stand_of_threads = stand;
	pthread_t threads[THREADS];
	unsigned firsts[THREADS];
	for (unsigned i = 0; i < THREADS; i++) {
		firsts[i] = i * HOSTS;
		assert_int_equal(pthread_create(&threads[i], NULL, block_some, &firsts[i]), 0);
	}
	STAND_UNTIL(stand->loop, stand->to[ORIGIN_BLOCKED] == THREADS * HOSTS);
	for (unsigned i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	assert_string_equal(stand->domain, "a.test");
	/* A block outlives those who pulled: the steward keeps it. */
	struct address address = nth_address(THREADS * HOSTS - 1);
	assert_int_not_equal(stand_server_state(stand, "a.test", &address), ORIGIN_USABLE);
}

static void fifty_domains_learn_together_that_an_address_is_dead(void **state)
{
	struct stand *stand = *state;
	struct address dead = stand_dead_address(stand->loop);
	struct origin_server *servers[50];
	struct origin_health *health = origin_shared_health(stand->shared);
	for (unsigned i = 0; i < ARRAY_LENGTH(servers); i++) {
		char name[3] = {(char)('a' + i / 26), (char)('a' + i % 26), '\0'};
		servers[i] =
		        origin_health_server(health, str_of(name), &dead, MODEL_HTTP, STR_EMPTY);
	}
	struct origin_host *host = origin_health_server_host(servers[0]);
	origin_health_note_connection(host, FAULT_CONNECT_REFUSED, clock_ms());
	STAND_UNTIL(stand->loop, stand->to[ORIGIN_BLOCKED] == 1);
	for (unsigned i = 0; i < ARRAY_LENGTH(servers); i++) {
		unsigned share;
		uint64_t until_ms;
		assert_int_equal(origin_health_standing(origin_health_server_host(servers[i]),
		                         servers[i], clock_ms(), &share, &until_ms),
		        ORIGIN_STANDING_BLOCKED);
		origin_health_server_unref(servers[i]);
	}
}

static void a_snapshot_may_be_replaced_at_any_time(void **state)
{
	struct stand *stand = *state;
	for (unsigned i = 0; i < 3; i++) {
		struct model_domain *domain = stand_domain("a.test", "127.0.0.1 o.test", NULL);
		struct model_snapshot *snapshot = stand_snapshot(domain, NULL, NULL);
		origin_shared_set_snapshot(stand->shared, snapshot);
		model_snapshot_unref(snapshot);
		model_domain_unref(domain);
		loop_turn(stand->loop, 0);
	}
}

int main(void)
{
	hash_init();
	const struct CMUnitTest tests[] = {
	        STAND_TEST(changes_on_any_thread_are_told_on_the_stewards),
	        STAND_TEST(fifty_domains_learn_together_that_an_address_is_dead),
	        STAND_TEST(a_snapshot_may_be_replaced_at_any_time),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
