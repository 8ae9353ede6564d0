/*
 * A file is a row of entries, each a revision:
 *
 *     8 bytes   how many bytes follow the head, the lowest first
 *     8 bytes   their checksum, with how many there are and where the entry lies
 *     ...       messages (link/message.h): of a base HELLO, BEGIN, all domains, COMMIT; else what
 *               changed, and COMMIT, behind a HELLO where the store has another name since; or
 *               PURGED alone; or all certificates, and CERTIFICATES, which a base is followed by
 *               where there are any
 *
 * With a path, a base is written to another file, flushed, and renamed; what is added later is not
 * flushed, because the control plane has it. Without one, a base is appended at a page of its own,
 * and the pages in front of it are given back: so there is a whole one at any moment, and the file
 * begins where its data does.
 */
#include "link/ledger.h"

#include "base/hash.h"
#include "base/mem.h"
#include "model/json.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

enum { HEAD_BYTES = 16, ADDED_AT_LEAST = 1 << 20 };

/* Everything of a million domains, and as much again. */
#define BYTES_MAX (UINT64_C(4) << 30)

struct link_ledger {
	char *path;             /* NULL: without a name */
	const bool *is_leaving; /* NULL: never */
	int fd;                 /* -1: not opened, or to be opened anew */
	bool owns_fd;
	uint64_t end;      /* where the next entry goes, if the file is as we left it */
	uint64_t base;     /* bytes of the last base; 0: none was read or written */
	uint64_t added;    /* bytes behind it */
	struct text store; /* whose revisions the base has */
	uint64_t purged;   /* the number of a purge of it that is kept */
	struct link_certificates_intake certificates;
};

struct link_ledger *link_ledger_new(const struct link_journal *place)
{
	struct link_ledger *ledger = mem_new(struct link_ledger);
	ledger->fd = place->path == NULL ? place->fd : -1;
	ledger->owns_fd = place->path != NULL;
	ledger->is_leaving = place->is_leaving;
	if (place->path != NULL)
		ledger->path = mem_copy(place->path, strlen(place->path));
	return ledger;
}

static void close_file(struct link_ledger *ledger)
{
	if (ledger->owns_fd && ledger->fd >= 0) {
		int error = errno;
		close(ledger->fd);
		errno = error;
		ledger->fd = -1;
	}
	ledger->base = 0;
}

void link_ledger_free(struct link_ledger *ledger)
{
	if (ledger == NULL)
		return;
	close_file(ledger);
	text_done(&ledger->store);
	link_certificates_intake_done(&ledger->certificates);
	mem_free(ledger->path);
	mem_free(ledger);
}

/* ---- entries ---- */

static void put_number(uint64_t number, char to[8])
{
	for (unsigned i = 0; i < 8; i++)
		to[i] = (char)(number >> (8 * i));
}

static uint64_t get_number(const char from[8])
{
	uint64_t number = 0;
	for (unsigned i = 0; i < 8; i++)
		number |= (uint64_t)(unsigned char)from[i] << (8 * i);
	return number;
}

static uint64_t checksum_of(struct str bytes, uint64_t at)
{
	return hash_mix(hash_mix(hash_checksum(bytes.at, bytes.len), bytes.len), at);
}

/* Fills in the head in front of what was added to `entry` from `from` up to `to`; the text lies at
 * `at`. */
static void finish_part(struct text *entry, size_t from, size_t to, uint64_t at)
{
	char *head = entry->at + from;
	struct str bytes = str_make(head + HEAD_BYTES, to - from - HEAD_BYTES);
	put_number(bytes.len, head);
	put_number(checksum_of(bytes, at + from), head + 8);
}

/* The same of a text that is one entry. */
static void finish_entry(struct text *entry, uint64_t at)
{
	finish_part(entry, 0, entry->len, at);
}

static void begin_entry(struct text *entry)
{
	for (unsigned i = 0; i < HEAD_BYTES; i++)
		text_add_char(entry, '\0');
}

static void add_domain(const struct model_domain *domain, struct text *payload, struct text *to)
{
	text_clear(payload);
	model_json_print_domain(domain, MODEL_JSON_SET, MODEL_PRINT_SECRETS, payload);
	link_message_print(LINK_SAYS_DOMAIN, text_str(payload), to);
}

static void add_commit(uint64_t revision, struct text *payload, struct text *to)
{
	text_clear(payload);
	link_message_print_number("revision", revision, NULL, payload);
	link_message_print(LINK_SAYS_COMMIT, text_str(payload), to);
}

