/*
 * Making, checking and mapping the memory.
 *
 * The file is sealed against shrinking and growing, so that no process can have another killed by
 * SIGBUS, and its size is compared before it is mapped. Everything begins as zero pages: the only
 * thing to write at the start is the header and the queue of free segments.
 */
#include "cache/memory_private.h"

#include "cache/disk_file_private.h"
#include "cache/disk_private.h"
#include "cache/index_private.h"
#include "cache/mark_private.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
	VERSION = 4,
	PAGE = 4096,
	/* The open and the free segments are lost to what is remembered, and what is evicted leaves
	 * by the segment. So a memory that has not this many of the largest segments gets smaller
	 * pieces, and with them segments, until it has MANY; the smallest ones hold fewer pieces.
	 */
	ENOUGH_OF_THE_LARGEST = 64,
	MANY = 120,
	PIECES_IN_SEGMENT = 8,
	PIECES_AT_LEAST = 4,
	PIECE_HEADROOM = 4096,
	/* Slots for each object: itself, about as many ghosts, and the free ones that a bucket
	 * needs so as not to overflow. */
	SLOTS_PER_10_OBJECTS = 28,
	DISK_BYTES_PER_OBJECT = 32768,
	/* Of the numbers that a session gives, the low bits: no other session gives the same. */
	SESSION_SHIFT = 40,
};

#define MAGIC UINT64_C(0x6578616361636877) /* "whcacaxe" in memory */

_Static_assert(LIMIT_CACHE_PIECE_BYTES % LIMIT_CACHE_INLINE_BYTES == 0,
        "pieces are halved until they are as small as an inline body");
_Static_assert(LIMIT_CACHE_MEMORY_BYTES_MIN / LIMIT_CACHE_INLINE_BYTES / PIECES_AT_LEAST >= 32,
        "the smallest memory has some segments");
/* The header, the fixed part and what aligns it take less than a page. */
_Static_assert(PAGE + LIMIT_CACHE_KEY_BYTES + LIMIT_CACHE_VARIANT_BYTES +
                               LIMIT_CACHE_TAGS * sizeof(uint64_t) +
                               LIMIT_HEAD_FIELDS * sizeof(struct http_field) +
                               LIMIT_RESPONSE_HEAD_BYTES + LIMIT_CACHE_INLINE_BYTES <=
                       PIECES_AT_LEAST * LIMIT_CACHE_INLINE_BYTES,
        "the largest object fits into the smallest segment");

static uint64_t up_to_pages(uint64_t bytes)
{
	return (bytes + PAGE - 1) / PAGE * PAGE;
}

static uint32_t segment_bytes(uint32_t piece_bytes, uint32_t pieces)
{
	return pieces * (piece_bytes + PIECE_HEADROOM);
}

static void choose_disks(struct cache_geometry *g, const struct cache_memory_options *options)
{
	CHECK(options->disk_count <= LIMIT_CACHE_DISKS);
	g->disk_count = options->disk_count;
	for (unsigned i = 0; i < g->disk_count; i++) {
		struct cache_disk_geometry *disk = &g->disks[i];
		disk->bytes = options->disks[i].bytes;
		CHECK(disk->bytes >> 20 >= LIMIT_CACHE_DISK_MIB_MIN &&
		        disk->bytes >> 30 <= LIMIT_CACHE_DISK_GIB_MAX);
		disk->segment_bytes = cache_disk_segment_bytes(disk->bytes);
		disk->segments = cache_disk_segments(disk->bytes);
		disk->first = g->disk_segments;
		g->disk_segments += disk->segments;
	}
	CHECK(g->disk_segments <= 1u << CACHE_DISK_SEGMENT_BITS);
}

/* How large pieces and segments are. */
static void choose_segments(struct cache_geometry *g)
{
	uint32_t piece_bytes = LIMIT_CACHE_PIECE_BYTES, pieces = PIECES_IN_SEGMENT;
	uint64_t wanted = ENOUGH_OF_THE_LARGEST;
	while (g->bytes / segment_bytes(piece_bytes, pieces) < wanted) {
		wanted = MANY;
		if (piece_bytes > LIMIT_CACHE_INLINE_BYTES)
			piece_bytes /= 2;
		else if (pieces > PIECES_AT_LEAST)
			pieces /= 2;
		else
			break;
	}
	g->piece_bytes = piece_bytes;
	g->segment_bytes = segment_bytes(piece_bytes, pieces);
	g->segments = (uint32_t)(g->bytes / g->segment_bytes);
}

