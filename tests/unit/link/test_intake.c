/* Messages become revisions, whole or not at all. */
#include "link/intake.h"

#include "base/hash.h"
#include "link/domains.h"

#define A(attempts)                                                                                \
	"{\"name\":\"a.test\",\"origin\":{\"addresses\":[\"o\"]},\"failover\":{"                   \
	"\"attempts\":" #attempts "}}"
#define SIXTY_FOUR "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define LONG_NAME  "{\"name\":\"" SIXTY_FOUR SIXTY_FOUR SIXTY_FOUR SIXTY_FOUR "\"}"

#define B(attempts)                                                                                \
	"{\"name\":\"b.test\",\"origin\":{\"addresses\":[\"o\"]},\"failover\":{"                   \
	"\"attempts\":" #attempts "}}"

static enum link_intake_take take(
        struct link_intake *intake, enum link_message_kind kind, const char *payload)
{
	struct text error = {0};
	enum link_intake_take taken = link_intake_take(intake, kind, str_of(payload), &error);
	assert_int_equal(taken == LINK_INTAKE_BAD, error.len > 0);
	text_done(&error);
	return taken;
}

static void assert_more(
        struct link_intake *intake, enum link_message_kind kind, const char *payload)
{
	assert_int_equal(take(intake, kind, payload), LINK_INTAKE_MORE);
}

/* Commits; this many changes, and these domains afterwards. */
static void assert_commit(struct link_intake *intake, const char *payload, size_t changes,
        uint64_t revision, const char *domains)
{
	size_t count;
	assert_int_equal(take(intake, LINK_SAYS_COMMIT, payload), LINK_INTAKE_COMMIT);
	(void)link_intake_changes(intake, &count);
	assert_int_equal(count, changes);
	assert_int_equal(model_snapshot_revision(link_intake_snapshot(intake)), revision);
	assert_domains(link_intake_snapshot(intake), domains);
}

static struct link_intake *begin_with_two(void)
{
	struct link_intake *intake = link_intake_new();
	assert_more(intake, LINK_SAYS_BEGIN, "{}");
	assert_more(intake, LINK_SAYS_DOMAIN, B(2));
	assert_more(intake, LINK_SAYS_DOMAIN, A(1));
	assert_commit(intake, "{\"revision\":4}", 2, 4, "a.test=1 b.test=2");
	return intake;
}

static void nothing_changes_before_the_commit(void **state)
{
	(void)state;
	struct link_intake *intake = begin_with_two();
	assert_more(intake, LINK_SAYS_DOMAIN, A(7));
	assert_more(intake, LINK_SAYS_GONE, "{\"name\":\"b.test\"}");
	assert_domains(link_intake_snapshot(intake), "a.test=1 b.test=2");
	assert_commit(intake, "{\"revision\":5}", 2, 5, "a.test=7");
	link_intake_free(intake);
}

static void what_is_the_same_is_no_change(void **state)
{
	(void)state;
	struct link_intake *intake = begin_with_two();
	const struct model_domain *before =
	        model_snapshot_get(link_intake_snapshot(intake), STR("a.test"));
	assert_more(intake, LINK_SAYS_DOMAIN, A(1));
	assert_more(intake, LINK_SAYS_GONE, "{\"name\":\"never.test\"}");
	assert_commit(intake, "{\"revision\":5}", 0, 5, "a.test=1 b.test=2");
	assert_ptr_equal(model_snapshot_get(link_intake_snapshot(intake), STR("a.test")), before);
	link_intake_free(intake);
}

static void a_whole_list_says_what_is_no_more(void **state)
{
	(void)state;
	struct link_intake *intake = begin_with_two();
	const struct model_domain *before =
	        model_snapshot_get(link_intake_snapshot(intake), STR("a.test"));
	assert_more(intake, LINK_SAYS_BEGIN, "{}");
	assert_more(intake, LINK_SAYS_DOMAIN, A(1));
	/* Of another store: its revisions begin anew. */
	assert_commit(intake, "{\"revision\":2}", 1, 2, "a.test=1");
	assert_ptr_equal(model_snapshot_get(link_intake_snapshot(intake), STR("a.test")), before);
	assert_more(intake, LINK_SAYS_BEGIN, "{}");
	assert_commit(intake, "{\"revision\":3}", 1, 3, "");
	link_intake_free(intake);
}

