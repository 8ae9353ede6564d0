/*
 * A put: room is reserved under the lock (in main where a ghost says that the object came back,
 * else in probation), the record is written without it, and under the lock again it is compared
 * with the purges since and with what is there, and its slot is published. Ids rise, so that of two
 * answers the one whose head came later has the higher one, whichever is put first. A process that
 * dies in between leaves room that nothing leads to, and that goes with its segment.
 */
#include "cache/put.h"

#include "cache/disk_private.h"
#include "cache/index_private.h"
#include "cache/keeper_private.h"
#include "cache/mark_private.h"
#include "cache/segment_private.h"

#include <string.h>

enum { FIXED_PARTS = 7 };

static const char PADDING[8];

/* A record to be: what goes into its header, and its parts in order. */
struct draft {
	enum cache_kind kind;
	uint64_t hash, primary, id, sequence;
	uint64_t order; /* what has a higher id came later */
	uint64_t received_ms, now_ms;
	bool is_update; /* of what has this id */
	bool is_known;  /* what it is a piece of was there before */
	struct iovec fixed[FIXED_PARTS];
	unsigned fixed_count;
	const struct iovec *body;
	unsigned body_count;
	uint64_t bytes; /* of the whole record */
};

static void add_part(struct draft *draft, const void *at, size_t len)
{
	CHECK(draft->fixed_count < FIXED_PARTS);
	struct iovec *part = &draft->fixed[draft->fixed_count++];
	part->iov_base = (void *)(uintptr_t)at;
	part->iov_len = len;
	draft->bytes += len;
}

static uint64_t length_of(const struct iovec *parts, unsigned count)
{
	uint64_t length = 0;
	for (unsigned i = 0; i < count; i++)
		length += parts[i].iov_len;
	return length;
}

static char *copy(char *to, const struct iovec *parts, unsigned count)
{
	for (unsigned i = 0; i < count; i++) {
		if (parts[i].iov_len != 0)
			memcpy(to, parts[i].iov_base, parts[i].iov_len);
		to += parts[i].iov_len;
	}
	return to;
}

/* ---- the steps ---- */

/* Whether it came back soon after it had gone, or is in place of what a disk has: then it does not
 * have to show its use first. Under the lock. */
static bool has_proved_itself(const struct cache_store *store, uint64_t hash)
{
	struct cache_record *record;
	return cache_index_has_ghost(store, hash) ||
	       (cache_index_find(store, hash, &record) != NULL && record == NULL);
}

static enum cache_put reserve(
        struct cache_store *store, const struct draft *draft, struct cache_room *ret_room)
{
	cache_store_lock(store);
	enum cache_log log = draft->is_known || has_proved_itself(store, draft->hash)
	                             ? CACHE_LOG_MAIN
	                             : CACHE_LOG_PROBATION;
	bool has_room = cache_segment_reserve(store, log, (uint32_t)draft->bytes, false, ret_room);
	if (!has_room)
		store->shared->counters.put_full++;
	uint32_t free_count = store->shared->rings[CACHE_RING_FREE].count;
	cache_store_unlock(store);
	if (!has_room || free_count < cache_segment_spare(store))
		cache_keeper_wake(store);
	return has_room ? CACHE_PUT_DONE : CACHE_PUT_FULL;
}

static void write_record(
        const struct cache_store *store, const struct draft *draft, const struct cache_room *room)
{
	struct cache_record *record = room->record;
	record->hash = draft->hash;
	record->primary = draft->primary;
	record->id = draft->id;
	record->sequence = draft->sequence;
	char *to = copy((char *)(record + 1), draft->fixed, draft->fixed_count);
	copy(to, draft->body, draft->body_count);
	record->checksum = cache_record_checksum(record, draft->kind, store->seed, room->location);
	atomic_store_explicit(&record->mark, 0, memory_order_relaxed);
	cache_record_begin_memo(record, store->generation);
	atomic_store_explicit(&record->flags, 0, memory_order_relaxed);
	atomic_store_explicit(&record->kind, (uint8_t)draft->kind, memory_order_release);
}

/* Whether an object that is there was received, or validated, after the one that is to be put. A
 * time that is still to come was told by a clock that has been set since. */
