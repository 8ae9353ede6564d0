/* Groups: their lives, their names, waiting for names, and the retry budget. */
#include "origin/group.h"

#include "origin/worker_private.h"
#include "stand.h"

enum { NOW = 1000000 };

static enum origin_choice choose(
        struct origin_group *group, struct origin_candidate **ret_candidate)
{
	struct origin_choose options = {.now_ms = NOW};
	bool is_trial;
	uint64_t until_ms;
	return origin_group_choose(group, &options, ret_candidate, &is_trial, &until_ms);
}

static void a_group_is_one_for_domain_and_role(void **state)
{
	struct stand *stand = *state;
	struct model_domain *domain = stand_domain("a.test", "192.0.2.1", "192.0.2.2");
	struct model_domain *other = stand_domain("a.test", "192.0.2.1", NULL);
	struct origin_group *master =
	        origin_group_get(stand->worker, domain, MODEL_MASTER, MODEL_HTTP);
	struct origin_group *backup =
	        origin_group_get(stand->worker, domain, MODEL_BACKUP, MODEL_HTTP);
	struct origin_group *others =
	        origin_group_get(stand->worker, other, MODEL_MASTER, MODEL_HTTP);
	assert_null(origin_group_get(stand->worker, other, MODEL_BACKUP, MODEL_HTTP));
	assert_ptr_not_equal(master, backup);
	assert_ptr_not_equal(master, others);
	assert_ptr_equal(origin_group_get(stand->worker, domain, MODEL_MASTER, MODEL_HTTP), master);
	assert_ptr_equal(origin_group_origin(backup), domain->backup);
	assert_ptr_equal(origin_group_domain(backup), domain);
	assert_int_equal(origin_group_role(backup), MODEL_BACKUP);
	origin_group_unref(master);
	origin_group_unref(master);
	origin_group_unref(backup);
	origin_group_unref(others);
	/* They stay for the next pull, and keep their domain. */
	model_domain_unref(other);
	model_domain_unref(domain);
	assert_int_equal(stand->worker->groups.count, 3);
}

static void only_an_origin_that_follows_has_a_group_for_each_scheme(void **state)
{
	struct stand *stand = *state;
	static const struct {
		enum model_protocol protocol;
		enum model_protocol spoken[2]; /* to clients of HTTP, of HTTPS */
		uint16_t ports[2];
	} rows[] = {
	        {MODEL_HTTP, {MODEL_HTTP, MODEL_HTTP}, {80, 80}},
	        {MODEL_HTTPS, {MODEL_HTTPS, MODEL_HTTPS}, {443, 443}},
	        {MODEL_FOLLOW, {MODEL_HTTP, MODEL_HTTPS}, {80, 443}},
	};
	for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
		struct model_domain *domain = stand_domain("a.test", "192.0.2.1", NULL);
		domain->origin.protocol = (uint8_t)rows[i].protocol;
		struct origin_group *groups[2];
		for (unsigned k = 0; k < 2; k++) {
			struct origin_candidate *candidate;
			groups[k] = origin_group_get(stand->worker, domain, MODEL_MASTER,
			        k == 0 ? MODEL_HTTP : MODEL_HTTPS);
			assert_int_equal(origin_group_protocol(groups[k]), rows[i].spoken[k]);
			assert_int_equal(choose(groups[k], &candidate), ORIGIN_CHOSEN);
			assert_int_equal(candidate->address.port, rows[i].ports[k]);
			origin_group_candidate_unref(candidate);
		}
		assert_int_equal(groups[0] == groups[1], rows[i].spoken[0] == rows[i].spoken[1]);
		origin_group_unref(groups[0]);
		origin_group_unref(groups[1]);
		origin_group_forget(stand->worker, domain);
		assert_int_equal(stand->worker->groups.count, 0);
		assert_int_equal(atomic_load(&domain->references), 1);
		model_domain_unref(domain);
	}
}

