/*
 * The flights under way of all workers, by key: whoever asks for what is being pulled already
 * joins. In shards with a mutex each; any thread.
 */
#pragma once

#include "base/map.h"
#include "base/str.h"
#include "edge/flight.h"

struct edge_flights;

/* A flight as it is found; embedded in its writer, who fills it in and keeps it until it was
 * removed. */
struct edge_flights_entry {
	struct map_node node;
	struct str key; /* with its variant */
	uint64_t hash;  /* of the key, keyed */
	struct edge_flight *flight;
	bool is_listed;
};

struct edge_flights *edge_flights_new(void);

/* Every entry was removed. NULL is fine. */
void edge_flights_free(struct edge_flights *flights);

/* Whether an entry may still be joined; called under the shard's lock. */
typedef bool edge_flights_may_join(const struct edge_flights_entry *entry, const void *context);

struct edge_flights_join {
	struct str key;
	uint64_t hash;
	edge_flights_may_join *may_join;
	const void *context;
	struct edge_flight_reader *reader;
	unsigned worker;
	struct loop_task *task;
};

/*
 * Joins the flight of this key, where there is one that may be joined: true. Otherwise `mine`, if
 * it is not NULL, is listed for the key (in place of one that may not be joined any more), and the
 * reader joins it; the result tells whether that was somebody else's flight.
 */
bool edge_flights_join(struct edge_flights *flights, const struct edge_flights_join *join,
        struct edge_flights_entry *mine);

/* Lists an entry that is not, unless there is another for its key: then it stays as it is. */
void edge_flights_add(struct edge_flights *flights, struct edge_flights_entry *entry);

/* Nobody more can join; nothing happens for an entry that is not listed (any more). */
void edge_flights_remove(struct edge_flights *flights, struct edge_flights_entry *entry);