/* Whose revisions and purges these are. */
static void add_hello(struct str store, uint64_t revision, uint64_t purged, struct text *to)
{
	struct text payload = {0};
	const struct link_hello hello = {.id = STR("ledger"),
	        .run = STR("ledger"),
	        .store = store,
	        .revision = revision,
	        .purged = purged};
	link_message_print_hello(&hello, &payload);
	link_message_print(LINK_SAYS_HELLO, text_str(&payload), to);
	text_done(&payload);
}

static void add_base(
        struct str store, const struct model_snapshot *snapshot, uint64_t purged, struct text *to)
{
	struct text payload = {0};
	const uint64_t revision = model_snapshot_revision(snapshot);
	add_hello(store, revision, purged, to);
	link_message_print(LINK_SAYS_BEGIN, STR("{}"), to);
	for (size_t i = 0; i < model_snapshot_count(snapshot); i++)
		add_domain(model_snapshot_at(snapshot, i), &payload, to);
	add_commit(revision, &payload, to);
	text_done(&payload);
}

static void add_changes(const struct link_intake *intake, struct text *to)
{
	struct text payload = {0};
	size_t count;
	const struct model_change *changes = link_intake_changes(intake, &count);
	for (size_t i = 0; i < count; i++) {
		if (changes[i].domain != NULL) {
			add_domain(changes[i].domain, &payload, to);
			continue;
		}
		text_clear(&payload);
		link_message_print_name(str_of(changes[i].name), &payload);
		link_message_print(LINK_SAYS_GONE, text_str(&payload), to);
	}
	add_commit(model_snapshot_revision(link_intake_snapshot(intake)), &payload, to);
	text_done(&payload);
}

/* ---- files ---- */

static bool read_at(int fd, char *to, size_t size, uint64_t at)
{
	while (size > 0) {
		ssize_t count = pread(fd, to, size, (off_t)at);
		if (count < 0 && errno == EINTR)
			continue;
		if (count <= 0)
			return false;
		to += count;
		at += (uint64_t)count;
		size -= (size_t)count;
	}
	return true;
}

static bool write_at(int fd, struct str bytes, uint64_t at)
{
	while (bytes.len > 0) {
		ssize_t count = pwrite(fd, bytes.at, bytes.len, (off_t)at);
		if (count < 0 && errno == EINTR)
			continue;
		if (count < 0)
			return false;
		bytes = str_make(bytes.at + count, bytes.len - (size_t)count);
		at += (uint64_t)count;
	}
	return true;
}

/* Waits for a lock on a file without a name, or gives it back; who dies gives it back, too. */
static bool lock(const struct link_ledger *ledger, short type)
{
	struct flock how = {.l_type = type, .l_whence = SEEK_SET};
	int result;
	if (ledger->path != NULL)
		return true; /* each has a file of its own, of which the last one has the name */
	do
		result = fcntl(ledger->fd, F_SETLKW, &how);
	while (result != 0 && errno == EINTR);
	return result == 0;
}

/* What can be given back is a multiple of this. */
static uint64_t page_of(const struct stat *info)
{
	uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE), block = (uint64_t)info->st_blksize;
	return block > page && block % page == 0 ? block : page;
}

/* Where the first entry lies: a file without a name has nothing in front of it. */
static uint64_t start_of(int fd)
{
	off_t start = lseek(fd, 0, SEEK_DATA);
	return start > 0 ? (uint64_t)start : 0;
}

/* Whether the file is as we left it. */
static bool is_as_left(const struct link_ledger *ledger)
{
	struct stat ours, named;
	if (ledger->base == 0 || ledger->fd < 0 || fstat(ledger->fd, &ours) != 0 ||
	        (uint64_t)ours.st_size != ledger->end)
		return false;
	return ledger->path == NULL ||
	       (stat(ledger->path, &named) == 0 && named.st_ino == ours.st_ino &&
	               named.st_dev == ours.st_dev);
}

/* ---- reading ---- */

/* Reads an entry that has the number of a purge; false when it is another one. */
static bool take_purged(struct str bytes, uint64_t *ret_number)
{
	enum link_message_kind kind;
	struct str payload;
	struct link_purged purged;
	struct arena arena;
	if (link_message_take(&bytes, &kind, &payload) != LINK_MESSAGE_TAKEN ||
	        kind != LINK_SAYS_PURGED || bytes.len > 0)
		return false;
	arena_init(&arena, NULL, 0);
	bool is_read = link_message_read_purged(&arena, payload, &purged);
	if (is_read)
		*ret_number = purged.purged;
	arena_reset(&arena);
	return is_read;
}

