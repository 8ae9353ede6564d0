/*
 * A stream behind the head of a response with `upgrade`: bytes pass both ways, and are HTTP no more
 * (RFC 9110 section 7.8). Over HTTP/2 they are the content of DATA frames (RFC 8441). One thread.
 */
#pragma once

#include "serve/stream.h"

/* The next bytes of the client, whatever is there. END: it will send no more. FAILED: it is gone
 * (stream->fault), and so is the tunnel. No time is set for it: that is for who asks. */
enum serve_read serve_tunnel_read(struct serve_stream *stream, struct str *ret_data);

/* Sends bytes as far as the client takes them; returns how many were taken. Fewer than all: the
 * rest waits for stream->wake, or the client is gone (stream->is_gone). */
size_t serve_tunnel_write(struct serve_stream *stream, struct str data);

/* Tells the client that nothing more comes, once all that was written has left; what it sends can
 * still be read. False: that is to be waited for (stream->wake), and then asked again. */
bool serve_tunnel_end(struct serve_stream *stream);

/* How many bytes wait for the client to take them, in its connection's own units: one that reads is
 * told by it from one that does not. Over HTTP/2 always 0. */
uint64_t serve_tunnel_backlog(const struct serve_stream *stream);
