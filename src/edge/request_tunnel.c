/*
 * TUNNEL, and what leads there: a request that changes to a protocol which its domain allows (RFC
 * 9110 section 7.8), WebSocket above all. It is passed on as any safe request, with failover, and
 * nothing of it is looked up; once an origin has answered 101, bytes pass both ways. What the
 * client has sent behind its request waits until then: with any other answer it is the next
 * request. An extended CONNECT of HTTP/2 (RFC 8441) becomes such a request, with a key of ours;
 * what it is answered must be a tunnel, or no success.
 */
#include "edge/request_private.h"
#include "edge/websocket.h"
#include "http/upgrade.h"
#include "origin/tunnel.h"
#include "serve/tunnel.h"

#include "base/limit.h"

struct str edge_request_upgrade(const struct edge_request *request)
{
	const struct serve_stream *stream = request->stream;
	const struct model_domain *domain = request->domain;
	if (stream->head.method != HTTP_GET || stream->has_body)
		return STR_EMPTY;
	int index = http_upgrade_choose(
	        &stream->head, domain->upgrade_protocols.list, domain->upgrade_protocols.count);
	return index < 0 ? STR_EMPTY : str_of(domain->upgrade_protocols.list[index]);
}

enum edge_turn edge_request_begin_upgrade(struct edge_request *request, struct str protocol)
{
	struct edge_worker *worker = request->worker;
	if (atomic_load_explicit(&worker->tunnels, memory_order_relaxed) >= LIMIT_TUNNELS)
		return edge_request_fail(request, FAULT_TUNNELS);
	atomic_fetch_add_explicit(&worker->tunnels, 1, memory_order_relaxed);
	request->upgrade = protocol;
	request->forward = HTTP_CACHE_FORWARD_BYPASS;
	return edge_request_go(request, EDGE_REQUEST_PASS);
}

enum edge_turn edge_request_begin_connect(struct edge_request *request)
{
	struct serve_stream *stream = request->stream;
	const struct model_protocols *allowed = &request->domain->upgrade_protocols;
	if (!str_is_equal_nocase(stream->protocol, STR("websocket")))
		return edge_request_fail(request, FAULT_NO_UPGRADE);
	for (unsigned i = 0; i < allowed->count; i++) {
		if (!str_is_equal_nocase(str_of(allowed->list[i]), stream->protocol))
			continue;
		request->websocket_key = edge_websocket_key(&stream->arena);
		return edge_request_begin_upgrade(request, str_of(allowed->list[i]));
	}
	return edge_request_fail(request, FAULT_NO_UPGRADE);
}

enum fault edge_request_judge_upgrade(const struct edge_request *request)
{
	enum http_framing framing;
	uint64_t length;
	const struct http_head *head = edge_fill_head(request->fill, &framing, &length);
	if (request->stream->protocol.len == 0)
		return FAULT_NONE;
	if (edge_fill_tunnel(request->fill) != NULL)
		return edge_websocket_is_accepted(head, request->websocket_key)
		               ? FAULT_NONE
		               : FAULT_NOT_UPGRADED;
	/* To a CONNECT, any 2xx would be a tunnel. */
	return head->status < 300 ? FAULT_NOT_UPGRADED : FAULT_NONE;
}

void edge_request_mark_upgrade(
        const struct edge_request *request, const struct http_head *head, uint64_t *drop)
{
	for (unsigned i = 0; request->websocket_key.len > 0 && i < head->count; i++)
		if (edge_websocket_is_accept(http_head_name(head, &head->fields[i])))
			drop[i / 64] |= UINT64_C(1) << (i % 64);
}

void edge_request_leave_upgrade(struct edge_request *request)
{
	if (request->upgrade.len == 0)
		return;
	request->upgrade = STR_EMPTY;
	atomic_fetch_sub_explicit(&request->worker->tunnels, 1, memory_order_relaxed);
}

/* ---- the client's end ---- */

static struct edge_request *of_client(struct edge_tunnel_peer *peer)
{
	return container_of(peer, struct edge_request, client_end);
}

static enum serve_read read_client(struct edge_tunnel_peer *self, struct str *ret_data)
{
	return serve_tunnel_read(of_client(self)->stream, ret_data);
}

static bool write_client(struct edge_tunnel_peer *self, struct str data, size_t *ret_taken)
{
	struct serve_stream *stream = of_client(self)->stream;
	*ret_taken = serve_tunnel_write(stream, data);
	return !stream->is_gone;
}

static bool end_client(struct edge_tunnel_peer *self)
{
	return serve_tunnel_end(of_client(self)->stream);
}

