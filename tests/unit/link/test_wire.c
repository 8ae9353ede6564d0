/* Two ends of a wire: what one says the other hears, whatever comes between. */
#include "link/wire.h"

#include "base/clock.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

static const struct link_wire_times CALM = {.ping_ms = 60000, .lease_ms = 60000};
static const struct link_wire_times BRISK = {.ping_ms = 40, .lease_ms = 200};

struct end {
	struct link_wire_sink sink;
	struct link_wire *wire;
	struct text heard; /* "COMMIT:{};" for each */
	uint64_t bytes;    /* of payloads */
	unsigned count, sent_count;
	const char *why;
	const char *ends_at; /* ends when it hears this payload */
	unsigned to_send;    /* large ones, one for each on_sent */
};

static void on_message(struct link_wire_sink *sink, enum link_message_kind kind, struct str payload)
{
	struct end *end = container_of(sink, struct end, sink);
	end->count++;
	end->bytes += payload.len;
	if (payload.len < 100)
		text_addf(&end->heard, "%s:%.*s;", link_message_name(kind), STR_ARG(payload));
	if (end->ends_at != NULL && str_is_equal(payload, str_of(end->ends_at)))
		link_wire_end(end->wire, "had enough");
}

static void send_large(struct end *end)
{
	struct text large = {0};
	for (unsigned i = 0; i < 200000; i++)
		text_add_char(&large, 'x');
	link_wire_send(end->wire, LINK_SAYS_DOMAIN, text_str(&large));
	text_done(&large);
}

static void on_sent(struct link_wire_sink *sink)
{
	struct end *end = container_of(sink, struct end, sink);
	end->sent_count++;
	assert_int_equal(link_wire_backlog(end->wire), 0);
	if (end->to_send > 0) {
		end->to_send--;
		send_large(end);
	}
}

static void on_end(struct link_wire_sink *sink, const char *why)
{
	struct end *end = container_of(sink, struct end, sink);
	assert_null(end->why);
	end->why = why;
}

static void end_init(
        struct end *end, struct loop *loop, int socket, const struct link_wire_times *times)
{
	*end = (struct end){
	        .sink = {.on_message = on_message, .on_sent = on_sent, .on_end = on_end}};
	end->wire = link_wire_new(loop, socket, NULL, times, &end->sink);
	assert_non_null(end->wire);
}

static void end_done(struct end *end)
{
	link_wire_free(end->wire);
	text_done(&end->heard);
}

static void make_pair(int sockets[2])
{
	assert_int_equal(
	        socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, sockets), 0);
}

/* Turns until it is so, or for long enough that it never will be. */
#define TURN_UNTIL(loop, condition)                                                                \
	do {                                                                                       \
		for (unsigned turns = 0; turns < 2000 && !(condition); turns++)                    \
			loop_turn((loop), 5);                                                      \
		assert_true(condition);                                                            \
	} while (0)

static void what_is_said_is_heard_in_order(void **state)
{
	(void)state;
	struct loop *loop = loop_new();
	struct end a, b;
	int sockets[2];
	make_pair(sockets);
	end_init(&a, loop, sockets[0], &CALM);
	end_init(&b, loop, sockets[1], &CALM);
	link_wire_send(a.wire, LINK_SAYS_BEGIN, STR("{}"));
	link_wire_send(a.wire, LINK_SAYS_COMMIT, STR("{\"revision\":1}"));
	link_wire_send(b.wire, LINK_SAYS_APPLIED, STR("{\"revision\":1}"));
	TURN_UNTIL(loop, b.count == 2 && a.count == 1);
	assert_string_equal(text_c(&b.heard), "BEGIN:{};COMMIT:{\"revision\":1};");
	assert_string_equal(text_c(&a.heard), "APPLIED:{\"revision\":1};");
	assert_int_equal(a.sent_count, 1);
	assert_null(a.why);
	end_done(&a);
	end_done(&b);
	loop_free(loop);
}

/* More than any socket holds, sent as room comes. */
static void much_is_said_piece_by_piece(void **state)
{
	(void)state;
	struct loop *loop = loop_new();
	struct end a, b;
	int sockets[2];
	make_pair(sockets);
	end_init(&a, loop, sockets[0], &CALM);
	end_init(&b, loop, sockets[1], &CALM);
	a.to_send = 50;
	send_large(&a);
	TURN_UNTIL(loop, b.count == 51);
	assert_int_equal(b.bytes, UINT64_C(51) * 200000);
	assert_int_equal(a.sent_count, 51);
	end_done(&a);
	end_done(&b);
	loop_free(loop);
}

