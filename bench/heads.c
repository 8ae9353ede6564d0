/*
 * How many bytes the heads of HTTP/2 responses take as we pack them (serve/h2_pack.h), and as
 * nghttp2 does with a table of the same size: one object over and over, and many that have little
 * in common.
 *
 * Usage: heads
 */
#include "base/mem.h"
#include "serve/h2_pack.h"

#include <nghttp2/nghttp2.h>
#include <stdio.h>

enum { FIELDS = 12, TURNS = 6, OBJECTS = 200, TEXT_BYTES = 48 };

/* The fields of a hit. */
struct object {
	char values[FIELDS][TEXT_BYTES];
};

struct packers {
	struct serve_h2_pack ours;
	nghttp2_hd_deflater *theirs;
};

static const char *const NAMES[FIELDS] = {"server", "date", "content-type", "last-modified", "etag",
        "cache-control", "accept-ranges", "age", "via", "x-cache", "cache-status",
        "content-length"};

static struct object object_of(unsigned number)
{
	static const char *const types[] = {
	        "image/png", "image/jpeg", "text/css", "application/javascript"};
	unsigned noise = number * 2654435761U;
	struct object object;
	char(*values)[TEXT_BYTES] = object.values;
	snprintf(values[0], TEXT_BYTES, "nginx/1.22.1");
	snprintf(values[1], TEXT_BYTES, "Fri, %02u Nov 2026 %02u:%02u:%02u GMT", 1 + noise % 28,
	        noise % 24, noise % 60, noise / 60 % 60);
	snprintf(values[2], TEXT_BYTES, "%s", types[noise >> 8 & 3]);
	snprintf(values[3], TEXT_BYTES, "%s", values[1]);
	snprintf(values[4], TEXT_BYTES, "\"%08x-%x\"", noise, noise % 99991);
	snprintf(values[5], TEXT_BYTES, "public, max-age=86400");
	snprintf(values[6], TEXT_BYTES, "bytes");
	snprintf(values[7], TEXT_BYTES, "%u", noise % 5000);
	snprintf(values[8], TEXT_BYTES, "1.1 headwater");
	snprintf(values[9], TEXT_BYTES, "HIT");
	snprintf(values[10], TEXT_BYTES, "headwater; hit; ttl=%u", 86400 - noise % 5000);
	snprintf(values[11], TEXT_BYTES, "%u", 1000 + noise % 90000);
	return object;
}

static size_t pack_theirs(struct packers *packers, const struct object *object)
{
	uint8_t block[4096];
	nghttp2_nv fields[FIELDS + 1] = {{.name = (uint8_t *)(uintptr_t) ":status",
	        .namelen = 7,
	        .value = (uint8_t *)(uintptr_t) "200",
	        .valuelen = 3}};
	for (unsigned i = 0; i < FIELDS; i++)
		fields[i + 1] = (nghttp2_nv){.name = (uint8_t *)(uintptr_t)NAMES[i],
		        .namelen = strlen(NAMES[i]),
		        .value = (uint8_t *)(uintptr_t)object->values[i],
		        .valuelen = strlen(object->values[i])};
	ssize_t length =
	        nghttp2_hd_deflate_hd(packers->theirs, block, sizeof(block), fields, FIELDS + 1);
	CHECK(length > 0);
	return (size_t)length;
}

static size_t pack_ours(struct packers *packers, const struct object *object)
{
	char block[4096];
	struct http_writer writer;
	http_writer_init(&writer, block, sizeof(block));
	serve_h2_pack_begin(&packers->ours, &writer);
	serve_h2_pack_status(&writer, 200);
	for (unsigned i = 0; i < FIELDS; i++)
		serve_h2_pack_field(&packers->ours, &writer, http_name_of(str_of(NAMES[i])),
		        str_of(NAMES[i]), str_of(object->values[i]));
	return http_writer_str(&writer).len;
}

int main(void)
{
	static struct packers packers;
	size_t ours = 0, theirs = 0;
	serve_h2_pack_init(&packers.ours);
	CHECK(nghttp2_hd_deflate_new(&packers.theirs, LIMIT_H2_ENCODER_BYTES) == 0);
	printf("Bytes of a head of %d fields:\n\n| head | ours | nghttp2 |\n| --- | --- | --- |\n",
	        FIELDS);
	for (unsigned i = 1; i <= TURNS; i++) {
		struct object object = object_of(7);
		size_t length = pack_ours(&packers, &object);
		printf("| the same object, %u | %zu | %zu |\n", i, length,
		        pack_theirs(&packers, &object));
	}
	for (unsigned i = 0; i < OBJECTS; i++) {
		struct object object = object_of(1000 + i);
		ours += pack_ours(&packers, &object);
		theirs += pack_theirs(&packers, &object);
	}
	printf("| each of %d objects | %zu | %zu |\n", OBJECTS, ours / OBJECTS, theirs / OBJECTS);
	nghttp2_hd_deflate_del(packers.theirs);
	return 0;
}