static uint64_t backlog_of_client(struct edge_tunnel_peer *self)
{
	return serve_tunnel_backlog(of_client(self)->stream);
}

/* ---- the origin's end ---- */

static struct origin_attempt *of_origin(struct edge_tunnel_peer *peer)
{
	struct edge_request *request = container_of(peer, struct edge_request, origin_end);
	return edge_fill_tunnel(request->fill);
}

static enum serve_read read_origin(struct edge_tunnel_peer *self, struct str *ret_data)
{
	switch (origin_tunnel_read(of_origin(self), ret_data)) {
	case ORIGIN_READ_DATA:
		return SERVE_READ_DATA;
	case ORIGIN_READ_WAIT:
		return SERVE_READ_WAIT;
	case ORIGIN_READ_END:
		return SERVE_READ_END;
	case ORIGIN_READ_FAILED:
		break;
	}
	return SERVE_READ_FAILED;
}

static bool write_origin(struct edge_tunnel_peer *self, struct str data, size_t *ret_taken)
{
	return origin_tunnel_write(of_origin(self), data, ret_taken);
}

static bool end_origin(struct edge_tunnel_peer *self)
{
	return origin_tunnel_end(of_origin(self));
}

static uint64_t backlog_of_origin(struct edge_tunnel_peer *self)
{
	return origin_tunnel_backlog(of_origin(self));
}

/* ---- between them ---- */

static void on_idle(struct timer *timer)
{
	struct edge_request *request = container_of(timer, struct edge_request, late_timer);
	loop_wake(request->worker->loop, &request->task);
}

/* The timer is lazy: it looks at the time when it comes. */
static void wait_while_idle(struct edge_request *request)
{
	if (!timer_is_running(&request->late_timer))
		loop_timer_start(request->worker->loop, &request->late_timer,
		        edge_tunnel_idle_at(&request->tunnel));
}

enum edge_turn edge_request_begin_tunnel(struct edge_request *request)
{
	struct loop *loop = request->worker->loop;
	request->client_end =
	        (struct edge_tunnel_peer){read_client, write_client, end_client, backlog_of_client};
	request->origin_end =
	        (struct edge_tunnel_peer){read_origin, write_origin, end_origin, backlog_of_origin};
	edge_tunnel_init(&request->tunnel, &request->client_end, &request->origin_end,
	        request->domain->upgrade_idle_timeout_ms, loop_now_ms(loop));
	loop_timer_cancel(loop, &request->late_timer);
	request->late_timer.on_expire = on_idle;
	serve_stream_flush(request->stream);
	return edge_request_go(request, EDGE_REQUEST_TUNNEL);
}

static enum edge_turn finish_gone(struct edge_request *request)
{
	request->fault = request->stream->fault;
	return edge_request_go(request, EDGE_REQUEST_FINISH);
}

/* A peer is gone: the first one is the client. */
static enum edge_turn fail(struct edge_request *request)
{
	if (request->tunnel.peers[request->tunnel.failed] == &request->client_end)
		return finish_gone(request);
	return edge_request_finish_broken(request, edge_fill_end_tunnel(request->fill));
}

/* Both have ended. */
static enum edge_turn finish(struct edge_request *request)
{
	struct serve_stream *stream = request->stream;
	origin_tunnel_finish(edge_fill_tunnel(request->fill));
	edge_fill_end_tunnel(request->fill);
	if (!stream->is_finished)
		serve_stream_finish(stream, NULL);
	return edge_request_go(request, EDGE_REQUEST_FINISH);
}

enum edge_turn edge_request_step_TUNNEL(struct edge_request *request)
{
	struct serve_stream *stream = request->stream;
	struct loop *loop = request->worker->loop;
	uint64_t now_ms = loop_now_ms(loop);
	if (stream->is_gone)
		return finish_gone(request);
	switch (edge_tunnel_pump(&request->tunnel, now_ms)) {
	case EDGE_TUNNEL_MORE:
		loop_yield(loop, &request->task);
		return EDGE_PARK;
	case EDGE_TUNNEL_DONE:
		return finish(request);
	case EDGE_TUNNEL_FAILED:
		return fail(request);
	case EDGE_TUNNEL_WAIT:
		break;
	}
	if (edge_tunnel_is_idle(&request->tunnel, now_ms)) {
		request->fault = FAULT_TUNNEL_IDLE;
		serve_stream_abort(stream);
		return edge_request_go(request, EDGE_REQUEST_FINISH);
	}
	wait_while_idle(request);
	return EDGE_PARK;
}
