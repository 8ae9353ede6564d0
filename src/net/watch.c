/*
 * inotify on the folders along a path.
 *
 * The path is walked from the root as the kernel would, symbolic links included. Each step leaves a
 * spot: a folder, and the name in it that the path goes through. Whatever is created, removed or
 * moved at a spot may change what the path leads to; at the last spot, the file's, a finished write
 * and new rights count as well. A folder is watched before its name is looked at, so nothing falls
 * in between. After each event that concerns a spot the walk is made again.
 *
 * A file that is being created is no news until its writer closes it, and writing puts off the call
 * that is due: nobody shall read the half of a file. A watch on the file itself would follow it to
 * wherever it is renamed, so there is none.
 *
 * Where the kernel refuses a watch on the file's folder later on, the file is looked at every
 * BLIND_MS instead.
 */
#include "net/watch.h"

#include "base/mem.h"
#include "base/str.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

/* As many links as the kernel follows, and as many spots as a path with them may sensibly have. */
enum { LINKS_MAX = 40, SPOTS_MAX = 256, BLIND_MS = 1000 };

enum {
	FOLDER_EVENTS = IN_CREATE | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO | IN_DELETE_SELF |
	                IN_MOVE_SELF | IN_ONLYDIR,
	FILE_EVENTS = FOLDER_EVENTS | IN_CLOSE_WRITE | IN_MODIFY | IN_ATTRIB,
};

struct watch_spot {
	int id; /* inotify's, of the folder; -errno where it could not be watched */
	char name[NAME_MAX + 1];
};

struct watch {
	struct loop *loop;
	struct loop_fd inotify;
	struct timer timer;
	unsigned quiet_ms;
	void (*on_change)(void *context);
	void *context;
	char *path;
	struct watch_spot *spots; /* from the root on; the last one is as far as the path leads */
	unsigned spot_count;
};

/* The way that is left to go, and where it has led so far. */
struct walk {
	char folder[PATH_MAX]; /* without links; "" is the root */
	char rest[2 * PATH_MAX];
	unsigned links;
};

/* Watches `folder` for `name` as the next spot. False when there is no more room. */
static bool add_spot(struct watch *watch, const char *folder, struct str name, uint32_t events)
{
	if (watch->spot_count == SPOTS_MAX || name.len > NAME_MAX)
		return false;
	struct watch_spot *spot = &watch->spots[watch->spot_count++];
	memcpy(spot->name, name.at, name.len);
	spot->name[name.len] = '\0';
	/* The same folder may be watched already for a link in it. */
	spot->id = inotify_add_watch(
	        watch->inotify.fd, folder[0] != '\0' ? folder : "/", events | IN_MASK_ADD);
	if (spot->id < 0)
		spot->id = -errno;
	return true;
}

/* Puts a link's target in front of the rest. False when it is too long, or one link too many. */
static bool follow_link(struct walk *walk, const char *link)
{
	char target[PATH_MAX], rest[sizeof(walk->rest)];
	ssize_t length = readlink(link, target, sizeof(target) - 1);
	if (length <= 0 || ++walk->links > LINKS_MAX)
		return false;
	target[length] = '\0';
	int size = snprintf(rest, sizeof(rest), "%s/%s", target, walk->rest);
	if (size < 0 || (size_t)size >= sizeof(rest))
		return false;
	memcpy(walk->rest, rest, (size_t)size + 1);
	if (target[0] == '/')
		walk->folder[0] = '\0';
	return true;
}

/* Takes the next name off the rest; empty at the end. */
static struct str next_name(struct walk *walk, char *to)
{
	struct str rest = str_of(walk->rest), name = STR_EMPTY;
	while (rest.len != 0 && name.len == 0)
		name = str_cut(&rest, '/');
	if (name.len > NAME_MAX)
		name.len = 0;
	if (name.len != 0)
		memcpy(to, name.at, name.len);
	to[name.len] = '\0';
	memmove(walk->rest, rest.len != 0 ? rest.at : "", rest.len);
	walk->rest[rest.len] = '\0';
	return str_make(to, name.len);
}

static void leave_folder(struct walk *walk)
{
	char *slash = strrchr(walk->folder, '/');
	if (slash != NULL)
		*slash = '\0';
}

/* Goes one name further. False at the end: the file, something missing, or a way too long. */
static bool step(struct watch *watch, struct walk *walk)
{
	char buffer[NAME_MAX + 1], whole[PATH_MAX];
	struct str name = next_name(walk, buffer);
	if (name.len == 0)
		return false;
	if (str_is_equal(name, STR(".")))
		return true;
	if (str_is_equal(name, STR(".."))) {
		leave_folder(walk);
		return true;
	}
	int length = snprintf(whole, sizeof(whole), "%s/%s", walk->folder, buffer);
	bool is_last = walk->rest[0] == '\0';
	if (length < 0 || (size_t)length >= sizeof(whole) ||
	        !add_spot(watch, walk->folder, name, is_last ? FILE_EVENTS : FOLDER_EVENTS))
		return false;
	struct stat info;
	if (lstat(whole, &info) != 0)
		return false;
	if (S_ISLNK(info.st_mode))
		return follow_link(walk, whole);
	if (!S_ISDIR(info.st_mode))
		return false;
	memcpy(walk->folder, whole, (size_t)length + 1);
	return true;
}

/* Whether one of `count` spots has this watch. */
static bool has_id(const struct watch_spot *spots, unsigned count, int id)
{
	for (unsigned i = 0; i < count; i++) {
		if (spots[i].id == id)
			return true;
	}
	return false;
}

/* Why we may miss changes: the error of the first watch that the kernel should not have refused,
 * or 0. Folders on the way may be closed to us, only the last one must not be; and one that went
 * away just now is missed at the spot above it. */
