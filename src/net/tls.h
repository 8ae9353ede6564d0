/*
 * TLS by OpenSSL over non-blocking sockets. Reading and writing have the results of net/tcp.h, and
 * do the handshake on their way: whoever tries both again when the socket is ready for anything
 * need not know which way the handshake waits. A connection belongs to one thread; a context may be
 * used by any.
 */
#pragma once

#include "base/buf.h"
#include "base/str.h"
#include "net/tcp.h"

/* Whom connections show, and whom they trust. */
struct tls_context;

/* TLS of one connection. */
struct tls;

enum tls_side { TLS_CLIENT, TLS_SERVER };

/*
 * For machines of one fleet, each of which shows the other who it is. `pem` has a private key
 * without a passphrase, its certificate, what lies between that and an authority, and authorities:
 * certificates that sign themselves, which that of the other side must come from. TLS 1.3. NULL,
 * and why not: a phrase behind "it ".
 */
MUST_CHECK struct tls_context *tls_context_mutual(struct str pem, struct text *ret_why);

/* Connections that were made with it go on. NULL is fine. */
void tls_context_free(struct tls_context *context);

/* The socket is connected, and stays the caller's, who closes it after tls_free. A client's peer
 * must have a certificate for `name`, a host name or an IP address; a server's is NULL. */
struct tls *tls_new(
        const struct tls_context *context, enum tls_side side, int socket, const char *name);

/*
 * A server's end of a connection of many: what is encrypted waits in a block of `buffers` for the
 * socket, so that several records leave with one call, and the socket is read only after it was
 * told that there is something (tls_ready). What was taken may not have left yet: after each write,
 * and when the socket is writable, tls_flush goes on with it.
 */
struct tls *tls_new_buffered(
        const struct tls_context *context, int socket, struct buf_pool *buffers);

/* Tells the peer that nothing more comes, if the socket takes that at once. */
void tls_close(struct tls *tls);

/* tls_close, and frees it. NULL is fine. */
void tls_free(struct tls *tls);

/* Nothing more is read or written: neither is the peer told that this is the end. */
void tls_break(struct tls *tls);

/* Buffered: what was read of the socket before there was TLS; false when there is no memory for it.
 */
MUST_CHECK bool tls_give(struct tls *tls, struct str bytes);

/* Buffered, or after tls_origin_rely: the loop reports that there is something to read, with a
 * hangup maybe. */
void tls_ready(struct tls *tls, bool has_hangup);

/* TCP_END: the peer has said that nothing more comes. One that is gone without that is TCP_RESET,
 * as is everything that breaks TLS, and a certificate that is not accepted. */
enum tcp_result tls_read(struct tls *tls, void *to, size_t size, size_t *ret_count);

/* `bytes` is not empty. After TCP_AGAIN the next call begins with the same bytes, wherever they lie
 * then, and may have more behind them. */
enum tcp_result tls_write(struct tls *tls, struct str bytes, size_t *ret_count);

/*
 * Buffered, after the handshake: the bytes of up to `count` vectors, in records as large as they
 * can be, whatever the vectors are. *ret_count, for TCP_DONE only, is what is encrypted, and may be
 * less than all: the socket takes no more now. TCP_AGAIN: nothing was taken.
 */
enum tcp_result tls_write_vectors(
        struct tls *tls, const struct iovec *vectors, int count, size_t *ret_count);

/* Buffered: sends what waits. TCP_DONE: nothing does any more. */
enum tcp_result tls_flush(struct tls *tls);

/* Buffered: whether something waits for the socket; what the socket took in all, in encrypted
 * bytes.
 */
bool tls_has_unsent(const struct tls *tls);
uint64_t tls_sent(const struct tls *tls);

/* Whether the handshake is done. */
bool tls_is_open(const struct tls *tls);

/* After TCP_RESET: why, as a phrase; as long as it lasts. */
const char *tls_why(const struct tls *tls);

/* Whether the handshake is done and the peer's certificate is for this host name or IP address. */
bool tls_peer_is(const struct tls *tls, const char *name);
