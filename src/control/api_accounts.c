/*
 * Signing in and out, and who one is.
 */
#include "base/clock.h"
#include "control/api.h"

/* ---- who ---- */

static void print_who(struct control_call *call, const struct store_pass *pass, struct str secret,
        struct text *to)
{
	char token[CONTROL_GUARD_CSRF_BYTES];
	text_add(to, STR("{\"account\":"));
	text_add_json(to, str_of(pass->account));
	text_addf(to, ",\"role\":\"%s\",\"is_session\":%s,\"must_change\":%s,\"expires_ms\":%llu",
	        store_accounts_role_name(pass->role), pass->is_session ? "true" : "false",
	        pass->must_change ? "true" : "false", (unsigned long long)pass->expires_ms);
	if (pass->is_session) {
		control_guard_csrf(secret, token);
		text_addf(to, ",\"csrf\":\"%s\"", token);
	} else {
		text_add(to, STR(",\"label\":"));
		text_add_json(to, str_of(pass->label));
	}
	text_add_char(to, '}');
	(void)call;
}

void control_api_accounts_whoami(struct control_call *call)
{
	print_who(call, &call->caller, call->secret, control_call_answer(call, 200));
}

/* ---- in ---- */

static void refuse_credentials(struct control_call *call)
{
	control_call_refuse(
	        call, CONTROL_PROBLEM_BAD_CREDENTIALS, "the account or its password is wrong");
}

/* Who signs in by https is not to send it by anything else. */
static void set_cookie(struct control_call *call, const char *secret, uint64_t seconds)
{
	control_call_add_field(call, "Set-Cookie",
	        CONTROL_GUARD_COOKIE "=%s; Path=/; Max-Age=%llu; HttpOnly; SameSite=Strict%s",
	        secret, (unsigned long long)seconds, call->is_secure ? "; Secure" : "");
}

/* A session for an account that has shown its password. */
static void begin_session(struct control_call *call, const struct store_account *account)
{
	struct store *store = atomic_load(&call->plane->store);
	char secret[STORE_SECRET_BYTES];
	const uint64_t minutes =
	        control_settings_get(call->plane->settings, CONTROL_SETTING_SESSION_MINUTES);
	struct store_pass pass = {
	        .role = account->role,
	        .expires_ms = call->now_ms + minutes * 60 * 1000,
	        .is_session = true,
	        .must_change = account->must_change,
	};
	/* Who signs in often must not be kept out by sessions that have ended. */
	enum store_failure failure = store_accounts_expire(store, call->now_ms);
	if (failure == STORE_DONE)
		failure = store_accounts_add_session(
		        store, account, pass.expires_ms, secret, &pass.id);
	if (failure == STORE_CONFLICT) {
		control_call_refuse(call, CONTROL_PROBLEM_TOO_MANY, "the account has %d sessions",
		        LIMIT_ACCOUNT_PASSES);
		return;
	}
	if (failure == STORE_ABSENT) {
		refuse_credentials(call);
		return;
	}
	if (failure != STORE_DONE) {
		control_call_refuse_store(call, failure);
		return;
	}
	memcpy(pass.account, account->name, sizeof(pass.account));
	print_who(call, &pass, str_of(secret), control_call_answer(call, 200));
	set_cookie(call, secret, minutes * 60);
}

/* Whether it is the account's password; counted, and refused in any other case. */
static bool verify(struct control_call *call, struct str name, struct str password,
        struct store_account *ret_account)
{
	const struct control_throttle_try attempt = {
	        .client = call->client, .account = name, .now_ms = clock_ms()};
	uint64_t wait_ms = control_throttle_enter(call->plane->throttle, &attempt);
	if (wait_ms > 0) {
		control_call_refuse(call, CONTROL_PROBLEM_TOO_MANY_ATTEMPTS,
		        "the next one is taken in %llu s",
		        (unsigned long long)(wait_ms + 999) / 1000);
		control_call_add_field(
		        call, "Retry-After", "%llu", (unsigned long long)(wait_ms + 999) / 1000);
		return false;
	}
	enum store_failure failure = store_accounts_verify(
	        atomic_load(&call->plane->store), name, password, ret_account);
	if (failure != STORE_ABSENT)
		control_throttle_clear(call->plane->throttle, &attempt);
	if (failure == STORE_ABSENT)
		refuse_credentials(call);
	else if (failure != STORE_DONE)
		control_call_refuse_store(call, failure);
	return failure == STORE_DONE;
}

void control_api_accounts_login(struct control_call *call)
{
	enum { ACCOUNT, PASSWORD, FIELDS };
	struct control_form_field fields[FIELDS] = {
	        [ACCOUNT] = {.name = "account", .is_required = true},
	        [PASSWORD] = {.name = "password", .is_required = true},
	};
	struct store_account account;
	if (control_call_read_form(call, fields, FIELDS) &&
	        verify(call, fields[ACCOUNT].text, fields[PASSWORD].text, &account))
		begin_session(call, &account);
}

/* ---- out ---- */

void control_api_accounts_logout(struct control_call *call)
{
	enum store_failure failure =
	        store_accounts_remove_pass(atomic_load(&call->plane->store), call->caller.id);
	control_guard_forget(call->plane->guard);
	if (failure != STORE_DONE && failure != STORE_ABSENT) {
		control_call_refuse_store(call, failure);
		return;
	}
	control_call_answer_nothing(call);
	if (call->caller.is_session)
		set_cookie(call, "", 0);
}

/* ---- the password ---- */

void control_api_accounts_password(struct control_call *call)
{
	enum { OLD, NEW, FIELDS };
	struct control_form_field fields[FIELDS] = {
	        [OLD] = {.name = "old", .is_required = true},
	        [NEW] = {.name = "new", .is_required = true},
	};
	struct str name = str_of(call->caller.account);
	struct store_account account;
	if (!control_call_read_form(call, fields, FIELDS))
		return;
	if (!store_accounts_is_password(fields[NEW].text)) {
		control_call_refuse_field(call, "/new", "length", "has not %d to %d bytes",
		        LIMIT_PASSWORD_BYTES_MIN, LIMIT_PASSWORD_BYTES);
		return;
	}
	if (str_is_equal(fields[OLD].text, fields[NEW].text)) {
		control_call_refuse_field(call, "/new", "unchanged", "is the old one");
		return;
	}
	if (!verify(call, name, fields[OLD].text, &account))
		return;
	const struct store_account_change change = {
	        .password = fields[NEW].text, .verified = &account};
	enum store_failure failure =
	        store_accounts_change(atomic_load(&call->plane->store), name, &change);
	control_guard_forget(call->plane->guard);
	if (failure == STORE_ABSENT) /* somebody was faster */
		refuse_credentials(call);
	else if (failure != STORE_DONE)
		control_call_refuse_store(call, failure);
	else
		control_call_answer_nothing(call);
}
