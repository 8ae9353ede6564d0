/* Active probing: rise, fall, expectations, and one prober for each question. */
#include "origin/active.h"

#include "stand.h"

#include <stdio.h>

#define GOOD "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"
#define BAD  "HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n"

static void probe_every(struct model_origin *origin, unsigned interval_ms)
{
	origin->probe.path = "/alive";
	origin->probe.interval_ms = interval_ms;
	origin->probe.timeout_ms = 200;
	origin->probe.rise = 2;
	origin->probe.fall = 3;
	memset(&origin->probe.expect, 0, sizeof(origin->probe.expect));
	model_statuses_set(&origin->probe.expect, 200, 399, true);
}

/* A domain whose master is at these origins, probed every 30 ms. */
static struct model_domain *probed_domain(
        const char *name, const struct stand_origin *a, const struct stand_origin *b)
{
	char first[ADDRESS_TEXT_BYTES], second[ADDRESS_TEXT_BYTES], both[2 * ADDRESS_TEXT_BYTES];
	snprintf(both, sizeof(both), "%s%s%s", address_format(&a->address, first),
	        b != NULL ? " " : "", b != NULL ? address_format(&b->address, second) : "");
	struct model_domain *domain = stand_domain(name, both, NULL);
	probe_every(&domain->origin, 30);
	return domain;
}

static void use(struct stand *stand, struct model_domain *a, struct model_domain *b)
{
	struct model_snapshot *snapshot = stand_snapshot(a, b, NULL);
	origin_shared_set_snapshot(stand->shared, snapshot);
	model_snapshot_unref(snapshot);
}

static void failures_in_a_row_block_and_successes_in_a_row_bring_back(void **state)
{
	struct stand *stand = *state;
	struct stand_origin one, two;
	stand_origin_open(&one, stand->loop);
	stand_origin_open(&two, stand->loop);
	one.response = two.response = GOOD;
	struct model_domain *domain = probed_domain("a.test", &one, &two);
	use(stand, domain, NULL);
	STAND_UNTIL(stand->loop, one.accepted >= 2 && two.accepted >= 2);
	assert_int_equal(stand->changes, 0);

	one.response = BAD;
	unsigned before = one.accepted;
	STAND_UNTIL(stand->loop, stand->to[ORIGIN_BLOCKED] == 1);
	assert_true(one.accepted >= before + 3);
	assert_int_equal(stand->reason, FAULT_STATUS);
	assert_string_equal(stand->domain, "a.test");
	assert_int_equal(stand_server_state(stand, "a.test", &two.address), ORIGIN_USABLE);

	/* The block ends while it is still bad: twice as long. */
	STAND_UNTIL(stand->loop, stand->to[ORIGIN_BLOCKED] == 2);
	assert_in_range(stand->for_ms, 180, 220);
	one.response = GOOD;
	STAND_UNTIL(stand->loop, stand->to[ORIGIN_READY] == 1);
	model_domain_unref(domain);
	stand_origin_close(&one);
	stand_origin_close(&two);
}

static void two_failures_and_a_success_are_nothing(void **state)
{
	struct stand *stand = *state;
	struct stand_origin one, two;
	stand_origin_open(&one, stand->loop);
	stand_origin_open(&two, stand->loop);
	one.response = two.response = GOOD;
	struct model_domain *domain = probed_domain("a.test", &one, &two);
	use(stand, domain, NULL);
	for (unsigned i = 0; i < 5; i++) {
		unsigned before = one.accepted;
		one.response = BAD;
		STAND_UNTIL(stand->loop, one.accepted == before + 2);
		one.response = GOOD;
		STAND_UNTIL(stand->loop, one.accepted == before + 3);
	}
	assert_int_equal(stand->changes, 0);
	model_domain_unref(domain);
	stand_origin_close(&one);
	stand_origin_close(&two);
}

/* It speaks HTTP alone, so that whoever comes by TLS is not to be sent there. */
static void an_origin_that_follows_is_probed_in_both_ways(void **state)
{
	struct stand *stand = *state;
	struct stand_origin one, two;
	stand_origin_open(&one, stand->loop);
	stand_origin_open(&two, stand->loop);
	one.response = two.response = GOOD;
	struct model_domain *domain = probed_domain("a.test", &one, &two);
	domain->origin.protocol = MODEL_FOLLOW;
	use(stand, domain, NULL);
	STAND_UNTIL(stand->loop, stand->to[ORIGIN_BLOCKED] == 1);
	assert_int_equal(stand->reason, FAULT_TLS_HANDSHAKE);
	assert_int_equal(stand_server_state(stand, "a.test", &one.address), ORIGIN_USABLE);
	assert_int_equal(stand_server_state(stand, "a.test", &two.address), ORIGIN_USABLE);
	assert_int_equal(stand_host_state(stand, &one.address), ORIGIN_USABLE);
	assert_int_equal(stand_host_state(stand, &two.address), ORIGIN_USABLE);
	model_domain_unref(domain);
	stand_origin_close(&one);
	stand_origin_close(&two);
}

static void at_most_half_is_blocked_without_a_backup(void **state)
{
	struct stand *stand = *state;
	struct stand_origin one, two;
	stand_origin_open(&one, stand->loop);
	stand_origin_open(&two, stand->loop);
	one.response = two.response = BAD;
	struct model_domain *domain = probed_domain("a.test", &one, &two);
	use(stand, domain, NULL);
	STAND_UNTIL(stand->loop, stand->to[ORIGIN_BLOCKED] == 1);
	unsigned before = one.accepted + two.accepted;
	STAND_UNTIL(stand->loop, one.accepted + two.accepted > before + 4);
	bool is_one_good = stand_server_state(stand, "a.test", &one.address) == ORIGIN_USABLE;
	bool is_two_good = stand_server_state(stand, "a.test", &two.address) == ORIGIN_USABLE;
	assert_true(is_one_good != is_two_good);
	model_domain_unref(domain);
	stand_origin_close(&one);
	stand_origin_close(&two);
}

