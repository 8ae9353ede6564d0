/*
 * A domain's rules in the cache's terms.
 */
#include "edge/rules.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static const struct cache_ttl *find(const struct edge_rules *rules, unsigned status)
{
	for (unsigned i = 0; i < rules->cache.ttl_count; i++)
		if (rules->cache.ttls[i].first <= status && status <= rules->cache.ttls[i].last)
			return &rules->cache.ttls[i];
	return NULL;
}

static void without_a_word_nothing_has_a_lifetime_by_rule(void **state)
{
	(void)state;
	struct model_domain *domain = model_domain_new();
	struct edge_rules rules;
	edge_rules_make(domain, &rules);
	assert_int_equal(rules.cache.ttl_count, 0);
	assert_int_equal(rules.cache.backup_max_s, UINT32_MAX);
	assert_true(rules.cache.has_client_directives);
	assert_true(rules.cache.has_heuristics);
	assert_int_equal(rules.cache.set_cookie, CACHE_SET_COOKIE_PASS);
	assert_int_equal(rules.cache.stale_if_error_s, 86400);
	assert_int_equal(rules.cache.stale_while_revalidate_s, 0);
	model_domain_unref(domain);
}

static void a_single_status_wins_over_the_default(void **state)
{
	(void)state;
	static const struct model_ttl list[] = {{404, 10500}, {302, 1000}, {200, 0}};
	struct model_domain *domain = model_domain_new();
	struct model_cache *cache = model_domain_own_cache(domain);
	struct edge_rules rules;
	cache->ttl_default_ms = 60000;
	cache->ttl_statuses = (struct model_ttls){list, 3};
	domain->backup_cache_max_ms = 5000;
	edge_rules_make(domain, &rules);
	assert_int_equal(find(&rules, 404)->ttl_s, 10);
	assert_int_equal(find(&rules, 302)->ttl_s, 1);
	assert_int_equal(find(&rules, 200)->ttl_s, 0);
	assert_int_equal(find(&rules, 301)->ttl_s, 60);
	assert_null(find(&rules, 500));
	assert_int_equal(rules.cache.backup_max_s, 5);
	model_domain_unref(domain);
}

static void all_statuses_that_may_be_given_have_room(void **state)
{
	(void)state;
	struct model_ttl list[LIMIT_STATUS_TTLS];
	struct model_domain *domain = model_domain_new();
	struct model_cache *cache = model_domain_own_cache(domain);
	struct edge_rules rules;
	for (unsigned i = 0; i < LIMIT_STATUS_TTLS; i++)
		list[i] = (struct model_ttl){(uint16_t)(400 + i), UINT64_C(1) << 62};
	cache->ttl_default_ms = 1000;
	cache->ttl_statuses = (struct model_ttls){list, LIMIT_STATUS_TTLS};
	edge_rules_make(domain, &rules);
	assert_int_equal(rules.cache.ttl_count, EDGE_RULES_TTLS);
	assert_int_equal(find(&rules, 415)->ttl_s, INT32_MAX);
	model_domain_unref(domain);
}

static void dates_are_trusted_where_the_domain_says_so(void **state)
{
	(void)state;
	struct model_domain *domain = model_domain_new();
	struct edge_rules rules;
	for (unsigned trusts = 0; trusts < 2; trusts++) {
		domain->resume_trusts_dates = trusts != 0;
		edge_rules_make(domain, &rules);
		assert_int_equal(rules.cache.trusts_dates, trusts);
	}
	model_domain_unref(domain);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(without_a_word_nothing_has_a_lifetime_by_rule),
	        cmocka_unit_test(a_single_status_wins_over_the_default),
	        cmocka_unit_test(all_statuses_that_may_be_given_have_room),
	        cmocka_unit_test(dates_are_trusted_where_the_domain_says_so),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
