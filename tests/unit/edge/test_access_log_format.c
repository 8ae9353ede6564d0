/* Entries as JSON lines. */
#include "edge/access_log_private.h"

#include "base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static struct address address_of(const char *text)
{
	struct address address;
	assert_true(address_parse(str_of(text), &address));
	return address;
}

/* A GET that went well at once. */
static struct edge_log_entry plain_entry(void)
{
	return (struct edge_log_entry){
	        .wall_ms = 1795472400123,
	        .us = 12345,
	        .id = 0x9f3c000000000001,
	        .client = address_of("127.0.0.1:5000"),
	        .domain = STR("edge.test"),
	        .host = STR("edge.test"),
	        .method = STR("GET"),
	        .target = STR("/a?b"),
	        .minor = 1,
	        .status = 200,
	        .cache = "PASS",
	        .bytes_out = 1024,
	        .fault = FAULT_NONE,
	        .end = EDGE_LOG_COMPLETE,
	};
}

static void assert_line(const struct edge_log_entry *entry, const char *expected)
{
	struct text line = {0};
	edge_access_log_format(entry, &line);
	assert_string_equal(text_c(&line), expected);
	text_done(&line);
}

static void a_plain_request_is_one_line(void **state)
{
	(void)state;
	struct edge_log_entry entry = plain_entry();
	assert_line(&entry,
	        "{\"time\":\"2026-11-23T22:20:00.123Z\",\"id\":\"9f3c000000000001\","
	        "\"client\":\"127.0.0.1\",\"domain\":\"edge.test\",\"host\":\"edge.test\","
	        "\"method\":\"GET\",\"path\":\"/a?b\",\"protocol\":\"HTTP/1.1\",\"status\":200,"
	        "\"cache\":\"PASS\",\"bytes_in\":0,\"bytes_out\":1024,\"ms\":12.345,"
	        "\"fault\":\"none\",\"end\":\"complete\",\"attempts\":[]}\n");
}

static void every_attempt_is_told(void **state)
{
	(void)state;
	struct edge_log_attempt attempts[] = {
	        {.address = address_of("127.0.0.1:9001"),
	                .role = EDGE_LOG_MASTER,
	                .status = 503,
	                .reason = FAULT_STATUS,
	                .next = EDGE_LOG_BACKUP_NEXT,
	                .phase = "head",
	                .us = 1234},
	        {.address = address_of("127.0.0.1:9003"),
	                .role = EDGE_LOG_MASTER,
	                .reason = FAULT_TLS_NAME,
	                .next = EDGE_LOG_FAIL,
	                .phase = "connect",
	                .detail = STR("its certificate is \"odd\""),
	                .us = 2000},
	        {.address = address_of("[2001:db8::1]:9002"),
	                .role = EDGE_LOG_BACKUP,
	                .is_reused = true,
	                .status = 200,
	                .reason = FAULT_NONE,
	                .next = EDGE_LOG_DELIVER,
	                .phase = "done",
	                .us = 7},
	};
	struct edge_log_entry entry = plain_entry();
	entry.attempts = attempts;
	entry.attempt_count = ARRAY_LENGTH(attempts);
	struct text line = {0};
	edge_access_log_format(&entry, &line);
	assert_non_null(strstr(text_c(&line),
	        "\"attempts\":[{\"role\":\"master\",\"address\":\"127.0.0.1:9001\",\"phase\":"
	        "\"head\","
	        "\"status\":503,\"reason\":\"status\",\"ms\":1.234,\"reused\":false,"
	        "\"next\":\"backup\"},"
	        "{\"role\":\"master\",\"address\":\"127.0.0.1:9003\",\"phase\":\"connect\","
	        "\"status\":0,\"reason\":\"tls_name\","
	        "\"detail\":\"its certificate is \\\"odd\\\"\",\"ms\":2.000,"
	        "\"reused\":false,\"next\":\"fail\"},"
	        "{\"role\":\"backup\",\"address\":\"[2001:db8::1]:9002\",\"phase\":\"done\","
	        "\"status\":200,\"reason\":\"none\",\"ms\":0.007,\"reused\":true,"
	        "\"next\":\"deliver\"}]}\n"));
	text_done(&line);
}

static void parts_of_a_body_are_told_where_there_are_several(void **state)
{
	(void)state;
	struct edge_log_attempt attempts[] = {
	        {.reason = FAULT_TRUNCATED, .next = EDGE_LOG_RESUME, .phase = "body", .to = 1000},
	        {.reason = FAULT_RESUME_ETAG, .next = EDGE_LOG_RESUME, .phase = "body"},
	        {.next = EDGE_LOG_DELIVER, .phase = "done", .from = 1000, .to = 1001},
	};
	struct edge_log_entry entry = plain_entry();
	struct text line = {0};
	entry.attempts = attempts;
	entry.attempt_count = ARRAY_LENGTH(attempts);
	edge_access_log_format(&entry, &line);
	assert_non_null(
	        strstr(text_c(&line), "\"reason\":\"truncated\",\"ms\":0.000,\"first\":0,"
	                              "\"last\":999,\"reused\":false,\"next\":\"resume\"}"));
	assert_non_null(
	        strstr(text_c(&line), "\"reason\":\"resume_etag\",\"ms\":0.000,\"reused\":false,"
	                              "\"next\":\"resume\"}"));
	assert_non_null(strstr(text_c(&line), "\"first\":1000,\"last\":1000,"));
	/* The one attempt of a whole body gave all of it. */
	attempts[0].next = attempts[1].next = EDGE_LOG_DELIVER;
	text_clear(&line);
	edge_access_log_format(&entry, &line);
	assert_null(strstr(text_c(&line), "\"first\""));
	attempts[2].is_unsure = true;
	edge_access_log_format(&entry, &line);
	assert_non_null(
	        strstr(text_c(&line), ",\"unsure\":true,\"reused\":false,\"next\":\"deliver\"}]"));
	text_done(&line);
}

