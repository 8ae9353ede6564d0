/* Snapshots: lookups, wildcards, order, and a long random walk against a plain array. */
#include "model/snapshot.h"

#include "base/hash.h"
#include "base/random.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

static struct model_domain *make(const char *name)
{
	struct model_domain *domain = model_domain_new();
	domain->name = model_domain_copy(domain, str_of(name));
	return domain;
}

/* A snapshot with these domains added. */
static struct model_snapshot *with_names(
        const struct model_snapshot *old, const char *const *names, size_t count)
{
	struct model_change changes[64];
	for (size_t i = 0; i < count; i++)
		changes[i] = (struct model_change){names[i], make(names[i])};
	struct model_snapshot *snapshot = model_snapshot_with(old, changes, count, 7);
	for (size_t i = 0; i < count; i++)
		model_domain_unref(changes[i].domain);
	return snapshot;
}

static void an_empty_snapshot_knows_nobody(void **state)
{
	(void)state;
	struct model_snapshot *snapshot = model_snapshot_new();
	assert_int_equal(model_snapshot_count(snapshot), 0);
	assert_int_equal(model_snapshot_revision(snapshot), 0);
	assert_null(model_snapshot_find(snapshot, STR("edge.test")));
	assert_null(model_snapshot_find(snapshot, STR_EMPTY));
	struct model_snapshot *same = model_snapshot_with(snapshot, NULL, 0, 3);
	assert_int_equal(model_snapshot_revision(same), 3);
	assert_int_equal(model_snapshot_count(same), 0);
	model_snapshot_unref(same);
	model_snapshot_unref(snapshot);
	model_snapshot_unref(NULL);
}

static void the_most_specific_name_wins(void **state)
{
	(void)state;
	static const char *const NAMES[] = {
	        "example.com", "*.example.com", "*.b.example.com", "a.b.example.com", "*.com"};
	static const struct {
		const char *host, *found;
	} ROWS[] = {
	        {"example.com", "example.com"},
	        {"www.example.com", "*.example.com"},
	        {"a.b.example.com", "a.b.example.com"},
	        {"c.b.example.com", "*.b.example.com"},
	        {"d.c.b.example.com", "*.b.example.com"},
	        {"b.example.com", "*.example.com"},
	        {"other.com", "*.com"},
	        {"com", NULL},
	        {"example.org", NULL},
	        {"xample.com", "*.com"},
	        {".com", NULL},
	        {"", NULL},
	};
	struct model_snapshot *empty = model_snapshot_new();
	struct model_snapshot *snapshot = with_names(empty, NAMES, ARRAY_LENGTH(NAMES));
	for (size_t i = 0; i < ARRAY_LENGTH(ROWS); i++) {
		struct model_domain *found = model_snapshot_find(snapshot, str_of(ROWS[i].host));
		if (ROWS[i].found == NULL) {
			assert_null(found);
			continue;
		}
		assert_non_null(found);
		assert_string_equal(found->name, ROWS[i].found);
	}
	assert_ptr_equal(model_snapshot_get(snapshot, STR("*.com")),
	        model_snapshot_find(snapshot, STR("other.com")));
	assert_null(model_snapshot_get(snapshot, STR("other.com")));
	model_snapshot_unref(snapshot);
	model_snapshot_unref(empty);
}

static void hosts_that_are_too_long_are_not_found(void **state)
{
	(void)state;
	static const char *const NAMES[] = {"*.example.com"};
	struct model_snapshot *empty = model_snapshot_new();
	struct model_snapshot *snapshot = with_names(empty, NAMES, 1);
	char host[300];
	for (size_t i = 0; i < sizeof(host); i++)
		host[i] = i % 2 == 0 ? 'a' : '.';
	memcpy(host + 253 - 12, ".example.com", 12);
	assert_non_null(model_snapshot_find(snapshot, str_make(host, 253)));
	memcpy(host + 255 - 12, ".example.com", 12);
	assert_null(model_snapshot_find(snapshot, str_make(host, 255)));
	model_snapshot_unref(snapshot);
	model_snapshot_unref(empty);
}

