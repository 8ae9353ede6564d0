/* Variants. */
#include "cache/vary.h"

#include "base/hash.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "exchanges.h"

/* The variant of a request for the names in a list. */
static struct str variant_of(
        struct heads *heads, const char *names, const char *lines, char to[LIMIT_VARIANT_BYTES])
{
	struct cache_vary vary = {0};
	struct str rest = str_of(names), text;
	while (rest.len > 0)
		assert_true(cache_vary_add_name(&vary, str_cut(&rest, ',')));
	heads_request(heads, "GET", lines);
	assert_int_equal(cache_vary_write(&vary, &(struct cache_vary_asked){.head = &heads->head},
	                         to, &text),
	        CACHE_VARY_DONE);
	return text;
}

static void names_are_added_once(void **state)
{
	(void)state;
	enum { DONE = CACHE_VARY_DONE, ANY = CACHE_VARY_ANY, LIMIT = CACHE_VARY_LIMIT };
	static const struct {
		const char *lines;
		int result;
		const char *names; /* behind "Accept", which is there before */
	} rows[] = {
	        /* RFC 9110 12.5.5 */
	        {"", DONE, ""},
	        {"Vary:", DONE, ""},
	        {"Vary: accept", DONE, ""},
	        {"Vary: A, b,, A,a", DONE, "A b "},
	        {"Vary: a\nVary: B", DONE, "a B "},
	        {"Vary: a, forwarded", ANY, ""},
	        {"Vary: X-Forwarded-For", ANY, ""},
	        {"Vary: X-Forwarded-Proto", DONE, "X-Forwarded-Proto "},
	        {"Vary: *", ANY, ""},
	        {"Vary: a, *", ANY, ""},
	        {"Vary: a b", ANY, ""},
	        {"Vary: a;b", ANY, ""},
	        {"Vary: a,b,c,d,e,f,g", DONE, "a b c d e f g "},
	        {"Vary: a,b,c,d,e,f,g,h", LIMIT, ""},
	        {"Vary: a,b,c,d,e,f,g,accept,A", DONE, "a b c d e f g "},
	};
	struct heads heads = {0};
	struct text got = {0};
	for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
		struct cache_vary vary = {0};
		assert_true(cache_vary_add_name(&vary, STR("Accept")));
		heads_response(&heads, 200, rows[i].lines);
		assert_int_equal(cache_vary_add(&vary, &heads.head), rows[i].result);
		text_clear(&got);
		for (unsigned k = 1; k < vary.count; k++)
			text_addf(&got, "%.*s ", STR_ARG(vary.names[k]));
		assert_string_equal(text_c(&got), rows[i].names);
	}
	text_done(&got);
	heads_done(&heads);
}

static void requests_with_equal_meaning_share_a_variant(void **state)
{
	(void)state;
	static const struct {
		const char *name, *a, *b;
		bool is_same;
	} rows[] = {
	        /* RFC 9111 4.1: white space, several lines */
	        {"X", "X: a", "x:\ta ", true},
	        {"X", "X: a  b", "X: a\tb", true},
	        {"X", "X: a\nX: b", "X: a, b", true},
	        {"X", "X: a\nX:  b\nX: c", "X: a, b, c", true},
	        {"X", "X: a\nY: b", "X: a", true},
	        /* what may differ in meaning stays apart */
	        {"X", "X: a", "X: A", false},
	        {"X", "X: a,b", "X: a, b", false},
	        {"X", "X: a, b", "X: b, a", false},
	        {"X", "X: \"a  b\"", "X: \"a b\"", false},
	        {"X", "X: \"a\\\"  b\"", "X: \"a\\\" b\"", false},
	        {"X", "X: \"a\"  b", "X: \"a\" b", true},
	        {"X", "X: \"a\nX: b\"", "X: \"a, b\"", true},
	        {"X", "X:", "", false},
	        {"X", "X:", "X: a", false},
	        {"X", "", "Y: a", true},
	        /* no case, and no space in a list */
	        {"Accept-Language", "Accept-Language: de-AT, EN;q=0.5",
	                "Accept-Language: de-at,en ; Q=0.5", true},
	        {"Accept-Language", "Accept-Language: de\nAccept-Language: en",
	                "Accept-Language: de,en", true},
	        {"Accept-Language", "Accept-Language: de, en", "Accept-Language: en, de", false},
	        {"Accept", "Accept: Text/HTML, */*;q=0.8", "Accept: text/html,*/* ;q=0.8", true},
	        {"Accept", "Accept: text/x;v=A", "Accept: text/x;v=a", false},
	        {"Accept", "Accept: text/x;v=A, Text/Y", "Accept: text/x; v=A,text/y", true},
	        {"Accept", "Accept: text/x;v=\"A , B\"", "Accept: text/x;v=\"A,B\"", false},
	        /* known codings only */
	        {"Accept-Encoding", "Accept-Encoding: gzip, br, zstd", "Accept-Encoding: BR,GZIP",
	                true},
	        {"Accept-Encoding", "Accept-Encoding: gzip", "Accept-Encoding: gzip, br", false},
	        {"Accept-Encoding", "", "Accept-Encoding: deflate", true},
	};
	struct heads heads = {0};
	for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
		static char a[LIMIT_VARIANT_BYTES], b[LIMIT_VARIANT_BYTES];
		struct str first = variant_of(&heads, rows[i].name, rows[i].a, a);
		struct str second = variant_of(&heads, rows[i].name, rows[i].b, b);
		assert_int_equal(str_is_equal(first, second), rows[i].is_same);
	}
	heads_done(&heads);
}

