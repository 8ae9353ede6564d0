/*
 * The command line is read as that of the command of cli/, so that it may say the same. It becomes
 * a purge, which is checked by the same code that the edge reads it with, so that what makes no
 * sense is told before anybody is asked. A purge may be done twice without harm; so when the edge
 * goes while it is being asked, its successor is asked again.
 */
#include "main/purge.h"

#include "base/limit.h"
#include "cli/line.h"
#include "link/command.h"
#include "main/complain.h"
#include "net/local.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

/* Where the packaged service has its socket. */
static const char SOCKET[] = "/var/lib/headwater/edge.socket";

enum { TRIES = 3, TRY_PAUSE_MS = 200, ANSWER_MS = 30000, READ_BYTES = 4096 };

/* The words by what they name, each list up to NULL. */
struct asked {
	const char **values[LINK_PURGE_WHATS];
	bool is_soft;
};

static void refuse(
        struct model_problems *problems, struct str word, const char *rule, const char *words)
{
	struct text field = {0};
	text_add(&field, word);
	model_problems_add(problems, NULL, 0, text_c(&field), rule, "%s", words);
	text_done(&field);
}

/* Which kind of values there are; the domain of tags is none of its own. */
static bool find_what(
        const struct asked *asked, enum link_purge_what *ret_what, struct model_problems *problems)
{
	const char **domains = asked->values[LINK_PURGE_DOMAIN];
	unsigned kinds = 0;
	bool has_tags = asked->values[LINK_PURGE_TAG][0] != NULL;
	for (unsigned i = 0; i < LINK_PURGE_WHATS; i++) {
		if (asked->values[i][0] == NULL || (i == LINK_PURGE_DOMAIN && has_tags))
			continue;
		*ret_what = (enum link_purge_what)i;
		kinds++;
	}
	if (kinds == 0)
		refuse(problems, STR("URL"), "required",
		        "purge what? URLs, or --prefix, --domain or --tag");
	else if (kinds > 1)
		refuse(problems, STR("URL"), "exclusive",
		        "URLs, prefixes, domains and tags are purged one kind at a time");
	else if (has_tags && (domains[0] == NULL || domains[1] != NULL))
		refuse(problems, STR("--tag"), "required", "tags are those of one --domain NAME");
	return problems->total == 0;
}

static void refuse_value(struct model_problems *problems, const char *flag, const char *value,
        const struct model_why *why)
{
	model_problems_add(problems, NULL, 0, flag, why->rule, "\"%s\" %s%s%s", value, why->words,
	        why->allowed != NULL ? " " : "", why->allowed != NULL ? why->allowed : "");
}

/* Makes the line for the edge; false after it told what is wrong. */
static bool make_line(const struct asked *asked, struct text *line, struct model_problems *problems)
{
	static const char *const NAMES[] = {
	        [LINK_PURGE_URL] = "URL",
	        [LINK_PURGE_PREFIX] = "--prefix",
	        [LINK_PURGE_DOMAIN] = "--domain",
	        [LINK_PURGE_TAG] = "--tag",
	};
	struct link_purge purge = {.is_soft = asked->is_soft};
	struct model_why why;
	struct arena arena;
	if (!find_what(asked, &purge.what, problems))
		return false;
	arena_init(&arena, NULL, 0);
	for (const char **value = asked->values[purge.what]; *value != NULL; value++) {
		if (!link_command_add(&purge, &arena, str_of(*value), &why))
			refuse_value(problems, NAMES[purge.what], *value, &why);
	}
	if (purge.what == LINK_PURGE_TAG) {
		const char *domain = asked->values[LINK_PURGE_DOMAIN][0];
		if (!link_command_set_domain(&purge, &arena, str_of(domain), &why))
			refuse_value(problems, "--domain", domain, &why);
	}
	if (problems->total == 0)
		link_command_print(&purge, line);
	if (line->len > LIMIT_COMMAND_BYTES + 1)
		refuse(problems, STR("URL"), "limit",
		        "that is more than 64 KiB in all; purge in several runs");
	arena_reset(&arena);
	return problems->total == 0;
}

static bool send_line(int fd, struct str line)
{
	while (line.len != 0) {
		ssize_t count = send(fd, line.at, line.len, MSG_NOSIGNAL);
		if (count < 0 && errno == EINTR)
			continue;
		/* Who has closed may have told why before. */
		if (count < 0)
			return errno == EPIPE || errno == ECONNRESET;
		line = str_make(line.at + count, line.len - (size_t)count);
	}
	return true;
}

enum heard { HEARD_LINE, HEARD_NOTHING, HEARD_FAULT };

