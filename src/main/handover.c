/*
 * The text is words with a blank between: "workers=2 ready=5 lifeline=6,-1 command=9 link=12
 * memory=10,268435456,0 disk=11,107374182400 tickets=14 edges=4711,4700 controls=4712 drain=30000
 * listen=127.0.0.1:0/127.0.0.1:8080/7,8 api=127.0.0.1:8081/127.0.0.1:8081/13". Those of TLS are as
 * listen, metrics and links as api. The memory is its descriptor, bytes and objects, a disk of it
 * its descriptor and bytes. Numbers of descriptors are checked against the kernel before they are
 * used: a variable that somebody put there by hand must not make us take the wrong one.
 */
#include "main/handover.h"

#include "base/limit.h"
#include "base/mem.h"
#include "cache/disk.h"

#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

const char HANDOVER_VARIABLE[] = "HEADWATER_HANDOVER";

enum { WORKERS_MAX = 4096 };

static void add_numbers(struct text *to, const int *numbers, unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		text_addf(to, "%s%d", i == 0 ? "" : ",", numbers[i]);
}

static void add_pids(struct text *to, const char *name, const pid_t *pids, unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		text_addf(to, "%s%s%ld", i == 0 ? name : ",", i == 0 ? "=" : "", (long)pids[i]);
}

static void add_listeners(struct text *to, const char *name, const struct listeners *listeners)
{
	for (unsigned i = 0; i < listeners->asked.count; i++) {
		char bound[ADDRESS_TEXT_BYTES];
		text_addf(to, " %s=%s/%s/", name, listeners->asked.list[i],
		        address_format(&listeners->bound[i], bound));
		add_numbers(to, &listeners->sockets[i * listeners->workers], listeners->workers);
	}
}

void handover_print(const struct handover *handover, struct text *to)
{
	if (handover->listeners.workers > 0)
		text_addf(to, "workers=%u ", handover->listeners.workers);
	text_addf(to, "ready=%d lifeline=%d,%d journal=%d", handover->ready,
	        handover->lifeline_read, handover->lifeline_write, handover->journal);
	if (handover->command >= 0)
		text_addf(to, " command=%d", handover->command);
	if (handover->link >= 0)
		text_addf(to, " link=%d", handover->link);
	if (handover->memory.fd >= 0)
		text_addf(to, " memory=%d,%llu,%llu", handover->memory.fd,
		        (unsigned long long)handover->memory.bytes,
		        (unsigned long long)handover->memory.objects);
	for (unsigned i = 0; i < handover->memory.disk_count; i++)
		text_addf(to, " disk=%d,%llu", handover->memory.disks[i].fd,
		        (unsigned long long)handover->memory.disks[i].bytes);
	if (handover->tickets >= 0)
		text_addf(to, " tickets=%d", handover->tickets);
	add_pids(to, " edges", handover->edges, handover->edge_count);
	add_pids(to, " controls", handover->controls, handover->control_count);
	if (handover->drain_timeout_ms > 0)
		text_addf(to, " drain=%llu", (unsigned long long)handover->drain_timeout_ms);
	add_listeners(to, "listen", &handover->listeners);
	add_listeners(to, "tls", &handover->secure);
	add_listeners(to, "api", &handover->api);
	add_listeners(to, "metrics", &handover->metrics);
	add_listeners(to, "links", &handover->links);
}

/* One number of a list, or -1 where `may_lack` says that nothing may be there. */
static bool take_number(struct str *rest, bool may_lack, int *ret_number)
{
	uint64_t number;
	struct str text = str_cut(rest, ',');
	if (may_lack && str_is_equal(text, STR("-1"))) {
		*ret_number = -1;
		return true;
	}
	if (!str_to_u64(text, &number) || number > INT_MAX)
		return false;
	*ret_number = (int)number;
	return true;
}

/* One address, with as many sockets as there are workers. */
static bool parse_listen(struct listeners *listeners, struct str value)
{
	struct str asked = str_cut(&value, '/'), bound = str_cut(&value, '/');
	struct address address;
	if (listeners->workers == 0 || !address_parse(asked, &address) ||
	        !address_parse(bound, &address))
		return false;
	int *sockets = listeners_add(listeners, asked, &address);
	for (unsigned i = 0; i < listeners->workers; i++) {
		int number;
		if (!take_number(&value, false, &number))
			return false;
		sockets[i] = number;
	}
	return value.at == NULL;
}