static bool is_received_later(const struct cache_record *before, const struct draft *draft)
{
	struct cache_record_object object;
	if (!cache_record_read_object(before, &object))
		return false;
	uint64_t received_ms = object.object->terms.received_ms;
	return received_ms > draft->received_ms && received_ms <= draft->now_ms;
}

/* Whether what is there came later, and stays. Who puts a response without variants did not know of
 * a spec that is there, and would put it in the place of all of its variants. */
static bool stays(const struct cache_record *before, const struct draft *draft)
{
	if (before->sequence > draft->sequence)
		return true;
	switch (cache_record_kind(before)) {
	case CACHE_KIND_OBJECT:
		return before->id > draft->order || is_received_later(before, draft);
	case CACHE_KIND_SPEC:
		return before->id > draft->order || draft->kind == CACHE_KIND_OBJECT;
	case CACHE_KIND_PIECE:
	case CACHE_KIND_ROOM:
	case CACHE_KIND_REMOVALS:
	case CACHE_KIND_MARK:
		break;
	}
	return false;
}

/* Under the lock: leads the index to the record, in place of what has its hash. */
static enum cache_put publish(
        struct cache_store *store, const struct draft *draft, const struct cache_room *room)
{
	if (!cache_segment_has_room(store, room)) {
		store->shared->counters.put_full++;
		return CACHE_PUT_FULL;
	}
	struct cache_record *before;
	_Atomic uint64_t *slot = cache_index_find(store, draft->hash, &before);
	if (slot != NULL && before != NULL && stays(before, draft))
		return CACHE_PUT_OLDER;
	if (draft->is_update && (before == NULL || before->id != draft->id))
		return CACHE_PUT_OLDER;
	cache_disk_forget_unscanned(store, draft->hash);
	if (slot != NULL) {
		cache_index_replace(store, slot, room->location);
		/* What no slot tells from it: one of those may be what it was before. */
		cache_index_remove_away(store, draft->hash, NULL);
	} else {
		cache_index_add(store, draft->hash, room->location, room->record->bytes);
	}
	store->shared->counters.puts++;
	store->shared->counters.put_bytes += draft->bytes;
	return CACHE_PUT_DONE;
}

/* Reserves and writes; then the caller looks at the purges, under the lock. */
static enum cache_put begin(
        struct cache_store *store, const struct draft *draft, struct cache_room *ret_room)
{
	enum cache_put verdict = reserve(store, draft, ret_room);
	if (verdict != CACHE_PUT_DONE)
		return verdict;
	write_record(store, draft, ret_room);
	cache_store_lock(store);
	return CACHE_PUT_DONE;
}

/* Ends what begin began. */
static enum cache_put leave(
        struct cache_store *store, const struct cache_room *room, enum cache_put verdict)
{
	if (verdict == CACHE_PUT_PURGED || verdict == CACHE_PUT_OLDER)
		store->shared->counters.put_refused++;
	cache_store_unlock(store);
	cache_segment_unpin(store, room->segment);
	return verdict;
}

/* Publishes unless `verdict` says why not, and ends what begin began. */
static enum cache_put end(struct cache_store *store, const struct draft *draft,
        const struct cache_room *room, enum cache_put verdict)
{
	if (verdict == CACHE_PUT_DONE)
		verdict = publish(store, draft, room);
	return leave(store, room, verdict);
}

static enum cache_put refuse(struct cache_store *store)
{
	cache_store_lock(store);
	store->shared->counters.put_refused++;
	cache_store_unlock(store);
	return CACHE_PUT_TOO_LARGE;
}

/* ---- objects ---- */

/* Under the lock: whether purges since the fill began let it be stored, and how. */
static enum cache_put pass_purges(struct cache_store *store, const struct cache_put_object *put,
        uint64_t hash, const struct cache_room *room)
{
	struct cache_shared *shared = store->shared;
	struct cache_record *spec;
	if (put->epoch != 0 &&
	        (cache_index_find(store, put->key.hash, &spec) == NULL || spec == NULL ||
	                cache_record_kind(spec) != CACHE_KIND_SPEC || spec->id != put->epoch))
		return CACHE_PUT_PURGED;
	const struct cache_mark_subject subject = {
	        .key = put->key.text,
	        .domain = put->domain,
	        .tags = put->tags,
	        .tag_count = put->tag_count,
	};
	switch (cache_mark_since(store, put->key.hash, hash, &subject, put->sequence)) {
	case CACHE_PURGED_HARD:
		return CACHE_PUT_PURGED;
	case CACHE_PURGED_SOFT:
		atomic_store_explicit(
		        &room->record->flags, CACHE_RECORD_IS_SOFT_PURGED, memory_order_relaxed);
		break;
	case CACHE_PURGED_NOT:
		break;
	}
	uint64_t last = atomic_load_explicit(&shared->mark_sequence, memory_order_relaxed);
	atomic_store_explicit(&room->record->mark, last, memory_order_relaxed);
	return CACHE_PUT_DONE;
}

