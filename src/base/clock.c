/*
 * The kernel's clocks, read through the vDSO. A millisecond is added to the monotonic one, so that
 * 0 is never a moment and can mean "not set".
 */
#include "base/clock.h"

#include "base/check.h"

#include <stdio.h>
#include <time.h>

uint64_t clock_us(void)
{
	struct timespec now;
	CHECK(clock_gettime(CLOCK_MONOTONIC, &now) == 0);
	return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000 + 1000;
}

uint64_t clock_ms(void)
{
	return clock_us() / 1000;
}

uint64_t clock_wall_ms(void)
{
	struct timespec now;
	CHECK(clock_gettime(CLOCK_REALTIME, &now) == 0);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

void clock_format_iso(uint64_t wall_ms, char *to)
{
	/* The last moment with a year of four digits; a broken clock must not break the form. */
	const uint64_t last_ms = 253402300799999;
	if (wall_ms > last_ms)
		wall_ms = last_ms;
	time_t seconds = (time_t)(wall_ms / 1000);
	struct tm parts;
	CHECK(gmtime_r(&seconds, &parts) != NULL);
	char text[80];
	snprintf(text, sizeof(text), "%04d-%02d-%02dT%02d:%02d:%02d.%03dZ", parts.tm_year + 1900,
	        parts.tm_mon + 1, parts.tm_mday, parts.tm_hour, parts.tm_min, parts.tm_sec,
	        (int)(wall_ms % 1000));
	for (int i = 0; i < CLOCK_ISO_BYTES - 1; i++)
		to[i] = text[i];
	to[CLOCK_ISO_BYTES - 1] = '\0';
}
