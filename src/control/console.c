/*
 * The folder is looked at every second, on a thread of its own: a disk that hangs holds up nobody.
 * When it looks otherwise than what was read, and the same twice, so that whoever builds is done,
 * it is read anew; what cannot be read leaves what was read before.
 *
 * A path that is no file is one of the console's own (it shows pages of its own under many paths),
 * and so answered with the index; but for what can only be meant for a file.
 */
#include "control/console.h"

#include "base/clock.h"
#include "base/limit.h"
#include "base/log.h"
#include "base/mem.h"
#include "control/call.h"
#include "http/accept.h"
#include "net/disk.h"

#include <string.h>

enum { LOOK_MS = 1000, RETRY_S = 1 };

struct control_console {
	struct loop *loop;
	char *folder;
	struct disk *disk;
	struct disk_operation operation;
	struct timer look;
	struct control_console_files *files; /* NULL: there are none */
	bool is_known;                       /* the folder was looked at */
	bool is_ending;
	/* of the operation: */
	struct control_console_look seen, read; /* when it was looked at last; before it was read */
	bool is_seen;
	struct control_console_files *made;
	struct text why;
	/* what was told last */
	struct text told;
};

static const char FIELDS[] =
        "Content-Security-Policy: default-src 'none'; script-src 'self'; style-src 'self'; "
        "img-src 'self' data:; font-src 'self'; connect-src 'self'; base-uri 'none'; "
        "form-action 'self'; frame-ancestors 'none'\r\n"
        "Referrer-Policy: no-referrer\r\n"
        "Cross-Origin-Opener-Policy: same-origin\r\n"
        "Cross-Origin-Resource-Policy: same-origin\r\n"
        "Permissions-Policy: camera=(), geolocation=(), microphone=(), payment=(), usb=()\r\n";

/* ---- the folder ---- */

/* On the thread: looks, and reads where that is due. */
static void run(struct disk_operation *operation)
{
	struct control_console *console =
	        container_of(operation, struct control_console, operation);
	struct control_console_look now;
	bool was_seen = console->is_seen;
	console->is_seen = control_console_files_look(console->folder, &now);
	/* Without an index it may be about to be built: what there was stays. At the start nothing
	 * is lost by reading at once. */
	bool is_first = !console->is_known;
	bool is_settled = was_seen && memcmp(&now, &console->seen, sizeof(now)) == 0;
	bool is_new = memcmp(&now, &console->read, sizeof(now)) != 0;
	console->seen = now;
	if (!is_first && !(console->is_seen && is_settled && is_new))
		return;
	console->read = now;
	text_clear(&console->why);
	console->made = control_console_files_read(console->folder, &console->why);
}

static void tell(struct control_console *console)
{
	struct text *words = &console->why;
	if (str_is_equal(text_str(words), text_str(&console->told)))
		return;
	log_info("the files of the console cannot be read: %s", text_c(words));
	text_clear(&console->told);
	text_add(&console->told, text_str(words));
}

static void on_done(struct disk_operation *operation)
{
	struct control_console *console =
	        container_of(operation, struct control_console, operation);
	console->is_known = true;
	if (console->made != NULL) {
		struct control_console_sum sum = control_console_files_sum(console->made);
		control_console_files_unref(console->files);
		console->files = console->made;
		console->made = NULL;
		text_clear(&console->told);
		log_info("the console of %s is served: %zu files, %zu bytes%s", console->folder,
		        sum.files, sum.bytes,
		        sum.left_out > 0 ? " (some are left out: they are links, or no files that "
		                           "a console has)"
		                         : "");
	} else if (console->why.len > 0) {
		tell(console);
	}
	if (!console->is_ending)
		loop_timer_start(console->loop, &console->look, clock_ms() + LOOK_MS);
}

static void begin(struct control_console *console)
{
	text_clear(&console->why);
	console->operation =
	        (struct disk_operation){.verb = DISK_CALL, .call = run, .on_done = on_done};
	disk_submit(console->disk, console->loop, &console->operation);
}

static void on_look(struct timer *timer)
{
	begin(container_of(timer, struct control_console, look));
}

struct control_console *control_console_new(struct loop *loop, const char *folder)
{
	struct control_console *console = mem_new(struct control_console);
	console->loop = loop;
	console->look.on_expire = on_look;
	if (folder == NULL) {
		console->is_known = true;
		return console;
	}
	console->folder = mem_copy(folder, strlen(folder));
	console->disk = disk_new(1);
	begin(console);
	return console;
}

void control_console_free(struct control_console *console)
{
	if (console == NULL)
		return;
	console->is_ending = true;
	loop_timer_cancel(console->loop, &console->look);
	if (console->disk != NULL) {
		disk_free(console->disk);
		/* What the thread had to say. */
		loop_turn(console->loop, 0);
	}
	control_console_files_unref(console->files);
	text_done(&console->why);
	text_done(&console->told);
	mem_free(console->folder);
	mem_free(console);
}

/* ---- requests ---- */

