/*
 * WAL with synchronous=FULL: a commit has been flushed when it returns. The lock on the file is
 * exclusive, for two reasons: a second control would not know what the first one has told its
 * edges, and without it SQLite would map a file of shared memory beside the database, which anybody
 * who can shorten it could kill us by.
 *
 * Before each transaction the file and its log must be as the one before it left them: what is
 * written to a file without a name is lost with the process, and what somebody else wrote would be
 * found much later, when pages are read that are no longer known by heart.
 *
 * A commit that fails may have written all there is to write but for the flush, and would then be
 * found after a crash although it was refused. So another transaction is written over it at once.
 */
#include "store/store_private.h"

#include "base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <sys/stat.h>
#include <unistd.h>

enum { APPLICATION_ID = 0x48577472 /* "HWtr" */ };

/* The first form, which others are made of (MIGRATIONS). `domain` has the last version of each
 * name, also of one that went (body is NULL): who was told all up to a revision asks it for the
 * rest. `history` has each version that there was. `purge` has purges in their order, of which meta
 * has the last number; `edge` says up to which one each edge has done them. `stats` has what was
 * counted in each minute, and `stats_base` how far the counters of each run of an edge were then.
 */
static const char SCHEMA[] =
        "CREATE TABLE meta(name TEXT PRIMARY KEY, value) WITHOUT ROWID;"
        "CREATE TABLE domain(name TEXT PRIMARY KEY, revision INTEGER NOT NULL, body TEXT,"
        " sealed BLOB) WITHOUT ROWID;"
        "CREATE INDEX domain_revision ON domain(revision);"
        "CREATE TABLE history(name TEXT NOT NULL, revision INTEGER NOT NULL, at INTEGER NOT NULL,"
        " who TEXT NOT NULL, action TEXT NOT NULL, body TEXT, sealed BLOB,"
        " PRIMARY KEY(name, revision)) WITHOUT ROWID;"
        "CREATE INDEX history_revision ON history(revision);"
        "CREATE TABLE request(who TEXT NOT NULL, key TEXT NOT NULL, fingerprint BLOB NOT NULL,"
        " revision INTEGER NOT NULL, name TEXT NOT NULL, at INTEGER NOT NULL,"
        " PRIMARY KEY(who, key)) WITHOUT ROWID;"
        "CREATE INDEX request_at ON request(at);"
        "CREATE TABLE account(name TEXT PRIMARY KEY, role INTEGER NOT NULL,"
        " must_change INTEGER NOT NULL, created INTEGER NOT NULL, hash TEXT NOT NULL)"
        " WITHOUT ROWID;"
        "CREATE TABLE pass(id INTEGER PRIMARY KEY AUTOINCREMENT, hash BLOB NOT NULL UNIQUE,"
        " account TEXT NOT NULL, label TEXT NOT NULL, role INTEGER NOT NULL,"
        " created INTEGER NOT NULL, expires INTEGER NOT NULL, is_session INTEGER NOT NULL);"
        "CREATE INDEX pass_account ON pass(account);"
        "CREATE TABLE purge(number INTEGER PRIMARY KEY, at INTEGER NOT NULL, who TEXT NOT NULL,"
        " revision INTEGER NOT NULL, what TEXT NOT NULL);"
        "CREATE TABLE edge(name TEXT PRIMARY KEY, purged INTEGER NOT NULL, at INTEGER NOT NULL)"
        " WITHOUT ROWID;"
        "CREATE TABLE purge_failure(number INTEGER NOT NULL, edge TEXT NOT NULL,"
        " at INTEGER NOT NULL, error TEXT NOT NULL, PRIMARY KEY(number, edge)) WITHOUT ROWID;"
        "CREATE TABLE stats(minute INTEGER NOT NULL, domain TEXT NOT NULL, counts TEXT NOT NULL,"
        " PRIMARY KEY(minute, domain)) WITHOUT ROWID;"
        "CREATE TABLE stats_run(name TEXT PRIMARY KEY, heard INTEGER NOT NULL) WITHOUT ROWID;"
        "CREATE TABLE stats_base(run TEXT NOT NULL, domain TEXT NOT NULL, counts TEXT NOT NULL,"
        " PRIMARY KEY(run, domain)) WITHOUT ROWID;"
        "INSERT INTO meta VALUES('revision', 0), ('purge', 0), ('purge_bytes', 0), ('refused', 0),"
        " ('stats_rows', 0);";

