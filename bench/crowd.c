/*
 * A crowd and its slow origin, in one program so that one clock times both. For each line on
 * standard input a crowd asks one server for one cold URL, all at once and over connections that
 * have had a response before; the line that is answered on standard output tells how often the
 * origin was asked for it and how much later than possible each client had the whole response.
 * Possible is: the origin's delay after the first request was sent.
 *
 * The origin is asked for HOST/slow/... or /ready, and waits only before the former.
 *
 * Usage: crowd DELAY_MS         first prints the port of the origin, then reads lines
 *        PORT HOST PATH CLIENTS   and answers PULLS GOOD MIDDLE_US SLOWEST_US
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

enum {
	BODY_BYTES = 1024,
	BUFFER_BYTES = 8192,
	CLIENTS_MAX = 4096,
	WAITING_MAX = CLIENTS_MAX * 2,
	EVENTS = 256,
	PATIENCE_S = 10,
};

/* A client of the crowd, or a connection that the origin accepted. */
struct end {
	int fd;
	int is_client;
	uint64_t done_ns; /* when a client had its response; 0 before */
	size_t used;
	char bytes[BUFFER_BYTES];
};

static int queue, listener;
static uint64_t delay_ns;
static char body[BODY_BYTES];

/* What the origin will answer, in the order in which it is due. Slots are taken round. */
static struct {
	int fd;
	uint64_t due_ns;
} waiting[WAITING_MAX];
static size_t waiting_first, waiting_count;

/* The crowd that is asking. */
static char cold_path[512];
static unsigned pulls, answered, good;

static void die(const char *what)
{
	perror(what);
	exit(1);
}

static uint64_t clock_ns(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static struct end *end_new(int fd, int is_client)
{
	struct end *end = calloc(1, sizeof(*end));
	int on = 1;
	struct epoll_event event = {.events = EPOLLIN, .data.ptr = end};
	if (end == NULL)
		die("calloc");
	end->fd = fd;
	end->is_client = is_client;
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	if (epoll_ctl(queue, EPOLL_CTL_ADD, fd, &event) != 0)
		die("epoll_ctl");
	return end;
}

static void end_free(struct end *end)
{
	close(end->fd);
	free(end);
}

/* ---- the origin */

static void origin_answer(int fd)
{
	char answer[512 + BODY_BYTES], date[64];
	time_t now_s = time(NULL);
	struct tm parts;
	strftime(date, sizeof(date), "%a, %d %b %Y %H:%M:%S GMT", gmtime_r(&now_s, &parts));
	int head_bytes = snprintf(answer, 512,
	        "HTTP/1.1 200 OK\r\nDate: %s\r\nContent-Type: text/plain\r\n"
	        "Content-Length: %d\r\nCache-Control: public, max-age=3600\r\n\r\n",
	        date, BODY_BYTES);
	memcpy(answer + head_bytes, body, BODY_BYTES);
	/* Who has left meanwhile does not want it. */
	(void)!send(fd, answer, (size_t)head_bytes + BODY_BYTES, MSG_NOSIGNAL);
}

static void origin_asked(struct end *end)
{
	static const char slow[] = "GET /slow/";
	size_t path_bytes = strlen(cold_path);
	if (memmem(end->bytes, end->used, "\r\n\r\n", 4) == NULL)
		return;
	end->used = 0;
	if (memcmp(end->bytes, slow, sizeof(slow) - 1) != 0) {
		origin_answer(end->fd);
		return;
	}
	pulls += path_bytes > 0 && memcmp(end->bytes + 4, cold_path, path_bytes) == 0;
	if (waiting_count == WAITING_MAX) {
		fprintf(stderr, "crowd: too many pulls\n");
		exit(1);
	}
	size_t slot = (waiting_first + waiting_count++) % WAITING_MAX;
	waiting[slot].fd = end->fd;
	waiting[slot].due_ns = clock_ns() + delay_ns;
}

static void origin_answer_due(void)
{
	for (uint64_t now_ns = clock_ns();
	        waiting_count > 0 && waiting[waiting_first].due_ns <= now_ns;) {
		if (waiting[waiting_first].fd >= 0)
			origin_answer(waiting[waiting_first].fd);
		waiting_first = (waiting_first + 1) % WAITING_MAX;
		waiting_count--;
	}
}

static void origin_forget(int fd)
{
	for (size_t i = 0; i < waiting_count; i++)
		if (waiting[(waiting_first + i) % WAITING_MAX].fd == fd)
			waiting[(waiting_first + i) % WAITING_MAX].fd = -1;
}

/* ---- the crowd */

static void client_got(struct end *end)
{
	const char *head_end = memmem(end->bytes, end->used, "\r\n\r\n", 4);
	if (head_end == NULL || end->used < (size_t)(head_end + 4 - end->bytes) + BODY_BYTES ||
	        end->done_ns > 0)
		return;
	end->done_ns = clock_ns();
	answered++;
	good += end->used == (size_t)(head_end + 4 - end->bytes) + BODY_BYTES &&
	        memcmp(end->bytes, "HTTP/1.1 200", 12) == 0 &&
	        memcmp(head_end + 4, body, BODY_BYTES) == 0;
}

/* A client that is left without a response counts as answered, and not as good. */
static void client_lost(struct end *end)
{
	epoll_ctl(queue, EPOLL_CTL_DEL, end->fd, NULL);
	if (end->done_ns == 0) {
		end->done_ns = clock_ns();
		answered++;
	}
}

static void receive(struct end *end)
{
	ssize_t got =
	        recv(end->fd, end->bytes + end->used, sizeof(end->bytes) - end->used, MSG_DONTWAIT);
	if (got < 0 && errno == EAGAIN)
		return;
	if (got > 0)
		end->used += (size_t)got;
	if (got > 0 && end->is_client) {
		client_got(end);
	} else if (got > 0) {
		origin_asked(end);
	} else if (end->is_client) {
		client_lost(end);
	} else {
		origin_forget(end->fd);
		end_free(end);
	}
}

/* One turn; false when standard input has something. */
static int turn(void)
{
	struct timespec wait = {.tv_sec = 1};
	uint64_t now_ns = clock_ns();
	if (waiting_count > 0 && waiting[waiting_first].due_ns < now_ns + 1000000000u) {
		uint64_t due_ns = waiting[waiting_first].due_ns;
		wait.tv_sec = 0;
		wait.tv_nsec = due_ns > now_ns ? (long)(due_ns - now_ns) : 0;
	}
	struct epoll_event events[EVENTS];
	int ready = epoll_pwait2(queue, events, EVENTS, &wait, NULL), has_line = 0;
	origin_answer_due();
	for (int i = 0; i < ready; i++) {
		int fd;
		if (events[i].data.ptr == NULL)
			has_line = 1;
		else if (events[i].data.ptr != &listener)
			receive(events[i].data.ptr);
		else if ((fd = accept(listener, NULL, NULL)) >= 0)
			end_new(fd, 0);
	}
	return !has_line;
}

static int connect_to(unsigned port)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof(address)) != 0)
		die("connect");
	return fd;
}

