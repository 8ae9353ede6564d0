/* multipart/byteranges. */
#include "http/multipart.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "heads.h"

static const struct http_multipart MULTIPART = {
        .boundary = STR("THIS_STRING"), .content_type = STR("text/plain"), .length = 10000};

static void parts_are_written_as_the_rfc_shows(void **state)
{
	(void)state;
	/* RFC 9110 14.6 */
	const struct http_range range = {500, 999};
	char room[512];
	struct http_writer writer;
	http_writer_init(&writer, room, sizeof(room));
	http_multipart_write_type(&writer, &MULTIPART);
	http_multipart_write_part(&writer, &MULTIPART, &range);
	http_multipart_write_end(&writer, &MULTIPART);
	assert_str_equal(http_writer_str(&writer),
	        STR("Content-Type: multipart/byteranges; boundary=THIS_STRING\r\n"
	            "\r\n--THIS_STRING\r\n"
	            "Content-Type: text/plain\r\n"
	            "Content-Range: bytes 500-999/10000\r\n"
	            "\r\n"
	            "\r\n--THIS_STRING--\r\n"));
}

static void a_part_without_type_has_no_such_line(void **state)
{
	(void)state;
	struct http_multipart multipart = MULTIPART;
	const struct http_range range = {0, 0};
	char room[512];
	struct http_writer writer;
	multipart.content_type = STR_EMPTY;
	http_writer_init(&writer, room, sizeof(room));
	http_multipart_write_part(&writer, &multipart, &range);
	assert_str_equal(http_writer_str(&writer),
	        STR("\r\n--THIS_STRING\r\nContent-Range: bytes 0-0/10000\r\n\r\n"));
	assert_int_equal(
	        http_multipart_part_bytes(&multipart, &range), http_writer_str(&writer).len);
}

static void the_length_is_what_is_written(void **state)
{
	(void)state;
	static const char *const values[] = {
	        "bytes=0-0,200-299", "bytes=0-9,5000-5999,-1", "bytes=9-9,99-99,999-999,9999-9999"};
	for (size_t i = 0; i < ARRAY_LENGTH(values); i++) {
		struct http_range_set set;
		struct http_ranges ranges;
		assert_true(http_range_parse(str_of(values[i]), &set));
		assert_int_equal(
		        http_range_resolve(&set, MULTIPART.length, &ranges), HTTP_RANGE_PARTS);
		char room[4096];
		struct http_writer writer;
		http_writer_init(&writer, room, sizeof(room));
		uint64_t bodies = 0;
		for (unsigned k = 0; k < ranges.count; k++) {
			size_t before = http_writer_str(&writer).len;
			http_multipart_write_part(&writer, &MULTIPART, &ranges.ranges[k]);
			assert_int_equal(http_multipart_part_bytes(&MULTIPART, &ranges.ranges[k]),
			        http_writer_str(&writer).len - before);
			bodies += http_range_bytes(&ranges.ranges[k]);
		}
		http_multipart_write_end(&writer, &MULTIPART);
		assert_int_equal(http_multipart_bytes(&MULTIPART, &ranges),
		        http_writer_str(&writer).len + bodies);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(parts_are_written_as_the_rfc_shows),
	        cmocka_unit_test(a_part_without_type_has_no_such_line),
	        cmocka_unit_test(the_length_is_what_is_written),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
