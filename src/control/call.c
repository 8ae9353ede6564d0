/*
 * An answer is a text that grows; a problem drops what was there. What is told of a problem is the
 * same for every reader: the words are those of the rule that was broken.
 */
#include "control/call.h"

#include "http/etag.h"
#include "model/host.h"

#include <stdio.h>

static const struct problem {
	const char *name;
	unsigned status;
	const char *title;
} PROBLEMS[CONTROL_PROBLEMS] = {
#define PROBLEM(id, name, status, title) [CONTROL_PROBLEM_##id] = {name, status, title},
#include "control/problem.def"
#undef PROBLEM
};

/* ---- what was asked ---- */

bool control_call_is_dry(const struct control_call *call)
{
	return control_query_is_on(&call->query, "dry_run");
}

struct str control_call_field(const struct control_call *call, const char *name)
{
	for (unsigned i = 0; i < call->head.count; i++) {
		const struct http_field *field = &call->head.fields[i];
		if (str_is_equal_nocase(http_head_name(&call->head, field), str_of(name)))
			return http_head_value(&call->head, field);
	}
	return STR_EMPTY;
}

struct str control_call_domain(struct control_call *call)
{
	struct model_host host;
	struct model_why why;
	if (!model_host_read_pattern(call->names[0], &host, &why))
		return call->names[0];
	return arena_copy(&call->arena, str_of(host.name));
}

bool control_call_read_object(struct control_call *call, struct model_node **ret_root)
{
	struct model_problems problems = {0};
	struct model_node *root;
	bool is_read = model_json_read(&call->arena, text_str(&call->body), &problems, &root);
	if (!is_read) {
		control_call_refuse(call, CONTROL_PROBLEM_MALFORMED_JSON, "%s%s%s",
		        problems.list[0].field, problems.list[0].field[0] == '\0' ? "" : " ",
		        problems.list[0].message);
	} else if (root->kind != MODEL_NODE_MAPPING) {
		control_call_refuse_field(call, "", "type", "must be an object");
		is_read = false;
	}
	model_problems_done(&problems);
	if (is_read)
		*ret_root = root;
	return is_read;
}

static struct control_form_field *find_field(
        struct control_form_field *fields, size_t count, struct str name)
{
	for (size_t i = 0; i < count; i++)
		if (str_is_equal(str_of(fields[i].name), name))
			return &fields[i];
	return NULL;
}

/* One member into its field. */
static void take(struct control_form_field *field, const struct model_node *node,
        struct model_problems *problems)
{
	bool is_text = node->kind == MODEL_NODE_SCALAR && !node->is_plain;
	if (model_node_is_null(node))
		return;
	if (field->type == CONTROL_FORM_TEXT && !is_text) {
		model_node_refuse(node, NULL, problems, "type", "must be a text");
	} else if (field->type == CONTROL_FORM_TEXT) {
		field->text = node->text;
		field->is_there = true;
	} else if (node->kind != MODEL_NODE_SCALAR || is_text ||
	           !str_to_u64(node->text, &field->number)) {
		model_node_refuse(node, NULL, problems, "type", "must be a whole number from 0 on");
	} else {
		field->is_there = true;
	}
}

bool control_call_read_form(
        struct control_call *call, struct control_form_field *fields, size_t count)
{
	struct model_problems problems = {0};
	struct model_node *root;
	if (!control_call_read_object(call, &root))
		return false;
	for (const struct model_node *node = root->first; node != NULL; node = node->next) {
		struct control_form_field *field = find_field(fields, count, node->key);
		if (field == NULL)
			model_node_refuse(
			        node, NULL, &problems, "unknown-field", "is no field of this form");
		else
			take(field, node, &problems);
	}
	for (size_t i = 0; i < count && problems.total == 0; i++) {
		struct str pointer = arena_printf(&call->arena, "/%s", fields[i].name);
		if (fields[i].is_required && !fields[i].is_there)
			model_problems_add(&problems, NULL, 0, pointer.at, "missing", "is missing");
	}
	bool is_read = problems.total == 0;
	if (!is_read)
		control_call_refuse_with(
		        call, CONTROL_PROBLEM_INVALID, &problems, STR_EMPTY, "the form is wrong");
	model_problems_done(&problems);
	return is_read;
}

