/* Fields of HTTP/2 become the head that HTTP/1 would have sent. */
#include "serve/h2_private.h"

#include "http/write.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>

static const struct http_head_limits LIMITS = {
        .head_bytes = 2000, .target_bytes = 500, .fields = 20};

struct setting {
	struct mem_budget budget;
	struct buf_pool pool;
	struct serve_h2_head head;
};

static void begin(struct setting *setting, bool is_trailers)
{
	*setting = (struct setting){.budget = {.limit = 1 << 20}};
	buf_pool_init(&setting->pool, &setting->budget);
	setting->head = (struct serve_h2_head){.pool = &setting->pool, .limits = &LIMITS};
	serve_h2_head_begin(&setting->head, is_trailers);
}

/* As a field comes from h2_unpack.h. */
static enum serve_h2_field add(struct serve_h2_head *head, struct str name, struct str value)
{
	const struct serve_h2_unpack_field field = {
	        .name = name,
	        .value = value,
	        .id = http_name_of(name),
	        .pseudo = serve_h2_rules_pseudo(name),
	};
	return serve_h2_head_add(head, &field);
}

static void end(struct setting *setting)
{
	serve_h2_head_done(&setting->head);
	serve_h2_head_done(&setting->head);
	assert_int_equal(setting->pool.in_use, 0);
	buf_pool_done(&setting->pool);
}

#define START ":method", "GET", ":scheme", "https", ":path", "/a?b"

/* Names and values, and the text that HTTP/1 would have; NULL: malformed. */
static const struct {
	const char *fields[24];
	const char *text;
	bool is_trailers;
} ROWS[] = {
        {{START, ":authority", "a.test"}, "GET /a?b HTTP/1.1\r\nhost: a.test\r\n\r\n", false},
        {{":authority", "a.test", START, "x", "y"},
                "GET /a?b HTTP/1.1\r\nhost: a.test\r\nx: y\r\n\r\n", false},
        {{START, "host", "b.test", "x", ""}, "GET /a?b HTTP/1.1\r\nhost: b.test\r\nx: \r\n\r\n",
                false},
        {{START, ":authority", "a.test", "host", "A.test"},
                "GET /a?b HTTP/1.1\r\nhost: a.test\r\n\r\n", false},
        {{START, ":authority", "a.test", "x", "y", "host", "b.test"}, NULL, false},
        {{START, ":authority", "a.test", "host", "a.test", "host", "a.test"}, NULL, false},
        {{START, "x", "y", ":authority", "a.test"}, NULL, false},
        {{":method", "CONNECT", ":protocol", "websocket", ":scheme", "https", ":path", "/a?b",
                 ":authority", "a.test", "x", "y"},
                "GET /a?b HTTP/1.1\r\nhost: a.test\r\nx: y\r\n\r\n", false},
        {{START, "x", "y", ":protocol", "websocket"}, NULL, false},
        {{START, "host", "a", "cookie", "a=1", "x", "y", "cookie", "b=2", "cookie", ""},
                "GET /a?b HTTP/1.1\r\nhost: a\r\nx: y\r\ncookie: a=1; b=2;\r\n\r\n", false},
        {{"x-sum", "1", "y", "z"}, "x-sum: 1\r\ny: z\r\n", true},
        {{"x-sum", "1", ":path", "/"}, NULL, true},
        {{NULL}, "", true},
        {{"host", "a", "cookie", "b", "cookie", "c"}, "host: a\r\ncookie: b\r\ncookie: c\r\n",
                true},
};

/* The head, or the trailers, as text. */
static enum fault print(struct serve_h2_head *head, char room[4096], struct str *ret_text)
{
	struct http_head made;
	if (head->rules.is_trailers)
		return serve_h2_head_end_trailers(head, ret_text);
	enum fault fault = serve_h2_head_end(head, &made);
	if (fault != FAULT_NONE)
		return fault;
	assert_true(made.is_h2 && made.minor == 1);
	struct http_writer writer;
	http_writer_init(&writer, room, 4096);
	http_write_request_line(&writer, http_head_method(&made), http_head_target(&made));
	for (unsigned i = 0; i < made.count; i++) {
		const struct http_field *field = &made.fields[i];
		assert_int_equal(field->id, http_name_of(http_head_name(&made, field)));
		assert_true(http_head_has(&made, (enum http_name)field->id));
		http_write_field(
		        &writer, http_head_name(&made, field), http_head_value(&made, field));
	}
	http_write_end_of_head(&writer);
	assert_false(writer.full);
	*ret_text = http_writer_str(&writer);
	/* Who copies the head from text to text asks how long it is. */
	assert_true(made.len + sizeof("  HTTP/1.1\r\n\r\n") >= ret_text->len);
	return FAULT_NONE;
}

