/* The failover table, lived through: what the client gets, and what the log says of each attempt.
 */
#include "edge/fixture.h"

#define BOTH                                                                                       \
	"domains: [{name: a.test, origin: {addresses: [\"$0\"]}, backup: {addresses: [\"$1\"]}}]"
#define ONE "domains: [{name: a.test, origin: {addresses: [\"$0\"]}}]"

#define OK(body)    "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n" body
#define ERROR(code) "HTTP/1.1 " code " Own\r\nX-Own: yes\r\nContent-Length: 6\r\n\r\nmaster"
#define BAD(code)   "HTTP/1.1 " code " No\r\nContent-Length: 6\r\n\r\nbackup"

/* One request with a master and a backup. */
static const struct {
	enum origin_manner master;
	const char *master_reply;
	enum origin_manner backup;
	const char *backup_reply;
	unsigned status;
	const char *body;           /* NULL: ours */
	const char *first, *second; /* of the attempts in the log; NULL: none */
} rows[] = {
        {ORIGIN_ANSWERS, OK("master"), ORIGIN_ANSWERS, OK("backup"), 200, "master",
                "\"phase\":\"done\",\"status\":200,\"reason\":\"none\"", NULL},
        {ORIGIN_ANSWERS, ERROR("503"), ORIGIN_ANSWERS, OK("backup"), 200, "backup",
                "\"status\":503,\"reason\":\"status\"", "\"status\":200,\"reason\":\"none\""},
        {ORIGIN_ANSWERS, ERROR("404"), ORIGIN_ANSWERS, BAD("500"), 404, "master",
                "\"status\":404,\"reason\":\"status\"", "\"status\":500,\"reason\":\"status\""},
        {ORIGIN_ANSWERS, ERROR("503"), ORIGIN_CLOSES, NULL, 503, "master",
                "\"status\":503,\"reason\":\"status\"", "\"status\":0,\"reason\":\"closed\""},
        {ORIGIN_ANSWERS, ERROR("503"), ORIGIN_HANGS, NULL, 503, "master",
                "\"status\":503,\"reason\":\"status\"", "\"reason\":\"head_timeout\""},
        {ORIGIN_ANSWERS, ERROR("412"), ORIGIN_ANSWERS, OK("backup"), 412, "master",
                "\"status\":412,\"reason\":\"none\"", NULL},
        {ORIGIN_REFUSES, NULL, ORIGIN_ANSWERS, OK("backup"), 200, "backup",
                "\"phase\":\"connect\",\"status\":0,\"reason\":\"connect_refused\"",
                "\"status\":200"},
        {ORIGIN_CLOSES, NULL, ORIGIN_ANSWERS, OK("backup"), 200, "backup",
                "\"phase\":\"head\",\"status\":0,\"reason\":\"closed\"", "\"status\":200"},
        {ORIGIN_RESETS, NULL, ORIGIN_ANSWERS, OK("backup"), 200, "backup", "\"reason\":\"reset\"",
                "\"status\":200"},
        {ORIGIN_HANGS, NULL, ORIGIN_ANSWERS, OK("backup"), 200, "backup",
                "\"reason\":\"head_timeout\"", "\"status\":200"},
        {ORIGIN_ANSWERS, "garbage\r\n\r\n", ORIGIN_ANSWERS, OK("backup"), 200, "backup",
                "\"reason\":\"malformed\"", "\"status\":200"},
        {ORIGIN_CLOSES, NULL, ORIGIN_ANSWERS, BAD("404"), 404, "backup", "\"reason\":\"closed\"",
                "\"status\":404,\"reason\":\"none\""},
        {ORIGIN_CLOSES, NULL, ORIGIN_CLOSES, NULL, 502, NULL, "\"reason\":\"closed\"",
                "\"reason\":\"closed\""},
        {ORIGIN_CLOSES, NULL, ORIGIN_HANGS, NULL, 504, NULL, "\"reason\":\"closed\"",
                "\"reason\":\"head_timeout\""},
        {ORIGIN_REFUSES, NULL, ORIGIN_REFUSES, NULL, 502, NULL, "\"reason\":\"connect_refused\"",
                "\"reason\":\"connect_refused\""},
};

static void set_manner(struct origin *origin, enum origin_manner manner, const char *reply)
{
	origin->manner = manner;
	if (reply != NULL)
		origin->reply = str_of(reply);
}

