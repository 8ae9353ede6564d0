/* An edge and a control plane: what one changes the other has. */
#include "link/remote_bench.h"

static void an_edge_has_what_there_is_and_what_comes(void **state)
{
	(void)state;
	change("a.test", 1, 1);
	change("b.test", 2, 2);
	open_remote();
	wait_for(2);
	assert_domains(bench.told.snapshot, "a.test=1 b.test=2");
	assert_int_equal(bench.told.calls, 1);
	change("b.test", 3, 3);
	change("c.test", 4, 4);
	change("a.test", 0, 5);
	wait_for(5);
	assert_domains(bench.told.snapshot, "b.test=3 c.test=4");
	assert_int_equal(bench.told.changes, 5);
	assert_int_equal(model_snapshot_revision(bench.told.snapshot), 5);
	assert_int_equal(bench.told.troubles, 0);
}

static void an_edge_without_domains_waits_for_the_first(void **state)
{
	(void)state;
	open_remote();
	TURN_UNTIL(link_hub_edge_count(bench.hub) == 1);
	change("a.test", 1, 1);
	wait_for(1);
	assert_domains(bench.told.snapshot, "a.test=1");
}

static void an_edge_that_was_away_is_told_the_difference(void **state)
{
	(void)state;
	change_many(300, 1, 1);
	open_remote();
	wait_for(1);
	/* The control plane goes, changes, and comes back. */
	close_hub();
	TURN_UNTIL(bench.told.troubles == 1);
	assert_int_equal(model_snapshot_count(bench.told.snapshot), 300);
	open_hub("store-1");
	link_hub_add_gone(bench.hub, "00007.test", 3);
	change_many(7, 1, 1);
	change("00008.test", 5, 4);
	assert_int_equal(bench.told.changes, 300);
	wait_for(4);
	/* Of 293 others nothing was said, though this hub does not have them. */
	assert_int_equal(bench.told.changes, 302);
	assert_int_equal(model_snapshot_count(bench.told.snapshot), 299);
	assert_int_equal(bench.told.troubles, 2); /* the second says that it is over */
}

static void another_store_is_told_whole(void **state)
{
	(void)state;
	change("a.test", 1, 1);
	change("b.test", 2, 2);
	change("c.test", 3, 3);
	open_remote();
	wait_for(3);
	close_hub();
	open_hub("store-2");
	change("b.test", 2, 1);
	change("c.test", 9, 2);
	wait_for(2);
	assert_domains(bench.told.snapshot, "b.test=2 c.test=9");
	assert_int_equal(bench.told.changes, 3 + 2); /* b is what it was */
}

static void a_store_that_was_opened_again_tells_the_difference(void **state)
{
	(void)state;
	change("a.test", 1, 1);
	change("b.test", 2, 2);
	open_remote();
	wait_for(2);
	/* Twice, of which the edge hears of the second alone. */
	static const struct link_past PAST[] = {{{"store-1", 7}, 2, 0}, {{"store-1b", 8}, 3, 0}};
	close_hub();
	open_hub_with_past("store-1c", PAST, 2);
	link_hub_add_gone(bench.hub, "nobody.test", 1);
	change("a.test", 1, 1);
	change("c.test", 3, 3);
	wait_for(3);
	/* b.test went nowhere, for it was not said to. */
	assert_domains(bench.told.snapshot, "a.test=1 b.test=2 c.test=3");
	/* And it is called by the new name from then on. */
	close_hub();
	open_hub("store-1c");
	change("a.test", 1, 1);
	change("d.test", 4, 4);
	wait_for(4);
	assert_domains(bench.told.snapshot, "a.test=1 b.test=2 c.test=3 d.test=4");
}

/* From a copy that has revision 2; what was 3 and 4 then is something else now. */
static void a_store_that_was_put_back_is_told_whole(void **state)
{
	(void)state;
	change("a.test", 1, 1);
	change("b.test", 2, 2);
	change("c.test", 3, 3);
	change("a.test", 4, 4);
	open_remote();
	wait_for(4);
	static const struct link_past PAST[] = {{{"store-1", 7}, 2, 0}};
	close_hub();
	open_hub_with_past("store-1b", PAST, 1);
	change("a.test", 1, 1);
	change("b.test", 2, 2);
	change("d.test", 5, 3);
	change("e.test", 6, 4);
	change("f.test", 7, 5);
	wait_for(5);
	assert_domains(bench.told.snapshot, "a.test=1 b.test=2 d.test=5 e.test=6 f.test=7");
}