static void fields_become_a_head_or_are_malformed(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LENGTH(ROWS); i++) {
		struct setting setting;
		begin(&setting, ROWS[i].is_trailers);
		bool is_malformed = false;
		for (size_t at = 0; ROWS[i].fields[at] != NULL && !is_malformed; at += 2)
			is_malformed =
			        add(&setting.head, str_of(ROWS[i].fields[at]),
			                str_of(ROWS[i].fields[at + 1])) != SERVE_H2_FIELD_TAKEN;
		if (is_malformed != (ROWS[i].text == NULL))
			fail_msg("row %zu", i);
		if (!is_malformed) {
			struct str text;
			char room[4096];
			assert_int_equal(print(&setting.head, room, &text), FAULT_NONE);
			assert_int_equal(text.len, strlen(ROWS[i].text));
			assert_memory_equal(text.at, ROWS[i].text, text.len);
		}
		end(&setting);
	}
}

static void what_http1_would_refuse_is_refused(void **state)
{
	static char path[600];
	static const struct {
		const char *method, *path, *name, *value;
		enum fault fault; /* MALFORMED: not even that */
	} BAD[] = {
	        {"GET", "/", "x", "y", FAULT_NONE},
	        {"GET", "/", "x", "y\t\xff", FAULT_NONE},
	        {"GET", "/\xc3\xa4", "x", "y", FAULT_BAD_REQUEST},
	        {"GET", path, "x", "y", FAULT_URI_TOO_LONG},
	        {"GETGETGETGETGETGETGETGETGETGETGETGET", "/", "x", "y", FAULT_BAD_REQUEST},
	        {"GET", "/", "x", " y", FAULT_MALFORMED},
	        {"GET", "/ HTTP/1.1", "x", "y", FAULT_MALFORMED},
	        {"GET", "/\r\nx: y", "x", "y", FAULT_MALFORMED},
	        {"GET", "", "x", "y", FAULT_MALFORMED},
	        {"G T", "/", "x", "y", FAULT_MALFORMED},
	        {"", "/", "x", "y", FAULT_MALFORMED},
	        {"GET", "/", "x", "y\r\nz: 1", FAULT_MALFORMED},
	        {"GET", "/", "x", "y\x7f", FAULT_MALFORMED},
	        {"GET", "/", "cookie", "y\n", FAULT_MALFORMED},
	        {"GET", "/", "host", "y\n", FAULT_MALFORMED},
	        {"GET", "/", "x y", "y", FAULT_MALFORMED},
	        {"GET", "/", "x:", "y", FAULT_MALFORMED},
	        {"GET", "/", "", "y", FAULT_MALFORMED},
	};
	(void)state;
	memset(path, '/', sizeof(path) - 1);
	for (size_t i = 0; i < ARRAY_LENGTH(BAD); i++) {
		const char *fields[] = {":method", BAD[i].method, ":path", BAD[i].path, ":scheme",
		        "https", BAD[i].name, BAD[i].value};
		struct setting setting;
		struct str text;
		char room[4096];
		bool is_malformed = false;
		begin(&setting, false);
		for (size_t at = 0; at < ARRAY_LENGTH(fields); at += 2)
			is_malformed |= add(&setting.head, str_of(fields[at]),
			                        str_of(fields[at + 1])) != SERVE_H2_FIELD_TAKEN;
		enum fault fault =
		        is_malformed ? FAULT_MALFORMED : print(&setting.head, room, &text);
		if (fault != BAD[i].fault)
			fail_msg("row %zu: %u", i, fault);
		end(&setting);
	}
}

static void more_fields_than_the_limit_are_too_large(void **state)
{
	(void)state;
	for (unsigned more = 0; more < 2; more++) {
		struct setting setting;
		struct http_head made;
		begin(&setting, false);
		assert_int_equal(
		        add(&setting.head, STR(":method"), STR("GET")), SERVE_H2_FIELD_TAKEN);
		assert_int_equal(add(&setting.head, STR(":path"), STR("/")), SERVE_H2_FIELD_TAKEN);
		assert_int_equal(add(&setting.head, STR("cookie"), STR("c")), SERVE_H2_FIELD_TAKEN);
		for (unsigned i = 1; i < LIMITS.fields + more; i++)
			assert_int_equal(
			        add(&setting.head, STR("x"), STR("y")), SERVE_H2_FIELD_TAKEN);
		assert_int_equal(serve_h2_head_end(&setting.head, &made),
		        more == 0 ? FAULT_NONE : FAULT_HEAD_TOO_LARGE);
		end(&setting);
	}
}

