/*
 * One exchange: a request of a client and its answer. For exchanges.c and its steps.
 */
#pragma once

#include "control/call.h"
#include "control/events.h"
#include "control/exchanges.h"
#include "net/disk.h"
#include "serve/server.h"

enum control_exchange_step {
	CONTROL_EXCHANGE_ROUTE,   /* which operation, and who asks, as far as that is remembered */
	CONTROL_EXCHANGE_ASK,     /* the store is asked who asks */
	CONTROL_EXCHANGE_BODY,    /* the body comes in */
	CONTROL_EXCHANGE_RUN,     /* the operation runs */
	CONTROL_EXCHANGE_RESPOND, /* the answer's head */
	CONTROL_EXCHANGE_WRITE,   /* its body, as the client takes it */
	CONTROL_EXCHANGE_STREAM,  /* events behind it, as they come */
	CONTROL_EXCHANGE_ASKED,   /* whether who listens still may */
	CONTROL_EXCHANGE_FINISH
};

struct control_exchange {
	struct list_node node;
	struct control_exchanges *exchanges;
	struct serve_stream *stream;
	struct loop_task task;
	enum control_exchange_step step;
	struct control_call call;
	struct disk_operation operation;
	enum store_failure failure; /* of ASK */
	enum control_lane lane;     /* where it runs */
	bool is_running;            /* the call is another thread's */
	size_t charged;             /* of the budget for bodies */
	size_t answer_charged;      /* of that for answers */
	size_t written;             /* of the answer's body */
	/* Where the answer is a stream; of the filter, where it is one of requests. */
	struct control_tail_listener listener;
	bool is_on_log;
};

struct control_exchanges {
	struct loop *loop;
	struct control_plane *plane;
	struct mem_budget budget, body_budget, answer_budget;
	struct buf_pool buffers;
	struct serve_census *census;
	struct serve_server *server;
	struct serve_handler handler;
	struct address_prefix *trusted;
	struct disk *lanes[CONTROL_LANES];
	unsigned waiting[CONTROL_LANES]; /* operations that were given to each */
	struct list list;
	struct control_events *events;
	struct control_tail *tail;
	bool is_ending; /* nothing goes on any more */
};
