/*
 * A control plane for tests: a store in a folder of its own, domains, and requests that find their
 * routes and are run on this thread, as whoever the test says.
 */
#pragma once

#include "base/clock.h"
#include "base/hash.h"
#include "base/mem.h"
#include "control/call.h"
#include "store/stores.h"

struct fixture {
	struct control_domains_sink sink;
	struct place place;
	struct control_plane plane;
	/* what the sink was told */
	unsigned told;
	uint64_t told_revision;
	/* who asks, and the answer to the last request */
	struct store_pass caller;
	const char *secret;
	uint64_t now_ms; /* 0: the clock's */
	struct address client;
	struct control_answer answer;
};

static const char A_TEST[] = "{\"name\":\"a.test\",\"origin\":{\"addresses\":[\"192.0.2.1\"]}}";
static const char B_TEST[] = "{\"name\":\"b.test\",\"origin\":{\"addresses\":[\"192.0.2.1\"]},"
                             "\"backup\":{\"addresses\":[\"192.0.2.2\"]}}";

UNUSED static void on_told(struct control_domains_sink *sink, const struct model_change *changes,
        size_t count, uint64_t revision)
{
	struct fixture *fixture = container_of(sink, struct fixture, sink);
	assert_true(count > 0);
	assert_non_null(changes[0].name);
	fixture->told++;
	fixture->told_revision = revision;
}

UNUSED static void ask_as(struct fixture *fixture, const char *account, enum store_role role)
{
	fixture->caller = (struct store_pass){.id = 1, .role = role, .is_session = true};
	snprintf(fixture->caller.account, sizeof(fixture->caller.account), "%s", account);
}

UNUSED static void fixture_init(struct fixture *fixture)
{
	*fixture = (struct fixture){.sink = {.on_changes = on_told}};
	hash_init();
	place_init(&fixture->place);
	control_plane_init(&fixture->plane, &fixture->sink);
	atomic_store(&fixture->plane.store, open_good(&fixture->place));
	assert_true(address_parse(STR("192.0.2.77:1000"), &fixture->client));
	ask_as(fixture, "ada", STORE_ADMIN);
}

UNUSED static struct store *fixture_store(struct fixture *fixture)
{
	return atomic_load(&fixture->plane.store);
}

UNUSED static void fixture_done(struct fixture *fixture)
{
	store_close(fixture_store(fixture));
	control_plane_done(&fixture->plane);
	text_done(&fixture->answer.body);
	text_done(&fixture->answer.fields);
	place_done(&fixture->place);
}

/* ---- requests ---- */

/* The head of a request, in the arena. */
UNUSED static void make_head(
        struct control_call *call, const char *method, const char *target, const char *fields)
{
	static const struct http_head_limits LIMITS = {
	        .head_bytes = 16384, .target_bytes = 8192, .fields = 64};
	size_t scanned = 0;
	enum fault fault;
	struct str bytes = arena_printf(&call->arena, "%s %s HTTP/1.1\r\nHost: api.test\r\n%s\r\n",
	        method, target, fields == NULL ? "" : fields);
	call->head.capacity = 64;
	call->head.fields = arena_alloc(&call->arena, 64 * sizeof(struct http_field));
	assert_int_equal(http_head_parse_request(bytes, &scanned, &LIMITS, &call->head, &fault),
	        HTTP_PARSE_DONE);
	call->head.base = bytes.at;
}

/* A request up to where its operation runs. */
UNUSED static void begin_call(struct fixture *fixture, struct control_call *call,
        const char *method, const char *target, const char *body, const char *fields)
{
	*call = (struct control_call){
	        .plane = &fixture->plane,
	        .caller = fixture->caller,
	        .secret = str_of(fixture->secret),
	        .client = fixture->client,
	        .now_ms = fixture->now_ms != 0 ? fixture->now_ms : clock_wall_ms(),
	};
	struct str query = str_of(target), path = str_cut(&query, '?'), why;
	arena_init(&call->arena, NULL, 0);
	make_head(call, method, target, fields);
	assert_int_equal(control_route_find((enum http_method)call->head.method, path, &call->route,
	                         call->names),
	        CONTROL_FOUND);
	for (unsigned i = 0; i < CONTROL_ROUTE_NAMES; i++)
		assert_true(control_query_decode(
		        &call->arena, call->names[i], CONTROL_QUERY_SEGMENT, &call->names[i]));
	if (!control_query_read(&call->arena, query, call->route->queries, &call->query, &why))
		fail_msg("%s: %.*s", target, STR_ARG(why));
	if (body != NULL)
		text_add(&call->body, str_of(body));
}