static void a_forgotten_group_goes_with_its_last_user(void **state)
{
	struct stand *stand = *state;
	struct model_domain *domain = stand_domain("a.test", "192.0.2.1", "192.0.2.2");
	struct origin_group *master =
	        origin_group_get(stand->worker, domain, MODEL_MASTER, MODEL_HTTP);
	struct origin_group *backup =
	        origin_group_get(stand->worker, domain, MODEL_BACKUP, MODEL_HTTP);
	struct origin_candidate *candidate;
	assert_int_equal(choose(master, &candidate), ORIGIN_CHOSEN);
	origin_group_unref(master);
	origin_group_unref(backup);
	origin_group_forget(stand->worker, domain);
	assert_int_equal(stand->worker->groups.count, 0);
	assert_int_equal(atomic_load(&domain->references), 2);
	/* An attempt that still runs keeps its candidate, that its group, that its domain. */
	assert_ptr_equal(origin_group_domain(candidate->group), domain);
	origin_group_candidate_unref(candidate);
	assert_int_equal(atomic_load(&domain->references), 1);
	origin_group_forget(stand->worker, domain);
	model_domain_unref(domain);
}

static void a_name_stands_for_its_addresses(void **state)
{
	struct stand *stand = *state;
	stand->dns.ips[0] = "192.0.2.1";
	stand->dns.ips[1] = "192.0.2.2";
	struct model_domain *domain = stand_domain("a.test", "o.test:8080", NULL);
	struct origin_group *group =
	        origin_group_get(stand->worker, domain, MODEL_MASTER, MODEL_HTTP);
	struct origin_candidate *first, *second, *third;
	assert_int_equal(choose(group, &first), ORIGIN_RESOLVING);
	STAND_UNTIL(stand->loop, choose(group, &first) == ORIGIN_CHOSEN);
	assert_int_equal(choose(group, &second), ORIGIN_CHOSEN);
	assert_int_equal(choose(group, &third), ORIGIN_CHOSEN);
	assert_int_equal(first->address.port, 8080);
	assert_ptr_not_equal(first, second);
	assert_ptr_equal(first, third);
	origin_group_candidate_unref(third);
	origin_group_candidate_unref(second);
	origin_group_candidate_unref(first);
	origin_group_unref(group);
	model_domain_unref(domain);
}

/* The server, which all workers share, hears of them by and by, and of the last ones at the end. */
static void attempts_are_counted_and_told_to_the_server(void **state)
{
	struct stand *stand = *state;
	struct model_domain *domain = stand_domain("a.test", "192.0.2.1", NULL);
	struct origin_group *group =
	        origin_group_get(stand->worker, domain, MODEL_MASTER, MODEL_HTTP);
	struct origin_candidate *candidate;
	struct origin_health_view view;
	assert_int_equal(choose(group, &candidate), ORIGIN_CHOSEN);
	struct origin_server *server = origin_health_server_ref(candidate->server);
	static const struct {
		uint64_t now_ms, told;
	} ROWS[] = {{NOW, 1}, {NOW, 1}, {NOW, 1}, {NOW + 1, 4}, {NOW + 1, 4}, {NOW + 5, 6},
	        {NOW + 5, 6}};
	for (size_t i = 0; i < ARRAY_LENGTH(ROWS); i++) {
		origin_group_count_attempt(candidate, ROWS[i].now_ms);
		origin_health_view_server(server, NOW, &view);
		assert_int_equal(view.attempts, ROWS[i].told);
	}
	origin_group_candidate_unref(candidate);
	origin_group_unref(group);
	origin_group_forget(stand->worker, domain);
	origin_health_view_server(server, NOW, &view);
	assert_int_equal(view.attempts, ARRAY_LENGTH(ROWS));
	origin_health_server_unref(server);
	model_domain_unref(domain);
}

static void a_changed_name_keeps_the_candidates_that_stay(void **state)
{
	struct stand *stand = *state;
	stand->dns.ips[0] = "192.0.2.1";
	stand->dns.ips[1] = "192.0.2.2";
	struct model_domain *domain = stand_domain("a.test", "o.test", NULL);
	struct origin_group *group =
	        origin_group_get(stand->worker, domain, MODEL_MASTER, MODEL_HTTP);
	struct origin_candidate *one = NULL, *two = NULL, *chosen = NULL;
	STAND_UNTIL(stand->loop, choose(group, &one) == ORIGIN_CHOSEN);
	assert_int_equal(choose(group, &two), ORIGIN_CHOSEN);
	char text[ADDRESS_TEXT_BYTES];
	stand->dns.ips[0] = address_format_ip(&two->address, text);
	stand->dns.ips[1] = "192.0.2.3";
	/* The one that went away is the attempt's alone, until that ends. */
	unsigned seen_new = 0, seen_old = 0;
	for (uint64_t end_ms = clock_ms() + STAND_PATIENCE_MS; seen_new < 5;) {
		assert_true(clock_ms() < end_ms);
		loop_turn(stand->loop, 20);
		assert_int_equal(choose(group, &chosen), ORIGIN_CHOSEN);
		bool is_new = chosen != one && chosen != two;
		seen_new += is_new;
		seen_old += seen_new > 0 && chosen == one;
		origin_group_candidate_unref(chosen);
	}
	assert_int_equal(seen_old, 0);
	assert_int_equal(one->references, 1);
	assert_int_equal(two->references, 2);
	origin_group_candidate_unref(one);
	origin_group_candidate_unref(two);
	origin_group_unref(group);
	model_domain_unref(domain);
}

