/*
 * One mutex for each flight, held for a few instructions: bytes are copied in before they are
 * published, and read outside of it, from a chunk that the reader has a reference to.
 *
 * Waking: readers that wait are in a list for each worker. Whoever has news takes the lists of its
 * own thread at once, and posts one message to each other worker that has such a list, unless one
 * is under way already; the receiver wakes everybody in its list. So a crowd costs one message for
 * each thread, however large it is.
 */
#include "edge/flight.h"

#include <pthread.h>
#include <stdatomic.h>

enum {
	CHUNK_FIRST = 4096, /* of a body whose length is not known; the next are larger … */
	CHUNK_MAX = 65536,  /* … up to this */
};

struct edge_flight_chunk {
	atomic_uint references;
	uint32_t length, capacity; /* length: under the flight's lock, and only growing */
	uint64_t at;               /* of its first byte in the body */
	struct edge_flight_chunk *next;
	struct mem_budget *budget;
	char bytes[];
};

/* What a flight has to do with one worker. */
struct post {
	struct loop_message message;
	struct edge_flight *flight;
	struct list waiting; /* readers on this thread that wait for news */
	bool is_under_way;   /* the message; it keeps a reference */
	bool wakes_writer;
};

struct edge_flight {
	atomic_uint references;
	pthread_mutex_t lock;
	struct edge_flight_options options;
	enum edge_flight_stage stage;
	enum fault fault;
	struct edge_flight_answer *answer;
	struct edge_attempts_copy *told; /* NULL: nothing */
	uint64_t length;                 /* appended */
	uint64_t committed;              /* edge_flight_commit */
	uint64_t fastest;                /* how far any reader ever was */
	struct edge_flight_chunk *first, *last;
	struct list readers;
	unsigned reader_count;
	struct loop_task *writer; /* NULL: none yet, or none any more */
	unsigned writer_worker;
	bool is_writer_waiting;
	struct post posts[];
};

static void unref_chunk(struct edge_flight_chunk *chunk)
{
	if (chunk == NULL ||
	        atomic_fetch_sub_explicit(&chunk->references, 1, memory_order_acq_rel) != 1)
		return;
	mem_budget_give(chunk->budget, sizeof(*chunk) + chunk->capacity);
	mem_free(chunk);
}

static bool is_final(enum edge_flight_stage stage)
{
	return stage != EDGE_FLIGHT_PULLING && stage != EDGE_FLIGHT_BODY;
}

/* Takes everybody out of a post's list and wakes them; on the thread of its worker. */
static void wake_here(struct edge_flight *flight, struct post *post)
{
	struct loop *loop = flight->options.loops[post - flight->posts];
	struct list_node *node;
	while ((node = list_take_first(&post->waiting)) != NULL)
		loop_wake(loop, container_of(node, struct edge_flight_reader, waiting)->task);
	if (post->wakes_writer && flight->writer != NULL)
		loop_wake(loop, flight->writer);
	post->wakes_writer = false;
}

static void on_receive(struct loop_message *message)
{
	struct post *post = container_of(message, struct post, message);
	struct edge_flight *flight = post->flight;
	pthread_mutex_lock(&flight->lock);
	post->is_under_way = false;
	wake_here(flight, post);
	pthread_mutex_unlock(&flight->lock);
	edge_flight_unref(flight);
}

/* Under the lock: there is something for those who wait at a post; `here` is the caller's worker.
 */
static void notify(struct edge_flight *flight, unsigned worker, unsigned here)
{
	struct post *post = &flight->posts[worker];
	if (worker == here) {
		wake_here(flight, post);
		return;
	}
	if (post->is_under_way || (list_is_empty(&post->waiting) && !post->wakes_writer))
		return;
	post->is_under_way = true;
	edge_flight_ref(flight);
	loop_post(flight->options.loops[worker], &post->message);
}

static void notify_readers(struct edge_flight *flight)
{
	for (unsigned i = 0; i < flight->options.worker_count; i++)
		notify(flight, i, flight->writer_worker);
}

/* Under the lock, on the thread of `here`: the writer waits, and may go on. */
static void notify_writer(struct edge_flight *flight, unsigned here)
{
	if (!flight->is_writer_waiting)
		return;
	flight->is_writer_waiting = false;
	flight->posts[flight->writer_worker].wakes_writer = true;
	notify(flight, flight->writer_worker, here);
}

struct edge_flight *edge_flight_new(const struct edge_flight_options *options)
{
	struct edge_flight *flight =
	        mem_zero(sizeof(*flight) + options->worker_count * sizeof(struct post));
	atomic_init(&flight->references, 1);
	CHECK(pthread_mutex_init(&flight->lock, NULL) == 0);
	flight->options = *options;
	list_init(&flight->readers);
	for (unsigned i = 0; i < options->worker_count; i++) {
		flight->posts[i].message.on_receive = on_receive;
		flight->posts[i].flight = flight;
		list_init(&flight->posts[i].waiting);
	}
	return flight;
}

