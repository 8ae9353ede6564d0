/*
 * X-Cache and the X-Headwater fields are ours alone: an origin that is itself behind such an edge
 * must not speak for this one.
 */
#include "edge/answer.h"

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

void edge_answer_mark_interim(const struct http_head *head, uint64_t ret_drop[HTTP_MARK_WORDS])
{
	mark(head, ret_drop);
}

static void add(struct edge_answer *answer, enum http_name id, struct str value)
{
	CHECK(answer->response.field_count < EDGE_ANSWER_FIELDS);
	answer->fields[answer->response.field_count++] =
	        (struct serve_field){.name = http_name_text(id), .value = value};
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
	        .is_bodiless = is_bodiless,
	        /* 204 must not have a Content-Length (RFC 9110 8.6). */
	        .length = head->status == 204 ? UINT64_MAX : options->length,
	};
	if (options->is_not_modified)
		make_not_modified(head, ret_answer);
	if (!http_head_has(head, HTTP_NAME_DATE))
		add(ret_answer, HTTP_NAME_DATE, options->date);
	add(ret_answer, HTTP_NAME_VIA, options->via);
	add(ret_answer, HTTP_NAME_X_CACHE, options->cache);
	if (options->origin.len > 0)
		add(ret_answer, HTTP_NAME_X_HEADWATER_ORIGIN, options->origin);
	if (options->timing.len > 0)
		add(ret_answer, HTTP_NAME_SERVER_TIMING, options->timing);
}
