/*
 * What the rest of a body is asked for by, and which answers have it, row by row.
 */
#include "edge/resume.h"

#include "base/hash.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#define NONE UINT64_MAX
#define DATES                                                                                      \
	"Last-Modified: Sun, 06 Nov 1994 08:49:37 GMT\r\nDate: Mon, 07 Nov 1994 08:49:37 GMT\r\n"
#define TAG   "ETag: \"v1\"\r\n"
#define WHOLE "HTTP/1.1 200 OK\r\n"
#define PART  "HTTP/1.1 206 Partial Content\r\n"

struct parsed {
	struct http_field fields[32];
	struct http_head head;
	enum http_framing framing;
	uint64_t length;
};

static void parse(struct parsed *parsed, const char *text)
{
	static const struct http_head_limits limits = {.head_bytes = 8192, .fields = 32};
	static char bytes[2][8192];
	static unsigned turn;
	char *at = bytes[turn++ % 2];
	size_t scanned = 0;
	enum fault fault;
	snprintf(at, sizeof(bytes[0]), "%s\r\n", text);
	parsed->head = (struct http_head){.fields = parsed->fields, .capacity = 32};
	assert_int_equal(
	        http_head_parse_response(str_of(at), &scanned, &limits, &parsed->head, &fault),
	        HTTP_PARSE_DONE);
	assert_int_equal(
	        http_body_response(&parsed->head, HTTP_GET, &parsed->framing, &parsed->length),
	        FAULT_NONE);
	if (parsed->framing != HTTP_FRAMING_LENGTH && parsed->framing != HTTP_FRAMING_NONE)
		parsed->length = NONE;
}

/* Answers whose body is on its way: what is known of them, and what asks for the rest from 70 on;
 * NULL: nothing does. */
static const struct {
	const char *head;
	uint64_t first, end, complete;
	const char *lines;
} begun[] = {
        {WHOLE TAG "Content-Length: 100\r\n", 0, 100, 100,
                "Range: bytes=70-\r\nIf-Range: \"v1\"\r\n"},
        {WHOLE TAG "Transfer-Encoding: chunked\r\n", 0, NONE, NONE,
                "Range: bytes=70-\r\nIf-Range: \"v1\"\r\n"},
        {WHOLE TAG, 0, NONE, NONE, "Range: bytes=70-\r\nIf-Range: \"v1\"\r\n"},
        {WHOLE DATES "Content-Length: 100\r\n", 0, 100, 100,
                "Range: bytes=70-\r\nIf-Range: Sun, 06 Nov 1994 08:49:37 GMT\r\n"},
        {WHOLE TAG DATES "Content-Length: 100\r\n", 0, 100, 100,
                "Range: bytes=70-\r\nIf-Range: \"v1\"\r\n"},
        {PART TAG "Content-Range: bytes 50-99/500\r\nContent-Length: 50\r\n", 50, 100, 500,
                "Range: bytes=70-99\r\nIf-Range: \"v1\"\r\n"},
        {PART TAG "Content-Range: bytes 50-99/100\r\nContent-Length: 50\r\n", 50, 100, 100,
                "Range: bytes=70-\r\nIf-Range: \"v1\"\r\n"},
        {PART TAG "Content-Range: bytes 50-99/*\r\nTransfer-Encoding: chunked\r\n", 50, 100, NONE,
                "Range: bytes=70-99\r\nIf-Range: \"v1\"\r\n"},
        /* Nothing tells a version, */
        {WHOLE "Content-Length: 100\r\n", 0, 0, 0, NULL},
        {WHOLE "ETag: W/\"v1\"\r\nContent-Length: 100\r\n", 0, 0, 0, NULL},
        {WHOLE "ETag: W/\"v1\"\r\n" DATES "Content-Length: 100\r\n", 0, 0, 0, NULL},
        {WHOLE "ETag: nonsense\r\n" DATES "Content-Length: 100\r\n", 0, 0, 0, NULL},
        {WHOLE TAG "ETag: \"v2\"\r\nContent-Length: 100\r\n", 0, 0, 0, NULL},
        {WHOLE "Last-Modified: Sun, 06 Nov 1994 08:49:37 GMT\r\nContent-Length: 100\r\n", 0, 0, 0,
                NULL},
        {WHOLE "Last-Modified: Sun, 06 Nov 1994 08:49:37 GMT\r\n"
               "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\nContent-Length: 100\r\n",
                0, 0, 0, NULL},
        /* … or a place; */
        {PART TAG "Content-Type: multipart/byteranges; boundary=a\r\nContent-Length: 100\r\n", 0, 0,
                0, NULL},
        {PART TAG "Content-Range: bytes 50-99/500\r\nContent-Range: bytes 50-99/500\r\n"
                  "Content-Length: 50\r\n",
                0, 0, 0, NULL},
        {PART TAG "Content-Range: bytes 50-99/500\r\nContent-Length: 51\r\n", 0, 0, 0, NULL},
        {PART TAG "Content-Range: pages 50-99/500\r\nContent-Length: 50\r\n", 0, 0, 0, NULL},
        {WHOLE TAG "Content-Encoding: gzip\r\nContent-Encoding: br\r\nContent-Length: 9\r\n", 0, 0,
                0, NULL},
        /* … or it is no representation that was asked for. */
        {"HTTP/1.1 404 No\r\n" TAG "Content-Length: 100\r\n", 0, 0, 0, NULL},
        {"HTTP/1.1 203 Non\r\n" TAG "Content-Length: 100\r\n", 0, 0, 0, NULL},
        {"HTTP/1.1 204 No\r\n" TAG, 0, 0, 0, NULL},
};