struct edge_flight *edge_flight_ref(struct edge_flight *flight)
{
	atomic_fetch_add_explicit(&flight->references, 1, memory_order_relaxed);
	return flight;
}

void edge_flight_unref(struct edge_flight *flight)
{
	if (flight == NULL ||
	        atomic_fetch_sub_explicit(&flight->references, 1, memory_order_acq_rel) != 1)
		return;
	CHECK(flight->reader_count == 0);
	while (flight->first != NULL) {
		struct edge_flight_chunk *chunk = flight->first;
		flight->first = chunk->next;
		unref_chunk(chunk);
	}
	if (flight->answer != NULL)
		flight->answer->on_free(flight->answer);
	mem_free(flight->told);
	pthread_mutex_destroy(&flight->lock);
	mem_free(flight);
}

enum edge_flight_stage edge_flight_stage(struct edge_flight *flight)
{
	pthread_mutex_lock(&flight->lock);
	enum edge_flight_stage stage = flight->stage;
	pthread_mutex_unlock(&flight->lock);
	return stage;
}

enum fault edge_flight_fault(struct edge_flight *flight)
{
	pthread_mutex_lock(&flight->lock);
	enum fault fault = flight->fault;
	pthread_mutex_unlock(&flight->lock);
	return fault;
}

struct edge_flight_answer *edge_flight_answer(struct edge_flight *flight)
{
	pthread_mutex_lock(&flight->lock);
	struct edge_flight_answer *answer = flight->answer;
	pthread_mutex_unlock(&flight->lock);
	return answer;
}

/* Lets go of what nobody needs: what all readers have passed, and what is too far behind the
 * writer, as far as the store has it, and the fastest reader has passed it. The writer does it,
 * once for each chunk: a crowd of readers is not counted at each of their steps. */
static void trim(struct edge_flight *flight)
{
	uint64_t slowest = flight->length;
	list_each (node, &flight->readers) {
		struct edge_flight_reader *reader =
		        container_of(node, struct edge_flight_reader, node);
		if (reader->at < slowest)
			slowest = reader->at;
	}
	struct edge_flight_chunk *chunk;
	while ((chunk = flight->first) != NULL) {
		uint64_t end = chunk->at + chunk->length;
		bool is_passed = end <= slowest && flight->reader_count > 0;
		bool is_far = flight->length - chunk->at > flight->options.ahead &&
		              (end <= flight->fastest || flight->reader_count == 0);
		if (end > flight->committed || !(is_passed || is_far))
			break;
		/* The last one may still grow. */
		if (chunk == flight->last && !is_final(flight->stage))
			break;
		flight->first = chunk->next;
		if (flight->first == NULL)
			flight->last = NULL;
		unref_chunk(chunk);
	}
}

void edge_flight_join(struct edge_flight *flight, struct edge_flight_reader *reader,
        unsigned worker, struct loop_task *task)
{
	CHECK(worker < flight->options.worker_count);
	pthread_mutex_lock(&flight->lock);
	*reader = (struct edge_flight_reader){
	        .flight = edge_flight_ref(flight), .task = task, .worker = worker};
	list_add_last(&flight->readers, &reader->node);
	flight->reader_count++;
	notify_writer(flight, worker);
	pthread_mutex_unlock(&flight->lock);
}

void edge_flight_leave(struct edge_flight_reader *reader)
{
	struct edge_flight *flight = reader->flight;
	if (flight == NULL)
		return;
	pthread_mutex_lock(&flight->lock);
	list_remove(&reader->node);
	list_remove(&reader->waiting);
	flight->reader_count--;
	/* Without readers the writer has to think again. */
	flight->is_writer_waiting |= flight->reader_count == 0;
	notify_writer(flight, reader->worker);
	pthread_mutex_unlock(&flight->lock);
	unref_chunk(reader->chunk);
	reader->chunk = NULL;
	reader->flight = NULL;
	edge_flight_unref(flight);
}

static void move_on(struct edge_flight *flight, struct edge_flight_reader *reader, uint64_t at)
{
	reader->at = at;
	if (at > flight->fastest)
		flight->fastest = at;
	notify_writer(flight, reader->worker);
}

static void wait_for_news(struct edge_flight *flight, struct edge_flight_reader *reader)
{
	if (!list_has(&reader->waiting))
		list_add_last(&flight->posts[reader->worker].waiting, &reader->waiting);
}

