/* The HTTP of the API: who asks, what they may, bodies, lanes, clients that leave, the end. */
#include "served.h"

#include <pthread.h>

/* ---- routes ---- */

static void a_request_finds_its_operation_or_is_told(void **state)
{
	(void)state;
	static const struct {
		const char *line;
		unsigned status;
		const char *what;
	} ROWS[] = {
	        {"GET /healthz", 200, "\r\n\r\nok\n"},
	        {"GET /healthz", 200, "Content-Type: text/plain; charset=utf-8\r\n"},
	        {"GET /healthz", 200, "Cache-Control: no-store\r\n"},
	        {"GET /healthz", 200, "X-Content-Type-Options: nosniff\r\n"},
	        {"HEAD /healthz", 200, "Content-Length: 3\r\n"},
	        {"GET /api/v1/openapi.yaml", 200, "openapi: 3.1.0"},
	        {"GET /", 404, "its console is not here"},
	        {"GET /index.html", 404, "/problems/not-found"},
	        {"GET /api/v1/nothing", 404, "Content-Type: application/problem+json\r\n"},
	        {"GET /api/v1/login", 405, "Allow: POST, OPTIONS\r\n"},
	        {"DELETE /healthz", 405, "/problems/method-not-allowed"},
	        {"BREW /healthz", 405, "Allow: GET, HEAD, OPTIONS\r\n"},
	        {"OPTIONS /api/v1/domains/a.test", 204,
	                "Allow: GET, HEAD, PUT, PATCH, DELETE, OPTIONS\r\n"},
	        {"OPTIONS /api/v1/nothing", 404, "/problems/not-found"},
	        {"GET /api/v1/domains/%zz", 400, "/problems/bad-request"},
	        {"GET /api/v1/domains/%00", 400, "/problems/bad-request"},
	        {"GET /healthz?x=1", 400, "which is not known here"},
	        {"GET /api/v1/domains?dry_run=1", 400, "which is not known here"},
	        {"GET /api/v1/domains", 401, "WWW-Authenticate: Bearer realm=\"headwater\"\r\n"},
	        {"POST /api/v1/domains/a.test/switch", 401, "it takes a token"},
	};
	struct served served;
	begin_served(&served);
	for (size_t i = 0; i < ARRAY_LENGTH(ROWS); i++)
		expect_once(&served, ROWS[i].status, ROWS[i].line, "", NULL, ROWS[i].what);
	end_served(&served);
}

/* ---- who ---- */

static void who_shows_what_is_known_is_somebody(void **state)
{
	(void)state;
	struct served served;
	char fields[512];
	begin_served(&served);
	const struct {
		const char *format, *secret;
		unsigned status;
	} rows[] = {
	        {"Authorization: Bearer %s\r\n", served.viewer, 200},
	        {"authorization: bearer  %s \r\n", served.viewer, 200},
	        {"Authorization: Basic %s\r\n", served.viewer, 401},
	        {"Authorization: %s\r\n", served.viewer, 401},
	        {"Authorization: Bearer\r\nX: %s\r\n", served.viewer, 401},
	        {"Authorization: Bearer x%s\r\n", served.viewer, 401},
	        {"Authorization: Bearer %s\r\n", "hw0123456789012345678901234567890123456789-_aZ",
	                401},
	        {"Cookie: headwater_session=%s\r\n", served.session, 200},
	        {"Cookie: a=b; headwater_session=%s; c=d\r\n", served.session, 200},
	        {"Cookie: a=b\r\nCookie: headwater_session=%s\r\n", served.session, 200},
	        {"Cookie: xheadwater_session=%s\r\n", served.session, 401},
	        {"Cookie: headwater_session=\"%s\"\r\n", served.session, 401},
	        {"Cookie: headwater_session\r\nX: %s\r\n", served.session, 401},
	        /* A token that is none is not made good by a session. */
	        {"Authorization: Bearer nonsense\r\nCookie: headwater_session=%s\r\n",
	                served.session, 401},
	};
	for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
		/* Asked of the store, and then remembered. */
		for (unsigned twice = 0; twice < 2; twice++) {
			int length = snprintf(fields, sizeof(fields), "%s", rows[i].format);
			char *place = strstr(fields, "%s");
			assert_non_null(place);
			snprintf(fields, sizeof(fields), "%.*s%s%s", (int)(place - fields),
			        rows[i].format, rows[i].secret,
			        rows[i].format + (place - fields) + 2);
			assert_true(length > 0);
			expect_once(&served, rows[i].status, "GET /api/v1/whoami", fields, NULL,
			        rows[i].status == 200 ? "{\"account\":\"ada\""
			                              : "/problems/unauthenticated");
		}
	}
	end_served(&served);
}

