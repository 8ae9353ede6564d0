/* A shelf of certificates: whatever lies in which file, what belongs together is found together. */
#include "authority.h"

#include "net/tls_shelf_private.h"

#include <openssl/ocsp.h>

static struct issued root, between;

static int set_up(void **state)
{
	(void)state;
	root = issue(NULL, &(struct wanted){.subject = "Root", .is_authority = true});
	between = issue(&root, &(struct wanted){.subject = "Link", .is_authority = true});
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	free_issued(&root);
	free_issued(&between);
	return 0;
}

/* A shelf of one text for each string up to NULL. */
static struct tls_shelf *shelf_of(struct text *troubles, const struct text *const *texts)
{
	struct tls_shelf *shelf = tls_shelf_new();
	for (unsigned i = 0; texts[i] != NULL; i++) {
		char from[8];
		snprintf(from, sizeof(from), "text%u", i);
		tls_shelf_add(shelf, from, text_str(texts[i]), troubles);
	}
	tls_shelf_finish(shelf, (int64_t)time(NULL), troubles);
	return shelf;
}

static void assert_found(
        const struct tls_shelf *shelf, const char *name, enum tls_kind kind, const X509 *leaf)
{
	const struct tls_shelf_name *found = tls_shelf_find(shelf, str_of(name));
	assert_non_null(found);
	assert_non_null(found->pairs[kind]);
	assert_int_equal(X509_cmp(found->pairs[kind]->leaf, leaf), 0);
}

static void a_key_is_found_wherever_it_lies(void **state)
{
	(void)state;
	struct issued leaf =
	        issue(&between, &(struct wanted){.subject = "a", .names = "DNS:A.test"});
	struct text one = {0}, key = {0}, chain = {0}, troubles = {0};
	add_key_of(&one, &leaf);
	add_certificate_of(&one, &leaf);
	add_certificate_of(&one, &between);
	add_key_of(&key, &leaf);
	/* The chain in the wrong order, with the root that nobody needs. */
	add_certificate_of(&chain, &root);
	add_certificate_of(&chain, &between);
	add_certificate_of(&chain, &leaf);
	const struct text *const layouts[][3] = {
	        {&one, NULL}, {&key, &chain, NULL}, {&chain, &key, NULL}};
	for (unsigned i = 0; i < ARRAY_LENGTH(layouts); i++) {
		struct tls_shelf *shelf = shelf_of(&troubles, layouts[i]);
		assert_int_equal(troubles.len, 0);
		assert_found(shelf, "a.test", TLS_KIND_ECDSA, leaf.x509);
		const struct tls_pair *pair =
		        tls_shelf_find(shelf, STR("a.test"))->pairs[TLS_KIND_ECDSA];
		assert_int_equal(sk_X509_num(pair->chain), 1);
		assert_int_equal(X509_cmp(sk_X509_value(pair->chain, 0), between.x509), 0);
		assert_int_equal(tls_shelf_count(shelf), 1);
		struct tls_shelf_entry entry = tls_shelf_at(shelf, 0);
		assert_string_equal(entry.names, "a.test");
		assert_string_equal(entry.kind, "ECDSA");
		assert_false(entry.is_stapled);
		assert_int_equal(entry.not_after_s - entry.not_before_s, 86400);
		tls_shelf_unref(shelf);
	}
	text_done(&one);
	text_done(&key);
	text_done(&chain);
	free_issued(&leaf);
}