enum edge_flight_stage edge_flight_wait(struct edge_flight_reader *reader)
{
	struct edge_flight *flight = reader->flight;
	pthread_mutex_lock(&flight->lock);
	enum edge_flight_stage stage = flight->stage;
	if (!is_final(stage))
		wait_for_news(flight, reader);
	pthread_mutex_unlock(&flight->lock);
	return stage;
}

void edge_flight_seek(struct edge_flight_reader *reader, uint64_t at)
{
	struct edge_flight *flight = reader->flight;
	pthread_mutex_lock(&flight->lock);
	move_on(flight, reader, at);
	pthread_mutex_unlock(&flight->lock);
}

/* The chunk that has the byte at `at`, which was appended; NULL when it was let go of. */
static struct edge_flight_chunk *find_chunk(
        struct edge_flight *flight, struct edge_flight_reader *reader)
{
	struct edge_flight_chunk *chunk = reader->chunk;
	if (chunk != NULL && reader->at >= chunk->at && reader->at < chunk->at + chunk->length)
		return chunk;
	for (chunk = flight->first; chunk != NULL; chunk = chunk->next)
		if (reader->at >= chunk->at && reader->at < chunk->at + chunk->length)
			return chunk;
	return NULL;
}

/* Under the lock: what there is at the reader's place. */
static enum edge_flight_read read_locked(
        struct edge_flight *flight, struct edge_flight_reader *reader, struct str *ret_data)
{
	if (reader->at >= flight->length) {
		if (flight->stage == EDGE_FLIGHT_WHOLE)
			return EDGE_FLIGHT_READ_END;
		if (is_final(flight->stage))
			return EDGE_FLIGHT_READ_FAILED;
		wait_for_news(flight, reader);
		return EDGE_FLIGHT_READ_WAIT;
	}
	struct edge_flight_chunk *chunk = find_chunk(flight, reader);
	if (chunk == NULL)
		return EDGE_FLIGHT_READ_BEHIND;
	if (chunk != reader->chunk) {
		unref_chunk(reader->chunk);
		atomic_fetch_add_explicit(&chunk->references, 1, memory_order_relaxed);
		reader->chunk = chunk;
	}
	size_t from = (size_t)(reader->at - chunk->at);
	*ret_data = str_make(chunk->bytes + from, chunk->length - from);
	return EDGE_FLIGHT_READ_DATA;
}

enum edge_flight_read edge_flight_read(
        struct edge_flight_reader *reader, uint64_t room, struct str *ret_data)
{
	struct edge_flight *flight = reader->flight;
	CHECK(room > 0);
	pthread_mutex_lock(&flight->lock);
	struct str data;
	enum edge_flight_read result = read_locked(flight, reader, &data);
	if (result == EDGE_FLIGHT_READ_DATA) {
		if (data.len > room)
			data.len = (size_t)room;
		*ret_data = data;
		move_on(flight, reader, reader->at + data.len);
	}
	pthread_mutex_unlock(&flight->lock);
	return result;
}

void edge_flight_add_told(
        struct edge_flight *flight, struct edge_attempts *attempts, struct arena *arena)
{
	pthread_mutex_lock(&flight->lock);
	const struct edge_attempts_copy *told = flight->told;
	if (told != NULL)
		edge_attempts_add(attempts, told->list, told->count, arena);
	pthread_mutex_unlock(&flight->lock);
}

void edge_flight_set_writer(struct edge_flight *flight, unsigned worker, struct loop_task *task)
{
	pthread_mutex_lock(&flight->lock);
	flight->writer = task;
	flight->writer_worker = worker;
	pthread_mutex_unlock(&flight->lock);
}

uint64_t edge_flight_start(struct edge_flight *flight)
{
	pthread_mutex_lock(&flight->lock);
	uint64_t start = flight->first != NULL ? flight->first->at : flight->length;
	pthread_mutex_unlock(&flight->lock);
	return start;
}

static void go(struct edge_flight *flight, enum edge_flight_stage stage, enum fault fault)
{
	CHECK(!is_final(flight->stage) && stage > flight->stage);
	flight->stage = stage;
	flight->fault = fault;
	notify_readers(flight);
}

void edge_flight_publish(struct edge_flight *flight, struct edge_flight_answer *answer)
{
	pthread_mutex_lock(&flight->lock);
	flight->answer = answer;
	go(flight, EDGE_FLIGHT_BODY, FAULT_NONE);
	pthread_mutex_unlock(&flight->lock);
}

void edge_flight_go(struct edge_flight *flight, enum edge_flight_stage stage, enum fault fault)
{
	CHECK(stage != EDGE_FLIGHT_BODY);
	CHECK(stage == EDGE_FLIGHT_FAILED ? fault != FAULT_NONE
	                                  : fault == FAULT_NONE || stage == EDGE_FLIGHT_RELEASED);
	pthread_mutex_lock(&flight->lock);
	go(flight, stage, fault);
	pthread_mutex_unlock(&flight->lock);
}

