/*
 * What the targets that compare us with llhttp share: a message as one of the two has read it, and
 * llhttp's way to read one.
 */
#pragma once

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
#include "http/status.h"

enum { FIELDS = 64 };

struct message {
	struct text method, target; /* of a response: the status and the reason */
	struct text fields, content;
	size_t end; /* offset behind it */
};

static inline void message_done(struct message *message)
{
	text_done(&message->method);
	text_done(&message->target);
	text_done(&message->fields);
	text_done(&message->content);
}

static inline void add_field(struct message *message, struct str name, struct str value)
{
	text_add(&message->fields, name);
	text_add_char(&message->fields, ':');
	text_add(&message->fields, str_trim(value));
	text_add_char(&message->fields, '\n');
}

static inline void add_fields(struct message *message, const struct http_head *head)
{
	for (unsigned i = 0; i < head->count; i++)
		add_field(message, http_head_name(head, &head->fields[i]),
		        http_head_value(head, &head->fields[i]));
}

/* Whether a tab stands between the value of a field and its CR. */
static inline bool has_tab_behind(const struct http_head *head, enum http_name id)
{
	const struct http_field *field = http_head_find(head, id);
	if (field == NULL)
		return false;
	const char *at = head->base + field->value_at + field->value_len;
	while (*at == ' ')
		at++;
	return *at == '\t';
}

/* All fields of the trailer section, also those that http_chunk_trailers leaves out. */
static inline bool add_trailers(struct message *message, const struct http_chunk *chunk)
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
static inline bool has_odd_extensions(struct str body)
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
static inline bool read_body(
        struct message *message, enum http_framing framing, uint64_t length, struct str *input)
{
	struct str before = *input, piece;
	struct http_body body;
	enum http_body_event event;
	http_body_init(&body, framing, length);
	while ((event = http_body_next(&body, input, &piece)) == HTTP_BODY_DATA)
		text_add(&message->content, piece);
	if (framing == HTTP_FRAMING_CLOSE)
		event = http_body_closed(&body);
	bool is_good = event == HTTP_BODY_END;
	if (is_good && framing == HTTP_FRAMING_CHUNKED) {
		struct str raw = str_make(before.at, before.len - input->len);
		is_good = add_trailers(message, &body.chunk) && !has_odd_extensions(raw);
	}
	http_body_done(&body);
	return is_good;
}

/* llhttp's reading: what its callbacks are told. */
struct reading {
	llhttp_t parser;
	struct message message;
	struct text name, value;
	bool is_for_head; /* of a response */
};

static inline struct reading *reading_of(llhttp_t *parser)
{
	return container_of(parser, struct reading, parser);
}

static inline int on_method(llhttp_t *parser, const char *at, size_t length)
{
	text_add(&reading_of(parser)->message.method, str_make(at, length));
	return 0;
}

static inline int on_url(llhttp_t *parser, const char *at, size_t length)
{
	text_add(&reading_of(parser)->message.target, str_make(at, length));
	return 0;
}

static inline int on_header_field(llhttp_t *parser, const char *at, size_t length)
{
	text_add(&reading_of(parser)->name, str_make(at, length));
	return 0;
}

static inline int on_header_value(llhttp_t *parser, const char *at, size_t length)
{
	text_add(&reading_of(parser)->value, str_make(at, length));
	return 0;
}

static inline int on_header_value_complete(llhttp_t *parser)
{
	struct reading *reading = reading_of(parser);
	add_field(&reading->message, text_str(&reading->name), text_str(&reading->value));
	text_clear(&reading->name);
	text_clear(&reading->value);
	return 0;
}

static inline int on_body(llhttp_t *parser, const char *at, size_t length)
{
	text_add(&reading_of(parser)->message.content, str_make(at, length));
	return 0;
}

/* Told of a response that has no body, llhttp does not look for one, whatever the fields say. */
static inline int on_headers_complete(llhttp_t *parser)
{
	struct reading *reading = reading_of(parser);
	if (parser->type == HTTP_REQUEST)
		return 0;
	text_addf(&reading->message.method, "%u", (unsigned)parser->status_code);
	if (!reading->is_for_head && !http_status_is_bodiless(parser->status_code))
		return 0;
	/* Otherwise its reading of the next length would begin with this one. */
	parser->content_length = 0;
	return 1;
}

static inline int on_message_complete(llhttp_t *parser)
{
	(void)parser;
	return HPE_PAUSED;
}

/* Lets llhttp read one message of `text` from offset `at`; `is_last` is one that only the end of
 * the connection ends. */
static inline void read_with_llhttp(
        struct reading *reading, struct str text, size_t at, bool is_last)
{
	llhttp_t *parser = &reading->parser;
	llhttp_errno_t error = llhttp_execute(parser, text.at + at, text.len - at);
	if (error ==
	        HPE_PAUSED_UPGRADE) { /* of the message before, which asked for another protocol */
		llhttp_resume_after_upgrade(parser);
		error = llhttp_execute(parser, text.at + at, text.len - at);
	}
	if (is_last) {
		CHECK(error == HPE_OK);
		CHECK(llhttp_finish(parser) == HPE_PAUSED);
		reading->message.end = text.len;
		return;
	}
	CHECK(error == HPE_PAUSED);
	reading->message.end = (size_t)(llhttp_get_error_pos(parser) - text.at);
	llhttp_resume(parser);
}

static inline void check_same(const struct message *a, const struct message *b)
{
	CHECK(a->end == b->end);
	CHECK(str_is_equal(text_str(&a->method), text_str(&b->method)));
	CHECK(str_is_equal(text_str(&a->target), text_str(&b->target)));
	CHECK(str_is_equal(text_str(&a->fields), text_str(&b->fields)));
	CHECK(str_is_equal(text_str(&a->content), text_str(&b->content)));
}

static inline void start_llhttp(
        struct reading *reading, llhttp_settings_t *settings, llhttp_type_t type)
{
	llhttp_settings_init(settings);
	settings->on_method = on_method;
	settings->on_url = on_url;
	settings->on_status = on_url;
	settings->on_headers_complete = on_headers_complete;
	settings->on_header_field = on_header_field;
	settings->on_header_value = on_header_value;
	settings->on_header_value_complete = on_header_value_complete;
	settings->on_body = on_body;
	settings->on_message_complete = on_message_complete;
	*reading = (struct reading){0};
	llhttp_init(&reading->parser, type, settings);
	llhttp_set_lenient_keep_alive(&reading->parser, 1);
}
