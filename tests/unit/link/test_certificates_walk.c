/* More certificates than may wait for one edge: they come as it reads, and so does what changes. */
#include "link/remote_bench.h"

#include "link/certificates_walk.h"

enum { MANY = 200 };

static bool has_heard(uint64_t revision)
{
	return bench.told_certificates != NULL &&
	       link_certificates_revision(bench.told_certificates) == revision;
}

/* So many, each as long as one may be. */
static struct link_certificates *make_many(void)
{
	struct text key = {0};
	struct link_certificates *list = link_certificates_new();
	for (unsigned i = 0; i < LIMIT_CERTIFICATE_KEY_BYTES - 1; i++)
		text_add_char(&key, 'k');
	for (unsigned i = 0; i < MANY; i++) {
		char name[16];
		snprintf(name, sizeof(name), "c%03u", i);
		with_certificate(&list, name, text_c(&key), i + 1);
	}
	text_done(&key);
	return list;
}

static void many_certificates_come_as_they_are_read(void **state)
{
	(void)state;
	struct link_certificates *list = make_many();
	bench.shower.on_certificates = on_certificates;
	link_hub_set_certificates(bench.hub, list);
	open_remote();
	TURN_UNTIL(link_hub_edge_count(bench.hub) == 1);
	with_certificate(&list, "c000", NULL, MANY + 1);
	link_hub_set_certificates(bench.hub, list);
	with_certificate(&list, "c001", "short", MANY + 2);
	link_hub_set_certificates(bench.hub, list);
	TURN_UNTIL(has_heard(MANY + 2));
	assert_true(link_certificates_is_equal(bench.told_certificates, list));
	assert_int_equal(link_certificates_count(list), MANY - 1);
	link_certificates_unref(list);
}

/* The edge is gone when it was told half of it. */
static void who_goes_meanwhile_is_told_no_more(void **state)
{
	(void)state;
	struct link_certificates *list = make_many();
	bench.shower.on_certificates = on_certificates;
	link_hub_set_certificates(bench.hub, list);
	open_remote();
	TURN_UNTIL(link_hub_edge_count(bench.hub) == 1);
	close_remote();
	TURN_UNTIL(bench.gone == 1);
	assert_null(bench.told_certificates);
	/* Another connection begins anew. */
	open_remote();
	TURN_UNTIL(has_heard(MANY));
	assert_true(link_certificates_is_equal(bench.told_certificates, list));
	link_certificates_unref(list);
}

int main(void)
{
	hash_init();
#define TEST(name) cmocka_unit_test_setup_teardown(name, open_bench, close_bench)
	const struct CMUnitTest tests[] = {
	        TEST(many_certificates_come_as_they_are_read),
	        TEST(who_goes_meanwhile_is_told_no_more),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
