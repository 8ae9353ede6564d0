/*
 * What another supervisor held stays as it was opened, since closing it would lose what waits in
 * its queues. What is new since, as what belongs to a control process is to one that had none, is
 * opened then; where that fails, what was there goes on.
 */
#include "main/holding.h"

#include "base/clock.h"
#include "base/log.h"
#include "main/command_socket.h"
#include "main/link_socket.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

enum {
	EARLY_MS = 10000, /* a death so soon after the start may be the cache memory's doing, */
	EARLY_MAX = 2,    /* and after so many of them in a row the next edge gets a fresh one */
};

void holding_init(struct holding *holding, const struct invocation *invocation)
{
	*holding = (struct holding){.invocation = invocation};
	handover_init(&holding->handover);
}

static void close_one(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

void holding_close(struct holding *holding)
{
	struct handover *handover = &holding->handover;
	listeners_done(&handover->listeners);
	listeners_done(&handover->secure);
	tls_tickets_unmap(holding->tickets);
	holding->tickets = NULL;
	close_one(&handover->tickets);
	listeners_done(&handover->api);
	listeners_done(&handover->metrics);
	listeners_done(&handover->links);
	close_one(&handover->lifeline_read);
	close_one(&handover->lifeline_write);
	close_one(&handover->command);
	close_one(&handover->link);
	memory_close(&handover->memory);
	close_one(&handover->journal);
}

/* The next edges get an empty memory, or none when there is to be none; those that run keep what
 * they have, but for the disks, which go on with the fresh one. */
static void renew_memory(struct holding *holding)
{
	const struct invocation *invocation = holding->invocation;
	const struct settings *settings = invocation != NULL ? &invocation->settings : NULL;
	struct memory *memory = &holding->handover.memory;
	if (memory->fd < 0 && settings != NULL)
		memory_open_disks(memory, settings);
	if (!memory_renew(memory, settings))
		log_error("no memory for the cache to hold for the edges: %s", strerror(errno));
}

void holding_judge_memory(struct holding *holding, uint64_t lived_ms)
{
	struct memory *memory = &holding->handover.memory;
	holding->early_deaths = lived_ms < EARLY_MS ? holding->early_deaths + 1 : 0;
	if (holding->early_deaths == 0)
		holding->has_renewed = false;
	if (holding->early_deaths < EARLY_MAX || memory->fd < 0)
		return;
	log_warning("edges died %d times in a row within %d s of their start; the next one gets a "
	            "fresh cache memory",
	        EARLY_MAX, EARLY_MS / 1000);
	holding->early_deaths = 0;
	/* The second time, what is on the disks may be the reason. */
	if (holding->has_renewed)
		memory_erase_disks(memory);
	holding->has_renewed = true;
	renew_memory(holding);
}

/* Where no folder keeps the last good list of domains, we do, in memory: an edge that dies while
 * the file is broken, while a change of it is held, or while no control plane answers, must not be
 * the end of what was live. */
static void open_journal(struct holding *holding)
{
	struct handover *handover = &holding->handover;
	const struct invocation *invocation = holding->invocation;
	if (handover->journal >= 0 || invocation == NULL ||
	        invocation->settings.state_dir[0] != '\0' ||
	        invocation_source(invocation) == INVOCATION_FLAGS)
		return;
	handover->journal = memfd_create("headwater-journal", MFD_CLOEXEC);
	if (handover->journal < 0)
		log_warning("no memory for the last good domains: %s", strerror(errno));
}

/* Opens the listeners that the settings name, where they are not open. */
static bool open_listeners(const struct settings *settings, const struct words *asked,
        struct listeners *listeners, struct text *ret_why)
{
	return listeners->asked.count > 0 ||
	       listeners_open(asked, 1, (int)settings->backlog, listeners, ret_why);
}

/* Maps the page of keys, or a fresh one where there is none of use. Without it every session begins
 * from nothing, and all else goes on. */
static void open_tickets(struct holding *holding)
{
	int *page = &holding->handover.tickets;
	if (holding->handover.secure.asked.count == 0)
		return;
	if (*page >= 0)
		holding->tickets = tls_tickets_map(*page, true);
	if (holding->tickets == NULL) {
		close_one(page);
		*page = tls_tickets_open();
		if (*page >= 0)
			holding->tickets = tls_tickets_map(*page, true);
	}
	if (holding->tickets == NULL)
		log_warning("no memory for the keys of TLS's tickets: %s", strerror(errno));
	holding_rotate_tickets(holding, (int64_t)(clock_wall_ms() / 1000));
}

int64_t holding_rotate_tickets(struct holding *holding, int64_t now_s)
{
	return holding->tickets != NULL ? tls_tickets_rotate(holding->tickets, now_s) : 0;
}

/* Opens of what a control process needs what is not open. */
static bool open_control(struct holding *holding, struct text *ret_why)
{
	const struct invocation *invocation = holding->invocation;
	const struct settings *settings = &invocation->settings;
	struct handover *handover = &holding->handover;
	if (!invocation_has_control(invocation))
		return true;
	if (handover->link < 0 && !link_socket_open(invocation, &handover->link, ret_why))
		return false;
	return open_listeners(settings, &settings->api, &handover->api, ret_why) &&
	       (!settings_has_link(settings) ||
	               open_listeners(settings, &settings->link, &handover->links, ret_why));
}

/* Opens those for metrics that are not open. */
static bool open_metrics(struct holding *holding, struct text *ret_why)
{
	const struct settings *settings = &holding->invocation->settings;
	return !settings_has_metrics(settings) ||
	       open_listeners(settings, &settings->metrics, &holding->handover.metrics, ret_why);
}

/* Opens those for TLS that are not open; as many sockets as for all clients. */
static bool open_secure(struct holding *holding, struct text *ret_why)
{
	const struct settings *settings = &holding->invocation->settings;
	struct handover *handover = &holding->handover;
	return !settings_has_tls(settings) || handover->secure.asked.count > 0 ||
	       listeners_open(&settings->listen_tls, handover->listeners.workers,
	               (int)settings->backlog, &handover->secure, ret_why);
}

bool holding_open(struct holding *holding)
{
	const struct settings *settings = &holding->invocation->settings;
	struct handover *handover = &holding->handover;
	struct text why = {0};
	int ends[2];
	if (!listeners_open(&settings->listen, settings_workers(settings), (int)settings->backlog,
	            &handover->listeners, &why) ||
	        !open_secure(holding, &why) ||
	        !command_socket_open(settings, &handover->command, &why) ||
	        !open_metrics(holding, &why) || !open_control(holding, &why)) {
		log_error("%s", text_c(&why));
		text_done(&why);
		return false;
	}
	if (pipe2(ends, O_CLOEXEC) != 0) {
		log_error("no pipe for the lifeline: %s", strerror(errno));
		return false;
	}
	handover->lifeline_read = ends[0];
	handover->lifeline_write = ends[1];
	renew_memory(holding);
	open_tickets(holding);
	open_journal(holding);
	return true;
}

/* The memory of the supervisor before us stays, unless there is to be none now. Where there was
 * none, or one of another version, the edge that serves has made one for itself, which has no
 * disks: what it serves and purges they never learn of. So its successor, who gets ours, is to be
 * started at once; then it returns true. */
static bool adopt_memory(struct holding *holding, const struct settings *settings)
{
	const struct memory *memory = &holding->handover.memory;
	bool is_new = memory->fd < 0 || settings->cache_memory == 0 || !memory_is_of_use(memory);
	if (is_new)
		renew_memory(holding);
	if (memory->fd >= 0)
		memory_warn_of_change(memory, settings);
	return is_new && memory->fd >= 0;
}

/* Closes them all; there is one socket for each address again when they are opened. */
static void close_listeners(struct listeners *listeners)
{
	listeners_done(listeners);
	listeners->workers = 1;
}

static void warn_of_change(
        const char *name, const struct words *meant, const struct listeners *listeners)
{
	if (listeners->asked.count > 0 && !words_is_equal(meant, &listeners->asked))
		log_warning("a new value of %s takes a restart", name);
}

/* An edge goes where the settings say, so a link that is not there is of no use. */
static void adopt_control(struct holding *holding)
{
	const struct invocation *invocation = holding->invocation;
	struct handover *handover = &holding->handover;
	struct text why = {0};
	bool has_control = invocation_has_control(invocation);
	if (!has_control)
		close_listeners(&handover->api);
	if (!has_control || !settings_has_link(&invocation->settings))
		close_listeners(&handover->links);
	if (!has_control || !link_socket_is_meant(invocation, handover->link))
		close_one(&handover->link);
	warn_of_change("api", &invocation->settings.api, &handover->api);
	warn_of_change("link", &invocation->settings.link, &handover->links);
	if (!open_control(holding, &why)) {
		log_error("there is no control process: %s", text_c(&why));
		close_listeners(&handover->api);
		close_listeners(&handover->links);
		close_one(&handover->link);
	}
	text_done(&why);
}

/* Metrics are no reason not to serve. */
static void adopt_metrics(struct holding *holding)
{
	const struct settings *settings = &holding->invocation->settings;
	struct listeners *metrics = &holding->handover.metrics;
	struct text why = {0};
	if (!settings_has_metrics(settings))
		close_listeners(metrics);
	warn_of_change("metrics", &settings->metrics, metrics);
	if (!open_metrics(holding, &why)) {
		log_error("there are no metrics: %s", text_c(&why));
		metrics->workers = 1;
	}
	text_done(&why);
}

/* What was there goes on, also where the new settings have none. */
static void adopt_secure(struct holding *holding)
{
	const struct settings *settings = &holding->invocation->settings;
	struct handover *handover = &holding->handover;
	struct text why = {0};
	bool is_meant = settings_has_tls(settings);
	if (handover->secure.asked.count > 0 &&
	        (!is_meant || !words_is_equal(&settings->listen_tls, &handover->secure.asked)))
		log_warning("a new value of listen_tls takes a restart");
	if (!open_secure(holding, &why)) {
		log_error("there is no TLS: %s", text_c(&why));
		handover->secure.workers = handover->listeners.workers;
	}
	text_done(&why);
}

bool holding_adopt(struct holding *holding, const struct handover *handover)
{
	const struct invocation *invocation = holding->invocation;
	holding->handover = *handover;
	holding->handover.edge_count = holding->handover.control_count = 0;
	holding->handover.drain_timeout_ms = 0;
	if (invocation == NULL) {
		open_tickets(holding);
		return false;
	}
	const struct settings *settings = &invocation->settings;
	if (!words_is_equal(&settings->listen, &handover->listeners.asked))
		log_warning("a new value of listen takes a restart");
	if (settings_workers(settings) != handover->listeners.workers)
		log_warning("a new value of workers takes a restart");
	if (!command_socket_is_meant(settings, handover->command))
		log_warning("a new value of socket takes a restart");
	bool wants_successor = adopt_memory(holding, settings);
	adopt_control(holding);
	adopt_metrics(holding);
	adopt_secure(holding);
	open_tickets(holding);
	open_journal(holding);
	return wants_successor;
}

bool holding_has_control(const struct holding *holding)
{
	return holding->handover.api.asked.count > 0;
}

struct handover holding_for_edge(const struct holding *holding)
{
	struct handover handover = holding->handover;
	handover.lifeline_write = -1;
	handover.api = handover.links = (struct listeners){.workers = 1};
	handover.link = -1;
	return handover;
}

struct handover holding_for_control(const struct holding *holding)
{
	struct handover handover;
	handover_init(&handover);
	handover.api = holding->handover.api;
	handover.links = holding->handover.links;
	handover.link = holding->handover.link;
	handover.lifeline_read = holding->handover.lifeline_read;
	return handover;
}