static uint64_t derive_objects(const struct cache_geometry *g)
{
	uint64_t objects = g->bytes / PAGE;
	for (unsigned i = 0; i < g->disk_count; i++)
		objects += g->disks[i].bytes / DISK_BYTES_PER_OBJECT;
	return objects < LIMIT_CACHE_OBJECTS_MAX ? objects : LIMIT_CACHE_OBJECTS_MAX;
}

struct cache_geometry cache_memory_geometry(const struct cache_memory_options *options)
{
	struct cache_geometry g = {.bytes = options->bytes, .objects = options->objects};
	CHECK(g.bytes >= LIMIT_CACHE_MEMORY_BYTES_MIN &&
	        g.bytes >> 30 <= LIMIT_CACHE_MEMORY_GIB_MAX);
	choose_segments(&g);
	choose_disks(&g, options);
	while ((UINT32_C(1) << g.offset_bits) * CACHE_GRANULE < g.segment_bytes)
		g.offset_bits++;
	CHECK((uint64_t)g.segments << g.offset_bits < CACHE_LOCATION_IS_DISK);

	uint64_t objects = g.objects != 0 ? g.objects : derive_objects(&g);
	CHECK(objects <= LIMIT_CACHE_OBJECTS_MAX);
	g.buckets = objects * SLOTS_PER_10_OBJECTS / 10 / CACHE_BUCKET_SLOTS + 2;

	g.segments_at = up_to_pages(sizeof(struct cache_shared));
	g.pins_at = up_to_pages(g.segments_at + g.segments * sizeof(struct cache_segment));
	uint64_t pins = (uint64_t)g.segments * LIMIT_CACHE_PROCESSES;
	g.rings_at = up_to_pages(g.pins_at + pins * sizeof(uint32_t));
	uint64_t rings = (uint64_t)g.segments * CACHE_RINGS;
	g.index_at = up_to_pages(g.rings_at + rings * sizeof(uint32_t));
	g.marks_at = up_to_pages(g.index_at + g.buckets * CACHE_LINE);
	g.disks_at = up_to_pages(g.marks_at + 2 * sizeof(struct cache_marks));
	uint64_t disks = g.disk_count == 0
	                         ? 0
	                         : sizeof(struct cache_disks_shared) +
	                                   g.disk_count * sizeof(struct cache_disk_shared);
	g.orders_at = up_to_pages(g.disks_at + disks);
	g.data_at = up_to_pages(g.orders_at + g.disk_segments * sizeof(uint64_t));
	g.total = up_to_pages(g.data_at + (uint64_t)g.segments * g.segment_bytes);
	return g;
}

/* Every segment is free, in order. */
static void fill_free_ring(struct cache_shared *shared, const struct cache_geometry *g, char *base)
{
	uint32_t *rings = (uint32_t *)(void *)(base + g->rings_at);
	for (uint32_t i = 0; i < g->segments; i++)
		rings[(uint64_t)CACHE_RING_FREE * g->segments + i] = i;
	shared->rings[CACHE_RING_FREE].count = g->segments;
}

static void init_lock(struct cache_shared *shared)
{
	pthread_mutexattr_t attributes;
	CHECK(pthread_mutexattr_init(&attributes) == 0);
	CHECK(pthread_mutexattr_setpshared(&attributes, PTHREAD_PROCESS_SHARED) == 0);
	CHECK(pthread_mutexattr_setrobust(&attributes, PTHREAD_MUTEX_ROBUST) == 0);
	CHECK(pthread_mutex_init(&shared->lock, &attributes) == 0);
	CHECK(pthread_mutexattr_destroy(&attributes) == 0);
}

