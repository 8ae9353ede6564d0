/*
 * A pool of threads on one queue. A thread takes the oldest operation, moves its bytes with
 * blocking calls until all are moved or something is wrong (or does what the operation's call
 * does), and posts the end to the operation's loop. At the end of the pool the queue is worked off
 * first, so every operation gets its answer.
 */
#include "net/disk.h"

#include "base/mem.h"
#include "base/thread.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct disk {
	pthread_mutex_t lock;
	pthread_cond_t has_work;
	struct disk_operation *first, *last;
	bool is_ending;
	unsigned thread_count;
	pthread_t threads[];
};

/* Moves the operation's bytes; returns its result. */
static ssize_t move_bytes(const struct disk_operation *operation)
{
	size_t moved = 0;
	while (moved < operation->size) {
		char *bytes = (char *)operation->bytes + moved;
		size_t rest = operation->size - moved;
		off_t offset = operation->offset + (off_t)moved;
		ssize_t count = operation->verb == DISK_READ
		                        ? pread(operation->fd, bytes, rest, offset)
		                        : pwrite(operation->fd, bytes, rest, offset);
		if (count < 0 && errno == EINTR)
			continue;
		if (count < 0)
			return -errno;
		if (count == 0)
			return operation->verb == DISK_READ ? (ssize_t)moved : -EIO;
		moved += (size_t)count;
	}
	return (ssize_t)moved;
}

static void receive_end(struct loop_message *message)
{
	struct disk_operation *operation = container_of(message, struct disk_operation, message);
	operation->on_done(operation);
}

/* Takes the oldest operation, waiting for one; NULL at the end of the pool. */
static struct disk_operation *take(struct disk *disk)
{
	pthread_mutex_lock(&disk->lock);
	while (disk->first == NULL && !disk->is_ending)
		pthread_cond_wait(&disk->has_work, &disk->lock);
	struct disk_operation *operation = disk->first;
	if (operation != NULL)
		disk->first = operation->next;
	if (disk->first == NULL)
		disk->last = NULL;
	pthread_mutex_unlock(&disk->lock);
	return operation;
}

static void *work(void *argument)
{
	struct disk *disk = argument;
	struct disk_operation *operation;
	while ((operation = take(disk)) != NULL) {
		operation->next = NULL;
		if (operation->verb == DISK_CALL)
			operation->call(operation);
		else
			operation->result = move_bytes(operation);
		/* The operation is its owner's again from here on. */
		loop_post(operation->loop, &operation->message);
	}
	return NULL;
}

struct disk *disk_new(unsigned threads)
{
	CHECK(threads > 0);
	struct disk *disk = mem_zero(sizeof(*disk) + threads * sizeof(pthread_t));
	pthread_mutex_init(&disk->lock, NULL);
	pthread_cond_init(&disk->has_work, NULL);
	for (; disk->thread_count < threads; disk->thread_count++) {
		pthread_t *thread = &disk->threads[disk->thread_count];
		if (thread_start(thread, work, disk) != 0)
			break;
		pthread_setname_np(*thread, "disk");
	}
	/* Fewer than asked for will do; without any the machine is as good as out of memory. */
	CHECK(disk->thread_count > 0);
	return disk;
}

void disk_free(struct disk *disk)
{
	if (disk == NULL)
		return;
	pthread_mutex_lock(&disk->lock);
	disk->is_ending = true;
	pthread_cond_broadcast(&disk->has_work);
	pthread_mutex_unlock(&disk->lock);
	for (unsigned i = 0; i < disk->thread_count; i++)
		pthread_join(disk->threads[i], NULL);
	pthread_cond_destroy(&disk->has_work);
	pthread_mutex_destroy(&disk->lock);
	mem_free(disk);
}

void disk_submit(struct disk *disk, struct loop *loop, struct disk_operation *operation)
{
	CHECK(operation->on_done != NULL && operation->size <= SSIZE_MAX);
	CHECK((operation->verb == DISK_CALL) == (operation->call != NULL));
	operation->loop = loop;
	operation->message.on_receive = receive_end;
	operation->next = NULL;
	pthread_mutex_lock(&disk->lock);
	CHECK(!disk->is_ending);
	if (disk->last != NULL)
		disk->last->next = operation;
	else
		disk->first = operation;
	disk->last = operation;
	pthread_cond_signal(&disk->has_work);
	pthread_mutex_unlock(&disk->lock);
}

int disk_open_nameless(const char *folder)
{
	int fd = open(folder, O_TMPFILE | O_RDWR | O_CLOEXEC, S_IRUSR | S_IWUSR);
	/* Some file systems have no O_TMPFILE. */
	if (fd >= 0 || (errno != EOPNOTSUPP && errno != EISDIR && errno != EINVAL))
		return fd;
	char path[PATH_MAX];
	int length = snprintf(path, sizeof(path), "%s/.spool-XXXXXX", folder);
	if (length < 0 || (size_t)length >= sizeof(path)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	fd = mkostemp(path, O_CLOEXEC);
	if (fd >= 0)
		unlink(path);
	return fd;
}

bool disk_read_whole(int fd, size_t size_max, struct text *content)
{
	char part[65536];
	for (;;) {
		ssize_t count = read(fd, part, sizeof(part));
		if (count == 0)
			return true;
		if (count < 0 && errno == EINTR)
			continue;
		if (count < 0)
			return false;
		if ((size_t)count > size_max - content->len) {
			errno = EFBIG;
			return false;
		}
		text_add(content, str_make(part, (size_t)count));
	}
}

bool disk_flush_folder_of(const char *path)
{
	char *copy = mem_copy(path, strlen(path));
	int fd = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	mem_free(copy);
	if (fd < 0)
		return false;
	bool is_flushed = fsync(fd) == 0;
	int error = errno;
	close(fd);
	errno = error;
	return is_flushed;
}
