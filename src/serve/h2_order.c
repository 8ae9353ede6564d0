/*
 * Who may write next, when there is less room in `out` than all responses together would fill:
 * RFC 9218 with its two parameters. The most urgent go first; of one urgency, those that are no use
 * in part one after the other, as they were asked for, and those that are by turns, a frame each.
 */
#include "http/structured.h"
#include "serve/h2_private.h"

/* How many are let to write at a time, if there is room for a frame of each. */
enum { GRANTS = 3 };

void serve_h2_order_read(struct str priority, uint8_t *urgency, bool *is_incremental)
{
	uint8_t read_urgency = *urgency;
	bool read_incremental = *is_incremental;
	struct str key;
	struct http_structured_value value;
	enum http_structured_event event;
	while ((event = http_structured_next_member(&priority, &key, &value)) ==
	        HTTP_STRUCTURED_MEMBER) {
		if (str_is_equal(key, STR("u")) && value.type == HTTP_STRUCTURED_INTEGER &&
		        value.number >= 0 && value.number < SERVE_H2_URGENCIES)
			read_urgency = (uint8_t)value.number;
		else if (str_is_equal(key, STR("i")) && value.type == HTTP_STRUCTURED_BOOLEAN)
			read_incremental = value.boolean;
	}
	if (event != HTTP_STRUCTURED_END)
		return;
	*urgency = read_urgency;
	*is_incremental = read_incremental;
}

/* Whether what is left of `first` goes before anything of `second`. */
static bool is_before(const struct serve_h2_stream *first, const struct serve_h2_stream *second)
{
	if (first->urgency != second->urgency)
		return first->urgency < second->urgency;
	return !first->is_incremental && (second->is_incremental || first->id < second->id);
}

bool serve_h2_order_may_write(const struct serve_h2_stream *stream)
{
	const struct serve_h2_session *session = stream->session;
	if (list_has(&stream->waiting))
		return false;
	if (session->has_written && session->writer != stream && is_before(session->writer, stream))
		return false;
	for (unsigned i = 0; !stream->is_granted && i <= stream->urgency; i++)
		if (!list_is_empty(&stream->session->waiting[i]))
			return false;
	return true;
}

size_t serve_h2_order_share(const struct serve_h2_stream *stream)
{
	bool is_alone = stream->session->stream_count == 1;
	return stream->is_incremental && !is_alone ? SERVE_H2_FRAME_BYTES : SIZE_MAX;
}

void serve_h2_order_wait(struct serve_h2_stream *stream)
{
	struct list *waiting = &stream->session->waiting[stream->urgency];
	stream->is_granted = false;
	if (list_has(&stream->waiting))
		return;
	if (stream->is_incremental) {
		list_add_last(waiting, &stream->waiting);
		return;
	}
	/* Before the first that was asked for later, or takes turns. */
	struct list_node *behind = list_first(waiting);
	while (behind != NULL) {
		const struct serve_h2_stream *other =
		        container_of(behind, struct serve_h2_stream, waiting);
		if (other->is_incremental || other->id > stream->id)
			break;
		behind = list_next(waiting, behind);
	}
	if (behind == NULL) {
		list_add_last(waiting, &stream->waiting);
		return;
	}
	stream->waiting.next = behind;
	stream->waiting.prev = behind->prev;
	behind->prev->next = &stream->waiting;
	behind->prev = &stream->waiting;
}

void serve_h2_order_change(struct serve_h2_stream *stream, uint8_t urgency, bool is_incremental)
{
	bool waits = list_has(&stream->waiting);
	list_remove(&stream->waiting);
	stream->urgency = urgency;
	stream->is_incremental = is_incremental;
	if (waits)
		serve_h2_order_wait(stream);
}

void serve_h2_order_wrote(struct serve_h2_stream *stream)
{
	struct serve_h2_session *session = stream->session;
	if (session->writer == NULL || !session->has_written || !is_before(session->writer, stream))
		session->writer = stream;
	session->has_written = true;
}

void serve_h2_order_leave(struct serve_h2_stream *stream)
{
	if (stream->session->writer != stream)
		return;
	stream->session->writer = NULL;
	stream->session->has_written = false;
}

/* Whether somebody has just written who goes before the next that waits. */
static bool has_precedence(struct serve_h2_session *session, const struct serve_h2_stream *next)
{
	bool has_written = session->has_written;
	session->has_written = false;
	return has_written && is_before(session->writer, next);
}

enum serve_h2_grant serve_h2_order_grant(struct serve_h2_session *session)
{
	unsigned left = GRANTS;
	for (unsigned i = 0; i < SERVE_H2_URGENCIES; i++) {
		struct list_node *node;
		while ((node = list_first(&session->waiting[i])) != NULL) {
			struct serve_h2_stream *stream =
			        container_of(node, struct serve_h2_stream, waiting);
			if (left == 0 || serve_h2_room(session) == 0)
				return SERVE_H2_GRANT_SOME;
			if (has_precedence(session, stream))
				return SERVE_H2_GRANT_LATER;
			list_remove(node);
			stream->is_granted = true;
			left = stream->is_incremental ? left - 1 : 0;
			serve_h2_response_resume(stream);
		}
	}
	return SERVE_H2_GRANT_NOBODY;
}
