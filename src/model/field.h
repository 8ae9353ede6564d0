/*
 * The fields of a domain as one table (field.def), from which reader, printer, diff, defaults and
 * documentation are made. `origin.*` and `backup.*` are rows of their own here. Immutable; any
 * thread. Pure.
 */
#pragma once

#include "model/domain.h"

enum model_field_type {
	MODEL_FIELD_NAME,      /* a host name, or a wildcard */
	MODEL_FIELD_HOST,      /* a host name or an IP address */
	MODEL_FIELD_AUTHORITY, /* the same with a port or without */
	MODEL_FIELD_STRING,    /* printable text; `allowed` is its length in bytes */
	MODEL_FIELD_SECRET,    /* the same, masked where it is shown */
	MODEL_FIELD_PATH,      /* "/…" as in a request line */
	MODEL_FIELD_ENUM,      /* a byte: the index of a choice */
	MODEL_FIELD_BOOL,
	MODEL_FIELD_INTEGER,
	MODEL_FIELD_BYTES,      /* "32m" */
	MODEL_FIELD_PERCENT,    /* "5%" */
	MODEL_FIELD_DURATION,   /* "5s", kept in milliseconds */
	MODEL_FIELD_SECONDS,    /* the same, shown as a bare number */
	MODEL_FIELD_STATUSES,   /* struct model_statuses */
	MODEL_FIELD_ADDRESSES,  /* struct model_address *, with their count in the origin */
	MODEL_FIELD_TTLS,       /* struct model_ttls */
	MODEL_FIELD_PARAMETERS, /* struct model_parameters */
	MODEL_FIELD_PROTOCOLS,  /* struct model_protocols */
	MODEL_FIELD_HEADERS     /* const struct model_headers *; NULL is the empty list */
};

/* Where a field's member is. */
enum model_field_owner {
	MODEL_FIELD_OF_DOMAIN,
	MODEL_FIELD_OF_ORIGIN,
	MODEL_FIELD_OF_BACKUP,
	MODEL_FIELD_OF_CACHE
};

struct model_field {
	struct str path;      /* "origin.tls.verify" */
	const char *allowed;  /* "1s-60s", "online|offline", or "" */
	const char *standard; /* the default as in documents; "" is absent */
	const char *words;
	uint8_t type;  /* enum model_field_type */
	uint8_t owner; /* enum model_field_owner */
	uint16_t offset, size;
};

/* The field at `index`, in the order of documents; NULL behind the last. */
const struct model_field *model_field_at(size_t index);

/* The field of a path; NULL when there is none. */
const struct model_field *model_field_find(struct str path);

/* Whether a path has fields below it, as "origin.tls". */
bool model_field_is_group(struct str path);

/* What is allowed of the numbers, durations, lengths and counts of a field, in the units of its
 * member; 0 … UINT64_MAX where nothing is said. */
void model_field_range(const struct model_field *field, uint64_t *ret_min, uint64_t *ret_max);

/* The member of a field in a domain; NULL when it is the backup's and there is no backup. To be
 * written, a member of the cache is the domain's own (model_domain_own_cache). */
void *model_field_member(const struct model_field *field, struct model_domain *domain);
const void *model_field_member_const(
        const struct model_field *field, const struct model_domain *domain);

/* A domain with every default, without memory of its own; for model/domain.c and comparisons. */
const struct model_domain *model_field_defaults(void);

/*
 * What was probably meant by `key` below the path `group` ("" for the top): a sibling with a name
 * much like it, else a field of just this name somewhere else, with its whole path. Empty when
 * nothing is near.
 */
struct str model_field_suggest(struct str group, struct str key);
