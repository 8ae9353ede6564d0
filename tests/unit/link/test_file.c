/* The domains file as a feed: what becomes live, what is refused, what is held, and restarts. */
#include "link/file.h"

#include "base/clock.h"
#include "base/hash.h"
#include "scratch.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

struct fixture {
	struct scratch scratch;
	struct loop *loop;
	struct link_sink sink;
	struct model_snapshot *snapshot; /* what the feed has made live */
	unsigned changes;                /* calls of on_changes */
	unsigned events[LINK_TROUBLE + 1];
	struct text text; /* of the last event */
	struct link_file *feed;
};

static void on_changes(
        struct link_sink *self, const struct model_change *changes, size_t count, uint64_t revision)
{
	struct fixture *fixture = container_of(self, struct fixture, sink);
	assert_true(count > 0);
	struct model_snapshot *next =
	        model_snapshot_with(fixture->snapshot, changes, count, revision);
	assert_true(revision > model_snapshot_revision(fixture->snapshot));
	model_snapshot_unref(fixture->snapshot);
	fixture->snapshot = next;
	fixture->changes++;
}

static void on_event(struct link_sink *self, enum link_event event, const char *text)
{
	struct fixture *fixture = container_of(self, struct fixture, sink);
	fixture->events[event]++;
	text_clear(&fixture->text);
	text_add(&fixture->text, str_of(text));
}

static int set_up(void **state)
{
	struct fixture *fixture = calloc(1, sizeof(*fixture));
	scratch_init(&fixture->scratch);
	fixture->loop = loop_new();
	fixture->sink = (struct link_sink){.on_changes = on_changes, .on_event = on_event};
	fixture->snapshot = model_snapshot_new();
	*state = fixture;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *fixture = *state;
	link_file_close(fixture->feed);
	loop_free(fixture->loop);
	model_snapshot_unref(fixture->snapshot);
	text_done(&fixture->text);
	scratch_done(&fixture->scratch);
	free(fixture);
	return 0;
}

/* Opens the feed; false when that fails. */
static bool start(struct fixture *fixture, bool force, struct model_problems *problems)
{
	const struct link_file_options options = {.path = fixture->scratch.file,
	        .journal = &fixture->scratch.place,
	        .rules = MODEL_CLASSIC,
	        .force = force};
	fixture->feed = link_file_open(fixture->loop, &options, &fixture->sink, problems);
	return fixture->feed != NULL;
}

static void start_well(struct fixture *fixture)
{
	struct model_problems problems = {0};
	if (!start(fixture, false, &problems))
		fail_msg("%s", problems.list[0].message);
	assert_int_equal(problems.total, 0);
}

/* Ends the feed and forgets everything, as a crash does. */
static void crash(struct fixture *fixture)
{
	link_file_close(fixture->feed);
	fixture->feed = NULL;
	model_snapshot_unref(fixture->snapshot);
	fixture->snapshot = model_snapshot_new();
	fixture->changes = 0;
	memset(fixture->events, 0, sizeof(fixture->events));
}

static void turn_for(struct fixture *fixture, unsigned ms)
{
	uint64_t end = clock_ms() + ms;
	while (clock_ms() < end)
		loop_turn(fixture->loop, 10);
}

/* Turns until an event has come `count` times; a second is how long a change may take. */
static void wait_for(struct fixture *fixture, enum link_event event, unsigned count)
{
	uint64_t end = clock_ms() + 1000;
	while (fixture->events[event] < count && clock_ms() < end)
		loop_turn(fixture->loop, 10);
	if (fixture->events[event] != count)
		fail_msg("%u instead of %u events; last: %s", fixture->events[event], count,
		        text_c(&fixture->text));
}

/* Writes a file of domains n0.test, n1.test, … below `count`, with an address. */
static void write_domains(struct fixture *fixture, unsigned count, const char *address)
{
	struct text text = {0};
	text_add(&text, count == 0 ? STR("domains: []\n") : STR("domains:\n"));
	for (unsigned i = 0; i < count; i++)
		text_addf(&text, "- {name: n%u.test, origin: {addresses: [\"%s\"]}}\n", i, address);
	scratch_write(fixture->scratch.file, text_str(&text));
	text_done(&text);
}

