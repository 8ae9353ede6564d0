/*
 * Everything that can go wrong, one row each in fault.def: whose side it is on, whether another try
 * can help, the status that a client sees and the words for it. Logs, metrics, the API and the docs
 * use the names from this table and no others.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

enum fault {
#define FAULT(id, name, side, retry, status, words) FAULT_##id,
#include "base/fault.def"
#undef FAULT
	FAULT_COUNT
};

enum fault_side { FAULT_SIDE_NONE, FAULT_SIDE_CLIENT, FAULT_SIDE_ORIGIN, FAULT_SIDE_SELF };

/* What another try can do. CONNECTION faults are the address's, RESPONSE faults the server's
 * behind it (origin-pull.md section 3); both may be retried elsewhere. LOCAL ones are nobody's
 * but ours. */
enum fault_retry {
	FAULT_RETRY_FINAL,
	FAULT_RETRY_CONNECTION,
	FAULT_RETRY_RESPONSE,
	FAULT_RETRY_LOCAL
};

struct fault_info {
	const char *name;  /* as in logs: "connect_refused" */
	const char *words; /* for people */
	uint8_t side;      /* enum fault_side */
	uint8_t retry;     /* enum fault_retry */
	uint16_t status;   /* what a client gets where this is the outcome; 0: the connection is
	                      closed */
};

/* The row of a fault; never NULL. */
const struct fault_info *fault_info(enum fault fault);

/* Its name. */
const char *fault_name(enum fault fault);