/* Reads up to a line feed. */
static enum heard read_line(int fd, struct text *to)
{
	char bytes[READ_BYTES];
	text_clear(to);
	while (to->len <= LIMIT_COMMAND_BYTES) {
		ssize_t count = recv(fd, bytes, sizeof(bytes), 0);
		if (count < 0 && errno == EINTR)
			continue;
		if (count == 0 || (count < 0 && errno == ECONNRESET))
			return HEARD_NOTHING;
		if (count < 0)
			return HEARD_FAULT;
		text_add(to, str_make(bytes, (size_t)count));
		if (str_find(text_str(to), '\n') >= 0)
			return HEARD_LINE;
	}
	errno = EMSGSIZE;
	return HEARD_FAULT;
}

/* Asks the edge; false after it told why there is no answer. */
static bool ask(const char *path, unsigned timeout_ms, struct str line, struct text *answer)
{
	enum heard heard = HEARD_NOTHING;
	for (unsigned i = 0; i < TRIES && heard == HEARD_NOTHING; i++) {
		struct timespec pause = {.tv_nsec = TRY_PAUSE_MS * 1000000L};
		if (i > 0)
			nanosleep(&pause, NULL);
		int fd = local_connect(path, timeout_ms);
		if (fd < 0) {
			fprintf(stderr, "headwater purge: no edge takes commands at %s: %s\n", path,
			        strerror(errno));
			return false;
		}
		heard = send_line(fd, line) ? read_line(fd, answer) : HEARD_FAULT;
		int error = errno;
		close(fd);
		errno = error;
	}
	if (heard == HEARD_NOTHING)
		fprintf(stderr, "headwater purge: the edge at %s ends without an answer\n", path);
	else if (heard == HEARD_FAULT)
		fprintf(stderr, "headwater purge: no answer from %s: %s\n", path,
		        errno == EAGAIN ? "not in time" : strerror(errno));
	return heard == HEARD_LINE;
}

/* Tells what the edge said; returns the exit code. */
static int tell(struct str line, bool is_json)
{
	struct arena arena;
	struct link_answer answer;
	int code = COMPLAIN_EXIT_FAILED;
	arena_init(&arena, NULL, 0);
	line.len = (size_t)str_find(line, '\n');
	bool is_read = link_command_read_answer(&arena, line, &answer);
	if (is_read && answer.error.len == 0)
		code = COMPLAIN_EXIT_DONE;
	if (is_read && is_json)
		printf("%.*s\n", STR_ARG(line));
	else if (!is_read)
		fprintf(stderr, "headwater purge: the answer makes no sense\n");
	else if (answer.error.len != 0)
		fprintf(stderr, "headwater purge: %.*s\n", STR_ARG(answer.error));
	else
		printf("purged\n");
	arena_reset(&arena);
	return fflush(stdout) == 0 ? code : COMPLAIN_EXIT_FAILED;
}

/* How long its answer may take: it says that a purge is in effect, so there is no doing without. */
static unsigned find_timeout_ms(const struct cli_line *line)
{
	uint64_t timeout_ms = cli_line_number(line, CLI_FLAG_TIMEOUT, ANSWER_MS);
	if (timeout_ms == 0)
		return ANSWER_MS;
	return timeout_ms < UINT_MAX ? (unsigned)timeout_ms : UINT_MAX;
}

static int run(const struct cli_line *line, struct arena *arena, struct model_problems *problems)
{
	const char *path = cli_line_value(line, CLI_FLAG_SOCKET);
	const struct asked asked = {
	        .values = {[LINK_PURGE_URL] = line->arguments,
	                [LINK_PURGE_PREFIX] = cli_line_values(line, CLI_FLAG_PREFIX, arena),
	                [LINK_PURGE_DOMAIN] = cli_line_values(line, CLI_FLAG_DOMAIN, arena),
	                [LINK_PURGE_TAG] = cli_line_values(line, CLI_FLAG_TAG, arena)},
	        .is_soft = cli_line_has(line, CLI_FLAG_SOFT),
	};
	struct text request = {0}, answer = {0};
	int code = COMPLAIN_EXIT_FAILED;
	if (!make_line(&asked, &request, problems))
		code = complain("purge", problems);
	else if (ask(path != NULL ? path : SOCKET, find_timeout_ms(line), text_str(&request),
	                 &answer))
		code = tell(text_str(&answer), cli_line_has(line, CLI_FLAG_JSON));
	text_done(&request);
	text_done(&answer);
	return code;
}

int purge_run(char *const *arguments)
{
	struct model_problems problems = {0};
	struct cli_line line;
	struct arena arena;
	arena_init(&arena, NULL, 0);
	bool is_read = cli_line_read(&arena, arguments + 1, &line, &problems);
	int code = is_read ? run(&line, &arena, &problems) : complain("purge", &problems);
	model_problems_done(&problems);
	arena_reset(&arena);
	return code;
}
