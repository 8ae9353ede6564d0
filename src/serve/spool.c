/*
 * The window is the only memory: up to 64 KiB of the body that begin at window_at. While nothing is
 * released a full window is written to the file, and begins anew behind it; reads before the window
 * come from the file through `back`. At most one write and one read run at a time. A spool that is
 * freed while one runs becomes an orphan that its last operation frees.
 */
#include "serve/spool.h"

#include "base/mem.h"

#include <unistd.h>

enum { WINDOW_BYTES = BUF_LARGE };

struct serve_spool {
	struct serve_spool_options options;
	struct buf window;
	uint64_t
	        window_at; /* offset of the window's first byte; what is before it is in the file */
	uint64_t read_at;  /* the last offset that was asked for */
	struct buf back;   /* bytes of the file from back_at on */
	uint64_t back_at;
	int fd;           /* -1: none yet */
	uint64_t charged; /* taken from the budget for the file */
	enum fault fault;
	bool is_whole, is_released, is_waiting, is_writing, is_reading, is_orphan;
	struct disk_operation write, read;
};

struct serve_spool *serve_spool_new(const struct serve_spool_options *options)
{
	struct serve_spool *spool = mem_new(struct serve_spool);
	spool->options = *options;
	spool->fd = -1;
	if (options->stream->is_length_known && options->stream->body_length > options->body_max)
		spool->fault = FAULT_BODY_TOO_LARGE;
	return spool;
}

static void destroy(struct serve_spool *spool)
{
	buf_release(spool->options.buffers, &spool->window);
	buf_release(spool->options.buffers, &spool->back);
	if (spool->fd >= 0)
		close(spool->fd);
	mem_budget_give(spool->options.budget, spool->charged);
	mem_free(spool);
}

void serve_spool_free(struct serve_spool *spool)
{
	if (spool == NULL)
		return;
	spool->is_orphan = true;
	if (!spool->is_writing && !spool->is_reading)
		destroy(spool);
}

/* After an operation: true when there is still somebody to tell. */
static bool is_alive(struct serve_spool *spool)
{
	if (!spool->is_orphan)
		return true;
	if (!spool->is_writing && !spool->is_reading)
		destroy(spool);
	return false;
}

static void wake(struct serve_spool *spool)
{
	if (spool->is_waiting)
		loop_wake(spool->options.loop, spool->options.wake);
}

static void on_written(struct disk_operation *operation)
{
	struct serve_spool *spool = container_of(operation, struct serve_spool, write);
	spool->is_writing = false;
	if (!is_alive(spool))
		return;
	if (operation->result != (ssize_t)operation->size) {
		spool->fault = FAULT_SPOOL;
	} else {
		spool->window_at += operation->size;
		buf_drop(&spool->window, operation->size);
	}
	wake(spool);
}

static void on_read(struct disk_operation *operation)
{
	struct serve_spool *spool = container_of(operation, struct serve_spool, read);
	spool->is_reading = false;
	if (!is_alive(spool))
		return;
	if (operation->result != (ssize_t)operation->size)
		spool->fault = FAULT_SPOOL;
	else
		spool->back.end = spool->back.start + (uint32_t)operation->size;
	wake(spool);
}

/* Sends the whole window to the file. */
static void start_writing(struct serve_spool *spool)
{
	if (!mem_budget_take(spool->options.budget, buf_length(&spool->window))) {
		spool->fault = FAULT_SPOOL;
		return;
	}
	spool->charged += buf_length(&spool->window);
	if (spool->fd < 0)
		spool->fd = disk_open_nameless(spool->options.folder);
	if (spool->fd < 0) {
		spool->fault = FAULT_SPOOL;
		return;
	}
	spool->is_writing = true;
	spool->write = (struct disk_operation){
	        .verb = DISK_WRITE,
	        .fd = spool->fd,
	        .bytes = buf_bytes(&spool->window),
	        .size = buf_length(&spool->window),
	        .offset = (off_t)spool->window_at,
	        .on_done = on_written,
	};
	disk_submit(spool->options.disk, spool->options.loop, &spool->write);
}