static void a_stream_may_be_cut_anywhere(void **state)
{
	(void)state;
	struct loop *loop = loop_new();
	struct text stream = {0};
	struct end b;
	int sockets[2];
	make_pair(sockets);
	end_init(&b, loop, sockets[1], &CALM);
	link_message_print(LINK_SAYS_GONE, STR("{\"name\":\"a\"}"), &stream);
	link_message_print(LINK_SAYS_COMMIT, STR("{\"revision\":1}"), &stream);
	for (size_t i = 0; i < stream.len; i++) {
		assert_int_equal(write(sockets[0], stream.at + i, 1), 1);
		loop_turn(loop, 0);
	}
	TURN_UNTIL(loop, b.count == 2);
	assert_string_equal(text_c(&b.heard), "GONE:{\"name\":\"a\"};COMMIT:{\"revision\":1};");
	text_done(&stream);
	close(sockets[0]);
	end_done(&b);
	loop_free(loop);
}

static void what_is_no_message_ends_it(void **state)
{
	(void)state;
	struct loop *loop = loop_new();
	struct end b;
	int sockets[2];
	make_pair(sockets);
	end_init(&b, loop, sockets[1], &CALM);
	assert_int_equal(write(sockets[0], "GET / HTTP/1.1\r\n", 16), 16);
	TURN_UNTIL(loop, b.why != NULL);
	assert_string_equal(b.why, "what was sent is no message");
	assert_int_equal(b.count, 0);
	close(sockets[0]);
	end_done(&b);
	loop_free(loop);
}

static void the_end_of_one_is_that_of_the_other(void **state)
{
	(void)state;
	struct loop *loop = loop_new();
	struct end a, b;
	int sockets[2];
	make_pair(sockets);
	end_init(&a, loop, sockets[0], &CALM);
	end_init(&b, loop, sockets[1], &CALM);
	link_wire_send(a.wire, LINK_SAYS_BEGIN, STR("{}"));
	TURN_UNTIL(loop, b.count == 1);
	end_done(&a);
	TURN_UNTIL(loop, b.why != NULL);
	assert_string_equal(b.why, "the other side ended the connection");
	end_done(&b);
	loop_free(loop);
}

static void one_that_had_enough_hears_nothing_more(void **state)
{
	(void)state;
	struct loop *loop = loop_new();
	struct end a, b;
	int sockets[2];
	make_pair(sockets);
	end_init(&a, loop, sockets[0], &CALM);
	end_init(&b, loop, sockets[1], &CALM);
	b.ends_at = "2";
	link_wire_send(a.wire, LINK_SAYS_GONE, STR("1"));
	link_wire_send(a.wire, LINK_SAYS_GONE, STR("2"));
	link_wire_send(a.wire, LINK_SAYS_GONE, STR("3"));
	TURN_UNTIL(loop, b.why != NULL);
	assert_string_equal(b.why, "had enough");
	assert_string_equal(text_c(&b.heard), "GONE:1;GONE:2;");
	link_wire_send(b.wire, LINK_SAYS_GONE, STR("4"));
	assert_int_equal(link_wire_backlog(b.wire), 0);
	end_done(&a);
	end_done(&b);
	loop_free(loop);
}

static void silence_is_broken_by_pings(void **state)
{
	(void)state;
	struct loop *loop = loop_new();
	struct end a, b;
	int sockets[2];
	make_pair(sockets);
	end_init(&a, loop, sockets[0], &BRISK);
	end_init(&b, loop, sockets[1], &BRISK);
	uint64_t until = clock_ms() + 3 * BRISK.lease_ms;
	while (clock_ms() < until)
		loop_turn(loop, 5);
	assert_null(a.why);
	assert_null(b.why);
	assert_int_equal(a.count + b.count, 0);
	end_done(&a);
	end_done(&b);
	loop_free(loop);
}

static void who_is_not_heard_is_gone(void **state)
{
	(void)state;
	struct loop *loop = loop_new();
	struct end b;
	int sockets[2];
	make_pair(sockets);
	uint64_t began = clock_ms();
	end_init(&b, loop, sockets[1], &BRISK);
	TURN_UNTIL(loop, b.why != NULL);
	assert_string_equal(b.why, "nothing was heard for too long");
	assert_true(clock_ms() - began >= BRISK.lease_ms);
	close(sockets[0]);
	end_done(&b);
	loop_free(loop);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(what_is_said_is_heard_in_order),
	        cmocka_unit_test(much_is_said_piece_by_piece),
	        cmocka_unit_test(a_stream_may_be_cut_anywhere),
	        cmocka_unit_test(what_is_no_message_ends_it),
	        cmocka_unit_test(the_end_of_one_is_that_of_the_other),
	        cmocka_unit_test(one_that_had_enough_hears_nothing_more),
	        cmocka_unit_test(silence_is_broken_by_pings),
	        cmocka_unit_test(who_is_not_heard_is_gone),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
