/*
 * Heads that go out: HEADERS frames, with CONTINUATION where one does not do (h2_pack.c has the
 * blocks). A block is packed in the moment in which it is written, so in the order in which blocks
 * are sent, as their tables want it. Until then a response that finds no room waits in its stream's
 * list, as a copy in its arena; most are written within the call, and not copied.
 */
#include "http/mark.h"
#include "serve/h2_private.h"

enum { NUMBER_BYTES = 20 /* a length in decimal */ };

static struct serve_server *server_of(const struct serve_h2_session *session)
{
	return session->connection->server;
}

/* ---- fields ---- */

/* What HTTP/2 has no use for (RFC 9113 section 8.2.2), and what the stream writes itself. */
static bool is_dropped(enum http_name id)
{
	static const uint64_t dropped =
	        UINT64_C(1) << HTTP_NAME_CONNECTION | UINT64_C(1) << HTTP_NAME_CONTENT_LENGTH |
	        UINT64_C(1) << HTTP_NAME_KEEP_ALIVE | UINT64_C(1) << HTTP_NAME_PROXY_CONNECTION |
	        UINT64_C(1) << HTTP_NAME_TRANSFER_ENCODING | UINT64_C(1) << HTTP_NAME_UPGRADE;
	return (dropped >> id & 1) != 0; /* OTHER is less than 64, too */
}

bool serve_h2_block_has_fields(const struct http_head *head)
{
	for (unsigned i = 0; i < head->count; i++)
		if (!is_dropped((enum http_name)head->fields[i].id))
			return true;
	return false;
}

static void pack_field(struct serve_h2_pack *pack, struct http_writer *block, enum http_name id,
        struct str name, struct str value)
{
	if (!is_dropped(id))
		serve_h2_pack_field(pack, block, id, name, value);
}

static void pack_head(struct serve_h2_pack *pack, struct http_writer *block,
        const struct http_head *head, const uint64_t *drop)
{
	for (unsigned i = 0; i < head->count; i++)
		if (drop == NULL || !http_mark_has(drop, i))
			pack_field(pack, block, (enum http_name)head->fields[i].id,
			        http_head_name(head, &head->fields[i]),
			        http_head_value(head, &head->fields[i]));
}

/* "Name: value\r\n" lines of ours. */
static void pack_lines(struct serve_h2_pack *pack, struct http_writer *block, struct str lines)
{
	while (lines.len > 0) {
		struct str value = str_cut(&lines, '\n');
		struct str name = str_cut(&value, ':');
		CHECK(name.len > 0 && value.len > 0);
		value.len--; /* the CR */
		pack_field(pack, block, http_name_of(name), name, str_trim(value));
	}
}

static void pack_length(struct serve_h2_pack *pack, struct http_writer *block, uint64_t length)
{
	char digits[NUMBER_BYTES];
	struct http_writer number;
	http_writer_init(&number, digits, sizeof(digits));
	http_write_u64(&number, length);
	serve_h2_pack_field(
	        pack, block, HTTP_NAME_CONTENT_LENGTH, STR_EMPTY, http_writer_str(&number));
}

static void pack_response(struct serve_h2_pack *pack, struct http_writer *block, unsigned status,
        const struct serve_response *response)
{
	serve_h2_pack_begin(pack, block);
	if (status != 0)
		serve_h2_pack_status(block, status);
	if (response->head != NULL)
		pack_head(pack, block, response->head, response->drop);
	pack_lines(pack, block, response->added);
	for (unsigned i = 0; i < response->field_count; i++)
		pack_field(
		        pack, block, response->fields[i].id, STR_EMPTY, response->fields[i].value);
	if (response->length != UINT64_MAX)
		pack_length(pack, block, response->length);
}

static size_t count_lines(struct str lines)
{
	size_t count = 0;
	for (size_t i = 0; i < lines.len; i++)
		count += lines.at[i] == '\n';
	return count;
}

/* How many frames have so many bytes. */
static size_t frames_of(size_t bytes)
{
	return bytes == 0 ? 1 : (bytes + SERVE_H2_FRAME_BYTES - 1) / SERVE_H2_FRAME_BYTES;
}

/* At most how many bytes the frames of a head take. */
static size_t room_of(const struct serve_response *response)
{
	const struct http_head *head = response->head;
	size_t count = 1 + response->field_count + count_lines(response->added);
	size_t bytes = SERVE_H2_PACK_BEGIN_ROOM + SERVE_H2_PACK_STATUS_ROOM + NUMBER_BYTES +
	               response->added.len;
	for (unsigned i = 0; i < response->field_count; i++)
		bytes += response->fields[i].value.len;
	for (unsigned i = 0; head != NULL && i < head->count; i++)
		bytes += head->fields[i].name_len + (size_t)head->fields[i].value_len;
	if (head != NULL)
		count += head->count;
	bytes += count * SERVE_H2_PACK_FIELD_ROOM;
	return bytes + frames_of(bytes) * SERVE_H2_FRAME_HEAD_BYTES;
}

/* ---- waiting ---- */

static const struct http_head *copy_head(struct arena *arena, const struct http_head *head)
{
	struct http_head *copy = arena_alloc(arena, sizeof(*copy));
	*copy = *head;
	copy->base = arena_copy(arena, str_make(head->base, head->len)).at;
	copy->fields = arena_alloc(arena, head->count * sizeof(head->fields[0]));
	if (head->count > 0)
		memcpy(copy->fields, head->fields, head->count * sizeof(head->fields[0]));
	return copy;
}

