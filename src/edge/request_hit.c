/*
 * HIT: a remembered response goes to the client, from the store's own memory. What the client takes
 * at once, in the turn in which it was found, costs nothing but the sending; only for what is left
 * for later turns is the place pinned, or, where too much is pinned already, found again then. What
 * lies on a disk is waited for; of a large body the next piece comes while one is being sent.
 */
#include "edge/request_private.h"

enum {
	REJOINS_MAX = 4, /* of a piece's flights, without a byte of it */
	/* Up to here a copy costs no more than sending from the file. */
	COPY_MAX = 16384,
};

static void release_place(struct edge_request *request)
{
	if (request->has_pin)
		cache_reader_unpin(request->worker->cache_reader, request->pinned);
	request->has_pin = false;
	request->place.len = 0;
}

/* The client has to be waited for, with a part of what lies here left to be sent. */
static enum edge_turn wait_for_client(struct edge_request *request)
{
	struct edge_worker *worker = request->worker;
	edge_request_keep_domain(request);
	if (request->has_pin || request->place.len == 0)
		return EDGE_PARK;
	request->has_pin = cache_reader_pin(worker->cache_reader, &request->place);
	request->pinned = request->place.segment;
	if (!request->has_pin)
		request->place.len = 0;
	return EDGE_PARK;
}

/* The inline body of an object that was let go of meanwhile, or is gone. */
static enum cache_found find_inline(struct edge_request *request)
{
	struct edge_lookup lookup;
	struct edge_worker *worker = request->worker;
	edge_lookup_init(&lookup, worker->cache_reader, &request->key, request->domain_hash,
	        edge_request_asked(request));
	enum edge_lookup_result result = edge_lookup_find(&lookup, &request->entry);
	if (result == EDGE_LOOKUP_AWAY)
		return CACHE_FOUND_AWAY;
	if (result != EDGE_LOOKUP_FOUND || request->entry.id != request->object.id ||
	        !request->entry.object->is_inline)
		return CACHE_FOUND_NOTHING;
	request->place = request->entry.body;
	return CACHE_FOUND_PIECE;
}

static enum cache_found find_piece(struct edge_request *request, uint64_t number)
{
	release_place(request);
	request->place_number = number;
	return cache_find_piece(
	        request->worker->cache_reader, request->object.id, number, &request->place);
}

/* A piece was found: while it is being sent, the next one may come from a disk. */
static void look_ahead(struct edge_request *request, const struct edge_reply_part *part)
{
	uint64_t next = request->place_number + 1;
	if (next * cache_store_piece_bytes(request->worker->cache) < part->end)
		edge_request_recall_ahead(request, next);
}

/* Where the bytes of the part lie that are next: *ret_skip bytes behind the beginning of the place,
 * for PIECE. */
static enum cache_found find_place(
        struct edge_request *request, const struct edge_reply_part *part, size_t *ret_skip)
{
	uint64_t piece_bytes = cache_store_piece_bytes(request->worker->cache);
	uint64_t number = part->at / piece_bytes;
	*ret_skip = (size_t)(request->is_inline ? part->at : part->at % piece_bytes);
	bool is_here =
	        request->place.len > 0 && (request->is_inline || request->place_number == number);
	if (is_here)
		return CACHE_FOUND_PIECE;
	enum cache_found found =
	        request->is_inline ? find_inline(request) : find_piece(request, number);
	if (found == CACHE_FOUND_PIECE && !request->is_inline) {
		look_ahead(request, part);
		edge_request_come_to_piece(request, number, part->end);
	}
	return found;
}

enum sent {
	SENT_ALL,  /* what lies in one place */
	SENT_SOME, /* the client takes no more now, or more has to come */
	SENT_NOT,  /* the bytes are gone; request->fault may tell why */
};

