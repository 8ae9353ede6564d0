/*
 * The question `explain`: what would become of a request, and what if some attempts failed. Pure.
 *
 *     {"url":"http://www.example.com/a.css","method":"GET","fail":"master=refused,backup=503"}
 */
#pragma once

#include "base/arena.h"
#include "base/fault.h"
#include "model/domain.h"
#include "model/problem.h"

/* What comes of each attempt at an origin; FAULT_NONE and 0: nothing was assumed. */
struct link_assumption {
	enum fault fault; /* NONE: it answers with the status */
	uint16_t status;
};

/* As it was written; an empty method is GET, an empty `fail` assumes nothing. */
struct link_question_words {
	struct str url, method, fail;
};

/* The texts are the arena's, or those of the words. */
struct link_question {
	struct link_question_words words;
	bool is_https;
	struct str host;   /* as http_uri_normal_host makes it of a request's */
	struct str target; /* begins with "/" and may have a query */
	struct str method;
	struct link_assumption fails[MODEL_ROLES];
};

/* Reads the words. On false *ret_place is which of them makes no sense: "url", "method", "fail". */
MUST_CHECK bool link_question_make(struct arena *arena, const struct link_question_words *words,
        struct link_question *ret_question, const char **ret_place, struct model_why *ret_why);

/* Adds it as a JSON object. */
void link_question_print(const struct link_question *question, struct text *to);

/* Reads such an object; false: it is none. */
struct model_node;
MUST_CHECK bool link_question_read(
        struct arena *arena, const struct model_node *object, struct link_question *ret_question);