static void the_priority_is_found(void **state)
{
	static const char *const FIELDS[] = {
	        START, ":authority", "a", "priority", "u=1, i", "x", "y"};
	(void)state;
	struct setting setting;
	struct http_head made;
	begin(&setting, false);
	for (size_t at = 0; at < ARRAY_LENGTH(FIELDS); at += 2)
		assert_int_equal(add(&setting.head, str_of(FIELDS[at]), str_of(FIELDS[at + 1])),
		        SERVE_H2_FIELD_TAKEN);
	assert_int_equal(serve_h2_head_end(&setting.head, &made), FAULT_NONE);
	assert_true(str_is_equal(
	        serve_h2_head_str(&setting.head, &setting.head.priority), STR("u=1, i")));
	assert_true(str_is_equal(http_head_get(&made, HTTP_NAME_PRIORITY), STR("u=1, i")));
	end(&setting);
}

/* A head of so many bytes, in fields of this name. */
static enum fault fill(struct setting *setting, const char *name, size_t bytes, bool is_trailers)
{
	static const char *const FIELDS[] = {START, ":authority", "a"};
	char value[100];
	memset(value, 'v', sizeof(value));
	begin(setting, is_trailers);
	for (size_t at = 0; !is_trailers && at < ARRAY_LENGTH(FIELDS); at += 2)
		assert_int_equal(add(&setting->head, str_of(FIELDS[at]), str_of(FIELDS[at + 1])),
		        SERVE_H2_FIELD_TAKEN);
	for (size_t at = 0; at < bytes; at += sizeof(value))
		assert_int_equal(add(&setting->head, str_of(name), str_make(value, sizeof(value))),
		        SERVE_H2_FIELD_TAKEN);
	struct str text;
	struct http_head made;
	return is_trailers ? serve_h2_head_end_trailers(&setting->head, &text)
	                   : serve_h2_head_end(&setting->head, &made);
}

static void what_is_too_large_is_a_fault_and_is_not_kept(void **state)
{
	static const char *const NAMES[] = {"x", "cookie"};
	(void)state;
	struct setting setting;
	for (size_t i = 0; i < ARRAY_LENGTH(NAMES); i++) {
		assert_int_equal(fill(&setting, NAMES[i], 1500, false), FAULT_NONE);
		end(&setting);
		assert_int_equal(fill(&setting, NAMES[i], 2000, false), FAULT_HEAD_TOO_LARGE);
		end(&setting);
		assert_int_equal(fill(&setting, NAMES[i], 100000, false), FAULT_HEAD_TOO_LARGE);
		assert_true(
		        buf_length(&setting.head.text) + buf_length(&setting.head.cookies) < 3000);
		end(&setting);
	}
	assert_int_equal(fill(&setting, "x", 7000, true), FAULT_NONE);
	end(&setting);
	assert_int_equal(fill(&setting, "x", 9000, true), FAULT_HEAD_TOO_LARGE);
	end(&setting);
}

static void what_is_far_too_large_is_a_flood(void **state)
{
	(void)state;
	struct setting setting;
	begin(&setting, false);
	static char value[4000];
	memset(value, 'v', sizeof(value));
	unsigned count = 0;
	while (add(&setting.head, STR("x"), str_make(value, sizeof(value))) == SERVE_H2_FIELD_TAKEN)
		count++;
	assert_int_equal(count, LIMIT_H2_DECODED_BYTES / (sizeof(value) + 1 + 32));
	end(&setting);
	/* Fields without anything count as well. */
	begin(&setting, false);
	count = 0;
	while (add(&setting.head, STR("x"), STR_EMPTY) == SERVE_H2_FIELD_TAKEN)
		count++;
	assert_int_equal(count, LIMIT_H2_DECODED_BYTES / 33);
	end(&setting);
}

static void without_memory_it_is_a_fault(void **state)
{
	(void)state;
	struct setting setting;
	begin(&setting, false);
	setting.budget.limit = 0;
	assert_int_equal(add(&setting.head, STR(":path"), STR("/")), SERVE_H2_FIELD_TAKEN);
	struct http_head made;
	assert_int_equal(serve_h2_head_end(&setting.head, &made), FAULT_MEMORY);
	end(&setting);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(fields_become_a_head_or_are_malformed),
	        cmocka_unit_test(what_http1_would_refuse_is_refused),
	        cmocka_unit_test(more_fields_than_the_limit_are_too_large),
	        cmocka_unit_test(the_priority_is_found),
	        cmocka_unit_test(what_is_too_large_is_a_fault_and_is_not_kept),
	        cmocka_unit_test(what_is_far_too_large_is_a_flood),
	        cmocka_unit_test(without_memory_it_is_a_fault),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
