/*
 * The file is one line of text, then the list:
 *
 *     headwater-journal 1 <revision> <length> <checksum>
 *
 * The checksum (16 hexadecimal digits) covers the list and the line in front of it. A new journal
 * is written under another name, flushed, and renamed; then the folder is flushed, so that the
 * rename is as safe as the bytes. The edges of an upgrade see the same change at once, so that name
 * is a lock as well: they take turns, and what a killed one left is written over by the next.
 *
 * One without a name is written in place, under a lock, too. Who was killed while writing leaves
 * one that does not check out.
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

/* Adds the first line: what the checksum covers of it, and the checksum. */
static void add_head(uint64_t revision, struct str text, struct text *to)
{
	text_addf(to, "%s %" PRIu64 " %zu", MAGIC, revision, text.len);
	text_addf(to, " %016" PRIx64 "\n",
	        hash_mix(hash_checksum(to->at, to->len), hash_checksum(text.at, text.len)));
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

static void add_new_name(const char *path, struct text *to)
{
	text_addf(to, "%s.new", path);
}

/* Whether the open file still has this name. */
static bool has_name(int fd, const char *path)
{
	struct stat ours, named;
	return fstat(fd, &ours) == 0 && stat(path, &named) == 0 && ours.st_ino == named.st_ino &&
	       ours.st_dev == named.st_dev;
}

/* Keeps errno; -1. */
static int close_file(int fd)
{
	int error = errno;
	close(fd);
	errno = error;
	return -1;
}

int link_journal_open_new(const char *path)
{
	enum { FLAGS = O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC };
	struct text name = {0};
	int fd;
	bool is_ours = false;
	add_new_name(path, &name);
	/* Who had it before us may have put it in its place; then there is another one to be. */
	while (!is_ours && (fd = open(text_c(&name), FLAGS, 0600)) >= 0) {
		if (!lock(fd, F_WRLCK)) {
			fd = close_file(fd);
			break;
		}
		is_ours = has_name(fd, text_c(&name));
		if (!is_ours)
			close(fd);
	}
	if (is_ours && ftruncate(fd, 0) != 0)
		fd = close_file(fd);
	int error = errno;
	text_done(&name);
	errno = error;
	return fd;
}

bool link_journal_put_new(const char *path, int fd, bool is_written)
{
	struct text name = {0};
	if (fd < 0)
		return false;
	add_new_name(path, &name);
	bool is_put = is_written && fsync(fd) == 0 && rename(text_c(&name), path) == 0;
	int error = errno;
	if (!is_put)
		unlink(text_c(&name));
	(void)!lock(fd, F_UNLCK);
	text_done(&name);
	errno = error;
	return is_put && disk_flush_folder_of(path);
}

/* Puts a new file in the place of the old one. */
static bool write_path(const char *path, struct str head, struct str text)
{
	int fd = link_journal_open_new(path);
	bool is_written = fd >= 0 && write_all(fd, head) && write_all(fd, text);
	is_written = link_journal_put_new(path, fd, is_written);
	if (fd >= 0)
		close_file(fd);
	return is_written;
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
