/* Hedging: what the client gets, who is asked, and what the log says of both pulls. */
#include "edge/fixture.h"
#include "origin/pace.h"

#define BOTH                                                                                       \
	"domains: [{name: a.test, hedge: {after: p95, budget: 50%}, origin: {addresses: "          \
	"[\"$0\"]}, backup: {addresses: [\"$1\"]}}]"
#define PLAIN                                                                                      \
	"domains: [{name: a.test, origin: {addresses: [\"$0\"]}, backup: {addresses: [\"$1\"]}}]"
#define ONE_ATTEMPT                                                                                \
	"domains: [{name: a.test, hedge: {after: p95, budget: 50%}, failover: {attempts: 1}, "     \
	"origin: {addresses: [\"$0\"]}, backup: {addresses: [\"$1\"]}}]"

#define OK(body)    "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n" body
#define ERROR(code) "HTTP/1.1 " code " Own\r\nContent-Length: 6\r\n\r\n"

enum { USUAL_US = 20000 };

struct stage {
	struct fixture fixture;
	struct client client;
	struct response response;
	struct origin *master, *backup;
};

/* The master's heads usually come after 20 ms, as far as is known. */
static void stage_start(struct stage *stage, const char *document, unsigned samples)
{
	*stage = (struct stage){.master = NULL};
	fixture_start(&stage->fixture, document);
	stage->master = &stage->fixture.origins[0];
	stage->backup = &stage->fixture.origins[1];
	stage->master->reply = STR(OK("master"));
	stage->backup->reply = STR(OK("backup"));
	struct edge_worker *worker = stage->fixture.worker;
	struct origin_group *group = origin_group_get(worker->origins,
	        model_snapshot_find(worker->snapshot, STR("a.test")), MODEL_MASTER, MODEL_HTTP);
	struct origin_pace *pace = origin_group_pace(group);
	for (unsigned i = 0; i < samples; i++)
		origin_pace_note(pace, USUAL_US, loop_now_ms(worker->loop));
	origin_group_unref(group);
	client_open(&stage->client, &stage->fixture);
}

static void stage_done(struct stage *stage)
{
	response_done(&stage->response);
	client_close(&stage->client);
	fixture_done(&stage->fixture);
}

static void get(struct stage *stage, unsigned status, const char *body)
{
	fetch(&stage->client, "GET", "", &stage->response);
	assert_int_equal(stage->response.head.status, status);
	if (body != NULL)
		assert_true(is_text(text_str(&stage->response.body), body));
}

static void begin_get(struct stage *stage)
{
	client_say(&stage->client, "GET /x HTTP/1.1\r\nHost: a.test\r\n\r\n");
}

static void end_get(struct stage *stage, unsigned status, const char *body)
{
	read_response(&stage->client, HTTP_GET, &stage->response);
	assert_int_equal(stage->response.head.status, status);
	assert_true(is_text(text_str(&stage->response.body), body));
}

static void the_backup_answers_where_the_master_is_late(void **state)
{
	(void)state;
	struct stage stage;
	stage_start(&stage, BOTH, ORIGIN_PACE_SAMPLES);
	stage.master->manner = ORIGIN_HANGS;
	uint64_t began_ms = clock_ms();
	get(&stage, 200, "backup");
	assert_true(clock_ms() - began_ms >= USUAL_US / 1000);
	assert_int_equal(stage.master->requests, 1);
	assert_int_equal(stage.backup->requests, 1);
	log_until(&stage.client, 1);
	assert_log_has(&stage.fixture, 0, "\"role\":\"master\"");
	assert_log_has(&stage.fixture, 0, "\"phase\":\"head\",\"status\":0,\"reason\":\"none\"");
	assert_log_has(&stage.fixture, 0, "\"next\":\"late\"");
	assert_log_has(&stage.fixture, 0, "\"next\":\"deliver\"");
	/* The master's connection was cut, and it did not fail. */
	turn_until(&stage.client, stage.master->peers[0].fd == 0);
	stage.master->manner = ORIGIN_ANSWERS;
	get(&stage, 200, "master");
	stage_done(&stage);
}

