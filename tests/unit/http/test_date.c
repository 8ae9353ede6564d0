/* Dates. */
#include "http/date.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <time.h>

static const int64_t NOW = 1764000000; /* Mon, 24 Nov 2025 16:00:00 GMT */

static void dates_are_formatted_as_the_library_of_c_does(void **state)
{
	(void)state;
	static const int64_t rows[] = {0, 784111777, 951782400, 951868799, 951868800, 1709164800,
	        1709251200, 4107542400, -1, -86400, -62135596800, 253402300799, NOW};
	for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
		char got[HTTP_DATE_BYTES], wanted[64];
		struct tm tm;
		time_t time = rows[i];
		gmtime_r(&time, &tm);
		strftime(wanted, sizeof(wanted), "%a, %d %b %Y %H:%M:%S GMT", &tm);
		if (tm.tm_year + 1900 < 1000) /* strftime does not pad the year */
			memcpy(wanted, "Mon, 01 Jan 0001 00:00:00 GMT", HTTP_DATE_BYTES);
		http_date_format(rows[i], got);
		assert_string_equal(got, wanted);
	}
}

static void what_is_formatted_is_read_again(void **state)
{
	(void)state;
	/* A step that meets all days, hours and minutes. */
	for (int64_t time = -62135596800; time < 253402300799; time += 86400 * 13 + 3661) {
		char text[HTTP_DATE_BYTES];
		int64_t again;
		http_date_format(time, text);
		assert_true(http_date_parse(str_of(text), NOW, &again));
		assert_true(time == again);
	}
}

static void all_three_forms_are_read(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		int64_t time;
	} rows[] = {
	        {"Sun, 06 Nov 1994 08:49:37 GMT", 784111777},
	        {"Sunday, 06-Nov-94 08:49:37 GMT", 784111777},
	        {"Sun Nov  6 08:49:37 1994", 784111777},
	        {"Wed Nov 16 08:49:37 1994", 784975777},
	        {"Thu, 01 Jan 1970 00:00:00 GMT", 0},
	        {"Wednesday, 01-Jan-70 00:00:00 GMT", 3155760000},
	        {"Tue, 29 Feb 2000 00:00:00 GMT", 951782400},
	        {"Sat, 31 Dec 2016 23:59:60 GMT", 1483228799},
	        /* 50 years ahead of 2025, and one more. */
	        {"Tuesday, 01-Jan-75 00:00:00 GMT", 3313526400},
	        {"Thursday, 01-Jan-76 00:00:00 GMT", 189302400},
	};
	for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
		int64_t time;
		assert_true(http_date_parse(str_of(rows[i].text), NOW, &time));
		assert_true(time == rows[i].time);
	}
}

static void what_is_no_date_is_refused(void **state)
{
	(void)state;
	static const char *const rows[] = {
	        "",
	        "0",
	        "-1",
	        "784111777",
	        "Sun, 06 Nov 1994 08:49:37",
	        "Sun, 06 Nov 1994 08:49:37 UTC",
	        "Sun, 06 Nov 1994 08:49:37 GMT ",
	        " Sun, 06 Nov 1994 08:49:37 GMT",
	        "sun, 06 Nov 1994 08:49:37 GMT",
	        "Sun, 6 Nov 1994 08:49:37 GMT",
	        "Sun, 06 Nov 1994 8:49:37 GMT",
	        "Sun, 06 Nov 1994 24:00:00 GMT",
	        "Sun, 06 Nov 1994 08:60:37 GMT",
	        "Sun, 06 Nov 1994 08:49:61 GMT",
	        "Sun, 00 Nov 1994 08:49:37 GMT",
	        "Sun, 31 Nov 1994 08:49:37 GMT",
	        "Wed, 29 Feb 2100 00:00:00 GMT",
	        "Sun, 06 Foo 1994 08:49:37 GMT",
	        "Fri, 01 Jan 0000 00:00:00 GMT",
	        "Sunday, 06-Nov-1994 08:49:37 GMT",
	        "Sun, 06-Nov-94 08:49:37 GMT",
	        "Sun Nov 6 08:49:37 1994",
	        "Sun Nov 06 08:49:37 94",
	        "Sun Nov  6 08:49:37 1994 GMT",
	        "Sun, 06 Nov 1994 08:49:+7 GMT",
	};
	for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
		int64_t time;
		assert_false(http_date_parse(str_of(rows[i]), NOW, &time));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(dates_are_formatted_as_the_library_of_c_does),
	        cmocka_unit_test(what_is_formatted_is_read_again),
	        cmocka_unit_test(all_three_forms_are_read),
	        cmocka_unit_test(what_is_no_date_is_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