static void what_json_reserves_is_escaped(void **state)
{
	(void)state;
	static const struct {
		struct str target;
		const char *expected;
	} ROWS[] = {
	        {STR(""), "\"path\":\"\","},
	        {STR("/12345678"), "\"path\":\"/12345678\","},
	        {STR("/\""), "\"path\":\"/\\\"\","},
	        {STR("/123456\\"), "\"path\":\"/123456\\\\\","},
	        {STR("/1234567890\n"), "\"path\":\"/1234567890\\n\","},
	        {STR("/\x1f"), "\"path\":\"/\\u001f\","},
	        {STR("/\x7f"), "\"path\":\"/\\u007f\","},
	        {STR("/caf\xc3\xa9"), "\"path\":\"/caf\xc3\xa9\","},
	        {STR("/caf\xe9"), "\"path\":\"/caf\xef\xbf\xbd\","},
	};
	for (size_t i = 0; i < ARRAY_LENGTH(ROWS); i++) {
		struct edge_log_entry entry = plain_entry();
		entry.target = ROWS[i].target;
		struct text line = {0};
		edge_access_log_format(&entry, &line);
		assert_non_null(strstr(text_c(&line), ROWS[i].expected));
		text_done(&line);
	}
}

static void every_byte_that_needs_an_escape_is_found_wherever_it_is(void **state)
{
	(void)state;
	for (unsigned byte = 0; byte < 256; byte++) {
		for (size_t at = 0; at < 19; at++) {
			char target[19];
			memset(target, 'x', sizeof(target));
			target[at] = (char)byte;
			struct edge_log_entry entry = plain_entry();
			entry.target = str_make(target, sizeof(target));
			struct text line = {0}, escaped = {0};
			edge_access_log_format(&entry, &line);
			text_add_json(&escaped, entry.target);
			assert_non_null(strstr(text_c(&line), text_c(&escaped)));
			text_done(&line);
			text_done(&escaped);
		}
	}
}

static void an_absurd_entry_is_cut_to_the_limit(void **state)
{
	(void)state;
	static const char FILL[] = {'x', '"', '\x01', '\xff'};
	char *huge = mem_alloc(100000);
	struct edge_log_attempt attempts[200];
	for (size_t i = 0; i < ARRAY_LENGTH(attempts); i++)
		attempts[i] = (struct edge_log_attempt){
		        .address = address_of("[1111:2222:3333:4444:5555:6666:7777:8888]:65535"),
		        .role = EDGE_LOG_MASTER,
		        .status = UINT16_MAX,
		        .reason = FAULT_CONNECT_UNREACHABLE,
		        .next = EDGE_LOG_RESUME,
		        .phase = "connect",
		        .from = UINT64_MAX - 2,
		        .to = UINT64_MAX - 1,
		        .is_unsure = true,
		        .us = UINT32_MAX};
	for (size_t i = 0; i < ARRAY_LENGTH(FILL); i++) {
		memset(huge, FILL[i], 100000);
		struct edge_log_entry entry = plain_entry();
		entry.wall_ms = entry.us = entry.id = UINT64_MAX;
		entry.bytes_in = entry.bytes_out = UINT64_MAX;
		entry.domain = entry.host = entry.method = entry.target = str_make(huge, 100000);
		entry.attempts = attempts;
		entry.attempt_count = ARRAY_LENGTH(attempts);
		for (size_t k = 0; k < ARRAY_LENGTH(attempts); k++)
			attempts[k].detail = str_make(huge, 100000);
		struct text line = {0};
		edge_access_log_format(&entry, &line);
		assert_true(line.len <= LIMIT_LOG_LINE_BYTES);
		assert_non_null(strstr(text_c(&line), "\xe2\x80\xa6\",\"protocol\":"));
		assert_true(str_has_suffix(text_str(&line), STR("\"next\":\"resume\"}]}\n")));
		text_done(&line);
	}
	mem_free(huge);
}

static void the_kept_time_follows_the_clock(void **state)
{
	(void)state;
	static const struct {
		uint64_t wall_ms;
		const char *expected;
	} ROWS[] = {
	        {0, "1970-01-01T00:00:00.000Z"},
	        {1795472399999, "2026-11-23T22:19:59.999Z"},
	        {1795472400007, "2026-11-23T22:20:00.007Z"},
	        {1795472400070, "2026-11-23T22:20:00.070Z"},
	        {1795472399999, "2026-11-23T22:19:59.999Z"},
	};
	struct edge_access_log_scratch scratch = {0};
	char line[LIMIT_LOG_LINE_BYTES];
	for (size_t i = 0; i < ARRAY_LENGTH(ROWS); i++) {
		struct edge_log_entry entry = plain_entry();
		entry.wall_ms = ROWS[i].wall_ms;
		size_t length = edge_access_log_format_line(&entry, &scratch, line);
		assert_true(length > 40);
		assert_memory_equal(line + strlen("{\"time\":\""), ROWS[i].expected, 24);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(a_plain_request_is_one_line),
	        cmocka_unit_test(every_attempt_is_told),
	        cmocka_unit_test(parts_of_a_body_are_told_where_there_are_several),
	        cmocka_unit_test(what_json_reserves_is_escaped),
	        cmocka_unit_test(every_byte_that_needs_an_escape_is_found_wherever_it_is),
	        cmocka_unit_test(an_absurd_entry_is_cut_to_the_limit),
	        cmocka_unit_test(the_kept_time_follows_the_clock),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
