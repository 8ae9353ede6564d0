/* fuzz: serve nghttp2 - what nghttp2 finds malformed of a message is malformed by our rules, and
 * the reverse
 *
 * The input is a message: fields of its head, taken from words or from the bytes, then what is
 * known of its body and its trailers. Known differences are passed over: of trailers Content-Length
 * is malformed with us always, and Host is judged by itself, without the head's.
 */
#include "../unit/serve/h2_judges.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct input {
	const uint8_t *at, *end;
};

static unsigned take(struct input *input)
{
	return input->at < input->end ? *input->at++ : 0;
}

static struct str take_text(struct input *input)
{
	static const char *const words[] = {":method", ":scheme", ":path", ":authority",
	        ":protocol", "host", "te", "content-length", "x", "GET", "https", "/", "a.test",
	        "CONNECT", "OPTIONS", "*", "5", "trailers", "websocket", "http", "connection",
	        "cookie", "upgrade"};
	unsigned what = take(input);
	if (what < 128)
		return str_of(words[what % ARRAY_LENGTH(words)]);
	size_t length = what - 128, left = (size_t)(input->end - input->at);
	struct str text = str_make((const char *)input->at, length < left ? length : left);
	input->at += text.len;
	return text;
}

static size_t take_fields(
        struct input *input, struct judges_field fields[JUDGES_FIELDS], size_t most)
{
	size_t count = 0;
	while (count < most && input->at < input->end) {
		fields[count].name = take_text(input);
		fields[count++].value = take_text(input);
	}
	return count;
}

static bool is_passed_over(const struct judges_message *message)
{
	for (size_t i = 0; i < message->trailer_count; i++)
		if (str_is_equal_nocase(message->trailers[i].name, STR("content-length")) ||
		        str_is_equal_nocase(message->trailers[i].name, STR("host")))
			return true;
	return false;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input input = {data, data + size};
	unsigned what = take(&input);
	struct judges_message message = {
	        .body_length = what & 1 ? 5 : 0,
	        .has_body = (what & 2) != 0,
	        .has_trailers = (what & 4) != 0,
	        .lacks_end = (what & 8) != 0,
	};
	if (what & 16) {
		static const char *const usual[] = {
		        ":method", "GET", ":scheme", "https", ":path", "/", ":authority", "a.test"};
		for (size_t i = 0; i < ARRAY_LENGTH(usual); i += 2)
			message.head[message.head_count++] =
			        (struct judges_field){str_of(usual[i]), str_of(usual[i + 1])};
	}
	message.head_count += take_fields(&input, message.head + message.head_count, what >> 5);
	if (message.has_trailers)
		message.trailer_count = take_fields(&input, message.trailers, 3);
	if (!is_passed_over(&message))
		CHECK(judges_ask_us(&message) == judges_ask_nghttp2(&message));
	return 0;
}
