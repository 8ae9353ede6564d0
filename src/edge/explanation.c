/*
 * First everything is looked at, then it is told. What a request's steps decide by is asked by the
 * same functions here: the key, the look-up, what may be reused, the latch, the failover table.
 */
#include "edge/explanation.h"

#include "cache/reuse.h"
#include "edge/bucket.h"
#include "edge/forward.h"
#include "edge/key.h"
#include "edge/lookup.h"
#include "edge/plan.h"
#include "edge/rules.h"
#include "http/method.h"
#include "origin/bucket.h"
#include "origin/latch.h"

/* Of an object with more pieces than that nobody counts which are there. */
enum { PIECES_MAX = 65536 };

enum stored {
	STORED_OFF,        /* the edge, or the domain, caches nothing */
	STORED_METHOD,     /* what is asked so is not looked up */
	STORED_LONG,       /* the key, or the variant, is too long */
	STORED_MISSING,    /* it is not there */
	STORED_INCOMPLETE, /* parts of it are not there, and cannot be asked for alone */
	STORED_DISK,       /* on a disk, perhaps */
	STORED_HERE,
};

struct looked {
	const struct edge_explanation *explanation;
	const struct link_question *question;
	struct model_domain *domain; /* NULL: none has the host */
	/* the cache */
	enum stored stored;
	enum cache_reuse reuse; /* of what is there */
	struct cache_terms terms;
	struct str key;
	struct text object; /* JSON members of what is there */
	/* the origins */
	struct origin_survey surveys[MODEL_ROLES];
	struct edge_plan_address *addresses[MODEL_ROLES];
	bool is_on_backup;
	struct edge_plan plan;
	/* what is told */
	struct text steps; /* JSON texts with commas */
};

static const char *const ROLES[MODEL_ROLES] = {"origin", "backup"};
static const char *const ROLE_WORDS[MODEL_ROLES] = {"the master", "the hot backup"};

static void add_text(struct text *to, const char *key, struct str value)
{
	text_addf(to, ",\"%s\":", key);
	text_add_json(to, value);
}

static void add_number(struct text *to, const char *key, uint64_t value)
{
	text_addf(to, ",\"%s\":%llu", key, (unsigned long long)value);
}

static void say(struct looked *looked, const char *format, ...) PRINTF_LIKE(2, 3);

/* One sentence more. */
static void say(struct looked *looked, const char *format, ...)
{
	struct text words = {0};
	va_list arguments;
	va_start(arguments, format);
	text_addv(&words, format, arguments);
	va_end(arguments);
	if (looked->steps.len != 0)
		text_add_char(&looked->steps, ',');
	text_add_json(&looked->steps, text_str(&words));
	text_done(&words);
}

/* ---- the domain ---- */

static struct model_domain *find_domain(
        const struct edge_explanation *explanation, const struct link_question *question)
{
	return model_snapshot_find(explanation->snapshot, question->host);
}

/* What a request ends with that no domain serves; NONE: one does. */
static enum fault routing_fault(const struct looked *looked)
{
	if (looked->domain == NULL)
		return model_snapshot_revision(looked->explanation->snapshot) > 0
		               ? FAULT_UNKNOWN_HOST
		               : FAULT_NO_DOMAINS;
	if (looked->domain->status == MODEL_OFFLINE)
		return FAULT_OFFLINE;
	return edge_bucket_fault(&looked->domain->origin, http_method_of(looked->question->method),
	        looked->question->target, false);
}

/* Whether the client is sent to https, and all else does not matter. */
static bool is_redirected(const struct looked *looked)
{
	return looked->domain != NULL && looked->domain->status == MODEL_ONLINE &&
	       looked->domain->https_redirect != MODEL_REDIRECT_OFF && !looked->question->is_https;
}

/* ---- the cache ---- */

