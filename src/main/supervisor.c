/*
 * One thread, one loop: signals, the readiness of children, and a few timers.
 *
 * There are edges and, where the API is to be there, control processes (main/children.h). Whenever
 * the serving one of a role dies, the next is started at once on the same sockets, whose queues
 * lose nothing; only one that dies over and over is given pauses. It is executed from
 * /proc/self/exe with the settings that were good when we started: neither a half-installed binary
 * nor a half-edited file can keep the service down. What becomes of a control process is nothing to
 * an edge.
 *
 * SIGHUP: a CANDIDATE edge is started from the binary that is on disk now, with the file of
 * settings as it is now. When it serves it has proven both, and only then do the other edges leave
 * and do we execute ourselves from that binary, as the same process, so that all children stay
 * ours. A candidate that dies or takes too long changes nothing. Then the control process is told
 * to end, and another one is started when it has: two of them cannot have the store at once.
 *
 * All edges share the memory of the cache, which we hold for them (main/holding.h): what one has
 * cached is there for the next. Since it might be what kills them, they get a fresh one when they
 * die young.
 *
 * Children hold the reading end of a pipe, the lifeline, whose other end only we have: when we are
 * killed it ends, and they drain and end, since nobody would restart them.
 */
/* tidy: untested - it forks and executes the program: tests/functional/test_lifecycle.py */
#include "main/supervisor.h"

#include "base/clock.h"
#include "base/log.h"
#include "main/child.h"
#include "main/children.h"
#include "main/complain.h"
#include "main/holding.h"
#include "main/pace.h"
#include "main/signals.h"

#include <errno.h>
#include <limits.h>
#include <sys/wait.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

enum {
	CANDIDATE_MS = 10000, /* how long a new binary may take to serve */
	HURRY_MS = 5000,      /* how long after the drain's end we lose patience */
};

static const char SELF[] = "/proc/self/exe";

/* What is kept running of one role. */
struct keeper {
	struct supervisor *supervisor;
	enum child_role role;
	struct words restart, upgrade; /* the arguments of the next one, and of a candidate */
	struct timer pause;
	struct pace pace;
	bool has_served; /* one of them once did */
};

struct supervisor {
	const struct supervisor_options *options;
	struct holding holding;
	char path[PATH_MAX]; /* the binary on disk */
	/* What our edges have, and the most that one of them may have: those of the supervisor
	 * before us had that one's. */
	uint64_t drain_timeout_ms, drain_most_ms;
	struct loop *loop;
	struct signals signals;
	struct children children;
	struct keeper keepers[CHILD_ROLES];
	struct timer hurry_timer;
	struct timer tickets_timer;
	bool is_stopping;
	bool wants_upgrade; /* another one: SIGHUP came during an upgrade */
	int exit_code;
};

/* ---- keys of tickets ---- */

enum { TICKETS_LOOK_MS = 60000 };

/* The wall clock may be put back or ahead at any time, so it is looked at every minute. */
static void on_tickets(struct timer *timer)
{
	struct supervisor *supervisor = container_of(timer, struct supervisor, tickets_timer);
	int64_t now_s = (int64_t)(clock_wall_ms() / 1000);
	if (holding_rotate_tickets(&supervisor->holding, now_s) != 0)
		loop_timer_start(supervisor->loop, timer, clock_ms() + TICKETS_LOOK_MS);
}

/* ---- starting ---- */

static bool try_to_start(struct supervisor *supervisor, enum child_role role, bool is_candidate)
{
	const struct keeper *keeper = &supervisor->keepers[role];
	const struct words *arguments = is_candidate ? &keeper->upgrade : &keeper->restart;
	const struct handover handover = role == CHILD_EDGE
	                                         ? holding_for_edge(&supervisor->holding)
	                                         : holding_for_control(&supervisor->holding);
	const struct child_options options = {
	        .role = role,
	        .state = is_candidate ? CHILD_CANDIDATE : CHILD_STARTING,
	        .path = is_candidate ? supervisor->path : SELF,
	        .arguments = arguments->list,
	        .handover = &handover,
	        .serve_ms = is_candidate ? CANDIDATE_MS : 0,
	};
	return children_start(&supervisor->children, &options);
}

/* A machine that is out of something may have it again in a second. */
static void start(struct supervisor *supervisor, enum child_role role)
{
	if (!try_to_start(supervisor, role, false))
		loop_timer_start(supervisor->loop, &supervisor->keepers[role].pause,
		        clock_ms() + PACE_PAUSE_MS);
}

static void on_pause_end(struct timer *timer)
{
	struct keeper *keeper = container_of(timer, struct keeper, pause);
	start(keeper->supervisor, keeper->role);
}

