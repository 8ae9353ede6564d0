/* fuzz: http - a dictionary that is read is written and read again as the same one */
#include "http/structured.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void write_value(struct text *to, const struct http_structured_value *value)
{
	long long number = (long long)value->number;
	switch (value->type) {
	case HTTP_STRUCTURED_INTEGER:
		text_addf(to, "%lld", number);
		break;
	case HTTP_STRUCTURED_DECIMAL:
		text_addf(to, "%s%lld.%03lld", number < 0 ? "-" : "", llabs(number) / 1000,
		        llabs(number) % 1000);
		break;
	case HTTP_STRUCTURED_STRING:
		text_addf(to, "\"%.*s\"", STR_ARG(value->text));
		break;
	case HTTP_STRUCTURED_TOKEN:
		CHECK(http_structured_is_token(value->text));
		text_add(to, value->text);
		break;
	case HTTP_STRUCTURED_BYTES:
		text_addf(to, ":%.*s:", STR_ARG(value->text));
		break;
	case HTTP_STRUCTURED_BOOLEAN:
		text_addf(to, "?%d", value->boolean);
		break;
	case HTTP_STRUCTURED_INNER_LIST:
		text_addf(to, "(%.*s)", STR_ARG(value->text));
		break;
	}
	text_add(to, value->parameters);
}

/* Writes what was read of `field` in one form; false where it is bad. */
static bool write_dictionary(struct str field, struct text *to)
{
	const char *end = field.at + field.len;
	struct str key;
	struct http_structured_value value;
	enum http_structured_event event;
	while ((event = http_structured_next_member(&field, &key, &value)) ==
	        HTTP_STRUCTURED_MEMBER) {
		CHECK(field.at + field.len == end);
		CHECK(value.number <= 999999999999999 && value.number >= -999999999999999);
		text_addf(to, "%s%.*s=", to->len > 0 ? "," : "", STR_ARG(key));
		write_value(to, &value);
	}
	CHECK(event != HTTP_STRUCTURED_END || field.len == 0);
	return event == HTTP_STRUCTURED_END;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str text = str_make((const char *)data, size);
	struct text first = {0}, second = {0};
	if (size == 0)
		return 0;
	if (write_dictionary(text, &first)) {
		CHECK(write_dictionary(text_str(&first), &second));
		CHECK(str_is_equal(text_str(&first), text_str(&second)));
	}
	text_done(&first);
	text_done(&second);

	if (http_structured_is_string(text)) {
		char room[4096];
		struct http_writer writer;
		struct str rest, key;
		struct http_structured_value value;
		http_writer_init(&writer, room, sizeof(room));
		http_write(&writer, STR("k="));
		http_structured_write(&writer, text);
		rest = http_writer_str(&writer);
		CHECK(writer.full ||
		        http_structured_next_member(&rest, &key, &value) == HTTP_STRUCTURED_MEMBER);
		CHECK(writer.full || rest.len == 0);
	}
	return 0;
}
