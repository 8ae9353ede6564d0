/*
 * Files are looked at by what the kernel says of them (inode, size, time), all together as one sum;
 * links are followed, since that is how certbot lays them out. A key and its certificate are
 * written one after the other, so what has changed is read when it has not changed any more since
 * the look before. Polling instead of watching: it is the same for every file system, mount and
 * chain of links, and a look takes but a small part of the time between two (LOOK_SHARE).
 *
 * What the control plane told lies beside it, as a list that is put there by whoever hears it, and
 * read by the thread together with the folder whenever either has changed.
 */
#include "edge/certificates.h"

#include "base/clock.h"
#include "base/hash.h"
#include "base/limit.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/thread.h"
#include "link/source.h"

#include <dirent.h>
#include <errno.h>
#include <sys/stat.h>

enum {
	LOOK_MS = 1000,
	/* A look may take this part of the time between looks. */
	LOOK_SHARE = 200,
	/* Folders in folders. */
	DEPTH_MAX = 3,
	SETTLE_MS = 10000,
	/* What is told of certificates that will expire: which ones, how often, and how many. */
	SOON_S = 14 * 86400,
	SOON_MS = 24 * 3600 * 1000,
	SOON_MAX = 20,
};

struct edge_certificates {
	char *folder;
	struct tls_shelf_slot *slot;
	struct edge_certificates_watcher *watcher;
	pthread_t thread;
	_Atomic uint32_t bell; /* the thread is to look at once */
	atomic_bool is_ending;
	uint64_t seen, read;          /* sums, of the last look and of what the slot has */
	atomic_bool is_beginning;     /* what was told may still be on its way */
	int64_t turn_s;               /* when one of them becomes valid or expires; 0: never */
	uint64_t soon_ms;             /* when it is told next what will expire */
	_Atomic uint64_t first_end_s; /* of what the slot has */
	pthread_mutex_t lock;
	struct link_certificates *told, *shown; /* NULL: none */
};

/* A walk through the folder. */
struct walk {
	uint64_t sum;
	unsigned files;
	struct tls_shelf *shelf; /* NULL: only looked at */
	struct text *troubles;
};

static bool has_ending(const char *name, const char *const *endings)
{
	const char *dot = strrchr(name, '.');
	for (; dot != NULL && *endings != NULL; endings++) {
		if (strcmp(dot, *endings) == 0)
			return true;
	}
	return false;
}

static bool is_pem(const char *name)
{
	static const char *const ENDINGS[] = {".pem", ".crt", ".cer", ".key", NULL};
	return has_ending(name, ENDINGS);
}

static bool is_staple(const char *name)
{
	static const char *const ENDINGS[] = {".ocsp", NULL};
	return has_ending(name, ENDINGS);
}

static void read_file(struct walk *walk, const char *path)
{
	struct text content = {0};
	struct link_source_stamp stamp;
	const char *why;
	if (!link_source_read(path, LIMIT_TLS_FILE_BYTES, &content, &stamp, &why)) {
		text_addf(walk->troubles, "%s cannot be read: %s\n", path, why);
		tls_shelf_miss(walk->shelf, path);
		return;
	}
	if (is_pem(path))
		tls_shelf_add(walk->shelf, path, text_str(&content), walk->troubles);
	else
		tls_shelf_add_staple(walk->shelf, path, text_str(&content), walk->troubles);
	if (content.len > 0)
		explicit_bzero(content.at, content.len);
	text_done(&content);
}

static void look_at_file(struct walk *walk, const char *path, const struct stat *info)
{
	if (++walk->files > LIMIT_TLS_FILES) {
		if (walk->shelf != NULL && walk->files == LIMIT_TLS_FILES + 1)
			text_addf(walk->troubles,
			        "%s and more are left out: there are too many files\n", path);
		return;
	}
	/* The order in which a folder lists its files is its own. */
	uint64_t sum = hash_checksum(path, strlen(path));
	sum = hash_mix(sum, (uint64_t)info->st_ino);
	sum = hash_mix(sum, (uint64_t)info->st_size);
	sum = hash_mix(sum, (uint64_t)info->st_mtim.tv_sec);
	sum = hash_mix(sum, (uint64_t)info->st_mtim.tv_nsec);
	walk->sum += sum;
	if (walk->shelf != NULL)
		read_file(walk, path);
}

