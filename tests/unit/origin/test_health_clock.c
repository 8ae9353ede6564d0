/* What is known of a server's clock. */
#include "health_bench.h"

static void a_clock_is_right_until_it_is_known_to_be_another(void **state)
{
	struct bench *bench = *state;
	assert_int_equal(origin_health_clock_s(bench->server), 0);
	assert_true(origin_health_set_clock_s(bench->server, -7200, START));
	assert_int_equal(origin_health_clock_s(bench->server), -7200);
}

static void it_is_not_followed_more_often_than_every_ten_seconds(void **state)
{
	struct bench *bench = *state;
	assert_true(origin_health_set_clock_s(bench->server, 100, START));
	assert_false(origin_health_set_clock_s(bench->server, 200, START));
	assert_false(origin_health_set_clock_s(bench->server, 200, START + 9999));
	assert_int_equal(origin_health_clock_s(bench->server), 100);
	assert_true(origin_health_set_clock_s(bench->server, 300, START + 10000));
	assert_int_equal(origin_health_clock_s(bench->server), 300);
}

int main(void)
{
	hash_init();
	const struct CMUnitTest tests[] = {
	        HEALTH_TEST(a_clock_is_right_until_it_is_known_to_be_another),
	        HEALTH_TEST(it_is_not_followed_more_often_than_every_ten_seconds),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
