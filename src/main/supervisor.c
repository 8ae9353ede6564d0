/*
 * One thread, one loop: signals, the readiness of edges, and three timers.
 *
 * An edge is a child process. It is STARTING until it writes a byte into its pipe, then SERVING
 * until another takes its place, then LEAVING: it was sent SIGTERM and finishes what it has.
 * Whenever the serving one dies, the next is started at once on the same sockets, whose queues lose
 * nothing; only one that dies over and over is given pauses. It is executed from /proc/self/exe
 * with the settings that were good when we started: neither a half-installed binary nor a
 * half-edited file can keep the service down.
 *
 * SIGHUP: a CANDIDATE is started from the binary that is on disk now, with the file of settings as
 * it is now. When it serves it has proven both, and only then do the others leave and do we execute
 * ourselves from that binary, as the same process, so that all edges stay our children. A candidate
 * that dies or takes too long changes nothing.
 *
 * All edges share the memory of the cache, which we hold for them: what one has cached is there for
 * the next. Since it might be what kills them, they get a fresh one when they die young.
 *
 * Edges hold the reading end of a pipe, the lifeline, whose other end only we have: when we are
 * killed it ends, and the edges drain and end, since nobody would restart them.
 */
/* tidy: untested - it forks and executes the program: tests/functional/test_lifecycle.py */
#include "main/supervisor.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "main/child.h"
#include "main/command_socket.h"
#include "main/complain.h"
#include "main/signals.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

enum {
	CANDIDATE_MS = 10000, /* how long a new binary may take to serve */
	HURRY_MS = 5000,      /* how long after the drain's end we lose patience */
	DEATHS_MAX = 10,      /* so many deaths ... */
	DEATHS_MS = 10000,    /* ... in this time */
	PAUSE_MS = 1000,      /* make for this pause before the next edge */
	EARLY_MS = 10000,     /* a death so soon after the start may be the cache memory's doing, */
	EARLY_MAX = 2, /* and after so many of them in a row the next edge gets a fresh one */
};

static const char SELF[] = "/proc/self/exe";

enum child_state { CHILD_STARTING, CHILD_CANDIDATE, CHILD_SERVING, CHILD_LEAVING };

struct edge_child {
	struct list_node node;
	struct supervisor *supervisor;
	enum child_state state;
	pid_t pid;
	uint64_t started_ms;   /* or taken over from the supervisor before us */
	struct loop_fd ready;  /* the reading end of its pipe; fd -1 once it said its word */
	struct timer deadline; /* a candidate's */
	bool is_late;
};

struct supervisor {
	const struct supervisor_options *options;
	struct handover handover; /* what an edge gets, but for its own pipe; and both ends of the
	                             lifeline */
	char path[PATH_MAX];      /* the binary on disk */
	struct words restart, upgrade; /* the arguments of the next edge, and of a candidate */
	uint64_t drain_timeout_ms;
	struct loop *loop;
	struct signals signals;
	struct list children;
	struct timer restart_timer, hurry_timer;
	uint64_t deaths_ms[DEATHS_MAX]; /* a ring */
	unsigned death_count;
	unsigned early_deaths; /* in a row */
	bool has_renewed;      /* the memory, since an edge last lived longer */
	bool has_served;       /* an edge once did */
	bool is_stopping;
	bool wants_upgrade; /* another one: SIGHUP came during an upgrade */
	int exit_code;
};

static void start_edge(struct supervisor *supervisor, enum child_state state);

static struct edge_child *find_child(struct supervisor *supervisor, enum child_state state)
{
	list_each (node, &supervisor->children) {
		struct edge_child *child = container_of(node, struct edge_child, node);
		if (child->state == state)
			return child;
	}
	return NULL;
}

static void signal_children(struct supervisor *supervisor, int number)
{
	/* Those that are dead already wait for us to look, so that no pid is a stranger's. */
	list_each (node, &supervisor->children) {
		struct edge_child *child = container_of(node, struct edge_child, node);
		kill(child->pid, number);
	}
}

static void close_ready(struct edge_child *child)
{
	if (child->ready.fd < 0)
		return;
	loop_remove(child->supervisor->loop, &child->ready);
	close(child->ready.fd);
	child->ready.fd = -1;
}

static void free_child(struct edge_child *child)
{
	loop_timer_cancel(child->supervisor->loop, &child->deadline);
	close_ready(child);
	list_remove(&child->node);
	mem_free(child);
}

