/*
 * A sequence lock: whoever reads copies all keys, and takes the copy only if nobody wrote
 * meanwhile. Keys are written three times a day.
 */
#include "net/tls_tickets.h"

#include "base/check.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

/* How often a reader looks again while keys are written; the writer takes microseconds. */
enum { LOOKS = 1000 };

int tls_tickets_open(void)
{
	int fd = memfd_create("headwater-tickets", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (fd < 0)
		return -1;
	if (ftruncate(fd, sizeof(struct tls_tickets)) == 0 &&
	        fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW) == 0)
		return fd;
	int error = errno;
	close(fd);
	errno = error;
	return -1;
}

struct tls_tickets *tls_tickets_map(int fd, bool is_writer)
{
	struct stat info;
	if (fstat(fd, &info) != 0)
		return NULL;
	if (info.st_size != sizeof(struct tls_tickets)) {
		errno = EINVAL; /* another version's */
		return NULL;
	}
	int rights = is_writer ? PROT_READ | PROT_WRITE : PROT_READ;
	void *at = mmap(NULL, sizeof(struct tls_tickets), rights, MAP_SHARED, fd, 0);
	return at == MAP_FAILED ? NULL : at;
}

void tls_tickets_unmap(struct tls_tickets *tickets)
{
	if (tickets != NULL)
		munmap(tickets, sizeof(*tickets));
}

static uint64_t span_of(int64_t now_s)
{
	return (uint64_t)(now_s > 0 ? now_s : 0) / TLS_TICKETS_SPAN_S + 1;
}

/* Whether the key of a span may still open tickets in the span that is now. */
static bool is_kept(uint64_t span, uint64_t now)
{
	return span != 0 && span <= now + 1 &&
	       span + TLS_TICKETS_KEPT_S / TLS_TICKETS_SPAN_S >= now;
}

static const struct tls_ticket_key *of_span(
        const struct tls_ticket_key keys[static TLS_TICKETS_KEYS], uint64_t span)
{
	for (unsigned i = 0; i < TLS_TICKETS_KEYS; i++) {
		if (keys[i].span == span)
			return &keys[i];
	}
	return NULL;
}

static void make_key(struct tls_ticket_key *key, uint64_t span)
{
	CHECK(getrandom(key->name, sizeof(key->name), 0) == sizeof(key->name));
	CHECK(getrandom(key->cipher_key, sizeof(key->cipher_key), 0) == sizeof(key->cipher_key));
	CHECK(getrandom(key->mac_key, sizeof(key->mac_key), 0) == sizeof(key->mac_key));
	key->span = span;
}

int64_t tls_tickets_rotate(struct tls_tickets *tickets, int64_t now_s)
{
	uint64_t now = span_of(now_s);
	unsigned turn = atomic_load_explicit(&tickets->turn, memory_order_relaxed);
	atomic_store_explicit(&tickets->turn, turn | 1, memory_order_relaxed);
	atomic_thread_fence(memory_order_release);
	for (unsigned i = 0; i < TLS_TICKETS_KEYS; i++) {
		if (!is_kept(tickets->keys[i].span, now))
			explicit_bzero(&tickets->keys[i], sizeof(tickets->keys[i]));
	}
	for (uint64_t span = now; span <= now + 1; span++) {
		if (of_span(tickets->keys, span) == NULL)
			make_key((struct tls_ticket_key *)(uintptr_t)of_span(tickets->keys, 0),
			        span);
	}
	atomic_store_explicit(&tickets->turn, (turn | 1) + 1, memory_order_release);
	return (int64_t)now * TLS_TICKETS_SPAN_S;
}

/* A copy of all keys; false while they are written, for longer than that takes. */
static bool copy(
        const struct tls_tickets *tickets, struct tls_ticket_key keys[static TLS_TICKETS_KEYS])
{
	for (unsigned i = 0; i < LOOKS; i++) {
		unsigned turn = atomic_load_explicit(&tickets->turn, memory_order_acquire);
		if ((turn & 1) != 0)
			continue;
		memcpy(keys, tickets->keys, sizeof(tickets->keys));
		atomic_thread_fence(memory_order_acquire);
		if (atomic_load_explicit(&tickets->turn, memory_order_relaxed) == turn)
			return true;
	}
	return false;
}

bool tls_tickets_current(
        const struct tls_tickets *tickets, int64_t now_s, struct tls_ticket_key *ret_key)
{
	struct tls_ticket_key keys[TLS_TICKETS_KEYS];
	const struct tls_ticket_key *best = NULL;
	bool is_copied = copy(tickets, keys);
	/* A writer that is late leaves the last span's. */
	for (unsigned i = 0; is_copied && i < TLS_TICKETS_KEYS; i++) {
		bool is_begun = keys[i].span != 0 && keys[i].span <= span_of(now_s);
		if (is_begun && (best == NULL || keys[i].span > best->span))
			best = &keys[i];
	}
	if (best != NULL)
		*ret_key = *best;
	explicit_bzero(keys, sizeof(keys));
	return best != NULL;
}

bool tls_tickets_find(const struct tls_tickets *tickets, int64_t now_s, const unsigned char *name,
        struct tls_ticket_key *ret_key, bool *ret_is_old)
{
	struct tls_ticket_key keys[TLS_TICKETS_KEYS];
	uint64_t now = span_of(now_s);
	bool is_found = false;
	bool is_copied = copy(tickets, keys);
	for (unsigned i = 0; is_copied && i < TLS_TICKETS_KEYS && !is_found; i++) {
		if (!is_kept(keys[i].span, now) ||
		        memcmp(keys[i].name, name, sizeof(keys[i].name)) != 0)
			continue;
		*ret_key = keys[i];
		*ret_is_old = keys[i].span < now;
		is_found = true;
	}
	explicit_bzero(keys, sizeof(keys));
	return is_found;
}