static void the_old_snapshot_stays_as_it_was(void **state)
{
	(void)state;
	static const char *const NAMES[] = {"a.test", "b.test", "c.test"};
	struct model_snapshot *empty = model_snapshot_new();
	struct model_snapshot *first = with_names(empty, NAMES, 3);
	struct model_domain *replacement = make("b.test");
	const struct model_change changes[] = {
	        {"a.test", NULL}, {"b.test", replacement}, {"nobody.test", NULL}};
	struct model_snapshot *second = model_snapshot_with(first, changes, 3, 8);
	model_domain_unref(replacement);

	assert_int_equal(model_snapshot_count(first), 3);
	assert_int_equal(model_snapshot_count(second), 2);
	assert_int_equal(model_snapshot_revision(second), 8);
	assert_non_null(model_snapshot_find(first, STR("a.test")));
	assert_null(model_snapshot_find(second, STR("a.test")));
	assert_ptr_equal(model_snapshot_find(second, STR("b.test")), replacement);
	assert_ptr_not_equal(model_snapshot_find(first, STR("b.test")), replacement);
	assert_ptr_equal(model_snapshot_find(first, STR("c.test")),
	        model_snapshot_find(second, STR("c.test")));
	struct model_snapshot *kept = model_snapshot_ref(second);
	model_snapshot_unref(empty);
	model_snapshot_unref(first);
	model_snapshot_unref(second);
	assert_string_equal(model_snapshot_at(kept, 1)->name, "c.test");
	model_snapshot_unref(kept);
}

/* A plain array of what should be there: the domain of number i, or NULL. */
enum { NAMES = 1500 };

static void name_of(unsigned number, char name[32])
{
	snprintf(name, 32, number % 10 == 3 ? "*.n%u.test" : "n%u.test", number);
}

static void compare(const struct model_snapshot *snapshot, struct model_domain *const *expected)
{
	size_t count = 0;
	for (unsigned i = 0; i < NAMES; i++) {
		char name[32];
		name_of(i, name);
		assert_ptr_equal(model_snapshot_get(snapshot, str_of(name)), expected[i]);
		count += expected[i] != NULL;
	}
	assert_int_equal(model_snapshot_count(snapshot), count);
	for (size_t i = 1; i < count; i++)
		assert_true(strcmp(model_snapshot_at(snapshot, i - 1)->name,
		                    model_snapshot_at(snapshot, i)->name) < 0);
}

static void a_random_walk_agrees_with_a_plain_array(void **state)
{
	(void)state;
	struct model_domain *expected[NAMES] = {0};
	struct model_snapshot *snapshot = model_snapshot_new();
	random_seed(2);
	for (unsigned step = 1; step <= 120; step++) {
		struct model_change changes[NAMES];
		char names[NAMES][32];
		size_t count = 0;
		/* Tides: mostly adding, then mostly removing, by few and by many. */
		unsigned chance = step % 3 == 0 ? 400 : 5;
		bool is_ebb = step % 40 >= 20;
		for (unsigned i = 0; i < NAMES; i++) {
			if (random_below(1000) >= chance)
				continue;
			bool removes = random_below(10) < (is_ebb ? 8 : 2);
			name_of(i, names[count]);
			expected[i] = removes ? NULL : make(names[count]);
			changes[count] = (struct model_change){names[count], expected[i]};
			count++;
		}
		struct model_snapshot *next = model_snapshot_with(snapshot, changes, count, step);
		for (size_t i = 0; i < count; i++)
			model_domain_unref(changes[i].domain);
		model_snapshot_unref(snapshot);
		snapshot = next;
		compare(snapshot, expected);
	}
	model_snapshot_unref(snapshot);
}

int main(void)
{
	hash_init();
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(an_empty_snapshot_knows_nobody),
	        cmocka_unit_test(the_most_specific_name_wins),
	        cmocka_unit_test(hosts_that_are_too_long_are_not_found),
	        cmocka_unit_test(the_old_snapshot_stays_as_it_was),
	        cmocka_unit_test(a_random_walk_agrees_with_a_plain_array),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