static int blindness(const struct watch *watch)
{
	for (unsigned i = 0; i < watch->spot_count; i++) {
		int error = watch->spots[i].id < 0 ? -watch->spots[i].id : 0;
		bool is_last = i == watch->spot_count - 1;
		if (error != 0 && error != ENOENT && error != ENOTDIR &&
		        (error != EACCES || is_last))
			return error;
	}
	return 0;
}

/* Walks the path and watches along it, and nothing else any more. False with errno when changes may
 * be missed. */
static bool look_along(struct watch *watch)
{
	struct watch_spot *before = watch->spots;
	unsigned before_count = watch->spot_count;
	watch->spots = mem_alloc(SPOTS_MAX * sizeof(struct watch_spot));
	watch->spot_count = 0;
	struct walk *walk = mem_new(struct walk);
	snprintf(walk->rest, sizeof(walk->rest), "%s", watch->path);
	while (step(watch, walk))
		;
	mem_free(walk);
	for (unsigned i = 0; i < before_count; i++) {
		int id = before[i].id;
		if (id >= 0 && !has_id(watch->spots, watch->spot_count, id) &&
		        !has_id(before, i, id))
			inotify_rm_watch(watch->inotify.fd, id);
	}
	mem_free(before);
	errno = blindness(watch);
	return errno == 0;
}

/* Whether a name that was just created stands for something whole: a link, hard or symbolic, or a
 * folder. A new file is whole when its writer closes it. */
static bool is_whole(const struct watch *watch)
{
	struct stat info;
	return lstat(watch->path, &info) != 0 || !S_ISREG(info.st_mode) || info.st_nlink > 1;
}

/* What an event means to us. */
enum meaning { MEANS_NOTHING, MEANS_WRITING, MEANS_CHANGE };

static enum meaning meaning_of(const struct watch *watch, const struct inotify_event *event)
{
	if (event->mask & IN_Q_OVERFLOW)
		return MEANS_CHANGE;
	for (unsigned i = 0; i < watch->spot_count; i++) {
		const struct watch_spot *spot = &watch->spots[i];
		if (spot->id != event->wd)
			continue;
		if (event->mask & (IN_DELETE_SELF | IN_MOVE_SELF | IN_IGNORED | IN_UNMOUNT))
			return MEANS_CHANGE;
		if (event->len == 0 || strcmp(event->name, spot->name) != 0)
			continue;
		bool is_last = i == watch->spot_count - 1;
		if ((event->mask & (IN_MODIFY | IN_CLOSE_WRITE | IN_ATTRIB)) && !is_last)
			continue;
		if (event->mask & IN_MODIFY)
			return MEANS_WRITING;
		if ((event->mask & IN_CREATE) && is_last && !is_whole(watch))
			return MEANS_WRITING;
		return MEANS_CHANGE;
	}
	return MEANS_NOTHING;
}

static void call_after(struct watch *watch, unsigned wait_ms)
{
	loop_timer_start(watch->loop, &watch->timer, loop_now_ms(watch->loop) + wait_ms);
}

static void on_quiet(struct timer *timer)
{
	struct watch *watch = container_of(timer, struct watch, timer);
	if (!look_along(watch))
		call_after(watch, BLIND_MS);
	watch->on_change(watch->context);
}

static void on_events(struct loop_fd *inotify, unsigned events)
{
	(void)events;
	struct watch *watch = container_of(inotify, struct watch, inotify);
	_Alignas(struct inotify_event) char bytes[4096];
	ssize_t got = read(inotify->fd, bytes, sizeof(bytes));
	enum meaning most = MEANS_NOTHING;
	for (ssize_t at = 0; at < got;) {
		const struct inotify_event *event = (const void *)(bytes + at);
		enum meaning meaning = meaning_of(watch, event);
		if (meaning > most)
			most = meaning;
		at += (ssize_t)(sizeof(*event) + event->len);
	}
	/* At once, so that what follows in the new folders is seen as well. */
	if (most == MEANS_CHANGE)
		(void)!look_along(watch);
	if (most == MEANS_CHANGE || (most == MEANS_WRITING && timer_is_running(&watch->timer)))
		call_after(watch, watch->quiet_ms);
}

/* The path from the root on, in memory of its own; NULL with errno when we are nowhere. */
static char *absolute_path(const char *path)
{
	char folder[PATH_MAX];
	if (path[0] == '/')
		return mem_copy(path, strlen(path));
	if (getcwd(folder, sizeof(folder)) == NULL)
		return NULL;
	struct text text = {0};
	text_addf(&text, "%s/%s", folder, path);
	return text.at;
}

struct watch *watch_new(struct loop *loop, const char *path, unsigned quiet_ms,
        void (*on_change)(void *context), void *context)
{
	CHECK(on_change != NULL);
	int error;
	struct watch *watch = mem_new(struct watch);
	watch->loop = loop;
	watch->quiet_ms = quiet_ms;
	watch->on_change = on_change;
	watch->context = context;
	watch->timer.on_expire = on_quiet;
	watch->inotify.on_ready = on_events;
	watch->inotify.fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	if (watch->inotify.fd < 0)
		goto fail;
	watch->path = absolute_path(path);
	if (watch->path == NULL || !look_along(watch) || !loop_add_level(loop, &watch->inotify))
		goto fail;
	return watch;
fail:
	error = errno;
	watch_free(watch);
	errno = error;
	return NULL;
}

void watch_free(struct watch *watch)
{
	if (watch == NULL)
		return;
	loop_timer_cancel(watch->loop, &watch->timer);
	loop_remove(watch->loop, &watch->inotify);
	if (watch->inotify.fd >= 0)
		close(watch->inotify.fd);
	mem_free(watch->spots);
	mem_free(watch->path);
	mem_free(watch);
}
