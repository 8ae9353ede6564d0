/*
 * The floor of a hit by TLS, and of a handshake: what OpenSSL and the kernel take, with one thread,
 * one read and one write for 64 KB beside a shared epoll_wait. A head and the beginning of its body
 * share the first record; what follows is encrypted from where it lies, 16 KB at a time, and
 * gathers in a buffer before it is written.
 * Requests and objects are those of floor_objects.c. Tickets are OpenSSL's, as many as it gives
 * out by itself.
 *
 * Usage: floor_tls LISTEN_PORT HOST FOLDER PEM
 *            serves FOLDER's files as https://HOST/hit/NAME; PEM has the certificate and its key
 */
#include "floor_objects.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
	REQUEST_BYTES = 16384,
	RECORD_BYTES = 16384,
	GATHER_BYTES = 4 * (RECORD_BYTES + 32), /* what a record grows by is less than that */
	EVENTS = 256,
};

struct client {
	int fd;
	SSL *tls;
	bool is_gathering;                 /* its buffer is the large one */
	bool is_last;                      /* the response that is being sent */
	const struct floor_object *object; /* what is being sent; NULL between responses */
	size_t sent;                       /* of head and body */
	size_t head_bytes;
	char head[FLOOR_HEAD_MAX];
};

/* What a step of a client leads to. */
enum next { NEXT_STEP, NEXT_WAIT, NEXT_LEAVE };

static int queue;

static SSL_CTX *make_context(const char *pem)
{
	SSL_CTX *context = SSL_CTX_new(TLS_server_method());
	if (context == NULL || SSL_CTX_use_certificate_chain_file(context, pem) != 1 ||
	        SSL_CTX_use_PrivateKey_file(context, pem, SSL_FILETYPE_PEM) != 1) {
		ERR_print_errors_fp(stderr);
		exit(1);
	}
	/* What a full socket did not take may be offered again from another place. */
	SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE |
	                                  SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
	                                  SSL_MODE_RELEASE_BUFFERS | SSL_MODE_NO_AUTO_CHAIN);
	SSL_CTX_set_read_ahead(context, 1); /* else a record takes two reads */
	SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
	return context;
}

static enum next after(struct client *client, int result)
{
	int error = SSL_get_error(client->tls, result);
	ERR_clear_error();
	return error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE ? NEXT_WAIT
	                                                                     : NEXT_LEAVE;
}

static void leave(struct client *client)
{
	if (SSL_is_init_finished(client->tls))
		SSL_shutdown(client->tls);
	ERR_clear_error();
	SSL_free(client->tls);
	close(client->fd);
	free(client);
}

static enum next send_response(struct client *client)
{
	const struct floor_object *object = client->object;
	while (client->sent < client->head_bytes + object->body_bytes) {
		char record[RECORD_BYTES];
		const char *from = record;
		size_t bytes = client->head_bytes + object->body_bytes - client->sent;
		if (bytes > RECORD_BYTES)
			bytes = RECORD_BYTES;
		if (client->sent < client->head_bytes) {
			size_t of_head = client->head_bytes - client->sent;
			memcpy(record, client->head + client->sent, of_head);
			memcpy(record + of_head, object->body, bytes - of_head);
		} else {
			from = object->body + (client->sent - client->head_bytes);
		}
		int put = SSL_write(client->tls, from, (int)bytes);
		if (put <= 0)
			return after(client, put);
		client->sent += (size_t)put;
	}
	BIO *out = SSL_get_wbio(client->tls);
	if (BIO_flush(out) != 1)
		return BIO_should_retry(out) ? NEXT_WAIT : NEXT_LEAVE;
	client->object = NULL;
	return client->is_last ? NEXT_LEAVE : NEXT_STEP;
}

static enum next read_request(struct client *client)
{
	char request[REQUEST_BYTES];
	int got = SSL_read(client->tls, request, sizeof(request));
	if (got <= 0)
		return after(client, got);
	client->object = floor_parse(request, request + got, &client->is_last);
	if (client->object == NULL)
		return NEXT_LEAVE;
	client->head_bytes = (size_t)(floor_head(client->head, client->object) - client->head);
	client->sent = 0;
	if (!client->is_gathering && client->object->body_bytes > FLOOR_COPY_MAX / 2) {
		client->is_gathering = true;
		if (BIO_set_write_buffer_size(SSL_get_wbio(client->tls), GATHER_BYTES) != 1)
			floor_die("gather");
	}
	return NEXT_STEP;
}

/* Edge-triggered, and one read takes all that a client has sent: where a request has been answered,
 * or a handshake is done, only what OpenSSL still holds can be another one. */
static void serve(struct client *client, uint32_t events)
{
	enum next next = NEXT_STEP;
	bool is_told = (events & EPOLLIN) != 0;
	while (next == NEXT_STEP) {
		if (client->object != NULL) {
			next = send_response(client);
		} else if (!SSL_is_init_finished(client->tls)) {
			int result = SSL_do_handshake(client->tls);
			is_told = false;
			if (result != 1)
				next = after(client, result);
		} else if (is_told || SSL_has_pending(client->tls)) {
			is_told = false;
			next = read_request(client);
		} else {
			next = NEXT_WAIT;
		}
	}
	if (next == NEXT_LEAVE)
		leave(client);
}

/* Reads come from the socket itself; the buffer stands before it for writes alone. It has 4 KB,
 * until a response needs more. */
static SSL *make_tls(SSL_CTX *context, int fd)
{
	SSL *tls = SSL_new(context);
	BIO *plain = BIO_new_socket(fd, BIO_NOCLOSE), *gather = BIO_new(BIO_f_buffer());
	if (tls == NULL || plain == NULL || gather == NULL || BIO_up_ref(plain) != 1)
		floor_die("tls");
	SSL_set0_rbio(tls, plain);
	SSL_set0_wbio(tls, BIO_push(gather, plain));
	SSL_set_accept_state(tls);
	return tls;
}

static void greet(int listener, SSL_CTX *context)
{
	int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK), on = 1;
	if (fd < 0)
		return;
	struct client *client = calloc(1, sizeof(*client));
	if (client == NULL)
		floor_die("calloc");
	client->fd = fd;
	client->tls = make_tls(context, fd);
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	struct epoll_event event = {
	        .events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET, .data.ptr = client};
	if (epoll_ctl(queue, EPOLL_CTL_ADD, fd, &event) != 0)
		floor_die("epoll_ctl");
}

int main(int count, char **words)
{
	if (count != 5) {
		fprintf(stderr, "usage: floor_tls LISTEN_PORT HOST FOLDER PEM\n");
		return 2;
	}
	signal(SIGPIPE, SIG_IGN); /* SSL_write knows no MSG_NOSIGNAL */
	SSL_CTX *context = make_context(words[4]);
	floor_load(words[2], words[3]);
	queue = epoll_create1(0);
	int listener = floor_listen(words[1], SOCK_NONBLOCK);
	struct epoll_event event = {.events = EPOLLIN, .data.ptr = NULL};
	if (epoll_ctl(queue, EPOLL_CTL_ADD, listener, &event) != 0)
		floor_die("epoll_ctl");
	for (;;) {
		struct epoll_event events[EVENTS];
		int ready = epoll_wait(queue, events, EVENTS, -1);
		floor_note_time();
		for (int i = 0; i < ready; i++) {
			if (events[i].data.ptr != NULL)
				serve(events[i].data.ptr, events[i].events);
			else
				greet(listener, context);
		}
	}
}
