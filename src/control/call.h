/*
 * One request of the API, as the operation that answers it has it: who asks, for what, and the
 * answer that becomes of it. It belongs to one thread at a time.
 */
#pragma once

#include "control/console_files.h"
#include "control/plane.h"
#include "control/query.h"
#include "control/route.h"
#include "http/head.h"
#include "model/json.h"

struct link_filter;

enum control_problem {
#define PROBLEM(id, name, status, title) CONTROL_PROBLEM_##id,
#include "control/problem.def"
#undef PROBLEM
	CONTROL_PROBLEMS
};

struct control_answer {
	unsigned status;
	const char *media; /* of the body */
	struct text body;
	struct text fields; /* header lines, each with its CRLF */
	const char *cache;  /* what Cache-Control says; NULL: no-store */
	/* Where the body is a file of the console: its bytes in place of `body`, and a reference to
	 * what has them, which control_call_done gives back. */
	struct str shared;
	struct control_console_files *files;
	bool is_stream; /* events follow the body until the client has enough */
	/* Of a stream of requests, in the call's arena: which; NULL: of what happens. */
	const struct link_filter *filter;
	/* Of a stream of what happens, in the call's arena: whose addresses are told of besides;
	 * empty: nobody's. */
	struct str domain;
};

struct control_call {
	struct control_plane *plane;
	const struct control_route *route;
	struct arena arena;
	struct http_head head;                 /* a copy of the request's */
	struct str names[CONTROL_ROUTE_NAMES]; /* of the path, decoded */
	struct control_query query;
	struct text body;
	struct address client;    /* behind trusted proxies */
	bool is_secure;           /* it came to the first of these by https */
	struct store_pass caller; /* who asks; all-zero where the route is for whoever does */
	struct str secret;        /* what the caller showed */
	uint64_t now_ms;          /* since 1970-01-01 UTC */
	struct control_answer answer;
};

/* ---- what was asked ---- */

/* Whether nothing is to be changed, but told what would be (`dry_run`). */
bool control_call_is_dry(const struct control_call *call);

/* The first field of a name that is not in http/name.def; at is NULL when it is not there. */
struct str control_call_field(const struct control_call *call, const char *name);

/* The domain that the path names, in the form in which names are kept (model/host.h), where it has
 * one. */
struct str control_call_domain(struct control_call *call);

/* The body as a JSON object; false after it was refused. */
MUST_CHECK bool control_call_read_object(struct control_call *call, struct model_node **ret_root);

/* A member of a form. */
struct control_form_field {
	const char *name;
	enum { CONTROL_FORM_TEXT, CONTROL_FORM_NUMBER } type;
	bool is_required;
	/* what is read: */
	bool is_there;
	struct str text; /* NUL-terminated */
	uint64_t number;
};

/* The body as a flat object of these members and no others; false after it was refused. */
MUST_CHECK bool control_call_read_form(
        struct control_call *call, struct control_form_field *fields, size_t count);

/* A parameter of the query that is a number within bounds, or `standard` when it is not there;
 * false after it was refused. */
struct control_call_range {
	uint64_t min, max, standard;
};
MUST_CHECK bool control_call_read_number(struct control_call *call, const char *name,
        struct control_call_range range, uint64_t *ret_number);

/* ---- what is answered ---- */

/* Begins an answer in JSON; its text is to be added to the result. */
struct text *control_call_answer(struct control_call *call, unsigned status);

/* Adds a header line to the answer. */
void control_call_add_field(struct control_call *call, const char *name, const char *format, ...)
        PRINTF_LIKE(3, 4);

/* Gives the answer an entity tag, and makes it 304 where it is one to GET and the client has just
 * that (RFC 9110, 13.1.2). */
void control_call_set_etag(struct control_call *call, uint64_t revision);

/* The same of what has another tag than a revision: a whole one, with its quotes. */
void control_call_set_tag(struct control_call *call, const char *tag);

/* Answers with a file of the console, or with 304 where the client has just that. */
void control_call_answer_file(struct control_call *call, struct control_console_files *files,
        const struct control_console_file *file, const char *media);

/* The body of the answer. */
struct str control_call_content(const struct control_call *call);

/* Frees all that the call has, its answer, too. */
void control_call_done(struct control_call *call);

/* An answer without a body: 204. */
void control_call_answer_nothing(struct control_call *call);

/* Answers with a problem; `format` becomes its detail. What was answered before is dropped. */
void control_call_refuse(struct control_call *call, enum control_problem problem,
        const char *format, ...) PRINTF_LIKE(3, 4);

/* The same with what is wrong at which places of the body. `prefix` is cut off the front of the
 * places: they may have been found in something larger. */
void control_call_refuse_with(struct control_call *call, enum control_problem problem,
        const struct model_problems *problems, struct str prefix, const char *format, ...)
        PRINTF_LIKE(5, 6);

/* Whether there are no problems; else the same with those of an invalid body, and the words of the
 * first. Frees them. */
MUST_CHECK bool control_call_has_none(
        struct control_call *call, struct model_problems *problems, struct str prefix);

/* One place: "/name" and the rule that it breaks. */
void control_call_refuse_field(struct control_call *call, const char *pointer, const char *rule,
        const char *format, ...) PRINTF_LIKE(4, 5);

/* There is no domain of the path's name. */
void control_call_refuse_domain(struct control_call *call);

/* What the store said; it is told of the control plane from now on. */
void control_call_refuse_store(struct control_call *call, enum store_failure failure);