static void the_client_gets_what_the_table_says(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
		struct fixture fixture;
		struct client client;
		struct response response = {.body = {.at = NULL}};
		fixture_start(&fixture, BOTH);
		struct origin *master = &fixture.origins[0], *backup = &fixture.origins[1];
		set_manner(master, rows[i].master, rows[i].master_reply);
		set_manner(backup, rows[i].backup, rows[i].backup_reply);
		origin_play(master);
		origin_play(backup);
		client_open(&client, &fixture);
		fetch(&client, "GET", "", &response);
		assert_int_equal(response.head.status, rows[i].status);
		if (rows[i].body != NULL) {
			assert_true(is_text(text_str(&response.body), rows[i].body));
			assert_true(has_field(&response, "X-Cache", "PASS"));
			assert_true(has_field(&response, "Via", "1.1 edge"));
		} else {
			assert_true(http_head_has(&response.head, HTTP_NAME_X_HEADWATER_ERROR));
		}
		log_until(&client, 1);
		assert_log_has(&fixture, 0, rows[i].first);
		assert_log_has(&fixture, 0, rows[i].second != NULL ? rows[i].second : "");
		assert_int_equal(
		        log_has(&fixture, 0, "\"role\":\"backup\""), rows[i].second != NULL);
		assert_true(master->requests <= 1 && backup->requests <= 1);
		response_done(&response);
		client_close(&client);
		fixture_done(&fixture);
	}
}

/* Requests that are not safe: what the master does, and whether the backup is asked. */
static const struct {
	const char *rules;
	enum origin_manner master;
	const char *master_reply;
	unsigned status;
	bool asks_backup;
} posts[] = {
        {"", ORIGIN_ANSWERS, OK("master"), 200, false},
        {"", ORIGIN_REFUSES, NULL, 200, true}, /* not one byte was written */
        {"", ORIGIN_CLOSES, NULL, 502, false},
        {"", ORIGIN_HANGS, NULL, 504, false},
        {"", ORIGIN_ANSWERS, ERROR("503"), 503, false},
        {", failover: {unsafe_methods: on}", ORIGIN_CLOSES, NULL, 200, true},
        {", failover: {unsafe_methods: on}", ORIGIN_ANSWERS, ERROR("503"), 200, true},
};

static void an_unsafe_request_is_repeated_only_where_that_does_no_harm(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LENGTH(posts); i++) {
		struct fixture fixture;
		struct client client;
		struct response response = {.body = {.at = NULL}};
		char document[256];
		snprintf(document, sizeof(document),
		        "domains: [{name: a.test, origin: {addresses: [\"$0\"]}, backup: "
		        "{addresses: [\"$1\"]}%s}]",
		        posts[i].rules);
		fixture_start(&fixture, document);
		set_manner(&fixture.origins[0], posts[i].master, posts[i].master_reply);
		origin_play(&fixture.origins[0]);
		client_open(&client, &fixture);
		client_say(&client,
		        "POST /x HTTP/1.1\r\nHost: a.test\r\nContent-Length: 5\r\n\r\nhello");
		read_response(&client, HTTP_POST, &response);
		assert_int_equal(response.head.status, posts[i].status);
		assert_int_equal(fixture.origins[1].requests, posts[i].asks_backup);
		if (posts[i].asks_backup)
			assert_true(origin_was_sent(&fixture.origins[1], "\r\n\r\nhello"));
		response_done(&response);
		client_close(&client);
		fixture_done(&fixture);
	}
}

enum { LARGE = 300000 };

/* A request with a large body, framed as `chunked` says. */
static void send_large(struct client *client, const char *method, bool chunked)
{
	char head[160];
	snprintf(head, sizeof(head), "%s /x HTTP/1.1\r\nHost: a.test\r\n%s\r\n", method,
	        chunked ? "Transfer-Encoding: chunked\r\n" : "Content-Length: 300000\r\n");
	client_say(client, head);
	for (size_t at = 0; at < LARGE; at += 50000) {
		if (chunked)
			client_say(client, "c350\r\n");
		assert_true(client_send(client, pattern_of(at, 50000)));
		if (chunked)
			client_say(client, "\r\n");
	}
	if (chunked)
		client_say(client, "0\r\nX-Sum: 7\r\n\r\n");
}

/* Whether what the origin was sent last ends with the large body. */
static bool has_large_body(const struct origin *origin, bool chunked)
{
	struct str sent = text_str(&origin->last);
	const char *end = memmem(sent.at, sent.len, "\r\n\r\n", 4);
	struct str body = str_make(end + 4, sent.len - (size_t)(end + 4 - sent.at));
	if (!chunked)
		return str_is_equal(body, pattern_of(0, LARGE));
	struct http_chunk chunk;
	struct str piece;
	size_t at = 0;
	http_chunk_init(&chunk);
	enum http_chunk_event event;
	while ((event = http_chunk_next(&chunk, &body, &piece)) == HTTP_CHUNK_DATA) {
		if (!str_is_equal(piece, pattern_of(at, piece.len)))
			break;
		at += piece.len;
	}
	bool is_same = event == HTTP_CHUNK_END && at == LARGE &&
	               is_text(text_str(&chunk.trailers), "X-Sum: 7\r\n\r\n");
	http_chunk_done(&chunk);
	return is_same;
}

