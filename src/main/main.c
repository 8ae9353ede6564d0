/*
 * The program: one table of commands, and behind it that of cli/. Exit codes: 0, 1 when something
 * failed while running, 2 for input that makes no sense, which is told before anything is started;
 * cli/ has more.
 */
/* tidy: untested - it is the program: tests/functional/test_cli.py */
#include "base/hash.h"
#include "base/log.h"
#include "base/wrap.h"
#include "cli/cli.h"
#include "main/complain.h"
#include "main/domains.h"
#include "main/explain.h"
#include "main/identity.h"
#include "main/purge.h"
#include "main/run_control.h"
#include "main/run_edge.h"
#include "main/supervisor.h"
#include "model/suggest.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <unistd.h>

struct command {
	struct str name;
	const char *usage;
	const char *words;
	/* `arguments` are the program's: its name, the command, its words, NULL. */
	int (*run)(char *const *arguments);
	void (*add_help)(struct text *to); /* NULL: nothing beyond the words */
};

static int run_serve(char *const *arguments);
static int run_edge_command(char *const *arguments);
static int run_control_command(char *const *arguments);
static int run_check(char *const *arguments);
static int run_version(char *const *arguments);
static int run_help(char *const *arguments);

static const struct command COMMANDS[] = {
        {{"serve", 5}, "serve [FLAG...]",
                "Serves the domains, by an edge that is kept running, and has an API, by a "
                "control process. SIGTERM: finishes the "
                "requests "
                "in flight, and ends. SIGHUP: replaces itself by the binary that is on disk now; "
                "no "
                "request fails. SIGUSR1: opens the access log's file again.",
                run_serve, invocation_help},
        {{"edge", 4}, "edge [FLAG...]",
                "Serves the domains in this process alone, without a supervisor. SIGTERM: finishes "
                "the requests in flight, and ends. SIGHUP: reads the domains file again. SIGUSR1: "
                "opens the access log's file again.",
                run_edge_command, invocation_help},
        {{"control", 7}, "control [FLAG...]",
                "Keeps the domains of edges in a store, with an API to change them, in this "
                "process alone; serve keeps one by itself. SIGTERM: finishes the requests in "
                "flight, and ends.",
                run_control_command, invocation_help},
        {{"check", 5}, "check [--origin-rules classic|extended] FILE",
                "Checks a domains file, and tells every problem with its line, field and rule.",
                run_check, NULL},
        {{"identity", 8}, "identity --authority FILE --name NAME --out FILE [--days NUMBER]",
                "Makes the file by which the machines of a fleet know one of them "
                "(link_identity), and an authority for it where there is none. It asks nobody.",
                identity_run, identity_add_help},
        {{"version", 7}, "version", "Prints the version.", run_version, NULL},
        {{"help", 4}, "help [COMMAND]", "Prints this, or what a command does.", run_help, NULL},
};

/* Tells one problem of the command line; returns the exit code for it. */
static int refuse(const char *command, const char *word, const char *rule, const char *words)
{
	struct model_problems problems = {0};
	model_problems_add(&problems, NULL, 0, word, rule, "%s", words);
	int code = complain(command, &problems);
	model_problems_done(&problems);
	return code;
}

static int print(struct text *text)
{
	bool is_printed = fputs(text_c(text), stdout) != EOF && fflush(stdout) == 0;
	text_done(text);
	return is_printed ? COMPLAIN_EXIT_DONE : COMPLAIN_EXIT_FAILED;
}

/* Whether the domains are good, or may be replaced by the last good ones; false after it told why
 * not. */
static bool has_good_domains(const char *command, const struct invocation *invocation)
{
	struct model_problems problems = {0};
	bool is_good = domains_check(invocation, &problems);
	if (!is_good && invocation->name == NULL && domains_has_journal(&invocation->settings))
		is_good = true; /* the edge tells what is wrong, and what it does about it */
	else if (!is_good)
		complain(command, &problems);
	model_problems_done(&problems);
	return is_good;
}

/* After an upgrade, settings that became bad meanwhile must not end what is running. */
static int serve_on(char *const *arguments, struct handover *handover)
{
	struct model_problems problems = {0};
	struct invocation invocation;
	struct supervisor_options options = {.arguments = arguments, .handover = handover};
	if (invocation_read(arguments + 2, &invocation, &problems)) {
		log_set_level((enum log_level)invocation.settings.log_level);
		options.invocation = &invocation;
	} else {
		complain("serve", &problems);
	}
	model_problems_done(&problems);
	int code = supervisor_run(&options);
	if (options.invocation != NULL)
		invocation_done(&invocation);
	return code;
}

