/* fuzz: edge - what is accepted as the rest of a body has its place, its length and its version */
#include "edge/resume.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { FIELDS = 64 };

struct parsed {
	struct http_field fields[FIELDS];
	struct http_head head;
	enum http_framing framing;
	uint64_t length;
};

/* A response head at the front of the bytes, which it is taken off. */
static bool parse(struct parsed *parsed, struct str *bytes)
{
	static const struct http_head_limits LIMITS = {.head_bytes = 8192, .fields = FIELDS};
	size_t scanned = 0;
	enum fault fault;
	parsed->head = (struct http_head){.fields = parsed->fields, .capacity = FIELDS};
	if (http_head_parse_response(*bytes, &scanned, &LIMITS, &parsed->head, &fault) !=
	                HTTP_PARSE_DONE ||
	        parsed->head.status < 200)
		return false;
	*bytes = str_make(bytes->at + parsed->head.len, bytes->len - parsed->head.len);
	if (http_body_response(&parsed->head, HTTP_GET, &parsed->framing, &parsed->length) !=
	        FAULT_NONE)
		return false;
	if (parsed->framing != HTTP_FRAMING_LENGTH && parsed->framing != HTTP_FRAMING_NONE)
		parsed->length = UINT64_MAX;
	return true;
}

static void check_accepted(const struct edge_resume *before, const struct edge_resume *after,
        const struct edge_resume_answer *answer, uint64_t place)
{
	bool is_part = answer->head->status == 206;
	CHECK(is_part || answer->head->status == 200);
	CHECK(place == (is_part ? answer->from : 0) && place <= answer->at);
	CHECK(is_part || answer->at <= answer->skip_max);
	CHECK(after->end >= answer->at && after->complete >= answer->at);
	CHECK(after->complete == UINT64_MAX || after->end <= after->complete);
	CHECK(before->end == UINT64_MAX || after->end == before->end);
	CHECK(before->complete == UINT64_MAX || after->complete == before->complete);
	CHECK(str_is_equal(before->etag, after->etag) &&
	        str_is_equal(before->modified, after->modified));
	CHECK(after->end != UINT64_MAX || !before->tells_end || answer->tells_end);
	/* What has a length has what is missing, and not more but behind the end of a whole. */
	if (answer->length != UINT64_MAX && is_part)
		CHECK(answer->length == after->end - place);
	if (answer->length != UINT64_MAX && !is_part)
		CHECK(answer->length == after->complete);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct parsed first, second;
	struct edge_resume before;
	struct arena arena;
	uint64_t given = 0, place = UINT64_MAX;
	if (size < sizeof(given))
		return 0;
	memcpy(&given, data, sizeof(given));
	struct str bytes = str_make((const char *)data + sizeof(given), size - sizeof(given));
	if (!parse(&first, &bytes) ||
	        !edge_resume_read(&first.head, first.framing, first.length, &before))
		return 0;
	CHECK((before.etag.len > 0) != (before.modified.len > 0));
	CHECK(before.first <= before.end && before.end <= before.complete);
	uint64_t most = before.end - before.first;
	given = most == UINT64_MAX ? given >> 1 : most == 0 ? 0 : given % most;
	uint64_t at = before.first + given;
	uint64_t from = at - (given < EDGE_RESUME_OVERLAP ? given : EDGE_RESUME_OVERLAP);
	arena_init(&arena, NULL, 0);
	CHECK(str_has_prefix(edge_resume_lines(&before, from, &arena), STR("Range: bytes=")));
	arena_reset(&arena);
	if (!parse(&second, &bytes))
		return 0;
	struct edge_resume after = before;
	const struct edge_resume_answer answer = {
	        .head = &second.head,
	        .tells_end = second.framing != HTTP_FRAMING_CLOSE,
	        .length = second.length,
	        .from = from,
	        .at = at,
	        .skip_max = UINT64_C(8) << 20,
	};
	if (edge_resume_accept(&after, &answer, &place) == FAULT_NONE)
		check_accepted(&before, &after, &answer, place);
	else
		CHECK(place == UINT64_MAX && after.end == before.end &&
		        after.complete == before.complete);
	return 0;
}