static void the_rest_is_asked_for_by_what_the_answer_says(void **state)
{
	(void)state;
	struct arena arena;
	arena_init(&arena, NULL, 0);
	for (size_t i = 0; i < ARRAY_LENGTH(begun); i++) {
		struct parsed parsed;
		struct edge_resume resume;
		parse(&parsed, begun[i].head);
		bool can = edge_resume_read(&parsed.head, parsed.framing, parsed.length, &resume);
		if (can != (begun[i].lines != NULL))
			fail_msg("%s%d", begun[i].head, can);
		if (!can)
			continue;
		assert_int_equal(resume.first, begun[i].first);
		assert_int_equal(resume.end, begun[i].end);
		assert_int_equal(resume.complete, begun[i].complete);
		assert_string_equal(edge_resume_lines(&resume, 70, &arena).at, begun[i].lines);
	}
	arena_reset(&arena);
}

/* The rest of this was asked for from 60 on, and the reader is at 70. */
#define OF_LENGTH  WHOLE TAG "Content-Length: 100\r\n"
#define OF_CHUNKS  WHOLE TAG "Transfer-Encoding: chunked\r\n"
#define OF_CLOSE   WHOLE TAG
#define OF_GZIP    WHOLE TAG "Content-Encoding: gzip\r\nContent-Length: 100\r\n"
#define OF_DATES   WHOLE DATES "Content-Length: 100\r\n"
#define OF_PART    PART TAG "Content-Range: bytes 50-79/100\r\nContent-Length: 30\r\n"
#define OF_PART_OF PART TAG "Content-Range: bytes 50-79/*\r\nContent-Length: 30\r\n"
#define REST       "Content-Range: bytes 60-99/100\r\nContent-Length: 40\r\n"
enum { FROM = 60, AT = 70, SKIP_MAX = 75 };

