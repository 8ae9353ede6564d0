/* Log lines: their form, and what may not get into them. */
#include "base/log.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static char written[16384];

/* Runs `act` in a child whose standard error is a socket; `written` is what came out. The child
 * names the socket as the journal's where asked. */
static void catch_output(void (*act)(void), bool is_journal)
{
	int ends[2];
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
	pid_t child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		dup2(ends[1], STDERR_FILENO);
		struct stat info;
		char stream[64];
		fstat(STDERR_FILENO, &info);
		snprintf(stream, sizeof(stream), "%llu:%llu", (unsigned long long)info.st_dev,
		        (unsigned long long)info.st_ino + (is_journal ? 0 : 1));
		setenv("JOURNAL_STREAM", stream, 1);
		act();
		_exit(0);
	}
	close(ends[1]);
	size_t length = 0;
	ssize_t got;
	while ((got = read(ends[0], written + length, sizeof(written) - 1 - length)) > 0)
		length += (size_t)got;
	written[length] = '\0';
	close(ends[0]);
	int status;
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
}

static void say_one_of_each(void)
{
	log_set_name("edge[2]");
	log_error("broken %d", 1);
	log_warning("odd %d", 2);
	log_info("plain %d", 3);
	log_debug("small %d", 4);
	log_set_level(LOG_LEVEL_DEBUG);
	log_set_name("");
	log_debug("small %d", 5);
	log_set_level(LOG_LEVEL_ERROR);
	log_warning("odd %d", 6);
}

/* Replaces the digits of the times, so that lines can be compared. */
static void blank_times(void)
{
	char *at = written;
	while ((at = strstr(at, "-")) != NULL && at - written >= 4) {
		for (char *digit = at - 4; digit < at + 19; digit++) {
			if (isdigit((unsigned char)*digit))
				*digit = '0';
		}
		at += 19;
	}
}

static void a_line_has_level_time_name_and_message(void **state)
{
	(void)state;
	catch_output(say_one_of_each, false);
	blank_times();
	assert_string_equal(written, "error 0000-00-00T00:00:00.000Z edge[2]: broken 1\n"
	                             "warning 0000-00-00T00:00:00.000Z edge[2]: odd 2\n"
	                             "info 0000-00-00T00:00:00.000Z edge[2]: plain 3\n"
	                             "debug 0000-00-00T00:00:00.000Z small 5\n");
}

static void the_journal_gets_priorities_and_no_times(void **state)
{
	(void)state;
	catch_output(say_one_of_each, true);
	assert_string_equal(written, "<3>edge[2]: broken 1\n<4>edge[2]: odd 2\n"
	                             "<6>edge[2]: plain 3\n<7>small 5\n");
}

static void say_control_bytes(void)
{
	log_info("a\nb\r\x1b[31m\x7f");
}

static void control_bytes_cannot_begin_a_new_line(void **state)
{
	(void)state;
	catch_output(say_control_bytes, true);
	assert_string_equal(written, "<6>a?b??[31m?\n");
}

static void say_much(void)
{
	log_info("%8000d", 1);
	log_info("after");
}

static void a_long_line_is_cut_visibly(void **state)
{
	(void)state;
	catch_output(say_much, true);
	char *end = strchr(written, '\n');
	assert_non_null(end);
	assert_int_equal(end + 1 - written, 4096);
	assert_memory_equal(end - 3, "...", 3);
	assert_string_equal(end + 1, "<6>after\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(a_line_has_level_time_name_and_message),
	        cmocka_unit_test(the_journal_gets_priorities_and_no_times),
	        cmocka_unit_test(control_bytes_cannot_begin_a_new_line),
	        cmocka_unit_test(a_long_line_is_cut_visibly),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
