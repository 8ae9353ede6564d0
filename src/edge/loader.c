/*
 * A loader is the reader of a fill and the writer of a flight. Its states:
 *
 *   NEW        made, not started
 *   PULLING    the fill looks for an answer
 *   STREAMING  the answer is published; what comes goes to the flight, and piece by piece into the
 *              store while is_storing
 *   RELEASED   the answer is its leader's alone; the loader waits to be taken, and keeps what the
 *              fill was given until that ends
 *
 * A loader for a piece asks for a range, and with If-Range only of the version that is remembered.
 * Its flight has the piece's bytes; where nothing was known of the object, its head is kept from
 * the answer, and who needs that piece from then on finds the flight under the object's id. An
 * origin that answers such a first question with all of the object gets it pulled. For the last
 * piece of what nobody knows the length of, as many bytes from the end are asked for as a piece may
 * have: those have it, and some of what is before it, which is skipped. What is stale is validated
 * by such a pull as well where only a part of it is wanted: it is listed as one for all of it, and
 * ends with a 304, or with the head and a piece of the version that came in its place.
 *
 * It frees itself when the flight has come to its end; only the last state is ended by the leader.
 */
#include "edge/loader_private.h"

#include "base/clock.h"
#include "base/hash.h"
#include "cache/purge.h"
#include "cache/update.h"

enum { LOADER_MAGIC = 0x6c6f6164 };

static void on_progress(struct edge_fill_reader *reader)
{
	struct edge_loader *loader = container_of(reader, struct edge_loader, reader);
	loop_wake(loader->worker->loop, &loader->task);
}

static void on_interim(struct edge_fill_reader *reader, const struct http_head *head)
{
	struct edge_loader *loader = container_of(reader, struct edge_loader, reader);
	if (loader->leader != NULL)
		loader->leader->on_interim(loader->leader, head);
}

static void free_loader(struct edge_loader *loader)
{
	list_remove(&loader->node);
	loader->worker->loader_count--;
	if (loader->charged > 0)
		mem_budget_give(loader->worker->buffers.budget, loader->charged);
	loop_unwake(&loader->task);
	loop_timer_cancel(loader->worker->loop, &loader->room_timer);
	edge_fill_leave(loader->fill);
	edge_flight_set_writer(loader->entry.flight, loader->worker->index, NULL);
	edge_flight_unref(loader->entry.flight);
	model_domain_unref(loader->domain);
	arena_reset(&loader->arena);
	loader->magic = 0;
	mem_free(loader);
}

/* The line of a pull that went on although no request waited for it; of another one its request has
 * the attempts, also where that left and the pull was given up. A piece that was pulled ahead of
 * who reads the object has a line only where it failed, or its body broke off before anybody read
 * it. */
static void log_pull(
        const struct edge_loader *loader, enum edge_flight_stage stage, enum fault fault)
{
	struct edge_worker *worker = loader->worker;
	if (worker->log == NULL || loader->leader != NULL || loader->fill == NULL ||
	        fault == FAULT_CLIENT_GONE)
		return;
	unsigned count;
	const struct edge_log_attempt *attempts = edge_fill_attempts(loader->fill, &count);
	bool is_for_reader = loader->is_piece && !loader->has_stale && stage == EDGE_FLIGHT_WHOLE &&
	                     (!edge_access_log_is_resumed(attempts, count) ||
	                             edge_flight_readers(loader->entry.flight) > 0);
	if (is_for_reader || !edge_access_log_wants(worker->log))
		return;
	uint64_t us = clock_us() - loader->began_us;
	struct edge_log_entry entry = {
	        .wall_ms = loop_wall_ms(loader->worker->loop) - us / 1000,
	        .us = us,
	        .id = worker->next_id++,
	        .client = loader->peer,
	        .domain = str_of(loader->domain->name),
	        .host = loader->host,
	        .method = http_head_method(&loader->head),
	        .target = loader->target,
	        .minor = 1,
	        .cache = "BACKGROUND",
	        .fault = (uint8_t)fault,
	        .end = stage == EDGE_FLIGHT_FAILED && loader->state == LOADER_STREAMING
	                       ? EDGE_LOG_TRUNCATED
	                       : EDGE_LOG_COMPLETE,
	        .attempts = attempts,
	        .attempt_count = count,
	};
	if (count > 0)
		entry.status = attempts[count - 1].status;
	edge_access_log_add(worker->log, &entry);
}

void edge_loader_tell(struct edge_loader *loader)
{
	unsigned count;
	const struct edge_log_attempt *attempts = edge_loader_attempts(loader, &count);
	if (edge_access_log_is_resumed(attempts, count))
		edge_flight_tell(loader->entry.flight, attempts, count);
}