/* The path of a route, with a name in the place of "{}". */
static void print_line(const struct control_route *route, char *line, size_t room)
{
	const char *name = strstr(route->path.at, "{}");
	if (name == NULL)
		snprintf(line, room, "%s %s", control_route_method(route), route->path.at);
	else
		snprintf(line, room, "%s %.*sa.test%s", control_route_method(route),
		        (int)(name - route->path.at), route->path.at, name + 2);
}

static void each_route_is_for_its_role(void **state)
{
	(void)state;
	struct served served;
	struct text got = {0};
	begin_served(&served);
	const struct {
		const char *secret;
		enum control_role role;
	} callers[] = {{NULL, CONTROL_NOBODY}, {served.viewer, CONTROL_VIEWER},
	        {
	                served.operator,
	                CONTROL_OPERATOR },
	                {served.admin, CONTROL_ADMIN},
	};
	const struct control_route *route;
	for (size_t i = 0; (route = control_route_at(i)) != NULL; i++) {
		/* These take the tokens away, or take long. */
		if (strcmp(route->id, "accounts_logout") == 0)
			continue;
		for (size_t j = 0; j < ARRAY_LENGTH(callers); j++) {
			char line[128];
			print_line(route, line, sizeof(line));
			/* A body that no operation takes: so nothing is done. */
			/* A stream does not end. */
			char head[160];
			snprintf(head, sizeof(head), "HEAD%s", strchr(line, ' '));
			bool is_stream = route->lane == CONTROL_LOOP;
			unsigned status = ask_once(&served, &got, is_stream ? head : line,
			        callers[j].secret == NULL ? "" : bearer(callers[j].secret),
			        route->body == CONTROL_NONE ? NULL : "?");
			bool is_allowed = callers[j].role >= route->role;
			bool is_refused = status == 401 || status == 403;
			if (is_allowed == is_refused)
				fail_msg("%s as %d: %u", line, callers[j].role, status);
			if (!is_allowed)
				assert_int_equal(status, callers[j].secret == NULL ? 401 : 403);
		}
	}
	expect_once(&served, 403, "POST /api/v1/domains/a.test/switch", bearer(served.viewer), NULL,
	        "it takes the role operator");
	expect_once(&served, 403, "POST /api/v1/domains", bearer(served.operator), "{}",
	        "it takes the role admin");
	text_done(&got);
	end_served(&served);
}

static void a_session_needs_what_its_page_knows(void **state)
{
	(void)state;
	struct served served;
	char fields[512], right[512];
	begin_served(&served);
	const char *const tokens[] = {
	        "", "X-CSRF-Token: \r\n", "X-CSRF-Token: 0123456789abcdef0123456789abcdef\r\n"};
	for (size_t i = 0; i < ARRAY_LENGTH(tokens); i++) {
		snprintf(fields, sizeof(fields), "Cookie: headwater_session=%s\r\n%s",
		        served.session, tokens[i]);
		expect_once(&served, 403, "DELETE /api/v1/domains/a.test", fields, NULL,
		        "/problems/csrf");
		expect_once(&served, 403, "POST /api/v1/logout", fields, NULL, "/problems/csrf");
		expect_once(&served, 200, "GET /api/v1/domains", fields, NULL, "\"items\"");
		expect_once(&served, 200, "HEAD /api/v1/domains", fields, NULL, "200");
	}
	snprintf(right, sizeof(right), "Cookie: headwater_session=%s\r\nx-csrf-token: %s\r\n",
	        served.session, served.csrf);
	expect_once(&served, 404, "DELETE /api/v1/domains/a.test", right, NULL,
	        "/problems/no-such-domain");
	/* A token needs none. */
	expect_once(&served, 404, "DELETE /api/v1/domains/a.test", bearer(served.admin), NULL,
	        "/problems/no-such-domain");
	end_served(&served);
}

