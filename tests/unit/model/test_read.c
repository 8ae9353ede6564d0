/* Documents of domains: what is read, and what each mistake is told with. */
#include "model/read.h"

#include "model/field.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

static const char *const EVERYTHING =
        "domains:\n"
        "  - name: Edge.test\n"
        "    status: offline\n"
        "    kind: normal\n"
        "    revision: 12\n"
        "    debug: on\n"
        "    request_body_max: 1m\n"
        "    origin:\n"
        "      type: self\n"
        "      addresses: [\"127.0.0.1:9001\", \"[::1]:9002:3\", origin.test]\n"
        "      policy: hash\n"
        "      host: www.origin.test\n"
        "      protocol: http\n"
        "      tls: {server_name: sni.test, verify: no, ca: /etc/ca.pem}\n"
        "      connect_timeout: 2s\n"
        "      head_timeout: 1500ms\n"
        "      idle_timeout: 1m\n"
        "      keepalive: 0\n"
        "      connections_max: 7\n"
        "      queue_max: 8\n"
        "      queue_s: 9\n"
        "      probe:\n"
        "        path: /health\n"
        "        interval: 5\n"
        "        timeout: 1s\n"
        "        rise: 3\n"
        "        fall: 4\n"
        "        expect: [200, 300-399]\n"
        "        body_contains: ok\n"
        "    backup:\n"
        "      addresses: 127.0.0.1:9003\n"
        "      head_timeout: 3s\n"
        "      latch: manual\n"
        "      hold_down_s: 60\n"
        "      cache_max_s: 30\n"
        "    failover: {statuses: \"500-599,!501\", attempts: 2, budget_s: 10, unsafe_methods: "
        "on}\n"
        "    detect: {statuses: [502, \"503-504\"]}\n"
        "    all_blocked: fail\n"
        "    forwarding:\n"
        "      x_forwarded_for: off\n"
        "      x_forwarded_proto: off\n"
        "      forwarded: on\n"
        "    headers: {to_origin: delete Cookie, to_client: [\"set A: b\", delete C]}\n"
        "    cache:\n"
        "      mode: off\n"
        "      ttl_default: 10m\n"
        "      ttl_statuses: [404:10s, \"301:1h\"]\n"
        "      heuristics: off\n"
        "      client_directives: off\n"
        "      set_cookie: strip\n"
        "      scheme: shared\n"
        "      query: chosen\n"
        "      query_parameters: [id, \"filter[a]\"]\n"
        "      query_sorted: on\n"
        "      ignore_case: on\n"
        "      object_max: 1g\n"
        "    stale: {if_error: 1h, while_revalidate: 5, statuses: 502, wait_ms: 200}\n"
        "    fill: {finish_bytes: 0, ahead: 16m}\n"
        "  - {name: \"*.test\", origin: {addresses: [\"127.0.0.1\"]}}\n";

static struct model_domains read_good(const char *text, enum model_rules rules)
{
	struct model_problems problems = {0};
	struct model_domains domains;
	if (!model_read_domains(str_of(text), "f", rules, &problems, &domains)) {
		struct text printed = {0};
		model_problems_print(&problems, &printed);
		fail_msg("%s", text_c(&printed));
	}
	assert_int_equal(problems.total, 0);
	model_problems_done(&problems);
	return domains;
}

static void check_headers(const struct model_domain *domain)
{
	assert_int_equal(domain->headers_to_origin->count, 1);
	assert_string_equal(domain->headers_to_origin->list[0].name, "Cookie");
	assert_int_equal(domain->headers_to_client->count, 2);
	assert_int_equal(domain->headers_to_client->list[0].action, MODEL_HEADER_SET);
	assert_string_equal(domain->headers_to_client->list[0].value, "b");
	assert_int_equal(domain->headers_to_client->list[1].action, MODEL_HEADER_DELETE);
}

