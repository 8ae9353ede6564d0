/* fuzz: http - chunks are decoded the same however they arrive, and again as they are written */
#include "http/chunk.h"
#include "http/write.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct result {
	enum http_chunk_event event;
	struct text content, trailers;
	size_t used;
};

/* Decodes text that arrives as `first` bytes and then in pieces of `step`. */
static void decode(struct str text, size_t first, size_t step, struct result *ret_result)
{
	struct http_chunk chunk;
	struct str input, data;
	enum http_chunk_event event = HTTP_CHUNK_MORE;
	size_t at = 0;
	*ret_result = (struct result){0};
	http_chunk_init(&chunk);
	for (size_t length = first; event == HTTP_CHUNK_MORE && at < text.len; length = step) {
		if (length > text.len - at)
			length = text.len - at;
		input = str_make(text.at + at, length);
		while ((event = http_chunk_next(&chunk, &input, &data)) == HTTP_CHUNK_DATA) {
			CHECK(data.len > 0);
			text_add(&ret_result->content, data);
		}
		CHECK(event != HTTP_CHUNK_MORE || input.len == 0);
		at += length - input.len;
	}
	if (event == HTTP_CHUNK_END) {
		struct http_field fields[LIMIT_HEAD_FIELDS];
		struct http_head head = {.fields = fields, .capacity = ARRAY_LENGTH(fields)};
		CHECK(http_chunk_trailers(&chunk, &head));
		CHECK(!http_head_has(&head, HTTP_NAME_CONTENT_LENGTH));
		CHECK(!http_head_has(&head, HTTP_NAME_HOST));
		text_add(&ret_result->trailers, text_str(&chunk.trailers));
		ret_result->used = at;
	}
	ret_result->event = event;
	http_chunk_done(&chunk);
}

static void result_done(struct result *result)
{
	text_done(&result->content);
	text_done(&result->trailers);
}

static void check_split(struct str text, size_t first, size_t step, const struct result *wanted)
{
	struct result got;
	decode(text, first, step, &got);
	CHECK(got.event == wanted->event && got.used == wanted->used);
	CHECK(str_is_equal(text_str(&got.content), text_str(&wanted->content)));
	CHECK(str_is_equal(text_str(&got.trailers), text_str(&wanted->trailers)));
	result_done(&got);
}

/* The content, written in chunks of `step` bytes with the same trailers, decodes to itself. */
static void check_rewritten(const struct result *result, size_t step)
{
	struct text text = {0};
	for (size_t at = 0; at < result->content.len; at += step) {
		char line[HTTP_WRITE_CHUNK_LINE_BYTES];
		size_t left = result->content.len - at, length = left < step ? left : step;
		text_add(&text, str_make(line, http_write_chunk_line(line, length)));
		text_add(&text, str_make(result->content.at + at, length));
		text_add(&text, STR("\r\n"));
	}
	text_add(&text, STR("0\r\n"));
	text_add(&text, result->trailers.len > 0 ? text_str(&result->trailers) : STR("\r\n"));
	struct result again;
	decode(text_str(&text), text.len, 1, &again);
	CHECK(again.event == HTTP_CHUNK_END && again.used == text.len);
	CHECK(str_is_equal(text_str(&again.content), text_str(&result->content)));
	CHECK(str_is_equal(text_str(&again.trailers), text_str(&result->trailers)));
	result_done(&again);
	text_done(&text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < 2)
		return 0;
	/* The first byte tells where to split; the rest is the body. */
	size_t first = data[0];
	struct str text = str_make((const char *)data + 1, size - 1);
	struct result whole;
	decode(text, text.len, 1, &whole);
	check_split(text, 1, 1, &whole);
	check_split(text, first, text.len, &whole);
	check_split(text, first % 16, first / 16 + 1, &whole);
	if (whole.event == HTTP_CHUNK_END)
		check_rewritten(&whole, first % 8 + 1);
	result_done(&whole);
	return 0;
}
