/*
 * Log lines: "<level> <time> <name>: <message>", or, where standard error is the journal, its
 * priority prefix and no time.
 *
 * A line is made on the stack and written at once, so that threads and processes that share
 * standard error do not mix within a line. Control bytes are replaced: what a peer sent can't begin
 * a new line.
 */
#include "base/log.h"

#include "base/clock.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { LINE_MAX_BYTES = 4096, NAME_MAX_BYTES = 32 };

/* Whether standard error is the journal. */
enum journal { JOURNAL_UNKNOWN, JOURNAL_NO, JOURNAL_YES };

static const struct {
	const char *word;
	int priority; /* of syslog(3) */
} LEVEL[] = {
        [LOG_LEVEL_ERROR] = {"error", 3},
        [LOG_LEVEL_WARNING] = {"warning", 4},
        [LOG_LEVEL_INFO] = {"info", 6},
        [LOG_LEVEL_DEBUG] = {"debug", 7},
};

static atomic_int level_max = LOG_LEVEL_INFO;
static atomic_int journal = JOURNAL_UNKNOWN;
static char log_name[NAME_MAX_BYTES];

void log_set_level(enum log_level level)
{
	atomic_store_explicit(&level_max, (int)level, memory_order_relaxed);
}

void log_set_name(const char *name)
{
	snprintf(log_name, sizeof(log_name), "%s", name != NULL ? name : "");
}

/* $JOURNAL_STREAM names the device and inode of the journal's socket; children inherit the variable
 * even where their standard error goes elsewhere, so both are compared (systemd.exec(5)). */
static bool is_journal(void)
{
	int known = atomic_load_explicit(&journal, memory_order_relaxed);
	if (known != JOURNAL_UNKNOWN)
		return known == JOURNAL_YES;
	const char *stream = getenv("JOURNAL_STREAM");
	unsigned long long device, inode;
	struct stat info;
	bool is = stream != NULL && sscanf(stream, "%llu:%llu", &device, &inode) == 2 &&
	          fstat(STDERR_FILENO, &info) == 0 && info.st_dev == device && info.st_ino == inode;
	atomic_store_explicit(&journal, is ? JOURNAL_YES : JOURNAL_NO, memory_order_relaxed);
	return is;
}

PRINTF_LIKE(2, 0)
static void write_line(enum log_level level, const char *format, va_list arguments)
{
	if ((int)level > atomic_load_explicit(&level_max, memory_order_relaxed))
		return;
	char line[LINE_MAX_BYTES];
	int head;
	const char *colon = log_name[0] != '\0' ? ": " : "";
	if (is_journal()) {
		head = snprintf(
		        line, sizeof(line), "<%d>%s%s", LEVEL[level].priority, log_name, colon);
	} else {
		char now[CLOCK_ISO_BYTES];
		clock_format_iso(clock_wall_ms(), now);
		head = snprintf(
		        line, sizeof(line), "%s %s %s%s", LEVEL[level].word, now, log_name, colon);
	}
	CHECK(head > 0 && (size_t)head < sizeof(line) / 2);
	size_t room = sizeof(line) - (size_t)head;
	int wanted = vsnprintf(line + head, room, format, arguments);
	size_t length = (size_t)head + (wanted < 0 ? 0 : (size_t)wanted);
	if (length > sizeof(line) - 1) {
		length = sizeof(line) - 1;
		memset(line + length - 3, '.', 3);
	}
	for (size_t i = (size_t)head; i < length; i++) {
		if ((unsigned char)line[i] < 0x20 || line[i] == 0x7f)
			line[i] = '?';
	}
	line[length++] = '\n';
	/* A standard error that takes nothing is no reason to stop serving. */
	if (write(STDERR_FILENO, line, length) < 0)
		return;
}

#define WRITE_LINE(level, format)                                                                  \
	va_list arguments;                                                                         \
	va_start(arguments, format);                                                               \
	write_line((level), (format), arguments);                                                  \
	va_end(arguments)

void log_error(const char *format, ...)
{
	WRITE_LINE(LOG_LEVEL_ERROR, format);
}

void log_warning(const char *format, ...)
{
	WRITE_LINE(LOG_LEVEL_WARNING, format);
}

void log_info(const char *format, ...)
{
	WRITE_LINE(LOG_LEVEL_INFO, format);
}

void log_debug(const char *format, ...)
{
	WRITE_LINE(LOG_LEVEL_DEBUG, format);
}