static void check_cache(const struct model_cache *cache)
{
	assert_false(cache->is_on);
	assert_int_equal(cache->ttl_default_ms, 600000);
	assert_int_equal(cache->ttl_statuses.count, 2);
	assert_int_equal(cache->ttl_statuses.list[0].status, 404);
	assert_int_equal(cache->ttl_statuses.list[0].ttl_ms, 10000);
	assert_int_equal(cache->ttl_statuses.list[1].status, 301);
	assert_int_equal(cache->ttl_statuses.list[1].ttl_ms, 3600000);
	assert_false(cache->heuristics);
	assert_false(cache->client_directives);
	assert_int_equal(cache->set_cookie, MODEL_SET_COOKIE_STRIP);
	assert_int_equal(cache->query, MODEL_QUERY_CHOSEN);
	assert_int_equal(cache->scheme, MODEL_SCHEME_SHARED);
	assert_int_equal(cache->query_parameters.count, 2);
	assert_string_equal(cache->query_parameters.list[0], "id");
	assert_string_equal(cache->query_parameters.list[1], "filter[a]");
	assert_true(cache->query_sorted);
	assert_true(cache->ignore_case);
	assert_int_equal(cache->object_max, 1 << 30);
	assert_int_equal(cache->stale_if_error_ms, 3600000);
	assert_int_equal(cache->stale_while_revalidate_ms, 5000);
	assert_true(model_statuses_has(&cache->stale_statuses, 502));
	assert_false(model_statuses_has(&cache->stale_statuses, 503));
	assert_int_equal(cache->stale_wait_ms, 200);
	assert_int_equal(cache->fill_finish_bytes, 0);
	assert_int_equal(cache->fill_ahead, 16 << 20);
}

static void every_field_is_read(void **state)
{
	(void)state;
	struct model_domains domains = read_good(EVERYTHING, MODEL_CLASSIC);
	assert_int_equal(domains.count, 2);
	assert_int_equal(domains.lines[0], 2);
	assert_int_equal(domains.lines[1], 59);
	const struct model_domain *domain = domains.list[0];
	assert_string_equal(domain->name, "edge.test");
	assert_int_equal(domain->status, MODEL_OFFLINE);
	assert_int_equal(domain->revision, 12);
	assert_true(domain->debug);
	assert_int_equal(domain->request_body_max, 1 << 20);
	const struct model_origin *origin = &domain->origin;
	assert_int_equal(origin->address_count, 3);
	assert_string_equal(origin->addresses[1].host, "::1");
	assert_int_equal(origin->addresses[1].weight, 3);
	assert_false(origin->addresses[2].is_ip);
	assert_int_equal(origin->policy, MODEL_HASH);
	assert_string_equal(origin->host, "www.origin.test");
	assert_string_equal(origin->tls.server_name, "sni.test");
	assert_false(origin->tls.verify);
	assert_string_equal(origin->tls.ca, "/etc/ca.pem");
	assert_int_equal(origin->connect_timeout_ms, 2000);
	assert_int_equal(origin->head_timeout_ms, 1500);
	assert_int_equal(origin->idle_timeout_ms, 60000);
	assert_int_equal(origin->keepalive_ms, 0);
	assert_int_equal(origin->connections_max, 7);
	assert_int_equal(origin->queue_max, 8);
	assert_int_equal(origin->queue_ms, 9000);
	assert_string_equal(origin->probe.path, "/health");
	assert_int_equal(origin->probe.interval_ms, 5000);
	assert_int_equal(origin->probe.timeout_ms, 1000);
	assert_int_equal(origin->probe.rise, 3);
	assert_int_equal(origin->probe.fall, 4);
	assert_true(model_statuses_has(&origin->probe.expect, 200));
	assert_false(model_statuses_has(&origin->probe.expect, 201));
	assert_true(model_statuses_has(&origin->probe.expect, 399));
	assert_string_equal(origin->probe.body_contains, "ok");
	assert_int_equal(domain->backup->address_count, 1);
	assert_int_equal(domain->backup->head_timeout_ms, 3000);
	assert_int_equal(domain->backup->connect_timeout_ms, 5000);
	assert_int_equal(domain->latch, MODEL_LATCH_MANUAL);
	assert_int_equal(domain->hold_down_ms, 60000);
	assert_true(model_statuses_has(&domain->failover_statuses, 500));
	assert_false(model_statuses_has(&domain->failover_statuses, 501));
	assert_false(model_statuses_has(&domain->failover_statuses, 404));
	assert_int_equal(domain->failover_attempts, 2);
	assert_int_equal(domain->failover_budget_ms, 10000);
	assert_true(domain->failover_unsafe);
	assert_false(model_statuses_has(&domain->detect_statuses, 500));
	assert_true(model_statuses_has(&domain->detect_statuses, 504));
	assert_int_equal(domain->all_blocked, MODEL_ALL_BLOCKED_FAIL);
	assert_false(domain->x_forwarded_for);
	assert_false(domain->x_forwarded_proto);
	assert_true(domain->forwarded);
	assert_int_equal(domain->backup_cache_max_ms, 30000);
	check_headers(domain);
	check_cache(domain->cache);
	/* Whoever says nothing shares the defaults. */
	assert_ptr_equal(domains.list[1]->cache, model_field_defaults()->cache);
	model_domains_done(&domains);
}

