/* What is kept of a feed: read back whole, torn, damaged, by two at once, after a death. */
#include "certificate_lists.h"

#include "link/ledger.h"

#include "base/hash.h"
#include "base/mem.h"
#include "link/scratch.h"
#include "model/json.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>

/* Both kinds of places. */
struct bench {
	struct scratch scratch;
	struct link_journal place;
	struct link_intake *intake;
	struct link_ledger *ledger;
	uint64_t revision;
};

static void bench_init(struct bench *bench, bool is_named)
{
	scratch_init(&bench->scratch);
	bench->place = bench->scratch.place;
	if (!is_named)
		bench->place = (struct link_journal){.fd = memfd_create("ledger", MFD_CLOEXEC)};
	bench->intake = link_intake_new();
	bench->ledger = link_ledger_new(&bench->place);
	bench->revision = 0;
}

static void bench_done(struct bench *bench)
{
	link_ledger_free(bench->ledger);
	link_intake_free(bench->intake);
	if (bench->place.path == NULL)
		close(bench->place.fd);
	scratch_done(&bench->scratch);
}

static void take(struct link_intake *intake, enum link_message_kind kind, const char *payload)
{
	struct text error = {0};
	if (link_intake_take(intake, kind, str_of(payload), &error) == LINK_INTAKE_BAD)
		fail_msg("%s", text_c(&error));
	text_done(&error);
}

/* One revision more: a domain, or that it went. */
static void change(
        struct link_intake *intake, const char *name, unsigned attempts, uint64_t revision)
{
	struct text payload = {0};
	struct model_domain *domain = make_domain(name, attempts == 0 ? 1 : attempts, revision);
	if (attempts > 0)
		model_json_print_domain(domain, MODEL_JSON_SET, MODEL_PRINT_SECRETS, &payload);
	else
		link_message_print_name(str_of(name), &payload);
	take(intake, attempts > 0 ? LINK_SAYS_DOMAIN : LINK_SAYS_GONE, text_c(&payload));
	text_clear(&payload);
	link_message_print_number("revision", revision, NULL, &payload);
	take(intake, LINK_SAYS_COMMIT, text_c(&payload));
	text_done(&payload);
	model_domain_unref(domain);
}

static void change_and_add(struct bench *bench, const char *name, unsigned attempts)
{
	change(bench->intake, name, attempts, ++bench->revision);
	if (!link_ledger_add(bench->ledger, STR("store"), bench->intake))
		fail_msg("%s", strerrordesc_np(errno));
}

/* What a process finds that starts now. */
static void assert_kept_of(
        const struct bench *bench, const char *wanted_store, uint64_t revision, const char *domains)
{
	struct text store = {0};
	uint64_t purged;
	struct link_intake *intake = link_intake_new();
	struct link_ledger *ledger = link_ledger_new(&bench->place);
	assert_true(link_ledger_read(ledger, intake, &store, &purged));
	assert_string_equal(text_c(&store), wanted_store);
	assert_int_equal(model_snapshot_revision(link_intake_snapshot(intake)), revision);
	assert_domains(link_intake_snapshot(intake), domains);
	text_done(&store);
	link_ledger_free(ledger);
	link_intake_free(intake);
}

static void assert_kept(const struct bench *bench, uint64_t revision, const char *domains)
{
	assert_kept_of(bench, "store", revision, domains);
}

static void assert_nothing_kept(const struct bench *bench)
{
	struct text store = {0};
	uint64_t purged;
	struct link_intake *intake = link_intake_new();
	struct link_ledger *ledger = link_ledger_new(&bench->place);
	assert_false(link_ledger_read(ledger, intake, &store, &purged));
	assert_int_equal(model_snapshot_count(link_intake_snapshot(intake)), 0);
	assert_int_equal(store.len, 0);
	link_ledger_free(ledger);
	link_intake_free(intake);
}

static int open_file(const struct bench *bench)
{
	return bench->place.path != NULL ? open(bench->place.path, O_RDWR | O_CLOEXEC)
	                                 : dup(bench->place.fd);
}

static uint64_t file_bytes(const struct bench *bench)
{
	struct stat info;
	int fd = open_file(bench);
	assert_int_equal(fstat(fd, &info), 0);
	close(fd);
	return (uint64_t)info.st_size;
}

