/*
 * c-ares on the loop.
 *
 * c-ares says which sockets it wants watched (on_socket_state); their readiness and its time-outs
 * go back into it by ares_process_fd. Its sockets are edge-triggered like all others, so a socket
 * is processed until it has no input left, and is registered afresh when c-ares begins to want to
 * write, since the edge may have been told before.
 *
 * A look-up has two sides: the caller's dns_query, and a dns_call that belongs to c-ares until it
 * answers. c-ares answers whenever it likes, also before its start returns and in the midst of its
 * own work; the answer is kept and delivered by a task, so that callers may do anything then. A
 * call whose query was cancelled has no query and only waits for its end.
 */
#include "net/dns.h"

#include "base/mem.h"

#include <ares.h>
#include <netdb.h>
#include <poll.h>
#include <pthread.h>
#include <sys/stat.h>

/* A lost packet is sent again after a second, then after two more; after seven the server is given
 * up. */
enum { TIMEOUT_MS = 1000, TRIES = 3, EDNS_BYTES = 1232, CHECK_CONFIGURATION_MS = 5000 };

static const char RESOLV_CONF[] = "/etc/resolv.conf";

struct dns {
	struct loop *loop;
	ares_channel channel;
	struct timer timer;
	struct list sockets; /* dns_socket */
	struct list calls;   /* dns_call */
	char *servers;       /* NULL: those of resolv.conf */
	/* What resolv.conf was when the channel was made, and when that was last looked at. */
	struct timespec configured_at;
	uint64_t checked_ms;
};

struct dns_socket {
	struct list_node node;
	struct loop_fd watched;
	struct dns *dns;
	bool wants_write;
};

struct dns_call {
	struct list_node node;
	struct loop_task deliver; /* waits once the answer is there */
	struct dns_query *query;  /* NULL when it was given up */
	struct dns *dns;
	bool is_answered;
};

static void free_call(struct dns_call *call)
{
	list_remove(&call->node);
	loop_unwake(&call->deliver);
	mem_free(call);
}

/* c-ares may have come to wait for another moment. */
static void set_timer(struct dns *dns)
{
	struct timeval wait;
	if (ares_timeout(dns->channel, NULL, &wait) == NULL) {
		loop_timer_cancel(dns->loop, &dns->timer);
		return;
	}
	uint64_t wait_ms = (uint64_t)wait.tv_sec * 1000 + ((uint64_t)wait.tv_usec + 999) / 1000;
	loop_timer_start(dns->loop, &dns->timer, loop_now_ms(dns->loop) + wait_ms);
}

