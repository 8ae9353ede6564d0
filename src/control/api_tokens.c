/*
 * Tokens for programs: everybody has their own, and an admin may see and take back those of others.
 */
#include "base/mem.h"
#include "control/api.h"

static void print(const struct store_pass *pass, struct text *to)
{
	text_addf(to, "{\"id\":%llu,\"account\":", (unsigned long long)pass->id);
	text_add_json(to, str_of(pass->account));
	text_add(to, STR(",\"label\":"));
	text_add_json(to, str_of(pass->label));
	text_addf(to, ",\"role\":\"%s\",\"created_ms\":%llu,\"expires_ms\":%llu",
	        store_accounts_role_name(pass->role), (unsigned long long)pass->created_ms,
	        (unsigned long long)pass->expires_ms);
}

struct listing {
	struct store_pass_sink sink;
	struct text *to;
	uint64_t wanted; /* only the account of this one is asked for; 0: all are printed */
	bool is_found;
	unsigned count;
};

static void on_pass(struct store_pass_sink *sink, const struct store_pass *pass)
{
	struct listing *listing = container_of(sink, struct listing, sink);
	listing->is_found |= pass->id == listing->wanted;
	if (listing->wanted != 0)
		return;
	if (listing->count++ > 0)
		text_add_char(listing->to, ',');
	print(pass, listing->to);
	text_add_char(listing->to, '}');
}

/* Whose tokens a request may be about: an admin's of everybody. False after it was refused. */
static bool may_have(struct control_call *call, struct str account)
{
	if (call->caller.role == STORE_ADMIN || str_is_equal(account, str_of(call->caller.account)))
		return true;
	control_call_refuse(
	        call, CONTROL_PROBLEM_FORBIDDEN, "those of others are an admin's to ask for");
	return false;
}

void control_api_tokens_list(struct control_call *call)
{
	struct listing listing = {.sink = {.on_pass = on_pass}};
	struct str account = control_query_get(&call->query, "account");
	/* Without a name: an admin means all, and everybody else oneself. */
	if (account.at == NULL && call->caller.role != STORE_ADMIN)
		account = str_of(call->caller.account);
	if (account.at != NULL && !may_have(call, account))
		return;
	listing.to = control_call_answer(call, 200);
	text_add(listing.to, STR("{\"items\":["));
	enum store_failure failure = store_accounts_list_tokens(
	        atomic_load(&call->plane->store), account, &listing.sink);
	text_add(listing.to, STR("]}"));
	if (failure != STORE_DONE)
		control_call_refuse_store(call, failure);
}

/* ---- a new one ---- */

enum { LABEL, ROLE, EXPIRES, ACCOUNT, FIELDS };

/* When the token ends. One that a token makes ends with it at the latest: or whoever has one for an
 * hour would have one for ever. False after it was refused. */
static bool choose_end(
        struct control_call *call, const struct control_form_field *field, uint64_t *ret_ms)
{
	const struct store_pass *caller = &call->caller;
	const uint64_t latest_ms = caller->is_session ? 0 : caller->expires_ms; /* 0: whenever */
	const uint64_t ends_ms = field->is_there ? field->number : latest_ms;
	if (ends_ms != 0 && (ends_ms <= call->now_ms || ends_ms > INT64_MAX)) {
		control_call_refuse_field(call, "/expires_ms", "range", "is over already");
		return false;
	}
	if (latest_ms != 0 && (ends_ms == 0 || ends_ms > latest_ms)) {
		control_call_refuse_field(call, "/expires_ms", "range",
		        "is behind the end of the token that makes it, which is %llu",
		        (unsigned long long)latest_ms);
		return false;
	}
	*ret_ms = ends_ms;
	return true;
}

/* A label is a name, too: it stands in the history behind the account's. */
static bool check(
        struct control_call *call, const struct control_form_field *fields, struct store_pass *pass)
{
	if (!store_accounts_is_name(fields[LABEL].text)) {
		control_call_refuse_field(call, "/label", "syntax",
		        "is no name of letters, digits and .-_@+ that begins with a letter or "
		        "digit");
		return false;
	}
	if (fields[ROLE].is_there && !store_accounts_read_role(fields[ROLE].text, &pass->role)) {
		control_call_refuse_field(call, "/role", "choice",
		        "is none of \"viewer\", \"operator\" and \"admin\"");
		return false;
	}
	return choose_end(call, &fields[EXPIRES], &pass->expires_ms);
}

struct finding {
	struct store_account_sink sink;
	struct str name;
	enum store_role role;
	bool is_found;
};