/* Each makes the next form of the one before it, also for a database that is made now. */
static const char *const MIGRATIONS[] = {
        /* `setting` has what is set at run time; meta the revision of its last change, and up to
         * which time the history was looked at for what is too old. */
        "CREATE TABLE setting(name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;"
        "CREATE INDEX history_at ON history(at);"
        "INSERT INTO meta VALUES('settings', 0), ('history_until', 0);",
        /* `certificate` has certificates, with their keys sealed; meta the revision of their last
         * change. */
        "CREATE TABLE certificate(name TEXT PRIMARY KEY, revision INTEGER NOT NULL,"
        " chain TEXT NOT NULL, about TEXT NOT NULL, sealed BLOB NOT NULL) WITHOUT ROWID;"
        "INSERT INTO meta VALUES('certificates', 0);",
};

enum { SCHEMA_VERSION = 1 + (int)ARRAY_LENGTH(MIGRATIONS) };

/* ---- failures ---- */

enum store_failure store_fail_with(
        struct store *store, enum store_failure failure, const char *format, ...)
{
	va_list arguments;
	va_start(arguments, format);
	text_clear(&store->detail);
	text_addv(&store->detail, format, arguments);
	va_end(arguments);
	return failure;
}

enum store_failure store_fail(struct store *store, int code)
{
	int error = sqlite3_system_errno(store->db);
	enum store_failure failure = store_failure_of_sqlite(code);
	if (failure == STORE_SYSTEM && (error == ENOSPC || error == EDQUOT))
		failure = STORE_FULL;
	if (failure == STORE_SYSTEM && error == EROFS)
		failure = STORE_READ_ONLY;
	return store_fail_with(store, failure, "%s%s%s", sqlite3_errmsg(store->db),
	        error != 0 ? ", " : "", error != 0 ? strerrordesc_np(error) : "");
}

void store_add_detail(struct store *store, struct text *to)
{
	pthread_mutex_lock(&store->lock);
	text_add(to, text_str(&store->detail));
	pthread_mutex_unlock(&store->lock);
}

/* ---- statements ---- */

struct store_statement store_prepare(struct store *store, const char *sql)
{
	struct store_statement statement = {.store = store};
	statement.code = sqlite3_prepare_v2(store->db, sql, -1, &statement.handle, NULL);
	return statement;
}

static void note(struct store_statement *statement, int code)
{
	if (statement->code == SQLITE_OK)
		statement->code = code;
}

void store_bind_number(struct store_statement *statement, uint64_t number)
{
	note(statement,
	        sqlite3_bind_int64(statement->handle, ++statement->at, (sqlite3_int64)number));
}

void store_bind_text(struct store_statement *statement, struct str text)
{
	note(statement, sqlite3_bind_text64(statement->handle, ++statement->at, text.at, text.len,
	                        SQLITE_STATIC, SQLITE_UTF8));
}

void store_bind_bytes(struct store_statement *statement, struct str bytes)
{
	note(statement, sqlite3_bind_blob64(statement->handle, ++statement->at, bytes.at, bytes.len,
	                        SQLITE_STATIC));
}

enum store_failure store_step(struct store_statement *statement, bool *ret_has_row)
{
	int code = statement->code != SQLITE_OK ? statement->code : sqlite3_step(statement->handle);
	*ret_has_row = code == SQLITE_ROW;
	if (code == SQLITE_ROW)
		return STORE_DONE;
	enum store_failure failure =
	        code == SQLITE_DONE ? STORE_DONE : store_fail(statement->store, code);
	sqlite3_reset(statement->handle);
	statement->at = 0;
	return failure;
}