static void names_are_exact_or_wild(void **state)
{
	(void)state;
	struct issued exact =
	        issue(&root, &(struct wanted){.subject = "e", .names = "DNS:www.b.test"});
	struct issued wild = issue(&root,
	        &(struct wanted){.subject = "w", .names = "DNS:*.b.test,DNS:b.test,IP:192.0.2.1"});
	struct text one = {0}, two = {0}, troubles = {0};
	add_key_of(&one, &exact);
	add_certificate_of(&one, &exact);
	add_key_of(&two, &wild);
	add_certificate_of(&two, &wild);
	struct tls_shelf *shelf =
	        shelf_of(&troubles, (const struct text *const[]){&one, &two, NULL});
	assert_found(shelf, "www.b.test", TLS_KIND_ECDSA, exact.x509);
	assert_found(shelf, "WWW.b.TEST", TLS_KIND_ECDSA, exact.x509);
	assert_found(shelf, "www.b.test.", TLS_KIND_ECDSA, exact.x509);
	assert_found(shelf, "ftp.b.test", TLS_KIND_ECDSA, wild.x509);
	assert_found(shelf, "b.test", TLS_KIND_ECDSA, wild.x509);
	const char *const strangers[] = {"a.www.b.test", "test", "c.test", "", ".", ".b.test",
	        "*.b.test", "192.0.2.1", "xb.test"};
	for (unsigned i = 0; i < ARRAY_LENGTH(strangers); i++)
		assert_false(tls_shelf_has(shelf, str_of(strangers[i])));
	char longest[300];
	memset(longest, 'a', sizeof(longest));
	assert_false(tls_shelf_has(shelf, str_make(longest, sizeof(longest))));
	tls_shelf_unref(shelf);
	text_done(&one);
	text_done(&two);
	free_issued(&exact);
	free_issued(&wild);
}

static void one_of_each_kind_and_the_best_of_them(void **state)
{
	(void)state;
	const struct wanted wanted[] = {
	        {.subject = "1", .names = "DNS:c.test", .from_s = -900, .until_s = 900},
	        {.subject = "2", .names = "DNS:c.test", .from_s = -800, .until_s = 800},
	        {.subject = "3", .names = "DNS:c.test", .from_s = -100, .until_s = -50},
	        {.subject = "4", .names = "DNS:c.test", .from_s = 500, .until_s = 5000},
	        {.subject = "5", .names = "DNS:c.test", .is_rsa = true},
	};
	struct issued leaves[ARRAY_LENGTH(wanted)];
	struct text all = {0}, troubles = {0};
	for (unsigned i = 0; i < ARRAY_LENGTH(wanted); i++) {
		leaves[i] = issue(&root, &wanted[i]);
		add_key_of(&all, &leaves[i]);
		add_certificate_of(&all, &leaves[i]);
	}
	struct tls_shelf *shelf = shelf_of(&troubles, (const struct text *const[]){&all, NULL});
	assert_found(shelf, "c.test", TLS_KIND_ECDSA, leaves[1].x509);
	assert_found(shelf, "c.test", TLS_KIND_RSA, leaves[4].x509);
	assert_int_equal(tls_shelf_count(shelf), 5);
	assert_non_null(strstr(text_c(&troubles), "for c.test has expired\n"));
	assert_non_null(strstr(text_c(&troubles), "for c.test is not valid yet\n"));
	tls_shelf_unref(shelf);
	for (unsigned i = 0; i < ARRAY_LENGTH(wanted); i++)
		free_issued(&leaves[i]);
	text_done(&all);
	text_done(&troubles);
}

