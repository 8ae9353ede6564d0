/* What one process leaves to the next. */
#include "main/handover.h"

#include "base/limit.h"
#include "net/local.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define MEMORY "memory=9,16777216,0"

static void what_was_printed_reads_back(void **state)
{
	(void)state;
	static const char TEXT[] = "workers=2 ready=-1 lifeline=5,6 journal=11 command=12 link=18 "
	                           "memory=13,268435456,1000 disk=14,67108864 "
	                           "disk=15,4397979402240 edges=4711,12 controls=4712 "
	                           "drain=30000 "
	                           "listen=127.0.0.1:0/127.0.0.1:8080/7,8 "
	                           "listen=[::]:80/[::]:80/9,10 "
	                           "api=127.0.0.1:8081/127.0.0.1:8081/16 "
	                           "api=[::1]:0/[::1]:8082/17 "
	                           "metrics=127.0.0.1:0/127.0.0.1:9090/19";
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
	assert_int_equal(handover.link, 18);
	assert_int_equal(handover.control_count, 1);
	assert_int_equal(handover.controls[0], 4712);
	assert_int_equal(handover.drain_timeout_ms, 30000);
	assert_int_equal(handover.api.asked.count, 2);
	assert_int_equal(handover.api.sockets[1], 17);
	assert_int_equal(handover.api.bound[1].port, 8082);
	assert_int_equal(handover.metrics.asked.count, 1);
	assert_int_equal(handover.metrics.sockets[0], 19);
	assert_int_equal(handover.memory.fd, 13);
	assert_int_equal(handover.memory.bytes, 268435456);
	assert_int_equal(handover.memory.objects, 1000);
	assert_int_equal(handover.memory.disk_count, 2);
	assert_int_equal(handover.memory.disks[0].fd, 14);
	assert_int_equal(handover.memory.disks[1].bytes, (UINT64_C(4096) << 30) - (64 << 20));
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
	assert_int_equal(handover.link, -1);
	assert_int_equal(handover.control_count, 0);
	assert_int_equal(handover.drain_timeout_ms, 0);
	assert_int_equal(handover.api.asked.count, 0);
	handover_forget(&handover);
}

static void a_control_process_has_no_workers(void **state)
{
	(void)state;
	static const char TEXT[] =
	        "ready=5 lifeline=6,-1 journal=-1 link=8 api=127.0.0.1:0/127.0.0.1:8081/7";
	struct handover handover;
	struct text text = {0};
	assert_true(handover_parse(str_of(TEXT), &handover));
	assert_int_equal(handover.listeners.asked.count, 0);
	assert_int_equal(handover.api.asked.count, 1);
	handover_print(&handover, &text);
	assert_string_equal(text_c(&text), TEXT);
	text_done(&text);
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
	        "api=127.0.0.1:1/127.0.0.1:1/7,8",
	        "workers=1 listen=127.0.0.1:1/127.0.0.1:1/7 metrics=127.0.0.1:2/127.0.0.1:2/8,9",
	        "metrics=127.0.0.1:2/127.0.0.1:2/8",
	        "api=127.0.0.1:1/127.0.0.1:1",
	        "api=off/127.0.0.1:1/7",
	        "link=-1 api=127.0.0.1:1/127.0.0.1:1/7",
	        "controls=0 api=127.0.0.1:1/127.0.0.1:1/7",
	        "controls=1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17 "
	        "api=127.0.0.1:1/127.0.0.1:1/7",
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
	        "workers=1 memory=9,16777216,0 memory=9,16777216,0 "
	        "listen=127.0.0.1:1/127.0.0.1:1/7",
	        "workers=1 memory=9,16777215,0 listen=127.0.0.1:1/127.0.0.1:1/7",
	        "workers=1 memory=9,99999999999999999,0 listen=127.0.0.1:1/127.0.0.1:1/7",
	        "workers=1 memory=9,16777216,2000000001 listen=127.0.0.1:1/127.0.0.1:1/7",
	        "workers=1 disk=10,67108864 listen=127.0.0.1:1/127.0.0.1:1/7",
	        "workers=1 disk=10,67108864 " MEMORY " listen=127.0.0.1:1/127.0.0.1:1/7",
	        "workers=1 " MEMORY " disk=10 listen=127.0.0.1:1/127.0.0.1:1/7",
	        "workers=1 " MEMORY " disk=-1,67108864 listen=127.0.0.1:1/127.0.0.1:1/7",
	        "workers=1 " MEMORY " disk=10,67108863 listen=127.0.0.1:1/127.0.0.1:1/7",
	        "workers=1 " MEMORY " disk=10,4398046511105 listen=127.0.0.1:1/127.0.0.1:1/7",
	        "workers=1 " MEMORY
	        " disk=10,18446744073709551615 listen=127.0.0.1:1/127.0.0.1:1/7",
	        "workers=1 " MEMORY " disk=10,67108864,1 listen=127.0.0.1:1/127.0.0.1:1/7",
	        "workers=1 " MEMORY " disk=10,4398046511104 disk=11,67108864 "
	        "listen=127.0.0.1:1/127.0.0.1:1/7",
	        "workers=1 journal= listen=127.0.0.1:1/127.0.0.1:1/7",
	        "workers=1 journal=1,2 listen=127.0.0.1:1/127.0.0.1:1/7",
	        "workers=1 drain=-1 listen=127.0.0.1:1/127.0.0.1:1/7",
	        "workers=1 drain=1,2 listen=127.0.0.1:1/127.0.0.1:1/7",
	        "workers=1 edges=0 listen=127.0.0.1:1/127.0.0.1:1/7",
	        "workers=1 edges=-1 listen=127.0.0.1:1/127.0.0.1:1/7",
	        "workers=1  listen=127.0.0.1:1/127.0.0.1:1/7",
	};
	for (size_t i = 0; i < ARRAY_LENGTH(ROWS); i++) {
		struct handover handover;
		assert_false(handover_parse(str_of(ROWS[i]), &handover));
	}
}