static void on_timeout(struct timer *timer)
{
	struct dns *dns = container_of(timer, struct dns, timer);
	ares_process_fd(dns->channel, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
	set_timer(dns);
}

static struct dns_socket *find_socket(const struct dns *dns, int fd)
{
	list_each (node, &dns->sockets) {
		struct dns_socket *found = container_of(node, struct dns_socket, node);
		if (found->watched.fd == fd)
			return found;
	}
	return NULL;
}

static bool has_input(int fd)
{
	struct pollfd poller = {.fd = fd, .events = POLLIN};
	return poll(&poller, 1, 0) == 1;
}

static void on_socket_ready(struct loop_fd *watched, unsigned events)
{
	struct dns_socket *ready = container_of(watched, struct dns_socket, watched);
	struct dns *dns = ready->dns;
	/* Processing may close the socket and free `ready`. */
	int fd = watched->fd;
	if ((events & LOOP_WRITABLE) && ready->wants_write)
		ares_process_fd(dns->channel, ARES_SOCKET_BAD, fd);
	if (events & LOOP_READABLE) {
		while (find_socket(dns, fd) != NULL && has_input(fd))
			ares_process_fd(dns->channel, fd, ARES_SOCKET_BAD);
	}
	set_timer(dns);
}

/* c-ares wants a socket watched, or is about to close it (neither reading nor writing). */
static void on_socket_state(void *context, ares_socket_t fd, int readable, int writable)
{
	struct dns *dns = context;
	struct dns_socket *found = find_socket(dns, fd);
	if (found != NULL && found->wants_write == (writable != 0) && readable)
		return;
	if (found != NULL)
		loop_remove(dns->loop, &found->watched);
	if (!readable && !writable) {
		if (found != NULL) {
			list_remove(&found->node);
			mem_free(found);
		}
		return;
	}
	if (found == NULL) {
		found = mem_new(struct dns_socket);
		found->dns = dns;
		found->watched = (struct loop_fd){.fd = fd, .on_ready = on_socket_ready};
		list_add_last(&dns->sockets, &found->node);
	}
	found->wants_write = writable != 0;
	/* Should the kernel refuse, the query ends by its time-out. */
	(void)!loop_add(dns->loop, &found->watched);
}

/* Puts an address into its place among the answers; of too many the last ones are left out. */
static void add_address(struct dns_query *query, const struct address *address)
{
	unsigned at = 0;
	while (at < query->count && memcmp(&query->addresses[at], address, sizeof(*address)) < 0)
		at++;
	if (at == LIMIT_RESOLVED ||
	        (at < query->count && address_is_equal(&query->addresses[at], address)))
		return;
	if (query->count < LIMIT_RESOLVED)
		query->count++;
	memmove(&query->addresses[at + 1], &query->addresses[at],
	        (query->count - 1 - at) * sizeof(*address));
	query->addresses[at] = *address;
}

/* 0.0.0.0 and ::, with which some resolvers say "nowhere", and which would lead to ourselves. */
static bool is_nowhere(const struct address *address)
{
	static const struct address ANY;
	static const uint8_t ANY_V4[4];
	return address_is_v4(address) ? memcmp(address->ip + 12, ANY_V4, sizeof(ANY_V4)) == 0
	                              : address_is_equal(address, &ANY);
}

static void take_answer(struct dns_query *query, const struct ares_addrinfo *answer)
{
	uint32_t ttl_s = UINT32_MAX;
	for (const struct ares_addrinfo_node *node = answer->nodes; node != NULL;
	        node = node->ai_next) {
		struct address address;
		address_from_sockaddr(node->ai_addr, &address);
		address.port = 0;
		if (!is_nowhere(&address))
			add_address(query, &address);
		if (node->ai_ttl >= 0 && (uint32_t)node->ai_ttl < ttl_s)
			ttl_s = (uint32_t)node->ai_ttl;
	}
	for (const struct ares_addrinfo_cname *cname = answer->cnames; cname != NULL;
	        cname = cname->next) {
		if (cname->ttl >= 0 && (uint32_t)cname->ttl < ttl_s)
			ttl_s = (uint32_t)cname->ttl;
	}
	query->ttl_s = ttl_s == UINT32_MAX ? 0 : ttl_s;
}

/* The one way in which c-ares ends a call. */
static void on_answer(void *context, int status, int timeouts, struct ares_addrinfo *answer)
{
	(void)timeouts;
	struct dns_call *call = context;
	struct dns_query *query = call->query;
	if (query == NULL || status == ARES_EDESTRUCTION) {
		if (query != NULL)
			query->call = NULL;
		free_call(call);
	} else {
		if (status == ARES_SUCCESS && answer != NULL)
			take_answer(query, answer);
		query->failed = query->count == 0;
		call->is_answered = true;
		loop_wake(call->dns->loop, &call->deliver);
	}
	if (answer != NULL)
		ares_freeaddrinfo(answer);
}

static void deliver(struct loop_task *task)
{
	struct dns_call *call = container_of(task, struct dns_call, deliver);
	struct dns_query *query = call->query;
	query->call = NULL;
	free_call(call);
	query->on_done(query);
}

static bool open_channel(struct dns *dns)
{
	char lookups[] = "fb"; /* the hosts file, then the servers */
	struct ares_options options = {.flags = ARES_FLAG_EDNS | ARES_FLAG_NOSEARCH,
	        .timeout = TIMEOUT_MS,
	        .tries = TRIES,
	        .ednspsz = EDNS_BYTES,
	        .lookups = lookups,
	        .sock_state_cb = on_socket_state,
	        .sock_state_cb_data = dns};
	int mask = ARES_OPT_FLAGS | ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_EDNSPSZ |
	           ARES_OPT_LOOKUPS | ARES_OPT_DOMAINS | ARES_OPT_SOCK_STATE_CB;
	ares_channel channel;
	if (ares_init_options(&channel, &options, mask) != ARES_SUCCESS)
		return false;
	if (dns->servers != NULL &&
	        ares_set_servers_ports_csv(channel, dns->servers) != ARES_SUCCESS) {
		ares_destroy(channel);
		return false;
	}
	dns->channel = channel;
	return true;
}

static struct timespec configuration_time(void)
{
	struct stat info;
	return stat(RESOLV_CONF, &info) == 0 ? info.st_mtim : (struct timespec){0};
}

/* c-ares reads resolv.conf only once, but a machine's resolver may change while we run. A channel
 * that is idle is replaced then. */
static void follow_configuration(struct dns *dns)
{
	uint64_t now_ms = loop_now_ms(dns->loop);
	if (dns->servers != NULL || !list_is_empty(&dns->calls) ||
	        now_ms - dns->checked_ms < CHECK_CONFIGURATION_MS)
		return;
	dns->checked_ms = now_ms;
	struct timespec changed_at = configuration_time();
	ares_channel before = dns->channel;
	if ((changed_at.tv_sec == dns->configured_at.tv_sec &&
	            changed_at.tv_nsec == dns->configured_at.tv_nsec) ||
	        !open_channel(dns))
		return;
	dns->configured_at = changed_at;
	ares_destroy(before);
}

static void start_library(void)
{
	/* It only fails where it must load things, which it need not on Linux. */
	(void)!ares_library_init(ARES_LIB_INIT_ALL);
}

struct dns *dns_new(struct loop *loop, const char *servers)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	pthread_once(&once, start_library);
	struct dns *dns = mem_new(struct dns);
	dns->loop = loop;
	dns->timer.on_expire = on_timeout;
	dns->checked_ms = loop_now_ms(loop);
	dns->configured_at = configuration_time();
	list_init(&dns->sockets);
	list_init(&dns->calls);
	if (servers != NULL)
		dns->servers = mem_copy(servers, strlen(servers));
	if (!open_channel(dns)) {
		mem_free(dns->servers);
		mem_free(dns);
		return NULL;
	}
	return dns;
}

