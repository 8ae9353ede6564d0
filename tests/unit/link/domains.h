/*
 * Domains for tests of the link: quickly made, and told apart by how many attempts they allow.
 */
#pragma once

#include "model/domain.h"
#include "model/snapshot.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#define UNUSED __attribute__((unused))

UNUSED static struct model_domain *make_domain(
        const char *name, unsigned attempts, uint64_t revision)
{
	struct model_domain *domain = model_domain_new();
	domain->name = model_domain_copy(domain, str_of(name));
	domain->origin.addresses = model_domain_alloc(domain, sizeof(domain->origin.addresses[0]));
	domain->origin.addresses[0] = (struct model_address){
	        .host = model_domain_copy(domain, STR("origin.test")), .weight = 1};
	domain->origin.address_count = 1;
	domain->failover_attempts = attempts;
	domain->revision = revision;
	return domain;
}

/* "a.test=2 b.test=3", in the order of names. */
UNUSED static void assert_domains(const struct model_snapshot *snapshot, const char *wanted)
{
	struct text text = {0};
	for (size_t i = 0; i < model_snapshot_count(snapshot); i++) {
		const struct model_domain *domain = model_snapshot_at(snapshot, i);
		text_addf(&text, "%s%s=%u", i == 0 ? "" : " ", domain->name,
		        domain->failover_attempts);
	}
	assert_string_equal(text.len == 0 ? "" : text_c(&text), wanted);
	text_done(&text);
}
