/* The file that shows who we are: read when it changes, kept when it is broken. */
#include "link/identity.h"

#include "link/scratch.h"
#include "net/tls_issue.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static struct {
	struct scratch scratch;
	struct text authority;
	struct link_identity *identity;
} bench;

static int open_bench(void **state)
{
	(void)state;
	scratch_init(&bench.scratch);
	tls_issue_authority(10, &bench.authority);
	bench.identity = link_identity_new(bench.scratch.file);
	return 0;
}

static int close_bench(void **state)
{
	(void)state;
	link_identity_free(bench.identity);
	text_done(&bench.authority);
	scratch_done(&bench.scratch);
	return 0;
}

static void write_identity(void)
{
	struct text pem = {0}, why = {0};
	const char *name = "edge-1";
	CHECK(tls_issue_identity(text_str(&bench.authority), &name, 1, 10, &pem, &why));
	scratch_write(bench.scratch.file, text_str(&pem));
	text_done(&pem);
}

/* What there is once the file may be looked at again, and that it says what it should of it. */
static const struct tls_context *look(const char *words)
{
	struct text why = {0};
	const struct timespec wait = {.tv_sec = 1, .tv_nsec = 50000000};
	nanosleep(&wait, NULL);
	const struct tls_context *context = link_identity_context(bench.identity, &why);
	if (words == NULL ? why.len > 0 : strstr(text_c(&why), words) == NULL)
		fail_msg("\"%s\" and not \"%s\"", text_c(&why), words != NULL ? words : "");
	text_done(&why);
	return context;
}

static void a_file_is_read_again_when_it_has_changed(void **state)
{
	(void)state;
	struct text why = {0};
	assert_null(look("No such file"));
	write_identity();
	/* Within the second it is not looked at. */
	assert_null(link_identity_context(bench.identity, &why));
	const struct tls_context *first = look(NULL);
	assert_non_null(first);
	assert_ptr_equal(look(NULL), first);
	write_identity();
	assert_ptr_equal(link_identity_context(bench.identity, &why), first);
	struct tls *tls = tls_new(first, TLS_SERVER, 0, NULL);
	assert_ptr_not_equal(look(NULL), NULL);
	/* What was begun with the first one goes on. */
	tls_free(tls);
	assert_int_equal(why.len, 0);
}

static void what_is_broken_is_told_once_and_changes_nothing(void **state)
{
	(void)state;
	write_identity();
	const struct tls_context *good = look(NULL);
	assert_non_null(good);
	scratch_write(bench.scratch.file, STR("rubbish"));
	assert_ptr_equal(look("has no private key"), good);
	assert_ptr_equal(look(NULL), good);
	unlink(bench.scratch.file);
	assert_ptr_equal(look("cannot be read: No such file"), good);
	assert_ptr_equal(look(NULL), good);
	write_identity();
	assert_non_null(look(NULL));
	scratch_write(bench.scratch.file, STR("rubbish"));
	assert_non_null(look("has no private key"));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, open_bench, close_bench)
	const struct CMUnitTest tests[] = {
	        TEST(a_file_is_read_again_when_it_has_changed),
	        TEST(what_is_broken_is_told_once_and_changes_nothing),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
