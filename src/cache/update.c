/*
 * A merged head is written afresh and parsed again: that is once for each validation, and what
 * comes out is a head like any other.
 */
#include "cache/update.h"

#include "http/body.h"
#include "http/condition.h"
#include "http/date.h"
#include "http/hop.h"
#include "http/mark.h"

/* The entity tag of a head; false where there is none or it cannot be read. */
static bool read_etag(const struct http_head *head, struct http_etag *ret_etag)
{
	return http_etag_parse(http_head_get(head, HTTP_NAME_ETAG), ret_etag);
}

/* A date of a head; what "now" is matters for years with two digits only. */
static bool read_date(const struct http_head *head, enum http_name id, int64_t *ret_s)
{
	return http_date_parse(http_head_get(head, id), 0, ret_s);
}

bool cache_update_is_match(const struct http_head *stored, const struct http_head *not_modified)
{
	struct http_etag ours, theirs;
	int64_t our_date_s, their_date_s;
	if (read_etag(not_modified, &theirs)) {
		if (!read_etag(stored, &ours))
			return false;
		return theirs.is_weak ? http_etag_is_weak_match(&ours, &theirs)
		                      : http_etag_is_strong_match(&ours, &theirs);
	}
	if (read_date(not_modified, HTTP_NAME_LAST_MODIFIED, &their_date_s))
		return read_date(stored, HTTP_NAME_LAST_MODIFIED, &our_date_s) &&
		       our_date_s == their_date_s;
	return true;
}

/* Which fields of an update do not replace anything. */
static void mark_kept_out(const struct http_head *update, uint64_t ret_out[HTTP_MARK_WORDS])
{
	struct http_mark mark;
	http_hop_mark(update, ret_out);
	http_mark_init(&mark, update, ret_out);
	http_mark_known(&mark, HTTP_NAME_CONTENT_ENCODING);
	http_mark_known(&mark, HTTP_NAME_CONTENT_RANGE);
	http_mark_known(&mark, HTTP_NAME_SET_COOKIE);
	http_mark_done(&mark);
}

/* Which remembered fields go: those that the update has, and what tells of an earlier answer's
 * time.
 */
static void mark_replaced(const struct http_head *stored, const struct http_head *update,
        const uint64_t kept_out[HTTP_MARK_WORDS], uint64_t ret_gone[HTTP_MARK_WORDS])
{
	struct http_mark mark;
	memset(ret_gone, 0, HTTP_MARK_WORDS * sizeof(ret_gone[0]));
	http_mark_init(&mark, stored, ret_gone);
	http_mark_known(&mark, HTTP_NAME_AGE);
	http_mark_known(&mark, HTTP_NAME_DATE);
	for (unsigned i = 0; i < update->count; i++) {
		if (!http_mark_has(kept_out, i))
			http_mark_name(&mark, http_head_name(update, &update->fields[i]));
	}
	http_mark_done(&mark);
}

static void write_fields(struct http_writer *writer, const struct http_head *head,
        const uint64_t left_out[HTTP_MARK_WORDS])
{
	for (unsigned i = 0; i < head->count; i++) {
		const struct http_field *field = &head->fields[i];
		if (!http_mark_has(left_out, i))
			http_write_field(
			        writer, http_head_name(head, field), http_head_value(head, field));
	}
}

bool cache_update_merge(const struct http_head *stored, const struct http_head *update,
        struct arena *arena, struct http_head *ret_head)
{
	static const struct http_head_limits limits = {
	        .head_bytes = LIMIT_RESPONSE_HEAD_BYTES, .fields = LIMIT_HEAD_FIELDS};
	uint64_t kept_out[HTTP_MARK_WORDS], gone[HTTP_MARK_WORDS];
	mark_kept_out(update, kept_out);
	mark_replaced(stored, update, kept_out, gone);

