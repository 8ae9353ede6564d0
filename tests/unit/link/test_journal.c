/* The journal: written and read back, and never half believed. */
#include "link/journal.h"

#include "scratch.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>
#include <errno.h>
#include <sys/mman.h>
#include <sys/wait.h>

static void what_was_written_is_read_back(void **state)
{
	(void)state;
	static const struct {
		struct str text;
		uint64_t revision;
	} ROWS[] = {
	        {{"domains: []\n", 12}, 1},
	        {{"", 0}, 0},
	        {{"a longer text\nwith lines\n\n", 26}, UINT64_MAX},
	};
	struct scratch scratch;
	scratch_init(&scratch);
	for (size_t i = 0; i < ARRAY_LENGTH(ROWS); i++) {
		struct text text = {0};
		uint64_t revision;
		struct stat info;
		assert_true(link_journal_write(&scratch.place, ROWS[i].text, ROWS[i].revision));
		assert_true(link_journal_read(&scratch.place, &text, &revision));
		assert_true(str_is_equal(text_str(&text), ROWS[i].text));
		assert_int_equal(revision, ROWS[i].revision);
		assert_int_equal(stat(scratch.journal, &info), 0);
		assert_int_equal(info.st_mode & 0777, 0600);
		text_done(&text);
	}
	scratch_done(&scratch);
}

static void what_is_cut_or_changed_anywhere_is_not_used(void **state)
{
	(void)state;
	struct scratch scratch;
	char bytes[256];
	struct text text = {0};
	uint64_t revision;
	scratch_init(&scratch);
	assert_true(link_journal_write(&scratch.place, STR("domains: [1, 2]\n"), 42));
	int fd = open(scratch.journal, O_RDONLY | O_CLOEXEC);
	ssize_t size = read(fd, bytes, sizeof(bytes) - 1);
	close(fd);
	assert_true(size > 50);
	for (size_t length = 0; length < (size_t)size; length++) {
		scratch_write(scratch.journal, str_make(bytes, length));
		assert_false(link_journal_read(&scratch.place, &text, &revision));
	}
	for (ssize_t at = 0; at < size; at++) {
		for (unsigned bit = 0; bit < 8; bit++) {
			bytes[at] = (char)(bytes[at] ^ (1 << bit));
			scratch_write(scratch.journal, str_make(bytes, (size_t)size));
			assert_false(link_journal_read(&scratch.place, &text, &revision));
			bytes[at] = (char)(bytes[at] ^ (1 << bit));
		}
	}
	bytes[size] = '\n';
	scratch_write(scratch.journal, str_make(bytes, (size_t)size + 1));
	assert_false(link_journal_read(&scratch.place, &text, &revision));
	scratch_write(scratch.journal, str_make(bytes, (size_t)size));
	assert_true(link_journal_read(&scratch.place, &text, &revision));
	text_done(&text);
	scratch_done(&scratch);
}

static void a_failed_write_leaves_the_old_one(void **state)
{
	(void)state;
	struct scratch scratch;
	struct text text = {0};
	uint64_t revision;
	char missing[128], blocker[128];
	scratch_init(&scratch);
	snprintf(missing, sizeof(missing), "%s/nowhere/journal", scratch.folder);
	const struct link_journal nowhere = {.path = missing, .fd = -1};
	assert_false(link_journal_write(&nowhere, STR("x"), 1));
	assert_int_equal(errno, ENOENT);
	assert_false(link_journal_read(&nowhere, &text, &revision));

	/* A folder where the new journal would be written. */
	assert_true(link_journal_write(&scratch.place, STR("old"), 1));
	snprintf(blocker, sizeof(blocker), "%s.new", scratch.journal);
	assert_int_equal(mkdir(blocker, 0700), 0);
	assert_false(link_journal_write(&scratch.place, STR("new"), 2));
	assert_true(link_journal_read(&scratch.place, &text, &revision));
	assert_string_equal(text_c(&text), "old");
	text_done(&text);
	rmdir(blocker);

	/* What a crash left behind is in nobody's way. */
	scratch_write(blocker, STR("half"));
	assert_true(link_journal_write(&scratch.place, STR("new"), 2));
	assert_int_equal(access(blocker, F_OK), -1);
	scratch_done(&scratch);
}

/* As the edges of an upgrade do, who see the same change at once. */
static void two_may_write_at_once(void **state)
{
	(void)state;
	enum { TIMES = 100 };
	struct scratch scratch;
	int status;
	scratch_init(&scratch);
	pid_t other = fork();
	assert_true(other >= 0);
	bool is_written = true;
	for (unsigned i = 0; i < TIMES; i++)
		is_written = link_journal_write(&scratch.place, STR("a list of domains"), i) &&
		             is_written;
	if (other == 0)
		_exit(is_written ? 0 : 1);
	assert_true(is_written);
	assert_int_equal(waitpid(other, &status, 0), other);
	assert_int_equal(status, 0);
	struct text text = {0};
	uint64_t revision;
	assert_true(link_journal_read(&scratch.place, &text, &revision));
	assert_int_equal(revision, TIMES - 1);
	text_done(&text);
	scratch_done(&scratch);
}

static void one_without_a_name_is_shared_and_replaced(void **state)
{
	(void)state;
	const struct link_journal journal = {.fd = memfd_create("journal", MFD_CLOEXEC)};
	struct text text = {0};
	uint64_t revision;
	assert_true(journal.fd >= 0);
	assert_false(link_journal_read(&journal, &text, &revision)); /* there is none yet */
	assert_true(link_journal_write(&journal, STR("a long list"), 1));
	assert_true(link_journal_write(&journal, STR("shorter"), 2));
	/* Whoever else reads it does so from the beginning, and again. */
	const struct link_journal other = {.fd = dup(journal.fd)};
	for (int i = 0; i < 2; i++) {
		text_clear(&text);
		assert_true(link_journal_read(&other, &text, &revision));
		assert_string_equal(text_c(&text), "shorter");
		assert_int_equal(revision, 2);
	}
	/* Its writer was killed. */
	assert_int_equal(ftruncate(journal.fd, 30), 0);
	assert_false(link_journal_read(&other, &text, &revision));
	text_done(&text);
	close(journal.fd);
	close(other.fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(what_was_written_is_read_back),
	        cmocka_unit_test(what_is_cut_or_changed_anywhere_is_not_used),
	        cmocka_unit_test(a_failed_write_leaves_the_old_one),
	        cmocka_unit_test(two_may_write_at_once),
	        cmocka_unit_test(one_without_a_name_is_shared_and_replaced),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
