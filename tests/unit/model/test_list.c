/* Fields that are lists: their items read, printed, compared. */
#include "model/list.h"

#include "base/limit.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

static const struct model_field *find(const char *path)
{
	const struct model_field *field = model_field_find(str_of(path));
	assert_non_null(field);
	return field;
}

static void lists_are_printed_in_their_normal_form(void **state)
{
	(void)state;
	static const struct {
		const char *path, *text, *printed;
	} ROWS[] = {
	        {"cache.ttl_statuses", "", ""},
	        {"cache.ttl_statuses", "404:10s", "404:10s"},
	        {"cache.ttl_statuses", "404:10 ,301:1h, 500:0s", "404:10s, 301:3600s, 500:0s"},
	        {"cache.ttl_statuses", "200:1.5s,599:365d", "200:1500ms, 599:31536000s"},
	        {"cache.query_parameters", "", ""},
	        {"cache.query_parameters", "id", "id"},
	        {"cache.query_parameters", "v,V , filter[a]", "v, V, filter[a]"},
	        {"cache.query_parameters", "a%26b,x:y,/?@;!'()*+$-._~",
	                "a%26b, x:y, /?@;!'()*+$-._~"},
	        {"upgrade.protocols", "", ""},
	        {"upgrade.protocols", "websocket", "websocket"},
	        {"upgrade.protocols", "WebSocket , irc/6.9,a-b", "WebSocket, irc/6.9, a-b"},
	        {"headers.to_client", "", ""},
	        {"headers.to_client", "set X-A:b , delete X-B", "set X-A: b, delete X-B"},
	        {"headers.to_client", "\"set X-A: b\"", "set X-A: b"},
	        {"headers.to_client", "add X-A: \"b\"", "add X-A: \"b\""},
	        {"headers.to_client", "\"set X-A: b, c\" , delete X-B,\"add X-A: \\\\\\\",\"",
	                "\"set X-A: b, c\", delete X-B, \"add X-A: \\\\\\\",\""},
	};
	for (size_t i = 0; i < ARRAY_LENGTH(ROWS); i++) {
		const struct model_field *field = find(ROWS[i].path);
		struct model_domain *domain = model_domain_new(), *again = model_domain_new();
		struct model_why why;
		struct text printed = {0};
		if (!model_list_read(field, domain, str_of(ROWS[i].text), &why))
			fail_msg("%s: %s %s", ROWS[i].path, ROWS[i].text, why.words);
		const void *member = model_field_member_const(field, domain);
		model_list_print(field, member, &printed);
		assert_string_equal(text_c(&printed), ROWS[i].printed);
		assert_true(model_list_read(field, again, text_str(&printed), &why));
		assert_true(
		        model_list_is_equal(field, member, model_field_member_const(field, again)));
		text_done(&printed);
		model_domain_unref(again);
		model_domain_unref(domain);
	}
}

static void wrong_items_are_refused_and_leave_the_list(void **state)
{
	(void)state;
	static const struct {
		const char *path, *before, *text, *rule;
	} ROWS[] = {
	        {"cache.ttl_statuses", "404:1s", "404", "value"},
	        {"cache.ttl_statuses", "404:1s", "404:", "value"},
	        {"cache.ttl_statuses", "404:1s", ":1s", "value"},
	        {"cache.ttl_statuses", "404:1s", "404:1s:2", "value"},
	        {"cache.ttl_statuses", "404:1s", "404: 1s", "value"},
	        {"cache.ttl_statuses", "404:1s", "404:-1s", "value"},
	        {"cache.ttl_statuses", "404:1s", "4xx:1s", "value"},
	        {"cache.ttl_statuses", "404:1s", "410:1s,", "value"},
	        {"cache.ttl_statuses", "404:1s", ",", "value"},
	        {"cache.ttl_statuses", "404:1s", "199:1s", "range"},
	        {"cache.ttl_statuses", "404:1s", "600:1s", "range"},
	        {"cache.ttl_statuses", "404:1s", "410:366d", "range"},
	        {"cache.ttl_statuses", "404:1s", "410:99999999999999999999d", "value"},
	        {"cache.ttl_statuses", "404:1s", "410:1s,410:1s", "value"},
	        {"upgrade.protocols", "a", "b,", "range"},
	        {"upgrade.protocols", "a", "b,B", "value"},
	        {"upgrade.protocols", "a", "b c", "value"},
	        {"upgrade.protocols", "a", "/b", "value"},
	        {"upgrade.protocols", "a", "b/", "value"},
	        {"upgrade.protocols", "a", "b/1/2", "value"},
	        {"upgrade.protocols", "a", "b:c", "value"},
	        {"upgrade.protocols", "a", "h2c", "value"},
	        {"upgrade.protocols", "a", "HTTP/2.0", "value"},
	        {"upgrade.protocols", "a", "TLS/1.0", "value"},
	        {"upgrade.protocols", "a", "b,c,d,e,f,g,h,i,j", "range"},
	        {"cache.query_parameters", "a", "b,", "range"},
	        {"cache.query_parameters", "a", ",b", "range"},
	        {"cache.query_parameters", "a", "b,b", "value"},
	        {"cache.query_parameters", "a", "b c", "value"},
	        {"cache.query_parameters", "a", "b=", "value"},
	        {"cache.query_parameters", "a", "b&c", "value"},
	        {"cache.query_parameters", "a", "b#", "value"},
	        {"cache.query_parameters", "a", "b%2", "value"},
	        {"cache.query_parameters", "a", "b%zz", "value"},
	        {"cache.query_parameters", "a", "\xe7\x8a\xb6", "value"},
	        {"cache.query_parameters", "a", "b\tc", "value"},
	        {"cache.query_parameters", "a", "\"b", "value"},
	        {"headers.to_client", "delete A", "delete B,", "header"},
	        {"headers.to_client", "delete A", "set B: c, d", "header"},
	        {"headers.to_client", "delete A", "\"set B: c, d", "value"},
	        {"headers.to_client", "delete A", "\"set B: c, d\\", "value"},
	        {"headers.to_client", "delete A", "\"set B: c\" delete C", "value"},
	        {"headers.to_client", "delete A", "delete B, \"", "value"},
	        {"headers.to_client", "delete A", "delete B, delete Via", "header"},
	};
	for (size_t i = 0; i < ARRAY_LENGTH(ROWS); i++) {
		const struct model_field *field = find(ROWS[i].path);
		struct model_domain *domain = model_domain_new();
		struct model_why why;
		struct text printed = {0};
		assert_true(model_list_read(field, domain, str_of(ROWS[i].before), &why));
		if (model_list_read(field, domain, str_of(ROWS[i].text), &why))
			fail_msg("%s: %s was read", ROWS[i].path, ROWS[i].text);
		if (strcmp(why.rule, ROWS[i].rule) != 0)
			fail_msg("%s: %s: [%s]", ROWS[i].path, ROWS[i].text, why.rule);
		model_list_print(field, model_field_member_const(field, domain), &printed);
		assert_string_equal(text_c(&printed), ROWS[i].before);
		text_done(&printed);
		model_domain_unref(domain);
	}
}

