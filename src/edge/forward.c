/*
 * Of the client's fields everything end-to-end goes on as it was sent, in its order. Fields that
 * say who asked are ours to say unless a trusted proxy said them, and so is what servers take for
 * such a field. Via and CDN-Loop are lists, so that a line of our own behind the others is the same
 * as a member more.
 */
#include "edge/forward.h"

#include "edge/bucket.h"
#include "edge/headers.h"
#include "http/hop.h"
#include "http/write.h"
#include "origin/bucket.h"

enum {
	/* What a head needs at most beside the client's fields and the names of varying length:
	   of a field that changes the protocol, 400 bytes now. */
	ROOM = 512,
	/* No known name is longer. */
	NAME_BYTES = 32,
};

static const struct str WEBSOCKET_KEY = STR("Sec-WebSocket-Key");

/* The known name that a name may be taken for: many servers hand fields to programs as variables,
 * where "X_Forwarded_For" and "X-Forwarded-For" are one. */
static enum http_name taken_for(struct str name)
{
	char folded[NAME_BYTES];
	if (name.len > sizeof(folded) || str_find(name, '_') < 0)
		return HTTP_NAME_OTHER;
	for (size_t i = 0; i < name.len; i++)
		folded[i] = name.at[i] == '_' ? '-' : name.at[i];
	return http_name_of(str_make(folded, name.len));
}

static char folded(char byte)
{
	return byte == '_' ? '-' : str_lower(byte);
}

/* Whether `start`, in lower case, is what a name begins with, "_" for "-" or not. */
static bool begins_like(struct str name, struct str start)
{
	if (name.len < start.len)
		return false;
	for (size_t i = 0; i < start.len; i++)
		if (folded(name.at[i]) != start.at[i])
			return false;
	return true;
}

/* Whether a field without a known name is of the family of X-Forwarded-For (-Port, -Scheme,
 * -Server, -Prefix): servers make absolute URLs and redirects of what it says. */
static bool is_forwarded_kind(struct str name)
{
	return begins_like(name, STR("x-forwarded-"));
}

/* Whether a field says, or would pass for one that says, what only we or who we trust may say. */
static bool is_ours_to_say(const struct edge_forward *forward, const struct http_field *field)
{
	switch (field->id) {
	case HTTP_NAME_OTHER: {
		struct str name = http_head_name(forward->head, field);
		return taken_for(name) != HTTP_NAME_OTHER ||
		       (!forward->is_peer_trusted && is_forwarded_kind(name));
	}
	case HTTP_NAME_X_FORWARDED_FOR:
		return true;
	case HTTP_NAME_X_FORWARDED_PROTO:
	case HTTP_NAME_X_FORWARDED_HOST:
	case HTTP_NAME_FORWARDED:
		return !forward->is_peer_trusted;
	default:
		return false;
	}
}

static struct str host_to_send(const struct edge_forward *forward)
{
	if (origin_bucket_is(forward->origin))
		return str_of(forward->origin->bucket.host);
	if (forward->origin->host != NULL)
		return str_of(forward->origin->host);
	if (forward->domain->name[0] == '*')
		return forward->host;
	return str_of(forward->domain->name);
}

/* X-Forwarded-For: the members that a trusted peer sent, then the peer. */
static void write_forwarded_for(
        struct http_writer *writer, const struct edge_forward *forward, const char *peer)
{
	const struct http_head *head = forward->head;
	http_write(writer, STR("X-Forwarded-For: "));
	for (unsigned i = 0; forward->is_peer_trusted && i < head->count; i++) {
		if (head->fields[i].id != HTTP_NAME_X_FORWARDED_FOR ||
		        head->fields[i].value_len == 0)
			continue;
		http_write(writer, http_head_value(head, &head->fields[i]));
		http_write(writer, STR(", "));
	}
	http_write(writer, str_of(peer));
	http_write(writer, STR("\r\n"));
}

