/* What an authority of one's own makes, as OpenSSL sees it. */
#include "tls_ends.h"

#include <openssl/pem.h>
#include <openssl/x509v3.h>

/* The certificate at this place in a file. */
static X509 *certificate_at(const struct text *pem, unsigned index)
{
	BIO *bio = BIO_new_mem_buf(pem->at, (int)pem->len);
	X509 *certificate = PEM_read_bio_X509(bio, NULL, NULL, NULL);
	for (unsigned i = 0; i < index; i++) {
		X509_free(certificate);
		certificate = PEM_read_bio_X509(bio, NULL, NULL, NULL);
	}
	BIO_free(bio);
	assert_non_null(certificate);
	return certificate;
}

static int days_left(const X509 *certificate)
{
	int days, seconds;
	assert_int_equal(ASN1_TIME_diff(&days, &seconds, NULL, X509_get0_notAfter(certificate)), 1);
	return days + (seconds > 43200);
}

static void an_authority_may_sign_and_no_more(void **state)
{
	(void)state;
	struct text authority = {0}, again = {0};
	tls_issue_authority(7300, &authority);
	tls_issue_authority(7300, &again);
	assert_string_not_equal(text_c(&authority), text_c(&again));
	X509 *certificate = certificate_at(&authority, 0);
	assert_int_equal(X509_check_ca(certificate), 1);
	assert_int_equal(X509_self_signed(certificate, 1), 1);
	assert_int_equal(X509_get_pathlen(certificate), 0);
	assert_int_equal(days_left(certificate), 7300);
	X509_free(certificate);
	text_done(&authority);
	text_done(&again);
}

static void a_machine_gets_its_names_and_cannot_sign(void **state)
{
	(void)state;
	struct text authority = {0}, pem = {0}, why = {0};
	const char *names[] = {"edge-1.test", "2001:db8::1"};
	tls_issue_authority(20, &authority);
	assert_true(tls_issue_identity(text_str(&authority), names, 2, 15, &pem, &why));
	X509 *own = certificate_at(&pem, 0), *above = certificate_at(&pem, 1);
	assert_int_equal(X509_check_host(own, "edge-1.test", 0, 0, NULL), 1);
	assert_int_equal(X509_check_host(own, "edge-2.test", 0, 0, NULL), 0);
	assert_int_equal(X509_check_ip_asc(own, "2001:db8::1", 0), 1);
	assert_int_equal(X509_check_ca(own), 0);
	assert_int_equal(X509_get_extended_key_usage(own), XKU_SSL_SERVER | XKU_SSL_CLIENT);
	assert_int_equal(days_left(own), 15);
	assert_int_equal(X509_verify(own, X509_get0_pubkey(above)), 1);
	assert_true(X509_cmp_current_time(X509_get0_notBefore(own)) < 0);
	X509_free(own);
	X509_free(above);
	text_done(&authority);
	text_done(&pem);
}

/* More than a common name may have. */
static void a_long_name_is_a_name(void **state)
{
	(void)state;
	struct text authority = {0}, pem = {0}, why = {0};
	char name[129];
	const char *names[] = {name};
	memset(name, 'a', sizeof(name) - 1);
	name[60] = '.';
	name[sizeof(name) - 1] = '\0';
	tls_issue_authority(20, &authority);
	assert_true(tls_issue_identity(text_str(&authority), names, 1, 15, &pem, &why));
	X509 *own = certificate_at(&pem, 0);
	assert_int_equal(X509_check_host(own, name, 0, 0, NULL), 1);
	X509_free(own);
	text_done(&authority);
	text_done(&pem);
}

static void assert_no_authority(struct str authority, const char *words)
{
	struct text pem = {0}, why = {0};
	const char *name = "edge-1";
	assert_false(tls_issue_identity(authority, &name, 1, 10, &pem, &why));
	assert_int_equal(pem.len, 0);
	if (strstr(text_c(&why), words) == NULL)
		fail_msg("\"%s\" does not say \"%s\"", text_c(&why), words);
	text_done(&why);
}

static void what_is_no_authority_signs_nothing(void **state)
{
	(void)state;
	struct text authority = {0}, other = {0}, pem = {0}, why = {0}, mixed = {0};
	const char *name = "edge-1";
	tls_issue_authority(20, &authority);
	tls_issue_authority(20, &other);
	assert_true(tls_issue_identity(text_str(&authority), &name, 1, 15, &pem, &why));
	assert_no_authority(STR(""), "no private key");
	assert_no_authority(text_str(&pem), "may not sign others");
	const char *certificate = strstr(text_c(&other), "-----BEGIN CERTIFICATE-----");
	const char *end = strstr(text_c(&authority), "-----BEGIN CERTIFICATE-----");
	text_add(&mixed, str_make(authority.at, (size_t)(end - authority.at)));
	assert_no_authority(text_str(&mixed), "has no certificate");
	text_add(&mixed, str_of(certificate));
	assert_no_authority(text_str(&mixed), "of another key");
	text_done(&mixed);
	text_done(&authority);
	text_done(&other);
	text_done(&pem);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(an_authority_may_sign_and_no_more),
	        cmocka_unit_test(a_machine_gets_its_names_and_cannot_sign),
	        cmocka_unit_test(a_long_name_is_a_name),
	        cmocka_unit_test(what_is_no_authority_signs_nothing),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