/* All ask for one path, and have an answer or have waited too long; when the first one asked. */
static uint64_t ask(struct end **clients, unsigned count, const char *host, const char *path)
{
	char request[1024];
	int bytes = snprintf(
	        request, sizeof(request), "GET %s HTTP/1.1\r\nHost: %s\r\n\r\n", path, host);
	answered = good = pulls = 0;
	for (unsigned i = 0; i < count; i++) {
		clients[i]->used = 0;
		clients[i]->done_ns = 0;
	}
	uint64_t began_ns = clock_ns();
	for (unsigned i = 0; i < count; i++)
		if (send(clients[i]->fd, request, (size_t)bytes, MSG_NOSIGNAL) != bytes)
			client_lost(clients[i]);
	while (answered < count && clock_ns() < began_ns + PATIENCE_S * 1000000000ull)
		turn();
	return began_ns;
}

static int compare(const void *one, const void *other)
{
	int64_t a = *(const int64_t *)one, b = *(const int64_t *)other;
	return (a > b) - (a < b);
}

static void crowd(unsigned port, const char *host, const char *path, unsigned count)
{
	static struct end *clients[CLIENTS_MAX];
	static int64_t late_us[CLIENTS_MAX];
	for (unsigned i = 0; i < count; i++)
		clients[i] = end_new(connect_to(port), 1);
	cold_path[0] = 0;
	ask(clients, count, host, "/ready");
	snprintf(cold_path, sizeof(cold_path), "%s ", path);
	uint64_t possible_ns = ask(clients, count, host, path) + delay_ns, now_ns = clock_ns();
	for (unsigned i = 0; i < count; i++) {
		uint64_t done_ns = clients[i]->done_ns > 0 ? clients[i]->done_ns : now_ns;
		late_us[i] = ((int64_t)done_ns - (int64_t)possible_ns) / 1000;
	}
	qsort(late_us, count, sizeof(late_us[0]), compare);
	printf("%u %u %lld %lld\n", pulls, good, (long long)late_us[count / 2],
	        (long long)late_us[count - 1]);
	fflush(stdout);
	for (unsigned i = 0; i < count; i++)
		end_free(clients[i]);
}

int main(int argument_count, char **words)
{
	if (argument_count != 2) {
		fprintf(stderr, "usage: crowd DELAY_MS\n");
		return 2;
	}
	delay_ns = strtoul(words[1], NULL, 10) * 1000000u;
	for (size_t i = 0; i < sizeof(body); i++)
		body[i] = (char)('a' + i % 26);
	queue = epoll_create1(0);
	listener = socket(AF_INET, SOCK_STREAM, 0);
	struct sockaddr_in address = {.sin_family = AF_INET};
	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	socklen_t address_bytes = sizeof(address);
	struct epoll_event input = {.events = EPOLLIN, .data.ptr = NULL},
	                   knock = {.events = EPOLLIN, .data.ptr = &listener};
	if (bind(listener, (struct sockaddr *)&address, sizeof(address)) != 0 ||
	        listen(listener, 4096) != 0 ||
	        getsockname(listener, (struct sockaddr *)&address, &address_bytes) != 0 ||
	        epoll_ctl(queue, EPOLL_CTL_ADD, listener, &knock) != 0 ||
	        epoll_ctl(queue, EPOLL_CTL_ADD, 0, &input) != 0)
		die("listen");
	printf("%u\n", ntohs(address.sin_port));
	fflush(stdout);
	char line[1024], host[256], path[256];
	unsigned port, count;
	for (;;) {
		while (turn())
			;
		if (fgets(line, sizeof(line), stdin) == NULL)
			return 0;
		if (sscanf(line, "%u %255s %254s %u", &port, host, path, &count) != 4 ||
		        count == 0 || count > CLIENTS_MAX) {
			fprintf(stderr, "crowd: not a crowd: %s", line);
			return 2;
		}
		crowd(port, host, path, count);
	}
}