static void who_must_change_the_password_may_do_nothing_else(void **state)
{
	(void)state;
	struct served served;
	char fields[512];
	begin_served(&served);
	take_password(&served);
	control_guard_forget(served.fixture.plane.guard);
	add_pass(&served, "ada", "", STORE_ADMIN, served.session);
	control_guard_csrf(str_of(served.session), served.csrf);
	snprintf(fields, sizeof(fields),
	        "Cookie: headwater_session=%s\r\nX-CSRF-Token: %s\r\nContent-Type: "
	        "application/json\r\n",
	        served.session, served.csrf);
	expect_once(&served, 200, "GET /api/v1/whoami", fields, NULL, "\"must_change\":true");
	expect_once(&served, 403, "GET /api/v1/domains", fields, NULL,
	        "/problems/password-change-required");
	expect_once(&served, 403, "POST /api/v1/tokens", fields, "{\"label\":\"a\"}",
	        "/problems/password-change-required");
	expect_once(&served, 204, "POST /api/v1/password", fields,
	        "{\"old\":\"correct horse battery\",\"new\":\"battery horse correct\"}", "204");
	/* Then the session has ended. */
	expect_once(&served, 401, "GET /api/v1/whoami", fields, NULL, "has ended");
	end_served(&served);
}

/* ---- bodies ---- */

static void bodies_are_of_their_type_and_not_too_large(void **state)
{
	(void)state;
	static const struct {
		const char *line, *media, *body;
		unsigned status;
		const char *what;
	} ROWS[] = {
	        {"POST /api/v1/domains", "", "{}", 415, "application/json is taken here"},
	        {"POST /api/v1/domains", "Content-Type: text/plain\r\n", "{}", 415,
	                "/problems/unsupported-media-type"},
	        {"POST /api/v1/domains", "Content-Type: application/json\r\n", "{}", 422, "/name"},
	        {"POST /api/v1/domains", "Content-Type: Application/JSON ; charset=utf-8\r\n", "{}",
	                422, "/name"},
	        {"POST /api/v1/domains", "Content-Type: application/jsonx\r\n", "{}", 415, ""},
	        {"POST /api/v1/domains", "Content-Type: application/json\r\n", NULL, 400,
	                "/problems/malformed-json"},
	        {"PATCH /api/v1/domains/a.test", "Content-Type: application/merge-patch+json\r\n",
	                "{}", 404, "no-such-domain"},
	        {"PATCH /api/v1/domains/a.test", "Content-Type: application/json\r\n", "{}", 404,
	                ""},
	        {"PATCH /api/v1/domains/a.test", "Content-Type: application/yaml\r\n", "{}", 415,
	                "application/merge-patch+json is taken here"},
	        {"POST /api/v1/apply", "Content-Type: application/json\r\n", "{}", 415,
	                "application/yaml is taken here"},
	        {"POST /api/v1/apply", "Content-Type: application/yaml\r\n", "domains: []", 200,
	                "\"changes\":[]"},
	        {"POST /api/v1/domains/a.test/stop", "", "{}", 413, "at most 0 bytes"},
	        {"GET /api/v1/domains", "", "x", 413, "/problems/body-too-large"},
	};
	struct served served;
	begin_served(&served);
	for (size_t i = 0; i < ARRAY_LENGTH(ROWS); i++) {
		char fields[256];
		snprintf(fields, sizeof(fields), "%s%s", bearer(served.admin), ROWS[i].media);
		expect_once(
		        &served, ROWS[i].status, ROWS[i].line, fields, ROWS[i].body, ROWS[i].what);
	}
	end_served(&served);
}