static struct edge_child *add_child(
        struct supervisor *supervisor, pid_t pid, enum child_state state)
{
	struct edge_child *child = mem_new(struct edge_child);
	child->supervisor = supervisor;
	child->pid = pid;
	child->started_ms = clock_ms();
	child->state = state;
	child->ready.fd = -1;
	list_add_last(&supervisor->children, &child->node);
	return child;
}

/* Everything but `successor` finishes what it has. */
static void dismiss_others(struct supervisor *supervisor, struct edge_child *successor)
{
	list_each (node, &supervisor->children) {
		struct edge_child *child = container_of(node, struct edge_child, node);
		if (child == successor || child->state == CHILD_LEAVING)
			continue;
		child->state = CHILD_LEAVING;
		loop_timer_cancel(supervisor->loop, &child->deadline);
		kill(child->pid, SIGTERM);
	}
}

/* Becomes the new binary; returns only when that fails. */
static void become_new(struct supervisor *supervisor, struct edge_child *serving)
{
	struct handover handover = supervisor->handover;
	handover.edges[0] = serving->pid;
	handover.edge_count = 1;
	list_each (node, &supervisor->children) {
		struct edge_child *child = container_of(node, struct edge_child, node);
		if (child != serving && handover.edge_count < HANDOVER_EDGES)
			handover.edges[handover.edge_count++] = child->pid;
	}
	if (supervisor->wants_upgrade)
		raise(SIGHUP); /* it is blocked, and waits for the one that comes */
	child_become(supervisor->path, supervisor->options->arguments, &handover);
	log_error("cannot become %s: %s; its edge serves", supervisor->path, strerror(errno));
}

static void on_serving(struct edge_child *child)
{
	struct supervisor *supervisor = child->supervisor;
	bool is_candidate = child->state == CHILD_CANDIDATE;
	loop_timer_cancel(supervisor->loop, &child->deadline);
	child->state = CHILD_SERVING;
	if (supervisor->is_stopping)
		return;
	if (is_candidate) {
		dismiss_others(supervisor, child);
		become_new(supervisor, child);
		sd_notify(0, "READY=1");
		return;
	}
	if (supervisor->has_served) {
		log_info("edge %d serves", (int)child->pid);
		return;
	}
	supervisor->has_served = true;
	listeners_log_ready(&supervisor->handover.listeners);
	sd_notify(0, "READY=1");
}

static void on_ready_pipe(struct loop_fd *self, unsigned events)
{
	(void)events;
	struct edge_child *child = container_of(self, struct edge_child, ready);
	char byte;
	ssize_t count = read(self->fd, &byte, 1);
	if (count < 0 && (errno == EINTR || errno == EAGAIN))
		return;
	/* Without a word its death is near, and will be told by SIGCHLD. */
	close_ready(child);
	if (count == 1 && child->state != CHILD_LEAVING)
		on_serving(child);
}

static void on_deadline(struct timer *timer)
{
	struct edge_child *child = container_of(timer, struct edge_child, deadline);
	child->is_late = true;
	kill(child->pid, SIGKILL);
}

static void on_restart(struct timer *timer)
{
	struct supervisor *supervisor = container_of(timer, struct supervisor, restart_timer);
	start_edge(supervisor, CHILD_STARTING);
}

/* The next edges get an empty memory, or none when there is to be none; those that run keep what
 * they have, but for the disks, which go on with the fresh one. */
static void renew_memory(struct supervisor *supervisor)
{
	const struct invocation *invocation = supervisor->options->invocation;
	const struct settings *settings = invocation != NULL ? &invocation->settings : NULL;
	struct memory *memory = &supervisor->handover.memory;
	if (memory->fd < 0 && settings != NULL)
		memory_open_disks(memory, settings);
	if (!memory_renew(memory, settings))
		log_error("no memory for the cache to hold for the edges: %s", strerror(errno));
}

/* An edge died that should serve. What it left in the cache memory is checked by the next one; but
 * when that dies in turn, the memory may be the reason, and goes. */
static void judge_memory(struct supervisor *supervisor, uint64_t lived_ms)
{
	supervisor->early_deaths = lived_ms < EARLY_MS ? supervisor->early_deaths + 1 : 0;
	if (supervisor->early_deaths == 0)
		supervisor->has_renewed = false;
	if (supervisor->early_deaths < EARLY_MAX || supervisor->handover.memory.fd < 0)
		return;
	log_warning("edges died %d times in a row within %d s of their start; the next one gets a "
	            "fresh cache memory",
	        EARLY_MAX, EARLY_MS / 1000);
	supervisor->early_deaths = 0;
	/* The second time, what is on the disks may be the reason. */
	if (supervisor->has_renewed)
		memory_erase_disks(&supervisor->handover.memory);
	supervisor->has_renewed = true;
	renew_memory(supervisor);
}