static void what_is_added_is_read_back(void **state)
{
	(void)state;
	for (unsigned is_named = 0; is_named < 2; is_named++) {
		struct bench bench;
		bench_init(&bench, is_named);
		assert_nothing_kept(&bench);
		change_and_add(&bench, "a.test", 1);
		assert_kept(&bench, 1, "a.test=1");
		change_and_add(&bench, "b.test", 2);
		change_and_add(&bench, "a.test", 3);
		assert_kept(&bench, 3, "a.test=3 b.test=2");
		change_and_add(&bench, "b.test", 0);
		assert_kept(&bench, 4, "a.test=3");
		if (is_named) {
			struct stat info;
			assert_int_equal(stat(bench.place.path, &info), 0);
			assert_int_equal(info.st_mode & 0777, 0600);
		}
		bench_done(&bench);
	}
}

/* With a path by a new base, for the file may be another's; else by what changed. */
static void who_reads_it_goes_on_with_it(void **state)
{
	(void)state;
	for (unsigned is_named = 0; is_named < 2; is_named++) {
		struct bench bench;
		struct text store = {0};
		uint64_t purged;
		struct stat before = {0}, after = {0};
		bench_init(&bench, is_named);
		change_and_add(&bench, "a.test", 1);
		change_and_add(&bench, "b.test", 2);
		uint64_t bytes = file_bytes(&bench);
		if (is_named)
			assert_int_equal(stat(bench.place.path, &before), 0);
		link_ledger_free(bench.ledger);
		link_intake_free(bench.intake);
		bench.intake = link_intake_new();
		bench.ledger = link_ledger_new(&bench.place);
		assert_true(link_ledger_read(bench.ledger, bench.intake, &store, &purged));
		change_and_add(&bench, "c.test", 3);
		if (is_named) {
			assert_int_equal(stat(bench.place.path, &after), 0);
			assert_true(before.st_ino != after.st_ino);
		} else {
			assert_true(file_bytes(&bench) > bytes && file_bytes(&bench) < bytes + 300);
		}
		assert_kept(&bench, 3, "a.test=1 b.test=2 c.test=3");
		text_done(&store);
		bench_done(&bench);
	}
}

/* What was given back in front does not count. */
static void a_file_without_a_name_may_lie_far_behind(void **state)
{
	(void)state;
	struct bench bench;
	bench_init(&bench, false);
	assert_int_equal(ftruncate(bench.place.fd, (off_t)5 << 30), 0);
	change_and_add(&bench, "a.test", 1);
	change_and_add(&bench, "b.test", 2);
	assert_true(file_bytes(&bench) > UINT64_C(5) << 30);
	assert_kept(&bench, 2, "a.test=1 b.test=2");
	bench_done(&bench);
}

static void another_store_takes_the_place_of_the_first(void **state)
{
	(void)state;
	for (unsigned is_named = 0; is_named < 2; is_named++) {
		struct bench bench;
		struct text store = {0};
		uint64_t purged;
		bench_init(&bench, is_named);
		change_and_add(&bench, "a.test", 1);
		take(bench.intake, LINK_SAYS_BEGIN, "{}");
		change(bench.intake, "b.test", 2, 1);
		assert_true(link_ledger_add(bench.ledger, STR("other"), bench.intake));
		struct link_intake *intake = link_intake_new();
		struct link_ledger *ledger = link_ledger_new(&bench.place);
		assert_true(link_ledger_read(ledger, intake, &store, &purged));
		assert_string_equal(text_c(&store), "other");
		assert_domains(link_intake_snapshot(intake), "b.test=2");
		link_ledger_free(ledger);
		link_intake_free(intake);
		text_done(&store);
		bench_done(&bench);
	}
}

/* ---- purges ---- */

static bool keep_purged(struct bench *bench, uint64_t number, bool may_rewrite)
{
	return link_ledger_keep_purged(
	        bench->ledger, STR("store"), bench->intake, number, may_rewrite);
}

static void assert_purged(const struct bench *bench, uint64_t number, const char *wanted_store)
{
	struct text store = {0};
	uint64_t purged = UINT64_MAX;
	struct link_intake *intake = link_intake_new();
	struct link_ledger *ledger = link_ledger_new(&bench->place);
	assert_true(link_ledger_read(ledger, intake, &store, &purged));
	assert_int_equal(purged, number);
	assert_string_equal(text_c(&store), wanted_store);
	text_done(&store);
	link_ledger_free(ledger);
	link_intake_free(intake);
}

