/*
 * Bodies that break off: who is asked for their rest, what of it is believed, and what is not begun
 * before it is whole.
 */
#include "edge/fixture.h"

#define DOMAIN(more)                                                                               \
	"domains: [{name: a.test, origin: {addresses: [\"$0\"]}, backup: {addresses: "             \
	"[\"$1\"]}" more "}]"
#define GET "GET /x HTTP/1.1\r\nHost: a.test\r\n\r\n"
#define TAG "ETag: \"v\"\r\n"

enum { LENGTH = 300000, HELD = 100000 };

struct pair {
	struct fixture fixture;
	struct client client;
	struct response response;
	struct origin *master, *backup;
};

/* Both origins have the same file. */
static void set_up(struct pair *pair, const char *document)
{
	pair->response = (struct response){.body = {.at = NULL}};
	fixture_start(&pair->fixture, document);
	pair->master = &pair->fixture.origins[0];
	pair->backup = &pair->fixture.origins[1];
	for (unsigned i = 0; i < 2; i++) {
		origin_says(&pair->fixture.origins[i], "200 OK", TAG, pattern_of(0, LENGTH));
		pair->fixture.origins[i].answer.does_ranges = true;
	}
	client_open(&pair->client, &pair->fixture);
}

static void tear_down(struct pair *pair)
{
	response_done(&pair->response);
	client_close(&pair->client);
	fixture_done(&pair->fixture);
}

/* Asks, and lets the master break off `HELD` bytes before the end. */
static void break_off(struct pair *pair)
{
	pair->master->held = HELD;
	client_say(&pair->client, GET);
	turn_until(&pair->client, pair->client.got.len > LENGTH - HELD);
	origin_cut(pair->master);
	pair->master->held = 0;
}

static void expect_whole(struct pair *pair)
{
	read_response(&pair->client, HTTP_GET, &pair->response);
	assert_int_equal(pair->response.head.status, 200);
	assert_true(str_is_equal(text_str(&pair->response.body), pattern_of(0, LENGTH)));
}

/* The client sees that it has a part, which is right, and no more. */
static void expect_broken(struct pair *pair)
{
	turn_until(&pair->client, pair->client.has_end || pair->client.has_reset);
	assert_false(parse_response(&pair->client, HTTP_GET, &pair->response));
	size_t length = pair->response.body.len;
	assert_in_range(length, LENGTH - HELD, LENGTH - 1);
	assert_true(str_is_equal(text_str(&pair->response.body), pattern_of(0, length)));
}

static void the_same_address_gives_the_rest(void **state)
{
	(void)state;
	struct pair pair;
	set_up(&pair, DOMAIN(""));
	break_off(&pair);
	expect_whole(&pair);
	assert_int_equal(pair.master->requests, 2);
	assert_int_equal(pair.backup->requests, 0);
	assert_true(origin_was_sent(pair.master, "Range: bytes=195904-\r\n"));
	assert_true(origin_was_sent(pair.master, "If-Range: \"v\"\r\n"));
	log_until(&pair.client, 1);
	assert_log_has(&pair.fixture, 0, "\"reason\":\"truncated\"");
	assert_log_has(&pair.fixture, 0,
	        "\"first\":0,\"last\":199999,\"reused\":false,\"next\":\"resume\"");
	assert_log_has(&pair.fixture, 0,
	        "\"first\":200000,\"last\":299999,\"reused\":false,\"next\":\"deliver\"");
	assert_log_has(&pair.fixture, 0, "\"fault\":\"none\",\"end\":\"complete\"");
	tear_down(&pair);
}

static void another_origin_gives_the_rest_where_the_first_is_gone(void **state)
{
	(void)state;
	struct pair pair;
	set_up(&pair, DOMAIN(""));
	break_off(&pair);
	origin_stop_listening(pair.master);
	expect_whole(&pair);
	assert_int_equal(pair.backup->requests, 1);
	log_until(&pair.client, 1);
	assert_log_has(&pair.fixture, 0, "\"reason\":\"connect_refused\"");
	assert_log_has(&pair.fixture, 0, "\"role\":\"backup\"");
	tear_down(&pair);
}

