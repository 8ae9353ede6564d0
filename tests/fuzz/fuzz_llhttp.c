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

/* Its names for methods are ours too. */
#define HTTP_GET     LLHTTP_GET
#define HTTP_HEAD    LLHTTP_HEAD
#define HTTP_OPTIONS LLHTTP_OPTIONS
#define HTTP_POST    LLHTTP_POST
#define HTTP_PUT     LLHTTP_PUT
#define HTTP_DELETE  LLHTTP_DELETE
#define HTTP_PATCH   LLHTTP_PATCH
#define HTTP_TRACE   LLHTTP_TRACE
#define HTTP_CONNECT LLHTTP_CONNECT
#include <llhttp.h>
#undef HTTP_GET
#undef HTTP_HEAD
#undef HTTP_OPTIONS
#undef HTTP_POST
#undef HTTP_PUT
#undef HTTP_DELETE
#undef HTTP_PATCH
#undef HTTP_TRACE
#undef HTTP_CONNECT

#include "http/body.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { FIELDS = 64 };

struct message {
	struct text method, target, fields, content;
	size_t end; /* offset behind it */
};

static void message_done(struct message *message)
{
	text_done(&message->method);
	text_done(&message->target);
	text_done(&message->fields);
	text_done(&message->content);
}

static void add_field(struct message *message, struct str name, struct str value)
{
	text_add(&message->fields, name);
	text_add_char(&message->fields, ':');
	text_add(&message->fields, str_trim(value));
	text_add_char(&message->fields, '\n');
}

static void add_fields(struct message *message, const struct http_head *head)
{
	for (unsigned i = 0; i < head->count; i++)
		add_field(message, http_head_name(head, &head->fields[i]),
		        http_head_value(head, &head->fields[i]));
}

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