static void count_pieces(struct looked *looked, const struct cache_entry *entry)
{
	const struct edge_explanation *explanation = looked->explanation;
	uint64_t piece_bytes = cache_store_piece_bytes(explanation->cache);
	uint64_t total = (entry->object->length + piece_bytes - 1) / piece_bytes, here = 0;
	if (entry->object->is_inline || total > PIECES_MAX)
		return;
	for (uint64_t number = 0; number < total; number++)
		here += cache_find_has_piece(explanation->reader, entry->id, number) !=
		        CACHE_FOUND_NOTHING;
	add_number(&looked->object, "pieces", total);
	add_number(&looked->object, "pieces_here", here);
	if (here < total && edge_rules_piece_validator(looked->domain, &entry->head).len == 0)
		looked->stored = STORED_INCOMPLETE;
}

static void note_vary(struct looked *looked, const struct cache_vary *vary)
{
	if (vary->count == 0)
		return;
	text_add(&looked->object, STR(",\"vary\":["));
	for (unsigned i = 0; i < vary->count; i++) {
		if (i > 0)
			text_add_char(&looked->object, ',');
		text_add_json(&looked->object, vary->names[i]);
	}
	text_add_char(&looked->object, ']');
}

static void note_entry(struct looked *looked, const struct cache_entry *entry)
{
	static const char *const STALE[] = {[CACHE_REUSE_FRESH] = "fresh",
	        [CACHE_REUSE_STALE] = "while_validated",
	        [CACHE_REUSE_IF_ERROR] = "on_error",
	        [CACHE_REUSE_NEVER] = "never"};
	const struct cache_terms *terms = &entry->object->terms;
	const struct http_cache_control_request nothing = {0};
	struct cache_rules rules;
	struct text *to = &looked->object;
	uint64_t wall_ms = looked->explanation->wall_ms;
	edge_rules_make_for_hit(looked->domain->cache, &rules);
	looked->stored = STORED_HERE;
	looked->terms = *terms;
	looked->reuse = cache_reuse_judge(terms, entry->is_soft_purged, &nothing, &rules, wall_ms);
	add_number(to, "status", terms->status);
	add_number(to, "length", entry->object->length);
	add_number(to, "age_s", cache_terms_age_s(terms, wall_ms));
	text_addf(to, ",\"fresh_for_s\":%lld", (long long)cache_terms_ttl_s(terms, wall_ms));
	text_addf(to, ",\"from\":\"%s\",\"is_purged\":%s,\"may_be_sent\":\"%s\"",
	        ROLES[(terms->flags & CACHE_FROM_BACKUP) != 0],
	        entry->is_soft_purged ? "true" : "false", STALE[looked->reuse]);
	count_pieces(looked, entry);
}

static void look_up(struct looked *looked)
{
	const struct edge_explanation *explanation = looked->explanation;
	const struct cache_key key = cache_key_make(explanation->cache, looked->key);
	const struct http_head head = {.base = ""};
	struct edge_lookup lookup;
	struct cache_entry entry;
	edge_lookup_init(&lookup, explanation->reader, &key,
	        cache_key_domain(explanation->cache, str_of(looked->domain->name)),
	        edge_forward_asked(&head, looked->domain, looked->question->is_https, false));
	switch (edge_lookup_find(&lookup, &entry)) {
	case EDGE_LOOKUP_FOUND:
		note_entry(looked, &entry);
		break;
	case EDGE_LOOKUP_AWAY:
		looked->stored = STORED_DISK;
		break;
	case EDGE_LOOKUP_NOTHING:
		looked->stored = STORED_MISSING;
		break;
	case EDGE_LOOKUP_UNTELLABLE:
		looked->stored = STORED_LONG;
		break;
	}
	note_vary(looked, &lookup.vary);
	cache_reader_quiet(explanation->reader);
}

static void look_at_cache(struct looked *looked)
{
	const struct link_question *question = looked->question;
	enum http_method method = http_method_of(question->method);
	struct arena *arena = looked->explanation->arena;
	const struct model_cache *rules = looked->domain->cache;
	looked->key = edge_key_make(rules, edge_key_scheme(rules, question->is_https),
	        question->host, question->target, arena);
	if (looked->explanation->reader == NULL || !looked->domain->cache->is_on)
		looked->stored = STORED_OFF;
	else if (method != HTTP_GET && method != HTTP_HEAD)
		looked->stored = STORED_METHOD;
	else if (question->host.len + question->target.len + EDGE_KEY_SCHEME_BYTES >
	         LIMIT_CACHE_KEY_BYTES)
		looked->stored = STORED_LONG;
	else
		look_up(looked);
}

