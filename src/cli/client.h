/*
 * Requests to the control plane (libcurl), one at a time. Redirects are not followed, so a token
 * goes nowhere else; no proxy is used; what is read is bounded.
 */
#pragma once

#include "base/str.h"

struct cli_client;

struct cli_request {
	const char *method;
	const char *path; /* below /api/v1, with its query */
	const char *type; /* of the body; NULL: there is none */
	struct str body;
	const char *if_match;        /* with its quotes; NULL */
	bool is_new;                 /* there must be none yet (If-None-Match) */
	const char *idempotency_key; /* NULL */
	uint64_t answer_max;         /* bytes; 0: LIMIT_ANSWER_BYTES */
	uint64_t timeout_ms;         /* 0: the usual */
	unsigned accepted;           /* a status that is no failure either; 0: none */
};

/* All-zero is none; freed with cli_client_forget. */
struct cli_answer {
	unsigned status;
	struct text body;
	struct text etag;
	uint64_t revision;      /* Headwater-Revision; 0: not said */
	uint64_t retry_after_s; /* 0: not said */
};

/* `api` is kept borrowed, and `token` (empty: none is shown). NULL where libcurl is not there; then
 * a sentence was added to ret_why. */
struct cli_client *cli_client_new(const char *api, struct str token, struct text *ret_why);
void cli_client_free(struct cli_client *client);

/* What a session sends with its changes; copied. Cookies are kept as long as the client. */
void cli_client_set_csrf(struct cli_client *client, struct str csrf);

/* Asks. False when there is no whole answer; then a sentence was added to ret_why. */
MUST_CHECK bool cli_client_ask(struct cli_client *client, const struct cli_request *request,
        struct cli_answer *ret_answer, struct text *ret_why);

void cli_client_forget(struct cli_answer *answer);

/* Adds a part of a path, or a value of a query, with what may not stand there escaped. */
void cli_client_add_part(struct text *to, struct str part);