static void what_is_dropped_is_no_part_of_the_next(void **state)
{
	(void)state;
	struct link_intake *intake = begin_with_two();
	assert_more(intake, LINK_SAYS_BEGIN, "{}");
	assert_more(intake, LINK_SAYS_DOMAIN, A(9));
	link_intake_drop(intake);
	assert_more(intake, LINK_SAYS_DOMAIN, B(3));
	assert_commit(intake, "{\"revision\":5}", 1, 5, "a.test=1 b.test=3");
	link_intake_free(intake);
}

static void what_cannot_be_read_changes_nothing(void **state)
{
	(void)state;
	static const struct {
		enum link_message_kind kind;
		const char *payload;
	} CASES[] = {
	        {LINK_SAYS_DOMAIN, ""},
	        {LINK_SAYS_DOMAIN, "[]"},
	        {LINK_SAYS_DOMAIN, "{\"name\":\"a.test\"}"},
	        {LINK_SAYS_DOMAIN, "{\"name\":\"a.test\",\"later\":1}"},
	        {LINK_SAYS_GONE, "{}"},
	        {LINK_SAYS_GONE, LONG_NAME},
	        {LINK_SAYS_COMMIT, "{}"},
	        {LINK_SAYS_COMMIT, "{\"revision\":\"5\"}"},
	        {LINK_SAYS_APPLIED, "{}"},
	        {LINK_SAYS_PING, "{}"},
	};
	for (size_t i = 0; i < ARRAY_LENGTH(CASES); i++) {
		struct link_intake *intake = begin_with_two();
		assert_more(intake, LINK_SAYS_DOMAIN, B(9));
		assert_int_equal(take(intake, CASES[i].kind, CASES[i].payload), LINK_INTAKE_BAD);
		assert_domains(link_intake_snapshot(intake), "a.test=1 b.test=2");
		assert_commit(intake, "{\"revision\":5}", 0, 5, "a.test=1 b.test=2");
		link_intake_free(intake);
	}
}

static void a_name_is_in_a_revision_once(void **state)
{
	(void)state;
	struct link_intake *intake = begin_with_two();
	assert_more(intake, LINK_SAYS_DOMAIN, A(5));
	assert_more(intake, LINK_SAYS_GONE, "{\"name\":\"a.test\"}");
	assert_int_equal(take(intake, LINK_SAYS_COMMIT, "{\"revision\":5}"), LINK_INTAKE_BAD);
	assert_domains(link_intake_snapshot(intake), "a.test=1 b.test=2");
	assert_int_equal(model_snapshot_revision(link_intake_snapshot(intake)), 4);
	link_intake_free(intake);
}

static void that_a_name_went_may_be_said_again(void **state)
{
	(void)state;
	struct link_intake *intake = begin_with_two();
	assert_more(intake, LINK_SAYS_GONE, "{\"name\":\"a.test\"}");
	assert_more(intake, LINK_SAYS_GONE, "{\"name\":\"c.test\"}");
	assert_more(intake, LINK_SAYS_DOMAIN, B(4));
	assert_more(intake, LINK_SAYS_GONE, "{\"name\":\"a.test\"}");
	assert_more(intake, LINK_SAYS_GONE, "{\"name\":\"a.test\"}");
	assert_commit(intake, "{\"revision\":5}", 2, 5, "b.test=4");
	assert_more(intake, LINK_SAYS_GONE, "{\"name\":\"a.test\"}");
	assert_more(intake, LINK_SAYS_GONE, "{\"name\":\"a.test\"}");
	assert_more(intake, LINK_SAYS_DOMAIN, A(1));
	assert_more(intake, LINK_SAYS_DOMAIN, B(5));
	assert_int_equal(take(intake, LINK_SAYS_COMMIT, "{\"revision\":6}"), LINK_INTAKE_BAD);
	assert_domains(link_intake_snapshot(intake), "b.test=4");
	link_intake_free(intake);
}

int main(void)
{
	hash_init();
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(nothing_changes_before_the_commit),
	        cmocka_unit_test(what_is_the_same_is_no_change),
	        cmocka_unit_test(a_whole_list_says_what_is_no_more),
	        cmocka_unit_test(what_is_dropped_is_no_part_of_the_next),
	        cmocka_unit_test(what_cannot_be_read_changes_nothing),
	        cmocka_unit_test(a_name_is_in_a_revision_once),
	        cmocka_unit_test(that_a_name_went_may_be_said_again),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