static void a_name_that_comes_and_goes_is_what_it_was_last(void **state)
{
	(void)state;
	change("a.test", 1, 1);
	change("b.test", 1, 2);
	open_remote();
	wait_for(2);
	close_remote();
	unlink(bench.scratch.journal);
	change("a.test", 0, 3);
	change("a.test", 2, 4);
	change("a.test", 0, 5);
	change("b.test", 0, 6);
	change("b.test", 7, 7);
	open_remote(); /* knows nothing: it is told the whole list */
	wait_for(7);
	assert_domains(link_hub_snapshot(bench.hub), "b.test=7");
	assert_int_equal(model_snapshot_count(link_hub_snapshot(bench.hub)), 1);
}

/* More than the backlog holds, and a change in the middle of it. */
static void a_long_list_is_told_as_it_is_read(void **state)
{
	(void)state;
	change_many(20000, 1, 1);
	open_remote();
	for (unsigned i = 0; i < 5; i++)
		loop_turn(bench.loop, 1);
	change("00000.test", 2, 2);
	change("19999.test", 0, 3);
	wait_for(3);
	assert_int_equal(model_snapshot_count(bench.told.snapshot), 19999);
	const struct model_domain *first =
	        model_snapshot_get(bench.told.snapshot, STR("00000.test"));
	assert_int_equal(first->failover_attempts, 2);
	/* A change of all of them is walked to as well. */
	change_many(20000, 3, 4);
	wait_for(4);
	assert_int_equal(model_snapshot_count(bench.told.snapshot), 20000);
}

/* A new process has what the one before it had, and is told the rest later. */
static void an_edge_starts_without_the_control_plane(void **state)
{
	(void)state;
	change("a.test", 1, 1);
	change("b.test", 2, 2);
	open_remote();
	wait_for(2);
	change("c.test", 3, 3);
	wait_for(3);
	close_remote();
	close_hub();
	model_snapshot_unref(bench.told.snapshot);
	bench.told.snapshot = model_snapshot_new();
	bench.told.changes = 0;

	open_remote();
	assert_domains(bench.told.snapshot, "a.test=1 b.test=2 c.test=3");
	assert_int_equal(link_remote_revision(bench.remote), 3);
	assert_int_equal(bench.told.changes, 3);
	open_hub("store-1");
	change("b.test", 9, 4);
	wait_for(4);
	assert_domains(bench.told.snapshot, "a.test=1 b.test=9 c.test=3");
	assert_int_equal(bench.told.changes, 4);
}

/* What a control plane of another kind says, on the hub's socket. */
struct liar {
	struct link_wire_sink sink;
	struct link_wire *wire;
	int listener;
	unsigned hellos, refused;
	const char *domain;
};

static void lie(struct link_wire_sink *sink, enum link_message_kind kind, struct str payload)
{
	struct liar *liar = container_of(sink, struct liar, sink);
	/* By its number, though what cannot be read came before that. */
	if (kind == LINK_SAYS_REFUSED)
		liar->refused += str_has_prefix(payload, STR("{\"revision\":1,"));
	if (kind != LINK_SAYS_HELLO)
		return;
	liar->hellos++;
	link_wire_send(liar->wire, LINK_SAYS_HELLO,
	        STR("{\"v\":5,\"id\":\"c\",\"run\":\"c\",\"store\":\"s\",\"revision\":1,"
	            "\"purged\":0,\"oldest\":1,\"past\":[]}"));
	link_wire_send(liar->wire, LINK_SAYS_BEGIN, STR("{}"));
	link_wire_send(liar->wire, LINK_SAYS_DOMAIN, str_of(liar->domain));
	link_wire_send(liar->wire, LINK_SAYS_COMMIT, STR("{\"revision\":1}"));
}

static void liar_sent(struct link_wire_sink *sink)
{
	(void)sink;
}

