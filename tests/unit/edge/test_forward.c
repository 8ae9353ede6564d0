/*
 * The request as the origin gets it.
 */
#include "edge/forward.h"

#include "base/hash.h"
#include "model/list.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

struct fixture {
	struct http_field fields[64];
	struct http_head head;
	struct arena arena;
	struct model_domain domain;
	struct address peer;
	struct edge_forward forward;
};

static void set_up(struct fixture *f, const char *text)
{
	static const struct http_head_limits limits = {
	        .head_bytes = 8192, .target_bytes = 4096, .fields = 64};
	*f = (struct fixture){.head = {.fields = f->fields, .capacity = 64}};
	size_t scanned = 0;
	enum fault fault;
	assert_int_equal(http_head_parse_request(str_of(text), &scanned, &limits, &f->head, &fault),
	        HTTP_PARSE_DONE);
	assert_true(address_parse(STR("192.0.2.9:1234"), &f->peer));
	arena_init(&f->arena, NULL, 0);
	f->domain = (struct model_domain){
	        .name = "edge.test",
	        .x_forwarded_for = true,
	        .x_forwarded_proto = true,
	};
	f->forward = (struct edge_forward){
	        .head = &f->head,
	        .target = http_head_target(&f->head),
	        .host = STR("edge.test"),
	        .peer = &f->peer,
	        .cdn_id = STR("headwater"),
	        .domain = &f->domain,
	        .origin = &f->domain.origin,
	};
}

static void expect(struct fixture *f, const char *text)
{
	struct str head = edge_forward_head(&f->forward, &f->arena);
	struct str wanted = str_of(text);
	if (!str_is_equal(head, wanted))
		fail_msg("\n%.*s\nis not\n%.*s", STR_ARG(head), STR_ARG(wanted));
	arena_reset(&f->arena);
}

static void what_belongs_to_the_connection_stays_behind(void **state)
{
	(void)state;
	struct fixture f;
	set_up(&f,
	        "GET /a?b HTTP/1.1\r\nHost: edge.test\r\nConnection: close, X-Hop\r\nX-Hop: 1\r\n"
	        "Keep-Alive: 5\r\nTE: trailers\r\nUpgrade: h2c\r\nProxy-Connection: x\r\n"
	        "Accept: */*\r\n\r\n");
	expect(&f, "GET /a?b HTTP/1.1\r\nHost: edge.test\r\nAccept: */*\r\n"
	           "X-Forwarded-For: 192.0.2.9\r\nX-Forwarded-Proto: http\r\nVia: 1.1 headwater\r\n"
	           "CDN-Loop: headwater\r\n\r\n");
}

static void an_upgrade_is_asked_for_afresh(void **state)
{
	(void)state;
	struct fixture f;
	set_up(&f, "GET / HTTP/1.1\r\nHost: edge.test\r\nConnection: Upgrade, X-Hop\r\nX-Hop: 1\r\n"
	           "Upgrade: h2c, WebSocket\r\nSec-WebSocket-Key: theirs\r\n\r\n");
	f.forward.upgrade = STR("websocket");
	expect(&f, "GET / HTTP/1.1\r\nHost: edge.test\r\nSec-WebSocket-Key: theirs\r\n"
	           "X-Forwarded-For: 192.0.2.9\r\nX-Forwarded-Proto: http\r\nVia: 1.1 headwater\r\n"
	           "CDN-Loop: headwater\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n");
	f.forward.websocket_key = STR("ours");
	expect(&f, "GET / HTTP/1.1\r\nHost: edge.test\r\n"
	           "X-Forwarded-For: 192.0.2.9\r\nX-Forwarded-Proto: http\r\nVia: 1.1 headwater\r\n"
	           "CDN-Loop: headwater\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
	           "Sec-WebSocket-Key: ours\r\n\r\n");
}

static void a_stranger_cannot_say_who_asked(void **state)
{
	(void)state;
	struct fixture f;
	set_up(&f, "GET / HTTP/1.1\r\nHost: edge.test\r\nX-Forwarded-For: 1.1.1.1\r\n"
	           "X-Forwarded-Proto: https\r\nX-Forwarded-Host: evil\r\nForwarded: "
	           "for=1.1.1.1\r\nX-Forwarded-Port: 1\r\nx-forwarded_SCHEME: http\r\n\r\n");
	expect(&f, "GET / HTTP/1.1\r\nHost: edge.test\r\nX-Forwarded-For: 192.0.2.9\r\n"
	           "X-Forwarded-Proto: http\r\nVia: 1.1 headwater\r\nCDN-Loop: headwater\r\n\r\n");
}

