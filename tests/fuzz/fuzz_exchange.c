/* fuzz: cache - what is stored is allowed, grows old in one direction, and merges into itself */
#include "cache/policy.h"
#include "cache/reuse.h"
#include "cache/update.h"

#include "base/hash.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerInitialize(int *argc, char ***argv);

enum { FIELDS = 32 };

static const uint64_t NOW_MS = 784111777000;

static const struct cache_rules RULES = {.has_client_directives = true,
        .has_heuristics = true,
        .stale_while_revalidate_s = 5,
        .stale_if_error_s = 86400,
        .backup_max_s = 30};

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	hash_init();
	return 0;
}

struct parsed {
	struct http_field fields[FIELDS];
	struct http_head head;
};

typedef enum http_parse parser(struct str bytes, size_t *scanned,
        const struct http_head_limits *limits, struct http_head *ret_head, enum fault *ret_fault);

/* Cuts a head off the front of *rest. */
static bool cut_head(parser *parse, struct str *rest, struct parsed *ret_parsed)
{
	const struct http_head_limits limits = {
	        .head_bytes = LIMIT_HEAD_BYTES, .target_bytes = 64, .fields = FIELDS};
	size_t scanned = 0;
	enum fault fault;
	ret_parsed->head = (struct http_head){.fields = ret_parsed->fields, .capacity = FIELDS};
	if (parse(*rest, &scanned, &limits, &ret_parsed->head, &fault) != HTTP_PARSE_DONE)
		return false;
	*rest = str_make(rest->at + ret_parsed->head.len, rest->len - ret_parsed->head.len);
	return true;
}

static void check_terms(
        const struct cache_terms *terms, const struct http_cache_control_request *asked)
{
	static const struct http_cache_control_request nothing;
	CHECK(terms->born_ms <= NOW_MS && terms->status != 206);
	CHECK(terms->fresh_ms <= (uint64_t)HTTP_CACHE_CONTROL_MAX_S * 1000 * 2);
	enum cache_reuse before = CACHE_REUSE_FRESH;
	for (uint64_t later_ms = 1; later_ms < UINT64_C(1) << 52; later_ms *= 2) {
		uint64_t now_ms = NOW_MS + later_ms;
		enum cache_reuse reuse = cache_reuse_judge(terms, false, &nothing, &RULES, now_ms);
		/* It never grows better. */
		CHECK(reuse >= before);
		before = reuse;
		if (reuse == CACHE_REUSE_FRESH)
			CHECK(cache_terms_age_ms(terms, now_ms) < terms->fresh_ms);
		/* What must not be sent is not sent for a client's wish either. */
		enum cache_reuse wanted = cache_reuse_judge(terms, false, asked, &RULES, now_ms);
		if (wanted == CACHE_REUSE_FRESH)
			CHECK(reuse == CACHE_REUSE_FRESH);
		if (wanted == CACHE_REUSE_STALE && reuse == CACHE_REUSE_NEVER)
			CHECK((terms->flags & CACHE_MUST_REVALIDATE) == 0);
		CHECK((terms->flags & CACHE_NO_CACHE) == 0 || wanted == CACHE_REUSE_NEVER);
	}
}

static void check_merge(const struct http_head *stored, const struct http_head *update)
{
	struct http_head once, twice;
	struct arena arena;
	arena_init(&arena, NULL, 0);
	if (cache_update_merge(stored, update, &arena, &once)) {
		CHECK(!http_head_has(&once, HTTP_NAME_CONTENT_LENGTH) ||
		        http_head_has(stored, HTTP_NAME_CONTENT_LENGTH));
		CHECK(http_head_count(&once, HTTP_NAME_CONTENT_ENCODING) ==
		        http_head_count(stored, HTTP_NAME_CONTENT_ENCODING));
		CHECK(cache_update_merge(&once, update, &arena, &twice));
		CHECK(once.len == twice.len && once.count == twice.count);
		CHECK(once.present == twice.present);
	}
	arena_reset(&arena);
}

/* A request, a response, and a later response. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str rest = str_make((const char *)data, size);
	struct parsed request, response, later;
	if (!cut_head(http_head_parse_request, &rest, &request) ||
	        !cut_head(http_head_parse_response, &rest, &response))
		return 0;
	const struct cache_exchange exchange = {.request = &request.head,
	        .response = &response.head,
	        .requested_ms = NOW_MS - 100,
	        .received_ms = NOW_MS,
	        .is_from_backup = size % 2 == 0,
	        .is_piece = size % 3 == 0};
	struct cache_terms terms;
	struct http_cache_control_request asked;
	uint64_t drop[HTTP_MARK_WORDS];
	http_cache_control_of_request(&request.head, &asked);
	if (cache_policy_may_store(&exchange, &RULES, &terms) == CACHE_VERDICT_STORE)
		check_terms(&terms, &asked);
	cache_policy_mark(&response.head, drop);
	for (unsigned i = 0; i < response.head.count; i++)
		CHECK(response.fields[i].id != HTTP_NAME_SET_COOKIE || http_mark_has(drop, i));
	if (!cut_head(http_head_parse_response, &rest, &later))
		return 0;
	check_merge(&response.head, &later.head);
	CHECK(cache_update_is_match(&response.head, &response.head) ||
	        http_head_has(&response.head, HTTP_NAME_ETAG));
	cache_update_by_head(&response.head, 5, &later.head);
	return 0;
}
