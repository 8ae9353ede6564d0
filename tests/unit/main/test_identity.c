/* `headwater identity`: what it makes, for whom, and what it never writes over. */
#include "main/identity.h"

#include "base/limit.h"
#include "base/mem.h"
#include "main/complain.h"
#include "main/file.h"
#include "net/tls.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static char folder[] = "/tmp/headwater-test-XXXXXX";
static char authority[64], out[64], second[64];

static int make_folder(void **state)
{
	(void)state;
	if (mkdtemp(folder) == NULL)
		return -1;
	snprintf(authority, sizeof(authority), "%s/authority.pem", folder);
	snprintf(out, sizeof(out), "%s/edge.pem", folder);
	snprintf(second, sizeof(second), "%s/control.pem", folder);
	return 0;
}

static int remove_folder(void **state)
{
	(void)state;
	return rmdir(folder);
}

static int remove_files(void **state)
{
	(void)state;
	unlink(authority);
	unlink(out);
	unlink(second);
	return 0;
}

static int run(const char *const *words)
{
	char *arguments[16] = {(char *)(uintptr_t) "headwater", (char *)(uintptr_t) "identity"};
	for (unsigned i = 0; words[i] != NULL; i++)
		arguments[i + 2] = (char *)(uintptr_t)words[i];
	return identity_run(arguments);
}

static void read_file(const char *path, struct text *to)
{
	struct model_problems problems = {0};
	assert_true(file_read(path, LIMIT_TLS_FILE_BYTES, to, &problems));
}

static void assert_is_private(const char *path)
{
	struct stat info;
	assert_int_equal(stat(path, &info), 0);
	assert_int_equal(info.st_mode & 07777, 0600);
}

static void assert_is_identity(const char *path)
{
	struct text pem = {0}, why = {0};
	read_file(path, &pem);
	struct tls_context *context = tls_context_mutual(text_str(&pem), &why);
	assert_non_null(context);
	tls_context_free(context);
	text_done(&pem);
	assert_is_private(path);
}

static void an_authority_is_made_once(void **state)
{
	(void)state;
	struct text first = {0}, later = {0};
	const char *const edge[] = {
	        "--authority", authority, "--name", "edge-1", "--out", out, NULL};
	const char *const control[] = {"--authority", authority, "--name=control.test", "--name",
	        "192.0.2.1", "--out", second, "--days", "30", NULL};
	mode_t before = umask(0);
	assert_int_equal(run(edge), COMPLAIN_EXIT_DONE);
	umask(before);
	read_file(authority, &first);
	assert_is_identity(out);
	assert_is_private(authority);
	assert_int_equal(run(control), COMPLAIN_EXIT_DONE);
	assert_is_identity(second);
	read_file(authority, &later);
	assert_string_equal(text_c(&first), text_c(&later));
	text_done(&first);
	text_done(&later);
}

static void what_is_there_is_not_written_over(void **state)
{
	(void)state;
	struct text first = {0}, later = {0};
	const char *const edge[] = {
	        "--authority", authority, "--name", "edge-1", "--out", out, NULL};
	assert_int_equal(run(edge), COMPLAIN_EXIT_DONE);
	read_file(out, &first);
	assert_int_equal(run(edge), COMPLAIN_EXIT_FAILED);
	read_file(out, &later);
	assert_string_equal(text_c(&first), text_c(&later));
	/* Nor is the authority made anew where it is none. */
	const char *const none[] = {"--authority", out, "--name", "edge-1", "--out", second, NULL};
	assert_int_equal(run(none), COMPLAIN_EXIT_FAILED);
	assert_int_equal(access(second, F_OK), -1);
	text_done(&first);
	text_done(&later);
}

static void what_makes_no_sense_makes_nothing(void **state)
{
	(void)state;
	const char *const rows[][10] = {
	        {NULL},
	        {"--authority", authority, "--name", "edge-1", NULL},
	        {"--authority", authority, "--out", out, NULL},
	        {"--name", "edge-1", "--out", out, NULL},
	        {"--authority", authority, "--name", "edge 1", "--out", out, NULL},
	        {"--authority", authority, "--name", "*.test", "--out", out, NULL},
	        {"--authority", authority, "--name", "", "--out", out, NULL},
	        {"--authority", authority, "--name", "edge-1", "--out", NULL},
	        {"--authority", authority, "--name", "edge-1", "--out", out, "--days", "0", NULL},
	        {"--authority", authority, "--name", "edge-1", "--out", out, "--days", "36501",
	                NULL},
	        {"--authority", authority, "--name", "edge-1", "--out", out, "--day", "3", NULL},
	        {"--authority", authority, "--name", "edge-1", "--out", out, "more", NULL},
	};
	for (unsigned i = 0; i < ARRAY_LENGTH(rows); i++)
		assert_int_equal(run(rows[i]), COMPLAIN_EXIT_USAGE);
	assert_int_equal(access(authority, F_OK), -1);
	assert_int_equal(access(out, F_OK), -1);
	const char *const nowhere[] = {
	        "--authority", "/nowhere/a", "--name", "edge-1", "--out", out, NULL};
	assert_int_equal(run(nowhere), COMPLAIN_EXIT_FAILED);
	assert_int_equal(access(out, F_OK), -1);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_teardown(name, remove_files)
	const struct CMUnitTest tests[] = {
	        TEST(an_authority_is_made_once),
	        TEST(what_is_there_is_not_written_over),
	        TEST(what_makes_no_sense_makes_nothing),
	};
	return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
