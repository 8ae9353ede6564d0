/* Lists of certificates: shared, changed by one, told and put together again. */
#include "certificate_lists.h"

#include "base/mem.h"

static void a_list_is_in_the_order_of_names(void **state)
{
	(void)state;
	struct link_certificates *list = link_certificates_new();
	assert_certificates(list, "@0");
	with_certificate(&list, "b", "1", 1);
	with_certificate(&list, "a", "2", 2);
	with_certificate(&list, "c", "3", 3);
	assert_certificates(list, "a@2=2 b@1=1 c@3=3 @3");
	struct link_certificates *before = link_certificates_ref(list);
	with_certificate(&list, "b", "4", 4);
	with_certificate(&list, "a", NULL, 5);
	with_certificate(&list, "x", NULL, 6);
	assert_certificates(list, "b@4=4 c@3=3 @6");
	/* What others have stays. */
	assert_certificates(before, "a@2=2 b@1=1 c@3=3 @3");
	assert_ptr_equal(link_certificates_at(before, 2), link_certificates_at(list, 1));
	assert_null(link_certificates_get(list, STR("a")));
	assert_null(link_certificates_get(list, STR("bb")));
	assert_false(link_certificates_is_equal(before, list));
	assert_true(link_certificates_is_equal(list, list));
	link_certificates_unref(before);
	link_certificates_unref(list);
}

static enum link_certificates_take take(
        struct link_certificates_intake *intake, enum link_message_kind kind, const char *payload)
{
	return link_certificates_intake_take(intake, kind, str_of(payload));
}

/* Takes all messages. */
static void take_all(struct link_certificates_intake *intake, struct str messages)
{
	enum link_message_kind kind;
	struct str payload;
	while (messages.len > 0) {
		assert_int_equal(link_message_take(&messages, &kind, &payload), LINK_MESSAGE_TAKEN);
		assert_int_equal(link_certificates_intake_take(intake, kind, payload),
		        messages.len > 0 ? LINK_CERTIFICATES_MORE : LINK_CERTIFICATES_WHOLE);
	}
}

static void what_is_told_is_put_together_again(void **state)
{
	(void)state;
	struct link_certificates *list = link_certificates_new();
	struct link_certificates_intake intake = {0};
	struct text messages = {0};
	link_certificates_print_all(list, &messages);
	take_all(&intake, text_str(&messages));
	assert_certificates(intake.list, "@0");
	with_certificate(&list, "b", "line 1\nline \"2\"\n", 7);
	with_certificate(&list, "a", "2", 8);
	text_clear(&messages);
	link_certificates_print_all(list, &messages);
	take_all(&intake, text_str(&messages));
	assert_true(link_certificates_is_equal(intake.list, list));
	assert_int_equal(link_certificates_revision(intake.list), 8);
	/* What it has already need not be told again, and what is not named is gone. */
	assert_int_equal(take(&intake, LINK_SAYS_CERTIFICATE,
	                         "{\"name\":\"c\",\"revision\":9,\"certificate\":\"x\",\"key\":"
	                         "\"y\"}"),
	        LINK_CERTIFICATES_MORE);
	assert_int_equal(
	        take(&intake, LINK_SAYS_CERTIFICATES, "{\"revision\":9,\"names\":[\"a\",\"c\"]}"),
	        LINK_CERTIFICATES_WHOLE);
	assert_certificates(intake.list, "a@8=2 c@9=y @9");
	link_certificates_intake_done(&intake);
	link_certificates_unref(list);
	text_done(&messages);
}