static void what_is_of_no_use_is_told(void **state)
{
	(void)state;
	struct issued leaf = issue(&root, &(struct wanted){.subject = "d", .names = "DNS:d.test"});
	struct issued nobody = issue(&root, &(struct wanted){.subject = "nobody"});
	struct text lonely = {0}, empty = {0}, rubbish = {0}, broken = {0}, locked = {0};
	struct text nameless = {0}, many = {0}, troubles = {0};
	add_certificate_of(&lonely, &leaf);
	text_add(&rubbish, STR("-----BEGIN NOTHING"));
	text_add(&broken, STR("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"));
	BIO *bio = BIO_new(BIO_s_mem());
	assert_int_equal(PEM_write_bio_PrivateKey(bio, leaf.key, EVP_aes_128_cbc(),
	                         (const unsigned char *)"secret", 6, NULL, NULL),
	        1);
	add_bio(&locked, bio);
	add_key_of(&nameless, &nobody);
	add_certificate_of(&nameless, &nobody);
	for (unsigned i = 0; i < 40; i++)
		add_certificate_of(&many, &root);
	struct tls_shelf *shelf =
	        shelf_of(&troubles, (const struct text *const[]){&lonely, &empty, &rubbish, &broken,
	                                    &locked, &nameless, &many, NULL});
	const char *const words[] = {
	        "text0 has a certificate whose private key is nowhere\n",
	        "text1 is empty\n",
	        "text2 has no certificate and no key in PEM\n",
	        "text3 has a certificate that cannot be read\n",
	        "text4 has a private key that cannot be read: has it a passphrase?\n",
	        "text5 has a certificate for no host name\n",
	        "text6 has more than 32 keys and certificates\n",
	};
	for (unsigned i = 0; i < ARRAY_LENGTH(words); i++) {
		if (strstr(text_c(&troubles), words[i]) == NULL)
			fail_msg("\"%s\" is not in \"%s\"", words[i], text_c(&troubles));
	}
	assert_false(tls_shelf_has(shelf, STR("d.test")));
	tls_shelf_unref(shelf);
	text_done(&lonely);
	text_done(&rubbish);
	text_done(&broken);
	text_done(&locked);
	text_done(&nameless);
	text_done(&many);
	text_done(&troubles);
	free_issued(&leaf);
	free_issued(&nobody);
}

/* An OCSP response of the issuer for a certificate, of this status, in time from `from_s` on. */
static void add_staple_for(struct text *to, const struct issued *leaf, const struct issued *issuer,
        int status, long from_s)
{
	OCSP_BASICRESP *basic = OCSP_BASICRESP_new();
	ASN1_TIME *from = X509_gmtime_adj(NULL, from_s);
	ASN1_TIME *until = X509_gmtime_adj(NULL, from_s + 3600);
	OCSP_CERTID *id = OCSP_cert_to_id(EVP_sha1(), leaf->x509, issuer->x509);
	assert_non_null(OCSP_basic_add1_status(basic, id, status, OCSP_REVOKED_STATUS_UNSPECIFIED,
	        status == V_OCSP_CERTSTATUS_REVOKED ? from : NULL, from, until));
	assert_int_equal(
	        OCSP_basic_sign(basic, issuer->x509, issuer->key, EVP_sha256(), NULL, 0), 1);
	OCSP_RESPONSE *response = OCSP_response_create(OCSP_RESPONSE_STATUS_SUCCESSFUL, basic);
	unsigned char *der = NULL;
	int length = i2d_OCSP_RESPONSE(response, &der);
	text_add(to, str_make((char *)der, (size_t)length));
	OPENSSL_free(der);
	OCSP_CERTID_free(id);
	OCSP_RESPONSE_free(response);
	OCSP_BASICRESP_free(basic);
	ASN1_TIME_free(from);
	ASN1_TIME_free(until);
}

static void a_staple_finds_its_certificate(void **state)
{
	(void)state;
	static const struct {
		int status;
		long from_s;
		bool is_of_use;
	} cases[] = {
	        {V_OCSP_CERTSTATUS_GOOD, -60, true},
	        {V_OCSP_CERTSTATUS_REVOKED, -60, false},
	        {V_OCSP_CERTSTATUS_UNKNOWN, -60, false},
	        {V_OCSP_CERTSTATUS_GOOD, -7200, false},
	        {V_OCSP_CERTSTATUS_GOOD, 3600, false},
	};
	struct issued leaf =
	        issue(&between, &(struct wanted){.subject = "s", .names = "DNS:s.test"});
	struct text pem = {0}, troubles = {0};
	add_key_of(&pem, &leaf);
	add_certificate_of(&pem, &leaf);
	add_certificate_of(&pem, &between);
	for (unsigned i = 0; i < ARRAY_LENGTH(cases); i++) {
		struct text der = {0};
		struct tls_shelf *shelf = tls_shelf_new();
		add_staple_for(&der, &leaf, &between, cases[i].status, cases[i].from_s);
		tls_shelf_add_staple(shelf, "s.ocsp", text_str(&der), &troubles);
		tls_shelf_add(shelf, "s.pem", text_str(&pem), &troubles);
		tls_shelf_finish(shelf, (int64_t)time(NULL), &troubles);
		assert_int_equal(tls_shelf_at(shelf, 0).is_stapled, cases[i].is_of_use);
		tls_shelf_unref(shelf);
		text_done(&der);
	}
	assert_int_equal(troubles.len, 0);
	struct tls_shelf *shelf = tls_shelf_new();
	tls_shelf_add_staple(shelf, "x.ocsp", STR("no such thing"), &troubles);
	assert_string_equal(text_c(&troubles), "x.ocsp is no OCSP response of use\n");
	tls_shelf_unref(shelf);
	text_done(&pem);
	text_done(&troubles);
	free_issued(&leaf);
}

