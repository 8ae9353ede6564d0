/* Programs that are started with what a handover has. */
#include "main/child.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

/* How a shell's commands end that is started with this handover. */
static int run(const char *commands, const struct handover *handover)
{
	char shell[] = "sh", flag[] = "-c", text[256];
	snprintf(text, sizeof(text), "%s", commands);
	char *const arguments[] = {shell, flag, text, NULL};
	int status;
	pid_t pid = child_start("/bin/sh", arguments, handover);
	assert_true(pid > 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return status;
}

static void a_child_gets_the_handovers_descriptors_and_no_others(void **state)
{
	(void)state;
	struct handover handover;
	char commands[256];
	int ready[2], own;
	handover_init(&handover);
	assert_int_equal(pipe2(ready, O_CLOEXEC), 0);
	own = open("/dev/null", O_RDONLY | O_CLOEXEC);
	handover.ready = ready[1];
	snprintf(commands, sizeof(commands),
	        "test -n \"$%s\" && test -e /proc/self/fd/%d && test ! -e /proc/self/fd/%d",
	        HANDOVER_VARIABLE, ready[1], own);
	assert_int_equal(run(commands, &handover), 0);
	/* With us nothing has changed. */
	assert_null(getenv(HANDOVER_VARIABLE));
	assert_int_equal(fcntl(ready[1], F_GETFD), FD_CLOEXEC);
	close(own);
	close(ready[0]);
	close(ready[1]);
}

static void the_service_manager_is_the_supervisors_alone(void **state)
{
	(void)state;
	struct handover handover;
	handover_init(&handover);
	assert_int_equal(setenv("NOTIFY_SOCKET", "/x", 1), 0);
	assert_int_equal(run("test -z \"$NOTIFY_SOCKET\"", &handover), 0);
	assert_string_equal(getenv("NOTIFY_SOCKET"), "/x");
	unsetenv("NOTIFY_SOCKET");
}

static void a_program_that_is_not_there_leaves_us_as_we_were(void **state)
{
	(void)state;
	struct handover handover;
	char name[] = "x";
	handover_init(&handover);
	errno = 0;
	child_become("/nonexistent/program", (char *[]){name, NULL}, &handover);
	assert_int_equal(errno, ENOENT);
	assert_null(getenv(HANDOVER_VARIABLE));
}

static void an_end_is_told_in_words(void **state)
{
	(void)state;
	static const struct {
		const char *commands, *words;
	} ROWS[] = {
	        {"exit 0", "exit code 0"},
	        {"exit 127", "exit code 127"},
	        {"kill -9 $$", "signal 9 (Killed)"},
	        {"kill -TERM $$", "signal 15 (Terminated)"},
	};
	struct handover handover;
	handover_init(&handover);
	for (size_t i = 0; i < ARRAY_LENGTH(ROWS); i++) {
		struct text text = {0};
		child_add_status(run(ROWS[i].commands, &handover), &text);
		assert_string_equal(text_c(&text), ROWS[i].words);
		text_done(&text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(a_child_gets_the_handovers_descriptors_and_no_others),
	        cmocka_unit_test(the_service_manager_is_the_supervisors_alone),
	        cmocka_unit_test(a_program_that_is_not_there_leaves_us_as_we_were),
	        cmocka_unit_test(an_end_is_told_in_words),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
