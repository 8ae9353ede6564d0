/* The certificates in memory: as they are in the store, in their order, told to who listens. */
#include "certificate_body.h"
#include "fixture.h"

#include "control/certificates.h"

static const struct store_note NOTE = {.who = {"ada", 3}, .action = {"certificate.create", 18}};

struct heard {
	struct control_certificates_sink sink;
	unsigned count;
	uint64_t revision;
	size_t members;
};

static void on_list(struct control_certificates_sink *sink, struct link_certificates *list)
{
	struct heard *heard = container_of(sink, struct heard, sink);
	heard->count++;
	heard->revision = link_certificates_revision(list);
	heard->members = link_certificates_count(list);
}

struct listing {
	struct control_certificate_sink sink;
	struct text text;
};

static void on_certificate(
        struct control_certificate_sink *sink, const struct control_certificate *certificate)
{
	struct text *to = &container_of(sink, struct listing, sink)->text;
	text_addf(to, "%s@%u ", certificate->name, (unsigned)certificate->revision);
	assert_true(certificate->not_after_ms > clock_wall_ms());
	assert_non_null(strstr(certificate->chain.at, "BEGIN CERTIFICATE"));
	assert_non_null(strstr(certificate->about.at, "\"fingerprint\""));
}

static void assert_listed(struct control_certificates *certificates, const char *wanted)
{
	struct listing listing = {.sink = {.on_certificate = on_certificate}};
	uint64_t revision = control_certificates_each(certificates, &listing.sink);
	text_addf(&listing.text, "@%u", (unsigned)revision);
	assert_string_equal(text_c(&listing.text), wanted);
	text_done(&listing.text);
}

/* Puts one for a name of a host, or takes it away. */
static enum store_failure put(struct fixture *fixture, const char *name, const char *host,
        uint64_t expected, uint64_t *ret_revision)
{
	struct text chain = {0}, key = {0};
	struct tls_certificate certificate;
	struct tls_certificate_trouble trouble;
	if (host == NULL)
		return control_certificates_commit(fixture->plane.certificates,
		        fixture_store(fixture), name, NULL, expected, &NOTE, ret_revision);
	struct issued leaf = issue(NULL, &(struct wanted){.subject = "x", .names = host});
	add_certificate_of(&chain, &leaf);
	add_key_of(&key, &leaf);
	assert_true(tls_certificate_read(
	        text_str(&chain), text_str(&key), (int64_t)time(NULL), &certificate, &trouble));
	enum store_failure failure = control_certificates_commit(fixture->plane.certificates,
	        fixture_store(fixture), name, &certificate, expected, &NOTE, ret_revision);
	tls_certificate_done(&certificate);
	text_done(&chain);
	text_done(&key);
	free_issued(&leaf);
	return failure;
}

static void a_change_is_in_the_store_and_then_here(void **state)
{
	(void)state;
	struct fixture fixture;
	struct heard heard = {.sink = {.on_list = on_list}};
	uint64_t revision;
	fixture_init(&fixture);
	struct control_certificates *certificates = fixture.plane.certificates;
	control_certificates_listen(certificates, &heard.sink);
	assert_listed(certificates, "@0");
	assert_int_equal(put(&fixture, "b", "DNS:b.test", 0, &revision), STORE_DONE);
	assert_int_equal(put(&fixture, "a", "DNS:a.test", 0, &revision), STORE_DONE);
	assert_int_equal(put(&fixture, "c", "DNS:c.test", 0, &revision), STORE_DONE);
	assert_int_equal(put(&fixture, "b", "DNS:bb.test", 1, &revision), STORE_DONE);
	assert_listed(certificates, "a@2 b@4 c@3 @4");
	assert_int_equal(heard.count, 4);
	assert_int_equal(heard.revision, 4);
	assert_int_equal(control_certificates_count(certificates), 3);
	/* What the store refuses has not happened. */
	assert_int_equal(put(&fixture, "b", "DNS:b.test", 1, &revision), STORE_CONFLICT);
	assert_int_equal(put(&fixture, "x", NULL, 0, &revision), STORE_ABSENT);
	assert_listed(certificates, "a@2 b@4 c@3 @4");
	assert_int_equal(heard.count, 4);
	assert_int_equal(put(&fixture, "a", NULL, 2, &revision), STORE_DONE);
	assert_listed(certificates, "b@4 c@3 @5");
	assert_int_equal(heard.members, 2);
	struct listing listing = {.sink = {.on_certificate = on_certificate}};
	assert_false(control_certificates_find(certificates, STR("a"), &listing.sink));
	assert_true(control_certificates_find(certificates, STR("c"), &listing.sink));
	assert_string_equal(text_c(&listing.text), "c@3 ");
	text_done(&listing.text);
	/* Another start has the same. */
	struct control_certificates *read = control_certificates_new();
	struct control_certificates *again = control_certificates_new();
	assert_int_equal(control_certificates_read(read, fixture_store(&fixture)), STORE_DONE);
	control_certificates_listen(again, &heard.sink);
	control_certificates_take(again, read);
	assert_listed(again, "b@4 c@3 @5");
	assert_listed(read, "@0");
	assert_int_equal(heard.revision, 5);
	control_certificates_free(read);
	control_certificates_free(again);
	control_certificates_free(NULL);
	fixture_done(&fixture);
}

static void a_name_has_its_rules(void **state)
{
	(void)state;
	static const char *const GOOD[] = {"a", "0", "www.example.com", "a-b_c.d"};
	static const char *const BAD[] = {"", "A", "-a", ".", "_a", "a b", "a/b", "\xc3\xa4", "*"};
	char long_name[LIMIT_CERTIFICATE_NAME_BYTES + 2];
	for (size_t i = 0; i < ARRAY_LENGTH(GOOD); i++)
		assert_true(control_certificates_is_name(str_of(GOOD[i])));
	for (size_t i = 0; i < ARRAY_LENGTH(BAD); i++)
		assert_false(control_certificates_is_name(str_of(BAD[i])));
	memset(long_name, 'a', sizeof(long_name));
	assert_true(
	        control_certificates_is_name(str_make(long_name, LIMIT_CERTIFICATE_NAME_BYTES)));
	assert_false(control_certificates_is_name(
	        str_make(long_name, LIMIT_CERTIFICATE_NAME_BYTES + 1)));
}

static void a_diff_has_what_differs(void **state)
{
	(void)state;
	static const struct {
		const char *before, *after, *wanted;
	} ROWS[] = {
	        {"{\"names\":[\"a\",\"b\"],\"kind\":\"RSA\"}",
	                "{\"names\":[\"a\"],\"kind\":\"RSA\"}", "[\"names: a, b -> a\"]"},
	        {"", "{\"kind\":\"RSA\",\"not_after_ms\":5}",
	                "[\"kind: none -> RSA\",\"not_after_ms: none -> 5\"]"},
	        {"{\"issuer\":\"x \\\"y\\\"\"}", "", "[\"issuer: x \\\"y\\\" -> none\"]"},
	        {"{\"kind\":\"RSA\"}", "{\"kind\":\"RSA\"}", "[]"},
	        {"nonsense", "[]", "[]"},
	};
	for (size_t i = 0; i < ARRAY_LENGTH(ROWS); i++) {
		struct text text = {0};
		control_certificates_print_diff(
		        str_of(ROWS[i].before), str_of(ROWS[i].after), &text);
		assert_string_equal(text_c(&text), ROWS[i].wanted);
		text_done(&text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(a_change_is_in_the_store_and_then_here),
	        cmocka_unit_test(a_name_has_its_rules),
	        cmocka_unit_test(a_diff_has_what_differs),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
