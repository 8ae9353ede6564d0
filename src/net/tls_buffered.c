/*
 * What is encrypted waits in a block, so that several records leave with one call. A block takes
 * four full records. The bytes of several vectors become one record where they fit, by a copy,
 * which costs less than a record more; what fills a record where it lies is encrypted from there.
 */
#include "net/tls_private.h"

#include <openssl/err.h>

enum {
	/* What a record grows by at most, in the AEAD suites that buffered connections have: 29 in
	   TLS 1.2, 22 in TLS 1.3. */
	RECORD_EXTRA = 32,
	RECORD_BYTES = BUF_LARGE / 4 - RECORD_EXTRA,
};

struct tls *tls_new_buffered(
        const struct tls_context *context, int socket, struct buf_pool *buffers)
{
	struct tls *tls = tls_make(context, socket);
	tls->buffers = buffers;
	tls->is_told = true;
	SSL_set_accept_state(tls->ssl);
	return tls;
}

bool tls_give(struct tls *tls, struct str bytes)
{
	return buf_add(tls->buffers, &tls->early, bytes);
}

void tls_ready(struct tls *tls, bool has_hangup)
{
	tls->is_empty = false;
	tls->has_hangup |= has_hangup;
}

enum tcp_result tls_flush(struct tls *tls)
{
	while (buf_length(&tls->out) > 0) {
		struct iovec vector = {
		        .iov_base = buf_bytes(&tls->out), .iov_len = buf_length(&tls->out)};
		size_t count;
		enum tcp_result result = tcp_write(tls->fd, &vector, 1, &count);
		if (result == TCP_AGAIN)
			return TCP_AGAIN;
		if (result != TCP_DONE) {
			tls->is_broken = true;
			buf_release(tls->buffers, &tls->out);
			return TCP_RESET;
		}
		tls->sent += count;
		buf_drop(&tls->out, count);
	}
	buf_release_if_empty(tls->buffers, &tls->out);
	return TCP_DONE;
}

uint64_t tls_sent(const struct tls *tls)
{
	return tls->sent;
}

bool tls_has_unsent(const struct tls *tls)
{
	return buf_length(&tls->out) > 0;
}

/* The plaintext that is still to be written. */
struct rest {
	const struct iovec *vectors;
	int count;
	size_t skip; /* of the first one */
	size_t bytes;
};

static void skip(struct rest *rest, size_t bytes)
{
	rest->bytes -= bytes;
	while (rest->count > 0 && bytes >= rest->vectors->iov_len - rest->skip) {
		bytes -= rest->vectors->iov_len - rest->skip;
		rest->vectors++;
		rest->count--;
		rest->skip = 0;
	}
	rest->skip += bytes;
}

/* The next bytes in one piece, at most a record: where they lie, or a copy in `to`, so that a head
 * and what follows it are one record. */
static struct str next_record(const struct rest *rest, char to[static RECORD_BYTES])
{
	size_t wanted = rest->bytes < RECORD_BYTES ? rest->bytes : RECORD_BYTES;
	const struct iovec *vector = rest->vectors;
	size_t at = rest->skip, have = 0;
	if (vector->iov_len - at >= wanted)
		return str_make((const char *)vector->iov_base + at, wanted);
	for (; have < wanted; vector++, at = 0) {
		size_t count = vector->iov_len - at;
		if (count > wanted - have)
			count = wanted - have;
		if (count > 0)
			memcpy(to + have, (const char *)vector->iov_base + at, count);
		have += count;
	}
	return str_make(to, wanted);
}

/* Encrypts one record of `bytes` into `out`; of how many of them, in *ret_written: fewer where the
 * client wants short records (max_fragment_length, RFC 6066 section 4). */
static bool put_record(struct tls *tls, struct str bytes, size_t *ret_written)
{
	size_t written;
	ERR_clear_error();
	int returned = SSL_write_ex(tls->ssl, bytes.at, bytes.len, &written);
	if (returned != 1) {
		/* The handshake was done, and a block takes every record. */
		tls->is_broken = true;
		tls_note_why(tls);
		return false;
	}
	CHECK(written > 0 && written <= bytes.len);
	*ret_written = written;
	return true;
}

/* The room that a whole write takes of a block at most. */
static size_t room_for(size_t bytes)
{
	size_t room = bytes + (bytes / RECORD_BYTES + 1) * RECORD_EXTRA;
	return room < BUF_LARGE ? room : BUF_LARGE;
}

/* Encrypts as many records as the block takes; how many bytes of them, in *taken. */
static bool put_records(struct tls *tls, struct rest *rest, size_t *taken)
{
	char scratch[RECORD_BYTES];
	while (rest->bytes > 0) {
		size_t bytes = rest->bytes < RECORD_BYTES ? rest->bytes : RECORD_BYTES;
		if (!buf_reserve(tls->buffers, &tls->out, bytes + RECORD_EXTRA))
			return tls->out.cap == BUF_LARGE; /* full, or there is no memory for more */
		size_t written;
		if (!put_record(tls, next_record(rest, scratch), &written))
			return false;
		skip(rest, written);
		*taken += written;
	}
	return true;
}

enum tcp_result tls_write_vectors(
        struct tls *tls, const struct iovec *vectors, int count, size_t *ret_count)
{
	struct rest rest = {.vectors = vectors, .count = count};
	size_t taken = 0;
	CHECK(tls->buffers != NULL);
	for (int i = 0; i < count; i++)
		rest.bytes += vectors[i].iov_len;
	if (tls->is_broken || !SSL_is_init_finished(tls->ssl))
		return TCP_RESET;
	if (tls->out.block == NULL && !buf_reserve(tls->buffers, &tls->out, room_for(rest.bytes)))
		return TCP_RESET;
	enum tcp_result result;
	do {
		if (!put_records(tls, &rest, &taken))
			return TCP_RESET;
		result = tls_flush(tls);
		if (result == TCP_RESET)
			return TCP_RESET;
	} while (result == TCP_DONE && rest.bytes > 0);
	*ret_count = taken;
	return taken > 0 ? TCP_DONE : TCP_AGAIN;
}
