/* Processes that are kept: shells with a script stand for edges and control processes. */
#include "main/children.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

/* Says that it serves: the handover names the pipe. */
#define SERVE "r=${HEADWATER_HANDOVER#ready=}; eval \"echo >&${r%% *}\"; "

static struct {
	struct children children;
	unsigned serving, deaths;
	enum child_state was;
	struct child_death death;
	char how[100];
} bench;

static void on_serving(struct children *children, struct child *child, enum child_state was)
{
	assert_ptr_equal(children, &bench.children);
	assert_int_equal(child->state, CHILD_SERVING);
	bench.was = was;
	bench.serving++;
}

static void on_death(struct children *children, const struct child_death *death)
{
	assert_ptr_equal(children, &bench.children);
	bench.death = *death;
	snprintf(bench.how, sizeof(bench.how), "%s", death->how);
	bench.deaths++;
}

static int set_up(void **state)
{
	(void)state;
	bench.serving = bench.deaths = 0;
	bench.children = (struct children){.on_serving = on_serving, .on_death = on_death};
	children_init(&bench.children, loop_new());
	return bench.children.loop != NULL ? 0 : -1;
}

static int tear_down(void **state)
{
	(void)state;
	for (enum child_role role = 0; role < CHILD_ROLES; role++)
		children_signal(&bench.children, role, SIGKILL);
	children_done(&bench.children);
	while (waitpid(-1, NULL, 0) > 0)
		;
	loop_free(bench.children.loop);
	return 0;
}

static void start(
        enum child_role role, enum child_state state, const char *script, uint32_t serve_ms)
{
	char shell[] = "sh", flag[] = "-c", text[256];
	struct handover handover;
	handover_init(&handover);
	snprintf(text, sizeof(text), "%s", script);
	char *const arguments[] = {shell, flag, text, NULL};
	const struct child_options options = {
	        .role = role,
	        .state = state,
	        .path = "/bin/sh",
	        .arguments = arguments,
	        .handover = &handover,
	        .serve_ms = serve_ms,
	};
	assert_true(children_start(&bench.children, &options));
}

#define TURN_UNTIL(condition)                                                                      \
	do {                                                                                       \
		for (unsigned turns = 0; turns < 1000 && !(condition); turns++) {                  \
			loop_turn(bench.children.loop, 10);                                        \
			children_reap(&bench.children);                                            \
		}                                                                                  \
		assert_true(condition);                                                            \
	} while (0)

static void a_child_serves_when_it_says_so(void **state)
{
	(void)state;
	start(CHILD_EDGE, CHILD_STARTING, SERVE "exec sleep 60", 0);
	assert_non_null(children_find(&bench.children, CHILD_EDGE, CHILD_STARTING));
	TURN_UNTIL(bench.serving == 1);
	assert_int_equal(bench.was, CHILD_STARTING);
	assert_null(children_find(&bench.children, CHILD_EDGE, CHILD_STARTING));
	struct child *child = children_find(&bench.children, CHILD_EDGE, CHILD_SERVING);
	assert_non_null(child);
	assert_null(children_find(&bench.children, CHILD_CONTROL, CHILD_SERVING));
	assert_false(children_has(&bench.children, CHILD_CONTROL));
	kill(child->pid, SIGKILL);
	TURN_UNTIL(bench.deaths == 1);
	assert_int_equal(bench.death.role, CHILD_EDGE);
	assert_int_equal(bench.death.state, CHILD_SERVING);
	assert_string_equal(bench.how, "signal 9 (Killed)");
	assert_true(children_is_empty(&bench.children));
}

static void a_child_that_dies_first_never_served(void **state)
{
	(void)state;
	start(CHILD_CONTROL, CHILD_STARTING, "exit 2", 0);
	TURN_UNTIL(bench.deaths == 1);
	assert_int_equal(bench.serving, 0);
	assert_int_equal(bench.death.role, CHILD_CONTROL);
	assert_int_equal(bench.death.state, CHILD_STARTING);
	assert_int_equal(WEXITSTATUS(bench.death.status), 2);
}

