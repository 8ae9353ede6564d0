/*
 * What is written and how long it will be are the same few pieces; the tests hold one against the
 * other. Every part's head begins with a line end, the first one's too: it is the end of an empty
 * preamble (RFC 2046 section 5.1.1).
 */
#include "http/multipart.h"

static const struct str DASHES = STR("--");
static const struct str LINE_END = STR("\r\n");
static const struct str TYPE = STR("Content-Type: ");
static const struct str RANGE = STR("Content-Range: ");
static const struct str MULTIPART_TYPE = STR("multipart/byteranges; boundary=");

static struct http_content_range content_of(
        const struct http_multipart *multipart, const struct http_range *range)
{
	return (struct http_content_range){.range = *range, .length = multipart->length};
}

void http_multipart_write_part(struct http_writer *writer, const struct http_multipart *multipart,
        const struct http_range *range)
{
	struct http_content_range content = content_of(multipart, range);
	http_write(writer, LINE_END);
	http_write(writer, DASHES);
	http_write(writer, multipart->boundary);
	http_write(writer, LINE_END);
	if (multipart->content_type.len > 0) {
		http_write(writer, TYPE);
		http_write(writer, multipart->content_type);
		http_write(writer, LINE_END);
	}
	http_write(writer, RANGE);
	http_range_write_content(writer, &content);
	http_write(writer, LINE_END);
	http_write(writer, LINE_END);
}

size_t http_multipart_part_bytes(
        const struct http_multipart *multipart, const struct http_range *range)
{
	struct http_content_range content = content_of(multipart, range);
	size_t bytes = LINE_END.len + DASHES.len + multipart->boundary.len + LINE_END.len;
	if (multipart->content_type.len > 0)
		bytes += TYPE.len + multipart->content_type.len + LINE_END.len;
	return bytes + RANGE.len + http_range_content_bytes(&content) + 2 * LINE_END.len;
}

void http_multipart_write_end(struct http_writer *writer, const struct http_multipart *multipart)
{
	http_write(writer, LINE_END);
	http_write(writer, DASHES);
	http_write(writer, multipart->boundary);
	http_write(writer, DASHES);
	http_write(writer, LINE_END);
}

static size_t end_bytes(const struct http_multipart *multipart)
{
	return 2 * LINE_END.len + 2 * DASHES.len + multipart->boundary.len;
}

uint64_t http_multipart_bytes(
        const struct http_multipart *multipart, const struct http_ranges *ranges)
{
	uint64_t bytes = end_bytes(multipart);
	for (unsigned i = 0; i < ranges->count; i++)
		bytes += http_multipart_part_bytes(multipart, &ranges->ranges[i]) +
		         http_range_bytes(&ranges->ranges[i]);
	return bytes;
}

void http_multipart_write_type(struct http_writer *writer, const struct http_multipart *multipart)
{
	http_write(writer, TYPE);
	http_write(writer, MULTIPART_TYPE);
	http_write(writer, multipart->boundary);
	http_write(writer, LINE_END);
}
