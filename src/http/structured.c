/*
 * Each reader below takes what it reads off *rest, and returns false when it is not there. They are
 * the algorithms of RFC 8941 section 4.2, without their copies: what is kept is a piece of the
 * text.
 */
#include "http/structured.h"

#include "http/scan_private.h"

enum {
	INTEGER_DIGITS = 15, /* of an integer (section 3.3.1) */
	WHOLE_DIGITS = 12,   /* of a decimal before its point (3.3.2) */
	FRACTION_DIGITS = 3,
	THOUSANDTHS = 1000,
};

static bool is_digit(char byte)
{
	return byte >= '0' && byte <= '9';
}

static bool is_lower(char byte)
{
	return byte >= 'a' && byte <= 'z';
}

static bool is_letter(char byte)
{
	return is_lower(str_lower(byte));
}

/* Whether the next byte is this one. */
static bool is_next(struct str rest, char byte)
{
	return rest.len > 0 && rest.at[0] == byte;
}

/* Takes `count` bytes off the front. */
static struct str take(struct str *rest, size_t count)
{
	struct str taken = str_make(rest->at, count);
	*rest = str_make(rest->at + count, rest->len - count);
	return taken;
}

static bool take_byte(struct str *rest, char byte)
{
	if (!is_next(*rest, byte))
		return false;
	take(rest, 1);
	return true;
}

static void skip_spaces(struct str *rest)
{
	while (is_next(*rest, ' '))
		take(rest, 1);
}

static void skip_white(struct str *rest)
{
	while (is_next(*rest, ' ') || is_next(*rest, '\t'))
		take(rest, 1);
}

static bool is_key_byte(char byte)
{
	return is_lower(byte) || is_digit(byte) || byte == '_' || byte == '-' || byte == '.' ||
	       byte == '*';
}

static bool read_key(struct str *rest, struct str *ret_key)
{
	size_t length = 0;
	if (rest->len == 0 || (!is_lower(rest->at[0]) && rest->at[0] != '*'))
		return false;
	while (length < rest->len && is_key_byte(rest->at[length]))
		length++;
	*ret_key = take(rest, length);
	return true;
}

/* Digits, at most `most` of them, as a number; returns how many, 0 when there are more. */
static size_t read_digits(struct str *rest, size_t most, int64_t *ret_number)
{
	size_t count = 0;
	*ret_number = 0;
	while (count < rest->len && is_digit(rest->at[count])) {
		if (count == most)
			return 0;
		*ret_number = *ret_number * 10 + rest->at[count++] - '0';
	}
	take(rest, count);
	return count;
}

static bool read_number(struct str *rest, struct http_structured_value *value)
{
	bool is_negative = take_byte(rest, '-');
	int64_t whole, fraction;
	size_t digits = read_digits(rest, INTEGER_DIGITS, &whole);
	if (digits == 0)
		return false;
	value->type = HTTP_STRUCTURED_INTEGER;
	if (take_byte(rest, '.')) {
		value->type = HTTP_STRUCTURED_DECIMAL;
		size_t count = read_digits(rest, FRACTION_DIGITS, &fraction);
		if (digits > WHOLE_DIGITS || count == 0)
			return false;
		for (size_t i = count; i < FRACTION_DIGITS; i++)
			fraction *= 10;
		whole = whole * THOUSANDTHS + fraction;
	}
	value->number = is_negative ? -whole : whole;
	return true;
}

static bool read_string(struct str *rest, struct http_structured_value *value)
{
	take(rest, 1);
	for (size_t i = 0; i < rest->len; i++) {
		char byte = rest->at[i];
		if (byte == '"') {
			value->type = HTTP_STRUCTURED_STRING;
			value->text = take(rest, i);
			take(rest, 1);
			return true;
		}
		if (byte < 0x20 || byte >= 0x7f)
			return false;
		if (byte == '\\' &&
		        (++i == rest->len || (rest->at[i] != '"' && rest->at[i] != '\\')))
			return false;
	}
	return false;
}

static bool is_token_byte(char byte)
{
	return http_scan_is_token_byte(byte) || byte == ':' || byte == '/';
}

static size_t token_length(struct str text)
{
	size_t length = 0;
	if (text.len == 0 || (!is_letter(text.at[0]) && text.at[0] != '*'))
		return 0;
	while (length < text.len && is_token_byte(text.at[length]))
		length++;
	return length;
}