	struct http_writer writer;
	char *room = arena_alloc(arena, LIMIT_RESPONSE_HEAD_BYTES);
	http_writer_init(&writer, room, LIMIT_RESPONSE_HEAD_BYTES);
	http_write_status_line(&writer, stored->status, http_head_reason(stored));
	write_fields(&writer, stored, gone);
	write_fields(&writer, update, kept_out);
	http_write_end_of_head(&writer);
	if (writer.full)
		return false;

	struct http_head head = {.capacity = LIMIT_HEAD_FIELDS};
	head.fields = arena_alloc(arena, head.capacity * sizeof(head.fields[0]));
	size_t scanned = 0;
	enum fault fault;
	if (http_head_parse_response(http_writer_str(&writer), &scanned, &limits, &head, &fault) !=
	        HTTP_PARSE_DONE)
		return false;
	*ret_head = head;
	return true;
}

/* Whether a field that the answer has is the remembered one's. */
static bool is_same_field(
        const struct http_head *stored, const struct http_head *answer, enum http_name id)
{
	return str_is_equal(http_head_get(stored, id), http_head_get(answer, id));
}

enum cache_update_effect cache_update_by_head(
        const struct http_head *stored, uint64_t length, const struct http_head *answer)
{
	enum http_framing framing;
	uint64_t their_length;
	if (answer->status != 200 || stored->status != 200 ||
	        http_body_response(answer, HTTP_HEAD, &framing, &their_length) != FAULT_NONE)
		return CACHE_UPDATE_NOTHING;
	bool has_etag = http_head_has(answer, HTTP_NAME_ETAG);
	bool has_date = http_head_has(answer, HTTP_NAME_LAST_MODIFIED);
	if ((has_etag && !is_same_field(stored, answer, HTTP_NAME_ETAG)) ||
	        (has_date && !is_same_field(stored, answer, HTTP_NAME_LAST_MODIFIED)) ||
	        (their_length != UINT64_MAX && their_length != length))
		return CACHE_UPDATE_STALE;
	/* That it is as long as before is no sign that it is the same. */
	return has_etag || has_date ? CACHE_UPDATE_HEAD : CACHE_UPDATE_NOTHING;
}

bool cache_update_has_validator(const struct http_head *response)
{
	struct http_etag etag;
	int64_t date_s;
	return read_etag(response, &etag) || read_date(response, HTTP_NAME_LAST_MODIFIED, &date_s);
}

bool cache_update_write_conditions(const struct http_head *stored, struct http_writer *writer)
{
	struct http_etag etag;
	int64_t date_s;
	if (read_etag(stored, &etag))
		http_write_known_field(
		        writer, HTTP_NAME_IF_NONE_MATCH, http_head_get(stored, HTTP_NAME_ETAG));
	if (read_date(stored, HTTP_NAME_LAST_MODIFIED, &date_s))
		http_write_known_field(writer, HTTP_NAME_IF_MODIFIED_SINCE,
		        http_head_get(stored, HTTP_NAME_LAST_MODIFIED));
	return cache_update_has_validator(stored);
}

struct str cache_update_strong_validator(const struct http_head *stored)
{
	struct http_etag etag;
	int64_t modified_s, date_s;
	if (read_etag(stored, &etag))
		return etag.is_weak ? STR_EMPTY : etag.opaque;
	if (!read_date(stored, HTTP_NAME_LAST_MODIFIED, &modified_s) ||
	        !read_date(stored, HTTP_NAME_DATE, &date_s) ||
	        !http_condition_is_date_strong(modified_s, date_s))
		return STR_EMPTY;
	return http_head_get(stored, HTTP_NAME_LAST_MODIFIED);
}

struct str cache_update_piece_validator(const struct http_head *stored, bool trusts_dates)
{
	struct str validator = cache_update_strong_validator(stored);
	return trusts_dates || http_head_has(stored, HTTP_NAME_ETAG) ? validator : STR_EMPTY;
}
