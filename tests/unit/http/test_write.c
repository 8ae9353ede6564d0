/* Writing heads. */
#include "http/write.h"

#include "http/head.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define assert_str_equal(a, b) assert_true(str_is_equal((a), (b)))

/* Everything that there is to write; `n` tells what. */
static void write_piece(struct http_writer *writer, unsigned n)
{
	switch (n) {
	case 0:
		http_write_request_line(writer, STR("GET"), STR("/a?b"));
		break;
	case 1:
		http_write_status_line(writer, 404, STR_EMPTY);
		break;
	case 2:
		http_write_status_line(writer, 299, STR("Fine\t\x80"));
		break;
	case 3:
		http_write_field(writer, STR("X-a"), STR("b c"));
		break;
	case 4:
		http_write_field(writer, STR("X"), STR_EMPTY);
		break;
	case 5:
		http_write_known_field(writer, HTTP_NAME_ETAG, STR("\"x\""));
		break;
	case 6:
		http_write_length_field(writer, UINT64_MAX);
		break;
	case 7:
		http_write_length_field(writer, 0);
		break;
	case 8:
		http_write(writer, STR("any\r\nthing"));
		break;
	case 9:
		http_write_u64(writer, 1234567890);
		break;
	default:
		http_write_end_of_head(writer);
	}
}

static const char *const PIECES[] = {
        "GET /a?b HTTP/1.1\r\n",
        "HTTP/1.1 404 Not Found\r\n",
        "HTTP/1.1 299 Fine\t\x80\r\n",
        "X-a: b c\r\n",
        "X: \r\n",
        "ETag: \"x\"\r\n",
        "Content-Length: 18446744073709551615\r\n",
        "Content-Length: 0\r\n",
        "any\r\nthing",
        "1234567890",
        "\r\n",
};

static void each_piece_is_written_whole_or_not_at_all(void **state)
{
	(void)state;
	for (unsigned n = 0; n < ARRAY_LENGTH(PIECES); n++) {
		size_t length = strlen(PIECES[n]);
		for (size_t room = 0; room <= length + 1; room++) {
			char to[100];
			struct http_writer writer;
			memset(to, '?', sizeof(to));
			http_writer_init(&writer, to, room);
			write_piece(&writer, n);
			assert_int_equal(writer.full, room < length);
			assert_str_equal(http_writer_str(&writer),
			        room < length ? STR_EMPTY : str_of(PIECES[n]));
			for (size_t i = http_writer_str(&writer).len; i < sizeof(to); i++)
				assert_int_equal(to[i], '?');
		}
	}
}

static void pieces_stand_one_behind_the_other(void **state)
{
	(void)state;
	char to[400];
	struct http_writer writer;
	struct text wanted = {0};
	http_writer_init(&writer, to, sizeof(to));
	for (unsigned n = 0; n < ARRAY_LENGTH(PIECES); n++) {
		write_piece(&writer, n);
		text_add(&wanted, str_of(PIECES[n]));
	}
	assert_str_equal(http_writer_str(&writer), text_str(&wanted));
	text_done(&wanted);
}

static void a_full_writer_stays_full(void **state)
{
	(void)state;
	char to[4];
	struct http_writer writer;
	http_writer_init(&writer, to, sizeof(to));
	http_write(&writer, STR("abc"));
	http_write(&writer, STR("de"));
	http_write(&writer, STR("f"));
	assert_true(writer.full);
	assert_str_equal(http_writer_str(&writer), STR("abc"));
}

static void chunk_lines_are_hexadecimal(void **state)
{
	(void)state;
	static const struct {
		uint64_t size;
		const char *line;
	} rows[] = {
	        {1, "1\r\n"},
	        {0xf, "f\r\n"},
	        {0x10, "10\r\n"},
	        {0x1a, "1a\r\n"},
	        {0x10000, "10000\r\n"},
	        {UINT64_MAX, "ffffffffffffffff\r\n"},
	};
	for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
		char to[HTTP_WRITE_CHUNK_LINE_BYTES];
		size_t length = http_write_chunk_line(to, rows[i].size);
		assert_str_equal(str_make(to, length), str_of(rows[i].line));
	}
}

static void what_is_written_parses_to_the_same(void **state)
{
	(void)state;
	char to[400];
	struct http_writer writer;
	http_writer_init(&writer, to, sizeof(to));
	http_write_request_line(&writer, STR("PURGE"), STR("*"));
	http_write_known_field(&writer, HTTP_NAME_HOST, STR("a.b"));
	http_write_field(&writer, STR("x"), STR_EMPTY);
	http_write_end_of_head(&writer);

	const struct http_head_limits limits = {.head_bytes = 400, .target_bytes = 10, .fields = 2};
	struct http_field fields[2];
	struct http_head head = {.fields = fields, .capacity = 2};
	size_t scanned = 0;
	enum fault fault;
	assert_int_equal(
	        http_head_parse_request(http_writer_str(&writer), &scanned, &limits, &head, &fault),
	        HTTP_PARSE_DONE);
	assert_str_equal(http_head_method(&head), STR("PURGE"));
	assert_str_equal(http_head_target(&head), STR("*"));
	assert_str_equal(http_head_get(&head, HTTP_NAME_HOST), STR("a.b"));
	assert_str_equal(http_head_value(&head, &fields[1]), STR_EMPTY);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(each_piece_is_written_whole_or_not_at_all),
	        cmocka_unit_test(pieces_stand_one_behind_the_other),
	        cmocka_unit_test(a_full_writer_stays_full),
	        cmocka_unit_test(chunk_lines_are_hexadecimal),
	        cmocka_unit_test(what_is_written_parses_to_the_same),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
