/* Secrets apart from their domain, and put back. */
#include "model/secrets.h"

#include "model/print.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

static struct model_domain *domain_with(const char *secret, const char *token)
{
	struct model_domain *domain = model_domain_new();
	domain->name = "a.test";
	domain->origin.bucket.secret = secret;
	domain->origin.bucket.token = token;
	return domain;
}

static void secrets_are_printed_and_read_back(void **state)
{
	(void)state;
	struct model_domain *domain = domain_with("hu\"sh", "tok"),
	                    *again = domain_with(NULL, NULL);
	struct text text = {0};
	assert_true(model_secrets_print(domain, &text));
	assert_string_equal(text_c(&text),
	        "{\"origin.bucket.secret\":\"hu\\\"sh\",\"origin.bucket.token\":\"tok\"}");
	assert_true(model_secrets_read(again, text_str(&text)));
	assert_string_equal(again->origin.bucket.secret, "hu\"sh");
	assert_string_equal(again->origin.bucket.token, "tok");
	text_done(&text);
	model_domain_unref(again);
	model_domain_unref(domain);
}

static void a_domain_without_secrets_prints_nothing(void **state)
{
	(void)state;
	struct model_domain *domain = domain_with(NULL, NULL);
	struct text text = {0};
	assert_false(model_secrets_print(domain, &text));
	assert_int_equal(text.len, 0);
	model_domain_unref(domain);
}

static void what_holds_no_secrets_is_refused(void **state)
{
	(void)state;
	static const char *const TEXTS[] = {
	        "",
	        "[]",
	        "null",
	        "{\"origin.host\":\"a\"}",
	        "{\"nonsense\":\"a\"}",
	        "{\"origin.bucket.secret\":1}",
	        "{\"origin.bucket.secret\":{}}",
	        "{\"origin.bucket.secret\":\"a\\n\"}",
	        "{\"backup.bucket.secret\":\"there is no backup\"}",
	};
	for (size_t i = 0; i < ARRAY_LENGTH(TEXTS); i++) {
		struct model_domain *domain = domain_with(NULL, NULL);
		assert_false(model_secrets_read(domain, str_of(TEXTS[i])));
		model_domain_unref(domain);
	}
}

static void masks_stand_for_what_was_there(void **state)
{
	(void)state;
	struct model_domain *before = domain_with("hush", NULL);
	struct model_domain *after = domain_with(MODEL_PRINT_MASK, "new");
	assert_int_equal(model_secrets_keep(after, before).len, 0);
	assert_string_equal(after->origin.bucket.secret, "hush");
	assert_string_equal(after->origin.bucket.token, "new");
	assert_ptr_not_equal(after->origin.bucket.secret, before->origin.bucket.secret);
	model_domain_unref(before);
	model_domain_unref(after);
}

static void a_mask_for_nothing_is_told(void **state)
{
	(void)state;
	struct model_domain *before = domain_with("hush", NULL);
	struct model_domain *after = domain_with(MODEL_PRINT_MASK, MODEL_PRINT_MASK);
	struct str path = model_secrets_keep(after, before);
	assert_true(str_is_equal(path, STR("origin.bucket.token")));
	model_domain_unref(after);
	after = domain_with(MODEL_PRINT_MASK, NULL);
	assert_true(str_is_equal(model_secrets_keep(after, NULL), STR("origin.bucket.secret")));
	model_domain_unref(after);
	model_domain_unref(before);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(secrets_are_printed_and_read_back),
	        cmocka_unit_test(a_domain_without_secrets_prints_nothing),
	        cmocka_unit_test(what_holds_no_secrets_is_refused),
	        cmocka_unit_test(masks_stand_for_what_was_there),
	        cmocka_unit_test(a_mask_for_nothing_is_told),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
