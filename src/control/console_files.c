/*
 * Folders are walked by their descriptors, each opened by its name in the one above and only where
 * it is a folder itself; so a link leads nowhere, whatever happens meanwhile. A file that ends with
 * ".gz" or ".br" is what is compressed of the one that it is named after.
 */
#include "control/console_files.h"

#include "base/limit.h"
#include "base/mem.h"
#include "net/disk.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { HASH_BYTES = 16 };

static const struct {
	struct str extension;
	const char *media;
} TYPES[] = {
        {STR(".html"), "text/html; charset=utf-8"},
        {STR(".js"), "text/javascript; charset=utf-8"},
        {STR(".mjs"), "text/javascript; charset=utf-8"},
        {STR(".css"), "text/css; charset=utf-8"},
        {STR(".json"), "application/json"},
        {STR(".webmanifest"), "application/manifest+json"},
        {STR(".txt"), "text/plain; charset=utf-8"},
        {STR(".svg"), "image/svg+xml"},
        {STR(".png"), "image/png"},
        {STR(".jpg"), "image/jpeg"},
        {STR(".webp"), "image/webp"},
        {STR(".ico"), "image/x-icon"},
        {STR(".woff"), "font/woff"},
        {STR(".woff2"), "font/woff2"},
};

static const struct str CODED[CONTROL_CONSOLE_CODINGS] = {
        [CONTROL_CONSOLE_GZIP] = STR(".gz"),
        [CONTROL_CONSOLE_BROTLI] = STR(".br"),
};

struct control_console_files {
	atomic_uint references;
	struct control_console_file *list; /* by path */
	size_t count, capacity;
	struct control_console_sum sum;
};

/* While it is being read. */
struct reading {
	struct control_console_files *files;
	struct text *why;
	size_t names;
};

/* ---- names ---- */

static const char *media_of(struct str name)
{
	for (size_t i = 0; i < ARRAY_LENGTH(TYPES); i++)
		if (name.len > TYPES[i].extension.len && str_has_suffix(name, TYPES[i].extension))
			return TYPES[i].media;
	return NULL;
}

bool control_console_files_is_name(struct str name)
{
	return media_of(name) != NULL;
}

/* The name without what says that it is compressed; false: it does not say so. */
static bool is_coded(struct str name, struct str *ret_name)
{
	for (unsigned i = 0; i < CONTROL_CONSOLE_CODINGS; i++) {
		if (CODED[i].len == 0 || !str_has_suffix(name, CODED[i]))
			continue;
		*ret_name = str_make(name.at, name.len - CODED[i].len);
		return true;
	}
	return false;
}

