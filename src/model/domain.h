/*
 * A domain as an operator asks for it: origins, addresses, timeouts, rules (origin-pull.md section
 * 1). Values are in the units of their names. A domain is made whole by model/read.h or by hand,
 * checked by model/check.h, and then never changes: it is shared by reference between threads and
 * snapshots. Pure.
 */
#pragma once

#include "base/address.h"
#include "base/limit.h"
#include "base/str.h"

#include <stdatomic.h>
#include <stdint.h>

enum model_status { MODEL_ONLINE, MODEL_OFFLINE };
enum model_kind { MODEL_NORMAL, MODEL_BUCKET_DEFAULT };
enum model_type { MODEL_SELF, MODEL_COS, MODEL_S3 };
enum model_protocol { MODEL_HTTP, MODEL_HTTPS, MODEL_FOLLOW };
enum model_policy { MODEL_POLLING, MODEL_LEAST_LOAD, MODEL_HASH };
enum model_all_blocked { MODEL_ALL_BLOCKED_TRY, MODEL_ALL_BLOCKED_FAIL };
enum model_redirect {
	MODEL_REDIRECT_OFF,
	MODEL_REDIRECT_301,
	MODEL_REDIRECT_302,
	MODEL_REDIRECT_307,
	MODEL_REDIRECT_308
};
enum model_hedge {
	MODEL_HEDGE_OFF,
	MODEL_HEDGE_P50,
	MODEL_HEDGE_P75,
	MODEL_HEDGE_P90,
	MODEL_HEDGE_P95,
	MODEL_HEDGE_P99
};
enum model_latch { MODEL_LATCH_OFF, MODEL_LATCH_MANUAL };
enum model_set_cookie { MODEL_SET_COOKIE_NEVER, MODEL_SET_COOKIE_STRIP };
enum model_scheme { MODEL_SCHEME_SPLIT, MODEL_SCHEME_SHARED };
enum model_query { MODEL_QUERY_KEEP, MODEL_QUERY_IGNORE, MODEL_QUERY_CHOSEN };
enum model_style { MODEL_STYLE_VIRTUAL, MODEL_STYLE_PATH };
enum model_store_headers { MODEL_STORE_DROP, MODEL_STORE_META, MODEL_STORE_KEEP };
enum model_role { MODEL_MASTER, MODEL_BACKUP, MODEL_ROLES };

/* One address as written: host[:port][:weight]. */
struct model_address {
	const char *host;  /* a name in lower case, or an IP literal without brackets */
	struct address ip; /* the literal with its port; all-zero where host is a name */
	uint16_t port;     /* 0: the default of the protocol */
	uint8_t weight;    /* 0–100; 0 is drained */
	bool is_ip;
};

/* Status codes as a set: bit s of word s/64 for status 100+s … 599. */
struct model_statuses {
	uint64_t bits[8];
};

struct model_probe {
	const char *path; /* NULL: no active probing */
	uint32_t interval_ms, timeout_ms;
	uint16_t rise, fall;
	struct model_statuses expect;
	const char *body_contains; /* NULL: any */
};

struct model_bucket {
	const char *endpoint, *bucket, *region; /* NULL where absent */
	bool is_private;
	bool strip_disposition; /* a bare Content-Disposition: attachment does not go on */
	uint8_t style;          /* enum model_style */
	uint8_t store_headers;  /* enum model_store_headers */
	const char *key_id, *secret, *token; /* NULL where absent */
	/* No field: the Host that is sent, made of the others (model/bucket.h). NULL where the
	 * origin is self-owned. Where it is there, `addresses` of the origin has just this host. */
	const char *host;
};

struct model_tls {
	const char *server_name; /* NULL: the host */
	const char *ca;          /* a file; NULL: the system's store */
	const char *certificate; /* a file with what is shown to the origin; NULL: nothing is */
	const char *key;         /* a file; NULL: the key is in that of the certificate */
	bool verify;
};

struct model_origin {
	uint8_t type;     /* enum model_type */
	uint8_t protocol; /* enum model_protocol */
	uint8_t policy;   /* enum model_policy */
	uint8_t address_count;
	struct model_address *addresses; /* of a bucket: its host, which is not written */
	const char *host; /* Host to send; NULL: the accelerated domain, or the host asked for */
	struct model_tls tls;
	struct model_bucket bucket;
	struct model_probe probe;
	uint32_t connect_timeout_ms, head_timeout_ms, idle_timeout_ms;
	uint32_t min_rate; /* bytes a second of a body; 0: any */
	uint32_t min_rate_window_ms;
	uint32_t keepalive_ms;    /* how long an idle connection is kept */
	uint32_t connections_max; /* for each address; 0: no cap */
	uint32_t queue_max, queue_ms;
};

/* The freshness of responses of one status. */
struct model_ttl {
	uint16_t status;
	uint64_t ttl_ms; /* 0: not kept */
};

struct model_ttls {
	const struct model_ttl *list;
	uint32_t count;
};

/* Names of query parameters, as they stand in a URL. */
struct model_parameters {
	const char *const *list;
	uint32_t count;
};

/* Protocols that a connection may be upgraded to (RFC 9110 section 7.8), as the operator wrote
 * them; they are compared without regard to case. */
struct model_protocols {
	const char *const *list;
	uint32_t count;
};

enum model_header_action { MODEL_HEADER_SET, MODEL_HEADER_ADD, MODEL_HEADER_DELETE };

