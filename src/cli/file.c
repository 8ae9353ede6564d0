/*
 * Any kind of file is read, a pipe too, so its size is not asked beforehand. What is written stands
 * beside its place first, and is moved there once the disk has it.
 */
#include "cli/file.h"

#include "net/disk.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

bool cli_file_read(const char *path, size_t size_max, struct text *ret_content,
        struct model_problems *problems)
{
	struct text content = {0};
	bool is_standard = strcmp(path, "-") == 0;
	int fd = is_standard ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	bool is_read = fd >= 0 && disk_read_whole(fd, size_max, &content);
	if (!is_read) {
		model_problems_add(problems, is_standard ? "standard input" : path, 0, "", "file",
		        "cannot be read: %s", strerror(errno));
		text_done(&content);
	}
	if (fd >= 0 && !is_standard)
		close(fd);
	if (is_read)
		*ret_content = content;
	return is_read;
}

/* Makes the folders above a path; those that are there stay as they are. */
static bool make_folders(const char *path)
{
	struct text folder = {0};
	bool is_made = true;
	for (const char *at = strchr(path + 1, '/'); at != NULL && is_made;
	        at = strchr(at + 1, '/')) {
		text_clear(&folder);
		text_add(&folder, str_make(path, (size_t)(at - path)));
		is_made = mkdir(text_c(&folder), 0700) == 0 || errno == EEXIST;
	}
	int error = errno;
	text_done(&folder);
	errno = error;
	return is_made;
}

static bool write_all(int fd, struct str content)
{
	while (content.len != 0) {
		ssize_t count = write(fd, content.at, content.len);
		if (count < 0 && errno == EINTR)
			continue;
		if (count < 0)
			return false;
		content = str_make(content.at + count, content.len - (size_t)count);
	}
	return fsync(fd) == 0;
}

bool cli_file_write_private(const char *path, struct str content)
{
	struct text beside = {0};
	if (path[0] == '\0' || !make_folders(path))
		return false;
	text_addf(&beside, "%s.XXXXXX", path);
	int fd = mkostemp(beside.at, O_CLOEXEC); /* mode 0600 */
	bool is_written = fd >= 0 && write_all(fd, content) && rename(text_c(&beside), path) == 0;
	int error = errno;
	if (fd >= 0 && !is_written)
		unlink(text_c(&beside));
	if (fd >= 0)
		close(fd);
	text_done(&beside);
	if (is_written)
		return disk_flush_folder_of(path);
	errno = error;
	return false;
}