static void init_header(struct cache_shared *shared, const struct cache_geometry *g, char *base)
{
	shared->magic = MAGIC;
	shared->version = VERSION;
	shared->header_bytes = sizeof(*shared);
	shared->geometry = *g;
	CHECK(getrandom(shared->secret, sizeof(shared->secret), 0) ==
	        (ssize_t)sizeof(shared->secret));
	CHECK(getrandom(&shared->seed, sizeof(shared->seed), 0) == (ssize_t)sizeof(shared->seed));
	atomic_init(&shared->epoch, 1);
	atomic_init(&shared->sequence, 1);
	atomic_init(&shared->next_id, 1);
	for (unsigned log = 0; log < CACHE_LOGS; log++)
		shared->open[log] = CACHE_NO_SEGMENT;
	init_lock(shared);
	fill_free_ring(shared, g, base);
}

/* ---- disks ---- */

/* The header of what was there before, if it has the form that it should have now. */
static bool read_header(const struct cache_disk_options *disk, const struct cache_disk_geometry *g,
        struct cache_disk_header *ret_header)
{
	return cache_disk_file_read_header(disk->fd, ret_header) &&
	       ret_header->segments == g->segments && ret_header->first == g->first &&
	       ret_header->segment_bytes == g->segment_bytes;
}

/* The memory takes the secret and the seed of the disk that was last in use; the others go on if
 * they were in use with it, and begin anew otherwise. */
static void adopt(struct cache_shared *shared, const struct cache_geometry *g,
        const struct cache_memory_options *options, uint64_t *ret_session)
{
	*ret_session = 0;
	for (unsigned i = 0; i < g->disk_count; i++) {
		struct cache_disk_header header;
		if (!read_header(&options->disks[i], &g->disks[i], &header) ||
		        header.session <= *ret_session)
			continue;
		*ret_session = header.session;
		shared->seed = header.seed;
		memcpy(shared->secret, header.secret, sizeof(header.secret));
	}
}

/* Writes the header of the new session. A disk that was not part of the last one does not know what
 * was removed in it: nothing of it may be found again. */
static bool begin_disk(const struct cache_shared *shared, const struct cache_geometry *g,
        const struct cache_disk_options *disk, unsigned number, uint64_t session,
        uint64_t *ret_head_seed)
{
	const struct cache_disk_geometry *geometry = &g->disks[number];
	struct cache_disk_header before, header = {
	                                         .segment_bytes = geometry->segment_bytes,
	                                         .segments = geometry->segments,
	                                         .first = geometry->first,
	                                         .session = session,
	                                         .seed = shared->seed,
	                                 };
	memcpy(header.secret, shared->secret, sizeof(header.secret));
	bool goes_on = read_header(disk, geometry, &before) && before.session + 1 == session &&
	               before.seed == shared->seed &&
	               memcmp(before.secret, shared->secret, sizeof(before.secret)) == 0;
	if (!goes_on &&
	        getrandom(&header.epoch, sizeof(header.epoch), 0) != (ssize_t)sizeof(header.epoch))
		return false;
	if (goes_on)
		header.epoch = before.epoch;
	cache_disk_seal_header(&header);
	*ret_head_seed = hash_mix(header.seed, header.epoch);
	return cache_disk_file_write_header(disk->fd, &header);
}

/* The numbers of this session are above all that a disk can have. */
static void begin_session(struct cache_shared *shared, const struct cache_geometry *g,
        const struct cache_memory_options *options, struct cache_disks_shared *disks)
{
	uint64_t session;
	adopt(shared, g, options, &session);
	session++;
	uint64_t base = session << SESSION_SHIFT;
	atomic_init(&shared->sequence, base);
	atomic_init(&shared->next_id, base);
	atomic_init(&disks->scanning, g->disk_count);
	for (unsigned i = 0; i < g->disk_count; i++) {
		struct cache_disk_shared *disk = &disks->disks[i];
		disk->open = disk->evicting = CACHE_NO_SEGMENT;
		disk->session = session;
		disk->marked = base;
		disk->free = g->disks[i].segments;
		disk->next = g->disks[i].first;
		if (begin_disk(shared, g, &options->disks[i], i, session, &disk->head_seed))
			continue;
		disk->error = errno;
		atomic_init(&disk->state, CACHE_DISK_FAILED);
		atomic_fetch_sub(&disks->scanning, 1);
	}
}