static void a_candidate_has_a_deadline(void **state)
{
	(void)state;
	start(CHILD_EDGE, CHILD_CANDIDATE, "exec sleep 60", 50);
	TURN_UNTIL(bench.deaths == 1);
	assert_int_equal(bench.death.state, CHILD_CANDIDATE);
	assert_string_equal(bench.how, "signal 9 (Killed), after it took too long to serve");
	/* One that serves in time has none any more. */
	start(CHILD_EDGE, CHILD_CANDIDATE, SERVE "sleep 0.3; exit 5", 250);
	TURN_UNTIL(bench.deaths == 2);
	assert_int_equal(bench.was, CHILD_CANDIDATE);
	assert_string_equal(bench.how, "exit code 5");
}

static void a_successor_stays_when_the_others_are_dismissed(void **state)
{
	(void)state;
	pid_t pids[4];
	start(CHILD_EDGE, CHILD_STARTING, SERVE "exec sleep 60", 0);
	start(CHILD_EDGE, CHILD_CANDIDATE, SERVE "exec sleep 60", 10000);
	start(CHILD_CONTROL, CHILD_STARTING, SERVE "exec sleep 60", 0);
	TURN_UNTIL(bench.serving == 3);
	struct child *first = container_of(list_first(&bench.children.list), struct child, node);
	struct child *second = container_of(first->node.next, struct child, node);
	assert_int_equal(children_list(&bench.children, CHILD_EDGE, second, pids, 4), 2);
	assert_int_equal(pids[0], second->pid);
	assert_int_equal(pids[1], first->pid);
	assert_int_equal(children_list(&bench.children, CHILD_EDGE, second, pids, 1), 1);
	pid_t going = first->pid;
	children_dismiss(&bench.children, CHILD_EDGE, second, 0);
	assert_ptr_equal(children_find(&bench.children, CHILD_EDGE, CHILD_LEAVING), first);
	TURN_UNTIL(bench.deaths == 1);
	assert_int_equal(bench.death.pid, going);
	assert_int_equal(bench.death.state, CHILD_LEAVING);
	assert_string_equal(bench.how, "signal 15 (Terminated)");
	assert_true(children_has(&bench.children, CHILD_EDGE));
	assert_true(children_has(&bench.children, CHILD_CONTROL));
}

static void who_does_not_leave_is_killed(void **state)
{
	(void)state;
	start(CHILD_CONTROL, CHILD_STARTING, "trap '' TERM; " SERVE "sleep 60 & wait; wait", 0);
	TURN_UNTIL(bench.serving == 1);
	children_dismiss(&bench.children, CHILD_CONTROL, NULL, 100);
	TURN_UNTIL(bench.deaths == 1);
	assert_string_equal(bench.how, "signal 9 (Killed), after it took too long to end");
}

static void an_adopted_child_is_one_of_ours(void **state)
{
	(void)state;
	pid_t pid = fork();
	if (pid == 0) {
		pause();
		_exit(0);
	}
	children_adopt(&bench.children, CHILD_EDGE, CHILD_SERVING, pid);
	children_signal(&bench.children, CHILD_CONTROL, SIGKILL);
	loop_turn(bench.children.loop, 20);
	children_reap(&bench.children);
	assert_int_equal(bench.deaths, 0);
	children_signal(&bench.children, CHILD_EDGE, SIGTERM);
	TURN_UNTIL(bench.deaths == 1);
	assert_int_equal(bench.death.pid, pid);
}

static void roles_have_the_names_of_commands(void **state)
{
	(void)state;
	assert_string_equal(children_role_name(CHILD_EDGE), "edge");
	assert_string_equal(children_role_name(CHILD_CONTROL), "control");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
	        TEST(a_child_serves_when_it_says_so),
	        TEST(a_child_that_dies_first_never_served),
	        TEST(a_candidate_has_a_deadline),
	        TEST(a_successor_stays_when_the_others_are_dismissed),
	        TEST(who_does_not_leave_is_killed),
	        TEST(an_adopted_child_is_one_of_ours),
	        TEST(roles_have_the_names_of_commands),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