/* Starts the next edge, after a pause when they die too fast. */
static void restart(struct supervisor *supervisor)
{
	uint64_t now_ms = clock_ms();
	uint64_t *oldest = &supervisor->deaths_ms[supervisor->death_count++ % DEATHS_MAX];
	bool is_too_fast = *oldest != 0 && now_ms - *oldest < DEATHS_MS;
	*oldest = now_ms;
	if (!is_too_fast) {
		start_edge(supervisor, CHILD_STARTING);
		return;
	}
	log_warning("edges die too fast; the next one waits for a second");
	loop_timer_start(supervisor->loop, &supervisor->restart_timer, now_ms + PAUSE_MS);
}

static void start_edge(struct supervisor *supervisor, enum child_state state)
{
	int ends[2];
	bool is_candidate = state == CHILD_CANDIDATE;
	const struct words *arguments = is_candidate ? &supervisor->upgrade : &supervisor->restart;
	if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) != 0) {
		log_error("no pipe for an edge: %s", strerror(errno));
		goto fail;
	}
	struct handover handover = supervisor->handover;
	handover.ready = ends[1];
	handover.lifeline_write = -1;
	pid_t pid = child_start(is_candidate ? supervisor->path : SELF, arguments->list, &handover);
	close(ends[1]);
	if (pid < 0) {
		log_error("no process for an edge: %s", strerror(errno));
		close(ends[0]);
		goto fail;
	}
	struct edge_child *child = add_child(supervisor, pid, state);
	child->ready = (struct loop_fd){.fd = ends[0], .on_ready = on_ready_pipe};
	CHECK(loop_add_level(supervisor->loop, &child->ready));
	child->deadline.on_expire = on_deadline;
	if (is_candidate)
		loop_timer_start(supervisor->loop, &child->deadline, clock_ms() + CANDIDATE_MS);
	return;
fail:
	/* A machine that is out of something may have it again in a second. */
	if (!is_candidate)
		loop_timer_start(
		        supervisor->loop, &supervisor->restart_timer, clock_ms() + PAUSE_MS);
	else
		sd_notify(0, "READY=1");
}

static void start_upgrade(struct supervisor *supervisor)
{
	if (find_child(supervisor, CHILD_CANDIDATE) != NULL) {
		supervisor->wants_upgrade = true;
		return;
	}
	supervisor->wants_upgrade = false;
	log_info("upgrading to %s", supervisor->path);
	sd_notifyf(0, "RELOADING=1\nMONOTONIC_USEC=%llu", (unsigned long long)clock_us());
	start_edge(supervisor, CHILD_CANDIDATE);
}

static void on_candidate_death(struct supervisor *supervisor, struct text *how)
{
	log_error("upgrade failed, what ran goes on: the new edge ended with %s", text_c(how));
	sd_notify(0, "READY=1");
	if (supervisor->wants_upgrade)
		start_upgrade(supervisor);
}

static void on_death(struct edge_child *child, int status)
{
	struct supervisor *supervisor = child->supervisor;
	enum child_state state = child->state;
	int pid = (int)child->pid;
	uint64_t lived_ms = clock_ms() - child->started_ms;
	struct text how = {0};
	child_add_status(status, &how);
	if (child->is_late)
		text_addf(&how, ", after it was not ready within %d s", CANDIDATE_MS / 1000);
	free_child(child);
	if (supervisor->is_stopping || state == CHILD_LEAVING) {
		log_info("edge %d has ended with %s", pid, text_c(&how));
	} else if (state == CHILD_CANDIDATE) {
		on_candidate_death(supervisor, &how);
	} else if (!supervisor->has_served && WIFEXITED(status) && WEXITSTATUS(status) != 0) {
		/* It told why. What is wrong from the beginning is not cured by trying again. */
		supervisor->exit_code = WEXITSTATUS(status);
		loop_stop(supervisor->loop);
	} else {
		log_error("edge %d ended with %s; the next one is started", pid, text_c(&how));
		judge_memory(supervisor, lived_ms);
		restart(supervisor);
	}
	text_done(&how);
	if (supervisor->is_stopping && list_is_empty(&supervisor->children))
		loop_stop(supervisor->loop);
}