/* The flight is at its end. */
void edge_loader_close(struct edge_loader *loader, enum edge_flight_stage stage, enum fault fault)
{
	edge_flights_remove(loader->worker->flights, &loader->entry);
	edge_loader_tell(loader);
	log_pull(loader, stage, fault);
	edge_flight_go(loader->entry.flight, stage, fault);
	if (loader->leader != NULL) {
		unsigned count;
		const struct edge_log_attempt *attempts = edge_loader_attempts(loader, &count);
		loader->leader->on_end(loader->leader, attempts, count);
	}
	free_loader(loader);
}

/* What asks for the piece; and only of the version that is known, if one is. */
static struct str range_lines(struct edge_loader *loader)
{
	const struct edge_piece *piece = &loader->piece;
	struct arena *arena = &loader->arena;
	uint32_t piece_bytes = cache_store_piece_bytes(loader->worker->cache);
	if (piece->number == EDGE_PIECE_LAST)
		return arena_printf(arena, "Range: bytes=-%u\r\n", piece_bytes);
	uint64_t first = edge_loader_first(loader), last = first + piece_bytes - 1;
	if (piece->length != UINT64_MAX && last >= piece->length)
		last = piece->length - 1;
	bool is_known = piece->validator.len > 0;
	return arena_printf(arena, "Range: bytes=%llu-%llu\r\n%s%.*s%s", (unsigned long long)first,
	        (unsigned long long)last, is_known ? "If-Range: " : "", STR_ARG(piece->validator),
	        is_known ? "\r\n" : "");
}

/* Begins the origin-pull; with the conditions that validate what is stale, as long as there are
 * some. */
static bool begin_fill(struct edge_loader *loader)
{
	struct http_head *head = arena_new(&loader->arena, struct http_head);
	if (!edge_forward_shared(&loader->head, cache_vary_accept_encoding(&loader->head),
	            loader->conditions, &loader->arena, head))
		return false;
	loader->requested_ms = loop_wall_ms(loader->worker->loop);
	struct edge_fill_options options = {
	        .worker = loader->worker,
	        .reader = &loader->reader,
	        .arena = &loader->arena,
	        .forward =
	                {
	                        .head = head,
	                        .target = loader->target,
	                        .host = loader->host,
	                        .peer = &loader->peer,
	                        .is_peer_trusted = loader->is_peer_trusted,
	                        .is_https = loader->is_https,
	                        .cdn_id = loader->worker->cdn_id,
	                        .domain = loader->domain,
	                },
	        .key = loader->target,
	};
	loader->fill = edge_fill_start(&options);
	return true;
}

/* The stored response was gone, or is another than the origin speaks of: all of it, then. */
void edge_loader_pull_all(struct edge_loader *loader)
{
	edge_fill_leave(loader->fill);
	loader->fill = NULL;
	loader->stale_id = 0;
	loader->conditions = loader->is_piece ? range_lines(loader) : STR_EMPTY;
	if (!begin_fill(loader))
		edge_loader_close(loader, EDGE_FLIGHT_FAILED, FAULT_HEAD_TOO_LARGE);
}

static void pull(struct edge_loader *loader)
{
	/* What validates is worth its end, unless there is too much of that. */
	bool may_be_alone =
	        loader->is_background && loader->worker->loader_count <= LIMIT_BACKGROUND_PULLS;
	if (!may_be_alone && edge_loader_give_up(loader))
		return;
	switch (edge_fill_stage(loader->fill)) {
	case EDGE_FILL_PULLING:
		break;
	case EDGE_FILL_FAILED:
		edge_loader_close(loader, EDGE_FLIGHT_FAILED, edge_fill_fault(loader->fill));
		break;
	case EDGE_FILL_HEAD:
		edge_loader_judge(loader);
		break;
	}
}

static void on_run(struct loop_task *task)
{
	struct edge_loader *loader = container_of(task, struct edge_loader, task);
	CHECK(loader->magic == LOADER_MAGIC);
	switch (loader->state) {
	case LOADER_PULLING:
		pull(loader);
		break;
	case LOADER_STREAMING:
		edge_loader_stream(loader);
		break;
	case LOADER_NEW:
	case LOADER_RELEASED:
		break;
	}
}

struct str edge_loader_flight_key(
        const struct cache_key *key, struct str variant, struct arena *arena, uint64_t *ret_hash)
{
	*ret_hash = key->hash;
	if (variant.len == 0)
		return key->text;
	/* No key has a line feed. */
	size_t length = key->text.len + 1 + variant.len;
	char *text = arena_alloc(arena, length);
	memcpy(text, key->text.at, key->text.len);
	text[key->text.len] = '\n';
	memcpy(text + key->text.len + 1, variant.at, variant.len);
	*ret_hash = hash_mix(key->hash, hash_keyed(variant.at, variant.len));
	return str_make(text, length);
}