static const struct {
	const char *of, *answer;
	enum fault fault;
	uint64_t place, end, complete; /* where it is NONE */
} answers[] = {
        {OF_LENGTH, PART TAG REST, FAULT_NONE, FROM, 100, 100},
        {OF_LENGTH, PART TAG "Content-Range: bytes 60-99/100\r\nTransfer-Encoding: chunked\r\n",
                FAULT_NONE, FROM, 100, 100},
        {OF_CHUNKS, PART TAG REST, FAULT_NONE, FROM, 100, 100},
        {OF_CHUNKS, PART TAG "Content-Range: bytes 60-69/70\r\nContent-Length: 10\r\n", FAULT_NONE,
                FROM, AT, AT},
        {OF_GZIP, PART TAG "Content-Encoding: gzip\r\n" REST, FAULT_NONE, FROM, 100, 100},
        {OF_GZIP, PART TAG "Content-Encoding: GZIP\r\n" REST, FAULT_NONE, FROM, 100, 100},
        {OF_DATES, PART DATES REST, FAULT_NONE, FROM, 100, 100},
        {OF_PART, PART TAG "Content-Range: bytes 60-79/100\r\nContent-Length: 20\r\n", FAULT_NONE,
                FROM, 80, 100},
        {OF_PART_OF, PART TAG "Content-Range: bytes 60-79/90\r\nContent-Length: 20\r\n", FAULT_NONE,
                FROM, 80, 90},
        /* All of it, in place of the rest. */
        {OF_LENGTH, WHOLE TAG "Content-Length: 100\r\n", FAULT_NONE, 0, 100, 100},
        {OF_LENGTH, WHOLE TAG "Transfer-Encoding: chunked\r\n", FAULT_NONE, 0, 100, 100},
        {OF_CHUNKS, WHOLE TAG "Content-Length: 100\r\n", FAULT_NONE, 0, 100, 100},
        {OF_CHUNKS, WHOLE TAG "Transfer-Encoding: chunked\r\n", FAULT_NONE, 0, NONE, NONE},
        {OF_PART, WHOLE TAG "Content-Length: 100\r\n", FAULT_NONE, 0, 80, 100},
        {OF_LENGTH, WHOLE TAG, FAULT_NONE, 0, 100, 100},
        {OF_CLOSE, WHOLE TAG, FAULT_NONE, 0, NONE, NONE},
        {OF_CHUNKS, WHOLE TAG, FAULT_RESUME_SKIP, 0, 0, 0},
        {OF_LENGTH, WHOLE TAG "Content-Length: 99\r\n", FAULT_RESUME_RANGE, 0, 0, 0},
        {OF_CHUNKS, WHOLE TAG "Content-Length: 69\r\n", FAULT_RESUME_RANGE, 0, 0, 0},
        {OF_PART_OF, WHOLE TAG "Content-Length: 79\r\n", FAULT_RESUME_RANGE, 0, 0, 0},
        {OF_GZIP, WHOLE TAG "Content-Encoding: gzip\r\nContent-Length: 100\r\n", FAULT_RESUME_SKIP,
                0, 0, 0},
        {OF_DATES, WHOLE DATES "Content-Length: 100\r\n", FAULT_RESUME_SKIP, 0, 0, 0},
        /* Another version, or none. */
        {OF_LENGTH, PART "ETag: \"v2\"\r\n" REST, FAULT_RESUME_ETAG, 0, 0, 0},
        {OF_LENGTH, PART "ETag: W/\"v1\"\r\n" REST, FAULT_RESUME_ETAG, 0, 0, 0},
        {OF_LENGTH, PART REST, FAULT_RESUME_ETAG, 0, 0, 0},
        {OF_LENGTH, PART DATES REST, FAULT_RESUME_ETAG, 0, 0, 0},
        {OF_LENGTH, PART TAG TAG REST, FAULT_RESUME_ETAG, 0, 0, 0},
        {OF_LENGTH, WHOLE "ETag: \"v2\"\r\nContent-Length: 100\r\n", FAULT_RESUME_ETAG, 0, 0, 0},
        {OF_DATES, PART "Last-Modified: Sun, 06 Nov 1994 08:49:38 GMT\r\n" REST, FAULT_RESUME_ETAG,
                0, 0, 0},
        {OF_DATES, PART REST, FAULT_RESUME_ETAG, 0, 0, 0},
        {OF_DATES, PART TAG DATES REST, FAULT_RESUME_ETAG, 0, 0, 0},
        /* Another coding. */
        {OF_LENGTH, PART TAG "Content-Encoding: gzip\r\n" REST, FAULT_RESUME_CODING, 0, 0, 0},
        {OF_GZIP, PART TAG REST, FAULT_RESUME_CODING, 0, 0, 0},
        {OF_GZIP, PART TAG "Content-Encoding: gzip\r\nContent-Encoding: gzip\r\n" REST,
                FAULT_RESUME_CODING, 0, 0, 0},
        /* Another part, or of another length. */
        {OF_LENGTH, PART TAG "Content-Length: 40\r\n", FAULT_RESUME_RANGE, 0, 0, 0},
        {OF_LENGTH, PART TAG REST "Content-Range: bytes 60-99/100\r\n", FAULT_RESUME_RANGE, 0, 0,
                0},
        {OF_LENGTH, PART TAG "Content-Range: bytes 61-99/100\r\nContent-Length: 39\r\n",
                FAULT_RESUME_RANGE, 0, 0, 0},
        {OF_LENGTH, PART TAG "Content-Range: bytes 60-98/100\r\nContent-Length: 39\r\n",
                FAULT_RESUME_RANGE, 0, 0, 0},
        {OF_LENGTH, PART TAG "Content-Range: bytes 60-99/101\r\nContent-Length: 40\r\n",
                FAULT_RESUME_RANGE, 0, 0, 0},
        {OF_LENGTH, PART TAG "Content-Range: bytes 60-99/*\r\nContent-Length: 40\r\n",
                FAULT_RESUME_RANGE, 0, 0, 0},
        {OF_LENGTH, PART TAG "Content-Range: bytes 60-99/100\r\nContent-Length: 41\r\n",
                FAULT_RESUME_RANGE, 0, 0, 0},
        {OF_CHUNKS, PART TAG "Content-Range: bytes 60-99/*\r\nContent-Length: 40\r\n",
                FAULT_RESUME_RANGE, 0, 0, 0},
        {OF_CHUNKS, PART TAG "Content-Range: bytes 60-98/100\r\nContent-Length: 39\r\n",
                FAULT_RESUME_RANGE, 0, 0, 0},
        {OF_CHUNKS, PART TAG "Content-Range: bytes 60-68/69\r\nContent-Length: 9\r\n",
                FAULT_RESUME_RANGE, 0, 0, 0},
        {OF_PART, PART TAG REST, FAULT_RESUME_RANGE, 0, 0, 0},
        /* Something else. */
        {OF_LENGTH, "HTTP/1.1 404 No\r\n" TAG "Content-Length: 100\r\n", FAULT_RESUME_STATUS, 0, 0,
                0},
        {OF_LENGTH, "HTTP/1.1 416 No\r\n" TAG "Content-Range: bytes */100\r\nContent-Length: 0\r\n",
                FAULT_RESUME_STATUS, 0, 0, 0},
        {OF_LENGTH, "HTTP/1.1 302 Found\r\nLocation: /\r\nContent-Length: 0\r\n",
                FAULT_RESUME_STATUS, 0, 0, 0},
};