static void nothing_said_is_the_default(void **state)
{
	(void)state;
	struct model_domains domains = read_good("domains:\n"
	                                         "- name: edge.test\n"
	                                         "  debug: ~\n"
	                                         "  origin: {addresses: [a], host: null, tls: }\n"
	                                         "  backup:\n",
	        MODEL_CLASSIC);
	assert_null(domains.list[0]->backup);
	assert_null(domains.list[0]->origin.host);
	model_domains_done(&domains);
	domains = read_good("domains: []", MODEL_CLASSIC);
	assert_int_equal(domains.count, 0);
	model_domains_done(&domains);
}

#define DOMAIN(rest) "domains:\n- name: edge.test\n  " rest "\n"
#define ORIGIN(rest) DOMAIN("origin:\n    addresses: [a:1]\n    " rest)
#define BUCKET       "{type: cos, bucket: {bucket: b-125, region: ap-guangzhou}}"

struct mistake {
	const char *text, *field, *rule;
	unsigned line;
	const char *words; /* a part of the message */
};

static const struct mistake MISTAKES[] = {
        {"", "", "missing", 1, "domains"},
        {"5", "", "missing", 1, "domains"},
        {"domain: []", "", "missing", 1, "domains"},
        {"domains: 5", "/domains", "type", 1, "list"},
        {"domains:\n- 5", "/domains/0", "type", 2, "mapping"},
        {"domains:\n- ~", "/domains/0", "type", 2, "mapping"},
        {"domains: []\nlisten: 80", "/listen", "unknown-field", 2, "no field of a domains file"},
        {"domains: []\ndomian: 80", "/domian", "unknown-field", 2, "did you mean \"domains\"?"},
        {"domains:\n- origin: {addresses: [a]}", "/domains/0/name", "missing", 2, "name"},
        {DOMAIN("status: online"), "/domains/0/origin/addresses", "missing", 2, "1-32"},
        {DOMAIN("origin:"), "/domains/0/origin/addresses", "missing", 3, "1-32"},
        {DOMAIN("origin: 127.0.0.1"), "/domains/0/origin", "type", 3, "mapping"},
        {ORIGIN("addresses: [b]"), "/domains/0/origin/addresses", "duplicate-field", 5, "line 4"},
        {ORIGIN("conect_timeout: 2s"), "/domains/0/origin/conect_timeout", "unknown-field", 5,
                "did you mean \"connect_timeout\"?"},
        {ORIGIN("sort: 2s"), "/domains/0/origin/sort", "unknown-field", 5, "is no field"},
        {ORIGIN("tls.verify: on"), "/domains/0/origin/tls.verify", "unknown-field", 5,
                "is no field"},
        {ORIGIN("tls: {server: a}"), "/domains/0/origin/tls/server", "unknown-field", 5,
                "no field"},
        {ORIGIN("latch: off"), "/domains/0/origin/latch", "unknown-field", 5, "backup.latch"},
        {DOMAIN("addresses: [a]\n  origin: {addresses: [a]}"), "/domains/0/addresses",
                "unknown-field", 3, "origin.addresses"},
        {ORIGIN("connect_timeout: 0.2s"), "/domains/0/origin/connect_timeout", "range", 5,
                "\"0.2s\" is not in 1s-60s"},
        {ORIGIN("connect_timeout: [2s]"), "/domains/0/origin/connect_timeout", "type", 5, "list"},
        {ORIGIN("connect_timeout: {s: 2}"), "/domains/0/origin/connect_timeout", "type", 5,
                "mapping"},
        {ORIGIN("policy: random"), "/domains/0/origin/policy", "value", 5,
                "polling|least_load|hash"},
        {ORIGIN("bucket: {secret: \"a\\nb\"}"), "/domains/0/origin/bucket/secret", "value", 5,
                "the value is not printable"},
        {ORIGIN("probe: {interval: 5}"), "/domains/0/origin/probe", "missing", 5, "path"},
        {ORIGIN("bucket: {region: x}"), "/domains/0/origin/bucket", "value", 5, "only an origin"},
        {DOMAIN("origin: {addresses: [\"a:70000\"]}"), "/domains/0/origin/addresses/0", "range", 3,
                "\"a:70000\" has a port that is not in 1-65535"},
        {DOMAIN("origin: {addresses: [\"a:80:101\"]}"), "/domains/0/origin/addresses/0", "range", 3,
                "\"a:80:101\" has a weight that is not in 0-100"},
        {DOMAIN("origin:\n    addresses:\n    - a\n    - [b]"), "/domains/0/origin/addresses/1",
                "type", 6, "text"},
        {DOMAIN("origin: {addresses: [a, Edge.Test.]}"), "/domains/0/origin/addresses/1", "loop", 3,
                "itself"},
        {"domains: [{name: \"*.edge.test\", origin: {addresses: [\"a.b.edge.test:80\"]}}]",
                "/domains/0/origin/addresses/0", "loop", 1, "itself"},
        {DOMAIN("origin: {addresses: [a]}\n  backup: {addresses: [edge.test]}"),
                "/domains/0/backup/addresses/0", "loop", 4, "itself"},
        {DOMAIN("origin: {addresses: [a], protocol: https}\n  backup: {addresses: [b]}"),
                "/domains/0/origin/protocol", "R2", 3, "origin_rules: extended"},
        {DOMAIN("origin: {addresses: [a]}\n  backup: {addresses: [b], protocol: follow}"),
                "/domains/0/backup/protocol", "R2", 4, "origin_rules: extended"},
        {DOMAIN("origin: {addresses: [a]}\n  backup: " BUCKET), "/domains/0/backup/type", "R1", 4,
                "origin_rules: extended"},
        {DOMAIN("origin: {addresses: [a]}\n  backup: {type: s3, addresses: [b]}"),
                "/domains/0/backup/type", "R1", 4, "origin_rules: extended"},
        {DOMAIN("origin: " BUCKET "\n  backup: {addresses: [b]}"), "/domains/0/backup", "R1", 4,
                "origin_rules: extended"},
        {DOMAIN("origin: {addresses: [a], tls: {key: /k.pem}}"),
                "/domains/0/origin/tls/certificate", "missing", 3, "needs the certificate"},
        {DOMAIN("origin: {addresses: [a], protocol: https, tls: {ca: ca.pem}}"),
                "/domains/0/origin/tls/ca", "value", 3, "is no absolute path"},
        {DOMAIN("origin: {addresses: [a], protocol: https, tls: {certificate: c.pem}}"),
                "/domains/0/origin/tls/certificate", "value", 3, "is no absolute path"},
        {DOMAIN("origin: {addresses: [a], protocol: https, tls: {certificate: /c.pem, key: "
                "k.pem}}"),
                "/domains/0/origin/tls/key", "value", 3, "is no absolute path"},
        {DOMAIN("origin: {type: cos, bucket: {bucket: b-125, region: r, style: path}}"),
                "/domains/0/origin/bucket/style", "value", 3, "never asked in path style"},
        {DOMAIN("origin: {type: s3, bucket: {endpoint: edge.test}}"),
                "/domains/0/origin/addresses/0", "loop", 3, "itself"},
        {DOMAIN("origin: {type: s3, host: a.test, bucket: {endpoint: b.test}}"),
                "/domains/0/origin/host", "value", 3, "its own host"},
        {DOMAIN("origin: {type: s3, bucket: {endpoint: b.test}, probe: {path: /a/../b}}"),
                "/domains/0/origin/probe/path", "value", 3, "names an object"},
        {ORIGIN("bucket: {style: path}"), "/domains/0/origin/bucket", "value", 5, "only an origin"},
        {DOMAIN("origin: {type: cos}"), "/domains/0/origin/bucket", "missing", 3, "endpoint"},
        {DOMAIN("origin: {type: s3, addresses: [a], bucket: {endpoint: b.test}}"),
                "/domains/0/origin/addresses", "value", 3, "has a bucket"},
        {DOMAIN("origin: {type: s3, bucket: {endpoint: b.test, access: private, key_id: x}}"),
                "/domains/0/origin/bucket/access", "missing", 3, "secret"},
        {DOMAIN("origin: {type: s3, bucket: {endpoint: b.test}}\n  upgrade: {protocols: "
                "[websocket]}"),
                "/domains/0/upgrade/protocols", "value", 4, "something to change to"},
        {ORIGIN("\n  upgrade: {protocols: [websocket, h2c]}"), "/domains/0/upgrade/protocols/1",
                "value", 6, "requests of its own"},
        {ORIGIN("\n  upgrade: {protocols: websocket, idle_timeout: 301s}"),
                "/domains/0/upgrade/idle_timeout", "range", 6, "1s-300s"},
        {ORIGIN("\n  cache: {query: chosen}"), "/domains/0/cache/query", "missing", 6,
                "query_parameters"},
        {ORIGIN("\n  cache: {query_parameters: [a]}"), "/domains/0/cache/query_parameters", "value",
                6, "query: chosen"},
        {ORIGIN("\n  cache: {query: chosen, query_parameters: [a, b&c]}"),
                "/domains/0/cache/query_parameters/1", "value", 6, "\"b&c\" is no name"},
        {ORIGIN("\n  cache: {ttl_statuses: [404:1s, {a: b}]}"), "/domains/0/cache/ttl_statuses/1",
                "type", 6, "text"},
        {ORIGIN("\n  cache: {ttl_statuses: [404:1s, 404:2s]}"), "/domains/0/cache/ttl_statuses/1",
                "value", 6, "in the list already"},
        {ORIGIN("\n  cache: {query_parameters: [a,b,c,d,e,f,g,h,i,j,k,l,m,n,o,p,q,r,s,t,u,v,w,x,"
                "y,z,0,1,2,3,4,5,6]}"),
                "/domains/0/cache/query_parameters", "range", 6, "0-32"},
        {ORIGIN("\n  headers: {to_client: [delete A, set B: c]}"), "/domains/0/headers/to_client/1",
                "type", 6, "needs quotes"},
        {ORIGIN("\n  headers: {to_origin: [delete A, \"set Host: b\"]}"),
                "/domains/0/headers/to_origin/1", "header", 6, "names Host, which is what"},
        {ORIGIN("\n  cache: {ttl: 1s}"), "/domains/0/cache/ttl", "unknown-field", 6, "no field"},
        {ORIGIN("\n  backup: {addresses: [b], stale: {}}"), "/domains/0/backup/stale",
                "unknown-field", 6, "no field"},
        {"domains:\n- {name: a.test, origin: {addresses: [a]}}\n"
         "- {name: b.test, origin: {addresses: [a]}}\n- {name: A.test., origin: {addresses: [a]}}",
                "/domains/2/name", "duplicate-name", 4, "in lines 2 and 4"},
};

