/* What one process leaves to the next. */
#include "main/handover.h"

#include "net/local.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

static void what_was_printed_reads_back(void **state)
{
	(void)state;
	static const char TEXT[] = "workers=2 ready=-1 lifeline=5,6 journal=11 command=12 "
	                           "memory=13,268435456,1000 edges=4711,12 "
	                           "listen=127.0.0.1:0/127.0.0.1:8080/7,8 "
	                           "listen=[::]:80/[::]:80/9,10";
	struct handover handover;
	struct text text = {0};
	assert_true(handover_parse(str_of(TEXT), &handover));
	assert_int_equal(handover.listeners.workers, 2);
	assert_int_equal(handover.listeners.asked.count, 2);
	assert_string_equal(handover.listeners.asked.list[0], "127.0.0.1:0");
	assert_int_equal(handover.listeners.bound[0].port, 8080);
	assert_int_equal(handover.listeners.sockets[3], 10);
	assert_int_equal(handover.edge_count, 2);
	assert_int_equal(handover.edges[1], 12);
	assert_int_equal(handover.ready, -1);
	assert_int_equal(handover.lifeline_write, 6);
	assert_int_equal(handover.journal, 11);
	assert_int_equal(handover.command, 12);
	assert_int_equal(handover.memory.fd, 13);
	assert_int_equal(handover.memory.bytes, 268435456);
	assert_int_equal(handover.memory.objects, 1000);
	handover_print(&handover, &text);
	assert_string_equal(text_c(&text), TEXT);
	text_done(&text);
	handover_forget(&handover);
}

static void words_of_another_version_are_skipped(void **state)
{
	(void)state;
	struct handover handover;
	assert_true(handover_parse(
	        STR("later=1,x workers=1 listen=127.0.0.1:1/127.0.0.1:1/7"), &handover));
	assert_int_equal(handover.ready, -1);
	assert_int_equal(handover.lifeline_read, -1);
	assert_int_equal(handover.memory.fd, -1);
	assert_int_equal(handover.journal, -1);
	assert_int_equal(handover.edge_count, 0);
	assert_int_equal(handover.command, -1);
	handover_forget(&handover);
}

static void what_makes_no_sense_is_refused(void **state)
{
	(void)state;
	static const char *const ROWS[] = {
	        "",
	        "workers",
	        "workers=1",
	        "workers=0 listen=127.0.0.1:1/127.0.0.1:1/7",
	        "workers=x listen=127.0.0.1:1/127.0.0.1:1/7",
	        "workers=99999 listen=127.0.0.1:1/127.0.0.1:1/7",
	        "listen=127.0.0.1:1/127.0.0.1:1/7 workers=1",
	        "workers=1 listen=127.0.0.1:1/127.0.0.1:1/7 workers=2",
	        "workers=2 listen=127.0.0.1:1/127.0.0.1:1/7",
	        "workers=1 listen=127.0.0.1:1/127.0.0.1:1/7,8",
	        "workers=1 listen=127.0.0.1:1/127.0.0.1:1/-1",
	        "workers=1 listen=127.0.0.1:1/127.0.0.1:1/",
	        "workers=1 listen=127.0.0.1:1/7",
	        "workers=1 listen=a/b/7",
	        "workers=1 ready= listen=127.0.0.1:1/127.0.0.1:1/7",
	        "workers=1 ready=99999999999 listen=127.0.0.1:1/127.0.0.1:1/7",
	        "workers=1 lifeline=1 listen=127.0.0.1:1/127.0.0.1:1/7",
	        "workers=1 lifeline=1,2,3 listen=127.0.0.1:1/127.0.0.1:1/7",
	        "workers=1 command=-1 listen=127.0.0.1:1/127.0.0.1:1/7",
	        "workers=1 command=1,2 listen=127.0.0.1:1/127.0.0.1:1/7",
	        "workers=1 memory=9 listen=127.0.0.1:1/127.0.0.1:1/7",
	        "workers=1 memory=-1,1,0 listen=127.0.0.1:1/127.0.0.1:1/7",
	        "workers=1 memory=9,0,0 listen=127.0.0.1:1/127.0.0.1:1/7",
	        "workers=1 memory=9,1,0,0 listen=127.0.0.1:1/127.0.0.1:1/7",
	        "workers=1 memory=9,1,0 memory=9,1,0 listen=127.0.0.1:1/127.0.0.1:1/7",
	        "workers=1 journal= listen=127.0.0.1:1/127.0.0.1:1/7",
	        "workers=1 journal=1,2 listen=127.0.0.1:1/127.0.0.1:1/7",
	        "workers=1 edges=0 listen=127.0.0.1:1/127.0.0.1:1/7",
	        "workers=1 edges=-1 listen=127.0.0.1:1/127.0.0.1:1/7",
	        "workers=1  listen=127.0.0.1:1/127.0.0.1:1/7",
	};
	for (size_t i = 0; i < ARRAY_LENGTH(ROWS); i++) {
		struct handover handover;
		assert_false(handover_parse(str_of(ROWS[i]), &handover));
	}
}