bool control_call_read_number(struct control_call *call, const char *name,
        struct control_call_range range, uint64_t *ret_number)
{
	struct str value = control_query_get(&call->query, name);
	uint64_t number = range.standard;
	if (value.at != NULL &&
	        (!str_to_u64(value, &number) || number < range.min || number > range.max)) {
		control_call_refuse(call, CONTROL_PROBLEM_BAD_REQUEST,
		        "the query's \"%s\" is no number from %llu to %llu", name,
		        (unsigned long long)range.min, (unsigned long long)range.max);
		return false;
	}
	*ret_number = number;
	return true;
}

/* ---- what is answered ---- */

static void begin(struct control_call *call, unsigned status, const char *media)
{
	text_clear(&call->answer.body);
	text_clear(&call->answer.fields);
	call->answer.status = status;
	call->answer.media = media;
	call->answer.cache = NULL;
	call->answer.shared = STR_EMPTY;
	call->answer.is_stream = false;
	call->answer.filter = NULL;
	call->answer.domain = STR_EMPTY;
}

struct text *control_call_answer(struct control_call *call, unsigned status)
{
	begin(call, status, "application/json");
	return &call->answer.body;
}

void control_call_answer_nothing(struct control_call *call)
{
	begin(call, 204, NULL);
}

void control_call_add_field(struct control_call *call, const char *name, const char *format, ...)
{
	va_list arguments;
	va_start(arguments, format);
	text_addf(&call->answer.fields, "%s: ", name);
	text_addv(&call->answer.fields, format, arguments);
	text_add(&call->answer.fields, STR("\r\n"));
	va_end(arguments);
}

void control_call_set_tag(struct control_call *call, const char *tag)
{
	const struct http_etag etag = {.opaque = str_of(tag)};
	bool is_asked = call->head.method == HTTP_GET || call->head.method == HTTP_HEAD;
	if (is_asked && call->answer.status == 200 &&
	        http_head_has(&call->head, HTTP_NAME_IF_NONE_MATCH) &&
	        http_etag_find(&call->head, HTTP_NAME_IF_NONE_MATCH, &etag, HTTP_ETAG_WEAK) !=
	                HTTP_ETAG_ABSENT)
		begin(call, 304, NULL);
	control_call_add_field(call, "ETag", "%s", tag);
}

void control_call_set_etag(struct control_call *call, uint64_t revision)
{
	char text[32];
	snprintf(text, sizeof(text), "\"%llu\"", (unsigned long long)revision);
	control_call_set_tag(call, text);
}

void control_call_answer_file(struct control_call *call, struct control_console_files *files,
        const struct control_console_file *file, const char *media)
{
	begin(call, 200, media);
	CHECK(call->answer.files == NULL);
	call->answer.files = control_console_files_ref(files);
	call->answer.shared = text_str(&file->bytes);
	control_call_set_tag(call, file->tag);
}

struct str control_call_content(const struct control_call *call)
{
	const struct control_answer *answer = &call->answer;
	return answer->shared.at != NULL ? answer->shared : text_str(&answer->body);
}

void control_call_done(struct control_call *call)
{
	/* Passwords may have been in there. */
	if (call->body.at != NULL)
		explicit_bzero(call->body.at, call->body.cap);
	text_done(&call->body);
	text_done(&call->answer.body);
	text_done(&call->answer.fields);
	control_console_files_unref(call->answer.files);
	call->answer.files = NULL;
	arena_reset(&call->arena);
}