/* Has the intake take an entry; false when it says what no entry says. One with a HELLO tells its
 * store, and the number of a purge. */
static bool take_entry(struct str bytes, bool is_first, struct link_intake *intake,
        struct text *ret_store, uint64_t *ret_purged)
{
	enum link_message_kind kind;
	struct str payload;
	struct link_hello hello;
	struct text error = {0};
	struct arena arena;
	enum link_intake_take taken = LINK_INTAKE_MORE;
	bool is_good = true, has_hello = false;
	arena_init(&arena, NULL, 0);
	while (is_good && taken == LINK_INTAKE_MORE) {
		is_good = link_message_take(&bytes, &kind, &payload) == LINK_MESSAGE_TAKEN;
		if (is_good && kind == LINK_SAYS_HELLO) {
			is_good = link_message_read_kept_hello(&arena, payload, &hello);
			has_hello = true;
		} else if (is_good) {
			/* All that is wrong must be seen before the COMMIT is taken. */
			is_good = (has_hello || !is_first) &&
			          (kind == LINK_SAYS_COMMIT) == (bytes.len == 0);
			if (is_good)
				taken = link_intake_take(intake, kind, payload, &error);
			is_good = is_good && taken != LINK_INTAKE_BAD;
		}
	}
	if (is_good && has_hello) {
		text_clear(ret_store);
		text_add(ret_store, hello.store);
		*ret_purged = hello.purged;
	}
	link_intake_drop(intake);
	text_done(&error);
	arena_reset(&arena);
	return is_good;
}

/* Reads an entry that has certificates; false when it is another one, or does not say all. */
static bool take_certificates(struct str bytes, struct link_certificates_intake *intake)
{
	enum link_message_kind kind;
	struct str payload;
	enum link_certificates_take taken = LINK_CERTIFICATES_MORE;
	while (taken == LINK_CERTIFICATES_MORE) {
		if (link_message_take(&bytes, &kind, &payload) != LINK_MESSAGE_TAKEN ||
		        (kind != LINK_SAYS_CERTIFICATE && kind != LINK_SAYS_CERTIFICATES))
			break;
		/* All that is wrong must be seen before the list is taken. */
		if ((kind == LINK_SAYS_CERTIFICATES) != (bytes.len == 0))
			break;
		taken = link_certificates_intake_take(intake, kind, payload);
	}
	link_certificates_intake_drop(intake);
	return taken == LINK_CERTIFICATES_WHOLE;
}

/* The entry at `at`, as an allocation of its own; false when there is none that checks out. */
static bool read_entry(int fd, uint64_t at, uint64_t file_bytes, struct text *ret_entry)
{
	char head[HEAD_BYTES];
	if (file_bytes - at < HEAD_BYTES || !read_at(fd, head, HEAD_BYTES, at))
		return false;
	uint64_t length = get_number(head);
	if (length > file_bytes - at - HEAD_BYTES)
		return false;
	struct text entry = {.at = mem_alloc(length + 1), .len = length, .cap = length + 1};
	entry.at[length] = '\0';
	if (read_at(fd, entry.at, length, at + HEAD_BYTES) &&
	        checksum_of(text_str(&entry), at) == get_number(head + 8)) {
		*ret_entry = entry;
		return true;
	}
	text_done(&entry);
	return false;
}

static bool read_entries(struct link_ledger *ledger, struct link_intake *intake)
{
	struct stat info;
	struct text entry;
	if (fstat(ledger->fd, &info) != 0 || !S_ISREG(info.st_mode))
		return false;
	const uint64_t file_bytes = (uint64_t)info.st_size;
	uint64_t at = start_of(ledger->fd);
	if (file_bytes > at && file_bytes - at > BYTES_MAX)
		return false;
	bool is_first = true, is_good = true;
	while (is_good && at <= file_bytes && read_entry(ledger->fd, at, file_bytes, &entry)) {
		is_good = (!is_first && (take_purged(text_str(&entry), &ledger->purged) ||
		                                take_certificates(text_str(&entry),
		                                        &ledger->certificates))) ||
		          take_entry(text_str(&entry), is_first, intake, &ledger->store,
		                  &ledger->purged);
		if (is_good) {
			at += HEAD_BYTES + entry.len;
			ledger->base = is_first ? entry.len : ledger->base;
			ledger->added = is_first ? 0 : ledger->added + entry.len;
			is_first = false;
		}
		text_done(&entry);
	}
	ledger->end = at;
	return !is_first;
}

