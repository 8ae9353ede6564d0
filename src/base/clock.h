/*
 * Time. Durations and deadlines are monotonic milliseconds; wall time is for people and headers.
 * Any thread.
 */
#pragma once

#include <stdint.h>

/* Never: a deadline that does not come. */
#define CLOCK_NEVER UINT64_MAX

/* Monotonic milliseconds since some moment; never 0. */
uint64_t clock_ms(void);

/* Monotonic microseconds since the same moment. */
uint64_t clock_us(void);

/* Milliseconds since 1970-01-01 UTC. */
uint64_t clock_wall_ms(void);

enum { CLOCK_ISO_BYTES = 25 };

/* Writes "2026-11-23T22:20:00.123Z" and a NUL; `to` has CLOCK_ISO_BYTES bytes. */
void clock_format_iso(uint64_t wall_ms, char *to);
