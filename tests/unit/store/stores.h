/*
 * Stores for tests: in a folder of their own, with domains that are quickly made.
 */
#pragma once

#include "model/diff.h"
#include "store/domains.h"
#include "store/store_private.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

/* Not every test uses all of this. */
#define UNUSED __attribute__((unused))

struct place {
	char folder[64], path[96], key[96];
	struct store_options options;
};

UNUSED static void place_init(struct place *place)
{
	snprintf(place->folder, sizeof(place->folder), "/tmp/headwater-store-XXXXXX");
	assert_non_null(mkdtemp(place->folder));
	snprintf(place->path, sizeof(place->path), "%s/store.db", place->folder);
	snprintf(place->key, sizeof(place->key), "%s/store.key", place->folder);
	place->options = (struct store_options){.path = place->path, .key_path = place->key};
}

UNUSED static void place_done(struct place *place)
{
	char command[128];
	snprintf(command, sizeof(command), "rm -r %s", place->folder);
	assert_int_equal(system(command), 0);
}

UNUSED static struct store *open_good(const struct place *place)
{
	enum store_failure failure = STORE_DONE;
	struct text detail = {0};
	struct store *store = store_open(&place->options, &failure, &detail);
	if (store == NULL)
		fail_msg("%s: %s", store_failure_words(failure), text_c(&detail));
	text_done(&detail);
	return store;
}

/* What opening fails with. */
UNUSED static enum store_failure open_bad(const struct place *place)
{
	enum store_failure failure = STORE_DONE;
	struct text detail = {0};
	struct store *store = store_open(&place->options, &failure, &detail);
	assert_null(store);
	assert_true(detail.len > 0);
	text_done(&detail);
	return failure;
}

/* A domain whose attempts tell its versions apart. */
UNUSED static struct model_domain *make_domain(const char *name, unsigned attempts)
{
	struct model_domain *domain = model_domain_new();
	domain->name = model_domain_copy(domain, str_of(name));
	domain->origin.addresses = model_domain_alloc(domain, sizeof(domain->origin.addresses[0]));
	domain->origin.addresses[0] = (struct model_address){
	        .host = model_domain_copy(domain, STR("origin.test")), .weight = 1};
	domain->origin.address_count = 1;
	domain->failover_attempts = attempts;
	return domain;
}

/* Commits one change; attempts of 0 take the domain away. */
UNUSED static enum store_failure commit_one(struct store *store, const char *name,
        unsigned attempts, uint64_t expected, uint64_t *ret_revision)
{
	const struct store_note note = {.who = {"alice", 5}, .action = {"domain.change", 13}};
	struct model_domain *domain = attempts > 0 ? make_domain(name, attempts) : NULL;
	const struct store_change change = {name, domain, expected};
	size_t at;
	enum store_failure failure =
	        store_domains_commit(store, &change, 1, &note, ret_revision, &at);
	model_domain_unref(domain);
	return failure;
}

/* ---- what is there ---- */

enum { KNOWN_MAX = 64 };

struct known {
	struct store_domain_sink sink;
	unsigned count;
	struct {
		char name[64];
		unsigned attempts; /* 0: it went */
		uint64_t revision;
	} list[KNOWN_MAX];
	uint64_t revision;
};

UNUSED static void on_known(struct store_domain_sink *sink, const char *name,
        struct model_domain *domain, uint64_t revision)
{
	struct known *known = container_of(sink, struct known, sink);
	assert_true(known->count < KNOWN_MAX);
	snprintf(known->list[known->count].name, 64, "%s", name);
	known->list[known->count].attempts = domain != NULL ? domain->failover_attempts : 0;
	known->list[known->count++].revision = revision;
	assert_true(domain == NULL || domain->revision == revision);
}

UNUSED static enum store_failure read_known(
        struct store *store, uint64_t since, struct known *known)
{
	*known = (struct known){.sink = {.on_domain = on_known}};
	return store_domains_read_since(store, since, &known->sink, &known->revision);
}

/* The attempts of a domain; 0 where it is not there. */
UNUSED static unsigned attempts_of(struct store *store, const char *name)
{
	struct known known;
	assert_int_equal(read_known(store, 0, &known), STORE_DONE);
	for (unsigned i = 0; i < known.count; i++)
		if (strcmp(known.list[i].name, name) == 0)
			return known.list[i].attempts;
	return 0;
}
