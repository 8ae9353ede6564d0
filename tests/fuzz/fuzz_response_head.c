/* fuzz: http - responses parse the same however they arrive, and again as they are written */
#include "head_checks.h"

#include "http/body.h"
#include "http/status.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_rewritten(const struct http_head *head)
{
	char room[2 * CHECKED_BYTES];
	struct http_writer writer;
	struct checked_head again;
	size_t scanned = 0;
	http_writer_init(&writer, room, sizeof(room));
	http_write_status_line(&writer, head->status, http_head_reason(head));
	write_fields(&writer, head);
	if (http_writer_str(&writer).len > CHECKED_LIMITS.head_bytes)
		return;
	checked_parse(http_head_parse_response, http_writer_str(&writer), &scanned, &again);
	CHECK(again.parse == HTTP_PARSE_DONE);
	CHECK(again.head.len == http_writer_str(&writer).len);
	CHECK(again.head.status == head->status);
	if (head->reason_len > 0)
		CHECK(str_is_equal(http_head_reason(&again.head), http_head_reason(head)));
	check_same_fields(&again.head, head);
}

static void check_framing(const struct http_head *head)
{
	for (int method = HTTP_GET; method <= HTTP_OTHER; method++) {
		enum http_framing framing;
		uint64_t length;
		if (http_body_response(head, (enum http_method)method, &framing, &length) !=
		        FAULT_NONE)
			return;
		bool has_body = method != HTTP_HEAD && !http_status_is_bodiless(head->status);
		CHECK((framing != HTTP_FRAMING_NONE) == has_body);
		CHECK(framing != HTTP_FRAMING_LENGTH || length <= INT64_MAX);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str text = str_make((const char *)data, size < CHECKED_BYTES ? size : CHECKED_BYTES);
	struct checked_head whole;
	size_t scanned = 0;
	checked_parse(http_head_parse_response, text, &scanned, &whole);
	check_increments(http_head_parse_response, text, &whole);
	if (whole.parse == HTTP_PARSE_DONE) {
		check_parsed(&whole.head, text);
		CHECK(whole.head.status >= 100 && whole.head.status <= 599);
		check_rewritten(&whole.head);
		check_framing(&whole.head);
	}
	scanned = 0;
	checked_parse(http_head_parse_trailers, text, &scanned, &whole);
	check_increments(http_head_parse_trailers, text, &whole);
	check_scans(text, true);
	if (whole.parse == HTTP_PARSE_DONE)
		check_parsed(&whole.head, text);
	return 0;
}
