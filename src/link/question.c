/*
 * Failures are named by the table of faults, and the usual ones by a short word as well.
 */
#include "link/question.h"

#include "base/limit.h"
#include "http/method.h"
#include "http/uri.h"
#include "model/node.h"

static const struct {
	struct str word;
	enum fault fault;
} SHORT[] = {
        {STR("refused"), FAULT_CONNECT_REFUSED},
        {STR("unreachable"), FAULT_CONNECT_UNREACHABLE},
        {STR("timeout"), FAULT_HEAD_TIMEOUT},
        {STR("tls"), FAULT_TLS_HANDSHAKE},
};

static bool refuse(struct model_why *ret_why, const char *rule, const char *words)
{
	*ret_why = (struct model_why){.rule = rule, .words = words};
	return false;
}

/* ---- the URL ---- */

static bool read_url(struct arena *arena, struct link_question *question, struct model_why *ret_why)
{
	struct str text = question->words.url, written, path;
	struct http_authority authority;
	bool is_visible = text.len <= LIMIT_EXPLAIN_URL_BYTES;
	for (size_t i = 0; i < text.len && is_visible; i++)
		is_visible = text.at[i] > ' ' && text.at[i] < 0x7f;
	if (!is_visible || !http_uri_parse_absolute(text, &written, &path) ||
	        !http_uri_parse_authority(written, &authority) || authority.host.len == 0)
		return refuse(ret_why, "value",
		        "is no URL such as http://www.example.com/a.css, with its scheme and host "
		        "and without a fragment");
	char *normal = arena_alloc(arena, LIMIT_HOST_BYTES + 1);
	question->is_https = str_lower(text.at[4]) == 's';
	question->host = http_uri_normal_host(authority.host, normal);
	question->target = path;
	return true;
}

static bool read_method(struct link_question *question, struct model_why *ret_why)
{
	struct str method = question->words.method;
	if (method.len == 0)
		method = STR("GET");
	switch (http_method_of(method)) {
	case HTTP_GET:
	case HTTP_HEAD:
	case HTTP_OPTIONS:
	case HTTP_POST:
	case HTTP_PUT:
	case HTTP_DELETE:
	case HTTP_PATCH:
		question->method = method;
		return true;
	case HTTP_TRACE:
	case HTTP_CONNECT:
	case HTTP_OTHER:
		break;
	}
	return refuse(
	        ret_why, "choice", "is none of GET, HEAD, OPTIONS, POST, PUT, DELETE and PATCH");
}

/* ---- failures ---- */

/* What an attempt can come to before there is an answer. */
static bool can_be_assumed(enum fault fault)
{
	const struct fault_info *info = fault_info(fault);
	return info->side == FAULT_SIDE_ORIGIN && fault != FAULT_STATUS && fault != FAULT_DNS &&
	       fault != FAULT_TRUNCATED && fault != FAULT_BODY_TIMEOUT &&
	       (info->retry == FAULT_RETRY_CONNECTION || info->retry == FAULT_RETRY_RESPONSE);
}

static bool read_assumption(struct str word, struct link_assumption *ret_assumption)
{
	uint64_t status;
	for (size_t i = 0; i < ARRAY_LENGTH(SHORT); i++)
		if (str_is_equal(word, SHORT[i].word)) {
			*ret_assumption = (struct link_assumption){.fault = SHORT[i].fault};
			return true;
		}
	for (unsigned i = 0; i < FAULT_COUNT; i++)
		if (can_be_assumed((enum fault)i) &&
		        str_is_equal(word, str_of(fault_name((enum fault)i)))) {
			*ret_assumption = (struct link_assumption){.fault = (enum fault)i};
			return true;
		}
	if (word.len != 3 || !str_to_u64(word, &status) || status < 200 || status > 599)
		return false;
	*ret_assumption = (struct link_assumption){.status = (uint16_t)status};
	return true;
}

static bool read_fails(struct link_question *question, struct model_why *ret_why)
{
	struct str rest = question->words.fail;
	while (rest.len != 0) {
		struct str word = str_cut(&rest, ','), role = str_cut(&word, '=');
		bool is_backup = str_is_equal(role, STR("backup"));
		if (!is_backup && !str_is_equal(role, STR("master")))
			return refuse(ret_why, "syntax",
			        "is not written as master=WHAT or backup=WHAT, with commas "
			        "between them");
		struct link_assumption *assumption =
		        &question->fails[is_backup ? MODEL_BACKUP : MODEL_MASTER];
		if (assumption->fault != FAULT_NONE || assumption->status != 0)
			return refuse(ret_why, "repeated", "says twice what an origin does");
		if (!read_assumption(word, assumption))
			return refuse(ret_why, "choice",
			        "assumes what is neither a status (200-599) nor a failure: "
			        "refused, unreachable, timeout, tls, or a reason of an attempt "
			        "such as connect_timeout, reset, closed, malformed");
	}
	return true;
}

bool link_question_make(struct arena *arena, const struct link_question_words *words,
        struct link_question *ret_question, const char **ret_place, struct model_why *ret_why)
{
	struct link_question question = {.words = *words};
	*ret_place = "url";
	if (!read_url(arena, &question, ret_why))
		return false;
	*ret_place = "method";
	if (!read_method(&question, ret_why))
		return false;
	*ret_place = "fail";
	if (!read_fails(&question, ret_why))
		return false;
	*ret_question = question;
	return true;
}

void link_question_print(const struct link_question *question, struct text *to)
{
	text_add(to, STR("{\"url\":"));
	text_add_json(to, question->words.url);
	text_add(to, STR(",\"method\":"));
	text_add_json(to, question->method);
	text_add(to, STR(",\"fail\":"));
	text_add_json(to, question->words.fail);
	text_add_char(to, '}');
}

static bool read_text(const struct model_node *object, struct str key, struct str *ret_text)
{
	const struct model_node *node = model_node_get(object, key);
	if (node == NULL || node->kind != MODEL_NODE_SCALAR || node->is_plain)
		return false;
	*ret_text = node->text;
	return true;
}

bool link_question_read(
        struct arena *arena, const struct model_node *object, struct link_question *ret_question)
{
	struct link_question_words words;
	struct model_why why;
	const char *place;
	return object->kind == MODEL_NODE_MAPPING && object->count == 3 &&
	       read_text(object, STR("url"), &words.url) &&
	       read_text(object, STR("method"), &words.method) &&
	       read_text(object, STR("fail"), &words.fail) &&
	       link_question_make(arena, &words, ret_question, &place, &why);
}