static void the_number_of_a_purge_is_kept_beside(void **state)
{
	(void)state;
	for (unsigned is_named = 0; is_named < 2; is_named++) {
		struct bench bench;
		bench_init(&bench, is_named);
		change_and_add(&bench, "a.test", 1);
		assert_purged(&bench, 0, "store");
		uint64_t bytes = file_bytes(&bench);
		assert_true(keep_purged(&bench, 7, false));
		assert_true(file_bytes(&bench) > bytes && file_bytes(&bench) < bytes + 100);
		bytes = file_bytes(&bench);
		assert_true(keep_purged(&bench, 7, false));
		assert_int_equal(file_bytes(&bench), bytes);
		assert_purged(&bench, 7, "store");
		change_and_add(&bench, "b.test", 2);
		assert_true(keep_purged(&bench, 8, false));
		assert_purged(&bench, 8, "store");
		assert_kept(&bench, 2, "a.test=1 b.test=2");
		bench_done(&bench);
	}
}

/* Who comes later goes on with it, and takes it into a new base; but not to another store. */
static void the_number_of_a_purge_goes_with_its_store(void **state)
{
	(void)state;
	for (unsigned is_named = 0; is_named < 2; is_named++) {
		struct bench bench;
		struct text store = {0};
		uint64_t purged = 0;
		bench_init(&bench, is_named);
		change_and_add(&bench, "a.test", 1);
		assert_true(keep_purged(&bench, 7, false));
		link_ledger_free(bench.ledger);
		bench.ledger = link_ledger_new(&bench.place);
		/* Without having read it, a new base is all there can be. */
		assert_false(keep_purged(&bench, 8, false));
		assert_int_equal(errno, EAGAIN);
		assert_purged(&bench, 7, "store");
		link_ledger_free(bench.ledger);
		link_intake_free(bench.intake);
		bench.intake = link_intake_new();
		bench.ledger = link_ledger_new(&bench.place);
		assert_true(link_ledger_read(bench.ledger, bench.intake, &store, &purged));
		assert_int_equal(purged, 7);
		change_and_add(&bench, "b.test", 2);
		assert_purged(&bench, 7, "store");
		assert_true(keep_purged(&bench, 9, true));
		assert_purged(&bench, 9, "store");

		take(bench.intake, LINK_SAYS_BEGIN, "{}");
		change(bench.intake, "b.test", 2, 1);
		assert_true(link_ledger_add(bench.ledger, STR("other"), bench.intake));
		assert_purged(&bench, 0, "other");
		assert_true(link_ledger_keep_purged(
		        bench.ledger, STR("other"), bench.intake, 3, false));
		assert_purged(&bench, 3, "other");
		/* A new name of it takes no more than a number does. */
		uint64_t bytes = file_bytes(&bench);
		assert_true(link_ledger_keep_purged(
		        bench.ledger, STR("third"), bench.intake, 3, false));
		assert_purged(&bench, 3, "third");
		assert_true(file_bytes(&bench) < bytes + 300);
		assert_kept_of(&bench, "third", 1, "b.test=2");
		change(bench.intake, "c.test", 3, 2);
		assert_true(link_ledger_add(bench.ledger, STR("fourth"), bench.intake));
		assert_purged(&bench, 0, "fourth");
		assert_kept_of(&bench, "fourth", 2, "b.test=2 c.test=3");
		assert_true(file_bytes(&bench) < bytes + 1500);
		text_done(&store);
		bench_done(&bench);
	}
}

