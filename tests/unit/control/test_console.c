/* The console as it is answered. */
#include "control/console.h"

#include "served.h"

#include "console_folder.h"

enum { WAIT_MS = 20000 };

struct site {
	struct served served;
	struct folder folder;
};

/* Until the console has been read. */
static void wait_read(struct site *site)
{
	uint64_t end_ms = clock_ms() + WAIT_MS;
	struct text got = {0};
	while (ask_once(&site->served, &got, "GET /", "", NULL) == 503)
		assert_true(clock_ms() < end_ms);
	text_done(&got);
}

static void begin_site(struct site *site, bool is_filled)
{
	begin_served(&site->served);
	folder_init(&site->folder);
	if (is_filled)
		folder_fill(&site->folder);
	site->served.fixture.plane.console =
	        control_console_new(site->served.loop, site->folder.path);
	wait_read(site);
}

static void end_site(struct site *site)
{
	control_exchanges_free(site->served.exchanges);
	site->served.exchanges = NULL;
	control_console_free(site->served.fixture.plane.console);
	end_served(&site->served);
	folder_done(&site->folder);
}

/* Asks until the answer has the text. */
static void wait_answer(struct site *site, const char *line, const char *what)
{
	uint64_t end_ms = clock_ms() + WAIT_MS;
	struct text got = {0};
	for (;;) {
		(void)ask_once(&site->served, &got, line, "", NULL);
		if (strstr(text_c(&got), what) != NULL)
			break;
		if (clock_ms() >= end_ms)
			fail_msg("%s: no %s in %s", line, what, text_c(&got));
		loop_turn(site->served.loop, 20);
	}
	text_done(&got);
}

static void paths_are_files_or_pages_or_nothing(void **state)
{
	(void)state;
	static const struct {
		const char *line;
		unsigned status;
		const char *what;
	} ROWS[] = {
	        {"GET /", 200, "\r\n\r\n<!doctype html>"},
	        {"GET /", 200, "Content-Type: text/html; charset=utf-8\r\n"},
	        {"GET /", 200, "Cache-Control: no-cache\r\n"},
	        {"GET /", 200, "Content-Security-Policy: default-src 'none'; script-src 'self';"},
	        {"GET /", 200, "frame-ancestors 'none'\r\n"},
	        {"GET /", 200, "X-Content-Type-Options: nosniff\r\n"},
	        {"GET /", 200, "Referrer-Policy: no-referrer\r\n"},
	        {"GET /", 200, "Cross-Origin-Opener-Policy: same-origin\r\n"},
	        {"GET /", 200, "Permissions-Policy: "},
	        {"GET /index.html", 200, "\r\n\r\n<!doctype html>"},
	        {"GET /index.html?from=a", 200, "\r\n\r\n<!doctype html>"},
	        {"HEAD /", 200, "Content-Length: 15\r\n"},
	        {"GET /favicon.svg", 200, "Content-Type: image/svg+xml\r\n"},
	        {"GET /favicon.svg", 200, "Cache-Control: no-cache\r\n"},
	        {"GET /assets/main-1.js", 200, "\r\n\r\nmain()"},
	        {"GET /assets/main-1.js", 200, "Vary: Accept-Encoding\r\n"},
	        {"GET /assets/main-1.js", 200,
	                "Cache-Control: public, max-age=31536000, immutable\r\n"},
	        /* pages of its own; a domain is no file */
	        {"GET /domains", 200, "\r\n\r\n<!doctype html>"},
	        {"GET /domains/www.example.com", 200, "\r\n\r\n<!doctype html>"},
	        {"GET /domains/%2a.a.test/health", 200, "\r\n\r\n<!doctype html>"},
	        {"GET /domains/main.js/origin", 200, "\r\n\r\n<!doctype html>"},
	        {"GET /apis", 200, "\r\n\r\n<!doctype html>"},
	        {"GET /problems/not-found", 200, "\r\n\r\n<!doctype html>"},
	        /* files that are not there */
	        {"GET /assets/main-2.js", 404, "/problems/not-found"},
	        {"GET /assets/main-2.js", 404, "Cache-Control: no-store\r\n"},
	        {"GET /assets/main-1.js.gz", 404, "/problems/not-found"},
	        {"GET /assets", 404, "/problems/not-found"},
	        {"GET /favicon.ico", 404, "/problems/not-found"},
	        /* the API's */
	        {"GET /api", 404, "/problems/not-found"},
	        {"GET /api/v1/nothing", 404, "/problems/not-found"},
	        {"GET /healthz/x", 404, "/problems/not-found"},
	        {"GET /healthz", 200, "\r\n\r\nok\n"},
	        {"GET /metrics", 401, "/problems/unauthenticated"},
	        {"GET /api/v1/domains", 401, "/problems/unauthenticated"},
	        /* methods */
	        {"POST /", 405, "Allow: GET, HEAD, OPTIONS\r\n"},
	        {"DELETE /domains", 405, "/problems/method-not-allowed"},
	        {"OPTIONS /assets/main-1.js", 204, "Allow: GET, HEAD, OPTIONS\r\n"},
	};
	struct site site;
	begin_site(&site, true);
	for (size_t i = 0; i < ARRAY_LENGTH(ROWS); i++)
		expect_once(&site.served, ROWS[i].status, ROWS[i].line, "", NULL, ROWS[i].what);
	end_site(&site);
}

