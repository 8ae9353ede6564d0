/* Which operation a method and a path lead to, and who may ask for each. */
#include "fixture.h"

static void a_path_and_a_method_lead_to_an_operation(void **state)
{
	(void)state;
	static const struct {
		enum http_method method;
		const char *path, *id, *name;
	} ROWS[] = {
	        {HTTP_POST, "/api/v1/login", "accounts_login", NULL},
	        {HTTP_GET, "/api/v1/domains", "domains_list", NULL},
	        {HTTP_HEAD, "/api/v1/domains", "domains_list", NULL},
	        {HTTP_POST, "/api/v1/domains", "domains_create", NULL},
	        {HTTP_GET, "/api/v1/domains/a.test", "domains_read", "a.test"},
	        {HTTP_PUT, "/api/v1/domains/a.test", "domains_replace", "a.test"},
	        {HTTP_PATCH, "/api/v1/domains/%2a.test", "domains_patch", "%2a.test"},
	        {HTTP_DELETE, "/api/v1/domains/a%2fb", "domains_delete", "a%2fb"},
	        {HTTP_POST, "/api/v1/domains/a.test/switch", "domains_switch", "a.test"},
	        {HTTP_POST, "/api/v1/domains/switch/switch", "domains_switch", "switch"},
	        {HTTP_GET, "/api/v1/domains/{}/history", "history_of", "{}"},
	        {HTTP_GET, "/api/v1/history", "history_list", NULL},
	        {HTTP_PATCH, "/api/v1/users/ada", "users_change", "ada"},
	        {HTTP_DELETE, "/api/v1/tokens/7", "tokens_delete", "7"},
	        {HTTP_GET, "/healthz", "status_health", NULL},
	};
	for (size_t i = 0; i < ARRAY_LENGTH(ROWS); i++) {
		const struct control_route *route = NULL;
		struct str names[CONTROL_ROUTE_NAMES];
		assert_int_equal(
		        control_route_find(ROWS[i].method, str_of(ROWS[i].path), &route, names),
		        CONTROL_FOUND);
		assert_string_equal(route->id, ROWS[i].id);
		assert_true(str_is_equal(names[0], str_of(ROWS[i].name)));
		assert_null(names[1].at);
	}
}

static void other_paths_lead_nowhere(void **state)
{
	(void)state;
	static const char *const PATHS[] = {
	        "",
	        "/",
	        "/api",
	        "/api/v1",
	        "/api/v1/",
	        "api/v1/domains",
	        "//api/v1/domains",
	        "/api//v1/domains",
	        "/api/v1/domains/",
	        "/api/v1/domains//",
	        "/api/v1/domains//switch",
	        "/api/v1/domains/a.test/",
	        "/api/v1/domains/a.test/switch/",
	        "/api/v1/domains/a.test/nothing",
	        "/api/v1/Domains",
	        "/api/v1/domain",
	        "/api/v1/domainss",
	        "/api/v2/domains",
	        "/healthz/",
	        "/healthz2",
	        "/api/v1/../v1/domains",
	        "*",
	};
	for (size_t i = 0; i < ARRAY_LENGTH(PATHS); i++) {
		const struct control_route *route = NULL;
		struct str names[CONTROL_ROUTE_NAMES];
		if (control_route_find(HTTP_GET, str_of(PATHS[i]), &route, names) !=
		        CONTROL_NO_PATH)
			fail_msg("%s leads to %s", PATHS[i], route->id);
		assert_null(route);
	}
}