static const uint64_t *copy_marks(struct arena *arena, const uint64_t *marks)
{
	uint64_t *copy = arena_alloc(arena, HTTP_MARK_WORDS * sizeof(*copy));
	memcpy(copy, marks, HTTP_MARK_WORDS * sizeof(*copy));
	return copy;
}

static const struct serve_field *copy_fields(
        struct arena *arena, const struct serve_field *fields, unsigned count)
{
	struct serve_field *copy = arena_alloc(arena, count * sizeof(*copy));
	for (unsigned i = 0; i < count; i++)
		copy[i] = (struct serve_field){
		        .id = fields[i].id, .value = arena_copy(arena, fields[i].value)};
	return copy;
}

static const struct serve_response *copy_response(
        struct arena *arena, const struct serve_response *response)
{
	struct serve_response *copy = arena_alloc(arena, sizeof(*copy));
	*copy = *response;
	copy->reason = copy->lines = STR_EMPTY; /* of HTTP/1 */
	copy->added = arena_copy(arena, response->added);
	if (response->head != NULL)
		copy->head = copy_head(arena, response->head);
	if (response->drop != NULL)
		copy->drop = copy_marks(arena, response->drop);
	copy->fields = copy_fields(arena, response->fields, response->field_count);
	return copy;
}

struct serve_h2_block serve_h2_block_make(
        const struct serve_response *response, unsigned status, bool is_end)
{
	return (struct serve_h2_block){.response = response,
	        .room = room_of(response),
	        .status = status,
	        .is_end = is_end};
}

struct serve_h2_block *serve_h2_block_keep(struct arena *arena, const struct serve_h2_block *block)
{
	struct serve_h2_block *kept = arena_alloc(arena, sizeof(*kept));
	*kept = *block;
	kept->response = copy_response(arena, block->response);
	return kept;
}

/* ---- frames ---- */

/* Makes frames of a block that stands at `to`, behind the place for the head of the first. Returns
 * their length. */
static size_t frame(char *to, size_t length, uint32_t id, bool is_end)
{
	size_t count = frames_of(length), last = length - (count - 1) * SERVE_H2_FRAME_BYTES;
	for (size_t i = count; i-- > 0;) {
		size_t bytes = i == count - 1 ? last : SERVE_H2_FRAME_BYTES;
		char *at = to + i * (SERVE_H2_FRAME_HEAD_BYTES + SERVE_H2_FRAME_BYTES);
		const struct serve_h2_frame made = {
		        .length = (uint32_t)bytes,
		        .id = id,
		        .type = i == 0 ? SERVE_H2_HEADERS : SERVE_H2_CONTINUATION,
		        .flags = (uint8_t)((i == 0 && is_end ? SERVE_H2_END_STREAM : 0) |
		                           (i == count - 1 ? SERVE_H2_END_HEADERS : 0)),
		};
		if (i > 0)
			memmove(at + SERVE_H2_FRAME_HEAD_BYTES,
			        to + SERVE_H2_FRAME_HEAD_BYTES + i * SERVE_H2_FRAME_BYTES, bytes);
		serve_h2_frame_write(at, made);
	}
	return length + count * SERVE_H2_FRAME_HEAD_BYTES;
}

/* Where the frames are written: into `out`, or, where they have no room there, into memory of the
 * session that is copied as `rest`. NULL: there is none. */
static char *take_room(struct serve_h2_session *session, size_t room)
{
	struct buf *out = &session->connection->out;
	if (room <= BUF_LARGE - buf_length(out))
		return serve_h2_reserve(session, room) ? out->block + out->end : NULL;
	if (!serve_h2_memory_take(&session->memory, room))
		return NULL;
	session->rest_bytes = room;
	return session->rest_block = mem_alloc(room);
}

void serve_h2_block_write(
        struct serve_h2_session *session, uint32_t id, const struct serve_h2_block *block)
{
	char *to = take_room(session, block->room);
	if (to == NULL) {
		session->is_broken = true;
		return;
	}
	struct http_writer writer;
	http_writer_init(
	        &writer, to + SERVE_H2_FRAME_HEAD_BYTES, block->room - SERVE_H2_FRAME_HEAD_BYTES);
	pack_response(&session->pack, &writer, block->status, block->response);
	size_t length = frame(to, http_writer_str(&writer).len, id, block->is_end);
	if (session->rest_block != NULL)
		session->rest = str_make(to, length);
	else
		buf_grew(&session->connection->out, length);
}

void serve_h2_block_refuse(struct serve_h2_session *session, uint32_t id, enum fault fault)
{
	struct serve_server *server = server_of(session);
	const struct fault_info *info = fault_info(fault);
	const struct serve_field fields[] = {
	        {HTTP_NAME_DATE, serve_server_date(server)},
	        {HTTP_NAME_CACHE_CONTROL, STR("no-store")},
	        {HTTP_NAME_X_HEADWATER_ERROR, str_of(info->name)},
	};
	const struct serve_response response = {
	        .status = info->status,
	        .added = str_of(server->options.refusal_lines),
	        .fields = fields,
	        .field_count = ARRAY_LENGTH(fields),
	};
	const struct serve_h2_block block = serve_h2_block_make(&response, response.status, true);
	serve_h2_block_write(session, id, &block);
}
