/*
 * Where the access log goes: a file, standard output, syslog or the journal.
 *
 * A file takes a batch in one write, which O_APPEND keeps whole beside what another process (the
 * one that is being upgraded) appends. A stream, be it a pipe or a terminal, is asked before each
 * write whether it can take one, and gets no more than a pipe keeps whole; so that a reader that
 * fell asleep holds the writer in poll() where it can be told to give up, and never in write().
 *
 * An error costs the lines at hand, not the log: the next batch is tried afresh.
 */
#include "edge/access_log_private.h"

#include "base/log.h"
#include "base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <sys/stat.h>
#include <syslog.h>
#define SD_JOURNAL_SUPPRESS_LOCATION /* where in our source a line was sent is no news */
#include <systemd/sd-journal.h>
#include <unistd.h>

enum {
	FILE_MODE = 0640,
	PATIENCE_MS = 200,     /* how long a poll lasts before giving up is thought of again */
	TELL_AGAIN_MS = 60000, /* how often the operator hears of lost lines */
};

static uint64_t count_lines(struct str lines)
{
	uint64_t count = 0;
	while (lines.len != 0) {
		str_cut(&lines, '\n');
		count++;
	}
	return count;
}

static void note_lost(struct edge_access_log_output *output, uint64_t count, const char *why)
{
	output->lost += count;
	uint64_t now_ms = clock_ms();
	if (output->told_ms != 0 && now_ms - output->told_ms < TELL_AGAIN_MS)
		return;
	log_error("access log: %s: %s; %llu lines are lost", output->where, why,
	        (unsigned long long)(output->lost - output->lost_told));
	output->told_ms = now_ms;
	output->lost_told = output->lost;
}

static bool is_time_to_give_up(const struct edge_access_log_output *output)
{
	return clock_ms() >= atomic_load(&output->give_up_ms);
}

static enum edge_access_log_kind kind_of(int fd)
{
	struct stat info;
	bool is_file = fstat(fd, &info) == 0 && S_ISREG(info.st_mode);
	return is_file ? EDGE_ACCESS_LOG_FILE : EDGE_ACCESS_LOG_STREAM;
}

/* Opens a file, or whatever the path is, for appending; -1 with errno. */
static int open_path(const char *path)
{
	/* Without O_NONBLOCK a FIFO that nobody reads would hold us here; poll() is asked anyway.
	 */
	return open(
	        path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, FILE_MODE);
}

/* How much of the lines one write may have. */
static size_t first_part(const struct edge_access_log_output *output, struct str lines)
{
	if (output->kind == EDGE_ACCESS_LOG_FILE || lines.len <= PIPE_BUF)
		return lines.len;
	const char *end = memrchr(lines.at, '\n', PIPE_BUF);
	return end != NULL ? (size_t)(end - lines.at) + 1 : PIPE_BUF;
}

/* Waits until the stream takes something; false when it is time to give up. */
static bool wait_writable(const struct edge_access_log_output *output)
{
	struct pollfd wanted = {.fd = output->fd, .events = POLLOUT};
	for (;;) {
		bool is_last = is_time_to_give_up(output);
		if (poll(&wanted, 1, is_last ? 0 : PATIENCE_MS) > 0)
			return true;
		if (is_last)
			return false;
	}
}

/* Writes some of the bytes; -1 with errno. */
static ssize_t write_some(struct edge_access_log_output *output, struct str bytes)
{
	for (;;) {
		if (output->kind == EDGE_ACCESS_LOG_STREAM && !wait_writable(output)) {
			errno = ETIMEDOUT;
			return -1;
		}
		ssize_t count = write(output->fd, bytes.at, first_part(output, bytes));
		if (count >= 0 || (errno != EINTR && errno != EAGAIN))
			return count;
	}
}

static void write_bytes(struct edge_access_log_output *output, struct str lines)
{
	if (output->is_torn) {
		if (write_some(output, STR("\n")) != 1) {
			note_lost(output, count_lines(lines), strerror(errno));
			return;
		}
		output->is_torn = false;
	}
	while (lines.len != 0) {
		ssize_t count = write_some(output, lines);
		if (count <= 0) {
			/* The line that was begun is lost as well, and must not run into the next.
			 */
			note_lost(output, count_lines(lines), strerror(count < 0 ? errno : EIO));
			return;
		}
		output->is_torn = lines.at[count - 1] != '\n';
		lines = str_make(lines.at + count, lines.len - (size_t)count);
	}
}

static void write_syslog(struct str line)
{
	syslog(LOG_INFO, "%.*s", STR_ARG(line));
}

static void write_journal(struct edge_access_log_output *output, struct str line)
{
	int result = sd_journal_send("MESSAGE=%.*s", STR_ARG(line), "PRIORITY=%d", LOG_INFO,
	        "SYSLOG_IDENTIFIER=headwater-access", NULL);
	if (result < 0)
		note_lost(output, 1, strerror(-result));
}

/* Both libraries say nothing of lines that nobody takes. */
static void look_for_reader(const char *where, const char *socket)
{
	if (access(socket, F_OK) != 0)
		log_warning("access log: %s: %s is not there; lines are lost as long as it is not",
		        where, socket);
}

bool edge_access_log_output_open(struct edge_access_log_output *output, const char *where)
{
	*output = (struct edge_access_log_output){.fd = -1};
	atomic_init(&output->give_up_ms, CLOCK_NEVER);
	if (strcmp(where, "syslog") == 0) {
		output->kind = EDGE_ACCESS_LOG_SYSLOG;
		look_for_reader(where, "/dev/log");
		openlog("headwater", LOG_PID | LOG_NDELAY, LOG_DAEMON);
	} else if (strcmp(where, "journald") == 0) {
		output->kind = EDGE_ACCESS_LOG_JOURNALD;
		look_for_reader(where, "/run/systemd/journal/socket");
	} else if (strcmp(where, "stdout") == 0) {
		/* The descriptor is shared with whoever started us: its flags stay as they are. */
		output->fd = STDOUT_FILENO;
		output->kind = kind_of(output->fd);
	} else {
		output->fd = open_path(where);
		if (output->fd < 0)
			return false;
		output->kind = kind_of(output->fd);
	}
	output->where = mem_copy(where, strlen(where));
	return true;
}

void edge_access_log_output_close(struct edge_access_log_output *output)
{
	if (output->kind == EDGE_ACCESS_LOG_SYSLOG)
		closelog();
	if (output->fd > STDERR_FILENO)
		close(output->fd);
	output->fd = -1;
	mem_free(output->where);
	output->where = NULL;
}

void edge_access_log_output_reopen(struct edge_access_log_output *output)
{
	if (output->fd <= STDERR_FILENO)
		return;
	int fd = open_path(output->where);
	if (fd < 0) {
		log_error("access log: %s cannot be opened again, the old file stays: %s",
		        output->where, strerror(errno));
		return;
	}
	close(output->fd);
	output->fd = fd;
	output->kind = kind_of(fd);
	output->is_torn = false;
}

void edge_access_log_output_write(struct edge_access_log_output *output, struct str lines)
{
	if (output->kind == EDGE_ACCESS_LOG_FILE || output->kind == EDGE_ACCESS_LOG_STREAM) {
		write_bytes(output, lines);
		return;
	}
	while (lines.len != 0) {
		if (is_time_to_give_up(output)) {
			note_lost(output, count_lines(lines), strerror(ETIMEDOUT));
			return;
		}
		struct str line = str_cut(&lines, '\n');
		if (output->kind == EDGE_ACCESS_LOG_SYSLOG)
			write_syslog(line);
		else
			write_journal(output, line);
	}
}
