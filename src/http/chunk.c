/*
 * A machine with one state for each place in the syntax. Size lines are read byte by byte, data in
 * pieces as large as they come. The trailer section is collected and then parsed as any fields are;
 * the usual one, an empty line, is recognised without that, so that it costs no memory.
 */
#include "http/chunk.h"

#include "http/scan_private.h"

/* A size line may be so long, and as much longer as its chunk is, before it counts as excess. */
enum { FAIR_LINE_BYTES = 32 };

/* The states, in the order of the syntax. */
enum state {
	SIZE,
	EXTENSION,   /* behind ";" */
	NAME,        /* within an extension's name */
	VALUE,       /* behind "=" */
	TOKEN,       /* within its value */
	QUOTED,      /* within its quoted value */
	QUOTED_PAIR, /* behind "\" in that */
	QUOTED_END,  /* behind the closing quote */
	SIZE_LF,     /* behind the CR of the size line */
	DATA,
	DATA_CR,
	DATA_LF,
	TRAILERS,
	ENDED,
	BAD,
};

static void set_state(struct http_chunk *chunk, enum state state)
{
	CHECK(chunk->state < ENDED);
	chunk->state = (uint8_t)state;
}

void http_chunk_init(struct http_chunk *chunk)
{
	*chunk = (struct http_chunk){.state = SIZE};
}

void http_chunk_done(struct http_chunk *chunk)
{
	text_done(&chunk->trailers);
}

static int digit_value(char byte)
{
	if (byte >= '0' && byte <= '9')
		return byte - '0';
	byte = str_lower(byte);
	return byte >= 'a' && byte <= 'f' ? byte - 'a' + 10 : -1;
}

/* The state behind `byte`, which ended a size, a name or a value. */
static enum state behind_item(char byte)
{
	if (byte == ';')
		return EXTENSION;
	return byte == '\r' ? SIZE_LF : BAD;
}

static enum state read_size(struct http_chunk *chunk, char byte)
{
	int digit = digit_value(byte);
	if (digit < 0)
		return chunk->digits == 0 ? BAD : behind_item(byte);
	if (chunk->digits == 16 || chunk->left > INT64_MAX >> 4)
		return BAD;
	chunk->digits++;
	chunk->left = chunk->left << 4 | (unsigned)digit;
	return SIZE;
}

static enum state read_quoted(char byte)
{
	if (byte == '"')
		return QUOTED_END;
	if (byte == '\\')
		return QUOTED_PAIR;
	return http_scan_is_control(byte) ? BAD : QUOTED;
}

/* The state behind one more byte of a size line. */
static enum state read_line_byte(struct http_chunk *chunk, char byte)
{
	switch ((enum state)chunk->state) {
	case SIZE:
		return read_size(chunk, byte);
	case EXTENSION:
		return http_scan_is_token_byte(byte) ? NAME : BAD;
	case NAME:
		if (byte == '=')
			return VALUE;
		return http_scan_is_token_byte(byte) ? NAME : behind_item(byte);
	case VALUE:
		if (byte == '"')
			return QUOTED;
		return http_scan_is_token_byte(byte) ? TOKEN : BAD;
	case TOKEN:
		return http_scan_is_token_byte(byte) ? TOKEN : behind_item(byte);
	case QUOTED:
		return read_quoted(byte);
	case QUOTED_PAIR:
		return http_scan_is_control(byte) ? BAD : QUOTED;
	case QUOTED_END:
		return behind_item(byte);
	case SIZE_LF:
		if (byte != '\n')
			return BAD;
		return chunk->left == 0 ? TRAILERS : DATA;
	case DATA:
	case DATA_CR:
	case DATA_LF:
	case TRAILERS:
	case ENDED:
	case BAD:
		break;
	}
	CHECK(!"no state of a size line");
	return BAD;
}

/* A size line was read: is it one of too many that are long beside their chunks? Reading those is
 * work for nothing, and no least rate of content would tell. */
static void weigh_line(struct http_chunk *chunk)
{
	uint64_t fair = FAIR_LINE_BYTES + (chunk->left < UINT32_MAX ? chunk->left : UINT32_MAX);
	uint64_t excess = (uint64_t)chunk->excess + chunk->line_bytes;
	chunk->excess = excess > fair ? (uint32_t)(excess - fair) : 0;
	if (chunk->excess > LIMIT_CHUNK_EXCESS_BYTES)
		set_state(chunk, BAD);
}

/* Reads as much of a size line as there is. */
static void read_line(struct http_chunk *chunk, struct str *input)
{
	size_t count = 0;
	while (count < input->len && chunk->state <= SIZE_LF) {
		bool is_long = chunk->line_bytes == LIMIT_CHUNK_LINE_BYTES;
		set_state(chunk, is_long ? BAD : read_line_byte(chunk, input->at[count]));
		chunk->line_bytes++;
		count++;
	}
	*input = str_make(input->at + count, input->len - count);
	if (chunk->state == DATA || chunk->state == TRAILERS)
		weigh_line(chunk);
}