static bool is_object_too_large(const struct cache_put_object *put)
{
	return put->key.text.len > LIMIT_CACHE_KEY_BYTES ||
	       put->variant.len > LIMIT_CACHE_VARIANT_BYTES || put->tag_count > LIMIT_CACHE_TAGS ||
	       put->head->len > LIMIT_RESPONSE_HEAD_BYTES || put->head->count > LIMIT_HEAD_FIELDS ||
	       length_of(put->body, put->body_count) > LIMIT_CACHE_INLINE_BYTES;
}

static struct cache_object fixed_part(const struct cache_put_object *put)
{
	struct cache_object object = *put->object;
	object.is_inline = put->body != NULL;
	object.status = put->head->status;
	object.domain = put->domain;
	object.head_present = put->head->present;
	object.head_len = put->head->len;
	object.reason_at = put->head->reason_at;
	object.reason_len = put->head->reason_len;
	object.inline_len = (uint32_t)length_of(put->body, put->body_count);
	object.key_len = (uint32_t)put->key.text.len;
	object.variant_len = (uint32_t)put->variant.len;
	object.tag_count = put->tag_count;
	object.field_count = put->head->count;
	object.minor = put->head->minor;
	object.reserved = 0;
	return object;
}

/* In the index. */
static uint64_t hash_of(const struct cache_store *store, const struct cache_key *key,
        uint64_t epoch, struct str variant)
{
	return epoch == 0 ? key->hash : cache_key_variant(store, key, epoch, variant);
}

enum cache_put cache_put_object(struct cache_store *store, const struct cache_put_object *put)
{
	if (is_object_too_large(put))
		return refuse(store);
	struct cache_object object = fixed_part(put);
	struct cache_record_layout layout;
	cache_record_lay_out(&object, &layout);
	struct draft draft = {
	        .kind = CACHE_KIND_OBJECT,
	        .hash = hash_of(store, &put->key, put->epoch, put->variant),
	        .primary = put->key.hash,
	        .id = put->id,
	        .sequence = put->sequence,
	        .order = put->id,
	        .received_ms = put->object->terms.received_ms,
	        .now_ms = put->now_ms,
	        .is_update = put->is_update,
	        .body = put->body,
	        .body_count = put->body_count,
	        .bytes = sizeof(struct cache_record) + object.inline_len,
	};
	const struct http_head *head = put->head;
	add_part(&draft, &object, sizeof(object));
	add_part(&draft, put->key.text.at, put->key.text.len);
	add_part(&draft, put->variant.at, put->variant.len);
	add_part(&draft, PADDING, layout.tags - layout.variant - put->variant.len);
	add_part(&draft, put->tags, put->tag_count * sizeof(put->tags[0]));
	add_part(&draft, head->fields, head->count * sizeof(head->fields[0]));
	add_part(&draft, head->base, head->len);
	CHECK(draft.bytes == layout.end);

	struct cache_room room;
	enum cache_put verdict = begin(store, &draft, &room);
	if (verdict != CACHE_PUT_DONE)
		return verdict;
	return end(store, &draft, &room, pass_purges(store, put, draft.hash, &room));
}

/* ---- specs ---- */

/* Under the lock: the purges since the fill began, but for marks, which are its variants' affair.
 */
static enum cache_put pass_url_purges(struct cache_store *store, const struct cache_put_spec *put)
{
	enum cache_purged purged =
	        cache_mark_url_since(store, put->key.hash, put->key.hash, put->sequence);
	return purged == CACHE_PURGED_HARD ? CACHE_PUT_PURGED : CACHE_PUT_DONE;
}

