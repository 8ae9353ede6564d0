/*
 * The objects of the floors lie in a table with linear probing, whole keys and all; a body of at
 * most 16 KB is in memory, a larger one in a memfd that is mapped as well, so that it can be sent
 * by sendfile and by write. The lines of a request are walked, its host and path looked up. There
 * is no freshness, no variants, no limits.
 */
#include "floor_objects.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
	SLOTS = 65536, /* of the table; a power of two */
	FILLERS = 20000,
};

static struct floor_object *table[SLOTS];
static time_t now_s;
static char date[64];
static size_t date_bytes;

void floor_die(const char *what)
{
	perror(what);
	exit(1);
}

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

static const struct floor_object *find(
        const char *host, size_t host_bytes, const char *path, size_t path_bytes)
{
	uint64_t hash = hash_more(hash_more(0, host, host_bytes), path, path_bytes);
	for (size_t slot = hash % SLOTS;; slot = (slot + 1) % SLOTS) {
		const struct floor_object *object = table[slot];
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
	struct floor_object *object = calloc(1, sizeof(*object));
	if (object == NULL)
		floor_die("calloc");
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
	char *copy;
	if (bytes <= FLOOR_WRITE_MAX) {
		copy = malloc(bytes);
	} else {
		object->fd = memfd_create("floor", MFD_CLOEXEC);
		if (object->fd < 0 || ftruncate(object->fd, (off_t)bytes) != 0)
			floor_die("memfd");
		copy = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, object->fd, 0);
	}
	if (copy == NULL || copy == MAP_FAILED)
		floor_die("body");
	object->body = memcpy(copy, body, bytes);
	size_t slot = object->hash % SLOTS;
	while (table[slot] != NULL)
		slot = (slot + 1) % SLOTS;
	table[slot] = object;
}

void floor_load(const char *host, const char *path)
{
	DIR *folder = opendir(path);
	if (folder == NULL)
		floor_die(path);
	for (const struct dirent *entry; (entry = readdir(folder)) != NULL;) {
		struct stat about;
		int fd = openat(dirfd(folder), entry->d_name, O_RDONLY);
		if (fd < 0 || fstat(fd, &about) != 0)
			floor_die(entry->d_name);
		if (S_ISREG(about.st_mode)) {
			size_t bytes = (size_t)about.st_size;
			char *body = mmap(NULL, bytes, PROT_READ, MAP_PRIVATE, fd, 0);
			if (body == MAP_FAILED)
				floor_die(entry->d_name);
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

const struct floor_object *floor_parse(const char *at, const char *end, bool *ret_is_last)
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
	*ret_is_last = false;
	for (at = path_end + sizeof(version) - 1; at < end && *at != '\r';) {
		const char *line_end = memchr(at, '\n', (size_t)(end - at));
		const char *colon = memchr(at, ':', (size_t)(end - at));
		if (line_end == NULL || line_end[-1] != '\r' || colon == NULL || colon > line_end)
			return NULL;
		const char *value = colon + 1 + (colon[1] == ' ');
		if (colon - at == 4 && strncasecmp(at, "Host", 4) == 0) {
			host = value;
			host_end = line_end - 1;
		} else if (colon - at == 10 && strncasecmp(at, "Connection", 10) == 0) {
			*ret_is_last =
			        line_end - 1 - value == 5 && strncasecmp(value, "close", 5) == 0;
		}
		at = line_end + 1;
	}
	if (end - at != 2 || host == NULL)
		return NULL;
	return find(host, (size_t)(host_end - host), path, (size_t)(path_end - path));
}

void floor_note_time(void)
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

char *floor_head(char *to, const struct floor_object *object)
{
	static const char status[] = "HTTP/1.1 200 OK\r\n", age[] = "Age: ";
	char digits[20], *digit = digits + sizeof(digits);
	unsigned long seconds = (unsigned long)(now_s - object->stored_s);
	do
		*--digit = (char)('0' + seconds % 10);
	while ((seconds /= 10) > 0);
	to = put(to, status, sizeof(status) - 1);
	to = put(to, object->head, object->head_bytes);
	to = put(to, date, date_bytes);
	to = put(to, age, sizeof(age) - 1);
	to = put(to, digit, (size_t)(digits + sizeof(digits) - digit));
	return put(to, "\r\n\r\n", 4);
}

int floor_listen(const char *port, int flags)
{
	struct sockaddr_in address = {
	        .sin_family = AF_INET, .sin_port = htons((uint16_t)strtoul(port, NULL, 10))};
	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	int listener = socket(AF_INET, SOCK_STREAM | flags, 0), on = 1;
	setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (bind(listener, (struct sockaddr *)&address, sizeof(address)) != 0 ||
	        listen(listener, 4096) != 0)
		floor_die("listen");
	return listener;
}