/* Maps the file's beginning; MAP_FAILED with errno. Never with huge pages, whatever the machine
 * does with shared memory: of a huge page of which a part is in a socket's queue a segment's pages
 * can't be given back, and the kernel clears them, and has them filled anew, in place. The client
 * would get another one's bytes. */
static char *map(int fd, uint64_t bytes)
{
	char *base = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (base != MAP_FAILED)
		madvise(base, bytes, MADV_NOHUGEPAGE);
	return base;
}

int cache_memory_make(const struct cache_memory_options *options)
{
	struct cache_geometry g = cache_memory_geometry(options);
	int fd = memfd_create("headwater-cache", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (fd < 0)
		return -1;
	if (ftruncate(fd, (off_t)g.total) != 0)
		goto fail;
	uint64_t writable = g.data_at;
	char *base = map(fd, writable);
	if (base == MAP_FAILED)
		goto fail;
	struct cache_shared *shared = (struct cache_shared *)(void *)base;
	init_header(shared, &g, base);
	if (g.disk_count > 0)
		begin_session(shared, &g, options,
		        (struct cache_disks_shared *)(void *)(base + g.disks_at));
	munmap(base, writable);
	if (fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) != 0)
		goto fail;
	return fd;

fail:;
	int error = errno;
	close(fd);
	errno = error;
	return -1;
}

/* What can be told without mapping all of it. */
static enum cache_attach compare_header(
        const struct cache_shared *shared, uint64_t size, const struct cache_geometry *g)
{
	if (shared->magic != MAGIC || shared->version != VERSION ||
	        shared->header_bytes != sizeof(*shared))
		return CACHE_ATTACH_LAYOUT;
	if (size != g->total || memcmp(&shared->geometry, g, sizeof(*g)) != 0)
		return CACHE_ATTACH_GEOMETRY;
	return CACHE_ATTACH_DONE;
}

enum cache_attach cache_memory_map(int fd, const struct cache_geometry *g, char **ret_base)
{
	struct stat status;
	if (fstat(fd, &status) != 0)
		return CACHE_ATTACH_SYSTEM;
	int seals = fcntl(fd, F_GET_SEALS);
	if (seals < 0 || (seals & F_SEAL_SHRINK) == 0 ||
	        status.st_size < (off_t)sizeof(struct cache_shared))
		return CACHE_ATTACH_LAYOUT;
	uint64_t header_bytes = sizeof(struct cache_shared);
	void *header = mmap(NULL, header_bytes, PROT_READ, MAP_SHARED, fd, 0);
	if (header == MAP_FAILED)
		return CACHE_ATTACH_SYSTEM;
	enum cache_attach verdict = compare_header(header, (uint64_t)status.st_size, g);
	munmap(header, header_bytes);
	if (verdict != CACHE_ATTACH_DONE)
		return verdict;
	char *base = map(fd, g->total);
	if (base == MAP_FAILED)
		return CACHE_ATTACH_SYSTEM;
	/* A core of the edge is for its own memory, not for what it remembers. */
	madvise(base + g->data_at, g->total - g->data_at, MADV_DONTDUMP);
	*ret_base = base;
	return CACHE_ATTACH_DONE;
}

void cache_memory_unmap(char *base, const struct cache_geometry *g)
{
	munmap(base, g->total);
}

enum cache_attach cache_memory_check(int fd, const struct cache_memory_options *options)
{
	struct cache_geometry g = cache_memory_geometry(options);
	char *base;
	enum cache_attach verdict = cache_memory_map(fd, &g, &base);
	if (verdict == CACHE_ATTACH_DONE)
		cache_memory_unmap(base, &g);
	return verdict;
}

const char *cache_memory_words(enum cache_attach attach)
{
	switch (attach) {
	case CACHE_ATTACH_DONE:
		return "attached";
	case CACHE_ATTACH_LAYOUT:
		return "the memory has the layout of another version";
	case CACHE_ATTACH_GEOMETRY:
		return "the memory was made with other sizes";
	case CACHE_ATTACH_CROWDED:
		return "too many processes are attached to the memory";
	case CACHE_ATTACH_SYSTEM:
		return "the kernel refused";
	}
	return "";
}
