/*
 * The order matters: sockets while we may bind any port; rights dropped while there is one thread;
 * then the edge and its feed; the filter of system calls once everything was opened, so that
 * whatever opening needs is done; then serving.
 *
 * An edge that has its domains from a control plane serves what it knows of them from the start,
 * and says that it is ready: nobody's death may keep it from that. Where that is nothing yet, it
 * answers 503, and not that it has no such domain.
 */
/* tidy: untested - it is a whole process: tests/functional/test_lifecycle.py, test_reload.py */
#include "main/run_edge.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "edge/edge.h"
#include "main/command_socket.h"
#include "main/complain.h"
#include "main/feed.h"
#include "main/sandbox.h"
#include "main/supervised.h"

#include <errno.h>
#include <sys/resource.h>
#include <unistd.h>

struct edge_process {
	const struct invocation *invocation;
	struct handover handover; /* its sockets are ours in any case */
	struct supervised supervised;
	bool is_cache_apart; /* see struct edge_options */
	struct edge *edge;
	struct feed *feed;
	/* Alone we are who changes them; NULL otherwise. */
	struct tls_tickets *tickets;
	struct timer tickets_timer;
};

static void on_drain(struct supervised *supervised)
{
	struct edge_process *process = container_of(supervised, struct edge_process, supervised);
	if (process->feed != NULL)
		feed_leave(process->feed);
	edge_drain(process->edge);
}

static void on_signal(struct supervised *supervised, int number)
{
	struct edge_process *process = container_of(supervised, struct edge_process, supervised);
	if (number == SIGUSR1)
		edge_reopen_log(process->edge);
	else if (process->feed != NULL)
		feed_reload(process->feed);
}

static void on_ready(void *context)
{
	struct edge_process *process = context;
	if (process->supervised.is_alone) {
		listeners_log(&process->handover.metrics, "metrics are on");
		listeners_log(&process->handover.secure, "TLS is on");
		listeners_log(&process->handover.listeners, "ready on");
	}
	supervised_say_ready(&process->supervised, &process->handover);
}

static void raise_descriptor_limit(const struct settings *settings)
{
	/* One for each client; those to origins, which are fewer, and files take some more. */
	const rlim_t wanted = settings->connections_max + settings->connections_max / 8;
	struct rlimit limit;
	if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
		return;
	limit.rlim_cur = limit.rlim_max;
	if (setrlimit(RLIMIT_NOFILE, &limit) != 0)
		log_warning("the limit of descriptors cannot be raised: %s", strerror(errno));
	if (limit.rlim_cur < wanted)
		log_warning("the limit of %llu descriptors (RLIMIT_NOFILE) is too low for "
		            "connections_max of %llu",
		        (unsigned long long)limit.rlim_cur,
		        (unsigned long long)settings->connections_max);
}

enum { TICKETS_LOOK_MS = 60000 };

static void on_tickets(struct timer *timer)
{
	struct edge_process *process = container_of(timer, struct edge_process, tickets_timer);
	struct loop *loop = edge_loop(process->edge);
	tls_tickets_rotate(process->tickets, (int64_t)(clock_wall_ms() / 1000));
	loop_timer_start(loop, timer, loop_now_ms(loop) + TICKETS_LOOK_MS);
}

/* The keys of TLS's tickets, where no supervisor has them. Without any, sessions are not taken up.
 */
static void open_tickets(struct edge_process *process)
{
	struct handover *handover = &process->handover;
	if (handover->secure.asked.count == 0)
		return;
	handover->tickets = tls_tickets_open();
	if (handover->tickets >= 0)
		process->tickets = tls_tickets_map(handover->tickets, true);
	if (process->tickets == NULL)
		log_warning("no memory for the keys of TLS's tickets: %s", strerror(errno));
	else
		tls_tickets_rotate(process->tickets, (int64_t)(clock_wall_ms() / 1000));
}

static bool open_sockets(struct edge_process *process)
{
	const struct settings *settings = &process->invocation->settings;
	struct text why = {0};
	if (listeners_open(&settings->listen, settings_workers(settings), (int)settings->backlog,
	            &process->handover.listeners, &why) &&
	        (!settings_has_tls(settings) ||
	                listeners_open(&settings->listen_tls, settings_workers(settings),
	                        (int)settings->backlog, &process->handover.secure, &why)) &&
	        command_socket_open(settings, &process->handover.command, &why) &&
	        (!settings_has_metrics(settings) ||
	                listeners_open(&settings->metrics, 1, (int)settings->backlog,
	                        &process->handover.metrics, &why)))
		return true;
	log_error("%s", text_c(&why));
	text_done(&why);
	return false;
}