static void reap(struct supervisor *supervisor)
{
	int status;
	pid_t pid;
	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		list_each_safe (node, following, &supervisor->children) {
			struct edge_child *child = container_of(node, struct edge_child, node);
			if (child->pid != pid)
				continue;
			on_death(child, status);
			break;
		}
	}
}

static void on_hurry(struct timer *timer)
{
	struct supervisor *supervisor = container_of(timer, struct supervisor, hurry_timer);
	log_error("edges do not end; they are killed");
	signal_children(supervisor, SIGKILL);
}

static void stop(struct supervisor *supervisor)
{
	if (supervisor->is_stopping) {
		signal_children(supervisor, SIGKILL);
		return;
	}
	supervisor->is_stopping = true;
	log_info("ending, when the requests in flight are done");
	sd_notify(0, "STOPPING=1");
	loop_timer_cancel(supervisor->loop, &supervisor->restart_timer);
	loop_timer_start(supervisor->loop, &supervisor->hurry_timer,
	        clock_ms() + supervisor->drain_timeout_ms + HURRY_MS);
	signal_children(supervisor, SIGTERM);
	if (list_is_empty(&supervisor->children))
		loop_stop(supervisor->loop);
}

static void on_signal(struct signals *signals, int number)
{
	struct supervisor *supervisor = container_of(signals, struct supervisor, signals);
	if (number == SIGCHLD)
		reap(supervisor);
	else if (number == SIGUSR1)
		signal_children(supervisor, SIGUSR1);
	else if (number == SIGTERM || number == SIGINT)
		stop(supervisor);
	else if (number == SIGHUP && !supervisor->is_stopping)
		start_upgrade(supervisor);
}

/* The arguments of edges: those of a candidate are ours with the other command. */
static void make_arguments(struct supervisor *supervisor)
{
	const struct supervisor_options *options = supervisor->options;
	words_add(&supervisor->upgrade, str_of(options->arguments[0]));
	words_add(&supervisor->upgrade, STR("edge"));
	for (char *const *at = options->arguments + 2; *at != NULL; at++)
		words_add(&supervisor->upgrade, str_of(*at));
	if (options->invocation == NULL) {
		for (unsigned i = 0; i < supervisor->upgrade.count; i++)
			words_add(&supervisor->restart, str_of(supervisor->upgrade.list[i]));
		return;
	}
	words_add(&supervisor->restart, str_of(options->arguments[0]));
	words_add(&supervisor->restart, STR("edge"));
	invocation_add_flags(options->invocation, &supervisor->restart);
}

/* Where our binary is on disk, also when that was replaced. */
static bool find_binary(struct supervisor *supervisor)
{
	static const char DELETED[] = " (deleted)";
	ssize_t length = readlink(SELF, supervisor->path, sizeof(supervisor->path) - 1);
	if (length <= 0) {
		log_error("%s cannot be read: %s", SELF, strerror(errno));
		return false;
	}
	supervisor->path[length] = '\0';
	struct str path = str_make(supervisor->path, (size_t)length);
	if (str_has_suffix(path, str_of(DELETED)))
		supervisor->path[path.len - strlen(DELETED)] = '\0';
	return true;
}

/* The memory of the supervisor before us stays, unless there is to be none now. Where there was
 * none, or one of another version, the edge that serves has made one for itself, which has no
 * disks: what it serves and purges they never learn of. So its successor, who gets ours, is
 * started at once. */
static void adopt_memory(struct supervisor *supervisor, const struct settings *settings)
{
	const struct memory *memory = &supervisor->handover.memory;
	if (memory->fd < 0 || settings->cache_memory == 0 || !memory_is_of_use(memory)) {
		renew_memory(supervisor);
		supervisor->wants_upgrade = memory->fd >= 0;
	}
	if (memory->fd >= 0)
		memory_warn_of_change(memory, settings);
}

/* Takes over from the supervisor before this one. */
static void adopt(struct supervisor *supervisor)
{
	const struct supervisor_options *options = supervisor->options;
	supervisor->handover = *options->handover;
	supervisor->has_served = true;
	const struct handover *handover = &supervisor->handover;
	for (unsigned i = 0; i < handover->edge_count; i++)
		add_child(supervisor, handover->edges[i], i == 0 ? CHILD_SERVING : CHILD_LEAVING);
	supervisor->handover.edge_count = 0;
	log_info("upgraded to version %s; edge %d serves", HEADWATER_VERSION,
	        (int)handover->edges[0]);
	if (options->invocation == NULL)
		return;
	const struct settings *settings = &options->invocation->settings;
	if (!words_is_equal(&settings->listen, &handover->listeners.asked))
		log_warning("a new value of listen takes a restart");
	if (settings_workers(settings) != handover->listeners.workers)
		log_warning("a new value of workers takes a restart");
	if (!command_socket_is_meant(settings, handover->command))
		log_warning("a new value of socket takes a restart");
	adopt_memory(supervisor, settings);
}

