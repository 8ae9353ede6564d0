/* Rules for header fields: what is read, what is refused, and what a list comes to. */
#include "model/headers.h"

#include "base/limit.h"
#include "http/name.h"
#include "model/list.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

enum { TO_ORIGIN, TO_CLIENT, DIRECTIONS };

static const struct model_field *field_to(unsigned direction)
{
	const struct model_field *field = model_field_find(
	        direction == TO_ORIGIN ? STR("headers.to_origin") : STR("headers.to_client"));
	assert_non_null(field);
	return field;
}

static bool reads(unsigned direction, struct str text, struct model_why *ret_why)
{
	const struct model_field *field = field_to(direction);
	struct model_domain *domain = model_domain_new();
	model_headers_start(field, domain, 1);
	bool is_read = model_headers_add(field, domain, text, ret_why);
	assert_int_equal(model_headers_count(direction == TO_ORIGIN ? domain->headers_to_origin
	                                                            : domain->headers_to_client),
	        is_read);
	model_domain_unref(domain);
	return is_read;
}

static void a_rule_is_kept_in_its_normal_form(void **state)
{
	(void)state;
	static const struct {
		const char *text, *printed;
	} ROWS[] = {
	        {"set X-A: b", "set X-A: b"},
	        {"set X-A:b", "set X-A: b"},
	        {"set   x-a:   b c  ", "set x-a: b c"},
	        {"add Link: </a>; rel=preload, </b>", "add Link: </a>; rel=preload, </b>"},
	        {"set X-A: b: c", "set X-A: b: c"},
	        {"set X-A: \"b\\\"", "set X-A: \"b\\\""},
	        {"delete X-A", "delete X-A"},
	        {"delete  !#$%&'*+-.^_`|~09azAZ", "delete !#$%&'*+-.^_`|~09azAZ"},
	        {"set set: set", "set set: set"},
	};
	for (size_t i = 0; i < ARRAY_LENGTH(ROWS); i++) {
		struct model_domain *domain = model_domain_new();
		struct model_why why;
		struct text printed = {0};
		model_headers_start(field_to(TO_CLIENT), domain, 1);
		if (!model_headers_add(field_to(TO_CLIENT), domain, str_of(ROWS[i].text), &why))
			fail_msg("%s %s", ROWS[i].text, why.words);
		model_headers_print(domain->headers_to_client, 0, &printed);
		assert_string_equal(text_c(&printed), ROWS[i].printed);
		text_done(&printed);
		model_domain_unref(domain);
	}
}

static void what_is_no_rule_is_refused(void **state)
{
	(void)state;
	static const struct {
		struct str text;
		const char *words;
	} ROWS[] = {
	        {{"", 0}, "is no rule"},
	        {{"set", 3}, "colon"},
	        {{"set ", 4}, "colon"},
	        {{" set A: b", 9}, "is no rule"},
	        {{"Set A: b", 8}, "is no rule"},
	        {{"remove A", 8}, "is no rule"},
	        {{"set\tA: b", 8}, "is no rule"},
	        {{"set A", 5}, "has no colon"},
	        {{"set A:", 6}, "has no value"},
	        {{"add A:   ", 9}, "has no value"},
	        {{"set : b", 7}, "has no name"},
	        {{"set A : b", 9}, "has no name"},
	        {{"set A B: c", 10}, "has no name"},
	        {{"set A(: c", 9}, "has no name"},
	        {{"set \xc3\xa4: c", 9}, "has no name"},
	        {{"set A\r\nB: c", 11}, "has no name"},
	        {{"set A\0: c", 9}, "has no name"},
	        {{"set A: b\r\nC: d", 14}, "line ends"},
	        {{"set A: b\nC: d", 13}, "line ends"},
	        {{"set A: b\rC: d", 13}, "line ends"},
	        {{"set A: b\0c", 10}, "line ends"},
	        {{"set A: b\tc", 10}, "control characters"},
	        {{"set A: b\x7f", 9}, "control characters"},
	        {{"set A: \xc3\xa4", 9}, "beyond ASCII"},
	        {{"delete", 6}, "has no name"},
	        {{"delete A: b", 11}, "whatever its value"},
	        {{"delete A:", 9}, "whatever its value"},
	        {{"delete A ", 9}, "has no name"},
	        {{"delete A\n", 9}, "has no name"},
	};
	for (size_t i = 0; i < ARRAY_LENGTH(ROWS); i++) {
		for (unsigned direction = 0; direction < DIRECTIONS; direction++) {
			struct model_why why;
			if (reads(direction, ROWS[i].text, &why))
				fail_msg("row %zu was read", i);
			assert_string_equal(why.rule, "header");
			if (strstr(why.words, ROWS[i].words) == NULL)
				fail_msg("row %zu: %s", i, why.words);
		}
	}
}