static void what_expires_first_of_what_is_shown_is_told(void **state)
{
	(void)state;
	const int64_t now_s = (int64_t)time(NULL), day_s = 86400;
	struct issued old = issue(&root,
	        &(struct wanted){
	                .subject = "o", .names = "DNS:a.test", .from_s = -100, .until_s = day_s});
	struct issued newer = issue(&root,
	        &(struct wanted){.subject = "n", .names = "DNS:a.test", .until_s = 5 * day_s + 60});
	struct issued late = issue(&root,
	        &(struct wanted){.subject = "l", .names = "DNS:b.test", .until_s = 90 * day_s});
	struct text one = {0}, two = {0}, three = {0}, troubles = {0}, lines = {0};
	add_key_of(&one, &old);
	add_certificate_of(&one, &old);
	add_key_of(&two, &newer);
	add_certificate_of(&two, &newer);
	add_key_of(&three, &late);
	add_certificate_of(&three, &late);
	struct tls_shelf *shelf =
	        shelf_of(&troubles, (const struct text *const[]){&one, &two, &three, NULL});
	/* The old one is not shown for any name. */
	assert_true(tls_shelf_first_end(shelf) > now_s + 4 * day_s);
	assert_true(tls_shelf_first_end(shelf) < now_s + 6 * day_s);
	tls_shelf_tell_ends(shelf, now_s + 14 * day_s, 10, now_s, &lines);
	assert_string_equal(
	        text_c(&lines), "text1: the certificate for a.test expires in 5 days\n");
	text_clear(&lines);
	tls_shelf_tell_ends(shelf, now_s + 100 * day_s, 1, now_s + 6 * day_s, &lines);
	assert_string_equal(text_c(&lines), "text1: the certificate for a.test has expired\n"
	                                    "1 more have expired, or will soon\n");
	text_clear(&lines);
	tls_shelf_tell_ends(shelf, now_s + day_s, 10, now_s, &lines);
	assert_int_equal(lines.len, 0);
	tls_shelf_unref(shelf);
	struct tls_shelf *empty = tls_shelf_new();
	tls_shelf_finish(empty, now_s, &troubles);
	assert_int_equal(tls_shelf_first_end(empty), 0);
	tls_shelf_unref(empty);
	text_done(&one);
	text_done(&two);
	text_done(&three);
	text_done(&troubles);
	text_done(&lines);
	free_issued(&old);
	free_issued(&newer);
	free_issued(&late);
}

/* A text with a certificate that is valid from and until so many seconds from now, and its key. */
static struct issued issue_into(
        struct text *to, const char *names, int64_t from_s, int64_t until_s, bool is_rsa)
{
	struct issued leaf = issue(&root, &(struct wanted){.subject = "x",
	                                          .names = names,
	                                          .from_s = from_s,
	                                          .until_s = until_s,
	                                          .is_rsa = is_rsa});
	add_key_of(to, &leaf);
	add_certificate_of(to, &leaf);
	return leaf;
}

