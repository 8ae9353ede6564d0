/*
 * The API as it is served: by a loop, to clients on loopback of the same thread (serve/client.h).
 */
#pragma once

#include "control/exchanges.h"

#include "fixture.h"
#include "serve/client.h"

#include <pthread.h>

/* The API as it is served. */
struct served {
	struct fixture fixture;
	struct loop *loop;
	struct control_exchanges *exchanges;
	struct control_stats_sink stats_sink;
	struct address address;
	int listener;
	char admin[STORE_SECRET_BYTES], operator[STORE_SECRET_BYTES], viewer[STORE_SECRET_BYTES];
	char session[STORE_SECRET_BYTES], csrf[CONTROL_GUARD_CSRF_BYTES];
};

static inline void fixture_turn(struct fixture *fixture, unsigned wait_ms)
{
	loop_turn(container_of(fixture, struct served, fixture)->loop, wait_ms);
}

static inline const struct address *fixture_address(const struct fixture *fixture)
{
	return &((const struct served *)fixture)->address;
}

UNUSED static void add_pass(struct served *served, const char *account, const char *label,
        enum store_role role, char *secret)
{
	uint64_t id;
	assert_int_equal(store_accounts_add_pass(fixture_store(&served->fixture), str_of(account),
	                         str_of(label), role, 0, secret, &id),
	        STORE_DONE);
}

UNUSED static void begin_loop(struct served *served)
{
	struct address any;
	served->loop = loop_new();
	served->fixture.plane.stats = control_stats_new(served->loop, &served->stats_sink);
	assert_true(address_parse(STR("127.0.0.1:0"), &any));
	served->listener = tcp_listen(&any, 512);
	assert_true(served->listener >= 0);
	assert_true(tcp_local_address(served->listener, &served->address));
	const struct control_exchanges_options options = {
	        .loop = served->loop,
	        .plane = &served->fixture.plane,
	        .listeners = &served->listener,
	        .listener_count = 1,
	};
	served->exchanges = control_exchanges_new(&options);
	assert_non_null(served->exchanges);
}

/* With one account of an admin, who has tokens of all roles, and a session. */
UNUSED static void begin_served(struct served *served)
{
	fixture_init(&served->fixture);
	add_account(&served->fixture, "ada", STORE_ADMIN);
	add_pass(served, "ada", "a", STORE_ADMIN, served->admin);
	add_pass(served, "ada", "o", STORE_OPERATOR, served->operator);
	add_pass(served, "ada", "v", STORE_VIEWER, served->viewer);
	add_pass(served, "ada", "", STORE_ADMIN, served->session);
	control_guard_csrf(str_of(served->session), served->csrf);
	begin_loop(served);
}

UNUSED static void end_loop(struct served *served)
{
	control_exchanges_free(served->exchanges);
	control_stats_free(served->fixture.plane.stats);
	close(served->listener);
	loop_turn(served->loop, 0);
	loop_free(served->loop);
}

UNUSED static void end_served(struct served *served)
{
	end_loop(served);
	fixture_done(&served->fixture);
}

/* An admin gives the account another password. */
UNUSED static void take_password(struct served *served)
{
	const struct store_account_change change = {
	        .password = STR("correct horse battery"), .must_change = true};
	assert_int_equal(
	        store_accounts_change(fixture_store(&served->fixture), STR("ada"), &change),
	        STORE_DONE);
}

/* ---- requests ---- */

/* Asks on a connection; `fields` are lines with their ends, `body` may be NULL. */
UNUSED static unsigned ask_on(struct client *client, struct response *response, const char *line,
        const char *fields, const char *body)
{
	struct text request = {0};
	text_addf(&request, "%s HTTP/1.1\r\nHost: x\r\n%s", line, fields);
	if (body != NULL)
		text_addf(&request, "Content-Length: %zu\r\n", strlen(body));
	text_addf(&request, "\r\n%s", body == NULL ? "" : body);
	client_say(client, text_c(&request));
	text_done(&request);
	read_response(client, strncmp(line, "HEAD ", 5) == 0 ? HTTP_HEAD : HTTP_GET, response);
	return response->head.status;
}

/* Asks on a connection of its own; the body is kept in `to`, behind the head as it came. */
UNUSED static unsigned ask_once(struct served *served, struct text *to, const char *line,
        const char *fields, const char *body)
{
	struct client client;
	struct response response = {.body = {.at = NULL}};
	client_open(&client, &served->fixture);
	unsigned status = ask_on(&client, &response, line, fields, body);
	text_clear(to);
	text_add(to, text_str(&client.got));
	response_done(&response);
	client_close(&client);
	return status;
}

UNUSED static void expect_once(struct served *served, unsigned status, const char *line,
        const char *fields, const char *body, const char *what)
{
	struct text got = {0};
	unsigned answered = ask_once(served, &got, line, fields, body);
	if (answered != status || strstr(text_c(&got), what) == NULL)
		fail_msg("%s: not %u with %s: %s", line, status, what, text_c(&got));
	text_done(&got);
}

/* "Authorization: Bearer …" */
UNUSED static const char *bearer(const char *secret)
{
	static char field[128];
	snprintf(field, sizeof(field), "Authorization: Bearer %s\r\n", secret);
	return field;
}