/* Base64 between colons; the padding may be missing (section 4.2.7). */
static bool read_bytes(struct str *rest, struct http_structured_value *value)
{
	take(rest, 1);
	size_t data = 0, length;
	while (data < rest->len && (is_letter(rest->at[data]) || is_digit(rest->at[data]) ||
	                                   rest->at[data] == '+' || rest->at[data] == '/'))
		data++;
	for (length = data; length < rest->len && rest->at[length] == '='; length++)
		;
	bool is_padded = length > data;
	if (data % 4 == 1 || (is_padded && length % 4 != 0) || length - data > 2)
		return false;
	value->type = HTTP_STRUCTURED_BYTES;
	value->text = take(rest, length);
	return take_byte(rest, ':');
}

static bool read_boolean(struct str *rest, struct http_structured_value *value)
{
	take(rest, 1);
	value->type = HTTP_STRUCTURED_BOOLEAN;
	value->boolean = is_next(*rest, '1');
	return take_byte(rest, '1') || take_byte(rest, '0');
}

static bool read_bare_item(struct str *rest, struct http_structured_value *value)
{
	if (rest->len == 0)
		return false;
	char byte = rest->at[0];
	if (byte == '-' || is_digit(byte))
		return read_number(rest, value);
	if (byte == '"')
		return read_string(rest, value);
	if (byte == ':')
		return read_bytes(rest, value);
	if (byte == '?')
		return read_boolean(rest, value);
	value->type = HTTP_STRUCTURED_TOKEN;
	value->text = take(rest, token_length(*rest));
	return value->text.len > 0;
}

static bool read_parameters(struct str *rest, struct str *ret_parameters)
{
	const char *start = rest->at;
	while (take_byte(rest, ';')) {
		struct str key;
		struct http_structured_value value;
		skip_spaces(rest);
		if (!read_key(rest, &key) ||
		        (take_byte(rest, '=') && !read_bare_item(rest, &value)))
			return false;
	}
	*ret_parameters = str_make(start, (size_t)(rest->at - start));
	return true;
}

/* Its members are checked, and kept as text. */
static bool read_inner_list(struct str *rest, struct http_structured_value *value)
{
	take(rest, 1);
	const char *start = rest->at;
	for (;;) {
		struct http_structured_value member;
		skip_spaces(rest);
		if (is_next(*rest, ')'))
			break;
		if (!read_bare_item(rest, &member) || !read_parameters(rest, &member.parameters))
			return false;
		if (!is_next(*rest, ' ') && !is_next(*rest, ')'))
			return false;
	}
	value->type = HTTP_STRUCTURED_INNER_LIST;
	value->text = str_make(start, (size_t)(rest->at - start));
	return take_byte(rest, ')');
}

static bool read_value(struct str *rest, struct http_structured_value *value)
{
	if (!take_byte(rest, '=')) {
		value->type = HTTP_STRUCTURED_BOOLEAN;
		value->boolean = true;
		return true;
	}
	return is_next(*rest, '(') ? read_inner_list(rest, value) : read_bare_item(rest, value);
}

enum http_structured_event http_structured_next_member(
        struct str *rest, struct str *ret_key, struct http_structured_value *ret_value)
{
	struct str key;
	struct http_structured_value value = {0};
	if (rest->len == 0)
		return HTTP_STRUCTURED_END;
	if (!read_key(rest, &key) || !read_value(rest, &value) ||
	        !read_parameters(rest, &value.parameters))
		return HTTP_STRUCTURED_BAD;
	skip_white(rest);
	if (rest->len > 0) {
		if (!take_byte(rest, ','))
			return HTTP_STRUCTURED_BAD;
		skip_white(rest);
		if (rest->len == 0)
			return HTTP_STRUCTURED_BAD;
	}
	*ret_key = key;
	*ret_value = value;
	return HTTP_STRUCTURED_MEMBER;
}

bool http_structured_is_token(struct str text)
{
	return text.len > 0 && token_length(text) == text.len;
}

bool http_structured_is_string(struct str text)
{
	for (size_t i = 0; i < text.len; i++) {
		if (text.at[i] < 0x20 || text.at[i] >= 0x7f)
			return false;
	}
	return true;
}

void http_structured_write(struct http_writer *writer, struct str text)
{
	if (http_structured_is_token(text)) {
		http_write(writer, text);
		return;
	}
	CHECK(http_structured_is_string(text));
	http_write(writer, STR("\""));
	for (size_t i = 0; i < text.len; i++) {
		if (text.at[i] == '"' || text.at[i] == '\\')
			http_write(writer, STR("\\"));
		http_write(writer, str_make(text.at + i, 1));
	}
	http_write(writer, STR("\""));
}