static void a_large_request_body_goes_to_the_backup_again_whole(void **state)
{
	(void)state;
	for (unsigned chunked = 0; chunked < 2; chunked++) {
		struct fixture fixture;
		struct client client;
		fixture_start(&fixture, BOTH);
		fixture.origins[0].reply = STR(ERROR("503"));
		client_open(&client, &fixture);
		send_large(&client, "GET", chunked); /* safe, however odd */
		ask(&client, "", 200);
		assert_true(has_large_body(&fixture.origins[0], chunked));
		assert_true(has_large_body(&fixture.origins[1], chunked));
		log_until(&client, 1);
		assert_log_has(&fixture, 0, "\"bytes_in\":300000");
		client_close(&client);
		fixture_done(&fixture);
	}
}

static void a_large_body_of_an_unsafe_request_streams_through(void **state)
{
	(void)state;
	for (unsigned chunked = 0; chunked < 2; chunked++) {
		struct fixture fixture;
		struct client client;
		fixture_start(&fixture, BOTH);
		client_open(&client, &fixture);
		send_large(&client, "PUT", chunked);
		ask(&client, "", 200);
		assert_true(has_large_body(&fixture.origins[0], chunked));
		ask(&client, "GET /y HTTP/1.1\r\nHost: a.test\r\n\r\n", 200);
		client_close(&client);
		fixture_done(&fixture);
	}
}

static void a_kept_connection_that_was_closed_is_no_failure(void **state)
{
	(void)state;
	struct fixture fixture;
	struct client client;
	fixture_start(&fixture, BOTH);
	struct origin *master = &fixture.origins[0];
	master->served_at_most = 1;
	client_open(&client, &fixture);
	for (unsigned i = 0; i < 3; i++)
		ask(&client, "GET /x HTTP/1.1\r\nHost: a.test\r\n\r\n", 200);
	/* What is not safe must find out before it writes. */
	master->served_at_most = 0;
	master->ends = true;
	for (unsigned i = 0; i < 3; i++)
		ask(&client, "POST /x HTTP/1.1\r\nHost: a.test\r\nContent-Length: 2\r\n\r\nab",
		        200);
	assert_int_equal(master->requests, 6);
	assert_int_equal(fixture.origins[1].requests, 0);
	log_until(&client, 6);
	assert_log_has(&fixture, 1, "\"reason\":\"stale_connection\"");
	assert_log_has(&fixture, 1, "\"next\":\"fresh\"");
	assert_log_has(&fixture, 1, "\"status\":200,\"reason\":\"none\"");
	client_close(&client);
	fixture_done(&fixture);
}

static void without_a_backup_another_address_is_asked(void **state)
{
	(void)state;
	struct fixture fixture;
	struct client client;
	fixture_start(&fixture,
	        "domains: [{name: a.test, origin: {addresses: [\"$0\", \"$1\", \"$2\", \"$3\"]}}]");
	for (unsigned i = 0; i < ORIGINS; i++)
		fixture.origins[i].manner = ORIGIN_CLOSES;
	client_open(&client, &fixture);
	ask(&client, "GET /x HTTP/1.1\r\nHost: a.test\r\n\r\n", 502);
	unsigned asked = 0;
	for (unsigned i = 0; i < ORIGINS; i++) {
		assert_true(fixture.origins[i].requests <= 1);
		asked += fixture.origins[i].requests;
	}
	assert_int_equal(asked, 3); /* failover.attempts */
	log_until(&client, 1);
	assert_log_has(&fixture, 0, "\"next\":\"address\"");
	assert_log_has(&fixture, 0, "\"next\":\"fail\"");
	/* … and one that answers is the answer; its status is passed on as it is. */
	for (unsigned i = 0; i < ORIGINS; i++) {
		fixture.origins[i].manner = ORIGIN_ANSWERS;
		fixture.origins[i].reply = STR(ERROR("500"));
	}
	ask(&client, "GET /x HTTP/1.1\r\nHost: a.test\r\n\r\n", 500);
	client_close(&client);
	fixture_done(&fixture);
}