static bool parse_pids(struct str value, pid_t *pids, unsigned max, unsigned *count)
{
	while (value.at != NULL) {
		int pid;
		if (*count == max || !take_number(&value, false, &pid) || pid == 0)
			return false;
		pids[(*count)++] = (pid_t)pid;
	}
	return true;
}

static bool parse_memory(struct handover *handover, struct str value)
{
	struct memory *memory = &handover->memory;
	return memory->fd < 0 && take_number(&value, false, &memory->fd) &&
	       str_to_u64(str_cut(&value, ','), &memory->bytes) &&
	       memory->bytes >= LIMIT_CACHE_MEMORY_BYTES_MIN &&
	       memory->bytes >> 30 <= LIMIT_CACHE_MEMORY_GIB_MAX &&
	       str_to_u64(str_cut(&value, ','), &memory->objects) &&
	       memory->objects <= LIMIT_CACHE_OBJECTS_MAX && value.at == NULL;
}

/* Behind its memory; what all have together is within its limit, too. */
static bool parse_disk(struct handover *handover, struct str value)
{
	struct memory *memory = &handover->memory;
	struct cache_disk_options disk;
	if (memory->fd < 0 || memory->disk_count == LIMIT_CACHE_DISKS ||
	        !take_number(&value, false, &disk.fd) ||
	        !str_to_u64(str_cut(&value, ','), &disk.bytes) || value.at != NULL ||
	        disk.bytes < (uint64_t)LIMIT_CACHE_DISK_MIB_MIN << 20)
		return false;
	uint64_t left = (uint64_t)LIMIT_CACHE_DISK_GIB_MAX << 30;
	for (unsigned i = 0; i < memory->disk_count; i++)
		left -= memory->disks[i].bytes;
	if (disk.bytes > left)
		return false;
	memory->disks[memory->disk_count++] = disk;
	return true;
}

static bool parse_workers(struct handover *handover, struct str value)
{
	uint64_t number;
	if (handover->listeners.workers != 0 || !str_to_u64(value, &number) || number == 0 ||
	        number > WORKERS_MAX)
		return false;
	handover->listeners.workers = handover->secure.workers = (unsigned)number;
	return true;
}

static bool parse_drain(struct handover *handover, struct str value)
{
	int ms;
	if (!take_number(&value, false, &ms) || value.at != NULL)
		return false;
	handover->drain_timeout_ms = (uint64_t)ms;
	return true;
}

static bool parse_word(struct handover *handover, struct str name, struct str value)
{
	if (str_is_equal(name, STR("workers")))
		return parse_workers(handover, value);
	if (str_is_equal(name, STR("ready")))
		return take_number(&value, true, &handover->ready) && value.at == NULL;
	if (str_is_equal(name, STR("lifeline")))
		return take_number(&value, true, &handover->lifeline_read) &&
		       take_number(&value, true, &handover->lifeline_write) && value.at == NULL;
	if (str_is_equal(name, STR("command")))
		return take_number(&value, false, &handover->command) && value.at == NULL;
	if (str_is_equal(name, STR("link")))
		return take_number(&value, false, &handover->link) && value.at == NULL;
	if (str_is_equal(name, STR("memory")))
		return parse_memory(handover, value);
	if (str_is_equal(name, STR("disk")))
		return parse_disk(handover, value);
	if (str_is_equal(name, STR("journal")))
		return take_number(&value, true, &handover->journal) && value.at == NULL;
	if (str_is_equal(name, STR("tickets")))
		return take_number(&value, false, &handover->tickets) && value.at == NULL;
	if (str_is_equal(name, STR("edges")))
		return parse_pids(value, handover->edges, HANDOVER_EDGES, &handover->edge_count);
	if (str_is_equal(name, STR("controls")))
		return parse_pids(
		        value, handover->controls, HANDOVER_CONTROLS, &handover->control_count);
	if (str_is_equal(name, STR("drain")))
		return parse_drain(handover, value);
	if (str_is_equal(name, STR("listen")))
		return parse_listen(&handover->listeners, value);
	if (str_is_equal(name, STR("tls")))
		return parse_listen(&handover->secure, value);
	if (str_is_equal(name, STR("api")))
		return parse_listen(&handover->api, value);
	if (str_is_equal(name, STR("metrics")))
		return parse_listen(&handover->metrics, value);
	if (str_is_equal(name, STR("links")))
		return parse_listen(&handover->links, value);
	return true;
}

