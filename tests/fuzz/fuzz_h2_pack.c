/* fuzz: serve nghttp2 - heads that we pack, nghttp2 unpacks to the same fields, whatever table it
 * allows
 *
 * The input is a sequence of steps: a byte says what, and what it takes of names and values
 * follows. peer_head (tests/unit/serve/h2_peer.h) has the comparison.
 */
#include "../unit/serve/h2_peer.h"

#include "http/head.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { MOST = 24, LONG = 600 };

struct input {
	const uint8_t *at, *end;
};

static unsigned take(struct input *input)
{
	return input->at < input->end ? *input->at++ : 0;
}

/* A value: bytes of the input, or many of one. */
static struct str take_value(struct input *input, char room[LONG])
{
	unsigned length = take(input);
	if (length >= 128) {
		size_t many = (length - 128) * 4 + take(input) % 4;
		memset(room, 'v', many);
		return str_make(room, many);
	}
	if (length > (size_t)(input->end - input->at))
		length = (unsigned)(input->end - input->at);
	struct str value = str_make((const char *)input->at, length);
	input->at += length;
	return value;
}

static bool take_field(struct input *input, char room[LONG], struct peer_field *field)
{
	static const char *const names[] = {
	        "x-a", "X-A", "x-b", "X-Longer-Than-The-Others", "Link", "retry-after", "y"};
	unsigned which = take(input);
	if (which < HTTP_NAME_OTHER)
		field->name = http_name_text(which);
	else if (which < 200)
		field->name = str_of(names[which % ARRAY_LENGTH(names)]);
	else
		field->name = take_value(input, room);
	field->id = http_name_of(field->name);
	field->value = str_trim(take_value(input, room));
	return http_head_is_field(field->name, field->value);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input input = {data, data + size};
	static struct peer peer;
	static char room[MOST][LONG];
	peer_begin(&peer, take(&input) % 3 == 0 ? 4096 : take(&input) * 8);
	while (input.at < input.end) {
		struct peer_field fields[MOST];
		unsigned what = take(&input);
		size_t count = 0;
		if (what >= 240) {
			peer_limit(&peer, what == 255 ? 4096 : take(&input) * 5);
			continue;
		}
		while (count < what % MOST && take_field(&input, room[count], &fields[count]))
			count++;
		peer_head(&peer, what < 24 ? 0 : what < 48 ? 100 + what * 10 : 200, fields, count);
	}
	peer_end(&peer);
	return 0;
}