static void what_servers_take_for_a_known_field_stays_behind(void **state)
{
	(void)state;
	struct fixture f;
	set_up(&f, "GET / HTTP/1.1\r\nHost: edge.test\r\nX_Forwarded_For: 1.1.1.1\r\n"
	           "x-forwarded_proto: https\r\nContent_Length: 5\r\nTRANSFER_ENCODING: chunked\r\n"
	           "X_Forwarded_Host_: a\r\nMy_Field: b\r\n_: c\r\n\r\n");
	expect(&f, "GET / HTTP/1.1\r\nHost: edge.test\r\n"
	           "My_Field: b\r\n_: c\r\nX-Forwarded-For: 192.0.2.9\r\n"
	           "X-Forwarded-Proto: http\r\nVia: 1.1 headwater\r\nCDN-Loop: headwater\r\n\r\n");
}

static void a_trusted_proxy_is_believed_and_added_to(void **state)
{
	(void)state;
	struct fixture f;
	set_up(&f, "GET / HTTP/1.1\r\nHost: edge.test\r\nX-Forwarded-For: 1.1.1.1\r\n"
	           "X-Forwarded-For: 2.2.2.2\r\nX-Forwarded-Proto: https\r\n"
	           "X-Forwarded-Port: 443\r\n\r\n");
	f.forward.is_peer_trusted = true;
	expect(&f, "GET / HTTP/1.1\r\nHost: edge.test\r\nX-Forwarded-Proto: https\r\n"
	           "X-Forwarded-Port: 443\r\n"
	           "X-Forwarded-For: 1.1.1.1, 2.2.2.2, 192.0.2.9\r\nVia: 1.1 headwater\r\n"
	           "CDN-Loop: headwater\r\n\r\n");
}

static void forwarded_is_sent_where_it_is_asked_for(void **state)
{
	(void)state;
	struct fixture f;
	set_up(&f, "GET / HTTP/1.1\r\nHost: edge.test\r\n\r\n");
	f.domain.forwarded = true;
	f.domain.x_forwarded_for = f.domain.x_forwarded_proto = false;
	assert_true(address_parse(STR("[2001:db8::1]:80"), &f.peer));
	expect(&f, "GET / HTTP/1.1\r\nHost: edge.test\r\n"
	           "Forwarded: for=\"[2001:db8::1]\";host=edge.test;proto=http\r\nVia: 1.1 "
	           "headwater\r\n"
	           "CDN-Loop: headwater\r\n\r\n");
}

/* Everything that can be long is, and the fields are as short as fields can be: the room is enough.
 */
static void the_largest_head_has_room(void **state)
{
	(void)state;
	struct fixture f;
	struct text text = {.at = NULL}, host = {.at = NULL};
	for (unsigned i = 0; i < LIMIT_HOST_BYTES; i++)
		text_add_char(&host, i % 2 == 0 ? 'h' : '.');
	text_addf(&text, "G / HTTP/1.1\r\nHost:%s\r\n", text_c(&host));
	for (unsigned i = 0; i < 30; i++)
		text_add(&text, STR("a:\r\nb:\r\n"));
	text_add(&text, STR("\r\n"));
	set_up(&f, text_c(&text));
	assert_true(address_parse(STR("[2001:1db8:1111:1111:1111:1111:1111:1111]:60000"), &f.peer));
	f.domain.name = "*.test";
	f.domain.forwarded = true;
	f.forward.is_peer_trusted = f.forward.is_https = true;
	f.forward.host = text_str(&host);
	f.forward.cdn_id = text_str(&host);
	f.forward.has_body = f.forward.is_length_known = true;
	f.forward.body_length = UINT64_MAX;
	f.forward.upgrade = str_make(host.at, LIMIT_PROTOCOL_BYTES);
	f.forward.websocket_key = STR("dGhlIHNhbXBsZSBub25jZQ==");
	struct str head = edge_forward_head(&f.forward, &f.arena);
	assert_true(head.len > text.len + 3 * host.len);
	arena_reset(&f.arena);
	text_done(&host);
	text_done(&text);
}