/* Starts the next one, after a pause when they die too fast. */
static void restart(struct supervisor *supervisor, enum child_role role)
{
	struct keeper *keeper = &supervisor->keepers[role];
	uint64_t now_ms = clock_ms();
	/* Two of them cannot have the store: the next one comes when the other has ended. */
	if (role == CHILD_CONTROL && children_has(&supervisor->children, role))
		return;
	if (!pace_is_too_fast(&keeper->pace, now_ms)) {
		start(supervisor, role);
		return;
	}
	log_warning("%s processes die too fast; the next one waits for a second",
	        children_role_name(role));
	loop_timer_start(supervisor->loop, &keeper->pause, now_ms + PACE_PAUSE_MS);
}

static void start_upgrade(struct supervisor *supervisor)
{
	if (children_find(&supervisor->children, CHILD_EDGE, CHILD_CANDIDATE) != NULL) {
		supervisor->wants_upgrade = true;
		return;
	}
	supervisor->wants_upgrade = false;
	log_info("upgrading to %s", supervisor->path);
	sd_notifyf(0, "RELOADING=1\nMONOTONIC_USEC=%llu", (unsigned long long)clock_us());
	if (!try_to_start(supervisor, CHILD_EDGE, true))
		sd_notify(0, "READY=1");
}

/* ---- ending ---- */

static void signal_all(struct supervisor *supervisor, int number)
{
	for (enum child_role role = 0; role < CHILD_ROLES; role++)
		children_signal(&supervisor->children, role, number);
}

static void on_hurry(struct timer *timer)
{
	struct supervisor *supervisor = container_of(timer, struct supervisor, hurry_timer);
	log_error("processes do not end; they are killed");
	signal_all(supervisor, SIGKILL);
}

static void stop(struct supervisor *supervisor)
{
	if (supervisor->is_stopping) {
		signal_all(supervisor, SIGKILL);
		return;
	}
	supervisor->is_stopping = true;
	log_info("ending, when the requests in flight are done");
	sd_notify(0, "STOPPING=1");
	for (enum child_role role = 0; role < CHILD_ROLES; role++)
		loop_timer_cancel(supervisor->loop, &supervisor->keepers[role].pause);
	loop_timer_start(supervisor->loop, &supervisor->hurry_timer,
	        clock_ms() + supervisor->drain_most_ms + HURRY_MS);
	signal_all(supervisor, SIGTERM);
	if (children_is_empty(&supervisor->children))
		loop_stop(supervisor->loop);
}

/* ---- what children do ---- */

/* Becomes the new binary; returns only when that fails. */
static void become_new(struct supervisor *supervisor, const struct child *serving)
{
	const struct children *children = &supervisor->children;
	struct handover handover = supervisor->holding.handover;
	const struct child *control = children_find(children, CHILD_CONTROL, CHILD_SERVING);
	handover.edge_count =
	        children_list(children, CHILD_EDGE, serving, handover.edges, HANDOVER_EDGES);
	handover.control_count = children_list(
	        children, CHILD_CONTROL, control, handover.controls, HANDOVER_CONTROLS);
	handover.drain_timeout_ms = supervisor->drain_timeout_ms;
	if (supervisor->wants_upgrade)
		raise(SIGHUP); /* it is blocked, and waits for the one that comes */
	child_become(supervisor->path, supervisor->options->arguments, &handover);
	log_error("cannot become %s: %s; its edge serves", supervisor->path, strerror(errno));
}

static void on_edge_serving(
        struct supervisor *supervisor, struct child *child, enum child_state was, bool is_first)
{
	if (was == CHILD_CANDIDATE) {
		children_dismiss(&supervisor->children, CHILD_EDGE, child, 0);
		become_new(supervisor, child);
		sd_notify(0, "READY=1");
	} else if (is_first) {
		listeners_log(&supervisor->holding.handover.metrics, "metrics are on");
		listeners_log(&supervisor->holding.handover.secure, "TLS is on");
		listeners_log(&supervisor->holding.handover.listeners, "ready on");
		sd_notify(0, "READY=1");
	}
}

static void tell_control(const struct handover *handover)
{
	listeners_log(&handover->api, "the API is on");
	listeners_log(&handover->links, "edges of other machines connect to");
}

static void on_serving(struct children *children, struct child *child, enum child_state was)
{
	struct supervisor *supervisor = container_of(children, struct supervisor, children);
	struct keeper *keeper = &supervisor->keepers[child->role];
	bool is_first = !keeper->has_served;
	if (supervisor->is_stopping)
		return;
	keeper->has_served = true;
	if (!is_first && was == CHILD_STARTING)
		log_info("%s %d serves", children_role_name(child->role), (int)child->pid);
	if (child->role == CHILD_EDGE)
		on_edge_serving(supervisor, child, was, is_first);
	else if (is_first)
		tell_control(&supervisor->holding.handover);
}