/* Whether a tab stands between the value of a field and its CR. */
static bool has_tab_behind(const struct http_head *head, enum http_name id)
{
	const struct http_field *field = http_head_find(head, id);
	if (field == NULL)
		return false;
	const char *at = head->base + field->value_at + field->value_len;
	while (*at == ' ')
		at++;
	return *at == '\t';
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

/* All fields of the trailer section, also those that http_chunk_trailers leaves out. */
static bool add_trailers(struct message *message, const struct http_chunk *chunk)
{
	static const struct http_head_limits limits = {
	        .head_bytes = LIMIT_TRAILER_BYTES, .fields = LIMIT_HEAD_FIELDS};
	struct http_field fields[LIMIT_HEAD_FIELDS];
	struct http_head head = {.fields = fields, .capacity = LIMIT_HEAD_FIELDS};
	size_t scanned = 0;
	enum fault fault;
	if (chunk->trailers.len == 0)
		return true;
	CHECK(http_head_parse_trailers(text_str(&chunk->trailers), &scanned, &limits, &head,
	              &fault) == HTTP_PARSE_DONE);
	add_fields(message, &head);
	return !http_head_has(&head, HTTP_NAME_TRANSFER_ENCODING) &&
	       !http_head_has(&head, HTTP_NAME_CONTENT_LENGTH);
}

/* Whether a line of a chunked body could be a size line with extensions that llhttp refuses. A line
 * of content that looks like one is taken for it, which does no harm. */
static bool has_odd_extensions(struct str body)
{
	while (body.len > 0) {
		struct str line = str_cut(&body, '\n');
		bool has_quoted_pair = str_find(line, '\\') >= 0;
		str_cut(&line, '=');
		if (has_quoted_pair || str_find(line, ';') >= 0)
			return true;
	}
	return false;
}

/* Reads the body that stands at the front of *input; false when it is not whole or not accepted. */
static bool read_body(struct message *message, const struct http_head *head, struct str *input)
{
	enum http_framing framing;
	uint64_t length;
	CHECK(http_body_request(head, &framing, &length) == FAULT_NONE);
	struct str before = *input, piece;
	struct http_body body;
	enum http_body_event event;
	http_body_init(&body, framing, length);
	while ((event = http_body_next(&body, input, &piece)) == HTTP_BODY_DATA)
		text_add(&message->content, piece);
	bool is_good = event == HTTP_BODY_END;
	if (is_good && framing == HTTP_FRAMING_CHUNKED) {
		struct str raw = str_make(before.at, before.len - input->len);
		is_good = add_trailers(message, &body.chunk) && !has_odd_extensions(raw);
	}
	http_body_done(&body);
	return is_good;
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
	struct str host, path;
	if (http_head_parse_request(*input, &scanned, &limits, &head, &fault) != HTTP_PARSE_DONE ||
	        http_head_check_request(&head, &host, &path) != FAULT_NONE || is_passed_over(&head))
		return false;
	text_add(&message->method, http_head_method(&head));
	text_add(&message->target, http_head_target(&head));
	add_fields(message, &head);
	*input = str_make(input->at + head.len, input->len - head.len);
	return read_body(message, &head, input);
}

/* llhttp's reading: what its callbacks are told. */
struct reading {
	llhttp_t parser;
	struct message message;
	struct text name, value;
};

static struct reading *reading_of(llhttp_t *parser)
{
	return container_of(parser, struct reading, parser);
}

static int on_method(llhttp_t *parser, const char *at, size_t length)
{
	text_add(&reading_of(parser)->message.method, str_make(at, length));
	return 0;
}

static int on_url(llhttp_t *parser, const char *at, size_t length)
{
	text_add(&reading_of(parser)->message.target, str_make(at, length));
	return 0;
}

static int on_header_field(llhttp_t *parser, const char *at, size_t length)
{
	text_add(&reading_of(parser)->name, str_make(at, length));
	return 0;
}

static int on_header_value(llhttp_t *parser, const char *at, size_t length)
{
	text_add(&reading_of(parser)->value, str_make(at, length));
	return 0;
}

static int on_header_value_complete(llhttp_t *parser)
{
	struct reading *reading = reading_of(parser);
	add_field(&reading->message, text_str(&reading->name), text_str(&reading->value));
	text_clear(&reading->name);
	text_clear(&reading->value);
	return 0;
}

static int on_body(llhttp_t *parser, const char *at, size_t length)
{
	text_add(&reading_of(parser)->message.content, str_make(at, length));
	return 0;
}

static int on_message_complete(llhttp_t *parser)
{
	(void)parser;
	return HPE_PAUSED;
}

/* Lets llhttp read one message of `text` from offset `at`. */
static void read_with_llhttp(struct reading *reading, struct str text, size_t at)
{
	llhttp_t *parser = &reading->parser;
	llhttp_errno_t error = llhttp_execute(parser, text.at + at, text.len - at);
	if (error ==
	        HPE_PAUSED_UPGRADE) { /* of the message before, which asked for another protocol */
		llhttp_resume_after_upgrade(parser);
		error = llhttp_execute(parser, text.at + at, text.len - at);
	}
	CHECK(error == HPE_PAUSED);
	reading->message.end = (size_t)(llhttp_get_error_pos(parser) - text.at);
	llhttp_resume(parser);
}

static void check_same(const struct message *a, const struct message *b)
{
	CHECK(a->end == b->end);
	CHECK(str_is_equal(text_str(&a->method), text_str(&b->method)));
	CHECK(str_is_equal(text_str(&a->target), text_str(&b->target)));
	CHECK(str_is_equal(text_str(&a->fields), text_str(&b->fields)));
	CHECK(str_is_equal(text_str(&a->content), text_str(&b->content)));
}

static void start_llhttp(struct reading *reading, llhttp_settings_t *settings)
{
	llhttp_settings_init(settings);
	settings->on_method = on_method;
	settings->on_url = on_url;
	settings->on_header_field = on_header_field;
	settings->on_header_value = on_header_value;
	settings->on_header_value_complete = on_header_value_complete;
	settings->on_body = on_body;
	settings->on_message_complete = on_message_complete;
	*reading = (struct reading){0};
	llhttp_init(&reading->parser, HTTP_REQUEST, settings);
	llhttp_set_lenient_keep_alive(&reading->parser, 1);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str text = str_make((const char *)data, size), input = text;
	llhttp_settings_t settings;
	struct reading reading;
	start_llhttp(&reading, &settings);
	size_t at = 0;
	bool is_good = true;
	while (is_good) {
		struct message ours = {0};
		is_good = read_message(&ours, &input);
		if (is_good) {
			ours.end = size - input.len;
			read_with_llhttp(&reading, text, at);
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