static void codings_are_those_that_the_client_takes(void **state)
{
	(void)state;
	static const struct {
		const char *line, *fields, *what, *without;
	} ROWS[] = {
	        {"GET /assets/main-1.js", "", "\r\n\r\nmain()", "Content-Encoding"},
	        {"GET /assets/main-1.js", "Accept-Encoding: gzip, deflate, br\r\n",
	                "Content-Encoding: br\r\n", "main()"},
	        {"GET /assets/main-1.js", "Accept-Encoding: gzip, deflate, br\r\n", "\r\n\r\nbr!",
	                "main()"},
	        {"GET /assets/main-1.js", "Accept-Encoding: gzip\r\n", "\r\n\r\ngz", "br!"},
	        {"GET /assets/main-1.js", "Accept-Encoding: gzip, br;q=0.9\r\n",
	                "Content-Encoding: gzip\r\n", "br!"},
	        {"GET /assets/main-1.js", "Accept-Encoding: gzip;q=0.5, identity\r\n",
	                "\r\n\r\nmain()", "Content-Encoding"},
	        {"GET /assets/main-1.js", "Accept-Encoding: br;q=0, gzip;q=0\r\n", "\r\n\r\nmain()",
	                "Content-Encoding"},
	        {"GET /assets/main-1.css", "Accept-Encoding: br, gzip;q=0.1\r\n", "\r\n\r\ncgz",
	                "a{}"},
	        {"GET /assets/main-1.css", "Accept-Encoding: br\r\n", "\r\n\r\na{}",
	                "Content-Encoding"},
	        {"GET /", "Accept-Encoding: br\r\n", "<!doctype html>", "Vary"},
	        {"HEAD /assets/main-1.js", "Accept-Encoding: br\r\n", "Content-Length: 3\r\n",
	                "br!"},
	};
	struct site site;
	struct text got = {0};
	begin_site(&site, true);
	for (size_t i = 0; i < ARRAY_LENGTH(ROWS); i++) {
		assert_int_equal(
		        ask_once(&site.served, &got, ROWS[i].line, ROWS[i].fields, NULL), 200);
		expect_text(text_c(&got), ROWS[i].what);
		expect_no_text(text_c(&got), ROWS[i].without);
	}
	text_done(&got);
	end_site(&site);
}