/* Opens what the first supervisor hands to its edges. */
static bool open_handover(struct supervisor *supervisor)
{
	const struct settings *settings = &supervisor->options->invocation->settings;
	struct handover *handover = &supervisor->handover;
	struct text why = {0};
	int ends[2];
	handover_init(handover);
	if (!listeners_open(&settings->listen, settings_workers(settings), (int)settings->backlog,
	            &handover->listeners, &why) ||
	        !command_socket_open(settings, &handover->command, &why)) {
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
	renew_memory(supervisor);
	return true;
}

/* Where no folder keeps the last good list of domains, we do, in memory: an edge that dies while
 * the file is broken, or while a change of it is held, must not be the end of what was live. */
static void open_journal(struct supervisor *supervisor)
{
	struct handover *handover = &supervisor->handover;
	const struct invocation *invocation = supervisor->options->invocation;
	if (handover->journal >= 0 || invocation == NULL ||
	        invocation->settings.state_dir[0] != '\0' ||
	        invocation->settings.domains[0] == '\0')
		return;
	handover->journal = memfd_create("headwater-journal", MFD_CLOEXEC);
	if (handover->journal < 0)
		log_warning("no memory for the last good domains: %s", strerror(errno));
}

static bool open_loop(struct supervisor *supervisor, const sigset_t *set)
{
	supervisor->loop = loop_new();
	if (supervisor->loop != NULL && signals_open(&supervisor->signals, set, supervisor->loop))
		return true;
	log_error("no descriptors for the supervisor: %s", strerror(errno));
	return false;
}

static void done(struct supervisor *supervisor)
{
	list_each_safe (node, following, &supervisor->children)
		free_child(container_of(node, struct edge_child, node));
	if (supervisor->loop != NULL) {
		loop_timer_cancel(supervisor->loop, &supervisor->restart_timer);
		loop_timer_cancel(supervisor->loop, &supervisor->hurry_timer);
		signals_close(&supervisor->signals, supervisor->loop);
		loop_free(supervisor->loop);
	}
	listeners_done(&supervisor->handover.listeners);
	if (supervisor->handover.lifeline_read >= 0)
		close(supervisor->handover.lifeline_read);
	if (supervisor->handover.lifeline_write >= 0)
		close(supervisor->handover.lifeline_write);
	if (supervisor->handover.command >= 0)
		close(supervisor->handover.command);
	memory_close(&supervisor->handover.memory);
	if (supervisor->handover.journal >= 0)
		close(supervisor->handover.journal);
	words_done(&supervisor->restart);
	words_done(&supervisor->upgrade);
}

int supervisor_run(const struct supervisor_options *options)
{
	struct supervisor supervisor = {
	        .options = options,
	        .signals = {.watched = {.fd = -1}, .on_signal = on_signal},
	        .restart_timer = {.on_expire = on_restart},
	        .hurry_timer = {.on_expire = on_hurry},
	        .exit_code = COMPLAIN_EXIT_FAILED,
	};
	sigset_t set;
	CHECK(options->invocation != NULL || options->handover != NULL);
	list_init(&supervisor.children);
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGHUP);
	sigaddset(&set, SIGUSR1);
	sigaddset(&set, SIGCHLD);
	signals_block(&set);

	handover_init(&supervisor.handover);
	make_arguments(&supervisor);
	if (options->invocation != NULL)
		supervisor.drain_timeout_ms = options->invocation->settings.drain_timeout_ms;
	if (!find_binary(&supervisor) || !open_loop(&supervisor, &set))
		goto done;
	if (options->handover != NULL)
		adopt(&supervisor);
	else if (!open_handover(&supervisor))
		goto done;
	open_journal(&supervisor);
	if (options->handover == NULL)
		start_edge(&supervisor, CHILD_STARTING);
	supervisor.exit_code = COMPLAIN_EXIT_DONE;
	/* What died while we became the new binary. */
	reap(&supervisor);
	if (options->handover != NULL)
		sd_notifyf(0, "READY=1\nMAINPID=%ld", (long)getpid());
	if (supervisor.wants_upgrade)
		start_upgrade(&supervisor);
	loop_run(supervisor.loop);
done:
	done(&supervisor);
	return supervisor.exit_code;
}
