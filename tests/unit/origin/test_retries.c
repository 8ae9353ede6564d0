/* The retries that all workers share. */
#include "origin/retries.h"

#include "stand.h"

#include <pthread.h>

static void an_origin_has_ten_for_all_who_ask(void **state)
{
	struct stand *stand = *state;
	struct model_domain *domain = stand_domain("a.test", "192.0.2.1", "192.0.2.2");
	struct origin_retries *one = origin_retries_get(stand->shared, domain, MODEL_MASTER);
	struct origin_retries *same = origin_retries_get(stand->shared, domain, MODEL_MASTER);
	struct origin_retries *other = origin_retries_get(stand->shared, domain, MODEL_BACKUP);
	assert_ptr_equal(one, same);
	for (unsigned i = 0; i < ORIGIN_RETRIES_FREE; i++)
		assert_true(origin_retries_take(i % 2 != 0 ? one : same));
	assert_false(origin_retries_take(one));
	assert_true(origin_retries_take(other));
	origin_retries_give(other);
	origin_retries_give(same);
	assert_true(origin_retries_take(one));
	for (unsigned i = 0; i < ORIGIN_RETRIES_FREE; i++)
		origin_retries_give(one);
	origin_retries_unref(one);
	origin_retries_unref(same);
	origin_retries_unref(other);
	model_domain_unref(domain);
}

static void only_a_master_that_is_hedged_has_a_pace(void **state)
{
	struct stand *stand = *state;
	struct model_domain *domain = stand_domain("a.test", "192.0.2.1", "192.0.2.2");
	struct origin_retries *plain = origin_retries_get(stand->shared, domain, MODEL_MASTER);
	assert_null(origin_retries_pace(plain));
	origin_retries_unref(plain);
	domain->hedge_after = MODEL_HEDGE_P95;
	struct origin_retries *one = origin_retries_get(stand->shared, domain, MODEL_MASTER);
	struct origin_retries *same = origin_retries_get(stand->shared, domain, MODEL_MASTER);
	struct origin_retries *backup = origin_retries_get(stand->shared, domain, MODEL_BACKUP);
	assert_non_null(origin_retries_pace(one));
	assert_ptr_equal(origin_retries_pace(same), origin_retries_pace(one));
	assert_null(origin_retries_pace(backup));
	origin_retries_unref(one);
	origin_retries_unref(same);
	origin_retries_unref(backup);
	model_domain_unref(domain);
}

enum { THREADS = 4, ROUNDS = 20000 };

struct crowd {
	struct stand *stand;
	struct model_domain *domain;
	atomic_uint held;
	atomic_bool is_over;
};

static void *take_and_give(void *context)
{
	struct crowd *crowd = context;
	for (unsigned i = 0; i < ROUNDS; i++) {
		struct origin_retries *retries =
		        origin_retries_get(crowd->stand->shared, crowd->domain, MODEL_MASTER);
		unsigned got = 0;
		while (got < ORIGIN_RETRIES_FREE / 2 && origin_retries_take(retries))
			got++;
		if (atomic_fetch_add(&crowd->held, got) + got > ORIGIN_RETRIES_FREE)
			atomic_store(&crowd->is_over, true);
		atomic_fetch_sub(&crowd->held, got);
		for (; got > 0; got--)
			origin_retries_give(retries);
		origin_retries_unref(retries);
	}
	return NULL;
}

static void threads_never_have_more_together(void **state)
{
	struct crowd crowd = {.stand = *state};
	crowd.domain = stand_domain("a.test", "192.0.2.1", NULL);
	pthread_t threads[THREADS];
	for (unsigned i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, take_and_give, &crowd), 0);
	for (unsigned i = 0; i < THREADS; i++)
		assert_int_equal(pthread_join(threads[i], NULL), 0);
	assert_false(atomic_load(&crowd.is_over));
	model_domain_unref(crowd.domain);
}

int main(void)
{
	hash_init();
	const struct CMUnitTest tests[] = {
	        STAND_TEST(an_origin_has_ten_for_all_who_ask),
	        STAND_TEST(only_a_master_that_is_hedged_has_a_pace),
	        STAND_TEST(threads_never_have_more_together),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