enum store_failure store_run(struct store_statement *statement)
{
	bool has_row;
	return store_step(statement, &has_row);
}

struct str store_column(const struct store_statement *statement, int column)
{
	const void *bytes = sqlite3_column_blob(statement->handle, column);
	size_t len = (size_t)sqlite3_column_bytes(statement->handle, column);
	if (sqlite3_column_type(statement->handle, column) == SQLITE_NULL)
		return STR_EMPTY;
	return str_make(bytes == NULL ? "" : bytes, len);
}

uint64_t store_column_number(const struct store_statement *statement, int column)
{
	return (uint64_t)sqlite3_column_int64(statement->handle, column);
}

void store_finalize(struct store_statement *statement)
{
	sqlite3_finalize(statement->handle);
	statement->handle = NULL;
}

enum store_failure store_read_meta(struct store *store, const char *name, uint64_t *ret_number)
{
	struct store_statement statement =
	        store_prepare(store, "SELECT value FROM meta WHERE name=?");
	bool has_row;
	store_bind_text(&statement, str_of(name));
	enum store_failure failure = store_step(&statement, &has_row);
	if (failure == STORE_DONE && !has_row)
		failure = store_fail_with(store, STORE_CORRUPT, "it has no %s", name);
	else if (failure == STORE_DONE)
		*ret_number = store_column_number(&statement, 0);
	store_finalize(&statement);
	return failure;
}

enum store_failure store_write_meta(struct store *store, const char *name, uint64_t number)
{
	struct store_statement statement =
	        store_prepare(store, "UPDATE meta SET value=? WHERE name=?");
	store_bind_number(&statement, number);
	store_bind_text(&statement, str_of(name));
	enum store_failure failure = store_run(&statement);
	store_finalize(&statement);
	return failure;
}

enum store_failure store_read_domains_revision(struct store *store, uint64_t *ret_revision)
{
	uint64_t revision = 0, last = 0;
	bool has_row;
	enum store_failure failure = store_read_meta(store, "revision", &last);
	if (failure != STORE_DONE)
		return failure;
	/* A name that went keeps its row, so this never falls. */
	struct store_statement statement =
	        store_prepare(store, "SELECT coalesce(max(revision), 0) FROM domain");
	failure = store_step(&statement, &has_row);
	if (failure == STORE_DONE && has_row)
		revision = store_column_number(&statement, 0);
	store_finalize(&statement);
	if (failure == STORE_DONE && revision > last)
		return store_fail_with(store, STORE_CORRUPT,
		        "a domain has revision %llu, and the last one is %llu",
		        (unsigned long long)revision, (unsigned long long)last);
	if (failure == STORE_DONE)
		*ret_revision = revision;
	return failure;
}

/* ---- transactions ---- */

static enum store_failure execute(struct store *store, const char *sql)
{
	int code = sqlite3_exec(store->db, sql, NULL, NULL, NULL);
	return code == SQLITE_OK ? STORE_DONE : store_fail(store, code);
}

static struct store_stamp stamp_of(const char *path)
{
	struct stat info;
	if (stat(path, &info) != 0)
		return (struct store_stamp){0};
	return (struct store_stamp){
	        .inode = info.st_ino,
	        .bytes = (uint64_t)info.st_size,
	        .touched_ns =
	                (uint64_t)info.st_mtim.tv_sec * 1000000000 + (uint64_t)info.st_mtim.tv_nsec,
	};
}

static void note_bytes(struct store *store)
{
	uint64_t bytes = 0;
	for (unsigned i = 0; i < STORE_FILES; i++)
		bytes += store->stamps[i].bytes;
	atomic_store(&store->bytes, bytes);
}

/* After we wrote: the files are still ours, unless somebody put others in their places meanwhile;
 * then what was written is nowhere. */
