/*
 * The order is that of an edge (main/run_edge.c): sockets, rights, then the control plane with its
 * threads, the filter of system calls, and serving. The store is opened with the rights that are
 * left, so that its files are the user's.
 */
/* tidy: untested - it is a whole process: tests/functional/test_control_process.py */
#include "main/run_control.h"

#include "base/log.h"
#include "base/mem.h"
#include "control/control.h"
#include "main/complain.h"
#include "main/console_folder.h"
#include "main/link_socket.h"
#include "main/sandbox.h"
#include "main/supervised.h"

#include <limits.h>
#include <unistd.h>

struct control_process {
	const struct invocation *invocation;
	struct handover handover; /* its sockets are ours in any case */
	struct supervised supervised;
	struct control *control;
};

static void on_drain(struct supervised *supervised)
{
	control_drain(container_of(supervised, struct control_process, supervised)->control);
}

/* It has neither a log file nor a file of domains that it would not see by itself. */
static void on_signal(struct supervised *supervised, int number)
{
	(void)supervised;
	(void)number;
}

static bool open_sockets(struct control_process *process)
{
	const struct settings *settings = &process->invocation->settings;
	struct text why = {0};
	if (link_socket_open(process->invocation, &process->handover.link, &why) &&
	        listeners_open(
	                &settings->api, 1, (int)settings->backlog, &process->handover.api, &why) &&
	        (!settings_has_link(settings) ||
	                listeners_open(&settings->link, 1, (int)settings->backlog,
	                        &process->handover.links, &why)))
		return true;
	log_error("%s", text_c(&why));
	text_done(&why);
	return false;
}

/* What was installed together is found together, wherever that is: the console of this program lies
 * at ../share/headwater/console from it, if there is one. */
static bool find_beside(struct text *ret_folder)
{
	char program[PATH_MAX];
	ssize_t length = readlink("/proc/self/exe", program, sizeof(program) - 1);
	if (length <= 0)
		return false;
	program[length] = '\0';
	char *slash = strrchr(program, '/');
	struct text index = {0};
	if (slash == NULL)
		return false;
	text_addf(&index, "%.*s/../share/headwater/console/index.html", (int)(slash - program),
	        program);
	bool is_there = access(text_c(&index), R_OK) == 0;
	if (is_there)
		text_add(ret_folder, str_make(index.at, index.len - strlen("/index.html")));
	text_done(&index);
	return is_there;
}

/* The folder of the console's files, maybe in `room`; NULL: none. */
static const char *console_folder(const struct settings *settings, struct text *room)
{
	if (strcmp(settings->console, "off") == 0)
		return NULL;
	if (settings->console[0] != '\0')
		return settings->console;
	return find_beside(room) ? text_c(room) : CONSOLE_FOLDER;
}

static struct control *make_control(struct control_process *process)
{
	const struct settings *settings = &process->invocation->settings;
	const bool has_file = settings->domains[0] != '\0';
	struct handover *handover = &process->handover;
	struct text store = {0}, key = {0}, reset = {0}, console = {0};
	unsigned trusted_count;
	struct address_prefix *trusted = settings_trusted(settings, &trusted_count);
	text_addf(&store, "%s/headwater.db", settings->state_dir);
	text_addf(&key, "%s/headwater.key", settings->state_dir);
	text_addf(&reset, "%s/reset-admin", settings->state_dir);
	const struct control_options options = {
	        .listeners = handover->api.sockets,
	        .listener_count = listeners_socket_count(&handover->api),
	        .link = handover->link,
	        .links = handover->links.sockets,
	        .link_count = listeners_socket_count(&handover->links),
	        .link_identity = settings->link_identity,
	        .store_path = text_c(&store),
	        .key_path = text_c(&key),
	        .reset_path = text_c(&reset),
	        .console = console_folder(settings, &console),
	        .domains = has_file ? settings->domains : NULL,
	        .trusted = trusted,
	        .trusted_count = trusted_count,
	        .rules = (enum model_rules)settings->origin_rules,
	        .drain_timeout_ms = (uint32_t)settings->drain_timeout_ms,
	};
	struct control *control = control_new(&options);
	handover->link = -1; /* it is the control's now */
	mem_free(trusted);
	text_done(&store);
	text_done(&key);
	text_done(&reset);
	text_done(&console);
	return control;
}

static void close_all(struct control_process *process)
{
	struct handover *handover = &process->handover;
	supervised_close(&process->supervised);
	control_free(process->control);
	const int descriptors[] = {handover->lifeline_read, handover->ready, handover->link};
	for (size_t i = 0; i < ARRAY_LENGTH(descriptors); i++)
		if (descriptors[i] >= 0)
			close(descriptors[i]);
	listeners_done(&handover->api);
	listeners_done(&handover->links);
}

int run_control(const struct invocation *invocation, struct handover *handover)
{
	const struct settings *settings = &invocation->settings;
	struct control_process process = {
	        .invocation = invocation,
	        .supervised =
	                {
	                        .name = "control process",
	                        .is_alone = handover == NULL,
	                        .on_drain = on_drain,
	                        .on_signal = on_signal,
	                },
	};
	int exit_code = COMPLAIN_EXIT_FAILED;
	handover_init(&process.handover);
	supervised_block();
	if (handover != NULL)
		process.handover = *handover;
	else if (!open_sockets(&process))
		goto done;
	if (settings->user[0] != '\0' && !sandbox_become(settings->user))
		goto done;
	if (settings->sandbox)
		sandbox_drop_rights();
	process.control = make_control(&process);
	if (process.control == NULL || !supervised_open(&process.supervised,
	                                       control_loop(process.control), &process.handover))
		goto done;
	if (settings->sandbox)
		sandbox_filter_calls();
	supervised_say_ready(&process.supervised, &process.handover);
	if (process.supervised.is_alone) {
		listeners_log(&process.handover.api, "the API is on");
		listeners_log(&process.handover.links, "edges of other machines connect to");
	}
	exit_code = control_run(process.control);
done:
	close_all(&process);
	return exit_code;
}
