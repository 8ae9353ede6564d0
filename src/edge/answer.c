/*
 * X-Cache and the X-Headwater fields are ours alone: an origin that is itself behind such an edge
 * must not speak for this one.
 */
#include "edge/answer.h"

#include "edge/headers.h"
#include "http/status.h"

static void mark(const struct http_head *head, uint64_t drop[HTTP_MARK_WORDS])
{
	static const uint64_t ours = UINT64_C(1) << HTTP_NAME_X_CACHE |
	                             UINT64_C(1) << HTTP_NAME_X_HEADWATER_ERROR |
	                             UINT64_C(1) << HTTP_NAME_X_HEADWATER_ORIGIN;
	http_hop_mark(head, drop);
	if ((head->present & ours) == 0)
		return;
	for (unsigned i = 0; i < head->count; i++)
		if (head->fields[i].id < HTTP_NAME_OTHER && (ours >> head->fields[i].id & 1))
			drop[i / 64] |= UINT64_C(1) << (i % 64);
}

void edge_answer_mark_interim(const struct http_head *head, const struct model_headers *rules,
        uint64_t ret_drop[HTTP_MARK_WORDS])
{
	mark(head, ret_drop);
	edge_headers_mark(rules, head, 0, ret_drop);
}

static void add(struct edge_answer *answer, enum http_name id, struct str value)
{
	CHECK(answer->response.field_count < EDGE_ANSWER_FIELDS);
	answer->fields[answer->response.field_count++] =
	        (struct serve_field){.id = id, .value = value};
}

/* RFC 9110 15.4.5: without content there is nothing to say of it. */
static void make_not_modified(const struct http_head *head, struct edge_answer *answer)
{
	static const uint64_t of_content = UINT64_C(1) << HTTP_NAME_CONTENT_TYPE |
	                                   UINT64_C(1) << HTTP_NAME_CONTENT_ENCODING |
	                                   UINT64_C(1) << HTTP_NAME_CONTENT_RANGE;
	for (unsigned i = 0; i < head->count; i++)
		if (head->fields[i].id < HTTP_NAME_OTHER && (of_content >> head->fields[i].id & 1))
			answer->drop[i / 64] |= UINT64_C(1) << (i % 64);
	answer->response.status = 304;
	answer->response.reason = STR_EMPTY;
	answer->response.is_bodiless = true;
	answer->response.length = UINT64_MAX;
}

/* Several ranges in one body: where each ends, only this Content-Type says. */
static bool has_ranges(const struct http_head *head)
{
	static const struct str MULTIPART = STR("multipart/byteranges");
	struct str type = http_head_get(head, HTTP_NAME_CONTENT_TYPE);
	return head->status == 206 && type.len >= MULTIPART.len &&
	       str_is_equal_nocase(str_make(type.at, MULTIPART.len), MULTIPART);
}

/* Behind everything else: the rules see the response as it would have been sent. */
static void apply_rules(const struct edge_answer_options *options, struct edge_answer *answer)
{
	const struct http_head *head = options->head;
	uint64_t spared = answer->response.status == 304 ? EDGE_HEADERS_CONTENT
	                  : has_ranges(head)             ? EDGE_HEADERS_TYPE
	                                                 : 0;
	edge_headers_mark(options->rules, head, spared, answer->drop);
	size_t room = options->status_line.len + edge_headers_bytes(options->rules);
	struct http_writer writer;
	http_writer_init(&writer, arena_alloc(options->arena, room), room);
	edge_headers_write(options->rules, spared, &writer);
	http_write(&writer, options->status_line);
	CHECK(!writer.full);
	answer->response.added = http_writer_str(&writer);
}

void edge_answer_make(const struct edge_answer_options *options, struct edge_answer *ret_answer)
{
	const struct http_head *head = options->head;
	bool is_bodiless = options->method == HTTP_HEAD || http_status_is_bodiless(head->status);
	mark(head, ret_answer->drop);
	ret_answer->response = (struct serve_response){
	        .status = head->status,
	        .reason = http_head_reason(head),
	        .head = head,
	        .drop = ret_answer->drop,
	        .fields = ret_answer->fields,
	        .added = options->status_line,
	        .upgrade = options->upgrade,
	        .is_bodiless = is_bodiless,
	        /* 204 must not have a Content-Length (RFC 9110 8.6). */
	        .length = head->status == 204 ? UINT64_MAX : options->length,
	};
	if (options->is_not_modified)
		make_not_modified(head, ret_answer);
	if (options->rules != NULL)
		apply_rules(options, ret_answer);
	if (!http_head_has(head, HTTP_NAME_DATE))
		add(ret_answer, HTTP_NAME_DATE, options->date);
	add(ret_answer, HTTP_NAME_VIA, options->via);
	add(ret_answer, HTTP_NAME_X_CACHE, options->cache);
	if (options->origin.len > 0)
		add(ret_answer, HTTP_NAME_X_HEADWATER_ORIGIN, options->origin);
	if (options->timing.len > 0)
		add(ret_answer, HTTP_NAME_SERVER_TIMING, options->timing);
}