static enum store_failure renew_stamps(struct store *store)
{
	for (unsigned i = 0; i < STORE_FILES; i++) {
		struct store_stamp now = stamp_of(store->paths[i]);
		bool is_new = i == STORE_LOG && store->stamps[i].inode == 0;
		if (!is_new && now.inode != store->stamps[i].inode)
			return store_fail_with(store, STORE_MOVED, "%s", store->paths[i]);
		store->stamps[i] = now;
	}
	note_bytes(store);
	return STORE_DONE;
}

uint64_t store_bytes(const struct store *store)
{
	return atomic_load(&store->bytes);
}

static enum store_failure check_stamps(struct store *store)
{
	for (unsigned i = 0; i < STORE_FILES; i++) {
		struct store_stamp now = stamp_of(store->paths[i]), *then = &store->stamps[i];
		if (now.inode != then->inode)
			return store_fail_with(store, STORE_MOVED, "%s", store->paths[i]);
		if (now.bytes != then->bytes || now.touched_ns != then->touched_ns)
			return store_fail_with(store, STORE_CORRUPT,
			        "%s was written to by somebody else", store->paths[i]);
	}
	return STORE_DONE;
}

enum store_failure store_begin(struct store *store, bool writes)
{
	pthread_mutex_lock(&store->lock);
	enum store_failure failure = check_stamps(store);
	if (failure == STORE_DONE)
		failure = execute(store, writes ? "BEGIN IMMEDIATE" : "BEGIN");
	store->is_writing = failure == STORE_DONE && writes;
	return failure;
}

/* Something that was not there before, or SQLite would find that nothing is to be written. */
static const char ANYTHING[] = "UPDATE meta SET value=value+1 WHERE name='refused'";

/* Writes over what a commit that failed may have left. That this fails, too, is no news. */
static void write_over(struct store *store)
{
	sqlite3_exec(store->db, ANYTHING, NULL, NULL, NULL);
}

/* Some failures have ended the transaction already. */
static void roll_back(struct store *store)
{
	if (sqlite3_get_autocommit(store->db) == 0)
		sqlite3_exec(store->db, "ROLLBACK", NULL, NULL, NULL);
}

enum store_failure store_end(struct store *store, enum store_failure failure)
{
	if (failure == STORE_DONE) {
		failure = execute(store, "COMMIT");
		if (failure != STORE_DONE) {
			roll_back(store);
			write_over(store);
		}
	} else {
		roll_back(store);
	}
	/* Also what was taken back has been in the log. */
	enum store_failure moved = store->is_writing ? renew_stamps(store) : STORE_DONE;
	store->is_writing = false;
	pthread_mutex_unlock(&store->lock);
	return failure == STORE_DONE ? moved : failure;
}

/* ---- opening ---- */

static enum store_failure read_number(struct store *store, const char *sql, uint64_t *ret_number)
{
	struct store_statement statement = store_prepare(store, sql);
	bool has_row;
	enum store_failure failure = store_step(&statement, &has_row);
	if (failure == STORE_DONE)
		*ret_number = has_row ? store_column_number(&statement, 0) : 0;
	store_finalize(&statement);
	return failure;
}

static enum store_failure write_meta(struct store *store, const char *name, struct str bytes)
{
	struct store_statement statement = store_prepare(store, "INSERT INTO meta VALUES(?, ?)");
	store_bind_text(&statement, str_of(name));
	store_bind_bytes(&statement, bytes);
	enum store_failure failure = store_run(&statement);
	store_finalize(&statement);
	return failure;
}

static enum store_failure write_id(struct store *store)
{
	unsigned char bytes[(STORE_ID_BYTES - 1) / 2];
	char id[STORE_ID_BYTES];
	randombytes_buf(bytes, sizeof(bytes));
	sodium_bin2hex(id, sizeof(id), bytes, sizeof(bytes));
	return write_meta(store, "id", str_of(id));
}

/* Something sealed, so that another key is told from this one before anything else is sealed. */
static enum store_failure write_sample(struct store *store)
{
	struct text sealed = {0};
	store_seal_close(store->seal, STR("sample"), STR("sample"), &sealed);
	enum store_failure failure = write_meta(store, "sample", text_str(&sealed));
	text_done(&sealed);
	return failure;
}