static void liar_ends(struct link_wire_sink *sink, const char *why)
{
	struct liar *liar = container_of(sink, struct liar, sink);
	(void)why;
	link_wire_free(liar->wire);
	liar->wire = NULL;
}

static void what_cannot_be_read_is_refused_and_tried_again(void **state)
{
	(void)state;
	struct liar liar = {
	        .sink = {.on_message = lie, .on_sent = liar_sent, .on_end = liar_ends},
	        .domain = "{\"name\":\"a.test\",\"later\":1}",
	};
	close_hub();
	liar.listener = local_listen(bench.path, 16);
	open_remote();
	while (liar.hellos < 3) {
		if (liar.wire == NULL) {
			int socket = local_accept(liar.listener);
			if (socket >= 0)
				liar.wire =
				        link_wire_new(bench.loop, socket, NULL, &TIMES, &liar.sink);
		}
		turn();
	}
	assert_true(liar.refused >= 1);
	assert_int_equal(bench.told.refused, 1); /* and told once */
	assert_int_equal(bench.told.calls, 0);
	assert_int_equal(link_remote_revision(bench.remote), 0);
	link_wire_free(liar.wire);
	assert_int_equal(bench.told.troubles, 0);
	close(liar.listener);
	unlink(bench.path);
	/* That nobody is there any more is another matter. */
	TURN_UNTIL(bench.told.troubles == 1);
	open_hub("store-1");
	change("a.test", 1, 1);
	wait_for(1);
	assert_domains(bench.told.snapshot, "a.test=1");
}

/* As during an upgrade: both serve, so both have to have it. */
static void two_edges_are_told_the_same(void **state)
{
	(void)state;
	change("a.test", 1, 1);
	open_remote();
	wait_for(1);
	struct link_remote *first = bench.remote;
	bench.remote = open_for(&bench.other);
	TURN_UNTIL(link_hub_edge_count(bench.hub) == 2);
	change("a.test", 2, 2);
	TURN_UNTIL(link_hub_applied(bench.hub) == 2);
	assert_int_equal(link_remote_revision(first), 2);
	assert_int_equal(link_remote_revision(bench.remote), 2);
	link_remote_close(first);
	TURN_UNTIL(bench.gone == 1);
	assert_int_equal(link_hub_edge_count(bench.hub), 1);
}

static void turn_a_few_times(void)
{
	for (unsigned i = 0; i < 20; i++)
		turn();
}

/* What workers do not have yet is not applied, each revision by itself. */
static void what_is_live_is_applied_and_nothing_else(void **state)
{
	(void)state;
	change("a.test", 1, 1);
	open_remote();
	wait_for(1);
	bench.told.is_slow = true;
	change("a.test", 2, 2);
	change("b.test", 1, 3);
	TURN_UNTIL(bench.told.due_count == 2);
	turn_a_few_times();
	assert_int_equal(bench.applied, 1);
	tell_live(&bench.told);
	TURN_UNTIL(bench.applied == 2);
	/* A revision that changes nothing for the edge is as live as the one before it. */
	change("b.test", 1, 4);
	turn_a_few_times();
	assert_int_equal(bench.told.due_count, 1);
	assert_int_equal(bench.applied, 2);
	tell_live(&bench.told);
	TURN_UNTIL(bench.applied == 4);
	change("b.test", 1, 5);
	TURN_UNTIL(bench.applied == 5);
	assert_int_equal(bench.told.calls, 3);
}

/* An edge that greets says what is live, so it waits until all that it knows is. */
static void who_is_not_live_yet_does_not_connect(void **state)
{
	(void)state;
	change("a.test", 1, 1);
	open_remote();
	wait_for(1);
	bench.told.is_slow = true;
	change("a.test", 2, 2);
	TURN_UNTIL(bench.told.due_count == 1);
	close_hub();
	turn_a_few_times();
	open_hub("store-2");
	change("a.test", 3, 1);
	turn_a_few_times();
	assert_int_equal(link_hub_edge_count(bench.hub), 0);
	tell_live(&bench.told);
	bench.told.is_slow = false;
	wait_for(1);
	assert_domains(bench.told.snapshot, "a.test=3");
	assert_int_equal(bench.gone, 0); /* nobody said what no edge says */
}