static void the_time_for_all_attempts_is_bounded(void **state)
{
	(void)state;
	struct fixture fixture;
	struct client client;
	fixture_init(&fixture);
	fixture.failover_ms = ORIGIN_HEAD_MS + ORIGIN_HEAD_MS / 2;
	fixture_serve(&fixture,
	        "domains: [{name: a.test, origin: {addresses: [\"$0\", \"$1\", \"$2\", \"$3\"]}, "
	        "failover: {attempts: 10}}]");
	for (unsigned i = 0; i < ORIGINS; i++)
		fixture.origins[i].manner = ORIGIN_HANGS;
	client_open(&client, &fixture);
	uint64_t begun_ms = clock_ms();
	ask(&client, "GET /x HTTP/1.1\r\nHost: a.test\r\n\r\n", 504);
	uint64_t ms = clock_ms() - begun_ms;
	assert_true(ms + 20 >= fixture.failover_ms && ms < fixture.failover_ms + 400);
	log_until(&client, 1);
	assert_log_has(&fixture, 0, "\"reason\":\"head_timeout\"");
	assert_log_has(&fixture, 0, "\"reason\":\"budget\"");
	client_close(&client);
	fixture_done(&fixture);
}

/* A failing answer of the master with a body of `length`, of which `sent` bytes come. */
static void make_large_reply(struct text *reply, size_t length, size_t sent)
{
	text_addf(reply, "HTTP/1.1 503 Own\r\nContent-Length: %zu\r\n\r\n", length);
	text_add(reply, pattern_of(0, sent));
}

static void a_large_answer_waits_for_the_backup_s_verdict(void **state)
{
	(void)state;
	static const struct {
		enum origin_manner backup;
		unsigned status;
	} cases[] = {{ORIGIN_HANGS, 503}, {ORIGIN_CLOSES, 503}, {ORIGIN_ANSWERS, 200}};
	for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
		struct fixture fixture;
		struct client client;
		struct response response = {.body = {.at = NULL}};
		struct text reply = {.at = NULL};
		make_large_reply(&reply, 3000000, 3000000);
		fixture_start(&fixture, BOTH);
		fixture.origins[0].reply = text_str(&reply);
		fixture.origins[1].manner = cases[i].backup;
		client_open(&client, &fixture);
		fetch(&client, "GET", "", &response);
		assert_int_equal(response.head.status, cases[i].status);
		if (cases[i].status == 503) {
			assert_int_equal(response.body.len, 3000000);
			assert_true(is_pattern(text_str(&response.body)));
		}
		response_done(&response);
		text_done(&reply);
		client_close(&client);
		fixture_done(&fixture);
	}
}

static void a_kept_answer_that_broke_off_is_visibly_broken(void **state)
{
	(void)state;
	struct fixture fixture;
	struct client client;
	struct text reply = {.at = NULL};
	struct response response = {.body = {.at = NULL}};
	make_large_reply(&reply, 5000, 3000);
	fixture_start(&fixture, BOTH);
	fixture.origins[0].reply = text_str(&reply);
	fixture.origins[0].ends = true;
	fixture.origins[1].manner = ORIGIN_HANGS;
	client_open(&client, &fixture);
	client_say(&client, "GET /x HTTP/1.1\r\nHost: a.test\r\n\r\n");
	turn_until(&client, client.has_end || client.has_reset);
	assert_false(parse_response(&client, HTTP_GET, &response));
	assert_int_equal(response.head.status, 503);
	assert_true(response.body.len <= 3000);
	log_until(&client, 1);
	assert_log_has(&fixture, 0, "\"fault\":\"truncated\",\"end\":\"truncated\"");
	response_done(&response);
	text_done(&reply);
	client_close(&client);
	fixture_done(&fixture);
}

static void a_client_s_fault_is_no_origin_s(void **state)
{
	(void)state;
	struct fixture fixture;
	struct client client;
	fixture_start(&fixture, BOTH);
	client_open(&client, &fixture);
	client_say(&client, "GET /x HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n\r\n"
	                    "3\r\nabc\r\nnonsense\r\n");
	ask(&client, "", 400);
	log_until(&client, 1);
	assert_log_has(&fixture, 0, "\"status\":400");
	assert_log_has(&fixture, 0, "\"fault\":\"bad_request\"");
	assert_int_equal(fixture.origins[1].requests, 0);
	client_close(&client);
	fixture_done(&fixture);
}

int main(void)
{
	begin();
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(the_client_gets_what_the_table_says),
	        cmocka_unit_test(an_unsafe_request_is_repeated_only_where_that_does_no_harm),
	        cmocka_unit_test(a_large_request_body_goes_to_the_backup_again_whole),
	        cmocka_unit_test(a_large_body_of_an_unsafe_request_streams_through),
	        cmocka_unit_test(a_kept_connection_that_was_closed_is_no_failure),
	        cmocka_unit_test(without_a_backup_another_address_is_asked),
	        cmocka_unit_test(the_time_for_all_attempts_is_bounded),
	        cmocka_unit_test(a_large_answer_waits_for_the_backup_s_verdict),
	        cmocka_unit_test(a_kept_answer_that_broke_off_is_visibly_broken),
	        cmocka_unit_test(a_client_s_fault_is_no_origin_s),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
