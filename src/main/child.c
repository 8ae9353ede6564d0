/*
 * fork and exec. The supervisor has one thread, so that the child may do what it likes in between.
 */
#include "main/child.h"

#include "base/log.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

void child_become(const char *path, char *const *arguments, const struct handover *handover)
{
	struct text text = {0};
	handover_print(handover, &text);
	CHECK(setenv(HANDOVER_VARIABLE, text_c(&text), 1) == 0);
	text_done(&text);
	handover_keep(handover, true);
	execv(path, arguments);

	int error = errno;
	handover_keep(handover, false);
	CHECK(unsetenv(HANDOVER_VARIABLE) == 0);
	errno = error;
}

pid_t child_start(const char *path, char *const *arguments, const struct handover *handover)
{
	enum { EXIT_NO_PROGRAM = 127 };
	pid_t pid = fork();
	if (pid != 0)
		return pid;
	/* Only the supervisor speaks to the service manager. */
	unsetenv("NOTIFY_SOCKET");
	child_become(path, arguments, handover);
	log_error("cannot start %s: %s", path, strerror(errno));
	_exit(EXIT_NO_PROGRAM);
}

void child_add_status(int status, struct text *to)
{
	if (WIFSIGNALED(status))
		text_addf(to, "signal %d (%s)", WTERMSIG(status), strsignal(WTERMSIG(status)));
	else
		text_addf(to, "exit code %d", WEXITSTATUS(status));
}
