/* fuzz: http llhttp - whatever responses we accept, llhttp accepts with the same meaning and ends
 *
 * The input is what an origin sends on one connection: a byte that says whether all requests were
 * HEAD, then responses, interim ones among them. The comparison is that of fuzz_llhttp, and so are
 * the known differences; besides, llhttp does not take a length that is repeated, and knows no 101
 * that nobody asked for.
 */
#include "llhttp_reading.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What llhttp need not accept. */
static bool is_passed_over(const struct http_head *head, struct str bytes)
{
	const struct http_field *field = http_head_find(head, HTTP_NAME_CONTENT_LENGTH);
	bool is_list = http_head_count(head, HTTP_NAME_CONTENT_LENGTH) > 1 ||
	               (field != NULL && str_find(http_head_value(head, field), ',') >= 0);
	return head->status == 101 || bytes.at[sizeof("HTTP/1.") - 1] > '1' || is_list ||
	       has_tab_behind(head, HTTP_NAME_CONTENT_LENGTH) ||
	       has_tab_behind(head, HTTP_NAME_TRANSFER_ENCODING);
}

/* What origin/ takes no interim response with: the fields of a body. */
static bool announces_body(const struct http_head *head, uint64_t length)
{
	return http_head_has(head, HTTP_NAME_TRANSFER_ENCODING) ||
	       (length != 0 && length != UINT64_MAX);
}

/* Our reading of the message at the front of *input. */
static bool read_message(
        struct message *message, enum http_method method, struct str *input, bool *ret_is_last)
{
	const struct http_head_limits limits = {.head_bytes = LIMIT_HEAD_BYTES, .fields = FIELDS};
	struct http_field fields[FIELDS];
	struct http_head head = {.fields = fields, .capacity = FIELDS};
	size_t scanned = 0;
	enum fault fault;
	enum http_framing framing;
	uint64_t length;
	if (http_head_parse_response(*input, &scanned, &limits, &head, &fault) != HTTP_PARSE_DONE ||
	        http_body_response(&head, method, &framing, &length) != FAULT_NONE ||
	        (head.status < 200 && announces_body(&head, length)) ||
	        is_passed_over(&head, *input))
		return false;
	text_addf(&message->method, "%u", head.status);
	text_add(&message->target, http_head_reason(&head));
	add_fields(message, &head);
	*input = str_make(input->at + head.len, input->len - head.len);
	*ret_is_last = framing == HTTP_FRAMING_CLOSE;
	return read_body(message, framing, length, input);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size == 0)
		return 0;
	enum http_method method = data[0] == 'H' ? HTTP_HEAD : HTTP_GET;
	struct str text = str_make((const char *)data + 1, size - 1), input = text;
	llhttp_settings_t settings;
	struct reading reading;
	start_llhttp(&reading, &settings, HTTP_RESPONSE);
	reading.is_for_head = method == HTTP_HEAD;
	size_t at = 0;
	bool is_good = true, is_last = false;
	while (is_good && !is_last) {
		struct message ours = {0};
		is_good = read_message(&ours, method, &input, &is_last);
		if (is_good) {
			ours.end = text.len - input.len;
			read_with_llhttp(&reading, text, at, is_last);
			check_same(&ours, &reading.message);
			message_done(&reading.message);
			reading.message = (struct message){0};
			at = ours.end;
		}
		message_done(&ours);
	}
	text_done(&reading.name);
	text_done(&reading.value);
	return 0;
}