static void on_candidate_death(struct supervisor *supervisor, const struct child_death *death)
{
	log_error("upgrade failed, what ran goes on: the new edge ended with %s", death->how);
	sd_notify(0, "READY=1");
	if (supervisor->wants_upgrade)
		start_upgrade(supervisor);
}

/* Whether it is the end of us: what is wrong from the beginning is not cured by trying again. It
 * has told what that is. Of a control process that is only a wrong use, for the edges may serve. */
static bool is_hopeless(const struct keeper *keeper, int status)
{
	if (keeper->has_served || !WIFEXITED(status) || WEXITSTATUS(status) == 0)
		return false;
	return keeper->role == CHILD_EDGE || WEXITSTATUS(status) == COMPLAIN_EXIT_USAGE;
}

static void on_unwanted_death(struct supervisor *supervisor, const struct child_death *death)
{
	const struct keeper *keeper = &supervisor->keepers[death->role];
	const char *name = children_role_name(death->role);
	if (is_hopeless(keeper, death->status)) {
		supervisor->exit_code = WEXITSTATUS(death->status);
		if (children_is_empty(&supervisor->children))
			loop_stop(supervisor->loop);
		else
			stop(supervisor);
		return;
	}
	log_error(
	        "%s %d ended with %s; the next one is started", name, (int)death->pid, death->how);
	if (death->role == CHILD_EDGE)
		holding_judge_memory(&supervisor->holding, death->lived_ms);
	restart(supervisor, death->role);
}

/* One that was told to end has made room for the next. */
static void on_leaving_death(struct supervisor *supervisor, enum child_role role)
{
	if (role == CHILD_CONTROL && holding_has_control(&supervisor->holding) &&
	        !children_has(&supervisor->children, CHILD_CONTROL))
		start(supervisor, CHILD_CONTROL);
}

static void on_death(struct children *children, const struct child_death *death)
{
	struct supervisor *supervisor = container_of(children, struct supervisor, children);
	if (supervisor->is_stopping || death->state == CHILD_LEAVING) {
		log_info("%s %d has ended with %s", children_role_name(death->role),
		        (int)death->pid, death->how);
		if (!supervisor->is_stopping)
			on_leaving_death(supervisor, death->role);
	} else if (death->state == CHILD_CANDIDATE) {
		on_candidate_death(supervisor, death);
	} else {
		on_unwanted_death(supervisor, death);
	}
	if (supervisor->is_stopping && children_is_empty(children))
		loop_stop(supervisor->loop);
}

static void on_signal(struct signals *signals, int number)
{
	struct supervisor *supervisor = container_of(signals, struct supervisor, signals);
	if (number == SIGCHLD)
		children_reap(&supervisor->children);
	else if (number == SIGUSR1)
		children_signal(&supervisor->children, CHILD_EDGE, SIGUSR1);
	else if (number == SIGTERM || number == SIGINT)
		stop(supervisor);
	else if (number == SIGHUP && !supervisor->is_stopping)
		start_upgrade(supervisor);
}

/* ---- the beginning ---- */

