/* What does not travel, and who a request passed through. */
#include "http/hop.h"

#include "base/hash.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define assert_str_equal(a, b) assert_true(str_is_equal((a), (b)))

static const struct http_head_limits LIMITS = {
        .head_bytes = LIMIT_HEAD_BYTES, .target_bytes = 100, .fields = LIMIT_HEAD_FIELDS};

static struct http_field fields[LIMIT_HEAD_FIELDS];

/* The head of a response with these lines. It refers to *text. */
static struct http_head parse(struct text *text, const char *lines)
{
	struct http_head head = {.fields = fields, .capacity = ARRAY_LENGTH(fields)};
	size_t scanned = 0;
	enum fault fault;
	text_clear(text);
	text_addf(text, "HTTP/1.1 200 OK\r\n%s\r\n", lines);
	assert_int_equal(http_head_parse_response(text_str(text), &scanned, &LIMITS, &head, &fault),
	        HTTP_PARSE_DONE);
	return head;
}

static bool is_dropped(const uint64_t *drop, unsigned i)
{
	return (drop[i / 64] >> i % 64 & 1) != 0;
}

static void fields_of_the_connection_are_marked(void **state)
{
	(void)state;
	static const struct {
		const char *lines, *kept; /* names, each with a comma */
	} rows[] = {
	        {"", ""},
	        {"Accept: a\r\nCookie: b\r\nX: c\r\n", "Accept,Cookie,X,"},
	        {"Connection: close\r\nKeep-Alive: 5\r\nProxy-Connection: x\r\nA: b\r\n", "A,"},
	        {"TE: trailers\r\nTrailer: x\r\nTransfer-Encoding: chunked\r\nUpgrade: h2c\r\n",
	                ""},
	        {"Content-Length: 5\r\nHost: a\r\nExpect: 100-continue\r\nContent-Type: b\r\n",
	                "Content-Type,"},
	        {"Proxy-Authenticate: a\r\nProxy-Authorization: b\r\nAuthorization: c\r\n",
	                "Authorization,"},
	        {"X-A: 1\r\nConnection: x-a, X-b\r\nX-B: 2\r\nx-a: 3\r\nX-C: 4\r\n", "X-C,"},
	        {"Connection: X\r\nX: 1\r\nY: 2\r\nConnection: ,, y ,\r\nZ: 3\r\n", "Z,"},
	        {"Connection: Cookie, via\r\nCookie: 1\r\nVia: 2\r\nVary: 3\r\n", "Vary,"},
	        {"Connection: x\r\nX-Y: 1\r\nY: 2\r\n", "X-Y,Y,"},
	        {"Connection: \"x, y\r\nX: 1\r\nY: 2\r\n", "X,"},
	        {"Connection: x y\r\nX: 1\r\nY: 2\r\n", "X,Y,"},
	        {"Connection:\r\nX: 1\r\n", "X,"},
	};
	struct text text = {0}, kept = {0};
	for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
		struct http_head head = parse(&text, rows[i].lines);
		uint64_t drop[HTTP_HOP_WORDS];
		http_hop_mark(&head, drop);
		text_clear(&kept);
		for (unsigned k = 0; k < head.count; k++) {
			if (is_dropped(drop, k))
				continue;
			text_add(&kept, http_head_name(&head, &head.fields[k]));
			text_add_char(&kept, ',');
		}
		assert_string_equal(text_c(&kept), rows[i].kept);
		for (unsigned k = head.count; k < LIMIT_HEAD_FIELDS; k++)
			assert_false(is_dropped(drop, k));
	}
	text_done(&text);
	text_done(&kept);
}

static void all_fields_of_a_full_head_can_be_named(void **state)
{
	(void)state;
	struct text lines = {0}, text = {0};
	text_add(&lines, STR("Connection: "));
	for (unsigned i = 1; i < LIMIT_HEAD_FIELDS; i += 2)
		text_addf(&lines, "X-%u,", i);
	for (unsigned i = 1; i < LIMIT_HEAD_FIELDS; i++)
		text_addf(&lines, "\r\nx-%u: a", i);
	text_add(&lines, STR("\r\n"));
	struct http_head head = parse(&text, text_c(&lines));
	assert_int_equal(head.count, LIMIT_HEAD_FIELDS);
	uint64_t drop[HTTP_HOP_WORDS];
	http_hop_mark(&head, drop);
	for (unsigned i = 1; i < LIMIT_HEAD_FIELDS; i++)
		assert_int_equal(is_dropped(drop, i), i % 2);
	text_done(&lines);
	text_done(&text);
}

static void a_loop_is_told_by_the_id_alone(void **state)
{
	(void)state;
	static const struct {
		const char *lines;
		bool is_named;
	} rows[] = {
	        {"", false},
	        {"CDN-Loop: headwater\r\n", true},
	        {"CDN-Loop: a, HEADWATER; v=\"1,2\" ,b\r\n", true},
	        {"CDN-Loop: a\r\nCdn-Loop: headwater;x\r\n", true},
	        {"CDN-Loop: a; b=headwater\r\n", false},
	        {"CDN-Loop: headwater.example\r\n", false},
	        {"CDN-Loop: \"headwater\"\r\n", false},
	        {"CDN-Loop: head water\r\n", false},
	        {"Via: headwater\r\n", false},
	        {"CDN-Loop: a; x=\", headwater\"\r\n", false},
	};
	struct text text = {0};
	for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
		struct http_head head = parse(&text, rows[i].lines);
		assert_int_equal(http_hop_has_cdn_id(&head, STR("headwater")), rows[i].is_named);
	}
	text_done(&text);
}

