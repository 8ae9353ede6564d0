/* Certificates by the API: shown without keys, put, refused, taken away, in the history. */
#include "certificate_body.h"
#include "fixture.h"

#define ALL "/api/v1/certificates"
#define ONE "/api/v1/certificates/one"
#define NEW "If-None-Match: *\r\n"
#define ANY "If-Match: *\r\n"

static const struct wanted WANTED = {.subject = "x", .names = "DNS:a.test,DNS:*.b.test"};

/* Puts one of a body that is made for this. */
static void put(struct fixture *fixture, unsigned status, const char *target,
        const struct wanted *wanted, const char *fields)
{
	struct text body = {0};
	add_certificate_body(&body, wanted, false);
	expect(fixture, status, "PUT", target, text_c(&body), fields);
	expect_no_text(body_of(fixture), "PRIVATE");
	text_done(&body);
}

static void one_is_put_shown_and_taken_away(void **state)
{
	(void)state;
	struct fixture fixture;
	fixture_init(&fixture);
	expect(&fixture, 200, "GET", ALL, NULL, NULL);
	assert_string_equal(body_of(&fixture), "{\"items\":[],\"revision\":0}");
	put(&fixture, 201, ONE, &WANTED, NEW);
	expect_body(&fixture, "{\"name\":\"one\",\"revision\":1,\"days_left\":0,\"names\":["
	                      "\"a.test\",\"*.b.test\"],\"kind\":\"ECDSA\",\"issuer\":\"CN=x\",");
	expect_body(&fixture, "\"certificate\":\"-----BEGIN CERTIFICATE-----\\n");
	expect_text(fields_of(&fixture), "ETag: \"1\"\r\n");
	expect(&fixture, 200, "GET", ONE, NULL, NULL);
	expect_text(fields_of(&fixture), "ETag: \"1\"\r\n");
	expect_no_text(body_of(&fixture), "PRIVATE");
	expect(&fixture, 200, "GET", ALL, NULL, NULL);
	expect_body(&fixture, "\"name\":\"one\",\"revision\":1,");
	expect_no_text(body_of(&fixture), "BEGIN CERTIFICATE");
	put(&fixture, 200, ONE, &WANTED, "If-Match: \"1\"\r\n");
	expect_text(fields_of(&fixture), "ETag: \"2\"\r\n");
	expect(&fixture, 204, "DELETE", ONE, NULL, "If-Match: \"2\"\r\n");
	expect(&fixture, 404, "GET", ONE, NULL, NULL);
	expect_problem(&fixture, "no-such-certificate");
	expect(&fixture, 200, "GET", ALL, NULL, NULL);
	assert_string_equal(body_of(&fixture), "{\"items\":[],\"revision\":3}");
	/* They are no domains. */
	assert_int_equal(fixture.told, 0);
	assert_int_equal(revision_now(&fixture), 0);
	fixture_done(&fixture);
}

static void days_are_told_as_they_go_by(void **state)
{
	(void)state;
	static const struct wanted LONG = {
	        .subject = "x", .names = "DNS:a.test", .until_s = 10 * 86400 + 60};
	struct fixture fixture;
	fixture_init(&fixture);
	put(&fixture, 201, ONE, &LONG, NEW);
	expect_body(&fixture, "\"days_left\":10,");
	fixture.now_ms = clock_wall_ms() + UINT64_C(10) * 86400000;
	expect(&fixture, 200, "GET", ONE, NULL, NULL);
	expect_body(&fixture, "\"days_left\":0,");
	fixture.now_ms += UINT64_C(2) * 86400000;
	expect(&fixture, 200, "GET", ALL, NULL, NULL);
	expect_body(&fixture, "\"days_left\":-2,");
	fixture_done(&fixture);
}

static void the_version_is_said_and_right(void **state)
{
	(void)state;
	struct fixture fixture;
	fixture_init(&fixture);
	put(&fixture, 428, ONE, &WANTED, NULL);
	expect_problem(&fixture, "precondition-required");
	put(&fixture, 412, ONE, &WANTED, ANY);
	put(&fixture, 400, ONE, &WANTED, "If-None-Match: \"5\"\r\n");
	expect(&fixture, 404, "DELETE", ONE, NULL, ANY);
	put(&fixture, 201, ONE, &WANTED, NEW);
	put(&fixture, 412, ONE, &WANTED, NEW);
	expect_problem(&fixture, "precondition-failed");
	expect_body(&fixture, ",\"revision\":1}");
	expect_text(fields_of(&fixture), "ETag: \"1\"\r\n");
	put(&fixture, 412, ONE, &WANTED, "If-Match: \"7\"\r\n");
	expect(&fixture, 428, "DELETE", ONE, NULL, NULL);
	expect(&fixture, 412, "DELETE", ONE, NULL, "If-Match: \"7\"\r\n");
	put(&fixture, 200, ONE, &WANTED, ANY);
	fixture_done(&fixture);
}

