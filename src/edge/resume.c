/*
 * A version is told by a strong ETag, or, where there is none at all, by a Last-Modified that is
 * older than its response. A weak ETag says that the bytes may differ, and then nothing tells.
 *
 * Who says more than was known before binds those who come later: after a 206 that named the
 * complete length, a second one must name the same.
 */
#include "edge/resume.h"

#include "cache/update.h"
#include "http/etag.h"
#include "http/range.h"

enum { WHOLE = 200, PART = 206 };

static bool is_known(uint64_t length)
{
	return length != UINT64_MAX;
}

/* Reads the one Content-Range of a 206. */
static bool read_range(const struct http_head *head, struct http_content_range *ret_content)
{
	return http_head_count(head, HTTP_NAME_CONTENT_RANGE) == 1 &&
	       http_range_parse_content(
	               http_head_get(head, HTTP_NAME_CONTENT_RANGE), ret_content) &&
	       !ret_content->is_unsatisfied;
}

/* Notes where the body lies. */
static bool read_place(const struct http_head *head, enum http_framing framing, uint64_t length,
        struct edge_resume *resume)
{
	struct http_content_range content;
	if (head->status == WHOLE) {
		resume->end = resume->complete =
		        framing == HTTP_FRAMING_LENGTH ? length : UINT64_MAX;
		return true;
	}
	if (head->status != PART || !read_range(head, &content))
		return false;
	resume->first = content.range.first;
	resume->end = content.range.last + 1;
	resume->complete = content.length;
	/* Else one of the two lies. */
	return framing != HTTP_FRAMING_LENGTH || length == http_range_bytes(&content.range);
}

bool edge_resume_read(const struct http_head *head, enum http_framing framing, uint64_t length,
        struct edge_resume *ret_resume)
{
	*ret_resume = (struct edge_resume){.etag = STR_EMPTY, .modified = STR_EMPTY};
	if (framing == HTTP_FRAMING_NONE || http_head_count(head, HTTP_NAME_ETAG) > 1 ||
	        http_head_count(head, HTTP_NAME_CONTENT_ENCODING) > 1)
		return false;
	struct str validator = cache_update_strong_validator(head);
	if (validator.len == 0)
		return false;
	bool is_tag = validator.at[0] == '"';
	if (!is_tag && http_head_has(head, HTTP_NAME_ETAG))
		return false; /* one that is none */
	*(is_tag ? &ret_resume->etag : &ret_resume->modified) = validator;
	ret_resume->coding = http_head_get(head, HTTP_NAME_CONTENT_ENCODING);
	ret_resume->tells_end = framing != HTTP_FRAMING_CLOSE;
	return read_place(head, framing, length, ret_resume);
}

struct str edge_resume_lines(const struct edge_resume *resume, uint64_t from, struct arena *arena)
{
	struct str validator = resume->etag.len > 0 ? resume->etag : resume->modified;
	/* Of a part, no more than that. */
	bool is_to_end = !is_known(resume->end) || resume->end == resume->complete;
	struct str last =
	        is_to_end ? STR_EMPTY
	                  : arena_printf(arena, "%llu", (unsigned long long)(resume->end - 1));
	return arena_printf(arena, "Range: bytes=%llu-%.*s\r\nIf-Range: %.*s\r\n",
	        (unsigned long long)from, STR_ARG(last), STR_ARG(validator));
}

static bool is_same_version(const struct edge_resume *resume, const struct http_head *head)
{
	struct http_etag etag;
	/* What had none before and has an ETag now is another version, whatever its date. */
	if (resume->etag.len == 0)
		return !http_head_has(head, HTTP_NAME_ETAG) &&
		       str_is_equal(http_head_get(head, HTTP_NAME_LAST_MODIFIED), resume->modified);
	return http_head_count(head, HTTP_NAME_ETAG) == 1 &&
	       http_etag_parse(http_head_get(head, HTTP_NAME_ETAG), &etag) && !etag.is_weak &&
	       str_is_equal(etag.opaque, resume->etag);
}

static bool is_same_coding(const struct edge_resume *resume, const struct http_head *head)
{
	return http_head_count(head, HTTP_NAME_CONTENT_ENCODING) <= 1 &&
	       str_is_equal_nocase(http_head_get(head, HTTP_NAME_CONTENT_ENCODING), resume->coding);
}

/* A 206: all that is missing, and no other part of no other length. */
static enum fault accept_part(struct edge_resume *resume, const struct edge_resume_answer *answer)
{
	struct http_content_range content;
	if (!read_range(answer->head, &content) || !is_known(content.length) ||
	        content.range.first != answer->from)
		return FAULT_RESUME_RANGE;
	uint64_t end = is_known(resume->end) ? resume->end : content.length;
	bool is_right =
	        content.range.last + 1 == end && end >= answer->at &&
	        (!is_known(resume->complete) || content.length == resume->complete) &&
	        (!is_known(answer->length) || answer->length == http_range_bytes(&content.range));
	if (!is_right)
		return FAULT_RESUME_RANGE;
	resume->end = end;
	resume->complete = content.length;
	return FAULT_NONE;
}

/* A 200: what comes before the rest is dropped, if it is not too much; and only of what is not
 * coded, since a coding made twice need not be the same bytes. Where nobody knows how long it is, a
 * body whose end can be told is not given one that cannot. */
static enum fault accept_whole(struct edge_resume *resume, const struct edge_resume_answer *answer)
{
	bool is_coded = resume->coding.len > 0 && answer->at > 0;
	bool is_endless = !is_known(answer->length) && !is_known(resume->end) &&
	                  resume->tells_end && !answer->tells_end;
	if (resume->etag.len == 0 || is_coded || is_endless || answer->at > answer->skip_max)
		return FAULT_RESUME_SKIP;
	if (!is_known(answer->length))
		return FAULT_NONE;
	bool is_right = answer->length >= answer->at &&
	                (!is_known(resume->complete) || answer->length == resume->complete) &&
	                (!is_known(resume->end) || answer->length >= resume->end);
	if (!is_right)
		return FAULT_RESUME_RANGE;
	resume->complete = answer->length;
	if (!is_known(resume->end))
		resume->end = answer->length;
	return FAULT_NONE;
}

enum fault edge_resume_accept(
        struct edge_resume *resume, const struct edge_resume_answer *answer, uint64_t *ret_place)
{
	const struct http_head *head = answer->head;
	if (head->status != PART && head->status != WHOLE)
		return FAULT_RESUME_STATUS;
	if (!is_same_version(resume, head))
		return FAULT_RESUME_ETAG;
	if (!is_same_coding(resume, head))
		return FAULT_RESUME_CODING;
	enum fault fault =
	        head->status == PART ? accept_part(resume, answer) : accept_whole(resume, answer);
	if (fault == FAULT_NONE)
		*ret_place = head->status == PART ? answer->from : 0;
	return fault;
}