static void host_is_the_origins_or_the_domains_or_of_a_wildcard_the_one_asked_for(void **state)
{
	(void)state;
	static const struct {
		const char *name, *origin_host, *sent;
	} rows[] = {
	        {"edge.test", NULL, "edge.test"},
	        {"edge.test", "origin.test:8080", "origin.test:8080"},
	        {"*.edge.test", NULL, "a.edge.test"},
	        {"*.edge.test", "origin.test", "origin.test"},
	};
	for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
		struct fixture f;
		char wanted[256];
		set_up(&f, "GET / HTTP/1.1\r\nHost: A.edge.test.\r\n\r\n");
		f.forward.host = STR("a.edge.test");
		f.domain.name = rows[i].name;
		f.domain.origin.host = rows[i].origin_host;
		f.domain.x_forwarded_for = f.domain.x_forwarded_proto = false;
		snprintf(wanted, sizeof(wanted),
		        "GET / HTTP/1.1\r\nHost: %s\r\nVia: 1.1 headwater\r\nCDN-Loop: "
		        "headwater\r\n\r\n",
		        rows[i].sent);
		expect(&f, wanted);
	}
}

static void the_body_is_framed_afresh(void **state)
{
	(void)state;
	struct fixture f;
	set_up(&f, "POST / HTTP/1.1\r\nHost: edge.test\r\nTransfer-Encoding: chunked\r\n"
	           "Trailer: X\r\nExpect: 100-continue\r\n\r\n");
	f.domain.x_forwarded_for = f.domain.x_forwarded_proto = false;
	f.forward.has_body = true;
	expect(&f, "POST / HTTP/1.1\r\nHost: edge.test\r\nVia: 1.1 headwater\r\n"
	           "CDN-Loop: headwater\r\nTransfer-Encoding: chunked\r\n\r\n");
	f.forward.is_length_known = true;
	f.forward.body_length = 7;
	expect(&f, "POST / HTTP/1.1\r\nHost: edge.test\r\nVia: 1.1 headwater\r\n"
	           "CDN-Loop: headwater\r\nContent-Length: 7\r\n\r\n");
}

static void earlier_members_of_via_and_cdn_loop_go_on(void **state)
{
	(void)state;
	struct fixture f;
	set_up(&f, "GET / HTTP/1.1\r\nHost: edge.test\r\nVia: 1.0 a\r\nCDN-Loop: b\r\n\r\n");
	f.domain.x_forwarded_for = f.domain.x_forwarded_proto = false;
	expect(&f, "GET / HTTP/1.1\r\nHost: edge.test\r\nVia: 1.0 a\r\nCDN-Loop: b\r\n"
	           "Via: 1.1 headwater\r\nCDN-Loop: headwater\r\n\r\n");
}

static void via_tells_the_version_of_the_request(void **state)
{
	(void)state;
	struct fixture f;
	struct http_head shared;
	set_up(&f, "GET / HTTP/1.0\r\nHost: edge.test\r\n\r\n");
	f.domain.x_forwarded_for = f.domain.x_forwarded_proto = false;
	expect(&f, "GET / HTTP/1.1\r\nHost: edge.test\r\nVia: 1.0 headwater\r\n"
	           "CDN-Loop: headwater\r\n\r\n");
	set_up(&f, "GET / HTTP/1.0\r\nHost: edge.test\r\n\r\n");
	assert_true(edge_forward_shared(&f.head, STR_EMPTY, STR_EMPTY, &f.arena, &shared));
	assert_int_equal(shared.minor, 0);
	arena_reset(&f.arena);
}

static void a_shared_request_is_a_get_for_all_of_it(void **state)
{
	(void)state;
	struct fixture f;
	struct http_head shared;
	set_up(&f, "HEAD /a HTTP/1.1\r\nHost: edge.test\r\nRange: bytes=0-1\r\nIf-Match: \"a\"\r\n"
	           "Accept-Encoding: zstd\r\nX-HTTP-Method-Override: PUT\r\nX_Original_URL: /b\r\n"
	           "X-Hosts: c\r\nX-Host: c\r\nX-A: b\r\n\r\n");
	assert_true(edge_forward_shared(
	        &f.head, STR("gzip"), STR("If-None-Match: \"c\"\r\n"), &f.arena, &shared));
	assert_true(str_is_equal(str_make(shared.base, shared.len),
	        STR("GET /a HTTP/1.1\r\nAccept-Encoding: gzip\r\n"
	            "X-Hosts: c\r\nX-A: b\r\nIf-None-Match: \"c\"\r\n\r\n")));
	arena_reset(&f.arena);
}