/* ---- the origins ---- */

static struct edge_plan_origin plan_origin(struct looked *looked, enum model_role role)
{
	const struct model_origin *origin = model_domain_origin(looked->domain, role);
	const struct link_assumption *assumption = &looked->question->fails[role];
	const struct origin_survey *survey = &looked->surveys[role];
	struct edge_plan_address *addresses =
	        arena_zero(looked->explanation->arena, (survey->count + 1) * sizeof(*addresses));
	enum { OK = 200 };
	for (unsigned i = 0; i < survey->count; i++)
		addresses[i] = (struct edge_plan_address){
		        survey->entries[i].is_usable, survey->entries[i].until_ms};
	/* A bucket that does not take the request is no backup for it. */
	if (origin == NULL || edge_bucket_fault(origin, http_method_of(looked->question->method),
	                              looked->question->target, false) != FAULT_NONE)
		return (struct edge_plan_origin){.is_there = false};
	return (struct edge_plan_origin){
	        .is_there = true,
	        .addresses = addresses,
	        .count = survey->count,
	        .is_unresolved = survey->count == 0 && survey->resolving + survey->unresolved != 0,
	        .fault = assumption->fault,
	        .status = assumption->status != 0 ? assumption->status : OK,
	        .connect_timeout_ms = origin->connect_timeout_ms,
	        .head_timeout_ms = origin->head_timeout_ms,
	};
}

static enum model_protocol scheme_of(const struct link_question *question)
{
	return question->is_https ? MODEL_HTTPS : MODEL_HTTP;
}

static void look_at_origins(struct looked *looked)
{
	const struct edge_explanation *explanation = looked->explanation;
	struct model_domain *domain = looked->domain;
	struct edge_plan_facts facts = {
	        .is_safe = http_method_is_safe(http_method_of(looked->question->method)),
	        .may_repeat = domain->failover_unsafe,
	        .all_blocked_fails = domain->all_blocked == MODEL_ALL_BLOCKED_FAIL,
	        .attempts_max = domain->failover_attempts,
	        .budget_ms = domain->failover_budget_ms,
	        .failover_statuses = &domain->failover_statuses,
	};
	for (unsigned role = 0; role < MODEL_ROLES; role++) {
		origin_survey_make(explanation->origins, domain, (enum model_role)role,
		        scheme_of(looked->question), explanation->now_ms, explanation->arena,
		        &looked->surveys[role]);
		facts.origins[role] = plan_origin(looked, (enum model_role)role);
	}
	looked->is_on_backup = facts.is_on_backup =
	        origin_latch_is_configured(domain) &&
	        origin_latch_is_on_backup(explanation->origins, domain, explanation->now_ms);
	edge_plan_make(&facts, &looked->plan);
}

static bool are_all_out(const struct looked *looked)
{
	for (unsigned role = 0; role < MODEL_ROLES; role++)
		if (model_domain_origin(looked->domain, (enum model_role)role) != NULL &&
		        !origin_survey_is_all_out(&looked->surveys[role]))
			return false;
	return true;
}

/* ---- what the client gets ---- */

struct outcome {
	unsigned status;
	const char *cache; /* X-Cache */
	const char *from;  /* "cache", "origin", "backup", "edge" */
	enum fault fault;
	const char *words; /* how it comes to that */
	bool is_pulled;    /* the client waits for a pull */
};

static struct outcome stored_outcome(
        const struct looked *looked, const char *cache, const char *words)
{
	return (struct outcome){
	        .status = looked->terms.status, .cache = cache, .from = "cache", .words = words};
}

/* Of a pull, without regard to what is stale. */
static struct outcome pulled_outcome(const struct looked *looked, const char *cache)
{
	const struct edge_plan *plan = &looked->plan;
	if (plan->answer != NULL)
		return (struct outcome){.status = plan->answer->status,
		        .cache = cache,
		        .from = ROLES[plan->answer->role],
		        .words = "it is pulled from the origin",
		        .is_pulled = true};
	return (struct outcome){.status = fault_info(plan->fault)->status,
	        .cache = cache,
	        .from = "edge",
	        .fault = plan->fault,
	        .words = fault_info(plan->fault)->words,
	        .is_pulled = true};
}