static int run_serve(char *const *arguments)
{
	struct model_problems problems = {0};
	struct invocation invocation;
	struct handover handover;
	bool is_broken;
	if (handover_take(&handover, &is_broken) && handover.listeners.asked.count > 0)
		return serve_on(arguments, &handover);
	if (is_broken)
		return refuse("serve", HANDOVER_VARIABLE, "syntax", "the variable makes no sense");
	if (!invocation_read(arguments + 2, &invocation, &problems)) {
		int code = complain("serve", &problems);
		model_problems_done(&problems);
		return code;
	}
	log_set_level((enum log_level)invocation.settings.log_level);
	int code = COMPLAIN_EXIT_USAGE;
	if (has_good_domains("serve", &invocation))
		code = supervisor_run(&(struct supervisor_options){
		        .invocation = &invocation, .arguments = arguments});
	invocation_done(&invocation);
	return code;
}

static int run_edge_command(char *const *arguments)
{
	struct model_problems problems = {0};
	struct invocation invocation;
	struct handover handover;
	bool is_broken;
	bool is_supervised = handover_take(&handover, &is_broken);
	if (is_broken || (is_supervised && handover.listeners.asked.count == 0))
		return refuse("edge", HANDOVER_VARIABLE, "syntax", "the variable makes no sense");
	if (!invocation_read(arguments + 2, &invocation, &problems)) {
		int code = complain("edge", &problems);
		model_problems_done(&problems);
		return code;
	}
	log_set_name("edge");
	log_set_level((enum log_level)invocation.settings.log_level);
	int code = COMPLAIN_EXIT_USAGE;
	/* A supervisor's edge takes the last good list of its journal instead, where it has one. */
	if (is_supervised || has_good_domains("edge", &invocation))
		code = run_edge(&invocation, is_supervised ? &handover : NULL);
	invocation_done(&invocation);
	return code;
}

static int run_control_command(char *const *arguments)
{
	struct model_problems problems = {0};
	struct invocation invocation;
	struct handover handover;
	bool is_broken;
	bool is_supervised = handover_take(&handover, &is_broken);
	if (is_broken || (is_supervised && handover.api.asked.count == 0))
		return refuse(
		        "control", HANDOVER_VARIABLE, "syntax", "the variable makes no sense");
	if (!invocation_read_control(arguments + 2, &invocation, &problems)) {
		int code = complain("control", &problems);
		model_problems_done(&problems);
		return code;
	}
	log_set_name("control");
	log_set_level((enum log_level)invocation.settings.log_level);
	int code = COMPLAIN_EXIT_USAGE;
	/* A supervisor has looked already, and a file that was broken since is no reason to end. */
	if (is_supervised || has_good_domains("control", &invocation))
		code = run_control(&invocation, is_supervised ? &handover : NULL);
	invocation_done(&invocation);
	return code;
}

static int check_file(const char *path, enum model_rules rules)
{
	struct model_problems problems = {0};
	struct model_domains domains;
	if (!domains_read_file(path, rules, &domains, &problems)) {
		int code = complain("check", &problems);
		model_problems_done(&problems);
		return code;
	}
	struct text text = {0};
	text_addf(&text, "%s: %zu domain%s, no problem\n", path, domains.count,
	        domains.count == 1 ? "" : "s");
	model_domains_done(&domains);
	return print(&text);
}

static int run_check(char *const *arguments)
{
	const struct setting *setting = settings_find(STR("origin_rules"));
	const char *path = NULL;
	struct settings settings;
	struct model_why why;
	int code = -1;
	settings_init(&settings);
	for (char *const *at = arguments + 2; *at != NULL && code < 0; at++) {
		struct str value = str_of(*at);
		struct str name = str_cut(&value, '=');
		if (str_is_equal(name, STR("--origin-rules"))) {
			if (value.at == NULL && at[1] != NULL)
				value = str_of(*++at);
			if (!settings_set(&settings, setting, value, &why))
				code = refuse("check", "--origin-rules", why.rule,
				        "it is classic or extended");
		} else if (**at == '-') {
			code = refuse("check", *at, "unknown-flag", "there is no such flag");
		} else if (path != NULL) {
			code = refuse("check", *at, "syntax", "one file at a time");
		} else {
			path = *at;
		}
	}
	if (code < 0)
		code = path != NULL ? check_file(path, (enum model_rules)settings.origin_rules)
		                    : refuse("check", "FILE", "required", "which file?");
	settings_done(&settings);
	return code;
}

static bool has_word(char *const *words, const char *word)
{
	for (; *words != NULL; words++) {
		struct str rest = str_of(*words);
		if (str_is_equal(str_cut(&rest, '='), str_of(word)))
			return true;
	}
	return false;
}

static int explain_ourselves(char *const *arguments)
{
	for (char *const *word = arguments + 2; *word != NULL; word++) {
		if (strcmp(*word, "--steps") != 0)
			return refuse("explain", *word, "exclusive", "nothing goes with --steps");
	}
	return explain_steps();
}

/* Those commands of cli/ that ask no control plane when they are said so. */
static bool run_local(struct str name, char *const *arguments, int *ret_code)
{
	bool is_steps = str_is_equal(name, STR("explain")) && has_word(arguments + 2, "--steps");
	bool is_purge = str_is_equal(name, STR("purge")) &&
	                (has_word(arguments + 2, "--socket") || !cli_has_place(arguments + 1));
	if (is_steps)
		*ret_code = explain_ourselves(arguments);
	else if (is_purge)
		*ret_code = purge_run(arguments);
	return is_steps || is_purge;
}