/* Sends a head that says or does not say how long the body is, and then as much as is wanted. */
static unsigned send_large(
        struct served *served, const char *path, const char *media, size_t length, bool is_known)
{
	struct client client;
	struct response response = {.body = {.at = NULL}};
	struct text text = {0};
	unsigned status = 0;
	char piece[16384];
	memset(piece, ' ', sizeof(piece));
	client_open(&client, &served->fixture);
	text_addf(&text, "POST %s HTTP/1.1\r\nHost: x\r\n%sContent-Type: %s\r\n", path,
	        bearer(served->admin), media);
	if (is_known)
		text_addf(&text, "Content-Length: %zu\r\n\r\n", length);
	else
		text_add(&text, STR("Transfer-Encoding: chunked\r\n\r\n"));
	client_say(&client, text_c(&text));
	for (size_t sent = 0; sent < length;) {
		size_t size = length - sent < sizeof(piece) ? length - sent : sizeof(piece);
		text_clear(&text);
		if (!is_known)
			text_addf(&text, "%zx\r\n", size);
		text_add(&text, str_make(piece, size));
		if (!is_known)
			text_add(&text, STR("\r\n"));
		turn(&client, 0);
		if (client.got.len > 0 || !client_send(&client, text_str(&text)))
			break;
		sent += size;
	}
	if (client.got.len == 0 && !is_known)
		(void)client_send(&client, STR("0\r\n\r\n"));
	turn_until(&client, parse_response(&client, HTTP_POST, &response) || client.has_reset);
	status = response.head.status;
	response_done(&response);
	text_done(&text);
	client_close(&client);
	return status;
}

static void how_large_a_body_may_be_is_the_routes_matter(void **state)
{
	(void)state;
	static const struct {
		const char *path, *media;
		size_t max;
	} ROWS[] = {
	        {"/api/v1/tokens", "application/json", 4096},
	        {"/api/v1/login", "application/json", 4096},
	        {"/api/v1/domains", "application/json", LIMIT_API_BODY_BYTES},
	};
	struct served served;
	begin_served(&served);
	for (size_t i = 0; i < ARRAY_LENGTH(ROWS); i++) {
		for (unsigned is_known = 0; is_known < 2; is_known++) {
			/* White space alone is no JSON. */
			assert_int_equal(send_large(&served, ROWS[i].path, ROWS[i].media,
			                         ROWS[i].max, is_known != 0),
			        400);
			assert_int_equal(send_large(&served, ROWS[i].path, ROWS[i].media,
			                         ROWS[i].max + 1, is_known != 0),
			        413);
		}
	}
	/* A file of domains may be larger. */
	assert_int_equal(send_large(&served, "/api/v1/apply", "application/yaml",
	                         LIMIT_API_BODY_BYTES + 100000, false),
	        422);
	end_served(&served);
}

static void a_body_may_come_in_pieces(void **state)
{
	(void)state;
	struct served served;
	struct client client;
	struct response response = {.body = {.at = NULL}};
	begin_served(&served);
	client_open(&client, &served.fixture);
	client_say(&client, "POST /api/v1/domains HTTP/1.1\r\nHost: x\r\nContent-Type: "
	                    "application/json\r\n");
	client_say(&client, bearer(served.admin));
	struct text length = {0};
	text_addf(&length, "Content-Length: %zu\r\n\r\n", strlen(A_TEST));
	client_say(&client, text_c(&length));
	text_done(&length);
	for (size_t i = 0; A_TEST[i] != '\0'; i++) {
		assert_true(client_send(&client, str_make(&A_TEST[i], 1)));
		turn(&client, 0);
	}
	read_response(&client, HTTP_POST, &response);
	assert_int_equal(response.head.status, 201);
	assert_int_equal(revision_now(&served.fixture), 1);
	response_done(&response);
	client_close(&client);
	end_served(&served);
}

static void a_connection_serves_many_requests(void **state)
{
	(void)state;
	struct served served;
	struct client client;
	struct response response = {.body = {.at = NULL}};
	begin_served(&served);
	client_open(&client, &served.fixture);
	for (unsigned i = 0; i < 20; i++) {
		assert_int_equal(ask_on(&client, &response, "GET /api/v1/whoami",
		                         bearer(i % 3 == 0 ? "nonsense" : served.viewer), NULL),
		        i % 3 == 0 ? 401 : 200);
		assert_int_equal(ask_on(&client, &response, "HEAD /healthz", "", NULL), 200);
		assert_int_equal(response.body.len, 0);
	}
	/* All at once. */
	for (unsigned i = 0; i < 5; i++)
		client_say(&client, "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n");
	for (unsigned i = 0; i < 5; i++) {
		read_response(&client, HTTP_GET, &response);
		assert_true(is_text(text_str(&response.body), "ok\n"));
	}
	response_done(&response);
	client_close(&client);
	end_served(&served);
}