/* Sends what lies in the store of a part. */
static enum sent send_stored(
        struct edge_request *request, struct edge_reply_part *part, size_t skip)
{
	struct serve_stream *stream = request->stream;
	const struct cache_place *place = &request->place;
	if (skip >= place->len)
		return SENT_NOT;
	size_t count = place->len - skip;
	if (count > part->end - part->at)
		count = (size_t)(part->end - part->at);
	size_t taken =
	        count <= COPY_MAX || stream->is_copied
	                ? serve_stream_write(stream, str_make(place->at + skip, count))
	                : serve_stream_send_file(stream, place->fd, place->offset + skip, count);
	part->at += taken;
	return taken == count ? SENT_ALL : SENT_SOME;
}

/* Whether a piece whose pull failed is to be asked for once more. What another request's pull came
 * to may be due to that request; but no pull brings a version back. */
static bool is_worth_another_pull(struct edge_request *request, enum fault fault)
{
	return !request->is_leader && fault != FAULT_CHANGED && request->rejoins++ < REJOINS_MAX;
}

/* The pull of a piece has failed. */
static enum sent lose_piece(struct edge_request *request)
{
	enum fault fault = edge_flight_fault(request->flight.flight);
	if (!is_worth_another_pull(request, fault)) {
		request->fault = (uint8_t)fault;
		return SENT_NOT;
	}
	edge_request_leave_flight(request);
	return SENT_ALL;
}

/* Sends what has come of a piece that is being pulled. */
static enum sent send_pulled(struct edge_request *request, struct edge_reply_part *part)
{
	if (request->pending.len == 0) {
		switch (edge_flight_read(
		        &request->flight, part->end - part->at, &request->pending)) {
		case EDGE_FLIGHT_READ_DATA:
			break;
		case EDGE_FLIGHT_READ_WAIT:
			serve_stream_flush(request->stream);
			return SENT_SOME;
		case EDGE_FLIGHT_READ_END:
			edge_request_leave_flight(request);
			return SENT_ALL;
		case EDGE_FLIGHT_READ_BEHIND: /* the store may have it by now */
			edge_request_leave_flight(request);
			return request->rejoins++ < REJOINS_MAX ? SENT_ALL : SENT_NOT;
		case EDGE_FLIGHT_READ_FAILED:
			return lose_piece(request);
		}
	}
	size_t taken = serve_stream_write(request->stream, request->pending);
	request->pending = str_make(request->pending.at + taken, request->pending.len - taken);
	part->at += taken;
	if (taken > 0)
		request->rejoins = 0; /* however many pieces a body has */
	return request->pending.len == 0 ? SENT_ALL : SENT_SOME;
}

/* Sends what of a part lies in one place, or is on its way there. */
static enum sent send_some(struct edge_request *request, struct edge_reply_part *part)
{
	size_t skip;
	if (request->flight.flight != NULL)
		return send_pulled(request, part);
	enum cache_found found = find_place(request, part, &skip);
	if (found == CACHE_FOUND_AWAY && edge_request_recall(request)) {
		serve_stream_flush(request->stream);
		return SENT_SOME;
	}
	edge_request_end_recalls(request);
	if (found == CACHE_FOUND_PIECE) {
		request->rejoins = 0;
		return send_stored(request, part, skip);
	}
	uint64_t piece_bytes = cache_store_piece_bytes(request->worker->cache);
	uint64_t number = part->at / piece_bytes;
	if (request->is_inline || !edge_request_join_piece(request, number))
		return SENT_NOT;
	edge_flight_seek(&request->flight, part->at % piece_bytes);
	edge_request_come_to_piece(request, number, part->end);
	return SENT_ALL;
}

static bool is_part_sent(struct edge_request *request, struct edge_reply_part *part)
{
	if (part->text.len > 0) {
		size_t taken = serve_stream_write(request->stream, part->text);
		part->text = str_make(part->text.at + taken, part->text.len - taken);
	}
	return part->text.len == 0 && part->at == part->end;
}