static void no_more_disks_than_there_may_be_are_taken(void **state)
{
	(void)state;
	struct text text = {0};
	struct handover handover;
	text_add(&text, STR("workers=1 listen=127.0.0.1:1/127.0.0.1:1/7 " MEMORY));
	for (int i = 0; i < LIMIT_CACHE_DISKS; i++)
		text_add(&text, STR(" disk=10,67108864"));
	assert_true(handover_parse(text_str(&text), &handover));
	assert_int_equal(handover.memory.disk_count, LIMIT_CACHE_DISKS);
	handover_forget(&handover);
	text_add(&text, STR(" disk=10,67108864"));
	assert_false(handover_parse(text_str(&text), &handover));
	text_done(&text);
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
	handover.memory = (struct memory){.fd = handover.listeners.sockets[0], .bytes = 16 << 20};
	handover_print(&handover, &text);
	setenv(HANDOVER_VARIABLE, text_c(&text), 1);
	assert_false(handover_take(&taken, &is_broken));
	assert_true(is_broken);
	/* Neither is one that is no disk. */
	handover.memory = MEMORY_NONE;
	assert_true(memory_renew(&handover.memory, &(struct settings){.cache_memory = 16 << 20}));
	handover.memory.disks[0] =
	        (struct cache_disk_options){.fd = handover.listeners.sockets[0], .bytes = 64 << 20};
	handover.memory.disk_count = 1;
	text_clear(&text);
	handover_print(&handover, &text);
	setenv(HANDOVER_VARIABLE, text_c(&text), 1);
	assert_false(handover_take(&taken, &is_broken));
	assert_true(is_broken);
	handover.memory.disk_count = 0;
	memory_close(&handover.memory);
	listeners_done(&handover.listeners);
	text_done(&text);
	words_done(&asked);
}

static void descriptors_are_taken_and_closed_on_exec(void **state)
{
	(void)state;
	char path[64], disk[80];
	snprintf(path, sizeof(path), "/tmp/headwater-test-%ld", (long)getpid());
	snprintf(disk, sizeof(disk), "%s-disk:64m", path);
	struct settings settings = {.cache_memory = 16 << 20};
	struct words asked = {0};
	struct handover handover;
	struct handover taken;
	struct text text = {0};
	bool is_broken;
	handover_init(&handover);
	words_add(&asked, STR("127.0.0.1:0"));
	assert_true(listeners_open(&asked, 2, 16, &handover.listeners, &text));
	assert_true(listeners_open(&asked, 1, 16, &handover.api, &text));
	handover.command = local_listen(path, 4);
	assert_true(handover.command >= 0);
	words_add(&settings.cache_disks, str_of(disk));
	memory_open_disks(&handover.memory, &settings);
	*strrchr(disk, ':') = '\0';
	assert_true(memory_renew(&handover.memory, &settings));
	assert_int_equal(handover.memory.disk_count, 1);
	int disk_fd = handover.memory.disks[0].fd;
	assert_int_equal(fcntl(disk_fd, F_GETFD), FD_CLOEXEC);
	handover_keep(&handover, true);
	assert_int_equal(fcntl(handover.command, F_GETFD), 0);
	for (int i = 0; i < 2; i++)
		assert_int_equal(fcntl(handover.listeners.sockets[i], F_GETFD), 0);
	assert_int_equal(fcntl(handover.api.sockets[0], F_GETFD), 0);
	assert_int_equal(fcntl(handover.memory.fd, F_GETFD), 0);
	assert_int_equal(fcntl(disk_fd, F_GETFD), 0);
	handover_print(&handover, &text);
	setenv(HANDOVER_VARIABLE, text_c(&text), 1);
	assert_true(handover_take(&taken, &is_broken));
	for (int i = 0; i < 2; i++)
		assert_int_equal(fcntl(taken.listeners.sockets[i], F_GETFD), FD_CLOEXEC);
	assert_int_equal(fcntl(taken.api.sockets[0], F_GETFD), FD_CLOEXEC);
	listeners_done(&taken.api);
	assert_int_equal(taken.command, handover.command);
	assert_int_equal(fcntl(taken.command, F_GETFD), FD_CLOEXEC);
	close(taken.command);
	unlink(path);
	assert_int_equal(fcntl(taken.memory.fd, F_GETFD), FD_CLOEXEC);
	assert_int_equal(taken.memory.bytes, 16 << 20);
	assert_int_equal(taken.memory.disk_count, 1);
	assert_int_equal(taken.memory.disks[0].fd, disk_fd);
	assert_int_equal(fcntl(disk_fd, F_GETFD), FD_CLOEXEC);
	assert_true(memory_is_of_use(&taken.memory));
	memory_close(&taken.memory);
	assert_int_equal(fcntl(disk_fd, F_GETFD), -1);
	assert_int_equal(unlink(disk), 0);
	words_done(&settings.cache_disks);
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
	        cmocka_unit_test(a_control_process_has_no_workers),
	        cmocka_unit_test(what_makes_no_sense_is_refused),
	        cmocka_unit_test(no_more_disks_than_there_may_be_are_taken),
	        cmocka_unit_test(a_descriptor_that_does_not_listen_is_not_taken),
	        cmocka_unit_test(a_descriptor_that_is_no_memory_is_not_taken),
	        cmocka_unit_test(descriptors_are_taken_and_closed_on_exec),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
