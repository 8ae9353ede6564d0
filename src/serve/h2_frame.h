/*
 * Frames of HTTP/2 (RFC 9113 sections 4, 6 and 7; RFC 9218 section 7.1): their heads, what is wrong
 * with one whatever stands in its connection, and the frames that are only a few numbers. Pure.
 */
#pragma once

#include "base/str.h"

#include <stdbool.h>
#include <stdint.h>

#define SERVE_H2_PREFACE "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"

enum {
	SERVE_H2_FRAME_HEAD_BYTES = 9,
	SERVE_H2_FRAME_BYTES = 16384, /* the largest payload that every peer takes */
	SERVE_H2_ID_MAX = INT32_MAX,  /* of a stream */
	SERVE_H2_WINDOW_MAX = INT32_MAX,
	SERVE_H2_WINDOW_BYTES = 65535, /* that each window has before anybody says anything */
};

enum serve_h2_type {
	SERVE_H2_DATA = 0x0,
	SERVE_H2_HEADERS = 0x1,
	SERVE_H2_PRIORITY = 0x2,
	SERVE_H2_RST_STREAM = 0x3,
	SERVE_H2_SETTINGS = 0x4,
	SERVE_H2_PUSH_PROMISE = 0x5,
	SERVE_H2_PING = 0x6,
	SERVE_H2_GOAWAY = 0x7,
	SERVE_H2_WINDOW_UPDATE = 0x8,
	SERVE_H2_CONTINUATION = 0x9,
	SERVE_H2_PRIORITY_UPDATE = 0x10,
};

enum serve_h2_flag {
	SERVE_H2_END_STREAM = 0x1,
	SERVE_H2_ACK = 0x1,
	SERVE_H2_END_HEADERS = 0x4,
	SERVE_H2_PADDED = 0x8,
	SERVE_H2_WITH_PRIORITY = 0x20,
};

enum serve_h2_setting {
	SERVE_H2_HEADER_TABLE_SIZE = 0x1,
	SERVE_H2_ENABLE_PUSH = 0x2,
	SERVE_H2_MAX_CONCURRENT_STREAMS = 0x3,
	SERVE_H2_INITIAL_WINDOW_SIZE = 0x4,
	SERVE_H2_MAX_FRAME_SIZE = 0x5,
	SERVE_H2_MAX_HEADER_LIST_SIZE = 0x6,
	SERVE_H2_ENABLE_CONNECT_PROTOCOL = 0x8,
	SERVE_H2_NO_RFC7540_PRIORITIES = 0x9,
};

/* Codes of RST_STREAM and GOAWAY. */
enum serve_h2_error {
	SERVE_H2_NO_ERROR = 0x0,
	SERVE_H2_PROTOCOL_ERROR = 0x1,
	SERVE_H2_INTERNAL_ERROR = 0x2,
	SERVE_H2_FLOW_CONTROL_ERROR = 0x3,
	SERVE_H2_STREAM_CLOSED = 0x5,
	SERVE_H2_FRAME_SIZE_ERROR = 0x6,
	SERVE_H2_REFUSED_STREAM = 0x7,
	SERVE_H2_CANCEL = 0x8,
	SERVE_H2_COMPRESSION_ERROR = 0x9,
	SERVE_H2_ENHANCE_YOUR_CALM = 0xb,
};

struct serve_h2_frame {
	uint32_t length; /* of the payload */
	uint32_t id;     /* of the stream; 0: the connection */
	uint8_t type, flags;
};

static inline uint32_t serve_h2_read_u32(const char *at)
{
	const unsigned char *bytes = (const unsigned char *)at;
	return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 |
	       bytes[3];
}

static inline void serve_h2_write_u32(char *to, uint32_t value)
{
	const char bytes[4] = {
	        (char)(value >> 24), (char)(value >> 16), (char)(value >> 8), (char)value};
	memcpy(to, bytes, sizeof(bytes));
}

/* A number without its first bit, which is reserved. */
static inline uint32_t serve_h2_read_u31(const char *at)
{
	return serve_h2_read_u32(at) & INT32_MAX;
}

/* SERVE_H2_FRAME_HEAD_BYTES of a frame's head. */
static inline struct serve_h2_frame serve_h2_frame_read(const char *at)
{
	return (struct serve_h2_frame){
	        .length = serve_h2_read_u32(at) >> 8,
	        .id = serve_h2_read_u31(at + 5),
	        .type = (uint8_t)at[3],
	        .flags = (uint8_t)at[4],
	};
}

static inline void serve_h2_frame_write(char *to, struct serve_h2_frame frame)
{
	serve_h2_write_u32(to, frame.length << 8 | frame.type);
	to[4] = (char)frame.flags;
	serve_h2_write_u32(to + 5, frame.id);
}

/* What is wrong with a frame that a client sends, by its head alone: an error of the connection, or
 * SERVE_H2_NO_ERROR. Of types that nobody knows only the length counts. */
enum serve_h2_error serve_h2_frame_check(const struct serve_h2_frame *frame);

/* The part of a payload, of a head or body that was checked, that is no padding and no priority
 * (RFC 9113 sections 6.1 and 6.2); false when it is shorter than its padding, an error of the
 * connection.
 */
bool serve_h2_frame_strip(const struct serve_h2_frame *frame, struct str *payload);
