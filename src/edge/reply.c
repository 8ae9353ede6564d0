/*
 * The common case comes first and is short: the stored fields, whose lines HTTP/1 copies as they
 * are, and a few of ours. Where some of the stored ones must not travel (304, several ranges, rules
 * of the domain), they are gone through one by one.
 */
#include "edge/reply.h"

#include "edge/headers.h"
#include "edge/loaded.h"
#include "http/condition.h"
#include "http/multipart.h"
#include "http/status.h"

enum {
	/* What the values of our own fields need besides those that are given. */
	OURS_BYTES = 512,
	BOUNDARY_BYTES = 32,
};

static void add(struct edge_reply *reply, enum http_name id, struct str value)
{
	struct serve_response *response = &reply->response;
	CHECK(response->field_count < EDGE_REPLY_FIELDS);
	reply->fields[response->field_count++] = (struct serve_field){.id = id, .value = value};
}

/* What was written from `start` on. */
static struct str written_from(const struct http_writer *writer, const char *start)
{
	return str_make(start, (size_t)(writer->at - start));
}

/* The lines for this client alone, behind `first`, and those of the domain's rules, which leave the
 * names of `spared` alone. */
static struct str make_lines(
        const struct edge_reply_options *options, struct str first, uint64_t spared)
{
	size_t room = first.len + options->own.len + edge_headers_bytes(options->rules);
	if (room == 0)
		return STR_EMPTY;
	struct http_writer writer;
	http_writer_init(&writer, arena_alloc(options->arena, room), room);
	http_write(&writer, first);
	http_write(&writer, edge_headers_filter(options->rules, options->own, options->arena));
	edge_headers_write(options->rules, spared, &writer);
	CHECK(!writer.full);
	return http_writer_str(&writer);
}

/* The fields that tell where the response came from; with Content-Range where there is one. */
static void add_ours(struct edge_reply *reply, const struct edge_reply_options *options,
        const struct http_content_range *content)
{
	size_t room = OURS_BYTES + options->name.len + options->status.detail.len;
	struct http_writer writer;
	http_writer_init(&writer, arena_alloc(options->arena, room), room);
	const char *start = writer.at;
	reply->response.fields = reply->fields;
	if (options->has_age) {
		http_write_u64(&writer, cache_terms_age_s(options->terms, options->now_ms));
		add(reply, HTTP_NAME_AGE, written_from(&writer, start));
	}
	if (content != NULL) {
		start = writer.at;
		http_range_write_content(&writer, content);
		add(reply, HTTP_NAME_CONTENT_RANGE, written_from(&writer, start));
	}
	add(reply, HTTP_NAME_VIA, options->via);
	add(reply, HTTP_NAME_X_CACHE, options->cache);
	start = writer.at;
	http_cache_status_write_value(&writer, options->name, &options->status);
	add(reply, HTTP_NAME_CACHE_STATUS, written_from(&writer, start));
	CHECK(!writer.full);
	if (options->origin.len > 0)
		add(reply, HTTP_NAME_X_HEADWATER_ORIGIN, options->origin);
	if (options->timing.len > 0)
		add(reply, HTTP_NAME_SERVER_TIMING, options->timing);
}

/* Leaves out what the domain's rules take away of the stored lines, if they take any. */
static void leave_out(struct edge_reply *reply, const struct edge_reply_options *options)
{
	uint64_t dropped = 0;
	memset(reply->drop, 0, sizeof(reply->drop));
	edge_headers_mark(options->rules, options->head, 0, reply->drop);
	for (unsigned i = 0; i < HTTP_MARK_WORDS; i++)
		dropped |= reply->drop[i];
	if (dropped == 0)
		return;
	reply->response.drop = reply->drop;
	reply->response.lines = STR_EMPTY;
}

static void make_whole(struct edge_reply *reply, const struct edge_reply_options *options,
        const struct http_content_range *content)
{
	const struct http_head *head = options->head;
	bool is_bodiless =
	        options->request->method == HTTP_HEAD || http_status_is_bodiless(head->status);
	reply->response = (struct serve_response){
	        .status = head->status,
	        .reason = http_head_reason(head),
	        .head = head,
	        .lines = edge_loaded_lines(head),
	        .added = make_lines(options, STR_EMPTY, 0),
	        .is_bodiless = is_bodiless,
	        .length = head->status == 204 ? UINT64_MAX : options->length,
	};
	add_ours(reply, options, content);
	if (options->rules != NULL)
		leave_out(reply, options);
	reply->whole = (struct edge_reply_part){.end = is_bodiless ? 0 : options->length};
	reply->parts = &reply->whole;
	reply->part_count = 1;
}

