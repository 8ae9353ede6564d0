/* A certificate as it is handed in: what is taken of it, and what is refused. */
#include "authority.h"

#include "base/limit.h"
#include "net/tls_certificate.h"

static struct issued root, between;

static int set_up(void **state)
{
	(void)state;
	root = issue(NULL, &(struct wanted){.subject = "Root", .is_authority = true});
	between = issue(&root, &(struct wanted){.subject = "Between", .is_authority = true});
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	free_issued(&root);
	free_issued(&between);
	return 0;
}

static int64_t now(void)
{
	return (int64_t)time(NULL);
}

/* What was refused: "/key match"; "" for nothing. */
static void assert_trouble(
        struct str chain, struct str key, enum tls_certificate_part part, const char *rule)
{
	struct tls_certificate certificate;
	struct tls_certificate_trouble trouble;
	assert_false(tls_certificate_read(chain, key, now(), &certificate, &trouble));
	assert_int_equal(trouble.part, part);
	assert_string_equal(trouble.rule, rule);
	assert_true(trouble.words.len > 0);
	text_done(&trouble.words);
}

static unsigned count_of(const struct text *text, const char *what)
{
	unsigned count = 0;
	for (const char *at = text_c(text); (at = strstr(at, what)) != NULL; at++)
		count++;
	return count;
}

static void a_chain_in_any_order_is_put_in_its(void **state)
{
	(void)state;
	struct issued leaf = issue(
	        &between, &(struct wanted){.subject = "x", .names = "DNS:a.test,DNS:*.B.test"});
	struct issued other = issue(&root, &(struct wanted){.subject = "y", .names = "DNS:c.test"});
	struct text chain = {0}, key = {0}, first = {0};
	struct tls_certificate certificate;
	struct tls_certificate_trouble trouble;
	text_add(&chain, STR("words before\n"));
	add_certificate_of(&chain, &root);
	add_certificate_of(&chain, &between);
	add_certificate_of(&chain, &other);
	add_certificate_of(&chain, &leaf);
	add_key_of(&key, &leaf);
	add_certificate_of(&first, &leaf);
	assert_true(tls_certificate_read(
	        text_str(&chain), text_str(&key), now(), &certificate, &trouble));
	assert_string_equal(text_c(&certificate.names), "a.test, *.b.test");
	assert_string_equal(text_c(&certificate.issuer), "CN=Between");
	assert_string_equal(certificate.kind, "ECDSA");
	assert_int_equal(strlen(certificate.fingerprint), 64);
	assert_true(certificate.not_before_s <= now() && certificate.not_after_s > now());
	/* It, and what is between it and the root. */
	assert_int_equal(count_of(&certificate.chain, "BEGIN CERTIFICATE"), 2);
	assert_memory_equal(text_c(&certificate.chain), text_c(&first), first.len);
	assert_int_equal(count_of(&certificate.key, "BEGIN PRIVATE KEY"), 1);
	/* What was taken is taken again, and is the same. */
	struct tls_certificate again;
	assert_true(tls_certificate_read(
	        text_str(&certificate.chain), text_str(&certificate.key), now(), &again, &trouble));
	assert_string_equal(text_c(&again.chain), text_c(&certificate.chain));
	assert_string_equal(text_c(&again.key), text_c(&certificate.key));
	assert_string_equal(again.fingerprint, certificate.fingerprint);
	tls_certificate_done(&again);
	tls_certificate_done(&certificate);
	text_done(&chain);
	text_done(&key);
	text_done(&first);
	free_issued(&leaf);
	free_issued(&other);
}

static void rsa_is_taken(void **state)
{
	(void)state;
	struct issued leaf = issue(
	        &root, &(struct wanted){.subject = "x", .names = "DNS:a.test", .is_rsa = true});
	struct text chain = {0}, key = {0};
	struct tls_certificate certificate;
	struct tls_certificate_trouble trouble;
	add_certificate_of(&chain, &leaf);
	add_key_of(&key, &leaf);
	assert_true(tls_certificate_read(
	        text_str(&chain), text_str(&key), now(), &certificate, &trouble));
	assert_string_equal(certificate.kind, "RSA");
	tls_certificate_done(&certificate);
	text_done(&chain);
	text_done(&key);
	free_issued(&leaf);
}

/* A certificate of these, with its own key. */
static void assert_refused(const struct wanted *wanted, const char *rule)
{
	struct issued leaf = issue(&root, wanted);
	struct text chain = {0}, key = {0};
	add_certificate_of(&chain, &leaf);
	add_key_of(&key, &leaf);
	assert_trouble(text_str(&chain), text_str(&key), TLS_CERTIFICATE_CHAIN, rule);
	text_done(&chain);
	text_done(&key);
	free_issued(&leaf);
}

