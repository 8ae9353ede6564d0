/*
 * Lists of certificates for tests of the link, told apart by their keys.
 */
#pragma once

#include "link/certificates.h"
#include "link/domains.h"

/* The list with one more, or with one less (key NULL), in its own place. */
UNUSED static void with_certificate(
        struct link_certificates **list, const char *name, const char *key, uint64_t revision)
{
	struct link_certificate *one = key == NULL ? NULL
	                                           : link_certificate_new(str_of(name), revision,
	                                                     STR("chain\n"), str_of(key));
	struct link_certificates *after = link_certificates_with(*list, name, one, revision);
	link_certificate_unref(one);
	link_certificates_unref(*list);
	*list = after;
}

/* "a@2=key b@1=other @2", with the revision of the list behind; "-" for none. */
UNUSED static void assert_certificates(const struct link_certificates *list, const char *wanted)
{
	struct text text = {0};
	for (size_t i = 0; list != NULL && i < link_certificates_count(list); i++) {
		const struct link_certificate *one = link_certificates_at(list, i);
		text_addf(&text, "%s@%u=%s ", link_certificate_name(one),
		        (unsigned)link_certificate_revision(one), link_certificate_key(one).at);
		assert_ptr_equal(
		        link_certificates_get(list, str_of(link_certificate_name(one))), one);
	}
	if (list != NULL)
		text_addf(&text, "@%u", (unsigned)link_certificates_revision(list));
	assert_string_equal(list == NULL ? "-" : text_c(&text), wanted);
	text_done(&text);
}