/* Takes the answer out of it. */
UNUSED static void end_call(struct fixture *fixture, struct control_call *call)
{
	text_done(&fixture->answer.body);
	text_done(&fixture->answer.fields);
	fixture->answer = call->answer;
	text_done(&call->body);
	arena_reset(&call->arena);
}

/* Asks; the answer's status, and all of it in fixture->answer. */
UNUSED static unsigned ask_for(struct fixture *fixture, const char *method, const char *target,
        const char *body, const char *fields)
{
	struct control_call call;
	begin_call(fixture, &call, method, target, body, fields);
	call.route->run(&call);
	end_call(fixture, &call);
	return fixture->answer.status;
}

UNUSED static const char *body_of(const struct fixture *fixture)
{
	return text_c(&fixture->answer.body);
}

UNUSED static const char *fields_of(const struct fixture *fixture)
{
	return text_c(&fixture->answer.fields);
}

UNUSED static void expect_text(const char *where, const char *what)
{
	if (strstr(where, what) == NULL)
		fail_msg("no %s in %s", what, where);
}

UNUSED static void expect_no_text(const char *where, const char *what)
{
	if (strstr(where, what) != NULL)
		fail_msg("%s in %s", what, where);
}

/* The body has the text. */
UNUSED static void expect_body(const struct fixture *fixture, const char *what)
{
	expect_text(body_of(fixture), what);
}

UNUSED static void expect_status(
        const struct fixture *fixture, unsigned status, const char *method, const char *target)
{
	if (fixture->answer.status != status)
		fail_msg("%s %s: %u and not %u: %s", method, target, fixture->answer.status, status,
		        body_of(fixture));
}

/* Asks for what must be answered with the status. */
UNUSED static void expect(struct fixture *fixture, unsigned status, const char *method,
        const char *target, const char *body, const char *fields)
{
	ask_for(fixture, method, target, body, fields);
	expect_status(fixture, status, method, target);
}

/* The answer is this problem, with the status that it has. */
UNUSED static void expect_problem(const struct fixture *fixture, const char *name)
{
	char type[96];
	snprintf(type, sizeof(type), "{\"type\":\"/problems/%s\",", name);
	expect_body(fixture, type);
	assert_string_equal(fixture->answer.media, "application/problem+json");
	snprintf(type, sizeof(type), "\"status\":%u,", fixture->answer.status);
	expect_body(fixture, type);
}

/* ---- what there is ---- */

UNUSED static uint64_t revision_now(struct fixture *fixture)
{
	struct model_snapshot *now = control_domains_now(fixture->plane.domains);
	uint64_t revision = model_snapshot_revision(now);
	model_snapshot_unref(now);
	return revision;
}

UNUSED static size_t count_now(struct fixture *fixture)
{
	struct model_snapshot *now = control_domains_now(fixture->plane.domains);
	size_t count = model_snapshot_count(now);
	model_snapshot_unref(now);
	return count;
}

/* The domain as it is; the caller's reference; NULL: there is none. */
UNUSED static struct model_domain *domain_now(struct fixture *fixture, const char *name)
{
	struct model_snapshot *now = control_domains_now(fixture->plane.domains);
	struct model_domain *domain = model_snapshot_get(now, str_of(name));
	if (domain != NULL)
		model_domain_ref(domain);
	model_snapshot_unref(now);
	return domain;
}

/* Nothing was changed since the revision, neither here nor in the store. */
UNUSED static void expect_unchanged(struct fixture *fixture, uint64_t revision)
{
	struct known known;
	assert_int_equal(revision_now(fixture), revision);
	assert_int_equal(read_known(fixture_store(fixture), 0, &known), STORE_DONE);
	assert_int_equal(known.revision, revision);
}

/* Makes a domain of its JSON. */
UNUSED static void create(struct fixture *fixture, const char *json)
{
	expect(fixture, 201, "POST", "/api/v1/domains", json, NULL);
}

/* Adds an account with a password that is its name four times over. */
UNUSED static void add_account(struct fixture *fixture, const char *name, enum store_role role)
{
	char password[256];
	snprintf(password, sizeof(password), "%s-%s-%s-%s", name, name, name, name);
	assert_int_equal(store_accounts_add(fixture_store(fixture), str_of(name), role,
	                         str_of(password), false),
	        STORE_DONE);
}
