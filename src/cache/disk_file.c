/*
 * Opening a disk must not be how an operator's data are lost: whatever is neither empty nor ours is
 * left as it is, and block devices are opened exclusively, so that one that is mounted, or part of
 * something larger, can't be had.
 *
 * The lock is flock's, which belongs to the open file, so that a descriptor that was handed to
 * another process has it, too. A process that was killed may take a moment to let go of it, so who
 * finds it taken tries for some seconds.
 */
#include "cache/disk_file_private.h"

#include "base/clock.h"
#include "base/mem.h"
#include "cache/disk.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum {
	LOCK_MS = 5000,
	LOCK_PAUSE_MS = 100,
};

static bool is_kind(const struct stat *info)
{
	return S_ISREG(info->st_mode) || S_ISBLK(info->st_mode);
}

/* Opens what is there, or makes it. Other kinds of files are not even opened: that alone may do
 * something to a device. */
static enum cache_disk_open open_file(const char *path, int *ret_fd, struct stat *ret_info)
{
	int flags = O_RDWR | O_CLOEXEC | O_NOCTTY | O_NONBLOCK;
	if (stat(path, ret_info) == 0) {
		if (!is_kind(ret_info))
			return CACHE_DISK_OPEN_KIND;
		flags |= S_ISBLK(ret_info->st_mode) ? O_EXCL : 0;
	} else if (errno == ENOENT) {
		flags |= O_CREAT;
	} else {
		return CACHE_DISK_OPEN_SYSTEM;
	}
	int fd = open(path, flags, 0600);
	if (fd < 0)
		return errno == EBUSY ? CACHE_DISK_OPEN_USED : CACHE_DISK_OPEN_SYSTEM;
	if (fstat(fd, ret_info) != 0 || !is_kind(ret_info)) {
		close(fd);
		return CACHE_DISK_OPEN_KIND;
	}
	*ret_fd = fd;
	return CACHE_DISK_OPEN_DONE;
}

/* Opens and locks, once. */
static enum cache_disk_open try_open(const char *path, int *ret_fd, struct stat *ret_info)
{
	int fd = -1;
	enum cache_disk_open verdict = open_file(path, &fd, ret_info);
	if (verdict != CACHE_DISK_OPEN_DONE)
		return verdict;
	if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
		int error = errno;
		close(fd);
		errno = error;
		return error == EWOULDBLOCK ? CACHE_DISK_OPEN_USED : CACHE_DISK_OPEN_SYSTEM;
	}
	*ret_fd = fd;
	return CACHE_DISK_OPEN_DONE;
}

/* Reads as much as there is; -1 with errno. */
static ssize_t read_whole(int fd, void *to, size_t bytes, off_t at)
{
	size_t done = 0;
	while (done < bytes) {
		ssize_t count = pread(fd, (char *)to + done, bytes - done, at + (off_t)done);
		if (count < 0 && errno == EINTR)
			continue;
		if (count < 0)
			return -1;
		if (count == 0)
			break;
		done += (size_t)count;
	}
	return (ssize_t)done;
}

static bool write_whole(int fd, const void *from, size_t bytes, off_t at)
{
	for (size_t done = 0; done < bytes;) {
		ssize_t count =
		        pwrite(fd, (const char *)from + done, bytes - done, at + (off_t)done);
		if (count < 0 && errno == EINTR)
			continue;
		if (count == 0)
			errno = EIO;
		if (count <= 0)
			return false;
		done += (size_t)count;
	}
	return true;
}

static enum cache_disk_open look_at_contents(int fd)
{
	char *start = mem_alloc(CACHE_DISK_LOOK_BYTES);
	ssize_t count = read_whole(fd, start, CACHE_DISK_LOOK_BYTES, 0);
	bool is_free = count >= 0 && cache_disk_is_free_for_us(start, (size_t)count);
	mem_free(start);
	if (count < 0)
		return CACHE_DISK_OPEN_SYSTEM;
	return is_free ? CACHE_DISK_OPEN_DONE : CACHE_DISK_OPEN_KIND;
}

