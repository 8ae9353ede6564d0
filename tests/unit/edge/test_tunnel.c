/* What passes between two peers, played by hand. */
#include "edge/tunnel.h"

#include "base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

enum { IDLE_MS = 100 };

/* A peer that says the pieces of `says`, split at bars, and takes `room` bytes. */
struct peer {
	struct edge_tunnel_peer peer;
	const char *says;
	enum serve_read then; /* behind the last piece */
	size_t room;
	struct text heard;
	unsigned ends, reads;
	bool is_end_late, is_broken;
	uint64_t backlog;
};

static struct peer *of(struct edge_tunnel_peer *self)
{
	return container_of(self, struct peer, peer);
}

static enum serve_read on_read(struct edge_tunnel_peer *self, struct str *ret_data)
{
	struct peer *peer = of(self);
	peer->reads++;
	if (*peer->says == '\0')
		return peer->then;
	struct str rest = str_of(peer->says);
	*ret_data = str_cut(&rest, '|');
	peer->says = rest.at == NULL ? "" : rest.at;
	return SERVE_READ_DATA;
}

static bool on_write(struct edge_tunnel_peer *self, struct str data, size_t *ret_taken)
{
	struct peer *peer = of(self);
	assert_int_equal(peer->ends, 0);
	*ret_taken = data.len < peer->room ? data.len : peer->room;
	peer->room -= *ret_taken;
	text_add(&peer->heard, str_make(data.at, *ret_taken));
	return !peer->is_broken;
}

static bool on_end(struct edge_tunnel_peer *self)
{
	struct peer *peer = of(self);
	assert_int_equal(peer->ends, 0);
	peer->ends += !peer->is_end_late;
	return !peer->is_end_late;
}

static uint64_t on_backlog(struct edge_tunnel_peer *self)
{
	return of(self)->backlog;
}

static struct peer make_peer(const char *says, enum serve_read then, size_t room)
{
	return (struct peer){
	        .peer = {on_read, on_write, on_end, on_backlog},
	        .says = says,
	        .then = then,
	        .room = room,
	};
}

static void assert_heard(struct peer *peer, const char *text)
{
	assert_string_equal(peer->heard.len == 0 ? "" : text_c(&peer->heard), text);
}

static void done(struct peer *a, struct peer *b)
{
	text_done(&a->heard);
	text_done(&b->heard);
}

static void everything_passes_and_then_the_ends(void **state)
{
	(void)state;
	struct peer a = make_peer("one|two|three", SERVE_READ_END, 100);
	struct peer b = make_peer("1|2", SERVE_READ_WAIT, 100);
	struct edge_tunnel tunnel;
	edge_tunnel_init(&tunnel, &a.peer, &b.peer, IDLE_MS, 0);
	assert_int_equal(edge_tunnel_pump(&tunnel, 1), EDGE_TUNNEL_WAIT);
	assert_heard(&a, "12");
	assert_heard(&b, "onetwothree");
	assert_int_equal(b.ends, 1);
	assert_int_equal(a.ends, 0);
	b.says = "3";
	b.then = SERVE_READ_END;
	assert_int_equal(edge_tunnel_pump(&tunnel, 2), EDGE_TUNNEL_DONE);
	assert_heard(&a, "123");
	assert_int_equal(a.ends, 1);
	assert_int_equal(edge_tunnel_pump(&tunnel, 2), EDGE_TUNNEL_DONE);
	done(&a, &b);
}

static void who_takes_nothing_is_not_read_for(void **state)
{
	(void)state;
	struct peer a = make_peer("12345|678", SERVE_READ_END, 100);
	struct peer b = make_peer("", SERVE_READ_WAIT, 3);
	struct edge_tunnel tunnel;
	edge_tunnel_init(&tunnel, &a.peer, &b.peer, IDLE_MS, 0);
	for (unsigned i = 0; i < 3; i++)
		assert_int_equal(edge_tunnel_pump(&tunnel, 1), EDGE_TUNNEL_WAIT);
	assert_heard(&b, "123");
	assert_int_equal(a.reads, 1);
	b.room = 4;
	assert_int_equal(edge_tunnel_pump(&tunnel, 1), EDGE_TUNNEL_WAIT);
	assert_heard(&b, "1234567");
	b.room = 1;
	b.is_end_late = true;
	assert_int_equal(edge_tunnel_pump(&tunnel, 1), EDGE_TUNNEL_WAIT);
	assert_heard(&b, "12345678");
	assert_int_equal(b.ends, 0);
	b.is_end_late = false;
	assert_int_equal(edge_tunnel_pump(&tunnel, 1), EDGE_TUNNEL_WAIT);
	assert_int_equal(b.ends, 1);
	done(&a, &b);
}