struct str edge_loader_piece_key(const struct cache_key *key, struct str variant,
        const struct edge_piece *piece, struct arena *arena, uint64_t *ret_hash)
{
	/* No other key begins with a line feed. */
	struct str text = arena_printf(arena, "\n%llx\n%llx\n", (unsigned long long)piece->id,
	        (unsigned long long)piece->number);
	struct str whole = edge_loader_flight_key(key, variant, arena, ret_hash);
	char *at = arena_alloc(arena, text.len + whole.len);
	memcpy(at, text.at, text.len);
	memcpy(at + text.len, whole.at, whole.len);
	*ret_hash = hash_mix(*ret_hash, hash_keyed(text.at, text.len));
	return str_make(at, text.len + whole.len);
}

static struct http_head copy_head(const struct http_head *head, struct arena *arena)
{
	struct http_head copy = *head;
	copy.base = arena_copy(arena, str_make(head->base, head->len)).at;
	copy.fields = arena_alloc(arena, head->count * sizeof(struct http_field));
	if (head->count > 0)
		memcpy(copy.fields, head->fields, head->count * sizeof(struct http_field));
	copy.capacity = head->count;
	return copy;
}

/* Remembers what is stale, and how to ask whether it still is what the origin has. */
static void validate(struct edge_loader *loader, const struct cache_entry *stale)
{
	size_t room = stale->head.len + 64;
	struct http_writer writer;
	http_writer_init(&writer, arena_alloc(&loader->arena, room), room);
	if (!cache_update_write_conditions(&stale->head, &writer))
		return;
	loader->conditions = http_writer_str(&writer);
	loader->stale_id = stale->id;
}

/* Asks for a piece; of what is stale, only if that has changed (RFC 9110 13.2.2). */
static void want_piece(struct edge_loader *loader, const struct edge_piece *piece)
{
	struct arena *arena = &loader->arena;
	loader->is_piece = true;
	loader->piece = *piece;
	loader->piece.validator = arena_copy(arena, piece->validator);
	loader->piece.coding = arena_copy(arena, piece->coding);
	loader->conditions = arena_printf(
	        arena, "%.*s%.*s", STR_ARG(loader->conditions), STR_ARG(range_lines(loader)));
}

struct edge_loader *edge_loader_new(const struct edge_loader_options *options)
{
	struct edge_worker *worker = options->worker;
	struct edge_loader *loader = mem_alloc(sizeof(*loader));
	memset(loader, 0, offsetof(struct edge_loader, first));
	arena_init(&loader->arena, loader->first, sizeof(loader->first));
	struct arena *arena = &loader->arena;
	loader->magic = LOADER_MAGIC;
	loader->state = LOADER_NEW;
	atomic_init(&loader->joinable_until_ms, UINT64_MAX);
	loader->task.on_run = on_run;
	loader->worker = worker;
	loader->domain = model_domain_ref(options->domain);
	loader->reader =
	        (struct edge_fill_reader){.on_progress = on_progress, .on_interim = on_interim};
	loader->leader = options->leader;
	loader->head = copy_head(options->head, arena);
	/* Who asks with HEAD for what is stale has it validated for all. */
	loader->head.method = HTTP_GET;
	loader->host = arena_copy(arena, options->host);
	loader->target = arena_copy(arena, options->target);
	loader->peer = *options->peer;
	loader->began_us = clock_us();
	loader->is_peer_trusted = options->is_peer_trusted;
	loader->is_https = options->is_https;
	loader->is_background = options->is_background;
	loader->is_alone = options->is_alone;
	loader->key = (struct cache_key){
	        .text = arena_copy(arena, options->key.text), .hash = options->key.hash};
	if (options->vary != NULL)
		loader->vary = *options->vary;
	for (unsigned i = 0; i < loader->vary.count; i++)
		loader->vary.names[i] = arena_copy(arena, loader->vary.names[i]);
	loader->variant = arena_copy(arena, options->variant);
	loader->domain_hash = cache_key_domain(worker->cache, str_of(options->domain->name));
	loader->sequence = options->sequence;
	loader->has_stale = options->stale != NULL;
	if (loader->has_stale)
		validate(loader, options->stale);
	if (options->piece != NULL)
		want_piece(loader, options->piece);
	struct edge_flight_options flight = {
	        .loops = worker->loops,
	        .worker_count = worker->options->workers,
	        .budget = worker->buffers.budget,
	        .ahead = options->domain->cache->fill_ahead,
	};
	loader->entry.flight = edge_flight_new(&flight);
	edge_flight_set_writer(loader->entry.flight, worker->index, &loader->task);
	uint64_t *hash = &loader->entry.hash;
	loader->entry.key =
	        options->piece == NULL || loader->has_stale
	                ? edge_loader_flight_key(&loader->key, loader->variant, arena, hash)
	                : edge_loader_piece_key(
	                          &loader->key, loader->variant, options->piece, arena, hash);
	list_add_last(&worker->loaders, &loader->node);
	worker->loader_count++;
	return loader;
}

