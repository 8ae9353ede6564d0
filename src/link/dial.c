/*
 * One thing runs at a time: a look-up, or one connection with a timer. The system tries a
 * connection for minutes, which is too long where there is another address, so each gets a few
 * seconds.
 */
#include "link/dial.h"

#include "base/clock.h"
#include "base/fault.h"
#include "base/mem.h"
#include "net/tcp.h"

#include <unistd.h>

/* For one address. */
enum { CONNECT_MS = 3000 };

struct link_dial {
	struct loop *loop;
	struct link_dial_sink *sink;
	char *host, *servers;
	uint16_t port;
	struct dns *dns; /* NULL: it was not needed yet, or cannot be made */
	struct dns_query query;
	unsigned first, tried; /* which address was tried first, and how many were */
	struct loop_fd watched;
	struct timer timer;
	enum fault fault; /* of the last one */
};

static void stop_watching(struct link_dial *dial)
{
	loop_timer_cancel(dial->loop, &dial->timer);
	loop_remove(dial->loop, &dial->watched);
}

static void close_socket(struct link_dial *dial)
{
	stop_watching(dial);
	if (dial->watched.fd >= 0)
		close(dial->watched.fd);
	dial->watched.fd = -1;
}

/* Whether an attempt at one address runs. */
static bool try_one(struct link_dial *dial)
{
	const unsigned index = (dial->first + dial->tried++) % dial->query.count;
	struct address address = dial->query.addresses[index];
	address.port = dial->port;
	dial->fault = tcp_connect(&address, &dial->watched.fd);
	if (dial->fault != FAULT_NONE)
		return false;
	if (!loop_add(dial->loop, &dial->watched)) {
		dial->fault = FAULT_LOCAL;
		close_socket(dial);
		return false;
	}
	loop_timer_start(dial->loop, &dial->timer, clock_ms() + CONNECT_MS);
	return true;
}

static const char *words_of(enum fault fault)
{
	/* The table's words are of origins. */
	if (fault == FAULT_DNS)
		return "its name cannot be resolved";
	if (fault == FAULT_CONNECT_REFUSED)
		return "connection refused";
	if (fault == FAULT_CONNECT_RESET)
		return "connection reset";
	if (fault == FAULT_CONNECT_TIMEOUT)
		return "connection timed out";
	return fault == FAULT_LOCAL ? "this machine refuses a connection" : "no route to it";
}

static void go_on(struct link_dial *dial)
{
	while (dial->tried < dial->query.count)
		if (try_one(dial))
			return;
	dial->first++;
	dial->sink->on_dialled(dial->sink, -1, words_of(dial->fault));
}

static void on_connected(struct link_dial *dial)
{
	int socket = dial->watched.fd;
	stop_watching(dial);
	dial->watched.fd = -1;
	dial->first++;
	dial->sink->on_dialled(dial->sink, socket, NULL);
}

static void on_ready(struct loop_fd *watched, unsigned events)
{
	struct link_dial *dial = container_of(watched, struct link_dial, watched);
	if ((events & (LOOP_WRITABLE | LOOP_HANGUP)) == 0)
		return;
	dial->fault = tcp_connect_result(watched->fd);
	if (dial->fault == FAULT_NONE) {
		on_connected(dial);
		return;
	}
	close_socket(dial);
	go_on(dial);
}

/* Of one address; or there is nobody to ask for any. */
static void on_timeout(struct timer *timer)
{
	struct link_dial *dial = container_of(timer, struct link_dial, timer);
	dial->fault = dial->watched.fd >= 0 ? FAULT_CONNECT_TIMEOUT : FAULT_LOCAL;
	close_socket(dial);
	go_on(dial);
}

static void on_resolved(struct dns_query *query)
{
	struct link_dial *dial = container_of(query, struct link_dial, query);
	dial->fault = FAULT_DNS;
	dial->tried = 0;
	if (query->failed)
		query->count = 0;
	go_on(dial);
}

struct link_dial *link_dial_new(struct loop *loop, const char *host, uint16_t port,
        const char *servers, struct link_dial_sink *sink)
{
	struct link_dial *dial = mem_new(struct link_dial);
	dial->loop = loop;
	dial->sink = sink;
	dial->host = mem_copy(host, strlen(host));
	dial->servers = servers != NULL ? mem_copy(servers, strlen(servers)) : NULL;
	dial->port = port;
	dial->query.on_done = on_resolved;
	dial->watched = (struct loop_fd){.fd = -1, .on_ready = on_ready};
	dial->timer.on_expire = on_timeout;
	return dial;
}

void link_dial_free(struct link_dial *dial)
{
	if (dial == NULL)
		return;
	dns_cancel(&dial->query);
	close_socket(dial);
	dns_free(dial->dns);
	mem_free(dial->host);
	mem_free(dial->servers);
	mem_free(dial);
}

void link_dial_start(struct link_dial *dial)
{
	if (dial->dns == NULL)
		dial->dns = dns_new(dial->loop, dial->servers);
	if (dial->dns != NULL)
		dns_lookup(dial->dns, &dial->query, str_of(dial->host));
	else
		loop_timer_start(dial->loop, &dial->timer, clock_ms());
}