/* Two edges with one cache: whichever number is kept, all up to it are done. */
static void two_may_keep_numbers_at_once(void **state)
{
	(void)state;
	for (unsigned is_named = 0; is_named < 2; is_named++) {
		struct bench bench;
		struct text store = {0};
		uint64_t purged;
		bench_init(&bench, is_named);
		change_and_add(&bench, "a.test", 1);
		struct link_intake *intake = link_intake_new();
		struct link_ledger *second = link_ledger_new(&bench.place);
		assert_true(link_ledger_read(second, intake, &store, &purged));
		assert_true(keep_purged(&bench, 1, false));
		assert_false(link_ledger_keep_purged(second, STR("store"), intake, 1, false));
		assert_true(link_ledger_keep_purged(second, STR("store"), intake, 1, true));
		assert_true(link_ledger_keep_purged(second, STR("store"), intake, 2, false));
		assert_purged(&bench, 2, "store");
		assert_false(keep_purged(&bench, 2, false));
		/* A base of who is behind has its own number, which is a lower one. */
		change_and_add(&bench, "a.test", 2);
		assert_kept(&bench, 2, "a.test=2");
		assert_true(keep_purged(&bench, 2, false));
		assert_purged(&bench, 2, "store");
		link_ledger_free(second);
		link_intake_free(intake);
		text_done(&store);
		bench_done(&bench);
	}
}

/* An edge that was sent home, and its successor. */
static void who_leaves_puts_nothing_in_the_place_of_what_came_after(void **state)
{
	(void)state;
	for (unsigned is_named = 0; is_named < 2; is_named++) {
		struct bench bench;
		struct text store = {0};
		uint64_t purged;
		bool is_leaving = false;
		bench_init(&bench, is_named);
		bench.place.is_leaving = &is_leaving;
		link_ledger_free(bench.ledger);
		bench.ledger = link_ledger_new(&bench.place);
		bench.place.is_leaving = NULL;
		change_and_add(&bench, "a.test", 1);
		is_leaving = true;
		/* As long as there is nothing else. */
		change_and_add(&bench, "b.test", 1);
		assert_true(keep_purged(&bench, 5, false));
		assert_kept(&bench, 2, "a.test=1 b.test=1");
		assert_purged(&bench, 5, "store");

		struct link_intake *intake = link_intake_new();
		struct link_ledger *successor = link_ledger_new(&bench.place);
		assert_true(link_ledger_read(successor, intake, &store, &purged));
		change(intake, "a.test", 2, 3);
		assert_true(link_ledger_add(successor, STR("store"), intake));
		change(intake, "b.test", 3, 4);
		assert_true(link_ledger_add(successor, STR("store"), intake));
		assert_true(link_ledger_keep_purged(successor, STR("store"), intake, 6, false));
		uint64_t bytes = file_bytes(&bench);
		change_and_add(&bench, "a.test", 2); /* revision 3, and it never hears of 4 */
		assert_true(keep_purged(&bench, 6, false));
		assert_true(keep_purged(&bench, 6, true));
		assert_kept(&bench, 4, "a.test=2 b.test=3");
		assert_purged(&bench, 6, "store");
		/* So what comes next is no new base. */
		change(intake, "c.test", 4, 5);
		assert_true(link_ledger_add(successor, STR("store"), intake));
		assert_true(file_bytes(&bench) > bytes);
		assert_kept(&bench, 5, "a.test=2 b.test=3 c.test=4");
		link_ledger_free(successor);
		link_intake_free(intake);
		text_done(&store);
		bench_done(&bench);
	}
}

/* Cut off anywhere, it has the revisions in front of the cut. */
static void a_torn_end_is_left_out(void **state)
{
	(void)state;
	for (unsigned is_named = 0; is_named < 2; is_named++) {
		struct bench bench;
		uint64_t ends[4] = {0};
		bench_init(&bench, is_named);
		for (unsigned i = 1; i < 4; i++) {
			change_and_add(&bench, "a.test", i);
			ends[i] = file_bytes(&bench);
		}
		for (uint64_t cut = ends[3]; cut-- > 0;) {
			int fd = open_file(&bench);
			assert_int_equal(ftruncate(fd, (off_t)cut), 0);
			close(fd);
			if (cut >= ends[2])
				assert_kept(&bench, 2, "a.test=2");
			else if (cut >= ends[1])
				assert_kept(&bench, 1, "a.test=1");
			else
				assert_nothing_kept(&bench);
		}
		/* And it is begun anew. */
		change_and_add(&bench, "a.test", 9);
		assert_kept(&bench, 4, "a.test=9");
		bench_done(&bench);
	}
}

