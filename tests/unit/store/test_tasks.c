/* Purges as tasks: their order, how far edges are, what goes in time; failing disks and deaths. */
#include "failing.h"

#include "base/clock.h"
#include "base/mem.h"
#include "store/tasks.h"

#include <signal.h>
#include <sys/wait.h>

#define DAY_MS  UINT64_C(86400000)
#define KEPT_MS (7 * DAY_MS)

static enum store_failure add(struct store *store, const char *what, uint64_t *ret_number)
{
	uint64_t revision;
	return store_tasks_add(store, STR("alice"), str_of(what), ret_number, &revision);
}

static void add_many(struct store *store, unsigned count)
{
	for (unsigned i = 0; i < count; i++) {
		uint64_t number;
		char what[16];
		snprintf(what, sizeof(what), "w%u", i + 1);
		assert_int_equal(add(store, what, &number), STORE_DONE);
	}
}

static enum store_failure say(
        struct store *store, const char *edge, uint64_t number, const char *error)
{
	const struct store_acknowledgement said = {edge, number, error};
	return store_tasks_acknowledge(store, &said, 1);
}

/* ---- what is there ---- */

struct told {
	struct store_purge_sink sink;
	struct store_purge_edge_sink edges;
	struct store_edge_sink known;
	struct text text;
};

static void on_purge(struct store_purge_sink *sink, const struct store_purge *purge)
{
	struct told *told = container_of(sink, struct told, sink);
	assert_true(purge->at_ms > UINT64_C(1600000000000));
	assert_true(str_is_equal(purge->who, STR("alice")));
	text_addf(&told->text, "%u %.*s@%u", (unsigned)purge->number, STR_ARG(purge->what),
	        (unsigned)purge->revision);
	if (purge->edges > 0)
		text_addf(&told->text, " %u+%u/%u", purge->done, purge->failed, purge->edges);
	text_add_char(&told->text, ';');
}

static void on_edge(struct store_purge_edge_sink *sink, struct str edge,
        enum store_purge_state state, struct str error, uint64_t at_ms)
{
	static const char *const STATES[] = {"waits", "done", "failed"};
	struct told *told = container_of(sink, struct told, edges);
	assert_true(at_ms > UINT64_C(1600000000000));
	text_addf(&told->text, " %.*s:%s%s%.*s", STR_ARG(edge), STATES[state],
	        error.len > 0 ? "=" : "", STR_ARG(error));
}

static void told_init(struct told *told)
{
	*told = (struct told){.sink = {.on_purge = on_purge}, .edges = {.on_edge = on_edge}};
}

static void assert_told(struct told *told, const char *wanted)
{
	assert_string_equal(text_c(&told->text), wanted);
	text_done(&told->text);
}

/* "1-3: 2 w2@0;3 w3@0;" */
static void assert_since(struct store *store, uint64_t number, const char *wanted)
{
	struct told told, all = {0};
	struct store_purge_span span;
	told_init(&told);
	assert_int_equal(store_tasks_read_since(store, number, &told.sink, &span), STORE_DONE);
	text_addf(&all.text, "%u-%u: %s", (unsigned)span.oldest, (unsigned)span.last,
	        text_c(&told.text));
	text_done(&told.text);
	assert_told(&all, wanted);
}

static void assert_one(struct store *store, uint64_t number, const char *wanted)
{
	struct told told;
	told_init(&told);
	assert_int_equal(store_tasks_read(store, number, &told.sink, &told.edges), STORE_DONE);
	assert_told(&told, wanted);
}

static void assert_list(struct store *store, uint64_t before, unsigned limit, const char *wanted)
{
	struct told told;
	told_init(&told);
	assert_int_equal(store_tasks_list(store, before, limit, &told.sink), STORE_DONE);
	assert_told(&told, wanted);
}

static void purges_have_numbers_in_their_order(void **state)
{
	(void)state;
	struct place place;
	uint64_t number, revision;
	place_init(&place);
	struct store *store = open_good(&place);
	assert_since(store, 0, "1-0: ");
	add_many(store, 2);
	assert_int_equal(commit_one(store, "a.test", 1, 0, &revision), STORE_DONE);
	assert_int_equal(
	        store_tasks_add(store, STR("alice"), STR("w3"), &number, &revision), STORE_DONE);
	assert_int_equal(number, 3);
	assert_int_equal(revision, 1);
	assert_since(store, 0, "1-3: 1 w1@0;2 w2@0;3 w3@1;");
	assert_since(store, 2, "1-3: 3 w3@1;");
	assert_since(store, 9, "1-3: ");
	store_close(store);
	store = open_good(&place);
	assert_since(store, 1, "1-3: 2 w2@0;3 w3@1;");
	store_close(store);
	place_done(&place);
}