static void a_descriptor_that_does_not_listen_is_not_taken(void **state)
{
	(void)state;
	struct handover handover;
	bool is_broken;
	assert_false(handover_take(&handover, &is_broken));
	assert_false(is_broken);
	setenv(HANDOVER_VARIABLE, "workers=1 listen=127.0.0.1:1/127.0.0.1:1/0", 1);
	assert_false(handover_take(&handover, &is_broken));
	assert_true(is_broken);
	assert_null(getenv(HANDOVER_VARIABLE));
}

static void a_descriptor_that_is_no_memory_is_not_taken(void **state)
{
	(void)state;
	struct words asked = {0};
	struct handover handover, taken;
	handover_init(&handover);
	struct text text = {0};
	bool is_broken;
	words_add(&asked, STR("127.0.0.1:0"));
	assert_true(listeners_open(&asked, 1, 16, &handover.listeners, &text));
	handover.memory = (struct memory){.fd = handover.listeners.sockets[0], .bytes = 1};
	handover_print(&handover, &text);
	setenv(HANDOVER_VARIABLE, text_c(&text), 1);
	assert_false(handover_take(&taken, &is_broken));
	assert_true(is_broken);
	listeners_done(&handover.listeners);
	text_done(&text);
	words_done(&asked);
}

static void descriptors_are_taken_and_closed_on_exec(void **state)
{
	(void)state;
	char path[64];
	snprintf(path, sizeof(path), "/tmp/headwater-test-%ld", (long)getpid());
	struct words asked = {0};
	struct handover handover;
	struct handover taken;
	struct text text = {0};
	bool is_broken;
	handover_init(&handover);
	words_add(&asked, STR("127.0.0.1:0"));
	assert_true(listeners_open(&asked, 2, 16, &handover.listeners, &text));
	handover.command = local_listen(path, 4);
	assert_true(handover.command >= 0);
	assert_true(memory_open(&(struct settings){.cache_memory = 16 << 20}, &handover.memory));
	handover_keep(&handover, true);
	assert_int_equal(fcntl(handover.command, F_GETFD), 0);
	for (int i = 0; i < 2; i++)
		assert_int_equal(fcntl(handover.listeners.sockets[i], F_GETFD), 0);
	assert_int_equal(fcntl(handover.memory.fd, F_GETFD), 0);
	handover_print(&handover, &text);
	setenv(HANDOVER_VARIABLE, text_c(&text), 1);
	assert_true(handover_take(&taken, &is_broken));
	for (int i = 0; i < 2; i++)
		assert_int_equal(fcntl(taken.listeners.sockets[i], F_GETFD), FD_CLOEXEC);
	assert_int_equal(taken.command, handover.command);
	assert_int_equal(fcntl(taken.command, F_GETFD), FD_CLOEXEC);
	close(taken.command);
	unlink(path);
	assert_int_equal(fcntl(taken.memory.fd, F_GETFD), FD_CLOEXEC);
	assert_int_equal(taken.memory.bytes, 16 << 20);
	memory_close(&taken.memory);
	assert_true(address_is_equal(&taken.listeners.bound[0], &handover.listeners.bound[0]));
	handover_forget(&handover);
	listeners_done(&taken.listeners);
	text_done(&text);
	words_done(&asked);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(what_was_printed_reads_back),
	        cmocka_unit_test(words_of_another_version_are_skipped),
	        cmocka_unit_test(what_makes_no_sense_is_refused),
	        cmocka_unit_test(a_descriptor_that_does_not_listen_is_not_taken),
	        cmocka_unit_test(a_descriptor_that_is_no_memory_is_not_taken),
	        cmocka_unit_test(descriptors_are_taken_and_closed_on_exec),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