static void what_is_damaged_is_left_out(void **state)
{
	(void)state;
	struct bench bench;
	bench_init(&bench, true);
	change_and_add(&bench, "a.test", 1);
	uint64_t base = file_bytes(&bench);
	change_and_add(&bench, "a.test", 2);
	uint64_t bytes = file_bytes(&bench);
	int fd = open_file(&bench);
	for (uint64_t at = 0; at < bytes; at++) {
		char byte;
		assert_int_equal(pread(fd, &byte, 1, (off_t)at), 1);
		byte ^= 0x10;
		assert_int_equal(pwrite(fd, &byte, 1, (off_t)at), 1);
		if (at < base)
			assert_nothing_kept(&bench);
		else
			assert_kept(&bench, 1, "a.test=1");
		byte ^= 0x10;
		assert_int_equal(pwrite(fd, &byte, 1, (off_t)at), 1);
	}
	close(fd);
	assert_kept(&bench, 2, "a.test=2");
	bench_done(&bench);
}

static void what_is_no_ledger_is_replaced(void **state)
{
	(void)state;
	static const char *const TEXTS[] = {"", "x", "headwater-journal 1 7 20 0123456789abcdef\n"};
	for (size_t i = 0; i < ARRAY_LENGTH(TEXTS); i++) {
		struct bench bench;
		bench_init(&bench, true);
		scratch_write(bench.place.path, str_of(TEXTS[i]));
		assert_nothing_kept(&bench);
		change_and_add(&bench, "a.test", 1);
		assert_kept(&bench, 1, "a.test=1");
		bench_done(&bench);
	}
}

/* It has the secrets of all domains. */
static void what_a_death_left_of_a_new_one_does_not_stay(void **state)
{
	(void)state;
	struct bench bench;
	char left[96];
	static char junk[65536];
	bench_init(&bench, true);
	snprintf(left, sizeof(left), "%s.new", bench.place.path);
	memset(junk, 'x', sizeof(junk));
	scratch_write(left, str_make(junk, sizeof(junk)));
	change_and_add(&bench, "a.test", 1);
	assert_kept(&bench, 1, "a.test=1");
	assert_true(file_bytes(&bench) < sizeof(junk));
	assert_int_equal(access(left, F_OK), -1);
	bench_done(&bench);
}

/* What was added outweighs the base in the end: then the file is as small as a new base. */
static void it_does_not_grow_for_ever(void **state)
{
	(void)state;
	for (unsigned is_named = 0; is_named < 2; is_named++) {
		struct bench bench;
		struct stat info;
		uint64_t most = 0;
		bench_init(&bench, is_named);
		for (unsigned i = 0; i < 12000; i++) {
			change_and_add(&bench, i % 2 == 0 ? "a.test" : "b.test", 1 + i % 9);
			int fd = open_file(&bench);
			assert_int_equal(fstat(fd, &info), 0);
			close(fd);
			uint64_t bytes = (uint64_t)info.st_blocks * 512;
			most = bytes > most ? bytes : most;
		}
		/* Two megabytes were added in all. */
		assert_true(most < 1400000);
		assert_kept(&bench, 12000, "a.test=2 b.test=3");
		bench_done(&bench);
	}
}

/* As two edges do during an upgrade: both are told the same. */
static void two_may_keep_it_at_once(void **state)
{
	(void)state;
	for (unsigned is_named = 0; is_named < 2; is_named++) {
		struct bench bench;
		struct text store = {0};
		uint64_t purged;
		bench_init(&bench, is_named);
		change_and_add(&bench, "a.test", 1);
		struct link_intake *intake = link_intake_new();
		struct link_ledger *second = link_ledger_new(&bench.place);
		assert_true(link_ledger_read(second, intake, &store, &purged));
		for (unsigned i = 2; i < 8; i++) {
			change_and_add(&bench, "a.test", i);
			change(intake, "a.test", i, i);
			assert_true(link_ledger_add(second, STR("store"), intake));
			char wanted[32];
			snprintf(wanted, sizeof(wanted), "a.test=%u", i);
			assert_kept(&bench, i, wanted);
		}
		link_ledger_free(second);
		link_intake_free(intake);
		text_done(&store);
		bench_done(&bench);
	}
}

