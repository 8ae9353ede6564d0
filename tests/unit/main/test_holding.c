/* What a supervisor holds. */
#include "main/holding.h"

#include "base/hash.h"
#include "main/link_socket.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "main/spoken.h"

static char folder[] = "/tmp/headwater-test-XXXXXX";

static int make_folder(void **state)
{
	(void)state;
	hash_init();
	return mkdtemp(folder) != NULL ? 0 : -1;
}

static int remove_folder(void **state)
{
	(void)state;
	char path[64];
	static const char *const NAMES[] = {"edge.socket", "control.socket"};
	for (size_t i = 0; i < ARRAY_LENGTH(NAMES); i++) {
		snprintf(path, sizeof(path), "%s/%s", folder, NAMES[i]);
		unlink(path);
	}
	return rmdir(folder);
}

/* What these words of a command line ask for; up to NULL. */
static void ask(struct invocation *invocation, const char *const *flags)
{
	static const char *const ALWAYS[] = {
	        "--listen", "127.0.0.1:0", "--cache-memory", "16m", "--workers", "2"};
	struct model_problems problems = {0};
	struct words words = {0};
	for (size_t i = 0; i < ARRAY_LENGTH(ALWAYS); i++)
		words_add(&words, str_of(ALWAYS[i]));
	for (; *flags != NULL; flags++)
		words_add(&words, str_of(*flags));
	assert_true(invocation_read(words.list, invocation, &problems));
	words_done(&words);
}

static void a_child_gets_what_it_needs_and_no_more(void **state)
{
	(void)state;
	const char *const flags[] = {
	        "--state-dir", folder, "--api", "127.0.0.1:0", "--metrics", "127.0.0.1:0", NULL};
	struct invocation invocation;
	struct holding holding;
	ask(&invocation, flags);
	holding_init(&holding, &invocation);
	assert_true(holding_open(&holding));
	assert_true(holding_has_control(&holding));
	struct handover edge = holding_for_edge(&holding);
	assert_int_equal(listeners_socket_count(&edge.listeners), 2);
	assert_int_equal(edge.api.asked.count, 0);
	assert_int_equal(listeners_socket_count(&edge.metrics), 1);
	assert_int_equal(edge.link, -1);
	assert_true(edge.command >= 0 && edge.memory.fd >= 0 && edge.lifeline_read >= 0);
	assert_int_equal(edge.lifeline_write, -1);
	assert_int_equal(edge.journal, -1);
	struct handover control = holding_for_control(&holding);
	assert_int_equal(control.listeners.asked.count, 0);
	assert_int_equal(listeners_socket_count(&control.api), 1);
	assert_true(control.link >= 0 && control.lifeline_read >= 0);
	assert_true(link_socket_is_meant(&invocation, control.link));
	assert_int_equal(control.metrics.asked.count, 0);
	assert_int_equal(control.command, -1);
	assert_int_equal(control.memory.fd, -1);
	assert_int_equal(control.lifeline_write, -1);
	holding_close(&holding);
	invocation_done(&invocation);
}

static void who_has_a_control_process_follows_from_the_settings(void **state)
{
	(void)state;
	static const struct {
		const char *flags[8];
		bool has_control, has_link, has_journal;
	} ROWS[] = {
	        {{"--state-dir", folder, "--api", "127.0.0.1:0"}, true, true, false},
	        {{"--state-dir", folder, "--api", "127.0.0.1:0", "--domains", "/a"}, true, true,
	                false},
	        {{"--state-dir", folder, "--api", "off"}, false, false, false},
	        {{"--state-dir", folder, "--api="}, false, false, false},
	        {{"--state-dir", folder, "--control", "/x"}, false, false, false},
	        {{"--control", "/x"}, false, false, true},
	        {{"--domains", "/a"}, false, false, true},
	        {{"--domain", "a.test", "--origin", "127.0.0.1"}, false, false, false},
	        {{"--domain", "a.test", "--origin", "127.0.0.1", "--state-dir", folder}, false,
	                false, false},
	};
	for (size_t i = 0; i < ARRAY_LENGTH(ROWS); i++) {
		struct invocation invocation;
		struct holding holding;
		ask(&invocation, ROWS[i].flags);
		holding_init(&holding, &invocation);
		assert_true(holding_open(&holding));
		assert_int_equal(holding_has_control(&holding), ROWS[i].has_control);
		assert_int_equal(holding.handover.link >= 0, ROWS[i].has_link);
		assert_int_equal(holding.handover.journal >= 0, ROWS[i].has_journal);
		holding_close(&holding);
		invocation_done(&invocation);
	}
}