static void each_mistake_is_told_with_its_place_and_rule(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LENGTH(MISTAKES); i++) {
		const struct mistake *mistake = &MISTAKES[i];
		struct model_problems problems = {0};
		struct model_domains domains;
		struct text printed = {0};
		if (model_read_domains(
		            str_of(mistake->text), "f", MODEL_CLASSIC, &problems, &domains))
			fail_msg("%s was read", mistake->text);
		model_problems_print(&problems, &printed);
		const struct model_problem *problem = &problems.list[0];
		bool has_second = strcmp(mistake->text, "domain: []") == 0;
		if (problems.total != (has_second ? 2 : 1) ||
		        strcmp(problem->field, mistake->field) != 0 ||
		        strcmp(problem->rule, mistake->rule) != 0 ||
		        problem->line != mistake->line ||
		        strstr(problem->message, mistake->words) == NULL)
			fail_msg("%s\n%s", mistake->text, text_c(&printed));
		text_done(&printed);
		model_problems_done(&problems);
	}
}

static void all_mistakes_are_told_at_once(void **state)
{
	(void)state;
	struct model_problems problems = {0};
	struct model_domains domains;
	struct text rules = {0};
	assert_false(model_read_domains(
	        STR("domains:\n"
	            "- name: a.test\n"
	            "  nam: b\n"
	            "  origin: {addresses: [\"x:0\", \"y:1:101\"], protocol: https}\n"
	            "  backup: {addresses: [a.test], connect_timeout: 61s}\n"
	            "- {name: a.test, origin: {}}\n"),
	        "f", MODEL_CLASSIC, &problems, &domains));
	for (unsigned i = 0; i < problems.count; i++)
		text_addf(&rules, "%u:%s ", problems.list[i].line, problems.list[i].rule);
	assert_string_equal(
	        text_c(&rules), "3:unknown-field 4:range 4:range 5:range 4:R2 5:loop 6:missing ");
	text_done(&rules);
	model_problems_done(&problems);
}