/* ---- lanes ---- */

static void without_a_store_the_rest_is_answered(void **state)
{
	(void)state;
	struct served served;
	begin_served(&served);
	/* Somebody is remembered. */
	expect_once(&served, 200, "GET /api/v1/whoami", bearer(served.viewer), NULL, "ada");
	struct store *store = fixture_store(&served.fixture);
	atomic_store(&served.fixture.plane.store, NULL);
	control_plane_set_trouble(&served.fixture.plane, STR("it is being opened"));
	expect_once(&served, 503, "GET /healthz", "", NULL, "it is being opened");
	expect_once(&served, 200, "GET /api/v1/openapi.yaml", "", NULL, "openapi");
	expect_once(&served, 200, "GET /api/v1/domains", bearer(served.viewer), NULL, "\"items\"");
	expect_once(&served, 200, "GET /api/v1/status", bearer(served.viewer), NULL,
	        "\"works\":false,\"error\":\"it is being opened\"");
	expect_once(&served, 503, "GET /api/v1/domains", bearer(served.admin), NULL,
	        "the store is not open, so nobody is known");
	expect_once(&served, 503, "GET /api/v1/history", bearer(served.viewer), NULL,
	        "/problems/store-unavailable");
	expect_once(&served, 503, "POST /api/v1/login", "Content-Type: application/json\r\n",
	        "{\"account\":\"ada\",\"password\":\"ada-ada-ada-ada\"}",
	        "/problems/store-unavailable");
	atomic_store(&served.fixture.plane.store, store);
	expect_once(&served, 200, "GET /api/v1/domains", bearer(served.admin), NULL, "\"items\"");
	end_served(&served);
}

static void a_disk_that_hangs_holds_up_nobody_else(void **state)
{
	(void)state;
	struct served served;
	struct client client;
	struct response response = {.body = {.at = NULL}};
	begin_served(&served);
	expect_once(&served, 200, "GET /api/v1/whoami", bearer(served.viewer), NULL, "ada");
	pthread_mutex_lock(&fixture_store(&served.fixture)->lock);
	client_open(&client, &served.fixture);
	client_say(&client, "GET /api/v1/history HTTP/1.1\r\nHost: x\r\n");
	client_say(&client, bearer(served.viewer));
	client_say(&client, "\r\n");
	turn_for(&client, 50);
	assert_int_equal(client.got.len, 0);
	expect_once(&served, 200, "GET /api/v1/domains", bearer(served.viewer), NULL, "\"items\"");
	expect_once(&served, 200, "GET /healthz", "", NULL, "ok");
	assert_int_equal(client.got.len, 0);
	pthread_mutex_unlock(&fixture_store(&served.fixture)->lock);
	read_response(&client, HTTP_GET, &response);
	assert_int_equal(response.head.status, 200);
	response_done(&response);
	client_close(&client);
	end_served(&served);
}

static void no_more_than_so_many_wait_for_a_lane(void **state)
{
	(void)state;
	static struct client clients[LIMIT_API_WAITING];
	struct served served;
	struct response response = {.body = {.at = NULL}};
	begin_served(&served);
	expect_once(&served, 200, "GET /api/v1/whoami", bearer(served.viewer), NULL, "ada");
	pthread_mutex_lock(&fixture_store(&served.fixture)->lock);
	for (unsigned i = 0; i < LIMIT_API_WAITING; i++) {
		client_open_from(&clients[i], &served.fixture, "127.0.0.2", 0);
		client_say(&clients[i], "DELETE /api/v1/tokens/99 HTTP/1.1\r\nHost: x\r\n");
		client_say(&clients[i], bearer(served.viewer));
		client_say(&clients[i], "\r\n");
		turn(&clients[i], 0);
	}
	turn_for(&clients[0], 50);
	expect_once(&served, 503, "DELETE /api/v1/tokens/99", bearer(served.viewer), NULL,
	        "/problems/overloaded");
	/* Who asks is asked of the same lane. */
	expect_once(&served, 503, "GET /api/v1/whoami", bearer(served.admin), NULL,
	        "/problems/overloaded");
	expect_once(&served, 200, "GET /api/v1/whoami", bearer(served.viewer), NULL, "ada");
	pthread_mutex_unlock(&fixture_store(&served.fixture)->lock);
	for (unsigned i = 0; i < LIMIT_API_WAITING; i++) {
		read_response(&clients[i], HTTP_GET, &response);
		assert_int_equal(response.head.status, 404);
		client_close(&clients[i]);
	}
	expect_once(&served, 200, "GET /api/v1/history", bearer(served.viewer), NULL, "\"items\"");
	response_done(&response);
	end_served(&served);
}

