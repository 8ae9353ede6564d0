/* `headwater purge`: what the command line becomes, and what is told of the answer. */
#include "main/purge.h"

#include "base/hash.h"
#include "main/words.h"
#include "spoken.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

enum { WORDS_MAX = 8, LINE_BYTES = 1024 };

static char folder[] = "/tmp/test_purge.XXXXXX";
static char path[64];

static int make_folder(void **state)
{
	(void)state;
	hash_init();
	if (mkdtemp(folder) == NULL)
		return -1;
	snprintf(path, sizeof(path), "%s/socket", folder);
	return 0;
}

static int remove_folder(void **state)
{
	(void)state;
	unlink(path);
	return rmdir(folder);
}

/* An edge that takes one line, on a thread of its own. */
struct edge {
	pthread_t thread;
	int listener;
	const char *answer;
	char asked[LINE_BYTES];
};

static void *answer_one(void *argument)
{
	struct edge *edge = argument;
	size_t length = 0;
	int fd = accept(edge->listener, NULL, NULL);
	CHECK(fd >= 0);
	while (length == 0 || edge->asked[length - 1] != '\n') {
		ssize_t count = recv(fd, edge->asked + length, LINE_BYTES - 1 - length, 0);
		CHECK(count > 0);
		length += (size_t)count;
	}
	edge->asked[length] = '\0';
	size_t size = strlen(edge->answer);
	CHECK(send(fd, edge->answer, size, MSG_NOSIGNAL) == (ssize_t)size);
	close(fd);
	return NULL;
}

