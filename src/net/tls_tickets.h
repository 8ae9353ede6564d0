/*
 * The keys that session tickets are encrypted with (RFC 5077, RFC 8446 section 4.6.1), in a page
 * that one process writes and others read: so all workers know each other's tickets, and those of
 * the edges before them. A key is of a span of 8 hours; the one for the next span is made ahead,
 * and a key is destroyed 24 hours after its span. Nothing of a key can be found out from another.
 */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

enum {
	TLS_TICKETS_SPAN_S = 8 * 3600,
	TLS_TICKETS_KEPT_S = 24 * 3600,
	/* The next span's, this one's, and those of the three before. */
	TLS_TICKETS_KEYS = 5,
	TLS_TICKETS_NAME_BYTES = 16,
};

struct tls_ticket_key {
	uint64_t span; /* number of it since 1970; 0: no key */
	unsigned char name[TLS_TICKETS_NAME_BYTES];
	unsigned char cipher_key[32], mac_key[32];
};

struct tls_tickets {
	atomic_uint turn; /* odd while keys are written */
	struct tls_ticket_key keys[TLS_TICKETS_KEYS];
};

/* A memfd with the page, without any key; -1 with errno. */
int tls_tickets_open(void);

/* Maps it, to write or to read alone; NULL with errno, also when it is no such page. */
struct tls_tickets *tls_tickets_map(int fd, bool is_writer);
void tls_tickets_unmap(struct tls_tickets *tickets);

/* Makes the keys that should be there now and are not, destroys those that should not be. Returns
 * when to call it again: seconds since 1970. The one writer. */
int64_t tls_tickets_rotate(struct tls_tickets *tickets, int64_t now_s);

/* The key for new tickets; false: there is none. */
bool tls_tickets_current(
        const struct tls_tickets *tickets, int64_t now_s, struct tls_ticket_key *ret_key);

/* The key of a ticket that names it; false: it is none of ours, or too old. *ret_is_old: the client
 * should get a new ticket. */
bool tls_tickets_find(const struct tls_tickets *tickets, int64_t now_s, const unsigned char *name,
        struct tls_ticket_key *ret_key, bool *ret_is_old);
