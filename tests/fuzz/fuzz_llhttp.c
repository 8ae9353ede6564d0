/* fuzz: http llhttp - whatever requests we accept, llhttp accepts with the same meaning and ends
 *
 * The input is a connection's worth of pipelined requests. We read as many as we accept; llhttp, in
 * its strict mode, then has to accept these bytes too, with the same method, target, fields and
 * content of each message, and the same places where messages end.
 *
 * Known differences, where llhttp is stricter than RFC 9112 asks, are passed over: methods it does
 * not know, minor versions above 1, tabs behind a length or coding, quoted-pairs in chunk
 * extensions and an extension behind one with a value, fields that frame in trailers (we drop
 * them). Data behind a message that closes the connection is allowed to it, since the end of the
 * connection is not the parser's matter here.
 */

#include "llhttp_reading.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool is_known_to_llhttp(struct str method)
{
	static const struct str names[] = {
#define NAME(number, id, text) STR(#text),
	        HTTP_METHOD_MAP(NAME)
#undef NAME
	};
	for (size_t i = 0; i < ARRAY_LENGTH(names); i++) {
		if (str_is_equal(method, names[i]))
			return true;
	}
	return false;
}

/* What llhttp need not accept. */
static bool is_passed_over(const struct http_head *head)
{
	const char *minor =
	        head->base + head->target_at + head->target_len + sizeof(" HTTP/1.") - 1;
	return !is_known_to_llhttp(http_head_method(head)) || *minor > '1' ||
	       has_tab_behind(head, HTTP_NAME_CONTENT_LENGTH) ||
	       has_tab_behind(head, HTTP_NAME_TRANSFER_ENCODING);
}

/* Our reading of the message at the front of *input. */
static bool read_message(struct message *message, struct str *input)
{
	const struct http_head_limits limits = {
	        .head_bytes = LIMIT_HEAD_BYTES, .target_bytes = 8192, .fields = FIELDS};
	struct http_field fields[FIELDS];
	struct http_head head = {.fields = fields, .capacity = FIELDS};
	size_t scanned = 0;
	enum fault fault;
	struct http_target target;
	enum http_framing framing;
	uint64_t length;
	if (http_head_parse_request(*input, &scanned, &limits, &head, &fault) != HTTP_PARSE_DONE ||
	        http_head_check_request(&head, &target) != FAULT_NONE || is_passed_over(&head))
		return false;
	text_add(&message->method, http_head_method(&head));
	text_add(&message->target, http_head_target(&head));
	add_fields(message, &head);
	*input = str_make(input->at + head.len, input->len - head.len);
	CHECK(http_body_request(&head, &framing, &length) == FAULT_NONE);
	return read_body(message, framing, length, input);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str text = str_make((const char *)data, size), input = text;
	llhttp_settings_t settings;
	struct reading reading;
	start_llhttp(&reading, &settings, HTTP_REQUEST);
	size_t at = 0;
	bool is_good = true;
	while (is_good) {
		struct message ours = {0};
		is_good = read_message(&ours, &input);
		if (is_good) {
			ours.end = size - input.len;
			read_with_llhttp(&reading, text, at, false);
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