/* ---- clients that leave, and the end ---- */

static bool is_idle(const struct served *served)
{
	return control_exchanges_is_idle(served->exchanges);
}

static void a_client_may_leave_at_any_step(void **state)
{
	(void)state;
	static const char *const PARTS[] = {
	        "PATCH /api/v1/domains/a.test HTTP/1.1\r\nHost: x\r\n",
	        "Content-Type: application/json\r\nContent-Length: 14\r\n\r\n",
	        "{\"debug\"",
	        ":true}",
	};
	struct served served;
	begin_served(&served);
	create(&served.fixture, A_TEST);
	for (unsigned parts = 1; parts <= ARRAY_LENGTH(PARTS); parts++) {
		for (unsigned is_held = 0; is_held < 2; is_held++) {
			struct client client;
			pthread_mutex_t *lock = &fixture_store(&served.fixture)->lock;
			client_open(&client, &served.fixture);
			control_guard_forget(served.fixture.plane.guard);
			for (unsigned i = 0; i < parts; i++) {
				client_say(&client, PARTS[i]);
				if (i == 0)
					client_say(&client, bearer(served.admin));
			}
			if (is_held)
				pthread_mutex_lock(lock);
			turn_for(&client, 20);
			client_reset(&client);
			client_close(&client);
			struct client nobody = {.fixture = &served.fixture, .fd = -1};
			turn_for(&nobody, 20);
			if (is_held)
				pthread_mutex_unlock(lock);
			turn_until(&nobody, is_idle(&served));
		}
	}
	end_served(&served);
}

/* A thread that has a lock until a moment after it is told to give it back. */
struct holding {
	pthread_mutex_t *lock;
	atomic_bool is_held, is_over;
};

static void *hold(void *argument)
{
	struct holding *holding = argument;
	pthread_mutex_lock(holding->lock);
	atomic_store(&holding->is_held, true);
	while (!atomic_load(&holding->is_over))
		usleep(1000);
	usleep(50000);
	pthread_mutex_unlock(holding->lock);
	return NULL;
}

/* Whoever frees it waits for what runs; nothing begins any more. */
static void the_end_waits_for_what_runs(void **state)
{
	(void)state;
	enum { CLIENTS = 6 };
	for (unsigned round = 0; round < 3; round++) {
		struct served served;
		struct client clients[CLIENTS];
		pthread_t thread;
		begin_served(&served);
		create(&served.fixture, A_TEST);
		/* Round 0: the store is asked who asks; 1: operations run; 2: both. */
		if (round == 1)
			expect_once(&served, 200, "GET /api/v1/whoami", bearer(served.admin), NULL,
			        "ada");
		struct holding holding = {.lock = &fixture_store(&served.fixture)->lock};
		assert_int_equal(pthread_create(&thread, NULL, hold, &holding), 0);
		while (!atomic_load(&holding.is_held))
			usleep(1000);
		for (unsigned i = 0; i < CLIENTS; i++) {
			bool is_operator = round == 2 && i % 2 == 0;
			client_open(&clients[i], &served.fixture);
			client_say(&clients[i], "POST /api/v1/domains/a.test/stop HTTP/1.1\r\n"
			                        "Host: x\r\n");
			client_say(&clients[i],
			        bearer(is_operator ? served.operator : served.admin));
			client_say(&clients[i], "\r\n");
			turn(&clients[i], 5);
		}
		atomic_store(&holding.is_over, true);
		end_loop(&served);
		pthread_join(thread, NULL);
		for (unsigned i = 0; i < CLIENTS; i++)
			client_close(&clients[i]);
		fixture_done(&served.fixture);
	}
}

