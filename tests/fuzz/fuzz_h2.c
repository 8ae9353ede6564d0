/* fuzz: serve - whatever frames come, a session of HTTP/2 answers, waits or ends, and forgets all
 * of it */
#include "serve/h2_private.h"

#include "base/hash.h"
#include "base/mem.h"
#include "serve/tunnel.h"

#include <sys/socket.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerInitialize(int *argc, char ***argv);

enum { TURNS = 64, QUIET_TURNS = 4, BODY_BYTES = 100000 };

/* Each request is answered as its path says: '/' and a letter. */
struct exchange {
	struct list_node node;
	struct loop_task task;
	struct serve_stream *stream;
	struct world *world;
	size_t written;
	struct str pending; /* of a tunnel */
	bool has_responded, has_end;
};

struct world {
	struct serve_handler handler;
	struct serve_server *server;
	struct loop *loop;
	struct list exchanges;
	unsigned begun;
};

static char body[BODY_BYTES];

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	hash_init();
	return 0;
}

static void end(struct exchange *exchange)
{
	loop_unwake(&exchange->task);
	list_remove(&exchange->node);
	serve_stream_close(exchange->stream);
	mem_free(exchange);
}

static char letter_of(const struct exchange *exchange)
{
	struct str path = exchange->stream->target.path;
	return path.len > 1 ? path.at[1] : 'a';
}

static bool respond(struct exchange *exchange, char letter)
{
	struct serve_response response = {
	        .status = 200,
	        .added = STR("X-One: 1\r\nCache-Control: no-store\r\n"),
	        .length = letter == 'u'   ? UINT64_MAX
	                  : letter == 'l' ? BODY_BYTES
	                                  : 10,
	        .is_bodiless = exchange->stream->head.method == HTTP_HEAD,
	};
	exchange->has_responded = true;
	if (letter == 'i')
		serve_stream_interim(exchange->stream, 103, &exchange->stream->head, NULL);
	return serve_stream_respond(exchange->stream, &response);
}

/* Writes what is taken; true when all of it was. */
static bool write_body(struct exchange *exchange, char letter)
{
	size_t length = letter == 'u' || letter == 'l' ? BODY_BYTES : 10;
	if (exchange->stream->head.method == HTTP_HEAD)
		return true;
	exchange->written += serve_stream_write(
	        exchange->stream, str_make(body + exchange->written, length - exchange->written));
	return exchange->written == length;
}

/* An extended CONNECT is answered with a tunnel that echoes; true when it has ended. */
static bool echo(struct exchange *exchange)
{
	struct serve_stream *stream = exchange->stream;
	struct serve_response response = {
	        .status = 101, .upgrade = stream->protocol, .length = UINT64_MAX};
	CHECK(!stream->has_body && stream->head.method == HTTP_GET);
	if (!exchange->has_responded && !serve_stream_respond(stream, &response))
		return true;
	exchange->has_responded = true;
	while (!exchange->has_end || exchange->pending.len > 0) {
		size_t taken = 0;
		if (exchange->pending.len > 0) {
			taken = serve_tunnel_write(stream, exchange->pending);
			CHECK(taken <= exchange->pending.len);
			exchange->pending = str_make(
			        exchange->pending.at + taken, exchange->pending.len - taken);
			if (exchange->pending.len > 0)
				return stream->is_gone;
			continue;
		}
		enum serve_read read = serve_tunnel_read(stream, &exchange->pending);
		if (read == SERVE_READ_WAIT || read == SERVE_READ_FAILED)
			return read == SERVE_READ_FAILED;
		exchange->has_end = read == SERVE_READ_END;
	}
	CHECK(serve_tunnel_end(stream));
	return true;
}

static void on_run(struct loop_task *task)
{
	struct exchange *exchange = container_of(task, struct exchange, task);
	struct serve_stream *stream = exchange->stream;
	char letter = letter_of(exchange);
	struct str piece;
	if (stream->is_gone) {
		end(exchange);
		return;
	}
	if (letter == 'h')
		return;
	if (stream->protocol.len > 0) {
		if (echo(exchange))
			end(exchange);
		return;
	}
	while (letter != 'n') {
		enum serve_read read = serve_stream_read(stream, 1000, &piece);
		if (read == SERVE_READ_WAIT)
			return;
		if (read == SERVE_READ_FAILED) {
			serve_stream_error(stream, (enum fault)stream->fault, STR_EMPTY);
			end(exchange);
			return;
		}
		if (read == SERVE_READ_END)
			break;
		CHECK(piece.len > 0 && piece.len <= 1000);
	}
	CHECK(serve_stream_trailers(stream).len <= LIMIT_TRAILER_BYTES + 1024);
	if (letter == 'e') {
		serve_stream_error(stream, FAULT_OFFLINE, STR("X-Two: 2\r\n"));
		end(exchange);
		return;
	}
	if (!exchange->has_responded && !respond(exchange, letter)) {
		end(exchange);
		return;
	}
	if (letter == 'b') {
		serve_stream_abort(stream);
		end(exchange);
		return;
	}
	if (!write_body(exchange, letter))
		return;
	serve_stream_finish(stream, letter == 'u' ? &stream->head : NULL);
	end(exchange);
}