static void other_methods_are_told_those_that_there_are(void **state)
{
	(void)state;
	static const struct {
		enum http_method method;
		const char *path, *allowed;
	} ROWS[] = {
	        {HTTP_GET, "/api/v1/login", "POST, OPTIONS"},
	        {HTTP_HEAD, "/api/v1/login", "POST, OPTIONS"},
	        {HTTP_OPTIONS, "/api/v1/domains", "GET, HEAD, POST, OPTIONS"},
	        {HTTP_DELETE, "/api/v1/domains", "GET, HEAD, POST, OPTIONS"},
	        {HTTP_POST, "/api/v1/domains/a.test", "GET, HEAD, PUT, PATCH, DELETE, OPTIONS"},
	        {HTTP_OTHER, "/api/v1/domains/a.test", "GET, HEAD, PUT, PATCH, DELETE, OPTIONS"},
	        {HTTP_DELETE, "/api/v1/domains/a.test/origin", "GET, HEAD, PUT, PATCH, OPTIONS"},
	        {HTTP_GET, "/api/v1/tokens/1", "DELETE, OPTIONS"},
	};
	for (size_t i = 0; i < ARRAY_LENGTH(ROWS); i++) {
		const struct control_route *route = NULL;
		struct str names[CONTROL_ROUTE_NAMES];
		struct text allowed = {0};
		assert_int_equal(
		        control_route_find(ROWS[i].method, str_of(ROWS[i].path), &route, names),
		        CONTROL_NO_METHOD);
		control_route_add_allowed(route, &allowed);
		assert_string_equal(text_c(&allowed), ROWS[i].allowed);
		text_done(&allowed);
	}
}

static void each_route_is_found_and_no_two_are_alike(void **state)
{
	(void)state;
	const struct control_route *route, *other;
	for (size_t i = 0; (route = control_route_at(i)) != NULL; i++) {
		struct str names[CONTROL_ROUTE_NAMES];
		assert_int_equal(control_route_find(route->method, route->path, &other, names),
		        CONTROL_FOUND);
		assert_ptr_equal(other, route);
		assert_non_null(route->run);
		assert_true(strlen(control_route_method(route)) >= 3);
		assert_true(strlen(route->words) > 0);
	}
	assert_null(control_route_at(10000));
}

/* The contract: who reads may be a viewer, and who changes domains is no less than an operator. */
static void who_may_is_as_the_contract_says(void **state)
{
	(void)state;
	static const struct {
		const char *id;
		enum control_role role;
	} ROWS[] = {
	        {"accounts_login", CONTROL_NOBODY},
	        {"status_openapi", CONTROL_NOBODY},
	        {"status_health", CONTROL_NOBODY},
	        {"accounts_whoami", CONTROL_CHANGING},
	        {"accounts_password", CONTROL_CHANGING},
	        {"accounts_logout", CONTROL_CHANGING},
	        {"tokens_create", CONTROL_VIEWER},
	        {"tokens_delete", CONTROL_VIEWER},
	        {"domains_switch", CONTROL_OPERATOR},
	        {"domains_weight", CONTROL_OPERATOR},
	        {"domains_back", CONTROL_OPERATOR},
	        {"purges_create", CONTROL_OPERATOR},
	};
	const struct control_route *route;
	unsigned seen = 0;
	for (size_t i = 0; (route = control_route_at(i)) != NULL; i++) {
		bool is_read = route->method == HTTP_GET;
		enum control_role expected = is_read ? CONTROL_VIEWER : CONTROL_ADMIN;
		if (strncmp(route->id, "users_", 6) == 0)
			expected = CONTROL_ADMIN;
		for (size_t j = 0; j < ARRAY_LENGTH(ROWS); j++) {
			if (strcmp(ROWS[j].id, route->id) != 0)
				continue;
			expected = ROWS[j].role;
			seen++;
		}
		if (route->role != expected)
			fail_msg("%s: %d", route->id, route->role);
		/* What changes asks the store, and changes of domains can be tried. */
		assert_true(is_read || route->lane != CONTROL_MEMORY);
		/* What only reads the store, and may read much, holds no change up. */
		assert_false(is_read && route->lane == CONTROL_DISK);
		assert_false(!is_read && route->lane == CONTROL_READ);
		if (!is_read && (strstr(route->path.at, "/domains") || strstr(route->id, "apply")))
			expect_text(route->queries, "dry_run");
	}
	assert_int_equal(seen, ARRAY_LENGTH(ROWS));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(a_path_and_a_method_lead_to_an_operation),
	        cmocka_unit_test(other_paths_lead_nowhere),
	        cmocka_unit_test(other_methods_are_told_those_that_there_are),
	        cmocka_unit_test(each_route_is_found_and_no_two_are_alike),
	        cmocka_unit_test(who_may_is_as_the_contract_says),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
