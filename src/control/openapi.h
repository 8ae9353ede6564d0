/*
 * docs/openapi.yaml as it was when this was built (tools/embed.py).
 */
#pragma once

#include <stddef.h>

extern const char control_openapi[];
extern const size_t control_openapi_bytes;
