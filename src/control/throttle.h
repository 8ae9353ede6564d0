/*
 * How often somebody may try to sign in: failures are counted for the client's address and for the
 * account, and past LIMIT_LOGIN_FAILURES of the one or LIMIT_LOGIN_ACCOUNT_FAILURES of the other
 * within LIMIT_LOGIN_WINDOW_MS the next attempt has to wait. Any thread.
 */
#pragma once

#include "base/address.h"

struct control_throttle;

/* hash_init was called. */
struct control_throttle *control_throttle_new(void);
void control_throttle_free(struct control_throttle *throttle);

/* Who tries what. */
struct control_throttle_try {
	struct address client;
	struct str account;
	uint64_t now_ms; /* base/clock.h */
};

/* How many milliseconds it must wait; 0: it may, and counts as a failure from now on. */
uint64_t control_throttle_enter(
        struct control_throttle *throttle, const struct control_throttle_try *attempt);

/* It was no failure. */
void control_throttle_clear(
        struct control_throttle *throttle, const struct control_throttle_try *attempt);
