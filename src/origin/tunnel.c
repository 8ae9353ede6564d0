/*
 * What was received behind the head of the 101 is handed out first. A connection that breaks is
 * TRUNCATED: nobody can tell whether what came before was all.
 */
#include "origin/tunnel.h"

#include "origin/attempt_private.h"

static struct origin_attempt *check(struct origin_attempt *attempt)
{
	CHECK(attempt->is_tunnel && attempt->phase == ORIGIN_PHASE_BODY);
	return attempt;
}

enum origin_read origin_tunnel_read(struct origin_attempt *attempt, struct str *ret_data)
{
	struct buf *in = &check(attempt)->in;
	attempt->is_told = false;
	while (buf_length(in) == 0) {
		enum tcp_result result = TCP_AGAIN;
		enum fault fault = FAULT_NONE;
		if (attempt->connection->is_readable && !origin_attempt_fill(attempt, &result))
			fault = FAULT_MEMORY;
		else if (result == TCP_RESET)
			fault = FAULT_TRUNCATED;
		if (fault != FAULT_NONE) {
			origin_attempt_fail(attempt, fault);
			return ORIGIN_READ_FAILED;
		}
		if (result == TCP_DONE)
			continue;
		buf_release_if_empty(attempt->worker->buffers, in);
		return result == TCP_END ? ORIGIN_READ_END : ORIGIN_READ_WAIT;
	}
	*ret_data = buf_str(in);
	buf_drop(in, ret_data->len);
	attempt->body_bytes += ret_data->len;
	return ORIGIN_READ_DATA;
}

bool origin_tunnel_write(struct origin_attempt *attempt, struct str data, size_t *ret_taken)
{
	struct origin_connection *connection = check(attempt)->connection;
	struct iovec vector = {.iov_base = (void *)(uintptr_t)data.at, .iov_len = data.len};
	size_t count = 0;
	*ret_taken = 0;
	if (!connection->is_writable || data.len == 0)
		return true;
	switch (origin_connection_write(connection, &vector, 1, &count)) {
	case TCP_DONE:
		*ret_taken = count;
		return true;
	case TCP_AGAIN:
		return true;
	case TCP_END:
	case TCP_RESET:
		break;
	}
	origin_attempt_fail(attempt, FAULT_TRUNCATED);
	return false;
}

bool origin_tunnel_end(struct origin_attempt *attempt)
{
	return origin_connection_end(check(attempt)->connection);
}

uint64_t origin_tunnel_backlog(const struct origin_attempt *attempt)
{
	return origin_connection_backlog(attempt->connection);
}

void origin_tunnel_finish(struct origin_attempt *attempt)
{
	origin_attempt_finish(check(attempt));
}