static void a_master_in_time_is_asked_alone(void **state)
{
	(void)state;
	struct stage stage;
	stage_start(&stage, BOTH, 10 * ORIGIN_PACE_SAMPLES);
	for (unsigned i = 0; i < 20; i++)
		get(&stage, 200, "master");
	assert_true(stage.backup->requests <= 2); /* none, but for what a busy machine does */
	stage_done(&stage);
}

static void nothing_is_hedged_before_the_masters_pace_is_known_or_where_nobody_wants_it(
        void **state)
{
	(void)state;
	static const struct {
		const char *document;
		unsigned samples;
	} ROWS[] = {
	        {BOTH, ORIGIN_PACE_SAMPLES - 1}, {PLAIN, 0}, {ONE_ATTEMPT, ORIGIN_PACE_SAMPLES}};
	for (size_t i = 0; i < ARRAY_LENGTH(ROWS); i++) {
		struct stage stage;
		stage_start(&stage, ROWS[i].document, ROWS[i].samples);
		stage.master->manner = ORIGIN_HANGS;
		begin_get(&stage);
		turn_for(&stage.client, 5 * USUAL_US / 1000);
		assert_int_equal(stage.master->requests, 1);
		assert_int_equal(stage.backup->requests, 0);
		stage_done(&stage);
	}
}

static void what_is_no_get_is_not_hedged(void **state)
{
	(void)state;
	static const char *const REQUESTS[] = {
	        "HEAD /x HTTP/1.1\r\nHost: a.test\r\n\r\n",
	        "OPTIONS /x HTTP/1.1\r\nHost: a.test\r\n\r\n",
	        "POST /x HTTP/1.1\r\nHost: a.test\r\nContent-Length: 1\r\n\r\na",
	};
	for (size_t i = 0; i < ARRAY_LENGTH(REQUESTS); i++) {
		struct stage stage;
		stage_start(&stage, BOTH, ORIGIN_PACE_SAMPLES);
		stage.master->manner = ORIGIN_HANGS;
		client_say(&stage.client, REQUESTS[i]);
		turn_for(&stage.client, 5 * USUAL_US / 1000);
		assert_int_equal(stage.master->requests, 1);
		assert_int_equal(stage.backup->requests, 0);
		stage_done(&stage);
	}
}

static void the_master_wins_where_it_is_first_after_all(void **state)
{
	(void)state;
	struct stage stage;
	stage_start(&stage, BOTH, ORIGIN_PACE_SAMPLES);
	stage.master->held = stage.master->reply.len;
	stage.backup->manner = ORIGIN_HANGS;
	begin_get(&stage);
	turn_until(&stage.client, stage.backup->requests == 1);
	stage.master->held = 0;
	end_get(&stage, 200, "master");
	turn_until(&stage.client, stage.backup->peers[0].fd == 0);
	log_until(&stage.client, 1);
	assert_log_has(&stage.fixture, 0, "\"role\":\"backup\"");
	assert_log_has(&stage.fixture, 0, "\"next\":\"late\"");
	stage_done(&stage);
}

/* Each way in which both may end, where the backup says something unacceptable first: the master is
 * waited for, and what the client gets is what the failover table says of both. */
static void an_unacceptable_answer_of_the_backup_waits_for_the_master(void **state)
{
	(void)state;
	static const struct {
		const char *backup, *master;
		unsigned status;
		const char *body;
	} ROWS[] = {
	        {ERROR("404") "backup", OK("master"), 200, "master"},
	        {ERROR("404") "backup", ERROR("503") "master", 503, "master"},
	        {ERROR("404") "backup", "garbage\r\n\r\n", 404, "backup"},
	        {"garbage\r\n\r\n", OK("master"), 200, "master"},
	        {"garbage\r\n\r\n", ERROR("503") "master", 503, "master"},
	};
	for (size_t i = 0; i < ARRAY_LENGTH(ROWS); i++) {
		struct stage stage;
		stage_start(&stage, BOTH, ORIGIN_PACE_SAMPLES);
		stage.master->reply = str_of(ROWS[i].master);
		stage.master->held = stage.master->reply.len;
		stage.backup->reply = str_of(ROWS[i].backup);
		begin_get(&stage);
		turn_until(&stage.client, stage.backup->requests == 1);
		turn_for(&stage.client, 10);
		stage.master->held = 0;
		end_get(&stage, ROWS[i].status, ROWS[i].body);
		assert_int_equal(stage.master->requests, 1);
		assert_int_equal(stage.backup->requests, 1);
		stage_done(&stage);
	}
}