static struct origin_health_options health_of(const struct settings *settings)
{
	return (struct origin_health_options){
	        .block_ms = (uint32_t)settings->block_time_ms,
	        .block_max_ms = (uint32_t)settings->block_time_max_ms,
	        .forgive_ms = (uint32_t)settings->forgive_time_ms,
	        .ramp_ms = (uint32_t)settings->ramp_time_ms,
	        .connection_failures = (uint32_t)settings->connection_failures,
	        .connection_window_ms = (uint32_t)settings->connection_window_ms,
	        .response_failures = (uint32_t)settings->response_failures,
	        .response_window = (uint32_t)settings->response_window,
	        .response_urls = (uint32_t)settings->response_urls,
	        .trial_lease_ms = (uint32_t)settings->trial_lease_ms,
	};
}

/* The cache's memory is the supervisor's. An edge that has none to inherit makes its own, also
 * below a supervisor: that one may be of a version that knew no cache, or had none to hold. Then
 * the disks are left for the supervisor's next one. Where the machine refuses, nothing is cached,
 * and all else goes on. */
static void open_memory(struct edge_process *process)
{
	const struct settings *settings = &process->invocation->settings;
	struct memory *memory = &process->handover.memory;
	if (settings->cache_memory == 0)
		memory_close(memory);
	if (settings->cache_memory == 0 || memory->fd >= 0)
		return;
	if (process->supervised.is_alone)
		memory_open_disks(memory, settings);
	else
		process->is_cache_apart = settings->cache_disks.count > 0;
	if (!memory_renew(memory, settings))
		log_error("no memory for the cache: %s", strerror(errno));
}

/* Every duration and count of the table fits its member: the ranges there see to it. */
static struct edge *make_edge(const struct edge_process *process)
{
	const struct settings *settings = &process->invocation->settings;
	const struct handover *handover = &process->handover;
	const struct listeners *listeners = &handover->listeners;
	struct text servers = {0};
	unsigned trusted_count;
	struct address_prefix *trusted = settings_trusted(settings, &trusted_count);
	for (unsigned i = 0; i < settings->dns_servers.count; i++)
		text_addf(&servers, "%s%s", i == 0 ? "" : ",", settings->dns_servers.list[i]);
	const struct edge_options options = {
	        .workers = listeners->workers,
	        .listeners = listeners->sockets,
	        .address_count = listeners->asked.count,
	        .secure_listeners = handover->secure.sockets,
	        .secure_count = handover->secure.asked.count,
	        .tickets_fd = handover->tickets,
	        .certificates = settings->certificates,
	        .tls_fallback = settings->tls_fallback,
	        .tls_profile = (enum tls_profile)settings->tls_profile,
	        .tls_timeout_ms = (uint32_t)settings->tls_timeout_ms,
	        .acme_dir = settings->acme_dir,
	        .is_http2 = settings->http2,
	        .plain_http2 = (uint8_t)settings->http2_plain,
	        .proxy_protocol = settings->proxy_protocol,
	        .trusted = trusted,
	        .trusted_count = trusted_count,
	        .head_timeout_ms = (uint32_t)settings->head_timeout_ms,
	        .body_timeout_ms = (uint32_t)settings->body_timeout_ms,
	        .write_timeout_ms = (uint32_t)settings->write_timeout_ms,
	        .keepalive_timeout_ms = (uint32_t)settings->keepalive_timeout_ms,
	        .rate_min = (uint32_t)settings->rate_min,
	        .head_bytes = (uint32_t)settings->head_bytes,
	        .target_bytes = (uint32_t)settings->target_bytes,
	        .head_fields = (uint16_t)settings->head_fields,
	        .connections_max = (uint32_t)settings->connections_max,
	        .connections_per_address = (uint32_t)settings->connections_per_address,
	        .memory_budget = settings->memory_budget,
	        .spool_dir = settings->spool_dir,
	        .spool_budget = settings->spool_budget,
	        .cache_memory_fd = handover->memory.fd,
	        .cache_memory = memory_options(&handover->memory),
	        .is_cache_apart = process->is_cache_apart,
	        .cdn_id = settings->cdn_id,
	        .access_log = settings->access_log,
	        .access_log_sample = (uint32_t)settings->access_log_sample,
	        .dns_servers = servers.len != 0 ? text_c(&servers) : NULL,
	        .health = health_of(settings),
	        .confirm_gap_ms = (uint32_t)settings->confirm_gap_ms,
	        .probe_timeout_ms = (uint32_t)settings->probe_timeout_ms,
	        .drain_timeout_ms = (uint32_t)settings->drain_timeout_ms,
	};
	struct edge *edge = edge_new(&options);
	mem_free(trusted);
	text_done(&servers);
	return edge;
}