static void a_name_that_does_not_resolve_is_no_address(void **state)
{
	struct stand *stand = *state;
	stand->dns.fails = true;
	struct model_domain *domain = stand_domain("a.test", "o.test", NULL);
	struct origin_group *group =
	        origin_group_get(stand->worker, domain, MODEL_MASTER, MODEL_HTTP);
	struct origin_candidate *candidate;
	assert_int_equal(choose(group, &candidate), ORIGIN_RESOLVING);
	STAND_UNTIL(stand->loop, choose(group, &candidate) != ORIGIN_RESOLVING);
	assert_int_equal(choose(group, &candidate), ORIGIN_UNRESOLVED);
	uint64_t since_ms;
	assert_false(origin_group_was_all_blocked(group, NOW, &since_ms));
	origin_group_unref(group);
	model_domain_unref(domain);
}

static void an_ip_is_used_while_a_name_resolves(void **state)
{
	struct stand *stand = *state;
	stand->dns.is_mute = true;
	struct model_domain *domain = stand_domain("a.test", "o.test 192.0.2.9", NULL);
	struct origin_group *group =
	        origin_group_get(stand->worker, domain, MODEL_MASTER, MODEL_HTTP);
	struct address expected = stand_address("192.0.2.9:80");
	for (unsigned i = 0; i < 10; i++) {
		struct origin_candidate *candidate;
		assert_int_equal(choose(group, &candidate), ORIGIN_CHOSEN);
		assert_true(address_is_equal(&candidate->address, &expected));
		origin_group_candidate_unref(candidate);
	}
	origin_group_unref(group);
	model_domain_unref(domain);
}

/* ---- waiting ---- */

struct waiting {
	struct origin_group_wait wait;
	struct waiting *cancels;
	unsigned told;
};

static void on_resolved(struct origin_group_wait *wait)
{
	struct waiting *waiting = container_of(wait, struct waiting, wait);
	waiting->told++;
	if (waiting->cancels != NULL)
		origin_group_wait_cancel(&waiting->cancels->wait);
}

static void waits_are_told_once_of_the_first_answer(void **state)
{
	struct stand *stand = *state;
	stand->dns.ips[0] = "192.0.2.1";
	struct model_domain *domain = stand_domain("a.test", "o.test p.test", NULL);
	struct origin_group *group =
	        origin_group_get(stand->worker, domain, MODEL_MASTER, MODEL_HTTP);
	struct waiting one = {.wait = {.on_resolved = on_resolved}};
	struct waiting two = one, gone = one, cancelled = one;
	one.cancels = &cancelled;
	origin_group_wait_start(group, &one.wait);
	origin_group_wait_start(group, &gone.wait);
	origin_group_wait_start(group, &two.wait);
	origin_group_wait_start(group, &cancelled.wait);
	assert_int_equal(one.told, 0);
	origin_group_wait_cancel(&gone.wait);
	STAND_UNTIL(stand->loop, two.told == 1);
	stand_pass(stand->loop, 50);
	assert_int_equal(one.told, 1);
	assert_int_equal(two.told, 1);
	assert_int_equal(gone.told + cancelled.told, 0);
	origin_group_wait_cancel(&one.wait);
	origin_group_unref(group);
	model_domain_unref(domain);
}

static void a_wait_for_nothing_ends_in_the_same_turn(void **state)
{
	struct stand *stand = *state;
	struct model_domain *domain = stand_domain("a.test", "192.0.2.1", NULL);
	struct origin_group *group =
	        origin_group_get(stand->worker, domain, MODEL_MASTER, MODEL_HTTP);
	struct waiting one = {.wait = {.on_resolved = on_resolved}};
	origin_group_wait_start(group, &one.wait);
	assert_int_equal(one.told, 0);
	loop_turn(stand->loop, 0);
	assert_int_equal(one.told, 1);
	origin_group_unref(group);
	model_domain_unref(domain);
}

