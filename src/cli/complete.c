/*
 * Both scripts have one function of the words that were typed, which says what may follow: the same
 * text for both shells, as both know case and local. Around it is what each shell wants to be
 * asked.
 */
#include "cli/complete.h"

#include "cli/command.h"
#include "model/field.h"

static void add_choices(struct text *to, const char *choices)
{
	struct str rest = str_of(choices);
	while (rest.at != NULL) {
		struct str choice = str_cut(&rest, '|');
		text_addf(to, "%.*s%s", STR_ARG(choice), rest.at != NULL ? " " : "");
	}
}

/* ---- commands ---- */

static void add_first_words(const char *const *others, struct text *to)
{
	const struct cli_command *command;
	struct str last = STR_EMPTY;
	text_add(to, STR("\t\"\") found=\""));
	for (; *others != NULL; others++)
		text_addf(to, "%s ", *others);
	for (size_t i = 0; (command = cli_command_at(i)) != NULL; i++) {
		struct str group = cli_command_group(command);
		if (!str_is_equal(group, last))
			text_addf(to, "%s%.*s", i == 0 ? "" : " ", STR_ARG(group));
		last = group;
	}
	text_add(to, STR("\" ;;\n"));
}

/* The second words of each group that has some. */
static void add_second_words(struct text *to)
{
	const struct cli_command *command;
	struct str last = STR_EMPTY;
	for (size_t i = 0; (command = cli_command_at(i)) != NULL; i++) {
		struct str rest = command->name;
		struct str group = str_cut(&rest, ' ');
		if (rest.at == NULL)
			continue;
		if (str_is_equal(group, last)) {
			text_addf(to, " %.*s", STR_ARG(rest));
		} else {
			text_add(to, last.len != 0 ? STR("\" ;;\n") : STR_EMPTY);
			text_addf(to, "\t\"%.*s\") found=\"%.*s", STR_ARG(group), STR_ARG(rest));
		}
		last = group;
	}
	text_add(to, STR("\" ;;\n"));
}

/* Fields as the command's arguments have them. */
static void add_fields(const struct cli_command *command, struct text *to)
{
	const struct model_field *field;
	struct str group = cli_command_group(command);
	bool is_part = !str_is_equal(group, STR("domain"));
	for (size_t i = 0; (field = model_field_at(i)) != NULL; i++) {
		struct str rest = field->path;
		bool is_below = str_is_equal(str_cut(&rest, '.'), group);
		if (is_part && is_below)
			text_addf(to, " %.*s=", STR_ARG(rest));
		else if (!is_part && !str_is_equal(field->path, STR("name")) &&
		         !str_is_equal(field->path, STR("revision")))
			text_addf(to, " %.*s=", STR_ARG(field->path));
	}
}

static void add_command_words(const struct cli_command *command, struct text *to)
{
	const struct cli_flag *flag;
	text_addf(to, "\t\"%.*s\") found=\"", STR_ARG(command->name));
	if (strchr(command->arguments, '|') != NULL) {
		add_choices(to, command->arguments);
		text_add_char(to, ' ');
	}
	for (size_t i = 0, count = 0; (flag = cli_command_flag_at(i)) != NULL; i++) {
		if (cli_command_has_flag(command, flag))
			text_addf(to, "%s%.*s", count++ == 0 ? "" : " ", STR_ARG(flag->name));
	}
	if (strstr(command->arguments, "FIELD=VALUE") != NULL)
		add_fields(command, to);
	text_add(to, STR("\" ;;\n"));
}

/* ---- values ---- */

static void add_flag_values(struct text *to)
{
	const struct cli_flag *flag;
	for (size_t i = 0; (flag = cli_command_flag_at(i)) != NULL; i++) {
		if (flag->value[0] == '\0')
			continue;
		text_addf(to, "\t%.*s) ", STR_ARG(flag->name));
		if (strcmp(flag->value, "FILE") == 0) {
			text_add(to, STR("found=FILE"));
		} else if (strchr(flag->value, '|') != NULL) {
			text_add(to, STR("found=\""));
			add_choices(to, flag->value);
			text_add_char(to, '"');
		} else {
			text_add_char(to, ':');
		}
		text_add(to, STR("; return ;;\n"));
	}
}

/* What may stand behind FIELD=: also where the group was left out. */
static void add_field_values(struct text *to)
{
	const struct model_field *field;
	for (size_t i = 0; (field = model_field_at(i)) != NULL; i++) {
		struct str rest = field->path, group = str_cut(&rest, '.');
		bool is_part =
		        str_is_equal(group, STR("origin")) || str_is_equal(group, STR("backup"));
		if (field->type != MODEL_FIELD_ENUM && field->type != MODEL_FIELD_BOOL)
			continue;
		text_addf(to, "\t%.*s", STR_ARG(field->path));
		if (is_part)
			text_addf(to, "|%.*s", STR_ARG(rest));
		text_add(to, STR(") found=\""));
		add_choices(to, field->allowed);
		text_add(to, STR("\" ;;\n"));
	}
}

