/*
 * A hidden line is read key by key in raw mode, those for signals included, and signals that others
 * send wait until it has ended, which they make it do: so no way out of it but SIGKILL leaves the
 * terminal without its echo.
 */
/* tidy: untested - it needs a terminal: tests/functional/test_cli_login.py has one */
#include "cli/terminal.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/signalfd.h>
#include <termios.h>
#include <unistd.h>

enum { LINE_BYTES = 4096, BAR_COLUMNS = 30 };

enum { KEY_INTERRUPT = 3, KEY_END = 4, KEY_BACKSPACE = 8, KEY_CLEAR = 21, KEY_DELETE = 127 };

static void write_all(const char *text)
{
	fputs(text, stderr);
	fflush(stderr);
}

bool cli_terminal_has_colours(int fd)
{
	const char *no = getenv("NO_COLOR"), *kind = getenv("TERM");
	bool is_plain = (no != NULL && no[0] != '\0') || kind == NULL || strcmp(kind, "dumb") == 0;
	return !is_plain && isatty(fd) != 0;
}

bool cli_terminal_is_attended(void)
{
	return isatty(STDIN_FILENO) != 0;
}

/* One byte; false at the end. Nothing is read ahead: the next question has what follows. */
static bool read_byte(char *ret_byte)
{
	ssize_t count;
	do
		count = read(STDIN_FILENO, ret_byte, 1);
	while (count < 0 && errno == EINTR);
	return count == 1;
}

static bool read_line(struct text *to)
{
	size_t start = to->len;
	char byte;
	while (read_byte(&byte)) {
		if (byte == '\n')
			return true;
		if (byte == '\0' || to->len - start == LINE_BYTES)
			return false;
		text_add_char(to, byte);
	}
	/* A last line may lack its end. */
	return to->len != start;
}

static void drop_character(struct text *line, size_t start)
{
	while (line->len > start && ((unsigned char)line->at[line->len - 1] & 0xc0) == 0x80)
		line->at[--line->len] = '\0';
	if (line->len > start)
		line->at[--line->len] = '\0';
}

enum heard { HEARD_LINE, HEARD_END, HEARD_INTERRUPT };

/* Waits for a key; false where a signal came before it. */
static bool wait_for_key(int signals)
{
	struct pollfd fds[] = {
	        {.fd = STDIN_FILENO, .events = POLLIN}, {.fd = signals, .events = POLLIN}};
	int count;
	do
		count = poll(fds, ARRAY_LENGTH(fds), -1);
	while (count < 0 && errno == EINTR);
	return fds[1].revents == 0;
}

static enum heard read_keys(int signals, struct text *to)
{
	size_t start = to->len;
	char key;
	while (wait_for_key(signals) && read_byte(&key)) {
		if (key == '\n' || key == '\r')
			return HEARD_LINE;
		if (key == KEY_INTERRUPT)
			return HEARD_INTERRUPT;
		if (key == KEY_END)
			return to->len != start ? HEARD_LINE : HEARD_END;
		if (key == KEY_BACKSPACE || key == KEY_DELETE)
			drop_character(to, start);
		else if (key == KEY_CLEAR)
			while (to->len > start)
				drop_character(to, start);
		else if (key == '\0' || to->len - start == LINE_BYTES)
			return HEARD_END;
		else
			text_add_char(to, key);
	}
	return HEARD_END;
}

/* The question comes when nothing that is typed is shown any more. */
static enum heard hear_hidden(const char *question, int signals, struct text *to)
{
	struct termios before, raw;
	if (tcgetattr(STDIN_FILENO, &before) != 0)
		return HEARD_END;
	raw = before;
	raw.c_lflag &= ~(tcflag_t)(ECHO | ECHONL | ICANON | ISIG);
	raw.c_cc[VMIN] = 1;
	raw.c_cc[VTIME] = 0;
	if (tcsetattr(STDIN_FILENO, TCSAFLUSH, &raw) != 0)
		return HEARD_END;
	write_all(question);
	enum heard heard = read_keys(signals, to);
	tcsetattr(STDIN_FILENO, TCSAFLUSH, &before);
	write_all("\n");
	return heard;
}

static bool read_hidden(const char *question, struct text *to)
{
	sigset_t ends, before;
	sigemptyset(&ends);
	sigaddset(&ends, SIGHUP);
	sigaddset(&ends, SIGINT);
	sigaddset(&ends, SIGQUIT);
	sigaddset(&ends, SIGTERM);
	sigprocmask(SIG_BLOCK, &ends, &before);
	int signals = signalfd(-1, &ends, SFD_CLOEXEC);
	enum heard heard = hear_hidden(question, signals, to);
	if (signals >= 0)
		close(signals);
	/* What came meanwhile is delivered now. */
	sigprocmask(SIG_SETMASK, &before, NULL);
	if (heard == HEARD_INTERRUPT)
		raise(SIGINT);
	return heard == HEARD_LINE;
}

bool cli_terminal_ask(const char *question, enum cli_terminal_echo echo, struct text *to)
{
	if (!cli_terminal_is_attended())
		return read_line(to);
	if (echo == CLI_TERMINAL_HIDDEN)
		return read_hidden(question, to);
	write_all(question);
	return read_line(to);
}

bool cli_terminal_confirm(const char *question)
{
	struct text answer = {0};
	bool is_heard = cli_terminal_ask(question, CLI_TERMINAL_SHOWN, &answer);
	struct str word = str_trim(text_str(&answer));
	bool is_yes = is_heard && (str_is_equal_nocase(word, STR("y")) ||
	                                  str_is_equal_nocase(word, STR("yes")));
	text_done(&answer);
	return is_yes;
}

void cli_terminal_draw(size_t done, size_t total, const char *words)
{
	struct text bar = {0};
	size_t full = total == 0 ? BAR_COLUMNS : done * BAR_COLUMNS / total;
	if (isatty(STDERR_FILENO) == 0)
		return;
	text_add(&bar, STR("\r["));
	for (size_t i = 0; i < BAR_COLUMNS; i++)
		text_add_char(&bar, i < full ? '#' : '.');
	text_addf(&bar, "] %zu of %zu %s", done, total, words);
	write_all(text_c(&bar));
	text_done(&bar);
}

void cli_terminal_clear(void)
{
	if (isatty(STDERR_FILENO) != 0)
		write_all("\r\x1b[K");
}

void cli_terminal_wipe(struct text *secret)
{
	if (secret->at != NULL)
		explicit_bzero(secret->at, secret->cap);
	text_done(secret);
}