static void who_has_a_file_is_told_so(void **state)
{
	(void)state;
	struct site site;
	struct text got = {0};
	char fields[128], tag[64];
	begin_site(&site, true);
	assert_int_equal(ask_once(&site.served, &got, "GET /assets/main-1.js", "", NULL), 200);
	const char *at = strstr(text_c(&got), "\r\nETag: \"");
	assert_non_null(at);
	assert_int_equal(sscanf(at, "\r\nETag: %63s", tag), 1);
	snprintf(fields, sizeof(fields), "If-None-Match: \"x\", %s\r\n", tag);
	assert_int_equal(ask_once(&site.served, &got, "GET /assets/main-1.js", fields, NULL), 304);
	expect_text(text_c(&got), "immutable\r\n");
	expect_text(text_c(&got), tag);
	expect_text(text_c(&got), "Vary: Accept-Encoding\r\n");
	expect_no_text(text_c(&got), "main()");
	assert_int_equal(ask_once(&site.served, &got, "HEAD /assets/main-1.js", fields, NULL), 304);
	/* What is compressed is another representation. */
	snprintf(fields, sizeof(fields), "Accept-Encoding: gzip\r\nIf-None-Match: %s\r\n", tag);
	assert_int_equal(ask_once(&site.served, &got, "GET /assets/main-1.js", fields, NULL), 200);
	text_done(&got);
	end_site(&site);
}

static void another_build_is_served_without_a_restart(void **state)
{
	(void)state;
	struct site site;
	begin_site(&site, false);
	expect_once(&site.served, 404, "GET /", "", NULL, "its console is not here");
	expect_once(&site.served, 404, "GET /", "", NULL, "Content-Type: text/plain");
	expect_once(&site.served, 404, "GET /domains", "", NULL, "/problems/not-found");
	folder_fill(&site.folder);
	wait_answer(&site, "GET /", "<!doctype html>");
	folder_write(&site.folder, "assets/main-2.js", "second()", 0);
	folder_write(&site.folder, "index.html", "the second build", 0);
	wait_answer(&site, "GET /", "the second build");
	wait_answer(&site, "GET /assets/main-2.js", "second()");
	/* One that is broken leaves it. */
	assert_int_equal(unlink(folder_at(&site.folder, "index.html")), 0);
	uint64_t until_ms = clock_ms() + 2500;
	while (clock_ms() < until_ms)
		loop_turn(site.served.loop, 50);
	expect_once(&site.served, 200, "GET /", "", NULL, "the second build");
	end_site(&site);
}

static void a_large_file_comes_whole_while_another_build_takes_its_place(void **state)
{
	(void)state;
	enum { SIZE = 4 << 20 };
	struct site site;
	struct client client;
	struct response response = {.body = {.at = NULL}};
	begin_site(&site, true);
	folder_write(&site.folder, "assets/large-1.txt", "large", SIZE);
	wait_answer(&site, "HEAD /assets/large-1.txt", "HTTP/1.1 200");
	client_open(&client, &site.served.fixture);
	client_say(&client, "GET /assets/large-1.txt HTTP/1.1\r\nHost: x\r\n\r\n");
	for (unsigned i = 0; i < 20; i++)
		loop_turn(site.served.loop, 5);
	assert_int_equal(unlink(folder_at(&site.folder, "assets/large-1.txt")), 0);
	wait_answer(&site, "HEAD /assets/large-1.txt", "HTTP/1.1 404");
	read_response(&client, HTTP_GET, &response);
	assert_int_equal(response.head.status, 200);
	assert_int_equal(response.body.len, SIZE);
	response_done(&response);
	client_close(&client);
	end_site(&site);
}

static void without_a_folder_there_is_a_page_that_says_so(void **state)
{
	(void)state;
	struct served served;
	begin_served(&served);
	for (unsigned is_made = 0; is_made < 2; is_made++) {
		if (is_made)
			served.fixture.plane.console = control_console_new(served.loop, NULL);
		expect_once(&served, 404, "GET /", "", NULL, "its console is not here");
		expect_once(&served, 404, "GET /", "", NULL, "Content-Security-Policy: ");
		expect_once(&served, 405, "POST /", "", NULL, "/problems/method-not-allowed");
		expect_once(&served, 404, "GET /index.html", "", NULL, "/problems/not-found");
	}
	control_console_free(served.fixture.plane.console);
	end_served(&served);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(paths_are_files_or_pages_or_nothing),
	        cmocka_unit_test(codings_are_those_that_the_client_takes),
	        cmocka_unit_test(who_has_a_file_is_told_so),
	        cmocka_unit_test(another_build_is_served_without_a_restart),
	        cmocka_unit_test(a_large_file_comes_whole_while_another_build_takes_its_place),
	        cmocka_unit_test(without_a_folder_there_is_a_page_that_says_so),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
