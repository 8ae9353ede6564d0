/* What the feed of a file keeps in its journal. */
#include "link/note.h"

#include "base/hash.h"
#include "model/diff.h"
#include "scratch.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

static struct model_snapshot *make_snapshot(const char *text, uint64_t revision)
{
	struct model_problems problems = {0};
	struct model_domains domains;
	struct model_diff diff;
	struct model_snapshot *empty = model_snapshot_new();
	assert_true(model_read_domains(str_of(text), "f", MODEL_CLASSIC, &problems, &domains));
	model_diff_from(empty, domains.list, domains.count, &diff);
	struct model_snapshot *snapshot =
	        model_snapshot_with(empty, diff.changes, diff.count, revision);
	model_diff_done(&diff);
	model_domains_done(&domains);
	model_snapshot_unref(empty);
	return snapshot;
}

static void a_note_comes_back_as_it_was(void **state)
{
	(void)state;
	const struct link_note note = {{1, 2, 3, 4}, {UINT64_MAX, 0, UINT64_MAX, 7}};
	struct scratch scratch;
	struct link_note read;
	struct model_domains domains;
	uint64_t revision;
	scratch_init(&scratch);
	struct model_snapshot *snapshot =
	        make_snapshot("domains:\n"
	                      "- {name: b.test, origin: {addresses: [x]}}\n"
	                      "- {name: a.test, origin: {addresses: [x]}, debug: on}\n",
	                77);
	assert_true(link_note_write(&scratch.place, "/etc/a \"b\"\n", &note, snapshot));
	assert_true(link_note_read(
	        &scratch.place, "/etc/a \"b\"\n", MODEL_CLASSIC, &read, &domains, &revision));
	assert_memory_equal(&read, &note, sizeof(note));
	assert_int_equal(revision, 77);
	assert_int_equal(domains.count, 2);
	assert_true(model_diff_is_equal(domains.list[0], model_snapshot_at(snapshot, 0)));
	assert_true(model_diff_is_equal(domains.list[1], model_snapshot_at(snapshot, 1)));
	model_domains_done(&domains);

	assert_false(link_note_read(
	        &scratch.place, "/etc/b", MODEL_CLASSIC, &read, &domains, &revision));
	model_snapshot_unref(snapshot);
	scratch_done(&scratch);
}

static void no_domains_are_a_list_too(void **state)
{
	(void)state;
	const struct link_note note = {0};
	struct scratch scratch;
	struct link_note read;
	struct model_domains domains;
	uint64_t revision;
	scratch_init(&scratch);
	struct model_snapshot *snapshot = model_snapshot_new();
	assert_true(link_note_write(&scratch.place, "f", &note, snapshot));
	assert_true(link_note_read(&scratch.place, "f", MODEL_CLASSIC, &read, &domains, &revision));
	assert_int_equal(domains.count, 0);
	model_domains_done(&domains);
	model_snapshot_unref(snapshot);
	scratch_done(&scratch);
}

int main(void)
{
	hash_init();
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(a_note_comes_back_as_it_was),
	        cmocka_unit_test(no_domains_are_a_list_too),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