/* A new chunk for at least one byte, at the end; NULL when the budget says no. */
static struct edge_flight_chunk *add_chunk(struct edge_flight *flight, uint64_t expected)
{
	uint64_t capacity = expected;
	if (expected == UINT64_MAX)
		capacity =
		        flight->last == NULL ? CHUNK_FIRST : 4 * (uint64_t)flight->last->capacity;
	if (capacity > CHUNK_MAX)
		capacity = CHUNK_MAX;
	size_t bytes = sizeof(struct edge_flight_chunk) + (size_t)capacity;
	if (!mem_budget_take(flight->options.budget, bytes))
		return NULL;
	struct edge_flight_chunk *chunk = mem_alloc(bytes);
	*chunk = (struct edge_flight_chunk){
	        .references = 1,
	        .capacity = (uint32_t)capacity,
	        .at = flight->length,
	        .budget = flight->options.budget,
	};
	return chunk;
}

/* Only the writer adds chunks and bytes, so it may look at the last chunk without the lock; it
 * takes it to publish. */
bool edge_flight_append(struct edge_flight *flight, struct str data, uint64_t expected)
{
	CHECK(data.len > 0 && data.len <= expected);
	while (data.len > 0) {
		struct edge_flight_chunk *chunk = flight->last;
		bool is_new = chunk == NULL || chunk->length == chunk->capacity;
		if (is_new && (chunk = add_chunk(flight, expected)) == NULL)
			return false;
		uint32_t count = chunk->capacity - chunk->length;
		if (count > data.len)
			count = (uint32_t)data.len;
		memcpy(chunk->bytes + chunk->length, data.at, count);
		data = str_make(data.at + count, data.len - count);
		expected -= expected == UINT64_MAX ? 0 : count;
		pthread_mutex_lock(&flight->lock);
		chunk->length += count;
		flight->length += count;
		if (is_new && flight->last == NULL)
			flight->first = chunk;
		else if (is_new)
			flight->last->next = chunk;
		flight->last = chunk;
		if (is_new)
			trim(flight);
		if (data.len == 0)
			notify_readers(flight);
		pthread_mutex_unlock(&flight->lock);
	}
	return true;
}

void edge_flight_tell(
        struct edge_flight *flight, const struct edge_log_attempt *attempts, unsigned count)
{
	struct edge_attempts_copy *told = edge_attempts_copy(attempts, count);
	pthread_mutex_lock(&flight->lock);
	struct edge_attempts_copy *before = flight->told;
	flight->told = told;
	pthread_mutex_unlock(&flight->lock);
	mem_free(before);
}

uint64_t edge_flight_length(struct edge_flight *flight)
{
	pthread_mutex_lock(&flight->lock);
	uint64_t length = flight->length;
	pthread_mutex_unlock(&flight->lock);
	return length;
}

void edge_flight_commit(struct edge_flight *flight, uint64_t until)
{
	pthread_mutex_lock(&flight->lock);
	CHECK(until >= flight->committed);
	flight->committed = until;
	trim(flight);
	pthread_mutex_unlock(&flight->lock);
}

unsigned edge_flight_gather(struct edge_flight *flight, uint64_t from, struct iovec *vectors,
        unsigned count, uint64_t *ret_bytes)
{
	unsigned used = 0;
	uint64_t bytes = 0;
	pthread_mutex_lock(&flight->lock);
	for (struct edge_flight_chunk *chunk = flight->first; chunk != NULL && used < count;
	        chunk = chunk->next) {
		uint64_t end = chunk->at + chunk->length;
		if (end <= from)
			continue;
		CHECK(bytes > 0 || chunk->at <= from);
		size_t skip = chunk->at < from ? (size_t)(from - chunk->at) : 0;
		vectors[used++] = (struct iovec){
		        .iov_base = chunk->bytes + skip, .iov_len = chunk->length - skip};
		bytes += chunk->length - skip;
	}
	pthread_mutex_unlock(&flight->lock);
	*ret_bytes = bytes;
	return used;
}

bool edge_flight_wants_more(struct edge_flight *flight, uint64_t alone)
{
	pthread_mutex_lock(&flight->lock);
	bool wants = flight->length < alone;
	if (flight->reader_count > 0)
		wants = flight->length < flight->fastest ||
		        flight->length - flight->fastest < flight->options.ahead;
	flight->is_writer_waiting = !wants;
	pthread_mutex_unlock(&flight->lock);
	return wants;
}

unsigned edge_flight_readers(struct edge_flight *flight)
{
	pthread_mutex_lock(&flight->lock);
	unsigned count = flight->reader_count;
	pthread_mutex_unlock(&flight->lock);
	return count;
}