static void where_it_cannot_be_kept_is_told(void **state)
{
	(void)state;
	struct bench bench;
	bench_init(&bench, true);
	link_ledger_free(bench.ledger);
	bench.ledger = link_ledger_new(&(struct link_journal){.path = "/nowhere/at/all"});
	change(bench.intake, "a.test", 1, 1);
	assert_false(link_ledger_add(bench.ledger, STR("store"), bench.intake));
	assert_int_equal(errno, ENOENT);
	bench_done(&bench);
}

/* A process that adds revisions until it is killed, and says so of each. */
static void add_until_killed(struct bench *bench, int to)
{
	for (;;) {
		uint64_t next = bench->revision + 1;
		change_and_add(
		        bench, next % 2 == 0 ? "a.test" : "b.test", 1 + (unsigned)(next % 9));
		if (write(to, &bench->revision, sizeof(bench->revision)) < 0)
			_exit(1);
	}
}

static void a_death_loses_nothing_that_was_added(void **state)
{
	(void)state;
	srand(1);
	for (unsigned round = 0; round < 30; round++) {
		struct bench bench;
		int ends[2];
		uint64_t added = 0;
		struct text store = {0};
		uint64_t purged;
		bench_init(&bench, round % 2);
		assert_int_equal(pipe(ends), 0);
		pid_t pid = fork();
		if (pid == 0)
			add_until_killed(&bench, ends[1]);
		close(ends[1]);
		assert_int_equal(read(ends[0], &added, sizeof(added)), sizeof(added));
		usleep((unsigned)rand() % 30000);
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
		while (read(ends[0], &added, sizeof(added)) > 0)
			;
		close(ends[0]);
		struct link_intake *intake = link_intake_new();
		struct link_ledger *ledger = link_ledger_new(&bench.place);
		assert_true(link_ledger_read(ledger, intake, &store, &purged));
		uint64_t revision = model_snapshot_revision(link_intake_snapshot(intake));
		assert_true(revision == added || revision == added + 1);
		text_done(&store);
		link_ledger_free(ledger);
		link_intake_free(intake);
		if (bench.place.path != NULL) {
			char other[100];
			snprintf(other, sizeof(other), "%s.new", bench.place.path);
			unlink(other);
		}
		bench_done(&bench);
	}
}

/* ---- certificates ---- */

/* What a process finds that starts now. */
static void assert_certificates_kept(const struct bench *bench, const char *wanted)
{
	struct text store = {0};
	uint64_t purged;
	struct link_intake *intake = link_intake_new();
	struct link_ledger *ledger = link_ledger_new(&bench->place);
	assert_true(link_ledger_read(ledger, intake, &store, &purged));
	assert_certificates(link_ledger_certificates(ledger), wanted);
	text_done(&store);
	link_ledger_free(ledger);
	link_intake_free(intake);
}

static void keep_certificates(struct bench *bench, struct link_certificates *list)
{
	if (!link_ledger_keep_certificates(bench->ledger, STR("store"), bench->intake, list))
		fail_msg("%s", strerrordesc_np(errno));
}

static void certificates_are_kept_beside_domains(void **state)
{
	(void)state;
	for (unsigned is_named = 0; is_named < 2; is_named++) {
		struct bench bench;
		struct link_certificates *list = link_certificates_new();
		bench_init(&bench, is_named);
		with_certificate(&list, "a", "one", 1);
		/* Also where there are no domains yet. */
		keep_certificates(&bench, list);
		assert_certificates_kept(&bench, "a@1=one @1");
		change_and_add(&bench, "a.test", 1);
		assert_certificates_kept(&bench, "a@1=one @1");
		with_certificate(&list, "b", "two", 2);
		keep_certificates(&bench, list);
		change_and_add(&bench, "b.test", 2);
		assert_certificates_kept(&bench, "a@1=one b@2=two @2");
		assert_kept(&bench, 2, "a.test=1 b.test=2");
		with_certificate(&list, "a", NULL, 3);
		keep_certificates(&bench, list);
		assert_certificates_kept(&bench, "b@2=two @3");
		assert_true(
		        link_ledger_keep_purged(bench.ledger, STR("store"), bench.intake, 7, true));
		assert_certificates_kept(&bench, "b@2=two @3");
		assert_kept(&bench, 2, "a.test=1 b.test=2");
		link_certificates_unref(list);
		bench_done(&bench);
	}
}