static size_t live_count(const struct fixture *fixture)
{
	return model_snapshot_count(fixture->snapshot);
}

static const char *address_of(const struct fixture *fixture, const char *name)
{
	struct model_domain *domain = model_snapshot_find(fixture->snapshot, str_of(name));
	return domain == NULL ? "nobody" : domain->origin.addresses[0].host;
}

static void the_file_is_live_before_open_returns(void **state)
{
	struct fixture *fixture = *state;
	write_domains(fixture, 3, "x");
	start_well(fixture);
	assert_int_equal(live_count(fixture), 3);
	assert_int_equal(fixture->changes, 1);
	assert_int_equal(fixture->events[LINK_APPLIED], 1);
	assert_int_equal(model_snapshot_revision(fixture->snapshot), 1);
}

static void a_change_is_live_within_a_second_and_told(void **state)
{
	struct fixture *fixture = *state;
	write_domains(fixture, 5, "x");
	start_well(fixture);
	scratch_write(fixture->scratch.file, STR("domains:\n"
	                                         "- {name: n0.test, origin: {addresses: [y]}}\n"
	                                         "- {name: n2.test, origin: {addresses: [x]}}\n"
	                                         "- {name: n3.test, origin: {addresses: [x]}}\n"
	                                         "- {name: n4.test, origin: {addresses: [x]}}\n"
	                                         "- {name: n5.test, origin: {addresses: [x]}}\n"));
	wait_for(fixture, LINK_APPLIED, 2);
	assert_string_equal(address_of(fixture, "n0.test"), "y");
	assert_string_equal(address_of(fixture, "n1.test"), "nobody");
	assert_string_equal(address_of(fixture, "n5.test"), "x");
	struct text expected = {0};
	text_addf(&expected,
	        "%s: revision 2 with 5 domains: 1 added, 1 changed, 1 removed\n"
	        "changed n0.test: origin.addresses: x -> y\n"
	        "removed n1.test\n"
	        "added n5.test",
	        fixture->scratch.file);
	assert_string_equal(text_c(&fixture->text), text_c(&expected));
	text_done(&expected);
}

static void the_same_content_is_no_change(void **state)
{
	struct fixture *fixture = *state;
	write_domains(fixture, 2, "x");
	start_well(fixture);
	scratch_touch(fixture->scratch.file);
	turn_for(fixture, 250);
	write_domains(fixture, 2, "x");
	turn_for(fixture, 250);
	assert_int_equal(fixture->changes, 1);
	assert_int_equal(fixture->events[LINK_APPLIED], 1);
}

static void an_invalid_file_is_refused_once_and_the_old_list_stays(void **state)
{
	struct fixture *fixture = *state;
	write_domains(fixture, 2, "x");
	start_well(fixture);
	write_domains(fixture, 2, "x:0");
	wait_for(fixture, LINK_REFUSED, 1);
	assert_non_null(strstr(text_c(&fixture->text), ":2: /domains/0/origin/addresses/0: "));
	scratch_touch(fixture->scratch.file);
	turn_for(fixture, 250);
	assert_int_equal(fixture->events[LINK_REFUSED], 1);
	assert_int_equal(live_count(fixture), 2);
	assert_int_equal(fixture->changes, 1);

	/* Asked for, it is told again; back as it was, that is told as well. */
	link_file_reload(fixture->feed);
	assert_int_equal(fixture->events[LINK_REFUSED], 2);
	write_domains(fixture, 2, "x");
	wait_for(fixture, LINK_APPLIED, 2);
	assert_int_equal(fixture->changes, 1);
}

static void a_missing_file_is_told_once_and_the_old_list_stays(void **state)
{
	struct fixture *fixture = *state;
	write_domains(fixture, 2, "x");
	start_well(fixture);
	unlink(fixture->scratch.file);
	wait_for(fixture, LINK_TROUBLE, 1);
	turn_for(fixture, 250);
	assert_int_equal(fixture->events[LINK_TROUBLE], 1);
	assert_int_equal(live_count(fixture), 2);
	write_domains(fixture, 2, "y");
	wait_for(fixture, LINK_APPLIED, 2);
	assert_string_equal(address_of(fixture, "n1.test"), "y");
}