/* A rule for one header field of the messages that pass. */
struct model_header {
	const char *name;  /* a token */
	const char *value; /* NULL: it is deleted */
	uint16_t name_len, value_len;
	uint8_t action;    /* enum model_header_action */
	uint8_t id;        /* of the name: enum http_name */
	bool is_overruled; /* a later rule takes away what this one writes */
};

/* The rules of one direction, in their order. */
struct model_headers {
	uint32_t count;
	uint32_t bytes; /* of all rules as lines, "name: value\r\n", whatever they do */
	struct model_header list[];
};

/* What is kept of an origin's answers, for how long, and how it is asked for again. */
struct model_cache {
	bool is_on; /* cache.mode */
	bool heuristics, client_directives;
	bool query_sorted, ignore_case;
	bool close_delimited;           /* bodies that end with their connection are kept */
	uint8_t set_cookie;             /* enum model_set_cookie */
	uint8_t scheme;                 /* enum model_scheme */
	uint8_t query;                  /* enum model_query */
	uint32_t stale_wait_ms;         /* how long a client waits while there is a stale copy */
	uint64_t ttl_default_ms;        /* 0: none */
	struct model_ttls ttl_statuses; /* each status once */
	struct model_parameters query_parameters; /* each name once; none unless they are chosen */
	uint64_t object_max;                      /* bytes */
	uint64_t stale_if_error_ms, stale_while_revalidate_ms;
	struct model_statuses stale_statuses;
	uint64_t fill_finish_bytes;
	uint32_t fill_ahead; /* bytes */
};

struct model_domain {
	atomic_uint references;
	const char *name; /* lower case; a wildcard is "*.suffix" */
	/* For who serves it: what the cache calls it, once that was asked for; 0: not yet. */
	atomic_uint_least64_t cache_hash;
	uint8_t status, kind;
	bool debug;
	bool failover_unsafe; /* failover.unsafe_methods */
	uint8_t all_blocked;  /* enum model_all_blocked */
	uint8_t latch;        /* backup.latch */
	uint16_t latch_ends;  /* backup.latch_ends */
	uint64_t revision;
	struct model_origin origin;
	struct model_origin *backup; /* NULL: none */
	struct model_statuses failover_statuses, detect_statuses;
	uint32_t failover_attempts, failover_budget_ms;
	uint8_t hedge_after;      /* enum model_hedge */
	uint8_t hedge_budget;     /* percent of the pulls from the master */
	uint32_t resume_skip_max; /* bytes */
	uint8_t resume_attempts;  /* 0: none */
	bool resume_trusts_dates;
	uint32_t hold_down_ms;        /* backup.hold_down */
	uint32_t backup_cache_max_ms; /* backup.cache_max; 0: no cap */
	uint64_t request_body_max;    /* bytes; more is 413 */
	bool forwarded;               /* send Forwarded (RFC 7239) */
	bool x_forwarded_for, x_forwarded_proto;
	bool hsts_subdomains, hsts_preload;
	uint8_t https_redirect;                   /* enum model_redirect */
	uint64_t hsts_ms;                         /* 0: nothing is said */
	struct model_protocols upgrade_protocols; /* each once; none: nothing is upgraded */
	uint32_t upgrade_idle_timeout_ms;         /* of a tunnel, both directions together */
	/* NULL: no rules. */
	const struct model_headers *headers_to_origin, *headers_to_client;
	/* Those to clients that came by TLS; made of the others when the domain is read. */
	const struct model_headers *headers_to_secure_client;
	/* Never NULL. Domains that say nothing share the defaults; who changes it asks
	 * model_domain_own_cache. */
	const struct model_cache *cache;
	struct model_domain_memory *memory; /* where the strings and arrays live */
};

/* A domain with every field at its default and no name, origin addresses or backup. One reference.
 */
struct model_domain *model_domain_new(void);

/* Memory that lives as long as the domain, for its strings and arrays; not zeroed. Only while the
 * domain is being made. */
void *model_domain_alloc(struct model_domain *domain, size_t size);

/* A NUL-terminated copy of s that lives as long as the domain. */
const char *model_domain_copy(struct model_domain *domain, struct str s);

/* The domain's cache rules as its own, to be changed: a copy of the defaults at the first call.
 * Only while the domain is being made. */
struct model_cache *model_domain_own_cache(struct model_domain *domain);

/* Sets an origin to the defaults. */
void model_domain_init_origin(struct model_origin *origin);

/* Counts one user more; any thread. Returns the domain. */
struct model_domain *model_domain_ref(struct model_domain *domain);

/* Counts one user less; the last one frees it. NULL is fine. */
void model_domain_unref(struct model_domain *domain);

/* The status of a redirect (enum model_redirect); 0: there is none. */
static inline unsigned model_redirect_status(unsigned redirect)
{
	static const unsigned STATUSES[] = {0, 301, 302, 307, 308};
	return STATUSES[redirect];
}

/* The percentile of enum model_hedge; 0: nothing is hedged. */
static inline unsigned model_hedge_percentile(unsigned hedge)
{
	static const unsigned PERCENTILES[] = {0, 50, 75, 90, 95, 99};
	return PERCENTILES[hedge];
}

/* The origin in a role; NULL when there is no backup. */
struct model_origin *model_domain_origin(struct model_domain *domain, enum model_role role);

static inline bool model_statuses_has(const struct model_statuses *statuses, unsigned status)
{
	return status >= 100 && status < 600 &&
	       (statuses->bits[(status - 100) / 64] >> ((status - 100) % 64) & 1) != 0;
}

void model_statuses_set(struct model_statuses *statuses, unsigned first, unsigned last, bool on);