/* What both origins answer when they are asked for the rest, and why that is not taken. */
static const struct {
	const char *status, *fields;
	size_t from, length; /* of the pattern */
	bool does_ranges, is_chunked;
	const char *reason;
} refusals[] = {
        {"200 OK", "ETag: \"w\"\r\n", 0, LENGTH, true, false, "resume_etag"},
        {"200 OK", "ETag: W/\"v\"\r\n", 0, LENGTH, true, false, "resume_etag"},
        {"200 OK", "", 0, LENGTH, true, false, "resume_etag"},
        {"200 OK", TAG, 0, LENGTH + 1, true, false, "resume_range"},
        {"200 OK", TAG, 0, LENGTH - 1, true, false, "resume_range"},
        {"200 OK", TAG "Content-Encoding: gzip\r\n", 0, LENGTH, true, false, "resume_coding"},
        {"404 No", TAG, 0, LENGTH, false, false, "resume_status"},
        {"503 No", TAG, 0, LENGTH, false, false, "resume_status"},
        {"200 OK", "ETag: \"w\"\r\n", 0, LENGTH, false, false, "resume_etag"},
        {"200 OK", TAG, 0, LENGTH - 1, false, false, "resume_range"},
        /* Whole, but shorter than what had gone on: that is seen at its end. */
        {"200 OK", TAG, 0, 1000, false, true, "resume_range"},
        /* The same in every word, and not in its bytes. */
        {"200 OK", TAG, 1, LENGTH, true, false, "resume_overlap"},
        {"200 OK", TAG, 1, LENGTH, false, false, "resume_overlap"},
};

static void what_does_not_fit_is_never_put_together(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LENGTH(refusals); i++) {
		struct pair pair;
		char reason[64];
		set_up(&pair, DOMAIN(""));
		break_off(&pair);
		for (unsigned k = 0; k < 2; k++) {
			struct origin *origin = &pair.fixture.origins[k];
			origin_says(origin, refusals[i].status, refusals[i].fields,
			        pattern_of(refusals[i].from, refusals[i].length));
			origin->answer.does_ranges = refusals[i].does_ranges;
			origin->answer.is_chunked = refusals[i].is_chunked;
		}
		expect_broken(&pair);
		assert_int_equal(pair.response.body.len, LENGTH - HELD);
		log_until(&pair.client, 1);
		snprintf(reason, sizeof(reason), "\"reason\":\"%s\"", refusals[i].reason);
		assert_log_has(&pair.fixture, 0, reason);
		assert_log_has(&pair.fixture, 0, "\"end\":\"truncated\"");
		/* Bytes that differ are the end; else the other origin is asked as well. */
		bool is_end = strcmp(refusals[i].reason, "resume_overlap") == 0;
		assert_int_equal(pair.master->requests + pair.backup->requests, is_end ? 2 : 3);
		tear_down(&pair);
	}
}

static void all_of_it_is_skipped_as_far_as_it_may_be(void **state)
{
	(void)state;
	static const char *const documents[] = {DOMAIN(""), DOMAIN(", resume: {skip_max: 1k}")};
	for (size_t i = 0; i < ARRAY_LENGTH(documents); i++) {
		struct pair pair;
		set_up(&pair, documents[i]);
		pair.master->answer.does_ranges = pair.backup->answer.does_ranges = false;
		break_off(&pair);
		if (i == 0)
			expect_whole(&pair);
		else
			expect_broken(&pair);
		tear_down(&pair);
	}
}

static void a_date_is_for_the_same_address_unless_dates_are_trusted(void **state)
{
	(void)state;
	static const char fields[] = "Last-Modified: Sun, 06 Nov 1994 08:49:37 GMT\r\n"
	                             "Date: Mon, 07 Nov 1994 08:49:37 GMT\r\n";
	static const char *const documents[] = {
	        DOMAIN(""), DOMAIN(""), DOMAIN(", resume: {trust_dates: on}")};
	for (size_t i = 0; i < ARRAY_LENGTH(documents); i++) {
		struct pair pair;
		set_up(&pair, documents[i]);
		pair.master->answer.fields = pair.backup->answer.fields = fields;
		break_off(&pair);
		if (i != 0)
			origin_stop_listening(pair.master);
		if (i != 1)
			expect_whole(&pair);
		else
			expect_broken(&pair);
		assert_int_equal(pair.backup->requests, i == 2);
		tear_down(&pair);
	}
}

static void no_more_attempts_are_made_than_may_be(void **state)
{
	(void)state;
	static const char *const documents[] = {DOMAIN(", resume: {attempts: 0}"),
	        DOMAIN(", resume: {attempts: 1}"), DOMAIN(", resume: {attempts: 2}")};
	for (size_t i = 0; i < ARRAY_LENGTH(documents); i++) {
		struct pair pair;
		set_up(&pair, documents[i]);
		break_off(&pair);
		pair.master->manner = pair.backup->manner = ORIGIN_CLOSES;
		expect_broken(&pair);
		assert_int_equal(pair.master->requests, i == 0 ? 1 : 2);
		assert_int_equal(pair.backup->requests, i == 2);
		tear_down(&pair);
	}
}

