/* Domains: defaults, memory, references. */
#include "model/domain.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

static void a_new_domain_has_the_defaults_of_the_documentation(void **state)
{
	(void)state;
	struct model_domain *domain = model_domain_new();
	assert_null(domain->name);
	assert_null(domain->backup);
	assert_int_equal(domain->status, MODEL_ONLINE);
	assert_int_equal(domain->kind, MODEL_NORMAL);
	assert_int_equal(domain->origin.type, MODEL_SELF);
	assert_int_equal(domain->origin.protocol, MODEL_HTTP);
	assert_int_equal(domain->origin.policy, MODEL_POLLING);
	assert_int_equal(domain->origin.address_count, 0);
	assert_true(domain->origin.tls.verify);
	assert_int_equal(domain->origin.connect_timeout_ms, 5000);
	assert_int_equal(domain->origin.head_timeout_ms, 10000);
	assert_int_equal(domain->origin.idle_timeout_ms, 10000);
	assert_int_equal(domain->origin.keepalive_ms, 60000);
	assert_int_equal(domain->origin.connections_max, 0);
	assert_int_equal(domain->origin.queue_max, 1000);
	assert_int_equal(domain->origin.queue_ms, 5000);
	assert_null(domain->origin.probe.path);
	assert_int_equal(domain->origin.probe.interval_ms, 10000);
	assert_int_equal(domain->origin.probe.timeout_ms, 2000);
	assert_int_equal(domain->origin.probe.rise, 2);
	assert_int_equal(domain->origin.probe.fall, 3);
	assert_true(model_statuses_has(&domain->origin.probe.expect, 200));
	assert_true(model_statuses_has(&domain->origin.probe.expect, 399));
	assert_false(model_statuses_has(&domain->origin.probe.expect, 400));
	assert_int_equal(domain->failover_attempts, 3);
	assert_int_equal(domain->failover_budget_ms, 30000);
	assert_false(domain->failover_unsafe);
	assert_int_equal(domain->all_blocked, MODEL_ALL_BLOCKED_TRY);
	assert_int_equal(domain->latch, MODEL_LATCH_OFF);
	assert_int_equal(domain->hold_down_ms, 0);
	assert_int_equal(domain->request_body_max, 32 << 20);
	assert_true(domain->x_forwarded_for);
	assert_true(domain->x_forwarded_proto);
	assert_false(domain->forwarded);
	assert_null(domain->headers_to_origin);
	assert_null(domain->headers_to_client);
	assert_false(domain->debug);
	assert_int_equal(domain->backup_cache_max_ms, 0);
	assert_true(domain->cache->is_on);
	assert_true(domain->cache->heuristics);
	assert_true(domain->cache->client_directives);
	assert_false(domain->cache->query_sorted);
	assert_false(domain->cache->ignore_case);
	assert_int_equal(domain->cache->set_cookie, MODEL_SET_COOKIE_NEVER);
	assert_int_equal(domain->cache->scheme, MODEL_SCHEME_SPLIT);
	assert_int_equal(domain->cache->query, MODEL_QUERY_KEEP);
	assert_int_equal(domain->cache->query_parameters.count, 0);
	assert_int_equal(domain->cache->ttl_default_ms, 0);
	assert_int_equal(domain->cache->ttl_statuses.count, 0);
	assert_int_equal(domain->cache->object_max, (uint64_t)64 << 30);
	assert_int_equal(domain->cache->stale_if_error_ms, 86400000);
	assert_int_equal(domain->cache->stale_while_revalidate_ms, 0);
	assert_int_equal(domain->cache->stale_wait_ms, 1000);
	assert_int_equal(domain->cache->fill_finish_bytes, 8 << 20);
	assert_int_equal(domain->cache->fill_ahead, 8 << 20);
	model_domain_unref(domain);
}

