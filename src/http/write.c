/*
 * Each function asks once for all the room that it needs. That nothing written can end a line early
 * is checked here again, at the last gate: a bug elsewhere must not become a second message on the
 * wire.
 */
#include "http/write.h"

#include "http/scan_private.h"
#include "http/status.h"

enum { U64_DIGITS = 20 };

/* Room for `count` bytes, or NULL and the writer is full. */
static char *take_room(struct http_writer *writer, size_t count)
{
	if (writer->full || (size_t)(writer->end - writer->at) < count) {
		writer->full = true;
		return NULL;
	}
	char *to = writer->at;
	writer->at += count;
	return to;
}

static char *put(char *to, struct str text)
{
	if (text.len > 0)
		memcpy(to, text.at, text.len);
	return to + text.len;
}

/* The digits of a number at the end of `room`, which has U64_DIGITS bytes. */
static struct str format_u64(uint64_t value, char *room)
{
	char *at = room + U64_DIGITS;
	do {
		*--at = (char)('0' + value % 10);
		value /= 10;
	} while (value != 0);
	return str_make(at, (size_t)(room + U64_DIGITS - at));
}

void http_write(struct http_writer *writer, struct str text)
{
	char *to = take_room(writer, text.len);
	if (to != NULL)
		put(to, text);
}

void http_write_u64(struct http_writer *writer, uint64_t value)
{
	char room[U64_DIGITS];
	http_write(writer, format_u64(value, room));
}

void http_write_request_line(struct http_writer *writer, struct str method, struct str target)
{
	CHECK(http_scan_visible(method) == method.len && http_scan_visible(target) == target.len);
	CHECK(method.len > 0 && target.len > 0);
	struct str version = STR(" HTTP/1.1\r\n");
	char *to = take_room(writer, method.len + 1 + target.len + version.len);
	if (to == NULL)
		return;
	to = put(to, method);
	*to++ = ' ';
	to = put(to, target);
	put(to, version);
}

void http_write_status_line(struct http_writer *writer, unsigned status, struct str reason)
{
	CHECK(status >= 100 && status <= 599 && http_scan_is_text(reason));
	if (reason.len == 0)
		reason = http_status_reason(status);
	struct str version = STR("HTTP/1.1 ");
	char *to = take_room(writer, version.len + 4 + reason.len + 2);
	if (to == NULL)
		return;
	to = put(to, version);
	*to++ = (char)('0' + status / 100);
	*to++ = (char)('0' + status / 10 % 10);
	*to++ = (char)('0' + status % 10);
	*to++ = ' ';
	to = put(to, reason);
	put(to, STR("\r\n"));
}

static void write_field(struct http_writer *writer, struct str name, struct str value)
{
	CHECK(http_scan_is_text(value));
	char *to = take_room(writer, name.len + 2 + value.len + 2);
	if (to == NULL)
		return;
	to = put(to, name);
	*to++ = ':';
	*to++ = ' ';
	to = put(to, value);
	put(to, STR("\r\n"));
}

void http_write_field(struct http_writer *writer, struct str name, struct str value)
{
	CHECK(name.len > 0 && http_scan_is_text(name));
	write_field(writer, name, value);
}

void http_write_known_field(struct http_writer *writer, enum http_name id, struct str value)
{
	write_field(writer, http_name_text(id), value);
}

void http_write_length_field(struct http_writer *writer, uint64_t length)
{
	char room[U64_DIGITS];
	http_write_known_field(writer, HTTP_NAME_CONTENT_LENGTH, format_u64(length, room));
}

void http_write_end_of_head(struct http_writer *writer)
{
	http_write(writer, STR("\r\n"));
}

size_t http_write_chunk_line(char to[HTTP_WRITE_CHUNK_LINE_BYTES], uint64_t size)
{
	CHECK(size != 0);
	int digits = (64 - __builtin_clzll(size) + 3) / 4;
	for (int i = 0; i < digits; i++)
		to[i] = "0123456789abcdef"[size >> 4 * (digits - 1 - i) & 0xf];
	to[digits] = '\r';
	to[digits + 1] = '\n';
	return (size_t)digits + 2;
}