/* RFC 7239; an IPv6 address is quoted and bracketed there. */
static void write_forwarded(
        struct http_writer *writer, const struct edge_forward *forward, const char *peer)
{
	bool is_v4 = address_is_v4(forward->peer);
	http_write(writer, STR("Forwarded: for="));
	http_write(writer, is_v4 ? STR_EMPTY : STR("\"["));
	http_write(writer, str_of(peer));
	http_write(writer, is_v4 ? STR_EMPTY : STR("]\""));
	http_write(writer, STR(";host="));
	http_write(writer, forward->host);
	http_write(writer, STR(";proto="));
	http_write(writer, forward->is_https ? STR("https") : STR("http"));
	http_write(writer, STR("\r\n"));
}

static void write_who_asked(struct http_writer *writer, const struct edge_forward *forward)
{
	const struct model_domain *domain = forward->domain;
	char peer[ADDRESS_TEXT_BYTES];
	address_format_ip(forward->peer, peer);
	if (domain->x_forwarded_for)
		write_forwarded_for(writer, forward, peer);
	if (domain->x_forwarded_proto &&
	        !(forward->is_peer_trusted &&
	                http_head_has(forward->head, HTTP_NAME_X_FORWARDED_PROTO)))
		http_write_known_field(writer, HTTP_NAME_X_FORWARDED_PROTO,
		        forward->is_https ? STR("https") : STR("http"));
	if (domain->forwarded)
		write_forwarded(writer, forward, peer);
}

/* The one Range of a request. Several are none (RFC 9110 14.2), and cannot be signed as one. */
static struct str range_of(const struct edge_forward *forward)
{
	const struct http_head *head = forward->head;
	return http_head_count(head, HTTP_NAME_RANGE) == 1 ? http_head_get(head, HTTP_NAME_RANGE)
	                                                   : STR_EMPTY;
}

/* Whether a client's field does not go to an origin of this type. */
static bool is_withheld(const struct edge_forward *forward, const struct http_field *field)
{
	if (!origin_bucket_is(forward->origin))
		return false;
	return edge_bucket_withholds(http_head_name(forward->head, field), field->id) ||
	       (field->id == HTTP_NAME_RANGE && range_of(forward).len == 0);
}

/* Whether a client's field gives way to one of ours. */
static bool is_replaced(const struct edge_forward *forward, const struct http_field *field)
{
	return forward->websocket_key.len > 0 &&
	       str_is_equal_nocase(http_head_name(forward->head, field), WEBSOCKET_KEY);
}

static void write_passed_on(struct http_writer *writer, const struct edge_forward *forward)
{
	const struct http_head *head = forward->head;
	uint64_t drop[HTTP_MARK_WORDS];
	http_hop_mark(head, drop);
	edge_headers_mark(forward->domain->headers_to_origin, head, 0, drop);
	edge_headers_mark_alike(forward->domain->headers_to_origin, head, drop);
	for (unsigned i = 0; i < head->count; i++) {
		const struct http_field *field = &head->fields[i];
		if ((drop[i / 64] >> (i % 64) & 1) || is_ours_to_say(forward, field) ||
		        is_withheld(forward, field) || is_replaced(forward, field))
			continue;
		http_write_field(writer, http_head_name(head, field), http_head_value(head, field));
	}
}

static void write_request_line(struct http_writer *writer, const struct edge_forward *forward)
{
	struct str method = http_head_method(forward->head);
	struct text target = {0};
	if (!origin_bucket_is(forward->origin)) {
		http_write_request_line(writer, method, forward->target);
		return;
	}
	origin_bucket_add_target(forward->origin, forward->target, &target);
	http_write_request_line(writer, method, text_str(&target));
	text_done(&target);
}

/* The last lines, whose length is the same for every time. */
static void write_signature(struct http_writer *writer, const struct edge_forward *forward)
{
	struct text lines = {0};
	if (!origin_bucket_is(forward->origin))
		return;
	const struct origin_bucket_request request = {
	        .origin = forward->origin,
	        .method = forward->head->method,
	        .target = forward->target,
	        .range = range_of(forward),
	        .time_s = forward->time_s,
	};
	origin_bucket_add_signature(&request, &lines);
	http_write(writer, text_str(&lines));
	text_done(&lines);
}

/* What of the rules is not written: the Authorization of a private bucket is its signature. */
static uint64_t spared_of(const struct edge_forward *forward)
{
	return forward->origin->bucket.is_private ? UINT64_C(1) << HTTP_NAME_AUTHORIZATION : 0;
}