/* RFC 9110 15.4.5: what would have been sent with a 200, of what a cache needs. */
static void make_not_modified(struct edge_reply *reply, const struct edge_reply_options *options)
{
	static const uint64_t kept =
	        UINT64_C(1) << HTTP_NAME_CACHE_CONTROL | UINT64_C(1) << HTTP_NAME_CONTENT_LOCATION |
	        UINT64_C(1) << HTTP_NAME_DATE | UINT64_C(1) << HTTP_NAME_ETAG |
	        UINT64_C(1) << HTTP_NAME_EXPIRES | UINT64_C(1) << HTTP_NAME_VARY |
	        UINT64_C(1) << HTTP_NAME_CDN_CACHE_CONTROL | UINT64_C(1) << HTTP_NAME_CACHE_STATUS |
	        UINT64_C(1) << HTTP_NAME_VIA;
	const struct http_head *head = options->head;
	memset(reply->drop, 0, sizeof(reply->drop));
	for (unsigned i = 0; i < head->count; i++) {
		unsigned id = head->fields[i].id;
		bool is_kept = id < HTTP_NAME_OTHER && (kept >> id & 1);
		/* Of a response without ETag, the date tells which one it is. */
		is_kept |= id == HTTP_NAME_LAST_MODIFIED && options->etag.len == 0;
		if (!is_kept)
			reply->drop[i / 64] |= UINT64_C(1) << (i % 64);
	}
	edge_headers_mark(options->rules, head, EDGE_HEADERS_CONTENT, reply->drop);
	reply->response = (struct serve_response){
	        .status = 304,
	        .head = head,
	        .drop = reply->drop,
	        .added = make_lines(options, STR_EMPTY, EDGE_HEADERS_CONTENT),
	        .is_bodiless = true,
	        .length = UINT64_MAX,
	};
	add_ours(reply, options, NULL);
	reply->parts = NULL;
	reply->part_count = 0;
}

static void make_one_range(struct edge_reply *reply, const struct edge_reply_options *options,
        const struct http_range *range)
{
	struct http_content_range content = {.range = *range, .length = options->length};
	make_whole(reply, options, &content);
	reply->response.status = 206;
	reply->response.reason = STR_EMPTY;
	reply->response.length = http_range_bytes(range);
	reply->whole = (struct edge_reply_part){.at = range->first, .end = range->last + 1};
}

static void make_several_ranges(struct edge_reply *reply, const struct edge_reply_options *options,
        const struct http_ranges *ranges)
{
	const struct http_head *head = options->head;
	struct arena *arena = options->arena;
	struct http_multipart multipart = {
	        .boundary = arena_printf(arena, "%016llx", (unsigned long long)options->boundary),
	        .content_type = edge_headers_value(options->rules, HTTP_NAME_CONTENT_TYPE,
	                http_head_get(head, HTTP_NAME_CONTENT_TYPE)),
	        .length = options->length,
	};
	reply->parts = arena_alloc(arena, (ranges->count + 1) * sizeof(reply->parts[0]));
	reply->part_count = ranges->count + 1;
	struct http_writer writer;
	for (unsigned i = 0; i < ranges->count; i++) {
		const struct http_range *range = &ranges->ranges[i];
		size_t room = http_multipart_part_bytes(&multipart, range);
		http_writer_init(&writer, arena_alloc(arena, room), room);
		http_multipart_write_part(&writer, &multipart, range);
		CHECK(!writer.full);
		reply->parts[i] = (struct edge_reply_part){.text = http_writer_str(&writer),
		        .at = range->first,
		        .end = range->last + 1};
	}
	size_t room = BOUNDARY_BYTES + 64;
	http_writer_init(&writer, arena_alloc(arena, room), room);
	http_multipart_write_end(&writer, &multipart);
	CHECK(!writer.full);
	reply->parts[ranges->count] = (struct edge_reply_part){.text = http_writer_str(&writer)};

	http_writer_init(&writer, arena_alloc(arena, room), room);
	http_multipart_write_type(&writer, &multipart);
	CHECK(!writer.full);
	memset(reply->drop, 0, sizeof(reply->drop));
	for (unsigned i = 0; i < head->count; i++)
		if (head->fields[i].id == HTTP_NAME_CONTENT_TYPE)
			reply->drop[i / 64] |= UINT64_C(1) << (i % 64);
	edge_headers_mark(options->rules, head, EDGE_HEADERS_TYPE, reply->drop);
	reply->response = (struct serve_response){
	        .status = 206,
	        .head = head,
	        .drop = reply->drop,
	        .added = make_lines(options, http_writer_str(&writer), EDGE_HEADERS_TYPE),
	        .length = http_multipart_bytes(&multipart, ranges),
	};
	add_ours(reply, options, NULL);
}