static void a_drain_ends_idle_connections(void **state)
{
	(void)state;
	struct served served;
	struct client client, late;
	struct response response = {.body = {.at = NULL}};
	begin_served(&served);
	client_open(&client, &served.fixture);
	assert_int_equal(ask_on(&client, &response, "GET /healthz", "", NULL), 200);
	assert_false(is_idle(&served));
	control_exchanges_drain(served.exchanges);
	turn_until(&client, is_idle(&served));
	turn_until(&client, client.has_end || client.has_reset);
	/* The listener stays open: somebody else may have it. */
	client_open(&late, &served.fixture);
	client_say(&late, "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n");
	turn_for(&late, 50);
	assert_int_equal(late.got.len, 0);
	response_done(&response);
	client_close(&client);
	client_close(&late);
	end_served(&served);
}

static void a_listener_that_cannot_be_watched_is_told(void **state)
{
	(void)state;
	struct fixture fixture;
	int folder = 0;
	fixture_init(&fixture);
	struct loop *loop = loop_new();
	FILE *file = tmpfile(); /* epoll takes no files */
	folder = fileno(file);
	const struct control_exchanges_options options = {
	        .loop = loop, .plane = &fixture.plane, .listeners = &folder, .listener_count = 1};
	assert_null(control_exchanges_new(&options));
	control_exchanges_free(NULL);
	fclose(file);
	loop_free(loop);
	fixture_done(&fixture);
}

/* ---- many at once ---- */

enum { ROUNDS = 15, WRITERS = 3 };

static void changes_and_reads_at_once_end_where_they_must(void **state)
{
	(void)state;
	struct served served;
	struct client writers[WRITERS], reader;
	struct response response = {.body = {.at = NULL}};
	begin_served(&served);
	create(&served.fixture, A_TEST);
	uint64_t first = revision_now(&served.fixture);
	client_open(&reader, &served.fixture);
	for (unsigned i = 0; i < WRITERS; i++)
		client_open(&writers[i], &served.fixture);
	for (unsigned round = 0; round < ROUNDS; round++) {
		for (unsigned i = 0; i < WRITERS; i++) {
			struct text request = {0};
			char body[32];
			/* Each one is a change: no two numbers in a row are alike. */
			snprintf(body, sizeof(body), "{\"request_body_max\":%u}",
			        1000 + round * WRITERS + i);
			text_addf(&request,
			        "PATCH /api/v1/domains/a.test HTTP/1.1\r\nHost: "
			        "x\r\n%sContent-Type: application/json\r\nContent-Length: "
			        "%zu\r\n\r\n%s",
			        bearer(served.admin), strlen(body), body);
			client_say(&writers[i], text_c(&request));
			text_done(&request);
		}
		assert_int_equal(ask_on(&reader, &response, "GET /api/v1/domains/a.test",
		                         bearer(served.viewer), NULL),
		        200);
		for (unsigned i = 0; i < WRITERS; i++) {
			read_response(&writers[i], HTTP_GET, &response);
			assert_int_equal(response.head.status, 200);
		}
	}
	expect_unchanged(&served.fixture, first + ROUNDS * WRITERS);
	response_done(&response);
	client_close(&reader);
	for (unsigned i = 0; i < WRITERS; i++)
		client_close(&writers[i]);
	end_served(&served);
}

/* ---- streams of events ---- */

/* Begins to listen; returns when the first event is there. */
static void listen_to(struct served *served, struct client *client)
{
	client_open(client, &served->fixture);
	client_say(client, "GET /api/v1/events HTTP/1.1\r\nHost: x\r\n");
	client_say(client, bearer(served->viewer));
	client_say(client, "\r\n");
	turn_until(client, strstr(text_c(&client->got), "event: begin\ndata: {") != NULL);
	expect_text(text_c(&client->got), "Content-Type: text/event-stream\r\n");
	expect_text(text_c(&client->got), "Transfer-Encoding: chunked\r\n");
}