static void edge_start(struct edge *edge, const char *answer)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	*edge = (struct edge){.answer = answer, .listener = socket(AF_UNIX, SOCK_STREAM, 0)};
	snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
	unlink(path);
	assert_int_equal(
	        bind(edge->listener, (const struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(listen(edge->listener, 8), 0);
	assert_int_equal(pthread_create(&edge->thread, NULL, answer_one, edge), 0);
}

static void edge_end(struct edge *edge)
{
	assert_int_equal(pthread_join(edge->thread, NULL), 0);
	close(edge->listener);
}

/* Runs it with these words behind the path of the socket; what it says on both descriptors. */
static int run(const char *const *words, struct text *out, struct text *errors)
{
	struct words all = {0};
	struct spoken outs, errs;
	const char *const first[] = {"headwater", "purge", "--socket", path};
	for (size_t i = 0; i < ARRAY_LENGTH(first); i++)
		words_add(&all, str_of(first[i]));
	for (; *words != NULL; words++)
		words_add(&all, str_of(*words));
	spoken_begin(&outs, STDOUT_FILENO);
	spoken_begin(&errs, STDERR_FILENO);
	int code = purge_run(all.list);
	spoken_end(&errs);
	spoken_end(&outs);
	words_done(&all);
	*out = outs.text;
	*errors = errs.text;
	return code;
}

static void words_become_one_line_for_the_edge(void **state)
{
	(void)state;
	static const struct {
		const char *words[WORDS_MAX], *asked[3];
	} ROWS[] = {
	        {{"http://a.test/x", "http://a.test/y"},
	                {"\"url\"", "\"http://a.test/x\",\"http://a.test/y\"", "\"hard\""}},
	        {{"--soft", "--prefix=http://a.test/i/"},
	                {"\"prefix\"", "\"http://a.test/i/\"", "\"soft\""}},
	        {{"--domain", "a.test"}, {"\"domain\"", "\"a.test\"", "\"hard\""}},
	        /* What one may say to the control plane. */
	        {{"--timeout", "10s", "--", "http://a.test/x"},
	                {"\"url\"", "\"http://a.test/x\"", "\"hard\""}},
	        {{"http://a.test/x", "--timeout=0"}, {"\"url\"", "\"http://a.test/x\"", ""}},
	        {{"--tag", "one", "--domain", "a.test", "--tag=two"},
	                {"\"tag\"", "\"one\",\"two\"", "\"a.test\""}},
	};
	for (size_t i = 0; i < ARRAY_LENGTH(ROWS); i++) {
		struct edge edge;
		struct text out, errors;
		edge_start(&edge, "{\"ok\":true,\"purged\":2}\n");
		assert_int_equal(run(ROWS[i].words, &out, &errors), 0);
		edge_end(&edge);
		for (size_t k = 0; k < ARRAY_LENGTH(ROWS[i].asked); k++)
			if (strstr(edge.asked, ROWS[i].asked[k]) == NULL)
				fail_msg("%s is not in %s", ROWS[i].asked[k], edge.asked);
		assert_string_equal(text_c(&out), "purged\n");
		assert_int_equal(errors.len, 0);
		text_done(&out);
		text_done(&errors);
	}
}

static void what_makes_no_sense_is_told_and_nobody_is_asked(void **state)
{
	(void)state;
	static const struct {
		const char *words[WORDS_MAX], *told;
	} ROWS[] = {
	        {{NULL}, "URL: purge what?"},
	        {{"--sof", "http://a.test/"}, "--sof: there is no such flag"},
	        {{"--soft=1", "http://a.test/"}, "--soft: the flag takes no value"},
	        {{"--prefix"}, "--prefix: the flag needs a value"},
	        {{"http://a.test/", "--domain", "a.test"}, "one kind at a time"},
	        {{"--timeout", "soon", "http://a.test/"}, "--timeout: it is a duration"},
	        {{"--tag", "a"}, "--tag: tags are those of one --domain NAME"},
	        {{"a.test/x"}, "URL: \"a.test/x\" "},
	};
	for (size_t i = 0; i < ARRAY_LENGTH(ROWS); i++) {
		struct text out, errors;
		assert_int_equal(run(ROWS[i].words, &out, &errors), 2);
		if (strstr(text_c(&errors), ROWS[i].told) == NULL)
			fail_msg("%s is not in %s", ROWS[i].told, text_c(&errors));
		assert_int_equal(out.len, 0);
		text_done(&out);
		text_done(&errors);
	}
}

static void the_edges_answer_is_told(void **state)
{
	(void)state;
	static const struct {
		const char *answer;
		int code;
		const char *out, *errors;
	} ROWS[] = {
	        {"{\"ok\":true,\"purged\":1}\n", 0, "{\"ok\":true,\"purged\":1}\n", ""},
	        {"{\"ok\":false,\"error\":\"not now\"}\n", 1,
	                "{\"ok\":false,\"error\":\"not now\"}\n", ""},
	        {"purged!\n", 1, "", "headwater purge: the answer makes no sense\n"},
	};
	static const char *const WORDS[] = {"--json", "http://a.test/x", NULL};
	for (size_t i = 0; i < ARRAY_LENGTH(ROWS); i++) {
		struct edge edge;
		struct text out, errors;
		edge_start(&edge, ROWS[i].answer);
		assert_int_equal(run(WORDS, &out, &errors), ROWS[i].code);
		edge_end(&edge);
		assert_string_equal(text_c(&out), ROWS[i].out);
		assert_string_equal(text_c(&errors), ROWS[i].errors);
		text_done(&out);
		text_done(&errors);
	}
}

static void an_edge_that_left_is_named(void **state)
{
	(void)state;
	static const char *const WORDS[] = {"http://a.test/x", NULL};
	struct text out, errors;
	unlink(path);
	assert_int_equal(run(WORDS, &out, &errors), 1);
	assert_non_null(strstr(text_c(&errors), "no edge takes commands at "));
	assert_non_null(strstr(text_c(&errors), path));
	text_done(&out);
	text_done(&errors);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(words_become_one_line_for_the_edge),
	        cmocka_unit_test(what_makes_no_sense_is_told_and_nobody_is_asked),
	        cmocka_unit_test(the_edges_answer_is_told),
	        cmocka_unit_test(an_edge_that_left_is_named),
	};
	return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