static enum store_failure check_sample(struct store *store, const char *key_path)
{
	struct text open = {0};
	bool has_row;
	struct store_statement statement =
	        store_prepare(store, "SELECT value FROM meta WHERE name='sample'");
	enum store_failure failure = store_step(&statement, &has_row);
	struct str sample =
	        failure == STORE_DONE && has_row ? store_column(&statement, 0) : STR_EMPTY;
	if (failure == STORE_DONE && !has_row)
		failure = store_fail_with(store, STORE_CORRUPT, "it has no sample of its key");
	else if (failure == STORE_DONE &&
	         !store_seal_break(store->seal, STR("sample"), sample, &open))
		failure = store_fail_with(store, STORE_KEY, "%s has another one", key_path);
	store_finalize(&statement);
	text_done(&open);
	return failure;
}

/* A key is made for a database that is made: one that was lost must not be replaced in silence. */
static enum store_failure open_seal(struct store *store, const char *key_path, bool may_make)
{
	const char *why;
	store->seal = store_seal_open(key_path, may_make, &why);
	if (store->seal != NULL)
		return STORE_DONE;
	return store_fail_with(store, STORE_KEY, "%s %s%s%s", key_path, why, errno != 0 ? ": " : "",
	        errno != 0 ? strerrordesc_np(errno) : "");
}

/* From one form to that of this version. */
static enum store_failure migrate(struct store *store, uint64_t version)
{
	char sql[96];
	enum store_failure failure = STORE_DONE;
	if (version == SCHEMA_VERSION)
		return STORE_DONE;
	for (; version < SCHEMA_VERSION && failure == STORE_DONE; version++)
		failure = execute(store, MIGRATIONS[version - 1]);
	snprintf(sql, sizeof(sql), "PRAGMA application_id=%d; PRAGMA user_version=%d;",
	        APPLICATION_ID, SCHEMA_VERSION);
	return failure == STORE_DONE ? execute(store, sql) : failure;
}

/* In one transaction, so that a database is whole or empty. */
static enum store_failure make_schema(struct store *store, const char *key_path)
{
	enum store_failure failure = open_seal(store, key_path, true);
	if (failure == STORE_DONE)
		failure = execute(store, SCHEMA);
	if (failure == STORE_DONE)
		failure = migrate(store, 1);
	if (failure == STORE_DONE)
		failure = write_id(store);
	if (failure == STORE_DONE)
		failure = write_sample(store);
	return failure;
}

static enum store_failure check_schema(struct store *store, const char *key_path)
{
	uint64_t version, application, tables;
	enum store_failure failure = read_number(store, "PRAGMA user_version", &version);
	if (failure == STORE_DONE)
		failure = read_number(store, "PRAGMA application_id", &application);
	if (failure == STORE_DONE)
		failure = read_number(store, "SELECT count(*) FROM sqlite_schema", &tables);
	if (failure != STORE_DONE)
		return failure;
	if (version == 0 && application == 0 && tables == 0)
		return make_schema(store, key_path);
	if (application != APPLICATION_ID)
		return store_fail_with(store, STORE_CORRUPT, "it belongs to another program");
	if (version > SCHEMA_VERSION)
		return store_fail_with(store, STORE_NEWER,
		        "its form is %llu, and this version knows those up to %d",
		        (unsigned long long)version, SCHEMA_VERSION);
	if (version < 1)
		return store_fail_with(store, STORE_CORRUPT, "it has no form");
	failure = open_seal(store, key_path, false);
	if (failure == STORE_DONE)
		failure = check_sample(store, key_path);
	/* Only what is ours, and can be opened, is changed. */
	return failure == STORE_DONE ? migrate(store, version) : failure;
}

