/*
 * A head of HTTP/2 fields becomes the text that HTTP/1 would have sent, and is then parsed like any
 * other: so there is one judge of heads, and one set of limits. The values of the pseudo-header
 * fields are kept at the front of the text until the first other field comes; then the first line
 * and Host are written behind them. An extended CONNECT (RFC 8441) asks for what HTTP/1.1 asks for
 * by a GET with Upgrade, and is written as a GET; its protocol is kept apart. Cookie crumbs (RFC
 * 9113 section 8.2.3) are kept apart and written last, as one field. Pure, but for the buffers.
 */
#include "base/limit.h"
#include "serve/h2_private.h"

static const char LINE_END[] = "\r\n";

void serve_h2_head_begin(struct serve_h2_head *head, bool is_trailers)
{
	CHECK(head->text.block == NULL && head->cookies.block == NULL);
	*head = (struct serve_h2_head){
	        .pool = head->pool,
	        .limits = head->limits,
	        .is_trailers = is_trailers,
	        .is_open = true,
	};
}

void serve_h2_head_done(struct serve_h2_head *head)
{
	buf_release(head->pool, &head->text);
	buf_release(head->pool, &head->cookies);
	head->is_open = false;
}

static uint32_t limit_of(const struct serve_h2_head *head)
{
	return head->is_trailers ? LIMIT_TRAILER_BYTES : head->limits->head_bytes;
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
	/* What precedes the head does not count, and is as large again at most. */
	if (bytes > limit_of(head) || kept - head->head_at + bytes > limit_of(head) ||
	        buf_length(buf) + bytes > BUF_LARGE)
		return fail(head, FAULT_HEAD_TOO_LARGE);
	return buf_reserve(head->pool, buf, bytes) || fail(head, FAULT_MEMORY);
}

/* Into room that was reserved. */
static void put(struct buf *buf, struct str bytes)
{
	if (bytes.len > 0)
		memcpy(buf->block + buf->end, bytes.at, bytes.len);
	buf_grew(buf, bytes.len);
}

