/*
 * Days and dates are converted by counting eras of 400 years from a year that begins in March, so
 * that the leap day is the last of its year. The C library's functions are not used: they know time
 * zones and locales, which this must not.
 */
#include "http/date.h"

enum { DAY_S = 86400, ERA_DAYS = 146097, EPOCH_DAYS = 719468, FIRST_YEAR = 1, LAST_YEAR = 9999 };

static const char MONTHS[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
static const char DAYS[] = "SunMonTueWedThuFriSat";
static const struct str LONG_DAYS[] = {STR("Sunday"), STR("Monday"), STR("Tuesday"),
        STR("Wednesday"), STR("Thursday"), STR("Friday"), STR("Saturday")};

struct date {
	int year, month, day; /* month: 0–11 */
	int hour, minute, second;
};

/* Days since 1970-01-01; year is at least 1. */
static int64_t days_of(const struct date *date)
{
	int month = (date->month + 10) % 12; /* March is 0 */
	int year = date->month < 2 ? date->year - 1 : date->year;
	int era = year / 400, year_of_era = year % 400;
	int day_of_year = (153 * month + 2) / 5 + date->day - 1;
	int day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
	return (int64_t)era * ERA_DAYS + day_of_era - EPOCH_DAYS;
}

/* The inverse; days is not before the year 1. */
static void date_of(int64_t days, struct date *ret_date)
{
	days += EPOCH_DAYS;
	int era = (int)(days / ERA_DAYS), day_of_era = (int)(days % ERA_DAYS);
	int year_of_era =
	        (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
	int day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
	int month = (5 * day_of_year + 2) / 153;
	ret_date->day = day_of_year - (153 * month + 2) / 5 + 1;
	ret_date->month = (month + 2) % 12;
	ret_date->year = era * 400 + year_of_era + (ret_date->month < 2);
}

static int64_t seconds_of(const struct date *date)
{
	return days_of(date) * DAY_S + date->hour * 3600 + date->minute * 60 + date->second;
}

static int days_in_month(int year, int month)
{
	static const char days[12] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
	bool is_leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
	return days[month] + (month == 1 && is_leap);
}

static char *put_digits(char *to, int value, int digits)
{
	for (int i = digits - 1; i >= 0; i--) {
		to[i] = (char)('0' + value % 10);
		value /= 10;
	}
	return to + digits;
}

static char *put(char *to, const char *bytes, size_t count)
{
	memcpy(to, bytes, count);
	return to + count;
}

void http_date_format(int64_t unix_s, char to[HTTP_DATE_BYTES])
{
	struct date first = {.year = FIRST_YEAR, .day = 1},
	            last = {.year = LAST_YEAR + 1, .day = 1};
	CHECK(unix_s >= seconds_of(&first) && unix_s < seconds_of(&last));
	int64_t days = unix_s / DAY_S;
	int second = (int)(unix_s % DAY_S);
	if (second < 0) {
		second += DAY_S;
		days--;
	}
	struct date date;
	date_of(days, &date);
	int weekday = (int)(((days + 4) % 7 + 7) % 7); /* 1970-01-01 was a Thursday */

	to = put(to, DAYS + weekday * 3, 3);
	to = put(to, ", ", 2);
	to = put_digits(to, date.day, 2);
	*to++ = ' ';
	to = put(to, MONTHS + date.month * 3, 3);
	*to++ = ' ';
	to = put_digits(to, date.year, 4);
	*to++ = ' ';
	to = put_digits(to, second / 3600, 2);
	*to++ = ':';
	to = put_digits(to, second / 60 % 60, 2);
	*to++ = ':';
	to = put_digits(to, second % 60, 2);
	put(to, " GMT", sizeof(" GMT"));
}

/* The readers below take what they read off *rest, and return false when it is not there. */

static bool cut_text(struct str *rest, struct str wanted)
{
	if (!str_has_prefix(*rest, wanted))
		return false;
	*rest = str_make(rest->at + wanted.len, rest->len - wanted.len);
	return true;
}

static bool cut_digits(struct str *rest, size_t digits, int *ret_value)
{
	int value = 0;
	if (rest->len < digits)
		return false;
	for (size_t i = 0; i < digits; i++) {
		if (rest->at[i] < '0' || rest->at[i] > '9')
			return false;
		value = value * 10 + rest->at[i] - '0';
	}
	*rest = str_make(rest->at + digits, rest->len - digits);
	*ret_value = value;
	return true;
}

/* One of the three-letter names that stand one behind the other in `names`. */
static bool cut_name(struct str *rest, const char *names, int *ret_index)
{
	for (int i = 0; names[i * 3] != '\0'; i++) {
		if (cut_text(rest, str_make(names + i * 3, 3))) {
			*ret_index = i;
			return true;
		}
	}
	return false;
}

static bool cut_time(struct str *rest, struct date *date)
{
	return cut_digits(rest, 2, &date->hour) && cut_text(rest, STR(":")) &&
	       cut_digits(rest, 2, &date->minute) && cut_text(rest, STR(":")) &&
	       cut_digits(rest, 2, &date->second);
}

/* IMF-fixdate: "Sun, 06 Nov 1994 08:49:37 GMT". */
static bool parse_fixdate(struct str text, struct date *date)
{
	int weekday;
	return cut_name(&text, DAYS, &weekday) && cut_text(&text, STR(", ")) &&
	       cut_digits(&text, 2, &date->day) && cut_text(&text, STR(" ")) &&
	       cut_name(&text, MONTHS, &date->month) && cut_text(&text, STR(" ")) &&
	       cut_digits(&text, 4, &date->year) && cut_text(&text, STR(" ")) &&
	       cut_time(&text, date) && str_is_equal(text, STR(" GMT"));
}

/* The year within a century around now_s that ends in the two digits of date->year. */
static void widen_year(struct date *date, int64_t now_s)
{
	struct date now;
	date_of(now_s / DAY_S, &now);
	date->year += now.year - now.year % 100;
	if (date->year > now.year + 50)
		date->year -= 100;
}

/* RFC 850: "Sunday, 06-Nov-94 08:49:37 GMT". */
static bool parse_rfc850(struct str text, int64_t now_s, struct date *date)
{
	bool has_day = false;
	for (size_t i = 0; i < ARRAY_LENGTH(LONG_DAYS) && !has_day; i++)
		has_day = cut_text(&text, LONG_DAYS[i]);
	if (!has_day || !cut_text(&text, STR(", ")) || !cut_digits(&text, 2, &date->day) ||
	        !cut_text(&text, STR("-")) || !cut_name(&text, MONTHS, &date->month) ||
	        !cut_text(&text, STR("-")) || !cut_digits(&text, 2, &date->year) ||
	        !cut_text(&text, STR(" ")) || !cut_time(&text, date) ||
	        !str_is_equal(text, STR(" GMT")))
		return false;
	widen_year(date, now_s);
	return true;
}

/* asctime: "Sun Nov  6 08:49:37 1994". */
static bool parse_asctime(struct str text, struct date *date)
{
	int weekday;
	if (!cut_name(&text, DAYS, &weekday) || !cut_text(&text, STR(" ")) ||
	        !cut_name(&text, MONTHS, &date->month) || !cut_text(&text, STR(" ")))
		return false;
	size_t digits = cut_text(&text, STR(" ")) ? 1 : 2;
	return cut_digits(&text, digits, &date->day) && cut_text(&text, STR(" ")) &&
	       cut_time(&text, date) && cut_text(&text, STR(" ")) &&
	       cut_digits(&text, 4, &date->year) && text.len == 0;
}

bool http_date_parse(struct str text, int64_t now_s, int64_t *ret_unix_s)
{
	struct date date;
	CHECK(now_s >= 0);
	if (!parse_fixdate(text, &date) && !parse_rfc850(text, now_s, &date) &&
	        !parse_asctime(text, &date))
		return false;
	if (date.year < FIRST_YEAR || date.day < 1 ||
	        date.day > days_in_month(date.year, date.month) || date.hour > 23 ||
	        date.minute > 59 || date.second > 60)
		return false;
	if (date.second == 60) /* a leap second, which this time has not */
		date.second = 59;
	*ret_unix_s = seconds_of(&date);
	return true;
}
