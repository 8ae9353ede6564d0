/* Exchanges for tests: a request and its response, from lines. Include cmocka before. */
#pragma once

#include "cache/terms.h"

#include "../http/heads.h"

/* Sun, 06 Nov 1994 08:49:37 GMT, and seconds around it. */
#define NOW_S       784111777
#define NOW_MS      (NOW_S * UINT64_C(1000))
#define DATE_NOW    "Date: Sun, 06 Nov 1994 08:49:37 GMT\n"
#define DATE_10_AGO "Date: Sun, 06 Nov 1994 08:49:27 GMT\n"

static const struct cache_rules EXCHANGES_RULES = {.has_client_directives = true,
        .has_heuristics = true,
        .stale_if_error_s = 86400,
        .backup_max_s = UINT32_MAX};

struct exchanges {
	struct heads request, response;
	struct cache_exchange exchange;
};

/* An exchange that took no time, at NOW_MS. */
static inline struct cache_exchange *exchanges_make(
        struct exchanges *exchanges, const char *request, unsigned status, const char *response)
{
	exchanges->exchange = (struct cache_exchange){
	        .request = heads_request(&exchanges->request, "GET", request),
	        .response = heads_response(&exchanges->response, status, response),
	        .requested_ms = NOW_MS,
	        .received_ms = NOW_MS,
	};
	return &exchanges->exchange;
}

static inline void exchanges_done(struct exchanges *exchanges)
{
	heads_done(&exchanges->request);
	heads_done(&exchanges->response);
}