/* The master fails while the backup is being asked already: it is not asked again. */
static void a_hedge_becomes_the_failover(void **state)
{
	(void)state;
	static const char *const MASTERS[] = {ERROR("503") "master", "garbage\r\n\r\n"};
	for (size_t i = 0; i < ARRAY_LENGTH(MASTERS); i++) {
		struct stage stage;
		stage_start(&stage, BOTH, ORIGIN_PACE_SAMPLES);
		stage.master->reply = str_of(MASTERS[i]);
		stage.master->held = stage.master->reply.len;
		stage.backup->held = stage.backup->reply.len;
		begin_get(&stage);
		turn_until(&stage.client, stage.backup->requests == 1);
		stage.master->held = 0;
		turn_for(&stage.client, 10);
		stage.backup->held = 0;
		end_get(&stage, 200, "backup");
		assert_int_equal(stage.backup->requests, 1);
		log_until(&stage.client, 1);
		assert_log_has(&stage.fixture, 0, "\"next\":\"backup\"");
		assert_log_has(&stage.fixture, 0, "\"next\":\"deliver\"");
		stage_done(&stage);
	}
}

static void a_dead_kept_connection_is_refreshed_beside_a_hedge(void **state)
{
	(void)state;
	struct stage stage;
	stage_start(&stage, BOTH, ORIGIN_PACE_SAMPLES);
	get(&stage, 200, "master");
	stage.master->manner = ORIGIN_HANGS;
	stage.backup->held = stage.backup->reply.len;
	begin_get(&stage);
	turn_until(&stage.client, stage.backup->requests == 1);
	/* The master's kept connection turns out to be dead; the same address is asked anew. */
	stage.master->manner = ORIGIN_ANSWERS;
	origin_cut(stage.master);
	end_get(&stage, 200, "master");
	assert_int_equal(stage.master->requests, 3);
	stage_done(&stage);
}

static void the_budget_bounds_what_is_hedged(void **state)
{
	(void)state;
	struct stage stage;
	stage_start(&stage,
	        "domains: [{name: a.test, hedge: {after: p50, budget: 2%}, origin: {addresses: "
	        "[\"$0\"]}, backup: {addresses: [\"$1\"]}}]",
	        ORIGIN_PACE_SAMPLES);
	stage.master->manner = ORIGIN_HANGS;
	get(&stage, 200, "backup");
	begin_get(&stage);
	turn_for(&stage.client, 5 * USUAL_US / 1000);
	assert_int_equal(stage.master->requests, 2);
	assert_int_equal(stage.backup->requests, 1);
	stage_done(&stage);
}

static void a_client_may_leave_at_any_moment(void **state)
{
	(void)state;
	struct stage stage;
	stage_start(&stage, BOTH, ORIGIN_PACE_SAMPLES);
	stage.master->manner = stage.backup->manner = ORIGIN_HANGS;
	begin_get(&stage);
	turn_until(&stage.client, stage.backup->requests == 1);
	client_close(&stage.client);
	client_open(&stage.client, &stage.fixture);
	turn_until(&stage.client, stage.master->peers[0].fd == 0 && stage.backup->peers[0].fd == 0);
	stage_done(&stage);
}

int main(void)
{
	begin();
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(the_backup_answers_where_the_master_is_late),
	        cmocka_unit_test(a_master_in_time_is_asked_alone),
	        cmocka_unit_test(
	                nothing_is_hedged_before_the_masters_pace_is_known_or_where_nobody_wants_it),
	        cmocka_unit_test(what_is_no_get_is_not_hedged),
	        cmocka_unit_test(the_master_wins_where_it_is_first_after_all),
	        cmocka_unit_test(an_unacceptable_answer_of_the_backup_waits_for_the_master),
	        cmocka_unit_test(a_hedge_becomes_the_failover),
	        cmocka_unit_test(a_dead_kept_connection_is_refreshed_beside_a_hedge),
	        cmocka_unit_test(the_budget_bounds_what_is_hedged),
	        cmocka_unit_test(a_client_may_leave_at_any_moment),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
