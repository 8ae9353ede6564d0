/*
 * What is answered without an origin and without the cache: challenges of ACME, out of a folder,
 * and redirects to https.
 *
 * A file of the folder is read by a thread of the disk pool, into memory that is the reading's own:
 * whoever asked may be gone when it ends. Where there is no such file, the request goes on as all
 * others, to an origin that may know the challenge.
 */
#include "edge/request_private.h"
#include "http/status.h"
#include "http/write.h"
#include "serve/server.h"

#include "base/limit.h"
#include "base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

static const struct str CHALLENGES = STR("/.well-known/acme-challenge/");

enum { TOKEN_MAX = 128 };

struct edge_challenge {
	struct disk_operation operation;
	struct edge_request *request; /* NULL: it is gone */
	char *path;
	struct text content;
	bool is_done, is_found;
};

/* The name of the file that a request means; empty: none. RFC 8555 8.3: of base64url, so that
 * nothing else can be meant. */
static struct str token_of(const struct edge_request *request)
{
	struct str path = request->stream->target.path;
	if (!str_has_prefix(path, CHALLENGES))
		return STR_EMPTY;
	struct str token = str_make(path.at + CHALLENGES.len, path.len - CHALLENGES.len);
	if (token.len > TOKEN_MAX)
		return STR_EMPTY;
	for (size_t i = 0; i < token.len; i++) {
		char c = token.at[i];
		bool is_letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
		if (!is_letter && !(c >= '0' && c <= '9') && c != '-' && c != '_')
			return STR_EMPTY;
	}
	return token;
}

bool edge_request_is_challenge(const struct edge_request *request)
{
	const char *folder = request->worker->options->acme_dir;
	return folder != NULL && folder[0] != '\0' && edge_request_is_method_looked_up(request) &&
	       request->stream->protocol.len == 0 && token_of(request).len > 0;
}

/* On a thread of the pool. */
static void read_file(struct disk_operation *operation)
{
	struct edge_challenge *challenge =
	        container_of(operation, struct edge_challenge, operation);
	struct stat info;
	int fd = open(challenge->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (fd < 0)
		return;
	challenge->is_found = fstat(fd, &info) == 0 && S_ISREG(info.st_mode) &&
	                      disk_read_whole(fd, LIMIT_CHALLENGE_BYTES, &challenge->content) &&
	                      challenge->content.len > 0;
	close(fd);
}

static void free_challenge(struct edge_challenge *challenge)
{
	mem_free(challenge->path);
	text_done(&challenge->content);
	mem_free(challenge);
}

static void on_read(struct disk_operation *operation)
{
	struct edge_challenge *challenge =
	        container_of(operation, struct edge_challenge, operation);
	challenge->is_done = true;
	if (challenge->request == NULL)
		free_challenge(challenge);
	else
		loop_wake(challenge->request->worker->loop, &challenge->request->task);
}

void edge_request_leave_challenge(struct edge_request *request)
{
	struct edge_challenge *challenge = request->challenge;
	request->challenge = NULL;
	if (challenge == NULL)
		return;
	if (challenge->is_done)
		free_challenge(challenge);
	else
		challenge->request = NULL;
}

static void begin_challenge(struct edge_request *request)
{
	struct edge_worker *worker = request->worker;
	struct edge_challenge *challenge = mem_new(struct edge_challenge);
	struct text path = {0};
	text_addf(&path, "%s/%.*s", worker->options->acme_dir, STR_ARG(token_of(request)));
	challenge->path = mem_copy(text_c(&path), path.len);
	text_done(&path);
	challenge->request = request;
	challenge->operation =
	        (struct disk_operation){.verb = DISK_CALL, .call = read_file, .on_done = on_read};
	request->challenge = challenge;
	disk_submit(worker->disk, worker->loop, &challenge->operation);
}

/* Responds with what is ours to say, and a body in request->pending. */
static bool respond(struct edge_request *request, unsigned status, struct str lines)
{
	struct serve_stream *stream = request->stream;
	const struct serve_field fields[] = {
	        {HTTP_NAME_DATE, serve_server_date(request->worker->server)},
	        {HTTP_NAME_X_CACHE, STR("PASS")},
	};
	const struct serve_response response = {
	        .status = status,
	        .added = lines,
	        .fields = fields,
	        .field_count = ARRAY_LENGTH(fields),
	        .is_bodiless = stream->head.method == HTTP_HEAD,
	        .length = request->pending.len,
	};
	request->has_responded = true;
	if (response.is_bodiless)
		request->pending = STR_EMPTY;
	return serve_stream_respond(stream, &response);
}

/* Moves the body on; at its end the response is whole. */
static enum edge_turn send_body(struct edge_request *request)
{
	struct serve_stream *stream = request->stream;
	if (stream->is_gone) {
		request->fault = stream->fault;
		return edge_request_go(request, EDGE_REQUEST_FINISH);
	}
	if (request->pending.len > 0) {
		size_t taken = serve_stream_write(stream, request->pending);
		request->pending =
		        str_make(request->pending.at + taken, request->pending.len - taken);
		if (request->pending.len > 0)
			return stream->is_gone ? EDGE_GO : EDGE_PARK;
	}
	serve_stream_finish(stream, NULL);
	return edge_request_go(request, EDGE_REQUEST_FINISH);
}

enum edge_turn edge_request_step_CHALLENGE(struct edge_request *request)
{
	struct edge_challenge *challenge = request->challenge;
	if (request->has_responded || request->stream->is_gone)
		return send_body(request);
	if (challenge == NULL)
		begin_challenge(request);
	if (challenge == NULL || !challenge->is_done)
		return EDGE_PARK;
	if (!challenge->is_found) {
		edge_request_leave_challenge(request);
		return edge_request_go(request, EDGE_REQUEST_ROUTE);
	}
	request->pending = text_str(&challenge->content);
	if (!respond(request, 200,
	            STR("Content-Type: application/octet-stream\r\n"
	                "Cache-Control: no-store\r\n")))
		return edge_request_finish_broken(request, FAULT_MEMORY);
	return send_body(request);
}

enum edge_turn edge_request_step_REDIRECT(struct edge_request *request)
{
	struct serve_stream *stream = request->stream;
	/* OPTIONS * is about the server, and has no other URL. */
	struct str path = stream->target.path.at[0] == '/' ? stream->target.path : STR("/");
	struct str lines = arena_printf(&stream->arena, "Location: https://%.*s%.*s\r\n",
	        STR_ARG(request->host), STR_ARG(path));
	if (!respond(request, model_redirect_status(request->domain->https_redirect), lines))
		return edge_request_finish_broken(request, FAULT_MEMORY);
	return send_body(request);
}
