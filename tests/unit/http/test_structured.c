/* Structured fields. */
#include "http/structured.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "heads.h"

static const char *const TYPES[] = {
        [HTTP_STRUCTURED_INTEGER] = "integer",
        [HTTP_STRUCTURED_DECIMAL] = "decimal",
        [HTTP_STRUCTURED_STRING] = "string",
        [HTTP_STRUCTURED_TOKEN] = "token",
        [HTTP_STRUCTURED_BYTES] = "bytes",
        [HTTP_STRUCTURED_BOOLEAN] = "boolean",
        [HTTP_STRUCTURED_INNER_LIST] = "list",
};

/* Writes each member as "key:type:value[parameters]", and at the end "BAD" if it was. */
static void read_all(const char *field, struct text *to)
{
	struct str rest = str_of(field), key;
	struct http_structured_value value;
	enum http_structured_event event;
	text_clear(to);
	while ((event = http_structured_next_member(&rest, &key, &value)) ==
	        HTTP_STRUCTURED_MEMBER) {
		text_addf(to, "%.*s:%s:", STR_ARG(key), TYPES[value.type]);
		if (value.type == HTTP_STRUCTURED_BOOLEAN)
			text_addf(to, "%d", value.boolean);
		else if (value.type <= HTTP_STRUCTURED_DECIMAL)
			text_addf(to, "%lld", (long long)value.number);
		else
			text_add(to, value.text);
		text_addf(to, "[%.*s] ", STR_ARG(value.parameters));
	}
	if (event == HTTP_STRUCTURED_BAD)
		text_add(to, STR("BAD"));
}

static void dictionaries_are_read_member_by_member(void **state)
{
	(void)state;
	static const struct {
		const char *field, *members;
	} rows[] = {
	        /* RFC 8941 3.2 */
	        {"", ""},
	        {"a", "a:boolean:1[] "},
	        {"a=?0, b, c; foo=bar", "a:boolean:0[] b:boolean:1[] c:boolean:1[; foo=bar] "},
	        {"a=1,b=2", "a:integer:1[] b:integer:2[] "},
	        {"a=1 \t,\t b=2", "a:integer:1[] b:integer:2[] "},
	        {"a=1, a=2", "a:integer:1[] a:integer:2[] "},
	        {"*a.b_c-d*=1", "*a.b_c-d*:integer:1[] "},
	        /* 3.3.1, 3.3.2 */
	        {"a=0, b=-42, c=007", "a:integer:0[] b:integer:-42[] c:integer:7[] "},
	        {"a=999999999999999", "a:integer:999999999999999[] "},
	        {"a=-999999999999999", "a:integer:-999999999999999[] "},
	        {"a=4.5, b=-0.125, c=1.20", "a:decimal:4500[] b:decimal:-125[] c:decimal:1200[] "},
	        {"a=999999999999.999", "a:decimal:999999999999999[] "},
	        /* 3.3.3 */
	        {"a=\"\", b=\"x, y;z\"", "a:string:[] b:string:x, y;z[] "},
	        {"a=\"q\\\"b\\\\\"", "a:string:q\\\"b\\\\[] "},
	        /* 3.3.4 */
	        {"a=foo123/456, b=*x:y", "a:token:foo123/456[] b:token:*x:y[] "},
	        /* 3.3.5; padding may be missing (4.2.7) */
	        {"a=::, b=:aGVsbG8=:, c=:aGVsbG8:",
	                "a:bytes:[] b:bytes:aGVsbG8=[] c:bytes:aGVsbG8[] "},
	        /* 3.3.6 */
	        {"a=?1", "a:boolean:1[] "},
	        /* 3.1.1, 3.1.2 */
	        {"a=()", "a:list:[] "},
	        {"a=(1 \"b)\"   c;d=1;e  );f", "a:list:1 \"b)\"   c;d=1;e  [;f] "},
	        {"a=(:Yg==: ?1 1.5)", "a:list::Yg==: ?1 1.5[] "},
	        {"a=1;b;  c=?0;d=\"x\";b=2", "a:integer:1[;b;  c=?0;d=\"x\";b=2] "},
	};
	struct text got = {0};
	for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
		read_all(rows[i].field, &got);
		assert_string_equal(text_c(&got), rows[i].members);
	}
	text_done(&got);
}

static void what_is_malformed_is_bad(void **state)
{
	(void)state;
	static const char *const rows[] = {
	        "A=1",
	        "1a=1",
	        "=1",
	        ",",
	        "a=1,",
	        "a=1, ",
	        "a=1,,b=2",
	        "a=1 b=2",
	        " a=1",
	        "a =1",
	        "a= 1",
	        "a=",
	        "a=-",
	        "a=--1",
	        "a=+1",
	        "a=1000000000000000",
	        "a=1.",
	        "a=.5",
	        "a=1.2345",
	        "a=1.2.3",
	        "a=1234567890123.1",
	        "a=1e3",
	        "a=\"b",
	        "a=\"b\\",
	        "a=\"b\\c\"",
	        "a=\"b\x7f\"",
	        "a=\"b\tc\"",
	        "a=\"\xc3\xa9\"",
	        "a='b'",
	        "a=:b",
	        "a=:Yg=:",
	        "a=:Y:",
	        "a=:Yg===:",
	        "a=:Y=g=:",
	        "a=:Y g=:",
	        "a=:Yg_-:",
	        "a=?",
	        "a=?2",
	        "a=?11",
	        "a=(",
	        "a=(1",
	        "a=(1 2",
	        "a=(1,2)",
	        "a=(1\t2)",
	        "a=(1\"b\")",
	        "a=((1))",
	        "a=)",
	        "a=1;",
	        "a=1;B",
	        "a=1;b=",
	        "a=1 ;b",
	        "a=1;b=(1)",
	        "a=@1",
	        "a;b c",
	};
	struct text got = {0};
	for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
		read_all(rows[i], &got);
		assert_true(str_has_suffix(text_str(&got), STR("BAD")));
	}
	text_done(&got);
}

static void items_are_written_as_tokens_or_strings(void **state)
{
	(void)state;
	static const struct {
		const char *text, *written;
	} rows[] = {
	        {"headwater", "headwater"},
	        {"edge.example.com:80/x", "edge.example.com:80/x"},
	        {"*", "*"},
	        {"", "\"\""},
	        {"1a", "\"1a\""},
	        {"a b", "\"a b\""},
	        {"a\"b\\", "\"a\\\"b\\\\\""},
	};
	for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
		char room[64];
		struct http_writer writer;
		http_writer_init(&writer, room, sizeof(room));
		http_structured_write(&writer, str_of(rows[i].text));
		assert_false(writer.full);
		assert_str_equal(http_writer_str(&writer), str_of(rows[i].written));
	}
	assert_false(http_structured_is_string(STR("a\tb")));
	assert_false(http_structured_is_string(STR("\xff")));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(dictionaries_are_read_member_by_member),
	        cmocka_unit_test(what_is_malformed_is_bad),
	        cmocka_unit_test(items_are_written_as_tokens_or_strings),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
