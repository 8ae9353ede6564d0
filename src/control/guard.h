/*
 * Who asks: what was found out of tokens and sessions is remembered for a while, so that a request
 * does not ask the store, which may be waiting for its disk. Any thread.
 */
#pragma once

#include "store/accounts.h"

#include <sys/types.h>

struct control_guard;

/* The name of the cookie that a session is in. */
#define CONTROL_GUARD_COOKIE "headwater_session"

struct control_guard *control_guard_new(void);
void control_guard_free(struct control_guard *guard);

/* Whether a text looks like a token or a session at all. */
bool control_guard_is_secret(struct str text);

/* Who it stands for, where that is remembered, and it has not expired. */
MUST_CHECK bool control_guard_look(struct control_guard *guard, struct str secret, uint64_t now_ms,
        struct store_pass *ret_pass);

/* The same by the store, and remembers it. ABSENT: it stands for nobody. */
MUST_CHECK enum store_failure control_guard_ask(struct control_guard *guard, struct store *store,
        struct str secret, uint64_t now_ms, struct store_pass *ret_pass);

/* Accounts, tokens or sessions have changed: nothing that was found out before counts any more. To
 * be called before the change is acknowledged. */
void control_guard_forget(struct control_guard *guard);

/* What a session's page must send in X-CSRF-Token with each change: only who knows the session can
 * tell it. */
enum { CONTROL_GUARD_CSRF_BYTES = 33 }; /* 32 hexadecimal digits, with the NUL */
void control_guard_csrf(struct str secret, char ret_token[CONTROL_GUARD_CSRF_BYTES]);

/* Whether the text is that; in a time that does not tell how much of it is right. */
bool control_guard_is_csrf(struct str secret, struct str text);