/* Whether the path is `first`, or below it. */
static bool is_below(struct str path, struct str first)
{
	return str_has_prefix(path, first) && (path.len == first.len || path.at[first.len] == '/');
}

bool control_console_has(const struct control_console *console, struct str path)
{
	if (path.len == 0 || path.at[0] != '/' || is_below(path, STR("/api")) ||
	        is_below(path, STR("/metrics")) || is_below(path, STR("/healthz")))
		return false;
	return path.len == 1 || (console != NULL && (console->files != NULL || !console->is_known));
}

/* Whether there must be a file: it is an asset, or a name at the top that only a file has. (Domains
 * have dots, too, but their pages lie deeper.) */
static bool is_meant_for_file(struct str path)
{
	struct str name = str_make(path.at + 1, path.len - 1);
	return is_below(path, STR("/assets")) ||
	       (str_find(name, '/') < 0 && control_console_files_is_name(name));
}

static enum control_console_coding choose(
        const struct control_console_file *file, const struct http_head *head)
{
	static const struct str NAMES[CONTROL_CONSOLE_CODINGS] = {
	        [CONTROL_CONSOLE_IDENTITY] = STR("identity"),
	        [CONTROL_CONSOLE_GZIP] = STR("gzip"),
	        [CONTROL_CONSOLE_BROTLI] = STR("br"),
	};
	enum control_console_coding best = CONTROL_CONSOLE_IDENTITY;
	unsigned most = http_accept_coding(head, NAMES[best]);
	for (unsigned i = best + 1; i < CONTROL_CONSOLE_CODINGS; i++) {
		unsigned weight = file->forms[i] == NULL ? 0 : http_accept_coding(head, NAMES[i]);
		/* The later one is the smaller one. */
		if (weight == 0 || weight < most)
			continue;
		best = (enum control_console_coding)i;
		most = weight;
	}
	return best;
}

static void answer_file(struct control_console_files *files,
        const struct control_console_file *file, bool is_asset, struct control_call *call)
{
	static const char *const CODINGS[CONTROL_CONSOLE_CODINGS] = {
	        [CONTROL_CONSOLE_GZIP] = "gzip", [CONTROL_CONSOLE_BROTLI] = "br"};
	enum control_console_coding coding = choose(file, &call->head);
	const struct control_console_file *form = file->forms[coding];
	control_call_answer_file(call, files, form, file->media);
	/* What is in its name never changes. */
	call->answer.cache = is_asset ? "public, max-age=31536000, immutable" : "no-cache";
	if (coding != CONTROL_CONSOLE_IDENTITY && call->answer.status == 200)
		control_call_add_field(call, "Content-Encoding", "%s", CODINGS[coding]);
	if (file->forms[CONTROL_CONSOLE_GZIP] != NULL ||
	        file->forms[CONTROL_CONSOLE_BROTLI] != NULL)
		control_call_add_field(call, "Vary", "Accept-Encoding");
	text_add(&call->answer.fields, STR(FIELDS));
}

static void answer_none(const struct control_console *console, struct control_call *call)
{
	struct text *to = control_call_answer(call, 404);
	call->answer.media = "text/plain; charset=utf-8";
	text_add(&call->answer.fields, STR(FIELDS));
	text_add(to, STR("This is the API of Headwater; its console is not here.\n\n"
	                 "`script/console` builds it into build/console, and the setting `console` "
	                 "names the folder\nto serve it from"));
	if (console != NULL && console->folder != NULL) {
		/* The folder is nobody's business who is not known. */
		text_add(to, STR("; the log tells why the one that is set cannot be"));
	}
	text_add(to, STR(".\nWhat the API takes and answers is told by /api/v1/openapi.yaml.\n"));
}

void control_console_answer(
        const struct control_console *console, struct str path, struct control_call *call)
{
	static const char METHODS[] = "GET, HEAD, OPTIONS";
	struct control_console_files *files = console == NULL ? NULL : console->files;
	const unsigned method = call->head.method;
	if (method == HTTP_OPTIONS) {
		control_call_answer_nothing(call);
		control_call_add_field(call, "Allow", "%s", METHODS);
	} else if (method != HTTP_GET && method != HTTP_HEAD) {
		control_call_refuse(call, CONTROL_PROBLEM_METHOD_NOT_ALLOWED,
		        "see the field Allow for those that are");
		control_call_add_field(call, "Allow", "%s", METHODS);
	} else if (files == NULL && console != NULL && !console->is_known) {
		control_call_refuse(call, CONTROL_PROBLEM_OVERLOADED,
		        "the files of the console are being read");
		control_call_add_field(call, "Retry-After", "%u", (unsigned)RETRY_S);
	} else if (files == NULL) {
		answer_none(console, call);
	} else {
		const struct control_console_file *file = control_console_files_find(files, path);
		if (file != NULL)
			answer_file(files, file, is_below(path, STR("/assets")), call);
		else if (is_meant_for_file(path))
			control_call_refuse(
			        call, CONTROL_PROBLEM_NOT_FOUND, "there is no such file");
		else
			answer_file(files, control_console_files_find(files, STR("/index.html")),
			        false, call);
	}
}
