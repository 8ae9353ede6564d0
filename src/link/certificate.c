/*
 * Three texts and a number; the key is overwritten with the last reference.
 */
#include "link/certificate.h"

#include "base/mem.h"

#include <stdatomic.h>

struct link_certificate {
	atomic_uint references;
	char *name;
	uint64_t revision;
	char *chain, *key;
	size_t chain_len, key_len;
};

struct link_certificate *link_certificate_new(
        struct str name, uint64_t revision, struct str chain, struct str key)
{
	CHECK(name.len <= LIMIT_CERTIFICATE_NAME_BYTES && chain.len <= LIMIT_CERTIFICATE_BYTES &&
	        key.len <= LIMIT_CERTIFICATE_KEY_BYTES);
	struct link_certificate *certificate = mem_new(struct link_certificate);
	atomic_init(&certificate->references, 1);
	certificate->name = mem_copy(name.at, name.len);
	certificate->revision = revision;
	certificate->chain = mem_copy(chain.at, chain.len);
	certificate->chain_len = chain.len;
	certificate->key = mem_copy(key.at, key.len);
	certificate->key_len = key.len;
	return certificate;
}

struct link_certificate *link_certificate_ref(struct link_certificate *certificate)
{
	atomic_fetch_add_explicit(&certificate->references, 1, memory_order_relaxed);
	return certificate;
}

void link_certificate_unref(struct link_certificate *certificate)
{
	if (certificate == NULL ||
	        atomic_fetch_sub_explicit(&certificate->references, 1, memory_order_acq_rel) != 1)
		return;
	explicit_bzero(certificate->key, certificate->key_len);
	mem_free(certificate->key);
	mem_free(certificate->chain);
	mem_free(certificate->name);
	mem_free(certificate);
}

const char *link_certificate_name(const struct link_certificate *certificate)
{
	return certificate->name;
}

struct str link_certificate_chain(const struct link_certificate *certificate)
{
	return str_make(certificate->chain, certificate->chain_len);
}

struct str link_certificate_key(const struct link_certificate *certificate)
{
	return str_make(certificate->key, certificate->key_len);
}

uint64_t link_certificate_revision(const struct link_certificate *certificate)
{
	return certificate->revision;
}

void link_certificate_print(const struct link_certificate *certificate, struct text *to)
{
	const struct link_message_certificate said = {
	        .name = str_of(certificate->name),
	        .revision = certificate->revision,
	        .chain = link_certificate_chain(certificate),
	        .key = link_certificate_key(certificate),
	};
	link_message_print_certificate(&said, to);
}

bool link_certificate_is_equal(const struct link_certificate *a, const struct link_certificate *b)
{
	return a == b || (strcmp(a->name, b->name) == 0 && a->revision == b->revision &&
	                         strcmp(a->chain, b->chain) == 0 && strcmp(a->key, b->key) == 0);
}