static enum edge_turn pump(struct edge_request *request)
{
	struct serve_stream *stream = request->stream;
	if (edge_request_waits_for_recall(request))
		return EDGE_PARK;
	for (unsigned i = 0; i < EDGE_REQUEST_PIECES_A_TURN;) {
		if (request->part_count == 0) {
			serve_stream_finish(stream, NULL);
			return edge_request_go(request, EDGE_REQUEST_FINISH);
		}
		struct edge_reply_part *part = request->parts;
		if (is_part_sent(request, part)) {
			if (request->part_count > 1)
				edge_request_leave_flight(request);
			request->parts++;
			request->part_count--;
			continue;
		}
		if (part->text.len > 0)
			return wait_for_client(request);
		switch (send_some(request, part)) {
		case SENT_ALL:
			i++;
			break;
		case SENT_SOME:
			return wait_for_client(request);
		case SENT_NOT:
			return edge_request_finish_broken(request,
			        request->fault != FAULT_NONE ? request->fault : FAULT_STORED);
		}
	}
	loop_yield(request->worker->loop, &request->task);
	return wait_for_client(request);
}

/* Whether the first bytes of the body are there, or on their way (PIECE). */
static enum cache_found find_first_bytes(
        struct edge_request *request, const struct edge_reply *reply)
{
	struct edge_worker *worker = request->worker;
	const struct cache_entry *entry = &request->entry;
	bool has_pieces = !entry->object->is_inline && reply->part_count > 0 &&
	                  reply->parts[0].at < reply->parts[0].end;
	uint64_t number =
	        has_pieces ? reply->parts[0].at / cache_store_piece_bytes(worker->cache) : 0;
	if (has_pieces && request->is_piece_flight && request->place_number == number &&
	        request->object.id == entry->id)
		return CACHE_FOUND_PIECE;
	/* What is on its way is not of this object: another has come in its place meanwhile. */
	edge_request_leave_flight(request);
	if (!has_pieces)
		return CACHE_FOUND_PIECE;
	request->object.id = entry->id;
	return find_piece(request, number);
}

/* Whether nothing of the body has to be pulled, as far as is known. */
static bool are_all_bytes_stored(const struct edge_request *request, const struct edge_reply *reply)
{
	const struct edge_worker *worker = request->worker;
	const struct cache_entry *entry = &request->entry;
	uint64_t piece_bytes = cache_store_piece_bytes(worker->cache);
	for (unsigned i = 0; i < reply->part_count && !entry->object->is_inline; i++) {
		const struct edge_reply_part *part = &reply->parts[i];
		for (uint64_t number = part->at / piece_bytes; number * piece_bytes < part->end;
		        number++)
			if (cache_find_has_piece(worker->cache_reader, entry->id, number) ==
			        CACHE_FOUND_NOTHING)
				return false;
	}
	return true;
}

/* Before anything was sent: waits for the first piece, or has all of it pulled. */
static enum edge_turn wait_for_first_bytes(
        struct edge_request *request, const struct edge_reply *reply)
{
	const struct cache_entry *entry = &request->entry;
	uint64_t piece_bytes = cache_store_piece_bytes(request->worker->cache);
	edge_request_know_object(request, entry->id, entry->object->length, &entry->head);
	request->cache = "MISS";
	request->forward = HTTP_CACHE_FORWARD_PARTIAL;
	if (request->rejoins++ < REJOINS_MAX &&
	        edge_request_join_piece(request, reply->parts[0].at / piece_bytes)) {
		request->waits_for_piece = true;
		return EDGE_GO;
	}
	request->needs_whole = true;
	return edge_request_look_again(request, EDGE_WISH_RIGHT);
}

static struct edge_reply_options options_of(struct edge_request *request)
{
	const struct cache_entry *entry = &request->entry;
	const struct cache_terms *terms = &entry->object->terms;
	uint64_t now_ms = loop_wall_ms(request->worker->loop);
	bool is_miss = request->is_piece_flight;
	bool is_validated = request->wish == EDGE_WISH_VALIDATED && !is_miss;
	/* Where the origins have been asked it is no hit, whatever came of that (RFC 9211 2.1). */
	bool was_forwarded = is_miss || is_validated || request->wish == EDGE_WISH_STALE;
	return (struct edge_reply_options){
	        .request = &request->stream->head,
	        .head = &entry->head,
	        .terms = terms,
	        .etag = str_make(
	                entry->head.base + entry->object->etag_at, entry->object->etag_len),
	        .own = is_validated && request->is_leader ? request->leader.own : STR_EMPTY,
	        .length = entry->object->length,
	        .has_age = !is_miss,
	        .now_ms = now_ms,
	        .status =
	                {
	                        .forward =
	                                was_forwarded ? request->forward : HTTP_CACHE_FORWARD_HIT,
	                        .forward_status = is_validated ? 304 : 0,
	                        .has_ttl = !is_miss,
	                        .ttl_s = cache_terms_ttl_s(terms, now_ms),
	                        .is_stored = is_miss || is_validated,
	                        .is_collapsed = was_forwarded && request->is_collapsed,
	                },
	};
}