static void a_list_has_pages_with_the_newest_first(void **state)
{
	(void)state;
	struct place place;
	place_init(&place);
	struct store *store = open_good(&place);
	assert_list(store, 0, 10, "");
	add_many(store, 5);
	assert_list(store, 0, 2, "5 w5@0;4 w4@0;");
	assert_list(store, 4, 2, "3 w3@0;2 w2@0;");
	assert_list(store, 2, 2, "1 w1@0;");
	assert_list(store, 1, 2, "");
	store_close(store);
	place_done(&place);
}

static void what_edges_say_is_how_far_a_purge_is(void **state)
{
	(void)state;
	struct place place;
	struct told told;
	place_init(&place);
	struct store *store = open_good(&place);
	add_many(store, 3);
	const struct store_acknowledgement first[] = {{"a", 0, NULL}, {"b", 2, NULL}};
	assert_int_equal(store_tasks_acknowledge(store, first, 2), STORE_DONE);
	assert_one(store, 1, "1 w1@0 1+0/2; a:waits b:done");
	assert_int_equal(say(store, "a", 1, "no disk"), STORE_DONE);
	assert_one(store, 1, "1 w1@0 1+1/2; a:failed=no disk b:done");
	/* Past it, it has failed all the same, until it is done itself. */
	assert_int_equal(say(store, "a", 2, ""), STORE_DONE);
	assert_int_equal(say(store, "a", 2, NULL), STORE_DONE);
	assert_one(store, 1, "1 w1@0 1+1/2; a:failed=no disk b:done");
	assert_one(store, 2, "2 w2@0 2+0/2; a:done b:done");
	assert_int_equal(say(store, "a", 1, ""), STORE_DONE);
	assert_one(store, 1, "1 w1@0 2+0/2; a:done b:done");
	/* Who lost its number has done them all the same. */
	assert_int_equal(say(store, "a", 0, NULL), STORE_DONE);
	assert_list(store, 0, 10, "3 w3@0 0+0/2;2 w2@0 2+0/2;1 w1@0 2+0/2;");
	/* A number that nobody gave says nothing of those to come. */
	assert_int_equal(say(store, "a", 99, ""), STORE_DONE);
	assert_int_equal(say(store, "b", 99, "no"), STORE_DONE);
	add_many(store, 1);
	assert_list(store, 0, 2, "4 w1@0 0+0/2;3 w3@0 1+0/2;");
	told_init(&told);
	assert_int_equal(store_tasks_read(store, 9, &told.sink, &told.edges), STORE_ABSENT);
	store_close(store);
	place_done(&place);
}

static void set_age(struct store *store, uint64_t number, uint64_t age_ms)
{
	char sql[128];
	snprintf(sql, sizeof(sql), "UPDATE purge SET at = %llu WHERE number = %llu",
	        (unsigned long long)(clock_wall_ms() - age_ms), (unsigned long long)number);
	assert_int_equal(store_begin(store, true), STORE_DONE);
	assert_int_equal(sqlite3_exec(store->db, sql, NULL, NULL, NULL), SQLITE_OK);
	assert_int_equal(store_end(store, STORE_DONE), STORE_DONE);
}

static void what_is_old_goes_and_its_number_does_not_come_back(void **state)
{
	(void)state;
	struct place place;
	struct store_purge_span span;
	place_init(&place);
	struct store *store = open_good(&place);
	assert_int_equal(store_tasks_expire(store, clock_wall_ms() - KEPT_MS, &span), STORE_DONE);
	assert_int_equal(span.oldest, 1);
	add_many(store, 4);
	assert_int_equal(say(store, "a", 1, "no"), STORE_DONE);
	assert_int_equal(say(store, "a", 3, "no"), STORE_DONE);
	set_age(store, 1, 8 * DAY_MS);
	set_age(store, 2, 6 * DAY_MS);
	/* A clock that was wrong for a while makes no gap. */
	set_age(store, 3, 400 * DAY_MS);
	assert_int_equal(store_tasks_expire(store, clock_wall_ms() - KEPT_MS, &span), STORE_DONE);
	assert_int_equal(span.oldest, 2);
	assert_int_equal(span.last, 4);
	assert_since(store, 0, "2-4: 2 w2@0;3 w3@0;4 w4@0;");
	assert_one(store, 3, "3 w3@0 0+1/1; a:failed=no");
	assert_int_equal(store_tasks_expire(store, clock_wall_ms(), &span), STORE_DONE);
	assert_int_equal(span.oldest, 5);
	assert_int_equal(span.last, 4);
	add_many(store, 1);
	/* The edge was not heard of for as long, and is forgotten. */
	assert_since(store, 0, "5-5: 5 w1@0;");
	assert_one(store, 5, "5 w1@0;");
	store_close(store);
	place_done(&place);
}

