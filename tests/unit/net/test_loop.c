/* The loop: readiness, tasks, timers and messages, with real descriptors and threads. */
#include "net/loop.h"

#include "base/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static struct loop *loop;

static int begin(void **state)
{
	(void)state;
	loop = loop_new();
	return loop == NULL;
}

static int end(void **state)
{
	(void)state;
	loop_free(loop);
	loop = NULL;
	return 0;
}

/* A descriptor that notes what it was told. */
struct watched {
	struct loop_fd fd;
	unsigned calls, events;
	struct loop_fd *removes; /* what it takes out of the loop when called */
};

static void note_events(struct loop_fd *self, unsigned events)
{
	struct watched *watched = container_of(self, struct watched, fd);
	watched->calls++;
	watched->events |= events;
	if (watched->removes != NULL)
		loop_remove(loop, watched->removes);
}

/* Two connected sockets; the first one is watched. */
static void connect_pair(struct watched *watched, int *ret_other)
{
	int ends[2];
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends), 0);
	*watched = (struct watched){.fd = {.fd = ends[0], .on_ready = note_events}};
	*ret_other = ends[1];
}

static void close_pair(struct watched *watched, int other)
{
	loop_remove(loop, &watched->fd);
	close(watched->fd.fd);
	if (other >= 0)
		close(other);
}

/* What the watched descriptor is told in the next turn. */
static unsigned next_events(struct watched *watched)
{
	watched->events = watched->calls = 0;
	loop_turn(loop, 0);
	return watched->events;
}

static void edges_are_told_once_and_hangups_as_readable(void **state)
{
	(void)state;
	struct watched watched;
	int other;
	connect_pair(&watched, &other);
	assert_true(loop_add(loop, &watched.fd));
	assert_int_equal(next_events(&watched), LOOP_WRITABLE);
	assert_int_equal(next_events(&watched), 0);
	assert_int_equal(write(other, "x", 1), 1);
	assert_int_equal(next_events(&watched), LOOP_READABLE | LOOP_WRITABLE);
	assert_int_equal(next_events(&watched), 0);
	assert_int_equal(shutdown(other, SHUT_WR), 0);
	assert_int_equal(next_events(&watched), LOOP_READABLE | LOOP_WRITABLE | LOOP_HANGUP);
	close(other);
	assert_int_equal(next_events(&watched), LOOP_READABLE | LOOP_WRITABLE | LOOP_HANGUP);
	close_pair(&watched, -1);
}

static void levels_are_told_again_and_again(void **state)
{
	(void)state;
	struct watched watched;
	int other;
	connect_pair(&watched, &other);
	assert_true(loop_add_level(loop, &watched.fd));
	assert_int_equal(next_events(&watched), 0);
	assert_int_equal(write(other, "x", 1), 1);
	assert_int_equal(next_events(&watched), LOOP_READABLE);
	assert_int_equal(next_events(&watched), LOOP_READABLE);
	close_pair(&watched, other);
}

static void what_was_removed_is_not_called_in_the_same_batch(void **state)
{
	(void)state;
	struct watched a, b;
	int other_a, other_b;
	connect_pair(&a, &other_a);
	connect_pair(&b, &other_b);
	a.removes = &b.fd;
	b.removes = &a.fd;
	assert_true(loop_add(loop, &a.fd));
	assert_true(loop_add(loop, &b.fd));
	loop_turn(loop, 0);
	assert_int_equal(a.calls + b.calls, 1);
	loop_turn(loop, 0);
	assert_int_equal(a.calls + b.calls, 1);
	close_pair(&a, other_a);
	close_pair(&b, other_b);
}

static void removing_what_is_not_in_the_loop_does_nothing(void **state)
{
	(void)state;
	struct watched watched;
	int other;
	struct loop_fd none = {.fd = -1, .on_ready = note_events};
	loop_remove(loop, &none);
	connect_pair(&watched, &other);
	loop_remove(loop, &watched.fd);
	close_pair(&watched, other);
}

static void the_kernel_may_refuse_a_descriptor(void **state)
{
	(void)state;
	struct loop_fd file = {.fd = open("/proc/self/exe", O_RDONLY), .on_ready = note_events};
	assert_true(file.fd >= 0);
	assert_false(loop_add(loop, &file));
	loop_remove(loop, &file);
	close(file.fd);
}

