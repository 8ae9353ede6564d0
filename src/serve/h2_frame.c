/*
 * What each type of frame may look like.
 */
#include "serve/h2_frame.h"

#include "base/check.h"

enum { PRIORITY_BYTES = 5 };

/* Where a frame belongs. */
enum place { OF_ANY, OF_STREAM, OF_CONNECTION };

struct shape {
	uint32_t least, most; /* of the payload */
	enum place place;
};

static const struct shape SHAPES[] = {
        [SERVE_H2_DATA] = {0, SERVE_H2_FRAME_BYTES, OF_STREAM},
        [SERVE_H2_HEADERS] = {0, SERVE_H2_FRAME_BYTES, OF_STREAM},
        [SERVE_H2_PRIORITY] = {PRIORITY_BYTES, PRIORITY_BYTES, OF_STREAM},
        [SERVE_H2_RST_STREAM] = {4, 4, OF_STREAM},
        [SERVE_H2_SETTINGS] = {0, SERVE_H2_FRAME_BYTES, OF_CONNECTION},
        [SERVE_H2_PUSH_PROMISE] = {0, SERVE_H2_FRAME_BYTES, OF_STREAM},
        [SERVE_H2_PING] = {8, 8, OF_CONNECTION},
        [SERVE_H2_GOAWAY] = {8, SERVE_H2_FRAME_BYTES, OF_CONNECTION},
        [SERVE_H2_WINDOW_UPDATE] = {4, 4, OF_ANY},
        [SERVE_H2_CONTINUATION] = {0, SERVE_H2_FRAME_BYTES, OF_STREAM},
        [SERVE_H2_PRIORITY_UPDATE] = {4, SERVE_H2_FRAME_BYTES, OF_CONNECTION},
};

static bool is_known(uint8_t type)
{
	return type < ARRAY_LENGTH(SHAPES) && SHAPES[type].most > 0;
}

/* What stands around the content, but for the padding itself. */
static uint32_t extra_of(const struct serve_h2_frame *frame)
{
	bool has_priority =
	        frame->type == SERVE_H2_HEADERS && (frame->flags & SERVE_H2_WITH_PRIORITY) != 0;
	bool has_padding = (frame->type == SERVE_H2_HEADERS || frame->type == SERVE_H2_DATA) &&
	                   (frame->flags & SERVE_H2_PADDED) != 0;
	return (has_priority ? PRIORITY_BYTES : 0) + has_padding;
}

enum serve_h2_error serve_h2_frame_check(const struct serve_h2_frame *frame)
{
	if (frame->length > SERVE_H2_FRAME_BYTES)
		return SERVE_H2_FRAME_SIZE_ERROR;
	if (!is_known(frame->type))
		return SERVE_H2_NO_ERROR;
	const struct shape *shape = &SHAPES[frame->type];
	/* Push is the server's. */
	if (frame->type == SERVE_H2_PUSH_PROMISE ||
	        (shape->place != OF_ANY && (frame->id != 0) != (shape->place == OF_STREAM)))
		return SERVE_H2_PROTOCOL_ERROR;
	bool is_sized =
	        frame->length >= shape->least + extra_of(frame) && frame->length <= shape->most;
	if (frame->type == SERVE_H2_SETTINGS)
		is_sized = (frame->flags & SERVE_H2_ACK) != 0 ? frame->length == 0
		                                              : frame->length % 6 == 0;
	return is_sized ? SERVE_H2_NO_ERROR : SERVE_H2_FRAME_SIZE_ERROR;
}

bool serve_h2_frame_strip(const struct serve_h2_frame *frame, struct str *payload)
{
	size_t begin = extra_of(frame), padding = 0;
	if ((frame->flags & SERVE_H2_PADDED) != 0)
		padding = (unsigned char)payload->at[0];
	if (begin + padding > payload->len)
		return false;
	*payload = str_make(payload->at + begin, payload->len - begin - padding);
	return true;
}