static void write_head(struct http_writer *writer, const struct edge_forward *forward)
{
	const struct http_head *head = forward->head;
	write_request_line(writer, forward);
	http_write_known_field(writer, HTTP_NAME_HOST, host_to_send(forward));
	write_passed_on(writer, forward);
	edge_headers_write(forward->domain->headers_to_origin, spared_of(forward), writer);
	write_who_asked(writer, forward);
	/* The version in which it came to us (RFC 9110 section 7.6.3). */
	http_write(writer, head->is_h2       ? STR("Via: 2.0 ")
	                   : head->minor > 0 ? STR("Via: 1.1 ")
	                                     : STR("Via: 1.0 "));
	http_write(writer, forward->cdn_id);
	http_write(writer, STR("\r\n"));
	http_write_known_field(writer, HTTP_NAME_CDN_LOOP, forward->cdn_id);
	if (forward->has_body && forward->is_length_known)
		http_write_length_field(writer, forward->body_length);
	else if (forward->has_body)
		http_write_known_field(writer, HTTP_NAME_TRANSFER_ENCODING, STR("chunked"));
	if (forward->upgrade.len > 0) {
		http_write_known_field(writer, HTTP_NAME_CONNECTION, STR("Upgrade"));
		http_write_known_field(writer, HTTP_NAME_UPGRADE, forward->upgrade);
	}
	if (forward->websocket_key.len > 0)
		http_write_field(writer, WEBSOCKET_KEY, forward->websocket_key);
	write_signature(writer, forward);
	http_write_end_of_head(writer);
	CHECK(!writer->full);
}

/* What the target and the signature of a bucket need besides: every byte of a path may become an
 * escape, and the bucket's name may stand in front. */
static size_t bucket_room(const struct edge_forward *forward)
{
	const struct model_origin *origin = forward->origin;
	if (!origin_bucket_is(origin))
		return 0;
	return 3 * forward->target.len + str_of(origin->bucket.bucket).len + 1 +
	       origin_bucket_signature_bytes(origin);
}

struct str edge_forward_head(const struct edge_forward *forward, struct arena *arena)
{
	const struct http_head *head = forward->head;
	/* "name:value\r\n" stands in the head already; each may grow by a space. */
	size_t room = ROOM + head->len + head->count + host_to_send(forward).len +
	              forward->host.len + 2 * forward->cdn_id.len +
	              edge_headers_bytes(forward->domain->headers_to_origin) + bucket_room(forward);
	struct http_writer writer;
	http_writer_init(&writer, arena_alloc(arena, room), room);
	write_head(&writer, forward);
	return http_writer_str(&writer);
}

struct str edge_forward_again(const struct edge_forward *forward, struct str head)
{
	struct http_writer writer;
	/* It is the arena's memory, which is not const. */
	http_writer_init(&writer, (char *)(uintptr_t)head.at, head.len);
	write_head(&writer, forward);
	return http_writer_str(&writer);
}

struct cache_vary_asked edge_forward_asked(const struct http_head *head,
        const struct model_domain *domain, bool is_https, bool is_peer_trusted)
{
	struct str proto = STR_EMPTY;
	if (domain->x_forwarded_proto)
		proto = is_https ? STR("https") : STR("http");
	return (struct cache_vary_asked){
	        .head = head, .is_trusted = is_peer_trusted, .proto = proto};
}

/* Whether a field, which no name in a Vary will tell of, makes some servers and frameworks take the
 * request for another one: with another method, or for another URL. What they answer then is not
 * what the URL is remembered by. */
static bool means_another(struct str name)
{
	static const struct str names[] = {STR("x-http-method"), STR("x-http-method-override"),
	        STR("x-method-override"), STR("x-original-url"), STR("x-rewrite-url"),
	        STR("x-original-host"), STR("x-host")};
	if (name.len < 2 || str_lower(name.at[0]) != 'x')
		return false;
	for (size_t i = 0; i < ARRAY_LENGTH(names); i++)
		if (name.len == names[i].len && begins_like(name, names[i]))
			return true;
	return false;
}

