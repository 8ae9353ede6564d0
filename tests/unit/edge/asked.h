/*
 * Requests to a worker with a cache, each with what it must come to: for the tests of the steps of
 * a request.
 */
#pragma once

#include "edge/stored.h"

#include <stdio.h>

#define ASKED_DOMAINS                                                                              \
	"domains: [{name: a.test, origin: {addresses: [\"$0\"]}, stale: {wait_ms: 50}}]"

/* A fixture with one client. */
struct asker {
	struct fixture fixture;
	struct client client;
	struct response response;
};

static inline void asker_start(struct asker *asker, const char *document)
{
	asker->response = (struct response){.body = {.at = NULL}};
	fixture_start_cached(&asker->fixture, document);
	client_open(&asker->client, &asker->fixture);
}

static inline void asker_done(struct asker *asker)
{
	response_done(&asker->response);
	client_close(&asker->client);
	fixture_done(&asker->fixture);
}

/* The master answers so from now on, with `length` bytes of the pattern. */
static inline void answers(
        struct asker *asker, const char *status, const char *fields, size_t length)
{
	asker->fixture.origins[0].answer = (struct origin_answer){
	        .status = status, .fields = fields, .body = pattern_of(0, length)};
}

/* Asks, and holds the response to its status and the word of X-Cache. */
static inline void expect(struct asker *asker, const char *method, const char *fields,
        unsigned status, const char *word)
{
	fetch(&asker->client, method, fields, &asker->response);
	if (asker->response.head.status != status || !has_field(&asker->response, "X-Cache", word))
		fail_msg("%s %s: %u, not %u %s", method, fields, asker->response.head.status,
		        status, word);
}

/* How often the master was asked so far. */
static inline unsigned pulls(const struct asker *asker)
{
	return asker->fixture.origins[0].requests;
}

static inline bool is_body(const struct asker *asker, size_t from, size_t length)
{
	return str_is_equal(text_str(&asker->response.body), pattern_of(from, length));
}
