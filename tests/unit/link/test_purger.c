/* Purges of an edge: done at once, answered in their order once they are durable. */
#include "link/purger.h"

#include "base/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

static struct {
	struct loop *loop;
	struct link_purge_sink cache;
	struct link_purger_sink sink;
	struct link_purger *purger;
	unsigned purged, made_stale;
	uint64_t durable; /* up to this moment */
	struct text said; /* "5/4=why " for each */
} bench;

/* Each has the next moment. */
static struct link_answer on_purge(struct link_purge_sink *sink, const struct link_purge *purge)
{
	assert_ptr_equal(sink, &bench.cache);
	if (purge->what == LINK_PURGE_TAG)
		return (struct link_answer){.error = STR("no tags")};
	return (struct link_answer){.moment = ++bench.purged};
}

static struct link_answer on_stale(struct link_purge_sink *sink)
{
	assert_ptr_equal(sink, &bench.cache);
	bench.made_stale++;
	return (struct link_answer){.moment = ++bench.purged};
}

static bool is_durable(struct link_purge_sink *sink, uint64_t moment)
{
	assert_ptr_equal(sink, &bench.cache);
	assert_true(moment > 0);
	return moment <= bench.durable;
}

static void on_purged(struct link_purger_sink *sink, const struct link_purged *purged)
{
	assert_ptr_equal(sink, &bench.sink);
	text_addf(&bench.said, "%u/%u%s%.*s ", (unsigned)purged->number, (unsigned)purged->purged,
	        purged->error.len > 0 ? "=" : "", STR_ARG(purged->error));
}

static int open_bench(void **state)
{
	(void)state;
	bench.loop = loop_new();
	bench.cache = (struct link_purge_sink){.on_purge = on_purge,
	        .on_stale = on_stale,
	        .is_durable = is_durable,
	        .durable_ms = 60000};
	bench.sink.on_purged = on_purged;
	bench.purged = bench.made_stale = 0;
	bench.durable = UINT64_MAX;
	bench.purger = link_purger_new(bench.loop, &bench.cache, &bench.sink);
	return 0;
}

static int close_bench(void **state)
{
	(void)state;
	link_purger_free(bench.purger);
	loop_free(bench.loop);
	text_done(&bench.said);
	return 0;
}

static bool take(uint64_t number)
{
	const struct link_purge purge = {.what = LINK_PURGE_DOMAIN};
	return link_purger_take(bench.purger, number, &purge, STR_EMPTY);
}

/* Turns until all that is to be said was. */
static void assert_said(const char *wanted)
{
	for (unsigned turns = 0; turns < 4000 && bench.said.len < strlen(wanted); turns++)
		loop_turn(bench.loop, 1);
	/* And no more than that. */
	for (unsigned turns = 0; turns < 5; turns++)
		loop_turn(bench.loop, 1);
	assert_string_equal(text_c(&bench.said), wanted);
	text_clear(&bench.said);
}

static void they_are_done_in_their_order(void **state)
{
	(void)state;
	assert_true(take(1));
	assert_int_equal(bench.purged, 1);
	assert_string_equal(text_c(&bench.said), ""); /* not inside the call */
	assert_false(take(1));
	assert_false(take(3));
	assert_true(take(2));
	assert_said("1/1 2/2 ");
	link_purger_begin(bench.purger, 7);
	assert_false(take(3));
	assert_true(take(8));
	assert_said("8/8 ");
	assert_int_equal(link_purger_number(bench.purger), 8);
}

static void what_is_not_durable_is_not_answered(void **state)
{
	(void)state;
	bench.durable = 1;
	assert_true(take(1));
	assert_true(take(2));
	assert_true(take(3));
	assert_int_equal(bench.purged, 3);
	assert_said("1/1 ");
	assert_int_equal(link_purger_number(bench.purger), 1);
	bench.durable = 3;
	assert_said("2/2 3/3 ");
}

static void what_is_late_is_told_once_and_done_later(void **state)
{
	(void)state;
	bench.durable = 0;
	bench.cache.durable_ms = 0;
	assert_true(take(1));
	assert_true(take(2));
	static const char LATE[] =
	        "it is purged, but the disks of the cache do not know that yet: should "
	        "the edge's machine lose its power now, it would be back";
	char wanted[400];
	snprintf(wanted, sizeof(wanted), "1/0=%s 2/0=%s ", LATE, LATE);
	assert_said(wanted);
	bench.durable = 2;
	assert_said("1/1 2/2 ");
}

static void what_fails_for_good_keeps_its_place(void **state)
{
	(void)state;
	const struct link_purge tags = {.what = LINK_PURGE_TAG};
	bench.durable = 0;
	assert_true(take(1));
	assert_true(link_purger_take(bench.purger, 2, NULL, STR("not understood")));
	assert_true(link_purger_take(bench.purger, 3, &tags, STR_EMPTY));
	assert_said("");
	bench.durable = 1;
	assert_said("1/1 2/2=not understood 3/3=no tags ");
}

static void what_was_missed_makes_all_stale(void **state)
{
	(void)state;
	bench.durable = 0;
	assert_true(take(1));
	link_purger_make_stale(bench.purger, 40);
	assert_int_equal(bench.made_stale, 1);
	assert_false(take(2));
	assert_true(take(41));
	assert_said("");
	assert_int_equal(link_purger_number(bench.purger), 0);
	bench.durable = 3;
	assert_said("40/40 41/41 ");
}

static void a_new_beginning_drops_what_waits(void **state)
{
	(void)state;
	bench.durable = 0;
	assert_true(take(1));
	assert_true(take(2));
	link_purger_begin(bench.purger, 1);
	bench.durable = 2;
	assert_said("");
	assert_true(take(2));
	bench.durable = 3;
	assert_said("2/2 ");
}

static void without_a_cache_all_is_done(void **state)
{
	(void)state;
	struct link_purger *purger = link_purger_new(bench.loop, NULL, &bench.sink);
	const struct link_purge purge = {.what = LINK_PURGE_URL};
	link_purger_make_stale(purger, 3);
	assert_true(link_purger_take(purger, 4, &purge, STR_EMPTY));
	assert_true(link_purger_take(purger, 5, NULL, STR("no")));
	assert_said("3/3 4/4 5/5=no ");
	link_purger_free(purger);
}

static void so_many_may_wait_and_no_more(void **state)
{
	(void)state;
	bench.durable = 0;
	for (uint64_t number = 1; number <= LIMIT_LINK_PURGES_WAITING; number++)
		assert_true(take(number));
	assert_false(take(LIMIT_LINK_PURGES_WAITING + 1));
	assert_int_equal(bench.purged, LIMIT_LINK_PURGES_WAITING);
	bench.durable = 1;
	assert_said("1/1 ");
	assert_true(take(LIMIT_LINK_PURGES_WAITING + 1));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, open_bench, close_bench)
	const struct CMUnitTest tests[] = {
	        TEST(they_are_done_in_their_order),
	        TEST(what_is_not_durable_is_not_answered),
	        TEST(what_is_late_is_told_once_and_done_later),
	        TEST(what_fails_for_good_keeps_its_place),
	        TEST(what_was_missed_makes_all_stale),
	        TEST(a_new_beginning_drops_what_waits),
	        TEST(without_a_cache_all_is_done),
	        TEST(so_many_may_wait_and_no_more),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