static void a_whole_master_is_blocked_where_there_is_a_backup(void **state)
{
	struct stand *stand = *state;
	struct stand_origin one;
	stand_origin_open(&one, stand->loop);
	one.response = BAD;
	struct model_domain *domain = probed_domain("a.test", &one, NULL);
	domain->backup = model_domain_alloc(domain, sizeof(*domain->backup));
	model_domain_init_origin(domain->backup);
	stand_set_addresses(domain, domain->backup, "192.0.2.1");
	use(stand, domain, NULL);
	STAND_UNTIL(stand->loop, stand->to[ORIGIN_BLOCKED] == 1);
	model_domain_unref(domain);
	stand_origin_close(&one);
}

static void the_body_must_contain_its_text(void **state)
{
	struct stand *stand = *state;
	struct stand_origin one, two;
	stand_origin_open(&one, stand->loop);
	stand_origin_open(&two, stand->loop);
	one.response = two.response = GOOD;
	struct model_domain *domain = probed_domain("a.test", &one, &two);
	domain->origin.probe.body_contains = "hell";
	use(stand, domain, NULL);
	STAND_UNTIL(stand->loop, one.accepted >= 4);
	assert_int_equal(stand->changes, 0);
	one.response = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nno";
	STAND_UNTIL(stand->loop, stand->to[ORIGIN_BLOCKED] == 1);
	model_domain_unref(domain);
	stand_origin_close(&one);
	stand_origin_close(&two);
}

static void a_probe_that_cannot_connect_tells_of_the_address_itself(void **state)
{
	struct stand *stand = *state;
	struct stand_origin one, two;
	stand_origin_open(&one, stand->loop);
	stand_origin_open(&two, stand->loop);
	two.response = GOOD;
	struct model_domain *domain = probed_domain("a.test", &one, &two);
	stand_origin_close(&one);
	use(stand, domain, NULL);
	STAND_UNTIL(stand->loop, stand_host_state(stand, &one.address) == ORIGIN_BLOCKED);
	model_domain_unref(domain);
	stand_origin_close(&two);
}

static void equal_questions_are_asked_once_for_all_domains(void **state)
{
	struct stand *stand = *state;
	struct stand_origin one;
	stand_origin_open(&one, stand->loop);
	one.response = GOOD;
	struct model_domain *a = probed_domain("a.test", &one, NULL);
	struct model_domain *b = probed_domain("b.test", &one, NULL);
	probe_every(&a->origin, 200);
	probe_every(&b->origin, 200);
	a->origin.host = b->origin.host = "same.test";
	use(stand, a, b);
	stand_pass(stand->loop, 900);
	assert_in_range(one.accepted, 2, 6);
	/* A new snapshot with the same question does not begin anew, one without it ends it. */
	use(stand, a, NULL);
	unsigned before = one.accepted;
	stand_pass(stand->loop, 900);
	assert_in_range(one.accepted - before, 2, 6);
	use(stand, NULL, NULL);
	before = one.accepted;
	stand_pass(stand->loop, 300);
	assert_int_equal(one.accepted, before);
	model_domain_unref(a);
	model_domain_unref(b);
	stand_origin_close(&one);
}

static void names_are_probed_at_what_they_resolve_to(void **state)
{
	struct stand *stand = *state;
	struct stand_origin one;
	stand_origin_open(&one, stand->loop);
	one.response = GOOD;
	stand->dns.ips[0] = "127.0.0.1";
	char address[64];
	snprintf(address, sizeof(address), "o.test:%u", one.address.port);
	struct model_domain *domain = stand_domain("a.test", address, NULL);
	probe_every(&domain->origin, 50);
	use(stand, domain, NULL);
	STAND_UNTIL(stand->loop, one.accepted >= 2);
	model_domain_unref(domain);
	stand_origin_close(&one);
}

static void offline_domains_and_drained_addresses_are_not_probed(void **state)
{
	struct stand *stand = *state;
	struct stand_origin one, two;
	stand_origin_open(&one, stand->loop);
	stand_origin_open(&two, stand->loop);
	struct model_domain *offline = probed_domain("a.test", &one, NULL);
	struct model_domain *drained = probed_domain("b.test", &two, NULL);
	offline->status = MODEL_OFFLINE;
	drained->origin.addresses[0].weight = 0;
	use(stand, offline, drained);
	stand_pass(stand->loop, 150);
	assert_int_equal(one.accepted + two.accepted, 0);
	model_domain_unref(offline);
	model_domain_unref(drained);
	stand_origin_close(&one);
	stand_origin_close(&two);
}

int main(void)
{
	hash_init();
	const struct CMUnitTest tests[] = {
	        STAND_TEST(failures_in_a_row_block_and_successes_in_a_row_bring_back),
	        STAND_TEST(two_failures_and_a_success_are_nothing),
	        STAND_TEST(an_origin_that_follows_is_probed_in_both_ways),
	        STAND_TEST(at_most_half_is_blocked_without_a_backup),
	        STAND_TEST(a_whole_master_is_blocked_where_there_is_a_backup),
	        STAND_TEST(the_body_must_contain_its_text),
	        STAND_TEST(a_probe_that_cannot_connect_tells_of_the_address_itself),
	        STAND_TEST(equal_questions_are_asked_once_for_all_domains),
	        STAND_TEST(names_are_probed_at_what_they_resolve_to),
	        STAND_TEST(offline_domains_and_drained_addresses_are_not_probed),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