/* Also what was in the ledger at the start. */
static void a_start_is_live_before_it_is_told(void **state)
{
	(void)state;
	change("a.test", 1, 1);
	open_remote();
	wait_for(1);
	close_remote();
	TURN_UNTIL(link_hub_edge_count(bench.hub) == 0);
	model_snapshot_unref(bench.told.snapshot);
	bench.told.snapshot = model_snapshot_new();
	bench.told.is_slow = true;
	open_remote();
	assert_domains(bench.told.snapshot, "a.test=1");
	turn_a_few_times();
	assert_int_equal(link_hub_edge_count(bench.hub), 0);
	tell_live(&bench.told);
	TURN_UNTIL(link_hub_edge_count(bench.hub) == 1);
}

/* The disk is behind the workers, and kept all the same when the end comes in between. */
static void what_is_on_its_way_is_kept_at_the_end(void **state)
{
	(void)state;
	change("a.test", 1, 1);
	open_remote();
	wait_for(1);
	bench.told.is_slow = true;
	change("b.test", 2, 2);
	TURN_UNTIL(bench.told.due_count == 1);
	close_remote();
	close_hub();
	model_snapshot_unref(bench.told.snapshot);
	bench.told.snapshot = model_snapshot_new();
	open_remote();
	assert_domains(bench.told.snapshot, "a.test=1 b.test=2");
}

/* ---- purges ---- */

/* A purge of a domain with the name of its number. */
static void purge(uint64_t number, uint64_t revision)
{
	struct text line = {0};
	text_addf(&line,
	        "{\"v\":1,\"do\":\"purge\",\"what\":\"domain\",\"values\":[\"p%u.test\"],"
	        "\"mode\":\"hard\"}\n",
	        (unsigned)number);
	link_hub_purge(bench.hub, number, revision, text_str(&line));
	text_done(&line);
}

/* Until the hub knows that they are done, and these were, in this order. */
static void wait_for_purges(uint64_t number, const char *done)
{
	TURN_UNTIL(bench.purged == number && link_remote_purged(bench.remote) == number);
	assert_string_equal(text_c(&bench.cache.done), done);
	text_clear(&bench.cache.done);
}

/* The control plane as it begins anew with one domain and purges first to last. */
static void reopen_hub(const char *store, uint64_t first, uint64_t last)
{
	close_hub();
	open_hub(store);
	change("a.test", 1, 1);
	bench.purged = UINT64_MAX;
	link_hub_keep_purges_from(bench.hub, first);
	for (uint64_t number = first; number <= last; number++)
		purge(number, 1);
}

static void end_remote(void)
{
	close_remote();
	TURN_UNTIL(link_hub_edge_count(bench.hub) == 0);
}

static void purges_are_done_and_answered(void **state)
{
	(void)state;
	change("a.test", 1, 1);
	purge(1, 1);
	open_remote();
	wait_for_purges(1, "p1.test ");
	purge(2, 1);
	purge(3, 1);
	wait_for_purges(3, "p2.test p3.test ");
	link_hub_purge(bench.hub, 4, 1, STR("{\"v\":9}"));
	wait_for_purges(4, "");
	assert_string_equal(
	        text_c(&bench.failures), "4=v is not 1, the version that is spoken here ");
	assert_int_equal(bench.told.troubles, 0);
}

static void an_edge_that_was_away_does_the_rest(void **state)
{
	(void)state;
	change("a.test", 1, 1);
	purge(1, 1);
	purge(2, 1);
	open_remote();
	wait_for_purges(2, "p1.test p2.test ");
	reopen_hub("store-1", 3, 5);
	wait_for_purges(5, "p3.test p4.test p5.test ");
	/* Two of them went meanwhile: all that is cached may be what they were for. */
	reopen_hub("store-1", 8, 9);
	wait_for_purges(9, "* p8.test p9.test ");
	reopen_hub("store-1", 10, 9);
	wait_for_purges(9, "");
	reopen_hub("store-1", 12, 11);
	wait_for_purges(11, "* ");
}