static void what_nobody_could_be_shown_is_refused(void **state)
{
	(void)state;
	assert_refused(&(struct wanted){.subject = "x"}, "names");
	assert_refused(&(struct wanted){.subject = "x", .names = "IP:192.0.2.1"}, "names");
	assert_refused(
	        &(struct wanted){
	                .subject = "x", .names = "DNS:a.test", .from_s = -20, .until_s = -10},
	        "expired");
}

static void one_that_is_not_valid_yet_is_taken(void **state)
{
	(void)state;
	struct issued leaf = issue(&root,
	        &(struct wanted){
	                .subject = "x", .names = "DNS:a.test", .from_s = 1000, .until_s = 5000});
	struct text chain = {0}, key = {0};
	struct tls_certificate certificate;
	struct tls_certificate_trouble trouble;
	add_certificate_of(&chain, &leaf);
	add_key_of(&key, &leaf);
	assert_true(tls_certificate_read(
	        text_str(&chain), text_str(&key), now(), &certificate, &trouble));
	assert_true(certificate.not_before_s > now());
	tls_certificate_done(&certificate);
	text_done(&chain);
	text_done(&key);
	free_issued(&leaf);
}

static void texts_that_do_not_belong_together_are_refused(void **state)
{
	(void)state;
	struct issued leaf = issue(&root, &(struct wanted){.subject = "x", .names = "DNS:a.test"});
	struct issued other = issue(&root, &(struct wanted){.subject = "x", .names = "DNS:a.test"});
	struct text chain = {0}, key = {0}, strange = {0}, both = {0}, large = {0};
	add_certificate_of(&chain, &leaf);
	add_key_of(&key, &leaf);
	add_key_of(&strange, &other);
	text_add(&both, text_str(&key));
	text_add(&both, text_str(&strange));
	assert_trouble(text_str(&chain), text_str(&strange), TLS_CERTIFICATE_KEY, "match");
	assert_trouble(text_str(&chain), text_str(&both), TLS_CERTIFICATE_KEY, "pem");
	assert_trouble(STR_EMPTY, text_str(&key), TLS_CERTIFICATE_CHAIN, "pem");
	assert_trouble(STR("x"), text_str(&key), TLS_CERTIFICATE_CHAIN, "pem");
	assert_trouble(text_str(&chain), STR_EMPTY, TLS_CERTIFICATE_KEY, "pem");
	assert_trouble(text_str(&chain), text_str(&chain), TLS_CERTIFICATE_KEY, "pem");
	assert_trouble(text_str(&key), text_str(&key), TLS_CERTIFICATE_CHAIN, "pem");
	for (unsigned i = 0; i <= LIMIT_CERTIFICATE_BYTES; i++)
		text_add_char(&large, '#');
	assert_trouble(text_str(&large), text_str(&key), TLS_CERTIFICATE_CHAIN, "size");
	assert_trouble(text_str(&chain), text_str(&large), TLS_CERTIFICATE_KEY, "size");
	text_done(&chain);
	text_done(&key);
	text_done(&strange);
	text_done(&both);
	text_done(&large);
	free_issued(&leaf);
	free_issued(&other);
}

static void a_key_with_a_passphrase_is_refused(void **state)
{
	(void)state;
	struct issued leaf = issue(&root, &(struct wanted){.subject = "x", .names = "DNS:a.test"});
	struct text chain = {0}, key = {0};
	char phrase[] = "secret";
	BIO *bio = BIO_new(BIO_s_mem());
	assert_int_equal(PEM_write_bio_PrivateKey(bio, leaf.key, EVP_aes_128_cbc(),
	                         (unsigned char *)phrase, (int)strlen(phrase), NULL, NULL),
	        1);
	add_bio(&key, bio);
	add_certificate_of(&chain, &leaf);
	assert_trouble(text_str(&chain), text_str(&key), TLS_CERTIFICATE_KEY, "pem");
	text_done(&chain);
	text_done(&key);
	free_issued(&leaf);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(a_chain_in_any_order_is_put_in_its),
	        cmocka_unit_test(rsa_is_taken),
	        cmocka_unit_test(what_nobody_could_be_shown_is_refused),
	        cmocka_unit_test(one_that_is_not_valid_yet_is_taken),
	        cmocka_unit_test(texts_that_do_not_belong_together_are_refused),
	        cmocka_unit_test(a_key_with_a_passphrase_is_refused),
	};
	return cmocka_run_group_tests_name("certificates by hand", tests, set_up, tear_down);
}