static void look_at_folder(struct walk *walk, const char *path, unsigned depth)
{
	if (path[0] == '\0')
		return; /* there is none */
	DIR *folder = opendir(path);
	if (folder == NULL) {
		walk->sum += (uint64_t)errno;
		if (walk->shelf != NULL) {
			text_addf(walk->troubles, "%s cannot be read: %s\n", path, strerror(errno));
			tls_shelf_miss(walk->shelf, path);
		}
		return;
	}
	const struct dirent *entry;
	while ((entry = readdir(folder)) != NULL) {
		struct text inside = {0};
		struct stat info;
		if (entry->d_name[0] == '.')
			continue;
		text_addf(&inside, "%s/%s", path, entry->d_name);
		if (stat(text_c(&inside), &info) != 0)
			; /* it is gone, or a link to nowhere */
		else if (S_ISDIR(info.st_mode) && depth < DEPTH_MAX)
			look_at_folder(walk, text_c(&inside), depth + 1);
		else if (S_ISREG(info.st_mode) &&
		         (is_pem(entry->d_name) || is_staple(entry->d_name)))
			look_at_file(walk, text_c(&inside), &info);
		text_done(&inside);
	}
	closedir(folder);
}

/* Tells each line of it. */
static void tell(const struct text *troubles)
{
	struct str rest = text_str(troubles);
	while (rest.len > 0) {
		struct str line = str_cut(&rest, '\n');
		log_warning("certificates: %.*s", STR_ARG(line));
	}
}

/* ---- those that were told ---- */

/* The list with a reference for the caller; NULL. */
static struct link_certificates *get(
        struct edge_certificates *certificates, struct link_certificates *const *which)
{
	CHECK(pthread_mutex_lock(&certificates->lock) == 0);
	struct link_certificates *list = *which != NULL ? link_certificates_ref(*which) : NULL;
	CHECK(pthread_mutex_unlock(&certificates->lock) == 0);
	return list;
}

/* Takes the reference. */
static void set(struct edge_certificates *certificates, struct link_certificates **which,
        struct link_certificates *list)
{
	CHECK(pthread_mutex_lock(&certificates->lock) == 0);
	struct link_certificates *before = *which;
	*which = list;
	CHECK(pthread_mutex_unlock(&certificates->lock) == 0);
	link_certificates_unref(before);
}

static bool is_settled(struct edge_certificates *certificates)
{
	CHECK(pthread_mutex_lock(&certificates->lock) == 0);
	bool is_settled = certificates->told == certificates->shown;
	CHECK(pthread_mutex_unlock(&certificates->lock) == 0);
	return is_settled;
}

/* Each by itself, with its key: it is no other's chain. */
static void add_told(const struct link_certificates *list, struct walk *walk)
{
	for (size_t i = 0; i < link_certificates_count(list); i++) {
		const struct link_certificate *certificate = link_certificates_at(list, i);
		struct text pem = {0}, from = {0};
		text_addf(&from, "certificate %s of the control plane",
		        link_certificate_name(certificate));
		text_add(&pem, link_certificate_chain(certificate));
		text_add_char(&pem, '\n');
		text_add(&pem, link_certificate_key(certificate));
		tls_shelf_add(walk->shelf, text_c(&from), text_str(&pem), walk->troubles);
		explicit_bzero(pem.at, pem.len);
		text_done(&pem);
		text_done(&from);
	}
}

/* ---- what is shown ---- */

static void say_count(const struct edge_certificates *certificates, unsigned count, size_t told)
{
	const char *folder = certificates->folder;
	const bool has_folder = folder[0] != '\0';
	if (count == 0 && atomic_load(&certificates->is_beginning))
		return; /* edge_certificates_settle tells */
	if (count == 0 && has_folder)
		log_warning(
		        "certificates: there is none in %s: no client can connect by TLS", folder);
	else if (count == 0)
		log_warning("certificates: no folder is set, and the control plane has told of "
		            "none: no client can connect by TLS");
	else if (has_folder)
		log_info("certificates: %u of %s are shown, %zu of the control plane among them",
		        count, folder, told);
	else
		log_info("certificates: %u of the control plane are shown", count);
}

/* Reads all of it anew, and shows it from now on. */
static void read_all(struct edge_certificates *certificates)
{
	struct text troubles = {0};
	struct walk walk = {.shelf = tls_shelf_new(), .troubles = &troubles};
	struct link_certificates *told = get(certificates, &certificates->told);
	struct tls_shelf *before = tls_shelf_slot_get(certificates->slot);
	const int64_t now_s = (int64_t)(clock_wall_ms() / 1000);
	tls_shelf_keep(walk.shelf, before);
	tls_shelf_unref(before);
	look_at_folder(&walk, certificates->folder, 1);
	if (told != NULL)
		add_told(told, &walk);
	tls_shelf_finish(walk.shelf, now_s, &troubles);
	tell(&troubles);
	text_done(&troubles);
	unsigned count = tls_shelf_fit_count(walk.shelf);
	size_t count_told = told != NULL ? link_certificates_count(told) : 0;
	certificates->read = certificates->seen = walk.sum;
	certificates->turn_s = tls_shelf_next_turn(walk.shelf, now_s);
	atomic_store(&certificates->first_end_s, (uint64_t)tls_shelf_first_end(walk.shelf));
	tls_shelf_slot_put(certificates->slot, walk.shelf);
	say_count(certificates, count, count_told);
	set(certificates, &certificates->shown, told);
}

