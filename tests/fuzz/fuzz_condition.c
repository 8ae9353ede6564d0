/* fuzz: http - entity tags are what their text says, and verdicts agree with each other */
#include "http/condition.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { FIELDS = 32 };

static void try_tag(struct str text)
{
	struct http_etag etag;
	if (!http_etag_parse(text, &etag))
		return;
	CHECK(etag.opaque.len + (etag.is_weak ? 2 : 0) == text.len);
	CHECK(str_has_suffix(text, etag.opaque));
	CHECK(etag.opaque.len >= 2 && etag.opaque.at[0] == '"');
	CHECK(str_find(str_make(etag.opaque.at + 1, etag.opaque.len - 1), '"') ==
	        (ptrdiff_t)etag.opaque.len - 2);
	CHECK(http_etag_is_weak_match(&etag, &etag));
	CHECK(http_etag_is_strong_match(&etag, &etag) == !etag.is_weak);
}

static void try_verdicts(const struct http_head *head, struct http_representation representation)
{
	bool range_counts, weak_range_counts;
	enum http_condition strong =
	        http_condition_evaluate(head, &representation, 1764000000, &range_counts);
	CHECK(!range_counts || (strong == HTTP_CONDITION_PROCEED && head->method == HTTP_GET &&
	                               http_head_has(head, HTTP_NAME_RANGE)));
	CHECK(strong != HTTP_CONDITION_NOT_MODIFIED || head->method == HTTP_GET ||
	        head->method == HTTP_HEAD);

	/* A weaker validator fails no less and gives no more ranges. */
	representation.etag = STR("W/\"a\"");
	representation.is_date_strong = false;
	enum http_condition weak =
	        http_condition_evaluate(head, &representation, 1764000000, &weak_range_counts);
	CHECK(strong != HTTP_CONDITION_FAILED || weak == HTTP_CONDITION_FAILED);
	CHECK(range_counts || !weak_range_counts);

	representation.status = 404;
	CHECK(http_condition_evaluate(head, &representation, 1764000000, &range_counts) ==
	        HTTP_CONDITION_PROCEED);
	CHECK(!range_counts);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct http_head_limits limits = {
	        .head_bytes = LIMIT_HEAD_BYTES, .target_bytes = 64, .fields = FIELDS};
	const struct http_representation representation = {.status = 200,
	        .etag = STR("\"a\""),
	        .last_modified_s = 784111777,
	        .dated_s = 784111779,
	        .is_date_strong = true};
	struct http_field fields[FIELDS];
	struct http_head head = {.fields = fields, .capacity = FIELDS};
	size_t scanned = 0;
	enum fault fault;
	struct str text = str_make((const char *)data, size);
	try_tag(text);
	if (http_head_parse_request(text, &scanned, &limits, &head, &fault) != HTTP_PARSE_DONE)
		return 0;
	struct http_etag etag;
	CHECK(http_etag_parse(representation.etag, &etag));
	for (enum http_name id = HTTP_NAME_IF_MATCH; id <= HTTP_NAME_IF_NONE_MATCH; id++) {
		enum http_etag_listed strong = http_etag_find(&head, id, &etag, HTTP_ETAG_STRONG);
		enum http_etag_listed weak = http_etag_find(&head, id, &etag, HTTP_ETAG_WEAK);
		CHECK(strong == HTTP_ETAG_ABSENT || weak != HTTP_ETAG_ABSENT);
	}
	try_verdicts(&head, representation);
	return 0;
}
