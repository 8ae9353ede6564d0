/*
 * The text is words with a blank between: "workers=2 ready=5 lifeline=6,-1 command=9
 * memory=10,268435456,0 disk=11,107374182400 edges=4711,4700
 * listen=127.0.0.1:0/127.0.0.1:8080/7,8". The memory is its descriptor, bytes and objects, a disk
 * of it its descriptor and bytes. Numbers of descriptors are checked against the kernel before they
 * are used: a variable that somebody put there by hand must not make us take the wrong one.
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

void handover_print(const struct handover *handover, struct text *to)
{
	const struct listeners *listeners = &handover->listeners;
	text_addf(to, "workers=%u ready=%d lifeline=%d,%d journal=%d", listeners->workers,
	        handover->ready, handover->lifeline_read, handover->lifeline_write,
	        handover->journal);
	if (handover->command >= 0)
		text_addf(to, " command=%d", handover->command);
	if (handover->memory.fd >= 0)
		text_addf(to, " memory=%d,%llu,%llu", handover->memory.fd,
		        (unsigned long long)handover->memory.bytes,
		        (unsigned long long)handover->memory.objects);
	for (unsigned i = 0; i < handover->memory.disk_count; i++)
		text_addf(to, " disk=%d,%llu", handover->memory.disks[i].fd,
		        (unsigned long long)handover->memory.disks[i].bytes);
	for (unsigned i = 0; i < handover->edge_count; i++)
		text_addf(to, "%s%ld", i == 0 ? " edges=" : ",", (long)handover->edges[i]);
	for (unsigned i = 0; i < listeners->asked.count; i++) {
		char bound[ADDRESS_TEXT_BYTES];
		text_addf(to, " listen=%s/%s/", listeners->asked.list[i],
		        address_format(&listeners->bound[i], bound));
		add_numbers(to, &listeners->sockets[i * listeners->workers], listeners->workers);
	}
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

static bool parse_listen(struct handover *handover, struct str value)
{
	struct str asked = str_cut(&value, '/'), bound = str_cut(&value, '/');
	struct address address;
	if (handover->listeners.workers == 0 || !address_parse(asked, &address) ||
	        !address_parse(bound, &address))
		return false;
	int *sockets = listeners_add(&handover->listeners, asked, &address);
	for (unsigned i = 0; i < handover->listeners.workers; i++) {
		int number;
		if (!take_number(&value, false, &number))
			return false;
		sockets[i] = number;
	}
	return value.at == NULL;
}

static bool parse_edges(struct handover *handover, struct str value)
{
	while (value.at != NULL) {
		int pid;
		if (handover->edge_count == HANDOVER_EDGES || !take_number(&value, false, &pid) ||
		        pid == 0)
			return false;
		handover->edges[handover->edge_count++] = (pid_t)pid;
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

static bool parse_word(struct handover *handover, struct str name, struct str value)
{
	uint64_t number;
	if (str_is_equal(name, STR("workers"))) {
		if (handover->listeners.workers != 0 || !str_to_u64(value, &number) ||
		        number == 0 || number > WORKERS_MAX)
			return false;
		handover->listeners.workers = (unsigned)number;
		return true;
	}
	if (str_is_equal(name, STR("ready")))
		return take_number(&value, true, &handover->ready) && value.at == NULL;
	if (str_is_equal(name, STR("lifeline")))
		return take_number(&value, true, &handover->lifeline_read) &&
		       take_number(&value, true, &handover->lifeline_write) && value.at == NULL;
	if (str_is_equal(name, STR("command")))
		return take_number(&value, false, &handover->command) && value.at == NULL;
	if (str_is_equal(name, STR("memory")))
		return parse_memory(handover, value);
	if (str_is_equal(name, STR("disk")))
		return parse_disk(handover, value);
	if (str_is_equal(name, STR("journal")))
		return take_number(&value, true, &handover->journal) && value.at == NULL;
	if (str_is_equal(name, STR("edges")))
		return parse_edges(handover, value);
	if (str_is_equal(name, STR("listen")))
		return parse_listen(handover, value);
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
	if (handover.listeners.asked.count == 0)
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

void handover_keep(const struct handover *handover, bool is_kept)
{
	for (unsigned i = 0; i < listeners_socket_count(&handover->listeners); i++)
		keep(handover->listeners.sockets[i], is_kept);
	keep(handover->lifeline_read, is_kept);
	keep(handover->lifeline_write, is_kept);
	keep(handover->ready, is_kept);
	keep(handover->command, is_kept);
	keep(handover->memory.fd, is_kept);
	for (unsigned i = 0; i < handover->memory.disk_count; i++)
		keep(handover->memory.disks[i].fd, is_kept);
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

static bool has_good_descriptors(const struct handover *handover)
{
	for (unsigned i = 0; i < listeners_socket_count(&handover->listeners); i++) {
		if (!is_listener(handover->listeners.sockets[i]))
			return false;
	}
	return (handover->command < 0 || is_listener(handover->command)) &&
	       is_open(handover->lifeline_read) && is_open(handover->lifeline_write) &&
	       is_open(handover->ready) && is_open(handover->journal) &&
	       is_memory(&handover->memory);
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
	        .command = -1,
	        .ready = -1,
	        .memory = MEMORY_NONE,
	        .journal = -1,
	};
}

void handover_forget(struct handover *handover)
{
	for (unsigned i = 0; i < listeners_socket_count(&handover->listeners); i++)
		handover->listeners.sockets[i] = -1;
	listeners_done(&handover->listeners);
	handover_init(handover);
}
