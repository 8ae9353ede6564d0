/* fuzz: serve - the PROXY header is the same however it arrives, and within its limit */
#include "serve/proxy_header.h"

#include "base/limit.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str text = str_make((const char *)data, size);
	struct serve_proxy_header whole, part;
	size_t consumed = 0, part_consumed = 0;
	enum serve_proxy_header_event event = serve_proxy_header_parse(text, &whole, &consumed);
	CHECK(event != SERVE_PROXY_HEADER_MORE || size < LIMIT_PROXY_HEADER_BYTES);

	enum serve_proxy_header_event got = SERVE_PROXY_HEADER_MORE;
	for (size_t length = 0; length <= size && got == SERVE_PROXY_HEADER_MORE; length++)
		got = serve_proxy_header_parse(str_make(text.at, length), &part, &part_consumed);
	CHECK(got == event);
	if (event != SERVE_PROXY_HEADER_ADDRESSES && event != SERVE_PROXY_HEADER_LOCAL)
		return 0;
	CHECK(consumed == part_consumed && consumed > 0);
	CHECK(consumed <= size && consumed <= LIMIT_PROXY_HEADER_BYTES);
	if (event != SERVE_PROXY_HEADER_ADDRESSES)
		return 0;
	char printed[ADDRESS_TEXT_BYTES];
	struct address again;
	CHECK(address_is_equal(&whole.source, &part.source));
	CHECK(address_is_equal(&whole.destination, &part.destination));
	CHECK(address_parse(str_of(address_format(&whole.source, printed)), &again));
	CHECK(address_is_equal(&whole.source, &again));
	return 0;
}