/* Takes all of the file's room. What was taken when it turns out to be too much is given back. */
static enum cache_disk_open take_room(int fd, uint64_t bytes, off_t before)
{
	struct rlimit limit;
	/* Past it the kernel would kill us (SIGXFSZ). */
	if (getrlimit(RLIMIT_FSIZE, &limit) == 0 && bytes > limit.rlim_cur) {
		errno = EFBIG;
		return CACHE_DISK_OPEN_SYSTEM;
	}
	while (fallocate(fd, 0, 0, (off_t)bytes) != 0) {
		if (errno == EINTR)
			continue;
		int error = errno;
		if ((uint64_t)before < bytes && ftruncate(fd, before) != 0)
			error = errno;
		errno = error;
		return CACHE_DISK_OPEN_SYSTEM;
	}
	return CACHE_DISK_OPEN_DONE;
}

static enum cache_disk_open check_device(int fd, uint64_t bytes)
{
	uint64_t has = 0;
	if (ioctl(fd, BLKGETSIZE64, &has) != 0)
		return CACHE_DISK_OPEN_SYSTEM;
	return has >= bytes ? CACHE_DISK_OPEN_DONE : CACHE_DISK_OPEN_SMALL;
}

enum cache_disk_open cache_disk_open(const char *path, uint64_t bytes, int *ret_fd)
{
	const uint64_t deadline_ms = clock_ms() + LOCK_MS;
	const struct timespec pause = {.tv_nsec = LOCK_PAUSE_MS * 1000000L};
	struct stat info;
	int fd = -1;
	enum cache_disk_open verdict;
	CHECK(bytes <= (uint64_t)LIMIT_CACHE_DISK_GIB_MAX << 30);
	while ((verdict = try_open(path, &fd, &info)) == CACHE_DISK_OPEN_USED &&
	        clock_ms() < deadline_ms)
		nanosleep(&pause, NULL);
	if (verdict != CACHE_DISK_OPEN_DONE)
		return verdict;
	verdict = look_at_contents(fd);
	if (verdict == CACHE_DISK_OPEN_DONE)
		verdict = S_ISBLK(info.st_mode) ? check_device(fd, bytes)
		                                : take_room(fd, bytes, info.st_size);
	if (verdict != CACHE_DISK_OPEN_DONE) {
		int error = errno;
		close(fd);
		errno = error;
		return verdict;
	}
	*ret_fd = fd;
	return CACHE_DISK_OPEN_DONE;
}

const char *cache_disk_open_words(enum cache_disk_open verdict)
{
	switch (verdict) {
	case CACHE_DISK_OPEN_DONE:
		return "it is open";
	case CACHE_DISK_OPEN_SYSTEM:
		return "the system refuses it";
	case CACHE_DISK_OPEN_KIND:
		return "it is no file or block device that is empty or a cache's";
	case CACHE_DISK_OPEN_USED:
		return "it is in use";
	case CACHE_DISK_OPEN_SMALL:
		return "the device is smaller than that";
	}
	CHECK(false);
	return "";
}

bool cache_disk_is(int fd)
{
	struct stat info;
	int flags = fcntl(fd, F_GETFL);
	/* What is on it is not looked at: a disk that can't be read any more is one all the same,
	 * and no reason not to take the rest of what was handed over. The lock is had again by who
	 * has it. */
	return flags >= 0 && (flags & O_ACCMODE) == O_RDWR && fstat(fd, &info) == 0 &&
	       is_kind(&info) && flock(fd, LOCK_EX | LOCK_NB) == 0;
}

bool cache_disk_file_read_header(int fd, struct cache_disk_header *ret_header)
{
	struct cache_disk_header header;
	ssize_t count = read_whole(fd, &header, sizeof(header), 0);
	if (count < 0)
		return false;
	errno = 0;
	if (count != sizeof(header) || !cache_disk_is_header(&header))
		return false;
	*ret_header = header;
	return true;
}

bool cache_disk_file_write_header(int fd, const struct cache_disk_header *header)
{
	return write_whole(fd, header, sizeof(*header), 0) && fdatasync(fd) == 0;
}

bool cache_disk_file_wipe(int fd)
{
	static const struct cache_disk_header nothing;
	return cache_disk_file_write_header(fd, &nothing);
}

/* Its session goes on, so that whoever still writes to it sees that it is another's; under another
 * epoch what is there is nothing. */
bool cache_disk_erase(int fd)
{
	struct cache_disk_header header;
	if (!cache_disk_file_read_header(fd, &header))
		return cache_disk_file_wipe(fd);
	header.session++;
	if (getrandom(&header.epoch, sizeof(header.epoch), 0) != (ssize_t)sizeof(header.epoch))
		return false;
	cache_disk_seal_header(&header);
	return cache_disk_file_write_header(fd, &header);
}