bool handover_parse(struct str text, struct handover *ret_handover)
{
	struct handover handover;
	handover_init(&handover);
	while (text.at != NULL) {
		struct str value = str_cut(&text, ' ');
		struct str name = str_cut(&value, '=');
		if (value.at == NULL || !parse_word(&handover, name, value))
			goto fail;
	}
	/* Nobody is started who has nowhere to listen. */
	if (handover.listeners.asked.count + handover.api.asked.count == 0)
		goto fail;
	*ret_handover = handover;
	return true;
fail:
	handover_forget(&handover);
	return false;
}

static void keep(int fd, bool is_kept)
{
	if (fd >= 0)
		CHECK(fcntl(fd, F_SETFD, is_kept ? 0 : FD_CLOEXEC) == 0);
}

static void keep_listeners(const struct listeners *listeners, bool is_kept)
{
	for (unsigned i = 0; i < listeners_socket_count(listeners); i++)
		keep(listeners->sockets[i], is_kept);
}

void handover_keep(const struct handover *handover, bool is_kept)
{
	keep_listeners(&handover->listeners, is_kept);
	keep_listeners(&handover->secure, is_kept);
	keep_listeners(&handover->api, is_kept);
	keep_listeners(&handover->metrics, is_kept);
	keep_listeners(&handover->links, is_kept);
	keep(handover->lifeline_read, is_kept);
	keep(handover->lifeline_write, is_kept);
	keep(handover->ready, is_kept);
	keep(handover->command, is_kept);
	keep(handover->link, is_kept);
	keep(handover->memory.fd, is_kept);
	for (unsigned i = 0; i < handover->memory.disk_count; i++)
		keep(handover->memory.disks[i].fd, is_kept);
	keep(handover->tickets, is_kept);
	keep(handover->journal, is_kept);
}

static bool is_listener(int fd)
{
	int is = 0;
	socklen_t length = sizeof(is);
	return getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &is, &length) == 0 && is != 0;
}

static bool is_open(int fd)
{
	return fd == -1 || fcntl(fd, F_GETFD) >= 0;
}

static bool is_memory(const struct memory *memory)
{
	for (unsigned i = 0; i < memory->disk_count; i++) {
		if (!cache_disk_is(memory->disks[i].fd))
			return false;
	}
	return memory->fd < 0 || memory_is(memory->fd);
}

static bool are_listeners(const struct listeners *listeners)
{
	for (unsigned i = 0; i < listeners_socket_count(listeners); i++) {
		if (!is_listener(listeners->sockets[i]))
			return false;
	}
	return true;
}

static bool has_good_descriptors(const struct handover *handover)
{
	return are_listeners(&handover->listeners) && are_listeners(&handover->secure) &&
	       are_listeners(&handover->api) && are_listeners(&handover->metrics) &&
	       are_listeners(&handover->links) &&
	       (handover->command < 0 || is_listener(handover->command)) &&
	       (handover->link < 0 || is_listener(handover->link)) &&
	       is_open(handover->lifeline_read) && is_open(handover->lifeline_write) &&
	       is_open(handover->ready) && is_open(handover->journal) &&
	       is_open(handover->tickets) && is_memory(&handover->memory);
}

bool handover_take(struct handover *ret_handover, bool *ret_is_broken)
{
	struct handover handover;
	const char *text = getenv(HANDOVER_VARIABLE);
	*ret_is_broken = false;
	if (text == NULL)
		return false;
	bool is_good = handover_parse(str_of(text), &handover);
	if (is_good && !has_good_descriptors(&handover)) {
		handover_forget(&handover);
		is_good = false;
	}
	unsetenv(HANDOVER_VARIABLE);
	*ret_is_broken = !is_good;
	if (!is_good)
		return false;
	handover_keep(&handover, false);
	*ret_handover = handover;
	return true;
}

void handover_init(struct handover *handover)
{
	*handover = (struct handover){
	        .lifeline_read = -1,
	        .lifeline_write = -1,
	        .api.workers = 1,
	        .metrics.workers = 1,
	        .links.workers = 1,
	        .command = -1,
	        .link = -1,
	        .ready = -1,
	        .memory = MEMORY_NONE,
	        .tickets = -1,
	        .journal = -1,
	};
}

static void forget_listeners(struct listeners *listeners)
{
	for (unsigned i = 0; i < listeners_socket_count(listeners); i++)
		listeners->sockets[i] = -1;
	listeners_done(listeners);
}

void handover_forget(struct handover *handover)
{
	forget_listeners(&handover->listeners);
	forget_listeners(&handover->secure);
	forget_listeners(&handover->api);
	forget_listeners(&handover->metrics);
	forget_listeners(&handover->links);
	handover_init(handover);
}
