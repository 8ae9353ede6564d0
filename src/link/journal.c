/*
 * The file is one line of text, then the list:
 *
 *     headwater-journal 1 <revision> <length> <checksum>
 *
 * The checksum (16 hexadecimal digits) covers the list and the line in front of it. A new journal
 * is written under another name, flushed, and renamed; then the folder is flushed, so that the
 * rename is as safe as the bytes.
 *
 * One without a name is written in place. Who was killed while writing leaves one that does not
 * check out; and a lock makes the edges of an upgrade, which see the same change, take turns.
 */
#include "link/journal.h"

#include "base/hash.h"
#include "base/limit.h"
#include "base/mem.h"
#include "link/source.h"
#include "net/disk.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

/* What is canonical may be longer than what an operator wrote. */
enum { JOURNAL_BYTES_MAX = 2 * LIMIT_DOMAINS_FILE_BYTES - 1 };

static const char MAGIC[] = "headwater-journal 1";

static bool write_all(int fd, struct str bytes)
{
	while (bytes.len != 0) {
		ssize_t count = write(fd, bytes.at, bytes.len);
		if (count < 0 && errno == EINTR)
			continue;
		if (count < 0)
			return false;
		bytes = str_make(bytes.at + count, bytes.len - (size_t)count);
	}
	return true;
}

/* Writes a new file and flushes it; what is left of a failed one is removed. */
static bool write_file(const char *path, struct str head, struct str text)
{
	unlink(path);
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0)
		return false;
	bool is_written = write_all(fd, head) && write_all(fd, text) && fsync(fd) == 0;
	int error = errno;
	if (close(fd) != 0 && is_written) {
		error = errno;
		is_written = false;
	}
	if (!is_written)
		unlink(path);
	errno = error;
	return is_written;
}

/* Adds the first line: what the checksum covers of it, and the checksum. */
static void add_head(uint64_t revision, struct str text, struct text *to)
{
	text_addf(to, "%s %" PRIu64 " %zu", MAGIC, revision, text.len);
	text_addf(to, " %016" PRIx64 "\n",
	        hash_mix(hash_checksum(to->at, to->len), hash_checksum(text.at, text.len)));
}

/* Puts a new file in the place of the old one. */
static bool write_path(const char *path, struct str head, struct str text)
{
	struct text temporary = {0};
	text_addf(&temporary, "%s.new", path);
	bool is_written = write_file(text_c(&temporary), head, text) &&
	                  rename(text_c(&temporary), path) == 0 && disk_flush_folder_of(path);
	int error = errno;
	if (!is_written)
		unlink(text_c(&temporary));
	text_done(&temporary);
	errno = error;
	return is_written;
}

/* Waits for a lock (F_RDLCK, F_WRLCK) on all of a file, or gives it back (F_UNLCK); who dies gives
 * it back, too. */
static bool lock(int fd, short type)
{
	struct flock how = {.l_type = type, .l_whence = SEEK_SET};
	int result;
	do
		result = fcntl(fd, F_SETLKW, &how);
	while (result != 0 && errno == EINTR);
	return result == 0;
}

static bool write_nameless(int fd, struct str head, struct str text)
{
	if (!lock(fd, F_WRLCK))
		return false;
	/* The offset is shared with other processes, but nobody moves it without the lock. */
	bool is_written = lseek(fd, 0, SEEK_SET) == 0 && ftruncate(fd, 0) == 0 &&
	                  write_all(fd, head) && write_all(fd, text);
	int error = errno;
	(void)!lock(fd, F_UNLCK);
	errno = error;
	return is_written;
}

bool link_journal_write(const struct link_journal *journal, struct str text, uint64_t revision)
{
	struct text head = {0};
	add_head(revision, text, &head);
	bool is_written = journal->path != NULL
	                          ? write_path(journal->path, text_str(&head), text)
	                          : write_nameless(journal->fd, text_str(&head), text);
	int error = errno;
	text_done(&head);
	errno = error;
	return is_written;
}

/* Takes the journal apart. The first line must be, byte for byte, what would be written for what
 * follows it: then magic, version, length and checksum are right. */
static bool read_whole(struct str whole, struct str *ret_list, uint64_t *ret_revision)
{
	struct str list = whole;
	struct str line = str_cut(&list, '\n');
	struct str rest = line, word = STR_EMPTY;
	for (unsigned i = 0; i < 3; i++)
		word = str_cut(&rest, ' ');
	uint64_t revision;
	if (list.at == NULL || !str_to_u64(word, &revision))
		return false;
	struct text expected = {0};
	add_head(revision, list, &expected);
	bool is_good = str_is_equal(str_make(whole.at, line.len + 1), text_str(&expected));
	text_done(&expected);
	if (is_good) {
		*ret_list = list;
		*ret_revision = revision;
	}
	return is_good;
}

/* All of a file without a name, from its beginning, wherever others have left the offset. */
static bool read_nameless(int fd, struct text *ret_text)
{
	struct stat info;
	if (!lock(fd, F_RDLCK))
		return false;
	bool is_read = fstat(fd, &info) == 0 && info.st_size <= JOURNAL_BYTES_MAX;
	size_t size = is_read ? (size_t)info.st_size : 0, done = 0;
	struct text text = {.at = mem_alloc(size + 1), .len = size, .cap = size + 1};
	while (is_read && done < size) {
		ssize_t count = pread(fd, text.at + done, size - done, (off_t)done);
		is_read = count > 0 || (count < 0 && errno == EINTR);
		done += count > 0 ? (size_t)count : 0;
	}
	(void)!lock(fd, F_UNLCK);
	text.at[size] = '\0';
	if (is_read)
		*ret_text = text;
	else
		text_done(&text);
	return is_read;
}

bool link_journal_read(
        const struct link_journal *journal, struct text *ret_text, uint64_t *ret_revision)
{
	struct text whole;
	struct link_source_stamp stamp;
	struct str list;
	const char *why;
	bool is_there = journal->path != NULL ? link_source_read(journal->path, JOURNAL_BYTES_MAX,
	                                                &whole, &stamp, &why)
	                                      : read_nameless(journal->fd, &whole);
	if (!is_there)
		return false;
	bool is_good = read_whole(text_str(&whole), &list, ret_revision);
	if (is_good)
		text_add(ret_text, list);
	text_done(&whole);
	return is_good;
}
