/*
 * Flags are one table for all commands, so words can be told from values before the command is
 * known, and flags may stand anywhere behind the first word.
 */
#include "cli/line.h"

#include "model/suggest.h"

#include <limits.h>

static void refuse(
        struct model_problems *problems, struct str word, const char *rule, const char *words)
{
	struct text field = {0};
	text_add(&field, word);
	model_problems_add(problems, NULL, 0, text_c(&field), rule, "%s", words);
	text_done(&field);
}

/* ---- flags ---- */

static void refuse_flag(struct model_problems *problems, struct str name)
{
	const struct cli_flag *flag, *near = NULL;
	unsigned best = model_suggest_limit(name);
	for (size_t i = 0; (flag = cli_command_flag_at(i)) != NULL; i++) {
		unsigned distance = model_suggest_distance(name, flag->name);
		if (distance < best) {
			best = distance;
			near = flag;
		}
	}
	struct text words = {0};
	text_add(&words, STR("there is no such flag"));
	if (near != NULL)
		text_addf(&words, "; did you mean %.*s?", STR_ARG(near->name));
	refuse(problems, name, "unknown-flag", text_c(&words));
	text_done(&words);
}

static void check_value(
        const struct cli_flag *flag, struct str value, struct model_problems *problems)
{
	uint64_t number;
	if (strcmp(flag->value, "N") == 0 && !str_to_u64(value, &number))
		refuse(problems, flag->name, "syntax", "it is a number");
	else if (strcmp(flag->value, "DURATION") == 0 && !str_to_ms(value, &number))
		refuse(problems, flag->name, "syntax", "it is a duration, such as 30s");
	else if (strchr(flag->value, '|') != NULL && !cli_command_is_choice(flag->value, value))
		model_problems_add(
		        problems, NULL, 0, flag->name.at, "value", "it is one of %s", flag->value);
	else if (value.len == 0)
		refuse(problems, flag->name, "syntax", "the flag needs a value");
}

/* Takes a flag, and the word behind it where that is its value, off the words. */
static void take_flag(struct cli_line *line, char *const **words, struct model_problems *problems)
{
	struct str value = str_of(*(*words)++);
	struct str name = str_cut(&value, '=');
	const struct cli_flag *flag = cli_command_find_flag(name);
	if (flag == NULL) {
		refuse_flag(problems, name);
		return;
	}
	if (flag->value[0] == '\0' && value.at != NULL) {
		refuse(problems, name, "syntax", "the flag takes no value");
		return;
	}
	if (flag->value[0] != '\0' && value.at == NULL && **words == NULL) {
		refuse(problems, name, "syntax", "the flag needs a value");
		return;
	}
	if (flag->value[0] != '\0' && value.at == NULL)
		value = str_of(*(*words)++);
	if (flag->value[0] != '\0')
		check_value(flag, value, problems);
	/* What is behind the "=" ends where the word does, with a NUL. */
	line->given[line->given_count++] =
	        (struct cli_given){flag, value.at != NULL ? value.at : ""};
}

static void check_flags(const struct cli_line *line, struct model_problems *problems)
{
	const struct cli_flag *flag;
	for (size_t i = 0; i < line->given_count; i++) {
		if (!cli_command_has_flag(line->command, line->given[i].flag))
			refuse(problems, line->given[i].flag->name, "unknown-flag",
			        "this command has no such flag");
	}
	for (size_t i = 0; (flag = cli_command_flag_at(i)) != NULL; i++) {
		if (flag->is_needed && cli_command_has_flag(line->command, flag) &&
		        !cli_line_has(line, (enum cli_flag_id)i))
			refuse(problems, flag->name, "required", "say which");
	}
}

/* ---- the command ---- */

/* The second words of a group, for who did not write one of them. */
static void refuse_second(struct str group, const char *word, struct model_problems *problems)
{
	struct text words = {0}, choices = {0};
	const struct cli_command *command;
	struct str near = STR_EMPTY;
	unsigned best = word != NULL ? model_suggest_limit(str_of(word)) : 0;
	for (size_t i = 0; (command = cli_command_at(i)) != NULL; i++) {
		struct str rest = command->name;
		if (!str_is_equal(str_cut(&rest, ' '), group))
			continue;
		if (choices.len != 0)
			text_add(&choices, STR(", "));
		text_add(&choices, rest);
		unsigned distance =
		        word != NULL ? model_suggest_distance(str_of(word), rest) : UINT_MAX;
		if (distance < best) {
			best = distance;
			near = rest;
		}
	}
	if (word == NULL)
		text_addf(&words, "say which: %s", text_c(&choices));
	else if (near.len != 0)
		text_addf(&words, "there is no such command; did you mean %.*s?", STR_ARG(near));
	else
		text_addf(&words, "there is no such command: it is one of %s", text_c(&choices));
	refuse(problems, word != NULL ? str_of(word) : group,
	        word != NULL ? "unknown-command" : "required", text_c(&words));
	text_done(&words);
	text_done(&choices);
}