/* What may be sent only where the origins fail. */
static struct outcome guarded_outcome(const struct looked *looked)
{
	const struct model_cache *rules = looked->domain->cache;
	const struct edge_plan *plan = &looked->plan;
	struct outcome outcome;
	if (are_all_out(looked))
		return stored_outcome(looked, "STALE",
		        "every address is known to be blocked, so the stale copy is sent at once");
	if (plan->answer == NULL)
		outcome = stored_outcome(
		        looked, "STALE", "the origins fail, so the stale copy is sent");
	else if (model_statuses_has(&rules->stale_statuses, plan->answer->status))
		outcome = stored_outcome(looked, "STALE",
		        "the status is one of stale.statuses, so the stale copy is sent");
	else if (plan->ms > rules->stale_wait_ms)
		outcome = stored_outcome(looked, "STALE",
		        "the origins take longer than stale.wait_ms, so the stale copy is sent");
	else
		return pulled_outcome(looked, "MISS");
	outcome.is_pulled = true;
	return outcome;
}

static struct outcome find_outcome(const struct looked *looked)
{
	if (is_redirected(looked))
		return (struct outcome){
		        .status = model_redirect_status(looked->domain->https_redirect),
		        .cache = "PASS",
		        .from = "edge",
		        .words = "who comes without TLS is sent to the same URL with it"};
	enum fault fault = routing_fault(looked);
	if (fault != FAULT_NONE)
		return (struct outcome){.status = fault_info(fault)->status,
		        .cache = "PASS",
		        .from = "edge",
		        .fault = fault,
		        .words = fault_info(fault)->words};
	switch (looked->stored) {
	case STORED_OFF:
	case STORED_METHOD:
	case STORED_LONG:
		return pulled_outcome(looked, "PASS");
	case STORED_MISSING:
	case STORED_INCOMPLETE:
	case STORED_DISK:
		return pulled_outcome(looked,
		        str_is_equal(looked->question->method, STR("HEAD")) ? "PASS" : "MISS");
	case STORED_HERE:
		break;
	}
	switch (looked->reuse) {
	case CACHE_REUSE_FRESH:
		return stored_outcome(looked, "HIT", "it is fresh in the cache");
	case CACHE_REUSE_STALE:
		return stored_outcome(looked, "STALE",
		        "it is stale, may be sent all the same, and is validated meanwhile");
	case CACHE_REUSE_IF_ERROR:
		return guarded_outcome(looked);
	case CACHE_REUSE_NEVER:
		break;
	}
	return pulled_outcome(looked, "MISS");
}

/* ---- told in sentences ---- */

static void tell_domain(struct looked *looked)
{
	if (looked->domain == NULL)
		say(looked, "No domain here serves %.*s.", STR_ARG(looked->question->host));
	else
		say(looked, "The domain %s serves %.*s%s.", looked->domain->name,
		        STR_ARG(looked->question->host),
		        looked->domain->status == MODEL_OFFLINE ? ", and is offline" : "");
}

static void tell_stored(struct looked *looked)
{
	static const char *const USE[] = {[CACHE_REUSE_FRESH] = "fresh",
	        [CACHE_REUSE_STALE] = "stale, and may be sent while it is validated",
	        [CACHE_REUSE_IF_ERROR] = ("stale: it is validated first, and sent where the "
	                                  "origins fail"),
	        [CACHE_REUSE_NEVER] = "stale, and must be validated before it is sent"};
	const uint64_t wall_ms = looked->explanation->wall_ms;
	switch (looked->stored) {
	case STORED_OFF:
		say(looked, "Nothing of it is cached: cache.mode is off, or this edge has no "
		            "cache.");
		break;
	case STORED_METHOD:
		say(looked, "%.*s is not looked up in the cache.",
		        STR_ARG(looked->question->method));
		break;
	case STORED_LONG:
		say(looked, "It is too long to be looked up in the cache.");
		break;
	case STORED_MISSING:
		say(looked, "The cache does not have it.");
		break;
	case STORED_INCOMPLETE:
		say(looked, "The cache has parts of it, and nothing tells by which version the "
		            "others could be added.");
		break;
	case STORED_DISK:
		say(looked, "The cache has it on a disk, perhaps; a request would wait until it "
		            "is read. What follows is for when it is not there.");
		break;
	case STORED_HERE:
		say(looked, "The cache has it, status %u, %u s old, %s.", looked->terms.status,
		        cache_terms_age_s(&looked->terms, wall_ms), USE[looked->reuse]);
		break;
	}
}

