/* Opening, what is no database, and what becomes of a file under our feet. */
#include "failing.h"

#include "base/mem.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>

static void write_file(const char *path, const char *text, size_t length)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, length), (ssize_t)length);
	close(fd);
}

static void it_is_made_for_its_owner_and_keeps_its_id(void **state)
{
	(void)state;
	struct place place;
	struct stat info;
	char id[STORE_ID_BYTES];
	place_init(&place);
	struct store *store = open_good(&place);
	snprintf(id, sizeof(id), "%s", store_id(store));
	assert_int_equal(strlen(id), STORE_ID_BYTES - 1);
	assert_int_equal(stat(place.path, &info), 0);
	assert_int_equal(info.st_mode & 0777, 0600);
	store_close(store);
	store = open_good(&place);
	assert_string_equal(store_id(store), id);
	store_close(store);
	place_done(&place);
}

static void two_stores_have_two_ids(void **state)
{
	(void)state;
	struct place first, second;
	place_init(&first);
	place_init(&second);
	struct store *one = open_good(&first), *two = open_good(&second);
	assert_string_not_equal(store_id(one), store_id(two));
	store_close(one);
	store_close(two);
	place_done(&first);
	place_done(&second);
}

static void one_process_has_it_at_a_time(void **state)
{
	(void)state;
	struct place place;
	place_init(&place);
	struct store *store = open_good(&place);
	assert_int_equal(open_bad(&place), STORE_USED);
	store_close(store);
	store_close(open_good(&place));
	place_done(&place);
}

