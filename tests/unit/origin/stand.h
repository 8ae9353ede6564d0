/*
 * What the tests of shared state, names, probes and groups start from: a steward and a worker on
 * one loop, domains made by hand, an origin on loopback that answers every connection alike, and a
 * DNS server that says what it is told to. A test turns the loop until something is so.
 */
#pragma once

#include "base/clock.h"
#include "base/hash.h"
#include "base/mem.h"
#include "model/read.h"
#include "model/snapshot.h"
#include "net/tcp.h"
#include "origin/health.h"
#include "origin/names.h"
#include "origin/shared.h"
#include "origin/worker.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <sys/socket.h>
#include <unistd.h>

enum { STAND_PATIENCE_MS = 5000 };

/* Short times, so that a test sees whole lives of blocks. */
static const struct origin_health_options stand_health = {
        .block_ms = 100,
        .block_max_ms = 400,
        .forgive_ms = 60000,
        .ramp_ms = 40,
        .connection_failures = 3,
        .connection_window_ms = 60000,
        .response_failures = 6,
        .response_window = 20,
        .response_urls = 3,
        .trial_lease_ms = 200,
};

/* Turns the loop until `condition`; fails the test when that takes too long. */
#define STAND_UNTIL(loop, condition)                                                               \
	do {                                                                                       \
		uint64_t end_ms = clock_ms() + STAND_PATIENCE_MS;                                  \
		while (!(condition)) {                                                             \
			assert_true(clock_ms() < end_ms);                                          \
			loop_turn(loop, 5);                                                        \
		}                                                                                  \
	} while (0)

static inline void stand_pass(struct loop *loop, unsigned ms)
{
	for (uint64_t end_ms = clock_ms() + ms; clock_ms() < end_ms;)
		loop_turn(loop, 2);
}

static inline struct address stand_address(const char *text)
{
	struct address address;
	assert_true(address_parse(str_of(text), &address));
	return address;
}

/* ---- an origin ---- */

struct stand_origin {
	struct loop *loop;
	struct loop_fd watched;
	struct address address;
	const char *response; /* NULL: accepts, and says nothing */
	bool stays_open;      /* does not close behind its response */
	unsigned accepted;
	int held[256]; /* silent connections */
	unsigned held_count;
};

static inline void stand_origin_accept(struct loop_fd *watched, unsigned events)
{
	(void)events;
	struct stand_origin *origin = container_of(watched, struct stand_origin, watched);
	struct address peer;
	int fd;
	while ((fd = tcp_accept(watched->fd, &peer)) >= 0) {
		origin->accepted++;
		if (origin->response != NULL) {
			int room = 1 << 20;
			(void)setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &room, sizeof(room));
			size_t length = str_of(origin->response).len;
			assert_int_equal(send(fd, origin->response, length, MSG_NOSIGNAL), length);
		}
		if (origin->response != NULL && !origin->stays_open) {
			shutdown(fd, SHUT_WR);
		}
		assert_true(origin->held_count < ARRAY_LENGTH(origin->held));
		origin->held[origin->held_count++] = fd;
	}
}

/* Port 0 of `at` lets the kernel choose. */
static inline void stand_origin_open_at(
        struct stand_origin *origin, struct loop *loop, struct address at)
{
	*origin = (struct stand_origin){.loop = loop, .watched = {-1, stand_origin_accept}};
	origin->watched.fd = tcp_listen(&at, 128);
	assert_true(origin->watched.fd >= 0);
	assert_true(tcp_local_address(origin->watched.fd, &origin->address));
	assert_true(loop_add_level(loop, &origin->watched));
}

static inline void stand_origin_open(struct stand_origin *origin, struct loop *loop)
{
	stand_origin_open_at(origin, loop, stand_address("127.0.0.1:0"));
}

/* Refuses from now on. */
static inline void stand_origin_close(struct stand_origin *origin)
{
	for (unsigned i = 0; i < origin->held_count; i++)
		close(origin->held[i]);
	origin->held_count = 0;
	if (origin->watched.fd < 0)
		return;
	loop_remove(origin->loop, &origin->watched);
	close(origin->watched.fd);
	origin->watched.fd = -1;
}

/* An address where nobody listens. */
static inline struct address stand_dead_address(struct loop *loop)
{
	struct stand_origin origin;
	stand_origin_open(&origin, loop);
	stand_origin_close(&origin);
	return origin.address;
}

