/*
 * Any kind of file will do, a pipe from a shell's <(...) too, so its size is not asked beforehand.
 */
#include "main/file.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

static bool read_all(int fd, size_t size_max, struct text *content)
{
	char part[65536];
	for (;;) {
		ssize_t count = read(fd, part, sizeof(part));
		if (count == 0)
			return true;
		if (count < 0 && errno == EINTR)
			continue;
		if (count < 0)
			return false;
		if ((size_t)count > size_max - content->len) {
			errno = EFBIG;
			return false;
		}
		text_add(content, str_make(part, (size_t)count));
	}
}

bool file_read(const char *path, size_t size_max, struct text *ret_content,
        struct model_problems *problems)
{
	struct text content = {0};
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	bool is_read = fd >= 0 && read_all(fd, size_max, &content);
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