/* An error of ours that follows from the response: Cache-Status tells of it all the same (RFC 9211
 * section 2). `lines` come first. */
static enum edge_reply_verdict refuse(struct edge_reply *reply,
        const struct edge_reply_options *options, enum edge_reply_verdict why, struct str lines)
{
	size_t room = OURS_BYTES + lines.len + options->name.len + options->status.detail.len;
	struct http_writer writer;
	http_writer_init(&writer, arena_alloc(options->arena, room), room);
	http_write(&writer, lines);
	http_cache_status_write(&writer, options->name, &options->status);
	CHECK(!writer.full);
	reply->lines = http_writer_str(&writer);
	return why;
}

/* The Range field counts: what there is of it. */
static enum edge_reply_verdict make_ranges(
        struct edge_reply *reply, const struct edge_reply_options *options)
{
	struct http_range_set set;
	struct http_ranges ranges;
	if (options->length == UINT64_MAX || !http_range_of_request(options->request, &set) ||
	        (options->is_one_way && set.count > 1)) {
		make_whole(reply, options, NULL);
		return EDGE_REPLY_SEND;
	}
	switch (http_range_resolve(&set, options->length, &ranges)) {
	case HTTP_RANGE_WHOLE:
		make_whole(reply, options, NULL);
		break;
	case HTTP_RANGE_PARTS:
		if (ranges.count == 1)
			make_one_range(reply, options, &ranges.ranges[0]);
		else
			make_several_ranges(reply, options, &ranges);
		break;
	case HTTP_RANGE_NONE:
		return refuse(reply, options, EDGE_REPLY_RANGE,
		        arena_printf(options->arena, "Content-Range: bytes */%llu\r\n",
		                (unsigned long long)options->length));
	}
	return EDGE_REPLY_SEND;
}

static int64_t dated_s(const struct edge_reply_options *options)
{
	int64_t date_s = cache_terms_read_date_s(options->head, HTTP_NAME_DATE, options->now_ms);
	return date_s != INT64_MIN ? date_s : (int64_t)(options->terms->received_ms / 1000);
}

/* RFC 9110 13.2: against the response that would be sent. */
static enum edge_reply_verdict make_conditional(
        struct edge_reply *reply, const struct edge_reply_options *options)
{
	const struct cache_terms *terms = options->terms;
	struct http_representation representation = {
	        .status = options->head->status,
	        .exists = true,
	        .is_date_strong = (terms->flags & CACHE_DATE_STRONG) != 0,
	        .etag = options->etag,
	        .last_modified_s = terms->last_modified_s,
	        .dated_s = dated_s(options),
	};
	bool range_counts;
	switch (http_condition_evaluate(options->request, &representation,
	        (int64_t)(options->now_ms / 1000), &range_counts)) {
	case HTTP_CONDITION_NOT_MODIFIED:
		make_not_modified(reply, options);
		return EDGE_REPLY_SEND;
	case HTTP_CONDITION_FAILED:
		return refuse(reply, options, EDGE_REPLY_PRECONDITION, STR_EMPTY);
	case HTTP_CONDITION_PROCEED:
		break;
	}
	if (range_counts)
		return make_ranges(reply, options);
	make_whole(reply, options, NULL);
	return EDGE_REPLY_SEND;
}

enum edge_reply_verdict edge_reply_make(
        const struct edge_reply_options *options, struct edge_reply *ret_reply)
{
	static const uint64_t asks =
	        UINT64_C(1) << HTTP_NAME_IF_MATCH | UINT64_C(1) << HTTP_NAME_IF_NONE_MATCH |
	        UINT64_C(1) << HTTP_NAME_IF_MODIFIED_SINCE |
	        UINT64_C(1) << HTTP_NAME_IF_UNMODIFIED_SINCE | UINT64_C(1) << HTTP_NAME_RANGE;
	if ((options->request->present & asks) != 0)
		return make_conditional(ret_reply, options);
	make_whole(ret_reply, options, NULL);
	return EDGE_REPLY_SEND;
}