static void variants_are_written_so_that_none_passes_for_another(void **state)
{
	(void)state;
	static const struct {
		const char *names, *lines, *text;
	} rows[] = {
	        {"", "A: 1", ""},
	        {"A,B", "A: 1\nB: 23", "00011000223"},
	        {"A,B", "B: 1", "----00011"},
	        {"A,B", "A: 1", "00011----"},
	        {"A,B", "A:\nB:", "00000000"},
	        {"B,A", "A: 1\nB: 23", "00022300011"},
	        {"A,B", "A: 10001", "000510001----"},
	        {"Accept-Encoding,A", "A: ----", "0008identity0004----"},
	};
	struct heads heads = {0};
	for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
		static char to[LIMIT_VARIANT_BYTES];
		assert_str_equal(
		        variant_of(&heads, rows[i].names, rows[i].lines, to), str_of(rows[i].text));
	}
	heads_done(&heads);
}

static void a_variant_has_its_most_bytes(void **state)
{
	(void)state;
	struct heads heads = {0};
	struct text lines = {0};
	struct cache_vary vary = {0};
	struct str text;
	static char to[LIMIT_VARIANT_BYTES];
	const struct cache_vary_asked asked = {.head = &heads.head};
	assert_true(cache_vary_add_name(&vary, STR("A")));
	text_add(&lines, STR("A: "));
	while (lines.len < LIMIT_VARIANT_BYTES - 4 + 3)
		text_add_char(&lines, 'x');
	heads_request(&heads, "GET", text_c(&lines));
	assert_int_equal(cache_vary_write(&vary, &asked, to, &text), CACHE_VARY_DONE);
	assert_int_equal(text.len, LIMIT_VARIANT_BYTES);
	assert_true(str_has_prefix(text, STR("0ffcx")));
	text_add_char(&lines, 'x');
	heads_request(&heads, "GET", text_c(&lines));
	assert_int_equal(cache_vary_write(&vary, &asked, to, &text), CACHE_VARY_LIMIT);
	assert_true(cache_vary_add_name(&vary, STR("B")));
	lines.len -= 2;
	lines.at[lines.len] = '\0';
	heads_request(&heads, "GET", text_c(&lines));
	assert_int_equal(cache_vary_write(&vary, &asked, to, &text), CACHE_VARY_LIMIT);
	text_done(&lines);
	heads_done(&heads);
}

static void what_the_origin_is_not_told_makes_no_variant(void **state)
{
	(void)state;
	static const struct {
		const char *names, *lines;
		bool is_trusted;
		const char *proto, *text;
	} rows[] = {
	        /* RFC 9110 7.6.1 */
	        {"A", "A: 1\nConnection: A", false, "", "----"},
	        {"A", "A: 1\nConnection: close, b\nConnection: a", true, "", "----"},
	        {"A,B", "A: 1\nB: 2\nConnection: A", false, "", "----00012"},
	        {"Accept", "Accept: a/b\nConnection: accept", false, "", "----"},
	        {"TE", "TE: trailers", false, "", "----"},
	        {"Connection", "Connection: close", false, "", "----"},
	        {"Accept-Encoding", "Accept-Encoding: br\nConnection: Accept-Encoding", false, "",
	                "0002br"},
	        /* what only we and who we trust say */
	        {"X-Forwarded-Proto", "", false, "", "----"},
	        {"X-Forwarded-Proto", "", false, "http", "0004http"},
	        {"X-Forwarded-Proto", "X-Forwarded-Proto: https", false, "http", "0004http"},
	        {"X-Forwarded-Proto", "X-Forwarded-Proto: https", false, "", "----"},
	        {"X-Forwarded-Proto", "X-Forwarded-Proto: https", true, "http", "0005https"},
	        {"X-Forwarded-Proto", "X-Forwarded-Proto: x\nConnection: X-Forwarded-Proto", true,
	                "http", "0004http"},
	        {"X-Forwarded-Proto", "", true, "https", "0005https"},
	        {"X-Forwarded-Host", "X-Forwarded-Host: a", false, "", "----"},
	        {"X-Forwarded-Host", "X-Forwarded-Host: a", true, "", "0001a"},
	};
	struct heads heads = {0};
	for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
		struct cache_vary vary = {0};
		char to[LIMIT_VARIANT_BYTES];
		struct str rest = str_of(rows[i].names), text;
		while (rest.len > 0)
			assert_true(cache_vary_add_name(&vary, str_cut(&rest, ',')));
		const struct cache_vary_asked asked = {
		        .head = heads_request(&heads, "GET", rows[i].lines),
		        .is_trusted = rows[i].is_trusted,
		        .proto = str_of(rows[i].proto),
		};
		assert_int_equal(cache_vary_write(&vary, &asked, to, &text), CACHE_VARY_DONE);
		assert_str_equal(text, str_of(rows[i].text));
	}
	heads_done(&heads);
}