/* Which of "set", "add" and "delete" a name may have in each direction: s, a, d. */
static void names_that_no_rule_may_have_are_refused(void **state)
{
	(void)state;
	static const struct {
		const char *name, *to_origin, *to_client;
	} ROWS[] = {
	        {"Host", "", ""},
	        {"host", "", ""},
	        {"Connection", "", ""},
	        {"Keep-Alive", "", ""},
	        {"Proxy-Connection", "", ""},
	        {"Proxy-Authenticate", "", ""},
	        {"Proxy-Authorization", "", ""},
	        {"Proxy-Authentication-Info", "", ""},
	        {"TE", "", ""},
	        {"Trailer", "", ""},
	        {"Transfer-Encoding", "", ""},
	        {"transfer_encoding", "", ""},
	        {"Content-Length", "", ""},
	        {"Content_Length", "", ""},
	        {"Upgrade", "", ""},
	        {"Expect", "", ""},
	        {"Via", "", ""},
	        {"CDN-Loop", "", ""},
	        {"X-Headwater-Origin", "", ""},
	        {"x_headwater-anything", "", ""},
	        {"X-Forwarded-For", "", "sad"},
	        {"X_Forwarded_For", "", "sad"},
	        {"X-Forwarded-Proto", "", "sad"},
	        {"Forwarded", "", "sad"},
	        {"X-Forwarded-Host", "sad", "sad"},
	        {"Range", "", "sad"},
	        {"If-Range", "", "sad"},
	        {"If-Match", "", "sad"},
	        {"If-None-Match", "", "sad"},
	        {"If-Modified-Since", "", "sad"},
	        {"If-Unmodified-Since", "", "sad"},
	        {"Accept-Encoding", "", "sad"},
	        {"Age", "sad", ""},
	        {"Cache-Status", "sad", ""},
	        {"Content-Range", "sad", ""},
	        {"Date", "sad", ""},
	        {"Server-Timing", "sad", ""},
	        {"X-Cache", "sad", ""},
	        {"ETag", "sd", "d"},
	        {"Last-Modified", "sd", "d"},
	        {"Authorization", "sd", "sd"},
	        {"Content-Type", "sd", "sd"},
	        {"Cookie", "sd", "sd"},
	        {"Location", "sd", "sd"},
	        {"Server", "sd", "sd"},
	        {"User-Agent", "sd", "sd"},
	        {"Set-Cookie", "sad", "sad"},
	        {"Cache-Control", "sad", "sad"},
	        {"Vary", "sad", "sad"},
	        {"X-Headwate", "sad", "sad"},
	        {"Strict-Transport-Security", "sad", "sad"},
	};
	for (size_t i = 0; i < ARRAY_LENGTH(ROWS); i++) {
		for (unsigned j = 0; j < DIRECTIONS * 3; j++) {
			unsigned direction = j % DIRECTIONS, rule = j / DIRECTIONS;
			struct text text = {0};
			struct model_why why;
			text_addf(&text, "%s %s%s",
			        rule == 0   ? "set"
			        : rule == 1 ? "add"
			                    : "delete",
			        ROWS[i].name, rule == 2 ? "" : ": a");
			const char *allowed =
			        direction == TO_ORIGIN ? ROWS[i].to_origin : ROWS[i].to_client;
			bool is_allowed = strchr(allowed, "sad"[rule]) != NULL;
			if (reads(direction, text_str(&text), &why) != is_allowed)
				fail_msg("%s, direction %u", text_c(&text), direction);
			if (!is_allowed)
				assert_string_equal(why.rule, "header");
			text_done(&text);
		}
	}
}

/* Which of the rules still write something, as 0 and 1. */
static void a_later_rule_takes_away_what_an_earlier_one_writes(void **state)
{
	(void)state;
	static const struct {
		const char *text, *writes;
	} ROWS[] = {
	        {"set A: 1", "1"},
	        {"set A: 1, set A: 2", "01"},
	        {"set A: 1, add A: 2", "11"},
	        {"add A: 1, add A: 2", "11"},
	        {"add A: 1, add a: 2, set A: 3, add A: 4", "0011"},
	        {"set A: 1, set B: 2, delete a", "010"},
	        {"delete A, add A: 1", "01"},
	        {"set Server: a, delete SERVER", "00"},
	};
	for (size_t i = 0; i < ARRAY_LENGTH(ROWS); i++) {
		struct model_domain *domain = model_domain_new();
		struct model_why why;
		assert_true(
		        model_list_read(field_to(TO_CLIENT), domain, str_of(ROWS[i].text), &why));
		const struct model_headers *headers = domain->headers_to_client;
		assert_int_equal(headers->count, strlen(ROWS[i].writes));
		for (unsigned j = 0; j < headers->count; j++) {
			const struct model_header *rule = &headers->list[j];
			bool writes = rule->action != MODEL_HEADER_DELETE && !rule->is_overruled;
			if (writes != (ROWS[i].writes[j] == '1'))
				fail_msg("%s: rule %u", ROWS[i].text, j);
		}
		model_domain_unref(domain);
	}
}

