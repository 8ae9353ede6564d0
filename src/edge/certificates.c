/*
 * Files are looked at by what the kernel says of them (inode, size, time), all together as one sum;
 * links are followed, since that is how certbot lays them out. A key and its certificate are
 * written one after the other, so what has changed is read when it has not changed any more since
 * the look before. Polling instead of watching: it is the same for every file system, mount and
 * chain of links, and costs less than a thousandth of a core.
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
};

struct edge_certificates {
	char *folder;
	struct tls_shelf_slot *slot;
	pthread_t thread;
	_Atomic uint32_t is_ending;
	uint64_t seen, read; /* sums, of the last look and of what the slot has */
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
	DIR *folder = opendir(path);
	if (folder == NULL) {
		walk->sum += (uint64_t)errno;
		if (walk->shelf != NULL)
			text_addf(walk->troubles, "%s cannot be read: %s\n", path, strerror(errno));
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

/* Reads all of it anew, and shows it from now on. */
static void read_all(struct edge_certificates *certificates)
{
	struct text troubles = {0};
	struct walk walk = {.shelf = tls_shelf_new(), .troubles = &troubles};
	look_at_folder(&walk, certificates->folder, 1);
	tls_shelf_finish(walk.shelf, (int64_t)(clock_wall_ms() / 1000), &troubles);
	tell(&troubles);
	text_done(&troubles);
	unsigned count = tls_shelf_count(walk.shelf);
	if (count == 0)
		log_warning("certificates: there is none in %s: no client can connect by TLS",
		        certificates->folder);
	else
		log_info("certificates: %u of %s are shown", count, certificates->folder);
	certificates->read = certificates->seen = walk.sum;
	tls_shelf_slot_put(certificates->slot, walk.shelf);
}

static void look(struct edge_certificates *certificates)
{
	struct walk walk = {0};
	look_at_folder(&walk, certificates->folder, 1);
	bool is_quiet = walk.sum == certificates->seen;
	certificates->seen = walk.sum;
	if (is_quiet && walk.sum != certificates->read)
		read_all(certificates);
}

static void *keep_looking(void *context)
{
	struct edge_certificates *certificates = context;
	uint64_t pause_ms = LOOK_MS;
	while (atomic_load_explicit(&certificates->is_ending, memory_order_acquire) == 0) {
		thread_sleep_on(&certificates->is_ending, 0, (unsigned)pause_ms);
		uint64_t began_ms = clock_ms();
		look(certificates);
		pause_ms = LOOK_MS + (clock_ms() - began_ms) * LOOK_SHARE;
	}
	return NULL;
}

struct edge_certificates *edge_certificates_new(const char *folder)
{
	struct edge_certificates *certificates = mem_new(struct edge_certificates);
	certificates->folder = mem_copy(folder, strlen(folder));
	certificates->slot = tls_shelf_slot_new();
	if (folder[0] == '\0') {
		log_warning("certificates: no folder is set: no client can connect by TLS");
		return certificates;
	}
	read_all(certificates);
	int error = thread_start(&certificates->thread, keep_looking, certificates);
	if (error == 0)
		return certificates;
	tls_shelf_slot_free(certificates->slot);
	mem_free(certificates->folder);
	mem_free(certificates);
	errno = error;
	return NULL;
}

void edge_certificates_free(struct edge_certificates *certificates)
{
	if (certificates == NULL)
		return;
	if (certificates->folder[0] != '\0') {
		atomic_store_explicit(&certificates->is_ending, 1, memory_order_release);
		thread_wake_all(&certificates->is_ending);
		CHECK(pthread_join(certificates->thread, NULL) == 0);
	}
	tls_shelf_slot_free(certificates->slot);
	mem_free(certificates->folder);
	mem_free(certificates);
}

struct tls_shelf_slot *edge_certificates_slot(struct edge_certificates *certificates)
{
	return certificates->slot;
}
