/*
 * A signalfd. Blocked signals stay pending across exec, so that one that comes while the supervisor
 * executes itself anew is not lost.
 */
#include "main/signals.h"

#include <sys/signalfd.h>
#include <unistd.h>

static void on_ready(struct loop_fd *self, unsigned events)
{
	(void)events;
	struct signals *signals = container_of(self, struct signals, watched);
	struct signalfd_siginfo info;
	while (signals->watched.fd >= 0 &&
	        read(signals->watched.fd, &info, sizeof(info)) == (ssize_t)sizeof(info))
		signals->on_signal(signals, (int)info.ssi_signo);
}

void signals_block(const sigset_t *set)
{
	CHECK(sigprocmask(SIG_SETMASK, set, NULL) == 0);
	CHECK(signal(SIGPIPE, SIG_IGN) != SIG_ERR);
}

bool signals_open(struct signals *signals, const sigset_t *set, struct loop *loop)
{
	int fd = signalfd(-1, set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (fd < 0)
		return false;
	signals->watched = (struct loop_fd){.fd = fd, .on_ready = on_ready};
	if (loop_add_level(loop, &signals->watched))
		return true;
	close(fd);
	signals->watched.fd = -1;
	return false;
}

void signals_close(struct signals *signals, struct loop *loop)
{
	if (signals->watched.fd < 0)
		return;
	loop_remove(loop, &signals->watched);
	close(signals->watched.fd);
	signals->watched.fd = -1;
}