static void an_address_is_told_of_by_its_place_whatever_is_wrong_before_it(void **state)
{
	(void)state;
	struct model_problems problems = {0};
	struct model_domains domains;
	static const char *const FIELDS[] = {"/domains/0/origin/addresses/0",
	        "/domains/0/origin/addresses/1", "/domains/0/origin/addresses/2"};
	static const char *const RULES[] = {"range", "type", "loop"};
	assert_false(model_read_domains(
	        STR("domains: [{name: a.test, origin: {addresses: [\"b:70000\", [c], a.test]}}]"),
	        "f", MODEL_CLASSIC, &problems, &domains));
	assert_int_equal(problems.total, 3);
	for (unsigned i = 0; i < 3; i++) {
		assert_string_equal(problems.list[i].field, FIELDS[i]);
		assert_string_equal(problems.list[i].rule, RULES[i]);
	}
	model_problems_done(&problems);
}

static void extended_rules_allow_https_with_a_backup(void **state)
{
	(void)state;
	static const char *const ROWS[] = {
	        DOMAIN("origin: {addresses: [a], protocol: https}\n  backup: {addresses: [b]}"),
	        DOMAIN("origin: {addresses: [a]}\n  backup: {addresses: [b], protocol: follow}"),
	        DOMAIN("origin: {addresses: [a], protocol: follow}\n"
	               "  backup: {addresses: [b], protocol: https, tls: {verify: off}}"),
	};
	for (size_t i = 0; i < ARRAY_LENGTH(ROWS); i++) {
		struct model_problems problems = {0};
		struct model_domains domains;
		assert_true(model_read_domains(
		        str_of(ROWS[i]), "f", MODEL_EXTENDED, &problems, &domains));
		model_domains_done(&domains);
		assert_false(model_read_domains(
		        str_of(ROWS[i]), "f", MODEL_CLASSIC, &problems, &domains));
		assert_string_equal(problems.list[0].rule, "R2");
		model_problems_done(&problems);
	}
}