/* Whether one of those that lie there is valid now that was not, or the other way round. */
static bool has_turned(const struct edge_certificates *certificates)
{
	return certificates->turn_s != 0 &&
	       (int64_t)(clock_wall_ms() / 1000) >= certificates->turn_s;
}

/* Returns how long the walk took; what is read because it has changed does not count. */
static uint64_t look(struct edge_certificates *certificates)
{
	struct walk walk = {0};
	const uint64_t began_ms = clock_ms();
	look_at_folder(&walk, certificates->folder, 1);
	const uint64_t walk_ms = clock_ms() - began_ms;
	bool is_quiet = walk.sum == certificates->seen;
	certificates->seen = walk.sum;
	if (!is_settled(certificates)) {
		read_all(certificates);
		if (certificates->watcher != NULL)
			certificates->watcher->on_shown(certificates->watcher);
	} else if (is_quiet && (walk.sum != certificates->read || has_turned(certificates))) {
		read_all(certificates);
	}
	return walk_ms;
}

/* Once a day, which of them will soon be of no use. */
static void look_at_ends(struct edge_certificates *certificates)
{
	struct text lines = {0};
	const int64_t now_s = (int64_t)(clock_wall_ms() / 1000);
	if (clock_ms() < certificates->soon_ms)
		return;
	certificates->soon_ms = clock_ms() + SOON_MS;
	struct tls_shelf *shelf = tls_shelf_slot_get(certificates->slot);
	tls_shelf_tell_ends(shelf, now_s + SOON_S, SOON_MAX, now_s, &lines);
	tls_shelf_unref(shelf);
	tell(&lines);
	text_done(&lines);
}

static void *keep_looking(void *context)
{
	struct edge_certificates *certificates = context;
	uint64_t pause_ms = LOOK_MS;
	while (!atomic_load(&certificates->is_ending)) {
		thread_await(&certificates->bell, (unsigned)pause_ms);
		pause_ms = LOOK_MS + look(certificates) * LOOK_SHARE;
		look_at_ends(certificates);
	}
	return NULL;
}

/* What there is without a thread. */
static void drop(struct edge_certificates *certificates)
{
	tls_shelf_slot_free(certificates->slot);
	link_certificates_unref(certificates->told);
	link_certificates_unref(certificates->shown);
	pthread_mutex_destroy(&certificates->lock);
	mem_free(certificates->folder);
	mem_free(certificates);
}

struct edge_certificates *edge_certificates_new(
        const char *folder, struct edge_certificates_watcher *watcher)
{
	struct edge_certificates *certificates = mem_new(struct edge_certificates);
	certificates->folder = mem_copy(folder, strlen(folder));
	certificates->slot = tls_shelf_slot_new();
	certificates->watcher = watcher;
	atomic_init(&certificates->is_beginning, true);
	CHECK(pthread_mutex_init(&certificates->lock, NULL) == 0);
	read_all(certificates);
	int error = thread_start(&certificates->thread, keep_looking, certificates);
	if (error == 0)
		return certificates;
	drop(certificates);
	errno = error;
	return NULL;
}

void edge_certificates_free(struct edge_certificates *certificates)
{
	if (certificates == NULL)
		return;
	atomic_store(&certificates->is_ending, true);
	thread_ring(&certificates->bell);
	CHECK(pthread_join(certificates->thread, NULL) == 0);
	drop(certificates);
}

void edge_certificates_tell(struct edge_certificates *certificates, struct link_certificates *list)
{
	set(certificates, &certificates->told, link_certificates_ref(list));
	thread_ring(&certificates->bell);
}

void edge_certificates_settle(struct edge_certificates *certificates)
{
	const uint64_t until_ms = clock_ms() + SETTLE_MS;
	_Atomic uint32_t nobody = 0;
	while (!is_settled(certificates) && clock_ms() < until_ms)
		thread_sleep_on(&nobody, 0, 2);
	struct tls_shelf *shelf = tls_shelf_slot_get(certificates->slot);
	const unsigned count = tls_shelf_fit_count(shelf);
	tls_shelf_unref(shelf);
	if (atomic_exchange(&certificates->is_beginning, false) && count == 0)
		say_count(certificates, 0, 0);
}

struct link_certificates *edge_certificates_shown(struct edge_certificates *certificates)
{
	return get(certificates, &certificates->shown);
}

uint64_t edge_certificates_first_end_s(struct edge_certificates *certificates)
{
	return atomic_load(&certificates->first_end_s);
}

struct tls_shelf_slot *edge_certificates_slot(struct edge_certificates *certificates)
{
	return certificates->slot;
}