static void a_list_has_as_many_items_as_the_table_says(void **state)
{
	(void)state;
	static const struct {
		const char *path;
		unsigned max;
	} ROWS[] = {
	        {"cache.ttl_statuses", LIMIT_STATUS_TTLS},
	        {"cache.query_parameters", LIMIT_QUERY_PARAMETERS},
	        {"headers.to_origin", LIMIT_HEADERS},
	};
	for (size_t i = 0; i < ARRAY_LENGTH(ROWS); i++) {
		const struct model_field *field = find(ROWS[i].path);
		struct model_domain *domain = model_domain_new();
		struct model_why why;
		struct text list = {0};
		for (unsigned n = 0; n < ROWS[i].max; n++) {
			char item[16];
			snprintf(item, sizeof(item), "%s%u%s", i == 2 ? "delete " : "", 200 + n,
			        i == 0 ? ":1s" : "");
			text_addf(&list, n == 0 ? "%s" : ",%s", item);
		}
		assert_true(model_list_read(field, domain, text_str(&list), &why));
		text_add(&list, i == 0 ? STR(",599:1s") : i == 1 ? STR(",599") : STR(",delete A"));
		assert_false(model_list_read(field, domain, text_str(&list), &why));
		assert_string_equal(why.rule, "range");
		assert_string_equal(why.allowed, field->allowed);
		text_done(&list);
		model_domain_unref(domain);
	}
}

static void a_name_is_at_most_255_bytes_long(void **state)
{
	(void)state;
	const struct model_field *field = find("cache.query_parameters");
	struct model_domain *domain = model_domain_new();
	struct model_why why;
	char name[LIMIT_QUERY_PARAMETER_BYTES + 1];
	memset(name, 'a', sizeof(name));
	assert_true(model_list_read(field, domain, str_make(name, sizeof(name) - 1), &why));
	assert_false(model_list_read(field, domain, str_make(name, sizeof(name)), &why));
	assert_string_equal(why.rule, "range");
	model_domain_unref(domain);
}

static void lists_differ_by_any_item_and_by_their_order(void **state)
{
	(void)state;
	static const struct {
		const char *path, *one, *other;
	} ROWS[] = {
	        {"cache.ttl_statuses", "404:1s", "404:2s"},
	        {"cache.ttl_statuses", "404:1s", "405:1s"},
	        {"cache.ttl_statuses", "404:1s", ""},
	        {"cache.ttl_statuses", "404:1s,405:1s", "405:1s,404:1s"},
	        {"cache.query_parameters", "a", "b"},
	        {"cache.query_parameters", "a", "a,b"},
	        {"cache.query_parameters", "a,b", "b,a"},
	        {"headers.to_origin", "delete A", ""},
	        {"headers.to_origin", "delete A", "delete a"},
	        {"headers.to_origin", "set A: b", "add A: b"},
	        {"headers.to_origin", "set A: b", "set A: c"},
	        {"headers.to_origin", "set A: b, delete C", "delete C, set A: b"},
	};
	for (size_t i = 0; i < ARRAY_LENGTH(ROWS); i++) {
		const struct model_field *field = find(ROWS[i].path);
		struct model_domain *one = model_domain_new(), *other = model_domain_new();
		struct model_why why;
		assert_true(model_list_read(field, one, str_of(ROWS[i].one), &why));
		assert_true(model_list_read(field, other, str_of(ROWS[i].other), &why));
		assert_false(model_list_is_equal(field, model_field_member_const(field, one),
		        model_field_member_const(field, other)));
		model_domain_unref(other);
		model_domain_unref(one);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(lists_are_printed_in_their_normal_form),
	        cmocka_unit_test(wrong_items_are_refused_and_leave_the_list),
	        cmocka_unit_test(a_list_has_as_many_items_as_the_table_says),
	        cmocka_unit_test(a_name_is_at_most_255_bytes_long),
	        cmocka_unit_test(lists_differ_by_any_item_and_by_their_order),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