static void extended_rules_lift_r1_and_r2_only(void **state)
{
	(void)state;
	static const char *const ROWS[] = {
	        DOMAIN("origin: {addresses: [a]}\n  backup: " BUCKET),
	        DOMAIN("origin: " BUCKET "\n  backup: {addresses: [b]}"),
	};
	for (size_t i = 0; i < ARRAY_LENGTH(ROWS); i++) {
		struct model_problems problems = {0};
		struct model_domains domains;
		if (model_read_domains(str_of(ROWS[i]), "f", MODEL_EXTENDED, &problems, &domains)) {
			model_domains_done(&domains);
			continue;
		}
		assert_int_equal(problems.total, 1);
		assert_string_equal(problems.list[0].rule, "not-yet");
		model_problems_done(&problems);
	}
}

static void one_domain_is_read_from_its_node(void **state)
{
	(void)state;
	struct arena arena;
	struct model_problems problems = {0};
	struct model_node *root;
	struct model_domain *domain;
	arena_init(&arena, NULL, 0);
	assert_true(model_node_read(&arena,
	        STR("{\"name\": \"edge.test\", \"origin\": {\"addresses\": [\"a\"]}}"), NULL, NULL,
	        &problems, &root));
	assert_true(model_read_domain(root, NULL, MODEL_CLASSIC, &problems, &domain));
	assert_string_equal(domain->name, "edge.test");
	model_domain_unref(domain);
	arena_reset(&arena);
	model_problems_done(&problems);
}