static void tell_attempt(struct looked *looked, const struct edge_plan_attempt *attempt)
{
	char address[ADDRESS_TEXT_BYTES];
	const struct link_assumption *assumption = &looked->question->fails[attempt->role];
	struct text words = {0};
	text_addf(&words, "%s is asked at %s", ROLE_WORDS[attempt->role],
	        address_format(&looked->surveys[attempt->role].entries[attempt->address].address,
	                address));
	words.at[0] = 'T'; /* the beginning of a sentence */
	const struct model_origin *origin = model_domain_origin(looked->domain, attempt->role);
	if (origin_bucket_is(origin))
		text_addf(&words, " for the %s bucket %s",
		        origin->bucket.is_private ? "private" : "public", origin->bucket.host);
	if (looked->surveys[attempt->role].protocol == MODEL_HTTPS)
		text_add(&words, STR(" over HTTPS"));
	if (attempt->choices > 1)
		text_addf(&words, ", or at another one of %u", attempt->choices);
	if (attempt->is_despite_block)
		text_add(&words, STR(", although it is blocked: its block ends first"));
	if (attempt->fault != FAULT_NONE)
		text_addf(&words, "; suppose that %s", fault_info(attempt->fault)->words);
	else
		text_addf(&words, "; %s it answers %u", assumption->status != 0 ? "suppose" : "if",
		        attempt->status);
	say(looked, "%s: %s.", text_c(&words), edge_plan_words(attempt->why));
	text_done(&words);
}

static void tell_origins(struct looked *looked, const struct outcome *outcome)
{
	if (!outcome->is_pulled && outcome->cache[0] == 'H')
		say(looked, "No origin is asked for that. If one were:");
	else if (!outcome->is_pulled)
		say(looked, "The client does not wait for an origin. Meanwhile:");
	if (looked->is_on_backup)
		say(looked, "The latch or the hold-down keeps pulls on the hot backup.");
	else if (origin_survey_is_all_out(&looked->surveys[MODEL_MASTER]))
		say(looked, "Every address of the master is blocked.");
	for (unsigned i = 0; i < looked->plan.count; i++)
		tell_attempt(looked, &looked->plan.attempts[i]);
	if (looked->plan.count == 0)
		say(looked, "No origin can be asked: %s.", fault_info(looked->plan.fault)->words);
}

/* How many addresses of a role may be asked for the rest of a body, but for one. */
static unsigned usable_besides(
        const struct looked *looked, enum model_role role, const struct edge_plan_attempt *but)
{
	unsigned count = 0;
	for (unsigned i = 0; i < looked->surveys[role].count; i++)
		count += looked->surveys[role].entries[i].is_usable &&
		         (role != but->role || i != but->address);
	return count;
}

/* What would become of a body that breaks off. */
static void tell_resumption(struct looked *looked)
{
	enum { WHOLE = 200 };
	const struct edge_plan_attempt *answer = looked->plan.answer;
	const struct model_domain *domain = looked->domain;
	if (answer == NULL || answer->status != WHOLE ||
	        http_method_of(looked->question->method) != HTTP_GET)
		return;
	if (domain->resume_attempts == 0) {
		say(looked, "Should the body break off, so does the response: resume.attempts is "
		            "0.");
		return;
	}
	enum model_role other = answer->role == MODEL_MASTER ? MODEL_BACKUP : MODEL_MASTER;
	unsigned same = usable_besides(looked, answer->role, answer);
	unsigned others = domain->backup != NULL ? usable_besides(looked, other, answer) : 0;
	say(looked,
	        "Should the body break off, its rest is asked for where a strong ETag tells the "
	        "version: at the same address, %u more of %s, and %u of the other origin; %u "
	        "attempts at most (resume.attempts).",
	        same, ROLE_WORDS[answer->role], others, domain->resume_attempts);
}

