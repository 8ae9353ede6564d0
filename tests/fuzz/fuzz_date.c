/* fuzz: http - a date that is read is written and read again as the same one */
#include "http/date.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const int64_t now = 1764000000;
	int64_t time, again;
	char text[HTTP_DATE_BYTES];
	if (!http_date_parse(str_make((const char *)data, size), now, &time))
		return 0;
	http_date_format(time, text);
	CHECK(strlen(text) == HTTP_DATE_BYTES - 1);
	CHECK(http_date_parse(str_of(text), now, &again) && again == time);
	return 0;
}