static void a_wildcard_stands_in_for_a_name_that_has_nothing_valid(void **state)
{
	(void)state;
	static const struct {
		int64_t exact_from_s, exact_until_s, wild_until_s;
		bool is_wild;
	} cases[] = {
	        {-900, 900, 900, false},
	        {-900, -100, 900, true},
	        {500, 900, 900, true},
	        {-900, -100, -50, false},
	};
	for (unsigned i = 0; i < ARRAY_LENGTH(cases); i++) {
		struct text one = {0}, two = {0}, troubles = {0};
		struct issued exact = issue_into(&one, "DNS:www.w.test", cases[i].exact_from_s,
		        cases[i].exact_until_s, true);
		struct issued wild =
		        issue_into(&two, "DNS:*.w.test", -900, cases[i].wild_until_s, false);
		struct tls_shelf *shelf =
		        shelf_of(&troubles, (const struct text *const[]){&one, &two, NULL});
		assert_found(shelf, "www.w.test", cases[i].is_wild ? TLS_KIND_ECDSA : TLS_KIND_RSA,
		        cases[i].is_wild ? wild.x509 : exact.x509);
		tls_shelf_unref(shelf);
		text_done(&one);
		text_done(&two);
		text_done(&troubles);
		free_issued(&exact);
		free_issued(&wild);
	}
}

static void it_is_known_when_what_is_valid_changes(void **state)
{
	(void)state;
	const int64_t now_s = (int64_t)time(NULL);
	struct text all = {0}, troubles = {0};
	struct issued one = issue_into(&all, "DNS:t.test", -900, 500, false);
	struct issued two = issue_into(&all, "DNS:t.test", 300, 900, false);
	struct tls_shelf *shelf = shelf_of(&troubles, (const struct text *const[]){&all, NULL});
	const int64_t turns_s[] = {300, 500, 900};
	int64_t at_s = now_s;
	for (unsigned i = 0; i < ARRAY_LENGTH(turns_s); i++) {
		at_s = tls_shelf_next_turn(shelf, at_s);
		assert_in_range(at_s - now_s, turns_s[i] - 2, turns_s[i] + 2);
	}
	assert_int_equal(tls_shelf_next_turn(shelf, at_s), 0);
	tls_shelf_unref(shelf);
	text_done(&all);
	text_done(&troubles);
	free_issued(&one);
	free_issued(&two);
}

static void what_no_client_could_believe_takes_nobodys_place(void **state)
{
	(void)state;
	struct text good = {0}, weak = {0}, odd = {0}, troubles = {0};
	struct issued leaf = issue_into(&good, "DNS:u.test", -900, 900, false);
	EVP_PKEY *const keys[] = {EVP_RSA_gen(1024), EVP_PKEY_Q_keygen(NULL, NULL, "ED25519")};
	struct text *const texts[] = {&weak, &odd};
	for (unsigned i = 0; i < ARRAY_LENGTH(keys); i++) {
		struct issued bad =
		        issue(&root, &(struct wanted){.subject = "u", .names = "DNS:u.test"});
		EVP_PKEY_free(bad.key);
		bad.key = keys[i];
		X509_set_pubkey(bad.x509, bad.key);
		assert_true(X509_sign(bad.x509, root.key, EVP_sha256()) > 0);
		add_key_of(texts[i], &bad);
		add_certificate_of(texts[i], &bad);
		free_issued(&bad);
	}
	struct tls_shelf *shelf =
	        shelf_of(&troubles, (const struct text *const[]){&good, &weak, &odd, NULL});
	assert_string_equal(text_c(&troubles),
	        "text1: the certificate for u.test cannot be shown: its key is too weak: clients "
	        "refuse it\n"
	        "text2: the certificate for u.test cannot be shown: its key is neither of RSA nor "
	        "of ECDSA\n");
	assert_found(shelf, "u.test", TLS_KIND_ECDSA, leaf.x509);
	assert_null(tls_shelf_find(shelf, STR("u.test"))->pairs[TLS_KIND_RSA]);
	assert_int_equal(tls_shelf_count(shelf), 3);
	assert_int_equal(tls_shelf_fit_count(shelf), 1);
	tls_shelf_unref(shelf);
	text_done(&good);
	text_done(&weak);
	text_done(&odd);
	text_done(&troubles);
	free_issued(&leaf);
}

