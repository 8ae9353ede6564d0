/*
 * The file is looked at before and after it is read; when it changed meanwhile, what was read may
 * be a mixture, and counts for nothing.
 */
#include "link/source.h"

#include "base/hash.h"
#include "base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

static bool refuse(int error, const char *why, const char **ret_why)
{
	errno = error;
	*ret_why = why;
	return false;
}

static bool refuse_errno(const char **ret_why)
{
	const char *why = strerrordesc_np(errno);
	return refuse(errno, why == NULL ? "Unknown error" : why, ret_why);
}

static uint64_t nanoseconds(const struct timespec *time)
{
	return (uint64_t)time->tv_sec * 1000000000U + (uint64_t)time->tv_nsec;
}

static bool is_same_version(const struct stat *a, const struct stat *b)
{
	return a->st_ino == b->st_ino && a->st_size == b->st_size &&
	       nanoseconds(&a->st_mtim) == nanoseconds(&b->st_mtim);
}

/* Reads `size` bytes and makes sure that there are no more. */
static bool read_content(int fd, size_t size, char *to, const char **ret_why)
{
	size_t done = 0;
	while (done <= size) {
		ssize_t count = read(fd, to + done, size + 1 - done);
		if (count < 0 && errno == EINTR)
			continue;
		if (count < 0)
			return refuse_errno(ret_why);
		if (count == 0)
			break;
		done += (size_t)count;
	}
	return done == size || refuse(EAGAIN, "is being written", ret_why);
}

static bool read_open(int fd, size_t max, struct text *ret_text,
        struct link_source_stamp *ret_stamp, const char **ret_why)
{
	struct stat before, after;
	if (fstat(fd, &before) != 0)
		return refuse_errno(ret_why);
	if (!S_ISREG(before.st_mode))
		return refuse(EINVAL, "is no regular file", ret_why);
	if ((uint64_t)before.st_size > max)
		return refuse(EFBIG, "is too large", ret_why);
	size_t size = (size_t)before.st_size;
	struct text text = {.at = mem_alloc(size + 1), .len = size, .cap = size + 1};
	bool is_read = read_content(fd, size, text.at, ret_why);
	if (is_read && (fstat(fd, &after) != 0 || !is_same_version(&before, &after)))
		is_read = refuse(EAGAIN, "is being written", ret_why);
	if (!is_read) {
		text_done(&text);
		return false;
	}
	text.at[size] = '\0';
	*ret_text = text;
	*ret_stamp = (struct link_source_stamp){
	        .checksum = hash_checksum(text.at, size),
	        .length = size,
	        .inode = before.st_ino,
	        .touched_ns = nanoseconds(&before.st_mtim),
	};
	return true;
}

bool link_source_read(const char *path, size_t max, struct text *ret_text,
        struct link_source_stamp *ret_stamp, const char **ret_why)
{
	/* Not blocking: opening a pipe would wait for its writer. */
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	if (fd < 0)
		return refuse_errno(ret_why);
	bool is_read = read_open(fd, max, ret_text, ret_stamp, ret_why);
	int error = errno;
	close(fd);
	errno = error;
	return is_read;
}

bool link_source_is_same(const struct link_source_stamp *a, const struct link_source_stamp *b)
{
	return a->checksum == b->checksum && a->length == b->length;
}

bool link_source_is_touched(const struct link_source_stamp *a, const struct link_source_stamp *b)
{
	return link_source_is_same(a, b) &&
	       (a->inode != b->inode || a->touched_ns != b->touched_ns);
}