/* A task that writes its letter, and may wake another one or itself. */
struct letter {
	struct loop_task task;
	char letter;
	struct letter *wakes;
	unsigned times;
};

static char letters[64];

static void write_letter(struct loop_task *task)
{
	struct letter *letter = container_of(task, struct letter, task);
	size_t length = strlen(letters);
	if (length < sizeof(letters) - 1)
		letters[length] = letter->letter;
	letter->times++;
	if (letter->wakes != NULL)
		loop_wake(loop, &letter->wakes->task);
}

static struct letter new_letter(char which)
{
	return (struct letter){.task = {.on_run = write_letter}, .letter = which};
}

static void tasks_run_in_order_once_and_wake_others_in_the_same_turn(void **state)
{
	(void)state;
	memset(letters, 0, sizeof(letters));
	struct letter a = new_letter('a'), b = new_letter('b'), c = new_letter('c'),
	              d = new_letter('d');
	b.wakes = &d;
	loop_wake(loop, &b.task);
	loop_wake(loop, &a.task);
	loop_wake(loop, &b.task);
	loop_wake(loop, &c.task);
	loop_unwake(&a.task);
	loop_unwake(&a.task);
	loop_turn(loop, 1000);
	assert_string_equal(letters, "bcd");
	loop_turn(loop, 0);
	assert_string_equal(letters, "bcd");
}

static void a_task_that_wakes_itself_for_ever_does_not_stop_the_turns(void **state)
{
	(void)state;
	struct letter again = new_letter('x');
	again.wakes = &again;
	loop_wake(loop, &again.task);
	loop_turn(loop, 1000);
	assert_int_equal(again.times, 10000);
	uint64_t before = clock_ms();
	loop_turn(loop, 10000);
	assert_true(clock_ms() - before < 5000);
	assert_int_equal(again.times, 20000);
	loop_unwake(&again.task);
}

static void yield_again(struct loop_task *task)
{
	struct letter *letter = container_of(task, struct letter, task);
	letter->times++;
	loop_yield(loop, task);
}

static void a_task_that_yields_runs_once_in_each_turn_and_no_turn_waits_for_it(void **state)
{
	(void)state;
	struct letter again = {.task = {.on_run = yield_again}};
	loop_wake(loop, &again.task);
	uint64_t before = clock_ms();
	for (unsigned turn = 1; turn <= 3; turn++) {
		loop_turn(loop, 10000);
		assert_int_equal(again.times, turn);
	}
	assert_true(clock_ms() - before < 5000);
	loop_unwake(&again.task);
	loop_turn(loop, 0);
	assert_int_equal(again.times, 3);
}

/* A pause that writes its letter, and may wake a task once or leave. */
struct pause {
	struct loop_pause pause;
	char letter;
	struct loop_task *wakes;
	bool leaves;
};

static void write_pause(struct loop_pause *self)
{
	struct pause *pause = container_of(self, struct pause, pause);
	letters[strlen(letters)] = pause->letter;
	if (pause->wakes != NULL)
		loop_wake(loop, pause->wakes);
	pause->wakes = NULL;
	if (pause->leaves)
		loop_remove_pause(self);
}

static struct pause new_pause(char which)
{
	return (struct pause){.pause = {.on_pause = write_pause}, .letter = which};
}

static void pauses_come_before_each_wait_behind_every_task(void **state)
{
	(void)state;
	memset(letters, 0, sizeof(letters));
	struct letter a = new_letter('a'), b = new_letter('b'), c = new_letter('c');
	struct pause first = new_pause('1'), second = new_pause('2');
	a.wakes = &b;
	loop_add_pause(loop, &first.pause);
	loop_add_pause(loop, &second.pause);
	loop_wake(loop, &a.task);
	loop_yield(loop, &c.task);
	loop_turn(loop, 0);
	loop_turn(loop, 0);
	loop_turn(loop, 0);
	assert_string_equal(letters, "12ab12c12");
	loop_remove_pause(&first.pause);
	loop_remove_pause(&first.pause);
	loop_turn(loop, 0);
	assert_string_equal(letters, "12ab12c122");
	loop_remove_pause(&second.pause);
}

