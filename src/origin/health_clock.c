/*
 * The clock of a server, as the refusals of what was signed tell it. All workers and probes share
 * what one of them found out.
 */
#include "origin/health_private.h"

enum { AGAIN_MS = 10000 };

int64_t origin_health_clock_s(const struct origin_server *server)
{
	return atomic_load_explicit(&server->clock_ahead_s, memory_order_relaxed);
}

bool origin_health_set_clock_s(struct origin_server *server, int64_t ahead_s, uint64_t now_ms)
{
	uint64_t before_ms = origin_health_load(&server->clock_ms);
	if (before_ms != 0 && now_ms < before_ms + AGAIN_MS)
		return false;
	/* Who comes second at the same moment is not needed. */
	if (!atomic_compare_exchange_strong_explicit(&server->clock_ms, &before_ms, now_ms,
	            memory_order_relaxed, memory_order_relaxed))
		return false;
	atomic_store_explicit(&server->clock_ahead_s, ahead_s, memory_order_relaxed);
	return true;
}
