/*
 * Numbers that others keep, each put where its metric has its place.
 */
#include "edge/readings.h"

#include "cache/disk.h"
#include "serve/server.h"

void edge_readings_add_worker(const struct edge_worker *worker, uint64_t values[EDGE_METRICS])
{
	_Static_assert((int)EDGE_METRIC_TLS_FULL + (int)SERVE_HANDSHAKES_KINDS ==
	                       (int)EDGE_METRIC_H2_RESETS,
	        "a metric for each kind, in their order");
	_Static_assert((int)EDGE_METRIC_H2_RESETS + (int)SERVE_FLOODS == (int)EDGE_METRICS,
	        "a metric for each flood, in their order");
	values[EDGE_METRIC_TUNNELS] += atomic_load_explicit(&worker->tunnels, memory_order_relaxed);
	for (unsigned kind = 0; kind < SERVE_HANDSHAKES_KINDS; kind++)
		values[EDGE_METRIC_TLS_FULL + kind] +=
		        serve_server_handshakes(worker->server, (enum serve_handshakes)kind);
	for (unsigned kind = 0; kind < SERVE_FLOODS; kind++)
		values[EDGE_METRIC_H2_RESETS + kind] +=
		        serve_server_floods(worker->server, (enum serve_flood)kind);
}

static void add_disk(const struct cache_disk_numbers *disk, uint64_t values[EDGE_METRICS])
{
	values[EDGE_METRIC_CACHE_DISKS]++;
	values[EDGE_METRIC_CACHE_DISKS_FAILED] += disk->state == CACHE_DISK_FAILED;
	values[EDGE_METRIC_CACHE_DAMAGED] += disk->damaged;
	values[EDGE_METRIC_CACHE_DISK_ERRORS] += disk->read_errors;
	values[EDGE_METRIC_CACHE_DISK_WRITTEN] += disk->written_bytes;
	values[EDGE_METRIC_CACHE_DISK_RECALLED] += disk->recalled;
}

void edge_readings_add_cache(struct cache_store *cache, uint64_t values[EDGE_METRICS])
{
	struct cache_store_numbers numbers;
	if (cache == NULL)
		return;
	cache_store_count(cache, false, &numbers);
	values[EDGE_METRIC_CACHE_OBJECTS] += numbers.objects;
	values[EDGE_METRIC_CACHE_USED] += numbers.bytes;
	values[EDGE_METRIC_CACHE_LIMIT] += numbers.memory_bytes;
	values[EDGE_METRIC_CACHE_AWAY] += numbers.away;
	values[EDGE_METRIC_CACHE_EVICTED] += numbers.evicted;
	values[EDGE_METRIC_CACHE_FULL] += numbers.put_full;
	values[EDGE_METRIC_CACHE_DAMAGED] += numbers.damaged;
	for (unsigned i = 0; i < cache_disk_count(cache); i++) {
		struct cache_disk_numbers disk;
		cache_disk_numbers(cache, i, &disk);
		add_disk(&disk, values);
	}
}