/* The next process goes on where the last one was; but not where it has another cache. */
static void the_number_outlives_the_process(void **state)
{
	(void)state;
	change("a.test", 1, 1);
	purge(1, 1);
	purge(2, 1);
	open_remote();
	wait_for_purges(2, "p1.test p2.test ");
	end_remote();
	purge(3, 1);
	open_remote();
	assert_int_equal(link_remote_purged(bench.remote), 2);
	wait_for_purges(3, "p3.test ");
	end_remote();
	bench.cache.sink.is_kept = false;
	open_remote();
	wait_for_purges(3, "p1.test p2.test p3.test ");
	purge(4, 1);
	wait_for_purges(4, "p4.test ");
	end_remote();
	bench.cache.sink.is_kept = true;
	open_remote();
	wait_for_purges(4, "p4.test ");
}

/* One that the disks do not have is done again by whoever comes next. */
static void what_is_not_durable_is_done_again(void **state)
{
	(void)state;
	change("a.test", 1, 1);
	purge(1, 1);
	purge(2, 1);
	bench.cache.durable = 1;
	open_remote();
	TURN_UNTIL(bench.cache.moment == 2 && bench.purged == 1);
	for (unsigned i = 0; i < 10; i++)
		loop_turn(bench.loop, 1);
	assert_int_equal(link_remote_purged(bench.remote), 1);
	end_remote();
	bench.cache.durable = UINT64_MAX;
	open_remote();
	wait_for_purges(2, "p1.test p2.test p2.test ");
	/* So is what a control plane that went was not told. */
	bench.cache.durable = 3;
	purge(3, 1);
	TURN_UNTIL(bench.cache.moment == 4);
	reopen_hub("store-1", 1, 3);
	TURN_UNTIL(bench.cache.moment == 5);
	bench.cache.durable = UINT64_MAX;
	wait_for_purges(3, "p3.test p3.test ");
}

static void another_store_has_other_purges(void **state)
{
	(void)state;
	change("a.test", 1, 1);
	for (uint64_t number = 1; number <= 3; number++)
		purge(number, 1);
	open_remote();
	wait_for_purges(3, "p1.test p2.test p3.test ");
	reopen_hub("store-2", 1, 2);
	wait_for_purges(2, "p1.test p2.test ");
	/* Its number is that of the store which it is live with. */
	reopen_hub("store-2", 1, 3);
	wait_for_purges(3, "p3.test ");
	/* A store that was put back from a copy has given fewer. */
	reopen_hub("store-2", 2, 2);
	wait_for_purges(2, "* p2.test ");
}

/* As during an upgrade, with one cache. */
static void two_edges_do_the_same_purges(void **state)
{
	(void)state;
	change("a.test", 1, 1);
	purge(1, 1);
	open_remote();
	wait_for_purges(1, "p1.test ");
	struct link_remote *first = bench.remote;
	bench.remote = open_for(&bench.other);
	TURN_UNTIL(link_hub_edge_count(bench.hub) == 2);
	assert_int_equal(link_remote_purged(bench.remote), 1);
	purge(2, 1);
	TURN_UNTIL(link_remote_purged(first) == 2 && link_remote_purged(bench.remote) == 2);
	assert_string_equal(text_c(&bench.cache.done), "p2.test p2.test ");
	link_remote_close(first);
	TURN_UNTIL(bench.gone == 1);
	link_remote_close(bench.remote);
	TURN_UNTIL(link_hub_edge_count(bench.hub) == 0);
	/* Whoever kept it last: both numbers stand for the one cache. */
	open_remote();
	assert_int_equal(link_remote_purged(bench.remote), 2);
}

/* ---- reports ---- */

static void an_edge_reports_while_somebody_wants_it(void **state)
{
	(void)state;
	static const struct link_subscription WANTED = {.every_ms = {100, 0, 0}},
	                                      NOTHING = {.every_ms = {0}};
	bench.wanted = bench.heard = 0;
	open_remote();
	TURN_UNTIL(link_hub_edge_count(bench.hub) == 1);
	link_hub_subscribe(bench.hub, &WANTED);
	TURN_UNTIL(bench.heard == 2);
	assert_int_equal(bench.wanted, 1);
	link_hub_subscribe(bench.hub, &NOTHING);
	TURN_UNTIL(bench.wanted == 0);
	link_hub_subscribe(bench.hub, &WANTED);
	TURN_UNTIL(bench.wanted == 1);
	close_hub();
	TURN_UNTIL(bench.wanted == 0);
	open_hub("store-1");
	link_hub_subscribe(bench.hub, &WANTED);
	bench.heard = 0;
	TURN_UNTIL(bench.heard == 1);
}