static void what_a_client_names_in_connection_takes_nothing_of_ours_away(void **state)
{
	(void)state;
	struct fixture f;
	struct http_head shared;
	set_up(&f, "GET /a HTTP/1.1\r\nHost: edge.test\r\nX-A: b\r\n"
	           "Connection: If-None-Match, X-A, Accept-Encoding\r\n\r\n");
	assert_true(edge_forward_shared(
	        &f.head, STR("gzip"), STR("If-None-Match: \"c\"\r\n"), &f.arena, &shared));
	assert_true(str_is_equal(str_make(shared.base, shared.len),
	        STR("GET /a HTTP/1.1\r\nAccept-Encoding: gzip\r\n"
	            "If-None-Match: \"c\"\r\n\r\n")));
	arena_reset(&f.arena);
}

static void an_answer_varies_on_what_is_told(void **state)
{
	(void)state;
	struct fixture f;
	set_up(&f, "GET / HTTP/1.1\r\nHost: edge.test\r\n\r\n");
	f.domain.x_forwarded_proto = true;
	struct cache_vary_asked asked = edge_forward_asked(&f.head, &f.domain, true, false);
	assert_true(asked.head == &f.head && !asked.is_trusted);
	assert_true(str_is_equal(asked.proto, STR("https")));
	asked = edge_forward_asked(&f.head, &f.domain, false, true);
	assert_true(asked.is_trusted && str_is_equal(asked.proto, STR("http")));
	f.domain.x_forwarded_proto = false;
	asked = edge_forward_asked(&f.head, &f.domain, true, false);
	assert_int_equal(asked.proto.len, 0);
	arena_reset(&f.arena);
}

static void a_request_for_the_rest_differs_in_nothing_but_what_asks_for_it(void **state)
{
	(void)state;
	struct fixture f;
	struct http_head rest;
	set_up(&f, "GET /a HTTP/1.1\r\nHost: edge.test\r\nRange: bytes=5-\r\nIf-Range: \"b\"\r\n"
	           "If-None-Match: \"c\"\r\nif-modified-since: x\r\nAccept-Encoding: zstd\r\n"
	           "Accept-Encoding: br\r\nX-A: b\r\nConnection: Range, X-B\r\nX-B: c\r\n\r\n");
	assert_true(edge_forward_rest(
	        &f.head, STR("Range: bytes=9-\r\nIf-Range: \"a\"\r\n"), &f.arena, &rest));
	assert_true(str_is_equal(str_make(rest.base, rest.len),
	        STR("GET /a HTTP/1.1\r\nAccept-Encoding: zstd\r\n"
	            "Accept-Encoding: br\r\nX-A: b\r\nRange: bytes=9-\r\nIf-Range: "
	            "\"a\"\r\n\r\n")));
	arena_reset(&f.arena);
}

/* The rules of a domain, which the caller lets go. */
static struct model_domain *rules_of(struct fixture *f, const char *text)
{
	struct model_domain *domain = model_domain_new();
	struct model_why why;
	const struct model_field *field = model_field_find(STR("headers.to_origin"));
	if (!model_list_read(field, domain, str_of(text), &why))
		fail_msg("%s: %s", text, why.words);
	f->domain.headers_to_origin = domain->headers_to_origin;
	return domain;
}

static void rules_change_what_is_passed_on(void **state)
{
	(void)state;
	struct fixture f;
	set_up(&f, "GET / HTTP/1.1\r\nHost: edge.test\r\nCookie: a=b\r\nX-A: 1\r\nAccept: */*\r\n"
	           "x-a: 2\r\nX-Forwarded-Host: evil\r\n\r\n");
	struct model_domain *domain = rules_of(
	        &f, "delete Cookie, set X-A: 3, add Accept: text/html, set X-Forwarded-Host: ours");
	expect(&f, "GET / HTTP/1.1\r\nHost: edge.test\r\nAccept: */*\r\nX-A: 3\r\n"
	           "Accept: text/html\r\nX-Forwarded-Host: ours\r\nX-Forwarded-For: 192.0.2.9\r\n"
	           "X-Forwarded-Proto: http\r\nVia: 1.1 headwater\r\nCDN-Loop: headwater\r\n\r\n");
	model_domain_unref(domain);
}