/* NULL: there is none. */
static const struct cli_command *find_pair(struct str group, const char *second)
{
	struct text name = {0};
	text_addf(&name, "%.*s %s", STR_ARG(group), second);
	const struct cli_command *command = cli_command_find(text_str(&name));
	text_done(&name);
	return command;
}

/* Finds the command, and takes its words off the arguments. */
static bool find_command(struct cli_line *line, struct model_problems *problems)
{
	const char *second = line->argument_count > 1 ? line->arguments[1] : NULL;
	size_t taken = 1;
	line->command = cli_command_find(line->group);
	if (line->command == NULL && second != NULL) {
		line->command = find_pair(line->group, second);
		taken = 2;
	} else if (line->command == NULL && !cli_line_has(line, CLI_FLAG_HELP)) {
		/* A group alone shows what there is, where that takes no argument. */
		line->command = find_pair(line->group, "show");
		if (line->command != NULL && line->command->arguments[0] != '\0')
			line->command = NULL;
	}
	if (line->command == NULL) {
		refuse_second(line->group, second, problems);
		return false;
	}
	line->arguments += taken;
	line->argument_count -= taken;
	return true;
}

/* ---- arguments ---- */

static void check_arguments(const struct cli_line *line, struct model_problems *problems)
{
	struct str rest = str_of(line->command->arguments);
	size_t index = 0;
	bool is_open = false;
	while (rest.len != 0) {
		struct str word = str_cut(&rest, ' ');
		bool is_optional = word.at[0] == '[';
		is_open = is_open || strstr(line->command->arguments, "...") != NULL;
		if (index >= line->argument_count && !is_optional)
			refuse(problems, word, "required", "say which");
		else if (index < line->argument_count && str_find(word, '|') >= 0 &&
		         !cli_command_is_choice(word.at, str_of(line->arguments[index])))
			refuse(problems, str_of(line->arguments[index]), "value",
			        "it is one of bash and zsh");
		index++;
	}
	if (index < line->argument_count && !is_open)
		refuse(problems, str_of(line->arguments[index]), "syntax",
		        "nothing more is expected here");
}

bool cli_line_read(struct arena *arena, char *const *words, struct cli_line *ret_line,
        struct model_problems *problems)
{
	unsigned before = problems->total;
	size_t count = 0;
	bool is_ended = false;
	CHECK(words[0] != NULL);
	while (words[count] != NULL)
		count++;
	struct cli_line line = {
	        .group = str_of(words[0]),
	        .arguments = arena_zero(arena, (count + 1) * sizeof(*line.arguments)),
	        .given = arena_zero(arena, count * sizeof(*line.given)),
	};
	while (*words != NULL) {
		if (is_ended || (*words)[0] != '-' || (*words)[1] == '\0')
			line.arguments[line.argument_count++] = *words++;
		else if (strcmp(*words, "--") == 0)
			is_ended = *words++ != NULL;
		else
			take_flag(&line, &words, problems);
	}
	if (find_command(&line, problems)) {
		check_flags(&line, problems);
		check_arguments(&line, problems);
	}
	*ret_line = line;
	return problems->total == before;
}

bool cli_line_has(const struct cli_line *line, enum cli_flag_id id)
{
	return cli_line_value(line, id) != NULL;
}

const char *cli_line_value(const struct cli_line *line, enum cli_flag_id id)
{
	const struct cli_flag *flag = cli_command_flag_at(id);
	for (size_t i = line->given_count; i > 0; i--) {
		if (line->given[i - 1].flag == flag)
			return line->given[i - 1].value;
	}
	return NULL;
}

const char **cli_line_values(const struct cli_line *line, enum cli_flag_id id, struct arena *arena)
{
	const struct cli_flag *flag = cli_command_flag_at(id);
	const char **values = arena_zero(arena, (line->given_count + 1) * sizeof(*values));
	size_t count = 0;
	for (size_t i = 0; i < line->given_count; i++) {
		if (line->given[i].flag == flag)
			values[count++] = line->given[i].value;
	}
	return values;
}

uint64_t cli_line_number(const struct cli_line *line, enum cli_flag_id id, uint64_t standard)
{
	const char *value = cli_line_value(line, id);
	bool is_duration = strcmp(cli_command_flag_at(id)->value, "DURATION") == 0;
	uint64_t number;
	if (value == NULL)
		return standard;
	bool is_read = is_duration ? str_to_ms(str_of(value), &number)
	                           : str_to_u64(str_of(value), &number);
	CHECK(is_read);
	return number;
}