static enum store_failure read_id(struct store *store)
{
	struct store_statement statement =
	        store_prepare(store, "SELECT value FROM meta WHERE name='id'");
	bool has_row;
	enum store_failure failure = store_step(&statement, &has_row);
	struct str id = failure == STORE_DONE && has_row ? store_column(&statement, 0) : STR_EMPTY;
	if (failure == STORE_DONE && id.len != STORE_ID_BYTES - 1)
		failure = store_fail_with(store, STORE_CORRUPT, "it has no id");
	else if (failure == STORE_DONE)
		memcpy(store->id, id.at, id.len);
	store_finalize(&statement);
	return failure;
}

/* SQLite would make the file with the mode that the umask allows. */
static enum store_failure make_file(struct store *store, const char *path)
{
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, 0600);
	struct stat info = {0};
	if (fd < 0)
		return store_fail_with(store,
		        errno == ENOSPC || errno == EDQUOT                    ? STORE_FULL
		        : errno == EROFS || errno == EACCES || errno == EPERM ? STORE_READ_ONLY
		                                                              : STORE_SYSTEM,
		        "%s: %s", path, strerrordesc_np(errno));
	bool is_file = fstat(fd, &info) == 0 && S_ISREG(info.st_mode);
	close(fd);
	return is_file ? STORE_DONE
	               : store_fail_with(store, STORE_CORRUPT, "%s is no regular file", path);
}

static enum store_failure open_file(struct store *store, const char *path)
{
	static const char SETTINGS[] = "PRAGMA locking_mode=EXCLUSIVE; PRAGMA journal_mode=WAL;"
	                               "PRAGMA synchronous=FULL; PRAGMA trusted_schema=OFF;"
	                               "PRAGMA cell_size_check=ON;";
	int code = sqlite3_open_v2(
	        path, &store->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL);
	if (code != SQLITE_OK)
		return store->db != NULL ? store_fail(store, code)
		                         : store_fail_with(store, STORE_SYSTEM, "no memory");
	sqlite3_extended_result_codes(store->db, 1);
	/* Where they really lie, behind symbolic links. */
	const char *file = sqlite3_db_filename(store->db, "main");
	const char *log = sqlite3_filename_wal(file);
	store->paths[STORE_FILE] = mem_copy(file, strlen(file));
	store->paths[STORE_LOG] = mem_copy(log, strlen(log));
	return execute(store, SETTINGS);
}

static enum store_failure open_all(struct store *store, const struct store_options *options)
{
	enum store_failure failure = make_file(store, options->path);
	if (failure == STORE_DONE)
		failure = open_file(store, options->path);
	if (failure != STORE_DONE)
		return failure;
	for (unsigned i = 0; i < STORE_FILES; i++)
		store->stamps[i] = stamp_of(store->paths[i]);
	failure = store_begin(store, true);
	if (failure == STORE_DONE)
		failure = check_schema(store, options->key_path);
	if (failure == STORE_DONE)
		failure = read_id(store);
	return store_end(store, failure);
}

struct store *store_open(const struct store_options *options, enum store_failure *ret_failure,
        struct text *ret_detail)
{
	struct store *store = mem_new(struct store);
	CHECK(pthread_mutex_init(&store->lock, NULL) == 0);
	enum store_failure failure = open_all(store, options);
	if (failure == STORE_DONE)
		return store;
	*ret_failure = failure;
	text_add(ret_detail, text_str(&store->detail));
	store_close(store);
	return NULL;
}

void store_close(struct store *store)
{
	if (store == NULL)
		return;
	CHECK(sqlite3_close(store->db) == SQLITE_OK);
	store_seal_free(store->seal);
	for (unsigned i = 0; i < STORE_FILES; i++)
		mem_free(store->paths[i]);
	pthread_mutex_destroy(&store->lock);
	text_done(&store->detail);
	mem_free(store);
}

enum store_failure store_try(struct store *store)
{
	enum store_failure failure = store_begin(store, true);
	if (failure == STORE_DONE)
		failure = execute(store, ANYTHING);
	return store_end(store, failure);
}

const char *store_id(const struct store *store)
{
	return store->id;
}