/* Hands the edge its domains, and looks out for more; false after it told why not. */
static bool open_feed(struct edge_process *process)
{
	struct model_problems problems = {0};
	const struct feed_options options = {
	        .invocation = process->invocation,
	        .journal = process->handover.journal,
	        .loop = edge_loop(process->edge),
	        .sink = edge_sink(process->edge),
	        .purges = edge_purges(process->edge),
	        .reports = edge_report_source(process->edge),
	        .certificates = edge_certificates_shower(process->edge),
	        .asks = edge_asks(process->edge),
	};
	process->feed = feed_open(&options, &problems);
	if (process->feed == NULL)
		complain("edge", &problems);
	model_problems_done(&problems);
	return process->feed != NULL;
}

static bool take_commands(struct edge_process *process)
{
	int socket = process->handover.command;
	process->handover.command = -1; /* it is the edge's now */
	return socket < 0 || edge_take_commands(process->edge, socket);
}

static bool tell_metrics(struct edge_process *process)
{
	const struct listeners *metrics = &process->handover.metrics;
	unsigned count = listeners_socket_count(metrics);
	return count == 0 || edge_tell_metrics(process->edge, metrics->sockets, count);
}

static void close_all(struct edge_process *process)
{
	feed_close(process->feed);
	if (process->edge != NULL)
		loop_timer_cancel(edge_loop(process->edge), &process->tickets_timer);
	tls_tickets_unmap(process->tickets);
	supervised_close(&process->supervised);
	edge_free(process->edge);
	if (process->handover.lifeline_read >= 0)
		close(process->handover.lifeline_read);
	if (process->handover.ready >= 0)
		close(process->handover.ready);
	if (process->handover.command >= 0)
		close(process->handover.command);
	memory_close(&process->handover.memory);
	if (process->handover.journal >= 0)
		close(process->handover.journal);
	if (process->handover.tickets >= 0)
		close(process->handover.tickets);
	listeners_done(&process->handover.listeners);
	listeners_done(&process->handover.secure);
	listeners_done(&process->handover.metrics);
}

int run_edge(const struct invocation *invocation, struct handover *handover)
{
	const struct settings *settings = &invocation->settings;
	struct edge_process process = {
	        .invocation = invocation,
	        .supervised =
	                {
	                        .name = "edge",
	                        .is_alone = handover == NULL,
	                        .on_drain = on_drain,
	                        .on_signal = on_signal,
	                },
	};
	int exit_code = COMPLAIN_EXIT_FAILED;
	process.tickets_timer.on_expire = on_tickets;
	handover_init(&process.handover);
	supervised_block();

	raise_descriptor_limit(settings);
	if (handover != NULL)
		process.handover = *handover;
	else if (!open_sockets(&process))
		goto done;
	if (handover == NULL)
		open_tickets(&process);
	open_memory(&process);
	if (settings->user[0] != '\0' && !sandbox_become(settings->user))
		goto done;
	if (settings->sandbox)
		sandbox_drop_rights();
	process.edge = make_edge(&process);
	if (process.edge == NULL || !take_commands(&process) || !tell_metrics(&process) ||
	        !supervised_open(&process.supervised, edge_loop(process.edge), &process.handover))
		goto done;
	if (process.tickets != NULL)
		on_tickets(&process.tickets_timer);
	if (!open_feed(&process)) {
		exit_code = COMPLAIN_EXIT_USAGE;
		goto done;
	}
	if (settings->sandbox)
		sandbox_filter_calls();
	exit_code = edge_run(process.edge, on_ready, &process);
done:
	close_all(&process);
	return exit_code;
}