static void the_oldest_go_when_there_are_too_many(void **state)
{
	(void)state;
	struct place place;
	uint64_t number;
	place_init(&place);
	struct store *store = open_good(&place);
	add_many(store, 3);
	assert_int_equal(say(store, "a", 1, "no"), STORE_DONE);
	assert_int_equal(store_begin(store, true), STORE_DONE);
	assert_int_equal(store_write_meta(store, "purge", LIMIT_PURGE_TASKS + 1), STORE_DONE);
	assert_int_equal(store_end(store, STORE_DONE), STORE_DONE);
	assert_int_equal(add(store, "new", &number), STORE_DONE);
	assert_int_equal(number, LIMIT_PURGE_TASKS + 2);
	assert_list(store, 4, 9, "3 w3@0 0+0/1;");
	store_close(store);
	place_done(&place);
}

static uint64_t bytes_of(struct store *store)
{
	uint64_t bytes;
	assert_int_equal(store_begin(store, false), STORE_DONE);
	assert_int_equal(store_read_meta(store, "purge_bytes", &bytes), STORE_DONE);
	assert_int_equal(store_end(store, STORE_DONE), STORE_DONE);
	return bytes;
}

static void the_oldest_go_when_they_are_too_long(void **state)
{
	(void)state;
	enum { LINE_BYTES = LIMIT_LINK_MESSAGE_BYTES };
	struct place place;
	struct told told;
	struct store_purge_span span;
	uint64_t number, revision;
	const unsigned fit = LIMIT_LINK_PURGES_BYTES / LINE_BYTES;
	char *line = mem_alloc(LINE_BYTES);
	memset(line, 'x', LINE_BYTES);
	place_init(&place);
	struct store *store = open_good(&place);
	/* A flush for each would take too long. */
	assert_int_equal(
	        sqlite3_exec(store->db, "PRAGMA synchronous=OFF", NULL, NULL, NULL), SQLITE_OK);
	add_many(store, 3);
	assert_int_equal(bytes_of(store), 6);
	for (unsigned i = 0; i < fit; i++)
		assert_int_equal(store_tasks_add(store, STR("alice"), str_make(line, LINE_BYTES),
		                         &number, &revision),
		        STORE_DONE);
	assert_int_equal(bytes_of(store), (uint64_t)fit * LINE_BYTES);
	told_init(&told);
	assert_int_equal(store_tasks_read_since(store, number, &told.sink, &span), STORE_DONE);
	assert_int_equal(span.oldest, 4);
	assert_int_equal(add(store, "short", &number), STORE_DONE);
	assert_int_equal(store_tasks_read_since(store, number, &told.sink, &span), STORE_DONE);
	assert_int_equal(span.oldest, 5);
	assert_int_equal(store_tasks_expire(store, clock_wall_ms(), &span), STORE_DONE);
	assert_int_equal(bytes_of(store), 0);
	mem_free(line);
	store_close(store);
	place_done(&place);
}

