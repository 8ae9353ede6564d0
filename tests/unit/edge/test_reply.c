/*
 * What a client gets of a stored response: all of it, a part, several, or just a status.
 */
#include "edge/reply.h"

#include "base/hash.h"
#include "http/write.h"
#include "model/list.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>

enum { NOW_S = 1700000000, LENGTH = 1000 };

#define STORED                                                                                     \
	"HTTP/1.1 200 Fine\r\n"                                                                    \
	"Content-Type: text/plain\r\n"                                                             \
	"ETag: \"v1\"\r\n"                                                                         \
	"Last-Modified: Tue, 14 Nov 2023 22:00:00 GMT\r\n"                                         \
	"Date: Tue, 14 Nov 2023 22:13:00 GMT\r\n"                                                  \
	"Cache-Control: max-age=60\r\n"                                                            \
	"Vary: X-A\r\n"                                                                            \
	"X-Own: yes\r\n"                                                                           \
	"\r\n"

struct bench {
	struct http_field request_fields[32], stored_fields[32];
	struct http_head request, stored;
	struct cache_terms terms;
	struct arena arena;
	struct edge_reply_options options;
	struct edge_reply reply;
};

static void bench_start(struct bench *bench, const char *request)
{
	static const struct http_head_limits limits = {
	        .head_bytes = 65535, .target_bytes = 8192, .fields = 256};
	size_t scanned = 0;
	enum fault fault;
	*bench = (struct bench){0};
	bench->request.fields = bench->request_fields;
	bench->stored.fields = bench->stored_fields;
	bench->request.capacity = bench->stored.capacity = 32;
	assert_int_equal(http_head_parse_request(
	                         str_of(request), &scanned, &limits, &bench->request, &fault),
	        HTTP_PARSE_DONE);
	scanned = 0;
	assert_int_equal(
	        http_head_parse_response(str_of(STORED), &scanned, &limits, &bench->stored, &fault),
	        HTTP_PARSE_DONE);
	arena_init(&bench->arena, NULL, 0);
	bench->terms = (struct cache_terms){
	        .born_ms = (uint64_t)(NOW_S - 20) * 1000,
	        .received_ms = (uint64_t)(NOW_S - 20) * 1000,
	        .fresh_ms = 60000,
	        .last_modified_s = 1699999200,
	        .status = 200,
	        .flags = CACHE_DATE_STRONG,
	};
	bench->options = (struct edge_reply_options){
	        .request = &bench->request,
	        .head = &bench->stored,
	        .terms = &bench->terms,
	        .etag = STR("\"v1\""),
	        .length = LENGTH,
	        .has_age = true,
	        .now_ms = (uint64_t)NOW_S * 1000,
	        .via = STR("1.1 edge"),
	        .cache = STR("HIT"),
	        .name = STR("edge"),
	        .status = {.forward = HTTP_CACHE_FORWARD_HIT, .has_ttl = true, .ttl_s = 40},
	        .arena = &bench->arena,
	};
}

static enum edge_reply_verdict make(struct bench *bench)
{
	return edge_reply_make(&bench->options, &bench->reply);
}

/* Whether the reply sends the field line. */
static bool sends(const struct bench *bench, const char *line)
{
	const struct serve_response *response = &bench->reply.response;
	const struct http_head *head = response->head;
	char room[4096];
	struct http_writer writer;
	http_writer_init(&writer, room, sizeof(room));
	for (unsigned i = 0; head != NULL && i < head->count; i++)
		if (response->drop == NULL || !(response->drop[i / 64] >> (i % 64) & 1))
			http_write_field(&writer, http_head_name(head, &head->fields[i]),
			        http_head_value(head, &head->fields[i]));
	http_write(&writer, response->added);
	for (unsigned i = 0; i < response->field_count; i++)
		http_write_known_field(&writer, response->fields[i].id, response->fields[i].value);
	assert_false(writer.full);
	struct str all = http_writer_str(&writer);
	return memmem(all.at, all.len, line, strlen(line)) != NULL;
}

static void bench_end(struct bench *bench)
{
	arena_reset(&bench->arena);
}