bool link_ledger_read(struct link_ledger *ledger, struct link_intake *intake,
        struct text *ret_store, uint64_t *ret_purged)
{
	if (ledger->path != NULL)
		ledger->fd = open(ledger->path, O_RDWR | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	if (ledger->fd < 0 || !lock(ledger, F_RDLCK))
		return false;
	bool is_read = read_entries(ledger, intake);
	if (is_read) {
		text_add(ret_store, text_str(&ledger->store));
		*ret_purged = ledger->purged;
	}
	(void)!lock(ledger, F_UNLCK);
	/* With a path it may be another's, who goes on with it: the first that we add is a base. */
	if (!is_read || ledger->path != NULL)
		close_file(ledger);
	return is_read;
}

/* ---- writing ---- */

/* The base, and what follows it where that is all. */
static void finish_base(struct text *entry, size_t base, uint64_t at)
{
	finish_part(entry, 0, base, at);
	if (entry->len > base)
		finish_part(entry, base, entry->len, at);
}

static bool rewrite_path(struct link_ledger *ledger, struct text *entry, size_t base)
{
	int fd = link_journal_open_new(ledger->path);
	finish_base(entry, base, 0);
	bool is_written = fd >= 0 && write_at(fd, text_str(entry), 0);
	is_written = link_journal_put_new(ledger->path, fd, is_written);
	if (is_written) {
		close_file(ledger);
		ledger->fd = fd;
		ledger->end = entry->len;
	} else if (fd >= 0) {
		int error = errno;
		close(fd);
		errno = error;
	}
	return is_written;
}

/* What was there stays until the new one is whole. */
static bool rewrite_nameless(struct link_ledger *ledger, struct text *entry, size_t base)
{
	struct stat info;
	if (fstat(ledger->fd, &info) != 0)
		return false;
	const uint64_t page = page_of(&info), size = (uint64_t)info.st_size;
	const uint64_t at = (size + page - 1) / page * page;
	finish_base(entry, base, at);
	if (write_at(ledger->fd, text_str(entry), at) &&
	        (at == 0 || fallocate(ledger->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0,
	                            (off_t)at) == 0)) {
		ledger->end = at + entry->len;
		return true;
	}
	int error = errno;
	(void)!ftruncate(ledger->fd, info.st_size);
	errno = error;
	return false;
}

/* There are secrets in it. */
static void forget(struct text *entry)
{
	if (entry->len > 0)
		explicit_bzero(entry->at, entry->len);
	text_done(entry);
}

/* The purges of another store have other numbers. */
static void belong_to(struct link_ledger *ledger, struct str store)
{
	if (str_is_equal(store, text_str(&ledger->store)))
		return;
	ledger->purged = 0;
	text_clear(&ledger->store);
	text_add(&ledger->store, store);
}

static bool rewrite(
        struct link_ledger *ledger, struct str store, const struct model_snapshot *snapshot)
{
	struct text entry = {0};
	belong_to(ledger, store);
	begin_entry(&entry);
	add_base(store, snapshot, ledger->purged, &entry);
	const size_t base = entry.len;
	if (ledger->certificates.list != NULL) {
		begin_entry(&entry);
		link_certificates_print_all(ledger->certificates.list, &entry);
	}
	bool is_written = ledger->path != NULL ? rewrite_path(ledger, &entry, base)
	                                       : rewrite_nameless(ledger, &entry, base);
	int error = errno;
	ledger->base = is_written ? entry.len : 0;
	ledger->added = 0;
	forget(&entry);
	errno = error;
	return is_written;
}

/* Appends what was added to an entry that begin_entry began. */
static bool append(struct link_ledger *ledger, struct text *entry)
{
	finish_entry(entry, ledger->end);
	bool is_written = write_at(ledger->fd, text_str(entry), ledger->end);
	int error = errno;
	if (is_written) {
		ledger->end += entry->len;
		ledger->added += entry->len;
	} else {
		/* The next one begins a new base. */
		(void)!ftruncate(ledger->fd, (off_t)ledger->end);
		ledger->base = 0;
	}
	errno = error;
	return is_written;
}

/* Begins an entry of this store, whose name may be a new one. */
static void begin_entry_of(struct link_ledger *ledger, struct str store,
        const struct link_intake *intake, struct text *entry)
{
	begin_entry(entry);
	if (str_is_equal(store, text_str(&ledger->store)))
		return;
	belong_to(ledger, store);
	add_hello(store, model_snapshot_revision(link_intake_snapshot(intake)), ledger->purged,
	        entry);
}

static bool append_changes(
        struct link_ledger *ledger, struct str store, const struct link_intake *intake)
{
	struct text entry = {0};
	begin_entry_of(ledger, store, intake, &entry);
	add_changes(intake, &entry);
	bool is_written = append(ledger, &entry);
	int error = errno;
	text_done(&entry);
	errno = error;
	return is_written;
}

/* The number, of a store whose name may be a new one. */
static bool append_purged(struct link_ledger *ledger, struct str store, uint64_t number,
        const struct link_intake *intake)
{
	struct text entry = {0}, payload = {0};
	const uint64_t revision = model_snapshot_revision(link_intake_snapshot(intake));
	const struct link_purged purged = {number, number, STR_EMPTY};
	begin_entry(&entry);
	if (str_is_equal(store, text_str(&ledger->store))) {
		link_message_print_purged(&purged, &payload);
		link_message_print(LINK_SAYS_PURGED, text_str(&payload), &entry);
	} else {
		belong_to(ledger, store);
		add_hello(store, revision, number, &entry);
		add_commit(revision, &payload, &entry);
	}
	ledger->purged = number;
	bool is_written = append(ledger, &entry);
	int error = errno;
	text_done(&payload);
	text_done(&entry);
	errno = error;
	return is_written;
}

/* All of them: what is added later stands for what was before. */
static bool append_certificates(struct link_ledger *ledger)
{
	struct text entry = {0};
	begin_entry(&entry);
	link_certificates_print_all(ledger->certificates.list, &entry);
	bool is_written = append(ledger, &entry);
	int error = errno;
	forget(&entry);
	errno = error;
	return is_written;
}

static bool leaves(const struct link_ledger *ledger)
{
	return ledger->is_leaving != NULL && *ledger->is_leaving;
}

/* Whether something can be added behind what is there. */
static bool can_append(const struct link_ledger *ledger)
{
	bool outweighs =
	        !leaves(ledger) && ledger->added > ledger->base && ledger->added > ADDED_AT_LEAST;
	return !outweighs && is_as_left(ledger);
}

static void unlock(const struct link_ledger *ledger)
{
	int error = errno;
	(void)!lock(ledger, F_UNLCK);
	errno = error;
}

bool link_ledger_add(struct link_ledger *ledger, struct str store, const struct link_intake *intake)
{
	if (!lock(ledger, F_WRLCK))
		return false;
	bool is_kept = leaves(ledger);
	if (can_append(ledger))
		is_kept = append_changes(ledger, store, intake);
	else if (!is_kept)
		is_kept = rewrite(ledger, store, link_intake_snapshot(intake));
	unlock(ledger);
	return is_kept;
}

struct link_certificates *link_ledger_certificates(const struct link_ledger *ledger)
{
	return ledger->certificates.list;
}

bool link_ledger_keep_certificates(struct link_ledger *ledger, struct str store,
        const struct link_intake *intake, struct link_certificates *list)
{
	struct link_certificates *before = ledger->certificates.list;
	ledger->certificates.list = link_certificates_ref(list);
	link_certificates_unref(before);
	if (!lock(ledger, F_WRLCK))
		return false;
	bool is_kept = leaves(ledger);
	if (can_append(ledger))
		is_kept = append_certificates(ledger);
	else if (!is_kept)
		is_kept = rewrite(ledger, store, link_intake_snapshot(intake));
	unlock(ledger);
	return is_kept;
}

bool link_ledger_keep_purged(struct link_ledger *ledger, struct str store,
        const struct link_intake *intake, uint64_t purged, bool may_rewrite)
{
	if (!lock(ledger, F_WRLCK))
		return false;
	bool is_kept = leaves(ledger);
	if (can_append(ledger)) {
		bool is_known =
		        ledger->purged == purged && str_is_equal(store, text_str(&ledger->store));
		is_kept = is_known || append_purged(ledger, store, purged, intake);
	} else if (!is_kept && may_rewrite) {
		belong_to(ledger, store);
		ledger->purged = purged;
		is_kept = rewrite(ledger, store, link_intake_snapshot(intake));
	} else if (!is_kept) {
		errno = EAGAIN;
	}
	unlock(ledger);
	return is_kept;
}
