/*
 * The conditions of RFC 9111 section 3 in the order of verdict.def; the first one that speaks
 * against a response is its verdict.
 */
#include "cache/policy.h"

#include "cache/update.h"
#include "cache/vary.h"
#include "http/hop.h"
#include "http/range.h"

struct str cache_policy_name(enum cache_verdict verdict)
{
	static const struct str names[] = {
#define CACHE_VERDICT(id, name, words) STR(name),
#include "cache/verdict.def"
#undef CACHE_VERDICT
	};
	CHECK(verdict < ARRAY_LENGTH(names));
	return names[verdict];
}

struct str cache_policy_words(enum cache_verdict verdict)
{
	static const struct str all_words[] = {
#define CACHE_VERDICT(id, name, words) STR(words),
#include "cache/verdict.def"
#undef CACHE_VERDICT
	};
	CHECK(verdict < ARRAY_LENGTH(all_words));
	return all_words[verdict];
}

/* RFC 6585 forbids to store 428, 429, 431 and 511; the others would let one odd request decide what
 * everybody gets. */
bool cache_policy_is_of_request(unsigned status)
{
	switch (status) {
	case 304:
	case 400:
	case 407:
	case 408:
	case 411:
	case 412:
	case 413:
	case 415:
	case 416:
	case 417:
	case 421:
	case 422:
	case 425:
	case 426:
	case 428:
	case 429:
	case 431:
	case 511:
		return true;
	default:
		return status < 200;
	}
}

/* Statuses whose own rules for caching, if they have any, are kept here (5.2.2.3). */
static bool is_understood(unsigned status)
{
	switch (status) {
	case 200:
	case 203:
	case 204:
	case 206:
	case 300:
	case 301:
	case 302:
	case 303:
	case 307:
	case 308:
	case 404:
	case 405:
	case 410:
	case 414:
	case 501:
		return true;
	default:
		return false;
	}
}

/* Whether a 206 can be told from pieces of another version, and its place in the whole is known
 * (3.3, 3.4). */
static bool is_good_piece(const struct cache_exchange *exchange, const struct cache_rules *rules)
{
	struct http_content_range content;
	const struct http_head *response = exchange->response;
	return exchange->is_piece && http_head_count(response, HTTP_NAME_CONTENT_RANGE) == 1 &&
	       http_range_parse_content(
	               http_head_get(response, HTTP_NAME_CONTENT_RANGE), &content) &&
	       !content.is_unsatisfied && content.length != UINT64_MAX &&
	       cache_update_piece_validator(response, rules->trusts_dates).len > 0;
}

/* What the request alone decides. */
static enum cache_verdict judge_request(
        const struct cache_exchange *exchange, const struct cache_rules *rules)
{
	struct http_cache_control_request asked;
	if (exchange->request->method != HTTP_GET)
		return CACHE_VERDICT_METHOD;
	http_cache_control_of_request(exchange->request, &asked);
	if (rules->has_client_directives &&
	        http_cache_control_has(asked.has, HTTP_DIRECTIVE_NO_STORE))
		return CACHE_VERDICT_REQUEST_NO_STORE;
	return CACHE_VERDICT_STORE;
}

/* What the status decides of a response whose fields speak for it. */
static enum cache_verdict judge_status(
        const struct cache_exchange *exchange, const struct cache_rules *rules)
{
	unsigned status = exchange->response->status;
	if (cache_policy_is_of_request(status))
		return CACHE_VERDICT_STATUS;
	if (status == 206 && !is_good_piece(exchange, rules))
		return CACHE_VERDICT_PARTIAL;
	return CACHE_VERDICT_STORE;
}

static bool has_name(const struct http_cache_control_names *names, enum http_name id)
{
	unsigned list = 0;
	struct str rest = STR_EMPTY, name;
	while (http_cache_control_next_name(names, &list, &rest, &name)) {
		if (http_name_of(name) == id)
			return true;
	}
	return false;
}

/* A cookie that the origin itself says is to be left out stands in nobody's way. */
static bool is_cookie_in_the_way(const struct http_head *response,
        const struct http_cache_control_response *control, const struct cache_rules *rules)
{
	return http_head_has(response, HTTP_NAME_SET_COOKIE) &&
	       rules->set_cookie != CACHE_SET_COOKIE_STRIP &&
	       !has_name(&control->private, HTTP_NAME_SET_COOKIE) &&
	       !has_name(&control->no_cache, HTTP_NAME_SET_COOKIE);
}

/* 3.5: what lets a shared cache store an answer to a request with Authorization. */
static bool is_for_all(const struct http_cache_control_response *control)
{
	return http_cache_control_has(control->has, HTTP_DIRECTIVE_PUBLIC) ||
	       http_cache_control_has(control->has, HTTP_DIRECTIVE_S_MAXAGE) ||
	       http_cache_control_has(control->has, HTTP_DIRECTIVE_MUST_REVALIDATE);
}

