/*
 * The floor of a hit: the least that a response from memory can cost with one read and one write
 * beside a shared epoll_wait. A request is a head that came whole in one read; its lines are
 * walked, its host and path looked up in a table of a believable size, and the whole key compared.
 * A body of at most 16 KB goes out with its head in one write (up to 4 KB it is copied behind it,
 * which costs less than a vector); a larger one lies in a memfd and follows its head by sendfile.
 * It knows GET, no freshness, no variants, no limits: what a real cache costs above it is the price
 * of being one.
 *
 * Usage: floor_hit LISTEN_PORT HOST FOLDER        serves FOLDER's files as http://HOST/hit/NAME
 */
#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

enum {
	REQUEST_BYTES = 16384,
	COPY_MAX = 4096,   /* the largest body that is copied behind its head */
	WRITE_MAX = 16384, /* the largest one that goes out by write */
	EVENTS = 256,
	SLOTS = 65536, /* of the table; a power of two */
	FILLERS = 20000,
};

struct object {
	uint64_t hash;
	size_t key_bytes, head_bytes, body_bytes;
	char key[128];  /* host and path */
	char head[256]; /* the part that never changes */
	char *body;     /* NULL for one that lies in fd */
	int fd;
	time_t stored_s;
};

struct client {
	int fd;
	const struct object *object; /* what is being sent; NULL between responses */
	size_t sent;                 /* of head and body */
	size_t head_bytes;           /* with a body that was copied */
	size_t body_bytes;           /* of one that was not */
	char head[512 + COPY_MAX];
};

static struct object *table[SLOTS];
static int queue;
static time_t now_s;
static char date[64];
static size_t date_bytes;

static void die(const char *what)
{
	perror(what);
	exit(1);
}

/* ---- objects */

static uint64_t hash_more(uint64_t hash, const char *text, size_t bytes)
{
	for (; bytes >= 8; text += 8, bytes -= 8) {
		uint64_t word;
		memcpy(&word, text, sizeof(word));
		hash = (hash ^ word) * 0x9ddfea08eb382d69u;
		hash ^= hash >> 32;
	}
	for (; bytes > 0; text++, bytes--)
		hash = (hash ^ (unsigned char)*text) * 0x100000001b3u;
	return hash ^ (hash >> 29);
}

static const struct object *find(
        const char *host, size_t host_bytes, const char *path, size_t path_bytes)
{
	uint64_t hash = hash_more(hash_more(0, host, host_bytes), path, path_bytes);
	for (size_t slot = hash % SLOTS;; slot = (slot + 1) % SLOTS) {
		const struct object *object = table[slot];
		if (object == NULL)
			return NULL;
		if (object->hash == hash && object->key_bytes == host_bytes + path_bytes &&
		        memcmp(object->key, host, host_bytes) == 0 &&
		        memcmp(object->key + host_bytes, path, path_bytes) == 0)
			return object;
	}
}

static void add(const char *host, const char *name, const char *body, size_t bytes)
{
	struct object *object = calloc(1, sizeof(*object));
	if (object == NULL)
		die("calloc");
	size_t host_bytes = strlen(host);
	object->key_bytes =
	        (size_t)snprintf(object->key, sizeof(object->key), "%s/hit/%s", host, name);
	object->hash = hash_more(hash_more(0, host, host_bytes), object->key + host_bytes,
	        object->key_bytes - host_bytes);
	object->head_bytes = (size_t)snprintf(object->head, sizeof(object->head),
	        "Content-Type: text/plain\r\nContent-Length: %zu\r\n"
	        "Last-Modified: Mon, 01 Jan 2024 00:00:00 GMT\r\nETag: \"6592008-400\"\r\n"
	        "Cache-Control: public, max-age=86400\r\nX-Cache: HIT\r\n",
	        bytes);
	object->body_bytes = bytes;
	object->stored_s = time(NULL);
	object->fd = -1;
	if (bytes <= WRITE_MAX) {
		object->body = malloc(bytes);
		if (object->body == NULL)
			die("malloc");
		memcpy(object->body, body, bytes);
	} else {
		object->fd = memfd_create("floor", MFD_CLOEXEC);
		for (size_t at = 0; at < bytes;) {
			ssize_t put = write(object->fd, body + at, bytes - at);
			if (put <= 0)
				die("memfd");
			at += (size_t)put;
		}
	}
	size_t slot = object->hash % SLOTS;
	while (table[slot] != NULL)
		slot = (slot + 1) % SLOTS;
	table[slot] = object;
}