static void as_much_as_rules_may_write_has_room(void **state)
{
	(void)state;
	struct fixture f;
	char value[LIMIT_HEADERS_BYTES];
	struct text rule = {0};
	memset(value, 'v', sizeof(value));
	text_addf(&rule, "add A: %.*s", LIMIT_HEADERS_BYTES - 7, value);
	set_up(&f, "GET / HTTP/1.1\r\nHost:a\r\n\r\n");
	struct model_domain *domain = rules_of(&f, text_c(&rule));
	struct str head = edge_forward_head(&f.forward, &f.arena);
	assert_true(head.len > LIMIT_HEADERS_BYTES);
	assert_true(str_has_suffix(head, STR("\r\n\r\n")));
	arena_reset(&f.arena);
	model_domain_unref(domain);
	text_done(&rule);
}

/* ---- buckets ---- */

static void make_bucket(struct fixture *f, bool is_private)
{
	f->domain.x_forwarded_for = f->domain.x_forwarded_proto = false;
	f->domain.origin = (struct model_origin){
	        .type = MODEL_COS,
	        .bucket = {.host = "b.test",
	                .is_private = is_private,
	                .key_id = is_private ? "id" : NULL,
	                .secret = is_private ? "s" : NULL},
	};
	f->forward.time_s = 1700000000;
}

static const char FOR_A_BUCKET[] =
        "GET /%7e%2fb?acl HTTP/1.1\r\nHost: edge.test\r\nAuthorization: mine\r\nCookie: a\r\n"
        "Date: now\r\nX-Amz-Acl: a\r\nx_cos_acl: a\r\nRange: bytes=0-1\r\nAccept: */*\r\n\r\n";

static void a_public_bucket_gets_its_host_and_nobodys_credentials(void **state)
{
	(void)state;
	struct fixture f;
	set_up(&f, FOR_A_BUCKET);
	make_bucket(&f, false);
	expect(&f, "GET /%7e%2fb?acl HTTP/1.1\r\nHost: b.test\r\nRange: bytes=0-1\r\n"
	           "Accept: */*\r\nVia: 1.1 headwater\r\nCDN-Loop: headwater\r\n\r\n");
	f.domain.origin.bucket.style = MODEL_STYLE_PATH;
	f.domain.origin.bucket.bucket = "c";
	expect(&f, "GET /c/%7e%2fb?acl HTTP/1.1\r\nHost: b.test\r\nRange: bytes=0-1\r\n"
	           "Accept: */*\r\nVia: 1.1 headwater\r\nCDN-Loop: headwater\r\n\r\n");
}

static void a_private_bucket_gets_the_path_and_a_signature(void **state)
{
	(void)state;
	struct fixture f;
	set_up(&f, FOR_A_BUCKET);
	make_bucket(&f, true);
	struct str head = edge_forward_head(&f.forward, &f.arena);
	assert_true(str_has_prefix(
	        head, STR("GET /~/b HTTP/1.1\r\nHost: b.test\r\nRange: bytes=0-1\r\nAccept: */*\r\n"
	                  "Via: 1.1 headwater\r\nCDN-Loop: headwater\r\n"
	                  "Authorization: q-sign-algorithm=sha1&q-ak=id&"
	                  "q-sign-time=1699999700;1700000900&")));
	assert_true(str_has_suffix(head, STR("\r\n\r\n")));
	arena_reset(&f.arena);
}

static void several_ranges_are_none_for_a_bucket(void **state)
{
	(void)state;
	struct fixture f;
	set_up(&f, "GET /a HTTP/1.1\r\nHost: e\r\nRange: bytes=0-1\r\nRange: bytes=2-3\r\n\r\n");
	make_bucket(&f, false);
	expect(&f, "GET /a HTTP/1.1\r\nHost: b.test\r\nVia: 1.1 headwater\r\n"
	           "CDN-Loop: headwater\r\n\r\n");
}

static void a_head_is_signed_anew_where_it_is(void **state)
{
	(void)state;
	struct fixture f;
	set_up(&f, FOR_A_BUCKET);
	make_bucket(&f, true);
	struct str head = edge_forward_head(&f.forward, &f.arena);
	struct str before = arena_copy(&f.arena, head);
	f.forward.time_s += 7777;
	struct str again = edge_forward_again(&f.forward, head);
	assert_ptr_equal(again.at, head.at);
	assert_int_equal(again.len, before.len);
	assert_false(str_is_equal(again, before));
	f.forward.time_s -= 7777;
	assert_true(str_is_equal(edge_forward_again(&f.forward, again), before));
	arena_reset(&f.arena);
}

