/*
 * The body goes from the fill to the flight, and piece by piece into the store. It is put in while
 * its head cannot be found yet: only when all of it is there, and was whole, the head follows.
 */
#include "edge/loader_private.h"

enum {
	PIECES_A_TURN = 4, /* of the origin's body, before others have their turn */
	VECTORS = 64,      /* a piece of the store lies in fewer chunks */
	ROOM_TRIES = 20,   /* a timer's tick apart */
};

/* That the store has no room passes as soon as its keeper has had a few turns, which costs less
 * than another pull. Meanwhile what was not stored stays in the flight: as much as may be there of
 * what is ahead of its readers; at the end, for a moment. */
static bool may_wait_for_room(const struct edge_loader *loader, enum cache_put result)
{
	uint64_t waiting = edge_flight_length(loader->entry.flight) - loader->stored;
	return result == CACHE_PUT_FULL && waiting <= loader->domain->cache->fill_ahead &&
	       loader->tries < ROOM_TRIES;
}

static void on_room_timer(struct timer *timer)
{
	struct edge_loader *loader = container_of(timer, struct edge_loader, room_timer);
	loop_wake(loader->worker->loop, &loader->task);
}

/* The body has ended, and a part of it is not stored yet. */
static void wait_for_room(struct edge_loader *loader)
{
	struct loop *loop = loader->worker->loop;
	loader->has_ended = true;
	loader->room_timer.on_expire = on_room_timer;
	if (timer_is_running(&loader->room_timer))
		return;
	loader->tries++;
	loop_timer_start(loop, &loader->room_timer, loop_now_ms(loop) + TIMER_TICK_MS);
}

/* The bytes that lie there from `from` on, `count` at most, as vectors; returns how many. */
static unsigned gather(
        struct edge_loader *loader, uint64_t from, uint64_t count, struct iovec vectors[VECTORS])
{
	uint64_t bytes;
	unsigned used = edge_flight_gather(loader->entry.flight, from, vectors, VECTORS, &bytes);
	CHECK(bytes >= count);
	while (used > 0 && bytes - vectors[used - 1].iov_len >= count)
		bytes -= vectors[--used].iov_len;
	if (used > 0)
		vectors[used - 1].iov_len -= (size_t)(bytes - count);
	return used;
}

/* Stores the pieces that are whole, and with is_end what is left. */
static void store_pieces(struct edge_loader *loader, bool is_end)
{
	struct cache_store *cache = loader->worker->cache;
	struct edge_flight *flight = loader->entry.flight;
	uint64_t piece_bytes = cache_store_piece_bytes(cache);
	uint64_t length = edge_flight_length(flight);
	while (loader->is_storing && loader->stored < length &&
	        (is_end || length - loader->stored >= piece_bytes)) {
		struct iovec vectors[VECTORS];
		uint64_t count = length - loader->stored;
		if (count > piece_bytes)
			count = piece_bytes;
		unsigned used = gather(loader, loader->stored, count, vectors);
		uint64_t id = loader->loaded->id, number = loader->stored / piece_bytes;
		enum cache_put result =
		        loader->is_known ? cache_put_known_piece(cache, id, number, vectors, used)
		                         : cache_put_piece(cache, id, number, vectors, used);
		if (may_wait_for_room(loader, result))
			return;
		if (result != CACHE_PUT_DONE) {
			edge_loader_stop_storing(loader);
			return;
		}
		loader->stored += count;
		edge_flight_commit(flight, loader->stored);
	}
}

/* The piece is whole. Where there is no room for it, those who read it have it all the same. */
static void finish_piece(struct edge_loader *loader)
{
	struct iovec vectors[VECTORS];
	uint64_t length = edge_flight_length(loader->entry.flight);
	if (loader->is_storing) {
		unsigned used = gather(loader, 0, length, vectors);
		enum cache_put result = cache_put_piece(loader->worker->cache, loader->piece.id,
		        loader->piece.number, vectors, used);
		(void)result;
	}
	edge_loader_close(loader, EDGE_FLIGHT_WHOLE, FAULT_NONE);
}