static void a_pause_may_leave_and_what_it_wakes_is_not_waited_for(void **state)
{
	(void)state;
	memset(letters, 0, sizeof(letters));
	struct letter a = new_letter('a');
	struct pause first = new_pause('1'), second = new_pause('2');
	first.leaves = true;
	first.wakes = &a.task;
	loop_add_pause(loop, &first.pause);
	loop_add_pause(loop, &second.pause);
	uint64_t before = clock_ms();
	loop_turn(loop, 10000);
	assert_true(clock_ms() - before < 5000);
	loop_turn(loop, 0);
	assert_string_equal(letters, "12a2");
	loop_remove_pause(&second.pause);
}

struct stopper {
	struct timer timer;
	uint64_t expired_ms;
};

static void stop_on_expiry(struct timer *timer)
{
	container_of(timer, struct stopper, timer)->expired_ms = clock_ms();
	loop_stop(loop);
}

static void a_timer_wakes_the_loop_in_time(void **state)
{
	(void)state;
	struct stopper stopper = {.timer = {.on_expire = stop_on_expiry}};
	static const unsigned AFTER[] = {0, 1, 5, 30};
	for (size_t i = 0; i < ARRAY_LENGTH(AFTER); i++) {
		loop_turn(loop, 0);
		uint64_t at_ms = loop_now_ms(loop) + AFTER[i];
		loop_timer_start(loop, &stopper.timer, at_ms);
		loop_run(loop);
		/* Never early; how late is up to the machine as well. */
		assert_in_range(stopper.expired_ms, at_ms, at_ms + 500);
	}
}

static void a_cancelled_timer_is_silent(void **state)
{
	(void)state;
	struct stopper stopper = {.timer = {.on_expire = stop_on_expiry}};
	loop_timer_start(loop, &stopper.timer, loop_now_ms(loop) + 5);
	loop_timer_start(loop, &stopper.timer, CLOCK_NEVER);
	assert_false(timer_is_running(&stopper.timer));
	loop_timer_start(loop, &stopper.timer, loop_now_ms(loop) + 5);
	loop_timer_cancel(loop, &stopper.timer);
	loop_turn(loop, 20);
	assert_int_equal(stopper.expired_ms, 0);
}

static void a_turn_waits_no_longer_than_told(void **state)
{
	(void)state;
	uint64_t before = clock_ms();
	loop_turn(loop, 20);
	assert_in_range(clock_ms() - before, 19, 1000);
}

static void the_wall_clock_stands_still_within_a_turn(void **state)
{
	(void)state;
	uint64_t before_ms = clock_wall_ms(), first_ms = loop_wall_ms(loop);
	assert_in_range(first_ms, before_ms, before_ms + 500);
	while (clock_wall_ms() <= first_ms)
		;
	assert_int_equal(loop_wall_ms(loop), first_ms);
	loop_turn(loop, 0);
	assert_true(loop_wall_ms(loop) > first_ms);
}

enum { POSTERS = 3, MESSAGES = 20000 };

/* A message of a thread, with its number. */
struct mail {
	struct loop_message message;
	unsigned poster, number;
};

static struct mail mails[POSTERS][MESSAGES];
static unsigned received[POSTERS], received_in_all;

static void receive_mail(struct loop_message *message)
{
	struct mail *mail = container_of(message, struct mail, message);
	assert_int_equal(mail->number, received[mail->poster]);
	received[mail->poster]++;
	if (++received_in_all == POSTERS * MESSAGES)
		loop_stop(loop);
}

static void *post_all(void *argument)
{
	struct mail *own = argument;
	for (unsigned i = 0; i < MESSAGES; i++) {
		loop_post(loop, &own[i].message);
		/* Now and then the loop shall have fallen asleep. */
		if (i % 1000 == 0)
			usleep(300);
	}
	return NULL;
}