static void load(const char *host, const char *path)
{
	DIR *folder = opendir(path);
	if (folder == NULL)
		die(path);
	for (const struct dirent *entry; (entry = readdir(folder)) != NULL;) {
		struct stat about;
		int fd = openat(dirfd(folder), entry->d_name, O_RDONLY);
		if (fd < 0 || fstat(fd, &about) != 0)
			die(entry->d_name);
		if (S_ISREG(about.st_mode)) {
			size_t bytes = (size_t)about.st_size;
			char *body = mmap(NULL, bytes, PROT_READ, MAP_PRIVATE, fd, 0);
			if (body == MAP_FAILED)
				die(entry->d_name);
			add(host, entry->d_name, body, bytes);
			munmap(body, bytes);
		}
		close(fd);
	}
	closedir(folder);
	for (int i = 0; i < FILLERS; i++) {
		char name[32];
		snprintf(name, sizeof(name), "filler/%d", i);
		add(host, name, "x", 1);
	}
}

/* ---- a request */

/* The object that is asked for; NULL for whatever is no GET of one. */
static const struct object *parse(const char *at, const char *end)
{
	static const char get[] = "GET ", version[] = " HTTP/1.1\r\n";
	if ((size_t)(end - at) < sizeof(get) || memcmp(at, get, sizeof(get) - 1) != 0)
		return NULL;
	const char *path = at + sizeof(get) - 1;
	const char *path_end = memchr(path, ' ', (size_t)(end - path));
	if (path_end == NULL || (size_t)(end - path_end) < sizeof(version) - 1 ||
	        memcmp(path_end, version, sizeof(version) - 1) != 0)
		return NULL;
	const char *host = NULL, *host_end = NULL;
	for (at = path_end + sizeof(version) - 1; at < end && *at != '\r';) {
		const char *line_end = memchr(at, '\n', (size_t)(end - at));
		const char *colon = memchr(at, ':', (size_t)(end - at));
		if (line_end == NULL || line_end[-1] != '\r' || colon == NULL || colon > line_end)
			return NULL;
		if (colon - at == 4 && strncasecmp(at, "Host", 4) == 0) {
			host = colon + 1 + (colon[1] == ' ');
			host_end = line_end - 1;
		}
		at = line_end + 1;
	}
	if (end - at != 2 || host == NULL)
		return NULL;
	return find(host, (size_t)(host_end - host), path, (size_t)(path_end - path));
}

static void note_time(void)
{
	struct timespec now;
	clock_gettime(CLOCK_REALTIME_COARSE, &now);
	if (now.tv_sec == now_s)
		return;
	struct tm parts;
	now_s = now.tv_sec;
	date_bytes = strftime(date, sizeof(date), "Date: %a, %d %b %Y %H:%M:%S GMT\r\n",
	        gmtime_r(&now_s, &parts));
}

static char *put(char *to, const char *text, size_t bytes)
{
	memcpy(to, text, bytes);
	return to + bytes;
}

static void write_head(struct client *client, const struct object *object)
{
	static const char status[] = "HTTP/1.1 200 OK\r\n", age[] = "Age: ";
	char digits[20], *digit = digits + sizeof(digits);
	unsigned long seconds = (unsigned long)(now_s - object->stored_s);
	do
		*--digit = (char)('0' + seconds % 10);
	while ((seconds /= 10) > 0);
	char *to = put(client->head, status, sizeof(status) - 1);
	to = put(to, object->head, object->head_bytes);
	to = put(to, date, date_bytes);
	to = put(to, age, sizeof(age) - 1);
	to = put(to, digit, (size_t)(digits + sizeof(digits) - digit));
	to = put(to, "\r\n\r\n", 4);
	client->body_bytes = object->body_bytes;
	if (object->body_bytes <= COPY_MAX) {
		to = put(to, object->body, object->body_bytes);
		client->body_bytes = 0;
	}
	client->head_bytes = (size_t)(to - client->head);
}