struct edge_flights_entry *edge_loader_entry(struct edge_loader *loader)
{
	return &loader->entry;
}

bool edge_loader_may_join(const struct edge_flights_entry *entry, const void *context)
{
	/* It is listed, so it lives; and what is read of it never changes, but for the time and
	 * what is written before that. */
	const struct edge_loader *loader = container_of(entry, struct edge_loader, entry);
	uint64_t until_ms = atomic_load_explicit(&loader->joinable_until_ms, memory_order_acquire);
	const struct edge_loaded *loaded = until_ms == UINT64_MAX ? NULL : loader->joined;
	return loader->domain == context && (loaded == NULL || clock_wall_ms() < until_ms) &&
	       cache_purge_since(loader->worker->cache, &loader->key, loader->domain_hash,
	               loaded != NULL ? loaded->tags : NULL, loaded != NULL ? loaded->tag_count : 0,
	               loader->sequence) == CACHE_PURGED_NOT;
}

void edge_loader_limit_joining(struct edge_loader *loader, const struct edge_loaded *loaded)
{
	const struct cache_terms *terms = &loaded->terms;
	bool is_for_once = (terms->flags & CACHE_NO_CACHE) != 0;
	loader->joined = loaded;
	atomic_store_explicit(&loader->joinable_until_ms,
	        is_for_once ? 0 : terms->born_ms + terms->fresh_ms, memory_order_release);
}

/* Takes from the budget what a head larger than the inline block makes us keep: itself, the one
 * that is made of it, and what the two origins are sent. */
static bool charge(struct edge_loader *loader)
{
	size_t bytes = 4 * loader->arena.allocated;
	if (bytes > 0 && !mem_budget_take(loader->worker->buffers.budget, bytes))
		return false;
	loader->charged = bytes;
	return true;
}

void edge_loader_start(struct edge_loader *loader)
{
	CHECK(loader->state == LOADER_NEW);
	loader->state = LOADER_PULLING;
	if (!charge(loader))
		edge_loader_close(loader, EDGE_FLIGHT_FAILED, FAULT_MEMORY);
	else if (!begin_fill(loader))
		edge_loader_close(loader, EDGE_FLIGHT_FAILED, FAULT_HEAD_TOO_LARGE);
}

void edge_loader_free(struct edge_loader *loader)
{
	CHECK(loader->state == LOADER_NEW && !loader->entry.is_listed);
	free_loader(loader);
}

void edge_loader_withdraw(struct edge_loader *loader)
{
	CHECK(loader->state == LOADER_NEW);
	loader->leader = NULL;
	edge_loader_close(loader, EDGE_FLIGHT_STORED, FAULT_NONE);
}

void edge_loader_abandon(struct edge_loader *loader)
{
	loader->leader = NULL;
	if (loader->state == LOADER_RELEASED)
		free_loader(loader);
}

const struct edge_log_attempt *edge_loader_attempts(
        const struct edge_loader *loader, unsigned *ret_count)
{
	*ret_count = 0;
	return loader->fill == NULL ? NULL : edge_fill_attempts(loader->fill, ret_count);
}

struct edge_fill *edge_loader_take(struct edge_loader *loader, struct edge_fill_reader *reader)
{
	CHECK(loader->state == LOADER_RELEASED && loader->leader != NULL);
	edge_fill_set_reader(loader->fill, reader);
	return loader->fill;
}

void edge_loader_end(struct edge_loader *loader)
{
	CHECK(loader->state == LOADER_RELEASED);
	free_loader(loader);
}

void edge_loader_cut_idle(struct edge_worker *worker)
{
	list_each_safe (node, following, &worker->loaders) {
		struct edge_loader *loader = container_of(node, struct edge_loader, node);
		if (loader->state == LOADER_PULLING || loader->state == LOADER_STREAMING)
			edge_loader_give_up(loader);
	}
}

void edge_loader_cut_all(struct edge_worker *worker)
{
	struct list_node *node;
	while ((node = list_first(&worker->loaders)) != NULL) {
		struct edge_loader *loader = container_of(node, struct edge_loader, node);
		loader->leader = NULL;
		if (loader->state == LOADER_RELEASED)
			free_loader(loader);
		else
			edge_loader_close(loader, EDGE_FLIGHT_FAILED, FAULT_DRAINING);
	}
}