static void names_are_known_and_bytes_are_counted(void **state)
{
	(void)state;
	struct model_domain *domain = model_domain_new();
	struct model_why why;
	assert_true(model_list_read(field_to(TO_ORIGIN), domain,
	        STR("set user-agent: ab, add X: c, delete Cookie"), &why));
	const struct model_headers *headers = domain->headers_to_origin;
	assert_int_equal(headers->list[0].id, HTTP_NAME_USER_AGENT);
	assert_int_equal(headers->list[1].id, HTTP_NAME_OTHER);
	assert_int_equal(headers->list[2].id, HTTP_NAME_COOKIE);
	assert_int_equal(headers->bytes, strlen("user-agent: ab\r\nX: c\r\nCookie: \r\n"));
	assert_null(headers->list[2].value);
	assert_null(domain->headers_to_client);
	model_domain_unref(domain);
}

static void what_a_list_writes_is_bounded(void **state)
{
	(void)state;
	char value[LIMIT_HEADERS_BYTES];
	const struct model_field *field = field_to(TO_CLIENT);
	struct model_domain *domain = model_domain_new();
	struct model_why why;
	struct text text = {0};
	memset(value, 'v', sizeof(value));
	model_headers_start(field, domain, 3);
	/* "A: v…\r\n" of all bytes but seven, then six, then one more than the rest. */
	text_addf(&text, "set A: %.*s", LIMIT_HEADERS_BYTES - 7 - 5, value);
	assert_true(model_headers_add(field, domain, text_str(&text), &why));
	assert_false(model_headers_add(field, domain, STR("set B: 123"), &why));
	assert_non_null(strstr(why.words, "2048"));
	assert_true(model_headers_add(field, domain, STR("set B: 12"), &why));
	assert_int_equal(domain->headers_to_client->bytes, LIMIT_HEADERS_BYTES);
	assert_int_equal(domain->headers_to_client->count, 2);
	assert_false(model_headers_add(field, domain, STR("delete C"), &why));
	text_clear(&text);
	text_addf(&text, "delete %.*s", LIMIT_HEADERS_BYTES - 6, value);
	model_headers_start(field, domain, 1);
	assert_false(model_headers_add(field, domain, text_str(&text), &why));
	assert_non_null(strstr(why.words, "2048"));
	text_done(&text);
	model_domain_unref(domain);
}

static void rules_differ_by_what_they_do_by_name_and_by_value(void **state)
{
	(void)state;
	const struct model_header rule = {.name = "A", .value = "b", .action = MODEL_HEADER_SET};
	struct model_header other = rule;
	assert_true(model_headers_is_equal(&rule, &other));
	other.action = MODEL_HEADER_ADD;
	assert_false(model_headers_is_equal(&rule, &other));
	other = rule;
	other.name = "a";
	assert_false(model_headers_is_equal(&rule, &other));
	other = rule;
	other.value = "c";
	assert_false(model_headers_is_equal(&rule, &other));
	const struct model_header gone = {.name = "A", .action = MODEL_HEADER_DELETE};
	other = gone;
	assert_true(model_headers_is_equal(&gone, &other));
}

static void hsts_is_what_the_domain_says_unless_a_rule_says_otherwise(void **state)
{
	(void)state;
	static const struct {
		uint64_t hsts_ms;
		bool has_subdomains, has_preload;
		const char *rule, *wanted;
	} ROWS[] = {
	        {0, false, false, NULL, ""},
	        {60000, false, false, NULL, "max-age=60"},
	        {60000, true, false, "set X-A: b", "max-age=60; includeSubDomains"},
	        {60000, true, true, NULL, "max-age=60; includeSubDomains; preload"},
	        {60000, false, false, "set strict-transport-security: max-age=7", "max-age=7"},
	        {60000, false, false, "delete Strict-Transport-Security", ""},
	        {0, false, false, "set Strict-Transport-Security: max-age=8", "max-age=8"},
	};
	for (size_t i = 0; i < ARRAY_LENGTH(ROWS); i++) {
		struct model_domain *domain = model_domain_new();
		struct model_why why;
		domain->hsts_ms = ROWS[i].hsts_ms;
		domain->hsts_subdomains = ROWS[i].has_subdomains;
		domain->hsts_preload = ROWS[i].has_preload;
		model_headers_start(field_to(TO_CLIENT), domain, 1);
		if (ROWS[i].rule != NULL)
			assert_true(model_headers_add(
			        field_to(TO_CLIENT), domain, str_of(ROWS[i].rule), &why));
		model_headers_make_secure(domain);
		assert_true(str_is_equal(model_headers_hsts(domain), str_of(ROWS[i].wanted)));
		model_domain_unref(domain);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(a_rule_is_kept_in_its_normal_form),
	        cmocka_unit_test(what_is_no_rule_is_refused),
	        cmocka_unit_test(names_that_no_rule_may_have_are_refused),
	        cmocka_unit_test(a_later_rule_takes_away_what_an_earlier_one_writes),
	        cmocka_unit_test(names_are_known_and_bytes_are_counted),
	        cmocka_unit_test(what_a_list_writes_is_bounded),
	        cmocka_unit_test(hsts_is_what_the_domain_says_unless_a_rule_says_otherwise),
	        cmocka_unit_test(rules_differ_by_what_they_do_by_name_and_by_value),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