static void who_was_not_heard_of_for_longest_is_forgotten_first(void **state)
{
	(void)state;
	struct place place;
	char sql[256];
	place_init(&place);
	struct store *store = open_good(&place);
	add_many(store, 1);
	/* The first of them is the one that was heard of last. */
	snprintf(sql, sizeof(sql),
	        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < %d) "
	        "INSERT INTO edge SELECT 'e' || i, 1, 1700000000000 - i FROM n",
	        LIMIT_PURGE_EDGES);
	assert_int_equal(store_begin(store, true), STORE_DONE);
	assert_int_equal(sqlite3_exec(store->db, sql, NULL, NULL, NULL), SQLITE_OK);
	assert_int_equal(store_end(store, STORE_DONE), STORE_DONE);
	snprintf(sql, sizeof(sql), "e%d", LIMIT_PURGE_EDGES);
	assert_int_equal(say(store, "z", 1, "no"), STORE_DONE);
	struct told told;
	told_init(&told);
	assert_int_equal(store_tasks_read(store, 1, &told.sink, &told.edges), STORE_DONE);
	assert_null(strstr(text_c(&told.text), sql));
	assert_non_null(strstr(text_c(&told.text), " e1:done"));
	assert_non_null(strstr(text_c(&told.text), " z:failed=no"));
	text_done(&told.text);
	store_close(store);
	place_done(&place);
}

/* ---- a disk that fails ---- */

/* What a store finds that begins with the files as they are now. */
static void assert_after_death(const struct place *place, const char *wanted)
{
	struct place copy = *place;
	char command[512];
	snprintf(copy.path, sizeof(copy.path), "%s/copy.db", place->folder);
	snprintf(command, sizeof(command), "cp %s %s && cp %s-wal %s-wal", place->path, copy.path,
	        place->path, copy.path);
	assert_int_equal(system(command), 0);
	copy.options = (struct store_options){.path = copy.path, .key_path = place->key};
	struct store *store = open_good(&copy);
	assert_since(store, 0, wanted);
	store_close(store);
}

/* At each step, in each way: a purge that was acknowledged is there, one that was refused is not,
 * and no number is given twice. */
static void a_write_that_fails_leaves_nothing(void **state)
{
	(void)state;
	static const int CODES[] = {SQLITE_FULL, SQLITE_IOERR_WRITE};
	for (unsigned round = 0; round < ARRAY_LENGTH(CODES) * FAILING_HOWS; round++) {
		unsigned countdown = 0;
		bool was_reached = true;
		while (was_reached) {
			struct place place;
			uint64_t number = 0;
			place_init(&place);
			struct store *store = open_good(&place);
			add_many(store, 1);
			failing_arm(++countdown, (enum failing_how)(round % FAILING_HOWS),
			        CODES[round / FAILING_HOWS]);
			enum store_failure failure = add(store, "second", &number);
			was_reached = failing.has_failed;
			failing_arm(0, FAILING_NOTHING_DONE, 0);
			assert_true(failure == STORE_DONE || was_reached);
			bool is_there = failure == STORE_DONE;
			assert_int_equal(number, is_there ? 2 : 0);
			const char *wanted = is_there ? "1-2: 1 w1@0;2 second@0;" : "1-1: 1 w1@0;";
			assert_since(store, 0, wanted);
			assert_after_death(&place, wanted);
			assert_int_equal(add(store, "third", &number), STORE_DONE);
			assert_int_equal(number, is_there ? 3 : 2);
			store_close(store);
			place_done(&place);
		}
		assert_true(countdown > 2);
	}
}

static void what_edges_say_is_noted_whole_or_not(void **state)
{
	(void)state;
	bool was_reached = true;
	for (unsigned countdown = 1; was_reached; countdown++) {
		static const struct store_acknowledgement SAID[] = {
		        {"a", 1, ""}, {"b", 1, "no"}, {"c", 1, NULL}};
		struct place place;
		place_init(&place);
		struct store *store = open_good(&place);
		add_many(store, 1);
		failing_arm(countdown, FAILING_HALF_DONE, SQLITE_FULL);
		enum store_failure failure = store_tasks_acknowledge(store, SAID, 3);
		was_reached = failing.has_failed;
		failing_arm(0, FAILING_NOTHING_DONE, 0);
		assert_true(failure == STORE_DONE || failure == STORE_FULL);
		assert_one(store, 1,
		        failure == STORE_DONE ? "1 w1@0 2+1/3; a:done b:failed=no c:done"
		                              : "1 w1@0;");
		store_close(store);
		place_done(&place);
	}
}

/* ---- a process that dies ---- */

static void add_until_killed(const struct place *place, int to)
{
	struct store *store = open_good(place);
	for (;;) {
		uint64_t number;
		if (add(store, "w", &number) != STORE_DONE ||
		        write(to, &number, sizeof(number)) != sizeof(number))
			_exit(1);
	}
}