static enum edge_turn respond(struct edge_request *request)
{
	const struct cache_entry *entry = &request->entry;
	struct edge_reply reply;
	struct edge_reply_options options = options_of(request);
	enum edge_turn turn;
	if (!edge_request_make_reply(request, &options, &reply, &turn))
		return turn;
	if (request->is_only_if_cached && !are_all_bytes_stored(request, &reply))
		return edge_request_fail(request, FAULT_ONLY_IF_CACHED);
	enum cache_found first = find_first_bytes(request, &reply);
	if (first == CACHE_FOUND_AWAY && edge_request_recall(request)) {
		/* The entry is found again in the turn in which the bytes are there. */
		edge_request_go(request, EDGE_REQUEST_LOOKUP);
		return EDGE_PARK;
	}
	if (first != CACHE_FOUND_PIECE)
		return wait_for_first_bytes(request, &reply);
	edge_request_end_recalls(request);
	if (!edge_request_send_head(request, &reply, &turn))
		return turn;
	request->is_inline = entry->object->is_inline;
	request->object.id = entry->id;
	if (request->is_inline)
		request->place = entry->body;
	else
		edge_request_know_object(request, entry->id, entry->object->length, &entry->head);
	request->whole = reply.whole;
	request->parts = reply.parts == &reply.whole ? &request->whole : reply.parts;
	request->part_count = reply.part_count;
	if (!request->is_inline && request->place.len > 0)
		look_ahead(request, request->parts);
	if (!request->is_inline && request->part_count > 0)
		edge_request_come_to_piece(request,
		        request->parts->at / cache_store_piece_bytes(request->worker->cache),
		        request->parts->end);
	if (request->is_piece_flight && request->part_count > 0)
		edge_flight_seek(&request->flight,
		        request->parts[0].at % cache_store_piece_bytes(request->worker->cache));
	return pump(request);
}

/* The first piece is being pulled, and nothing was sent. */
static enum edge_turn wait_for_piece(struct edge_request *request)
{
	enum edge_flight_stage stage = edge_flight_wait(&request->flight);
	request->waits_for_piece = stage == EDGE_FLIGHT_PULLING;
	switch (stage) {
	case EDGE_FLIGHT_PULLING:
		return EDGE_PARK;
	case EDGE_FLIGHT_BODY:
	case EDGE_FLIGHT_WHOLE:
		/* The entry was found in another turn. */
		return edge_request_look_again(request, EDGE_WISH_VALIDATED);
	case EDGE_FLIGHT_STORED:
		edge_request_leave_flight(request);
		return edge_request_look_again(request, EDGE_WISH_VALIDATED);
	case EDGE_FLIGHT_FAILED:
	case EDGE_FLIGHT_RELEASED:
		break;
	}
	/* The object has changed, or pieces of it cannot be had. */
	request->needs_whole =
	        stage != EDGE_FLIGHT_FAILED ||
	        !is_worth_another_pull(request, edge_flight_fault(request->flight.flight));
	edge_request_leave_flight(request);
	return edge_request_look_again(request, EDGE_WISH_RIGHT);
}

enum edge_turn edge_request_step_HIT(struct edge_request *request)
{
	if (request->stream->is_gone) {
		request->fault = request->stream->fault;
		return edge_request_go(request, EDGE_REQUEST_FINISH);
	}
	if (request->has_responded)
		return pump(request);
	if (request->waits_for_piece)
		return wait_for_piece(request);
	return respond(request);
}