/* Begins to read what stands before the window. */
static void start_reading(struct serve_spool *spool, uint64_t offset)
{
	uint64_t size = spool->window_at - offset;
	if (size > WINDOW_BYTES)
		size = WINDOW_BYTES;
	spool->back.start = spool->back.end = 0;
	if (!buf_reserve(spool->options.buffers, &spool->back, size)) {
		spool->fault = FAULT_MEMORY;
		return;
	}
	spool->back_at = offset;
	spool->is_reading = true;
	spool->read = (struct disk_operation){
	        .verb = DISK_READ,
	        .fd = spool->fd,
	        .bytes = spool->back.block,
	        .size = size,
	        .offset = (off_t)offset,
	        .on_done = on_read,
	};
	disk_submit(spool->options.disk, spool->options.loop, &spool->read);
}

/* Drops from the window what a released spool's reader has had. */
static void forget(struct serve_spool *spool)
{
	if (!spool->is_released || spool->is_writing || spool->read_at <= spool->window_at)
		return;
	uint64_t count = spool->read_at - spool->window_at;
	if (count > buf_length(&spool->window))
		count = buf_length(&spool->window);
	buf_drop(&spool->window, count);
	spool->window_at += count;
}

/* Makes room for one more piece of the stream, at most `ret_room` bytes; false when it must wait.
 */
static bool make_room(struct serve_spool *spool)
{
	if (spool->is_writing)
		return false;
	forget(spool);
	if (buf_length(&spool->window) == WINDOW_BYTES) {
		if (!spool->is_released)
			start_writing(spool);
		return false;
	}
	return true;
}

static void add(struct serve_spool *spool, struct str data)
{
	uint64_t all = spool->window_at + buf_length(&spool->window) + data.len;
	if (all > spool->options.body_max)
		spool->fault = FAULT_BODY_TOO_LARGE;
	else if (!buf_add(spool->options.buffers, &spool->window, data))
		spool->fault = FAULT_MEMORY;
}

/* Takes what the stream has, as far as there is room; true when something came. */
static bool take(struct serve_spool *spool)
{
	bool came = false;
	while (!spool->is_whole && spool->fault == FAULT_NONE && make_room(spool)) {
		struct str data;
		size_t room = WINDOW_BYTES - buf_length(&spool->window);
		switch (serve_stream_read(spool->options.stream, room, &data)) {
		case SERVE_READ_DATA:
			add(spool, data);
			came = true;
			break;
		case SERVE_READ_WAIT:
			return came;
		case SERVE_READ_END:
			spool->is_whole = true;
			return true;
		case SERVE_READ_FAILED:
			spool->fault = spool->options.stream->fault;
			break;
		}
	}
	return came;
}

/* What is in the window, or was read back, from `offset` on. */
static bool find(const struct serve_spool *spool, uint64_t offset, struct str *ret_bytes)
{
	if (offset >= spool->window_at && offset < spool->window_at + buf_length(&spool->window)) {
		size_t skip = offset - spool->window_at;
		*ret_bytes = str_make(
		        buf_bytes(&spool->window) + skip, buf_length(&spool->window) - skip);
		return true;
	}
	if (!spool->is_reading && offset >= spool->back_at &&
	        offset < spool->back_at + buf_length(&spool->back)) {
		size_t skip = offset - spool->back_at;
		*ret_bytes =
		        str_make(buf_bytes(&spool->back) + skip, buf_length(&spool->back) - skip);
		return true;
	}
	return false;
}

enum serve_spool_read serve_spool_read(
        struct serve_spool *spool, uint64_t offset, struct str *ret_bytes)
{
	CHECK(!spool->is_released || offset >= spool->read_at);
	spool->read_at = offset;
	spool->is_waiting = false;
	bool is_behind = offset < spool->window_at;
	/* Whoever reads old bytes does not hold the new ones up, and may have moved out of the
	 * window. */
	if (!is_behind && !find(spool, offset, ret_bytes)) {
		take(spool);
		is_behind = offset < spool->window_at;
	}
	if (spool->fault != FAULT_NONE)
		return SERVE_SPOOL_FAILED;
	if (find(spool, offset, ret_bytes))
		return SERVE_SPOOL_DATA;
	if (spool->is_whole && offset >= spool->window_at + buf_length(&spool->window))
		return SERVE_SPOOL_END;
	if (is_behind && !spool->is_reading)
		start_reading(spool, offset);
	if (spool->fault != FAULT_NONE)
		return SERVE_SPOOL_FAILED;
	spool->is_waiting = true;
	return SERVE_SPOOL_WAIT;
}

void serve_spool_release(struct serve_spool *spool)
{
	spool->is_released = true;
}

bool serve_spool_is_waiting(const struct serve_spool *spool)
{
	return spool->is_waiting;
}

enum fault serve_spool_fault(const struct serve_spool *spool)
{
	return spool->fault;
}