void dns_free(struct dns *dns)
{
	if (dns == NULL)
		return;
	/* Ends every call that c-ares still has, and closes its sockets. */
	ares_destroy(dns->channel);
	list_each_safe (node, following, &dns->calls) {
		struct dns_call *call = container_of(node, struct dns_call, node);
		call->query->call = NULL;
		free_call(call);
	}
	CHECK(list_is_empty(&dns->sockets));
	loop_timer_cancel(dns->loop, &dns->timer);
	mem_free(dns->servers);
	mem_free(dns);
}

void dns_lookup(struct dns *dns, struct dns_query *query, struct str name)
{
	CHECK(query->on_done != NULL && query->call == NULL);
	follow_configuration(dns);
	query->failed = false;
	query->count = 0;
	query->ttl_s = 0;
	struct dns_call *call = mem_new(struct dns_call);
	*call = (struct dns_call){.query = query, .dns = dns, .deliver = {.on_run = deliver}};
	query->call = call;
	list_add_last(&dns->calls, &call->node);
	char text[LIMIT_HOST_BYTES + 1];
	if (name.len == 0 || name.len >= sizeof(text) || str_find(name, '\0') >= 0) {
		on_answer(call, ARES_EBADNAME, 0, NULL);
		return;
	}
	memcpy(text, name.at, name.len);
	text[name.len] = '\0';
	/* RFC 6724's order would cost a socket for each address; the polling rules choose. */
	const struct ares_addrinfo_hints hints = {
	        .ai_flags = ARES_AI_NOSORT, .ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
	ares_getaddrinfo(dns->channel, text, NULL, &hints, on_answer, call);
	set_timer(dns);
}

void dns_cancel(struct dns_query *query)
{
	struct dns_call *call = query->call;
	if (call == NULL)
		return;
	query->call = NULL;
	call->query = NULL;
	if (call->is_answered)
		free_call(call);
}