static struct str slice(const struct serve_h2_head *head, const struct serve_h2_slice *of)
{
	return of->len == 0 ? STR_EMPTY : str_make(buf_bytes(&head->text) + of->at, of->len);
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

static bool write_field(struct serve_h2_head *head, struct str name, struct str value)
{
	if (!reserve(head, &head->text, name.len + value.len + 4))
		return false;
	put(&head->text, name);
	put(&head->text, STR(": "));
	put(&head->text, value);
	put(&head->text, str_of(LINE_END));
	head->count++;
	return true;
}

/* All pseudo-header fields are there: "GET /path HTTP/1.1", and Host. */
static bool write_first_lines(struct serve_h2_head *head)
{
	static const char version[] = " HTTP/1.1\r\n", host[] = "host: ";
	size_t before = buf_length(&head->text);
	size_t room = head->method.len + 1 + head->path.len + sizeof(version) + sizeof(host) +
	              head->authority.len + 2;
	head->head_at = (uint32_t)before;
	if (!reserve(head, &head->text, room))
		return false;
	put(&head->text, head->has_protocol ? STR("GET") : slice(head, &head->method));
	put(&head->text, STR(" "));
	put(&head->text, slice(head, &head->path));
	put(&head->text, str_of(version));
	if (!head->has_authority)
		return true;
	put(&head->text, str_of(host));
	put(&head->text, slice(head, &head->authority));
	put(&head->text, str_of(LINE_END));
	head->count++;
	return true;
}

static bool add_pseudo(struct serve_h2_head *head, struct str name, struct str value)
{
	if (str_is_equal(name, STR(":method")))
		return keep(head, value, &head->method);
	if (str_is_equal(name, STR(":path")))
		return keep(head, value, &head->path);
	if (str_is_equal(name, STR(":scheme")))
		return keep(head, value, &head->scheme);
	if (str_is_equal(name, STR(":protocol"))) {
		head->has_protocol = true;
		return value.len > 0 ? keep(head, value, &head->protocol)
		                     : fail(head, FAULT_BAD_REQUEST);
	}
	if (!str_is_equal(name, STR(":authority")))
		return fail(head, FAULT_BAD_REQUEST);
	head->has_authority = true;
	return keep(head, value, &head->authority);
}

/* A crumb, behind those that came before. */
static bool add_cookie(struct serve_h2_head *head, struct str value)
{
	bool is_first = head->cookies.block == NULL;
	if (!reserve(head, &head->cookies, value.len + 12))
		return false;
	put(&head->cookies, is_first ? STR("cookie: ") : STR("; "));
	put(&head->cookies, value);
	return true;
}

static bool add_regular(struct serve_h2_head *head, struct str name, struct str value)
{
	if (!head->is_trailers && head->head_at == 0 && !write_first_lines(head))
		return false;
	if (head->is_trailers)
		return write_field(head, name, value);
	if (str_is_equal(name, STR("cookie")))
		return add_cookie(head, value);
	if (!write_field(head, name, value))
		return false;
	if (str_is_equal(name, STR("priority"))) {
		head->priority.at = (uint32_t)(buf_length(&head->text) - value.len - 2);
		head->priority.len = (uint32_t)value.len;
	}
	return true;
}

/* Host may stand beside :authority if it says the same (RFC 9113 section 8.3.1). */
static bool is_same_host(const struct serve_h2_head *head, struct str value)
{
	return str_is_equal_nocase(value, slice(head, &head->authority));
}

enum serve_h2_field serve_h2_head_add(struct serve_h2_head *head, struct str name, struct str value)
{
	head->decoded += name.len + value.len + 32; /* as RFC 7541 section 4.1 counts */
	if (head->decoded > LIMIT_H2_DECODED_BYTES)
		return SERVE_H2_FIELD_FLOOD;
	if (head->fault != FAULT_NONE)
		return SERVE_H2_FIELD_TAKEN;
	bool is_pseudo = name.len > 0 && name.at[0] == ':';
	if (is_pseudo && (head->is_trailers || head->head_at != 0))
		return SERVE_H2_FIELD_MALFORMED;
	if (!head->is_trailers && head->has_authority && str_is_equal(name, STR("host"))) {
		bool is_right = !head->has_host && is_same_host(head, value);
		head->has_host = true;
		return is_right ? SERVE_H2_FIELD_TAKEN : SERVE_H2_FIELD_MALFORMED;
	}
	if (is_pseudo)
		add_pseudo(head, name, value);
	else
		add_regular(head, name, value);
	return SERVE_H2_FIELD_TAKEN;
}

enum fault serve_h2_head_end(struct serve_h2_head *head, struct str *ret_text)
{
	if (head->fault == FAULT_NONE && !head->is_trailers && head->head_at == 0)
		write_first_lines(head);
	size_t cookies = buf_length(&head->cookies);
	if (head->fault == FAULT_NONE && cookies > 0) {
		struct buf crumbs = head->cookies;
		head->cookies = (struct buf){.block = NULL};
		if (reserve(head, &head->text, cookies + 2)) {
			put(&head->text, buf_str(&crumbs));
			put(&head->text, str_of(LINE_END));
			head->count++;
		}
		buf_release(head->pool, &crumbs);
	}
	if (head->fault == FAULT_NONE && !head->is_trailers &&
	        reserve(head, &head->text, sizeof(LINE_END) - 1))
		put(&head->text, str_of(LINE_END));
	if (head->fault != FAULT_NONE)
		return (enum fault)head->fault;
	struct str text = buf_str(&head->text);
	*ret_text = text.len == 0 ? STR_EMPTY
	                          : str_make(text.at + head->head_at, text.len - head->head_at);
	return FAULT_NONE;
}