/* The body is whole, and so is what is stored of it: from now on it can be found. */
static void finish(struct edge_loader *loader)
{
	struct edge_keep keep = edge_loader_keep(loader);
	struct iovec vectors[VECTORS];
	uint64_t length = edge_flight_length(loader->entry.flight);
	unsigned used = 0;
	bool is_inline = length <= LIMIT_CACHE_INLINE_BYTES;
	enum cache_put result = CACHE_PUT_FULL;
	/* Its rest may have come in another way than it began. */
	if (loader->is_storing && edge_fill_is_end_unsure(loader->fill) &&
	        !loader->domain->cache->close_delimited)
		edge_loader_stop_storing(loader);
	if (!is_inline)
		store_pieces(loader, true);
	else if (loader->is_storing)
		used = gather(loader, 0, length, vectors);
	if (loader->is_storing && (is_inline || loader->stored == length))
		result = edge_keep_object(
		        &keep, loader->loaded, length, is_inline ? vectors : NULL, used);
	if (loader->is_storing && may_wait_for_room(loader, result)) {
		wait_for_room(loader);
		return;
	}
	if (loader->is_storing && result != CACHE_PUT_DONE)
		edge_loader_stop_storing(loader);
	edge_loader_close(loader, EDGE_FLIGHT_WHOLE, FAULT_NONE);
}

/* How much is pulled without anybody who waits for it: all of an object that is worth it. */
static uint64_t alone_bytes(const struct edge_loader *loader)
{
	uint64_t most = loader->domain->cache->fill_finish_bytes;
	if (loader->worker->loader_count > LIMIT_BACKGROUND_PULLS)
		return 0;
	uint64_t length = loader->expected;
	if ((loader->is_background || loader->is_piece) && length != UINT64_MAX)
		return UINT64_MAX;
	return loader->is_storing && (length == UINT64_MAX || length <= most) ? most + 1 : 0;
}

/* Nobody waits for it and it is not worth its end. True when it was ended. */
bool edge_loader_give_up(struct edge_loader *loader)
{
	struct edge_flight *flight = loader->entry.flight;
	if (edge_flight_readers(flight) > 0)
		return false;
	/* Who joined in this moment keeps it; afterwards nobody can. */
	edge_flights_remove(loader->worker->flights, &loader->entry);
	if (edge_flight_readers(flight) > 0)
		return false;
	edge_loader_close(loader, EDGE_FLIGHT_FAILED, FAULT_CLIENT_GONE);
	return true;
}

/* Takes in one piece; false when the loader was ended. */
static bool take(struct edge_loader *loader, struct str data)
{
	struct edge_flight *flight = loader->entry.flight;
	uint64_t expected = loader->expected;
	size_t skip = data.len < loader->skip ? data.len : (size_t)loader->skip;
	loader->skip -= skip;
	data = str_make(data.at + skip, data.len - skip);
	if (data.len == 0)
		return true;
	if (expected != UINT64_MAX)
		expected -= edge_flight_length(flight);
	/* The rest of a whole that was sent in place of the piece is not needed. */
	if (data.len > expected)
		data.len = (size_t)expected;
	/* Who has the last byte may log it before the pull has ended. */
	if (edge_fill_is_resumed(loader->fill))
		edge_loader_tell(loader);
	if (!edge_flight_append(flight, data, expected)) {
		edge_loader_close(loader, EDGE_FLIGHT_FAILED, FAULT_MEMORY);
		return false;
	}
	uint64_t length = edge_flight_length(flight);
	if (loader->is_piece && length < loader->expected)
		return true;
	if (loader->is_piece) {
		finish_piece(loader);
		return false;
	}
	if (loader->is_storing && length > loader->domain->cache->object_max)
		edge_loader_stop_storing(loader);
	/* One that may turn out to be inline is not cut into pieces. */
	if (length > LIMIT_CACHE_INLINE_BYTES)
		store_pieces(loader, false);
	return true;
}

void edge_loader_stream(struct edge_loader *loader)
{
	if (loader->has_ended) {
		finish(loader);
		return;
	}
	for (unsigned i = 0; i < PIECES_A_TURN; i++) {
		if (!edge_flight_wants_more(loader->entry.flight, alone_bytes(loader))) {
			edge_loader_give_up(loader); /* else a reader's progress wakes the task */
			return;
		}
		struct str data;
		switch (edge_fill_read(loader->fill, &data)) {
		case ORIGIN_READ_DATA:
			if (!take(loader, data))
				return;
			break;
		case ORIGIN_READ_WAIT:
			return;
		case ORIGIN_READ_END:
			/* A piece was finished by its last byte. */
			if (loader->is_piece)
				edge_loader_close(loader, EDGE_FLIGHT_FAILED, FAULT_TRUNCATED);
			else
				finish(loader);
			return;
		case ORIGIN_READ_FAILED:
			edge_loader_close(
			        loader, EDGE_FLIGHT_FAILED, edge_fill_fault(loader->fill));
			return;
		}
	}
	loop_yield(loader->worker->loop, &loader->task);
}
