/*
 * The load of handshakes: one connection after the other, a few at a time, each with a TLS 1.3
 * handshake, one request that ends it, and the response to the last byte. wrk keeps its connections
 * and never takes up a session, so it cannot do this. The server closes first, as it was asked to:
 * what waits afterwards (TIME_WAIT) is the port of the server, of which there is one.
 *
 * Usage: handshakes PORT HOST PATH BYTES SECONDS full|resumed
 *            prints how many were answered right, how many not, and how many took up a session;
 *            `resumed`: all but the first ones offer the latest ticket
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum {
	AT_ONCE = 8,
	HEAD_MAX = 4096,
	WAIT_MS = 100,
	PATIENCE_S = 5, /* for those that are on their way when the time is over */
};

struct visit {
	int fd; /* -1: there is none */
	SSL *tls;
	bool has_asked;
	size_t head_bytes; /* 0 as long as the head is not whole */
	size_t got;        /* of head and body */
	char head[HEAD_MAX + 1];
};

static struct sockaddr_in address;
static char *host;
static char request[512];
static size_t request_bytes, body_bytes;
static SSL_CTX *context;
static SSL_SESSION *latest;
static long right, wrong, resumed;
static int queue;

static void die(const char *what)
{
	perror(what);
	exit(1);
}

static double now_s(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* SSL_CTX_sess_set_new_cb(3): 1 keeps the reference. */
static int on_ticket(SSL *tls, SSL_SESSION *session)
{
	(void)tls;
	SSL_SESSION_free(latest);
	latest = session;
	return 1;
}

static void make_context(bool is_resuming)
{
	context = SSL_CTX_new(TLS_client_method());
	if (context == NULL || SSL_CTX_set_min_proto_version(context, TLS1_3_VERSION) != 1)
		die("context");
	SSL_CTX_set_read_ahead(context, 1);
	SSL_CTX_set_quiet_shutdown(context, 1);
	SSL_CTX_set_options(context, SSL_OP_IGNORE_UNEXPECTED_EOF);
	if (is_resuming) {
		SSL_CTX_set_session_cache_mode(
		        context, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL_STORE);
		SSL_CTX_sess_set_new_cb(context, on_ticket);
	}
}

static void begin(struct visit *visit)
{
	int on = 1;
	*visit = (struct visit){.fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0)};
	visit->tls = SSL_new(context);
	if (visit->fd < 0 || visit->tls == NULL)
		die("socket");
	setsockopt(visit->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	SSL_set_fd(visit->tls, visit->fd);
	SSL_set_tlsext_host_name(visit->tls, host);
	SSL_set_connect_state(visit->tls);
	if (latest != NULL) {
		/* OpenSSL offers a session once; a copy may be offered again (RFC 8446, C.4, would
		   rather not) to a server that gives no new ticket to who has shown one. */
		SSL_SESSION *copy = SSL_SESSION_dup(latest);
		if (copy == NULL)
			die("session");
		SSL_set_session(visit->tls, copy);
		SSL_SESSION_free(copy);
	}
	if (connect(visit->fd, (const struct sockaddr *)&address, sizeof(address)) != 0 &&
	        errno != EINPROGRESS)
		die("connect");
	struct epoll_event event = {
	        .events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET, .data.ptr = visit};
	if (epoll_ctl(queue, EPOLL_CTL_ADD, visit->fd, &event) != 0)
		die("epoll_ctl");
}

static void end(struct visit *visit, bool is_right)
{
	right += is_right;
	wrong += !is_right;
	resumed += SSL_session_reused(visit->tls);
	/* Without this OpenSSL would take the session of a connection for broken. */
	SSL_set_shutdown(visit->tls, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
	SSL_free(visit->tls);
	close(visit->fd);
	visit->fd = -1;
}

static void take(struct visit *visit, const char *bytes, size_t count)
{
	if (visit->head_bytes == 0) {
		size_t room = visit->got < HEAD_MAX ? HEAD_MAX - visit->got : 0;
		size_t copied = count < room ? count : room;
		memcpy(visit->head + HEAD_MAX - room, bytes, copied);
		visit->head[HEAD_MAX - room + copied] = '\0';
		const char *last = strstr(visit->head, "\r\n\r\n");
		if (last != NULL)
			visit->head_bytes = (size_t)(last + 4 - visit->head);
	}
	visit->got += count;
}

static bool is_whole(const struct visit *visit)
{
	return visit->head_bytes > 0 && strncmp(visit->head, "HTTP/1.1 200", 12) == 0 &&
	       visit->got == visit->head_bytes + body_bytes;
}

/* Until the socket has no more to give, or the server has closed. */
static void go_on(struct visit *visit)
{
	int result = 1;
	if (!visit->has_asked) {
		result = SSL_do_handshake(visit->tls);
		if (result == 1) {
			result = SSL_write(visit->tls, request, (int)request_bytes);
			visit->has_asked = result > 0;
		}
	}
	while (result > 0) {
		char bytes[16384];
		result = SSL_read(visit->tls, bytes, sizeof(bytes));
		if (result > 0)
			take(visit, bytes, (size_t)result);
	}
	int error = SSL_get_error(visit->tls, result);
	ERR_clear_error();
	if (error != SSL_ERROR_WANT_READ && error != SSL_ERROR_WANT_WRITE)
		end(visit, is_whole(visit));
}

static void run(double until_s)
{
	static struct visit visits[AT_ONCE];
	int open = AT_ONCE;
	for (int i = 0; i < AT_ONCE; i++)
		begin(&visits[i]);
	while (open > 0 && now_s() < until_s + PATIENCE_S) {
		struct epoll_event events[AT_ONCE];
		int ready = epoll_wait(queue, events, AT_ONCE, WAIT_MS);
		for (int i = 0; i < ready; i++) {
			struct visit *visit = events[i].data.ptr;
			go_on(visit);
			if (visit->fd >= 0)
				continue;
			if (now_s() < until_s)
				begin(visit);
			else
				open--;
		}
	}
	wrong += open;
}

int main(int count, char **words)
{
	if (count != 7) {
		fprintf(stderr, "usage: handshakes PORT HOST PATH BYTES SECONDS full|resumed\n");
		return 2;
	}
	signal(SIGPIPE, SIG_IGN);
	address.sin_family = AF_INET;
	address.sin_port = htons((uint16_t)strtoul(words[1], NULL, 10));
	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	host = words[2];
	request_bytes = (size_t)snprintf(request, sizeof(request),
	        "GET %s HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n", words[3], host);
	if (request_bytes >= sizeof(request))
		die("request");
	body_bytes = strtoul(words[4], NULL, 10);
	make_context(strcmp(words[6], "resumed") == 0);
	queue = epoll_create1(0);
	run(now_s() + strtod(words[5], NULL));
	printf("%ld %ld %ld\n", right, wrong, resumed);
	return 0;
}