static void messages_of_many_threads_arrive_each_threads_in_order(void **state)
{
	(void)state;
	pthread_t threads[POSTERS];
	memset(received, 0, sizeof(received));
	received_in_all = 0;
	for (unsigned p = 0; p < POSTERS; p++) {
		for (unsigned i = 0; i < MESSAGES; i++)
			mails[p][i] = (struct mail){{.on_receive = receive_mail}, p, i};
		assert_int_equal(pthread_create(&threads[p], NULL, post_all, mails[p]), 0);
	}
	loop_run(loop);
	for (unsigned p = 0; p < POSTERS; p++)
		pthread_join(threads[p], NULL);
	assert_int_equal(received_in_all, POSTERS * MESSAGES);
}

static struct loop_message echo;
static struct loop *other_loop;
static unsigned echoes;

static void bounce_back(struct loop_message *message);

static void bounce(struct loop_message *message)
{
	message->on_receive = bounce_back;
	loop_post(loop, message);
}

static void bounce_back(struct loop_message *message)
{
	if (++echoes == 2000) {
		loop_stop(loop);
		return;
	}
	message->on_receive = bounce;
	loop_post(other_loop, message);
}

static struct loop_message last;

static void stop_other(struct loop_message *message)
{
	(void)message;
	loop_stop(other_loop);
}

static void *run_other(void *argument)
{
	(void)argument;
	loop_run(other_loop);
	return NULL;
}

static void a_sleeping_loop_is_always_woken(void **state)
{
	(void)state;
	/* Both loops fall asleep after each message: a wake-up that is lost would end in a hang. */
	pthread_t thread;
	echoes = 0;
	other_loop = loop_new();
	assert_non_null(other_loop);
	assert_int_equal(pthread_create(&thread, NULL, run_other, NULL), 0);
	echo.on_receive = bounce;
	loop_post(other_loop, &echo);
	loop_run(loop);
	assert_int_equal(echoes, 2000);
	last.on_receive = stop_other;
	loop_post(other_loop, &last);
	pthread_join(thread, NULL);
	loop_free(other_loop);
}

static void a_message_to_oneself_comes_without_waiting(void **state)
{
	(void)state;
	struct mail mail = {{.on_receive = receive_mail}, 0, 0};
	memset(received, 0, sizeof(received));
	received_in_all = 0;
	loop_post(loop, &mail.message);
	uint64_t before = clock_ms();
	loop_turn(loop, 10000);
	assert_true(clock_ms() - before < 5000);
	assert_int_equal(received[0], 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test_setup_teardown(
	                edges_are_told_once_and_hangups_as_readable, begin, end),
	        cmocka_unit_test_setup_teardown(levels_are_told_again_and_again, begin, end),
	        cmocka_unit_test_setup_teardown(
	                the_wall_clock_stands_still_within_a_turn, begin, end),
	        cmocka_unit_test_setup_teardown(
	                what_was_removed_is_not_called_in_the_same_batch, begin, end),
	        cmocka_unit_test_setup_teardown(
	                removing_what_is_not_in_the_loop_does_nothing, begin, end),
	        cmocka_unit_test_setup_teardown(the_kernel_may_refuse_a_descriptor, begin, end),
	        cmocka_unit_test_setup_teardown(
	                tasks_run_in_order_once_and_wake_others_in_the_same_turn, begin, end),
	        cmocka_unit_test_setup_teardown(
	                a_task_that_wakes_itself_for_ever_does_not_stop_the_turns, begin, end),
	        cmocka_unit_test_setup_teardown(
	                a_task_that_yields_runs_once_in_each_turn_and_no_turn_waits_for_it, begin,
	                end),
	        cmocka_unit_test_setup_teardown(
	                pauses_come_before_each_wait_behind_every_task, begin, end),
	        cmocka_unit_test_setup_teardown(
	                a_pause_may_leave_and_what_it_wakes_is_not_waited_for, begin, end),
	        cmocka_unit_test_setup_teardown(a_timer_wakes_the_loop_in_time, begin, end),
	        cmocka_unit_test_setup_teardown(a_cancelled_timer_is_silent, begin, end),
	        cmocka_unit_test_setup_teardown(a_turn_waits_no_longer_than_told, begin, end),
	        cmocka_unit_test_setup_teardown(
	                messages_of_many_threads_arrive_each_threads_in_order, begin, end),
	        cmocka_unit_test_setup_teardown(a_sleeping_loop_is_always_woken, begin, end),
	        cmocka_unit_test_setup_teardown(
	                a_message_to_oneself_comes_without_waiting, begin, end),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
