/*
 * A sealed text: a byte for the version, the nonce, the ciphertext with its tag. The key file has
 * the key in hexadecimal and a line feed, so that people may copy it.
 */
#include "store/seal.h"

#include "base/mem.h"
#include "net/disk.h"

#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
	VERSION = 1,
	KEY_BYTES = crypto_aead_xchacha20poly1305_ietf_KEYBYTES,
	NONCE_BYTES = crypto_aead_xchacha20poly1305_ietf_NPUBBYTES,
	TAG_BYTES = crypto_aead_xchacha20poly1305_ietf_ABYTES,
	HEAD_BYTES = 1 + NONCE_BYTES,
	FILE_BYTES = 2 * KEY_BYTES + 1,
};

struct store_seal {
	unsigned char key[KEY_BYTES];
};

static bool refuse(const char *why, int error, const char **ret_why)
{
	*ret_why = why;
	errno = error;
	return false;
}

/* Makes the file with a new key, which is whole or not there: it gets its name at the end. */
static bool make_file(const char *path, const char **ret_why)
{
	unsigned char key[KEY_BYTES];
	char line[FILE_BYTES + 1];
	struct text temporary = {0};
	randombytes_buf(key, sizeof(key));
	sodium_bin2hex(line, sizeof(line), key, sizeof(key));
	line[FILE_BYTES - 1] = '\n';
	text_addf(&temporary, "%s.%u", path, randombytes_random());
	int fd = open(text_c(&temporary), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	bool is_made = fd >= 0 && write(fd, line, FILE_BYTES) == FILE_BYTES && fsync(fd) == 0;
	/* Not a rename: who was faster has the key. */
	is_made = is_made && (link(text_c(&temporary), path) == 0 || errno == EEXIST);
	int error = errno;
	if (fd >= 0) {
		close(fd);
		unlink(text_c(&temporary));
	}
	if (is_made && !disk_flush_folder_of(path)) {
		error = errno;
		is_made = false;
	}
	text_done(&temporary);
	sodium_memzero(key, sizeof(key));
	sodium_memzero(line, sizeof(line));
	return is_made || refuse("cannot be made", error, ret_why);
}

static bool read_key(int fd, unsigned char key[KEY_BYTES], const char **ret_why)
{
	struct stat info;
	char line[FILE_BYTES + 1];
	size_t count = 0;
	if (fstat(fd, &info) != 0)
		return refuse("cannot be read", errno, ret_why);
	if (!S_ISREG(info.st_mode))
		return refuse("is no regular file", 0, ret_why);
	if ((info.st_mode & 077) != 0)
		return refuse("may be used by others: its mode must be 0600", 0, ret_why);
	ssize_t got = read(fd, line, sizeof(line));
	if (got < 0)
		return refuse("cannot be read", errno, ret_why);
	/* The line feed may be gone. */
	size_t digits = (size_t)got - (got > 0 && line[got - 1] == '\n');
	bool is_key = digits == FILE_BYTES - 1 &&
	              sodium_hex2bin(key, KEY_BYTES, line, digits, NULL, &count, NULL) == 0;
	sodium_memzero(line, sizeof(line));
	return (is_key && count == KEY_BYTES) ||
	       refuse("has no key: 64 hexadecimal digits in one line", 0, ret_why);
}

struct store_seal *store_seal_open(const char *path, bool may_make, const char **ret_why)
{
	if (sodium_init() < 0) {
		(void)refuse("cannot be used without a source of random numbers", 0, ret_why);
		return NULL;
	}
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	if (fd < 0 && errno == ENOENT && may_make) {
		if (!make_file(path, ret_why))
			return NULL;
		fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	}
	if (fd < 0) {
		(void)refuse("cannot be read", errno, ret_why);
		return NULL;
	}
	struct store_seal *seal = mem_new(struct store_seal);
	bool is_read = read_key(fd, seal->key, ret_why);
	int error = errno;
	close(fd);
	if (!is_read) {
		store_seal_free(seal);
		errno = error;
		return NULL;
	}
	return seal;
}

void store_seal_free(struct store_seal *seal)
{
	if (seal == NULL)
		return;
	sodium_memzero(seal, sizeof(*seal));
	mem_free(seal);
}

static const unsigned char *bytes_of(struct str s)
{
	return (const unsigned char *)(s.len == 0 ? "" : s.at);
}

void store_seal_close(
        const struct store_seal *seal, struct str name, struct str text, struct text *to)
{
	size_t before = to->len;
	for (size_t i = 0; i < HEAD_BYTES + text.len + TAG_BYTES; i++)
		text_add_char(to, '\0');
	unsigned char *sealed = (unsigned char *)to->at + before;
	sealed[0] = VERSION;
	randombytes_buf(sealed + 1, NONCE_BYTES);
	crypto_aead_xchacha20poly1305_ietf_encrypt(sealed + HEAD_BYTES, NULL, bytes_of(text),
	        text.len, bytes_of(name), name.len, NULL, sealed + 1, seal->key);
}

bool store_seal_break(
        const struct store_seal *seal, struct str name, struct str sealed, struct text *to)
{
	if (sealed.len < HEAD_BYTES + TAG_BYTES || sealed.at[0] != VERSION)
		return false;
	size_t length = sealed.len - HEAD_BYTES - TAG_BYTES;
	unsigned char *plain = mem_alloc(length + 1);
	bool is_right = crypto_aead_xchacha20poly1305_ietf_decrypt(plain, NULL, NULL,
	                        bytes_of(sealed) + HEAD_BYTES, sealed.len - HEAD_BYTES,
	                        bytes_of(name), name.len, bytes_of(sealed) + 1, seal->key) == 0;
	if (is_right)
		text_add(to, str_make((const char *)plain, length));
	sodium_memzero(plain, length);
	mem_free(plain);
	return is_right;
}

void store_seal_forget(struct text *text)
{
	if (text->at != NULL)
		sodium_memzero(text->at, text->len);
	text_done(text);
}