/* Under the lock: the epoch of one that says the same; 0 when there is none. */
static uint64_t known_epoch(const struct cache_store *store, const struct cache_put_spec *put)
{
	struct cache_record *record;
	struct cache_record_spec spec;
	bool is_same = cache_index_find(store, put->key.hash, &record) != NULL && record != NULL &&
	               cache_record_read_spec(record, &spec) &&
	               str_is_equal(spec.names, put->names) &&
	               str_is_equal(spec.key, put->key.text);
	return is_same ? record->id : 0;
}

/* Puts a spec, unless somebody else was faster: variants are stored under that one by now. */
static enum cache_put put_new_spec(
        struct cache_store *store, const struct cache_put_spec *put, uint64_t *ret_epoch)
{
	const struct cache_spec spec = {
	        .key_len = (uint32_t)put->key.text.len,
	        .names_len = (uint32_t)put->names.len,
	};
	struct draft draft = {
	        .kind = CACHE_KIND_SPEC,
	        .hash = put->key.hash,
	        .primary = put->key.hash,
	        .id = cache_store_new_id(store),
	        .sequence = put->sequence,
	        .order = put->id != 0 ? put->id : UINT64_MAX,
	        .bytes = sizeof(struct cache_record),
	};
	add_part(&draft, &spec, sizeof(spec));
	add_part(&draft, put->key.text.at, put->key.text.len);
	add_part(&draft, put->names.at, put->names.len);
	struct cache_room room;
	enum cache_put verdict = begin(store, &draft, &room);
	if (verdict != CACHE_PUT_DONE)
		return verdict;
	verdict = pass_url_purges(store, put);
	*ret_epoch = known_epoch(store, put);
	if (*ret_epoch != 0)
		return leave(store, &room, verdict);
	*ret_epoch = draft.id;
	return end(store, &draft, &room, verdict);
}

enum cache_put cache_put_spec(
        struct cache_store *store, const struct cache_put_spec *put, uint64_t *ret_epoch)
{
	if (put->key.text.len > LIMIT_CACHE_KEY_BYTES || put->names.len > LIMIT_CACHE_VARIANT_BYTES)
		return refuse(store);
	cache_store_lock(store);
	uint64_t epoch = known_epoch(store, put);
	/* PURGED when a purge forbids to build on it. */
	enum cache_put verdict = epoch != 0 ? pass_url_purges(store, put) : CACHE_PUT_DONE;
	cache_store_unlock(store);
	if (epoch == 0)
		verdict = put_new_spec(store, put, &epoch);
	if (verdict == CACHE_PUT_DONE)
		*ret_epoch = epoch;
	return verdict;
}

/* ---- pieces ---- */

bool cache_put_is_known(
        struct cache_store *store, const struct cache_key *key, uint64_t epoch, struct str variant)
{
	uint64_t hash = hash_of(store, key, epoch, variant);
	struct cache_record *record;
	cache_store_lock(store);
	bool is_known = cache_index_has_ghost(store, hash) ||
	                cache_index_find(store, hash, &record) != NULL;
	cache_store_unlock(store);
	return is_known;
}

static enum cache_put put_piece(struct cache_store *store, uint64_t id, uint64_t number,
        const struct iovec *body, unsigned body_count, bool is_known)
{
	uint64_t length = length_of(body, body_count);
	if (length > store->geometry.piece_bytes)
		return refuse(store);
	const struct draft draft = {
	        .kind = CACHE_KIND_PIECE,
	        .hash = cache_key_piece(store, id, number),
	        .primary = number,
	        .id = id,
	        .order = UINT64_MAX,
	        .is_known = is_known,
	        .body = body,
	        .body_count = body_count,
	        .bytes = sizeof(struct cache_record) + length,
	};
	struct cache_room room;
	enum cache_put verdict = begin(store, &draft, &room);
	if (verdict != CACHE_PUT_DONE)
		return verdict;
	return end(store, &draft, &room, CACHE_PUT_DONE);
}

enum cache_put cache_put_piece(struct cache_store *store, uint64_t id, uint64_t number,
        const struct iovec *body, unsigned body_count)
{
	return put_piece(store, id, number, body, body_count, false);
}

enum cache_put cache_put_known_piece(struct cache_store *store, uint64_t id, uint64_t number,
        const struct iovec *body, unsigned body_count)
{
	return put_piece(store, id, number, body, body_count, true);
}
