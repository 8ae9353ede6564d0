/*
 * Fields of HTTP/2 become a head as HTTP/1's parser makes it: judged by HTTP/2's rules
 * (h2_rules.c), by the same as HTTP/1's (http_head_check_line), and under the same limits. Field
 * lines are written down one behind the other, and between them the values of the pseudo-header
 * fields; :authority is written as Host. An extended CONNECT (RFC 8441) asks for what HTTP/1.1 asks
 * for by a GET with Upgrade, and becomes a GET; its protocol is kept apart. Cookie crumbs (RFC 9113
 * section 8.2.3) are kept apart and written last, as one field. Pure, but for the buffers.
 */
#include "base/limit.h"
#include "serve/h2_private.h"

/* Nothing is in it, the block stays. */
static struct buf emptied(struct buf buf)
{
	buf.start = buf.end = 0;
	return buf;
}

void serve_h2_head_begin(struct serve_h2_head *head, bool is_trailers)
{
	CHECK(!head->is_open && head->cookies.block == NULL);
	*head = (struct serve_h2_head){
	        .pool = head->pool,
	        .limits = head->limits,
	        .text = emptied(head->text),
	        .fields = emptied(head->fields),
	        .rules = {.is_trailers = is_trailers},
	        .is_open = true,
	};
}

void serve_h2_head_close(struct serve_h2_head *head)
{
	buf_release(head->pool, &head->cookies);
	head->is_open = false;
}

void serve_h2_head_done(struct serve_h2_head *head)
{
	serve_h2_head_close(head);
	buf_release(head->pool, &head->text);
	buf_release(head->pool, &head->fields);
}

static uint32_t limit_of(const struct serve_h2_head *head)
{
	return head->rules.is_trailers ? LIMIT_TRAILER_BYTES : head->limits->head_bytes;
}

static bool fail(struct serve_h2_head *head, enum fault fault)
{
	if (head->fault == FAULT_NONE)
		head->fault = (uint8_t)fault;
	return false;
}

/* Makes room for `bytes` more; false, with the fault, when they are too many. */
static bool reserve(struct serve_h2_head *head, struct buf *buf, size_t bytes)
{
	size_t kept = buf_length(&head->text) + buf_length(&head->cookies);
	if (bytes > limit_of(head) || kept + bytes > limit_of(head))
		return fail(head, FAULT_HEAD_TOO_LARGE);
	return buf_reserve(head->pool, buf, bytes) || fail(head, FAULT_MEMORY);
}

/* Into room that was reserved. */
static inline void put(struct buf *buf, struct str bytes)
{
	if (bytes.len > 0)
		memcpy(buf->block + buf->end, bytes.at, bytes.len);
	buf_grew(buf, bytes.len);
}

static bool keep(struct serve_h2_head *head, struct str value, struct serve_h2_slice *ret_slice)
{
	if (!reserve(head, &head->text, value.len))
		return false;
	*ret_slice = (struct serve_h2_slice){
	        .at = (uint32_t)buf_length(&head->text),
	        .len = (uint32_t)value.len,
	};
	put(&head->text, value);
	return true;
}

static unsigned count_of(const struct serve_h2_head *head)
{
	return (unsigned)(buf_length(&head->fields) / sizeof(struct http_field));
}

/* Notes the field whose line begins at `at`. */
static bool note_field(
        struct serve_h2_head *head, enum http_name id, size_t at, size_t name_len, size_t value_len)
{
	struct buf *fields = &head->fields;
	if (count_of(head) == head->limits->fields)
		return fail(head, FAULT_HEAD_TOO_LARGE);
	if (!buf_reserve(head->pool, fields, sizeof(struct http_field)))
		return fail(head, FAULT_MEMORY);
	*(struct http_field *)(void *)(fields->block + fields->end) = (struct http_field){
	        .name_at = (uint32_t)at,
	        .value_at = (uint32_t)(at + name_len + 2),
	        .value_len = (uint32_t)value_len,
	        .name_len = (uint16_t)name_len,
	        .id = (uint16_t)id,
	};
	buf_grew(fields, sizeof(struct http_field));
	head->present |= (uint64_t)1 << id;
	return true;
}

/* Writes "name: value"; *ret_value is where the value lies. */
static bool write_field(struct serve_h2_head *head, enum http_name id, struct str name,
        struct str value, struct serve_h2_slice *ret_value)
{
	struct buf *text = &head->text;
	size_t at = buf_length(text);
	if (!reserve(head, text, name.len + value.len + 4))
		return false;
	char *to = text->block + text->end;
	memcpy(to, name.at, name.len);
	memcpy(to + name.len, ": ", 2);
	if (value.len > 0)
		memcpy(to + name.len + 2, value.at, value.len);
	memcpy(to + name.len + 2 + value.len, "\r\n", 2);
	buf_grew(text, name.len + value.len + 4);
	*ret_value = (struct serve_h2_slice){
	        .at = (uint32_t)(at + name.len + 2), .len = (uint32_t)value.len};
	return head->rules.is_trailers || note_field(head, id, at, name.len, value.len);
}