/* ---- a DNS server ---- */

struct stand_dns {
	struct loop *loop;
	struct loop_fd watched;
	char servers[ADDRESS_TEXT_BYTES];
	const char *ips[LIMIT_RESOLVED + 1]; /* of every name; ends with NULL */
	uint32_t ttl_s;
	bool fails;     /* SERVFAIL */
	bool is_mute;   /* no answer at all */
	unsigned asked; /* A queries */
};

/* Writes the answer to a query of `length` bytes behind it; returns the whole length. */
static inline size_t stand_dns_answer(struct stand_dns *dns, uint8_t *bytes, size_t length)
{
	size_t at = 12;
	while (at < length && bytes[at] != 0)
		at += bytes[at] + 1U;
	at += 5;
	assert_true(at <= length);
	bool is_a = bytes[at - 3] == 1;
	dns->asked += is_a;
	bytes[2] = 0x81;
	bytes[3] = dns->fails ? 0x82 : 0x80;
	memset(bytes + 6, 0, 6);
	for (unsigned i = 0; is_a && !dns->fails && dns->ips[i] != NULL; i++) {
		struct address ip;
		assert_true(address_parse_ip(str_of(dns->ips[i]), 0, &ip));
		uint8_t record[16] = {0xc0, 12, 0, 1, 0, 1, (uint8_t)(dns->ttl_s >> 24),
		        (uint8_t)(dns->ttl_s >> 16), (uint8_t)(dns->ttl_s >> 8),
		        (uint8_t)dns->ttl_s, 0, 4};
		memcpy(record + 12, ip.ip + 12, 4);
		memcpy(bytes + at, record, sizeof(record));
		at += sizeof(record);
		bytes[7]++;
	}
	return at;
}

static inline void stand_dns_serve(struct loop_fd *watched, unsigned events)
{
	(void)events;
	struct stand_dns *dns = container_of(watched, struct stand_dns, watched);
	uint8_t bytes[1024];
	struct sockaddr_in from;
	socklen_t from_length = sizeof(from);
	ssize_t length = recvfrom(watched->fd, bytes, sizeof(bytes) / 2, MSG_DONTWAIT,
	        (struct sockaddr *)&from, &from_length);
	if (length < 12 || dns->is_mute)
		return;
	size_t whole = stand_dns_answer(dns, bytes, (size_t)length);
	(void)!sendto(watched->fd, bytes, whole, 0, (struct sockaddr *)&from, from_length);
}

static inline void stand_dns_open(struct stand_dns *dns, struct loop *loop)
{
	*dns = (struct stand_dns){.loop = loop, .watched = {-1, stand_dns_serve}, .ttl_s = 1};
	union address_sockaddr any;
	struct address address = stand_address("127.0.0.1:0");
	socklen_t length = address_to_sockaddr(&address, &any);
	dns->watched.fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	assert_true(dns->watched.fd >= 0);
	assert_int_equal(bind(dns->watched.fd, &any.any, length), 0);
	assert_true(tcp_local_address(dns->watched.fd, &address));
	address_format(&address, dns->servers);
	assert_true(loop_add_level(loop, &dns->watched));
}

static inline void stand_dns_close(struct stand_dns *dns)
{
	loop_remove(dns->loop, &dns->watched);
	close(dns->watched.fd);
}

/* ---- the steward and a worker ---- */

struct stand {
	struct loop *loop;
	struct origin_shared_sink sink;
	struct origin_shared *shared;
	struct mem_budget budget;
	struct buf_pool buffers;
	struct origin_worker *worker;
	struct stand_dns dns;
	/* what on_health told */
	unsigned changes, to[ORIGIN_RAMPING + 1];
	enum fault reason;
	uint64_t for_ms;
	struct address address;
	char domain[LIMIT_HOST_BYTES + 1];
};

static inline void stand_on_health(struct origin_shared_sink *self, const struct address *address,
        struct str domain, enum origin_state from, enum origin_state to, enum fault reason,
        uint64_t for_ms)
{
	struct stand *stand = container_of(self, struct stand, sink);
	assert_int_not_equal(from, to);
	stand->changes++;
	stand->to[to]++;
	stand->reason = reason;
	stand->address = *address;
	memset(stand->domain, 0, sizeof(stand->domain));
	if (domain.len != 0)
		memcpy(stand->domain, domain.at, domain.len);
	if (to == ORIGIN_BLOCKED)
		stand->for_ms = for_ms;
	else
		assert_int_equal(for_ms, 0);
}