static void tell(struct looked *looked, const struct outcome *outcome)
{
	bool is_routed = routing_fault(looked) == FAULT_NONE && !is_redirected(looked);
	tell_domain(looked);
	if (is_routed) {
		tell_stored(looked);
		tell_origins(looked, outcome);
	}
	say(looked, "The client gets %u, X-Cache: %s, from %s: %s.", outcome->status,
	        outcome->cache,
	        outcome->from[0] == 'o'   ? "the master origin"
	        : outcome->from[0] == 'b' ? "the hot backup origin"
	        : outcome->from[0] == 'c' ? "the cache"
	                                  : "the edge itself",
	        outcome->words);
	if (is_routed && outcome->is_pulled)
		tell_resumption(looked);
}

/* ---- told as JSON ---- */

static void print_cache(const struct looked *looked, struct text *to)
{
	static const char *const NAMES[] = {[STORED_OFF] = "off",
	        [STORED_METHOD] = "not_looked_up",
	        [STORED_LONG] = "too_long",
	        [STORED_MISSING] = "missing",
	        [STORED_INCOMPLETE] = "incomplete",
	        [STORED_DISK] = "disk",
	        [STORED_HERE] = "stale"};
	bool is_fresh = looked->stored == STORED_HERE && looked->reuse == CACHE_REUSE_FRESH;
	text_addf(to, ",\"cache\":{\"state\":\"%s\"", is_fresh ? "fresh" : NAMES[looked->stored]);
	add_text(to, "key", looked->key);
	text_add(to, text_str(&looked->object));
	text_add_char(to, '}');
}

static void print_address(
        const struct looked *looked, const struct origin_survey_entry *entry, struct text *to)
{
	char address[ADDRESS_TEXT_BYTES];
	const struct origin_health_view *view = &entry->view;
	const uint64_t now_ms = looked->explanation->now_ms;
	text_add(to, STR("{\"address\":"));
	text_add_json(to, str_of(address_format(&entry->address, address)));
	if (!entry->configured->is_ip)
		add_text(to, "name", str_of(entry->configured->host));
	add_number(to, "weight", entry->configured->weight);
	add_text(to, "state", str_of(origin_health_state_name(view->state)));
	text_addf(to, ",\"is_usable\":%s", entry->is_usable ? "true" : "false");
	if (view->state != ORIGIN_USABLE) {
		add_text(to, "of", entry->is_of_host ? STR("host") : STR("server"));
		add_text(to, "reason", str_of(fault_name(view->reason)));
	}
	if (view->state == ORIGIN_BLOCKED)
		add_number(to, "left_ms",
		        view->blocked_until_ms > now_ms ? view->blocked_until_ms - now_ms : 0);
	if (view->latency_us != 0)
		add_number(to, "latency_us", view->latency_us);
	text_add_char(to, '}');
}

static void print_origin(const struct looked *looked, enum model_role role, struct text *to)
{
	static const char *const POLICIES[] = {[MODEL_POLLING] = "polling",
	        [MODEL_LEAST_LOAD] = "least_load",
	        [MODEL_HASH] = "hash"};
	const struct model_origin *origin = model_domain_origin(looked->domain, role);
	const struct origin_survey *survey = &looked->surveys[role];
	text_addf(to, "{\"role\":\"%s\",\"policy\":\"%s\"", ROLES[role], POLICIES[origin->policy]);
	add_text(to, "protocol", survey->protocol == MODEL_HTTPS ? STR("https") : STR("http"));
	if (origin_bucket_is(origin)) {
		add_text(to, "bucket", str_of(origin->bucket.host));
		text_addf(to, ",\"is_private\":%s", origin->bucket.is_private ? "true" : "false");
	}
	add_number(to, "drained", survey->drained);
	add_number(to, "unresolved", survey->resolving + survey->unresolved);
	add_number(to, "total", survey->count);
	text_add(to, STR(",\"addresses\":["));
	for (unsigned i = 0; i < survey->count && i < LIMIT_EXPLAIN_ADDRESSES; i++) {
		if (i > 0)
			text_add_char(to, ',');
		print_address(looked, &survey->entries[i], to);
	}
	text_add(to, STR("]}"));
}