/* Reads the one byte that must stand behind the data. */
static void read_data_end(
        struct http_chunk *chunk, struct str *input, char wanted, enum state following)
{
	bool is_right = input->at[0] == wanted;
	set_state(chunk, is_right ? following : BAD);
	*input = str_make(input->at + 1, input->len - 1);
	if (is_right && following == SIZE) {
		chunk->digits = 0;
		chunk->line_bytes = 0;
	}
}

static const struct http_head_limits TRAILER_LIMITS = {
        .head_bytes = LIMIT_TRAILER_BYTES,
        .fields = LIMIT_HEAD_FIELDS,
};

/* Collects the trailer section and sees whether it is whole. */
static void read_trailers(struct http_chunk *chunk, struct str *input)
{
	size_t before = chunk->trailers.len;
	if (before == 0 && str_has_prefix(*input, STR("\r\n"))) {
		*input = str_make(input->at + 2, input->len - 2);
		set_state(chunk, ENDED);
		return;
	}
	size_t room = LIMIT_TRAILER_BYTES - before;
	struct str piece = str_make(input->at, input->len < room ? input->len : room);
	text_add(&chunk->trailers, piece);

	struct http_field fields[LIMIT_HEAD_FIELDS];
	struct http_head head = {.fields = fields, .capacity = ARRAY_LENGTH(fields)};
	enum fault fault;
	switch (http_head_parse_trailers(
	        text_str(&chunk->trailers), &chunk->scanned, &TRAILER_LIMITS, &head, &fault)) {
	case HTTP_PARSE_DONE:
		piece.len = head.len - before;
		chunk->trailers.len = head.count > 0 ? head.len : 0;
		chunk->trailers.at[chunk->trailers.len] = '\0';
		set_state(chunk, ENDED);
		break;
	case HTTP_PARSE_MORE:
		break;
	case HTTP_PARSE_BAD:
		set_state(chunk, BAD);
		break;
	}
	*input = str_make(input->at + piece.len, input->len - piece.len);
}

/* Cuts what there is of the chunk's data off the input. */
static struct str take_data(struct http_chunk *chunk, struct str *input)
{
	size_t count = input->len < chunk->left ? input->len : (size_t)chunk->left;
	struct str data = str_make(input->at, count);
	*input = str_make(input->at + count, input->len - count);
	chunk->left -= count;
	if (chunk->left == 0)
		set_state(chunk, DATA_CR);
	return data;
}

enum http_chunk_event http_chunk_next(
        struct http_chunk *chunk, struct str *input, struct str *ret_data)
{
	while (input->len > 0 && chunk->state < ENDED) {
		switch ((enum state)chunk->state) {
		case SIZE:
		case EXTENSION:
		case NAME:
		case VALUE:
		case TOKEN:
		case QUOTED:
		case QUOTED_PAIR:
		case QUOTED_END:
		case SIZE_LF:
			read_line(chunk, input);
			break;
		case DATA:
			*ret_data = take_data(chunk, input);
			return HTTP_CHUNK_DATA;
		case DATA_CR:
			read_data_end(chunk, input, '\r', DATA_LF);
			break;
		case DATA_LF:
			read_data_end(chunk, input, '\n', SIZE);
			break;
		case TRAILERS:
			read_trailers(chunk, input);
			break;
		case ENDED:
		case BAD:
			break;
		}
	}
	if (chunk->state == ENDED)
		return HTTP_CHUNK_END;
	return chunk->state == BAD ? HTTP_CHUNK_BAD : HTTP_CHUNK_MORE;
}

/* Whether a field may stand in a trailer section. Of the names that we know, nearly all steer the
 * message in a way that a recipient must know of before the content. */
static bool can_trail(const struct http_head *head, const struct http_field *field)
{
	static const struct str never[] = {STR("Max-Forwards"), STR("Pragma"), STR("Retry-After"),
	        STR("Warning"), STR("WWW-Authenticate")};
	if (field->id != HTTP_NAME_OTHER)
		return field->id == HTTP_NAME_ETAG || field->id == HTTP_NAME_SERVER_TIMING;
	struct str name = http_head_name(head, field), content = STR("Content-");
	if (name.len >= content.len && str_is_equal_nocase(str_make(name.at, content.len), content))
		return false;
	for (size_t i = 0; i < ARRAY_LENGTH(never); i++) {
		if (str_is_equal_nocase(name, never[i]))
			return false;
	}
	return true;
}

bool http_chunk_trailers(const struct http_chunk *chunk, struct http_head *ret_head)
{
	CHECK(chunk->state == ENDED);
	*ret_head = (struct http_head){
	        .fields = ret_head->fields,
	        .capacity = ret_head->capacity,
	};
	if (chunk->trailers.len == 0)
		return true;
	size_t scanned = 0;
	enum fault fault;
	if (http_head_parse_trailers(text_str(&chunk->trailers), &scanned, &TRAILER_LIMITS,
	            ret_head, &fault) != HTTP_PARSE_DONE)
		return false;
	uint16_t kept = 0;
	ret_head->present = 0;
	for (uint16_t i = 0; i < ret_head->count; i++) {
		if (!can_trail(ret_head, &ret_head->fields[i]))
			continue;
		ret_head->fields[kept] = ret_head->fields[i];
		ret_head->present |= (uint64_t)1 << ret_head->fields[kept++].id;
	}
	ret_head->count = kept;
	return true;
}