static void what_makes_no_sense_changes_nothing(void **state)
{
	(void)state;
	static const struct {
		enum link_message_kind kind;
		const char *payload;
	} ROWS[] = {
	        {LINK_SAYS_CERTIFICATE, "{}"},
	        {LINK_SAYS_CERTIFICATE, "x"},
	        {LINK_SAYS_CERTIFICATE,
	                "{\"name\":\"\",\"revision\":9,\"certificate\":\"x\",\"key\":\"y\"}"},
	        {LINK_SAYS_CERTIFICATE,
	                "{\"name\":\"a b\",\"revision\":9,\"certificate\":\"x\",\"key\":\"y\"}"},
	        {LINK_SAYS_CERTIFICATE,
	                "{\"name\":\"a\",\"revision\":-1,\"certificate\":\"x\",\"key\":\"y\"}"},
	        {LINK_SAYS_CERTIFICATE,
	                "{\"name\":\"a\",\"revision\":9,\"certificate\":1,\"key\":\"y\"}"},
	        {LINK_SAYS_CERTIFICATE, "{\"name\":\"a\",\"revision\":9,\"certificate\":\"x\"}"},
	        {LINK_SAYS_CERTIFICATE, "{\"name\":\"a\",\"revision\":9,\"certificate\":\"x\","
	                                "\"key\":\"y\",\"more\":1}"},
	        {LINK_SAYS_CERTIFICATES, "{\"revision\":9}"},
	        {LINK_SAYS_CERTIFICATES, "{\"revision\":9,\"names\":{}}"},
	        {LINK_SAYS_CERTIFICATES, "{\"revision\":9,\"names\":[1]}"},
	        {LINK_SAYS_CERTIFICATES, "{\"revision\":9,\"names\":[\"unknown\"]}"},
	        {LINK_SAYS_CERTIFICATES, "{\"revision\":9,\"names\":[\"b\",\"a\"]}"},
	        {LINK_SAYS_CERTIFICATES, "{\"revision\":9,\"names\":[\"a\",\"a\"]}"},
	};
	struct link_certificates *list = link_certificates_new();
	struct link_certificates_intake intake = {0};
	struct text messages = {0};
	with_certificate(&list, "a", "1", 1);
	with_certificate(&list, "b", "2", 2);
	link_certificates_print_all(list, &messages);
	take_all(&intake, text_str(&messages));
	for (size_t i = 0; i < ARRAY_LENGTH(ROWS); i++) {
		assert_int_equal(take(&intake, LINK_SAYS_CERTIFICATE,
		                         "{\"name\":\"z\",\"revision\":9,\"certificate\":\"x\","
		                         "\"key\":\"y\"}"),
		        LINK_CERTIFICATES_MORE);
		assert_int_equal(
		        take(&intake, ROWS[i].kind, ROWS[i].payload), LINK_CERTIFICATES_BAD);
		assert_int_equal(intake.count, 0);
		assert_certificates(intake.list, "a@1=1 b@2=2 @2");
	}
	link_certificates_intake_done(&intake);
	link_certificates_unref(list);
	text_done(&messages);
}

static void there_are_not_more_than_there_may_be(void **state)
{
	(void)state;
	struct link_certificates_intake intake = {0};
	struct text payload = {0};
	for (unsigned i = 0; i <= LIMIT_CERTIFICATES; i++) {
		text_clear(&payload);
		text_addf(&payload,
		        "{\"name\":\"c%u\",\"revision\":9,\"certificate\":\"x\",\"key\":\"y\"}", i);
		assert_int_equal(take(&intake, LINK_SAYS_CERTIFICATE, text_c(&payload)),
		        i < LIMIT_CERTIFICATES ? LINK_CERTIFICATES_MORE : LINK_CERTIFICATES_BAD);
	}
	assert_int_equal(intake.count, 0);
	assert_null(intake.list);
	text_clear(&payload);
	text_add(&payload, STR("{\"name\":\"a\",\"revision\":9,\"certificate\":\"x\",\"key\":\""));
	for (unsigned i = 0; i <= LIMIT_CERTIFICATE_KEY_BYTES; i++)
		text_add_char(&payload, 'x');
	text_add(&payload, STR("\"}"));
	assert_int_equal(
	        take(&intake, LINK_SAYS_CERTIFICATE, text_c(&payload)), LINK_CERTIFICATES_BAD);
	text_done(&payload);
	link_certificates_intake_done(&intake);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(a_list_is_in_the_order_of_names),
	        cmocka_unit_test(what_is_told_is_put_together_again),
	        cmocka_unit_test(what_makes_no_sense_changes_nothing),
	        cmocka_unit_test(there_are_not_more_than_there_may_be),
	};
	return cmocka_run_group_tests_name("lists of certificates", tests, NULL, NULL);
}