static void print_attempt(
        const struct looked *looked, const struct edge_plan_attempt *attempt, struct text *to)
{
	char address[ADDRESS_TEXT_BYTES];
	text_addf(to, "{\"role\":\"%s\"", ROLES[attempt->role]);
	add_text(to, "address",
	        str_of(address_format(
	                &looked->surveys[attempt->role].entries[attempt->address].address,
	                address)));
	add_number(to, "choices", attempt->choices);
	text_addf(to, ",\"is_despite_block\":%s", attempt->is_despite_block ? "true" : "false");
	if (attempt->fault != FAULT_NONE)
		add_text(to, "reason", str_of(fault_name(attempt->fault)));
	else
		add_number(to, "status", attempt->status);
	add_text(to, "then", str_of(edge_plan_words(attempt->why)));
	text_add_char(to, '}');
}

static void print_pull(const struct looked *looked, const struct outcome *outcome, struct text *to)
{
	text_add(to, STR(",\"origins\":["));
	print_origin(looked, MODEL_MASTER, to);
	if (looked->domain->backup != NULL) {
		text_add_char(to, ',');
		print_origin(looked, MODEL_BACKUP, to);
	}
	text_addf(to, "],\"is_on_backup\":%s,\"is_pulled\":%s,\"attempts\":[",
	        looked->is_on_backup ? "true" : "false", outcome->is_pulled ? "true" : "false");
	for (unsigned i = 0; i < looked->plan.count; i++) {
		if (i > 0)
			text_add_char(to, ',');
		print_attempt(looked, &looked->plan.attempts[i], to);
	}
	text_add_char(to, ']');
}

static void print(struct looked *looked, const struct outcome *outcome, struct text *to)
{
	const struct link_question *question = looked->question;
	text_add(to, STR("{\"url\":"));
	text_add_json(to, question->words.url);
	add_text(to, "method", question->method);
	add_text(to, "host", question->host);
	add_number(to, "revision", model_snapshot_revision(looked->explanation->snapshot));
	if (looked->domain != NULL)
		add_text(to, "domain", str_of(looked->domain->name));
	if (routing_fault(looked) == FAULT_NONE) {
		print_cache(looked, to);
		print_pull(looked, outcome, to);
	}
	text_addf(to, ",\"outcome\":{\"status\":%u,\"x_cache\":\"%s\",\"from\":\"%s\"",
	        outcome->status, outcome->cache, outcome->from);
	if (outcome->fault != FAULT_NONE)
		add_text(to, "reason", str_of(fault_name(outcome->fault)));
	add_text(to, "words", str_of(outcome->words));
	text_add(to, STR("},\"steps\":["));
	text_add(to, text_str(&looked->steps));
	text_add(to, STR("]}"));
}

bool edge_explanation_waits(
        const struct edge_explanation *explanation, const struct link_question *question)
{
	struct model_domain *domain = find_domain(explanation, question);
	unsigned resolving = 0;
	for (unsigned role = 0; role < MODEL_ROLES && domain != NULL; role++) {
		struct origin_survey survey;
		origin_survey_make(explanation->origins, domain, (enum model_role)role,
		        scheme_of(question), explanation->now_ms, explanation->arena, &survey);
		resolving += survey.resolving;
	}
	return resolving != 0;
}

void edge_explanation_print(const struct edge_explanation *explanation,
        const struct link_question *question, struct text *to)
{
	struct looked looked = {.explanation = explanation, .question = question};
	looked.domain = find_domain(explanation, question);
	if (routing_fault(&looked) == FAULT_NONE) {
		look_at_cache(&looked);
		look_at_origins(&looked);
	}
	struct outcome outcome = find_outcome(&looked);
	tell(&looked, &outcome);
	print(&looked, &outcome, to);
	text_done(&looked.object);
	text_done(&looked.steps);
}