/* Makes the next shelf of a text that is now so, or, where it is NULL, is missed by this name. */
static struct tls_shelf *next_shelf(
        struct tls_shelf *before, const struct text *now, const char *from, struct text *troubles)
{
	struct tls_shelf *shelf = tls_shelf_new();
	tls_shelf_keep(shelf, before);
	text_clear(troubles);
	if (now != NULL)
		tls_shelf_add(shelf, from, text_str(now), troubles);
	else if (from != NULL)
		tls_shelf_miss(shelf, from);
	tls_shelf_finish(shelf, (int64_t)time(NULL), troubles);
	return shelf;
}

static void half_a_renewal_takes_nothing_away(void **state)
{
	(void)state;
	struct text whole = {0}, half = {0}, cut = {0}, none = {0}, troubles = {0};
	struct issued leaf = issue_into(&whole, "DNS:h.test", -900, 900, false);
	struct issued renewed =
	        issue(&root, &(struct wanted){.subject = "h", .names = "DNS:h.test"});
	add_certificate_of(&half, &renewed);
	text_add(&cut, str_make(whole.at, whole.len * 2 / 3));
	struct tls_shelf *first = tls_shelf_new();
	tls_shelf_add(first, "f/h.pem", text_str(&whole), &troubles);
	tls_shelf_finish(first, (int64_t)time(NULL), &troubles);
	const struct {
		const struct text *now;
		const char *from;
		bool is_kept;
	} cases[] = {
	        {&half, "f/h.pem", true},
	        {&cut, "f/h.pem", true},
	        {&none, "f/h.pem", true},
	        {NULL, "f/h.pem", true},
	        {NULL, "f", true},
	        {&half, "f/h", false},
	        {NULL, "f/g.pem", false},
	        {NULL, NULL, false},
	};
	for (unsigned i = 0; i < ARRAY_LENGTH(cases); i++) {
		/* Twice: what was kept is kept. */
		struct tls_shelf *next = next_shelf(first, cases[i].now, cases[i].from, &troubles);
		struct tls_shelf *last = next_shelf(next, cases[i].now, cases[i].from, &troubles);
		assert_int_equal(tls_shelf_has(last, STR("h.test")), cases[i].is_kept);
		assert_int_equal(
		        strstr(text_c(&troubles), "f/h.pem: the certificate for h.test is shown as "
		                                  "before\n") != NULL,
		        cases[i].is_kept);
		if (cases[i].is_kept)
			assert_found(last, "h.test", TLS_KIND_ECDSA, leaf.x509);
		tls_shelf_unref(next);
		tls_shelf_unref(last);
	}
	/* With its key it is whole. */
	add_key_of(&half, &renewed);
	struct tls_shelf *last = next_shelf(first, &half, "f/h.pem", &troubles);
	assert_found(last, "h.test", TLS_KIND_ECDSA, renewed.x509);
	assert_int_equal(tls_shelf_count(last), 1);
	assert_int_equal(troubles.len, 0);
	tls_shelf_unref(last);
	tls_shelf_unref(first);
	text_done(&whole);
	text_done(&half);
	text_done(&cut);
	text_done(&troubles);
	free_issued(&leaf);
	free_issued(&renewed);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(a_key_is_found_wherever_it_lies),
	        cmocka_unit_test(names_are_exact_or_wild),
	        cmocka_unit_test(one_of_each_kind_and_the_best_of_them),
	        cmocka_unit_test(what_is_of_no_use_is_told),
	        cmocka_unit_test(a_staple_finds_its_certificate),
	        cmocka_unit_test(what_expires_first_of_what_is_shown_is_told),
	        cmocka_unit_test(a_wildcard_stands_in_for_a_name_that_has_nothing_valid),
	        cmocka_unit_test(it_is_known_when_what_is_valid_changes),
	        cmocka_unit_test(what_no_client_could_believe_takes_nobodys_place),
	        cmocka_unit_test(half_a_renewal_takes_nothing_away),
	};
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