static void what_was_acknowledged_outlives_a_kill(void **state)
{
	(void)state;
	struct place place;
	uint64_t acknowledged = 0;
	place_init(&place);
	srand(1);
	for (unsigned round = 0; round < 20; round++) {
		int ends[2];
		struct told told;
		struct store_purge_span span;
		assert_int_equal(pipe(ends), 0);
		pid_t pid = fork();
		if (pid == 0)
			add_until_killed(&place, ends[1]);
		close(ends[1]);
		for (unsigned i = 1 + (unsigned)rand() % 6; i > 0; i--)
			assert_int_equal(read(ends[0], &acknowledged, sizeof(acknowledged)),
			        sizeof(acknowledged));
		usleep((unsigned)rand() % 3000);
		kill(pid, SIGKILL);
		while (read(ends[0], &acknowledged, sizeof(acknowledged)) > 0)
			;
		close(ends[0]);
		waitpid(pid, NULL, 0);

		struct store *store = open_good(&place);
		told_init(&told);
		assert_int_equal(
		        store_tasks_read_since(store, UINT32_MAX, &told.sink, &span), STORE_DONE);
		assert_int_equal(span.oldest, 1);
		assert_true(span.last == acknowledged || span.last == acknowledged + 1);
		assert_int_equal(
		        store_tasks_read(store, span.last, &told.sink, &told.edges), STORE_DONE);
		text_done(&told.text);
		store_close(store);
	}
	place_done(&place);
}

static void what_others_did_to_the_tables_is_told(void **state)
{
	(void)state;
	static const char *const CHANGES[] = {
	        "DELETE FROM meta WHERE name='purge'",
	        "DROP TABLE purge",
	};
	for (size_t i = 0; i < ARRAY_LENGTH(CHANGES); i++) {
		struct place place;
		struct told told;
		struct store_purge_span span;
		uint64_t number;
		place_init(&place);
		struct store *store = open_good(&place);
		add_many(store, 1);
		assert_int_equal(sqlite3_exec(store->db, CHANGES[i], NULL, NULL, NULL), SQLITE_OK);
		store->stamps[STORE_LOG] = (struct store_stamp){0};
		store_close(store);
		store = open_good(&place);
		told_init(&told);
		assert_int_equal(
		        store_tasks_read_since(store, 0, &told.sink, &span), STORE_CORRUPT);
		assert_int_equal(add(store, "w", &number), STORE_CORRUPT);
		text_done(&told.text);
		store_close(store);
		place_done(&place);
	}
}

static void on_known_edge(struct store_edge_sink *sink, struct str edge, uint64_t purged)
{
	struct told *told = container_of(sink, struct told, known);
	text_addf(&told->text, "%.*s=%u ", STR_ARG(edge), (unsigned)purged);
}

static void edges_are_known_with_what_they_said_last(void **state)
{
	(void)state;
	struct place place;
	struct told told = {.known = {.on_edge = on_known_edge}};
	place_init(&place);
	struct store *store = open_good(&place);
	add_many(store, 3);
	assert_int_equal(say(store, "b", 2, ""), STORE_DONE);
	assert_int_equal(say(store, "a", 0, NULL), STORE_DONE);
	assert_int_equal(
	        store_tasks_edges(store, clock_wall_ms() - DAY_MS, &told.known), STORE_DONE);
	assert_told(&told, "a=0 b=2 ");
	assert_int_equal(
	        store_tasks_edges(store, clock_wall_ms() + DAY_MS, &told.known), STORE_DONE);
	assert_told(&told, "");
	store_close(store);
	place_done(&place);
}

int main(void)
{
	failing_install();
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(purges_have_numbers_in_their_order),
	        cmocka_unit_test(a_list_has_pages_with_the_newest_first),
	        cmocka_unit_test(what_edges_say_is_how_far_a_purge_is),
	        cmocka_unit_test(what_is_old_goes_and_its_number_does_not_come_back),
	        cmocka_unit_test(the_oldest_go_when_there_are_too_many),
	        cmocka_unit_test(the_oldest_go_when_they_are_too_long),
	        cmocka_unit_test(who_was_not_heard_of_for_longest_is_forgotten_first),
	        cmocka_unit_test(edges_are_known_with_what_they_said_last),
	        cmocka_unit_test(a_write_that_fails_leaves_nothing),
	        cmocka_unit_test(what_edges_say_is_noted_whole_or_not),
	        cmocka_unit_test(what_was_acknowledged_outlives_a_kill),
	        cmocka_unit_test(what_others_did_to_the_tables_is_told),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