static void removing_more_than_a_fifth_is_held_until_it_is_meant(void **state)
{
	struct fixture *fixture = *state;
	write_domains(fixture, 10, "x");
	start_well(fixture);
	write_domains(fixture, 7, "x");
	wait_for(fixture, LINK_HELD, 1);
	turn_for(fixture, 250);
	assert_int_equal(live_count(fixture), 10);
	assert_int_equal(fixture->events[LINK_HELD], 1);
	/* Asking again means nothing. */
	link_file_reload(fixture->feed);
	assert_int_equal(fixture->events[LINK_HELD], 2);
	assert_int_equal(live_count(fixture), 10);
	scratch_touch(fixture->scratch.file);
	wait_for(fixture, LINK_APPLIED, 2);
	assert_int_equal(live_count(fixture), 7);
}

static void what_is_held_says_how_much(void **state)
{
	struct fixture *fixture = *state;
	static const struct {
		unsigned before, after;
		bool is_held;
	} ROWS[] = {
	        {10, 8, false},
	        {10, 7, true},
	        {5, 4, false},
	        {5, 3, true},
	        {4, 3, true},
	        {3, 1, true},
	        {2, 1, true},
	        {2, 0, true},
	        {1, 0, true},
	};
	for (size_t i = 0; i < ARRAY_LENGTH(ROWS); i++) {
		unlink(fixture->scratch.journal);
		write_domains(fixture, ROWS[i].before, "x");
		start_well(fixture);
		write_domains(fixture, ROWS[i].after, "x");
		link_file_reload(fixture->feed);
		assert_int_equal(fixture->events[LINK_HELD], ROWS[i].is_held);
		assert_int_equal(
		        live_count(fixture), ROWS[i].is_held ? ROWS[i].before : ROWS[i].after);
		crash(fixture);
	}
}

static void force_holds_nothing(void **state)
{
	struct fixture *fixture = *state;
	struct model_problems problems = {0};
	write_domains(fixture, 10, "x");
	assert_true(start(fixture, true, &problems));
	write_domains(fixture, 1, "x");
	wait_for(fixture, LINK_APPLIED, 2);
	assert_int_equal(live_count(fixture), 1);
}

static void a_restart_keeps_holding(void **state)
{
	struct fixture *fixture = *state;
	struct model_problems problems = {0};
	write_domains(fixture, 10, "x");
	start_well(fixture);
	write_domains(fixture, 2, "x");
	wait_for(fixture, LINK_HELD, 1);
	crash(fixture);
	start_well(fixture);
	assert_int_equal(live_count(fixture), 10);
	assert_int_equal(fixture->events[LINK_HELD], 1);
	scratch_touch(fixture->scratch.file);
	wait_for(fixture, LINK_APPLIED, 2);
	assert_int_equal(live_count(fixture), 2);

	/* Touched, or forced, while nobody looked. */
	write_domains(fixture, 0, "x");
	wait_for(fixture, LINK_HELD, 2);
	crash(fixture);
	assert_true(start(fixture, true, &problems));
	assert_int_equal(live_count(fixture), 0);
}

static void a_restart_with_another_file_content_means_it(void **state)
{
	struct fixture *fixture = *state;
	write_domains(fixture, 10, "x");
	start_well(fixture);
	crash(fixture);
	write_domains(fixture, 2, "x");
	start_well(fixture);
	assert_int_equal(live_count(fixture), 2);
	assert_int_equal(fixture->events[LINK_HELD], 0);
}

static void a_restart_finds_the_last_good_list(void **state)
{
	struct fixture *fixture = *state;
	write_domains(fixture, 3, "x");
	start_well(fixture);
	write_domains(fixture, 3, "y");
	wait_for(fixture, LINK_APPLIED, 2);
	crash(fixture);

	scratch_write(fixture->scratch.file, STR("domains: [{name: "));
	start_well(fixture);
	assert_int_equal(live_count(fixture), 3);
	assert_string_equal(address_of(fixture, "n2.test"), "y");
	assert_int_equal(model_snapshot_revision(fixture->snapshot), 2);
	assert_int_equal(fixture->events[LINK_REFUSED], 1);
	crash(fixture);

	unlink(fixture->scratch.file);
	start_well(fixture);
	assert_int_equal(live_count(fixture), 3);
	assert_int_equal(fixture->events[LINK_TROUBLE], 1);
	crash(fixture);

	write_domains(fixture, 3, "z");
	start_well(fixture);
	assert_string_equal(address_of(fixture, "n2.test"), "z");
	assert_int_equal(model_snapshot_revision(fixture->snapshot), 3);
}

