/*
 * What would become of a request: an edge knows, and is asked.
 */
#include "control/api.h"
#include "control/asks.h"
#include "link/question.h"

enum { ANSWER_MS = 2000 };

static void refuse_word(struct control_call *call, const char *place, const struct model_why *why)
{
	control_call_refuse(
	        call, CONTROL_PROBLEM_BAD_REQUEST, "the parameter %s %s", place, why->words);
}

/* The question of the query; false after it was refused. */
static bool read(struct control_call *call, struct link_question *ret_question)
{
	const struct link_question_words words = {
	        .url = control_query_get(&call->query, "url"),
	        .method = control_query_get(&call->query, "method"),
	        .fail = control_query_get(&call->query, "fail"),
	};
	struct model_why why;
	const char *place;
	if (words.url.at == NULL) {
		control_call_refuse(call, CONTROL_PROBLEM_BAD_REQUEST,
		        "the parameter url is missing: what is to be explained?");
		return false;
	}
	if (link_question_make(&call->arena, &words, ret_question, &place, &why))
		return true;
	refuse_word(call, place, &why);
	return false;
}

/* The edge's object, with the edge in front; false when it is none. */
static bool print(struct control_call *call, const struct control_ask *ask)
{
	struct model_problems problems = {0};
	struct model_node *root = NULL;
	struct str answer = text_str(&ask->answer);
	bool is_object = model_json_read(&call->arena, answer, &problems, &root) &&
	                 root->kind == MODEL_NODE_MAPPING && root->count != 0;
	model_problems_done(&problems);
	if (!is_object)
		return false;
	struct text *to = control_call_answer(call, 200);
	text_add(to, STR("{\"edge\":"));
	text_add_json(to, text_str(&ask->answerer));
	text_add_char(to, ',');
	size_t inside = (size_t)str_find(answer, '{') + 1;
	text_add(to, str_make(answer.at + inside, answer.len - inside));
	return true;
}

static void answer(struct control_call *call, struct control_ask *ask)
{
	switch (control_asks_ask(call->plane->asks, ask)) {
	case CONTROL_ASKED_ANSWER:
		if (!print(call, ask))
			control_call_refuse(call, CONTROL_PROBLEM_NO_ANSWER,
			        "what the edge answered is no JSON object");
		break;
	case CONTROL_ASKED_NOBODY:
		control_call_refuse(call, CONTROL_PROBLEM_NO_SUCH_EDGE, "%s",
		        ask->edge != NULL ? "no edge of this name is connected, or it is "
		                            "asked too much at once"
		                          : "no edge is connected, or all are asked too much "
		                            "at once");
		break;
	case CONTROL_ASKED_ERROR:
		control_call_refuse(call, CONTROL_PROBLEM_NO_ANSWER, "%s", text_c(&ask->answer));
		break;
	case CONTROL_ASKED_LATE:
		control_call_refuse(call, CONTROL_PROBLEM_NO_ANSWER,
		        "the edge has said nothing for %d s", ANSWER_MS / 1000);
		break;
	}
}

void control_api_explain_request(struct control_call *call)
{
	struct link_question question;
	struct text text = {0};
	if (!read(call, &question))
		return;
	link_question_print(&question, &text);
	struct control_ask ask = {
	        .edge = control_query_get(&call->query, "edge").at,
	        .what = "explain",
	        .question = text_str(&text),
	        .timeout_ms = ANSWER_MS,
	};
	answer(call, &ask);
	text_done(&ask.answer);
	text_done(&ask.answerer);
	text_done(&text);
}
