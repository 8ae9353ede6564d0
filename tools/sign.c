/*
 * Signs what it reads, for tools/npm/sign.js to hold against the official SDKs. A request is lines
 * of a word and fields in hexadecimal digits, with an empty line behind it:
 *
 *     cos METHOD PATH KEY_ID SECRET START END        or  s3 METHOD PATH KEY_ID SECRET TIME REGION
 * TOKEN parameter NAME VALUE                           any number of these header NAME VALUE
 *
 * Each is answered by a line with the value of Authorization.
 */
#include "base/arena.h"
#include "origin/sign_cos.h"
#include "origin/sign_s3.h"

#include <stdio.h>
#include <string.h>

enum { LINE_BYTES = 65536, FIELDS = 8 };

struct request {
	struct str fields[FIELDS];
	struct origin_sign_pair parameters[ORIGIN_SIGN_PAIRS], headers[ORIGIN_SIGN_PAIRS];
	unsigned parameter_count, header_count;
	bool is_cos;
};

static struct str decode(struct arena *arena, struct str hex)
{
	char *bytes = arena_alloc(arena, hex.len / 2 + 1);
	uint64_t byte;
	for (size_t i = 0; i + 1 < hex.len; i += 2) {
		bool is_read = str_to_hex_u64(str_make(hex.at + i, 2), &byte);
		CHECK(is_read);
		bytes[i / 2] = (char)byte;
	}
	return str_make(bytes, hex.len / 2);
}

static int64_t number(struct str text)
{
	uint64_t value;
	bool is_read = str_to_u64(text, &value);
	CHECK(is_read);
	return (int64_t)value;
}

static void answer(const struct request *request)
{
	const struct str *fields = request->fields;
	struct origin_sign sign = {
	        .method = fields[0],
	        .path = fields[1],
	        .key_id = fields[2],
	        .secret = fields[3],
	        .parameters = request->parameters,
	        .parameter_count = request->parameter_count,
	        .headers = request->headers,
	        .header_count = request->header_count,
	};
	if (request->is_cos) {
		struct origin_sign_cos made;
		origin_sign_cos_begin(&sign, number(fields[4]), number(fields[5]), &made);
		origin_sign_cos_key(&sign, &made);
		origin_sign_cos_end(&sign, &made);
		puts(text_c(&made.authorization));
		origin_sign_cos_done(&made);
		return;
	}
	struct origin_sign_s3 made;
	sign.time_s = number(fields[4]);
	sign.region = fields[5];
	sign.token = fields[6];
	origin_sign_s3_begin(&sign, &made);
	origin_sign_s3_key(&sign, &made);
	origin_sign_s3_end(&sign, &made);
	puts(text_c(&made.authorization));
	origin_sign_s3_done(&made);
}

static void take_line(struct request *request, struct str line, struct arena *arena)
{
	struct str word = str_cut(&line, ' ');
	struct str fields[FIELDS] = {{0}};
	for (unsigned i = 0; i < FIELDS && line.at != NULL; i++)
		fields[i] = decode(arena, str_cut(&line, ' '));
	if (str_is_equal(word, STR("parameter"))) {
		CHECK(request->parameter_count < ORIGIN_SIGN_PAIRS);
		request->parameters[request->parameter_count++] =
		        (struct origin_sign_pair){fields[0], fields[1]};
	} else if (str_is_equal(word, STR("header"))) {
		CHECK(request->header_count < ORIGIN_SIGN_PAIRS);
		request->headers[request->header_count++] =
		        (struct origin_sign_pair){fields[0], fields[1]};
	} else {
		request->is_cos = str_is_equal(word, STR("cos"));
		memcpy(request->fields, fields, sizeof(fields));
	}
}

int main(void)
{
	static char line[LINE_BYTES];
	static struct request request;
	struct arena arena;
	arena_init(&arena, NULL, 0);
	while (fgets(line, sizeof(line), stdin) != NULL) {
		struct str text = str_make(line, strcspn(line, "\n"));
		if (text.len != 0) {
			take_line(&request, text, &arena);
			continue;
		}
		answer(&request);
		memset(&request, 0, sizeof(request));
		arena_reset(&arena);
	}
	return 0;
}