static void the_whole_is_sent_as_it_is_stored_with_our_own_fields(void **state)
{
	(void)state;
	struct bench bench;
	bench_start(&bench, "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
	assert_int_equal(make(&bench), EDGE_REPLY_SEND);
	assert_int_equal(bench.reply.response.status, 200);
	assert_int_equal(bench.reply.response.length, LENGTH);
	assert_false(bench.reply.response.is_bodiless);
	assert_int_equal(bench.reply.part_count, 1);
	assert_int_equal(bench.reply.parts[0].at, 0);
	assert_int_equal(bench.reply.parts[0].end, LENGTH);
	assert_true(sends(&bench, "X-Own: yes\r\n"));
	assert_true(sends(&bench, "Age: 20\r\n"));
	assert_true(sends(&bench, "Via: 1.1 edge\r\n"));
	assert_true(sends(&bench, "X-Cache: HIT\r\n"));
	assert_true(sends(&bench, "Cache-Status: edge; hit; ttl=40\r\n"));
	assert_false(sends(&bench, "HTTP/1.1"));
	bench_end(&bench);
}

static void head_has_the_length_and_no_body(void **state)
{
	(void)state;
	struct bench bench;
	bench_start(&bench, "HEAD / HTTP/1.1\r\nHost: a\r\nRange: bytes=0-1\r\n\r\n");
	assert_int_equal(make(&bench), EDGE_REPLY_SEND);
	assert_int_equal(bench.reply.response.status, 200);
	assert_true(bench.reply.response.is_bodiless);
	assert_int_equal(bench.reply.response.length, LENGTH);
	assert_int_equal(bench.reply.parts[0].end, 0);
	bench_end(&bench);
}

/* What is asked besides, and what comes of it (RFC 9110 13.2.2, 14.2). */
static const struct {
	const char *fields;
	unsigned status; /* of the response, or of the error */
	uint64_t at, end;
} rows[] = {
        {"If-None-Match: \"v1\"\r\n", 304, 0, 0},
        {"If-None-Match: W/\"v1\"\r\n", 304, 0, 0},
        {"If-None-Match: \"v2\"\r\n", 200, 0, LENGTH},
        {"If-Modified-Since: Tue, 14 Nov 2023 22:00:00 GMT\r\n", 304, 0, 0},
        {"If-Modified-Since: Tue, 14 Nov 2023 21:59:59 GMT\r\n", 200, 0, LENGTH},
        {"If-None-Match: \"v2\"\r\nIf-Modified-Since: Tue, 14 Nov 2023 22:00:00 GMT\r\n", 200, 0,
                LENGTH},
        {"If-Match: \"v2\"\r\n", 412, 0, 0},
        {"If-Match: \"v1\"\r\n", 200, 0, LENGTH},
        {"If-Unmodified-Since: Tue, 14 Nov 2023 21:00:00 GMT\r\n", 412, 0, 0},
        {"Range: bytes=0-0\r\n", 206, 0, 1},
        {"Range: bytes=10-\r\n", 206, 10, LENGTH},
        {"Range: bytes=-5\r\n", 206, LENGTH - 5, LENGTH},
        {"Range: bytes=0-9999\r\n", 206, 0, LENGTH},
        {"Range: bytes=1000-\r\n", 416, 0, 0},
        {"Range: lines=1-2\r\n", 200, 0, LENGTH},
        {"Range: bytes=0-1\r\nIf-Range: \"v1\"\r\n", 206, 0, 2},
        {"Range: bytes=0-1\r\nIf-Range: \"v2\"\r\n", 200, 0, LENGTH},
        {"Range: bytes=0-1\r\nIf-None-Match: \"v1\"\r\n", 304, 0, 0},
};

static void conditions_and_ranges_are_answered_as_the_rfc_says(void **state)
{
	(void)state;
	for (unsigned i = 0; i < ARRAY_LENGTH(rows); i++) {
		struct bench bench;
		char request[512];
		snprintf(request, sizeof(request), "GET / HTTP/1.1\r\nHost: a\r\n%s\r\n",
		        rows[i].fields);
		bench_start(&bench, request);
		enum edge_reply_verdict verdict = make(&bench);
		unsigned status = verdict == EDGE_REPLY_PRECONDITION ? 412
		                  : verdict == EDGE_REPLY_RANGE      ? 416
		                                                     : bench.reply.response.status;
		if (status != rows[i].status)
			fail_msg("%s: %u", rows[i].fields, status);
		if (rows[i].end > 0) {
			assert_int_equal(bench.reply.part_count, 1);
			assert_int_equal(bench.reply.parts[0].at, rows[i].at);
			assert_int_equal(bench.reply.parts[0].end, rows[i].end);
			assert_int_equal(bench.reply.response.length, rows[i].end - rows[i].at);
		}
		bench_end(&bench);
	}
}

static void a_304_has_what_a_cache_needs_and_no_length(void **state)
{
	(void)state;
	struct bench bench;
	bench_start(&bench, "GET / HTTP/1.1\r\nHost: a\r\nIf-None-Match: *\r\n\r\n");
	assert_int_equal(make(&bench), EDGE_REPLY_SEND);
	assert_int_equal(bench.reply.response.status, 304);
	assert_int_equal(bench.reply.response.length, UINT64_MAX);
	assert_int_equal(bench.reply.part_count, 0);
	assert_true(sends(&bench, "ETag: \"v1\"\r\n"));
	assert_true(sends(&bench, "Cache-Control: max-age=60\r\n"));
	assert_true(sends(&bench, "Vary: X-A\r\n"));
	assert_true(sends(&bench, "Date: "));
	assert_true(sends(&bench, "X-Cache: HIT\r\n"));
	assert_false(sends(&bench, "X-Own"));
	assert_false(sends(&bench, "Content-Type"));
	assert_false(sends(&bench, "Last-Modified"));
	bench_end(&bench);
}

static void a_range_tells_where_it_lies(void **state)
{
	(void)state;
	struct bench bench;
	bench_start(&bench, "GET / HTTP/1.1\r\nHost: a\r\nRange: bytes=10-19\r\n\r\n");
	assert_int_equal(make(&bench), EDGE_REPLY_SEND);
	assert_true(sends(&bench, "Content-Range: bytes 10-19/1000\r\n"));
	assert_true(sends(&bench, "X-Own: yes\r\n"));
	bench_end(&bench);
	bench_start(&bench, "GET / HTTP/1.1\r\nHost: a\r\nRange: bytes=1000-1001\r\n\r\n");
	assert_int_equal(make(&bench), EDGE_REPLY_RANGE);
	assert_true(str_is_equal(bench.reply.lines,
	        STR("Content-Range: bytes */1000\r\nCache-Status: edge; hit; ttl=40\r\n")));
	bench_end(&bench);
}

static void several_ranges_are_parts_whose_sum_is_the_length(void **state)
{
	(void)state;
	struct bench bench;
	bench_start(&bench, "GET / HTTP/1.1\r\nHost: a\r\nRange: bytes=0-9,500-509,-1\r\n\r\n");
	assert_int_equal(make(&bench), EDGE_REPLY_SEND);
	assert_int_equal(bench.reply.response.status, 206);
	assert_true(sends(&bench, "Content-Type: multipart/byteranges; boundary="));
	assert_false(sends(&bench, "Content-Type: text/plain"));
	assert_int_equal(bench.reply.part_count, 4);
	uint64_t sum = 0;
	for (unsigned i = 0; i < bench.reply.part_count; i++)
		sum += bench.reply.parts[i].text.len + bench.reply.parts[i].end -
		       bench.reply.parts[i].at;
	assert_int_equal(sum, bench.reply.response.length);
	assert_int_equal(bench.reply.parts[1].at, 500);
	assert_int_equal(bench.reply.parts[2].end, LENGTH);
	assert_non_null(memmem(bench.reply.parts[0].text.at, bench.reply.parts[0].text.len,
	        "Content-Type: text/plain\r\n", 26));
	bench_end(&bench);
}

static void a_body_that_comes_once_gives_no_several_ranges(void **state)
{
	(void)state;
	struct bench bench;
	bench_start(&bench, "GET / HTTP/1.1\r\nHost: a\r\nRange: bytes=0-9,500-509\r\n\r\n");
	bench.options.is_one_way = true;
	assert_int_equal(make(&bench), EDGE_REPLY_SEND);
	assert_int_equal(bench.reply.response.status, 200);
	bench.options.length = UINT64_MAX;
	assert_int_equal(make(&bench), EDGE_REPLY_SEND);
	assert_int_equal(bench.reply.parts[0].end, UINT64_MAX);
	bench_end(&bench);
}

#define RULES                                                                                      \
	"set Content-Type: text/b, delete x-own, add Vary: X-B, set X-New: n, delete Set-Cookie, " \
	"delete Last-Modified, delete ETag"

static void rules_of_the_domain_change_what_is_sent(void **state)
{
	(void)state;
	static const struct {
		const char *request;
		unsigned status;
		bool has_type;
	} ROWS[] = {
	        {"GET / HTTP/1.1\r\nHost: a\r\n\r\n", 200, true},
	        {"HEAD / HTTP/1.1\r\nHost: a\r\n\r\n", 200, true},
	        {"GET / HTTP/1.1\r\nHost: a\r\nRange: bytes=0-9\r\n\r\n", 206, true},
	        {"GET / HTTP/1.1\r\nHost: a\r\nRange: bytes=0-9,500-509\r\n\r\n", 206, false},
	        {"GET / HTTP/1.1\r\nHost: a\r\nIf-None-Match: \"v1\"\r\n\r\n", 304, false},
	};
	for (size_t i = 0; i < ARRAY_LENGTH(ROWS); i++) {
		struct bench bench;
		struct model_domain *domain = model_domain_new();
		struct model_why why;
		assert_true(model_list_read(
		        model_field_find(STR("headers.to_client")), domain, STR(RULES), &why));
		bench_start(&bench, ROWS[i].request);
		bench.options.rules = domain->headers_to_client;
		bench.options.own = STR("Set-Cookie: a=b\r\nX-Mine: m\r\n");
		assert_int_equal(make(&bench), EDGE_REPLY_SEND);
		assert_int_equal(bench.reply.response.status, ROWS[i].status);
		assert_int_equal(sends(&bench, "Content-Type: text/b\r\n"), ROWS[i].has_type);
		assert_true(sends(&bench, "Vary: X-A\r\n") && sends(&bench, "Vary: X-B\r\n"));
		assert_true(sends(&bench, "X-New: n\r\n") && sends(&bench, "X-Mine: m\r\n"));
		assert_true(sends(&bench, "Cache-Control: max-age=60\r\n"));
		assert_true(sends(&bench, "X-Cache: HIT\r\n"));
		assert_false(sends(&bench, "text/plain") || sends(&bench, "X-Own"));
		assert_false(sends(&bench, "Set-Cookie") || sends(&bench, "Last-Modified"));
		assert_false(sends(&bench, "ETag"));
		bench_end(&bench);
		model_domain_unref(domain);
	}
}

static void parts_are_of_the_type_that_rules_say(void **state)
{
	(void)state;
	struct bench bench;
	struct model_domain *domain = model_domain_new();
	struct model_why why;
	assert_true(model_list_read(
	        model_field_find(STR("headers.to_client")), domain, STR(RULES), &why));
	bench_start(&bench, "GET / HTTP/1.1\r\nHost: a\r\nRange: bytes=0-9,500-509\r\n\r\n");
	bench.options.rules = domain->headers_to_client;
	assert_int_equal(make(&bench), EDGE_REPLY_SEND);
	assert_true(sends(&bench, "Content-Type: multipart/byteranges; boundary="));
	uint64_t sum = 0;
	for (unsigned i = 0; i < bench.reply.part_count; i++) {
		const struct edge_reply_part *part = &bench.reply.parts[i];
		sum += part->text.len + part->end - part->at;
		bool has_type = memmem(part->text.at, part->text.len, "Content-Type: text/b\r\n",
		                        strlen("Content-Type: text/b\r\n")) != NULL;
		assert_int_equal(has_type, i + 1 < bench.reply.part_count);
	}
	assert_int_equal(sum, bench.reply.response.length);
	bench_end(&bench);
	model_domain_unref(domain);
}

/* The stored lines need not be gone through one by one. */
static void rules_that_take_nothing_away_leave_the_lines_as_they_are(void **state)
{
	(void)state;
	struct bench bench;
	struct model_domain *domain = model_domain_new();
	struct model_why why;
	assert_true(model_list_read(model_field_find(STR("headers.to_client")), domain,
	        STR("set X-New: n, delete X-Gone"), &why));
	bench_start(&bench, "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
	bench.options.rules = domain->headers_to_client;
	assert_int_equal(make(&bench), EDGE_REPLY_SEND);
	assert_null(bench.reply.response.drop);
	assert_true(bench.reply.response.lines.len > 0);
	assert_true(sends(&bench, "X-New: n\r\n") && sends(&bench, "X-Own: yes\r\n"));
	bench_end(&bench);
	model_domain_unref(domain);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(the_whole_is_sent_as_it_is_stored_with_our_own_fields),
	        cmocka_unit_test(head_has_the_length_and_no_body),
	        cmocka_unit_test(conditions_and_ranges_are_answered_as_the_rfc_says),
	        cmocka_unit_test(a_304_has_what_a_cache_needs_and_no_length),
	        cmocka_unit_test(a_range_tells_where_it_lies),
	        cmocka_unit_test(several_ranges_are_parts_whose_sum_is_the_length),
	        cmocka_unit_test(a_body_that_comes_once_gives_no_several_ranges),
	        cmocka_unit_test(rules_of_the_domain_change_what_is_sent),
	        cmocka_unit_test(parts_are_of_the_type_that_rules_say),
	        cmocka_unit_test(rules_that_take_nothing_away_leave_the_lines_as_they_are),
	};
	hash_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