static void on_account(struct store_account_sink *sink, const struct store_account *account)
{
	struct finding *finding = container_of(sink, struct finding, sink);
	if (!str_is_equal(str_of(account->name), finding->name))
		return;
	finding->is_found = true;
	finding->role = account->role;
}

static void refuse_account(struct control_call *call, struct str account)
{
	control_call_refuse(call, CONTROL_PROBLEM_NO_SUCH_ACCOUNT, "there is no account %.*s",
	        STR_ARG(account));
}

/* The role of the token, which is not above that of the account, nor of who makes it; the highest
 * where the form says none. False after it was refused. */
static bool choose_role(struct control_call *call, const struct control_form_field *fields,
        struct str account, enum store_role *role)
{
	struct finding finding = {.sink = {.on_account = on_account}, .name = account};
	enum store_role highest = call->caller.role;
	if (!str_is_equal(account, str_of(call->caller.account))) {
		enum store_failure failure =
		        store_accounts_list(atomic_load(&call->plane->store), &finding.sink);
		if (failure != STORE_DONE)
			control_call_refuse_store(call, failure);
		else if (!finding.is_found)
			refuse_account(call, account);
		if (failure != STORE_DONE || !finding.is_found)
			return false;
		highest = finding.role < highest ? finding.role : highest;
	}
	if (!fields[ROLE].is_there)
		*role = highest;
	if (*role > call->caller.role)
		control_call_refuse(
		        call, CONTROL_PROBLEM_FORBIDDEN, "a token may not more than who makes it");
	else if (*role > highest)
		control_call_refuse_field(
		        call, "/role", "range", "is above the role of the account");
	return *role <= highest;
}

void control_api_tokens_create(struct control_call *call)
{
	struct control_form_field fields[FIELDS] = {
	        [LABEL] = {.name = "label", .is_required = true},
	        [ROLE] = {.name = "role"},
	        [EXPIRES] = {.name = "expires_ms", .type = CONTROL_FORM_NUMBER},
	        [ACCOUNT] = {.name = "account"},
	};
	struct store_pass pass = {.created_ms = call->now_ms};
	char secret[STORE_SECRET_BYTES];
	if (!control_call_read_form(call, fields, FIELDS) || !check(call, fields, &pass))
		return;
	struct str account =
	        fields[ACCOUNT].is_there ? fields[ACCOUNT].text : str_of(call->caller.account);
	if (!may_have(call, account) || !choose_role(call, fields, account, &pass.role))
		return;
	enum store_failure failure = store_accounts_add_pass(atomic_load(&call->plane->store),
	        account, fields[LABEL].text, pass.role, pass.expires_ms, secret, &pass.id);
	if (failure == STORE_ABSENT) {
		refuse_account(call, account);
	} else if (failure == STORE_CONFLICT) {
		control_call_refuse(call, CONTROL_PROBLEM_TOO_MANY, "the account has %d tokens",
		        LIMIT_ACCOUNT_PASSES);
	} else if (failure != STORE_DONE) {
		control_call_refuse_store(call, failure);
	} else {
		memcpy(pass.account, account.at, account.len);
		memcpy(pass.label, fields[LABEL].text.at, fields[LABEL].text.len);
		struct text *to = control_call_answer(call, 201);
		print(&pass, to);
		text_addf(to, ",\"token\":\"%s\"}", secret);
		control_call_add_field(
		        call, "Location", "/api/v1/tokens/%llu", (unsigned long long)pass.id);
	}
	explicit_bzero(secret, sizeof(secret));
}

/* ---- away with one ---- */

void control_api_tokens_delete(struct control_call *call)
{
	struct store *store = atomic_load(&call->plane->store);
	struct listing listing = {.sink = {.on_pass = on_pass}};
	/* Of one that is not one's own nobody else is told that it is there. */
	struct str account =
	        call->caller.role == STORE_ADMIN ? STR_EMPTY : str_of(call->caller.account);
	enum store_failure failure = STORE_ABSENT;
	if (str_to_u64(call->names[0], &listing.wanted) && listing.wanted != 0)
		failure = store_accounts_list_tokens(store, account, &listing.sink);
	if (failure == STORE_DONE)
		failure = listing.is_found ? store_accounts_remove_pass(store, listing.wanted)
		                           : STORE_ABSENT;
	control_guard_forget(call->plane->guard);
	if (failure == STORE_DONE)
		control_call_answer_nothing(call);
	else if (failure == STORE_ABSENT)
		control_call_refuse(call, CONTROL_PROBLEM_NOT_FOUND, "there is no token %.*s",
		        STR_ARG(call->names[0]));
	else
		control_call_refuse_store(call, failure);
}
