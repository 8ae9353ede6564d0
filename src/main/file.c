/*
 * Any kind of file will do, a pipe from a shell's <(...) too, so its size is not asked beforehand.
 */
#include "main/file.h"

#include "net/disk.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

bool file_read(const char *path, size_t size_max, struct text *ret_content,
        struct model_problems *problems)
{
	struct text content = {0};
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	bool is_read = fd >= 0 && disk_read_whole(fd, size_max, &content);
	if (!is_read) {
		model_problems_add(
		        problems, path, 0, "", "file", "cannot be read: %s", strerror(errno));
		text_done(&content);
	}
	if (fd >= 0)
		close(fd);
	if (is_read)
		*ret_content = content;
	return is_read;
}