static inline void stand_init(struct stand *stand)
{
	*stand = (struct stand){.sink = {stand_on_health}, .budget = {.limit = 1U << 26}};
	stand->loop = loop_new();
	assert_non_null(stand->loop);
	stand_dns_open(&stand->dns, stand->loop);
	struct origin_shared_options options = {
	        .health = stand_health,
	        .dns_servers = stand->dns.servers,
	        .ttl_min_s = 1,
	        .ttl_max_s = 2,
	        .confirm_gap_ms = 150,
	        .probe_timeout_ms = 300,
	};
	stand->shared = origin_shared_new(stand->loop, &options, &stand->sink);
	buf_pool_init(&stand->buffers, &stand->budget);
	struct origin_worker_options worker = {
	        .loop = stand->loop,
	        .buffers = &stand->buffers,
	        .shared = stand->shared,
	        .idle_max = 16,
	};
	stand->worker = origin_worker_new(&worker);
}

static inline void stand_done(struct stand *stand)
{
	origin_worker_free(stand->worker);
	buf_pool_done(&stand->buffers);
	loop_turn(stand->loop, 0); /* what was on its way to the worker */
	origin_shared_free(stand->shared);
	stand_dns_close(&stand->dns);
	loop_free(stand->loop);
}

static inline int stand_set_up(void **state)
{
	struct stand *stand = mem_new(struct stand);
	stand_init(stand);
	*state = stand;
	return 0;
}

static inline int stand_tear_down(void **state)
{
	stand_done(*state);
	mem_free(*state);
	return 0;
}

#define STAND_TEST(name) cmocka_unit_test_setup_teardown(name, stand_set_up, stand_tear_down)

/* ---- domains ---- */

/* `addresses`: as written in a configuration, separated by spaces. */
static inline void stand_set_addresses(
        struct model_domain *domain, struct model_origin *origin, const char *addresses)
{
	struct str rest = str_of(addresses);
	origin->addresses =
	        model_domain_alloc(domain, LIMIT_ADDRESSES * sizeof(*origin->addresses));
	origin->address_count = 0;
	while (rest.len != 0) {
		struct model_why why;
		struct str one = str_cut(&rest, ' ');
		assert_true(model_read_address(
		        domain, one, &origin->addresses[origin->address_count++], &why));
	}
}

/* `backup` NULL: none. */
static inline struct model_domain *stand_domain(
        const char *name, const char *master, const char *backup)
{
	struct model_domain *domain = model_domain_new();
	domain->name = model_domain_copy(domain, str_of(name));
	stand_set_addresses(domain, &domain->origin, master);
	if (backup != NULL) {
		domain->backup = model_domain_alloc(domain, sizeof(*domain->backup));
		model_domain_init_origin(domain->backup);
		stand_set_addresses(domain, domain->backup, backup);
	}
	return domain;
}

/* A snapshot of up to three domains; NULL ends them. The domains stay the caller's. */
static inline struct model_snapshot *stand_snapshot(
        struct model_domain *a, struct model_domain *b, struct model_domain *c)
{
	struct model_domain *domains[] = {a, b, c};
	struct model_change changes[3];
	size_t count = 0;
	while (count < ARRAY_LENGTH(domains) && domains[count] != NULL) {
		changes[count] = (struct model_change){domains[count]->name, domains[count]};
		count++;
	}
	struct model_snapshot *empty = model_snapshot_new();
	struct model_snapshot *snapshot = model_snapshot_with(empty, changes, count, 1);
	model_snapshot_unref(empty);
	return snapshot;
}

/* The state of what answers at an address for a domain. */
static inline enum origin_state stand_server_state(
        struct stand *stand, const char *domain, const struct address *address)
{
	struct origin_server *server = origin_health_server(origin_shared_health(stand->shared),
	        str_of(domain), address, MODEL_HTTP, STR_EMPTY);
	struct origin_health_view view;
	origin_health_view_server(server, clock_ms(), &view);
	origin_health_server_unref(server);
	return view.state;
}

static inline enum origin_state stand_host_state(struct stand *stand, const struct address *address)
{
	struct origin_host *host = origin_health_host(origin_shared_health(stand->shared), address);
	struct origin_health_view view;
	origin_health_view_host(host, clock_ms(), &view);
	origin_health_host_unref(host);
	return view.state;
}