static void a_turn_moves_a_few_pieces(void **state)
{
	(void)state;
	struct peer a = make_peer("a|b|c|d|e|f|g|h|i", SERVE_READ_WAIT, 100);
	struct peer b = make_peer("", SERVE_READ_WAIT, 100);
	struct edge_tunnel tunnel;
	edge_tunnel_init(&tunnel, &a.peer, &b.peer, IDLE_MS, 0);
	assert_int_equal(edge_tunnel_pump(&tunnel, 1), EDGE_TUNNEL_MORE);
	assert_heard(&b, "abcd");
	assert_int_equal(edge_tunnel_pump(&tunnel, 1), EDGE_TUNNEL_MORE);
	assert_int_equal(edge_tunnel_pump(&tunnel, 1), EDGE_TUNNEL_WAIT);
	assert_heard(&b, "abcdefghi");
	done(&a, &b);
}

static void whose_end_is_gone_is_told(void **state)
{
	(void)state;
	struct peer a = make_peer("x", SERVE_READ_WAIT, 100);
	struct peer b = make_peer("", SERVE_READ_FAILED, 100);
	struct edge_tunnel tunnel;
	edge_tunnel_init(&tunnel, &a.peer, &b.peer, IDLE_MS, 0);
	assert_int_equal(edge_tunnel_pump(&tunnel, 1), EDGE_TUNNEL_FAILED);
	assert_int_equal(tunnel.failed, 1);
	assert_heard(&b, "x");
	done(&a, &b);

	a = make_peer("", SERVE_READ_WAIT, 100);
	a.is_broken = true;
	b = make_peer("y", SERVE_READ_WAIT, 100);
	edge_tunnel_init(&tunnel, &a.peer, &b.peer, IDLE_MS, 0);
	assert_int_equal(edge_tunnel_pump(&tunnel, 1), EDGE_TUNNEL_FAILED);
	assert_int_equal(tunnel.failed, 0);
	done(&a, &b);
}

static void silence_is_counted_over_both_ways(void **state)
{
	(void)state;
	struct peer a = make_peer("", SERVE_READ_WAIT, 100);
	struct peer b = make_peer("", SERVE_READ_WAIT, 100);
	struct edge_tunnel tunnel;
	edge_tunnel_init(&tunnel, &a.peer, &b.peer, IDLE_MS, 1000);
	assert_int_equal(edge_tunnel_idle_at(&tunnel), 1000 + IDLE_MS);
	assert_false(edge_tunnel_is_idle(&tunnel, 1000 + IDLE_MS - 1));
	assert_int_equal(edge_tunnel_pump(&tunnel, 1050), EDGE_TUNNEL_WAIT);
	assert_int_equal(edge_tunnel_idle_at(&tunnel), 1000 + IDLE_MS);
	b.says = "x";
	assert_int_equal(edge_tunnel_pump(&tunnel, 1050), EDGE_TUNNEL_WAIT);
	assert_false(edge_tunnel_is_idle(&tunnel, 1000 + IDLE_MS));
	assert_true(edge_tunnel_is_idle(&tunnel, 1050 + IDLE_MS));
	/* What is less than when somebody looked last was read. */
	a.backlog = 500;
	assert_false(edge_tunnel_is_idle(&tunnel, 1050 + IDLE_MS));
	assert_int_equal(edge_tunnel_idle_at(&tunnel), 1050 + 2 * IDLE_MS);
	a.backlog = 400;
	assert_false(edge_tunnel_is_idle(&tunnel, 1050 + 2 * IDLE_MS));
	assert_true(edge_tunnel_is_idle(&tunnel, 1050 + 3 * IDLE_MS));
	done(&a, &b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(everything_passes_and_then_the_ends),
	        cmocka_unit_test(who_takes_nothing_is_not_read_for),
	        cmocka_unit_test(a_turn_moves_a_few_pieces),
	        cmocka_unit_test(whose_end_is_gone_is_told),
	        cmocka_unit_test(silence_is_counted_over_both_ways),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