static bool keep_pseudo(struct serve_h2_head *head, enum serve_h2_pseudo pseudo, struct str value)
{
	switch (pseudo) {
	case SERVE_H2_PSEUDO_METHOD:
		return keep(head, value, &head->method);
	case SERVE_H2_PSEUDO_SCHEME:
		return keep(head, value, &head->scheme);
	case SERVE_H2_PSEUDO_AUTHORITY:
		return write_field(head, HTTP_NAME_HOST, STR("host"), value, &head->authority);
	case SERVE_H2_PSEUDO_PATH:
		return keep(head, value, &head->path);
	case SERVE_H2_PSEUDO_PROTOCOL:
		return keep(head, value, &head->protocol);
	case SERVE_H2_PSEUDO_NONE:
		break;
	}
	CHECK(false);
}

/* A crumb, behind those that came before. */
static bool add_cookie(struct serve_h2_head *head, struct str value)
{
	bool is_first = head->cookies.block == NULL;
	/* With what its line needs besides. */
	if (!reserve(head, &head->cookies, value.len + (is_first ? sizeof("cookie: \r\n") : 2)))
		return false;
	put(&head->cookies, is_first ? STR_EMPTY : STR("; "));
	put(&head->cookies, value);
	return true;
}

static bool add_regular(
        struct serve_h2_head *head, enum http_name id, struct str name, struct str value)
{
	struct serve_h2_slice at;
	if (id == HTTP_NAME_COOKIE && !head->rules.is_trailers)
		return add_cookie(head, value);
	if (!write_field(head, id, name, value, &at))
		return false;
	if (id == HTTP_NAME_PRIORITY)
		head->priority = at;
	return true;
}

static enum serve_h2_field add_pseudo(
        struct serve_h2_head *head, enum serve_h2_pseudo pseudo, struct str value)
{
	if (!serve_h2_rules_add_pseudo(&head->rules, pseudo, value))
		return SERVE_H2_FIELD_MALFORMED;
	if (head->fault == FAULT_NONE)
		keep_pseudo(head, pseudo, value);
	return SERVE_H2_FIELD_TAKEN;
}

enum serve_h2_field serve_h2_head_add(
        struct serve_h2_head *head, const struct serve_h2_unpack_field *field)
{
	struct str name = field->name, value = field->value;
	head->decoded += name.len + value.len + 32; /* as RFC 7541 section 4.1 counts */
	if (head->decoded > LIMIT_H2_DECODED_BYTES)
		return SERVE_H2_FIELD_FLOOD;
	if (name.len > 0 && name.at[0] == ':')
		return add_pseudo(head, field->pseudo, value);
	if (!serve_h2_rules_add(&head->rules, field->id, name, value))
		return SERVE_H2_FIELD_MALFORMED;
	if (head->fault != FAULT_NONE)
		return SERVE_H2_FIELD_TAKEN;
	/* Host may stand beside :authority if it says the same (RFC 9113 section 8.3.1). */
	if (field->id == HTTP_NAME_HOST &&
	        serve_h2_rules_has(&head->rules, SERVE_H2_PSEUDO_AUTHORITY))
		return str_is_equal_nocase(value, serve_h2_head_str(head, &head->authority))
		               ? SERVE_H2_FIELD_TAKEN
		               : SERVE_H2_FIELD_MALFORMED;
	add_regular(head, field->id, name, value);
	return SERVE_H2_FIELD_TAKEN;
}

/* Writes the crumbs, as one field. */
static bool end_cookies(struct serve_h2_head *head)
{
	struct serve_h2_slice at;
	struct buf crumbs = head->cookies;
	if (crumbs.block == NULL)
		return true;
	head->cookies = (struct buf){.block = NULL};
	/* Empty ones at the ends leave spaces. */
	bool is_written =
	        write_field(head, HTTP_NAME_COOKIE, STR("cookie"), str_trim(buf_str(&crumbs)), &at);
	buf_release(head->pool, &crumbs);
	return is_written;
}

/* The request line that HTTP/1 would have had. */
static bool check_line(struct serve_h2_head *head)
{
	if (head->protocol.len > 0 && !keep(head, STR("GET"), &head->method))
		return false;
	enum fault fault = http_head_check_line(serve_h2_head_str(head, &head->method),
	        serve_h2_head_str(head, &head->path), head->limits);
	return fault == FAULT_NONE || fail(head, fault);
}

enum fault serve_h2_head_end(struct serve_h2_head *head, struct http_head *ret_head)
{
	CHECK(!head->rules.is_trailers);
	if (head->fault != FAULT_NONE || !end_cookies(head) || !check_line(head))
		return (enum fault)head->fault;
	*ret_head = (struct http_head){
	        .base = buf_bytes(&head->text),
	        .fields = (struct http_field *)(void *)buf_bytes(&head->fields),
	        .present = head->present,
	        .len = (uint32_t)buf_length(&head->text),
	        .count = (uint16_t)count_of(head),
	        .is_h2 = true,
	        .minor = 1,
	        .method = (uint8_t)http_method_of(serve_h2_head_str(head, &head->method)),
	        .method_at = head->method.at,
	        .method_len = head->method.len,
	        .target_at = head->path.at,
	        .target_len = head->path.len,
	};
	return FAULT_NONE;
}

enum fault serve_h2_head_end_trailers(struct serve_h2_head *head, struct str *ret_lines)
{
	CHECK(head->rules.is_trailers);
	if (head->fault == FAULT_NONE)
		*ret_lines = buf_length(&head->text) > 0 ? buf_str(&head->text) : STR_EMPTY;
	return (enum fault)head->fault;
}