static void a_rest_that_breaks_off_again_is_taken_up_again(void **state)
{
	(void)state;
	struct pair pair;
	set_up(&pair, DOMAIN(""));
	break_off(&pair);
	pair.master->held = HELD / 2;
	turn_until(&pair.client, pair.client.got.len > LENGTH - HELD / 2);
	origin_cut(pair.master);
	expect_whole(&pair);
	assert_int_equal(pair.master->requests, 2);
	assert_int_equal(pair.backup->requests, 1);
	log_until(&pair.client, 1);
	assert_log_has(&pair.fixture, 0, "\"first\":200000,\"last\":249999");
	assert_log_has(&pair.fixture, 0, "\"first\":250000,\"last\":299999");
	tear_down(&pair);
}

/* As when so many bodies broke off at once that the budget for retries is used up. */
static void who_may_not_be_asked_now_is_asked_later(void **state)
{
	(void)state;
	enum end { IS_WHOLE, IS_BROKEN, IS_LEFT };
	static const char *const documents[] = {
	        [IS_WHOLE] = "domains: [{name: a.test, origin: {addresses: [\"$0\"]}}]",
	        [IS_BROKEN] = "domains: [{name: a.test, origin: {addresses: [\"$0\"]}, failover: "
	                      "{budget_s: 1}}]",
	        [IS_LEFT] = "domains: [{name: a.test, origin: {addresses: [\"$0\"]}}]",
	};
	for (size_t end = 0; end < ARRAY_LENGTH(documents); end++) {
		struct pair pair;
		unsigned retries = 0;
		set_up(&pair, documents[end]);
		struct edge_worker *worker = pair.fixture.worker;
		pair.master->held = HELD;
		client_say(&pair.client, GET);
		turn_until(&pair.client, pair.client.got.len > LENGTH - HELD);
		struct origin_group *group = origin_group_get(worker->origins,
		        model_snapshot_find(worker->snapshot, STR("a.test")), MODEL_MASTER,
		        MODEL_HTTP);
		while (origin_group_retry_begin(group))
			retries++;
		origin_cut(pair.master);
		pair.master->held = 0;
		turn_for(&pair.client, 60);
		assert_false(pair.client.has_end || pair.client.has_reset);
		if (end == IS_BROKEN)
			expect_broken(&pair); /* it had its time */
		if (end == IS_LEFT) {
			client_reset(&pair.client);
			turn_until(&pair.client, serve_server_connections(worker->server) == 0);
			turn_for(&pair.client, 60);
		}
		assert_int_equal(pair.master->requests, 1);
		while (retries-- > 0)
			origin_group_retry_end(group);
		origin_group_unref(group);
		if (end == IS_WHOLE)
			expect_whole(&pair);
		tear_down(&pair);
	}
}

static void a_client_may_leave_while_the_rest_is_asked_for(void **state)
{
	(void)state;
	static const enum origin_manner manners[] = {ORIGIN_HANGS, ORIGIN_ANSWERS};
	for (size_t i = 0; i < ARRAY_LENGTH(manners); i++) {
		struct pair pair;
		set_up(&pair, DOMAIN(""));
		break_off(&pair);
		/* In the middle of the overlap, where it answers. */
		pair.master->held = HELD + 1000;
		pair.master->manner = manners[i];
		turn_until(&pair.client, pair.master->requests == 2);
		turn_for(&pair.client, 20);
		client_reset(&pair.client);
		turn_until(
		        &pair.client, serve_server_connections(pair.fixture.worker->server) == 0);
		pair.master->held = 0;
		turn_until(&pair.client, origin_connections(pair.master) == 0);
		tear_down(&pair);
	}
}

/* Answers of the master whose rest could not be asked for, `held` bytes before their end. */
static const struct {
	const char *head, *body;
	size_t held;
	bool ends; /* breaks off, else falls silent */
	bool is_streamed;
} small[] = {
        {"Content-Length: 10\r\n", "0123456789", 5, true, false},
        {"Content-Length: 10\r\n", "0123456789", 5, false, false},
        {"Transfer-Encoding: chunked\r\n", "a\r\n0123456789\r\n0\r\n\r\n", 5, true, false},
        {"ETag: W/\"v\"\r\nContent-Length: 10\r\n", "0123456789", 1, true, false},
        /* Nobody waits longer for the end of what has no length. */
        {"Transfer-Encoding: chunked\r\n", "a\r\n0123456789\r\n0\r\n\r\n", 5, false, true},
        {"Content-Type: text/event-stream\r\nContent-Length: 10\r\n", "0123456789", 5, false, true},
        {"content-type: Text/Event-Stream;charset=utf-8\r\nTransfer-Encoding: chunked\r\n",
                "a\r\n0123456789\r\n0\r\n\r\n", 5, false, true},
        /* This one could be resumed. */
        {"ETag: \"v\"\r\nContent-Length: 10\r\n", "0123456789", 5, false, true},
};

