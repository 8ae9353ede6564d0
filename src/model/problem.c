/*
 * Problems are few and cold, so each has its own copies. What comes from a document may hold line
 * feeds and control bytes; they are replaced, so that a problem is always one line on a terminal
 * and in a log.
 */
#include "model/problem.h"

#include "base/mem.h"

static const char *copy(const char *text)
{
	return text == NULL ? NULL : mem_copy(text, strlen(text));
}

static void replace_controls(char *text)
{
	for (; *text != '\0'; text++) {
		if ((unsigned char)*text < ' ' || *text == 0x7f)
			*text = '?';
	}
}

void model_problems_add(struct model_problems *problems, const char *file, unsigned line,
        const char *field, const char *rule, const char *format, ...)
{
	problems->total++;
	if (problems->count == MODEL_PROBLEMS)
		return;
	if (problems->list == NULL)
		problems->list = mem_alloc(MODEL_PROBLEMS * sizeof(*problems->list));

	struct text message = {0};
	va_list arguments;
	va_start(arguments, format);
	text_addv(&message, format, arguments);
	va_end(arguments);

	char *field_copy = mem_copy(field, strlen(field));
	char *message_copy = mem_copy(text_c(&message), message.len);
	text_done(&message);
	replace_controls(field_copy);
	replace_controls(message_copy);
	problems->list[problems->count++] = (struct model_problem){
	        .file = copy(file),
	        .line = line,
	        .field = field_copy,
	        .rule = copy(rule),
	        .message = message_copy,
	};
}

void model_problems_done(struct model_problems *problems)
{
	for (unsigned i = 0; i < problems->count; i++) {
		const char *const parts[] = {problems->list[i].file, problems->list[i].field,
		        problems->list[i].rule, problems->list[i].message};
		for (size_t j = 0; j < ARRAY_LENGTH(parts); j++)
			mem_free((void *)(uintptr_t)parts[j]);
	}
	mem_free(problems->list);
	*problems = (struct model_problems){0};
}

void model_problems_print(const struct model_problems *problems, struct text *to)
{
	for (unsigned i = 0; i < problems->count; i++) {
		const struct model_problem *problem = &problems->list[i];
		if (problem->file != NULL) {
			text_addf(to, "%s:", problem->file);
			if (problem->line != 0)
				text_addf(to, "%u:", problem->line);
			text_add_char(to, ' ');
		}
		if (problem->field[0] != '\0')
			text_addf(to, "%s: ", problem->field);
		text_addf(to, "%s [%s]\n", problem->message, problem->rule);
	}
	if (problems->total > problems->count)
		text_addf(to, "and %u more problems\n", problems->total - problems->count);
}
