/*
 * The command line becomes a purge, which is checked by the same code that the edge reads it with,
 * so that what makes no sense is told before anybody is asked. A purge may be done twice without
 * harm; so when the edge goes while it is being asked, its successor is asked again.
 */
#include "main/purge.h"

#include "base/limit.h"
#include "link/command.h"
#include "main/complain.h"
#include "main/words.h"
#include "net/local.h"

#include <errno.h>
#include <stdio.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

/* Where the packaged service has its socket. */
static const char SOCKET[] = "/var/lib/headwater/edge.socket";

enum { TRIES = 3, TRY_PAUSE_MS = 200, ANSWER_MS = 30000, READ_BYTES = 4096 };

enum flag_id { FLAG_SOCKET, FLAG_SOFT, FLAG_JSON, FLAG_PREFIX, FLAG_DOMAIN, FLAG_TAG };

static const struct flag {
	enum flag_id id;
	struct str name;
	bool has_value;
} FLAGS[] = {
        {FLAG_SOCKET, {"--socket", 8}, true},
        {FLAG_SOFT, {"--soft", 6}, false},
        {FLAG_JSON, {"--json", 6}, false},
        {FLAG_PREFIX, {"--prefix", 8}, true},
        {FLAG_DOMAIN, {"--domain", 8}, true},
        {FLAG_TAG, {"--tag", 5}, true},
};

struct asked {
	const char *socket;
	bool is_soft, is_json;
	struct words values[LINK_PURGE_WHATS];
};

static void refuse(
        struct model_problems *problems, struct str word, const char *rule, const char *words)
{
	struct text field = {0};
	text_add(&field, word);
	model_problems_add(problems, NULL, 0, text_c(&field), rule, "%s", words);
	text_done(&field);
}

static const struct flag *find_flag(struct str name)
{
	for (size_t i = 0; i < ARRAY_LENGTH(FLAGS); i++) {
		if (str_is_equal(FLAGS[i].name, name))
			return &FLAGS[i];
	}
	return NULL;
}

static void take_flag(struct asked *asked, enum flag_id id, struct str value)
{
	switch (id) {
	case FLAG_SOCKET:
		asked->socket = value.at; /* the end of a word, which has a NUL */
		break;
	case FLAG_SOFT:
		asked->is_soft = true;
		break;
	case FLAG_JSON:
		asked->is_json = true;
		break;
	case FLAG_PREFIX:
		words_add(&asked->values[LINK_PURGE_PREFIX], value);
		break;
	case FLAG_DOMAIN:
		words_add(&asked->values[LINK_PURGE_DOMAIN], value);
		break;
	case FLAG_TAG:
		words_add(&asked->values[LINK_PURGE_TAG], value);
		break;
	}
}

/* Takes one word, and its value, off the words. */
static void take_word(struct asked *asked, char *const **words, struct model_problems *problems)
{
	struct str value = str_of(*(*words)++);
	if (value.len == 0 || value.at[0] != '-') {
		words_add(&asked->values[LINK_PURGE_URL], value);
		return;
	}
	struct str name = str_cut(&value, '=');
	const struct flag *flag = find_flag(name);
	if (flag == NULL) {
		refuse(problems, name, "unknown-flag", "there is no such flag");
	} else if (!flag->has_value && value.at != NULL) {
		refuse(problems, name, "syntax", "the flag takes no value");
	} else if (flag->has_value && value.at == NULL && **words == NULL) {
		refuse(problems, name, "syntax", "the flag needs a value");
	} else {
		if (flag->has_value && value.at == NULL)
			value = str_of(*(*words)++);
		take_flag(asked, flag->id, value);
	}
}

/* Which kind of values there are; the domain of tags is none of its own. */
static bool find_what(
        const struct asked *asked, enum link_purge_what *ret_what, struct model_problems *problems)
{
	unsigned domains = asked->values[LINK_PURGE_DOMAIN].count, kinds = 0;
	bool has_tags = asked->values[LINK_PURGE_TAG].count != 0;
	for (unsigned i = 0; i < LINK_PURGE_WHATS; i++) {
		if (asked->values[i].count == 0 || (i == LINK_PURGE_DOMAIN && has_tags))
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
	else if (has_tags && domains != 1)
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
	const struct words *values = &asked->values[purge.what];
	for (unsigned i = 0; i < values->count; i++) {
		if (!link_command_add(&purge, &arena, str_of(values->list[i]), &why))
			refuse_value(problems, NAMES[purge.what], values->list[i], &why);
	}
	if (purge.what == LINK_PURGE_TAG) {
		const char *domain = asked->values[LINK_PURGE_DOMAIN].list[0];
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
static bool ask(const char *path, struct str line, struct text *answer)
{
	enum heard heard = HEARD_NOTHING;
	for (unsigned i = 0; i < TRIES && heard == HEARD_NOTHING; i++) {
		struct timespec pause = {.tv_nsec = TRY_PAUSE_MS * 1000000L};
		if (i > 0)
			nanosleep(&pause, NULL);
		int fd = local_connect(path, ANSWER_MS);
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
		        errno == EAGAIN ? "not within 30 s" : strerror(errno));
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

int purge_run(char *const *arguments)
{
	struct model_problems problems = {0};
	struct asked asked = {.socket = SOCKET};
	struct text line = {0}, answer = {0};
	int code = COMPLAIN_EXIT_FAILED;
	for (char *const *at = arguments + 2; *at != NULL;)
		take_word(&asked, &at, &problems);
	if (problems.total != 0 || !make_line(&asked, &line, &problems))
		code = complain("purge", &problems);
	else if (ask(asked.socket, text_str(&line), &answer))
		code = tell(text_str(&answer), asked.is_json);
	for (unsigned i = 0; i < LINK_PURGE_WHATS; i++)
		words_done(&asked.values[i]);
	model_problems_done(&problems);
	text_done(&line);
	text_done(&answer);
	return code;
}