static int run_version(char *const *arguments)
{
	struct text text = {0};
	if (arguments[2] != NULL)
		return refuse("version", arguments[2], "syntax", "nothing stands behind version");
	text_add(&text, STR("headwater " HEADWATER_VERSION "\n"));
	return print(&text);
}

static const struct command *find_command(struct str name)
{
	for (size_t i = 0; i < ARRAY_LENGTH(COMMANDS); i++) {
		if (str_is_equal(COMMANDS[i].name, name))
			return &COMMANDS[i];
	}
	return NULL;
}

static void suggest(struct str name, struct str known, unsigned *best, struct str *near)
{
	unsigned distance = model_suggest_distance(name, known);
	if (distance >= *best)
		return;
	*best = distance;
	*near = known;
}

static int refuse_command(struct str name)
{
	struct str near = STR_EMPTY, known;
	unsigned best = model_suggest_limit(name);
	for (size_t i = 0; i < ARRAY_LENGTH(COMMANDS); i++)
		suggest(name, COMMANDS[i].name, &best, &near);
	for (size_t i = 0; (known = cli_name_at(i)).len != 0; i++)
		suggest(name, known, &best, &near);
	fprintf(stderr,
	        "headwater: there is no command \"%.*s\"%s%.*s%s [unknown-command]; try headwater "
	        "help\n",
	        STR_ARG(name), near.len != 0 ? "; did you mean " : "", STR_ARG(near),
	        near.len != 0 ? "?" : "");
	return COMPLAIN_EXIT_USAGE;
}

static bool asks_for_help(char *const *words)
{
	for (; *words != NULL; words++) {
		if (strcmp(*words, "--help") == 0 || strcmp(*words, "-h") == 0)
			return true;
	}
	return false;
}

/* A command of cli/, which asks the control plane. */
static int run_cli(struct str name, char *const *arguments)
{
	const char *others[ARRAY_LENGTH(COMMANDS) + 1] = {NULL};
	int code;
	if (!asks_for_help(arguments + 2) && run_local(name, arguments, &code))
		return code;
	for (size_t i = 0; i < ARRAY_LENGTH(COMMANDS); i++)
		others[i] = COMMANDS[i].name.at;
	return cli_run(arguments, others);
}

static int help_command(const struct command *command)
{
	struct text text = {0};
	text_addf(&text, "headwater %s\n\n", command->usage);
	wrap_add(&text, command->words);
	if (command->add_help != NULL) {
		text_add(&text, STR("\nFlags:\n"));
		command->add_help(&text);
	}
	return print(&text);
}

static void add_overview(struct text *to)
{
	text_add(to, STR("Headwater, a CDN edge: headwater COMMAND [FLAG...]\n\n"));
	for (size_t i = 0; i < ARRAY_LENGTH(COMMANDS); i++) {
		text_addf(to, "  headwater %s\n", COMMANDS[i].usage);
		wrap_add(to, COMMANDS[i].words);
	}
	text_add(to, STR("\nBy asking the control plane:\n\n"));
	cli_add_overview(to);
}

static int run_help(char *const *arguments)
{
	struct text text = {0};
	if (arguments[1] == NULL || arguments[2] == NULL) {
		add_overview(&text);
		return print(&text);
	}
	if (cli_has(str_of(arguments[2]))) {
		cli_add_help(str_of(arguments[2]), &text);
		return print(&text);
	}
	const struct command *command = find_command(str_of(arguments[2]));
	return command != NULL ? help_command(command) : refuse_command(str_of(arguments[2]));
}

/* Where 0, 1 or 2 is closed, a socket would get the number, and what we tell would go to a client.
 */
static void fill_standard_descriptors(void)
{
	int fd;
	do
		fd = open("/dev/null", O_RDWR | O_NOCTTY);
	while (fd >= 0 && fd <= STDERR_FILENO);
	if (fd >= 0)
		close(fd);
}

int main(int count, char **arguments)
{
	fill_standard_descriptors();
	/* Executed from /proc/self/exe, we would be called "exe" by ps. */
	prctl(PR_SET_NAME, "headwater", 0, 0, 0);
	log_set_name("headwater");
	hash_init();
	if (count < 2) {
		struct text text = {0};
		add_overview(&text);
		fputs(text_c(&text), stderr);
		text_done(&text);
		return COMPLAIN_EXIT_USAGE;
	}
	struct str name = str_of(arguments[1]);
	if (str_is_equal(name, STR("--version")))
		name = STR("version");
	const struct command *command = find_command(name);
	if (command != NULL && asks_for_help(arguments + 2))
		return help_command(command);
	if (command != NULL)
		return command->run(arguments);
	if (cli_has(name))
		return run_cli(name, arguments);
	if (asks_for_help(arguments + 1))
		return run_help((char *[]){arguments[0], NULL});
	return refuse_command(name);
}