static void what_is_no_database_of_ours_is_refused_and_left_alone(void **state)
{
	(void)state;
	static const char GARBAGE[8192] = "This is no database, and has enough bytes for one.";
	struct place place;
	sqlite3 *other;
	struct stat info;
	place_init(&place);
	write_file(place.path, GARBAGE, sizeof(GARBAGE));
	assert_int_equal(open_bad(&place), STORE_CORRUPT);
	assert_int_equal(stat(place.path, &info), 0);
	assert_int_equal(info.st_size, sizeof(GARBAGE));

	unlink(place.path);
	assert_int_equal(sqlite3_open(place.path, &other), SQLITE_OK);
	assert_int_equal(
	        sqlite3_exec(other, "CREATE TABLE domain(x)", NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(other);
	assert_int_equal(open_bad(&place), STORE_CORRUPT);

	unlink(place.path);
	assert_int_equal(mkdir(place.path, 0700), 0);
	assert_int_not_equal(open_bad(&place), STORE_DONE);
	place_done(&place);
}

static void a_later_version_s_is_refused(void **state)
{
	(void)state;
	struct place place;
	sqlite3 *db;
	place_init(&place);
	store_close(open_good(&place));
	assert_int_equal(sqlite3_open(place.path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, "PRAGMA locking_mode=EXCLUSIVE; PRAGMA user_version=4",
	                         NULL, NULL, NULL),
	        SQLITE_OK);
	sqlite3_close(db);
	assert_int_equal(open_bad(&place), STORE_NEWER);
	place_done(&place);
}

/* What takes a form back to the one before it. */
static const char *const BACK[] = {
        "BEGIN; DROP TABLE setting; DROP INDEX history_at;"
        "DELETE FROM meta WHERE name IN ('settings', 'history_until');"
        "PRAGMA user_version=1; COMMIT",
        "BEGIN; DROP TABLE certificate; DELETE FROM meta WHERE name = 'certificates';"
        "PRAGMA user_version=2; COMMIT",
};

/* Makes of a database one as an earlier version made it. */
static void make_form(const struct place *place, unsigned version)
{
	sqlite3 *db;
	char *error = NULL;
	assert_int_equal(sqlite3_open(place->path, &db), SQLITE_OK);
	sqlite3_exec(db, "PRAGMA locking_mode=EXCLUSIVE", NULL, NULL, &error);
	for (unsigned i = ARRAY_LENGTH(BACK); i >= version && error == NULL; i--)
		sqlite3_exec(db, BACK[i - 1], NULL, NULL, &error);
	assert_null(error);
	sqlite3_close(db);
}

static int on_form(void *to, int count, char **values, char **names)
{
	(void)names;
	assert_int_equal(count, 1);
	text_addf(to, "%s;", values[0] != NULL ? values[0] : "-");
	return 0;
}

/* The form of a database, as SQLite has it. */
static void read_form(const struct place *place, struct text *to)
{
	sqlite3 *db;
	assert_int_equal(sqlite3_open(place->path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, "PRAGMA locking_mode=EXCLUSIVE; PRAGMA user_version",
	                         on_form, to, NULL),
	        SQLITE_OK);
	assert_int_equal(
	        sqlite3_exec(db, "SELECT sql FROM sqlite_schema ORDER BY name", on_form, to, NULL),
	        SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, "SELECT name FROM meta ORDER BY name", on_form, to, NULL),
	        SQLITE_OK);
	sqlite3_close(db);
}

static void migrate_from(unsigned version)
{
	struct place place;
	struct text made = {0}, migrated = {0};
	uint64_t revision;
	place_init(&place);
	struct store *store = open_good(&place);
	assert_int_equal(commit_one(store, "a.test", 4, 0, &revision), STORE_DONE);
	store_close(store);
	read_form(&place, &made);
	make_form(&place, version);
	store = open_good(&place);
	assert_int_equal(attempts_of(store, "a.test"), 4);
	assert_int_equal(commit_one(store, "a.test", 5, 1, &revision), STORE_DONE);
	assert_int_equal(revision, 2);
	store_close(store);
	read_form(&place, &migrated);
	assert_string_equal(text_c(&migrated), text_c(&made));
	/* And stays one. */
	store_close(open_good(&place));
	text_done(&made);
	text_done(&migrated);
	place_done(&place);
}

static void an_older_version_s_becomes_one_of_this_version(void **state)
{
	(void)state;
	for (unsigned version = 1; version <= ARRAY_LENGTH(BACK); version++)
		migrate_from(version);
}

/* At whatever step: it is as before, and becomes one the next time. */
static void a_migration_that_fails_has_changed_nothing(void **state)
{
	(void)state;
	bool was_reached = true;
	for (unsigned countdown = 1; was_reached; countdown++) {
		struct place place;
		enum store_failure failure = STORE_DONE;
		struct text detail = {0};
		uint64_t revision;
		place_init(&place);
		struct store *store = open_good(&place);
		assert_int_equal(commit_one(store, "a.test", 4, 0, &revision), STORE_DONE);
		store_close(store);
		make_form(&place, 1);
		failing_arm(countdown, FAILING_HALF_DONE, SQLITE_FULL);
		store = store_open(&place.options, &failure, &detail);
		was_reached = failing.has_failed;
		failing_arm(0, FAILING_NOTHING_DONE, 0);
		assert_true(store != NULL || failure == STORE_FULL);
		store_close(store);
		store = open_good(&place);
		assert_int_equal(attempts_of(store, "a.test"), 4);
		store_close(store);
		text_done(&detail);
		place_done(&place);
	}
}

static void without_its_key_or_folder_it_does_not_open(void **state)
{
	(void)state;
	struct place place;
	place_init(&place);
	write_file(place.key, "short", 5);
	assert_int_equal(open_bad(&place), STORE_KEY);
	unlink(place.key);
	place.options.path = "/nowhere/at/all/store.db";
	assert_int_equal(open_bad(&place), STORE_SYSTEM);
	place_done(&place);
}

/* ---- while it is in use ---- */

enum { REMOVED, RENAMED, REPLACED, SHORTENED, SCRIBBLED, LOG_REMOVED, LOG_SHORTENED, HARMS };

static void harm(const struct place *place, unsigned how)
{
	static const char GARBAGE[4096] = "garbage";
	char other[160], log[160];
	snprintf(other, sizeof(other), "%s.other", place->path);
	snprintf(log, sizeof(log), "%s-wal", place->path);
	switch (how) {
	case REMOVED:
		assert_int_equal(unlink(place->path), 0);
		break;
	case RENAMED:
		assert_int_equal(rename(place->path, other), 0);
		break;
	case REPLACED:
		write_file(other, GARBAGE, sizeof(GARBAGE));
		assert_int_equal(rename(other, place->path), 0);
		break;
	case SHORTENED:
		assert_int_equal(truncate(place->path, 100), 0);
		break;
	case SCRIBBLED:
		write_file(place->path, GARBAGE, sizeof(GARBAGE));
		break;
	case LOG_REMOVED:
		assert_int_equal(unlink(log), 0);
		break;
	default:
		assert_int_equal(truncate(log, 0), 0);
		break;
	}
}

static void what_is_done_to_its_files_is_told(void **state)
{
	(void)state;
	static const enum store_failure FAILURES[HARMS] = {
	        [REMOVED] = STORE_MOVED,
	        [RENAMED] = STORE_MOVED,
	        [REPLACED] = STORE_MOVED,
	        [SHORTENED] = STORE_CORRUPT,
	        [SCRIBBLED] = STORE_CORRUPT,
	        [LOG_REMOVED] = STORE_MOVED,
	        [LOG_SHORTENED] = STORE_CORRUPT,
	};
	for (unsigned how = 0; how < HARMS; how++) {
		struct place place;
		struct known known;
		struct text detail = {0};
		uint64_t revision = 0;
		place_init(&place);
		struct store *store = open_good(&place);
		assert_int_equal(commit_one(store, "a.test", 1, 0, &revision), STORE_DONE);
		harm(&place, how);
		assert_int_equal(commit_one(store, "b.test", 1, 0, &revision), FAILURES[how]);
		assert_int_equal(read_known(store, 0, &known), FAILURES[how]);
		assert_int_equal(revision, 1);
		store_add_detail(store, &detail);
		assert_non_null(strstr(text_c(&detail), place.path));
		text_done(&detail);
		store_close(store);
		place_done(&place);
	}
}

/* ---- a disk that fails ---- */

/* What a store finds that begins with the files as they are now: nobody has tidied them up. */
static unsigned attempts_after_death(const struct place *place, const char *name)
{
	struct place copy = *place;
	char command[512];
	snprintf(copy.path, sizeof(copy.path), "%s/copy.db", place->folder);
	snprintf(command, sizeof(command), "cp %s %s && cp %s-wal %s-wal", place->path, copy.path,
	        place->path, copy.path);
	assert_int_equal(system(command), 0);
	copy.options = (struct store_options){.path = copy.path, .key_path = place->key};
	struct store *store = open_good(&copy);
	unsigned attempts = attempts_of(store, name);
	store_close(store);
	return attempts;
}

/* At each step, in each way: what was acknowledged is there, what was refused is not, in this store
 * and in the next. */
static void a_write_that_fails_leaves_nothing(void **state)
{
	(void)state;
	static const int CODES[] = {SQLITE_FULL, SQLITE_IOERR_WRITE};
	for (unsigned round = 0; round < ARRAY_LENGTH(CODES) * FAILING_HOWS; round++) {
		unsigned countdown = 0;
		bool was_reached = true;
		while (was_reached) {
			struct place place;
			uint64_t revision;
			place_init(&place);
			struct store *store = open_good(&place);
			assert_int_equal(commit_one(store, "a.test", 1, 0, &revision), STORE_DONE);
			failing_arm(++countdown, (enum failing_how)(round % FAILING_HOWS),
			        CODES[round / FAILING_HOWS]);
			enum store_failure failure = commit_one(store, "a.test", 2, 1, &revision);
			was_reached = failing.has_failed;
			failing_arm(0, FAILING_NOTHING_DONE, 0);
			unsigned wanted = failure == STORE_DONE ? 2 : 1;
			assert_true(failure == STORE_DONE || was_reached);
			assert_int_equal(attempts_of(store, "a.test"), wanted);
			assert_int_equal(attempts_after_death(&place, "a.test"), wanted);
			assert_int_equal(
			        commit_one(store, "a.test", 3, STORE_ANY_REVISION, &revision),
			        STORE_DONE);
			store_close(store);
			store = open_good(&place);
			assert_int_equal(attempts_of(store, "a.test"), 3);
			store_close(store);
			place_done(&place);
		}
		assert_true(countdown > 2);
	}
}

static void a_store_that_cannot_be_made_is_made_the_next_time(void **state)
{
	(void)state;
	bool was_reached = true;
	for (unsigned countdown = 1; was_reached; countdown++) {
		struct place place;
		enum store_failure failure = STORE_DONE;
		struct text detail = {0};
		place_init(&place);
		failing_arm(countdown, FAILING_HALF_DONE, SQLITE_FULL);
		struct store *store = store_open(&place.options, &failure, &detail);
		was_reached = failing.has_failed;
		failing_arm(0, FAILING_NOTHING_DONE, 0);
		assert_true(store != NULL || failure == STORE_FULL);
		store_close(store);
		text_done(&detail);
		store_close(open_good(&place));
		place_done(&place);
	}
}

/* Or who asks whether it works again would be told so as long as there is nothing to do. */
static void trying_it_writes_to_it(void **state)
{
	(void)state;
	static const enum store_failure EXPECTED[] = {STORE_FULL, STORE_SYSTEM};
	static const int CODES[] = {SQLITE_FULL, SQLITE_IOERR_WRITE};
	struct place place;
	struct known known;
	place_init(&place);
	struct store *store = open_good(&place);
	assert_int_equal(store_try(store), STORE_DONE);
	for (size_t i = 0; i < ARRAY_LENGTH(CODES); i++) {
		failing_arm(1, FAILING_NOTHING_DONE, CODES[i]);
		assert_int_equal(store_try(store), EXPECTED[i]);
		failing_arm(0, FAILING_NOTHING_DONE, 0);
		assert_int_equal(store_try(store), STORE_DONE);
	}
	/* It means nothing. */
	assert_int_equal(read_known(store, 0, &known), STORE_DONE);
	assert_int_equal(known.revision, 0);
	assert_int_equal(known.count, 0);
	store_close(store);
	place_done(&place);
}

/* So many that SQLite writes before the commit, and fails there. */
static void a_large_change_that_has_no_room_can_be_made_later(void **state)
{
	(void)state;
	enum { COUNT = 20000 };
	struct place place;
	struct store_change *changes = mem_alloc(COUNT * sizeof(*changes));
	const struct store_note note = {.who = {"alice", 5}, .action = {"apply", 5}};
	uint64_t revision = 0;
	size_t at;
	place_init(&place);
	struct store *store = open_good(&place);
	for (unsigned i = 0; i < COUNT; i++) {
		char name[32];
		snprintf(name, sizeof(name), "d%u.test", i);
		changes[i].domain = make_domain(name, 1);
		changes[i].name = changes[i].domain->name;
		changes[i].expected = 0;
	}
	failing_arm(200, FAILING_HALF_DONE, SQLITE_FULL);
	assert_int_equal(
	        store_domains_commit(store, changes, COUNT, &note, &revision, &at), STORE_FULL);
	assert_true(failing.has_failed);
	failing_arm(0, FAILING_NOTHING_DONE, 0);
	assert_int_equal(
	        store_domains_commit(store, changes, COUNT, &note, &revision, &at), STORE_DONE);
	assert_int_equal(revision, 1);
	for (unsigned i = 0; i < COUNT; i++)
		model_domain_unref(changes[i].domain);
	mem_free(changes);
	store_close(store);
	place_done(&place);
}

/* A path may be a link: what is watched lies where it leads. */
static void a_log_beside_a_linked_file_is_watched(void **state)
{
	(void)state;
	struct place place;
	char real[128], log[160];
	uint64_t revision;
	place_init(&place);
	snprintf(real, sizeof(real), "%s/real.db", place.folder);
	snprintf(log, sizeof(log), "%s-wal", real);
	assert_int_equal(symlink(real, place.path), 0);
	struct store *store = open_good(&place);
	assert_int_equal(commit_one(store, "a.test", 1, 0, &revision), STORE_DONE);
	assert_int_equal(unlink(log), 0);
	assert_int_equal(commit_one(store, "b.test", 1, 0, &revision), STORE_MOVED);
	store_close(store);
	place_done(&place);
}

/* ---- a process that dies ---- */

/* Commits versions 1, 2, 3 … and says so of each. */
static void commit_until_killed(const struct place *place, unsigned first, int to)
{
	struct store *store = open_good(place);
	for (unsigned i = first;; i++) {
		uint64_t revision;
		if (commit_one(store, "a.test", 1 + i % 10, STORE_ANY_REVISION, &revision) !=
		                STORE_DONE ||
		        write(to, &revision, sizeof(revision)) != sizeof(revision))
			_exit(1);
	}
}

static void what_was_acknowledged_outlives_a_kill(void **state)
{
	(void)state;
	struct place place;
	uint64_t acknowledged = 0;
	place_init(&place);
	srand(1);
	for (unsigned round = 0; round < 50; round++) {
		int ends[2];
		assert_int_equal(pipe(ends), 0);
		pid_t pid = fork();
		if (pid == 0)
			commit_until_killed(&place, (unsigned)acknowledged, ends[1]);
		close(ends[1]);
		unsigned commits = 1 + (unsigned)rand() % 6;
		for (unsigned i = 0; i < commits; i++)
			assert_int_equal(read(ends[0], &acknowledged, sizeof(acknowledged)),
			        sizeof(acknowledged));
		usleep((unsigned)rand() % 3000);
		kill(pid, SIGKILL);
		while (read(ends[0], &acknowledged, sizeof(acknowledged)) > 0)
			;
		close(ends[0]);
		waitpid(pid, NULL, 0);

		struct known known;
		struct store *store = open_good(&place);
		assert_int_equal(read_known(store, 0, &known), STORE_DONE);
		assert_int_equal(known.count, 1);
		assert_true(known.revision == acknowledged || known.revision == acknowledged + 1);
		assert_int_equal(known.list[0].attempts, 1 + (known.revision - 1) % 10);
		acknowledged = known.revision;
		store_close(store);
	}
	place_done(&place);
}

int main(void)
{
	failing_install();
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(it_is_made_for_its_owner_and_keeps_its_id),
	        cmocka_unit_test(two_stores_have_two_ids),
	        cmocka_unit_test(one_process_has_it_at_a_time),
	        cmocka_unit_test(what_is_no_database_of_ours_is_refused_and_left_alone),
	        cmocka_unit_test(a_later_version_s_is_refused),
	        cmocka_unit_test(an_older_version_s_becomes_one_of_this_version),
	        cmocka_unit_test(a_migration_that_fails_has_changed_nothing),
	        cmocka_unit_test(without_its_key_or_folder_it_does_not_open),
	        cmocka_unit_test(what_is_done_to_its_files_is_told),
	        cmocka_unit_test(a_write_that_fails_leaves_nothing),
	        cmocka_unit_test(trying_it_writes_to_it),
	        cmocka_unit_test(a_large_change_that_has_no_room_can_be_made_later),
	        cmocka_unit_test(a_log_beside_a_linked_file_is_watched),
	        cmocka_unit_test(a_store_that_cannot_be_made_is_made_the_next_time),
	        cmocka_unit_test(what_was_acknowledged_outlives_a_kill),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
