/*
 * The framing is told from the two fields that frame, and from nothing else; the reader is a thin
 * layer over a count and the chunk decoder.
 */
#include "http/body.h"

#include "http/status.h"

/* A Content-Length: digits, and a value that a file could have, so that sums of it cannot wrap. */
static bool parse_length(struct str value, uint64_t *ret_length)
{
	uint64_t length;
	if (!str_to_u64(value, &length) || length > INT64_MAX)
		return false;
	*ret_length = length;
	return true;
}

/* Why codings that are not just "chunked" are refused. Below a final chunked the body would have an
 * end, and we merely do not know the others; without one nobody can tell where it ends (RFC 9112
 * 6.1, 6.3). */
static enum fault refuse_codings(struct str codings)
{
	struct str chunked = STR("chunked"), coding = str_trim(str_cut(&codings, ','));
	while (codings.at != NULL) {
		if (coding.len == 0 || str_is_equal_nocase(coding, chunked))
			return FAULT_BAD_REQUEST;
		coding = str_trim(str_cut(&codings, ','));
	}
	return str_is_equal_nocase(coding, chunked) ? FAULT_BAD_CODING : FAULT_BAD_REQUEST;
}

enum fault http_body_request(
        const struct http_head *head, enum http_framing *ret_framing, uint64_t *ret_length)
{
	enum http_framing framing = HTTP_FRAMING_NONE;
	uint64_t length = 0;
	if (http_head_has(head, HTTP_NAME_TRANSFER_ENCODING)) {
		struct str coding = http_head_get(head, HTTP_NAME_TRANSFER_ENCODING);
		if (http_head_has(head, HTTP_NAME_CONTENT_LENGTH) || head->minor == 0 ||
		        http_head_count(head, HTTP_NAME_TRANSFER_ENCODING) > 1 || coding.len == 0)
			return FAULT_BAD_REQUEST;
		if (!str_is_equal_nocase(coding, STR("chunked")))
			return refuse_codings(coding);
		framing = HTTP_FRAMING_CHUNKED;
	} else if (http_head_has(head, HTTP_NAME_CONTENT_LENGTH)) {
		struct str value = http_head_get(head, HTTP_NAME_CONTENT_LENGTH);
		if (http_head_count(head, HTTP_NAME_CONTENT_LENGTH) > 1 ||
		        !parse_length(value, &length))
			return FAULT_BAD_REQUEST;
		framing = HTTP_FRAMING_LENGTH;
	}
	*ret_framing = framing;
	*ret_length = length;
	return FAULT_NONE;
}

/* The one length that all Content-Length fields agree on; UINT64_MAX without any. False when there
 * is a malformed one or two that differ. */
static bool agree_on_length(const struct http_head *head, uint64_t *ret_length)
{
	uint64_t agreed = UINT64_MAX;
	for (unsigned i = 0; i < head->count; i++) {
		if (head->fields[i].id != HTTP_NAME_CONTENT_LENGTH)
			continue;
		struct str rest = http_head_value(head, &head->fields[i]);
		do {
			uint64_t length;
			struct str member = str_trim(str_cut(&rest, ','));
			if (!parse_length(member, &length) ||
			        (agreed != UINT64_MAX && agreed != length))
				return false;
			agreed = length;
		} while (rest.at != NULL);
	}
	*ret_length = agreed;
	return true;
}

enum fault http_body_response(const struct http_head *head, enum http_method method,
        enum http_framing *ret_framing, uint64_t *ret_length)
{
	bool has_coding = http_head_has(head, HTTP_NAME_TRANSFER_ENCODING);
	bool is_bodiless = method == HTTP_HEAD || http_status_is_bodiless(head->status);
	uint64_t length;
	if (!agree_on_length(head, &length) || (has_coding && length != UINT64_MAX))
		return FAULT_MALFORMED;
	if (has_coding) {
		struct str coding = http_head_get(head, HTTP_NAME_TRANSFER_ENCODING);
		if (head->minor == 0 || !str_is_equal_nocase(coding, STR("chunked")) ||
		        http_head_count(head, HTTP_NAME_TRANSFER_ENCODING) > 1)
			return FAULT_MALFORMED;
	}
	if (is_bodiless)
		*ret_framing = HTTP_FRAMING_NONE;
	else if (has_coding)
		*ret_framing = HTTP_FRAMING_CHUNKED;
	else if (length != UINT64_MAX)
		*ret_framing = HTTP_FRAMING_LENGTH;
	else
		*ret_framing = HTTP_FRAMING_CLOSE;
	*ret_length = length;
	return FAULT_NONE;
}

void http_body_init(struct http_body *body, enum http_framing framing, uint64_t length)
{
	*body = (struct http_body){.framing = framing};
	if (framing == HTTP_FRAMING_LENGTH)
		body->left = length;
	if (framing == HTTP_FRAMING_CHUNKED)
		http_chunk_init(&body->chunk);
	body->is_whole =
	        framing == HTTP_FRAMING_NONE || (framing == HTTP_FRAMING_LENGTH && length == 0);
}

void http_body_done(struct http_body *body)
{
	if (body->framing == HTTP_FRAMING_CHUNKED)
		http_chunk_done(&body->chunk);
}

/* Cuts what belongs to the body off the input; *input is not empty. */
static enum http_body_event take_data(
        struct http_body *body, struct str *input, struct str *ret_data)
{
	size_t count = input->len;
	if (body->framing == HTTP_FRAMING_LENGTH) {
		if (count > body->left)
			count = (size_t)body->left;
		body->left -= count;
		body->is_whole = body->left == 0;
	}
	*ret_data = str_make(input->at, count);
	*input = str_make(input->at + count, input->len - count);
	body->count += count;
	return HTTP_BODY_DATA;
}

static enum http_body_event take_chunk(
        struct http_body *body, struct str *input, struct str *ret_data)
{
	switch (http_chunk_next(&body->chunk, input, ret_data)) {
	case HTTP_CHUNK_DATA:
		body->count += ret_data->len;
		return HTTP_BODY_DATA;
	case HTTP_CHUNK_MORE:
		return HTTP_BODY_MORE;
	case HTTP_CHUNK_END:
		body->is_whole = true;
		return HTTP_BODY_END;
	case HTTP_CHUNK_BAD:
		break;
	}
	return HTTP_BODY_BAD;
}

enum http_body_event http_body_next(struct http_body *body, struct str *input, struct str *ret_data)
{
	if (body->is_whole)
		return HTTP_BODY_END;
	if (body->framing == HTTP_FRAMING_CHUNKED)
		return take_chunk(body, input, ret_data);
	if (input->len == 0)
		return HTTP_BODY_MORE;
	return take_data(body, input, ret_data);
}

enum http_body_event http_body_closed(struct http_body *body)
{
	if (body->framing == HTTP_FRAMING_CLOSE)
		body->is_whole = true;
	return body->is_whole ? HTTP_BODY_END : HTTP_BODY_BAD;
}