static void add_error(
        const struct model_problem *problem, struct str prefix, unsigned index, struct text *to)
{
	struct str pointer = str_of(problem->field);
	if (str_has_prefix(pointer, prefix))
		pointer = str_make(pointer.at + prefix.len, pointer.len - prefix.len);
	text_addf(to, "%s{\"pointer\":", index == 0 ? "" : ",");
	text_add_json(to, pointer);
	text_add(to, STR(",\"rule\":"));
	text_add_json(to, str_of(problem->rule));
	text_add(to, STR(",\"detail\":"));
	text_add_json(to, str_of(problem->message));
	if (problem->line != 0)
		text_addf(to, ",\"line\":%u", problem->line);
	text_add_char(to, '}');
}

static void refuse(struct control_call *call, enum control_problem id,
        const struct model_problems *problems, struct str prefix, struct str detail)
{
	const struct problem *problem = &PROBLEMS[id];
	struct text *to = &call->answer.body;
	begin(call, problem->status, "application/problem+json");
	text_addf(to, "{\"type\":\"/problems/%s\",\"title\":\"%s\",\"status\":%u,\"detail\":",
	        problem->name, problem->title, problem->status);
	text_add_json(to, detail);
	if (problems != NULL) {
		text_add(to, STR(",\"errors\":["));
		for (unsigned i = 0; i < problems->count; i++)
			add_error(&problems->list[i], prefix, i, to);
		text_add_char(to, ']');
	}
	text_add_char(to, '}');
	if (problem->status == 401)
		control_call_add_field(call, "WWW-Authenticate", "Bearer realm=\"headwater\"");
}

/* The words of a refusal, in the call's arena. */
static struct str format_detail(struct control_call *call, const char *format, va_list arguments)
        PRINTF_LIKE(2, 0);

static struct str format_detail(struct control_call *call, const char *format, va_list arguments)
{
	struct text detail = {0};
	text_addv(&detail, format, arguments);
	struct str words = arena_copy(&call->arena, text_str(&detail));
	text_done(&detail);
	return words;
}

void control_call_refuse(
        struct control_call *call, enum control_problem problem, const char *format, ...)
{
	va_list arguments;
	va_start(arguments, format);
	refuse(call, problem, NULL, STR_EMPTY, format_detail(call, format, arguments));
	va_end(arguments);
}

void control_call_refuse_with(struct control_call *call, enum control_problem problem,
        const struct model_problems *problems, struct str prefix, const char *format, ...)
{
	va_list arguments;
	va_start(arguments, format);
	refuse(call, problem, problems, prefix, format_detail(call, format, arguments));
	va_end(arguments);
}

bool control_call_has_none(
        struct control_call *call, struct model_problems *problems, struct str prefix)
{
	bool has_none = problems->total == 0;
	if (!has_none)
		control_call_refuse_with(call, CONTROL_PROBLEM_INVALID, problems, prefix, "%s",
		        problems->list[0].message);
	model_problems_done(problems);
	return has_none;
}

void control_call_refuse_field(
        struct control_call *call, const char *pointer, const char *rule, const char *format, ...)
{
	struct model_problems problems = {0};
	va_list arguments;
	va_start(arguments, format);
	struct str detail = format_detail(call, format, arguments);
	va_end(arguments);
	model_problems_add(&problems, NULL, 0, pointer, rule, "%.*s", STR_ARG(detail));
	refuse(call, CONTROL_PROBLEM_INVALID, &problems, STR_EMPTY, detail);
	model_problems_done(&problems);
}

void control_call_refuse_domain(struct control_call *call)
{
	control_call_refuse(call, CONTROL_PROBLEM_NO_SUCH_DOMAIN, "there is no domain %.*s",
	        STR_ARG(call->names[0]));
}

void control_call_refuse_store(struct control_call *call, enum store_failure failure)
{
	struct text detail = {0};
	struct store *store = atomic_load(&call->plane->store);
	text_addf(&detail, "%s: ", store_failure_words(failure));
	if (store != NULL)
		store_add_detail(store, &detail);
	control_plane_set_trouble(call->plane, text_str(&detail));
	atomic_fetch_add(&call->plane->metrics.store_errors, 1);
	refuse(call, CONTROL_PROBLEM_STORE_UNAVAILABLE, NULL, STR_EMPTY, text_str(&detail));
	text_done(&detail);
}