/* Who finds that another has written begins a base: of what it knows, and of certificates too. */
static void a_new_base_has_the_certificates(void **state)
{
	(void)state;
	for (unsigned is_named = 0; is_named < 2; is_named++) {
		struct bench bench;
		struct text store = {0};
		uint64_t purged;
		struct link_certificates *list = link_certificates_new();
		bench_init(&bench, is_named);
		with_certificate(&list, "a", "one", 1);
		change_and_add(&bench, "a.test", 1);
		keep_certificates(&bench, list);
		/* Another process reads it and goes on. */
		struct link_intake *intake = link_intake_new();
		struct link_ledger *ledger = link_ledger_new(&bench.place);
		assert_true(link_ledger_read(ledger, intake, &store, &purged));
		change(intake, "b.test", 2, 2);
		assert_true(link_ledger_add(ledger, STR("store"), intake));
		assert_certificates_kept(&bench, "a@1=one @1");
		assert_kept(&bench, 2, "a.test=1 b.test=2");
		/* And the first one again. */
		bench.revision = 2;
		change_and_add(&bench, "c.test", 3);
		assert_certificates_kept(&bench, "a@1=one @1");
		/* Many changes outweigh the base. */
		struct text key = {0};
		for (unsigned i = 0; i < LIMIT_CERTIFICATE_KEY_BYTES - 1; i++)
			text_add_char(&key, 'k');
		for (unsigned i = 0; i < 200; i++) {
			with_certificate(&list, "a", text_c(&key), 10 + i);
			keep_certificates(&bench, list);
		}
		assert_true(file_bytes(&bench) < 16000000);
		with_certificate(&list, "a", "last", 300);
		keep_certificates(&bench, list);
		assert_certificates_kept(&bench, "a@300=last @300");
		text_done(&key);
		text_done(&store);
		link_ledger_free(ledger);
		link_intake_free(intake);
		link_certificates_unref(list);
		bench_done(&bench);
	}
}

/* Wherever it is cut: what is read is whole, the new or the old. */
static void certificates_that_are_torn_are_those_of_before(void **state)
{
	(void)state;
	struct bench bench;
	struct link_certificates *list = link_certificates_new();
	bench_init(&bench, true);
	change_and_add(&bench, "a.test", 1);
	with_certificate(&list, "a", "one", 1);
	keep_certificates(&bench, list);
	const uint64_t before = file_bytes(&bench);
	with_certificate(&list, "a", "two", 2);
	with_certificate(&list, "b", "three", 3);
	keep_certificates(&bench, list);
	for (uint64_t end = file_bytes(&bench); end-- > before;) {
		int fd = open_file(&bench);
		assert_int_equal(ftruncate(fd, (off_t)end), 0);
		close(fd);
		assert_certificates_kept(&bench, "a@1=one @1");
	}
	link_certificates_unref(list);
	bench_done(&bench);
}

int main(void)
{
	hash_init();
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(certificates_are_kept_beside_domains),
	        cmocka_unit_test(a_new_base_has_the_certificates),
	        cmocka_unit_test(certificates_that_are_torn_are_those_of_before),
	        cmocka_unit_test(what_is_added_is_read_back),
	        cmocka_unit_test(who_reads_it_goes_on_with_it),
	        cmocka_unit_test(a_file_without_a_name_may_lie_far_behind),
	        cmocka_unit_test(another_store_takes_the_place_of_the_first),
	        cmocka_unit_test(the_number_of_a_purge_is_kept_beside),
	        cmocka_unit_test(the_number_of_a_purge_goes_with_its_store),
	        cmocka_unit_test(two_may_keep_numbers_at_once),
	        cmocka_unit_test(who_leaves_puts_nothing_in_the_place_of_what_came_after),
	        cmocka_unit_test(a_torn_end_is_left_out),
	        cmocka_unit_test(what_is_damaged_is_left_out),
	        cmocka_unit_test(what_is_no_ledger_is_replaced),
	        cmocka_unit_test(what_a_death_left_of_a_new_one_does_not_stay),
	        cmocka_unit_test(it_does_not_grow_for_ever),
	        cmocka_unit_test(two_may_keep_it_at_once),
	        cmocka_unit_test(where_it_cannot_be_kept_is_told),
	        cmocka_unit_test(a_death_loses_nothing_that_was_added),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