static void on_request(struct serve_handler *handler, struct serve_stream *stream)
{
	struct world *world = container_of(handler, struct world, handler);
	struct exchange *exchange = mem_new(struct exchange);
	/* What became a request is one. */
	CHECK(stream->head.is_h2 && stream->head.minor == 1);
	CHECK(stream->target.path.at[0] == '/' || stream->target.path.at[0] == '*');
	CHECK(stream->head.count <= LIMIT_HEAD_FIELDS);
	exchange->task.on_run = on_run;
	exchange->stream = stream;
	exchange->world = world;
	list_add_last(&world->exchanges, &exchange->node);
	world->begun++;
	stream->wake = &exchange->task;
	loop_wake(world->loop, &exchange->task);
}

static void on_refused(
        struct serve_handler *handler, const struct address *client, enum fault fault)
{
	(void)handler;
	(void)client;
	CHECK(fault != FAULT_NONE);
}

/* Sends what the client is to say, and takes some of what it is told. */
static void talk(struct world *world, int client, struct str said, size_t step, bool reads)
{
	static char sink[65536];
	unsigned quiet = 0;
	for (unsigned turn = 0; turn < TURNS && quiet < QUIET_TURNS; turn++) {
		size_t now = said.len < step ? said.len : step;
		if (now > 0 && send(client, said.at, now, MSG_DONTWAIT | MSG_NOSIGNAL) > 0)
			said = str_make(said.at + now, said.len - now);
		else
			quiet++;
		loop_turn(world->loop, 0);
		if (reads)
			while (recv(client, sink, sizeof(sink), MSG_DONTWAIT) > 0)
				quiet = 0;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char hello[] = SERVE_H2_PREFACE "\0\0\0\4\0\0\0\0\0";
	if (size < 2)
		return 0;
	struct mem_budget budget = {.limit = data[0] & 1 ? 1 << 20 : 64 << 20};
	struct buf_pool buffers;
	struct world world = {.handler = {.on_request = on_request, .on_refused = on_refused}};
	buf_pool_init(&buffers, &budget);
	list_init(&world.exchanges);
	world.loop = loop_new();
	struct serve_options options = {
	        .loop = world.loop,
	        .buffers = &buffers,
	        .census = serve_census_new(10, 10),
	        .handler = &world.handler,
	        .is_http2 = true,
	        .plain_h2 = SERVE_PLAIN_H2_ON,
	        .head_timeout_ms = 10000,
	        .body_timeout_ms = 10000,
	        .write_timeout_ms = 10000,
	        .keepalive_timeout_ms = 10000,
	        .head_limits = {.head_bytes = 4096, .target_bytes = 1024, .fields = 32},
	};
	world.server = serve_server_new(&options);
	int ends[2];
	CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends) == 0);
	const struct address nobody = {.ip = {0}};
	CHECK(serve_census_enter(options.census));
	serve_connection_open(
	        world.server, ends[1], &nobody, (struct serve_door){.may_be_h2 = true});
	CHECK(send(ends[0], hello, sizeof(hello) - 1, MSG_DONTWAIT) == sizeof(hello) - 1);
	size_t step = data[0] & 2 ? 7 : 65536;
	talk(&world, ends[0], str_make((const char *)data + 1, size - 1), step, !(data[0] & 4));
	if (data[0] & 8)
		serve_server_drain(world.server);
	if (data[0] & 16)
		close(ends[0]);
	loop_turn(world.loop, 0);
	loop_turn(world.loop, 0);
	CHECK(world.begun <= size);
	struct list_node *node;
	while ((node = list_first(&world.exchanges)) != NULL) {
		struct exchange *exchange = container_of(node, struct exchange, node);
		serve_stream_abort(exchange->stream);
		end(exchange);
	}
	loop_turn(world.loop, 0);
	serve_server_free(world.server);
	if (!(data[0] & 16))
		close(ends[0]);
	loop_free(world.loop);
	serve_census_free(options.census);
	buf_pool_done(&buffers);
	CHECK(atomic_load(&budget.used) == 0);
	return 0;
}