/* Whether a field asks for a part, or for all only if it changed. */
static bool is_condition(const struct http_field *field)
{
	switch (field->id) {
	case HTTP_NAME_IF_MATCH:
	case HTTP_NAME_IF_NONE_MATCH:
	case HTTP_NAME_IF_MODIFIED_SINCE:
	case HTTP_NAME_IF_UNMODIFIED_SINCE:
	case HTTP_NAME_IF_RANGE:
	case HTTP_NAME_RANGE:
		return true;
	default:
		return false;
	}
}

static bool is_for_one_client(const struct http_head *head, const struct http_field *field)
{
	return is_condition(field) ||
	       (field->id == HTTP_NAME_OTHER && means_another(http_head_name(head, field)));
}

/* Parses what was written, with what the head says that is not written there. */
static bool parse_again(const struct http_head *head, const struct http_writer *writer,
        struct arena *arena, struct http_head *ret_head)
{
	static const struct http_head_limits LIMITS = {.head_bytes = LIMIT_HEAD_BYTES,
	        .target_bytes = LIMIT_HEAD_BYTES,
	        .fields = LIMIT_HEAD_FIELDS};
	CHECK(!writer->full);
	struct http_field fields[LIMIT_HEAD_FIELDS];
	struct http_head made = {.fields = fields, .capacity = LIMIT_HEAD_FIELDS};
	size_t scanned = 0;
	enum fault fault;
	if (http_head_parse_request(http_writer_str(writer), &scanned, &LIMITS, &made, &fault) !=
	        HTTP_PARSE_DONE)
		return false;
	made.fields = arena_alloc(arena, made.count * sizeof(struct http_field));
	memcpy(made.fields, fields, made.count * sizeof(struct http_field));
	made.capacity = made.count;
	made.minor = head->minor;
	made.is_h2 = head->is_h2;
	*ret_head = made;
	return true;
}

bool edge_forward_shared(const struct http_head *head, struct str accept_encoding, struct str more,
        struct arena *arena, struct http_head *ret_head)
{
	size_t room = ROOM + head->len + head->count + accept_encoding.len + more.len;
	struct http_writer writer;
	http_writer_init(&writer, arena_alloc(arena, room), room);
	http_write_request_line(&writer, STR("GET"), http_head_target(head));
	bool has_coding = false;
	uint64_t drop[HTTP_MARK_WORDS];
	http_hop_mark(head, drop);
	for (unsigned i = 0; i < head->count; i++) {
		const struct http_field *field = &head->fields[i];
		if (is_for_one_client(head, field) || http_mark_has(drop, i))
			continue;
		if (field->id != HTTP_NAME_ACCEPT_ENCODING)
			http_write_field(
			        &writer, http_head_name(head, field), http_head_value(head, field));
		else if (!has_coding)
			http_write_known_field(&writer, HTTP_NAME_ACCEPT_ENCODING, accept_encoding);
		has_coding |= field->id == HTTP_NAME_ACCEPT_ENCODING;
	}
	/* Who says nothing would take any coding, and is not told apart from who takes none. */
	if (!has_coding)
		http_write_known_field(&writer, HTTP_NAME_ACCEPT_ENCODING, accept_encoding);
	http_write(&writer, more);
	http_write_end_of_head(&writer);
	return parse_again(head, &writer, arena, ret_head);
}

bool edge_forward_rest(const struct http_head *head, struct str more, struct arena *arena,
        struct http_head *ret_head)
{
	size_t room = ROOM + head->len + head->count + more.len;
	struct http_writer writer;
	http_writer_init(&writer, arena_alloc(arena, room), room);
	http_write_request_line(&writer, STR("GET"), http_head_target(head));
	/* Or what is named in Connection would not go on, also where it is ours. */
	uint64_t drop[HTTP_MARK_WORDS];
	http_hop_mark(head, drop);
	for (unsigned i = 0; i < head->count; i++)
		if (!is_condition(&head->fields[i]) && !http_mark_has(drop, i))
			http_write_field(&writer, http_head_name(head, &head->fields[i]),
			        http_head_value(head, &head->fields[i]));
	http_write(&writer, more);
	http_write_end_of_head(&writer);
	return parse_again(head, &writer, arena, ret_head);
}