/* What the response's fields say. */
static enum cache_verdict judge_fields(const struct cache_exchange *exchange,
        const struct http_cache_control_response *control, const struct cache_rules *rules)
{
	bool must_understand = http_cache_control_has(control->has, HTTP_DIRECTIVE_MUST_UNDERSTAND);
	if (must_understand && !is_understood(exchange->response->status))
		return CACHE_VERDICT_NOT_UNDERSTOOD;
	if (!must_understand && http_cache_control_has(control->has, HTTP_DIRECTIVE_NO_STORE))
		return CACHE_VERDICT_NO_STORE;
	if (http_cache_control_has(control->has, HTTP_DIRECTIVE_PRIVATE) &&
	        cache_terms_is_whole(&control->private))
		return CACHE_VERDICT_PRIVATE;
	if (http_head_has(exchange->request, HTTP_NAME_AUTHORIZATION) && !is_for_all(control))
		return CACHE_VERDICT_AUTHORIZATION;
	if (is_cookie_in_the_way(exchange->response, control, rules))
		return CACHE_VERDICT_SET_COOKIE;
	struct cache_vary vary = {0};
	switch (cache_vary_add(&vary, exchange->response)) {
	case CACHE_VARY_DONE:
		break;
	case CACHE_VARY_ANY:
		return CACHE_VERDICT_VARY_ANY;
	case CACHE_VARY_LIMIT:
		return CACHE_VERDICT_VARY_LIMIT;
	}
	return CACHE_VERDICT_STORE;
}

static bool is_allowed_s(uint32_t said_s, uint32_t default_s)
{
	return (said_s == UINT32_MAX ? default_s : said_s) > 0;
}

/* Whether it can ever be sent: fresh, stale, or once it was validated. */
static bool is_of_use(const struct cache_exchange *exchange, const struct cache_rules *rules,
        const struct cache_terms *terms)
{
	if (terms->fresh_ms > cache_terms_age_ms(terms, terms->received_ms) &&
	        (terms->flags & CACHE_NO_CACHE) == 0)
		return true;
	return cache_update_has_validator(exchange->response) ||
	       is_allowed_s(terms->stale_while_revalidate_s, rules->stale_while_revalidate_s) ||
	       is_allowed_s(terms->stale_if_error_s, rules->stale_if_error_s);
}

enum cache_verdict cache_policy_may_store(const struct cache_exchange *exchange,
        const struct cache_rules *rules, struct cache_terms *ret_terms)
{
	struct http_cache_control_response control;
	struct cache_terms terms;
	enum cache_verdict verdict = judge_request(exchange, rules);
	if (verdict != CACHE_VERDICT_STORE)
		return verdict;
	http_cache_control_of_response(exchange->response, &control);
	verdict = judge_fields(exchange, &control, rules);
	if (verdict == CACHE_VERDICT_STORE)
		verdict = judge_status(exchange, rules);
	if (verdict != CACHE_VERDICT_STORE)
		return verdict;
	if (!cache_terms_make(exchange, &control, rules, &terms))
		return CACHE_VERDICT_NO_FRESHNESS;
	if (!is_of_use(exchange, rules, &terms))
		return CACHE_VERDICT_NO_USE;
	*ret_terms = terms;
	return CACHE_VERDICT_STORE;
}

/* Where they stand for the whole, they are needed to validate it. */
static void mark_names(struct http_mark *mark, const struct http_cache_control_names *names)
{
	unsigned list = 0;
	struct str rest = STR_EMPTY, name;
	if (cache_terms_is_whole(names))
		return;
	while (http_cache_control_next_name(names, &list, &rest, &name))
		http_mark_name(mark, name);
}

/* What is nobody's. */
static void mark_lost(const struct http_head *response, uint64_t ret_lost[HTTP_MARK_WORDS])
{
	static const enum http_name never_stored[] = {HTTP_NAME_AGE, HTTP_NAME_CONTENT_RANGE,
	        HTTP_NAME_X_CACHE, HTTP_NAME_X_HEADWATER_ERROR, HTTP_NAME_X_HEADWATER_ORIGIN};
	struct http_mark mark;
	http_hop_mark(response, ret_lost);
	http_mark_init(&mark, response, ret_lost);
	/* That of a 416, which is passed on to those who wait, tells the length (RFC 9110 15.5.17).
	 */
	for (size_t i = 0; i < ARRAY_LENGTH(never_stored); i++)
		if (never_stored[i] != HTTP_NAME_CONTENT_RANGE || response->status != 416)
			http_mark_known(&mark, never_stored[i]);
	http_mark_done(&mark);
}

/* What is for one client. */
static void mark_named(const struct http_head *response,
        const struct http_cache_control_response *control, uint64_t marks[HTTP_MARK_WORDS])
{
	struct http_mark mark;
	http_mark_init(&mark, response, marks);
	http_mark_known(&mark, HTTP_NAME_SET_COOKIE);
	mark_names(&mark, &control->no_cache);
	mark_names(&mark, &control->private);
	http_mark_done(&mark);
}

void cache_policy_mark(const struct http_head *response, uint64_t ret_drop[HTTP_MARK_WORDS])
{
	struct http_cache_control_response control;
	http_cache_control_of_response(response, &control);
	mark_lost(response, ret_drop);
	mark_named(response, &control, ret_drop);
}

bool cache_policy_mark_own(const struct http_head *response, uint64_t ret_own[HTTP_MARK_WORDS])
{
	struct http_cache_control_response control;
	uint64_t lost[HTTP_MARK_WORDS];
	http_cache_control_of_response(response, &control);
	if (!http_head_has(response, HTTP_NAME_SET_COOKIE) && control.no_cache.count == 0 &&
	        control.private.count == 0)
		return false;
	mark_lost(response, lost);
	memset(ret_own, 0, HTTP_MARK_WORDS * sizeof(ret_own[0]));
	mark_named(response, &control, ret_own);
	for (unsigned i = 0; i < HTTP_MARK_WORDS; i++)
		ret_own[i] &= ~lost[i];
	return true;
}