static void without_a_good_list_there_is_no_feed(void **state)
{
	struct fixture *fixture = *state;
	struct model_problems problems = {0};
	assert_false(start(fixture, false, &problems));
	assert_int_equal(problems.total, 1);
	assert_string_equal(problems.list[0].message, "cannot be read: No such file or directory");
	model_problems_done(&problems);

	write_domains(fixture, 2, "x:0");
	scratch_write(
	        fixture->scratch.journal, STR("headwater-journal 1 5 3 0123456789abcdef\nabc"));
	assert_false(start(fixture, false, &problems));
	assert_int_equal(problems.total, 2);
	assert_int_equal(fixture->changes, 0);
	model_problems_done(&problems);
}

static void the_origin_of_a_buckets_own_domain_stays(void **state)
{
	struct fixture *fixture = *state;
	scratch_write(fixture->scratch.file, STR("domains:\n- {name: a.test, kind: bucket_default, "
	                                         "origin: {addresses: [x]}}\n"));
	start_well(fixture);
	scratch_write(fixture->scratch.file, STR("domains:\n\n- {name: a.test, kind: "
	                                         "bucket_default, origin: {addresses: [y]}}\n"));
	wait_for(fixture, LINK_REFUSED, 1);
	assert_non_null(strstr(text_c(&fixture->text), ":3: /domains/0/origin: R3: "));
	assert_string_equal(address_of(fixture, "a.test"), "x");
	crash(fixture);
	start_well(fixture);
	assert_int_equal(fixture->events[LINK_REFUSED], 1);
	assert_string_equal(address_of(fixture, "a.test"), "x");
}

static void a_journal_that_cannot_be_written_is_trouble_only(void **state)
{
	struct fixture *fixture = *state;
	assert_int_equal(mkdir(fixture->scratch.journal, 0700), 0);
	write_domains(fixture, 1, "x");
	start_well(fixture);
	assert_int_equal(live_count(fixture), 1);
	assert_int_equal(fixture->events[LINK_TROUBLE], 1);
	assert_int_equal(rmdir(fixture->scratch.journal), 0);
}

static void links_and_renames_are_followed(void **state)
{
	struct fixture *fixture = *state;
	char other[96];
	snprintf(other, sizeof(other), "%s/other", fixture->scratch.folder);
	write_domains(fixture, 1, "x");
	start_well(fixture);
	scratch_write(other, STR("domains: [{name: n0.test, origin: {addresses: [z]}}]"));
	assert_int_equal(rename(other, fixture->scratch.file), 0);
	wait_for(fixture, LINK_APPLIED, 2);
	assert_string_equal(address_of(fixture, "n0.test"), "z");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	hash_init();
	const struct CMUnitTest tests[] = {
	        TEST(the_file_is_live_before_open_returns),
	        TEST(a_change_is_live_within_a_second_and_told),
	        TEST(the_same_content_is_no_change),
	        TEST(an_invalid_file_is_refused_once_and_the_old_list_stays),
	        TEST(a_missing_file_is_told_once_and_the_old_list_stays),
	        TEST(removing_more_than_a_fifth_is_held_until_it_is_meant),
	        TEST(what_is_held_says_how_much),
	        TEST(force_holds_nothing),
	        TEST(a_restart_keeps_holding),
	        TEST(a_restart_with_another_file_content_means_it),
	        TEST(a_restart_finds_the_last_good_list),
	        TEST(without_a_good_list_there_is_no_feed),
	        TEST(the_origin_of_a_buckets_own_domain_stays),
	        TEST(a_journal_that_cannot_be_written_is_trouble_only),
	        TEST(links_and_renames_are_followed),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
