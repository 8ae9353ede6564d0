/* What needs neither an origin nor the cache: challenges of ACME, and redirects to https. */
#include "edge/request_private.h"

#include "edge/asked.h"

#include <sys/stat.h>

static char folder[] = "/tmp/headwater-challenges-XXXXXX";

static int make_folder(void **state)
{
	(void)state;
	assert_non_null(mkdtemp(folder));
	return 0;
}

static int remove_folder(void **state)
{
	(void)state;
	char command[64];
	snprintf(command, sizeof(command), "rm -r %s", folder);
	return system(command);
}

static void put(const char *name, size_t bytes)
{
	char path[256];
	static char content[10000];
	memset(content, 'c', sizeof(content));
	snprintf(path, sizeof(path), "%s/%s", folder, name);
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	assert_int_equal(write(fd, content, bytes), (ssize_t)bytes);
	close(fd);
}

static void start(struct asker *asker, const char *document)
{
	asker_start(asker, document);
	asker->fixture.options.acme_dir = folder;
}

/* Asks for a path, of a host, and reads the answer. */
static void ask_path(struct asker *asker, const char *method, const char *path, const char *host)
{
	char request[512];
	snprintf(
	        request, sizeof(request), "%s %s HTTP/1.1\r\nHost: %s\r\n\r\n", method, path, host);
	client_say(&asker->client, request);
	read_response(&asker->client, strcmp(method, "HEAD") == 0 ? HTTP_HEAD : HTTP_GET,
	        &asker->response);
}

static void a_challenge_is_answered_for_any_host(void **state)
{
	(void)state;
	struct asker asker;
	start(&asker, ASKED_DOMAINS);
	put("token_-1", 87);
	const char *const hosts[] = {"a.test", "nobody.test", "192.0.2.1"};
	for (unsigned i = 0; i < ARRAY_LENGTH(hosts); i++) {
		ask_path(&asker, "GET", "/.well-known/acme-challenge/token_-1", hosts[i]);
		assert_int_equal(asker.response.head.status, 200);
		assert_int_equal(asker.response.body.len, 87);
		assert_true(has_field(&asker.response, "Cache-Control", "no-store"));
	}
	ask_path(&asker, "HEAD", "/.well-known/acme-challenge/token_-1", "a.test");
	assert_int_equal(asker.response.head.status, 200);
	assert_int_equal(pulls(&asker), 0);
	asker_done(&asker);
}

static void what_is_no_challenge_goes_on(void **state)
{
	(void)state;
	static const char *const paths[] = {
	        "/.well-known/acme-challenge/other",
	        "/.well-known/acme-challenge/",
	        "/.well-known/acme-challenge/token.1",
	        "/.well-known/acme-challenge/a/b",
	        "/.well-known/acme-challenge/..",
	        "/.well-known/acme-challenge/%74oken_-1",
	        "/.well-known/acme-challenge/token_-1?x",
	        "/.well-known/acme-challenge/large",
	        "/.well-known/acme-challenge/empty",
	        "/.well-known/acme-challenge/folder",
	        "/x/.well-known/acme-challenge/token_-1",
	};
	struct asker asker;
	char path[256];
	start(&asker, ASKED_DOMAINS);
	put("token_-1", 87);
	put("token.1", 87);
	put("large", LIMIT_CHALLENGE_BYTES + 1);
	put("empty", 0);
	snprintf(path, sizeof(path), "%s/folder", folder);
	mkdir(path, 0700);
	answers(&asker, "404 Not Found", "Cache-Control: no-store\r\n", 10);
	for (unsigned i = 0; i < ARRAY_LENGTH(paths); i++) {
		ask_path(&asker, "GET", paths[i], "a.test");
		assert_int_equal(asker.response.head.status, 404);
		assert_int_equal(pulls(&asker), i + 1);
	}
	ask_path(&asker, "POST", "/.well-known/acme-challenge/token_-1", "a.test");
	assert_int_equal(asker.response.head.status, 404);
	asker_done(&asker);
}

static void who_leaves_before_the_file_is_read_does_no_harm(void **state)
{
	(void)state;
	struct asker asker;
	start(&asker, ASKED_DOMAINS);
	put("token", 87);
	for (unsigned i = 0; i < 20; i++) {
		client_say(&asker.client, "GET /.well-known/acme-challenge/token HTTP/1.1\r\n"
		                          "Host: a.test\r\n\r\n");
		loop_turn(asker.fixture.worker->loop, 0);
		client_reset(&asker.client);
		client_open(&asker.client, &asker.fixture);
	}
	asker_done(&asker);
}

static void a_client_without_tls_is_told_to_come_with_it(void **state)
{
	(void)state;
	struct asker asker;
	start(&asker, "domains: [{name: a.test, https: {redirect: 308, hsts: 1d}, "
	              "origin: {addresses: [\"$0\"]}}]");
	put("token", 87);
	const char *const methods[] = {"GET", "HEAD", "POST"};
	for (unsigned i = 0; i < ARRAY_LENGTH(methods); i++) {
		ask_path(&asker, methods[i], "/a/b?c=%20d", "A.test:8080");
		assert_int_equal(asker.response.head.status, 308);
		assert_true(has_field(&asker.response, "Location", "https://a.test/a/b?c=%20d"));
		assert_true(has_field(&asker.response, "Content-Length", "0"));
	}
	/* What certificates are issued by is not sent away. */
	ask_path(&asker, "GET", "/.well-known/acme-challenge/token", "a.test");
	assert_int_equal(asker.response.head.status, 200);
	assert_int_equal(pulls(&asker), 0);
	log_until(&asker.client, 4);
	assert_log_has(&asker.fixture, 0, "\"status\":308");
	asker_done(&asker);
}

int main(void)
{
	begin();
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(a_challenge_is_answered_for_any_host),
	        cmocka_unit_test(what_is_no_challenge_goes_on),
	        cmocka_unit_test(who_leaves_before_the_file_is_read_does_no_harm),
	        cmocka_unit_test(a_client_without_tls_is_told_to_come_with_it),
	};
	return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