/* In these tests a proxy is trusted when its address is in 10.0.0.0/8 or fd00::/8. */
static bool is_trusted(const struct address *address, const void *context)
{
	const struct address_prefix *prefixes = context;
	return address_is_in(address, &prefixes[0]) || address_is_in(address, &prefixes[1]);
}

static void the_client_stands_behind_trusted_proxies(void **state)
{
	(void)state;
	static const struct {
		const char *peer, *lines, *client; /* NULL: a member is no address */
	} rows[] = {
	        {"192.0.2.1:5", "", "192.0.2.1:5"},
	        {"192.0.2.1:5", "X-Forwarded-For: 198.51.100.1\r\n", "192.0.2.1:5"},
	        {"192.0.2.1:5", "X-Forwarded-For: junk\r\n", "192.0.2.1:5"},
	        {"10.0.0.1:5", "", "10.0.0.1:5"},
	        {"10.0.0.1:5", "X-Forwarded-For:\r\n", "10.0.0.1:5"},
	        {"10.0.0.1:5", "X-Forwarded-For: 198.51.100.1\r\n", "198.51.100.1:0"},
	        {"10.0.0.1:5", "X-Forwarded-For: 198.51.100.1:77\r\n", "198.51.100.1:77"},
	        {"10.0.0.1:5", "X-Forwarded-For: 203.0.113.9, 198.51.100.1\r\n", "198.51.100.1:0"},
	        {"10.0.0.1:5", "X-Forwarded-For: junk, 198.51.100.1,10.0.0.2 ,,\r\n",
	                "198.51.100.1:0"},
	        {"10.0.0.1:5",
	                "X-Forwarded-For: 198.51.100.1\r\nX: y\r\nX-Forwarded-For: 10.0.0.3\r\n",
	                "198.51.100.1:0"},
	        {"10.0.0.1:5", "X-Forwarded-For: 10.0.0.3, 10.0.0.2\r\n", "10.0.0.3:0"},
	        {"10.0.0.1:5", "X-Forwarded-For: 2001:db8::1\r\n", "[2001:db8::1]:0"},
	        {"10.0.0.1:5", "X-Forwarded-For: [2001:db8::1]\r\n", "[2001:db8::1]:0"},
	        {"10.0.0.1:5", "X-Forwarded-For: [2001:db8::1]:99\r\n", "[2001:db8::1]:99"},
	        {"[fd00::1]:5", "X-Forwarded-For: 198.51.100.1, fd00::2\r\n", "198.51.100.1:0"},
	        {"10.0.0.1:5", "X-Forwarded-For: unknown\r\n", NULL},
	        {"10.0.0.1:5", "X-Forwarded-For: 198.51.100.1, _hidden\r\n", NULL},
	        {"10.0.0.1:5", "X-Forwarded-For: unknown, 10.0.0.2\r\n", NULL},
	        {"10.0.0.1:5", "X-Forwarded-For: 198.51.100.1:x\r\n", NULL},
	        {"10.0.0.1:5", "X-Forwarded-For: [198.51.100.1]\r\n", NULL},
	        {"10.0.0.1:5", "X-Forwarded-For: [\r\n", NULL},
	        {"10.0.0.1:5", "X-Forwarded-For: 198.51.100.1 198.51.100.2\r\n", NULL},
	        {"10.0.0.1:5", "X-Forwarded-For: \"198.51.100.1\"\r\n", NULL},
	};
	struct address_prefix prefixes[2];
	assert_true(address_prefix_parse(STR("10.0.0.0/8"), &prefixes[0]));
	assert_true(address_prefix_parse(STR("fd00::/8"), &prefixes[1]));
	struct text text = {0};
	for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
		struct http_head head = parse(&text, rows[i].lines);
		struct address address;
		assert_true(address_parse(str_of(rows[i].peer), &address));
		bool is_good = http_hop_client(&head, is_trusted, prefixes, &address);
		assert_int_equal(is_good, rows[i].client != NULL);
		char got[ADDRESS_TEXT_BYTES];
		assert_string_equal(address_format(&address, got),
		        rows[i].client != NULL ? rows[i].client : rows[i].peer);
	}
	text_done(&text);
}

static void the_walk_to_the_client_is_limited(void **state)
{
	(void)state;
	struct address_prefix prefixes[2];
	assert_true(address_prefix_parse(STR("10.0.0.0/8"), &prefixes[0]));
	assert_true(address_prefix_parse(STR("fd00::/8"), &prefixes[1]));
	struct text lines = {0}, text = {0};
	text_add(&lines, STR("X-Forwarded-For: 198.51.100.1"));
	for (unsigned i = LIMIT_FORWARDED_HOPS; i > 0; i--)
		text_addf(&lines, ", 10.0.0.%u", i);
	text_add(&lines, STR("\r\n"));
	struct http_head head = parse(&text, text_c(&lines));
	struct address address;
	char got[ADDRESS_TEXT_BYTES];
	assert_true(address_parse(STR("10.0.0.200:1"), &address));
	assert_true(http_hop_client(&head, is_trusted, prefixes, &address));
	assert_string_equal(address_format_ip(&address, got), "10.0.0.64");
	text_done(&lines);
	text_done(&text);
}

int main(void)
{
	hash_init();
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(fields_of_the_connection_are_marked),
	        cmocka_unit_test(all_fields_of_a_full_head_can_be_named),
	        cmocka_unit_test(a_loop_is_told_by_the_id_alone),
	        cmocka_unit_test(the_client_stands_behind_trusted_proxies),
	        cmocka_unit_test(the_walk_to_the_client_is_limited),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
