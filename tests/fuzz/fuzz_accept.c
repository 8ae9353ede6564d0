/* fuzz: http - a weight is one of those that there are, and no other coding's */
#include "http/accept.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { FIELDS = 8 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct http_head_limits limits = {
	        .head_bytes = LIMIT_HEAD_BYTES, .target_bytes = 64, .fields = FIELDS};
	struct http_field fields[FIELDS];
	struct http_head head = {.fields = fields, .capacity = FIELDS};
	size_t scanned = 0;
	enum fault fault;
	if (http_head_parse_request(str_make((const char *)data, size), &scanned, &limits, &head,
	            &fault) != HTTP_PARSE_DONE)
		return 0;
	unsigned gzip = http_accept_coding(&head, STR("gzip"));
	unsigned nobody = http_accept_coding(&head, STR("no,coding"));
	unsigned identity = http_accept_coding(&head, STR("identity"));
	CHECK(gzip <= HTTP_ACCEPT_MOST && nobody <= HTTP_ACCEPT_MOST &&
	        identity <= HTTP_ACCEPT_MOST);
	/* No member is about that one, so it is as those that "*" is about. */
	CHECK(http_head_has(&head, HTTP_NAME_ACCEPT_ENCODING) ||
	        (gzip == 0 && nobody == 0 && identity == 1));
	return 0;
}
