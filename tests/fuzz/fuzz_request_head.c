/* fuzz: http - requests parse the same however they arrive, and again as they are written */
#include "head_checks.h"

#include "http/body.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_rewritten(const struct http_head *head)
{
	char room[2 * CHECKED_BYTES];
	struct http_writer writer;
	struct checked_head again;
	size_t scanned = 0;
	http_writer_init(&writer, room, sizeof(room));
	http_write_request_line(&writer, http_head_method(head), http_head_target(head));
	write_fields(&writer, head);
	/* A value gets a space in front, so that it may have grown beyond the limits. */
	checked_parse(http_head_parse_request, http_writer_str(&writer), &scanned, &again);
	if (again.fault == FAULT_HEAD_TOO_LARGE)
		return;
	CHECK(again.parse == HTTP_PARSE_DONE);
	CHECK(again.head.len == http_writer_str(&writer).len);
	CHECK(again.head.method == head->method);
	CHECK(str_is_equal(http_head_method(&again.head), http_head_method(head)));
	CHECK(str_is_equal(http_head_target(&again.head), http_head_target(head)));
	check_same_fields(&again.head, head);
}

static void check_meaning(const struct http_head *head)
{
	struct http_target target;
	if (http_head_check_request(head, &target) != FAULT_NONE)
		return;
	enum http_framing framing;
	uint64_t length;
	CHECK(target.path.len > 0 &&
	        (target.path.at[0] == '/' || str_is_equal(target.path, STR("*"))));
	CHECK(target.host.len > 0 || head->minor == 0);
	CHECK(target.host.len <= target.authority.len);
	CHECK(http_body_request(head, &framing, &length) == FAULT_NONE);
	CHECK(framing != HTTP_FRAMING_CLOSE);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str text = str_make((const char *)data, size < CHECKED_BYTES ? size : CHECKED_BYTES);
	struct checked_head whole;
	size_t scanned = 0;
	checked_parse(http_head_parse_request, text, &scanned, &whole);
	check_increments(http_head_parse_request, text, &whole);
	check_scans(text, false);
	if (whole.parse != HTTP_PARSE_DONE)
		return 0;
	check_parsed(&whole.head, text);
	check_rewritten(&whole.head);
	check_meaning(&whole.head);
	return 0;
}