/* A rule cannot come between a private bucket and its signature. */
static void a_rule_for_authorization_is_for_public_buckets(void **state)
{
	(void)state;
	struct fixture f;
	for (unsigned is_private = 0; is_private < 2; is_private++) {
		set_up(&f, "GET /a HTTP/1.1\r\nHost: e\r\n\r\n");
		struct model_domain *domain = rules_of(&f, "set Authorization: Bearer rule");
		make_bucket(&f, is_private);
		f.domain.headers_to_origin = domain->headers_to_origin;
		f.forward.domain = &f.domain;
		f.forward.origin = &f.domain.origin;
		struct str head = edge_forward_head(&f.forward, &f.arena);
		bool has_rule = memmem(head.at, head.len, "Bearer rule", 11) != NULL;
		bool has_signature = memmem(head.at, head.len, "q-signature=", 12) != NULL;
		assert_int_equal(has_rule, !is_private);
		assert_int_equal(has_signature, is_private);
		arena_reset(&f.arena);
		model_domain_unref(domain);
	}
}

/* Every byte of the path becomes an escape, and all that can be long is. */
static void the_largest_head_for_a_bucket_has_room(void **state)
{
	(void)state;
	struct fixture f;
	static char id[257], token[8193], name[256];
	struct text text = {.at = NULL};
	memset(id, 'i', sizeof(id) - 1);
	memset(token, 't', sizeof(token) - 1);
	memset(name, 'n', sizeof(name) - 1);
	text_add(&text, STR("GET /"));
	for (unsigned i = 0; i < 2000; i++)
		text_add_char(&text, '!');
	text_add(&text, STR(" HTTP/1.1\r\nHost:a\r\nRange:b\r\n\r\n"));
	for (unsigned type = MODEL_COS; type <= MODEL_S3; type++) {
		set_up(&f, text_c(&text));
		make_bucket(&f, true);
		f.domain.origin.type = (uint8_t)type;
		f.domain.origin.bucket.style = MODEL_STYLE_PATH;
		f.domain.origin.bucket.bucket = name;
		f.domain.origin.bucket.key_id = id;
		f.domain.origin.bucket.token = token;
		struct str head = edge_forward_head(&f.forward, &f.arena);
		assert_true(head.len > 3 * 2000 + sizeof(token));
		arena_reset(&f.arena);
	}
	text_done(&text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(what_belongs_to_the_connection_stays_behind),
	        cmocka_unit_test(an_upgrade_is_asked_for_afresh),
	        cmocka_unit_test(a_stranger_cannot_say_who_asked),
	        cmocka_unit_test(what_servers_take_for_a_known_field_stays_behind),
	        cmocka_unit_test(the_largest_head_has_room),
	        cmocka_unit_test(a_trusted_proxy_is_believed_and_added_to),
	        cmocka_unit_test(forwarded_is_sent_where_it_is_asked_for),
	        cmocka_unit_test(
	                host_is_the_origins_or_the_domains_or_of_a_wildcard_the_one_asked_for),
	        cmocka_unit_test(the_body_is_framed_afresh),
	        cmocka_unit_test(earlier_members_of_via_and_cdn_loop_go_on),
	        cmocka_unit_test(via_tells_the_version_of_the_request),
	        cmocka_unit_test(a_request_for_the_rest_differs_in_nothing_but_what_asks_for_it),
	        cmocka_unit_test(a_shared_request_is_a_get_for_all_of_it),
	        cmocka_unit_test(what_a_client_names_in_connection_takes_nothing_of_ours_away),
	        cmocka_unit_test(an_answer_varies_on_what_is_told),
	        cmocka_unit_test(rules_change_what_is_passed_on),
	        cmocka_unit_test(as_much_as_rules_may_write_has_room),
	        cmocka_unit_test(a_public_bucket_gets_its_host_and_nobodys_credentials),
	        cmocka_unit_test(a_private_bucket_gets_the_path_and_a_signature),
	        cmocka_unit_test(several_ranges_are_none_for_a_bucket),
	        cmocka_unit_test(a_head_is_signed_anew_where_it_is),
	        cmocka_unit_test(a_rule_for_authorization_is_for_public_buckets),
	        cmocka_unit_test(the_largest_head_for_a_bucket_has_room),
	};
	hash_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