static void a_group_ends_while_its_name_resolves(void **state)
{
	struct stand *stand = *state;
	stand->dns.is_mute = true;
	struct model_domain *domain = stand_domain("a.test", "o.test", NULL);
	struct origin_group *group =
	        origin_group_get(stand->worker, domain, MODEL_MASTER, MODEL_HTTP);
	struct waiting one = {.wait = {.on_resolved = on_resolved}};
	origin_group_wait_start(group, &one.wait);
	origin_group_wait_cancel(&one.wait);
	origin_group_unref(group);
	model_domain_unref(domain);
}

/* ---- the retry budget ---- */

static void a_fifth_of_the_pulls_and_ten_more_may_be_retries(void **state)
{
	struct stand *stand = *state;
	static const struct {
		unsigned pulls, retries;
	} rows[] = {{0, 10}, {1, 10}, {4, 10}, {5, 11}, {100, 30}};
	struct model_domain *domain = stand_domain("a.test", "192.0.2.1", NULL);
	struct origin_group *group =
	        origin_group_get(stand->worker, domain, MODEL_MASTER, MODEL_HTTP);
	for (size_t row = 0; row < ARRAY_LENGTH(rows); row++) {
		unsigned begun = 0;
		for (unsigned i = 0; i < rows[row].pulls; i++)
			origin_group_pull_begin(group);
		while (origin_group_retry_begin(group))
			begun++;
		assert_int_equal(begun, rows[row].retries);
		for (unsigned i = 0; i < begun; i++)
			origin_group_retry_end(group);
		for (unsigned i = 0; i < rows[row].pulls; i++)
			origin_group_pull_end(group);
	}
	origin_group_unref(group);
	model_domain_unref(domain);
}

static void the_ten_are_for_all_workers_together(void **state)
{
	struct stand *stand = *state;
	struct origin_worker_options options = {
	        .loop = stand->loop, .buffers = &stand->buffers, .shared = stand->shared};
	struct origin_worker *other = origin_worker_new(&options);
	struct model_domain *domain = stand_domain("a.test", "192.0.2.1", NULL);
	struct origin_group *groups[] = {
	        origin_group_get(stand->worker, domain, MODEL_MASTER, MODEL_HTTP),
	        origin_group_get(other, domain, MODEL_MASTER, MODEL_HTTP),
	};
	for (unsigned i = 0; i < 5; i++)
		origin_group_pull_begin(groups[1]);
	for (unsigned i = 0; i < 6; i++)
		assert_true(origin_group_retry_begin(groups[0]));
	unsigned begun = 0;
	while (origin_group_retry_begin(groups[1]))
		begun++;
	assert_int_equal(begun, 1 + 4);
	assert_false(origin_group_retry_begin(groups[0]));
	for (unsigned i = 0; i < 6; i++)
		origin_group_retry_end(groups[0]);
	for (unsigned i = 0; i < begun; i++)
		origin_group_retry_end(groups[1]);
	for (unsigned i = 0; i < 5; i++)
		origin_group_pull_end(groups[1]);
	origin_group_unref(groups[0]);
	origin_group_unref(groups[1]);
	origin_worker_free(other);
	model_domain_unref(domain);
}

int main(void)
{
	hash_init();
	const struct CMUnitTest tests[] = {
	        STAND_TEST(a_group_is_one_for_domain_and_role),
	        STAND_TEST(only_an_origin_that_follows_has_a_group_for_each_scheme),
	        STAND_TEST(a_forgotten_group_goes_with_its_last_user),
	        STAND_TEST(a_name_stands_for_its_addresses),
	        STAND_TEST(attempts_are_counted_and_told_to_the_server),
	        STAND_TEST(a_changed_name_keeps_the_candidates_that_stay),
	        STAND_TEST(a_name_that_does_not_resolve_is_no_address),
	        STAND_TEST(an_ip_is_used_while_a_name_resolves),
	        STAND_TEST(waits_are_told_once_of_the_first_answer),
	        STAND_TEST(a_wait_for_nothing_ends_in_the_same_turn),
	        STAND_TEST(a_group_ends_while_its_name_resolves),
	        STAND_TEST(a_fifth_of_the_pulls_and_ten_more_may_be_retries),
	        STAND_TEST(the_ten_are_for_all_workers_together),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