static void accepted_codings_are_told_by_weight(void **state)
{
	(void)state;
	static const struct {
		const char *lines, *text;
	} rows[] = {
	        /* RFC 9110 12.5.3 */
	        {"", "identity"},
	        {"Accept-Encoding:", "identity"},
	        {"Accept-Encoding: identity", "identity"},
	        {"Accept-Encoding: gzip", "gzip"},
	        {"Accept-Encoding: x-GZIP", "gzip"},
	        {"Accept-Encoding: br", "br"},
	        {"Accept-Encoding: gzip, deflate, br, zstd", "br, gzip"},
	        /* what is common, and the same with a comma that says nothing */
	        {"Accept-Encoding: gzip,", "gzip"},
	        {"Accept-Encoding: gzip, deflate", "gzip"},
	        {"Accept-Encoding: gzip, deflate,", "gzip"},
	        {"Accept-Encoding: gzip, deflate, br", "br, gzip"},
	        {"Accept-Encoding: gzip, deflate, br,", "br, gzip"},
	        {"Accept-Encoding: gzip, deflate, br, zstd,", "br, gzip"},
	        {"Accept-Encoding: gzip\nAccept-Encoding: gzip;q=0", "identity"},
	        {"Accept-Encoding: br;q=1.0, gzip;q=0.8, *;q=0.1", "br, gzip"},
	        {"Accept-Encoding: gzip\nAccept-Encoding: br", "br, gzip"},
	        {"Accept-Encoding: *", "br, gzip"},
	        {"Accept-Encoding: compress, *;q=0.5, gzip;q=0", "br"},
	        {"Accept-Encoding: gzip ;\tQ=0.001", "gzip"},
	        {"Accept-Encoding: gzip;q=0", "identity"},
	        {"Accept-Encoding: gzip;q=0.000, br;q=0.", "identity"},
	        {"Accept-Encoding: gzip, gzip;q=0", "identity"},
	        {"Accept-Encoding: gzip;q=1., br;q=1.000", "br, gzip"},
	        {"Accept-Encoding: *;q=0", "identity;q=0"},
	        {"Accept-Encoding: identity;q=0", "identity;q=0"},
	        {"Accept-Encoding: gzip, identity;q=0", "gzip, identity;q=0"},
	        {"Accept-Encoding: gzip, *;q=0", "gzip, identity;q=0"},
	        {"Accept-Encoding: br, *;q=0.0", "br, identity;q=0"},
	        {"Accept-Encoding: identity;q=0.5, *;q=0", "identity"},
	        {"Accept-Encoding: *, identity;q=0", "br, gzip, identity;q=0"},
	        /* a weight that cannot be read allows nothing */
	        {"Accept-Encoding: gzip;q=2", "identity"},
	        {"Accept-Encoding: gzip;q=", "identity"},
	        {"Accept-Encoding: gzip;q=1.0000", "identity"},
	        {"Accept-Encoding: gzip;q=1x", "identity"},
	        {"Accept-Encoding: gzip;q=0.x", "identity"},
	        {"Accept-Encoding: gzip;x=1", "identity"},
	        {"Accept-Encoding: gzip;q=1;x", "identity"},
	        {"Accept-Encoding: gzip;", "identity"},
	        {"Accept-Encoding: gzip br", "identity"},
	        {"Accept-Encoding: \"gzip, br\"", "identity"},
	};
	struct heads heads = {0};
	for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
		const struct http_head *head = heads_request(&heads, "GET", rows[i].lines);
		assert_str_equal(cache_vary_accept_encoding(head), str_of(rows[i].text));
	}
	heads_done(&heads);
}

int main(void)
{
	hash_init();
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(names_are_added_once),
	        cmocka_unit_test(requests_with_equal_meaning_share_a_variant),
	        cmocka_unit_test(variants_are_written_so_that_none_passes_for_another),
	        cmocka_unit_test(a_variant_has_its_most_bytes),
	        cmocka_unit_test(what_the_origin_is_not_told_makes_no_variant),
	        cmocka_unit_test(accepted_codings_are_told_by_weight),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
