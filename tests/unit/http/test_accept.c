/* What a client takes. */
#include "http/accept.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "heads.h"

static void a_content_coding_is_as_good_as_the_client_says(void **state)
{
	(void)state;
	static const struct {
		const char *lines;
		unsigned br, gzip, identity;
	} rows[] = {
	        {"", 0, 0, 1},
	        {"Accept-Encoding:", 0, 0, 1},
	        {"Accept-Encoding: gzip, deflate, br", 1000, 1000, 1},
	        {"Accept-Encoding: GZip;Q=0.5 , br ; q=0.25", 250, 500, 1},
	        {"Accept-Encoding: gzip\nX: br\nAccept-Encoding: br", 1000, 1000, 1},
	        /* RFC 9110 12.5.3 */
	        {"Accept-Encoding: compress, gzip", 0, 1000, 1},
	        {"Accept-Encoding: *", 1000, 1000, 1000},
	        {"Accept-Encoding: compress;q=0.5, gzip;q=1.0", 0, 1000, 1},
	        {"Accept-Encoding: gzip;q=1.0, identity; q=0.5, *;q=0", 0, 1000, 500},
	        {"Accept-Encoding: *;q=0.3, br;q=0", 0, 300, 300},
	        {"Accept-Encoding: identity;q=0", 0, 0, 0},
	        {"Accept-Encoding: br;q=0, br;q=1", 1000, 0, 1},
	        {"Accept-Encoding: br;q=1., gzip;q=0.125", 1000, 125, 1},
	        /* what is none of those */
	        {"Accept-Encoding: br;q=1.001, gzip", 0, 1000, 1},
	        {"Accept-Encoding: br;q=2, gzip;q=.5", 0, 0, 1},
	        {"Accept-Encoding: br;q=0.1234, gzip;q=1x", 0, 0, 1},
	        {"Accept-Encoding: br;q=, gzip;", 0, 0, 1},
	        {"Accept-Encoding: br;q=1;q=0, gzip;level=9", 0, 0, 1},
	        {"Accept-Encoding: br gzip, brr, xbr, ,;q=1", 0, 0, 1},
	};
	struct heads heads = {0};
	for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
		const struct http_head *head = heads_request(&heads, "GET", rows[i].lines);
		assert_int_equal(http_accept_coding(head, STR("br")), rows[i].br);
		assert_int_equal(http_accept_coding(head, STR("gzip")), rows[i].gzip);
		assert_int_equal(http_accept_coding(head, STR("identity")), rows[i].identity);
	}
	heads_done(&heads);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(a_content_coding_is_as_good_as_the_client_says),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