/* ---- questions ---- */

static uint64_t ask(const char *what)
{
	return link_hub_ask(bench.hub, "edge-1", str_of(what), STR("{\"a\":1}"));
}

static void an_edge_answers_what_it_is_asked(void **state)
{
	(void)state;
	bench.asks = (struct link_ask_sink){.on_ask = on_ask, .on_forget = on_forget};
	open_remote();
	TURN_UNTIL(link_hub_edge_count(bench.hub) == 1);
	ask("now");
	TURN_UNTIL(str_is_equal(text_str(&bench.said), STR("1=:{\"b\":2};")));
	ask("later");
	ask("later");
	TURN_UNTIL(bench.asked == 3);
	const struct link_told second = {.number = 2, .error = STR("no")};
	link_asked_answer(bench.asks.asked, &(struct link_told){.number = 9, .error = STR("?")});
	link_asked_answer(bench.asks.asked, &second);
	link_asked_answer(bench.asks.asked, &second); /* once */
	text_clear(&bench.said);
	TURN_UNTIL(bench.said.len > 0);
	assert_string_equal(text_c(&bench.said), "2=no:;");
	/* The third one is forgotten with the connection. */
	unsigned forgotten = bench.forgotten;
	close_hub();
	TURN_UNTIL(bench.forgotten > forgotten);
	open_hub("store-1");
	TURN_UNTIL(link_hub_edge_count(bench.hub) == 1);
	link_asked_answer(bench.asks.asked, &(struct link_told){.number = 3, .error = STR("?")});
	text_clear(&bench.said);
	ask("now");
	TURN_UNTIL(bench.said.len > 0);
	assert_string_equal(text_c(&bench.said), "1=:{\"b\":2};");
	close_remote();
	assert_null(bench.asks.asked);
}

static void an_answer_that_is_too_long_is_told_so(void **state)
{
	(void)state;
	struct text answer = {0};
	bench.asks = (struct link_ask_sink){.on_ask = on_ask, .on_forget = on_forget};
	open_remote();
	TURN_UNTIL(link_hub_edge_count(bench.hub) == 1);
	ask("later");
	bench.asked = 0;
	TURN_UNTIL(bench.asked == 1);
	for (unsigned i = 0; i < LIMIT_LINK_MESSAGE_BYTES; i++)
		text_add_char(&answer, '-');
	link_asked_answer(
	        bench.asks.asked, &(struct link_told){.number = 1, .answer = text_str(&answer)});
	TURN_UNTIL(bench.said.len > 0);
	assert_string_equal(text_c(&bench.said), "1=the answer is too long:;");
	text_done(&answer);
}

static void who_knows_nothing_says_so(void **state)
{
	(void)state;
	open_remote();
	TURN_UNTIL(link_hub_edge_count(bench.hub) == 1);
	ask("now");
	TURN_UNTIL(bench.said.len > 0);
	assert_string_equal(text_c(&bench.said), "1=nobody knows that here:;");
}

/* ---- certificates ---- */

/* Puts one in the list, or takes it away, and tells the hub. */
static void put(struct link_certificates **list, const char *name, const char *key, uint64_t at)
{
	with_certificate(list, name, key, at);
	link_hub_set_certificates(bench.hub, *list);
}

static bool has_heard(uint64_t revision)
{
	return bench.told_certificates != NULL &&
	       link_certificates_revision(bench.told_certificates) == revision;
}