/* ---- a response */

static ssize_t send_some(struct client *client)
{
	const struct object *object = client->object;
	size_t of_head = client->sent < client->head_bytes ? client->sent : client->head_bytes;
	size_t of_body = client->sent - of_head;
	if (object->body != NULL && client->body_bytes > 0) {
		struct iovec pieces[2] = {
		        {client->head + of_head, client->head_bytes - of_head},
		        {object->body + of_body, client->body_bytes - of_body},
		};
		struct msghdr message = {.msg_iov = pieces, .msg_iovlen = 2};
		return sendmsg(client->fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
	}
	if (of_head < client->head_bytes) /* MSG_MORE: the head shares a segment with the body */
		return send(client->fd, client->head + of_head, client->head_bytes - of_head,
		        (client->body_bytes > 0 ? MSG_MORE : 0) | MSG_NOSIGNAL | MSG_DONTWAIT);
	off_t from = (off_t)of_body;
	return sendfile(client->fd, object->fd, &from, client->body_bytes - of_body);
}

static void leave(struct client *client)
{
	close(client->fd);
	free(client);
}

/* Whether the client is still there. */
static int go_on(struct client *client)
{
	while (client->sent < client->head_bytes + client->body_bytes) {
		ssize_t put_bytes = send_some(client);
		if (put_bytes > 0) {
			client->sent += (size_t)put_bytes;
		} else if (put_bytes < 0 && errno == EAGAIN) {
			return 1;
		} else {
			leave(client);
			return 0;
		}
	}
	client->object = NULL;
	return 1;
}

/* Edge-triggered, and a client never sends a second request before the response to its first one
 * has come: one read takes all there is. */
static void serve(struct client *client, uint32_t events)
{
	if (client->object != NULL && (events & EPOLLOUT) != 0 && !go_on(client))
		return;
	if (client->object != NULL || (events & EPOLLIN) == 0)
		return;
	char request[REQUEST_BYTES];
	ssize_t got = recv(client->fd, request, sizeof(request), MSG_DONTWAIT);
	if (got < 0 && errno == EAGAIN)
		return;
	client->object = got > 0 ? parse(request, request + got) : NULL;
	if (client->object == NULL) {
		leave(client);
		return;
	}
	write_head(client, client->object);
	client->sent = 0;
	go_on(client);
}

static void greet(int listener)
{
	int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK), on = 1;
	if (fd < 0)
		return;
	struct client *client = calloc(1, sizeof(*client));
	if (client == NULL)
		die("calloc");
	client->fd = fd;
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	struct epoll_event event = {
	        .events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET, .data.ptr = client};
	if (epoll_ctl(queue, EPOLL_CTL_ADD, fd, &event) != 0)
		die("epoll_ctl");
}

int main(int count, char **words)
{
	if (count != 4) {
		fprintf(stderr, "usage: floor_hit LISTEN_PORT HOST FOLDER\n");
		return 2;
	}
	signal(SIGPIPE, SIG_IGN); /* sendfile knows no MSG_NOSIGNAL */
	load(words[2], words[3]);
	queue = epoll_create1(0);
	struct sockaddr_in address = {
	        .sin_family = AF_INET, .sin_port = htons((uint16_t)strtoul(words[1], NULL, 10))};
	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	int listener = socket(AF_INET, SOCK_STREAM, 0), on = 1;
	setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (bind(listener, (struct sockaddr *)&address, sizeof(address)) != 0 ||
	        listen(listener, 4096) != 0)
		die("listen");
	struct epoll_event event = {.events = EPOLLIN, .data.ptr = NULL};
	if (epoll_ctl(queue, EPOLL_CTL_ADD, listener, &event) != 0)
		die("epoll_ctl");
	for (;;) {
		struct epoll_event events[EVENTS];
		int ready = epoll_wait(queue, events, EVENTS, -1);
		note_time();
		for (int i = 0; i < ready; i++) {
			if (events[i].data.ptr != NULL)
				serve(events[i].data.ptr, events[i].events);
			else
				greet(listener);
		}
	}
}