static void what_cannot_be_shown_is_refused_with_its_place(void **state)
{
	(void)state;
	struct fixture fixture;
	struct text body = {0};
	fixture_init(&fixture);
	add_certificate_body(&body, &WANTED, true);
	expect(&fixture, 422, "PUT", ONE, text_c(&body), NEW);
	expect_body(&fixture, "{\"pointer\":\"/key\",\"rule\":\"match\",");
	expect(&fixture, 422, "PUT", ONE, "{\"certificate\":\"x\",\"key\":\"y\"}", NEW);
	expect_body(&fixture, "{\"pointer\":\"/certificate\",\"rule\":\"pem\",");
	expect(&fixture, 422, "PUT", ONE, "{\"certificate\":\"x\"}", NEW);
	expect_body(&fixture, "{\"pointer\":\"/key\",\"rule\":\"missing\",");
	expect(&fixture, 400, "PUT", ONE, "{", NEW);
	put(&fixture, 400, ALL "/Upper", &WANTED, NEW);
	put(&fixture, 400, ALL "/%2e%2e", &WANTED, NEW);
	expect(&fixture, 200, "GET", ALL, NULL, NULL);
	assert_string_equal(body_of(&fixture), "{\"items\":[],\"revision\":0}");
	text_done(&body);
	fixture_done(&fixture);
}

static void a_dry_run_only_tells(void **state)
{
	(void)state;
	struct fixture fixture;
	fixture_init(&fixture);
	put(&fixture, 200, ONE "?dry_run=1", &WANTED, NEW);
	expect_body(&fixture, "{\"dry_run\":true,\"changes\":[{\"name\":\"one\",\"what\":"
	                      "\"created\",\"diff\":[\"names: none -> a.test, *.b.test\",");
	put(&fixture, 201, ONE, &WANTED, NEW);
	put(&fixture, 200, ONE "?dry_run=1", &WANTED, ANY);
	expect_body(&fixture, "\"what\":\"changed\",\"diff\":[");
	expect_body(&fixture, "fingerprint: ");
	expect(&fixture, 200, "DELETE", ONE "?dry_run=1", NULL, ANY);
	expect_body(&fixture, "\"what\":\"removed\",\"diff\":[");
	expect(&fixture, 200, "GET", ONE, NULL, NULL);
	expect_body(&fixture, "\"revision\":1,");
	fixture_done(&fixture);
}

static void the_history_has_them_without_keys(void **state)
{
	(void)state;
	struct fixture fixture;
	fixture_init(&fixture);
	put(&fixture, 201, ONE, &WANTED, NEW);
	put(&fixture, 200, ONE, &WANTED, ANY);
	expect(&fixture, 204, "DELETE", ONE, NULL, ANY);
	expect(&fixture, 200, "GET", "/api/v1/history", NULL, NULL);
	expect_body(&fixture, "\"of\":\"certificate\",\"name\":\"one\",\"who\":\"ada\",\"action\":"
	                      "\"certificate.delete\",\"what\":\"removed\",\"diff\":[");
	expect_body(&fixture, "\"action\":\"certificate.replace\",\"what\":\"changed\",\"diff\":[");
	expect_body(&fixture, "\"action\":\"certificate.create\",\"what\":\"created\",\"diff\":["
	                      "\"names: none -> a.test, *.b.test\",");
	expect_no_text(body_of(&fixture), "PRIVATE");
	fixture_done(&fixture);
}

static void where_a_file_manages_the_domains_they_are_changed(void **state)
{
	(void)state;
	struct fixture fixture;
	fixture_init(&fixture);
	fixture.plane.file = "/domains.yaml";
	put(&fixture, 201, ONE, &WANTED, NEW);
	expect(&fixture, 204, "DELETE", ONE, NULL, ANY);
	fixture_done(&fixture);
}

static void what_the_store_refuses_is_told_and_not_made(void **state)
{
	(void)state;
	struct fixture fixture;
	fixture_init(&fixture);
	struct store *store = atomic_exchange(&fixture.plane.store, NULL);
	expect(&fixture, 503, "GET", ALL, NULL, NULL);
	expect(&fixture, 503, "GET", ONE, NULL, NULL);
	expect_problem(&fixture, "store-unavailable");
	atomic_store(&fixture.plane.store, store);
	assert_int_equal(unlink(fixture.place.path), 0);
	put(&fixture, 503, ONE, &WANTED, NEW);
	expect(&fixture, 404, "GET", ONE, NULL, NULL);
	fixture_done(&fixture);
}

static void there_are_not_more_than_there_may_be(void **state)
{
	(void)state;
	struct fixture fixture;
	struct text body = {0};
	char target[64];
	fixture_init(&fixture);
	add_certificate_body(&body, &WANTED, false);
	for (unsigned i = 0; i < LIMIT_CERTIFICATES; i++) {
		snprintf(target, sizeof(target), ALL "/c%u", i);
		expect(&fixture, 201, "PUT", target, text_c(&body), NEW);
	}
	expect(&fixture, 409, "PUT", ONE, text_c(&body), NEW);
	expect_problem(&fixture, "too-many");
	/* One that is there may be another. */
	expect(&fixture, 200, "PUT", target, text_c(&body), ANY);
	expect(&fixture, 204, "DELETE", target, NULL, ANY);
	expect(&fixture, 201, "PUT", ONE, text_c(&body), NEW);
	text_done(&body);
	fixture_done(&fixture);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(one_is_put_shown_and_taken_away),
	        cmocka_unit_test(days_are_told_as_they_go_by),
	        cmocka_unit_test(the_version_is_said_and_right),
	        cmocka_unit_test(what_cannot_be_shown_is_refused_with_its_place),
	        cmocka_unit_test(a_dry_run_only_tells),
	        cmocka_unit_test(the_history_has_them_without_keys),
	        cmocka_unit_test(where_a_file_manages_the_domains_they_are_changed),
	        cmocka_unit_test(what_the_store_refuses_is_told_and_not_made),
	        cmocka_unit_test(there_are_not_more_than_there_may_be),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