static void certificates_are_heard_and_answered_when_they_are_shown(void **state)
{
	(void)state;
	struct link_certificates *list = link_certificates_new();
	bench.shower.on_certificates = on_certificates;
	change("a.test", 1, 1);
	open_remote();
	wait_for(1);
	put(&list, "a", "one", 2);
	TURN_UNTIL(has_heard(2));
	assert_certificates(bench.told_certificates, "a@2=one @2");
	for (unsigned i = 0; i < 20; i++)
		turn();
	assert_int_equal(bench.shown, 0);
	tell_shown();
	TURN_UNTIL(bench.shown == 2);
	/* Of two in a row the last one is answered. */
	put(&list, "a", "two", 3);
	TURN_UNTIL(has_heard(3));
	struct link_certificates *third = link_certificates_ref(bench.told_certificates);
	put(&list, "b", "three", 4);
	TURN_UNTIL(has_heard(4));
	bench.shower.shown->on_shown(bench.shower.shown, third);
	for (unsigned i = 0; i < 20; i++)
		turn();
	assert_int_equal(bench.shown, 2);
	tell_shown();
	TURN_UNTIL(bench.shown == 4);
	assert_certificates(bench.told_certificates, "a@3=two b@4=three @4");
	assert_int_equal(bench.gone, 0);
	link_certificates_unref(third);
	link_certificates_unref(list);
}

static void certificates_are_there_without_the_control_plane(void **state)
{
	(void)state;
	struct link_certificates *list = link_certificates_new();
	bench.shower.on_certificates = on_certificates;
	open_remote();
	put(&list, "a", "one", 2);
	put(&list, "b", "two", 3);
	TURN_UNTIL(has_heard(3));
	close_remote();
	assert_null(bench.shower.shown);
	close_hub();
	bench.told_lists = 0;
	open_remote();
	assert_int_equal(bench.told_lists, 1);
	assert_certificates(bench.told_certificates, "a@2=one b@3=two @3");
	/* Told again, they are the same: nobody has to show them anew. */
	open_hub("store-1");
	link_hub_set_certificates(bench.hub, list);
	tell_shown();
	TURN_UNTIL(bench.shown == 3);
	assert_int_equal(bench.told_lists, 1);
	/* Another store, whose numbers are lower, has others. */
	close_hub();
	open_hub("store-2");
	struct link_certificates *others = link_certificates_new();
	put(&others, "c", "three", 1);
	TURN_UNTIL(has_heard(1));
	assert_certificates(bench.told_certificates, "c@1=three @1");
	tell_shown();
	TURN_UNTIL(bench.shown == 1);
	link_certificates_unref(others);
	link_certificates_unref(list);
}

static void who_shows_none_keeps_them_and_says_so(void **state)
{
	(void)state;
	struct link_certificates *list = link_certificates_new();
	open_remote();
	put(&list, "a", "one", 2);
	TURN_UNTIL(bench.shown == 2);
	link_certificates_unref(list);
}

int main(void)
{
	hash_init();
#define TEST(name) cmocka_unit_test_setup_teardown(name, open_bench, close_bench)
	const struct CMUnitTest tests[] = {
	        TEST(certificates_are_heard_and_answered_when_they_are_shown),
	        TEST(certificates_are_there_without_the_control_plane),
	        TEST(who_shows_none_keeps_them_and_says_so),
	        TEST(an_edge_has_what_there_is_and_what_comes),
	        TEST(an_edge_without_domains_waits_for_the_first),
	        TEST(an_edge_that_was_away_is_told_the_difference),
	        TEST(another_store_is_told_whole),
	        TEST(a_store_that_was_opened_again_tells_the_difference),
	        TEST(a_store_that_was_put_back_is_told_whole),
	        TEST(a_name_that_comes_and_goes_is_what_it_was_last),
	        TEST(a_long_list_is_told_as_it_is_read),
	        TEST(an_edge_starts_without_the_control_plane),
	        TEST(what_cannot_be_read_is_refused_and_tried_again),
	        TEST(two_edges_are_told_the_same),
	        TEST(what_is_live_is_applied_and_nothing_else),
	        TEST(who_is_not_live_yet_does_not_connect),
	        TEST(a_start_is_live_before_it_is_told),
	        TEST(what_is_on_its_way_is_kept_at_the_end),
	        TEST(purges_are_done_and_answered),
	        TEST(an_edge_that_was_away_does_the_rest),
	        TEST(the_number_outlives_the_process),
	        TEST(what_is_not_durable_is_done_again),
	        TEST(another_store_has_other_purges),
	        TEST(two_edges_do_the_same_purges),
	        TEST(an_edge_reports_while_somebody_wants_it),
	        TEST(an_edge_answers_what_it_is_asked),
	        TEST(an_answer_that_is_too_long_is_told_so),
	        TEST(who_knows_nothing_says_so),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
