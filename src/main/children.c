/*
 * A pid stays ours until we have looked how its process ended, so that no signal goes to a
 * stranger.
 */
#include "main/children.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "main/child.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

const char *children_role_name(enum child_role role)
{
	static const char *const NAMES[CHILD_ROLES] = {
	        [CHILD_EDGE] = "edge", [CHILD_CONTROL] = "control"};
	return NAMES[role];
}

static struct child *child_of(struct list_node *node)
{
	return container_of(node, struct child, node);
}

void children_init(struct children *children, struct loop *loop)
{
	children->loop = loop;
	list_init(&children->list);
}

static void close_ready(struct child *child)
{
	if (child->ready.fd < 0)
		return;
	loop_remove(child->children->loop, &child->ready);
	close(child->ready.fd);
	child->ready.fd = -1;
}

static void free_child(struct child *child)
{
	loop_timer_cancel(child->children->loop, &child->deadline);
	close_ready(child);
	list_remove(&child->node);
	mem_free(child);
}

void children_done(struct children *children)
{
	list_each_safe (node, following, &children->list)
		free_child(child_of(node));
}

static void on_ready_pipe(struct loop_fd *self, unsigned events)
{
	(void)events;
	struct child *child = container_of(self, struct child, ready);
	struct children *children = child->children;
	enum child_state was = child->state;
	char byte;
	ssize_t count = read(self->fd, &byte, 1);
	if (count < 0 && (errno == EINTR || errno == EAGAIN))
		return;
	/* Without a word its death is near, and will be told by SIGCHLD. */
	close_ready(child);
	if (count != 1 || was == CHILD_LEAVING)
		return;
	loop_timer_cancel(children->loop, &child->deadline);
	child->state = CHILD_SERVING;
	children->on_serving(children, child, was);
}

static void on_deadline(struct timer *timer)
{
	struct child *child = container_of(timer, struct child, deadline);
	child->is_late = true;
	kill(child->pid, SIGKILL);
}

static struct child *add_child(
        struct children *children, enum child_role role, enum child_state state, pid_t pid)
{
	struct child *child = mem_new(struct child);
	child->children = children;
	child->role = role;
	child->state = state;
	child->pid = pid;
	child->started_ms = clock_ms();
	child->ready.fd = -1;
	child->deadline.on_expire = on_deadline;
	list_add_last(&children->list, &child->node);
	return child;
}

void children_adopt(
        struct children *children, enum child_role role, enum child_state state, pid_t pid)
{
	add_child(children, role, state, pid);
}

bool children_start(struct children *children, const struct child_options *options)
{
	const char *name = children_role_name(options->role);
	int ends[2];
	if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) != 0) {
		log_error("no pipe for a process (%s): %s", name, strerror(errno));
		return false;
	}
	struct handover handover = *options->handover;
	handover.ready = ends[1];
	/* It is watched before there is somebody that could be left alone. */
	struct child *child = add_child(children, options->role, options->state, -1);
	child->ready = (struct loop_fd){.fd = ends[0], .on_ready = on_ready_pipe};
	if (loop_add_level(children->loop, &child->ready))
		child->pid = child_start(options->path, options->arguments, &handover);
	int error = errno;
	close(ends[1]);
	if (child->pid < 0) {
		log_error("no process (%s): %s", name, strerror(error));
		free_child(child);
		return false;
	}
	if (options->serve_ms > 0)
		loop_timer_start(children->loop, &child->deadline, clock_ms() + options->serve_ms);
	return true;
}

struct child *children_find(
        const struct children *children, enum child_role role, enum child_state state)
{
	list_each (node, &children->list) {
		struct child *child = child_of(node);
		if (child->role == role && child->state == state)
			return child;
	}
	return NULL;
}

bool children_has(const struct children *children, enum child_role role)
{
	list_each (node, &children->list)
		if (child_of(node)->role == role)
			return true;
	return false;
}

bool children_is_empty(const struct children *children)
{
	return list_is_empty(&children->list);
}

unsigned children_list(const struct children *children, enum child_role role,
        const struct child *first, pid_t *pids, unsigned max)
{
	unsigned count = 0;
	if (first != NULL && first->role == role && max > 0)
		pids[count++] = first->pid;
	list_each (node, &children->list) {
		const struct child *child = child_of(node);
		if (child->role == role && child != first && count < max)
			pids[count++] = child->pid;
	}
	return count;
}

void children_signal(const struct children *children, enum child_role role, int number)
{
	list_each (node, &children->list)
		if (child_of(node)->role == role)
			kill(child_of(node)->pid, number);
}

void children_dismiss(struct children *children, enum child_role role,
        const struct child *successor, uint64_t leave_ms)
{
	list_each (node, &children->list) {
		struct child *child = child_of(node);
		if (child->role != role || child == successor || child->state == CHILD_LEAVING)
			continue;
		child->state = CHILD_LEAVING;
		loop_timer_cancel(children->loop, &child->deadline);
		if (leave_ms > 0)
			loop_timer_start(children->loop, &child->deadline, clock_ms() + leave_ms);
		kill(child->pid, SIGTERM);
	}
}

static void bury(struct child *child, int status)
{
	struct children *children = child->children;
	struct text how = {0};
	struct child_death death = {
	        .role = child->role,
	        .state = child->state,
	        .pid = child->pid,
	        .status = status,
	        .lived_ms = clock_ms() - child->started_ms,
	};
	child_add_status(status, &how);
	if (child->is_late)
		text_addf(&how, ", after it took too long to %s",
		        child->state == CHILD_LEAVING ? "end" : "serve");
	death.how = text_c(&how);
	free_child(child);
	children->on_death(children, &death);
	text_done(&how);
}

void children_reap(struct children *children)
{
	int status;
	pid_t pid;
	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		list_each_safe (node, following, &children->list) {
			if (child_of(node)->pid != pid)
				continue;
			bury(child_of(node), status);
			break;
		}
	}
}