static void statuses_fail_over_from_400_to_599_but_for_the_clients_own_conditions(void **state)
{
	(void)state;
	struct model_domain *domain = model_domain_new();
	for (unsigned status = 0; status <= 700; status++) {
		bool expected = status >= 400 && status <= 599 && status != 412 && status != 416;
		assert_int_equal(model_statuses_has(&domain->failover_statuses, status), expected);
		assert_false(model_statuses_has(&domain->detect_statuses, status));
		assert_int_equal(model_statuses_has(&domain->cache->stale_statuses, status),
		        status == 500 || (status >= 502 && status <= 504));
	}
	model_domain_unref(domain);
}

static void memory_lasts_as_long_as_the_domain(void **state)
{
	(void)state;
	struct model_domain *domain = model_domain_new();
	const char *copies[200];
	uint64_t *numbers[200];
	for (unsigned i = 0; i < 200; i++) {
		char text[64];
		int length = snprintf(text, sizeof(text), "copy number %u", i);
		copies[i] = model_domain_copy(domain, str_make(text, (size_t)length));
		numbers[i] = model_domain_alloc(domain, sizeof(*numbers[i]) + i % 3);
		*numbers[i] = i;
	}
	char *large = model_domain_alloc(domain, 100000);
	memset(large, 'x', 100000);
	for (unsigned i = 0; i < 200; i++) {
		char text[64];
		snprintf(text, sizeof(text), "copy number %u", i);
		assert_string_equal(copies[i], text);
		assert_int_equal(*numbers[i], i);
		assert_int_equal((uintptr_t)numbers[i] % 8, 0);
	}
	assert_string_equal(model_domain_copy(domain, STR_EMPTY), "");
	model_domain_ref(domain);
	model_domain_unref(domain);
	assert_string_equal(copies[0], "copy number 0");
	model_domain_unref(domain);
	model_domain_unref(NULL);
}

static void cache_rules_are_shared_until_a_domain_has_its_own(void **state)
{
	(void)state;
	struct model_domain *domain = model_domain_new(), *other = model_domain_new();
	assert_ptr_equal(domain->cache, other->cache);
	struct model_cache *own = model_domain_own_cache(domain);
	assert_ptr_equal(domain->cache, own);
	assert_ptr_equal(model_domain_own_cache(domain), own);
	assert_int_equal(own->stale_wait_ms, 1000);
	own->stale_wait_ms = 7;
	assert_int_equal(other->cache->stale_wait_ms, 1000);
	model_domain_unref(other);
	model_domain_unref(domain);
}

static void a_role_names_its_origin(void **state)
{
	(void)state;
	struct model_domain *domain = model_domain_new();
	assert_ptr_equal(model_domain_origin(domain, MODEL_MASTER), &domain->origin);
	assert_null(model_domain_origin(domain, MODEL_BACKUP));
	domain->backup = model_domain_alloc(domain, sizeof(*domain->backup));
	model_domain_init_origin(domain->backup);
	assert_ptr_equal(model_domain_origin(domain, MODEL_BACKUP), domain->backup);
	assert_int_equal(domain->backup->connect_timeout_ms, 5000);
	model_domain_unref(domain);
}

static void statuses_are_set_and_cleared_by_range(void **state)
{
	(void)state;
	struct model_statuses statuses = {0};
	model_statuses_set(&statuses, 100, 599, true);
	model_statuses_set(&statuses, 200, 299, false);
	model_statuses_set(&statuses, 204, 204, true);
	for (unsigned status = 100; status <= 599; status++) {
		bool expected = status < 200 || status > 299 || status == 204;
		assert_int_equal(model_statuses_has(&statuses, status), expected);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(a_new_domain_has_the_defaults_of_the_documentation),
	        cmocka_unit_test(
	                statuses_fail_over_from_400_to_599_but_for_the_clients_own_conditions),
	        cmocka_unit_test(memory_lasts_as_long_as_the_domain),
	        cmocka_unit_test(cache_rules_are_shared_until_a_domain_has_its_own),
	        cmocka_unit_test(a_role_names_its_origin),
	        cmocka_unit_test(statuses_are_set_and_cleared_by_range),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
