/*
 * Accounts, for an admin.
 */
#include "base/mem.h"
#include "control/api.h"
#include "control/opening.h"

static void print(const struct store_account *account, struct text *to)
{
	text_add(to, STR("{\"name\":"));
	text_add_json(to, str_of(account->name));
	text_addf(to, ",\"role\":\"%s\",\"must_change\":%s,\"created_ms\":%llu",
	        store_accounts_role_name(account->role), account->must_change ? "true" : "false",
	        (unsigned long long)account->created_ms);
}

struct listing {
	struct store_account_sink sink;
	struct text *to;
	unsigned count;
};

static void on_account(struct store_account_sink *sink, const struct store_account *account)
{
	struct listing *listing = container_of(sink, struct listing, sink);
	if (listing->count++ > 0)
		text_add_char(listing->to, ',');
	print(account, listing->to);
	text_add_char(listing->to, '}');
}

void control_api_users_list(struct control_call *call)
{
	struct listing listing = {.sink = {.on_account = on_account}};
	listing.to = control_call_answer(call, 200);
	text_add(listing.to, STR("{\"items\":["));
	enum store_failure failure =
	        store_accounts_list(atomic_load(&call->plane->store), &listing.sink);
	text_add(listing.to, STR("]}"));
	if (failure != STORE_DONE)
		control_call_refuse_store(call, failure);
}

/* ---- changes ---- */

enum { NAME, ROLE, PASSWORD, FIELDS };

/* The form's role and password, where they are there; false after they were refused. */
static bool check(struct control_call *call, const struct control_form_field *fields,
        enum store_role *ret_role)
{
	if (fields[ROLE].is_there && !store_accounts_read_role(fields[ROLE].text, ret_role)) {
		control_call_refuse_field(call, "/role", "choice",
		        "is none of \"viewer\", \"operator\" and \"admin\"");
		return false;
	}
	if (fields[PASSWORD].is_there && !store_accounts_is_password(fields[PASSWORD].text)) {
		control_call_refuse_field(call, "/password", "length", "has not %d to %d bytes",
		        LIMIT_PASSWORD_BYTES_MIN, LIMIT_PASSWORD_BYTES);
		return false;
	}
	return true;
}

static void refuse_account(struct control_call *call, enum store_failure failure, struct str name)
{
	if (failure == STORE_ABSENT)
		control_call_refuse(call, CONTROL_PROBLEM_NO_SUCH_ACCOUNT,
		        "there is no account %.*s", STR_ARG(name));
	else if (failure == STORE_CONFLICT)
		control_call_refuse(
		        call, CONTROL_PROBLEM_LAST_ADMIN, "nobody would be left who is an admin");
	else
		control_call_refuse_store(call, failure);
}

static void answer_made(struct control_call *call, const struct control_form_field *fields,
        enum store_role role, const char *password)
{
	const bool is_shown = !fields[PASSWORD].is_there;
	struct text *to = control_call_answer(call, 201);
	text_add(to, STR("{\"name\":"));
	text_add_json(to, fields[NAME].text);
	text_addf(to, ",\"role\":\"%s\",\"must_change\":true", store_accounts_role_name(role));
	if (is_shown)
		text_addf(to, ",\"password\":\"%s\"", password);
	text_add_char(to, '}');
	control_call_add_field(call, "Location", "/api/v1/users/%.*s", STR_ARG(fields[NAME].text));
}

void control_api_users_create(struct control_call *call)
{
	struct control_form_field fields[FIELDS] = {
	        [NAME] = {.name = "name", .is_required = true},
	        [ROLE] = {.name = "role", .is_required = true},
	        [PASSWORD] = {.name = "password"},
	};
	char made[CONTROL_OPENING_PASSWORD_BYTES];
	enum store_role role = STORE_VIEWER;
	if (!control_call_read_form(call, fields, FIELDS) || !check(call, fields, &role))
		return;
	if (!store_accounts_is_name(fields[NAME].text)) {
		control_call_refuse_field(call, "/name", "syntax",
		        "is no name of letters, digits and .-_@+ that begins with a letter or "
		        "digit");
		return;
	}
	control_opening_make_password(made);
	struct str password = fields[PASSWORD].is_there ? fields[PASSWORD].text : str_of(made);
	/* Who knows it is not who is to use it. */
	enum store_failure failure = store_accounts_add(
	        atomic_load(&call->plane->store), fields[NAME].text, role, password, true);
	if (failure == STORE_CONFLICT)
		control_call_refuse(call, CONTROL_PROBLEM_EXISTS,
		        "there is an account %.*s already", STR_ARG(fields[NAME].text));
	else if (failure != STORE_DONE)
		control_call_refuse_store(call, failure);
	else
		answer_made(call, fields, role, made);
	explicit_bzero(made, sizeof(made));
}

void control_api_users_change(struct control_call *call)
{
	struct control_form_field fields[FIELDS] = {
	        [NAME] = {.name = "name"},
	        [ROLE] = {.name = "role"},
	        [PASSWORD] = {.name = "password"},
	};
	struct str name = call->names[0];
	struct store_account_change change = {.must_change = true};
	if (!control_call_read_form(call, fields, FIELDS) || !check(call, fields, &change.role))
		return;
	if (fields[NAME].is_there && !str_is_equal(fields[NAME].text, name)) {
		control_call_refuse_field(call, "/name", "name", "cannot be changed");
		return;
	}
	if (!fields[ROLE].is_there && !fields[PASSWORD].is_there) {
		control_call_refuse_field(call, "", "missing", "has neither a role nor a password");
		return;
	}
	change.has_role = fields[ROLE].is_there;
	if (fields[PASSWORD].is_there)
		change.password = fields[PASSWORD].text;
	enum store_failure failure =
	        store_accounts_change(atomic_load(&call->plane->store), name, &change);
	control_guard_forget(call->plane->guard);
	if (failure == STORE_DONE)
		control_call_answer_nothing(call);
	else
		refuse_account(call, failure, name);
}

void control_api_users_delete(struct control_call *call)
{
	enum store_failure failure =
	        store_accounts_remove(atomic_load(&call->plane->store), call->names[0]);
	control_guard_forget(call->plane->guard);
	if (failure == STORE_DONE)
		control_call_answer_nothing(call);
	else
		refuse_account(call, failure, call->names[0]);
}
