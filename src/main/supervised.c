/*
 * The lifeline is a pipe that nobody writes to: it becomes readable when its other end is closed.
 */
#include "main/supervised.h"

#include "base/log.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

static void fill_set(sigset_t *set)
{
	sigemptyset(set);
	sigaddset(set, SIGTERM);
	sigaddset(set, SIGINT);
	sigaddset(set, SIGHUP);
	sigaddset(set, SIGUSR1);
}

void supervised_block(void)
{
	sigset_t set;
	fill_set(&set);
	signals_block(&set);
}

static void drain(struct supervised *supervised)
{
	supervised->is_draining = true;
	supervised->on_drain(supervised);
}

static void on_signal(struct signals *signals, int number)
{
	struct supervised *supervised = container_of(signals, struct supervised, signals);
	bool is_end = number == SIGTERM || number == SIGINT;
	if (!is_end) {
		if (number == SIGUSR1 || !supervised->is_draining)
			supervised->on_signal(supervised, number);
	} else if (supervised->is_alone) {
		drain(supervised); /* the second time ends it at once */
	} else if (number == SIGTERM && !supervised->is_draining) {
		drain(supervised);
	}
}

static void on_lifeline(struct loop_fd *self, unsigned events)
{
	(void)events;
	struct supervised *supervised = container_of(self, struct supervised, lifeline);
	char byte;
	ssize_t count = read(self->fd, &byte, 1);
	if (count != 0)
		return;
	loop_remove(supervised->loop, self);
	if (supervised->is_draining)
		return;
	log_error("the supervisor is gone; the %s drains and ends", supervised->name);
	drain(supervised);
}

bool supervised_open(
        struct supervised *supervised, struct loop *loop, const struct handover *handover)
{
	sigset_t set;
	fill_set(&set);
	supervised->signals = (struct signals){.watched = {.fd = -1}, .on_signal = on_signal};
	supervised->lifeline =
	        (struct loop_fd){.fd = handover->lifeline_read, .on_ready = on_lifeline};
	if (!signals_open(&supervised->signals, &set, loop)) {
		log_error("no descriptor for signals: %s", strerror(errno));
		return false;
	}
	supervised->loop = loop;
	if (supervised->lifeline.fd < 0 || loop_add_level(loop, &supervised->lifeline))
		return true;
	log_error("the lifeline cannot be watched: %s", strerror(errno));
	return false;
}

void supervised_close(struct supervised *supervised)
{
	if (supervised->loop == NULL)
		return;
	signals_close(&supervised->signals, supervised->loop);
	loop_remove(supervised->loop, &supervised->lifeline);
	supervised->loop = NULL;
}

void supervised_say_ready(const struct supervised *supervised, struct handover *handover)
{
	if (handover->ready < 0)
		return;
	if (write(handover->ready, "r", 1) != 1)
		log_error("the supervisor does not hear that the %s serves: %s", supervised->name,
		        strerror(errno));
	close(handover->ready);
	handover->ready = -1;
}
