/* A broken assertion says where and ends the program. */
#include "base/check.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

struct pair {
	int first, second;
};

static void a_false_condition_is_printed_and_aborts(void **state)
{
	(void)state;
	int ends[2];
	assert_int_equal(pipe(ends), 0);
	pid_t child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		signal(SIGABRT, SIG_DFL);
		dup2(ends[1], STDERR_FILENO);
		CHECK(1 + 1 == 3);
		_exit(0);
	}
	close(ends[1]);
	char text[256] = "";
	assert_true(read(ends[0], text, sizeof(text) - 1) > 0);
	close(ends[0]);
	assert_non_null(strstr(text, "test_check.c:"));
	assert_non_null(strstr(text, "check failed: 1 + 1 == 3\n"));
	int status;
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFSIGNALED(status));
	assert_int_equal(WTERMSIG(status), SIGABRT);
}

static void a_true_condition_is_evaluated_once(void **state)
{
	(void)state;
	int count = 0;
	CHECK(++count == 1);
	assert_int_equal(count, 1);
}

static void container_of_finds_the_owner(void **state)
{
	(void)state;
	struct pair pair = {1, 2};
	assert_ptr_equal(container_of(&pair.second, struct pair, second), &pair);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(a_false_condition_is_printed_and_aborts),
	        cmocka_unit_test(a_true_condition_is_evaluated_once),
	        cmocka_unit_test(container_of_finds_the_owner),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