static enum fault accept_at(
        const char *of, const char *text, uint64_t at, struct edge_resume *resume, uint64_t *place)
{
	struct parsed first, parsed;
	parse(&first, of);
	assert_true(edge_resume_read(&first.head, first.framing, first.length, resume));
	parse(&parsed, text);
	struct edge_resume_answer answer = {
	        .head = &parsed.head,
	        .tells_end = parsed.framing != HTTP_FRAMING_CLOSE,
	        .length = parsed.length,
	        .from = at < FROM ? at : FROM,
	        .at = at,
	        .skip_max = SKIP_MAX,
	};
	return edge_resume_accept(resume, &answer, place);
}

static void the_rest_is_accepted_where_everything_fits(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LENGTH(answers); i++) {
		struct edge_resume resume;
		uint64_t place = NONE;
		enum fault fault = accept_at(answers[i].of, answers[i].answer, AT, &resume, &place);
		if (fault != answers[i].fault)
			fail_msg("%s%s%s", answers[i].of, answers[i].answer, fault_name(fault));
		if (fault != FAULT_NONE)
			continue;
		assert_int_equal(place, answers[i].place);
		assert_int_equal(resume.end, answers[i].end);
		assert_int_equal(resume.complete, answers[i].complete);
	}
}

static void no_more_is_skipped_than_may_be(void **state)
{
	(void)state;
	struct edge_resume resume;
	uint64_t place;
	assert_int_equal(accept_at(OF_LENGTH, OF_LENGTH, SKIP_MAX, &resume, &place), FAULT_NONE);
	assert_int_equal(
	        accept_at(OF_LENGTH, OF_LENGTH, SKIP_MAX + 1, &resume, &place), FAULT_RESUME_SKIP);
	/* Where nothing went on yet, nothing is skipped. */
	assert_int_equal(accept_at(OF_GZIP, OF_GZIP, 0, &resume, &place), FAULT_NONE);
	assert_int_equal(accept_at(OF_GZIP, OF_GZIP, 1, &resume, &place), FAULT_RESUME_SKIP);
}

int main(void)
{
	hash_init();
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(the_rest_is_asked_for_by_what_the_answer_says),
	        cmocka_unit_test(the_rest_is_accepted_where_everything_fits),
	        cmocka_unit_test(no_more_is_skipped_than_may_be),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