/* The arguments of children: those of a candidate are ours with another command. */
static void make_arguments(struct supervisor *supervisor, enum child_role role)
{
	const struct supervisor_options *options = supervisor->options;
	struct keeper *keeper = &supervisor->keepers[role];
	struct str name = str_of(options->arguments[0]), command = str_of(children_role_name(role));
	words_add(&keeper->upgrade, name);
	words_add(&keeper->upgrade, command);
	for (char *const *at = options->arguments + 2; *at != NULL; at++)
		words_add(&keeper->upgrade, str_of(*at));
	if (options->invocation == NULL) {
		for (unsigned i = 0; i < keeper->upgrade.count; i++)
			words_add(&keeper->restart, str_of(keeper->upgrade.list[i]));
		return;
	}
	words_add(&keeper->restart, name);
	words_add(&keeper->restart, command);
	invocation_add_flags(options->invocation, &keeper->restart);
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

/* A control process that was leaving is told once more, and has a deadline of ours. */
static void adopt_children(
        struct supervisor *supervisor, enum child_role role, const pid_t *pids, unsigned count)
{
	supervisor->keepers[role].has_served = true;
	for (unsigned i = 0; i < count; i++)
		children_adopt(&supervisor->children, role,
		        i == 0 || role == CHILD_CONTROL ? CHILD_SERVING : CHILD_LEAVING, pids[i]);
}

/* Takes over from the supervisor before this one. Its control process is the old binary's, unless
 * the settings that the new one would have cannot be read. */
static void adopt(struct supervisor *supervisor)
{
	const struct handover *handover = supervisor->options->handover;
	adopt_children(supervisor, CHILD_EDGE, handover->edges, handover->edge_count);
	adopt_children(supervisor, CHILD_CONTROL, handover->controls, handover->control_count);
	log_info("upgraded to version %s; edge %d serves", HEADWATER_VERSION,
	        (int)handover->edges[0]);
	supervisor->wants_upgrade = holding_adopt(&supervisor->holding, handover);
	if (supervisor->options->invocation != NULL)
		children_dismiss(&supervisor->children, CHILD_CONTROL, NULL,
		        supervisor->drain_most_ms + HURRY_MS);
	/* What died while we became the new binary. */
	children_reap(&supervisor->children);
	if (holding_has_control(&supervisor->holding) && !supervisor->is_stopping &&
	        !children_has(&supervisor->children, CHILD_CONTROL) &&
	        !timer_is_running(&supervisor->keepers[CHILD_CONTROL].pause))
		start(supervisor, CHILD_CONTROL);
	sd_notifyf(0, "READY=1\nMAINPID=%ld", (long)getpid());
}

static bool open_loop(struct supervisor *supervisor, const sigset_t *set)
{
	supervisor->loop = loop_new();
	children_init(&supervisor->children, supervisor->loop);
	if (supervisor->loop != NULL && signals_open(&supervisor->signals, set, supervisor->loop))
		return true;
	log_error("no descriptors for the supervisor: %s", strerror(errno));
	return false;
}

static void init(struct supervisor *supervisor)
{
	const struct invocation *invocation = supervisor->options->invocation;
	const struct handover *handover = supervisor->options->handover;
	const uint64_t before_ms = handover != NULL ? handover->drain_timeout_ms : 0;
	holding_init(&supervisor->holding, invocation);
	for (enum child_role role = 0; role < CHILD_ROLES; role++) {
		supervisor->keepers[role].supervisor = supervisor;
		supervisor->keepers[role].role = role;
		supervisor->keepers[role].pause.on_expire = on_pause_end;
		make_arguments(supervisor, role);
	}
	supervisor->drain_timeout_ms =
	        invocation != NULL ? invocation->settings.drain_timeout_ms : before_ms;
	supervisor->drain_most_ms =
	        supervisor->drain_timeout_ms > before_ms ? supervisor->drain_timeout_ms : before_ms;
}

static void done(struct supervisor *supervisor)
{
	children_done(&supervisor->children);
	for (enum child_role role = 0; role < CHILD_ROLES; role++) {
		words_done(&supervisor->keepers[role].restart);
		words_done(&supervisor->keepers[role].upgrade);
		if (supervisor->loop != NULL)
			loop_timer_cancel(supervisor->loop, &supervisor->keepers[role].pause);
	}
	if (supervisor->loop != NULL) {
		loop_timer_cancel(supervisor->loop, &supervisor->hurry_timer);
		loop_timer_cancel(supervisor->loop, &supervisor->tickets_timer);
		signals_close(&supervisor->signals, supervisor->loop);
		loop_free(supervisor->loop);
	}
	holding_close(&supervisor->holding);
}

int supervisor_run(const struct supervisor_options *options)
{
	struct supervisor supervisor = {
	        .options = options,
	        .signals = {.watched = {.fd = -1}, .on_signal = on_signal},
	        .children = {.on_serving = on_serving, .on_death = on_death},
	        .hurry_timer = {.on_expire = on_hurry},
	        .tickets_timer = {.on_expire = on_tickets},
	        .exit_code = COMPLAIN_EXIT_FAILED,
	};
	sigset_t set;
	CHECK(options->invocation != NULL || options->handover != NULL);
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGHUP);
	sigaddset(&set, SIGUSR1);
	sigaddset(&set, SIGCHLD);
	signals_block(&set);

	init(&supervisor);
	if (!open_loop(&supervisor, &set) || !find_binary(&supervisor) ||
	        (options->handover == NULL && !holding_open(&supervisor.holding)))
		goto done;
	supervisor.exit_code = COMPLAIN_EXIT_DONE;
	if (options->handover != NULL) {
		adopt(&supervisor);
	} else {
		start(&supervisor, CHILD_EDGE);
		if (holding_has_control(&supervisor.holding))
			start(&supervisor, CHILD_CONTROL);
	}
	on_tickets(&supervisor.tickets_timer);
	if (supervisor.wants_upgrade)
		start_upgrade(&supervisor);
	loop_run(supervisor.loop);
done:
	done(&supervisor);
	return supervisor.exit_code;
}