static void what_is_taken_is_told(void **state)
{
	(void)state;
	struct invocation invocation;
	struct holding holding;
	struct listeners taken;
	struct words asked = {0};
	struct text why = {0};
	struct spoken spoken;
	char port[ADDRESS_TEXT_BYTES];
	words_add(&asked, STR("127.0.0.1:0"));
	assert_true(listeners_open(&asked, 1, 16, &taken, &why));
	address_format(&taken.bound[0], port);
	ask(&invocation, (const char *const[]){"--state-dir", folder, "--api", port, NULL});
	holding_init(&holding, &invocation);
	spoken_begin(&spoken, STDERR_FILENO);
	assert_false(holding_open(&holding));
	spoken_end(&spoken);
	text_addf(&why, "cannot listen on %s: Address already in use", port);
	assert_non_null(strstr(text_c(&spoken.text), text_c(&why)));
	holding_close(&holding);
	invocation_done(&invocation);
	listeners_done(&taken);
	words_done(&asked);
	text_done(&why);
	text_done(&spoken.text);
}

/* As an upgrade does, to `next`: the handover of `before` goes on. */
static void hand_on(struct holding *before, struct holding *next, struct invocation *invocation)
{
	holding_init(next, invocation);
	assert_false(holding_adopt(next, &before->handover));
}

static void an_upgrade_keeps_what_stands_and_opens_what_is_new(void **state)
{
	(void)state;
	struct invocation without, with, elsewhere;
	struct holding first, second, third, fourth, fifth;
	ask(&without, (const char *const[]){"--state-dir", folder, "--api", "off", NULL});
	ask(&with, (const char *const[]){"--state-dir", folder, "--api", "127.0.0.1:0", NULL});
	ask(&elsewhere, (const char *const[]){"--state-dir", folder, "--api", "127.0.0.1:0",
	                        "--domains", "/a", NULL});
	holding_init(&first, &without);
	assert_true(holding_open(&first));
	int memory = first.handover.memory.fd, socket = first.handover.listeners.sockets[0];
	assert_false(holding_has_control(&first));

	hand_on(&first, &second, &with);
	assert_true(holding_has_control(&second));
	int api = second.handover.api.sockets[0], link = second.handover.link;
	assert_true(link >= 0);

	hand_on(&second, &third, NULL);
	assert_int_equal(third.handover.api.sockets[0], api);
	assert_int_equal(third.handover.link, link);

	/* A file has them now: the API stays, and edges are told purges. */
	hand_on(&third, &fourth, &elsewhere);
	assert_int_equal(fourth.handover.api.sockets[0], api);
	assert_int_equal(fourth.handover.link, link);

	hand_on(&fourth, &fifth, &without);
	assert_false(holding_has_control(&fifth));
	assert_int_equal(fcntl(api, F_GETFD), -1);
	assert_int_equal(fcntl(link, F_GETFD), -1);
	assert_int_equal(fifth.handover.memory.fd, memory);
	assert_int_equal(fifth.handover.listeners.sockets[0], socket);
	holding_close(&fifth);
	invocation_done(&without);
	invocation_done(&with);
	invocation_done(&elsewhere);
}

static void an_api_that_cannot_be_opened_later_is_done_without(void **state)
{
	(void)state;
	struct invocation without, with;
	struct holding first, second;
	struct listeners taken;
	struct words asked = {0};
	struct text why = {0};
	char port[ADDRESS_TEXT_BYTES];
	words_add(&asked, STR("127.0.0.1:0"));
	assert_true(listeners_open(&asked, 1, 16, &taken, &why));
	address_format(&taken.bound[0], port);
	ask(&without, (const char *const[]){"--state-dir", folder, "--api", "off", NULL});
	ask(&with, (const char *const[]){"--state-dir", folder, "--api", port, NULL});
	holding_init(&first, &without);
	assert_true(holding_open(&first));
	hand_on(&first, &second, &with);
	assert_false(holding_has_control(&second));
	assert_int_equal(second.handover.link, -1);
	assert_true(second.handover.memory.fd >= 0);
	holding_close(&second);
	invocation_done(&without);
	invocation_done(&with);
	listeners_done(&taken);
	words_done(&asked);
}

static void a_memory_that_kills_is_replaced(void **state)
{
	(void)state;
	struct invocation invocation;
	struct holding holding;
	ask(&invocation, (const char *const[]){"--domains", "/a", NULL});
	holding_init(&holding, &invocation);
	assert_true(holding_open(&holding));
	struct stat before, after;
	assert_int_equal(fstat(holding.handover.memory.fd, &before), 0);
	/* One death, or two far apart, are no reason. */
	holding_judge_memory(&holding, 5);
	holding_judge_memory(&holding, 3600000);
	holding_judge_memory(&holding, 5);
	assert_int_equal(fstat(holding.handover.memory.fd, &after), 0);
	assert_true(before.st_ino == after.st_ino);
	holding_judge_memory(&holding, 5);
	assert_int_equal(fstat(holding.handover.memory.fd, &after), 0);
	assert_false(before.st_ino == after.st_ino);
	holding_close(&holding);
	invocation_done(&invocation);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(a_child_gets_what_it_needs_and_no_more),
	        cmocka_unit_test(who_has_a_control_process_follows_from_the_settings),
	        cmocka_unit_test(what_is_taken_is_told),
	        cmocka_unit_test(an_upgrade_keeps_what_stands_and_opens_what_is_new),
	        cmocka_unit_test(an_api_that_cannot_be_opened_later_is_done_without),
	        cmocka_unit_test(a_memory_that_kills_is_replaced),
	};
	return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