/* What a patch takes away must be there; the pointer of what is not. */
static void a_patch_takes_away_what_there_is(void **state)
{
	(void)state;
	static const struct {
		struct str patch, group;
		const char *pointer;
	} ROWS[] = {
	        {STR("{}"), STR(""), NULL},
	        {STR("{\"debug\": null, \"cache\": {\"mode\": null}}"), STR(""), NULL},
	        {STR("{\"stale\": null, \"backup\": null}"), STR(""), NULL},
	        {STR("{\"tls\": null, \"host\": null}"), STR("origin"), NULL},
	        {STR("{\"debugs\": null}"), STR(""), "/debugs"},
	        {STR("{\"cache\": {\"modes\": null}}"), STR(""), "/cache/modes"},
	        {STR("{\"debug\": null}"), STR("origin"), "/debug"},
	        {STR("{\"\": null}"), STR(""), "/"},
	        {STR("{\"\": null}"), STR("origin"), "/"},
	        {STR("{\"cache\": {\"\": null}}"), STR(""), "/cache/"},
	};
	for (size_t i = 0; i < ARRAY_LENGTH(ROWS); i++) {
		struct arena arena;
		struct model_problems problems = {0};
		struct model_node *root;
		arena_init(&arena, NULL, 0);
		assert_true(model_node_read(&arena, ROWS[i].patch, NULL, NULL, &problems, &root));
		bool is_good = model_read_check_nulls(root, ROWS[i].group, &problems);
		if (is_good != (ROWS[i].pointer == NULL))
			fail_msg("%.*s", STR_ARG(ROWS[i].patch));
		if (!is_good)
			assert_string_equal(problems.list[0].field, ROWS[i].pointer);
		model_problems_done(&problems);
		arena_reset(&arena);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(every_field_is_read),
	        cmocka_unit_test(nothing_said_is_the_default),
	        cmocka_unit_test(each_mistake_is_told_with_its_place_and_rule),
	        cmocka_unit_test(all_mistakes_are_told_at_once),
	        cmocka_unit_test(an_address_is_told_of_by_its_place_whatever_is_wrong_before_it),
	        cmocka_unit_test(extended_rules_allow_https_with_a_backup),
	        cmocka_unit_test(extended_rules_lift_r1_and_r2_only),
	        cmocka_unit_test(one_domain_is_read_from_its_node),
	        cmocka_unit_test(a_patch_takes_away_what_there_is),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