/* ---- the scripts ---- */

/* $1 is the first word of the command, $2 the second one ("" for one that is being typed), $3 the
 * word in front of the one that is completed. */
static void add_function(const char *const *others, struct text *to)
{
	const struct cli_command *command;
	text_add(to, STR("_headwater_words() {\n\tfound=\n\tcase \"$3\" in\n"));
	add_flag_values(to);
	text_add(to, STR("\tesac\n\tcase \"$1\" in\n"));
	add_first_words(others, to);
	text_add(to, STR("\tesac\n\t[ -n \"$1\" ] || return 0\n\tcase \"$1${2:+ $2}\" in\n"));
	add_second_words(to);
	for (size_t i = 0; (command = cli_command_at(i)) != NULL; i++)
		add_command_words(command, to);
	text_add(to, STR("\tesac\n\t[ -n \"$found\" ] || case \"$1\" in\n"));
	for (size_t i = 0; (command = cli_command_at(i)) != NULL; i++) {
		if (str_find(command->name, ' ') < 0)
			add_command_words(command, to);
	}
	text_add(to, STR("\tesac\n}\n\n_headwater_values() {\n\tfound=\n\tcase \"$1\" in\n"));
	add_field_values(to);
	text_add(to, STR("\tesac\n}\n\n"));
}

static const char BASH[] =
        "_headwater() {\n"
        "\tlocal found word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD-1]}\n"
        "\tlocal first= second=\n"
        "\t((COMP_CWORD > 1)) && first=${COMP_WORDS[1]}\n"
        "\t((COMP_CWORD > 2)) && second=${COMP_WORDS[2]}\n"
        "\t# bash takes FIELD=VALUE for three words.\n"
        "\tif [ \"$word\" = = ]; then\n"
        "\t\tword=\n"
        "\t\t_headwater_values \"$before\"\n"
        "\telif [ \"$before\" = = ]; then\n"
        "\t\t_headwater_values \"${COMP_WORDS[COMP_CWORD-2]}\"\n"
        "\telse\n"
        "\t\t_headwater_words \"$first\" \"$second\" \"$before\"\n"
        "\tfi\n"
        "\tCOMPREPLY=()\n"
        "\tif [ \"$found\" = FILE ]; then\n"
        "\t\tCOMPREPLY=($(compgen -f -- \"$word\"))\n"
        "\telse\n"
        "\t\tCOMPREPLY=($(compgen -W \"$found\" -- \"$word\"))\n"
        "\tfi\n"
        "\tcase \"${COMPREPLY[0]-}\" in\n"
        "\t*=) compopt -o nospace 2>/dev/null ;;\n"
        "\tesac\n"
        "}\n"
        "complete -F _headwater headwater\n";

static const char ZSH[] =
        "_headwater() {\n"
        "\tlocal words_typed=(\"${words[@]}\") found first= second= field\n"
        "\tlocal word=${words_typed[CURRENT]} before=${words_typed[CURRENT-1]}\n"
        "\t((CURRENT > 2)) && first=${words_typed[2]}\n"
        "\t((CURRENT > 3)) && second=${words_typed[3]}\n"
        "\tif [[ $word == *=* ]]; then\n"
        "\t\tfield=${word%%=*}\n"
        "\t\t_headwater_values \"$field\"\n"
        "\t\tcompset -P '*='\n"
        "\telse\n"
        "\t\t_headwater_words \"$first\" \"$second\" \"$before\"\n"
        "\tfi\n"
        "\tif [[ $found == FILE ]]; then\n"
        "\t\t_files\n"
        "\t\treturn\n"
        "\tfi\n"
        "\tlocal -a whole open\n"
        "\tfor word in ${(s: :)found}; do\n"
        "\t\tif [[ $word == *= ]]; then open+=(\"$word\"); else whole+=(\"$word\"); fi\n"
        "\tdone\n"
        "\tcompadd -a whole\n"
        "\tcompadd -S '' -a open\n"
        "}\n"
        "if [ \"$funcstack[1]\" = _headwater ]; then\n"
        "\t_headwater \"$@\"\n"
        "else\n"
        "\tcompdef _headwater headwater\n"
        "fi\n";

void cli_complete_add(enum cli_complete_shell shell, const char *const *others, struct text *to)
{
	bool is_zsh = shell == CLI_COMPLETE_ZSH;
	if (is_zsh)
		text_add(to, STR("#compdef headwater\n"));
	text_addf(to, "# Completion for headwater in %s, made by `headwater completion`.\n\n",
	        is_zsh ? "zsh" : "bash");
	add_function(others, to);
	text_add(to, str_of(is_zsh ? ZSH : BASH));
}