static void a_small_body_that_cannot_be_resumed_is_held_back_until_it_is_whole(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LENGTH(small); i++) {
		struct pair pair;
		struct text reply = {.at = NULL};
		set_up(&pair, DOMAIN(""));
		text_addf(&reply, "HTTP/1.1 200 OK\r\n%s\r\n%s", small[i].head, small[i].body);
		pair.master->answer.status = NULL;
		pair.master->reply = text_str(&reply);
		pair.master->held = small[i].held;
		client_say(&pair.client, GET);
		turn_until(&pair.client, pair.master->requests == 1);
		if (small[i].ends) {
			/* Before it was held back for long enough. */
			origin_cut(pair.master);
		} else {
			turn_for(&pair.client, 60);
			assert_int_equal(pair.client.got.len > 0, small[i].is_streamed);
		}
		if (!small[i].is_streamed) {
			expect_whole(&pair);
			assert_int_equal(pair.backup->requests, 1);
		} else {
			pair.master->held = 0;
			read_response(&pair.client, HTTP_GET, &pair.response);
			assert_true(is_text(text_str(&pair.response.body), "0123456789"));
			assert_int_equal(pair.backup->requests, 0);
		}
		text_done(&reply);
		tear_down(&pair);
	}
}

static void where_nobody_else_has_it_a_small_body_that_broke_off_is_an_honest_error(void **state)
{
	(void)state;
	struct pair pair;
	set_up(&pair, DOMAIN(""));
	pair.master->answer.status = pair.backup->answer.status = NULL;
	pair.master->reply = pair.backup->reply =
	        STR("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc");
	pair.master->ends = pair.backup->ends = true;
	ask(&pair.client, GET, 502);
	log_until(&pair.client, 1);
	assert_log_has(&pair.fixture, 0, "\"fault\":\"truncated\",\"end\":\"complete\"");
	tear_down(&pair);
}

static void the_masters_own_error_wins_over_a_backup_that_breaks_off(void **state)
{
	(void)state;
	struct pair pair;
	set_up(&pair, DOMAIN(""));
	pair.master->answer.status = pair.backup->answer.status = NULL;
	pair.master->reply = STR("HTTP/1.1 500 No\r\nContent-Length: 3\r\n\r\nown");
	pair.backup->reply = STR("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc");
	pair.backup->ends = true;
	client_say(&pair.client, GET);
	read_response(&pair.client, HTTP_GET, &pair.response);
	assert_int_equal(pair.response.head.status, 500);
	assert_true(is_text(text_str(&pair.response.body), "own"));
	tear_down(&pair);
}

static void a_large_body_without_a_version_ends_visibly(void **state)
{
	(void)state;
	struct pair pair;
	set_up(&pair, DOMAIN(""));
	pair.master->answer.fields = "";
	break_off(&pair);
	expect_broken(&pair);
	assert_int_equal(pair.master->requests + pair.backup->requests, 1);
	log_until(&pair.client, 1);
	assert_log_has(&pair.fixture, 0, "\"phase\":\"resume\"");
	assert_log_has(&pair.fixture, 0, "\"reason\":\"resume_version\"");
	tear_down(&pair);
}

int main(void)
{
	begin();
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(the_same_address_gives_the_rest),
	        cmocka_unit_test(another_origin_gives_the_rest_where_the_first_is_gone),
	        cmocka_unit_test(what_does_not_fit_is_never_put_together),
	        cmocka_unit_test(all_of_it_is_skipped_as_far_as_it_may_be),
	        cmocka_unit_test(a_date_is_for_the_same_address_unless_dates_are_trusted),
	        cmocka_unit_test(no_more_attempts_are_made_than_may_be),
	        cmocka_unit_test(a_rest_that_breaks_off_again_is_taken_up_again),
	        cmocka_unit_test(who_may_not_be_asked_now_is_asked_later),
	        cmocka_unit_test(a_client_may_leave_while_the_rest_is_asked_for),
	        cmocka_unit_test(
	                a_small_body_that_cannot_be_resumed_is_held_back_until_it_is_whole),
	        cmocka_unit_test(
	                where_nobody_else_has_it_a_small_body_that_broke_off_is_an_honest_error),
	        cmocka_unit_test(the_masters_own_error_wins_over_a_backup_that_breaks_off),
	        cmocka_unit_test(a_large_body_without_a_version_ends_visibly),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
