/*
 * Status codes (RFC 9110 section 15). Pure.
 */
#pragma once

#include "base/str.h"

/* The registered reason phrase (status.def), or "Unknown". */
struct str http_status_reason(unsigned status);

/* Whether a response with this status never has a body: 1xx, 204, 304 (RFC 9112 6.3). */
bool http_status_is_bodiless(unsigned status);