static void events_come_as_they_happen(void **state)
{
	(void)state;
	struct served served;
	struct client one, two;
	struct response response = {.body = {.at = NULL}};
	begin_served(&served);
	struct control_events *events = control_exchanges_events(served.exchanges);
	listen_to(&served, &one);
	control_events_tell(events, "x", STR("1"));
	listen_to(&served, &two);
	control_events_tell(events, "x", STR("2"));
	turn_until(&one, strstr(text_c(&one.got), "event: x\ndata: 2\n\n") != NULL);
	turn_until(&two, strstr(text_c(&two.got), "event: x\ndata: 2\n\n") != NULL);
	expect_text(text_c(&one.got), "event: x\ndata: 1\n\n");
	expect_no_text(text_c(&two.got), "data: 1");
	/* Who leaves, leaves. */
	client_reset(&one);
	client_close(&one);
	turn_until(&two, control_events_count(events) == 1);
	/* A drain ends them as answers end. */
	control_events_tell(events, "x", STR("3"));
	control_exchanges_drain(served.exchanges);
	read_response(&two, HTTP_GET, &response);
	assert_true(response.is_whole);
	assert_true(str_has_suffix(text_str(&response.body), STR("event: x\ndata: 3\n\n")));
	assert_int_equal(control_events_count(events), 0);
	response_done(&response);
	client_close(&two);
	end_served(&served);
}

static void a_stream_that_is_not_read_is_broken_off(void **state)
{
	(void)state;
	struct served served;
	struct client client;
	struct text data = {0};
	begin_served(&served);
	struct control_events *events = control_exchanges_events(served.exchanges);
	listen_to(&served, &client);
	client.is_paused = true;
	text_addf(&data, "\"%0*u\"", LIMIT_EVENT_BYTES / 4, 0);
	for (unsigned i = 0; i < 400 && control_events_count(events) != 0; i++) {
		control_events_tell(events, "x", text_str(&data));
		turn(&client, 1);
	}
	assert_int_equal(control_events_count(events), 0);
	text_done(&data);
	client_close(&client);
	end_served(&served);
}

static void there_are_so_many_streams_and_the_end_ends_them(void **state)
{
	(void)state;
	static struct client clients[LIMIT_EVENT_STREAMS];
	struct served served;
	begin_served(&served);
	for (unsigned i = 0; i < LIMIT_EVENT_STREAMS; i++)
		listen_to(&served, &clients[i]);
	expect_once(&served, 503, "GET /api/v1/events", bearer(served.viewer), NULL,
	        "/problems/overloaded");
	expect_once(&served, 200, "HEAD /api/v1/events", bearer(served.viewer), NULL,
	        "Content-Type: text/event-stream\r\n");
	end_loop(&served);
	for (unsigned i = 0; i < LIMIT_EVENT_STREAMS; i++)
		client_close(&clients[i]);
	fixture_done(&served.fixture);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(a_request_finds_its_operation_or_is_told),
	        cmocka_unit_test(who_shows_what_is_known_is_somebody),
	        cmocka_unit_test(each_route_is_for_its_role),
	        cmocka_unit_test(a_session_needs_what_its_page_knows),
	        cmocka_unit_test(who_must_change_the_password_may_do_nothing_else),
	        cmocka_unit_test(bodies_are_of_their_type_and_not_too_large),
	        cmocka_unit_test(how_large_a_body_may_be_is_the_routes_matter),
	        cmocka_unit_test(a_body_may_come_in_pieces),
	        cmocka_unit_test(a_connection_serves_many_requests),
	        cmocka_unit_test(without_a_store_the_rest_is_answered),
	        cmocka_unit_test(a_disk_that_hangs_holds_up_nobody_else),
	        cmocka_unit_test(no_more_than_so_many_wait_for_a_lane),
	        cmocka_unit_test(a_client_may_leave_at_any_step),
	        cmocka_unit_test(the_end_waits_for_what_runs),
	        cmocka_unit_test(a_drain_ends_idle_connections),
	        cmocka_unit_test(a_listener_that_cannot_be_watched_is_told),
	        cmocka_unit_test(changes_and_reads_at_once_end_where_they_must),
	        cmocka_unit_test(events_come_as_they_happen),
	        cmocka_unit_test(a_stream_that_is_not_read_is_broken_off),
	        cmocka_unit_test(there_are_so_many_streams_and_the_end_ends_them),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