/* What a bundler makes; so no path has to be decoded in order to be found. */
static bool is_good_name(struct str name)
{
	for (size_t i = 0; i < name.len; i++) {
		char c = name.at[i];
		bool is_alnum =
		        (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
		if (!is_alnum && c != '-' && c != '_' && (c != '.' || i == 0))
			return false;
	}
	return name.len > 0;
}

/* ---- reading ---- */

static bool refuse(struct reading *reading, const char *path, const char *words)
{
	text_addf(reading->why, "%s: %s", path, words);
	return false;
}

static void make_tag(struct control_console_file *file)
{
	unsigned char hash[HASH_BYTES];
	CHECK(crypto_generichash(hash, sizeof(hash), (const unsigned char *)file->bytes.at,
	              file->bytes.len, NULL, 0) == 0);
	_Static_assert(CONTROL_CONSOLE_TAG_BYTES == 2 * HASH_BYTES + 3, "quotes and a NUL");
	file->tag[0] = '"';
	sodium_bin2hex(file->tag + 1, sizeof(file->tag) - 1, hash, sizeof(hash));
	memcpy(file->tag + sizeof(file->tag) - 2, "\"", 2);
}

static struct control_console_file *add(struct control_console_files *files)
{
	if (files->count == files->capacity) {
		files->capacity = files->capacity == 0 ? 64 : 2 * files->capacity;
		files->list = mem_resize(files->list, files->capacity * sizeof(files->list[0]));
	}
	struct control_console_file *file = &files->list[files->count++];
	*file = (struct control_console_file){.media = NULL};
	return file;
}

/* A regular file that is open. */
static bool read_file(struct reading *reading, const char *path, int fd)
{
	struct control_console_files *files = reading->files;
	struct str plain = str_of(path);
	if (files->count == LIMIT_CONSOLE_FILES)
		return refuse(reading, path, "there are too many files");
	struct control_console_file *file = add(files);
	file->path = mem_copy(path, strlen(path));
	file->media = is_coded(plain, &plain) ? NULL : media_of(plain);
	if (!disk_read_whole(fd, LIMIT_CONSOLE_FILE_BYTES, &file->bytes))
		return refuse(reading, path, errno == EFBIG ? "it is too large" : strerror(errno));
	files->sum.bytes += file->bytes.len;
	files->sum.files += file->media != NULL ? 1 : 0;
	if (files->sum.bytes > LIMIT_CONSOLE_BYTES)
		return refuse(reading, path, "all files together are too large");
	make_tag(file);
	return true;
}

static bool read_folder(struct reading *reading, const char *path, int fd, unsigned depth);

/* What is in a folder under a name that is a good one. */
static bool read_entry(
        struct reading *reading, const char *path, const char *name, int folder, unsigned depth)
{
	struct str plain = str_of(name);
	struct stat info;
	/* A pipe is not waited for. */
	int fd = openat(folder, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0 && errno == ELOOP) {
		reading->files->sum.left_out++;
		return true;
	}
	if (fd < 0 || fstat(fd, &info) != 0) {
		(void)refuse(reading, path, strerror(errno));
		if (fd >= 0)
			close(fd);
		return false;
	}
	if (S_ISDIR(info.st_mode))
		return read_folder(reading, path, fd, depth + 1);
	(void)is_coded(plain, &plain);
	bool is_read = true;
	if (S_ISREG(info.st_mode) && media_of(plain) != NULL)
		is_read = read_file(reading, path, fd);
	else
		reading->files->sum.left_out++;
	close(fd);
	return is_read;
}

/* All in a folder, whose descriptor is closed then. */
static bool read_folder(struct reading *reading, const char *path, int fd, unsigned depth)
{
	char below[LIMIT_CONSOLE_PATH_BYTES + 1];
	struct dirent *entry;
	DIR *folder = depth > LIMIT_CONSOLE_FOLDERS ? NULL : fdopendir(fd);
	if (folder == NULL) {
		(void)refuse(reading, path,
		        depth > LIMIT_CONSOLE_FOLDERS ? "it lies too deep" : strerror(errno));
		close(fd);
		return false;
	}
	bool is_read = true;
	while (is_read && (entry = readdir(folder)) != NULL) {
		const char *name = entry->d_name;
		int length = snprintf(below, sizeof(below), "%s/%s", path, name);
		if (++reading->names > LIMIT_CONSOLE_NAMES)
			is_read = refuse(reading, path, "there are too many names");
		else if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
			continue;
		else if (!is_good_name(str_of(name)) || length >= (int)sizeof(below))
			reading->files->sum.left_out++;
		else
			is_read = read_entry(reading, below, name, fd, depth);
	}
	closedir(folder);
	return is_read;
}

/* ---- what was read ---- */

static int compare(const void *a, const void *b)
{
	return strcmp(((const struct control_console_file *)a)->path,
	        ((const struct control_console_file *)b)->path);
}

static const struct control_console_file *find(
        const struct control_console_files *files, const char *path)
{
	const struct control_console_file key = {.path = (char *)(uintptr_t)path};
	return files->count == 0
	               ? NULL
	               : bsearch(&key, files->list, files->count, sizeof(files->list[0]), compare);
}

/* Leads from each file to what is compressed of it. */
static void tie(struct control_console_files *files)
{
	if (files->count > 0)
		qsort(files->list, files->count, sizeof(files->list[0]), compare);
	for (size_t i = 0; i < files->count; i++) {
		struct control_console_file *file = &files->list[i];
		char path[LIMIT_CONSOLE_PATH_BYTES + 4];
		file->forms[CONTROL_CONSOLE_IDENTITY] = file;
		for (unsigned j = CONTROL_CONSOLE_IDENTITY + 1; j < CONTROL_CONSOLE_CODINGS; j++) {
			snprintf(path, sizeof(path), "%s%s", file->path, CODED[j].at);
			file->forms[j] = file->media == NULL ? NULL : find(files, path);
		}
	}
}

struct control_console_files *control_console_files_read(const char *folder, struct text *ret_why)
{
	struct control_console_files *files = mem_new(struct control_console_files);
	struct reading reading = {.files = files, .why = ret_why};
	atomic_init(&files->references, 1);
	int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	bool is_read = fd < 0 ? refuse(&reading, folder, strerror(errno))
	                      : read_folder(&reading, "", fd, 1);
	if (is_read) {
		tie(files);
		if (control_console_files_find(files, STR("/index.html")) != NULL)
			return files;
		(void)refuse(&reading, folder, "it has no index.html");
	}
	control_console_files_unref(files);
	return NULL;
}

struct control_console_files *control_console_files_ref(struct control_console_files *files)
{
	atomic_fetch_add_explicit(&files->references, 1, memory_order_relaxed);
	return files;
}

void control_console_files_unref(struct control_console_files *files)
{
	if (files == NULL ||
	        atomic_fetch_sub_explicit(&files->references, 1, memory_order_acq_rel) != 1)
		return;
	for (size_t i = 0; i < files->count; i++) {
		mem_free(files->list[i].path);
		text_done(&files->list[i].bytes);
	}
	mem_free(files->list);
	mem_free(files);
}

const struct control_console_file *control_console_files_find(
        const struct control_console_files *files, struct str path)
{
	char whole[LIMIT_CONSOLE_PATH_BYTES + 1];
	if (path.len >= sizeof(whole) || path.len == 0 || memchr(path.at, '\0', path.len) != NULL)
		return NULL;
	snprintf(whole, sizeof(whole), "%.*s", STR_ARG(path));
	const struct control_console_file *file = find(files, whole);
	return file == NULL || file->media == NULL ? NULL : file;
}

struct control_console_sum control_console_files_sum(const struct control_console_files *files)
{
	return files->sum;
}

/* ---- from outside ---- */

bool control_console_files_look(const char *folder, struct control_console_look *ret)
{
	static const char *const NAMES[] = {"/index.html", "", "/assets"};
	*ret = (struct control_console_look){0};
	for (size_t i = 0; i < ARRAY_LENGTH(NAMES); i++) {
		struct text path = {0};
		struct stat info;
		text_addf(&path, "%s%s", folder, NAMES[i]);
		int result = stat(text_c(&path), &info);
		text_done(&path);
		if (result != 0 && i == 0)
			return false;
		if (result != 0)
			continue;
		ret->of[i].device = (uint64_t)info.st_dev;
		ret->of[i].inode = (uint64_t)info.st_ino;
		ret->of[i].size = (uint64_t)info.st_size;
		ret->of[i].seconds = (uint64_t)info.st_mtim.tv_sec;
		ret->of[i].nanoseconds = (uint64_t)info.st_mtim.tv_nsec;
	}
	return true;
}
